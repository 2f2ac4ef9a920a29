/* JNI: calls of methods, and their IDs (JNI specification, chapter 4, "Calling instance methods"
 * and "static"). */
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

/* Places of the families' first functions in the table; each type has three: ..., V, A. */
enum {
    NEW_OBJECT = 28,
    GET_METHOD_ID = 33,
    CALL = 34,
    CALL_NONVIRTUAL = 64,
    GET_STATIC_METHOD_ID = 113,
    CALL_STATIC = 114,
    PER_TYPE = 3
};

enum { ARGUMENT_SLOTS = 256, FEW_SLOTS = 8 };

/* Where arguments come from. */
struct source {
    va_list *list;        /* C's promotions: int, jlong, double, jobject */
    const jvalue *values; /* or these */
};

static void next_argument(struct source *from, char letter, union jrt_slot *to)
{
    jvalue value = {.j = 0};
    if (from->values != NULL) {
        value = *from->values++;
    }
    bool list = from->values == NULL;
    switch (letter) {
    case 'Z':
        to->word = list ? (uint32_t)(va_arg(*from->list, int) & 1) : (uint32_t)(value.z & 1);
        break;
    case 'B':
        to->word = (uint32_t)(list ? (jbyte)va_arg(*from->list, int) : value.b);
        break;
    case 'C':
        to->word = list ? (jchar)va_arg(*from->list, int) : value.c;
        break;
    case 'S':
        to->word = (uint32_t)(list ? (jshort)va_arg(*from->list, int) : value.s);
        break;
    case 'I':
        to->word = (uint32_t)(list ? va_arg(*from->list, int) : value.i);
        break;
    case 'J':
        to->j = list ? va_arg(*from->list, jlong) : value.j;
        break;
    case 'F':
        to->word = 0;
        to->f = list ? (float)va_arg(*from->list, double) : value.f;
        break;
    case 'D':
        to->d = list ? va_arg(*from->list, double) : value.d;
        break;
    default:
        to->word = job_to_ref(jrt_get(list ? va_arg(*from->list, jobject) : value.l)).word;
        break;
    }
}

/* Fills the slots behind the receiver by the method's descriptor. */
static void collect(const struct jrt_method *method, struct source *from, union jrt_slot *slots)
{
    for (const char *at = jrt_text(method->descriptor) + 1; *at != ')'; at++) {
        char letter = *at;
        next_argument(from, letter, slots);
        slots += letter == 'J' || letter == 'D' ? 2 : 1;
        while (*at == '[') {
            at++;
        }
        if (*at == 'L') {
            at = strchr(at, ';');
        }
    }
}

/* What a call of the method on an object of the class runs; NULL: the class has none. */
static struct jrt_method *selected(const struct jrt_class *class, struct jrt_method *method)
{
    bool interface = (jrt_class_at(method->class_at)->access & JCF_ACC_INTERFACE) != 0;
    return interface && (method->access & JCF_ACC_PRIVATE) == 0
               ? jrt_interface_method(class, method)
               : jrt_virtual_method(class, method);
}

static union jrt_slot call_with(struct jrt_thread *thread, jobject receiver,
                                struct jrt_method *method, bool virtually, struct source *from,
                                union jrt_slot *slots)
{
    union jrt_slot result = {.word = 0};
    bool fixed = (method->access & JCF_ACC_STATIC) != 0;
    struct jrt_method *target = method;
    collect(method, from, slots + (fixed ? 0 : 1));
    if (!fixed) {
        const struct job_object *object = jrt_get(receiver);
        slots[0].word = job_to_ref(object).word;
        if (object == NULL) {
            (void)jrt_throw_null(thread);
            return result;
        }
        if (virtually) {
            target = selected(jrt_class_of(object), method);
        }
    }
    if (target == NULL) {
        (void)jrt_throw_class(thread, jrt_known_class(thread, JRT_IncompatibleClassChangeError),
                              NULL);
    } else if (!jrt_exec->call(thread, target, slots, &result)) {
        result.word = 0;
    }
    return result;
}

static ST_NOINLINE union jrt_slot call_many(struct jrt_thread *thread, jobject receiver,
                                            struct jrt_method *method, bool virtually,
                                            struct source *from)
{
    union jrt_slot slots[ARGUMENT_SLOTS] = {{.word = 0}};
    return call_with(thread, receiver, method, virtually, from, slots);
}

/* The frame lasts as long as the call, and what is in it is taken for references: it is small, and
 * nothing of earlier calls stays in it. */
static ST_NOINLINE union jrt_slot call(struct jrt_thread *thread, jobject receiver,
                                       struct jrt_method *method, bool virtually,
                                       struct source *from)
{
    if (method->arg_slots > FEW_SLOTS) {
        return call_many(thread, receiver, method, virtually, from);
    }
    union jrt_slot slots[FEW_SLOTS] = {{.word = 0}};
    return call_with(thread, receiver, method, virtually, from, slots);
}

