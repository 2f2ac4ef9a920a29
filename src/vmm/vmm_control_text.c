/* The words of the control socket: see vmm_control.h and docs/vm.md. */
#include <stdlib.h>

#include "base/str.h"
#include "vmm/vmm_control.h"
#include "json/json_doc.h"

static const char *const command_names[VMM_COMMANDS] = {
    [VMM_COMMAND_STATUS] = "status",   [VMM_COMMAND_METRICS] = "metrics",
    [VMM_COMMAND_LOG] = "log",         [VMM_COMMAND_PAUSE] = "pause",
    [VMM_COMMAND_RESUME] = "resume",   [VMM_COMMAND_RESET] = "reset",
    [VMM_COMMAND_NMI] = "nmi",         [VMM_COMMAND_POWER_BUTTON] = "power-button",
    [VMM_COMMAND_CONSOLE] = "console", [VMM_COMMAND_SESSION] = "session",
    [VMM_COMMAND_QUIT] = "quit",
};

const char *vmm_command_name(enum vmm_command command)
{
    return command_names[command];
}

static int read_request(const struct json_value *root, enum vmm_command *ret_command,
                        uint64_t *ret_id, struct st_err *err)
{
    const char *name = json_text(json_member(root, "command"));
    const struct json_value *id = json_member(root, "id");
    *ret_id = 0;
    if (id != NULL && json_u64(id, INT64_MAX, ret_id) < 0) {
        return st_fail(err, ST_EINVAL, "\"id\" is no number from 0 to 2^63 - 1");
    }
    if (name == NULL) {
        return st_fail(err, ST_EINVAL, "a request is an object with a \"command\"");
    }
    for (unsigned i = 0; i < VMM_COMMANDS; i++) {
        if (st_streq(name, command_names[i])) {
            *ret_command = (enum vmm_command)i;
            return 0;
        }
    }
    return st_fail(err, ST_EINVAL, "there is no command \"%s\"", name);
}

int vmm_control_parse(const char *line, size_t length, enum vmm_command *ret_command,
                      uint64_t *ret_id, struct st_err *err)
{
    static const struct json_limits limits = {VMM_CONTROL_LINE_MAX, 8};
    struct json_doc *doc = NULL;
    *ret_id = 0;
    int r = json_parse(line, length, &limits, &doc, err);
    if (r >= 0) {
        r = read_request(json_doc_root(doc), ret_command, ret_id, err);
        json_doc_free(doc);
    }
    return r < 0 ? r : 0;
}
