/*
 * What bare test guests share: the serial line, ports, interrupts, PCI, time. One CPU, 64-bit mode,
 * memory mapped one to one, no C library. Guests run on strata-vm, QEMU and Bochs alike.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* The guest's own: where it begins. Returning stops the CPU. */
void bare_main(void);

/* Copies what the boot loader gave as the command line, as much of it as `size` takes with a
 * closing zero; with multiboot, a module's bytes up to a zero if there is one. To be called before
 * anything is written to memory below 1 MiB. */
void bare_command_line(char *to, size_t size);

/* Text to COM1 (st_snprintf's formats, at most 255 bytes). */
void bare_print(const char *format, ...) ST_PRINTF(1, 2);

/* Ends the virtual machine: by the debug exit port with this value, by ACPI's S5 otherwise. */
ST_NORETURN void bare_exit(uint32_t value);

static inline void bare_out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static inline void bare_out16(uint16_t port, uint16_t value)
{
    __asm__ volatile("outw %0, %1" ::"a"(value), "Nd"(port));
}

static inline void bare_out32(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" ::"a"(value), "Nd"(port));
}

static inline uint8_t bare_in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint32_t bare_in32(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline uint64_t bare_tsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}

/* ---- interrupts ---- */

/* How often each of the vectors 32 to 47 came. */
extern volatile uint32_t bare_interrupts[16];

/* Sets the IDT up and the local APIC on. Interrupts stay off; an NMI passes without effect. */
void bare_interrupts_init(void);

/* Loads that IDT on a further CPU. */
void bare_interrupts_load(void);

/* Sleeps until the vector has come more often than `seen`; returns how often. */
uint32_t bare_wait(unsigned vector, uint32_t seen);

/* ---- PCI ---- */

uint32_t bare_pci_read(unsigned slot, unsigned at);
void bare_pci_write(unsigned slot, unsigned at, uint32_t value);

/* The slot on bus 0 of a device, -1: it is not there. */
int bare_pci_find(uint16_t vendor, uint16_t device);

/* The address of a memory BAR. */
uint64_t bare_pci_bar(unsigned slot, unsigned bar);

/* Switches MSI-X on and directs each of `vectors` messages to this CPU, from `first` on. */
void bare_pci_msix(unsigned slot, unsigned vectors, unsigned first);
