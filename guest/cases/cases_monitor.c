/*
 * Runs cases: writes tables, memory and the context anew, enters the case (cases_long.S,
 * cases_legacy.S) and gathers what it left.
 */
#include "bare/bare.h"
#include "base/memops.h"
#include "cases/cases.h"
#include "cases/cases_tables.h"
#include "x86/x86_regs.h"

void cases_enter_long(void);
void cases_enter_legacy(void);
void cases_failed(uint64_t vector, uint64_t a, uint64_t b);
extern const char cases_code_16[], cases_code_16_end[], cases_ended_16[];
extern const uint32_t cases_monitor_tss;

const uint32_t cases_monitor_tss = CASES_SELECTOR(CASES_TSS_1, 0);

/* The context; the layout is cases_layout.h's. */
struct context {
    uint64_t gpr[16], rip, rflags, segments[6];
    uint64_t cr0, cr2, cr3, cr4, vector, error;
    struct {
        uint8_t bytes[16];
    } gdtr, idtr;
    uint64_t ldtr, tr, fs_base, gs_base, link, kind;
    uint32_t far_offset, far_selector, stack_offset, stack_selector;
    uint64_t rsp, runs, root, unused;
    uint8_t gdtr_64[16], idtr_64[16], gdtr_32[16];
};
_Static_assert(offsetof(struct context, cr0) == CONTEXT_CR0 - CASES_CONTEXT, "cases_layout.h");
_Static_assert(offsetof(struct context, link) == CONTEXT_LINK - CASES_CONTEXT, "cases_layout.h");
_Static_assert(offsetof(struct context, rsp) == CONTEXT_RSP - CASES_CONTEXT, "cases_layout.h");
_Static_assert(sizeof(struct context) == CONTEXT_BYTES, "cases_layout.h");

enum { DATA_WORDS = CASES_WINDOW / 8, STACK_WORDS = CASES_STACK_WINDOW / 8, INT3 = 0xcc, XCR0 = 3 };

/* MSRs that cases may change, and what they are before. */
const uint32_t cases_msrs[CASES_MSRS] = {
    X86_MSR_EFER,        X86_MSR_STAR,         X86_MSR_LSTAR,        X86_MSR_CSTAR,
    X86_MSR_SFMASK,      X86_MSR_FS_BASE,      X86_MSR_GS_BASE,      X86_MSR_KERNEL_GS_BASE,
    X86_MSR_SYSENTER_CS, X86_MSR_SYSENTER_ESP, X86_MSR_SYSENTER_EIP, X86_MSR_PAT,
};
enum { MSR_FS_BASE = 5 };
static const uint64_t msrs[CASES_MSRS] = {
    X86_EFER_SCE | X86_EFER_LME | X86_EFER_LMA | X86_EFER_NX,
    (uint64_t)CASES_SELECTOR(CASES_FAST_CODE_3, 3) << 48 |
        (uint64_t)CASES_SELECTOR(CASES_FAST_CODE_0, 0) << 32 | (CASES_CODE + 0x6800),
    CASES_LSTAR,
    CASES_CSTAR,
    0x47700,
    0,
    0,
    CASES_DATA + 0x8100,
    CASES_SELECTOR(CASES_FAST_CODE_0, 0),
    CASES_STACK + 0x8000,
    CASES_SYSENTER,
    UINT64_C(0x0007040600070406),
};
static uint64_t pristine_data[DATA_WORDS], pristine_stack[STACK_WORDS];
static uint32_t pristine_vectors[256];
static uint8_t pristine_tables[CASES_TABLES_BYTES], pristine_tasks[0x400];

static void *at(uint64_t address)
{
    return (void *)(uintptr_t)address;
}

static struct context *context(void)
{
    return at(CASES_CONTEXT);
}

static void write_msr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static uint64_t read_msr(uint32_t msr)
{
    uint32_t low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}

static void set_table_register(uint8_t *bytes, uint64_t base, uint16_t limit)
{
    memcpy(bytes, &limit, 2);
    memcpy(bytes + 2, &base, 8);
}

