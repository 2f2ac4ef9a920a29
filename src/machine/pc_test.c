/* The PC with CPUs that do nothing: memory map, ACPI tables, each boot protocol, interrupts, power.
 */
#include "machine/pc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "machine/pc_priv.h"
#include "platform/plat_fake_test.h"

enum { RAM_BYTES = 16 << 20, CPUS = 3 };

static struct plat_fake fake;
static struct mem_map memory;
static uint8_t ram[RAM_BYTES], ram_bits[RAM_BYTES >> MEM_PAGE_SHIFT];
static uint8_t kernel[0x3000];
static struct pc *pc;
static struct vcpu_bus bus;
static struct vcpu_set set;
static struct vcpu vcpus[CPUS];
static struct vcpu_state states[CPUS];
static uint64_t message_address;
static uint32_t message_data;
static unsigned messages, resets, power_offs, panics;
static bool pic_level;

static int set_state(struct vcpu *vcpu, const struct vcpu_state *state, struct st_err *err)
{
    (void)err;
    states[vcpu->index] = *state;
    return 0;
}

static void msi(struct vcpu_set *of, uint64_t address, uint32_t data)
{
    (void)of;
    messages++;
    message_address = address;
    message_data = data;
}

static void pic_line(struct vcpu_set *of, bool level)
{
    (void)of;
    pic_level = level;
}

static const struct vcpu_ops vcpu_ops = {.set_state = set_state, .msi = msi, .pic_line = pic_line};

static void on_reset(void *owner)
{
    (void)owner;
    resets++;
}

static void on_power_off(void *owner)
{
    (void)owner;
    power_offs++;
}

static void on_panicked(void *owner)
{
    (void)owner;
    panics++;
}

static void on_debug_exit(void *owner, uint32_t value)
{
    *(uint32_t *)owner = value;
}

static uint32_t exit_value;

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    memcpy(at, &value, size);
}

static uint64_t get(uint64_t at, unsigned size)
{
    uint64_t value = 0;

    memcpy(&value, ram + at, size);
    return value;
}

static int start(const struct pc_boot *boot, struct st_err *err)
{
    struct pc_config config = {
        .platform = &fake.platform,
        .memory = &memory,
        .ram_bytes = RAM_BYTES,
        .vcpus = CPUS,
        .boot = *boot,
        .debug_exit = true,
        .events = {on_reset, on_power_off, on_panicked, on_debug_exit, &exit_value},
    };
    struct pc_ram_slot slots[3];
    unsigned count;
    int r;

    plat_fake_init(&fake);
    mem_map_init(&memory);
    memset(ram, 0, sizeof ram);
    memset(states, 0, sizeof states);
    messages = resets = power_offs = panics = 0;
    pic_level = false;
    assert_int_equal(pc_ram_layout(RAM_BYTES, slots, &count), 0);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(mem_add(&memory, MEM_RAM, GPA(slots[i].start), slots[i].size,
                                 ram + slots[i].offset,
                                 ram_bits + (slots[i].offset >> MEM_PAGE_SHIFT)),
                         0);
    }
    r = pc_create(&config, &pc, err);
    if (r < 0) {
        return r;
    }
    pc_bus(pc, &bus);
    memset(&set, 0, sizeof set);
    set.ops = &vcpu_ops;
    set.count = CPUS;
    for (unsigned i = 0; i < CPUS; i++) {
        vcpus[i].set = &set;
        vcpus[i].index = vcpus[i].apic_id = i;
        set.vcpus[i] = &vcpus[i];
    }
    pc_attach_vcpus(pc, &set);
    return pc_reset(pc, err);
}

