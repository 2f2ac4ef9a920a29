/*
 * A machine's log: the last lines in a ring, and a sink of the program's. Lines that a guest can
 * cause must not fill anybody's disk, so all but errors are limited in number a second; what was
 * left out is counted and told. Any thread.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "base/buf.h"
#include "platform/platform.h"

enum { VMM_LOG_BYTES = 32 * 1024, VMM_LOG_LINES_A_SECOND = 20, VMM_LOG_BURST = 100 };

struct vmm_log {
    pthread_mutex_t lock;
    /* Takes one line without newline; NULL allowed. Called with the log's lock held. [I] */
    void (*sink)(void *argument, enum plat_level level, const char *line);
    void *argument;           /* [I] */
    enum plat_level level;    /* [I] what is less important is dropped */
    char ring[VMM_LOG_BYTES]; /* [l] lines, each with a newline */
    uint64_t written;         /* [l] bytes ever put into the ring */
    uint64_t refilled_ns;     /* [l] when tokens were last given */
    uint32_t tokens;          /* [l] lines that may come at once */
    uint32_t left_out;        /* [l] since the last line */
};

void vmm_log_init(struct vmm_log *log);
void vmm_log_done(struct vmm_log *log);

void vmm_log_line(struct vmm_log *log, enum plat_level level, const char *module, const char *text);

/* Appends the lines that the ring still has. The buffer's failure, or 0. */
int vmm_log_tail(struct vmm_log *log, struct st_buf *to);
