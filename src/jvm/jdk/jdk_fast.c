/* Which fast native is whose: see jdk_fast.h. And those of java.lang's own classes that are asked
 * for all the time. */
#include "jvm/jdk/jdk_fast.h"

#include <limits.h>
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/gc/jgc.h"
#include "jvm/jdk/jdk.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "os/os_time.h"

#define NATIVE(name)                                                                               \
    static bool name(struct jrt_thread *thread ST_UNUSED, union jrt_slot *args ST_UNUSED,          \
                     union jrt_slot *result ST_UNUSED)

static inline struct job_object *object(const union jrt_slot *slot)
{
    return job_from_ref(slot->ref);
}

static bool null_pointer(struct jrt_thread *thread)
{
    return jrt_throw_null(thread);
}

/* ---- java.lang.Object ---- */

NATIVE(get_class)
{
    result->word = job_class_of(object(&args[0]))->mirror.word;
    return true;
}

NATIVE(hash_code)
{
    result->word = (uint32_t)jrt_identity_hash(thread, object(&args[0]));
    return true;
}

NATIVE(clone)
{
    struct job_object *copy = jrt_clone(thread, object(&args[0]));
    result->word = job_to_ref(copy).word;
    return copy != NULL;
}

NATIVE(wait)
{
    return jrt_monitor_wait(thread, object(&args[0]), args[1].j);
}

NATIVE(notify)
{
    return jrt_monitor_notify(thread, object(&args[0]), false);
}

NATIVE(notify_all)
{
    return jrt_monitor_notify(thread, object(&args[0]), true);
}

NATIVE(nothing)
{
    return true;
}

const struct jdk_fast jdk_fast_object[] = {
    {"getClass", "()Ljava/lang/Class;", get_class},
    {"hashCode", "()I", hash_code},
    {"clone", "()Ljava/lang/Object;", clone},
    {"wait", "(J)V", wait},
    {"notify", "()V", notify},
    {"notifyAll", "()V", notify_all},
    {NULL, NULL, NULL},
};

/* ---- java.lang.Class ---- */

NATIVE(is_instance)
{
    const struct jrt_class *class = jrt_class_of_mirror(object(&args[0]));
    const struct job_object *of = object(&args[1]);
    result->word = of != NULL && jrt_is_subtype(jrt_class_of(of), class);
    return true;
}

NATIVE(is_assignable_from)
{
    if (args[1].ref.word == 0) {
        return null_pointer(thread);
    }
    const struct jrt_class *to = jrt_class_of_mirror(object(&args[0]));
    const struct jrt_class *from = jrt_class_of_mirror(object(&args[1]));
    bool primitive = ((to->flags | from->flags) & JRT_CLASS_PRIMITIVE) != 0;
    result->word = to == from || (!primitive && jrt_is_subtype(from, to));
    return true;
}

NATIVE(is_interface)
{
    result->word = (jrt_class_of_mirror(object(&args[0]))->access & JCF_ACC_INTERFACE) != 0;
    return true;
}

NATIVE(is_array)
{
    result->word = (jrt_class_of_mirror(object(&args[0]))->flags & JRT_CLASS_ARRAY) != 0;
    return true;
}

NATIVE(is_primitive)
{
    result->word = (jrt_class_of_mirror(object(&args[0]))->flags & JRT_CLASS_PRIMITIVE) != 0;
    return true;
}

NATIVE(is_hidden)
{
    result->word = (jrt_class_of_mirror(object(&args[0]))->flags & JRT_CLASS_HIDDEN) != 0;
    return true;
}

NATIVE(get_superclass)
{
    const struct jrt_class *class = jrt_class_of_mirror(object(&args[0]));
    bool none = (class->access & JCF_ACC_INTERFACE) != 0 || class->super == 0;
    result->word = none ? 0 : jrt_class_at(class->super)->object.mirror.word;
    return true;
}

