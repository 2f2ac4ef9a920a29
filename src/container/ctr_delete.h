/* Removing a container that has stopped. */
#pragma once

#include "container/ctr.h"
#include "container/ctr_record.h"

struct spec_runtime;
struct ctr_cgroup;

/* What `run` does at its end, with what it has in memory: cgroups, poststop hooks, folder. */
int ctr_delete_stopped(const struct ctr_runtime *runtime, const char *id,
                       const struct spec_runtime *config, const struct ctr_record *record,
                       struct ctr_cgroup *cgroup, struct st_err *err);
