/*
 * JVM_ functions of java.lang.reflect: members as objects, calls by reflection
 * (jvm-interface.md 2.4).
 */
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_convert.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jdk_reflect.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

/* Written before they are used: what is in a frame of C is taken for references. */
enum { ARGUMENT_SLOTS = 256 };

static jobject local_array(struct jrt_thread *thread, struct job_array *array)
{
    return array != NULL && !jrt_failed(thread) ? jrt_local(thread, &array->object) : NULL;
}

/* An array of `count` objects of a class of the library. */
static struct job_array *array_of(struct jrt_thread *thread, struct jrt_class *element,
                                  uint32_t count)
{
    struct jrt_class *class = element != NULL ? jrt_array_class(thread, element) : NULL;
    return class != NULL ? jrt_new_array(thread, class, (int32_t)count) : NULL;
}

static void put(struct job_array *array, uint32_t at, const struct job_object *object)
{
    jgc_store(&array->object, (jref_t *)job_elements(array) + at, job_to_ref(object));
}

/* ---- declared members ---- */

/* Whether a declared method is among those that are asked for. */
static bool wanted(const struct jrt_method *method, bool constructors, bool public_only)
{
    const uint32_t initializers = JRT_METHOD_INITIALIZER | JRT_METHOD_CLASS_INITIALIZER;
    uint32_t kind = constructors ? JRT_METHOD_INITIALIZER : 0;
    return (method->flags & initializers) == kind && (method->flags & JRT_METHOD_OVERPASS) == 0 &&
           (!public_only || (method->access & JCF_ACC_PUBLIC) != 0);
}

static jobject declared_methods(struct jrt_thread *thread, struct jrt_class *class,
                                bool constructors, bool public_only)
{
    struct jrt_class *element = jrt_known.class[constructors ? JRT_Constructor : JRT_Method];
    struct jrt_method *methods = jrt_method_at(class->methods);
    uint32_t count = 0;
    if (jdk_is_plain(class)) {
        if (!jrt_link_class(thread, class)) {
            return NULL;
        }
        for (uint32_t i = 0; i < class->declared_method_count; i++) {
            count += wanted(&methods[i], constructors, public_only);
        }
    }
    struct job_array *array = array_of(thread, element, count);
    for (uint32_t i = 0, at = 0; array != NULL && at < count; i++) {
        if (!wanted(&methods[i], constructors, public_only)) {
            continue;
        }
        const struct job_object *made = jdk_reflect_method(thread, &methods[i]);
        if (made == NULL) {
            return NULL;
        }
        put(array, at++, made);
    }
    return local_array(thread, array);
}

jobject JVM_GetClassDeclaredMethods(JNIEnv *env, jclass of, jboolean public_only)
{
    JDK_ENTER(env);
    JDK_RETURN(declared_methods(thread, jdk_class(of), false, public_only != 0));
}

jobject JVM_GetClassDeclaredConstructors(JNIEnv *env, jclass of, jboolean public_only)
{
    JDK_ENTER(env);
    JDK_RETURN(declared_methods(thread, jdk_class(of), true, public_only != 0));
}

static bool is_shown(const struct jrt_field *field, bool public_only)
{
    return (field->flags & JRT_FIELD_INJECTED) == 0 &&
           (!public_only || (field->access & JCF_ACC_PUBLIC) != 0);
}

jobject JVM_GetClassDeclaredFields(JNIEnv *env, jclass of, jboolean public_only)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jrt_field *fields = job_at(class->fields);
    uint32_t count = 0;
    if (jdk_is_plain(class)) {
        if (!jrt_link_class(thread, class)) {
            JDK_RETURN((jobject)NULL);
        }
        for (uint32_t i = 0; i < class->field_count; i++) {
            count += is_shown(&fields[i], public_only != 0);
        }
    }
    struct job_array *array = array_of(thread, jrt_known.class[JRT_Field], count);
    for (uint32_t i = 0, at = 0; array != NULL && at < count; i++) {
        if (!is_shown(&fields[i], public_only != 0)) {
            continue;
        }
        const struct job_object *made = jdk_reflect_field(thread, &fields[i]);
        if (made == NULL) {
            JDK_RETURN((jobject)NULL);
        }
        put(array, at++, made);
    }
    JDK_RETURN(local_array(thread, array));
}

/* ---- records ---- */

/* The method that reads a component: of its name and type, without parameters. NULL without an
 * exception: there is none. */