/* A kernel of 32 bits with a PVH note, as a program header table says. */
static void make_elf(bool pvh, bool is_64)
{
    memset(kernel, 0, sizeof kernel);
    memcpy(kernel, "\177ELF", 4);
    kernel[4] = is_64 ? 2 : 1;
    kernel[5] = 1;
    put(kernel + 16, 2, 2);
    put(kernel + 18, is_64 ? 62 : 3, 2);
    put(kernel + 24, 0x200010, 4);
    if (is_64) {
        put(kernel + 32, 64, 8);
        put(kernel + 54, 56, 2);
        put(kernel + 56, 1, 2);
        put(kernel + 64, 1, 4);
        put(kernel + 72, 0x1000, 8);
        put(kernel + 80, 0x200000, 8);
        put(kernel + 88, 0x200000, 8);
        put(kernel + 96, 0x1000, 8);
        put(kernel + 104, 0x3000, 8);
        return;
    }
    put(kernel + 28, 52, 4);
    put(kernel + 42, 32, 2);
    put(kernel + 44, pvh ? 2 : 1, 2);
    const uint32_t load[8] = {1, 0x1000, 0x200000, 0x200000, 0x1000, 0x3000, 5, 4096};
    const uint32_t note[8] = {4, 0x2000, 0, 0, 20, 20, 4, 4};
    memcpy(kernel + 52, load, sizeof load);
    memcpy(kernel + 84, note, sizeof note);
    memcpy(kernel + 0x1000, "the kernel", 10);
    put(kernel + 0x2000, 4, 4);
    put(kernel + 0x2004, 4, 4);
    put(kernel + 0x2008, 18, 4);
    memcpy(kernel + 0x200c, "Xen", 4);
    put(kernel + 0x2010, 0x200020, 4);
}

static int stop(void **state)
{
    (void)state;
    pc = pc_free(pc);
    assert_null(plat_fake_next(&fake));
    return 0;
}

static void places_ram_around_the_holes(void **state)
{
    struct pc_ram_slot slots[3];
    unsigned count;

    (void)state;
    assert_int_equal(pc_ram_layout(UINT64_C(5) << 30, slots, &count), 0);
    assert_int_equal(count, 3);
    assert_int_equal(slots[1].start + slots[1].size, 0xc0000000);
    assert_int_equal(slots[2].start, UINT64_C(1) << 32);
    assert_int_equal(slots[2].size, UINT64_C(2) << 30);
    assert_int_equal(slots[2].offset, UINT64_C(3) << 30);
    assert_int_equal(pc_ram_layout(12345, slots, &count), -ST_EINVAL);
    assert_int_equal(pc_ram_layout(1 << 20, slots, &count), -ST_EINVAL);
}

static void boots_by_pvh(void **state)
{
    struct pc_boot boot = {kernel, sizeof kernel, "initrd bytes", 12, "console=ttyS0"};
    struct vcpu_state *boot_cpu = &states[0];
    uint64_t module;

    (void)state;
    make_elf(true, false);
    assert_int_equal(start(&boot, NULL), 0);
    assert_int_equal(boot_cpu->rip, 0x200020);
    assert_int_equal(boot_cpu->cr0 & 0x80000001, 1);
    assert_int_equal(boot_cpu->segments[1].attributes, 0xc09b);
    assert_int_equal(boot_cpu->segments[3].limit, 0xffffffff);
    assert_memory_equal(ram + 0x200000, "the kernel", 10);
    assert_int_equal(get(boot_cpu->gpr[3], 4), 0x336ec578);
    module = get(boot_cpu->gpr[3] + 16, 8);
    assert_memory_equal(ram + get(module, 8), "initrd bytes", 12);
    assert_string_equal((char *)ram + get(boot_cpu->gpr[3] + 24, 8), "console=ttyS0");
    assert_memory_equal(ram + get(boot_cpu->gpr[3] + 32, 8), "RSD PTR ", 8);
    assert_int_equal(states[1].activity, VCPU_WAIT_FOR_SIPI);
    assert_int_equal(states[2].lapic[0x23], 2);
    assert_int_equal(states[2].rip, 0xfff0);
}

static void boots_a_plain_elf_of_64_bits(void **state)
{
    struct pc_boot boot = {kernel, sizeof kernel, NULL, 0, NULL};
    uint64_t cr3, pdpt;

    (void)state;
    make_elf(false, true);
    assert_int_equal(start(&boot, NULL), 0);
    assert_int_equal(states[0].rip, 0x200010);
    assert_int_equal(states[0].efer, 0x500);
    assert_int_equal(states[0].segments[1].attributes, 0xa09b);
    cr3 = states[0].cr3;
    pdpt = get(cr3, 8) & ~0xfffull;
    assert_int_equal(get((get(pdpt + 24, 8) & ~0xfffull) + 8 * 511, 8), 0xffe00083);
}

