/*
 * The state of a KVM vCPU as src/vcpu has it, both ways. Each group of registers is a call of its
 * own; MSRs are read and written one at a time, so that one that this kernel does not know costs
 * only itself.
 */
#include <string.h>

#include "base/attr.h"
#include "vmm/kvm/vmm_kvm_priv.h"
#include "x86/x86_regs.h"

/* ---- general registers, segments, control registers ---- */

static struct kvm_segment segment_to_kvm(const struct vcpu_segment *from)
{
    uint16_t a = from->attributes;
    return (struct kvm_segment){
        .base = from->base,
        .limit = from->limit,
        .selector = from->selector,
        .type = a & 15,
        .s = a >> 4 & 1,
        .dpl = a >> 5 & 3,
        .present = a >> 7 & 1,
        .avl = a >> 12 & 1,
        .l = a >> 13 & 1,
        .db = a >> 14 & 1,
        .g = a >> 15 & 1,
        .unusable = !(a >> 7 & 1),
    };
}

static struct vcpu_segment segment_from_kvm(const struct kvm_segment *from)
{
    unsigned a = from->type | from->s << 4 | from->dpl << 5 |
                 (unsigned)(from->present && !from->unusable) << 7 | from->avl << 12 |
                 from->l << 13 | from->db << 14 | from->g << 15;
    return (struct vcpu_segment){.base = from->base,
                                 .limit = from->limit,
                                 .selector = from->selector,
                                 .attributes = (uint16_t)a};
}

/* KVM's members in the order of enum x86_gpr and enum x86_seg (ES, CS, SS, DS, FS, GS). */
static const uint16_t gpr_at[16] = {
    offsetof(struct kvm_regs, rax), offsetof(struct kvm_regs, rcx), offsetof(struct kvm_regs, rdx),
    offsetof(struct kvm_regs, rbx), offsetof(struct kvm_regs, rsp), offsetof(struct kvm_regs, rbp),
    offsetof(struct kvm_regs, rsi), offsetof(struct kvm_regs, rdi), offsetof(struct kvm_regs, r8),
    offsetof(struct kvm_regs, r9),  offsetof(struct kvm_regs, r10), offsetof(struct kvm_regs, r11),
    offsetof(struct kvm_regs, r12), offsetof(struct kvm_regs, r13), offsetof(struct kvm_regs, r14),
    offsetof(struct kvm_regs, r15),
};
static const uint16_t segment_at[6] = {
    offsetof(struct kvm_sregs, es), offsetof(struct kvm_sregs, cs), offsetof(struct kvm_sregs, ss),
    offsetof(struct kvm_sregs, ds), offsetof(struct kvm_sregs, fs), offsetof(struct kvm_sregs, gs),
};

static int get_registers(int fd, struct vcpu_state *state)
{
    struct kvm_regs regs = {0};
    int r = vmm_kvm_call(fd, KVM_GET_REGS, &regs);
    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < 16; i++) {
        memcpy(&state->gpr[i], (const char *)&regs + gpr_at[i], sizeof state->gpr[i]);
    }
    state->rip = regs.rip;
    state->rflags = regs.rflags;
    return 0;
}

static int set_registers(int fd, const struct vcpu_state *state)
{
    enum { BREAKPOINT = 3 };
    /* KVM delivers #BP as INT3's, and moves over the instruction itself. */
    bool over = state->events.exception_pending && state->events.exception_vector == BREAKPOINT;
    struct kvm_regs regs = {.rip = state->rip - over, .rflags = state->rflags};
    for (unsigned i = 0; i < 16; i++) {
        memcpy((char *)&regs + gpr_at[i], &state->gpr[i], sizeof state->gpr[i]);
    }
    return vmm_kvm_call(fd, KVM_SET_REGS, &regs);
}

