/* Which hierarchies there are, what the container's cgroup is called in each, and how that is
 * recorded. Nothing here changes a cgroup. */
#include "container/ctr_cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_cgroup_priv.h"
#include "container/ctr_mount_path.h"
#include "os/os_file.h"

static const char root_path[] = "/sys/fs/cgroup";

static const struct {
    const char *v1;
    const char *v2;
} controller_names[CTR_CONTROLLER_COUNT] = {
    [CTR_CPU] = {"cpu", "cpu"},
    [CTR_CPUACCT] = {"cpuacct", NULL},
    [CTR_CPUSET] = {"cpuset", "cpuset"},
    [CTR_MEMORY] = {"memory", "memory"},
    [CTR_DEVICES] = {"devices", NULL},
    [CTR_FREEZER] = {"freezer", NULL},
    [CTR_BLKIO] = {"blkio", "io"},
    [CTR_PIDS] = {"pids", "pids"},
    [CTR_HUGETLB] = {"hugetlb", "hugetlb"},
    [CTR_RDMA] = {"rdma", "rdma"},
    [CTR_NET_CLS] = {"net_cls", NULL},
    [CTR_NET_PRIO] = {"net_prio", NULL},
    [CTR_PERF_EVENT] = {"perf_event", NULL},
    [CTR_MISC] = {"misc", "misc"},
};

const char *ctr_cgroup_controller_name(enum ctr_cgroup_controller controller, bool v2)
{
    return v2 ? controller_names[controller].v2 : controller_names[controller].v1;
}

static bool same_word(const char *word, size_t length, const char *name)
{
    return name != NULL && strlen(name) == length && memcmp(word, name, length) == 0;
}

uint32_t ctr_cgroup_controller_bits(const char *names, const char *separators)
{
    uint32_t bits = 0;
    for (;;) {
        names += strspn(names, separators);
        size_t length = strcspn(names, separators);
        if (length == 0) {
            return bits;
        }
        for (unsigned i = 0; i < CTR_CONTROLLER_COUNT; i++) {
            if (same_word(names, length, controller_names[i].v1) ||
                same_word(names, length, controller_names[i].v2)) {
                bits |= 1u << i;
            }
        }
        names += length;
    }
}

void ctr_cgroup_warn(const struct ctr_cgroup *cgroup, const char *format, ...)
{
    char text[512];
    va_list args;
    if (cgroup->warn == NULL) {
        return;
    }
    va_start(args, format);
    st_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cgroup->warn(cgroup->warn_arg, text);
}

void ctr_cgroup_done(struct ctr_cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        struct ctr_cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        free(hierarchy->names);
        free(hierarchy->mount);
        free(hierarchy->path);
        os_close(&hierarchy->fd);
    }
    cgroup->count = 0;
}

/* Adds a hierarchy with copies of the texts. */
static int add_hierarchy(struct ctr_cgroup *cgroup, const char *names, const char *mount,
                         const char *path)
{
    if (cgroup->count == CTR_CGROUP_MAX_HIERARCHIES) {
        return -ST_ELIMIT;
    }
    struct ctr_cgroup_hierarchy *hierarchy = &cgroup->hierarchies[cgroup->count++];
    *hierarchy = (struct ctr_cgroup_hierarchy){
        .names = strdup(names),
        .mount = strdup(mount),
        .path = strdup(path),
        .controllers = ctr_cgroup_controller_bits(names, ","),
        .v2 = names[0] == '\0',
        .fd = -1,
    };
    if (hierarchy->names == NULL || hierarchy->mount == NULL || hierarchy->path == NULL) {
        return -ST_ENOMEM;
    }
    return 0;
}

static bool is_mounted(const char *mount, const char *below)
{
    char path[PATH_MAX];
    return st_snprintf(path, sizeof(path), "%s%s/cgroup.procs", mount, below) < sizeof(path) &&
           os_access(AT_FDCWD, path, 0, 0) == 0;
}

