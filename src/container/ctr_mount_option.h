/* The options of a mount in config.json, from their table (config.md, "Linux mount options") to the
 * flags of the mount calls. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct spec_mount;

/* The longest data text that mount(2) takes. */
enum { CTR_MOUNT_DATA_MAX = 4095 };

struct ctr_mount_options {
    bool bind;             /* a bind mount, by type or option */
    bool bind_recursive;   /* rbind */
    bool copy_up;          /* tmpcopyup */
    bool idmap;            /* idmap, ridmap, or the mount has mappings */
    bool idmap_recursive;  /* ridmap */
    unsigned long flags;   /* MS_* for a new mount of a file system, RDONLY and the like included */
    uint64_t set, clear;   /* MOUNT_ATTR_* of the mount itself */
    uint64_t rset, rclear; /* MOUNT_ATTR_* of it and all below: rro ... */
    uint64_t propagation;  /* MS_SHARED, MS_SLAVE, MS_PRIVATE, MS_UNBINDABLE or 0 */
    bool propagation_recursive;
    struct st_buf data; /* of the file system: "size=64k,mode=1777" */
};

/* Reads the options of a mount. The caller frees with ctr_mount_options_done, also after a failure:
 * -ST_ELIMIT for data longer than CTR_MOUNT_DATA_MAX, -ST_ENOMEM. */
int ctr_mount_options_read(const struct spec_mount *mount, struct ctr_mount_options *ret_options,
                           struct st_err *err);

void ctr_mount_options_done(struct ctr_mount_options *options);

static inline void st_cleanup_ctr_mount_options(struct ctr_mount_options *options)
{
    ctr_mount_options_done(options);
}

/* The name of a known option, in the order of the alphabet; NULL after the last. For `features`. */
const char *ctr_mount_option_name(size_t index);

/* Propagation by name ("rslave"): MS_* with MS_REC for the recursive forms; 0 for another text. */
unsigned long ctr_mount_propagation(const char *name);
