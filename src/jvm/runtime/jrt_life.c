/* Threads' lives: see jrt_life.h. */
#include "jvm/runtime/jrt_life.h"

#include <stdio.h>

#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_handle.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"
#include "os/os_thread.h"

enum {
    STATUS_NEW = 0,
    STATUS_TERMINATED = 0x2,
    STATUS_RUNNABLE = 0x5,
    NORMAL_PRIORITY = 5,
    MIN_NATIVE_STACK = 256 << 10,
    EXIT_TRIES = 3
};

jref_t jrt_system_group, jrt_main_group;

/* What a starting thread is handed; on its starter's native stack. */
struct start {
    jrt_handle_t java_thread; /* global */
    size_t stack_bytes;
    bool daemon;
    uint32_t done; /* [a] 1: registered, 2: could not */
};

static void bind(struct jrt_thread *thread, struct job_object *java_thread)
{
    thread->object = job_to_ref(java_thread);
    jrt_set_int(java_thread, JRT_AT(Thread, threadStatus), STATUS_RUNNABLE);
    jrt_set_long(java_thread, JRT_AT(Thread, eetop), (int64_t)(uintptr_t)thread);
}

static void name_thread(const struct job_object *java_thread)
{
    char name[16]; /* the kernel keeps no more */
    const struct job_object *string = jrt_ref(java_thread, JRT_AT(Thread, name));
    if (string != NULL) {
        (void)jrt_string_utf8(string, name, sizeof name);
        os_thread_name(name);
    }
}

void jrt_thread_name(const struct jrt_thread *thread, struct st_buf *to)
{
    const struct job_object *object = job_from_ref(thread->object);
    jrt_string_add(object != NULL ? jrt_ref(object, JRT_AT(Thread, name)) : NULL, to);
}

static void *run_thread(void *argument)
{
    struct start *start = argument;
    struct jrt_thread *thread = jrt_thread_attach_sized(start->stack_bytes, NULL);
    if (thread == NULL) {
        __atomic_store_n(&start->done, 2, __ATOMIC_RELEASE);
        os_futex_wake(&start->done, 1);
        return NULL;
    }
    struct job_object *java_thread = jrt_get(start->java_thread);
    jrt_thread_set_daemon(thread, start->daemon);
    bind(thread, java_thread);
    name_thread(java_thread);
    bool stillborn = jrt_byte(java_thread, JRT_AT(Thread, stillborn)) != 0;
    __atomic_store_n(&start->done, 1, __ATOMIC_RELEASE);
    os_futex_wake(&start->done, 1); /* `start` is gone from here on */
    if (!stillborn) {
        struct jrt_method *run =
            jrt_virtual_method(jrt_class_of(java_thread), jrt_known.method[JRT_METHOD_threadRun]);
        union jrt_slot receiver = {.ref = job_to_ref(java_thread)};
        union jrt_slot nothing;
        (void)jrt_exec->call(thread, run, &receiver, &nothing);
    }
    jrt_thread_exit(thread);
    jrt_thread_detach(thread);
    return NULL;
}

static void say_no_thread(struct job_object *java_thread, size_t native_bytes)
{
    enum { NAME_BYTES = 256 };
    char name[NAME_BYTES];
    char line[NAME_BYTES + 128];
    const struct job_object *of = jrt_ref(java_thread, JRT_AT(Thread, name));
    if (jrt_options.log_line == NULL || of == NULL) {
        return;
    }
    (void)jrt_string_utf8(of, name, sizeof name);
    (void)snprintf(line, sizeof line,
                   "Failed to start thread \"Unknown thread\" - pthread_create failed (EAGAIN) for "
                   "attributes: stacksize: %zuk, guardsize: 0k, detached.",
                   native_bytes >> 10);
    jrt_options.log_line("os,thread", line);
    (void)snprintf(line, sizeof line,
                   "Failed to start the native thread for java.lang.Thread \"%s\"", name);
    jrt_options.log_line("os,thread", line);
}

static bool no_thread(struct jrt_thread *thread)
{
    return jrt_throw_oom(thread, JRT_OOM_THREAD);
}

/* The Java and native stack of a thread that asked for `wanted` bytes. */
static size_t stack_bytes(int64_t wanted)
{
    if (wanted <= 0) {
        return jrt_options.java_stack_bytes;
    }
    return (size_t)ST_MIN(ST_MAX(wanted, (int64_t)MIN_NATIVE_STACK), (int64_t)1 << 30);
}

