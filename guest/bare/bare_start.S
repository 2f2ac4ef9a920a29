/*
 * Where a bare test guest begins: the PVH entry (Xen's public/arch-x86/hvm/start_info.h describes it: 32-bit
 * protected mode, paging off, flat segments, EBX: start info) and multiboot 2's, which is alike. Maps the
 * first 512 GiB one to one by 1 GiB pages, goes to 64-bit mode with SSE on and calls bare_main.
 */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18                 /* name and value sizes, XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start

    .section .boot, "ax"
    .code32
    .balign 8
multiboot2:
    .long 0xe85250d6, 0, 24, 0x100000000 - (0xe85250d6 + 24)
    .long 0, 8                     /* the end of the tags */
    .globl start
start:
    cli
    movl %eax, bare_boot_magic
    movl %ebx, bare_boot_information
    movl $stack_end, %esp
    movl $level3, %edi             /* 512 pages of 1 GiB */
    movl $0x83, %eax
    xorl %edx, %edx
    movl $512, %ecx
1:  movl %eax, (%edi)
    movl %edx, 4(%edi)
    addl $0x40000000, %eax
    adcl $0, %edx
    addl $8, %edi
    loop 1b
    movl $level3 + 3, level4
    movl $level4, %eax
    movl %eax, %cr3
    movl $0x620, %eax              /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $0xc0000080, %ecx         /* EFER.LME */
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl $0x80010033, %eax         /* PG, WP, NE, ET, MP, PE */
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $long_mode

    .code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl $stack_end, %esp
    call bare_main
1:  hlt
    jmp 1b

/* Interrupts of vectors 32 to 47: count the vector and tell the local APIC. */
    .altmacro
    .macro entry vector
    .balign 32
    lock incl bare_interrupts + (\vector - 32) * 4
    pushq %rax
    movl $0xfee000b0, %eax
    movl $0, (%rax)
    popq %rax
    iretq
    .endm
    .text
    .balign 32
    .globl bare_entries
bare_entries:
    .set vector, 32
    .rept 16
    entry %vector
    .set vector, vector + 1
    .endr

/* An NMI comes from outside, for whoever listens. */
    .globl bare_nmi
bare_nmi:
    iretq

/* Any other exception: says so and stops. */
    .globl bare_exception
bare_exception:
    cli
    movq (%rsp), %rdi
    movq 8(%rsp), %rsi
    movq %cr2, %rdx
    andq $-16, %rsp
    call bare_died

    .data
    .balign 4
    .globl bare_boot_magic, bare_boot_information
bare_boot_magic: .long 0
bare_boot_information: .long 0

    .section .rodata
    .balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff       /* 08: code, 64 bits */
    .quad 0x00cf93000000ffff       /* 10: data */
gdt_pointer:
    .word gdt_pointer - gdt - 1
    .quad gdt

    .bss
    .balign 4096
    .globl level4
level4: .skip 4096
level3: .skip 4096
    .balign 16
    .skip 16384
stack_end:
    .section .note.GNU-stack, "", @progbits
