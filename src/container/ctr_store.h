/*
 * The folders of containers: <root>/<id>/ with
 *
 *     cgroup   a symbolic link with ctr_cgroup's text as target: what must be removed even when
 *              nothing else was written; made right after the folder, before the cgroup itself
 *     state    see ctr_record.h: written once, atomically, when the container is there
 *     start    the socket on which its first process waits to be started; gone once it was
 *     notify/  the socket of the sd_notify proxy
 *
 * A folder without `state` is what a killed `create` left. The lock of a container is flock on its
 * folder; readers of `state` need none.
 */
#pragma once

#include <stdbool.h>

#include "container/ctr_record.h"

enum { CTR_PATH_MAX = 4096 };

/* <root>/<id>/<name>; name may be "" for the folder itself. Returns 0 or -ST_ENAMETOOLONG. */
int ctr_store_path(const char *root, const char *id, const char *name, char ret_path[CTR_PATH_MAX],
                   struct st_err *err);

/* Makes the folder of a new container, and root where missing, and locks it. Returns 0 with the
 * folder's descriptor; -ST_EEXIST when there is such a container. */
int ctr_store_claim(const char *root, const char *id, const char *cgroup, int *ret_folder,
                    struct st_err *err);

/* Opens a container's folder, checked ID included. Locked: waits for the lock, which is held until
 * the descriptor is closed. -ST_ENOENT when there is no such container. */
int ctr_store_open(const char *root, const char *id, bool locked, int *ret_folder,
                   struct st_err *err);

int ctr_store_unlock(int folder);

int ctr_store_save(int folder, const struct ctr_record *record, struct st_err *err);

/* Reads `state` into text, to which the record points. -ST_ENODATA where there is none. */
int ctr_store_load(int folder, struct st_buf *text, struct ctr_record *ret_record,
                   struct st_err *err);

/* Appends the text of `cgroup`; nothing when there is none. */
int ctr_store_cgroup(int folder, struct st_buf *ret_text);

/* Removes the locked folder. */
int ctr_store_remove(const char *root, const char *id, int folder, struct st_err *err);
