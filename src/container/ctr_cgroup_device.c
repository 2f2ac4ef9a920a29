/* Putting the device list in force: written to the devices controller of version 1, or as a program
 * attached to the cgroup of version 2. */
#include <fcntl.h>
#include <limits.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "container/ctr_cgroup_priv.h"
#include "container/ctr_device.h"
#include "os/os_file.h"
#include "os/os_security.h"
#include "spec/spec_runtime.h"

/* The most programs that others may have attached to a container's cgroup. */
enum { MAX_ATTACHED = 64 };

/* Of devices.list, in bytes. */
enum { MAX_LIST = 1 << 20 };

static int write_rule(int allow_fd, int deny_fd, const struct ctr_device_rule *rule)
{
    char text[CTR_DEVICE_TEXT];
    ctr_device_rule_text(rule, text);
    ssize_t r = os_write(rule->allow ? allow_fd : deny_fd, text, strlen(text));
    return r < 0 ? (int)r : 0;
}

static int open_control(const struct ctr_cgroup_hierarchy *hierarchy, const char *file)
{
    char path[PATH_MAX];
    int r = ctr_cgroup_file(hierarchy, file, path, sizeof(path));
    return r < 0 ? r : os_open(path, O_WRONLY, 0);
}

static int write_rules(int allow_fd, int deny_fd, const struct ctr_device_list *list)
{
    int r = 0;
    for (size_t i = 0; i < list->count && r == 0; i++) {
        r = write_rule(allow_fd, deny_fd, &list->rules[i]);
    }
    return r;
}

/* Denies what the lines of a devices.list allow and the new list does not. */
static int deny_others(int deny_fd, char *lines, const struct ctr_device_list *list)
{
    int r = 0;
    for (const char *line; r == 0 && (line = strsep(&lines, "\n")) != NULL;) {
        struct ctr_device_rule rule;
        if (ctr_device_rule_parse(line, &rule) == 0) {
            rule.allow = false;
            rule.access &= (uint8_t)~ctr_device_access(list, &rule);
            r = rule.access == 0 ? 0 : write_rule(-1, deny_fd, &rule);
        }
    }
    return r;
}

/* On an update processes find at no time less allowed than both lists allow. */
static int apply_v1(const struct ctr_cgroup_hierarchy *hierarchy,
                    const struct ctr_device_list *list, bool update)
{
    st_auto(fd) int allow_fd = open_control(hierarchy, "devices.allow");
    if (allow_fd < 0) {
        return allow_fd;
    }
    st_auto(fd) int deny_fd = open_control(hierarchy, "devices.deny");
    if (deny_fd < 0) {
        return deny_fd;
    }
    st_auto(buf) struct st_buf old = ST_BUF_HEAP(MAX_LIST);
    char path[PATH_MAX];
    int r = ctr_cgroup_file(hierarchy, "devices.list", path, sizeof(path));
    if (r == 0 && update) {
        r = os_read_file(AT_FDCWD, path, &old);
    }
    if (r < 0) {
        return r;
    }
    /* A cgroup that allows all devices does not say which it denies. */
    if (update && !list->allow && old.length > 0 && old.data[0] != 'a') {
        r = write_rules(allow_fd, deny_fd, list);
        return r < 0 ? r : deny_others(deny_fd, old.data, list);
    }
    ssize_t wrote = os_write(list->allow ? allow_fd : deny_fd, "a", 1);
    return wrote < 0 ? (int)wrote : write_rules(allow_fd, deny_fd, list);
}

static int load_program(const struct ctr_device_list *list)
{
    st_auto(free) struct bpf_insn *program = NULL;
    size_t count;
    int r = ctr_device_program(list, &program, &count);
    if (r < 0) {
        return r;
    }
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    attr.insn_cnt = (uint32_t)count;
    attr.insns = (uintptr_t)program;
    attr.license = (uintptr_t) "Apache-2.0";
    memcpy(attr.prog_name, "strata_devices", sizeof("strata_devices"));
    return os_bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int attach(int cgroup_fd, int program_fd, int replaced_fd)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)cgroup_fd;
    attr.attach_bpf_fd = (uint32_t)program_fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    attr.attach_flags = BPF_F_ALLOW_MULTI;
    if (replaced_fd >= 0) {
        attr.attach_flags |= BPF_F_REPLACE;
        attr.replace_bpf_fd = (uint32_t)replaced_fd;
    }
    return os_bpf(BPF_PROG_ATTACH, &attr, sizeof(attr));
}

