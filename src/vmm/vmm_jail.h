/*
 * The jail of a machine's process. Everything that it needs is open when it locks itself up; from
 * then on a guest that has taken a thread over finds no capabilities, no new privileges, namespaces
 * of its own, and few system calls: those of its thread's list, which cannot start programs, trace,
 * mount, or make executable what can be written.
 *
 *     vmm_jail_begin()            first thing: threads that are started drop capabilities at once
 *     vmm_new(...)                opens files and sockets
 *     vmm_jail_process(&what)     namespaces, capabilities, a filter for the whole process
 *     vmm_run(..., vmm_jail_thread, &what, ...) a narrower filter for each thread of the machine
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct vmm_jail {
    bool network; /* sockets stay in use: the network namespace is left as it is */
};

void vmm_jail_begin(void);

/* 0 or -ST_Exxx. Namespaces are made where the process may; the rest must succeed. */
int vmm_jail_process(const struct vmm_jail *jail, struct st_err *err) ST_MUST_CHECK;

/* A vmm_thread_fn; argument: the struct vmm_jail. */
int vmm_jail_thread(void *argument, bool is_vcpu) ST_MUST_CHECK;
