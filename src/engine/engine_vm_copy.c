/*
 * strata cp of a virtual machine: its files are the guest's, whose agent packs and unpacks them
 * (docs/vm-agent.md); the host does its own half, and takes what the guest packs as hostile, as of
 * any container. Of an instance that does not run a machine is started for the moment, with the
 * instance's disk and nothing but the agent in it: the host does not mount a disk that a guest has
 * written.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "archive/arc_place.h"
#include "archive/arc_tar.h"
#include "base/print.h"
#include "base/str.h"
#include "engine/engine_vm_image.h"
#include "format/fmt_agent.h"
#include "os/os_dir.h"
#include "os/os_event.h"
#include "os/os_identity.h"
#include "os/os_process.h"
#include "os/os_socket.h"

enum {
    START_MS = 120000,
    END_MS = 10000,
    WORDS_MAX = 64,
    WORDS_MAX_BYTES = 65536,
    MESSAGE_MAX = 4096 + FMT_AGENT_HEAD_BYTES,
    SETTINGS_MAX = 65536,
    TEXT_MAX = 1024,
};

/* A machine whose files are wanted. */
struct machine {
    const char *name;
    char *control; /* path of its control socket */
    char *folder;  /* of one that was started for the moment; NULL: it runs anyway */
    int supervisor;
    int pidfd;
    pid_t pid;
};

/* ---- a machine for the moment ---- */

static int spawn(struct machine *machine, const struct st_buf *words, int other, struct st_err *err)
{
    const char *argv[WORDS_MAX + 1];
    size_t n = 0;

    for (size_t at = 0; at < words->length && n < WORDS_MAX; at += strlen(words->data + at) + 1) {
        argv[n++] = words->data + at;
    }
    argv[n] = NULL;
    const struct os_spawn how = {.path = argv[0],
                                 .argv = argv,
                                 .stdin_fd = -1,
                                 .stdout_fd = -1,
                                 .stderr_fd = -1,
                                 .keep_fds = &other,
                                 .keep_count = 1,
                                 .new_session = true,
                                 .parent_death_signal = SIGKILL};
    machine->pid = os_spawn(&how, &machine->pidfd);
    return machine->pid < 0 ? st_fail_os(err, (int)machine->pid, "starting %s", argv[0]) : 0;
}

/* Until its agent waits for us. */
static int await_start(struct machine *machine, struct st_err *err)
{
    uint8_t message[MESSAGE_MAX];
    struct fmt_agent_record record;
    struct pollfd polls[] = {{.fd = machine->supervisor, .events = POLLIN},
                             {.fd = machine->pidfd, .events = POLLIN}};
    int r = os_poll(polls, ST_COUNT(polls), START_MS);

    if (r <= 0) {
        return st_fail_os(err, r == 0 ? -ST_ETIMEDOUT : r, "starting the machine %s",
                          machine->name);
    }
    ssize_t n = os_recv(machine->supervisor, message, sizeof(message), MSG_DONTWAIT);
    if (n <= 0 || fmt_agent_parse(message, (size_t)n, &record) != n) {
        return st_fail(err, ST_EIO, "the machine %s cannot be started", machine->name);
    }
    if (record.type == FMT_AGENT_STARTED) {
        return 0;
    }
    return st_fail(err, ST_EIO, "the machine %s cannot be started: %.*s", machine->name,
                   record.size < 4 ? 0 : (int)record.size - 4, (const char *)record.payload + 4);
}

/* The instance as it is when only its files are wanted: no network, no terminal, no program. */
static int launch(struct engine_instance *instance, struct machine *machine, int other,
                  struct st_err *err)
{
    static const char *const nothing[] = {"wait", NULL};
    struct engine_config config = *instance->config;
    struct engine_instance copy = *instance;
    st_auto(buf) struct st_buf words = ST_BUF_HEAP(WORDS_MAX_BYTES);
    st_auto(fd) int folder = os_open(machine->folder, O_RDONLY | O_DIRECTORY, 0);

    if (folder < 0) {
        return st_fail_os(err, folder, "opening %s", machine->folder);
    }
    config.network.mode = "none";
    config.mounts_count = 0;
    config.process =
        (struct engine_process){.cmd = (const char **)(uintptr_t)nothing, .cmd_count = 1};
    copy.config = &config;
    const struct engine_launch how = {
        .instance = &copy, .folder = machine->folder, .folder_fd = folder, .idle = true};
    int r = engine_vm_words(&how, machine->control, other, &words, err);
    instance->image = copy.image; /* it may have been looked for */
    return r < 0 ? r : spawn(machine, &words, other, err);
}

