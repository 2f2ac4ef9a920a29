/* The processes of a container's cgroups: listing, freezing, signalling. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "container/ctr_cgroup_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_time.h"

enum {
    MAX_DEPTH = 64,
    MAX_LIST_BYTES = 64 << 20,
    KILL_PASSES = 20,
    FIRST_WAIT_NS = 50000,
    LAST_WAIT_NS = 10000000,
    FREEZE_LIMIT_NS = 2000000000,
};

struct pid_list {
    pid_t *pids;
    size_t count;
    size_t capacity;
};

static int add_pid(struct pid_list *list, pid_t pid)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        pid_t *pids = realloc(list->pids, capacity * sizeof(*pids));
        if (pids == NULL) {
            return -ST_ENOMEM;
        }
        list->pids = pids;
        list->capacity = capacity;
    }
    list->pids[list->count++] = pid;
    return 0;
}

static int add_procs(int folder, struct pid_list *list)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(MAX_LIST_BYTES);
    int r = os_read_file(folder, "cgroup.procs", &text);
    if (r == -ST_EOPNOTSUPP || r == -ST_ENODEV || r == -ST_ENOENT) {
        return 0; /* a threaded cgroup, whose processes its domain lists, or one that just went */
    }
    char *rest = text.data;
    for (char *line; r >= 0 && rest != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL;) {
        uint64_t pid;
        r = st_parse_u64(line, 10, INT_MAX, &pid);
        if (r >= 0 && pid != 0) {
            r = add_pid(list, (pid_t)pid);
        }
    }
    return r;
}

static int add_tree(int parent, const char *name, struct pid_list *list, int depth)
{
    if (depth > MAX_DEPTH) {
        return -ST_ELOOP;
    }
    st_auto(os_dir) struct os_dir *dir = NULL;
    int r = os_dir_open(parent, name, &dir);
    if (r < 0) {
        return r == -ST_ENOENT && depth > 0 ? 0 : r;
    }
    r = add_procs(os_dir_fd(dir), list);
    const char *entry;
    unsigned char type;
    while (r >= 0 && (r = os_dir_next(dir, &entry, &type)) > 0) {
        if (type == DT_DIR) {
            r = add_tree(os_dir_fd(dir), entry, list, depth + 1);
        }
    }
    return r;
}

int ctr_cgroup_pids(struct ctr_cgroup *cgroup, pid_t **ret_pids, size_t *ret_count,
                    struct st_err *err)
{
    char path[PATH_MAX];
    struct pid_list list = {0};
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_tasks(cgroup);
    if (hierarchy == NULL) {
        return st_fail(err, ST_ENOTFOUND, "the container has no cgroup");
    }
    int r = ctr_cgroup_file(hierarchy, NULL, path, sizeof(path));
    if (r >= 0) {
        r = add_tree(AT_FDCWD, path, &list, 0);
    }
    if (r < 0) {
        free(list.pids);
        return st_fail_os(err, r, "processes of cgroup %s", hierarchy->path);
    }
    *ret_pids = list.pids;
    *ret_count = list.count;
    return 0;
}

int ctr_cgroup_populated(struct ctr_cgroup *cgroup)
{
    struct ctr_cgroup_hierarchy *v2 = ctr_cgroup_v2(cgroup);
    if (v2 != NULL) {
        char text[256];
        uint64_t populated;
        int r = ctr_cgroup_read(v2, "cgroup.events", text, sizeof(text));
        return r < 0 ? r : ctr_cgroup_keyed(text, "populated", &populated) && populated != 0;
    }
    pid_t *pids = NULL;
    size_t count = 0;
    int r = ctr_cgroup_pids(cgroup, &pids, &count, NULL);
    free(pids);
    return r < 0 ? r : count != 0;
}

static struct ctr_cgroup_hierarchy *freezer(struct ctr_cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (!cgroup->hierarchies[i].v2 &&
            (cgroup->hierarchies[i].controllers & (1u << CTR_FREEZER)) != 0) {
            return &cgroup->hierarchies[i];
        }
    }
    return ctr_cgroup_v2(cgroup);
}

static int is_frozen(const struct ctr_cgroup_hierarchy *hierarchy)
{
    char text[256];
    uint64_t frozen;
    if (!hierarchy->v2) {
        int r = ctr_cgroup_read(hierarchy, "freezer.state", text, sizeof(text));
        return r < 0 ? r : strcmp(text, "FROZEN") == 0;
    }
    int r = ctr_cgroup_read(hierarchy, "cgroup.events", text, sizeof(text));
    return r < 0 ? r : ctr_cgroup_keyed(text, "frozen", &frozen) && frozen != 0;
}

