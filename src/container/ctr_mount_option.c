/* The table of mount options and how each changes the flags. The table is sorted by name, which a
 * test checks. */
#include "container/ctr_mount_option.h"

#include <linux/mount.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/str.h"
#include "spec/spec_runtime.h"

enum option_kind {
    KIND_NOTHING,
    KIND_SET,         /* attribute of the mount; `ms` for the old call */
    KIND_CLEAR,       /* as before, taken away */
    KIND_TIME,        /* one of the exclusive choices about access times */
    KIND_SUPER,       /* flag of the file system, not of the mount */
    KIND_SUPER_CLEAR, /* as before, taken away */
    KIND_PROPAGATION,
    KIND_BIND,
    KIND_IDMAP,
    KIND_COPY_UP,
};

struct option {
    char name[15];
    uint8_t kind;
    bool recursive;
    uint32_t attribute;
    uint32_t ms;
};

#define ATTRIBUTE(name, kind, attribute, ms)                                                       \
    {                                                                                              \
        name, kind, false, attribute, ms                                                           \
    }
#define RECURSIVE(name, kind, attribute)                                                           \
    {                                                                                              \
        name, kind, true, attribute, 0                                                             \
    }
#define SUPER(name, kind, ms)                                                                      \
    {                                                                                              \
        name, kind, false, 0, ms                                                                   \
    }
#define OTHER(name, kind, recursive)                                                               \
    {                                                                                              \
        name, kind, recursive, 0, 0                                                                \
    }

static const struct option table[] = {
    SUPER("acl", KIND_SUPER, MS_POSIXACL),
    SUPER("async", KIND_SUPER_CLEAR, MS_SYNCHRONOUS),
    ATTRIBUTE("atime", KIND_TIME, MOUNT_ATTR_RELATIME, 0),
    OTHER("bind", KIND_BIND, false),
    OTHER("defaults", KIND_NOTHING, false),
    ATTRIBUTE("dev", KIND_CLEAR, MOUNT_ATTR_NODEV, MS_NODEV),
    ATTRIBUTE("diratime", KIND_CLEAR, MOUNT_ATTR_NODIRATIME, MS_NODIRATIME),
    SUPER("dirsync", KIND_SUPER, MS_DIRSYNC),
    ATTRIBUTE("exec", KIND_CLEAR, MOUNT_ATTR_NOEXEC, MS_NOEXEC),
    OTHER("idmap", KIND_IDMAP, false),
    SUPER("iversion", KIND_SUPER, MS_I_VERSION),
    SUPER("lazytime", KIND_SUPER, MS_LAZYTIME),
    SUPER("loud", KIND_SUPER_CLEAR, MS_SILENT),
    SUPER("mand", KIND_SUPER, MS_MANDLOCK),
    SUPER("noacl", KIND_SUPER_CLEAR, MS_POSIXACL),
    ATTRIBUTE("noatime", KIND_TIME, MOUNT_ATTR_NOATIME, MS_NOATIME),
    ATTRIBUTE("nodev", KIND_SET, MOUNT_ATTR_NODEV, MS_NODEV),
    ATTRIBUTE("nodiratime", KIND_SET, MOUNT_ATTR_NODIRATIME, MS_NODIRATIME),
    ATTRIBUTE("noexec", KIND_SET, MOUNT_ATTR_NOEXEC, MS_NOEXEC),
    SUPER("noiversion", KIND_SUPER_CLEAR, MS_I_VERSION),
    SUPER("nolazytime", KIND_SUPER_CLEAR, MS_LAZYTIME),
    SUPER("nomand", KIND_SUPER_CLEAR, MS_MANDLOCK),
    ATTRIBUTE("norelatime", KIND_TIME, MOUNT_ATTR_RELATIME, 0),
    ATTRIBUTE("nostrictatime", KIND_TIME, MOUNT_ATTR_RELATIME, 0),
    ATTRIBUTE("nosuid", KIND_SET, MOUNT_ATTR_NOSUID, MS_NOSUID),
    ATTRIBUTE("nosymfollow", KIND_SET, MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW),
    SUPER("private", KIND_PROPAGATION, MS_PRIVATE),
    RECURSIVE("ratime", KIND_TIME, MOUNT_ATTR_RELATIME),
    OTHER("rbind", KIND_BIND, true),
    RECURSIVE("rdev", KIND_CLEAR, MOUNT_ATTR_NODEV),
    RECURSIVE("rdiratime", KIND_CLEAR, MOUNT_ATTR_NODIRATIME),
    ATTRIBUTE("relatime", KIND_TIME, MOUNT_ATTR_RELATIME, MS_RELATIME),
    SUPER("remount", KIND_SUPER, MS_REMOUNT),
    RECURSIVE("rexec", KIND_CLEAR, MOUNT_ATTR_NOEXEC),
    OTHER("ridmap", KIND_IDMAP, true),
    RECURSIVE("rnoatime", KIND_TIME, MOUNT_ATTR_NOATIME),
    RECURSIVE("rnodev", KIND_SET, MOUNT_ATTR_NODEV),
    RECURSIVE("rnodiratime", KIND_SET, MOUNT_ATTR_NODIRATIME),
    RECURSIVE("rnoexec", KIND_SET, MOUNT_ATTR_NOEXEC),
    RECURSIVE("rnorelatime", KIND_TIME, MOUNT_ATTR_RELATIME),
    RECURSIVE("rnostrictatime", KIND_TIME, MOUNT_ATTR_RELATIME),
    RECURSIVE("rnosuid", KIND_SET, MOUNT_ATTR_NOSUID),
    RECURSIVE("rnosymfollow", KIND_SET, MOUNT_ATTR_NOSYMFOLLOW),
    ATTRIBUTE("ro", KIND_SET, MOUNT_ATTR_RDONLY, MS_RDONLY),
    {"rprivate", KIND_PROPAGATION, true, 0, MS_PRIVATE},
    RECURSIVE("rrelatime", KIND_TIME, MOUNT_ATTR_RELATIME),
    RECURSIVE("rro", KIND_SET, MOUNT_ATTR_RDONLY),
    RECURSIVE("rrw", KIND_CLEAR, MOUNT_ATTR_RDONLY),
    {"rshared", KIND_PROPAGATION, true, 0, MS_SHARED},
    {"rslave", KIND_PROPAGATION, true, 0, MS_SLAVE},
    RECURSIVE("rstrictatime", KIND_TIME, MOUNT_ATTR_STRICTATIME),
    RECURSIVE("rsuid", KIND_CLEAR, MOUNT_ATTR_NOSUID),
    RECURSIVE("rsymfollow", KIND_CLEAR, MOUNT_ATTR_NOSYMFOLLOW),
    {"runbindable", KIND_PROPAGATION, true, 0, MS_UNBINDABLE},
    ATTRIBUTE("rw", KIND_CLEAR, MOUNT_ATTR_RDONLY, MS_RDONLY),
    SUPER("shared", KIND_PROPAGATION, MS_SHARED),
    SUPER("silent", KIND_SUPER, MS_SILENT),
    SUPER("slave", KIND_PROPAGATION, MS_SLAVE),
    ATTRIBUTE("strictatime", KIND_TIME, MOUNT_ATTR_STRICTATIME, MS_STRICTATIME),
    ATTRIBUTE("suid", KIND_CLEAR, MOUNT_ATTR_NOSUID, MS_NOSUID),
    ATTRIBUTE("symfollow", KIND_CLEAR, MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW),
    SUPER("sync", KIND_SUPER, MS_SYNCHRONOUS),
    OTHER("tmpcopyup", KIND_COPY_UP, false),
    SUPER("unbindable", KIND_PROPAGATION, MS_UNBINDABLE),
};

