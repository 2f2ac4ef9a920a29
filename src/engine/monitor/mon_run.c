/*
 * The instance's process: started through strata-oci, ended, and what is left of it collected.
 * Everything is done in the run folder, which is the current one and also strata-oci's bundle.
 */
#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/monitor/mon_priv.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"
#include "os/os_time.h"

enum { EXIT_FAILED = 125, NUMBER_MAX = 24, WORDS_MAX = 512 };

/* The pipes of an instance without a terminal: ends for it, and ours in *m. */
struct pipes {
    int in;
    int out;
    int err;
};

static void pipes_close(struct pipes *p)
{
    os_close(&p->in);
    os_close(&p->out);
    os_close(&p->err);
}

static int pipe_to(int *ours, int *theirs, bool ours_reads)
{
    int fds[2];
    int r = os_pipe(fds, 0);

    if (r < 0) {
        return r;
    }
    *ours = fds[ours_reads ? 0 : 1];
    *theirs = fds[ours_reads ? 1 : 0];
    return os_set_nonblocking(*ours, true);
}

static int pipes_make(struct monitor *m, struct pipes *p)
{
    int r = 0;

    if (m->config.open_stdin) {
        r = pipe_to(&m->in_fd, &p->in, false);
    }
    r = r < 0 ? r : pipe_to(&m->out_fd, &p->out, true);
    return r < 0 ? r : pipe_to(&m->err_fd, &p->err, true);
}

void mon_run_close(struct monitor *m)
{
    if (m->in_fd == m->out_fd) {
        m->in_fd = -1;
    }
    os_close(&m->in_fd);
    os_close(&m->out_fd);
    os_close(&m->err_fd);
    os_close(&m->pidfd);
    os_close(&m->machine);
    m->machine_mono_ns = 0;
    m->input_left = 0;
    m->input_ends = false;
}

/* Waits for one child; its exit code as a shell has it. Its end must not be missed: one try more
 * than the kernel should need. */
static int wait_for(pid_t pid)
{
    siginfo_t info;
    int r = os_waitid(P_PID, (unsigned)pid, &info, WEXITED);

    r = r < 0 && r != -ECHILD ? os_waitid(P_PID, (unsigned)pid, &info, WEXITED) : r;
    return r < 0 ? r : os_exit_code(&info);
}

int mon_run_program(const char *const *argv)
{
    struct os_spawn spawn = {
        .path = argv[0], .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};
    pid_t pid = os_spawn(&spawn, NULL);

    return pid < 0 ? (int)pid : wait_for(pid);
}

static int run_oci(struct monitor *m, const struct pipes *p)
{
    const char *argv[20];
    size_t n = 0;
    const int keep[] = {MON_NETNS_FD};

    argv[n++] = m->config.oci;
    argv[n++] = "--root";
    argv[n++] = m->config.oci_root;
    argv[n++] = "--log";
    argv[n++] = "oci.log";
    argv[n++] = "--log-format";
    argv[n++] = "json";
    argv[n++] = "run";
    argv[n++] = "--detach";
    argv[n++] = "--bundle";
    argv[n++] = ".";
    argv[n++] = "--pid-file";
    argv[n++] = "pid";
    if (m->config.tty) {
        argv[n++] = "--console-socket";
        argv[n++] = "console";
    }
    argv[n++] = m->config.id;
    argv[n] = NULL;
    struct os_spawn spawn = {
        .path = m->config.oci,
        .argv = argv,
        .stdin_fd = p->in,
        .stdout_fd = p->out,
        .stderr_fd = p->err,
        .keep_fds = keep,
        .keep_count = m->netns >= 0,
        /* What is half made when the monitor dies must not become an instance. */
        .parent_death_signal = SIGKILL};
    pid_t pid = os_spawn(&spawn, NULL);
    int code = pid < 0 ? -1 : wait_for(pid);

    return code == 0 ? 0 : code == 126 || code == 127 ? -code : -EXIT_FAILED;
}

/* Takes the terminal's master, which strata-oci has sent before it ended. */
static int take_console(struct monitor *m, int listener)
{
    char byte[64];
    size_t count = 0;
    st_auto(fd) int fd = os_accept(listener, 0);

    if (fd < 0) {
        return fd;
    }
    ssize_t n = os_recv_fds(fd, byte, sizeof(byte), &m->out_fd, 1, &count, MSG_DONTWAIT);
    if (n < 0 || count != 1) {
        return n < 0 ? (int)n : -ST_EIO;
    }
    m->in_fd = m->out_fd;
    if (m->rows > 0 && m->columns > 0) {
        struct winsize size = {.ws_row = (unsigned short)m->rows,
                               .ws_col = (unsigned short)m->columns};
        (void)os_window_size_set(m->out_fd, &size);
    }
    return os_set_nonblocking(m->out_fd, true);
}

/* The process that strata-oci made: our child, still unwaited for, so its number is its own. */
static int adopt(struct monitor *m)
{
    char text[NUMBER_MAX];
    uint64_t pid = 0;
    int r = os_read_text(m->here, "pid", text, sizeof(text));

    r = r < 0 ? r : st_parse_u64(text, 10, INT32_MAX, &pid);
    if (r < 0) {
        return r;
    }
    m->pid = (pid_t)pid;
    m->pidfd = os_pidfd_open(m->pid, 0);
    if (m->pidfd < 0) {
        return m->pidfd;
    }
    return os_process_start_time(m->pid, &m->start_ticks);
}

static void delete_container(const struct monitor *m)
{
    if (m->config.arguments != NULL) {
        return;
    }
    const char *const argv[] = {m->config.oci, "--root", m->config.oci_root, "delete", "--force",
                                m->config.id,  NULL};

    (void)mon_run_program(argv);
}

