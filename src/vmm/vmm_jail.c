/*
 * The jail: see vmm_jail.h.
 *
 * The filters are constant tables (sbx_filter.h): a few questions about arguments, then lists of
 * calls. The kernel turns what is allowed without a question into a bitmap, so that such a call
 * costs nothing. What is not in a list fails with EPERM rather than ending the machine: a C
 * library's fallback must not be a guest's crash, and the call is as much refused.
 */
#include "vmm/vmm_jail.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "base/attr.h"
#include "base/heap.h"
#include "base/print.h"
#include "os/os_file.h"
#include "os/os_identity.h"
#include "os/os_mount.h"
#include "os/os_process.h"
#include "os/os_security.h"
#include "os/os_thread.h"
#include "sandbox/sbx_caps.h"
#include "sandbox/sbx_filter.h"

/* ---- the filters ---- */

/* What running a guest takes: its memory, clocks, waking threads, its devices' descriptors. */
#define MACHINE_CALLS(X)                                                                           \
    X(read)                                                                                        \
    X(write)                                                                                       \
    X(readv)                                                                                       \
    X(writev)                                                                                      \
    X(pread64)                                                                                     \
    X(pwrite64)                                                                                    \
    X(preadv)                                                                                      \
    X(pwritev)                                                                                     \
    X(fdatasync)                                                                                   \
    X(fallocate)                                                                                   \
    X(lseek)                                                                                       \
    X(fstat)                                                                                       \
    X(newfstatat) /* as C libraries do fstat */                                                    \
    X(close)                                                                                       \
    X(poll)                                                                                        \
    X(ppoll)                                                                                       \
    X(epoll_ctl)                                                                                   \
    X(epoll_wait)                                                                                  \
    X(epoll_pwait)                                                                                 \
    X(timerfd_settime)                                                                             \
    X(eventfd2)                                                                                    \
    X(io_uring_enter)                                                                              \
    X(sendto)                                                                                      \
    X(recvfrom)                                                                                    \
    X(sendmsg)                                                                                     \
    X(recvmsg)                                                                                     \
    X(shutdown)                                                                                    \
    X(munmap)                                                                                      \
    X(mremap)                                                                                      \
    X(madvise)                                                                                     \
    X(brk)                                                                                         \
    X(memfd_create)                                                                                \
    X(ftruncate)                                                                                   \
    X(futex)                                                                                       \
    X(rt_sigreturn)                                                                                \
    X(rt_sigprocmask)                                                                              \
    X(rt_sigaction)                                                                                \
    X(sigaltstack)                                                                                 \
    X(gettid)                                                                                      \
    X(getpid)                                                                                      \
    X(sched_yield)                                                                                 \
    X(clock_gettime)                                                                               \
    X(clock_nanosleep)                                                                             \
    X(gettimeofday)                                                                                \
    X(getrandom)                                                                                   \
    X(restart_syscall)                                                                             \
    X(exit)                                                                                        \
    X(exit_group)                                                                                  \
    X(membarrier)

/* Besides, for whatever thread of the process: one that began before the filter was loaded may not
 * have dropped its capabilities yet. */
#define PROCESS_CALLS(X)                                                                           \
    X(set_robust_list)                                                                             \
    X(rseq)                                                                                        \
    X(prctl)                                                                                       \
    X(capset)                                                                                      \
    X(seccomp)                                                                                     \
    X(dup)                                                                                         \
    X(pipe2)                                                                                       \
    X(sched_getaffinity)                                                                           \
    X(getrusage)                                                                                   \
    X(uname)

/* Clients of sockets that listen: the control socket's, the debugger's, published ports'. */
#define SOCKET_CALLS(X)                                                                            \
    X(accept)                                                                                      \
    X(accept4)                                                                                     \
    X(getsockname)                                                                                 \
    X(getpeername)                                                                                 \
    X(setsockopt)                                                                                  \
    X(getsockopt)                                                                                  \
    X(fcntl)

/* What connections of the user-mode network take, reading resolv.conf included. */
#define NETWORK_CALLS(X)                                                                           \
    X(socket)                                                                                      \
    X(socketpair)                                                                                  \
    X(bind)                                                                                        \
    X(connect)                                                                                     \
    X(listen)                                                                                      \
    X(openat)                                                                                      \
    X(select)                                                                                      \
    X(pselect6)

