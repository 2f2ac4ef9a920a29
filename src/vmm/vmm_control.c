/* The control socket: see vmm_control.h. */
#include "vmm/vmm_control.h"

#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "os/os_file.h"
#include "os/os_socket.h"
#include "json/json_write.h"

enum { ANSWER_MAX = 256 << 10 };

struct client {
    struct vmm_control *control;
    struct os_watch watch;
    char line[VMM_CONTROL_LINE_MAX];
    size_t length;
};

struct vmm_control {
    struct vmm *vmm;
    struct os_watch listener;
    struct client clients[VMM_CONTROL_CLIENTS];
};

static void drop(struct client *client)
{
    os_loop_remove(vmm_loop(client->control->vmm), &client->watch);
    os_close(&client->watch.fd);
}

/* Sends a line; a client that does not read is dropped. */
static void send_line(struct client *client, struct st_buf *text)
{
    st_buf_char(text, '\n');
    ssize_t sent = st_buf_status(text) < 0 ? -ST_ELIMIT
                                           : os_send(client->watch.fd, text->data, text->length,
                                                     MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 || (size_t)sent != text->length) {
        drop(client);
    }
}

/* Does what a command wants; appends its answer, if it has one, as a JSON value. */
static int obey(struct client *client, enum vmm_command command, struct st_buf *answer,
                struct st_err *err)
{
    struct vmm *vmm = client->control->vmm;
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(ANSWER_MAX);
    switch (command) {
    case VMM_COMMAND_STATUS:
        vmm_control_status(vmm, answer);
        return 0;
    case VMM_COMMAND_METRICS:
        vmm_control_metrics(vmm, answer);
        return 0;
    case VMM_COMMAND_LOG:
        (void)vmm_log_text(vmm, &text);
        json_write_quoted(answer, st_buf_string(&text));
        return 0;
    case VMM_COMMAND_PAUSE:
        return vmm_pause(vmm);
    case VMM_COMMAND_RESUME: {
        int r = vmm_resume(vmm);
        return r < 0 ? st_fail(err, -r, "the machine has crashed; reset it") : 0;
    }
    case VMM_COMMAND_RESET:
        return vmm_reset(vmm, err);
    case VMM_COMMAND_POWER_BUTTON:
        vmm_power_button(vmm);
        return 0;
    case VMM_COMMAND_NMI:
        vmm_nmi(vmm);
        return 0;
    case VMM_COMMAND_QUIT:
        vmm_quit(vmm);
        return 0;
    case VMM_COMMAND_SESSION: /* as console, the rest comes after the answer */
        switch (vmm_workload_room(vmm)) {
        case 0:
            return 0;
        case -ST_ELIMIT:
            return st_fail(err, ST_ELIMIT, "too many sessions");
        default:
            return st_fail(err, ST_ESTATE, "no workload runs");
        }
    case VMM_COMMAND_CONSOLE:
    case VMM_COMMANDS:
        return 0;
    }
    return 0;
}

static void answer_line(struct client *client, const char *line, size_t length)
{
    enum vmm_command command = VMM_COMMANDS;
    uint64_t id;
    struct st_err err = {0};
    st_auto(buf) struct st_buf answer = ST_BUF_HEAP(ANSWER_MAX);
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(ANSWER_MAX);
    struct json_writer w = {.to = &text};
    int r = vmm_control_parse(line, length, &command, &id, &err);
    r = r < 0 ? r : obey(client, command, &answer, &err);
    json_write_object(&w);
    json_write_key_u64(&w, "id", id);
    if (r < 0) {
        json_write_key_string(&w, "error", err.code != 0 ? err.msg : st_strerror(r));
    } else {
        json_write_key(&w, "result");
        json_write_raw(&w, answer.length > 0 ? st_buf_string(&answer) : "{}");
    }
    json_write_end(&w);
    send_line(client, &text);
    if (r >= 0 && command == VMM_COMMAND_CONSOLE && client->watch.fd >= 0) {
        /* From here on the bytes are the serial line's. */
        os_loop_remove(vmm_loop(client->control->vmm), &client->watch);
        (void)vmm_console_client(client->control->vmm, os_take_fd(client->watch.fd));
    }
    if (r >= 0 && command == VMM_COMMAND_SESSION && client->watch.fd >= 0) {
        os_loop_remove(vmm_loop(client->control->vmm), &client->watch);
        (void)vmm_workload_session(client->control->vmm, os_take_fd(client->watch.fd));
    }
}

