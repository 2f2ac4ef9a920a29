/* Programs in each mode: how they get there, what faults where. */
#include "cpu/cpu_machine_test.h"

static void real_mode_runs_and_interrupts(void **state)
{
    (void)state;
    real_mode();
    /* mov ax, 1234h; int 80h */
    RUN(0xb8, 0x34, 0x12, 0xcd, 0x80);
    assert_vector(0x80);
    assert_int_equal(tm.state.gpr[X86_RAX] & 0xffff, 0x1234);
    assert_int_equal(tm.state.gpr[X86_RSP], 0x8000 - 6);
    /* The frame: IP 5, CS. */
    assert_int_equal(get32(0x8000 - 6), (uint32_t)(CODE >> 4) << 16 | 5);
}

static void real_mode_enters_protected_mode(void **state)
{
    (void)state;
    real_mode();
    write_tables(false);
    tm.state.gdtr.base = GDT;
    tm.state.gdtr.limit = 0xff;
    /* mov eax, cr0; or al, 1; mov cr0, eax; jmp 08:CODE+0x20 (32-bit) */
    static const uint8_t entry[] = {0xb8, 0x10, 0x00, 0x8e, 0xd8, 0x8e, 0xd0, 0xf4};
    put8(CODE + 0x20, entry, sizeof entry);
    tm.ram[CODE + 0x20] = 0xb8; /* mov eax, 10h in 32-bit code has four bytes */
    static const uint8_t code32[] = {0xb8, 0x10, 0, 0, 0, 0x8e, 0xd8, 0x8e, 0xd0, 0xf4};
    put8(CODE + 0x20, code32, sizeof code32);
    RUN(0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0, 0x66, 0xea, 0x20, 0x00, 0x02, 0x00, 0x08,
        0x00);
    assert_halted(CODE + 0x2a);
    assert_int_equal(tm.state.segments[X86_CS].selector, SEL_CODE);
    assert_int_equal(tm.state.segments[X86_DS].attributes, 0xc093);
    assert_int_equal(tm.state.segments[X86_SS].limit, 0xffffffff);
}

static void long_mode_page_fault_has_code_and_address(void **state)
{
    (void)state;
    long_mode(0);
    /* mov [0x80000000 as moffs], al */
    RUN(0xa2, 0, 0, 0, 0x80, 0, 0, 0, 0);
    assert_vector(14);
    assert_int_equal(frame64(0), 2);
    assert_int_equal(frame64(1), CODE);
    assert_int_equal(tm.state.cr2, 0x80000000);
}

static void user_mode_enters_the_kernel_by_interrupt_and_returns(void **state)
{
    (void)state;
    long_mode(3);
    put64(IDT + 0x80 * 16, gate(SEL_CODE, HANDLERS + 0x800, 0xee));
    /* add rax, 1; iretq */
    static const uint8_t handler[] = {0x48, 0x83, 0xc0, 0x01, 0x48, 0xcf};
    put8(HANDLERS + 0x800, handler, sizeof handler);
    /* int 80h; int 80h; hlt: #GP at CPL 3 */
    RUN(0xcd, 0x80, 0xcd, 0x80, 0xf4);
    assert_vector(13);
    assert_int_equal(tm.state.gpr[X86_RAX], 2);
    assert_int_equal(frame64(0), 0);
    assert_int_equal(frame64(1), CODE + 4);
    assert_int_equal(frame64(2), SEL_USER_CODE | 3);
    assert_int_equal(frame64(4), STACK);
}

static void syscall_and_sysret(void **state)
{
    (void)state;
    long_mode(3);
    tm.state.star = (uint64_t)(SEL_DATA | 3) << 48 | (uint64_t)SEL_CODE << 32;
    tm.state.lstar = HANDLERS + 0x1100;
    tm.state.sfmask = X86_IF;
    tm.state.rflags |= X86_IF;
    /* mov rdx, rcx; sysretq */
    static const uint8_t handler[] = {0x48, 0x89, 0xca, 0x48, 0x0f, 0x07};
    put8(HANDLERS + 0x1100, handler, sizeof handler);
    RUN(0x0f, 0x05, 0xf4);
    assert_vector(13);
    assert_int_equal(tm.state.gpr[X86_RDX], CODE + 2);
    assert_int_equal(frame64(1), CODE + 2);
    assert_int_equal(frame64(3) & X86_IF, X86_IF);
}

