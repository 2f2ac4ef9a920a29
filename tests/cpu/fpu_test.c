/*
 * What a comparison with the host cannot show of x87, SSE and AVX: who may use them, x87's pointers
 * and the formats that they are stored in, whole states, and stubs that had to go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cpu/interpreter/cpu_int.h"
#include "cpu/interpreter/cpu_struct.h"
#include "os/os_trap.h"
#include "vector_soft.h"
#include "x86/x86_regs.h"

enum {
    NONE = NATIVE_NO_FAULT,
    PROTECTED = X86_CR0_PE | X86_CR0_PG | X86_CR0_NE | X86_CR0_ET,
    ALL_CR4 = X86_CR4_OSFXSR | X86_CR4_OSXSAVE | X86_CR4_OSXMMEXCPT,
};

static struct vcpu_state state;

static struct cpu *cpu(void)
{
    return cpu_of(vector_soft_cpu());
}

static void set_state(void)
{
    struct st_err err;

    if (vcpu_set_state(vector_soft_cpu(), &state, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

/* 64-bit user mode in which everything may be used, RBX at memory, x87 and SSE initial. */
static int setup(void **unused)
{
    (void)unused;
    if (!vector_soft_mode(X86_MODE_64)) {
        return -1;
    }
    assert_int_equal(vcpu_get_state(vector_soft_cpu(), &state), 0);
    memset(state.xsave, 0, sizeof(state.xsave));
    state.rip = NATIVE_CODE_ADDRESS;
    state.gpr[X86_RBX] = VECTOR_MEMORY_ADDRESS;
    set_state();
    memset(vector_soft_memory(), 0, VECTOR_MEMORY_SIZE);
    return 0;
}

/* Runs `count` instructions one by one. Returns the vector of the first that faults. */
static unsigned run(const uint8_t *bytes, size_t size, unsigned count)
{
    vector_soft_code(bytes, size);
    cpu()->fault.pending = false;
    for (unsigned i = 0; i < count; i++) {
        if (cpu_code_step(cpu()) == CPU_FAULT) {
            cpu_fpu_leave(cpu());
            return cpu()->fault.vector;
        }
    }
    cpu_fpu_leave(cpu());
    return NONE;
}
#define RUN(count, ...)                                                                            \
    ({                                                                                             \
        static const uint8_t run_bytes[] = {__VA_ARGS__};                                          \
        run(run_bytes, sizeof(run_bytes), (count));                                                \
    })

static uint16_t word_at(unsigned at)
{
    uint16_t value;

    memcpy(&value, vector_soft_memory() + at, sizeof(value));
    return value;
}

static uint32_t dword_at(unsigned at)
{
    uint32_t value;

    memcpy(&value, vector_soft_memory() + at, sizeof(value));
    return value;
}

static uint64_t qword_at(unsigned at)
{
    uint64_t value;

    memcpy(&value, vector_soft_memory() + at, sizeof(value));
    return value;
}

static void put_at(unsigned at, const void *bytes, size_t size)
{
    memcpy(vector_soft_memory() + at, bytes, size);
}

/* ---- who may use what ---- */

