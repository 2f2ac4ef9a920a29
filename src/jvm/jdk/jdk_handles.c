/*
 * The natives of java.lang.invoke.MethodHandleNatives (jvm-interface.md 6.4): finding members by
 * name, what a MemberName stands for, call sites.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_fast.h"
#include "jvm/jdk/jdk_member.h"
#include "jvm/jdk/jdk_reflect.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_invoke.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_references.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

#define NATIVE(name)                                                                               \
    static bool name(struct jrt_thread *thread ST_UNUSED, union jrt_slot *args ST_UNUSED,          \
                     union jrt_slot *result ST_UNUSED)

enum { UNCONDITIONAL = 32 }; /* a lookup mode: Lookup.UNCONDITIONAL */
enum { SEARCH_SUPERCLASSES = 0x100000, SEARCH_INTERFACES = 0x200000 };

static inline struct job_object *object(const union jrt_slot *slot)
{
    return job_from_ref(slot->ref);
}

static int32_t flags_of(const struct job_object *member)
{
    return jrt_int(member, JRT_AT(MemberName, flags));
}

static enum jcf_reference_kind reference_of(int32_t flags)
{
    return (enum jcf_reference_kind)(flags >> JDK_MN_REFERENCE_SHIFT & JDK_MN_REFERENCE_MASK);
}

static bool no_member(struct jrt_thread *thread, const char *what)
{
    return jrt_throw(thread, JRT_InternalError, "%s", what);
}

/* ---- descriptors ---- */

static void append(struct st_buf *text, const char *more, size_t length)
{
    (void)st_buf_append(text, more, length); /* too long a text gives no symbol */
}

static void append_class(struct st_buf *text, const struct jrt_class *class)
{
    static const char letters[JRT_VOID + 1] = {
        [JRT_BOOLEAN] = 'Z', [JRT_CHAR] = 'C', [JRT_FLOAT] = 'F',
        [JRT_DOUBLE] = 'D',  [JRT_BYTE] = 'B', [JRT_SHORT] = 'S',
        [JRT_INT] = 'I',     [JRT_LONG] = 'J', [JRT_VOID] = 'V'};
    const struct jrt_symbol *name = jrt_symbol_at(class->name);
    if ((class->flags & JRT_CLASS_PRIMITIVE) != 0) {
        append(text, &letters[class->component_type], 1);
    } else if ((class->flags & JRT_CLASS_ARRAY) != 0) {
        append(text, name->text, name->length);
    } else {
        append(text, "L", 1);
        append(text, name->text, name->length);
        append(text, ";", 1);
    }
}

static const struct jrt_class *mirrored(const struct job_object *mirror)
{
    return jrt_class_of_mirror(mirror);
}

/* The descriptor that MemberName.type means: a MethodType, a Class, or a String that is one. 0: too
 * long, none, or `known` and no class has yet said such a one. */
static ST_NOINLINE job_offset_t descriptor_of(const struct job_object *type, bool known)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(UINT16_MAX);
    const struct jrt_class *class = jrt_class_of(type);
    if (class == jrt_known.class[JRT_String]) {
        return jrt_string_symbol(type, false);
    }
    if (class == jrt_known.class[JRT_Class]) {
        append_class(&text, mirrored(type));
    } else if (class == jrt_known.class[JRT_MethodType]) {
        const struct job_array *parameters =
            (const struct job_array *)jrt_ref(type, JRT_AT(MethodType, ptypes));
        append(&text, "(", 1);
        for (int32_t i = 0; i < parameters->length; i++) {
            append_class(&text,
                         mirrored(job_from_ref(((const jref_t *)job_elements(parameters))[i])));
        }
        append(&text, ")", 1);
        append_class(&text, mirrored(jrt_ref(type, JRT_AT(MethodType, rtype))));
    }
    if (text.length == 0 || st_buf_status(&text) < 0) {
        return 0;
    }
    return known ? jrt_symbol_find(text.data, text.length) : jrt_symbol(text.data, text.length);
}

/* ---- resolve ---- */

struct request {
    struct job_object *member;
    struct jrt_class *class;  /* that is named; Object for an array's */
    struct jrt_class *caller; /* NULL: nothing is checked */
    job_offset_t name, descriptor;
    int32_t flags;
    bool unconstrained;
    bool speculative; /* what is not there is no error */
};

