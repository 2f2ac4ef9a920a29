/*
 * Messages between the runtime and the process that becomes a container's, over a socket pair of
 * whole messages. The end of the socket is a message too: the other side is gone, or has executed
 * its program.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

enum ctr_sync_type {
    CTR_SYNC_END,        /* the other side closed its end */
    CTR_SYNC_GO,         /* runtime: carry on */
    CTR_SYNC_MAP,        /* child: write my ID maps, please */
    CTR_SYNC_PID,        /* child: number = process of the container, made by a helper */
    CTR_SYNC_HOOKS,      /* child: mounts are there, run prestart and createRuntime hooks */
    CTR_SYNC_LISTENER,   /* child: number = descriptor that the seccomp listener will have */
    CTR_SYNC_TERMINAL,   /* child: the terminal's master comes with this message */
    CTR_SYNC_READY,      /* child: everything is set up */
    CTR_SYNC_WARNING,    /* child: text */
    CTR_SYNC_NO_PROGRAM, /* child: as ERROR, when the program is not there or cannot be executed */
    CTR_SYNC_ERROR,      /* child: number = a -ST_Exxx, text; the child ends */
};

struct ctr_sync_message {
    int type; /* enum ctr_sync_type */
    int number;
    int fd;          /* that came along, -1: none; the receiver's */
    char text[1024]; /* with its zero */
};

/* A connected pair, close-on-exec. */
int ctr_sync_pair(int ret_ends[2], struct st_err *err);

int ctr_sync_send(int end, enum ctr_sync_type type, int number);
int ctr_sync_send_text(int end, enum ctr_sync_type type, int number, const char *text);
int ctr_sync_send_fd(int end, enum ctr_sync_type type, int fd);

/* Waits for the next message. Returns 0 (also for CTR_SYNC_END), or -errno: -ST_ECONNRESET when the
 * other side left without a word and without having read all that was sent to it, so that it cannot
 * have executed its program. */
int ctr_sync_receive(int end, struct ctr_sync_message *ret_message);

/* What a command's exit status is when its program could not be executed, as shells have it: 127
 * for one that is not there, else 126. code: a -ST_Exxx. */
int ctr_sync_program_status(int code);

/* Waits for GO: -ST_ECONNRESET for anything else. */
int ctr_sync_wait_go(int end);
