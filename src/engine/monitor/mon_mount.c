/* Mounts an instance's root folder: see mon_mount.h. */
#include "engine/monitor/mon_mount.h"

#include <linux/stat.h>
#include <sched.h>
#include <sys/syscall.h>

#include "base/print.h"
#include "base/str.h"
#include "os/os_file.h"
#include "os/os_mount.h"
#include "os/os_process.h"

/* Flags of mount(2), which <linux/mount.h> has too. */
enum { OPTIONS_MAX = 4096, PATH_SIZE = 4096 };

/* Keeps what is mounted below path out of the host's namespace, and leaves every other mount's
 * propagation as the host has it, since bind mounts with "shared" and "slave" depend on it. */
static int cut_propagation(char *path)
{
    struct statx stat;

    for (;;) {
        int r = os_statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_TYPE, &stat);
        if (r < 0) {
            return r;
        }
        if (stat.stx_attributes & STATX_ATTR_MOUNT_ROOT) {
            return os_mount(NULL, path, NULL, MS_SLAVE, NULL);
        }
        char *slash = __builtin_strrchr(path, '/');
        if (slash == NULL || st_streq(path, "/")) {
            return -ST_EINVAL;
        }
        *(slash == path ? slash + 1 : slash) = 0;
    }
}

/* The layers one by one, for images whose options do not fit a page (Linux 6.5). */
static int mount_by_parts(const char *lower, const char *upper, const char *work,
                          const char *target)
{
    char layer[PATH_SIZE];
    st_auto(fd) int fs = os_fsopen("overlay", FSOPEN_CLOEXEC);
    int r = fs;

    while (r >= 0 && *lower != 0) {
        size_t n = 0;
        while (*lower != 0 && *lower != ':' && n < sizeof(layer) - 1) {
            layer[n++] = *lower++;
        }
        layer[n] = 0;
        lower += *lower == ':';
        r = os_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", layer, 0);
    }
    r = r < 0 ? r : os_fsconfig(fs, FSCONFIG_SET_STRING, "upperdir", upper, 0);
    r = r < 0 ? r : os_fsconfig(fs, FSCONFIG_SET_STRING, "workdir", work, 0);
    r = r < 0 ? r : os_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    if (r < 0) {
        return r;
    }
    st_auto(fd) int mount = os_fsmount(fs, FSMOUNT_CLOEXEC, 0);
    return mount < 0 ? mount : os_move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

static int mount_overlay(const struct mon_config *config, const char *upper, const char *work,
                         const char *target)
{
    static char options[OPTIONS_MAX];
    int r = os_chdir(config->layers);

    if (r < 0) {
        return r;
    }
    size_t length = st_snprintf(options, sizeof(options), "lowerdir=%s,upperdir=%s,workdir=%s",
                                config->lower, upper, work);
    return length < sizeof(options) ? os_mount("overlay", target, "overlay", 0, options)
                                    : mount_by_parts(config->lower, upper, work, target);
}

/* upper and work on a tmpfs below the current folder: gone with the namespace. */
static int mount_memory(const char *here, char *ret_upper, char *ret_work)
{
    st_snprintf(ret_upper, PATH_SIZE, "%s/rw", here);
    int r = os_mount("tmpfs", ret_upper, "tmpfs", MS_NOATIME, "mode=0755");

    st_snprintf(ret_upper, PATH_SIZE, "%s/rw/upper", here);
    st_snprintf(ret_work, PATH_SIZE, "%s/rw/work", here);
    r = r < 0 ? r : os_mkdirat(AT_FDCWD, ret_upper, 0755);
    return r < 0 ? r : os_mkdirat(AT_FDCWD, ret_work, 0755);
}

int mon_mount_root(const struct mon_config *config, int *ret_home, const char **ret_what)
{
    static char here[PATH_SIZE];
    static char scratch[PATH_SIZE];
    static char upper[PATH_SIZE];
    static char work[PATH_SIZE];

    *ret_what = "mount namespace";
    *ret_home = os_open("/proc/self/ns/mnt", O_RDONLY, 0);
    int r = *ret_home < 0 ? *ret_home : os_unshare(CLONE_NEWNS);
    r = r < 0 ? r : os_getcwd(here, sizeof(here) - 64);
    if (r < 0) {
        return r;
    }
    st_strcopy(scratch, sizeof(scratch), here);
    r = cut_propagation(scratch);
    if (r >= 0 && config->upper == NULL) {
        *ret_what = "memory for the root";
        r = mount_memory(here, upper, work);
    }
    if (r < 0) {
        return r;
    }
    *ret_what = "overlay of the image";
    st_snprintf(scratch, sizeof(scratch), "%s/rootfs", here);
    r = mount_overlay(config, config->upper != NULL ? config->upper : upper,
                      config->work != NULL ? config->work : work, scratch);
    if (r >= 0) {
        r = os_chdir(here);
    }
    return r < 0 ? r : os_open(scratch, O_PATH | O_DIRECTORY, 0);
}
