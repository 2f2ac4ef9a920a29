/*
 * Makes cases. Instructions are found by walking the opcode space and decoding; values are what
 * floating point and packed integers are interesting for.
 */
#include "vector_cases.h"

#include <string.h>

#include "x86/x86_decode.h"

uint64_t vector_random(struct vector_random *random)
{
    /* xorshift64* */
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(2685821657736338717);
}

static bool chance(struct vector_random *random, unsigned one_in)
{
    return (vector_random(random) >> 20) % one_in == 0;
}

static unsigned below(struct vector_random *random, unsigned limit)
{
    return (unsigned)((vector_random(random) >> 24) % limit);
}

/* ---- shapes: x87 (8 opcodes), legacy and VEX (3 maps, 4 prefixes, 256 opcodes, W, L) ---- */

enum { X87_SHAPES = 9, LEGACY_SHAPES = 3 * 4 * 256 * 2, VEX_SHAPES = 3 * 4 * 256 * 4 };

unsigned vector_shapes(void)
{
    return X87_SHAPES + LEGACY_SHAPES + VEX_SHAPES;
}

struct vector_shape vector_shape(unsigned number)
{
    struct vector_shape shape = {0};

    if (number < X87_SHAPES) {
        shape.opcode = number == 8 ? 0x9b : (uint8_t)(0xd8 + number); /* FWAIT */
        return shape;
    }
    number -= X87_SHAPES;
    shape.vex = number >= LEGACY_SHAPES;
    number -= shape.vex ? LEGACY_SHAPES : 0;
    shape.opcode = (uint8_t)number;
    number >>= 8;
    shape.prefix = number & 3;
    number >>= 2;
    shape.w = number & 1;
    number >>= 1;
    if (shape.vex) {
        shape.l = number & 1;
        number >>= 1;
    }
    shape.map = (uint8_t)(1 + number);
    return shape;
}

/* ---- instructions ---- */

static void put(struct vector_case *c, unsigned byte)
{
    c->bytes[c->size++] = (uint8_t)byte;
}

/* R, X, B as in REX. */
static void put_prefixes(struct vector_random *random, const struct vector_shape *shape,
                         struct vector_case *c, unsigned rxb)
{
    static const uint8_t mandatory[] = {0, 0x66, 0xf3, 0xf2};

    if (shape->vex) {
        unsigned vvvv = chance(random, 3) ? 0 : below(random, c->mode == X86_MODE_64 ? 16 : 8);

        put(c, 0xc4);
        put(c, (~rxb & 7u) << 5 | shape->map);
        put(c,
            (unsigned)shape->w << 7 | (~vvvv & 15) << 3 | (unsigned)shape->l << 2 | shape->prefix);
        return;
    }
    if (shape->prefix != 0) {
        put(c, mandatory[shape->prefix]);
    }
    if (shape->w || rxb != 0) {
        put(c, 0x40u | (unsigned)shape->w << 3 | rxb);
    }
    if (shape->map != 0) {
        put(c, 0x0f);
    }
    if (shape->map >= 2) {
        put(c, shape->map == 2 ? 0x38 : 0x3a);
    }
}

static bool is_whole_state(uint16_t op)
{
    return op == X86_OP_XRSTOR || op == X86_OP_XSAVE || op == X86_OP_XSAVEC ||
           op == X86_OP_XSAVEOPT;
}

static bool is_tested(const struct x86_insn *insn)
{
    const struct x86_row *row = &x86_rows[insn->row];

    /* Which of this CPU's states there are, rAX says, which must not be an address then. */
    if (is_whole_state(row->op) || row->op == X86_OP_FXRSTOR) {
        return insn->mem.base != X86_RAX && insn->mem.index < 0;
    }
    return (row->attributes & (X86_FPU | X86_SIMD)) != 0 || row->op == X86_OP_FXSAVE;
}

bool vector_instruction(struct vector_random *random, const struct vector_shape *shape,
                        struct vector_case *c)
{
    unsigned modrm = below(random, 256), rxb = 0;
    int length;

