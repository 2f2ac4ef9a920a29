/* Modules in the order in which they must be loaded, depth first through what each says it needs.
 * A package of Debian has no modules.dep: depmod makes that when the package is installed, which
 * ours never is. */
#include "image/image_modules.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "format/fmt_modinfo.h"
#include "image/image_child.h"
#include "os/os_file.h"

enum {
    LIST_MAX_BYTES = 4 << 20,
    MODULE_MAX_BYTES = 64 << 20,
    MODULES_MAX = 64,
    DEPTH_MAX = 16, /* of needs; more is a circle */
    NAME_SIZE = 64,
};

static const struct {
    const char *name;
    bool optional; /* some kernels have it in another form */
} wanted[] = {
    {"crc32c_generic", true}, /* libcrc32c asks for it by its algorithm, not by its name */
    {"virtio_pci", false},    {"virtio_blk", false},
    {"virtio_net", false},    {"vmw_vsock_virtio_transport", false},
    {"virtio_rng", false},    {"erofs", false},
    {"overlay", false},       {"ext4", false},
};

struct modules {
    int tree_fd;
    int to_fd;
    const char *tree_path;
    struct st_buf order;   /* modules.order: a path a line, of every module there is */
    struct st_buf builtin; /* modules.builtin: the same of those inside of the kernel */
    unsigned count;
    char taken[MODULES_MAX][NAME_SIZE];
};

/* A line's module has this name, in which '-' and '_' are the same? */
static bool line_is(const char *line, size_t length, const char *name)
{
    const char *slash = memrchr(line, '/', length);
    const char *at = slash == NULL ? line : slash + 1;
    const char *end = line + length;
    for (; at < end && *name != '\0'; at++, name++) {
        if (*at != *name && !(*at == '-' && *name == '_') && !(*at == '_' && *name == '-')) {
            return false;
        }
    }
    return *name == '\0' && end - at == 3 && memcmp(at, ".ko", 3) == 0;
}

/* Finds a module's path. */
static bool find(const struct st_buf *list, const char *name, char *ret_path, size_t size)
{
    for (const char *line = st_buf_string(list); *line != '\0';) {
        size_t length = strcspn(line, "\n");
        if (length < size && line_is(line, length, name)) {
            memcpy(ret_path, line, length);
            ret_path[length] = '\0';
            return true;
        }
        line += length + (line[length] == '\n');
    }
    return false;
}

/* Reads a module, which newer packages have compressed. */
static int read_module(const struct modules *m, const char *path, struct st_buf *to,
                       struct st_err *err)
{
    char packed[1024];
    int r = os_read_file(m->tree_fd, path, to);
    if (r == -ST_ENOENT &&
        st_snprintf(packed, sizeof(packed), "%s/%s.xz", m->tree_path, path) < sizeof(packed)) {
        st_buf_reset(to);
        r = os_access(AT_FDCWD, packed, F_OK, 0);
        if (r == 0) {
            r = image_child_run((const char *const[]){"/usr/bin/xz", "-dc", packed, NULL}, to);
            if (r == -ST_ENOENT) {
                st_fail(err, ST_ENOTFOUND, "xz is not installed, which the kernel's modules need");
                st_hint(err, "install the package xz-utils");
                return -ST_ENOTFOUND;
            }
        }
    }
    return r < 0 ? st_fail_os(err, r, "reading %s/%s", m->tree_path, path) : 0;
}

static bool is_taken(const struct modules *m, const char *name)
{
    for (unsigned i = 0; i < m->count; i++) {
        if (st_streq(m->taken[i], name)) {
            return true;
        }
    }
    return false;
}

static int keep(struct modules *m, const char *name, const struct st_buf *module,
                struct st_err *err)
{
    char file[NAME_SIZE + 16];
    if (m->count == MODULES_MAX || !st_strcopy(m->taken[m->count], NAME_SIZE, name)) {
        return st_fail(err, ST_ELIMIT, "%s: too many modules are needed", m->tree_path);
    }
    st_snprintf(file, sizeof(file), "%02u-%s.ko", m->count++, name);
    st_auto(fd) int fd = os_openat(m->to_fd, file, O_WRONLY | O_CREAT | O_EXCL, 0644);
    int r = fd < 0 ? fd : os_write_all(fd, module->data, module->length);
    return r < 0 ? st_fail_os(err, r, "keeping the module %s", name) : 0;
}

/* name: with '_' where the file's may have '-'. The depth is bounded by DEPTH_MAX. */
static int take(struct modules *m, const char *name, bool optional, unsigned depth,
                struct st_err *err)
{
    st_auto(buf) struct st_buf module = ST_BUF_HEAP(MODULE_MAX_BYTES);
    char path[512];
    struct fmt_modinfo info;
    if (is_taken(m, name) || find(&m->builtin, name, path, sizeof(path))) {
        return 0;
    }
    if (!find(&m->order, name, path, sizeof(path))) {
        return optional ? 0 : st_fail(err, ST_ENOTFOUND, "%s has no module %s", m->tree_path, name);
    }
    int r = read_module(m, path, &module, err);
    if (r < 0) {
        return r;
    }
    r = depth == DEPTH_MAX ? -ST_ELOOP : fmt_modinfo_parse(module.data, module.length, &info);
    if (r < 0) {
        return st_fail(err, ST_ECORRUPT, "%s/%s is no module that can be loaded", m->tree_path,
                       path);
    }
    const char *needs = fmt_modinfo_get(&info, "depends");
    while (needs != NULL && *needs != '\0') {
        char need[NAME_SIZE];
        size_t length = strcspn(needs, ",");
        if (length >= sizeof(need)) {
            return st_fail(err, ST_ECORRUPT, "%s/%s needs a module of an overlong name",
                           m->tree_path, path);
        }
        for (size_t i = 0; i < length; i++) {
            need[i] = needs[i] == '-' ? '_' : needs[i];
        }
        need[length] = '\0';
        r = length == 0 ? 0 : take(m, need, false, depth + 1, err);
        if (r < 0) {
            return r;
        }
        needs += length + (needs[length] == ',');
    }
    return keep(m, name, &module, err);
}

int image_modules_take(int tree_fd, const char *tree_path, int to_fd, struct st_err *err)
{
    struct modules *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return st_fail_os(err, -ST_ENOMEM, "reading %s", tree_path);
    }
    m->tree_fd = tree_fd;
    m->tree_path = tree_path;
    m->to_fd = to_fd;
    m->order = ST_BUF_HEAP(LIST_MAX_BYTES);
    m->builtin = ST_BUF_HEAP(LIST_MAX_BYTES);
    int r = os_read_file(tree_fd, "modules.order", &m->order);
    if (r == 0) {
        r = os_read_file(tree_fd, "modules.builtin", &m->builtin);
    }
    if (r < 0) {
        st_fail_os(err, r, "reading the lists of modules in %s", tree_path);
    }
    for (size_t i = 0; r == 0 && i < ST_COUNT(wanted); i++) {
        r = take(m, wanted[i].name, wanted[i].optional, 0, err);
    }
    r = r < 0 ? r : (int)m->count;
    st_buf_done(&m->order);
    st_buf_done(&m->builtin);
    free(m);
    return r;
}