static void boots_linux(void **state)
{
    struct pc_boot boot = {kernel, sizeof kernel, "initrd", 6, "quiet"};
    struct st_err err;

    (void)state;
    memset(kernel, 0, sizeof kernel);
    kernel[0x1f1] = 1;
    kernel[0x201] = 0x6a;
    memcpy(kernel + 0x202, "HdrS", 4);
    put(kernel + 0x206, 0x20f, 2);
    kernel[0x211] = 1;
    put(kernel + 0x22c, 0x7fffffff, 4);
    put(kernel + 0x230, 0x200000, 4);
    kernel[0x234] = 1;
    kernel[0x236] = 1;
    put(kernel + 0x238, 2047, 4);
    put(kernel + 0x258, 0x400000, 8);
    put(kernel + 0x260, 0x800000, 4);
    memcpy(kernel + 0x400, "code", 4);
    assert_int_equal(start(&boot, NULL), 0);
    assert_int_equal(states[0].rip, 0x400200);
    assert_memory_equal(ram + 0x400000, "code", 4);
    assert_int_equal(get(states[0].gpr[6] + 0x1e8, 1), 5);
    assert_int_equal(get(states[0].gpr[6] + 0x210, 1), 0xff);
    assert_memory_equal(ram + get(states[0].gpr[6] + 0x218, 4), "initrd", 6);
    assert_int_equal(get(states[0].gpr[6] + 0x21c, 4), 6);
    assert_string_equal((char *)ram + get(states[0].gpr[6] + 0x228, 4), "quiet");
    pc = pc_free(pc);
    put(kernel + 0x260, 0x8000000, 4); /* more than there is */
    assert_int_equal(start(&boot, &err), -ST_ENOSPC);
}

static void boots_multiboot(void **state)
{
    struct pc_boot boot = {kernel, sizeof kernel, "module", 6, "a b"};
    uint64_t info;

    (void)state;
    make_elf(true, false);
    put(kernel + 0x200, 0x1badb002, 4);
    put(kernel + 0x204, 3, 4);
    put(kernel + 0x208, 0u - 0x1badb002u - 3u, 4);
    assert_int_equal(start(&boot, NULL), 0);
    info = states[0].gpr[3];
    assert_int_equal(states[0].gpr[0], 0x2badb002);
    assert_int_equal(states[0].rip, 0x200010);
    assert_string_equal((char *)ram + get(info + 16, 4), "kernel a b");
    assert_int_equal(get(info + 20, 4), 1);
    assert_memory_equal(ram + get(get(info + 24, 4), 4), "module", 6);
    assert_int_equal(get(info + 44, 4), 5 * 24);
}

static void refuses_a_kernel_over_its_boot_information(void **state)
{
    struct pc_boot boot = {kernel, sizeof kernel, NULL, 0, NULL};
    struct st_err err = {0};

    (void)state;
    make_elf(true, false);
    put(kernel + 52 + 12, 0x7f000, 4);
    assert_int_equal(start(&boot, &err), -ST_ENOEXEC);
    assert_string_equal(err.msg, "the kernel's part at 7f000 lies where the boot information goes");
    pc = pc_free(pc);
    put(kernel + 52 + 12, 0xff0000, 4);
    put(kernel + 52 + 20, 0x20000, 4); /* beyond the end of RAM */
    assert_int_equal(start(&boot, &err), -ST_EFAULT);
}

static void refuses_what_is_no_kernel(void **state)
{
    struct pc_boot boot = {"#!/bin/sh", 9, NULL, 0, NULL};
    struct st_err err = {0};

    (void)state;
    pc = NULL;
    assert_int_equal(start(&boot, &err), -ST_ENOEXEC);
    assert_string_equal(err.msg, "the kernel is neither a Linux boot image nor ELF nor multiboot");
}

static uint8_t table_sum(uint64_t at, uint64_t size)
{
    uint8_t sum = 0;

    for (uint64_t i = 0; i < size; i++) {
        sum = (uint8_t)(sum + ram[at + i]);
    }
    return sum;
}

static int start_elf(void **state)
{
    static const struct pc_boot boot = {kernel, sizeof kernel, NULL, 0, NULL};

    (void)state;
    make_elf(true, false);
    return start(&boot, NULL);
}

static void has_acpi_tables_that_add_up(void **state)
{
    uint64_t xsdt = get(PC_ACPI + 24, 8), count = (get(xsdt + 4, 4) - 36) / 8;

    (void)state;
    assert_int_equal(table_sum(PC_ACPI, 20), 0);
    assert_int_equal(table_sum(PC_ACPI, 36), 0);
    assert_int_equal(count, 5);
    for (unsigned i = 0; i < count; i++) {
        uint64_t table = get(xsdt + 36 + 8 * i, 8);
        assert_int_equal(table_sum(table, get(table + 4, 4)), 0);
    }
    assert_int_equal(get(get(xsdt + 36, 8) + 36, 4) % 64, 0); /* the FACS */
}

