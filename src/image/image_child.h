/*
 * A program of the host that runs, as a stream of what it writes. Its standard error is ours. It is
 * sent SIGTERM when this process dies, so that it can clean up.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct image_child {
    int fd;
    int pidfd;
    const char *name;
    bool over; /* it was waited for */
};

/* Starts argv[0], a path, with argv, which ends with NULL. -ST_ENOENT: there is no such program. */
int image_child_start(struct image_child *child, const char *const *argv);

/* Waits; its exit status as a shell says it. Once only. */
int image_child_wait(struct image_child *child);

/* Stops it if it was not waited for, and lets go of it. Also for one that did not start, with both
 * descriptors -1. */
void image_child_end(struct image_child *child);

/* Reads as image_import_stream wants it: context is the struct image_child. At the end it waits,
 * and -ST_ECHILD is returned when the program failed: its output is none then. */
ssize_t image_child_read(void *context, void *to, size_t size);

/* Runs a program to its end and appends what it writes to `to`. -ST_ECHILD when it failed,
 * -ST_ENOENT when there is none, or the buffer's failure. */
int image_child_run(const char *const *argv, struct st_buf *to);