static bool resolve_field(struct jrt_thread *thread, const struct request *request)
{
    const struct jrt_field *field =
        jrt_find_field(request->class, request->name, request->descriptor);
    if (field == NULL) {
        return jrt_throw(thread, JRT_NoSuchFieldError, "%s", jrt_text(request->name));
    }
    enum jcf_reference_kind reference = reference_of(request->flags);
    jdk_member_set_field(request->member, field,
                         reference == JCF_REF_PUT_FIELD || reference == JCF_REF_PUT_STATIC);
    return true;
}

/* A signature-polymorphic method: an intrinsic's stand-in, or what java.lang.invoke links. */
static bool resolve_polymorphic(struct jrt_thread *thread, const struct request *request,
                                const struct jrt_method *polymorphic)
{
    struct jrt_call_target target = {.kind = JRT_CALL_POLYMORPHIC};
    if (polymorphic->intrinsic != 0) {
        target.method = jrt_polymorphic_method(thread, (enum jrt_intrinsic)polymorphic->intrinsic,
                                               request->descriptor);
    } else {
        struct job_object *appendix = NULL;
        struct jrt_class *in = request->caller != NULL ? request->caller : request->class;
        target.method = jrt_link_handle(thread, in, request->class, request->name,
                                        request->descriptor, &appendix);
        if (target.method != NULL && appendix != NULL) {
            return no_member(thread, "appendix"); /* which a MemberName cannot hold */
        }
    }
    return target.method != NULL &&
           jdk_member_set_call(thread, request->member, &target, request->class);
}

static bool resolve_method(struct jrt_thread *thread, const struct request *request)
{
    enum jcf_reference_kind reference = reference_of(request->flags);
    enum jrt_invoke invoke = JRT_INVOKEVIRTUAL;
    const struct jrt_method *polymorphic = jrt_polymorphic_of(request->class, request->name);
    if (polymorphic != NULL && reference != JCF_REF_INVOKE_INTERFACE &&
        ((polymorphic->access & JCF_ACC_STATIC) != 0) == (reference == JCF_REF_INVOKE_STATIC)) {
        return resolve_polymorphic(thread, request, polymorphic);
    }
    switch (reference) {
    case JCF_REF_INVOKE_STATIC:
        invoke = JRT_INVOKESTATIC;
        break;
    case JCF_REF_INVOKE_INTERFACE:
        invoke = JRT_INVOKEINTERFACE;
        break;
    case JCF_REF_INVOKE_SPECIAL:
    case JCF_REF_NEW_INVOKE_SPECIAL:
        invoke = JRT_INVOKESPECIAL;
        break;
    case JCF_REF_INVOKE_VIRTUAL:
    case JCF_REF_GET_FIELD:
    case JCF_REF_GET_STATIC:
    case JCF_REF_PUT_FIELD:
    case JCF_REF_PUT_STATIC:
        break;
    }
    const struct jrt_link link = {.class = request->class,
                                  .name = request->name,
                                  .descriptor = request->descriptor,
                                  .from = request->caller,
                                  .unconstrained = request->unconstrained};
    struct jrt_call_target target;
    return jrt_link_method(thread, &link, invoke, &target) &&
           jdk_member_set_call(thread, request->member, &target, request->class);
}

/* What is asked for; false: nothing can be found, or an exception is pending. */
static bool prepare(struct jrt_thread *thread, struct job_object *member, struct request *request)
{
    const struct job_object *mirror = jrt_ref(member, JRT_AT(MemberName, clazz));
    const struct job_object *name = jrt_ref(member, JRT_AT(MemberName, name));
    const struct job_object *type = jrt_ref(member, JRT_AT(MemberName, type));
    if (mirror == NULL || name == NULL || type == NULL) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "nothing to resolve");
    }
    request->member = member;
    request->flags = flags_of(member);
    request->class = jrt_class_of_mirror(mirror);
    if ((request->class->flags & JRT_CLASS_ARRAY) != 0) {
        request->class = jrt_known.class[JRT_Object];
    }
    if ((request->class->flags & JRT_CLASS_PRIMITIVE) != 0 ||
        !jrt_link_class(thread, request->class)) {
        return false;
    }
    request->name = jrt_string_symbol(name, false);
    bool polymorphic = jrt_polymorphic_of(request->class, request->name) != NULL;
    request->descriptor = descriptor_of(type, request->speculative && !polymorphic);
    return request->name != 0 && request->descriptor != 0 && request->name != jrt_known.name_clinit;
}

