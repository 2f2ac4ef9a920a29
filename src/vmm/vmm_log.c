/* A machine's log: see vmm_log.h. */
#include "vmm/vmm_log.h"

#include <string.h>

#include "base/print.h"
#include "os/os_time.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};

void vmm_log_init(struct vmm_log *log)
{
    pthread_mutex_init(&log->lock, NULL);
    log->tokens = VMM_LOG_BURST;
    log->refilled_ns = os_monotonic_ns();
}

void vmm_log_done(struct vmm_log *log)
{
    pthread_mutex_destroy(&log->lock);
}

static void put_locked(struct vmm_log *log, enum plat_level level, const char *module,
                       const char *text)
{
    char line[320];
    st_snprintf(line, sizeof line - 1, "%s %s: %s", level_names[level], module, text);
    /* A guest's bytes must not move anybody's cursor. */
    for (char *at = line; *at != 0; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '?';
        }
    }
    if (log->sink != NULL) {
        log->sink(log->argument, level, line);
    }
    size_t length = strlen(line);
    line[length++] = '\n';
    for (size_t i = 0; i < length; i++) {
        log->ring[log->written++ % VMM_LOG_BYTES] = line[i];
    }
}

/* Whether a line may go out now. */
static bool take_token_locked(struct vmm_log *log)
{
    const uint64_t a_token_ns = 1000000000U / VMM_LOG_LINES_A_SECOND;
    uint64_t now = os_monotonic_ns();
    uint64_t fresh = (now - log->refilled_ns) / a_token_ns;
    log->refilled_ns += fresh * a_token_ns;
    log->tokens = (uint32_t)ST_MIN(log->tokens + fresh, (uint64_t)VMM_LOG_BURST);
    if (log->tokens == 0) {
        log->left_out++;
        return false;
    }
    log->tokens--;
    return true;
}

void vmm_log_line(struct vmm_log *log, enum plat_level level, const char *module, const char *text)
{
    if (level > log->level) {
        return;
    }
    pthread_mutex_lock(&log->lock);
    if (level == PLAT_ERROR || take_token_locked(log)) {
        if (log->left_out > 0) {
            char note[64];
            st_snprintf(note, sizeof note, "%u lines left out", log->left_out);
            log->left_out = 0;
            put_locked(log, PLAT_WARN, "log", note);
        }
        put_locked(log, level, module, text);
    }
    pthread_mutex_unlock(&log->lock);
}

int vmm_log_tail(struct vmm_log *log, struct st_buf *to)
{
    pthread_mutex_lock(&log->lock);
    uint64_t from = log->written > VMM_LOG_BYTES ? log->written - VMM_LOG_BYTES : 0;
    bool whole = from == 0;
    for (uint64_t at = from; at < log->written; at++) {
        char c = log->ring[at % VMM_LOG_BYTES];
        if (whole) {
            (void)st_buf_char(to, c);
        }
        whole = whole || c == '\n'; /* the oldest line is half overwritten */
    }
    pthread_mutex_unlock(&log->lock);
    return st_buf_status(to);
}
