/*
 * Writing cpio archives in the "newc" form (SVR4, magic 070701), which the Linux kernel unpacks as
 * its initial RAM file system (kernel: Documentation/driver-api/early-userspace/buffer-format.rst).
 * Same input, same bytes: owners are 0, times 0, inode numbers count up. Pure.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct fmt_cpio {
    struct st_buf *to; /* the caller's: the archive so far */
    uint32_t inode;
};

/* Begins an archive that is appended to `to`, whose length is a multiple of 4. */
void fmt_cpio_begin(struct fmt_cpio *cpio, struct st_buf *to);

/* Appends an entry: mode is as st_mode has it (type and permissions); bytes are a file's content or
 * a link's target. name has no leading slash. 0; -ST_EINVAL: empty or absolute name; -ST_E2BIG: 4
 * GiB or more; or the buffer's failure. */
int fmt_cpio_add(struct fmt_cpio *cpio, const char *name, uint32_t mode, const void *bytes,
                 size_t size);

/* As fmt_cpio_add for a character or block device. */
int fmt_cpio_add_device(struct fmt_cpio *cpio, const char *name, uint32_t mode, uint32_t major,
                        uint32_t minor);

/* Appends the trailer. */
int fmt_cpio_end(struct fmt_cpio *cpio);
