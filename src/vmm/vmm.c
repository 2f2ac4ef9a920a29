/*
 * One virtual machine in this process: see vmm.h.
 *
 * Lock order: device lock, then vmm_cpus's, then the log's. The owner stops vCPUs without the
 * device lock, since they may be waiting for it.
 *
 * What a vCPU's or the I/O thread learns (the guest asks for a reset, a triple fault) is a bit in
 * `requests` and a wake-up of the owner's loop, which acts on it.
 */
#include "vmm/vmm.h"

#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "cpu/cpu.h"
#include "machine/pc.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_thread.h"
#include "vmm/kvm/vmm_kvm.h"
#include "vmm/vmm_accel.h"
#include "vmm/vmm_agent.h"
#include "vmm/vmm_priv.h"
#include "vmm/vmm_ram.h"

static const char *const end_names[] = {"powered-off", "quit",       "reset", "triple-fault",
                                        "panicked",    "debug-exit", "failed"};
static const char *const state_names[] = {"running", "paused", "crashed", "ended"};

const char *vmm_end_name(enum vmm_end end)
{
    return end_names[end];
}

const char *vmm_state_name(enum vmm_state state)
{
    return state_names[state];
}

static void request(struct vmm *vmm, uint32_t bits)
{
    uint64_t one = 1;
    __atomic_fetch_or(&vmm->requests, bits, __ATOMIC_SEQ_CST);
    if (os_write(vmm->wake.fd, &one, sizeof one) < 0) {
        (void)os_write(vmm->wake.fd, &one, sizeof one); /* nothing else would wake the owner */
    }
}

/* ---- what the machine and its vCPUs tell, on their threads ---- */

static void on_reset(void *owner)
{
    request(owner, REQUEST_RESET);
}

static void on_power_off(void *owner)
{
    request(owner, REQUEST_POWER_OFF);
}

static void on_panicked(void *owner)
{
    request(owner, REQUEST_PANICKED);
}

static void on_debug_exit(void *owner, uint32_t value)
{
    struct vmm *vmm = owner;
    __atomic_store_n(&vmm->debug_exit_value, value, __ATOMIC_SEQ_CST);
    request(vmm, REQUEST_DEBUG_EXIT);
}

static void on_vcpu_event(void *argument, struct vcpu *vcpu, const struct vcpu_exit *exit)
{
    struct vmm *vmm = argument;
    switch (exit->reason) {
    case VCPU_EXIT_DEBUG:
        vmm->debug_exits[vcpu->index] = *exit;
        __atomic_fetch_or(&vmm->debug_stopped, UINT64_C(1) << vcpu->index, __ATOMIC_SEQ_CST);
        request(vmm, REQUEST_DEBUG);
        break;
    case VCPU_EXIT_SHUTDOWN:
        plat_log(vmm->platform, PLAT_WARN, "vmm", "vCPU %u: triple fault", vcpu->index);
        request(vmm, REQUEST_TRIPLE_FAULT);
        break;
    case VCPU_EXIT_FAILED:
        plat_log(vmm->platform, PLAT_ERROR, "vmm", "vCPU %u: %s", vcpu->index, exit->text);
        request(vmm, REQUEST_FAILED);
        break;
    case VCPU_EXIT_BUDGET:
    case VCPU_EXIT_HALT:
    case VCPU_EXIT_KICKED:
        break;
    }
}

/* The key after the terminal's escape key. I/O thread. */
static void on_key(void *argument, char key)
{
    struct vmm *vmm = argument;
    switch (key) {
    case 'x':
        vmm_quit(vmm);
        break;
    case 'b':
        pc_power_button(vmm->pc);
        break;
    case 'p':
        request(vmm, REQUEST_TOGGLE_PAUSE);
        break;
    default:
        break;
    }
}

/* ---- what the owner does about it ---- */

/* Tells once. */
static void tell_that_it_runs(struct vmm *vmm)
{
    void (*told)(void *argument) = vmm->runs_told;
    vmm->runs_told = NULL;
    if (told != NULL) {
        told(vmm->runs_argument);
    }
}

static void end(struct vmm *vmm, enum vmm_end why)
{
    if (vmm->state != VMM_ENDED) {
        if (why != VMM_END_FAILED && why != VMM_END_QUIT) { /* the guest's doing: it ran */
            tell_that_it_runs(vmm);
        }
        vmm->state = VMM_ENDED;
        vmm->ending = (struct vmm_ending){.end = why, .value = vmm->debug_exit_value};
        os_loop_stop(vmm->loop);
    }
}

