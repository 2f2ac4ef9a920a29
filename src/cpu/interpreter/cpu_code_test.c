/* The fast path: counts, limits, code that changes. */
#include "cpu/cpu_machine_test.h"

#include <pthread.h>

#if defined(__has_feature) /* clang */
#if __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
/* Of its runtime library. */
void AnnotateBenignRaceSized(const char *file, int line, const volatile void *memory, size_t size,
                             const char *text);
#endif
#endif

static uint64_t retired(void)
{
    return cpu_of(tm.set.vcpus[0])->retired;
}

static void run_long(void)
{
    cpu_set_budget(tm.set.vcpus[0], retired() + 100000000);
    vcpu_run(tm.set.vcpus[0], &tm.exit);
    assert_int_equal(vcpu_get_state(tm.set.vcpus[0], &tm.state), 0);
}

/* What a handler leaves on the host's stack would add up. */
static void long_loops_need_no_stack(void **state)
{
    (void)state;
    long_mode(0);
    static const uint8_t program[] = {
        0xb9, 0x40, 0x42, 0x0f, 0x00,             /* mov ecx, 1000000 */
        0x48, 0x89, 0x0c, 0x25, 0xfd, 0x0f, 5, 0, /* 5: mov [50ffd], rcx: over two pages */
        0xd1, 0xd0,                               /* rcl eax, 1: a general handler */
        0xe8, 0x05, 0,    0,    0,                /* call 19h */
        0xff, 0xc9,                               /* dec ecx */
        0x75, 0xed,                               /* jnz 5 */
        0xf4,                                     /* hlt */
        0x50,                                     /* 19: push rax */
        0x58,                                     /* pop rax */
        0xeb, 0x00,                               /* jmp 1d */
        0xc3,                                     /* 1d: ret */
    };
    uint64_t before = retired();

    put8(CODE, program, sizeof program);
    set_state();
    run_long();
    assert_halted(CODE + 0x19);
    assert_int_equal(retired() - before, 1000000 * 9 + 2);
}

/* Each limit ends the run exactly there, with the state that instructions one by one give. */
static void limits_are_exact(void **state)
{
    (void)state;
    long_mode(0);
    static const uint8_t program[] = {
        0x31, 0xc0,             /* xor eax, eax */
        0xb9, 0x05, 0,    0, 0, /* mov ecx, 5 */
        0x01, 0xc8,             /* 7: add eax, ecx */
        0x83, 0xf8, 0x0c,       /* cmp eax, 12 */
        0x74, 0x02,             /* jz 10 */
        0xff, 0xc3,             /* inc ebx */
        0xff, 0xc9,             /* 10: dec ecx */
        0x75, 0xf3,             /* jnz 7 */
        0xf4,
    };
    uint64_t rip[64];

    put8(CODE, program, sizeof program);
    for (unsigned way = 0; way < 2; way++) {
        for (unsigned limit = 1; limit < 32; limit++) {
            tm.state.rip = CODE;
            tm.state.gpr[X86_RBX] = 0;
            set_state();
            for (unsigned i = way == 0 ? limit : 1; i <= limit; i++) {
                uint64_t before = retired();
                uint64_t count = way == 0 ? limit : 1;

                cpu_set_budget(tm.set.vcpus[0], before + count);
                vcpu_run(tm.set.vcpus[0], &tm.exit);
                assert_int_equal(tm.exit.reason, VCPU_EXIT_BUDGET);
                assert_int_equal(retired() - before, count);
            }
            assert_int_equal(vcpu_get_state(tm.set.vcpus[0], &tm.state), 0);
            if (way == 0) {
                rip[limit] = tm.state.rip;
            } else {
                assert_int_equal(tm.state.rip, rip[limit]);
            }
        }
    }
}

