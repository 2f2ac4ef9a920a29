/*
 * Process 1 of a workload's virtual machine: see docs/vm-agent.md. One thread, one event loop;
 * everything that does not fit into memory or fails in setting up ends the machine with a line on
 * the console.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/attr.h"
#include "format/fmt_agent.h"

/* One line on the console. */
void init_log(const char *format, ...) ST_PRINTF(1, 2);

/* Syncs disks and switches the machine off. */
ST_NORETURN void init_power_off(void);

/* ---- init_setup.c ---- */

/* /dev, /proc, /sys, and the modules of /modules in the order of their names. */
void init_mount_first(void);
void init_load_modules(void);

/* Does what SETUP asks for. 0; or -1, then *ret_error (of `size` bytes) has the line. */
int init_set_up(const struct fmt_agent_record *setup, char *ret_error, size_t size);

/* Gives the root and the writable layer back, so that its disk is as after a good end. All other
 * processes are gone. */
void init_unmount(void);

/* Where the workload's root is mounted. */
#define INIT_ROOT "/root"

/* ---- init_process.c ---- */

enum { INIT_ARGS_MAX = 4096, INIT_GROUPS_MAX = 256 };

/* A process to start, as START describes it. Texts are in the record. */
struct init_process {
    bool main, tty, no_stdin;
    const char *args[INIT_ARGS_MAX + 1];
    const char *env[INIT_ARGS_MAX + 1];
    unsigned args_count, env_count, groups_count;
    const char *cwd;
    uid_t uid;
    gid_t gid;
    gid_t groups[INIT_GROUPS_MAX];
    mode_t umask;
    uint16_t rows, columns;
};

/* Descriptors of a process that runs: -1 where there is none. With a terminal all are `in`. */
struct init_streams {
    pid_t pid;
    int in, out, err;
};

/* Reads START. 0; or -1, then *ret_error has the line. */
int init_process_parse(const struct fmt_agent_record *start, struct init_process *ret_process,
                       char *ret_error, size_t size);

/* Starts it. 0; or the exit code that a shell would give (125, 126, 127), then *ret_error has the
 * line. */
int init_process_start(const struct init_process *process, struct init_streams *ret_streams,
                       char *ret_error, size_t size);

/* Kills all processes but this one, and waits for them (a second at most). */
void init_end_processes(void);

/* ---- init_session.c ---- */

/* Listens for sessions. The descriptor; -1: failed. */
int init_sessions_listen(void);
/* Serves control connection and sessions until the workload has ended or the host says so. */
void init_sessions_serve(int control, int listener);