static int get_system(int fd, struct vcpu_state *state)
{
    struct kvm_sregs sregs = {0};
    int r = vmm_kvm_call(fd, KVM_GET_SREGS, &sregs);
    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < 6; i++) {
        struct kvm_segment segment;
        memcpy(&segment, (const char *)&sregs + segment_at[i], sizeof segment);
        state->segments[i] = segment_from_kvm(&segment);
    }
    state->ldtr = segment_from_kvm(&sregs.ldt);
    state->tr = segment_from_kvm(&sregs.tr);
    state->gdtr.base = sregs.gdt.base;
    state->gdtr.limit = sregs.gdt.limit;
    state->idtr.base = sregs.idt.base;
    state->idtr.limit = sregs.idt.limit;
    state->cr0 = sregs.cr0;
    state->cr2 = sregs.cr2;
    state->cr3 = sregs.cr3;
    state->cr4 = sregs.cr4;
    state->cr8 = sregs.cr8;
    state->efer = sregs.efer;
    state->apic_base = sregs.apic_base;
    return 0;
}

static int set_system(int fd, const struct vcpu_state *state)
{
    struct kvm_sregs sregs = {
        .ldt = segment_to_kvm(&state->ldtr),
        .tr = segment_to_kvm(&state->tr),
        .gdt = {.base = state->gdtr.base, .limit = state->gdtr.limit},
        .idt = {.base = state->idtr.base, .limit = state->idtr.limit},
        .cr0 = state->cr0,
        .cr2 = state->cr2,
        .cr3 = state->cr3,
        .cr4 = state->cr4,
        .cr8 = state->cr8,
        .efer = state->efer,
        .apic_base = state->apic_base,
    };
    for (unsigned i = 0; i < 6; i++) {
        struct kvm_segment segment = segment_to_kvm(&state->segments[i]);
        memcpy((char *)&sregs + segment_at[i], &segment, sizeof segment);
    }
    return vmm_kvm_call(fd, KVM_SET_SREGS, &sregs);
}

static int get_extended(int fd, struct vcpu_state *state)
{
    struct kvm_xcrs xcrs = {0};
    struct kvm_debugregs debug = {0};
    int r = vmm_kvm_call(fd, KVM_GET_XCRS, &xcrs);
    r = r < 0 ? r : vmm_kvm_call(fd, KVM_GET_XSAVE, state->xsave);
    r = r < 0 ? r : vmm_kvm_call(fd, KVM_GET_DEBUGREGS, &debug);
    for (unsigned i = 0; i < xcrs.nr_xcrs && i < KVM_MAX_XCRS; i++) {
        state->xcr0 = xcrs.xcrs[i].xcr == 0 ? xcrs.xcrs[i].value : state->xcr0;
    }
    memcpy(state->dr, debug.db, sizeof state->dr);
    state->dr6 = debug.dr6;
    state->dr7 = debug.dr7;
    return r;
}

static int set_extended(int fd, const struct vcpu_state *state)
{
    struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs = {{.xcr = 0, .value = state->xcr0}}};
    struct kvm_debugregs debug = {.dr6 = state->dr6, .dr7 = state->dr7};
    memcpy(debug.db, state->dr, sizeof state->dr);
    int r = vmm_kvm_call(fd, KVM_SET_XCRS, &xcrs);
    r = r < 0 ? r : vmm_kvm_call(fd, KVM_SET_XSAVE, state->xsave);
    return r < 0 ? r : vmm_kvm_call(fd, KVM_SET_DEBUGREGS, &debug);
}

/* ---- MSRs ---- */

static int get_msr(int fd, uint32_t index, uint64_t *ret_value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } msr = {.head.nmsrs = 1, .entry.index = index};
    int r = vmm_kvm_call(fd, KVM_GET_MSRS, &msr);
    *ret_value = r == 1 ? msr.entry.data : 0;
    return r == 1 ? 0 : -ST_EUNSUPPORTED;
}

static int set_msr(int fd, uint32_t index, uint64_t value)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry entry;
    } msr = {.head.nmsrs = 1, .entry = {.index = index, .data = value}};
    int r = vmm_kvm_call(fd, KVM_SET_MSRS, &msr);
    return r == 1 ? 0 : -ST_EUNSUPPORTED;
}

