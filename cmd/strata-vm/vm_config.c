/* From options to the machine's configuration. */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "os/os_file.h"
#include "strata-vm/vm.h"

enum { WORD_MAX = 64 };

/* The next ",KEY[=VALUE]" of an option's value; *cursor starts behind the first word. The value's
 * own text is cut up. NULL: no more. */
static char *next_word(char **cursor, char **ret_value)
{
    char *word = *cursor;
    if (word == NULL) {
        return NULL;
    }
    char *comma = strchr(word, ',');
    *cursor = comma == NULL ? NULL : comma + 1;
    if (comma != NULL) {
        *comma = 0;
    }
    char *equals = strchr(word, '=');
    *ret_value = equals == NULL ? NULL : equals + 1;
    if (equals != NULL) {
        *equals = 0;
    }
    return word;
}

/* The words behind the first, which stays where it is. */
static char *cut_first(const char *text)
{
    char *comma = strchr(text, ',');
    if (comma != NULL) {
        *comma++ = 0;
    }
    return comma;
}

static int read_disk(const char *text, struct vmm_disk *ret_disk, struct st_err *err)
{
    char *value;
    char *cursor = cut_first(text);
    *ret_disk = (struct vmm_disk){.path = text};
    for (char *word; (word = next_word(&cursor, &value)) != NULL;) {
        if (st_streq(word, "ro") && value == NULL) {
            ret_disk->read_only = true;
        } else if (st_streq(word, "serial") && value != NULL) {
            ret_disk->serial = value;
        } else if (st_streq(word, "aio") && value != NULL && st_streq(value, "threads")) {
            ret_disk->no_uring = true;
        } else if (!(st_streq(word, "aio") && value != NULL && st_streq(value, "io_uring"))) {
            return st_fail(err, ST_EINVAL, "--disk %s: \"%s\" is not an option of a disk", text,
                           word);
        }
    }
    return 0;
}

static int read_mac(const char *text, uint8_t ret_mac[6])
{
    for (unsigned i = 0; i < 6; i++) {
        char byte[3] = {text[3 * i], text[3 * i] == 0 ? 0 : text[3 * i + 1]};
        uint64_t number;
        if (strlen(byte) != 2 || st_parse_u64(byte, 16, 255, &number) < 0 ||
            text[3 * i + 2] != (i == 5 ? 0 : ':')) {
            return -ST_EINVAL;
        }
        ret_mac[i] = (uint8_t)number;
    }
    return (ret_mac[0] & 1) != 0 ? -ST_EINVAL : 0;
}

static int read_net(const char *text, struct vmm_net *ret_net, struct st_err *err)
{
    char *value;
    char *cursor = cut_first(text);
    *ret_net = (struct vmm_net){.restricted = false};
    if (!st_streq(text, "user")) {
        return st_fail(err, ST_EINVAL, "--net %s: the kinds are user and none", text);
    }
    for (char *word; (word = next_word(&cursor, &value)) != NULL;) {
        if (st_streq(word, "restrict") && value == NULL) {
            ret_net->restricted = true;
        } else if (st_streq(word, "no-loopback") && value == NULL) {
            ret_net->no_loopback = true;
        } else if (st_streq(word, "mac") && value != NULL) {
            if (read_mac(value, ret_net->mac) < 0) {
                return st_fail(err, ST_EINVAL, "--net: \"%s\" is not a card's address", value);
            }
        } else {
            return st_fail(err, ST_EINVAL, "--net %s: \"%s\" is not an option of it", text, word);
        }
    }
    return 0;
}

static int read_uuid(const char *text, uint8_t ret_uuid[16])
{
    unsigned at = 0;
    for (unsigned i = 0; i < 16; i++) {
        char byte[3] = {text[at], text[at] == 0 ? 0 : text[at + 1]};
        uint64_t number;
        if (strlen(byte) != 2 || st_parse_u64(byte, 16, 255, &number) < 0) {
            return -ST_EINVAL;
        }
        ret_uuid[i] = (uint8_t)number;
        at += 2;
        at += text[at] == '-';
    }
    return text[at] == 0 ? 0 : -ST_EINVAL;
}

