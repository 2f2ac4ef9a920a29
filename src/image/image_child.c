/* Programs of the host that make or unpack things for the store. */
#include "image/image_child.h"

#include <sys/wait.h>

#include "os/os_file.h"
#include "os/os_process.h"

int image_child_start(struct image_child *child, const char *const *argv)
{
    int fds[2];
    int r = os_pipe(fds, 0);
    if (r < 0) {
        return r;
    }
    const struct os_spawn spawn = {
        .path = argv[0],
        .argv = argv,
        .stdin_fd = -1,
        .stdout_fd = fds[1],
        .stderr_fd = 2,
        .parent_death_signal = SIGTERM, /* so that it can clean up */
    };
    child->name = argv[0];
    child->over = false;
    r = os_spawn(&spawn, &child->pidfd);
    os_close(&fds[1]);
    if (r < 0) {
        os_close(&fds[0]);
        return r;
    }
    child->fd = fds[0];
    return 0;
}

int image_child_wait(struct image_child *child)
{
    siginfo_t info;
    child->over = true;
    int r = os_waitid(P_PIDFD, (unsigned)child->pidfd, &info, WEXITED);
    return r < 0 ? r : os_exit_code(&info);
}

void image_child_end(struct image_child *child)
{
    os_close(&child->fd);
    if (!child->over && child->pidfd >= 0) {
        (void)os_pidfd_send_signal(child->pidfd, SIGTERM);
        (void)image_child_wait(child);
    }
    os_close(&child->pidfd);
}

ssize_t image_child_read(void *context, void *to, size_t size)
{
    struct image_child *child = context;
    ssize_t got = child->over ? 0 : os_read(child->fd, to, size);
    if (got == 0 && !child->over) {
        int status = image_child_wait(child);
        return status == 0 ? 0 : -ST_ECHILD;
    }
    return got;
}

int image_child_run(const char *const *argv, struct st_buf *to)
{
    struct image_child child = {.fd = -1, .pidfd = -1};
    int r = image_child_start(&child, argv);
    if (r == 0) {
        r = os_read_all(child.fd, to);
    }
    if (r == 0) {
        r = image_child_wait(&child) == 0 ? 0 : -ST_ECHILD;
    }
    image_child_end(&child);
    return r;
}
