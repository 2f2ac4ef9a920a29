/*
 * Texts about threads: the dump on SIGQUIT in HotSpot's form (jvm-interface.md 8.6), and a
 * throwable's trace when Java code cannot print it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/gc/jgc.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_locks.h"
#include "jvm/jdk/jdk_reflect.h"
#include "jvm/object/job_meta.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_handle.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_module.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_string.h"
#include "os/os_process.h"

enum { NAME_BYTES = 512, PLACE_BYTES = 1536, DUMP_BYTES = 256 << 20, CAUSES_MAX = 100 };

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

static const char *activity_text(int32_t status)
{
    switch (status) {
    case 0x401:
        return "waiting for monitor entry";
    case 0x191:
    case 0x1A1:
        return "in Object.wait()";
    case 0x5:
        return "runnable";
    default:
        return "waiting on condition";
    }
}

/* "<0x0000000400078500> (a java.lang.Object)" */
static void add_object(struct st_buf *to, const char *before, const struct job_object *object)
{
    char name[NAME_BYTES];
    char of[NAME_BYTES] = "";
    name_of(object, name, sizeof name);
    if (jrt_class_of(object) == jrt_known.class[JRT_Class]) {
        const struct jrt_class *class = jrt_class_of_mirror(object);
        (void)(class != NULL ? jrt_external_name(class, of, sizeof of) : NULL);
    }
    (void)st_buf_printf(to, "\t- %s <0x%016lx> (a %s%s%s)\n", before,
                        (unsigned long)(uintptr_t)object, name, *of != '\0' ? " for " : "", of);
}

struct dump {
    struct st_buf *to;
    struct jdk_synchronizers synchronizers;
    struct jrt_thread **threads; /* oldest first, those with an object of java.lang.Thread */
    struct jdk_waiting *waiting;
    int32_t *waits_for; /* the thread that one waits for; -1: none */
    uint32_t count, room;
};

static void add_stack(struct dump *dump, uint32_t which)
{
    const struct jdk_waiting *waiting = &dump->waiting[which];
    struct jrt_walk walk;
    bool first = true;
    for (jrt_walk_start(&walk, dump->threads[which]); walk.fp != NULL; jrt_walk_next(&walk)) {
        const struct jrt_frame *frame = jrt_frame_of(walk.fp);
        add_frame(dump->to, jrt_method_at(frame->method), jrt_exec->bytecode_index(frame));
        if (first && waiting->lock != NULL && (waiting->status & (0x400 | 0x300)) != 0) {
            add_object(dump->to,
                       (waiting->status & 0x200) != 0 ? "parking to wait for "
                       : waiting->notified            ? "waiting on"
                                                      : "waiting to lock",
                       waiting->lock);
        }
        const struct job_object *monitor;
        for (uint32_t i = 0;
             (monitor = jdk_frame_monitor(dump->threads[which], walk.fp, i)) != NULL; i++) {
            add_object(dump->to, "locked", monitor);
        }
        first = false;
    }
}

/* Adds a thread's name between two texts. */
static void add_name(struct st_buf *to, const char *before, const struct jrt_thread *thread,
                     const char *after)
{
    (void)st_buf_text(to, before);
    jrt_thread_name(thread, to);
    (void)st_buf_text(to, after);
}

