/* The descriptor tables, gates and task states that cases run among: see cases_tables.h. */
#include "cases/cases_tables.h"

#include "base/attr.h"
#include "base/memops.h"
#include "cases/cases.h"

extern const char cases_stubs_64[], cases_stubs_32[], cases_task_stubs[];

/* Bits 8 to 15 and 20 to 23 of a descriptor's second half. */
enum {
    DATA = 0x93,
    CODE = 0x9b,
    LEVEL_1 = 0x20,
    LEVEL_2 = 0x40,
    LEVEL_3 = 0x60,
    BIG = 0x4000,
    LONG = 0x2000,
    PAGES = 0x8000,
};

static void *at(uint32_t address)
{
    return (void *)(uintptr_t)address;
}

static uint64_t descriptor(uint32_t base, uint32_t limit, uint32_t attributes)
{
    uint64_t low = (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16;
    uint64_t high = (attributes & 0xf0ff) << 8 | (limit & 0xf0000) | (base & 0xff000000);

    return low | high << 32;
}

static uint64_t gate(uint16_t selector, uint32_t offset, uint32_t attributes, unsigned parameters)
{
    uint64_t high = (offset & 0xffff0000) | attributes << 8 | parameters;

    return high << 32 | (uint32_t)selector << 16 | (offset & 0xffff);
}

static void put(uint32_t table, unsigned index, uint64_t value)
{
    *(uint64_t *)at(table + index * 8) = value;
}

static const struct {
    uint8_t index;
    uint32_t base, limit;
    uint16_t attributes;
} plain[] = {
    {CASES_HARNESS_64, 0, 0xfffff, CODE | LONG | PAGES},
    {CASES_HARNESS_DATA, 0, 0xfffff, DATA | BIG | PAGES},
    {CASES_HARNESS_32, 0, 0xfffff, CODE | BIG | PAGES},
    {CASES_HARNESS_16, 0, 0xffff, CODE},
    {CASES_HARNESS_DATA_16, 0, 0xffff, DATA},
    {CASES_CODE16_0, CASES_CODE, 0xffff, CODE},
    {CASES_CODE32_0, CASES_CODE, 0xffff, CODE | BIG},
    {CASES_CODE16_3, CASES_CODE, 0xffff, CODE | LEVEL_3},
    {CASES_CODE32_3, CASES_CODE, 0xffff, CODE | LEVEL_3 | BIG},
    {CASES_DATA16_0, CASES_DATA, 0xffff, DATA - 1},
    {CASES_DATA32_0, 0, 0xfffff, DATA | BIG | PAGES},
    {CASES_DATA16_3, CASES_DATA, 0xffff, (DATA - 1) | LEVEL_3},
    {CASES_DATA32_3, 0, 0xfffff, DATA | LEVEL_3 | BIG | PAGES},
    {CASES_STACK16_0, CASES_STACK, 0xffff, DATA},
    {CASES_STACK32_0, CASES_STACK, 0xffff, DATA | BIG},
    {CASES_STACK16_3, CASES_STACK, 0xffff, DATA | LEVEL_3},
    {CASES_STACK32_3, CASES_STACK, 0xffff, DATA | LEVEL_3 | BIG},
    {CASES_DOWN16_3, CASES_DATA, 0x7fff, (DATA + 4) | LEVEL_3},
    {CASES_DOWN32_3, CASES_DATA, 0x7fff, (DATA + 4) | LEVEL_3 | BIG},
    {CASES_READ_ONLY_3, CASES_DATA, 0xffff, 0x90 | LEVEL_3},
    {CASES_EXECUTE_ONLY_3, CASES_CODE, 0xffff, 0x98 | LEVEL_3},
    {CASES_CONFORMING_0, CASES_CODE, 0xffff, 0x9e | BIG},
    {CASES_CONFORMING_3, CASES_CODE, 0xffff, 0x9e | LEVEL_3 | BIG},
    {CASES_ABSENT_DATA_3, CASES_DATA, 0xffff, 0x12 | LEVEL_3},
    {CASES_ABSENT_CODE_0, CASES_CODE, 0xffff, 0x1a | BIG},
    {CASES_SMALL_3, CASES_DATA + 0x8000, 0x1f, DATA | LEVEL_3},
    {CASES_DATA_1, CASES_DATA, 0xffff, DATA | LEVEL_1},
    {CASES_DATA_2, CASES_DATA, 0xffff, DATA | LEVEL_2},
    {CASES_CODE32_1, CASES_CODE, 0xffff, CODE | LEVEL_1 | BIG},
    {CASES_STACK32_1, CASES_STACK, 0xffff, DATA | LEVEL_1 | BIG},
    {CASES_FAST_CODE_0, 0, 0xfffff, CODE | LONG | PAGES},
    {CASES_FAST_DATA_0, 0, 0xfffff, DATA | BIG | PAGES},
    {CASES_FAST_CODE_3, 0, 0xfffff, CODE | LEVEL_3 | BIG | PAGES},
    {CASES_FAST_DATA_3, 0, 0xfffff, DATA | LEVEL_3 | BIG | PAGES},
    {CASES_FAST_CODE64_3, 0, 0xfffff, CODE | LEVEL_3 | LONG | PAGES},
    {CASES_FAST_DATA64_3, 0, 0xfffff, DATA | LEVEL_3 | BIG | PAGES},
    {CASES_CODE64_0, 0, 0xfffff, CODE | LONG | PAGES},
    {CASES_CODE64_3, 0, 0xfffff, CODE | LEVEL_3 | LONG | PAGES},
    {CASES_CODE_L_AND_D, 0, 0xfffff, CODE | LEVEL_3 | LONG | BIG | PAGES},
    {CASES_RESERVED_8, CASES_DATA, 0xffff, 0x88 | LEVEL_3},
    {CASES_RESERVED_13, CASES_DATA, 0xffff, 0x8d | LEVEL_3},
    {CASES_INTERRUPT_GATE, CASES_DATA, 0xffff, 0x8e | LEVEL_3},
};

/* System descriptors: segments (a base and a limit) and gates (a selector and an offset). */
static const struct {
    uint8_t index;
    bool is_gate, legacy_only;
    uint16_t attributes;
    uint32_t base, limit;       /* of a segment */
    uint8_t target, parameters; /* of a gate: index, words */
    uint32_t offset;
} systems[] = {
    {CASES_LDT_1, false, false, 0x82, CASES_LDT, CASES_LOCALS * 8 - 1, 0, 0, 0},
    {CASES_LDT_ABSENT, false, false, 0x02, CASES_LDT, CASES_LOCALS * 8 - 1, 0, 0, 0},
    {CASES_TSS_1, false, false, 0x89, CASES_TSS, 0x2068, 0, 0, 0},
    {CASES_TSS_2, false, false, 0x89, CASES_TSS_OTHER, 0x67, 0, 0, 0},
    {CASES_TSS_286, false, true, 0x81, CASES_TSS_16, 0x2b, 0, 0, 0},
    {CASES_TSS_NONE, false, false, 0x09, CASES_TSS_OTHER, 0x67, 0, 0, 0},
    {CASES_GATE_0, true, false, 0x8c | LEVEL_3, 0, 0, CASES_CODE32_0, 0, 0x4000},
    {CASES_GATE_PARAMETERS, true, false, 0x8c | LEVEL_3, 0, 0, CASES_CODE32_0, 3, 0x4100},
    {CASES_GATE_286, true, true, 0x84 | LEVEL_3, 0, 0, CASES_CODE16_0, 2, 0x4200},
    {CASES_GATE_PRIVILEGED, true, false, 0x8c, 0, 0, CASES_CODE32_0, 0, 0x4300},
    {CASES_GATE_ABSENT, true, false, 0x0c | LEVEL_3, 0, 0, CASES_CODE32_0, 0, 0x4400},
    {CASES_GATE_DATA, true, false, 0x8c | LEVEL_3, 0, 0, CASES_DATA32_0, 0, 0x4500},
    {CASES_GATE_CONFORMING, true, false, 0x8c | LEVEL_3, 0, 0, CASES_CONFORMING_0, 0, 0x4600},
    {CASES_GATE_NULL, true, false, 0x8c | LEVEL_3, 0, 0, CASES_NULL, 0, 0x4700},
    {CASES_GATE_TASK, true, true, 0x85 | LEVEL_3, 0, 0, CASES_TSS_2, 0, 0},
    {CASES_TSS_FAULTS, false, true, 0x89, CASES_TSS_FAULT, 0x67, 0, 0, 0},
    {CASES_TSS_FAULTS + 2, false, true, 0x89, CASES_TSS_FAULT + 128, 0x67, 0, 0, 0},
    {CASES_TSS_FAULTS + 4, false, true, 0x89, CASES_TSS_FAULT + 256, 0x67, 0, 0, 0},
};

static void write_plain(void)
{
    for (unsigned i = 0; i < ST_COUNT(plain); i++) {
        uint32_t attributes = plain[i].attributes;
        uint64_t value;

        value = descriptor(plain[i].base, plain[i].limit, attributes);
        put(CASES_GDT_64, plain[i].index, value);
        /* Without long mode there is no L bit: it is reserved then. */
        if ((attributes & LONG) != 0 && plain[i].index != CASES_HARNESS_64) {
            attributes = (attributes & ~(uint32_t)LONG) | BIG;
            value = descriptor(plain[i].base, plain[i].limit, attributes);
        }
        put(CASES_GDT, plain[i].index, value);
    }
}

static void write_systems(void)
{
    for (unsigned i = 0; i < ST_COUNT(systems); i++) {
        unsigned index = systems[i].index, target = systems[i].target;
        uint16_t attributes = systems[i].attributes;

        if (systems[i].is_gate) {
            put(CASES_GDT, index,
                gate((uint16_t)(target * 8), systems[i].offset, attributes, systems[i].parameters));
            target = target == CASES_CODE32_0 ? CASES_CODE64_0 : target;
            if (!systems[i].legacy_only) {
                put(CASES_GDT_64, index,
                    gate((uint16_t)(target * 8), CASES_CODE + systems[i].offset, attributes, 0));
            }
        } else {
            put(CASES_GDT, index, descriptor(systems[i].base, systems[i].limit, attributes));
            if (!systems[i].legacy_only) {
                uint32_t base = systems[i].base == CASES_TSS         ? CASES_TSS_64
                                : systems[i].base == CASES_LDT       ? CASES_LDT_64
                                : systems[i].base == CASES_TSS_OTHER ? CASES_TSS_64
                                                                     : systems[i].base;

                put(CASES_GDT_64, index, descriptor(base, systems[i].limit, attributes));
            }
        }
    }
}

static void write_local(uint32_t table)
{
    put(table, CASES_LOCAL_CODE_3, descriptor(CASES_CODE, 0xffff, CODE | LEVEL_3 | BIG));
    put(table, CASES_LOCAL_DATA_3, descriptor(CASES_DATA, 0xffff, DATA | LEVEL_3 | BIG));
    put(table, CASES_LOCAL_ABSENT, descriptor(CASES_DATA, 0xffff, 0x13 | LEVEL_3));
    put(table, CASES_LOCAL_CODE_0, descriptor(CASES_CODE, 0xffff, CODE | BIG));
}

/* ---- interrupts ---- */

/* What the gate of a vector from 32 on is: software interrupts reach it. */
static uint64_t software_gate(unsigned vector)
{
    uint32_t offset = 0x3000 + vector * 8;
    uint16_t code = CASES_SELECTOR(CASES_CODE32_0, 0);

    switch (vector % 16) {
    case 0: /* a trap gate */
        return gate(code, offset, 0x8f | LEVEL_3, 0);
    case 1: /* of level 0's alone */
        return gate(code, offset, 0x8e, 0);
    case 2:
        return gate(code, offset, 0x0e | LEVEL_3, 0);
    case 3: /* to 16-bit code, by a gate of the 286 */
        return gate(CASES_SELECTOR(CASES_CODE16_0, 0), offset, 0x86 | LEVEL_3, 0);
    case 4:
        return gate(CASES_SELECTOR(CASES_CODE16_0, 0), offset, 0x87 | LEVEL_3, 0);
    case 5:
        return gate(CASES_SELECTOR(CASES_DATA32_0, 0), offset, 0x8e | LEVEL_3, 0);
    case 6:
        return gate(0, offset, 0x8e | LEVEL_3, 0);
    case 7:
        return gate(CASES_SELECTOR(CASES_CONFORMING_0, 0), offset, 0x8e | LEVEL_3, 0);
    case 8:
        return gate(CASES_SELECTOR(CASES_ABSENT_CODE_0, 0), offset, 0x8e | LEVEL_3, 0);
    case 9: /* no gate at all */
        return gate(code, offset, 0x8c | LEVEL_3, 0);
    case 10:
        return gate(CASES_SELECTOR(CASES_CODE32_1, 0), offset, 0x8e | LEVEL_3, 0);
    case 11: /* behind the segment */
        return gate(code, 0x10000 + offset, 0x8e | LEVEL_3, 0);
    default:
        return gate(code, offset, 0x8e | LEVEL_3, 0);
    }
}

static uint64_t software_gate_64(unsigned vector)
{
    uint32_t offset = CASES_CODE + 0x3000 + vector * 8;
    uint16_t code = CASES_SELECTOR(CASES_CODE64_0, 0);

    switch (vector % 16) {
    case 0:
        return gate(code, offset, 0x8f | LEVEL_3, 0);
    case 1:
        return gate(code, offset, 0x8e, 0);
    case 2:
        return gate(code, offset, 0x0e | LEVEL_3, 0);
    case 3: /* types that long mode has not got */
        return gate(code, offset, 0x86 | LEVEL_3, 0);
    case 4:
        return gate(code, offset, 0x85 | LEVEL_3, 0);
    case 5:
        return gate(CASES_SELECTOR(CASES_DATA32_0, 0), offset, 0x8e | LEVEL_3, 0);
    case 6:
        return gate(0, offset, 0x8e | LEVEL_3, 0);
    case 7:
        return gate(CASES_SELECTOR(CASES_CODE32_0, 0), offset, 0x8e | LEVEL_3, 0);
    case 8:
        return gate(CASES_SELECTOR(CASES_ABSENT_CODE_0, 0), offset, 0x8e | LEVEL_3, 0);
    case 9:
        return gate(code, offset, 0x8c | LEVEL_3, 0);
    case 10: /* on a stack of the IST */
        return gate(code, offset, 0x8e | LEVEL_3, 2);
    default:
        return gate(code, offset, 0x8e | LEVEL_3, 0);
    }
}

static uint64_t task_gate(unsigned number)
{
    return gate(CASES_SELECTOR(CASES_TSS_FAULTS + 2 * number, 0), 0, 0x85, 0);
}

static void write_interrupts(void)
{
    uint64_t *low = at(CASES_IDT), *high = at(CASES_IDT_64);
    uint32_t stubs_32 = (uint32_t)(uintptr_t)cases_stubs_32;
    uint32_t stubs_64 = (uint32_t)(uintptr_t)cases_stubs_64;

    for (unsigned vector = 0; vector < 256; vector++) {
        /* INT3 and INTO work at every level; those of the other exceptions are level 0's alone. */
        uint32_t type = vector == 3 || vector == 4 ? 0x8e | LEVEL_3 : 0x8e;

        high[vector * 2 + 1] = 0;
        low[vector] = software_gate(vector);
        high[vector * 2] = software_gate_64(vector);
        if (vector < 32) {
            low[vector] = gate(CASES_SEL_CODE_32, stubs_32 + 16 * vector, type, 0);
            high[vector * 2] = gate(CASES_SEL_CODE_64, stubs_64 + 16 * vector, type, 1);
        }
    }
    low[8] = task_gate(0);
    low[10] = task_gate(1);
    low[12] = task_gate(2);
}

/* ---- tasks ---- */

/* Dwords of a TSS of 32 bits (SDM 3A figure 8-2). */
enum {
    ESP0 = 1,
    SS0,
    ESP1,
    SS1,
    ESP2,
    SS2,
    CR3_,
    EIP,
    EFLAGS,
    EAX,
    ESP = 14,
    ES = 18,
    LDT = 24,
    TRAP
};

static void write_task(uint32_t address, uint32_t eip, uint16_t code, uint16_t stack, uint32_t esp)
{
    uint32_t *tss = at(address);

    memset(tss, 0, 104);
    tss[ESP0] = CASES_STACK_0;
    tss[SS0] = CASES_SEL_DATA;
    tss[ESP1] = 0x8200;
    tss[SS1] = CASES_SELECTOR(CASES_STACK32_1, 1);
    tss[ESP2] = CASES_STACK_2;
    tss[CR3_] = cases_roots.legacy[0];
    tss[EIP] = eip;
    tss[EFLAGS] = 2;
    tss[ESP] = esp;
    tss[ES] = CASES_SEL_DATA;
    tss[ES + X86_CS] = code;
    tss[ES + X86_SS] = stack;
    tss[ES + X86_DS] = CASES_SEL_DATA;
    tss[ES + X86_FS] = CASES_SEL_DATA;
    tss[ES + X86_GS] = CASES_SEL_DATA;
    tss[TRAP] = 104u << 16;
}

static void write_tasks(void)
{
    uint8_t *bitmap = at(CASES_TSS + 104), *bitmap_64 = at(CASES_TSS_64 + 104);
    uint32_t *tss = at(CASES_TSS_64);
    uint32_t stubs = (uint32_t)(uintptr_t)cases_task_stubs;

    write_task(CASES_TSS, 0, 0, 0, 0);
    write_task(CASES_TSS_OTHER, 0x4800, CASES_SELECTOR(CASES_CODE32_0, 0),
               CASES_SELECTOR(CASES_STACK32_0, 0), 0x8100);
    for (unsigned i = 0; i < 3; i++) {
        write_task(CASES_TSS_FAULT + 128 * i, stubs + 32 * i, CASES_SEL_CODE_32, CASES_SEL_DATA,
                   CASES_STACK_32);
    }
    /* Ports: every other group of four may be used. */
    for (unsigned i = 0; i < 0x2000; i++) {
        bitmap[i] = bitmap_64[i] = 0xf0;
    }
    bitmap[0x2000] = bitmap_64[0x2000] = 0xff;
    memset(tss, 0, 104);
    tss[1] = CASES_STACK_0; /* RSP0 to RSP2, IST1, IST2 (SDM 3A figure 8-11) */
    tss[3] = CASES_STACK_1;
    tss[5] = CASES_STACK_2;
    tss[9] = CASES_STACK_IST;
    tss[11] = CASES_STACK_2;
    tss[TRAP] = 104u << 16;
    /* One of 16 bits (SDM 3A figure 8-10). */
    uint16_t *old = at(CASES_TSS_16);

    memset(old, 0, 44);
    old[1] = 0x8000;
    old[2] = CASES_SELECTOR(CASES_STACK16_0, 0);
    old[7] = 0x4900; /* IP, FLAGS, AX ... DI, ES, CS, SS, DS, LDT */
    old[8] = 2;
    old[13] = 0x8100;
    old[17] = CASES_SELECTOR(CASES_DATA16_0, 0);
    old[18] = CASES_SELECTOR(CASES_CODE16_0, 0);
    old[19] = CASES_SELECTOR(CASES_STACK16_0, 0);
    old[20] = CASES_SELECTOR(CASES_DATA16_0, 0);
}

void cases_tables_write(void)
{
    memset(at(CASES_GDT), 0, CASES_TABLES_BYTES);
    write_plain();
    write_systems();
    write_local(CASES_LDT);
    write_local(CASES_LDT_64);
    write_interrupts();
    write_tasks();
}
