/* io_uring: see os_uring.h. */
#include "os/os_uring.h"

#include <liburing.h>
#include <stdlib.h>

#include "os/os_priv.h"

struct os_uring {
    struct io_uring ring;
};

/* liburing returns -errno itself. */
static int failing_as(int result)
{
    if (result < 0) {
        errno = -result;
        return -1;
    }
    return result;
}

int os_uring_new(unsigned entries, int event, struct os_uring **ret_ring)
{
    struct os_uring *ring = calloc(1, sizeof *ring);
    int r;

    if (ring == NULL) {
        return -ST_ENOMEM;
    }
    r = OS_CALL(failing_as(io_uring_queue_init(entries, &ring->ring, 0)));
    if (r < 0) {
        free(ring);
        return r;
    }
    r = OS_CALL(failing_as(io_uring_register_eventfd(&ring->ring, event)));
    if (r < 0) {
        os_uring_free(ring);
        return r;
    }
    *ret_ring = ring;
    return 0;
}

void os_uring_free(struct os_uring *ring)
{
    if (ring != NULL) {
        io_uring_queue_exit(&ring->ring);
        free(ring);
    }
}

int os_uring_queue(struct os_uring *ring, enum os_uring_op op, int fd, const struct iovec *parts,
                   unsigned parts_count, uint64_t at, uint64_t size, int mode, void *token)
{
    struct io_uring_sqe *entry = io_uring_get_sqe(&ring->ring);

    if (entry == NULL) {
        return -ST_EAGAIN;
    }
    switch (op) {
    case OS_URING_READ:
        io_uring_prep_readv(entry, fd, parts, parts_count, at);
        break;
    case OS_URING_WRITE:
        io_uring_prep_writev(entry, fd, parts, parts_count, at);
        break;
    case OS_URING_DATASYNC:
        io_uring_prep_fsync(entry, fd, IORING_FSYNC_DATASYNC);
        break;
    case OS_URING_FALLOCATE:
        io_uring_prep_fallocate(entry, fd, mode, (off_t)at, (off_t)size);
        break;
    }
    io_uring_sqe_set_data(entry, token);
    return 0;
}

int os_uring_submit(struct os_uring *ring)
{
    return OS_RETRY(failing_as(io_uring_submit(&ring->ring)));
}

bool os_uring_next(struct os_uring *ring, void **ret_token, int *ret_result)
{
    struct io_uring_cqe *entry;

    if (io_uring_peek_cqe(&ring->ring, &entry) < 0) {
        return false;
    }
    *ret_token = io_uring_cqe_get_data(entry);
    *ret_result = entry->res;
    io_uring_cqe_seen(&ring->ring, entry);
    return true;
}
