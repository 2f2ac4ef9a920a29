/* The device list as a program: the rules are tested from the last to the first, and each takes
 * what it allows off the kinds of access that are still to be granted. */
#include "container/ctr_device.h"

#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "spec/spec_runtime.h"

/* More than any config has; a program of so many rules is still small for the kernel. */
enum { MAX_RULES = 4096 };

static const struct ctr_device_rule default_rules[] = {
    {'c', true, CTR_DEVICE_MKNOD, CTR_DEVICE_ANY, CTR_DEVICE_ANY},
    {'b', true, CTR_DEVICE_MKNOD, CTR_DEVICE_ANY, CTR_DEVICE_ANY},
    {'c', true, CTR_DEVICE_ALL, 1, 3},
    {'c', true, CTR_DEVICE_ALL, 1, 5},
    {'c', true, CTR_DEVICE_ALL, 1, 7},
    {'c', true, CTR_DEVICE_ALL, 1, 8},
    {'c', true, CTR_DEVICE_ALL, 1, 9},
    {'c', true, CTR_DEVICE_ALL, 5, 0},
    {'c', true, CTR_DEVICE_ALL, 5, 2},
    {'c', true, CTR_DEVICE_ALL, 136, CTR_DEVICE_ANY},
};

static bool same_devices(const struct ctr_device_rule *a, const struct ctr_device_rule *b)
{
    return a->type == b->type && a->major == b->major && a->minor == b->minor;
}

/* Appends, unless an equal or wider rule for the same devices holds already. */
static int append(struct ctr_device_list *list, const struct ctr_device_rule *rule)
{
    bool opposite_between = false;
    for (size_t i = list->count; i-- > 0 && !opposite_between;) {
        const struct ctr_device_rule *old = &list->rules[i];
        if (old->allow != rule->allow) {
            opposite_between = true;
        } else if (same_devices(old, rule) && (rule->access & ~old->access) == 0) {
            return 0;
        }
    }
    if (!opposite_between && rule->allow == list->allow) {
        return 0;
    }
    if (list->count == MAX_RULES) {
        return -ST_ELIMIT;
    }
    /* Grows by doubling, starting where the count is a power of two. */
    if ((list->count & (list->count - 1)) == 0) {
        size_t capacity = list->count == 0 ? 1 : list->count * 2;
        struct ctr_device_rule *rules = realloc(list->rules, capacity * sizeof(*rules));
        if (rules == NULL) {
            return -ST_ENOMEM;
        }
        list->rules = rules;
    }
    list->rules[list->count++] = *rule;
    return 0;
}

static bool is_everything(const struct ctr_device_rule *rule)
{
    return rule->major == CTR_DEVICE_ANY && rule->minor == CTR_DEVICE_ANY &&
           rule->access == CTR_DEVICE_ALL;
}

static int read_access(const char *text, uint8_t *ret_access)
{
    uint8_t access = 0;
    for (; text != NULL && *text != '\0'; text++) {
        switch (*text) {
        case 'r':
            access |= CTR_DEVICE_READ;
            break;
        case 'w':
            access |= CTR_DEVICE_WRITE;
            break;
        case 'm':
            access |= CTR_DEVICE_MKNOD;
            break;
        default:
            return -ST_EINVAL;
        }
    }
    *ret_access = text == NULL || access == 0 ? (uint8_t)CTR_DEVICE_ALL : access;
    return 0;
}

static int read_number(bool has, int64_t value, int32_t *ret_number)
{
    if (!has || value < 0) {
        *ret_number = CTR_DEVICE_ANY;
        return 0;
    }
    *ret_number = (int32_t)value;
    return value > INT32_MAX ? -ST_ERANGE : 0;
}

static int read_rule(const struct spec_device_rule *spec, struct ctr_device_rule *ret_rule)
{
    *ret_rule = (struct ctr_device_rule){.allow = spec->allow};
    ret_rule->type = spec->type == NULL || spec->type[0] == '\0' ? 'a' : spec->type[0];
    ret_rule->type = ret_rule->type == 'u' ? 'c' : ret_rule->type;
    int r = read_access(spec->access, &ret_rule->access);
    if (r >= 0) {
        r = read_number(spec->has_major, spec->major, &ret_rule->major);
    }
    if (r >= 0) {
        r = read_number(spec->has_minor, spec->minor, &ret_rule->minor);
    }
    if (r >= 0 && strchr("acb", ret_rule->type) == NULL) {
        r = -ST_EINVAL;
    }
    return r;
}