static bool resolve_request(struct jrt_thread *thread, const struct request *request)
{
    bool call = jrt_text(request->descriptor)[0] == '(';
    switch (request->flags & JDK_MN_KINDS) {
    case JDK_MN_FIELD:
        return !call && resolve_field(thread, request);
    case JDK_MN_METHOD:
        return call && resolve_method(thread, request);
    case JDK_MN_CONSTRUCTOR:
        return call && request->name == jrt_known.name_init && resolve_method(thread, request);
    default:
        return no_member(thread, "unrecognized type");
    }
}

static bool throw_unresolved(struct jrt_thread *thread, int32_t flags)
{
    if ((flags & JDK_MN_KINDS) == JDK_MN_FIELD) {
        return jrt_throw(thread, JRT_NoSuchFieldError, "field resolution failed");
    }
    return jrt_throw(thread, JRT_NoSuchMethodError, "method resolution failed");
}

/* resolve(MemberName self, Class caller, int lookupMode, boolean speculative) */
NATIVE(resolve)
{
    struct job_object *member = object(&args[0]);
    const struct job_object *caller = object(&args[1]);
    bool speculative = (args[3].i & 1) != 0;
    if (member == NULL) {
        return no_member(thread, "no member name to resolve");
    }
    result->word = args[0].ref.word;
    if (jrt_ref(member, JRT_AT(MemberName, method)) != NULL) {
        return true;
    }
    int32_t flags = flags_of(member);
    enum jcf_reference_kind reference = reference_of(flags);
    if (reference < JCF_REF_GET_FIELD || reference > JCF_REF_INVOKE_INTERFACE) {
        return no_member(thread, "obsolete MemberName format");
    }
    struct request request = {.caller = caller != NULL ? jrt_class_of_mirror(caller) : NULL,
                              .unconstrained = (args[2].i & UNCONDITIONAL) != 0,
                              .speculative = speculative};
    if (prepare(thread, member, &request) && resolve_request(thread, &request)) {
        return true;
    }
    result->word = 0;
    if (!speculative) {
        return jrt_failed(thread) ? false : throw_unresolved(thread, flags);
    }
    if (jrt_failed(thread) && !jrt_pending_is(thread, JRT_LinkageError)) {
        return false;
    }
    (void)jrt_catch(thread);
    return true;
}

/* ---- init, expand ---- */

/* init(MemberName self, Object reflected) */
NATIVE(init)
{
    struct job_object *member = object(&args[0]);
    const struct job_object *reflected = object(&args[1]);
    if (member == NULL || reflected == NULL) {
        return no_member(thread, member == NULL ? "mname is null" : "target is null");
    }
    const struct jrt_class *class = jrt_class_of(reflected);
    if (class == jrt_known.class[JRT_Field]) {
        const struct jrt_field *field = jdk_reflected_field(reflected);
        if (field == NULL) {
            return true;
        }
        jdk_member_set_field(member, field, false);
        if (jrt_ref(member, JRT_AT(MemberName, name)) == NULL) {
            jrt_set_ref(member, JRT_AT(MemberName, name), jrt_ref(reflected, JRT_AT(Field, name)));
        }
        if (jrt_ref(member, JRT_AT(MemberName, type)) == NULL) {
            jrt_set_ref(member, JRT_AT(MemberName, type), jrt_ref(reflected, JRT_AT(Field, type)));
        }
        return true;
    }
    if (class != jrt_known.class[JRT_Method] && class != jrt_known.class[JRT_Constructor]) {
        return no_member(thread, "unrecognized type");
    }
    struct jrt_method *method = jdk_reflected_method(reflected);
    if (method == NULL) {
        return true;
    }
    struct jrt_class *holder = jrt_class_at(method->class_at);
    if (jrt_polymorphic_of(holder, method->name) == method) {
        return true; /* it is not one method, and stays unresolved */
    }
    return jrt_link_class(thread, holder) && jdk_member_set_method(thread, member, method);
}

/* Stores a name's String where there is none. */
static bool complete(struct jrt_thread *thread, struct job_object *member, uint32_t at,
                     job_offset_t symbol)
{
    if (jrt_ref(member, at) == NULL) {
        jrt_set_ref(member, at, jrt_intern_symbol(thread, symbol));
    }
    return !jrt_failed(thread);
}

