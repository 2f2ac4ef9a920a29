/* Times, spans, states and ports as docker shows them to people. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/print.h"
#include "base/str.h"
#include "base/unit.h"
#include "engine/engine_priv.h"
#include "os/os_signal.h"

#define SECOND_NS INT64_C(1000000000)

int engine_signal_number(const char *name)
{
    return os_signal_number(name);
}

int engine_duration_text(int64_t span_ns, struct st_buf *to)
{
    long long seconds = span_ns / SECOND_NS;
    long long minutes = seconds / 60;
    long long hours = (seconds + 1800) / 3600;

    if (seconds < 1) {
        return st_buf_text(to, "Less than a second");
    }
    if (seconds == 1) {
        return st_buf_text(to, "1 second");
    }
    if (seconds < 60) {
        return st_buf_printf(to, "%lld seconds", seconds);
    }
    if (minutes == 1) {
        return st_buf_text(to, "About a minute");
    }
    if (minutes < 60) {
        return st_buf_printf(to, "%lld minutes", minutes);
    }
    if (hours == 1) {
        return st_buf_text(to, "About an hour");
    }
    if (hours < 48) {
        return st_buf_printf(to, "%lld hours", hours);
    }
    if (hours < 24 * 7 * 2) {
        return st_buf_printf(to, "%lld days", hours / 24);
    }
    if (hours < 24 * 30 * 2) {
        return st_buf_printf(to, "%lld weeks", hours / 24 / 7);
    }
    if (hours < 24 * 365 * 2) {
        return st_buf_printf(to, "%lld months", hours / 24 / 30);
    }
    return st_buf_printf(to, "%lld years", hours / 24 / 365);
}

int engine_status_text(const struct engine_item *item, int64_t now_ns, struct st_buf *to)
{
    const struct engine_state *state = &item->state;

    switch (state->status) {
    case ENGINE_CREATED:
        return st_buf_text(to, "Created");
    case ENGINE_REMOVING:
        return st_buf_text(to, "Removal In Progress");
    case ENGINE_DEAD:
        return st_buf_text(to, "Dead");
    case ENGINE_RUNNING:
    case ENGINE_PAUSED:
        st_buf_text(to, "Up ");
        engine_duration_text(now_ns - state->started_ns, to);
        return st_buf_text(to, state->status == ENGINE_PAUSED ? " (Paused)" : "");
    case ENGINE_RESTARTING:
    case ENGINE_EXITED:
        st_buf_printf(to, "%s (%d) ", state->status == ENGINE_RESTARTING ? "Restarting" : "Exited",
                      state->exit_code);
        engine_duration_text(now_ns - state->finished_ns, to);
        return st_buf_text(to, " ago");
    }
    ST_UNREACHABLE();
}

static void add_word(struct st_buf *to, const char *word)
{
    bool quoted = strchr(word, ' ') != NULL;

    st_buf_printf(to, "%s%s%s%s", to->length > 0 ? " " : "", quoted ? "'" : "", word,
                  quoted ? "'" : "");
}

int engine_command_text(const struct engine_config *config, struct st_buf *to)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    const struct engine_process *process = &config->process;

    for (size_t i = 0; i < process->entrypoint_count; i++) {
        add_word(&text, process->entrypoint[i]);
    }
    for (size_t i = 0; i < process->cmd_count; i++) {
        add_word(&text, process->cmd[i]);
    }
    return st_buf_text(to, st_buf_string(&text));
}

/* ---- ports ---- */

static int compare_bindings(const void *a, const void *b)
{
    const struct engine_binding *x = a;
    const struct engine_binding *y = b;
    int order = strcmp(x->host_address, y->host_address);

    order = order != 0 ? order : strcmp(x->protocol, y->protocol);
    order = order != 0 ? order : (x->port > y->port) - (x->port < y->port);
    return order != 0 ? order : (x->host_port > y->host_port) - (x->host_port < y->host_port);
}

/* How many bindings from `first` on are one range: "80-82->80-82/tcp". */
static size_t range_length(const struct engine_binding *first, size_t left)
{
    size_t n = 1;

    while (n < left && strcmp(first[n].host_address, first->host_address) == 0 &&
           strcmp(first[n].protocol, first->protocol) == 0 && first[n].port == first->port + n &&
           first[n].host_port == first->host_port + n && first->port == first->host_port) {
        n++;
    }
    return n;
}

static bool is_bound(const struct engine_binding *bindings, size_t count, const char *exposed)
{
    for (size_t i = 0; i < count; i++) {
        char text[16];
        st_snprintf(text, sizeof(text), "%u/%s", bindings[i].port, bindings[i].protocol);
        if (st_streq(text, exposed)) {
            return true;
        }
    }
    return false;
}

int engine_ports_text(struct engine_instance *instance, const struct engine_state *state,
                      struct st_buf *to)
{
    const struct engine_network *network = &engine_instance_config(instance)->network;
    st_auto(free) struct engine_binding *bindings = NULL;
    const char *comma = "";

