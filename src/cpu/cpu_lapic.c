/* The CPU's side of its local APIC. */
#include "cpu/cpu_lapic.h"

#include "cpu/cpu_exclusive.h"
#include "cpu/interpreter/cpu_fpu.h"

/* Wakes the thread too, if it sleeps. Any thread. */
static void tell(struct cpu *cpu, uint32_t bits)
{
    cpu_attend(cpu, bits);
    plat_wake(cpu->platform, cpu->vcpu.index);
}

static void notify(void *argument)
{
    tell(argument, CPU_ATT_IRQ);
}

void cpu_nmi(struct cpu *cpu)
{
    __atomic_fetch_add(&cpu->nmi_arrived, 1, __ATOMIC_SEQ_CST);
    tell(cpu, CPU_ATT_NMI);
}

static void nmi(void *argument)
{
    cpu_nmi(argument);
}

static void init(void *argument)
{
    tell(argument, CPU_ATT_INIT);
}

static void sipi(void *argument, uint8_t vector)
{
    struct cpu *cpu = argument;

    __atomic_store_n(&cpu->sipi_vector, vector, __ATOMIC_SEQ_CST);
    tell(cpu, CPU_ATT_SIPI);
}

static void eoi(void *argument, uint8_t vector)
{
    struct cpu *cpu = argument;
    const struct vcpu_bus *bus = &cpu->vcpu.set->bus;

    cpu_guest_leave(cpu);
    bus->eoi(bus->machine, vector);
    cpu_guest_enter(cpu);
}

const struct vcpu_lapic_ops cpu_lapic_ops = {
    .notify = notify, .nmi = nmi, .init = init, .sipi = sipi, .eoi = eoi};

uint64_t cpu_lapic_mmio_read(struct cpu *cpu, uint64_t physical, unsigned size)
{
    uint64_t value;

    cpu_pv_eoi_settle(cpu);
    cpu_guest_leave(cpu);
    value = vcpu_lapic_mmio_read(&cpu->lapic, physical & 0xfff, size);
    cpu_guest_enter(cpu);
    return value;
}

void cpu_lapic_mmio_write(struct cpu *cpu, uint64_t physical, unsigned size, uint64_t value)
{
    cpu_pv_eoi_settle(cpu);
    cpu_guest_leave(cpu);
    vcpu_lapic_mmio_write(&cpu->lapic, physical & 0xfff, size, value);
    cpu_guest_enter(cpu);
}

/* ---- paravirtual EOI: bit 0 of a word in guest memory. Set: the guest may clear it instead of
 * writing EOI. ---- */

static bool eoi_word(const struct cpu *cpu, gpa_t *ret_address)
{
    *ret_address = GPA(cpu->kvm_eoi & ~3ull);
    return (cpu->kvm_eoi & 1) != 0;
}

void cpu_pv_eoi_settle(struct cpu *cpu)
{
    gpa_t address;
    uint32_t word = 0;

    if (!cpu->kvm_eoi_offered) {
        return;
    }
    cpu->kvm_eoi_offered = false;
    if (!eoi_word(cpu, &address) || mem_read_u32(cpu->memory, address, &word) < 0) {
        return;
    }
    if ((word & 1) != 0) {
        (void)!mem_write_u32(cpu->memory, address, word & ~1u);
    } else {
        vcpu_lapic_eoi(&cpu->lapic);
    }
}

void cpu_pv_eoi_offer(struct cpu *cpu)
{
    gpa_t address;

    if (eoi_word(cpu, &address) && vcpu_lapic_skippable(&cpu->lapic) >= 0 &&
        mem_write_u32(cpu->memory, address, 1) == 0) {
        cpu->kvm_eoi_offered = true;
    }
}