/* The field at an offset, in the class or above. */
static const struct jrt_field *field_at(const struct jrt_class *class, int64_t offset, bool fixed)
{
    for (;; class = jrt_class_at(class->super)) {
        const struct jrt_field *fields = job_at(class->fields);
        for (uint32_t i = 0; i < class->field_count; i++) {
            if (fields[i].offset == offset && ((fields[i].access & JCF_ACC_STATIC) != 0) == fixed) {
                return &fields[i];
            }
        }
        if (class->super == 0 || fixed) {
            return NULL;
        }
    }
}

static bool expand_field(struct jrt_thread *thread, struct job_object *member)
{
    const struct job_object *mirror = jrt_ref(member, JRT_AT(MemberName, clazz));
    if (mirror == NULL) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "nothing to expand (as field)");
    }
    const struct jrt_field *field =
        field_at(jrt_class_of_mirror(mirror), jrt_long(member, JRT_AT(MemberName, vmindex)),
                 (flags_of(member) & JCF_ACC_STATIC) != 0);
    if (field == NULL) {
        return true;
    }
    if (field->type != JRT_OBJECT && field->type != JRT_ARRAY &&
        jrt_ref(member, JRT_AT(MemberName, type)) == NULL) {
        jrt_set_ref(member, JRT_AT(MemberName, type), jrt_mirror(jrt_known.primitive[field->type]));
    }
    return complete(thread, member, JRT_AT(MemberName, name), field->name) &&
           complete(thread, member, JRT_AT(MemberName, type), field->descriptor);
}

/* expand(MemberName self) */
NATIVE(expand)
{
    struct job_object *member = object(&args[0]);
    if (member == NULL) {
        return no_member(thread, "mname is null");
    }
    int32_t what = flags_of(member) & JDK_MN_KINDS;
    if (what == JDK_MN_FIELD) {
        return expand_field(thread, member);
    }
    if (what != JDK_MN_METHOD && what != JDK_MN_CONSTRUCTOR) {
        return no_member(thread, "unrecognized type");
    }
    const struct jrt_method *method = jrt_member_method(member);
    if (method == NULL) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "nothing to expand");
    }
    if (jrt_ref(member, JRT_AT(MemberName, clazz)) == NULL) {
        jrt_set_ref(member, JRT_AT(MemberName, clazz), jrt_mirror(jrt_class_at(method->class_at)));
    }
    return complete(thread, member, JRT_AT(MemberName, name), method->name) &&
           complete(thread, member, JRT_AT(MemberName, type), method->descriptor);
}

/* ---- getMembers ---- */

/* A search: found ones fill `results` behind the first `skip`; what finds no room is counted. */
struct search {
    job_offset_t name, descriptor; /* 0: any */
    int32_t kinds;
    int32_t skip;
    int32_t filled, overflow;
    struct job_array *results;
    struct jrt_thread *thread;
};

enum { OVERFLOW_LIMIT = 1000, BAD_RESULTS = -99 };

/* The MemberName that a hit goes to; NULL: it is skipped or only counted. */
static struct job_object *next_result(struct search *search)
{
    if (search->skip > 0) {
        search->skip--;
    } else if (search->filled < search->results->length) {
        return job_from_ref(((const jref_t *)job_elements(search->results))[search->filled++]);
    } else {
        search->overflow++;
    }
    return NULL;
}

static bool is_full(const struct search *search)
{
    return search->overflow >= ST_MAX(OVERFLOW_LIMIT, search->results->length);
}

static bool search_fields(struct search *search, const struct jrt_class *class)
{
    const struct jrt_field *fields = job_at(class->fields);
    for (uint32_t i = 0; i < class->field_count && !is_full(search); i++) {
        if ((search->name != 0 && fields[i].name != search->name) ||
            (search->descriptor != 0 && fields[i].descriptor != search->descriptor) ||
            (fields[i].flags & JRT_FIELD_INJECTED) != 0) {
            continue;
        }
        struct job_object *member = next_result(search);
        if (member != NULL) {
            jdk_member_set_field(member, &fields[i], false);
        }
    }
    return true;
}

