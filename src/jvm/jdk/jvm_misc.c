/* JVM_ functions of System, Runtime, libraries, assertions, archives of shared classes (there are
 * none). */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jdk_reflect.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "os/os_time.h"

/* ---- java.lang.Object, String, System ---- */

jint JVM_IHashCode(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    struct job_object *of = jrt_get(object);
    JDK_RETURN(of != NULL ? jrt_identity_hash(thread, of) : 0);
}

jobject JVM_Clone(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jrt_clone(thread, jrt_get(object))));
}

void JVM_MonitorWait(JNIEnv *env, jobject object, jlong milliseconds)
{
    JDK_ENTER(env);
    (void)!jrt_monitor_wait(thread, jrt_get(object), milliseconds);
    JDK_LEAVE();
}

void JVM_MonitorNotify(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    (void)!jrt_monitor_notify(thread, jrt_get(object), false);
    JDK_LEAVE();
}

void JVM_MonitorNotifyAll(JNIEnv *env, jobject object)
{
    JDK_ENTER(env);
    (void)!jrt_monitor_notify(thread, jrt_get(object), true);
    JDK_LEAVE();
}

jstring JVM_InternString(JNIEnv *env, jstring string)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, string != NULL ? jrt_intern(thread, jrt_get(string)) : NULL));
}

jlong JVM_CurrentTimeMillis(JNIEnv *env ST_UNUSED, jclass unused ST_UNUSED)
{
    return (jlong)(os_realtime_ns() / 1000000);
}

jlong JVM_NanoTime(JNIEnv *env ST_UNUSED, jclass unused ST_UNUSED)
{
    return (jlong)os_monotonic_ns();
}

jlong JVM_GetNanoTimeAdjustment(JNIEnv *env ST_UNUSED, jclass unused ST_UNUSED, jlong seconds)
{
    uint64_t now = os_realtime_ns();
    jlong difference = (jlong)(now / 1000000000) - seconds;
    if (difference > UINT32_MAX || difference < -(jlong)UINT32_MAX) {
        return -1;
    }
    return difference * 1000000000 + (jlong)(now % 1000000000);
}

void JVM_ArrayCopy(JNIEnv *env, jclass unused ST_UNUSED, jobject from, jint from_at, jobject to,
                   jint to_at, jint count)
{
    JDK_ENTER(env);
    (void)!jrt_array_copy(thread, jrt_get(from), from_at, jrt_get(to), to_at, count);
    JDK_LEAVE();
}

/* A String[] of texts; NULL: an exception is pending. */
static struct job_array *string_array(struct jrt_thread *thread, char *const *texts, uint32_t count)
{
    struct job_array *array = jrt_new_array(thread, jrt_known.string_array, (int32_t)count);
    for (uint32_t i = 0; array != NULL && i < count; i++) {
        struct job_object *string = jrt_string_of(thread, texts[i]);
        if (string == NULL) {
            return NULL;
        }
        jgc_store(&array->object, (jref_t *)job_elements(array) + i, job_to_ref(string));
    }
    return array;
}

static jobject local_array(struct jrt_thread *thread, struct job_array *array)
{
    return array != NULL ? jrt_local(thread, &array->object) : NULL;
}

jobject JVM_GetProperties(JNIEnv *env)
{
    JDK_ENTER(env);
    uint32_t count = jdk_options.property_count * 2;
    char **texts = calloc(count + 1, sizeof *texts);
    struct job_array *array = NULL;
    if (texts == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        JDK_RETURN((jobject)NULL);
    }
    for (uint32_t i = 0; i < jdk_options.property_count; i++) {
        texts[2 * i] = jdk_options.properties[i].key;
        texts[2 * i + 1] = jdk_options.properties[i].value;
    }
    array = string_array(thread, texts, count);
    free(texts);
    JDK_RETURN(local_array(thread, array));
}

/* What the launcher adds to what its user said. */
static bool is_launchers(const char *argument)
{
    static const char *const prefixes[] = {
        "-Djava.class.path=", "-Dsun.java.command=", "-Dsun.java.launcher"};
    for (unsigned i = 0; i < ST_COUNT(prefixes); i++) {
        if (strncmp(argument, prefixes[i], strlen(prefixes[i])) == 0) {
            return true;
        }
    }
    return false;
}

