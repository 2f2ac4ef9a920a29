/* Tests of the lease file and of reading the kernel's attributes. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/net_lease.h"
#include "net/net_link.h"
#include "net/net_netlink.h"

static const char good[] = "strata-lease 1\n"
                           "id abc\n"
                           "link strata-ac120002\n"
                           "bridge strata0\n"
                           "address 172.18.0.2 16\n"
                           "gateway 172.18.0.1\n"
                           "port tcp 0.0.0.0 8080 80\n"
                           "port udp 127.0.0.1 53 53\n"
                           "end\n";

static void reads_a_lease_and_writes_it_the_same(void **state)
{
    st_auto(net_lease) struct net_lease lease = {0};
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(1 << 16);
    (void)state;
    assert_int_equal(net_lease_parse(good, &lease), 0);
    assert_int_equal(lease.ports.count, 2);
    net_lease_print(&lease, &out);
    assert_string_equal(st_buf_string(&out), good);
}

static void refuses_a_lease_that_was_torn_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(good) - 1; i++) {
        char torn[sizeof(good)] = {0};
        struct net_lease lease;
        memcpy(torn, good, i);
        assert_int_equal(net_lease_parse(torn, &lease), -ST_ECORRUPT);
    }
}

static void knows_ids_that_can_name_a_file(void **state)
{
    char longest[NET_ID_SIZE + 1];
    (void)state;
    memset(longest, 'a', sizeof(longest));
    longest[NET_ID_SIZE] = '\0';
    assert_false(net_id_valid(longest));
    longest[NET_ID_SIZE - 1] = '\0';
    assert_true(net_id_valid(longest));
    assert_false(net_id_valid(""));
    assert_false(net_id_valid("."));
    assert_false(net_id_valid("../x"));
    assert_false(net_id_valid("a/b"));
    assert_true(net_id_valid("web-1.2_x"));
}

static void reads_subnets_and_clears_what_is_behind_the_prefix(void **state)
{
    struct in_addr network;
    uint8_t prefix;
    (void)state;
    assert_int_equal(net_subnet_parse("10.1.2.3/24", &network, &prefix, NULL), 0);
    assert_int_equal(ntohl(network.s_addr), 0x0a010200);
    assert_int_equal(prefix, 24);
    assert_int_equal(net_subnet_parse("10.1.2.3", &network, &prefix, NULL), -ST_EINVAL);
    assert_int_equal(net_subnet_parse("10.1.2.3/7", &network, &prefix, NULL), -ST_EINVAL);
    assert_int_equal(net_subnet_parse("10.1.2.3/29", &network, &prefix, NULL), -ST_EINVAL);
    assert_int_equal(net_subnet_parse("10.1.2/24", &network, &prefix, NULL), -ST_EINVAL);
}

static void stops_at_attributes_that_lie_about_their_length(void **state)
{
    st_auto(net_nl) struct net_nl nl = NET_NL_EMPTY;
    const struct nlattr *table[4];
    (void)state;
    net_nl_put_u32(&nl, 1, 7);
    net_nl_put_text(&nl, 2, "hi");
    net_nl_put_u8(&nl, 9, 1);
    net_nl_split((uint8_t *)nl.bytes.data, nl.bytes.length, table, 3);
    assert_int_equal(net_nl_u32(table[1], 0), 7);
    assert_string_equal(net_nl_text(table[2]), "hi");
    assert_null(table[3]);
    assert_int_equal(net_nl_u32(table[3], 42), 42);
    for (size_t cut = 0; cut < nl.bytes.length; cut++) {
        net_nl_split((uint8_t *)nl.bytes.data, cut, table, 3);
        assert_true(cut >= 8 || table[1] == NULL);
        assert_true(cut >= 15 || table[2] == NULL);
    }
    nl.bytes.data[0] = 2; /* shorter than its own header */
    net_nl_split((uint8_t *)nl.bytes.data, nl.bytes.length, table, 3);
    assert_null(table[1]);
    assert_null(table[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_lease_and_writes_it_the_same),
        cmocka_unit_test(refuses_a_lease_that_was_torn_anywhere),
        cmocka_unit_test(knows_ids_that_can_name_a_file),
        cmocka_unit_test(reads_subnets_and_clears_what_is_behind_the_prefix),
        cmocka_unit_test(stops_at_attributes_that_lie_about_their_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
