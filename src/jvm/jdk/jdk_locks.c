/*
 * Locks of threads: see jdk_locks.h. Which monitors the synchronized statements of a frame hold is
 * read from its code: compilers of Java give each a handler for everything, which begins with
 * storing the exception, loading the monitor's local variable and leaving it.
 */
#include "jvm/jdk/jdk_locks.h"

#include <time.h>

#include "jvm/classfile/jcf_bytecode.h"
#include "jvm/classfile/jcf_flags.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_symbol.h"

#define SYNCHRONIZER "java/util/concurrent/locks/AbstractOwnableSynchronizer"

void jdk_synchronizers_find(struct jrt_thread *thread, struct jdk_synchronizers *ret)
{
    const struct jrt_class *class =
        jrt_loaded_class(jrt_loader_of(thread, NULL), jrt_symbol_of(SYNCHRONIZER));
    const struct jrt_field *owner =
        class != NULL ? jrt_find_field(class, jrt_symbol_of("exclusiveOwnerThread"),
                                       jrt_symbol_of("Ljava/lang/Thread;"))
                      : NULL;
    *ret = (struct jdk_synchronizers){.class = owner != NULL ? class : NULL,
                                      .owner_at = owner != NULL ? owner->offset : 0};
}

bool jdk_is_synchronizer(const struct jdk_synchronizers *known, const struct job_object *object)
{
    return known->class != NULL && object != NULL &&
           jrt_is_subtype(jrt_class_of(object), known->class);
}

struct numbered {
    uint32_t number;
    jref_t object;
};

static void match_number(struct jrt_thread *each, void *argument)
{
    struct numbered *numbered = argument;
    if (each->number == numbered->number) {
        numbered->object = each->object;
    }
}

/* The Thread object of an owner's number in locks; 0: none. */
static struct job_object *thread_of_number(uint32_t number)
{
    struct numbered numbered = {.number = number};
    if (number != 0) {
        jrt_threads_each(match_number, &numbered);
    }
    return job_from_ref(numbered.object);
}

void jdk_waiting_of(const struct jrt_thread *thread, const struct jdk_synchronizers *known,
                    struct jdk_waiting *ret)
{
    const struct job_object *object = job_from_ref(thread->object);
    *ret = (struct jdk_waiting){.status = jrt_int(object, JRT_AT(Thread, threadStatus))};
    ret->lock = jrt_monitor_wanted(thread, &ret->notified);
    if (ret->lock != NULL) {
        ret->owner = thread_of_number(jrt_monitor_owner(ret->lock));
    } else {
        ret->lock = jrt_ref(object, JRT_AT(Thread, parkBlocker));
        ret->owner =
            jdk_is_synchronizer(known, ret->lock) ? jrt_ref(ret->lock, known->owner_at) : NULL;
    }
}

/* The local variable that an instruction of one of an operation's forms names, and its length; -1:
 * it is another operation. `shorts`: the first of the four forms with the number in them. */
static int32_t variable(const uint8_t *code, uint32_t left, uint8_t op, uint8_t shorts,
                        uint32_t *ret_length)
{
    if (left >= 2 && code[0] == op) {
        *ret_length = 2;
        return code[1];
    }
    if (left >= 4 && code[0] == JCF_OP_WIDE && code[1] == op) {
        *ret_length = 4;
        return code[2] << 8 | code[3];
    }
    *ret_length = 1;
    return left >= 1 && code[0] >= shorts && code[0] < shorts + 4 ? code[0] - shorts : -1;
}

/* The variable of the monitor that a handler leaves; -1: it is no such handler. */
static int32_t left_by(const struct jrt_method *method, uint32_t at)
{
    const uint8_t *code = job_at(method->bytecode);
    uint32_t length;
    if (variable(code + at, method->bytecode_length - at, JCF_OP_ASTORE, JCF_OP_ASTORE_0, &length) <
        0) {
        return -1;
    }
    at += length;
    int32_t found =
        variable(code + at, method->bytecode_length - at, JCF_OP_ALOAD, JCF_OP_ALOAD_0, &length);
    at += length;
    return at < method->bytecode_length && code[at] == JCF_OP_MONITOREXIT ? found : -1;
}

uint32_t jdk_frame_monitors(union jrt_slot *fp, struct job_object **ret_monitors, uint32_t room)
{
    const struct jrt_frame *frame = jrt_frame_of(fp);
    const struct jrt_method *method = jrt_method_at(frame->method);
    const struct jrt_handler *handlers = job_at(method->handlers);
    uint32_t at = jrt_exec->bytecode_index(frame);
    uint32_t count = 0;
    for (uint32_t i = 0; i < method->handler_count; i++) {
        bool covers = handlers[i].catch_index == 0 && handlers[i].start <= at &&
                      at < handlers[i].end && handlers[i].target >= handlers[i].end;
        int32_t number = covers ? left_by(method, handlers[i].target) : -1;
        const union jrt_slot *slot = number >= 0 ? jrt_exec->local(fp, (uint32_t)number) : NULL;
        if (slot != NULL && slot->ref.word != 0 && count < room) {
            ret_monitors[count++] = job_from_ref(slot->ref);
        }
    }
    if ((frame->flags & JRT_FRAME_LOCKED) != 0 && count < room) {
        bool fixed = (method->access & JCF_ACC_STATIC) != 0;
        ret_monitors[count++] =
            fixed ? jrt_mirror(jrt_class_at(method->class_at)) : job_from_ref(fp[0].ref);
    }
    return count;
}

int64_t jdk_cpu_time_ns(int os_id)
{
    /* The kernel's clock of a thread's time: clock_getres(2), "CPU-time clocks". */
    enum { PER_THREAD_SCHEDULED = 6 };
    struct timespec time;
    clockid_t clock = (clockid_t)((~(unsigned)os_id) << 3 | PER_THREAD_SCHEDULED);
    return clock_gettime(clock, &time) == 0 ? (int64_t)time.tv_sec * 1000000000 + time.tv_nsec : -1;
}
