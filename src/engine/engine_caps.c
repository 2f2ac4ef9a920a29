/* Which capabilities a container has: docker's default set, --cap-add, --cap-drop, --privileged. */
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_isolation.h"
#include "os/os_identity.h"
#include "sandbox/sbx_caps.h"

static const char *const default_caps[] = {
    "CAP_CHOWN",   "CAP_DAC_OVERRIDE", "CAP_FSETID",           "CAP_FOWNER",
    "CAP_MKNOD",   "CAP_NET_RAW",      "CAP_SETGID",           "CAP_SETUID",
    "CAP_SETFCAP", "CAP_SETPCAP",      "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT",
    "CAP_KILL",    "CAP_AUDIT_WRITE",
};

/* The number of a capability as options name it: with or without CAP_. */
static int number_of(const char *text, struct st_err *err)
{
    char name[64];

    bool prefixed = (text[0] == 'C' || text[0] == 'c') && strlen(text) > 4 && text[3] == '_';
    st_snprintf(name, sizeof(name), "%s%s", prefixed ? "" : "CAP_", text);
    int n = sbx_cap_number(name);
    return n < 0 ? st_fail(err, ST_EINVAL, "invalid capability: \"%s\"", text) : n;
}

static bool is_all(const char *text)
{
    return st_streq(text, "ALL") || st_streq(text, "all") || st_streq(text, "CAP_ALL");
}

static bool has_all(const char **names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_all(names[i])) {
            return true;
        }
    }
    return false;
}

static int change(const char **names, size_t count, bool add, uint64_t *mask, struct st_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (is_all(names[i])) {
            continue;
        }
        int n = number_of(names[i], err);
        if (n < 0) {
            return n;
        }
        *mask = add ? *mask | UINT64_C(1) << n : *mask & ~(UINT64_C(1) << n);
    }
    return 0;
}

/* What "all" means: what we could give away, since a host's root may itself lack some. */
static uint64_t all_of_ours(void)
{
    struct os_capabilities own;

    return os_capget(&own) < 0 ? sbx_caps_all() : sbx_caps_all() & own.permitted;
}

int engine_caps_mask(const struct engine_config *config, uint64_t all, uint64_t *ret_mask,
                     struct st_err *err)
{
    const struct engine_security *s = &config->security;
    uint64_t mask = 0;
    int r = 0;

    if (s->privileged || has_all(s->cap_add, s->cap_add_count)) {
        mask = all;
    } else if (!has_all(s->cap_drop, s->cap_drop_count)) {
        for (size_t i = 0; i < ST_COUNT(default_caps); i++) {
            mask |= UINT64_C(1) << sbx_cap_number(default_caps[i]);
        }
    }
    if (!s->privileged) {
        r = change(s->cap_drop, s->cap_drop_count, false, &mask, err);
        r = r < 0 ? r : change(s->cap_add, s->cap_add_count, true, &mask, err);
    }
    *ret_mask = mask;
    return r;
}

int engine_caps(struct json_doc *arena, const struct engine_config *config, const char ***ret_names,
                size_t *ret_count, struct st_err *err)
{
    struct engine_strings list = {.arena = arena};
    uint64_t mask = 0;
    int r = engine_caps_mask(config, all_of_ours(), &mask, err);

    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < sbx_cap_count(); i++) {
        if (mask >> i & 1) {
            engine_strings_add(&list, sbx_cap_name(i));
        }
    }
    if (list.items == NULL) {
        list.items = json_doc_alloc(arena, 1, sizeof(*list.items));
    }
    if (list.failed || list.items == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    *ret_names = list.items;
    *ret_count = list.count;
    return 0;
}
