/*
 * The machine's life as its embedder sees it (JNI specification, chapter 5): creation, attached
 * threads, destruction.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jvm/interpreter/jin.h"
#include "jvm/intrinsic/jis.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_boot.h"
#include "jvm/jdk/jdk_flags.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jdk_log.h"
#include "jvm/jdk/jdk_options.h"
#include "jvm/jdk/jdk_properties.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

enum vm_state { NOT_MADE, BEING_MADE, MADE, GONE };

static uint32_t state; /* [a] enum vm_state */
struct jdk_options jdk_options;

struct jdk_invoke_table {
    void *reserved[3];
    jint (*DestroyJavaVM)(JavaVM *vm);
    jint (*AttachCurrentThread)(JavaVM *vm, void **ret_env, void *arguments);
    jint (*DetachCurrentThread)(JavaVM *vm);
    jint (*GetEnv)(JavaVM *vm, void **ret_env, jint version);
    jint (*AttachCurrentThreadAsDaemon)(JavaVM *vm, void **ret_env, void *arguments);
};

static bool is_version(jint version)
{
    switch (version) {
    case 0x00010002:
    case 0x00010004:
    case 0x00010006:
    case 0x00010008:
    case 0x00090000:
    case 0x000a0000:
        return true;
    default:
        return false;
    }
}

bool jdk_is_jni_version(jint version)
{
    return is_version(version);
}

/* ---- threads ---- */

/* DestroyJavaVM has ended: the world stands still for good, and libraries that clean up after
 * threads still call. */
static bool is_gone(void)
{
    return __atomic_load_n(&state, __ATOMIC_ACQUIRE) == GONE;
}

static jint attach(void **ret_env, const JavaVMAttachArgs *arguments, bool daemon)
{
    if (is_gone()) {
        return JNI_ERR;
    }
    struct jrt_thread *thread = jrt_current();
    if (thread != NULL) {
        *ret_env = &thread->jni;
        return JNI_OK;
    }
    thread = jrt_thread_attach(NULL);
    if (thread == NULL) {
        return JNI_ENOMEM;
    }
    thread->native_attached = true;
    struct job_object *group = arguments != NULL ? jrt_get(arguments->group) : NULL;
    const char *name = arguments != NULL ? arguments->name : NULL;
    if (!jrt_thread_make_object(thread, name, group, daemon, true)) {
        (void)jrt_catch(thread);
        jrt_thread_detach(thread);
        return JNI_ERR;
    }
    *ret_env = &thread->jni;
    jrt_to_native(thread);
    return JNI_OK;
}

static jint AttachCurrentThread(JavaVM *vm ST_UNUSED, void **ret_env, void *arguments)
{
    return attach(ret_env, arguments, false);
}

static jint AttachCurrentThreadAsDaemon(JavaVM *vm ST_UNUSED, void **ret_env, void *arguments)
{
    return attach(ret_env, arguments, true);
}

static jint DetachCurrentThread(JavaVM *vm ST_UNUSED)
{
    struct jrt_thread *thread = jrt_current();
    if (is_gone()) {
        return JNI_ERR;
    }
    if (thread == NULL) {
        return JNI_OK;
    }
    if (thread->top != NULL) {
        return JNI_ERR; /* Java code is under way on it */
    }
    jrt_to_vm(thread);
    jrt_thread_exit(thread);
    jrt_thread_detach(thread);
    return JNI_OK;
}

static jint GetEnv(JavaVM *vm ST_UNUSED, void **ret_env, jint version)
{
    struct jrt_thread *thread = jrt_current();
    *ret_env = NULL;
    if (thread == NULL || is_gone()) {
        return JNI_EDETACHED;
    }
    if (!is_version(version) && version != 0x00010001) {
        return JNI_EVERSION; /* JVMTI's too: there is none */
    }
    *ret_env = &thread->jni;
    return JNI_OK;
}

