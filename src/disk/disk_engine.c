/*
 * Transfers: see disk_engine.h.
 *
 * Threads are given a request by a pipe that carries its address, and give it back by another one:
 * a pipe holds far more addresses than there are requests, so writing never waits.
 */
#include "disk/disk_engine.h"

#include <linux/falloc.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/attr.h"
#include "base/heap.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_thread.h"
#include "os/os_uring.h"

enum { RING_ENTRIES = 128, THREADS = 2, PARTS_AT_ONCE = 64 };

struct disk_engine {
    struct os_loop *loop;
    struct os_uring *ring; /* NULL: threads */
    struct os_watch watch; /* of the eventfd, or of the results' pipe */
    int requests[2];       /* pipe to the threads */
    int results[2];
    struct os_thread threads[THREADS];
    struct plat_block_request *waiting; /* did not fit into the ring, oldest first */
    struct plat_block_request **waiting_end;
    bool reaping;
};

/* The engine's notes in a request. */
struct note {
    struct plat_block_request *next; /* in `waiting` */
    int64_t result;
    int32_t fd;
};
_Static_assert(sizeof(struct note) <= sizeof((struct plat_block_request){0}.backend),
               "room for notes");
_Static_assert(sizeof(struct plat_span) == sizeof(struct iovec) &&
                   offsetof(struct plat_span, size) == offsetof(struct iovec, iov_len),
               "a span is what readv takes");

static struct note *note_of(struct plat_block_request *request)
{
    return (struct note *)(void *)request->backend;
}

static int fallocate_mode(enum plat_block_op op)
{
    return FALLOC_FL_KEEP_SIZE |
           (op == PLAT_BLOCK_DISCARD ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE);
}

/* ---- one request from end to end on the calling thread ---- */

/* Transfers what is left after `done` bytes. */
static int64_t transfer(struct plat_block_request *request, uint64_t done)
{
    bool write = request->op == PLAT_BLOCK_WRITE;
    uint64_t skip = done;
    uint64_t at = request->at_bytes + done;

    for (uint32_t i = 0; i < request->spans_count; i++) {
        uint8_t *data = request->spans[i].data;
        size_t size = request->spans[i].size;

        if (skip >= size) {
            skip -= size;
            continue;
        }
        for (size_t within = (size_t)skip; within < size;) {
            ssize_t r =
                write ? os_pwrite(note_of(request)->fd, data + within, size - within, (off_t)at)
                      : os_pread(note_of(request)->fd, data + within, size - within, (off_t)at);

            if (r <= 0) {
                return r < 0 ? r : -ST_EIO; /* the file got shorter */
            }
            within += (size_t)r;
            at += (uint64_t)r;
        }
        skip = 0;
    }
    return 0;
}

/* What a request that fallocate answered with `result` comes to: a file system that knows holes but
 * no ranges of zeroes (tmpfs) is given a hole, which reads as zeroes too. */
static int zeroed(struct plat_block_request *request, int result)
{
    if (request->op != PLAT_BLOCK_WRITE_ZEROES || result != -ST_EOPNOTSUPP) {
        return result;
    }
    return os_fallocate(note_of(request)->fd, fallocate_mode(PLAT_BLOCK_DISCARD),
                        (off_t)request->at_bytes, (off_t)request->size_bytes);
}

static int64_t carry_out(struct plat_block_request *request)
{
    int fd = note_of(request)->fd;

    switch (request->op) {
    case PLAT_BLOCK_READ:
    case PLAT_BLOCK_WRITE:
        return transfer(request, 0);
    case PLAT_BLOCK_FLUSH:
        return os_fdatasync(fd);
    case PLAT_BLOCK_DISCARD:
    case PLAT_BLOCK_WRITE_ZEROES:
        return zeroed(request, os_fallocate(fd, fallocate_mode(request->op),
                                            (off_t)request->at_bytes, (off_t)request->size_bytes));
    }
    return -ST_EINVAL;
}

/* ---- threads ---- */

static void *work(void *argument)
{
    struct disk_engine *engine = argument;
    struct plat_block_request *request;

    os_thread_name("disk");
    while (os_read_exactly(engine->requests[0], &request, sizeof request) == 0 && request != NULL) {
        note_of(request)->result = carry_out(request);
        (void)os_write_all(engine->results[1], &request, sizeof request);
    }
    return NULL;
}

static void thread_results(void *argument, uint32_t events)
{
    struct disk_engine *engine = argument;
    struct plat_block_request *done[32];
    ssize_t size = os_read(engine->results[0], done, sizeof done);

    (void)events;
    for (ssize_t i = 0; i < size / (ssize_t)sizeof done[0]; i++) {
        int64_t result = note_of(done[i])->result;

        done[i]->done(done[i], result < 0 ? (int)result : 0);
    }
}

static int start_threads(struct disk_engine *engine)
{
    int r = os_pipe(engine->requests, 0);

    if (r == 0) {
        r = os_pipe(engine->results, O_NONBLOCK);
    }
    if (r == 0) {
        engine->watch = (struct os_watch){
            .fd = engine->results[0], .ready = thread_results, .argument = engine};
        r = os_loop_add(engine->loop, &engine->watch, EPOLLIN);
    }
    for (unsigned i = 0; i < THREADS && r == 0; i++) {
        r = os_thread_start(&engine->threads[i], work, engine);
    }
    return r;
}

/* ---- io_uring ---- */

