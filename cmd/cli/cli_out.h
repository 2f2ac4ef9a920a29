/*
 * Output of programs: whole texts to standard output and standard error, without stdio.
 *
 * A text goes out in one write where the kernel takes it at once, so that lines of concurrent
 * programs do not mix. Any thread.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Writes everything. Returns 0 or the write's -errno; a full pipe is waited for. */
int cli_write(int fd, const void *bytes, size_t length);

/* Writes a text, respectively a formatted one of up to 8 KiB (longer: cut), to standard output.
 * Return 0 or -errno. */
int cli_text_out(const char *text);
int cli_printf(const char *format, ...) ST_PRINTF(1, 2);

/* Writes the buffer to standard output. Returns 0, the buffer's own failure or -errno. */
int cli_buf_out(const struct st_buf *buf);

/* "program: message" and, if there is one, a line with the hint, to standard error. */
void cli_print_error(const char *program, const struct st_err *err);

/* "program: warning: text" to standard error. */
void cli_warn(const char *program, const char *format, ...) ST_PRINTF(2, 3);
