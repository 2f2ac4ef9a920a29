/* Faults: taken by the thread that expects them, told as the CPU tells them, passed on otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/os_thread.h"
#include "os/os_trap.h"

static void divide_by_zero(void *argument)
{
    __asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; divl %0" ::"m"(*(int *)argument)
                     : "eax", "edx", "cc");
}

static void undefined(void *argument)
{
    (void)argument;
    __asm__ volatile("ud2");
}

static void write_there(void *argument)
{
    *(volatile char *)argument = 1;
}

static void not_canonical(void *argument)
{
    (void)argument;
    __asm__ volatile("movabs $0x8000000000000000, %%rax; mov (%%rax), %%eax" ::: "rax");
}

/* Unmasks all SSE exceptions and divides by zero. */
static void sse_divide(void *argument)
{
    static const uint32_t unmasked = 0;
    (void)argument;
    __asm__ volatile("ldmxcsr %0; pxor %%xmm0, %%xmm0; mov $1, %%eax; cvtsi2sd %%eax, %%xmm1; "
                     "divsd %%xmm0, %%xmm1" ::"m"(unmasked)
                     : "rax", "xmm0", "xmm1");
}

/* Unmasks all x87 exceptions, sets the direction flag, and divides by zero. */
static void x87_divide(void *argument)
{
    static const uint16_t unmasked = 0x340;
    (void)argument;
    __asm__ volatile("std; fninit; fldcw %0; fld1; fldz; fdivrp; fwait" ::"m"(unmasked));
}

static void nothing(void *argument)
{
    *(int *)argument = 7;
}

static struct os_trap_fault call(void (*stub)(void *argument), void *argument)
{
    struct os_trap_fault fault = {0};
    os_trap_guarded_call(stub, argument, &fault);
    return fault;
}

static void tells_each_fault_as_the_cpu_does(void **state)
{
    (void)state;
    assert_int_equal(os_trap_install(), 0);
    int zero = 0;
    assert_int_equal(call(nothing, &zero).vector, OS_TRAP_NONE);
    assert_int_equal(zero, 7);
    zero = 0;
    assert_int_equal(call(divide_by_zero, &zero).vector, 0);
    assert_int_equal(call(undefined, NULL).vector, 6);
    assert_int_equal(call(not_canonical, NULL).vector, 13);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct os_trap_fault fault = call(write_there, (char *)page + 5);
    assert_int_equal(fault.vector, 14);
    assert_int_equal(fault.address, (uintptr_t)page + 5);
    assert_int_equal(fault.error_code & 6, 6); /* a write by user code */
    munmap(page, 4096);
}

static void restores_mxcsr_and_control_word(void **state)
{
    (void)state;
    assert_int_equal(os_trap_install(), 0);
    uint32_t mxcsr[2];
    uint16_t control[2];
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr[0]), "=m"(control[0]));
    struct os_trap_fault fault = call(sse_divide, NULL);
    assert_int_equal(fault.vector, 19);
    assert_int_equal(fault.mxcsr & 0x3f, 4); /* ZE */
    fault = call(x87_divide, NULL);
    assert_int_equal(fault.vector, 16);
    assert_int_equal(fault.x87_status & 0x3f, 4); /* ZE */
    __asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr[1]), "=m"(control[1]));
    assert_int_equal(mxcsr[1] & ~0x3fU, mxcsr[0] & ~0x3fU);
    assert_int_equal(control[0], control[1]);
}

static void *fault_in_thread(void *argument)
{
    *(uint8_t *)argument = call(undefined, NULL).vector;
    return NULL;
}

static void works_in_every_thread(void **state)
{
    (void)state;
    assert_int_equal(os_trap_install(), 0);
    struct os_thread thread = {0};
    uint8_t vector = 0;
    assert_int_equal(os_thread_start(&thread, fault_in_thread, &vector), 0);
    os_thread_join(&thread);
    assert_int_equal(vector, 6);
}

static int ending_of(void (*stub)(void *argument))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        for (int number = 1; number < 32; number++) {
            signal(number, SIG_DFL);
        }
        if (os_trap_install() == 0) {
            stub(NULL);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void send_to_self(void *argument)
{
    (void)argument;
    kill(getpid(), SIGSEGV);
}

static void unexpected_faults_end_the_process_as_ever(void **state)
{
    (void)state;
    assert_int_equal(ending_of(undefined), SIGILL);
    assert_int_equal(ending_of(send_to_self), SIGSEGV);
}

static void count_signal(int number)
{
    _exit(number == SIGFPE ? 42 : 1);
}

static void the_action_from_before_gets_what_nobody_takes(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        /* A program that had a handler before it loaded us. */
        signal(SIGFPE, count_signal);
        if (os_trap_install() == 0) {
            int zero = 0;
            divide_by_zero(&zero);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_each_fault_as_the_cpu_does),
        cmocka_unit_test(restores_mxcsr_and_control_word),
        cmocka_unit_test(works_in_every_thread),
        cmocka_unit_test(unexpected_faults_end_the_process_as_ever),
        cmocka_unit_test(the_action_from_before_gets_what_nobody_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
