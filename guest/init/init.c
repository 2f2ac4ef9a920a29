/* Process 1: boots, meets the host, serves it. */
#include "init/init.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* After <sys/socket.h>, which it needs. */
#include <linux/vm_sockets.h>

enum { CONNECT_TRIES = 500, CONNECT_WAIT_MS = 10 };

void init_log(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("strata-init: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

ST_NORETURN void init_power_off(void)
{
    init_end_processes();
    init_unmount();
    sync();
    (void)reboot(RB_POWER_OFF);
    for (;;) {
        pause();
    }
}

static int connect_host(void)
{
    struct sockaddr_vm address = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = FMT_AGENT_PORT};
    const struct timespec wait = {.tv_nsec = CONNECT_WAIT_MS * 1000000L};

    /* The device may show up a little after its module. */
    for (unsigned i = 0; i < CONNECT_TRIES; i++) {
        int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
            return fd;
        }
        if (fd >= 0) {
            close(fd);
        }
        nanosleep(&wait, NULL);
    }
    return -1;
}

static bool write_all(int fd, const void *bytes, size_t size)
{
    const char *from = bytes;

    while (size > 0) {
        ssize_t done = write(fd, from, size);

        if (done < 0 && errno != EINTR) {
            return false;
        }
        if (done > 0) {
            from += done;
            size -= (size_t)done;
        }
    }
    return true;
}

static void say(int control, enum fmt_agent_type type, const void *payload, size_t size)
{
    struct st_buf bytes = ST_BUF_HEAP(FMT_AGENT_PAYLOAD_MAX + 64);

    if (fmt_agent_write(&bytes, type, payload, size) < 0 ||
        !write_all(control, bytes.data, bytes.length)) {
        init_log("the host is gone");
        init_power_off();
    }
    st_buf_done(&bytes);
}

/* Waits for SETUP and does it. */
static void meet_host(int control)
{
    static const char hello[] = "version=1";
    struct st_buf bytes = ST_BUF_HEAP(FMT_AGENT_PAYLOAD_MAX + 64);
    struct fmt_agent_record record;
    char failure[4096] = {[0] = 1};
    int64_t length = 0;

    say(control, FMT_AGENT_READY, hello, sizeof hello);
    while (length == 0) {
        ssize_t got;

        if (st_buf_reserve(&bytes, 65536) < 0 ||
            (got = read(control, bytes.data + bytes.length, 65536)) <= 0) {
            init_log("the host does not say what to do");
            init_power_off();
        }
        st_buf_added(&bytes, (size_t)got);
        length = fmt_agent_parse((const uint8_t *)bytes.data, bytes.length, &record);
    }
    if (length < 0 || record.type != FMT_AGENT_SETUP) {
        init_log("the host speaks another language");
        init_power_off();
    }
    /* FAILED's payload: the exit code, then the text. */
    if (init_set_up(&record, failure + 4, sizeof failure - 4) < 0) {
        failure[0] = 125;
        init_log("%s", failure + 4);
        say(control, FMT_AGENT_FAILED, failure, 4 + strlen(failure + 4));
        sleep(1);
        init_power_off();
    }
    say(control, FMT_AGENT_DONE, "", 0);
    st_buf_done(&bytes);
}

int main(void)
{
    int control;
    int listener;

    if (getpid() != 1) {
        fputs("strata-init: it is process 1 of a virtual machine's initial RAM file system\n",
              stderr);
        return 2;
    }
    (void)signal(SIGPIPE, SIG_IGN);
    init_mount_first();
    init_load_modules();
    control = connect_host();
    listener = init_sessions_listen();
    if (control < 0 || listener < 0) {
        init_log("no connection to the host: %s", strerror(errno));
        init_power_off();
    }
    meet_host(control);
    init_sessions_serve(control, listener);
    init_power_off();
}
