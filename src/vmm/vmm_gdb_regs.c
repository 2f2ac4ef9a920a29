/*
 * The registers that a debugger sees: one table says what each is called, how wide it is, and where
 * its value is in the vCPU's state. Order within a feature is GDB's (manual, G.5.5 "i386
 * Features"); the last feature is ours.
 */
#include <stdlib.h>
#include <string.h>

#include "vmm/vmm_gdb.h"

#define AT(member) offsetof(struct vcpu_state, member)
#define X87(offset) (AT(xsave) + (offset))
#define SEG(n, member)                                                                             \
    (AT(segments) + (n) * sizeof(struct vcpu_segment) + offsetof(struct vcpu_segment, member))

enum feature { CORE, SSE, AVX, SEGMENTS, SYSTEM, FEATURES };
enum special {
    PLAIN,
    TAGS,
    X87_PART,
    SSE_PART,
    AVX_PART
}; /* the last three: bit 0, 1, 2 of XSTATE_BV */

struct gdb_register {
    const char *name;
    const char *type;
    uint8_t bits;    /* as GDB sees it */
    uint8_t feature; /* enum feature */
    uint8_t special; /* enum special */
    uint8_t bytes;   /* in the state */
    uint32_t at;
};

#define GPR(name, n, type)                                                                         \
    {                                                                                              \
        name, type, 64, CORE, PLAIN, 8, AT(gpr) + 8 * (n)                                          \
    }
#define SELECTOR(name, n)                                                                          \
    {                                                                                              \
        name, "int32", 32, CORE, PLAIN, 2, SEG(n, selector)                                        \
    }
#define ST(n)                                                                                      \
    {                                                                                              \
        "st" #n, "i387_ext", 80, CORE, X87_PART, 10, X87(32 + 16 * (n))                            \
    }
#define FPU(name, bytes, offset)                                                                   \
    {                                                                                              \
        name, "int", 32, CORE, X87_PART, bytes, X87(offset)                                        \
    }
#define XMM(n)                                                                                     \
    {                                                                                              \
        "xmm" #n, "vec128", 128, SSE, SSE_PART, 16, X87(160 + 16 * (n))                            \
    }
#define YMM(n)                                                                                     \
    {                                                                                              \
        "ymm" #n "h", "uint128", 128, AVX, AVX_PART, 16, X87(576 + 16 * (n))                       \
    }
#define CONTROL(name, member)                                                                      \
    {                                                                                              \
        name, "int64", 64, SYSTEM, PLAIN, 8, AT(member)                                            \
    }

static const struct gdb_register registers[] = {
    GPR("rax", 0, "int64"),
    GPR("rbx", 3, "int64"),
    GPR("rcx", 1, "int64"),
    GPR("rdx", 2, "int64"),
    GPR("rsi", 6, "int64"),
    GPR("rdi", 7, "int64"),
    GPR("rbp", 5, "data_ptr"),
    GPR("rsp", 4, "data_ptr"),
    GPR("r8", 8, "int64"),
    GPR("r9", 9, "int64"),
    GPR("r10", 10, "int64"),
    GPR("r11", 11, "int64"),
    GPR("r12", 12, "int64"),
    GPR("r13", 13, "int64"),
    GPR("r14", 14, "int64"),
    GPR("r15", 15, "int64"),
    {"rip", "code_ptr", 64, CORE, PLAIN, 8, AT(rip)},
    {"eflags", "int32", 32, CORE, PLAIN, 4, AT(rflags)},
    SELECTOR("cs", 1),
    SELECTOR("ss", 2),
    SELECTOR("ds", 3),
    SELECTOR("es", 0),
    SELECTOR("fs", 4),
    SELECTOR("gs", 5),
    ST(0),
    ST(1),
    ST(2),
    ST(3),
    ST(4),
    ST(5),
    ST(6),
    ST(7),
    FPU("fctrl", 2, 0),
    FPU("fstat", 2, 2),
    {"ftag", "int", 32, CORE, TAGS, 1, X87(4)},
    FPU("fiseg", 2, 12),
    FPU("fioff", 4, 8),
    FPU("foseg", 2, 20),
    FPU("fooff", 4, 16),
    FPU("fop", 2, 6),
    XMM(0),
    XMM(1),
    XMM(2),
    XMM(3),
    XMM(4),
    XMM(5),
    XMM(6),
    XMM(7),
    XMM(8),
    XMM(9),
    XMM(10),
    XMM(11),
    XMM(12),
    XMM(13),
    XMM(14),
    XMM(15),
    {"mxcsr", "int", 32, SSE, SSE_PART, 4, X87(24)},
    YMM(0),
    YMM(1),
    YMM(2),
    YMM(3),
    YMM(4),
    YMM(5),
    YMM(6),
    YMM(7),
    YMM(8),
    YMM(9),
    YMM(10),
    YMM(11),
    YMM(12),
    YMM(13),
    YMM(14),
    YMM(15),
    {"fs_base", "int64", 64, SEGMENTS, PLAIN, 8, SEG(4, base)},
    {"gs_base", "int64", 64, SEGMENTS, PLAIN, 8, SEG(5, base)},
    CONTROL("k_gs_base", kernel_gs_base),
    CONTROL("cr0", cr0),
    CONTROL("cr2", cr2),
    CONTROL("cr3", cr3),
    CONTROL("cr4", cr4),
    CONTROL("cr8", cr8),
    CONTROL("efer", efer),
    CONTROL("xcr0", xcr0),
    CONTROL("dr6", dr6),
    CONTROL("dr7", dr7),
    CONTROL("gdt_base", gdtr.base),
    CONTROL("idt_base", idtr.base),
    CONTROL("tr_base", tr.base),
    CONTROL("apic_base", apic_base),
    CONTROL("tsc", tsc),
    CONTROL("lstar", lstar),
    CONTROL("star", star),
    CONTROL("pat", pat),
};

