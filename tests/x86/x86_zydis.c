/*
 * Our decoder against Zydis: validity, length, mnemonic, operands with registers, widths and
 * memory, implicit registers, flags. What may differ is the list in x86_zydis_known.c, each with
 * its reason; everything else is printed and counted as a failure.
 */
#include "x86_zydis.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "x86/x86_decode.h"
#include "x86/x86_encode.h"
#include "x86/x86_format.h"

static ZydisDecoder decoders[3];

void zy_init(void)
{
    static const ZydisMachineMode modes[] = {
        ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32, ZYDIS_MACHINE_MODE_LONG_64};
    static const ZydisStackWidth widths[] = {ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32,
                                             ZYDIS_STACK_WIDTH_64};
    for (int i = 0; i < 3; i++) {
        ZydisDecoderInit(&decoders[i], modes[i], widths[i]);
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_MPX, ZYAN_FALSE);
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_CLDEMOTE, ZYAN_FALSE);
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_WBNOINVD, ZYAN_TRUE);
    }
}

/* ---- operands ---- */

/* The number of a register within its class; -1: it has none. */
static int id_of(ZydisRegister reg)
{
    ZyanI8 id = ZydisRegisterGetId(reg);
    return id < 0 ? -1 : (uint8_t)id;
}

/* AL CL DL BL AH CH DH BH SPL ... R15B are Zydis's 8-bit registers. */
static bool same_byte_register(const struct x86_operand *ours, ZydisRegister reg)
{
    if (reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH) {
        return ours->kind == X86_GPR_HIGH && ours->reg == reg - ZYDIS_REGISTER_AH;
    }
    unsigned id = reg < ZYDIS_REGISTER_AH ? reg - ZYDIS_REGISTER_AL : reg - ZYDIS_REGISTER_SPL + 4;
    return ours->kind == X86_GPR && ours->width == 1 && ours->reg == id;
}

static bool same_register(const struct x86_operand *ours, ZydisRegister reg)
{
    static const struct {
        ZydisRegisterClass class;
        uint8_t kind, width; /* width 0: not compared */
    } classes[] = {
        {ZYDIS_REGCLASS_GPR16, X86_GPR, 2},  {ZYDIS_REGCLASS_GPR32, X86_GPR, 4},
        {ZYDIS_REGCLASS_GPR64, X86_GPR, 8},  {ZYDIS_REGCLASS_SEGMENT, X86_SEG, 0},
        {ZYDIS_REGCLASS_CONTROL, X86_CR, 0}, {ZYDIS_REGCLASS_DEBUG, X86_DR, 0},
        {ZYDIS_REGCLASS_X87, X86_ST, 0},     {ZYDIS_REGCLASS_MMX, X86_MMX, 0},
        {ZYDIS_REGCLASS_XMM, X86_XMM, 0},    {ZYDIS_REGCLASS_YMM, X86_YMM, 0},
    };
    ZydisRegisterClass class = ZydisRegisterGetClass(reg);
    if (class == ZYDIS_REGCLASS_GPR8) {
        return same_byte_register(ours, reg);
    }
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (classes[i].class == class) {
            return ours->kind == classes[i].kind && ours->reg == id_of(reg) &&
                   (classes[i].width == 0 || ours->width == classes[i].width);
        }
    }
    return false;
}

/* A base or index register: number of a GPR (or of a vector register), -1: none. */
static int number_of(ZydisRegister reg)
{
    return reg == ZYDIS_REGISTER_NONE || reg == ZYDIS_REGISTER_RIP || reg == ZYDIS_REGISTER_EIP
               ? -1
               : id_of(reg);
}

