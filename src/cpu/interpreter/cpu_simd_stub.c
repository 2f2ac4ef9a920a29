/*
 * Makes stubs and keeps them: code memory that is filled from its start, and an open-addressed hash
 * of keys beside it.
 */
#include "cpu/interpreter/cpu_simd_stub.h"

#include "base/assert.h"
#include "base/memops.h"

enum {
    STUBS_MAX = 4096,
    SLOTS = STUBS_MAX * 2,
    STUB_BYTES = 192, /* none is longer */
    CODE_BYTES = STUBS_MAX * 64,
};

/* Host register numbers of the fields, and of the pointers to their storage. */
enum { HOST_REG = 1, HOST_RM = 2, HOST_VVVV = 3, HOST_IS4 = 4 };
enum { RAX = 0, RCX = 1, RDX = 2, RSI = 6, RDI = 7, R8 = 8 };

struct cpu_stubs {
    struct plat_code code;
    uint32_t used, count;
    bool recycled; /* code memory holds what was run before */
    struct {
        uint64_t key; /* of struct cpu_stub_key; 0: free (no key is all zero) */
        uint32_t place;
    } slots[SLOTS];
};

/* ---- bytes ---- */

struct emitter {
    uint8_t bytes[STUB_BYTES];
    unsigned size;
    uint8_t encoding;
    bool wide; /* uses ymm registers */
};

static void put(struct emitter *e, unsigned byte)
{
    ST_ASSERT(e->size < STUB_BYTES);
    e->bytes[e->size++] = (uint8_t)byte;
}

static void put_bytes(struct emitter *e, const uint8_t *bytes, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        put(e, bytes[i]);
    }
}
#define PUT(e, ...)                                                                                \
    do {                                                                                           \
        static const uint8_t put_these[] = {__VA_ARGS__};                                          \
        put_bytes(e, put_these, sizeof(put_these));                                                \
    } while (0)

/* movups or vmovups between a vector register and (pointer): opcode 10 loads, 11 stores. */
static void put_vector(struct emitter *e, unsigned opcode, bool ymm, unsigned number,
                       unsigned pointer)
{
    if (e->encoding & CPU_STUB_VEX) {
        put(e, 0xc5);
        put(e, ymm ? 0xfc : 0xf8);
        e->wide |= ymm;
    } else {
        put(e, 0x0f);
    }
    put(e, opcode);
    put(e, number << 3 | pointer);
}

/* 64-bit mov between eax and (pointer): 8b loads, 89 stores. */
static void put_rax(struct emitter *e, unsigned opcode, unsigned pointer)
{
    put(e, 0x48);
    put(e, opcode);
    put(e, RAX << 3 | pointer);
}

static void put_load(struct emitter *e, unsigned field, unsigned number, unsigned pointer)
{
    unsigned class = field & 7;

    if (!(field & CPU_STUB_LOAD)) {
        return;
    }
    if (class == CPU_STUB_XMM || class == CPU_STUB_YMM) {
        put_vector(e, 0x10, class == CPU_STUB_YMM, number, pointer);
    } else if (class == CPU_STUB_GPR) {
        put_rax(e, 0x8b, pointer);
    }
}

/* An instruction with VEX clears what is above what it writes: all 256 bits are stored. The upper
 * half of a register that a 128-bit instruction wrote is zero. */
static void put_store(struct emitter *e, unsigned field, unsigned number, unsigned pointer)
{
    unsigned class = field & 7;

    if (!(field & CPU_STUB_STORE)) {
        return;
    }
    if (class == CPU_STUB_XMM || class == CPU_STUB_YMM) {
        bool wide = e->wide;

        put_vector(e, 0x11, true, number, pointer);
        e->wide = wide || class == CPU_STUB_YMM;
    } else if (class == CPU_STUB_GPR) {
        put_rax(e, 0x89, pointer);
    }
}

static unsigned renamed(unsigned field, unsigned number)
{
    unsigned class = field & 7;

    if (class == CPU_STUB_XMM || class == CPU_STUB_YMM) {
        return number;
    }
    return 0; /* eax, or in the key's ModRM */
}