static bool search_methods(struct search *search, const struct jrt_class *class)
{
    struct jrt_method *methods = jrt_method_at(class->methods);
    for (uint32_t i = 0; i < class->declared_method_count && !is_full(search); i++) {
        struct jrt_method *method = &methods[i];
        bool constructor = (method->flags & JRT_METHOD_INITIALIZER) != 0;
        if ((search->kinds & (constructor ? JDK_MN_CONSTRUCTOR : JDK_MN_METHOD)) == 0 ||
            (method->flags & (JRT_METHOD_CLASS_INITIALIZER | JRT_METHOD_OVERPASS)) != 0 ||
            (search->name != 0 && method->name != search->name) ||
            (search->descriptor != 0 && method->descriptor != search->descriptor)) {
            continue;
        }
        struct job_object *member = next_result(search);
        if (member != NULL && !jdk_member_set_method(search->thread, member, method)) {
            return false;
        }
    }
    return true;
}

/* The class, then what is above it, as far as the flags say. */
static bool search_all(struct search *search, struct jrt_class *class, int32_t flags,
                       bool (*one)(struct search *search, const struct jrt_class *class))
{
    const job_offset_t *interfaces = job_at(class->all_interfaces);
    for (const struct jrt_class *at = class;; at = jrt_class_at(at->super)) {
        if (!one(search, at)) {
            return false;
        }
        if (at->super == 0 || (flags & SEARCH_SUPERCLASSES) == 0) {
            break;
        }
    }
    for (uint32_t i = 0; (flags & SEARCH_INTERFACES) != 0 && i < class->all_interface_count; i++) {
        if (!one(search, jrt_class_at(interfaces[i]))) {
            return false;
        }
    }
    return true;
}

/* getMembers(Class defc, String name, String sig, int flags, Class caller, int skip,
 * MemberName[] results) */
NATIVE(getMembers)
{
    const struct job_object *mirror = object(&args[0]);
    const struct job_object *name = object(&args[1]);
    const struct job_object *descriptor = object(&args[2]);
    int32_t flags = args[3].i;
    struct search search = {.kinds = flags & JDK_MN_KINDS,
                            .skip = args[5].i,
                            .results = (struct job_array *)object(&args[6]),
                            .thread = thread};
    result->i = -1;
    if (mirror == NULL || search.results == NULL) {
        return true;
    }
    struct jrt_class *class = jrt_class_of_mirror(mirror);
    result->i = 0;
    search.name = name != NULL ? jrt_string_symbol(name, false) : 0;
    search.descriptor = descriptor != NULL ? jrt_string_symbol(descriptor, false) : 0;
    if ((name != NULL && search.name == 0) || (descriptor != NULL && search.descriptor == 0) ||
        (class->flags & JRT_CLASS_PRIMITIVE) != 0) {
        return true;
    }
    for (int32_t i = 0; i < search.results->length; i++) {
        const struct job_object *one =
            job_from_ref(((const jref_t *)job_elements(search.results))[i]);
        if (one == NULL || jrt_class_of(one) != jrt_known.class[JRT_MemberName]) {
            result->i = BAD_RESULTS;
            return true;
        }
    }
    if (!jrt_link_class(thread, class)) {
        return false;
    }
    bool call = search.descriptor != 0 && jrt_text(search.descriptor)[0] == '(';
    if ((search.kinds & JDK_MN_FIELD) != 0 && !call &&
        !search_all(&search, class, flags, search_fields)) {
        return false;
    }
    if ((search.kinds & (JDK_MN_METHOD | JDK_MN_CONSTRUCTOR)) != 0 &&
        (search.descriptor == 0 || call) && !search_all(&search, class, flags, search_methods)) {
        return false;
    }
    result->i = search.filled + search.overflow;
    return true;
}

/* ---- what the machine knows of a resolved member ---- */

static bool field_offset(struct jrt_thread *thread, const struct job_object *member, bool fixed,
                         union jrt_slot *result)
{
    int32_t flags = member != NULL ? flags_of(member) : 0;
    if ((flags & JDK_MN_FIELD) == 0 || ((flags & JCF_ACC_STATIC) != 0) != fixed) {
        return no_member(thread, fixed ? "static field required" : "non-static field required");
    }
    result->j = jrt_long(member, JRT_AT(MemberName, vmindex));
    return true;
}

NATIVE(objectFieldOffset)
{
    return field_offset(thread, object(&args[0]), false, result);
}

NATIVE(staticFieldOffset)
{
    return field_offset(thread, object(&args[0]), true, result);
}

