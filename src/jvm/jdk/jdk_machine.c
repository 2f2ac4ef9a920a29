/* What the machine asks of its host and tells about itself: processors, log lines, assertions,
 * fatal errors. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/heap.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_cgroup.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_time.h"

enum { QUOTA_NS = 20000000, NAME_BYTES = 1 << 20 };

/* The control groups' quota, asked for again after a while: it takes reading several files. */
static int quota(void)
{
    static uint64_t asked; /* [a] when, in units of QUOTA_NS, from 1; and what, in the lower half */
    uint64_t now = os_monotonic_ns() / QUOTA_NS + 1;
    uint64_t kept = __atomic_load_n(&asked, __ATOMIC_RELAXED);
    if (kept >> 32 != (uint32_t)now) {
        kept = (uint64_t)(uint32_t)now << 32 | (uint32_t)jdk_cgroup_processors();
        __atomic_store_n(&asked, kept, __ATOMIC_RELAXED);
    }
    return (int)(uint32_t)kept;
}

int jdk_processors(void)
{
    cpu_set_t set;
    if (jdk_options.processors > 0) {
        return jdk_options.processors;
    }
    int count = sched_getaffinity(0, sizeof set, &set) == 0
                    ? CPU_COUNT(&set)
                    : (int)sysconf(_SC_NPROCESSORS_ONLN); /* more than fit into a set */
    int allowed = jdk_options.no_container ? 0 : quota();
    return allowed != 0 && allowed < count ? allowed : count;
}

const struct jdk_host *jdk_host;

void jdk_vprint(FILE *stream, const char *format, va_list list)
{
    (void)(jdk_options.print != NULL ? jdk_options.print(stream, format, list)
                                     : jdk_host->print(stream, format, list));
}

void jdk_print(FILE *stream, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    jdk_vprint(stream, format, list);
    va_end(list);
}

ST_NORETURN void jdk_exit(jint code)
{
    if (jdk_options.exit != NULL) {
        jdk_options.exit(code);
    }
    jdk_host->exit(code);
    ST_UNREACHABLE();
}

static uint64_t started_ns;

void jdk_started(void)
{
    started_ns = os_monotonic_ns();
}

uint64_t jdk_uptime_ns(void)
{
    return jdk_uptime_at(os_monotonic_ns());
}

uint64_t jdk_uptime_at(uint64_t monotonic_ns)
{
    return monotonic_ns - started_ns;
}

bool jdk_assertions_of(const struct jrt_class *class)
{
    const char *name = jrt_text(class->name);
    bool system = class->loader == jrt_known.boot_loader;
    size_t best = 0;
    bool found = false;
    bool enable = system ? jdk_options.system_assertions : false;
    for (uint32_t i = 0; i < jdk_options.assertion_count; i++) {
        const struct jdk_assertion *one = &jdk_options.assertions[i];
        if (one->name == NULL) {
            enable = !found && !system ? one->enable : enable;
            continue;
        }
        size_t length = strlen(one->name);
        bool meant = one->package ? strncmp(name, one->name, length) == 0 &&
                                        (name[length] == '/' || length == 0)
                                  : strcmp(name, one->name) == 0;
        size_t weight =
            one->package ? length + 1 : SIZE_MAX; /* a class before packages, longer ones first */
        if (meant && weight >= best) {
            best = weight;
            enable = one->enable;
            found = true;
        }
    }
    return enable;
}

void jdk_describe_exception(struct jrt_thread *thread)
{
    struct job_object *throwable = jrt_catch(thread);
    if (throwable == NULL) {
        return;
    }
    char name[256];
    (void)fflush(stdout);
    if (thread->object.word != 0 && jdk_system_loader() != NULL) {
        struct jrt_method *print = jrt_virtual_method(jrt_class_of(throwable),
                                                      jrt_known.method[JRT_METHOD_printStackTrace]);
        union jrt_slot receiver = {.word = job_to_ref(throwable).word};
        union jrt_slot nothing;
        st_auto(buf) struct st_buf of = ST_BUF_HEAP(NAME_BYTES);
        jrt_thread_name(thread, &of);
        jdk_print(stderr, "Exception in thread \"%s\" ", st_buf_string(&of));
        if (jrt_exec->call(thread, print, &receiver, &nothing)) {
            return;
        }
        (void)jrt_catch(thread);
    }
    /* The library cannot do it: its class and message. */
    jdk_print(stderr, "%s", jrt_external_name(jrt_class_of(throwable), name, sizeof name));
    jdk_describe_plainly(throwable);
}

