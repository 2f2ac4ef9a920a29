/* What the vCPUs call: accesses to devices and interrupt cycles, each under the device lock. */
#include "machine/pc_priv.h"

enum { NO_SUCH_HYPERCALL = -1000 }; /* KVM_ENOSYS */

static uint64_t io_read(void *machine, uint16_t port, unsigned size)
{
    struct pc *pc = machine;
    uint64_t value;

    plat_lock(pc->config.platform);
    value = dev_space_read(&pc->bus.io, port, size);
    plat_unlock(pc->config.platform);
    return value;
}

static void io_write(void *machine, uint16_t port, unsigned size, uint64_t value)
{
    struct pc *pc = machine;

    plat_lock(pc->config.platform);
    dev_space_write(&pc->bus.io, port, size, value);
    plat_unlock(pc->config.platform);
}

static uint64_t mmio_read(void *machine, uint64_t address, unsigned size)
{
    struct pc *pc = machine;
    uint64_t value;

    plat_lock(pc->config.platform);
    value = dev_space_read(&pc->bus.mmio, address, size);
    plat_unlock(pc->config.platform);
    return value;
}

static void mmio_write(void *machine, uint64_t address, unsigned size, uint64_t value)
{
    struct pc *pc = machine;

    plat_lock(pc->config.platform);
    dev_space_write(&pc->bus.mmio, address, size, value);
    plat_unlock(pc->config.platform);
}

static void eoi(void *machine, uint8_t vector)
{
    struct pc *pc = machine;

    plat_lock(pc->config.platform);
    dev_ioapic_eoi(&pc->ioapic, vector);
    plat_unlock(pc->config.platform);
}

static int pic_acknowledge(void *machine)
{
    struct pc *pc = machine;
    int vector;

    plat_lock(pc->config.platform);
    vector = dev_pic_acknowledge(&pc->pic);
    plat_unlock(pc->config.platform);
    return vector;
}

/* What concerns CPUs alone they answer themselves; the machine offers nothing more. */
static int64_t hypercall(void *machine, struct vcpu *vcpu, uint64_t number,
                         const uint64_t arguments[4])
{
    (void)machine;
    (void)vcpu;
    (void)number;
    (void)arguments;
    return NO_SUCH_HYPERCALL;
}

void pc_bus(struct pc *pc, struct vcpu_bus *ret_bus)
{
    *ret_bus = (struct vcpu_bus){
        .io_read = io_read,
        .io_write = io_write,
        .mmio_read = mmio_read,
        .mmio_write = mmio_write,
        .eoi = eoi,
        .pic_acknowledge = pic_acknowledge,
        .hypercall = hypercall,
        .machine = pc,
    };
}
