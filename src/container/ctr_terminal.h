/* The terminal of a container's process, and its relay to the caller's own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct spec_console_size;

/* In the child: a new pseudo terminal of the devpts that is mounted at dir/pts_path ("dev/pts"),
 * verified to be one. Both ends are the caller's. */
int ctr_terminal_open(int dir, const char *pts_path, const struct spec_console_size *size,
                      uid_t owner, int *ret_master, int *ret_slave, struct st_err *err);

/* In the child, a session's leader: makes the slave side its controlling terminal and its standard
 * descriptors. */
int ctr_terminal_take(int slave, struct st_err *err);

/* Connects to the socket given as --console-socket. Parent. */
int ctr_terminal_connect(const char *path, int *ret_socket, struct st_err *err);

/* Sends the master over it. Either side. */
int ctr_terminal_send(int socket, int master, struct st_err *err);

/* Parent, in the foreground: the caller's terminal (standard input) as raw as the container's
 * needs it, put back by ctr_terminal_restore. */
struct ctr_terminal_relay {
    int master;       /* owned */
    bool is_terminal; /* standard input is one, and `saved` its state */
    bool input_open;
    uint8_t saved[64]; /* struct termios */
    size_t pending_length;
    size_t pending_at;
    char pending[4096]; /* input that the master did not take yet */
};

int ctr_terminal_relay_begin(struct ctr_terminal_relay *relay, int master, struct st_err *err);
void ctr_terminal_relay_end(struct ctr_terminal_relay *relay);

/* Gives a terminal the size of the caller's, if standard input is one. */
void ctr_terminal_copy_size(int master);

/* Passes the caller's window size on (SIGWINCH). */
void ctr_terminal_resize(const struct ctr_terminal_relay *relay);

/* Copies what is there from the master to standard output. Returns false at its end. */
bool ctr_terminal_output(struct ctr_terminal_relay *relay);

/* Copies from standard input to the master what is there and what fits. */
void ctr_terminal_input(struct ctr_terminal_relay *relay);
