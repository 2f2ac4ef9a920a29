/*
 * Loadable constants (JVMS 17 5.4.3.5, 5.4.3.6): classes, strings, method types and handles,
 * dynamic ones; and what a bootstrap method is called with.
 */
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_invoke_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_references.h"
#include "jvm/runtime/jrt_resolve_priv.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw_priv.h"

static bool throw_inconsistent(struct jrt_thread *thread, const struct jrt_class *class,
                               const struct jrt_member_name *member, uint16_t index,
                               bool as_interface)
{
    static const char *const kinds[] = {"CONSTANT_MethodRef", "CONSTANT_InterfaceMethodRef"};
    char written[JRT_MESSAGE_BYTES];
    return jrt_throw(thread, JRT_IncompatibleClassChangeError,
                     "Inconsistent constant pool data in classfile for class %s. Method '%s' at "
                     "index %u is %s and should be %s",
                     jrt_text(class->name),
                     jrt_method_text(NULL, jrt_text(member->name), jrt_text(member->descriptor),
                                     written, sizeof(written)),
                     index, kinds[as_interface], kinds[!as_interface]);
}

/* 5.4.3.5: the member is there, and where it is a method can be called from there, before anything
 * of its descriptor is looked at. Of fields java.lang.invoke knows. */
static bool check_reference(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                            struct jrt_class *class)
{
    static const enum jrt_invoke invokes[] = {[JCF_REF_INVOKE_VIRTUAL] = JRT_INVOKEVIRTUAL,
                                              [JCF_REF_INVOKE_STATIC] = JRT_INVOKESTATIC,
                                              [JCF_REF_INVOKE_SPECIAL] = JRT_INVOKESPECIAL,
                                              [JCF_REF_NEW_INVOKE_SPECIAL] = JRT_INVOKESPECIAL,
                                              [JCF_REF_INVOKE_INTERFACE] = JRT_INVOKEINTERFACE};
    uint16_t kind = jrt_pool_high(jrt_pool_of(in), index);
    uint16_t reference = jrt_pool_low(jrt_pool_of(in), index);
    struct jrt_member_name member;
    struct jrt_call_target target;
    if (!jrt_pool_member(in, reference, &member)) {
        return jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    if (kind < JCF_REF_INVOKE_VIRTUAL) {
        bool found = !(class->flags & JRT_CLASS_ARRAY) &&
                     jrt_find_field(class, member.name, member.descriptor);
        return found || jrt_throw(thread, JRT_NoSuchFieldError, "%s", jrt_text(member.name));
    }
    bool as_interface = jrt_pool_of(in)->tags[reference] == JCF_TAG_INTERFACE_METHOD;
    if (as_interface != jrt_is_interface(class)) {
        return throw_inconsistent(thread, class, &member, index, as_interface);
    }
    if ((class->flags & JRT_CLASS_HANDLE) && jrt_polymorphic_of(class, member.name)) {
        return true;
    }
    const struct jrt_link link = {
        .class = class, .name = member.name, .descriptor = member.descriptor, .from = in};
    return jrt_link_method(thread, &link, invokes[kind], &target);
}

static struct job_object *method_handle(struct jrt_thread *thread, struct jrt_class *in,
                                        uint16_t index)
{
    const struct jrt_pool *pool = jrt_pool_of(in);
    uint16_t kind = jrt_pool_high(pool, index);
    uint16_t reference = jrt_pool_low(pool, index);
    struct jrt_class *class = jrt_resolve_class(thread, in, jrt_pool_high(pool, reference));
    struct jrt_member_name member;
    if (!class || !check_reference(thread, in, index, class)) {
        return NULL;
    }
    if (!jrt_pool_member(in, reference, &member)) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    }
    struct job_object *type;
    if (jrt_text(member.descriptor)[0] == '(') {
        type = jrt_method_type(thread, member.descriptor, in);
    } else {
        const struct jrt_symbol *text = jrt_symbol_at(member.descriptor);
        const struct jrt_class *of = jrt_class_of_type(thread, text->text, text->length, in);
        type = of ? jrt_mirror(of) : NULL;
    }
    struct job_object *name = type ? jrt_intern_symbol(thread, member.name) : NULL;
    union jrt_slot result = {0};
    if (!name || !jrt_known_class(thread, JRT_MethodHandleNatives) ||
        !jrt_call(thread, jrt_known.method[JRT_METHOD_linkMethodHandleConstant], &result,
                  jrt_mirror(in), (int)kind, jrt_mirror(class), name, type)) {
        return NULL;
    }
    return job_from_ref(result.ref);
}

