/* Threads: see os_thread.h. */
#include "os/os_thread.h"

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "os/os_priv.h"

static void (*thread_enter)(void);

void os_thread_on_start(void (*enter)(void))
{
    thread_enter = enter;
}

static void *begin(void *argument)
{
    struct os_thread *thread = argument;
    if (thread_enter != NULL) {
        thread_enter();
    }
    return thread->run(thread->argument);
}

static int start_blocked(struct os_thread *thread)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    /* The thread's own faults: the kernel ends a process whose thread blocks them. */
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGILL);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    errno = pthread_create(&thread->handle, NULL, begin, thread);
    int r = errno != 0 ? -1 : 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

int os_thread_start(struct os_thread *thread, void *(*run)(void *argument), void *argument)
{
    thread->run = run;
    thread->argument = argument;
    int r = OS_CALL(start_blocked(thread));
    thread->running = r == 0;
    return r;
}

static int start_detached(size_t stack_bytes, void *(*run)(void *argument), void *argument)
{
    pthread_attr_t how;
    pthread_t handle;
    errno = pthread_attr_init(&how);
    if (errno != 0) {
        return -1;
    }
    pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
    pthread_attr_setguardsize(&how, 0);
    errno = stack_bytes != 0 ? pthread_attr_setstacksize(&how, stack_bytes) : 0;
    if (errno == 0) {
        errno = pthread_create(&handle, &how, run, argument);
    }
    int failed = errno;
    pthread_attr_destroy(&how);
    errno = failed;
    return failed != 0 ? -1 : 0;
}

int os_thread_detach(size_t stack_bytes, void *(*run)(void *argument), void *argument)
{
    return OS_CALL(start_detached(stack_bytes, run, argument));
}

int os_thread_stack(char **ret_low, char **ret_high)
{
    pthread_attr_t how;
    void *low;
    size_t size;
    int r = pthread_getattr_np(pthread_self(), &how);
    if (r != 0) {
        return -r;
    }
    pthread_attr_getstack(&how, &low, &size);
    pthread_attr_destroy(&how);
    *ret_low = low;
    *ret_high = (char *)low + size;
    return 0;
}

void os_thread_join(struct os_thread *thread)
{
    if (thread->running) {
        pthread_join(thread->handle, NULL);
        thread->running = false;
    }
}

void os_futex_wait(const uint32_t *word, uint32_t value)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, NULL);
}

void os_futex_wait_until(const uint32_t *word, uint32_t value, bool realtime, int64_t deadline_ns)
{
    struct timespec deadline = {.tv_sec = deadline_ns / 1000000000,
                                .tv_nsec = deadline_ns % 1000000000};
    int operation = FUTEX_WAIT_BITSET_PRIVATE | (realtime ? FUTEX_CLOCK_REALTIME : 0);
    (void)syscall(SYS_futex, word, operation, value, &deadline, NULL, FUTEX_BITSET_MATCH_ANY);
}

void os_futex_wake(const uint32_t *word, unsigned count)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, ST_MIN(count, (unsigned)INT_MAX));
}

int os_thread_id(void)
{
    return gettid();
}

int os_thread_signal(int thread_id, int signal_number)
{
    return OS_CALL(tgkill(getpid(), thread_id, signal_number));
}

int os_thread_unblock(int signal_number)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    return -pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void os_thread_name(const char *name)
{
    (void)prctl(PR_SET_NAME, name);
}

int os_ring_init(struct os_ring *ring, size_t buffer_size)
{
    *ring = (struct os_ring){.buffer_size = buffer_size};
    ring->memory = malloc(buffer_size * OS_RING_BUFFERS);
    if (ring->memory == NULL) {
        return -ST_ENOMEM;
    }
    pthread_mutex_init(&ring->lock, NULL);
    pthread_cond_init(&ring->changed, NULL);
    return 0;
}

void os_ring_done(struct os_ring *ring)
{
    if (ring->memory != NULL) {
        pthread_mutex_destroy(&ring->lock);
        pthread_cond_destroy(&ring->changed);
        free(ring->memory);
        ring->memory = NULL;
    }
}

unsigned char *os_ring_empty(struct os_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    while (!ring->stopped && ring->filled - ring->emptied == OS_RING_BUFFERS) {
        pthread_cond_wait(&ring->changed, &ring->lock);
    }
    unsigned char *buffer =
        ring->stopped ? NULL : ring->memory + (ring->filled % OS_RING_BUFFERS) * ring->buffer_size;
    pthread_mutex_unlock(&ring->lock);
    return buffer;
}

void os_ring_fill(struct os_ring *ring, size_t used)
{
    pthread_mutex_lock(&ring->lock);
    ring->used[ring->filled % OS_RING_BUFFERS] = used;
    ring->filled++;
    pthread_cond_signal(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}

void os_ring_end(struct os_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->ended = true;
    pthread_cond_signal(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}

const unsigned char *os_ring_full(struct os_ring *ring, size_t *ret_used)
{
    const unsigned char *buffer = NULL;
    pthread_mutex_lock(&ring->lock);
    while (ring->filled == ring->emptied && !ring->ended) {
        pthread_cond_wait(&ring->changed, &ring->lock);
    }
    if (ring->filled != ring->emptied) {
        unsigned slot = ring->emptied % OS_RING_BUFFERS;
        buffer = ring->memory + slot * ring->buffer_size;
        *ret_used = ring->used[slot];
    }
    pthread_mutex_unlock(&ring->lock);
    return buffer;
}

void os_ring_release(struct os_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->emptied++;
    pthread_cond_signal(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}

void os_ring_stop(struct os_ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    ring->stopped = true;
    pthread_cond_signal(&ring->changed);
    pthread_mutex_unlock(&ring->lock);
}