static void put_opcode(struct emitter *e, const struct cpu_stub_key *key)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xf3, 0xf2};
    unsigned map = key->encoding & CPU_STUB_MAP;
    unsigned prefix = (key->encoding & CPU_STUB_PREFIX) >> CPU_STUB_PREFIX_SHIFT;
    unsigned w = (key->encoding & CPU_STUB_W) ? 1 : 0;

    if (key->encoding & CPU_STUB_VEX) {
        unsigned vvvv = (key->vvvv & 7) != CPU_STUB_NONE ? HOST_VVVV : 0;
        unsigned l = (key->encoding & CPU_STUB_L) ? 1 : 0;

        put(e, 0xc4);
        put(e, 0xe0 | map);
        put(e, w << 7 | (~vvvv & 15) << 3 | l << 2 | prefix);
    } else {
        if (map != 0 && prefix != 0) {
            put(e, prefixes[prefix]);
        }
        if (w) {
            put(e, 0x48);
        }
        if (map != 0) {
            put(e, 0x0f);
        }
        if (map >= 2) {
            put(e, map == 2 ? 0x38 : 0x3a);
        }
    }
    put(e, key->opcode);
}

static void put_instruction(struct emitter *e, const struct cpu_stub_key *key)
{
    unsigned modrm = key->modrm | renamed(key->reg, HOST_REG) << 3;

    if ((key->rm & 7) == CPU_STUB_MEMORY) {
        modrm |= RSI;
    } else {
        modrm |= 0xc0 | renamed(key->rm, HOST_RM);
    }
    put_opcode(e, key);
    put(e, modrm);
    if (key->encoding & CPU_STUB_IMMEDIATE) {
        put(e, (key->extra & CPU_STUB_IS4) ? HOST_IS4 << 4 | (key->imm & 15u) : key->imm);
    }
}

/* ---- a stub ---- */

static void put_loads(struct emitter *e, const struct cpu_stub_key *key)
{
    unsigned vector = (key->encoding & CPU_STUB_L) ? CPU_STUB_YMM : CPU_STUB_XMM;

    if (key->extra & CPU_STUB_FLAGS_IN) {
        PUT(e, 0x89, 0xd0); /* mov %edx, %eax */
        PUT(e, 0x04, 0x7f); /* add $0x7f, %al: OF */
        PUT(e, 0x9e);       /* sahf */
    }
    put_load(e, key->reg, HOST_REG, RDI);
    put_load(e, key->rm, HOST_RM, RSI);
    put_load(e, key->vvvv, HOST_VVVV, RDX);
    if (key->extra & CPU_STUB_XMM0) {
        put_load(e, CPU_STUB_XMM | CPU_STUB_LOAD, 0, RCX);
    }
    if (key->extra & CPU_STUB_IS4) {
        put_load(e, vector | CPU_STUB_LOAD, HOST_IS4, RCX);
    }
    if (key->extra & (CPU_STUB_LENGTHS | CPU_STUB_INDEX_OUT)) {
        PUT(e, 0x49, 0x89, 0xd0); /* mov %rdx, %r8 */
    }
    if (key->extra & CPU_STUB_LENGTHS) {
        PUT(e, 0x49, 0x8b, 0x00);       /* mov (%r8), %rax */
        PUT(e, 0x49, 0x8b, 0x50, 0x10); /* mov 16(%r8), %rdx */
    }
}

static void put_stores(struct emitter *e, const struct cpu_stub_key *key)
{
    if (key->extra & CPU_STUB_INDEX_OUT) {
        PUT(e, 0x49, 0x89, 0x48, 0x08); /* mov %rcx, 8(%r8) */
    }
    put_store(e, key->reg, HOST_REG, RDI);
    put_store(e, key->rm, HOST_RM, RSI);
    put_store(e, key->vvvv, HOST_VVVV, RDX);
    if (key->extra & CPU_STUB_XMM0_OUT) {
        put_store(e, CPU_STUB_XMM | CPU_STUB_STORE, 0, RCX);
    }
    if (key->extra & CPU_STUB_FLAGS) {
        PUT(e, 0x9f);             /* lahf */
        PUT(e, 0x0f, 0x90, 0xc0); /* seto %al */
        PUT(e, 0x0f, 0xb7, 0xc0); /* movzwl %ax, %eax */
    }
    if (e->wide) {
        PUT(e, 0xc5, 0xf8, 0x77); /* vzeroupper */
    }
    PUT(e, 0xc3);
}

