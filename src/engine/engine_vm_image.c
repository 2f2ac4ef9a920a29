/*
 * An image in a virtual machine of its own: Debian's kernel, an initial RAM file system with the
 * agent, the image's merged layers as a read-only disk, and above them a sparse ext4 disk in the
 * instance's home; with --rm changes stay in memory, as a container's do. The agent's settings are
 * in the run folder. The network is strata-vm's user-mode one.
 */
#include "engine/engine_vm_image.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/print.h"
#include "base/str.h"
#include "format/fmt_agent.h"
#include "os/os_process.h"

enum { SETTINGS_MAX_BYTES = FMT_AGENT_PAYLOAD_MAX, MKFS_MISSING = 127 };

static const int64_t disk_bytes = INT64_C(16) << 30;
static const int64_t billion = 1000000000;

bool engine_vm_is_image(const struct engine_config *config)
{
    return config->image_id != NULL && st_streq(config->isolation, engine_vm.name);
}

bool engine_vm_is_connected(const struct engine_config *config)
{
    return !st_streq(config->network.mode, "none");
}

void engine_vm_mac(const char *id, uint8_t ret_mac[6])
{
    ret_mac[0] = 0x52; /* locally administered */
    ret_mac[1] = 0x54;
    for (unsigned i = 0; i < 4; i++) {
        char digits[3] = {id[2 * i], id[2 * i + 1], 0};
        uint64_t byte;
        ret_mac[2 + i] = st_parse_u64(digits, 16, 255, &byte) < 0 ? 0 : (uint8_t)byte;
    }
}

int engine_vm_image_check(const struct engine_config *config, struct st_err *err)
{
    for (size_t i = 0; i < config->mounts_count; i++) {
        const struct engine_mount *mount = &config->mounts[i];
        if (!st_streq(mount->type, "tmpfs")) {
            return st_fail(
                err, ST_EUNSUPPORTED,
                "%s: a virtual machine does not share folders of the host: keep files on "
                "its own disk and copy with strata cp",
                mount->spelled != NULL ? mount->spelled : mount->target);
        }
    }
    if (!st_streq(config->network.mode, "user") && !st_streq(config->network.mode, "none")) {
        return st_fail(err, ST_EUNSUPPORTED,
                       "network %s: a virtual machine's network is user or none",
                       config->network.mode);
    }
    if (config->resources.nano_cpus % billion != 0) {
        return st_fail(err, ST_EUNSUPPORTED, "a virtual machine has whole CPUs: --cpus 1, 2 ...");
    }
    return 0;
}

static int write_file(int folder_fd, const char *name, const struct st_buf *text,
                      struct st_err *err)
{
    st_auto(fd) int fd = os_openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    int r = st_buf_status(text);
    r = r < 0 ? r : fd;
    r = r < 0 ? r : os_write_all(fd, text->data, text->length);
    return r < 0 ? st_fail_os(err, r, "writing the settings of the machine's agent") : 0;
}

static int write_settings(const struct engine_launch *launch, bool has_disk, struct st_err *err)
{
    const struct engine_config *config = launch->instance->config;
    st_auto(buf) struct st_buf setup = ST_BUF_HEAP(SETTINGS_MAX_BYTES);
    st_auto(buf) struct st_buf start = ST_BUF_HEAP(SETTINGS_MAX_BYTES);
    int r = engine_vm_setup(config, has_disk, &setup, err);
    r = r < 0 ? r : engine_vm_start(config, launch->rows, launch->columns, &start, err);
    if (launch->idle) {
        fmt_agent_add_setting(&start, "do", "wait");
    }
    r = r < 0 ? r : write_file(launch->folder_fd, "setup", &setup, err);
    return r < 0 ? r : write_file(launch->folder_fd, "start", &start, err);
}

