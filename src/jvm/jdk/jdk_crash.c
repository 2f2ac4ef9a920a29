/*
 * The crash report: what is written when the process gets a signal that its code should never
 * cause, as HotSpot writes it: a summary on standard output and the whole in hs_err_pidN.log (or
 * where -XX:ErrorFile says), then the process aborts. Everything is written as it is found, by
 * functions that take no memory and, but for the name of the place, no lock: what a second fault
 * cuts off is already in the file.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_crash.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_raw.h"
#include "jvm/runtime/jrt_stack.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_signal.h"

enum { LINE = 1024, FOLDER_BYTES = 4096, PATH_BYTES = FOLDER_BYTES + 64, FRAMES_MAX = 1024 };

static const struct {
    int number;
    const char *name;
} faults[] = {{SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}};

static char jre_version[128]; /* [I] */
static uint32_t reporting;    /* [a] */

/* A line to up to two files. */
struct report {
    int file, screen; /* -1: none */
};

static void put(const struct report *to, const char *text, size_t length)
{
    const int files[] = {to->screen, to->file};
    for (unsigned i = 0; i < ST_COUNT(files); i++) {
        for (size_t done = 0; files[i] >= 0 && done < length;) {
            ssize_t n = os_write(files[i], text + done, length - done);
            if (n <= 0) {
                break;
            }
            done += (size_t)n;
        }
    }
}

ST_PRINTF(2, 3) static void say(const struct report *to, const char *format, ...)
{
    char text[LINE];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (n > 0) {
        put(to, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
    }
}

static const char *name_of(int number)
{
    for (unsigned i = 0; i < ST_COUNT(faults); i++) {
        if (faults[i].number == number) {
            return faults[i].name;
        }
    }
    return "signal";
}

/* -XX:ErrorFile with %p for the process, or hs_err_pidN.log in the current folder, or in /tmp. */
static int open_file(char *path, size_t size)
{
    const char *wanted = jdk_options.error_file;
    const char *percent = wanted != NULL ? strstr(wanted, "%p") : NULL;
    int file = -1;
    if (wanted != NULL) {
        int before = percent != NULL ? (int)(percent - wanted) : (int)strlen(wanted);
        char process[16] = "";
        if (percent != NULL) {
            (void)snprintf(process, sizeof process, "%d", os_getpid());
        }
        (void)snprintf(path, size, "%.*s%s%s", before, wanted, process,
                       percent != NULL ? percent + 2 : "");
        file = os_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    }
    const char *const folders[] = {".", "/tmp"};
    for (unsigned i = 0; file < 0 && i < ST_COUNT(folders); i++) {
        char here[FOLDER_BYTES];
        const char *folder = i == 0 && os_getcwd(here, sizeof here) >= 0 ? here : folders[i];
        (void)snprintf(path, size, "%s/hs_err_pid%d.log", folder, os_getpid());
        file = os_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0666);
    }
    return file;
}

/* `place` NULL: there was no signal. */
static void put_summary(const struct report *to, int number, const char *what, const void *place)
{
    const struct jrt_thread *thread = jrt_current();
    Dl_info library = {.dli_fname = NULL};
    int id = thread != NULL ? thread->os_id : 0;
    say(to, "#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n");
    if (place == NULL) {
        say(to, "#  Internal Error, pid=%d, tid=%d\n#  fatal error: %s\n#\n", os_getpid(), id,
            what);
    } else {
        say(to, "#  %s (0x%x) at pc=%p, pid=%d, tid=%d\n#\n", what, (unsigned)number, place,
            os_getpid(), id);
    }
    say(to, "# JRE version: %s\n# Java VM: %s (%s, interpreted mode, linux-amd64)\n", jre_version,
        JDK_VM_NAME, STRATA_VERSION);
    if (place == NULL) {
        return;
    }
    if (dladdr(place, &library) != 0 && library.dli_fname != NULL) {
        const char *slash = strrchr(library.dli_fname, '/');
        say(to, "# Problematic frame:\n# C  [%s+0x%zx]  %s\n#\n",
            slash != NULL ? slash + 1 : library.dli_fname,
            (size_t)((const char *)place - (const char *)library.dli_fbase),
            library.dli_sname != NULL ? library.dli_sname : "");
    } else {
        say(to, "# Problematic frame:\n# C  %p\n#\n", place);
    }
}

static void put_java_stack(const struct report *to, const struct jrt_thread *thread)
{
    struct jrt_walk walk;
    unsigned count = 0;
    say(to, "\nJava frames (newest first):\n");
    for (jrt_walk_start(&walk, thread); walk.fp != NULL && count < FRAMES_MAX;
         jrt_walk_next(&walk)) {
        char place[LINE / 2];
        const struct jrt_frame *frame = jrt_frame_of(walk.fp);
        jdk_describe_place(jrt_method_at(frame->method), jrt_exec->bytecode_index(frame), place,
                           sizeof place);
        say(to, "  %s\n", place);
        count++;
    }
    say(to, "%s", walk.fp != NULL ? "  and older ones\n" : "");
}

static void put_registers(const struct report *to, const void *context)
{
    uint64_t value;
    const char *name;
    say(to, "\nRegisters:\n");
    for (unsigned i = 0; (name = jdk_crash_register(context, i, &value)) != NULL; i++) {
        say(to, "%s=0x%016llx%s", name, (unsigned long long)value, i % 4 == 3 ? "\n" : ", ");
    }
    say(to, "\n");
}

