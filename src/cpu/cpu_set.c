/* The vCPUs of a machine on the software CPU: made, freed, and reached from outside. */
#include "cpu/cpu.h"
#include "cpu/cpu_clock.h"
#include "cpu/cpu_lapic.h"
#include "cpu/cpu_run.h"
#include "cpu/cpu_sys.h"
#include "cpu/interpreter/cpu_fpu.h"

enum { TSC_KHZ = 1000000 };

static void wake(struct cpu *cpu, uint32_t bits)
{
    cpu_attend(cpu, bits);
    plat_wake(cpu->platform, cpu->vcpu.index);
}

static void kick(struct vcpu *vcpu)
{
    wake(cpu_of(vcpu), CPU_ATT_KICK);
}

static void nmi(struct vcpu *vcpu)
{
    cpu_nmi(cpu_of(vcpu));
}

static int set_debug(struct vcpu *vcpu, const struct vcpu_debug *debug)
{
    struct cpu *cpu = cpu_of(vcpu);

    if (debug->count > ST_COUNT(debug->points)) {
        return -ST_EINVAL;
    }
    for (unsigned i = 0; i < debug->count; i++) {
        uint8_t length = debug->points[i].length;

        if ((length != 1 && length != 2 && length != 4 && length != 8) ||
            debug->points[i].type == CPU_BREAK_IO || debug->points[i].type > CPU_BREAK_ACCESS) {
            return -ST_EINVAL;
        }
    }
    cpu->debug = *debug;
    cpu_watch_update(cpu);
    return 0;
}

static int translate(struct vcpu *vcpu, uint64_t linear, gpa_t *ret_physical)
{
    return cpu_walk_debug(cpu_of(vcpu), linear, &ret_physical->v);
}

static struct cpu_shared *shared_of(const struct vcpu_set *set)
{
    return cpu_of(set->vcpus[0])->shared;
}

static void msi(struct vcpu_set *set, uint64_t address, uint32_t data)
{
    vcpu_lapic_msi(&shared_of(set)->lapics, address, data);
}

static void pic_line(struct vcpu_set *set, bool level)
{
    vcpu_lapic_pic_line(&shared_of(set)->lapics, level);
}

/* A device or another module wrote to a page with decoded code. */
static void code_written(void *argument, uint64_t page_start)
{
    const struct vcpu_set *set = argument;

    for (unsigned i = 0; i < set->count; i++) {
        cpu_code_written_elsewhere(cpu_of(set->vcpus[i]), page_start);
    }
}

/* Frees what create_one has made, also of a part. */
static void free_one(struct vcpu *vcpu)
{
    struct cpu *cpu = cpu_of(vcpu);
    struct platform *platform = cpu->platform;
    struct cpu_shared *shared = cpu->shared;
    struct vcpu_set *set = vcpu->set;

    vcpu_lapic_done(&cpu->lapic);
    cpu_fpu_free(cpu);
    if (cpu->code != NULL) {
        cpu_code_free(cpu);
    }
    set->vcpus[vcpu->index] = NULL;
    plat_free(platform, cpu, sizeof *cpu);
    shared->alive--;
    if (shared->alive == 0) {
        set->memory->watch.code_written = NULL;
        plat_free(platform, shared, sizeof *shared);
    }
}

static const struct vcpu_ops cpu_ops = {
    .name = "software",
    .run = cpu_run,
    .kick = kick,
    .has_work = cpu_has_work,
    .get_state = cpu_get_state,
    .set_state = cpu_set_state,
    .nmi = nmi,
    .set_debug = set_debug,
    .translate = translate,
    .free = free_one,
    .msi = msi,
    .pic_line = pic_line,
};

static int create_one(struct vcpu_set *set, struct cpu_shared *shared, unsigned index,
                      struct st_err *err)
{
    struct cpu *cpu = plat_alloc(set->platform, sizeof *cpu);
    struct vcpu_state state;
    int r;

    if (cpu == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for CPU %u", index);
    }
    set->vcpus[index] = &cpu->vcpu;
    shared->alive++;
    cpu->vcpu.set = set;
    cpu->vcpu.index = index;
    cpu->vcpu.apic_id = index;
    cpu->platform = set->platform;
    cpu->memory = set->memory;
    cpu->shared = shared;
    cpu->budget = UINT64_MAX;
    cpu_tsc_frequency(cpu, shared->config.tsc_khz);
    vcpu_lapic_init(&cpu->lapic, &shared->lapics, set->platform, index, CPU_PHYSICAL_BITS,
                    &cpu_lapic_ops, cpu);
    r = cpu_fpu_new(cpu);
    if (r < 0) {
        return st_fail(err, (enum st_code) - r, "no vector unit for CPU %u", index);
    }
    cpu->code = cpu_code_new(cpu);
    if (cpu->code == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the code of CPU %u", index);
    }
    vcpu_state_reset(&state, index, index == 0);
    state.gpr[X86_RDX] = CPU_SIGNATURE;
    return cpu_set_state(&cpu->vcpu, &state, err);
}

int cpu_set_create(struct vcpu_set *set, const struct cpu_config *config, struct st_err *err)
{
    struct cpu_shared *shared;
    int r;

    if (config->count == 0 || config->count > VCPU_MAX) {
        return st_fail(err, ST_EINVAL, "a machine has 1 to %d CPUs", VCPU_MAX);
    }
    shared = plat_alloc(set->platform, sizeof *shared);
    if (shared == NULL) {
        return st_fail(err, ST_ENOMEM, "no memory for the CPUs");
    }
    shared->config = *config;
    if (shared->config.tsc_khz == 0) {
        shared->config.tsc_khz = TSC_KHZ;
    }
    r = cpu_features_make(&shared->config, &shared->features, err);
    if (r < 0) {
        plat_free(set->platform, shared, sizeof *shared);
        return r;
    }
    set->ops = &cpu_ops;
    set->count = config->count;
    set->memory->watch.argument = set;
    set->memory->watch.code_written = code_written;
    for (unsigned i = 0; i < config->count; i++) {
        r = create_one(set, shared, i, err);
        if (r < 0) {
            for (unsigned j = i + 1; j-- > 0;) {
                if (set->vcpus[j] != NULL) {
                    free_one(set->vcpus[j]);
                }
            }
            return r;
        }
    }
    return 0;
}

void cpu_set_budget(struct vcpu *vcpu, uint64_t retired)
{
    cpu_of(vcpu)->budget = retired;
}

void cpu_set_free(struct vcpu_set *set)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (set->vcpus[i] != NULL) {
            free_one(set->vcpus[i]);
        }
    }
    set->count = 0;
    set->ops = NULL;
}
