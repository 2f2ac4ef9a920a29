/* Formatted text without a C library: see print.h. */
#include "base/print.h"

#include <stdbool.h>

struct out {
    char *to;
    size_t size;
    size_t length;
};

struct conversion {
    bool left;
    bool zero;
    int width;
    int precision; /* -1: none */
    int size;      /* of the argument in bytes */
};

static void put(struct out *out, char c)
{
    if (out->length + 1 < out->size) {
        out->to[out->length] = c;
    }
    out->length++;
}

static void put_padded(struct out *out, const struct conversion *conv, const char *text,
                       size_t length)
{
    size_t pad = (size_t)conv->width > length ? (size_t)conv->width - length : 0;
    if (conv->zero && !conv->left && pad > 0 && length > 0 && text[0] == '-') {
        put(out, '-');
        text++;
        length--;
    }
    for (size_t i = 0; !conv->left && i < pad; i++) {
        put(out, conv->zero ? '0' : ' ');
    }
    for (size_t i = 0; i < length; i++) {
        put(out, text[i]);
    }
    for (size_t i = 0; conv->left && i < pad; i++) {
        put(out, ' ');
    }
}

static void put_number(struct out *out, const struct conversion *conv, unsigned long long value,
                       bool negative, unsigned base, char letter_a)
{
    char text[72];
    size_t at = sizeof(text);
    do {
        unsigned digit = (unsigned)(value % base);
        text[--at] = (char)(digit < 10 ? '0' + digit : (unsigned)letter_a + digit - 10);
        value /= base;
    } while (value != 0);
    if (negative) {
        text[--at] = '-';
    }
    put_padded(out, conv, text + at, sizeof(text) - at);
}

static void put_text(struct out *out, const struct conversion *conv, const char *text)
{
    size_t length = 0;
    if (text == NULL) {
        text = "(null)";
    }
    while ((conv->precision < 0 || length < (size_t)conv->precision) && text[length] != '\0') {
        length++;
    }
    put_padded(out, conv, text, length);
}

static int parse_number(const char **format, va_list *args)
{
    int value = 0;
    if (**format == '*') {
        ++*format;
        return va_arg(*args, int);
    }
    while (**format >= '0' && **format <= '9' && value < 100000) {
        value = value * 10 + (*(*format)++ - '0');
    }
    return value;
}

static const char *parse_conversion(const char *format, struct conversion *conv, va_list *args)
{
    *conv = (struct conversion){.precision = -1, .size = sizeof(int)};
    for (;; format++) {
        if (*format == '-') {
            conv->left = true;
        } else if (*format == '0') {
            conv->zero = true;
        } else {
            break;
        }
    }
    conv->width = parse_number(&format, args);
    if (conv->width < 0) {
        conv->left = true;
        conv->width = -conv->width;
    }
    if (*format == '.') {
        format++;
        conv->precision = parse_number(&format, args);
    }
    for (;; format++) {
        if (*format == 'l' || *format == 'z' || *format == 'j') {
            conv->size = sizeof(long long);
        } else if (*format != 'h') {
            return format;
        }
    }
}

static void put_integer(struct out *out, const struct conversion *conv, char type, va_list *args)
{
    _Static_assert(sizeof(long) == sizeof(long long) && sizeof(size_t) == sizeof(long long),
                   "l, ll, z and j share one case");
    if (type == 'd' || type == 'i') {
        long long value = conv->size == sizeof(int) ? va_arg(*args, int) : va_arg(*args, long long);
        bool negative = value < 0;
        unsigned long long magnitude =
            negative ? 0 - (unsigned long long)value : (unsigned long long)value;
        put_number(out, conv, magnitude, negative, 10, 'a');
        return;
    }
    unsigned long long value =
        conv->size == sizeof(int) ? va_arg(*args, unsigned) : va_arg(*args, unsigned long long);
    unsigned base = type == 'u' ? 10 : type == 'o' ? 8 : 16;
    put_number(out, conv, value, false, base, type == 'X' ? 'A' : 'a');
}

size_t st_vsnprintf(char *to, size_t size, const char *format, va_list args)
{
    struct out out = {.to = to, .size = size};
    struct conversion conv;
    va_list copy;
    va_copy(copy, args);
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        const char *start = format;
        format = parse_conversion(format + 1, &conv, &copy);
        switch (*format) {
        case 's':
            put_text(&out, &conv, va_arg(copy, const char *));
            break;
        case 'c': {
            char c = (char)va_arg(copy, int);
            put_padded(&out, &conv, &c, 1);
            break;
        }
        case 'p':
            put(&out, '0');
            put(&out, 'x');
            put_number(&out, &conv, (uintptr_t)va_arg(copy, void *), false, 16, 'a');
            break;
        case 'd':
        case 'i':
        case 'u':
        case 'o':
        case 'x':
        case 'X':
            put_integer(&out, &conv, *format, &copy);
            break;
        case '%':
            put(&out, '%');
            break;
        case '\0':
            format--;
            ST_FALLTHROUGH;
        default:
            for (; start <= format; start++) {
                put(&out, *start);
            }
        }
    }
    va_end(copy);
    if (size > 0) {
        to[out.length < size ? out.length : size - 1] = '\0';
    }
    return out.length;
}

size_t st_snprintf(char *to, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t length = st_vsnprintf(to, size, format, args);
    va_end(args);
    return length;
}
