/* `create`, `run` and `start`: see ctr.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr_delete.h"
#include "container/ctr_foreground.h"
#include "container/ctr_hooks.h"
#include "container/ctr_launch.h"
#include "container/ctr_notify.h"
#include "container/ctr_status.h"
#include "container/ctr_store.h"
#include "container/ctr_sync.h"
#include "os/os_file.h"
#include "os/os_identity.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "spec/spec_runtime.h"

/* Of the initial user namespace in /proc/self/ns; the kernel's USER_NS_INIT_INO, fixed since 3.8.
 */
#define FIRST_USER_NAMESPACE 0xEFFFFFFDU

bool ctr_is_rootless(void)
{
    struct stat st;
    if (os_geteuid() != 0) {
        return true;
    }
    return os_fstatat(AT_FDCWD, "/proc/self/ns/user", &st, 0) == 0 &&
           st.st_ino != FIRST_USER_NAMESPACE;
}

int ctr_default_root(char *ret_path, size_t size, struct st_err *err)
{
    static const char usual[] = "/run/strata-oci";
    if (!ctr_is_rootless()) {
        return st_strcopy(ret_path, size, usual) ? 0 : -ST_ENAMETOOLONG;
    }
    const char *const *env = os_environ();
    for (size_t i = 0; env[i] != NULL; i++) {
        const char *folder = st_after_prefix(env[i], "XDG_RUNTIME_DIR=");
        if (folder != NULL && folder[0] == '/') {
            return st_snprintf(ret_path, size, "%s/strata-oci", folder) < size
                       ? 0
                       : st_fail(err, ST_ENAMETOOLONG, "XDG_RUNTIME_DIR is too long");
        }
    }
    if (os_geteuid() == 0) { /* root of a user namespace, as in a container */
        return st_strcopy(ret_path, size, usual) ? 0 : -ST_ENAMETOOLONG;
    }
    return st_fail(err, ST_ENOENT, "XDG_RUNTIME_DIR is not set: say where with --root");
}

static void run_poststart(const struct ctr_runtime *runtime, const struct spec_runtime *config,
                          const struct ctr_record *record)
{
    if (config->hooks == NULL) {
        return;
    }
    const struct ctr_hooks hooks = {.kind = "poststart",
                                    .hooks = config->hooks->poststart,
                                    .count = config->hooks->poststart_count,
                                    .record = record,
                                    .pid = record->pid,
                                    .status = SPEC_STATUS_RUNNING};
    ctr_hooks_run_all(&hooks, runtime->warn, runtime->warn_arg);
}

int ctr_create(const struct ctr_runtime *runtime, const struct ctr_create_options *options,
               int *ret_exit, struct st_err *err)
{
    struct ctr_launch launch = {.runtime = runtime, .options = options};
    int r = ctr_launch(&launch, err);
    *ret_exit = launch.exit_status;
    ctr_launch_done(&launch);
    return r;
}

/* The half of a foreground run that comes after the program was executed. */
static int stay(struct ctr_launch *launch, struct ctr_notify *notify, int *ret_exit,
                struct st_err *err)
{
    const struct ctr_create_options *options = launch->options;
    int r = ctr_foreground_wait(launch->pidfd, os_take_fd(launch->master), notify,
                                !options->no_subreaper, ret_exit, err);
    if (r == 0 && !options->keep) {
        r = ctr_delete_stopped(launch->runtime, options->id, launch->config, &launch->record,
                               &launch->cgroup, err);
    }
    return r;
}

int ctr_run(const struct ctr_runtime *runtime, const struct ctr_create_options *options,
            int *ret_exit, struct st_err *err)
{
    struct ctr_launch launch = {.runtime = runtime, .options = options, .run = true};
    int r = 0;
    if (!options->detach) {
        if (!options->no_subreaper) {
            (void)os_prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        }
        r = ctr_foreground_prepare(err);
        if (r < 0) {
            return r;
        }
    }
    *ret_exit = 0;
    r = ctr_launch(&launch, err);
    *ret_exit = launch.exit_status;
    if (r == 0) {
        run_poststart(runtime, launch.config, &launch.record);
        os_close(&launch.folder);
        if (!options->detach) {
            r = stay(&launch, &launch.notify, ret_exit, err);
        } else {
            launch.notify.main_pid = launch.record.pid;
            ctr_notify_wait(&launch.notify, launch.pidfd);
        }
    }
    ctr_launch_done(&launch);
    return r;
}