/* A file system in a new name, so that a killed command leaves none that is half made. */
static int make_disk(const struct engine_instance *instance, const char *path, struct st_err *err)
{
    static const char temporary[] = ".disk.new";
    siginfo_t info;
    st_auto(free) char *home = engine_home_path(instance);
    st_auto(free) char *new_path = home == NULL ? NULL : engine_path(home, temporary, NULL);
    if (new_path == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    st_auto(fd) int fd = os_open(new_path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    int r = fd < 0 ? fd : os_ftruncate(fd, disk_bytes);
    if (r < 0) {
        return st_fail_os(err, r, "making the disk of %s", instance->config->name);
    }
    /* A new file is all zeros, and so is the journal in it already. */
    const char *const argv[] = {"/usr/sbin/mke2fs",    "-q",     "-F", "-t", "ext4", "-E",
                                "lazy_journal_init=1", new_path, NULL};
    const struct os_spawn spawn = {
        .path = argv[0], .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = 2};
    pid_t pid = os_spawn(&spawn, NULL);
    r = pid < 0 ? (int)pid : os_waitid(P_PID, (unsigned)pid, &info, WEXITED);
    if (r == -ST_ENOENT || (r >= 0 && os_exit_code(&info) == MKFS_MISSING)) {
        st_fail(err, ST_ENOTFOUND, "mke2fs is missing, which makes the disks of machines");
        st_hint(err, "install the package e2fsprogs");
        return -ST_ENOTFOUND;
    }
    if (r >= 0 && os_exit_code(&info) != 0) {
        r = -ST_EIO;
    }
    r = r < 0 ? r : os_renameat2(AT_FDCWD, new_path, AT_FDCWD, path, 0);
    return r < 0 ? st_fail_os(err, r, "making the disk of %s", instance->config->name) : 0;
}

static int add(struct st_buf *to, const char *name, const char *value, const char *more)
{
    st_buf_printf(to, "%s%s%s", name, value, more);
    return st_buf_char(to, 0);
}

/* The files to boot, each as the store has it. */
static int add_boot(const struct engine_launch *launch, struct st_buf *to, struct st_err *err)
{
    struct engine_instance *instance = launch->instance;
    struct image_store *store;
    struct image_boot boot = {0};
    st_auto(free) char *root = NULL;
    st_auto(free) char *init = engine_program(instance->engine, "strata-guest-init");
    if (init != NULL && os_access(AT_FDCWD, init, F_OK, 0) < 0) {
        free(init); /* where a build has it */
        init = engine_program(instance->engine, "guest/strata-guest-init");
    }
    int r = init == NULL ? st_fail(err, ST_ENOMEM, "out of memory")
                         : engine_images(instance->engine, &store, err);
    if (r >= 0 && instance->image == NULL) {
        r = image_find(store, instance->config->image_id, &instance->image, err);
    }
    r = r < 0 ? r : image_root_find(store, instance->image, &root, err);
    r = r < 0 ? r : image_boot_find(store, init, &boot, err);
    if (r >= 0) {
        add(to, "--kernel=", boot.kernel, "");
        add(to, "--initrd=", boot.initrd, "");
        add(to, "--disk=", root, ",ro");
    }
    image_boot_done(&boot);
    return r;
}

/* How many ports from `first` on follow each other at both ends. */
static unsigned range_length(const struct net_port *first, size_t left)
{
    unsigned n = 1;

    while (n < left && first[n].host.s_addr == first->host.s_addr &&
           first[n].protocol == first->protocol && first[n].host_first == first->host_first + n &&
           first[n].container_port == first->container_port + n) {
        n++;
    }
    return n;
}

/* The ports that strata-vm listens on itself. */
static int add_ports(const struct engine_launch *launch, struct st_buf *to, struct st_err *err)
{
    const struct engine_instance *instance = launch->instance;
    st_auto(net_ports) struct net_ports wanted = {0};
    st_auto(net_ports) struct net_ports chosen = {0};
    int r = engine_ports_wanted(&instance->config->network, &wanted, err);

    if (r < 0 || wanted.count == 0) {
        return r;
    }
    r = net_ports_pick(&instance->engine->net, &wanted, &chosen, err);
    for (size_t i = 0; r >= 0 && i < chosen.count;) {
        const struct net_port *port = &chosen.list[i];
        unsigned more = range_length(port, chosen.count - i) - 1;
        char address[INET_ADDRSTRLEN];
        char text[80];
        inet_ntop(AF_INET, &port->host, address, sizeof(address));
        st_snprintf(text, sizeof(text), "%s:%u-%u:%u-%u/%s", address, port->host_first,
                    port->host_first + more, port->container_port, port->container_port + more,
                    port->protocol == IPPROTO_UDP ? "udp" : "tcp");
        add(to, "--publish=", text, "");
        i += more + 1;
    }
    return r < 0 ? r : engine_ports_write(launch->folder_fd, &chosen, err);
}

int engine_vm_image_arguments(const struct engine_launch *launch, struct st_buf *to,
                              struct st_err *err)
{
    struct engine_instance *instance = launch->instance;
    const struct engine_resources *resources = &instance->config->resources;
    bool has_disk = !instance->in_run;
    char number[32];
    int r = add_boot(launch, to, err);
    if (r >= 0 && has_disk) {
        st_auto(free) char *home = engine_home_path(instance);
        st_auto(free) char *disk = home == NULL ? NULL : engine_path(home, ENGINE_DISK, NULL);
        r = disk == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
        if (r >= 0 && os_access(AT_FDCWD, disk, F_OK, 0) < 0) {
            r = make_disk(instance, disk, err);
        }
        if (r >= 0) {
            add(to, "--disk=", disk, "");
        }
    }
    r = r < 0 ? r : write_settings(launch, has_disk, err);
    if (r < 0) {
        return r;
    }
    /* The self-tests of the kernel's ciphers are a third of its start. */
    add(to, "--append=", "console=ttyS0 panic=-1 quiet cryptomgr.notests", "");
    if (engine_vm_is_connected(instance->config)) {
        uint8_t mac[6];
        char card[48];
        engine_vm_mac(instance->config->id, mac);
        st_snprintf(card, sizeof(card), "user,no-loopback,mac=%02x:%02x:%02x:%02x:%02x:%02x",
                    mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
        add(to, "--net=", card, "");
        r = add_ports(launch, to, err);
    }
    add(to, "--log-level=", "error", "");
    add(to, "--workload=", launch->folder, "");
    if (resources->memory_bytes > 0) {
        st_snprintf(number, sizeof(number), "%lld", (long long)resources->memory_bytes);
        add(to, "--memory=", number, "");
    }
    if (resources->nano_cpus > 0) {
        st_snprintf(number, sizeof(number), "%lld", (long long)(resources->nano_cpus / billion));
        add(to, "--cpus=", number, "");
    }
    return r;
}