union jrt_slot jdk_call_list(struct jrt_thread *thread, jobject receiver, jmethodID method,
                             bool virtually, va_list *list)
{
    struct source from = {.list = list};
    return call(thread, receiver, method, virtually, &from);
}

union jrt_slot jdk_call_array(struct jrt_thread *thread, jobject receiver, jmethodID method,
                              bool virtually, const jvalue *values)
{
    static const jvalue none;
    struct source from = {.values = values != NULL ? values : &none};
    return call(thread, receiver, method, virtually, &from);
}

/* ---- IDs ---- */

/* Constructors and initializers are their class's own. */
static struct jrt_method *method_of(const struct jrt_class *class, job_offset_t name,
                                    job_offset_t descriptor)
{
    return name == jrt_known.name_init || name == jrt_known.name_clinit
               ? jrt_declared_method(class, name, descriptor)
               : jrt_find_method(class, name, descriptor);
}

static void throw_no_method(struct jrt_thread *thread, const struct jrt_class *class,
                            const char *name, const char *descriptor, bool fixed)
{
    bool array = (class->flags & JRT_CLASS_ARRAY) != 0;
    (void)jrt_throw(thread, JRT_NoSuchMethodError, "%s%s%s%s.%s%s", fixed ? "static " : "",
                    array ? "" : "L", jrt_text(class->name), array ? "" : ";", name, descriptor);
}

static jmethodID find_method(JNIEnv *env, jclass in, const char *name, const char *descriptor,
                             bool fixed)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(in);
    struct jrt_method *method = NULL;
    job_offset_t name_symbol = jrt_symbol_find(name, strlen(name));
    job_offset_t descriptor_symbol = jrt_symbol_find(descriptor, strlen(descriptor));
    if (name_symbol == 0 || descriptor_symbol == 0 || (class->flags & JRT_CLASS_PRIMITIVE) != 0) {
        (void)jrt_throw(thread, JRT_NoSuchMethodError, "%s", name);
    } else if (jrt_init_class(thread, class)) {
        method = method_of(class, name_symbol, descriptor_symbol);
        if (method == NULL || ((method->access & JCF_ACC_STATIC) != 0) != fixed) {
            method = NULL;
            throw_no_method(thread, class, name, descriptor, fixed);
        }
    }
    JDK_RETURN(method);
}

static jmethodID GetMethodID(JNIEnv *env, jclass class, const char *name, const char *descriptor)
{
    return find_method(env, class, name, descriptor, false);
}

static jmethodID GetStaticMethodID(JNIEnv *env, jclass class, const char *name,
                                   const char *descriptor)
{
    return find_method(env, class, name, descriptor, true);
}

/* ---- the families: by type, each with its arguments as ..., va_list and array ---- */

#define AS_Object(slot) jrt_local(thread, job_from_ref((slot).ref))
#define AS_Boolean(slot) (jboolean)((slot).i & 1)
#define AS_Byte(slot) (jbyte)(slot).i
#define AS_Char(slot) (jchar)(slot).i
#define AS_Short(slot) (jshort)(slot).i
#define AS_Int(slot) (slot).i
#define AS_Long(slot) (slot).j
#define AS_Float(slot) (slot).f
#define AS_Double(slot) (slot).d

#define TYPES(X)                                                                                   \
    X(Object, jobject)                                                                             \
    X(Boolean, jboolean)                                                                           \
    X(Byte, jbyte)                                                                                 \
    X(Char, jchar)                                                                                 \
    X(Short, jshort)                                                                               \
    X(Int, jint)                                                                                   \
    X(Long, jlong)                                                                                 \
    X(Float, jfloat)                                                                               \
    X(Double, jdouble)

/* Three functions of a type; `parameters` stand between the environment and the method. */
#define FAMILY(prefix, Name, type, receiver, virtually, ...)                                       \
    static type prefix##Name##MethodV(JNIEnv *env, __VA_ARGS__, jmethodID method, va_list list)    \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        va_list copy;                                                                              \
        va_copy(copy, list);                                                                       \
        union jrt_slot slot = jdk_call_list(thread, receiver, method, virtually, &copy);           \
        va_end(copy);                                                                              \
        JDK_RETURN(AS_##Name(slot));                                                               \
    }                                                                                              \
    static type prefix##Name##MethodA(JNIEnv *env, __VA_ARGS__, jmethodID method,                  \
                                      const jvalue *values)                                        \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        union jrt_slot slot = jdk_call_array(thread, receiver, method, virtually, values);         \
        JDK_RETURN(AS_##Name(slot));                                                               \
    }                                                                                              \
    static type prefix##Name##Method(JNIEnv *env, __VA_ARGS__, jmethodID method, ...)              \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        va_list list;                                                                              \
        va_start(list, method);                                                                    \
        union jrt_slot slot = jdk_call_list(thread, receiver, method, virtually, &list);           \
        va_end(list);                                                                              \
        JDK_RETURN(AS_##Name(slot));                                                               \
    }
