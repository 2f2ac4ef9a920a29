/*
 * Which implementation of vCPUs a machine gets: KVM where it is there, allowed and fast enough,
 * else the software CPU.
 *
 * A KVM may be there and yet be of no use: where the host is itself a virtual machine without help
 * from the hardware, its kernel-mode code runs at about a million instructions a second. A probe
 * times a short loop in a throw-away machine; the verdict holds for this boot of the host and is
 * kept in the run-time folder.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "cpu/cpu.h"
#include "vmm/vmm.h"

struct vmm_accel_choice {
    bool kvm;
    int kvm_fd;     /* open /dev/kvm, the caller's; -1 without */
    char text[160]; /* why not KVM, one line for a person; empty if it is, or was not wanted */
};

/* wish KVM: -ST_EUNSUPPORTED with *err where KVM cannot be used. run_folder NULL: the verdict is
 * not kept. */
int vmm_accel_choose(enum vmm_accel wish, const char *run_folder,
                     struct vmm_accel_choice *ret_choice, struct st_err *err) ST_MUST_CHECK;
