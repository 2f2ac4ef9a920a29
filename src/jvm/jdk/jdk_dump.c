/*
 * Texts about threads: the dump on SIGQUIT in HotSpot's form (jvm-interface.md 8.6), and a
 * throwable's trace when Java code cannot print it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/jdk/jdk.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_handle.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_string.h"

enum { NAME_BYTES = 512, PLACE_BYTES = 1024, DUMP_BYTES = 64 << 20 };

static void name_of(const struct job_object *object, char *text, uint32_t size)
{
    (void)jrt_external_name(jrt_class_of(object), text, size);
}

/* "java.lang.Thread.run(java.base@17.0.15/Thread.java:840)" */
static void add_frame(struct st_buf *to, const struct jrt_method *method, uint32_t bytecode_index)
{
    char place[PLACE_BYTES];
    jdk_describe_place(method, bytecode_index, place, sizeof place);
    (void)st_buf_printf(to, "\tat %s\n", place);
}

static const char *state_text(int32_t status)
{
    switch (status) {
    case 0x0:
        return "NEW";
    case 0x2:
        return "TERMINATED";
    case 0xE1:
        return "TIMED_WAITING (sleeping)";
    case 0x191:
        return "WAITING (on object monitor)";
    case 0x1A1:
        return "TIMED_WAITING (on object monitor)";
    case 0x291:
        return "WAITING (parking)";
    case 0x2A1:
        return "TIMED_WAITING (parking)";
    case 0x401:
        return "BLOCKED (on object monitor)";
    default:
        return "RUNNABLE";
    }
}

static void add_wait(struct st_buf *to, const struct jrt_thread *thread, int32_t status)
{
    char name[NAME_BYTES];
    bool waits = false;
    const struct job_object *object = jrt_monitor_wanted(thread, &waits);
    const struct job_object *blocker =
        (status & 0x200) != 0 ? jrt_ref(job_from_ref(thread->object), JRT_AT(Thread, parkBlocker))
                              : NULL;
    if (object != NULL) {
        name_of(object, name, sizeof name);
        (void)st_buf_printf(to, "\t- %s <0x%016lx> (a %s)\n",
                            waits ? "waiting on" : "waiting to lock",
                            (unsigned long)(uintptr_t)object, name);
    } else if (blocker != NULL) {
        name_of(blocker, name, sizeof name);
        (void)st_buf_printf(to, "\t- parking to wait for  <0x%016lx> (a %s)\n",
                            (unsigned long)(uintptr_t)blocker, name);
    }
}

static void add_thread(struct jrt_thread *thread, void *argument)
{
    struct st_buf *to = argument;
    char name[NAME_BYTES] = "";
    const struct job_object *java_thread = job_from_ref(thread->object);
    if (java_thread == NULL) {
        return;
    }
    const struct job_object *string = jrt_ref(java_thread, JRT_AT(Thread, name));
    if (string != NULL) {
        (void)jrt_string_utf8(string, name, sizeof name);
    }
    int32_t status = jrt_int(java_thread, JRT_AT(Thread, threadStatus));
    bool daemon = jrt_byte(java_thread, JRT_AT(Thread, daemon)) != 0;
    (void)st_buf_printf(to, "\"%s\" #%lld %sprio=%d os_prio=0 tid=0x%016lx nid=0x%x %s\n", name,
                        (long long)jrt_long(java_thread, JRT_AT(Thread, tid)),
                        daemon ? "daemon " : "", jrt_int(java_thread, JRT_AT(Thread, priority)),
                        (unsigned long)(uintptr_t)thread, (unsigned)thread->os_id,
                        status == 0x5 ? "runnable" : "waiting on condition");
    (void)st_buf_printf(to, "   java.lang.Thread.State: %s\n", state_text(status));
    struct jrt_walk walk;
    bool first = true;
    for (jrt_walk_start(&walk, thread); walk.fp != NULL; jrt_walk_next(&walk)) {
        const struct jrt_frame *frame = jrt_frame_of(walk.fp);
        add_frame(to, jrt_method_at(frame->method), jrt_exec->bytecode_index(frame));
        if (first) {
            add_wait(to, thread, status);
            first = false;
        }
    }
    (void)st_buf_printf(to, "\n");
}

