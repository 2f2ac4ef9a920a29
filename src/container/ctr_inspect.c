/* `state`, `list`, `ps`, `pause` and `resume`: see ctr.h. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr_id.h"
#include "container/ctr_open.h"
#include "container/ctr_proc.h"
#include "container/ctr_status.h"
#include "container/ctr_store.h"
#include "os/os_dir.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_time.h"
#include "json/json_write.h"

/* The largest output of ps that is looked at. */
enum { PS_MAX = 16 << 20 };

/* The name of a user; its number where /etc/passwd has none. */
static void owner_name(uint32_t uid, char *ret_name, size_t size)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(1 << 20);
    if (uid == 0) {
        (void)st_strcopy(ret_name, size, "root");
        return;
    }
    st_snprintf(ret_name, size, "%u", uid);
    if (os_read_file(AT_FDCWD, "/etc/passwd", &text) < 0) {
        return;
    }
    const char *line = st_buf_string(&text);
    while (*line != '\0') {
        char wanted[24];
        size_t length = strcspn(line, "\n");
        size_t name_length = strcspn(line, ":\n");
        const char *rest = name_length < length ? strchr(line + name_length + 1, ':') : NULL;
        st_snprintf(wanted, sizeof(wanted), ":%u:", uid);
        if (rest != NULL && st_starts_with(rest, wanted) && name_length < size) {
            memcpy(ret_name, line, name_length);
            ret_name[name_length] = '\0';
            return;
        }
        line += length;
        line += *line == '\n';
    }
}

struct described {
    struct ctr_opened opened;
    struct spec_state state;
    char created[OS_TIME_TEXT];
    char owner[64];
};

/* What is to be said about an opened container. */
static int describe(struct described *d, struct st_err *err)
{
    const struct ctr_record *record = &d->opened.record;
    int status = ctr_status_of(d->opened.folder, record, true, NULL, err);
    if (status < 0) {
        return status;
    }
    d->state = ctr_status_state(record, status == SPEC_STATUS_STOPPED ? 0 : record->pid,
                                (enum spec_status)status);
    os_time_rfc3339(record->created_ns, d->created);
    owner_name(record->uid, d->owner, sizeof(d->owner));
    d->state.rootfs = record->rootfs;
    d->state.created = d->created;
    d->state.owner = d->owner;
    return 0;
}

/* What a killed or running `create` has so far: only a name. */
static void describe_half_made(struct described *d, const char *id)
{
    (void)st_strcopy(d->created, sizeof(d->created), "-");
    d->state = (struct spec_state){
        .id = id, .status = SPEC_STATUS_STOPPED, .bundle = "-", .created = d->created};
}

int ctr_state(const struct ctr_runtime *runtime, const char *id, struct st_buf *to,
              struct st_err *err)
{
    struct described d = {0};
    int r = ctr_opened_open(runtime, id, false, &d.opened, err);
    if (r == 0) {
        r = describe(&d, err);
    }
    if (r == 0) {
        d.state.owner = "";
        r = spec_state_write(&d.state, 2, to);
        st_buf_char(to, '\n');
    }
    ctr_opened_done(&d.opened);
    return r;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
}

/* The names of all containers, sorted. */
static int read_names(const char *root, char ***ret_names, size_t *ret_count, struct st_err *err)
{
    struct os_dir *dir_value = NULL;
    int r = os_dir_open(AT_FDCWD, root, &dir_value);
    st_auto(os_dir) struct os_dir *dir = dir_value;
    char **names = NULL;
    size_t count = 0;
    if (r == -ST_ENOENT) {
        *ret_names = NULL;
        *ret_count = 0;
        return 0;
    }
    const char *name;
    unsigned char type;
    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) == 1) {
        if (ctr_id_check(name, NULL) < 0 || (type != DT_DIR && type != DT_UNKNOWN)) {
            continue;
        }
        char **more = realloc(names, (count + 1) * sizeof(*names));
        char *copy = strdup(name);
        names = more == NULL ? names : more;
        if (more == NULL || copy == NULL) {
            free(copy);
            r = -ST_ENOMEM;
            break;
        }
        names[count++] = copy;
    }
    if (r < 0) {
        free_names(names, count);
        return st_fail_os(err, r, "reading %s", root);
    }
    if (count > 0) {
        qsort(names, count, sizeof(*names), compare_names);
    }
    *ret_names = names;
    *ret_count = count;
    return 0;
}

struct row {
    char *cells[6];
};

static int add_row(struct row *row, const struct spec_state *state)
{
    char pid[16];
    st_snprintf(pid, sizeof(pid), "%d", state->pid);
    const char *cells[6] = {state->id,
                            pid,
                            spec_status_name(state->status),
                            state->bundle,
                            state->created,
                            state->owner == NULL ? "-" : state->owner};
    for (size_t i = 0; i < ST_COUNT(cells); i++) {
        row->cells[i] = strdup(cells[i]);
        if (row->cells[i] == NULL) {
            return -ST_ENOMEM;
        }
    }
    return 0;
}

