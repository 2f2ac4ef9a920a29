/* Handing a seccomp listener to its agent (config-linux.md, "The Container Process State"). */
#pragma once

#include <sys/types.h>

#include "container/ctr_record.h"

struct spec_seccomp;

/* Waits until the process has the descriptor `number`, which it announced, takes a copy and sends
 * it with the state to the profile's listenerPath. process: whose filter it is; record->pid is the
 * container's first process. */
int ctr_listener_send(const struct spec_seccomp *profile, const struct ctr_record *record,
                      pid_t process, int pidfd, int number, struct st_err *err);
