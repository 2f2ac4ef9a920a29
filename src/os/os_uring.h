/*
 * File transfers by io_uring (liburing). One ring belongs to one user, whose lock it is under.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

struct os_uring;

enum os_uring_op { OS_URING_READ, OS_URING_WRITE, OS_URING_DATASYNC, OS_URING_FALLOCATE };

/* A ring for `entries` transfers at once; `event` is an eventfd that is written to at each
 * completion that os_uring_next has not yet seen. -ST_ENOSYS, -ST_EPERM: not to be had here, use
 * other means. */
int os_uring_new(unsigned entries, int event, struct os_uring **ret_ring) ST_MUST_CHECK;
/* Nothing is in flight. NULL allowed. */
void os_uring_free(struct os_uring *ring);

/* Queues a transfer; what it points to stays until it has completed. `mode` is FALLOCATE's.
 * -ST_EAGAIN: the ring is full. */
int os_uring_queue(struct os_uring *ring, enum os_uring_op op, int fd, const struct iovec *parts,
                   unsigned parts_count, uint64_t at, uint64_t size, int mode,
                   void *token) ST_MUST_CHECK;

/* Starts what is queued. 0 or -ST_Exxx. */
int os_uring_submit(struct os_uring *ring);

/* A completed transfer: its token and result (bytes, or -errno). false: none. */
bool os_uring_next(struct os_uring *ring, void **ret_token, int *ret_result);
