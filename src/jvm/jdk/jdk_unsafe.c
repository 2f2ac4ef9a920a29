/*
 * jdk.internal.misc.Unsafe: memory by object and offset, or by address where the object is null.
 *
 * Slots of the arguments: 0 the Unsafe, 1 the object, 2 the offset (a long, two slots), 4 the
 * value, and so on.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_fast.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_raw.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"

#define NATIVE(name)                                                                               \
    static bool name(struct jrt_thread *thread ST_UNUSED, union jrt_slot *args ST_UNUSED,          \
                     union jrt_slot *result ST_UNUSED)

/* The address in a long where the object is null. */
static inline char *at_offset(const union jrt_slot *of, int64_t offset)
{
    return (char *)(((uintptr_t)of->ref.word << JOB_REF_SHIFT) + (uintptr_t)offset);
}

static inline char *place(const union jrt_slot *args)
{
    return at_offset(&args[1], args[2].j);
}

static inline struct job_object *object(const union jrt_slot *slot)
{
    return job_from_ref(slot->ref);
}

/* ---- memory that may be gone ---- */

static ST_NOINLINE bool throw_fault(struct jrt_thread *thread)
{
    /* HotSpot's words, also where no code is compiled. */
    return jrt_throw(thread, JRT_InternalError,
                     "a fault occurred in a recent unsafe memory access operation in compiled Java "
                     "code");
}

static ST_NOINLINE bool load_raw(struct jrt_thread *thread, const union jrt_slot *args,
                                 void *ret_value, size_t size)
{
    return jrt_raw_load(place(args), size, ret_value) || throw_fault(thread);
}

static ST_NOINLINE bool store_raw(struct jrt_thread *thread, const union jrt_slot *args,
                                  const void *value, size_t size)
{
    return jrt_raw_store(place(args), size, value) || throw_fault(thread);
}

static inline bool is_raw(const union jrt_slot *object_slot)
{
    return object_slot->ref.word == 0;
}

static inline bool load(struct jrt_thread *thread, const union jrt_slot *args, void *ret_value,
                        size_t size)
{
    if (is_raw(&args[1])) {
        return load_raw(thread, args, ret_value, size);
    }
    memcpy(ret_value, place(args), size);
    return true;
}

static inline bool store(struct jrt_thread *thread, const union jrt_slot *args, const void *value,
                         size_t size)
{
    if (is_raw(&args[1])) {
        return store_raw(thread, args, value, size);
    }
    memcpy(place(args), value, size);
    return true;
}

static inline bool load_volatile(struct jrt_thread *thread, const union jrt_slot *args,
                                 void *ret_value, size_t size)
{
    if (is_raw(&args[1])) {
        return load_raw(thread, args, ret_value, size);
    }
    const char *at = place(args);
    if (size == 1) {
        *(uint8_t *)ret_value = __atomic_load_n((const uint8_t *)at, __ATOMIC_SEQ_CST);
    } else if (size == 2) {
        *(uint16_t *)ret_value = __atomic_load_n((const uint16_t *)at, __ATOMIC_SEQ_CST);
    } else if (size == 4) {
        *(uint32_t *)ret_value = __atomic_load_n((const uint32_t *)at, __ATOMIC_SEQ_CST);
    } else {
        *(uint64_t *)ret_value = __atomic_load_n((const uint64_t *)at, __ATOMIC_SEQ_CST);
    }
    return true;
}

static inline bool store_volatile(struct jrt_thread *thread, const union jrt_slot *args,
                                  const void *value, size_t size)
{
    char *at = place(args);
    if (is_raw(&args[1])) {
        bool good = store_raw(thread, args, value, size);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        return good;
    }
    if (size == 1) {
        __atomic_store_n((uint8_t *)at, *(const uint8_t *)value, __ATOMIC_SEQ_CST);
    } else if (size == 2) {
        __atomic_store_n((uint16_t *)at, *(const uint16_t *)value, __ATOMIC_SEQ_CST);
    } else if (size == 4) {
        __atomic_store_n((uint32_t *)at, *(const uint32_t *)value, __ATOMIC_SEQ_CST);
    } else {
        __atomic_store_n((uint64_t *)at, *(const uint64_t *)value, __ATOMIC_SEQ_CST);
    }
    return true;
}

