/* Users and groups: see fmt_users.h. */
#include "format/fmt_users.h"

#include "base/memops.h"

enum { FIELDS = 7, PASSWD_FIELDS = 6, GROUP_FIELDS = 3, MEMBERS = 3 };

static bool same(struct fmt_users_text a, struct fmt_users_text b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

static bool number(struct fmt_users_text text, uint32_t *ret_number)
{
    uint32_t n = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (text.at[i] < '0' || text.at[i] > '9' ||
            n > (INT32_MAX - (uint32_t)(text.at[i] - '0')) / 10) {
            return false;
        }
        n = n * 10 + (uint32_t)(text.at[i] - '0');
    }
    *ret_number = n;
    return text.length > 0;
}

/* Everything up to the end character, which *rest begins behind. */
static struct fmt_users_text cut(struct fmt_users_text *rest, char end)
{
    struct fmt_users_text part = {rest->at, 0};

    while (part.length < rest->length && rest->at[part.length] != end) {
        part.length++;
    }
    size_t taken = part.length < rest->length ? part.length + 1 : part.length;
    rest->at += taken;
    rest->length -= taken;
    return part;
}

/* The fields of a line. Returns how many there are. */
static size_t split(struct fmt_users_text line, struct fmt_users_text fields[FIELDS])
{
    size_t n = 0;
    bool more = true;

    while (more && n < FIELDS) {
        fields[n] = cut(&line, ':');
        more = fields[n].at + fields[n].length < line.at;
        n++;
    }
    return n;
}

int fmt_user_find(struct fmt_users_text passwd, struct fmt_users_text user,
                  struct fmt_user *ret_user)
{
    static const char root[] = "/";
    struct fmt_users_text fields[FIELDS];
    uint32_t wanted = 0;
    bool numeric = number(user, &wanted);

    while (passwd.length > 0) {
        struct fmt_user found = {0};
        if (split(cut(&passwd, '\n'), fields) < PASSWD_FIELDS || !number(fields[2], &found.uid) ||
            !number(fields[3], &found.gid) ||
            (!same(fields[0], user) && !(numeric && found.uid == wanted))) {
            continue;
        }
        found.name = fields[0];
        found.home = fields[5].length > 0 ? fields[5] : (struct fmt_users_text){root, 1};
        *ret_user = found;
        return 1;
    }
    if (!numeric) {
        return -ST_ENOTFOUND;
    }
    *ret_user = (struct fmt_user){.uid = wanted};
    return 0;
}

int fmt_group_find(struct fmt_users_text groups, struct fmt_users_text group, uint32_t *ret_gid)
{
    struct fmt_users_text fields[FIELDS];

    if (number(group, ret_gid)) {
        return 0;
    }
    while (groups.length > 0) {
        if (split(cut(&groups, '\n'), fields) >= GROUP_FIELDS && same(fields[0], group)) {
            return number(fields[2], ret_gid) ? 0 : -ST_ENOTFOUND;
        }
    }
    return -ST_ENOTFOUND;
}

bool fmt_group_next(struct fmt_users_text groups, struct fmt_users_text user, size_t *at,
                    uint32_t *ret_gid)
{
    struct fmt_users_text rest = {groups.at + *at, groups.length - *at};
    struct fmt_users_text fields[FIELDS];

    while (rest.length > 0) {
        bool is_group = split(cut(&rest, '\n'), fields) > MEMBERS && number(fields[2], ret_gid);
        struct fmt_users_text members = fields[MEMBERS];
        *at = groups.length - rest.length;
        while (is_group && members.length > 0) {
            if (same(cut(&members, ','), user)) {
                return true;
            }
        }
    }
    return false;
}