bool jrt_thread_start(struct jrt_thread *thread, struct job_object *java_thread)
{
    if (jrt_long(java_thread, JRT_AT(Thread, eetop)) != 0 ||
        jrt_int(java_thread, JRT_AT(Thread, threadStatus)) != STATUS_NEW) {
        return jrt_throw_class(thread, jrt_known_class(thread, JRT_IllegalThreadStateException),
                               NULL);
    }
    struct start start = {
        .java_thread = jrt_global(java_thread),
        .stack_bytes = stack_bytes(jrt_long(java_thread, JRT_AT(Thread, stackSize))),
        .daemon = jrt_byte(java_thread, JRT_AT(Thread, daemon)) != 0,
    };
    if (start.java_thread == NULL) {
        return no_thread(thread);
    }
    size_t native_bytes = ST_MAX(start.stack_bytes, (size_t)MIN_NATIVE_STACK);
    jrt_to_native(thread);
    int r = os_thread_detach(native_bytes, run_thread, &start);
    while (r >= 0 && __atomic_load_n(&start.done, __ATOMIC_ACQUIRE) == 0) {
        os_futex_wait(&start.done, 0);
    }
    jrt_to_vm(thread);
    bool started = r >= 0 && start.done == 1;
    if (!started) {
        say_no_thread(jrt_get(start.java_thread), native_bytes);
    }
    jrt_global_delete(start.java_thread);
    return started || no_thread(thread);
}

bool jrt_thread_make_object(struct jrt_thread *thread, const char *name, struct job_object *group,
                            bool daemon, bool add_to_group)
{
    struct jrt_class *class = jrt_known.class[JRT_Thread];
    struct job_object *java_thread = jrt_new(thread, class);
    if (java_thread == NULL) {
        return false;
    }
    /* Its constructor asks for the current thread, which is this one. */
    jrt_set_int(java_thread, JRT_AT(Thread, priority), NORMAL_PRIORITY);
    bind(thread, java_thread);
    struct job_object *in = group != NULL ? group : job_from_ref(jrt_main_group);
    union jrt_slot args[3] = {{.ref = thread->object}, {.ref = job_to_ref(in)}, {.word = 0}};
    struct jrt_method *init = jrt_known.method[JRT_METHOD_threadInitRunnable];
    if (name != NULL) {
        args[2].word = job_to_ref(jrt_string_of(thread, name)).word;
        init = jrt_known.method[JRT_METHOD_threadInit];
        if (jrt_failed(thread)) {
            return false;
        }
    }
    union jrt_slot nothing;
    if (!jrt_exec->call(thread, init, args, &nothing)) {
        return false;
    }
    java_thread = job_from_ref(thread->object);
    if (daemon) {
        jrt_set_byte(java_thread, JRT_AT(Thread, daemon), 1);
        jrt_thread_set_daemon(thread, true);
    }
    jrt_set_int(java_thread, JRT_AT(Thread, threadStatus), STATUS_RUNNABLE);
    if (!add_to_group) {
        return true;
    }
    union jrt_slot add[2] = {{.ref = job_to_ref(in)}, {.ref = thread->object}};
    return jrt_exec->call(thread, jrt_known.method[JRT_METHOD_threadGroupAdd], add, &nothing);
}

/* Thread.exit; it may be disturbed by an asynchronous exception, so it is tried again until the
 * group is gone. */
static void call_exit(struct jrt_thread *thread)
{
    union jrt_slot nothing;
    for (int i = 0; i < EXIT_TRIES; i++) {
        union jrt_slot receiver = {.ref = thread->object};
        (void)jrt_exec->call(thread, jrt_known.method[JRT_METHOD_threadExit], &receiver, &nothing);
        (void)jrt_catch(thread);
        if (jrt_ref(job_from_ref(thread->object), JRT_AT(Thread, group)) == NULL) {
            return;
        }
    }
}

static void dispatch_uncaught(struct jrt_thread *thread)
{
    union jrt_slot args[2] = {{.ref = thread->object}, {.ref = job_to_ref(jrt_catch(thread))}};
    union jrt_slot nothing;
    (void)jrt_exec->call(thread, jrt_known.method[JRT_METHOD_dispatchUncaughtException], args,
                         &nothing);
    const struct job_object *thrown = jrt_catch(thread);
    if (thrown != NULL && jrt_options.handler_threw != NULL) {
        jrt_options.handler_threw(thread, thrown);
    }
}

void jrt_thread_exit(struct jrt_thread *thread)
{
    if (thread->object.word == 0) {
        return;
    }
    if (jrt_failed(thread)) {
        dispatch_uncaught(thread);
    }
    call_exit(thread);
    struct job_object *java_thread = job_from_ref(thread->object);
    bool locked = jrt_monitor_enter(thread, java_thread);
    java_thread = job_from_ref(thread->object);
    jrt_set_int(java_thread, JRT_AT(Thread, threadStatus), STATUS_TERMINATED);
    jrt_set_long(java_thread, JRT_AT(Thread, eetop), 0);
    if (locked) {
        (void)!jrt_monitor_notify(thread, java_thread, true);
        (void)!jrt_monitor_exit(thread, java_thread);
    }
    (void)jrt_catch(thread);
    jrt_monitors_release(thread);
}

bool jrt_thread_stop(struct jrt_thread *thread, struct job_object *java_thread,
                     struct job_object *exception)
{
    struct jrt_thread *target =
        (struct jrt_thread *)(uintptr_t)jrt_long(java_thread, JRT_AT(Thread, eetop));
    if (target == NULL) {
        jrt_set_byte(java_thread, JRT_AT(Thread, stillborn), 1);
        return true;
    }
    if (target == thread) {
        return jrt_throw_object(thread, exception);
    }
    jrt_thread_throw_into(target, exception);
    jrt_interrupt(java_thread);
    return true;
}
