/* `events`: statistics at intervals and out-of-memory kills, a line of JSON each. See ctr.h. */
#include <stdlib.h>

#include "container/ctr_open.h"
#include "container/ctr_status.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_time.h"
#include "json/json_write.h"

enum { LINE_MAX_BYTES = 1 << 20 };

/* {"type":"stats","id":"x","data":{...}}; without data for other types. */
static int put_event(struct st_buf *to, const char *type, const char *id, struct ctr_cgroup *cgroup,
                     struct st_err *err)
{
    struct json_writer writer = {.to = to};
    json_write_object(&writer);
    json_write_key(&writer, "type");
    json_write_string(&writer, type);
    json_write_key(&writer, "id");
    json_write_string(&writer, id);
    if (cgroup != NULL) {
        st_buf_text(to, ",\"data\":");
        int r = ctr_cgroup_stats(cgroup, to, err);
        if (r < 0) {
            return r;
        }
    }
    json_write_end(&writer);
    st_buf_char(to, '\n');
    int r = st_buf_status(to);
    return r < 0 ? st_fail_os(err, r, "event") : 0;
}

int ctr_stats(const struct ctr_runtime *runtime, const char *id, struct st_buf *to,
              struct st_err *err)
{
    st_auto(ctr_opened) struct ctr_opened opened;
    int r = ctr_opened_open(runtime, id, false, &opened, err);
    if (r < 0) {
        return r;
    }
    int status = ctr_status_of(opened.folder, &opened.record, false, NULL, err);
    if (status < 0) {
        return status;
    }
    if (status == SPEC_STATUS_STOPPED) {
        return st_fail(err, ST_ESTATE, "container %s is not running", id);
    }
    return put_event(to, "stats", id, &opened.cgroup, err);
}

struct emitter {
    struct ctr_opened *opened;
    const char *id;
    int (*emit)(void *arg, const struct st_buf *line);
    void *arg;
    struct st_buf line;
};

static int emit_event(struct emitter *to, const char *type, bool stats, struct st_err *err)
{
    st_buf_reset(&to->line);
    int r = put_event(&to->line, type, to->id, stats ? &to->opened->cgroup : NULL, err);
    return r < 0 ? r : to->emit(to->arg, &to->line);
}

/* Waits until the process ends, memory runs out or the interval is over, and says so. Returns 1 to
 * go on, 0 at the end. */
static int wait_event(struct emitter *to, int pidfd, struct ctr_cgroup_oom *oom, uint64_t *next_ns,
                      uint64_t interval_ns, struct st_err *err)
{
    uint64_t now = os_monotonic_ns();
    struct pollfd fds[2] = {{.fd = pidfd, .events = POLLIN},
                            {.fd = oom->fd, .events = (short)oom->events}};
    uint64_t left_ms = *next_ns > now ? (*next_ns - now + 999999) / 1000000 : 0;
    int r = os_poll(fds, 2, (int)ST_MIN(left_ms, (uint64_t)INT32_MAX));
    if (r < 0 && r != -ST_EINTR) {
        return st_fail_os(err, r, "waiting for events");
    }
    if (fds[1].revents != 0) {
        r = ctr_cgroup_oom_read(oom);
        if (r == -ST_ENOENT) {
            ctr_cgroup_oom_close(oom);
        }
        r = r > 0 ? emit_event(to, "oom", false, err) : 0;
        if (r < 0) {
            return r;
        }
    }
    if (fds[0].revents != 0) {
        return 0;
    }
    if (os_monotonic_ns() >= *next_ns) {
        *next_ns += interval_ns;
        r = emit_event(to, "stats", true, err);
        return r < 0 ? r : 1;
    }
    return 1;
}

int ctr_events(const struct ctr_runtime *runtime, const char *id, uint64_t interval_ns,
               int (*emit)(void *arg, const struct st_buf *line), void *emit_arg,
               struct st_err *err)
{
    st_auto(ctr_opened) struct ctr_opened opened;
    int found = -1;
    struct ctr_cgroup_oom oom;
    int r = ctr_opened_open(runtime, id, false, &opened, err);
    if (r < 0) {
        return r;
    }
    r = ctr_status_of(opened.folder, &opened.record, false, &found, err);
    st_auto(fd) int pidfd = found;
    if (r < 0) {
        return r;
    }
    if (pidfd < 0) {
        return st_fail(err, ST_ESTATE, "container %s is not running", id);
    }
    if (interval_ns == 0) {
        return st_fail(err, ST_EINVAL, "the interval of events must be longer than 0");
    }
    /* Without a memory controller there are statistics still. */
    if (ctr_cgroup_oom_open(&opened.cgroup, &oom, NULL) < 0) {
        oom = (struct ctr_cgroup_oom){.fd = -1, .file = -1};
    }
    struct emitter to = {&opened, id, emit, emit_arg, ST_BUF_HEAP(LINE_MAX_BYTES)};
    uint64_t next_ns = os_monotonic_ns() + interval_ns;
    do {
        r = wait_event(&to, pidfd, &oom, &next_ns, interval_ns, err);
    } while (r > 0);
    ctr_cgroup_oom_close(&oom);
    st_buf_done(&to.line);
    return r;
}
