/*
 * Wiring a machine up: each step makes one part of struct vmm from those before it.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/print.h"
#include "base/str.h"
#include "cpu/cpu.h"
#include "disk/disk_raw.h"
#include "net/net_user.h"
#include "os/os_file.h"
#include "os/os_memory.h"
#include "os/os_time.h"
#include "virtio/vio_block.h"
#include "virtio/vio_entropy.h"
#include "virtio/vio_net.h"
#include "virtio/vio_pci.h"
#include "virtio/vio_vsock.h"
#include "vmm/kvm/vmm_kvm.h"
#include "vmm/vmm_agent.h"
#include "vmm/vmm_priv.h"

/* ---- files ---- */

static int map_file(const char *path, const char *what, struct vmm_file *ret_file,
                    struct st_err *err)
{
    struct stat stat;
    st_auto(fd) int fd = os_open(path, O_RDONLY, 0);
    int r = fd < 0 ? fd : os_fstat(fd, &stat);
    if (r < 0) {
        return st_fail_os(err, r, "%s %s", what, path);
    }
    if (!S_ISREG(stat.st_mode) || stat.st_size == 0) {
        return st_fail(err, ST_EINVAL, "%s %s: not a file with something in it", what, path);
    }
    /* A private mapping: who cuts the file short meanwhile makes a guarded read of ours fail, not
     * more. */
    r = os_mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_PRIVATE, fd, 0, &ret_file->bytes);
    if (r < 0) {
        return st_fail_os(err, r, "%s %s", what, path);
    }
    ret_file->size = (size_t)stat.st_size;
    return 0;
}

static void unmap_file(struct vmm_file *file)
{
    if (file->bytes != NULL) {
        (void)os_munmap(file->bytes, file->size);
        *file = (struct vmm_file){0};
    }
}

/* The pages stay in the host's page cache, and are looked at again by the next reset. */
static void rest_file(const struct vmm_file *file)
{
    if (file->bytes != NULL) {
        (void)os_madvise(file->bytes, file->size, MADV_DONTNEED);
    }
}

int vmm_load(struct vmm *vmm, struct st_err *err)
{
    int r = pc_reset(vmm->pc, err);
    rest_file(&vmm->kernel);
    rest_file(&vmm->initrd);
    return r;
}

/* ---- parts ---- */

static int make_platform(struct vmm *vmm, struct st_err *err)
{
    struct vmm_platform_config config = {
        .log = vmm->config.log,
        .log_argument = vmm->config.log_argument,
        .log_level = vmm->config.log_level,
    };
    int r = vmm_platform_new(&config, &vmm->process, err);
    if (r >= 0) {
        vmm->platform = vmm_platform_base(vmm->process);
    }
    return r;
}

static int make_console(struct vmm *vmm, void (*key)(void *argument, char key), struct st_err *err)
{
    struct vmm_console_config config = {
        .loop = vmm_platform_loop(vmm->process),
        .in_fd = vmm->config.serial_in,
        .out_fd = vmm->config.serial_out,
        .escape = vmm->config.serial_escape,
        .key = key,
        .argument = vmm,
    };
    plat_lock(vmm->platform);
    int r = vmm_console_new(&config, &vmm->console);
    plat_unlock(vmm->platform);
    return r < 0 ? st_fail_os(err, r, "serial port") : 0;
}

/* Bytes of a name's own (FNV-1a). */
static void hash_name(const char *name, uint64_t hash, uint8_t ret_bytes[8])
{
    for (; name != NULL && *name != 0; name++) {
        hash = (hash ^ (uint8_t)*name) * UINT64_C(1099511628211);
    }
    memcpy(ret_bytes, &hash, sizeof hash);
}

/* A UUID that the same machine gets each time (RFC 9562, version 8). */
static void make_uuid(const char *name, uint8_t ret_uuid[16])
{
    hash_name(name, UINT64_C(14695981039346656037), ret_uuid);
    hash_name(name, UINT64_C(0x9e3779b97f4a7c15), ret_uuid + 8);
    ret_uuid[6] = (uint8_t)(0x80 | (ret_uuid[6] & 15));
    ret_uuid[8] = (uint8_t)(0x80 | (ret_uuid[8] & 63));
}

