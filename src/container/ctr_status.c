/* What a container is doing: see ctr_status.h. */
#include "container/ctr_status.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/heap.h"
#include "container/ctr_cgroup.h"
#include "os/os_file.h"
#include "os/os_process.h"

static bool is_paused(const struct ctr_record *record)
{
    st_auto(ctr_cgroup) struct ctr_cgroup cgroup = {0};
    return ctr_cgroup_load(&cgroup, record->cgroup, NULL) == 0 && ctr_cgroup_frozen(&cgroup) == 1;
}

/* Of one whose process lives. */
static int status_alive(int folder, const struct ctr_record *record, bool ask_paused,
                        struct st_err *err)
{
    if (ask_paused && is_paused(record)) {
        return SPEC_STATUS_PAUSED;
    }
    int r = os_access(folder, "start", F_OK, AT_SYMLINK_NOFOLLOW);
    if (r < 0 && r != -ST_ENOENT) {
        return st_fail_os(err, r, "the state of container %s", record->id);
    }
    return r == 0 ? SPEC_STATUS_CREATED : SPEC_STATUS_RUNNING;
}

int ctr_status_of(int folder, const struct ctr_record *record, bool ask_paused, int *ret_pidfd,
                  struct st_err *err)
{
    st_auto(fd) int pidfd = os_process_open(record->pid, record->start_ticks);
    if (ret_pidfd != NULL) {
        *ret_pidfd = -1;
    }
    if (pidfd == -ST_ESRCH || pidfd == -ST_ENOENT) {
        return SPEC_STATUS_STOPPED;
    }
    if (pidfd < 0) {
        return st_fail_os(err, pidfd, "the process of container %s", record->id);
    }
    int r = status_alive(folder, record, ask_paused, err);
    if (r >= 0 && ret_pidfd != NULL) {
        *ret_pidfd = os_take_fd(pidfd);
    }
    return r;
}

struct spec_state ctr_status_state(const struct ctr_record *record, pid_t pid,
                                   enum spec_status status)
{
    return (struct spec_state){
        .oci_version = record->oci_version,
        .id = record->id,
        .status = status,
        .pid = pid,
        .bundle = record->bundle,
        .annotations = record->annotations,
        .annotations_count = record->annotations_count,
    };
}
