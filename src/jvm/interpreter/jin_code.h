/*
 * Translated code of a method: what the translator makes and the interpreter runs.
 *
 * It lies in the metadata of its class's loader, and has offsets only: instructions with slots,
 * numbers and indices into `sites` and `constants`. A frame's slots are its locals (as many as the
 * class file says; where 16 bits would not do those that the code names, numbered anew), then the
 * operand stack's canonical slots. A synchronized method has one more
 * local, the last, for what it has locked. An operand that outlives a branch is in the canonical
 * slot of its depth; others may still be a local or a constant.
 *
 *      fp[0 .. max_locals)                    locals
 *      fp[max_locals + depth]                 operand at that depth
 *      fp[max_locals + depth + 2 ...)         a callee's locals, when so much lies below its
 * arguments; its result comes to fp[max_locals + depth], where its header was
 */
#pragma once

#include <assert.h>
#include <stddef.h>

#include "jvm/runtime/jrt_class.h"
#include "jvm/runtime/jrt_resolve.h"

enum jin_op {
#define JIN_OP(name, roles) JIN_##name,
#include "jvm/interpreter/jin_ops.def"
#undef JIN_OP
    JIN_OP_COUNT
};

/* Replaced at once (64 bits) when it is resolved. */
struct jin_insn {
    _Alignas(8) uint16_t op; /* [a] enum jin_op */
    uint16_t a, b, c;
};

/* What an instruction needs besides: a constant-pool index first, what that resolved to after. */
struct jin_site {
    uint16_t pool_index;
    uint16_t count; /* dimensions; argument slots of a call */
    job_offset_t
        at; /* [a] class, field or method; of switches: index of the first of their words */
    /* A field's byte offset; an appendix' index; with `cached`, as one word, an inline cache. */
    _Alignas(8) uint32_t extra; /* [a] */
    job_offset_t cached;        /* [a] */
};

/* Where instructions that throw or call stand, in order of `insn`. */
struct jin_place {
    uint32_t insn;
    uint32_t bytecode_index;
};

struct jin_code {
    job_offset_t method;
    uint32_t frame_slots; /* what a frame needs from fp on, a callee's header included */
    uint32_t locals;      /* max_locals, and one for what a synchronized method has locked */
    uint32_t insn_count, site_count, place_count, word_count, wide_count, leader_count;
    /* [I] Offsets from this structure's start. */
    uint32_t sites, places, words, wide, leaders;
    uint32_t live; /* offset in the metadata of liveness, made by the first collection that asks; 0:
                      none */
    uint32_t spare; /* instructions are aligned to 8 */
    struct jin_insn insns[];
};

static_assert(offsetof(struct jin_code, insns) % 8 == 0, "an instruction is replaced at once");

/* Where bytecodes that are jumped to, handlers among them, begin: sorted by bytecode index. */
struct jin_leader {
    uint32_t bytecode_index;
    uint32_t insn;
};

static inline struct jin_code *jin_code_of(const struct jrt_method *method)
{
    return (struct jin_code *)job_at(method->code);
}
static inline struct jin_site *jin_sites(struct jin_code *code)
{
    return (struct jin_site *)((char *)code + code->sites);
}
static inline const struct jin_place *jin_places(const struct jin_code *code)
{
    return (const struct jin_place *)((const char *)code + code->places);
}
/* Switches' tables. TABLE_SWITCH: low, high, default's distance, distances. LOOKUP_SWITCH: count,
 * default's distance, then keys in order, then their distances. */
static inline const int32_t *jin_words(const struct jin_code *code)
{
    return (const int32_t *)((const char *)code + code->words);
}
static inline const int64_t *jin_wide(const struct jin_code *code)
{
    return (const int64_t *)((const char *)code + code->wide);
}
static inline const struct jin_leader *jin_leaders(const struct jin_code *code)
{
    return (const struct jin_leader *)((const char *)code + code->leaders);
}

/* Translates a method of a linked class; once, others wait. false: an exception is pending (no
 * memory; VerifyError for code of an unverified class that makes no sense). */
bool jin_translate(struct jrt_thread *thread, struct jrt_method *method) ST_MUST_CHECK;

/* The bytecode index of an instruction that throws or calls; of any other that of the one before.
 */
uint32_t jin_bytecode_index(const struct jin_code *code, uint32_t insn);
/* The instruction that begins a bytecode that is jumped to; UINT32_MAX: none does. */
uint32_t jin_insn_at(const struct jin_code *code, uint32_t bytecode_index);