    if (c->mode == X86_MODE_64) {
        rxb = shape->map == 0 ? 0 : below(random, 8);
    } else if (shape->w && !shape->vex) {
        return false;
    }
    memset(c->bytes, 0, sizeof(c->bytes));
    c->size = 0;
    put_prefixes(random, shape, c, rxb);
    put(c, shape->opcode);
    if (modrm < 0xc0) {
        modrm = (modrm & 0x38) | (chance(random, 3) ? 0x40 : 0x80) | (modrm & 7);
    }
    put(c, modrm);
    if (modrm < 0xc0 && (modrm & 7) == 4) {
        put(c, below(random, 256)); /* SIB */
    }
    for (unsigned i = 0; i < 5; i++) {
        c->bytes[c->size + i] = (uint8_t)below(random, 256);
    }
    length = x86_decode(c->mode, c->bytes, sizeof(c->bytes), &c->insn);
    if (length <= 0) {
        return false;
    }
    c->size = (unsigned)length;
    return is_tested(&c->insn);
}

/* ---- values ---- */

static uint32_t single(struct vector_random *random)
{
    static const uint32_t some[] = {
        0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fa00001, 0xffa12345,
        1,          0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff, 0x3f800000, 0xbf800000,
        0x3f000000, 0x4f000000, 0xcf000000, 0x4effffff, 0x33800000, 0x40490fdb, 0x5f000000,
    };

    if (chance(random, 2)) {
        return some[below(random, sizeof(some) / sizeof(some[0]))];
    }
    return chance(random, 2)
               ? (uint32_t)vector_random(random)
               : 0x3e000000 + (uint32_t)(vector_random(random) >> 38) + (below(random, 2) << 31);
}

static uint64_t twice(struct vector_random *random)
{
    static const uint64_t some[] = {
        0,
        UINT64_C(0x8000000000000000),
        UINT64_C(0x7ff0000000000000),
        UINT64_C(0xfff0000000000000),
        UINT64_C(0x7ff8000000000000),
        UINT64_C(0x7ff4000000000001),
        1,
        UINT64_C(0x800fffffffffffff),
        UINT64_C(0x0010000000000000),
        UINT64_C(0x7fefffffffffffff),
        UINT64_C(0x3ff0000000000000),
        UINT64_C(0xbff0000000000000),
        UINT64_C(0x41dfffffffc00000),
        UINT64_C(0x43e0000000000000),
        UINT64_C(0xc3e0000000000000),
        UINT64_C(0x3fe0000000000000),
        UINT64_C(0x36a0000000000000),
        UINT64_C(0x47efffffe0000000),
        UINT64_C(0x3ca0000000000000),
    };

    if (chance(random, 2)) {
        return some[below(random, sizeof(some) / sizeof(some[0]))];
    }
    return chance(random, 2) ? vector_random(random)
                             : UINT64_C(0x3fd0000000000000) + (vector_random(random) >> 9) +
                                   ((uint64_t)below(random, 2) << 63);
}

static void fill(struct vector_random *random, uint8_t *bytes, unsigned size)
{
    unsigned kind = below(random, 5);

    for (unsigned i = 0; i < size; i += 8) {
        uint64_t value = vector_random(random);

        switch (kind) {
        case 0:
            value = single(random) | (uint64_t)single(random) << 32;
            break;
        case 1:
            value = twice(random);
            break;
        case 2:
            value &= UINT64_C(0x0303030303030303);
            break;
        default:
            break;
        }
        memcpy(bytes + i, &value, 8);
    }
}

/* A register of 80 bits. */
static void fill_st(struct vector_random *random, uint8_t *st)
{
    static const struct {
        uint16_t exponent;
        uint64_t significand;
    } some[] = {
        {0, 0},
        {0x8000, 0},
        {0x7fff, UINT64_C(0x8000000000000000)},
        {0xffff, UINT64_C(0x8000000000000000)},
        {0x7fff, UINT64_C(0xc000000000000000)},
        {0x7fff, UINT64_C(0xa000000000000001)},
        {0, 1},
        {0, UINT64_C(0x8000000000000000)},      /* pseudo-denormal */
        {0x3fff, UINT64_C(0x4000000000000000)}, /* unnormal */
        {0x7fff, 0},                            /* pseudo-infinity */
        {0x3fff, UINT64_C(0x8000000000000000)},
        {0xbfff, UINT64_C(0x8000000000000000)},
        {0x7ffe, UINT64_C(0xffffffffffffffff)},
        {1, UINT64_C(0x8000000000000000)},
        {0x403e, UINT64_C(0x8000000000000000)},
        {0x400e, UINT64_C(0xffff000000000000)},
        {0x4000, UINT64_C(0xc90fdaa22168c235)},
    };
    uint16_t exponent;
    uint64_t significand;

    if (chance(random, 2)) {
        unsigned i = below(random, sizeof(some) / sizeof(some[0]));

        exponent = some[i].exponent;
        significand = some[i].significand;
    } else {
        exponent = (uint16_t)(0x3fff - 40 + below(random, 100) + (below(random, 2) << 15));
        significand = vector_random(random) | UINT64_C(0x8000000000000000);
        if (chance(random, 3)) {
            significand &= UINT64_MAX << below(random, 64);
        }
    }
    memset(st, 0, 16);
    memcpy(st, &significand, 8);
    memcpy(st + 8, &exponent, 2);
}