int vmm_pause(struct vmm *vmm)
{
    if (vmm->state != VMM_RUNNING) {
        return 0;
    }
    vmm_cpus_stop(vmm->cpus);
    plat_lock(vmm->platform);
    vmm_platform_pause(vmm->process);
    if (vmm->accel.kvm) {
        vmm_kvm_pause_clock(&vmm->set);
    }
    plat_unlock(vmm->platform);
    vmm->state = VMM_PAUSED;
    return 0;
}

static void go_on(struct vmm *vmm, uint64_t mask)
{
    plat_lock(vmm->platform);
    vmm_platform_resume(vmm->process);
    if (vmm->accel.kvm) {
        vmm_kvm_resume_clock(&vmm->set);
    }
    plat_unlock(vmm->platform);
    vmm->state = VMM_RUNNING;
    vmm_cpus_go(vmm->cpus, mask);
}

int vmm_resume_some(struct vmm *vmm, uint64_t mask)
{
    if (vmm->state == VMM_CRASHED) {
        return -ST_ESTATE;
    }
    if (vmm->state == VMM_PAUSED) {
        go_on(vmm, mask);
    }
    return 0;
}

int vmm_resume(struct vmm *vmm)
{
    return vmm_resume_some(vmm, VMM_CPUS_ALL);
}

int vmm_reset(struct vmm *vmm, struct st_err *err)
{
    bool stay = vmm->state == VMM_PAUSED;
    (void)vmm_pause(vmm);
    vmm_quiesce(vmm);
    int r = vmm_load(vmm, err);
    if (r < 0) {
        return r;
    }
    vmm->resets++;
    vmm->state = VMM_PAUSED;
    if (!stay) {
        go_on(vmm, VMM_CPUS_ALL);
    }
    return 0;
}

void vmm_power_button(struct vmm *vmm)
{
    plat_lock(vmm->platform);
    pc_power_button(vmm->pc);
    plat_unlock(vmm->platform);
}

void vmm_nmi(struct vmm *vmm)
{
    for (unsigned i = 0; i < vmm->set.count; i++) {
        vcpu_nmi(vmm->set.vcpus[i]);
    }
}

void vmm_quit(struct vmm *vmm)
{
    request(vmm, REQUEST_QUIT);
}

static void reset_or_end(struct vmm *vmm, enum vmm_end otherwise)
{
    struct st_err err = {0};
    if (vmm_reset(vmm, &err) < 0) {
        plat_log(vmm->platform, PLAT_ERROR, "vmm", "reset: %s", err.msg);
        end(vmm, otherwise);
    }
}

static void crash(struct vmm *vmm, enum vmm_end why)
{
    switch (vmm->config.on_crash) {
    case VMM_ACTION_STOP:
        end(vmm, why);
        break;
    case VMM_ACTION_RESET:
        reset_or_end(vmm, why);
        break;
    case VMM_ACTION_PAUSE:
        (void)vmm_pause(vmm);
        vmm->state = VMM_CRASHED;
        break;
    }
}

static void guest_reset(struct vmm *vmm)
{
    switch (vmm->config.on_reset) {
    case VMM_ACTION_STOP:
        end(vmm, VMM_END_RESET);
        break;
    case VMM_ACTION_RESET:
        reset_or_end(vmm, VMM_END_FAILED);
        break;
    case VMM_ACTION_PAUSE:
        (void)vmm_pause(vmm);
        break;
    }
}

static void debug_stopped(struct vmm *vmm)
{
    uint64_t stopped = __atomic_exchange_n(&vmm->debug_stopped, 0, __ATOMIC_SEQ_CST);
    if (stopped == 0) {
        return;
    }
    (void)vmm_pause(vmm);
    if (vmm->debug_told == NULL) {
        (void)vmm_resume(vmm);
        return;
    }
    unsigned vcpu = (unsigned)__builtin_ctzll(stopped);
    vmm->debug_told(vmm->debug_argument, vcpu, &vmm->debug_exits[vcpu]);
}

static void serve_requests(void *argument, uint32_t events)
{
    struct vmm *vmm = argument;
    uint64_t count;
    (void)events;
    (void)os_read(vmm->wake.fd, &count, sizeof count);
    uint32_t bits = __atomic_exchange_n(&vmm->requests, 0, __ATOMIC_SEQ_CST);
    /* The end first: a guest that switches off and then faults has switched off. */
    if (bits & REQUEST_POWER_OFF) {
        end(vmm, VMM_END_POWERED_OFF);
    } else if (bits & REQUEST_QUIT) {
        end(vmm, VMM_END_QUIT);
    } else if (bits & REQUEST_DEBUG_EXIT) {
        end(vmm, VMM_END_DEBUG_EXIT);
    } else if (bits & REQUEST_FAILED) {
        end(vmm, VMM_END_FAILED);
    } else if (bits & REQUEST_PANICKED) {
        plat_log(vmm->platform, PLAT_WARN, "vmm", "the guest's kernel panicked");
        crash(vmm, VMM_END_PANICKED);
    } else if (bits & REQUEST_RESET) {
        guest_reset(vmm);
    } else if (bits & REQUEST_TRIPLE_FAULT) {
        crash(vmm, VMM_END_TRIPLE_FAULT);
    } else if (bits & REQUEST_TOGGLE_PAUSE) {
        (void)(vmm->state == VMM_PAUSED ? vmm_resume(vmm) : vmm_pause(vmm));
    }
    if (bits & REQUEST_DEBUG) {
        debug_stopped(vmm);
    }
    if ((bits & REQUEST_RUNS) && vmm->state != VMM_ENDED) {
        tell_that_it_runs(vmm);
    }
}

