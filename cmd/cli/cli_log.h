/*
 * The log of a program that has runc's --log, --log-format and --debug: one line an event, appended
 * in one write, so that an engine that reads the file sees whole lines.
 *
 *     text  time="2024-05-06T07:08:09Z" level=error msg="..."
 *     json  {"level":"error","msg":"...","time":"2024-05-06T07:08:09Z"}
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

enum cli_level {
    CLI_LOG_DEBUG,
    CLI_LOG_INFO,
    CLI_LOG_WARNING,
    CLI_LOG_ERROR,
};

struct cli_log {
    int fd;     /* -1: nothing is logged */
    bool json;  /* else text */
    bool debug; /* CLI_LOG_DEBUG lines are written too */
};

#define CLI_LOG_NONE ((struct cli_log){.fd = -1})

/* Opens the file of --log for appending (created with mode 0644); NULL or "": standard error. */
int cli_log_open(struct cli_log *log, const char *path, bool json, bool debug, struct st_err *err);

/* Writes a line; a message longer than 4 KiB is cut. A failing write is nobody's concern. */
void cli_log(const struct cli_log *log, enum cli_level level, const char *format, ...)
    ST_PRINTF(3, 4);

/* As cli_log for a text that is ready. */
void cli_log_text(const struct cli_log *log, enum cli_level level, const char *message);