void cases_failed(uint64_t vector, uint64_t a, uint64_t b)
{
    bare_print("the monitor failed: %llx %llx %llx\n", (unsigned long long)vector,
               (unsigned long long)a, (unsigned long long)b);
    bare_exit(0x7f);
}

uint64_t cases_digest(uint64_t digest, const void *from, unsigned size)
{
    const uint64_t *words = from;

    for (unsigned i = 0; i < size / 8; i++) {
        digest = (digest ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15);
        digest ^= digest >> 29;
    }
    return digest;
}

/* The vectors of real mode: all lead to a few bytes that say which it was. */
static void write_vectors_16(void)
{
    uint32_t *vectors = at(0);
    uint8_t *stubs = at(CASES_STUBS_16);
    uint32_t ended = CASES_CODE_16 + (uint32_t)(cases_ended_16 - cases_code_16);

    memcpy(at(CASES_CODE_16), cases_code_16, (size_t)(cases_code_16_end - cases_code_16));
    for (unsigned vector = 0; vector < 256; vector++, stubs += 8) {
        uint16_t distance = (uint16_t)(ended - (CASES_STUBS_16 + 8 * vector + 6));

        /* push imm16; jmp rel16 */
        stubs[0] = 0x68;
        stubs[1] = (uint8_t)vector;
        stubs[2] = 0;
        stubs[3] = 0xe9;
        stubs[4] = (uint8_t)distance;
        stubs[5] = (uint8_t)(distance >> 8);
        vectors[vector] =
            vector < 32 ? CASES_STUBS_16 + 8 * vector : CASES_CODE << 12 | (0x3000 + vector * 8);
    }
}

void cases_open(void)
{
    struct cases_random random = {0x5eed};
    struct context *c = context();

    bare_out8(0x21, 0xff); /* cases have interrupts on: none is to come */
    bare_out8(0xa1, 0xff);
    write_msr(X86_MSR_EFER, read_msr(X86_MSR_EFER) | X86_EFER_NX | X86_EFER_SCE);
    for (unsigned i = 0; i < DATA_WORDS; i++) {
        pristine_data[i] = cases_next(&random);
    }
    for (unsigned i = 0; i < STACK_WORDS; i++) {
        pristine_stack[i] = cases_next(&random);
    }
    memset(at(CASES_CONTEXT), 0, CONTEXT_BYTES);
    memset(at(CASES_CODE), INT3, 0x10000);
    memset(at(CASES_DATA), 0, CASES_STACK_0 - CASES_DATA);
    write_vectors_16();
    cases_paging_make();
    cases_tables_write();
    memcpy(pristine_vectors, at(0), sizeof pristine_vectors);
    memcpy(pristine_tables, at(CASES_GDT), sizeof pristine_tables);
    memcpy(pristine_tasks, at(CASES_TSS_OTHER), sizeof pristine_tasks);
    c->root = cases_roots.monitor;
    set_table_register(c->gdtr_64, CASES_GDT_64, CASES_DESCRIPTORS * 8 - 1);
    set_table_register(c->gdtr_32, CASES_GDT, CASES_DESCRIPTORS * 8 - 1);
    set_table_register(c->idtr_64, CASES_IDT_64, 0xfff);
    __asm__ volatile("lgdt (%0)\n\tlidt (%1)\n\tltr %w2\n\tmov %3, %%cr3" ::"r"(c->gdtr_64),
                     "r"(c->idtr_64), "r"(cases_monitor_tss), "r"(c->root)
                     : "memory");
    for (unsigned i = 1; i < CASES_MSRS; i++) {
        write_msr(cases_msrs[i], msrs[i]);
    }
    __asm__ volatile("mov %0, %%cr4" ::"r"((uint64_t)CASES_CR4));
    __asm__ volatile("xsetbv" ::"a"(XCR0), "c"(0), "d"(0));
}

