/* Staying in front of a container's process: see ctr_foreground.h. */
#include "container/ctr_foreground.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "container/ctr_notify.h"
#include "container/ctr_terminal.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_process.h"

enum { SIGNALS, PROCESS, TERMINAL, INPUT, NOTIFY, COUNT };

struct front {
    struct pollfd polls[COUNT];
    struct ctr_terminal_relay relay;
    struct ctr_notify *notify; /* NULL: none */
    bool relays;
};

static void all_signals(sigset_t *ret_set)
{
    sigfillset(ret_set);
    /* Faults of our own must still kill us. */
    sigdelset(ret_set, SIGSEGV);
    sigdelset(ret_set, SIGBUS);
    sigdelset(ret_set, SIGFPE);
    sigdelset(ret_set, SIGILL);
}

int ctr_foreground_prepare(struct st_err *err)
{
    sigset_t set;
    all_signals(&set);
    int r = os_sigprocmask(SIG_BLOCK, &set, NULL);
    return r < 0 ? st_fail_os(err, r, "blocking signals") : 0;
}

static void pass_signals(struct front *front, bool reap_others)
{
    struct signalfd_siginfo info;
    siginfo_t child;
    while (os_read(front->polls[SIGNALS].fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGCHLD:
            /* The process itself is reaped at the end, for its status. */
            while (reap_others) {
                child.si_pid = 0;
                if (os_waitid(P_ALL, 0, &child, WEXITED | WNOHANG | WNOWAIT) < 0 ||
                    child.si_pid == 0 || os_poll(&front->polls[PROCESS], 1, 0) != 0) {
                    break;
                }
                (void)os_waitid(P_PID, (unsigned)child.si_pid, &child, WEXITED | WNOHANG);
            }
            break;
        case SIGWINCH:
            if (front->relays) {
                ctr_terminal_resize(&front->relay);
                break;
            }
            (void)os_pidfd_send_signal(front->polls[PROCESS].fd, SIGWINCH);
            break;
        case SIGURG:  /* noise between the threads of Go programs */
        case SIGPIPE: /* ours: writes to a closed standard output */
            break;
        default:
            (void)os_pidfd_send_signal(front->polls[PROCESS].fd, (int)info.ssi_signo);
        }
    }
}

static void relay(struct front *front)
{
    struct pollfd *terminal = &front->polls[TERMINAL];
    if ((terminal->revents & (POLLIN | POLLHUP | POLLERR)) != 0 &&
        !ctr_terminal_output(&front->relay)) {
        terminal->fd = -1;
        front->polls[INPUT].fd = -1;
    }
    bool writable = front->relay.pending_length > 0 && (terminal->revents & POLLOUT) != 0;
    if (front->polls[INPUT].revents != 0 || writable) {
        ctr_terminal_input(&front->relay);
    }
    terminal->events = (short)(POLLIN | (front->relay.pending_length > 0 ? POLLOUT : 0));
    front->polls[INPUT].fd =
        terminal->fd >= 0 && front->relay.input_open && front->relay.pending_length == 0
            ? STDIN_FILENO
            : -1;
}

/* Until the process has ended; what is left in its terminal is shown as well. */
static int loop(struct front *front, bool reap_others)
{
    for (;;) {
        int r = os_poll(front->polls, COUNT, -1);
        if (r == -ST_EINTR) {
            continue;
        }
        if (r < 0) {
            return r;
        }
        if (front->polls[SIGNALS].revents != 0) {
            pass_signals(front, reap_others);
        }
        if (front->relays) {
            relay(front);
        }
        if (front->polls[NOTIFY].revents != 0) {
            (void)ctr_notify_pass(front->notify);
        }
        if (front->polls[PROCESS].revents != 0) {
            break;
        }
    }
    while (front->relays && front->polls[TERMINAL].fd >= 0 &&
           os_poll(&front->polls[TERMINAL], 1, 0) > 0 &&
           (front->polls[TERMINAL].revents & (POLLIN | POLLHUP)) != 0 &&
           ctr_terminal_output(&front->relay)) {
        /* Everything happens in the condition. */
    }
    return 0;
}

int ctr_foreground_wait(int pidfd, int master, struct ctr_notify *notify, bool reap_others,
                        int *ret_exit, struct st_err *err)
{
    sigset_t set;
    siginfo_t info = {0};
    all_signals(&set);
    st_auto(fd) int signals = os_signalfd(-1, &set, SFD_NONBLOCK);
    if (signals < 0) {
        os_close(&master);
        return st_fail_os(err, signals, "watching signals");
    }
    struct front front = {
        .polls = {[SIGNALS] = {.fd = signals, .events = POLLIN},
                  [PROCESS] = {.fd = pidfd, .events = POLLIN},
                  [TERMINAL] = {.fd = master, .events = POLLIN},
                  [INPUT] = {.fd = master >= 0 ? STDIN_FILENO : -1, .events = POLLIN},
                  [NOTIFY] = {.fd = notify != NULL ? notify->socket : -1, .events = POLLIN}},
        .notify = notify,
        .relays = master >= 0,
    };
    int r = 0;
    if (front.relays) {
        r = ctr_terminal_relay_begin(&front.relay, master, err);
    }
    if (r == 0) {
        r = loop(&front, reap_others);
        r = r < 0 ? st_fail_os(err, r, "waiting for the process") : 0;
    }
    if (front.relays) {
        ctr_terminal_relay_end(&front.relay);
    }
    if (r == 0) {
        r = os_waitid(P_PIDFD, (unsigned)pidfd, &info, WEXITED);
        r = r < 0 ? st_fail_os(err, r, "waiting for the process") : 0;
    }
    if (r == 0) {
        *ret_exit = os_exit_code(&info);
    }
    return r;
}
