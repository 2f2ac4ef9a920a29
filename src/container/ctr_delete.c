/* `delete` and `kill`: see ctr.h and ctr_delete.h. */
#include "container/ctr_delete.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "container/ctr_cgroup.h"
#include "container/ctr_hooks.h"
#include "container/ctr_rootfs.h"
#include "container/ctr_status.h"
#include "container/ctr_store.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_signal.h"
#include "spec/spec_runtime.h"

/* How long a killed process may take to be gone. */
enum { KILL_WAIT_MS = 10 * 1000 };

/* How long `delete` waits for a process that was just sent a signal, before it says that it still
 * runs. */
enum { END_WAIT_MS = 100 };

static void run_poststop(const struct ctr_runtime *runtime, const struct spec_runtime *config,
                         const struct ctr_record *record)
{
    if (config == NULL || config->hooks == NULL) {
        return;
    }
    const struct ctr_hooks hooks = {.kind = "poststop",
                                    .hooks = config->hooks->poststop,
                                    .count = config->hooks->poststop_count,
                                    .record = record,
                                    .status = SPEC_STATUS_STOPPED};
    ctr_hooks_run_all(&hooks, runtime->warn, runtime->warn_arg);
}

/* Without a pid namespace of its own, or after `exec`, other processes may be left. */
static int remove_cgroup(struct ctr_cgroup *cgroup, struct st_err *err)
{
    if (ctr_cgroup_populated(cgroup) == 1) {
        int r = ctr_cgroup_kill(cgroup, SIGKILL, err);
        if (r < 0) {
            return r;
        }
    }
    return ctr_cgroup_remove(cgroup, err);
}

static int remove_locked(const struct ctr_runtime *runtime, const char *id, int folder,
                         const struct spec_runtime *config, const struct ctr_record *record,
                         struct ctr_cgroup *cgroup, struct st_err *err)
{
    int r = remove_cgroup(cgroup, err);
    if (r < 0) {
        return r;
    }
    if (config != NULL && spec_runtime_namespace(config, SPEC_NS_MOUNT) == NULL) {
        ctr_rootfs_unmount(record->rootfs);
    }
    run_poststop(runtime, config, record);
    return ctr_store_remove(runtime->root, id, folder, err);
}

int ctr_delete_stopped(const struct ctr_runtime *runtime, const char *id,
                       const struct spec_runtime *config, const struct ctr_record *record,
                       struct ctr_cgroup *cgroup, struct st_err *err)
{
    int folder_value = -1;
    int r = ctr_store_open(runtime->root, id, true, &folder_value, NULL);
    st_auto(fd) int folder = folder_value;
    if (r == -ST_ENOENT) {
        return 0; /* somebody else deleted it */
    }
    return r < 0 ? st_fail_os(err, r, "opening container %s", id)
                 : remove_locked(runtime, id, folder, config, record, cgroup, err);
}

static int kill_and_wait(int pidfd, struct ctr_cgroup *cgroup, struct st_err *err)
{
    struct pollfd poll = {.fd = pidfd, .events = POLLIN};
    int r = os_pidfd_send_signal(pidfd, SIGKILL);
    /* A frozen process cannot die. */
    if (r == 0 && ctr_cgroup_frozen(cgroup) == 1) {
        r = ctr_cgroup_thaw(cgroup, NULL);
    }
    if (r == 0) {
        r = os_poll(&poll, 1, KILL_WAIT_MS);
        r = r == 0 ? -ST_ETIMEDOUT : r;
    }
    return r < 0 && r != -ST_ESRCH ? st_fail_os(err, r, "killing the container's process") : 0;
}

/* What a killed `create` left: its process has ended by itself or is about to. */
static int delete_half_made(const struct ctr_runtime *runtime, const char *id, int folder,
                            struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(256 << 10);
    st_auto(ctr_cgroup) struct ctr_cgroup cgroup = {0};
    int r = ctr_store_cgroup(folder, &text);
    if (r < 0) {
        return st_fail_os(err, r, "reading the cgroups of container %s", id);
    }
    if (text.length > 0) {
        r = ctr_cgroup_load(&cgroup, st_buf_string(&text), err);
        if (r == 0) {
            r = remove_cgroup(&cgroup, err);
        }
    }
    return r < 0 ? r : ctr_store_remove(runtime->root, id, folder, err);
}

