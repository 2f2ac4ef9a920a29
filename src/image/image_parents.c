/* Open folders of a layer: see image_parents.h. */
#include "image/image_parents.h"

#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "os/os_file.h"

#define BENEATH (RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV)

void image_parents_init(struct image_parents *parents, int root_fd)
{
    *parents = (struct image_parents){.root_fd = root_fd};
    for (size_t i = 0; i < IMAGE_PARENTS; i++) {
        parents->slots[i].fd = -1;
    }
}

static void forget_slot(struct image_parents *parents, size_t slot)
{
    os_close(&parents->slots[slot].fd);
    free(parents->slots[slot].path);
    parents->slots[slot].path = NULL;
    parents->slots[slot].used = 0;
}

void image_parents_forget(struct image_parents *parents, const char *path)
{
    for (size_t i = 0; i < IMAGE_PARENTS; i++) {
        const char *have = parents->slots[i].path;
        const char *rest = have == NULL ? NULL : st_after_prefix(have, path);
        if (rest != NULL && (*rest == '\0' || *rest == '/')) {
            forget_slot(parents, i);
        }
    }
}

void image_parents_done(struct image_parents *parents)
{
    for (size_t i = 0; i < IMAGE_PARENTS; i++) {
        forget_slot(parents, i);
    }
}

static int open_folder(const struct image_parents *parents, const char *path)
{
    return os_openat2(parents->root_fd, path, O_PATH | O_DIRECTORY, 0, BENEATH);
}

/* Makes the folders of a path one below the other; path is changed and restored. */
static int make_folders(const struct image_parents *parents, char *path)
{
    for (char *slash = strchr(path, '/');; slash = strchr(slash + 1, '/')) {
        if (slash != NULL) {
            *slash = '\0';
        }
        st_auto(fd) int fd = open_folder(parents, path);
        int r = fd;
        if (fd == -ST_ENOENT) {
            char *last = strrchr(path, '/');
            if (last == NULL) {
                r = os_mkdirat(parents->root_fd, path, 0755);
            } else {
                *last = '\0';
                st_auto(fd) int above = open_folder(parents, path);
                *last = '/';
                r = above < 0 ? above : os_mkdirat(above, last + 1, 0755);
            }
        }
        if (slash != NULL) {
            *slash = '/';
        }
        if (r < 0 || slash == NULL) {
            return r < 0 ? r : 0;
        }
    }
}

/* Opens a folder into the slot that was used least recently. */
static int open_slot(struct image_parents *parents, const char *path, size_t length, bool make)
{
    size_t slot = 0;
    for (size_t i = 1; i < IMAGE_PARENTS; i++) {
        if (parents->slots[i].used < parents->slots[slot].used) {
            slot = i;
        }
    }
    st_auto(free) char *copy = strndup(path, length);
    if (copy == NULL) {
        return -ST_ENOMEM;
    }
    int fd = open_folder(parents, copy);
    if (fd == -ST_ENOENT && make) {
        int r = make_folders(parents, copy);
        fd = r < 0 ? r : open_folder(parents, copy);
    }
    if (fd < 0) {
        return fd;
    }
    forget_slot(parents, slot);
    parents->slots[slot].fd = fd;
    parents->slots[slot].path = st_take(copy);
    return (int)slot;
}

int image_parents_of(struct image_parents *parents, const char *path, bool make, int *ret_fd,
                     const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        *ret_fd = parents->root_fd;
        *ret_name = path;
        return 0;
    }
    size_t length = (size_t)(slash - path);
    int found = -1;
    for (int i = 0; i < IMAGE_PARENTS && found < 0; i++) {
        const char *have = parents->slots[i].path;
        if (have != NULL && strncmp(have, path, length) == 0 && have[length] == '\0') {
            found = i;
        }
    }
    if (found < 0) {
        found = open_slot(parents, path, length, make);
        if (found < 0) {
            return found;
        }
    }
    parents->slots[found].used = ++parents->clock;
    *ret_fd = parents->slots[found].fd;
    *ret_name = slash + 1;
    return 0;
}
