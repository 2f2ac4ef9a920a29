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

#include "base/str.h"

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

static bool add_text(const char **list, unsigned *count, unsigned room, const char *value)
{
    if (*count == room) {
        return false;
    }
    list[(*count)++] = value;
    return true;
}

/* false: it is not one of the numbers, or an impossible value. */
static bool set_number(struct init_process *process, const char *key, size_t length,
                       const char *value)
{
    const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"main", &process->main},
                 {"tty", &process->tty},
                 {"detached", &process->detached},
                 {"init", &process->reaper},
                 {"no-new-privileges", &process->no_new_privileges},
                 {"read-only", &process->read_only},
                 {"follow", &process->follow},
                 {"source-folder", &process->source_is_folder},
                 {"source-content", &process->source_content},
                 {"keep-owner", &process->keep_owner}};
    unsigned long n;

    if (is(key, length, "umask")) {
        bool good = number(value, 8, 07777, &n);
        process->umask = (mode_t)n;
        return good;
    }
    if (!number(value, 10, UINT32_MAX - 1, &n)) {
        return false;
    }
    for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (is(key, length, flags[i].name)) {
            *flags[i].flag = n != 0;
            return true;
        }
    }
    if (is(key, length, "uid")) {
        process->uid = (uid_t)n;
    } else if (is(key, length, "gid")) {
        process->gid = (gid_t)n;
    } else if (is(key, length, "rows")) {
        process->rows = (uint16_t)n;
    } else if (is(key, length, "columns")) {
        process->columns = (uint16_t)n;
    } else if (is(key, length, "stdin")) {
        process->no_stdin = n == 0;
    } else {
        return false;
    }
    return true;
}

/* "NUMBER:SOFT:HARD" */
static bool add_limit(struct init_process *process, const char *value)
{
    char text[3][24];
    uint64_t numbers[3];

    if (process->limits_count == INIT_LIMITS_MAX) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        size_t length = strcspn(value, ":");
        if (length >= sizeof text[i] || (value[length] == ':') != (i < 2)) {
            return false;
        }
        memcpy(text[i], value, length);
        text[i][length] = '\0';
        value += length + (i < 2);
        if (st_parse_u64(text[i], 10, i == 0 ? INT32_MAX : UINT64_MAX, &numbers[i]) < 0) {
            return false;
        }
    }
    process->limits[process->limits_count++] = (struct init_limit){
        .resource = (int)numbers[0], .value = {.rlim_cur = numbers[1], .rlim_max = numbers[2]}};
    return true;
}

/* An empty folder in memory; its options follow. */
static bool add_tmpfs(struct init_process *process, const char *target, const char *options)
{
    if (target != NULL) {
        if (process->tmpfs_count == INIT_TMPFS_MAX || target[0] != '/') {
            return false;
        }
        process->tmpfs[process->tmpfs_count++] = (struct init_tmpfs){target, ""};
        return true;
    }
    if (process->tmpfs_count == 0) {
        return false;
    }
    process->tmpfs[process->tmpfs_count - 1].options = options;
    return true;
}

static bool set(struct init_process *process, const char *key, size_t length, const char *value)
{
    int64_t score;

    if (is(key, length, "arg")) {
        return add_text(process->args, &process->args_count, INIT_ARGS_MAX, value);
    }
    if (is(key, length, "env")) { /* one place is left for HOME */
        return add_text(process->env, &process->env_count, INIT_ARGS_MAX - 1, value);
    }
    if (is(key, length, "group")) {
        return add_text(process->groups, &process->groups_count, INIT_GROUPS_MAX, value);
    }
    if (is(key, length, "limit")) {
        return add_limit(process, value);
    }
    if (is(key, length, "tmpfs")) {
        return add_tmpfs(process, value, NULL);
    }
    if (is(key, length, "tmpfs-options")) {
        return add_tmpfs(process, NULL, value);
    }
    if (is(key, length, "cwd")) {
        process->cwd = value;
        return value[0] == '/';
    }
    const struct {
        const char *name;
        const char **text;
    } texts[] = {{"user", &process->user},
                 {"do", &process->action},
                 {"as", &process->as},
                 {"source", &process->source}};

    for (unsigned i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (is(key, length, texts[i].name)) {
            *texts[i].text = value;
            return true;
        }
    }
    if (is(key, length, "capabilities")) {
        process->bounded = st_parse_u64(value, 16, UINT64_MAX, &process->capabilities) >= 0;
        return process->bounded;
    }
    if (is(key, length, "oom-score")) {
        process->oom_score = value;
        return st_parse_i64(value, -1000, 1000, &score) >= 0;
    }
    return set_number(process, key, length, value);
}

static bool is_action(const char *text)
{
    static const char *const actions[] = {"look", "pack", "unpack", "wait"};

    for (unsigned i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        if (strcmp(text, actions[i]) == 0) {
            return true;
        }
    }
    return false;
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
        bool good = set(process, key, length, value);

        if (!good) {
            snprintf(ret_error, size, "the guest's agent cannot take %.*s=%s", (int)length, key,
                     value);
            return -1;
        }
    }
    process->no_stdin |= process->detached;
    if (process->action != NULL && !is_action(process->action)) {
        snprintf(ret_error, size, "the guest's agent cannot do %s", process->action);
        return -1;
    }
    if (at != start->size || process->args_count == 0) {
        snprintf(ret_error, size, "the settings of the process are damaged");
        return -1;
    }
    return 0;
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
    if (process->detached) { /* nobody reads what it writes */
        ends->out[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        ends->err[1] = open("/dev/null", O_WRONLY | O_CLOEXEC);
        return ends->in[0] >= 0 && ends->out[1] >= 0 && ends->err[1] >= 0;
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

int init_process_start(struct init_process *process, struct init_streams *ret_streams,
                       char *ret_error, size_t size)
{
    struct init_report report = {.code = INIT_CODE_FAILED};
    struct ends ends;
    int pipe_fds[2] = {-1, -1};
    pid_t pid = -1;

    if (!process->main && workload_pid_ns < 0) {
        snprintf(ret_error, size, "the workload does not run yet");
        return INIT_CODE_FAILED;
    }
    if (!open_streams(process, &ends) || pipe2(pipe_fds, O_CLOEXEC) < 0 ||
        (pid = fork_inside(process)) < 0) {
        snprintf(ret_error, size, "starting %s: %s", process->args[0], strerror(errno));
    } else if (pid == 0) {
        const int streams[3] = {ends.in[0], process->tty ? ends.in[0] : ends.out[1],
                                process->tty ? ends.in[0] : ends.err[1]};

        init_child(process, streams, workload_mount_ns, pipe_fds[1]);
    } else {
        close_ends(&pipe_fds[1], 1);
        /* Nothing to read: it is executing. */
        if (read(pipe_fds[0], &report, sizeof report) <= 0 &&
            (!process->main || remember_namespaces(pid))) {
            report.code = 0;
        } else {
            report.text[sizeof report.text - 1] = '\0';
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
