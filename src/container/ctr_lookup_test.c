/* Tests of names: containers, kernel parameters, users and programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "container/ctr_id.h"
#include "container/ctr_lookup.h"
#include "container/ctr_sysctl.h"

static void only_harmless_names_are_container_ids(void **state)
{
    (void)state;
    char longest[CTR_ID_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[CTR_ID_MAX + 1] = '\0';
    assert_int_equal(ctr_id_check(longest, NULL), -ST_EINVAL);
    longest[CTR_ID_MAX] = '\0';
    assert_int_equal(ctr_id_check(longest, NULL), 0);
    assert_int_equal(ctr_id_check("Az09_+-.", NULL), 0);
    assert_int_equal(ctr_id_check("...", NULL), 0);
    static const char *const bad[] = {"", ".", "..", "a/b", "a b", "\xc3\xa4", "@filters"};
    for (size_t i = 0; i < ST_COUNT(bad); i++) {
        assert_int_equal(ctr_id_check(bad[i], NULL), -ST_EINVAL);
    }
}

static void kernel_parameters_become_paths(void **state)
{
    (void)state;
    char path[64];
    assert_int_equal(ctr_sysctl_path("net.ipv4.ip_forward", path, sizeof(path)), 0);
    assert_string_equal(path, "net/ipv4/ip_forward");
    assert_int_equal(ctr_sysctl_path("net/ipv4/conf/eth0.1/rp_filter", path, sizeof(path)), 0);
    assert_string_equal(path, "net/ipv4/conf/eth0.1/rp_filter");
    assert_int_equal(ctr_sysctl_path("net.ipv4.conf.eth0/1.rp_filter", path, sizeof(path)), 0);
    assert_string_equal(path, "net/ipv4/conf/eth0.1/rp_filter");
    static const char *const bad[] = {"", "/net", ".net", "net/../kernel/core_pattern",
                                      "net.//.kernel.core_pattern"};
    for (size_t i = 0; i < ST_COUNT(bad); i++) {
        assert_int_equal(ctr_sysctl_path(bad[i], path, sizeof(path)), -ST_EINVAL);
    }
}

static void the_users_folder_is_found_in_passwd(void **state)
{
    (void)state;
    char folder[16];
    static const char text[] = "root:x:0:0:root:/root:/bin/sh\n"
                               "broken\n"
                               "a:x:7:7::/home/a:/bin/sh\n"
                               "b:x:8:8::/a/name/that/is/too/long:/bin/sh\n"
                               "c:x:9:9::/c";
    ctr_lookup_passwd(text, 0, folder, sizeof(folder));
    assert_string_equal(folder, "/root");
    ctr_lookup_passwd(text, 7, folder, sizeof(folder));
    assert_string_equal(folder, "/home/a");
    ctr_lookup_passwd(text, 8, folder, sizeof(folder));
    assert_string_equal(folder, "");
    ctr_lookup_passwd(text, 9, folder, sizeof(folder));
    assert_string_equal(folder, "/c");
    ctr_lookup_passwd(text, 10, folder, sizeof(folder));
    assert_string_equal(folder, "");
}

static void the_last_variable_of_a_name_counts(void **state)
{
    (void)state;
    const char *const env[] = {"PATHS=no", "PATH=/a", "PATH=/b", "EMPTY=", NULL};
    assert_string_equal(ctr_lookup_variable(env, "PATH"), "/b");
    assert_string_equal(ctr_lookup_variable(env, "EMPTY"), "");
    assert_null(ctr_lookup_variable(env, "PAT"));
}

static void programs_are_found_along_the_path(void **state)
{
    (void)state;
    char path[64];
    struct st_err err;
    assert_int_equal(ctr_lookup_program("sh", "/nowhere:/bin", path, sizeof(path), NULL), 0);
    assert_string_equal(path, "/bin/sh");
    assert_int_equal(ctr_lookup_program("/bin/sh", NULL, path, sizeof(path), NULL), 0);
    assert_int_equal(ctr_lookup_program("no-such-program", "/bin", path, sizeof(path), &err),
                     -ST_ENOENT);
    assert_string_equal(err.msg, "exec: \"no-such-program\": executable file not found in $PATH");
    assert_int_equal(ctr_lookup_program("/no/such", "/bin", path, sizeof(path), &err), -ST_ENOENT);
    assert_string_equal(err.msg, "exec: \"/no/such\": stat /no/such: no such file or directory");
    assert_int_equal(ctr_lookup_program("/etc/passwd", "/bin", path, sizeof(path), &err),
                     -ST_EACCES);
    assert_string_equal(err.msg, "exec: \"/etc/passwd\": permission denied");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_harmless_names_are_container_ids),
        cmocka_unit_test(kernel_parameters_become_paths),
        cmocka_unit_test(the_users_folder_is_found_in_passwd),
        cmocka_unit_test(the_last_variable_of_a_name_counts),
        cmocka_unit_test(programs_are_found_along_the_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
