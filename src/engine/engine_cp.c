/*
 * Copying between an instance and the host, by docker's rules (a trailing "/." means the content, a
 * target that is a folder takes the source in, "-" is a tar stream).
 *
 * An instance's files are reached through a descriptor of its root: of the running process's root,
 * or of a root that is mounted for the moment in a mount namespace of a child, so that nothing can
 * be left mounted. Paths in it are resolved by the kernel inside that root.
 */
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "archive/arc_place.h"
#include "archive/arc_tar.h"
#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "engine/monitor/mon_config.h"
#include "engine/monitor/mon_mount.h"
#include "os/os_dir.h"
#include "os/os_identity.h"
#include "os/os_mount.h"
#include "os/os_process.h"
#include "os/os_socket.h"

/* ---- the root of an instance ---- */

/* Mounts the instance's volumes and binds over its root. */
static int mount_volumes(const struct engine_instance *instance, int root)
{
    for (size_t i = 0; i < instance->config->mounts_count; i++) {
        const struct engine_mount *mount = &instance->config->mounts[i];
        char target[32];
        st_auto(free) char *source = NULL;

        if (st_streq(mount->type, "tmpfs") || mount->source == NULL) {
            continue;
        }
        if (st_streq(mount->type, "volume")) {
            st_auto(free) char *volume =
                engine_path(instance->engine->data, "volumes", mount->source);
            source = volume == NULL ? NULL : engine_path(volume, "_data", NULL);
        } else {
            source = strdup(mount->source);
        }
        st_auto(fd) int fd = os_openat2(root, mount->target, O_PATH, 0, RESOLVE_IN_ROOT);
        if (source == NULL || fd < 0) {
            continue;
        }
        st_snprintf(target, sizeof(target), "/proc/self/fd/%d", fd);
        int r = os_mount(source, target, NULL, MS_BIND | MS_REC, NULL);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

/* In the child: mounts and sends the root over the socket. */
static int mount_and_send(const struct engine_instance *instance, const char *folder,
                          struct mon_config *config, int socket)
{
    const char *what;
    char byte = 0;
    int r = os_chdir(folder);

    st_auto(fd) int home = -1;
    st_auto(fd) int mounted = r < 0 ? r : mon_mount_root(config, &home, &what);
    r = mounted < 0 ? mounted : mount_volumes(instance, mounted);
    /* Opened again, now that there is something mounted below it. */
    st_auto(fd) int root = r < 0 ? r : os_open("rootfs", O_PATH | O_DIRECTORY, 0);
    ssize_t sent = root < 0 ? root : os_send_fds(socket, &byte, 1, &root, 1);
    if (sent < 0) {
        return (int)sent;
    }
    /* The mounts below the root last as long as the namespace: until the other end is done. */
    (void)os_recv(socket, &byte, 1, 0);
    return 0;
}

struct root {
    int fd;
    int socket; /* of the child that holds the mounts; -1: none */
    pid_t child;
    char *folder;
};

static int root_orders(struct engine_instance *instance, struct st_buf *text,
                       struct mon_config *ret_config, struct st_err *err)
{
    static const char *const needed[] = {"id=x", "oci=x", "oci_root=x", "strata=x", "home=x"};

    for (size_t i = 0; i < ST_COUNT(needed); i++) {
        st_buf_append(text, needed[i], strlen(needed[i]) + 1);
    }
    int r = engine_rootfs_entries(instance, text, err);
    r = r < 0 ? r : st_buf_status(text);
    return r < 0 ? r : mon_config_parse(text->data, text->length, ret_config);
}

static int mount_root(struct engine_instance *instance, struct root *root, struct st_err *err)
{
    static const char *const folders[] = {"rootfs", "rw"};
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(MON_CONFIG_MAX);
    struct mon_config config;
    char name[64];
    char byte;
    size_t count = 0;
    int sockets[2];
    int r = root_orders(instance, &text, &config, err);

    st_snprintf(name, sizeof(name), ".cp-%d", (int)os_getpid());
    root->folder = engine_path(instance->engine->run, name, NULL);
    if (r < 0 || root->folder == NULL) {
        return r < 0 ? r : st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (size_t i = 0; r >= 0 && i < ST_COUNT(folders); i++) {
        st_auto(free) char *path = engine_path(root->folder, folders[i], NULL);
        r = path == NULL ? -ST_ENOMEM : os_make_dirs(AT_FDCWD, path, 0700);
    }
    r = r < 0 ? r : os_socketpair(SOCK_SEQPACKET, sockets);
    if (r < 0) {
        return st_fail_os(err, r, "mounting the files of %s", instance->config->name);
    }
    root->child = os_fork();
    if (root->child == 0) {
        os_close(&sockets[0]);
        os_exit(mount_and_send(instance, root->folder, &config, sockets[1]) < 0);
    }
    os_close(&sockets[1]);
    root->socket = sockets[0];
    if (root->child < 0) {
        return st_fail_os(err, (int)root->child, "mounting the files of %s",
                          instance->config->name);
    }
    ssize_t n = os_recv_fds(root->socket, &byte, 1, &root->fd, 1, &count, 0);
    return n == 1 && count == 1 ? 0
                                : st_fail(err, ST_EIO, "the files of %s could not be mounted",
                                          instance->config->name);
}

static void root_done(struct engine_instance *instance, struct root *root)
{
    siginfo_t info;

    os_close(&root->fd);
    os_close(&root->socket);
    if (root->child > 0) {
        (void)os_waitid(P_PID, (unsigned)root->child, &info, WEXITED);
    }
    if (root->folder != NULL) {
        (void)os_remove_tree(AT_FDCWD, root->folder);
    }
    free(root->folder);
    engine_home_unlock(instance);
}

static int root_open(struct engine_instance *instance, struct root *root, struct st_err *err)
{
    struct engine_state state;
    char path[64];

    *root = (struct root){.fd = -1, .socket = -1};
    int r = engine_home_lock(instance, true, err); /* Nobody starts it while its files are ours. */
    r = r < 0 ? r : engine_state_read(instance, &state, err);
    if (r >= 0 && state.pid == 0) {
        r = mount_root(instance, root, err);
    } else if (r >= 0) {
        engine_home_unlock(instance);
        st_snprintf(path, sizeof(path), "/proc/%lld/root", (long long)state.pid);
        root->fd = os_open(path, O_PATH | O_DIRECTORY, 0);
        r = root->fd < 0 ? st_fail_os(err, root->fd, "entering %s", instance->config->name) : 0;
    }
    if (r < 0) {
        root_done(instance, root);
    }
    return r;
}

/* ---- copying ---- */

static int copy(const struct arc_place *source, const struct arc_place *target,
                const struct engine_cp_options *options, struct st_err *err)
{
    st_auto(fd) int into = -1;
    const char *as = NULL;
    int pipe[2];
    siginfo_t info;
    int r = arc_choose(source, target, &into, &as, err);

    r = r < 0 ? r : os_pipe(pipe, 0);
    if (r < 0) {
        return r;
    }
    bool host = target->root == AT_FDCWD;
    struct arc_unpack how = {.into = into,
                             .keep_owner = options->archive,
                             .uid = host ? os_geteuid() : 0,
                             .gid = host ? os_getegid() : 0};
    pid_t child = os_fork();
    if (child == 0) {
        os_close(&pipe[0]);
        os_exit(arc_pack_place(source, as, options->follow_links, pipe[1], NULL) < 0);
    }
    os_close(&pipe[1]);
    r = child < 0 ? st_fail_os(err, (int)child, "copying") : arc_unpack(&how, pipe[0], err);
    os_close(&pipe[0]);
    if (child > 0 && os_waitid(P_PID, (unsigned)child, &info, WEXITED) >= 0 && r >= 0 &&
        os_exit_code(&info) != 0) {
        r = st_fail(err, ST_EIO, "the source could not be read");
    }
    return r;
}

static int no_such(const struct engine_instance *instance, const char *path, struct st_err *err)
{
    return st_fail(err, ST_ENOENT, "Could not find the file %s in container %s", path,
                   instance->config->name);
}

int engine_cp_out(struct engine_instance *instance, const char *path, const char *host_path,
                  const struct engine_cp_options *options, struct st_err *err)
{
    struct root root;
    struct arc_place source = {0};
    struct arc_place target = {0};
    const struct engine_isolation *isolation = engine_isolation_of(instance->config);

    if (isolation->copy_out != NULL) {
        return isolation->copy_out(instance, path, host_path, options, err);
    }
    int r = root_open(instance, &root, err);

    if (r < 0) {
        return r;
    }
    r = arc_look(&source, root.fd, path);
    if (r >= 0 && !source.exists) {
        r = no_such(instance, path, err);
    } else if (r >= 0 && st_streq(host_path, "-")) {
        r = arc_pack_place(&source, source.content ? NULL : source.last, options->follow_links,
                           options->tar_fd, err);
    } else if (r >= 0) {
        r = arc_look(&target, AT_FDCWD, host_path);
        r = r < 0 ? st_fail_os(err, r, "%s", host_path) : copy(&source, &target, options, err);
    }
    arc_place_done(&source);
    arc_place_done(&target);
    root_done(instance, &root);
    return r;
}

static int unpack_into(const struct arc_place *target, const struct engine_cp_options *options,
                       struct st_err *err)
{
    st_auto(fd) int into = arc_open_whole(target);
    struct arc_unpack how = {.into = into, .keep_owner = true};

    return into < 0 ? st_fail_os(err, into, "opening %s", target->last)
                    : arc_unpack(&how, options->tar_fd, err);
}

int engine_cp_in(struct engine_instance *instance, const char *host_path, const char *path,
                 const struct engine_cp_options *options, struct st_err *err)
{
    struct root root;
    struct arc_place source = {0};
    struct arc_place target = {0};
    const struct engine_isolation *isolation = engine_isolation_of(instance->config);

    if (isolation->copy_in != NULL) {
        return isolation->copy_in(instance, host_path, path, options, err);
    }
    int r = root_open(instance, &root, err);

    if (r < 0) {
        return r;
    }
    r = arc_look(&target, root.fd, path);
    if (r < 0) {
        st_fail_os(err, r, "%s", path);
    } else if (st_streq(host_path, "-")) {
        r = !target.exists ? no_such(instance, path, err)
            : !S_ISDIR(target.stat.st_mode)
                ? st_fail(err, ST_ENOTDIR, "destination \"%s\" must be a directory", path)
                : unpack_into(&target, options, err);
    } else {
        r = arc_look(&source, AT_FDCWD, host_path);
        r = r < 0 ? st_fail_os(err, r, "%s", host_path)
            : !source.exists
                ? st_fail(err, ST_ENOENT, "lstat %s: no such file or directory", host_path)
                : copy(&source, &target, options, err);
    }
    arc_place_done(&source);
    arc_place_done(&target);
    root_done(instance, &root);
    return r;
}
