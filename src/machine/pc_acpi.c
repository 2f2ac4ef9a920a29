/*
 * The ACPI tables (ACPI 6.4 chapter 5) that tell an operating system what this machine has. They
 * lie from PC_ACPI on, where software looks for the RSDP:
 *
 *     RSDP -> XSDT -> FADT -> DSDT, FACS
 *                  -> MADT, HPET, MCFG, WAET
 */
#include "base/memops.h"
#include "machine/pc_priv.h"

enum {
    TABLES_BYTES = PC_SMBIOS - PC_ACPI,
    HEADER = 36,
    RSDP_BYTES = 36,
    FADT_BYTES = 276,
    FACS_BYTES = 64,
};

/* The tables while they are written: `next` is where the next one goes. */
struct tables {
    uint8_t bytes[TABLES_BYTES];
    uint32_t next;
    bool full;
};

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    memcpy(at, &value, size);
}

static uint32_t address_of(const struct tables *tables, const uint8_t *at)
{
    return (uint32_t)(PC_ACPI + (at - tables->bytes));
}

/* Room for a table; NULL: there is none. */
static uint8_t *take(struct tables *tables, uint32_t size, uint32_t align)
{
    uint32_t at = (tables->next + align - 1) & ~(align - 1);

    if (size > TABLES_BYTES - at) {
        tables->full = true;
        return NULL;
    }
    tables->next = at + size;
    return tables->bytes + at;
}

static uint8_t sum(const uint8_t *bytes, uint32_t size)
{
    uint8_t total = 0;

    for (uint32_t i = 0; i < size; i++) {
        total = (uint8_t)(total + bytes[i]);
    }
    return (uint8_t)-total;
}

/* Header and checksum of a table whose body is written. */
static void finish(uint8_t *table, const char *signature, uint32_t size, uint8_t revision)
{
    memcpy(table, signature, 4);
    put(table + 4, size, 4);
    table[8] = revision;
    table[9] = 0;
    memcpy(table + 10, "STRATA", 6);
    memcpy(table + 16, "STRATAPC", 8);
    put(table + 24, 1, 4);
    memcpy(table + 28, "STRA", 4);
    put(table + 32, 1, 4);
    table[9] = sum(table, size);
}

/* Generic address structure of a port. */
static void put_port(uint8_t *at, uint16_t port, uint8_t bits, uint8_t access)
{
    at[0] = 1;
    at[1] = bits;
    at[2] = 0;
    at[3] = access;
    put(at + 4, port, 8);
}

static uint8_t *write_fadt(struct tables *tables, uint32_t facs, uint32_t dsdt)
{
    /* WBINVD works, C1 is there, no fixed sleep button, no fixed RTC wake-up, 32-bit PM timer,
     * reset register. */
    const uint32_t flags = 1u << 0 | 1u << 2 | 1u << 5 | 1u << 6 | 1u << 8 | 1u << 10;
    uint8_t *t = take(tables, FADT_BYTES, 16);

    if (t == NULL) {
        return NULL;
    }
    put(t + 36, facs, 4);
    put(t + 40, dsdt, 4);
    put(t + 46, PC_SCI, 2);
    put(t + 56, PC_PM_PORT, 4);     /* PM1a event block */
    put(t + 64, PC_PM_PORT + 4, 4); /* PM1a control block */
    put(t + 76, PC_PM_PORT + 8, 4); /* PM timer */
    t[88] = 4;                      /* lengths of the three */
    t[89] = 2;
    t[91] = 4;
    put(t + 96, 0xfff, 2); /* C2 and C3 are not there */
    put(t + 98, 0xfff, 2);
    t[108] = DEV_RTC_CENTURY;
    put(t + 109, 1 | 4, 2); /* there are ISA devices; do not look for VGA */
    put(t + 112, flags, 4);
    put_port(t + 116, 0xcf9, 8, 1);
    t[128] = 0x06;
    t[131] = 4; /* minor revision: 6.4 */
    put(t + 132, facs, 8);
    put(t + 140, dsdt, 8);
    put_port(t + 148, PC_PM_PORT, 32, 2);
    put_port(t + 172, PC_PM_PORT + 4, 16, 2);
    put_port(t + 208, PC_PM_PORT + 8, 32, 3);
    memcpy(t + 268, "STRATAVM", 8);
    finish(t, "FACP", FADT_BYTES, 6);
    return t;
}

static uint32_t write_facs(struct tables *tables)
{
    uint8_t *t = take(tables, FACS_BYTES, 64);

    if (t == NULL) {
        return 0;
    }
    memcpy(t, "FACS", 4);
    put(t + 4, FACS_BYTES, 4);
    t[32] = 2;
    return address_of(tables, t);
}

