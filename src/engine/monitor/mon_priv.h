/* What the monitor's own files share: its one instance, and the commands that talk to it. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "engine/monitor/mon_config.h"
#include "engine/monitor/mon_log.h"
#include "engine/monitor/mon_protocol.h"

#define MON_CLIENTS_MAX 64

struct mon_client {
    int fd;         /* -1: a free place */
    unsigned wants; /* MON_WANT_* */
    bool owes;      /* the chunk under way is still to be sent to it */
};

enum mon_phase {
    MON_PHASE_STARTING, /* a machine that does not run yet */
    MON_PHASE_RUNNING,
    MON_PHASE_BACKING_OFF, /* ended, to be started again */
    MON_PHASE_OVER,
};

struct monitor {
    struct mon_config config;
    struct mon_log log;
    enum mon_phase phase;
    int starter; /* socket of the command that started us; -1 once it is a client */
    unsigned starter_wants;
    int lock;        /* held for as long as we own the instance */
    int netns;       /* -1: none of its own */
    int host_mounts; /* the mount namespace that we came from; -1: still in it */
    int listener;
    int signals; /* a signalfd: SIGCHLD, SIGTERM */
    int here;    /* the run folder */
    int in_fd; /* the instance's standard input, -1: none; the terminal's master with a terminal */
    int out_fd;
    int err_fd;
    int pidfd;
    int machine;              /* socket to a machine's process; -1: none */
    unsigned machine_killing; /* steps taken (mon_machine_kill) */
    uint64_t machine_mono_ns; /* when the next step is due; 0: none is */
    int machine_code;         /* why it does not run: exit code and text */
    char machine_text[512];
    pid_t pid;
    uint64_t start_ticks;
    uint64_t own_start_ticks; /* of the monitor itself */
    unsigned rows, columns;
    int64_t started_ns;
    int64_t finished_ns;
    uint64_t started_mono_ns;
    uint64_t resume_mono_ns; /* of the back-off, or the time for SIGKILL while stopping; 0: none */
    uint64_t backoff_ns;
    int64_t restarts;
    int exit_code;
    bool oom_killed;
    bool stop_asked;
    bool taken_back; /* it did not start, and the command that started it knows */
    struct mon_client clients[MON_CLIENTS_MAX];
    struct { /* output read and not yet sent to everybody */
        struct mon_record head;
        char bytes[MON_PAYLOAD_MAX];
    } chunk;
    bool chunk_held;
    struct { /* input received and not yet written */
        struct mon_record head;
        char bytes[MON_PAYLOAD_MAX];
    } input;
    size_t input_at;
    size_t input_left;
    bool input_ends;
};

/* ---- mon_run.c: the instance's process ---- */

/* Starts strata-oci and takes over what it made, or a machine's process, which is then starting. 0,
 * or -code to exit with (125, 126, 127). */
int mon_run_start(struct monitor *m);
/* The process has ended: collects its status, its last output, its cgroup. */
void mon_run_ended(struct monitor *m);
/* Runs a program with the standard streams closed; its exit code or a failure. */
int mon_run_program(const char *const *argv);
void mon_run_close(struct monitor *m);

/* ---- mon_machine.c: what strata-vm and the monitor say to each other ---- */

/* Makes the socket; its other end is at MON_MACHINE_FD. 0 or -ST_Exxx. */
int mon_machine_open(struct monitor *m, int *ret_other);
/* Takes what the machine says. */
void mon_machine_hear(struct monitor *m);
/* Sends a signal to its workload: 0 or -ST_Exxx. */
int mon_machine_signal(struct monitor *m, int number);
void mon_machine_resize(struct monitor *m);
/* One step more to the machine's end: SIGKILL for the workload, after which it switches off by
 * itself; its power-off; SIGKILL for its process. Time leads from one to the next. */
void mon_machine_kill(struct monitor *m);
/* Its process has ended before it ran: why, from what it last said. */
void mon_machine_failed(struct monitor *m);

/* ---- mon_files.c: state and exit ---- */

/* Both try twice: others know the instance by them. */
int mon_files_state(const struct monitor *m);
int mon_files_exit(const struct monitor *m);

/* ---- mon_client.c: the commands ---- */

void mon_client_accept(struct monitor *m);
struct mon_client *mon_client_add(struct monitor *m, int fd, unsigned wants);
/* One record from a client. */
void mon_client_read(struct monitor *m, struct mon_client *client);
/* Sends the chunk to those who still wait for it; chunk_held says whether any is left. */
void mon_client_deliver(struct monitor *m);
/* Reads once from the instance's output (fd: &out_fd or &err_fd) into log and chunk. false at its
 * end, or when there is nothing now. */
bool mon_client_take_output(struct monitor *m, int *fd, int stream);
void mon_client_feed_input(struct monitor *m);
/* The instance has ended (last: for good): tells those who wait for it. Returns true if an owner
 * took the cleaning over. */
bool mon_client_tell_exit(struct monitor *m, bool last, bool by_owner);
int mon_client_send(int fd, int type, int flags, int a, const void *payload, size_t length);
/* Stops the instance, as for a command's MON_SIGNAL with MON_SIGNAL_STOP. */
int mon_client_signal(struct monitor *m, int number, bool stop);

/* ---- monitor.c ---- */

/* Serves the instance until it is over. */
void mon_loop(struct monitor *m);