/* A static argument as the object that it is to a bootstrap method. */
static bool argument_object(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                            struct job_object **ret_object)
{
    union jrt_slot value;
    enum jrt_type type;
    uint32_t ignored;
    if (!jrt_resolve_constant(thread, in, index, &value, &type, &ignored)) {
        return false;
    }
    if (type == JRT_OBJECT) {
        *ret_object = job_from_ref(value.ref);
        return true;
    }
    *ret_object = jrt_box(thread, type, value);
    return *ret_object != NULL;
}

/* null for none, a single one itself unless it is null or an array, else an Object[]. */
static bool static_arguments(struct jrt_thread *thread, struct jrt_class *in,
                             const struct jrt_bootstrap *bootstrap, struct job_object **ret_object)
{
    *ret_object = NULL;
    if (!bootstrap->count) {
        return true;
    }
    struct job_array *array =
        jrt_new_array(thread, jrt_known.object_array, (int32_t)bootstrap->count);
    const uint8_t *indices = jrt_pool_bytes(jrt_pool_of(in)) + bootstrap->arguments;
    struct job_object *object = NULL;
    if (!array) {
        return false;
    }
    jref_t *slots = job_elements(array);
    for (uint32_t i = 0; i < bootstrap->count; i++) {
        uint16_t index = (uint16_t)(indices[2 * i] << 8 | indices[2 * i + 1]);
        if (!argument_object(thread, in, index, &object)) {
            return false;
        }
        jgc_store(&array->object, &slots[i], job_to_ref(object));
    }
    bool alone =
        bootstrap->count == 1 && object && !(jrt_class_of(object)->flags & JRT_CLASS_ARRAY);
    *ret_object = alone ? object : &array->object;
    return true;
}

/* What linkCallSite and linkDynamicConstant are called with. */
struct bootstrap_call {
    struct job_object *handle, *name, *type, *arguments;
};

/* The cause of a BootstrapMethodError is what was thrown and is no Error (JVMS 17 5.4.3.6). */
static void wrap(struct jrt_thread *thread)
{
    if (jrt_pending_is(thread, JRT_Error)) {
        return;
    }
    struct job_object *thrown = jrt_catch(thread);
    struct jrt_class *error = jrt_known_class(thread, JRT_BootstrapMethodError);
    struct job_object *wrapped =
        error ? jrt_construct(thread, error, "(Ljava/lang/Throwable;)V", thrown) : NULL;
    if (wrapped) {
        (void)jrt_throw_object(thread, wrapped);
    }
}