/* Columns as wide as their widest cell and three blanks, at least twelve, as runc's. */
static void write_rows(const struct row *rows, size_t count, struct st_buf *to)
{
    size_t widths[6] = {0};
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < 5; j++) {
            size_t need = ST_MAX(st_strlen(rows[i].cells[j]) + 3, (size_t)12);
            widths[j] = ST_MAX(widths[j], need);
        }
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < 6; j++) {
            st_buf_text(to, rows[i].cells[j]);
            for (size_t n = st_strlen(rows[i].cells[j]); n < widths[j]; n++) {
                st_buf_char(to, ' ');
            }
        }
        st_buf_char(to, '\n');
    }
}

static int list_one(const struct ctr_runtime *runtime, const char *id, enum ctr_format format,
                    struct json_writer *writer, struct row *row, struct st_err *err)
{
    struct described d = {0};
    int r = ctr_opened_open(runtime, id, false, &d.opened, err);
    if (r == -ST_ENODATA || r == -ST_ENOENT || r == -ST_ECORRUPT) {
        describe_half_made(&d, id);
        r = 0;
    } else {
        r = r < 0 ? r : describe(&d, err);
    }
    if (r < 0) {
        ctr_opened_done(&d.opened);
        return r;
    }
    if (format == CTR_JSON) {
        spec_state_put(&d.state, writer);
    } else if (format == CTR_QUIET) {
        st_buf_printf(writer->to, "%s\n", id);
    } else {
        r = add_row(row, &d.state);
    }
    ctr_opened_done(&d.opened);
    return r;
}

int ctr_list(const struct ctr_runtime *runtime, enum ctr_format format, struct st_buf *to,
             struct st_err *err)
{
    struct json_writer writer = {.to = to};
    char **names = NULL;
    size_t count = 0;
    int r = read_names(runtime->root, &names, &count, err);
    if (r < 0) {
        return r;
    }
    struct row *rows = calloc(count + 1, sizeof(*rows));
    r = rows == NULL ? -ST_ENOMEM : 0;
    static const char *const head[6] = {"ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"};
    for (size_t j = 0; r == 0 && j < 6; j++) {
        rows[0].cells[j] = strdup(head[j]);
        r = rows[0].cells[j] == NULL ? -ST_ENOMEM : 0;
    }
    if (r == 0 && format == CTR_JSON && count == 0) {
        json_write_null(&writer);
    } else if (r == 0 && format == CTR_JSON) {
        json_write_array(&writer);
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = list_one(runtime, names[i], format, &writer, &rows[i + 1], err);
    }
    if (r == 0 && format == CTR_JSON && count > 0) {
        json_write_end(&writer);
    }
    if (r == 0 && format == CTR_TABLE) {
        write_rows(rows, count + 1, to);
    }
    for (size_t i = 0; rows != NULL && i <= count; i++) {
        for (size_t j = 0; j < 6; j++) {
            free(rows[i].cells[j]);
        }
    }
    free(rows);
    free_names(names, count);
    r = r < 0 ? r : st_buf_status(to);
    return r < 0 ? st_fail_os(err, r, "listing containers") : 0;
}

static bool is_member(const pid_t *pids, size_t count, uint64_t pid)
{
    for (size_t i = 0; i < count; i++) {
        if ((uint64_t)pids[i] == pid) {
            return true;
        }
    }
    return false;
}

/* The column of PID in ps's heading, -1: there is none. */
static int pid_column(const char *heading, size_t length)
{
    int column = 0;
    size_t at = 0;
    while (at < length) {
        while (at < length && heading[at] == ' ') {
            at++;
        }
        size_t end = at;
        while (end < length && heading[end] != ' ') {
            end++;
        }
        if (end - at == 3 && memcmp(heading + at, "PID", 3) == 0) {
            return column;
        }
        column++;
        at = end;
    }
    return -1;
}

static bool line_is_of(const char *line, size_t length, int column, const pid_t *pids, size_t count)
{
    char number[16];
    uint64_t pid;
    size_t at = 0;
    for (;;) {
        while (at < length && line[at] == ' ') {
            at++;
        }
        size_t end = at;
        while (end < length && line[end] != ' ') {
            end++;
        }
        if (column-- == 0) {
            if (end - at >= sizeof(number)) {
                return false;
            }
            memcpy(number, line + at, end - at);
            number[end - at] = '\0';
            return st_parse_u64(number, 10, INT32_MAX, &pid) == 0 && is_member(pids, count, pid);
        }
        if (end >= length) {
            return false;
        }
        at = end;
    }
}

