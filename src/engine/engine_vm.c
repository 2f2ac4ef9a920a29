/*
 * Virtual machines: the isolation that runs an instance with strata-vm. The monitor runs it as its
 * child, with the first serial port on its standard streams; the rest is strata-vm's control
 * socket (docs/vm.md).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_vm_image.h"
#include "engine/monitor/mon_protocol.h"
#include "format/fmt_agent.h"
#include "os/os_event.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"
#include "os/os_time.h"
#include "json/json_doc.h"

#define CONTROL_SOCKET "vm.sock"
#define DEBUGGER_SOCKET "gdb.sock"

enum { WORDS_MAX_BYTES = 65536, ANSWER_MAX = 65536, ANSWER_MS = 10000 };

static int word(struct st_buf *to, const char *name, const char *value)
{
    st_buf_printf(to, "%s%s", name, value);
    return st_buf_char(to, 0);
}

int engine_vm_words(const struct engine_launch *launch, const char *control, int supervisor,
                    struct st_buf *to, struct st_err *err)
{
    const struct engine_instance *instance = launch->instance;
    char number[16];
    st_auto(free) char *program = engine_program(instance->engine, "strata-vm");

    if (program == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    st_snprintf(number, sizeof(number), "%d", supervisor);
    word(to, program, "");
    word(to, "--name=", instance->config->name);
    word(to, "--run=", instance->engine->run);
    word(to, "--control=", control);
    word(to, "--supervisor=", number);
    return engine_vm_is_image(instance->config) ? engine_vm_image_arguments(launch, to, err) : 0;
}

static int prepare(const struct engine_launch *launch, struct st_err *err)
{
    const struct engine_instance *instance = launch->instance;
    const struct engine_process *process = &instance->config->process;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(WORDS_MAX_BYTES);
    st_auto(free) char *control = engine_path(launch->folder, CONTROL_SOCKET, NULL);
    st_auto(free) char *debugger = engine_path(launch->folder, DEBUGGER_SOCKET, NULL);

    if (control == NULL || debugger == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = engine_vm_words(launch, control, MON_MACHINE_FD, &text, err);
    if (r < 0) {
        return r;
    }
    word(&text, "--gdb=", debugger);
    for (size_t i = 0; !engine_vm_is_image(instance->config) && i < process->cmd_count; i++) {
        word(&text, process->cmd[i], "");
    }
    st_auto(fd) int fd =
        os_openat(launch->folder_fd, ENGINE_ARGUMENTS, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    r = st_buf_status(&text);
    r = r < 0 ? r : fd;
    r = r < 0 ? r : os_write_all(fd, text.data, text.length);
    return r < 0 ? st_fail_os(err, r, "writing the arguments of strata-vm") : 0;
}

static int failure(const struct engine_launch *launch, int exit_code, const char *said,
                   struct st_err *err)
{
    const struct engine_config *config = launch->instance->config;

    if (said == NULL) {
        st_fail(err, ST_EIO, "the machine %s cannot be started", config->name);
    } else if (engine_vm_is_image(config) && exit_code != ENGINE_EXIT_FAILED) {
        st_fail(err, ST_EIO, "failed to create task for container: %s", said);
    } else {
        st_fail(err, ST_EIO, "%s", said);
    }
    return exit_code;
}

/* The process has ended with its monitor, and left nothing. */
static int clean(struct engine_instance *instance, struct st_err *err)
{
    (void)instance;
    (void)err;
    return 0;
}

static char *run_path(const struct engine_instance *instance, const char *name)
{
    st_auto(free) char *folder =
        engine_path(instance->engine->run, "instances", instance->config->id);

    return folder == NULL ? NULL : engine_path(folder, name, NULL);
}

/* Reads one line of the control socket; its text stays in *line. What comes behind it stays in the
 * socket, which may be somebody else's afterwards. */
