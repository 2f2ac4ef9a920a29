/* The netlink client: see net_netlink.h. */
#include "net/net_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "os/os_file.h"
#include "os/os_socket.h"

enum {
    DEFAULT_SEND = 96 << 10, /* what a socket sends without asking for a larger buffer */
    ANSWER_BYTES = 16 << 10, /* the kernel cuts dumps into parts of at most this size */
};

void net_nl_done(struct net_nl *nl)
{
    st_buf_done(&nl->bytes);
}

void net_nl_reset(struct net_nl *nl)
{
    st_buf_reset(&nl->bytes);
    nl->first = nl->sequence + 1;
}

static void pad(struct net_nl *nl)
{
    static const char zeros[NLMSG_ALIGNTO];
    size_t over = nl->bytes.length % NLMSG_ALIGNTO;
    if (over != 0) {
        st_buf_append(&nl->bytes, zeros, NLMSG_ALIGNTO - over);
    }
}

void net_nl_begin(struct net_nl *nl, uint16_t type, uint16_t flags, const void *header, size_t size)
{
    struct nlmsghdr h = {
        .nlmsg_type = type,
        .nlmsg_flags = flags | NLM_F_REQUEST,
        .nlmsg_seq = ++nl->sequence,
    };
    nl->start = nl->bytes.length;
    st_buf_append(&nl->bytes, &h, sizeof(h));
    st_buf_append(&nl->bytes, header, size);
    pad(nl);
}

uint32_t net_nl_end(struct net_nl *nl)
{
    uint32_t length = (uint32_t)(nl->bytes.length - nl->start);
    if (st_buf_status(&nl->bytes) == 0) {
        memcpy(nl->bytes.data + nl->start + offsetof(struct nlmsghdr, nlmsg_len), &length,
               sizeof(length));
    }
    return nl->sequence;
}

void net_nl_put(struct net_nl *nl, uint16_t type, const void *data, size_t size)
{
    struct nlattr attr = {.nla_type = type};
    if (size > UINT16_MAX - NLA_HDRLEN) {
        nl->bytes.status = -ST_ELIMIT;
        return;
    }
    attr.nla_len = (uint16_t)(NLA_HDRLEN + size);
    st_buf_append(&nl->bytes, &attr, sizeof(attr));
    st_buf_append(&nl->bytes, data, size);
    pad(nl);
}

void net_nl_put_u8(struct net_nl *nl, uint16_t type, uint8_t value)
{
    net_nl_put(nl, type, &value, sizeof(value));
}

void net_nl_put_u16(struct net_nl *nl, uint16_t type, uint16_t value)
{
    net_nl_put(nl, type, &value, sizeof(value));
}

void net_nl_put_u32(struct net_nl *nl, uint16_t type, uint32_t value)
{
    net_nl_put(nl, type, &value, sizeof(value));
}

void net_nl_put_be32(struct net_nl *nl, uint16_t type, uint32_t value)
{
    net_nl_put_u32(nl, type, htonl(value));
}

void net_nl_put_text(struct net_nl *nl, uint16_t type, const char *text)
{
    net_nl_put(nl, type, text, strlen(text) + 1);
}

size_t net_nl_nest(struct net_nl *nl, uint16_t type)
{
    size_t nest = nl->bytes.length;
    net_nl_put(nl, type | NLA_F_NESTED, NULL, 0);
    return nest;
}

void net_nl_nest_end(struct net_nl *nl, size_t nest)
{
    size_t length = nl->bytes.length - nest;
    if (length > UINT16_MAX) {
        nl->bytes.status = -ST_ELIMIT;
    }
    if (st_buf_status(&nl->bytes) == 0) {
        uint16_t value = (uint16_t)length;
        memcpy(nl->bytes.data + nest, &value, sizeof(value));
    }
}

void net_nl_acknowledge(struct net_nl *nl)
{
    struct nlmsghdr h;
    if (st_buf_status(&nl->bytes) == 0) {
        memcpy(&h, nl->bytes.data + nl->start, sizeof(h));
        h.nlmsg_flags |= NLM_F_ACK;
        memcpy(nl->bytes.data + nl->start, &h, sizeof(h));
    }
    nl->last = nl->sequence;
}

