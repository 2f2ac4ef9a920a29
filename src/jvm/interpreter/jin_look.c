/*
 * What a frame that stands at a call holds (jrt_exec.variables): the types by jin_look_types.c,
 * operands where the translator had them, found by translating up to there once more.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_flags.h"
#include "jvm/interpreter/jin_look.h"
#include "jvm/interpreter/jin_priv.h"
#include "jvm/runtime/jrt_throw.h"

static struct jrt_variables *make(struct jrt_thread *thread, uint32_t locals, uint32_t operands)
{
    size_t count = (size_t)locals + operands;
    struct jrt_variables *all = calloc(1, sizeof *all + count * sizeof all->of[0]);
    if (all == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        return NULL;
    }
    all->locals = locals;
    all->operands = operands;
    return all;
}

/* The value of a long or double is said of its second slot. */
static void put(struct jrt_variable *to, enum jin_cell cell, struct jrt_variable value)
{
    switch (cell) {
    case JIN_CELL_WORD:
        value.kind = JRT_VARIABLE_WORD;
        *to = value;
        break;
    case JIN_CELL_REF:
        value.kind = JRT_VARIABLE_REF;
        *to = value;
        break;
    case JIN_CELL_WIDE:
        value.kind = JRT_VARIABLE_WIDE;
        to[1] = value;
        break;
    case JIN_CELL_NOTHING:
    case JIN_CELL_WIDE_END:
        break;
    }
}

/* Half of a long or double is nothing. */
static enum jin_cell whole(const uint8_t *cells, uint32_t index, uint32_t count)
{
    bool half = cells[index] == JIN_CELL_WIDE &&
                (index + 1 == count || cells[index + 1] != JIN_CELL_WIDE_END);
    return half ? JIN_CELL_NOTHING : (enum jin_cell)cells[index];
}

/* The arguments. */
static struct jrt_variables *of_native(struct jrt_thread *thread, const struct jrt_method *method)
{
    struct jrt_variables *all = make(thread, method->arg_slots, 0);
    struct jcf_type type;
    struct jcf_type_cursor cursor = jcf_types_of(jin_look_descriptor(method));
    uint32_t index = 0;
    if (all != NULL && (method->access & JCF_ACC_STATIC) == 0) {
        put(all->of, JIN_CELL_REF, (struct jrt_variable){.slot = (uint16_t)index++});
    }
    while (all != NULL && jcf_next_argument(&cursor, &type)) {
        put(all->of + index, jin_cell_of(type.kind),
            (struct jrt_variable){.slot = (uint16_t)index});
        index += type.slots;
    }
    return all;
}

static struct jrt_variable operand_at(const struct jin_translator *t,
                                      const struct jin_operand *operand)
{
    switch (operand->kind) {
    case JIN_NUMBER:
        return (struct jrt_variable){.constant = true, .word = (uint32_t)operand->number};
    case JIN_WIDE:
        return (struct jrt_variable){.constant = true, .word = (uint64_t)t->wide[operand->number]};
    case JIN_IN_SLOT:
        break;
    }
    return (struct jrt_variable){.slot = operand->slot};
}

static void fill(const struct jin_translator *t, const struct jin_cells *cells,
                 struct jrt_variables *all)
{
    for (uint32_t i = 0; i < all->locals; i++) {
        uint16_t slot = t->renumbered != NULL ? t->renumbered[i] : (uint16_t)i;
        put(&all->of[i], whole(cells->cells, i, all->locals), (struct jrt_variable){.slot = slot});
    }
    const uint8_t *stack = cells->cells + all->locals;
    for (uint32_t i = 0; i < t->count; i++) {
        const struct jin_operand *operand = &t->stack[i];
        if (operand->depth + operand->width <= all->operands) {
            put(&all->of[all->locals + operand->depth], whole(stack, operand->depth, cells->depth),
                operand_at(t, operand));
        }
    }
}

static struct jrt_variables *of_bytecode(struct jrt_thread *thread, struct jrt_method *method,
                                         uint32_t at)
{
    struct jin_translator t;
    bool found = jin_translate_until(&t, thread, method, at);
    struct jin_cells *cells = found ? jin_cells_at(method, at) : NULL;
    struct jrt_variables *all = NULL;
    if (cells != NULL) {
        all = make(thread, method->max_locals, cells->depth);
    } else {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    if (all != NULL) {
        fill(&t, cells, all);
    }
    free(cells);
    jin_translator_done(&t);
    return all;
}

struct jrt_variables *jin_variables(struct jrt_thread *thread, union jrt_slot *fp)
{
    const struct jrt_frame *frame = jrt_frame_of(fp);
    struct jrt_method *method = jrt_method_at(frame->method);
    if ((frame->flags & JRT_FRAME_NATIVE) != 0) {
        return of_native(thread, method);
    }
    return of_bytecode(thread, method, jin_bytecode_index(jin_code_of(method), frame->pc));
}
