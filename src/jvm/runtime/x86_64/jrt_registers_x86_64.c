/*
 * The registers that a C function keeps for its caller, and the caller's stack pointer, as they are
 * at the call.
 */
#include "jvm/runtime/jrt_registers.h"

__asm__(".pushsection .text\n"
        ".globl jrt_save_registers\n"
        ".hidden jrt_save_registers\n"
        ".type jrt_save_registers, @function\n"
        "jrt_save_registers:\n"
        "    endbr64\n"
        "    movq %rbx, 0(%rdi)\n"
        "    movq %rbp, 8(%rdi)\n"
        "    movq %r12, 16(%rdi)\n"
        "    movq %r13, 24(%rdi)\n"
        "    movq %r14, 32(%rdi)\n"
        "    movq %r15, 40(%rdi)\n"
        "    leaq 8(%rsp), %rax\n"
        "    ret\n"
        ".size jrt_save_registers, . - jrt_save_registers\n"
        ".popsection\n");
