/*
 * Ownership helpers for hosted modules: variables that clean up after themselves.
 *
 *     st_auto(free) char *path = NULL;      freed at the end of its scope
 *     return st_take(path);                 hands it over: path is NULL afterwards
 *
 * st_auto(kind) needs a function `st_cleanup_kind(type *variable)`; the header of each owned type
 * defines its own. The built-ins below are the C library's functions; bare code, which has none,
 * does not include this file.
 */
#pragma once

#include "base/attr.h"

#define st_auto(kind) __attribute__((cleanup(st_cleanup_##kind)))

static inline void st_cleanup_free(void *variable)
{
    __builtin_free(*(void **)variable);
}

#define st_take(variable)                                                                          \
    ({                                                                                             \
        __typeof__(variable) st_taken = (variable);                                                \
        (variable) = NULL;                                                                         \
        st_taken;                                                                                  \
    })
