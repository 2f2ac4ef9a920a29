/*
 * Containers: the isolation that runs an instance with strata-oci. The engine prepares a bundle in
 * the run folder; the monitor runs it; the rest is strata-oci's command line.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "os/os_process.h"

#define CONFIG_MAX (4u << 20)
#define LOG_MAX 65536u

enum { ARGS_MAX = 24 };

static const struct engine_isolation *const isolations[] = {&engine_container, &engine_vm,
                                                            &engine_jvm};

const struct engine_isolation *engine_isolation_of(const struct engine_config *config)
{
    for (size_t i = 0; i < ST_COUNT(isolations); i++) {
        if (config->isolation == NULL || st_streq(config->isolation, isolations[i]->name)) {
            return isolations[i];
        }
    }
    return isolations[0];
}

bool engine_is_imageless(const char *isolation)
{
    return st_streq(isolation, engine_vm.name) || st_streq(isolation, engine_jvm.name);
}

int engine_container_prepare(const struct engine_launch *launch, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(CONFIG_MAX);
    int r = engine_oci_write(launch, &text, err);

    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd =
        os_openat(launch->folder_fd, "config.json", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    r = fd < 0 ? fd : os_write_all(fd, text.data, text.length);
    return r < 0 ? st_fail_os(err, r, "writing config.json") : 0;
}

/* The last message of a log of strata-oci's (--log-format json) into to, which may stay empty. */
static void last_message(int dir, const char *log, struct st_buf *to)
{
    static const struct json_limits limits = {LOG_MAX, 8};
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(LOG_MAX);

    if (os_read_file(dir, log, &text) < 0) {
        return;
    }
    char *line = text.data;
    while (line != NULL && *line != 0) {
        struct json_doc *doc = NULL;
        char *end = strchr(line, '\n');
        size_t length = end == NULL ? strlen(line) : (size_t)(end - line);

        if (json_parse(line, length, &limits, &doc, NULL) >= 0) {
            const struct json_value *root = json_doc_root(doc);
            const char *message = json_text(json_member(root, "msg"));
            const char *level = json_text(json_member(root, "level"));
            if (message != NULL && st_streq(level, "error")) {
                st_buf_reset(to);
                st_buf_text(to, message);
            }
            json_doc_free(doc);
        }
        line = end == NULL ? NULL : end + 1;
    }
}

/* docker's exit codes by what the runtime says, where its own code does not tell. */
static int exit_code_of(const char *message, int code)
{
    if (code == ENGINE_EXIT_NO_COMMAND || code == ENGINE_EXIT_NOT_EXECUTABLE) {
        return code;
    }
    if (strstr(message, "executable file not found") != NULL ||
        strstr(message, "no such file or directory") != NULL) {
        return ENGINE_EXIT_NO_COMMAND;
    }
    if (strstr(message, "permission denied") != NULL ||
        strstr(message, "exec format error") != NULL || strstr(message, "is a directory") != NULL) {
        return ENGINE_EXIT_NOT_EXECUTABLE;
    }
    return ENGINE_EXIT_FAILED;
}

int engine_container_failure(const struct engine_launch *launch, int exit_code, const char *said,
                             struct st_err *err)
{
    (void)said;
    st_auto(buf) struct st_buf message = ST_BUF_HEAP(LOG_MAX);

    last_message(launch->folder_fd, "oci.log", &message);
    const char *text = message.length > 0 ? st_buf_string(&message) : "the runtime failed";
    int code = exit_code_of(text, exit_code);
    st_fail(err, ST_EIO, "failed to create task for container: %s", text);
    return code;
}

/* Runs strata-oci with these arguments and waits; its exit code, or a failure with *err set. What
 * it says goes to a log that is read back into *message (NULL allowed). */
