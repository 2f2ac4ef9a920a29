/*
 * Segment registers and descriptors (SDM 3A chapters 3 and 5).
 */
#include "cpu/cpu_sys.h"

bool cpu_raise_selector(struct cpu *cpu, enum cpu_vector vector, uint16_t selector, uint32_t ext)
{
    cpu_raise_error(cpu, vector, (selector & 0xfffcu) | ext);
    return false;
}

int cpu_descriptor_look(struct cpu *cpu, uint16_t selector, struct cpu_descriptor *ret_descriptor)
{
    bool local = (selector & 4) != 0;
    uint64_t base = local ? cpu->ldtr.base : cpu->gdtr.base;
    uint64_t limit = local ? cpu->ldtr.limit : cpu->gdtr.limit;
    uint64_t offset = selector & 0xfff8u;
    struct cpu_descriptor *d = ret_descriptor;
    uint64_t raw;
    uint64_t high = 0;

    if (cpu_null(selector) || (local && (cpu->ldtr.attributes & X86_SEG_P) == 0) ||
        offset + 7 > limit) {
        return 0;
    }
    *d = (struct cpu_descriptor){.selector = selector, .at = base + offset};
    if (!cpu->long_mode) {
        d->at &= 0xffffffffu;
    }
    if (!cpu_load_linear(cpu, d->at, &raw, 8, true)) {
        return -1;
    }
    d->attributes = (uint16_t)((raw >> 40 & 0xff) | (raw >> 40 & 0xf000));
    if (cpu->long_mode && (d->attributes & X86_SEG_S) == 0 && cpu_descriptor_type(d) != 0) {
        if (offset + 15 > limit) {
            return 0;
        }
        if (!cpu_load_linear(cpu, d->at + 8, &high, 8, true)) {
            return -1;
        }
    }
    switch (d->attributes & 0x1f) {
    case X86_TYPE_CALL_GATE16:
    case X86_TYPE_TASK_GATE:
    case X86_TYPE_INTERRUPT_GATE16:
    case X86_TYPE_TRAP_GATE16:
        d->base = raw & 0xffff;
        break;
    case X86_TYPE_CALL_GATE:
    case X86_TYPE_INTERRUPT_GATE:
    case X86_TYPE_TRAP_GATE:
        d->base = (raw & 0xffff) | (raw >> 32 & 0xffff0000u) | high << 32;
        break;
    default:
        d->base = (raw >> 16 & 0xffffff) | (raw >> 32 & 0xff000000u) | high << 32;
        d->limit = (uint32_t)((raw & 0xffff) | (raw >> 32 & 0xf0000));
        if ((d->attributes & X86_SEG_G) != 0) {
            d->limit = d->limit << 12 | 0xfff;
        }
        return 1;
    }
    d->gate_selector = (uint16_t)(raw >> 16);
    d->gate_count = (uint8_t)(raw >> 32 & 0x1f);
    /* Bits 8-12 of the upper half are a type, which must be none. */
    return cpu->long_mode && (high >> 40 & 0x1f) != 0 ? 0 : 1;
}

bool cpu_descriptor_read(struct cpu *cpu, uint16_t selector, enum cpu_vector vector, uint32_t ext,
                         struct cpu_descriptor *ret_descriptor)
{
    int found = cpu_descriptor_look(cpu, selector, ret_descriptor);

    return found > 0 || (found == 0 && cpu_raise_selector(cpu, vector, selector, ext));
}

bool cpu_descriptor_accessed(struct cpu *cpu, struct cpu_descriptor *descriptor)
{
    uint8_t access = (uint8_t)descriptor->attributes | X86_SEG_ACCESSED;

    if ((descriptor->attributes & X86_SEG_ACCESSED) == 0 &&
        !cpu_store_linear(cpu, descriptor->at + 5, &access, 1, true)) {
        return false;
    }
    descriptor->attributes |= X86_SEG_ACCESSED;
    return true;
}

struct cpu_segment cpu_descriptor_segment(const struct cpu_descriptor *descriptor,
                                          uint16_t selector)
{
    return (struct cpu_segment){
        .base = descriptor->base,
        .limit = descriptor->limit,
        .selector = selector,
        .attributes = descriptor->attributes,
    };
}

void cpu_segment_real(struct cpu *cpu, enum x86_seg seg, uint16_t selector)
{
    struct cpu_segment *segment = &cpu->segments[seg];

    segment->selector = selector;
    segment->base = (uint64_t)selector << 4;
    if (cpu->v86) {
        segment->limit = 0xffff;
        segment->attributes =
            X86_SEG_P | X86_SEG_S | 3 << X86_SEG_DPL_SHIFT | X86_SEG_WRITABLE | X86_SEG_ACCESSED;
    } else {
        /* The limit stays as protected mode has left it. */
        segment->attributes = (segment->attributes & (X86_SEG_G | X86_SEG_DB)) | X86_SEG_P |
                              X86_SEG_S | X86_SEG_WRITABLE | X86_SEG_ACCESSED;
    }
}

