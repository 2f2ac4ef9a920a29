/* What the files of the KVM back end share. */
#pragma once

#include <linux/kvm.h>
#include <pthread.h>

#include "cpu/cpu.h"
#include "vmm/kvm/vmm_kvm.h"

enum { KVM_IOAPIC_PINS = 24, KVM_CPUID_MAX = 160 };

/* Why a vCPU is to come out of KVM_RUN. */
enum { KVM_KICK_EXIT = 1, KVM_KICK_LOOK = 2 };

struct kvm_machine {
    int kvm;            /* [I] the caller's */
    int vm;             /* [I] */
    size_t run_size;    /* [I] of a vCPU's shared page(s) */
    uint32_t pic_level; /* [a] INTR of the PIC */
    pthread_mutex_t routes_lock;
    struct kvm_irq_routing_entry routes[KVM_IOAPIC_PINS]; /* [routes_lock] */
    unsigned routes_next;                                 /* [routes_lock] which to replace next */
    struct kvm_clock_data clock;                          /* while paused */
    bool clock_stopped;
};

struct kvm_cpu {
    struct vcpu base; /* first */
    struct kvm_machine *machine;
    int fd;
    int thread;          /* [a] id of the owner's thread; 0: none yet */
    struct kvm_run *run; /* shared with the kernel */
    uint32_t kick;       /* [a] KVM_KICK_* */
    struct vcpu_debug debug;
};

static inline struct kvm_cpu *kvm_cpu_of(struct vcpu *vcpu)
{
    return (struct kvm_cpu *)vcpu;
}

/* os_ioctl with the errno as the result. */
int vmm_kvm_call(int fd, unsigned long request, const void *argument);

/* ---- vmm_kvm_state.c ---- */

int vmm_kvm_get_state(struct vcpu *vcpu, struct vcpu_state *ret_state);
int vmm_kvm_set_state(struct vcpu *vcpu, const struct vcpu_state *state, struct st_err *err);

/* ---- vmm_kvm_cpuid.c ---- */

/* Sets the CPUID of a vCPU by the model. */
int vmm_kvm_set_cpuid(struct kvm_cpu *cpu, const struct cpu_config *config, struct st_err *err);

/* ---- vmm_kvm_run.c ---- */

void vmm_kvm_run(struct vcpu *vcpu, struct vcpu_exit *ret_exit);
void vmm_kvm_kick(struct kvm_cpu *cpu, uint32_t why);