#define VOID_FAMILY(prefix, receiver, virtually, ...)                                              \
    static void prefix##VoidMethodV(JNIEnv *env, __VA_ARGS__, jmethodID method, va_list list)      \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        va_list copy;                                                                              \
        va_copy(copy, list);                                                                       \
        (void)jdk_call_list(thread, receiver, method, virtually, &copy);                           \
        va_end(copy);                                                                              \
        JDK_LEAVE();                                                                               \
    }                                                                                              \
    static void prefix##VoidMethodA(JNIEnv *env, __VA_ARGS__, jmethodID method,                    \
                                    const jvalue *values)                                          \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        (void)jdk_call_array(thread, receiver, method, virtually, values);                         \
        JDK_LEAVE();                                                                               \
    }                                                                                              \
    static void prefix##VoidMethod(JNIEnv *env, __VA_ARGS__, jmethodID method, ...)                \
    {                                                                                              \
        JDK_ENTER(env);                                                                            \
        va_list list;                                                                              \
        va_start(list, method);                                                                    \
        (void)jdk_call_list(thread, receiver, method, virtually, &list);                           \
        va_end(list);                                                                              \
        JDK_LEAVE();                                                                               \
    }

#define CALL_FAMILIES(Name, type)                                                                  \
    FAMILY(Call, Name, type, object, true, jobject object)                                         \
    FAMILY(CallNonvirtual, Name, type, object, false, jobject object, jclass class ST_UNUSED)      \
    FAMILY(CallStatic, Name, type, NULL, false, jclass class ST_UNUSED)
TYPES(CALL_FAMILIES)
VOID_FAMILY(Call, object, true, jobject object)
VOID_FAMILY(CallNonvirtual, object, false, jobject object, jclass class ST_UNUSED)
VOID_FAMILY(CallStatic, NULL, false, jclass class ST_UNUSED)

/* ---- NewObject ---- */

/* The object that a constructor is to be called on; NULL: an exception is pending. In VM. */
static jobject allocate(struct jrt_thread *thread, jclass of)
{
    return jrt_local(thread, jrt_new_instance(thread, jdk_class(of)));
}

static jobject NewObjectV(JNIEnv *env, jclass class, jmethodID constructor, va_list list)
{
    JDK_ENTER(env);
    jobject made = allocate(thread, class);
    if (made != NULL) {
        va_list copy;
        va_copy(copy, list);
        (void)jdk_call_list(thread, made, constructor, false, &copy);
        va_end(copy);
    }
    JDK_RETURN(jrt_failed(thread) ? NULL : made);
}

static jobject NewObjectA(JNIEnv *env, jclass class, jmethodID constructor, const jvalue *values)
{
    JDK_ENTER(env);
    jobject made = allocate(thread, class);
    if (made != NULL) {
        (void)jdk_call_array(thread, made, constructor, false, values);
    }
    JDK_RETURN(jrt_failed(thread) ? NULL : made);
}

static jobject NewObject(JNIEnv *env, jclass class, jmethodID constructor, ...)
{
    va_list list;
    va_start(list, constructor);
    jobject made = NewObjectV(env, class, constructor, list);
    va_end(list);
    return made;
}

#define PLACE(table, first, prefix, Name)                                                          \
    (table)[(first) + JDK_TYPE_##Name * PER_TYPE] = (void *)prefix##Name##Method;                  \
    (table)[(first) + JDK_TYPE_##Name * PER_TYPE + 1] = (void *)prefix##Name##MethodV;             \
    (table)[(first) + JDK_TYPE_##Name * PER_TYPE + 2] = (void *)prefix##Name##MethodA;
#define PLACE_ALL(Name, type)                                                                      \
    PLACE(table, CALL, Call, Name)                                                                 \
    PLACE(table, CALL_NONVIRTUAL, CallNonvirtual, Name)                                            \
    PLACE(table, CALL_STATIC, CallStatic, Name)

void jdk_jni_fill_calls(void **table)
{
    TYPES(PLACE_ALL)
    PLACE_ALL(Void, void)
    table[NEW_OBJECT] = (void *)NewObject;
    table[NEW_OBJECT + 1] = (void *)NewObjectV;
    table[NEW_OBJECT + 2] = (void *)NewObjectA;
    table[GET_METHOD_ID] = (void *)GetMethodID;
    table[GET_STATIC_METHOD_ID] = (void *)GetStaticMethodID;
}