static void double_and_triple_fault(void **state)
{
    (void)state;
    long_mode(0);
    /* The handler of #PF is not present: #NP while #PF is delivered. */
    put64(IDT + 14 * 16, gate(SEL_CODE, HANDLERS, 0x0e));
    RUN(0xa2, 0, 0, 0, 0x80, 0, 0, 0, 0);
    assert_vector(8);
    assert_int_equal(frame64(0), 0);
    long_mode(0);
    tm.state.idtr.limit = 0;
    tm.state.activity = VCPU_RUNNING;
    RUN(0x0f, 0x0b);
    assert_int_equal(tm.exit.reason, VCPU_EXIT_SHUTDOWN);
    assert_int_equal(tm.state.activity, VCPU_SHUT_DOWN);
}

static void sti_shadows_one_instruction(void **state)
{
    (void)state;
    long_mode(0);
    tm.pic_vector = 0x30;
    set_state();
    tm.state.lapic[0x350] = 0;
    tm.state.lapic[0x351] = 7; /* LINT0: ExtINT */
    tm.state.lapic[0x352] = 0;
    tm.state.lapic[0xf1] = 1; /* switched on */
    set_state();
    vcpu_pic_line(&tm.set, true);
    /* sti; inc eax; inc eax; hlt */
    RUN(0xfb, 0xff, 0xc0, 0xff, 0xc0, 0xf4);
    assert_vector(0x30);
    assert_int_equal(tm.state.gpr[X86_RAX], 1);
    assert_int_equal(frame64(0), CODE + 3);
}

static void single_step_traps_after_each_instruction(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.rflags |= X86_TF;
    RUN(0xff, 0xc0, 0xff, 0xc0, 0xf4);
    assert_vector(1);
    assert_int_equal(tm.state.gpr[X86_RAX], 1);
    assert_int_equal(frame64(0), CODE + 2);
    assert_int_equal(tm.state.dr6, X86_DR6_FIXED | X86_DR6_BS);
}

static void data_breakpoint_traps_after_the_write(void **state)
{
    (void)state;
    long_mode(0);
    tm.state.dr[1] = DATA;
    tm.state.dr7 = X86_DR7_FIXED | 1 << 2 | 1 << 20 | 3 << 22;
    /* mov [DATA+8], eax; mov [DATA], eax; nop; hlt */
    RUN(0x89, 0x04, 0x25, 8, 0, 5, 0, 0x89, 0x04, 0x25, 0, 0, 5, 0, 0x90, 0xf4);
    assert_vector(1);
    assert_int_equal(frame64(0), CODE + 14);
    assert_int_equal(tm.state.dr6, X86_DR6_FIXED | 2);
}

static void call_gate_switches_stacks_and_copies_parameters(void **state)
{
    (void)state;
    protected_mode(3);
    put64(GDT + SEL_SPARE, gate(SEL_CODE, HANDLERS + 0x1200, 0xec) | 2ull << 32);
    /* mov eax, [esp+8]; mov edx, [esp+12]; retf 8 */
    static const uint8_t handler[] = {0x8b, 0x44, 0x24, 8, 0x8b, 0x54, 0x24, 12, 0xca, 8, 0};
    put8(HANDLERS + 0x1200, handler, sizeof handler);
    /* push 11h; push 22h; call SPARE|3:0; hlt */
    RUN(0x6a, 0x11, 0x6a, 0x22, 0x9a, 0, 0, 0, 0, SEL_SPARE | 3, 0, 0xf4);
    assert_vector(13);
    assert_int_equal(tm.state.gpr[X86_RAX], 0x22);
    assert_int_equal(tm.state.gpr[X86_RDX], 0x11);
    assert_int_equal(frame32(1), CODE + 11);
    assert_int_equal(frame32(4), STACK); /* ESP: parameters are gone */
}

