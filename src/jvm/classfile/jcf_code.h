/*
 * What belongs to a method's code beside the instructions, decoded when it is asked for: exception
 * handlers, line numbers, local variables (JVMS 17 4.7.3, 4.7.12, 4.7.13, 4.7.14).
 */
#pragma once

#include "jvm/classfile/jcf_class.h"

struct jcf_handler {
    uint16_t start, end; /* pc in start <= pc < end */
    uint16_t handler;    /* pc */
    uint16_t type;       /* CLASS; 0: anything */
};

static inline uint32_t jcf_handler_count(const struct jcf_method *method)
{
    return method->handlers.length / 8;
}

static inline struct jcf_handler jcf_handler_at(const struct jcf_class *class,
                                                const struct jcf_method *method, uint32_t number)
{
    const uint8_t *at = class->bytes + method->handlers.at + number * 8;
    return (struct jcf_handler){jcf_u2(at), jcf_u2(at + 2), jcf_u2(at + 4), jcf_u2(at + 6)};
}

/* The line of a pc: that of the last entry, of all LineNumberTables, whose start is not behind it
 * (of the largest such start; the first of equals). -1: none is known. */
int32_t jcf_line_of(const struct jcf_class *class, const struct jcf_method *method, uint32_t pc);

/* One pass over the line numbers in the file's order: zero the cursor, call until false. */
struct jcf_line_cursor {
    uint32_t at, end;   /* entries left of this table */
    uint32_t attribute; /* where the next attribute begins */
    uint32_t attributes_left;
    bool begun;
};
struct jcf_line {
    uint16_t pc, line;
};
bool jcf_next_line(const struct jcf_class *class, const struct jcf_method *method,
                   struct jcf_line_cursor *cursor, struct jcf_line *ret_line);

/* A local variable of LocalVariableTable; pc in start <= pc < start + length. */
struct jcf_local {
    uint16_t start, length, name, descriptor, slot;
};

/* One pass over the local variables: zero the cursor, call until false. */
struct jcf_local_cursor {
    uint32_t at, end;
    uint32_t attribute;
    uint32_t attributes_left;
    bool begun;
};
bool jcf_next_local(const struct jcf_class *class, const struct jcf_method *method,
                    struct jcf_local_cursor *cursor, struct jcf_local *ret_local);

/* The variable in `slot` at `pc`; false: none is known. */
bool jcf_local_at(const struct jcf_class *class, const struct jcf_method *method, uint32_t slot,
                  uint32_t pc, struct jcf_local *ret_local);