static void has_smbios_tables_that_end(void **state)
{
    uint64_t at = get(PC_SMBIOS + 16, 8), end = at + get(PC_SMBIOS + 12, 4);
    unsigned seen = 0;

    (void)state;
    assert_int_equal(get(PC_SMBIOS, 4), 0x334d535f); /* _SM3 */
    assert_int_equal(table_sum(PC_SMBIOS, 24), 0);
    while (at < end && get(at, 1) != 127) {
        seen++;
        at += get(at + 1, 1);
        while (get(at, 2) != 0) {
            at++;
        }
        at += 2;
    }
    assert_int_equal(seen, 8);
    assert_int_equal(at + 6, end);
}

static void routes_interrupts_to_pic_and_ioapic(void **state)
{
    (void)state;
    plat_lock(&fake.platform);
    pc_interrupt(pc, 4, true);
    plat_unlock(&fake.platform);
    assert_int_equal(messages, 0); /* masked */
    bus.mmio_write(bus.machine, PC_IOAPIC, 4, 0x10 + 2 * 4);
    bus.mmio_write(bus.machine, PC_IOAPIC + 16, 4, 0x8044); /* level-triggered */
    assert_int_equal(messages, 1);
    assert_int_equal(message_address, 0xfee00000);
    assert_int_equal(message_data & 0x80ff, 0x8044);
    bus.eoi(bus.machine, 0x44);
    assert_int_equal(messages, 2); /* it still asks */
    assert_false(pic_level);
    bus.io_write(bus.machine, 0x21, 1, 0xef);
    assert_true(pic_level);
    assert_int_equal(bus.pic_acknowledge(bus.machine), 0x08 + 4);
    assert_false(pic_level);
}

static void switches_off_resets_and_panics(void **state)
{
    (void)state;
    bus.io_write(bus.machine, 0x604, 2, 5 << 10);
    assert_int_equal(power_offs, 0);
    bus.io_write(bus.machine, 0x604, 2, 1 << 13 | 5 << 10);
    assert_int_equal(power_offs, 1);
    bus.io_write(bus.machine, 0xcf9, 1, 0x06);
    bus.io_write(bus.machine, 0x64, 1, 0xfe);
    bus.io_write(bus.machine, 0x92, 1, 0x01);
    assert_int_equal(resets, 3);
    bus.io_write(bus.machine, 0x505, 1, 1);
    assert_int_equal(panics, 1);
    bus.io_write(bus.machine, 0xf4, 4, 7);
    assert_int_equal(exit_value, 7);
    assert_int_equal(pc_reset(pc, NULL), 0);
    bus.io_write(bus.machine, 0xcf9, 1, 0x06);
    assert_int_equal(resets, 4);
}

static void tells_of_the_power_button(void **state)
{
    (void)state;
    bus.io_write(bus.machine, 0x602, 2, 0x100);
    bus.io_write(bus.machine, 0xa1, 1, 0xfd);
    bus.io_write(bus.machine, 0x21, 1, 0xfb);
    assert_false(pic_level);
    plat_lock(&fake.platform);
    pc_power_button(pc);
    plat_unlock(&fake.platform);
    assert_true(pic_level);
    assert_int_equal(bus.pic_acknowledge(bus.machine), 0x70 + 1);
    assert_int_equal(bus.io_read(bus.machine, 0x600, 2), 0x100);
    bus.io_write(bus.machine, 0x600, 2, 0x100);
    assert_int_equal(bus.io_read(bus.machine, 0x600, 2), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_ram_around_the_holes),
        cmocka_unit_test_teardown(boots_by_pvh, stop),
        cmocka_unit_test_teardown(boots_a_plain_elf_of_64_bits, stop),
        cmocka_unit_test_teardown(boots_linux, stop),
        cmocka_unit_test_teardown(boots_multiboot, stop),
        cmocka_unit_test_teardown(refuses_a_kernel_over_its_boot_information, stop),
        cmocka_unit_test(refuses_what_is_no_kernel),
        cmocka_unit_test_setup_teardown(has_acpi_tables_that_add_up, start_elf, stop),
        cmocka_unit_test_setup_teardown(has_smbios_tables_that_end, start_elf, stop),
        cmocka_unit_test_setup_teardown(routes_interrupts_to_pic_and_ioapic, start_elf, stop),
        cmocka_unit_test_setup_teardown(switches_off_resets_and_panics, start_elf, stop),
        cmocka_unit_test_setup_teardown(tells_of_the_power_button, start_elf, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