/* ---- values ---- */

#define GET(name, type, load, of_value)                                                            \
    NATIVE(name)                                                                                   \
    {                                                                                              \
        type value;                                                                                \
        if (!load(thread, args, &value, sizeof value)) {                                           \
            return false;                                                                          \
        }                                                                                          \
        result->word = (uint64_t)(of_value);                                                       \
        return true;                                                                               \
    }
#define PUT(name, type, store, of_slot)                                                            \
    NATIVE(name)                                                                                   \
    {                                                                                              \
        type value = (type)(of_slot);                                                              \
        return store(thread, args, &value, sizeof value);                                          \
    }
/* A type's four: what Java gets for `value`, and what is written for the slot of a value. */
#define ACCESS(Name, type, of_value, of_slot)                                                      \
    GET(get##Name, type, load, of_value)                                                           \
    PUT(put##Name, type, store, of_slot)                                                           \
    GET(get##Name##Volatile, type, load_volatile, of_value)                                        \
    PUT(put##Name##Volatile, type, store_volatile, of_slot)

ACCESS(Boolean, uint8_t, value != 0, args[4].i & 1)
ACCESS(Byte, int8_t, (uint32_t)value, args[4].i)
ACCESS(Short, int16_t, (uint32_t)value, args[4].i)
ACCESS(Char, uint16_t, value, args[4].i)
ACCESS(Int, int32_t, (uint32_t)value, args[4].i)
ACCESS(Float, int32_t, (uint32_t)value, args[4].i)
ACCESS(Long, int64_t, value, args[4].j)
ACCESS(Double, int64_t, value, args[4].j)
#undef ACCESS
#undef PUT
#undef GET

NATIVE(getReference)
{
    result->word = __atomic_load_n((uint32_t *)place(args), __ATOMIC_RELAXED);
    return true;
}

NATIVE(getReferenceVolatile)
{
    result->word = __atomic_load_n((uint32_t *)place(args), __ATOMIC_SEQ_CST);
    return true;
}

NATIVE(putReference)
{
    jgc_store(object(&args[1]), (jref_t *)place(args), args[4].ref);
    return true;
}

NATIVE(putReferenceVolatile)
{
    jgc_store_volatile(object(&args[1]), (jref_t *)place(args), args[4].ref);
    return true;
}

NATIVE(compareAndSetReference)
{
    jref_t expected = args[4].ref;
    result->word = jgc_cas(object(&args[1]), (jref_t *)place(args), &expected, args[5].ref);
    return true;
}

NATIVE(compareAndExchangeReference)
{
    jref_t expected = args[4].ref;
    (void)jgc_cas(object(&args[1]), (jref_t *)place(args), &expected, args[5].ref);
    result->word = expected.word;
    return true;
}

NATIVE(compareAndSetInt)
{
    int32_t expected = args[4].i;
    result->word = __atomic_compare_exchange_n((int32_t *)place(args), &expected, args[5].i, false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return true;
}

NATIVE(compareAndExchangeInt)
{
    int32_t expected = args[4].i;
    (void)__atomic_compare_exchange_n((int32_t *)place(args), &expected, args[5].i, false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    result->word = (uint32_t)expected;
    return true;
}

NATIVE(compareAndSetLong)
{
    int64_t expected = args[4].j;
    result->word = __atomic_compare_exchange_n((int64_t *)place(args), &expected, args[6].j, false,
                                               __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return true;
}

NATIVE(compareAndExchangeLong)
{
    int64_t expected = args[4].j;
    (void)__atomic_compare_exchange_n((int64_t *)place(args), &expected, args[6].j, false,
                                      __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    result->j = expected;
    return true;
}

NATIVE(getUncompressedObject)
{
    result->word = job_to_ref(*(void **)(uintptr_t)args[1].j).word;
    return true;
}

NATIVE(fence)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return true;
}

/* Write-back of persistent memory is said not to be there
 * (UnsafeConstants.DATA_CACHE_LINE_FLUSH_SIZE is 0). */
NATIVE(writeback)
{
    return jrt_throw(thread, JRT_UnsupportedOperationException,
                     "cache lines cannot be written back");
}

/* ---- memory outside the heap ---- */

NATIVE(allocateMemory0)
{
    result->j = (int64_t)(uintptr_t)malloc((size_t)args[1].j);
    return true;
}

NATIVE(reallocateMemory0)
{
    /* Size 0 frees in Java code already. */
    result->j = (int64_t)(uintptr_t)realloc((void *)(uintptr_t)args[1].j, (size_t)args[3].j);
    return true;
}

NATIVE(freeMemory0)
{
    free((void *)(uintptr_t)args[1].j);
    return true;
}

/* Copies and fills are made of whole elements where both ends are aligned to them, so that no
 * reader sees half of one. */
static void copy_words(char *to, const char *from, size_t bytes)
{
    size_t words = bytes / 8;
    if (to <= from || to >= from + bytes) {
        for (size_t i = 0; i < words; i++) {
            __atomic_store_n((uint64_t *)to + i, ((const uint64_t *)from)[i], __ATOMIC_RELAXED);
        }
        return;
    }
    for (size_t i = words; i-- > 0;) {
        __atomic_store_n((uint64_t *)to + i, ((const uint64_t *)from)[i], __ATOMIC_RELAXED);
    }
}

NATIVE(copyMemory0)
{
    const char *from = place(args);
    char *to = at_offset(&args[4], args[5].j);
    size_t bytes = (size_t)args[7].j;
    if (is_raw(&args[1]) || is_raw(&args[4])) {
        return jrt_raw_copy(to, from, bytes) || throw_fault(thread);
    }
    if ((((uintptr_t)from | (uintptr_t)to | bytes) & 7) == 0) {
        copy_words(to, from, bytes);
    } else {
        memmove(to, from, bytes);
    }
    return true;
}

NATIVE(setMemory0)
{
    return jrt_raw_fill(place(args), args[6].i, (size_t)args[4].j) || throw_fault(thread);
}

static bool swap_element(char *to, const char *from, size_t size)
{
    char element[8];
    char swapped[8];
    if (!jrt_raw_load(from, size, element)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        swapped[i] = element[size - 1 - i];
    }
    return jrt_raw_store(to, size, swapped);
}

NATIVE(copySwapMemory0)
{
    const char *from = place(args);
    char *to = at_offset(&args[4], args[5].j);
    size_t bytes = (size_t)args[7].j;
    size_t size = (size_t)args[9].j;
    if (size != 2 && size != 4 && size != 8) {
        return jrt_throw(thread, JRT_IllegalArgumentException, "invalid element size: %zu", size);
    }
    bool backwards = to > from && to < from + bytes;
    for (size_t i = 0; i < bytes / size; i++) {
        size_t at = (backwards ? bytes / size - 1 - i : i) * size;
        if (!swap_element(to + at, from + at, size)) {
            return throw_fault(thread);
        }
    }
    return true;
}

/* ---- fields and classes ---- */

NATIVE(objectFieldOffset0)
{
    const struct jrt_field *field = jdk_reflected_field(object(&args[1]));
    if (field == NULL || (field->access & JCF_ACC_STATIC) != 0) {
        return jrt_throw_class(thread, jrt_known_class(thread, JRT_IllegalArgumentException), NULL);
    }
    result->j = field->offset;
    return true;
}

NATIVE(objectFieldOffset1)
{
    const struct jrt_class *class = jrt_class_of_mirror(object(&args[1]));
    job_offset_t name = jrt_string_symbol(object(&args[2]), false);
    const struct jrt_field *fields = job_at(class->fields);
    for (uint32_t i = 0; i < class->field_count; i++) {
        if (fields[i].name == name && (fields[i].flags & JRT_FIELD_INJECTED) == 0) {
            result->j = fields[i].offset;
            return true;
        }
    }
    return jrt_throw_class(thread, jrt_known_class(thread, JRT_InternalError), NULL);
}

NATIVE(staticFieldOffset0)
{
    const struct jrt_field *field = jdk_reflected_field(object(&args[1]));
    if (field == NULL || (field->access & JCF_ACC_STATIC) == 0) {
        return jrt_throw_class(thread, jrt_known_class(thread, JRT_IllegalArgumentException), NULL);
    }
    result->j = field->offset;
    return true;
}

NATIVE(staticFieldBase0)
{
    const struct jrt_field *field = jdk_reflected_field(object(&args[1]));
    if (field == NULL || (field->access & JCF_ACC_STATIC) == 0) {
        return jrt_throw_class(thread, jrt_known_class(thread, JRT_IllegalArgumentException), NULL);
    }
    result->word = jrt_class_at(field->class_at)->object.mirror.word;
    return true;
}

NATIVE(shouldBeInitialized0)
{
    const struct jrt_class *class = jrt_class_of_mirror(object(&args[1]));
    result->word = !jrt_is_initialized(class);
    return true;
}

NATIVE(ensureClassInitialized0)
{
    return jrt_init_class(thread, jrt_class_of_mirror(object(&args[1])));
}

static const struct jrt_class *array_class(struct jrt_thread *thread, const union jrt_slot *slot)
{
    const struct jrt_class *class = jrt_class_of_mirror(object(slot));
    if ((class->flags & JRT_CLASS_ARRAY) == 0) {
        (void)jrt_throw_class(thread, jrt_known_class(thread, JRT_InvalidClassException), NULL);
        return NULL;
    }
    return class;
}

NATIVE(arrayBaseOffset0)
{
    const struct jrt_class *class = array_class(thread, &args[1]);
    if (class == NULL) {
        return false;
    }
    result->word = class->object.elements_at;
    return true;
}

NATIVE(arrayIndexScale0)
{
    const struct jrt_class *class = array_class(thread, &args[1]);
    if (class == NULL) {
        return false;
    }
    result->word = 1u << class->object.element_shift;
    return true;
}

NATIVE(allocateInstance)
{
    const struct job_object *made = jrt_new_instance(thread, jrt_class_of_mirror(object(&args[1])));
    result->word = made != NULL ? job_to_ref(made).word : 0;
    return made != NULL;
}

NATIVE(throwException)
{
    return args[1].ref.word != 0 ? jrt_throw_object(thread, object(&args[1]))
                                 : jrt_throw_null(thread);
}

NATIVE(defineClass0)
{
    const struct job_object *name = object(&args[1]);
    const struct job_array *bytes = (const struct job_array *)object(&args[2]);
    int32_t at = args[3].i;
    int32_t count = args[4].i;
    if (bytes == NULL) {
        return jrt_throw_null(thread);
    }
    if (at < 0 || count < 0 || at > bytes->length - count) {
        return jrt_throw_class(thread, jrt_known_class(thread, JRT_ArrayIndexOutOfBoundsException),
                               NULL);
    }
    if (name != NULL && jrt_string_utf8_length(name) > UINT16_MAX) {
        return jrt_throw(thread, JRT_NoClassDefFoundError,
                         "Class name exceeds maximum length of %d", UINT16_MAX);
    }
    struct jrt_loader *loader = jrt_loader_of(thread, object(&args[5]));
    struct jrt_definition definition = {.bytes = (const uint8_t *)job_elements(bytes) + at,
                                        .size = (size_t)count,
                                        .name = name != NULL ? jrt_string_symbol(name, true) : 0,
                                        .protection_domain = object(&args[6])};
    struct jrt_class *class = loader != NULL ? jrt_define_class(thread, loader, &definition) : NULL;
    if (class == NULL) {
        return false;
    }
    result->word = class->object.mirror.word;
    return true;
}

/* ---- threads ---- */

NATIVE(park)
{
    jrt_park(thread, args[1].i != 0, args[2].j);
    return true;
}

NATIVE(unpark)
{
    jrt_unpark(object(&args[1]));
    return true;
}

NATIVE(getLoadAverage0)
{
    struct job_array *averages = (struct job_array *)object(&args[1]);
    double values[3];
    int count = getloadavg(values, args[2].i < 3 ? args[2].i : 3);
    for (int i = 0; i < count && i < averages->length; i++) {
        ((double *)job_elements(averages))[i] = values[i];
    }
    result->word = (uint32_t)count;
    return true;
}

NATIVE(nothing)
{
    return true;
}

const struct jdk_fast jdk_fast_unsafe[] = {
    {"getBoolean", "(Ljava/lang/Object;J)Z", getBoolean},
    {"putBoolean", "(Ljava/lang/Object;JZ)V", putBoolean},
    {"getBooleanVolatile", "(Ljava/lang/Object;J)Z", getBooleanVolatile},
    {"putBooleanVolatile", "(Ljava/lang/Object;JZ)V", putBooleanVolatile},
    {"getByte", "(Ljava/lang/Object;J)B", getByte},
    {"putByte", "(Ljava/lang/Object;JB)V", putByte},
    {"getByteVolatile", "(Ljava/lang/Object;J)B", getByteVolatile},
    {"putByteVolatile", "(Ljava/lang/Object;JB)V", putByteVolatile},
    {"getShort", "(Ljava/lang/Object;J)S", getShort},
    {"putShort", "(Ljava/lang/Object;JS)V", putShort},
    {"getShortVolatile", "(Ljava/lang/Object;J)S", getShortVolatile},
    {"putShortVolatile", "(Ljava/lang/Object;JS)V", putShortVolatile},
    {"getChar", "(Ljava/lang/Object;J)C", getChar},
    {"putChar", "(Ljava/lang/Object;JC)V", putChar},
    {"getCharVolatile", "(Ljava/lang/Object;J)C", getCharVolatile},
    {"putCharVolatile", "(Ljava/lang/Object;JC)V", putCharVolatile},
    {"getInt", "(Ljava/lang/Object;J)I", getInt},
    {"putInt", "(Ljava/lang/Object;JI)V", putInt},
    {"getIntVolatile", "(Ljava/lang/Object;J)I", getIntVolatile},
    {"putIntVolatile", "(Ljava/lang/Object;JI)V", putIntVolatile},
    {"getFloat", "(Ljava/lang/Object;J)F", getFloat},
    {"putFloat", "(Ljava/lang/Object;JF)V", putFloat},
    {"getFloatVolatile", "(Ljava/lang/Object;J)F", getFloatVolatile},
    {"putFloatVolatile", "(Ljava/lang/Object;JF)V", putFloatVolatile},
    {"getLong", "(Ljava/lang/Object;J)J", getLong},
    {"putLong", "(Ljava/lang/Object;JJ)V", putLong},
    {"getLongVolatile", "(Ljava/lang/Object;J)J", getLongVolatile},
    {"putLongVolatile", "(Ljava/lang/Object;JJ)V", putLongVolatile},
    {"getDouble", "(Ljava/lang/Object;J)D", getDouble},
    {"putDouble", "(Ljava/lang/Object;JD)V", putDouble},
    {"getDoubleVolatile", "(Ljava/lang/Object;J)D", getDoubleVolatile},
    {"putDoubleVolatile", "(Ljava/lang/Object;JD)V", putDoubleVolatile},
    {"getReference", "(Ljava/lang/Object;J)Ljava/lang/Object;", getReference},
    {"putReference", "(Ljava/lang/Object;JLjava/lang/Object;)V", putReference},
    {"getReferenceVolatile", "(Ljava/lang/Object;J)Ljava/lang/Object;", getReferenceVolatile},
    {"putReferenceVolatile", "(Ljava/lang/Object;JLjava/lang/Object;)V", putReferenceVolatile},
    {"compareAndSetReference", "(Ljava/lang/Object;JLjava/lang/Object;Ljava/lang/Object;)Z",
     compareAndSetReference},
    {"compareAndExchangeReference",
     "(Ljava/lang/Object;JLjava/lang/Object;Ljava/lang/Object;)Ljava/lang/Object;",
     compareAndExchangeReference},
    {"compareAndSetInt", "(Ljava/lang/Object;JII)Z", compareAndSetInt},
    {"compareAndExchangeInt", "(Ljava/lang/Object;JII)I", compareAndExchangeInt},
    {"compareAndSetLong", "(Ljava/lang/Object;JJJ)Z", compareAndSetLong},
    {"compareAndExchangeLong", "(Ljava/lang/Object;JJJ)J", compareAndExchangeLong},
    {"getUncompressedObject", "(J)Ljava/lang/Object;", getUncompressedObject},
    {"writeback0", "(J)V", writeback},
    {"writebackPreSync0", "()V", writeback},
    {"writebackPostSync0", "()V", writeback},
    {"loadFence", "()V", fence},
    {"storeFence", "()V", fence},
    {"fullFence", "()V", fence},
    {"allocateMemory0", "(J)J", allocateMemory0},
    {"reallocateMemory0", "(JJ)J", reallocateMemory0},
    {"freeMemory0", "(J)V", freeMemory0},
    {"setMemory0", "(Ljava/lang/Object;JJB)V", setMemory0},
    {"copyMemory0", "(Ljava/lang/Object;JLjava/lang/Object;JJ)V", copyMemory0},
    {"copySwapMemory0", "(Ljava/lang/Object;JLjava/lang/Object;JJJ)V", copySwapMemory0},
    {"objectFieldOffset0", "(Ljava/lang/reflect/Field;)J", objectFieldOffset0},
    {"objectFieldOffset1", "(Ljava/lang/Class;Ljava/lang/String;)J", objectFieldOffset1},
    {"staticFieldOffset0", "(Ljava/lang/reflect/Field;)J", staticFieldOffset0},
    {"staticFieldBase0", "(Ljava/lang/reflect/Field;)Ljava/lang/Object;", staticFieldBase0},
    {"shouldBeInitialized0", "(Ljava/lang/Class;)Z", shouldBeInitialized0},
    {"ensureClassInitialized0", "(Ljava/lang/Class;)V", ensureClassInitialized0},
    {"arrayBaseOffset0", "(Ljava/lang/Class;)I", arrayBaseOffset0},
    {"arrayIndexScale0", "(Ljava/lang/Class;)I", arrayIndexScale0},
    {"allocateInstance", "(Ljava/lang/Class;)Ljava/lang/Object;", allocateInstance},
    {"throwException", "(Ljava/lang/Throwable;)V", throwException},
    {"defineClass0",
     "(Ljava/lang/String;[BIILjava/lang/ClassLoader;Ljava/security/ProtectionDomain;)Ljava/lang/"
     "Class;",
     defineClass0},
    {"park", "(ZJ)V", park},
    {"unpark", "(Ljava/lang/Object;)V", unpark},
    {"getLoadAverage0", "([DI)I", getLoadAverage0},
    {"registerNatives", "()V", nothing},
    {NULL, NULL, NULL},
};