static int add_rule(struct ctr_device_list *list, struct ctr_device_rule rule)
{
    if (rule.type != 'a') {
        return append(list, &rule);
    }
    if (is_everything(&rule)) {
        list->allow = rule.allow;
        list->count = 0;
        free(list->rules);
        list->rules = NULL;
        return 0;
    }
    rule.type = 'c';
    int r = append(list, &rule);
    rule.type = 'b';
    return r < 0 ? r : append(list, &rule);
}

int ctr_device_list_read(const struct spec_resources *resources, struct ctr_device_list *ret_list,
                         struct st_err *err)
{
    *ret_list = (struct ctr_device_list){0};
    int r = 0;
    for (size_t i = 0; resources != NULL && i < resources->devices_count && r >= 0; i++) {
        struct ctr_device_rule rule;
        r = read_rule(&resources->devices[i], &rule);
        if (r < 0) {
            st_fail_os(err, r, "device rule %zu", i);
            break;
        }
        r = add_rule(ret_list, rule);
    }
    /* Where all is allowed they would only undo what the config denies. */
    for (size_t i = 0; i < ST_COUNT(default_rules) && r >= 0 && !ret_list->allow; i++) {
        r = append(ret_list, &default_rules[i]);
    }
    if (r < 0 && r != -ST_EINVAL && r != -ST_ERANGE) {
        st_fail_os(err, r, "device rules");
    }
    if (r < 0) {
        ctr_device_list_done(ret_list);
    }
    return r;
}

void ctr_device_list_done(struct ctr_device_list *list)
{
    free(list->rules);
    *list = (struct ctr_device_list){0};
}

static void number_text(int32_t number, char *ret_text, size_t size)
{
    if (number == CTR_DEVICE_ANY) {
        memcpy(ret_text, "*", 2);
    } else {
        st_snprintf(ret_text, size, "%d", (int)number);
    }
}

void ctr_device_rule_text(const struct ctr_device_rule *rule, char ret_text[CTR_DEVICE_TEXT])
{
    char major[12];
    char minor[12];
    number_text(rule->major, major, sizeof(major));
    number_text(rule->minor, minor, sizeof(minor));
    st_snprintf(ret_text, CTR_DEVICE_TEXT, "%c %s:%s %s%s%s", rule->type, major, minor,
                (rule->access & CTR_DEVICE_READ) != 0 ? "r" : "",
                (rule->access & CTR_DEVICE_WRITE) != 0 ? "w" : "",
                (rule->access & CTR_DEVICE_MKNOD) != 0 ? "m" : "");
}

static int parse_number(const char *text, int32_t *ret_number)
{
    uint64_t number = 0;
    int r = strcmp(text, "*") == 0 ? 1 : st_parse_u64(text, 10, INT32_MAX, &number);
    *ret_number = r == 1 ? CTR_DEVICE_ANY : (int32_t)number;
    return r < 0 ? -ST_EINVAL : 0;
}

int ctr_device_rule_parse(const char *text, struct ctr_device_rule *ret_rule)
{
    char line[CTR_DEVICE_TEXT];
    size_t length = strnlen(text, sizeof(line));
    if (length == sizeof(line) || (text[0] != 'c' && text[0] != 'b') || text[1] != ' ') {
        return -ST_EINVAL;
    }
    memcpy(line, text, length + 1);
    *ret_rule = (struct ctr_device_rule){.type = text[0], .allow = true};
    char *rest = line + 2;
    const char *major = strsep(&rest, ":");
    const char *minor = strsep(&rest, " ");
    if (minor == NULL || rest == NULL || rest[0] == '\0') {
        return -ST_EINVAL;
    }
    int r = parse_number(major, &ret_rule->major);
    if (r == 0) {
        r = parse_number(minor, &ret_rule->minor);
    }
    return r == 0 ? read_access(rest, &ret_rule->access) : r;
}

