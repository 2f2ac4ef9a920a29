/*
 * The collector alone, without a Java program over it: allocation, short lives, a tree, a large
 * live set with a slow replacement, large arrays, a deep list. Times are of the whole loop,
 * collections included; the pauses' number, sum and maximum follow.
 *
 *   meson setup out/release --buildtype=release && ninja -C out/release libjvm-gc.a libjvm-object.a
 * libos.a libbase.a
 *   gcc -O2 -D_GNU_SOURCE -Isrc bench/jvm/gc_bench.c -o out/gc_bench out/release/libjvm-gc.a \
 *       out/release/libjvm-object.a out/release/libos.a out/release/libbase.a -lpthread
 *   taskset -c 1 out/gc_bench [MAX_MB [NAME]]
 */
#include <stdio.h>
#include <stdlib.h>

#include "jvm/gc/jgc_world_test.h"
#include "os/os_time.h"

enum { ROOTS = 40 };

static jref_t roots[ROOTS];
static struct jgc_local local;

static void visit_roots(void *argument, struct jgc_visitor *visitor)
{
    (void)argument;
    for (int i = 0; i < ROOTS; i++) {
        jgc_visit_slot(visitor, &roots[i]);
    }
}

static void visit_weak(void *argument)
{
    (void)argument;
}

static void print_log(void *argument, const char *line)
{
    (void)argument;
    if (getenv("GC_LOG") != NULL) {
        printf("%s\n", line);
    }
}

static uint64_t seed = 1;

static uint32_t random_below(uint32_t below)
{
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)((seed >> 32) * below >> 32);
}

static struct job_object *node(int refs)
{
    struct job_object *made = new_node(&local, refs, 1);
    if (made == NULL) {
        printf("out of memory\n");
        exit(1);
    }
    return made;
}

static struct job_object *array(const struct job_class *of, int32_t length)
{
    struct job_object *made = new_array(&local, of, length);
    if (made == NULL) {
        printf("out of memory\n");
        exit(1);
    }
    return made;
}

static jref_t *element(jref_t of, uint32_t at)
{
    return (jref_t *)job_elements((struct job_array *)job_from_ref(of)) + at;
}

/* 24 bytes, dead at once. */
static uint64_t alloc(void)
{
    for (uint64_t i = 0; i < 100000000; i++) {
        (void)node(3);
    }
    return 100000000;
}

/* 32 bytes, the last 1,024 of them live. */
static uint64_t young(void)
{
    roots[0] = job_to_ref(array(classes.ref_array, 1024));
    for (uint64_t i = 0; i < 40000000; i++) {
        struct job_object *made = node(5);
        jgc_store(job_from_ref(roots[0]), element(roots[0], i & 1023), job_to_ref(made));
    }
    return 40000000;
}

/* Trees of depth `depth`; the way down is held by the roots. */
static jref_t tree(uint32_t depth, int root)
{
    roots[root] = job_to_ref(node(2));
    if (depth > 0) {
        for (int i = 0; i < 2; i++) {
            jref_t child = tree(depth - 1, root + 1);
            jgc_store(job_from_ref(roots[root]), node_slot(job_from_ref(roots[root]), i), child);
        }
    }
    return roots[root];
}

static uint64_t trees(void)
{
    uint64_t made = 0;
    roots[0] = tree(17, 1);
    for (uint32_t depth = 4; depth <= 17; depth += 4) {
        for (uint32_t i = 0; i < 1U << (17 - depth + 4); i++) {
            (void)tree(depth, 1);
            made += 2U << depth;
        }
    }
    return made;
}

/* A million pairs of objects, 220 MB, one of which is replaced at each 16th allocation. */
static uint64_t live(void)
{
    enum { COUNT = 1000000 };
    roots[0] = job_to_ref(array(classes.ref_array, COUNT));
    for (uint32_t i = 0; i < COUNT + 6000000; i++) {
        bool kept = i < COUNT || i % 16 == 0;
        roots[1] = job_to_ref(array(classes.bytes, kept ? 128 : 16 + (int32_t)(i & 63)));
        roots[2] = job_to_ref(node(3));
        jgc_store(job_from_ref(roots[2]), node_slot(job_from_ref(roots[2]), 0), roots[1]);
        if (kept) {
            struct job_object *entry = node(4);
            jgc_store(entry, node_slot(entry, 0), roots[2]);
            uint32_t at = i < COUNT ? i : random_below(COUNT);
            jgc_store(job_from_ref(roots[0]), element(roots[0], at), job_to_ref(entry));
        }
    }
    return 2 * (COUNT + 6000000);
}

/* Arrays of a megabyte, the last 16 of them live. */
static uint64_t big(void)
{
    for (uint32_t i = 0; i < 2000; i++) {
        roots[i & 15] = job_to_ref(array(classes.bytes, 1 << 20));
    }
    return 2000;
}

/* A list of three million. */
static uint64_t deep(void)
{
    for (uint32_t i = 0; i < 3000000; i++) {
        roots[1] = job_to_ref(array(classes.bytes, 0));
        struct job_object *made = node(2);
        jgc_store(made, node_slot(made, 0), roots[0]);
        jgc_store(made, node_slot(made, 1), roots[1]);
        roots[0] = job_to_ref(made);
    }
    jgc_collect(&local, JGC_SYSTEM);
    roots[0].word = 0;
    jgc_collect(&local, JGC_SYSTEM);
    return 6000000;
}

static const struct {
    const char *name;
    uint64_t (*run)(void);
} benches[] = {{"alloc", alloc}, {"young", young}, {"trees", trees},
               {"live", live},   {"big", big},     {"deep", deep}};

int main(int argc, char **argv)
{
    uint64_t mb = argc > 1 ? strtoul(argv[1], NULL, 10) : 512;
    const struct jgc_callbacks callbacks = {.stop_world = world_stop,
                                            .resume_world = world_resume,
                                            .visit_roots = visit_roots,
                                            .visit_weak = visit_weak,
                                            .log = print_log};
    const struct jgc_config config = {.max_bytes = mb << 20, .soft_ms_per_mb = UINT32_MAX};
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
        if (argc > 2 && strcmp(argv[2], benches[i].name) != 0) {
            continue;
        }
        world_make_classes();
        struct st_err err = {0};
        if (jgc_create(&config, &callbacks, &err) < 0) {
            printf("%s\n", err.msg);
            return 1;
        }
        jgc_local_init(&local);
        world_enter();
        for (int round = 0; round < 3; round++) {
            struct jgc_stats before;
            struct jgc_stats after;
            jgc_get_stats(&before);
            memset(roots, 0, sizeof(roots));
            uint64_t begin = os_monotonic_ns();
            uint64_t count = benches[i].run();
            uint64_t ns = os_monotonic_ns() - begin;
            jgc_get_stats(&after);
            printf("%-6s %7.1f ms, %6.2f ns an object; %llu pauses, %.1f ms, longest %.2f ms; "
                   "moved %llu MB\n",
                   benches[i].name, (double)ns / 1e6, (double)ns / (double)count,
                   (unsigned long long)(after.collections - before.collections),
                   (double)(after.collected_ns - before.collected_ns) / 1e6,
                   (double)after.longest_ns / 1e6,
                   (unsigned long long)((after.moved_bytes - before.moved_bytes) >> 20));
        }
        memset(roots, 0, sizeof(roots));
        world_leave();
        jgc_local_done(&local);
        jgc_destroy();
        job_meta_done();
    }
    return 0;
}
