/*
 * Threads of the Java machine: the Java stack and its frames, the state that says whether a thread
 * may touch the heap, and polls.
 *
 * A thread has a Java stack of its own beside its native one. It grows upwards, in slots of 8
 * bytes. A frame's header lies right before its locals:
 *
 *        header (2 slots)        fp
 *      +--------+--------+     +----------------+------------------+--------+--------+----------
 *      | caller | method |     | locals         | operands         | header of the   | callee's
 *      | flags  | pc     |     | args first     | (canonical slots)| callee          | locals ...
 *      +--------+--------+     +----------------+------------------+--------+--------+----------
 *
 * The caller writes outgoing arguments two slots beyond its operands, where they are the callee's
 * first locals. A native method has a frame too, its arguments are its locals; JNI handles of
 * reference arguments are the addresses of those slots. A frame that C called has JRT_FRAME_ENTRY;
 * its `caller` is the frame that was on top then, so that one walk sees all frames of a thread.
 *
 * A reference in a slot is its 32-bit word, zero-extended; int and narrower are sign-extended to 32
 * bits (the upper half means nothing); long and double take two slots in numbering and lie in the
 * first.
 *
 * States. A thread IN_JAVA or IN_VM holds plain references in registers, on its native stack and in
 * frames, and stops only at polls. A thread IN_NATIVE (in a native method, blocked or waiting)
 * holds handles alone; the world may be stopped without it, and it waits when it comes back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "jvm/gc/jgc.h"
#include "jvm/runtime/jrt_class.h"
#include "jvm/runtime/jrt_registers.h"
#include "jvm/runtime/jrt_waits.h"

union jrt_slot {
    int64_t j;
    uint64_t word;
    double d;
    int32_t i;
    float f;
    jref_t ref;
};

enum { JRT_FRAME_SLOTS = 2 };

struct jrt_frame {
    uint32_t caller; /* its fp, in slots from the stack's start; 0: the thread's first */
    uint32_t flags;  /* JRT_FRAME_ */
    job_offset_t method;
    uint32_t pc; /* where it stands in its translated code, stored when it calls or leaves for C;
                    native: 0 */
};

enum {
    JRT_FRAME_ENTRY = 1,  /* called from C */
    JRT_FRAME_LOCKED = 2, /* holds the monitor of its synchronized method */
    JRT_FRAME_NATIVE = 4,
    JRT_FRAME_COMPILED = 8, /* for the compilers to come */
    JRT_FRAME_MONITORS = 16 /* has entered monitors by itself: jrt_held.h */
};

static inline struct jrt_frame *jrt_frame_of(union jrt_slot *fp)
{
    return (struct jrt_frame *)(fp - JRT_FRAME_SLOTS);
}

enum jrt_thread_state { JRT_IN_NATIVE, JRT_IN_VM, JRT_IN_JAVA };

struct jrt_handles; /* jrt_handle.h */

/* A monitor that a frame has entered. */
struct jrt_held {
    uint32_t frame; /* its fp, in slots from the stack's start */
    jref_t object;
};

struct jrt_thread {
    /* The members that the interpreter, stubs and compiled code reach by offset come first. */
    const void *jni;             /* [I] table of JNI functions: a JNIEnv points here */
    struct jgc_local alloc;      /* [o] where it allocates */
    uint32_t poll;               /* [a] not 0: call jrt_poll before the next instruction */
    uint32_t state;              /* [a] enum jrt_thread_state */
    jref_t exception;            /* [o] pending, 0: none */
    union jrt_slot *top;         /* [o] fp of the frame on top when it left for C; NULL: none */
    union jrt_slot *stack;       /* [I] the Java stack: from here */
    union jrt_slot *stack_limit; /* [I] a frame must end below it */
    char *native_limit;          /* [I] C is not entered with a stack pointer below it */
    struct jrt_handles *locals;  /* [o] JNI local references */

    /* What the collector must see of a thread that is in native code or stopped: where its native
     * stack was left, and the registers that C functions keep for their callers. */
    char *native_stopped; /* [a] */
    uint64_t saved_registers[JRT_SAVED_REGISTERS];
    char *native_base; /* [I] upper end of its native stack */

