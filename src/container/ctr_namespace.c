/* Namespaces of a container: see ctr_namespace.h. */
#include "container/ctr_namespace.h"

#include <linux/if.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_proc.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"

/* linux/sched.h, which clashes with sched.h, has it as well. */
#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

static const unsigned flags[SPEC_NS_COUNT] = {
    [SPEC_NS_PID] = CLONE_NEWPID,       [SPEC_NS_NETWORK] = CLONE_NEWNET,
    [SPEC_NS_MOUNT] = CLONE_NEWNS,      [SPEC_NS_IPC] = CLONE_NEWIPC,
    [SPEC_NS_UTS] = CLONE_NEWUTS,       [SPEC_NS_USER] = CLONE_NEWUSER,
    [SPEC_NS_CGROUP] = CLONE_NEWCGROUP, [SPEC_NS_TIME] = CLONE_NEWTIME,
};

unsigned ctr_namespace_flag(enum spec_namespace_type type)
{
    return flags[type];
}

int ctr_namespaces_open(const struct spec_runtime *config, struct ctr_namespaces *ret_namespaces,
                        struct st_err *err)
{
    struct ctr_namespaces ns = {0};
    for (size_t i = 0; i < SPEC_NS_COUNT; i++) {
        ns.joined_fds[i] = -1;
    }
    for (size_t i = 0; config->linux_ != NULL && i < config->linux_->namespaces_count; i++) {
        const struct spec_namespace *entry = &config->linux_->namespaces[i];
        if (entry->path == NULL || entry->path[0] == '\0') {
            ns.created |= flags[entry->type];
            continue;
        }
        int fd = os_open(entry->path, O_RDONLY, 0);
        if (fd < 0) {
            ctr_namespaces_done(&ns);
            return st_fail_os(err, fd, "opening the %s namespace %s",
                              spec_namespace_name(entry->type), entry->path);
        }
        ns.joined |= flags[entry->type];
        ns.joined_fds[entry->type] = fd;
    }
    ns.needs_helper = (ns.joined & (CLONE_NEWUSER | CLONE_NEWPID)) != 0 ||
                      (ns.created & CLONE_NEWTIME) != 0 ||
                      ((ns.created & CLONE_NEWUSER) != 0 && ns.joined != 0);
    *ret_namespaces = ns;
    return 0;
}

void ctr_namespaces_done(struct ctr_namespaces *namespaces)
{
    for (size_t i = 0; i < SPEC_NS_COUNT; i++) {
        os_close(&namespaces->joined_fds[i]);
    }
}

/* Joins what is left but the user namespace. lenient: what is not permitted stays for later. */
static int join_others(struct ctr_namespaces *ns, bool lenient, struct st_err *err)
{
    for (size_t i = 0; i < SPEC_NS_COUNT; i++) {
        if (i == SPEC_NS_USER || ns->joined_fds[i] < 0) {
            continue;
        }
        int r = os_setns(ns->joined_fds[i], (int)flags[i]);
        if (r == -ST_EPERM && lenient) {
            continue;
        }
        if (r < 0) {
            return st_fail_os(err, r, "joining the %s namespace",
                              spec_namespace_name((enum spec_namespace_type)i));
        }
        os_close(&ns->joined_fds[i]);
    }
    return 0;
}

int ctr_namespaces_join(struct ctr_namespaces *namespaces, int (*map)(void *arg), void *map_arg,
                        struct st_err *err)
{
    bool new_user = (namespaces->created & CLONE_NEWUSER) != 0;
    int *user = &namespaces->joined_fds[SPEC_NS_USER];
    if (!namespaces->needs_helper) {
        return join_others(namespaces, false, err);
    }
    /* Namespaces that belong to the host's user namespace can be joined only before it is left,
     * those of a container's own, without privilege, only after. */
    int r = join_others(namespaces, new_user || *user >= 0, err);
    if (r < 0) {
        return r;
    }
    if (new_user) {
        r = os_unshare(CLONE_NEWUSER);
        r = r < 0 ? r : map(map_arg);
    } else if (*user >= 0) {
        r = os_setns(*user, CLONE_NEWUSER);
        os_close(user);
    }
    if (r < 0) {
        return st_fail_os(err, r, "entering the user namespace");
    }
    return join_others(namespaces, false, err);
}

static int write_offset(int file, const char *clock, const struct spec_time_offset *offset)
{
    char text[80];
    if (offset == NULL) {
        return 0;
    }
    size_t length = st_snprintf(text, sizeof(text), "%s %lld %u\n", clock,
                                (long long)offset->seconds, offset->nanoseconds);
    ssize_t n = os_write(file, text, length);
    return n < 0 ? (int)n : 0;
}

