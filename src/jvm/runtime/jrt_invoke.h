/*
 * Linking by name, as instructions, method handles and reflection do it; signature-polymorphic
 * methods; what java.lang.invoke is asked to link (jvm-interface.md 6).
 */
#pragma once

#include "jvm/runtime/jrt_intrinsic.h"
#include "jvm/runtime/jrt_resolve.h"

struct jrt_link {
    struct jrt_class *class; /* that is named */
    job_offset_t name, descriptor;
    struct jrt_class *from;   /* whose code it is; NULL: nothing is checked */
    struct jrt_method *known; /* found and checked before; NULL: not yet */
    uint8_t tag;              /* JCF_TAG_METHOD, JCF_TAG_INTERFACE_METHOD; 0: either */
    bool unconstrained;       /* no loader constraints */
};
/* Finds what an instruction of that kind calls. The class may be an array's. false: an exception is
 * pending. */
bool jrt_link_method(struct jrt_thread *thread, const struct jrt_link *link, enum jrt_invoke invoke,
                     struct jrt_call_target *ret_target) ST_MUST_CHECK;

/* The receiver is not what jrt_call_target.receiver_check wants: IllegalAccessError for an
 * invokespecial, else IncompatibleClassChangeError. Also for an interface call that finds no itable
 * (jrt_interface_method gave NULL): wanted is the method's interface. */
bool jrt_throw_receiver(struct jrt_thread *thread, const struct jrt_class *receiver,
                        const struct jrt_class *wanted, enum jrt_invoke invoke);

/* The signature-polymorphic method of that name of MethodHandle or VarHandle (JVMS 17 2.9.3); NULL:
 * none. Its `intrinsic` is 0 where java.lang.invoke links it. */
struct jrt_method *jrt_polymorphic_of(const struct jrt_class *class, job_offset_t name);
/* The native method that stands for an intrinsic (invokeBasic, linkTo*) with that descriptor. */
struct jrt_method *jrt_polymorphic_method(struct jrt_thread *thread, enum jrt_intrinsic intrinsic,
                                          job_offset_t descriptor) ST_MUST_CHECK;
bool jrt_resolve_polymorphic(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                             const struct jrt_method *polymorphic,
                             struct jrt_call_target *ret_target) ST_MUST_CHECK;
/* Links a call of MethodHandle.invoke, a VarHandle's access mode ... by MethodHandleNatives
 * .linkMethod. *ret_appendix: NULL if there is none. NULL: an exception is pending. */
struct jrt_method *jrt_link_handle(struct jrt_thread *thread, struct jrt_class *in,
                                   struct jrt_class *class, job_offset_t name,
                                   job_offset_t descriptor,
                                   struct job_object **ret_appendix) ST_MUST_CHECK;

/* The MethodType of a method descriptor, its classes seen by `in`; NULL: an exception is pending.
 */
struct job_object *jrt_method_type(struct jrt_thread *thread, job_offset_t descriptor,
                                   struct jrt_class *in) ST_MUST_CHECK;
/* The method that a MemberName means; NULL: none, or a field. */
struct jrt_method *jrt_member_method(const struct job_object *member_name);
