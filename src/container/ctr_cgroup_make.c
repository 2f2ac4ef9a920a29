/* Making the container's cgroups, moving processes into them, removing them. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_cgroup_priv.h"
#include "container/ctr_mount_path.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_time.h"
#include "spec/spec_runtime.h"

enum {
    MAX_DEPTH = 64,          /* of cgroups below the container's */
    FIRST_WAIT_NS = 100000,  /* between tries to remove one, doubled each time ... */
    LAST_WAIT_NS = 50000000, /* ... up to this */
    REMOVE_TRIES = 100,      /* about 4.5 seconds in all */
};

/* The text of a cpuset file of the folder `path`, without the newline. */
static int read_cpuset(const char *path, const char *file, char *ret_text, size_t size)
{
    char name[PATH_MAX];
    if (st_snprintf(name, sizeof(name), "%s/%s", path, file) >= sizeof(name)) {
        return -ST_ENAMETOOLONG;
    }
    return os_read_text(AT_FDCWD, name, ret_text, size);
}

/* Version 1: a cpuset starts empty and then takes no process. Gives path (below mount, of which
 * the first mount_length bytes are) what its parent has; the parent first, if it has nothing. The
 * text is in ret_text, too. */
static int inherit_cpuset(char *path, size_t mount_length, const char *file, bool known_empty,
                          char *ret_text, size_t size)
{
    char name[PATH_MAX];
    int r = known_empty ? 0 : read_cpuset(path, file, ret_text, size);
    if (r != 0) {
        return r < 0 ? r : 0; /* not empty */
    }
    char *slash = strrchr(path, '/');
    if (slash == NULL || (size_t)(slash - path) < mount_length) {
        return -ST_EINVAL;
    }
    *slash = '\0';
    r = inherit_cpuset(path, mount_length, file, false, ret_text, size);
    *slash = '/';
    if (r < 0) {
        return r;
    }
    if (st_snprintf(name, sizeof(name), "%s/%s", path, file) >= sizeof(name)) {
        return -ST_ENAMETOOLONG;
    }
    return os_write_text(AT_FDCWD, name, ret_text);
}

static int inherit_cpusets(const struct ctr_cgroup_hierarchy *hierarchy, bool known_empty)
{
    char path[PATH_MAX];
    char text[4096];
    size_t mount_length = strlen(hierarchy->mount);
    int r = ctr_cgroup_file(hierarchy, NULL, path, sizeof(path));
    if (r >= 0) {
        r = inherit_cpuset(path, mount_length, "cpuset.cpus", known_empty, text, sizeof(text));
    }
    return r < 0
               ? r
               : inherit_cpuset(path, mount_length, "cpuset.mems", known_empty, text, sizeof(text));
}

/* Makes the folder, and those above it down from the mount. 1: it was made; 0: it was there. */
static int make_folder(const struct ctr_cgroup_hierarchy *hierarchy)
{
    char path[PATH_MAX];
    int r = ctr_cgroup_file(hierarchy, NULL, path, sizeof(path));
    if (r < 0) {
        return r;
    }
    r = os_mkdirat(AT_FDCWD, path, 0755);
    if (r == -ST_ENOENT) {
        for (char *at = path + strlen(hierarchy->mount) + 1; (at = strchr(at, '/')) != NULL; at++) {
            *at = '\0';
            r = os_mkdirat(AT_FDCWD, path, 0755);
            *at = '/';
            if (r < 0 && r != -ST_EEXIST) {
                return r;
            }
        }
        r = os_mkdirat(AT_FDCWD, path, 0755);
    }
    if (r < 0) {
        return r == -ST_EEXIST ? 0 : r;
    }
    return 1;
}

/* "+cpu +memory" for the bits. */
static void enable_text(uint32_t bits, char *ret_text, size_t size)
{
    size_t used = 0;
    ret_text[0] = '\0';
    for (unsigned i = 0; i < CTR_CONTROLLER_COUNT; i++) {
        const char *name = ctr_cgroup_controller_name(i, true);
        if ((bits & (1u << i)) != 0 && name != NULL && used < size) {
            used += st_snprintf(ret_text + used, size - used, "%s+%s", used > 0 ? " " : "", name);
        }
    }
}

/* All at once, or one by one when one of them is refused. */
static void enable_in(const char *folder, uint32_t bits)
{
    char path[PATH_MAX];
    char text[128];
    if (st_snprintf(path, sizeof(path), "%s/cgroup.subtree_control", folder) >= sizeof(path)) {
        return;
    }
    enable_text(bits, text, sizeof(text));
    if (os_write_text(AT_FDCWD, path, text) >= 0) {
        return;
    }
    for (unsigned i = 0; i < CTR_CONTROLLER_COUNT; i++) {
        enable_text(bits & (1u << i), text, sizeof(text));
        if (text[0] != '\0') {
            (void)os_write_text(AT_FDCWD, path, text);
        }
    }
}