static double elapsed_seconds(const struct jrt_thread *thread)
{
    struct timespec now;
    uint64_t ticks;
    if (os_process_start_time(thread->os_id, &ticks) < 0 ||
        clock_gettime(CLOCK_BOOTTIME, &now) != 0) {
        return 0;
    }
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 -
           (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static void add_thread(struct dump *dump, uint32_t which)
{
    const struct jrt_thread *thread = dump->threads[which];
    const struct job_object *object = job_from_ref(thread->object);
    int32_t status = dump->waiting[which].status;
    char times[64];
    struct jrt_walk walk;
    jrt_walk_start(&walk, thread);
    (void)snprintf(times, sizeof times, "cpu=%.2fms elapsed=%.2fs", /* st_buf has no %f */
                   (double)jdk_cpu_time_ns(thread->os_id) / 1e6, elapsed_seconds(thread));
    add_name(dump->to, "\"", thread, "\"");
    (void)st_buf_printf(dump->to,
                        " #%lld %sprio=%d os_prio=0 %s tid=0x%016lx nid=0x%x %s  [0x%016lx]\n",
                        (long long)jrt_long(object, JRT_AT(Thread, tid)),
                        jrt_byte(object, JRT_AT(Thread, daemon)) != 0 ? "daemon " : "",
                        jrt_int(object, JRT_AT(Thread, priority)), times,
                        (unsigned long)(uintptr_t)thread, (unsigned)thread->os_id,
                        activity_text(status), (unsigned long)(uintptr_t)walk.fp & ~0xffful);
    (void)st_buf_printf(dump->to, "   java.lang.Thread.State: %s\n", state_text(status));
    add_stack(dump, which);
    (void)st_buf_printf(dump->to, "\n");
}

/* ---- deadlocks ---- */

static int32_t waits_for(const struct dump *dump, uint32_t one)
{
    const struct job_object *owner = dump->waiting[one].owner;
    for (uint32_t i = 0; owner != NULL && i < dump->count; i++) {
        if (job_from_ref(dump->threads[i]->object) == owner) {
            return (int32_t)i;
        }
    }
    return -1;
}

/* How many threads the circle has that begins with one; 0: there is none, or an older one is in it.
 */
static uint32_t circle_of(const struct dump *dump, uint32_t one)
{
    int32_t at = (int32_t)one;
    for (uint32_t count = 1; count <= dump->count; count++) {
        at = dump->waits_for[at];
        if (at == (int32_t)one) {
            return count;
        }
        if (at < (int32_t)one) {
            break;
        }
    }
    return 0;
}

static void add_circle(struct dump *dump, uint32_t first, uint32_t length)
{
    char name[NAME_BYTES];
    int32_t at = (int32_t)first;
    (void)st_buf_printf(dump->to, "\nFound one Java-level deadlock:\n"
                                  "=============================\n");
    for (uint32_t i = 0; i < length; i++, at = dump->waits_for[at]) {
        const struct job_object *lock = dump->waiting[at].lock;
        unsigned long place = (unsigned long)(uintptr_t)lock;
        add_name(dump->to, i != 0 ? "\n\"" : "\"", dump->threads[at], "\":\n");
        name_of(lock, name, sizeof name);
        if (jdk_is_synchronizer(&dump->synchronizers, lock)) {
            (void)st_buf_printf(dump->to, "  waiting for ownable synchronizer 0x%016lx, (a %s),\n",
                                place, name);
        } else {
            (void)st_buf_printf(dump->to,
                                "  waiting to lock monitor 0x%016lx (object 0x%016lx, a %s),\n",
                                place, place, name);
        }
        add_name(dump->to, "  which is held by \"", dump->threads[dump->waits_for[at]], "\"\n");
    }
    (void)st_buf_printf(dump->to, "\nJava stack information for the threads listed above:\n"
                                  "===================================================\n");
    for (uint32_t i = 0; i < length; i++, at = dump->waits_for[at]) {
        add_name(dump->to, "\"", dump->threads[at], "\":\n");
        add_stack(dump, (uint32_t)at);
    }
}

static void add_deadlocks(struct dump *dump)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < dump->count; i++) {
        dump->waits_for[i] = waits_for(dump, i);
    }
    for (uint32_t i = 0; i < dump->count; i++) {
        uint32_t length = circle_of(dump, i);
        if (length != 0) {
            add_circle(dump, i, length);
            found++;
        }
    }
    if (found != 0) {
        (void)st_buf_printf(dump->to, "\nFound %u deadlock%s.\n\n", found, found != 1 ? "s" : "");
    }
}

/* ---- the whole ---- */

static void count_thread(struct jrt_thread *thread ST_UNUSED, void *argument)
{
    ((struct dump *)argument)->room++;
}

/* The list has the newest first. */
static void note_thread(struct jrt_thread *thread, void *argument)
{
    struct dump *dump = argument;
    if (thread->object.word != 0 && dump->count < dump->room) {
        dump->threads[dump->room - 1 - dump->count++] = thread;
    }
}

static void dump_world(void *argument)
{
    struct dump *dump = argument;
    uint32_t globals;
    uint32_t weaks;
    jrt_threads_each(count_thread, dump);
    dump->threads = calloc(dump->room + 1u, sizeof(struct jrt_thread *));
    dump->waiting = calloc(dump->room + 1u, sizeof *dump->waiting);
    dump->waits_for = calloc(dump->room + 1u, sizeof *dump->waits_for);
    if (dump->threads == NULL || dump->waiting == NULL || dump->waits_for == NULL) {
        (void)st_buf_text(dump->to, "There is no memory for the list of threads.\n\n");
        return;
    }
    jrt_threads_each(note_thread, dump);
    memmove(dump->threads, dump->threads + dump->room - dump->count,
            dump->count * sizeof(struct jrt_thread *));
    for (uint32_t i = 0; i < dump->count; i++) {
        jdk_waiting_of(dump->threads[i], &dump->synchronizers, &dump->waiting[i]);
    }
    for (uint32_t i = 0; i < dump->count; i++) {
        add_thread(dump, i);
    }
    jrt_handle_counts(&globals, &weaks);
    (void)st_buf_printf(dump->to, "JNI global refs: %u, weak refs: %u\n\n", globals, weaks);
    add_deadlocks(dump);
}

