/* The local APIC: priorities, end of interrupt, timers, modes, destinations, saved state. */
#include "vcpu/vcpu_lapic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "platform/plat_fake_test.h"

enum { CPUS = 4 };

struct cpu {
    unsigned notified, nmis, inits, sipis;
    uint8_t sipi_vector;
    int eoi_vector;
};

static struct plat_fake fake;
static struct vcpu_lapic_set set;
static struct vcpu_lapic lapics[CPUS];
static struct cpu cpus[CPUS];

static void notify(void *cpu)
{
    ((struct cpu *)cpu)->notified++;
}

static void nmi(void *cpu)
{
    ((struct cpu *)cpu)->nmis++;
}

static void init(void *cpu)
{
    ((struct cpu *)cpu)->inits++;
}

static void sipi(void *cpu, uint8_t vector)
{
    ((struct cpu *)cpu)->sipis++;
    ((struct cpu *)cpu)->sipi_vector = vector;
}

static void eoi(void *cpu, uint8_t vector)
{
    ((struct cpu *)cpu)->eoi_vector = vector;
}

static const struct vcpu_lapic_ops ops = {
    .notify = notify, .nmi = nmi, .init = init, .sipi = sipi, .eoi = eoi};

static void write_register(struct vcpu_lapic *lapic, uint32_t offset, uint32_t value)
{
    vcpu_lapic_mmio_write(lapic, offset, 4, value);
}

static uint32_t read_register(struct vcpu_lapic *lapic, uint32_t offset)
{
    return (uint32_t)vcpu_lapic_mmio_read(lapic, offset, 4);
}

static int make(void **state)
{
    (void)state;
    plat_fake_init(&fake);
    memset(&set, 0, sizeof set);
    memset(cpus, 0, sizeof cpus);
    for (uint32_t i = 0; i < CPUS; i++) {
        cpus[i].eoi_vector = -1;
        vcpu_lapic_init(&lapics[i], &set, &fake.platform, i, 40, &ops, &cpus[i]);
        write_register(&lapics[i], 0xf0, 0x1ff);
    }
    return 0;
}

static void gives_the_highest_priority_first_and_holds_back_the_rest(void **state)
{
    struct vcpu_lapic *lapic = &lapics[0];

    (void)state;
    vcpu_lapic_inject(lapic, 0x31);
    vcpu_lapic_inject(lapic, 0x52);
    assert_true(cpus[0].notified >= 2);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x52);
    assert_int_equal(read_register(lapic, 0xa0), 0x50);
    vcpu_lapic_inject(lapic, 0x5f);
    assert_int_equal(vcpu_lapic_pending(lapic), -1);
    write_register(lapic, 0xb0, 0);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x5f);
    write_register(lapic, 0xb0, 0);
    vcpu_lapic_set_cr8(lapic, 3);
    assert_int_equal(vcpu_lapic_pending(lapic), -1);
    assert_int_equal(read_register(lapic, 0x80), 0x30);
    cpus[0].notified = 0;
    vcpu_lapic_set_cr8(lapic, 2);
    assert_int_equal(cpus[0].notified, 1);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x31);
    assert_int_equal(cpus[0].eoi_vector, -1);
}

static void tells_the_end_of_level_triggered_interrupts_only(void **state)
{
    struct vcpu_lapic *lapic = &lapics[1];

    (void)state;
    vcpu_lapic_msi(&set, 0xfee01000, 0x8000 | 0x40);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x40);
    assert_int_equal(vcpu_lapic_skippable(lapic), -1);
    write_register(lapic, 0xb0, 0);
    assert_int_equal(cpus[1].eoi_vector, 0x40);
    cpus[1].eoi_vector = -1;
    vcpu_lapic_msi(&set, 0xfee01000, 0x40);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x40);
    assert_int_equal(vcpu_lapic_skippable(lapic), 0x40);
    vcpu_lapic_inject(lapic, 0x22);
    assert_int_equal(vcpu_lapic_skippable(lapic), -1);
    vcpu_lapic_eoi(lapic);
    assert_int_equal(cpus[1].eoi_vector, -1);
}

