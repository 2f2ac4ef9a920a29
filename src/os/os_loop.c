/*
 * The event loop: see os_loop.h.
 *
 * epoll hands back a slot and the slot's generation, not a pointer: between the wait and the taking
 * of the lock another thread may remove a watch, and its slot's generation tells.
 */
#include "os/os_loop.h"

#include <stdlib.h>

#include "base/heap.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_priv.h"

enum { LOOP_SLOTS = 4096, LOOP_BATCH = 32 };

struct loop_slot {
    struct os_watch *watch; /* [l] */
    uint32_t generation;    /* [l] */
};

struct os_loop {
    int epoll;                      /* [I] */
    int wake;                       /* [I] eventfd of os_loop_stop */
    void (*lock)(void *argument);   /* [I] */
    void (*unlock)(void *argument); /* [I] */
    void *argument;                 /* [I] */
    struct loop_slot *slots;        /* [l] slot n is slots[n - 1] */
    uint32_t slots_count;           /* [l] */
};

int os_loop_new(void (*lock)(void *argument), void (*unlock)(void *argument), void *argument,
                struct os_loop **ret_loop)
{
    struct os_loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return -ST_ENOMEM;
    }
    loop->lock = lock;
    loop->unlock = unlock;
    loop->argument = argument;
    loop->wake = -1;
    int r = loop->epoll = os_epoll_create();
    if (r >= 0) {
        r = loop->wake = os_eventfd(0, 0);
    }
    if (r >= 0) {
        r = os_epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, EPOLLIN, 0);
    }
    if (r < 0) {
        os_loop_free(loop);
        return r;
    }
    *ret_loop = loop;
    return 0;
}

void os_loop_free(struct os_loop *loop)
{
    if (loop != NULL) {
        os_close(&loop->epoll);
        os_close(&loop->wake);
        free(loop->slots);
        free(loop);
    }
}

static int free_slot(struct os_loop *loop, uint32_t *ret_slot)
{
    for (uint32_t i = 0; i < loop->slots_count; i++) {
        if (loop->slots[i].watch == NULL) {
            *ret_slot = i + 1;
            return 0;
        }
    }
    uint32_t count = loop->slots_count == 0 ? 16 : loop->slots_count * 2;
    if (count > LOOP_SLOTS) {
        return -ST_ELIMIT;
    }
    struct loop_slot *slots = realloc(loop->slots, count * sizeof *slots);
    if (slots == NULL) {
        return -ST_ENOMEM;
    }
    for (uint32_t i = loop->slots_count; i < count; i++) {
        slots[i] = (struct loop_slot){.generation = 1};
    }
    *ret_slot = loop->slots_count + 1;
    loop->slots = slots;
    loop->slots_count = count;
    return 0;
}

static uint64_t slot_key(const struct os_loop *loop, uint32_t slot)
{
    return (uint64_t)loop->slots[slot - 1].generation << 32 | slot;
}

int os_loop_add(struct os_loop *loop, struct os_watch *watch, uint32_t events)
{
    uint32_t slot;
    int r = free_slot(loop, &slot);
    if (r < 0) {
        return r;
    }
    r = os_epoll_ctl(loop->epoll, EPOLL_CTL_ADD, watch->fd, events, slot_key(loop, slot));
    if (r < 0) {
        return r;
    }
    loop->slots[slot - 1].watch = watch;
    watch->slot = slot;
    return 0;
}

void os_loop_change(struct os_loop *loop, struct os_watch *watch, uint32_t events)
{
    if (watch->slot != 0) {
        (void)os_epoll_ctl(loop->epoll, EPOLL_CTL_MOD, watch->fd, events,
                           slot_key(loop, watch->slot));
    }
}

void os_loop_remove(struct os_loop *loop, struct os_watch *watch)
{
    if (watch->slot != 0) {
        (void)os_epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, 0, 0);
        loop->slots[watch->slot - 1].watch = NULL;
        loop->slots[watch->slot - 1].generation++;
        watch->slot = 0;
    }
}

static void dispatch(struct os_loop *loop, const struct epoll_event *event)
{
    uint32_t slot = (uint32_t)event->data.u64;
    const struct os_watch *watch = loop->slots[slot - 1].watch;
    if (watch != NULL && slot_key(loop, slot) == event->data.u64) {
        watch->ready(watch->argument, event->events);
    }
}

int os_loop_run(struct os_loop *loop)
{
    bool failed = false; /* once is not yet the end of all who are served */
    for (;;) {
        struct epoll_event events[LOOP_BATCH];
        int count = os_epoll_wait(loop->epoll, events, LOOP_BATCH, -1);
        if (count == -ST_EINTR) {
            continue;
        }
        if (count < 0 && failed) {
            return count;
        }
        failed = count < 0;
        bool stop = false;
        loop->lock(loop->argument);
        for (int i = 0; i < count; i++) {
            if (events[i].data.u64 == 0) {
                uint64_t wakes;
                (void)os_read(loop->wake, &wakes, sizeof wakes);
                stop = true;
            } else {
                dispatch(loop, &events[i]);
            }
        }
        loop->unlock(loop->argument);
        if (stop) {
            return 0;
        }
    }
}

void os_loop_stop(struct os_loop *loop)
{
    uint64_t one = 1;
    if (os_write(loop->wake, &one, sizeof one) < 0) {
        (void)os_write(loop->wake, &one, sizeof one); /* nothing else would end it */
    }
}
