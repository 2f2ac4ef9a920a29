/*
 * A virtual CPU as everybody above sees it: run until something happens, kick, inject, and get and
 * set the whole architectural state. Implementations: the software CPU (src/cpu), KVM
 * (src/vmm/kvm); on bare metal SVM and VMX. Nothing above knows which; state saved under one
 * restores under another.
 *
 * Threads. A vCPU belongs to the thread that calls vcpu_run. Functions marked "any thread" may be
 * called by others at any time; all others only by the owner, or while it is known not to run (the
 * vCPU is stopped). No function wants the device lock, none may be called while holding a lock that
 * the bus callbacks take, except those marked "any thread".
 *
 * Accesses to devices are callbacks (struct vcpu_bus), not exits: an instruction may make several
 * of them (REP INS, a locked exchange, a push of a far call), and only its own CPU knows how it
 * goes on.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "memory/mem.h"
#include "platform/platform.h"
#include "vcpu/vcpu_state.h"

struct vcpu;
struct vcpu_set;

enum { VCPU_MAX = 64 };

/* What the machine does for its vCPUs. Called on the vCPU's thread, device lock not held: the
 * machine takes it. size is 1, 2 or 4 for ports, 1 to 8 for memory (wider accesses are split into
 * aligned 8-byte ones). Reads of nothing give all ones. */
struct vcpu_bus {
    uint64_t (*io_read)(void *machine, uint16_t port, unsigned size);
    void (*io_write)(void *machine, uint16_t port, unsigned size, uint64_t value);
    uint64_t (*mmio_read)(void *machine, uint64_t address, unsigned size);
    void (*mmio_write)(void *machine, uint64_t address, unsigned size, uint64_t value);
    /* End of a level-triggered interrupt of this vector, for the IOAPICs. */
    void (*eoi)(void *machine, uint8_t vector);
    /* The CPU takes the PIC's interrupt: returns its vector. -1: it went away. */
    int (*pic_acknowledge)(void *machine);
    /* What the guest asks of its supervisor: KVM's number and arguments; returns its result. */
    int64_t (*hypercall)(void *machine, struct vcpu *vcpu, uint64_t number,
                         const uint64_t arguments[4]);
    void *machine;
};

enum vcpu_exit_reason {
    VCPU_EXIT_KICKED, /* vcpu_kick, or a wish of another vCPU that only the machine can carry out */
    VCPU_EXIT_HALT,   /* HLT or wait-for-SIPI: nothing to do until vcpu_has_work */
    VCPU_EXIT_SHUTDOWN, /* triple fault, or INIT of a CPU in shutdown */
    VCPU_EXIT_DEBUG,    /* breakpoint, watchpoint or single step of the debugger, see exit.debug */
    VCPU_EXIT_BUDGET,   /* software CPU: the wanted number of instructions is retired */
    VCPU_EXIT_FAILED,   /* cannot go on, see exit.text */
};

struct vcpu_exit {
    enum vcpu_exit_reason reason;
    union {
        struct {
            uint64_t rip;    /* linear address where it stopped */
            uint64_t dr6;    /* which breakpoint, watchpoint or step, as DR6 tells it */
            bool breakpoint; /* INT3 that the debugger planted */
        } debug;
        char text[120]; /* FAILED: one line */
    };
};

/* The debugger's wishes for one vCPU. */
struct vcpu_debug {
    bool single_step;
    bool catch_int3; /* INT3 exits instead of entering the guest's handler */
    unsigned count;  /* breakpoints and watchpoints used, at most 4 */
    struct {
        uint64_t address; /* linear */
        uint8_t length;   /* 1, 2, 4, 8 */
        uint8_t type;     /* DR7's R/W: 0 execute, 1 write, 3 read or write */
    } points[4];
};

/* Counted since creation; readable by any thread, each value on its own. */
struct vcpu_counters {
    uint64_t
        instructions;   /* retired; exact for the software CPU at every exit, 0 where not known */
    uint64_t exits[16]; /* by enum vcpu_counter */
};
enum vcpu_counter {
    VCPU_COUNT_IO,
    VCPU_COUNT_MMIO,
    VCPU_COUNT_HALT,
    VCPU_COUNT_KICK,
    VCPU_COUNT_INTERRUPT, /* delivered */
    VCPU_COUNT_EXCEPTION,
    VCPU_COUNT_TLB_MISS,
    VCPU_COUNT_TLB_FLUSH,
    VCPU_COUNT_PAGE_DECODED,
    VCPU_COUNT_CODE_WRITTEN,
    VCPU_COUNT_HYPERCALL,
    VCPU_COUNTERS,
};

