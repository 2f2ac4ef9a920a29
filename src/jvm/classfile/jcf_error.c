/* Errors of parser and verifier: a message in the arena. */
#include "jvm/classfile/jcf_error.h"

#include "base/err.h"
#include "base/memops.h"
#include "base/print.h"

enum { MESSAGE_MAX = 1024 };

/* What is left of a text that was cut at `length`: less a character that the cut went through. */
static size_t whole_characters(const char *text, size_t length)
{
    size_t at = length;
    while (at > 0 && ((uint8_t)text[at - 1] & 0xC0) == 0x80 && length - at < 2) {
        at--;
    }
    if (at == 0) {
        return length;
    }
    uint8_t lead = (uint8_t)text[at - 1];
    size_t wanted = lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return length - at + 1 < wanted ? at - 1 : length;
}

int jcf_vfail(struct jcf_error *error, struct st_arena *arena, enum jcf_error_kind kind,
              const char *format, va_list args)
{
    char text[MESSAGE_MAX];
    size_t length = st_vsnprintf(text, sizeof(text), format, args);
    if (length >= sizeof(text)) {
        length = whole_characters(text, sizeof(text) - 1);
    }
    char *message = st_arena_alloc(arena, length + 1, 1);
    if (message == NULL) {
        return jcf_fail_memory(error);
    }
    memcpy(message, text, length);
    message[length] = 0;
    *error = (struct jcf_error){.kind = kind, .message = message};
    return -ST_ECORRUPT;
}

int jcf_fail(struct jcf_error *error, struct st_arena *arena, enum jcf_error_kind kind,
             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = jcf_vfail(error, arena, kind, format, args);
    va_end(args);
    return r;
}

int jcf_fail_memory(struct jcf_error *error)
{
    *error = (struct jcf_error){.kind = JCF_ERROR_NO_MEMORY, .message = "class file"};
    return -ST_ENOMEM;
}

const char *jcf_error_class(enum jcf_error_kind kind)
{
    switch (kind) {
    case JCF_ERROR_NONE:
    case JCF_ERROR_PENDING:
        return NULL;
    case JCF_ERROR_CLASS_FORMAT:
        return "java/lang/ClassFormatError";
    case JCF_ERROR_UNSUPPORTED_VERSION:
        return "java/lang/UnsupportedClassVersionError";
    case JCF_ERROR_NO_CLASS_DEF:
        return "java/lang/NoClassDefFoundError";
    case JCF_ERROR_INCOMPATIBLE_CHANGE:
        return "java/lang/IncompatibleClassChangeError";
    case JCF_ERROR_VERIFY:
        return "java/lang/VerifyError";
    case JCF_ERROR_ILLEGAL_ACCESS:
        return "java/lang/IllegalAccessError";
    case JCF_ERROR_NO_MEMORY:
        return "java/lang/OutOfMemoryError";
    }
    return NULL;
}
