/*
 * Who an instance's process is: USER[:GROUP] looked up in the image's own /etc/passwd and
 * /etc/group, which are read through a descriptor of its root and never outside of it.
 */
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "engine/engine_priv.h"
#include "format/fmt_users.h"

enum { FILE_MAX = 4 << 20, GROUPS_MAX = 1024 };

/* Whole file of the image, or an empty text. */
static int read_in(int root, const char *path, struct st_buf *to)
{
    st_auto(fd) int fd = os_openat2(root, path, O_RDONLY | O_NONBLOCK, 0, RESOLVE_IN_ROOT);

    if (fd < 0) {
        return 0;
    }
    int r = os_read_all(fd, to);
    return r == -ST_EISDIR ? 0 : r;
}

static int add_group(struct engine_identity *identity, uint32_t gid)
{
    for (size_t i = 0; i < identity->groups_count; i++) {
        if (identity->groups[i] == gid) {
            return 0;
        }
    }
    if (identity->groups_count == GROUPS_MAX) {
        return -ST_ELIMIT;
    }
    identity->groups[identity->groups_count++] = gid;
    return 0;
}

static struct fmt_users_text text_of(const char *text)
{
    return (struct fmt_users_text){text, strlen(text)};
}

static struct fmt_users_text file_of(const struct st_buf *file)
{
    return (struct fmt_users_text){st_buf_string(file), file->length};
}

void engine_identity_done(struct engine_identity *identity)
{
    free(identity->groups);
    free(identity->home);
    *identity = (struct engine_identity){0};
}

static int look_up(int root, char *user, struct engine_identity *to, struct st_buf *group_file,
                   struct st_err *err)
{
    st_auto(buf) struct st_buf passwd = ST_BUF_HEAP(FILE_MAX);
    struct fmt_user found = {0};
    char *group = strchr(user, ':');

    if (group != NULL) {
        *group++ = 0;
    }
    int r = read_in(root, "etc/passwd", &passwd);
    r = r < 0 ? r : read_in(root, "etc/group", group_file);
    if (r < 0) {
        return st_fail_os(err, r, "reading the users of the image");
    }
    r = fmt_user_find(file_of(&passwd), text_of(*user == 0 ? "0" : user), &found);
    if (r == -ST_ENOTFOUND) {
        return st_fail(err, ST_ENOTFOUND,
                       "unable to find user %s: no matching entries in passwd "
                       "file",
                       user);
    }
    to->uid = found.uid;
    to->gid = found.gid;
    if (r > 0) {
        to->home = strndup(found.home.at, found.home.length);
        r = to->home == NULL ? -ST_ENOMEM : r;
    }
    if (r >= 0 && group != NULL && *group != 0) {
        r = fmt_group_find(file_of(group_file), text_of(group), &to->gid);
        if (r < 0) {
            return st_fail(err, ST_ENOTFOUND,
                           "unable to find group %s: no matching entries in group file", group);
        }
    } else if (r > 0) {
        uint32_t gid;
        for (size_t at = 0; r >= 0 && fmt_group_next(file_of(group_file), found.name, &at, &gid);) {
            r = add_group(to, gid);
        }
    }
    return r < 0 ? st_fail_os(err, r, "looking the user %s up", user) : 0;
}

int engine_identity_find(int root, const char *user, const char *const *groups, size_t groups_count,
                         struct engine_identity *ret_identity, struct st_err *err)
{
    struct engine_identity identity = {.groups = calloc(GROUPS_MAX, sizeof(uint32_t))};
    st_auto(buf) struct st_buf group_file = ST_BUF_HEAP(FILE_MAX);
    st_auto(free) char *copy = strdup(user == NULL ? "" : user);

    if (identity.groups == NULL || copy == NULL) {
        engine_identity_done(&identity);
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = look_up(root, copy, &identity, &group_file, err);
    /* The primary group is also a supplementary one, first, so that it cannot be given up alone. */
    size_t found = identity.groups_count;
    r = r < 0 ? r : add_group(&identity, identity.gid);
    if (r >= 0 && identity.groups_count > found) {
        memmove(identity.groups + 1, identity.groups, found * sizeof(*identity.groups));
        identity.groups[0] = identity.gid;
    }
    for (size_t i = 0; r >= 0 && i < groups_count; i++) {
        uint32_t gid;
        r = fmt_group_find(file_of(&group_file), text_of(groups[i]), &gid);
        r = r < 0 ? st_fail(err, ST_ENOTFOUND, "Unable to find group %s", groups[i])
                  : add_group(&identity, gid);
    }
    if (r < 0) {
        engine_identity_done(&identity);
        return r;
    }
    *ret_identity = identity;
    return 0;
}
