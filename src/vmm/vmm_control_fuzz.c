/* Any line on the control socket is a request or a refusal. */
#include <stdint.h>
#include <stdlib.h>

#include "base/assert.h"
#include "vmm/vmm_control.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct st_err err = {0};
    enum vmm_command command = VMM_COMMANDS;
    uint64_t id;
    int r = vmm_control_parse((const char *)data, size, &command, &id, &err);
    ST_CHECK(r >= 0 ? command < VMM_COMMANDS : err.code != 0);
    return 0;
}
