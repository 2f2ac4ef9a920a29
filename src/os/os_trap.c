/* The registry of faults: see os_trap.h. */
#include "os/os_trap.h"

#include <pthread.h>
#include <string.h>

#include "os/os_priv.h"

static const int trap_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};

static struct sigaction trap_before[ST_COUNT(trap_signals)]; /* what else had it */
static pthread_mutex_t trap_lock = PTHREAD_MUTEX_INITIALIZER;

static _Thread_local struct os_trap *trap_newest __attribute__((tls_model("initial-exec")));

/* The action from before gets the signal, in its own way. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    for (size_t i = 0; i < ST_COUNT(trap_signals); i++) {
        if (trap_signals[i] != number) {
            continue;
        }
        const struct sigaction *before = &trap_before[i];
        if ((before->sa_flags & SA_SIGINFO) != 0) {
            before->sa_sigaction(number, info, context);
        } else if (before->sa_handler != SIG_DFL && before->sa_handler != SIG_IGN) {
            before->sa_handler(number);
        } else {
            /* Returning runs the instruction again, which then ends the process as it would have
             * without us; a signal that somebody sent has no instruction, so it is sent again. */
            struct sigaction usual = {.sa_handler = SIG_DFL};
            sigaction(number, &usual, NULL);
            if (info->si_code <= 0) {
                raise(number);
            }
        }
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    int saved = errno;
    bool taken = false;
    /* A positive code: the CPU's doing and not somebody's kill(2). */
    for (struct os_trap *trap = trap_newest; info->si_code > 0 && trap != NULL && !taken;
         trap = trap->outer) {
        taken = trap->handle(trap, info, context);
    }
    if (!taken) {
        pass_on(number, info, context);
    }
    errno = saved;
}

static int install_one(int number, struct sigaction *before)
{
    struct sigaction now;
    int r = OS_CALL(sigaction(number, NULL, &now));
    if (r < 0 || ((now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_fault)) {
        return r;
    }
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    *before = now;
    return OS_CALL(sigaction(number, &action, NULL));
}

int os_trap_install(void)
{
    int r = 0;
    pthread_mutex_lock(&trap_lock);
    for (size_t i = 0; r == 0 && i < ST_COUNT(trap_signals); i++) {
        r = install_one(trap_signals[i], &trap_before[i]);
    }
    pthread_mutex_unlock(&trap_lock);
    return r;
}

void os_trap_push(struct os_trap *trap)
{
    trap->outer = trap_newest;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    trap_newest = trap;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

void os_trap_pop(struct os_trap *trap)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    trap_newest = trap->outer;
}