/* What cases reach outside of the windows: around special pages, and the ends of segments. */
static void reset_edges(uint32_t region)
{
    static const uint16_t pages[] = {CASES_PAGE_ABSENT, CASES_PAGE_READ_ONLY, CASES_PAGE_OTHER,
                                     CASES_PAGE_NX};

    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        memset(at(region + pages[i] - 64), 0, 192);
    }
    memset(at(region), 0, 64);
    memset(at(region + 0x10000 - 64), 0, 128);
}

/* Memory and tables as they are before every case. */
static void reset_memory(void)
{
    memcpy(at(CASES_WINDOW_AT), pristine_data, sizeof pristine_data);
    memcpy(at(CASES_STACK_WINDOW_AT), pristine_stack, sizeof pristine_stack);
    reset_edges(CASES_DATA);
    reset_edges(CASES_STACK);
    memset(at(CASES_STACK_0 - CASES_STACK_0_BYTES), 0, CASES_STACK_0_BYTES);
    memcpy(at(CASES_GDT), pristine_tables, sizeof pristine_tables);
    memcpy(at(CASES_TSS_OTHER), pristine_tasks, sizeof pristine_tasks);
    memset(at(CASES_TSS), 0, 4);
    memset(at(CASES_TSS + 28), 0, 76 - 4);
    cases_paging_reset();
}

static void set_debug(const struct cases_case *c)
{
    /* Addresses that no case comes to. */
    uint64_t none = 0xf0000000;

    __asm__ volatile(
        "mov %0, %%dr0\n\tmov %0, %%dr1\n\tmov %0, %%dr2\n\tmov %0, %%dr3" ::"r"(none));
    __asm__ volatile("mov %0, %%dr6\n\tmov %1, %%dr7" ::"r"((uint64_t)X86_DR6_FIXED),
                     "r"((uint64_t)X86_DR7_FIXED | c->dr7));
}

static uint32_t kind_of(enum cases_mode mode)
{
    switch (mode) {
    case CASES_REAL:
        return CASES_KIND_REAL;
    case CASES_V86:
        return CASES_KIND_V86;
    case CASES_16_0:
    case CASES_32_0:
        return CASES_KIND_SYSTEM;
    case CASES_16_3:
    case CASES_32_3:
        return CASES_KIND_USER;
    case CASES_C16_0:
    case CASES_C16_3:
    case CASES_C32_0:
    case CASES_C32_3:
    case CASES_64_0:
    case CASES_64_3:
    case CASES_MODES:
        break;
    }
    return CASES_KIND_LONG;
}

static bool is_user(enum cases_mode mode)
{
    return mode == CASES_V86 || mode == CASES_16_3 || mode == CASES_32_3 || mode == CASES_C16_3 ||
           mode == CASES_C32_3 || mode == CASES_64_3;
}

static void set_context(const struct cases_case *c)
{
    struct context *to = context();
    bool user = is_user(c->mode);

    memcpy(to->gpr, c->gpr, sizeof to->gpr);
    to->rip = c->ip;
    to->rflags = c->rflags;
    for (unsigned i = 0; i < 6; i++) {
        to->segments[i] = c->segments[i];
    }
    to->cr0 = c->cr0;
    to->cr4 = c->cr4;
    to->cr3 = c->paging == CASES_PAGING_LONG  ? cases_roots.four[user]
              : c->paging == CASES_PAGING_PAE ? cases_roots.pae[user]
                                              : cases_roots.legacy[user];
    to->ldtr = CASES_SELECTOR(CASES_LDT_1, 0);
    to->tr = CASES_SELECTOR(CASES_TSS_1, 0);
    to->fs_base = c->fs_base;
    to->gs_base = c->gs_base;
    to->kind = kind_of(c->mode);
    to->link = 0;
    to->error = CASES_NO_ERROR;
    to->far_offset = (uint32_t)c->ip;
    to->far_selector = c->segments[X86_CS];
    to->stack_offset = (uint32_t)c->gpr[X86_RSP];
    to->stack_selector = c->segments[X86_SS];
    if (c->mode == CASES_REAL) {
        /* 16-bit offset, and the selector behind it. */
        to->far_offset |= (uint32_t)c->segments[X86_CS] << 16;
        set_table_register(to->idtr.bytes, 0, 0x3ff);
    } else {
        set_table_register(to->idtr.bytes, CASES_IDT, 0x7ff);
    }
    if (c->root_register != 0) {
        to->gpr[c->root_register - 1] += to->cr3;
    }
    *(uint32_t *)at(CASES_TSS + 28) = (uint32_t)to->cr3;
    *(uint32_t *)at(CASES_TSS_OTHER + 28) = (uint32_t)to->cr3;
    for (unsigned i = 0; i < 3; i++) {
        *(uint32_t *)at(CASES_TSS_FAULT + 128 * i + 28) = (uint32_t)to->cr3;
    }
}

