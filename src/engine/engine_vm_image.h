/* Virtual machines of images, beside those that boot a kernel of their owner's. Private. */
#pragma once

#include "engine/engine_isolation.h"

/* The machine on its user-mode network (docs/vm.md). */
#define ENGINE_VM_ADDRESS "10.0.2.15"
#define ENGINE_VM_GATEWAY "10.0.2.2"
#define ENGINE_VM_NAME_SERVER "10.0.2.3"
#define ENGINE_VM_PREFIX 24

/* Whether the instance is a virtual machine of an image. */
bool engine_vm_is_image(const struct engine_config *config);
/* Whether it has a network card. */
bool engine_vm_is_connected(const struct engine_config *config);

/* The address of its card, by the instance's id. */
void engine_vm_mac(const char *id, uint8_t ret_mac[6]);

/* 0, or -ST_EUNSUPPORTED naming what a virtual machine of an image does not have. For a config that
 * the image's own was merged into. */
int engine_vm_image_check(const struct engine_config *config, struct st_err *err);

/* Makes the disks and the settings of the agent (docs/vm-agent.md) and appends the arguments of
 * strata-vm for them, each ended by a zero. */
int engine_vm_image_arguments(const struct engine_launch *launch, struct st_buf *to,
                              struct st_err *err);

/* ---- engine_vm_settings.c: payloads of the agent's records ---- */

/* SETUP. */
int engine_vm_setup(const struct engine_config *config, bool has_disk, struct st_buf *to,
                    struct st_err *err);
/* START of the workload, and of what exec runs beside it. rows, columns: 0: unknown. */
int engine_vm_start(const struct engine_config *config, unsigned rows, unsigned columns,
                    struct st_buf *to, struct st_err *err);
int engine_vm_exec_start(const struct engine_config *config,
                         const struct engine_exec_options *options, unsigned rows, unsigned columns,
                         struct st_buf *to, struct st_err *err);

/* ---- engine_vm_session.c: a process beside the workload ---- */

struct engine_vm_streams {
    int in, out, err; /* -1: none */
    bool tty;         /* `in` is a terminal: raw for as long as it lasts, its size is passed on */
};

/* Runs a process that `start` describes over a connection that is a session (the agent's records),
 * until it ends; or, with detach, until it runs. *ret_code: its exit code; where it did not start
 * 125 to 127 with *err filled in and a negative result. -ST_ECONNRESET: the machine is gone; the
 * code is 137 where the process ran. */
int engine_vm_session(int fd, const struct st_buf *start, const struct engine_vm_streams *streams,
                      bool detach, int *ret_code, struct st_err *err);

/* ---- engine_vm_copy.c ---- */

int engine_vm_copy_out(struct engine_instance *instance, const char *path, const char *host_path,
                       const struct engine_cp_options *options, struct st_err *err);
int engine_vm_copy_in(struct engine_instance *instance, const char *host_path, const char *path,
                      const struct engine_cp_options *options, struct st_err *err);

/* ---- engine_vm.c ---- */

/* Appends the words of strata-vm for a machine of an image, each ended by a zero, and makes what
 * they name. control: path of its control socket; supervisor: number of a descriptor. */
int engine_vm_words(const struct engine_launch *launch, const char *control, int supervisor,
                    struct st_buf *to, struct st_err *err);

/* Makes a connection to the control socket at `path` a session. The descriptor or a failure. */
int engine_vm_connect(const char *path, const char *name, struct st_err *err);
