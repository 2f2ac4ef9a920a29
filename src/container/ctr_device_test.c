/* The device list: the rules that result, and the program, interpreted here instruction by
 * instruction, against a plain reading of the rules. */
#include "container/ctr_device.h"

#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "spec/spec_runtime.h"

static struct spec_device_rule rule(bool allow, const char *type, int major, int minor,
                                    const char *access)
{
    return (struct spec_device_rule){.allow = allow,
                                     .type = type,
                                     .has_major = major >= 0,
                                     .major = major,
                                     .has_minor = minor >= 0,
                                     .minor = minor,
                                     .access = access};
}

static uint64_t run_alu(uint8_t operation, uint64_t left, uint64_t right)
{
    switch (operation) {
    case BPF_MOV:
        return right;
    case BPF_AND:
        return left & right;
    case BPF_RSH:
        return left >> right;
    default:
        fail_msg("operation %#x", operation);
        return 0;
    }
}

/* Runs a program as the kernel does; the instructions that we make are the only ones known. */
static int run(const struct bpf_insn *program, size_t count, struct bpf_cgroup_dev_ctx context)
{
    uint64_t reg[11] = {0};
    for (size_t at = 0; at < count; at++) {
        const struct bpf_insn *insn = &program[at];
        uint64_t right =
            BPF_SRC(insn->code) == BPF_X ? reg[insn->src_reg] : (uint64_t)(int64_t)insn->imm;
        if (BPF_CLASS(insn->code) == BPF_LDX) {
            uint32_t value;
            assert_int_equal(insn->src_reg, BPF_REG_1);
            memcpy(&value, (char *)&context + insn->off, sizeof(value));
            reg[insn->dst_reg] = value;
        } else if (BPF_CLASS(insn->code) == BPF_ALU64) {
            reg[insn->dst_reg] = run_alu(BPF_OP(insn->code), reg[insn->dst_reg], right);
        } else if (BPF_OP(insn->code) == BPF_EXIT) {
            return (int)reg[0];
        } else if (BPF_OP(insn->code) == BPF_JNE) {
            at += reg[insn->dst_reg] != right ? (size_t)insn->off : 0;
        } else if (BPF_OP(insn->code) == BPF_JEQ) {
            at += reg[insn->dst_reg] == right ? (size_t)insn->off : 0;
        } else {
            fail_msg("instruction %#x", insn->code);
        }
    }
    fail_msg("ran off the end");
    return 0;
}