static void routes_by_physical_flat_cluster_and_x2apic_ids(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < CPUS; i++) {
        write_register(&lapics[i], 0xd0, 1u << (24 + i));
    }
    vcpu_lapic_msi(&set, 0xfee0a004, 0x50); /* logical, flat: CPUs 1 and 3 */
    assert_int_equal(vcpu_lapic_pending(&lapics[0]), -1);
    assert_int_equal(vcpu_lapic_acknowledge(&lapics[1]), 0x50);
    assert_int_equal(vcpu_lapic_pending(&lapics[2]), -1);
    assert_int_equal(vcpu_lapic_acknowledge(&lapics[3]), 0x50);

    for (uint32_t i = 0; i < CPUS; i++) { /* two clusters of two */
        write_register(&lapics[i], 0xe0, 0);
        write_register(&lapics[i], 0xd0, ((i / 2) << 28) | (1u << (24 + i % 2)));
    }
    vcpu_lapic_msi(&set, 0xfee13004, 0x61);
    assert_int_equal(vcpu_lapic_pending(&lapics[0]), -1);
    assert_int_equal(vcpu_lapic_pending(&lapics[2]), 0x61);
    assert_int_equal(vcpu_lapic_pending(&lapics[3]), 0x61);

    assert_true(vcpu_lapic_set_base(&lapics[2], lapics[2].apic_base | 0x400));
    assert_false(vcpu_lapic_covers(&lapics[2], 0xfee00000));
    assert_true(vcpu_lapic_msr_write(&lapics[2], 0x830, UINT64_C(1) << 32 | 0x71));
    assert_int_equal(vcpu_lapic_acknowledge(&lapics[1]), 0x71);
    assert_true(vcpu_lapic_msr_write(&lapics[2], 0x830, UINT64_C(0xffffffff00000000) | 0x72));
    assert_int_equal(vcpu_lapic_pending(&lapics[0]), 0x72);
    assert_int_equal(vcpu_lapic_pending(&lapics[2]), 0x72);
    assert_true(vcpu_lapic_msr_write(&lapics[2], 0x830, 0x4 << 8 | UINT64_C(3) << 18));
    assert_int_equal(cpus[0].nmis, 1);
    assert_int_equal(cpus[2].nmis, 0);
    assert_int_equal(cpus[3].nmis, 1);
}

static void gives_lowest_priority_messages_to_one_cpu(void **state)
{
    unsigned got = 0;

    (void)state;
    vcpu_lapic_set_cr8(&lapics[0], 1);
    vcpu_lapic_set_cr8(&lapics[1], 1);
    vcpu_lapic_set_cr8(&lapics[3], 1);
    vcpu_lapic_msi(&set, 0xfeeff000, 0x100 | 0x55);
    for (unsigned i = 0; i < CPUS; i++) {
        got += vcpu_lapic_pending(&lapics[i]) == 0x55;
    }
    assert_int_equal(got, 1);
    assert_int_equal(vcpu_lapic_pending(&lapics[2]), 0x55);
}

static void starts_other_cpus(void **state)
{
    (void)state;
    write_register(&lapics[0], 0x310, 2u << 24);
    write_register(&lapics[0], 0x300, 0xc500); /* INIT, level, assert */
    write_register(&lapics[0], 0x300, 0x8500); /* deassert */
    write_register(&lapics[0], 0x300, 0x0699);
    assert_int_equal(cpus[2].inits, 1);
    assert_int_equal(cpus[2].sipis, 1);
    assert_int_equal(cpus[2].sipi_vector, 0x99);
    assert_int_equal(cpus[1].inits, 0);
}

