/*
 * Signature-polymorphic methods (JVMS 17 2.9.3) and what java.lang.invoke links for the machine
 * (jvm-interface.md 6.1 to 6.3).
 */
#include "jvm/runtime/jrt_invoke.h"

#include <string.h>

#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_flow.h"
#include "jvm/runtime/jrt_invoke_priv.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_meta.h"
#include "jvm/runtime/jrt_references.h"
#include "jvm/runtime/jrt_resolve_priv.h"
#include "jvm/runtime/jrt_string.h"

enum { INTRINSICS = JRT_INTRINSIC_linkToNative + 1, TYPES_MAX = 256 };

static struct jrt_table made[INTRINSICS]; /* [resolution] descriptor -> made method */

struct jrt_method *jrt_polymorphic_of(const struct jrt_class *class, job_offset_t name)
{
    const uint16_t both = JCF_ACC_NATIVE | JCF_ACC_VARARGS;
    struct jrt_method *method =
        class->flags & JRT_CLASS_HANDLE ? jrt_declared_named(class, name) : NULL;
    if (!method || (method->access & both) != both ||
        strncmp(jrt_text(method->descriptor), "([Ljava/lang/Object;)", 21) != 0) {
        return NULL;
    }
    return method;
}

static struct jrt_method *make_polymorphic(enum jrt_intrinsic intrinsic, job_offset_t descriptor)
{
    struct jrt_class *class = jrt_known.class[JRT_MethodHandle];
    const struct jrt_method *methods = jrt_method_at(class->methods);
    const struct jrt_method *like = NULL;
    for (uint32_t i = 0; i < class->declared_method_count; i++) {
        like = methods[i].intrinsic == intrinsic ? &methods[i] : like;
    }
    struct jrt_method *method =
        like ? jrt_meta(jrt_boot_loader, JOB_META_WRITTEN, sizeof(*method)) : NULL;
    if (!method) {
        return NULL;
    }
    const char *text = jrt_text(descriptor);
    *method = *like;
    method->code = 0;
    method->native = 0;
    method->descriptor = descriptor;
    method->flags |= JRT_METHOD_POLYMORPHIC;
    method->access &= (uint16_t)~JCF_ACC_VARARGS; /* its arguments are those of the descriptor */
    method->arg_slots =
        (uint16_t)(jrt_flow_argument_slots(text) + !(like->access & JCF_ACC_STATIC));
    method->max_locals = method->arg_slots;
    const char *result = strchr(text, ')') + 1;
    method->return_type = (uint8_t)jrt_type_of_char(*result);
    method->vtable_index = JRT_NO_VTABLE;
    method->slot = UINT16_MAX;
    jrt_exec->set_entry(method);
    return method;
}

struct jrt_method *jrt_polymorphic_method(struct jrt_thread *thread, enum jrt_intrinsic intrinsic,
                                          job_offset_t descriptor)
{
    pthread_mutex_lock(&jrt_resolution_lock);
    job_offset_t at = jrt_table_find(&made[intrinsic], descriptor);
    struct jrt_method *method = at ? jrt_method_at(at) : make_polymorphic(intrinsic, descriptor);
    if (method && !at && !jrt_table_put(&made[intrinsic], descriptor, job_offset(method))) {
        method = NULL;
    }
    pthread_mutex_unlock(&jrt_resolution_lock);
    if (!method) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    return method;
}

/* A descriptor's class or class of elements if that is public in java.lang or java.lang.invoke,
 * which everybody sees and has from the boot loader: no other loader is asked. Else NULL. */
static struct jrt_class *visible_to_all(struct jrt_thread *thread, const char *type,
                                        const char *end)
{
    static const char *const packages[] = {"Ljava/lang/", "Ljava/lang/invoke/"};
    while (*type == '[') {
        type++;
    }
    for (unsigned i = 0; i < ST_COUNT(packages); i++) {
        size_t length = strlen(packages[i]);
        if ((size_t)(end - type) <= length || memcmp(type, packages[i], length) != 0 ||
            memchr(type + length, '/', (size_t)(end - type) - length)) {
            continue;
        }
        job_offset_t name = jrt_symbol_find(type + 1, (size_t)(end - type) - 2);
        struct jrt_class *class = name ? jrt_boot_class(thread, name) : NULL;
        return class && (class->access & JCF_ACC_PUBLIC) ? class : NULL;
    }
    return NULL;
}

