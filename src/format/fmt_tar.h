/*
 * Reading tar archives as a stream: ustar, GNU (long names, old sparse files, base-256 numbers) and
 * pax (POSIX.1-2017 pax, "pax Interchange Format"; extended attributes as SCHILY.xattr.NAME; GNU's
 * sparse formats 0.0, 0.1 and 1.0).
 *
 * The caller feeds memory as it comes, in pieces of any size, and gets one event at a time:
 *
 *     struct fmt_tar *tar = ...; fmt_tar_init(tar, realloc, free);
 *     for each piece:
 *         while ((r = fmt_tar_feed(tar, bytes, size, &used, err)) > FMT_TAR_MORE) {
 *             look at tar->entry or tar->data;
 *             bytes += used, size -= used;
 *         }
 *     r = fmt_tar_finish(tar, err);
 *
 * Nothing in an archive is trusted: names, attributes, extended headers and sparse maps are bounded
 * (FMT_TAR_MAX_*), names never contain a zero byte and are never empty. Whether a name leaves the
 * folder that one unpacks into is for the caller to judge. No function here does I/O.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum {
    FMT_TAR_BLOCK = 512,
    FMT_TAR_MAX_NAME = 4096,      /* bytes of a path or link target */
    FMT_TAR_MAX_PAX = 1 << 20,    /* bytes of one extended header */
    FMT_TAR_MAX_GLOBAL = 1 << 16, /* bytes of all global extended headers that are kept */
    FMT_TAR_MAX_XATTRS = 128,     /* attributes of one entry */
    FMT_TAR_MAX_XATTR = 1 << 16,  /* bytes of one attribute */
    FMT_TAR_MAX_REGIONS = 1 << 18 /* regions of one sparse file */
};

enum fmt_tar_type {
    FMT_TAR_FILE,
    FMT_TAR_HARD_LINK,
    FMT_TAR_SYMLINK,
    FMT_TAR_CHAR,
    FMT_TAR_BLOCK_DEVICE,
    FMT_TAR_FOLDER,
    FMT_TAR_FIFO,
};

struct fmt_tar_xattr {
    const char *name;
    const uint8_t *value;
    size_t size;
};

struct fmt_tar_entry {
    enum fmt_tar_type type;
    const char *path; /* as in the archive; ends with a zero */
    const char *link; /* target of a hard or symbolic link, else "" */
    uint32_t mode;    /* permission bits, 07777 */
    uint32_t uid;
    uint32_t gid;
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint64_t size; /* of the file as it will be, holes included; 0 unless FMT_TAR_FILE */
    uint32_t device_major;
    uint32_t device_minor;
    bool sparse; /* parts of the file may come in no FMT_TAR_DATA: they are holes */
    size_t xattr_count;
    const struct fmt_tar_xattr *xattrs;
};

enum fmt_tar_event {
    FMT_TAR_MORE,      /* everything was used: feed the next piece */
    FMT_TAR_ENTRY,     /* tar->entry, valid until the event after its FMT_TAR_ENTRY_END */
    FMT_TAR_DATA,      /* tar->data, of a FMT_TAR_FILE */
    FMT_TAR_ENTRY_END, /* comes after each entry's data */
    FMT_TAR_END,       /* the archive is over; what follows it is padding */
};

struct fmt_tar_region { /* of a sparse file: bytes that the archive holds */
    uint64_t offset;
    uint64_t size;
};

/* Embedded by the caller (about 2 KiB beside what it allocates). Only `entry` and `data` are for
 * reading; the rest is private. */
struct fmt_tar {
    struct fmt_tar_entry entry;
    struct {
        const uint8_t *bytes; /* inside the piece that was fed */
        size_t size;
        uint64_t offset; /* in the file */
    } data;

    int state;
    int after_padding;
    uint8_t block[FMT_TAR_BLOCK];
    size_t block_used;
    uint64_t left;    /* bytes of the current payload that are to come */
    uint64_t padding; /* bytes to its block's end */
    int zero_blocks;
    uint64_t entries;

    struct st_buf path;
    struct st_buf link;
    struct st_buf long_path; /* of a GNU 'L' header, for the next entry */
    struct st_buf long_link;
    struct st_buf pax;
    struct st_buf global;
    struct st_buf map;     /* text of a sparse map in format 1.0 */
    struct st_buf regions; /* of struct fmt_tar_region */
    struct st_buf *payload;
    char payload_type;
    bool has_long_path;
    bool has_long_link;
    bool has_pax;
    struct fmt_tar_xattr xattrs[FMT_TAR_MAX_XATTRS];

    size_t region;         /* the one that data belongs to */
    uint64_t region_done;  /* bytes of it that came */
    uint64_t stored_bytes; /* payload of the entry */
    uint64_t real_size;
    bool map_in_data;
    bool has_map_count;
    uint64_t map_left; /* regions that the text of the map has yet to give */
};

/* resize and release are realloc and free, or what works like them. */
void fmt_tar_init(struct fmt_tar *tar, void *(*resize)(void *old, size_t size),
                  void (*release)(void *old));
void fmt_tar_done(struct fmt_tar *tar);

/* Uses up a part of bytes and says what it found: an enum fmt_tar_event, *ret_used bytes were used
 * (also with an event). -ST_ECORRUPT, -ST_ELIMIT, -ST_EUNSUPPORTED or -ST_ENOMEM: the archive
 * cannot be read on, feed nothing more. */
int fmt_tar_feed(struct fmt_tar *tar, const uint8_t *bytes, size_t size, size_t *ret_used,
                 struct st_err *err);

/* Right after FMT_TAR_ENTRY: the entry's data, as it lies in the archive, need not be fed. Returns
 * how many bytes the caller is to leave out; FMT_TAR_ENTRY_END follows. */
uint64_t fmt_tar_skip(struct fmt_tar *tar);

/* The input is at its end: 0, or -ST_ECORRUPT when the archive isn't. */
int fmt_tar_finish(const struct fmt_tar *tar, struct st_err *err);
