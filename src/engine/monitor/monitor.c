/* The life of a monitor: see monitor.h. */
#include "engine/monitor/monitor.h"

#include <errno.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "base/attr.h"
#include "base/str.h"
#include "engine/monitor/mon_mount.h"
#include "engine/monitor/mon_priv.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_time.h"

enum { FIXED_POLLS = 7 };
#define NS_PER_MS 1000000ull
#define NS_PER_S 1000000000ull

/* docker's: 100 ms doubling to a minute, from the start again after ten seconds of life. */
#define BACKOFF_FIRST_NS (100 * NS_PER_MS)
#define BACKOFF_LAST_NS (60 * NS_PER_S)
#define BACKOFF_RESET_NS (10 * NS_PER_S)

static struct monitor the_monitor;

static bool wants_restart(const struct monitor *m)
{
    if (m->stop_asked) {
        return false;
    }
    switch ((enum mon_restart)m->config.restart) {
    case MON_RESTART_NO:
        return false;
    case MON_RESTART_ALWAYS:
        return true;
    case MON_RESTART_ON_FAILURE:
        return m->exit_code != 0 &&
               (m->config.restart_max == 0 || m->restarts < m->config.restart_max);
    }
    return false;
}

/* All output that there is: what wrote it has ended. */
static void drain(struct monitor *m)
{
    int *const fds[] = {&m->out_fd, &m->err_fd};

    for (int i = 0; i < 2; i++) {
        do {
            while (m->chunk_held) {
                struct pollfd wait[MON_CLIENTS_MAX];
                for (size_t c = 0; c < MON_CLIENTS_MAX; c++) {
                    wait[c] = (struct pollfd){.fd = m->clients[c].owes ? m->clients[c].fd : -1,
                                              .events = POLLOUT};
                }
                (void)os_poll(wait, MON_CLIENTS_MAX, -1);
                mon_client_deliver(m);
            }
        } while (*fds[i] >= 0 && mon_client_take_output(m, fds[i], i + 1));
    }
}

static void schedule_restart(struct monitor *m)
{
    uint64_t now = os_monotonic_ns();

    if (now - m->started_mono_ns > BACKOFF_RESET_NS || m->backoff_ns == 0) {
        m->backoff_ns = BACKOFF_FIRST_NS;
    } else {
        m->backoff_ns = ST_MIN(m->backoff_ns * 2, BACKOFF_LAST_NS);
    }
    m->resume_mono_ns = now + m->backoff_ns;
    m->phase = MON_PHASE_BACKING_OFF;
    (void)mon_files_state(m);
}

/* The process of a machine has ended before the machine ran. Its starter is told, and takes the
 * start back; without one it is an end as any other, with the reason in the log. */
static void on_failed_start(struct monitor *m)
{
    size_t length;

    mon_machine_failed(m);
    mon_run_ended(m);
    mon_run_close(m);
    length = st_strlen(m->machine_text);
    m->exit_code = m->machine_code;
    if (m->starter >= 0 && mon_client_send(m->starter, MON_FAILED, MON_FAILED_TEXT, m->exit_code,
                                           m->machine_text, length) == 0) {
        m->taken_back = true;
        return;
    }
    os_close(&m->starter);
    m->machine_text[length++] = '\n';
    mon_log_write(&m->log, 2, m->machine_text, length);
    mon_log_flush(&m->log);
}

static void on_end(struct monitor *m)
{
    if (m->phase == MON_PHASE_STARTING) {
        on_failed_start(m);
    } else {
        drain(m);
        mon_run_ended(m);
        drain(m);
        mon_log_flush(&m->log);
        mon_run_close(m);
    }
    m->resume_mono_ns = 0;
    if (m->taken_back || !wants_restart(m)) {
        m->phase = MON_PHASE_OVER;
        return;
    }
    (void)mon_files_exit(m);
    (void)mon_client_tell_exit(m, false, false);
    (void)mon_client_tell_exit(m, false, true);
    schedule_restart(m);
}

