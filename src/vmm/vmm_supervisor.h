/*
 * The process that started this one and looks after it, by a SOCK_SEQPACKET socket: each message is
 * one record of fmt_agent.h. It is told STARTED (the workload runs; without a workload: the machine
 * does) or FAILED, and says SIGNAL and RESIZE to the workload and POWER_OFF to the machine. It
 * belongs to the owner's loop.
 */
#pragma once

#include "base/err.h"
#include "vmm/vmm.h"

struct vmm_supervisor;

/* Takes the socket over, also on failure. 0 or -ST_Exxx. Before vmm_run. */
int vmm_supervisor_new(struct vmm *vmm, int socket, bool has_workload,
                       struct vmm_supervisor **ret_supervisor) ST_MUST_CHECK;
/* Before vmm_free. NULL allowed. */
void vmm_supervisor_free(struct vmm_supervisor *supervisor);
