/* System instructions, segments, MSRs, more than one CPU, the debugger's view. */
#include "cpu/cpu_machine_test.h"

static void again(void)
{
    tm.state.activity = VCPU_RUNNING;
    tm.state.gpr[X86_RSP] = STACK;
    tm.state.rip = CODE;
}

/* mov ds, ax (or ss) with a descriptor; which exception, with which error. */
static void loading_segments_checks_descriptors(void **state)
{
    static const struct {
        uint64_t access; /* descriptor's access byte */
        uint16_t selector;
        bool stack;
        uint8_t vector; /* 0: none */
        uint32_t error;
    } cases[] = {
        {0x93, SEL_SPARE, false, 0, 0},
        {0x93, SEL_SPARE, true, 0, 0},
        {0x13, SEL_SPARE, false, 11, SEL_SPARE},
        {0x13, SEL_SPARE, true, 12, SEL_SPARE},
        {0x99, SEL_SPARE, false, 13, SEL_SPARE}, /* execute-only code */
        {0x9b, SEL_SPARE, false, 0, 0},
        {0x9b, SEL_SPARE, true, 13, SEL_SPARE},
        {0x91, SEL_SPARE, true, 13, SEL_SPARE}, /* read-only stack */
        {0xb3, SEL_SPARE, true, 13, SEL_SPARE}, /* DPL 1 */
        {0x93, SEL_SPARE | 1, false, 13, SEL_SPARE},
        {0x82, SEL_SPARE, false, 13, SEL_SPARE},         /* a system segment */
        {0x93, 0x7f8, false, 13, 0x7f8},                 /* past the table */
        {0x93, 4 | SEL_SPARE, false, 13, 4 | SEL_SPARE}, /* there is no LDT */
        {0x93, 0, false, 0, 0},
        {0x93, 0, true, 13, 0},
    };

    (void)state;
    for (unsigned i = 0; i < ST_COUNT(cases); i++) {
        protected_mode(0);
        again();
        put64(GDT + SEL_SPARE, descriptor(0, 0xfffff, (uint8_t)cases[i].access, 0xc));
        tm.state.gpr[X86_RAX] = cases[i].selector;
        if (cases[i].stack) {
            RUN(0x8e, 0xd0, 0x90, 0xf4);
        } else {
            RUN(0x8e, 0xd8, 0x90, 0xf4);
        }
        if (cases[i].vector == 0) {
            assert_halted(CODE + 4);
        } else {
            assert_vector(cases[i].vector);
            assert_int_equal(frame32(0), cases[i].error);
        }
    }
}

static void loading_a_segment_marks_it_accessed(void **state)
{
    (void)state;
    protected_mode(0);
    put64(GDT + SEL_SPARE, descriptor(0x1000, 0xff, 0x92, 0));
    tm.state.gpr[X86_RAX] = SEL_SPARE;
    /* mov es, ax; mov ecx, es:[0fch]; mov ecx, es:[0fdh]: limit */
    RUN(0x8e, 0xc0, 0x26, 0x8b, 0x0d, 0xfc, 0, 0, 0, 0x26, 0x8b, 0x0d, 0xfd, 0, 0, 0, 0xf4);
    assert_vector(13);
    assert_int_equal(frame32(1), CODE + 9);
    assert_int_equal(tm.ram[GDT + SEL_SPARE + 5], 0x93);
}

static void expand_down_segments_begin_above_their_limit(void **state)
{
    (void)state;
    protected_mode(0);
    put64(GDT + SEL_SPARE, descriptor(0, 0xff, 0x97, 4));
    tm.state.gpr[X86_RAX] = SEL_SPARE;
    /* mov ds, ax; mov ecx, [50000h]; mov ecx, [0ffh] */
    RUN(0x8e, 0xd8, 0x8b, 0x0d, 0, 0, 5, 0, 0x8b, 0x0d, 0xff, 0, 0, 0, 0xf4);
    assert_vector(13);
    assert_int_equal(frame32(1), CODE + 8);
}

