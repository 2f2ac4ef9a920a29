/* Making a container: see ctr_launch.h. */
#include "container/ctr_launch.h"

#include <linux/sched.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr_hooks.h"
#include "container/ctr_id.h"
#include "container/ctr_listener.h"
#include "container/ctr_lookup.h"
#include "container/ctr_proc.h"
#include "container/ctr_store.h"
#include "container/ctr_sync.h"
#include "container/ctr_terminal.h"
#include "os/os_file.h"
#include "os/os_identity.h"
#include "os/os_process.h"
#include "os/os_signal.h"
#include "os/os_socket.h"
#include "os/os_time.h"
#include "spec/spec_runtime.h"
#include "json/json_doc.h"

/* An annotation of ours: the init is made a child of our caller and dies with it. */
#define DEATH_SIGNAL_ANNOTATION "strata.parent-death-signal"

static int absolute_bundle(struct ctr_launch *launch, struct st_err *err)
{
    const char *bundle = launch->options->bundle == NULL ? "." : launch->options->bundle;
    char cwd[CTR_PATH_MAX] = "";
    char path[CTR_PATH_MAX];
    if (bundle[0] != '/') {
        int r = os_getcwd(cwd, sizeof(cwd));
        if (r < 0) {
            return st_fail_os(err, r, "finding the working folder");
        }
    }
    bool here = st_streq(bundle, ".");
    if (st_snprintf(path, sizeof(path), "%s%s%s", cwd, here || cwd[0] == '\0' ? "" : "/",
                    here ? "" : bundle) >= sizeof(path)) {
        return st_fail(err, ST_ENAMETOOLONG, "path of the bundle is too long");
    }
    launch->record.bundle = json_doc_copy(launch->config->doc, path);
    return launch->record.bundle == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
}

static int absolute_rootfs(struct ctr_launch *launch, struct st_err *err)
{
    const char *root = launch->config->root->path;
    char path[CTR_PATH_MAX];
    if (root[0] == '/') {
        launch->record.rootfs = root;
        return 0;
    }
    if (st_snprintf(path, sizeof(path), "%s/%s", launch->record.bundle, root) >= sizeof(path)) {
        return st_fail(err, ST_ENAMETOOLONG, "path of the root is too long");
    }
    launch->record.rootfs = json_doc_copy(launch->config->doc, path);
    return launch->record.rootfs == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
}

static int read_config(struct ctr_launch *launch, struct st_err *err)
{
    char path[CTR_PATH_MAX];
    const char *bundle = launch->options->bundle == NULL ? "." : launch->options->bundle;
    if (st_snprintf(path, sizeof(path), "%s/config.json", bundle) >= sizeof(path)) {
        return st_fail(err, ST_ENAMETOOLONG, "path of the bundle is too long");
    }
    int r = os_read_file(AT_FDCWD, path, &launch->config_text);
    if (r == -ST_ENOENT) {
        return st_fail(err, ST_ENOENT, "JSON specification file %s not found", path);
    }
    if (r < 0) {
        return st_fail_os(err, r, "reading %s", path);
    }
    r = spec_runtime_parse(launch->config_text.data, launch->config_text.length, &launch->config,
                           err);
    if (r < 0) {
        return st_wrap(err, r, "%s", path);
    }
    if (launch->config->process == NULL || launch->config->root == NULL) {
        return st_fail(err, ST_EINVAL, "%s: process and root must be set", path);
    }
    r = absolute_bundle(launch, err);
    return r == 0 ? absolute_rootfs(launch, err) : r;
}

static int check_terminal(const struct ctr_launch *launch, struct st_err *err)
{
    const struct ctr_create_options *options = launch->options;
    bool detached = !launch->run || options->detach;
    bool terminal = launch->config->process->terminal;
    if (detached && terminal && options->console_socket == NULL) {
        return st_fail(err, ST_EINVAL,
                       "cannot allocate tty if the container will be detached without setting "
                       "console socket");
    }
    if ((!detached || !terminal) && options->console_socket != NULL) {
        return st_fail(err, ST_EINVAL,
                       "cannot use console socket if the container will not be detached or "
                       "allocate tty");
    }
    return 0;
}

