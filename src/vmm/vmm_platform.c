/*
 * struct platform for a Linux process: see vmm_platform.h.
 *
 * The device lock is a mutex, which lets a thread have it again and again while another is only
 * waking up for it: a guest that keeps its devices busy would keep everybody else out. Who has
 * waited for PATIENCE_NS closes the gate until it has its turn, and who comes meanwhile waits
 * there.
 *
 * Lock order: device lock, then the log's lock. The clock is read without either: it is the host's
 * monotonic clock less what was spent paused, or the moment at which it was stopped.
 */
#include "vmm/vmm_platform.h"

#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arith.h"
#include "memory/mem.h"
#include "os/os_file.h"
#include "os/os_memory.h"
#include "os/os_thread.h"
#include "os/os_time.h"
#include "os/os_trap.h"
#include "vmm/vmm_log.h"
#include "vmm/vmm_timers.h"

enum { PATIENCE_NS = 1000000 };

struct vmm_platform {
    struct platform base; /* first */
    pthread_mutex_t lock; /* the device lock */
    uint32_t gate;        /* [a] how many have lost their patience; 0: open */
    struct os_loop *loop; /* [I] */
    struct vmm_timers timers;
    struct vmm_log log;
    void (*wake)(void *argument, unsigned vcpu); /* [I] NULL: not set yet */
    void *wake_argument;                         /* [I] */
    uint64_t offset_ns;                          /* [a] host's clock less the machine's */
    uint64_t stopped_ns; /* [a] the machine's clock where it stands still; 0: it runs */
};

static struct vmm_platform *of(struct platform *platform)
{
    return (struct vmm_platform *)platform;
}

static uint64_t now_ns(struct platform *platform)
{
    struct vmm_platform *vmm = of(platform);
    uint64_t stopped = __atomic_load_n(&vmm->stopped_ns, __ATOMIC_ACQUIRE);
    return stopped != 0 ? stopped
                        : os_monotonic_ns() - __atomic_load_n(&vmm->offset_ns, __ATOMIC_ACQUIRE);
}

static uint64_t wall_ns(struct platform *platform)
{
    (void)platform;
    return os_realtime_ns();
}

static void timer_set(struct platform *platform, struct plat_timer *timer, uint64_t deadline_ns)
{
    vmm_timers_set(&of(platform)->timers, timer, deadline_ns);
}

static void log_line(struct platform *platform, enum plat_level level, const char *module,
                     const char *text)
{
    vmm_log_line(&of(platform)->log, level, module, text);
}

static int random_bytes(struct platform *platform, void *ret_bytes, size_t size)
{
    (void)platform;
    return os_random(ret_bytes, size);
}

static void *alloc(struct platform *platform, size_t size)
{
    (void)platform;
    if (size >= MEM_PAGE_SIZE) {
        void *pages;
        int r =
            os_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &pages);
        return r < 0 ? NULL : pages;
    }
    size_t rounded = ST_ALIGN_UP(size, 64);
    void *memory = aligned_alloc(64, rounded == 0 ? 64 : rounded);
    if (memory != NULL) {
        memset(memory, 0, size);
    }
    return memory;
}

static void release(struct platform *platform, void *memory, size_t size)
{
    (void)platform;
    if (size < MEM_PAGE_SIZE) {
        free(memory);
    } else if (memory != NULL) {
        (void)os_munmap(memory, size);
    }
}

static void lock(struct platform *platform)
{
    struct vmm_platform *vmm = of(platform);
    uint32_t gate;
    while ((gate = __atomic_load_n(&vmm->gate, __ATOMIC_RELAXED)) != 0) {
        os_futex_wait(&vmm->gate, gate);
    }
    if (pthread_mutex_trylock(&vmm->lock) == 0) {
        return;
    }
    uint64_t until = os_monotonic_ns() + PATIENCE_NS;
    const struct timespec at = {.tv_sec = (time_t)(until / 1000000000),
                                .tv_nsec = (long)(until % 1000000000)};
    if (pthread_mutex_clocklock(&vmm->lock, CLOCK_MONOTONIC, &at) == 0) {
        return;
    }
    __atomic_add_fetch(&vmm->gate, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&vmm->lock);
    __atomic_sub_fetch(&vmm->gate, 1, __ATOMIC_RELAXED);
    os_futex_wake(&vmm->gate, INT_MAX);
}

static void unlock(struct platform *platform)
{
    pthread_mutex_unlock(&of(platform)->lock);
}

/* The pages of a memfd, mapped twice: no address can be written and executed. */
static int code_alloc(struct platform *platform, size_t size, struct plat_code *ret_code)
{
    (void)platform;
    enum { EXECUTABLE = 0x10 }; /* MFD_EXEC of Linux 6.3, which older ones refuse and do not need */
    size_t rounded = ST_ALIGN_UP(size, MEM_PAGE_SIZE);
    void *write = NULL;
    void *exec = NULL;
    st_auto(fd) int fd = os_memfd("code", MFD_CLOEXEC | EXECUTABLE);
    if (fd < 0) {
        fd = os_memfd("code", MFD_CLOEXEC);
    }
    if (fd < 0 || os_ftruncate(fd, (off_t)rounded) < 0 ||
        os_mmap(NULL, rounded, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0, &write) < 0) {
        return -ST_ENOMEM;
    }
    if (os_mmap(NULL, rounded, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0, &exec) < 0) {
        (void)os_munmap(write, rounded);
        return -ST_ENOMEM;
    }
    *ret_code = (struct plat_code){.write = write, .exec = exec, .size = rounded};
    return 0;
}