/* VZEROUPPER and VZEROALL: the first argument is the first of the key's number of registers. */
static void put_zeroing(struct emitter *e, const struct cpu_stub_key *key)
{
    bool all = (key->encoding & CPU_STUB_L) != 0;

    PUT(e, 0xc5, 0xf8, 0x57, 0xc0); /* vxorps %xmm0, %xmm0, %xmm0 */
    for (unsigned i = 0; i < key->imm; i++) {
        unsigned disp = i * 32 + (all ? 0 : 16);

        put(e, 0xc5);
        put(e, all ? 0xfc : 0xf8);
        put(e, 0x11);
        put(e, 0x80 | RDI);
        put(e, disp & 0xff);
        put(e, disp >> 8);
        put(e, 0);
        put(e, 0);
    }
    PUT(e, 0xc3);
}

/* ---- the store ---- */

struct cpu_stubs *cpu_stubs_new(struct platform *platform)
{
    struct cpu_stubs *stubs = plat_alloc(platform, sizeof(*stubs));

    if (stubs == NULL) {
        return NULL;
    }
    if (plat_code_alloc(platform, CODE_BYTES, &stubs->code) < 0) {
        plat_free(platform, stubs, sizeof(*stubs));
        return NULL;
    }
    return stubs;
}

void cpu_stubs_free(struct cpu_stubs *stubs, struct platform *platform)
{
    if (stubs != NULL) {
        plat_code_free(platform, &stubs->code);
        plat_free(platform, stubs, sizeof(*stubs));
    }
}

static void empty(struct cpu_stubs *stubs)
{
    memset(stubs->slots, 0, sizeof(stubs->slots));
    stubs->used = 0;
    stubs->count = 0;
    stubs->recycled = true;
}

static uint32_t add(struct cpu_stubs *stubs, const struct cpu_stub_key *key)
{
    struct emitter e = {.encoding = key->encoding};
    uint32_t place = stubs->used;

    if (key->extra & CPU_STUB_ZEROING) {
        put_zeroing(&e, key);
    } else {
        put_loads(&e, key);
        put_instruction(&e, key);
        put_stores(&e, key);
    }
    memcpy(stubs->code.write + place, e.bytes, e.size);
    stubs->used += (e.size + 15) & ~15u;
    stubs->count++;
    if (stubs->recycled) {
        /* Bytes that were run through another address before: SDM 3A 8.1.3 wants a serializing
         * instruction. */
        uint32_t a = 0, b, c = 0, d;

        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
    }
    return place;
}

static unsigned slot_of(uint64_t key)
{
    return (unsigned)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (SLOTS - 1);
}

uint32_t cpu_stubs_find(struct cpu_stubs *stubs, const struct cpu_stub_key *key,
                        uint32_t *generation)
{
    uint64_t bits;
    unsigned slot;

    _Static_assert(sizeof(*key) == sizeof(bits), "a key is compared as one number");
    memcpy(&bits, key, sizeof(bits));
    for (slot = slot_of(bits); stubs->slots[slot].key != 0; slot = (slot + 1) & (SLOTS - 1)) {
        if (stubs->slots[slot].key == bits) {
            return stubs->slots[slot].place;
        }
    }
    if (stubs->count == STUBS_MAX || stubs->used + STUB_BYTES > CODE_BYTES) {
        empty(stubs);
        (*generation)++;
        slot = slot_of(bits);
    }
    stubs->slots[slot].key = bits;
    stubs->slots[slot].place = add(stubs, key);
    return stubs->slots[slot].place;
}

const uint8_t *cpu_stubs_code(const struct cpu_stubs *stubs)
{
    return stubs->code.exec;
}
