/* Paths by docker's rules: see arc_place.h. */
#include "archive/arc_place.h"

#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "archive/arc_tar.h"
#include "base/buf.h"
#include "base/heap.h"
#include "base/str.h"

enum { PATH_LIMIT = 8192 };

void arc_place_done(struct arc_place *place)
{
    free(place->parent);
    free(place->last);
}

int arc_split(struct arc_place *place, const char *path)
{
    st_auto(free) char *copy = strdup(path[0] == 0 ? "." : path);
    size_t n = copy == NULL ? 0 : strlen(copy);

    if (copy == NULL) {
        return -ST_ENOMEM;
    }
    if (n >= 2 && copy[n - 1] == '.' && copy[n - 2] == '/') {
        place->content = true;
        copy[--n] = 0;
    }
    place->slash = n > 1 && copy[n - 1] == '/' && !place->content;
    while (n > 1 && copy[n - 1] == '/') {
        copy[--n] = 0;
    }
    char *slash = strrchr(copy, '/');
    if (slash == NULL) {
        place->parent = strdup(place->root == AT_FDCWD ? "." : "/");
        place->last = strdup(copy);
    } else {
        place->last = strdup(slash[1] == 0 ? "." : slash + 1);
        slash[slash == copy ? 1 : 0] = 0;
        place->parent = strdup(copy);
    }
    return place->parent == NULL || place->last == NULL ? -ST_ENOMEM : 0;
}

static unsigned long long resolve_of(const struct arc_place *place)
{
    return place->root == AT_FDCWD ? 0 : RESOLVE_IN_ROOT;
}

int arc_look(struct arc_place *place, int root, const char *path)
{
    *place = (struct arc_place){.root = root};
    int r = arc_split(place, path);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd = os_openat2(root, path[0] == 0 ? "." : path, O_PATH, 0, resolve_of(place));
    if (fd < 0) {
        return fd == -ST_ENOENT ? 0 : fd;
    }
    place->exists = true;
    return os_fstat(fd, &place->stat);
}

static int open_parent(const struct arc_place *place)
{
    return os_openat2(place->root, place->parent, O_RDONLY | O_DIRECTORY, 0, resolve_of(place));
}

int arc_open_whole(const struct arc_place *place)
{
    st_auto(fd) int parent = open_parent(place);

    if (parent < 0 || place->root == AT_FDCWD) {
        return parent < 0 ? parent : os_openat(parent, place->last, O_RDONLY | O_DIRECTORY, 0);
    }
    st_auto(buf) struct st_buf path = ST_BUF_HEAP(PATH_LIMIT);
    st_buf_printf(&path, "%s/%s", place->parent, place->last);
    int r = st_buf_status(&path);
    return r < 0 ? r
                 : os_openat2(place->root, st_buf_string(&path), O_RDONLY | O_DIRECTORY, 0,
                              RESOLVE_IN_ROOT);
}

/* Where the source goes: into which folder and under which name (NULL: its content alone). */
int arc_choose(const struct arc_place *source, const struct arc_place *target, int *ret_into,
               const char **ret_as, struct st_err *err)
{
    bool folder = S_ISDIR(source->stat.st_mode);

    if (target->exists && S_ISDIR(target->stat.st_mode)) {
        *ret_into = arc_open_whole(target);
        *ret_as = source->content || st_streq(source->last, ".") ? NULL : source->last;
    } else if (target->exists) {
        if (folder) {
            return st_fail(err, ST_EINVAL, "cannot copy a directory onto a file");
        }
        *ret_into = open_parent(target);
        *ret_as = target->last;
    } else if (folder) {
        st_auto(fd) int parent = open_parent(target);
        int r = parent < 0 ? parent : os_mkdirat(parent, target->last, 0755);
        if (r < 0) {
            return st_fail_os(err, r, "making %s", target->last);
        }
        *ret_into = os_openat(parent, target->last, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        *ret_as = NULL;
    } else if (target->slash) {
        return st_fail(err, ST_ENOENT, "no such directory");
    } else {
        *ret_into = open_parent(target);
        *ret_as = target->last;
    }
    return *ret_into < 0 ? st_fail_os(err, *ret_into, "opening %s", target->parent) : 0;
}

/* What of the source is packed, and under which name. */
int arc_pack_place(const struct arc_place *source, const char *as, bool follow, int fd,
                   struct st_err *err)
{
    st_auto(fd) int parent = as == NULL ? arc_open_whole(source) : open_parent(source);

    if (parent < 0) {
        return st_fail_os(err, parent, "opening %s", source->parent);
    }
    return arc_pack(parent, as == NULL ? "." : source->last, as, follow, fd, err);
}