static void task_switch_and_back(void **state)
{
    const uint32_t other = TSS + 0x1000;

    (void)state;
    protected_mode(0);
    put64(GDT + SEL_SPARE, descriptor(other, 0x67, 0x89, 0));
    put64(other + 0x20, (CODE + 0x100) | 2ull << 32);
    put64(other + 0x38, (uint64_t)(STACK - 0x1000) << 0);
    for (unsigned i = 0; i < 6; i++) {
        put64(other + 0x48 + i * 4, SEL_DATA);
    }
    put64(other + 0x4c, SEL_CODE | (uint64_t)SEL_DATA << 32);
    put64(other + 0x60, 0);
    /* inc ebx; iret */
    static const uint8_t task[] = {0x43, 0xcf};
    put8(CODE + 0x100, task, sizeof task);
    /* call SPARE:0; hlt */
    RUN(0x9a, 0, 0, 0, 0, SEL_SPARE, 0, 0xf4);
    assert_halted(CODE + 8);
    assert_int_equal(tm.state.tr.selector, SEL_TSS);
    assert_int_equal(get32(other + 0x34), 1);            /* EBX of the other task */
    assert_int_equal(get64(other) & 0xffff, SEL_TSS);    /* its link */
    assert_int_equal(tm.ram[GDT + SEL_SPARE + 5], 0x89); /* available again */
    assert_int_equal(tm.ram[GDT + SEL_TSS + 5], 0x8b);
    assert_int_not_equal(tm.state.cr0 & X86_CR0_TS, 0);
}

static void virtual_8086_mode_interrupts_to_ring_0(void **state)
{
    (void)state;
    protected_mode(0);
    /* mov ax, ds; int 80h with IOPL 0: #GP(0) */
    static const uint8_t dos[] = {0x8c, 0xd8, 0xcd, 0x80};
    put8(DATA, dos, sizeof dos);
    /* push gs fs ds es ss esp eflags cs eip; iretd */
    RUN(0x6a, 1, 0x6a, 2, 0x68, 0, 0x50, 0, 0, 0x6a, 4, 0x68, 0, 0x10, 0, 0, 0x68, 0, 8, 0, 0, 0x68,
        2, 0, 2, 0, 0x68, 0, 0x50, 0, 0, 0x6a, 0, 0xcf);
    assert_vector(13);
    assert_int_equal(tm.state.gpr[X86_RAX] & 0xffff, 0x5000);
    assert_int_equal(frame32(0), 0);
    assert_int_equal(frame32(1), 2);      /* EIP of the INT */
    assert_int_equal(frame32(2), 0x5000); /* CS */
    assert_int_equal(frame32(3) & X86_VM, X86_VM);
    assert_int_equal(frame32(6), 4); /* ES */
    assert_int_equal(frame32(9), 1); /* GS */
    assert_int_equal(tm.state.segments[X86_DS].selector, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, machine_setup, machine_teardown)
    const struct CMUnitTest tests[] = {
        TEST(real_mode_runs_and_interrupts),
        TEST(real_mode_enters_protected_mode),
        TEST(long_mode_page_fault_has_code_and_address),
        TEST(user_mode_enters_the_kernel_by_interrupt_and_returns),
        TEST(syscall_and_sysret),
        TEST(double_and_triple_fault),
        TEST(sti_shadows_one_instruction),
        TEST(single_step_traps_after_each_instruction),
        TEST(data_breakpoint_traps_after_the_write),
        TEST(call_gate_switches_stacks_and_copies_parameters),
        TEST(task_switch_and_back),
        TEST(virtual_8086_mode_interrupts_to_ring_0),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