static const struct {
    uint32_t index;
    uint32_t at; /* in struct vcpu_state */
} msrs[] = {
    {X86_MSR_STAR, offsetof(struct vcpu_state, star)},
    {X86_MSR_LSTAR, offsetof(struct vcpu_state, lstar)},
    {X86_MSR_CSTAR, offsetof(struct vcpu_state, cstar)},
    {X86_MSR_SFMASK, offsetof(struct vcpu_state, sfmask)},
    {X86_MSR_KERNEL_GS_BASE, offsetof(struct vcpu_state, kernel_gs_base)},
    {X86_MSR_SYSENTER_CS, offsetof(struct vcpu_state, sysenter_cs)},
    {X86_MSR_SYSENTER_ESP, offsetof(struct vcpu_state, sysenter_esp)},
    {X86_MSR_SYSENTER_EIP, offsetof(struct vcpu_state, sysenter_eip)},
    {X86_MSR_PAT, offsetof(struct vcpu_state, pat)},
    {X86_MSR_TSC_AUX, offsetof(struct vcpu_state, tsc_aux)},
    {X86_MSR_MISC_ENABLE, offsetof(struct vcpu_state, misc_enable)},
    {X86_MSR_DEBUGCTL, offsetof(struct vcpu_state, debugctl)},
    {X86_MSR_SPEC_CTRL, offsetof(struct vcpu_state, spec_ctrl)},
    {X86_MSR_MTRR_DEF_TYPE, offsetof(struct vcpu_state, mtrr_def_type)},
    {X86_MSR_MTRR_FIX_64K_00000, offsetof(struct vcpu_state, mtrr_fixed[0])},
    {X86_MSR_MTRR_FIX_16K_80000, offsetof(struct vcpu_state, mtrr_fixed[1])},
    {X86_MSR_MTRR_FIX_16K_A0000, offsetof(struct vcpu_state, mtrr_fixed[2])},
    {X86_MSR_MTRR_FIX_4K_C0000, offsetof(struct vcpu_state, mtrr_fixed[3])},
    {X86_MSR_MTRR_FIX_4K_C0000 + 1, offsetof(struct vcpu_state, mtrr_fixed[4])},
    {X86_MSR_MTRR_FIX_4K_C0000 + 2, offsetof(struct vcpu_state, mtrr_fixed[5])},
    {X86_MSR_MTRR_FIX_4K_C0000 + 3, offsetof(struct vcpu_state, mtrr_fixed[6])},
    {X86_MSR_MTRR_FIX_4K_C0000 + 4, offsetof(struct vcpu_state, mtrr_fixed[7])},
    {X86_MSR_MTRR_FIX_4K_C0000 + 5, offsetof(struct vcpu_state, mtrr_fixed[8])},
    {X86_MSR_MTRR_FIX_4K_C0000 + 6, offsetof(struct vcpu_state, mtrr_fixed[9])},
    {X86_MSR_MTRR_FIX_4K_C0000 + 7, offsetof(struct vcpu_state, mtrr_fixed[10])},
    {X86_MSR_MCG_STATUS, offsetof(struct vcpu_state, mcg_status)},
    {X86_MSR_KVM_SYSTEM_TIME, offsetof(struct vcpu_state, kvm_system_time)},
    {X86_MSR_KVM_WALL_CLOCK, offsetof(struct vcpu_state, kvm_wall_clock)},
    {X86_MSR_KVM_ASYNC_PF, offsetof(struct vcpu_state, kvm_async_pf)},
    {X86_MSR_KVM_STEAL_TIME, offsetof(struct vcpu_state, kvm_steal_time)},
    {X86_MSR_KVM_EOI, offsetof(struct vcpu_state, kvm_eoi)},
    {X86_MSR_KVM_POLL_CONTROL, offsetof(struct vcpu_state, kvm_poll_control)},
    /* After the local APIC, whose timer's mode it needs. */
    {X86_MSR_TSC_DEADLINE, offsetof(struct vcpu_state, tsc_deadline)},
};