static void enter(const struct cases_case *c)
{
    struct context *to = context();

    to->runs = 1;
    if (to->kind == CASES_KIND_LONG) {
        uint8_t *tss = at(CASES_GDT_64 + CASES_TSS_1 * 8 + 5);

        *tss &= 0xfd;
        __asm__ volatile("lldt %w0\n\tltr %w1" ::"r"((uint32_t)to->ldtr), "r"((uint32_t)to->tr)
                         : "memory");
        cases_enter_long();
    } else {
        cases_enter_legacy();
    }
    to->runs = 0;
    (void)c;
}

/* A fault by a task gate left the state in the TSS that its link names. */
static void gather_task(struct cases_after *after)
{
    const struct context *c = context();
    const uint64_t gdt = *(const uint64_t *)at(CASES_GDT + (c->link & 0xfff8));
    const uint32_t *tss = at((uint32_t)(gdt >> 16 & 0xffffff));
    const uint16_t *old = at((uint32_t)(gdt >> 16 & 0xffffff));

    if ((c->link & 0xfff8) == CASES_SELECTOR(CASES_TSS_286, 0)) {
        after->rip = old[7];
        after->rflags = old[8];
        for (unsigned i = 0; i < 8; i++) {
            after->gpr[i] = old[9 + i];
        }
        for (unsigned i = 0; i < 4; i++) {
            after->segments[i] = old[17 + i];
        }
        return;
    }
    after->rip = tss[8];
    after->rflags = tss[9];
    for (unsigned i = 0; i < 8; i++) {
        after->gpr[i] = tss[10 + i];
    }
    for (unsigned i = 0; i < 6; i++) {
        after->segments[i] = tss[18 + i] & 0xffff;
    }
    after->cr3 = tss[7];
}

static void gather_system(struct cases_after *after)
{
    const struct context *c = context();
    uint32_t low, high;

    __asm__ volatile("mov %%dr0, %0\n\tmov %%dr1, %1\n\tmov %%dr2, %2"
                     : "=r"(after->dr[0]), "=r"(after->dr[1]), "=r"(after->dr[2]));
    __asm__ volatile("mov %%dr3, %0\n\tmov %%dr6, %1\n\tmov %%dr7, %2"
                     : "=r"(after->dr[3]), "=r"(after->dr[4]), "=r"(after->dr[5]));
    __asm__ volatile("mov %0, %%dr7" ::"r"((uint64_t)X86_DR7_FIXED));
    for (unsigned i = 0; i < CASES_MSRS; i++) {
        after->msrs[i] = read_msr(cases_msrs[i]);
        if (after->msrs[i] != msrs[i]) {
            write_msr(cases_msrs[i], msrs[i]);
        }
    }
    memcpy(&after->gdt_limit, c->gdtr.bytes, 2);
    memcpy(&after->gdt_base, c->gdtr.bytes + 2, c->kind == CASES_KIND_LONG ? 8 : 4);
    memcpy(&after->idt_limit, c->idtr.bytes, 2);
    memcpy(&after->idt_base, c->idtr.bytes + 2, c->kind == CASES_KIND_LONG ? 8 : 4);
    if (c->kind == CASES_KIND_LONG) {
        after->msrs[MSR_FS_BASE] = c->fs_base;
        after->msrs[MSR_FS_BASE + 1] = c->gs_base;
    }
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    after->xcr0 = (uint64_t)high << 32 | low;
    __asm__ volatile("xsetbv" ::"a"(XCR0), "c"(0), "d"(0));
    __asm__ volatile("mov %%cr8, %0" : "=r"(after->cr8));
    __asm__ volatile("mov %0, %%cr8" ::"r"(0ul));
}

