/* The mounts of an instance: -v, --mount and --tmpfs in docker's syntax, and devices. */
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "strata/run_config_priv.h"

#define PATH_SIZE 4096u

static bool is_propagation(const char *text)
{
    static const char *const kinds[] = {"shared", "rshared", "slave",
                                        "rslave", "private", "rprivate"};
    for (size_t i = 0; i < ST_COUNT(kinds); i++) {
        if (st_streq(text, kinds[i])) {
            return true;
        }
    }
    return false;
}

static bool is_volume_name(const char *text)
{
    size_t n = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
    return n > 1 && text[n] == '\0' && strchr("_.-", text[0]) == NULL;
}

/* Makes a path of the host absolute and takes "." and ".." and double slashes out of it, by text
 * alone. */
static int clean_path(struct run_parse *p, const char *path, const char **ret_path)
{
    char whole[2 * PATH_SIZE];
    char clean[2 * PATH_SIZE];
    size_t n = 0;
    size_t length = 0;
    if (path[0] != '/') {
        int r = os_getcwd(whole, PATH_SIZE);
        if (r < 0) {
            return st_fail_os(p->err, r, "looking up the current folder");
        }
        n = strlen(whole);
    }
    if (st_snprintf(whole + n, sizeof whole - n, "/%s", path) >= PATH_SIZE) {
        return st_fail(p->err, ST_ENAMETOOLONG, "the path %.64s... is too long", path);
    }
    for (const char *at = whole; *at != '\0';) {
        size_t part = strcspn(at, "/");
        if (part == 2 && at[0] == '.' && at[1] == '.') {
            while (length > 0 && clean[--length] != '/') {
            }
        } else if (part > 0 && !(part == 1 && at[0] == '.')) {
            clean[length++] = '/';
            memcpy(clean + length, at, part);
            length += part;
        }
        at += part + (at[part] == '/');
    }
    return run_copy(p, length == 0 ? "/" : clean, length == 0 ? 1 : length, ret_path);
}

static int check_target(struct run_parse *p, const char *option, const char *spelled,
                        struct engine_mount *mount)
{
    if (mount->target == NULL || mount->target[0] != '/') {
        return run_invalid(p, option, spelled, "the target must be an absolute path");
    }
    int r = clean_path(p, mount->target, &mount->target);
    if (r == 0 && st_streq(mount->target, "/")) {
        r = run_invalid(p, option, spelled, "the target cannot be /");
    }
    return r;
}

static int volume_option(struct run_parse *p, const char *spelled, const char *option,
                         struct engine_mount *mount)
{
    bool bind = st_streq(mount->type, "bind");
    if (st_streq(option, "ro")) {
        mount->readonly = true;
    } else if (st_streq(option, "nocopy") && !bind) {
        mount->no_copy = true;
    } else if (is_propagation(option) && bind) {
        mount->propagation = option;
    } else if (!st_streq(option, "rw") && !st_streq(option, "z") && !st_streq(option, "Z") &&
               !st_streq(option, "cached") && !st_streq(option, "delegated") &&
               !st_streq(option, "consistent")) {
        return run_invalid(p, "volume", spelled, "there is no option \"%s\" for such a mount",
                           option);
    }
    return 0;
}

