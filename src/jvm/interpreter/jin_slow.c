/* The slow parts of instructions: exceptions, far and volatile fields, interface calls. */
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/interpreter/jin_priv.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_invoke.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_module.h"
#include "jvm/runtime/jrt_throw.h"

enum { NAME_MAX_BYTES = 512 };

bool jin_throw_null(struct jrt_thread *thread)
{
    struct jrt_class *class = jrt_known_class(thread, JRT_NullPointerException);
    return class != NULL && jrt_throw_class(thread, class, NULL);
}

bool jin_throw_bounds(struct jrt_thread *thread, int32_t index, int32_t length)
{
    return jrt_throw(thread, JRT_ArrayIndexOutOfBoundsException,
                     "Index %d out of bounds for length %d", index, length);
}

bool jin_throw_cast(struct jrt_thread *thread, const struct job_object *object,
                    const struct jrt_class *class)
{
    return jrt_throw_cast(thread, jrt_class_of(object), class);
}

bool jin_store_checked(struct jrt_thread *thread, struct job_array *array, jref_t *element,
                       const struct job_object *value)
{
    const struct jrt_class *wanted = jrt_class_at(jrt_class_of(&array->object)->element);
    char name[NAME_MAX_BYTES];
    if (jrt_is_subtype(jrt_class_of(value), wanted)) {
        jgc_store(&array->object, element, job_to_ref(value));
        return true;
    }
    return jrt_throw(thread, JRT_ArrayStoreException, "%s",
                     jrt_external_name(jrt_class_of(value), name, sizeof name));
}

bool jin_throw_abstract(struct jrt_thread *thread, const struct jrt_method *resolved,
                        const struct jrt_method *method, const struct job_object *receiver)
{
    const struct jrt_class *class = receiver != NULL ? jrt_class_of(receiver) : NULL;
    return class != NULL && jrt_is_abstract_slot(class, method)
               ? jrt_throw_abstract_slot(thread, class, method)
               : jrt_throw_abstract(thread, resolved, method, class);
}

const struct jrt_method *jin_resolved_method(struct jin_code *code, const struct jin_insn *insn,
                                             const struct jrt_method *selected)
{
    return insn->op == JIN_CALL_VIRTUAL ? jrt_method_at(jin_sites(code)[insn->b].at) : selected;
}

struct jrt_method *jin_checked_target(struct jrt_thread *thread, const struct jin_site *site,
                                      const struct job_object *receiver)
{
    const struct jrt_class *wanted = jrt_class_at(site->extra);
    const struct jrt_class *class = jrt_class_of(receiver);
    struct jrt_method *method = jrt_method_at(site->at);
    if (!jrt_is_subtype(class, wanted)) {
        bool special = (site->cached & JIN_CHECKED_SPECIAL) != 0;
        (void)jrt_throw_receiver(thread, class, wanted,
                                 special ? JRT_INVOKESPECIAL : JRT_INVOKEINTERFACE);
        return NULL;
    }
    bool virtual = (site->cached & JIN_CHECKED_VIRTUAL) != 0;
    return virtual ? jrt_method_at(((job_offset_t *)job_at(class->vtable))[method->vtable_index])
                   : method;
}

struct jrt_method *jin_interface_target(struct jrt_thread *thread, struct jin_site *site,
                                        const struct job_object *receiver)
{
    struct jrt_method *method = jrt_method_at(site->at);
    struct jrt_class *class = jrt_class_of(receiver);
    struct jrt_method *target = jrt_interface_method(class, method);
    if (target == NULL) {
        (void)jrt_throw_receiver(thread, class, jrt_class_at(method->class_at),
                                 JRT_INVOKEINTERFACE);
        return NULL;
    }
    if ((target->access & JCF_ACC_PUBLIC) == 0 && (target->flags & JRT_METHOD_OVERPASS) == 0) {
        (void)jrt_throw_not_public(thread, class, method, target);
        return NULL;
    }
    if ((target->access & JCF_ACC_ABSTRACT) != 0) {
        (void)jrt_throw_abstract_interface(thread, method, target, class);
        return NULL;
    }
    uint64_t cache = receiver->class_at | (uint64_t)job_offset(target) << 32;
    __atomic_store_n((uint64_t *)&site->extra, cache, __ATOMIC_RELEASE);
    return target;
}

