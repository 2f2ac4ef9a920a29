/* Kernel parameters of a container; spec_runtime_check has seen to it that each belongs to one of
 * its own namespaces. */
#pragma once

#include "base/err.h"

struct spec_runtime;

/* Sets them, in the container's namespaces. proc: see ctr_proc.h. */
int ctr_sysctl_apply(const struct spec_runtime *config, int proc, struct st_err *err);

/* "net.ipv4.ip_forward" or "net/ipv4/ip_forward" as a path below /proc/sys. -ST_EINVAL for what is
 * no name. Pure. */
int ctr_sysctl_path(const char *name, char *ret_path, size_t size);