struct job_object *jrt_method_type(struct jrt_thread *thread, job_offset_t descriptor,
                                   struct jrt_class *in)
{
    const char *text = jrt_text(descriptor);
    struct job_object *mirrors[TYPES_MAX];
    uint32_t count = 0;
    const char *at = text + 1;
    for (;;) {
        bool result = *at == ')';
        at += result;
        const char *end = at;
        while (*end == '[') {
            end++;
        }
        end = *end == 'L' ? strchr(end, ';') + 1 : end + 1;
        struct jrt_class *known = visible_to_all(thread, at, end);
        struct jrt_class *class =
            jrt_failed(thread) ? NULL
            : known            ? jrt_class_of_descriptor(thread, at, (size_t)(end - at), known)
                               : jrt_class_of_type(thread, at, (size_t)(end - at), in);
        if (!class || count == TYPES_MAX) {
            return NULL;
        }
        mirrors[count++] = jrt_mirror(class);
        at = end;
        if (result) {
            break;
        }
    }
    struct job_array *arguments =
        jrt_new_array(thread, jrt_known.class_array, (int32_t)(count - 1));
    if (!arguments) {
        return NULL;
    }
    jref_t *slots = job_elements(arguments);
    for (uint32_t i = 0; i + 1 < count; i++) {
        jgc_store(&arguments->object, &slots[i], job_to_ref(mirrors[i]));
    }
    union jrt_slot result = {0};
    if (!jrt_known_class(thread, JRT_MethodHandleNatives) ||
        !jrt_call(thread, jrt_known.method[JRT_METHOD_findMethodHandleType], &result,
                  mirrors[count - 1], &arguments->object)) {
        return NULL;
    }
    return job_from_ref(result.ref);
}

struct jrt_method *jrt_member_method(const struct job_object *member_name)
{
    const struct job_object *resolved =
        member_name ? jrt_ref(member_name, JRT_AT(MemberName, method)) : NULL;
    job_offset_t at =
        resolved ? (job_offset_t)jrt_int(resolved, JRT_AT(ResolvedMethodName, method)) : 0;
    return at ? jrt_method_at(at) : NULL;
}

struct jrt_method *jrt_linked(struct jrt_thread *thread, union jrt_slot member_name,
                              const struct job_array *box, struct job_object **ret_appendix)
{
    struct jrt_method *method = jrt_member_method(job_from_ref(member_name.ref));
    if (!method) {
        (void)jrt_throw(thread, JRT_LinkageError, "bad value from MethodHandleNatives");
        return NULL;
    }
    *ret_appendix = job_from_ref(*(const jref_t *)job_elements(box));
    return method;
}

struct jrt_method *jrt_link_handle(struct jrt_thread *thread, struct jrt_class *in,
                                   struct jrt_class *class, job_offset_t name,
                                   job_offset_t descriptor, struct job_object **ret_appendix)
{
    struct job_object *type = jrt_method_type(thread, descriptor, in);
    struct job_object *string = type ? jrt_intern_symbol(thread, name) : NULL;
    struct job_array *box = string ? jrt_new_array(thread, jrt_known.object_array, 1) : NULL;
    union jrt_slot result = {0};
    if (!box || !jrt_known_class(thread, JRT_MethodHandleNatives) ||
        !jrt_call(thread, jrt_known.method[JRT_METHOD_linkMethod], &result, jrt_mirror(in),
                  JCF_REF_INVOKE_VIRTUAL, jrt_mirror(class), string, type, &box->object)) {
        return NULL;
    }
    return jrt_linked(thread, result, box, ret_appendix);
}

static uint64_t site_code(job_offset_t method, uint32_t at)
{
    return (uint64_t)method << 32 | at;
}

