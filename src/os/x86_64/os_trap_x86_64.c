/*
 * The guarded call on x86-64: enter_stub keeps what a C caller relies on in its own stack frame and
 * tells where that is; after a fault the signal handler lets the thread go on at leave_stub with
 * the stack pointer back in that frame.
 */
#include <stddef.h>

#include "base/attr.h"
#include "os/os_trap.h"

struct guard {
    struct os_trap trap; /* first: the registry's pointer is the guard's */
    void *frame;         /* written by enter_stub */
    struct os_trap_fault fault;
};

/* The frame, from *ret_frame up: MXCSR (4), x87 control word (2), padding (2), r15 r14 r13 r12 rbx
 * rbp, return address. */
void os_trap_enter_stub(void (*stub)(void *argument), void *argument, void **ret_frame);
extern const char os_trap_leave_stub[];

__asm__(".pushsection .text\n"
        ".globl os_trap_enter_stub\n"
        ".hidden os_trap_enter_stub\n"
        ".globl os_trap_leave_stub\n"
        ".hidden os_trap_leave_stub\n"
        ".type os_trap_enter_stub, @function\n"
        ".p2align 4\n"
        "os_trap_enter_stub:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    push %r12\n"
        "    push %r13\n"
        "    push %r14\n"
        "    push %r15\n"
        "    sub $8, %rsp\n"
        "    stmxcsr (%rsp)\n"
        "    fnstcw 4(%rsp)\n"
        "    mov %rsp, (%rdx)\n"
        "    mov %rdi, %rax\n"
        "    mov %rsi, %rdi\n"
        "    call *%rax\n"
        "    add $8, %rsp\n"
        "    jmp 1f\n"
        "os_trap_leave_stub:\n"
        /* A pending x87 exception would be raised again by FLDCW. */
        "    fnclex\n"
        "    fldcw 4(%rsp)\n"
        "    ldmxcsr (%rsp)\n"
        "    add $8, %rsp\n"
        "1:  pop %r15\n"
        "    pop %r14\n"
        "    pop %r13\n"
        "    pop %r12\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size os_trap_enter_stub, . - os_trap_enter_stub\n"
        ".popsection\n");

static bool take(struct os_trap *trap, const siginfo_t *info, ucontext_t *context)
{
    (void)info;
    enum { CLEARED_FLAGS = 0x40000 | 0x400 | 0x100 }; /* AC, DF, TF */
    struct guard *guard = (struct guard *)trap;
    greg_t *registers = context->uc_mcontext.gregs;

    guard->fault.vector = (uint8_t)registers[REG_TRAPNO];
    guard->fault.error_code = (uint32_t)registers[REG_ERR];
    guard->fault.address = (uint64_t)registers[REG_CR2];
    if (context->uc_mcontext.fpregs != NULL) {
        guard->fault.mxcsr = context->uc_mcontext.fpregs->mxcsr;
        guard->fault.x87_status = context->uc_mcontext.fpregs->swd;
    }
    registers[REG_RIP] = (greg_t)(uintptr_t)os_trap_leave_stub;
    registers[REG_RSP] = (greg_t)(uintptr_t)guard->frame;
    registers[REG_EFL] &= ~(greg_t)CLEARED_FLAGS;
    return true;
}

void os_trap_guarded_call(void (*stub)(void *argument), void *argument,
                          struct os_trap_fault *ret_fault)
{
    struct guard guard = {.trap.handle = take, .fault.vector = OS_TRAP_NONE};

    os_trap_push(&guard.trap);
    os_trap_enter_stub(stub, argument, &guard.frame);
    os_trap_pop(&guard.trap);
    *ret_fault = guard.fault;
}
