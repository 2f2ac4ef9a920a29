/*
 * JNI references. A jobject is the address of a word that holds a reference: a local one in a block
 * of the thread's or an argument slot of a native method's frame, a global or weak one in the
 * machine's tables. The two low bits of the address tell: 0 local, 1 weak, 2 global.
 */
#pragma once

#include "jvm/runtime/jrt_thread.h"

typedef void *jrt_handle_t; /* jobject of jni.h */

/* Local references of the native method or frame that runs. NULL for null, and when memory ran out
 * (OutOfMemoryError is pending then). IN_VM. */
jrt_handle_t jrt_local(struct jrt_thread *thread, struct job_object *object);
void jrt_local_delete(struct jrt_thread *thread, jrt_handle_t handle);

/* A new set of local references, and its end: those made since are forgotten. Around each native
 * method's call, each call from native code that makes its own frame, and PushLocalFrame. */
struct jrt_locals_mark {
    struct jrt_handle_block *block, *start_block;
    uint32_t count, start_count;
};
void jrt_locals_push(struct jrt_thread *thread, struct jrt_locals_mark *ret_mark);
void jrt_locals_pop(struct jrt_thread *thread, const struct jrt_locals_mark *mark);

/* A thread's locals: made, given back, visited (world stopped). */
struct jrt_handles *jrt_locals_new(void);
void jrt_locals_free(struct jrt_thread *thread);
void jrt_locals_visit(struct jrt_thread *thread, struct jgc_visitor *visitor);

/* Global and weak ones. IN_VM. NULL: null, or out of memory (no exception is made). */
jrt_handle_t jrt_global(const struct job_object *object);
jrt_handle_t jrt_weak(const struct job_object *object);
void jrt_global_delete(jrt_handle_t handle);
void jrt_weak_delete(jrt_handle_t handle);
void jrt_handle_counts(uint32_t *ret_globals, uint32_t *ret_weaks);
/* World stopped: the roots; after marking, the weak ones whose objects died are cleared. */
void jrt_globals_visit(struct jgc_visitor *visitor);
void jrt_weaks_clear(void);

/* A JNI critical region over an array: the array stays where it is until it is left as often.
 * IN_VM. false: OutOfMemoryError is pending. */
bool jrt_critical_enter(struct jrt_thread *thread, struct job_array *array) ST_MUST_CHECK;
void jrt_critical_leave(struct jrt_thread *thread, const struct job_array *array);
void jrt_critical_visit(struct jrt_thread *thread, struct jgc_visitor *visitor);

/* What a handle of any kind stands for; NULL: null, or a weak one that was cleared. IN_VM. */
static inline struct job_object *jrt_get(jrt_handle_t handle)
{
    return handle ? job_from_ref(*(jref_t *)((uintptr_t)handle & ~(uintptr_t)3)) : NULL;
}

enum jrt_handle_kind { JRT_HANDLE_INVALID, JRT_HANDLE_LOCAL, JRT_HANDLE_GLOBAL, JRT_HANDLE_WEAK };
/* GetObjectRefType. */
enum jrt_handle_kind jrt_handle_kind(struct jrt_thread *thread, jrt_handle_t handle);
