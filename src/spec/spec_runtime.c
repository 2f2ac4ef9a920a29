/* Reading and writing config.json by the tables of spec_runtime_tables.c: see spec_runtime.h. */
#include "spec/spec_runtime.h"

#include "base/str.h"
#include "spec/spec_runtime_priv.h"
#include "json/json_bind.h"

static const struct json_limits limits = {.max_bytes = SPEC_RUNTIME_MAX_BYTES, .max_depth = 64};

int spec_runtime_parse(const char *text, size_t length, struct spec_runtime **ret_config,
                       struct st_err *err)
{
    struct json_doc *doc = NULL;
    void *root = NULL;
    int r = json_bind_parse(&spec_runtime_table, text, length, &limits, &root, &doc, err);
    if (r < 0) {
        return r;
    }
    struct spec_runtime *config = root;
    config->doc = doc;
    r = spec_runtime_check(config, err);
    if (r < 0) {
        json_doc_free(doc);
        return r;
    }
    *ret_config = config;
    return 0;
}

struct spec_runtime *spec_runtime_free(struct spec_runtime *config)
{
    if (config != NULL) {
        json_doc_free(config->doc);
    }
    return NULL;
}

int spec_runtime_write(const struct spec_runtime *config, unsigned indent, struct st_buf *to)
{
    struct json_writer w = {.to = to, .indent = indent};
    json_bind_write(&spec_runtime_table, config, &w);
    return st_buf_status(to);
}

int spec_process_write(const struct spec_process *process, unsigned indent, struct st_buf *to)
{
    struct json_writer w = {.to = to, .indent = indent};

    json_bind_write(&spec_process_table, process, &w);
    return st_buf_status(to);
}

int spec_process_parse(const char *text, size_t length, struct spec_process **ret_process,
                       struct json_doc **ret_doc, struct st_err *err)
{
    struct json_doc *doc = NULL;
    void *root = NULL;
    int r = json_bind_parse(&spec_process_table, text, length, &limits, &root, &doc, err);
    if (r < 0) {
        return r;
    }
    r = spec_process_check(root, err);
    if (r < 0) {
        json_doc_free(doc);
        return r;
    }
    *ret_process = root;
    *ret_doc = doc;
    return 0;
}

int spec_resources_parse(const char *text, size_t length, struct spec_resources **ret_resources,
                         struct json_doc **ret_doc, struct st_err *err)
{
    struct json_doc *doc = NULL;
    void *root = NULL;
    int r = json_bind_parse(&spec_resources_table, text, length, &limits, &root, &doc, err);
    if (r < 0) {
        return r;
    }
    r = spec_resources_check(root, err);
    if (r < 0) {
        json_doc_free(doc);
        return r;
    }
    *ret_resources = root;
    *ret_doc = doc;
    return 0;
}

const char *spec_namespace_name(enum spec_namespace_type type)
{
    return spec_namespace_names.names[type];
}

const struct spec_namespace *spec_runtime_namespace(const struct spec_runtime *config,
                                                    enum spec_namespace_type type)
{
    for (size_t i = 0; config->linux_ != NULL && i < config->linux_->namespaces_count; i++) {
        if (config->linux_->namespaces[i].type == type) {
            return &config->linux_->namespaces[i];
        }
    }
    return NULL;
}

const char *spec_runtime_annotation(const struct spec_runtime *config, const char *key)
{
    const char *found = NULL;
    for (size_t i = 0; i < config->annotations_count; i++) {
        if (st_streq(config->annotations[i].key, key)) {
            found = config->annotations[i].value;
        }
    }
    return found;
}