static void get_msrs(int fd, struct vcpu_state *state)
{
    for (size_t i = 0; i < ST_COUNT(msrs); i++) {
        uint64_t value;
        (void)get_msr(fd, msrs[i].index, &value);
        memcpy((char *)state + msrs[i].at, &value, sizeof value);
    }
    for (uint32_t i = 0; i < VCPU_MTRR_VARIABLE; i++) {
        (void)get_msr(fd, X86_MSR_MTRR_PHYS_BASE0 + 2 * i, &state->mtrr[i].base);
        (void)get_msr(fd, X86_MSR_MTRR_PHYS_MASK0 + 2 * i, &state->mtrr[i].mask);
    }
    (void)get_msr(fd, X86_MSR_TSC, &state->tsc);
    (void)get_msr(fd, X86_MSR_TSC_ADJUST, &state->tsc_adjust);
    int khz = vmm_kvm_call(fd, KVM_GET_TSC_KHZ, NULL);
    state->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
}

/* A value other than what a register that is not there reads as must be taken. */
static int must_set_msr(int fd, uint32_t index, uint64_t value, struct st_err *err)
{
    uint64_t now;
    bool there = get_msr(fd, index, &now) >= 0;
    /* What is so already is not written: kernels log writes that they do not know. */
    if ((there || value == 0) && now == value) {
        return 0;
    }
    if (set_msr(fd, index, value) >= 0) {
        return 0;
    }
    /* What tells a guest about the CPU rather than being set by it may differ. */
    if (index == X86_MSR_MISC_ENABLE || index == X86_MSR_KVM_POLL_CONTROL) {
        return 0;
    }
    return st_fail(err, ST_EUNSUPPORTED, "KVM does not take MSR %x = %llx", index,
                   (unsigned long long)value);
}

static int set_msrs(int fd, const struct vcpu_state *state, struct st_err *err)
{
    int r = 0;
    for (size_t i = 0; r >= 0 && i < ST_COUNT(msrs); i++) {
        uint64_t value;
        memcpy(&value, (const char *)state + msrs[i].at, sizeof value);
        r = must_set_msr(fd, msrs[i].index, value, err);
    }
    for (uint32_t i = 0; r >= 0 && i < VCPU_MTRR_VARIABLE; i++) {
        r = must_set_msr(fd, X86_MSR_MTRR_PHYS_BASE0 + 2 * i, state->mtrr[i].base, err);
        r = r < 0 ? r : must_set_msr(fd, X86_MSR_MTRR_PHYS_MASK0 + 2 * i, state->mtrr[i].mask, err);
    }
    if (r >= 0 && state->tsc_khz != 0) { /* else the clock is the implementation's */
        r = must_set_msr(fd, X86_MSR_TSC_ADJUST, state->tsc_adjust, err);
        (void)set_msr(fd, X86_MSR_TSC, state->tsc);
    }
    return r;
}

/* ---- local APIC, activity, events ---- */

static int get_activity(int fd, struct vcpu_state *state)
{
    struct kvm_mp_state mp = {0};
    struct kvm_vcpu_events events = {0};
    int r = vmm_kvm_call(fd, KVM_GET_MP_STATE, &mp);
    r = r < 0 ? r : vmm_kvm_call(fd, KVM_GET_LAPIC, state->lapic);
    r = r < 0 ? r : vmm_kvm_call(fd, KVM_GET_VCPU_EVENTS, &events);
    if (r < 0) {
        return r;
    }
    state->activity =
        mp.mp_state == KVM_MP_STATE_HALTED ? VCPU_HALTED
        : mp.mp_state == KVM_MP_STATE_UNINITIALIZED || mp.mp_state == KVM_MP_STATE_INIT_RECEIVED
            ? VCPU_WAIT_FOR_SIPI
            : VCPU_RUNNING;
    state->events = (struct vcpu_events){
        .exception_pending = events.exception.injected || events.exception.pending,
        .exception_has_error = events.exception.has_error_code,
        .exception_vector = events.exception.nr,
        .exception_error = events.exception.error_code,
        .interrupt_injected = events.interrupt.injected,
        .interrupt_soft = events.interrupt.soft,
        .interrupt_vector = events.interrupt.nr,
        .interrupt_shadow = events.interrupt.shadow != 0,
        .nmi_pending = events.nmi.pending || events.nmi.injected,
        .nmi_masked = events.nmi.masked,
        .sipi_pending = mp.mp_state == KVM_MP_STATE_SIPI_RECEIVED,
        .sipi_vector = (uint8_t)events.sipi_vector,
    };
    return 0;
}

