/*
 * What the files of resolution share.
 */
#pragma once

#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_throw.h"

/* Guards lists of failures and call sites; a leaf. */
extern pthread_mutex_t jrt_resolution_lock;

/* Keeps the pending LinkageError as the outcome of a constant-pool entry, or of a call site
 * (`site` not 0, a code that its owner makes). Other exceptions are not kept. */
void jrt_keep_failure(struct jrt_thread *thread, struct jrt_class *in, uint64_t site);
/* Throws what was kept; false where nothing was: then nothing is pending. */
bool jrt_throw_kept(struct jrt_thread *thread, struct jrt_class *in, uint64_t site);

/* The class of a descriptor's type (not a method's) seen by `in`, accessible to it. */
struct jrt_class *jrt_class_of_type(struct jrt_thread *thread, const char *type, size_t length,
                                    struct jrt_class *in) ST_MUST_CHECK;
bool jrt_check_class_access(struct jrt_thread *thread, const struct jrt_class *from,
                            const struct jrt_class *to) ST_MUST_CHECK;

/* 5.3.4: `one` and `other` mean the same class by the types in a descriptor. false: an exception is
 * pending, or they do not by *ret_type (symbol, "p/C" or "[Lp/C;"). */
bool jrt_constrain(struct jrt_thread *thread, const struct jrt_loader *one,
                   const struct jrt_loader *other, job_offset_t descriptor,
                   job_offset_t *ret_type) ST_MUST_CHECK;

/* A mirror's class of another loader is kept alive by the class that refers to it. */
bool jrt_depend(struct jrt_thread *thread, struct jrt_class *in,
                const struct jrt_class *on) ST_MUST_CHECK;
