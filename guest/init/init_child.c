/*
 * A new process on its way to the program that it will be: root, mounts, limits, user, then the
 * program. What it says when it cannot go on is what a container's runtime says in its place, so
 * that whoever reads it need not know which of the two it was.
 */
#include "init/init.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const char *init_error(void)
{
    static char text[128];

    snprintf(text, sizeof text, "%s", strerror(errno));
    text[0] = (char)tolower((unsigned char)text[0]);
    return text;
}

ST_NORETURN void init_give_up(int report_fd, int code, const char *format, ...)
{
    struct init_report report = {.code = code};
    va_list args;

    va_start(args, format);
    vsnprintf(report.text, sizeof report.text, format, args);
    va_end(args);
    (void)!write(report_fd, &report, sizeof report);
    _exit(code);
}

/* ---- the workload's root ---- */

/* The image's root becomes the root of this mount namespace. */
static void enter_root(int report_fd)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || chdir(INIT_ROOT) < 0 ||
        mount(INIT_ROOT, "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
        init_give_up(report_fd, INIT_CODE_FAILED, "entering the root: %s", init_error());
    }
    if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) {
        init_give_up(report_fd, INIT_CODE_FAILED, "mounting /proc: %s", init_error());
    }
}

static void make_folders(const char *path)
{
    char part[4096];

    for (size_t i = 1; i < sizeof part && path[i - 1] != '\0'; i++) {
        if (path[i] == '/' || path[i] == '\0') {
            memcpy(part, path, i);
            part[i] = '\0';
            (void)mkdir(part, 0755);
        }
    }
}

/* Options that are flags of the mount; the others are the file system's. */
static bool take_flag(const char *word, unsigned long *flags)
{
    static const struct {
        const char *word;
        unsigned long set, clear;
    } known[] = {
        {"rw", 0, MS_RDONLY},
        {"ro", MS_RDONLY, 0},
        {"suid", 0, MS_NOSUID},
        {"nosuid", MS_NOSUID, 0},
        {"dev", 0, MS_NODEV},
        {"nodev", MS_NODEV, 0},
        {"exec", 0, MS_NOEXEC},
        {"noexec", MS_NOEXEC, 0},
        {"sync", MS_SYNCHRONOUS, 0},
        {"async", 0, MS_SYNCHRONOUS},
        {"atime", 0, MS_NOATIME},
        {"noatime", MS_NOATIME, 0},
        {"diratime", 0, MS_NODIRATIME},
        {"nodiratime", MS_NODIRATIME, 0},
        {"relatime", MS_RELATIME, 0},
        {"norelatime", 0, MS_RELATIME},
        {"strictatime", MS_STRICTATIME, 0},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(word, known[i].word) == 0) {
            *flags = (*flags & ~known[i].clear) | known[i].set;
            return true;
        }
    }
    return false;
}

static void mount_tmpfs(const struct init_tmpfs *tmpfs, int report_fd)
{
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    char words[1024], data[1024] = "", *rest = words;
    const char *word;

    snprintf(words, sizeof words, "%s", tmpfs->options);
    while ((word = strsep(&rest, ",")) != NULL) {
        if (*word != '\0' && !take_flag(word, &flags)) {
            size_t length = strlen(data);
            snprintf(data + length, sizeof data - length, "%s%s", length > 0 ? "," : "", word);
        }
    }
    make_folders(tmpfs->target);
    if (mount("tmpfs", tmpfs->target, "tmpfs", flags, data) < 0) {
        init_give_up(report_fd, INIT_CODE_FAILED, "mounting a tmpfs at %s: %s", tmpfs->target,
                     init_error());
    }
}

static void set_root_up(const struct init_process *process, int report_fd)
{
    enter_root(report_fd);
    for (unsigned i = 0; i < process->tmpfs_count; i++) {
        mount_tmpfs(&process->tmpfs[i], report_fd);
    }
    make_folders(process->cwd);
    if (process->read_only && mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0) {
        init_give_up(report_fd, INIT_CODE_FAILED, "making the root read-only: %s", init_error());
    }
}

/* ---- the program ---- */

static const char *variable(const struct init_process *process, const char *name)
{
    size_t length = strlen(name);

    for (unsigned i = 0; i < process->env_count; i++) {
        if (strncmp(process->env[i], name, length) == 0 && process->env[i][length] == '=') {
            return process->env[i] + length + 1;
        }
    }
    return NULL;
}

/* Tries the folders of PATH as a shell does; returns with errno. */
static void execute(const struct init_process *process)
{
    const char *program = process->args[0];
    char *const *argv = (char *const *)(uintptr_t)process->args;
    char *const *envp = (char *const *)(uintptr_t)process->env;
    const char *folder = variable(process, "PATH");
    int kept = ENOENT;

    if (strchr(program, '/') != NULL) {
        (void)execve(program, argv, envp);
        return;
    }
    folder = folder == NULL ? USUAL_PATH : folder;
    for (const char *end; folder != NULL; folder = *end == ':' ? end + 1 : NULL) {
        char path[4096];
        struct stat status;

        end = strchrnul(folder, ':');
        if (snprintf(path, sizeof path, "%.*s/%s", (int)(end - folder), folder, program) <
                (int)sizeof path &&
            stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
            (void)execve(path, argv, envp);
            kept = errno;
        }
    }
    errno = kept;
}