NATIVE(staticFieldBase)
{
    const struct job_object *member = object(&args[0]);
    union jrt_slot offset;
    if (!field_offset(thread, member, true, &offset)) {
        return false;
    }
    result->word = job_to_ref(jrt_ref(member, JRT_AT(MemberName, clazz))).word;
    return true;
}

NATIVE(getMemberVMInfo)
{
    const struct job_object *member = object(&args[0]);
    if (member == NULL) {
        result->word = 0;
        return true;
    }
    union jrt_slot index = {.j = jrt_long(member, JRT_AT(MemberName, vmindex))};
    const struct job_object *target = (flags_of(member) & JDK_MN_FIELD) != 0
                                          ? jrt_ref(member, JRT_AT(MemberName, clazz))
                                          : member;
    struct job_array *pair = jrt_new_array(thread, jrt_known.object_array, 2);
    const struct job_object *box = pair != NULL ? jrt_box(thread, JRT_LONG, index) : NULL;
    if (box == NULL) {
        return false;
    }
    jgc_store(&pair->object, (jref_t *)job_elements(pair), job_to_ref(box));
    jgc_store(&pair->object, (jref_t *)job_elements(pair) + 1, job_to_ref(target));
    result->word = job_to_ref(pair).word;
    return true;
}

/* ---- call sites: nothing is compiled that depends on a target ---- */

NATIVE(setCallSiteTarget)
{
    if (args[0].ref.word == 0) {
        return jrt_throw_null(thread);
    }
    jrt_set_ref(object(&args[0]), JRT_AT(CallSite, target), object(&args[1]));
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* VolatileCallSite's target is volatile */
    return true;
}

NATIVE(nothing)
{
    result->word = 0;
    return true;
}

/* ---- copyOutBootstrapArguments ---- */

/* A constant as an object; NULL, without an exception: a null, or not resolved and not to be. */
static bool constant(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                     bool resolve_it, struct job_object *if_not, struct job_object **ret_object)
{
    const struct jrt_pool *pool = jrt_pool_of(in);
    uint8_t tag = pool->tags[index];
    bool number = tag == JCF_TAG_INTEGER || tag == JCF_TAG_FLOAT || tag == JCF_TAG_LONG ||
                  tag == JCF_TAG_DOUBLE;
    if (!resolve_it && !number &&
        __atomic_load_n(jrt_pool_resolved(pool, index), __ATOMIC_ACQUIRE) <= JRT_POOL_FAILED) {
        *ret_object = if_not;
        return true;
    }
    union jrt_slot value;
    enum jrt_type type;
    uint32_t ignored;
    if (!jrt_resolve_constant(thread, in, index, &value, &type, &ignored)) {
        return false;
    }
    *ret_object = type == JRT_OBJECT ? job_from_ref(value.ref) : jrt_box(thread, type, value);
    return !jrt_failed(thread);
}

/* Before the arguments, at -4 to -1: the bootstrap method, name, type, number of arguments. */
enum { AT_HANDLE = -4, AT_NAME = -3, AT_TYPE = -2, AT_COUNT = -1 };

static bool pseudo_argument(struct jrt_thread *thread, struct jrt_class *in, uint16_t index,
                            int32_t which, const struct jrt_bootstrap *bootstrap,
                            struct job_object **ret_object)
{
    struct jrt_member_name member;
    if (which == AT_HANDLE) {
        return constant(thread, in, bootstrap->handle, true, NULL, ret_object);
    }
    if (which == AT_COUNT) {
        union jrt_slot count = {.i = bootstrap->count};
        *ret_object = jrt_box(thread, JRT_INT, count);
        return *ret_object != NULL;
    }
    if (!jrt_pool_member(in, index, &member)) {
        return jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    const struct jrt_symbol *text = jrt_symbol_at(member.descriptor);
    if (which == AT_NAME) {
        *ret_object = jrt_intern_symbol(thread, member.name);
    } else if (text->text[0] == '(') {
        *ret_object = jrt_method_type(thread, member.descriptor, in);
    } else {
        const struct jrt_class *type =
            jrt_class_of_descriptor(thread, text->text, text->length, in);
        *ret_object = type != NULL ? jrt_mirror(type) : NULL;
    }
    return *ret_object != NULL;
}

/* The bootstrap method that {count, constant} means; NULL: IllegalArgumentException. */
static const struct jrt_bootstrap *bootstrap_of(struct jrt_thread *thread,
                                                const struct jrt_class *in,
                                                const struct job_array *index_info)
{
    if (in == NULL || in->pool == 0) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException, "bad caller");
        return NULL;
    }
    const struct jrt_pool *pool = jrt_pool_of(in);
    const int32_t *words = index_info != NULL ? job_elements(index_info) : NULL;
    if (words == NULL || index_info->length < 2) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException, "bad index info (0)");
        return NULL;
    }
    const struct jrt_bootstrap *bootstrap = NULL;
    if (words[1] > 0 && words[1] < pool->count &&
        (pool->tags[words[1]] == JCF_TAG_DYNAMIC ||
         pool->tags[words[1]] == JCF_TAG_INVOKE_DYNAMIC)) {
        bootstrap = (const struct jrt_bootstrap *)job_at(pool->bootstraps) +
                    jrt_pool_high(pool, (uint16_t)words[1]);
    }
    if (bootstrap == NULL || bootstrap->count != words[0]) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException, "bad index info (1)");
        return NULL;
    }
    return bootstrap;
}