static void counts_down_once_or_for_ever(void **state)
{
    struct vcpu_lapic *lapic = &lapics[0];

    (void)state;
    write_register(lapic, 0x3e0, 0xb);
    write_register(lapic, 0x320, 0x20);
    write_register(lapic, 0x380, 100000);
    plat_fake_advance(&fake, 40000);
    assert_int_equal(read_register(lapic, 0x390), 60000);
    assert_int_equal(vcpu_lapic_pending(lapic), -1);
    plat_fake_advance(&fake, 60000);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x20);
    assert_int_equal(read_register(lapic, 0x390), 0);
    vcpu_lapic_eoi(lapic);

    write_register(lapic, 0x320, 0x20020); /* periodic: stays at zero until written */
    assert_int_equal(read_register(lapic, 0x390), 0);
    write_register(lapic, 0x380, 100000);
    for (unsigned i = 0; i < 3; i++) {
        plat_fake_advance(&fake, 100000);
        assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x20);
        vcpu_lapic_eoi(lapic);
    }
    plat_fake_advance(&fake, 30000);
    assert_int_equal(read_register(lapic, 0x390), 70000);
    write_register(lapic, 0x320, 0x20); /* back to one shot: goes on from there */
    assert_int_equal(read_register(lapic, 0x390), 70000);
    plat_fake_advance(&fake, 70000);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x20);
    assert_int_equal(read_register(lapic, 0x390), 0);
}

static void keeps_the_phase_of_a_period_that_came_late(void **state)
{
    struct vcpu_lapic *lapic = &lapics[0];

    (void)state;
    write_register(lapic, 0x3e0, 0xb);
    write_register(lapic, 0x320, 0x20020);
    write_register(lapic, 0x380, 100000);
    fake.now_ns += 350000; /* the host slept */
    plat_fake_advance(&fake, 0);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x20);
    vcpu_lapic_eoi(lapic);
    assert_int_equal(lapic->timer.deadline_ns, 400000);
}

static void fires_at_a_tsc_deadline(void **state)
{
    struct vcpu_lapic *lapic = &lapics[0];

    (void)state;
    vcpu_lapic_set_deadline(lapic, 5000, 5000);
    assert_int_equal(vcpu_lapic_deadline(lapic), 0);
    write_register(lapic, 0x320, 0x40020);
    write_register(lapic, 0x380, 1000);
    assert_int_equal(read_register(lapic, 0x380), 0);
    vcpu_lapic_set_deadline(lapic, 5000, 5000);
    assert_int_equal(vcpu_lapic_deadline(lapic), 5000);
    plat_fake_advance(&fake, 5000);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x20);
    assert_int_equal(vcpu_lapic_deadline(lapic), 0);
}

static void passes_the_pic_by_lint0_or_when_switched_off(void **state)
{
    (void)state;
    vcpu_lapic_pic_line(&set, true);
    assert_false(vcpu_lapic_pic_pending(&lapics[0]));
    cpus[0].notified = 0;
    write_register(&lapics[0], 0x350, 0x700);
    assert_int_equal(cpus[0].notified, 1);
    assert_true(vcpu_lapic_pic_pending(&lapics[0]));
    vcpu_lapic_pic_line(&set, false);
    assert_false(vcpu_lapic_pic_pending(&lapics[0]));
    assert_true(vcpu_lapic_set_base(&lapics[1], 0xfee00000));
    vcpu_lapic_pic_line(&set, true);
    assert_true(vcpu_lapic_pic_pending(&lapics[1]));
    vcpu_lapic_inject(&lapics[1], 0x44);
    assert_int_equal(vcpu_lapic_pending(&lapics[1]), -1);
    write_register(&lapics[2], 0x350, 0x33);
    vcpu_lapic_pic_line(&set, false);
    vcpu_lapic_pic_line(&set, true);
    assert_int_equal(vcpu_lapic_pending(&lapics[2]), 0x33);
}

