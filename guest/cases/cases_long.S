/*
 * Into a case in long mode (64-bit or compatibility), and out of it again by whatever exception ends it.
 */
#include "cases/cases_layout.h"

    .text
    .code64
/* void cases_enter_long(void): runs what the context says; returns with the state after it in the context. */
    .globl cases_enter_long
cases_enter_long:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    movq %rsp, CONTEXT_RSP
    movq CONTEXT_CR3, %rax
    movq %rax, %cr3
    movq CONTEXT_CR4, %rax
    movq %rax, %cr4
    movq CONTEXT_CR0, %rax
    movq %rax, %cr0
    movl CONTEXT_DS, %eax
    movl %eax, %ds
    movl CONTEXT_ES, %eax
    movl %eax, %es
    movl CONTEXT_FS, %eax
    movl %eax, %fs
    movl CONTEXT_GS, %eax
    movl %eax, %gs
    movl $0xc0000100, %ecx
    movl CONTEXT_FS_BASE, %eax
    movl CONTEXT_FS_BASE + 4, %edx
    wrmsr
    movl $0xc0000101, %ecx
    movl CONTEXT_GS_BASE, %eax
    movl CONTEXT_GS_BASE + 4, %edx
    wrmsr
    movl $CASES_STACK_16, %esp     /* a return to a stack of 16 bits leaves the upper ones */
    pushq CONTEXT_SS
    pushq CONTEXT_GPR + 4 * 8
    pushq CONTEXT_RFLAGS
    pushq CONTEXT_CS
    pushq CONTEXT_RIP
    movq CONTEXT_GPR + 0 * 8, %rax
    movq CONTEXT_GPR + 1 * 8, %rcx
    movq CONTEXT_GPR + 2 * 8, %rdx
    movq CONTEXT_GPR + 3 * 8, %rbx
    movq CONTEXT_GPR + 5 * 8, %rbp
    movq CONTEXT_GPR + 6 * 8, %rsi
    movq CONTEXT_GPR + 7 * 8, %rdi
    movq CONTEXT_GPR + 8 * 8, %r8
    movq CONTEXT_GPR + 9 * 8, %r9
    movq CONTEXT_GPR + 10 * 8, %r10
    movq CONTEXT_GPR + 11 * 8, %r11
    movq CONTEXT_GPR + 12 * 8, %r12
    movq CONTEXT_GPR + 13 * 8, %r13
    movq CONTEXT_GPR + 14 * 8, %r14
    movq CONTEXT_GPR + 15 * 8, %r15
    iretq

/* Where the gates of vectors 0 to 31 lead: 16 bytes each. The stack is the IST's. */
    .altmacro
    .macro stub_64 vector
    .balign 16
    pushq $\vector
    jmp ended_64
    .endm
    .balign 16
    .globl cases_stubs_64
cases_stubs_64:
    .set vector, 0
    .rept 32
    stub_64 %vector
    .set vector, vector + 1
    .endr

ended_64:
    cld
    movq %rax, CONTEXT_GPR + 0 * 8
    cmpb $0, CONTEXT_RUNS
    je failed_64
    movq %rcx, CONTEXT_GPR + 1 * 8
    movq %rdx, CONTEXT_GPR + 2 * 8
    movq %rbx, CONTEXT_GPR + 3 * 8
    movq %rbp, CONTEXT_GPR + 5 * 8
    movq %rsi, CONTEXT_GPR + 6 * 8
    movq %rdi, CONTEXT_GPR + 7 * 8
    movq %r8, CONTEXT_GPR + 8 * 8
    movq %r9, CONTEXT_GPR + 9 * 8
    movq %r10, CONTEXT_GPR + 10 * 8
    movq %r11, CONTEXT_GPR + 11 * 8
    movq %r12, CONTEXT_GPR + 12 * 8
    movq %r13, CONTEXT_GPR + 13 * 8
    movq %r14, CONTEXT_GPR + 14 * 8
    movq %r15, CONTEXT_GPR + 15 * 8
    popq CONTEXT_VECTOR
    movl $CASES_NO_ERROR, %eax
    movq %rax, CONTEXT_ERROR
    cmpq $CASES_STACK_IST - 40, %rsp
    je 1f
    popq CONTEXT_ERROR
1:  popq CONTEXT_RIP
    popq CONTEXT_CS
    popq CONTEXT_RFLAGS
    popq CONTEXT_GPR + 4 * 8
    popq CONTEXT_SS
    movl %es, %eax
    movq %rax, CONTEXT_ES
    movl %ds, %eax
    movq %rax, CONTEXT_DS
    movl %fs, %eax
    movq %rax, CONTEXT_FS
    movl %gs, %eax
    movq %rax, CONTEXT_GS
    movl $0xc0000100, %ecx
    rdmsr
    movl %eax, CONTEXT_FS_BASE
    movl %edx, CONTEXT_FS_BASE + 4
    movl $0xc0000101, %ecx
    rdmsr
    movl %eax, CONTEXT_GS_BASE
    movl %edx, CONTEXT_GS_BASE + 4
    movq %cr0, %rax
    movq %rax, CONTEXT_CR0
    movq %cr2, %rax
    movq %rax, CONTEXT_CR2
    movq %cr3, %rax
    movq %rax, CONTEXT_CR3
    movq %cr4, %rax
    movq %rax, CONTEXT_CR4
    sgdt CONTEXT_GDTR
    sidt CONTEXT_IDTR
    xorl %eax, %eax
    sldt %eax
    movq %rax, CONTEXT_LDTR
    str %eax
    movq %rax, CONTEXT_TR
    movl $CASES_CR0, %eax
    movq %rax, %cr0
    movl $CASES_CR4, %eax
    movq %rax, %cr4
    movq CONTEXT_ROOT, %rax
    movq %rax, %cr3
    lgdt CONTEXT_GDTR_64
    lidt CONTEXT_IDTR_64
    .globl cases_leave
cases_leave:
    movl $CASES_SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movq CONTEXT_RSP, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* The monitor itself failed. */
failed_64:
    movq 0(%rsp), %rdi
    movq 8(%rsp), %rsi
    movq 16(%rsp), %rdx
    andq $-16, %rsp
    call cases_failed
1:  hlt
    jmp 1b
    .section .note.GNU-stack, "", @progbits