static const char *compare_memory(const struct x86_insn *insn, const struct x86_operand *ours,
                                  const ZydisDecodedOperand *z)
{
    const struct x86_mem *mem = &insn->mem;
    if (ours->kind == X86_STRING_SOURCE || ours->kind == X86_STRING_TARGET) {
        bool source = ours->kind == X86_STRING_SOURCE;
        return number_of(z->mem.base) == (source ? X86_RSI : X86_RDI) &&
                       ours->reg == id_of(z->mem.segment)
                   ? NULL
                   : "string operand";
    }
    if (ours->kind != X86_MEM && ours->kind != X86_MOFFS) {
        return "not memory";
    }
    if (mem->base != number_of(z->mem.base) || mem->index != number_of(z->mem.index)) {
        return "base or index";
    }
    if (mem->index >= 0 && mem->scale != z->mem.scale) {
        return "scale";
    }
    int64_t disp = z->mem.disp.value;
    if (ours->kind == X86_MOFFS && insn->addrsize < 8) {
        disp &= insn->addrsize == 4 ? 0xffffffff : 0xffff;
    }
    if (mem->disp != disp) {
        return "displacement";
    }
    if (mem->rip != (z->mem.base == ZYDIS_REGISTER_RIP || z->mem.base == ZYDIS_REGISTER_EIP)) {
        return "rip";
    }
    if (mem->seg != id_of(z->mem.segment)) {
        return "segment";
    }
    return NULL;
}

static uint64_t masked(uint64_t value, unsigned bytes)
{
    return bytes >= 8 ? value : value & ((UINT64_C(1) << bytes * 8) - 1);
}

static const char *compare_operand(const struct x86_insn *insn, const struct x86_operand *ours,
                                   const ZydisDecodedOperand *z)
{
    const char *bad = NULL;
    switch (z->type) {
    case ZYDIS_OPERAND_TYPE_REGISTER:
        return same_register(ours, z->reg.value) ? NULL : "register";
    case ZYDIS_OPERAND_TYPE_MEMORY:
        bad = compare_memory(insn, ours, z);
        if (bad == NULL && z->mem.type != ZYDIS_MEMOP_TYPE_AGEN && ours->width != 0 &&
            ours->width * 8u != (insn->mem.vsib ? z->element_size : z->size)) {
            return "memory width";
        }
        return bad;
    case ZYDIS_OPERAND_TYPE_POINTER:
        return ours->kind == X86_FAR && insn->imm2 == z->ptr.segment &&
                       (uint64_t)insn->imm == z->ptr.offset
                   ? NULL
                   : "far pointer";
    case ZYDIS_OPERAND_TYPE_IMMEDIATE:
        if (ours->kind == X86_CONST_1) {
            return z->imm.value.u == 1 ? NULL : "constant";
        }
        if (ours->kind == X86_IMM2) {
            return insn->imm2 == z->imm.value.u ? NULL : "second immediate";
        }
        if ((ours->kind == X86_REL) != (z->imm.is_relative != 0) ||
            (ours->kind != X86_REL && ours->kind != X86_IMM)) {
            return "kind of immediate";
        }
        return masked((uint64_t)insn->imm, ours->width) == masked(z->imm.value.u, ours->width)
                   ? NULL
                   : "immediate";
    default:
        return "kind of operand";
    }
}

/* Read and written, conditionally or not; what neither is (an address, a hint) Zydis has no word
 * for. */
static bool same_access(const struct x86_operand *ours, const ZydisDecodedOperand *z)
{
    bool read = z->actions & ZYDIS_OPERAND_ACTION_MASK_READ;
    bool written = z->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE;
    return ours->access == 0 || (((ours->access & X86_READ) != 0) == read &&
                                 ((ours->access & X86_WRITE) != 0) == written);
}

/* ---- implicit general registers, as sets by number ---- */

static uint32_t registers_of_ours(const struct x86_insn *insn)
{
    uint32_t set = 0;
    for (unsigned i = 0; i < insn->operands_count; i++) {
        const struct x86_operand *op = &insn->operands[i];
        if (op->implicit && (op->kind == X86_GPR || op->kind == X86_GPR_HIGH)) {
            set |= 1u << op->reg;
        }
    }
    return set;
}

static uint32_t registers_of_zydis(const ZydisDecodedInstruction *z,
                                   const ZydisDecodedOperand *operands)
{
    uint32_t set = 0;
    for (unsigned i = z->operand_count_visible; i < z->operand_count; i++) {
        if (operands[i].type != ZYDIS_OPERAND_TYPE_REGISTER) {
            continue;
        }
        ZydisRegister reg = operands[i].reg.value;
        int id = id_of(reg);
        switch (ZydisRegisterGetClass(reg)) {
        case ZYDIS_REGCLASS_GPR8:
            id = reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH ? reg - ZYDIS_REGISTER_AH
                                                                      : reg - ZYDIS_REGISTER_AL;
            set |= 1u << id;
            break;
        case ZYDIS_REGCLASS_GPR16:
        case ZYDIS_REGCLASS_GPR32:
        case ZYDIS_REGCLASS_GPR64:
            set |= 1u << id;
            break;
        default:
            break;
        }
    }
    return set;
}

