/*
 * Subroutines of old class files. A subroutine may leave another stack than it found
 * (JVMS 4.10.2.5): what follows a jsr is translated once a ret of the subroutine has told it. Which
 * subroutine a ret belongs to is known by the way to it; where it is not, as behind a handler in a
 * subroutine, and in what never returns, the stack is taken to be what it was.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/interpreter/jin_translate_priv.h"
#include "jvm/runtime/jrt_class.h"

bool jin_routines_prepare(struct jin_translator *t)
{
    if ((t->method->flags & JRT_METHOD_HAS_JSR) == 0) {
        return true;
    }
    t->routine_of = calloc(t->length, sizeof *t->routine_of);
    t->left = calloc(t->length, sizeof *t->left);
    return t->routine_of != NULL && t->left != NULL;
}

void jin_routines_done(struct jin_translator *t)
{
    for (uint32_t i = 0; t->left != NULL && i < t->length; i++) {
        free(t->left[i]);
    }
    for (uint32_t i = 0; i < t->return_count; i++) {
        free(t->returns[i].state);
    }
    free(t->left);
    free(t->routine_of);
    free(t->returns);
}

static uint8_t *copy_of(struct jin_translator *t, const uint8_t *state)
{
    size_t bytes = 2 + (state[0] | (size_t)state[1] << 8);
    uint8_t *copy = malloc(bytes);
    if (copy == NULL) {
        jin_fail(t, NULL);
        return NULL;
    }
    memcpy(copy, state, bytes);
    return copy;
}

/* What follows the jsr is reached with this stack. */
static bool come_back(struct jin_translator *t, const struct jin_return *from, const uint8_t *state)
{
    if (from->after >= t->length || t->states[from->after] != NULL) {
        return false;
    }
    t->states[from->after] = copy_of(t, state);
    t->routine_of[from->after] = from->routine;
    t->marks[from->after] |= JIN_MARK_KNOWN;
    return !t->failed;
}

static void add_return(struct jin_translator *t, uint32_t target, uint32_t after)
{
    if (t->return_count == t->return_room) {
        uint32_t wanted = t->return_room == 0 ? 8 : t->return_room * 2;
        struct jin_return *grown = realloc(t->returns, wanted * sizeof *grown);
        if (grown == NULL) {
            jin_fail(t, NULL);
            return;
        }
        t->returns = grown;
        t->return_room = wanted;
    }
    uint8_t *state = jin_state_here(t);
    if (state != NULL) {
        t->returns[t->return_count++] = (struct jin_return){
            .target = target, .after = after, .routine = t->routine, .state = state};
    }
}

void jin_jsr(struct jin_translator *t, uint32_t target, uint32_t after)
{
    if (t->left == NULL) {
        jin_fail(t, "jsr in a class file of a version that has none");
        return;
    }
    jin_flush(t, 0);
    uint32_t outer = t->routine;
    uint16_t slot = jin_push_made(t, 1);
    t->routine = target + 1;
    jin_keep_state(t, target);
    t->routine = outer;
    (void)jin_pop(t, 1);
    if (t->failed) {
        return;
    }
    add_return(t, target, after);
    if (!t->failed && t->left[target] != NULL) {
        (void)come_back(t, &t->returns[t->return_count - 1], t->left[target]);
    }
    jin_place_here(t);
    jin_fixup(t, jin_emit(t, JIN_JSR, slot, 0, 0), target, 0, true);
    /* Where ret comes back to is the next instruction. */
    jin_fixup(t, jin_emit(t, JIN_GOTO, 0, 0, 0), ST_MIN(after, t->length - 1), 0, true);
}

void jin_ret(struct jin_translator *t, uint32_t local)
{
    jin_flush(t, 0);
    (void)jin_emit(t, JIN_RET, local, 0, 0);
    if (t->failed || t->routine == 0 || t->left[t->routine - 1] != NULL) {
        return;
    }
    const uint8_t *state = t->left[t->routine - 1] = jin_state_here(t);
    for (uint32_t i = 0; i < t->return_count && !t->failed; i++) {
        if (t->returns[i].target == t->routine - 1) {
            (void)come_back(t, &t->returns[i], state);
        }
    }
}

void jin_tell_handlers(struct jin_translator *t, uint32_t at)
{
    const struct jrt_handler *handlers = job_at(t->method->handlers);
    for (uint32_t i = 0; i < t->method->handler_count; i++) {
        uint32_t *routine = &t->routine_of[handlers[i].target];
        if (at >= handlers[i].start && at < handlers[i].end && *routine == 0) {
            *routine = t->routine;
        }
    }
}

bool jin_return_anyway(struct jin_translator *t)
{
    for (uint32_t i = 0; i < t->return_count && !t->failed; i++) {
        if (come_back(t, &t->returns[i], t->returns[i].state)) {
            return true;
        }
    }
    return false;
}
