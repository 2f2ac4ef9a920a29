/* Threads of this process, and a hand-over of buffers between two of them. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct os_thread {
    pthread_t handle;
    bool running;
    void *(*run)(void *argument); /* private, as the next */
    void *argument;
};

/* Runs run(argument) in a thread of its own, with all signals but those of its own faults blocked.
 * `thread` is the caller's and
 * stays where it is until os_thread_join. */
int os_thread_start(struct os_thread *thread, void *(*run)(void *argument), void *argument);

/* Runs run(argument) in a thread that nobody joins, with a native stack of at least stack_bytes (0:
 * the process's usual size) without a guard page and with the caller's signal mask. */
int os_thread_detach(size_t stack_bytes, void *(*run)(void *argument), void *argument);

/* The calling thread's native stack: its lowest and its upper address. Of the process's first
 * thread the limit that it may grow to. 0 or -errno. */
int os_thread_stack(char **ret_low, char **ret_high);

/* What every thread that is started later does first: a program that locks itself up sets it before
 * it has threads. NULL: nothing. */
void os_thread_on_start(void (*enter)(void));

/* Waits for the thread's end; nothing if it was never started. */
void os_thread_join(struct os_thread *thread);

/* Waits as long as *word is `value`, or until os_futex_wake; may return early. Any thread of this
 * process. */
void os_futex_wait(const uint32_t *word, uint32_t value);
/* As above until CLOCK_MONOTONIC (`realtime`: CLOCK_REALTIME) shows deadline_ns, or an early
 * return. */
void os_futex_wait_until(const uint32_t *word, uint32_t value, bool realtime, int64_t deadline_ns);
/* Wakes up to `count` of the threads that wait on the word. */
void os_futex_wake(const uint32_t *word, unsigned count);

/* The kernel's number of the calling thread, and a signal to a thread of this process by it. */
int os_thread_id(void);
int os_thread_signal(int thread_id, int signal_number);
/* Lets a signal through to the calling thread. */
int os_thread_unblock(int signal_number);
/* Names the calling thread, up to 15 bytes, for who looks at the process. */
void os_thread_name(const char *name);

/*
 * A ring of buffers between one thread that fills and one that uses them. Either side may end it:
 * the filler with os_ring_end (what was filled is still used), the user with os_ring_stop (the
 * filler's next turn fails).
 */
enum { OS_RING_BUFFERS = 4 };

struct os_ring {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned char *memory;
    size_t buffer_size;
    size_t used[OS_RING_BUFFERS]; /* [lock] bytes in the buffer */
    unsigned filled;              /* [lock] buffers ever filled */
    unsigned emptied;             /* [lock] buffers ever given back */
    bool ended;                   /* [lock] */
    bool stopped;                 /* [lock] */
};

int os_ring_init(struct os_ring *ring, size_t buffer_size);
void os_ring_done(struct os_ring *ring);

/* The filler: an empty buffer of buffer_size bytes, NULL when the user has stopped. */
unsigned char *os_ring_empty(struct os_ring *ring);
/* Hands the buffer of os_ring_empty over with `used` bytes in it. */
void os_ring_fill(struct os_ring *ring, size_t used);
void os_ring_end(struct os_ring *ring);

/* The user: the oldest filled buffer, NULL when there is none and the filler has ended. */
const unsigned char *os_ring_full(struct os_ring *ring, size_t *ret_used);
/* Gives the buffer of os_ring_full back. */
void os_ring_release(struct os_ring *ring);
void os_ring_stop(struct os_ring *ring);
