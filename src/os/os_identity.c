/* What a process is and may do: see os_identity.h. */
#include "os/os_identity.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "os/os_priv.h"

uid_t os_geteuid(void)
{
    return geteuid();
}

gid_t os_getegid(void)
{
    return getegid();
}

int os_setresuid(uid_t real, uid_t effective, uid_t saved)
{
    return (int)OS_CALL(syscall(SYS_setresuid, real, effective, saved));
}

int os_setresgid(gid_t real, gid_t effective, gid_t saved)
{
    return (int)OS_CALL(syscall(SYS_setresgid, real, effective, saved));
}

int os_setgroups(size_t count, const gid_t *groups)
{
    return (int)OS_CALL(syscall(SYS_setgroups, count, groups));
}

int os_getgroups(int count, gid_t *ret_groups)
{
    return OS_CALL(getgroups(count, ret_groups));
}

int os_capget(struct os_capabilities *ret_sets)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    int r = (int)OS_CALL(syscall(SYS_capget, &header, data));
    if (r < 0) {
        return r;
    }
    ret_sets->effective = data[0].effective | (uint64_t)data[1].effective << 32;
    ret_sets->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    ret_sets->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
    return 0;
}

int os_capset(const struct os_capabilities *sets)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {
            .effective = (uint32_t)sets->effective,
            .permitted = (uint32_t)sets->permitted,
            .inheritable = (uint32_t)sets->inheritable,
        },
        {
            .effective = (uint32_t)(sets->effective >> 32),
            .permitted = (uint32_t)(sets->permitted >> 32),
            .inheritable = (uint32_t)(sets->inheritable >> 32),
        },
    };
    return (int)OS_CALL(syscall(SYS_capset, &header, data));
}

int os_prlimit(pid_t pid, int resource, const struct rlimit *new_limit, struct rlimit *ret_old)
{
    return (int)OS_CALL(syscall(SYS_prlimit64, pid, resource, new_limit, ret_old));
}

int os_setpriority(int which, id_t who, int value)
{
    return OS_CALL(setpriority(which, who, value));
}

int os_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set)
{
    return OS_CALL(sched_setaffinity(pid, size, set));
}

int os_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret_set)
{
    return OS_CALL(sched_getaffinity(pid, size, ret_set));
}

int os_sched_setattr(pid_t pid, const void *attr, unsigned flags)
{
    return (int)OS_CALL(syscall(SYS_sched_setattr, pid, attr, flags));
}

int os_ioprio_set(int which, int who, int priority)
{
    return (int)OS_CALL(syscall(SYS_ioprio_set, which, who, priority));
}

int os_personality(unsigned long persona)
{
    return OS_CALL(personality(persona));
}

int os_uname(struct utsname *ret_names)
{
    return OS_CALL(uname(ret_names));
}

int os_sethostname(const char *name, size_t length)
{
    return OS_CALL(sethostname(name, length));
}

int os_setdomainname(const char *name, size_t length)
{
    return OS_CALL(setdomainname(name, length));
}