static void lar_lsl_verr_verw_tell_of_descriptors(void **state)
{
    (void)state;
    protected_mode(0);
    put64(GDT + SEL_SPARE, descriptor(0, 0x123, 0xf1, 8)); /* data, read-only, DPL 3 */
    tm.state.gpr[X86_RAX] = SEL_SPARE;
    tm.state.gpr[X86_RDX] = 0x7f8;
    /* lar ecx, eax; lsl ebx, eax; verr ax; setz bl; verw ax; setz bh; lar esi, edx; pushf; hlt */
    RUN(0x0f, 0x02, 0xc8, 0x0f, 0x03, 0xe8, 0x0f, 0x00, 0xe0, 0x0f, 0x94, 0xc3, 0x0f, 0x00, 0xe8,
        0x0f, 0x94, 0xc7, 0x0f, 0x02, 0xf2, 0x0f, 0x94, 0xc2, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RCX], 0x80f100);
    assert_int_equal(tm.state.gpr[X86_RBP], 0x123fff);
    assert_int_equal(tm.state.gpr[X86_RBX] & 0xffff, 0x0001);
    assert_int_equal(tm.state.gpr[X86_RDX] & 0xff, 0);
}

static void software_interrupts_need_the_gates_privilege(void **state)
{
    (void)state;
    long_mode(3);
    RUN(0xcd, 0x40);
    assert_vector(13);
    assert_int_equal(frame64(0), 0x40 * 8 + 2);
    assert_int_equal(frame64(1), CODE);
    long_mode(3);
    again();
    tm.state.idtr.limit = 0x3ff;
    RUN(0xcd, 0x40);
    assert_vector(13);
    assert_int_equal(frame64(0), 0x40 * 8 + 2);
}

static void interrupt_stacks_are_taken_from_the_tss(void **state)
{
    (void)state;
    long_mode(0);
    put64(TSS + 0x24 + 8, STACK_INNER + 0x1008);
    put64(IDT + 3 * 16, gate(SEL_CODE, HANDLERS + 3 * 16, 0x8e) | 2ull << 32);
    RUN(0xcc);
    assert_vector(3);
    assert_int_equal(tm.state.gpr[X86_RSP], STACK_INNER + 0x1000 - 40);
    assert_int_equal(frame64(3), STACK);
    assert_int_equal(frame64(4), SEL_DATA);
}

static void general_detect_guards_debug_registers(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.dr7 = X86_DR7_FIXED | X86_DR7_GD;
    RUN(0x0f, 0x21, 0xc0); /* mov rax, dr0 */
    assert_vector(1);
    assert_int_equal(frame64(0), CODE);
    assert_int_equal(tm.state.dr6, X86_DR6_FIXED | X86_DR6_BD);
    assert_int_equal(tm.state.dr7, X86_DR7_FIXED);
}

static void code_breakpoints_hit_before_and_rf_passes_them(void **state)
{
    /* or dword [rsp + 16], 10000h; add rax, 100h; iretq */
    static const uint8_t handler[] = {0x81, 0x4c, 0x24, 0x10, 0, 0, 1,    0,
                                      0x48, 0x05, 0,    1,    0, 0, 0x48, 0xcf};

    (void)state;
    long_mode(0);
    put8(HANDLERS + 16, handler, sizeof handler);
    tm.state.dr[0] = CODE + 2;
    tm.state.dr7 = X86_DR7_FIXED | 2;
    RUN(0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xf4);
    assert_halted(CODE + 7);
    assert_int_equal(tm.state.gpr[X86_RAX], 0x103);
    assert_int_equal(tm.state.rflags & X86_RF, 0);
}

static void unknown_msrs_are_protection_faults(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.gpr[X86_RCX] = 0x12345678;
    RUN(0x0f, 0x32);
    assert_vector(13);
    long_mode(0);
    again();
    tm.state.gpr[X86_RCX] = X86_MSR_LSTAR;
    tm.state.gpr[X86_RAX] = 0;
    tm.state.gpr[X86_RDX] = 0x8000; /* not canonical */
    RUN(0x0f, 0x30);
    assert_vector(13);
}

static void the_tsc_follows_the_machines_clock(void **state)
{
    (void)state;
    long_mode(0);
    tm.fake.now_ns = 5000;
    /* rdtsc; mov ecx, 3bh; mov eax, 1000; xor edx, edx; wrmsr; rdtsc; hlt */
    RUN(0x0f, 0x31, 0x89, 0xc3, 0xb9, 0x3b, 0, 0, 0, 0xb8, 0xe8, 3, 0, 0, 0x31, 0xd2, 0x0f, 0x30,
        0x0f, 0x31, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RAX], tm.state.gpr[X86_RBX] + 1000);
    assert_int_equal(tm.state.tsc_adjust, 1000);
}

