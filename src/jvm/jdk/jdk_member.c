/* Writing members into MemberNames: see jdk_member.h. */
#include "jvm/jdk/jdk_member.h"

#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk_reflect.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"

enum { NOT_VIRTUAL = -2 }; /* vmindex of a call whose target is known */

static int32_t kind(int32_t what, enum jcf_reference_kind reference)
{
    return what | (int32_t)reference << JDK_MN_REFERENCE_SHIFT;
}

/* Flags of a method that is called directly. */
static int32_t direct_kind(const struct jrt_method *method)
{
    if ((method->access & JCF_ACC_STATIC) != 0) {
        return kind(JDK_MN_METHOD, JCF_REF_INVOKE_STATIC);
    }
    return kind((method->flags & JRT_METHOD_INITIALIZER) != 0 ? JDK_MN_CONSTRUCTOR : JDK_MN_METHOD,
                JCF_REF_INVOKE_SPECIAL);
}

bool jdk_member_set_call(struct jrt_thread *thread, struct job_object *member,
                         const struct jrt_call_target *target, const struct jrt_class *class)
{
    const struct jrt_method *method = target->method;
    const struct jrt_class *holder = jrt_class_at(method->class_at);
    int32_t flags = method->access & JDK_METHOD_MODIFIERS;
    int64_t index = NOT_VIRTUAL;
    switch (target->kind) {
    case JRT_CALL_VIRTUAL:
        flags |= kind(JDK_MN_METHOD, JCF_REF_INVOKE_VIRTUAL);
        index = target->index;
        if ((holder->access & JCF_ACC_INTERFACE) != 0) {
            /* A default method: its place is the one of a class that inherits it. */
            holder = (class->access & JCF_ACC_INTERFACE) != 0 ? jrt_known.class[JRT_Object] : class;
        }
        break;
    case JRT_CALL_INTERFACE:
        flags |= kind(JDK_MN_METHOD, JCF_REF_INVOKE_INTERFACE);
        index = method->itable_index;
        break;
    case JRT_CALL_DIRECT:
    case JRT_CALL_POLYMORPHIC:
    case JRT_CALL_HANDLE:
        flags |= direct_kind(method);
        break;
    }
    if ((method->flags & JRT_METHOD_CALLER_SENSITIVE) != 0) {
        flags |= JDK_MN_CALLER_SENSITIVE;
    }
    struct job_object *resolved = jrt_new(thread, jrt_known.class[JRT_ResolvedMethodName]);
    if (resolved == NULL) {
        return false;
    }
    jrt_set_ref(resolved, JRT_AT(ResolvedMethodName, holder),
                jrt_mirror(jrt_class_at(method->class_at)));
    jrt_set_int(resolved, JRT_AT(ResolvedMethodName, method), (int32_t)job_offset(method));
    jrt_set_int(member, JRT_AT(MemberName, flags), flags);
    jrt_set_ref(member, JRT_AT(MemberName, method), resolved);
    jrt_set_long(member, JRT_AT(MemberName, vmindex), index);
    jrt_set_ref(member, JRT_AT(MemberName, clazz), jrt_mirror(holder));
    return true;
}

bool jdk_member_set_method(struct jrt_thread *thread, struct job_object *member,
                           struct jrt_method *method)
{
    const struct jrt_class *holder = jrt_class_at(method->class_at);
    const uint32_t initializers = JRT_METHOD_INITIALIZER | JRT_METHOD_CLASS_INITIALIZER;
    struct jrt_call_target target = {.kind = JRT_CALL_DIRECT, .method = method};
    bool fixed = (method->access & (JCF_ACC_STATIC | JCF_ACC_PRIVATE | JCF_ACC_FINAL)) != 0 ||
                 (holder->access & JCF_ACC_FINAL) != 0 || (method->flags & initializers) != 0;
    if (!fixed && (holder->access & JCF_ACC_INTERFACE) != 0) {
        target.kind = JRT_CALL_INTERFACE;
    } else if (!fixed && method->vtable_index >= 0) {
        target.kind = JRT_CALL_VIRTUAL;
        target.index = (uint32_t)method->vtable_index;
    }
    return jdk_member_set_call(thread, member, &target, holder);
}

void jdk_member_set_field(struct job_object *member, const struct jrt_field *field, bool setter)
{
    bool fixed = (field->access & JCF_ACC_STATIC) != 0;
    enum jcf_reference_kind get = fixed ? JCF_REF_GET_STATIC : JCF_REF_GET_FIELD;
    enum jcf_reference_kind set = fixed ? JCF_REF_PUT_STATIC : JCF_REF_PUT_FIELD;
    int32_t flags = (field->access & JDK_FIELD_MODIFIERS) | kind(JDK_MN_FIELD, setter ? set : get);
    if ((field->flags & JRT_FIELD_TRUSTED_FINAL) != 0) {
        flags |= JDK_MN_TRUSTED_FINAL;
    }
    jrt_set_int(member, JRT_AT(MemberName, flags), flags);
    jrt_set_ref(member, JRT_AT(MemberName, method), NULL);
    jrt_set_long(member, JRT_AT(MemberName, vmindex), field->offset);
    jrt_set_ref(member, JRT_AT(MemberName, clazz), jrt_mirror(jrt_class_at(field->class_at)));
}
