/*
 * The vCPUs' threads: see vmm_cpus.h.
 *
 * Locks: cpus->lock is a leaf: nothing is called with it held. A sleeping thread is woken through a
 * word of its own, so that an interrupt for a vCPU that runs costs one atomic exchange.
 */
#include "vmm/vmm_cpus.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/print.h"
#include "os/os_thread.h"

enum { AWAKE, ASLEEP, WOKEN }; /* of vmm_cpu.word */

struct vmm_cpu {
    struct vmm_cpus *cpus; /* [I] */
    struct vcpu *vcpu;     /* [I] */
    struct os_thread thread;
    uint32_t word;  /* [a] AWAKE, ASLEEP, WOKEN */
    bool parked;    /* [l] waits for vmm_cpus_go */
    bool held;      /* [l] not to run, though no stop is in force */
    bool has_begun; /* [l] config.enter was called */
};

struct vmm_cpus {
    struct vmm_cpus_config config; /* [I] */
    pthread_mutex_t lock;
    pthread_cond_t parked_changed; /* a thread parked, or has begun */
    pthread_cond_t let_go;         /* for the parked */
    unsigned stops;                /* [l] */
    unsigned wanted;               /* [a] threads leave guest code: stops > 0 or ending */
    bool ending;                   /* [l] */
    int failure;                   /* [l] of config.enter */
    struct vmm_cpu cpu[VCPU_MAX];
};

static bool must_park_locked(const struct vmm_cpu *cpu)
{
    return !cpu->cpus->ending && (cpu->cpus->stops > 0 || cpu->held);
}

/* Waits while stopped or held. Returns false when the thread is to end. */
static bool park(struct vmm_cpu *cpu)
{
    struct vmm_cpus *cpus = cpu->cpus;
    pthread_mutex_lock(&cpus->lock);
    while (must_park_locked(cpu)) {
        if (!cpu->parked) {
            cpu->parked = true;
            pthread_cond_broadcast(&cpus->parked_changed);
        }
        pthread_cond_wait(&cpus->let_go, &cpus->lock);
    }
    cpu->parked = false;
    bool go_on = !cpus->ending;
    pthread_mutex_unlock(&cpus->lock);
    return go_on;
}

static void hold(struct vmm_cpu *cpu)
{
    pthread_mutex_lock(&cpu->cpus->lock);
    cpu->held = true;
    pthread_mutex_unlock(&cpu->cpus->lock);
}

static bool wanted(const struct vmm_cpu *cpu)
{
    return __atomic_load_n(&cpu->cpus->wanted, __ATOMIC_ACQUIRE) != 0;
}

/* The guest has nothing to do: sleeps until there may be something. Who wakes makes the work
 * visible, then sets WOKEN; who sleeps sets AWAKE, then looks for work. */
static void sleep_until_woken(struct vmm_cpu *cpu)
{
    for (;;) {
        uint32_t awake = AWAKE;
        __atomic_store_n(&cpu->word, AWAKE, __ATOMIC_SEQ_CST);
        if (wanted(cpu) || vcpu_has_work(cpu->vcpu)) {
            return;
        }
        if (__atomic_compare_exchange_n(&cpu->word, &awake, ASLEEP, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST)) {
            while (__atomic_load_n(&cpu->word, __ATOMIC_ACQUIRE) == ASLEEP) {
                os_futex_wait(&cpu->word, ASLEEP);
            }
        }
    }
}

static void wake(struct vmm_cpu *cpu)
{
    if (__atomic_exchange_n(&cpu->word, WOKEN, __ATOMIC_SEQ_CST) == ASLEEP) {
        os_futex_wake(&cpu->word, 1);
    }
}

static void serve(struct vmm_cpu *cpu)
{
    struct vmm_cpus *cpus = cpu->cpus;
    while (!wanted(cpu) || park(cpu)) {
        struct vcpu_exit exit;
        vcpu_run(cpu->vcpu, &exit);
        switch (exit.reason) {
        case VCPU_EXIT_KICKED:
            break;
        case VCPU_EXIT_HALT:
            sleep_until_woken(cpu);
            break;
        case VCPU_EXIT_SHUTDOWN:
        case VCPU_EXIT_DEBUG:
        case VCPU_EXIT_BUDGET:
        case VCPU_EXIT_FAILED:
            hold(cpu);
            cpus->config.event(cpus->config.argument, cpu->vcpu, &exit);
            if (!park(cpu)) {
                return;
            }
            break;
        }
    }
}