static int by_name(const void *name, const void *element)
{
    return strcmp(name, ((const struct option *)element)->name);
}

static const struct option *find_option(const char *name)
{
    return bsearch(name, table, ST_COUNT(table), sizeof(table[0]), by_name);
}

const char *ctr_mount_option_name(size_t index)
{
    return index < ST_COUNT(table) ? table[index].name : NULL;
}

unsigned long ctr_mount_propagation(const char *name)
{
    const struct option *option = find_option(name);
    if (option == NULL || option->kind != KIND_PROPAGATION) {
        return 0;
    }
    return option->ms | (option->recursive ? MS_REC : 0);
}

#define MS_TIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

static void apply_attribute(struct ctr_mount_options *to, const struct option *option)
{
    uint64_t *set = option->recursive ? &to->rset : &to->set;
    uint64_t *clear = option->recursive ? &to->rclear : &to->clear;
    switch (option->kind) {
    case KIND_SET:
        *set |= option->attribute;
        *clear &= ~(uint64_t)option->attribute;
        to->flags |= option->ms;
        break;
    case KIND_CLEAR:
        *set &= ~(uint64_t)option->attribute;
        *clear |= option->attribute;
        to->flags &= ~(unsigned long)option->ms;
        break;
    case KIND_TIME:
        /* The kernel wants the whole field cleared for any change of it. */
        *clear |= MOUNT_ATTR__ATIME;
        *set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | option->attribute;
        if (!option->recursive) {
            to->flags = (to->flags & ~(unsigned long)MS_TIMES) | option->ms;
        }
        break;
    default:
        ST_UNREACHABLE();
    }
}

static void apply_option(struct ctr_mount_options *to, const struct option *option)
{
    switch (option->kind) {
    case KIND_SET:
    case KIND_CLEAR:
    case KIND_TIME:
        apply_attribute(to, option);
        break;
    case KIND_SUPER:
        to->flags |= option->ms;
        break;
    case KIND_SUPER_CLEAR:
        to->flags &= ~(unsigned long)option->ms;
        break;
    case KIND_PROPAGATION:
        to->propagation = option->ms;
        to->propagation_recursive = option->recursive;
        break;
    case KIND_BIND:
        to->bind = true;
        to->bind_recursive |= option->recursive;
        break;
    case KIND_IDMAP:
        to->idmap = true;
        to->idmap_recursive |= option->recursive;
        break;
    case KIND_COPY_UP:
        to->copy_up = true;
        break;
    default:
        break;
    }
}

int ctr_mount_options_read(const struct spec_mount *mount, struct ctr_mount_options *ret_options,
                           struct st_err *err)
{
    struct ctr_mount_options *to = ret_options;
    *to = (struct ctr_mount_options){.data = ST_BUF_HEAP(CTR_MOUNT_DATA_MAX)};
    to->bind = st_streq(mount->type, "bind");
    to->idmap = mount->uid_mappings_count != 0 || mount->gid_mappings_count != 0;
    for (size_t i = 0; i < mount->options_count; i++) {
        const char *text = mount->options[i];
        const struct option *option = find_option(text);
        if (option != NULL) {
            apply_option(to, option);
            continue;
        }
        if (to->data.length != 0) {
            st_buf_char(&to->data, ',');
        }
        st_buf_text(&to->data, text);
    }
    int r = st_buf_status(&to->data);
    if (r < 0) {
        return st_fail_os(err, r, "mount %s: its options", mount->destination);
    }
    return 0;
}

void ctr_mount_options_done(struct ctr_mount_options *options)
{
    st_buf_done(&options->data);
}
