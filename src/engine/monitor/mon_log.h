/*
 * The log of an instance in the format of docker's json-file driver: one JSON object a line,
 *
 *     {"log":"text\n","stream":"stdout","time":"2026-01-31T12:00:00.000000000Z"}
 *
 * A line longer than MON_LOG_LINE is cut into several objects, of which only the last has the \n.
 * Rotation: LOG, LOG.1 (the one before), LOG.2 ... Whatever cannot be written is lost; the instance
 * goes on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MON_LOG_LINE 16384

struct mon_log_stream {
    size_t length; /* of an unfinished line */
    char line[MON_LOG_LINE];
};

struct mon_log {
    const char *path; /* NULL: no log */
    int fd;
    int64_t size;
    int64_t max_bytes; /* 0: none */
    int64_t max_files;
    struct mon_log_stream streams[2];
};

/* Opens the log for appending. */
int mon_log_open(struct mon_log *log, const char *path, int64_t max_bytes, int64_t max_files);

/* Takes bytes of standard output (stream 1) or standard error (2). */
void mon_log_write(struct mon_log *log, int stream, const char *bytes, size_t length);

/* Writes unfinished lines as they are. */
void mon_log_flush(struct mon_log *log);
