/*
 * The general handlers of integer instructions, by topic; cpu_integer.c has the table of all.
 */
#pragma once

#include "cpu/interpreter/cpu_int.h"

/* The handler of a mnemonic (enum x86_op); NULL: it is no integer instruction. */
cpu_general *cpu_integer_handler(uint16_t op);

/* cpu_int_arith.c */
cpu_general cpu_int_two, cpu_int_compare, cpu_int_one, cpu_int_adx;
/* The flags (as cpu_flags.h keeps them) of comparing two values of so many bytes. */
uint32_t cpu_int_flags_of_compare(uint64_t a, uint64_t b, unsigned width);
/* cpu_int_muldiv.c */
cpu_general cpu_int_mul, cpu_int_imul, cpu_int_div, cpu_int_idiv, cpu_int_mulx, cpu_int_extend;
cpu_general cpu_int_decimal, cpu_int_aam, cpu_int_aad;
/* cpu_int_shift.c */
cpu_general cpu_int_shift, cpu_int_shift_double, cpu_int_bit, cpu_int_shift_bmi;
/* cpu_int_bits.c */
cpu_general cpu_int_scan, cpu_int_count, cpu_int_bswap, cpu_int_bmi, cpu_int_crc32;
/* cpu_int_move.c */
cpu_general cpu_int_mov, cpu_int_movsx, cpu_int_movbe, cpu_int_lea, cpu_int_xchg, cpu_int_xadd;
cpu_general cpu_int_cmpxchg, cpu_int_cmpxchg_wide, cpu_int_cmov, cpu_int_setcc, cpu_int_xlat;
cpu_general cpu_int_flag, cpu_int_lahf, cpu_int_sahf, cpu_int_salc, cpu_int_nop, cpu_int_fence;
/* cpu_int_stack.c */
cpu_general cpu_int_push, cpu_int_pop, cpu_int_pusha, cpu_int_popa, cpu_int_enter, cpu_int_leave;
/* cpu_int_string.c */
cpu_general cpu_int_movs, cpu_int_stos, cpu_int_lods, cpu_int_cmps, cpu_int_scas;
/* cpu_int_port.c */
cpu_general cpu_int_in, cpu_int_out, cpu_int_ins, cpu_int_outs;
/* cpu_int_branch.c */
cpu_general cpu_int_jcc, cpu_int_jmp, cpu_int_call, cpu_int_ret, cpu_int_loop, cpu_int_jcxz;
cpu_general cpu_int_bound, cpu_int_undefined;
