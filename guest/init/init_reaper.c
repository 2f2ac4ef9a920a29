/* Process 1 of a workload that was started with --init. */
#include "init/init.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Waits for every child that has ended; the program's exit code, or -1 while it runs. */
static int reap(pid_t program)
{
    int status, code = -1;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == program) {
            code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
    }
    return code;
}

ST_NORETURN void init_reap_for(pid_t program)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigset_t all;
    siginfo_t info;

    (void)prctl(PR_SET_NAME, "docker-init", 0, 0, 0);
    sigfillset(&all);
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        sigdelset(&all, faults[i]);
    }
    (void)sigprocmask(SIG_SETMASK, &all, NULL);
    for (;;) {
        int code = reap(program); /* also what ended before signals were waited for */
        if (code >= 0) {
            _exit(code);
        }
        if (sigwaitinfo(&all, &info) > 0 && info.si_signo != SIGCHLD && info.si_signo != SIGTTIN &&
            info.si_signo != SIGTTOU) {
            (void)kill(program, info.si_signo);
        }
    }
}
