/* Terminals: see os_terminal.h. */
#include "os/os_terminal.h"

#include <fcntl.h>
#include <unistd.h>

#include "os/os_file.h"
#include "os/os_priv.h"

bool os_is_terminal(int fd)
{
    struct termios state;
    return tcgetattr(fd, &state) == 0;
}

int os_ioctl(int fd, unsigned long request, void *argument)
{
    return OS_CALL(ioctl(fd, request, argument));
}

int os_tcgetattr(int fd, struct termios *ret_state)
{
    return OS_CALL(tcgetattr(fd, ret_state));
}

int os_tcsetattr(int fd, const struct termios *state)
{
    return OS_RETRY(tcsetattr(fd, TCSANOW, state));
}

int os_window_size_get(int fd, struct winsize *ret_size)
{
    return os_ioctl(fd, TIOCGWINSZ, ret_size);
}

int os_window_size_set(int fd, const struct winsize *size)
{
    struct winsize copy = *size;
    return os_ioctl(fd, TIOCSWINSZ, &copy);
}

int os_pty_open(int dir, const char *path, unsigned *ret_number)
{
    int unlock = 0;
    st_auto(fd) int master = os_openat(dir, path, O_RDWR | O_NOCTTY, 0);
    if (master < 0) {
        return master;
    }
    int r = os_ioctl(master, TIOCSPTLCK, &unlock);
    if (r == 0) {
        r = os_ioctl(master, TIOCGPTN, ret_number);
    }
    return r < 0 ? r : os_take_fd(master);
}

int os_pty_peer(int master)
{
    return OS_CALL(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
}

int os_pty_control(int fd)
{
    return OS_CALL(ioctl(fd, TIOCSCTTY, 0));
}