static int machine_start(struct engine_instance *instance, struct machine *machine,
                         struct st_err *err)
{
    char name[64];
    int sockets[2];

    st_snprintf(name, sizeof(name), ".cp-%d", (int)os_getpid());
    machine->folder = engine_path(instance->engine->run, name, NULL);
    machine->control =
        machine->folder == NULL ? NULL : engine_path(machine->folder, "vm.sock", NULL);
    if (machine->control == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = os_make_dirs(AT_FDCWD, machine->folder, 0700);
    r = r < 0 ? r : os_socketpair(SOCK_SEQPACKET, sockets);
    if (r < 0) {
        return st_fail_os(err, r, "starting the machine %s", machine->name);
    }
    machine->supervisor = sockets[0];
    r = launch(instance, machine, sockets[1], err);
    os_close(&sockets[1]);
    return r < 0 ? r : await_start(machine, err);
}

static void machine_end(struct engine_instance *instance, struct machine *machine)
{
    siginfo_t info;
    struct pollfd poll = {.fd = machine->pidfd, .events = POLLIN};

    if (machine->pid > 0) { /* Its disk is unmounted first. */
        st_auto(buf) struct st_buf record = ST_BUF_HEAP(64);
        (void)fmt_agent_write(&record, FMT_AGENT_POWER_OFF, "", 0);
        (void)os_send(machine->supervisor, record.data, record.length, MSG_NOSIGNAL);
        if (os_poll(&poll, 1, END_MS) <= 0) {
            (void)os_pidfd_send_signal(machine->pidfd, SIGKILL);
        }
        (void)os_waitid(P_PID, (unsigned)machine->pid, &info, WEXITED);
    }
    if (machine->folder != NULL) {
        (void)os_remove_tree(AT_FDCWD, machine->folder);
        engine_home_unlock(instance);
    }
    os_close(&machine->pidfd);
    os_close(&machine->supervisor);
    free(machine->folder);
    free(machine->control);
}

static int machine_open(struct engine_instance *instance, bool write, struct machine *machine,
                        struct st_err *err)
{
    const struct engine_config *config = instance->config;
    struct engine_state state;

    *machine = (struct machine){.name = config->name, .supervisor = -1, .pidfd = -1};
    if (!engine_vm_is_image(config)) {
        return st_fail(err, ST_EUNSUPPORTED,
                       "%s runs a kernel of its owner's: its files are on its own disks",
                       config->name);
    }
    int r = engine_home_lock(instance, true, err); /* Nobody starts it while its files are ours. */
    r = r < 0 ? r : engine_state_read(instance, &state, err);
    if (r >= 0 && state.status == ENGINE_PAUSED) {
        r = st_fail(err, ST_ESTATE, "Container %s is paused: unpause it before files are copied",
                    config->id);
    } else if (r >= 0 && state.pid != 0) {
        st_auto(free) char *folder = engine_path(instance->engine->run, "instances", config->id);
        machine->control = folder == NULL ? NULL : engine_path(folder, "vm.sock", NULL);
        r = machine->control == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
    } else if (r >= 0 && write && instance->in_run) {
        r = st_fail(err, ST_ESTATE,
                    "%s has no disk before it runs, since it is removed with its end",
                    config->name);
    } else if (r >= 0) {
        r = machine_start(instance, machine, err);
    }
    if (r < 0) {
        machine_end(instance, machine);
    }
    if (r < 0 || machine->folder == NULL) {
        engine_home_unlock(instance);
    }
    return r;
}

/* ---- what its agent does ---- */

/* What the agent is to do at a path of the instance. */
static void add_action(struct st_buf *start, const char *action, const char *path)
{
    fmt_agent_add_setting(start, "do", action);
    fmt_agent_add_setting(start, "arg", path);
}

/* Has the agent do it. What it says on its standard error is the failure. */
static int run(const struct machine *machine, const struct st_buf *start, int in, int out,
               struct st_err *err)
{
    char text[TEXT_MAX];
    int said[2];
    int code = 0;
    st_auto(fd) int fd = engine_vm_connect(machine->control, machine->name, err);
    int r = fd < 0 ? fd : os_pipe(said, 0);

