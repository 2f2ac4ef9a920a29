/*
 * Log lines (-Xlog): which lines there are, where they go and what stands before them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Less is more urgent. */
enum jdk_log_level {
    JDK_LOG_OFF,
    JDK_LOG_ERROR,
    JDK_LOG_WARNING,
    JDK_LOG_INFO,
    JDK_LOG_DEBUG,
    JDK_LOG_TRACE
};

/* The lines that there are: gc, class,load and so on, by number from 0. */
uint32_t jdk_log_kinds(void);
const char *jdk_log_kind_tags(uint32_t kind);

/* Whether lines with those tags go anywhere. */
bool jdk_log_wants(const char *tags);
/* Says where they go to standard output or not, whatever -Xlog said; for the management beans. */
void jdk_log_set(const char *tags, bool on);

/* Writes a line at its level; `jdk_log_line` is at the one that its tags have. */
void jdk_log_line(const char *tags, const char *line);
void jdk_log_at(enum jdk_log_level level, const char *tags, const char *line);
void jdk_log_print(enum jdk_log_level level, const char *tags, const char *format, ...)
    ST_PRINTF(3, 4);

/* Everything is off, on all outputs. */
void jdk_log_disable(void);
/* The output of a name: stdout, stderr or file=NAME, which is opened now; that of a number: "#1",
 * from 0. What there is to say about it, lines, is added to `said`. -ST_EINVAL, -ST_ENOMEM and what
 * opening a file gives. */
int jdk_log_output(const char *name, const char *options, unsigned *ret_output,
                   struct st_buf *said) ST_MUST_CHECK;
int jdk_log_output_at(const char *number, const char *options, unsigned *ret_output,
                      struct st_buf *said) ST_MUST_CHECK;
/* What it takes of a kind; decorators as a set of bits. */
void jdk_log_take(unsigned output, uint32_t kind, enum jdk_log_level level);
void jdk_log_decorate(unsigned output, uint32_t decorators);

extern const char *const jdk_log_levels[]; /* by level */
/* Names of decorators, long and short, in the order in which they stand before a line. */
struct jdk_log_decorator {
    const char *name, *brief;
};
enum { JDK_LOG_DECORATORS = 12, JDK_LOG_USUAL = 1 << 2 | 1 << 10 | 1 << 11 };
extern const struct jdk_log_decorator jdk_log_decorators[JDK_LOG_DECORATORS];

/* What follows "-Xlog". A failure's lines stand in the log, its message is for standard error.
 * `ret_help`: it asked for help, which was printed. */
int jdk_log_option(const char *text, bool *ret_help, struct st_err *err) ST_MUST_CHECK;