static struct job_object *accessor_of(struct jrt_thread *thread, const struct jrt_class *class,
                                      job_offset_t name, job_offset_t type)
{
    const struct jrt_symbol *text = jrt_symbol_at(type);
    st_auto(free) char *descriptor = malloc(text->length + 2u);
    if (descriptor == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    memcpy(descriptor, "()", 2);
    memcpy(descriptor + 2, text->text, text->length);
    job_offset_t symbol = jrt_symbol_find(descriptor, text->length + 2u);
    struct jrt_method *method = symbol != 0 ? jrt_declared_method(class, name, symbol) : NULL;
    bool usable = method != NULL && (method->access & JCF_ACC_STATIC) == 0 &&
                  (method->flags & JRT_METHOD_OVERPASS) == 0;
    return usable ? jdk_reflect_method(thread, method) : NULL;
}

static struct job_object *record_component(struct jrt_thread *thread, struct jrt_class *class,
                                           struct jrt_class *of,
                                           const struct jcf_component *component)
{
    job_offset_t name = jrt_pool_symbol(class, component->name);
    job_offset_t descriptor = jrt_pool_symbol(class, component->descriptor);
    if (name == 0 || descriptor == 0) {
        (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
        return NULL;
    }
    const struct jrt_symbol *text = jrt_symbol_at(descriptor);
    const struct jrt_class *type = jrt_class_of_descriptor(thread, text->text, text->length, class);
    struct job_object *made = type != NULL ? jrt_new(thread, of) : NULL;
    if (made == NULL) {
        return NULL;
    }
    jrt_set_ref(made, JRT_AT(RecordComponent, clazz), jrt_mirror(class));
    jrt_set_ref(made, JRT_AT(RecordComponent, type), jrt_mirror(type));
    jrt_set_ref(made, JRT_AT(RecordComponent, name), jrt_intern_symbol(thread, name));
    if (!jrt_failed(thread)) {
        jrt_set_ref(made, JRT_AT(RecordComponent, accessor),
                    accessor_of(thread, class, name, descriptor));
    }
    if (!jrt_failed(thread) && component->signature != 0) {
        jrt_set_ref(made, JRT_AT(RecordComponent, signature),
                    jrt_intern_symbol(thread, jrt_pool_symbol(class, component->signature)));
    }
    if (!jrt_failed(thread)) {
        jrt_set_ref(made, JRT_AT(RecordComponent, annotations),
                    jdk_bytes(thread, class, component->annotations.visible));
    }
    if (!jrt_failed(thread)) {
        jrt_set_ref(made, JRT_AT(RecordComponent, typeAnnotations),
                    jdk_bytes(thread, class, component->annotations.visible_types));
    }
    return jrt_failed(thread) ? NULL : made;
}

jobject JVM_GetRecordComponents(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jcf_class file;
    if (!jdk_class_attributes(class, &file)) {
        JDK_RETURN((jobject)NULL);
    }
    struct jrt_class *element =
        file.is_record ? jrt_known_class(thread, JRT_RecordComponent) : NULL;
    if (element == NULL || !jrt_link_class(thread, class)) {
        JDK_RETURN((jobject)NULL);
    }
    struct job_array *array = array_of(thread, element, file.component_count);
    for (uint32_t i = 0; array != NULL && i < file.component_count; i++) {
        const struct job_object *made =
            record_component(thread, class, element, &file.components[i]);
        if (made == NULL) {
            JDK_RETURN((jobject)NULL);
        }
        put(array, i, made);
    }
    JDK_RETURN(local_array(thread, array));
}

/* ---- attributes of members ---- */

/* A java.lang.reflect.Parameter of an entry of MethodParameters. */
static struct job_object *parameter(struct jrt_thread *thread, struct jrt_class *of,
                                    const struct jrt_class *class, uint16_t name, uint16_t flags)
{
    const struct jrt_pool *pool = jrt_pool_of(class);
    if (name >= pool->count || (name != 0 && pool->tags[name] != JCF_TAG_UTF8)) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException,
                        name >= pool->count ? "Constant pool index out of bounds"
                                            : "Wrong type at constant pool index");
        return NULL;
    }
    struct job_object *text =
        name != 0 ? jrt_intern_symbol(thread, jrt_pool_symbol(class, name)) : NULL;
    struct job_object *made = jrt_failed(thread) ? NULL : jrt_new(thread, of);
    if (made != NULL) {
        jrt_set_ref(made, JRT_AT(Parameter, name), text);
        jrt_set_int(made, JRT_AT(Parameter, modifiers), flags);
    }
    return made;
}

