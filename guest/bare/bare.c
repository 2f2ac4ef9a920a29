/* What bare test guests share: see bare.h. */
#include "bare/bare.h"

#include "base/memops.h"
#include "base/print.h"

enum {
    COM1 = 0x3f8,
    DEBUG_EXIT = 0xf4,
    PM1_CONTROL = 0x604,
    PCI_ADDRESS = 0xcf8,
    PCI_DATA = 0xcfc
};
enum { CAPABILITY_MSIX = 0x11, LAPIC = 0xfee00000, NMI = 2 };
enum { MULTIBOOT = 0x36d76289 };

extern const uint32_t bare_boot_magic, bare_boot_information;

volatile uint32_t bare_interrupts[16];
extern const char bare_entries[], bare_exception[], bare_nmi[];
void bare_died(uint64_t a, uint64_t b, uint64_t address);

/* Bytes of 8 bits, which not every firmware set, and the queue; returns how much that takes. */
static unsigned open_serial(void)
{
    bare_out8(COM1 + 3, 3);
    bare_out8(COM1 + 2, 1);
    return (bare_in8(COM1 + 2) & 0xc0) == 0xc0 ? 16 : 1;
}

static void put(char c)
{
    static unsigned queue, room;

    if (queue == 0) {
        queue = open_serial();
    }
    if (room == 0) {
        while ((bare_in8(COM1 + 5) & 0x20) == 0) {
        }
        room = queue;
    }
    bare_out8(COM1, (uint8_t)c);
    room--;
}

void bare_print(const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    st_vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '\n') {
            put('\r');
        }
        put(*c);
    }
}

ST_NORETURN void bare_exit(uint32_t value)
{
    bare_out32(DEBUG_EXIT, value);
    bare_out16(PM1_CONTROL, 0x2000);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

void bare_died(uint64_t a, uint64_t b, uint64_t address)
{
    bare_print("exception: stack %llx %llx, CR2 %llx\n", (unsigned long long)a,
               (unsigned long long)b, (unsigned long long)address);
    bare_exit(0x7f);
}

/* ---- the boot loader's information ---- */

static const char *pvh_command_line(void)
{
    const uint64_t *information = (const uint64_t *)(uintptr_t)bare_boot_information;

    return (const char *)(uintptr_t)information[3]; /* struct hvm_start_info */
}

static const char *multiboot_command_line(void)
{
    /* Multiboot 2, 3.6: total size, reserved, tags of type and size. */
    const uint32_t *tag = (const uint32_t *)(uintptr_t)(bare_boot_information + 8);
    const char *line = NULL;

    while (tag[0] != 0) {
        if (tag[0] == 3) { /* a module: GRUB's lines are short */
            return (const char *)(uintptr_t)tag[2];
        }
        line = tag[0] == 1 ? (const char *)(tag + 2) : line;
        tag += (tag[1] + 7) / 8 * 2;
    }
    return line;
}

void bare_command_line(char *to, size_t size)
{
    const char *from = bare_boot_magic == MULTIBOOT ? multiboot_command_line() : pvh_command_line();
    size_t length = 0;

    while (from != NULL && from[length] != '\0' && length + 1 < size) {
        to[length] = from[length];
        length++;
    }
    to[length] = '\0';
}

/* ---- interrupts ---- */

struct gate {
    uint16_t offset_low, selector;
    uint8_t stack, type;
    uint16_t offset_middle;
    uint32_t offset_high, zero;
};

static struct gate idt[256];

static void set_gate(unsigned vector, const char *entry)
{
    uint64_t at = (uint64_t)(uintptr_t)entry;

    idt[vector] = (struct gate){.offset_low = (uint16_t)at,
                                .selector = 0x08,
                                .type = 0x8e,
                                .offset_middle = (uint16_t)(at >> 16),
                                .offset_high = (uint32_t)(at >> 32)};
}

static volatile uint32_t *lapic(unsigned at)
{
    return (volatile uint32_t *)(uintptr_t)(LAPIC + at);
}

void bare_interrupts_load(void)
{
    struct {
        uint16_t limit;
        uint64_t base;
    } ST_PACKED pointer = {sizeof idt - 1, (uint64_t)(uintptr_t)idt};

    __asm__ volatile("lidt %0" ::"m"(pointer));
}

void bare_interrupts_init(void)
{
    for (unsigned i = 0; i < 32; i++) {
        set_gate(i, i == NMI ? bare_nmi : bare_exception);
    }
    for (unsigned i = 0; i < 16; i++) {
        set_gate(32 + i, bare_entries + 32 * i);
    }
    bare_interrupts_load();
    bare_out8(0x21, 0xff); /* both PICs off */
    bare_out8(0xa1, 0xff);
    *lapic(0xf0) = 0x1ff; /* on, spurious vector 255 */
    *lapic(0x80) = 0;
}

uint32_t bare_wait(unsigned vector, uint32_t seen)
{
    __asm__ volatile("cli");
    while (bare_interrupts[vector - 32] == seen) {
        __asm__ volatile("sti; hlt; cli" ::: "memory");
    }
    return bare_interrupts[vector - 32];
}

/* ---- PCI ---- */

uint32_t bare_pci_read(unsigned slot, unsigned at)
{
    bare_out32(PCI_ADDRESS, 0x80000000u | slot << 11 | (at & 0xfcu));
    return bare_in32(PCI_DATA);
}

void bare_pci_write(unsigned slot, unsigned at, uint32_t value)
{
    bare_out32(PCI_ADDRESS, 0x80000000u | slot << 11 | (at & 0xfcu));
    bare_out32(PCI_DATA, value);
}

int bare_pci_find(uint16_t vendor, uint16_t device)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        if (bare_pci_read(slot, 0) == ((uint32_t)device << 16 | vendor)) {
            bare_pci_write(slot, 4, bare_pci_read(slot, 4) | 6); /* memory, bus master */
            return (int)slot;
        }
    }
    return -1;
}

