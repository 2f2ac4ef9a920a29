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

enum spec_status ctr_status_of(int folder, const struct ctr_record *record, bool ask_paused,
                               int *ret_pidfd)
{
    st_auto(fd) int pidfd = os_process_open(record->pid, record->start_ticks);
    bool lives = pidfd >= 0;
    if (ret_pidfd != NULL) {
        *ret_pidfd = lives ? os_take_fd(pidfd) : -1;
    }
    if (!lives) {
        return SPEC_STATUS_STOPPED;
    }
    if (ask_paused && is_paused(record)) {
        return SPEC_STATUS_PAUSED;
    }
    return os_access(folder, "start", F_OK, AT_SYMLINK_NOFOLLOW) == 0 ? SPEC_STATUS_CREATED
                                                                      : SPEC_STATUS_RUNNING;
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