static int read_line(int fd, struct st_buf *line)
{
    uint64_t end = os_monotonic_ns() + ANSWER_MS * UINT64_C(1000000);
    char part[4096];

    st_buf_reset(line);
    for (;;) {
        struct pollfd poll = {.fd = fd, .events = POLLIN};
        int r = os_poll(&poll, 1, ANSWER_MS);
        if (r == -ST_EINTR && os_monotonic_ns() < end) {
            continue;
        }
        ssize_t n = r == 0 ? -ST_ETIMEDOUT : r < 0 ? r : os_recv(fd, part, sizeof(part), MSG_PEEK);
        const char *newline = n <= 0 ? NULL : memchr(part, '\n', (size_t)n);
        size_t size = newline == NULL ? (size_t)ST_MAX(n, 0) : (size_t)(newline - part) + 1;
        n = n <= 0 ? n : os_recv(fd, part, size, 0);
        if (n <= 0) {
            return n < 0 ? (int)n : -ST_ECONNRESET;
        }
        st_buf_append(line, part, (size_t)n - (newline != NULL));
        if (newline != NULL || st_buf_status(line) < 0) {
            return st_buf_status(line);
        }
    }
}

/* What the machine answers, which the caller frees, or its refusal. */
static int read_answer(const char *name, const struct st_buf *line, struct json_doc **ret_doc,
                       struct st_err *err)
{
    static const struct json_limits limits = {ANSWER_MAX, 16};
    struct json_doc *doc = NULL;
    int r = json_parse(line->data, line->length, &limits, &doc, err);

    if (r < 0) {
        return r;
    }
    const char *refusal = json_text(json_member(json_doc_root(doc), "error"));
    if (refusal != NULL) {
        r = st_fail(err, ST_ESTATE, "%s: %s", name, refusal);
        json_doc_free(doc);
        return r;
    }
    *ret_doc = doc;
    return 0;
}

/* Asks for something over a connection to the control socket. */
static int ask(int fd, const char *what, const char *name, struct json_doc **ret_doc,
               struct st_err *err)
{
    char request[64];
    st_auto(buf) struct st_buf line = ST_BUF_HEAP(ANSWER_MAX);
    int r = read_line(fd, &line); /* the greeting */
    size_t length = st_snprintf(request, sizeof(request), "{\"id\":1,\"command\":\"%s\"}\n", what);
    ssize_t sent = r < 0 ? r : os_send(fd, request, length, MSG_NOSIGNAL);
    r = sent < 0 ? (int)sent : read_line(fd, &line);
    return r < 0 ? st_fail_os(err, r, "%s of the machine %s", what, name)
                 : read_answer(name, &line, ret_doc, err);
}

static int question(struct engine_instance *instance, const char *what, struct json_doc **ret_doc,
                    struct st_err *err)
{
    st_auto(free) char *path = run_path(instance, CONTROL_SOCKET);

