/*
 * From long mode into a case in protected mode, virtual-8086 mode or real mode, and back. The case's own stack
 * takes the frame of the exception that ends it where levels do not change; what the harness writes there is
 * overwritten by CASES_SCRUB, so that memory can be compared. Faults of the stack itself (vectors 8, 10, 12) come
 * by task gates.
 */
#include "cases/cases_layout.h"

    .text
    .code64
/* void cases_enter_legacy(void): as cases_enter_long. */
    .globl cases_enter_legacy
cases_enter_legacy:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    movq %rsp, CONTEXT_RSP
    pushq $CASES_SEL_CODE_32
    pushq $1f
    lretq
    .code32
1:  movl $CASES_STACK_16, %esp
    movl %cr0, %eax
    andl $0x7fffffff, %eax
    movl %eax, %cr0
    movl $0xc0000080, %ecx
    rdmsr
    andl $~0x100, %eax
    wrmsr
    lgdt CONTEXT_GDTR_32
    lidt CONTEXT_IDTR
    ljmp $CASES_SEL_CODE_32, $1f
1:  movl $CASES_SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl CONTEXT_CR3, %eax
    movl %eax, %cr3
    movl CONTEXT_CR4, %eax
    movl %eax, %cr4
    cmpl $CASES_KIND_REAL, CONTEXT_KIND
    je enter_real
    movl CONTEXT_CR0, %eax
    movl %eax, %cr0
    lldt CONTEXT_LDTR
    ltr CONTEXT_TR
    cmpl $CASES_KIND_V86, CONTEXT_KIND
    je enter_v86
    movl CONTEXT_ES, %eax
    movl %eax, %es
    movl CONTEXT_FS, %eax
    movl %eax, %fs
    movl CONTEXT_GS, %eax
    movl %eax, %gs
    cmpl $CASES_KIND_USER, CONTEXT_KIND
    je enter_user
    pushl CONTEXT_RFLAGS
    popfl
    movl CONTEXT_DS, %eax
    movl %eax, %ds
    movl %cs:CONTEXT_GPR + 0 * 8, %eax
    movl %cs:CONTEXT_GPR + 1 * 8, %ecx
    movl %cs:CONTEXT_GPR + 2 * 8, %edx
    movl %cs:CONTEXT_GPR + 3 * 8, %ebx
    movl %cs:CONTEXT_GPR + 5 * 8, %ebp
    movl %cs:CONTEXT_GPR + 6 * 8, %esi
    movl %cs:CONTEXT_GPR + 7 * 8, %edi
    lss %cs:CONTEXT_LSS, %esp
    ljmp *%cs:CONTEXT_FAR

enter_v86:
    pushl CONTEXT_GS
    pushl CONTEXT_FS
    pushl CONTEXT_DS
    pushl CONTEXT_ES
enter_user:
    pushl CONTEXT_SS
    pushl CONTEXT_GPR + 4 * 8
    pushl CONTEXT_RFLAGS
    pushl CONTEXT_CS
    pushl CONTEXT_RIP
    cmpl $CASES_KIND_V86, CONTEXT_KIND
    je 1f
    movl CONTEXT_DS, %eax
    movl %eax, %ds
1:  movl %ss:CONTEXT_GPR + 0 * 8, %eax
    movl %ss:CONTEXT_GPR + 1 * 8, %ecx
    movl %ss:CONTEXT_GPR + 2 * 8, %edx
    movl %ss:CONTEXT_GPR + 3 * 8, %ebx
    movl %ss:CONTEXT_GPR + 5 * 8, %ebp
    movl %ss:CONTEXT_GPR + 6 * 8, %esi
    movl %ss:CONTEXT_GPR + 7 * 8, %edi
    iretl

enter_real:
    ljmp $CASES_SEL_CODE_16, $CASES_CODE_16