/* As QEMU's -smbios, of which type=1 is this. */
static int read_smbios(const char *text, struct pc_smbios *ret_smbios, struct st_err *err)
{
    struct {
        const char *name;
        const char **to;
    } fields[] = {
        {"manufacturer", &ret_smbios->manufacturer},
        {"product", &ret_smbios->product},
        {"version", &ret_smbios->version},
        {"serial", &ret_smbios->serial},
        {"sku", &ret_smbios->sku},
        {"family", &ret_smbios->family},
    };
    char *cursor = (char *)(uintptr_t)text; /* the program's arguments are its own */
    char *value;
    for (char *word; text != NULL && (word = next_word(&cursor, &value)) != NULL;) {
        bool known = st_streq(word, "type") && value != NULL && st_streq(value, "1");
        if (st_streq(word, "uuid") && value != NULL) {
            if (read_uuid(value, ret_smbios->uuid) < 0) {
                return st_fail(err, ST_EINVAL, "--smbios: \"%s\" is not a UUID", value);
            }
            known = true;
        }
        for (size_t i = 0; i < ST_COUNT(fields) && value != NULL; i++) {
            if (st_streq(word, fields[i].name)) {
                *fields[i].to = value;
                known = true;
            }
        }
        if (!known) {
            return st_fail(err, ST_EINVAL, "--smbios: \"%s\" is not a field of it", word);
        }
    }
    return 0;
}

static int read_lists(const struct cli *cli, struct vm_config *config, struct st_err *err)
{
    struct vmm_config *machine = &config->machine;
    const char *text;
    int r = 0;
    for (size_t at = 0; r >= 0 && (text = cli_next(cli, "disk", &at)) != NULL;) {
        r = machine->disks_count == VMM_DISKS_MAX
                ? st_fail(err, ST_ELIMIT, "at most %u disks", VMM_DISKS_MAX)
                : read_disk(text, &machine->disks[machine->disks_count++], err);
    }
    for (size_t at = 0; r >= 0 && (text = cli_next(cli, "net", &at)) != NULL;) {
        if (st_streq(text, "none")) {
            machine->nets_count = 0;
            continue;
        }
        r = machine->nets_count == VMM_NETS_MAX
                ? st_fail(err, ST_ELIMIT, "at most %u network cards", VMM_NETS_MAX)
                : read_net(text, &machine->nets[machine->nets_count++], err);
    }
    for (size_t at = 0; r >= 0 && (text = cli_next(cli, "publish", &at)) != NULL;) {
        r = net_publish_parse(text, &config->ports, err);
    }
    if (r >= 0 && config->ports.count > 0 && machine->nets_count == 0) {
        return st_fail(err, ST_EINVAL, "--publish needs a network card (--net user)");
    }
    machine->nets[0].ports = &config->ports;
    return r < 0 ? r : 0;
}

static int read_serial(const char *text, struct vmm_config *machine, struct st_err *err)
{
    static const char file[] = "file:";
    machine->serial_in = machine->serial_out = -1;
    if (st_streq(text, "stdio")) {
        machine->serial_in = 0;
        machine->serial_out = 1;
    } else if (strncmp(text, file, sizeof file - 1) == 0) {
        machine->serial_out = os_open(text + sizeof file - 1, O_WRONLY | O_CREAT | O_APPEND, 0644);
        if (machine->serial_out < 0) {
            return st_fail_os(err, machine->serial_out, "--serial %s", text);
        }
    } else if (!st_streq(text, "none")) {
        return st_fail(err, ST_EINVAL, "--serial %s: it is stdio, none, or file:PATH", text);
    }
    return 0;
}