/* ---- the whole ---- */

/* Names of ours that are others in Zydis: conditions by their complement, one name for near and
 * far. */
static const char *their_name(const char *ours)
{
    static const char *const names[][2] = {
        {"jae", "jnb"},
        {"ja", "jnbe"},
        {"jge", "jnl"},
        {"jg", "jnle"},
        {"setae", "setnb"},
        {"seta", "setnbe"},
        {"setge", "setnl"},
        {"setg", "setnle"},
        {"cmovae", "cmovnb"},
        {"cmova", "cmovnbe"},
        {"cmovge", "cmovnl"},
        {"cmovg", "cmovnle"},
        {"call far", "call"},
        {"jmp far", "jmp"},
        {"retf", "ret"},
        {"feni", "feni8087_nop"},
        {"fdisi", "fdisi8087_nop"},
        {"fsetpm", "fsetpm287_nop"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(names[i][0], ours) == 0) {
            return names[i][1];
        }
    }
    return ours;
}

/* Flags that are compared: how the system's are read and written by interrupts and the like,
 * Zydis counts otherwise (RF, VM, half of IOPL). */
enum { FLAGS = X86_ARITH | X86_DF | X86_TF | X86_IF | X86_AC };

static const char *compare_flags(const struct x86_row *row, const ZydisDecodedInstruction *z)
{
    ZydisAccessedFlagsMask tested = 0, written = 0, undefined = 0;
    if (z->cpu_flags != NULL) {
        tested = z->cpu_flags->tested;
        undefined = z->cpu_flags->undefined;
        written = (z->cpu_flags->modified | z->cpu_flags->set_0 | z->cpu_flags->set_1) & ~undefined;
    }
    if ((row->flags_read ^ tested) & FLAGS) {
        return "flags read";
    }
    if ((row->flags_written ^ written) & FLAGS) {
        return "flags written";
    }
    return ((row->flags_undefined ^ undefined) & FLAGS) == 0 ? NULL : "flags undefined";
}

static const char *compare_decoded(struct zy_case *c)
{
    const struct x86_insn *insn = &c->insn;
    unsigned explicit_count = 0;
    for (; explicit_count < insn->operands_count && !insn->operands[explicit_count].implicit;
         explicit_count++) {
    }
    char name[X86_MNEMONIC_MAX];
    x86_format_mnemonic(insn, name, sizeof(name));
    if (strcmp(their_name(name), ZydisMnemonicGetString(c->z.mnemonic)) != 0) {
        return "mnemonic";
    }
    if (insn->length != c->z.length) {
        return "length";
    }
    unsigned visible = c->z.operand_count_visible;
    uint32_t attributes = x86_rows[insn->row].attributes;
    bool string = attributes & (X86_REP | X86_REPCC);
    if (string || (attributes & X86_HINT)) {
        visible = 0; /* Zydis hides those of strings, and some of hints */
    } else if (explicit_count != visible) {
        return "number of operands";
    }
    for (unsigned i = 0; i < visible; i++) {
        const char *bad = compare_operand(insn, &insn->operands[i], &c->operands[i]);
        if (bad != NULL) {
            return bad;
        }
        if (!same_access(&insn->operands[i], &c->operands[i])) {
            return "access";
        }
    }
    const char *bad = compare_flags(&x86_rows[insn->row], &c->z);
    if (bad != NULL) {
        return bad;
    }
    if (string) {
        return NULL; /* rCX counts with REP alone, and others are part of our operands */
    }
    return registers_of_ours(insn) == registers_of_zydis(&c->z, c->operands) ? NULL
                                                                             : "implicit registers";
}

/* ---- encode(decode(x)) decodes as x ---- */

static bool has_memory(const struct x86_insn *insn)
{
    for (unsigned i = 0; i < insn->operands_count; i++) {
        if (insn->operands[i].kind == X86_MEM || insn->operands[i].kind == X86_MOFFS) {
            return true;
        }
    }
    return false;
}

