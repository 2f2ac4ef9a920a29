/*
 * Verification of a class that is being linked (JVMS 17 4.10): by our type checker, or by the
 * library's old verifier for class files that have no stack maps.
 */
#include <stdlib.h>

#include "base/arena.h"
#include "jvm/classfile/jcf_parse.h"
#include "jvm/classfile/jcf_verify.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_define_priv.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_link_priv.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

enum { SCRATCH_MAX = 512 << 20 };

struct verification {
    struct jrt_thread *thread;
    struct jrt_class *class;
};

/* NULL: an exception is pending. */
static struct jrt_class *class_named(const struct verification *v, struct jcf_text name)
{
    const struct jrt_symbol *own = jrt_symbol_at(v->class->name); /* a hidden one stands apart */
    if (jcf_text_same(name, (struct jcf_text){(const uint8_t *)own->text, own->length})) {
        return v->class;
    }
    job_offset_t symbol = jrt_symbol((const char *)name.data, name.length);
    if (!symbol) {
        (void)jrt_throw_oom(v->thread, JRT_OOM_METASPACE);
        return NULL;
    }
    return jrt_need_class_for(v->thread, v->class, symbol);
}

static int is_assignable(void *context, struct jcf_text from, struct jcf_text to,
                         bool for_protected)
{
    const struct verification *v = context;
    const struct jrt_class *target = class_named(v, to);
    if (!target) {
        return -ST_ESTATE;
    }
    if (jrt_is_interface(target) && !(for_protected && jcf_text_is(from, "java/lang/Object"))) {
        return 1;
    }
    const struct jrt_class *source = class_named(v, from);
    if (!source) {
        return -ST_ESTATE;
    }
    return jrt_is_subtype(source, target);
}

static const struct jrt_class *superclass_named(const struct verification *v, struct jcf_text name)
{
    job_offset_t symbol = jrt_symbol_find((const char *)name.data, name.length);
    const struct jrt_class *class = v->class;
    while (symbol && class->super) {
        class = jrt_class_at(class->super);
        if (class->name == symbol) {
            return class;
        }
    }
    return NULL;
}

static int is_superclass(void *context, struct jcf_text name)
{
    return superclass_named(context, name) != NULL;
}

static int is_protected_elsewhere(void *context, const struct jcf_member *member, bool is_method)
{
    const struct verification *v = context;
    const struct jrt_class *class = superclass_named(v, member->class_name);
    job_offset_t name = jrt_symbol_find((const char *)member->name.data, member->name.length);
    job_offset_t descriptor =
        jrt_symbol_find((const char *)member->descriptor.data, member->descriptor.length);
    if (!class || !name || !descriptor) {
        return 0;
    }
    const struct jrt_class *declaring = NULL;
    uint16_t access = 0;
    if (is_method) {
        const struct jrt_method *method = jrt_find_class_method(class, name, descriptor);
        declaring = method ? jrt_class_at(method->class_at) : NULL;
        access = method ? method->access : 0;
    } else {
        const struct jrt_field *field = jrt_find_field(class, name, descriptor);
        declaring = field ? jrt_class_at(field->class_at) : NULL;
        access = field ? field->access : 0;
    }
    return (access & JCF_ACC_PROTECTED) && !jrt_same_package(declaring, v->class);
}

static int is_interface(void *context, struct jcf_text name)
{
    const struct jrt_class *class = class_named(context, name);
    return class ? jrt_is_interface(class) : -ST_ESTATE;
}

static bool verify_old(struct jrt_thread *thread, struct jrt_class *class, const char *reason)
{
    return !jrt_options.verify_old || jrt_options.verify_old(thread, class, reason);
}

/* Of version 50, what the typed verifier refuses is the other's to decide: only the reason is told
 * as the first saw it. */
static bool may_be_old(const struct jrt_class *class, const struct jcf_error *error)
{
    return class->major == JCF_MAJOR_TYPED && jrt_options.verify_old &&
           (error->kind == JCF_ERROR_VERIFY || error->kind == JCF_ERROR_CLASS_FORMAT) &&
           !error->final;
}

bool jrt_verify_class(struct jrt_thread *thread, struct jrt_class *class)
{
    if (class->flags & JRT_CLASS_UNVERIFIED) {
        return true;
    }
    if (class->major < JCF_MAJOR_TYPED) {
        return verify_old(thread, class, NULL);
    }
    struct verification verification = {thread, class};
    const struct jcf_verify_env env = {.context = &verification,
                                       .is_assignable = is_assignable,
                                       .is_superclass = is_superclass,
                                       .is_protected_elsewhere = is_protected_elsewhere,
                                       .is_interface = is_interface};
    struct st_arena scratch = ST_ARENA_HEAP(SCRATCH_MAX);
    struct jcf_class file;
    struct jcf_error error = {0};
    bool verified = false;
    bool parsed = jrt_class_parse(class, &scratch, &file) >= 0;
    if (parsed && (class->flags & JRT_CLASS_HIDDEN)) {
        const struct jrt_symbol *name = jrt_symbol_at(class->name);
        file.this_name = (struct jcf_text){(const uint8_t *)name->text, name->length};
    }
    if (!parsed) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
    } else if (jcf_verify(&file, &env, &scratch, &error) >= 0) {
        verified = true;
    } else if (may_be_old(class, &error)) {
        verified = verify_old(thread, class, error.message);
    } else {
        (void)jrt_throw_jcf(thread, &error);
    }
    st_arena_done(&scratch);
    return verified;
}