/* Where the gates of vectors 0 to 31 lead: 16 bytes each. */
    .altmacro
    .macro stub_32 vector
    .balign 16
    .if (0x00027d00 >> \vector) & 1
    nop
    .else
    pushl $CASES_NO_ERROR
    .endif
    pushl $\vector
    jmp ended_32
    .endm
    .balign 16
    .globl cases_stubs_32
cases_stubs_32:
    .set vector, 0
    .rept 32
    stub_32 %vector
    .set vector, vector + 1
    .endr

/* Where the tasks of vectors 8, 10 and 12 begin: 32 bytes each. */
    .macro task_stub vector, number
    .balign 32
    popl CONTEXT_ERROR
    movl $\vector, CONTEXT_VECTOR
    movl CASES_TSS_FAULT + \number * 128, %eax
    movl %eax, CONTEXT_LINK
    jmp save_system
    .endm
    .balign 32
    .globl cases_task_stubs
cases_task_stubs:
    task_stub 8, 0
    task_stub 10, 1
    task_stub 12, 2

ended_32:
    cld
    pushl %eax
    pushl %ds
    movl $CASES_SEL_DATA, %eax
    movl %eax, %ds
    popl %eax
    movw %ax, CONTEXT_DS
    popl %eax
    movl %eax, CONTEXT_GPR + 0 * 8
    movl %ecx, CONTEXT_GPR + 1 * 8
    movl %edx, CONTEXT_GPR + 2 * 8
    movl %ebx, CONTEXT_GPR + 3 * 8
    movl %ebp, CONTEXT_GPR + 5 * 8
    movl %esi, CONTEXT_GPR + 6 * 8
    movl %edi, CONTEXT_GPR + 7 * 8
    movw %es, CONTEXT_ES
    movw %fs, CONTEXT_FS
    movw %gs, CONTEXT_GS
    movl %esp, %ebp
    movl %ss, %eax
    larl %eax, %eax
    testl $0x400000, %eax
    jnz 1f
    movzwl %bp, %ebp               /* a stack of 16 bits */
1:  movl %ss:0(%ebp), %eax
    movl %eax, CONTEXT_VECTOR
    movl %ss:4(%ebp), %eax
    movl %eax, CONTEXT_ERROR
    movl %ss:8(%ebp), %eax
    movl %eax, CONTEXT_RIP
    movl %ss:12(%ebp), %eax
    movw %ax, CONTEXT_CS
    movl %ss:16(%ebp), %ecx
    movl %ecx, CONTEXT_RFLAGS
    testl $0x20000, %ecx
    jnz 1f
    testl $3, %eax
    jz 2f
1:  movl %ss:20(%ebp), %edx
    movl %edx, CONTEXT_GPR + 4 * 8
    movl %ss:24(%ebp), %edx
    movw %dx, CONTEXT_SS
    testl $0x20000, %ecx
    jz save_system
    movl %ss:28(%ebp), %edx
    movw %dx, CONTEXT_ES
    movl %ss:32(%ebp), %edx
    movw %dx, CONTEXT_DS
    movl %ss:36(%ebp), %edx
    movw %dx, CONTEXT_FS
    movl %ss:40(%ebp), %edx
    movw %dx, CONTEXT_GS
    jmp save_system
2:  movw %ss, CONTEXT_SS
    leal 20(%esp), %edx
    movl %edx, CONTEXT_GPR + 4 * 8
    subl $8, %ebp
    movl $7, %ecx
3:  movl $CASES_SCRUB, %ss:(%ebp)
    addl $4, %ebp
    loop 3b

save_system:
    movl %cr0, %eax
    movl %eax, CONTEXT_CR0
    movl %cr2, %eax
    movl %eax, CONTEXT_CR2
    movl %cr3, %eax
    movl %eax, CONTEXT_CR3
    movl %cr4, %eax
    movl %eax, CONTEXT_CR4
    sgdt CONTEXT_GDTR
    sidt CONTEXT_IDTR
    sldt CONTEXT_LDTR
    str CONTEXT_TR
