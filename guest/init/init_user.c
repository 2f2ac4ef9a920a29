/* Who a process is: looked up in the root that it is in, as for containers. */
#include "init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format/fmt_users.h"

enum { FILE_MAX = 4 << 20, GROUPS_MAX = 1024, CAPABILITIES = 64 };

/* The user's and its groups' numbers. */
struct identity {
    uid_t uid;
    gid_t gid;
    gid_t groups[GROUPS_MAX];
    unsigned count;
};

/* The whole file, or nothing. */
static struct fmt_users_text read_file(const char *path)
{
    struct fmt_users_text text = {"", 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char *bytes = fd < 0 ? NULL : malloc(FILE_MAX);
    ssize_t got = 1;

    while (bytes != NULL && text.length < FILE_MAX &&
           (got = read(fd, bytes + text.length, FILE_MAX - text.length)) > 0) {
        text.length += (size_t)got;
    }
    text.at = bytes == NULL ? "" : bytes;
    if (fd >= 0) {
        close(fd);
    }
    return text;
}

static void add_group(struct identity *to, gid_t gid)
{
    for (unsigned i = 0; i < to->count; i++) {
        if (to->groups[i] == gid) {
            return;
        }
    }
    if (to->count < GROUPS_MAX) {
        to->groups[to->count++] = gid;
    }
}

static struct fmt_users_text text_of(const char *text, size_t length)
{
    return (struct fmt_users_text){text, length};
}

/* USER[:GROUP] in the files of the root. */
static void look_up(const char *user, struct fmt_users_text groups, struct identity *to,
                    int report_fd, const char **ret_home)
{
    struct fmt_users_text passwd = read_file("/etc/passwd");
    size_t length = strcspn(user, ":");
    const char *group = user[length] == ':' ? user + length + 1 : "";
    struct fmt_user found = {0};
    int r = fmt_user_find(passwd, length == 0 ? text_of("0", 1) : text_of(user, length), &found);

    if (r < 0) {
        init_give_up(report_fd, INIT_CODE_FAILED,
                     "unable to find user %.*s: no matching entries in passwd file", (int)length,
                     user);
    }
    to->uid = found.uid;
    to->gid = found.gid;
    *ret_home = r > 0 ? strndup(found.home.at, found.home.length) : "/";
    if (*group != '\0') {
        if (fmt_group_find(groups, text_of(group, strlen(group)), &to->gid) < 0) {
            init_give_up(report_fd, INIT_CODE_FAILED,
                         "unable to find group %s: no matching entries in group file", group);
        }
        add_group(to, to->gid);
        return;
    }
    add_group(to, to->gid); /* first, so that it cannot be given up alone */
    uint32_t gid;
    for (size_t at = 0; r > 0 && fmt_group_next(groups, found.name, &at, &gid);) {
        add_group(to, gid);
    }
}

/* Leaves what the mask has in the bounding set. */
static bool bound(uint64_t keep)
{
    for (unsigned i = 0; i < CAPABILITIES; i++) {
        if ((keep >> i & 1) == 0 && prctl(PR_CAPBSET_READ, i, 0, 0, 0) == 1 &&
            prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0) {
            return false;
        }
    }
    return true;
}

/* A user that is not root has capabilities through files alone. */
static bool apply(uint64_t mask)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct now[2], sets[2];

    if (syscall(SYS_capget, &head, now) < 0) {
        return false;
    }
    for (unsigned i = 0; i < 2; i++) {
        uint32_t part = (uint32_t)(mask >> (32 * i)) & now[i].permitted;
        sets[i] = (struct __user_cap_data_struct){.effective = part, .permitted = part};
    }
    return syscall(SYS_capset, &head, sets) == 0;
}

void init_become(const struct init_process *process, int report_fd, const char **ret_home)
{
    static struct identity identity;
    struct fmt_users_text groups = read_file("/etc/group");

    identity = (struct identity){.uid = process->uid, .gid = process->gid};
    if (process->user != NULL) {
        look_up(process->user, groups, &identity, report_fd, ret_home);
    }
    for (unsigned i = 0; i < process->groups_count; i++) {
        const char *group = process->groups[i];
        uint32_t gid;
        if (fmt_group_find(groups, text_of(group, strlen(group)), &gid) < 0) {
            init_give_up(report_fd, INIT_CODE_FAILED, "Unable to find group %s", group);
        }
        add_group(&identity, gid);
    }
    if ((process->bounded && !bound(process->capabilities)) ||
        setgroups(identity.count, identity.groups) < 0 ||
        setresgid(identity.gid, identity.gid, identity.gid) < 0 ||
        setresuid(identity.uid, identity.uid, identity.uid) < 0 ||
        (process->bounded && !apply(process->capabilities))) {
        init_give_up(report_fd, INIT_CODE_FAILED, "becoming the user: %s", init_error());
    }
}
