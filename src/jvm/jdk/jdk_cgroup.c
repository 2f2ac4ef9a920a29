/* The limits of control groups: see jdk_cgroup.h. */
#include "jvm/jdk/jdk_cgroup.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "base/str.h"
#include "os/os_file.h"

enum { TABLE_MAX = 1 << 20, VALUE_MAX = 64 };

/* Where the files of one controller are: `length` bytes of the path are the mount's own. */
struct place {
    char path[PATH_MAX];
    size_t length;
    bool unified; /* version 2 */
};

/* Whether a list of words, separated by commas, has the word. */
static bool has_word(const char *list, size_t length, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = list; at < list + length;) {
        const char *comma = memchr(at, ',', (size_t)(list + length - at));
        const char *end = comma != NULL ? comma : list + length;
        if ((size_t)(end - at) == n && memcmp(at, word, n) == 0) {
            return true;
        }
        at = end + 1;
    }
    return false;
}

/* The group of a controller by a line "N:CONTROLLERS:PATH" of /proc/self/cgroup; version 2 has no
 * controllers in its line. NULL: not this one's. Ends the line's text. */
static char *group_of(char *line, const char *controller, bool unified)
{
    char *first = strchr(line, ':');
    char *second = first != NULL ? strchr(first + 1, ':') : NULL;
    if (second == NULL) {
        return NULL;
    }
    size_t length = (size_t)(second - first - 1);
    bool is = unified ? length == 0 : has_word(first + 1, length, controller);
    return is ? second + 1 : NULL;
}

/* The group's path below the mount, or the mount alone where it is of another part of the tree, as
 * it is for a group whose own folder is all that is mounted. */
static void join(struct place *to, const char *root, const char *mount, const char *group)
{
    size_t n = strcmp(root, "/") == 0 ? 0 : strlen(root);
    bool below = strncmp(group, root, n) == 0 && (group[n] == '/' || group[n] == '\0');
    const char *rest = below && strstr(group, "/..") == NULL ? group + n : "";
    (void)snprintf(to->path, sizeof to->path, "%s%s", mount, strcmp(rest, "/") == 0 ? "" : rest);
    to->length = strlen(mount);
}

/* A line of /proc/self/mountinfo: "ID PARENT DEV ROOT MOUNT OPTIONS ... - TYPE SOURCE SUPER". */
static bool take_mount(char *line, const char *controller, bool unified, const char *group,
                       struct place *to)
{
    char *fields[5];
    char *rest = line;
    for (unsigned i = 0; i < ST_COUNT(fields); i++) {
        fields[i] = strsep(&rest, " ");
        if (rest == NULL) {
            return false;
        }
    }
    char *behind = strstr(rest, " - ");
    if (behind == NULL) {
        return false;
    }
    behind += 3;
    const char *type = strsep(&behind, " ");
    const char *super = behind != NULL ? strchr(behind, ' ') : NULL;
    bool is = unified ? strcmp(type, "cgroup2") == 0
                      : strcmp(type, "cgroup") == 0 && super != NULL &&
                            has_word(super + 1, strlen(super + 1), controller);
    if (is) {
        join(to, fields[3], fields[4], group);
    }
    return is;
}

/* Calls for each line with its newline taken away, until one says true. */
#define EACH_LINE(text, line)                                                                      \
    for (char *rest_ = (text), *line = strsep(&rest_, "\n"); line != NULL;                         \
         line = strsep(&rest_, "\n"))

static bool find(const char *controller, bool unified, struct place *to)
{
    st_auto(buf) struct st_buf groups = ST_BUF_HEAP(TABLE_MAX);
    st_auto(buf) struct st_buf mounts = ST_BUF_HEAP(TABLE_MAX);
    const char *group = NULL;
    if (os_read_file(AT_FDCWD, "/proc/self/cgroup", &groups) < 0) {
        return false;
    }
    EACH_LINE(groups.data, line)
    {
        group = group != NULL ? group : group_of(line, controller, unified);
    }
    if (group == NULL || os_read_file(AT_FDCWD, "/proc/self/mountinfo", &mounts) < 0) {
        return false;
    }
    to->unified = unified;
    EACH_LINE(mounts.data, line)
    {
        if (take_mount(line, controller, unified, group, to)) {
            return true;
        }
    }
    return false;
}

/* The file's text in the group's folder. */
static bool read_value(const struct place *place, const char *name, char *text)
{
    char path[PATH_MAX + VALUE_MAX];
    (void)snprintf(path, sizeof path, "%s/%s", place->path, name);
    return os_read_text(AT_FDCWD, path, text, VALUE_MAX) > 0;
}

static uint64_t memory_of(const struct place *place)
{
    char text[VALUE_MAX];
    uint64_t bytes;
    if (!read_value(place, place->unified ? "memory.max" : "memory.limit_in_bytes", text) ||
        st_parse_u64(text, 10, UINT64_MAX, &bytes) < 0) { /* "max" where there is none */
        return 0;
    }
    return bytes < INT64_MAX / 4096 * 4096 ? bytes : 0; /* version 1 has it for "no limit" */
}

static uint64_t processors_of(const struct place *place)
{
    char text[VALUE_MAX], second[VALUE_MAX];
    char *end = text;
    if (!read_value(place, place->unified ? "cpu.max" : "cpu.cfs_quota_us", text)) {
        return 0;
    }
    long long used = strtoll(text, &end, 10); /* "max 100000", or -1, where there is none */
    if (used <= 0 || (!place->unified && !read_value(place, "cpu.cfs_period_us", end = second))) {
        return 0;
    }
    long long period = strtoll(end, NULL, 10);
    return period > 0 ? (uint64_t)((used + period - 1) / period) : 0;
}

/* The least of all groups from the own one up. A controller is in one hierarchy. */
static uint64_t least(const char *controller, uint64_t (*of)(const struct place *place))
{
    struct place place;
    uint64_t result = 0;
    if (!find(controller, false, &place) && !find(controller, true, &place)) {
        return 0;
    }
    for (;;) {
        uint64_t one = of(&place);
        result = one != 0 && (result == 0 || one < result) ? one : result;
        char *slash = strrchr(place.path, '/');
        if (slash == NULL || (size_t)(slash - place.path) < place.length) {
            return result;
        }
        *slash = '\0';
    }
}

uint64_t jdk_cgroup_memory(void)
{
    return least("memory", memory_of);
}

int jdk_cgroup_processors(void)
{
    uint64_t count = least("cpu", processors_of);
    return count < INT_MAX ? (int)count : INT_MAX;
}
