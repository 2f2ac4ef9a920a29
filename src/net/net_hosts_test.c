/* Tests of the files that tell an instance about names. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"
#include "net/net_hosts.h"

static const struct net_dns nothing_asked = {0};

static void expect_resolv(const char *host, const struct net_dns *dns, const char *want)
{
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(1 << 16);
    struct st_err err = {0};
    assert_int_equal(net_resolv_filter(host, dns, &out, &err), 0);
    assert_string_equal(st_buf_string(&out), want);
}

static void leaves_out_name_servers_that_do_not_answer_there(void **state)
{
    (void)state;
    expect_resolv("# made by hand\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch a b\n",
                  &nothing_asked, "# made by hand\nnameserver 192.0.2.1\nsearch a b\n");
    expect_resolv("nameserver ::1\noptions edns0", &nothing_asked,
                  "options edns0\nnameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    expect_resolv("", &nothing_asked, "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
}

static void puts_what_was_asked_for_in_place_of_the_hosts(void **state)
{
    const char *const servers[] = {"192.0.2.7"};
    const char *const search[] = {"x.example", "y.example"};
    const char *const none[] = {"."};
    const char *const options[] = {"ndots:2"};
    const char *host = "nameserver 192.0.2.1\nsearch a b\noptions edns0\n";
    (void)state;
    struct net_dns dns = {.servers = servers, .server_count = 1};
    expect_resolv(host, &dns, "search a b\noptions edns0\nnameserver 192.0.2.7\n");
    dns = (struct net_dns){
        .search = search, .search_count = 2, .options = options, .option_count = 1};
    expect_resolv(host, &dns,
                  "nameserver 192.0.2.1\nsearch x.example y.example\noptions ndots:2\n");
    dns = (struct net_dns){.search = none, .search_count = 1};
    expect_resolv(host, &dns, "nameserver 192.0.2.1\noptions edns0\n");
}

static void refuses_values_that_would_add_lines(void **state)
{
    const char *const bad_server[] = {"not-an-address"};
    const char *const bad_search[] = {"a\nnameserver 1.2.3.4"};
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(1 << 16);
    struct net_dns dns = {.servers = bad_server, .server_count = 1};
    (void)state;
    assert_int_equal(net_resolv_filter("", &dns, &out, NULL), -ST_EINVAL);
    dns = (struct net_dns){.search = bad_search, .search_count = 1};
    assert_int_equal(net_resolv_filter("", &dns, &out, NULL), -ST_EINVAL);
    assert_int_equal(net_add_host_check("a b:1.2.3.4", NULL), -ST_EINVAL);
    assert_int_equal(net_add_host_check("a\nb:1.2.3.4", NULL), -ST_EINVAL);
    assert_int_equal(net_add_host_check("name", NULL), -ST_EINVAL);
    assert_int_equal(net_add_host_check("name:1.2.3", NULL), -ST_EINVAL);
}

static void writes_hosts_as_docker_does(void **state)
{
    const char *const added[] = {"db:192.0.2.9", "gate=host-gateway", "six:2001:db8::1"};
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(1 << 16);
    struct net_names names = {
        .hostname = "box",
        .domain = "example",
        .add_hosts = added,
        .add_hosts_count = 3,
    };
    (void)state;
    inet_pton(AF_INET, "172.18.0.2", &names.address);
    inet_pton(AF_INET, "172.18.0.1", &names.gateway);
    assert_int_equal(net_hosts_text(&names, &out, NULL), 0);
    assert_non_null(strstr(st_buf_string(&out), "127.0.0.1\tlocalhost\n"));
    assert_non_null(strstr(st_buf_string(&out),
                           "192.0.2.9\tdb\n172.18.0.1\tgate\n2001:db8::1\tsix\n"
                           "172.18.0.2\tbox.example box\n"));
    names.gateway.s_addr = 0;
    assert_int_equal(net_hosts_text(&names, &out, NULL), -ST_EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_out_name_servers_that_do_not_answer_there),
        cmocka_unit_test(puts_what_was_asked_for_in_place_of_the_hosts),
        cmocka_unit_test(refuses_values_that_would_add_lines),
        cmocka_unit_test(writes_hosts_as_docker_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
