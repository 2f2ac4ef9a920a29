/*
 * Who an instance's process is: USER[:GROUP] looked up in the image's own /etc/passwd and
 * /etc/group, which are read through a descriptor of its root and never outside of it.
 */
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "engine/engine_priv.h"

enum { FILE_MAX = 4 << 20, FIELDS = 7, GROUPS_MAX = 1024 };

/* Splits a line at ':' in place. Returns the number of fields. */
static size_t split(char *line, char *fields[FIELDS])
{
    size_t n = 0;

    while (line != NULL && n < FIELDS) {
        char *colon = strchr(line, ':');
        if (colon != NULL) {
            *colon++ = 0;
        }
        fields[n++] = line;
        line = colon;
    }
    return n;
}

static char *next_line(char **text)
{
    char *line = *text;

    if (line == NULL || *line == 0) {
        return NULL;
    }
    char *end = strchr(line, '\n');
    if (end != NULL) {
        *end++ = 0;
    }
    *text = end;
    return line;
}

static int number(const char *text, uint32_t *ret_number)
{
    uint64_t n;
    int r = st_parse_u64(text, 10, INT32_MAX, &n);

    if (r >= 0) {
        *ret_number = (uint32_t)n;
    }
    return r;
}

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

static bool listed(const char *members, const char *user)
{
    size_t n = strlen(user);

    for (const char *m = members; m != NULL && *m != 0;) {
        const char *comma = strchr(m, ',');
        size_t length = comma == NULL ? strlen(m) : (size_t)(comma - m);
        if (length == n && memcmp(m, user, n) == 0) {
            return true;
        }
        m = comma == NULL ? NULL : comma + 1;
    }
    return false;
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

/* The user's line of passwd: by name, or by number. 1 when there is one. */
static int find_user(char *passwd, const char *user, struct engine_identity *to, char **ret_name)
{
    uint32_t wanted = 0;
    bool numeric = number(user, &wanted) == 0;
    char *line;

    while ((line = next_line(&passwd)) != NULL) {
        char *fields[FIELDS];
        uint32_t uid;
        uint32_t gid;

        if (split(line, fields) < 6 || number(fields[2], &uid) < 0 || number(fields[3], &gid) < 0) {
            continue;
        }
        if (!st_streq(fields[0], user) && !(numeric && uid == wanted)) {
            continue;
        }
        to->uid = uid;
        to->gid = gid;
        to->home = strdup(fields[5][0] == 0 ? "/" : fields[5]);
        *ret_name = strdup(fields[0]);
        return to->home == NULL || *ret_name == NULL ? -ST_ENOMEM : 1;
    }
    to->uid = wanted;
    return numeric ? 0 : -ST_ENOTFOUND;
}

/* gid of a group by name or number in the text, which is changed. */
static int find_group(const char *group, const struct st_buf *text, uint32_t *ret_gid)
{
    st_auto(free) char *copy = strdup(st_buf_string(text));
    char *rest = copy;
    char *line;

    if (number(group, ret_gid) == 0) {
        return 0;
    }
    while ((line = next_line(&rest)) != NULL) {
        char *fields[FIELDS];
        if (split(line, fields) >= 3 && st_streq(fields[0], group)) {
            return number(fields[2], ret_gid);
        }
    }
    return -ST_ENOTFOUND;
}

static int add_memberships(const struct st_buf *text, const char *name, struct engine_identity *to)
{
    st_auto(free) char *copy = strdup(st_buf_string(text));
    char *rest = copy;
    char *line;
    int r = copy == NULL ? -ST_ENOMEM : 0;

    while (r >= 0 && (line = next_line(&rest)) != NULL) {
        char *fields[FIELDS];
        uint32_t gid;
        if (split(line, fields) >= 4 && listed(fields[3], name) && number(fields[2], &gid) == 0) {
            r = add_group(to, gid);
        }
    }
    return r;
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
    st_auto(free) char *name = NULL;
    char *group = strchr(user, ':');

    if (group != NULL) {
        *group++ = 0;
    }
    int r = read_in(root, "etc/passwd", &passwd);
    r = r < 0 ? r : read_in(root, "etc/group", group_file);
    if (r < 0) {
        return st_fail_os(err, r, "reading the users of the image");
    }
    st_buf_char(&passwd, 0);
    r = find_user(passwd.data, *user == 0 ? "0" : user, to, &name);
    if (r == -ST_ENOTFOUND) {
        return st_fail(err, ST_ENOTFOUND,
                       "unable to find user %s: no matching entries in passwd "
                       "file",
                       user);
    }
    if (r >= 0 && group != NULL && *group != 0) {
        r = find_group(group, group_file, &to->gid);
        if (r < 0) {
            return st_fail(err, ST_ENOTFOUND,
                           "unable to find group %s: no matching entries in group file", group);
        }
    } else if (r > 0) {
        r = add_memberships(group_file, name, to);
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
        r = find_group(groups[i], &group_file, &gid);
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