static void control_registers_say_who_may_use_what(void **unused)
{
    static const struct {
        uint8_t bytes[6];
        uint32_t cr0, cr4_off, xcr0;
        unsigned vector;
    } cases[] = {
        /* addps xmm0, xmm1 */
        {{0x0f, 0x58, 0xc1}, 0, 0, 7, NONE},
        {{0x0f, 0x58, 0xc1}, X86_CR0_TS, 0, 7, CPU_NM},
        {{0x0f, 0x58, 0xc1}, X86_CR0_EM, 0, 7, CPU_UD},
        {{0x0f, 0x58, 0xc1}, X86_CR0_EM | X86_CR0_TS, 0, 7, CPU_UD},
        {{0x0f, 0x58, 0xc1}, 0, X86_CR4_OSFXSR, 7, CPU_UD},
        {{0x0f, 0x58, 0xc1}, X86_CR0_TS, X86_CR4_OSFXSR, 7, CPU_UD},
        /* paddb mm0, mm1 */
        {{0x0f, 0xfc, 0xc1}, 0, X86_CR4_OSFXSR, 7, NONE},
        {{0x0f, 0xfc, 0xc1}, X86_CR0_TS, 0, 7, CPU_NM},
        {{0x0f, 0xfc, 0xc1}, X86_CR0_EM, 0, 7, CPU_UD},
        /* emms */
        {{0x0f, 0x77}, X86_CR0_EM, 0, 7, CPU_UD},
        {{0x0f, 0x77}, X86_CR0_TS, 0, 7, CPU_NM},
        /* fld1 */
        {{0xd9, 0xe8}, X86_CR0_EM, 0, 7, CPU_NM},
        {{0xd9, 0xe8}, X86_CR0_TS, 0, 7, CPU_NM},
        {{0xd9, 0xe8}, X86_CR0_MP, X86_CR4_OSFXSR, 7, NONE},
        /* fnstsw ax, fninit, fnclex */
        {{0xdf, 0xe0}, X86_CR0_TS, 0, 7, CPU_NM},
        {{0xdb, 0xe3}, X86_CR0_EM, 0, 7, CPU_NM},
        {{0xdb, 0xe2}, X86_CR0_TS, 0, 7, CPU_NM},
        /* fwait */
        {{0x9b}, X86_CR0_TS, 0, 7, NONE},
        {{0x9b}, X86_CR0_EM, 0, 7, NONE},
        {{0x9b}, X86_CR0_TS | X86_CR0_MP, 0, 7, CPU_NM},
        /* vaddps xmm0, xmm0, xmm1 */
        {{0xc5, 0xf8, 0x58, 0xc1}, X86_CR0_EM, X86_CR4_OSFXSR, 7, NONE},
        {{0xc5, 0xf8, 0x58, 0xc1}, X86_CR0_TS, 0, 7, CPU_NM},
        {{0xc5, 0xf8, 0x58, 0xc1}, 0, 0, 3, CPU_UD},
        {{0xc5, 0xf8, 0x58, 0xc1}, 0, X86_CR4_OSXSAVE, 7, CPU_UD},
        /* vzeroupper */
        {{0xc5, 0xf8, 0x77}, 0, 0, 3, CPU_UD},
        {{0xc5, 0xf8, 0x77}, X86_CR0_TS, 0, 7, CPU_NM},
        /* fxsave [rbx], xsave [rbx], ldmxcsr [rbx] of zero */
        {{0x0f, 0xae, 0x03}, X86_CR0_TS, 0, 7, CPU_NM},
        {{0x0f, 0xae, 0x03}, X86_CR0_EM, 0, 7, CPU_NM},
        {{0x0f, 0xae, 0x23}, X86_CR0_TS, 0, 7, CPU_NM},
        {{0x0f, 0xae, 0x23}, X86_CR0_EM, 0, 7, NONE},
        {{0x0f, 0xae, 0x23}, 0, X86_CR4_OSXSAVE, 7, CPU_UD},
        {{0x0f, 0xae, 0x13}, X86_CR0_TS, 0, 7, CPU_NM},
        {{0x0f, 0xae, 0x13}, X86_CR0_EM, 0, 7, CPU_UD},
    };

    (void)unused;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned vector;

        state.cr0 = PROTECTED | cases[i].cr0;
        state.cr4 = X86_CR4_PAE | (ALL_CR4 & ~cases[i].cr4_off);
        state.xcr0 = cases[i].xcr0;
        set_state();
        vector = run(cases[i].bytes, sizeof(cases[i].bytes), 1);
        if (vector != cases[i].vector) {
            fail_msg("case %u: vector %u, not %u", i, vector, cases[i].vector);
        }
    }
}

static void unmasked_exception_is_ud_without_osxmmexcpt(void **unused)
{
    const uint32_t unmasked = 0;

    (void)unused;
    assert_int_equal(os_trap_install(), 0); /* cmocka has put its own handlers there */
    put_at(0, &unmasked, sizeof(unmasked));
    /* ldmxcsr [rbx]; sqrtss of -1: invalid */
    put_at(4, &(const uint32_t){0xbf800000}, 4);
    assert_int_equal(RUN(2, 0x0f, 0xae, 0x13, 0xf3, 0x0f, 0x51, 0x43, 0x04), CPU_XM);
    assert_int_equal(cpu()->fpu.mxcsr, 1);
    state.cr4 &= ~(uint64_t)X86_CR4_OSXMMEXCPT;
    set_state();
    assert_int_equal(RUN(2, 0x0f, 0xae, 0x13, 0xf3, 0x0f, 0x51, 0x43, 0x04), CPU_UD);
}