static int make_pc(struct vmm *vmm, const struct pc_events *events, struct st_err *err)
{
    struct pc_config config = {
        .platform = vmm->platform,
        .memory = &vmm->memory,
        .ram_bytes = vmm->config.ram_bytes,
        .vcpus = vmm->config.cpus,
        .boot = {.kernel = vmm->kernel.bytes,
                 .kernel_size = vmm->kernel.size,
                 .initrd = vmm->initrd.bytes,
                 .initrd_size = vmm->initrd.size,
                 .command_line = vmm->config.append},
        .serial = {vmm_console_stream(vmm->console)},
        .debug_exit = vmm->config.debug_exit,
        .test_device = vmm->config.test_device,
        .events = *events,
    };
    static const uint8_t none[16];
    config.smbios = vmm->config.smbios;
    if (memcmp(config.smbios.uuid, none, sizeof none) == 0) {
        make_uuid(vmm->config.name, config.smbios.uuid);
    }
    return pc_create(&config, &vmm->pc, err);
}

static int make_vcpus(struct vmm *vmm, struct st_err *err)
{
    struct cpu_config config = {.count = vmm->config.cpus};
    int r = cpu_model_parse(vmm->config.cpu_model, &config, err);
    if (r < 0) {
        return r;
    }
    vmm->set.platform = vmm->platform;
    vmm->set.memory = &vmm->memory;
    pc_bus(vmm->pc, &vmm->set.bus);
    r = vmm->accel.kvm ? vmm_kvm_create(&vmm->set, vmm->accel.kvm_fd, &config, err)
                       : cpu_set_create(&vmm->set, &config, err);
    if (r >= 0) {
        pc_attach_vcpus(vmm->pc, &vmm->set);
    }
    return r;
}

/* Puts a virtio device into the next slot; it is the PC's from then on, also on failure. */
static int plug(struct vmm *vmm, struct vio_device *device, const char *what, struct st_err *err)
{
    int r = vio_pci_plug(pc_pci(vmm->pc), vmm->platform, device, DEV_PCI_SLOTS);
    if (r < 0) {
        return st_fail_os(err, r, "%s device", what);
    }
    vmm->virtio[vmm->virtio_count++] = device;
    return 0;
}

static int make_disks(struct vmm *vmm, struct st_err *err)
{
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < vmm->config.disks_count; i++) {
        const struct vmm_disk *disk = &vmm->config.disks[i];
        struct disk_raw_config config = {
            .path = disk->path,
            .read_only = disk->read_only,
            .no_uring = disk->no_uring,
            .serial = disk->serial,
            .loop = vmm_platform_loop(vmm->process),
        };
        r = disk_raw_open(&config, &vmm->disks[i], err);
        r = r < 0 ? r
                  : plug(vmm,
                         vio_block_new(vmm->platform, &vmm->memory, disk_raw_block(vmm->disks[i])),
                         "disk", err);
    }
    return r;
}

/* A locally administered address that the same machine gets each time (FNV-1a of its name). */
static void make_mac(const char *name, unsigned number, uint8_t ret_mac[6])
{
    uint32_t hash = 2166136261U;
    for (; name != NULL && *name != 0; name++) {
        hash = (hash ^ (uint8_t)*name) * 16777619U;
    }
    hash += number;
    const uint8_t mac[6] = {
        0x52,         0x54, (uint8_t)(hash >> 24), (uint8_t)(hash >> 16), (uint8_t)(hash >> 8),
        (uint8_t)hash};
    memcpy(ret_mac, mac, sizeof mac);
}

/* Networks listen on published ports, so they are opened without the device lock. */
static int open_nets(struct vmm *vmm, struct st_err *err)
{
    static const uint8_t none[6];
    int r = 0;
    for (unsigned i = 0; r >= 0 && i < vmm->config.nets_count; i++) {
        const struct vmm_net *net = &vmm->config.nets[i];
        struct net_user_config config = {
            .platform = vmm->platform,
            .restricted = net->restricted,
            .host_loopback = !net->no_loopback,
            .hostname = vmm->config.name,
            .ports = net->ports,
        };
        memcpy(config.mac, net->mac, sizeof config.mac);
        if (memcmp(net->mac, none, sizeof none) == 0) {
            make_mac(vmm->config.name, i, config.mac);
        }
        r = net_user_open(&config, &vmm->nets[i], err);
    }
    return r;
}

static void workload_started(void *argument)
{
    struct vmm *vmm = argument;
    vmm->workload_started = true;
    if (vmm->workload_told != NULL) {
        vmm->workload_told(vmm->workload_argument, 0, NULL);
    }
}

static void workload_ended(void *argument, const struct vmm_agent_end *end)
{
    struct vmm *vmm = argument;
    if (!vmm->workload_ended) {
        vmm->workload_ended = true;
        vmm->workload_code = end->code;
        (void)st_snprintf(vmm->workload_error, sizeof vmm->workload_error, "%s",
                          end->error == NULL ? "" : end->error);
        if (!vmm->workload_started && vmm->workload_told != NULL) {
            vmm->workload_told(vmm->workload_argument, vmm->workload_code, vmm->workload_error);
        }
        /* A guest whose workload did not start would wait for another. */
        vmm_agent_power_off(vmm->agent);
    }
}

