/*
 * A machine's process and the monitor: records of fmt_agent.h on a socket, as docs/vm-agent.md has
 * them. The process says that its workload runs or why not; it is told signals and the terminal's
 * size, since a workload's signals are not those of the process that it runs in.
 */
#include <signal.h>

#include "base/attr.h"
#include "engine/monitor/mon_priv.h"
#include "format/fmt_agent.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_time.h"

enum { MESSAGE_MAX = 4096 + FMT_AGENT_HEAD_BYTES, STEP_MS = 2000, EXIT_FAILED = 125 };

int mon_machine_open(struct monitor *m, int *ret_other)
{
    int fds[2];
    int r = os_socketpair(SOCK_SEQPACKET, fds);

    if (r < 0) {
        return r;
    }
    m->machine = fds[0];
    m->machine_killing = 0;
    m->machine_mono_ns = 0;
    m->machine_code = EXIT_FAILED;
    m->machine_text[0] = 0;
    r = os_dup_to(fds[1], MON_MACHINE_FD, O_CLOEXEC); /* a number that is kept free for it */
    os_close(&fds[1]);
    *ret_other = r < 0 ? -1 : MON_MACHINE_FD;
    return r < 0 ? r : 0;
}

/* What a person reads: one line, without the name of the program that said it. */
static void set_text(struct monitor *m, const char *text, size_t length)
{
    static const char prefix[] = "strata-vm: ";
    size_t n = 0;

    if (length >= sizeof(prefix) - 1 && __builtin_memcmp(text, prefix, sizeof(prefix) - 1) == 0) {
        text += sizeof(prefix) - 1;
        length -= sizeof(prefix) - 1;
    }
    while (n < length && n < sizeof(m->machine_text) - 1 && text[n] != '\n' && text[n] != '\r') {
        m->machine_text[n] = (unsigned char)text[n] < ' ' ? ' ' : text[n];
        n++;
    }
    m->machine_text[n] = 0;
}

static void runs(struct monitor *m)
{
    if (m->phase != MON_PHASE_STARTING) {
        return;
    }
    m->phase = MON_PHASE_RUNNING;
    mon_machine_resize(m);
    if (m->starter < 0) {
        return;
    }
    /* A command that cannot be told must not wait for it: at the end of its connection it takes the
     * start back, if it is there at all. */
    if (mon_client_send(m->starter, MON_STARTED, 0, (int)m->pid, NULL, 0) < 0) {
        os_close(&m->starter);
    } else {
        (void)mon_client_add(m, os_take_fd(m->starter), m->starter_wants);
    }
}

void mon_machine_hear(struct monitor *m)
{
    uint8_t message[MESSAGE_MAX];
    struct fmt_agent_record record;
    ssize_t n = os_recv(m->machine, message, sizeof(message), MSG_DONTWAIT);

    if (n < 0 && n != -ST_EAGAIN) { /* What it says is said once: one try more. */
        n = os_recv(m->machine, message, sizeof(message), MSG_DONTWAIT);
    }
    if (n == -ST_EAGAIN) {
        return;
    }
    if (n <= 0 || fmt_agent_parse(message, (size_t)n, &record) != n) {
        os_close(&m->machine); /* Its process ends, or is no use: the pidfd says more. */
        if (m->phase == MON_PHASE_STARTING && m->pid > 0) {
            (void)os_pidfd_send_signal(m->pidfd, SIGKILL);
        }
        return;
    }
    if (record.type == FMT_AGENT_STARTED) {
        runs(m);
    } else if (record.type == FMT_AGENT_FAILED && record.size > 4) {
        m->machine_code = (int)(fmt_agent_u32(&record) & 255);
        set_text(m, (const char *)record.payload + 4, record.size - 4);
        /* It switches off by itself; if not, it is made to. */
        m->machine_killing = 1;
        m->machine_mono_ns = os_monotonic_ns() + STEP_MS * UINT64_C(1000000);
    }
}

static int say(struct monitor *m, enum fmt_agent_type type, uint32_t value)
{
    char bytes[FMT_AGENT_HEAD_BYTES + 8];
    struct st_buf record = {.data = bytes, .capacity = sizeof(bytes), .max = sizeof(bytes) - 1};
    int r = type == FMT_AGENT_POWER_OFF ? fmt_agent_write(&record, type, "", 0)
                                        : fmt_agent_write_u32(&record, type, value);

    if (r < 0 || m->machine < 0) {
        return r < 0 ? r : -ST_ESRCH;
    }
    ssize_t n = os_send(m->machine, bytes, record.length, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? (int)n : 0;
}

void mon_machine_resize(struct monitor *m)
{
    if (m->config.workload && m->config.tty && m->rows > 0 && m->columns > 0) {
        (void)say(m, FMT_AGENT_RESIZE, (m->columns & 0xffff) << 16 | (m->rows & 0xffff));
    }
}

void mon_machine_kill(struct monitor *m)
{
    int r = -ST_ESRCH;

    m->machine_killing++;
    if (m->machine_killing == 1) {
        r = say(m, FMT_AGENT_SIGNAL, SIGKILL);
    } else if (m->machine_killing == 2) {
        r = say(m, FMT_AGENT_POWER_OFF, 0);
    }
    if (r < 0) {
        m->machine_mono_ns = 0;
        (void)os_pidfd_send_signal(m->pidfd, SIGKILL);
    } else {
        m->machine_mono_ns = os_monotonic_ns() + STEP_MS * UINT64_C(1000000);
    }
}

int mon_machine_signal(struct monitor *m, int number)
{
    if (number == SIGKILL) {
        if (m->machine_killing == 0) {
            mon_machine_kill(m);
        }
        return 0;
    }
    int r = say(m, FMT_AGENT_SIGNAL, (uint32_t)number);
    return r == -ST_EPIPE || r == -ST_ECONNRESET || r == -ST_ENOTCONN ? -ST_ESRCH : r;
}

void mon_machine_failed(struct monitor *m)
{
    char text[512];
    int fd = m->config.tty ? m->out_fd : m->err_fd;

    while (m->machine >= 0 && m->machine_text[0] == 0) { /* its last words, up to its end */
        int before = m->machine;
        mon_machine_hear(m);
        if (m->machine == before && m->machine_text[0] == 0) {
            break;
        }
    }
    ssize_t n = m->machine_text[0] != 0 || fd < 0 ? 0 : os_read(fd, text, sizeof(text));
    if (n > 0) {
        set_text(m, text, (size_t)n);
    }
    if (m->machine_text[0] == 0) {
        static const char nothing[] = "the virtual machine ended before it ran";
        set_text(m, nothing, sizeof(nothing) - 1);
    }
}
