/*
 * The outer loop of a software CPU. Each turn looks at what others want (the attention word),
 * delivers what is due in the order of the manual (SDM 3A table 6-2: traps of the last instruction,
 * NMI, interrupts, faults of the next), then runs instructions until the next turn is needed.
 *
 * An event that comes while instructions run stores 0 into run_limit, so that cpu_code_run returns
 * at its next look; the loop arms run_limit before it reads the attention word, so none is missed.
 */
#include "cpu/cpu_run.h"

#include "cpu/cpu_lapic.h"
#include "cpu/cpu_sys.h"
#include "cpu/interpreter/cpu_fpu.h"

/* How a turn ends. */
enum turn { TURN_ON, TURN_EXIT };

static enum turn leave(struct vcpu_exit *ret_exit, enum vcpu_exit_reason reason)
{
    ret_exit->reason = reason;
    return TURN_EXIT;
}

static uint64_t linear_rip(const struct cpu *cpu)
{
    return (cpu->segments[X86_CS].linear_base + cpu->rip) & cpu->linear_mask;
}

static enum turn shut_down(struct cpu *cpu, struct vcpu_exit *ret_exit)
{
    __atomic_store_n(&cpu->activity, VCPU_SHUT_DOWN, __ATOMIC_SEQ_CST);
    return leave(ret_exit, VCPU_EXIT_SHUTDOWN);
}

/* Takes bits out of the attention word. */
static bool take(struct cpu *cpu, uint32_t bit)
{
    return (__atomic_fetch_and(&cpu->attention, ~bit, __ATOMIC_SEQ_CST) & bit) != 0;
}

static void set_activity(struct cpu *cpu, enum vcpu_activity activity)
{
    __atomic_store_n(&cpu->activity, activity, __ATOMIC_SEQ_CST);
}

/* ---- what others want ---- */

static void start_up(struct cpu *cpu)
{
    uint8_t vector = __atomic_load_n(&cpu->sipi_vector, __ATOMIC_SEQ_CST);

    if (cpu->activity == VCPU_WAIT_FOR_SIPI) {
        cpu_segment_real(cpu, X86_CS, (uint16_t)(vector << 8));
        cpu->rip = 0;
        cpu_mode_update(cpu);
        set_activity(cpu, VCPU_RUNNING);
    }
}

/* Whether an interrupt is there that the CPU would take with IF set. */
static bool interrupt_there(struct cpu *cpu)
{
    return vcpu_lapic_pic_pending(&cpu->lapic) || vcpu_lapic_pending(&cpu->lapic) >= 0;
}

/* One is latched beside the one that is about to be delivered, or that is handled just now. */
static void latch_nmis(struct cpu *cpu)
{
    uint32_t arrived = __atomic_exchange_n(&cpu->nmi_arrived, 0, __ATOMIC_SEQ_CST);
    uint32_t room = cpu->nmi_masked ? 1 : 2;

    cpu->nmi_pending = (uint8_t)ST_MIN(cpu->nmi_pending + arrived, room);
}

/* The bits that need something done. */
static enum turn attend(struct cpu *cpu, uint32_t bits, struct vcpu_exit *ret_exit)
{
    if ((bits & CPU_ATT_PAUSE) != 0 && take(cpu, CPU_ATT_PAUSE)) {
        cpu_guest_leave(cpu);
        cpu_guest_enter(cpu);
    }
    if ((bits & CPU_ATT_INIT) != 0 && take(cpu, CPU_ATT_INIT)) {
        if (cpu->activity == VCPU_SHUT_DOWN) {
            return leave(ret_exit, VCPU_EXIT_SHUTDOWN);
        }
        cpu_init_reset(cpu);
    }
    if ((bits & CPU_ATT_SIPI) != 0 && take(cpu, CPU_ATT_SIPI)) {
        start_up(cpu);
    }
    if ((bits & CPU_ATT_NMI) != 0 && take(cpu, CPU_ATT_NMI)) {
        latch_nmis(cpu);
    }
    if ((bits & CPU_ATT_IRQ) != 0 && take(cpu, CPU_ATT_IRQ)) {
        cpu_pv_eoi_settle(cpu);
        cpu->interrupt_waiting = interrupt_there(cpu);
    }
    if ((bits & CPU_ATT_KICK) != 0 && take(cpu, CPU_ATT_KICK)) {
        cpu->vcpu.counters.exits[VCPU_COUNT_KICK]++;
        return leave(ret_exit, VCPU_EXIT_KICKED);
    }
    return TURN_ON;
}

/* ---- deliveries ---- */

static enum turn deliver_fault(struct cpu *cpu, struct vcpu_exit *ret_exit)
{
    cpu->shadow = CPU_SHADOW_NONE;
    return cpu_deliver_fault(cpu) ? TURN_ON : shut_down(cpu, ret_exit);
}

static enum turn deliver_external(struct cpu *cpu, uint8_t vector, struct vcpu_exit *ret_exit)
{
    struct cpu_interrupt interrupt = {
        .vector = vector,
        .kind = CPU_EXTERNAL,
        .rip = cpu->rip,
        .rflags = cpu_rflags(cpu),
    };

