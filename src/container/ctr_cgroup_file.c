/* Reading and writing the control files of a container's cgroup, and finding the hierarchy. */
#include <fcntl.h>
#include <limits.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "container/ctr_cgroup_priv.h"
#include "os/os_file.h"

int ctr_cgroup_file(const struct ctr_cgroup_hierarchy *hierarchy, const char *file, char *ret_path,
                    size_t size)
{
    size_t length = st_snprintf(ret_path, size, "%s%s%s%s", hierarchy->mount, hierarchy->path,
                                file != NULL ? "/" : "", file != NULL ? file : "");
    return length < size ? 0 : -ST_ENAMETOOLONG;
}

int ctr_cgroup_write(const struct ctr_cgroup_hierarchy *hierarchy, const char *file,
                     const char *text)
{
    char path[PATH_MAX];
    int r = ctr_cgroup_file(hierarchy, file, path, sizeof(path));
    return r < 0 ? r : os_write_text(AT_FDCWD, path, text);
}

int ctr_cgroup_read(const struct ctr_cgroup_hierarchy *hierarchy, const char *file, char *ret_text,
                    size_t size)
{
    char path[PATH_MAX];
    int r = ctr_cgroup_file(hierarchy, file, path, sizeof(path));
    return r < 0 ? r : os_read_text(AT_FDCWD, path, ret_text, size);
}

int ctr_cgroup_read_number(const struct ctr_cgroup_hierarchy *hierarchy, const char *file,
                           uint64_t *ret_value)
{
    char text[64];
    int r = ctr_cgroup_read(hierarchy, file, text, sizeof(text));
    if (r < 0) {
        return r;
    }
    if (strcmp(text, "max") == 0) {
        *ret_value = UINT64_MAX;
        return 0;
    }
    return st_parse_u64(text, 10, UINT64_MAX, ret_value);
}

bool ctr_cgroup_keyed(const char *text, const char *key, uint64_t *ret_value)
{
    size_t length = strlen(key);
    while (text != NULL && *text != '\0') {
        if (strncmp(text, key, length) == 0 && text[length] == ' ') {
            char number[24];
            const char *start = text + length + 1;
            size_t digits = strcspn(start, "\n");
            if (digits >= sizeof(number)) {
                return false;
            }
            memcpy(number, start, digits);
            number[digits] = '\0';
            return st_parse_u64(number, 10, UINT64_MAX, ret_value) == 0;
        }
        text = strchr(text, '\n');
        text = text == NULL ? NULL : text + 1;
    }
    return false;
}

struct ctr_cgroup_hierarchy *ctr_cgroup_v2(struct ctr_cgroup *cgroup)
{
    for (size_t i = 0; i < cgroup->count; i++) {
        if (cgroup->hierarchies[i].v2) {
            return &cgroup->hierarchies[i];
        }
    }
    return NULL;
}

struct ctr_cgroup_hierarchy *ctr_cgroup_find(struct ctr_cgroup *cgroup,
                                             enum ctr_cgroup_controller controller)
{
    struct ctr_cgroup_hierarchy *v2 = NULL;
    for (size_t i = 0; i < cgroup->count; i++) {
        struct ctr_cgroup_hierarchy *hierarchy = &cgroup->hierarchies[i];
        if (hierarchy->v2) {
            v2 = hierarchy;
        } else if ((hierarchy->controllers & (1u << controller)) != 0) {
            return hierarchy;
        }
    }
    if (v2 != NULL && v2->controllers == 0) {
        char text[256];
        if (ctr_cgroup_read(v2, "cgroup.controllers", text, sizeof(text)) >= 0) {
            v2->controllers = ctr_cgroup_controller_bits(text, " \n");
        }
    }
    return v2 != NULL && (v2->controllers & (1u << controller)) != 0 ? v2 : NULL;
}

struct ctr_cgroup_hierarchy *ctr_cgroup_tasks(struct ctr_cgroup *cgroup)
{
    struct ctr_cgroup_hierarchy *best = ctr_cgroup_v2(cgroup);
    for (size_t i = 0; best == NULL && i < cgroup->count; i++) {
        if ((cgroup->hierarchies[i].controllers & (1u << CTR_FREEZER)) != 0) {
            best = &cgroup->hierarchies[i];
        }
    }
    return best == NULL && cgroup->count != 0 ? &cgroup->hierarchies[0] : best;
}
