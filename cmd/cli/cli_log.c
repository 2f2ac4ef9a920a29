/* runc's log lines: see cli_log.h. */
#include "cli/cli_log.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_file.h"
#include "os/os_time.h"

int cli_log_open(struct cli_log *log, const char *path, bool json, bool debug, struct st_err *err)
{
    int fd = STDERR_FILENO;
    if (path != NULL && path[0] != '\0') {
        fd = os_open(path, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (fd < 0) {
            return st_fail_os(err, fd, "opening the log %s", path);
        }
    }
    *log = (struct cli_log){.fd = fd, .json = json, .debug = debug};
    return 0;
}

/* Appends text between double quotes; the escapes are JSON's, which logrus' text shares as far as
 * engines read it. */
static void quote(struct st_buf *to, const char *text)
{
    st_buf_char(to, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            st_buf_char(to, '\\');
            st_buf_char(to, (char)c);
        } else if (c == '\n') {
            st_buf_text(to, "\\n");
        } else if (c == '\t') {
            st_buf_text(to, "\\t");
        } else if (c < 0x20) {
            st_buf_printf(to, "\\u%04x", c);
        } else {
            st_buf_char(to, (char)c);
        }
    }
    st_buf_char(to, '"');
}

void cli_log_text(const struct cli_log *log, enum cli_level level, const char *message)
{
    static const char *const levels[] = {
        [CLI_LOG_DEBUG] = "debug",
        [CLI_LOG_INFO] = "info",
        [CLI_LOG_WARNING] = "warning",
        [CLI_LOG_ERROR] = "error",
    };
    if (log->fd < 0 || (level == CLI_LOG_DEBUG && !log->debug)) {
        return;
    }
    char now[OS_TIME_TEXT];
    st_auto(buf) struct st_buf line = ST_BUF_HEAP(1 << 16);
    os_time_rfc3339(os_realtime_ns(), now);
    if (log->json) {
        st_buf_printf(&line, "{\"level\":\"%s\",\"msg\":", levels[level]);
        quote(&line, message);
        st_buf_printf(&line, ",\"time\":\"%s\"}\n", now);
    } else {
        st_buf_printf(&line, "time=\"%s\" level=%s msg=", now, levels[level]);
        quote(&line, message);
        st_buf_char(&line, '\n');
    }
    if (st_buf_status(&line) == 0) {
        (void)cli_write(log->fd, line.data, line.length);
    }
}

void cli_log(const struct cli_log *log, enum cli_level level, const char *format, ...)
{
    char message[4096];
    va_list args;
    if (log->fd < 0 || (level == CLI_LOG_DEBUG && !log->debug)) {
        return;
    }
    va_start(args, format);
    st_vsnprintf(message, sizeof message, format, args);
    va_end(args);
    cli_log_text(log, level, message);
}
