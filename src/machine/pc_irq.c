/*
 * How interrupts are wired.
 *
 *     device 0-15 --+-- 8259 pair --- INTR --- LINT0 of every CPU
 *                   +-- I/O APIC pin (0 is pin 2) --- messages
 *     PCI INTA-D, swizzled, -- I/O APIC pins 16-19, and 8259 inputs 10, 11, 10, 11
 *     HPET -- I/O APIC pins 20-23, or in place of PIT and RTC
 */
#include "machine/pc_priv.h"

const uint8_t pc_intx_irqs[4] = {10, 11, 10, 11};

void pc_interrupt(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;

    if (number < 16) {
        dev_pic_set(&pc->pic, number, level);
    }
    dev_ioapic_set(&pc->ioapic, number == 0 ? 2 : number, level);
}

void pc_pit_line(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;

    (void)number;
    if (!pc->hpet_legacy) {
        pc_interrupt(pc, 0, level);
    }
}

void pc_rtc_line(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;

    (void)number;
    if (!pc->hpet_legacy) {
        pc_interrupt(pc, 8, level);
    }
}

void pc_hpet_line(void *opaque, unsigned number, bool level)
{
    pc_interrupt(opaque, number, level);
}

void pc_hpet_taken(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;

    (void)number;
    pc->hpet_legacy = level;
    pc_interrupt(pc, 0, false);
    pc_interrupt(pc, 8, false);
}

void pc_serial_line(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;
    uint32_t bit = 1u << number;

    pc->serial_levels = level ? pc->serial_levels | bit : pc->serial_levels & ~bit;
    /* COM1 and COM3 share an interrupt, and COM2 and COM4. */
    pc_interrupt(pc, pc_serial_irqs[number], (pc->serial_levels & (5u << (number & 1))) != 0);
}

void pc_intx_line(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;
    uint32_t bit = 1u << number;

    pc->intx_levels = level ? pc->intx_levels | bit : pc->intx_levels & ~bit;
    dev_ioapic_set(&pc->ioapic, PC_PCI_PIN + number, level);
    /* Two lines share each input of the PIC. */
    dev_pic_set(&pc->pic, pc_intx_irqs[number], (pc->intx_levels & (5u << (number & 1))) != 0);
}

void pc_pic_output(void *opaque, unsigned number, bool level)
{
    struct pc *pc = opaque;

    (void)number;
    if (pc->set != NULL) {
        vcpu_pic_line(pc->set, level);
    }
}

void pc_message(void *opaque, uint64_t address, uint32_t data)
{
    struct pc *pc = opaque;

    /* Anything else is an ordinary write to memory, which no driver of ours asks for. */
    if (pc->set != NULL && address >> 20 == PC_LAPIC >> 20) {
        vcpu_msi(pc->set, address, data);
    }
}
