/*
 * The texts of /etc/passwd and /etc/group (passwd(5), group(5)): who a name or a number is. Lines
 * that are none are passed over, names are bytes, numbers are at most INT32_MAX, as containers'
 * runtimes have it. Pure; texts found point into the file's bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct fmt_users_text {
    const char *at; /* not ended by a zero */
    size_t length;
};

struct fmt_user {
    uint32_t uid, gid;
    struct fmt_users_text name, home; /* empty: there is no line */
};

/* The first line of passwd for a user, by name or by number. 1: there is one; 0: a number without a
 * line, whose group is 0; -ST_ENOTFOUND: a name without one. */
int fmt_user_find(struct fmt_users_text passwd, struct fmt_users_text user,
                  struct fmt_user *ret_user) ST_MUST_CHECK;

/* The number of a group, by name in the text or a number as it is. 0 or -ST_ENOTFOUND. */
int fmt_group_find(struct fmt_users_text groups, struct fmt_users_text group,
                   uint32_t *ret_gid) ST_MUST_CHECK;

/* Goes through the groups that list the user as a member: *at begins at 0. false: no more. */
bool fmt_group_next(struct fmt_users_text groups, struct fmt_users_text user, size_t *at,
                    uint32_t *ret_gid);