const struct jdk_fast jdk_fast_class[] = {
    {"isInstance", "(Ljava/lang/Object;)Z", is_instance},
    {"isAssignableFrom", "(Ljava/lang/Class;)Z", is_assignable_from},
    {"isInterface", "()Z", is_interface},
    {"isArray", "()Z", is_array},
    {"isPrimitive", "()Z", is_primitive},
    {"isHidden", "()Z", is_hidden},
    {"getSuperclass", "()Ljava/lang/Class;", get_superclass},
    {NULL, NULL, NULL},
};

/* ---- java.lang.System, Runtime's collection, String.intern ---- */

NATIVE(current_time_millis)
{
    result->j = os_realtime_ns() / 1000000;
    return true;
}

NATIVE(nano_time)
{
    result->j = (int64_t)os_monotonic_ns();
    return true;
}

NATIVE(array_copy)
{
    return jrt_array_copy(thread, object(&args[0]), args[1].i, object(&args[2]), args[3].i,
                          args[4].i);
}

NATIVE(identity_hash_code)
{
    struct job_object *of = object(&args[0]);
    result->word = of != NULL ? (uint32_t)jrt_identity_hash(thread, of) : 0;
    return true;
}

const struct jdk_fast jdk_fast_system[] = {
    {"currentTimeMillis", "()J", current_time_millis},
    {"nanoTime", "()J", nano_time},
    {"arraycopy", "(Ljava/lang/Object;ILjava/lang/Object;II)V", array_copy},
    {"identityHashCode", "(Ljava/lang/Object;)I", identity_hash_code},
    {NULL, NULL, NULL},
};

NATIVE(intern)
{
    struct job_object *string = jrt_intern(thread, object(&args[0]));
    result->word = job_to_ref(string).word;
    return string != NULL;
}

const struct jdk_fast jdk_fast_string[] = {
    {"intern", "()Ljava/lang/String;", intern},
    {NULL, NULL, NULL},
};

/* ---- java.lang.Thread ---- */

NATIVE(current_thread)
{
    result->word = thread->object.word;
    return true;
}

NATIVE(yield)
{
    jrt_yield(thread);
    return true;
}

NATIVE(sleep_for)
{
    return jrt_sleep(thread, args[0].j);
}

NATIVE(start)
{
    return jrt_thread_start(thread, object(&args[0]));
}

NATIVE(holds_lock)
{
    if (args[0].ref.word == 0) {
        return null_pointer(thread);
    }
    result->word = jrt_monitor_owned(thread, object(&args[0]));
    return true;
}

NATIVE(set_priority)
{
    /* As HotSpot by default: noted, not handed to the host. */
    jrt_set_int(object(&args[0]), JRT_AT(Thread, priority), args[1].i);
    return true;
}

NATIVE(interrupt)
{
    jrt_interrupt(object(&args[0]));
    return true;
}

const struct jdk_fast jdk_fast_thread[] = {
    {"currentThread", "()Ljava/lang/Thread;", current_thread},
    {"yield", "()V", yield},
    {"sleep", "(J)V", sleep_for},
    {"start0", "()V", start},
    {"holdsLock", "(Ljava/lang/Object;)Z", holds_lock},
    {"setPriority0", "(I)V", set_priority},
    {"interrupt0", "()V", interrupt},
    {"clearInterruptEvent", "()V", nothing},
    {NULL, NULL, NULL},
};

/* ---- java.lang.ref.Reference ---- */

NATIVE(refers_to)
{
    result->word = *(const uint32_t *)job_field(object(&args[0]), JRT_AT(Reference, referent)) ==
                   args[1].ref.word;
    return true;
}

NATIVE(clear)
{
    jrt_set_ref(object(&args[0]), JRT_AT(Reference, referent), NULL);
    return true;
}

const struct jdk_fast jdk_fast_reference[] = {
    {"refersTo0", "(Ljava/lang/Object;)Z", refers_to},
    {"clear0", "()V", clear},
    {NULL, NULL, NULL},
};

/* ---- what is only asked whether it is there ---- */

NATIVE(answers_true)
{
    result->word = 1;
    return true;
}

NATIVE(answers_none)
{
    result->word = (uint32_t)-1;
    return true;
}

NATIVE(answers_zero)
{
    result->word = 0;
    return true;
}

