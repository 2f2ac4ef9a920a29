/* Tests of the runtime configuration: reading, checking, writing, the default. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "spec/spec_runtime.h"

#define HEAD "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"r\"},"
#define PROCESS "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\"}"

static struct spec_runtime *parse(const char *text)
{
    struct spec_runtime *config = NULL;
    struct st_err err = {0};
    if (spec_runtime_parse(text, strlen(text), &config, &err) < 0) {
        print_message("%s\n", err.msg);
        return NULL;
    }
    return config;
}

static void tells_absent_from_zero_and_empty(void **state)
{
    (void)state;
    struct spec_runtime *config = parse(
        HEAD "\"process\":{\"args\":[\"a\",\"b\"],\"env\":[],\"cwd\":\"/\",\"oomScoreAdj\":0,"
             "\"rlimits\":[{\"type\":\"RLIMIT_CORE\",\"hard\":18446744073709551615,\"soft\":0}],"
             "\"user\":{\"uid\":5,\"additionalGids\":[1,4294967295]}},"
             "\"linux\":{\"resources\":{\"memory\":{\"limit\":-1,\"swap\":null},"
             "\"rdma\":{\"mlx\":{\"hcaHandles\":3}},\"unified\":{\"memory.high\":\"1\"}}}}");
    assert_non_null(config);
    assert_int_equal(config->process->args_count, 2);
    assert_null(config->process->args[2]);
    assert_non_null(config->process->env);
    assert_int_equal(config->process->env_count, 0);
    assert_null(config->process->capabilities);
    assert_true(config->process->has_oom_score_adj);
    assert_true(config->process->rlimits[0].hard == UINT64_MAX);
    assert_int_equal(config->process->user.uid, 5);
    assert_int_equal(config->process->user.additional_gids[1], UINT32_MAX);
    assert_false(config->process->user.has_umask);
    const struct spec_resources *resources = config->linux_->resources;
    assert_true(resources->memory->has_limit);
    assert_int_equal(resources->memory->limit, -1);
    assert_false(resources->memory->has_swap);
    assert_null(resources->cpu);
    assert_string_equal(resources->rdma[0].device, "mlx");
    assert_int_equal(resources->rdma[0].hca_handles, 3);
    assert_string_equal(resources->unified[0].value, "1");
    spec_runtime_free(config);
}

static void names_the_member_that_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {HEAD "\"linux\":{\"resources\":{\"memory\":{\"limit\":\"abc\"}}}}",
         "linux.resources.memory.limit: \"abc\" is not a number"},
        {HEAD "\"process\":{\"args\":[\"a\",1],\"cwd\":\"/\"}}",
         "process.args[1]: 1 is not a string"},
        {HEAD "\"process\":{\"args\":[],\"cwd\":\"/\"}}", "process.args: must not be empty"},
        {HEAD "\"process\":{\"args\":[\"a\"],\"cwd\":\"x\"}}",
         "process.cwd: \"x\" is not an absolute path"},
        {HEAD "\"process\":{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"uid\":-1}}}",
         "process.user.uid: -1 is not a whole number in range"},
        {HEAD PROCESS ",\"linux\":{\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]}}",
         "linux.namespaces[1]: \"pid\" is given twice"},
        {HEAD PROCESS ",\"linux\":{\"namespaces\":[{\"type\":\"moon\"}]}}",
         "linux.namespaces[0].type: unknown namespace type \"moon\""},
        {HEAD PROCESS ",\"hostname\":\"h\",\"linux\":{}}",
         "hostname: cannot be set without a uts namespace"},
        {HEAD PROCESS ",\"linux\":{\"sysctl\":{\"net/ipv4/ip_forward\":\"1\"}}}",
         "linux.sysctl: \"net/ipv4/ip_forward\" needs a network namespace"},
        {HEAD PROCESS ",\"linux\":{\"sysctl\":{\"vm.swappiness\":\"1\"}}}",
         "linux.sysctl: \"vm.swappiness\" is not of a namespace of the container"},
        {"{\"ociVersion\":\"2.0\"}", "ociVersion: unsupported version \"2.0\""},
        {"{\"ociVersion\":\"1.0\"}", "root.path: must be set"},
        {"[]", "the document: an array is not an object"},
        {"{\n \"a\": tru}", "JSON line 2, column 7: a value is expected"},
        {HEAD PROCESS "} x", "JSON line 1, column 79: there is more after the value"},
    };
    for (size_t i = 0; i < ST_COUNT(cases); i++) {
        struct spec_runtime *config = NULL;
        struct st_err err = {0};
        assert_int_equal(spec_runtime_parse(cases[i].text, strlen(cases[i].text), &config, &err),
                         -ST_EINVAL);
        assert_string_equal(err.msg, cases[i].message);
    }
}

static void the_default_is_valid_and_survives_writing_and_reading(void **state)
{
    (void)state;
    for (int rootless = 0; rootless < 2; rootless++) {
        struct spec_runtime *config = NULL;
        st_auto(buf) struct st_buf first = ST_BUF_HEAP(1u << 20);
        st_auto(buf) struct st_buf second = ST_BUF_HEAP(1u << 20);
        assert_int_equal(spec_runtime_default(rootless == 1, 1000, 1001, &config), 0);
        assert_int_equal(spec_runtime_check(config, NULL), 0);
        assert_int_equal(spec_runtime_namespace(config, SPEC_NS_USER) != NULL, rootless);
        assert_int_equal(spec_runtime_write(config, 4, &first), 0);
        struct spec_runtime *again = parse(first.data);
        assert_non_null(again);
        assert_int_equal(spec_runtime_write(again, 4, &second), 0);
        assert_string_equal(first.data, second.data);
        spec_runtime_free(config);
        spec_runtime_free(again);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_absent_from_zero_and_empty),
        cmocka_unit_test(names_the_member_that_is_wrong),
        cmocka_unit_test(the_default_is_valid_and_survives_writing_and_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
