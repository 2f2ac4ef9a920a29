/*
 * The state of a container as JSON: what `state` prints, what hooks read from their standard input,
 * one element of `list --format json`, and what a seccomp listener is sent. OCI's members come with
 * those that runc adds. All functions are pure.
 */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "json/json_doc.h"

struct json_writer;

enum spec_status {
    SPEC_STATUS_CREATING,
    SPEC_STATUS_CREATED,
    SPEC_STATUS_RUNNING,
    SPEC_STATUS_PAUSED,
    SPEC_STATUS_STOPPED,
    SPEC_STATUS_COUNT,
};

struct spec_state { /* strings are the caller's; NULL members are left out */
    const char *oci_version;
    const char *id;
    enum spec_status status;
    int32_t pid; /* 0 is written: no process */
    const char *bundle;
    const char *rootfs;  /* runc's */
    const char *created; /* runc's: RFC 3339 */
    const char *owner;   /* runc's: written when not NULL, even if empty */
    struct json_pair *annotations;
    size_t annotations_count;
};

/* "running" ...: static storage. */
const char *spec_status_name(enum spec_status status);

/* Appends the state as one object; indent 0: on one line. Returns 0 or the buffer's failure. */
int spec_state_write(const struct spec_state *state, unsigned indent, struct st_buf *to);

/* The same as one value of a larger document. */
void spec_state_put(const struct spec_state *state, struct json_writer *w);

/* Appends the containerProcessState that goes with the descriptor of a seccomp listener: one
 * descriptor called "seccompFd". metadata may be NULL. */
int spec_seccomp_state_write(const struct spec_state *state, int32_t pid, const char *metadata,
                             struct st_buf *to);
