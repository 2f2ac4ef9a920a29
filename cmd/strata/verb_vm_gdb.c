/* `strata vm gdb`: a debugger for the guest of a running machine. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/print.h"
#include "base/str.h"
#include "cli/cli_out.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "strata/verb_engine.h"
#include "strata/verb_vm.h"

static int listen_at(const char *address, struct st_err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const char *colon = strrchr(address, ':');
    char host[INET_ADDRSTRLEN] = "127.0.0.1";
    uint64_t port = 0;
    const int on = 1;
    if (colon != NULL && colon != address) {
        st_snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    }
    if (st_parse_u64(colon == NULL ? address : colon + 1, 10, 65535, &port) < 0 ||
        inet_pton(AF_INET, host, &at.sin_addr) != 1) {
        return st_fail(err, ST_EINVAL, "--listen %s: it is [IPV4:]PORT", address);
    }
    at.sin_port = htons((uint16_t)port);
    st_auto(fd) int fd = os_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? fd : os_setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    r = r < 0 ? r : os_bind(fd, (const struct sockaddr *)&at, sizeof at);
    r = r < 0 ? r : os_listen(fd, 1);
    return r < 0 ? st_fail_os(err, r, "listening at %s", address) : os_take_fd(fd);
}

/* Carries bytes between the two until one of them ends. */
static int carry(int a, int b)
{
    struct pollfd polls[2] = {{.fd = a, .events = POLLIN}, {.fd = b, .events = POLLIN}};
    char bytes[16384];
    for (;;) {
        int r = os_poll(polls, 2, -1);
        if (r < 0 && r != -ST_EINTR) {
            return r;
        }
        for (int i = 0; r > 0 && i < 2; i++) {
            if (polls[i].revents == 0) {
                continue;
            }
            ssize_t n = os_read(polls[i].fd, bytes, sizeof bytes);
            if (n <= 0 || os_write_all(polls[1 - i].fd, bytes, (size_t)n) < 0) {
                return 0;
            }
        }
    }
}

/* Serves one debugger after another at a TCP address. */
static int serve(const char *address, const char *path, struct st_err *err)
{
    st_auto(fd) int listener = listen_at(address, err);
    if (listener < 0) {
        return listener;
    }
    int r = cli_printf("waiting for a debugger: target remote %s\n", address);
    while (r >= 0) {
        st_auto(fd) int client = os_accept(listener, SOCK_CLOEXEC);
        st_auto(fd) int machine = client < 0 ? client : os_unix_connect(path, SOCK_STREAM);
        r = machine < 0 ? st_fail_os(err, machine, "the machine's debugger socket")
                        : carry(client, machine);
    }
    return r;
}

static int vm_gdb(struct cli *cli, struct st_err *err)
{
    st_auto(engine) struct engine *engine = NULL;
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    st_auto(free) char *path = NULL;
    st_auto(buf) struct st_buf target = ST_BUF_HEAP(8192);
    const char *symbols = cli_text(cli, "symbols");
    int r = verb_open_instance(cli, &engine, &instance, err);
    r = r < 0 ? r : engine_debugger_path(instance, &path, err);
    if (r < 0) {
        return r;
    }
    if (cli_given(cli, "listen")) {
        return serve(cli_text(cli, "listen"), path, err);
    }
    st_buf_printf(&target, "target remote %s", path);
    const char *argv[] = {"gdb", "-q", "-ex", st_buf_string(&target), symbols, NULL};
    r = os_execvp("gdb", (char *const *)(uintptr_t)argv);
    r = st_fail_os(err, r, "running gdb");
    st_hint(err, "Install gdb, or use --listen and connect one from elsewhere.");
    return r;
}

static const struct cli_option options[] = {
    {.name = "listen",
     .kind = CLI_STRING,
     .value = "[IPV4:]PORT",
     .help = "Wait for debuggers at this TCP address instead of running gdb here."},
    {.name = "symbols",
     .kind = CLI_STRING,
     .value = "FILE",
     .complete = CLI_COMPLETE_FILE,
     .help = "Have gdb read the symbols of FILE, the guest's vmlinux."},
    {0},
};

static const struct cli_exit exits[] = {
    {"0", "The debugger has ended."},
    {"1", "Something failed; standard error says what."},
    {0},
};

const struct cli_verb strata_verb_vm_gdb = {
    .name = "gdb",
    .summary = "Debug the guest of a running machine.",
    .about = "The machine is paused while a debugger is attached and stopped; each virtual CPU is "
             "a thread. Breakpoints, watchpoints and single steps work, and all registers are "
             "there, control registers included. When the debugger leaves, the machine goes on.",
    .options = {options},
    .arguments = "INSTANCE",
    .min = 1,
    .max = 1,
    .complete = CLI_COMPLETE_INSTANCE,
    .exits = exits,
    .see_also = "gdb(1), strata-vm-run(1)",
    .run = vm_gdb,
};
