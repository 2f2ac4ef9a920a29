/* Tests of the image documents, the container state and the features. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "spec/spec_features.h"
#include "spec/spec_image.h"
#include "spec/spec_state.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static void reads_a_config_with_its_maps_as_lists(void **state)
{
    (void)state;
    static const char text[] =
        "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"ExposedPorts\":{\"80/tcp\":{}},"
        "\"Cmd\":null,\"Entrypoint\":[\"/e\"],\"Labels\":{\"k\":\"v\"}},"
        "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"" DIGEST "\"]},"
        "\"history\":[{\"empty_layer\":true},{\"created_by\":\"x\"}]}";
    struct spec_image_config *config = NULL;
    assert_int_equal(spec_image_config_parse(text, strlen(text), &config, NULL), 0);
    assert_string_equal(config->config->exposed_ports[0], "80/tcp");
    assert_null(config->config->cmd);
    assert_string_equal(spec_pair_find(config->config->labels, config->config->labels_count, "k"),
                        "v");
    assert_int_equal(config->rootfs.diff_ids_count, 1);
    spec_image_config_free(config);
}

static void refuses_lying_manifests(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}",
        "{\"schemaVersion\":1}",
        "{\"schemaVersion\":2}",
        "{\"schemaVersion\":2,\"config\":{\"digest\":\"sha256:ab\",\"size\":1}}",
        "{\"schemaVersion\":2,\"config\":{\"digest\":\"" DIGEST "\",\"size\":-1}}",
        "{\"schemaVersion\":2,\"config\":{\"digest\":\"" DIGEST "\",\"size\":1},"
        "\"layers\":[{\"digest\":\"sha512:" HEX HEX "\",\"size\":1}]}",
        "{\"schemaVersion\":2,\"mediaType\":\"" SPEC_OCI_INDEX "\",\"config\":{\"digest\":\"" DIGEST
        "\",\"size\":1}}",
    };
    for (size_t i = 0; i < ST_COUNT(bad); i++) {
        struct spec_manifest *manifest = NULL;
        assert_int_equal(spec_manifest_parse(bad[i], strlen(bad[i]), &manifest, NULL), -ST_EINVAL);
    }
    assert_false(spec_digest_is_valid(NULL));
    assert_false(spec_digest_is_valid("sha256:../../../../etc/passwd"));
    assert_true(spec_digest_is_valid(DIGEST));
}

static void writes_state_and_features_as_runc_does(void **state)
{
    (void)state;
    struct json_pair annotations[] = {{"a", "b"}};
    const struct spec_state now = {.oci_version = "1.2.1",
                                   .id = "c",
                                   .status = SPEC_STATUS_RUNNING,
                                   .pid = 7,
                                   .bundle = "/b",
                                   .annotations = annotations,
                                   .annotations_count = 1};
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(4096);
    assert_int_equal(spec_seccomp_state_write(&now, 8, "m", &text), 0);
    assert_string_equal(st_buf_string(&text),
                        "{\"ociVersion\":\"1.2.1\",\"fds\":[\"seccompFd\"],\"pid\":8,"
                        "\"metadata\":\"m\",\"state\":{\"ociVersion\":\"1.2.1\",\"id\":\"c\","
                        "\"pid\":7,\"status\":\"running\",\"bundle\":\"/b\","
                        "\"annotations\":{\"a\":\"b\"}}}");
    const struct spec_features features = {.oci_version_min = "1.0.0", .oci_version_max = "1.2.1"};
    st_buf_reset(&text);
    assert_int_equal(spec_features_write(&features, 0, &text), 0);
    assert_non_null(strstr(st_buf_string(&text), "\"cgroup\":{\"v1\":false"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_config_with_its_maps_as_lists),
        cmocka_unit_test(refuses_lying_manifests),
        cmocka_unit_test(writes_state_and_features_as_runc_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