bool cpu_stack_segment(struct cpu *cpu, uint16_t selector, unsigned cpl, enum cpu_vector vector,
                       uint32_t ext, struct cpu_segment *ret_segment)
{
    struct cpu_descriptor d;

    if (cpu_null(selector)) {
        cpu_raise_error(cpu, vector, ext | (vector == CPU_TS ? selector & 0xfffcu : 0));
        return false;
    }
    if (!cpu_descriptor_read(cpu, selector, vector, ext, &d)) {
        return false;
    }
    if ((selector & 3u) != cpl ||
        (d.attributes & (X86_SEG_S | X86_SEG_CODE | X86_SEG_WRITABLE)) !=
            (X86_SEG_S | X86_SEG_WRITABLE) ||
        cpu_descriptor_dpl(&d) != cpl) {
        return cpu_raise_selector(cpu, vector, selector, ext);
    }
    if ((d.attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, CPU_SS, selector, ext);
    }
    if (!cpu_descriptor_accessed(cpu, &d)) {
        return false;
    }
    *ret_segment = cpu_descriptor_segment(&d, selector);
    return true;
}

/* A data or readable code segment for ES, DS, FS, GS. */
static bool data_segment(struct cpu *cpu, uint16_t selector, struct cpu_segment *ret_segment)
{
    struct cpu_descriptor d;
    unsigned rpl = selector & 3;
    bool code;

    if (cpu_null(selector)) {
        *ret_segment = (struct cpu_segment){.selector = selector};
        return true;
    }
    if (!cpu_descriptor_read(cpu, selector, CPU_GP, 0, &d)) {
        return false;
    }
    code = (d.attributes & X86_SEG_CODE) != 0;
    if ((d.attributes & X86_SEG_S) == 0 || (code && (d.attributes & X86_SEG_WRITABLE) == 0)) {
        return cpu_raise_selector(cpu, CPU_GP, selector, 0);
    }
    if (!(code && (d.attributes & X86_SEG_CONFORMING) != 0) &&
        (cpu_descriptor_dpl(&d) < rpl || cpu_descriptor_dpl(&d) < cpu->cpl)) {
        return cpu_raise_selector(cpu, CPU_GP, selector, 0);
    }
    if ((d.attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, CPU_NP, selector, 0);
    }
    if (!cpu_descriptor_accessed(cpu, &d)) {
        return false;
    }
    *ret_segment = cpu_descriptor_segment(&d, selector);
    return true;
}

bool cpu_load_segment(struct cpu *cpu, enum x86_seg seg, uint16_t selector)
{
    struct cpu_segment segment;

    if (!cpu->protected_mode) {
        cpu_segment_real(cpu, seg, selector);
    } else if (seg == X86_SS) {
        if (cpu_null(selector) && cpu_in_64(cpu) && cpu->cpl != 3 && (selector & 3u) == cpu->cpl) {
            /* Present no more, but its DPL is CPL. */
            segment = (struct cpu_segment){
                .selector = selector,
                .attributes = (uint16_t)(cpu->cpl << X86_SEG_DPL_SHIFT),
            };
        } else if (!cpu_stack_segment(cpu, selector, cpu->cpl, CPU_GP, 0, &segment)) {
            return false;
        }
        cpu->segments[seg] = segment;
    } else {
        if (!data_segment(cpu, selector, &segment)) {
            return false;
        }
        cpu->segments[seg] = segment;
    }
    cpu_segment_update(cpu, seg);
    return true;
}

bool cpu_load_ldtr(struct cpu *cpu, uint16_t selector, enum cpu_vector vector)
{
    struct cpu_descriptor d;

    if (cpu_null(selector)) {
        cpu->ldtr = (struct cpu_segment){.selector = selector};
        return true;
    }
    if ((selector & 4) != 0) {
        return cpu_raise_selector(cpu, vector, selector, 0);
    }
    if (!cpu_descriptor_read(cpu, selector, vector, 0, &d)) {
        return false;
    }
    if ((d.attributes & (X86_SEG_S | 0xf)) != X86_TYPE_LDT) {
        return cpu_raise_selector(cpu, vector, selector, 0);
    }
    if ((d.attributes & X86_SEG_P) == 0) {
        return cpu_raise_selector(cpu, vector == CPU_TS ? CPU_TS : CPU_NP, selector, 0);
    }
    if (cpu->long_mode && !cpu_canonical(d.base)) {
        return cpu_raise_selector(cpu, vector, selector, 0);
    }
    cpu->ldtr = cpu_descriptor_segment(&d, selector);
    return true;
}
