/*
 * Assertions. All of them mean a bug of ours: what a guest, a peer, a file or a user can cause
 * returns an error.
 *
 * ST_CHECK is always compiled in; ST_ASSERT only where NDEBUG is not set (debug and CI builds).
 */
#pragma once

#define ST_CHECK(condition)                                                                        \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

#ifdef NDEBUG
#define ST_ASSERT(condition) ((void)0)
#else
#define ST_ASSERT(condition) ST_CHECK(condition)
#endif

#define ST_UNREACHABLE() __builtin_trap()
