/*
 * Pieces of HotSpot 17's error messages: where a class is, how a method is written.
 */
#pragma once

#include "jvm/runtime/jrt_loader.h"

enum { JRT_MESSAGE_BYTES = 1024 }; /* of a piece; longer ones are cut */

/* "p.C is in module m of loader 'app'", with "are" where `others` follow in front of it. */
const char *jrt_place_text(const struct jrt_class *class, char *text, uint32_t size);
/* "p.C is in unnamed module of loader p.Loader @1a2b3c, parent loader 'app'"; the library's own
 * loaders are told without parents. */
const char *jrt_place_and_parent_text(const struct jrt_class *class, char *text, uint32_t size);
/* "p.C and p.D are in module m of loader 'app'"; where they are in different ones
 * "p.C is in ...; p.D is in ...". */
const char *jrt_places_text(const struct jrt_class *one, const struct jrt_class *other, char *text,
                            uint32_t size);
/* "'app'", "p.Loader @1a2b3c", "'bootstrap'". */
const char *jrt_loader_text(const struct jrt_loader *loader, char *text, uint32_t size);
/* "void p.C.m(int, java.lang.String)", without the class where class_name is 0. */
const char *jrt_method_text(const char *class_name, const char *name, const char *descriptor,
                            char *text, uint32_t size);
/* Why the module system denies `from` the class `to`: "class X (in module A) cannot access class Y
 * (in module B) because ..."; NULL: it does not. */
const char *jrt_module_denial_text(const struct jrt_class *from, const struct jrt_class *to,
                                   char *text, uint32_t size);
/* "int[]" of "[I". Returns where the descriptor's type ends. */
const char *jrt_type_text(const char *descriptor, char *text, uint32_t size);
