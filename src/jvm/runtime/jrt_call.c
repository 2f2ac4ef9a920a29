/*
 * Java called from C with C arguments.
 */
#include <stdarg.h>

#include "base/assert.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

/* More than any method has that the machine calls. Few, and all written: the frame lasts as long as
 * the call, and what is in it is taken for references. */
enum { ARG_SLOTS = 24 };

const struct jrt_exec *jrt_exec;

/* The descriptor's next argument after the one at `at`. */
static const char *after(const char *at)
{
    while (*at == '[') {
        at++;
    }
    if (*at == 'L') {
        while (*at != ';') {
            at++;
        }
    }
    return at + 1;
}

bool jrt_call(struct jrt_thread *thread, struct jrt_method *method, union jrt_slot *ret_result, ...)
{
    union jrt_slot args[ARG_SLOTS] = {{0}};
    union jrt_slot ignored = {0};
    uint32_t slot = 0;
    va_list list;
    ST_CHECK(method->arg_slots <= ARG_SLOTS);
    va_start(list, ret_result);
    if (!(method->access & JCF_ACC_STATIC)) {
        args[slot++].word = job_to_ref(va_arg(list, struct job_object *)).word;
    }
    for (const char *at = jrt_text(method->descriptor) + 1; *at != ')'; at = after(at)) {
        enum jrt_type type = jrt_type_of_char(*at);
        if (type == JRT_LONG) {
            args[slot].j = va_arg(list, int64_t);
            slot += 2;
        } else if (type == JRT_DOUBLE) {
            args[slot].d = va_arg(list, double);
            slot += 2;
        } else if (type == JRT_FLOAT) {
            args[slot].word = 0;
            args[slot++].f = (float)va_arg(list, double);
        } else if (type == JRT_OBJECT || type == JRT_ARRAY) {
            args[slot++].word = job_to_ref(va_arg(list, struct job_object *)).word;
        } else {
            args[slot++].j = va_arg(list, int);
        }
    }
    va_end(list);
    return jrt_exec->call(thread, method, args, ret_result ? ret_result : &ignored);
}