/* The settings of a workload, and this program's streams for it. */
static int read_workload(const char *folder, struct vm_config *config, struct st_err *err)
{
    static const char tty[] = "tty=1";
    if (folder == NULL) {
        return 0;
    }
    st_auto(fd) int dir = os_open(folder, O_PATH | O_DIRECTORY, 0);
    int r = dir < 0 ? dir : os_read_file(dir, "setup", &config->setup);
    r = r < 0 ? r : os_read_file(dir, "start", &config->start);
    if (r < 0) {
        return st_fail_os(err, r, "--workload %s", folder);
    }
    for (const char *at = config->start.data; at < config->start.data + config->start.length;
         at += strlen(at) + 1) {
        config->terminal |= st_streq(at, tty);
    }
    config->workload = (struct vmm_workload){
        .setup = config->setup.data,
        .setup_size = config->setup.length,
        .start = config->start.data,
        .start_size = config->start.length,
        .in = os_dup(0),
        .out = os_dup(1),
        .err = config->terminal ? -1 : os_dup(2),
    };
    config->machine.workload = &config->workload;
    config->machine.on_reset = VMM_ACTION_STOP;
    return 0;
}

static enum vmm_action read_action(const char *text)
{
    return st_streq(text, "stop")    ? VMM_ACTION_STOP
           : st_streq(text, "pause") ? VMM_ACTION_PAUSE
                                     : VMM_ACTION_RESET;
}

static enum plat_level read_level(const char *text)
{
    return st_streq(text, "error")  ? PLAT_ERROR
           : st_streq(text, "warn") ? PLAT_WARN
           : st_streq(text, "info") ? PLAT_INFO
                                    : PLAT_DEBUG;
}

int vm_config_read(const struct cli *cli, struct vm_config *ret_config, struct st_err *err)
{
    struct vmm_config *machine = &ret_config->machine;
    const char *accel = cli_text(cli, "accel");
    uint64_t cpus = cli_number(cli, "cpus");

    *ret_config = (struct vm_config){
        .control = cli_text(cli, "control"),
        .gdb = cli_text(cli, "gdb"),
        .supervisor =
            cli_given(cli, "supervisor") ? (int)cli_number(cli, "supervisor") & INT32_MAX : -1,
        .no_jail = cli_flag(cli, "no-jail"),
        .machine =
            {
                .name = cli_text(cli, "name"),
                .kernel = cli_text(cli, "kernel"),
                .initrd = cli_text(cli, "initrd"),
                .append = cli_text(cli, "append"),
                .ram_bytes = cli_number(cli, "memory"),
                .cpus = (unsigned)ST_MIN(cpus, (uint64_t)VCPU_MAX + 1),
                .cpu_model = cli_text(cli, "cpu"),
                .accel = st_streq(accel, "kvm")        ? VMM_ACCEL_KVM
                         : st_streq(accel, "software") ? VMM_ACCEL_SOFTWARE
                                                       : VMM_ACCEL_AUTO,
                .run_folder = cli_text(cli, "run"),
                .debug_exit = cli_flag(cli, "test-devices"),
                .test_device = cli_flag(cli, "test-devices"),
                .start_paused = cli_flag(cli, "paused"),
                .on_reset = read_action(cli_text(cli, "on-reset")),
                .on_crash = read_action(cli_text(cli, "on-crash")),
                .log_level = read_level(cli_text(cli, "log-level")),
            },
    };
    if (machine->kernel == NULL) {
        int r = st_fail(err, ST_EINVAL, "nothing to boot");
        st_hint(err, "Name a kernel with --kernel.");
        return r;
    }
    if (machine->cpus < 1 || machine->cpus > VCPU_MAX) {
        return st_fail(err, ST_EINVAL, "--cpus: a machine has 1 to %u CPUs", VCPU_MAX);
    }
    ret_config->setup = ret_config->start = ST_BUF_HEAP(1 << 20);
    int r = read_serial(cli_text(cli, "serial"), machine, err);
    r = r < 0 ? r : read_smbios(cli_text(cli, "smbios"), &machine->smbios, err);
    r = r < 0 ? r : read_workload(cli_text(cli, "workload"), ret_config, err);
    if (r >= 0 && machine->workload != NULL && machine->serial_out == 1) {
        machine->serial_in = machine->serial_out = -1; /* the streams are the workload's */
    }
    return r < 0 ? r : read_lists(cli, ret_config, err);
}

void vm_config_done(struct vm_config *config)
{
    net_ports_done(&config->ports);
    st_buf_done(&config->setup);
    st_buf_done(&config->start);
}
