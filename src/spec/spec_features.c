/* What a runtime supports, as JSON: see spec_features.h. */
#include "spec/spec_features.h"

#include "json/json_write.h"

static void list(struct json_writer *w, const char *key, const char *const *items, size_t count)
{
    if (items == NULL) {
        return;
    }
    json_write_key(w, key);
    json_write_array(w);
    for (size_t i = 0; i < count; i++) {
        json_write_string(w, items[i]);
    }
    json_write_end(w);
}

static void enabled(struct json_writer *w, const char *key, bool value)
{
    json_write_key(w, key);
    json_write_object(w);
    json_write_key_bool(w, "enabled", value);
    json_write_end(w);
}

static void write_seccomp(const struct spec_features *f, struct json_writer *w)
{
    json_write_key(w, "seccomp");
    json_write_object(w);
    json_write_key_bool(w, "enabled", f->seccomp);
    list(w, "actions", f->seccomp_actions, f->seccomp_actions_count);
    list(w, "operators", f->seccomp_operators, f->seccomp_operators_count);
    list(w, "archs", f->seccomp_archs, f->seccomp_archs_count);
    list(w, "knownFlags", f->seccomp_known_flags, f->seccomp_known_flags_count);
    list(w, "supportedFlags", f->seccomp_supported_flags, f->seccomp_supported_flags_count);
    json_write_end(w);
}

static void write_linux(const struct spec_features *f, struct json_writer *w)
{
    json_write_key(w, "linux");
    json_write_object(w);
    list(w, "namespaces", f->namespaces, f->namespaces_count);
    list(w, "capabilities", f->capabilities, f->capabilities_count);
    json_write_key(w, "cgroup");
    json_write_object(w);
    json_write_key_bool(w, "v1", f->cgroup_v1);
    json_write_key_bool(w, "v2", f->cgroup_v2);
    json_write_key_bool(w, "systemd", f->cgroup_systemd);
    json_write_key_bool(w, "systemdUser", f->cgroup_systemd_user);
    json_write_key_bool(w, "rdma", f->cgroup_rdma);
    json_write_end(w);
    write_seccomp(f, w);
    enabled(w, "apparmor", f->apparmor);
    enabled(w, "selinux", f->selinux);
    enabled(w, "intelRdt", f->intel_rdt);
    json_write_key(w, "mountExtensions");
    json_write_object(w);
    enabled(w, "idmap", f->idmap_mounts);
    json_write_end(w);
    json_write_end(w);
}

int spec_features_write(const struct spec_features *features, unsigned indent, struct st_buf *to)
{
    struct json_writer w = {.to = to, .indent = indent};
    json_write_object(&w);
    json_write_key_string(&w, "ociVersionMin", features->oci_version_min);
    json_write_key_string(&w, "ociVersionMax", features->oci_version_max);
    list(&w, "hooks", features->hooks, features->hooks_count);
    list(&w, "mountOptions", features->mount_options, features->mount_options_count);
    write_linux(features, &w);
    if (features->annotations != NULL) {
        json_write_key(&w, "annotations");
        json_write_object(&w);
        for (size_t i = 0; i < features->annotations_count; i++) {
            json_write_key_string(&w, features->annotations[i].key, features->annotations[i].value);
        }
        json_write_end(&w);
    }
    list(&w, "potentiallyUnsafeConfigAnnotations", features->unsafe_annotations,
         features->unsafe_annotations_count);
    json_write_end(&w);
    return st_buf_status(to);
}
