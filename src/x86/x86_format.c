/* The disassembler. Every piece of text goes through `struct text`, which cuts off at its end. */
#include "x86/x86_format.h"

#include "x86/x86_tables_priv.h"

struct text {
    char *at;
    size_t left; /* the NUL included */
    size_t length;
};

static void put(struct text *t, const char *string)
{
    for (; *string != 0; string++) {
        if (t->left > 1) {
            *t->at++ = *string;
            t->left--;
            t->length++;
        }
    }
    if (t->left > 0) {
        *t->at = 0;
    }
}

static void put_hex(struct text *t, uint64_t value)
{
    char digits[19];
    char *at = digits + sizeof(digits) - 1;
    *at = 0;
    do {
        *--at = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    *--at = 'x';
    *--at = '0';
    put(t, at);
}

static void put_number(struct text *t, unsigned value)
{
    char digits[4] = {(char)('0' + value / 10), (char)('0' + value % 10), 0, 0};
    put(t, value >= 10 ? digits : digits + 1);
}

/* Signed, for displacements and immediates of `width` bytes. */
static void put_signed(struct text *t, int64_t value, bool plus)
{
    if (value < 0) {
        put(t, "-");
        put_hex(t, 0 - (uint64_t)value);
    } else {
        put(t, plus ? "+" : "");
        put_hex(t, (uint64_t)value);
    }
}

static uint64_t mask_of(unsigned bytes)
{
    return bytes >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
}

static void put_gpr(struct text *t, unsigned reg, unsigned width)
{
    static const char old[8][4] = {"ax", "cx", "dx", "bx", "sp", "bp", "si", "di"};
    static const char bytes[8][4] = {"al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil"};
    if (reg >= 8) {
        put(t, "r");
        put_number(t, reg);
        put(t, width == 1 ? "b" : width == 2 ? "w" : width == 4 ? "d" : "");
        return;
    }
    if (width == 1) {
        put(t, bytes[reg]);
        return;
    }
    put(t, width == 8 ? "r" : width == 4 ? "e" : "");
    put(t, old[reg]);
}

static const char segments[8][4] = {"es", "cs", "ss", "ds", "fs", "gs", "", ""};

static void put_register(struct text *t, const struct x86_operand *op)
{
    static const char high[4][4] = {"ah", "ch", "dh", "bh"};
    static const struct {
        uint8_t kind;
        char name[5];
    } classes[] = {
        {X86_CR, "cr"}, {X86_DR, "dr"}, {X86_MMX, "mm"}, {X86_XMM, "xmm"}, {X86_YMM, "ymm"}};
    switch (op->kind) {
    case X86_GPR:
        put_gpr(t, op->reg, op->width);
        return;
    case X86_GPR_HIGH:
        put(t, high[op->reg & 3]);
        return;
    case X86_SEG:
        put(t, segments[op->reg & 7]);
        return;
    case X86_ST:
        put(t, "st");
        if (op->reg != 0) {
            put(t, "(");
            put_number(t, op->reg);
            put(t, ")");
        }
        return;
    default:
        break;
    }
    for (unsigned i = 0; i < ST_COUNT(classes); i++) {
        if (classes[i].kind == op->kind) {
            put(t, classes[i].name);
            put_number(t, op->reg);
        }
    }
}

static void put_size(struct text *t, unsigned width)
{
    static const struct {
        uint8_t width;
        char name[16];
    } names[] = {{1, "byte"},  {2, "word"},   {4, "dword"},    {6, "fword"},
                 {8, "qword"}, {10, "tbyte"}, {16, "xmmword"}, {32, "ymmword"}};
    for (unsigned i = 0; i < ST_COUNT(names); i++) {
        if (names[i].width == width) {
            put(t, names[i].name);
            put(t, " ptr ");
        }
    }
}

static void put_memory(struct text *t, const struct x86_insn *insn, const struct x86_operand *op,
                       uint64_t next)
{
    const struct x86_mem *mem = &insn->mem;
    put_size(t, op->width);
    if (insn->seg_override != X86_SEG_NONE) {
        put(t, segments[mem->seg & 7]);
        put(t, ":");
    }
    put(t, "[");
    bool first = true;
    if (mem->rip) {
        put(t, insn->addrsize == 8 ? "rip" : "eip");
        first = false;
    }
    if (mem->base >= 0) {
        put_gpr(t, (unsigned)mem->base, insn->addrsize);
        first = false;
    }
    if (mem->index >= 0) {
        put(t, first ? "" : "+");
        if (mem->vsib) {
            struct x86_operand index = {.kind = insn->operands[0].kind, .reg = (uint8_t)mem->index};
            put_register(t, &index);
        } else {
            put_gpr(t, (unsigned)mem->index, insn->addrsize);
        }
        if (mem->scale > 1) {
            put(t, "*");
            put_number(t, mem->scale);
        }
        first = false;
    }
    if (first) {
        put_hex(t, (uint64_t)mem->disp & mask_of(insn->addrsize));
    } else if (mem->disp != 0) {
        put_signed(t, mem->disp, true);
    }
    put(t, "]");
    if (mem->rip) {
        put(t, " ; ");
        put_hex(t, (next + (uint64_t)mem->disp) & mask_of(insn->addrsize));
    }
}

static void put_operand(struct text *t, const struct x86_insn *insn, const struct x86_operand *op,
                        uint64_t next)
{
    switch ((enum x86_kind)op->kind) {
    case X86_MEM:
    case X86_MOFFS:
        put_memory(t, insn, op, next);
        break;
    case X86_STRING_SOURCE:
    case X86_STRING_TARGET:
        put_size(t, op->width);
        put(t, segments[op->reg & 7]);
        put(t, ":[");
        put_gpr(t, op->kind == X86_STRING_SOURCE ? X86_RSI : X86_RDI, insn->addrsize);
        put(t, "]");
        break;
    case X86_IMM:
        put_hex(t, (uint64_t)insn->imm & mask_of(op->width));
        break;
    case X86_IMM2:
        put_hex(t, insn->imm2);
        break;
    case X86_REL:
        put_hex(t, (next + (uint64_t)insn->imm) & mask_of(insn->opsize));
        break;
    case X86_FAR:
        put_hex(t, insn->imm2);
        put(t, ":");
        put_hex(t, (uint64_t)insn->imm);
        break;
    case X86_CONST_1:
        put(t, "1");
        break;
    case X86_NONE:
    case X86_STACK:
        break;
    case X86_GPR:
    case X86_GPR_HIGH:
    case X86_SEG:
    case X86_CR:
    case X86_DR:
    case X86_ST:
    case X86_MMX:
    case X86_XMM:
    case X86_YMM:
        put_register(t, op);
        break;
    }
}

/* The letter that a mnemonic takes for its size, "" for most. */
static const char *size_suffix(const struct x86_insn *insn)
{
    unsigned size = insn->opsize;
    switch (x86_rows[insn->row].op) {
    case X86_OP_MOVS:
    case X86_OP_CMPS:
    case X86_OP_SCAS:
    case X86_OP_LODS:
    case X86_OP_STOS:
    case X86_OP_INS:
        size = insn->operands[0].width;
        return size == 1 ? "b" : size == 2 ? "w" : size == 4 ? "d" : "q";
    case X86_OP_OUTS:
        size = insn->operands[1].width;
        return size == 1 ? "b" : size == 2 ? "w" : "d";
    case X86_OP_IRET:
    case X86_OP_PUSHF:
    case X86_OP_POPF:
    case X86_OP_PUSHA:
    case X86_OP_POPA:
        return size == 2 ? "" : size == 4 ? "d" : "q";
    case X86_OP_FXSAVE:
    case X86_OP_FXRSTOR:
    case X86_OP_XSAVE:
    case X86_OP_XRSTOR:
    case X86_OP_XSAVEOPT:
    case X86_OP_XSAVEC:
    case X86_OP_XSAVES:
    case X86_OP_XRSTORS:
        return size == 8 ? "64" : "";
    default:
        return "";
    }
}

static void put_mnemonic(struct text *t, const struct x86_insn *insn)
{
    uint16_t op = x86_rows[insn->row].op;
    if (op == X86_OP_CALLF || op == X86_OP_JMPF) {
        put(t, op == X86_OP_CALLF ? "call far" : "jmp far");
        return;
    }
    put(t, x86_op_name(op));
    put(t, size_suffix(insn));
}

void x86_format_mnemonic(const struct x86_insn *insn, char *ret_text, size_t size)
{
    struct text t = {.at = ret_text, .left = size};
    put_mnemonic(&t, insn);
}

static void put_prefixes(struct text *t, const struct x86_insn *insn)
{
    uint32_t attributes = x86_rows[insn->row].attributes;
    if (insn->lock) {
        put(t, "lock ");
    }
    if ((attributes & (X86_REP | X86_REPCC)) && insn->rep != 0) {
        put(t, insn->rep == 0xf2 ? "repne " : attributes & X86_REP ? "rep " : "repe ");
    }
}

size_t x86_format(const struct x86_insn *insn, uint64_t address, char *ret_text, size_t size)
{
    struct text t = {.at = ret_text, .left = size};
    if (insn->row == 0 || insn->row >= x86_rows_count) {
        put(&t, "(bad)");
        return t.length;
    }
    put_prefixes(&t, insn);
    put_mnemonic(&t, insn);
    const char *between = " ";
    for (unsigned i = 0; i < insn->operands_count && !insn->operands[i].implicit; i++) {
        put(&t, between);
        put_operand(&t, insn, &insn->operands[i], address + insn->length);
        between = ", ";
    }
    return t.length;
}
