/* A container that exists: see ctr_open.h. */
#include "container/ctr_open.h"

#include <stdlib.h>

#include "container/ctr_store.h"
#include "os/os_file.h"

int ctr_opened_open(const struct ctr_runtime *runtime, const char *id, bool locked,
                    struct ctr_opened *ret_opened, struct st_err *err)
{
    *ret_opened = (struct ctr_opened){.folder = -1, .text = ST_BUF_HEAP(CTR_RECORD_MAX_BYTES)};
    int r = ctr_store_open(runtime->root, id, locked, &ret_opened->folder, err);
    if (r == 0) {
        r = ctr_store_load(ret_opened->folder, &ret_opened->text, &ret_opened->record, err);
        r = r < 0 ? st_wrap(err, r, "container %s", id) : 0;
    }
    if (r == 0) {
        ret_opened->cgroup.warn = runtime->warn;
        ret_opened->cgroup.warn_arg = runtime->warn_arg;
        ret_opened->cgroup.rootless = runtime->rootless;
        r = ctr_cgroup_load(&ret_opened->cgroup, ret_opened->record.cgroup, err);
    }
    return r;
}

void ctr_opened_done(struct ctr_opened *opened)
{
    os_close(&opened->folder);
    ctr_cgroup_done(&opened->cgroup);
    ctr_record_done(&opened->record);
    st_buf_done(&opened->text);
}
