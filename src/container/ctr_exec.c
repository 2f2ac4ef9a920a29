/*
 * `exec`: another process in a container; see ctr.h.
 *
 * The new process is not dumpable from before its birth, has only descriptors of ours that close
 * themselves, and runs nothing of the container's before its program: no library, no helper. Its
 * own file is read-only to everybody (see ctr_protect_self).
 */
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr_filter.h"
#include "container/ctr_foreground.h"
#include "container/ctr_id.h"
#include "container/ctr_listener.h"
#include "container/ctr_namespace.h"
#include "container/ctr_open.h"
#include "container/ctr_proc.h"
#include "container/ctr_process.h"
#include "container/ctr_status.h"
#include "container/ctr_sync.h"
#include "container/ctr_terminal.h"
#include "os/os_file.h"
#include "os/os_identity.h"
#include "os/os_process.h"
#include "sandbox/sbx_sched.h"
#include "spec/spec_runtime.h"
#include "json/json_doc.h"

/* The largest file of --process. */
enum { PROCESS_MAX = 16 << 20 };

struct exec {
    const struct ctr_runtime *runtime;
    const struct ctr_exec_options *options;
    struct ctr_opened opened;
    struct spec_runtime *config;
    struct spec_process spec; /* of the new process */
    struct spec_capabilities caps;
    struct json_doc *process_doc; /* of --process */
    struct json_doc *doc;         /* of what is made here */
    struct ctr_filter filter;
    struct ctr_process process;
    unsigned namespaces; /* CLONE_NEW* to join, but for pid */
    bool has_pid_namespace;
    bool needs_helper; /* its pid namespace can be joined only with its user namespace's privileges
                        */
    int target;        /* pidfd of the container's first process */
    int sync, child_sync;
    int console;
    int pidfd; /* of the new process */
    pid_t pid;
    int master;
};

static int no_memory(struct st_err *err)
{
    return st_fail(err, ST_ENOMEM, "out of memory");
}

static int read_process_file(struct exec *exec, struct st_err *err)
{
    const char *file = exec->options->process_file;
    struct spec_process *process = NULL;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(PROCESS_MAX);
    int r = os_read_file(AT_FDCWD, file, &text);
    if (r < 0) {
        return st_fail_os(err, r, "reading %s", file);
    }
    r = spec_process_parse(st_buf_string(&text), text.length, &process, &exec->process_doc, err);
    if (r < 0) {
        return st_wrap(err, r, "%s", file);
    }
    exec->spec = *process;
    if (exec->spec.capabilities != NULL) {
        exec->caps = *exec->spec.capabilities;
    }
    return 0;
}

/* The strings of both lists, the second's after the first's. */
static int join_lists(struct exec *exec, const char ***list, size_t *count, const char *const *more,
                      size_t more_count, struct st_err *err)
{
    if (more_count == 0) {
        return 0;
    }
    const char **joined = json_doc_alloc(exec->doc, *count + more_count + 1, sizeof(*joined));
    if (joined == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < *count; i++) {
        joined[i] = (*list)[i];
    }
    for (size_t i = 0; i < more_count; i++) {
        joined[*count + i] = more[i];
    }
    *list = joined;
    *count += more_count;
    return 0;
}

static int parse_user(const char *text, struct spec_user *user, struct st_err *err)
{
    char uid_text[16];
    uint64_t number;
    const char *colon = strchr(text, ':');
    size_t length = colon == NULL ? st_strlen(text) : (size_t)(colon - text);
    if (length < sizeof(uid_text)) {
        memcpy(uid_text, text, length);
        uid_text[length] = '\0';
        if (st_parse_u64(uid_text, 10, UINT32_MAX - 1, &number) == 0) {
            user->uid = (uint32_t)number;
            if (colon == NULL) {
                return 0;
            }
            if (st_parse_u64(colon + 1, 10, UINT32_MAX - 1, &number) == 0) {
                user->gid = (uint32_t)number;
                return 0;
            }
        }
    }
    return st_fail(err, ST_EINVAL, "--user: \"%.64s\" is not UID[:GID]", text);
}

static int add_groups(struct exec *exec, struct st_err *err)
{
    const struct ctr_exec_options *options = exec->options;
    struct spec_user *user = &exec->spec.user;
    size_t count = user->additional_gids_count;
    if (options->gids_count == 0) {
        return 0;
    }
    uint32_t *gids = json_doc_alloc(exec->doc, count + options->gids_count, sizeof(*gids));
    if (gids == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        gids[i] = user->additional_gids[i];
    }
    for (size_t i = 0; i < options->gids_count; i++) {
        uint64_t gid;
        if (st_parse_u64(options->gids[i], 10, UINT32_MAX - 1, &gid) < 0) {
            return st_fail(err, ST_EINVAL, "--additional-gids: \"%.64s\" is no number",
                           options->gids[i]);
        }
        gids[count++] = (uint32_t)gid;
    }
    user->additional_gids = gids;
    user->additional_gids_count = count;
    return 0;
}