    set_activity(cpu, VCPU_RUNNING);
    cpu->vcpu.counters.exits[VCPU_COUNT_INTERRUPT]++;
    return cpu_interrupt(cpu, &interrupt) ? TURN_ON : deliver_fault(cpu, ret_exit);
}

static int acknowledge_pic(struct cpu *cpu)
{
    const struct vcpu_bus *bus = &cpu->vcpu.set->bus;
    int vector;

    cpu_guest_leave(cpu);
    vector = bus->pic_acknowledge(bus->machine);
    cpu_guest_enter(cpu);
    return vector;
}

static enum turn take_interrupt(struct cpu *cpu, struct vcpu_exit *ret_exit)
{
    enum turn turn = TURN_ON;
    int vector;

    cpu_pv_eoi_settle(cpu);
    if (vcpu_lapic_pic_pending(&cpu->lapic)) {
        vector = acknowledge_pic(cpu);
    } else {
        vector = vcpu_lapic_acknowledge(&cpu->lapic);
    }
    if (vector >= 0) {
        turn = deliver_external(cpu, (uint8_t)vector, ret_exit);
        cpu_pv_eoi_offer(cpu);
    }
    cpu->interrupt_waiting = interrupt_there(cpu);
    return turn;
}

/* Breakpoints and steps that are due after an instruction: the debugger's leave, the guest's are
 * delivered. */
static enum turn deliver_trap(struct cpu *cpu, struct vcpu_exit *ret_exit)
{
    uint64_t debugger = cpu->trapped_dr6 >> 32;
    uint64_t guest = cpu->trapped_dr6 & 0xffffffffu;
    bool int3 = cpu->debug_int3;

    cpu->trapped_dr6 = 0;
    cpu->debug_int3 = false;
    if (guest != 0) {
        set_activity(cpu, VCPU_RUNNING);
        cpu_raise(cpu, CPU_DB);
        cpu->fault.dr6 = guest;
        if (!cpu_deliver_fault(cpu)) {
            return shut_down(cpu, ret_exit);
        }
    }
    if (debugger != 0 || int3) {
        ret_exit->debug.rip = linear_rip(cpu);
        ret_exit->debug.dr6 = debugger;
        ret_exit->debug.breakpoint = int3;
        return leave(ret_exit, VCPU_EXIT_DEBUG);
    }
    return TURN_ON;
}

/* Whether something ends a HLT; that is then delivered, or the CPU goes on. */
static bool wakes(struct cpu *cpu)
{
    if (cpu->activity != VCPU_HALTED) {
        return false;
    }
    return (cpu->nmi_pending > 0 && !cpu->nmi_masked) ||
           (cpu->interrupt_waiting && (cpu->rflags & X86_IF) != 0) ||
           __atomic_exchange_n(&cpu->kvm_unhalted, false, __ATOMIC_SEQ_CST);
}

/* What comes between two instructions. */
static enum turn deliver_due(struct cpu *cpu, struct vcpu_exit *ret_exit)
{
    if (cpu->fault.pending) {
        return deliver_fault(cpu, ret_exit);
    }
    if ((cpu->trapped_dr6 != 0 || cpu->debug_int3) && cpu->shadow != CPU_SHADOW_MOV_SS) {
        take(cpu, CPU_ATT_TRAP);
        return deliver_trap(cpu, ret_exit);
    }
    if (cpu->activity != VCPU_RUNNING) {
        if (cpu->activity == VCPU_SHUT_DOWN) {
            return leave(ret_exit, VCPU_EXIT_SHUTDOWN);
        }
        if (!wakes(cpu)) {
            cpu->vcpu.counters.exits[VCPU_COUNT_HALT]++;
            return leave(ret_exit, VCPU_EXIT_HALT);
        }
        set_activity(cpu, VCPU_RUNNING);
        cpu->shadow = CPU_SHADOW_NONE;
    }
    if (cpu->injected) {
        cpu->injected = false;
        return deliver_external(cpu, cpu->injected_vector, ret_exit);
    }
    if (cpu->shadow != CPU_SHADOW_NONE) {
        return TURN_ON;
    }
    if (cpu->nmi_pending > 0 && !cpu->nmi_masked) {
        cpu->nmi_pending--;
        cpu->nmi_masked = true;
        return deliver_external(cpu, CPU_NMI, ret_exit);
    }
    if (cpu->interrupt_waiting && (cpu->rflags & X86_IF) != 0) {
        return take_interrupt(cpu, ret_exit);
    }
    return TURN_ON;
}

/* ---- instructions ---- */

/* Code breakpoints at the next instruction. TURN_EXIT: the debugger's; *ret_fault: the guest's was
 * recorded. */
static enum turn check_code(struct cpu *cpu, struct vcpu_exit *ret_exit, bool *ret_fault)
{
    uint64_t matched = cpu_watch_code(cpu, linear_rip(cpu));
    bool resumed = cpu->debug_told && cpu->debug_told_at == linear_rip(cpu);