static bool find_all(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                     struct bootstrap_call *call)
{
    const struct jrt_pool *pool = jrt_pool_of(in);
    const struct jrt_bootstrap *bootstrap =
        (const struct jrt_bootstrap *)job_at(pool->bootstraps) + jrt_pool_high(pool, index);
    struct jrt_member_name member;
    if (!jrt_pool_member(in, index, &member)) {
        return jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    if (!argument_object(thread, in, bootstrap->handle, &call->handle)) {
        return false;
    }
    call->name = jrt_intern_symbol(thread, member.name);
    if (!call->name) {
        return false;
    }
    if (pool->tags[index] == JCF_TAG_INVOKE_DYNAMIC) {
        call->type = jrt_method_type(thread, member.descriptor, in);
    } else {
        const struct jrt_symbol *text = jrt_symbol_at(member.descriptor);
        const struct jrt_class *of = jrt_class_of_type(thread, text->text, text->length, in);
        call->type = of ? jrt_mirror(of) : NULL;
    }
    return call->type && static_arguments(thread, in, bootstrap, &call->arguments) &&
           jrt_known_class(thread, JRT_MethodHandleNatives);
}

static bool prepare(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                    struct bootstrap_call *call)
{
    if (!find_all(thread, in, index, call)) {
        wrap(thread);
        return false;
    }
    return true;
}

struct jrt_method *jrt_link_call_site(struct jrt_thread *thread, struct jrt_class *in,
                                      uint16_t index, struct job_object **ret_appendix)
{
    struct bootstrap_call call = {0};
    if (!prepare(thread, in, index, &call)) {
        return NULL;
    }
    struct job_array *box = jrt_new_array(thread, jrt_known.object_array, 1);
    union jrt_slot result = {0};
    if (!box ||
        !jrt_call(thread, jrt_known.method[JRT_METHOD_linkCallSite], &result, jrt_mirror(in),
                  (int)index, call.handle, call.name, call.type, call.arguments, &box->object)) {
        return NULL;
    }
    return jrt_linked(thread, result, box, ret_appendix);
}

static bool dynamic_constant(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                             struct job_object **ret_object)
{
    struct bootstrap_call call = {0};
    union jrt_slot result = {0};
    /* Its arguments may be dynamic too, and in the end itself. */
    if (!jrt_has_room(thread) || !prepare(thread, in, index, &call) ||
        !jrt_call(thread, jrt_known.method[JRT_METHOD_linkDynamicConstant], &result, jrt_mirror(in),
                  (int)index, call.handle, call.name, call.type, call.arguments)) {
        return false;
    }
    *ret_object = job_from_ref(result.ref);
    return true;
}

static bool make_constant(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                          struct job_object **ret_object)
{
    uint8_t tag = jrt_pool_of(in)->tags[index];
    if (tag == JCF_TAG_DYNAMIC) {
        return dynamic_constant(thread, in, index, ret_object);
    }
    if (tag == JCF_TAG_METHOD_HANDLE) {
        *ret_object = method_handle(thread, in, index);
        return *ret_object != NULL;
    }
    job_offset_t symbol = jrt_pool_named(in, index);
    if (!symbol) {
        return jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    *ret_object = tag == JCF_TAG_STRING ? jrt_intern_symbol(thread, symbol)
                                        : jrt_method_type(thread, symbol, in);
    return *ret_object != NULL;
}

/* A constant that is an object: resolved, or resolved before. *ret_reference: 1 + its index in the
 * references; the null of a dynamic constant is kept as a reference to null. */
static bool object_constant(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                            uint32_t *ret_reference)
{
    uint32_t *place = jrt_pool_resolved(jrt_pool_of(in), index);
    uint32_t word = __atomic_load_n(place, __ATOMIC_ACQUIRE);
    if (word == JRT_POOL_FAILED && jrt_throw_kept(thread, in, index)) {
        return false;
    }
    if (word <= JRT_POOL_FAILED) {
        struct job_object *object = NULL;
        uint32_t added = 0;
        if (make_constant(thread, in, index, &object)) {
            added = jrt_add_reference(thread, in, object);
        } else {
            jrt_keep_failure(thread, in, index);
        }
        uint32_t now = added ? added + 1 : JRT_POOL_FAILED;
        if (!added && !jrt_pending_is(thread, JRT_LinkageError)) {
            return false; /* may succeed another time */
        }
        word = 0;
        if (__atomic_compare_exchange_n(place, &word, now, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) {
            word = now;
        }
        if (word == JRT_POOL_FAILED) {
            if (!jrt_failed(thread)) {
                (void)jrt_throw_kept(thread, in, index);
            }
            return false;
        }
        (void)jrt_catch(thread); /* another thread was faster, and luckier */
    }
    *ret_reference = word - 1;
    return true;
}

static enum jrt_type dynamic_type(struct jrt_class *in, uint16_t index)
{
    struct jrt_member_name member;
    if (!jrt_pool_member(in, index, &member)) {
        return JRT_OBJECT;
    }
    enum jrt_type type = jrt_type_of_char(jrt_text(member.descriptor)[0]);
    return type == JRT_ARRAY ? JRT_OBJECT : type;
}

bool jrt_resolve_constant(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                          union jrt_slot *ret_value, enum jrt_type *ret_type, uint32_t *ret_index)
{
    const struct jrt_pool *pool = jrt_pool_of(in);
    uint8_t tag = pool->tags[index];
    *ret_index = 0;
    if (tag == JCF_TAG_INTEGER || tag == JCF_TAG_FLOAT) {
        *ret_value = (union jrt_slot){.word = jrt_pool_value(pool, index)};
        *ret_type = tag == JCF_TAG_INTEGER ? JRT_INT : JRT_FLOAT;
        return true;
    }
    if (tag == JCF_TAG_LONG || tag == JCF_TAG_DOUBLE) {
        *ret_value = (union jrt_slot){.word = jrt_pool_wide(pool, index)};
        *ret_type = tag == JCF_TAG_LONG ? JRT_LONG : JRT_DOUBLE;
        return true;
    }
    *ret_type = JRT_OBJECT;
    if (tag == JCF_TAG_CLASS) {
        const struct jrt_class *class = jrt_resolve_class(thread, in, index);
        if (!class) {
            return false;
        }
        /* Its mirror never moves and lives as long as the referring class: no reference is needed.
         */
        *ret_value = (union jrt_slot){.word = class->object.mirror.word};
        return true;
    }
    uint32_t reference;
    if (!object_constant(thread, in, index, &reference)) {
        return false;
    }
    struct job_object *object = jrt_reference(in, reference);
    enum jrt_type type = tag == JCF_TAG_DYNAMIC ? dynamic_type(in, index) : JRT_OBJECT;
    if (type != JRT_OBJECT) {
        (void)jrt_unbox(object, ret_value);
        *ret_type = type;
        return true;
    }
    *ret_value = (union jrt_slot){.word = job_to_ref(object).word};
    *ret_index = reference;
    return true;
}