    jref_t object;          /* its java.lang.Thread (a root); 0 while it is attached */
    jref_t async_exception; /* [threads] Thread.stop: thrown at a poll */
    uint32_t suspended;     /* [a] 1: Thread.suspend, it stays at its next poll */
    int os_id;              /* [I] the kernel's number */
    bool daemon;
    bool native_attached;     /* by AttachCurrentThread or JNI_CreateJavaVM, not started by us */
    bool living;              /* [threads] in the list of threads */
    uint32_t waits_for;       /* [a] index + 1 of the monitor that it enters or waits on; 0: none */
    struct jrt_waits blocked; /* by monitors, from where it cannot but sleep */
    struct jrt_waits waited;  /* Object.wait, sleep and park */
    struct job_object *
        *critical; /* [o] arrays of the JNI critical regions it is in (jrt_handle.h) */
    uint32_t critical_count, critical_room;
    struct jrt_held *held; /* [o] by frame: jrt_held.h */
    uint32_t held_count, held_room;
    uint32_t native_locks;                /* [o] MonitorEnters of JNI without MonitorExit */
    struct jrt_local_frame *local_frames; /* [o] of PushLocalFrame: jdk's */
    uint64_t hash_seed;                   /* [o] of identity hashes */
    uint32_t spins;     /* [o] before it sleeps in Object.wait: more where that spares sleeps */
    size_t stack_bytes; /* [I] of the Java stack's mapping */
    struct jrt_thread *next; /* [threads] list of living threads, or of unused structures */

    /* From here on a structure keeps what it has when its thread ends: late wakers look. */
    uint32_t number; /* [I] 1 .. JOB_LOCK_OWNER_MAX: the owner in thin locks */
    uint32_t wake; /* [a] changes when what it waits for may have come: notify, unpark, interrupt */
    uint32_t asleep; /* [a] on `wake`, or about to be */
    uint32_t permit; /* [a] of park */
};

/* The calling thread; NULL: not attached. */
struct jrt_thread *jrt_current(void);

/* Stops for whatever the poll asks: a safepoint, an asynchronous exception (then pending). In VM or
 * Java. */
void jrt_poll(struct jrt_thread *thread);

/* Transitions. To native: references held in C are not seen by the collector any more. From native:
 * waits while the world is stopped. Nest only as the names say. */
static inline void jrt_note_native_state(struct jrt_thread *thread)
{
    char *stopped = jrt_save_registers(thread->saved_registers);
    __atomic_store_n(&thread->native_stopped, stopped, __ATOMIC_RELAXED);
}
/* From IN_VM or IN_JAVA. */
static inline void jrt_to_native(struct jrt_thread *thread)
{
    jrt_note_native_state(thread);
    __atomic_store_n(&thread->state, JRT_IN_NATIVE, __ATOMIC_RELEASE);
}
void jrt_to_vm(struct jrt_thread *thread); /* from IN_NATIVE */

/* Makes the calling thread one of the machine's: its Java stack, handles, number. NULL: out of
 * memory. Then IN_VM, without a java.lang.Thread. */
struct jrt_thread *jrt_thread_attach(struct st_err *err) ST_MUST_CHECK;
/* With a Java stack of so many bytes. */
struct jrt_thread *jrt_thread_attach_sized(size_t stack_bytes, struct st_err *err) ST_MUST_CHECK;
void jrt_thread_detach(struct jrt_thread *thread);
void jrt_thread_set_daemon(struct jrt_thread *thread, bool daemon);

/* Runs action(argument) while every other thread is stopped or in native code. From IN_VM; one at a
 * time, others that want it wait (and are stopped meanwhile). */
void jrt_stop_world(struct jrt_thread *thread, void (*action)(void *argument), void *argument);

/* The same in two halves. The thread stays IN_VM or IN_JAVA as it was, in VM at least. */
void jrt_world_stop(struct jrt_thread *thread);
void jrt_world_resume(void);
/* Whether the caller is the thread that stopped the world (inside `action`). */
bool jrt_world_stopped(void);

/* Visits every thread's exact roots and scans its stacks (world stopped). The calling thread's too.
 */
void jrt_threads_roots(struct jgc_visitor *visitor);

/* Asks every thread, or one, to poll. The poll's reasons are looked up by jrt_poll. */
void jrt_thread_ask(struct jrt_thread *thread);

/* Makes the thread throw the exception at its next poll, unless it has ended. */
void jrt_thread_throw_into(struct jrt_thread *target, const struct job_object *exception);
/* Thread.suspend: returns when the target, unless it is the caller, runs no more Java code. */
void jrt_thread_suspend(struct jrt_thread *thread, struct jrt_thread *target);
void jrt_thread_resume(struct jrt_thread *target);

/* Living threads, and those among them that are no daemons. */
void jrt_thread_counts(uint32_t *ret_living, uint32_t *ret_not_daemons);

struct jrt_thread_numbers {
    uint32_t living, not_daemons;
    uint32_t peak;    /* most that lived at once since jrt_thread_reset_peak */
    uint64_t started; /* ever */
};
void jrt_thread_numbers(struct jrt_thread_numbers *ret_numbers);
void jrt_thread_reset_peak(void);
/* Blocks (in native state) until the caller and daemons are alone. */
void jrt_threads_wait_alone(struct jrt_thread *thread);

/* Calls visit for every thread, under the list's lock: no allocation, no blocking. */
void jrt_threads_each(void (*visit)(struct jrt_thread *thread, void *argument), void *argument);

static inline bool jrt_failed(const struct jrt_thread *thread)
{
    return thread->exception.word != 0;
}
