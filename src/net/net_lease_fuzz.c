/* Fuzzes the lease file: what is read is written and read again as the same. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "net/net_lease.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    st_auto(net_lease) struct net_lease lease = {.prefix = 0};
    st_auto(net_lease) struct net_lease again = {.prefix = 0};
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(1 << 20);
    st_auto(free) char *text = strndup((const char *)data, size);
    if (text != NULL && net_lease_parse(text, &lease) == 0) {
        net_lease_print(&lease, &out);
        ST_CHECK(net_lease_parse(st_buf_string(&out), &again) == 0);
        ST_CHECK(again.ports.count == lease.ports.count);
        ST_CHECK(again.address.s_addr == lease.address.s_addr);
    }
    return 0;
}