    if (r < 0) {
        return r;
    }
    const struct engine_vm_streams streams = {.in = in, .out = out, .err = said[1]};
    r = os_set_nonblocking(said[1], true); /* as much as a pipe holds is enough */
    r = r < 0 ? r : engine_vm_session(fd, start, &streams, false, &code, err);
    os_close(&said[1]);
    ssize_t n = r < 0 || code == 0 ? 0 : os_read(said[0], text, sizeof(text));
    os_close(&said[0]);
    if (n > 0) {
        int length = (int)strcspn(text, "\n");
        for (ssize_t i = 0; i < n; i++) {
            length = text[i] == '\n' ? ST_MIN(length, (int)i) : length;
            text[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
        }
        return st_fail(err, ST_EIO, "%.*s", ST_MIN(length, (int)n), text);
    }
    return r < 0 || code == 0 ? r : st_fail(err, ST_EIO, "the machine's agent failed");
}

/* What there is at the path: place->exists and the kind in place->stat. */
static int look(const struct machine *machine, const char *path, struct arc_place *place,
                struct st_err *err)
{
    char text[TEXT_MAX] = "";
    int pipe[2];
    st_auto(buf) struct st_buf start = ST_BUF_HEAP(SETTINGS_MAX);
    int r = arc_split(place, path);

    r = r < 0 ? r : os_pipe(pipe, 0);
    if (r < 0) {
        return st_fail_os(err, r, "%s", path);
    }
    add_action(&start, "look", path);
    r = os_set_nonblocking(pipe[1], true);
    r = r < 0 ? r : run(machine, &start, -1, pipe[1], err);
    os_close(&pipe[1]);
    ssize_t n = r < 0 ? r : os_read(pipe[0], text, sizeof(text));
    os_close(&pipe[0]);
    if (n < 0) {
        return r < 0 ? r : st_fail_os(err, (int)n, "%s", path);
    }
    const struct fmt_agent_record record = {.payload = (const uint8_t *)text, .size = (uint32_t)n};
    const char *key, *value;
    size_t length;
    for (uint32_t at = 0; fmt_agent_next_setting(&record, &at, &key, &length, &value);) {
        uint64_t mode = 0;
        if (length == 6 && memcmp(key, "exists", 6) == 0) {
            place->exists = st_streq(value, "1");
        } else if (st_parse_u64(value, 8, 0177777, &mode) >= 0) {
            place->stat.st_mode = (mode_t)mode;
        }
    }
    return 0;
}

/* Packs into a descriptor. as NULL: the content alone. */
static int pack(const struct machine *machine, const char *path, const char *as, bool follow,
                int fd, struct st_err *err)
{
    st_auto(buf) struct st_buf start = ST_BUF_HEAP(SETTINGS_MAX);

    add_action(&start, "pack", path);
    if (as != NULL) {
        fmt_agent_add_setting(&start, "as", as);
    }
    fmt_agent_add_setting(&start, "follow", follow ? "1" : "0");
    return run(machine, &start, -1, fd, err);
}

static int wait_for(pid_t child, struct st_err *err)
{
    siginfo_t info;
    int r = os_waitid(P_PID, (unsigned)child, &info, WEXITED);

    return r < 0 || os_exit_code(&info) == 0 ? r
                                             : st_fail(err, ST_EIO, "the source could not be read");
}

static int copy_out(const struct machine *machine, const struct arc_place *source, const char *path,
                    const char *host_path, const struct engine_cp_options *options,
                    struct st_err *err)
{
    struct arc_place target = {0};
    st_auto(fd) int into = -1;
    const char *as = NULL;
    int pipe[2];
    int r = arc_look(&target, AT_FDCWD, host_path);

