/*
 * String instructions, with and without REP. Runs of elements that lie in pages the software TLB
 * knows are done on host memory at once; others element by element with all checks. What is done is
 * in the registers at any fault, and an event is looked at between runs.
 */
#include "cpu/interpreter/cpu_alu.h"
#include "cpu/interpreter/cpu_integer.h"
#include "cpu/interpreter/cpu_string.h"

bool cpu_string_begin(struct cpu *cpu, const struct x86_insn *insn, unsigned width,
                      struct cpu_string *ret_string)
{
    bool repeated = insn->rep != 0;

    *ret_string = (struct cpu_string){
        .cpu = cpu,
        .mask = cpu_mask_of(insn->addrsize),
        .width = width,
        .addrsize = insn->addrsize,
        .source = (enum x86_seg)(insn->seg_override < X86_SEG_NONE ? insn->seg_override : X86_DS),
        .step = cpu->rflags & X86_DF ? 0 - (uint64_t)width : width,
        .repeated = repeated,
        .left = repeated ? cpu_gpr_get(cpu, X86_RCX, insn->addrsize) : 1,
    };
    return ret_string->left != 0;
}

void cpu_string_advance(struct cpu_string *string, bool source, bool target, uint64_t count)
{
    struct cpu *cpu = string->cpu;
    uint64_t bytes = string->step * count;

    if (source) {
        cpu_gpr_put(cpu, X86_RSI, string->addrsize, cpu->gpr[X86_RSI] + bytes);
    }
    if (target) {
        cpu_gpr_put(cpu, X86_RDI, string->addrsize, cpu->gpr[X86_RDI] + bytes);
    }
    string->left -= count;
    if (string->repeated) {
        cpu_gpr_put(cpu, X86_RCX, string->addrsize, string->left);
    }
}

bool cpu_string_interrupted(const struct cpu_string *string)
{
    return string->left != 0 &&
           (cpu_code_single(string->cpu) ||
            __atomic_load_n(&string->cpu->run_limit, __ATOMIC_RELAXED) <= string->cpu->retired);
}

/* How many of the elements left lie upwards from seg:offset in one page; and their host address.
 * 0: the page is not known, the first element leaves it, or the direction is down. */
static uint64_t run_at(const struct cpu_string *string, enum x86_seg seg, uint64_t offset,
                       bool write, uint8_t **ret_host)
{
    struct cpu *cpu = string->cpu;
    uint64_t linear, room;

    offset &= string->mask;
    if (!cpu_segment_open(cpu, seg, offset, write ? CPU_OPEN_WRITE : CPU_OPEN_READ, &linear)) {
        return 0;
    }
    *ret_host = write ? cpu_tlb_write(cpu, linear, string->width)
                      : cpu_tlb_read(cpu, linear, string->width);
    if (*ret_host == NULL) {
        return 0;
    }
    if ((int64_t)string->step < 0) {
        return 1;
    }
    room = MEM_PAGE_SIZE - (linear & (MEM_PAGE_SIZE - 1));
    /* rSI and rDI wrap where their size ends. */
    if (string->mask - offset < room) {
        room = string->mask - offset + 1;
    }
    room /= string->width;
    return room < string->left ? room : string->left;
}

/* Copies upwards as the guest's loop does: where the target begins within the source, what was
 * written is read again. */
static void copy_run(uint8_t *to, const uint8_t *from, uint64_t bytes, unsigned width)
{
    if ((uintptr_t)to - (uintptr_t)from >= bytes) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
        return;
    }
    for (uint64_t at = 0; at < bytes; at += width) {
        cpu_put(to + at, width, cpu_get(from + at, width));
    }
}

static void fill_run(uint8_t *to, uint64_t value, uint64_t count, unsigned width)
{
    switch (width) {
    case 1:
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
        break;
    case 2:
        __asm__ volatile("rep stosw" : "+D"(to), "+c"(count) : "a"(value) : "memory");
        break;
    case 4:
        __asm__ volatile("rep stosl" : "+D"(to), "+c"(count) : "a"(value) : "memory");
        break;
    default:
        __asm__ volatile("rep stosq" : "+D"(to), "+c"(count) : "a"(value) : "memory");
        break;
    }
}

/* One element with all checks. */
static bool move_one(const struct cpu_string *string)
{
    struct cpu *cpu = string->cpu;
    uint64_t value = 0;

    return cpu_load(cpu, string->source, cpu->gpr[X86_RSI] & string->mask, &value, string->width) &&
           cpu_store(cpu, X86_ES, cpu->gpr[X86_RDI] & string->mask, &value, string->width);
}

