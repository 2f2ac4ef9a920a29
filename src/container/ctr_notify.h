/*
 * The sd_notify proxy: a socket of the container's own, whose messages the runtime passes on to the
 * one that its caller gave it in NOTIFY_SOCKET. The service manager believes only its own children,
 * and a container must not reach the manager's socket.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct spec_runtime;

/* What the container sees, and the variable that says so. */
#define CTR_NOTIFY_VARIABLE "NOTIFY_SOCKET=/run/notify/notify.sock"

struct ctr_notify {
    int host;       /* connected to the caller's; -1: there is no proxy */
    int socket;     /* the container's */
    pid_t main_pid; /* told to the manager when the container is ready; 0: not told */
};

/* Is there somebody to notify? */
bool ctr_notify_wanted(void);

/* `create` and `run`, before the mounts: makes the folder below the container's, and adds its mount
 * to the config. */
int ctr_notify_prepare(const char *root, int folder, const char *id, struct spec_runtime *config,
                       struct st_err *err);

/* `start` and `run`: makes the socket. Without a folder (the container was created without a proxy)
 * or a wish there is none. */
int ctr_notify_open(int folder, struct ctr_notify *ret_notify, struct st_err *err);
void ctr_notify_close(struct ctr_notify *notify);

/* Passes on what has come. Returns 1 when READY=1 was among it, else 0. */
int ctr_notify_pass(struct ctr_notify *notify);

/* Detached: passes on until the container is ready or the process of pidfd has ended. */
void ctr_notify_wait(struct ctr_notify *notify, int pidfd);