void jin_get_far(const struct jin_site *site, const struct job_object *object, union jrt_slot *to)
{
    const struct jrt_field *field = (const struct jrt_field *)job_at(site->at);
    const char *at = (const char *)object + field->offset;
    switch (field->type) {
    case JRT_BOOLEAN:
    case JRT_BYTE:
        to->word = (uint32_t)__atomic_load_n((const int8_t *)at, __ATOMIC_SEQ_CST);
        break;
    case JRT_CHAR:
        to->word = __atomic_load_n((const uint16_t *)at, __ATOMIC_SEQ_CST);
        break;
    case JRT_SHORT:
        to->word = (uint32_t)__atomic_load_n((const int16_t *)at, __ATOMIC_SEQ_CST);
        break;
    case JRT_LONG:
    case JRT_DOUBLE:
        to->word = __atomic_load_n((const uint64_t *)at, __ATOMIC_SEQ_CST);
        break;
    default:
        to->word = __atomic_load_n((const uint32_t *)at, __ATOMIC_SEQ_CST);
        break;
    }
}

void jin_put_far(const struct jin_site *site, struct job_object *object, const union jrt_slot *from)
{
    const struct jrt_field *field = (const struct jrt_field *)job_at(site->at);
    char *at = (char *)object + field->offset;
    switch (field->type) {
    case JRT_BOOLEAN:
        __atomic_store_n((uint8_t *)at, (uint8_t)(from->i & 1), __ATOMIC_SEQ_CST);
        break;
    case JRT_BYTE:
        __atomic_store_n((int8_t *)at, (int8_t)from->i, __ATOMIC_SEQ_CST);
        break;
    case JRT_CHAR:
    case JRT_SHORT:
        __atomic_store_n((uint16_t *)at, (uint16_t)from->i, __ATOMIC_SEQ_CST);
        break;
    case JRT_LONG:
    case JRT_DOUBLE:
        __atomic_store_n((uint64_t *)at, from->word, __ATOMIC_SEQ_CST);
        break;
    case JRT_OBJECT:
    case JRT_ARRAY:
        jgc_store_volatile(object, (jref_t *)at, from->ref);
        break;
    default:
        __atomic_store_n((uint32_t *)at, (uint32_t)from->i, __ATOMIC_SEQ_CST);
        break;
    }
}

bool jin_new_multi(struct jrt_thread *thread, const struct jin_site *site, union jrt_slot *slots)
{
    int32_t lengths[255];
    for (uint32_t i = 0; i < site->count; i++) {
        lengths[i] = slots[i].i;
    }
    struct job_array *made =
        jrt_new_multi_array(thread, jrt_class_at(site->at), lengths, site->count);
    slots[0].word = job_to_ref(made).word;
    return made != NULL;
}

/* Not inlined: the exception would stay in the frame of jin_run, and the stacks' words keep objects
 * alive. */
ST_NOINLINE int64_t jin_handler(struct jrt_thread *thread, struct jin_code *code,
                                union jrt_slot *fp)
{
    struct jrt_method *method = jrt_method_at(code->method);
    if (method->handler_count == 0) {
        return -1;
    }
    if (thread->poll != 0) { /* a handler may throw to itself for ever */
        jrt_poll(thread);
    }
    struct job_object *exception = jrt_catch(thread);
    uint32_t at = jin_bytecode_index(code, jrt_frame_of(fp)->pc);
    int target = jrt_find_handler(thread, method, at, &exception);
    thread->exception = job_to_ref(exception);
    if (target < 0) {
        return -1;
    }
    uint32_t insn = jin_insn_at(code, (uint32_t)target);
    return insn == UINT32_MAX ? -1 : (int64_t)insn;
}
