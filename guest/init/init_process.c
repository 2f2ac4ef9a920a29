/*
 * Processes of sessions. The workload is process 1 of a process namespace and a mount namespace of
 * its own, whose root is the image's; the others enter both. They stay children of this process,
 * which sees them end.
 */
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CODE_FAILED = 125, CODE_NOT_EXECUTABLE = 126, CODE_NOT_FOUND = 127, TEXT_MAX = 512 };

/* What a child that cannot go on tells its parent. */
struct report {
    int code;
    char text[TEXT_MAX];
};

/* Namespaces of the workload, once it runs. */
static int workload_pid_ns = -1, workload_mount_ns = -1;

/* Nothing holds the workload's mounts any more. */
static void close_namespaces(void)
{
    if (workload_mount_ns >= 0) {
        close(workload_mount_ns);
        close(workload_pid_ns);
        workload_pid_ns = workload_mount_ns = -1;
    }
}

/* ---- their end ---- */

static void end_lingering(int signal_number)
{
    (void)signal_number;
}

void init_end_processes(void)
{
    const struct sigaction action = {.sa_handler = end_lingering};
    const struct itimerval second = {.it_value = {.tv_sec = 1}};

    /* A process that hangs in the kernel is not waited for. */
    (void)sigaction(SIGALRM, &action, NULL);
    (void)setitimer(ITIMER_REAL, &second, NULL);
    (void)kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) >= 0) {
    }
    close_namespaces();
}

/* ---- START ---- */

static bool is(const char *key, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(key, name, length) == 0;
}

/* A number of at most `max`. */
static bool number(const char *text, unsigned base, unsigned long max, unsigned long *ret_value)
{
    char *end;

    errno = 0;
    *ret_value = strtoul(text, &end, (int)base);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *ret_value <= max;
}

static bool add_text(const char **list, unsigned *count, const char *value)
{
    if (*count == INIT_ARGS_MAX) {
        return false;
    }
    list[(*count)++] = value;
    return true;
}

/* false: unknown key or impossible value. */
static bool set_number(struct init_process *process, const char *key, size_t length,
                       const char *value)
{
    unsigned long n;

    if (is(key, length, "umask")) {
        bool good = number(value, 8, 07777, &n);
        process->umask = (mode_t)n;
        return good;
    }
    if (!number(value, 10, UINT32_MAX - 1, &n)) {
        return false;
    }
    if (is(key, length, "uid")) {
        process->uid = (uid_t)n;
    } else if (is(key, length, "gid")) {
        process->gid = (gid_t)n;
    } else if (is(key, length, "group") && process->groups_count < INIT_GROUPS_MAX) {
        process->groups[process->groups_count++] = (gid_t)n;
    } else if (is(key, length, "rows")) {
        process->rows = (uint16_t)n;
    } else if (is(key, length, "columns")) {
        process->columns = (uint16_t)n;
    } else if (is(key, length, "main")) {
        process->main = n != 0;
    } else if (is(key, length, "tty")) {
        process->tty = n != 0;
    } else if (is(key, length, "stdin")) {
        process->no_stdin = n == 0;
    } else {
        return false;
    }
    return true;
}

int init_process_parse(const struct fmt_agent_record *start, struct init_process *process,
                       char *ret_error, size_t size)
{
    const char *key, *value;
    size_t length;
    uint32_t at = 0;

    memset(process, 0, sizeof *process);
    process->umask = 022;
    process->cwd = "/";
    while (fmt_agent_next_setting(start, &at, &key, &length, &value)) {
        bool good = true;

        if (is(key, length, "arg")) {
            good = add_text(process->args, &process->args_count, value);
        } else if (is(key, length, "env")) {
            good = add_text(process->env, &process->env_count, value);
        } else if (is(key, length, "cwd")) {
            process->cwd = value;
        } else {
            good = set_number(process, key, length, value);
        }
        if (!good) {
            snprintf(ret_error, size, "the guest's agent cannot take %.*s=%s", (int)length, key,
                     value);
            return -1;
        }
    }
    if (at != start->size || process->args_count == 0) {
        snprintf(ret_error, size, "the settings of the process are damaged");
        return -1;
    }
    return 0;
}

/* ---- the child ---- */

static ST_NORETURN void give_up(int report_fd, int code, const char *what, const char *which)
{
    struct report report = {.code = code};

    snprintf(report.text, sizeof report.text, "%s%s%s: %s", what, which[0] == '\0' ? "" : " ",
             which, strerror(errno));
    (void)!write(report_fd, &report, sizeof report);
    _exit(code);
}

/* The image's root becomes the root of this mount namespace. */
static void enter_root(int report_fd)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chdir(INIT_ROOT) < 0 ||
        mount(INIT_ROOT, "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
        give_up(report_fd, CODE_FAILED, "entering", "the root");
    }
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        give_up(report_fd, CODE_FAILED, "mounting", "/proc");
    }
}