back_to_long:
    movl $CASES_SEL_DATA, %eax
    movl %eax, %ds
    movl %eax, %ss
    movl $CASES_STACK_32, %esp
    pushl $2
    popfl
    movl $0x11, %eax
    movl %eax, %cr0
    lgdt CONTEXT_GDTR_64
    lidt CONTEXT_IDTR_64
    movl $CASES_CR4, %eax
    movl %eax, %cr4
    movl CONTEXT_ROOT, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl cases_monitor_tss, %ecx
    andb $0xfd, CASES_GDT_64 + 5(%ecx)
    ltr %cx
    movl $CASES_CR0, %eax
    movl %eax, %cr0
    ljmp $CASES_SEL_CODE_64, $cases_leave

/* ---- real mode: this is copied to CASES_CODE_16 ---- */
    .set LOW, CASES_CODE_16
    .code16
    .globl cases_code_16
cases_code_16:
    movw $CASES_SEL_DATA_16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw %ax, %fs
    movw %ax, %gs
    movl CONTEXT_CR0, %eax
    movl %eax, %cr0
    ljmp $0, $LOW + (1f - cases_code_16)
1:  xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movl $CASES_STACK_16, %esp
    pushl CONTEXT_RFLAGS
    popfl
    movw CONTEXT_ES, %es
    movw CONTEXT_FS, %fs
    movw CONTEXT_GS, %gs
    movl CONTEXT_GPR + 0 * 8, %eax
    movl CONTEXT_GPR + 1 * 8, %ecx
    movl CONTEXT_GPR + 2 * 8, %edx
    movl CONTEXT_GPR + 3 * 8, %ebx
    movl CONTEXT_GPR + 5 * 8, %ebp
    movl CONTEXT_GPR + 6 * 8, %esi
    movl CONTEXT_GPR + 7 * 8, %edi
    movw CONTEXT_DS, %ds
    lssl %cs:CONTEXT_LSS, %esp
    ljmp *%cs:CONTEXT_FAR

    .globl cases_ended_16
cases_ended_16:
    cld
    pushl %eax
    pushw %ds
    xorw %ax, %ax
    movw %ax, %ds
    popw CONTEXT_DS
    popl CONTEXT_GPR + 0 * 8
    movl %ecx, CONTEXT_GPR + 1 * 8
    movl %edx, CONTEXT_GPR + 2 * 8
    movl %ebx, CONTEXT_GPR + 3 * 8
    movl %ebp, CONTEXT_GPR + 5 * 8
    movl %esi, CONTEXT_GPR + 6 * 8
    movl %edi, CONTEXT_GPR + 7 * 8
    movw %es, CONTEXT_ES
    movw %fs, CONTEXT_FS
    movw %gs, CONTEXT_GS
    movw %ss, CONTEXT_SS
    movl %esp, %ebp
    movw %ss:0(%bp), %ax
    movw %ax, CONTEXT_VECTOR
    movw %ss:2(%bp), %ax
    movw %ax, CONTEXT_RIP
    movw %ss:4(%bp), %ax
    movw %ax, CONTEXT_CS
    movw %ss:6(%bp), %ax
    movw %ax, CONTEXT_RFLAGS
    leal 8(%ebp), %eax
    movl %eax, CONTEXT_GPR + 4 * 8
    subw $6, %bp
    movw $7, %cx
1:  movw $CASES_SCRUB & 0xffff, %ss:(%bp)
    addw $2, %bp
    loop 1b
    movl %cr0, %eax
    movl %eax, CONTEXT_CR0
    movl %cr2, %eax
    movl %eax, CONTEXT_CR2
    movl %cr3, %eax
    movl %eax, CONTEXT_CR3
    movl %cr4, %eax
    movl %eax, CONTEXT_CR4
    sgdtl CONTEXT_GDTR
    sidtl CONTEXT_IDTR
    lgdtl CONTEXT_GDTR_32
    movl $0x11, %eax
    movl %eax, %cr0
    ljmpl $CASES_SEL_CODE_32, $back_to_long
    .globl cases_code_16_end
cases_code_16_end:
    .section .note.GNU-stack, "", @progbits
