/*
 * What a runtime supports, as JSON (features.md of the runtime specification): the output of
 * `features`. Lists follow the conventions of spec_runtime.h; the caller owns everything.
 */
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "json/json_doc.h"

struct spec_features {
    const char *oci_version_min;
    const char *oci_version_max;
    const char **hooks;
    size_t hooks_count;
    const char **mount_options;
    size_t mount_options_count;
    const char **namespaces;
    size_t namespaces_count;
    const char **capabilities;
    size_t capabilities_count;
    bool cgroup_v1;
    bool cgroup_v2;
    bool cgroup_systemd;
    bool cgroup_systemd_user;
    bool cgroup_rdma;
    bool seccomp;
    const char **seccomp_actions;
    size_t seccomp_actions_count;
    const char **seccomp_operators;
    size_t seccomp_operators_count;
    const char **seccomp_archs;
    size_t seccomp_archs_count;
    const char **seccomp_known_flags;
    size_t seccomp_known_flags_count;
    const char **seccomp_supported_flags;
    size_t seccomp_supported_flags_count;
    bool apparmor;
    bool selinux;
    bool intel_rdt;
    bool idmap_mounts;
    struct json_pair *annotations;
    size_t annotations_count;
    const char **unsafe_annotations; /* potentiallyUnsafeConfigAnnotations */
    size_t unsafe_annotations_count;
};

/* Appends the features as one object. Returns 0 or the buffer's failure. Pure. */
int spec_features_write(const struct spec_features *features, unsigned indent, struct st_buf *to);