/* --cap adds to the sets that a program of root's gets: ambient and inheritable stay as they are
 * (CVE-2022-29162). */
static int add_caps(struct exec *exec, struct st_err *err)
{
    const struct ctr_exec_options *o = exec->options;
    struct spec_capabilities *caps = &exec->caps;
    exec->spec.capabilities = exec->spec.capabilities != NULL || o->caps_count > 0 ? caps : NULL;
    int r = join_lists(exec, &caps->bounding, &caps->bounding_count, o->caps, o->caps_count, err);
    if (r == 0) {
        r = join_lists(exec, &caps->effective, &caps->effective_count, o->caps, o->caps_count, err);
    }
    if (r == 0) {
        r = join_lists(exec, &caps->permitted, &caps->permitted_count, o->caps, o->caps_count, err);
    }
    return r;
}

/* The container's own process with the command line's changes. */
static int take_options(struct exec *exec, struct st_err *err)
{
    const struct ctr_exec_options *options = exec->options;
    exec->spec = *exec->config->process;
    exec->spec.args = (const char **)(uintptr_t)options->args;
    exec->spec.args_count = options->args_count;
    exec->spec.terminal = options->tty;
    exec->spec.console_size = NULL;
    exec->spec.cwd = options->cwd != NULL ? options->cwd : exec->spec.cwd;
    exec->spec.no_new_privileges = exec->spec.no_new_privileges || options->no_new_privs;
    if (exec->spec.capabilities != NULL) {
        exec->caps = *exec->spec.capabilities;
    }
    if (options->apparmor != NULL) {
        exec->spec.apparmor_profile = options->apparmor;
    }
    if (options->label != NULL) {
        exec->spec.selinux_label = options->label;
    }
    int r = options->user != NULL ? parse_user(options->user, &exec->spec.user, err) : 0;
    if (r == 0) {
        r = add_groups(exec, err);
    }
    if (r == 0) {
        r = add_caps(exec, err);
    }
    if (r == 0) {
        r = join_lists(exec, &exec->spec.env, &exec->spec.env_count, options->env,
                       options->env_count, err);
    }
    return r == 0 ? spec_process_check(&exec->spec, err) : r;
}

static int check_status(struct exec *exec, struct st_err *err)
{
    int status = ctr_status_of(exec->opened.folder, &exec->opened.record,
                               !exec->options->ignore_paused, &exec->target, err);
    switch (status) {
    case SPEC_STATUS_STOPPED:
        return st_fail(err, ST_ESTATE, "cannot exec in a stopped container");
    case SPEC_STATUS_PAUSED:
        return st_fail(err, ST_ESTATE,
                       "cannot exec in a paused container (use --ignore-paused to override)");
    default:
        return status < 0 ? status : 0;
    }
}

static int read_container(struct exec *exec, struct st_err *err)
{
    const struct ctr_exec_options *options = exec->options;
    int r = ctr_opened_open(exec->runtime, options->id, false, &exec->opened, err);
    if (r == 0) {
        r = check_status(exec, err);
    }
    if (r == 0) {
        r = spec_runtime_parse(exec->opened.record.config, exec->opened.record.config_length,
                               &exec->config, err);
    }
    if (r < 0) {
        return r;
    }
    exec->doc = json_doc_new();
    if (exec->doc == NULL) {
        return no_memory(err);
    }
    r = options->process_file != NULL ? read_process_file(exec, err) : take_options(exec, err);
    if (r == 0 && options->process_file != NULL) {
        exec->spec.terminal = exec->spec.terminal || options->tty;
    }
    if (r == 0 && exec->spec.terminal && options->detach && options->console_socket == NULL) {
        r = st_fail(err, ST_EINVAL,
                    "cannot allocate tty if the process will be detached without setting console "
                    "socket");
    }
    if (r == 0 && options->console_socket != NULL && (!exec->spec.terminal || !options->detach)) {
        r = st_fail(err, ST_EINVAL,
                    "cannot use console socket if the process will not be detached or allocate "
                    "tty");
    }
    return r;
}

