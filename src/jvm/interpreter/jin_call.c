/*
 * How C calls Java (jrt_exec), Java calls native code, and what signature-polymorphic methods call.
 */
#include "jvm/classfile/jcf_flags.h"
#include "jvm/interpreter/jin.h"
#include "jvm/interpreter/jin_priv.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_handle.h"
#include "jvm/runtime/jrt_intrinsic.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_monitor.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

union jrt_slot *jin_frame_end(union jrt_slot *fp)
{
    const struct jrt_method *method = jrt_method_at(jrt_frame_of(fp)->method);
    if ((jrt_frame_of(fp)->flags & JRT_FRAME_NATIVE) != 0) {
        return fp + method->arg_slots;
    }
    return fp + jin_code_of(method)->frame_slots;
}

static uint32_t entry_of(const struct jrt_method *method)
{
    if (method->intrinsic == JRT_INTRINSIC_invokeBasic) {
        return JIN_ENTRY_INVOKE_BASIC;
    }
    if (method->intrinsic >= JRT_INTRINSIC_linkToStatic &&
        method->intrinsic <= JRT_INTRINSIC_linkToInterface) {
        return JIN_ENTRY_LINK_TO;
    }
    uint32_t sought = __atomic_load_n(&method->flags, __ATOMIC_ACQUIRE);
    if ((sought & JRT_METHOD_BOOT) != 0) {
        if ((sought & JRT_METHOD_LEAF_SOUGHT) == 0) {
            return JIN_ENTRY_TRANSLATE;
        }
        if (method->leaf != 0) {
            return JIN_ENTRY_LEAF;
        }
    }
    if ((method->access & JCF_ACC_NATIVE) != 0) {
        return JIN_ENTRY_NATIVE;
    }
    if ((method->access & JCF_ACC_ABSTRACT) != 0) {
        return JIN_ENTRY_ABSTRACT;
    }
    if (method->code == 0) {
        return JIN_ENTRY_TRANSLATE;
    }
    return (method->access & JCF_ACC_SYNCHRONIZED) != 0 ? JIN_ENTRY_RUN_LOCKED : JIN_ENTRY_RUN;
}

static void set_entry(struct jrt_method *method)
{
    __atomic_store_n(&method->entry, entry_of(method), __ATOMIC_RELEASE);
}

uint16_t jin_leaf(struct jrt_method *method)
{
    uint32_t flags = __atomic_load_n(&method->flags, __ATOMIC_ACQUIRE);
    if ((flags & JRT_METHOD_BOOT) == 0) {
        return 0;
    }
    if ((flags & JRT_METHOD_LEAF_SOUGHT) == 0) {
        bool can = jrt_options.find_leaf != NULL && (method->access & JCF_ACC_SYNCHRONIZED) == 0;
        uint16_t leaf = can ? jrt_options.find_leaf(method) : 0;
        __atomic_store_n(&method->leaf, leaf, __ATOMIC_RELEASE);
        __atomic_fetch_or(&method->flags, JRT_METHOD_LEAF_SOUGHT, __ATOMIC_RELEASE);
    }
    return __atomic_load_n(&method->leaf, __ATOMIC_RELAXED);
}

static bool translated(struct jrt_thread *thread, struct jrt_method *method)
{
    return (method->access & JCF_ACC_NATIVE) != 0 ||
           __atomic_load_n(&method->code, __ATOMIC_ACQUIRE) != 0 || jin_translate(thread, method);
}

enum jin_entry jin_without_leaf(struct jrt_thread *thread, struct jrt_method *method)
{
    if (!translated(thread, method)) {
        return JIN_ENTRY_LEAF;
    }
    return (method->access & JCF_ACC_NATIVE) != 0 ? JIN_ENTRY_NATIVE : JIN_ENTRY_RUN;
}

bool jin_prepare(struct jrt_thread *thread, struct jrt_method *method)
{
    if (jin_leaf(method) == 0 && !translated(thread, method)) {
        return false;
    }
    set_entry(method);
    return true;
}

/* ---- native methods ---- */

/* The slot of a value that native code returned, as a return instruction would leave it. */
static uint64_t narrow(uint8_t type, uint64_t word)
{
    switch (type) {
    case JRT_BOOLEAN:
        return (uint8_t)word != 0 ? 1 : 0;
    case JRT_BYTE:
        return (uint32_t)(int32_t)(int8_t)word;
    case JRT_CHAR:
        return (uint16_t)word;
    case JRT_SHORT:
        return (uint32_t)(int32_t)(int16_t)word;
    case JRT_INT:
    case JRT_FLOAT:
        return (uint32_t)word;
    case JRT_OBJECT:
    case JRT_ARRAY:
        return job_to_ref(jrt_get((jrt_handle_t)(uintptr_t)word)).word;
    default:
        return word;
    }
}