static void dump(void *argument)
{
    jrt_threads_each(add_thread, argument);
}

void jdk_thread_dump(struct jrt_thread *thread,
                     void (*write)(void *to, const char *text, size_t length), void *to)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(DUMP_BYTES);
    char now[64];
    time_t seconds = time(NULL);
    struct tm local;
    uint32_t globals;
    uint32_t weaks;
    (void)strftime(now, sizeof now, "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &local));
    (void)st_buf_printf(&text, "%s\nFull thread dump %s (%s %s):\n\n", now,
                        jdk_property_get(&jdk_options, "java.vm.name"),
                        jdk_property_get(&jdk_options, "java.vm.version"),
                        jdk_property_get(&jdk_options, "java.vm.info"));
    jrt_stop_world(thread, dump, &text);
    jrt_handle_counts(&globals, &weaks);
    (void)st_buf_printf(&text, "JNI global refs: %u, weak refs: %u\n\n", globals, weaks);
    write(to, st_buf_string(&text), text.length);
}

void jdk_describe_plainly(const struct job_object *throwable)
{
    char message[NAME_BYTES];
    struct jrt_method *method;
    uint32_t bytecode_index;
    const struct job_object *string = jrt_ref(throwable, JRT_AT(Throwable, detailMessage));
    if (string != NULL) {
        (void)jrt_string_utf8(string, message, sizeof message);
        jdk_print(stderr, ": %s", message);
    }
    jdk_print(stderr, "\n");
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(DUMP_BYTES);
    for (uint32_t i = 0; jrt_trace_frame(throwable, i, &method, &bytecode_index); i++) {
        add_frame(&text, method, bytecode_index);
    }
    jdk_print(stderr, "%s", st_buf_string(&text));
    const struct job_object *cause = jrt_ref(throwable, JRT_AT(Throwable, cause));
    if (cause != NULL && cause != throwable) {
        char name[NAME_BYTES];
        name_of(cause, name, sizeof name);
        jdk_print(stderr, "Caused by: %s", name);
        jdk_describe_plainly(cause);
    }
}

bool jdk_source_file(const struct jrt_class *class, char *text, size_t size)
{
    struct jcf_class file;
    if ((class->flags & (JRT_CLASS_ARRAY | JRT_CLASS_PRIMITIVE)) != 0) {
        return false;
    }
    jrt_class_attributes(class, &file);
    job_offset_t symbol = file.source_file != 0 ? jrt_pool_symbol(class, file.source_file) : 0;
    if (symbol != 0) {
        (void)snprintf(text, size, "%s", jrt_text(symbol));
    }
    return symbol != 0;
}

void jdk_describe_place(const struct jrt_method *method, uint32_t bytecode_index, char *text,
                        size_t size)
{
    char name[NAME_BYTES];
    char file[NAME_BYTES];
    const struct jrt_class *class = jrt_class_at(method->class_at);
    int32_t line = jrt_line_number(method, bytecode_index);
    bool known = jdk_source_file(class, file, sizeof file);
    (void)jrt_external_name(class, name, sizeof name);
    if (line == -2) {
        (void)snprintf(text, size, "%s.%s(Native Method)", name, jrt_text(method->name));
    } else if (!known) {
        (void)snprintf(text, size, "%s.%s(Unknown Source)", name, jrt_text(method->name));
    } else if (line < 0) {
        (void)snprintf(text, size, "%s.%s(%s)", name, jrt_text(method->name), file);
    } else {
        (void)snprintf(text, size, "%s.%s(%s:%d)", name, jrt_text(method->name), file, line);
    }
}
