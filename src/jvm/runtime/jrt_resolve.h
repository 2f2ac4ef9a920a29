/*
 * Resolution of constant-pool entries (JVMS 17 5.4.3), access checks (5.4.4), loader constraints
 * (5.3.4).
 *
 * Each outcome, good or bad, is kept: a second resolution gives the same entity or throws the same
 * error class with the same message. All functions are called IN_VM by an attached thread, may call
 * Java (class loaders, bootstrap methods) and return NULL or false with an exception pending.
 */
#pragma once

#include "jvm/runtime/jrt_class.h"
#include "jvm/runtime/jrt_thread.h"

struct jrt_class *jrt_resolve_class(struct jrt_thread *thread, struct jrt_class *in,
                                    uint16_t index) ST_MUST_CHECK;

enum jrt_field_use { JRT_GETFIELD, JRT_PUTFIELD, JRT_GETSTATIC, JRT_PUTSTATIC };
/* `method`: whose code it is (a final field is written in initializers only). A static field's
 * class is not initialized yet. */
struct jrt_field *jrt_resolve_field(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                                    enum jrt_field_use use,
                                    const struct jrt_method *method) ST_MUST_CHECK;

/* By the opcodes' order. */
enum jrt_invoke { JRT_INVOKEVIRTUAL, JRT_INVOKESPECIAL, JRT_INVOKESTATIC, JRT_INVOKEINTERFACE };

/* How a resolved call is made. */
struct jrt_call_target {
    enum jrt_call_kind {
        JRT_CALL_DIRECT,      /* `method`, after a null check of the receiver if not static */
        JRT_CALL_VIRTUAL,     /* vtable[index] of the receiver's class */
        JRT_CALL_INTERFACE,   /* itable of `method`'s interface, by jrt_interface_method */
        JRT_CALL_POLYMORPHIC, /* invokeBasic, linkTo*: `method` is the made native method with the
                               * intrinsic's number and the call's descriptor */
        JRT_CALL_HANDLE       /* an adapter: static `method`, with `appendix`, if not null, as an
                               * additional last argument; the receiver is an
                               * ordinary argument after a null check */
    } kind;
    uint32_t index;          /* of the vtable */
    uint32_t appendix_index; /* of JRT_CALL_HANDLE: in the class's resolved references
                                (jrt_references.h), 0: none */
    struct jrt_method *method;
    struct jrt_class *receiver_check; /* not NULL: the receiver must be of it, else
                                       * jrt_throw_receiver (an invokespecial in an interface, a
                                       * private method or one of Object's by
                                       * invokeinterface) */
};
bool jrt_resolve_method(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                        enum jrt_invoke invoke, struct jrt_call_target *ret_target) ST_MUST_CHECK;
/* An invokedynamic instruction: one call site each, named by its method and bytecode index. Kind
 * JRT_CALL_HANDLE. */
bool jrt_resolve_call_site(struct jrt_thread *thread, struct jrt_method *method,
                           uint32_t bytecode_index, uint16_t index,
                           struct jrt_call_target *ret_target) ST_MUST_CHECK;

/* ldc of anything: *ret_type is the constant's enum jrt_type (condy: of its descriptor). A
 * reference is also kept in the class's resolved references: *ret_index is its place there, where
 * it stays. 0: a primitive, or a class, whose mirror never moves and lives as long as `in`. */
bool jrt_resolve_constant(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                          union jrt_slot *ret_value, enum jrt_type *ret_type,
                          uint32_t *ret_index) ST_MUST_CHECK;

/* The class of a field descriptor's or class name's symbol as seen by `in`'s loader; loads it. */
struct jrt_class *jrt_class_by_name(struct jrt_thread *thread, job_offset_t name,
                                    struct jrt_class *in) ST_MUST_CHECK;

/* The class of a field descriptor (or of a method's result: V) as `in`'s loader sees it, whether
 * `in` may use it or not: what reflection shows. */
struct jrt_class *jrt_class_of_descriptor(struct jrt_thread *thread, const char *descriptor,
                                          size_t length, struct jrt_class *in) ST_MUST_CHECK;

/* Access of code of `from` to a class or to a member that `declaring` has and `through` names; no
 * exception made. */
bool jrt_can_access_class(const struct jrt_class *from, const struct jrt_class *to);
bool jrt_can_access_member(struct jrt_thread *thread, const struct jrt_class *from,
                           const struct jrt_class *through, const struct jrt_class *declaring,
                           uint16_t access);

/* The handler of `method` for the exception (pending or given) at a bytecode index: its target, or
 * -1. Resolving a catch type may fail: then that new exception is the one thrown (*exception
 * changes). */
int jrt_find_handler(struct jrt_thread *thread, struct jrt_method *method, uint32_t bytecode_index,
                     struct job_object **exception);

/* The class's resolved references: strings, method handles, appendices ... An Object[] that its
 * mirror keeps; replaced by a larger one as it grows (jrt_references.h). NULL: none yet. */
struct job_array *jrt_resolved_references(const struct jrt_class *class);