/* The instruction behind a store that changes it is run as changed. */
static void a_store_changes_the_next_instruction(void **state)
{
    (void)state;
    long_mode(0);
    RUN(0xc6, 0x05, 0x01, 0, 0, 0, 0x77, /* mov byte [rip+1], 77h */
        0xb0, 0x11,                      /* mov al, 11h -> 77h */
        0xf4);
    assert_halted(CODE + 10);
    assert_int_equal(tm.state.gpr[X86_RAX] & 0xff, 0x77);
}

static void a_loop_patches_itself_each_time(void **state)
{
    (void)state;
    long_mode(0);
    static const uint8_t program[] = {
        0xb9, 0xe8, 0x03, 0,    0,             /* mov ecx, 1000 */
        0x31, 0xd2,                            /* xor edx, edx */
        0x88, 0x0c, 0x25, 0x0f, 0x00, 0x02, 0, /* 7: mov [CODE+15], cl */
        0xb0, 0x00,                            /* e: mov al, 0 -> cl */
        0x0f, 0xb6, 0xc0,                      /* movzx eax, al */
        0x01, 0xc2,                            /* add edx, eax */
        0xff, 0xc9,                            /* dec ecx */
        0x75, 0xee,                            /* jnz 7 */
        0xf4,
    };
    uint64_t sum = 0;
    uint64_t before = retired();

    for (unsigned i = 1; i <= 1000; i++) {
        sum += i & 0xff;
    }
    put8(CODE, program, sizeof program);
    set_state();
    run_long();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RDX], sum);
    assert_int_equal(retired() - before, 2 + 1000 * 6 + 1);
}

/* Data in the page of the code, but not in it, costs no decoding. */
static void data_beside_code_forgets_nothing(void **state)
{
    (void)state;
    long_mode(0);
    static const uint8_t program[] = {
        0xb9, 0xe8, 0x03, 0,    0,             /* mov ecx, 1000 */
        0x89, 0x0c, 0x25, 0x00, 0x08, 0x02, 0, /* 5: mov [CODE+800h], ecx */
        0xff, 0xc9,                            /* dec ecx */
        0x75, 0xf5,                            /* jnz 5 */
        0xf4,
    };

    put8(CODE, program, sizeof program);
    set_state();
    run_long();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(get32(CODE + 0x800), 1);
    assert_int_equal(tm.set.vcpus[0]->counters.exits[VCPU_COUNT_CODE_WRITTEN], 0);
}

static void a_device_writes_code(void **state)
{
    (void)state;
    long_mode(0);
    RUN(0xb0, 0x11, 0xf4);
    assert_int_equal(tm.state.gpr[X86_RAX] & 0xff, 0x11);
    assert_int_equal(mem_write_u8(&tm.memory, GPA(CODE + 1), 0x22), 0);
    tm.state.rip = CODE;
    tm.state.activity = VCPU_RUNNING;
    set_state();
    run_again();
    assert_int_equal(tm.state.gpr[X86_RAX] & 0xff, 0x22);
}

/* The same bytes in another mode are other instructions. */
static void blocks_are_of_a_mode(void **state)
{
    (void)state;
    long_mode(0);
    /* 64-bit: REX.W prefix of mov; 32-bit: dec eax, mov */
    RUN(0x48, 0x89, 0xc3, 0xf4);
    assert_halted(CODE + 4);
    tm.state.segments[X86_CS].attributes = 0xc09b;
    tm.state.rip = CODE;
    tm.state.gpr[X86_RAX] = 5;
    tm.state.activity = VCPU_RUNNING;
    set_state();
    run_again();
    assert_halted(CODE + 4);
    assert_int_equal(tm.state.gpr[X86_RAX], 4);
    assert_int_equal(tm.state.gpr[X86_RBX], 4);
}