/* Descriptors handed over as systemd does are kept too, in front of those of --preserve-fds. */
static int prepare_environment(struct ctr_launch *launch, struct st_err *err)
{
    struct ctr_process *process = &launch->init.process;
    const struct spec_process *spec = process->spec;
    const char *listen = ctr_lookup_variable(os_environ(), "LISTEN_FDS");
    uint64_t listen_fds = 0;
    char text[32];
    if (listen != NULL && st_parse_u64(listen, 10, 1024, &listen_fds) < 0) {
        listen_fds = 0;
    }
    /* LISTEN_FDS, LISTEN_PID, NOTIFY_SOCKET, HOME and the end. */
    process->env = json_doc_alloc(launch->config->doc, spec->env_count + 5, sizeof(*process->env));
    if (process->env == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < spec->env_count; i++) {
        process->env[process->env_count++] = spec->env[i];
    }
    if (listen_fds > 0) {
        st_snprintf(text, sizeof(text), "LISTEN_FDS=%u", (unsigned)listen_fds);
        const char *copy = json_doc_copy(launch->config->doc, text);
        if (copy == NULL) {
            return st_fail(err, ST_ENOMEM, "out of memory");
        }
        process->env[process->env_count++] = copy;
        process->env[process->env_count++] = "LISTEN_PID=1";
    }
    process->keep_fds = (unsigned)listen_fds + launch->options->preserve_fds;
    return ctr_process_check_fds(process->keep_fds, err);
}

static int prepare_process(struct ctr_launch *launch, struct st_err *err)
{
    struct ctr_process *process = &launch->init.process;
    const struct spec_linux *linux_ = launch->config->linux_;
    process->spec = launch->config->process;
    process->warn = launch->runtime->warn;
    process->warn_arg = launch->runtime->warn_arg;
    process->proc = launch->init.proc;
    process->listener_channel = -1;
    process->user_namespace = spec_runtime_namespace(launch->config, SPEC_NS_USER) != NULL;
    process->personality = linux_ == NULL ? NULL : linux_->personality;
    int r = ctr_process_caps(process, err);
    if (r == 0) {
        r = prepare_environment(launch, err);
    }
    if (r == 0 && linux_ != NULL && linux_->seccomp != NULL) {
        r = ctr_filter_make(linux_->seccomp, launch->runtime->root, &launch->filter, err);
        process->filter = r == 0 ? &launch->filter : NULL;
    }
    if (r == 0 && !launch->options->no_new_keyring) {
        char name[CTR_ID_MAX + 8];
        st_snprintf(name, sizeof(name), "_ses.%s", launch->options->id);
        process->keyring = json_doc_copy(launch->config->doc, name);
    }
    return r;
}

static int prepare_rootfs(struct ctr_launch *launch, struct st_err *err)
{
    struct ctr_rootfs *rootfs = &launch->init.rootfs;
    const struct spec_runtime *config = launch->config;
    rootfs->config = config;
    rootfs->bundle = launch->record.bundle;
    rootfs->cgroup = &launch->cgroup;
    rootfs->no_pivot = launch->options->no_pivot;
    rootfs->user_namespace = launch->init.process.user_namespace;
    rootfs->mount_namespace = spec_runtime_namespace(config, SPEC_NS_MOUNT) != NULL;
    rootfs->cgroup_namespace = spec_runtime_namespace(config, SPEC_NS_CGROUP) != NULL;
    return ctr_rootfs_prepare(rootfs, err);
}

