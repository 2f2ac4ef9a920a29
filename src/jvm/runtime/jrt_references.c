/*
 * One lock for all classes' arrays; a full one is replaced under it by a larger one that was made
 * before, since under a lock nothing may be allocated in the heap.
 */
#include "jvm/runtime/jrt_references.h"

#include <pthread.h>

#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_throw.h"

enum { FIRST_LENGTH = 8, LENGTH_MAX = 1 << 24 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* a leaf */

struct job_array *jrt_resolved_references(const struct jrt_class *class)
{
    return (struct job_array *)jrt_ref(jrt_mirror(class), JRT_AT(Class, resolvedReferences));
}

static void replace_locked(const struct jrt_class *class, const struct job_array *old,
                           struct job_array *grown)
{
    jref_t *to = job_elements(grown);
    const jref_t *from = old ? job_elements(old) : NULL;
    for (int32_t i = 0; old && i < old->length; i++) {
        jgc_store(&grown->object, &to[i], from[i]);
    }
    struct job_object *mirror = jrt_mirror(class);
    jgc_store_release(mirror, (jref_t *)job_field(mirror, JRT_AT(Class, resolvedReferences)),
                      job_to_ref(grown));
}

uint32_t jrt_add_reference(struct jrt_thread *thread, struct jrt_class *class,
                           struct job_object *object)
{
    for (;;) {
        uint32_t index = 0;
        pthread_mutex_lock(&lock);
        struct job_array *array = jrt_resolved_references(class);
        uint32_t next = class->reference_count + 1;
        if (array && next < (uint32_t)array->length) {
            index = class->reference_count = next;
            jgc_store_release(&array->object, (jref_t *)job_elements(array) + index,
                              job_to_ref(object));
        }
        pthread_mutex_unlock(&lock);
        if (index) {
            return index;
        }
        int32_t length = array ? array->length * 2 : FIRST_LENGTH;
        struct job_array *grown =
            length <= LENGTH_MAX ? jrt_new_array(thread, jrt_known.object_array, length) : NULL;
        if (!grown) {
            if (!jrt_failed(thread)) {
                (void)jrt_throw_oom(thread, JRT_OOM_METASPACE);
            }
            return 0;
        }
        pthread_mutex_lock(&lock);
        if (jrt_resolved_references(class) == array) {
            replace_locked(class, array, grown);
        }
        pthread_mutex_unlock(&lock);
    }
}
