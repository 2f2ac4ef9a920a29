/* Ports: who may use them, and the bus. */
#include "cpu/cpu_sys.h"
#include "cpu/interpreter/cpu_fpu.h"

/* The TSS's bit map, which begins where its word at 0x66 says and must have a byte behind the last
 * one used (SDM 1 19.5.2). */
static bool mapped(struct cpu *cpu, uint16_t port, unsigned size)
{
    uint16_t base;
    uint16_t bits;
    uint32_t at;

    if ((cpu->tr.attributes & 8) == 0 || cpu->tr.limit < 0x67) {
        cpu_raise(cpu, CPU_GP);
        return false;
    }
    if (!cpu_load_linear(cpu, cpu->tr.base + 0x66, &base, 2, true)) {
        return false;
    }
    at = base + port / 8u;
    if (at + 1 > cpu->tr.limit) {
        cpu_raise(cpu, CPU_GP);
        return false;
    }
    if (!cpu_load_linear(cpu, cpu->tr.base + at, &bits, 2, true)) {
        return false;
    }
    if ((bits >> port % 8 & ((1u << size) - 1)) != 0) {
        cpu_raise(cpu, CPU_GP);
        return false;
    }
    return true;
}

bool cpu_io_allowed(struct cpu *cpu, uint16_t port, unsigned size)
{
    if (cpu->v86 || (cpu->protected_mode && cpu->cpl > cpu_iopl(cpu))) {
        return mapped(cpu, port, size);
    }
    return true;
}

uint32_t cpu_io_read(struct cpu *cpu, uint16_t port, unsigned size)
{
    const struct vcpu_bus *bus = &cpu->vcpu.set->bus;
    uint32_t value;

    cpu_watch_io(cpu, port, size);
    cpu->vcpu.counters.exits[VCPU_COUNT_IO]++;
    cpu_guest_leave(cpu);
    value = (uint32_t)bus->io_read(bus->machine, port, size);
    cpu_guest_enter(cpu);
    return value;
}

void cpu_io_write(struct cpu *cpu, uint16_t port, unsigned size, uint32_t value)
{
    const struct vcpu_bus *bus = &cpu->vcpu.set->bus;

    cpu_watch_io(cpu, port, size);
    cpu->vcpu.counters.exits[VCPU_COUNT_IO]++;
    cpu_guest_leave(cpu);
    bus->io_write(bus->machine, port, size, value);
    cpu_guest_enter(cpu);
}
