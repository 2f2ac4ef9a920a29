/* Stopping, killing, pausing, renaming, removing instances and waiting for them. */
#include <signal.h>
#include <stdlib.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "engine/monitor/mon_protocol.h"
#include "os/os_event.h"
#include "os/os_process.h"
#include "os/os_time.h"

enum {
    DEFAULT_STOP_S = 10,
    ASK_MS = 3000,
    GONE_POLL_MS = 5,
    GONE_TIMEOUT_MS = 10000,
    THAW_AFTER_MS = 300,
};

#define NS_PER_MS 1000000ull

static int say_hello(struct engine_instance *instance, unsigned wants, int *ret_fd,
                     struct st_err *err)
{
    char bytes[MON_PAYLOAD_MAX];
    struct mon_record head;
    st_auto(fd) int fd = engine_control_connect(instance, err);

    if (fd < 0) {
        return fd;
    }
    int r = engine_control_send(fd, MON_HELLO, (int)wants, 0, 0, NULL, 0);
    r = r < 0 ? r : engine_control_answer(fd, &head, bytes);
    if (r >= 0) {
        *ret_fd = os_take_fd(fd);
        return 0;
    }
    st_fail_os(err, r, "the monitor of %s", instance->config->name);
    return r == -ST_ECONNRESET || r == -ST_EPIPE ? -ST_ESRCH : r;
}

/* Connects as one who waits; 0 with *ret_fd -1 when it does not run. A monitor that lives and does
 * not answer is only now making its socket, or has failed once: it is asked again. */
static int watch(struct engine_instance *instance, unsigned wants, int *ret_fd, struct st_err *err)
{
    uint64_t end = os_monotonic_ns() + ASK_MS * NS_PER_MS;

    *ret_fd = -1;
    for (;;) {
        int r = say_hello(instance, wants, ret_fd, err);
        int alive = r >= 0 ? 0 : engine_has_monitor(instance, NULL);
        if (alive == 0) {
            return 0;
        }
        if (os_monotonic_ns() > end) {
            return r;
        }
        os_sleep_ns(GONE_POLL_MS * NS_PER_MS);
    }
}

/* Waits for MON_EXIT on a connection of watch(): 1 with the code, 0 when the time is over (-1: no
 * bound); a monitor that is gone without a word counts as an exit. */
