/* The emitter. x86_build tries the rows of an op with each operand size that their widths allow;
 * whether an attempt is an encoding at all is x86_encode's to say. */
#include "x86/x86_emit.h"

#include "base/assert.h"
#include "base/err.h"
#include "base/memops.h"
#include "x86/x86_encode.h"
#include "x86/x86_tables_priv.h"

enum { REL32 = 4 };

static unsigned spec_width(enum x86_width width, enum x86_mode mode, unsigned size, bool vex_l)
{
    unsigned index = size;
    if (width >= X86_WIDTH_BY_LENGTH) {
        index = vex_l;
    } else if (width >= X86_WIDTH_BY_ADDRESS) {
        index = (unsigned)mode;
    } else if (width >= X86_WIDTH_BY_MODE) {
        index = mode == X86_MODE_64 ? 2 : 1;
    }
    return x86_widths[width][index];
}

static bool is_immediate(enum x86_how how)
{
    return how >= X86_HOW_IMM8 && how <= X86_HOW_RELZ;
}

/* Puts an argument into the place of a spec; false: it cannot be that operand. */
static bool take(const struct x86_spec *spec, const struct x86_arg *arg, unsigned width,
                 unsigned mem_width, struct x86_insn *insn, struct x86_operand *operand)
{
    *operand = arg->operand;
    if (is_immediate((enum x86_how)spec->how)) {
        bool relative = spec->how == X86_HOW_REL8 || spec->how == X86_HOW_RELZ;
        if (arg->operand.kind != X86_IMM && !(relative && arg->operand.kind == X86_REL)) {
            return false;
        }
        operand->kind = relative ? X86_REL : spec->how == X86_HOW_IMM8_SECOND ? X86_IMM2 : X86_IMM;
        operand->width = (uint8_t)width;
        if (spec->how == X86_HOW_IMM8_SECOND) {
            insn->imm2 = (uint64_t)arg->imm;
        } else {
            insn->imm = arg->imm;
        }
        return true;
    }
    if (spec->how == X86_HOW_ONE) {
        operand->kind = X86_CONST_1;
        operand->width = (uint8_t)width;
        return arg->operand.kind == X86_IMM && arg->imm == 1;
    }
    if (arg->operand.kind == X86_MEM) {
        insn->mem = arg->mem;
        return (spec->how == X86_HOW_RM || spec->how == X86_HOW_VSIB) &&
               arg->operand.width == mem_width;
    }
    return arg->operand.kind != X86_IMM && arg->operand.width == width;
}

/* Fills *insn in as an instance of the row with this operand size (index 0 to 2). */
static bool make(enum x86_mode mode, uint16_t row, unsigned size, const struct x86_arg *args,
                 unsigned count, struct x86_insn *insn)
{
    const struct x86_encoding *encoding = &x86_encodings[row];
    memset(insn, 0, sizeof(*insn));
    insn->row = row;
    insn->mode = (uint8_t)mode;
    insn->opsize = (uint8_t)(2 << size);
    insn->addrsize = (uint8_t)(2 << mode);
    insn->seg_override = X86_SEG_NONE;
    insn->mem.base = -1;
    insn->mem.index = -1;
    insn->vex_l = encoding->flags & X86_ENC_L1;
    for (unsigned i = 0; i < count; i++) {
        insn->vex_l |= args[i].operand.kind == X86_YMM;
    }
    unsigned i = 0;
    for (; i < encoding->count && !x86_specs[encoding->specs[i]].implicit; i++) {
        const struct x86_spec *spec = &x86_specs[encoding->specs[i]];
        if (i >= count ||
            !take(spec, &args[i], spec_width(spec->width, mode, size, insn->vex_l),
                  spec_width(spec->mem_width, mode, size, insn->vex_l), insn, &insn->operands[i])) {
            return false;
        }
    }
    insn->operands_count = (uint8_t)i;
    return i == count;
}

int x86_build(enum x86_mode mode, uint16_t op, const struct x86_arg *args, unsigned count,
              struct x86_insn *ret_insn)
{
    int best = -ST_EINVAL;
    if (op == X86_OP_NONE || op >= X86_OPS) {
        return best;
    }
    for (uint16_t row = x86_op_rows[op]; row < x86_op_rows[op + 1]; row++) {
        for (unsigned size = 0; size < 3; size++) {
            struct x86_insn insn;
            uint8_t bytes[X86_INSN_MAX];
            if (!make(mode, row, size, args, count, &insn)) {
                continue;
            }
            int length = x86_encode(&insn, bytes);
            if (length > 0 && (best < 0 || length < best)) {
                best = length;
                insn.length = (uint8_t)length;
                *ret_insn = insn;
            }
        }
    }
    return best;
}

int x86_emit(struct x86_buffer *buffer, const struct x86_insn *insn)
{
    uint8_t bytes[X86_INSN_MAX];
    int length = x86_encode(insn, bytes);
    if (length < 0) {
        return length;
    }
    if (buffer->full || buffer->size - buffer->used < (unsigned)length) {
        buffer->full = true;
        return -ST_ENOMEM;
    }
    memcpy(buffer->bytes + buffer->used, bytes, (size_t)length);
    buffer->used += (unsigned)length;
    return length;
}

int x86_emit_op(struct x86_buffer *buffer, uint16_t op, const struct x86_arg *args, unsigned count)
{
    struct x86_insn insn;
    int r = x86_build(X86_MODE_64, op, args, count, &insn);
    return r < 0 ? r : x86_emit(buffer, &insn);
}

static void write32(struct x86_buffer *buffer, uint32_t at, uint32_t value)
{
    memcpy(buffer->bytes + at, &value, sizeof(value));
}

int x86_emit_branch(struct x86_buffer *buffer, uint16_t op, struct x86_label *label)
{
    struct x86_arg target = {.operand = {.kind = X86_REL}, .imm = INT32_MAX};
    struct x86_insn insn;
    int length = x86_build(X86_MODE_64, op, &target, 1, &insn);
    if (length > 0 && label->bound) {
        struct x86_insn shorter;
        int64_t offset = (int64_t)label->at - buffer->used;
        target.imm = offset - 2;
        int r = x86_build(X86_MODE_64, op, &target, 1, &shorter);
        if (r == 2) {
            return x86_emit(buffer, &shorter);
        }
        insn.imm = offset - length;
    }
    int r = length < 0 ? length : x86_emit(buffer, &insn);
    if (r > 0 && !label->bound) {
        uint32_t field = buffer->used - REL32;
        write32(buffer, field, label->last);
        label->last = field + 1;
    }
    return r;
}

void x86_bind(struct x86_buffer *buffer, struct x86_label *label)
{
    ST_ASSERT(!label->bound);
    label->bound = true;
    label->at = buffer->used;
    while (label->last != 0) {
        uint32_t field = label->last - 1;
        memcpy(&label->last, buffer->bytes + field, sizeof(label->last));
        write32(buffer, field, label->at - (field + REL32));
    }
}
