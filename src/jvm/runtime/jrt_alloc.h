/*
 * Making objects. All IN_VM or IN_JAVA; NULL: OutOfMemoryError (or what the comment says) is
 * pending. The memory is zeroed. A collection may happen: references in C variables stay valid,
 * because native stacks pin what they point to.
 */
#pragma once

#include "jvm/runtime/jrt_thread.h"

/* An instance of a linked, initialized class that can have some. Object.<init> registers it with
 * Finalizer: one whose constructor did not run is not finalized (JLS 17 12.6.1). */
struct job_object *jrt_new(struct jrt_thread *thread, struct jrt_class *class);
/* The same of any class, which is initialized first; InstantiationException: it has no instances
 * that one may make. */
struct job_object *jrt_new_instance(struct jrt_thread *thread, struct jrt_class *class);
bool jrt_register_finalizer(struct jrt_thread *thread, struct job_object *object) ST_MUST_CHECK;
/* An array of `class`, an array class. NegativeArraySizeException for a negative length. */
struct job_array *jrt_new_array(struct jrt_thread *thread, struct jrt_class *class, int32_t length);
/* multianewarray: all dimensions are checked before anything is made. */
struct job_array *jrt_new_multi_array(struct jrt_thread *thread, struct jrt_class *class,
                                      const int32_t *lengths, uint32_t count);
struct job_object *jrt_clone(struct jrt_thread *thread, struct job_object *object);

/* Boxing: valueOf of the box's class (caches included); and back: the enum jrt_type of a box,
 * JRT_OBJECT if it is none. */
struct job_object *jrt_box(struct jrt_thread *thread, enum jrt_type type, union jrt_slot value);
enum jrt_type jrt_unbox(const struct job_object *box, union jrt_slot *ret_value);

/* System.arraycopy with its exceptions (jvm-interface.md 9.24). */
bool jrt_array_copy(struct jrt_thread *thread, struct job_object *from, int32_t from_at,
                    struct job_object *to, int32_t to_at, int32_t count) ST_MUST_CHECK;
/* Object.hashCode: never 0, stable. */
int32_t jrt_identity_hash(struct jrt_thread *thread, struct job_object *object);