uint8_t ctr_device_access(const struct ctr_device_list *list, const struct ctr_device_rule *name)
{
    unsigned access = list->allow ? CTR_DEVICE_ALL : 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct ctr_device_rule *rule = &list->rules[i];
        if (same_devices(rule, name)) {
            access = rule->allow ? access | rule->access : access & ~(unsigned)rule->access;
        }
    }
    return (uint8_t)access;
}

/* Registers of the program: what bpf_cgroup_dev_ctx says, then a scratch one. */
enum { TYPE = BPF_REG_2, ACCESS = BPF_REG_3, MAJOR = BPF_REG_4, MINOR = BPF_REG_5, SCRATCH = 6 };

/* A rule's longest code: three tests, copy, mask, test, result, exit. */
enum { PROLOGUE = 6, RULE = 8, EPILOGUE = 2 };

static struct bpf_insn load_field(uint8_t to, int16_t offset)
{
    return (struct bpf_insn){
        .code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = to & 15, .src_reg = BPF_REG_1, .off = offset};
}

static struct bpf_insn alu_number(uint8_t operation, uint8_t to, int32_t number)
{
    return (struct bpf_insn){
        .code = BPF_ALU64 | operation | BPF_K, .dst_reg = to & 15, .imm = number};
}

static struct bpf_insn copy_register(uint8_t to, uint8_t from)
{
    return (struct bpf_insn){
        .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = to & 15, .src_reg = from & 15};
}

static struct bpf_insn jump_if(uint8_t condition, uint8_t left, int32_t right)
{
    return (struct bpf_insn){
        .code = BPF_JMP | condition | BPF_K, .dst_reg = left & 15, .imm = right};
}

/* Code for one rule; jumps with offset 0 go on with the next rule and are filled in at the end. */
static size_t add_code(struct bpf_insn *code, const struct ctr_device_rule *rule)
{
    size_t n = 0;
    code[n++] =
        jump_if(BPF_JNE, TYPE, rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (rule->major != CTR_DEVICE_ANY) {
        code[n++] = jump_if(BPF_JNE, MAJOR, rule->major);
    }
    if (rule->minor != CTR_DEVICE_ANY) {
        code[n++] = jump_if(BPF_JNE, MINOR, rule->minor);
    }
    if (rule->allow) {
        code[n++] = alu_number(BPF_AND, ACCESS, ~(int32_t)rule->access);
        code[n++] = jump_if(BPF_JNE, ACCESS, 0);
    } else {
        code[n++] = copy_register(SCRATCH, ACCESS);
        code[n++] = alu_number(BPF_AND, SCRATCH, rule->access);
        code[n++] = jump_if(BPF_JEQ, SCRATCH, 0);
    }
    code[n++] = alu_number(BPF_MOV, BPF_REG_0, rule->allow);
    code[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
    for (size_t i = 0; i < n; i++) {
        if (BPF_CLASS(code[i].code) == BPF_JMP && BPF_OP(code[i].code) != BPF_EXIT) {
            code[i].off = (int16_t)(n - i - 1);
        }
    }
    return n;
}

int ctr_device_program(const struct ctr_device_list *list, struct bpf_insn **ret_program,
                       size_t *ret_count)
{
    struct bpf_insn *code = calloc(PROLOGUE + list->count * RULE + EPILOGUE, sizeof(*code));
    size_t n = 0;
    if (code == NULL) {
        return -ST_ENOMEM;
    }
    code[n++] = load_field(TYPE, offsetof(struct bpf_cgroup_dev_ctx, access_type));
    code[n++] = copy_register(ACCESS, TYPE);
    code[n++] = alu_number(BPF_RSH, ACCESS, 16);
    code[n++] = alu_number(BPF_AND, TYPE, 0xffff);
    code[n++] = load_field(MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
    code[n++] = load_field(MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
    for (size_t i = list->count; i-- > 0;) {
        n += add_code(code + n, &list->rules[i]);
    }
    code[n++] = alu_number(BPF_MOV, BPF_REG_0, list->allow);
    code[n++] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
    *ret_program = code;
    *ret_count = n;
    return 0;
}
