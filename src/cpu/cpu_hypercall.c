/* KVM's hypercalls (kernel: Documentation/virt/kvm/x86/hypercalls.rst). */
#include "cpu/cpu_exclusive.h"
#include "cpu/cpu_msr.h"
#include "cpu/interpreter/cpu_fpu.h"

enum kvm_hypercall { HC_VAPIC_POLL_IRQ = 1, HC_KICK_CPU = 5, HC_SEND_IPI = 10 };
enum kvm_error { KVM_EPERM = 1 };

/* Wakes a CPU that waits for a lock in HLT, whatever its IF. */
static int64_t kick_cpu(struct cpu *cpu, uint64_t apic_id)
{
    const struct vcpu_set *set = cpu->vcpu.set;

    for (unsigned i = 0; i < set->count; i++) {
        struct cpu *other = cpu_of(set->vcpus[i]);

        if (other->vcpu.apic_id == apic_id) {
            __atomic_store_n(&other->kvm_unhalted, true, __ATOMIC_SEQ_CST);
            cpu_attend(other, CPU_ATT_IRQ);
            plat_wake(other->platform, other->vcpu.index);
            break;
        }
    }
    return 0;
}

/* An IPI to a bit map of 128 APIC IDs from a first one. Returns to how many. */
static int64_t send_ipi(struct cpu *cpu, const uint64_t arguments[4])
{
    const struct vcpu_set *set = cpu->vcpu.set;
    uint8_t vector = arguments[3] & 0xff;
    bool nmi = (arguments[3] >> 8 & 7) == 4;
    int64_t sent = 0;

    for (unsigned i = 0; i < set->count; i++) {
        struct cpu *other = cpu_of(set->vcpus[i]);
        uint64_t bit = other->vcpu.apic_id - arguments[2];

        if (other->vcpu.apic_id < arguments[2] || bit > 127 ||
            (arguments[bit / 64] >> bit % 64 & 1) == 0) {
            continue;
        }
        if (nmi) {
            vcpu_nmi(&other->vcpu);
        } else if (vector >= 16) {
            vcpu_lapic_inject(&other->lapic, vector);
        }
        sent++;
    }
    return sent;
}

int64_t cpu_hypercall(struct cpu *cpu, uint64_t number, const uint64_t arguments[4])
{
    const struct vcpu_bus *bus = &cpu->vcpu.set->bus;
    int64_t result;

    cpu->vcpu.counters.exits[VCPU_COUNT_HYPERCALL]++;
    if (cpu->cpl != 0) {
        return -KVM_EPERM;
    }
    switch (number) {
    case HC_VAPIC_POLL_IRQ:
        return 0;
    case HC_KICK_CPU:
        return kick_cpu(cpu, arguments[1]);
    case HC_SEND_IPI:
        return send_ipi(cpu, arguments);
    default:
        break;
    }
    cpu_guest_leave(cpu);
    result = bus->hypercall(bus->machine, &cpu->vcpu, number, arguments);
    cpu_guest_enter(cpu);
    return result;
}