    if (state->status != ENGINE_RUNNING && state->status != ENGINE_PAUSED) {
        return 0;
    }
    int r = engine_ports(instance, &bindings, NULL);
    size_t count = r > 0 ? (size_t)r : 0;
    if (count > 0) {
        qsort(bindings, count, sizeof(*bindings), compare_bindings);
    }
    for (size_t i = 0; i < count;) {
        const struct engine_binding *b = &bindings[i];
        size_t n = range_length(b, count - i);
        unsigned last = (unsigned)n - 1;
        if (n == 1) {
            st_buf_printf(to, "%s%s:%u->%u/%s", comma, b->host_address, b->host_port, b->port,
                          b->protocol);
        } else {
            st_buf_printf(to, "%s%s:%u-%u->%u-%u/%s", comma, b->host_address, b->host_port,
                          b->host_port + last, b->port, b->port + last, b->protocol);
        }
        comma = ", ";
        i += n;
    }
    for (size_t i = 0; i < network->exposed_count; i++) {
        if (!is_bound(bindings, count, network->exposed[i])) {
            st_buf_printf(to, "%s%s", comma, network->exposed[i]);
            comma = ", ";
        }
    }
    return st_buf_status(to);
}

/* ---- times ---- */

/* Exactly `digits` digits. */
static bool take_number(const char **at, int digits, int *ret_number)
{
    int number = 0;

    for (int i = 0; i < digits; i++, (*at)++) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        number = number * 10 + (**at - '0');
    }
    *ret_number = number;
    return true;
}

static bool take(const char **at, char c)
{
    bool found = **at == c;
    *at += found;
    return found;
}

/* ".123456789" or nothing, as nanoseconds. */
static bool take_fraction(const char **at, int64_t *ret_ns)
{
    int64_t weight = SECOND_NS / 10;

    *ret_ns = 0;
    if (!take(at, '.')) {
        return true;
    }
    if (**at < '0' || **at > '9') {
        return false;
    }
    for (; **at >= '0' && **at <= '9'; (*at)++, weight /= 10) {
        *ret_ns += (**at - '0') * weight;
    }
    return true;
}

/* "Z", "+02:00" or nothing. *ret_local: nothing. */
static bool take_zone(const char **at, bool *ret_local, int *ret_seconds)
{
    int hours = 0;
    int minutes = 0;
    int sign = **at == '-' ? -1 : 1;

    *ret_local = **at == '\0';
    *ret_seconds = 0;
    if (*ret_local || take(at, 'Z')) {
        return true;
    }
    if ((!take(at, '+') && !take(at, '-')) || !take_number(at, 2, &hours) || !take(at, ':') ||
        !take_number(at, 2, &minutes)) {
        return false;
    }
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* 2024-01-02 */
static bool take_date(const char **at, struct tm *tm)
{
    if (!take_number(at, 4, &tm->tm_year) || !take(at, '-') || !take_number(at, 2, &tm->tm_mon) ||
        !take(at, '-') || !take_number(at, 2, &tm->tm_mday)) {
        return false;
    }
    tm->tm_year -= 1900;
    tm->tm_mon -= 1;
    return tm->tm_year >= 70 && tm->tm_mon >= 0 && tm->tm_mon <= 11 && tm->tm_mday >= 1 &&
           tm->tm_mday <= 31;
}

/* T15:04[:05[.123]], or nothing. */
static bool take_clock(const char **at, struct tm *tm, int64_t *ret_fraction_ns)
{
    if (!take(at, 'T')) {
        return true;
    }
    if (!take_number(at, 2, &tm->tm_hour) || !take(at, ':') || !take_number(at, 2, &tm->tm_min) ||
        tm->tm_hour > 23 || tm->tm_min > 59) {
        return false;
    }
    if (!take(at, ':')) {
        return true;
    }
    return take_number(at, 2, &tm->tm_sec) && tm->tm_sec <= 60 &&
           take_fraction(at, ret_fraction_ns);
}

/* 2024-01-02[T15:04[:05[.123]]][Z|+02:00] */
static bool parse_date(const char *at, int64_t *ret_ns)
{
    struct tm tm = {.tm_isdst = -1};
    int64_t fraction = 0;
    int zone = 0;
    bool local = true;

    if (!take_date(&at, &tm) || !take_clock(&at, &tm, &fraction) ||
        !take_zone(&at, &local, &zone) || *at != '\0') {
        return false;
    }
    time_t seconds = local ? mktime(&tm) : timegm(&tm) - zone;
    if (seconds < 0 || seconds > INT64_MAX / SECOND_NS - 1) {
        return false;
    }
    *ret_ns = (int64_t)seconds * SECOND_NS + fraction;
    return true;
}

int engine_parse_time(const char *text, int64_t now_ns, int64_t *ret_ns, struct st_err *err)
{
    uint64_t span;
    int64_t seconds;
    int64_t fraction = 0;
    char whole[24];
    size_t digits = strspn(text, "0123456789");
    const char *rest = text + digits;

    if (st_parse_duration(text, &span) == 0 && !st_streq(text, "0")) {
        *ret_ns = span < (uint64_t)now_ns ? now_ns - (int64_t)span : 0;
        return 0;
    }
    if (digits > 0 && digits < sizeof(whole) && (*rest == '\0' || *rest == '.')) {
        memcpy(whole, text, digits);
        whole[digits] = '\0';
        if (st_parse_i64(whole, 0, INT64_MAX / SECOND_NS - 1, &seconds) == 0 &&
            take_fraction(&rest, &fraction) && *rest == '\0') {
            *ret_ns = seconds * SECOND_NS + fraction;
            return 0;
        }
    }
    if (parse_date(text, ret_ns)) {
        return 0;
    }
    return st_fail(err, ST_EINVAL,
                   "invalid time \"%s\": it must be a span such as 10m, a date such as "
                   "2024-01-02T15:04:05, or seconds since 1970",
                   text);
}