struct vcpu_ops {
    const char *name; /* "software", "kvm" */
    void (*run)(struct vcpu *vcpu, struct vcpu_exit *ret_exit);
    void (*kick)(struct vcpu *vcpu);
    bool (*has_work)(struct vcpu *vcpu);
    int (*get_state)(struct vcpu *vcpu, struct vcpu_state *ret_state);
    int (*set_state)(struct vcpu *vcpu, const struct vcpu_state *state, struct st_err *err);
    void (*nmi)(struct vcpu *vcpu);
    int (*set_debug)(struct vcpu *vcpu, const struct vcpu_debug *debug);
    int (*translate)(struct vcpu *vcpu, uint64_t linear, gpa_t *ret_physical);
    void (*free)(struct vcpu *vcpu);
    /* Of the whole set, on any of its vCPUs' set. */
    void (*msi)(struct vcpu_set *set, uint64_t address, uint32_t data);
    void (*pic_line)(struct vcpu_set *set, bool level);
};

/* The vCPUs of one machine. */
struct vcpu_set {
    const struct vcpu_ops *ops;   /* [I] */
    struct platform *platform;    /* [I] */
    struct mem_map *memory;       /* [I] */
    struct vcpu_bus bus;          /* [I] */
    struct vcpu *vcpus[VCPU_MAX]; /* [I] once all are made; by index, not by APIC ID */
    unsigned count;               /* [I] */
};

/* Embedded at the start of each implementation's struct. */
struct vcpu {
    struct vcpu_set *set;          /* [I] */
    unsigned index;                /* [I] 0: the one that boots */
    uint32_t apic_id;              /* [I] initial APIC ID */
    struct vcpu_counters counters; /* [o] */
};

/* Runs guest code until something happens. The vCPU's thread. */
static inline void vcpu_run(struct vcpu *vcpu, struct vcpu_exit *ret_exit)
{
    vcpu->set->ops->run(vcpu, ret_exit);
}

/* Makes vcpu_run return soon, also if it is called only after this. Any thread, device lock
 * allowed. */
static inline void vcpu_kick(struct vcpu *vcpu)
{
    vcpu->set->ops->kick(vcpu);
}

/* Whether a halted vCPU has something to do: an interrupt it would take, NMI, INIT, SIPI. Any
 * thread. */
static inline bool vcpu_has_work(struct vcpu *vcpu)
{
    return vcpu->set->ops->has_work(vcpu);
}

/* The whole state, for debuggers, snapshots and resets. vCPU stopped. */
static inline int vcpu_get_state(struct vcpu *vcpu, struct vcpu_state *ret_state)
{
    return vcpu->set->ops->get_state(vcpu, ret_state);
}

/* -ST_EINVAL: a state that no CPU can be in; -ST_EUNSUPPORTED: one that this implementation cannot
 * be in; *err names the register. */
static inline int vcpu_set_state(struct vcpu *vcpu, const struct vcpu_state *state,
                                 struct st_err *err)
{
    return vcpu->set->ops->set_state(vcpu, state, err);
}

/* Makes an NMI pending. Any thread, device lock allowed. */
static inline void vcpu_nmi(struct vcpu *vcpu)
{
    vcpu->set->ops->nmi(vcpu);
}

/* Replaces the debugger's wishes. vCPU stopped. */
static inline int vcpu_set_debug(struct vcpu *vcpu, const struct vcpu_debug *debug)
{
    return vcpu->set->ops->set_debug(vcpu, debug);
}

/* The physical address of a linear one by the tables in force, privileges not looked at, nothing
 * marked accessed. -ST_EFAULT: not mapped. vCPU stopped. */
static inline int vcpu_translate(struct vcpu *vcpu, uint64_t linear, gpa_t *ret_physical)
{
    return vcpu->set->ops->translate(vcpu, linear, ret_physical);
}

/* Delivers a message-signalled interrupt (address FEExxxxx, SDM 3A 11.11): from devices with MSI
 * and from the IOAPIC. Any thread, device lock allowed. */
static inline void vcpu_msi(struct vcpu_set *set, uint64_t address, uint32_t data)
{
    set->ops->msi(set, address, data);
}

/* The level of the PIC's INTR, wired to LINT0 of every local APIC. Any thread, device lock allowed.
 */
static inline void vcpu_pic_line(struct vcpu_set *set, bool level)
{
    set->ops->pic_line(set, level);
}
