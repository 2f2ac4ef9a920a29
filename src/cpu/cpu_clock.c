/* TSC and KVM's paravirtual clock. A nanosecond is tsc_mul / 2^32 ticks, which is exact for the
 * usual frequencies and off by less than 10^-9 for others; the deadline timer goes by the same. */
#include "cpu/cpu_clock.h"
#include "cpu/cpu_exclusive.h"
#include "memory/mem.h"

static uint64_t ticks(const struct cpu *cpu, uint64_t ns)
{
    return (uint64_t)(((unsigned __int128)ns * cpu->tsc_mul) >> 32);
}

void cpu_tsc_frequency(struct cpu *cpu, uint32_t khz)
{
    cpu->tsc_khz = khz;
    cpu->tsc_mul = ((uint64_t)khz << 32) / 1000000;
}

uint64_t cpu_tsc(const struct cpu *cpu)
{
    return ticks(cpu, plat_now_ns(cpu->platform)) + cpu->tsc_offset;
}

/* The moment on the machine's clock when the guest's TSC is at `value`, not before now. */
static uint64_t moment(const struct cpu *cpu, uint64_t value)
{
    uint32_t khz = cpu->tsc_khz;
    uint64_t now = plat_now_ns(cpu->platform);
    uint64_t tsc = ticks(cpu, now) + cpu->tsc_offset;
    uint64_t left = value - tsc;
    uint64_t ns;

    if ((int64_t)left <= 0 && value <= tsc) {
        return now;
    }
    /* Centuries ahead is never. */
    if (left / khz > (1ull << 60) / 1000000) {
        return PLAT_NEVER;
    }
    ns = left / khz * 1000000 + left % khz * 1000000 / khz + 1;
    return now + ns;
}

void cpu_tsc_deadline(struct cpu *cpu, uint64_t value)
{
    uint64_t at = value == 0 ? PLAT_NEVER : moment(cpu, value);

    cpu_guest_leave(cpu);
    vcpu_lapic_set_deadline(&cpu->lapic, value, at);
    cpu_guest_enter(cpu);
}

static void offset_changed(struct cpu *cpu)
{
    uint64_t deadline = vcpu_lapic_deadline(&cpu->lapic);

    if (deadline != 0) {
        cpu_tsc_deadline(cpu, deadline);
    }
    cpu_kvm_clock_update(cpu);
}

void cpu_tsc_set(struct cpu *cpu, uint64_t value)
{
    uint64_t change = value - cpu_tsc(cpu);

    cpu->tsc_offset += change;
    cpu->tsc_adjust += change;
    offset_changed(cpu);
}

void cpu_tsc_adjust(struct cpu *cpu, uint64_t adjust)
{
    cpu->tsc_offset += adjust - cpu->tsc_adjust;
    cpu->tsc_adjust = adjust;
    offset_changed(cpu);
}

/* The ABI of struct pvclock_vcpu_time_info and pvclock_wall_clock: KVM's. */
struct time_info {
    uint32_t version;
    uint32_t pad;
    uint64_t tsc_timestamp;
    uint64_t system_time;
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags;
    uint8_t pad2[2];
};
_Static_assert(sizeof(struct time_info) == 32, "KVM's pvclock_vcpu_time_info");

struct wall_clock {
    uint32_t version;
    uint32_t seconds;
    uint32_t nanoseconds;
};
_Static_assert(sizeof(struct wall_clock) == 12, "KVM's pvclock_wall_clock");

enum { TIME_TSC_STABLE = 1 };

void cpu_kvm_clock_update(struct cpu *cpu)
{
    uint64_t address = cpu->kvm_system_time & ~1ull;
    uint64_t khz = cpu->tsc_khz;
    struct time_info info = {.flags = TIME_TSC_STABLE};

    if ((cpu->kvm_system_time & 1) == 0) {
        return;
    }
    /* ns = (ticks << shift) * mul / 2^32, mul of 32 bits. */
    while (khz <= 1000000) {
        khz <<= 1;
        info.tsc_shift++;
    }
    info.tsc_to_system_mul = (uint32_t)((1000000ull << 32) / khz);
    info.system_time = plat_now_ns(cpu->platform);
    info.tsc_timestamp = ticks(cpu, info.system_time) + cpu->tsc_offset;
    /* Odd while it is written. A page that is not RAM is the guest's mistake: nothing happens. */
    info.version = ++cpu->kvm_clock_version * 2 - 1;
    if (mem_write(cpu->memory, GPA(address), &info, sizeof info) == 0) {
        info.version++;
        (void)!mem_write_u32(cpu->memory, GPA(address), info.version);
    }
}

void cpu_kvm_wall_clock(struct cpu *cpu, uint64_t address)
{
    uint64_t boot = plat_wall_ns(cpu->platform) - plat_now_ns(cpu->platform);
    struct wall_clock clock = {
        .version = 2,
        .seconds = (uint32_t)(boot / 1000000000),
        .nanoseconds = (uint32_t)(boot % 1000000000),
    };

    (void)!mem_write(cpu->memory, GPA(address), &clock, sizeof clock);
}
