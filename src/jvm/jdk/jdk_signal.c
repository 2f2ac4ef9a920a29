/*
 * Signals of the process for Java code (jdk.internal.misc.Signal) and the thread dump on SIGQUIT.
 *
 * The handler notes the signal and wakes a thread of ours, which becomes the Java thread "Signal
 * Dispatcher" when the first one comes and calls Signal.dispatch.
 */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_signal.h"
#include "os/os_thread.h"

enum { PRIORITY = 9 }; /* of the thread, as HotSpot has it */
enum { DEFAULT_ACTION = 0, IGNORE_ACTION = 1, VM_ACTION = 2 };

static sem_t some;           /* posted once a signal */
static uint32_t noted[NSIG]; /* [a] how often each came and was not handled yet */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool running;

static void note(int number)
{
    int kept = errno;
    __atomic_add_fetch(&noted[number], 1, __ATOMIC_SEQ_CST);
    (void)sem_post(&some);
    errno = kept;
}

static int take(void)
{
    for (int number = 1; number < NSIG; number++) {
        uint32_t count = __atomic_load_n(&noted[number], __ATOMIC_SEQ_CST);
        if (count != 0) {
            __atomic_sub_fetch(&noted[number], 1, __ATOMIC_SEQ_CST);
            return number;
        }
    }
    return 0;
}

static void write_dump(void *to ST_UNUSED, const char *text, size_t length)
{
    jdk_print(stdout, "%.*s", (int)length, text);
}

/* Whether the signal comes from a tool that wants to attach: it has made a file that says so, and
 * sends the signal again and again. */
static bool is_attach(void)
{
    static const char *const folders[] = {".", "/tmp"};
    struct stat found;
    for (unsigned i = 0; i < ST_COUNT(folders); i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/.attach_pid%d", folders[i], os_getpid());
        if (os_fstatat(AT_FDCWD, path, &found, AT_SYMLINK_NOFOLLOW) >= 0) {
            return true;
        }
    }
    return false;
}

/* In VM. */
static void handle(struct jrt_thread *thread, int number)
{
    static bool told;
    if (number == SIGQUIT && is_attach()) {
        if (!told) {
            jdk_print(stderr,
                      JDK_VM_NAME " warning: attaching (jcmd, jstack, jmap, jinfo) is not in "
                                  "this virtual machine yet\n");
        }
        told = true;
        return;
    }
    if (number == SIGQUIT) {
        jdk_thread_dump(thread, write_dump, NULL);
        (void)fflush(stdout);
        return;
    }
    struct jrt_class *class = jrt_known_class(thread, JRT_Signal);
    struct jrt_method *dispatch =
        class != NULL && jrt_init_class(thread, class)
            ? jrt_declared_method(class, jrt_symbol_of("dispatch"), jrt_symbol_of("(I)V"))
            : NULL;
    union jrt_slot argument = {.word = (uint32_t)number};
    union jrt_slot nothing;
    if (dispatch != NULL) {
        (void)jrt_exec->call(thread, dispatch, &argument, &nothing);
    }
    (void)jrt_catch(thread);
}

static void *run(void *argument ST_UNUSED)
{
    struct jrt_thread *thread = NULL;
    os_thread_name("Signal Dispatch");
    for (;;) {
        while (sem_wait(&some) != 0) {
        }
        int number = take();
        if (thread == NULL) {
            thread = jrt_thread_attach(NULL);
            if (thread == NULL) {
                continue; /* no memory for it now: the next signal may find some */
            }
            if (!jrt_thread_make_object(thread, "Signal Dispatcher", job_from_ref(jrt_system_group),
                                        true, true)) {
                (void)jrt_catch(thread);
            } else {
                jrt_set_int(job_from_ref(thread->object), JRT_AT(Thread, priority), PRIORITY);
            }
        } else {
            jrt_to_vm(thread);
        }
        if (number != 0) {
            handle(thread, number);
        }
        jrt_to_native(thread);
    }
    return NULL;
}

static void start(void)
{
    (void)sem_init(&some, 0, 0);
    running = os_thread_detach(0, run, NULL) >= 0;
}

