/*
 * Running a vCPU by KVM. What the kernel cannot do itself (ports, memory-mapped devices) it asks
 * for, and completes with the next KVM_RUN: so a kick, too, goes through KVM_RUN, which then
 * returns before it enters the guest.
 */
#include <signal.h>
#include <string.h>

#include "base/print.h"
#include "os/os_thread.h"
#include "vmm/kvm/vmm_kvm_priv.h"

void vmm_kvm_kick(struct kvm_cpu *cpu, uint32_t why)
{
    __atomic_fetch_or(&cpu->kick, why, __ATOMIC_SEQ_CST);
    __atomic_store_n(&cpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    int thread = __atomic_load_n(&cpu->thread, __ATOMIC_SEQ_CST);
    if (thread != 0) {
        (void)os_thread_signal(thread, SIGUSR1);
    }
}

static void port_access(struct kvm_cpu *cpu)
{
    const struct vcpu_bus *bus = &cpu->base.set->bus;
    struct kvm_run *run = cpu->run;
    unsigned size = run->io.size;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    for (uint32_t i = 0; i < run->io.count; i++, data += size) {
        uint64_t value = 0;
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            memcpy(&value, data, size);
            bus->io_write(bus->machine, run->io.port, size, value);
        } else {
            value = bus->io_read(bus->machine, run->io.port, size);
            memcpy(data, &value, size);
        }
    }
    cpu->base.counters.exits[VCPU_COUNT_IO]++;
}

static void memory_access(struct kvm_cpu *cpu)
{
    const struct vcpu_bus *bus = &cpu->base.set->bus;
    struct kvm_run *run = cpu->run;
    uint64_t value = 0;
    unsigned size = run->mmio.len > 8 ? 8 : run->mmio.len;
    if (run->mmio.is_write) {
        memcpy(&value, run->mmio.data, size);
        bus->mmio_write(bus->machine, run->mmio.phys_addr, size, value);
    } else {
        value = bus->mmio_read(bus->machine, run->mmio.phys_addr, size);
        memcpy(run->mmio.data, &value, size);
    }
    cpu->base.counters.exits[VCPU_COUNT_MMIO]++;
}

/* Gives the PIC's interrupt to the vCPU when it takes one now, else asks to be told when. */
static void offer_pic_interrupt(struct kvm_cpu *cpu)
{
    const struct vcpu_bus *bus = &cpu->base.set->bus;
    struct kvm_run *run = cpu->run;
    bool level = __atomic_load_n(&cpu->machine->pic_level, __ATOMIC_SEQ_CST) != 0;
    if (level && run->ready_for_interrupt_injection) {
        struct kvm_interrupt interrupt;
        int vector = bus->pic_acknowledge(bus->machine);
        if (vector >= 0) {
            interrupt.irq = (uint32_t)vector;
            (void)vmm_kvm_call(cpu->fd, KVM_INTERRUPT, &interrupt);
            run->ready_for_interrupt_injection = 0;
            cpu->base.counters.exits[VCPU_COUNT_INTERRUPT]++;
        }
        level = __atomic_load_n(&cpu->machine->pic_level, __ATOMIC_SEQ_CST) != 0;
    }
    run->request_interrupt_window = level;
}

static void fail(struct vcpu_exit *ret_exit, const char *what, uint64_t number, uint64_t detail)
{
    ret_exit->reason = VCPU_EXIT_FAILED;
    st_snprintf(ret_exit->text, sizeof ret_exit->text, "KVM: %s %llu (0x%llx)", what,
                (unsigned long long)number, (unsigned long long)detail);
}

static void debug_exit(const struct kvm_run *run, struct vcpu_exit *ret_exit)
{
    enum { BREAKPOINT = 3 };
    ret_exit->reason = VCPU_EXIT_DEBUG;
    ret_exit->debug.rip = run->debug.arch.pc;
    ret_exit->debug.dr6 = run->debug.arch.dr6;
    ret_exit->debug.breakpoint = run->debug.arch.exception == BREAKPOINT;
}

/* Serves what the kernel asked for. Returns true when it is for the caller. */
static bool serve(struct kvm_cpu *cpu, struct vcpu_exit *ret_exit)
{
    const struct vcpu_bus *bus = &cpu->base.set->bus;
    const struct kvm_run *run = cpu->run;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        port_access(cpu);
        return false;
    case KVM_EXIT_MMIO:
        memory_access(cpu);
        return false;
    case KVM_EXIT_IOAPIC_EOI:
        bus->eoi(bus->machine, run->eoi.vector);
        return false;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_INTR:
        return false;
    case KVM_EXIT_HLT:
        ret_exit->reason = VCPU_EXIT_HALT;
        cpu->base.counters.exits[VCPU_COUNT_HALT]++;
        return true;
    case KVM_EXIT_SHUTDOWN:
        ret_exit->reason = VCPU_EXIT_SHUTDOWN;
        return true;
    case KVM_EXIT_DEBUG:
        debug_exit(run, ret_exit);
        return true;
    case KVM_EXIT_FAIL_ENTRY:
        fail(ret_exit, "entry failed", 0, run->fail_entry.hardware_entry_failure_reason);
        return true;
    case KVM_EXIT_INTERNAL_ERROR:
        fail(ret_exit, "internal error", run->internal.suberror,
             run->internal.ndata > 0 ? run->internal.data[0] : 0);
        return true;
    default:
        fail(ret_exit, "exit", run->exit_reason, 0);
        return true;
    }
}

void vmm_kvm_run(struct vcpu *vcpu, struct vcpu_exit *ret_exit)
{
    struct kvm_cpu *cpu = kvm_cpu_of(vcpu);
    for (;;) {
        /* First the flag, then the wishes: one that comes between sets the flag again. */
        __atomic_store_n(&cpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        uint32_t kick = __atomic_exchange_n(&cpu->kick, 0, __ATOMIC_SEQ_CST);
        if (kick & KVM_KICK_EXIT) {
            __atomic_store_n(&cpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        }
        offer_pic_interrupt(cpu);
        int r = vmm_kvm_call(cpu->fd, KVM_RUN, NULL);
        if (r == -ST_EINTR || r == -ST_EAGAIN) {
            if (kick & KVM_KICK_EXIT) {
                vcpu->counters.exits[VCPU_COUNT_KICK]++;
                ret_exit->reason = VCPU_EXIT_KICKED;
                return;
            }
            continue;
        }
        bool told = true;
        if (r < 0) {
            fail(ret_exit, st_strerror(r), (uint64_t)-r, 0);
        } else {
            told = serve(cpu, ret_exit);
        }
        if (kick & KVM_KICK_EXIT) { /* not answered yet */
            __atomic_fetch_or(&cpu->kick, KVM_KICK_EXIT, __ATOMIC_SEQ_CST);
        }
        if (told) {
            return;
        }
    }
}
