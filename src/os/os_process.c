/* Processes: see os_process.h. */
#include "os/os_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "os/os_priv.h"

extern char **environ;
int unshare(int flags);
int setns(int fd, int types);

pid_t os_clone3(const struct clone_args *args)
{
    return (pid_t)OS_CALL(syscall(SYS_clone3, args, sizeof(*args)));
}

pid_t os_fork(void)
{
    return OS_CALL(fork());
}

int os_unshare(int flags)
{
    return OS_CALL(unshare(flags));
}

int os_setns(int fd, int types)
{
    return OS_CALL(setns(fd, types));
}

int os_execve(const char *path, const char *const argv[], const char *const envp[])
{
    return OS_CALL(execve(path, (char *const *)(uintptr_t)argv, (char *const *)(uintptr_t)envp));
}

int os_execveat(int fd, const char *path, const char *const argv[], const char *const envp[],
                int flags)
{
    return (int)OS_CALL(syscall(SYS_execveat, fd, path, argv, envp, flags));
}

void os_exit(int status)
{
    _exit(status);
}

int os_pidfd_open(pid_t pid, unsigned flags)
{
    return (int)OS_CALL(syscall(SYS_pidfd_open, pid, flags));
}

int os_pidfd_send_signal(int pidfd, int signal_number)
{
    return (int)OS_CALL(syscall(SYS_pidfd_send_signal, pidfd, signal_number, NULL, 0));
}

int os_pidfd_getfd(int pidfd, int fd)
{
    return (int)OS_CALL(syscall(SYS_pidfd_getfd, pidfd, fd, 0));
}

int os_kill(pid_t pid, int signal_number)
{
    return OS_CALL(kill(pid, signal_number));
}

int os_waitid(int which, unsigned id, siginfo_t *ret_info, int options)
{
    return OS_RETRY(waitid((idtype_t)which, id, ret_info, options));
}

pid_t os_waitpid(pid_t pid, int *ret_status, int options)
{
    return OS_RETRY(waitpid(pid, ret_status, options));
}

int os_exit_code(const siginfo_t *info)
{
    return info->si_code == CLD_EXITED ? info->si_status : 128 + info->si_status;
}

/* What follows the command's name, which may itself hold spaces and parentheses. */
static int read_stat(pid_t pid, char *text, size_t size, char **ret_rest)
{
    char path[32];
    st_snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int r = os_read_text(AT_FDCWD, path, text, size);
    if (r < 0) {
        return r == -ST_ENOENT ? -ST_ESRCH : r;
    }
    char *rest = strrchr(text, ')');
    if (rest == NULL || rest[1] != ' ' || rest[2] == '\0') {
        return -ST_EIO;
    }
    *ret_rest = rest + 2;
    return 0;
}

static int stat_start_time(char *rest, uint64_t *ret_ticks)
{
    for (int field = 3; field < 22; field++) {
        rest = strchr(rest, ' ');
        if (rest == NULL) {
            return -ST_EIO;
        }
        rest++;
    }
    char *end = strchr(rest, ' ');
    if (end != NULL) {
        *end = '\0';
    }
    return st_parse_u64(rest, 10, UINT64_MAX, ret_ticks);
}

int os_process_start_time(pid_t pid, uint64_t *ret_ticks)
{
    char text[1024];
    char *rest;
    int r = read_stat(pid, text, sizeof(text), &rest);
    return r < 0 ? r : stat_start_time(rest, ret_ticks);
}

int os_process_open(pid_t pid, uint64_t start_ticks)
{
    char text[1024];
    char *rest;
    uint64_t ticks;
    if (pid <= 0) {
        return -ST_ESRCH;
    }
    st_auto(fd) int pidfd = os_pidfd_open(pid, 0);
    if (pidfd < 0) {
        return pidfd == -ST_EINVAL ? -ST_ESRCH : pidfd;
    }
    int r = read_stat(pid, text, sizeof(text), &rest);
    if (r < 0) {
        return r;
    }
    if (*rest == 'Z' || *rest == 'X') {
        return -ST_ESRCH;
    }
    r = stat_start_time(rest, &ticks);
    if (r < 0) {
        return r;
    }
    return ticks == start_ticks ? os_take_fd(pidfd) : -ST_ESRCH;
}

static int place_standard_fd(int fd, int number, int null_fd)
{
    int from = fd >= 0 ? fd : null_fd;
    return from == number ? os_set_cloexec(number, false) : os_dup_to(from, number, 0);
}