static const char *const feature_names[FEATURES] = {
    "org.gnu.gdb.i386.core",     "org.gnu.gdb.i386.sse", "org.gnu.gdb.i386.avx",
    "org.gnu.gdb.i386.segments", "strata.x86.system",
};

static const char vector_types[] =
    "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/>"
    "<vector id=\"v2d\" type=\"ieee_double\" count=\"2\"/>"
    "<vector id=\"v16i8\" type=\"int8\" count=\"16\"/>"
    "<vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
    "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/>"
    "<vector id=\"v2i64\" type=\"int64\" count=\"2\"/>"
    "<union id=\"vec128\"><field name=\"v4_float\" type=\"v4f\"/>"
    "<field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
    "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/>"
    "<field name=\"v2_int64\" type=\"v2i64\"/><field name=\"uint128\" type=\"uint128\"/></union>";

void vmm_gdb_target_xml(struct st_buf *to)
{
    st_buf_text(to, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">"
                    "<target><architecture>i386:x86-64</architecture>");
    for (unsigned f = 0; f < FEATURES; f++) {
        st_buf_printf(to, "<feature name=\"%s\">", feature_names[f]);
        st_buf_text(to, f == SSE ? vector_types : "");
        for (size_t i = 0; i < ST_COUNT(registers); i++) {
            if (registers[i].feature == f) {
                st_buf_printf(to, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>",
                              registers[i].name, registers[i].bits, registers[i].type);
            }
        }
        st_buf_text(to, "</feature>");
    }
    st_buf_text(to, "</target>");
}

unsigned vmm_gdb_registers(void)
{
    return ST_COUNT(registers);
}

unsigned vmm_gdb_register_size(unsigned n)
{
    return registers[n].bits / 8U;
}

/* Whether the state has the part of XSAVE's image that the register is in; parts that it has not
 * are as after reset, whatever the bytes are. */
static bool part_is_there(const struct vcpu_state *state, const struct gdb_register *reg)
{
    unsigned bit = reg->special == AVX_PART ? 2 : reg->special == SSE_PART ? 1 : 0;
    return reg->special == PLAIN || reg->at == X87(24) || (state->xsave[512] >> bit & 1) != 0;
}

void vmm_gdb_register_get(const struct vcpu_state *state, unsigned n, uint8_t *ret_bytes)
{
    const struct gdb_register *reg = &registers[n];
    memset(ret_bytes, 0, vmm_gdb_register_size(n));
    if (!part_is_there(state, reg)) {
        return;
    }
    if (reg->special == TAGS) { /* two bits a register: 0 used, 3 empty */
        uint8_t used = state->xsave[4];
        uint16_t tags = 0;
        for (unsigned i = 0; i < 8; i++) {
            tags = (uint16_t)(tags | ((used >> i & 1) != 0 ? 0 : 3) << (2 * i));
        }
        memcpy(ret_bytes, &tags, sizeof tags);
        return;
    }
    memcpy(ret_bytes, (const uint8_t *)state + reg->at, reg->bytes);
}

void vmm_gdb_register_set(struct vcpu_state *state, unsigned n, const uint8_t *bytes)
{
    const struct gdb_register *reg = &registers[n];
    if (reg->special == AVX_PART || reg->special == SSE_PART) {
        state->xsave[512] |= reg->special == AVX_PART ? 4 : 2;
    } else if (reg->special != PLAIN) {
        state->xsave[512] |= 1;
    }
    if (reg->special == TAGS) {
        uint8_t used = 0;
        for (unsigned i = 0; i < 8; i++) {
            bool empty = (bytes[i / 4] >> (2 * (i % 4)) & 3) == 3;
            used = (uint8_t)(used | (unsigned)!empty << i);
        }
        state->xsave[4] = used;
        return;
    }
    memcpy((uint8_t *)state + reg->at, bytes, reg->bytes);
}
