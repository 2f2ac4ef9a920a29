/*
 * The machine: its options, and the order in which the runtime is made. One a process.
 */
#pragma once

#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_thread.h"

struct jrt_options {
    uint64_t heap_min, heap_max; /* bytes */
    uint64_t java_stack_bytes;   /* of a thread that asks for no other */
    uint32_t processors;         /* that it may use; with one nobody waits by spinning */
    uint64_t stress_every;       /* a collection at every N-th allocation; 0: not */
    bool verify_heap;
    bool verify_boot, verify_other; /* BytecodeVerificationLocal, Remote */
    bool preview;
    bool wide_strings; /* -XX:-CompactStrings: all strings are UTF-16 */
    bool log_class, log_unload, log_gc, log_init;
    uint32_t trace_depth; /* MaxJavaStackTraceDepth, 1024 */
    struct jrt_boot_path boot;
    const void *jni; /* the JNI function table of every thread */
    /* A line of -Xlog for a tag ("gc", "class,load"), without decorations and line end. NULL: none.
     */
    void (*log_line)(const char *tag, const char *line);
    /* Of a collection, and when allocations reach what jgc_watch said: as jgc_callbacks has them.
     * NULL allowed. */
    void (*collected)(const struct jgc_pause *pause);
    void (*reached)(const struct jgc_usage *usage);
    void (*finished)(const struct jgc_pause *pause);
    /* Heap or metadata ran out, or an array was larger than any heap: before OutOfMemoryError is
     * thrown. IN_VM; may end the process. NULL allowed. */
    void (*out_of_memory)(struct jrt_thread *thread, const char *message);
    /* Ends the process with a report of something that must not be. NULL: it does not end. */
    void (*fatal)(const char *what);
    /* The handler of a thread's uncaught exception threw `thrown` itself. NULL allowed. */
    void (*handler_threw)(const struct jrt_thread *thread, const struct job_object *thrown);
    /* Verifies a class whose file has no stack maps (version below 50, or 50 where ours refused
     * it): jdk, by the library's libverify. false: an exception is pending, with `reason` for its
     * message (NULL: libverify's own). NULL: such are not verified. */
    bool (*verify_old)(struct jrt_thread *thread, struct jrt_class *class, const char *reason);
    /* Looks a native method's code up and sets method->native (and JRT_METHOD_FAST_NATIVE): jdk's.
     * false: UnsatisfiedLinkError is pending. */
    bool (*find_native)(struct jrt_thread *thread, struct jrt_method *method);
    /* The leaf of a method of the boot loader, as an index into `leaves`; 0: it has none. NULL: no
     * method has one. */
    uint16_t (*find_leaf)(const struct jrt_method *method);
    jrt_leaf_t *const *leaves;
};
extern struct jrt_options jrt_options;

/* How many bytes of addresses the process may have (`ulimit -v`); UINT64_MAX: any number. */
uint64_t jrt_address_limit(void);

/* Heap, metadata, symbols, boot path, the calling thread attached, known classes loaded. jrt_exec
 * is set before. The java.lang initialization that follows is jdk's. */
struct jrt_thread *jrt_vm_create(const struct jrt_options *options,
                                 struct st_err *err) ST_MUST_CHECK;