/* Tells the waiting process to go on, and waits until it has executed its program. */
static int let_go(const struct ctr_runtime *runtime, const char *id, int folder, int *ret_exit,
                  struct st_err *err)
{
    char path[CTR_PATH_MAX];
    struct ctr_sync_message message;
    int r = ctr_store_path(runtime->root, id, "start", path, err);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int sync = os_unix_connect(path, SOCK_SEQPACKET);
    r = sync < 0 ? sync : os_unlinkat(folder, "start", 0);
    if (r == 0) {
        r = ctr_sync_send(sync, CTR_SYNC_GO, 0);
    }
    if (r < 0) {
        return st_fail_os(err, r, "starting container %s", id);
    }
    do {
        r = ctr_sync_receive(sync, &message);
        if (r < 0) {
            return st_fail_os(err, r, "starting container %s", id);
        }
        os_close(&message.fd);
        if (message.type == CTR_SYNC_WARNING && runtime->warn != NULL) {
            runtime->warn(runtime->warn_arg, message.text);
        }
        if (message.type == CTR_SYNC_NO_PROGRAM) {
            *ret_exit = ctr_sync_program_status(message.number);
        }
        if (message.type == CTR_SYNC_ERROR || message.type == CTR_SYNC_NO_PROGRAM) {
            return st_fail(err, -message.number, "%s", message.text);
        }
    } while (message.type != CTR_SYNC_END);
    return 0;
}

static int start_created(const struct ctr_runtime *runtime, int folder,
                         const struct ctr_record *record, int *ret_exit, struct st_err *err)
{
    struct spec_runtime *config = NULL;
    struct ctr_notify notify = {.host = -1, .socket = -1};
    int pidfd_value = -1;
    int status = ctr_status_of(folder, record, false, &pidfd_value, err);
    st_auto(fd) int pidfd = pidfd_value;
    if (status < 0) {
        return status;
    }
    switch (status) {
    case SPEC_STATUS_CREATED:
        break;
    case SPEC_STATUS_STOPPED:
        return st_fail(err, ST_ESTATE, "cannot start a container that has stopped");
    default:
        return st_fail(err, ST_ESTATE, "cannot start an already running container");
    }
    int r = ctr_notify_open(folder, &notify, err);
    if (r == 0) {
        r = let_go(runtime, record->id, folder, ret_exit, err);
    }
    /* Only a config that speaks of hooks is worth reading. */
    if (r == 0 && memmem(record->config, record->config_length, "\"poststart\"", 11) != NULL) {
        r = spec_runtime_parse(record->config, record->config_length, &config, err);
        if (r == 0) {
            run_poststart(runtime, config, record);
        }
        spec_runtime_free(config);
    }
    if (r == 0 && notify.socket >= 0) {
        (void)ctr_store_unlock(folder); /* others may look after it while it gets ready */
        notify.main_pid = record->pid;
        ctr_notify_wait(&notify, pidfd);
    }
    ctr_notify_close(&notify);
    return r;
}

int ctr_start(const struct ctr_runtime *runtime, const char *id, int *ret_exit, struct st_err *err)
{
    struct ctr_record record;
    *ret_exit = 0;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(CTR_RECORD_MAX_BYTES);
    int folder_value = -1;
    int r = ctr_store_open(runtime->root, id, true, &folder_value, err);
    st_auto(fd) int folder = folder_value;
    if (r == 0) {
        r = ctr_store_load(folder, &text, &record, err);
    }
    if (r < 0) {
        return r;
    }
    r = start_created(runtime, folder, &record, ret_exit, err);
    ctr_record_done(&record);
    return r;
}
