/*
 * One virtual machine in this process: the Type 2 hypervisor. It wires up what the other modules
 * make (the PC and its devices, a set of vCPUs, back ends) and looks after the threads.
 *
 * Threads: the one that calls vmm_run, the owner, which alone starts, stops and ends the machine;
 * one for I/O, which serves back ends and timers with the device lock held; one for each vCPU.
 * Functions below are the owner's but where they say "any thread".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "machine/pc.h"
#include "os/os_loop.h"
#include "platform/platform.h"
#include "vcpu/vcpu.h"
#include "vmm/vmm_cpus.h"

struct vmm;
struct vio_device;

enum { VMM_DISKS_MAX = 16, VMM_NETS_MAX = 8 };

enum vmm_accel { VMM_ACCEL_AUTO, VMM_ACCEL_KVM, VMM_ACCEL_SOFTWARE };

/* What to do when the guest asks for a reset, or crashed. */
enum vmm_action { VMM_ACTION_STOP, VMM_ACTION_RESET, VMM_ACTION_PAUSE };

struct vmm_disk {
    const char *path;
    bool read_only;
    bool no_uring;      /* do its I/O by threads */
    const char *serial; /* NULL: none */
};

struct net_ports;

/* A network card on a user-mode network of its own. */
struct vmm_net {
    uint8_t mac[6];   /* all zero: one is made from the machine's name and the card's number */
    bool restricted;  /* the guest reaches nothing outside */
    bool no_loopback; /* nor what listens on the host's loopback alone */
    const struct net_ports *ports; /* published; NULL: none. The caller's. */
};

/* A workload that the agent in the guest runs (vmm_agent.h), with these descriptors as its streams;
 * they are the machine's from vmm_new on. The bytes are settings in the protocol's form. */
struct vmm_workload {
    const void *setup, *start;
    size_t setup_size, start_size;
    int in, out, err;
};

/* All texts are the caller's and stay until vmm_free. */
struct vmm_config {
    const char *name;
    const char *kernel;      /* path */
    const char *initrd;      /* path; NULL: none */
    const char *append;      /* the command line; NULL: empty */
    struct pc_smbios smbios; /* uuid all zero: one is made from the machine's name */
    uint64_t ram_bytes;
    unsigned cpus;
    const char *cpu_model; /* for cpu_model_parse */
    enum vmm_accel accel;
    const char *run_folder; /* where verdicts about KVM are kept for this boot; NULL: nowhere */
    struct vmm_disk disks[VMM_DISKS_MAX];
    unsigned disks_count;
    struct vmm_net nets[VMM_NETS_MAX];
    unsigned nets_count;
    const struct vmm_workload *workload; /* NULL: none */
    bool debug_exit;                     /* port F4h ends the machine */
    bool test_device;                    /* kvm-unit-tests' */
    bool start_paused;
    enum vmm_action on_reset;
    enum vmm_action on_crash;  /* triple fault, or panic that pvpanic tells */
    int serial_in, serial_out; /* of the first serial port; -1: none */
    bool serial_escape;        /* serial_in is a terminal in raw mode: look for the escape key */
    void (*log)(void *argument, enum plat_level level, const char *line);
    void *log_argument;
    enum plat_level log_level;
};

/* Makes the machine, powered on when vmm_run is called. It opens all files that it needs. 0 or
 * -ST_Exxx with *err for a person. */
int vmm_new(const struct vmm_config *config, struct vmm **ret_vmm,
            struct st_err *err) ST_MUST_CHECK;
/* NULL allowed. */
void vmm_free(struct vmm *vmm);

enum vmm_end {
    VMM_END_POWERED_OFF, /* by the guest */
    VMM_END_QUIT,        /* vmm_quit, or the escape key */
    VMM_END_RESET,       /* the guest asked for a reset and on_reset is to stop */
    VMM_END_TRIPLE_FAULT,
    VMM_END_PANICKED,
    VMM_END_DEBUG_EXIT, /* through the port; the value is beside it */
    VMM_END_FAILED,     /* a virtual CPU cannot go on: our fault */
};
const char *vmm_end_name(enum vmm_end end);

struct vmm_ending {
    enum vmm_end end;
    uint32_t value; /* VMM_END_DEBUG_EXIT */
};

/* Called by vmm_run in each thread that it makes (the vCPUs' and "io"), first thing: a jail. A
 * failure ends the start. */
