/*
 * SMBIOS 3.0 tables (DMTF DSP0134 3.0.0), from PC_SMBIOS on, where software looks for the entry
 * point: names, serial number and UUID of the machine, which dmidecode shows and cloud-init goes
 * by; its processor and its memory. A structure is a head of fixed length, the texts that it has by
 * number, and a zero.
 */
#include "base/memops.h"
#include "machine/pc_priv.h"

enum {
    ENTRY_BYTES = 24,
    TABLES_AT = 32, /* behind the entry point */
    TABLES_BYTES = 4096,
    TEXT_MAX = 64,
    UNKNOWN = 2, /* of many enumerations */
    NO_HANDLE = 0xfffe,
};

enum type {
    BIOS = 0,
    SYSTEM = 1,
    CHASSIS = 3,
    PROCESSOR = 4,
    MEMORY_ARRAY = 16,
    MEMORY_DEVICE = 17,
    MEMORY_MAPPED = 19,
    BOOT = 32,
    END = 127,
};

struct tables {
    uint8_t bytes[TABLES_BYTES];
    uint32_t next;
    uint8_t texts; /* of the structure that is being written */
};

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    memcpy(at, &value, size);
}

/* Structures have handles by type and number. The tables have room for all that is written. */
static uint8_t *begin(struct tables *tables, enum type type, uint8_t size, unsigned number)
{
    uint8_t *at = tables->bytes + tables->next;

    at[0] = (uint8_t)type;
    at[1] = size;
    put(at + 2, (uint64_t)type << 8 | number, 2);
    tables->next += size;
    tables->texts = 0;
    return at;
}

/* Appends a text, cut to what one may be; returns its number, 0: there is none. */
static uint8_t text(struct tables *tables, const char *given, const char *otherwise)
{
    const char *from = given != NULL ? given : otherwise;
    unsigned size = 0;

    if (from == NULL || from[0] == '\0') {
        return 0;
    }
    while (size < TEXT_MAX && from[size] != '\0') {
        size++;
    }
    memcpy(tables->bytes + tables->next, from, size);
    tables->next += size + 1;
    return ++tables->texts;
}

static void end(struct tables *tables)
{
    tables->next += tables->texts == 0 ? 2 : 1;
}

static void write_bios(struct tables *tables)
{
    uint8_t *t = begin(tables, BIOS, 0x18, 0);

    t[4] = text(tables, "Strata", NULL);
    t[5] = text(tables, "1", NULL);
    put(t + 6, 0xf000, 2);
    t[8] = text(tables, "01/01/2026", NULL);
    put(t + 10, 1 << 3, 8); /* characteristics are not told */
    t[19] = 1 << 4;         /* but that this is a virtual machine */
    put(t + 20, 0xffffffff, 4);
    end(tables);
}

