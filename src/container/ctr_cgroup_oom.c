/* Being told of out-of-memory kills: an eventfd that is registered with memory.oom_control of
 * version 1, or memory.events of version 2, which wakes pollers on a change. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>

#include "base/print.h"
#include "container/ctr_cgroup_priv.h"
#include "os/os_event.h"
#include "os/os_file.h"

static int open_file(const struct ctr_cgroup_hierarchy *hierarchy, const char *file)
{
    char path[PATH_MAX];
    int r = ctr_cgroup_file(hierarchy, file, path, sizeof(path));
    return r < 0 ? r : os_open(path, O_RDONLY, 0);
}

static int read_kills(int fd, uint64_t *ret_kills)
{
    char text[512];
    ssize_t got = os_pread(fd, text, sizeof(text) - 1, 0);
    if (got < 0) {
        return got == -ST_ENODEV ? -ST_ENOENT : (int)got;
    }
    text[got] = '\0';
    if (!ctr_cgroup_keyed(text, "oom_kill", ret_kills)) {
        *ret_kills = 0;
    }
    return 0;
}

static int open_v2(const struct ctr_cgroup_hierarchy *hierarchy, struct ctr_cgroup_oom *oom)
{
    oom->v2 = true;
    oom->events = POLLPRI;
    oom->fd = open_file(hierarchy, "memory.events");
    return oom->fd < 0 ? oom->fd : read_kills(oom->fd, &oom->seen);
}

static int open_v1(const struct ctr_cgroup_hierarchy *hierarchy, struct ctr_cgroup_oom *oom)
{
    char text[32];
    oom->events = POLLIN;
    oom->file = open_file(hierarchy, "memory.oom_control");
    if (oom->file < 0) {
        return oom->file;
    }
    oom->fd = os_eventfd(0, 0);
    if (oom->fd < 0) {
        return oom->fd;
    }
    st_snprintf(text, sizeof(text), "%d %d", oom->fd, oom->file);
    int r = ctr_cgroup_write(hierarchy, "cgroup.event_control", text);
    return r < 0 ? r : read_kills(oom->file, &oom->seen);
}

int ctr_cgroup_oom_open(struct ctr_cgroup *cgroup, struct ctr_cgroup_oom *ret_oom,
                        struct st_err *err)
{
    *ret_oom = (struct ctr_cgroup_oom){.fd = -1, .file = -1};
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(cgroup, CTR_MEMORY);
    if (hierarchy == NULL) {
        return st_fail(err, ST_EOPNOTSUPP, "out-of-memory events: there is no memory controller");
    }
    int r = hierarchy->v2 ? open_v2(hierarchy, ret_oom) : open_v1(hierarchy, ret_oom);
    if (r < 0) {
        ctr_cgroup_oom_close(ret_oom);
        return st_fail_os(err, r, "out-of-memory events of cgroup %s", hierarchy->path);
    }
    return 0;
}

int ctr_cgroup_oom_read(struct ctr_cgroup_oom *oom)
{
    uint64_t kills = 0;
    if (!oom->v2) {
        uint64_t count;
        ssize_t got = os_read(oom->fd, &count, sizeof(count));
        if (got < 0) {
            return (int)got;
        }
    }
    int r = read_kills(oom->v2 ? oom->fd : oom->file, &kills);
    if (r < 0) {
        return r;
    }
    /* Version 1 wakes before it kills and counts; that it woke says it all. */
    bool more = !oom->v2 || kills > oom->seen;
    oom->seen = kills;
    return more;
}

void ctr_cgroup_oom_close(struct ctr_cgroup_oom *oom)
{
    os_close(&oom->fd);
    os_close(&oom->file);
}
