/* The numbers of a container's cgroups, in the shape of runc's `events --stats`. What a kernel or
 * version does not count is zero or left out. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_cgroup_priv.h"
#include "os/os_dir.h"
#include "os/os_file.h"

enum { MAX_TEXT = 1 << 16 };

static uint64_t number(const struct ctr_cgroup_hierarchy *hierarchy, const char *file)
{
    uint64_t value;
    if (hierarchy == NULL || ctr_cgroup_read_number(hierarchy, file, &value) < 0) {
        return 0;
    }
    return value;
}

static uint64_t keyed(const char *text, const char *key)
{
    uint64_t value;
    return ctr_cgroup_keyed(text, key, &value) ? value : 0;
}

/* The whole text of a file into buf, which was emptied; "" when it is not there. */
static const char *text_of(const struct ctr_cgroup_hierarchy *hierarchy, const char *file,
                           struct st_buf *buf)
{
    char path[PATH_MAX];
    st_buf_reset(buf);
    if (hierarchy == NULL || ctr_cgroup_file(hierarchy, file, path, sizeof(path)) < 0 ||
        os_read_file(AT_FDCWD, path, buf) < 0) {
        st_buf_reset(buf);
    }
    return st_buf_string(buf);
}

static void put_field(struct st_buf *to, const char *before, const char *name, uint64_t value)
{
    st_buf_printf(to, "%s\"%s\":%llu", before, name, (unsigned long long)value);
}

static void put_percpu(struct st_buf *to, const struct ctr_cgroup_hierarchy *hierarchy,
                       struct st_buf *scratch)
{
    (void)text_of(hierarchy, "cpuacct.usage_percpu", scratch);
    char *rest = scratch->data;
    const char *separator = ",\"percpu\":[";
    bool any = false;
    for (char *word; rest != NULL && (word = strtok_r(NULL, " \n", &rest)) != NULL;) {
        uint64_t value;
        if (st_parse_u64(word, 10, UINT64_MAX, &value) == 0) {
            st_buf_printf(to, "%s%llu", separator, (unsigned long long)value);
            separator = ",";
            any = true;
        }
    }
    if (any) {
        st_buf_char(to, ']');
    }
}

static void put_throttling(struct st_buf *to, const char *text, uint64_t time_unit_ns,
                           const char *time_key)
{
    put_field(to, ",\"throttling\":{", "periods", keyed(text, "nr_periods"));
    put_field(to, ",", "throttledPeriods", keyed(text, "nr_throttled"));
    put_field(to, ",", "throttledTime", keyed(text, time_key) * time_unit_ns);
    st_buf_char(to, '}');
}

static void put_cpu(struct ctr_cgroup *cgroup, struct st_buf *to, struct st_buf *scratch)
{
    struct ctr_cgroup_hierarchy *account = ctr_cgroup_find(cgroup, CTR_CPUACCT);
    struct ctr_cgroup_hierarchy *v2 = ctr_cgroup_v2(cgroup);
    if (account == NULL && v2 != NULL) {
        /* Version 2 counts time in every cgroup, without a controller, in microseconds. */
        const char *text = text_of(v2, "cpu.stat", scratch);
        put_field(to, "\"cpu\":{\"usage\":{", "total", keyed(text, "usage_usec") * 1000);
        put_field(to, ",", "kernel", keyed(text, "system_usec") * 1000);
        put_field(to, ",", "user", keyed(text, "user_usec") * 1000);
        st_buf_char(to, '}');
        put_throttling(to, text, 1000, "throttled_usec");
    } else {
        put_field(to, "\"cpu\":{\"usage\":{", "total", number(account, "cpuacct.usage"));
        put_percpu(to, account, scratch);
        put_field(to, ",", "kernel", number(account, "cpuacct.usage_sys"));
        put_field(to, ",", "user", number(account, "cpuacct.usage_user"));
        st_buf_char(to, '}');
        put_throttling(to, text_of(ctr_cgroup_find(cgroup, CTR_CPU), "cpu.stat", scratch), 1,
                       "throttled_time");
    }
    st_buf_char(to, '}');
}

static void put_memory_entry(struct st_buf *to, const char *name, uint64_t limit, uint64_t usage,
                             uint64_t most, uint64_t failures)
{
    st_buf_printf(to, ",\"%s\":{", name);
    put_field(to, "", "limit", limit);
    put_field(to, ",", "usage", usage);
    put_field(to, ",", "max", most);
    put_field(to, ",", "failcnt", failures);
    st_buf_char(to, '}');
}

/* Files NAME.limit_in_bytes, NAME.usage_in_bytes and so on. */
static void put_memory_v1(struct st_buf *to, const struct ctr_cgroup_hierarchy *hierarchy,
                          const char *name, const char *prefix)
{
    static const char *const kinds[] = {"limit_in_bytes", "usage_in_bytes", "max_usage_in_bytes",
                                        "failcnt"};
    uint64_t values[ST_COUNT(kinds)];
    char file[64];
    for (size_t i = 0; i < ST_COUNT(kinds); i++) {
        st_snprintf(file, sizeof(file), "%s.%s", prefix, kinds[i]);
        values[i] = number(hierarchy, file);
    }
    put_memory_entry(to, name, values[0], values[1], values[2], values[3]);
}