static void on_time(struct monitor *m)
{
    if (m->machine_mono_ns != 0 && os_monotonic_ns() >= m->machine_mono_ns) {
        mon_machine_kill(m);
        return;
    }
    m->resume_mono_ns = 0;
    if (m->phase == MON_PHASE_RUNNING || m->phase == MON_PHASE_STARTING) {
        (void)mon_client_signal(m, SIGKILL, true);
        return;
    }
    if (m->stop_asked) {
        m->phase = MON_PHASE_OVER;
        return;
    }
    m->restarts++;
    if (mon_run_start(m) < 0) {
        m->exit_code = 127;
        m->finished_ns = (int64_t)os_realtime_ns();
        if (wants_restart(m)) {
            schedule_restart(m);
        } else {
            m->phase = MON_PHASE_OVER;
        }
    }
}

/* Processes that lost their parents are ours to wait for; the instance's own is left to its pidfd.
 */
static void reap(const struct monitor *m)
{
    siginfo_t info;

    for (;;) {
        info.si_pid = 0;
        if (os_waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0 ||
            info.si_pid == m->pid) {
            return;
        }
        (void)os_waitid(P_PID, (unsigned)info.si_pid, &info, WEXITED | WNOHANG);
    }
}

static void on_signal(struct monitor *m)
{
    struct signalfd_siginfo info;

    if (os_read(m->signals, &info, sizeof(info)) != (ssize_t)sizeof(info)) {
        return;
    }
    if (info.ssi_signo == SIGTERM) {
        (void)mon_client_signal(m, (int)m->config.stop_signal, true);
        if (m->phase == MON_PHASE_RUNNING) {
            m->resume_mono_ns = os_monotonic_ns() + (uint64_t)m->config.stop_timeout_s * NS_PER_S;
        }
    }
    reap(m);
}

static int poll_timeout(const struct monitor *m)
{
    uint64_t first = m->resume_mono_ns;

    if (m->machine_mono_ns != 0 && (first == 0 || m->machine_mono_ns < first)) {
        first = m->machine_mono_ns;
    }
    if (first == 0) {
        return -1;
    }
    uint64_t now = os_monotonic_ns();
    return now >= first ? 0 : (int)((first - now) / NS_PER_MS + 1);
}

/* Descriptors in the order in which they are served; clients follow. Returns their number. */
static size_t fill_polls(const struct monitor *m, struct pollfd *polls)
{
    /* What a machine's process writes before its workload runs is no output of the instance's. */
    bool room = !m->chunk_held && m->phase != MON_PHASE_STARTING;
    size_t n = FIXED_POLLS;

    polls[0] = (struct pollfd){.fd = m->signals, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = m->pidfd, .events = POLLIN};
    polls[2] = (struct pollfd){.fd = room ? m->out_fd : -1, .events = POLLIN};
    polls[3] = (struct pollfd){.fd = room ? m->err_fd : -1, .events = POLLIN};
    polls[4] = (struct pollfd){.fd = m->input_left > 0 ? m->in_fd : -1, .events = POLLOUT};
    polls[5] = (struct pollfd){.fd = m->listener, .events = POLLIN};
    polls[6] = (struct pollfd){.fd = m->machine, .events = POLLIN};
    for (size_t i = 0; i < MON_CLIENTS_MAX; i++) {
        if (m->clients[i].fd >= 0) {
            short events =
                (short)((m->input_left == 0 ? POLLIN : 0) | (m->clients[i].owes ? POLLOUT : 0));
            polls[n++] = (struct pollfd){.fd = m->clients[i].fd, .events = events};
        }
    }
    return n;
}

static void serve_clients(struct monitor *m, const struct pollfd *polls, size_t count)
{
    for (size_t i = FIXED_POLLS; i < count; i++) {
        for (size_t c = 0; polls[i].revents != 0 && c < MON_CLIENTS_MAX; c++) {
            struct mon_client *client = &m->clients[c];

            if (client->fd < 0 || client->fd != polls[i].fd) {
                continue;
            }
            if (polls[i].revents & POLLOUT) {
                mon_client_deliver(m);
            }
            if (polls[i].revents & (POLLIN | POLLHUP | POLLERR) && m->input_left == 0) {
                mon_client_read(m, client);
            }
            break;
        }
    }
}

