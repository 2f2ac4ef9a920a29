/* Where state lives: see store_dir.h. */
#include "store/store_dir.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "os/os_identity.h"

static int absolute(const char *variable, const char *path, const char *rest, char **ret_path,
                    struct st_err *err)
{
    struct st_buf text = ST_BUF_HEAP(4096);
    if (path[0] != '/') {
        return st_fail(err, ST_EINVAL, "%s: \"%s\" is not an absolute path", variable, path);
    }
    st_buf_printf(&text, "%s%s", path, rest);
    int r = st_buf_status(&text);
    if (r < 0) {
        st_buf_done(&text);
        return st_fail_os(err, r, "%s", variable);
    }
    *ret_path = st_buf_steal(&text);
    return 0;
}

static const char *set_variable(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

int store_data_dir(char **ret_path, struct st_err *err)
{
    const char *path = set_variable("STRATA_DATA");
    if (path != NULL) {
        return absolute("STRATA_DATA", path, "", ret_path, err);
    }
    if (os_geteuid() == 0) {
        return absolute("data folder", "/var/lib/strata", "", ret_path, err);
    }
    path = set_variable("XDG_DATA_HOME");
    if (path != NULL) {
        return absolute("XDG_DATA_HOME", path, "/strata", ret_path, err);
    }
    path = set_variable("HOME");
    if (path == NULL) {
        return st_fail(err, ST_ENOENT, "no data folder: neither STRATA_DATA nor HOME is set");
    }
    return absolute("HOME", path, "/.local/share/strata", ret_path, err);
}

int store_run_dir(char **ret_path, struct st_err *err)
{
    const char *path = set_variable("STRATA_RUN");
    if (path != NULL) {
        return absolute("STRATA_RUN", path, "", ret_path, err);
    }
    if (os_geteuid() == 0) {
        return absolute("run folder", "/run/strata", "", ret_path, err);
    }
    path = set_variable("XDG_RUNTIME_DIR");
    if (path == NULL) {
        return st_fail(err, ST_ENOENT,
                       "no run folder: neither STRATA_RUN nor XDG_RUNTIME_DIR is set");
    }
    return absolute("XDG_RUNTIME_DIR", path, "/strata", ret_path, err);
}