static void add_heap(struct st_buf *to)
{
    struct jgc_stats stats;
    jgc_get_stats(&stats);
    (void)st_buf_printf(to, "Heap\n mark region     total %lluK, used %lluK, max %lluK\n",
                        (unsigned long long)stats.heap.committed_bytes >> 10,
                        (unsigned long long)stats.heap.used_bytes >> 10,
                        (unsigned long long)stats.heap.max_bytes >> 10);
    (void)st_buf_printf(to, " Metaspace       used %lluK\n\n",
                        (unsigned long long)job_meta_used() >> 10);
}

void jdk_thread_dump(struct jrt_thread *thread,
                     void (*write)(void *to, const char *text, size_t length), void *to)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(DUMP_BYTES);
    struct dump dump = {.to = &text};
    char now[64];
    time_t seconds = time(NULL);
    struct tm local;
    (void)strftime(now, sizeof now, "%Y-%m-%d %H:%M:%S", localtime_r(&seconds, &local));
    (void)st_buf_printf(&text, "%s\nFull thread dump %s (%s %s):\n\n", now,
                        jdk_property_get(&jdk_options, "java.vm.name"),
                        jdk_property_get(&jdk_options, "java.vm.version"),
                        jdk_property_get(&jdk_options, "java.vm.info"));
    jdk_synchronizers_find(thread, &dump.synchronizers);
    jrt_stop_world(thread, dump_world, &dump);
    free(dump.threads);
    free(dump.waiting);
    free(dump.waits_for);
    add_heap(&text);
    write(to, st_buf_string(&text), text.length);
    if (st_buf_status(&text) < 0) {
        static const char cut[] = "\n(There is no memory for the rest.)\n";
        write(to, cut, sizeof cut - 1);
    }
}

/* The message, behind the class, and the trace of one. */
static void add_throwable(struct st_buf *to, const struct job_object *throwable)
{
    struct jrt_method *method;
    uint32_t bytecode_index;
    const struct job_object *message = jrt_ref(throwable, JRT_AT(Throwable, detailMessage));
    (void)st_buf_text(to, message != NULL ? ": " : "");
    jrt_string_add(message, to);
    (void)st_buf_char(to, '\n');
    for (uint32_t i = 0; jrt_trace_frame(throwable, i, &method, &bytecode_index); i++) {
        add_frame(to, method, bytecode_index);
    }
}

void jdk_describe_plainly(const struct job_object *throwable)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(DUMP_BYTES);
    add_throwable(&text, throwable);
    const struct job_object *cause = jrt_ref(throwable, JRT_AT(Throwable, cause));
    for (unsigned i = 0; cause != NULL && cause != throwable; i++) {
        char name[NAME_BYTES];
        if (i == CAUSES_MAX) { /* they may be a circle */
            (void)st_buf_text(&text, "(There are more causes.)\n");
            break;
        }
        name_of(cause, name, sizeof name);
        (void)st_buf_printf(&text, "Caused by: %s", name);
        add_throwable(&text, cause);
        throwable = cause;
        cause = jrt_ref(throwable, JRT_AT(Throwable, cause));
    }
    jdk_print(stderr, "%s", st_buf_string(&text));
}

bool jdk_source_file(const struct jrt_class *class, char *text, size_t size)
{
    struct jcf_class file;
    if (!jdk_class_attributes(class, &file)) {
        return false;
    }
    job_offset_t symbol = file.source_file != 0 ? jrt_pool_symbol(class, file.source_file) : 0;
    if (symbol != 0) {
        (void)snprintf(text, size, "%s", jrt_text(symbol));
    }
    return symbol != 0;
}

/* "java.base@17.0.15/"; nothing for the unnamed module. */
static void module_text(const struct jrt_class *class, char *text, size_t size)
{
    const struct jrt_module *module = class->module != 0 ? jrt_module_at(class->module) : NULL;
    text[0] = '\0';
    if (module != NULL && module->name != 0) {
        (void)snprintf(text, size, "%s%s%s/", jrt_text(module->name),
                       module->version != 0 ? "@" : "",
                       module->version != 0 ? jrt_text(module->version) : "");
    }
}

void jdk_describe_place(const struct jrt_method *method, uint32_t bytecode_index, char *text,
                        size_t size)
{
    char name[NAME_BYTES];
    char file[NAME_BYTES];
    char module[NAME_BYTES];
    const struct jrt_class *class = jrt_class_at(method->class_at);
    int32_t line = jrt_line_number(method, bytecode_index);
    bool known = jdk_source_file(class, file, sizeof file);
    module_text(class, module, sizeof module);
    (void)jrt_external_name(class, name, sizeof name);
    if (line == -2) {
        (void)snprintf(text, size, "%s.%s(%sNative Method)", name, jrt_text(method->name), module);
    } else if (!known) {
        (void)snprintf(text, size, "%s.%s(%sUnknown Source)", name, jrt_text(method->name), module);
    } else if (line < 0) {
        (void)snprintf(text, size, "%s.%s(%s%s)", name, jrt_text(method->name), module, file);
    } else {
        (void)snprintf(text, size, "%s.%s(%s%s:%d)", name, jrt_text(method->name), module, file,
                       line);
    }
}
