/* What the files of one machine share: vmm.c runs it, vmm_wire.c makes it. */
#pragma once

#include "machine/pc.h"
#include "os/os_loop.h"
#include "os/os_thread.h"
#include "vmm/vmm.h"
#include "vmm/vmm_accel.h"
#include "vmm/vmm_console.h"
#include "vmm/vmm_platform.h"
#include "vmm/vmm_ram.h"

struct disk_raw;
struct net_user;
struct vio_device;

enum { VMM_VIRTIO_MAX = VMM_DISKS_MAX + VMM_NETS_MAX + 2 };

/* What the owner is asked for, bits of vmm.requests. */
enum {
    REQUEST_RESET = 1,
    REQUEST_POWER_OFF = 2,
    REQUEST_PANICKED = 4,
    REQUEST_DEBUG_EXIT = 8,
    REQUEST_TRIPLE_FAULT = 16,
    REQUEST_FAILED = 32,
    REQUEST_QUIT = 64,
    REQUEST_TOGGLE_PAUSE = 128,
    REQUEST_DEBUG = 256,
    REQUEST_RUNS = 512,
};

/* A file that is mapped for as long as the machine lives. */
struct vmm_file {
    void *bytes;
    size_t size;
};

struct vmm {
    struct vmm_config config;     /* [I] */
    struct vmm_platform *process; /* [I] */
    struct platform *platform;    /* [I] */
    struct mem_map memory;
    struct vmm_ram ram;
    struct vmm_file kernel, initrd;
    struct vmm_accel_choice accel; /* [I] */
    struct vcpu_set set;
    struct pc *pc;
    struct vmm_console *console;
    struct disk_raw *disks[VMM_DISKS_MAX];
    struct net_user *nets[VMM_NETS_MAX];
    struct vmm_agent *agent; /* NULL: no workload */
    bool workload_started;   /* [device lock], as those below */
    bool workload_ended;
    int workload_code;
    char workload_error[512]; /* empty: it ran */
    void (*workload_told)(void *argument, int code, const char *error);
    void *workload_argument;
    struct vio_device *virtio[VMM_VIRTIO_MAX]; /* the PC's; for vmm_quiesce */
    unsigned virtio_count;
    struct vmm_cpus *cpus; /* NULL: vmm_run was not called */
    struct os_thread io;
    vmm_thread_fn *enter; /* [I] */
    void *enter_argument; /* [I] */

    struct os_loop *loop;      /* [o] the owner's */
    struct os_watch wake;      /* [o] eventfd of requests */
    uint32_t requests;         /* [a] REQUEST_* */
    uint32_t debug_exit_value; /* [a] */
    uint64_t debug_stopped;    /* [a] vCPUs whose debug_exits are to be told */
    struct vcpu_exit debug_exits[VCPU_MAX];
    enum vmm_state state; /* [o] */
    struct vmm_ending ending;
    uint64_t resets;                   /* [o] */
    void (*runs_told)(void *argument); /* [o] */
    void *runs_argument;
    void (*debug_told)(void *argument, unsigned vcpu, const struct vcpu_exit *exit);
    void *debug_argument;
};

/* Makes platform, memory, vCPUs, PC, back ends and devices. On failure vmm_unwire follows. */
int vmm_wire(struct vmm *vmm, const struct pc_events *events, void (*key)(void *argument, char key),
             struct st_err *err) ST_MUST_CHECK;
/* Puts the vCPUs and all devices into the state after power-up, and the kernel and its initrd into
 * the guest's memory; their files take no memory of this process afterwards. As pc_reset. */
int vmm_load(struct vmm *vmm, struct st_err *err) ST_MUST_CHECK;
/* Waits until no device has a transfer in flight, which would write to the guest's memory: before a
 * reset and before the end. The vCPUs are stopped, the I/O thread runs, device lock not held. */
void vmm_quiesce(struct vmm *vmm);
/* Frees what of it was made. No thread of the machine is left. */
void vmm_unwire(struct vmm *vmm);