static void x87_exception_waits_for_the_next_instruction(void **unused)
{
    (void)unused;
    put_at(0, &(const uint16_t){0x37b}, 2); /* unmasked: division by zero */
    /* fldcw [rbx]; fld1; fldz; fdivp; fnstsw ax; fwait */
    assert_int_equal(RUN(5, 0xd9, 0x2b, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0xdf, 0xe0, 0x9b),
                     NONE);
    assert_int_equal(cpu()->gpr[X86_RAX] & 0x80ff, 0x8084);
    assert_int_equal(cpu_code_step(cpu()), CPU_FAULT);
    assert_int_equal(cpu()->fault.vector, CPU_MF);
    cpu_fpu_leave(cpu());
    /* Without CR0.NE the exception is dropped. */
    state.cr0 &= ~(uint64_t)X86_CR0_NE;
    set_state();
    assert_int_equal(RUN(6, 0xd9, 0x2b, 0xd9, 0xe8, 0xd9, 0xee, 0xde, 0xf9, 0xdf, 0xe0, 0x9b),
                     NONE);
}

static void x87_store_with_an_unmasked_exception_stores_nothing(void **unused)
{
    const uint32_t untouched = 0x12345678;
    enum { CROSSING = 4096 - 2 };

    (void)unused;
    put_at(0, &(const uint16_t){0x37e}, 2); /* unmasked: invalid */
    put_at(4, &untouched, sizeof(untouched));
    put_at(CROSSING, &untouched, sizeof(untouched));
    /* fldcw [rbx]; fist [rbx + 4] of an empty stack */
    assert_int_equal(RUN(2, 0xd9, 0x2b, 0xdb, 0x53, 0x04), NONE);
    assert_int_equal(dword_at(4), untouched);
    set_state();
    /* The same over the end of a page. */
    assert_int_equal(RUN(2, 0xd9, 0x2b, 0xdb, 0x93, 0xfe, 0x0f, 0, 0), NONE);
    assert_int_equal(dword_at(CROSSING), untouched);
}

/* ---- x87's pointers ---- */

static void environment_has_the_last_instruction(void **unused)
{
    (void)unused;
    /* nop; fld dword [rbx + 8]; fnstenv [rbx + 16] */
    assert_int_equal(RUN(3, 0x90, 0xd9, 0x43, 0x08, 0xd9, 0x73, 0x10), NONE);
    assert_int_equal(dword_at(16), 0xffff037f);
    assert_int_equal(dword_at(20), 0xffff3800);
    assert_int_equal(dword_at(24), 0xffff7fff);
    assert_int_equal(dword_at(28), NATIVE_CODE_ADDRESS + 1);
    assert_int_equal(dword_at(32), 0x33u | 0x143u << 16);
    assert_int_equal(dword_at(36), VECTOR_MEMORY_ADDRESS + 8);
    assert_int_equal(dword_at(40), 0xffff002b);
}

/* At VECTOR_CODE_PHYSICAL, DS:0 is memory's begin. */
static void real_mode(void)
{
    vcpu_state_reset(&state, 0, true);
    state.segments[X86_CS].selector = VECTOR_CODE_PHYSICAL >> 4;
    state.segments[X86_CS].base = VECTOR_CODE_PHYSICAL;
    state.segments[X86_DS].selector = VECTOR_MEMORY_PHYSICAL >> 4;
    state.segments[X86_DS].base = VECTOR_MEMORY_PHYSICAL;
    state.cr4 = ALL_CR4;
    state.xcr0 = 7;
    state.rip = 0;
    state.gpr[X86_RBX] = 0;
    set_state();
}