static uint32_t enabled(const struct ctr_cgroup_hierarchy *hierarchy)
{
    char text[256];
    int r = ctr_cgroup_read(hierarchy, "cgroup.controllers", text, sizeof(text));
    return r < 0 ? 0 : ctr_cgroup_controller_bits(text, " \n");
}

/* Version 2: shares the root's controllers out down to the container's cgroup. Those that limits
 * need must arrive; the others serve statistics. */
static int enable_controllers(struct ctr_cgroup_hierarchy *hierarchy, uint32_t needed,
                              bool only_needed, struct st_err *err)
{
    char path[PATH_MAX];
    char text[256];
    if (only_needed && needed == 0) {
        return 0;
    }
    int r =
        st_snprintf(path, sizeof(path), "%s/cgroup.controllers", hierarchy->mount) < sizeof(path)
            ? os_read_text(AT_FDCWD, path, text, sizeof(text))
            : -ST_ENAMETOOLONG;
    if (r < 0) {
        return st_fail_os(err, r, "cgroup controllers");
    }
    uint32_t offered = ctr_cgroup_controller_bits(text, " \n");
    uint32_t wanted = only_needed ? offered & needed : offered;
    hierarchy->controllers = enabled(hierarchy);
    if ((wanted & ~hierarchy->controllers) == 0) {
        return 0;
    }
    r = ctr_cgroup_file(hierarchy, NULL, path, sizeof(path));
    if (r < 0) {
        return st_fail_os(err, r, "cgroup %s", hierarchy->path);
    }
    for (char *at = path + strlen(hierarchy->mount); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        enable_in(path, wanted);
        *at = '/';
    }
    hierarchy->controllers = enabled(hierarchy);
    uint32_t missing = needed & offered & ~hierarchy->controllers;
    if (missing != 0) {
        enable_text(missing, text, sizeof(text));
        return st_fail(err, ST_EOPNOTSUPP, "cgroup %s: controllers could not be enabled: %s",
                       hierarchy->path, text);
    }
    return 0;
}

static bool is_refusal(int r)
{
    return r == -ST_EPERM || r == -ST_EACCES || r == -ST_EROFS;
}

static void remove_made(const struct ctr_cgroup *cgroup, uint32_t made)
{
    char path[PATH_MAX];
    for (size_t i = 0; i < cgroup->count; i++) {
        if ((made & (1u << i)) != 0 &&
            ctr_cgroup_file(&cgroup->hierarchies[i], NULL, path, sizeof(path)) >= 0) {
            (void)os_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
        }
    }
}

/* Returns 1: made, 0: was there, < 0. */
static int make_hierarchy(struct ctr_cgroup *cgroup, struct ctr_cgroup_hierarchy *hierarchy,
                          uint32_t needed, struct st_err *err)
{
    int made = make_folder(hierarchy);
    int r = made;
    if (r < 0) {
        return st_fail_os(err, r, "making cgroup %s%s", hierarchy->mount, hierarchy->path);
    }
    if (hierarchy->v2) {
        r = enable_controllers(hierarchy, needed, cgroup->mode == CTR_CGROUP_HYBRID, err);
    } else if ((hierarchy->controllers & (1u << CTR_CPUSET)) != 0) {
        r = inherit_cpusets(hierarchy, made > 0);
        if (r < 0) {
            st_fail_os(err, r, "cpuset of cgroup %s", hierarchy->path);
        }
    }
    if (r < 0) {
        char path[PATH_MAX];
        if (made && ctr_cgroup_file(hierarchy, NULL, path, sizeof(path)) >= 0) {
            (void)os_unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
        }
        return r;
    }
    return made;
}

static uint32_t version1_bits(const struct ctr_cgroup *cgroup)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < cgroup->count; i++) {
        if (!cgroup->hierarchies[i].v2) {
            bits |= cgroup->hierarchies[i].controllers;
        }
    }
    return bits;
}

static void forget_hierarchies(struct ctr_cgroup *cgroup)
{
    ctr_cgroup_done(cgroup);
    cgroup->mode = CTR_CGROUP_NONE;
}

int ctr_cgroup_create(struct ctr_cgroup *cgroup, const struct spec_resources *resources,
                      struct st_err *err)
{
    uint32_t all_needed = ctr_cgroup_needed(resources);
    uint32_t needed = all_needed & ~version1_bits(cgroup);
    uint32_t made = 0;
    for (size_t i = 0; i < cgroup->count; i++) {
        int r = make_hierarchy(cgroup, &cgroup->hierarchies[i], needed, err);
        if (r > 0) {
            made |= 1u << i;
        }
        if (r >= 0) {
            continue;
        }
        remove_made(cgroup, made);
        bool asked = all_needed != 0 && cgroup->explicit_path;
        if (!cgroup->rootless || !is_refusal(r) || asked) {
            return r;
        }
        forget_hierarchies(cgroup);
        break;
    }
    struct ctr_cgroup_hierarchy *v2 = ctr_cgroup_v2(cgroup);
    if (v2 != NULL) {
        char path[PATH_MAX];
        int r = ctr_cgroup_file(v2, NULL, path, sizeof(path));
        if (r >= 0) {
            r = v2->fd = os_open(path, O_PATH | O_DIRECTORY, 0);
        }
        if (r < 0) {
            remove_made(cgroup, made);
            return st_fail_os(err, r, "cgroup %s", v2->path);
        }
    }
    return 0;
}