jobject JVM_GetVmArguments(JNIEnv *env)
{
    JDK_ENTER(env);
    char **users = calloc(jdk_options.argument_count + 1u, sizeof *users);
    uint32_t count = 0;
    for (uint32_t i = 0; users != NULL && i < jdk_options.argument_count; i++) {
        if (!is_launchers(jdk_options.arguments[i])) {
            users[count++] = jdk_options.arguments[i];
        }
    }
    jobject array = count != 0 ? local_array(thread, string_array(thread, users, count)) : NULL;
    if (users == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    free(users);
    JDK_RETURN(array);
}

/* Properties.put(key, value). */
static bool put_property(struct jrt_thread *thread, struct job_object *properties, const char *key,
                         const char *value)
{
    struct jrt_method *put =
        jrt_find_method(jrt_class_of(properties), jrt_symbol_of("put"),
                        jrt_symbol_of("(Ljava/lang/Object;Ljava/lang/Object;)Ljava/lang/Object;"));
    struct job_object *key_string = jrt_string_of(thread, key);
    struct job_object *value_string = key_string != NULL ? jrt_string_of(thread, value) : NULL;
    if (put == NULL || value_string == NULL) {
        return false;
    }
    union jrt_slot args[3] = {{.word = job_to_ref(properties).word},
                              {.word = job_to_ref(key_string).word},
                              {.word = job_to_ref(value_string).word}};
    union jrt_slot nothing;
    return jrt_exec->call(thread, jrt_virtual_method(jrt_class_of(properties), put), args,
                          &nothing);
}

jobject JVM_InitAgentProperties(JNIEnv *env, jobject properties)
{
    static const char *const keys[] = {"sun.java.command"};
    JDK_ENTER(env);
    struct job_object *into = jrt_get(properties);
    for (unsigned i = 0; i < ST_COUNT(keys); i++) {
        const char *value = jdk_property_get(&jdk_options, keys[i]);
        if (value != NULL && !put_property(thread, into, keys[i], value)) {
            break;
        }
    }
    if (!jrt_failed(thread)) {
        (void)(put_property(thread, into, "sun.jvm.flags", "") &&
               put_property(thread, into, "sun.jvm.args", ""));
    }
    JDK_RETURN(properties);
}

/* ---- java.lang.Runtime ---- */

void JVM_BeforeHalt(void)
{
}

void JVM_Halt(jint code)
{
    struct jrt_thread *thread = jrt_current();
    if (thread != NULL) {
        jrt_to_vm(thread);
        jdk_stop_for_good(thread);
    }
    jdk_exit(code);
}

void JVM_GC(void)
{
    struct jrt_thread *thread = jrt_current();
    if (jdk_options.no_explicit_gc) {
        return;
    }
    jrt_to_vm(thread);
    jgc_collect(&thread->alloc, JGC_SYSTEM);
    jrt_to_native(thread);
}

jlong JVM_TotalMemory(void)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    return (jlong)stats.heap.committed_bytes;
}

jlong JVM_FreeMemory(void)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    return (jlong)(stats.heap.committed_bytes -
                   ST_MIN(stats.heap.used_bytes, stats.heap.committed_bytes));
}

jlong JVM_MaxMemory(void)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    return (jlong)stats.heap.max_bytes;
}

/* In ms: how long ago the whole heap was looked at, which every collection does. RMI asks. */
jlong JVM_MaxObjectInspectionAge(void)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    uint64_t age =
        stats.last_finished_ns != 0 ? os_monotonic_ns() - stats.last_finished_ns : jdk_uptime_ns();
    return (jlong)(age / 1000000);
}

jint JVM_ActiveProcessorCount(void)
{
    return jdk_processors();
}

jboolean JVM_IsUseContainerSupport(void)
{
    return !jdk_options.no_container;
}

jboolean JVM_SupportsCX8(void)
{
    return 1;
}

jstring JVM_GetTemporaryDirectory(JNIEnv *env)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jrt_string_of(thread, "/tmp")));
}

char *JVM_NativePath(char *path)
{
    return path;
}

/* ---- libraries ---- */

void *JVM_LoadLibrary(const char *name, jboolean throw_exception)
{
    void *library = dlopen(name, RTLD_LAZY);
    struct jrt_thread *thread = jrt_current();
    if (library == NULL && throw_exception && thread != NULL) {
        const char *why = dlerror();
        jrt_to_vm(thread);
        (void)jrt_throw(thread, JRT_UnsatisfiedLinkError, "%s: %s", name, why != NULL ? why : "");
        jrt_to_native(thread);
    }
    return library;
}

void JVM_UnloadLibrary(void *library)
{
    (void)dlclose(library);
}

void *JVM_FindLibraryEntry(void *library, const char *name)
{
    return dlsym(library, name);
}

jboolean JVM_IsSupportedJNIVersion(jint version)
{
    return jdk_is_jni_version(version) || version == 0x00010001 ? 1 : 0;
}

/* ---- assertions ---- */

jboolean JVM_DesiredAssertionStatus(JNIEnv *env, jclass unused ST_UNUSED, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jboolean)(jdk_assertions_of(jdk_class(of)) ? 1 : 0));
}

