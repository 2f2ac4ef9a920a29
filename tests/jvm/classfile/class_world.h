/*
 * The classes of a JDK's lib/modules as the surroundings of one class that is checked: what a
 * verifier asks of other classes, and the checks of a definition that need them. The class itself
 * is of another loader, so it shares its run-time package with none of them.
 */
#pragma once

#include <stdbool.h>

#include "format/fmt_jimage.h"
#include "jvm/classfile/jcf_parse.h"
#include "jvm/classfile/jcf_verify.h"

enum { WORLD_PLACES = 1 << 16 };

struct world {
    struct fmt_jimage image;
    struct st_arena arena;                   /* of the classes below */
    struct jcf_class *classes[WORLD_PLACES]; /* hashed by name */
    const struct jcf_class *own;             /* the class that is checked */
    struct jcf_class checked;                /* world_check's */
    bool shares_packages;                    /* `own` is one of the image itself */
    const char *missing;                     /* what a question failed for: java/lang/... */
};

/* Opens lib/modules; exits with a message when that fails. */
void world_open(struct world *world, const char *path);

/* A class of the image, or the own one; NULL: there is none. */
const struct jcf_class *world_find(struct world *world, struct jcf_text name);

/* The module of a class of the image ("java.base"); "" if none. */
const char *world_module(struct world *world, struct jcf_text name);

/* What jcf_verify asks. */
struct jcf_verify_env world_env(struct world *world);

/* Parses and checks a class as if it were defined and linked: 0, or the error's Java class in
 * *ret_error ("java/lang/VerifyError") with its message ("" where that is the surroundings'). "old"
 * as the class: only the inferring verifier could tell. */
bool world_check(struct world *world, const void *bytes, size_t size, struct jcf_text name,
                 struct st_arena *arena, const char **ret_error, const char **ret_message);