/* ---- running ---- */

static void *io_thread(void *argument)
{
    struct vmm *vmm = argument;
    os_thread_name("io");
    int r = vmm->enter == NULL ? 0 : vmm->enter(vmm->enter_argument, false);
    if (r >= 0) {
        request(vmm, REQUEST_RUNS); /* the vCPUs' threads have begun before this one */
        r = vmm_platform_run(vmm->process);
    }
    if (r < 0) {
        plat_log(vmm->platform, PLAT_ERROR, "vmm", "I/O: %s", st_strerror(r));
        request(vmm, REQUEST_FAILED);
    }
    return NULL;
}

static int enter_vcpu(void *argument, struct vcpu *vcpu)
{
    struct vmm *vmm = argument;
    int r = vmm->accel.kvm ? vmm_kvm_enter(vcpu) : 0;
    return r < 0 || vmm->enter == NULL ? r : vmm->enter(vmm->enter_argument, true);
}

int vmm_run(struct vmm *vmm, vmm_thread_fn *enter, void *argument, struct vmm_ending *ret_ending,
            struct st_err *err)
{
    vmm->enter = enter;
    vmm->enter_argument = argument;
    int r = vmm_load(vmm, err);
    if (r < 0) {
        return r;
    }
    struct vmm_cpus_config config = {
        .set = &vmm->set, .enter = enter_vcpu, .event = on_vcpu_event, .argument = vmm};
    r = vmm_cpus_start(&config, &vmm->cpus, err);
    if (r < 0) {
        return r;
    }
    vmm_platform_on_wake(vmm->process, vmm_cpus_wake, vmm->cpus);
    r = os_thread_start(&vmm->io, io_thread, vmm);
    if (r < 0) {
        return st_fail_os(err, r, "cannot start the I/O thread");
    }
    vmm->state = VMM_PAUSED;
    plat_lock(vmm->platform);
    struct plat_stream *serial = vmm_console_stream(vmm->console);
    serial->ops->resume(serial);
    plat_unlock(vmm->platform);
    if (!vmm->config.start_paused) {
        (void)vmm_resume(vmm);
    }
    r = os_loop_run(vmm->loop);
    if (r < 0) {
        return st_fail_os(err, r, "waiting for events");
    }
    *ret_ending = vmm->ending;
    return 0;
}

/* ---- the workload ---- */

bool vmm_workload_end(struct vmm *vmm, int *ret_code, const char **ret_error)
{
    plat_lock(vmm->platform);
    bool ended = vmm->workload_ended;
    *ret_code = vmm->workload_code;
    *ret_error = vmm->workload_error[0] == 0 ? NULL : vmm->workload_error;
    plat_unlock(vmm->platform);
    return ended;
}

bool vmm_workload_signal(struct vmm *vmm, int signal_number)
{
    plat_lock(vmm->platform);
    struct vmm_agent_process *workload = vmm->agent == NULL ? NULL : vmm_agent_workload(vmm->agent);
    if (workload != NULL) {
        vmm_agent_signal(workload, signal_number);
    }
    plat_unlock(vmm->platform);
    return workload != NULL;
}

void vmm_workload_resize(struct vmm *vmm, uint16_t rows, uint16_t columns)
{
    plat_lock(vmm->platform);
    struct vmm_agent_process *workload = vmm->agent == NULL ? NULL : vmm_agent_workload(vmm->agent);
    if (workload != NULL) {
        vmm_agent_resize(workload, rows, columns);
    }
    plat_unlock(vmm->platform);
}

int vmm_workload_room(struct vmm *vmm)
{
    plat_lock(vmm->platform);
    int r = vmm->agent == NULL || vmm->workload_ended ? -ST_ESTATE
            : vmm_agent_is_full(vmm->agent)           ? -ST_ELIMIT
                                                      : 0;
    plat_unlock(vmm->platform);
    return r;
}