static void fill_x87(struct vector_random *random, uint8_t *image)
{
    uint16_t control = 0x37f, status = (uint16_t)(vector_random(random) & 0x477f);
    uint8_t tags = (uint8_t)(vector_random(random) | vector_random(random));

    memset(image, 0, 24);
    if (chance(random, 2)) {
        control = (uint16_t)(0x40 | (vector_random(random) & 0xf3f));
        control |= chance(random, 2) ? 0x3f : 0;
    }
    status |= (uint16_t)(below(random, 8) << 11);
    status &= chance(random, 2) ? (uint16_t)~0x7f : 0xffff;
    if (status & ~control & 0x3f) {
        status |= 0x8080;
    }
    tags = chance(random, 3) ? 0xff : tags;
    memcpy(image, &control, 2);
    memcpy(image + 2, &status, 2);
    image[4] = tags;
    for (unsigned i = 0; i < 8; i++) {
        fill_st(random, image + 32 + i * 16);
    }
}

static void fill_xsave(struct vector_random *random, uint8_t *xsave)
{
    uint32_t mxcsr = 0x1f80, mask = 0xffff;
    uint64_t components = 7;

    memset(xsave, 0, NATIVE_XSAVE);
    fill_x87(random, xsave);
    if (chance(random, 2)) {
        mxcsr = (uint32_t)vector_random(random) & 0xffff;
        mxcsr |= chance(random, 2) ? 0x1f80 : 0;
    }
    memcpy(xsave + 24, &mxcsr, 4);
    memcpy(xsave + 28, &mask, 4);
    for (unsigned i = 0; i < 16; i++) {
        fill(random, xsave + 160 + i * 16, 16);
        fill(random, xsave + 576 + i * 16, 16);
    }
    memcpy(xsave + 512, &components, 8);
}

/* ---- operands ---- */

/* Where a memory operand lies: mostly aligned, at times across the pages or over their end. */
static uint64_t pick_address(struct vector_random *random, unsigned width)
{
    uint64_t address = VECTOR_MEMORY_ADDRESS + 64 * (1 + below(random, 40));

    switch (below(random, 10)) {
    case 0:
        return address + below(random, 64);
    case 1:
        return VECTOR_MEMORY_ADDRESS + VECTOR_MEMORY_SIZE / 2 - below(random, width + 1);
    case 2:
        return chance(random, 3) ? VECTOR_MEMORY_ADDRESS + VECTOR_MEMORY_SIZE - below(random, width)
                                 : address;
    default:
        return address;
    }
}

static void fill_indexes(struct vector_random *random, struct vector_case *c)
{
    unsigned number = (unsigned)c->insn.mem.index;

    for (unsigned half = 0; half < 2; half++) {
        uint8_t *bytes = c->state.xsave + (half ? 576 : 160) + number * 16;

        for (unsigned i = 0; i < 4; i++) {
            int32_t small = (int32_t)below(random, 400) - 100;

            if ((c->insn.opcode & 1) && (i & 1)) {
                int32_t previous;

                memcpy(&previous, bytes + i * 4 - 4, 4);
                small = previous < 0 ? -1 : 0;
            }
            if (chance(random, 40)) {
                small = 0x40000000;
            }
            memcpy(bytes + i * 4, &small, 4);
        }
    }
}

