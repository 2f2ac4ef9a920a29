/*
 * The interpreter's parts, for each other.
 */
#pragma once

#include "jvm/interpreter/jin_code.h"
#include "jvm/runtime/jrt_exec.h"

/* How a method is entered (jrt_method.entry): offsets below the first byte of compiled code. */
enum jin_entry {
    JIN_ENTRY_TRANSLATE, /* not translated yet */
    JIN_ENTRY_RUN,
    JIN_ENTRY_RUN_LOCKED, /* synchronized */
    JIN_ENTRY_NATIVE,
    JIN_ENTRY_ABSTRACT,
    JIN_ENTRY_INVOKE_BASIC,
    JIN_ENTRY_LINK_TO, /* linkToStatic, Special, Virtual, Interface */
    JIN_ENTRY_LEAF,    /* C code first; what it declines runs as below */
    JIN_ENTRIES
};

/* Runs a method whose arguments are at `fp` (two free slots before them), until it returns. The
 * entry is one of RUN, RUN_LOCKED, TRANSLATE. false: an exception is pending. *ret_result: the slot
 * that a return instruction had. */
bool jin_run(struct jrt_thread *thread, struct jrt_method *method, union jrt_slot *fp,
             union jrt_slot *ret_result);

/* A native method's call: arguments at `fp`, `caller` the frame below (NULL: none), `flags` of the
 * new frame. The result is left in fp[-2]. */
bool jin_native(struct jrt_thread *thread, struct jrt_method *method, union jrt_slot *fp,
                union jrt_slot *caller, uint32_t flags);

/* The method that a signature-polymorphic intrinsic goes on with, its arguments where they are.
 * NULL: an exception is pending; the caller's frame is on top. */
struct jrt_method *jin_polymorphic(struct jrt_thread *thread, struct jrt_method *method,
                                   union jrt_slot *fp);

/* Makes an unresolved instruction what it is to be, its class initialized where that is asked for.
 * Returns what to do. */
enum jin_resolved {
    JIN_RESOLVED_FAILED, /* an exception is pending */
    JIN_RESOLVED_AGAIN,  /* the instruction was replaced: run it */
    JIN_RESOLVED_DONE,   /* it was carried out, this once */
    JIN_RESOLVED_CALL    /* *ret_method is to be called, this once */
};
enum jin_resolved jin_resolve(struct jrt_thread *thread, struct jin_code *code,
                              struct jin_insn *insn, union jrt_slot *fp,
                              struct jrt_method **ret_method);

/* Locks of frames: jin_lock.c. monitorenter and monitorexit of an object that is not NULL; the lock
 * of a synchronized method; a return of a frame that has flags of locks. false: an exception is
 * pending, at the instruction where the frame stands. */
bool jin_enter(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp,
               struct job_object *object);
bool jin_leave(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp,
               struct job_object *object);
bool jin_enter_method(struct jrt_thread *thread, struct jrt_method *method,
                      const struct jin_code *code, union jrt_slot *fp);
bool jin_return(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp);
/* What a synchronized method locks, before its code runs; what its frame has locked (jrt_exec.h).
 */
struct job_object *jin_lock_of(const struct jrt_method *method, const union jrt_slot *fp);
struct job_object *jin_locked(const union jrt_slot *fp);
/* The same by an exception, which is pending; it may become another. */
void jin_unwind(struct jrt_thread *thread, const struct jin_code *code, union jrt_slot *fp);

/* The handler in this frame for the pending exception: its instruction, or -1. The exception may
 * become another. */
int64_t jin_handler(struct jrt_thread *thread, struct jin_code *code, union jrt_slot *fp);

/* Throws by kind, from the instruction that the frame on top stands at. Always false. */
bool jin_throw_null(struct jrt_thread *thread);
bool jin_throw_bounds(struct jrt_thread *thread, int32_t index, int32_t length);
bool jin_throw_cast(struct jrt_thread *thread, const struct job_object *object,
                    const struct jrt_class *class);
bool jin_throw_abstract(struct jrt_thread *thread, const struct jrt_method *resolved,
                        const struct jrt_method *method, const struct job_object *receiver);
/* What a call named that selected a method by the vtable; `selected` for other calls. */
const struct jrt_method *jin_resolved_method(struct jin_code *code, const struct jin_insn *insn,
                                             const struct jrt_method *selected);

/* Slow parts of instructions. They are calls, not inlined: an object in a frame of jin_run, or in a
 * register that it keeps over a call, would live as long as that frame. */
/* aastore of a value that has not the very class of the elements. */
bool jin_store_checked(struct jrt_thread *thread, struct job_array *array, jref_t *element,
                       const struct job_object *value);
/* Translates a method that is called first, or gives it the entry that it has to have. false: an
 * exception is pending. */
bool jin_prepare(struct jrt_thread *thread, struct jrt_method *method);
/* The number of a method's leaf (jrt_exec.h), looked for once. 0: it has none. */
uint16_t jin_leaf(struct jrt_method *method);
/* How a method with a leaf that declined is entered. Translates it at first; JIN_ENTRY_LEAF: an
 * exception is pending. */
enum jin_entry jin_without_leaf(struct jrt_thread *thread, struct jrt_method *method);
/* CALL_CHECKED: the receiver must be of the class in the site's extra; cached: flags. What is
 * called; NULL: an exception is pending. */
enum { JIN_CHECKED_SPECIAL = 1, JIN_CHECKED_VIRTUAL = 2 };
struct jrt_method *jin_checked_target(struct jrt_thread *thread, const struct jin_site *site,
                                      const struct job_object *receiver);
/* CALL_HANDLE: a site's extra is the appendix's place among resolved references, 0: none; cached:
 * flags. */
enum { JIN_HANDLE_HAS_RECEIVER = 1 };
void jin_get_far(const struct jin_site *site, const struct job_object *object, union jrt_slot *to);
void jin_put_far(const struct jin_site *site, struct job_object *object,
                 const union jrt_slot *from);
bool jin_new_multi(struct jrt_thread *thread, const struct jin_site *site, union jrt_slot *slots);
/* The method of an interface call on the receiver's class; fills the site's cache. NULL: an
 * exception is pending. */
struct jrt_method *jin_interface_target(struct jrt_thread *thread, struct jin_site *site,
                                        const struct job_object *receiver);

/* jrt_exec.scan_frame. */
void jin_scan_frame(struct jgc_visitor *visitor, union jrt_slot *fp, bool called);

/* jrt_exec.variables. */
struct jrt_variables *jin_variables(struct jrt_thread *thread, union jrt_slot *fp);

/* First slot behind a frame. */
union jrt_slot *jin_frame_end(union jrt_slot *fp);

/* Stubs of native methods. */
typedef uint64_t (*jin_stub_function)(void *function, const void *env, void *self,
                                      union jrt_slot *args);
/* Calls a C function by the method's descriptor: one for all methods of its shape. Its place in the
 * stubs' area, + 1, is kept in the method's `code`. NULL: out of memory. */
jin_stub_function jin_stub(struct jrt_method *method);
