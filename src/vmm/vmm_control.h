/*
 * The control socket of a machine: lines of JSON, as docs/vm.md describes them. It belongs to the
 * owner's loop.
 */
#pragma once

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "vmm/vmm.h"

enum { VMM_CONTROL_PROTOCOL = 1, VMM_CONTROL_CLIENTS = 16, VMM_CONTROL_LINE_MAX = 4096 };

struct vmm_control;

/* Takes the listening stream socket over, also on failure. 0 or -ST_Exxx. Before vmm_run. */
int vmm_control_new(struct vmm *vmm, int listener, struct vmm_control **ret_control) ST_MUST_CHECK;
/* Tells the clients that the machine ended, and closes. Before vmm_free. NULL allowed. */
void vmm_control_free(struct vmm_control *control, const struct vmm_ending *ending);

/* ---- the words: vmm_control_text.c, pure, and vmm_control_report.c ---- */

enum vmm_command {
    VMM_COMMAND_STATUS,
    VMM_COMMAND_METRICS,
    VMM_COMMAND_LOG,
    VMM_COMMAND_PAUSE,
    VMM_COMMAND_RESUME,
    VMM_COMMAND_RESET,
    VMM_COMMAND_POWER_BUTTON,
    VMM_COMMAND_NMI,
    VMM_COMMAND_CONSOLE,
    VMM_COMMAND_SESSION,
    VMM_COMMAND_QUIT,
    VMM_COMMANDS,
};

/* Reads one line. *ret_id is the request's "id", given back with the answer; 0 if it has none.
 * -ST_EINVAL with *err: no request. */
int vmm_control_parse(const char *line, size_t length, enum vmm_command *ret_command,
                      uint64_t *ret_id, struct st_err *err) ST_MUST_CHECK;
const char *vmm_command_name(enum vmm_command command);

/* Append what a command answers, as one JSON value. */
void vmm_control_status(struct vmm *vmm, struct st_buf *to);
void vmm_control_metrics(struct vmm *vmm, struct st_buf *to);
