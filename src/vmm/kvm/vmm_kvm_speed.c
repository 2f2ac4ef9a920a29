/*
 * How fast this KVM runs kernel-mode code: a throw-away machine of one vCPU in 64-bit mode counts
 * down. Where the kernel's KVM has the hardware's help this is billions of instructions a second;
 * where it has to do every one itself, about a million.
 */
#include <string.h>
#include <sys/mman.h>

#include "os/os_file.h"
#include "os/os_memory.h"
#include "os/os_time.h"
#include "vmm/kvm/vmm_kvm_priv.h"

enum { PAGE = 4096, CODE = 0, PML4 = PAGE, PDPT = 2 * PAGE, PD = 3 * PAGE, MEMORY = 4 * PAGE };
enum { ROUNDS = 3, TURNS = 4096, INSTRUCTIONS = 2 * TURNS };

struct probe {
    int vm, cpu;
    uint8_t *memory;
    struct kvm_run *run;
    size_t run_size;
};

static void put_u64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

static void fill_memory(uint8_t *memory)
{
    enum { PRESENT_WRITE = 3, LARGE = 0x80 };
    /* mov ecx, TURNS; again: dec ecx; jnz again; hlt */
    static const uint8_t code[] = {0xb9, TURNS & 0xff, TURNS >> 8, 0,    0,
                                   0xff, 0xc9,         0x75,       0xfc, 0xf4};
    memcpy(memory + CODE, code, sizeof code);
    put_u64(memory + PML4, PDPT | PRESENT_WRITE);
    put_u64(memory + PDPT, PD | PRESENT_WRITE);
    put_u64(memory + PD, PRESENT_WRITE | LARGE);
}

static int set_mode(const struct probe *probe)
{
    struct kvm_sregs sregs;
    int r = vmm_kvm_call(probe->cpu, KVM_GET_SREGS, &sregs);
    if (r < 0) {
        return r;
    }
    sregs.cr3 = PML4;
    sregs.cr4 = 0x20;       /* PAE */
    sregs.cr0 = 0x80000033; /* PG, NE, ET, MP, PE */
    sregs.efer = 0x500;     /* LMA, LME */
    sregs.cs = (struct kvm_segment){
        .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    struct kvm_segment data = {
        .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
    sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
    return vmm_kvm_call(probe->cpu, KVM_SET_SREGS, &sregs);
}

static int make(int kvm, struct probe *probe)
{
    void *memory = NULL;
    void *run = NULL;
    int r = probe->vm = vmm_kvm_call(kvm, KVM_CREATE_VM, NULL);
    r = r < 0 ? r
              : os_mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
                        &memory);
    if (r < 0) {
        return r;
    }
    probe->memory = memory;
    fill_memory(memory);
    struct kvm_userspace_memory_region region = {.memory_size = MEMORY,
                                                 .userspace_addr = (uintptr_t)memory};
    r = vmm_kvm_call(probe->vm, KVM_SET_USER_MEMORY_REGION, &region);
    r = probe->cpu = r < 0 ? r : vmm_kvm_call(probe->vm, KVM_CREATE_VCPU, NULL);
    int size = r < 0 ? r : vmm_kvm_call(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
    probe->run_size = (size_t)size;
    r = size < 0 ? size
                 : os_mmap(NULL, probe->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, probe->cpu, 0,
                           &run);
    probe->run = run;
    return r < 0 ? r : set_mode(probe);
}

static void unmake(struct probe *probe)
{
    if (probe->run != NULL) {
        (void)os_munmap(probe->run, probe->run_size);
    }
    os_close(&probe->cpu);
    os_close(&probe->vm);
    if (probe->memory != NULL) {
        (void)os_munmap(probe->memory, MEMORY);
    }
}

/* One countdown; the time it took. */
static int count_down(const struct probe *probe, uint64_t *ret_ns)
{
    struct kvm_regs regs = {.rip = CODE, .rflags = 2};
    int r = vmm_kvm_call(probe->cpu, KVM_SET_REGS, &regs);
    uint64_t start = os_monotonic_ns();
    do {
        r = r < 0 && r != -ST_EINTR ? r : vmm_kvm_call(probe->cpu, KVM_RUN, NULL);
    } while (r == -ST_EINTR);
    *ret_ns = os_monotonic_ns() - start;
    return r < 0 ? r : probe->run->exit_reason == KVM_EXIT_HLT ? 0 : -ST_EIO;
}

int vmm_kvm_speed(int kvm_fd, uint64_t *ret_per_second)
{
    struct probe probe = {.vm = -1, .cpu = -1};
    uint64_t best = UINT64_MAX;
    int r = make(kvm_fd, &probe);
    for (unsigned i = 0; r >= 0 && i < ROUNDS; i++) {
        uint64_t ns = 0;
        r = count_down(&probe, &ns);
        best = ST_MIN(best, ns + 1);
    }
    unmake(&probe);
    if (r >= 0) {
        *ret_per_second = INSTRUCTIONS * UINT64_C(1000000000) / best;
    }
    return r;
}
