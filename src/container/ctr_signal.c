/* Signals by name: see ctr_signal.h. */
#include "container/ctr_signal.h"

#include <signal.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

static const struct {
    const char *name;
    int number;
} names[] = {
    {"ABRT", SIGABRT}, {"ALRM", SIGALRM}, {"BUS", SIGBUS},       {"CHLD", SIGCHLD},
    {"CLD", SIGCHLD},  {"CONT", SIGCONT}, {"FPE", SIGFPE},       {"HUP", SIGHUP},
    {"ILL", SIGILL},   {"INT", SIGINT},   {"IO", SIGIO},         {"IOT", SIGABRT},
    {"KILL", SIGKILL}, {"PIPE", SIGPIPE}, {"POLL", SIGIO},       {"PROF", SIGPROF},
    {"PWR", SIGPWR},   {"QUIT", SIGQUIT}, {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT},
    {"STOP", SIGSTOP}, {"SYS", SIGSYS},   {"TERM", SIGTERM},     {"TRAP", SIGTRAP},
    {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU},     {"URG", SIGURG},
    {"USR1", SIGUSR1}, {"USR2", SIGUSR2}, {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
};

/* What the kernel calls SIGRTMIN and SIGRTMAX, as engines do; the C library keeps two to itself. */
enum { RT_MIN = 34, RT_MAX = 64 };

static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* What follows prefix in text, whatever its case; NULL when text does not begin with it. */
static const char *after(const char *text, const char *prefix)
{
    while (*prefix != '\0') {
        if (upper(*text++) != *prefix++) {
            return NULL;
        }
    }
    return text;
}

static int real_time_number(const char *rest, char sign, int base)
{
    uint64_t offset = 0;
    if (rest[0] != '\0' &&
        (rest[0] != sign || st_parse_u64(rest + 1, 10, RT_MAX - RT_MIN, &offset) < 0)) {
        return -ST_EINVAL;
    }
    return sign == '+' ? base + (int)offset : base - (int)offset;
}

int ctr_signal_number(const char *text)
{
    uint64_t number;
    if (st_parse_u64(text, 10, RT_MAX, &number) == 0) {
        return (int)number;
    }
    const char *name = after(text, "SIG");
    name = name == NULL ? text : name;
    for (size_t i = 0; i < ST_COUNT(names); i++) {
        const char *rest = after(name, names[i].name);
        if (rest != NULL && rest[0] == '\0') {
            return names[i].number;
        }
    }
    const char *rest = after(name, "RTMIN");
    if (rest != NULL) {
        return real_time_number(rest, '+', RT_MIN);
    }
    rest = after(name, "RTMAX");
    return rest != NULL ? real_time_number(rest, '-', RT_MAX) : -ST_EINVAL;
}
