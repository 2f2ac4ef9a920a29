/* Fuzzes the parser of -p: what it accepts is within its promises. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "net/net.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    st_auto(net_ports) struct net_ports ports = {0};
    st_auto(free) char *text = strndup((const char *)data, size);
    if (text != NULL && net_publish_parse(text, &ports, NULL) >= 0) {
        ST_CHECK(ports.count > 0 && ports.count <= NET_PORTS_MAX);
        for (size_t i = 0; i < ports.count; i++) {
            ST_CHECK(ports.list[i].container_port != 0);
            ST_CHECK(ports.list[i].host_first <= ports.list[i].host_last);
        }
    }
    return 0;
}