static void gather(const struct cases_case *c, struct cases_after *after)
{
    const struct context *from = context();

    memset(after, 0, sizeof *after);
    memcpy(after->gpr, from->gpr, sizeof after->gpr);
    after->rip = from->rip;
    after->rflags = from->rflags;
    after->vector = from->vector & 0xff;
    after->error = (uint32_t)from->error;
    for (unsigned i = 0; i < 6; i++) {
        after->segments[i] = from->segments[i] & 0xffff;
    }
    after->cr0 = from->cr0;
    after->cr2 = from->cr2;
    after->cr3 = from->cr3;
    after->cr4 = from->cr4;
    after->ldtr = c->mode == CASES_REAL ? 0 : from->ldtr & 0xffff;
    after->tr = c->mode == CASES_REAL ? 0 : from->tr & 0xffff;
    if (from->link != 0) {
        gather_task(after);
        after->ldtr = after->tr = 0;
        /* RF of the flags that the fault saved there is left out, as everywhere. */
        *(uint32_t *)at(CASES_TSS + 36) &= ~(uint32_t)X86_RF;
        *(uint32_t *)at(CASES_TSS_OTHER + 36) &= ~(uint32_t)X86_RF;
    }
    gather_system(after);
    after->memory = cases_digest(1, at(CASES_WINDOW_AT), CASES_WINDOW);
    after->stack = cases_digest(2, at(CASES_STACK_WINDOW_AT), CASES_STACK_WINDOW);
    if (from->kind == CASES_KIND_LONG) {
        after->stack = cases_digest(after->stack, at(CASES_STACK_0 - CASES_STACK_0_BYTES),
                                    CASES_STACK_0_BYTES);
        after->tables = cases_digest(3, at(CASES_GDT_64), CASES_DESCRIPTORS * 8);
    } else if (from->kind != CASES_KIND_REAL) {
        after->tables = cases_digest(3, at(CASES_GDT), CASES_DESCRIPTORS * 8);
        after->tables = cases_digest(after->tables, at(CASES_TSS), 104);
        after->tables = cases_digest(after->tables, at(CASES_TSS_OTHER), 0x180);
    }
    after->tables = cases_paging_digest(after->tables, c->paging, is_user(c->mode));
}

void cases_run(const struct cases_case *c, struct cases_after *ret_after)
{
    uint8_t *code = at(CASES_CODE + (uint32_t)c->ip % 0x10000);
    uint64_t efer = msrs[0] & ~(c->no_syscall ? (uint64_t)X86_EFER_SCE : 0);

    reset_memory();
    for (unsigned i = 0; i < c->pokes_count; i++) {
        memcpy(at(c->pokes[i].at), &c->pokes[i].value, c->pokes[i].size);
    }
    memcpy(code, c->bytes, c->length);
    memset(context(), 0, CONTEXT_RSP - CASES_CONTEXT);
    set_context(c);
    if (c->mode == CASES_REAL) {
        memcpy(at(0), pristine_vectors, sizeof pristine_vectors);
    }
    set_debug(c);
    if (c->no_syscall) {
        write_msr(X86_MSR_EFER, efer);
    }
    __asm__ volatile("mov %0, %%cr2" ::"r"(0ul));
    enter(c);
    gather(c, ret_after);
    memset(code, INT3, c->length);
    for (unsigned i = 0; i < c->pokes_count; i++) {
        if (c->pokes[i].at >= CASES_CODE && c->pokes[i].at < CASES_DATA) {
            memset(at(c->pokes[i].at), INT3, c->pokes[i].size);
        }
    }
}
