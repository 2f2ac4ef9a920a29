/*
 * The start of the machine, in the order that the class library asks for (jvm-interface.md 4.1).
 */
#include "jvm/jdk/jdk_boot.h"

#include <stdlib.h>
#include <unistd.h>

#include "jvm/jdk/jdk.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_handle.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

static jrt_handle_t system_loader; /* global */

struct job_object *jdk_system_loader(void)
{
    return jrt_get(system_loader);
}

static bool call_static(struct jrt_thread *thread, enum jrt_known_method which,
                        const union jrt_slot *args, union jrt_slot *ret_result)
{
    struct jrt_method *method = jrt_known.method[which];
    return jrt_init_class(thread, jrt_class_at(method->class_at)) &&
           jrt_exec->call(thread, method, args, ret_result);
}

static bool init_known(struct jrt_thread *thread, enum jrt_known_class which)
{
    struct jrt_class *class = jrt_known_class(thread, which);
    return class != NULL && jrt_init_class(thread, class);
}

static bool init_all(struct jrt_thread *thread, const uint16_t *classes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!init_known(thread, (enum jrt_known_class)classes[i])) {
            return false;
        }
    }
    return true;
}

/* A thread group, by the constructor `which`, with the arguments behind the receiver. */
static struct job_object *make_group(struct jrt_thread *thread, enum jrt_known_method which,
                                     union jrt_slot *args)
{
    struct job_object *group = jrt_new(thread, jrt_known.class[JRT_ThreadGroup]);
    union jrt_slot nothing;
    if (group == NULL) {
        return NULL;
    }
    args[0].word = job_to_ref(group).word;
    return jrt_exec->call(thread, jrt_known.method[which], args, &nothing) ? group : NULL;
}

static bool make_groups(struct jrt_thread *thread)
{
    union jrt_slot args[3] = {{.word = 0}};
    struct job_object *group = make_group(thread, JRT_METHOD_threadGroupInitSystem, args);
    jrt_system_group = job_to_ref(group);
    if (group == NULL) {
        return false;
    }
    args[1].word = jrt_system_group.word;
    args[2].word = job_to_ref(jrt_string_of(thread, "main")).word;
    group = args[2].word != 0 ? make_group(thread, JRT_METHOD_threadGroupInit, args) : NULL;
    jrt_main_group = job_to_ref(group);
    return group != NULL;
}

static void set_static_int(const char *name, const char *descriptor, int32_t value)
{
    struct jrt_class *class = jrt_known.class[JRT_UnsafeConstants];
    const struct jrt_field *field =
        jrt_declared_field(class, jrt_symbol_of(name), jrt_symbol_of(descriptor));
    if (field == NULL) {
        return;
    }
    if (field->type == JRT_BOOLEAN) {
        jrt_set_byte(jrt_mirror(class), field->offset, (uint8_t)value);
    } else {
        jrt_set_int(jrt_mirror(class), field->offset, value);
    }
}

static bool init_unsafe_constants(struct jrt_thread *thread)
{
    if (!init_known(thread, JRT_UnsafeConstants)) {
        return false;
    }
    set_static_int("ADDRESS_SIZE0", "I", (int32_t)sizeof(void *));
    set_static_int("PAGE_SIZE", "I", (int32_t)sysconf(_SC_PAGESIZE));
    set_static_int("BIG_ENDIAN", "Z", 0);
    set_static_int("UNALIGNED_ACCESS", "Z", 1);
    set_static_int("DATA_CACHE_LINE_FLUSH_SIZE", "I", 0);
    return true;
}

/* java.lang, up to System.initPhase1. */
static bool init_language(struct jrt_thread *thread)
{
    static const uint16_t first[] = {JRT_System, JRT_Class, JRT_ThreadGroup};
    static const uint16_t last[] = {JRT_Method, JRT_Finalizer};
    static const uint16_t exceptions[] = {JRT_OutOfMemoryError,
                                          JRT_NullPointerException,
                                          JRT_ClassCastException,
                                          JRT_ArrayStoreException,
                                          JRT_ArithmeticException,
                                          JRT_StackOverflowError,
                                          JRT_IllegalMonitorStateException,
                                          JRT_IllegalArgumentException};
    union jrt_slot nothing = {.word = 0};
    if (!init_known(thread, JRT_String)) {
        return false;
    }
    jrt_set_byte(jrt_mirror(jrt_known.class[JRT_String]), JRT_AT(String, COMPACT_STRINGS),
                 jdk_options.wide_strings ? 0 : 1);
    return init_all(thread, first, ST_COUNT(first)) && make_groups(thread) &&
           init_known(thread, JRT_Thread) &&
           jrt_thread_make_object(thread, "main", NULL, false, false) &&
           init_known(thread, JRT_Module) && init_unsafe_constants(thread) &&
           init_all(thread, last, ST_COUNT(last)) &&
           call_static(thread, JRT_METHOD_initPhase1, &nothing, &nothing) &&
           init_all(thread, exceptions, ST_COUNT(exceptions));
}

static bool init_invoke(struct jrt_thread *thread)
{
    static const uint16_t classes[] = {JRT_MethodHandle, JRT_ResolvedMethodName, JRT_MemberName,
                                       JRT_MethodHandleNatives};
    return init_all(thread, classes, ST_COUNT(classes));
}

/* The module system. false: an exception is pending, or the library has said what is wrong. */
static bool init_modules(struct jrt_thread *thread, bool log)
{
    union jrt_slot args[2] = {{.word = 0}, {.word = log}};
    union jrt_slot failed = {.word = 0};
    if (!call_static(thread, JRT_METHOD_initPhase2, args, &failed) || failed.i != 0) {
        return false;
    }
    jrt_boot_allow_append();
    return true;
}

static bool init_loaders(struct jrt_thread *thread)
{
    union jrt_slot result = {.word = 0};
    if (!call_static(thread, JRT_METHOD_initPhase3, &result, &result) ||
        !call_static(thread, JRT_METHOD_getSystemClassLoader, &result, &result)) {
        return false;
    }
    system_loader = jrt_global(job_from_ref(result.ref));
    return system_loader != NULL || jrt_throw_oom(thread, JRT_OOM_HEAP);
}

bool jdk_start_agent(struct jrt_thread *thread)
{
    union jrt_slot nothing = {.word = 0};
    struct jrt_class *class = jrt_load_class(thread, jrt_loader_of(thread, jdk_system_loader()),
                                             jrt_symbol_of("jdk/internal/agent/Agent"));
    struct jrt_method *start =
        class != NULL && jrt_init_class(thread, class)
            ? jrt_declared_method(class, jrt_symbol_of("startAgent"), jrt_symbol_of("()V"))
            : NULL;
    return start != NULL && jrt_exec->call(thread, start, &nothing, &nothing);
}

bool jdk_boot(struct jrt_thread *thread, bool log)
{
    return init_language(thread) && jdk_signals_start(thread) && init_invoke(thread) &&
           init_modules(thread, log) && init_loaders(thread);
}
