/*
 * What a monitor is told by the command that starts it: the file "monitor" in the instance's run
 * folder, entries "key=value" each ended by a zero byte. Keys are those of the struct's members.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define MON_CONFIG_MAX 65536

enum mon_restart { MON_RESTART_NO, MON_RESTART_ALWAYS, MON_RESTART_ON_FAILURE };

struct mon_config {
    const char *id;
    const char *oci;       /* path of strata-oci */
    const char *oci_root;  /* its --root */
    const char *strata;    /* path of strata, for cleaning up */
    const char *arguments; /* file in the run folder: words, each ended by a zero, of a program that
                              is run as it is instead of a container; NULL: a container */
    int64_t workload;      /* with arguments: they are of a machine whose agent passes signals on */
    const char *home;      /* the folder for the file "exit" */
    const char *layers;    /* the folder that `lower` is relative to */
    const char *lower; /* overlayfs's lowerdir, separated and quoted; NULL: no root is mounted */
    const char *upper; /* NULL: a tmpfs of the monitor's own */
    const char *work;
    const char *log;       /* path of the log; NULL: none is kept */
    int64_t log_max_bytes; /* 0: it grows for ever */
    int64_t log_max_files;
    int64_t restart;     /* an enum mon_restart */
    int64_t restart_max; /* 0: no bound */
    int64_t stop_signal;
    int64_t stop_timeout_s; /* when the monitor itself gets SIGTERM */
    int64_t tty;
    int64_t open_stdin;
    int64_t stdin_once;
    int64_t watch_oom;
    int64_t restarts; /* the count to begin with */
};

/* Splits text, which must end with a zero and stays referenced. -ST_EINVAL for anything unknown,
 * unfinished or missing. */
int mon_config_parse(char *text, size_t length, struct mon_config *ret_config);
