/* The whole architectural state: out, in with checks, and what INIT leaves of it. */
#include "base/memops.h"
#include "cpu/cpu_clock.h"
#include "cpu/cpu_cpuid.h"
#include "cpu/cpu_lapic.h"
#include "cpu/cpu_run.h"
#include "cpu/cpu_sys.h"
#include "cpu/interpreter/cpu_fpu.h"

static struct vcpu_segment segment_out(const struct cpu_segment *s)
{
    return (struct vcpu_segment){
        .base = s->base, .limit = s->limit, .selector = s->selector, .attributes = s->attributes};
}

static struct cpu_segment segment_in(const struct vcpu_segment *s)
{
    return (struct cpu_segment){
        .base = s->base, .limit = s->limit, .selector = s->selector, .attributes = s->attributes};
}

/* Registers that have the same name on both sides. */
#define PLAIN_REGISTERS(X)                                                                         \
    X(rip)                                                                                         \
    X(cr0)                                                                                         \
    X(cr2)                                                                                         \
    X(cr3)                                                                                         \
    X(cr4)                                                                                         \
    X(xcr0)                                                                                        \
    X(pkru)                                                                                        \
    X(pkrs)                                                                                        \
    X(dr6)                                                                                         \
    X(dr7)                                                                                         \
    X(efer)                                                                                        \
    X(star)                                                                                        \
    X(lstar)                                                                                       \
    X(cstar)                                                                                       \
    X(sfmask)                                                                                      \
    X(kernel_gs_base)                                                                              \
    X(sysenter_cs)                                                                                 \
    X(sysenter_esp)                                                                                \
    X(sysenter_eip)                                                                                \
    X(pat)                                                                                         \
    X(tsc_aux)                                                                                     \
    X(misc_enable)                                                                                 \
    X(debugctl)                                                                                    \
    X(spec_ctrl)                                                                                   \
    X(mtrr_def_type)                                                                               \
    X(mcg_status)                                                                                  \
    X(tsc_adjust)                                                                                  \
    X(kvm_system_time)                                                                             \
    X(kvm_wall_clock)                                                                              \
    X(kvm_async_pf)                                                                                \
    X(kvm_steal_time)                                                                              \
    X(kvm_eoi)                                                                                     \
    X(kvm_poll_control)

static void events_out(const struct cpu *cpu, struct vcpu_events *ret_events)
{
    uint32_t attention = __atomic_load_n(&cpu->attention, __ATOMIC_SEQ_CST);

    *ret_events = (struct vcpu_events){
        .exception_pending = cpu->fault.pending,
        .exception_has_error = cpu->fault.has_error,
        .exception_vector = cpu->fault.vector,
        .exception_error = cpu->fault.error,
        .interrupt_injected = cpu->injected,
        .interrupt_vector = cpu->injected_vector,
        .interrupt_shadow = cpu->shadow != CPU_SHADOW_NONE,
        .nmi_pending = cpu->nmi_pending > 0 || (attention & CPU_ATT_NMI) != 0,
        .nmi_masked = cpu->nmi_masked,
        .init_pending = (attention & CPU_ATT_INIT) != 0,
        .sipi_pending = (attention & CPU_ATT_SIPI) != 0,
        .sipi_vector = __atomic_load_n(&cpu->sipi_vector, __ATOMIC_SEQ_CST),
    };
}

