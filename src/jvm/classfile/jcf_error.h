/*
 * Why a class file was refused: the Java error to throw and its message, in HotSpot 17's words.
 * Parser and verifier report so; the runtime throws.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "base/arena.h"
#include "base/attr.h"

enum jcf_error_kind {
    JCF_ERROR_NONE,
    JCF_ERROR_CLASS_FORMAT,        /* java.lang.ClassFormatError */
    JCF_ERROR_UNSUPPORTED_VERSION, /* java.lang.UnsupportedClassVersionError */
    JCF_ERROR_NO_CLASS_DEF,        /* java.lang.NoClassDefFoundError */
    JCF_ERROR_INCOMPATIBLE_CHANGE, /* java.lang.IncompatibleClassChangeError */
    JCF_ERROR_VERIFY,              /* java.lang.VerifyError */
    JCF_ERROR_ILLEGAL_ACCESS,      /* java.lang.IllegalAccessError */
    JCF_ERROR_NO_MEMORY,           /* java.lang.OutOfMemoryError: the arena had none */
    JCF_ERROR_PENDING,             /* a callback failed and has its own exception */
};

struct jcf_error {
    enum jcf_error_kind kind;
    /* Modified UTF-8 with a closing zero, in the arena or static; NULL for JCF_ERROR_PENDING. */
    const char *message;
    /* Of a class of version 50 that the typed verifier refuses: the other is not asked. */
    bool final;
};

/* Sets *error with a message formatted as by st_snprintf into the arena: at most 1023 bytes, cut at
 * a whole character. Returns -ST_ECORRUPT (-ST_ENOMEM, with that kind, when the arena has none). */
int jcf_fail(struct jcf_error *error, struct st_arena *arena, enum jcf_error_kind kind,
             const char *format, ...) ST_PRINTF(4, 5);
int jcf_vfail(struct jcf_error *error, struct st_arena *arena, enum jcf_error_kind kind,
              const char *format, va_list args);

/* Sets *error to JCF_ERROR_NO_MEMORY. Returns -ST_ENOMEM. */
int jcf_fail_memory(struct jcf_error *error);

/* "java/lang/VerifyError" and so on; NULL for JCF_ERROR_NONE and JCF_ERROR_PENDING. */
const char *jcf_error_class(enum jcf_error_kind kind);
