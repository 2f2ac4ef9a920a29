/*
 * How transfers are carried out beside the vCPUs: by io_uring, or by a few threads. Requests are
 * started by disk_engine_kick and end on the event loop, or before disk_engine_kick returns where
 * the data was in the page cache. All functions: lock of the loop held.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "os/os_loop.h"
#include "platform/plat_backend.h"

struct disk_engine;

/* 0 or -ST_Exxx. */
int disk_engine_new(struct os_loop *loop, bool no_uring,
                    struct disk_engine **ret_engine) ST_MUST_CHECK;
/* Nothing is in flight. NULL allowed. */
void disk_engine_free(struct disk_engine *engine);
const char *disk_engine_method(const struct disk_engine *engine);

/* Takes a request on a file; its range was checked. */
void disk_engine_submit(struct disk_engine *engine, int fd, struct plat_block_request *request);
void disk_engine_kick(struct disk_engine *engine);
