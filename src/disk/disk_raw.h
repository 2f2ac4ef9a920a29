/*
 * A raw image file or block device as a virtual disk: io_uring, or threads that call pread and
 * pwrite where it is not allowed. Data goes through the host's page cache; a flush is fdatasync.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "os/os_loop.h"
#include "platform/plat_backend.h"

struct disk_raw;

struct disk_raw_config {
    const char *path;
    bool read_only;
    bool no_uring;        /* use threads */
    const char *serial;   /* at most 20 bytes; NULL: none */
    struct os_loop *loop; /* serves it; its lock is the device lock */
};

/* Opens and locks it: a disk that is written has one user, one that is only read has readers alone.
 * -ST_EBUSY: another has it; -ST_EINVAL: not a whole number of 512-byte sectors, or empty; *err has
 * the line. Lock held. */
int disk_raw_open(const struct disk_raw_config *config, struct disk_raw **ret_disk,
                  struct st_err *err) ST_MUST_CHECK;

/* What a device is given. Lives as long as the disk. */
struct plat_block *disk_raw_block(struct disk_raw *disk);

/* Nothing is in flight. NULL allowed. Lock held. */
void disk_raw_close(struct disk_raw *disk);

/* "io_uring" or "threads". */
const char *disk_raw_method(const struct disk_raw *disk);
