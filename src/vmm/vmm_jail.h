/*
 * The jail of a machine's process. Everything that it needs is open when it locks itself up; from
 * then on a guest that has taken a thread over finds no capabilities, no new privileges, namespaces
 * and an empty root of its own, and few system calls: those of its thread's list, which cannot
 * start programs, trace, mount, signal other processes, or map what can be written and executed.
 *
 *     vmm_jail_begin(&jail)       first thing, one thread: namespaces; the root is made; threads
 * that are started drop capabilities at once vmm_new(...)                opens files and sockets,
 * by the host's paths vmm_jail_process(&jail)     into the root; capabilities, a filter for the
 * whole process vmm_run(..., vmm_jail_thread, &jail, ...) a narrower filter for each thread of the
 * machine
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"

struct vmm_jail {
    bool network; /* sockets stay in use: the network namespace is left as it is, and the root holds
                     a copy of etc/resolv.conf */
    int root; /* from the first call on: the root's descriptor, or why there is none (-ST_Exxx) */
};

/* jail->network is set. Makes of namespaces and root what the process may; the rest must succeed.
 */
void vmm_jail_begin(struct vmm_jail *jail);

/* 0 or -ST_Exxx. */
int vmm_jail_process(struct vmm_jail *jail, struct st_err *err) ST_MUST_CHECK;

/* A vmm_thread_fn; argument: the struct vmm_jail. */
int vmm_jail_thread(void *argument, bool is_vcpu) ST_MUST_CHECK;
