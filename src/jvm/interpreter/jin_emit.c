/* The translator's virtual stack and output: see jin_translate_priv.h. */
#include <stdlib.h>
#include <string.h>

#include "jvm/interpreter/jin_translate_priv.h"

void jin_fail(struct jin_translator *t, const char *reason)
{
    if (!t->failed) {
        t->failed = true;
        t->reason = reason;
    }
}

/* Makes room for one more element; false after a failure. */
static bool room(struct jin_translator *t, void *array, uint32_t count, uint32_t *room, size_t size)
{
    void **elements = array;
    if (t->failed) {
        return false;
    }
    if (count < *room) {
        return true;
    }
    uint32_t wanted = *room == 0 ? 64 : *room * 2;
    void *grown = realloc(*elements, wanted * size);
    if (grown == NULL) {
        jin_fail(t, NULL);
        return false;
    }
    *elements = grown;
    *room = wanted;
    return true;
}

uint32_t jin_emit(struct jin_translator *t, enum jin_op op, uint32_t a, uint32_t b, uint32_t c)
{
    if (!room(t, &t->insns, t->insn_count, &t->insn_room, sizeof *t->insns)) {
        return 0;
    }
    t->insns[t->insn_count] =
        (struct jin_insn){.op = (uint16_t)op, .a = (uint16_t)a, .b = (uint16_t)b, .c = (uint16_t)c};
    return t->insn_count++;
}

void jin_place_here(struct jin_translator *t)
{
    if (t->place_count != 0 && t->places[t->place_count - 1].bytecode_index == t->at &&
        t->places[t->place_count - 1].insn <= t->insn_count) {
        return;
    }
    if (room(t, &t->places, t->place_count, &t->place_room, sizeof *t->places)) {
        t->places[t->place_count++] =
            (struct jin_place){.insn = t->insn_count, .bytecode_index = t->at};
    }
}

uint32_t jin_site(struct jin_translator *t, uint16_t pool_index, uint32_t count)
{
    if (!room(t, &t->sites, t->site_count, &t->site_room, sizeof *t->sites)) {
        return 0;
    }
    t->sites[t->site_count] = (struct jin_site){.pool_index = pool_index, .count = (uint16_t)count};
    return t->site_count++;
}

uint32_t jin_word(struct jin_translator *t, int32_t value)
{
    if (!room(t, &t->words, t->word_count, &t->word_room, sizeof *t->words)) {
        return 0;
    }
    t->words[t->word_count] = value;
    return t->word_count++;
}

uint32_t jin_wide_constant(struct jin_translator *t, int64_t value)
{
    for (uint32_t i = t->wide_count; i-- > 0 && t->wide_count - i <= 8;) {
        if (t->wide[i] == value) {
            return i;
        }
    }
    if (!room(t, &t->wide, t->wide_count, &t->wide_room, sizeof *t->wide)) {
        return 0;
    }
    t->wide[t->wide_count] = value;
    return t->wide_count++;
}

void jin_fixup(struct jin_translator *t, uint32_t insn, uint32_t target, uint32_t word, bool far)
{
    if (room(t, &t->fixups, t->fixup_count, &t->fixup_room, sizeof *t->fixups)) {
        t->fixups[t->fixup_count++] =
            (struct jin_fixup){.insn = insn, .target = target, .word = word, .far = far};
    }
}

static uint32_t canonical(const struct jin_translator *t, uint32_t depth)
{
    return t->base + depth;
}

struct jin_operand jin_pop(struct jin_translator *t, unsigned width)
{
    if (t->count == 0 || t->stack[t->count - 1].width != width) {
        jin_fail(t, "operand stack does not fit the instruction");
        return (struct jin_operand){.width = (uint8_t)width};
    }
    t->count--;
    t->depth -= width;
    return t->stack[t->count];
}

void jin_push(struct jin_translator *t, struct jin_operand operand)
{
    if (t->failed || t->depth + operand.width > t->max_depth) {
        jin_fail(t, "operand stack overflow");
        return;
    }
    operand.depth = (uint16_t)t->depth;
    t->stack[t->count++] = operand;
    t->depth += operand.width;
    t->deepest = ST_MAX(t->deepest, t->depth);
}

