/* Virtual machines of images, beside those that boot a kernel of their owner's. Private. */
#pragma once

#include "engine/engine_isolation.h"

/* Whether the instance is a virtual machine of an image. */
bool engine_vm_is_image(const struct engine_config *config);

/* 0, or -ST_EUNSUPPORTED naming what a virtual machine of an image does not have. For a config that
 * the image's own was merged into. */
int engine_vm_image_check(const struct engine_config *config, struct st_err *err);

/* Makes the disks and the settings of the agent (docs/vm-agent.md) and appends the arguments of
 * strata-vm for them, each ended by a zero. */
int engine_vm_image_arguments(const struct engine_launch *launch, struct st_buf *to,
                              struct st_err *err);
