/* Fuzzes the filter of resolv.conf: no loopback name server survives, some server always does. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/heap.h"
#include "net/net_hosts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct net_dns nothing;
    st_auto(buf) struct st_buf out = ST_BUF_HEAP(1 << 20);
    st_auto(free) char *text = strndup((const char *)data, size);
    if (text != NULL && net_resolv_filter(text, &nothing, &out, NULL) == 0) {
        ST_CHECK(strstr(st_buf_string(&out), "nameserver") != NULL);
        ST_CHECK(strstr(st_buf_string(&out), "\nnameserver 127.") == NULL);
    }
    return 0;
}
