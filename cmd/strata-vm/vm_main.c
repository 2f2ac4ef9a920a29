/* strata-vm: one virtual machine, one process. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>

#include "base/print.h"
#include "cli/cli_out.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"
#include "strata-vm/vm.h"
#include "strata-vm/vm_options.h"
#include "vmm/vmm_control.h"
#include "vmm/vmm_gdb.h"
#include "vmm/vmm_jail.h"
#include "vmm/vmm_supervisor.h"

/* The machine and what this program puts around it. */
struct program {
    struct vm_config config;
    struct vmm *vmm;
    struct vmm_control *control;
    struct vmm_gdb *gdb;
    struct vmm_supervisor *supervisor;
    struct os_watch signals;
    struct termios terminal; /* as it was */
    bool raw;
};

static void log_line(void *argument, enum plat_level level, const char *line)
{
    char text[400];
    (void)argument;
    (void)level;
    size_t length = st_snprintf(text, sizeof text, "strata-vm: %s\r\n", line);
    (void)cli_write(2, text, ST_MIN(length, sizeof text - 1));
}

/* ---- the terminal ---- */

static void terminal_raw(struct program *program)
{
    bool used = program->config.machine.serial_in == 0 || program->config.terminal;
    if (!used || !os_is_terminal(0) || os_tcgetattr(0, &program->terminal) < 0) {
        return;
    }
    struct termios raw = program->terminal;
    cfmakeraw(&raw);
    program->raw = os_tcsetattr(0, &raw) >= 0;
    program->config.machine.serial_escape = program->raw && !program->config.terminal;
}

static void terminal_restore(struct program *program)
{
    if (program->raw) {
        (void)os_tcsetattr(0, &program->terminal);
        program->raw = false;
    }
}

/* ---- signals ---- */

static void tell_size(struct program *program)
{
    struct winsize size;
    if (program->config.terminal && os_window_size_get(0, &size) >= 0) {
        vmm_workload_resize(program->vmm, size.ws_row, size.ws_col);
    }
}

/* SIGPWR presses the power button, SIGWINCH is for the workload's terminal; the others are for the
 * workload, or end the machine. */
static void on_signal(void *argument, uint32_t events)
{
    struct program *program = argument;
    struct signalfd_siginfo info;
    (void)events;
    if (os_read(program->signals.fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    if (info.ssi_signo == SIGPWR) {
        vmm_power_button(program->vmm);
    } else if (info.ssi_signo == SIGWINCH) {
        tell_size(program);
    } else if (!vmm_workload_signal(program->vmm, (int)info.ssi_signo)) {
        vmm_quit(program->vmm);
    }
}

static int watch_signals(struct program *program)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGPWR);
    sigaddset(&set, SIGWINCH);
    int r = os_sigprocmask(SIG_BLOCK, &set, NULL);
    r = r < 0 ? r : os_signal(SIGPIPE, SIG_IGN);
    program->signals = (struct os_watch){.fd = r < 0 ? r : os_signalfd(-1, &set, SFD_NONBLOCK),
                                         .ready = on_signal,
                                         .argument = program};
    return program->signals.fd < 0
               ? program->signals.fd
               : os_loop_add(vmm_loop(program->vmm), &program->signals, EPOLLIN);
}

/* ---- the life ---- */

static int exit_code(const struct vmm_ending *ending)
{
    switch (ending->end) {
    case VMM_END_POWERED_OFF:
        return VM_EXIT_OFF;
    case VMM_END_QUIT:
        return VM_EXIT_QUIT;
    case VMM_END_RESET:
        return VM_EXIT_RESET;
    case VMM_END_TRIPLE_FAULT:
        return VM_EXIT_TRIPLE_FAULT;
    case VMM_END_PANICKED:
        return VM_EXIT_PANICKED;
    case VMM_END_DEBUG_EXIT:
        return (int)((ending->value * 2 + 1) & 255);
    case VMM_END_FAILED:
        return VM_EXIT_BROKEN;
    }
    return VM_EXIT_BROKEN;
}

/* Says why it ended, where it was not the guest's wish. */
static void tell_end(const struct vmm_ending *ending)
{
    static const char *const texts[] = {
        [VMM_END_TRIPLE_FAULT] = "the guest crashed: triple fault",
        [VMM_END_PANICKED] = "the guest crashed: its kernel panicked",
        [VMM_END_FAILED] = "the machine broke down",
    };
    if (ending->end < ST_COUNT(texts) && texts[ending->end] != NULL) {
        struct st_err err = {.code = ST_EIO};
        st_fail(&err, ST_EIO, "%s", texts[ending->end]);
        cli_print_error("strata-vm", &err);
    }
}