    r = r < 0 ? st_fail_os(err, r, "%s", host_path) : arc_choose(source, &target, &into, &as, err);
    r = r < 0 ? r : os_pipe(pipe, 0);
    if (r >= 0) {
        const struct arc_unpack how = {
            .into = into, .keep_owner = options->archive, .uid = os_geteuid(), .gid = os_getegid()};
        pid_t child = os_fork();
        if (child == 0) {
            os_close(&pipe[0]);
            os_exit(pack(machine, path, as, options->follow_links, pipe[1], NULL) < 0);
        }
        os_close(&pipe[1]);
        r = child < 0 ? st_fail_os(err, (int)child, "copying") : arc_unpack(&how, pipe[0], err);
        os_close(&pipe[0]);
        int read = child > 0 ? wait_for(child, r < 0 ? NULL : err) : 0;
        r = r < 0 ? r : read;
    }
    arc_place_done(&target);
    return r;
}

int engine_vm_copy_out(struct engine_instance *instance, const char *path, const char *host_path,
                       const struct engine_cp_options *options, struct st_err *err)
{
    struct machine machine;
    struct arc_place source = {.root = -1};
    int r = machine_open(instance, false, &machine, err);

    if (r < 0) {
        return r;
    }
    r = look(&machine, path, &source, err);
    if (r >= 0 && !source.exists) {
        r = st_fail(err, ST_ENOENT, "Could not find the file %s in container %s", path,
                    machine.name);
    } else if (r >= 0 && st_streq(host_path, "-")) {
        r = pack(&machine, path, source.content ? NULL : source.last, options->follow_links,
                 options->tar_fd, err);
    } else if (r >= 0) {
        r = copy_out(&machine, &source, path, host_path, options, err);
    }
    arc_place_done(&source);
    machine_end(instance, &machine);
    return r;
}

/* An archive from a descriptor, as it is. */
static int unpack_stream(const struct machine *machine, const char *path, int fd,
                         struct st_err *err)
{
    struct arc_place target = {.root = -1};
    st_auto(buf) struct st_buf start = ST_BUF_HEAP(SETTINGS_MAX);
    int r = look(machine, path, &target, err);

    if (r >= 0 && !target.exists) {
        r = st_fail(err, ST_ENOENT, "Could not find the file %s in container %s", path,
                    machine->name);
    } else if (r >= 0 && !S_ISDIR(target.stat.st_mode)) {
        r = st_fail(err, ST_ENOTDIR, "destination \"%s\" must be a directory", path);
    }
    arc_place_done(&target);
    add_action(&start, "unpack", path);
    return r < 0 ? r : run(machine, &start, fd, -1, err);
}

/* The agent gives the source the name that it finds right, in place of ours. */
static int copy_in(const struct machine *machine, const struct arc_place *source, const char *path,
                   const struct engine_cp_options *options, struct st_err *err)
{
    st_auto(buf) struct st_buf start = ST_BUF_HEAP(SETTINGS_MAX);
    int pipe[2];
    int r = os_pipe(pipe, 0);

    if (r < 0) {
        return st_fail_os(err, r, "copying");
    }
    add_action(&start, "unpack", path);
    fmt_agent_add_setting(&start, "source", source->last);
    fmt_agent_add_setting(&start, "source-folder", S_ISDIR(source->stat.st_mode) ? "1" : "0");
    fmt_agent_add_setting(&start, "source-content", source->content ? "1" : "0");
    fmt_agent_add_setting(&start, "keep-owner", options->archive ? "1" : "0");
    pid_t child = os_fork();
    if (child == 0) {
        os_close(&pipe[0]);
        os_exit(arc_pack_place(source, "source", options->follow_links, pipe[1], NULL) < 0);
    }
    os_close(&pipe[1]);
    r = child < 0 ? st_fail_os(err, (int)child, "copying") : run(machine, &start, pipe[0], -1, err);
    os_close(&pipe[0]);
    int read = child > 0 ? wait_for(child, r < 0 ? NULL : err) : 0;
    return r < 0 ? r : read;
}

int engine_vm_copy_in(struct engine_instance *instance, const char *host_path, const char *path,
                      const struct engine_cp_options *options, struct st_err *err)
{
    struct machine machine;
    struct arc_place source = {0};
    bool stream = st_streq(host_path, "-");
    int r = stream ? 0 : arc_look(&source, AT_FDCWD, host_path);

    if (r < 0) {
        st_fail_os(err, r, "%s", host_path);
    } else if (!stream && !source.exists) {
        r = st_fail(err, ST_ENOENT, "lstat %s: no such file or directory", host_path);
    }
    r = r < 0 ? r : machine_open(instance, true, &machine, err);
    if (r >= 0) {
        r = stream ? unpack_stream(&machine, path, options->tar_fd, err)
                   : copy_in(&machine, &source, path, options, err);
        machine_end(instance, &machine);
    }
    arc_place_done(&source);
    return r;
}