/* At the start of each filter. The own process is filled in when it is loaded. */
#define QUESTIONS                                                                                  \
    SBX_START, /* a terminal that others use is not typed into */                                  \
        SBX_IF(SYS_ioctl, 0, 5), SBX_LOAD_ARGUMENT(1), SBX_IF(TIOCSTI, 2, 0),                      \
        SBX_IF(TIOCLINUX, 1, 0), SBX_ALLOW,                                                        \
        SBX_REFUSE(ST_EPERM), /* no address can be written and executed */                         \
        SBX_IF(SYS_mmap, 1, 0), SBX_IF(SYS_mprotect, 0, 5), SBX_LOAD_ARGUMENT(2),                  \
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC),                               \
        SBX_IF(PROT_WRITE | PROT_EXEC, 1, 0), SBX_ALLOW,                                           \
        SBX_REFUSE(ST_EPERM), /* signals stay in here */                                           \
        SBX_IF(SYS_tgkill, 0, 4), SBX_LOAD_ARGUMENT(0), SBX_IF(OWN_PROCESS, 0, 1), SBX_ALLOW,      \
        SBX_REFUSE(ST_EPERM)

/* Threads are started by clone, whose flags can be seen. */
#define QUESTIONS_OF_CLONE                                                                         \
    SBX_IF(SYS_clone3, 0, 1), SBX_REFUSE(ST_ENOSYS), SBX_IF(SYS_clone, 0, 4),                      \
        SBX_LOAD_ARGUMENT(0), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, NAMESPACES, 1, 0), SBX_ALLOW,   \
        SBX_REFUSE(ST_EPERM)

enum {
    OWN_PROCESS = 0x7fffffff, /* no process has this number */
    NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                 CLONE_NEWPID | CLONE_NEWNET,
    PROGRAM_MAX = 128,
};

#define THREAD_LIST(X) MACHINE_CALLS(X)
#define thread_filter_PLACE(call) SBX_PLACE(thread_filter, call)
#define thread_filter_TEST(call) SBX_TEST(thread_filter, call)
SBX_FILTER(thread_filter, QUESTIONS, THREAD_LIST);

#define THREAD_NETWORK_LIST(X) MACHINE_CALLS(X) SOCKET_CALLS(X) NETWORK_CALLS(X)
#define thread_network_filter_PLACE(call) SBX_PLACE(thread_network_filter, call)
#define thread_network_filter_TEST(call) SBX_TEST(thread_network_filter, call)
SBX_FILTER(thread_network_filter, QUESTIONS, THREAD_NETWORK_LIST);

#define PROCESS_QUESTIONS QUESTIONS, QUESTIONS_OF_CLONE
#define PROCESS_LIST(X) MACHINE_CALLS(X) PROCESS_CALLS(X) SOCKET_CALLS(X)
#define process_filter_PLACE(call) SBX_PLACE(process_filter, call)
#define process_filter_TEST(call) SBX_TEST(process_filter, call)
SBX_FILTER(process_filter, PROCESS_QUESTIONS, PROCESS_LIST);

#define PROCESS_NETWORK_LIST(X) MACHINE_CALLS(X) PROCESS_CALLS(X) SOCKET_CALLS(X) NETWORK_CALLS(X)
#define process_network_filter_PLACE(call) SBX_PLACE(process_network_filter, call)
#define process_network_filter_TEST(call) SBX_TEST(process_network_filter, call)
SBX_FILTER(process_network_filter, PROCESS_QUESTIONS, PROCESS_NETWORK_LIST);

_Static_assert(ST_COUNT(thread_network_filter) <= PROGRAM_MAX &&
                   ST_COUNT(process_network_filter) <= PROGRAM_MAX,
               "the longest of them");

static int load(const struct sock_filter *code, size_t count, unsigned flags)
{
    struct sock_filter own[PROGRAM_MAX];
    struct sock_fprog filter = {.len = (uint16_t)count, .filter = own};
    memcpy(own, code, count * sizeof *code);
    for (size_t i = 0; i < count; i++) {
        if (own[i].k == OWN_PROCESS) {
            own[i].k = (uint32_t)os_getpid();
        }
    }
    return os_seccomp(SECCOMP_SET_MODE_FILTER, flags, &filter);
}

/* ---- namespaces and the root ---- */

/* A user namespace gives who has no privileges those over what is new in it, and a mount namespace
 * that over file systems. Files that the process makes in there want its user to be somebody. */
