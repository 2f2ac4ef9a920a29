/*
 * Frames that are too large for 16-bit operands. Code of 65,535 bytes cannot name as many locals as
 * its class file may give it, so those that it names are numbered anew, arguments as they were, and
 * the operand stack is as deep as it was found to get.
 */
#include <stdlib.h>

#include "jvm/interpreter/jin_translate_priv.h"

static bool names_local(const struct jcf_insn *insn)
{
    return (jcf_ops[insn->op].facts & (JCF_FACT_LOAD | JCF_FACT_STORE)) != 0 &&
           (jcf_ops[insn->op].facts & JCF_FACT_ARRAY) == 0;
}

uint16_t jin_local(const struct jin_translator *t, const struct jcf_insn *insn)
{
    return t->renumbered != NULL && names_local(insn) && insn->index < t->method->max_locals
               ? t->renumbered[insn->index]
               : insn->index;
}

uint32_t jin_renumber_locals(struct jin_translator *t)
{
    enum { UNNAMED = UINT16_MAX };
    const struct jrt_method *method = t->method;
    uint32_t next = method->arg_slots;
    struct jcf_insn insn;
    t->renumbered = malloc((method->max_locals + 1u) * sizeof *t->renumbered);
    if (t->renumbered == NULL) {
        jin_fail(t, NULL);
        return method->max_locals;
    }
    for (uint32_t i = 0; i < method->max_locals; i++) {
        t->renumbered[i] = i < next ? (uint16_t)i : UNNAMED;
    }
    for (uint32_t at = 0; at < t->length; at += insn.length) {
        if (jcf_insn_decode(t->code, t->length, at, &insn) < 0) {
            jin_fail(t, "an instruction is cut off");
            break;
        }
        if (names_local(&insn) && insn.index < method->max_locals &&
            t->renumbered[insn.index] == UNNAMED) {
            t->renumbered[insn.index] = (uint16_t)next++;
        }
    }
    return next;
}
