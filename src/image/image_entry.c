/* What an archive's entry means: see image_entry.h. */
#include "image/image_entry.h"

#include <string.h>

#include "base/str.h"

static const char whiteout[] = ".wh.";
static const char opaque[] = ".wh..wh..opq";

int image_entry_clean(const char *path, char ret_path[IMAGE_PATH_SIZE], struct st_err *err)
{
    size_t length = 0;
    const char *at = path;
    while (*at != '\0') {
        size_t part = strcspn(at, "/");
        if (part == 2 && at[0] == '.' && at[1] == '.') {
            return st_fail(err, ST_EINVAL,
                           "layer entry \"%s\" is refused: \"..\" could lead out of the layer",
                           path);
        }
        if (part > 0 && !(part == 1 && at[0] == '.')) {
            if (length + 1 + part >= IMAGE_PATH_SIZE) {
                return st_fail(err, ST_ENAMETOOLONG, "a layer entry's path is too long");
            }
            if (length > 0) {
                ret_path[length++] = '/';
            }
            memcpy(ret_path + length, at, part);
            length += part;
        }
        at += part + (at[part] == '/');
    }
    ret_path[length] = '\0';
    return 0;
}

/* Turns "a/.wh.b" into "a/b", and "a/.wh..wh..opq" into "a". Returns as image_entry_read. */
static int read_whiteout(const char *original, char *path, enum image_entry_kind *ret_kind,
                         struct st_err *err)
{
    char *base = strrchr(path, '/');
    base = base == NULL ? path : base + 1;
    for (char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (part != base && st_starts_with(part, ".wh..wh.")) {
            return 0; /* below the notes of an aufs host */
        }
        if (part != base && st_starts_with(part, whiteout)) {
            return st_fail(err, ST_EINVAL,
                           "layer entry \"%s\" is refused: a name that begins with .wh. is no "
                           "folder's",
                           original);
        }
    }
    if (!st_starts_with(base, whiteout)) {
        *ret_kind = IMAGE_ENTRY_NODE;
        return 1;
    }
    if (st_streq(base, opaque)) {
        base[base > path ? -1 : 0] = '\0';
        *ret_kind = IMAGE_ENTRY_OPAQUE;
        return 1;
    }
    char *name = base + sizeof(whiteout) - 1;
    if (st_starts_with(name, whiteout)) {
        return 0;
    }
    if (name[0] == '\0' || st_streq(name, ".") || st_streq(name, "..")) {
        return st_fail(err, ST_EINVAL, "layer entry \"%s\" is refused: a whiteout of nothing",
                       original);
    }
    memmove(base, name, strlen(name) + 1);
    *ret_kind = IMAGE_ENTRY_WHITEOUT;
    return 1;
}

int image_entry_read(const struct fmt_tar_entry *tar, char path[IMAGE_PATH_SIZE],
                     char link[IMAGE_PATH_SIZE], struct image_entry *ret_entry, struct st_err *err)
{
    struct image_entry entry = {.path = path, .link = tar->link, .tar = tar};
    int r = image_entry_clean(tar->path, path, err);
    if (r < 0) {
        return r;
    }
    r = read_whiteout(tar->path, path, &entry.kind, err);
    if (r <= 0) {
        return r;
    }
    if (path[0] == '\0' && entry.kind == IMAGE_ENTRY_NODE && tar->type != FMT_TAR_FOLDER) {
        return st_fail(err, ST_EINVAL,
                       "layer entry \"%s\" is refused: the root of a layer is a folder", tar->path);
    }
    if (tar->type == FMT_TAR_HARD_LINK && entry.kind == IMAGE_ENTRY_NODE) {
        r = image_entry_clean(tar->link, link, err);
        if (r < 0) {
            return r;
        }
        if (link[0] == '\0') {
            return st_fail(err, ST_EINVAL, "layer entry \"%s\" is refused: a hard link to a folder",
                           tar->path);
        }
        entry.link = link;
    }
    *ret_entry = entry;
    return 1;
}
