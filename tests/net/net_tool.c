/* Drives the interface of src/net for tests/net: one call a command line. See usage(). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "net/net.h"
#include "os/os_file.h"

static struct net_config config;

static int usage(void)
{
    fputs("usage: net_tool FOLDER [--subnet S] attach ID NETNS_PATH [-p PORT]...\n"
          "       net_tool FOLDER [--subnet S] detach ID [ended]\n"
          "       net_tool FOLDER collect [ALIVE_ID]...\n"
          "       net_tool FOLDER list | remove\n",
          stderr);
    return 2;
}

static int tell(int r, const struct st_err *err)
{
    if (r >= 0) {
        return 0;
    }
    fprintf(stderr, "error: %s\n", err->msg);
    if (err->hint[0] != '\0') {
        fprintf(stderr, "hint: %s\n", err->hint);
    }
    return 1;
}

static int print_lease(void *data, const struct net_lease *lease)
{
    st_auto(buf) struct st_buf ports = ST_BUF_HEAP(1 << 20);
    char address[INET_ADDRSTRLEN];
    (void)data;
    inet_ntop(AF_INET, &lease->address, address, sizeof(address));
    for (size_t i = 0; i < lease->ports.count; i++) {
        st_buf_char(&ports, ' ');
        net_port_print(&lease->ports.list[i], &ports);
    }
    printf("%s %s %s%s\n", lease->id, address, lease->link, st_buf_string(&ports));
    return 0;
}

static int attach(int argc, char **argv)
{
    st_auto(net_ports) struct net_ports ports = {0};
    st_auto(buf) struct st_buf notes = ST_BUF_HEAP(1 << 16);
    st_auto(net_lease) struct net_lease lease = {.prefix = 0};
    struct st_err err = {0};
    if (argc < 2) {
        return usage();
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "-p") != 0) {
            return usage();
        }
        int r = net_publish_parse(argv[i + 1], &ports, &err);
        if (r < 0) {
            return tell(r, &err);
        }
    }
    st_auto(fd) int netns = os_open(argv[1], O_RDONLY, 0);
    if (netns < 0) {
        return tell(st_fail_os(&err, netns, "%s", argv[1]), &err);
    }
    int r = net_attach(&config, netns, argv[0], &ports, &lease, &notes, &err);
    fputs(st_buf_string(&notes), stderr);
    if (r == 0) {
        print_lease(NULL, &lease);
    }
    return tell(r, &err);
}

struct alive {
    int count;
    char **ids;
};

static bool is_alive(void *data, const char *id)
{
    const struct alive *alive = data;
    for (int i = 0; i < alive->count; i++) {
        if (st_streq(alive->ids[i], id)) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct st_err err = {0};
    if (argc < 3) {
        return usage();
    }
    config.folder = argv[1];
    argv += 2;
    argc -= 2;
    if (strcmp(argv[0], "--subnet") == 0 && argc > 2) {
        config.subnet = argv[1];
        argv += 2;
        argc -= 2;
    }
    const char *verb = argv[0];
    argv++;
    argc--;
    if (strcmp(verb, "attach") == 0) {
        return attach(argc, argv);
    }
    if (strcmp(verb, "detach") == 0 && argc >= 1) {
        return tell(
            net_detach(&config, argv[0], argc > 1 ? NET_DETACH_ENDED_NS : NET_DETACH_LINK, &err),
            &err);
    }
    if (strcmp(verb, "collect") == 0) {
        struct alive alive = {.count = argc, .ids = argv};
        int r = net_collect(&config, is_alive, &alive, &err);
        if (r >= 0) {
            printf("%d\n", r);
        }
        return tell(r, &err);
    }
    if (strcmp(verb, "list") == 0) {
        return tell(net_each(&config, print_lease, NULL, &err), &err);
    }
    if (strcmp(verb, "remove") == 0) {
        return tell(net_remove(&config, &err), &err);
    }
    return usage();
}
