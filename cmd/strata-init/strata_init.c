/*
 * strata-init -- COMMAND [ARGUMENT]...: process 1 of an instance started with --init. Runs the
 * command as its child in a process group of its own that has the terminal, passes on the signals
 * that it gets, waits for orphans, and ends with the command's exit code.
 */
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/str.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_terminal.h"

enum { EXIT_NOT_EXECUTABLE = 126, EXIT_NO_COMMAND = 127, EXIT_USAGE = 2 };

/* Runs in the child; returns only when the command cannot be executed. */
static int become(char **argv, const sigset_t *mask)
{
    int group = os_getpid();

    /* Without a terminal of ours there is none to hand over. The signal that a background process
     * gets for asking is still blocked. */
    if (os_setpgid(0, 0) >= 0) {
        (void)os_ioctl(0, TIOCSPGRP, &group);
    }
    (void)os_sigprocmask(SIG_SETMASK, mask, NULL);
    return os_execvp(argv[0], argv) == -ST_ENOENT ? EXIT_NO_COMMAND : EXIT_NOT_EXECUTABLE;
}

/* Waits for every child that has ended; the command's exit code, or -1 while it runs. */
static int reap(pid_t command)
{
    siginfo_t info;
    int code = -1;

    for (;;) {
        info.si_pid = 0;
        if (os_waitid(P_ALL, 0, &info, WEXITED | WNOHANG) < 0 || info.si_pid == 0) {
            return code;
        }
        if (info.si_pid == command) {
            code = os_exit_code(&info);
        }
    }
}

int main(int argc, char **argv)
{
    sigset_t all;
    sigset_t before;
    int first = argc > 1 && st_streq(argv[1], "--") ? 2 : 1;

    if (first >= argc) {
        return EXIT_USAGE;
    }
    sigfillset(&all);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    for (size_t i = 0; i < ST_COUNT(faults); i++) {
        sigdelset(&all, faults[i]);
    }
    int signals = os_sigprocmask(SIG_SETMASK, &all, &before);
    signals = signals < 0 ? signals : os_signalfd(-1, &all, 0);
    pid_t command = signals < 0 ? signals : os_fork();
    if (command < 0) {
        return EXIT_NOT_EXECUTABLE;
    }
    if (command == 0) {
        os_exit(become(argv + first, &before));
    }
    for (;;) {
        struct signalfd_siginfo info;

        if (os_read(signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
            continue;
        }
        if (info.ssi_signo == SIGCHLD) {
            int code = reap(command);
            if (code >= 0) {
                return code;
            }
        } else if (info.ssi_signo != SIGTTIN && info.ssi_signo != SIGTTOU) {
            (void)os_kill(command, (int)info.ssi_signo);
        }
    }
}