static void kvms_clock_is_written_to_its_page(void **state)
{
    (void)state;
    long_mode(0);
    tm.fake.now_ns = 777;
    tm.state.gpr[X86_RCX] = X86_MSR_KVM_SYSTEM_TIME;
    tm.state.gpr[X86_RAX] = DATA | 1;
    tm.state.gpr[X86_RDX] = 0;
    RUN(0x0f, 0x30, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(get32(DATA) % 2, 0);
    assert_int_equal(get64(DATA + 16), 777);
    /* 1 GHz: shift 1 and 2^31, or 0 and 2^32 which does not fit. */
    assert_int_equal(get32(DATA + 24), 0x80000000u);
    assert_int_equal(tm.ram[DATA + 28], 1);
    assert_int_equal(tm.ram[DATA + 29], 1);
}

static void sysenter_and_sysexit(void **state)
{
    (void)state;
    protected_mode(3);
    tm.state.sysenter_cs = SEL_CODE;
    tm.state.sysenter_eip = HANDLERS + 0x1300;
    tm.state.sysenter_esp = STACK_INNER;
    /* mov edx, CODE + 2; mov ecx, STACK; sysexit */
    static const uint8_t handler[] = {0xba, 2, 0, 2, 0, 0xb9, 0, 0, 3, 0, 0x0f, 0x35};
    put8(HANDLERS + 0x1300, handler, sizeof handler);
    RUN(0x0f, 0x34, 0xf4);
    assert_vector(13);
    assert_int_equal(frame32(1), CODE + 2);
    assert_int_equal(frame32(2), SEL_USER_CODE | 3);
    assert_int_equal(frame32(4), STACK);
}

static void nmis_wake_and_wait_for_iret(void **state)
{
    (void)state;
    long_mode(0);
    RUN(0xf4, 0x90);
    assert_halted(CODE + 1);
    assert_false(vcpu_has_work(tm.set.vcpus[0]));
    vcpu_nmi(tm.set.vcpus[0]);
    assert_true(vcpu_has_work(tm.set.vcpus[0]));
    run_again();
    assert_vector(2);
    assert_true(tm.state.events.nmi_masked);
    vcpu_nmi(tm.set.vcpus[0]);
    run_again();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_true(tm.state.events.nmi_pending);
}

static void init_and_sipi_start_a_second_cpu(void **state)
{
    struct vcpu_exit exit;
    struct vcpu_state *second;

    machine_teardown(state);
    machine_setup_model(CPU_BASELINE, 2);
    second = calloc(1, sizeof *second);
    vcpu_run(tm.set.vcpus[1], &exit);
    assert_int_equal(exit.reason, VCPU_EXIT_HALT);
    tm.ram[0x9000] = 0xf4;
    long_mode(0);
    tm.state.lapic[0xf1] = 1;
    /* The registers at FEE00300h and FEE00310h through a page. */
    put64(TABLES + 0x3000 + 0x60 * 8, 0xfee00000 | 3);
    /* mov dword [60310h], 1 << 24; mov dword [60300h], INIT; ... SIPI 9; hlt */
    RUN(0xc7, 0x04, 0x25, 0x10, 3, 6, 0, 0, 0, 0, 1, 0xc7, 0x04, 0x25, 0, 3, 6, 0, 0, 0x45, 0, 0,
        0xc7, 0x04, 0x25, 0, 3, 6, 0, 9, 0x46, 0, 0, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_true(vcpu_has_work(tm.set.vcpus[1]));
    vcpu_run(tm.set.vcpus[1], &exit);
    assert_int_equal(exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(vcpu_get_state(tm.set.vcpus[1], second), 0);
    assert_int_equal(second->segments[X86_CS].selector, 0x900);
    assert_int_equal(second->rip, 1);
    free(second);
}

static void the_debugger_stops_and_goes_on(void **state)
{
    struct vcpu_debug debug = {.count = 1, .points[0] = {CODE + 2, 1, 0}};

    (void)state;
    long_mode(0);
    assert_int_equal(vcpu_set_debug(tm.set.vcpus[0], &debug), 0);
    RUN(0xff, 0xc0, 0xff, 0xc0, 0xcc, 0xf4);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_DEBUG);
    assert_int_equal(tm.exit.debug.rip, CODE + 2);
    assert_int_equal(tm.exit.debug.dr6, 1);
    /* A kick at the breakpoint is no reason to miss it; going on from it passes it. */
    again();
    set_state();
    tm.state.rip = CODE + 2;
    set_state();
    vcpu_kick(tm.set.vcpus[0]);
    run_again();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_KICKED);
    tm.state.rip = CODE;
    set_state();
    run_again();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_DEBUG);
    assert_int_equal(tm.exit.debug.rip, CODE + 2);
    tm.state.gpr[X86_RAX] = 1;
    set_state();
    debug = (struct vcpu_debug){.single_step = true, .catch_int3 = true};
    assert_int_equal(vcpu_set_debug(tm.set.vcpus[0], &debug), 0);
    run_again();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_DEBUG);
    assert_int_equal(tm.exit.debug.rip, CODE + 4);
    assert_int_equal(tm.state.gpr[X86_RAX], 2);
    debug.single_step = false;
    assert_int_equal(vcpu_set_debug(tm.set.vcpus[0], &debug), 0);
    run_again();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_DEBUG);
    assert_true(tm.exit.debug.breakpoint);
    assert_int_equal(tm.exit.debug.rip, CODE + 4);
}