int cpu_get_state(struct vcpu *vcpu, struct vcpu_state *ret_state)
{
    struct cpu *cpu = cpu_of(vcpu);
    struct vcpu_state *s = ret_state;

    cpu_pv_eoi_settle(cpu);
    memset(s, 0, sizeof *s);
    memcpy(s->gpr, cpu->gpr, sizeof s->gpr);
    s->rflags = cpu_rflags(cpu);
    for (unsigned i = 0; i < 6; i++) {
        s->segments[i] = segment_out(&cpu->segments[i]);
    }
    s->ldtr = segment_out(&cpu->ldtr);
    s->tr = segment_out(&cpu->tr);
    s->gdtr.base = cpu->gdtr.base;
    s->gdtr.limit = cpu->gdtr.limit;
    s->idtr.base = cpu->idtr.base;
    s->idtr.limit = cpu->idtr.limit;
#define X(name) s->name = cpu->name;
    PLAIN_REGISTERS(X)
#undef X
    s->cr8 = vcpu_lapic_cr8(&cpu->lapic);
    memcpy(s->dr, cpu->dr, sizeof s->dr);
    memcpy(s->mtrr_fixed, cpu->mtrr_fixed, sizeof s->mtrr_fixed);
    memcpy(s->mtrr, cpu->mtrr, sizeof s->mtrr);
    s->tsc = cpu_tsc(cpu);
    s->tsc_khz = cpu->tsc_khz;
    vcpu_lapic_save(&cpu->lapic, s);
    s->activity = cpu->activity;
    events_out(cpu, &s->events);
    cpu_fpu_get(cpu, s->xsave);
    return 0;
}

/* ---- checks ---- */

static int wrong(struct st_err *err, const char *name, uint64_t value)
{
    return st_fail(err, ST_EINVAL, "%s: no CPU can have the value %#llx", name,
                   (unsigned long long)value);
}

static int check_control(const struct cpu *cpu, const struct vcpu_state *s, struct st_err *err)
{
    bool pg = (s->cr0 & X86_CR0_PG) != 0;
    bool lma = (s->efer & X86_EFER_LMA) != 0;

    if (s->cr0 >> 32 != 0 || (pg && (s->cr0 & X86_CR0_PE) == 0) ||
        ((s->cr0 & X86_CR0_NW) != 0 && (s->cr0 & X86_CR0_CD) == 0)) {
        return wrong(err, "cr0", s->cr0);
    }
    if ((s->cr4 & ~cpu_cr4_allowed(cpu)) != 0) {
        return st_fail(err, ST_EUNSUPPORTED, "cr4: this CPU does not have all bits of %#llx",
                       (unsigned long long)s->cr4);
    }
    if ((s->efer & ~cpu_efer_allowed(cpu)) != 0) {
        return st_fail(err, ST_EUNSUPPORTED, "efer: this CPU does not have all bits of %#llx",
                       (unsigned long long)s->efer);
    }
    if (lma != (pg && (s->efer & X86_EFER_LME) != 0)) {
        return wrong(err, "efer", s->efer);
    }
    if ((lma && (s->cr4 & X86_CR4_PAE) == 0) || (!lma && (s->cr4 & X86_CR4_PCIDE) != 0)) {
        return wrong(err, "cr4", s->cr4);
    }
    if ((s->cr3 & ~CPU_PHYSICAL_MASK) != 0) {
        return wrong(err, "cr3", s->cr3);
    }
    if (s->pkru >> 32 != 0 || s->pkrs >> 32 != 0) {
        return st_fail(err, ST_EINVAL, "pkru or pkrs: bits above 31");
    }
    if (!cpu_xcr0_valid(cpu, s->xcr0)) {
        return st_fail(err, ST_EUNSUPPORTED, "xcr0: this CPU does not have all bits of %#llx",
                       (unsigned long long)s->xcr0);
    }
    if (s->dr6 >> 32 != 0 || s->dr7 >> 32 != 0) {
        return wrong(err, "dr7", s->dr7);
    }
    return 0;
}