/* The heading and the lines of our processes. */
static int filter_ps(const char *text, const pid_t *pids, size_t count, struct st_buf *to,
                     struct st_err *err)
{
    size_t length = strcspn(text, "\n");
    int column = pid_column(text, length);
    if (column < 0) {
        return st_fail(err, ST_EINVAL, "couldn't find PID field in ps output");
    }
    st_buf_append(to, text, length);
    st_buf_char(to, '\n');
    for (text += length; *text == '\n'; text += length) {
        text++;
        length = strcspn(text, "\n");
        if (line_is_of(text, length, column, pids, count)) {
            st_buf_append(to, text, length);
            st_buf_char(to, '\n');
        }
    }
    return st_buf_status(to);
}

static int run_ps(char **args, struct st_buf *to, struct st_err *err)
{
    static const char *const usual[] = {"ps", "-ef", NULL};
    static const char *const paths[] = {"/usr/bin/ps", "/bin/ps"};
    size_t count = 0;
    int ends[2], child = -1;
    siginfo_t info = {0};
    while (args[count] != NULL) {
        count++;
    }
    st_auto(free) const char **argv = calloc(count + 2, sizeof(*argv));
    if (argv == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    argv[0] = "ps";
    for (size_t i = 0; i < count; i++) {
        argv[i + 1] = args[i];
    }
    int r = os_pipe(ends, 0);
    if (r < 0) {
        return st_fail_os(err, r, "making a pipe");
    }
    st_auto(fd) int from = ends[0];
    st_auto(fd) int into = ends[1];
    r = -ST_ENOENT;
    for (size_t i = 0; r == -ST_ENOENT && i < ST_COUNT(paths); i++) {
        const struct os_spawn spawn = {.path = paths[i],
                                       .argv = count == 0 ? usual : argv,
                                       .stdin_fd = -1,
                                       .stdout_fd = into,
                                       .stderr_fd = 2};
        r = os_spawn(&spawn, &child);
    }
    st_auto(fd) int pidfd = child;
    os_close(&into);
    if (r >= 0) {
        r = os_read_all(from, to);
        (void)os_waitid(P_PIDFD, (unsigned)pidfd, &info, WEXITED);
    }
    if (r < 0) {
        return st_fail_os(err, r, "running ps");
    }
    return os_exit_code(&info) == 0 ? 0 : st_fail(err, ST_EINVAL, "ps failed");
}

int ctr_ps(const struct ctr_runtime *runtime, const char *id, enum ctr_format format, char **args,
           struct st_buf *to, struct st_err *err)
{
    st_auto(ctr_opened) struct ctr_opened opened;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(PS_MAX);
    st_auto(free) pid_t *pids = NULL;
    size_t count = 0;
    int r = ctr_opened_open(runtime, id, false, &opened, err);
    if (r == 0) {
        r = ctr_cgroup_pids(&opened.cgroup, &pids, &count, err);
    }
    if (r < 0) {
        return r;
    }
    if (format == CTR_JSON) {
        struct json_writer writer = {.to = to};
        json_write_array(&writer);
        for (size_t i = 0; i < count; i++) {
            json_write_i64(&writer, pids[i]);
        }
        json_write_end(&writer);
        st_buf_char(to, '\n');
        return st_buf_status(to);
    }
    r = run_ps(args, &text, err);
    return r < 0 ? r : filter_ps(st_buf_string(&text), pids, count, to, err);
}

int ctr_pause(const struct ctr_runtime *runtime, const char *id, struct st_err *err)
{
    st_auto(ctr_opened) struct ctr_opened opened;
    int r = ctr_opened_open(runtime, id, true, &opened, err);
    if (r < 0) {
        return r;
    }
    int status = ctr_status_of(opened.folder, &opened.record, true, NULL, err);
    if (status < 0) {
        return status;
    }
    if (status != SPEC_STATUS_RUNNING && status != SPEC_STATUS_CREATED) {
        return st_fail(err, ST_ESTATE, "container not running or created: %s",
                       spec_status_name((enum spec_status)status));
    }
    return ctr_cgroup_freeze(&opened.cgroup, err);
}

int ctr_resume(const struct ctr_runtime *runtime, const char *id, struct st_err *err)
{
    st_auto(ctr_opened) struct ctr_opened opened;
    int r = ctr_opened_open(runtime, id, true, &opened, err);
    if (r < 0) {
        return r;
    }
    int status = ctr_status_of(opened.folder, &opened.record, true, NULL, err);
    if (status < 0) {
        return status;
    }
    if (status != SPEC_STATUS_PAUSED) {
        return st_fail(err, ST_ESTATE, "container not paused");
    }
    return ctr_cgroup_thaw(&opened.cgroup, err);
}