void mon_loop(struct monitor *m)
{
    struct pollfd polls[FIXED_POLLS + MON_CLIENTS_MAX];

    while (m->phase != MON_PHASE_OVER) {
        size_t count = fill_polls(m, polls);
        int ready = os_poll(polls, count, poll_timeout(m));

        if (ready == 0 || (ready > 0 && poll_timeout(m) == 0)) {
            on_time(m);
        }
        if (ready <= 0) {
            continue;
        }
        if (polls[0].revents) {
            on_signal(m);
        }
        if (polls[6].revents && m->machine >= 0) {
            mon_machine_hear(m);
        }
        if (polls[2].revents && m->out_fd >= 0) {
            (void)mon_client_take_output(m, &m->out_fd, 1);
        }
        if (polls[3].revents && m->err_fd >= 0 && !m->chunk_held) {
            (void)mon_client_take_output(m, &m->err_fd, 2);
        }
        if (polls[4].revents) {
            mon_client_feed_input(m);
        }
        if (polls[5].revents) {
            mon_client_accept(m);
        }
        serve_clients(m, polls, count);
        if (polls[1].revents && (m->phase == MON_PHASE_RUNNING || m->phase == MON_PHASE_STARTING)) {
            on_end(m);
        }
    }
}

static int set_up(struct monitor *m, const char *folder, char *text)
{
    sigset_t set;

    (void)os_umask(022);
    int r = os_chdir(folder);
    m->here = r < 0 ? r : os_open(".", O_RDONLY | O_DIRECTORY, 0);
    r = m->here < 0 ? m->here : os_open("monitor", O_RDONLY, 0);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd = r;
    ssize_t n = os_read(fd, text, MON_CONFIG_MAX);
    r = n < 0 ? (int)n : mon_config_parse(text, (size_t)n, &m->config);
    r = r < 0 ? r : os_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    r = r < 0 ? r : os_sigprocmask(SIG_BLOCK, &set, NULL);
    m->signals = r < 0 ? r : os_signalfd(-1, &set, SFD_NONBLOCK);
    r = m->signals < 0 ? m->signals : os_signal(SIGHUP, SIG_IGN);
    r = r < 0 ? r : os_signal(SIGPIPE, SIG_IGN);
    r = r < 0 ? r : os_signal(SIGINT, SIG_IGN);
    m->restarts = m->config.restarts;
    r = r < 0 ? r : os_process_start_time(os_getpid(), &m->own_start_ticks);
    return r;
}

/* From the mounted root to a running instance, with the starter's word between. */
static int start(struct monitor *m, const char **ret_what)
{
    struct mon_record head = {.version = MON_PROTOCOL_VERSION, .type = MON_MOUNTED};
    size_t count = 0;

    if (m->config.lower != NULL) {
        st_auto(fd) int root = mon_mount_root(&m->config, &m->host_mounts, ret_what);
        if (root < 0) {
            return root;
        }
        ssize_t sent = os_send_fds(m->starter, &head, sizeof(head), &root, 1);
        if (sent < 0) {
            return (int)sent;
        }
    }
    *ret_what = "word of the command";
    ssize_t n = os_recv_fds(m->starter, &head, sizeof(head), &m->netns, 1, &count, 0);
    if (n != (ssize_t)sizeof(head) || head.type != MON_GO) {
        return n < 0 ? (int)n : -ST_ECONNRESET;
    }
    if (count == 1 && m->netns != MON_NETNS_FD) {
        int fd = os_dup_to(m->netns, MON_NETNS_FD, O_CLOEXEC);
        if (fd < 0) {
            return fd;
        }
        os_close(&m->netns);
        m->netns = fd;
    }
    m->rows = (unsigned)head.a;
    m->columns = (unsigned)head.b;
    *ret_what = "control socket";
    m->listener = os_unix_listen("control", SOCK_SEQPACKET, 64, 0600);
    if (m->listener < 0) {
        return m->listener;
    }
    *ret_what = "log";
    int r = mon_log_open(&m->log, m->config.log, m->config.log_max_bytes, m->config.log_max_files);
    if (r < 0) {
        return r;
    }
    *ret_what = NULL;
    r = mon_run_start(m);
    if (r < 0) {
        return r;
    }
    if (m->phase == MON_PHASE_STARTING) {
        m->starter_wants = head.flags;
        return 0;
    }
    /* A command that cannot be told must not wait for it: at the end of its connection it takes the
     * start back, if it is there at all. */
    if (mon_client_send(m->starter, MON_STARTED, 0, (int)m->pid, NULL, 0) < 0) {
        os_close(&m->starter);
    } else {
        (void)mon_client_add(m, os_take_fd(m->starter), head.flags);
    }
    return 0;
}