/* A fault within a run: what was before it is counted, it is not. */
static void a_fault_is_not_retired(void **state)
{
    (void)state;
    long_mode(0);
    uint64_t before = retired();

    /* nop; nop; mov [80000000], al; nop; hlt */
    RUN(0x90, 0x90, 0xa2, 0, 0, 0, 0x80, 0, 0, 0, 0, 0x90, 0xf4);
    assert_vector(14);
    /* ... and the handler's HLT. */
    assert_int_equal(retired() - before, 3);
}

static void an_instruction_lies_in_two_pages(void **state)
{
    (void)state;
    long_mode(0);
    uint64_t before = retired();
    static const uint8_t program[] = {0x90, 0xb8, 0x78, 0x56, 0x34, 0x12, 0xff, 0xc0, 0xf4};

    put8(CODE + 0xffd, program, sizeof program);
    tm.state.rip = CODE + 0xffd;
    set_state();
    run_again();
    assert_halted(CODE + 0xffd + sizeof program);
    assert_int_equal(tm.state.gpr[X86_RAX], 0x12345679);
    assert_int_equal(retired() - before, 4);
}

/* 16-bit code: IP wraps, the limit of CS is looked at. */
static void real_mode_wraps_and_has_a_limit(void **state)
{
    (void)state;
    real_mode();
    tm.state.rip = 0xfffe;
    /* At FFFE: jmp +2, which wraps to 2. */
    tm.ram[CODE + 0xfffe] = 0xeb;
    tm.ram[CODE + 0xffff] = 0x02;
    RUN(0xf4, 0x90, 0xb0, 0x33, 0xf4);
    assert_halted(5);
    assert_int_equal(tm.state.gpr[X86_RAX] & 0xff, 0x33);
}

/* The pool is emptied when it is full, more than once here. */
static void the_pool_is_bounded(void **state)
{
    (void)state;
    long_mode(0);
    static const uint8_t program[] = {
        0xb9, 0x40, 0x0d, 0x03, 0x00,          /* mov ecx, 200000 */
        0x88, 0x0c, 0x25, 0x0f, 0x00, 0x02, 0, /* 5: mov [CODE+0Fh], cl */
        0xd1, 0xd3,                            /* rcl ebx, 1 */
        0xb0, 0x00,                            /* e: mov al, 0 -> cl */
        0xd1, 0xd3,                            /* rcl ebx, 1 */
        0xff, 0xc9,                            /* dec ecx */
        0x75, 0xef,                            /* jnz 5 */
        0xf4,
    };

    put8(CODE, program, sizeof program);
    set_state();
    run_long();
    assert_int_equal(tm.exit.reason, VCPU_EXIT_HALT);
    assert_int_equal(tm.state.gpr[X86_RCX], 0);
    assert_int_equal(tm.state.gpr[X86_RAX] & 0xff, 1);
}

static void *run_thread(void *argument)
{
    struct vcpu_exit *exit = argument;
    unsigned index = exit == &tm.exit ? 0 : 1;

    vcpu_run(tm.set.vcpus[index], exit);
    return NULL;
}

static int two_cpus(void **state)
{
    int r = machine_setup_model(CPU_BASELINE, 2);

    (void)state;
#ifdef UNDER_TSAN /* what CPUs do to memory at once is the guest's to order; the rest is ours */
    AnnotateBenignRaceSized(__FILE__, __LINE__, tm.ram, RAM_SIZE, "memory of the guest");
#endif
    return r;
}