/* A String[] and boolean[] of the directives for packages or for classes. */
static bool directive_arrays(struct jrt_thread *thread, struct job_object *directives,
                             bool packages, const char *names_field, const char *enabled_field)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < jdk_options.assertion_count; i++) {
        count +=
            jdk_options.assertions[i].name != NULL && jdk_options.assertions[i].package == packages;
    }
    struct job_array *names = jrt_new_array(thread, jrt_known.string_array, (int32_t)count);
    struct job_array *enabled =
        names != NULL
            ? jrt_new_array(thread, jrt_known.primitive_array[JRT_BOOLEAN], (int32_t)count)
            : NULL;
    for (uint32_t i = jdk_options.assertion_count, at = 0; enabled != NULL && i-- > 0;) {
        const struct jdk_assertion *one = &jdk_options.assertions[i];
        if (one->name == NULL || one->package != packages) {
            continue;
        }
        job_offset_t symbol = jrt_symbol_of(one->name);
        struct job_object *name = symbol != 0 ? jdk_dotted(thread, symbol) : NULL;
        if (name == NULL) {
            return false;
        }
        jgc_store(&names->object, (jref_t *)job_elements(names) + at, job_to_ref(name));
        ((uint8_t *)job_elements(enabled))[at++] = one->enable;
    }
    return enabled != NULL &&
           jdk_set_ref(directives, names_field, "[Ljava/lang/String;", &names->object) &&
           jdk_set_ref(directives, enabled_field, "[Z", &enabled->object);
}

jobject JVM_AssertionStatusDirectives(JNIEnv *env, jclass unused ST_UNUSED)
{
    JDK_ENTER(env);
    struct jrt_class *class = jrt_known_class(thread, JRT_AssertionStatusDirectives);
    struct job_object *made = class != NULL ? jrt_new(thread, class) : NULL;
    bool by_default = false;
    for (uint32_t i = 0; i < jdk_options.assertion_count; i++) {
        if (jdk_options.assertions[i].name == NULL) {
            by_default = jdk_options.assertions[i].enable;
        }
    }
    bool good = made != NULL &&
                directive_arrays(thread, made, true, "packages", "packageEnabled") &&
                directive_arrays(thread, made, false, "classes", "classEnabled");
    if (good) {
        jdk_set_boolean(made, "deflt", by_default);
    }
    JDK_RETURN(good ? jrt_local(thread, made) : NULL);
}

/* ---- archives of shared classes: there are none ---- */

jboolean JVM_IsCDSDumpingEnabled(JNIEnv *env ST_UNUSED)
{
    return 0;
}

jboolean JVM_IsSharingEnabled(JNIEnv *env ST_UNUSED)
{
    return 0;
}

jboolean JVM_IsDumpingClassList(JNIEnv *env ST_UNUSED)
{
    return 0;
}

jlong JVM_GetRandomSeedForDumping(void)
{
    return 0;
}

void JVM_InitializeFromArchive(JNIEnv *env ST_UNUSED, jclass class ST_UNUSED)
{
}

void JVM_RegisterLambdaProxyClassForArchiving(JNIEnv *env ST_UNUSED)
{
}

jclass JVM_LookupLambdaProxyClassFromArchive(JNIEnv *env ST_UNUSED)
{
    return NULL;
}

void JVM_LogLambdaFormInvoker(JNIEnv *env ST_UNUSED, jstring line ST_UNUSED)
{
}

/* jcmd's commands for making one: they are never offered. */
static void no_archives(JNIEnv *env)
{
    JDK_ENTER(env);
    (void)jrt_throw(thread, JRT_UnsupportedOperationException,
                    "this virtual machine makes no archives of shared classes");
    JDK_LEAVE();
}

void JVM_DumpClassListToFile(JNIEnv *env, jstring name ST_UNUSED)
{
    no_archives(env);
}

void JVM_DumpDynamicArchive(JNIEnv *env, jstring name ST_UNUSED)
{
    no_archives(env);
}

void JVM_DefineArchivedModules(JNIEnv *env, jobject platform ST_UNUSED, jobject system ST_UNUSED)
{
    no_archives(env);
}

/* ---- monitors of libraries, and their printf: threads need not be attached ---- */

void *JVM_RawMonitorCreate(void)
{
    pthread_mutex_t *lock = malloc(sizeof(pthread_mutex_t));
    if (lock != NULL) {
        pthread_mutex_init(lock, NULL);
    }
    return lock;
}

void JVM_RawMonitorDestroy(void *lock)
{
    pthread_mutex_destroy(lock);
    free(lock);
}

jint JVM_RawMonitorEnter(void *lock)
{
    return pthread_mutex_lock(lock);
}

void JVM_RawMonitorExit(void *lock)
{
    pthread_mutex_unlock(lock);
}

int jio_vsnprintf(char *text, size_t size, const char *format, va_list list)
{
    if ((intptr_t)size <= 0) {
        return -1;
    }
    int wanted = vsnprintf(text, size, format, list);
    return wanted < 0 || (size_t)wanted >= size
               ? -1
               : wanted; /* not C99's: what was cut off is an error */
}

int jio_snprintf(char *text, size_t size, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = jio_vsnprintf(text, size, format, list);
    va_end(list);
    return length;
}

int jio_vfprintf(FILE *file, const char *format, va_list list)
{
    return jdk_options.print != NULL ? jdk_options.print(file, format, list)
                                     : jdk_host->print(file, format, list);
}

int jio_fprintf(FILE *file, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = jio_vfprintf(file, format, list);
    va_end(list);
    return length;
}

int jio_printf(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int length = jio_vfprintf(stdout, format, list);
    va_end(list);
    return length;
}