    cpu->debug_told = false;
    *ret_fault = false;
    if (matched >> 32 != 0 && !resumed) {
        cpu->debug_told = true;
        cpu->debug_told_at = linear_rip(cpu);
        ret_exit->debug.rip = cpu->debug_told_at;
        ret_exit->debug.dr6 = matched >> 32;
        ret_exit->debug.breakpoint = false;
        return leave(ret_exit, VCPU_EXIT_DEBUG);
    }
    if ((matched & 0xf) != 0 && (cpu->rflags & X86_RF) == 0) {
        cpu_raise(cpu, CPU_DB);
        cpu->fault.dr6 = matched & 0xf;
        *ret_fault = true;
    }
    return TURN_ON;
}

/* One instruction with all that goes with it: the shadow of the last one, RF, TF. */
static enum turn step(struct cpu *cpu, struct vcpu_exit *ret_exit)
{
    bool single = (cpu->rflags & X86_TF) != 0;
    uint64_t resume_flag = cpu->rflags & X86_RF;
    enum cpu_result result;
    bool fault;

    if (check_code(cpu, ret_exit, &fault) == TURN_EXIT) {
        return TURN_EXIT;
    }
    if (fault) {
        return TURN_ON;
    }
    cpu->shadow = CPU_SHADOW_NONE;
    cpu->no_step = false;
    cpu->rflags &= ~(uint64_t)X86_RF;
    result = cpu_code_step(cpu);
    if (result == CPU_FAULT) {
        cpu->rflags |= resume_flag;
        cpu->trapped_dr6 = 0;
        return TURN_ON;
    }
    if (result == CPU_AGAIN) {
        cpu->rflags |= resume_flag;
    }
    if (single && !cpu->no_step && cpu->shadow != CPU_SHADOW_MOV_SS) {
        cpu->trapped_dr6 |= X86_DR6_BS;
    }
    if (cpu->debug.single_step) {
        cpu->trapped_dr6 |= (uint64_t)X86_DR6_BS << 32;
    }
    return TURN_ON;
}

static enum turn run_instructions(struct cpu *cpu, uint32_t attention, struct vcpu_exit *ret_exit)
{
    if (cpu->retired >= cpu->budget) {
        return leave(ret_exit, VCPU_EXIT_BUDGET);
    }
    if ((attention & CPU_ATT_STEP) != 0 || cpu->shadow != CPU_SHADOW_NONE) {
        return step(cpu, ret_exit);
    }
    /* RF holds off code breakpoints, and there are none. Each page fault's return sets it: a REP
     * that was resumed must not go one by one for it. */
    cpu->rflags &= ~(uint64_t)X86_RF;
    if (cpu_code_run(cpu) == CPU_FAULT) {
        cpu->trapped_dr6 = 0;
    }
    return TURN_ON;
}

/* Nothing that came from an older map of memory is used again. */
static void follow_memory(struct cpu *cpu)
{
    uint32_t generation = __atomic_load_n(&cpu->memory->generation, __ATOMIC_ACQUIRE);

    if (cpu->memory_generation != generation) {
        cpu->memory_generation = generation;
        cpu_tlb_clear(cpu);
        cpu_code_flush(cpu);
    }
}

void cpu_run(struct vcpu *vcpu, struct vcpu_exit *ret_exit)
{
    struct cpu *cpu = cpu_of(vcpu);
    enum turn turn = TURN_ON;

    cpu->running = true;
    cpu_guest_enter(cpu);
    follow_memory(cpu);
    while (turn == TURN_ON) {
        const uint32_t quiet = CPU_ATT_STEP | CPU_ATT_TRAP;
        uint32_t attention;

        __atomic_store_n(&cpu->run_limit, cpu->budget, __ATOMIC_SEQ_CST);
        attention = __atomic_load_n(&cpu->attention, __ATOMIC_SEQ_CST);
        /* A fault belongs to the instruction before whatever has come since. */
        if (cpu->fault.pending) {
            turn = deliver_fault(cpu, ret_exit);
            continue;
        }
        if ((attention & ~quiet) != 0) {
            turn = attend(cpu, attention, ret_exit);
            continue;
        }
        turn = deliver_due(cpu, ret_exit);
        if (turn == TURN_ON && !cpu->fault.pending && cpu->activity == VCPU_RUNNING) {
            turn = run_instructions(cpu, attention, ret_exit);
        }
    }
    cpu_guest_leave(cpu);
    cpu->running = false;
    __atomic_store_n(&cpu->vcpu.counters.instructions, cpu->retired, __ATOMIC_RELAXED);
}

bool cpu_has_work(struct vcpu *vcpu)
{
    struct cpu *cpu = cpu_of(vcpu);
    const uint32_t quiet = CPU_ATT_STEP | CPU_ATT_TRAP | CPU_ATT_PAUSE;

    return (__atomic_load_n(&cpu->attention, __ATOMIC_SEQ_CST) & ~quiet) != 0 ||
           __atomic_load_n(&cpu->activity, __ATOMIC_SEQ_CST) == VCPU_RUNNING;
}
