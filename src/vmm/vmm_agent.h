/*
 * The host's end of the agent in a workload's virtual machine (docs/vm-agent.md): sets the guest
 * up, runs the workload with this process's streams and tells when it has ended.
 *
 * All functions: lock of the loop (the device lock) held. What the guest sends is taken as hostile:
 * it can end its own processes' sessions wrongly, and nothing else.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "os/os_loop.h"
#include "platform/plat_backend.h"

struct vmm_agent;
struct vmm_agent_process;

/* How a process went. */
struct vmm_agent_end {
    int code;          /* exit code as a shell tells it; 125 to 127 also where it did not start */
    const char *error; /* why it did not start; NULL: it ran. Valid during the call. */
};

struct vmm_agent_streams {
    int in, out, err; /* -1: none; with a terminal err is -1. Closed when the process has ended. */
};

struct vmm_agent_config {
    struct os_loop *loop;
    /* Payloads of SETUP and of the workload's START (settings); copied. */
    const void *setup, *start;
    size_t setup_size, start_size;
    struct vmm_agent_streams streams; /* the workload's */
    /* The workload runs: called before anything that it writes is passed on. NULL allowed. */
    void (*started)(void *argument);
    /* The workload has ended, or the machine could not be set up: called once. */
    void (*ended)(void *argument, const struct vmm_agent_end *end);
    void *argument;
};

/* 0 or -ST_ENOMEM, -ST_E2BIG (settings above the protocol's limit). */
int vmm_agent_new(const struct vmm_agent_config *config,
                  struct vmm_agent **ret_agent) ST_MUST_CHECK;
/* The device is gone. Processes that still run are forgotten, without a word. NULL allowed. */
void vmm_agent_free(struct vmm_agent *agent);

/* What vio_vsock_new is given. */
struct plat_sockets *vmm_agent_sockets(struct vmm_agent *agent);

/* The workload; NULL: it does not run. */
struct vmm_agent_process *vmm_agent_workload(struct vmm_agent *agent);

/* Makes a stream socket, which is taken over in every case, a session with the guest's agent: from
 * then on the bytes are those of docs/vm-agent.md. It is connected once the workload runs. 0,
 * -ST_ELIMIT or -ST_ENOMEM. */
int vmm_agent_session(struct vmm_agent *agent, int fd);

/* Are there as many sessions as there may be? */
bool vmm_agent_is_full(const struct vmm_agent *agent);

void vmm_agent_signal(struct vmm_agent_process *process, int signal_number);
void vmm_agent_resize(struct vmm_agent_process *process, uint16_t rows, uint16_t columns);
/* Asks the guest to stop everything and switch off. */
void vmm_agent_power_off(struct vmm_agent *agent);
