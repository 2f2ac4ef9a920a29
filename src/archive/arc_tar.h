/* Files and folders as tar streams on descriptors, for cp. */
#pragma once

#include <stdbool.h>

#include "base/err.h"

/* Writes dir/name (followed if it is a link and follow is set) to fd as an archive in which it is
 * called `as` (NULL: name); "." with as NULL: the folder's content alone. */
int arc_pack(int dir, const char *name, const char *as, bool follow, int fd, struct st_err *err);

struct arc_unpack {
    int into; /* the folder; nothing outside of it is touched, no link is followed */
    const char
        *as; /* the first part of every path is replaced by this, "": taken away; NULL: kept */
    bool keep_owner; /* else uid and gid below */
    uint32_t uid;
    uint32_t gid;
};

/* Unpacks the archive that is read from fd to its end. */
int arc_unpack(const struct arc_unpack *how, int fd, struct st_err *err);
