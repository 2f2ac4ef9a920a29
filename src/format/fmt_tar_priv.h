/* Between the files of the tar reader. */
#pragma once

#include "format/fmt_tar.h"

/* A header block as it is, before names and extended headers are applied. */
struct fmt_tar_raw {
    char type; /* the typeflag */
    bool is_gnu;
    bool is_ustar;
    uint32_t mode;
    uint64_t uid;
    uint64_t gid;
    uint64_t size;
    int64_t mtime_s;
    uint64_t device_major;
    uint64_t device_minor;
};

/* Checks the sum of the block and reads its numbers. */
int fmt_tar_read_block(const uint8_t block[FMT_TAR_BLOCK], struct fmt_tar_raw *ret_raw,
                       struct st_err *err);

/* A number field: octal text or base 256. */
int fmt_tar_read_number(const uint8_t *field, size_t size, int64_t *ret_number);

/* Names of the block, into tar->path and tar->link. */
int fmt_tar_block_names(struct fmt_tar *tar, const uint8_t block[FMT_TAR_BLOCK],
                        const struct fmt_tar_raw *raw, struct st_err *err);

/* What extended headers change beyond the entry itself. */
struct fmt_tar_extended {
    bool has_size;
    uint64_t size;
    bool has_real_size;
    uint64_t real_size;
    bool is_sparse;
    bool has_sparse_name;
    uint64_t sparse_major;
    bool has_offset;
    uint64_t offset;
};

/* Applies global and then local records to tar->entry, tar->path, tar->link and tar->regions. */
int fmt_tar_apply_pax(struct fmt_tar *tar, struct fmt_tar_extended *extended, struct st_err *err);

/* Regions of an old GNU sparse header (count of them at `at`). */
int fmt_tar_old_regions(struct fmt_tar *tar, const uint8_t *at, unsigned count, struct st_err *err);

/* Reads the map of format 1.0 out of tar->map: 1 when it is complete, 0 when more is needed. */
int fmt_tar_read_map(struct fmt_tar *tar, struct st_err *err);

/* Are the regions ascending, within the file, and as long together as the payload? */
int fmt_tar_check_regions(const struct fmt_tar *tar, struct st_err *err);

int fmt_tar_add_region(struct fmt_tar *tar, uint64_t offset, uint64_t size);