/* memory.stat as an object. Its keys are words of the kernel's. */
static void put_raw(struct st_buf *to, char *text)
{
    char *rest = text;
    const char *separator = ",\"raw\":{";
    for (char *line; rest != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL;) {
        char *value = strchr(line, ' ');
        uint64_t parsed;
        if (value == NULL || strchr(line, '"') != NULL || strchr(line, '\\') != NULL) {
            continue;
        }
        *value++ = '\0';
        if (st_parse_u64(value, 10, UINT64_MAX, &parsed) == 0) {
            put_field(to, separator, line, parsed);
            separator = ",";
        }
    }
    st_buf_text(to, separator[1] == '\0' ? "}" : ",\"raw\":{}");
}

static void put_memory(struct ctr_cgroup *cgroup, struct st_buf *to, struct st_buf *scratch)
{
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(cgroup, CTR_MEMORY);
    const char *text = text_of(hierarchy, "memory.stat", scratch);
    bool v2 = hierarchy != NULL && hierarchy->v2;
    put_field(to, ",\"memory\":{", "cache", keyed(text, v2 ? "file" : "cache"));
    if (v2) {
        char events[512] = "";
        (void)ctr_cgroup_read(hierarchy, "memory.events", events, sizeof(events));
        uint64_t used = number(hierarchy, "memory.current");
        put_memory_entry(to, "usage", number(hierarchy, "memory.max"), used,
                         number(hierarchy, "memory.peak"), keyed(events, "max"));
        uint64_t swap_limit = number(hierarchy, "memory.swap.max");
        uint64_t limit = number(hierarchy, "memory.max");
        bool unlimited = swap_limit == UINT64_MAX || limit == UINT64_MAX;
        /* With swap, as version 1 counts it. */
        put_memory_entry(to, "swap", unlimited ? UINT64_MAX : swap_limit + limit,
                         used + number(hierarchy, "memory.swap.current"), 0, 0);
    } else {
        put_memory_v1(to, hierarchy, "usage", "memory");
        put_memory_v1(to, hierarchy, "swap", "memory.memsw");
        put_memory_v1(to, hierarchy, "kernel", "memory.kmem");
        put_memory_v1(to, hierarchy, "kernelTCP", "memory.kmem.tcp");
    }
    put_raw(to, scratch->data);
    st_buf_char(to, '}');
}

static void put_pids(struct ctr_cgroup *cgroup, struct st_buf *to)
{
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(cgroup, CTR_PIDS);
    uint64_t limit = number(hierarchy, "pids.max");
    put_field(to, ",\"pids\":{", "current", number(hierarchy, "pids.current"));
    if (limit != UINT64_MAX && limit != 0) {
        put_field(to, ",", "limit", limit);
    }
    st_buf_char(to, '}');
}

/* Reads "8:16"; false for another text (version 1 ends its files with "Total 0"). */
static bool read_device(char *word, uint64_t *ret_major, uint64_t *ret_minor)
{
    char *colon = word == NULL ? NULL : strchr(word, ':');
    if (colon == NULL) {
        return false;
    }
    *colon = '\0';
    return st_parse_u64(word, 10, UINT32_MAX, ret_major) == 0 &&
           st_parse_u64(colon + 1, 10, UINT32_MAX, ret_minor) == 0;
}

static void put_io_entry(struct st_buf *to, const char **separator, uint64_t major, uint64_t minor,
                         const char *operation, uint64_t value)
{
    st_buf_printf(to, "%s{\"major\":%llu,\"minor\":%llu,\"op\":\"%s\",\"value\":%llu}", *separator,
                  (unsigned long long)major, (unsigned long long)minor, operation,
                  (unsigned long long)value);
    *separator = ",";
}

static const char *known_operation(const char *word)
{
    static const char *const operations[] = {"Read", "Write", "Sync", "Async", "Discard", "Total"};
    for (size_t i = 0; word != NULL && i < ST_COUNT(operations); i++) {
        if (strcmp(word, operations[i]) == 0) {
            return operations[i];
        }
    }
    return NULL;
}

/* Lines "8:16 Read 4096". */
static void put_io_v1(struct st_buf *to, const struct ctr_cgroup_hierarchy *hierarchy,
                      const char *name, const char *file, struct st_buf *scratch)
{
    const char *separator = "";
    (void)text_of(hierarchy, file, scratch);
    char *rest = scratch->data;
    st_buf_printf(to, "\"%s\":[", name);
    for (char *line; rest != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL;) {
        uint64_t major;
        uint64_t minor;
        uint64_t value;
        char *words = line;
        char *device = strtok_r(NULL, " ", &words);
        const char *operation = known_operation(words == NULL ? NULL : strtok_r(NULL, " ", &words));
        if (read_device(device, &major, &minor) && operation != NULL && words != NULL &&
            st_parse_u64(words, 10, UINT64_MAX, &value) == 0) {
            put_io_entry(to, &separator, major, minor, operation, value);
        }
    }
    st_buf_char(to, ']');
}

