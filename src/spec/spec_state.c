/* The state of a container as JSON: see spec_state.h. */
#include "spec/spec_state.h"

#include <assert.h>

#include "json/json_bind.h"

static const char *const status_texts[] = {
    [SPEC_STATUS_CREATING] = "creating", [SPEC_STATUS_CREATED] = "created",
    [SPEC_STATUS_RUNNING] = "running",   [SPEC_STATUS_PAUSED] = "paused",
    [SPEC_STATUS_STOPPED] = "stopped",
};
static_assert(ST_COUNT(status_texts) == SPEC_STATUS_COUNT, "each status has its name");
static const struct json_names status_names = {"status", ST_COUNT(status_texts), status_texts};

#define T struct spec_state
static const struct json_field state_fields[] = {
    JSON_STR(T, "ociVersion", oci_version),
    JSON_STR(T, "id", id),
    JSON_I32(T, "pid", pid, JSON_KEEP),
    JSON_NAMED(T, "status", status, enum spec_status, &status_names),
    JSON_STR(T, "bundle", bundle),
    JSON_STR(T, "rootfs", rootfs),
    JSON_STR(T, "created", created),
    JSON_PAIRS(T, "annotations", annotations),
    JSON_STR(T, "owner", owner),
};
static const struct json_table state_table = JSON_TABLE(T, state_fields);
#undef T

const char *spec_status_name(enum spec_status status)
{
    return status_texts[status];
}

void spec_state_put(const struct spec_state *state, struct json_writer *w)
{
    json_bind_write(&state_table, state, w);
}

int spec_state_write(const struct spec_state *state, unsigned indent, struct st_buf *to)
{
    struct json_writer w = {.to = to, .indent = indent};
    spec_state_put(state, &w);
    return st_buf_status(to);
}

int spec_seccomp_state_write(const struct spec_state *state, int32_t pid, const char *metadata,
                             struct st_buf *to)
{
    struct json_writer w = {.to = to};
    json_write_object(&w);
    json_write_key_string(&w, "ociVersion", state->oci_version);
    json_write_key(&w, "fds");
    json_write_array(&w);
    json_write_string(&w, "seccompFd");
    json_write_end(&w);
    json_write_key_i64(&w, "pid", pid);
    if (metadata != NULL) {
        json_write_key_string(&w, "metadata", metadata);
    }
    json_write_key(&w, "state");
    spec_state_put(state, &w);
    json_write_end(&w);
    return st_buf_status(to);
}
