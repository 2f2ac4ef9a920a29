/* Pushing and popping on a stack that need not be the one in force: nothing is committed until the
 * transfer that uses it cannot fault any more. */
#include "cpu/cpu_sys.h"

void cpu_stack_current(const struct cpu *cpu, struct cpu_stack *ret_stack)
{
    *ret_stack = (struct cpu_stack){
        .segment = cpu->segments[X86_SS],
        .sp = cpu->gpr[X86_RSP],
        .mask = cpu->stack_mask,
        .privilege = cpu_privilege(cpu),
        .wide = cpu_in_64(cpu),
    };
}

void cpu_stack_wide(uint64_t sp, unsigned cpl, struct cpu_stack *ret_stack)
{
    *ret_stack = (struct cpu_stack){
        .segment.attributes = (uint16_t)(cpl << X86_SEG_DPL_SHIFT),
        .segment.selector = (uint16_t)cpl,
        .sp = sp,
        .mask = ~0ull,
        .privilege = cpl == 3 ? CPU_PRIV_USER : CPU_PRIV_SYSTEM,
        .wide = true,
    };
}

void cpu_stack_of(const struct cpu_segment *segment, uint64_t sp, unsigned cpl,
                  struct cpu_stack *ret_stack)
{
    *ret_stack = (struct cpu_stack){
        .segment = *segment,
        .sp = sp,
        .mask = (segment->attributes & X86_SEG_DB) != 0 ? 0xffffffffu : 0xffff,
        .privilege = cpl == 3 ? CPU_PRIV_USER : CPU_PRIV_SYSTEM,
    };
}

/* Whether bytes at sp lie within the stack; *ret_linear. */
static bool check(struct cpu *cpu, const struct cpu_stack *stack, uint64_t sp, unsigned size,
                  uint64_t *ret_linear)
{
    const struct cpu_segment *s = &stack->segment;
    uint64_t last = sp + size - 1;
    bool inside;

    if (stack->wide) {
        *ret_linear = sp;
        inside = cpu_canonical(sp) && cpu_canonical(last);
    } else {
        *ret_linear = (s->base + sp) & 0xffffffffu;
        if ((s->attributes & (X86_SEG_S | X86_SEG_CODE | X86_SEG_DOWN)) ==
            (X86_SEG_S | X86_SEG_DOWN)) {
            inside = sp > s->limit && last <= stack->mask;
        } else {
            inside = last <= s->limit;
        }
    }
    if (!inside) {
        cpu_raise_error(cpu, CPU_SS, stack->error);
        return false;
    }
    return stack->privilege != CPU_PRIV_USER || cpu_check_alignment(cpu, *ret_linear, size);
}

bool cpu_push(struct cpu *cpu, struct cpu_stack *stack, uint64_t value, unsigned size)
{
    uint64_t sp = (stack->sp - size) & stack->mask;
    uint64_t linear;

    if (!check(cpu, stack, sp, size, &linear) ||
        !cpu_linear_access(cpu, linear, &value, size, true, stack->privilege)) {
        return false;
    }
    /* What lies above the mask stays. */
    stack->sp = (stack->sp & ~stack->mask) | sp;
    return true;
}

bool cpu_pop(struct cpu *cpu, struct cpu_stack *stack, uint64_t *ret_value, unsigned size)
{
    uint64_t sp = stack->sp & stack->mask;
    uint64_t value = 0;
    uint64_t linear;

    if (!check(cpu, stack, sp, size, &linear) ||
        !cpu_linear_access(cpu, linear, &value, size, false, stack->privilege)) {
        return false;
    }
    stack->sp = (stack->sp & ~stack->mask) | ((sp + size) & stack->mask);
    *ret_value = value;
    return true;
}

void cpu_stack_commit(struct cpu *cpu, const struct cpu_stack *stack)
{
    cpu->gpr[X86_RSP] = stack->sp;
}
