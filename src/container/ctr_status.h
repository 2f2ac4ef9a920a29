/* What a container is doing, found out live: nothing that can go stale is stored. */
#pragma once

#include "container/ctr_record.h"
#include "spec/spec_state.h"

/* The enum spec_status of a container that has a state; folder is its folder. Asks the freezer only
 * with ask_paused. When its process lives and ret_pidfd isn't NULL, *ret_pidfd gets a descriptor of
 * it, else -1. -ST_Exxx when it cannot be found out: such a container must not be taken for one
 * that has stopped. */
int ctr_status_of(int folder, const struct ctr_record *record, bool ask_paused, int *ret_pidfd,
                  struct st_err *err);

/* The state as hooks and listeners read it. Its strings are the record's. */
struct spec_state ctr_status_state(const struct ctr_record *record, pid_t pid,
                                   enum spec_status status);
