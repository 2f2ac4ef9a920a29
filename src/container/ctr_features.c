/* `spec` and `features`: see ctr.h. */
#include <stdlib.h>

#include "base/heap.h"
#include "container/ctr.h"
#include "container/ctr_mount_option.h"
#include "os/os_identity.h"
#include "sandbox/sbx_caps.h"
#include "sandbox/sbx_seccomp.h"
#include "spec/spec_features.h"
#include "spec/spec_runtime.h"

int ctr_spec(bool rootless, struct st_buf *to, struct st_err *err)
{
    struct spec_runtime *config = NULL;
    int r = spec_runtime_default(rootless, os_geteuid(), os_getegid(), &config);
    if (r == 0) {
        r = spec_runtime_write(config, 4, to);
        r = r == 0 ? st_buf_char(to, '\n') : r;
    }
    spec_runtime_free(config);
    return r < 0 ? st_fail_os(err, r, "making the configuration") : 0;
}

static size_t count_of(const char *const *names)
{
    size_t count = 0;
    while (names[count] != NULL) {
        count++;
    }
    return count;
}

/* A list of names that features.h wants to be changeable; it does not change it. */
static const char **list_of(const char *const *names)
{
    return (const char **)(uintptr_t)names;
}

/* The namespaces' names; the last place stays NULL. */
static void namespace_names(const char *ret_names[SPEC_NS_COUNT + 1])
{
    for (unsigned i = 0; i < SPEC_NS_COUNT; i++) {
        ret_names[i] = spec_namespace_name((enum spec_namespace_type)i);
    }
    ret_names[SPEC_NS_COUNT] = NULL;
}

int ctr_features(struct st_buf *to, struct st_err *err)
{
    static const char *const hooks[] = {
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
        NULL};
    const char *namespaces[SPEC_NS_COUNT + 1];
    unsigned cap_count = sbx_cap_count();
    size_t option_count = 0;
    while (ctr_mount_option_name(option_count) != NULL) {
        option_count++;
    }
    st_auto(free) const char **mount_options = calloc(option_count + 1, sizeof(*mount_options));
    st_auto(free) const char **caps = calloc(cap_count + 1, sizeof(*caps));
    if (caps == NULL || mount_options == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    for (unsigned i = 0; i < cap_count; i++) {
        caps[i] = sbx_cap_name(i);
    }
    for (size_t i = 0; i < option_count; i++) {
        mount_options[i] = ctr_mount_option_name(i);
    }
    namespace_names(namespaces);
    const struct spec_features features = {
        .oci_version_min = "1.0.0",
        .oci_version_max = SPEC_RUNTIME_VERSION,
        .hooks = list_of(hooks),
        .hooks_count = ST_COUNT(hooks) - 1,
        .mount_options = mount_options,
        .mount_options_count = option_count,
        .namespaces = namespaces,
        .namespaces_count = SPEC_NS_COUNT,
        .capabilities = caps,
        .capabilities_count = cap_count,
        .cgroup_v1 = true,
        .cgroup_v2 = true,
        .seccomp = true,
        .seccomp_actions = list_of(sbx_seccomp_action_names()),
        .seccomp_actions_count = count_of(sbx_seccomp_action_names()),
        .seccomp_operators = list_of(sbx_seccomp_op_names()),
        .seccomp_operators_count = count_of(sbx_seccomp_op_names()),
        .seccomp_archs = list_of(sbx_seccomp_architecture_names()),
        .seccomp_archs_count = count_of(sbx_seccomp_architecture_names()),
        .seccomp_known_flags = list_of(sbx_seccomp_flag_names()),
        .seccomp_known_flags_count = count_of(sbx_seccomp_flag_names()),
        .seccomp_supported_flags = list_of(sbx_seccomp_flag_names()),
        .seccomp_supported_flags_count = count_of(sbx_seccomp_flag_names()),
        .apparmor = true,
        .selinux = true,
        .idmap_mounts = true,
    };
    int r = spec_features_write(&features, 4, to);
    r = r == 0 ? st_buf_char(to, '\n') : r;
    return r < 0 ? st_fail_os(err, r, "writing the features") : 0;
}
