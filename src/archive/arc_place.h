/*
 * Where a copy comes from and goes to, by docker cp's rules: a trailing "/." means the content, a
 * target that is a folder takes the source in. Paths are the host's, or are resolved by the kernel
 * inside a root. Any thread.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "os/os_file.h"

/* A path taken apart. */
struct arc_place {
    int root;     /* AT_FDCWD for the host */
    char *parent; /* the folder that the last part is in */
    char *last;   /* "." for a root */
    bool content; /* it ended in "/." */
    bool slash;   /* it ended in "/" */
    bool exists;
    struct stat stat; /* links followed */
};

/* Takes the path apart; place->root is set. 0 or -ST_ENOMEM. arc_place_done is due in any case. */
int arc_split(struct arc_place *place, const char *path);
/* The same, and looks whether it is there. 0 also where it is not. */
int arc_look(struct arc_place *place, int root, const char *path);
void arc_place_done(struct arc_place *place);

/* Opens the place itself, a folder. */
int arc_open_whole(const struct arc_place *place);

/* Where the source goes: into which folder (the caller closes it) and under which name (NULL: its
 * content alone). Of the source the mode, `last` and `content` count. */
int arc_choose(const struct arc_place *source, const struct arc_place *target, int *ret_into,
               const char **ret_as, struct st_err *err);

/* Packs the source under the name `as` (NULL: its content) as arc_pack does. */
int arc_pack_place(const struct arc_place *source, const char *as, bool follow, int fd,
                   struct st_err *err);
