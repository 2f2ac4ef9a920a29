/*
 * The lock word of an object (struct job_object.lock).
 *
 *      31                        2 1 0
 *      +--------------------------+---+
 *      | hash, 30 bits, 0: none   |0 0|  free
 *      | owner, 22    | depth, 8  |0 1|  thin: held by the thread of that number, depth + 1 times
 *      | monitor index, 30 bits   |1 0|  inflated: the monitor has the hash and the owner
 *      |                          |1 1|  forwarded: the new place is in the high word; only while
 *      +--------------------------+---+             the world is stopped
 *
 * A hashed object that is locked inflates, a locked one that is hashed too, and so does one whose
 * depth would overflow. Changed by 32-bit compare-and-swap, but for forwarding, which is a 64-bit
 * one.
 */
#pragma once

#include <stdint.h>

enum job_lock_tag {
    JOB_LOCK_FREE = 0,
    JOB_LOCK_THIN = 1,
    JOB_LOCK_INFLATED = 2,
    JOB_LOCK_FORWARDED = 3
};

enum {
    JOB_LOCK_TAG_BITS = 2,
    JOB_LOCK_TAG_MASK = 3,
    JOB_LOCK_DEPTH_AT = 2,
    JOB_LOCK_DEPTH_ONE = 1 << 2,
    JOB_LOCK_DEPTH_MASK = 0xff << 2,
    JOB_LOCK_OWNER_AT = 10,
    JOB_LOCK_OWNER_MAX = (1 << 22) - 1, /* numbers of threads are 1 .. this */
    JOB_HASH_MAX = (1 << 30) - 1
};

static inline enum job_lock_tag job_lock_tag(uint32_t word)
{
    return (enum job_lock_tag)(word & JOB_LOCK_TAG_MASK);
}
