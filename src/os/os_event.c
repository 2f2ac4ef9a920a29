/* Waiting for events: see os_event.h. */
#include "os/os_event.h"

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/timerfd.h>
#include <time.h>

#include "os/os_priv.h"

int os_epoll_create(void)
{
    return OS_CALL(epoll_create1(EPOLL_CLOEXEC));
}

int os_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data)
{
    struct epoll_event event = {.events = events, .data.u64 = data};
    return OS_CALL(epoll_ctl(epoll, operation, fd, &event));
}

int os_epoll_wait(int epoll, struct epoll_event *ret_events, int max, int timeout_ms)
{
    return OS_CALL(epoll_wait(epoll, ret_events, max, timeout_ms));
}

int os_poll(struct pollfd *fds, size_t count, int timeout_ms)
{
    return OS_CALL(poll(fds, (nfds_t)count, timeout_ms));
}

bool os_is_ready(int fd, short events)
{
    struct pollfd poll = {.fd = fd, .events = events};
    return os_poll(&poll, 1, 0) == 1;
}

int os_eventfd(unsigned value, int flags)
{
    return OS_CALL(eventfd(value, flags | EFD_CLOEXEC));
}

int os_timerfd(void)
{
    return OS_CALL(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
}

static struct timespec timespec_of(uint64_t ns)
{
    return (struct timespec){
        .tv_sec = (time_t)(ns / 1000000000U),
        .tv_nsec = (long)(ns % 1000000000U),
    };
}

int os_timerfd_set(int timer, uint64_t delay_ns, uint64_t interval_ns)
{
    struct itimerspec spec = {
        .it_value = timespec_of(delay_ns),
        .it_interval = timespec_of(interval_ns),
    };
    return OS_CALL(timerfd_settime(timer, 0, &spec, NULL));
}

int os_inotify(int flags)
{
    return OS_CALL(inotify_init1(flags | IN_CLOEXEC));
}

int os_inotify_add(int fd, const char *path, uint32_t mask)
{
    return OS_CALL(inotify_add_watch(fd, path, mask));
}