/* Calls the C function: in native state, with local references of its own. */
static uint64_t call_function(struct jrt_thread *thread, const struct jrt_method *method,
                              union jrt_slot *fp, jin_stub_function stub)
{
    struct jrt_locals_mark mark;
    bool fixed = (method->access & JCF_ACC_STATIC) != 0;
    void *self =
        fixed ? (void *)&jrt_class_at(method->class_at)->object.mirror : (void *)&fp[0].ref;
    void *function = (void *)(uintptr_t)__atomic_load_n(&method->native, __ATOMIC_ACQUIRE);
    jrt_locals_push(thread, &mark);
    jrt_to_native(thread);
    uint64_t word = stub(function, &thread->jni, self, fp + (fixed ? 0 : 1));
    jrt_to_vm(thread);
    if (__atomic_load_n(&thread->poll, __ATOMIC_RELAXED) != 0) {
        jrt_poll(thread); /* while the handle that was returned keeps its object */
    }
    word = narrow(method->return_type, word);
    jrt_locals_pop(thread, &mark);
    return word;
}

static bool run_native(struct jrt_thread *thread, struct jrt_method *method, union jrt_slot *fp,
                       union jrt_slot *ret_result)
{
    if (__atomic_load_n(&method->native, __ATOMIC_ACQUIRE) == 0 &&
        !jrt_options.find_native(thread, method)) {
        return false;
    }
    if ((method->flags & JRT_METHOD_FAST_NATIVE) != 0) {
        jrt_fast_native_t *fast = (jrt_fast_native_t *)(uintptr_t)method->native;
        return fast(thread, fp, ret_result);
    }
    jin_stub_function stub = jin_stub(method);
    if (stub == NULL) {
        return jrt_throw_oom(thread, JRT_OOM_METASPACE);
    }
    ret_result->word = call_function(thread, method, fp, stub);
    return !jrt_failed(thread);
}

/* Unlocks; an exception that is pending stays so, unless that throws another one. */
static bool unlock(struct jrt_thread *thread, const struct jrt_method *method,
                   const union jrt_slot *fp, bool good)
{
    struct job_object *exception = jrt_catch(thread);
    bool unlocked = jrt_monitor_exit(thread, jin_lock_of(method, fp));
    if (unlocked && exception != NULL) {
        (void)jrt_throw_object(thread, exception);
    }
    return good && unlocked;
}

bool jin_native(struct jrt_thread *thread, struct jrt_method *method, union jrt_slot *fp,
                union jrt_slot *caller, uint32_t flags)
{
    union jrt_slot result = {.word = 0};
    if (fp + method->arg_slots >= thread->stack_limit ||
        (char *)__builtin_frame_address(0) < thread->native_limit) {
        return jrt_throw_stack_overflow(thread);
    }
    uint32_t below = caller != NULL ? (uint32_t)(caller - thread->stack) : 0;
    fp[-2].word = below | (uint64_t)(flags | JRT_FRAME_NATIVE) << 32;
    fp[-1].word = job_offset(method);
    thread->top = fp;
    bool locked = (method->access & JCF_ACC_SYNCHRONIZED) != 0;
    bool good = !locked || jrt_monitor_enter(thread, jin_lock_of(method, fp));
    if (good) {
        jrt_frame_of(fp)->flags |= locked ? JRT_FRAME_LOCKED : 0;
        good = run_native(thread, method, fp, &result);
        if (locked) {
            good = unlock(thread, method, fp, good);
        }
    }
    thread->top = caller;
    fp[-2] = result;
    return good;
}

/* ---- signature-polymorphic methods (jvm-interface.md 6.3) ---- */

static struct jrt_method *target_of(const struct job_object *member)
{
    const struct job_object *resolved = jrt_ref(member, JRT_AT(MemberName, method));
    return resolved != NULL
               ? jrt_method_at((job_offset_t)jrt_int(resolved, JRT_AT(ResolvedMethodName, method)))
               : NULL;
}

static struct jrt_method *invoke_basic(struct jrt_thread *thread, const union jrt_slot *fp)
{
    const struct job_object *handle = job_from_ref(fp[0].ref);
    const struct job_object *form =
        handle != NULL ? jrt_ref(handle, JRT_AT(MethodHandle, form)) : NULL;
    const struct job_object *entry =
        form != NULL ? jrt_ref(form, JRT_AT(LambdaForm, vmentry)) : NULL;
    struct jrt_method *target = entry != NULL ? target_of(entry) : NULL;
    if (target == NULL) {
        (void)jin_throw_null(thread);
    }
    return target;
}

static struct jrt_method *link_to(struct jrt_thread *thread, const struct jrt_method *method,
                                  const union jrt_slot *fp)
{
    const struct job_object *member = job_from_ref(fp[method->arg_slots - 1].ref);
    struct jrt_method *target = member != NULL ? target_of(member) : NULL;
    const struct job_object *receiver = job_from_ref(fp[0].ref);
    bool fixed = method->intrinsic == JRT_INTRINSIC_linkToStatic;
    if (target == NULL || (!fixed && receiver == NULL)) {
        (void)jin_throw_null(thread);
        return NULL;
    }
    if (method->intrinsic == JRT_INTRINSIC_linkToVirtual) {
        int64_t index = jrt_long(member, JRT_AT(MemberName, vmindex));
        const job_offset_t *vtable = job_at(jrt_class_of(receiver)->vtable);
        return index >= 0 ? jrt_method_at(vtable[index]) : target;
    }
    if (method->intrinsic == JRT_INTRINSIC_linkToInterface) {
        struct jin_site site = {.at = job_offset(target)};
        return jin_interface_target(thread, &site, receiver);
    }
    return target;
}