static void client_ready(void *argument, uint32_t events)
{
    struct client *client = argument;
    (void)events;
    ssize_t got = os_recv(client->watch.fd, client->line + client->length,
                          sizeof client->line - client->length, MSG_DONTWAIT);
    if (got == -ST_EAGAIN) {
        return;
    }
    if (got <= 0) {
        drop(client);
        return;
    }
    client->length += (size_t)got;
    char *end;
    while (client->watch.fd >= 0 && (end = memchr(client->line, '\n', client->length)) != NULL) {
        size_t length = (size_t)(end - client->line);
        char line[VMM_CONTROL_LINE_MAX];
        memcpy(line, client->line, length);
        client->length -= length + 1;
        memmove(client->line, end + 1, client->length);
        answer_line(client, line, length);
    }
    if (client->watch.fd >= 0 && client->length == sizeof client->line) {
        drop(client);
    }
}

static void greet(struct client *client)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(ANSWER_MAX);
    struct json_writer w = {.to = &text};
    json_write_object(&w);
    json_write_key_string(&w, "strata-vm", STRATA_VERSION);
    json_write_key_u64(&w, "protocol", VMM_CONTROL_PROTOCOL);
    json_write_end(&w);
    send_line(client, &text);
}

static void accept_client(void *argument, uint32_t events)
{
    struct vmm_control *control = argument;
    (void)events;
    st_auto(fd) int fd = os_accept(control->listener.fd, SOCK_CLOEXEC);
    for (unsigned i = 0; fd >= 0 && i < VMM_CONTROL_CLIENTS; i++) {
        struct client *client = &control->clients[i];
        if (client->watch.fd < 0) {
            client->length = 0;
            client->watch =
                (struct os_watch){.fd = os_take_fd(fd), .ready = client_ready, .argument = client};
            if (os_loop_add(vmm_loop(control->vmm), &client->watch, EPOLLIN) < 0) {
                os_close(&client->watch.fd);
            } else {
                greet(client);
            }
        }
    }
}

int vmm_control_new(struct vmm *vmm, int listener, struct vmm_control **ret_control)
{
    struct vmm_control *control = calloc(1, sizeof *control);
    if (control == NULL) {
        os_close(&listener);
        return -ST_ENOMEM;
    }
    control->vmm = vmm;
    control->listener =
        (struct os_watch){.fd = listener, .ready = accept_client, .argument = control};
    for (unsigned i = 0; i < VMM_CONTROL_CLIENTS; i++) {
        control->clients[i].control = control;
        control->clients[i].watch.fd = -1;
    }
    int r = os_loop_add(vmm_loop(vmm), &control->listener, EPOLLIN);
    if (r < 0) {
        os_close(&control->listener.fd);
        free(control);
        return r;
    }
    *ret_control = control;
    return 0;
}

static void tell_end(struct client *client, const struct vmm_ending *ending)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(ANSWER_MAX);
    struct json_writer w = {.to = &text};
    json_write_object(&w);
    json_write_key_string(&w, "event", "ended");
    json_write_key_string(&w, "reason", vmm_end_name(ending->end));
    json_write_end(&w);
    send_line(client, &text);
}

void vmm_control_free(struct vmm_control *control, const struct vmm_ending *ending)
{
    if (control == NULL) {
        return;
    }
    for (unsigned i = 0; i < VMM_CONTROL_CLIENTS; i++) {
        struct client *client = &control->clients[i];
        if (client->watch.fd >= 0) {
            tell_end(client, ending);
        }
        if (client->watch.fd >= 0) {
            drop(client);
        }
    }
    os_loop_remove(vmm_loop(control->vmm), &control->listener);
    os_close(&control->listener.fd);
    free(control);
}
