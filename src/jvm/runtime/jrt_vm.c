/*
 * The machine's creation, and the collector's callbacks.
 */
#include "jvm/runtime/jrt_vm.h"

#include <sys/resource.h>

#include "base/arith.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_handle.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_life.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_string_priv.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw_priv.h"
#include "jvm/runtime/jrt_unload.h"
#include "os/os_identity.h"

/* Above the heap, which ends below 32 GiB. */
#define META_WISH 0x900000000u
#define META_LEAST 0x4000000u

struct jrt_options jrt_options;

static void stop_world(void *argument, struct jgc_local *self)
{
    (void)argument;
    jrt_world_stop(ST_CONTAINER(self, struct jrt_thread, alloc));
}

static void resume_world(void *argument, struct jgc_local *self)
{
    (void)argument, (void)self;
    jrt_world_resume();
}

static void visit_roots(void *argument, struct jgc_visitor *visitor)
{
    (void)argument;
    jrt_threads_roots(visitor);
    jrt_globals_visit(visitor);
    jrt_loaders_roots(visitor);
    jrt_throw_roots(visitor);
    jgc_visit_slot(visitor, &jrt_system_group);
    jgc_visit_slot(visitor, &jrt_main_group);
}

static void visit_weak(void *argument)
{
    (void)argument;
    jrt_interns_update();
    jrt_weaks_clear();
    jrt_monitors_sweep();
    jrt_loaders_update();
}

static void collected(void *argument, const struct jgc_pause *pause)
{
    (void)argument;
    if (jrt_options.collected) {
        jrt_options.collected(pause);
    }
}

static void finished(void *argument, const struct jgc_pause *pause)
{
    (void)argument;
    if (jrt_options.finished) {
        jrt_options.finished(pause);
    }
}

static void reached(void *argument, const struct jgc_usage *usage)
{
    (void)argument;
    if (jrt_options.reached) {
        jrt_options.reached(usage);
    }
}

static void log_line(void *argument, const char *line)
{
    (void)argument;
    if (jrt_options.log_gc && jrt_options.log_line) {
        jrt_options.log_line("gc", line);
    }
}

static int make_heap(const struct jrt_options *options, struct st_err *err)
{
    const struct jgc_config config = {.min_bytes = options->heap_min,
                                      .max_bytes = options->heap_max,
                                      .stress_every = options->stress_every,
                                      .verify = options->verify_heap,
                                      .evacuate = options->stress_every != 0,
                                      .soft_ms_per_mb = UINT32_MAX};
    const struct jgc_callbacks callbacks = {.stop_world = stop_world,
                                            .resume_world = resume_world,
                                            .visit_roots = visit_roots,
                                            .visit_weak = visit_weak,
                                            .collected = collected,
                                            .reached = reached,
                                            .finished = finished,
                                            .log = log_line};
    return jgc_create(&config, &callbacks, err);
}

static int make_tables(struct st_err *err)
{
    int r = jrt_symbols_init();
    r = r < 0 ? r : jrt_loaders_init();
    r = r < 0 ? r : jrt_known_init();
    r = r < 0 ? r : jrt_interns_init();
    if (r >= 0 && !jrt_make_primitives()) {
        r = -ST_ENOMEM;
    }
    return r < 0 ? st_fail_os(err, r, "making the machine's tables") : 0;
}

bool jrt_boot_classes(struct jrt_thread *thread)
{
    static const enum jrt_known_class first[] = {JRT_Object, JRT_Class, JRT_Cloneable,
                                                 JRT_Serializable};
    for (uint32_t i = 0; i < ST_COUNT(first); i++) {
        if (!jrt_need_class(thread, jrt_boot_loader, jrt_names.class[first[i]])) {
            return false;
        }
        if (first[i] == JRT_Class && !jrt_fix_mirrors(thread)) {
            return false;
        }
    }
    if (!jrt_link_class(thread, jrt_known.class[JRT_Object])) {
        return false;
    }
    jrt_complete_arrays();
    for (uint32_t i = 0; i < JRT_KNOWN_REQUIRED; i++) {
        if (!jrt_need_class(thread, jrt_boot_loader, jrt_names.class[i])) {
            return false;
        }
    }
    jrt_known.object_array = jrt_array_class(thread, jrt_known.class[JRT_Object]);
    jrt_known.class_array = jrt_array_class(thread, jrt_known.class[JRT_Class]);
    jrt_known.string_array = jrt_array_class(thread, jrt_known.class[JRT_String]);
    return jrt_known.object_array && jrt_known.class_array && jrt_known.string_array &&
           jrt_throw_init(thread);
}

uint64_t jrt_address_limit(void)
{
    struct rlimit limit;
    int r = os_prlimit(0, RLIMIT_AS, NULL, &limit);
    return r < 0 || limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : limit.rlim_cur;
}

/* Where addresses are few the metadata gets an eighth of them: a quarter of a usual heap's half. */
static uint64_t meta_bytes(void)
{
    uint64_t share = ST_MAX(jrt_address_limit() / 8, (uint64_t)META_LEAST);
    return ST_MIN(share, (uint64_t)JRT_META_BYTES) >> 20 << 20;
}

struct jrt_thread *jrt_vm_create(const struct jrt_options *options, struct st_err *err)
{
    jrt_options = *options;
    int r = job_meta_init(META_WISH, meta_bytes(), err);
    r = r < 0 ? r : make_tables(err);
    r = r < 0 ? r : jrt_boot_init(&options->boot, err);
    r = r < 0 ? r : make_heap(options, err);
    struct jrt_thread *thread = r < 0 ? NULL : jrt_thread_attach(err);
    if (!thread) {
        return NULL;
    }
    if (!jrt_boot_classes(thread)) {
        (void)st_fail(err, ST_ECORRUPT, "loading the class library: %s", jrt_early_message);
        return NULL;
    }
    return thread;
}
