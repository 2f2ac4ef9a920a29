/*
 * Any bytes from a debugger: they read and change the state and the memory of two vCPUs of the
 * software CPU that never run, and nothing is touched beside those.
 *
 * Input: bytes as they come from the client. STOP is no byte of one: a vCPU that the client let go
 * stops there, the next byte says how.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arith.h"
#include "base/assert.h"
#include "cpu/cpu.h"
#include "os/os_file.h"
#include "os/os_socket.h"
#include "vmm/vmm_gdb_priv.h"
#include "vmm/vmm_platform.h"

enum { STOP = 0xff, RAM_BYTES = 64 << 10, VCPUS = 2 };

/* The machine, in place of vmm.c's. */
struct vmm {
    struct vmm_platform *process;
    struct mem_map memory;
    struct vcpu_set set;
    struct vcpu_state first; /* of a vCPU */
    bool runs;
};

static struct vmm machine;
static uint8_t ram[RAM_BYTES], ram_bits[RAM_BYTES >> MEM_PAGE_SHIFT];
static struct vmm_gdb gdb;

struct os_loop *vmm_loop(struct vmm *vmm)
{
    return vmm_platform_loop(vmm->process);
}

struct vcpu_set *vmm_vcpus(struct vmm *vmm)
{
    return &vmm->set;
}

struct mem_map *vmm_memory(struct vmm *vmm)
{
    return &vmm->memory;
}

int vmm_pause(struct vmm *vmm)
{
    vmm->runs = false;
    return 0;
}

int vmm_resume_some(struct vmm *vmm, uint64_t mask)
{
    (void)mask;
    vmm->runs = true;
    return 0;
}

int vmm_resume(struct vmm *vmm)
{
    return vmm_resume_some(vmm, VMM_CPUS_ALL);
}

void vmm_quit(struct vmm *vmm)
{
    vmm->runs = false;
}

void vmm_on_debug(struct vmm *vmm,
                  void (*told)(void *argument, unsigned vcpu, const struct vcpu_exit *exit),
                  void *argument)
{
    (void)vmm;
    (void)told;
    (void)argument;
}

/* Memory that a leak checker looks into for pointers. */
static void *heap_alloc(struct platform *platform, size_t size)
{
    void *memory = aligned_alloc(4096, ST_ALIGN_UP(size, 4096));
    (void)platform;
    ST_CHECK(memory != NULL);
    return memset(memory, 0, size);
}

static void heap_free(struct platform *platform, void *memory, size_t size)
{
    (void)platform;
    (void)size;
    free(memory);
}

static void make_machine(void)
{
    static struct plat_ops ops;
    const struct vmm_platform_config platform = {.log_level = PLAT_ERROR};
    struct cpu_config config = {.model = CPU_V2, .count = VCPUS};
    int r = vmm_platform_new(&platform, &machine.process, NULL);
    mem_map_init(&machine.memory);
    r = r < 0 ? r : mem_add(&machine.memory, MEM_RAM, GPA(0), RAM_BYTES, ram, ram_bits);
    machine.set.platform = vmm_platform_base(machine.process);
    ops = *machine.set.platform->ops;
    ops.alloc = heap_alloc;
    ops.free = heap_free;
    machine.set.platform->ops = &ops;
    machine.set.memory = &machine.memory;
    r = r < 0 ? r : cpu_set_create(&machine.set, &config, NULL);
    r = r < 0 ? r : vcpu_get_state(machine.set.vcpus[0], &machine.first);
    ST_CHECK(r >= 0);
}

/* What is sent is not looked at, but makes room for more. */
static void drain(int fd)
{
    char bytes[4096];
    while (os_recv(fd, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
}

static void stop(uint8_t how)
{
    struct vcpu_exit exit = {.reason = VCPU_EXIT_DEBUG};
    if (machine.runs) {
        exit.debug.breakpoint = (how & 1) != 0;
        exit.debug.dr6 = how >> 1 & 15;
        exit.debug.rip = how >> 5;
        machine.runs = false;
        vmm_gdb_stopped(&gdb, how >> 7, &exit);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t zeroes[RAM_BYTES];
    int pair[2];
    if (machine.process == NULL) {
        make_machine();
    }
    ST_CHECK(os_socketpair(SOCK_STREAM, pair) >= 0);
    ST_CHECK(mem_write(&machine.memory, GPA(0), zeroes, sizeof zeroes) >= 0);
    for (unsigned i = 0; i < VCPUS; i++) {
        ST_CHECK(vcpu_set_state(machine.set.vcpus[i], &machine.first, NULL) >= 0);
    }
    memset(&gdb, 0, sizeof gdb);
    gdb.vmm = &machine;
    gdb.client.fd = pair[0];
    vmm_gdb_attach(&gdb);
    while (size > 0 && gdb.client.fd >= 0) {
        const uint8_t *end = memchr(data, STOP, size);
        size_t part = end == NULL ? size : (size_t)(end - data);
        vmm_gdb_take(&gdb, data, part);
        drain(pair[1]);
        data += part;
        size -= part;
        if (size >= 2) {
            stop(data[1]);
        }
        data += ST_MIN(size, (size_t)2);
        size -= ST_MIN(size, (size_t)2);
    }
    if (gdb.client.fd >= 0) {
        vmm_gdb_detach(&gdb);
        os_close(&gdb.client.fd);
    }
    ST_CHECK(gdb.soft_count == 0);
    os_close(&pair[1]);
    return 0;
}