/* The child's half of os_spawn, up to the exec: 0 or -errno. Sources of 0, 1 and 2 are above 2, see
 * os_spawn. */
static int prepare_child(const struct os_spawn *spawn, pid_t parent, const int sources[3],
                         int null_fd)
{
    int r = os_signals_reset();
    if (r == 0 && spawn->new_session) {
        r = os_setsid();
    }
    if (r >= 0 && spawn->parent_death_signal != 0) {
        r = os_prctl(PR_SET_PDEATHSIG, (unsigned long)spawn->parent_death_signal, 0, 0, 0);
        /* A parent that had died before has nobody left to send the signal. */
        r = r >= 0 && getppid() != parent ? -ST_ESRCH : r;
    }
    for (int i = 0; r >= 0 && i < 3; i++) {
        r = place_standard_fd(sources[i], i, null_fd);
    }
    if (r >= 0) {
        r = os_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    }
    for (size_t i = 0; r >= 0 && i < spawn->keep_count; i++) {
        r = os_set_cloexec(spawn->keep_fds[i], false);
    }
    return r;
}

static void run_child(const struct os_spawn *spawn, pid_t parent, const int sources[3], int null_fd,
                      int report)
{
    int r = prepare_child(spawn, parent, sources, null_fd);
    if (r >= 0) {
        r = os_execve(spawn->path, spawn->argv, spawn->envp != NULL ? spawn->envp : os_environ());
    }
    (void)!write(report, &r, sizeof(r));
    _exit(127);
}

pid_t os_spawn(const struct os_spawn *spawn, int *ret_pidfd)
{
    int report[2];
    bool wants_null = spawn->stdin_fd < 0 || spawn->stdout_fd < 0 || spawn->stderr_fd < 0;
    st_auto(fd) int null_fd = wants_null ? os_open("/dev/null", O_RDWR, 0) : -1;
    if (wants_null && null_fd < 0) {
        return null_fd;
    }
    int r = os_pipe(report, 0);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int report_read = report[0];
    st_auto(fd) int report_write = report[1];
    /* Copies above 2, so that placing one does not overwrite the source of another. */
    st_auto(fd) int in = spawn->stdin_fd >= 0 ? os_dup(spawn->stdin_fd) : -1;
    st_auto(fd) int out = spawn->stdout_fd >= 0 ? os_dup(spawn->stdout_fd) : -1;
    st_auto(fd) int error = spawn->stderr_fd >= 0 ? os_dup(spawn->stderr_fd) : -1;
    const int sources[3] = {in, out, error};
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    pid_t parent = getpid();
    pid_t pid = os_clone3(&args);
    if (pid < 0) {
        return pid;
    }
    if (pid == 0) {
        run_child(spawn, parent, sources, null_fd, report_write);
    }
    st_auto(fd) int child = pidfd;
    os_close(&report_write);
    int failure = 0;
    if (os_read(report_read, &failure, sizeof(failure)) == (ssize_t)sizeof(failure)) {
        siginfo_t info;
        (void)!waitid(P_PID, (id_t)pid, &info, WEXITED);
        return failure;
    }
    if (ret_pidfd != NULL) {
        *ret_pidfd = os_take_fd(child);
    }
    return pid;
}

const char *const *os_environ(void)
{
    return (const char *const *)environ;
}

int os_sigprocmask(int how, const sigset_t *set, sigset_t *ret_old)
{
    return OS_CALL(sigprocmask(how, set, ret_old));
}

int os_signalfd(int fd, const sigset_t *set, int flags)
{
    return OS_CALL(signalfd(fd, set, flags | SFD_CLOEXEC));
}

int os_signals_reset(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int i = 1; i < NSIG; i++) {
        struct sigaction old;
        if (i == SIGKILL || i == SIGSTOP || sigaction(i, NULL, &old) < 0 ||
            old.sa_handler == SIG_DFL) {
            continue;
        }
        sigaction(i, &action, NULL);
    }
    sigset_t none;
    sigemptyset(&none);
    return os_sigprocmask(SIG_SETMASK, &none, NULL);
}

int os_signal(int signal_number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    return OS_CALL(sigaction(signal_number, &action, NULL));
}

pid_t os_getpid(void)
{
    return getpid();
}

int os_setpgid(pid_t pid, pid_t group)
{
    return OS_CALL(setpgid(pid, group));
}

int os_execvp(const char *name, char *const argv[])
{
    return OS_CALL(execvp(name, argv));
}

int os_setsid(void)
{
    return OS_CALL(setsid());
}

int os_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
    return OS_CALL(prctl(option, a, b, c, d));
}
