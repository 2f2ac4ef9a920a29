/* A container that exists, opened by its ID. */
#pragma once

#include "container/ctr.h"
#include "container/ctr_cgroup.h"
#include "container/ctr_record.h"

struct ctr_opened {
    int folder;
    struct st_buf text;
    struct ctr_record record;
    struct ctr_cgroup cgroup; /* loaded, nothing open */
};

/* Fails for one without a state. *ret_opened is to be freed by ctr_opened_done in any case. */
int ctr_opened_open(const struct ctr_runtime *runtime, const char *id, bool locked,
                    struct ctr_opened *ret_opened, struct st_err *err);
void ctr_opened_done(struct ctr_opened *opened);

static inline void st_cleanup_ctr_opened(struct ctr_opened *opened)
{
    ctr_opened_done(opened);
}
