/*
 * Process 1 of a workload's virtual machine: see docs/vm-agent.md. One thread, one event loop;
 * everything that does not fit into memory or fails in setting up ends the machine with a line on
 * the console.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
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

enum { INIT_ARGS_MAX = 4096, INIT_GROUPS_MAX = 256, INIT_LIMITS_MAX = 16, INIT_TMPFS_MAX = 64 };

struct init_limit {
    int resource;
    struct rlimit value;
};

struct init_tmpfs {
    const char *target, *options;
};

/* A process to start, as START describes it. Texts are in the record. */
struct init_process {
    bool main, tty, no_stdin;
    bool detached;          /* it goes on without its session */
    bool reaper;            /* a process of ours is its parent and waits for orphans */
    bool no_new_privileges; /* prctl(2) */
    bool read_only;         /* the root, once everything is mounted */
    bool bounded;           /* capabilities is a mask of those it may have */
    const char *args[INIT_ARGS_MAX + 1];
    const char *env[INIT_ARGS_MAX + 1];
    const char *groups[INIT_GROUPS_MAX]; /* supplementary, names or numbers */
    unsigned args_count, env_count, groups_count, limits_count, tmpfs_count;
    const char *cwd;
    const char *user; /* USER[:GROUP] to look up in the root; NULL: uid and gid */
    uid_t uid;
    gid_t gid;
    mode_t umask;
    uint64_t capabilities;
    const char *oom_score; /* NULL: as it is */
    const char *action;    /* NULL: args is a program; else what init_act does with args[0] */
    const char *as;        /* pack: the name in the archive; NULL: the content alone */
    const char *source;    /* unpack: the last part of the source's path; NULL: an archive */
    bool follow, source_is_folder, source_content, keep_owner;
    struct init_limit limits[INIT_LIMITS_MAX];
    struct init_tmpfs tmpfs[INIT_TMPFS_MAX]; /* of the workload */
    uint16_t rows, columns;
};

enum { INIT_CODE_FAILED = 125, INIT_CODE_NOT_EXECUTABLE = 126, INIT_CODE_NOT_FOUND = 127 };

/* What a child that cannot go on tells its parent. */
struct init_report {
    int code; /* INIT_CODE_* */
    char text[508];
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
int init_process_start(struct init_process *process, struct init_streams *ret_streams,
                       char *ret_error, size_t size);

/* Kills all processes but this one, and waits for them (a second at most). */
void init_end_processes(void);

/* ---- init_child.c: in the new process ---- */

/* Becomes the process, with these descriptors as its standard streams; mount_ns is the workload's
 * namespace, -1 for the workload itself. What stops it goes to report_fd, which a program that
 * runs closes. */
ST_NORETURN void init_child(struct init_process *process, const int streams[3], int mount_ns,
                            int report_fd);
ST_NORETURN void init_give_up(int report_fd, int code, const char *format, ...) ST_PRINTF(3, 4);
/* The error as docker's messages have it: in small letters. */
const char *init_error(void);

/* ---- init_user.c ---- */

/* Becomes the process's user: groups, numbers, capabilities; *ret_home is its folder. Gives up by
 * itself. */
void init_become(const struct init_process *process, int report_fd, const char **ret_home);

/* ---- init_files.c ---- */

/* Does what process->action says, in the workload's root: look, pack, unpack, wait. */
ST_NORETURN void init_act(const struct init_process *process);

/* ---- init_reaper.c ---- */

/* The program's parent: passes signals on, waits for orphans, ends with the program's code. */
ST_NORETURN void init_reap_for(pid_t program);

/* ---- init_session.c ---- */

/* Listens for sessions. The descriptor; -1: failed. */
int init_sessions_listen(void);
/* Serves control connection and sessions until the workload has ended or the host says so. */
void init_sessions_serve(int control, int listener);
