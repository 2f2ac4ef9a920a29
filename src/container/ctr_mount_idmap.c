/*
 * User namespaces for id-mapped mounts.
 *
 * A mount takes the mapping of a user namespace, and a namespace exists only with a process in it
 * or a descriptor to it: so a child is made in a fresh one, its mappings are written, the namespace
 * is opened, and the child ends.
 */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/print.h"
#include "container/ctr_rootfs_priv.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "spec/spec_runtime.h"

/* The kernel takes at most 340 lines; each is at most 33 bytes. */
enum { MAX_MAP_TEXT = 340 * 33 };

static int write_map(pid_t pid, const char *file, const struct spec_id_mapping *mappings,
                     size_t count)
{
    char path[64];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(MAX_MAP_TEXT);
    for (size_t i = 0; i < count; i++) {
        st_buf_printf(&text, "%u %u %u\n", mappings[i].container_id, mappings[i].host_id,
                      mappings[i].size);
    }
    int r = st_buf_status(&text);
    if (r < 0) {
        return r;
    }
    st_snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
    return os_write_text(AT_FDCWD, path, st_buf_string(&text));
}

struct mappings {
    const struct spec_id_mapping *uid;
    size_t uid_count;
    const struct spec_id_mapping *gid;
    size_t gid_count;
};

static int open_mapped(pid_t pid, const struct mappings *maps)
{
    char path[64];
    int r = write_map(pid, "uid_map", maps->uid, maps->uid_count);
    if (r >= 0) {
        r = write_map(pid, "gid_map", maps->gid, maps->gid_count);
    }
    if (r < 0) {
        return r;
    }
    st_snprintf(path, sizeof(path), "/proc/%d/ns/user", (int)pid);
    return os_open(path, O_RDONLY, 0);
}

static int make_namespace(const struct mappings *maps)
{
    st_auto(fd) int alive_end = -1;
    int ends[2];
    int r = os_pipe(ends, 0);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int child_end = ends[0];
    alive_end = ends[1];
    struct clone_args args = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
    pid_t pid = os_clone3(&args);
    if (pid == 0) {
        /* Ends with the parent's end of the pipe, also when the parent dies. */
        char byte;
        os_close(&alive_end);
        (void)os_read(child_end, &byte, 1);
        os_exit(0);
    }
    if (pid < 0) {
        return pid;
    }
    int fd = open_mapped(pid, maps);
    os_close(&alive_end);
    int status;
    (void)os_waitpid(pid, &status, 0);
    return fd;
}

int ctr_mount_idmap_namespace(const struct ctr_rootfs *rootfs, const struct spec_mount *mount,
                              struct st_err *err)
{
    const struct spec_linux *linux_ = rootfs->config->linux_;
    struct mappings maps = {
        .uid = mount->uid_mappings,
        .uid_count = mount->uid_mappings_count,
        .gid = mount->gid_mappings,
        .gid_count = mount->gid_mappings_count,
    };
    if (maps.uid_count == 0 && maps.gid_count == 0) {
        const struct spec_namespace *user = spec_runtime_namespace(rootfs->config, SPEC_NS_USER);
        if (user != NULL && user->path != NULL) {
            int fd = os_open(user->path, O_RDONLY, 0);
            return fd < 0 ? st_fail_os(err, fd, "mount %s: user namespace %s", mount->destination,
                                       user->path)
                          : fd;
        }
        if (linux_ != NULL) {
            maps.uid = linux_->uid_mappings;
            maps.uid_count = linux_->uid_mappings_count;
            maps.gid = linux_->gid_mappings;
            maps.gid_count = linux_->gid_mappings_count;
        }
    }
    if (maps.uid_count == 0 || maps.gid_count == 0) {
        return st_fail(err, ST_EINVAL,
                       "mount %s: an id-mapped mount needs uidMappings and "
                       "gidMappings, its own or the container's",
                       mount->destination);
    }
    int fd = make_namespace(&maps);
    if (fd < 0) {
        return st_fail_os(err, fd, "mount %s: a user namespace with its mappings",
                          mount->destination);
    }
    return fd;
}