/* A terminal for a program of its own: the master is ours, the program gets the other side. */
static int terminal_make(struct monitor *m, struct pipes *p)
{
    unsigned number;

    m->out_fd = os_pty_open(AT_FDCWD, "/dev/ptmx", &number);
    if (m->out_fd < 0) {
        return m->out_fd;
    }
    m->in_fd = m->out_fd;
    p->in = os_pty_peer(m->out_fd);
    p->out = p->in < 0 ? p->in : os_dup(p->in);
    p->err = p->out < 0 ? p->out : os_dup(p->in);
    if (m->rows > 0 && m->columns > 0) {
        struct winsize size = {.ws_row = (unsigned short)m->rows,
                               .ws_col = (unsigned short)m->columns};
        (void)os_window_size_set(m->out_fd, &size);
    }
    return p->err < 0 ? p->err : os_set_nonblocking(m->out_fd, true);
}

/* Runs the program that the file names, as our child. */
static int run_words(struct monitor *m, const struct pipes *p)
{
    static char text[MON_CONFIG_MAX];
    const char *argv[WORDS_MAX + 1];
    size_t n = 0;
    st_auto(fd) int fd = os_openat(m->here, m->config.arguments, O_RDONLY, 0);
    ssize_t length = fd < 0 ? fd : os_read(fd, text, sizeof(text));

    if (length <= 0 || text[length - 1] != 0) {
        return length < 0 ? (int)length : -ST_EINVAL;
    }
    for (ssize_t at = 0; at < length; at += (ssize_t)st_strlen(text + at) + 1) {
        if (n == WORDS_MAX) {
            return -ST_E2BIG;
        }
        argv[n++] = text + at;
    }
    argv[n] = NULL;
    int other = -1;
    int r = mon_machine_open(m, &other);
    if (r < 0) {
        return r;
    }
    struct os_spawn spawn = {.path = argv[0],
                             .argv = argv,
                             .stdin_fd = p->in,
                             .stdout_fd = p->out,
                             .stderr_fd = p->err,
                             .keep_fds = &other,
                             .keep_count = 1,
                             .new_session = true,
                             .parent_death_signal = SIGKILL};
    m->pid = os_spawn(&spawn, &m->pidfd);
    r = os_dup_to(m->here, other, O_CLOEXEC); /* It stays taken, and the other end is closed. */
    if (r < 0) {
        os_close(&other);
    }
    return m->pid < 0 ? (int)m->pid : os_process_start_time(m->pid, &m->start_ticks);
}

static int start_words(struct monitor *m)
{
    struct pipes p = {-1, -1, -1};
    int r = m->config.tty ? terminal_make(m, &p) : pipes_make(m, &p);

    m->started_ns = (int64_t)os_realtime_ns();
    m->started_mono_ns = os_monotonic_ns();
    r = r < 0 ? r : run_words(m, &p);
    pipes_close(&p);
    m->phase = MON_PHASE_STARTING;
    r = r < 0 ? r : mon_files_state(m);
    if (r < 0) {
        if (m->pid > 0) {
            (void)os_kill(m->pid, SIGKILL);
            (void)wait_for(m->pid);
            m->pid = 0;
        }
        mon_run_close(m);
        return -EXIT_FAILED;
    }
    return 0;
}

int mon_run_start(struct monitor *m)
{
    if (m->config.arguments != NULL) {
        return start_words(m);
    }
    struct pipes p = {-1, -1, -1};
    st_auto(fd) int console = -1;
    int r;

    (void)os_unlinkat(m->here, "oci.log", 0);
    if (m->config.tty) {
        (void)os_unlinkat(m->here, "console", 0);
        console = os_unix_listen("console", SOCK_STREAM, 1, 0600);
        r = console < 0 ? console : os_set_nonblocking(console, true);
    } else {
        r = pipes_make(m, &p);
    }
    m->started_ns = (int64_t)os_realtime_ns();
    m->started_mono_ns = os_monotonic_ns();
    int code = r < 0 ? -EXIT_FAILED : run_oci(m, &p);
    pipes_close(&p);
    if (code == 0) {
        r = m->config.tty ? take_console(m, console) : 0;
        r = r < 0 ? r : adopt(m);
        m->phase = MON_PHASE_RUNNING;
        r = r < 0 ? r : mon_files_state(m);
        code = r < 0 ? -EXIT_FAILED : 0;
        if (r < 0) {
            delete_container(m);
        }
    }
    if (console >= 0) {
        (void)os_unlinkat(m->here, "console", 0);
    }
    if (code < 0) {
        mon_run_close(m);
        return code;
    }
    return 0;
}

/* Did the kernel kill for memory in the instance's cgroup? */
static bool oom_happened(const struct mon_config *config)
{
    char path[256];
    char text[512];

    for (int i = 0; i < 2; i++) {
        st_snprintf(path, sizeof(path),
                    i == 0 ? "/sys/fs/cgroup/memory/strata/%s/memory.oom_control"
                           : "/sys/fs/cgroup/strata/%s/memory.events",
                    config->id);
        int n = os_read_text(AT_FDCWD, path, text, sizeof(text));
        const char *found = n < 0 ? NULL : __builtin_strstr(text, "oom_kill ");
        if (found != NULL && found[9] != '0') {
            return true;
        }
    }
    return false;
}

void mon_run_ended(struct monitor *m)
{
    int code = wait_for(m->pid);

    m->exit_code = code < 0 ? EXIT_FAILED : code;
    m->finished_ns = (int64_t)os_realtime_ns();
    m->oom_killed = m->config.watch_oom && oom_happened(&m->config);
    m->pid = 0;
    delete_container(m);
}