jobject JVM_GetMethodParameters(JNIEnv *env, jobject executable)
{
    JDK_ENTER(env);
    const struct jrt_method *method = jdk_reflected_method(jrt_get(executable));
    struct jcf_method file = {.has_parameters = false};
    if (method != NULL) {
        jrt_method_attributes(method, &file);
    }
    struct jrt_class *element = file.has_parameters ? jrt_known_class(thread, JRT_Parameter) : NULL;
    if (element == NULL) {
        JDK_RETURN((jobject)NULL);
    }
    const struct jrt_class *class = jrt_class_at(method->class_at);
    const uint8_t *entries = jrt_pool_bytes(jrt_pool_of(class)) + file.parameters.at;
    uint32_t count = file.parameters.length / 4;
    struct job_array *array = array_of(thread, element, count);
    for (uint32_t i = 0; array != NULL && i < count; i++) {
        struct job_object *made =
            parameter(thread, element, class, jcf_u2(entries + 4 * i), jcf_u2(entries + 4 * i + 2));
        if (made == NULL) {
            JDK_RETURN((jobject)NULL);
        }
        jrt_set_ref(made, JRT_AT(Parameter, executable), jrt_get(executable));
        jrt_set_int(made, JRT_AT(Parameter, index), (int32_t)i);
        put(array, i, made);
    }
    JDK_RETURN(local_array(thread, array));
}

jobject JVM_GetFieldTypeAnnotations(JNIEnv *env, jobject of)
{
    JDK_ENTER(env);
    const struct jrt_field *field = jdk_reflected_field(jrt_get(of));
    struct jcf_field file;
    if (field == NULL) {
        JDK_RETURN((jobject)NULL);
    }
    jrt_field_attributes(field, &file);
    JDK_RETURN(jrt_local(
        thread, jdk_bytes(thread, jrt_class_at(field->class_at), file.annotations.visible_types)));
}

jobject JVM_GetMethodTypeAnnotations(JNIEnv *env, jobject of)
{
    JDK_ENTER(env);
    const struct jrt_method *method = jdk_reflected_method(jrt_get(of));
    struct jcf_method file;
    if (method == NULL) {
        JDK_RETURN((jobject)NULL);
    }
    jrt_method_attributes(method, &file);
    JDK_RETURN(jrt_local(
        thread, jdk_bytes(thread, jrt_class_at(method->class_at), file.annotations.visible_types)));
}

/* ---- calls ---- */

static bool throw_arguments(struct jrt_thread *thread, const char *message)
{
    return jrt_throw(thread, JRT_IllegalArgumentException, "%s", message);
}

/* An argument as a slot of the parameter's type. */
static bool convert(struct jrt_thread *thread, const struct job_object *argument,
                    const struct jrt_class *type, union jrt_slot *ret_slot)
{
    if ((type->flags & JRT_CLASS_PRIMITIVE) == 0) {
        if (argument != NULL && !jrt_is_subtype(jrt_class_of(argument), type)) {
            return throw_arguments(thread, "argument type mismatch");
        }
        ret_slot->word = job_to_ref(argument).word;
        return true;
    }
    if (argument == NULL) {
        return jrt_throw_class(thread, jrt_known_class(thread, JRT_IllegalArgumentException), NULL);
    }
    union jrt_slot value = {.word = 0};
    enum jrt_type from = jrt_unbox(argument, &value);
    if (!jdk_widen(&value, from, (enum jrt_type)type->component_type)) {
        return throw_arguments(thread, "argument type mismatch");
    }
    *ret_slot = value;
    return true;
}

/* Arguments, behind the receiver's slot if there is one, by the Class[] that the Method has. */
static bool convert_all(struct jrt_thread *thread, const struct job_array *types,
                        const struct job_array *arguments, union jrt_slot *slots)
{
    int32_t given = arguments != NULL ? arguments->length : 0;
    if (given != types->length) {
        return throw_arguments(thread, "wrong number of arguments");
    }
    for (int32_t i = 0; i < given; i++) {
        const struct jrt_class *type =
            jrt_class_of_mirror(job_from_ref(((const jref_t *)job_elements(types))[i]));
        if (!convert(thread, job_from_ref(((const jref_t *)job_elements(arguments))[i]), type,
                     slots)) {
            return false;
        }
        bool wide = (type->flags & JRT_CLASS_PRIMITIVE) != 0 &&
                    (type->component_type == JRT_LONG || type->component_type == JRT_DOUBLE);
        slots += wide ? 2 : 1;
    }
    return true;
}

