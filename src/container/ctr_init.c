/* A container's first process: see ctr_init.h. */
#include "container/ctr_init.h"

#include <linux/sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/heap.h"
#include "base/str.h"
#include "container/ctr_hooks.h"
#include "container/ctr_sync.h"
#include "container/ctr_sysctl.h"
#include "container/ctr_terminal.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_identity.h"
#include "os/os_process.h"
#include "os/os_socket.h"

static void warn_runtime(void *arg, const char *text)
{
    struct ctr_init *init = arg;
    if (init->sync >= 0) {
        (void)ctr_sync_send_text(init->sync, CTR_SYNC_WARNING, 0, text);
    }
}

static int wait_go(const struct ctr_init *init, struct st_err *err)
{
    int r = ctr_sync_wait_go(init->sync);
    return r < 0 ? st_fail_os(err, r, "the runtime is gone") : 0;
}

static int ask_for_maps(void *arg)
{
    struct ctr_init *init = arg;
    int r = ctr_sync_send(init->sync, CTR_SYNC_MAP, 0);
    return r < 0 ? r : ctr_sync_wait_go(init->sync);
}

/* In the helper: returns in the container's process, or with a failure. */
static int make_own_process(struct ctr_init *init, struct st_err *err)
{
    unsigned created = init->namespaces.created;
    int r = ctr_namespaces_join(&init->namespaces, ask_for_maps, init, err);
    if (r == 0 && (created & CLONE_NEWTIME) != 0) {
        r = ctr_namespaces_time(init->config, init->proc, err);
    }
    if (r < 0) {
        return r;
    }
    const struct clone_args args = {
        .flags =
            CLONE_PARENT | (created & ~(unsigned)(CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWCGROUP)),
    };
    pid_t pid = os_clone3(&args);
    if (pid < 0) {
        return st_fail_os(err, pid, "making the container's process");
    }
    if (pid == 0) {
        return wait_go(init, err);
    }
    r = ctr_sync_send(init->sync, CTR_SYNC_PID, pid);
    if (r < 0) { /* Nobody else knows of it, and it would keep the conversation open. */
        (void)os_kill(pid, SIGKILL);
        return st_fail_os(err, r, "telling of the container's process");
    }
    os_exit(0);
}

/* Root of the container's own user namespace owns what is made from here on. */
static int become_root(const struct ctr_init *init, struct st_err *err)
{
    if (!init->process.user_namespace) {
        return 0;
    }
    (void)os_setgroups(0, NULL);
    int r = os_setresgid(0, 0, 0);
    r = r < 0 && r != -ST_EINVAL ? r : os_setresuid(0, 0, 0);
    return r < 0 && r != -ST_EINVAL ? st_fail_os(err, r, "becoming root of the user namespace") : 0;
}

static int set_names(const struct spec_runtime *config, struct st_err *err)
{
    int r = 0;
    if (config->hostname != NULL) {
        r = os_sethostname(config->hostname, st_strlen(config->hostname));
    }
    if (r == 0 && config->domainname != NULL) {
        r = os_setdomainname(config->domainname, st_strlen(config->domainname));
    }
    return r < 0 ? st_fail_os(err, r, "setting host and domain name") : 0;
}

static int run_hooks(const struct ctr_init *init, const char *kind, const struct spec_hook *list,
                     size_t count, enum spec_status status, struct st_err *err)
{
    const struct ctr_hooks hooks = {
        .kind = kind, .hooks = list, .count = count, .record = init->record, .status = status};
    return ctr_hooks_run(&hooks, err);
}

static int enter_namespaces(struct ctr_init *init, struct st_err *err)
{
    int r = wait_go(init, err);
    if (r == 0 && init->namespaces.needs_helper) {
        r = make_own_process(init, err);
    } else if (r == 0) {
        r = ctr_namespaces_join(&init->namespaces, NULL, NULL, err);
    }
    if (r == 0) {
        r = become_root(init, err);
    }
    if (r == 0 && (init->namespaces.created & CLONE_NEWCGROUP) != 0) {
        r = os_unshare(CLONE_NEWCGROUP);
        r = r < 0 ? st_fail_os(err, r, "making the cgroup namespace") : 0;
    }
    if (r == 0 && (init->namespaces.created & CLONE_NEWNET) != 0) {
        r = ctr_namespaces_loopback(err);
    }
    if (r == 0) {
        r = set_names(init->config, err);
    }
    return r;
}

/* The slave side becomes the standard descriptors; the master goes to whoever relays it. */
static int make_terminal(struct ctr_init *init, struct st_err *err)
{
    const struct spec_process *process = init->process.spec;
    int master_value = -1, slave_value = -1;
    if (!process->terminal) {
        return 0;
    }
    int r = ctr_terminal_open(init->rootfs.root_fd, "dev/pts", process->console_size,
                              process->user.uid, &master_value, &slave_value, err);
    st_auto(fd) int master = master_value;
    st_auto(fd) int slave = slave_value;
    if (r < 0) {
        return r;
    }
    if (init->console >= 0) {
        r = ctr_terminal_send(init->console, master, err);
        os_close(&init->console);
    } else {
        /* Its size is set before anybody can ask for it. */
        r = ctr_sync_send_fd(init->sync, CTR_SYNC_TERMINAL, master);
        r = r < 0 ? st_fail_os(err, r, "handing the terminal over") : wait_go(init, err);
    }
    if (r == 0) {
        r = ctr_rootfs_console(&init->rootfs, slave, err);
    }
    return r == 0 ? ctr_terminal_take(slave, err) : r;
}

