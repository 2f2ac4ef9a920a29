/* Running hooks: see ctr_hooks.h. */
#include "container/ctr_hooks.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/print.h"
#include "container/ctr_status.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "spec/spec_runtime.h"

/* How much of a failed hook's output goes into the message. */
enum { OUTPUT_MAX = 400 };

static const char *const no_environment[] = {NULL};

/* The state as a file to read from its beginning. */
static int state_file(const struct ctr_hooks *hooks, struct st_err *err)
{
    st_auto(buf) struct st_buf json = ST_BUF_HEAP(CTR_RECORD_MAX_BYTES);
    const struct spec_state state = ctr_status_state(hooks->record, hooks->pid, hooks->status);
    int r = spec_state_write(&state, 0, &json);
    st_auto(fd) int fd = r < 0 ? r : os_memfd("state", 0);
    if (fd >= 0) {
        r = os_write_all(fd, json.data, json.length);
    }
    return r < 0 || fd < 0 ? st_fail_os(err, r < 0 ? r : fd, "preparing the state for hooks")
                           : os_take_fd(fd);
}

static int wait_for_hook(int pidfd, const struct spec_hook *hook, siginfo_t *ret_info)
{
    struct pollfd poll = {.fd = pidfd, .events = POLLIN};
    bool late = false;
    if (hook->has_timeout_seconds) {
        int seconds = ST_MIN(ST_MAX(hook->timeout_seconds, 0), INT_MAX / 1000);
        late = os_poll(&poll, 1, seconds * 1000) == 0;
    }
    if (late) {
        (void)os_pidfd_send_signal(pidfd, SIGKILL);
    }
    int r = os_waitid(P_PIDFD, (unsigned)pidfd, ret_info, WEXITED);
    return r < 0 ? r : late ? -ST_ETIMEDOUT : 0;
}

static void read_output(int output, char text[OUTPUT_MAX + 1])
{
    ssize_t n = os_pread(output, text, OUTPUT_MAX, 0);
    n = n < 0 ? 0 : n;
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' ')) {
        n--;
    }
    text[n] = '\0';
    for (ssize_t i = 0; i < n; i++) {
        if (text[i] == '\n' || text[i] == '\0') {
            text[i] = ' ';
        }
    }
}

static int run_one(const struct ctr_hooks *hooks, size_t index, struct st_err *err)
{
    const struct spec_hook *hook = &hooks->hooks[index];
    const char *const only_path[] = {hook->path, NULL};
    siginfo_t info = {0};
    char text[OUTPUT_MAX + 1];
    st_auto(fd) int state = state_file(hooks, err);
    if (state < 0) {
        return state;
    }
    st_auto(fd) int output = os_memfd("hook", 0);
    if (output < 0 || os_lseek(state, 0, SEEK_SET) < 0) {
        return st_fail(err, ST_EIO, "preparing the files of hooks");
    }
    const struct os_spawn spawn = {
        .path = hook->path,
        .argv = hook->args_count > 0 ? hook->args : only_path,
        .envp = hook->env != NULL ? hook->env : no_environment,
        .stdin_fd = state,
        .stdout_fd = output,
        .stderr_fd = output,
    };
    int pidfd_value = -1;
    pid_t pid = os_spawn(&spawn, &pidfd_value);
    st_auto(fd) int pidfd = pidfd_value;
    if (pid < 0) {
        return st_fail_os(err, pid, "error running hook #%zu: error running %s hook %s", index,
                          hooks->kind, hook->path);
    }
    int r = wait_for_hook(pidfd, hook, &info);
    if (r == -ST_ETIMEDOUT) {
        return st_fail(err, ST_ETIMEDOUT,
                       "error running hook #%zu: error running %s hook %s: timed out after %d s",
                       index, hooks->kind, hook->path, hook->timeout_seconds);
    }
    if (r < 0) {
        return st_fail_os(err, r, "waiting for %s hook %s", hooks->kind, hook->path);
    }
    if (info.si_code == CLD_EXITED && info.si_status == 0) {
        return 0;
    }
    read_output(output, text);
    return st_fail(
        err, ST_EIO, "error running hook #%zu: error running %s hook %s: %s %d, output: %s", index,
        hooks->kind, hook->path, info.si_code == CLD_EXITED ? "exit status" : "killed by signal",
        info.si_status, text);
}

int ctr_hooks_run(const struct ctr_hooks *hooks, struct st_err *err)
{
    for (size_t i = 0; i < hooks->count; i++) {
        int r = run_one(hooks, i, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

void ctr_hooks_run_all(const struct ctr_hooks *hooks, void (*warn)(void *arg, const char *text),
                       void *warn_arg)
{
    for (size_t i = 0; i < hooks->count; i++) {
        struct st_err err;
        if (run_one(hooks, i, &err) < 0 && warn != NULL) {
            warn(warn_arg, err.msg);
        }
    }
}