struct jrt_method *jin_polymorphic(struct jrt_thread *thread, struct jrt_method *method,
                                   union jrt_slot *fp)
{
    return method->intrinsic == JRT_INTRINSIC_invokeBasic ? invoke_basic(thread, fp)
                                                          : link_to(thread, method, fp);
}

/* ---- calls from C ---- */

static bool throw_abstract(struct jrt_thread *thread, const struct jrt_method *method,
                           const struct job_object *receiver)
{
    return jrt_throw_abstract(thread, method, method,
                              receiver != NULL ? jrt_class_of(receiver) : NULL);
}

static bool call(struct jrt_thread *thread, struct jrt_method *method, const union jrt_slot *args,
                 union jrt_slot *ret_result)
{
    union jrt_slot *top = thread->top;
    union jrt_slot *fp = (top != NULL ? jin_frame_end(top) : thread->stack) + JRT_FRAME_SLOTS;
    if ((char *)__builtin_frame_address(0) < thread->native_limit ||
        fp + method->arg_slots >= thread->stack_limit) {
        return jrt_throw_stack_overflow(thread);
    }
    for (uint32_t i = 0; i < method->arg_slots; i++) {
        fp[i] = args[i];
    }
    bool good;
    uint32_t entry = __atomic_load_n(&method->entry, __ATOMIC_ACQUIRE);
    if ((entry == JIN_ENTRY_TRANSLATE || entry == JIN_ENTRY_LEAF) &&
        (method->access & JCF_ACC_NATIVE) != 0) {
        entry = JIN_ENTRY_NATIVE; /* from C a native method is called as such */
    }
    switch (entry) {
    case JIN_ENTRY_NATIVE:
        good = jin_native(thread, method, fp, top, JRT_FRAME_ENTRY);
        if (good && method->return_type != JRT_VOID) {
            *ret_result = fp[-2];
        }
        break;
    case JIN_ENTRY_ABSTRACT:
        good = throw_abstract(thread, method, job_from_ref(fp[0].ref));
        break;
    case JIN_ENTRY_INVOKE_BASIC:
    case JIN_ENTRY_LINK_TO:
        method = jin_polymorphic(thread, method, fp);
        good = method != NULL && call(thread, method, args, ret_result);
        break;
    default: {
        union jrt_slot result;
        good = jin_run(thread, method, fp, &result);
        if (good && method->return_type != JRT_VOID) {
            *ret_result = result;
        }
        break;
    }
    }
    thread->top = top;
    return good;
}

static uint32_t bytecode_index(const struct jrt_frame *frame)
{
    const struct jrt_method *method = jrt_method_at(frame->method);
    if ((method->access & JCF_ACC_NATIVE) != 0 || method->code == 0) {
        return 0;
    }
    return jin_bytecode_index(jin_code_of(method), frame->pc);
}

static union jrt_slot *local(union jrt_slot *fp, uint32_t index)
{
    const struct jrt_method *method = jrt_method_at(jrt_frame_of(fp)->method);
    bool renumbered = (method->access & JCF_ACC_NATIVE) == 0 && method->code != 0 &&
                      jin_code_of(method)->locals < method->max_locals;
    return index < (renumbered ? method->arg_slots : method->max_locals) ? &fp[index] : NULL;
}

static void forget_class(struct jrt_class *class)
{
    (void)class; /* translations lie in its loader's metadata and go with it */
}

static void forget_receivers(struct jrt_class *class)
{
    const struct jrt_method *methods = jrt_method_at(class->methods);
    for (uint32_t i = 0; i < class->method_count; i++) {
        if (methods[i].bytecode_length == 0 || methods[i].code == 0) {
            continue;
        }
        struct jin_code *code = jin_code_of(&methods[i]);
        for (uint32_t j = 0; j < code->insn_count; j++) {
            if (code->insns[j].op == JIN_CALL_INTERFACE) {
                uint64_t *cache = (uint64_t *)&jin_sites(code)[code->insns[j].b].extra;
                __atomic_store_n(cache, 0, __ATOMIC_RELAXED);
            }
        }
    }
}

static const struct jrt_exec interpreter = {.call = call,
                                            .set_entry = set_entry,
                                            .bytecode_index = bytecode_index,
                                            .scan_frame = jin_scan_frame,
                                            .local = local,
                                            .locked = jin_locked,
                                            .variables = jin_variables,
                                            .forget_class = forget_class,
                                            .forget_receivers = forget_receivers};

void jin_init(void)
{
    jrt_exec = &interpreter;
}