static void environment_of_16_bits_and_of_real_mode(void **unused)
{
    (void)unused;
    /* fld dword [rbx + 8]; o16 fnstenv [rbx + 16] */
    assert_int_equal(RUN(2, 0xd9, 0x43, 0x08, 0x66, 0xd9, 0x73, 0x10), NONE);
    assert_int_equal(word_at(16), 0x37f);
    assert_int_equal(word_at(18), 0x3800);
    assert_int_equal(word_at(20), 0x7fff);
    assert_int_equal(word_at(22), NATIVE_CODE_ADDRESS & 0xffff);
    assert_int_equal(word_at(24), 0x33);
    assert_int_equal(word_at(26), (VECTOR_MEMORY_ADDRESS + 8) & 0xffff);
    assert_int_equal(word_at(28), 0x2b);
    assert_int_equal(word_at(30), 0);

    /* Real mode: linear addresses, and the opcode. */
    real_mode();
    /* fninit; fld dword [bx + 8]; fnstenv [bx + 16]; o32 fnstenv [bx + 48] */
    assert_int_equal(RUN(4, 0xdb, 0xe3, 0xd9, 0x47, 0x08, 0xd9, 0x77, 0x10, 0x66, 0xd9, 0x77, 0x30),
                     NONE);
    assert_int_equal(word_at(22), (VECTOR_CODE_PHYSICAL + 2) & 0xffff);
    assert_int_equal(word_at(24), (VECTOR_CODE_PHYSICAL >> 16) << 12 | 0x147);
    assert_int_equal(word_at(26), (VECTOR_MEMORY_PHYSICAL + 8) & 0xffff);
    assert_int_equal(word_at(28), (VECTOR_MEMORY_PHYSICAL >> 16) << 12);
    assert_int_equal(dword_at(60), 0xffff0000u | ((VECTOR_CODE_PHYSICAL + 2) & 0xffff));
    assert_int_equal(dword_at(64), (VECTOR_CODE_PHYSICAL >> 16) << 12 | 0x147);
    assert_int_equal(dword_at(68), 0xffff0000u | ((VECTOR_MEMORY_PHYSICAL + 8) & 0xffff));
    assert_int_equal(dword_at(72), (VECTOR_MEMORY_PHYSICAL >> 16) << 12);
}

static void sse_works_in_real_mode_and_avx_is_not_there(void **unused)
{
    (void)unused;
    real_mode();
    put_at(16, &(const uint32_t[4]){1, 2, 3, 4}, 16);
    /* movdqa xmm0, [bx + 16]; paddd xmm0, xmm0; movdqu [bx + 33], xmm0; vaddps xmm0, xmm0, xmm1 */
    assert_int_equal(RUN(4, 0x66, 0x0f, 0x6f, 0x47, 0x10, 0x66, 0x0f, 0xfe, 0xc0, 0xf3, 0x0f, 0x7f,
                         0x47, 0x21, 0xc5, 0xf8, 0x58, 0xc1),
                     CPU_UD);
    assert_int_equal(dword_at(33), 2);
    assert_int_equal(dword_at(33 + 12), 8);
    real_mode();
    state.gpr[X86_RBX] = 1;
    set_state();
    assert_int_equal(RUN(1, 0x66, 0x0f, 0x6f, 0x47, 0x10), CPU_GP);
}

static void fxsave_has_64_bit_pointers_or_selectors(void **unused)
{
    (void)unused;
    /* fld dword [rbx + 8]; fxsave [rbx + 64]; fxsave64 [rbx + 1024] */
    assert_int_equal(RUN(3, 0xd9, 0x43, 0x08, 0x0f, 0xae, 0x43, 0x40, 0x48, 0x0f, 0xae, 0x83, 0x00,
                         0x04, 0x00, 0x00),
                     NONE);
    assert_int_equal(word_at(64 + 6), 0x143);
    assert_int_equal(dword_at(64 + 8), NATIVE_CODE_ADDRESS);
    assert_int_equal(word_at(64 + 12), 0x33);
    assert_int_equal(dword_at(64 + 16), VECTOR_MEMORY_ADDRESS + 8);
    assert_int_equal(word_at(64 + 20), 0x2b);
    assert_int_equal(dword_at(64 + 28), 0xffff);
    assert_int_equal(qword_at(1024 + 8), NATIVE_CODE_ADDRESS);
    assert_int_equal(qword_at(1024 + 16), VECTOR_MEMORY_ADDRESS + 8);
}