static int check_segments(const struct vcpu_state *s, struct st_err *err)
{
    bool pe = (s->cr0 & X86_CR0_PE) != 0;
    bool lma = (s->efer & X86_EFER_LMA) != 0;
    bool vm = (s->rflags & X86_VM) != 0;
    uint16_t cs = s->segments[X86_CS].attributes;

    if ((s->rflags & 2) == 0 || (s->rflags & ~(uint64_t)0x3f7fd7) != 0 || (vm && (!pe || lma))) {
        return wrong(err, "rflags", s->rflags);
    }
    if (pe && !vm &&
        (cs & (X86_SEG_P | X86_SEG_S | X86_SEG_CODE)) != (X86_SEG_P | X86_SEG_S | X86_SEG_CODE)) {
        return wrong(err, "cs", cs);
    }
    if (lma && (cs & (X86_SEG_L | X86_SEG_DB)) == (X86_SEG_L | X86_SEG_DB)) {
        return wrong(err, "cs", cs);
    }
    for (unsigned i = 0; i < 6; i++) {
        if (lma ? !cpu_canonical(s->segments[i].base) : s->segments[i].base >> 32 != 0) {
            return wrong(err, "a segment's base", s->segments[i].base);
        }
    }
    if (lma && (cs & X86_SEG_L) != 0 ? !cpu_canonical(s->rip) : s->rip >> 32 != 0) {
        return wrong(err, "rip", s->rip);
    }
    if (!cpu_canonical(s->gdtr.base) || !cpu_canonical(s->idtr.base) ||
        !cpu_canonical(s->tr.base) || !cpu_canonical(s->ldtr.base) ||
        !cpu_canonical(s->kernel_gs_base)) {
        return wrong(err, "gdtr, idtr, tr or ldtr", s->gdtr.base);
    }
    return 0;
}

static int check_rest(const struct cpu *cpu, const struct vcpu_state *s, struct st_err *err)
{
    if (s->tsc_khz != 0 && s->tsc_khz != cpu->tsc_khz && s->tsc_khz < 1000) {
        return wrong(err, "tsc_khz", s->tsc_khz);
    }
    if (s->cr8 > 15) {
        return wrong(err, "cr8", s->cr8);
    }
    switch (s->activity) {
    case VCPU_RUNNING:
    case VCPU_HALTED:
    case VCPU_WAIT_FOR_SIPI:
    case VCPU_SHUT_DOWN:
        break;
    default:
        return wrong(err, "activity", s->activity);
    }
    if (s->events.exception_pending && s->events.exception_vector > 31) {
        return wrong(err, "the pending exception", s->events.exception_vector);
    }
    return 0;
}

/* ---- in ---- */

/* Registers that INIT resets too. */
static void load_core(struct cpu *cpu, const struct vcpu_state *s)
{
    bool vm = (s->rflags & X86_VM) != 0;

    memcpy(cpu->gpr, s->gpr, sizeof s->gpr);
    cpu->rip = s->rip;
    cpu_set_rflags(cpu, s->rflags, ~0ull);
    for (unsigned i = 0; i < 6; i++) {
        cpu->segments[i] = segment_in(&s->segments[i]);
    }
    cpu->ldtr = segment_in(&s->ldtr);
    cpu->tr = segment_in(&s->tr);
    cpu->gdtr = (struct cpu_table){s->gdtr.base, s->gdtr.limit};
    cpu->idtr = (struct cpu_table){s->idtr.base, s->idtr.limit};
    cpu->cr0 = s->cr0 | X86_CR0_ET;
    cpu->cr2 = s->cr2;
    cpu->cr3 = s->cr3;
    cpu->cr4 = s->cr4;
    cpu->efer = s->efer;
    memcpy(cpu->dr, s->dr, sizeof cpu->dr);
    cpu->dr6 = s->dr6;
    cpu->dr7 = s->dr7;
    if ((s->cr0 & X86_CR0_PE) == 0) {
        cpu->cpl = 0;
    } else {
        cpu->cpl = vm ? 3 : s->segments[X86_SS].attributes >> X86_SEG_DPL_SHIFT & 3;
    }
    cpu->fault.pending = false;
    cpu->trapped_dr6 = 0;
    cpu->shadow = CPU_SHADOW_NONE;
    cpu->kvm_eoi_offered = false;
    cpu_mode_update(cpu);
    cpu_tlb_clear(cpu);
    cpu_watch_update(cpu);
}

