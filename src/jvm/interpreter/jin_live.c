/*
 * Which slots of a frame are live where it may stand: what the collector looks at (weak references
 * must be cleared when no live variable holds their object); references in the others are cleared.
 * Found by going backwards over the translated code until nothing changes, when a collection first
 * meets the method, and kept.
 *
 * Of each instruction at which a frame may stand there are two sets: what is needed if it is run
 * (again), its operands among them, and what is needed once it has called: then its arguments are
 * the callee's.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/interpreter/jin_priv.h"
#include "jvm/runtime/jrt_meta.h"

static const char *const roles[JIN_OP_COUNT] = {
#define JIN_OP(name, text) text,
#include "jvm/interpreter/jin_ops.def"
#undef JIN_OP
};

/* What is kept: behind it the instructions' numbers, sorted, then two sets each. */
struct live_table {
    uint32_t count; /* instructions */
    uint32_t words; /* of a set */
    uint32_t insns[];
};

/* What the world is not kept waiting for: where there would be more, every slot is live. */
enum {
    MOST_WORDS = 4 << 20, /* of sets, of all instructions */
    MOST_PASSES = 100     /* loops in loops need one more each */
};

struct analysis {
    struct jin_code *code;
    const struct jrt_method *method;
    const struct jin_insn *insns;
    uint32_t count;
    uint32_t slots;
    uint32_t words;
    uint32_t *in;       /* by instruction: what it needs */
    uint32_t *bytecode; /* by instruction: its bytecode index */
    uint32_t *scratch;
    bool whole; /* no analysis: every slot is live */
};

static void set(uint32_t *bits, uint32_t slot)
{
    bits[slot / 32] |= 1u << slot % 32;
}

static void clear(uint32_t *bits, uint32_t slot)
{
    bits[slot / 32] &= ~(1u << slot % 32);
}

static uint32_t *in_of(const struct analysis *a, uint32_t insn)
{
    return a->in + (size_t)insn * a->words;
}

static void merge(const struct analysis *a, uint32_t *to, const uint32_t *from)
{
    for (uint32_t i = 0; i < a->words; i++) {
        to[i] |= from[i];
    }
}

static int32_t far_distance(const struct jin_insn *insn)
{
    return (int32_t)(insn->b | (uint32_t)insn->c << 16);
}

static bool ends(uint16_t op)
{
    return op == JIN_GOTO || op == JIN_GOTO_BACK || op == JIN_TABLE_SWITCH ||
           op == JIN_LOOKUP_SWITCH || op == JIN_THROW || op == JIN_JSR || op == JIN_RET ||
           op >= JIN_RETURN;
}

static void merge_switch(const struct analysis *a, uint32_t at, uint32_t *out)
{
    const struct jin_insn *insn = &a->insns[at];
    const int32_t *words = jin_words(a->code) + jin_sites(a->code)[insn->b].at;
    bool table = insn->op == JIN_TABLE_SWITCH;
    uint32_t count = (uint32_t)words[table ? 1 : 0];
    const int32_t *distances = table ? words + 3 : words + 2 + count;
    merge(a, out, in_of(a, at + (uint32_t)words[table ? 2 : 1]));
    for (uint32_t i = 0; i < count; i++) {
        merge(a, out, in_of(a, at + (uint32_t)distances[i]));
    }
}

/* What is live behind an instruction, on every way out of it but exceptions. */
static void out_of(const struct analysis *a, uint32_t at, uint32_t *out)
{
    const struct jin_insn *insn = &a->insns[at];
    const char *role = roles[insn->op];
    memset(out, 0, a->words * sizeof *out);
    if (!ends(insn->op) && at + 1 < a->count) {
        merge(a, out, in_of(a, at + 1));
    }
    if (role[1] == 't') {
        merge(a, out, in_of(a, at + (uint32_t)far_distance(insn)));
    } else if (role[2] == 't') {
        merge(a, out, in_of(a, at + (uint32_t)(int32_t)(int16_t)insn->c));
    } else if (insn->op == JIN_TABLE_SWITCH || insn->op == JIN_LOOKUP_SWITCH) {
        merge_switch(a, at, out);
    }
}

static bool is_call(const struct jin_insn *insn)
{
    return roles[insn->op][0] == 'r';
}

