/*
 * CPUID of a KVM vCPU: what the kernel supports, cut down to the model, with the machine's own
 * topology (one package, a thread a core).
 */
#include <string.h>

#include "cpu/cpu_cpuid.h"
#include "vmm/kvm/vmm_kvm_priv.h"

struct table {
    struct kvm_cpuid2 head;
    struct kvm_cpuid_entry2 entries[KVM_CPUID_MAX];
};

/* Which register holds each word of features. */
static const struct {
    uint32_t function, index;
    unsigned at; /* 0 EAX, 1 EBX, 2 ECX, 3 EDX */
} words[CPU_WORDS] = {
    [CPU_WORD_1_EDX] = {1, 0, 3},
    [CPU_WORD_1_ECX] = {1, 0, 2},
    [CPU_WORD_7_EBX] = {7, 0, 1},
    [CPU_WORD_7_ECX] = {7, 0, 2},
    [CPU_WORD_7_EDX] = {7, 0, 3},
    [CPU_WORD_D1_EAX] = {0xd, 1, 0},
    [CPU_WORD_E1_EDX] = {0x80000001, 0, 3},
    [CPU_WORD_E1_ECX] = {0x80000001, 0, 2},
    [CPU_WORD_E8_EBX] = {0x80000008, 0, 1},
    [CPU_WORD_E21_EAX] = {0x80000021, 0, 0},
    [CPU_WORD_E21_ECX] = {0x80000021, 0, 2},
};

static uint32_t *register_of(struct kvm_cpuid_entry2 *entry, unsigned at)
{
    uint32_t *const registers[] = {&entry->eax, &entry->ebx, &entry->ecx, &entry->edx};
    return registers[at];
}

static struct kvm_cpuid_entry2 *find(struct table *table, uint32_t function, uint32_t index)
{
    for (uint32_t i = 0; i < table->head.nent; i++) {
        struct kvm_cpuid_entry2 *entry = &table->entries[i];
        if (entry->function == function && entry->index == index) {
            return entry;
        }
    }
    return NULL;
}

/* Takes away what the model does not have. */
static int cut_to_model(struct table *table, const struct cpu_config *config, struct st_err *err)
{
    struct cpu_features features;
    int r = cpu_features_make(config, &features, err);
    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < CPU_WORDS; i++) {
        struct kvm_cpuid_entry2 *entry = find(table, words[i].function, words[i].index);
        if (entry != NULL) {
            *register_of(entry, words[i].at) &= features.words[i];
        }
    }
    return 0;
}

/* Takes away what the user does not want. */
static void switch_off(struct table *table, const struct cpu_config *config)
{
    for (unsigned i = 0; i < CPU_WORDS; i++) {
        struct kvm_cpuid_entry2 *entry = find(table, words[i].function, words[i].index);
        if (entry != NULL) {
            *register_of(entry, words[i].at) &= ~config->off[i];
        }
    }
}

static struct kvm_cpuid_entry2 *find_or_add(struct table *table, uint32_t function, uint32_t index)
{
    struct kvm_cpuid_entry2 *entry = find(table, function, index);
    if (entry == NULL && table->head.nent < KVM_CPUID_MAX) {
        entry = &table->entries[table->head.nent++];
        *entry = (struct kvm_cpuid_entry2){.function = function, .index = index};
    }
    return entry;
}

/* Leaf 11 for one level: its number, the shift to the next level's ID, and CPUs at it. */
static void set_level(struct table *table, uint32_t level, uint32_t type, uint32_t shift,
                      uint32_t count, uint32_t apic_id)
{
    struct kvm_cpuid_entry2 *entry = find_or_add(table, 0xb, level);
    if (entry != NULL) {
        entry->flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
        entry->eax = shift;
        entry->ebx = count;
        entry->ecx = level | type << 8;
        entry->edx = apic_id;
    }
}

static void set_topology(struct table *table, unsigned count, uint32_t apic_id)
{
    enum { HTT = 1 << 28, SMT = 1, CORE = 2 };
    uint32_t shift = count > 1 ? 32U - (uint32_t)__builtin_clz(count - 1) : 0;
    for (uint32_t i = 0; i < table->head.nent; i++) {
        struct kvm_cpuid_entry2 *entry = &table->entries[i];
        switch (entry->function) {
        case 1:
            entry->ebx = (entry->ebx & 0xffff) | (count & 0xff) << 16 | apic_id << 24;
            entry->edx = count > 1 ? entry->edx | HTT : entry->edx & ~(uint32_t)HTT;
            break;
        case 4:
            entry->eax = (entry->eax & 0x3fff) | (count - 1) << 26;
            break;
        case 0x80000008:
            entry->ecx = (count - 1) | shift << 12;
            break;
        case 0x8000001e:
            entry->eax = apic_id;
            entry->ebx = apic_id;
            entry->ecx = 0;
            break;
        default:
            break;
        }
    }
    set_level(table, 0, SMT, 0, 1, apic_id);
    set_level(table, 1, CORE, shift, count, apic_id);
}

int vmm_kvm_set_cpuid(struct kvm_cpu *cpu, const struct cpu_config *config, struct st_err *err)
{
    enum { MONITOR = 1 << 3, DEADLINE = 1 << 24 };
    const uint32_t hypervisor = 1U << 31;
    struct table table = {.head.nent = KVM_CPUID_MAX};
    int kvm = cpu->machine->kvm;
    int r = vmm_kvm_call(kvm, KVM_GET_SUPPORTED_CPUID, &table);
    if (r < 0) {
        return st_fail_os(err, r, "KVM does not tell what it supports");
    }
    struct kvm_cpuid_entry2 *first = find(&table, 1, 0);
    /* Not in KVM's list, but without it no kernel looks for the leaves of KVM's. */
    if (first != NULL) {
        first->ecx |= hypervisor;
    }
    /* KVM leaves out of the list what depends on the local APIC being the kernel's. */
    if (first != NULL &&
        vmm_kvm_call(kvm, KVM_CHECK_EXTENSION, (void *)(uintptr_t)KVM_CAP_TSC_DEADLINE_TIMER) > 0) {
        first->ecx |= DEADLINE;
    }
    if (first != NULL && !config->monitor) {
        first->ecx &= ~(uint32_t)MONITOR;
    }
    r = config->model != CPU_HOST ? cut_to_model(&table, config, err) : 0;
    if (r < 0) {
        return r;
    }
    switch_off(&table, config);
    set_topology(&table, config->count, cpu->base.apic_id);
    r = vmm_kvm_call(cpu->fd, KVM_SET_CPUID2, &table);
    return r < 0 ? st_fail_os(err, r, "KVM does not take the CPU model") : 0;
}