uint64_t bare_pci_bar(unsigned slot, unsigned bar)
{
    uint32_t low = bare_pci_read(slot, 0x10 + 4 * bar);
    uint64_t high = (low & 6) == 4 ? bare_pci_read(slot, 0x14 + 4 * bar) : 0;

    return high << 32 | (low & ~0xfu);
}

void bare_pci_msix(unsigned slot, unsigned vectors, unsigned first)
{
    unsigned at = bare_pci_read(slot, 0x34) & 0xfc;

    while (at != 0 && (bare_pci_read(slot, at) & 0xff) != CAPABILITY_MSIX) {
        at = bare_pci_read(slot, at) >> 8 & 0xfc;
    }
    if (at == 0) {
        bare_print("slot %u has no MSI-X\n", slot);
        bare_exit(0x7e);
    }
    uint32_t table = bare_pci_read(slot, at + 4);
    volatile uint32_t *entry =
        (volatile uint32_t *)(uintptr_t)(bare_pci_bar(slot, table & 7) + (table & ~7u));

    for (unsigned i = 0; i < vectors; i++, entry += 4) {
        entry[0] = LAPIC;
        entry[1] = 0;
        entry[2] = first + i;
        entry[3] = 0;
    }
    bare_pci_write(slot, at, (bare_pci_read(slot, at) & ~0x40000000u) | 0x80000000u);
}

/* ---- what compilers call ---- */

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size)::"memory");
    return start;
}

void *memset(void *to, int value, size_t size)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
    return start;
}

void *memmove(void *to, const void *from, size_t size)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if (t <= f) {
        return memcpy(to, from, size);
    }
    while (size-- > 0) {
        t[size] = f[size];
    }
    return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const uint8_t *x = a, *y = b;

    for (size_t i = 0; i < size; i++) {
        if (x[i] != y[i]) {
            return x[i] < y[i] ? -1 : 1;
        }
    }
    return 0;
}