/*
 * Arguments of a call or lengths of an array: slots from insn->a on. An adapter's appendix comes
 * behind them: it must live while the call waits for a collection, before the adapter has a frame.
 */
static uint32_t range_of(const struct analysis *a, const struct jin_insn *insn)
{
    bool adapter = insn->op == JIN_CALL_HANDLE || insn->op == JIN_CALL_DYNAMIC_U;
    return jin_sites(a->code)[insn->b].count + (adapter ? 1 : 0);
}

/* Takes away what an instruction writes. */
static void kill(const struct analysis *a, const struct jin_insn *insn, uint32_t *bits)
{
    const char *role = roles[insn->op];
    if (role[0] == 'd' || role[0] == 'k') {
        clear(bits, insn->a);
    }
    if (is_call(insn)) {
        for (uint32_t slot = insn->a - 2u; slot < a->slots; slot++) {
            clear(bits, slot);
        }
    }
}

static void add_operands(const struct analysis *a, const struct jin_insn *insn, uint32_t *bits)
{
    const char *role = roles[insn->op];
    const uint16_t operands[] = {insn->a, insn->b, insn->c};
    for (unsigned i = 0; i < 3; i++) {
        if (role[i] == 's' || role[i] == 'u') {
            set(bits, operands[i]);
        }
    }
    if (role[0] == 'r' || role[0] == 'k') {
        for (uint32_t i = 0; i < range_of(a, insn) && insn->a + i < a->slots; i++) {
            set(bits, insn->a + i);
        }
    }
}

/* What handlers need that an exception at the instruction may come to. */
static void add_handlers(const struct analysis *a, uint32_t at, uint32_t *bits)
{
    const struct jrt_handler *handlers = job_at(a->method->handlers);
    for (uint32_t i = 0; i < a->method->handler_count; i++) {
        if (a->bytecode[at] < handlers[i].start || a->bytecode[at] >= handlers[i].end) {
            continue;
        }
        uint32_t target = jin_insn_at(a->code, handlers[i].target);
        if (target != UINT32_MAX) {
            memcpy(a->scratch + a->words, in_of(a, target), a->words * sizeof *bits);
            clear(a->scratch + a->words, a->code->locals); /* the exception comes there */
            merge(a, bits, a->scratch + a->words);
        }
    }
}

static bool step(const struct analysis *a, uint32_t at)
{
    uint32_t *bits = a->scratch;
    uint32_t *in = in_of(a, at);
    out_of(a, at, bits);
    kill(a, &a->insns[at], bits);
    add_operands(a, &a->insns[at], bits);
    add_handlers(a, at, bits);
    bool changed = memcmp(bits, in, a->words * sizeof *bits) != 0;
    memcpy(in, bits, a->words * sizeof *bits);
    return changed;
}

static void number_bytecodes(struct analysis *a)
{
    const struct jin_place *places = jin_places(a->code);
    uint32_t place = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        while (place < a->code->place_count && places[place].insn <= i) {
            place++;
        }
        a->bytecode[i] = place == 0 ? 0 : places[place - 1].bytecode_index;
    }
}

static bool prepare(struct analysis *a, struct jin_code *code)
{
    *a = (struct analysis){.code = code,
                           .method = jrt_method_at(code->method),
                           .insns = code->insns,
                           .count = code->insn_count,
                           .slots = code->frame_slots,
                           .words = (code->frame_slots + 31) / 32};
    a->whole = (size_t)a->count * a->words > MOST_WORDS;
    if (a->whole) {
        return false;
    }
    a->in = calloc((size_t)a->count * a->words, sizeof *a->in);
    a->bytecode = calloc(a->count, sizeof *a->bytecode);
    a->scratch = calloc((size_t)a->words * 2, sizeof *a->scratch);
    for (uint32_t i = 0; i < a->count && !a->whole; i++) {
        a->whole = a->insns[i].op == JIN_RET; /* where it goes is not known */
    }
    return a->in != NULL && a->bytecode != NULL && a->scratch != NULL && !a->whole;
}

/* Whether a frame may stand at the instruction: it calls C, or another method. */
static bool may_stand(const struct jin_insn *insn)
{
    return insn->op == JIN_LDC_U || insn->op == JIN_DIV || insn->op == JIN_REM ||
           insn->op == JIN_LDIV || insn->op == JIN_LREM || insn->op == JIN_GOTO_BACK ||
           insn->op == JIN_POLL || insn->op >= JIN_LOAD_B || insn->op == JIN_JSR;
}

