/*
 * vCPUs by Linux's KVM (kernel: Documentation/virt/kvm/api.rst) behind src/vcpu's seam, with a
 * split interrupt chip: local APICs in the kernel, IOAPIC, PIC and PIT in src/devices.
 */
#pragma once

#include "base/err.h"
#include "cpu/cpu.h"
#include "vcpu/vcpu.h"

/* Fills `set` in (its platform, memory and bus are set, the memory map is complete) with
 * config->count vCPUs in reset state. kvm_fd is /dev/kvm, the caller's. -ST_EUNSUPPORTED: this KVM
 * lacks something that is needed, or the host a feature of the model; *err names it. */
int vmm_kvm_create(struct vcpu_set *set, int kvm_fd, const struct cpu_config *config,
                   struct st_err *err) ST_MUST_CHECK;
/* No thread runs any of them. */
void vmm_kvm_free(struct vcpu_set *set);

/* First thing on the vCPU's own thread. */
int vmm_kvm_enter(struct vcpu *vcpu) ST_MUST_CHECK;

/* The machine is paused and goes on: its paravirtual clock stands still between. vCPUs stopped. */
void vmm_kvm_pause_clock(struct vcpu_set *set);
void vmm_kvm_resume_clock(struct vcpu_set *set);

/* Runs a short loop in kernel mode and says how many instructions a second that makes. 0 or
 * -ST_Exxx: this KVM cannot run it. */
int vmm_kvm_speed(int kvm_fd, uint64_t *ret_per_second) ST_MUST_CHECK;
