/* Names of containers: see ctr_id.h. */
#include "container/ctr_id.h"

#include <stdbool.h>

#include "base/str.h"

static bool is_allowed(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '+' || c == '-' || c == '.';
}

int ctr_id_check(const char *id, struct st_err *err)
{
    size_t length = st_strlen(id);
    bool good = length > 0 && length <= CTR_ID_MAX && !st_streq(id, ".") && !st_streq(id, "..");
    for (size_t i = 0; good && i < length; i++) {
        good = is_allowed(id[i]);
    }
    if (good) {
        return 0;
    }
    return st_fail(
        err, ST_EINVAL,
        "invalid container ID format: \"%.*s\" (1 to %d of letters, digits and \"_+-.\")", 64, id,
        CTR_ID_MAX);
}
