/* The start of the machine (jdk_boot.c). */
#pragma once

#include "jvm/runtime/jrt_thread.h"

/* Initializes the class library on the thread that jrt_vm_create gave. `log`: it says more when it
 * fails. false: an exception is pending, or none and the library has printed why. */
bool jdk_boot(struct jrt_thread *thread, bool log) ST_MUST_CHECK;
/* Starts the library's management agent, whose listening threads go on. false: it could not, and
 * has said why. */
bool jdk_start_agent(struct jrt_thread *thread) ST_MUST_CHECK;