static int queue(struct disk_engine *engine, struct plat_block_request *request)
{
    const struct iovec *parts = (const struct iovec *)(const void *)request->spans;
    int fd = note_of(request)->fd;

    switch (request->op) {
    case PLAT_BLOCK_READ:
        return os_uring_queue(engine->ring, OS_URING_READ, fd, parts, request->spans_count,
                              request->at_bytes, 0, 0, request);
    case PLAT_BLOCK_WRITE:
        return os_uring_queue(engine->ring, OS_URING_WRITE, fd, parts, request->spans_count,
                              request->at_bytes, 0, 0, request);
    case PLAT_BLOCK_FLUSH:
        return os_uring_queue(engine->ring, OS_URING_DATASYNC, fd, NULL, 0, 0, 0, 0, request);
    case PLAT_BLOCK_DISCARD:
    case PLAT_BLOCK_WRITE_ZEROES:
        return os_uring_queue(engine->ring, OS_URING_FALLOCATE, fd, NULL, 0, request->at_bytes,
                              request->size_bytes, fallocate_mode(request->op), request);
    }
    return -ST_EINVAL;
}

static void queue_waiting(struct disk_engine *engine)
{
    while (engine->waiting != NULL && queue(engine, engine->waiting) == 0) {
        engine->waiting = note_of(engine->waiting)->next;
    }
    if (engine->waiting == NULL) {
        engine->waiting_end = &engine->waiting;
    }
}

/* Ends what has completed. A done that submits more does not come back here. */
static void reap(struct disk_engine *engine)
{
    void *token;
    int result;

    if (engine->reaping) {
        return;
    }
    engine->reaping = true;
    while (os_uring_next(engine->ring, &token, &result)) {
        struct plat_block_request *request = token;

        /* A transfer that was cut short is finished here: it is rare. */
        if (result >= 0 && (request->op == PLAT_BLOCK_READ || request->op == PLAT_BLOCK_WRITE) &&
            (uint64_t)result < request->size_bytes) {
            result = (int)transfer(request, (uint64_t)result);
        }
        result = zeroed(request, result);
        request->done(request, result < 0 ? result : 0);
    }
    engine->reaping = false;
}

static void uring_ready(void *argument, uint32_t events)
{
    struct disk_engine *engine = argument;
    uint64_t count;

    (void)events;
    (void)os_read(engine->watch.fd, &count, sizeof count);
    reap(engine);
    disk_engine_kick(engine);
}

static int start_ring(struct disk_engine *engine)
{
    int event = os_eventfd(0, EFD_NONBLOCK);
    int r;

    if (event < 0) {
        return event;
    }
    r = os_uring_new(RING_ENTRIES, event, &engine->ring);
    if (r == 0) {
        engine->watch = (struct os_watch){.fd = event, .ready = uring_ready, .argument = engine};
        r = os_loop_add(engine->loop, &engine->watch, EPOLLIN);
    }
    if (r < 0) {
        os_uring_free(engine->ring);
        engine->ring = NULL;
        os_close(&event);
        engine->watch.fd = -1;
    }
    return r;
}

/* ---- both ---- */

int disk_engine_new(struct os_loop *loop, bool no_uring, struct disk_engine **ret_engine)
{
    struct disk_engine *engine = calloc(1, sizeof *engine);
    int r = -ST_ENOSYS;

    if (engine == NULL) {
        return -ST_ENOMEM;
    }
    engine->loop = loop;
    engine->watch.fd = -1;
    engine->requests[0] = engine->requests[1] = engine->results[0] = engine->results[1] = -1;
    engine->waiting_end = &engine->waiting;
    if (!no_uring) {
        r = start_ring(engine);
    }
    if (r < 0) {
        r = start_threads(engine);
    }
    if (r < 0) {
        disk_engine_free(engine);
        return r;
    }
    *ret_engine = engine;
    return 0;
}

const char *disk_engine_method(const struct disk_engine *engine)
{
    return engine->ring != NULL ? "io_uring" : "threads";
}

void disk_engine_free(struct disk_engine *engine)
{
    static struct plat_block_request *const end = NULL;

    if (engine == NULL) {
        return;
    }
    os_loop_remove(engine->loop, &engine->watch);
    if (engine->ring != NULL) {
        os_uring_free(engine->ring);
        os_close(&engine->watch.fd);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        if (engine->threads[i].running) {
            (void)os_write_all(engine->requests[1], &end, sizeof end);
        }
    }
    for (unsigned i = 0; i < THREADS; i++) {
        os_thread_join(&engine->threads[i]);
    }
    for (unsigned i = 0; i < 2; i++) {
        os_close(&engine->requests[i]);
        os_close(&engine->results[i]);
    }
    free(engine);
}

void disk_engine_submit(struct disk_engine *engine, int fd, struct plat_block_request *request)
{
    int r;

    *note_of(request) = (struct note){.fd = fd};
    if (engine->ring == NULL) {
        r = os_write_all(engine->requests[1], &request, sizeof request);
        if (r < 0) {
            request->done(request, r);
        }
        return;
    }
    if (engine->waiting != NULL || queue(engine, request) < 0) {
        *engine->waiting_end = request;
        engine->waiting_end = &note_of(request)->next;
    }
}

void disk_engine_kick(struct disk_engine *engine)
{
    if (engine->ring == NULL) {
        return;
    }
    /* What cannot be submitted now (memory is short) stays queued for the next kick. */
    (void)os_uring_submit(engine->ring);
    if (engine->waiting != NULL) {
        queue_waiting(engine);
        (void)os_uring_submit(engine->ring);
    }
    reap(engine);
}