static bool allowed(const struct spec_resources *resources, char type, uint32_t major,
                    uint32_t minor, unsigned access)
{
    struct ctr_device_list list;
    struct bpf_insn *program;
    size_t count;
    assert_int_equal(ctr_device_list_read(resources, &list, NULL), 0);
    assert_int_equal(ctr_device_program(&list, &program, &count), 0);
    struct bpf_cgroup_dev_ctx context = {
        .access_type =
            access << 16 | (unsigned)(type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
        .major = major,
        .minor = minor,
    };
    int result = run(program, count, context);
    free(program);
    ctr_device_list_done(&list);
    return result == 1;
}

static void allows_only_the_default_devices_without_rules(void **state)
{
    (void)state;
    assert_true(allowed(NULL, 'c', 1, 3, CTR_DEVICE_ALL));
    assert_true(allowed(NULL, 'c', 136, 7, CTR_DEVICE_READ | CTR_DEVICE_WRITE));
    assert_true(allowed(NULL, 'b', 8, 0, CTR_DEVICE_MKNOD));
    assert_false(allowed(NULL, 'b', 8, 0, CTR_DEVICE_READ));
    assert_false(allowed(NULL, 'c', 1, 1, CTR_DEVICE_READ));
    assert_false(allowed(NULL, 'c', 10, 200, CTR_DEVICE_WRITE));
}

static void lets_a_later_rule_win_for_its_kinds_of_access(void **state)
{
    (void)state;
    struct spec_device_rule rules[] = {
        rule(true, "c", 10, -1, "rwm"),
        rule(false, "c", 10, 229, "w"),
        rule(true, "b", 8, 1, "r"),
    };
    struct spec_resources resources = {.devices = rules, .devices_count = 3};
    assert_true(allowed(&resources, 'c', 10, 200, CTR_DEVICE_READ | CTR_DEVICE_WRITE));
    assert_true(allowed(&resources, 'c', 10, 229, CTR_DEVICE_READ));
    assert_false(allowed(&resources, 'c', 10, 229, CTR_DEVICE_READ | CTR_DEVICE_WRITE));
    assert_true(allowed(&resources, 'b', 8, 1, CTR_DEVICE_READ | CTR_DEVICE_MKNOD));
    assert_false(allowed(&resources, 'b', 8, 1, CTR_DEVICE_WRITE));
    assert_false(allowed(&resources, 'b', 8, 2, CTR_DEVICE_READ));
}

static void lets_a_rule_for_everything_void_the_earlier_ones(void **state)
{
    (void)state;
    struct spec_device_rule rules[] = {
        rule(true, "c", 10, 229, "rwm"),
        rule(false, NULL, -1, -1, "rwm"),
        rule(true, "a", -1, -1, NULL),
        rule(false, "b", 8, -1, "rw"),
    };
    struct spec_resources resources = {.devices = rules, .devices_count = 2};
    assert_false(allowed(&resources, 'c', 10, 229, CTR_DEVICE_READ));
    resources.devices_count = 4;
    assert_true(allowed(&resources, 'c', 250, 1, CTR_DEVICE_ALL));
    assert_false(allowed(&resources, 'b', 8, 3, CTR_DEVICE_READ));
    assert_true(allowed(&resources, 'b', 8, 3, CTR_DEVICE_MKNOD));
    rules[3].access = "rwm";
    assert_false(allowed(&resources, 'b', 8, 3, CTR_DEVICE_MKNOD));
    assert_true(allowed(&resources, 'b', 9, 3, CTR_DEVICE_ALL));
}

static void takes_a_rule_without_type_for_both_kinds_but_only_its_numbers(void **state)
{
    (void)state;
    struct spec_device_rule rules[] = {rule(true, NULL, 10, 229, "rw")};
    struct spec_resources resources = {.devices = rules, .devices_count = 1};
    assert_true(allowed(&resources, 'c', 10, 229, CTR_DEVICE_READ));
    assert_true(allowed(&resources, 'b', 10, 229, CTR_DEVICE_WRITE));
    assert_false(allowed(&resources, 'c', 10, 230, CTR_DEVICE_READ));
}

static void writes_no_rule_twice_and_in_the_form_of_version_1(void **state)
{
    (void)state;
    char text[CTR_DEVICE_TEXT];
    struct ctr_device_list plain;
    struct ctr_device_list list;
    struct spec_device_rule rules[] = {rule(false, NULL, -1, -1, "rwm"),
                                       rule(true, "c", 1, 3, "rwm"), rule(true, "c", 5, -1, "r")};
    struct spec_resources resources = {.devices = rules, .devices_count = 3};
    assert_int_equal(ctr_device_list_read(NULL, &plain, NULL), 0);
    assert_int_equal(ctr_device_list_read(&resources, &list, NULL), 0);
    assert_false(list.allow);
    assert_int_equal(list.count, plain.count + 1);
    ctr_device_rule_text(&list.rules[1], text);
    assert_string_equal(text, "c 5:* r");
    ctr_device_list_done(&plain);
    ctr_device_list_done(&list);
}

static void refuses_what_is_no_rule(void **state)
{
    (void)state;
    struct ctr_device_list list;
    struct spec_device_rule bad[] = {rule(true, "x", 1, 1, "r"), rule(true, "c", 1, 1, "rx")};
    struct spec_resources resources = {.devices_count = 1};
    for (size_t i = 0; i < ST_COUNT(bad); i++) {
        resources.devices = &bad[i];
        assert_int_equal(ctr_device_list_read(&resources, &list, NULL), -ST_EINVAL);
    }
}

static void lines_of_the_kernel_are_read(void **state)
{
    (void)state;
    struct ctr_device_rule rule;
    char text[CTR_DEVICE_TEXT];
    for (const char *const *line = (const char *const[]){"c 1:3 rwm", "b 8:* r", "c *:* m", NULL};
         *line != NULL; line++) {
        assert_int_equal(ctr_device_rule_parse(*line, &rule), 0);
        assert_true(rule.allow);
        ctr_device_rule_text(&rule, text);
        assert_string_equal(text, *line);
    }
    for (const char *const *line =
             (const char *const[]){"", "a *:* rwm", "c", "c 1", "c 1:3", "c 1:3 ", "c x:3 rwm",
                                   "c 1:3 rwx", "c 1:4294967296 r",
                                   "c 1111111111:1111111111111111111111111111 rwm", NULL};
         *line != NULL; line++) {
        assert_int_equal(ctr_device_rule_parse(*line, &rule), -ST_EINVAL);
    }
}

static void access_is_that_of_the_same_name(void **state)
{
    (void)state;
    struct spec_device_rule rules[] = {rule(true, "c", 10, 229, "rw"),
                                       rule(false, "c", 10, 229, "w"),
                                       rule(true, "c", 11, -1, "rwm")};
    const struct spec_resources resources = {.devices = rules, .devices_count = ST_COUNT(rules)};
    struct ctr_device_list list;
    assert_int_equal(ctr_device_list_read(&resources, &list, NULL), 0);
    const struct {
        const char *line;
        uint8_t access;
    } cases[] = {{"c 10:229 rwm", CTR_DEVICE_READ}, {"b 10:229 rwm", 0},
                 {"c 11:* r", CTR_DEVICE_ALL},      {"c 11:3 r", 0},
                 {"c 1:3 r", CTR_DEVICE_ALL},       {"b *:* rwm", CTR_DEVICE_MKNOD}};
    for (size_t i = 0; i < ST_COUNT(cases); i++) {
        struct ctr_device_rule name;
        assert_int_equal(ctr_device_rule_parse(cases[i].line, &name), 0);
        assert_int_equal(ctr_device_access(&list, &name), cases[i].access);
    }
    ctr_device_list_done(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allows_only_the_default_devices_without_rules),
        cmocka_unit_test(lets_a_later_rule_win_for_its_kinds_of_access),
        cmocka_unit_test(lets_a_rule_for_everything_void_the_earlier_ones),
        cmocka_unit_test(takes_a_rule_without_type_for_both_kinds_but_only_its_numbers),
        cmocka_unit_test(writes_no_rule_twice_and_in_the_form_of_version_1),
        cmocka_unit_test(refuses_what_is_no_rule),
        cmocka_unit_test(lines_of_the_kernel_are_read),
        cmocka_unit_test(access_is_that_of_the_same_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