    if (path == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    st_auto(fd) int fd = os_unix_connect(path, SOCK_STREAM);
    return fd < 0 ? st_fail_os(err, fd, "%s of the machine %s", what, instance->config->name)
                  : ask(fd, what, instance->config->name, ret_doc, err);
}

static int command(struct engine_instance *instance, const char *what, struct st_err *err)
{
    struct json_doc *doc = NULL;
    int r = question(instance, what, &doc, err);

    json_doc_free(doc);
    return r;
}

static int metrics(struct engine_instance *instance, struct json_doc **ret_doc,
                   const struct json_value **ret_value, struct st_err *err)
{
    int r = question(instance, "metrics", ret_doc, err);

    if (r >= 0) {
        *ret_value = json_member(json_doc_root(*ret_doc), "result");
    }
    return r;
}

int engine_vm_connect(const char *path, const char *name, struct st_err *err)
{
    st_auto(fd) int fd = os_unix_connect(path, SOCK_STREAM);

    if (fd < 0) {
        return st_fail_os(err, fd, "connecting to the machine %s", name);
    }
    struct json_doc *doc = NULL;
    int r = ask(fd, "session", name, &doc, err);

    json_doc_free(doc);
    return r < 0 ? r : os_take_fd(fd);
}

static int freeze(struct engine_instance *instance, bool on, struct st_err *err)
{
    return command(instance, on ? "pause" : "resume", err);
}

static int reset(struct engine_instance *instance, struct st_err *err)
{
    return command(instance, "reset", err);
}

/* How docker tells what did not start. */
static int exec_failed(int r, int *ret_code, struct st_err *err)
{
    if (r == -ST_ECONNRESET && *ret_code != 0) { /* killed, with its machine */
        return 0;
    }
    if (*ret_code == ENGINE_EXIT_NO_COMMAND || *ret_code == ENGINE_EXIT_NOT_EXECUTABLE) {
        return st_wrap(err, r, "OCI runtime exec failed");
    }
    *ret_code = ENGINE_EXIT_FAILED + 1;
    return r;
}

static int exec_in(struct engine_instance *instance, const struct engine_exec_options *options,
                   int *ret_exit_code, struct st_err *err)
{
    const struct engine_config *config = instance->config;
    struct engine_vm_streams streams = {
        .in = options->interactive && !options->detach ? 0 : -1,
        .out = options->detach ? -1 : 1,
        .err = options->detach ? -1 : 2,
    };
    struct winsize size = {0};
    st_auto(buf) struct st_buf start = ST_BUF_HEAP(FMT_AGENT_PAYLOAD_MAX);
    st_auto(free) char *path = run_path(instance, CONTROL_SOCKET);

    *ret_exit_code = ENGINE_EXIT_FAILED + 1;
    if (!engine_vm_is_image(config)) {
        return st_fail(err, ST_EUNSUPPORTED,
                       "%s runs a kernel of its owner's, in which Strata executes nothing",
                       config->name);
    }
    if (path == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    streams.tty = options->tty && streams.in >= 0 && os_is_terminal(streams.in);
    if (options->tty) {
        (void)os_window_size_get(1, &size);
    }
    int r = engine_vm_exec_start(config, options, size.ws_row, size.ws_col, &start, err);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd = engine_vm_connect(path, config->name, err);
    if (fd < 0) {
        return fd;
    }
    r = engine_vm_session(fd, &start, &streams, options->detach, ret_exit_code, err);
    return r < 0 ? exec_failed(r, ret_exit_code, err) : 0;
}

/* A machine with a kernel of its owner's has what strata-vm's own words say. */
static int check(const struct engine_config *config, struct st_err *err)
{
    return engine_vm_is_image(config) ? engine_vm_image_check(config, err) : 0;
}

const struct engine_isolation engine_vm = {
    .name = "vm",
    .check = check,
    .prepare = prepare,
    .clean = clean,
    .freeze = freeze,
    .reset = reset,
    .metrics = metrics,
    .exec = exec_in,
    .copy_out = engine_vm_copy_out,
    .copy_in = engine_vm_copy_in,
    .failure = failure,
};

int engine_reset(struct engine_instance *instance, struct st_err *err)
{
    const struct engine_isolation *isolation = engine_isolation_of(instance->config);

    return isolation->reset == NULL
               ? st_fail(err, ST_EUNSUPPORTED, "%s is no machine", instance->config->name)
               : isolation->reset(instance, err);
}

int engine_debugger_path(struct engine_instance *instance, char **ret_path, struct st_err *err)
{
    if (engine_isolation_of(instance->config) != &engine_vm) {
        return st_fail(err, ST_EUNSUPPORTED, "%s is no machine", instance->config->name);
    }
    st_auto(free) char *path = run_path(instance, DEBUGGER_SOCKET);
    if (path == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    if (os_access(AT_FDCWD, path, F_OK, 0) < 0) {
        return st_fail(err, ST_ESTATE, "%s is not running", instance->config->name);
    }
    *ret_path = st_take(path);
    return 0;
}
