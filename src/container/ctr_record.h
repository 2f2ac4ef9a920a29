/*
 * What is kept of a container while it exists: the text of its state file.
 *
 *     strata-oci 1 <bytes of the record> <bytes of the config>\n
 *     {"id": ..., "pid": ...}\n
 *     <the config.json that it was created from, byte for byte>
 *
 * Reading is pure and checks everything, since the file outlives the program that wrote it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

struct json_doc;
struct json_pair;

/* The largest state file: a config of the largest size and its record. */
#define CTR_RECORD_MAX_BYTES ((17u << 20))

struct ctr_record {
    const char *id;
    const char *bundle;      /* absolute */
    const char *rootfs;      /* absolute */
    const char *cgroup;      /* ctr_cgroup's text */
    const char *oci_version; /* of the config */
    pid_t pid;               /* of the container's first process, in the runtime's namespace */
    uint64_t start_ticks;    /* and its start time, see os_process_start_time */
    uint64_t created_ns;     /* since 1970 */
    bool no_new_keyring;     /* exec keeps the caller's session keyring too */
    uint32_t uid;            /* who made it */
    struct json_pair *annotations;
    size_t annotations_count;
    const char *config; /* the text of config.json; not zero-terminated */
    size_t config_length;
    struct json_doc *doc; /* owns the strings of one that was read */
};

/* Reads a state file's text; config points into it. Returns 0; -ST_EVERSION for another version's,
 * -ST_ECORRUPT with what is wrong, -ST_ENOMEM. */
int ctr_record_read(const char *text, size_t length, struct ctr_record *ret_record,
                    struct st_err *err);

/* Frees what ctr_record_read made. */
void ctr_record_done(struct ctr_record *record);

/* Appends everything but the config. Returns 0 or the buffer's failure. */
int ctr_record_write(const struct ctr_record *record, struct st_buf *to);