/* One CPU patches a function and says so; the other calls it: it is never the old one. */
static void another_cpu_sees_patched_code(void **state)
{
    (void)state;
    long_mode(0);
    static const uint8_t writer[] = {
        0xb9, 0x2c, 0x01, 0x00, 0x00,          /* mov ecx, 300 */
        0x88, 0x0c, 0x25, 0x01, 0x08, 0x02, 0, /* 5: mov [CODE+801h], cl */
        0x89, 0x0c, 0x25, 0x00, 0x00, 0x05, 0, /* mov [DATA], ecx */
        0xf3, 0x90,                            /* 13: pause */
        0x39, 0x0c, 0x25, 0x40, 0x00, 0x05, 0, /* cmp [DATA+40h], ecx */
        0x75, 0xf5,                            /* jne 13 */
        0x38, 0x0c, 0x25, 0x80, 0x00, 0x05, 0, /* cmp [DATA+80h], cl */
        0x75, 0x05,                            /* jne 2c */
        0xff, 0xc9,                            /* dec ecx */
        0x75, 0xda,                            /* jnz 5 */
        0xf4,                                  /* hlt */
        0x0f, 0x0b,                            /* 2c: ud2 */
    };
    static const uint8_t caller[] = {
        0x31, 0xd2,                            /* xor edx, edx */
        0xf3, 0x90,                            /* 2: pause */
        0x8b, 0x0c, 0x25, 0x00, 0x00, 0x05, 0, /* mov ecx, [DATA] */
        0x39, 0xd1,                            /* cmp ecx, edx */
        0x74, 0xf3,                            /* je 2 */
        0x89, 0xca,                            /* mov edx, ecx */
        0xe8, 0xea, 0xf7, 0xff, 0xff,          /* call CODE+800h */
        0x88, 0x04, 0x25, 0x80, 0x00, 0x05, 0, /* mov [DATA+80h], al */
        0x89, 0x0c, 0x25, 0x40, 0x00, 0x05, 0, /* mov [DATA+40h], ecx */
        0x83, 0xf9, 0x01,                      /* cmp ecx, 1 */
        0x75, 0xd9,                            /* jne 2 */
        0xf4,                                  /* hlt */
    };
    static const uint8_t function[] = {0xb0, 0x00, 0xc3}; /* mov al, n; ret */
    static struct vcpu_exit other;
    struct st_err err;
    pthread_t thread;

    put8(CODE, writer, sizeof writer);
    put8(CODE + 0x1000, caller, sizeof caller);
    put8(CODE + 0x800, function, sizeof function);
    set_state();
    tm.state.rip = CODE + 0x1000;
    tm.state.gpr[X86_RSP] = STACK + 0x1000;
    tm.state.activity = VCPU_RUNNING;
    assert_int_equal(vcpu_set_state(tm.set.vcpus[1], &tm.state, &err), 0);
    assert_int_equal(pthread_create(&thread, NULL, run_thread, &other), 0);
    run_thread(&tm.exit);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(other.reason, VCPU_EXIT_HALT);
    assert_int_equal(vcpu_get_state(tm.set.vcpus[0], &tm.state), 0);
    assert_halted(CODE + 0x2c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(long_loops_need_no_stack, machine_setup, machine_teardown),
        cmocka_unit_test_setup_teardown(limits_are_exact, machine_setup, machine_teardown),
        cmocka_unit_test_setup_teardown(a_store_changes_the_next_instruction, machine_setup,
                                        machine_teardown),
        cmocka_unit_test_setup_teardown(a_loop_patches_itself_each_time, machine_setup,
                                        machine_teardown),
        cmocka_unit_test_setup_teardown(data_beside_code_forgets_nothing, machine_setup,
                                        machine_teardown),
        cmocka_unit_test_setup_teardown(a_device_writes_code, machine_setup, machine_teardown),
        cmocka_unit_test_setup_teardown(blocks_are_of_a_mode, machine_setup, machine_teardown),
        cmocka_unit_test_setup_teardown(a_fault_is_not_retired, machine_setup, machine_teardown),
        cmocka_unit_test_setup_teardown(an_instruction_lies_in_two_pages, machine_setup,
                                        machine_teardown),
        cmocka_unit_test_setup_teardown(real_mode_wraps_and_has_a_limit, machine_setup,
                                        machine_teardown),
        cmocka_unit_test_setup_teardown(another_cpu_sees_patched_code, two_cpus, machine_teardown),
        cmocka_unit_test_setup_teardown(the_pool_is_bounded, machine_setup, machine_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