static int run_oci(const struct engine *engine, const char *const *arguments,
                   const struct os_spawn *streams, struct st_buf *message, struct st_err *err)
{
    static unsigned count;
    const char *argv[ARGS_MAX];
    size_t n = 0;
    char log_name[64];
    siginfo_t info;
    st_auto(free) char *program = engine_program(engine, "strata-oci");
    st_auto(free) char *root = engine_path(engine->run, "oci", NULL);

    st_snprintf(log_name, sizeof(log_name), ".oci-%d-%u.log", (int)os_getpid(), count++);
    st_auto(free) char *log = engine_path(engine->run, log_name, NULL);
    if (program == NULL || root == NULL || log == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    argv[n++] = program;
    argv[n++] = "--root";
    argv[n++] = root;
    argv[n++] = "--log";
    argv[n++] = log;
    argv[n++] = "--log-format";
    argv[n++] = "json";
    while (*arguments != NULL && n < ARGS_MAX - 1) {
        argv[n++] = *arguments++;
    }
    argv[n] = NULL;
    struct os_spawn spawn = *streams;
    spawn.path = program;
    spawn.argv = argv;
    pid_t pid = os_spawn(&spawn, NULL);
    int r = pid < 0 ? (int)pid : os_waitid(P_PID, (unsigned)pid, &info, WEXITED);
    if (r < 0 && pid > 0) { /* What it does must be over before anything else is done about it. */
        r = os_waitid(P_PID, (unsigned)pid, &info, WEXITED);
    }
    if (r >= 0 && message != NULL) {
        last_message(engine->run_fd, log_name, message);
    }
    (void)os_unlinkat(engine->run_fd, log_name, 0);
    return r < 0 ? st_fail_os(err, r, "running %s", program) : os_exit_code(&info);
}

static const struct os_spawn no_streams = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1};

static int simple(const struct engine_instance *instance, const char *const *arguments,
                  struct st_err *err)
{
    st_auto(buf) struct st_buf message = ST_BUF_HEAP(LOG_MAX);
    int r = run_oci(instance->engine, arguments, &no_streams, &message, err);

    if (r <= 0) {
        return r;
    }
    return st_fail(err, ST_EIO, "strata-oci %s: %s", arguments[0],
                   message.length > 0 ? st_buf_string(&message) : "failed");
}

int engine_container_clean(struct engine_instance *instance, struct st_err *err)
{
    char state[ENGINE_ID_LENGTH + 8];
    const char *const arguments[] = {"delete", "--force", instance->config->id, NULL};

    st_snprintf(state, sizeof(state), "oci/%s", instance->config->id);
    if (os_access(instance->engine->run_fd, state, F_OK, AT_SYMLINK_NOFOLLOW) == -ST_ENOENT) {
        return 0;
    }
    return simple(instance, arguments, err);
}

int engine_container_freeze(struct engine_instance *instance, bool on, struct st_err *err)
{
    const char *const arguments[] = {on ? "pause" : "resume", instance->config->id, NULL};

    return simple(instance, arguments, err);
}

/* The process that exec runs, as a config's process part in a file. */
static int exec_process(struct json_doc *arena, struct engine_instance *instance,
                        const struct engine_exec_options *options, int root,
                        struct spec_process *ret_process, struct st_err *err)
{
    struct engine_config config = *instance->config;
    struct engine_strings env = {.arena = arena};
    struct engine_identity identity = {0};