static int open_doors(struct program *program, struct st_err *err)
{
    int r = watch_signals(program);
    if (r < 0) {
        return st_fail_os(err, r, "cannot watch for signals");
    }
    if (program->config.control != NULL) {
        /* The last machine's, whose jail could not remove it. */
        (void)os_unlinkat(AT_FDCWD, program->config.control, 0);
        r = os_unix_listen(program->config.control, SOCK_STREAM, 8, 0600);
        r = r < 0 ? r : vmm_control_new(program->vmm, r, &program->control);
        if (r < 0) {
            return st_fail_os(err, r, "control socket %s", program->config.control);
        }
    }
    if (program->config.supervisor >= 0) {
        r = os_set_cloexec(program->config.supervisor, true);
        r = r < 0 ? r
                  : vmm_supervisor_new(program->vmm, program->config.supervisor,
                                       program->config.machine.workload != NULL,
                                       &program->supervisor);
        if (r < 0) {
            return st_fail_os(err, r, "--supervisor %d", program->config.supervisor);
        }
    }
    return program->config.gdb == NULL
               ? 0
               : vmm_gdb_new(program->vmm, program->config.gdb, &program->gdb, err);
}

static int live(struct program *program, struct vmm_ending *ret_ending, struct st_err *err)
{
    struct vmm_jail jail = {.network = program->config.machine.nets_count > 0};
    if (!program->config.no_jail) {
        vmm_jail_begin(&jail);
    }
    int r = vmm_new(&program->config.machine, &program->vmm, err);
    r = r < 0 ? r : open_doors(program, err);
    if (r >= 0 && !program->config.no_jail) {
        r = vmm_jail_process(&jail, err);
    }
    if (r < 0) {
        return r;
    }
    terminal_raw(program);
    return vmm_run(program->vmm, program->config.no_jail ? NULL : vmm_jail_thread, &jail,
                   ret_ending, err);
}

/* The exit code of a machine's workload. */
static int workload_code(struct program *program, const struct vmm_ending *ending, int *ret_code,
                         struct st_err *err)
{
    const char *error;
    if (program->config.machine.workload == NULL) {
        return 0;
    }
    if (!vmm_workload_end(program->vmm, ret_code, &error)) {
        *ret_code = VM_EXIT_KILLED;
        error = ending->end == VMM_END_POWERED_OFF ? NULL : vmm_end_name(ending->end);
        if (error != NULL) {
            st_fail(err, ST_EIO, "the virtual machine ended before its workload: %s", error);
            cli_print_error("strata-vm", err);
        }
        return 0;
    }
    if (error != NULL) {
        st_fail(err, ST_EIO, "%s", error);
        cli_print_error("strata-vm", err);
    }
    return 0;
}

static int run(struct cli *cli, struct st_err *err)
{
    struct program program = {.signals.fd = -1};
    struct vmm_ending ending = {.end = VMM_END_FAILED};
    int code = 0;
    int r = vm_config_read(cli, &program.config, err);
    if (r >= 0) {
        program.config.machine.log = log_line;
        r = live(&program, &ending, err);
        terminal_restore(&program);
        vmm_supervisor_free(program.supervisor);
        vmm_gdb_free(program.gdb);
        vmm_control_free(program.control, &ending);
        r = r < 0 ? r : workload_code(&program, &ending, &code, err);
        vmm_free(program.vmm);
        os_close(&program.signals.fd);
    }
    vm_config_done(&program.config);
    if (r < 0) {
        return r;
    }
    if (program.config.machine.workload != NULL) {
        return code;
    }
    tell_end(&ending);
    return exit_code(&ending);
}

static const struct cli_example examples[] = {
    {"strata-vm --kernel vmlinuz --initrd initrd.img --append console=ttyS0",
     "Boot a kernel, with its serial console on this terminal."},
    {"strata-vm --kernel vmlinuz --disk root.img --net user --publish 2222:22",
     "Boot with a disk and a network, the guest's ssh at the host's port 2222."},
    {0},
};

static const struct cli_exit exits[] = {
    {"0", "The guest switched the machine off."},
    {"101", "The guest's kernel panicked."},
    {"102", "The guest crashed: triple fault."},
    {"103", "The guest asked for a reset, and --on-reset is stop."},
    {"104", "Somebody ended the machine: the escape key, a signal, or the control socket."},
    {"105", "The machine broke down: a fault of strata-vm."},
    {"125", "The machine could not be made; standard error says why."},
    {"137", "With --workload: the machine ended before its workload."},
    {"other",
     "What a test kernel wrote to port F4h, times two, plus one; the workload's exit code."},
    {0},
};

static const struct cli_program vm_program = {
    .name = "strata-vm",
    .version = STRATA_VERSION,
    .summary = "Run a virtual machine.",
    .about = "The machine is this process: a PC with virtio devices, whose virtual CPUs are run by "
             "KVM or, where there is none that is of use, in software. It needs no privileges, and "
             "gives up those it has.\n\n"
             "strata vm manages machines by name; this program runs one.",
    .options = {vm_machine_options, vm_process_options},
    .run = run,
    .examples = examples,
    .exits = exits,
    .see_also = "strata-vm(1), strata(1)",
    .failure = VM_EXIT_FAILED,
};

int main(int argc, char **argv)
{
    return cli_main(&vm_program, argc, argv);
}