/* The agent's connections go over a socket device of the machine's own. */
static int make_agent(struct vmm *vmm, struct st_err *err)
{
    const uint32_t guest_cid = 3;
    const struct vmm_workload *workload = vmm->config.workload;
    if (workload == NULL) {
        return 0;
    }
    struct vmm_agent_config config = {
        .loop = vmm_platform_loop(vmm->process),
        .setup = workload->setup,
        .setup_size = workload->setup_size,
        .start = workload->start,
        .start_size = workload->start_size,
        .streams = {workload->in, workload->out, workload->err},
        .started = workload_started,
        .ended = workload_ended,
        .argument = vmm,
    };
    int r = vmm_agent_new(&config, &vmm->agent);
    if (r < 0) {
        return st_fail_os(err, r, "the workload");
    }
    return plug(
        vmm, vio_vsock_new(vmm->platform, &vmm->memory, guest_cid, vmm_agent_sockets(vmm->agent)),
        "socket", err);
}

static int make_devices(struct vmm *vmm, struct st_err *err)
{
    int r = open_nets(vmm, err);
    plat_lock(vmm->platform);
    r = r < 0 ? r : make_disks(vmm, err);
    for (unsigned i = 0; r >= 0 && i < vmm->config.nets_count; i++) {
        r = plug(vmm, vio_net_new(vmm->platform, &vmm->memory, net_user_packet(vmm->nets[i])),
                 "network", err);
    }
    r = r < 0 ? r : plug(vmm, vio_entropy_new(vmm->platform, &vmm->memory), "entropy", err);
    r = r < 0 ? r : make_agent(vmm, err);
    plat_unlock(vmm->platform);
    return r;
}

void vmm_quiesce(struct vmm *vmm)
{
    const uint64_t pause_ns = 100000;
    bool quiet;
    do {
        quiet = true;
        plat_lock(vmm->platform);
        for (unsigned i = 0; i < vmm->virtio_count; i++) {
            quiet = vio_reset(vmm->virtio[i]) && quiet;
        }
        plat_unlock(vmm->platform);
        if (!quiet) {
            os_sleep_ns(pause_ns);
        }
    } while (!quiet);
}

int vmm_wire(struct vmm *vmm, const struct pc_events *events, void (*key)(void *argument, char key),
             struct st_err *err)
{
    mem_map_init(&vmm->memory);
    int r = make_platform(vmm, err);
    r = r < 0 ? r : map_file(vmm->config.kernel, "kernel", &vmm->kernel, err);
    if (r >= 0 && vmm->config.initrd != NULL) {
        r = map_file(vmm->config.initrd, "initrd", &vmm->initrd, err);
    }
    r = r < 0 ? r : vmm_accel_choose(vmm->config.accel, vmm->config.run_folder, &vmm->accel, err);
    if (r >= 0 && vmm->accel.text[0] != 0) {
        plat_log(vmm->platform, PLAT_WARN, "vmm", "%s", vmm->accel.text);
    }
    r = r < 0 ? r : vmm_ram_init(&vmm->ram, vmm->config.ram_bytes, &vmm->memory, err);
    r = r < 0 ? r : make_console(vmm, key, err);
    r = r < 0 ? r : make_pc(vmm, events, err);
    r = r < 0 ? r : make_vcpus(vmm, err);
    return r < 0 ? r : make_devices(vmm, err);
}

void vmm_unwire(struct vmm *vmm)
{
    vmm->pc = pc_free(vmm->pc); /* devices let go of their back ends */
    for (unsigned i = 0; i < vmm->config.nets_count; i++) {
        net_user_close(vmm->nets[i]);
    }
    if (vmm->set.ops != NULL && vmm->accel.kvm) {
        vmm_kvm_free(&vmm->set);
    } else if (vmm->set.ops != NULL) {
        cpu_set_free(&vmm->set);
    }
    if (vmm->platform != NULL) {
        plat_lock(vmm->platform);
        for (unsigned i = 0; i < vmm->config.disks_count; i++) {
            disk_raw_close(vmm->disks[i]);
        }
        vmm_agent_free(vmm->agent);
        vmm_console_free(vmm->console);
        plat_unlock(vmm->platform);
    }
    vmm_ram_done(&vmm->ram);
    unmap_file(&vmm->kernel);
    unmap_file(&vmm->initrd);
    os_close(&vmm->accel.kvm_fd);
    vmm_platform_free(vmm->process);
}