    for (size_t i = 0; i < config.process.env_count; i++) {
        engine_strings_add(&env, config.process.env[i]);
    }
    for (size_t i = 0; i < options->env_count; i++) {
        engine_strings_add(&env, options->env[i]);
    }
    config.process.env = env.items;
    config.process.env_count = env.count;
    config.process.entrypoint_count = 0;
    config.process.init = false;
    config.process.cmd = (const char **)(uintptr_t)options->args;
    config.process.cmd_count = options->args_count;
    config.process.tty = options->tty;
    config.process.cwd = options->cwd != NULL ? options->cwd : config.process.cwd;
    int r =
        engine_identity_find(root, options->user != NULL ? options->user : config.process.user,
                             config.process.groups, config.process.groups_count, &identity, err);
    if (r < 0) {
        return r;
    }
    uint32_t *groups = json_doc_alloc(arena, identity.groups_count + 1, sizeof(*groups));
    if (groups != NULL) {
        memcpy(groups, identity.groups, identity.groups_count * sizeof(*groups));
        free(identity.groups);
        identity.groups = NULL;
        struct engine_identity kept = identity;
        kept.groups = groups;
        r = engine_oci_process(arena, &config, &kept, options->privileged, ret_process, err);
    } else {
        r = -ST_ENOMEM;
    }
    engine_identity_done(&identity);
    return env.failed ? -ST_ENOMEM : r;
}

static int write_exec(struct engine_instance *instance, const struct engine_exec_options *options,
                      const char *name, struct st_err *err)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(CONFIG_MAX);
    struct engine_state state;
    struct spec_process process;
    char path[64];
    struct json_doc *arena = json_doc_new();

    if (arena == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = engine_state_read(instance, &state, err);
    st_snprintf(path, sizeof(path), "/proc/%lld/root", (long long)state.pid);
    st_auto(fd) int root = r < 0 ? -1 : os_open(path, O_PATH | O_DIRECTORY, 0);
    if (r >= 0 && root < 0) {
        r = st_fail_os(err, root, "entering %s", instance->config->name);
    }
    r = r < 0 ? r : exec_process(arena, instance, options, root, &process, err);
    r = r < 0 ? r : spec_process_write(&process, 0, &text);
    json_doc_free(arena);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int fd =
        os_openat(instance->engine->run_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    r = fd < 0 ? fd : os_write_all(fd, text.data, text.length);
    return r < 0 ? st_fail_os(err, r, "writing the process of exec") : 0;
}

int engine_container_exec(struct engine_instance *instance,
                          const struct engine_exec_options *options, int *ret_exit_code,
                          struct st_err *err)
{
    const struct engine *engine = instance->engine;
    st_auto(buf) struct st_buf message = ST_BUF_HEAP(LOG_MAX);
    char name[64];

    st_snprintf(name, sizeof(name), ".exec-%d.json", (int)os_getpid());
    st_auto(free) char *file = engine_path(engine->run, name, NULL);
    if (file == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = write_exec(instance, options, name, err);
    if (r < 0) {
        *ret_exit_code = ENGINE_EXIT_FAILED + 1;
        return r;
    }
    const char *arguments[8] = {"exec", "--process", file};
    size_t n = 3;
    if (options->detach) {
        arguments[n++] = "--detach";
    }
    arguments[n++] = instance->config->id;
    arguments[n] = NULL;
    struct os_spawn streams = {.stdin_fd = options->interactive && !options->detach ? 0 : -1,
                               .stdout_fd = options->detach ? -1 : 1,
                               .stderr_fd = options->detach ? -1 : 2};
    r = run_oci(engine, arguments, &streams, &message, err);
    (void)os_unlinkat(engine->run_fd, name, 0);
    if (r < 0) {
        return r;
    }
    *ret_exit_code = r;
    if (message.length > 0) {
        *ret_exit_code = exit_code_of(st_buf_string(&message), r);
        return st_fail(err, ST_EIO, "OCI runtime exec failed: %s", st_buf_string(&message));
    }
    if (r > 0 && options->detach) { /* It is no exit code of the program's. */
        *ret_exit_code = ENGINE_EXIT_FAILED + 1;
        return st_fail(err, ST_EIO, "OCI runtime exec failed");
    }
    return 0;
}

const struct engine_isolation engine_container = {
    .name = "container",
    .files = true,
    .prepare = engine_container_prepare,
    .clean = engine_container_clean,
    .freeze = engine_container_freeze,
    .exec = engine_container_exec,
    .failure = engine_container_failure,
};