/* After the last end: whoever watches learns of it when everything is cleaned up. */
static void finish(struct monitor *m)
{
    const char *const argv[] = {m->config.strata, "internal-cleanup", m->config.id, NULL};

    (void)mon_files_exit(m);
    bool owned = false;
    for (size_t i = 0; i < MON_CLIENTS_MAX; i++) {
        owned |= m->clients[i].fd >= 0 && (m->clients[i].wants & MON_WANT_OWNER);
    }
    /* The clean-up must see the folders without what is mounted in them, and there is nothing to
     * keep the mounts for. */
    if (m->host_mounts >= 0) {
        (void)os_setns(m->host_mounts, CLONE_NEWNS);
    }
    os_close(&m->lock);
    if (!owned || !mon_client_tell_exit(m, true, true)) {
        (void)mon_run_program(argv);
    }
    (void)mon_client_tell_exit(m, true, false);
}

/* Keeps the number free that a program of ours finds a descriptor at. */
static int reserve_number(struct monitor *m)
{
    int *const inherited[] = {&m->starter, &m->lock};

    for (size_t i = 0; i < ST_COUNT(inherited); i++) {
        if (*inherited[i] == MON_NETNS_FD) {
            int moved = os_dup(*inherited[i]);
            if (moved < 0) {
                return moved;
            }
            os_close(inherited[i]);
            *inherited[i] = moved;
        }
    }
    st_auto(fd) int nothing = os_open("/dev/null", O_RDONLY, 0);
    int r = nothing < 0 || nothing == MON_NETNS_FD ? nothing
                                                   : os_dup_to(nothing, MON_NETNS_FD, O_CLOEXEC);
    if (r == nothing) {
        (void)os_take_fd(nothing);
    }
    return r;
}

int mon_main(const char *folder, int starter, int lock)
{
    static char text[MON_CONFIG_MAX];
    struct monitor *m = &the_monitor;
    const char *what = "set-up";

    m->starter = starter;
    m->lock = lock;
    m->netns = m->host_mounts = m->listener = m->signals = m->here = -1;
    m->in_fd = m->out_fd = m->err_fd = m->pidfd = m->machine = m->log.fd = -1;
    for (size_t i = 0; i < MON_CLIENTS_MAX; i++) {
        m->clients[i].fd = -1;
    }
    int r = reserve_number(m);
    r = r < 0 ? r : os_set_cloexec(m->starter, true);
    r = r < 0 ? r : os_set_cloexec(m->lock, true);
    r = r < 0 ? r : set_up(m, folder, text);
    r = r < 0 ? r : start(m, &what);
    if (r < 0) {
        if (m->starter >= 0) {
            size_t length = what == NULL ? 0 : __builtin_strlen(what);
            (void)mon_client_send(m->starter, MON_FAILED, what != NULL ? MON_FAILED_HERE : 0, -r,
                                  what, length);
        }
        return 1;
    }
    mon_loop(m);
    if (m->taken_back) {
        return 1;
    }
    finish(m);
    return 0;
}
