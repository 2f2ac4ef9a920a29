/* The sd_notify proxy: see ctr_notify.h. */
#include "container/ctr_notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/un.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr_lookup.h"
#include "container/ctr_store.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "spec/spec_runtime.h"
#include "json/json_doc.h"

#define FOLDER "notify"

/* The longest message; systemd's own limit is of this size. */
enum { MESSAGE_MAX = 4096 };

static const char *wanted(void)
{
    const char *path = ctr_lookup_variable(os_environ(), "NOTIFY_SOCKET");
    return path != NULL && (path[0] == '/' || path[0] == '@') ? path : NULL;
}

bool ctr_notify_wanted(void)
{
    return wanted() != NULL;
}

int ctr_notify_prepare(const char *root, int folder, const char *id, struct spec_runtime *config,
                       struct st_err *err)
{
    static const char *const options[] = {"bind", "nosuid", "nodev", "noexec", "ro", NULL};
    char path[CTR_PATH_MAX];
    int r = ctr_store_path(root, id, FOLDER, path, err);
    if (r < 0) {
        return r;
    }
    r = os_mkdirat(folder, FOLDER, 0755);
    if (r < 0) {
        return st_fail_os(err, r, "making %s", path);
    }
    struct spec_mount *mounts =
        json_doc_alloc(config->doc, config->mounts_count + 1, sizeof(*mounts));
    const char *source = json_doc_copy(config->doc, path);
    if (mounts == NULL || source == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < config->mounts_count; i++) {
        mounts[i] = config->mounts[i];
    }
    mounts[config->mounts_count++] = (struct spec_mount){
        .destination = "/run/notify",
        .type = "bind",
        .source = source,
        .options = (const char **)(uintptr_t)options,
        .options_count = ST_COUNT(options) - 1,
    };
    config->mounts = mounts;
    return 0;
}

static int connect_host(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (path[0] == '/') {
        return os_unix_connect(path, SOCK_DGRAM);
    }
    if (!st_strcopy(address.sun_path, sizeof(address.sun_path), path)) {
        return -ST_ENAMETOOLONG;
    }
    address.sun_path[0] = '\0'; /* an abstract name has no zero at its end */
    st_auto(fd) int fd = os_socket(AF_UNIX, SOCK_DGRAM, 0);
    if (fd < 0) {
        return fd;
    }
    int r = os_connect(fd, (struct sockaddr *)&address,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + st_strlen(path)));
    return r < 0 ? r : os_take_fd(fd);
}

static int bind_own(int folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    st_auto(fd) int dir = os_openat(folder, FOLDER, O_PATH | O_DIRECTORY | O_NOFOLLOW, 0);
    if (dir < 0) {
        return dir;
    }
    st_snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/notify.sock", dir);
    st_auto(fd) int fd = os_socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return fd;
    }
    int r = os_unlinkat(dir, "notify.sock", 0);
    r = r == -ST_ENOENT ? 0 : r;
    r = r < 0 ? r : os_fchmod(fd, 0777); /* before bind: the path gets this mode */
    r = r < 0 ? r : os_bind(fd, (struct sockaddr *)&address, sizeof(address));
    /* The umask of our caller must not keep the container's users out. */
    r = r < 0 ? r : os_fchmodat(dir, "notify.sock", 0777);
    return r < 0 ? r : os_take_fd(fd);
}

int ctr_notify_open(int folder, struct ctr_notify *ret_notify, struct st_err *err)
{
    const char *path = wanted();
    *ret_notify = (struct ctr_notify){.host = -1, .socket = -1};
    if (path == NULL) {
        return 0;
    }
    st_auto(fd) int host = connect_host(path);
    if (host < 0) {
        return st_fail_os(err, host, "connecting to NOTIFY_SOCKET %s", path);
    }
    int socket = bind_own(folder);
    if (socket == -ST_ENOENT) {
        return 0;
    }
    if (socket < 0) {
        return st_fail_os(err, socket, "making the container's notify socket");
    }
    ret_notify->host = os_take_fd(host);
    ret_notify->socket = socket;
    return 0;
}

void ctr_notify_close(struct ctr_notify *notify)
{
    os_close(&notify->host);
    os_close(&notify->socket);
}

/* Is READY=1 one of the lines? */
static bool says_ready(const char *message)
{
    while (message != NULL) {
        const char *rest = st_after_prefix(message, "READY=1");
        if (rest != NULL && (rest[0] == '\0' || rest[0] == '\n')) {
            return true;
        }
        message = strchr(message, '\n');
        message = message == NULL ? NULL : message + 1;
    }
    return false;
}

int ctr_notify_pass(struct ctr_notify *notify)
{
    char message[MESSAGE_MAX + 1];
    int ready = 0;
    for (;;) {
        ssize_t n = os_recv(notify->socket, message, MESSAGE_MAX, 0);
        if (n <= 0) {
            return ready;
        }
        message[n] = '\0';
        (void)os_send(notify->host, message, (size_t)n, MSG_NOSIGNAL);
        if (says_ready(message) && ready == 0) {
            ready = 1;
            if (notify->main_pid > 0) {
                size_t length =
                    st_snprintf(message, sizeof(message), "MAINPID=%d", notify->main_pid);
                (void)os_send(notify->host, message, length, MSG_NOSIGNAL);
            }
        }
    }
}

void ctr_notify_wait(struct ctr_notify *notify, int pidfd)
{
    struct pollfd polls[2] = {{.fd = notify->socket, .events = POLLIN},
                              {.fd = pidfd, .events = POLLIN}};
    while (notify->socket >= 0) {
        int r = os_poll(polls, 2, -1);
        if (r < 0 && r != -ST_EINTR) {
            return;
        }
        if (ctr_notify_pass(notify) == 1 || polls[1].revents != 0) {
            return;
        }
    }
}
