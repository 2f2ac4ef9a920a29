/* Conversions between the numbers of version 1 and those of version 2. Pure. */
#pragma once

#include <stdint.h>

/* cpu.shares (2 to 262144) to cpu.weight (1 to 10000), linearly; 0 stays 0 ("not set"). */
uint64_t ctr_cgroup_cpu_weight(uint64_t shares);

/* blkio.weight (10 to 1000) to io.weight (1 to 10000), linearly; 0 stays 0. */
uint64_t ctr_cgroup_io_weight(uint64_t weight);

/* Memory and swap together to memory.swap.max. -1 is unlimited. Returns 0; -ST_EINVAL for a sum
 * below the memory limit, or without one. */
int ctr_cgroup_swap_max(int64_t limit, int64_t swap, int64_t *ret_swap);