static bool same_meaning(const struct x86_insn *a, const struct x86_insn *b)
{
    const struct x86_mem *m = &a->mem, *n = &b->mem;
    if (a->row != b->row || a->opsize != b->opsize || a->addrsize != b->addrsize ||
        a->lock != b->lock || a->rep != b->rep || a->imm != b->imm || a->imm2 != b->imm2 ||
        a->operands_count != b->operands_count ||
        memcmp(a->operands, b->operands, sizeof(a->operands)) != 0) {
        return false;
    }
    return !has_memory(a) ||
           (m->base == n->base && m->index == n->index && (m->index < 0 || m->scale == n->scale) &&
            m->seg == n->seg && m->rip == n->rip && m->disp == n->disp);
}

static const char *round_trip(const struct x86_insn *insn)
{
    uint8_t bytes[X86_INSN_MAX];
    struct x86_insn again;
    int length = x86_encode(insn, bytes);
    if (length <= 0 || length > insn->length) {
        return "not encoded";
    }
    int back = x86_decode((enum x86_mode)insn->mode, bytes, (size_t)length, &again);
    return back == length && same_meaning(insn, &again) ? NULL : "encoded as another";
}

const char *zy_compare(struct zy_case *c)
{
    c->result = x86_decode(c->mode, c->bytes, c->size, &c->insn);
    c->z_status = ZydisDecoderDecodeFull(&decoders[c->mode], c->bytes, c->size, &c->z, c->operands);
    bool ours = c->result > 0;
    bool theirs = ZYAN_SUCCESS(c->z_status);
    if (ours != theirs) {
        return ours ? "only ours decodes" : "only Zydis decodes";
    }
    if (!ours) {
        return NULL;
    }
    const char *bad = round_trip(&c->insn);
    return bad != NULL ? bad : compare_decoded(c);
}

unsigned zy_decode_only(struct zy_case *c, bool zydis)
{
    if (zydis) {
        c->z_status =
            ZydisDecoderDecodeFull(&decoders[c->mode], c->bytes, c->size, &c->z, c->operands);
        return ZYAN_SUCCESS(c->z_status) ? c->z.length : 1;
    }
    c->result = x86_decode(c->mode, c->bytes, c->size, &c->insn);
    return c->result > 0 ? (unsigned)c->result : 1;
}

void zy_print(const struct zy_case *c, const char *what)
{
    static const char *const modes[] = {"16", "32", "64"};
    char text[X86_FORMAT_MAX] = "?";
    if (c->result > 0) {
        x86_format(&c->insn, 0, text, sizeof(text));
    }
    printf("%s bits:", modes[c->mode]);
    for (unsigned i = 0; i < c->size && i < 15; i++) {
        printf(" %02x", c->bytes[i]);
    }
    printf("\n  %s: ours %d %s", what, c->result, text);
    if (c->result > 0) {
        const struct x86_row *row = &x86_rows[c->insn.row];
        printf(" {r %x w %x u %x i %x}", row->flags_read, row->flags_written, row->flags_undefined,
               registers_of_ours(&c->insn));
    }
    if (!ZYAN_SUCCESS(c->z_status)) {
        printf("\n  Zydis: %x\n", (unsigned)c->z_status);
        return;
    }
    static ZydisFormatter formatter;
    ZydisFormatterInit(&formatter, ZYDIS_FORMATTER_STYLE_INTEL);
    ZydisFormatterFormatInstruction(&formatter, &c->z, c->operands, c->z.operand_count_visible,
                                    text, sizeof(text), 0, NULL);
    printf("\n  Zydis: %u %s (%s)", c->z.length, text, ZydisISAExtGetString(c->z.meta.isa_ext));
    if (c->z.cpu_flags != NULL) {
        printf(" {r %x m %x 0 %x 1 %x u %x i %x}", c->z.cpu_flags->tested, c->z.cpu_flags->modified,
               c->z.cpu_flags->set_0, c->z.cpu_flags->set_1, c->z.cpu_flags->undefined,
               registers_of_zydis(&c->z, c->operands));
    } else {
        printf(" {i %x}", registers_of_zydis(&c->z, c->operands));
    }
    for (unsigned i = 0; i < c->z.operand_count_visible; i++) {
        printf(" [%u %u %x]", c->operands[i].size, c->operands[i].element_size,
               c->operands[i].actions);
    }
    printf("\n");
}