enum cpu_result cpu_int_movs(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_string string;

    if (!cpu_string_begin(cpu, insn, insn->operands[0].width, &string)) {
        return CPU_NEXT;
    }
    do {
        uint8_t *from, *to;
        uint64_t count = run_at(&string, string.source, cpu->gpr[X86_RSI], false, &from);

        if (count != 0) {
            count = ST_MIN(count, run_at(&string, X86_ES, cpu->gpr[X86_RDI], true, &to));
        }
        if (string.repeated && cpu_code_single(cpu)) {
            count = ST_MIN(count, 1u);
        }
        if (count != 0) {
            copy_run(to, from, count * string.width, string.width);
        } else if (move_one(&string)) {
            count = 1;
        } else {
            return CPU_FAULT;
        }
        cpu_string_advance(&string, true, true, count);
        if (cpu_string_interrupted(&string)) {
            return CPU_AGAIN;
        }
    } while (string.left != 0);
    return CPU_NEXT;
}

enum cpu_result cpu_int_stos(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_string string;

    if (!cpu_string_begin(cpu, insn, insn->operands[0].width, &string)) {
        return CPU_NEXT;
    }
    do {
        uint8_t *to;
        uint64_t count = run_at(&string, X86_ES, cpu->gpr[X86_RDI], true, &to);

        if (string.repeated && cpu_code_single(cpu)) {
            count = ST_MIN(count, 1u);
        }
        if (count != 0) {
            fill_run(to, cpu->gpr[X86_RAX], count, string.width);
        } else if (cpu_store(cpu, X86_ES, cpu->gpr[X86_RDI] & string.mask, &cpu->gpr[X86_RAX],
                             string.width)) {
            count = 1;
        } else {
            return CPU_FAULT;
        }
        cpu_string_advance(&string, false, true, count);
        if (cpu_string_interrupted(&string)) {
            return CPU_AGAIN;
        }
    } while (string.left != 0);
    return CPU_NEXT;
}

enum cpu_result cpu_int_lods(struct cpu *cpu, const struct x86_insn *insn)
{
    struct cpu_string string;

    if (!cpu_string_begin(cpu, insn, insn->operands[0].width, &string)) {
        return CPU_NEXT;
    }
    do {
        uint64_t value = 0;

        if (!cpu_load(cpu, string.source, cpu->gpr[X86_RSI] & string.mask, &value, string.width)) {
            return CPU_FAULT;
        }
        cpu_gpr_put(cpu, X86_RAX, string.width, value);
        cpu_string_advance(&string, true, false, 1);
        if (cpu_string_interrupted(&string)) {
            return CPU_AGAIN;
        }
    } while (string.left != 0);
    return CPU_NEXT;
}

/* A byte or more at seg:offset, quickly where the TLB knows the page. */
static bool element(const struct cpu_string *string, enum x86_seg seg, uint64_t offset,
                    uint64_t *ret_value)
{
    uint8_t *host;

    if (run_at(string, seg, offset, false, &host) != 0) {
        *ret_value = cpu_get(host, string->width);
        return true;
    }
    *ret_value = 0;
    return cpu_load(string->cpu, seg, offset & string->mask, ret_value, string->width);
}

/* CMPS and SCAS: `scan` compares the accumulator with the target, else source with target. */
static enum cpu_result compare_string(struct cpu *cpu, const struct x86_insn *insn, bool scan)
{
    struct cpu_string string;

    if (!cpu_string_begin(cpu, insn, insn->operands[0].width, &string)) {
        return CPU_NEXT;
    }
    do {
        uint64_t a = cpu_gpr_get(cpu, X86_RAX, string.width);
        uint64_t b;

        if (!scan && !element(&string, string.source, cpu->gpr[X86_RSI], &a)) {
            return CPU_FAULT;
        }
        if (!element(&string, X86_ES, cpu->gpr[X86_RDI], &b)) {
            return CPU_FAULT;
        }
        cpu_string_advance(&string, !scan, true, 1);
        if (!string.repeated || string.left == 0 || (a == b) != (insn->rep == 0xf3) ||
            cpu_string_interrupted(&string)) {
            cpu->arith = cpu_int_flags_of_compare(a, b, string.width);
            /* Ended by the comparison rather than by an event. */
            if (!string.repeated || (a == b) != (insn->rep == 0xf3)) {
                return CPU_NEXT;
            }
            return string.left == 0 ? CPU_NEXT : CPU_AGAIN;
        }
        /* A fault of the next element shows the flags of this one. */
        cpu->arith = cpu_int_flags_of_compare(a, b, string.width);
    } while (true);
}

enum cpu_result cpu_int_cmps(struct cpu *cpu, const struct x86_insn *insn)
{
    return compare_string(cpu, insn, false);
}

enum cpu_result cpu_int_scas(struct cpu *cpu, const struct x86_insn *insn)
{
    return compare_string(cpu, insn, true);
}