/* Where a hierarchy of version 1 is mounted: by all of its controllers' names, or by the first. */
static bool find_mount(const char *names, char *ret_mount, size_t size)
{
    const char *plain = st_after_prefix(names, "name=");
    if (names[0] == '\0') {
        plain = "unified";
    } else if (plain == NULL) {
        plain = names;
    }
    if (st_snprintf(ret_mount, size, "%s/%s", root_path, plain) >= size) {
        return false;
    }
    if (is_mounted(ret_mount, "")) {
        return true;
    }
    char *comma = strchr(ret_mount, ',');
    if (comma == NULL) {
        return false;
    }
    *comma = '\0';
    return is_mounted(ret_mount, "");
}

struct naming {
    bool absolute;
    char path[PATH_MAX]; /* clean, begins with a slash */
};

/* own: the caller's cgroup as /proc/self/cgroup has it. It may not exist below the mount, when that
 * is a bind mount of a part (in a container without a cgroup namespace). */
static int name_cgroup(const struct naming *naming, const char *mount, const char *own, bool v2,
                       char *ret_path, size_t size)
{
    char base[PATH_MAX] = "";
    if (!naming->absolute) {
        if (!st_strcopy(base, sizeof(base), own) || strstr(own, "/..") != NULL) {
            base[0] = '\0';
        }
        char *slash = v2 ? strrchr(base, '/') : NULL;
        if (slash != NULL) {
            *slash = '\0';
        }
        if (strcmp(base, "/") == 0 || !is_mounted(mount, base)) {
            base[0] = '\0';
        }
    }
    return st_snprintf(ret_path, size, "%s%s", base, naming->path) < size ? 0 : -ST_ENAMETOOLONG;
}

/* line: "4:memory:/a/b", changed. */
static int add_line(struct ctr_cgroup *cgroup, const struct naming *naming, char *line)
{
    char mount[PATH_MAX];
    char path[PATH_MAX];
    char *names = strchr(line, ':');
    char *own = names == NULL ? NULL : strchr(names + 1, ':');
    if (own == NULL) {
        return -ST_ECORRUPT;
    }
    names++;
    *own++ = '\0';
    bool v2 = names[0] == '\0';
    if (!find_mount(names, mount, sizeof(mount))) {
        return 0;
    }
    int r = name_cgroup(naming, mount, own, v2, path, sizeof(path));
    return r < 0 ? r : add_hierarchy(cgroup, names, mount, path);
}

static int read_own(struct st_buf *text)
{
    return os_read_file(AT_FDCWD, "/proc/self/cgroup", text);
}

static int init_v1(struct ctr_cgroup *cgroup, const struct naming *naming)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    int r = read_own(&text);
    char *rest = text.data;
    for (char *line; r >= 0 && rest != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL;) {
        r = add_line(cgroup, naming, line);
    }
    if (r < 0) {
        return r;
    }
    cgroup->mode = cgroup->count == 0              ? CTR_CGROUP_NONE
                   : ctr_cgroup_v2(cgroup) != NULL ? CTR_CGROUP_HYBRID
                                                   : CTR_CGROUP_V1;
    return 0;
}

static int init_v2(struct ctr_cgroup *cgroup, const struct naming *naming)
{
    char path[PATH_MAX];
    const char *own = "/";
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    if (!naming->absolute) {
        int r = read_own(&text);
        if (r < 0) {
            return r;
        }
        char *line = strstr(text.data != NULL ? text.data : "", "0::");
        if (line != NULL) {
            own = line + strlen("0::");
            line[strcspn(line, "\n")] = '\0';
        }
    }
    int r = name_cgroup(naming, root_path, own, true, path, sizeof(path));
    if (r >= 0) {
        r = add_hierarchy(cgroup, "", root_path, path);
    }
    cgroup->mode = CTR_CGROUP_V2;
    return r;
}

