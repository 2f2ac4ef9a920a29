/*
 * seccomp filters of containers: from config.json's profile to a loaded program.
 *
 * Compiled programs are kept in <root>/.seccomp/, a folder of mode 0700 of the caller's own, under
 * the SHA-256 of everything that they depend on: profile, architecture, kernel and libseccomp
 * version. A kept program is verified before it is used: its owner and mode, its length and the
 * SHA-256 of its code. Whatever is wrong with the cache, the profile is compiled again.
 */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "sandbox/sbx_seccomp.h"

struct spec_seccomp;

struct ctr_filter {
    struct sbx_filter program;
    unsigned flags; /* SECCOMP_FILTER_FLAG_* */
    bool notifies;  /* some action asks a listener */
};

/* Compiles a profile or finds it in the cache below root. Parent. */
int ctr_filter_make(const struct spec_seccomp *profile, const char *root,
                    struct ctr_filter *ret_filter, struct st_err *err);
void ctr_filter_done(struct ctr_filter *filter);

/* Loads it for the calling process. Where it notifies, channel (see ctr_sync.h) is told beforehand
 * which number the listener's descriptor will have: afterwards, no system call is sure to work. */
int ctr_filter_load(const struct ctr_filter *filter, int channel);
