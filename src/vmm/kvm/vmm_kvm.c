/* The machine of the KVM back end, its interrupts and its debugger: see vmm_kvm.h. */
#include "vmm/kvm/vmm_kvm.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "os/os_file.h"
#include "os/os_memory.h"
#include "os/os_process.h"
#include "os/os_terminal.h"
#include "os/os_thread.h"
#include "vmm/kvm/vmm_kvm_priv.h"

/* Three pages that Intel's processors want below 4 GiB, where the PC has nothing. */
#define KVM_TSS_ADDRESS 0xfffbd000UL
#define KVM_IDENTITY_ADDRESS UINT64_C(0xfffbc000)

int vmm_kvm_call(int fd, unsigned long request, const void *argument)
{
    return os_ioctl(fd, request, (void *)(uintptr_t)argument);
}

/* ---- interrupts ---- */

/*
 * KVM tells the end of a level-triggered interrupt only for what is in the routing table as an
 * IOAPIC's pin. The table learns the messages as they are first sent, before they are.
 */
static void learn_route(struct kvm_machine *machine, uint64_t address, uint32_t data)
{
    pthread_mutex_lock(&machine->routes_lock);
    for (unsigned i = 0; i < KVM_IOAPIC_PINS; i++) {
        const struct kvm_irq_routing_msi *known = &machine->routes[i].u.msi;
        if (known->address_lo == (uint32_t)address && known->data == data) {
            pthread_mutex_unlock(&machine->routes_lock);
            return;
        }
    }
    struct kvm_irq_routing_msi *msi = &machine->routes[machine->routes_next].u.msi;
    machine->routes_next = (machine->routes_next + 1) % KVM_IOAPIC_PINS;
    msi->address_lo = (uint32_t)address;
    msi->address_hi = (uint32_t)(address >> 32);
    msi->data = data;
    struct {
        struct kvm_irq_routing head;
        struct kvm_irq_routing_entry entries[KVM_IOAPIC_PINS];
    } table = {.head.nr = KVM_IOAPIC_PINS};
    memcpy(table.entries, machine->routes, sizeof table.entries);
    (void)vmm_kvm_call(machine->vm, KVM_SET_GSI_ROUTING, &table);
    pthread_mutex_unlock(&machine->routes_lock);
}

static void kvm_msi(struct vcpu_set *set, uint64_t address, uint32_t data)
{
    enum { LEVEL_TRIGGERED = 0x8000 };
    struct kvm_machine *machine = kvm_cpu_of(set->vcpus[0])->machine;
    struct kvm_msi msi = {
        .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data};
    if (data & LEVEL_TRIGGERED) {
        learn_route(machine, address, data);
    }
    (void)vmm_kvm_call(machine->vm, KVM_SIGNAL_MSI, &msi);
}

static void kvm_pic_line(struct vcpu_set *set, bool level)
{
    struct kvm_machine *machine = kvm_cpu_of(set->vcpus[0])->machine;
    uint32_t before = __atomic_exchange_n(&machine->pic_level, level, __ATOMIC_SEQ_CST);
    for (unsigned i = 0; level && !before && i < set->count; i++) {
        vmm_kvm_kick(kvm_cpu_of(set->vcpus[i]), KVM_KICK_LOOK);
    }
}

/* KVM_NMI would wait for the vCPU to come out of KVM_RUN; a message does not. */
static void kvm_nmi(struct vcpu *vcpu)
{
    struct kvm_msi msi = {.address_lo = 0xfee00000U | vcpu->apic_id << 12, .data = 0x400};
    (void)vmm_kvm_call(kvm_cpu_of(vcpu)->machine->vm, KVM_SIGNAL_MSI, &msi);
}

/* ---- other operations ---- */

static void kvm_kick(struct vcpu *vcpu)
{
    vmm_kvm_kick(kvm_cpu_of(vcpu), KVM_KICK_EXIT);
}

/* The kernel's local APIC looks after halted vCPUs; they do not exit. */
static bool kvm_has_work(struct vcpu *vcpu)
{
    (void)vcpu;
    return true;
}

