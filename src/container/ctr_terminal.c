/* Terminals: see ctr_terminal.h. */
#include "container/ctr_terminal.h"

#include <assert.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/heap.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"
#include "spec/spec_runtime.h"

static_assert(sizeof(struct termios) <= sizeof(((struct ctr_terminal_relay *)0)->saved),
              "the terminal's state fits into the relay");

static int check_devpts(int fd)
{
    struct statfs fs;
    int r = os_fstatfs(fd, &fs);
    return r < 0 ? r : fs.f_type == DEVPTS_SUPER_MAGIC ? 0 : -ST_EINVAL;
}

int ctr_terminal_open(int dir, const char *pts_path, const struct spec_console_size *size,
                      uid_t owner, int *ret_master, int *ret_slave, struct st_err *err)
{
    unsigned number;
    st_auto(fd) int pts = os_openat(dir, pts_path, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    int r = pts < 0 ? pts : check_devpts(pts);
    if (r < 0) {
        return st_fail_os(err, r, "the container's /dev/pts is no devpts");
    }
    st_auto(fd) int master = os_pty_open(pts, "ptmx", &number);
    r = master < 0 ? master : check_devpts(master);
    if (r < 0) {
        return st_fail_os(err, r, "opening a pseudo terminal");
    }
    st_auto(fd) int slave = os_pty_peer(master);
    if (slave < 0) {
        return st_fail_os(err, slave, "opening the other side of the pseudo terminal");
    }
    if (size != NULL && size->height != 0 && size->width != 0) {
        const struct winsize wanted = {.ws_row = (unsigned short)size->height,
                                       .ws_col = (unsigned short)size->width};
        r = os_window_size_set(master, &wanted);
    }
    if (r == 0 && owner != 0) {
        r = os_fchownat(slave, "", owner, (gid_t)-1, AT_EMPTY_PATH);
    }
    if (r < 0) {
        return st_fail_os(err, r, "preparing the pseudo terminal");
    }
    *ret_master = os_take_fd(master);
    *ret_slave = os_take_fd(slave);
    return 0;
}

int ctr_terminal_take(int slave, struct st_err *err)
{
    int r = os_pty_control(slave);
    for (int fd = 0; r >= 0 && fd < 3; fd++) {
        r = os_dup_to(slave, fd, 0);
    }
    return r < 0 ? st_fail_os(err, r, "making the pseudo terminal the controlling one") : 0;
}

int ctr_terminal_connect(const char *path, int *ret_socket, struct st_err *err)
{
    int fd = os_unix_connect(path, SOCK_STREAM);
    if (fd < 0) {
        return st_fail_os(err, fd, "connecting to the console socket %s", path);
    }
    *ret_socket = fd;
    return 0;
}

int ctr_terminal_send(int socket, int master, struct st_err *err)
{
    static const char name[] = "/dev/ptmx";
    ssize_t n = os_send_fds(socket, name, sizeof(name) - 1, &master, 1);
    return n < 0 ? st_fail_os(err, (int)n, "sending the terminal over the console socket") : 0;
}

int ctr_terminal_relay_begin(struct ctr_terminal_relay *relay, int master, struct st_err *err)
{
    *relay = (struct ctr_terminal_relay){.master = master, .input_open = true};
    struct termios state;
    if (os_is_terminal(STDIN_FILENO)) {
        int r = os_tcgetattr(STDIN_FILENO, &state);
        if (r == 0) {
            memcpy(relay->saved, &state, sizeof(state));
            cfmakeraw(&state);
            r = os_tcsetattr(STDIN_FILENO, &state);
        }
        if (r < 0) {
            return st_fail_os(err, r, "making the terminal raw");
        }
        relay->is_terminal = true;
        ctr_terminal_resize(relay);
    }
    (void)os_set_nonblocking(master, true);
    return 0;
}

void ctr_terminal_relay_end(struct ctr_terminal_relay *relay)
{
    if (relay->is_terminal) {
        struct termios state;
        memcpy(&state, relay->saved, sizeof(state));
        (void)os_tcsetattr(STDIN_FILENO, &state);
        relay->is_terminal = false;
    }
    os_close(&relay->master);
}

void ctr_terminal_copy_size(int master)
{
    struct winsize size;
    if (os_window_size_get(STDIN_FILENO, &size) == 0) {
        (void)os_window_size_set(master, &size);
    }
}

void ctr_terminal_resize(const struct ctr_terminal_relay *relay)
{
    if (relay->is_terminal) {
        ctr_terminal_copy_size(relay->master);
    }
}

bool ctr_terminal_output(struct ctr_terminal_relay *relay)
{
    char bytes[8192];
    ssize_t n = os_read(relay->master, bytes, sizeof(bytes));
    if (n == -ST_EAGAIN) {
        return true;
    }
    /* EIO: the last process closed the other side. */
    return n > 0 && os_write_all(STDOUT_FILENO, bytes, (size_t)n) == 0;
}

static void flush_input(struct ctr_terminal_relay *relay)
{
    while (relay->pending_at < relay->pending_length) {
        ssize_t n = os_write(relay->master, relay->pending + relay->pending_at,
                             relay->pending_length - relay->pending_at);
        if (n < 0) {
            if (n != -ST_EAGAIN) {
                relay->input_open = false;
                relay->pending_length = 0;
            }
            return;
        }
        relay->pending_at += (size_t)n;
    }
    relay->pending_at = 0;
    relay->pending_length = 0;
}

void ctr_terminal_input(struct ctr_terminal_relay *relay)
{
    if (relay->pending_length == 0) {
        ssize_t n = os_read(STDIN_FILENO, relay->pending, sizeof(relay->pending));
        if (n <= 0) {
            relay->input_open = relay->input_open && n == -ST_EAGAIN;
            return;
        }
        relay->pending_length = (size_t)n;
    }
    flush_input(relay);
}