/* Registers of the address such that it is the one that was picked. */
static void aim(struct vector_random *random, struct vector_case *c, unsigned width)
{
    const struct x86_mem *mem = &c->insn.mem;
    uint64_t address = pick_address(random, width);

    if (mem->vsib) {
        fill_indexes(random, c);
    } else if (mem->index >= 0) {
        c->state.gpr[mem->index] = mem->index == mem->base ? 0 : below(random, 64) * 8;
        if (mem->index == mem->base) {
            c->state.gpr[mem->base] = (address - (uint64_t)mem->disp) / (1u + mem->scale);
            return;
        }
        address -= c->state.gpr[mem->index] * mem->scale;
    }
    if (mem->base >= 0) {
        c->state.gpr[mem->base] = address - (uint64_t)mem->disp;
    }
}

/* An image for FXRSTOR, XRSTOR, FRSTOR and FLDENV where the operand lies. */
static void fill_image(struct vector_random *random, struct vector_case *c, uint64_t address)
{
    uint64_t at = address - VECTOR_MEMORY_ADDRESS;
    uint8_t image[NATIVE_XSAVE];
    uint64_t header[2] = {vector_random(random) & 7, 0};
    uint16_t op = x86_rows[c->insn.row].op;

    if (at + NATIVE_XSAVE > VECTOR_MEMORY_SIZE) {
        return;
    }
    if (op == X86_OP_FRSTOR || op == X86_OP_FLDENV) {
        uint32_t control = 0x40 | (uint32_t)(vector_random(random) & 0xf3f);

        memcpy(c->memory + at, &control, 4);
        return;
    }
    fill_xsave(random, image);
    if (chance(random, 2)) {
        header[1] = UINT64_C(0x8000000000000000) | 7;
    }
    if (chance(random, 20)) {
        header[below(random, 2)] = vector_random(random);
    }
    memcpy(image + 512, header, sizeof(header));
    memcpy(c->memory + at, image, sizeof(image));
}

void vector_operands(struct vector_random *random, struct vector_case *c)
{
    uint16_t op = x86_rows[c->insn.row].op;
    unsigned width = 0;

    for (unsigned i = 0; i < 16; i++) {
        c->state.gpr[i] = chance(random, 2) ? vector_random(random) : below(random, 20);
    }
    c->state.rflags = 0x202 | (vector_random(random) & 0x8d5);
    c->state.cs = c->mode == X86_MODE_64 ? 0 : 0x23;
    c->state.ss = 0x2b;
    fill_xsave(random, c->state.xsave);
    for (unsigned i = 0; i < VECTOR_MEMORY_SIZE; i += 32) {
        fill(random, c->memory + i, 32);
    }
    for (unsigned i = 0; i < c->insn.operands_count; i++) {
        if (c->insn.operands[i].kind == X86_MEM) {
            width = c->insn.operands[i].width != 0 ? c->insn.operands[i].width : 108;
            if (c->insn.operands[i].field == X86_FIELD_NONE) {
                c->state.gpr[X86_RDI] = pick_address(random, 16);
            } else {
                aim(random, c, width);
            }
        }
    }
    if (is_whole_state(op) || op == X86_OP_FXRSTOR || op == X86_OP_FRSTOR || op == X86_OP_FLDENV) {
        const struct x86_mem *mem = &c->insn.mem;

        if (mem->base >= 0 && mem->index < 0) {
            c->state.gpr[mem->base] =
                VECTOR_MEMORY_ADDRESS + 64u * (1 + below(random, 40)) - (uint64_t)mem->disp;
            fill_image(random, c, c->state.gpr[mem->base] + (uint64_t)mem->disp);
        }
        if (is_whole_state(op)) {
            c->state.gpr[X86_RAX] = vector_random(random) & 7;
        }
    }
    for (unsigned i = 0; i < 16 && c->mode != X86_MODE_64; i++) {
        c->state.gpr[i] = i < 8 ? (uint32_t)c->state.gpr[i] : 0;
    }
    if (op == X86_OP_LDMXCSR || op == X86_OP_VLDMXCSR) {
        for (unsigned i = 0; i < VECTOR_MEMORY_SIZE; i += 4) {
            memset(c->memory + i + 2, chance(random, 20) ? 1 : 0, 2);
        }
    }
}