static int act(int number, os_signal_handler_t *handler)
{
    if (handler != SIG_DFL && handler != SIG_IGN) {
        (void)pthread_once(&once, start);
    }
    return os_signal_handle(number, handler, NULL);
}

static void pass(int number ST_UNUSED)
{
}

bool jdk_signals_start(struct jrt_thread *thread ST_UNUSED)
{
    /* Writes to closed sockets are errors of the calls, not of the process (libnet counts on it).
     * Programs that it starts have the usual action: what is ignored they would inherit. */
    (void)os_signal_handle(SIGPIPE, pass, NULL);
    (void)os_signal_handle(SIGXFSZ, pass, NULL);
    jdk_crash_watch();
    if (!jdk_options.reduce_signals) {
        (void)act(SIGQUIT, note);
    }
    return true;
}

static const struct {
    const char *name;
    int number;
} names[] = {
    {"ABRT", SIGABRT},     {"ALRM", SIGALRM},     {"BUS", SIGBUS},   {"CHLD", SIGCHLD},
    {"CONT", SIGCONT},     {"FPE", SIGFPE},       {"HUP", SIGHUP},   {"ILL", SIGILL},
    {"INT", SIGINT},       {"IO", SIGIO},         {"KILL", SIGKILL}, {"PIPE", SIGPIPE},
    {"POLL", SIGPOLL},     {"PROF", SIGPROF},     {"PWR", SIGPWR},   {"QUIT", SIGQUIT},
    {"SEGV", SIGSEGV},     {"STKFLT", SIGSTKFLT}, {"STOP", SIGSTOP}, {"SYS", SIGSYS},
    {"TERM", SIGTERM},     {"TRAP", SIGTRAP},     {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},     {"URG", SIGURG},       {"USR1", SIGUSR1}, {"USR2", SIGUSR2},
    {"VTALRM", SIGVTALRM}, {"WINCH", SIGWINCH},   {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ},
};

jint JVM_FindSignal(const char *name)
{
    for (unsigned i = 0; i < ST_COUNT(names); i++) {
        if (strcmp(names[i].name, name) == 0) {
            return names[i].number;
        }
    }
    return -1;
}

/* What stands in the way of a handler: the machine's own signals. */
static bool is_ours(jint number)
{
    switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
        return true;
    case SIGQUIT:
    case SIGHUP:
    case SIGINT:
    case SIGTERM:
        return jdk_options.reduce_signals || number == SIGQUIT;
    default:
        return false;
    }
}

void *JVM_RegisterSignal(jint number, void *handler)
{
    os_signal_handler_t *before;
    if (number <= 0 || number >= NSIG || is_ours(number) ||
        os_signal_handler(number, &before) < 0) {
        return (void *)-1;
    }
    bool ends = number == SIGHUP || number == SIGINT || number == SIGTERM;
    if (ends && before == SIG_IGN) {
        return (void *)IGNORE_ACTION; /* as whoever started us wants it: a job in the background */
    }
    os_signal_handler_t *wanted = note;
    if (handler == (void *)DEFAULT_ACTION) {
        wanted = SIG_DFL;
    } else if (handler == (void *)IGNORE_ACTION) {
        wanted = SIG_IGN;
    } else if (handler != (void *)VM_ACTION) {
        wanted = (os_signal_handler_t *)handler;
    }
    if (act(number, wanted) < 0) {
        return (void *)-1;
    }
    if (before == SIG_DFL) {
        return (void *)DEFAULT_ACTION;
    }
    if (before == SIG_IGN) {
        return (void *)IGNORE_ACTION;
    }
    return before == note ? (void *)VM_ACTION : (void *)before;
}

jboolean JVM_RaiseSignal(jint number)
{
    if (is_ours(number) && number != SIGQUIT) {
        return 0;
    }
    os_signal_handler_t *now;
    bool ends = number == SIGHUP || number == SIGINT || number == SIGTERM;
    if (ends && os_signal_handler(number, &now) >= 0 && now == SIG_IGN) {
        return 0;
    }
    return raise(number) == 0;
}
