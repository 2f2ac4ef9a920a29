/*
 * jdk.internal.perf.Perf: counters of the library in memory of their own. There is no hsperfdata
 * file to attach to; the library's counters work all the same.
 */
#include <stdlib.h>
#include <string.h>

#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_fast.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_throw.h"
#include "os/os_time.h"

#define NATIVE(name)                                                                               \
    static bool name(struct jrt_thread *thread ST_UNUSED, union jrt_slot *args ST_UNUSED,          \
                     union jrt_slot *result ST_UNUSED)

/* A direct buffer over new memory, which is never given back: counters live as long as the machine.
 */
static bool counter(struct jrt_thread *thread, size_t bytes, int64_t value, union jrt_slot *result)
{
    char *memory = calloc(1, bytes < 8 ? 8 : bytes);
    if (memory == NULL) {
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    memcpy(memory, &value, bytes < 8 ? bytes : 8);
    struct job_object *buffer = jdk_direct_buffer(thread, memory, (int64_t)bytes);
    if (buffer == NULL) {
        free(memory);
    }
    result->word = job_to_ref(buffer).word;
    return buffer != NULL;
}

/* this, name, variability, units, value */
NATIVE(create_long)
{
    return counter(thread, 8, args[4].j, result);
}

/* this, name, variability, units, value[], length */
NATIVE(create_byte_array)
{
    const struct job_array *value = (const struct job_array *)job_from_ref(args[4].ref);
    size_t bytes = args[5].i > 0 ? (size_t)args[5].i : 1;
    if (!counter(thread, bytes, 0, result) || value == NULL) {
        return !jrt_failed(thread);
    }
    return jdk_fill_buffer(job_from_ref(result->ref), job_elements(value),
                           ST_MIN(bytes, (size_t)value->length));
}

NATIVE(attach)
{
    return jrt_throw(thread, JRT_IllegalArgumentException,
                     "this virtual machine keeps no performance data for others");
}

NATIVE(nothing)
{
    return true;
}

NATIVE(high_res_counter)
{
    result->j = (int64_t)os_monotonic_ns();
    return true;
}

NATIVE(high_res_frequency)
{
    result->j = 1000000000;
    return true;
}

const struct jdk_fast jdk_fast_perf[] = {
    {"attach", "(Ljava/lang/String;II)Ljava/nio/ByteBuffer;", attach},
    {"detach", "(Ljava/nio/ByteBuffer;)V", nothing},
    {"createLong", "(Ljava/lang/String;IIJ)Ljava/nio/ByteBuffer;", create_long},
    {"createByteArray", "(Ljava/lang/String;II[BI)Ljava/nio/ByteBuffer;", create_byte_array},
    {"highResCounter", "()J", high_res_counter},
    {"highResFrequency", "()J", high_res_frequency},
    {"registerNatives", "()V", nothing},
    {NULL, NULL, NULL},
};