int ctr_namespaces_time(const struct spec_runtime *config, int proc, struct st_err *err)
{
    const struct spec_time_offsets *offsets = config->linux_->time_offsets;
    int r = os_unshare(CLONE_NEWTIME);
    if (r == 0 && offsets != NULL) {
        st_auto(fd) int file = ctr_proc_openat(proc, "self/timens_offsets", O_WRONLY);
        r = file < 0 ? file : write_offset(file, "monotonic", offsets->monotonic);
        r = r < 0 ? r : write_offset(file, "boottime", offsets->boottime);
    }
    return r < 0 ? st_fail_os(err, r, "making the time namespace") : 0;
}

static int map_text(const struct spec_id_mapping *maps, size_t count, struct st_buf *to)
{
    for (size_t i = 0; i < count; i++) {
        st_buf_printf(to, "%u %u %u\n", maps[i].container_id, maps[i].host_id, maps[i].size);
    }
    return st_buf_status(to);
}

static int write_map(int proc, pid_t pid, const char *file, const struct spec_id_mapping *maps,
                     size_t count)
{
    char path[64];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(64 << 10);
    int r = map_text(maps, count, &text);
    if (r < 0) {
        return r;
    }
    st_snprintf(path, sizeof(path), "%d/%s", pid, file);
    return ctr_proc_write(proc, path, text.data, text.length);
}

/* newuidmap and newgidmap are set-user-ID programs that know what /etc/subuid allows. */
static int run_mapper(const char *program, pid_t pid, const struct spec_id_mapping *maps,
                      size_t count, struct st_err *err)
{
    enum { NUMBER = 12 };
    static const char *const folders[] = {"/usr/bin", "/bin", "/usr/local/bin"};
    size_t argc = 2 + 3 * count;
    st_auto(free) const char **argv = calloc(argc + 1, sizeof(*argv));
    st_auto(free) char *numbers = calloc(argc, NUMBER);
    char path[64];
    siginfo_t info = {0};
    if (argv == NULL || numbers == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    argv[0] = program;
    for (size_t i = 1; i < argc; i++) {
        const struct spec_id_mapping *map = &maps[i < 2 ? 0 : (i - 2) / 3];
        unsigned value = i < 2              ? (unsigned)pid
                         : (i - 2) % 3 == 0 ? map->container_id
                         : (i - 2) % 3 == 1 ? map->host_id
                                            : map->size;
        st_snprintf(numbers + i * NUMBER, NUMBER, "%u", value);
        argv[i] = numbers + i * NUMBER;
    }
    int child = -1;
    int r = -ST_ENOENT;
    for (size_t i = 0; r == -ST_ENOENT && i < ST_COUNT(folders); i++) {
        st_snprintf(path, sizeof(path), "%s/%s", folders[i], program);
        const struct os_spawn spawn = {
            .path = path, .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = 2};
        r = os_spawn(&spawn, &child);
    }
    st_auto(fd) int pidfd = child;
    r = r < 0 ? r : os_waitid(P_PIDFD, (unsigned)pidfd, &info, WEXITED);
    if (r < 0) {
        return st_fail_os(err, r, "running %s", program);
    }
    return os_exit_code(&info) == 0 ? 0 : st_fail(err, ST_EPERM, "%s failed", program);
}

int ctr_namespaces_map(const struct spec_runtime *config, int proc, pid_t pid, struct st_err *err)
{
    const struct spec_linux *linux_ = config->linux_;
    char path[64];
    int r = write_map(proc, pid, "gid_map", linux_->gid_mappings, linux_->gid_mappings_count);
    bool by_helpers = r == -ST_EPERM;
    if (by_helpers && linux_->gid_mappings_count == 1 && linux_->gid_mappings[0].size == 1) {
        /* Without privilege, one's own group can be mapped when setgroups is given up. */
        st_snprintf(path, sizeof(path), "%d/setgroups", pid);
        r = ctr_proc_write(proc, path, "deny", 4);
        r = r < 0
                ? r
                : write_map(proc, pid, "gid_map", linux_->gid_mappings, linux_->gid_mappings_count);
        by_helpers = r < 0;
    }
    if (by_helpers) {
        r = run_mapper("newgidmap", pid, linux_->gid_mappings, linux_->gid_mappings_count, err);
        if (r < 0) {
            return r;
        }
    } else if (r < 0) {
        return st_fail_os(err, r, "writing the group ID map");
    }
    r = write_map(proc, pid, "uid_map", linux_->uid_mappings, linux_->uid_mappings_count);
    if (r == -ST_EPERM) {
        return run_mapper("newuidmap", pid, linux_->uid_mappings, linux_->uid_mappings_count, err);
    }
    return r < 0 ? st_fail_os(err, r, "writing the user ID map") : 0;
}

int ctr_namespaces_loopback(struct st_err *err)
{
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    (void)st_strcopy(request.ifr_name, sizeof(request.ifr_name), "lo");
    st_auto(fd) int fd = os_socket(AF_INET, SOCK_DGRAM, 0);
    int r = fd < 0 ? fd : os_ioctl(fd, SIOCSIFFLAGS, &request);
    return r < 0 ? st_fail_os(err, r, "bringing the loopback interface up") : 0;
}