static void write_system(struct tables *tables, const struct pc_smbios *given)
{
    uint8_t *t = begin(tables, SYSTEM, 0x1b, 0);

    t[4] = text(tables, given->manufacturer, "Strata");
    t[5] = text(tables, given->product, "Virtual Machine");
    t[6] = text(tables, given->version, NULL);
    t[7] = text(tables, given->serial, NULL);
    /* The first three fields are little-endian. */
    for (unsigned i = 0; i < 16; i++) {
        static const uint8_t places[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
        t[8 + i] = given->uuid[places[i]];
    }
    t[24] = 6; /* woken by the power switch */
    t[25] = text(tables, given->sku, NULL);
    t[26] = text(tables, given->family, NULL);
    end(tables);
}

static void write_chassis(struct tables *tables, const struct pc_smbios *given)
{
    uint8_t *t = begin(tables, CHASSIS, 0x16, 0);

    t[4] = text(tables, given->manufacturer, "Strata");
    t[5] = 1;            /* other */
    memset(t + 9, 3, 3); /* states: safe */
    t[12] = UNKNOWN;
    end(tables);
}

/* All vCPUs are cores of one. */
static void write_processor(struct tables *tables, unsigned cores)
{
    uint8_t *t = begin(tables, PROCESSOR, 0x30, 0);

    t[4] = text(tables, "CPU 0", NULL);
    t[5] = 3; /* central processor */
    t[6] = 1; /* other family */
    t[7] = text(tables, "Strata", NULL);
    t[24] = 0x41; /* populated, enabled */
    t[25] = 1;
    memset(t + 26, 0xff, 6); /* no caches are told */
    t[35] = t[36] = t[37] = (uint8_t)cores;
    put(t + 38, 1 << 2, 2); /* 64-bit */
    put(t + 40, 1, 2);
    put(t + 42, cores, 2);
    put(t + 44, cores, 2);
    put(t + 46, cores, 2);
    end(tables);
}

static void write_memory(struct tables *tables, uint64_t bytes, uint64_t low)
{
    uint8_t *t = begin(tables, MEMORY_ARRAY, 0x17, 0);

    t[4] = 3; /* on the system board */
    t[5] = 3; /* system memory */
    t[6] = 3; /* no error correction */
    put(t + 7, 0x80000000u, 4);
    put(t + 11, NO_HANDLE, 2);
    put(t + 13, 1, 2);
    put(t + 15, bytes, 8);
    end(tables);

    t = begin(tables, MEMORY_DEVICE, 0x28, 0);
    put(t + 4, MEMORY_ARRAY << 8, 2);
    put(t + 6, NO_HANDLE, 2);
    put(t + 8, 0xffffffffu, 4); /* widths are unknown */
    if (bytes >> 20 < 0x7fff) {
        put(t + 12, bytes >> 20, 2);
    } else {
        put(t + 12, 0x7fff, 2);
        put(t + 28, bytes >> 20, 4);
    }
    t[14] = 9; /* DIMM */
    t[16] = text(tables, "DIMM 0", NULL);
    t[18] = 7; /* RAM */
    put(t + 19, 1 << 1, 2);
    end(tables);

    for (unsigned part = 0; part < (bytes > low ? 2u : 1u); part++) {
        t = begin(tables, MEMORY_MAPPED, 0x1f, part);
        put(t + 4, ~UINT64_C(0), 8); /* in bytes, further on */
        put(t + 12, MEMORY_ARRAY << 8, 2);
        t[14] = 1;
        put(t + 15, part == 0 ? 0 : PC_HIGH_RAM, 8);
        put(t + 23, (part == 0 ? low : PC_HIGH_RAM + bytes - low) - 1, 8);
        end(tables);
    }
}

static void write_entry(uint8_t *entry, uint32_t size)
{
    uint8_t sum = 0;

    memset(entry, 0, ENTRY_BYTES);
    memcpy(entry, "_SM3_", 5);
    entry[6] = ENTRY_BYTES;
    entry[7] = 3;
    entry[10] = 1;
    put(entry + 12, size, 4);
    put(entry + 16, PC_SMBIOS + TABLES_AT, 8);
    for (unsigned i = 0; i < ENTRY_BYTES; i++) {
        sum = (uint8_t)(sum + entry[i]);
    }
    entry[5] = (uint8_t)-sum;
}

int pc_write_smbios(struct pc *pc, struct st_err *err)
{
    struct platform *platform = pc->config.platform;
    struct tables *tables = plat_alloc(platform, sizeof *tables);
    int r;

    if (tables == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the SMBIOS tables");
    }
    tables->next = TABLES_AT;
    write_bios(tables);
    write_system(tables, &pc->config.smbios);
    write_chassis(tables, &pc->config.smbios);
    write_processor(tables, pc->config.vcpus);
    write_memory(tables, pc->config.ram_bytes, pc_low_end(pc));
    (void)begin(tables, BOOT, 0x0b, 0);
    end(tables);
    (void)begin(tables, END, 4, 0);
    end(tables);
    write_entry(tables->bytes, tables->next - TABLES_AT);
    r = pc_put(pc, PC_SMBIOS, tables->bytes, tables->next, "the SMBIOS tables", err);
    plat_free(platform, tables, sizeof *tables);
    return r;
}