/* A call that java.lang.invoke linked: of a constant-pool entry (method 0) or an instruction. */
struct jrt_site {
    uint64_t code;
    job_offset_t next;
    job_offset_t adapter;
    uint32_t appendix; /* index of a reference, 0: none */
};

static const struct jrt_site *find_site_locked(const struct jrt_class *in, uint64_t code)
{
    job_offset_t at = in->sites;
    while (at && ((const struct jrt_site *)job_at(at))->code != code) {
        at = ((const struct jrt_site *)job_at(at))->next;
    }
    return at ? job_at(at) : NULL;
}

static bool use_site(struct jrt_class *in, uint64_t code, struct jrt_call_target *ret_target)
{
    pthread_mutex_lock(&jrt_resolution_lock);
    const struct jrt_site *site = find_site_locked(in, code);
    pthread_mutex_unlock(&jrt_resolution_lock);
    if (site) {
        *ret_target = (struct jrt_call_target){.kind = JRT_CALL_HANDLE,
                                               .method = jrt_method_at(site->adapter),
                                               .appendix_index = site->appendix};
    }
    return site != NULL;
}

/* Keeps what was linked, if nobody was faster; what counts is the first one's. */
static bool keep_site(struct jrt_thread *thread, struct jrt_class *in, uint64_t code,
                      const struct jrt_method *adapter, struct job_object *appendix,
                      struct jrt_call_target *ret_target)
{
    struct jrt_site *site = jrt_class_meta(in, JOB_META_WRITTEN, sizeof(*site));
    uint32_t index = site && appendix ? jrt_add_reference(thread, in, appendix) : 0;
    if (!site || (appendix && !index)) {
        return site ? false : jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    /* Adapters may be of classes that nothing else keeps. */
    if (!jrt_add_reference(thread, in, jrt_mirror(jrt_class_at(adapter->class_at)))) {
        return false;
    }
    *site = (struct jrt_site){.code = code, .adapter = job_offset(adapter), .appendix = index};
    pthread_mutex_lock(&jrt_resolution_lock);
    if (!find_site_locked(in, code)) {
        site->next = in->sites;
        in->sites = job_offset(site);
    }
    pthread_mutex_unlock(&jrt_resolution_lock);
    return use_site(in, code, ret_target);
}

bool jrt_resolve_polymorphic(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                             const struct jrt_method *polymorphic,
                             struct jrt_call_target *ret_target)
{
    struct jrt_member_name member;
    if (!jrt_pool_member(in, index, &member)) {
        return jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    if (polymorphic->intrinsic) {
        struct jrt_method *method = jrt_polymorphic_method(
            thread, (enum jrt_intrinsic)polymorphic->intrinsic, member.descriptor);
        *ret_target = (struct jrt_call_target){.kind = JRT_CALL_POLYMORPHIC, .method = method};
        return method != NULL;
    }
    uint64_t code = site_code(0, index);
    if (use_site(in, code, ret_target)) {
        return true;
    }
    struct job_object *appendix;
    struct jrt_class *class = jrt_class_at(polymorphic->class_at);
    struct jrt_method *adapter =
        jrt_link_handle(thread, in, class, member.name, member.descriptor, &appendix);
    return adapter && keep_site(thread, in, code, adapter, appendix, ret_target);
}

bool jrt_resolve_call_site(struct jrt_thread *thread, struct jrt_method *method,
                           uint32_t bytecode_index, uint16_t index,
                           struct jrt_call_target *ret_target)
{
    struct jrt_class *in = jrt_class_at(method->class_at);
    uint64_t code = site_code(job_offset(method), bytecode_index);
    if (use_site(in, code, ret_target)) {
        return true;
    }
    if (jrt_throw_kept(thread, in, code)) {
        return false;
    }
    struct job_object *appendix;
    struct jrt_method *adapter = jrt_link_call_site(thread, in, index, &appendix);
    if (!adapter) {
        jrt_keep_failure(thread, in, code);
        return false;
    }
    return keep_site(thread, in, code, adapter, appendix, ret_target);
}