static void code_free(struct platform *platform, struct plat_code *code)
{
    (void)platform;
    if (code->size != 0) {
        (void)os_munmap(code->write, code->size);
        (void)os_munmap((void *)(uintptr_t)code->exec, code->size);
        *code = (struct plat_code){0};
    }
}

static void guarded_call(struct platform *platform, void (*stub)(void *argument), void *argument,
                         struct plat_fault *ret_fault)
{
    (void)platform;
    struct os_trap_fault fault;
    os_trap_guarded_call(stub, argument, &fault);
    *ret_fault = (struct plat_fault){
        .vector = fault.vector,
        .error_code = fault.error_code,
        .address = fault.address,
        .mxcsr = fault.mxcsr,
        .x87_status = fault.x87_status,
    };
}

static void yield(struct platform *platform)
{
    (void)platform;
    os_yield();
}

static void wake(struct platform *platform, unsigned vcpu)
{
    struct vmm_platform *vmm = of(platform);
    if (vmm->wake != NULL) {
        vmm->wake(vmm->wake_argument, vcpu);
    }
}

static const struct plat_ops ops = {
    .now_ns = now_ns,
    .wall_ns = wall_ns,
    .timer_set = timer_set,
    .log = log_line,
    .random = random_bytes,
    .alloc = alloc,
    .free = release,
    .lock = lock,
    .unlock = unlock,
    .code_alloc = code_alloc,
    .code_free = code_free,
    .guarded_call = guarded_call,
    .wake = wake,
    .yield = yield,
};

static void lock_device(void *argument)
{
    lock(argument);
}

static void unlock_device(void *argument)
{
    unlock(argument);
}

int vmm_platform_new(const struct vmm_platform_config *config, struct vmm_platform **ret_vmm,
                     struct st_err *err)
{
    struct vmm_platform *vmm = calloc(1, sizeof *vmm);
    if (vmm == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the machine's platform");
    }
    vmm->base.ops = &ops;
    vmm->offset_ns = os_monotonic_ns() - 1;
    pthread_mutex_init(&vmm->lock, NULL);
    vmm->log.sink = config->log;
    vmm->log.argument = config->log_argument;
    vmm->log.level = config->log_level;
    vmm_log_init(&vmm->log);
    vmm->timers.watch.fd = -1;
    int r = os_trap_install();
    if (r >= 0) {
        r = os_loop_new(lock_device, unlock_device, vmm, &vmm->loop);
    }
    if (r >= 0) {
        r = vmm_timers_init(&vmm->timers, &vmm->base, vmm->loop);
    }
    if (r < 0) {
        vmm_platform_free(vmm);
        return st_fail_os(err, r, "cannot make the machine's event loop");
    }
    *ret_vmm = vmm;
    return 0;
}

void vmm_platform_free(struct vmm_platform *vmm)
{
    if (vmm == NULL) {
        return;
    }
    vmm_timers_done(&vmm->timers);
    os_loop_free(vmm->loop);
    vmm_log_done(&vmm->log);
    pthread_mutex_destroy(&vmm->lock);
    free(vmm);
}

struct platform *vmm_platform_base(struct vmm_platform *vmm)
{
    return &vmm->base;
}

struct os_loop *vmm_platform_loop(struct vmm_platform *vmm)
{
    return vmm->loop;
}

int vmm_platform_run(struct vmm_platform *vmm)
{
    return os_loop_run(vmm->loop);
}

void vmm_platform_stop(struct vmm_platform *vmm)
{
    os_loop_stop(vmm->loop);
}

void vmm_platform_pause(struct vmm_platform *vmm)
{
    if (vmm->stopped_ns == 0) {
        __atomic_store_n(&vmm->stopped_ns, now_ns(&vmm->base), __ATOMIC_RELEASE);
        vmm_timers_hold(&vmm->timers, true);
    }
}

void vmm_platform_resume(struct vmm_platform *vmm)
{
    if (vmm->stopped_ns != 0) {
        __atomic_store_n(&vmm->offset_ns, os_monotonic_ns() - vmm->stopped_ns, __ATOMIC_RELEASE);
        __atomic_store_n(&vmm->stopped_ns, 0, __ATOMIC_RELEASE);
        vmm_timers_hold(&vmm->timers, false);
    }
}

void vmm_platform_on_wake(struct vmm_platform *vmm, void (*told)(void *argument, unsigned vcpu),
                          void *argument)
{
    vmm->wake = told;
    vmm->wake_argument = argument;
}

int vmm_platform_log_tail(struct vmm_platform *vmm, struct st_buf *to)
{
    return vmm_log_tail(&vmm->log, to);
}