static void find_namespaces(struct exec *exec)
{
    const struct spec_linux *linux_ = exec->config->linux_;
    for (size_t i = 0; linux_ != NULL && i < linux_->namespaces_count; i++) {
        exec->namespaces |= ctr_namespace_flag(linux_->namespaces[i].type);
    }
    exec->has_pid_namespace = (exec->namespaces & CLONE_NEWPID) != 0;
    exec->namespaces &= ~(unsigned)CLONE_NEWPID;
}

static int prepare_environment(struct exec *exec, struct st_err *err)
{
    struct ctr_process *process = &exec->process;
    /* HOME and the end. */
    process->env = json_doc_alloc(exec->doc, exec->spec.env_count + 2, sizeof(*process->env));
    if (process->env == NULL) {
        return no_memory(err);
    }
    for (size_t i = 0; i < exec->spec.env_count; i++) {
        process->env[process->env_count++] = exec->spec.env[i];
    }
    process->keep_fds = exec->options->preserve_fds;
    return ctr_process_check_fds(process->keep_fds, err);
}

static int prepare(struct exec *exec, struct st_err *err)
{
    struct ctr_process *process = &exec->process;
    const struct spec_linux *linux_ = exec->config->linux_;
    process->spec = &exec->spec;
    process->warn = exec->runtime->warn;
    process->warn_arg = exec->runtime->warn_arg;
    process->listener_channel = -1;
    process->affinity_final = true;
    process->personality = linux_ == NULL ? NULL : linux_->personality;
    find_namespaces(exec);
    process->user_namespace = (exec->namespaces & CLONE_NEWUSER) != 0;
    int r = ctr_proc_open(&process->proc, err);
    if (r == 0) {
        r = ctr_process_caps(process, err);
    }
    if (r == 0) {
        r = prepare_environment(exec, err);
    }
    if (r == 0 && linux_ != NULL && linux_->seccomp != NULL) {
        r = ctr_filter_make(linux_->seccomp, exec->runtime->root, &exec->filter, err);
        process->filter = r == 0 ? &exec->filter : NULL;
    }
    if (r == 0 && !exec->opened.record.no_new_keyring) {
        char name[CTR_ID_MAX + 8];
        st_snprintf(name, sizeof(name), "_ses.%s", exec->options->id);
        process->keyring = json_doc_copy(exec->doc, name);
    }
    if (r == 0 && exec->options->console_socket != NULL) {
        r = ctr_terminal_connect(exec->options->console_socket, &exec->console, err);
    }
    return r;
}

static void warn_runtime(void *arg, const char *text)
{
    struct exec *exec = arg;
    (void)ctr_sync_send_text(exec->child_sync, CTR_SYNC_WARNING, 0, text);
}

static int join_namespaces(struct exec *exec, struct st_err *err)
{
    int r = 0;
    if (exec->namespaces != 0) {
        r = os_setns(exec->target, (int)exec->namespaces);
    }
    if (r == 0 && exec->needs_helper) {
        r = os_setns(exec->target, CLONE_NEWPID);
    }
    return r < 0 ? st_fail_os(err, r, "joining the namespaces of the container") : 0;
}

static int wait_go(const struct exec *exec, struct st_err *err)
{
    int r = ctr_sync_wait_go(exec->child_sync);
    return r < 0 ? st_fail_os(err, r, "the runtime is gone") : 0;
}

/* In the helper: returns in the new process, or with a failure. */
static int make_own_process(struct exec *exec, struct st_err *err)
{
    const struct clone_args args = {.flags = CLONE_PARENT};
    pid_t pid = os_clone3(&args);
    if (pid < 0) {
        return st_fail_os(err, pid, "making the process");
    }
    if (pid == 0) {
        return wait_go(exec, err);
    }
    int r = ctr_sync_send(exec->child_sync, CTR_SYNC_PID, pid);
    if (r < 0) { /* Nobody else knows of it, and it would keep the conversation open. */
        (void)os_kill(pid, SIGKILL);
        return st_fail_os(err, r, "telling of the process");
    }
    os_exit(0);
}

static int make_terminal(struct exec *exec, struct st_err *err)
{
    int master_value = -1, slave_value = -1;
    if (!exec->spec.terminal) {
        return 0;
    }
    int r = ctr_terminal_open(AT_FDCWD, "/dev/pts", exec->spec.console_size, exec->spec.user.uid,
                              &master_value, &slave_value, err);
    st_auto(fd) int master = master_value;
    st_auto(fd) int slave = slave_value;
    if (r < 0) {
        return r;
    }
    if (exec->console >= 0) {
        r = ctr_terminal_send(exec->console, master, err);
    } else {
        r = ctr_sync_send_fd(exec->child_sync, CTR_SYNC_TERMINAL, master);
        r = r < 0 ? r : ctr_sync_wait_go(exec->child_sync);
        r = r < 0 ? st_fail_os(err, r, "handing the terminal over") : 0;
    }
    return r == 0 ? ctr_terminal_take(slave, err) : r;
}

