/* The KVM back end on this host's /dev/kvm, with guests of a few instructions. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "base/heap.h"
#include "os/os_file.h"
#include "os/os_thread.h"
#include "os/os_time.h"
#include "vmm/kvm/vmm_kvm.h"
#include "vmm/vmm_platform.h"

enum { RAM = 64 << 10, CODE = 0x1000 };

struct fixture {
    struct vmm_platform *process;
    struct mem_map memory;
    struct vcpu_set set;
    uint8_t *ram;
    uint8_t bits[RAM / 4096];
    int kvm;
    /* what the bus saw */
    uint64_t port_value, mmio_value, mmio_address;
    unsigned ports, eois, acknowledges;
    uint8_t eoi_vector;
};

static uint64_t io_read(void *machine, uint16_t port, unsigned size)
{
    (void)size;
    ((struct fixture *)machine)->ports++;
    return port + 1U;
}

static void io_write(void *machine, uint16_t port, unsigned size, uint64_t value)
{
    struct fixture *f = machine;
    (void)port;
    (void)size;
    f->ports++;
    f->port_value = value;
}

static uint64_t mmio_read(void *machine, uint64_t address, unsigned size)
{
    (void)machine;
    return address + size;
}

static void mmio_write(void *machine, uint64_t address, unsigned size, uint64_t value)
{
    struct fixture *f = machine;
    (void)size;
    f->mmio_address = address;
    f->mmio_value = value;
}

static void eoi(void *machine, uint8_t vector)
{
    struct fixture *f = machine;
    f->eois++;
    f->eoi_vector = vector;
}

static int pic_acknowledge(void *machine)
{
    struct fixture *f = machine;
    f->acknowledges++;
    vcpu_pic_line(&f->set, false);
    return 0x20;
}

static int make(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct vmm_platform_config config = {.log_level = PLAT_INFO};
    struct cpu_config cpu = {.model = CPU_HOST, .count = 1};
    struct st_err err = {0};
    f->kvm = os_open("/dev/kvm", O_RDWR, 0);
    f->ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mem_map_init(&f->memory);
    *state = f;
    if (vmm_platform_new(&config, &f->process, NULL) < 0 ||
        mem_add(&f->memory, MEM_RAM, GPA(0), RAM, f->ram, f->bits) < 0) {
        return -1;
    }
    f->set.platform = vmm_platform_base(f->process);
    f->set.memory = &f->memory;
    f->set.bus = (struct vcpu_bus){.io_read = io_read,
                                   .io_write = io_write,
                                   .mmio_read = mmio_read,
                                   .mmio_write = mmio_write,
                                   .eoi = eoi,
                                   .pic_acknowledge = pic_acknowledge,
                                   .machine = f};
    if (f->kvm >= 0 && vmm_kvm_create(&f->set, f->kvm, &cpu, &err) < 0) {
        print_message("SKIPPED: %s\n", err.msg);
        os_close(&f->kvm);
    }
    return 0;
}

static int unmake(void **state)
{
    struct fixture *f = *state;
    if (f->kvm >= 0) {
        vmm_kvm_free(&f->set);
        os_close(&f->kvm);
    }
    vmm_platform_free(f->process);
    munmap(f->ram, RAM);
    free(f);
    return 0;
}