static uint32_t write_dsdt(struct tables *tables, const struct pc *pc)
{
    uint8_t *t = take(tables, HEADER, 16);
    size_t size = 0;

    if (t == NULL || pc_write_dsdt(pc, t + HEADER, TABLES_BYTES - tables->next, &size) < 0) {
        tables->full = true;
        return 0;
    }
    tables->next += (uint32_t)size;
    finish(t, "DSDT", (uint32_t)(HEADER + size), 2);
    return address_of(tables, t);
}

/* An interrupt of ISA that is wired otherwise than its number says. */
static uint8_t *put_override(uint8_t *at, uint8_t irq, uint32_t pin, uint16_t flags)
{
    at[0] = 2;
    at[1] = 10;
    at[3] = irq;
    put(at + 4, pin, 4);
    put(at + 8, flags, 2);
    return at + 10;
}

static uint8_t *write_madt(struct tables *tables, const struct pc *pc)
{
    uint32_t size = 44 + 8 * pc->config.vcpus + 12 + 2 * 10 + 6;
    uint8_t *t = take(tables, size, 16), *at;

    if (t == NULL) {
        return NULL;
    }
    put(t + 36, PC_LAPIC, 4);
    put(t + 40, 1, 4); /* there is a pair of 8259s */
    at = t + 44;
    for (unsigned i = 0; i < pc->config.vcpus; i++, at += 8) {
        at[1] = 8;
        at[2] = (uint8_t)i;
        at[3] = (uint8_t)i;
        at[4] = 1;
    }
    at[0] = 1; /* the I/O APIC */
    at[1] = 12;
    put(at + 4, PC_IOAPIC, 4);
    at = put_override(at + 12, 0, 2, 0);
    at = put_override(at, PC_SCI, PC_SCI, 0xd); /* active high, level-triggered */
    at[0] = 4;                                  /* NMI is LINT1 of all CPUs */
    at[1] = 6;
    at[2] = 0xff;
    at[5] = 1;
    finish(t, "APIC", size, 4);
    return t;
}

static uint8_t *write_hpet(struct tables *tables)
{
    uint8_t *t = take(tables, 56, 16);

    if (t == NULL) {
        return NULL;
    }
    put(t + 36, 0x8086a201, 4); /* low half of its capabilities register */
    t[41] = 64;
    put(t + 44, PC_HPET, 8);
    finish(t, "HPET", 56, 1);
    return t;
}

static uint8_t *write_mcfg(struct tables *tables)
{
    uint8_t *t = take(tables, 60, 16);

    if (t == NULL) {
        return NULL;
    }
    put(t + 44, PC_ECAM, 8); /* segment 0, bus 0 to 0 */
    finish(t, "MCFG", 60, 1);
    return t;
}

/* Windows' emulated devices: RTC and PM timer may be read once. */
static uint8_t *write_waet(struct tables *tables)
{
    uint8_t *t = take(tables, 40, 16);

    if (t == NULL) {
        return NULL;
    }
    put(t + 36, 3, 4);
    finish(t, "WAET", 40, 1);
    return t;
}

static void write_roots(struct tables *tables, uint8_t *const *list, unsigned count)
{
    uint32_t size = HEADER + 8 * count;
    uint8_t *xsdt = take(tables, size, 16), *rsdp = tables->bytes;

    if (tables->full || xsdt == NULL) {
        return;
    }
    for (unsigned i = 0; i < count; i++) {
        put(xsdt + HEADER + (size_t)8 * i, address_of(tables, list[i]), 8);
    }
    finish(xsdt, "XSDT", size, 1);
    memcpy(rsdp, "RSD PTR ", 8);
    memcpy(rsdp + 9, "STRATA", 6);
    rsdp[15] = 2;
    put(rsdp + 20, RSDP_BYTES, 4);
    put(rsdp + 24, address_of(tables, xsdt), 8);
    rsdp[8] = sum(rsdp, 20);
    rsdp[32] = sum(rsdp, RSDP_BYTES);
}

int pc_write_acpi(struct pc *pc, struct st_err *err)
{
    struct platform *platform = pc->config.platform;
    struct tables *tables = plat_alloc(platform, sizeof *tables);
    uint8_t *list[5];
    uint32_t facs, dsdt;
    int r;

    if (tables == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the ACPI tables");
    }
    tables->next = RSDP_BYTES;
    facs = write_facs(tables);
    dsdt = write_dsdt(tables, pc);
    list[0] = write_fadt(tables, facs, dsdt);
    list[1] = write_madt(tables, pc);
    list[2] = write_hpet(tables);
    list[3] = write_mcfg(tables);
    list[4] = write_waet(tables);
    write_roots(tables, list, 5);
    if (tables->full) {
        r = st_fail(err, ST_ENOSPC, "the ACPI tables do not fit");
    } else {
        r = pc_put(pc, PC_ACPI, tables->bytes, tables->next, "the ACPI tables", err);
    }
    plat_free(platform, tables, sizeof *tables);
    return r;
}