static int delete_whole(const struct ctr_runtime *runtime, const char *id, int folder,
                        const struct ctr_record *record, bool force, struct st_err *err)
{
    int pidfd_value = -1;
    struct spec_runtime *config = NULL;
    st_auto(ctr_cgroup) struct ctr_cgroup cgroup = {0};
    int status = ctr_status_of(folder, record, !force, &pidfd_value, err);
    st_auto(fd) int pidfd = pidfd_value;
    if (status < 0) {
        return status;
    }
    if (!force && status == SPEC_STATUS_RUNNING) {
        struct pollfd poll = {.fd = pidfd, .events = POLLIN};
        status = os_poll(&poll, 1, END_WAIT_MS) > 0 ? SPEC_STATUS_STOPPED : status;
    }
    if (!force && status != SPEC_STATUS_STOPPED && status != SPEC_STATUS_CREATED) {
        return st_fail(err, ST_ESTATE, "cannot delete container %s that is not stopped: %s", id,
                       spec_status_name((enum spec_status)status));
    }
    int r = ctr_cgroup_load(&cgroup, record->cgroup, err);
    if (r == 0 && pidfd >= 0) {
        r = kill_and_wait(pidfd, &cgroup, err);
    }
    if (r == 0) {
        r = spec_runtime_parse(record->config, record->config_length, &config, err);
    }
    if (r == 0) {
        r = remove_locked(runtime, id, folder, config, record, &cgroup, err);
    }
    spec_runtime_free(config);
    return r;
}

int ctr_delete(const struct ctr_runtime *runtime, const char *id, bool force, struct st_err *err)
{
    struct ctr_record record;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(CTR_RECORD_MAX_BYTES);
    int folder_value = -1;
    int r = ctr_store_open(runtime->root, id, true, &folder_value, err);
    st_auto(fd) int folder = folder_value;
    if (r == -ST_ENOENT && force) {
        return 0;
    }
    if (r < 0) {
        return r;
    }
    r = ctr_store_load(folder, &text, &record, err);
    if (r == -ST_ENODATA || (r == -ST_ECORRUPT && force)) {
        return delete_half_made(runtime, id, folder, err);
    }
    if (r < 0) {
        return r;
    }
    r = delete_whole(runtime, id, folder, &record, force, err);
    ctr_record_done(&record);
    return r;
}

static int kill_one(int folder, const struct ctr_record *record, int signal, struct st_err *err)
{
    int pidfd_value = -1;
    int status = ctr_status_of(folder, record, false, &pidfd_value, err);
    st_auto(fd) int pidfd = pidfd_value;
    if (status < 0) {
        return status;
    }
    if (status == SPEC_STATUS_STOPPED) {
        return st_fail(err, ST_ESTATE, "container not running");
    }
    int r = os_pidfd_send_signal(pidfd, signal);
    if (r < 0) {
        return r == -ST_ESRCH ? st_fail(err, ST_ESTATE, "container not running")
                              : st_fail_os(err, r, "sending signal %d", signal);
    }
    if (signal == SIGKILL) {
        /* A frozen process cannot die. */
        st_auto(ctr_cgroup) struct ctr_cgroup cgroup = {0};
        if (ctr_cgroup_load(&cgroup, record->cgroup, NULL) == 0 &&
            ctr_cgroup_frozen(&cgroup) == 1) {
            return ctr_cgroup_thaw(&cgroup, err);
        }
    }
    return 0;
}

static int kill_all(const struct ctr_record *record, int signal, struct st_err *err)
{
    st_auto(ctr_cgroup) struct ctr_cgroup cgroup = {0};
    int r = ctr_cgroup_load(&cgroup, record->cgroup, err);
    return r < 0 ? r : ctr_cgroup_kill(&cgroup, signal, err);
}

int ctr_kill(const struct ctr_runtime *runtime, const char *id, const char *signal, bool all,
             struct st_err *err)
{
    struct ctr_record record;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(CTR_RECORD_MAX_BYTES);
    int folder_value = -1;
    /* 0 only asks whether there is somebody to signal. */
    int number = st_streq(signal, "0") ? 0 : os_signal_number(signal);
    if (number < 0) {
        return st_fail(err, ST_EINVAL, "unknown signal \"%.64s\"", signal);
    }
    int r = ctr_store_open(runtime->root, id, false, &folder_value, err);
    st_auto(fd) int folder = folder_value;
    if (r == 0) {
        r = ctr_store_load(folder, &text, &record, err);
    }
    if (r < 0) {
        return r;
    }
    r = all ? kill_all(&record, number, err) : kill_one(folder, &record, number, err);
    ctr_record_done(&record);
    return r;
}