void jdk_handler_threw(const struct jrt_thread *thread, const struct job_object *thrown)
{
    char class[512];
    st_auto(buf) struct st_buf name = ST_BUF_HEAP(NAME_BYTES);
    jrt_thread_name(thread, &name);
    (void)fflush(stdout);
    jdk_print(stderr, "\nException: %s thrown from the UncaughtExceptionHandler in thread \"%s\"\n",
              jrt_external_name(jrt_class_of(thrown), class, sizeof class), st_buf_string(&name));
}

ST_NORETURN void jdk_fatal(const char *message)
{
    (void)fflush(stdout);
    jdk_print(stderr, "FATAL ERROR in native method: %s\n", message != NULL ? message : "");
    if (jdk_options.abort != NULL) {
        jdk_options.abort();
    }
    jdk_host->abort();
    ST_UNREACHABLE();
}

/* Other threads are held for good: the world is stopped and not started again. */
static pthread_mutex_t ending = PTHREAD_MUTEX_INITIALIZER;

void jdk_stop_for_good(struct jrt_thread *thread)
{
    jrt_to_native(thread);
    pthread_mutex_lock(&ending); /* the first one ends the process, others wait for that */
    jrt_to_vm(thread);
    jrt_world_stop(thread);
}

/* Runs a command of -XX:OnOutOfMemoryError and waits for it: %p is the process, %% a %. In native
 * state. */
static void run_command(const char *command)
{
    enum { COMMAND_BYTES = 1 << 20 };
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(COMMAND_BYTES);
    siginfo_t info;
    for (const char *at = command; *at != '\0'; at++) {
        if (at[0] == '%' && at[1] == 'p') {
            (void)st_buf_printf(&text, "%d", os_getpid());
            at++;
        } else {
            at += at[0] == '%' && at[1] == '%';
            (void)st_buf_char(&text, *at);
        }
    }
    if (st_buf_status(&text) < 0) {
        return; /* a part of a command is another command */
    }
    const char *const words[] = {"/bin/sh", "-c", st_buf_string(&text), NULL};
    jdk_print(stdout, "#   Executing /bin/sh -c \"%s\"...\n", words[2]);
    (void)fflush(stdout);
    const struct os_spawn spawn = {.path = words[0],
                                   .argv = words,
                                   .stdin_fd = STDIN_FILENO,
                                   .stdout_fd = STDOUT_FILENO,
                                   .stderr_fd = STDERR_FILENO};
    pid_t child = os_spawn(&spawn, NULL);
    if (child > 0) {
        (void)os_waitid(P_PID, (unsigned)child, &info, WEXITED);
    }
}

/* -XX:OnOutOfMemoryError: commands with ; between them. */
static void run_commands(struct jrt_thread *thread, const char *message)
{
    char *all = strdup(jdk_options.on_oom);
    char *rest = all;
    jdk_print(stdout, "#\n# java.lang.OutOfMemoryError: %s\n# -XX:OnOutOfMemoryError=\"%s\"\n",
              message, jdk_options.on_oom);
    jrt_to_native(thread);
    for (char *command; (command = strsep(&rest, ";")) != NULL;) {
        command += strspn(command, " ");
        if (*command != '\0') {
            run_command(command);
        }
    }
    jrt_to_vm(thread);
    free(all);
}

void jdk_out_of_memory(struct jrt_thread *thread, const char *message)
{
    static uint32_t done; /* [a] */
    if (__atomic_exchange_n(&done, 1, __ATOMIC_RELAXED) != 0) {
        return;
    }
    if (jdk_options.on_oom != NULL && *jdk_options.on_oom != '\0') {
        run_commands(thread, message);
    }
    if (jdk_options.crash_on_oom) {
        char what[128];
        jdk_print(stdout, "Aborting due to java.lang.OutOfMemoryError: %s\n", message);
        (void)fflush(stdout);
        (void)snprintf(what, sizeof what, "OutOfMemory encountered: %s", message);
        jdk_crash(what);
    }
    if (jdk_options.exit_on_oom) {
        jdk_print(stdout, "Terminating due to java.lang.OutOfMemoryError: %s\n", message);
        jdk_stop_for_good(thread);
        jdk_exit(3);
    }
}
