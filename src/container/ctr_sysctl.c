/* Kernel parameters: see ctr_sysctl.h. */
#include "container/ctr_sysctl.h"

#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_proc.h"
#include "spec/spec_runtime.h"

int ctr_sysctl_path(const char *name, char *ret_path, size_t size)
{
    char separator = '\0';
    size_t length = st_strlen(name);
    if (length == 0 || length >= size || name[0] == '/' || name[0] == '.') {
        return -ST_EINVAL;
    }
    /* The first separator says which of the two is meant, as sysctl(8) has it. */
    for (size_t i = 0; i <= length; i++) {
        char c = name[i];
        if (separator == '\0' && (c == '.' || c == '/')) {
            separator = c;
        }
        if (c == '.' || c == '/') {
            c = separator == '/' ? c : c == '.' ? '/' : '.';
        }
        ret_path[i] = c;
    }
    return strstr(ret_path, "..") == NULL ? 0 : -ST_EINVAL;
}

int ctr_sysctl_apply(const struct spec_runtime *config, int proc, struct st_err *err)
{
    char path[300] = "sys/";
    for (size_t i = 0; config->linux_ != NULL && i < config->linux_->sysctl_count; i++) {
        const struct json_pair *pair = &config->linux_->sysctl[i];
        int r = ctr_sysctl_path(pair->key, path + 4, sizeof(path) - 4);
        r = r < 0 ? r : ctr_proc_write(proc, path, pair->value, st_strlen(pair->value));
        if (r < 0) {
            return st_fail_os(err, r, "setting sysctl %s to \"%s\"", pair->key, pair->value);
        }
    }
    return 0;
}
