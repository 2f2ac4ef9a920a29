/*
 * What the control groups that this process is in allow it, of either version of their hierarchy
 * (the kernel's Documentation/admin-guide/cgroup-v1 and cgroup-v2.rst): the least that any group
 * from its own up to the topmost that is seen says. Any thread may ask.
 */
#pragma once

#include <stdint.h>

/* Bytes of memory; 0: no limit. */
uint64_t jdk_cgroup_memory(void);
/* CPUs that the quota is worth, rounded up; 0: no quota. */
int jdk_cgroup_processors(void);