static int kvm_set_debug(struct vcpu *vcpu, const struct vcpu_debug *debug)
{
    static const uint8_t lengths[9] = {[1] = 0, [2] = 1, [4] = 3, [8] = 2}; /* of DR7 */
    struct kvm_cpu *cpu = kvm_cpu_of(vcpu);
    struct kvm_guest_debug wish = {0};
    if (debug->single_step) {
        wish.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
    }
    if (debug->catch_int3) {
        wish.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
    }
    for (unsigned i = 0; i < debug->count; i++) {
        wish.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_HW_BP;
        wish.arch.debugreg[i] = debug->points[i].address;
        wish.arch.debugreg[7] |= UINT64_C(2) << (2 * i) |
                                 (uint64_t)debug->points[i].type << (16 + 4 * i) |
                                 (uint64_t)lengths[debug->points[i].length & 15] << (18 + 4 * i);
    }
    cpu->debug = *debug;
    return vmm_kvm_call(cpu->fd, KVM_SET_GUEST_DEBUG, &wish);
}

static int kvm_translate(struct vcpu *vcpu, uint64_t linear, gpa_t *ret_physical)
{
    struct kvm_translation translation = {.linear_address = linear};
    int r = vmm_kvm_call(kvm_cpu_of(vcpu)->fd, KVM_TRANSLATE, &translation);
    if (r < 0 || !translation.valid) {
        return -ST_EFAULT;
    }
    *ret_physical = GPA(translation.physical_address);
    return 0;
}

static void free_cpu(struct vcpu *vcpu)
{
    struct kvm_cpu *cpu = kvm_cpu_of(vcpu);
    if (cpu->run != NULL) {
        (void)os_munmap(cpu->run, cpu->machine->run_size);
    }
    os_close(&cpu->fd);
    free(cpu);
}

static const struct vcpu_ops ops = {
    .name = "kvm",
    .run = vmm_kvm_run,
    .kick = kvm_kick,
    .has_work = kvm_has_work,
    .get_state = vmm_kvm_get_state,
    .set_state = vmm_kvm_set_state,
    .nmi = kvm_nmi,
    .set_debug = kvm_set_debug,
    .translate = kvm_translate,
    .free = free_cpu,
    .msi = kvm_msi,
    .pic_line = kvm_pic_line,
};

/* ---- making ---- */

