/*
 * JVM_ functions of java.security.AccessController: the protection domains on the stack
 * (jvm-interface.md 7.5).
 */
#include <string.h>

#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_stack.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

jobject JVM_GetInheritedAccessControlContext(JNIEnv *env, jclass unused ST_UNUSED)
{
    JDK_ENTER(env);
    const struct job_object *object = job_from_ref(thread->object);
    JDK_RETURN(jrt_local(thread, jrt_ref(object, JRT_AT(Thread, inheritedAccessControlContext))));
}

/* What a walk finds. Domains are counted, and stored where there is an array. */
struct domains {
    struct job_array *array;
    int32_t count;
    struct job_object *last;
    bool privileged;
    struct job_object *context; /* that doPrivileged was given; NULL: none */
};

/* AccessController.executePrivileged(action, context, caller): what is below it counts no more. */
static bool is_privileged(const struct jrt_method *method)
{
    return method->class_at == job_offset(jrt_known.class[JRT_AccessController]) &&
           strcmp(jrt_text(method->name), "executePrivileged") == 0;
}

static struct job_object *local_at(union jrt_slot *fp, uint32_t index)
{
    const union jrt_slot *slot = jrt_exec->local(fp, index);
    return slot != NULL ? job_from_ref(slot->ref) : NULL;
}

static void add_domain(struct domains *found, struct job_object *domain)
{
    if (domain == NULL || domain == found->last) {
        return;
    }
    if (found->array != NULL && found->count < found->array->length) {
        jgc_store(&found->array->object, (jref_t *)job_elements(found->array) + found->count,
                  job_to_ref(domain));
    }
    found->count++;
    found->last = domain;
}

static void find_domains(const struct jrt_thread *thread, struct domains *found)
{
    struct jrt_walk walk;
    for (jrt_walk_start(&walk, thread); walk.fp != NULL && !found->privileged;
         jrt_walk_next(&walk)) {
        const struct jrt_method *method = jrt_walk_method(&walk);
        const struct job_object *mirror = jrt_mirror(jrt_class_at(method->class_at));
        if (is_privileged(method)) {
            found->privileged = true;
            found->context = local_at(walk.fp, 1);
            mirror = local_at(walk.fp, 2);
        }
        if (mirror != NULL) {
            add_domain(found, jrt_ref(mirror, JRT_AT(Class, protectionDomain)));
        }
    }
}

static struct job_object *stack_context(struct jrt_thread *thread)
{
    struct domains found = {.array = NULL};
    find_domains(thread, &found);
    if (found.count == 0 && found.privileged && found.context == NULL) {
        return NULL;
    }
    if (found.count != 0) {
        struct jrt_class *class = jrt_array_class(thread, jrt_known.class[JRT_ProtectionDomain]);
        struct job_array *array = class != NULL ? jrt_new_array(thread, class, found.count) : NULL;
        if (array == NULL) {
            return NULL;
        }
        found = (struct domains){.array = array};
        find_domains(thread, &found);
    }
    struct job_object *context = jrt_new(thread, jrt_known.class[JRT_AccessControlContext]);
    if (context == NULL) {
        return NULL;
    }
    if (found.array != NULL) {
        jrt_set_ref(context, JRT_AT(AccessControlContext, context), &found.array->object);
    }
    jrt_set_ref(context, JRT_AT(AccessControlContext, privilegedContext), found.context);
    jrt_set_byte(context, JRT_AT(AccessControlContext, isPrivileged), found.privileged ? 1 : 0);
    jrt_set_byte(context, JRT_AT(AccessControlContext, isAuthorized), 1);
    return context;
}

jobject JVM_GetStackAccessControlContext(JNIEnv *env, jclass unused ST_UNUSED)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, stack_context(thread)));
}