/* ---- whole states ---- */

static void xsave_writes_what_was_asked_for(void **unused)
{
    (void)unused;
    memset(vector_soft_memory(), 0xee, VECTOR_MEMORY_SIZE);
    memset(vector_soft_memory() + 512, 0, 64);
    memset(cpu()->fpu.ymm[3], 0x5a, 32);
    cpu()->gpr[X86_RAX] = 4;
    cpu()->gpr[X86_RDX] = 0;
    assert_int_equal(RUN(1, 0x0f, 0xae, 0x23), NONE); /* xsave [rbx] */
    assert_int_equal(qword_at(0), UINT64_C(0xeeeeeeeeeeeeeeee));
    assert_int_equal(dword_at(24), 0x1f80);
    assert_int_equal(qword_at(160), UINT64_C(0xeeeeeeeeeeeeeeee));
    assert_int_equal(qword_at(512), 4);
    assert_int_equal(qword_at(576 + 3 * 16), UINT64_C(0x5a5a5a5a5a5a5a5a));
    assert_int_equal(qword_at(576 + 4 * 16), 0);
}

static void xrstor_initializes_what_is_not_there(void **unused)
{
    (void)unused;
    memset(cpu()->fpu.ymm[3], 0x5a, 32);
    cpu()->gpr[X86_RAX] = 7;
    cpu()->gpr[X86_RDX] = 0;
    put_at(24, &(const uint32_t){0x1fa0}, 4);
    assert_int_equal(RUN(2, 0xd9, 0xe8, 0x0f, 0xae, 0x2b), NONE); /* fld1; xrstor [rbx] */
    assert_int_equal(cpu()->fpu.ymm[3][0], 0);
    assert_int_equal(cpu()->fpu.ymm[3][31], 0);
    assert_int_equal(cpu()->fpu.mxcsr, 0x1fa0);
    assert_int_equal(cpu()->fpu.x87[4], 0);
}

static void xrstor_refuses_bad_headers(void **unused)
{
    static const struct {
        unsigned at;
        uint8_t value;
    } bad[] = {{512, 8}, {520, 1}, {528, 1}, {527, 0x80 | 0x40}, {24 + 2, 1}};

    (void)unused;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        setup(NULL);
        cpu()->gpr[X86_RAX] = 7;
        cpu()->gpr[X86_RDX] = 0;
        vector_soft_memory()[bad[i].at] = bad[i].value;
        assert_int_equal(RUN(1, 0x0f, 0xae, 0x2b), CPU_GP);
    }
    cpu()->gpr[X86_RBX] += 16;
    assert_int_equal(RUN(1, 0x0f, 0xae, 0x2b), CPU_GP);
}

static void state_goes_out_and_in(void **unused)
{
    static struct vcpu_state saved;

    (void)unused;
    memset(cpu()->fpu.ymm[9], 0x77, 32);
    put_at(0, &(const uint32_t){0x3f80}, 4);
    /* fldpi; ldmxcsr [rbx]; addps xmm0, xmm1 */
    assert_int_equal(RUN(3, 0xd9, 0xeb, 0x0f, 0xae, 0x13, 0x0f, 0x58, 0xc1), NONE);
    assert_int_equal(vcpu_get_state(vector_soft_cpu(), &saved), 0);
    assert_int_equal(RUN(1, 0xdb, 0xe3), NONE); /* fninit */
    memset(cpu()->fpu.ymm[9], 0, 32);
    state = saved;
    state.rip = NATIVE_CODE_ADDRESS;
    set_state();
    assert_int_equal(cpu()->fpu.ymm[9][31], 0x77);
    /* fstp qword [rbx + 8]; stmxcsr [rbx + 16] */
    assert_int_equal(RUN(2, 0xdd, 0x5b, 0x08, 0x0f, 0xae, 0x5b, 0x10), NONE);
    assert_int_equal(qword_at(8), UINT64_C(0x400921fb54442d18));
    assert_int_equal(dword_at(16), 0x3f80);
}