static void events_in(struct cpu *cpu, const struct vcpu_events *events)
{
    uint32_t bits = CPU_ATT_IRQ;

    __atomic_fetch_and(&cpu->attention, CPU_ATT_STEP, __ATOMIC_SEQ_CST);
    cpu->fault = (struct cpu_fault){
        .pending = events->exception_pending,
        .has_error = events->exception_has_error,
        .vector = events->exception_vector,
        .error = events->exception_error,
        .cr2 = cpu->cr2,
    };
    cpu->injected = events->interrupt_injected;
    cpu->injected_vector = events->interrupt_vector;
    cpu->shadow = events->interrupt_shadow ? CPU_SHADOW_STI : CPU_SHADOW_NONE;
    cpu->nmi_pending = events->nmi_pending ? 1 : 0;
    cpu->nmi_masked = events->nmi_masked;
    cpu->interrupt_waiting = false;
    __atomic_store_n(&cpu->sipi_vector, events->sipi_vector, __ATOMIC_SEQ_CST);
    bits |= events->init_pending ? CPU_ATT_INIT : 0;
    bits |= events->sipi_pending ? CPU_ATT_SIPI : 0;
    cpu_attend(cpu, bits);
}

static void clocks_in(struct cpu *cpu, const struct vcpu_state *s)
{
    if (s->tsc_khz != 0) {
        cpu_tsc_frequency(cpu, s->tsc_khz);
        cpu->tsc_offset += s->tsc - cpu_tsc(cpu);
    }
    vcpu_lapic_load(&cpu->lapic, s);
    vcpu_lapic_set_cr8(&cpu->lapic, (uint8_t)s->cr8);
    if (s->tsc_deadline != 0) {
        cpu_tsc_deadline(cpu, s->tsc_deadline);
    }
}

int cpu_set_state(struct vcpu *vcpu, const struct vcpu_state *state, struct st_err *err)
{
    struct cpu *cpu = cpu_of(vcpu);
    const struct vcpu_state *s = state;
    int r = check_control(cpu, s, err);

    if (r >= 0) {
        r = check_segments(s, err);
    }
    if (r >= 0) {
        r = check_rest(cpu, s, err);
    }
    if (r < 0) {
        return r;
    }
#define X(name) cpu->name = s->name;
    PLAIN_REGISTERS(X)
#undef X
    memcpy(cpu->mtrr_fixed, s->mtrr_fixed, sizeof cpu->mtrr_fixed);
    memcpy(cpu->mtrr, s->mtrr, sizeof cpu->mtrr);
    cpu_fpu_set(cpu, s->xsave);
    load_core(cpu, s);
    if (!cpu->long_mode && (cpu->cr0 & X86_CR0_PG) != 0 && (cpu->cr4 & X86_CR4_PAE) != 0) {
        (void)cpu_load_pdptes(cpu, cpu->cr3);
    }
    clocks_in(cpu, s);
    __atomic_store_n(&cpu->activity, s->activity, __ATOMIC_SEQ_CST);
    events_in(cpu, &s->events);
    return 0;
}

void cpu_init_reset(struct cpu *cpu)
{
    struct vcpu_state state;
    uint64_t caching = cpu->cr0 & (X86_CR0_CD | X86_CR0_NW);
    bool boot = (cpu->lapic.apic_base & X86_APIC_BASE_BSP) != 0;

    vcpu_state_reset(&state, cpu->vcpu.apic_id, boot);
    state.cr0 = (state.cr0 & ~(uint64_t)(X86_CR0_CD | X86_CR0_NW)) | caching;
    load_core(cpu, &state);
    cpu->nmi_pending = 0;
    cpu->nmi_masked = false;
    cpu->interrupt_waiting = false;
    cpu->kvm_eoi = 0;
    cpu_guest_leave(cpu);
    vcpu_lapic_reset(&cpu->lapic);
    cpu_guest_enter(cpu);
    __atomic_store_n(&cpu->activity, state.activity, __ATOMIC_SEQ_CST);
}