static int set_activity(int fd, const struct vcpu_state *state)
{
    static const uint32_t kvm_states[] = {
        [VCPU_RUNNING] = KVM_MP_STATE_RUNNABLE,
        [VCPU_HALTED] = KVM_MP_STATE_HALTED,
        [VCPU_WAIT_FOR_SIPI] = KVM_MP_STATE_INIT_RECEIVED,
        [VCPU_SHUT_DOWN] = KVM_MP_STATE_RUNNABLE,
    };
    const struct vcpu_events *e = &state->events;
    struct kvm_mp_state mp = {.mp_state = e->sipi_pending ? KVM_MP_STATE_SIPI_RECEIVED
                                                          : kvm_states[state->activity]};
    struct kvm_vcpu_events events = {
        .exception = {.injected = e->exception_pending,
                      .nr = e->exception_vector,
                      .has_error_code = e->exception_has_error,
                      .error_code = e->exception_error},
        .interrupt = {.injected = e->interrupt_injected,
                      .nr = e->interrupt_vector,
                      .soft = e->interrupt_soft,
                      .shadow = e->interrupt_shadow ? KVM_X86_SHADOW_INT_MOV_SS : 0},
        .nmi = {.pending = e->nmi_pending, .masked = e->nmi_masked},
        .sipi_vector = e->sipi_vector,
        .flags = KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR |
                 KVM_VCPUEVENT_VALID_SHADOW,
    };
    int r = vmm_kvm_call(fd, KVM_SET_MP_STATE, &mp);
    return r < 0 ? r : vmm_kvm_call(fd, KVM_SET_VCPU_EVENTS, &events);
}

int vmm_kvm_get_state(struct vcpu *vcpu, struct vcpu_state *ret_state)
{
    struct kvm_cpu *cpu = kvm_cpu_of(vcpu);
    memset(ret_state, 0, sizeof *ret_state);
    int r = get_registers(cpu->fd, ret_state);
    r = r < 0 ? r : get_system(cpu->fd, ret_state);
    r = r < 0 ? r : get_extended(cpu->fd, ret_state);
    r = r < 0 ? r : get_activity(cpu->fd, ret_state);
    if (r >= 0) {
        get_msrs(cpu->fd, ret_state);
    }
    return r < 0 ? r : 0;
}

int vmm_kvm_set_state(struct vcpu *vcpu, const struct vcpu_state *state, struct st_err *err)
{
    struct kvm_cpu *cpu = kvm_cpu_of(vcpu);
    /* The local APIC's page is read in the format of the mode that APIC_BASE says. */
    int r = set_system(cpu->fd, state);
    r = r < 0 ? r : set_registers(cpu->fd, state);
    r = r < 0 ? r : set_extended(cpu->fd, state);
    r = r < 0 ? r : vmm_kvm_call(cpu->fd, KVM_SET_LAPIC, state->lapic);
    if (r < 0) {
        return st_fail_os(err, r, "KVM does not take the state of vCPU %u", vcpu->index);
    }
    r = set_msrs(cpu->fd, state, err);
    if (r < 0) {
        return r;
    }
    r = set_activity(cpu->fd, state);
    return r < 0 ? st_fail_os(err, r, "KVM does not take the activity of vCPU %u", vcpu->index) : 0;
}