/* Real-mode code at CODE, with segments at 0 and a stack. */
static struct vcpu *load(struct fixture *f, const uint8_t *code, size_t size)
{
    static struct vcpu_state state;
    struct st_err err = {0};
    if (f->kvm < 0) {
        print_message("SKIPPED: no /dev/kvm that can be used\n");
        skip();
    }
    memcpy(f->ram + CODE, code, size);
    vcpu_state_reset(&state, 0, true);
    state.segments[1].base = 0;
    state.segments[1].selector = 0;
    state.rip = CODE;
    state.gpr[4] = 0x8000;
    int r = vcpu_set_state(f->set.vcpus[0], &state, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(r, 0);
    assert_int_equal(vmm_kvm_enter(f->set.vcpus[0]), 0);
    return f->set.vcpus[0];
}

struct later {
    struct vcpu *vcpu;
    uint64_t ns;
};

static void *kick_later(void *argument)
{
    struct later *later = argument;
    os_sleep_ns(later->ns);
    vcpu_kick(later->vcpu);
    return NULL;
}

/* Runs for a while: what ends in HLT is in the kernel until it is kicked. */
static void run_for(struct vcpu *vcpu, uint64_t ns, struct vcpu_exit *ret_exit)
{
    struct os_thread thread = {0};
    struct later later = {.vcpu = vcpu, .ns = ns};
    assert_int_equal(os_thread_start(&thread, kick_later, &later), 0);
    vcpu_run(vcpu, ret_exit);
    os_thread_join(&thread);
}

enum { A_WHILE = 30000000 };

static void ports_and_devices_reach_the_bus(void **state)
{
    struct fixture *f = *state;
    /* mov al, 0x5a; out 0x42, al; in al, 0x43; mov ds = f000; mov [1234], eax as ax; hlt */
    static const uint8_t code[] = {0xb0, 0x5a, 0xe6, 0x42, 0xe4, 0x43, 0xb9, 0x00, 0xf0,
                                   0x8e, 0xd9, 0xa3, 0x34, 0x12, 0xa1, 0x56, 0x12, 0xf4};
    struct vcpu *vcpu = load(f, code, sizeof code);
    struct vcpu_exit exit;
    static struct vcpu_state after;
    run_for(vcpu, A_WHILE, &exit);
    assert_int_equal(exit.reason, VCPU_EXIT_KICKED);
    assert_int_equal(f->ports, 2);
    assert_int_equal(f->port_value, 0x5a);
    assert_int_equal(f->mmio_address, 0xf1234);
    assert_int_equal(f->mmio_value & 0xff, 0x44);
    assert_int_equal(vcpu_get_state(vcpu, &after), 0);
    assert_int_equal(after.gpr[0] & 0xffff, (0xf1256 + 2) & 0xffff);
    assert_int_equal(after.activity, VCPU_HALTED);
    assert_int_equal(after.segments[3].base, 0xf0000);
}

static void guests_are_told_that_they_run_under_kvm(void **state)
{
    struct fixture *f = *state;
    /* mov eax, 1; cpuid; mov ebp, ecx; mov eax, 0x40000000; cpuid; hlt */
    static const uint8_t code[] = {0x66, 0xb8, 0x01, 0x00, 0x00, 0x00, 0x0f, 0xa2, 0x66, 0x89,
                                   0xcd, 0x66, 0xb8, 0x00, 0x00, 0x00, 0x40, 0x0f, 0xa2, 0xf4};
    enum { RBX = 3, RBP = 5, HYPERVISOR = 31, KVMK = 0x4b4d564b };
    struct vcpu *vcpu = load(f, code, sizeof code);
    struct vcpu_exit exit;
    static struct vcpu_state after;
    run_for(vcpu, A_WHILE, &exit);
    assert_int_equal(vcpu_get_state(vcpu, &after), 0);
    assert_int_equal(after.gpr[RBP] >> HYPERVISOR & 1, 1);
    assert_int_equal(after.gpr[RBX] & UINT32_MAX, KVMK);
}

static void the_state_survives_a_round_trip(void **state)
{
    struct fixture *f = *state;
    static const uint8_t code[] = {0xeb, 0xfe};
    struct vcpu *vcpu = load(f, code, sizeof code);
    static struct vcpu_state before, after;
    struct st_err err = {0};
    assert_int_equal(vcpu_get_state(vcpu, &before), 0);
    for (unsigned i = 0; i < 16; i++) {
        before.gpr[i] = 0x1122334455667788U * (i + 1);
    }
    before.cr2 = 0x1234;
    before.lstar = 0xffffffff81000000;
    before.kernel_gs_base = 0xffff888000000000;
    before.dr[1] = 0x4000;
    before.xsave[160] = 0x77;
    before.xsave[512] = 3;
    int r = vcpu_set_state(vcpu, &before, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(r, 0);
    assert_int_equal(vcpu_get_state(vcpu, &after), 0);
    assert_memory_equal(before.gpr, after.gpr, sizeof before.gpr);
    assert_memory_equal(before.segments, after.segments, sizeof before.segments);
    assert_int_equal(before.rip, after.rip);
    assert_int_equal(before.lstar, after.lstar);
    assert_int_equal(before.kernel_gs_base, after.kernel_gs_base);
    assert_int_equal(before.dr[1], after.dr[1]);
    assert_int_equal(after.xsave[160], 0x77);
    assert_memory_equal(before.lapic, after.lapic, 0x390);
    assert_true(after.tsc >= before.tsc && after.tsc_khz > 0);
}

static void a_kick_before_the_run_is_not_lost(void **state)
{
    struct fixture *f = *state;
    static const uint8_t code[] = {0xeb, 0xfe};
    struct vcpu *vcpu = load(f, code, sizeof code);
    struct vcpu_exit exit;
    for (unsigned i = 0; i < 20; i++) {
        vcpu_kick(vcpu);
        vcpu_run(vcpu, &exit);
        assert_int_equal(exit.reason, VCPU_EXIT_KICKED);
    }
    run_for(vcpu, 1000000, &exit);
    assert_int_equal(exit.reason, VCPU_EXIT_KICKED);
}

static void the_pics_interrupt_is_taken_when_the_guest_lets_it(void **state)
{
    struct fixture *f = *state;
    /* nop...; sti; loop: jmp loop. The handler of vector 20h: inc bx; out 1, al; iret */
    static const uint8_t code[] = {0x90, 0x90, 0xfb, 0x90, 0xeb, 0xfe};
    static const uint8_t handler[] = {0x43, 0xe6, 0x01, 0xcf};
    static struct vcpu_state after;
    struct vcpu *vcpu = load(f, code, sizeof code);
    struct vcpu_exit exit;
    memcpy(f->ram + 0x2000, handler, sizeof handler);
    const uint16_t vector[2] = {0x2000, 0};
    memcpy(f->ram + 4 * 0x20, vector, sizeof vector);
    /* A BIOS's virtual wire: LINT0 is ExtINT, the APIC is on. */
    assert_int_equal(vcpu_get_state(vcpu, &after), 0);
    const uint32_t svr = 0x1ff;
    const uint32_t ext_int = 0x700;
    memcpy(after.lapic + 0xf0, &svr, 4);
    memcpy(after.lapic + 0x350, &ext_int, 4);
    assert_int_equal(vcpu_set_state(vcpu, &after, NULL), 0);
    vcpu_pic_line(&f->set, true);
    run_for(vcpu, A_WHILE, &exit);
    assert_int_equal(f->acknowledges, 1);
    assert_int_equal(f->ports, 1);
    assert_int_equal(vcpu_get_state(vcpu, &after), 0);
    assert_int_equal(after.gpr[3] & 0xffff, 1);
}

/* Runs until the debugger's exit; a KVM that does not give it (one that emulates, or is emulated)
 * is no reason to fail. */
static void run_to_debug(struct vcpu *vcpu, const char *what, struct vcpu_exit *ret_exit)
{
    run_for(vcpu, 10 * (uint64_t)A_WHILE, ret_exit);
    if (ret_exit->reason != VCPU_EXIT_DEBUG) {
        print_message("SKIPPED: this KVM does not stop after %s\n", what);
        skip();
    }
}

static void stops_at_breakpoints_and_after_steps(void **state)
{
    struct fixture *f = *state;
    static const uint8_t code[] = {0x40, 0x40, 0x40, 0xcc, 0x40, 0xf4}; /* inc ax ... int3 */
    static struct vcpu_state now;
    struct vcpu *vcpu = load(f, code, sizeof code);
    struct vcpu_exit exit;
    struct vcpu_debug debug = {.single_step = true};
    assert_int_equal(vcpu_set_debug(vcpu, &debug), 0);
    run_to_debug(vcpu, "a step", &exit);
    assert_int_equal(exit.debug.rip, CODE + 1);
    assert_false(exit.debug.breakpoint);
    debug = (struct vcpu_debug){
        .catch_int3 = true, .count = 1, .points = {{.address = CODE + 2, .length = 1}}};
    assert_int_equal(vcpu_set_debug(vcpu, &debug), 0);
    run_to_debug(vcpu, "a hardware breakpoint", &exit);
    assert_int_equal(exit.debug.rip, CODE + 2);
    assert_int_equal(exit.debug.dr6 & 15, 1);
    debug.count = 0;
    assert_int_equal(vcpu_set_debug(vcpu, &debug), 0);
    run_to_debug(vcpu, "INT3", &exit);
    assert_true(exit.debug.breakpoint);
    assert_int_equal(exit.debug.rip, CODE + 3);
    assert_int_equal(vcpu_get_state(vcpu, &now), 0);
    assert_int_equal(now.rip, CODE + 3);
}

static void tells_how_fast_it_is(void **state)
{
    (void)state;
    uint64_t speed = 0;
    st_auto(fd) int kvm = os_open("/dev/kvm", O_RDWR, 0);
    int r = kvm < 0 ? kvm : vmm_kvm_speed(kvm, &speed);
    if (r < 0) {
        print_message("SKIPPED: %s\n", st_strerror(r));
        skip();
    }
    print_message("%llu kernel-mode instructions a second\n", (unsigned long long)speed);
    assert_true(speed > 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ports_and_devices_reach_the_bus, make, unmake),
        cmocka_unit_test_setup_teardown(guests_are_told_that_they_run_under_kvm, make, unmake),
        cmocka_unit_test_setup_teardown(the_state_survives_a_round_trip, make, unmake),
        cmocka_unit_test_setup_teardown(a_kick_before_the_run_is_not_lost, make, unmake),
        cmocka_unit_test_setup_teardown(the_pics_interrupt_is_taken_when_the_guest_lets_it, make,
                                        unmake),
        cmocka_unit_test_setup_teardown(stops_at_breakpoints_and_after_steps, make, unmake),
        cmocka_unit_test(tells_how_fast_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
