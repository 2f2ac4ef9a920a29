/*
 * What reflection, stack traces, the verifiers and the translator ask of a class file once its
 * class is made: the parsed form of src/jvm/classfile, put together again from what the metadata
 * kept. The whole class file stays in the metadata, so ranges refer to it.
 */
#pragma once

#include "jvm/classfile/jcf_code.h"
#include "jvm/runtime/jrt_class.h"

/* The class's attributes. `tags`, `constants`, `interfaces`, `fields` and `methods` are NULL: the
 * constant pool is jrt_pool.h's (jcf_utf8 works). `bytes`, ranges, bootstrap_methods and components
 * are there. Not for arrays and primitives. */
void jrt_class_attributes(const struct jrt_class *class, struct jcf_class *ret_attributes);
/* A declared method's and field's; names are those of the class file. A made method has none: all
 * zero. */
void jrt_method_attributes(const struct jrt_method *method, struct jcf_method *ret_attributes);
void jrt_field_attributes(const struct jrt_field *field, struct jcf_field *ret_attributes);

/* Parses the class file again, all of it, into the arena (for the verifier). Returns 0 or
 * -ST_ENOMEM. */
struct st_arena;
int jrt_class_parse(const struct jrt_class *class, struct st_arena *arena,
                    struct jcf_class *ret_class) ST_MUST_CHECK;