static int prepare_guardian(struct ctr_launch *launch, struct st_err *err)
{
    const char *text = spec_runtime_annotation(launch->config, DEATH_SIGNAL_ANNOTATION);
    if (text == NULL) {
        return 0;
    }
    int signal = os_signal_number(text);
    if (signal <= 0) {
        return st_fail(err, ST_EINVAL, "annotation " DEATH_SIGNAL_ANNOTATION ": no signal: %.32s",
                       text);
    }
    int pidfd = os_pidfd_open(getppid(), 0);
    if (pidfd < 0) {
        return st_fail_os(err, pidfd, "naming the calling process");
    }
    launch->init.guardian = pidfd;
    launch->init.death_signal = signal;
    return 0;
}

static int prepare(struct ctr_launch *launch, struct st_err *err)
{
    struct ctr_init *init = &launch->init;
    const struct spec_hooks *hooks = launch->config->hooks;
    init->config = launch->config;
    init->record = &launch->record;
    init->cgroup = &launch->cgroup;
    init->wants_hooks =
        hooks != NULL && (hooks->prestart_count > 0 || hooks->create_runtime_count > 0);
    int r = ctr_proc_open(&init->proc, err);
    if (r == 0) {
        r = prepare_process(launch, err);
    }
    if (r == 0) {
        r = ctr_namespaces_open(launch->config, &init->namespaces, err);
    }
    if (r == 0) {
        r = prepare_guardian(launch, err);
    }
    if (r == 0 && launch->options->console_socket != NULL) {
        r = ctr_terminal_connect(launch->options->console_socket, &init->console, err);
    }
    return r;
}

static int make_listener(struct ctr_launch *launch, struct st_err *err)
{
    char path[CTR_PATH_MAX];
    if (launch->run) {
        return 0;
    }
    int r = ctr_store_path(launch->runtime->root, launch->options->id, "start", path, err);
    if (r < 0) {
        return r;
    }
    int fd = os_unix_listen(path, SOCK_SEQPACKET, 1, 0600);
    if (fd < 0) {
        return st_fail_os(err, fd, "making %s", path);
    }
    launch->init.listener = fd;
    return 0;
}

/* What the runtime does for the new process before it may go on. */
static int receive_child(struct ctr_launch *launch, pid_t pid, bool in_v2, struct st_err *err)
{
    const struct ctr_init *init = &launch->init;
    int r = ctr_cgroup_join(&launch->cgroup, pid, in_v2, NULL, 0, err);
    if (r == 0) {
        r = ctr_process_oom_score(&init->process, pid, err);
    }
    if (r == 0 && init->process.user_namespace) {
        r = ctr_process_limits(&init->process, pid, err);
    }
    if (r == 0 && (init->namespaces.created & CLONE_NEWUSER) != 0 &&
        !init->namespaces.needs_helper) {
        r = ctr_namespaces_map(launch->config, init->proc, pid, err);
    }
    if (r == 0) {
        r = ctr_sync_send(launch->sync, CTR_SYNC_GO, 0);
        r = r < 0 ? st_fail_os(err, r, "the container's process is gone") : 0;
    }
    return r;
}

static int make_process(struct ctr_launch *launch, pid_t *ret_pid, struct st_err *err)
{
    struct ctr_init *init = &launch->init;
    int ends[2];
    int r = ctr_sync_pair(ends, err);
    if (r < 0) {
        return r;
    }
    launch->sync = ends[0];
    init->runtime_sync = ends[0];
    init->runtime_folder = launch->folder;
    init->sync = ends[1];
    init->process.listener_channel = launch->filter.notifies ? init->sync : -1;
    int cgroup = ctr_cgroup_clone_fd(&launch->cgroup);
    unsigned later = CLONE_NEWCGROUP | CLONE_NEWTIME;
    struct clone_args args = {
        .flags = CLONE_PIDFD | (cgroup >= 0 ? CLONE_INTO_CGROUP : 0) |
                 (init->death_signal != 0 ? CLONE_PARENT : 0) |
                 (init->namespaces.needs_helper ? 0 : init->namespaces.created & ~later),
        .pidfd = (uint64_t)(uintptr_t)&launch->pidfd,
        .exit_signal = init->death_signal != 0 ? 0 : SIGCHLD,
        .cgroup = cgroup >= 0 ? (uint64_t)cgroup : 0,
    };
    pid_t pid = os_clone3(&args);
    if (pid == 0) {
        ctr_init_main(init);
    }
    os_close(&init->sync);
    if (pid < 0) {
        launch->pidfd = -1;
        bool no_users = pid == -ST_EPERM && (args.flags & CLONE_NEWUSER) != 0;
        return st_fail_os(err, pid, "making the container's process%s",
                          no_users ? " in a user namespace (a chroot and some machines forbid them)"
                                   : "");
    }
    launch->is_child = init->death_signal == 0;
    *ret_pid = pid;
    return receive_child(launch, pid, cgroup >= 0, err);
}