static void put_copy(const struct report *to, const char *path)
{
    char part[LINE];
    int file = os_open(path, O_RDONLY, 0);
    for (ssize_t n; file >= 0 && (n = os_read(file, part, sizeof part)) > 0;) {
        put(to, part, (size_t)n);
    }
    if (file >= 0) {
        os_close(&file);
    }
}

static void put_machine(const struct report *to)
{
    say(to, "\nVM arguments:\n");
    for (uint32_t i = 0; i < jdk_options.argument_count; i++) {
        say(to, "  ");
        put(to, jdk_options.arguments[i], strlen(jdk_options.arguments[i]));
        say(to, "\n");
    }
    say(to, "\nUptime: %.3f seconds\n", (double)jdk_uptime_ns() / 1e9);
    say(to, "\nDynamic libraries:\n");
    put_copy(to, "/proc/self/maps");
    say(to, "\nLimits:\n");
    put_copy(to, "/proc/self/limits");
    say(to, "\nEND.\n");
}

static void put_all(const struct report *both, int number, const siginfo_t *info,
                    const void *context)
{
    const struct report file = {.file = both->file, .screen = -1};
    const struct jrt_thread *thread = jrt_current();
    if (info != NULL) {
        say(&file, "siginfo: si_signo: %d (%s), si_code: %d, si_addr: %p\n", number,
            name_of(number), info->si_code, info->si_addr);
        put_registers(&file, context);
    }
    if (thread == NULL) {
        say(&file, "\nThe thread is not attached to the machine.\n");
    } else {
        say(&file, "\nCurrent thread (%p), id %d\n", (const void *)thread, thread->os_id);
        put_java_stack(&file, thread);
    }
    put_machine(&file);
}

ST_NORETURN static void die(void)
{
    if (jdk_options.no_core) {
        os_exit(1);
    }
    jdk_host->abort();
    ST_UNREACHABLE();
}

ST_NORETURN static void report(int number, const char *what, const siginfo_t *info,
                               const void *context)
{
    char path[PATH_BYTES];
    if (__atomic_exchange_n(&reporting, 1, __ATOMIC_SEQ_CST) != 0) {
        static const char text[] = "\n[error occurred during error reporting]\n";
        put(&(struct report){.file = -1, .screen = STDOUT_FILENO}, text, sizeof text - 1);
        die();
    }
    struct report both = {.file = open_file(path, sizeof path), .screen = STDOUT_FILENO};
    put_summary(&both, number, what, context != NULL ? jdk_crash_place(context) : NULL);
    if (jdk_options.no_core) {
        say(&both, "# CreateCoredumpOnCrash turned off, no core file dumped\n#\n");
    }
    both.screen = -1;
    if (both.file >= 0) {
        const struct report screen = {.file = -1, .screen = STDOUT_FILENO};
        say(&screen, "# An error report file with more information is saved as:\n# %s\n#\n", path);
        put_all(&both, number, info, context);
        os_close(&both.file);
    }
    die();
}

/* libjsig, where the process has loaded it before us: actions that are set between begin and end
 * are the machine's and stay; what others set for the same signals, before or later, it keeps for
 * us to call. */
static struct {
    void (*begin)(void);
    void (*end)(void);
    struct sigaction *(*action)(int number);
} chain; /* [I] */

static void find_chain(void)
{
    *(void **)&chain.begin = dlsym(RTLD_DEFAULT, "JVM_begin_signal_setting");
    *(void **)&chain.end = dlsym(RTLD_DEFAULT, "JVM_end_signal_setting");
    *(void **)&chain.action = dlsym(RTLD_DEFAULT, "JVM_get_signal_action");
    if (chain.begin == NULL || chain.end == NULL) {
        chain.action = NULL;
    }
}

/* Whether somebody else's action has dealt with the signal. */
static bool call_chained(int number, siginfo_t *info, void *context)
{
    struct sigaction *kept = chain.action != NULL ? chain.action(number) : NULL;
    if (kept == NULL || kept->sa_handler == SIG_DFL) {
        return false;
    }
    struct sigaction action = *kept;
    if (action.sa_handler == SIG_IGN) {
        return true;
    }
    if ((action.sa_flags & SA_RESETHAND) != 0) {
        kept->sa_handler = SIG_DFL;
    }
    if ((action.sa_flags & SA_NODEFER) == 0) {
        (void)sigaddset(&action.sa_mask, number);
    }
    sigset_t mask;
    (void)pthread_sigmask(SIG_BLOCK, &action.sa_mask, &mask);
    if ((action.sa_flags & SA_SIGINFO) != 0) {
        action.sa_sigaction(number, info, context);
    } else {
        action.sa_handler(number);
    }
    (void)pthread_sigmask(SIG_SETMASK, &mask, NULL);
    return true;
}

static void crashed(int number, siginfo_t *info, void *context)
{
    if ((number == SIGBUS && jrt_raw_leave(context)) || call_chained(number, info, context)) {
        return;
    }
    report(number, name_of(number), info, context);
}

void jdk_crash(const char *what)
{
    report(0, what, NULL, NULL);
}

void jdk_crash_watch(void)
{
    (void)snprintf(jre_version, sizeof jre_version, "OpenJDK Runtime Environment (%s)",
                   jdk_property_get(&jdk_options, "java.home") != NULL
                       ? jdk_property_get(&jdk_options, "java.home")
                       : "");
    find_chain();
    if (chain.action != NULL) {
        chain.begin();
    }
    for (unsigned i = 0; i < ST_COUNT(faults); i++) {
        (void)os_signal_fault(faults[i].number, crashed, chain.action != NULL);
    }
    if (chain.action != NULL) {
        chain.end();
    }
}