static void instructions_are_counted_exactly(void **state)
{
    const struct vcpu_counters *counters = &tm.set.vcpus[0]->counters;

    (void)state;
    long_mode(0);
    tm.state.gpr[X86_RCX] = 1000;
    static const uint8_t program[] = {0xff, 0xc0, 0xff, 0xc9, 0x75, 0xfa, 0xf4};
    put8(CODE, program, sizeof program);
    set_state();
    for (uint64_t wanted = 100; wanted <= 700; wanted += 100) {
        cpu_set_budget(tm.set.vcpus[0], wanted);
        vcpu_run(tm.set.vcpus[0], &tm.exit);
        assert_int_equal(tm.exit.reason, VCPU_EXIT_BUDGET);
        assert_int_equal(counters->instructions, wanted);
    }
    run_again();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(counters->instructions, 3001);
}

static void impossible_states_are_refused(void **state)
{
    struct vcpu_state *s = &tm.state;
    struct st_err err;

    (void)state;
    long_mode(0);
    s->efer &= ~(uint64_t)X86_EFER_LMA;
    assert_int_equal(vcpu_set_state(tm.set.vcpus[0], s, &err), -ST_EINVAL);
    long_mode(0);
    s->cr0 &= ~(uint64_t)X86_CR0_PE;
    assert_int_equal(vcpu_set_state(tm.set.vcpus[0], s, &err), -ST_EINVAL);
    long_mode(0);
    s->rip = 1ull << 60;
    assert_int_equal(vcpu_set_state(tm.set.vcpus[0], s, &err), -ST_EINVAL);
    long_mode(0);
    s->cr4 |= X86_CR4_LA57;
    assert_int_equal(vcpu_set_state(tm.set.vcpus[0], s, &err), -ST_EUNSUPPORTED);
    long_mode(0);
    s->rflags |= X86_VM;
    assert_int_equal(vcpu_set_state(tm.set.vcpus[0], s, &err), -ST_EINVAL);
}

static void models_are_parsed(void **state)
{
    struct cpu_config config = {.count = 1};
    struct st_err err;

    (void)state;
    assert_int_equal(cpu_model_parse("v2,-popcnt,+monitor,vendor=intel", &config, &err), 0);
    assert_int_equal(config.model, CPU_V2);
    assert_int_equal(config.vendor, CPU_INTEL);
    assert_true(config.monitor);
    assert_int_equal(cpu_model_parse("v2,popcnt", &config, &err), -ST_EINVAL);
    assert_int_equal(cpu_model_parse("pentium", &config, &err), -ST_EINVAL);
    assert_int_equal(cpu_model_parse("host,+la57", &config, &err), -ST_EINVAL);
    assert_int_equal(cpu_model_parse("", &config, &err), -ST_EINVAL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        TEST(loading_segments_checks_descriptors),
        TEST(loading_a_segment_marks_it_accessed),
        TEST(expand_down_segments_begin_above_their_limit),
        TEST(lar_lsl_verr_verw_tell_of_descriptors),
        TEST(software_interrupts_need_the_gates_privilege),
        TEST(interrupt_stacks_are_taken_from_the_tss),
        TEST(general_detect_guards_debug_registers),
        TEST(code_breakpoints_hit_before_and_rf_passes_them),
        TEST(unknown_msrs_are_protection_faults),
        TEST(the_tsc_follows_the_machines_clock),
        TEST(kvms_clock_is_written_to_its_page),
        TEST(sysenter_and_sysexit),
        TEST(nmis_wake_and_wait_for_iret),
        TEST(init_and_sipi_start_a_second_cpu),
        TEST(the_debugger_stops_and_goes_on),
        TEST(instructions_are_counted_exactly),
        TEST(impossible_states_are_refused),
        TEST(models_are_parsed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