static int enter_root(struct ctr_init *init, struct st_err *err)
{
    const struct spec_hooks *hooks = init->config->hooks;
    int r = ctr_process_prepare(&init->process, err);
    if (r == 0) {
        r = ctr_rootfs_mount(&init->rootfs, err);
    }
    if (r == 0 && init->wants_hooks) {
        r = ctr_sync_send(init->sync, CTR_SYNC_HOOKS, 0);
        r = r < 0 ? st_fail_os(err, r, "the runtime is gone") : wait_go(init, err);
    }
    if (r == 0 && hooks != NULL) {
        r = run_hooks(init, "createContainer", hooks->create_container,
                      hooks->create_container_count, SPEC_STATUS_CREATING, err);
    }
    if (r == 0) {
        r = make_terminal(init, err);
    }
    if (r == 0) {
        r = ctr_sysctl_apply(init->config, init->proc, err);
    }
    if (r == 0) {
        r = ctr_rootfs_enter(&init->rootfs, err);
    }
    ctr_cgroup_done(init->cgroup);
    return r;
}

/* Waits for `start`; its connection takes the place of sync. `create` reports a container and does
 * not wait for us: each call is tried once more than the kernel should need. */
static int wait_for_start(struct ctr_init *init, struct st_err *err)
{
    int r = ctr_sync_wait_go(init->sync);
    if (r < 0 && r != -ST_ECONNRESET) {
        r = ctr_sync_wait_go(init->sync);
    }
    if (r < 0) {
        return st_fail_os(err, r, "the runtime is gone");
    }
    if (init->listener < 0) {
        return 0;
    }
    os_close(&init->sync);
    init->sync = os_accept(init->listener, SOCK_CLOEXEC);
    if (init->sync < 0) {
        init->sync = os_accept(init->listener, SOCK_CLOEXEC);
    }
    if (init->sync < 0) {
        return st_fail_os(err, init->sync, "waiting to be started");
    }
    os_close(&init->listener);
    return wait_go(init, err);
}

/* From here on the container dies with its guardian, also if that has died already. */
static int tie_to_guardian(const struct ctr_init *init, struct st_err *err)
{
    struct pollfd poll = {.fd = init->guardian, .events = POLLIN};
    if (init->death_signal == 0) {
        return 0;
    }
    int r = os_prctl(PR_SET_PDEATHSIG, (unsigned long)init->death_signal, 0, 0, 0);
    if (r >= 0) {
        r = os_poll(&poll, 1, 0);
    }
    if (r < 0) {
        return st_fail_os(err, r, "asking for the parent's death signal");
    }
    return r == 0 ? 0 : st_fail(err, ST_ESRCH, "the calling process has died");
}

static int become_program(struct ctr_init *init, struct st_err *err)
{
    char path[4096];
    const struct spec_hooks *hooks = init->config->hooks;
    bool notifies = init->process.listener_channel >= 0;
    int r = ctr_process_identity(&init->process, err);
    if (r == 0) {
        r = ctr_process_find(&init->process, path, sizeof(path), err);
    }
    if (r == 0 && notifies) {
        r = ctr_process_restrict(&init->process, err);
    }
    if (r == 0) {
        r = ctr_sync_send(init->sync, CTR_SYNC_READY, 0);
        r = r < 0 ? st_fail_os(err, r, "the runtime is gone") : wait_for_start(init, err);
    }
    if (r == 0 && !notifies) {
        r = ctr_process_restrict(&init->process, err);
    }
    if (r == 0 && hooks != NULL) {
        r = run_hooks(init, "startContainer", hooks->start_container, hooks->start_container_count,
                      SPEC_STATUS_CREATED, err);
    }
    if (r == 0) {
        r = tie_to_guardian(init, err);
    }
    return r == 0 ? ctr_process_execute(&init->process, path, err) : r;
}

void ctr_init_main(struct ctr_init *init)
{
    struct st_err err = {0};
    os_close(&init->runtime_sync);
    os_close(&init->runtime_folder);
    init->process.warn = warn_runtime;
    init->process.warn_arg = init;
    int r = os_signals_reset();
    if (r == 0) {
        r = enter_namespaces(init, &err);
    }
    if (r == 0) {
        r = enter_root(init, &err);
    }
    if (r == 0) {
        r = become_program(init, &err);
    }
    if (init->sync >= 0) {
        (void)ctr_sync_send_text(init->sync,
                                 init->process.no_program ? CTR_SYNC_NO_PROGRAM : CTR_SYNC_ERROR, r,
                                 err.msg);
    }
    os_exit(init->process.no_program ? ctr_sync_program_status(r) : 1);
}