static void refuses_what_the_manual_forbids(void **state)
{
    struct vcpu_lapic *lapic = &lapics[0];
    uint64_t value;

    (void)state;
    assert_false(vcpu_lapic_msr_read(lapic, 0x802, &value));
    assert_false(vcpu_lapic_set_base(lapic, lapic->apic_base | 1));
    assert_false(vcpu_lapic_set_base(lapic, lapic->apic_base | UINT64_C(1) << 40));
    assert_false(vcpu_lapic_set_base(lapic, 0xfee00500));
    assert_true(vcpu_lapic_set_base(lapic, lapic->apic_base | 0x400));
    assert_false(vcpu_lapic_set_base(lapic, 0xfee00900));
    assert_true(vcpu_lapic_msr_read(lapic, 0x803, &value));
    assert_int_equal(value, 0x50014);
    assert_false(vcpu_lapic_msr_read(lapic, 0x80e, &value));
    assert_false(vcpu_lapic_msr_write(lapic, 0x80b, 1));
    assert_true(vcpu_lapic_msr_write(lapic, 0x80b, 0));
    assert_false(vcpu_lapic_msr_write(lapic, 0x802, 0));
    assert_false(vcpu_lapic_msr_write(lapic, 0x808, 0x100));
    assert_true(vcpu_lapic_msr_write(lapic, 0x83f, 0x41));
    assert_int_equal(vcpu_lapic_pending(lapic), 0x41);
    assert_true(vcpu_lapic_msr_write(lapic, 0x83f, 0x1)); /* illegal vector: an error */
    assert_true(vcpu_lapic_msr_write(lapic, 0x828, 0));
    assert_true(vcpu_lapic_msr_read(lapic, 0x828, &value));
    assert_int_equal(value, 0x20);
}

static void restores_what_was_saved(void **state)
{
    static struct vcpu_state saved, again;
    struct vcpu_lapic *lapic = &lapics[3];

    (void)state;
    write_register(lapic, 0x3e0, 0x3);
    write_register(lapic, 0x320, 0x20031);
    write_register(lapic, 0x380, 12345);
    vcpu_lapic_inject(lapic, 0x77);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x77);
    vcpu_lapic_inject(lapic, 0x41);
    plat_fake_advance(&fake, 1600);
    vcpu_lapic_save(lapic, &saved);
    vcpu_lapic_reset(lapic);
    assert_int_equal(vcpu_lapic_pending(lapic), -1);
    vcpu_lapic_load(lapic, &saved);
    vcpu_lapic_save(lapic, &again);
    assert_memory_equal(saved.lapic, again.lapic, VCPU_LAPIC_BYTES);
    assert_int_equal(read_register(lapic, 0x390), 12245);
    assert_int_equal(vcpu_lapic_pending(lapic), -1);
    vcpu_lapic_eoi(lapic);
    assert_int_equal(vcpu_lapic_acknowledge(lapic), 0x41);
}

static void a_reset_state_is_one_that_the_lapic_has(void **state)
{
    static struct vcpu_state fresh, saved;
    struct vcpu_lapic *lapic = &lapics[1];

    (void)state;
    vcpu_state_reset(&fresh, 1, false);
    assert_int_equal(fresh.activity, VCPU_WAIT_FOR_SIPI);
    vcpu_lapic_load(lapic, &fresh);
    vcpu_lapic_save(lapic, &saved);
    assert_memory_equal(fresh.lapic, saved.lapic, VCPU_LAPIC_BYTES);
    assert_int_equal(fresh.apic_base, saved.apic_base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(gives_the_highest_priority_first_and_holds_back_the_rest, make),
        cmocka_unit_test_setup(tells_the_end_of_level_triggered_interrupts_only, make),
        cmocka_unit_test_setup(routes_by_physical_flat_cluster_and_x2apic_ids, make),
        cmocka_unit_test_setup(gives_lowest_priority_messages_to_one_cpu, make),
        cmocka_unit_test_setup(starts_other_cpus, make),
        cmocka_unit_test_setup(counts_down_once_or_for_ever, make),
        cmocka_unit_test_setup(keeps_the_phase_of_a_period_that_came_late, make),
        cmocka_unit_test_setup(fires_at_a_tsc_deadline, make),
        cmocka_unit_test_setup(passes_the_pic_by_lint0_or_when_switched_off, make),
        cmocka_unit_test_setup(refuses_what_the_manual_forbids, make),
        cmocka_unit_test_setup(restores_what_was_saved, make),
        cmocka_unit_test_setup(a_reset_state_is_one_that_the_lapic_has, make),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
