/* Signals by name: see os_signal.h. */
#include "os/os_signal.h"

#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/str.h"

#include "os/os_priv.h"

#define FIRST_REAL_TIME 34
#define LAST 64

#define SIGNAL(name)                                                                               \
    {                                                                                              \
        "SIG" #name, SIG##name                                                                     \
    }

static const struct {
    const char *name;
    int number;
} signals[] = {
    SIGNAL(HUP),  SIGNAL(INT),    SIGNAL(QUIT), SIGNAL(ILL),         SIGNAL(TRAP), SIGNAL(ABRT),
    SIGNAL(BUS),  SIGNAL(FPE),    SIGNAL(KILL), SIGNAL(USR1),        SIGNAL(SEGV), SIGNAL(USR2),
    SIGNAL(PIPE), SIGNAL(ALRM),   SIGNAL(TERM), SIGNAL(STKFLT),      SIGNAL(CHLD), SIGNAL(CONT),
    SIGNAL(STOP), SIGNAL(TSTP),   SIGNAL(TTIN), SIGNAL(TTOU),        SIGNAL(URG),  SIGNAL(XCPU),
    SIGNAL(XFSZ), SIGNAL(VTALRM), SIGNAL(PROF), SIGNAL(WINCH),       SIGNAL(IO),   SIGNAL(PWR),
    SIGNAL(SYS),  SIGNAL(IOT),    SIGNAL(POLL), {"SIGCLD", SIGCHLD},
};

static int real_time(const char *name)
{
    uint64_t distance = 0;
    bool from_first = strncasecmp(name, "RTMIN", 5) == 0;
    if (!from_first && strncasecmp(name, "RTMAX", 5) != 0) {
        return -ST_EINVAL;
    }
    if (name[5] != '\0' && (name[5] != (from_first ? '+' : '-') ||
                            st_parse_u64(name + 6, 10, LAST - FIRST_REAL_TIME, &distance) < 0)) {
        return -ST_EINVAL;
    }
    return from_first ? FIRST_REAL_TIME + (int)distance : LAST - (int)distance;
}

int os_signal_number(const char *text)
{
    uint64_t number;
    if (st_parse_u64(text, 10, LAST, &number) == 0) {
        return number > 0 ? (int)number : -ST_EINVAL;
    }
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (size_t i = 0; i < ST_COUNT(signals); i++) {
        if (strcasecmp(signals[i].name + 3, name) == 0) {
            return signals[i].number;
        }
    }
    return real_time(name);
}

int os_signal_fault(int number, os_fault_handler_t *handler, bool always)
{
    struct sigaction before;
    struct sigaction action = {.sa_sigaction = handler,
                               .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    (void)sigemptyset(&action.sa_mask);
    int r = OS_CALL(sigaction(number, NULL, &before));
    if (r < 0 || (before.sa_handler != SIG_DFL && !always)) {
        return r < 0 ? r : 1;
    }
    return OS_CALL(sigaction(number, &action, NULL));
}

const char *os_signal_name(int number)
{
    for (size_t i = 0; i < ST_COUNT(signals); i++) {
        if (signals[i].number == number) {
            return signals[i].name;
        }
    }
    return NULL;
}

int os_signal_handle(int number, os_signal_handler_t *handler, os_signal_handler_t **ret_before)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    struct sigaction before;
    sigfillset(&action.sa_mask);
    int r = OS_CALL(sigaction(number, &action, &before));
    if (r >= 0 && ret_before != NULL) {
        *ret_before = before.sa_handler;
    }
    return r;
}

int os_signal_handler(int number, os_signal_handler_t **ret_handler)
{
    struct sigaction now;
    int r = OS_CALL(sigaction(number, NULL, &now));
    if (r >= 0) {
        *ret_handler = now.sa_handler;
    }
    return r;
}