/* The helper made the container's process and has ended. */
static int take_over(struct ctr_launch *launch, pid_t pid, struct st_err *err)
{
    siginfo_t info;
    int pidfd = os_pidfd_open(pid, 0);
    if (pidfd < 0) {
        return st_fail_os(err, pidfd, "naming the container's process");
    }
    if (launch->is_child) {
        (void)os_waitid(P_PIDFD, (unsigned)launch->pidfd, &info, WEXITED);
    }
    os_close(&launch->pidfd);
    launch->pidfd = pidfd;
    launch->record.pid = pid;
    return 0;
}

static int run_runtime_hooks(struct ctr_launch *launch, struct st_err *err)
{
    const struct spec_hooks *spec = launch->config->hooks;
    struct ctr_hooks hooks = {.kind = "prestart",
                              .hooks = spec->prestart,
                              .count = spec->prestart_count,
                              .record = &launch->record,
                              .pid = launch->record.pid,
                              .status =
                                  SPEC_STATUS_CREATED}; /* what prestart hooks have always seen */
    launch->hooks_ran = true;
    int r = ctr_hooks_run(&hooks, err);
    if (r == 0) {
        hooks.kind = "createRuntime";
        hooks.status = SPEC_STATUS_CREATING;
        hooks.hooks = spec->create_runtime;
        hooks.count = spec->create_runtime_count;
        r = ctr_hooks_run(&hooks, err);
    }
    return r;
}

static int save(struct ctr_launch *launch, struct st_err *err)
{
    struct ctr_record *record = &launch->record;
    const char *pid_file = launch->options->pid_file;
    int r = os_process_start_time(record->pid, &record->start_ticks);
    if (r < 0) {
        return st_fail_os(err, r, "reading the start time of the container's process");
    }
    r = ctr_store_save(launch->folder, record, err);
    if (r == 0 && pid_file != NULL) {
        char text[16];
        size_t length = st_snprintf(text, sizeof(text), "%d", record->pid);
        r = os_replace_file(AT_FDCWD, pid_file, text, length, 0644, false);
        r = r < 0 ? st_fail_os(err, r, "writing %s", pid_file) : 0;
    }
    return r;
}

/* Answers one message of the child. Returns 1 when there is no more to be said. */
static int answer(struct ctr_launch *launch, struct ctr_sync_message *message, bool *committed,
                  struct st_err *err)
{
    bool go = false;
    int r = 0;
    switch ((enum ctr_sync_type)message->type) {
    case CTR_SYNC_MAP:
        r = ctr_namespaces_map(launch->config, launch->init.proc, launch->record.pid, err);
        go = true;
        break;
    case CTR_SYNC_PID:
        r = take_over(launch, message->number, err);
        go = true;
        break;
    case CTR_SYNC_HOOKS:
        r = run_runtime_hooks(launch, err);
        go = true;
        break;
    case CTR_SYNC_LISTENER:
        r = ctr_listener_send(launch->config->linux_->seccomp, &launch->record, launch->record.pid,
                              launch->pidfd, message->number, err);
        break;
    case CTR_SYNC_TERMINAL:
        launch->master = os_take_fd(message->fd);
        ctr_terminal_copy_size(launch->master);
        go = true;
        break;
    case CTR_SYNC_WARNING:
        if (launch->runtime->warn != NULL) {
            launch->runtime->warn(launch->runtime->warn_arg, message->text);
        }
        break;
    case CTR_SYNC_READY:
        r = save(launch, err);
        *committed = true;
        go = true;
        break;
    case CTR_SYNC_NO_PROGRAM:
        launch->exit_status = ctr_sync_program_status(message->number);
        ST_FALLTHROUGH;
    case CTR_SYNC_ERROR:
        return st_fail(err, -message->number, "%s", message->text);
    case CTR_SYNC_GO:
    case CTR_SYNC_END:
        return *committed ? 1 : st_fail(err, ST_EIO, "the container's process died early");
    }
    if (r == 0 && go) {
        r = ctr_sync_send(launch->sync, CTR_SYNC_GO, 0);
        r = r < 0 ? st_fail_os(err, r, "the container's process is gone") : 0;
    }
    return r == 0 && *committed && !launch->run ? 1 : r;
}