static int become_program(struct exec *exec, struct st_err *err)
{
    char path[4096];
    struct ctr_process *process = &exec->process;
    int r = os_signals_reset();
    if (r < 0) {
        return st_fail_os(err, r, "resetting signals");
    }
    r = wait_go(exec, err);
    if (r == 0) {
        r = join_namespaces(exec, err);
    }
    if (r == 0 && exec->needs_helper) {
        r = make_own_process(exec, err);
    }
    if (r == 0 && process->user_namespace) {
        (void)os_setgroups(0, NULL);
        (void)os_setresgid(0, 0, 0);
        (void)os_setresuid(0, 0, 0);
    }
    if (r == 0) {
        r = ctr_process_prepare(process, err);
    }
    if (r == 0) {
        r = make_terminal(exec, err);
    }
    if (r == 0) {
        r = ctr_process_identity(process, err);
    }
    if (r == 0) {
        r = ctr_process_find(process, path, sizeof(path), err);
    }
    if (r == 0) {
        r = ctr_process_restrict(process, err);
    }
    if (r == 0 && process->listener_channel >= 0) { /* The program's start closes the listener. */
        r = wait_go(exec, err);
    }
    return r == 0 ? ctr_process_execute(process, path, err) : r;
}

static ST_NORETURN void child_main(struct exec *exec)
{
    struct st_err err = {0};
    os_close(&exec->sync);
    exec->process.warn = warn_runtime;
    exec->process.warn_arg = exec;
    int r = become_program(exec, &err);
    (void)ctr_sync_send_text(exec->child_sync,
                             exec->process.no_program ? CTR_SYNC_NO_PROGRAM : CTR_SYNC_ERROR, r,
                             err.msg);
    os_exit(1);
}

/* Children of ours are born into the container's pid namespace from here on. */
static int aim_at_pid_namespace(struct exec *exec, struct st_err *err)
{
    if (!exec->has_pid_namespace) {
        return 0;
    }
    int r = os_setns(exec->target, CLONE_NEWPID);
    if (r == -ST_EPERM && (exec->namespaces & CLONE_NEWUSER) != 0) {
        exec->needs_helper = true;
        return 0;
    }
    return r < 0 ? st_fail_os(err, r, "joining the pid namespace of the container") : 0;
}

static int set_initial_affinity(const struct exec *exec, struct st_err *err)
{
    const struct spec_exec_affinity *affinity = exec->spec.exec_cpu_affinity;
    cpu_set_t set;
    if (affinity == NULL || affinity->initial == NULL) {
        return 0;
    }
    int r = sbx_cpu_list_parse(affinity->initial, &set);
    r = r < 0 ? r : os_sched_setaffinity(exec->pid, sizeof(set), &set);
    return r < 0 ? st_fail_os(err, r, "setting the CPU affinity %s", affinity->initial) : 0;
}

static int make_process(struct exec *exec, struct st_err *err)
{
    int ends[2];
    int r = ctr_sync_pair(ends, err);
    if (r < 0) {
        return r;
    }
    exec->sync = ends[0];
    exec->child_sync = ends[1];
    exec->process.listener_channel = exec->filter.notifies ? exec->child_sync : -1;
    r = aim_at_pid_namespace(exec, err);
    if (r < 0) {
        return r;
    }
    if (!exec->runtime->rootless) {
        (void)os_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    }
    struct clone_args args = {
        .flags = CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&exec->pidfd,
        .exit_signal = SIGCHLD,
    };
    exec->pid = os_clone3(&args);
    if (exec->pid == 0) {
        child_main(exec);
    }
    os_close(&exec->child_sync);
    if (exec->pid < 0) {
        exec->pidfd = -1;
        return st_fail_os(err, exec->pid, "making the process");
    }
    r = set_initial_affinity(exec, err);
    if (r == 0) {
        r = ctr_cgroup_join(&exec->opened.cgroup, exec->pid, false, exec->options->cgroup,
                            exec->opened.record.pid, err);
    }
    if (r == 0) {
        r = ctr_process_oom_score(&exec->process, exec->pid, err);
    }
    if (r == 0 && exec->process.user_namespace) {
        r = ctr_process_limits(&exec->process, exec->pid, err);
    }
    if (r == 0) {
        r = ctr_sync_send(exec->sync, CTR_SYNC_GO, 0);
        r = r < 0 ? st_fail_os(err, r, "the process is gone") : 0;
    }
    return r;
}

