/*
 * The objects of java.lang.reflect: Field, Method, Constructor, made by writing their fields
 * (jvm-interface.md 5.2), and read back by class and slot.
 */
#include "jvm/jdk/jdk_reflect.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

enum { TYPES_MAX = 256 }; /* a method has up to 255 arguments, and a result */

/* ---- pieces ---- */

struct job_object *jdk_bytes(struct jrt_thread *thread, const struct jrt_class *class,
                             struct jcf_range range)
{
    if (range.length == 0) {
        return NULL;
    }
    struct job_array *array =
        jrt_new_array(thread, jrt_known.primitive_array[JRT_BYTE], (int32_t)range.length);
    if (array == NULL) {
        return NULL;
    }
    memcpy(job_elements(array), jrt_pool_bytes(jrt_pool_of(class)) + range.at, range.length);
    return &array->object;
}

struct job_object *jdk_dotted(struct jrt_thread *thread, job_offset_t symbol)
{
    const struct jrt_symbol *name = jrt_symbol_at(symbol);
    st_auto(free) char *text = malloc(name->length + 1u);
    if (text == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    for (uint32_t i = 0; i < name->length; i++) {
        text[i] = name->text[i] == '/' ? '.' : name->text[i];
    }
    struct job_object *string = jrt_string(thread, text, name->length);
    return string != NULL ? jrt_intern(thread, string) : NULL;
}

static const struct jrt_field *field_named(const struct job_object *object, const char *name,
                                           const char *descriptor)
{
    job_offset_t symbol = jrt_symbol_find(name, strlen(name));
    job_offset_t type = jrt_symbol_find(descriptor, strlen(descriptor));
    const struct jrt_field *field =
        symbol != 0 && type != 0 ? jrt_find_field(jrt_class_of(object), symbol, type) : NULL;
    if (field == NULL) {
        (void)jrt_throw(jrt_current(), JRT_NoSuchFieldError, "%s", name);
    }
    return field;
}

bool jdk_set_ref(struct job_object *object, const char *name, const char *descriptor,
                 const struct job_object *value)
{
    const struct jrt_field *field = field_named(object, name, descriptor);
    if (field != NULL) {
        jrt_set_ref(object, field->offset, value);
    }
    return field != NULL;
}

bool jdk_set_boolean(struct job_object *object, const char *name, bool value)
{
    const struct jrt_field *field = field_named(object, name, "Z");
    if (field != NULL) {
        jrt_set_byte(object, field->offset, value ? 1 : 0);
    }
    return field != NULL;
}

void jdk_describe_method(const struct jrt_method *method, char *text, size_t size)
{
    char name[JRT_MESSAGE_BYTES];
    jrt_external_name(jrt_class_at(method->class_at), name, sizeof name);
    (void)jrt_method_text(name, jrt_text(method->name), jrt_text(method->descriptor), text,
                          (uint32_t)size);
}

/* ---- what an object stands for ---- */

static struct jrt_class *class_in(const struct job_object *object, uint32_t class_at)
{
    const struct job_object *mirror = jrt_ref(object, class_at);
    return mirror != NULL ? jrt_class_of_mirror(mirror) : NULL;
}

struct jrt_method *jdk_reflected_method(const struct job_object *reflected)
{
    bool constructor = jrt_class_of(reflected) == jrt_known.class[JRT_Constructor];
    const struct jrt_class *class =
        class_in(reflected, constructor ? JRT_AT(Constructor, clazz) : JRT_AT(Method, clazz));
    int32_t slot =
        jrt_int(reflected, constructor ? JRT_AT(Constructor, slot) : JRT_AT(Method, slot));
    if (class == NULL || slot < 0 || slot >= class->declared_method_count) {
        return NULL;
    }
    return jrt_method_at(class->methods) + slot;
}

struct jrt_field *jdk_reflected_field(const struct job_object *reflected)
{
    const struct jrt_class *class = class_in(reflected, JRT_AT(Field, clazz));
    int32_t slot = jrt_int(reflected, JRT_AT(Field, slot));
    if (class == NULL || slot < 0 || slot >= class->field_count) {
        return NULL;
    }
    return (struct jrt_field *)job_at(class->fields) + slot;
}

/* ---- making them ---- */

/* The end of the type that begins there. */
static const char *type_end(const char *type)
{
    while (*type == '[') {
        type++;
    }
    return *type == 'L' ? strchr(type, ';') + 1 : type + 1;
}

static struct job_array *class_array(struct jrt_thread *thread, const struct jrt_class *const *list,
                                     uint32_t count)
{
    struct job_array *array = jrt_new_array(thread, jrt_known.class_array, (int32_t)count);
    for (uint32_t i = 0; array != NULL && i < count; i++) {
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, list[i]->object.mirror);
    }
    return array;
}