int ctr_cgroup_init(struct ctr_cgroup *cgroup, const char *cgroups_path, const char *id,
                    bool rootless, struct st_err *err)
{
    struct naming naming;
    struct statfs found;
    const char *wanted = cgroups_path != NULL && cgroups_path[0] != '\0' ? cgroups_path : id;
    cgroup->mode = CTR_CGROUP_NONE;
    cgroup->rootless = rootless;
    cgroup->explicit_path = wanted == cgroups_path;
    cgroup->count = 0;
    naming.absolute = wanted[0] == '/';
    int r = strchr(wanted, '\n') != NULL
                ? -ST_EINVAL
                : ctr_mount_path_clean(wanted, naming.path, sizeof(naming.path));
    if (r >= 0 && strcmp(naming.path, "/") == 0) {
        r = -ST_EINVAL;
    }
    if (r < 0) {
        return st_fail_os(err, r, "cgroupsPath %s", wanted);
    }
    r = os_statfs(root_path, &found);
    if (r < 0) {
        return 0;
    }
    r = found.f_type == CGROUP2_SUPER_MAGIC ? init_v2(cgroup, &naming) : init_v1(cgroup, &naming);
    return r < 0 ? st_fail_os(err, r, "control groups below %s", root_path) : 0;
}

int ctr_cgroup_save(const struct ctr_cgroup *cgroup, struct st_buf *to)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        const struct ctr_cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        st_buf_printf(to, "%s %s %s\n", hierarchy->v2 ? "-" : hierarchy->names, hierarchy->mount,
                      hierarchy->path);
    }
    return st_buf_status(to);
}

static int load_line(struct ctr_cgroup *cgroup, char *line)
{
    char *mount = strchr(line, ' ');
    char *path = mount == NULL ? NULL : strchr(mount + 1, ' ');
    char clean[PATH_MAX];
    if (path == NULL) {
        return -ST_ECORRUPT;
    }
    *mount++ = '\0';
    *path++ = '\0';
    /* The record names what is written to and removed: nothing but cgroups may be. */
    if (!st_starts_with(mount, root_path) || strlen(path) < 2 ||
        ctr_mount_path_clean(mount, clean, sizeof(clean)) < 0 || strcmp(clean, mount) != 0 ||
        ctr_mount_path_clean(path, clean, sizeof(clean)) < 0 || strcmp(clean, path) != 0) {
        return -ST_ECORRUPT;
    }
    return add_hierarchy(cgroup, strcmp(line, "-") == 0 ? "" : line, mount, path);
}

int ctr_cgroup_load(struct ctr_cgroup *cgroup, const char *text, struct st_err *err)
{
    st_auto(free) char *copy = strdup(text);
    cgroup->mode = CTR_CGROUP_NONE;
    cgroup->count = 0;
    int r = copy == NULL ? -ST_ENOMEM : 0;
    char *rest = copy;
    for (char *line; r >= 0 && (line = strtok_r(NULL, "\n", &rest)) != NULL;) {
        r = load_line(cgroup, line);
    }
    if (r < 0) {
        return st_fail_os(err, r, "control groups in the state");
    }
    struct ctr_cgroup_hierarchy *v2 = ctr_cgroup_v2(cgroup);
    if (cgroup->count != 0) {
        cgroup->mode = v2 == NULL                          ? CTR_CGROUP_V1
                       : strcmp(v2->mount, root_path) == 0 ? CTR_CGROUP_V2
                                                           : CTR_CGROUP_HYBRID;
    }
    return 0;
}

int ctr_cgroup_path(const struct ctr_cgroup *cgroup, const char *controller, char *ret_path,
                    size_t size)
{
    uint32_t bits = controller == NULL ? 0 : ctr_cgroup_controller_bits(controller, ",");
    const struct ctr_cgroup_hierarchy *chosen = NULL;
    for (size_t i = 0; i < cgroup->count; i++) {
        const struct ctr_cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        bool fits = bits != 0 ? (hierarchy->controllers & bits) != 0 : hierarchy->v2;
        if (fits || (chosen == NULL && bits == 0)) {
            chosen = hierarchy;
        }
    }
    if (chosen == NULL) {
        return -ST_ENOTFOUND;
    }
    return ctr_cgroup_file(chosen, NULL, ret_path, size);
}
