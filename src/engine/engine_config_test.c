/* The config file of an instance: what is refused, and that nothing is lost on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/engine_config.h"
#include "engine/engine_priv.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static struct engine_config plain(void)
{
    static const char *cmd[] = {"true", NULL};

    return (struct engine_config){.version = ENGINE_CONFIG_VERSION,
                                  .id = ID,
                                  .name = "web",
                                  .image = "busybox",
                                  .image_id = "sha256:0",
                                  .process = {.cmd = cmd, .cmd_count = 1},
                                  .network = {.mode = "bridge"}};
}

static void keeps_what_it_is_given(void **state)
{
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(65536);
    st_auto(buf) struct st_buf again = ST_BUF_HEAP(65536);
    struct engine_mount mounts[] = {
        {.type = "bind", .source = "/a", .target = "/b", .readonly = true, .propagation = "rslave"},
        {.type = "volume", .source = "data", .target = "/c"}};
    struct spec_rlimit limits[] = {{.type = "nofile", .hard = UINT64_MAX, .soft = 7}};
    struct engine_port ports[] = {{.protocol = "udp", .port = 53, .host_first = 53}};
    struct engine_config config = plain();
    struct engine_config *read = NULL;

    (void)state;
    config.mounts = mounts;
    config.mounts_count = 2;
    config.resources.ulimits = limits;
    config.resources.ulimits_count = 1;
    config.network.ports = ports;
    config.network.ports_count = 1;
    assert_int_equal(engine_config_write(&config, &text), 0);
    assert_int_equal(engine_config_parse(text.data, text.length, &read, NULL), 0);
    assert_true(read->resources.ulimits[0].hard == UINT64_MAX);
    assert_true(read->mounts[0].readonly);
    assert_int_equal(engine_config_write(read, &again), 0);
    assert_string_equal(st_buf_string(&text), st_buf_string(&again));
    engine_config_free(read);
}

static void refuses_another_version_by_name(void **state)
{
    static const char text[] =
        "{\"version\":2,\"id\":\"" ID "\",\"name\":\"x1\",\"imageId\":\"s\"}";
    struct engine_config *config = NULL;
    struct st_err err = {0};

    (void)state;
    assert_int_equal(engine_config_parse(text, sizeof(text) - 1, &config, &err), -ST_EVERSION);
    assert_non_null(strstr(err.msg, "version 2"));
}

static void refuses_what_cannot_be(void **state)
{
    struct engine_config config;

    (void)state;
    config = plain();
    assert_int_equal(engine_config_check(&config, NULL), 0);
    config.name = "-x";
    assert_int_equal(engine_config_check(&config, NULL), -ST_EINVAL);
    config = plain();
    config.process.cwd = "relative";
    assert_int_equal(engine_config_check(&config, NULL), -ST_EINVAL);
    config = plain();
    config.network.mode = "container:short";
    assert_int_equal(engine_config_check(&config, NULL), -ST_EINVAL);
    config = plain();
    config.restart.policy = "always";
    config.auto_remove = true;
    assert_int_equal(engine_config_check(&config, NULL), -ST_EINVAL);
    config = plain();
    config.resources.memory_bytes = 1 << 20;
    assert_int_equal(engine_config_check(&config, NULL), -ST_EINVAL);
    struct engine_mount escape = {.type = "volume", .source = "../x", .target = "/d"};
    config = plain();
    config.mounts = &escape;
    config.mounts_count = 1;
    assert_int_equal(engine_config_check(&config, NULL), -ST_EINVAL);
}

static void understands_detach_keys(void **state)
{
    uint8_t keys[4];
    size_t count = 0;

    (void)state;
    assert_int_equal(engine_detach_keys_parse("ctrl-p,ctrl-q", keys, 4, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(keys[0], 16);
    assert_int_equal(keys[1], 17);
    assert_int_equal(engine_detach_keys_parse("a,ctrl-[", keys, 4, &count, NULL), 0);
    assert_int_equal(keys[1], 27);
    assert_int_equal(engine_detach_keys_parse("ctrl-1", keys, 4, &count, NULL), -ST_EINVAL);
    assert_int_equal(engine_detach_keys_parse("a,b,c,d,e", keys, 4, &count, NULL), -ST_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_what_it_is_given),
        cmocka_unit_test(refuses_another_version_by_name),
        cmocka_unit_test(refuses_what_cannot_be),
        cmocka_unit_test(understands_detach_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