static const char *path_of(const struct init_process *process)
{
    for (unsigned i = 0; i < process->env_count; i++) {
        if (strncmp(process->env[i], "PATH=", 5) == 0) {
            return process->env[i] + 5;
        }
    }
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

/* Tries the folders of PATH as a shell does; returns with errno. */
static void execute(const struct init_process *process)
{
    const char *program = process->args[0];
    char *const *argv = (char *const *)(uintptr_t)process->args;
    char *const *envp = (char *const *)(uintptr_t)process->env;
    const char *folder = path_of(process);
    int kept = ENOENT;

    if (strchr(program, '/') != NULL) {
        (void)execve(program, argv, envp);
        return;
    }
    for (const char *end; folder != NULL; folder = *end == ':' ? end + 1 : NULL) {
        char path[4096];

        end = strchrnul(folder, ':');
        if (snprintf(path, sizeof path, "%.*s/%s", (int)(end - folder), folder, program) <
            (int)sizeof path) {
            (void)execve(path, argv, envp);
            kept = errno == ENOENT || errno == ENOTDIR ? kept : errno;
        }
    }
    errno = kept;
}

static ST_NORETURN void child(const struct init_process *process, int in, int out, int err,
                              int report_fd)
{
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)setsid();
    if (process->tty && ioctl(in, TIOCSCTTY, 0) < 0) {
        give_up(report_fd, CODE_FAILED, "taking", "the terminal");
    }
    if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
        give_up(report_fd, CODE_FAILED, "standard", "streams");
    }
    if (process->main) {
        enter_root(report_fd);
    } else if (setns(workload_mount_ns, CLONE_NEWNS) < 0) {
        give_up(report_fd, CODE_FAILED, "entering", "the workload's files");
    }
    (void)umask(process->umask);
    if (mkdir(process->cwd, 0755) < 0 && errno != EEXIST) {
        give_up(report_fd, CODE_NOT_EXECUTABLE, "working directory", process->cwd);
    }
    if (setgroups(process->groups_count, process->groups) < 0 ||
        setresgid(process->gid, process->gid, process->gid) < 0 ||
        setresuid(process->uid, process->uid, process->uid) < 0) {
        give_up(report_fd, CODE_FAILED, "becoming", "the user");
    }
    if (chdir(process->cwd) < 0) {
        give_up(report_fd, CODE_NOT_EXECUTABLE, "working directory", process->cwd);
    }
    execute(process);
    give_up(report_fd, errno == ENOENT || errno == ENOTDIR ? CODE_NOT_FOUND : CODE_NOT_EXECUTABLE,
            "executing", process->args[0]);
}

/* ---- the parent ---- */

/* Both ends of the process's streams. */
struct ends {
    int in[2], out[2], err[2];
};

static void close_ends(int *ends, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (ends[i] >= 0) {
            close(ends[i]);
        }
        ends[i] = -1;
    }
}

static bool open_streams(const struct init_process *process, struct ends *ends)
{
    *ends = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}};
    if (process->tty) {
        struct winsize size = {.ws_row = process->rows, .ws_col = process->columns};
        int master = open(INIT_ROOT "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
        int unlock = 0;

        if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0) {
            close(master);
            return false;
        }
        ends->in[1] = master;
        ends->in[0] = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
        if (process->rows != 0) {
            (void)ioctl(master, TIOCSWINSZ, &size);
        }
        return ends->in[0] >= 0;
    }
    if (process->no_stdin) {
        ends->in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    return (process->no_stdin ? ends->in[0] >= 0 : pipe2(ends->in, O_CLOEXEC) == 0) &&
           pipe2(ends->out, O_CLOEXEC) == 0 && pipe2(ends->err, O_CLOEXEC) == 0;
}

static bool remember_namespaces(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)pid);
    workload_pid_ns = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)pid);
    workload_mount_ns = open(path, O_RDONLY | O_CLOEXEC);
    return workload_pid_ns >= 0 && workload_mount_ns >= 0;
}

/* fork into the workload's process namespace, which is new for the workload itself. */
static pid_t fork_inside(const struct init_process *process)
{
    int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    pid_t pid = -1;

    if (own >= 0 &&
        (process->main ? unshare(CLONE_NEWPID) : setns(workload_pid_ns, CLONE_NEWPID)) == 0) {
        pid = process->main
                  ? (pid_t)syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, NULL, NULL, NULL, NULL)
                  : fork();
        if (pid != 0 && setns(own, CLONE_NEWPID) < 0) {
            init_log("leaving the workload's process namespace: %s", strerror(errno));
        }
    }
    if (own >= 0 && pid != 0) {
        close(own);
    }
    return pid;
}

int init_process_start(const struct init_process *process, struct init_streams *ret_streams,
                       char *ret_error, size_t size)
{
    struct report report = {.code = CODE_FAILED};
    struct ends ends;
    int pipe_fds[2] = {-1, -1};
    pid_t pid = -1;

    if (!process->main && workload_pid_ns < 0) {
        snprintf(ret_error, size, "the workload does not run yet");
        return CODE_FAILED;
    }
    if (!open_streams(process, &ends) || pipe2(pipe_fds, O_CLOEXEC) < 0 ||
        (pid = fork_inside(process)) < 0) {
        snprintf(ret_error, size, "starting %s: %s", process->args[0], strerror(errno));
    } else if (pid == 0) {
        child(process, ends.in[0], process->tty ? ends.in[0] : ends.out[1],
              process->tty ? ends.in[0] : ends.err[1], pipe_fds[1]);
    } else {
        close_ends(&pipe_fds[1], 1);
        /* Nothing to read: it is executing. */
        if (read(pipe_fds[0], &report, sizeof report) <= 0 &&
            (!process->main || remember_namespaces(pid))) {
            report.code = 0;
        } else {
            report.text[TEXT_MAX - 1] = '\0';
            snprintf(ret_error, size, "%s", report.text);
        }
    }
    close_ends(pipe_fds, 2);
    close_ends(&ends.in[0], 1);
    close_ends(&ends.out[1], 1);
    close_ends(&ends.err[1], 1);
    if (report.code != 0) {
        close_ends(&ends.in[1], 1);
        close_ends(&ends.out[0], 1);
        close_ends(&ends.err[0], 1);
        return report.code;
    }
    *ret_streams = (struct init_streams){pid, ends.in[1], ends.out[0], ends.err[0]};
    return 0;
}
