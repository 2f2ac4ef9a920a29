/*
 * An event loop: one thread waits for descriptors and calls whoever watches them. Everything that
 * is called runs with the loop's lock held, and watches are changed with it held, by any thread; so
 * a watch that was removed is never called again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

struct os_loop;

/* A watched descriptor. The storage is the user's until os_loop_remove. */
struct os_watch {
    int fd;
    void (*ready)(void *argument, uint32_t events); /* EPOLL*; lock held */
    void *argument;
    uint32_t slot; /* the loop's; 0: not watched */
};

/* lock and unlock are called with `argument` around calls of watches. 0 or -ST_Exxx. */
int os_loop_new(void (*lock)(void *argument), void (*unlock)(void *argument), void *argument,
                struct os_loop **ret_loop) ST_MUST_CHECK;
/* No thread runs it; nothing is watched any more or will be used again. NULL allowed. */
void os_loop_free(struct os_loop *loop);

/* Watches watch->fd for these EPOLL* events. 0 or -ST_Exxx. Lock held. */
int os_loop_add(struct os_loop *loop, struct os_watch *watch, uint32_t events) ST_MUST_CHECK;
/* Lock held. */
void os_loop_change(struct os_loop *loop, struct os_watch *watch, uint32_t events);
/* Does nothing when it is not watched. The descriptor is still open. Lock held. */
void os_loop_remove(struct os_loop *loop, struct os_watch *watch);

/* Serves until os_loop_stop. 0 or -ST_Exxx. One thread. */
int os_loop_run(struct os_loop *loop);
/* Ends os_loop_run, the next one if none runs. Any thread, lock not needed. */
void os_loop_stop(struct os_loop *loop);
