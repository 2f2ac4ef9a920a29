/* seccomp, keyrings and BPF: see os_security.h. */
#include "os/os_security.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "os/os_priv.h"

int os_seccomp(unsigned operation, unsigned flags, void *args)
{
    return (int)OS_CALL(syscall(SYS_seccomp, operation, flags, args));
}

long os_keyctl(int operation, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return OS_CALL(syscall(SYS_keyctl, operation, a, b, c, d));
}

int os_bpf(int command, union bpf_attr *attr, size_t size)
{
    return (int)OS_CALL(syscall(SYS_bpf, command, attr, size));
}