/* copyOutBootstrapArguments(Class caller, int[] indexInfo, int start, int end, Object[] buf,
 * int pos, boolean resolve, Object ifNotAvailable) */
NATIVE(copyOutBootstrapArguments)
{
    struct jrt_class *in = args[0].ref.word != 0 ? jrt_class_of_mirror(object(&args[0])) : NULL;
    const struct job_array *index_info = (const struct job_array *)object(&args[1]);
    struct job_array *buffer = (struct job_array *)object(&args[4]);
    int32_t start = args[2].i;
    int32_t end = args[3].i;
    int32_t at = args[5].i;
    const struct jrt_bootstrap *bootstrap = bootstrap_of(thread, in, index_info);
    if (bootstrap == NULL) {
        return false;
    }
    if (buffer == NULL || start < AT_HANDLE || start > end || end > bootstrap->count || at < 0 ||
        at > buffer->length || end - start > buffer->length - at) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "bad index range");
    }
    uint16_t index = (uint16_t)((const int32_t *)job_elements(index_info))[1];
    const uint8_t *indices = jrt_pool_bytes(jrt_pool_of(in)) + bootstrap->arguments;
    for (int32_t i = start; i < end; i++, at++) {
        struct job_object *value = NULL;
        bool good = i < 0 ? pseudo_argument(thread, in, index, i, bootstrap, &value)
                          : constant(thread, in, jcf_u2(indices + 2 * i), (args[6].i & 1) != 0,
                                     object(&args[7]), &value);
        if (!good) {
            return false;
        }
        jgc_store(&buffer->object, (jref_t *)job_elements(buffer) + at, job_to_ref(value));
    }
    return true;
}

#define MN "Ljava/lang/invoke/MemberName;"
#define CALL_SITE "Ljava/lang/invoke/CallSite;"
#define HANDLE "Ljava/lang/invoke/MethodHandle;"

const struct jdk_fast jdk_fast_handles[] = {
    {"registerNatives", "()V", nothing},
    {"init", "(" MN "Ljava/lang/Object;)V", init},
    {"expand", "(" MN ")V", expand},
    {"resolve", "(" MN "Ljava/lang/Class;IZ)" MN, resolve},
    {"getMembers",
     "(Ljava/lang/Class;Ljava/lang/String;Ljava/lang/String;ILjava/lang/Class;I[" MN ")I",
     getMembers},
    {"objectFieldOffset", "(" MN ")J", objectFieldOffset},
    {"staticFieldOffset", "(" MN ")J", staticFieldOffset},
    {"staticFieldBase", "(" MN ")Ljava/lang/Object;", staticFieldBase},
    {"getMemberVMInfo", "(" MN ")Ljava/lang/Object;", getMemberVMInfo},
    {"setCallSiteTargetNormal", "(" CALL_SITE HANDLE ")V", setCallSiteTarget},
    {"setCallSiteTargetVolatile", "(" CALL_SITE HANDLE ")V", setCallSiteTarget},
    {"copyOutBootstrapArguments", "(Ljava/lang/Class;[III[Ljava/lang/Object;IZLjava/lang/Object;)V",
     copyOutBootstrapArguments},
    {"clearCallSiteContext", "(Ljava/lang/invoke/MethodHandleNatives$CallSiteContext;)V", nothing},
    {"getNamedCon", "(I[Ljava/lang/Object;)I", nothing},
    {NULL, NULL, NULL},
};
