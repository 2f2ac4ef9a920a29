/*
 * The device list of a container (config-linux.md, "Allowed Device list"): rules in order, of which
 * a later one overrides an earlier one for the kinds of access that it names. It is written to the
 * devices controller of version 1 as it is, or turned into a program of type
 * BPF_PROG_TYPE_CGROUP_DEVICE for version 2. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct bpf_insn;
struct spec_resources;

enum { /* kinds of access: the kernel's BPF_DEVCG_ACC_* */
       CTR_DEVICE_MKNOD = 1,
       CTR_DEVICE_READ = 2,
       CTR_DEVICE_WRITE = 4,
       CTR_DEVICE_ALL = 7,
};

enum { CTR_DEVICE_ANY = -1 }; /* for major and minor */

struct ctr_device_rule {
    char type; /* 'c' or 'b' */
    bool allow;
    uint8_t access;
    int32_t major;
    int32_t minor;
};

struct ctr_device_list {
    bool allow; /* what holds for a device that no rule names */
    struct ctr_device_rule *rules;
    size_t count;
};

/* The longest text of a rule. */
enum { CTR_DEVICE_TEXT = 40 };

/* The rules of the config (none: NULL), then, unless these allow everything else, those that every
 * container has: to make any node, and to use null, zero, full, random, urandom, tty and the pseudo
 * terminals. At first nothing is allowed; a rule for all devices makes the ones before it void.
 * -ST_EINVAL for what is no rule. The caller frees with ctr_device_list_done. */
int ctr_device_list_read(const struct spec_resources *resources, struct ctr_device_list *ret_list,
                         struct st_err *err);
void ctr_device_list_done(struct ctr_device_list *list);

/* A rule as version 1 takes it: "c 1:3 rwm". */
void ctr_device_rule_text(const struct ctr_device_rule *rule, char ret_text[CTR_DEVICE_TEXT]);

/* The opposite for a line of the kernel's devices.list, as a rule that allows; -ST_EINVAL for
 * anything else, the line of a cgroup that allows all devices ("a *:* rwm") too. */
int ctr_device_rule_parse(const char *text, struct ctr_device_rule *ret_rule);

/* The kinds of access that the list allows to devices of exactly this name ("10:*" is another than
 * "10:229"), as version 1 counts them. */
uint8_t ctr_device_access(const struct ctr_device_list *list, const struct ctr_device_rule *name);

/* The program that returns 1 for what the list allows and 0 for all else. The caller frees it. */
int ctr_device_program(const struct ctr_device_list *list, struct bpf_insn **ret_program,
                       size_t *ret_count);