int vmm_workload_session(struct vmm *vmm, int fd)
{
    plat_lock(vmm->platform);
    int r =
        vmm->agent == NULL || vmm->workload_ended ? -ST_ESTATE : vmm_agent_session(vmm->agent, fd);
    plat_unlock(vmm->platform);
    if (r == -ST_ESTATE) {
        os_close(&fd);
    }
    return r;
}

void vmm_workload_power_off(struct vmm *vmm)
{
    plat_lock(vmm->platform);
    if (vmm->agent != NULL) {
        vmm_agent_power_off(vmm->agent);
    }
    plat_unlock(vmm->platform);
}

void vmm_on_workload(struct vmm *vmm, void (*told)(void *argument, int code, const char *error),
                     void *argument)
{
    plat_lock(vmm->platform);
    vmm->workload_told = told;
    vmm->workload_argument = argument;
    plat_unlock(vmm->platform);
}

/* ---- facts ---- */

struct os_loop *vmm_loop(struct vmm *vmm)
{
    return vmm->loop;
}

enum vmm_state vmm_state(const struct vmm *vmm)
{
    return vmm->state;
}

struct vcpu_set *vmm_vcpus(struct vmm *vmm)
{
    return &vmm->set;
}

const struct vio_device *vmm_device(const struct vmm *vmm, unsigned n)
{
    return n < vmm->virtio_count ? vmm->virtio[n] : NULL;
}

struct mem_map *vmm_memory(struct vmm *vmm)
{
    return &vmm->memory;
}

struct vmm_cpus *vmm_threads(struct vmm *vmm)
{
    return vmm->cpus;
}

void vmm_on_running(struct vmm *vmm, void (*told)(void *argument), void *argument)
{
    vmm->runs_told = told;
    vmm->runs_argument = argument;
}

void vmm_on_debug(struct vmm *vmm,
                  void (*told)(void *argument, unsigned vcpu, const struct vcpu_exit *exit),
                  void *argument)
{
    vmm->debug_told = told;
    vmm->debug_argument = argument;
}

int vmm_console_client(struct vmm *vmm, int fd)
{
    plat_lock(vmm->platform);
    int r = vmm_console_attach(vmm->console, fd);
    plat_unlock(vmm->platform);
    return r;
}

void vmm_facts(struct vmm *vmm, struct vmm_facts *ret_facts)
{
    *ret_facts = (struct vmm_facts){
        .name = vmm->config.name,
        .accel = vmm->set.ops->name,
        .cpu_model = vmm->config.cpu_model,
        .cpus = vmm->set.count,
        .ram_bytes = vmm->config.ram_bytes,
        .ram_used_bytes = vmm_ram_used_bytes(&vmm->ram),
        .up_ns = plat_now_ns(vmm->platform),
        .resets = vmm->resets,
    };
}

int vmm_log_text(struct vmm *vmm, struct st_buf *to)
{
    return vmm_platform_log_tail(vmm->process, to);
}

/* ---- making (the rest is in vmm_wire.c) ---- */

static void no_lock(void *argument)
{
    (void)argument;
}

int vmm_new(const struct vmm_config *config, struct vmm **ret_vmm, struct st_err *err)
{
    struct vmm *vmm = calloc(1, sizeof *vmm);
    if (vmm == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the machine");
    }
    vmm->config = *config;
    vmm->accel.kvm_fd = -1;
    vmm->wake = (struct os_watch){.fd = os_eventfd(0, 0), .ready = serve_requests, .argument = vmm};
    int r = vmm->wake.fd;
    r = r < 0 ? r : os_loop_new(no_lock, no_lock, NULL, &vmm->loop);
    r = r < 0 ? r : os_loop_add(vmm->loop, &vmm->wake, EPOLLIN);
    if (r < 0) {
        st_fail_os(err, r, "cannot make the machine's event loop");
    } else {
        struct pc_events events = {.reset = on_reset,
                                   .power_off = on_power_off,
                                   .panicked = on_panicked,
                                   .debug_exit = on_debug_exit,
                                   .owner = vmm};
        r = vmm_wire(vmm, &events, on_key, err);
    }
    if (r < 0) {
        vmm_free(vmm);
        return r;
    }
    *ret_vmm = vmm;
    return 0;
}

void vmm_free(struct vmm *vmm)
{
    if (vmm == NULL) {
        return;
    }
    vmm_cpus_end(vmm->cpus);
    if (vmm->io.running) {
        vmm_quiesce(vmm);
        vmm_platform_stop(vmm->process);
        os_thread_join(&vmm->io);
    }
    vmm_unwire(vmm);
    if (vmm->loop != NULL) {
        os_loop_remove(vmm->loop, &vmm->wake);
    }
    os_loop_free(vmm->loop);
    os_close(&vmm->wake.fd);
    free(vmm);
}
