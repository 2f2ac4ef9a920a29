/*
 * The characters of a string, for the runtime's own files.
 */
#pragma once

#include "jvm/runtime/jrt_string.h"

struct jrt_chars {
    const uint8_t *bytes; /* UTF-16 units in the host's order where coder is 1 */
    uint32_t count;       /* of chars */
    int coder;            /* 0: Latin-1, 1: UTF-16 */
};

/* Points into the string. */
struct jrt_chars jrt_chars_of(const struct job_object *string);
/* A new string; the chars are not in the heap. */
struct job_object *jrt_string_of_bytes(struct jrt_thread *thread, const struct jrt_chars *chars);

int jrt_interns_init(void) ST_MUST_CHECK;
/* In the collector's weak phase: forgets strings that died. */
void jrt_interns_update(void);