int net_nl_open(int protocol, struct st_err *err)
{
    static const int on = 1;
    int fd = os_socket(AF_NETLINK, SOCK_RAW, protocol);
    if (fd < 0) {
        return st_fail_os(err, fd, "cannot open a netlink socket (%s)",
                          protocol == NETLINK_NETFILTER ? "nftables" : "network interfaces");
    }
    /* Niceties of newer kernels: without them messages are shorter, or answers longer. */
    os_setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    os_setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    return fd;
}

static int send_all(int fd, struct net_nl *nl)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    struct iovec part = {.iov_base = nl->bytes.data, .iov_len = nl->bytes.length};
    struct msghdr message = {
        .msg_name = &kernel,
        .msg_namelen = sizeof(kernel),
        .msg_iov = &part,
        .msg_iovlen = 1,
    };
    if (st_buf_status(&nl->bytes) < 0) {
        return st_buf_status(&nl->bytes);
    }
    if (nl->bytes.length > DEFAULT_SEND) {
        int room = (int)nl->bytes.length * 2;
        int r = os_setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
        if (r < 0) {
            return r;
        }
    }
    ssize_t sent = os_sendmsg(fd, &message, 0);
    return sent < 0 ? (int)sent : 0;
}

/* The kernel's words in an answer of type NLMSG_ERROR; "" if it has none. */
static const char *kernel_words(const struct nlmsghdr *h)
{
    const struct nlattr *table[NLMSGERR_ATTR_MSG + 1] = {NULL};
    const struct nlmsgerr *error = NLMSG_DATA(h);
    size_t at = NLMSG_HDRLEN + sizeof(*error);
    if ((h->nlmsg_flags & NLM_F_ACK_TLVS) == 0) {
        return "";
    }
    if ((h->nlmsg_flags & NLM_F_CAPPED) == 0) {
        at += NLMSG_ALIGN(error->msg.nlmsg_len) - sizeof(error->msg);
    }
    if (at > h->nlmsg_len) {
        return "";
    }
    net_nl_split((const uint8_t *)h + at, h->nlmsg_len - at, table, NLMSGERR_ATTR_MSG);
    return net_nl_text(table[NLMSGERR_ATTR_MSG]);
}

static int fail_with_words(const struct nlmsghdr *h, int result, const char *what,
                           struct st_err *err)
{
    const char *words = kernel_words(h);
    if (words[0] == '\0') {
        return st_fail_os(err, result, "%s", what);
    }
    return st_fail_os(err, result, "%s: %s", what, words);
}

/* Is the error at h long enough to have its code? */
static bool has_code(const struct nlmsghdr *h)
{
    return h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr));
}

/* Looks at the acknowledgements of one datagram. Returns 1 when the last message has its own. */
static int take_acks(struct net_nl *nl, const char *bytes, ssize_t size, int *failure,
                     const char *what, struct st_err *err)
{
    int last = 0;
    for (const struct nlmsghdr *h = (const void *)bytes; NLMSG_OK(h, size);
         h = NLMSG_NEXT(h, size)) {
        if (h->nlmsg_type != NLMSG_ERROR || !has_code(h) || h->nlmsg_seq < nl->first ||
            h->nlmsg_seq > nl->sequence) {
            continue;
        }
        const struct nlmsgerr *error = NLMSG_DATA(h);
        if (error->error < 0 && *failure == 0) {
            *failure = error->error;
            nl->failed = h->nlmsg_seq;
            fail_with_words(h, error->error, what, err);
        }
        last |= h->nlmsg_seq == nl->last;
    }
    return last;
}

int net_nl_talk(int fd, struct net_nl *nl, const char *what, struct st_err *err)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER_BYTES];
    int failure = 0;
    int r = send_all(fd, nl);
    if (r < 0) {
        return st_fail_os(err, r, "%s", what);
    }
    /* The kernel has answered when sending returns, so nothing here ever waits. */
    for (;;) {
        ssize_t got = os_recv(fd, answer, sizeof(answer), MSG_DONTWAIT);
        if (got == -EAGAIN) {
            return failure < 0 ? failure : st_fail(err, ST_EIO, "%s: no answer", what);
        }
        if (got < 0) {
            return st_fail_os(err, (int)got, "%s: reading the answer", what);
        }
        if (take_acks(nl, answer, got, &failure, what, err) == 1) {
            return failure;
        }
    }
}