static int take_over(struct exec *exec, pid_t pid, struct st_err *err)
{
    siginfo_t info;
    (void)os_waitid(P_PIDFD, (unsigned)exec->pidfd, &info, WEXITED);
    os_close(&exec->pidfd);
    exec->pid = pid;
    exec->pidfd = os_pidfd_open(pid, 0);
    int r = exec->pidfd < 0 ? exec->pidfd : ctr_sync_send(exec->sync, CTR_SYNC_GO, 0);
    return r < 0 ? st_fail_os(err, r, "naming the process") : 0;
}

/* Until the program was executed. */
static int converse(struct exec *exec, int *ret_exit, struct st_err *err)
{
    struct ctr_sync_message message;
    for (;;) {
        int r = ctr_sync_receive(exec->sync, &message);
        if (r < 0) {
            return st_fail_os(err, r, "listening to the process");
        }
        switch ((enum ctr_sync_type)message.type) {
        case CTR_SYNC_END:
            return 0;
        case CTR_SYNC_PID:
            r = take_over(exec, message.number, err);
            break;
        case CTR_SYNC_LISTENER:
            r = ctr_listener_send(exec->config->linux_->seccomp, &exec->opened.record, exec->pid,
                                  exec->pidfd, message.number, err);
            r = r < 0 ? r : ctr_sync_send(exec->sync, CTR_SYNC_GO, 0);
            break;
        case CTR_SYNC_TERMINAL:
            exec->master = os_take_fd(message.fd);
            ctr_terminal_copy_size(exec->master);
            r = ctr_sync_send(exec->sync, CTR_SYNC_GO, 0);
            break;
        case CTR_SYNC_WARNING:
            if (exec->runtime->warn != NULL) {
                exec->runtime->warn(exec->runtime->warn_arg, message.text);
            }
            break;
        case CTR_SYNC_NO_PROGRAM:
            *ret_exit = ctr_sync_program_status(message.number);
            ST_FALLTHROUGH;
        case CTR_SYNC_ERROR:
            return st_fail(err, -message.number, "%s", message.text);
        case CTR_SYNC_GO:
        case CTR_SYNC_MAP:
        case CTR_SYNC_HOOKS:
        case CTR_SYNC_READY:
            break;
        }
        os_close(&message.fd);
        if (r < 0) {
            return r;
        }
    }
}

static int run(struct exec *exec, int *ret_exit, struct st_err *err)
{
    siginfo_t info;
    const char *pid_file = exec->options->pid_file;
    int r = make_process(exec, err);
    if (r == 0) {
        r = converse(exec, ret_exit, err);
    }
    if (r == 0 && pid_file != NULL) {
        char text[16];
        size_t length = st_snprintf(text, sizeof(text), "%d", exec->pid);
        r = os_replace_file(AT_FDCWD, pid_file, text, length, 0644, false);
        r = r < 0 ? st_fail_os(err, r, "writing %s", pid_file) : 0;
    }
    if (r < 0 && exec->pidfd >= 0) {
        (void)os_pidfd_send_signal(exec->pidfd, SIGKILL);
        (void)os_waitid(P_PIDFD, (unsigned)exec->pidfd, &info, WEXITED);
    }
    if (r == 0 && !exec->options->detach) {
        r = ctr_foreground_wait(exec->pidfd, os_take_fd(exec->master), NULL, false, ret_exit, err);
    }
    return r;
}

static void done(struct exec *exec)
{
    os_close(&exec->target);
    os_close(&exec->sync);
    os_close(&exec->child_sync);
    os_close(&exec->console);
    os_close(&exec->pidfd);
    os_close(&exec->master);
    os_close(&exec->process.proc);
    ctr_filter_done(&exec->filter);
    exec->config = spec_runtime_free(exec->config);
    exec->process_doc = json_doc_free(exec->process_doc);
    exec->doc = json_doc_free(exec->doc);
    ctr_opened_done(&exec->opened);
}

int ctr_exec(const struct ctr_runtime *runtime, const struct ctr_exec_options *options,
             int *ret_exit, struct st_err *err)
{
    struct exec exec = {.runtime = runtime,
                        .options = options,
                        .target = -1,
                        .sync = -1,
                        .child_sync = -1,
                        .console = -1,
                        .pidfd = -1,
                        .master = -1,
                        .process.proc = -1};
    *ret_exit = 0;
    int r = options->detach ? 0 : ctr_foreground_prepare(err);
    if (r == 0) {
        r = read_container(&exec, err);
    }
    if (r == 0) {
        r = prepare(&exec, err);
    }
    if (r == 0) {
        r = run(&exec, ret_exit, err);
    }
    done(&exec);
    return r;
}