NATIVE(not_reflectively)
{
    return jrt_throw(thread, JRT_UnsupportedOperationException,
                     "MethodHandle.invokeExact cannot be invoked reflectively");
}

static const struct jdk_fast scoped_memory[] = {
    /* Nobody is inside: a thread that uses foreign memory is not looked for, which is safe while
       closing waits for none. */
    {"closeScope0",
     "(Ljdk/internal/misc/ScopedMemoryAccess$Scope;Ljdk/internal/misc/"
     "ScopedMemoryAccess$Scope$ScopedAccessError;)Z",
     answers_true},
    {"registerNatives", "()V", nothing},
    {NULL, NULL, NULL},
};
static const struct jdk_fast vectors[] = {
    {"getMaxLaneCount", "(Ljava/lang/Class;)I",
     answers_none}, /* no vectors: the library does without */
    {"registerNatives", "()I", answers_zero},
    {NULL, NULL, NULL},
};
static const struct jdk_fast entry_points[] = {
    {"registerNatives", "()V", nothing},
    {NULL, NULL, NULL},
};
static const struct jdk_fast method_handles[] = {
    {"invokeExact", "([Ljava/lang/Object;)Ljava/lang/Object;", not_reflectively},
    {"invoke", "([Ljava/lang/Object;)Ljava/lang/Object;", not_reflectively},
    {NULL, NULL, NULL},
};

/* getNativeMap(String path): the machine's own mapping of lib/modules, so that the library does not
 * read the file through a channel of its own. */
NATIVE(native_map)
{
    const struct job_object *path = object(&args[0]);
    char text[PATH_MAX];
    size_t bytes = 0;
    result->word = 0;
    if (path == NULL || jrt_string_utf8_length(path) >= sizeof text) {
        return true;
    }
    (void)jrt_string_utf8(path, text, sizeof text);
    const void *image = jrt_boot_image(text, &bytes);
    if (image == NULL || bytes > INT32_MAX) {
        return true;
    }
    struct job_object *buffer = jdk_direct_buffer(thread, (void *)(uintptr_t)image, (int64_t)bytes);
    result->word = job_to_ref(buffer).word;
    return buffer != NULL;
}

static const struct jdk_fast images[] = {
    {"getNativeMap", "(Ljava/lang/String;)Ljava/nio/ByteBuffer;", native_map},
    {NULL, NULL, NULL},
};

static const struct jdk_fast_class classes[] = {
    {"jdk/internal/jimage/NativeImageBuffer", images},
    {"jdk/internal/misc/ScopedMemoryAccess", scoped_memory},
    {"jdk/internal/vm/vector/VectorSupport", vectors},
    {"jdk/internal/invoke/NativeEntryPoint", entry_points},
    {"java/lang/invoke/MethodHandle", method_handles},
    {"jdk/internal/misc/Unsafe", jdk_fast_unsafe},
    {"java/lang/invoke/MethodHandleNatives", jdk_fast_handles},
    {"java/lang/Object", jdk_fast_object},
    {"java/lang/Class", jdk_fast_class},
    {"java/lang/System", jdk_fast_system},
    {"java/lang/String", jdk_fast_string},
    {"java/lang/Thread", jdk_fast_thread},
    {"java/lang/ref/Reference", jdk_fast_reference},
    {"java/lang/ref/PhantomReference", jdk_fast_reference},
    {"jdk/internal/perf/Perf", jdk_fast_perf},
};

jrt_fast_native_t *jdk_fast_find(const struct jrt_method *method)
{
    const struct jrt_class *class = jrt_class_at(method->class_at);
    if (class->loader != jrt_known.boot_loader) {
        return NULL;
    }
    for (unsigned i = 0; i < ST_COUNT(classes); i++) {
        if (strcmp(jrt_text(class->name), classes[i].class) != 0) {
            continue;
        }
        for (const struct jdk_fast *row = classes[i].rows; row->name != NULL; row++) {
            if (strcmp(jrt_text(method->name), row->name) == 0 &&
                strcmp(jrt_text(method->descriptor), row->descriptor) == 0) {
                return row->function;
            }
        }
    }
    return NULL;
}
