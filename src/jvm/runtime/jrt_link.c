/*
 * Linking (JVMS 17 5.4): superclasses first, verification, tables of methods.
 *
 * One lock and one condition guard the states of all classes: who links or initializes a class puts
 * its number there and works without the lock, others wait (in native state, the world may be
 * stopped meanwhile). The lock is a leaf.
 */
#include "jvm/runtime/jrt_link_priv.h"

#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_throw.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static uint32_t state_of(const struct jrt_class *class)
{
    return __atomic_load_n(&class->state, __ATOMIC_ACQUIRE);
}

uint32_t jrt_begin_state(struct jrt_thread *thread, struct jrt_class *class,
                         const struct jrt_states *states)
{
    jrt_to_native(thread);
    pthread_mutex_lock(&lock);
    while (class->state == states->busy && class->init_thread != thread->number) {
        pthread_cond_wait(&changed, &lock);
    }
    uint32_t state = class->state;
    if (state == states->from) {
        class->init_thread = thread->number;
        __atomic_store_n(&class->state, states->busy, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&lock);
    jrt_to_vm(thread);
    return state;
}

void jrt_end_state(struct jrt_class *class, enum jrt_class_state state)
{
    pthread_mutex_lock(&lock);
    class->init_thread = 0;
    __atomic_store_n(&class->state, state, __ATOMIC_RELEASE); /* pairs with state_of */
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static bool link_supers(struct jrt_thread *thread, struct jrt_class *class)
{
    if (class->super && !jrt_link_class(thread, jrt_class_at(class->super))) {
        return false;
    }
    for (uint32_t i = 0; i < class->interface_count; i++) {
        if (!jrt_link_class(thread, jrt_class_at(jrt_offsets(class->interfaces)[i]))) {
            return false;
        }
    }
    return true;
}

static void set_entries(struct jrt_class *class)
{
    struct jrt_method *methods = jrt_method_at(class->methods);
    for (uint32_t i = 0; i < class->method_count; i++) {
        jrt_exec->set_entry(&methods[i]);
    }
}

bool jrt_link_class(struct jrt_thread *thread, struct jrt_class *class)
{
    static const struct jrt_states linking = {JRT_CLASS_LOADED, JRT_CLASS_LINKING};
    if (state_of(class) >= JRT_CLASS_LINKED) {
        return true;
    }
    if (!jrt_has_room(thread) || !link_supers(thread, class)) {
        return false;
    }
    if (jrt_begin_state(thread, class, &linking) != JRT_CLASS_LOADED) {
        return true; /* by another thread meanwhile, or by this one further up */
    }
    bool linked = jrt_verify_class(thread, class) && jrt_make_tables(thread, class);
    if (linked) {
        set_entries(class);
    }
    jrt_end_state(class, linked ? JRT_CLASS_LINKED : JRT_CLASS_LOADED);
    return linked;
}
