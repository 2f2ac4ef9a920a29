/*
 * The runtime's own view of /proc: one descriptor of the host's procfs, opened and verified before
 * anything of a container is mounted or joined, and used instead of the path "/proc" for everything
 * that is written on a container's behalf. A container that shares mounts with us, or swaps its own
 * /proc for something else, has no way to redirect such a write (the kin of CVE-2025-52881).
 */
#pragma once

#include <stddef.h>

#include "base/err.h"

/* Opens /proc and checks that it is procfs's root. */
int ctr_proc_open(int *ret_proc, struct st_err *err);

/* Opens proc/path for `flags` without leaving procfs: no magic links, no mounts on top, no symbolic
 * links but "self" itself. */
int ctr_proc_openat(int proc, const char *path, int flags);

/* Writes text in one write. */
int ctr_proc_write(int proc, const char *path, const char *text, size_t length);