static void enter_user_namespace(void)
{
    char map[64];
    uid_t user = os_geteuid();
    gid_t group = os_getegid();
    if (os_unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
        return;
    }
    st_snprintf(map, sizeof map, "%u %u 1", user, user);
    (void)os_write_text(AT_FDCWD, "/proc/self/uid_map", map);
    (void)os_write_text(AT_FDCWD, "/proc/self/setgroups", "deny");
    st_snprintf(map, sizeof map, "%u %u 1", group, group);
    (void)os_write_text(AT_FDCWD, "/proc/self/gid_map", map);
}

/* The user-mode network looks for name servers where they are listed. */
static void copy_name_servers(int root)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(64 << 10);
    if (os_read_file(AT_FDCWD, "/etc/resolv.conf", &text) < 0 ||
        os_mkdirat(root, "etc", 0755) < 0) {
        return;
    }
    st_auto(fd) int fd = os_openat(root, "etc/resolv.conf", O_WRONLY | O_CREAT | O_EXCL, 0644);
    if (fd >= 0) {
        (void)os_write_all(fd, text.data, text.length);
    }
}

/* A file system of the machine's own that is mounted nowhere. Its descriptor, or -ST_Exxx. */
static int make_root(bool network)
{
    st_auto(fd) int fs = os_fsopen("tmpfs", FSOPEN_CLOEXEC);
    int r = fs;
    r = r < 0 ? r : os_fsconfig(fs, FSCONFIG_SET_STRING, "mode", "0755", 0);
    r = r < 0 ? r : os_fsconfig(fs, FSCONFIG_SET_STRING, "size", "128k", 0);
    r = r < 0 ? r : os_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    r = r < 0 ? r : os_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int root = r;
    if (network) {
        copy_name_servers(root);
    }
    const struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOEXEC};
    r = os_mount_setattr(root, "", AT_EMPTY_PATH, &read_only);
    return r < 0 ? r : os_take_fd(root);
}

/* ---- the process ---- */

static void drop_capabilities(void)
{
    const struct os_capabilities none = {0};
    (void)os_prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    (void)os_capset(&none);
}

void vmm_jail_begin(struct vmm_jail *jail)
{
    struct os_capabilities now = {0};
    os_thread_on_start(drop_capabilities);
    /* Where it may not it goes on without: what is open is all there is either way. Who has some
     * capability may need it for what is yet to be opened, and keeps it till then. */
    if (os_capget(&now) >= 0 && now.permitted == 0) {
        enter_user_namespace();
    }
    (void)os_unshare(CLONE_NEWIPC | CLONE_NEWUTS);
    (void)sbx_caps_bound(0);
    jail->root = make_root(jail->network);
}

/* The descriptor stays open, for a start's sake: closing it dissolves the mount, for which the
 * kernel waits until no CPU looks at it, milliseconds on a busy host. It leads nowhere else. */
static int enter_root(const struct vmm_jail *jail)
{
    int r = jail->root < 0 ? 0 : os_fchdir(jail->root);
    return r < 0 || jail->root < 0 ? r : os_chroot(".");
}

int vmm_jail_process(struct vmm_jail *jail, struct st_err *err)
{
    struct os_capabilities now = {0};
    if (!jail->network) {
        (void)os_unshare(CLONE_NEWNET);
    }
    int r = enter_root(jail);
    if (r < 0) {
        return st_fail_os(err, r, "the machine's process cannot be given a root of its own");
    }
    drop_capabilities();
    r = os_capget(&now);
    if (r < 0 || (now.effective | now.permitted | now.inheritable) != 0) {
        return st_fail(err, ST_EPERM, "capabilities cannot be given up");
    }
    r = os_prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    r = r < 0 ? r : os_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (r >= 0) {
        r = jail->network
                ? load(process_network_filter, ST_COUNT(process_network_filter),
                       SECCOMP_FILTER_FLAG_TSYNC)
                : load(process_filter, ST_COUNT(process_filter), SECCOMP_FILTER_FLAG_TSYNC);
    }
    return r < 0 ? st_fail_os(err, r, "the machine's process cannot be locked up") : 0;
}

int vmm_jail_thread(void *argument, bool is_vcpu)
{
    const struct vmm_jail *jail = argument;
    (void)is_vcpu;
    /* A guest's frame is looked at on its own thread, and may begin a connection. */
    return jail->network ? load(thread_network_filter, ST_COUNT(thread_network_filter), 0)
                         : load(thread_filter, ST_COUNT(thread_filter), 0);
}
