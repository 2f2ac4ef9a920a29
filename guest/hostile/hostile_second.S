/* The second CPU's way from real mode to 64-bit mode, with the page tables of the first. */
#include "hostile/hostile.h"

#define AT(symbol) (HOSTILE_TRAMPOLINE + symbol - hostile_trampoline)

    .section .rodata
    .code16
    .balign 16
    .globl hostile_trampoline
hostile_trampoline:
    cli
    xorw %ax, %ax
    movw %ax, %ds
    lgdtl AT(pointer)
    movl $0x620, %eax
    movl %eax, %cr4
    movl $level4, %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl $0x80010033, %eax
    movl %eax, %cr0
    ljmpl $0x08, $hostile_long_mode
    .balign 8
table:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
pointer:
    .word pointer - table - 1
    .long AT(table)
    .globl hostile_trampoline_end
hostile_trampoline_end:

    .text
    .code64
hostile_long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $second_stack_end, %esp
    call hostile_second

    .bss
    .balign 16
    .skip 4096
second_stack_end:
    .section .note.GNU-stack, "", @progbits
