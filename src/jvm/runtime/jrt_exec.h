/*
 * How the runtime calls Java code: the execution engine (the interpreter, with the compilers behind
 * it) registers this table when the machine is made, so that the runtime includes nothing of it.
 */
#pragma once

#include "jvm/runtime/jrt_thread.h"

/* A native method in C that needs no handles: called IN_VM with its arguments' slots. false: an
 * exception is pending. */
typedef bool jrt_fast_native_t(struct jrt_thread *thread, union jrt_slot *args,
                               union jrt_slot *ret_result);

/* A leaf: C code that does what a method of the library does, in place of its bytecode or native
 * code. Called IN_VM with the arguments' slots, without a frame of its own; it may allocate. false
 * and nothing pending: it has changed nothing, and the method itself is to run, which knows what to
 * throw; leaves take only what is in order. false and an exception pending: that is thrown in the
 * caller. */
typedef bool jrt_leaf_t(struct jrt_thread *thread, const union jrt_slot *args,
                        union jrt_slot *ret_result);

/* What one of a frame's local variables or operands is, by slot; of a long or double the second of
 * its two slots has the value, as HotSpot's interpreter has it. */
struct jrt_variable {
    enum jrt_variable_kind {
        JRT_VARIABLE_NOTHING, /* unset, or of several types */
        JRT_VARIABLE_WORD,    /* 32 bits */
        JRT_VARIABLE_WIDE,    /* 64 bits */
        JRT_VARIABLE_REF
    } kind;
    bool constant;
    uint16_t slot; /* of the frame, where it is not constant */
    uint64_t word; /* where it is */
};

struct jrt_variables {
    uint32_t locals, operands;
    struct jrt_variable of[]; /* the locals first */
};

struct jrt_exec {
    /* Calls a method: `args` has its arg_slots slots, receiver first. In VM. Synchronized methods
     * lock, native ones run their native code, abstract ones throw. Returns false when it ended by
     * an exception, which is pending then; *ret_result is the value, narrowed to the return type;
     * untouched for void. StackOverflowError when a limit is reached. Class initialization is the
     * caller's business. */
    bool (*call)(struct jrt_thread *thread, struct jrt_method *method, const union jrt_slot *args,
                 union jrt_slot *ret_result);
    /* Gives a method that was just made or linked its entry: not translated, native, abstract, by
     * its facts. Also after its native code was registered or taken back. World not stopped;
     * atomic. */
    void (*set_entry)(struct jrt_method *method);
    /* The bytecode index at which a frame stands: that of the invoke instruction of a frame that
     * calls. 0 for native. */
    uint32_t (*bytecode_index)(const struct jrt_frame *frame);
    /* Calls jgc_scan_words on the frame's live slots (world stopped). `called`: the frame above it
     * is that of a method it calls, which has the arguments. */
    void (*scan_frame)(struct jgc_visitor *visitor, union jrt_slot *fp, bool called);
    /* A local variable's slot in a frame that stands at a call; NULL: not live or not there. For
     * AccessController's walk and thread dumps. */
    union jrt_slot *(*local)(union jrt_slot *fp, uint32_t index);
    /* What the frame of a synchronized method has locked; NULL: nothing. */
    struct job_object *(*locked)(const union jrt_slot *fp);
    /* What all variables of a frame are that stands at a call (its arguments are not among the
     * operands). References to objects that the method needs no more are null after a collection.
     * To be freed. NULL: an exception is pending. */
    struct jrt_variables *(*variables)(struct jrt_thread *thread, union jrt_slot *fp);
    /* A loader's methods go away (world stopped): forget translations. */
    void (*forget_class)(struct jrt_class *class);
    /* What calls in the class's methods know of receivers' classes is forgotten (world stopped).
     * NULL: unloaded classes' memory is not used for other classes. */
    void (*forget_receivers)(struct jrt_class *class);
};

/* Set once, before the first call. */
extern const struct jrt_exec *jrt_exec;

/* Calls as above with C arguments by the method's descriptor: I int, J int64_t, F double, D double,
 * L struct job_object *. */
bool jrt_call(struct jrt_thread *thread, struct jrt_method *method, union jrt_slot *ret_result,
              ...) ST_MUST_CHECK;