static int check_capabilities(int kvm, struct st_err *err)
{
    static const struct {
        unsigned number;
        const char *name;
    } needed[] = {
        {KVM_CAP_SPLIT_IRQCHIP, "SPLIT_IRQCHIP"},
        {KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT"},
        {KVM_CAP_SIGNAL_MSI, "SIGNAL_MSI"},
        {KVM_CAP_X2APIC_API, "X2APIC_API"},
        {KVM_CAP_XSAVE, "XSAVE"},
        {KVM_CAP_XCRS, "XCRS"},
        {KVM_CAP_VCPU_EVENTS, "VCPU_EVENTS"},
        {KVM_CAP_DEBUGREGS, "DEBUGREGS"},
        {KVM_CAP_SET_GUEST_DEBUG, "SET_GUEST_DEBUG"},
    };
    for (size_t i = 0; i < ST_COUNT(needed); i++) {
        if (vmm_kvm_call(kvm, KVM_CHECK_EXTENSION, (void *)(uintptr_t)needed[i].number) <= 0) {
            return st_fail(err, ST_EUNSUPPORTED, "KVM without KVM_CAP_%s", needed[i].name);
        }
    }
    return 0;
}

static int enable(int vm, unsigned capability, uint64_t argument)
{
    struct kvm_enable_cap wish = {.cap = capability, .args = {argument}};
    return vmm_kvm_call(vm, KVM_ENABLE_CAP, &wish);
}

static int add_memory(const struct kvm_machine *machine, const struct mem_map *memory)
{
    int r = 0;
    for (uint32_t i = 0; r >= 0 && i < memory->slots_count; i++) {
        const struct mem_slot *slot = &memory->slots[i];
        struct kvm_userspace_memory_region region = {
            .slot = i,
            .flags = slot->kind == MEM_ROM ? KVM_MEM_READONLY : 0,
            .guest_phys_addr = slot->start,
            .memory_size = slot->size,
            .userspace_addr = (uintptr_t)slot->host,
        };
        r = vmm_kvm_call(machine->vm, KVM_SET_USER_MEMORY_REGION, &region);
    }
    return r;
}

static int make_machine(struct vcpu_set *set, struct kvm_machine *machine, struct st_err *err)
{
    enum { X2APIC_32_BIT_IDS = 1, X2APIC_NO_BROADCAST_QUIRK = 2 };
    const uint64_t identity = KVM_IDENTITY_ADDRESS;
    int r = check_capabilities(machine->kvm, err);
    if (r < 0) {
        return r;
    }
    r = machine->vm = vmm_kvm_call(machine->kvm, KVM_CREATE_VM, NULL);
    r = r < 0 ? r : vmm_kvm_call(machine->vm, KVM_SET_TSS_ADDR, (void *)KVM_TSS_ADDRESS);
    r = r < 0 ? r : vmm_kvm_call(machine->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
    r = r < 0 ? r : enable(machine->vm, KVM_CAP_SPLIT_IRQCHIP, KVM_IOAPIC_PINS);
    r = r < 0 ? r
              : enable(machine->vm, KVM_CAP_X2APIC_API,
                       X2APIC_32_BIT_IDS | X2APIC_NO_BROADCAST_QUIRK);
    r = r < 0 ? r : add_memory(machine, set->memory);
    int size = r < 0 ? r : vmm_kvm_call(machine->kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
    if (size < 0) {
        return st_fail_os(err, size, "cannot make a machine with KVM");
    }
    machine->run_size = (size_t)size;
    for (unsigned i = 0; i < KVM_IOAPIC_PINS; i++) {
        machine->routes[i] = (struct kvm_irq_routing_entry){.gsi = i, .type = KVM_IRQ_ROUTING_MSI};
    }
    return 0;
}

static int make_cpu(struct vcpu_set *set, struct kvm_machine *machine,
                    const struct cpu_config *config, unsigned index, struct st_err *err)
{
    void *run = NULL;
    struct kvm_cpu *cpu = calloc(1, sizeof *cpu);
    if (cpu == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for a vCPU");
    }
    cpu->base = (struct vcpu){.set = set, .index = index, .apic_id = index};
    cpu->machine = machine;
    set->vcpus[set->count++] = &cpu->base;
    int r = cpu->fd = vmm_kvm_call(machine->vm, KVM_CREATE_VCPU, (void *)(uintptr_t)index);
    r = r < 0 ? r
              : os_mmap(NULL, machine->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0,
                        &run);
    cpu->run = run;
    if (r >= 0 && config->tsc_khz != 0) {
        r = vmm_kvm_call(cpu->fd, KVM_SET_TSC_KHZ, (void *)(uintptr_t)config->tsc_khz);
    }
    if (r < 0) {
        return st_fail_os(err, r, "cannot make vCPU %u with KVM", index);
    }
    return vmm_kvm_set_cpuid(cpu, config, err);
}

static void nothing(int number)
{
    (void)number;
}

int vmm_kvm_create(struct vcpu_set *set, int kvm_fd, const struct cpu_config *config,
                   struct st_err *err)
{
    struct kvm_machine *machine = calloc(1, sizeof *machine);
    if (machine == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the machine");
    }
    machine->kvm = kvm_fd;
    machine->vm = -1;
    pthread_mutex_init(&machine->routes_lock, NULL);
    set->count = 0;
    int r = make_machine(set, machine, err);
    for (unsigned i = 0; r >= 0 && i < config->count; i++) {
        r = make_cpu(set, machine, config, i, err);
    }
    /* The kick: the signal has only to interrupt KVM_RUN. */
    r = r < 0 ? r : os_signal(SIGUSR1, nothing);
    if (r < 0 && set->count == 0) {
        os_close(&machine->vm);
        free(machine);
        return r;
    }
    set->ops = &ops;
    if (r < 0) {
        vmm_kvm_free(set);
    }
    return r;
}

void vmm_kvm_free(struct vcpu_set *set)
{
    struct kvm_machine *machine = kvm_cpu_of(set->vcpus[0])->machine;
    for (unsigned i = 0; i < set->count; i++) {
        free_cpu(set->vcpus[i]);
        set->vcpus[i] = NULL;
    }
    set->count = 0;
    set->ops = NULL;
    os_close(&machine->vm);
    pthread_mutex_destroy(&machine->routes_lock);
    free(machine);
}

int vmm_kvm_enter(struct vcpu *vcpu)
{
    __atomic_store_n(&kvm_cpu_of(vcpu)->thread, os_thread_id(), __ATOMIC_SEQ_CST);
    return os_thread_unblock(SIGUSR1);
}

void vmm_kvm_pause_clock(struct vcpu_set *set)
{
    struct kvm_machine *machine = kvm_cpu_of(set->vcpus[0])->machine;
    machine->clock_stopped = vmm_kvm_call(machine->vm, KVM_GET_CLOCK, &machine->clock) >= 0;
}

void vmm_kvm_resume_clock(struct vcpu_set *set)
{
    struct kvm_machine *machine = kvm_cpu_of(set->vcpus[0])->machine;
    if (machine->clock_stopped) {
        struct kvm_clock_data clock = {.clock = machine->clock.clock};
        (void)vmm_kvm_call(machine->vm, KVM_SET_CLOCK, &clock);
        machine->clock_stopped = false;
    }
}