/* A method's parameters as Class[], and the class of its result. */
static bool types_of(struct jrt_thread *thread, const struct jrt_method *method,
                     struct job_array **ret_parameters, struct jrt_class **ret_result)
{
    const struct jrt_class *list[TYPES_MAX];
    struct jrt_class *in = jrt_class_at(method->class_at);
    uint32_t count = 0;
    const char *at = jrt_text(method->descriptor) + 1;
    while (*at != ')' && count < TYPES_MAX) {
        const char *end = type_end(at);
        list[count] = jrt_class_of_descriptor(thread, at, (size_t)(end - at), in);
        if (list[count++] == NULL) {
            return false;
        }
        at = end;
    }
    struct jrt_class *result = jrt_class_of_descriptor(thread, at + 1, strlen(at + 1), in);
    *ret_parameters = result != NULL ? class_array(thread, list, count) : NULL;
    *ret_result = result;
    return *ret_parameters != NULL;
}

/* The exceptions that a method declares, as Class[]. */
static struct job_array *exceptions_of(struct jrt_thread *thread, struct jrt_class *in,
                                       struct jcf_range declared)
{
    uint32_t count = declared.length / 2;
    struct job_array *array = jrt_new_array(thread, jrt_known.class_array, (int32_t)count);
    const uint8_t *indices = jrt_pool_bytes(jrt_pool_of(in)) + declared.at;
    for (uint32_t i = 0; array != NULL && i < count; i++) {
        const struct jrt_class *class = jrt_resolve_class(thread, in, jcf_u2(indices + 2 * i));
        if (class == NULL) {
            return NULL;
        }
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, class->object.mirror);
    }
    return array;
}

/* Stores bytes of the class file, null where there are none. */
static bool set_bytes(struct jrt_thread *thread, struct job_object *object, uint32_t at,
                      const struct jrt_class *class, struct jcf_range range)
{
    jrt_set_ref(object, at, jdk_bytes(thread, class, range));
    return !jrt_failed(thread);
}

/* Stores a text of the class file, null where there is none. */
static bool set_text(struct jrt_thread *thread, struct job_object *object, uint32_t at,
                     const struct jrt_class *class, uint16_t index)
{
    if (index != 0) {
        jrt_set_ref(object, at, jrt_intern_symbol(thread, jrt_pool_symbol(class, index)));
    }
    return !jrt_failed(thread);
}

/* What Method and Constructor both have, by the offsets of one of them. */
struct executable_layout {
    uint32_t clazz, slot, parameters, exceptions, modifiers, signature, annotations,
        parameter_annotations;
};

static bool fill_executable(struct jrt_thread *thread, struct job_object *object,
                            const struct executable_layout *at, const struct jrt_method *method,
                            const struct jcf_method *file, const struct job_array *parameters)
{
    struct jrt_class *class = jrt_class_at(method->class_at);
    const struct job_array *exceptions = exceptions_of(thread, class, file->exceptions);
    if (exceptions == NULL) {
        return false;
    }
    jrt_set_ref(object, at->clazz, jrt_mirror(class));
    jrt_set_int(object, at->slot, method->slot);
    jrt_set_ref(object, at->parameters, &parameters->object);
    jrt_set_ref(object, at->exceptions, &exceptions->object);
    jrt_set_int(object, at->modifiers, method->access & JDK_METHOD_MODIFIERS);
    return set_text(thread, object, at->signature, class, file->signature) &&
           set_bytes(thread, object, at->annotations, class, file->annotations.visible) &&
           set_bytes(thread, object, at->parameter_annotations, class, file->parameter_annotations);
}