int ctr_cgroup_clone_fd(const struct ctr_cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->hierarchies[i].v2) {
            return cgroup->hierarchies[i].fd;
        }
    }
    return -1;
}

/* A container that shares out its own cgroup (as an init system in it does) has no process in it
 * any more, and none can be put there: a new one belongs beside the container's first process. */
static int join_beside(const struct ctr_cgroup_hierarchy *hierarchy, const char *number,
                       pid_t beside)
{
    char path[PATH_MAX];
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    st_snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)beside);
    int r = os_read_file(AT_FDCWD, path, &text);
    if (r < 0) {
        return r;
    }
    char *line = text.data == NULL ? NULL : strstr(text.data, "0::");
    if (line == NULL) {
        return -ST_ESRCH;
    }
    line += strlen("0::");
    line[strcspn(line, "\n")] = '\0';
    if (!st_starts_with(line, hierarchy->path)) {
        return -ST_EBUSY;
    }
    if (st_snprintf(path, sizeof(path), "%s%s/cgroup.procs", hierarchy->mount, line) >=
        sizeof(path)) {
        return -ST_ENAMETOOLONG;
    }
    return os_write_text(AT_FDCWD, path, number);
}

int ctr_cgroup_join(struct ctr_cgroup *cgroup, pid_t pid, bool in_v2, const char *sub, pid_t beside,
                    struct st_err *err)
{
    char number[16];
    char file[PATH_MAX] = "cgroup.procs";
    st_snprintf(number, sizeof(number), "%d", (int)pid);
    if (sub != NULL) {
        char clean[PATH_MAX];
        int r = ctr_mount_path_clean(sub, clean, sizeof(clean));
        if (r >= 0 && strcmp(clean, "/") != 0 &&
            st_snprintf(file, sizeof(file), "%s/cgroup.procs", clean + 1) >= sizeof(file)) {
            r = -ST_ENAMETOOLONG;
        }
        if (r < 0) {
            return st_fail_os(err, r, "cgroup %s", sub);
        }
    }
    for (size_t i = 0; i < cgroup->count; i++) {
        struct ctr_cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        if (hierarchy->v2 && in_v2) {
            continue;
        }
        int r = ctr_cgroup_write(hierarchy, file, number);
        if (r == -ST_EBUSY && hierarchy->v2 && sub == NULL && beside > 0) {
            r = join_beside(hierarchy, number, beside);
        }
        if (r < 0) {
            return st_fail_os(err, r, "moving process %d into cgroup %s%s%s", (int)pid,
                              hierarchy->mount, hierarchy->path, sub != NULL ? sub : "");
        }
    }
    return 0;
}

/* Removes folder/name and the cgroups below it; one try. */
static int remove_below(int folder, const char *name, int depth)
{
    int r = os_unlinkat(folder, name, AT_REMOVEDIR);
    if (r != -ST_EBUSY && r != -ST_ENOTEMPTY) {
        return r;
    }
    if (depth > MAX_DEPTH) {
        return -ST_ELOOP;
    }
    st_auto(os_dir) struct os_dir *dir = NULL;
    int opened = os_dir_open(folder, name, &dir);
    if (opened < 0) {
        return opened;
    }
    const char *entry;
    unsigned char type;
    bool found = false;
    while (os_dir_next(dir, &entry, &type) > 0) {
        if (type == DT_DIR) {
            found = true;
            int below = remove_below(os_dir_fd(dir), entry, depth + 1);
            if (below < 0 && below != -ST_ENOENT) {
                return below;
            }
        }
    }
    return found ? os_unlinkat(folder, name, AT_REMOVEDIR) : r;
}

int ctr_cgroup_remove(struct ctr_cgroup *cgroup, struct st_err *err)
{
    char path[PATH_MAX];
    int failed = 0;
    uint64_t wait_ns = FIRST_WAIT_NS;
    int tries = 0;
    for (size_t i = 0; i < cgroup->count; i++) {
        struct ctr_cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        os_close(&hierarchy->fd);
        int r = ctr_cgroup_file(hierarchy, NULL, path, sizeof(path));
        if (r >= 0) {
            r = remove_below(AT_FDCWD, path, 0);
        }
        /* Processes that were killed stay in their cgroup until they are torn down. */
        while (r == -ST_EBUSY && tries++ < REMOVE_TRIES) {
            os_sleep_ns(wait_ns);
            wait_ns = ST_MIN(wait_ns * 2, (uint64_t)LAST_WAIT_NS);
            r = remove_below(AT_FDCWD, path, 0);
        }
        if (r < 0 && r != -ST_ENOENT) {
            failed = st_fail_os(err, r, "removing cgroup %s", path);
        }
    }
    return failed;
}
