/*
 * In builds with AddressSanitizer memory of the heap that holds no object may not be touched: C
 * code that has a reference the collector did not see is caught at its next use of it. Elsewhere
 * these do nothing.
 */
#pragma once

#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__)
#define JGC_UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define JGC_UNDER_ASAN 1
#endif
#endif
#ifndef JGC_UNDER_ASAN
#define JGC_UNDER_ASAN 0
#endif

#if JGC_UNDER_ASAN
#include <sanitizer/asan_interface.h>
#endif

static inline void jgc_poison(const void *from, size_t bytes)
{
#if JGC_UNDER_ASAN
    __asan_poison_memory_region(from, bytes);
#else
    (void)from, (void)bytes;
#endif
}

static inline void jgc_unpoison(const void *from, size_t bytes)
{
#if JGC_UNDER_ASAN
    __asan_unpoison_memory_region(from, bytes);
#else
    (void)from, (void)bytes;
#endif
}
