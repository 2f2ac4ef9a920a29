/*
 * What an instance's monitor and the commands say to each other: records, one message each, on a
 * Unix SOCK_SEQPACKET socket. The command that starts an instance holds one end of a pair; later
 * commands connect to <run>/instances/ID/control. Both sides are of one installation, yet the first
 * record names the version, so that a monitor that outlived an upgrade is met by a clear refusal.
 *
 *     command                       monitor
 *       | --- spawn, with a socket --> |
 *       | <-- MOUNTED (root's fd) ---- |  the instance's files are in place, in the monitor's
 * namespace | --- GO (network's fd) -----> |  config.json is written | <-- STARTED or FAILED ------
 * | | <-> INPUT, OUTPUT, ...       | | <-- EXIT ------------------- |
 */
#pragma once

#include <stdint.h>

#define MON_PROTOCOL_VERSION 1

/* The most bytes that follow a header. */
#define MON_PAYLOAD_MAX 32768

/* Where the network namespace's descriptor is in strata-oci: config.json says
 * /proc/self/fd/MON_NETNS_FD. */
#define MON_NETNS_FD 9

/* The socket on which strata-vm and the monitor talk, in strata-vm: records of format/fmt_agent.h.
 */
#define MON_MACHINE_FD MON_NETNS_FD

enum mon_record_type {
    /* from a command */
    MON_GO =
        1, /* flags: MON_WANT_*; a, b: rows and columns; carries the network's descriptor if any */
    MON_HELLO, /* flags: MON_WANT_* */
    MON_INPUT, /* payload: for standard input */
    MON_INPUT_END,
    MON_RESIZE, /* a: rows, b: columns */
    MON_SIGNAL, /* a: number; flags: MON_SIGNAL_STOP */
    /* from the monitor */
    MON_MOUNTED, /* carries a descriptor of the root folder */
    MON_STARTED, /* a: pid */
    MON_FAILED,  /* a: exit code 125, 126 or 127; flags: MON_FAILED_* */
    MON_OUTPUT,  /* b: 1 standard output, 2 standard error; payload: bytes */
    MON_EXIT,    /* a: exit code; flags: MON_EXIT_CLEAN_UP */
    MON_DONE,    /* answers MON_SIGNAL; a: 0 or an errno */
};

enum {
    MON_WANT_OUTPUT = 1,
    MON_WANT_INPUT = 2,     /* its input is the instance's */
    MON_WANT_NEXT_EXIT = 4, /* else the last exit, after which there is no restart */
    MON_WANT_OWNER = 8,     /* it cleans up after the instance */
    MON_SIGNAL_STOP = 16,   /* the instance is not to be restarted */
    MON_EXIT_CLEAN_UP = 32, /* to the owner: the monitor leaves the cleaning to you */
    MON_FAILED_HERE = 1,    /* a is an errno of the monitor's, the payload what it was doing */
    MON_FAILED_TEXT = 2,    /* the payload says why */
};

struct mon_record { /* native byte order: both ends are on one machine */
    uint8_t version;
    uint8_t type;
    uint16_t flags;
    int32_t a;
    int32_t b;
    uint32_t length; /* of the payload */
};

_Static_assert(sizeof(struct mon_record) == 16, "a record's header is 16 bytes");
