/* Compiler attributes under short names, so that both compilers and C17 agree on them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ST_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define ST_MUST_CHECK __attribute__((warn_unused_result))
#define ST_NORETURN __attribute__((noreturn))
#define ST_UNUSED __attribute__((unused))
#define ST_PACKED __attribute__((packed))
#define ST_FALLTHROUGH __attribute__((fallthrough))
#define ST_NOINLINE __attribute__((noinline))
/* A function of which its callers may know nothing but its declaration: what is all assembly. */
#if __has_attribute(noipa)
#define ST_OPAQUE __attribute__((noipa))
#else
#define ST_OPAQUE __attribute__((noinline))
#endif
#define ST_NONNULL __attribute__((nonnull))

/* Number of elements of an array (never of a pointer: that does not compile). */
#define ST_COUNT(array)                                                                            \
    (sizeof(array) / sizeof((array)[0]) +                                                          \
     0 * sizeof(char[1 - 2 * __builtin_types_compatible_p(__typeof__(array),                       \
                                                          __typeof__(&(array)[0]))]))

#define ST_MIN(a, b)                                                                               \
    ({                                                                                             \
        __typeof__(a) st_min_a = (a);                                                              \
        __typeof__(b) st_min_b = (b);                                                              \
        st_min_a < st_min_b ? st_min_a : st_min_b;                                                 \
    })
#define ST_MAX(a, b)                                                                               \
    ({                                                                                             \
        __typeof__(a) st_max_a = (a);                                                              \
        __typeof__(b) st_max_b = (b);                                                              \
        st_max_a > st_max_b ? st_max_a : st_max_b;                                                 \
    })

/* The struct that holds `member` at `pointer`. */
#define ST_CONTAINER(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
