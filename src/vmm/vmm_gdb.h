/*
 * A debugger's door to a machine: GDB's remote protocol (GDB manual, appendix E), a thread for each
 * vCPU, all-stop. It belongs to the owner's loop. A client that comes pauses the machine, one that
 * leaves lets it go on without breakpoints.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "vmm/vmm.h"

struct vmm_gdb;

/* Listens at [HOST:]PORT (HOST: 127.0.0.1 without) or the path of a Unix socket, a text with a
 * slash. 0 or -ST_Exxx. Before vmm_run. */
int vmm_gdb_new(struct vmm *vmm, const char *address, struct vmm_gdb **ret_gdb,
                struct st_err *err) ST_MUST_CHECK;
/* Before vmm_free. NULL allowed. */
void vmm_gdb_free(struct vmm_gdb *gdb);

/* ---- registers (vmm_gdb_regs.c): pure ---- */

/* Appends target.xml. */
void vmm_gdb_target_xml(struct st_buf *to);
/* How many registers there are. */
unsigned vmm_gdb_registers(void);
/* Bytes of register n, at most 16. */
unsigned vmm_gdb_register_size(unsigned n);
/* Reads register n of a state in the target's byte order; writes one. */
void vmm_gdb_register_get(const struct vcpu_state *state, unsigned n, uint8_t *ret_bytes);
void vmm_gdb_register_set(struct vcpu_state *state, unsigned n, const uint8_t *bytes);