static struct job_object *reflect_constructor(struct jrt_thread *thread,
                                              const struct jrt_method *method,
                                              const struct jcf_method *file,
                                              const struct job_array *parameters)
{
    const struct executable_layout at = {
        JRT_AT(Constructor, clazz),          JRT_AT(Constructor, slot),
        JRT_AT(Constructor, parameterTypes), JRT_AT(Constructor, exceptionTypes),
        JRT_AT(Constructor, modifiers),      JRT_AT(Constructor, signature),
        JRT_AT(Constructor, annotations),    JRT_AT(Constructor, parameterAnnotations)};
    struct job_object *object = jrt_new(thread, jrt_known.class[JRT_Constructor]);
    if (object == NULL || !fill_executable(thread, object, &at, method, file, parameters)) {
        return NULL;
    }
    return object;
}

struct job_object *jdk_reflect_method(struct jrt_thread *thread, struct jrt_method *method)
{
    struct jcf_method file;
    struct job_array *parameters;
    struct jrt_class *result;
    bool constructor = (method->flags & JRT_METHOD_INITIALIZER) != 0;
    struct jrt_class *of = jrt_known.class[constructor ? JRT_Constructor : JRT_Method];
    if (!jrt_init_class(thread, of) || !types_of(thread, method, &parameters, &result)) {
        return NULL;
    }
    jrt_method_attributes(method, &file);
    if (constructor) {
        return reflect_constructor(thread, method, &file, parameters);
    }
    const struct executable_layout at = {
        JRT_AT(Method, clazz),          JRT_AT(Method, slot),
        JRT_AT(Method, parameterTypes), JRT_AT(Method, exceptionTypes),
        JRT_AT(Method, modifiers),      JRT_AT(Method, signature),
        JRT_AT(Method, annotations),    JRT_AT(Method, parameterAnnotations)};
    struct job_object *object = jrt_new(thread, of);
    struct job_object *name = object != NULL ? jrt_intern_symbol(thread, method->name) : NULL;
    if (name == NULL || !fill_executable(thread, object, &at, method, &file, parameters)) {
        return NULL;
    }
    jrt_set_ref(object, JRT_AT(Method, name), name);
    jrt_set_ref(object, JRT_AT(Method, returnType), jrt_mirror(result));
    return set_bytes(thread, object, JRT_AT(Method, annotationDefault),
                     jrt_class_at(method->class_at), file.annotation_default)
               ? object
               : NULL;
}

struct job_object *jdk_reflect_field(struct jrt_thread *thread, struct jrt_field *field)
{
    struct jrt_class *class = jrt_class_at(field->class_at);
    const struct jrt_symbol *descriptor = jrt_symbol_at(field->descriptor);
    struct jcf_field file;
    if (!jrt_init_class(thread, jrt_known.class[JRT_Field])) {
        return NULL;
    }
    const struct jrt_class *type =
        jrt_class_of_descriptor(thread, descriptor->text, descriptor->length, class);
    struct job_object *object = type != NULL ? jrt_new(thread, jrt_known.class[JRT_Field]) : NULL;
    struct job_object *name = object != NULL ? jrt_intern_symbol(thread, field->name) : NULL;
    if (name == NULL) {
        return NULL;
    }
    jrt_field_attributes(field, &file);
    jrt_set_ref(object, JRT_AT(Field, clazz), jrt_mirror(class));
    jrt_set_int(object, JRT_AT(Field, slot), field->slot);
    jrt_set_ref(object, JRT_AT(Field, name), name);
    jrt_set_ref(object, JRT_AT(Field, type), jrt_mirror(type));
    jrt_set_int(object, JRT_AT(Field, modifiers), field->access & JDK_FIELD_MODIFIERS);
    jrt_set_byte(object, JRT_AT(Field, trustedFinal),
                 (field->flags & JRT_FIELD_TRUSTED_FINAL) != 0 ? 1 : 0);
    return set_text(thread, object, JRT_AT(Field, signature), class, file.signature) &&
                   set_bytes(thread, object, JRT_AT(Field, annotations), class,
                             file.annotations.visible)
               ? object
               : NULL;
}

bool jdk_class_attributes(const struct jrt_class *class, struct jcf_class *ret_file)
{
    if (jdk_is_plain(class)) {
        jrt_class_attributes(class, ret_file);
    }
    return jdk_is_plain(class);
}
