/* Errors: see err.h. */
#include "base/err.h"

#include "base/print.h"
#include "base/str.h"

const char *st_strerror(int code)
{
    switch (code < 0 ? -code : code) {
#define ST_ERROR_TEXT(name, number, text)                                                          \
    case ST_##name:                                                                                \
        return text;
        ST_ERRORS(ST_ERROR_TEXT)
#undef ST_ERROR_TEXT
    }
    return "unknown error";
}

static void set_message(struct st_err *err, int code, const char *format, va_list args)
{
    err->code = code;
    err->hint[0] = '\0';
    st_vsnprintf(err->msg, sizeof(err->msg), format, args);
}

int st_fail(struct st_err *err, int code, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        set_message(err, code, format, args);
        va_end(args);
    }
    return -code;
}

int st_fail_os(struct st_err *err, int result, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        set_message(err, -result, format, args);
        va_end(args);
        size_t used = st_strlen(err->msg);
        const char *text = st_strerror(result);
        if (text[0] == 'u' && text[1] == 'n' && text[2] == 'k') {
            st_snprintf(err->msg + used, sizeof(err->msg) - used, ": error %d", -result);
        } else {
            st_snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", text);
        }
    }
    return result;
}

int st_wrap(struct st_err *err, int result, const char *format, ...)
{
    if (err != NULL) {
        char inner[sizeof(err->msg)];
        st_snprintf(inner, sizeof(inner), "%s", err->msg);
        va_list args;
        va_start(args, format);
        st_vsnprintf(err->msg, sizeof(err->msg), format, args);
        va_end(args);
        size_t used = st_strlen(err->msg);
        st_snprintf(err->msg + used, sizeof(err->msg) - used, ": %s",
                    inner[0] != '\0' ? inner : st_strerror(result));
        if (err->code == 0) {
            err->code = -result;
        }
    }
    return result;
}

void st_hint(struct st_err *err, const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        st_vsnprintf(err->hint, sizeof(err->hint), format, args);
        va_end(args);
    }
}