static struct live_table *keep(const struct analysis *a)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        count += may_stand(&a->insns[i]);
    }
    struct live_table *table = jrt_class_meta(jrt_class_at(a->method->class_at), JOB_META_WRITTEN,
                                              sizeof *table + count * sizeof table->insns[0] +
                                                  (size_t)count * 2 * a->words * sizeof(uint32_t));
    if (table == NULL) {
        return NULL;
    }
    table->count = count;
    table->words = a->words;
    uint32_t *bits = table->insns + count;
    uint32_t at = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        if (!may_stand(&a->insns[i])) {
            continue;
        }
        table->insns[at++] = i;
        out_of(a, i, bits + a->words);
        kill(a, &a->insns[i], bits + a->words);
        add_handlers(a, i, bits + a->words);
        memcpy(bits, in_of(a, i), a->words * sizeof *bits);
        merge(a, bits, bits + a->words);
        bits += 2 * a->words;
    }
    return table;
}

/* 1: every slot is live: there was no memory, or the code has subroutines. */
enum { ALL_LIVE = 1 };

static void analyse(struct jin_code *code)
{
    struct analysis a;
    job_offset_t kept = ALL_LIVE;
    if (prepare(&a, code)) {
        number_bytecodes(&a);
        bool changed = true;
        for (uint32_t pass = 0; changed && pass < MOST_PASSES; pass++) {
            changed = false;
            for (uint32_t i = a.count; i-- > 0;) {
                changed = step(&a, i) || changed;
            }
        }
        const struct live_table *table = changed ? NULL : keep(&a);
        kept = table != NULL ? job_offset(table) : ALL_LIVE;
    }
    free(a.in);
    free(a.bytecode);
    free(a.scratch);
    code->live = kept;
}

static const uint32_t *find(const struct live_table *table, uint32_t insn)
{
    uint32_t low = 0;
    uint32_t high = table->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (table->insns[middle] < insn) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < table->count && table->insns[low] == insn;
    return found ? table->insns + table->count + (size_t)low * 2 * table->words : NULL;
}

/* Slots that no frame above lies over. */
static uint32_t own_slots(const struct jin_code *code, uint32_t insn)
{
    return is_call(&code->insns[insn]) ? code->insns[insn].a - 2u : code->frame_slots;
}

/* What a synchronized method locks, from before it has locked it on; UINT32_MAX: it is none. */
static uint32_t lock_slot(const struct jin_code *code)
{
    bool locks = (jrt_method_at(code->method)->access & JCF_ACC_SYNCHRONIZED) != 0;
    return locks ? code->locals - 1 : UINT32_MAX;
}

void jin_scan_frame(struct jgc_visitor *visitor, union jrt_slot *fp, bool called)
{
    const struct jrt_frame *frame = jrt_frame_of(fp);
    if ((frame->flags & JRT_FRAME_NATIVE) != 0) {
        jgc_scan_words(visitor, fp, jin_frame_end(fp));
        return;
    }
    struct jin_code *code = jin_code_of(jrt_method_at(frame->method));
    if (code->live == 0) {
        analyse(code);
    }
    const struct live_table *table = code->live != ALL_LIVE ? job_at(code->live) : NULL;
    const uint32_t *bits = table != NULL ? find(table, frame->pc) : NULL;
    if (bits == NULL) {
        jgc_scan_words(visitor, fp, jin_frame_end(fp));
        return;
    }
    bits += called ? table->words : 0;
    uint32_t own = own_slots(code, frame->pc);
    uint32_t lock = lock_slot(code);
    for (uint32_t slot = 0; slot < code->frame_slots; slot++) {
        bool live = (bits[slot / 32] >> slot % 32 & 1) != 0;
        if (live || (slot == lock && (frame->flags & JRT_FRAME_LOCKED) != 0)) {
            jgc_scan_words(visitor, fp + slot, fp + slot + 1);
        } else if (slot < own && slot != lock && jgc_has(job_from_ref(fp[slot].ref))) {
            fp[slot].word = 0; /* for who looks at the frame later */
        }
    }
}
