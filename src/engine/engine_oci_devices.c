/* The devices of a container: docker's rules, --device, and all of the host's for --privileged. */
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "os/os_dir.h"

enum { DEVICES_MAX = 4096, DEPTH_MAX = 8 };

struct devices {
    struct json_doc *arena;
    struct spec_device *items;
    size_t count;
    struct spec_device_rule *rules;
    size_t rules_count;
    size_t room;
    const char *access;
};

#define CHARACTER_DEVICE(major_, minor_)                                                           \
    {                                                                                              \
        .allow = true, .type = "c", .has_major = true, .major = (major_), .has_minor = true,       \
        .minor = (minor_), .access = "rwm"                                                         \
    }

static const struct spec_device_rule default_rules[] = {
    {.allow = false, .access = "rwm"},
    {.allow = true, .type = "c", .access = "m"},
    {.allow = true, .type = "b", .access = "m"},
    CHARACTER_DEVICE(1, 3), /* null */
    CHARACTER_DEVICE(1, 5), /* zero */
    CHARACTER_DEVICE(1, 7), /* full */
    CHARACTER_DEVICE(1, 8), /* random */
    CHARACTER_DEVICE(1, 9), /* urandom */
    CHARACTER_DEVICE(5, 0), /* tty */
    CHARACTER_DEVICE(5, 1), /* console */
    CHARACTER_DEVICE(5, 2), /* ptmx */
    {.allow = true, .type = "c", .has_major = true, .major = 136, .access = "rwm"},
};
#undef CHARACTER_DEVICE

static int reserve(struct devices *d, size_t room)
{
    d->items = json_doc_alloc(d->arena, room, sizeof(*d->items));
    d->rules = json_doc_alloc(d->arena, room + ST_COUNT(default_rules), sizeof(*d->rules));
    d->room = room;
    return d->items == NULL || d->rules == NULL ? -ST_ENOMEM : 0;
}

static int add_node(struct devices *d, const struct stat *stat, const char *target)
{
    const char *type = S_ISBLK(stat->st_mode) ? "b" : S_ISCHR(stat->st_mode) ? "c" : NULL;
    const char *path = json_doc_copy(d->arena, target);

    if (type == NULL) {
        return 0;
    }
    if (path == NULL || d->count >= d->room) {
        return path == NULL ? -ST_ENOMEM : -ST_ELIMIT;
    }
    d->items[d->count++] = (struct spec_device){.type = type,
                                                .path = path,
                                                .major = major(stat->st_rdev),
                                                .minor = minor(stat->st_rdev),
                                                .has_file_mode = true,
                                                .file_mode = stat->st_mode & 07777,
                                                .has_uid = true,
                                                .uid = stat->st_uid,
                                                .has_gid = true,
                                                .gid = stat->st_gid};
    d->rules[d->rules_count++] = (struct spec_device_rule){.allow = true,
                                                           .type = type,
                                                           .has_major = true,
                                                           .major = major(stat->st_rdev),
                                                           .has_minor = true,
                                                           .minor = minor(stat->st_rdev),
                                                           .access = d->access};
    return 0;
}

/* Parts of /dev that a container has its own of. */
static bool is_own(const char *name)
{
    static const char *const own[] = {"pts",  "shm",  "fd",          "mqueue", "console",
                                      "ptmx", ".lxc", ".lxd-mounts", ".udev"};

    for (size_t i = 0; i < ST_COUNT(own); i++) {
        if (st_streq(name, own[i])) {
            return true;
        }
    }
    return false;
}

/* All device nodes below an open folder, which is `target` in the container. Takes fd. */
static int add_folder(struct devices *d, int fd, const char *target, unsigned depth)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;
    int r = os_dir_from_fd(fd, &dir);

    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) > 0) {
        struct stat stat;
        st_auto(free) char *path = engine_path(target, name, NULL);

        if (path == NULL) {
            return -ST_ENOMEM;
        }
        if (is_own(name) || os_fstatat(os_dir_fd(dir), name, &stat, AT_SYMLINK_NOFOLLOW) < 0) {
            continue;
        }
        if (S_ISDIR(stat.st_mode) && depth < DEPTH_MAX) {
            int below = os_openat(os_dir_fd(dir), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
            r = below < 0 ? 0 : add_folder(d, below, path, depth + 1);
        } else {
            r = add_node(d, &stat, path);
        }
        if (r < 0) {
            return r;
        }
    }
    return r;
}

static int add_wanted(struct devices *d, const struct engine_device *device, struct st_err *err)
{
    struct stat stat;
    const char *target = device->target == NULL ? device->host : device->target;
    int r = os_fstatat(AT_FDCWD, device->host, &stat, 0);

    if (r < 0 || !(S_ISCHR(stat.st_mode) || S_ISBLK(stat.st_mode) || S_ISDIR(stat.st_mode))) {
        return st_fail(err, ST_EINVAL,
                       "error gathering device information while adding custom device \"%s\": %s",
                       device->host, r < 0 ? "no such file or directory" : "not a device node");
    }
    d->access = device->access == NULL ? "rwm" : device->access;
    if (!S_ISDIR(stat.st_mode)) {
        return add_node(d, &stat, target);
    }
    int fd = os_open(device->host, O_RDONLY | O_DIRECTORY, 0);
    return fd < 0 ? st_fail_os(err, fd, "reading %s", device->host) : add_folder(d, fd, target, 0);
}

int engine_oci_devices(struct json_doc *arena, const struct engine_config *config,
                       struct spec_linux *linux_part, struct st_err *err)
{
    static const struct spec_device_rule all = {.allow = true, .access = "rwm"};
    const struct engine_security *s = &config->security;
    struct devices d = {.arena = arena, .access = "rwm"};
    bool many = s->privileged || s->devices_count > 0;
    int r = reserve(&d, many ? DEVICES_MAX : 1);

    if (r < 0) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    if (s->privileged) {
        int fd = os_open("/dev", O_RDONLY | O_DIRECTORY, 0);
        r = fd < 0 ? fd : add_folder(&d, fd, "/dev", 0);
        d.rules[0] = all;
        d.rules_count = 1;
    } else {
        memcpy(d.rules, default_rules, sizeof(default_rules));
        d.rules_count = ST_COUNT(default_rules);
    }
    for (size_t i = 0; r >= 0 && !s->privileged && i < s->devices_count; i++) {
        r = add_wanted(&d, &s->devices[i], err);
    }
    if (r < 0) {
        return r;
    }
    linux_part->devices = d.count > 0 ? d.items : NULL;
    linux_part->devices_count = d.count;
    linux_part->resources->devices = d.rules;
    linux_part->resources->devices_count = d.rules_count;
    return 0;
}