/* java.lang.Shutdown.shutdown: the hooks. */
static void run_hooks(struct jrt_thread *thread)
{
    union jrt_slot nothing;
    struct jrt_class *class = jrt_known_class(thread, JRT_Shutdown);
    struct jrt_method *method =
        class != NULL ? jrt_declared_method(class, jrt_symbol_of("shutdown"), jrt_symbol_of("()V"))
                      : NULL;
    if (method != NULL && jrt_init_class(thread, class)) {
        (void)jrt_exec->call(thread, method, &nothing, &nothing);
    }
    (void)jrt_catch(thread);
}

static jint DestroyJavaVM(JavaVM *vm)
{
    static char name[] = "DestroyJavaVM";
    JavaVMAttachArgs arguments = {.version = JDK_JNI_VERSION, .name = name};
    void *env;
    if (__atomic_load_n(&state, __ATOMIC_ACQUIRE) != MADE) {
        return JNI_ERR;
    }
    jint r = AttachCurrentThread(vm, &env, &arguments);
    if (r != JNI_OK) {
        return r;
    }
    struct jrt_thread *thread = jrt_current();
    jrt_to_vm(thread);
    jrt_threads_wait_alone(thread);
    run_hooks(thread);
    __atomic_store_n(&state, GONE, __ATOMIC_RELEASE);
    /* Daemons may go on until the process ends; they must not touch what exit handlers take apart.
     */
    jdk_stop_for_good(thread);
    return JNI_OK;
}

static const struct jdk_invoke_table invoke_table = {
    .DestroyJavaVM = DestroyJavaVM,
    .AttachCurrentThread = AttachCurrentThread,
    .DetachCurrentThread = DetachCurrentThread,
    .GetEnv = GetEnv,
    .AttachCurrentThreadAsDaemon = AttachCurrentThreadAsDaemon,
};
static JavaVM java_vm = &invoke_table;

JavaVM *jdk_java_vm(void)
{
    return &java_vm;
}

/* ---- creation ---- */

/* "Error occurred during initialization of VM" and why, unless the library has said it; ends the
 * process, as embedders expect. */
ST_NORETURN static void fail_to_start(struct jrt_thread *thread, const char *message)
{
    if (message != NULL || (thread != NULL && jrt_failed(thread))) {
        jdk_print(stdout, "Error occurred during initialization of VM\n");
    }
    if (message != NULL) {
        jdk_print(stdout, "%s\n", message);
    }
    if (thread != NULL && jrt_failed(thread)) {
        jdk_describe_exception(thread);
    }
    jdk_exit(1);
}

static void runtime_options(const struct jdk_options *from, struct jrt_options *ret_options)
{
    *ret_options = (struct jrt_options){.heap_min = from->heap_min,
                                        .heap_max = from->heap_max,
                                        .java_stack_bytes = from->stack_bytes,
                                        .processors = (uint32_t)jdk_processors(),
                                        .stress_every = from->stress_every,
                                        .verify_heap = from->verify_heap,
                                        .verify_boot = from->verify_boot,
                                        .verify_other = from->verify_other,
                                        .preview = from->preview,
                                        .log_class = jdk_log_wants("class,load"),
                                        .log_unload = jdk_log_wants("class,unload"),
                                        .log_gc = jdk_log_wants("gc"),
                                        .log_init = jdk_log_wants("class,init"),
                                        .trace_depth = from->trace_depth,
                                        .boot = {.modules = jdk_modules_path(),
                                                 .patches = (const char *const *)from->patches,
                                                 .append = (const char *const *)from->boot_append},
                                        .jni = jdk_jni_table(),
                                        .log_line = jdk_log_line,
                                        .collected = jdk_collected,
                                        .reached = jdk_reached,
                                        .finished = jdk_collection_finished,
                                        .handler_threw = jdk_handler_threw,
                                        .out_of_memory = jdk_out_of_memory,
                                        .verify_old = jdk_verify_old,
                                        .find_native = jdk_find_native,
                                        .find_leaf = jis_find,
                                        .fatal = jdk_crash,
                                        .wide_strings = from->wide_strings,
                                        .leaves = jis_leaves};
}