/* [SOURCE:]TARGET[:OPTION,...] */
static int parse_volume(struct run_parse *p, const char *spelled, struct engine_mount *mount)
{
    const char *copied = NULL;
    char *parts[3] = {NULL};
    size_t n = 1;
    int r = run_copy(p, spelled, strlen(spelled), &copied);
    if (r < 0) {
        return r;
    }
    parts[0] = (char *)copied;
    for (char *at = parts[0]; *at != '\0'; at++) {
        if (*at == ':' && n == ST_COUNT(parts)) {
            return run_invalid(p, "volume", spelled, "it must be [SOURCE:]TARGET[:OPTIONS]");
        }
        if (*at == ':') {
            *at = '\0';
            parts[n++] = at + 1;
        }
    }
    mount->spelled = spelled;
    mount->type = "volume";
    mount->anonymous = n == 1;
    mount->target = parts[n == 1 ? 0 : 1];
    if (n > 1) {
        mount->source = parts[0];
    }
    if (n > 1 && (parts[0][0] == '/' || parts[0][0] == '.')) {
        mount->type = "bind";
        r = clean_path(p, parts[0], &mount->source);
    } else if (n > 1 && !is_volume_name(parts[0])) {
        r = run_invalid(p, "volume", spelled,
                        "\"%s\" is neither a path that begins with / or . nor the name of a "
                        "volume, which has letters, digits and _.-",
                        parts[0]);
    }
    r = r == 0 ? check_target(p, "volume", spelled, mount) : r;
    for (char *at = parts[2]; r == 0 && at != NULL;) {
        char *comma = strchr(at, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        r = volume_option(p, spelled, at, mount);
        at = comma != NULL ? comma + 1 : NULL;
    }
    return r;
}

/* Takes the next field of one line of comma-separated values; quotes are CSV's. NULL: the end. */
static char *next_field(char **at)
{
    char *from = *at;
    if (from == NULL) {
        return NULL;
    }
    if (*from != '"') {
        char *comma = strchr(from, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        *at = comma != NULL ? comma + 1 : NULL;
        return from;
    }
    char *to = from;
    const char *read = from + 1;
    while (*read != '\0' && !(read[0] == '"' && read[1] != '"')) {
        read += *read == '"';
        *to++ = *read++;
    }
    char after = *read != '\0' ? read[1] : '\0';
    *at = after == ',' ? (char *)read + 2 : NULL;
    *to = '\0';
    return from;
}

struct mount_fields {
    const char *spelled;
    const char *tmpfs_size;
    const char *tmpfs_mode;
    bool recursive_off;
};

static int mount_flag(struct run_parse *p, const struct mount_fields *fields, const char *key,
                      const char *value, bool *ret_flag)
{
    *ret_flag = true;
    if (value != NULL && cli_parse_bool(value, ret_flag) < 0) {
        return run_invalid(p, "mount", fields->spelled, "invalid value for %s: %s", key, value);
    }
    return 0;
}

static int mount_field(struct run_parse *p, struct mount_fields *fields, const char *key,
                       const char *value, struct engine_mount *mount)
{
    if (st_streq(key, "readonly") || st_streq(key, "ro")) {
        return mount_flag(p, fields, key, value, &mount->readonly);
    }
    if (st_streq(key, "volume-nocopy")) {
        return mount_flag(p, fields, key, value, &mount->no_copy);
    }
    if (value == NULL) {
        return run_invalid(p, "mount", fields->spelled, "the field %s must be NAME=VALUE", key);
    }
    if (st_streq(key, "type")) {
        mount->type = value;
    } else if (st_streq(key, "source") || st_streq(key, "src")) {
        mount->source = value;
    } else if (st_streq(key, "target") || st_streq(key, "dst") || st_streq(key, "destination")) {
        mount->target = value;
    } else if (st_streq(key, "bind-propagation")) {
        mount->propagation = value;
    } else if (st_streq(key, "tmpfs-size")) {
        fields->tmpfs_size = value;
    } else if (st_streq(key, "tmpfs-mode")) {
        fields->tmpfs_mode = value;
    } else if (!st_streq(key, "consistency")) {
        return run_invalid(p, "mount", fields->spelled, "the field %s is not supported", key);
    }
    return 0;
}

static int tmpfs_options(struct run_parse *p, const struct mount_fields *fields,
                         struct engine_mount *mount)
{
    char text[80];
    uint64_t bytes = 0;
    uint64_t mode = 0;
    size_t n = 0;
    if (fields->tmpfs_size != NULL && cli_parse_size(fields->tmpfs_size, &bytes) < 0) {
        return run_invalid(p, "mount", fields->spelled, "invalid value for tmpfs-size: %s",
                           fields->tmpfs_size);
    }
    if (fields->tmpfs_mode != NULL && st_parse_u64(fields->tmpfs_mode, 8, 07777, &mode) < 0) {
        return run_invalid(p, "mount", fields->spelled, "invalid value for tmpfs-mode: %s",
                           fields->tmpfs_mode);
    }
    text[0] = '\0';
    if (fields->tmpfs_size != NULL) {
        n = st_snprintf(text, sizeof text, "size=%llu", (unsigned long long)bytes);
    }
    if (fields->tmpfs_mode != NULL) {
        n += st_snprintf(text + n, sizeof text - n, "%smode=%llo", n > 0 ? "," : "",
                         (unsigned long long)mode);
    }
    return n > 0 ? run_copy(p, text, n, &mount->options) : 0;
}

static int check_mount(struct run_parse *p, const struct mount_fields *fields,
                       struct engine_mount *mount)
{
    const char *spelled = fields->spelled;
    bool bind = st_streq(mount->type, "bind");
    bool tmpfs = st_streq(mount->type, "tmpfs");
    if (!bind && !tmpfs && !st_streq(mount->type, "volume")) {
        return run_invalid(p, "mount", spelled, "the type must be bind, volume or tmpfs");
    }
    if (mount->propagation != NULL && (!bind || !is_propagation(mount->propagation))) {
        return run_invalid(p, "mount", spelled, "the propagation does not fit");
    }
    if ((fields->tmpfs_size != NULL || fields->tmpfs_mode != NULL) && !tmpfs) {
        return run_invalid(p, "mount", spelled, "tmpfs options need type=tmpfs");
    }
    if (tmpfs && mount->source != NULL) {
        return run_invalid(p, "mount", spelled, "a tmpfs has no source");
    }
    if (bind && (mount->source == NULL || mount->source[0] == '\0')) {
        return run_invalid(p, "mount", spelled, "the source is missing");
    }
    int r = 0;
    if (bind) {
        mount->source_must_exist = true;
        r = clean_path(p, mount->source, &mount->source);
    } else if (!tmpfs) {
        mount->anonymous = mount->source == NULL || mount->source[0] == '\0';
        mount->source = mount->anonymous ? NULL : mount->source;
        if (!mount->anonymous && !is_volume_name(mount->source)) {
            r = run_invalid(p, "mount", spelled, "\"%s\" is no name of a volume", mount->source);
        }
    } else {
        r = tmpfs_options(p, fields, mount);
    }
    return r == 0 ? check_target(p, "mount", spelled, mount) : r;
}

static int parse_mount(struct run_parse *p, const char *spelled, struct engine_mount *mount)
{
    struct mount_fields fields = {.spelled = spelled};
    const char *copied = NULL;
    int r = run_copy(p, spelled, strlen(spelled), &copied);
    if (r < 0) {
        return r;
    }
    mount->type = "volume";
    char *at = (char *)copied;
    char *field;
    while (r == 0 && (field = next_field(&at)) != NULL) {
        char *equals = strchr(field, '=');
        if (equals != NULL) {
            *equals = '\0';
        }
        r = mount_field(p, &fields, field, equals != NULL ? equals + 1 : NULL, mount);
    }
    return r == 0 ? check_mount(p, &fields, mount) : r;
}

static int parse_tmpfs(struct run_parse *p, const char *spelled, struct engine_mount *mount)
{
    size_t length = strcspn(spelled, ":");
    mount->type = "tmpfs";
    mount->spelled = spelled;
    mount->options = spelled[length] == ':' ? spelled + length + 1 : NULL;
    int r = run_copy(p, spelled, length, &mount->target);
    return r == 0 ? check_target(p, "tmpfs", spelled, mount) : r;
}

static int add_mounts(struct run_parse *p, const char *option,
                      int (*parse)(struct run_parse *, const char *, struct engine_mount *))
{
    struct engine_config *config = p->config;
    size_t cursor = 0;
    const char *text;
    while ((text = cli_next(p->cli, option, &cursor)) != NULL) {
        struct engine_mount *mount = &config->mounts[config->mounts_count];
        int r = parse(p, text, mount);
        if (r < 0) {
            return r;
        }
        for (size_t i = 0; i < config->mounts_count; i++) {
            if (st_streq(config->mounts[i].target, mount->target)) {
                return st_fail(p->err, ST_EINVAL, "duplicate mount point: %s", mount->target);
            }
        }
        config->mounts_count++;
    }
    return 0;
}

int run_fill_mounts(struct run_parse *p)
{
    size_t count =
        cli_count(p->cli, "volume") + cli_count(p->cli, "mount") + cli_count(p->cli, "tmpfs");
    int r = 0;
    if (count > 0) {
        r = run_alloc(p, count, sizeof *p->config->mounts, &p->config->mounts);
    }
    r = r == 0 ? add_mounts(p, "volume", parse_volume) : r;
    r = r == 0 ? add_mounts(p, "mount", parse_mount) : r;
    return r == 0 ? add_mounts(p, "tmpfs", parse_tmpfs) : r;
}
