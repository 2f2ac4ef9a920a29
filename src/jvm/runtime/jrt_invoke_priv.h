/*
 * What linking of call sites and of constants share.
 */
#pragma once

#include "jvm/runtime/jrt_invoke.h"

/* Runs an invokedynamic's bootstrap method through MethodHandleNatives.linkCallSite. NULL: an
 * exception is pending. */
struct jrt_method *jrt_link_call_site(struct jrt_thread *thread, struct jrt_class *in,
                                      uint16_t index,
                                      struct job_object **ret_appendix) ST_MUST_CHECK;
/* What a link* upcall gave: the method of its MemberName and the appendix in the box. */
struct jrt_method *jrt_linked(struct jrt_thread *thread, union jrt_slot member_name,
                              const struct job_array *box,
                              struct job_object **ret_appendix) ST_MUST_CHECK;