uint16_t jin_push_made(struct jin_translator *t, unsigned width)
{
    uint16_t slot = (uint16_t)canonical(t, t->depth);
    jin_push(t, (struct jin_operand){.kind = JIN_IN_SLOT,
                                     .width = (uint8_t)width,
                                     .slot = slot,
                                     .made = t->insn_count + 1});
    return slot;
}

void jin_push_slot(struct jin_translator *t, uint32_t slot, unsigned width)
{
    jin_push(t, (struct jin_operand){
                    .kind = JIN_IN_SLOT, .width = (uint8_t)width, .slot = (uint16_t)slot});
}

void jin_push_number(struct jin_translator *t, int32_t number)
{
    jin_push(t, (struct jin_operand){.kind = JIN_NUMBER, .width = 1, .number = number});
}

bool jin_is_short(const struct jin_operand *operand)
{
    return operand->kind == JIN_NUMBER && operand->number == (int16_t)operand->number;
}

static void write_to(struct jin_translator *t, uint32_t slot, const struct jin_operand *operand)
{
    switch (operand->kind) {
    case JIN_IN_SLOT:
        if (operand->slot != slot) {
            (void)jin_emit(t, JIN_MOV, slot, operand->slot, 0);
        }
        break;
    case JIN_NUMBER:
        (void)jin_emit(t, JIN_CONST, slot, (uint32_t)operand->number & 0xffff,
                       (uint32_t)operand->number >> 16);
        break;
    case JIN_WIDE:
        (void)jin_emit(t, JIN_CONST_WIDE, slot, (uint32_t)operand->number, 0);
        break;
    }
}

uint16_t jin_slot(struct jin_translator *t, const struct jin_operand *operand)
{
    if (operand->kind == JIN_IN_SLOT) {
        return operand->slot;
    }
    uint32_t slot = canonical(t, operand->depth);
    write_to(t, slot, operand);
    return (uint16_t)slot;
}

/* Writes operand `i` to its canonical slot; those above that are in that slot (copies of what was
 * there) first. */
static void spill(struct jin_translator *t, uint32_t i)
{
    struct jin_operand *operand = &t->stack[i];
    uint32_t slot = canonical(t, operand->depth);
    if (operand->kind == JIN_IN_SLOT && operand->slot == slot) {
        return;
    }
    for (uint32_t above = t->count; above-- > i + 1;) {
        if (t->stack[above].kind == JIN_IN_SLOT && t->stack[above].slot == slot) {
            spill(t, above);
        }
    }
    write_to(t, slot, operand);
    *operand = (struct jin_operand){.kind = JIN_IN_SLOT,
                                    .width = operand->width,
                                    .slot = (uint16_t)slot,
                                    .depth = operand->depth};
}

void jin_flush(struct jin_translator *t, uint32_t but)
{
    for (uint32_t i = t->count; i-- > 0;) {
        if (i + but < t->count) {
            spill(t, i);
        }
    }
}

void jin_spill_local(struct jin_translator *t, uint32_t slot)
{
    for (uint32_t i = t->count; i-- > 0;) {
        if (t->stack[i].kind == JIN_IN_SLOT && t->stack[i].slot == slot) {
            spill(t, i);
        }
    }
}

/* Whether the last instruction wrote the operand for nobody else, so that it can write it
 * elsewhere. */
static bool can_rename(const struct jin_translator *t, const struct jin_operand *operand)
{
    return operand->kind == JIN_IN_SLOT && operand->made != 0 && operand->made == t->insn_count &&
           operand->made > t->barrier && t->insns[operand->made - 1].a == operand->slot;
}

void jin_move_to(struct jin_translator *t, uint32_t slot, const struct jin_operand *operand)
{
    if (!t->failed && can_rename(t, operand)) {
        t->insns[operand->made - 1].a = (uint16_t)slot;
        return;
    }
    write_to(t, slot, operand);
}
