/*
 * java.lang.invoke.MemberName (jvm-interface.md 6.4): how a member that was found is written into
 * one. IN_VM.
 */
#pragma once

#include "jvm/runtime/jrt_resolve.h"

/* flags of a MemberName: its kind, what it is, and in bits 24 to 27 an enum jcf_reference_kind. */
enum {
    JDK_MN_METHOD = 0x10000,
    JDK_MN_CONSTRUCTOR = 0x20000,
    JDK_MN_FIELD = 0x40000,
    JDK_MN_TYPE = 0x80000,
    JDK_MN_KINDS = 0xf0000,
    JDK_MN_CALLER_SENSITIVE = 0x100000,
    JDK_MN_TRUSTED_FINAL = 0x200000,
    JDK_MN_REFERENCE_SHIFT = 24,
    JDK_MN_REFERENCE_MASK = 0xf
};

/* Writes a call's target that was found in `class`. false: an exception is pending. */
bool jdk_member_set_call(struct jrt_thread *thread, struct job_object *member,
                         const struct jrt_call_target *target,
                         const struct jrt_class *class) ST_MUST_CHECK;
/* Writes a method as its own class has it. */
bool jdk_member_set_method(struct jrt_thread *thread, struct job_object *member,
                           struct jrt_method *method) ST_MUST_CHECK;
void jdk_member_set_field(struct job_object *member, const struct jrt_field *field, bool setter);