/* Lines "8:16 rbytes=1 wbytes=2 rios=3 wios=4 ...", of which one list takes two keys. */
static void put_io_v2(struct st_buf *to, const struct ctr_cgroup_hierarchy *hierarchy,
                      const char *name, const char *read_key, const char *write_key,
                      struct st_buf *scratch)
{
    const char *separator = "";
    (void)text_of(hierarchy, "io.stat", scratch);
    char *rest = scratch->data;
    st_buf_printf(to, "\"%s\":[", name);
    for (char *line; rest != NULL && (line = strtok_r(NULL, "\n", &rest)) != NULL;) {
        uint64_t major;
        uint64_t minor;
        uint64_t value;
        char *words = line;
        if (!read_device(strtok_r(NULL, " ", &words), &major, &minor)) {
            continue;
        }
        for (char *word; words != NULL && (word = strtok_r(NULL, " ", &words)) != NULL;) {
            const char *text = st_after_prefix(word, read_key);
            const char *operation = "Read";
            if (text == NULL) {
                text = st_after_prefix(word, write_key);
                operation = "Write";
            }
            if (text != NULL && st_parse_u64(text, 10, UINT64_MAX, &value) == 0) {
                put_io_entry(to, &separator, major, minor, operation, value);
            }
        }
    }
    st_buf_char(to, ']');
}

static void put_block_io(struct ctr_cgroup *cgroup, struct st_buf *to, struct st_buf *scratch)
{
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(cgroup, CTR_BLKIO);
    st_buf_text(to, ",\"blkio\":{");
    if (hierarchy != NULL && hierarchy->v2) {
        put_io_v2(to, hierarchy, "ioServiceBytesRecursive", "rbytes=", "wbytes=", scratch);
        st_buf_char(to, ',');
        put_io_v2(to, hierarchy, "ioServicedRecursive", "rios=", "wios=", scratch);
    } else {
        put_io_v1(to, hierarchy, "ioServiceBytesRecursive",
                  "blkio.throttle.io_service_bytes_recursive", scratch);
        st_buf_char(to, ',');
        put_io_v1(to, hierarchy, "ioServicedRecursive", "blkio.throttle.io_serviced_recursive",
                  scratch);
    }
    st_buf_char(to, '}');
}

/* One entry for each page size, which the names of the files tell. */
static void put_hugepages(struct ctr_cgroup *cgroup, struct st_buf *to)
{
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(cgroup, CTR_HUGETLB);
    char path[PATH_MAX];
    const char *separator = "";
    st_auto(os_dir) struct os_dir *dir = NULL;
    st_buf_text(to, ",\"hugetlb\":{");
    if (hierarchy != NULL && ctr_cgroup_file(hierarchy, NULL, path, sizeof(path)) >= 0 &&
        os_dir_open(AT_FDCWD, path, &dir) >= 0) {
        const char *limit_end = hierarchy->v2 ? ".max" : ".limit_in_bytes";
        const char *name;
        unsigned char type;
        while (os_dir_next(dir, &name, &type) > 0) {
            const char *size = st_after_prefix(name, "hugetlb.");
            char file[NAME_MAX + 32];
            if (size == NULL || !st_ends_with(size, limit_end) || strstr(size, ".rsvd.") != NULL) {
                continue;
            }
            int length = (int)(strlen(size) - strlen(limit_end));
            st_buf_printf(to, "%s\"%.*s\":{", separator, length, size);
            st_snprintf(file, sizeof(file), "hugetlb.%.*s.%s", length, size,
                        hierarchy->v2 ? "current" : "usage_in_bytes");
            put_field(to, "", "usage", number(hierarchy, file));
            st_snprintf(file, sizeof(file), "hugetlb.%.*s.max_usage_in_bytes", length, size);
            put_field(to, ",", "max", hierarchy->v2 ? 0 : number(hierarchy, file));
            st_snprintf(file, sizeof(file), "hugetlb.%.*s.failcnt", length, size);
            put_field(to, ",", "failcnt", hierarchy->v2 ? 0 : number(hierarchy, file));
            st_buf_char(to, '}');
            separator = ",";
        }
    }
    st_buf_char(to, '}');
}

int ctr_cgroup_stats(struct ctr_cgroup *cgroup, struct st_buf *to, struct st_err *err)
{
    st_auto(buf) struct st_buf scratch = ST_BUF_HEAP(MAX_TEXT);
    if (cgroup->count == 0) {
        return st_fail(err, ST_ENOTFOUND, "the container has no cgroup");
    }
    st_buf_char(to, '{');
    put_cpu(cgroup, to, &scratch);
    st_buf_text(to, ",\"cpuset\":{}");
    put_memory(cgroup, to, &scratch);
    put_pids(cgroup, to);
    put_block_io(cgroup, to, &scratch);
    put_hugepages(cgroup, to);
    st_buf_text(to, ",\"intel_rdt\":{},\"network_interfaces\":null}");
    int r = st_buf_status(to);
    return r < 0 ? st_fail_os(err, r, "statistics") : 0;
}