/* Throws InvocationTargetException for what the called method threw. */
static bool throw_target(struct jrt_thread *thread)
{
    struct job_object *cause = jrt_catch(thread);
    struct jrt_class *class = jrt_known_class(thread, JRT_InvocationTargetException);
    job_offset_t descriptor = jrt_symbol_of("(Ljava/lang/Throwable;)V");
    struct jrt_method *constructor =
        class != NULL && descriptor != 0
            ? jrt_declared_method(class, jrt_known.name_init, descriptor)
            : NULL;
    struct job_object *exception = constructor != NULL ? jrt_new(thread, class) : NULL;
    return exception != NULL && jrt_call(thread, constructor, NULL, exception, cause) &&
           jrt_throw_object(thread, exception);
}

/* What is called on an object of that class. */
static struct jrt_method *selected(const struct jrt_class *class, struct jrt_method *method)
{
    const struct jrt_class *holder = jrt_class_at(method->class_at);
    if ((method->access & (JCF_ACC_PRIVATE | JCF_ACC_STATIC)) != 0 ||
        (method->flags & JRT_METHOD_INITIALIZER) != 0) {
        return method;
    }
    return (holder->access & JCF_ACC_INTERFACE) != 0 ? jrt_interface_method(class, method)
                                                     : jrt_virtual_method(class, method);
}

/* Calls with slots that are filled in. */
static bool invoke(struct jrt_thread *thread, struct jrt_method *method,
                   const union jrt_slot *slots, union jrt_slot *ret_result)
{
    return jrt_exec->call(thread, method, slots, ret_result) || throw_target(thread);
}

static struct job_object *invoke_method(struct jrt_thread *thread,
                                        const struct job_object *reflected,
                                        const struct job_object *receiver,
                                        const struct job_array *arguments)
{
    union jrt_slot slots[ARGUMENT_SLOTS] = {{.word = 0}};
    union jrt_slot result = {.word = 0};
    struct jrt_method *method = jdk_reflected_method(reflected);
    if (method == NULL) {
        (void)jrt_throw(thread, JRT_InternalError, "invoke");
        return NULL;
    }
    struct jrt_class *class = jrt_class_at(method->class_at);
    bool fixed = (method->access & JCF_ACC_STATIC) != 0;
    if (!jrt_has_room(thread) || !jrt_init_class(thread, class)) {
        return NULL;
    }
    if (!fixed && receiver == NULL) {
        (void)jrt_throw_null(thread);
        return NULL;
    }
    if (!fixed && !jrt_is_subtype(jrt_class_of(receiver), class)) {
        (void)throw_arguments(thread, "object is not an instance of declaring class");
        return NULL;
    }
    struct jrt_method *target = fixed ? method : selected(jrt_class_of(receiver), method);
    slots[0].word = job_to_ref(receiver).word;
    const struct job_array *types =
        (const struct job_array *)jrt_ref(reflected, JRT_AT(Method, parameterTypes));
    if (!convert_all(thread, types, arguments, slots + (fixed ? 0 : 1)) ||
        !invoke(thread, target, slots, &result)) {
        return NULL;
    }
    enum jrt_type type = (enum jrt_type)method->return_type;
    if (type == JRT_OBJECT || type == JRT_ARRAY) {
        return job_from_ref(result.ref);
    }
    return type != JRT_VOID ? jrt_box(thread, type, result) : NULL;
}

jobject JVM_InvokeMethod(JNIEnv *env, jobject method, jobject receiver, jobject arguments)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, invoke_method(thread, jrt_get(method), jrt_get(receiver),
                                               (const struct job_array *)jrt_get(arguments))));
}

static struct job_object *new_instance(struct jrt_thread *thread,
                                       const struct job_object *reflected,
                                       const struct job_array *arguments)
{
    union jrt_slot slots[ARGUMENT_SLOTS] = {{.word = 0}};
    union jrt_slot nothing = {.word = 0};
    struct jrt_method *constructor = jdk_reflected_method(reflected);
    if (constructor == NULL) {
        (void)jrt_throw(thread, JRT_InternalError, "invoke");
        return NULL;
    }
    struct jrt_class *class = jrt_class_at(constructor->class_at);
    struct job_object *made = jrt_has_room(thread) ? jrt_new_instance(thread, class) : NULL;
    if (made == NULL) {
        return NULL;
    }
    slots[0].word = job_to_ref(made).word;
    const struct job_array *types =
        (const struct job_array *)jrt_ref(reflected, JRT_AT(Constructor, parameterTypes));
    return convert_all(thread, types, arguments, slots + 1) &&
                   invoke(thread, constructor, slots, &nothing)
               ? made
               : NULL;
}

jobject JVM_NewInstanceFromConstructor(JNIEnv *env, jobject constructor, jobject arguments)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, new_instance(thread, jrt_get(constructor),
                                              (const struct job_array *)jrt_get(arguments))));
}
