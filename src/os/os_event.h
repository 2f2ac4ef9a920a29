/* Waiting for events: poll, epoll, timers. Wrappers follow the rules of os_file.h. */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

int os_epoll_create(void);
int os_epoll_ctl(int epoll, int operation, int fd, uint32_t events, uint64_t data);
/* timeout_ms -1: no end. -ST_EINTR is reported. */
int os_epoll_wait(int epoll, struct epoll_event *ret_events, int max, int timeout_ms);
int os_poll(struct pollfd *fds, size_t count, int timeout_ms);
/* Whether one of these poll events is there now: for descriptors that are shared with others, whose
 * blocking mode is not ours to change. A pipe that is ready for writing takes PIPE_BUF bytes. */
bool os_is_ready(int fd, short events);
int os_eventfd(unsigned value, int flags);
/* A timer on CLOCK_MONOTONIC that has not been set. */
int os_timerfd(void);
/* Sets it to fire in delay_ns (0: never), then every interval_ns (0: once). */
int os_timerfd_set(int timer, uint64_t delay_ns, uint64_t interval_ns);
int os_inotify(int flags);
int os_inotify_add(int fd, const char *path, uint32_t mask);