static int converse(struct ctr_launch *launch, struct st_err *err)
{
    struct ctr_sync_message message;
    bool committed = false;
    int r;
    do {
        r = ctr_sync_receive(launch->sync, &message);
        if (r < 0) {
            return st_fail_os(err, r, "listening to the container's process");
        }
        r = answer(launch, &message, &committed, err);
        os_close(&message.fd);
    } while (r == 0);
    return r < 0 ? r : 0;
}

/* Undoes what was done. */
static void undo(struct ctr_launch *launch)
{
    siginfo_t info;
    const struct spec_hooks *spec = launch->config->hooks;
    if (launch->pidfd >= 0) {
        (void)os_pidfd_send_signal(launch->pidfd, SIGKILL);
        if (launch->is_child) {
            (void)os_waitid(P_PIDFD, (unsigned)launch->pidfd, &info, WEXITED);
        }
        (void)ctr_cgroup_kill(&launch->cgroup, SIGKILL, NULL);
    }
    (void)ctr_cgroup_remove(&launch->cgroup, NULL);
    if (spec != NULL && launch->hooks_ran) {
        const struct ctr_hooks hooks = {.kind = "poststop",
                                        .hooks = spec->poststop,
                                        .count = spec->poststop_count,
                                        .record = &launch->record,
                                        .status = SPEC_STATUS_STOPPED};
        ctr_hooks_run_all(&hooks, launch->runtime->warn, launch->runtime->warn_arg);
    }
    (void)ctr_store_remove(launch->runtime->root, launch->options->id, launch->folder, NULL);
}

static int name_cgroups(struct ctr_launch *launch, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(256 << 10);
    int r = ctr_cgroup_save(&launch->cgroup, &text);
    if (r == 0) {
        launch->record.cgroup = json_doc_copy(launch->config->doc, st_buf_string(&text));
        r = launch->record.cgroup == NULL ? -ST_ENOMEM : 0;
    }
    return r < 0 ? st_fail_os(err, r, "naming the cgroups") : 0;
}

static int make_cgroups(struct ctr_launch *launch, const struct spec_resources *resources,
                        struct st_err *err)
{
    int r = ctr_cgroup_create(&launch->cgroup, resources, err);
    /* Without privileges there may be none: then none is to be looked for later. */
    return r < 0 || !launch->runtime->rootless ? r : name_cgroups(launch, err);
}

/* Claims the name: from here on there is something to undo. */
static int claim(struct ctr_launch *launch, struct st_err *err)
{
    const struct spec_linux *linux_ = launch->config->linux_;
    launch->cgroup.warn = launch->runtime->warn;
    launch->cgroup.warn_arg = launch->runtime->warn_arg;
    int r = ctr_cgroup_init(&launch->cgroup, linux_ == NULL ? NULL : linux_->cgroups_path,
                            launch->options->id, launch->runtime->rootless, err);
    if (r < 0) {
        return r;
    }
    r = name_cgroups(launch, err);
    if (r < 0) {
        return r;
    }
    r = ctr_store_claim(launch->runtime->root, launch->options->id, launch->record.cgroup,
                        &launch->folder, err);
    launch->claimed = r == 0;
    return r;
}