static ST_NORETURN void run(const struct init_process *process, int report_fd)
{
    const char *program = process->args[0];
    struct stat status;
    int error;

    execute(process);
    error = errno;
    if ((error == ENOENT || error == ENOTDIR) && strchr(program, '/') == NULL) {
        init_give_up(report_fd, INIT_CODE_NOT_FOUND,
                     "exec: \"%s\": executable file not found in $PATH", program);
    }
    bool is_there = stat(program, &status) == 0;
    if (!is_there && (errno == ENOENT || errno == ENOTDIR) && strchr(program, '/') != NULL) {
        init_give_up(report_fd, INIT_CODE_NOT_FOUND, "exec: \"%s\": stat %s: %s", program, program,
                     init_error());
    }
    bool is_folder = is_there && S_ISDIR(status.st_mode) && strchr(program, '/') != NULL;
    errno = error;
    init_give_up(report_fd, error == ENOENT ? INIT_CODE_NOT_FOUND : INIT_CODE_NOT_EXECUTABLE,
                 "exec: \"%s\": %s%s", program, is_folder ? "is a directory: " : "", init_error());
}

static void set_limits(const struct init_process *process, int report_fd)
{
    for (unsigned i = 0; i < process->limits_count; i++) {
        const struct init_limit *limit = &process->limits[i];
        if (setrlimit((__rlimit_resource_t)limit->resource, &limit->value) < 0) {
            init_give_up(report_fd, INIT_CODE_FAILED, "setting the resource limit %d: %s",
                         limit->resource, init_error());
        }
    }
    if (process->oom_score != NULL) {
        int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        ssize_t length = (ssize_t)strlen(process->oom_score);
        if (fd < 0 || write(fd, process->oom_score, (size_t)length) != length) {
            init_give_up(report_fd, INIT_CODE_FAILED, "oom_score_adj: %s", init_error());
        }
        close(fd);
    }
}

static void take_streams(const struct init_process *process, const int streams[3], int report_fd)
{
    (void)setsid();
    if (process->tty && ioctl(streams[0], TIOCSCTTY, 0) < 0) {
        init_give_up(report_fd, INIT_CODE_FAILED, "taking the terminal: %s", init_error());
    }
    for (int i = 0; i < 3; i++) {
        if (dup2(streams[i], i) < 0) {
            init_give_up(report_fd, INIT_CODE_FAILED, "standard streams: %s", init_error());
        }
    }
}

/* The user may have no right to the folder that root can enter, and the other way round. */
static void enter_folder(const struct init_process *process, int report_fd)
{
    if (chdir(process->cwd) < 0) {
        init_give_up(report_fd, errno == ENOENT ? INIT_CODE_NOT_FOUND : INIT_CODE_NOT_EXECUTABLE,
                     "chdir to cwd (\"%s\") set in config.json failed: %s", process->cwd,
                     init_error());
    }
}

static void add_home(struct init_process *process, const char *home)
{
    static char text[4096 + 8];

    if (home != NULL && variable(process, "HOME") == NULL) {
        snprintf(text, sizeof text, "HOME=%s", home);
        process->env[process->env_count++] = text;
    }
}

/* What a program would lose by being executed: the agent's own descriptors, and the other ends of
 * its streams, whose end it would never see. */
static void close_others(void)
{
    (void)close_range(3, ~0U, 0);
}

ST_NORETURN void init_child(struct init_process *process, const int streams[3], int mount_ns,
                            int report_fd)
{
    const char *home = NULL;
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    take_streams(process, streams, report_fd);
    if (process->main) {
        set_root_up(process, report_fd);
    } else if (setns(mount_ns, CLONE_NEWNS) < 0) {
        init_give_up(report_fd, INIT_CODE_FAILED, "entering the workload's files: %s",
                     init_error());
    }
    (void)umask(process->umask);
    set_limits(process, report_fd);
    init_become(process, report_fd, &home);
    if (process->action != NULL) {
        close_others();
        init_act(process);
    }
    add_home(process, home);
    enter_folder(process, report_fd);
    if (process->no_new_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        init_give_up(report_fd, INIT_CODE_FAILED, "no_new_privs: %s", init_error());
    }
    if (process->reaper) {
        pid_t program = fork();
        if (program < 0) {
            init_give_up(report_fd, INIT_CODE_FAILED, "starting: %s", init_error());
        }
        if (program > 0) {
            close_others();
            init_reap_for(program);
        }
        int group = getpid();
        (void)setpgid(0, 0);
        (void)signal(SIGTTOU, SIG_IGN); /* what a background process gets for asking */
        (void)ioctl(0, TIOCSPGRP, &group);
        (void)signal(SIGTTOU, SIG_DFL);
    }
    run(process, report_fd);
}