typedef int vmm_thread_fn(void *argument, bool is_vcpu);

/* Runs the machine until it ends. 0 or -ST_Exxx. */
int vmm_run(struct vmm *vmm, vmm_thread_fn *enter, void *argument, struct vmm_ending *ret_ending,
            struct st_err *err) ST_MUST_CHECK;

/* Who is told, on the loop that vmm_run serves, that the machine runs: all its threads are at work.
 * Before vmm_run. */
void vmm_on_running(struct vmm *vmm, void (*told)(void *argument), void *argument);

/* ---- from the loop that vmm_run serves ---- */

/* The owner's event loop, for the control socket and the debugger; it has no lock. */
struct os_loop *vmm_loop(struct vmm *vmm);

enum vmm_state { VMM_RUNNING, VMM_PAUSED, VMM_CRASHED, VMM_ENDED };
enum vmm_state vmm_state(const struct vmm *vmm);
const char *vmm_state_name(enum vmm_state state);

/* Pausing what is paused, and the like, is success. -ST_ESTATE: resuming a machine that crashed. */
int vmm_pause(struct vmm *vmm);
int vmm_resume(struct vmm *vmm);
/* As vmm_resume, for the vCPUs of the mask alone (bit: index): a debugger's step. */
int vmm_resume_some(struct vmm *vmm, uint64_t mask);
/* All vCPUs and devices as after power-up; a crashed machine runs again. */
int vmm_reset(struct vmm *vmm, struct st_err *err);
void vmm_power_button(struct vmm *vmm);
void vmm_nmi(struct vmm *vmm);
/* Ends vmm_run soon. Any thread. */
void vmm_quit(struct vmm *vmm);

/* Gives the first serial port another client: a stream socket, which is the machine's from then on,
 * also on failure. */
int vmm_console_client(struct vmm *vmm, int fd);

/* How the workload ended. false: it has not. *ret_error: why it did not start, NULL: it ran; valid
 * until vmm_free. After vmm_run, or any thread. */
bool vmm_workload_end(struct vmm *vmm, int *ret_code, const char **ret_error);
/* Sends it a signal; false: none runs. Tells it the size of its terminal. Any thread. */
bool vmm_workload_signal(struct vmm *vmm, int signal_number);
void vmm_workload_resize(struct vmm *vmm, uint16_t rows, uint16_t columns);
/* Whether vmm_workload_session is possible: 0; -ST_ESTATE, no workload runs or is still to;
 * -ST_ELIMIT, there are too many sessions. Any thread. */
int vmm_workload_room(struct vmm *vmm);
/* vmm_agent_session of its agent. Any thread. */
int vmm_workload_session(struct vmm *vmm, int fd);
/* Asks the guest to end everything in good order and to switch off. Any thread. */
void vmm_workload_power_off(struct vmm *vmm);
/* Who is told once that the workload runs (error NULL), or why it does not (with the exit code that
 * a shell would give). On the I/O thread with the device lock held. Before vmm_run. */
void vmm_on_workload(struct vmm *vmm, void (*told)(void *argument, int code, const char *error),
                     void *argument);

/* What the debugger works with. */
struct vcpu_set *vmm_vcpus(struct vmm *vmm);
struct mem_map *vmm_memory(struct vmm *vmm);
struct vmm_cpus *vmm_threads(struct vmm *vmm);
/* The virtio device n, for its counts: disks first, then cards; NULL: there are not so many. */
const struct vio_device *vmm_device(const struct vmm *vmm, unsigned n);
/* Who is told of VCPU_EXIT_DEBUG, on the loop; the machine is paused. Without one it goes on. */
void vmm_on_debug(struct vmm *vmm,
                  void (*told)(void *argument, unsigned vcpu, const struct vcpu_exit *exit),
                  void *argument);

/* Facts for status and metrics. Any thread. */
struct vmm_facts {
    const char *name;
    const char *accel; /* "kvm", "software" */
    const char *cpu_model;
    unsigned cpus;
    uint64_t ram_bytes, ram_used_bytes;
    uint64_t up_ns; /* the machine's clock */
    uint64_t resets;
};
void vmm_facts(struct vmm *vmm, struct vmm_facts *ret_facts);
/* Appends the log's last lines. */
int vmm_log_text(struct vmm *vmm, struct st_buf *to);
