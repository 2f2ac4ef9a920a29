/*
 * java.lang.String from C. Compact: Latin-1 where every char is below 256, else UTF-16
 * (jvm-interface.md 5.2). NULL: OutOfMemoryError is pending.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "jvm/runtime/jrt_thread.h"

struct job_object *jrt_string(struct jrt_thread *thread, const char *modified_utf8, size_t length);
struct job_object *jrt_string_of(struct jrt_thread *thread, const char *modified_utf8);
struct job_object *jrt_string_utf16(struct jrt_thread *thread, const uint16_t *chars,
                                    int32_t count);
/* The one string of that content in the machine's table (String.intern, literals). The table is
 * weak. */
struct job_object *jrt_intern(struct jrt_thread *thread, struct job_object *string);
/* The class's name as Class.getName gives it. NULL: an exception is pending. */
struct job_object *jrt_intern_name(struct jrt_thread *thread, const struct jrt_class *class);
struct job_object *jrt_intern_symbol(struct jrt_thread *thread, job_offset_t symbol);

int32_t jrt_string_length(const struct job_object *string); /* in chars */
uint16_t jrt_string_char(const struct job_object *string, int32_t index);
/* Bytes of the string in modified UTF-8, without a final 0; and written into text (cut between
 * characters; a 0 is added). */
size_t jrt_string_utf8_length(const struct job_object *string);
size_t jrt_string_utf8(const struct job_object *string, char *text, size_t size);
/* Adds all of it, in modified UTF-8; nothing of NULL. */
void jrt_string_add(const struct job_object *string, struct st_buf *to);
/* The symbol of a string (dots made slashes if `slashes`); 0: out of memory or longer than 65,535.
 */
job_offset_t jrt_string_symbol(const struct job_object *string, bool slashes);