/* One datagram of an answer. Returns 1 when there is no more to come. */
static int take_answer(const struct net_nl *nl, const char *bytes, ssize_t size, net_nl_fn each,
                       void *data, const char *what, struct st_err *err, int *result)
{
    for (const struct nlmsghdr *h = (const void *)bytes; NLMSG_OK(h, size);
         h = NLMSG_NEXT(h, size)) {
        if (h->nlmsg_seq != nl->sequence) {
            continue;
        }
        if (h->nlmsg_type == NLMSG_DONE) {
            return 1;
        }
        if (h->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *error = NLMSG_DATA(h);
            *result = has_code(h) ? error->error : -ST_EIO;
            if (*result < 0) {
                fail_with_words(h, *result, what, err);
            }
            return 1;
        }
        struct net_nl_message message = {
            .type = h->nlmsg_type,
            .payload = NLMSG_DATA(h),
            .size = h->nlmsg_len - NLMSG_HDRLEN,
        };
        /* What follows a result is read all the same: a dump that is left unread blocks the next.
         */
        if (*result == 0) {
            *result = each(data, &message);
        }
        if ((h->nlmsg_flags & NLM_F_MULTI) == 0) {
            return 1;
        }
    }
    return 0;
}

int net_nl_query(int fd, struct net_nl *nl, net_nl_fn each, void *data, const char *what,
                 struct st_err *err)
{
    int result = 0;
    size_t room = 2 * ANSWER_BYTES;
    st_auto(free) char *answer = malloc(room);
    if (answer == NULL) {
        return st_fail(err, ST_ENOMEM, "%s: out of memory", what);
    }
    int r = send_all(fd, nl);
    if (r < 0) {
        return st_fail_os(err, r, "%s", what);
    }
    do {
        ssize_t got = os_recv(fd, answer, room, MSG_DONTWAIT);
        if (got < 0) {
            return st_fail_os(err, (int)got, "%s: reading the answer", what);
        }
        r = take_answer(nl, answer, got, each, data, what, err, &result);
    } while (r == 0);
    return result;
}

void net_nl_split(const uint8_t *bytes, size_t size, const struct nlattr **table, unsigned max)
{
    for (unsigned i = 0; i <= max; i++) {
        table[i] = NULL;
    }
    while (size >= NLA_HDRLEN) {
        const struct nlattr *attr = (const void *)bytes;
        size_t length = attr->nla_len;
        if (length < NLA_HDRLEN || length > size) {
            return;
        }
        unsigned type = attr->nla_type & NLA_TYPE_MASK;
        if (type <= max) {
            table[type] = attr;
        }
        length = NLA_ALIGN(length);
        if (length >= size) {
            return;
        }
        bytes += length;
        size -= length;
    }
}

uint32_t net_nl_u32(const struct nlattr *attr, uint32_t otherwise)
{
    uint32_t value;
    if (net_nl_size(attr) < sizeof(value)) {
        return otherwise;
    }
    memcpy(&value, net_nl_data(attr), sizeof(value));
    return value;
}

uint32_t net_nl_be32(const struct nlattr *attr, uint32_t otherwise)
{
    return ntohl(net_nl_u32(attr, htonl(otherwise)));
}

const char *net_nl_text(const struct nlattr *attr)
{
    const char *text = (const char *)net_nl_data(attr);
    size_t size = net_nl_size(attr);
    return text != NULL && size > 0 && text[size - 1] == '\0' ? text : "";
}

const uint8_t *net_nl_data(const struct nlattr *attr)
{
    return attr != NULL ? (const uint8_t *)attr + NLA_HDRLEN : NULL;
}

size_t net_nl_size(const struct nlattr *attr)
{
    return attr != NULL ? attr->nla_len - (size_t)NLA_HDRLEN : 0;
}