static int set_frozen(const struct ctr_cgroup_hierarchy *hierarchy, bool frozen)
{
    if (hierarchy->v2) {
        return ctr_cgroup_write(hierarchy, "cgroup.freeze", frozen ? "1" : "0");
    }
    return ctr_cgroup_write(hierarchy, "freezer.state", frozen ? "FROZEN" : "THAWED");
}

int ctr_cgroup_freeze(struct ctr_cgroup *cgroup, struct st_err *err)
{
    struct ctr_cgroup_hierarchy *hierarchy = freezer(cgroup);
    if (hierarchy == NULL) {
        return st_fail(err, ST_EOPNOTSUPP, "the container has no cgroup that can be frozen");
    }
    uint64_t end = os_monotonic_ns() + FREEZE_LIMIT_NS;
    uint64_t wait_ns = FIRST_WAIT_NS;
    int r = set_frozen(hierarchy, true);
    while (r >= 0 && (r = is_frozen(hierarchy)) == 0) {
        if (os_monotonic_ns() > end) {
            r = -ST_ETIMEDOUT;
            break;
        }
        os_sleep_ns(wait_ns);
        wait_ns = ST_MIN(wait_ns * 2, (uint64_t)LAST_WAIT_NS);
        /* Version 1 may miss a process that forks while it freezes, until it is told again. */
        r = hierarchy->v2 ? 0 : set_frozen(hierarchy, true);
    }
    if (r < 0) {
        (void)set_frozen(hierarchy, false);
        return st_fail_os(err, r, "freezing cgroup %s", hierarchy->path);
    }
    return 0;
}

int ctr_cgroup_thaw(struct ctr_cgroup *cgroup, struct st_err *err)
{
    struct ctr_cgroup_hierarchy *hierarchy = freezer(cgroup);
    if (hierarchy == NULL) {
        return st_fail(err, ST_EOPNOTSUPP, "the container has no cgroup that can be frozen");
    }
    int r = set_frozen(hierarchy, false);
    return r < 0 ? st_fail_os(err, r, "thawing cgroup %s", hierarchy->path) : 0;
}

int ctr_cgroup_frozen(struct ctr_cgroup *cgroup)
{
    struct ctr_cgroup_hierarchy *hierarchy = freezer(cgroup);
    return hierarchy != NULL && is_frozen(hierarchy) > 0;
}

/* Signals each process once. Returns how many there were. */
static int signal_pass(struct ctr_cgroup *cgroup, int signal_number, struct st_err *err)
{
    pid_t *pids = NULL;
    size_t count = 0;
    int r = ctr_cgroup_pids(cgroup, &pids, &count, err);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        int sent = os_kill(pids[i], signal_number);
        if (sent < 0 && sent != -ST_ESRCH) {
            r = st_fail_os(err, sent, "signalling process %d", (int)pids[i]);
        }
    }
    free(pids);
    return r < 0 ? r : (int)ST_MIN(count, (size_t)INT_MAX);
}

int ctr_cgroup_kill(struct ctr_cgroup *cgroup, int signal_number, struct st_err *err)
{
    struct ctr_cgroup_hierarchy *v2 = ctr_cgroup_v2(cgroup);
    if (signal_number == SIGKILL && v2 != NULL && ctr_cgroup_write(v2, "cgroup.kill", "1") >= 0) {
        /* A frozen cgroup of version 1 holds its processes back even from this. */
        if (cgroup->mode == CTR_CGROUP_HYBRID) {
            (void)ctr_cgroup_thaw(cgroup, NULL);
        }
        return 0;
    }
    bool was_frozen = ctr_cgroup_frozen(cgroup) > 0;
    bool frozen = was_frozen || ctr_cgroup_freeze(cgroup, NULL) >= 0;
    int r = 0;
    for (int pass = 0; pass < KILL_PASSES; pass++) {
        r = signal_pass(cgroup, signal_number, err);
        if (r <= 0 || frozen || signal_number != SIGKILL) {
            break;
        }
        os_sleep_ns(LAST_WAIT_NS);
    }
    if (frozen && (!was_frozen || signal_number == SIGKILL)) {
        (void)ctr_cgroup_thaw(cgroup, NULL);
    }
    return r < 0 ? r : 0;
}
