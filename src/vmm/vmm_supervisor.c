/* Who looks after this process: see vmm_supervisor.h. */
#include "vmm/vmm_supervisor.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "format/fmt_agent.h"
#include "os/os_file.h"
#include "os/os_socket.h"

enum { MESSAGE_MAX = 4096 + FMT_AGENT_HEAD_BYTES, PID_UNKNOWN = 0 };

struct vmm_supervisor {
    struct vmm *vmm;
    struct os_watch watch;
};

/* A message that does not fit is one that nobody waits for. What cannot be said otherwise, the end
 * of the connection says: a supervisor that waits for the start gives it up. Any thread. */
static void say(const struct vmm_supervisor *supervisor, const struct st_buf *record)
{
    int fd = supervisor->watch.fd;
    ssize_t n = st_buf_status(record);
    if (n >= 0) {
        n = os_send(fd, record->data, record->length, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (n < 0 && n != -ST_EAGAIN) {
        (void)os_shutdown(fd, SHUT_RDWR);
    }
}

static void tell_that_it_runs(void *argument)
{
    const struct vmm_supervisor *supervisor = argument;
    st_auto(buf) struct st_buf record = ST_BUF_HEAP(MESSAGE_MAX);
    (void)fmt_agent_write_u32(&record, FMT_AGENT_STARTED, PID_UNKNOWN);
    say(supervisor, &record);
}

static void workload_told(void *argument, int code, const char *error)
{
    struct vmm_supervisor *supervisor = argument;
    st_auto(buf) struct st_buf record = ST_BUF_HEAP(MESSAGE_MAX);
    char payload[1024] = {[0] = (char)code};
    if (error == NULL) {
        tell_that_it_runs(supervisor);
        return;
    }
    size_t length = ST_MIN(strlen(error), sizeof payload - 4);
    memcpy(payload + 4, error, length);
    (void)fmt_agent_write(&record, FMT_AGENT_FAILED, payload, 4 + length);
    say(supervisor, &record);
}

static void obey(struct vmm_supervisor *supervisor, const struct fmt_agent_record *record)
{
    uint32_t value = fmt_agent_u32(record);
    switch (record->type) {
    case FMT_AGENT_SIGNAL:
        (void)vmm_workload_signal(supervisor->vmm, (int)value);
        break;
    case FMT_AGENT_RESIZE:
        vmm_workload_resize(supervisor->vmm, (uint16_t)value, (uint16_t)(value >> 16));
        break;
    case FMT_AGENT_POWER_OFF:
        vmm_workload_power_off(supervisor->vmm);
        break;
    default: /* of a newer supervisor */
        break;
    }
}

/* A supervisor that is gone ends this process by a signal of its own choice. */
static void hear(void *argument, uint32_t events)
{
    struct vmm_supervisor *supervisor = argument;
    uint8_t message[MESSAGE_MAX];
    struct fmt_agent_record record;
    (void)events;
    ssize_t got = os_recv(supervisor->watch.fd, message, sizeof message, MSG_DONTWAIT);
    if (got == -ST_EAGAIN) {
        return;
    }
    if (got <= 0) {
        os_loop_remove(vmm_loop(supervisor->vmm), &supervisor->watch);
        return;
    }
    if (fmt_agent_parse(message, (size_t)got, &record) == got) {
        obey(supervisor, &record);
    }
}

int vmm_supervisor_new(struct vmm *vmm, int socket, bool has_workload,
                       struct vmm_supervisor **ret_supervisor)
{
    struct vmm_supervisor *supervisor = calloc(1, sizeof *supervisor);
    if (supervisor == NULL) {
        os_close(&socket);
        return -ST_ENOMEM;
    }
    supervisor->vmm = vmm;
    supervisor->watch = (struct os_watch){.fd = socket, .ready = hear, .argument = supervisor};
    int r = os_loop_add(vmm_loop(vmm), &supervisor->watch, EPOLLIN);
    if (r < 0) {
        os_close(&supervisor->watch.fd);
        free(supervisor);
        return r;
    }
    if (has_workload) {
        vmm_on_workload(vmm, workload_told, supervisor);
    } else {
        vmm_on_running(vmm, tell_that_it_runs, supervisor);
    }
    *ret_supervisor = supervisor;
    return 0;
}

void vmm_supervisor_free(struct vmm_supervisor *supervisor)
{
    if (supervisor == NULL) {
        return;
    }
    vmm_on_workload(supervisor->vmm, NULL, NULL);
    vmm_on_running(supervisor->vmm, NULL, NULL);
    os_loop_remove(vmm_loop(supervisor->vmm), &supervisor->watch);
    os_close(&supervisor->watch.fd);
    free(supervisor);
}
