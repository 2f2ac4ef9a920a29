/* Output of programs: see cli_out.h. */
#include "cli/cli_out.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_event.h"
#include "os/os_file.h"

int cli_write(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t n = os_write(fd, at, length);
        if (n == -ST_EAGAIN) {
            struct pollfd wait = {.fd = fd, .events = POLLOUT};
            n = os_poll(&wait, 1, -1);
            n = n > 0 || n == -ST_EINTR ? 0 : n;
        }
        if (n < 0) {
            return (int)n;
        }
        at += n;
        length -= (size_t)n;
    }
    return 0;
}

int cli_text_out(const char *text)
{
    return cli_write(STDOUT_FILENO, text, st_strlen(text));
}

static int write_formatted(int fd, const char *before, const char *format, va_list args)
{
    char text[8192];
    size_t n = st_snprintf(text, sizeof text, "%s", before);
    n += st_vsnprintf(text + n, sizeof text - n, format, args);
    n = ST_MIN(n, sizeof text - 1);
    return cli_write(fd, text, n);
}

int cli_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = write_formatted(STDOUT_FILENO, "", format, args);
    va_end(args);
    return r;
}

int cli_buf_out(const struct st_buf *buf)
{
    int r = st_buf_status(buf);
    return r < 0 ? r : cli_write(STDOUT_FILENO, buf->data, buf->length);
}

/* What a message quotes may come from strangers (names in an archive): it must neither steer the
 * terminal nor look like further lines. */
static void replace_controls(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f) {
            *text = '?';
        }
    }
}

void cli_print_error(const char *program, const struct st_err *err)
{
    char message[sizeof err->msg];
    char text[2048];
    (void)st_strcopy(message, sizeof message,
                     err->msg[0] != '\0' ? err->msg : st_strerror(err->code));
    replace_controls(message);
    size_t n = st_snprintf(text, sizeof text, "%s: %s\n%s%s", program, message, err->hint,
                           err->hint[0] != '\0' ? "\n" : "");
    (void)cli_write(STDERR_FILENO, text, ST_MIN(n, sizeof text - 1));
}

void cli_warn(const char *program, const char *format, ...)
{
    char message[1024];
    char text[1200];
    va_list args;
    va_start(args, format);
    st_vsnprintf(message, sizeof message, format, args);
    va_end(args);
    size_t n = st_snprintf(text, sizeof text, "%s: warning: %s\n", program, message);
    (void)cli_write(STDERR_FILENO, text, ST_MIN(n, sizeof text - 1));
}
