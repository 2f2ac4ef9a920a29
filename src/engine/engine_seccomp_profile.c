/*
 * A system-call policy of the user's, from --security-opt seccomp=FILE: OCI's form, or docker's,
 * whose rules say for which capabilities and machines they are meant.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "engine/engine_isolation.h"
#include "engine/engine_machine.h"

enum { PROFILE_MAX = 1 << 20 };

struct condition {
    const char *const *caps;
    size_t caps_count;
};

static size_t machines_count(void)
{
    size_t n = 0;

    while (engine_machine_names[n] != NULL) {
        n++;
    }
    return n;
}

static bool in_list(const char *text, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (st_streq(text, list[i])) {
            return true;
        }
    }
    return false;
}

/* How many of an array's texts are in the list; *ret_total: of how many. */
static size_t matches(const struct json_value *array, const char *const *list, size_t count,
                      size_t *ret_total)
{
    size_t n = 0;

    *ret_total = 0;
    if (array == NULL || array->type != JSON_ARRAY) {
        return 0;
    }
    for (const struct json_value *v = array->first; v != NULL; v = v->next) {
        const char *text = json_text(v);
        (*ret_total)++;
        n += text != NULL && in_list(text, list, count);
    }
    return n;
}

/* docker's: all capabilities and one of the machines of "includes", none of those of "excludes". */
static bool applies(const struct json_value *rule, const struct condition *c)
{
    const struct json_value *in = json_member(rule, "includes");
    const struct json_value *out = json_member(rule, "excludes");
    size_t total;

    size_t n = matches(json_member(in, "caps"), c->caps, c->caps_count, &total);
    if (n != total) {
        return false;
    }
    n = matches(json_member(in, "arches"), engine_machine_names, machines_count(), &total);
    if (total > 0 && n == 0) {
        return false;
    }
    return matches(json_member(out, "caps"), c->caps, c->caps_count, &total) == 0 &&
           matches(json_member(out, "arches"), engine_machine_names, machines_count(), &total) == 0;
}

/* The rule without docker's additions, and an older "name" as "names". */
static void write_rule(struct json_writer *w, const struct json_value *rule)
{
    json_write_object(w);
    for (const struct json_value *m = rule->first; m != NULL; m = m->next) {
        if (st_streq(m->key, "includes") || st_streq(m->key, "excludes") ||
            st_streq(m->key, "comment") || (m->type == JSON_NULL)) {
            continue;
        }
        if (st_streq(m->key, "name")) {
            json_write_key(w, "names");
            json_write_array(w);
            json_write_value(w, m);
            json_write_end(w);
            continue;
        }
        json_write_key(w, m->key);
        json_write_value(w, m);
    }
    json_write_end(w);
}

static void write_machines(struct json_writer *w, const struct json_value *map)
{
    for (const struct json_value *m = map->first; m != NULL; m = m->next) {
        const struct json_value *more = json_member(m, "subArchitectures");

        if (!st_streq(json_text(json_member(m, "architecture")), engine_machine_archs[0])) {
            continue;
        }
        json_write_key(w, "architectures");
        json_write_array(w);
        json_write_string(w, engine_machine_archs[0]);
        if (more != NULL && more->type == JSON_ARRAY) {
            for (const struct json_value *v = more->first; v != NULL; v = v->next) {
                json_write_value(w, v);
            }
        }
        json_write_end(w);
    }
}

/* The profile in a config.json of its own, for the parser that reads and checks such things. */
static void write_config(struct json_writer *w, const struct json_value *root,
                         const struct condition *c)
{
    json_write_object(w);
    json_write_key_string(w, "ociVersion", SPEC_RUNTIME_VERSION);
    json_write_key(w, "root");
    json_write_object(w);
    json_write_key_string(w, "path", "rootfs");
    json_write_end(w);
    json_write_key(w, "linux");
    json_write_object(w);
    json_write_key(w, "seccomp");
    json_write_object(w);
    for (const struct json_value *m = root->first; m != NULL; m = m->next) {
        if (m->type == JSON_NULL) {
            continue;
        }
        if (st_streq(m->key, "archMap") && m->type == JSON_ARRAY) {
            write_machines(w, m);
        } else if (st_streq(m->key, "syscalls") && m->type == JSON_ARRAY) {
            json_write_key(w, m->key);
            json_write_array(w);
            for (const struct json_value *v = m->first; v != NULL; v = v->next) {
                if (v->type == JSON_OBJECT && applies(v, c)) {
                    write_rule(w, v);
                }
            }
            json_write_end(w);
        } else {
            json_write_key(w, m->key);
            json_write_value(w, m);
        }
    }
    json_write_end(w);
    json_write_end(w);
    json_write_end(w);
}

int engine_seccomp_profile(const char *text, const char *const *caps, size_t caps_count,
                           struct spec_runtime **ret_owner, struct st_err *err)
{
    static const struct json_limits limits = {PROFILE_MAX, 16};
    st_auto(buf) struct st_buf whole = ST_BUF_HEAP(2 * PROFILE_MAX);
    struct json_writer w = {.to = &whole};
    struct condition condition = {caps, caps_count};
    struct json_doc *doc = NULL;

    int r = json_parse(text, strlen(text), &limits, &doc, err);
    if (r < 0) {
        return st_wrap(err, r, "Decoding seccomp profile failed");
    }
    const struct json_value *root = json_doc_root(doc);
    if (root->type != JSON_OBJECT) {
        json_doc_free(doc);
        return st_fail(err, ST_EINVAL, "Decoding seccomp profile failed: it is not an object");
    }
    write_config(&w, root, &condition);
    json_doc_free(doc);
    r = st_buf_status(&whole);
    r = r < 0 ? r : spec_runtime_parse(st_buf_string(&whole), whole.length, ret_owner, err);
    return r < 0 ? st_wrap(err, r, "Decoding seccomp profile failed") : 0;
}
