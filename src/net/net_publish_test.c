/* Tests of the parser of -p. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "net/net.h"

static void expect(const char *text, size_t count, const char *address, unsigned first,
                   unsigned last, unsigned container, uint8_t protocol)
{
    st_auto(net_ports) struct net_ports ports = {0};
    struct st_err err = {0};
    char got[INET_ADDRSTRLEN];
    assert_int_equal(net_publish_parse(text, &ports, &err), 0);
    assert_int_equal(ports.count, count);
    inet_ntop(AF_INET, &ports.list[count - 1].host, got, sizeof(got));
    assert_string_equal(got, address);
    assert_int_equal(ports.list[count - 1].host_first, first);
    assert_int_equal(ports.list[count - 1].host_last, last);
    assert_int_equal(ports.list[count - 1].container_port, container);
    assert_int_equal(ports.list[count - 1].protocol, protocol);
}

static void reads_every_form_that_docker_documents(void **state)
{
    (void)state;
    expect("80", 1, "0.0.0.0", 0, 0, 80, IPPROTO_TCP);
    expect("8080:80", 1, "0.0.0.0", 8080, 8080, 80, IPPROTO_TCP);
    expect("8080:80/udp", 1, "0.0.0.0", 8080, 8080, 80, IPPROTO_UDP);
    expect("127.0.0.1:8080:80/tcp", 1, "127.0.0.1", 8080, 8080, 80, IPPROTO_TCP);
    expect("127.0.0.1::80", 1, "127.0.0.1", 0, 0, 80, IPPROTO_TCP);
    expect("8000-8003:9000-9003", 4, "0.0.0.0", 8003, 8003, 9003, IPPROTO_TCP);
    expect("9000-9003", 4, "0.0.0.0", 0, 0, 9003, IPPROTO_TCP);
    expect("8000-8010:80", 1, "0.0.0.0", 8000, 8010, 80, IPPROTO_TCP);
}

static void refuses_what_docker_refuses_and_keeps_the_list(void **state)
{
    static const char *const bad[] = {
        "",        ":80",      "80:",      "0:80",          "65536",     "80-70",
        "1-2:1-4", "a:b",      "80/sctp",  "1.2.3:80:80",   "[::1]:8:8", "1.2.3.4.5.6.7.8.9:1:1",
        "80/",     "80:80/ud", "1:2:3:4:", "1-65535:80-81", "-:80",      "+80:80",
    };
    st_auto(net_ports) struct net_ports ports = {0};
    (void)state;
    assert_int_equal(net_publish_parse("1:1", &ports, NULL), 0);
    for (size_t i = 0; i < ST_COUNT(bad); i++) {
        struct st_err err = {0};
        if (net_publish_parse(bad[i], &ports, &err) >= 0) {
            fail_msg("accepted: %s", bad[i]);
        }
        assert_true(err.msg[0] != '\0');
    }
    assert_int_equal(ports.count, 1);
}

static void bounds_the_number_of_ports(void **state)
{
    st_auto(net_ports) struct net_ports ports = {0};
    (void)state;
    assert_int_equal(net_publish_parse("1-2048", &ports, NULL), 0);
    assert_int_equal(net_publish_parse("80", &ports, NULL), -ST_ELIMIT);
    assert_int_equal(net_publish_parse("1-65535:1-65535", &ports, NULL), -ST_ELIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_every_form_that_docker_documents),
        cmocka_unit_test(refuses_what_docker_refuses_and_keeps_the_list),
        cmocka_unit_test(bounds_the_number_of_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
