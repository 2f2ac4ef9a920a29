/*
 * Processes: making them, waiting for them, naming them. Wrappers follow the rules of os_file.h.
 *
 * A process is named by a descriptor (pidfd), or on disk by its number together with its start
 * time, since numbers are used again.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct clone_args;

/* clone3 (size as the kernel's struct). In the child it returns 0; no fork handlers run. Without
 * CLONE_VM the child has a copy of the memory, as after fork. */
pid_t os_clone3(const struct clone_args *args);
pid_t os_fork(void);
int os_unshare(int flags);
int os_setns(int fd, int types);

/* Replaces the program; returns only on failure. */
int os_execve(const char *path, const char *const argv[], const char *const envp[]);
/* As os_execve for an open file. */
int os_execveat(int fd, const char *path, const char *const argv[], const char *const envp[],
                int flags);
ST_NORETURN void os_exit(int status);

int os_pidfd_open(pid_t pid, unsigned flags);
int os_pidfd_send_signal(int pidfd, int signal_number);
/* A duplicate of another process's descriptor. */
int os_pidfd_getfd(int pidfd, int fd);
int os_kill(pid_t pid, int signal_number);

/* waitid with which = P_PID, P_PIDFD, P_ALL ...; interrupted waits go on. */
int os_waitid(int which, unsigned id, siginfo_t *ret_info, int options);
/* waitpid; returns the pid, or 0 with WNOHANG and nothing to say. */
pid_t os_waitpid(pid_t pid, int *ret_status, int options);

/* Exit status of a waitid result as a shell says it: the code, or 128 + the signal. */
int os_exit_code(const siginfo_t *info);

/* Field 22 of /proc/PID/stat: the start time in clock ticks since boot. -ST_ESRCH when there is no
 * such process. */
int os_process_start_time(pid_t pid, uint64_t *ret_ticks);

/* Opens the process that had this number and start time: a pidfd, or -ST_ESRCH when it is gone (a
 * zombie counts as gone). */
int os_process_open(pid_t pid, uint64_t start_ticks);

/* Starts a program with these descriptors as 0, 1 and 2 (-1: /dev/null), all others closed but
 * keep_fds (kept with their numbers). envp NULL: this process's. Returns the pid, with its pidfd in
 * *ret_pidfd if that is not NULL. */
struct os_spawn {
    const char *path;
    const char *const *argv;
    const char *const *envp;
    int stdin_fd;
    int stdout_fd;
    int stderr_fd;
    const int *keep_fds;
    size_t keep_count;
    bool new_session;
    int parent_death_signal; /* 0: none */
};
pid_t os_spawn(const struct os_spawn *spawn, int *ret_pidfd);

/* The environment of this process. */
const char *const *os_environ(void);

/* Signals. */
int os_sigprocmask(int how, const sigset_t *set, sigset_t *ret_old);
int os_signalfd(int fd, const sigset_t *set, int flags);
/* All signals at their default action and none blocked, as a program wants to be started. */
int os_signals_reset(void);
/* handler: SIG_IGN, SIG_DFL or a function. */
int os_signal(int signal_number, void (*handler)(int));

int os_setsid(void);
pid_t os_getpid(void);
int os_setpgid(pid_t pid, pid_t group);
/* Finds the program in PATH; returns only on failure. */
int os_execvp(const char *name, char *const argv[]);
int os_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
