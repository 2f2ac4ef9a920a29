/*
 * Work folders: where a command makes what does not exist yet, so that a command that is killed
 * leaves nothing elsewhere.
 *
 * A work folder `work/RANDOM/` is locked (flock) as long as the command lives that made it. What is
 * finished moves out of it by rename; the sweep that each command begins with removes every work
 * folder whose lock nobody holds. A folder that is marked (by a file `collect` in it) says in
 * addition that things were moved out of it, or out of use, that nothing refers to yet: then the
 * owner of the store looks for unreferenced things before the folder goes.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "os/os_file.h"

struct store_work {
    int parent_fd; /* the folder of all work folders; the caller's */
    int fd;        /* the work folder, locked */
    char name[20];
};

#define STORE_WORK_NONE ((struct store_work){.parent_fd = -1, .fd = -1})

/* Makes a work folder in parent_fd. */
int store_work_begin(int parent_fd, struct store_work *ret_work, struct st_err *err);

/* Marks it; durable against kill, not against power loss, after which the same renames are lost. */
int store_work_mark(struct store_work *work, struct st_err *err);

/* Removes it with all that is in it. Also for STORE_WORK_NONE. */
void store_work_end(struct store_work *work);

static inline void st_cleanup_store_work(struct store_work *work)
{
    store_work_end(work);
}

/* Removes what dead commands left. If a folder was marked, *ret_marked becomes true and *ret_work
 * holds it, locked by the caller now, who collects and then ends it (at most one is handed over;
 * the contents of all are gone). */
int store_work_sweep(int parent_fd, bool *ret_marked, struct store_work *ret_work,
                     struct st_err *err);