static int prepare_notify(struct ctr_launch *launch, struct st_err *err)
{
    struct ctr_process *process = &launch->init.process;
    if (!ctr_notify_wanted()) {
        return 0;
    }
    int r = ctr_notify_prepare(launch->runtime->root, launch->folder, launch->options->id,
                               launch->config, err);
    if (r == 0) {
        process->env[process->env_count++] = CTR_NOTIFY_VARIABLE;
        r = launch->run ? ctr_notify_open(launch->folder, &launch->notify, err) : 0;
    }
    return r;
}

static int make_container(struct ctr_launch *launch, struct st_err *err)
{
    const struct spec_linux *linux_ = launch->config->linux_;
    const struct spec_resources *resources = linux_ == NULL ? NULL : linux_->resources;
    int r = claim(launch, err);
    if (r == 0) {
        r = prepare_notify(launch, err);
    }
    if (r == 0) {
        r = prepare_rootfs(launch, err);
    }
    if (r == 0) {
        r = make_listener(launch, err);
    }
    if (r == 0) {
        r = make_cgroups(launch, resources, err);
    }
    /* Before there is a process, which makes devices and a terminal; limits can come meanwhile. */
    if (r == 0) {
        r = ctr_cgroup_apply_devices(&launch->cgroup, resources, false, err);
    }
    if (r == 0) {
        r = make_process(launch, &launch->record.pid, err);
    }
    if (r == 0) {
        r = ctr_cgroup_apply(&launch->cgroup, resources, false, err);
    }
    return r == 0 ? converse(launch, err) : r;
}

int ctr_launch(struct ctr_launch *launch, struct st_err *err)
{
    const struct ctr_create_options *options = launch->options;
    launch->config_text = ST_BUF_HEAP(SPEC_RUNTIME_MAX_BYTES);
    launch->folder = launch->sync = launch->pidfd = launch->master = -1;
    launch->init.sync = launch->init.listener = launch->init.console = -1;
    launch->init.proc = launch->init.guardian = -1;
    launch->notify.host = launch->notify.socket = -1;
    ctr_rootfs_init(&launch->init.rootfs);
    for (size_t i = 0; i < SPEC_NS_COUNT; i++) {
        launch->init.namespaces.joined_fds[i] = -1;
    }
    int r = ctr_id_check(options->id, err);
    if (r == 0) {
        r = read_config(launch, err);
    }
    if (r == 0) {
        r = check_terminal(launch, err);
    }
    if (r < 0) {
        return r;
    }
    launch->record.id = options->id;
    launch->record.oci_version = launch->config->oci_version;
    launch->record.created_ns = os_realtime_ns();
    launch->record.uid = os_geteuid();
    launch->record.no_new_keyring = options->no_new_keyring;
    launch->record.annotations = launch->config->annotations;
    launch->record.annotations_count = launch->config->annotations_count;
    launch->record.config = launch->config_text.data;
    launch->record.config_length = launch->config_text.length;
    r = prepare(launch, err);
    if (r == 0) {
        r = make_container(launch, err);
        if (r < 0 && launch->claimed) {
            undo(launch);
        }
    }
    return r;
}

void ctr_launch_done(struct ctr_launch *launch)
{
    os_close(&launch->folder);
    os_close(&launch->sync);
    os_close(&launch->pidfd);
    os_close(&launch->master);
    ctr_notify_close(&launch->notify);
    os_close(&launch->init.listener);
    os_close(&launch->init.console);
    os_close(&launch->init.proc);
    os_close(&launch->init.guardian);
    ctr_namespaces_done(&launch->init.namespaces);
    ctr_rootfs_done(&launch->init.rootfs);
    ctr_cgroup_done(&launch->cgroup);
    ctr_filter_done(&launch->filter);
    launch->config = spec_runtime_free(launch->config);
    st_buf_done(&launch->config_text);
}
