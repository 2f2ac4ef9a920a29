/* Methods of the class library, translated and run. What they need of native code is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "jvm/interpreter/jin.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

static const char modules[] = "/usr/lib/jvm/java-17-openjdk-amd64/lib/modules";
static struct jrt_thread *thread;

/* Native methods answer 0, null or nothing: enough for what is called here. */
static bool zero(struct jrt_thread *caller ST_UNUSED, union jrt_slot *args ST_UNUSED,
                 union jrt_slot *ret_result)
{
    ret_result->word = 0;
    return true;
}

static bool find_native(struct jrt_thread *caller ST_UNUSED, struct jrt_method *method)
{
    method->flags |= JRT_METHOD_FAST_NATIVE;
    method->native = (uint64_t)(uintptr_t)zero;
    return true;
}

static int start(void **state ST_UNUSED)
{
    struct st_err err = {0};
    struct jrt_options options = {.heap_max = 64 << 20,
                                  .java_stack_bytes = 1 << 20,
                                  .trace_depth = 1024,
                                  .boot = {.modules = modules},
                                  .find_native = find_native};
    if (access(modules, R_OK) != 0) {
        return 0;
    }
    jin_init();
    thread = jrt_vm_create(&options, &err);
    return thread != NULL ? 0 : -1;
}

/* Calls a static method of a boot class that is initialized first. */
static union jrt_slot call(const char *class_name, const char *name, const char *descriptor,
                           const union jrt_slot *args)
{
    union jrt_slot result = {.word = 0};
    struct jrt_class *class = jrt_boot_class(thread, jrt_symbol_of(class_name));
    assert_non_null(class);
    assert_true(jrt_init_class(thread, class));
    struct jrt_method *method =
        jrt_declared_method(class, jrt_symbol_of(name), jrt_symbol_of(descriptor));
    assert_non_null(method);
    assert_true(jrt_exec->call(thread, method, args, &result));
    return result;
}

static void need_library(void)
{
    if (thread == NULL) {
        skip();
    }
}

static void computes_with_ints_and_longs(void **state ST_UNUSED)
{
    need_library();
    union jrt_slot args[4] = {{.i = -7}, {.i = 3}};
    assert_int_equal(call("java/lang/StrictMath", "floorMod", "(II)I", args).i, 2);
    args[0].j = 0x123456789abcdef0;
    assert_int_equal(call("jdk/internal/util/Preconditions", "checkIndex",
                          "(IILjava/util/function/BiFunction;)I",
                          (union jrt_slot[]){{.i = 3}, {.i = 9}, {.word = 0}})
                         .i,
                     3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(computes_with_ints_and_longs)};
    return cmocka_run_group_tests(tests, start, NULL);
}
