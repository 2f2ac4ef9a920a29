/* Users and groups by name and number. */
#include "format/fmt_users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"

static struct fmt_users_text text(const char *from)
{
    return (struct fmt_users_text){from, strlen(from)};
}

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "broken line\n"
                             "short:x:1:1\n"
                             "www:x:33:44:web:/var/www:/bin/false\n"
                             "homeless:x:7:8:::\n"
                             "huge:x:4294967296:0:::\n"
                             "1000:x:5:6::/five:";
static const char group[] = "root:x:0:\nwww:x:44:\nadm:x:4:joe,www\nnone:x::www\nall:x:9:www,joe\n";

static void finds_users_by_name_and_by_number(void **state)
{
    struct fmt_user user;
    (void)state;
    assert_int_equal(fmt_user_find(text(passwd), text("www"), &user), 1);
    assert_int_equal(user.uid, 33);
    assert_int_equal(user.gid, 44);
    assert_int_equal(user.home.length, 8);
    assert_memory_equal(user.home.at, "/var/www", 8);
    assert_int_equal(fmt_user_find(text(passwd), text("33"), &user), 1);
    assert_memory_equal(user.name.at, "www", 3);
    assert_int_equal(fmt_user_find(text(passwd), text("homeless"), &user), 1);
    assert_int_equal(user.home.length, 1);
    /* A name of digits is a name first: it comes before the number where it stands first. */
    assert_int_equal(fmt_user_find(text(passwd), text("1000"), &user), 1);
    assert_int_equal(user.uid, 5);
}

static void numbers_need_no_line_and_names_do(void **state)
{
    struct fmt_user user;
    (void)state;
    assert_int_equal(fmt_user_find(text(passwd), text("12345"), &user), 0);
    assert_int_equal(user.uid, 12345);
    assert_int_equal(user.gid, 0);
    assert_int_equal(user.name.length, 0);
    assert_int_equal(fmt_user_find(text(passwd), text("short"), &user), -ST_ENOTFOUND);
    assert_int_equal(fmt_user_find(text(passwd), text("huge"), &user), -ST_ENOTFOUND);
    assert_int_equal(fmt_user_find(text(passwd), text("2147483648"), &user), -ST_ENOTFOUND);
    assert_int_equal(fmt_user_find(text(passwd), text("2147483647"), &user), 0);
    assert_int_equal(fmt_user_find(text(""), text(""), &user), -ST_ENOTFOUND);
}

static void finds_groups_and_those_of_a_user(void **state)
{
    uint32_t gid;
    size_t at = 0;
    (void)state;
    assert_int_equal(fmt_group_find(text(group), text("adm"), &gid), 0);
    assert_int_equal(gid, 4);
    assert_int_equal(fmt_group_find(text(group), text("77"), &gid), 0);
    assert_int_equal(gid, 77);
    assert_int_equal(fmt_group_find(text(group), text("none"), &gid), -ST_ENOTFOUND);
    assert_int_equal(fmt_group_find(text(group), text("nobody"), &gid), -ST_ENOTFOUND);
    assert_true(fmt_group_next(text(group), text("www"), &at, &gid));
    assert_int_equal(gid, 4);
    assert_true(fmt_group_next(text(group), text("www"), &at, &gid));
    assert_int_equal(gid, 9);
    assert_false(fmt_group_next(text(group), text("www"), &at, &gid));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_users_by_name_and_by_number),
        cmocka_unit_test(numbers_need_no_line_and_names_do),
        cmocka_unit_test(finds_groups_and_those_of_a_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