static int await_exit(int fd, int timeout_ms, int *ret_exit_code)
{
    char bytes[MON_PAYLOAD_MAX];
    struct mon_record head;
    uint64_t end = os_monotonic_ns() + (uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * NS_PER_MS;

    for (;;) {
        struct pollfd poll = {.fd = fd, .events = POLLIN};
        uint64_t now = os_monotonic_ns();
        int left = timeout_ms < 0 ? -1 : now >= end ? 0 : (int)((end - now) / NS_PER_MS) + 1;

        int r = os_poll(&poll, 1, left);
        if (r == 0) {
            return 0;
        }
        if (r == -ST_EINTR) {
            continue;
        }
        r = r < 0 ? r : engine_control_receive(fd, &head, bytes);
        if (r == -ST_ECONNRESET) {
            *ret_exit_code = -1;
            return 1;
        }
        if (r < 0) {
            return r;
        }
        if (head.type == MON_EXIT) {
            *ret_exit_code = head.a;
            return 1;
        }
    }
}

/* Until its monitor has left and its clean-up is done, or is ours to do. */
static int await_gone(struct engine_instance *instance, struct st_err *err)
{
    for (int waited = 0; waited < GONE_TIMEOUT_MS; waited += GONE_POLL_MS) {
        int alive = engine_has_monitor(instance, err);
        if (alive <= 0) {
            return alive < 0 ? alive : engine_cleanup(instance->engine, instance->config->id, err);
        }
        os_sleep_ns(GONE_POLL_MS * NS_PER_MS);
    }
    return st_fail(err, ST_ETIMEDOUT, "the monitor of %s does not end", instance->config->name);
}

static void thaw(struct engine_instance *instance, bool marked)
{
    char path[ENGINE_ID_LENGTH + 8];

    st_snprintf(path, sizeof(path), "%s/paused", instance->config->id);
    if (!marked || os_access(instance->engine->folders_fd, path, F_OK, 0) == 0) {
        (void)engine_isolation_of(instance->config)->freeze(instance, false, NULL);
        (void)os_unlinkat(instance->engine->folders_fd, path, 0);
    }
}

/* The last resort for a monitor that does not do its work: it is killed, and its instance with it.
 */
static void kill_monitor(struct engine_instance *instance)
{
    struct engine_state state;

    if (engine_state_read(instance, &state, NULL) < 0 || state.monitor_pid == 0) {
        return;
    }
    st_auto(fd) int fd = os_process_open((pid_t)state.monitor_pid, state.monitor_start);
    if (fd >= 0) {
        (void)os_pidfd_send_signal(fd, SIGKILL);
    }
}

/* SIGKILL, whatever stands in its way, until nothing of the instance's run is left. fd: of watch().
 */
static int kill_hard(struct engine_instance *instance, int fd, struct st_err *err)
{
    int code = -1;

    int r = engine_control_signal(instance, SIGKILL, true, err);
    if (r < 0 && r != -ST_ESRCH) {
        r = engine_control_signal(instance, SIGKILL, true, err);
    }
    thaw(instance, true);
    r = r < 0 ? 0 : await_exit(fd, THAW_AFTER_MS, &code);
    if (r == 0) { /* Perhaps it was frozen, by a command that was killed or by somebody else. */
        thaw(instance, false);
        r = await_exit(fd, GONE_TIMEOUT_MS, &code);
    }
    if (r <= 0 || (code < 0 && engine_has_monitor(instance, NULL) != 0)) {
        kill_monitor(instance);
    }
    return await_gone(instance, err);
}

static int signal_of(const struct engine_instance *instance, const char *signal, struct st_err *err)
{
    const char *name = signal != NULL ? signal
                       : instance->config->process.stop_signal != NULL
                           ? instance->config->process.stop_signal
                           : "SIGTERM";
    int number = engine_signal_number(name);

    return number < 0 ? st_fail(err, ST_EINVAL, "Invalid signal: %s", name) : number;
}

int engine_stop(struct engine_instance *instance, const char *signal, int timeout_s,
                struct st_err *err)
{
    const struct engine_process *p = &instance->config->process;
    int number = signal_of(instance, signal, err);
    st_auto(fd) int fd = -1;
    int code = 0;

    if (number < 0) {
        return number;
    }
    if (timeout_s == ENGINE_TIMEOUT_DEFAULT) {
        timeout_s = p->has_stop_timeout_s ? (int)p->stop_timeout_s : DEFAULT_STOP_S;
    }
    int r = watch(instance, MON_WANT_OWNER, &fd, err);
    if (r < 0 || fd < 0) {
        return r;
    }
    r = engine_control_signal(instance, number, true, err);
    if (r == -ST_ESRCH) {
        r = 0;
    }
    if (r >= 0) {
        thaw(instance, true);
        r = await_exit(fd, timeout_s < 0 ? -1 : timeout_s * 1000, &code);
    }
    if (r < 0) {
        return st_fail_os(err, r, "stopping %s", instance->config->name);
    }
    return r == 0 || code < 0 ? kill_hard(instance, fd, err) : await_gone(instance, err);
}

int engine_restart(struct engine_instance *instance, const char *signal, int timeout_s,
                   struct st_err *err)
{
    static const struct engine_start_options options;
    int r;

    /* One that is removed with its end would be gone between the two. */
    if (instance->config->auto_remove) {
        instance->config->auto_remove = false;
        r = engine_config_save(instance, err);
        r = r < 0 ? r : engine_stop(instance, signal, timeout_s, err);
        r = r < 0 ? r : engine_start(instance, &options, NULL, NULL, err);
        instance->config->auto_remove = true;
        int saved = engine_config_save(instance, r < 0 ? NULL : err);
        return r < 0 ? r : saved;
    }
    r = engine_stop(instance, signal, timeout_s, err);
    return r < 0 ? r : engine_start(instance, &options, NULL, NULL, err);
}

int engine_kill(struct engine_instance *instance, const char *signal, struct st_err *err)
{
    int number = signal_of(instance, signal == NULL ? "SIGKILL" : signal, err);
    st_auto(fd) int fd = -1;

    if (number < 0) {
        return number;
    }
    bool stop = number == SIGKILL || number == signal_of(instance, NULL, NULL);
    /* Only where the end is awaited may the cleaning be asked for. */
    int r = watch(instance, number == SIGKILL ? MON_WANT_OWNER : 0, &fd, err);
    if (r < 0 && number == SIGKILL) {
        kill_monitor(instance);
        return await_gone(instance, err);
    }
    if (r >= 0 && fd < 0) {
        r = st_fail(err, ST_ESRCH, "Container %s is not running", instance->config->id);
    }
    if (r >= 0 && number == SIGKILL) {
        r = kill_hard(instance, fd, err);
    } else if (r >= 0) {
        r = engine_control_signal(instance, number, stop, err);
    }
    return r < 0 ? st_wrap(err, r, "Cannot kill container: %s", instance->config->name) : 0;
}

static int set_paused(struct engine_instance *instance, bool on, struct st_err *err)
{
    struct engine_state state;
    char path[ENGINE_ID_LENGTH + 8];
    int r = engine_home_lock(instance, true, err);

    r = r < 0 ? r : engine_state_read(instance, &state, err);
    if (r >= 0 && state.status != (on ? ENGINE_RUNNING : ENGINE_PAUSED)) {
        r = on && state.status == ENGINE_PAUSED
                ? st_fail(err, ST_ESTATE, "Container %s is already paused", instance->config->id)
                : st_fail(err, ST_ESTATE, "Container %s is not %s", instance->config->id,
                          on ? "running" : "paused");
    }
    st_snprintf(path, sizeof(path), "%s/paused", instance->config->id);
    if (r >= 0 && on) {
        st_auto(fd) int fd =
            os_openat(instance->engine->folders_fd, path, O_WRONLY | O_CREAT, 0600);
        r = fd < 0 ? st_fail_os(err, fd, "pausing %s", instance->config->name) : 0;
    }
    if (r >= 0) {
        r = engine_isolation_of(instance->config)->freeze(instance, on, err);
        if ((r >= 0) != on) {
            int n = os_unlinkat(instance->engine->folders_fd, path, 0);
            if (r >= 0 && n < 0 && n != -ST_ENOENT) {
                r = st_fail_os(err, n, "recording that %s goes on", instance->config->name);
            }
        }
    }
    engine_home_unlock(instance);
    return r;
}

int engine_pause(struct engine_instance *instance, struct st_err *err)
{
    return set_paused(instance, true, err);
}

int engine_unpause(struct engine_instance *instance, struct st_err *err)
{
    return set_paused(instance, false, err);
}

int engine_rename(struct engine_instance *instance, const char *name, struct st_err *err)
{
    const char *old = instance->config->name;

    name = name[0] == '/' ? name + 1 : name;
    if (!engine_is_name(name)) {
        return st_fail(err, ST_EINVAL,
                       "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                       name);
    }
    if (st_streq(old, name)) {
        return st_fail(err, ST_EINVAL,
                       "Renaming a container with the same name as its current "
                       "name");
    }
    int r = engine_home_lock(instance, true, err);
    r = r < 0 ? r : engine_name_claim(instance->engine, name, instance->config->id, err);
    if (r < 0) {
        engine_home_unlock(instance);
        return r;
    }
    const char *copy = json_doc_copy(instance->config->doc, name);
    instance->config->name = copy;
    r = copy == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : engine_config_save(instance, err);
    if (r < 0) { /* Perhaps after it was written: what is in the file must be a claimed name. */
        instance->config->name = old;
        (void)engine_config_save(instance, NULL);
        engine_name_release(instance->engine, name, instance->config->id);
    } else {
        engine_name_release(instance->engine, old, instance->config->id);
    }
    engine_home_unlock(instance);
    return r;
}

int engine_remove(struct engine_instance *instance, bool force, bool volumes, struct st_err *err)
{
    struct engine_state state = {.status = ENGINE_RUNNING};
    int r = engine_state_read(instance, &state, err);

    if (r < 0 && !force) {
        return r;
    }
    int alive = engine_has_monitor(instance, err);
    if (alive < 0) {
        return alive;
    }
    if (alive == 1) {
        if (!force) {
            return st_fail(err, ST_ECONFLICT,
                           "cannot remove container \"/%s\": container is %s: stop the container "
                           "before removing or force remove",
                           instance->config->name, engine_status_name(state.status));
        }
        r = engine_kill(instance, "SIGKILL", err);
        if (r == -ST_ESRCH) {
            r = await_gone(instance, err);
        }
        if (r < 0) {
            return r;
        }
    }
    r = engine_home_lock(instance, true, err);
    if (r == -ST_ENOTFOUND && force) {
        return 0; /* It was removed with its end. */
    }
    if (r < 0) {
        return r;
    }
    alive = engine_alive(instance->engine, instance->config->id);
    if (alive == 1) {
        r = st_fail(err, ST_ECONFLICT, "container %s was started meanwhile",
                    instance->config->name);
    } else if (alive != -ST_ENOENT && alive < 0) {
        r = st_fail_os(err, alive, "the state of %s", instance->config->name);
    } else if (alive == 0) {
        r = engine_clean_run(instance, err);
    }
    r = r < 0 ? r : engine_erase(instance, volumes, err);
    engine_home_unlock(instance);
    return r;
}

int engine_wait(struct engine_instance *instance, enum engine_wait_for until, int *ret_exit_code,
                struct st_err *err)
{
    struct engine_state state;
    st_auto(fd) int fd = -1;
    int code = -1;

    int r = watch(instance, until == ENGINE_WAIT_NEXT_EXIT ? MON_WANT_NEXT_EXIT : 0, &fd, err);
    if (r < 0) {
        return r;
    }
    if (fd >= 0) {
        r = await_exit(fd, -1, &code);
        if (r < 0) {
            return st_fail_os(err, r, "waiting for %s", instance->config->name);
        }
        if (code < 0 || until == ENGINE_WAIT_REMOVED) {
            r = await_gone(instance, err);
        }
    }
    if (code < 0 && r >= 0) {
        r = engine_state_read(instance, &state, err);
        code = r < 0 ? code : state.exit_code;
    }
    if (r < 0) {
        return r;
    }
    *ret_exit_code = code;
    return 0;
}

int engine_exec(struct engine_instance *instance, const struct engine_exec_options *options,
                int *ret_exit_code, struct st_err *err)
{
    struct engine_state state;
    int r = engine_state_read(instance, &state, err);

    *ret_exit_code = 1;
    if (r < 0) {
        return r;
    }
    if (state.status == ENGINE_PAUSED) {
        return st_fail(err, ST_ESTATE, "Container %s is paused, unpause the container before exec",
                       instance->config->id);
    }
    if (state.status != ENGINE_RUNNING) {
        return st_fail(err, ST_ESTATE, "container %s is not running", instance->config->id);
    }
    return engine_isolation_of(instance->config)->exec(instance, options, ret_exit_code, err);
}
