/* What a process is and may do: users, capabilities, limits, scheduling. Wrappers follow the rules
 * of os_file.h. */
#pragma once

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/err.h"

uid_t os_geteuid(void);
gid_t os_getegid(void);
/* Of the calling thread only, as the kernel has it. */
int os_setresuid(uid_t real, uid_t effective, uid_t saved);
int os_setresgid(gid_t real, gid_t effective, gid_t saved);
int os_setgroups(size_t count, const gid_t *groups);
int os_getgroups(int count, gid_t *ret_groups);

/* Capability sets as bit masks (bit = CAP_*), version 3 of capset(2). */
struct os_capabilities {
    uint64_t effective;
    uint64_t permitted;
    uint64_t inheritable;
};
int os_capget(struct os_capabilities *ret_sets);
int os_capset(const struct os_capabilities *sets);

int os_prlimit(pid_t pid, int resource, const struct rlimit *new_limit, struct rlimit *ret_old);
int os_setpriority(int which, id_t who, int value);
int os_sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *set);
int os_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *ret_set);
/* attr: the kernel's struct sched_attr, of `size` bytes as its first member says. */
int os_sched_setattr(pid_t pid, const void *attr, unsigned flags);
int os_ioprio_set(int which, int who, int priority);
int os_personality(unsigned long persona);

struct utsname;
int os_uname(struct utsname *ret_names);

int os_sethostname(const char *name, size_t length);
int os_setdomainname(const char *name, size_t length);
