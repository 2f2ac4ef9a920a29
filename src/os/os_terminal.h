/* Terminals. Wrappers follow the rules of os_file.h. */
#pragma once

#include <stdbool.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "base/err.h"

bool os_is_terminal(int fd);
int os_ioctl(int fd, unsigned long request, void *argument);
int os_tcgetattr(int fd, struct termios *ret_state);
/* Without waiting for output. */
int os_tcsetattr(int fd, const struct termios *state);
int os_window_size_get(int fd, struct winsize *ret_size);
int os_window_size_set(int fd, const struct winsize *size);

/* A new pseudo-terminal of the devpts whose ptmx is dir/path: the master, unlocked, and its number.
 */
int os_pty_open(int dir, const char *path, unsigned *ret_number);
/* The other side, by the master alone (TIOCGPTPEER), whatever is mounted where. */
int os_pty_peer(int master);
/* Makes the terminal the controlling one of this session's leader. */
int os_pty_control(int fd);