/* ---- stubs ---- */

static void stubs_that_had_to_go_are_made_again(void **unused)
{
    enum { FORMS = 24 };
    /* pshufd, pshuflw, pshufhw, shufps, shufpd, palignr ... xmm0, xmm1, imm8 */
    static const uint8_t forms[FORMS][6] = {
        {4, 0x66, 0x0f, 0x70, 0xc1}, {4, 0xf2, 0x0f, 0x70, 0xc1}, {4, 0xf3, 0x0f, 0x70, 0xc1},
        {3, 0x0f, 0xc6, 0xc1},       {4, 0x66, 0x0f, 0xc6, 0xc1}, {3, 0x0f, 0x70, 0xc1},
        {3, 0x0f, 0x70, 0xca},       {3, 0x0f, 0x70, 0xd3},       {3, 0x0f, 0x70, 0xdc},
        {3, 0x0f, 0x70, 0xe5},       {3, 0x0f, 0x70, 0xee},       {3, 0x0f, 0x70, 0xf7},
        {3, 0x0f, 0x70, 0xf8},       {3, 0x0f, 0x70, 0xc8},       {3, 0x0f, 0x70, 0xd0},
        {3, 0x0f, 0x70, 0xd8},       {3, 0x0f, 0x70, 0xe0},       {3, 0x0f, 0x70, 0xe8},
        {3, 0x0f, 0x70, 0xf0},       {4, 0xc5, 0xf9, 0x70, 0xc1}, {4, 0xc5, 0xfd, 0x70, 0xc1},
        {4, 0xc5, 0xfa, 0x70, 0xc1}, {4, 0xc5, 0xfb, 0x70, 0xc1}, {4, 0xc5, 0xfe, 0x70, 0xc1},
    };
    static const uint8_t add[] = {0x66, 0x0f, 0xfe, 0xc1}; /* paddd xmm0, xmm1 */
    uint32_t generation = cpu()->fpu.generation;

    (void)unused;
    for (unsigned i = 0; i < FORMS * 256; i++) {
        uint8_t bytes[8];
        const uint8_t *form = forms[i / 256];

        memcpy(bytes, form + 1, form[0]);
        bytes[form[0]] = (uint8_t)i;
        cpu()->rip = NATIVE_CODE_ADDRESS;
        assert_int_equal(run(bytes, form[0] + 1u, 1), NONE);
    }
    assert_true(cpu()->fpu.generation != generation);
    memset(cpu()->fpu.ymm[0], 1, 16);
    memset(cpu()->fpu.ymm[1], 2, 16);
    cpu()->rip = NATIVE_CODE_ADDRESS;
    assert_int_equal(run(add, sizeof(add), 1), NONE);
    assert_int_equal(cpu()->fpu.ymm[0][7], 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(control_registers_say_who_may_use_what, setup),
        cmocka_unit_test_setup(unmasked_exception_is_ud_without_osxmmexcpt, setup),
        cmocka_unit_test_setup(x87_exception_waits_for_the_next_instruction, setup),
        cmocka_unit_test_setup(x87_store_with_an_unmasked_exception_stores_nothing, setup),
        cmocka_unit_test_setup(environment_has_the_last_instruction, setup),
        cmocka_unit_test_setup(environment_of_16_bits_and_of_real_mode, setup),
        cmocka_unit_test_setup(sse_works_in_real_mode_and_avx_is_not_there, setup),
        cmocka_unit_test_setup(fxsave_has_64_bit_pointers_or_selectors, setup),
        cmocka_unit_test_setup(xsave_writes_what_was_asked_for, setup),
        cmocka_unit_test_setup(xrstor_initializes_what_is_not_there, setup),
        cmocka_unit_test_setup(xrstor_refuses_bad_headers, setup),
        cmocka_unit_test_setup(state_goes_out_and_in, setup),
        cmocka_unit_test_setup(stubs_that_had_to_go_are_made_again, setup),
    };
    int failed;

    if (!vector_soft_begin()) {
        return 1;
    }
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    vector_soft_end();
    return failed;
}