static void *run(void *argument)
{
    struct vmm_cpu *cpu = argument;
    struct vmm_cpus *cpus = cpu->cpus;
    char name[16];
    st_snprintf(name, sizeof name, "vcpu %u", cpu->vcpu->index);
    os_thread_name(name);
    int r = cpus->config.enter == NULL ? 0 : cpus->config.enter(cpus->config.argument, cpu->vcpu);
    pthread_mutex_lock(&cpus->lock);
    cpu->has_begun = true;
    cpus->failure = r < 0 ? r : cpus->failure;
    pthread_cond_broadcast(&cpus->parked_changed);
    pthread_mutex_unlock(&cpus->lock);
    if (r >= 0) {
        serve(cpu);
    }
    return NULL;
}

int vmm_cpus_start(const struct vmm_cpus_config *config, struct vmm_cpus **ret_cpus,
                   struct st_err *err)
{
    struct vmm_cpus *cpus = calloc(1, sizeof *cpus);
    if (cpus == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the threads of the vCPUs");
    }
    cpus->config = *config;
    cpus->stops = 1;
    cpus->wanted = 1;
    pthread_mutex_init(&cpus->lock, NULL);
    pthread_cond_init(&cpus->parked_changed, NULL);
    pthread_cond_init(&cpus->let_go, NULL);
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < config->set->count; i++) {
        cpus->cpu[i].cpus = cpus;
        cpus->cpu[i].vcpu = config->set->vcpus[i];
        r = os_thread_start(&cpus->cpu[i].thread, run, &cpus->cpu[i]);
    }
    pthread_mutex_lock(&cpus->lock);
    for (unsigned i = 0; r >= 0 && i < config->set->count; i++) {
        while (!cpus->cpu[i].has_begun) {
            pthread_cond_wait(&cpus->parked_changed, &cpus->lock);
        }
    }
    r = r < 0 ? r : cpus->failure;
    pthread_mutex_unlock(&cpus->lock);
    if (r < 0) {
        vmm_cpus_end(cpus);
        return st_fail_os(err, r, "cannot start a thread for each vCPU");
    }
    *ret_cpus = cpus;
    return 0;
}

static void kick_all(struct vmm_cpus *cpus)
{
    for (unsigned i = 0; i < cpus->config.set->count; i++) {
        if (cpus->cpu[i].thread.running) {
            vcpu_kick(cpus->cpu[i].vcpu);
            wake(&cpus->cpu[i]);
        }
    }
}

void vmm_cpus_end(struct vmm_cpus *cpus)
{
    if (cpus == NULL) {
        return;
    }
    pthread_mutex_lock(&cpus->lock);
    cpus->ending = true;
    __atomic_store_n(&cpus->wanted, 1, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&cpus->let_go);
    pthread_mutex_unlock(&cpus->lock);
    kick_all(cpus);
    for (unsigned i = 0; i < cpus->config.set->count; i++) {
        os_thread_join(&cpus->cpu[i].thread);
    }
    pthread_cond_destroy(&cpus->let_go);
    pthread_cond_destroy(&cpus->parked_changed);
    pthread_mutex_destroy(&cpus->lock);
    free(cpus);
}

void vmm_cpus_stop(struct vmm_cpus *cpus)
{
    pthread_mutex_lock(&cpus->lock);
    cpus->stops++;
    __atomic_store_n(&cpus->wanted, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&cpus->lock);
    kick_all(cpus);
    pthread_mutex_lock(&cpus->lock);
    for (unsigned i = 0; i < cpus->config.set->count; i++) {
        while (!cpus->cpu[i].parked) {
            pthread_cond_wait(&cpus->parked_changed, &cpus->lock);
        }
    }
    pthread_mutex_unlock(&cpus->lock);
}

void vmm_cpus_go(struct vmm_cpus *cpus, uint64_t mask)
{
    pthread_mutex_lock(&cpus->lock);
    cpus->stops--;
    if (cpus->stops == 0) {
        for (unsigned i = 0; i < cpus->config.set->count; i++) {
            cpus->cpu[i].held = (mask >> i & 1) == 0;
        }
        /* Threads that are held stay parked by their own flag, whatever the word says. */
        __atomic_store_n(&cpus->wanted, 0, __ATOMIC_RELEASE);
        pthread_cond_broadcast(&cpus->let_go);
    }
    pthread_mutex_unlock(&cpus->lock);
}

void vmm_cpus_wake(void *argument, unsigned vcpu)
{
    struct vmm_cpus *cpus = argument;
    wake(&cpus->cpu[vcpu]);
}

uint64_t vmm_cpus_time_ns(const struct vmm_cpus *cpus, unsigned vcpu)
{
    clockid_t clock;
    struct timespec time;
    if (pthread_getcpuclockid(cpus->cpu[vcpu].thread.handle, &clock) != 0 ||
        clock_gettime(clock, &time) != 0) {
        return 0;
    }
    return (uint64_t)time.tv_sec * 1000000000U + (uint64_t)time.tv_nsec;
}
