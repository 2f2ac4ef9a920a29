/*
 * The registers that a C function keeps for its caller, and the caller's stack pointer, as they are
 * at the call. A naked function: assembly beside functions is lost between the parts of link-time
 * optimization.
 */
#include "jvm/runtime/jrt_registers.h"

#include "base/attr.h"

__attribute__((naked, noinline)) char *
jrt_save_registers(uint64_t ret_registers[JRT_SAVED_REGISTERS] ST_UNUSED)
{
    __asm__("movq %rbx, 0(%rdi)\n\t"
            "movq %rbp, 8(%rdi)\n\t"
            "movq %r12, 16(%rdi)\n\t"
            "movq %r13, 24(%rdi)\n\t"
            "movq %r14, 32(%rdi)\n\t"
            "movq %r15, 40(%rdi)\n\t"
            "leaq 8(%rsp), %rax\n\t"
            "ret");
}
