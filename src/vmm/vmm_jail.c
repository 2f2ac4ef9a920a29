/*
 * The jail: see vmm_jail.h.
 *
 * Filters are lists of calls with one outcome, which the kernel turns into a bitmap, so that a call
 * that is allowed costs nothing. What is not in a list fails with EPERM rather than ending the
 * machine: a C library's fallback must not be a guest's crash, and the call is as much refused.
 */
#include "vmm/vmm_jail.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "base/attr.h"
#include "os/os_identity.h"
#include "os/os_process.h"
#include "os/os_security.h"
#include "os/os_thread.h"
#include "sandbox/sbx_caps.h"

enum { PROGRAM_MAX = 256 };

/* What running a guest takes: its memory, clocks, waking threads, its devices' descriptors. */
static const uint16_t machine_calls[] = {
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_pwrite64,
    SYS_preadv,
    SYS_pwritev,
    SYS_fdatasync,
    SYS_fallocate,
    SYS_lseek,
    SYS_fstat,
    SYS_close,
    SYS_poll,
    SYS_ppoll,
    SYS_ioctl,
    SYS_epoll_ctl,
    SYS_epoll_wait,
    SYS_epoll_pwait,
    SYS_timerfd_settime,
    SYS_eventfd2,
    SYS_io_uring_enter,
    SYS_sendto,
    SYS_recvfrom,
    SYS_sendmsg,
    SYS_recvmsg,
    SYS_shutdown,
    SYS_mmap,
    SYS_munmap,
    SYS_mremap,
    SYS_madvise,
    SYS_mprotect,
    SYS_brk,
    SYS_memfd_create,
    SYS_ftruncate,
    SYS_futex,
    SYS_rt_sigreturn,
    SYS_rt_sigprocmask,
    SYS_rt_sigaction,
    SYS_sigaltstack,
    SYS_tgkill,
    SYS_gettid,
    SYS_getpid,
    SYS_sched_yield,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_gettimeofday,
    SYS_getrandom,
    SYS_restart_syscall,
    SYS_exit,
    SYS_exit_group,
    SYS_membarrier,
};

/* Besides, for whatever thread of the process. */
static const uint16_t process_calls[] = {
    SYS_clone,
    SYS_clone3,
    SYS_set_robust_list,
    SYS_rseq,
    SYS_prctl,
    SYS_seccomp,
    SYS_dup,
    SYS_pipe2,
    SYS_unlinkat,
    SYS_unlink,
    SYS_kill,
    SYS_wait4,
    SYS_sched_getaffinity,
    SYS_getrusage,
    SYS_uname,
};

/* What connections of the user-mode network and of the control socket take, names looked up
 * included. */
static const uint16_t network_calls[] = {
    SYS_socket,  SYS_socketpair,  SYS_bind,        SYS_connect,    SYS_listen,     SYS_accept,
    SYS_accept4, SYS_getsockname, SYS_getpeername, SYS_setsockopt, SYS_getsockopt, SYS_fcntl,
    SYS_openat,  SYS_newfstatat,  SYS_select,      SYS_pselect6,
};

struct program {
    struct sock_filter code[PROGRAM_MAX];
    uint16_t length;
};

static void emit(struct program *program, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    program->code[program->length++] =
        (struct sock_filter){.code = code, .k = k, .jt = yes, .jf = no};
}

/* Lets these calls through. */
static void emit_calls(struct program *program, const uint16_t *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        emit(program, BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        emit(program, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    }
}

_Static_assert(2 * (ST_COUNT(machine_calls) + ST_COUNT(process_calls) + ST_COUNT(network_calls)) +
                       8 <
                   256,
               "PROGRAM_MAX");

static int load(bool whole_process, bool network)
{
    struct program program = {.length = 0};
    emit(&program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    emit(&program, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    emit(&program, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    emit(&program, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    emit_calls(&program, machine_calls, ST_COUNT(machine_calls));
    if (whole_process) {
        emit_calls(&program, process_calls, ST_COUNT(process_calls));
    }
    if (network) {
        emit_calls(&program, network_calls, ST_COUNT(network_calls));
    }
    emit(&program, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ST_EPERM, 0, 0);
    struct sock_fprog filter = {.len = program.length, .filter = program.code};
    return os_seccomp(SECCOMP_SET_MODE_FILTER, whole_process ? SECCOMP_FILTER_FLAG_TSYNC : 0,
                      &filter);
}

static void drop_capabilities(void)
{
    const struct os_capabilities none = {0};
    (void)os_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    (void)os_capset(&none);
}

void vmm_jail_begin(void)
{
    os_thread_on_start(drop_capabilities);
}

int vmm_jail_process(const struct vmm_jail *jail, struct st_err *err)
{
    struct os_capabilities now = {0};
    /* Where it may not (no privilege, or threads that share the file system's root) it goes on
     * without: what is open is all there is either way. */
    (void)os_unshare(CLONE_NEWIPC | CLONE_NEWUTS);
    if (!jail->network) {
        (void)os_unshare(CLONE_NEWNET);
    }
    (void)sbx_caps_bound(0);
    drop_capabilities();
    int r = os_capget(&now);
    if (r < 0 || (now.effective | now.permitted | now.inheritable) != 0) {
        return st_fail(err, ST_EPERM, "capabilities cannot be given up");
    }
    r = os_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    r = r < 0 ? r : os_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    r = r < 0 ? r : load(true, true);
    return r < 0 ? st_fail_os(err, r, "the machine's process cannot be locked up") : 0;
}

int vmm_jail_thread(void *argument, bool is_vcpu)
{
    const struct vmm_jail *jail = argument;
    (void)is_vcpu;
    /* A guest's frame is looked at on its own thread, and may begin a connection. */
    return load(false, jail->network);
}