/* -XX:+PrintVMOptions, -XX:+PrintCommandLineFlags, -XX:+PrintFlagsFinal */
static void print_options(const struct jdk_options *options)
{
    for (uint32_t i = 0; options->print_options && i < options->argument_count; i++) {
        if (strncmp(options->arguments[i], "-XX:", 4) == 0) {
            jdk_print(stdout, "VM option '%s'\n", options->arguments[i] + 4);
        }
    }
    if (options->print_given_flags) {
        jdk_flags_print_given(options);
    }
    if (options->print_flags) {
        jdk_flags_print(options);
    }
    (void)fflush(stdout);
}

/* What HotSpot returns for options that it knows but not so, and for others. */
static jint create_error(int r)
{
    switch (r) {
    case -ST_EINVAL:
    case -ST_ERANGE:
        return JNI_EINVAL;
    case -ST_ENOMEM:
        return JNI_ENOMEM;
    default:
        return JNI_ERR;
    }
}

static jint create(JavaVM **ret_vm, void **ret_env, const JavaVMInitArgs *arguments)
{
    struct st_err err = {0};
    struct st_err no_home = {0};
    jdk_started();
    int found = jdk_home_find(&no_home); /* options stand there too */
    int r = jdk_options_parse(arguments, &jdk_options, &err);
    if (r == -ST_ELIMIT) {
        fail_to_start(NULL, err.msg);
    }
    if (r < 0) {
        jdk_print(r == -ST_ERANGE ? stdout : stderr, "%s\n%s", err.msg, err.hint);
        jdk_options_done(&jdk_options);
        return create_error(r);
    }
    if (jdk_options.printed) {
        jdk_exit(0);
    }
    print_options(&jdk_options);
    if (jdk_log_wants("gc")) {
        jdk_log_line("gc", "Using Mark Region");
    }
    if (found < 0) {
        fail_to_start(NULL, no_home.msg);
    }
    if (jdk_properties_fill(&jdk_options) < 0 || jdk_libraries_open(&err) < 0) {
        fail_to_start(NULL, err.msg);
    }
    struct jrt_options options;
    runtime_options(&jdk_options, &options);
    jin_init();
    struct jrt_thread *thread = jrt_vm_create(&options, &err);
    if (thread == NULL) {
        fail_to_start(NULL, err.msg);
    }
    thread->native_attached = true;
    if (!jdk_boot(thread, jdk_log_wants("init"))) {
        fail_to_start(thread, NULL);
    }
    if (jdk_options.management_agent && !jdk_start_agent(thread)) {
        jdk_exit(1); /* it has said why */
    }
    *ret_vm = &java_vm;
    *ret_env = &thread->jni;
    jrt_to_native(thread);
    return JNI_OK;
}

jint jdk_create(JavaVM **ret_vm, void **ret_env, const JavaVMInitArgs *init)
{
    uint32_t expected = NOT_MADE;
    if (!is_version(init->version)) {
        return JNI_EVERSION;
    }
    if (!__atomic_compare_exchange_n(&state, &expected, BEING_MADE, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        return expected == GONE ? JNI_ERR : JNI_EEXIST;
    }
    jint r = create(ret_vm, ret_env, init);
    __atomic_store_n(&state, r == JNI_OK ? MADE : NOT_MADE, __ATOMIC_RELEASE);
    return r;
}

/* Of JDK 1.1's arguments only the version and the stack size are used: by the launcher, for the
 * thread that it makes. */
jint jdk_default_arguments(void *arguments)
{
    struct old_arguments {
        jint version;
        char **properties;
        jint checkSource;
        jint nativeStackSize;
        jint javaStackSize;
    } *old = arguments;
    static_assert(offsetof(struct old_arguments, javaStackSize) == 24, "JDK 1.1's layout");
    if (old->version == 0x00010001) {
        old->version = 0x00010002;
        old->javaStackSize = 1 << 20;
        return JNI_ERR;
    }
    return is_version(old->version) ? JNI_OK : JNI_ERR;
}

jint jdk_created(JavaVM **ret_vms, jsize room, jsize *ret_count)
{
    bool made = __atomic_load_n(&state, __ATOMIC_ACQUIRE) == MADE;
    if (made && room > 0) {
        ret_vms[0] = &java_vm;
    }
    if (ret_count != NULL) {
        *ret_count = made ? 1 : 0;
    }
    return JNI_OK;
}
