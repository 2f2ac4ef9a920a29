/* Setting the machine up: modules, mounts, root, network, names. */
#include "init/init.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    DEVICE_TRIES = 500,
    DEVICE_WAIT_MS = 10,
    TEXT_MAX = 65536,
    SYSCTLS_MAX = 256,
    INIT_MODULE_COMPRESSED = 4,
};

struct setup {
    const char *root, *upper, *hostname, *domain, *address, *gateway, *shm;
    const char *sysctls[SYSCTLS_MAX];
    unsigned sysctls_count;
    struct st_buf resolv, hosts;
};

static int fail(char *ret_error, size_t size, const char *what, const char *which)
{
    snprintf(ret_error, size, "%s %s: %s", what, which, strerror(errno));
    return -1;
}

/* ---- before the host is met ---- */

static void mount_or_log(const char *source, const char *target, const char *type,
                         unsigned long flags, const char *data)
{
    (void)mkdir(target, 0755);
    if (mount(source, target, type, flags, data) < 0 && errno != EBUSY) {
        init_log("mounting %s: %s", target, strerror(errno));
    }
}

void init_mount_first(void)
{
    mount_or_log("dev", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
    mount_or_log("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    mount_or_log("sys", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

void init_load_modules(void)
{
    struct dirent **names;
    int count = scandir("/modules", &names, NULL, alphasort);

    for (int i = 0; i < count; i++) {
        size_t length = strlen(names[i]->d_name);
        bool packed = length > 3 && strcmp(names[i]->d_name + length - 3, ".ko") != 0;
        char path[512];
        int fd;

        if (names[i]->d_name[0] == '.') {
            continue;
        }
        snprintf(path, sizeof path, "/modules/%s", names[i]->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || (syscall(SYS_finit_module, fd, "", packed ? INIT_MODULE_COMPRESSED : 0) < 0 &&
                       errno != EEXIST)) {
            init_log("module %s: %s", names[i]->d_name, strerror(errno));
        }
        close(fd);
    }
}

/* ---- what SETUP asks for ---- */

static bool is(const char *key, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(key, name, length) == 0;
}

static int parse(const struct fmt_agent_record *record, struct setup *setup, char *ret_error,
                 size_t size)
{
    const char *key, *value;
    size_t length;
    uint32_t at = 0;

    while (fmt_agent_next_setting(record, &at, &key, &length, &value)) {
        if (is(key, length, "root")) {
            setup->root = value;
        } else if (is(key, length, "upper")) {
            setup->upper = value;
        } else if (is(key, length, "hostname")) {
            setup->hostname = value;
        } else if (is(key, length, "address")) {
            setup->address = value;
        } else if (is(key, length, "gateway")) {
            setup->gateway = value;
        } else if (is(key, length, "dns")) {
            (void)st_buf_printf(&setup->resolv, "nameserver %s\n", value);
        } else if (is(key, length, "domain")) {
            setup->domain = value;
        } else if (is(key, length, "shm")) {
            setup->shm = value;
        } else if (is(key, length, "sysctl") && setup->sysctls_count < SYSCTLS_MAX) {
            setup->sysctls[setup->sysctls_count++] = value;
        } else if (is(key, length, "dns-option")) {
            (void)st_buf_printf(&setup->resolv, "options %s\n", value);
        } else if (is(key, length, "search")) {
            (void)st_buf_printf(&setup->resolv, "search %s\n", value);
        } else if (is(key, length, "host")) {
            (void)st_buf_printf(&setup->hosts, "%s\n", value);
        } else {
            snprintf(ret_error, size, "the guest's agent does not know the setting %.*s",
                     (int)length, key);
            return -1;
        }
    }
    if (at != record->size || setup->root == NULL) {
        snprintf(ret_error, size, "the settings of the machine are damaged");
        return -1;
    }
    return 0;
}

/* Waits for a device that is still being looked for. */
static void wait_for(const char *path)
{
    const struct timespec wait = {.tv_nsec = DEVICE_WAIT_MS * 1000000L};

    for (unsigned i = 0; i < DEVICE_TRIES && access(path, F_OK) < 0; i++) {
        nanosleep(&wait, NULL);
    }
}

static int mount_root(const struct setup *setup, char *ret_error, size_t size)
{
    (void)mkdir("/lower", 0755);
    (void)mkdir("/writable", 0755);
    (void)mkdir(INIT_ROOT, 0755);
    wait_for(setup->root);
    if (mount(setup->root, "/lower", "erofs", MS_RDONLY, NULL) < 0) {
        return fail(ret_error, size, "mounting the image's root on", setup->root);
    }
    /* A machine that is killed loses a second of what was written, as it would lose power. */
    const char *source = setup->upper != NULL ? setup->upper : "tmpfs";
    const char *type = setup->upper != NULL ? "ext4" : "tmpfs";
    const char *options = setup->upper != NULL ? "commit=1,nodelalloc" : NULL;

    if (setup->upper != NULL) {
        wait_for(setup->upper);
    }
    if (mount(source, "/writable", type, 0, options) < 0) {
        return fail(ret_error, size, "mounting the writable layer on", source);
    }
    (void)mkdir("/writable/upper", 0755);
    (void)mkdir("/writable/work", 0755);
    if (mount("overlay", INIT_ROOT, "overlay", 0,
              "lowerdir=/lower,upperdir=/writable/upper,workdir=/writable/work") < 0) {
        return fail(ret_error, size, "mounting", "the root");
    }
    return 0;
}

void init_unmount(void)
{
    static const char *const paths[] = {INIT_ROOT, "/writable", "/lower"};

    for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        /* What is mounted below goes with it. */
        if (umount2(paths[i], MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT) {
            init_log("unmounting %s: %s", paths[i], strerror(errno));
        }
    }
}

static void link_or_log(const char *target, const char *path)
{
    if (symlink(target, path) < 0 && errno != EEXIST) {
        init_log("link %s: %s", path, strerror(errno));
    }
}

static void mount_in_root(const struct setup *setup)
{
    const unsigned long plain = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    char shm[64];

    snprintf(shm, sizeof shm, "mode=1777%s%.20s",
             setup->shm == NULL ? "" : ",size=", setup->shm == NULL ? "" : setup->shm);

    mount_or_log("dev", INIT_ROOT "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
    mount_or_log("sys", INIT_ROOT "/sys", "sysfs", plain, NULL);
    mount_or_log("cgroup", INIT_ROOT "/sys/fs/cgroup", "cgroup2", plain, NULL);
    mount_or_log("devpts", INIT_ROOT "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
                 "newinstance,ptmxmode=0666,mode=0620,gid=5");
    mount_or_log("shm", INIT_ROOT "/dev/shm", "tmpfs", plain, shm);
    mount_or_log("mqueue", INIT_ROOT "/dev/mqueue", "mqueue", plain, NULL);
    (void)mkdir(INIT_ROOT "/proc", 0755);
    (void)unlink(INIT_ROOT "/dev/ptmx");
    link_or_log("pts/ptmx", INIT_ROOT "/dev/ptmx");
    link_or_log("/proc/self/fd", INIT_ROOT "/dev/fd");
    link_or_log("/proc/self/fd/0", INIT_ROOT "/dev/stdin");
    link_or_log("/proc/self/fd/1", INIT_ROOT "/dev/stdout");
    link_or_log("/proc/self/fd/2", INIT_ROOT "/dev/stderr");
}

/* Writes a file of the root in place of what the image has; a link there is replaced, not followed.
 */
static int write_file(const char *path, const struct st_buf *text, char *ret_error, size_t size)
{
    int fd;

    (void)mkdir(INIT_ROOT "/etc", 0755);
    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, st_buf_string(text), text->length) != (ssize_t)text->length) {
        (void)fail(ret_error, size, "writing", path);
        close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

/* ---- network ---- */

static int set_address(int fd, struct ifreq *request, unsigned long what, const char *text)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&request->ifr_addr;

    *address = (struct sockaddr_in){.sin_family = AF_INET};
    if (inet_pton(AF_INET, text, &address->sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    return ioctl(fd, what, request);
}

static int bring_up(int fd, struct ifreq *request)
{
    if (ioctl(fd, SIOCGIFFLAGS, request) < 0) {
        return -1;
    }
    request->ifr_flags |= IFF_UP;
    return ioctl(fd, SIOCSIFFLAGS, request);
}

static int add_route(int fd, const char *gateway)
{
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    struct sockaddr_in *address = (struct sockaddr_in *)&route.rt_gateway;

    *address = (struct sockaddr_in){.sin_family = AF_INET};
    route.rt_dst.sa_family = AF_INET;
    route.rt_genmask.sa_family = AF_INET;
    if (inet_pton(AF_INET, gateway, &address->sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    return ioctl(fd, SIOCADDRT, &route);
}

static int set_up_network(const struct setup *setup, char *ret_error, size_t size)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char address[64];
    char *prefix;

    if (fd < 0 || bring_up(fd, &request) < 0) {
        close(fd);
        return fail(ret_error, size, "network", "lo");
    }
    if (setup->address == NULL) {
        close(fd);
        return 0;
    }
    snprintf(address, sizeof address, "%s", setup->address);
    prefix = strchr(address, '/');
    unsigned bits = prefix == NULL ? 24 : (unsigned)strtoul(prefix + 1, NULL, 10);
    struct in_addr mask = {htonl(bits == 0 || bits > 32 ? 0 : 0xffffffffu << (32 - bits))};
    char mask_text[INET_ADDRSTRLEN];

    if (prefix != NULL) {
        *prefix = '\0';
    }
    (void)inet_ntop(AF_INET, &mask, mask_text, sizeof mask_text);
    wait_for("/sys/class/net/eth0");
    snprintf(request.ifr_name, sizeof request.ifr_name, "eth0");
    if (set_address(fd, &request, SIOCSIFADDR, address) < 0 ||
        set_address(fd, &request, SIOCSIFNETMASK, mask_text) < 0 || bring_up(fd, &request) < 0 ||
        (setup->gateway != NULL && add_route(fd, setup->gateway) < 0)) {
        close(fd);
        return fail(ret_error, size, "network eth0,", setup->address);
    }
    close(fd);
    return 0;
}

/* ---- parameters and names ---- */

/* "NAME=VALUE", the name with dots. */
static int set_sysctl(const char *setting, char *ret_error, size_t size)
{
    char path[512];
    const char *value = strchr(setting, '=');
    int length = value == NULL ? 0 : (int)(value - setting);
    int fd;

    if (length == 0 ||
        snprintf(path, sizeof path, "/proc/sys/%.*s", length, setting) >= (int)sizeof path) {
        errno = EINVAL;
        return fail(ret_error, size, "sysctl", setting);
    }
    for (char *c = path + strlen("/proc/sys/"); *c != '\0'; c++) {
        *c = *c == '.' ? '/' : *c == '/' ? '.' : *c; /* as sysctl(8) has it */
    }
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value + 1, strlen(value + 1)) < 0) {
        (void)fail(ret_error, size, "sysctl", setting);
        close(fd);
        return -1;
    }
    close(fd);
    return 0;
}

static int set_kernel_up(const struct setup *setup, char *ret_error, size_t size)
{
    int r = 0;

    for (unsigned i = 0; r == 0 && i < setup->sysctls_count; i++) {
        r = set_sysctl(setup->sysctls[i], ret_error, size);
    }
    if (r == 0 && setup->domain != NULL &&
        setdomainname(setup->domain, strlen(setup->domain)) < 0) {
        r = fail(ret_error, size, "domain name", setup->domain);
    }
    return r;
}

int init_set_up(const struct fmt_agent_record *record, char *ret_error, size_t size)
{
    struct setup setup = {.resolv = ST_BUF_HEAP(TEXT_MAX), .hosts = ST_BUF_HEAP(TEXT_MAX)};
    int r = parse(record, &setup, ret_error, size);

    if (r == 0) {
        r = mount_root(&setup, ret_error, size);
    }
    if (r == 0) {
        mount_in_root(&setup);
        r = set_up_network(&setup, ret_error, size);
    }
    if (r == 0) {
        r = set_kernel_up(&setup, ret_error, size);
    }
    if (r == 0 && setup.hostname != NULL) {
        struct st_buf text = ST_BUF_HEAP(TEXT_MAX);

        (void)st_buf_printf(&text, "%s\n", setup.hostname);
        if (sethostname(setup.hostname, strlen(setup.hostname)) < 0) {
            r = fail(ret_error, size, "hostname", setup.hostname);
        } else {
            r = write_file(INIT_ROOT "/etc/hostname", &text, ret_error, size);
        }
        st_buf_done(&text);
    }
    if (r == 0 && setup.hosts.length > 0) {
        r = write_file(INIT_ROOT "/etc/hosts", &setup.hosts, ret_error, size);
    }
    if (r == 0 && setup.resolv.length > 0) {
        r = write_file(INIT_ROOT "/etc/resolv.conf", &setup.resolv, ret_error, size);
    }
    st_buf_done(&setup.resolv);
    st_buf_done(&setup.hosts);
    return r;
}
