/*
 * Class metadata: one reserved range of addresses that everything about classes lies in, so that a
 * 32-bit offset names it. A file of linked classes can later be mapped at the range's start as it
 * is: nothing in it is an address.
 *
 * Memory is given out from arenas, one a class loader (one a hidden class that may be unloaded by
 * itself); an arena gives all of it back at once. What is written after a class is linked lies in
 * chunks apart from what is only read, because each first write to a page of a mapped file costs
 * 2.5 us.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* An offset into the metadata; 0 is nothing. */
typedef uint32_t job_offset_t;

enum job_meta_kind {
    JOB_META_READ,    /* not written once its class is linked: constants, code, names, tables */
    JOB_META_WRITTEN, /* entry words, counters, resolved entries, states */
    JOB_META_KINDS
};

/* Where offset 0 would be; never changes after job_meta_init. Set by job_meta.c alone. */
extern char *job_meta_base;

/* Reserves the range (`size` bytes, a multiple of 1 MiB, at most 4 GiB - 1 MiB) at `wish` or, if
 * there is something else, wherever there is room. Once a process, before any other call. Pages
 * cost nothing before they are used. Returns 0, -ST_EINVAL, -ST_ESTATE, -ST_ENOMEM. */
int job_meta_init(uint64_t wish, uint64_t size, struct st_err *err) ST_MUST_CHECK;
/* Gives the range back (tests): nothing of it may be in use any more. */
void job_meta_done(void);

/* Bytes of the range. */
uint64_t job_meta_size(void);

/* Whether the address lies in the range. */
bool job_meta_has(const void *address);

/* Bytes given to arenas now. Any thread, as all of the functions here but init and done. */
uint64_t job_meta_used(void);
/* The most of it that there was since job_meta_reset_peak. */
uint64_t job_meta_peak(void);
void job_meta_reset_peak(void);
/* Has `reached` called on a thread that has taken memory for an arena and finds as many bytes or
 * more used, until another value is set; UINT64_MAX: never. */
void job_meta_watch(uint64_t used_bytes, void (*reached)(void));

static inline void *job_at(job_offset_t offset)
{
    return job_meta_base + offset;
}

static inline job_offset_t job_offset(const void *address)
{
    return (job_offset_t)((const char *)address - job_meta_base);
}

/* All of it is private to job_meta.c; zeroed is an empty arena. One thread at a time uses one. */
struct job_arena {
    struct job_arena_chunk *chunks; /* all of it, the newest first */
    char *cursor[JOB_META_KINDS];
    char *limit[JOB_META_KINDS];
    uint64_t bytes[JOB_META_KINDS]; /* in chunks */
};

/* Zeroed memory, aligned to 8. NULL: the range is used up. Chunks grow with the arena, from 1 KiB:
 * one with a single small class in it is small. */
void *job_arena_alloc(struct job_arena *arena, enum job_meta_kind kind, size_t size) ST_MUST_CHECK;
/* Gives everything of the arena back; pages go back to the host. */
void job_arena_done(struct job_arena *arena);
