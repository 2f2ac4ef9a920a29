/* Any bytes as passwd or group, looked through for the user that their first line names. */
#include <stdlib.h>

#include "format/fmt_users.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fmt_users_text all = {(const char *)data, size}, user = {all.at, 0};
    struct fmt_user found;
    uint32_t gid;
    size_t at = 0, before = 0;

    while (user.length < size && data[user.length] != '\n' && data[user.length] != ':') {
        user.length++;
    }
    if (fmt_user_find(all, user, &found) > 0 &&
        (found.uid > INT32_MAX || found.gid > INT32_MAX || found.name.length > size)) {
        abort();
    }
    if (fmt_group_find(all, user, &gid) == 0 && gid > INT32_MAX) {
        abort();
    }
    while (fmt_group_next(all, user, &at, &gid)) {
        if (at <= before || at > size || gid > INT32_MAX) {
            abort();
        }
        before = at;
    }
    return 0;
}