static int query(int cgroup_fd, uint32_t ids[MAX_ATTACHED])
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.query.target_fd = (uint32_t)cgroup_fd;
    attr.query.attach_type = BPF_CGROUP_DEVICE;
    attr.query.prog_ids = (uintptr_t)ids;
    attr.query.prog_cnt = MAX_ATTACHED;
    int r = os_bpf(BPF_PROG_QUERY, &attr, sizeof(attr));
    return r < 0 ? r : (int)attr.query.prog_cnt;
}

static int open_program(uint32_t id)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.prog_id = id;
    return os_bpf(BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr));
}

static void detach(int cgroup_fd, int program_fd)
{
    union bpf_attr attr;
    memset(&attr, 0, sizeof(attr));
    attr.target_fd = (uint32_t)cgroup_fd;
    attr.attach_bpf_fd = (uint32_t)program_fd;
    attr.attach_type = BPF_CGROUP_DEVICE;
    (void)os_bpf(BPF_PROG_DETACH, &attr, sizeof(attr));
}

/* The new program goes in before the old ones go out, so that at no time more is allowed. */
static int replace(int cgroup_fd, int program_fd)
{
    uint32_t ids[MAX_ATTACHED];
    int count = query(cgroup_fd, ids);
    if (count < 0) {
        return count;
    }
    if (count == 1) {
        st_auto(fd) int old = open_program(ids[0]);
        if (old >= 0 && attach(cgroup_fd, program_fd, old) >= 0) {
            return 0;
        }
    }
    int r = attach(cgroup_fd, program_fd, -1);
    for (int i = 0; r >= 0 && i < count; i++) {
        st_auto(fd) int old = open_program(ids[i]);
        if (old >= 0) {
            detach(cgroup_fd, old);
        }
    }
    return r;
}

static int apply_v2(const struct ctr_cgroup_hierarchy *hierarchy,
                    const struct ctr_device_list *list, bool update)
{
    char path[PATH_MAX];
    if (!update && list->allow && list->count == 0) {
        return 0;
    }
    int r = ctr_cgroup_file(hierarchy, NULL, path, sizeof(path));
    if (r < 0) {
        return r;
    }
    st_auto(fd) int cgroup_fd = os_open(path, O_RDONLY | O_DIRECTORY, 0);
    if (cgroup_fd < 0) {
        return cgroup_fd;
    }
    st_auto(fd) int program_fd = load_program(list);
    if (program_fd < 0) {
        return program_fd;
    }
    return update ? replace(cgroup_fd, program_fd) : attach(cgroup_fd, program_fd, -1);
}

int ctr_cgroup_apply_devices(struct ctr_cgroup *cgroup, const struct spec_resources *resources,
                             bool update, struct st_err *err)
{
    if (update && (resources == NULL || resources->devices_count == 0)) {
        return 0;
    }
    struct ctr_cgroup_hierarchy *hierarchy = ctr_cgroup_find(cgroup, CTR_DEVICES);
    if (hierarchy == NULL && cgroup->mode == CTR_CGROUP_V2) {
        hierarchy = ctr_cgroup_v2(cgroup);
    }
    if (hierarchy == NULL) {
        return 0;
    }
    struct ctr_device_list list;
    int r = ctr_device_list_read(resources, &list, err);
    if (r < 0) {
        return r;
    }
    r = hierarchy->v2 ? apply_v2(hierarchy, &list, update) : apply_v1(hierarchy, &list, update);
    ctr_device_list_done(&list);
    if (r < 0 && cgroup->rootless && (r == -ST_EPERM || r == -ST_EACCES)) {
        /* In a user namespace the kernel lets no device node be made or used but the host's own. */
        return 0;
    }
    return r < 0 ? st_fail_os(err, r, "device list of cgroup %s", hierarchy->path) : 0;
}
