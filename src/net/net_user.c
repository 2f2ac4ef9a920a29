/* The user-mode network: see net_user.h. */
#include "net/net_user.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/attr.h"
#include "base/heap.h"
#include "os/os_event.h"
#include "os/os_file.h"
#include "os/os_thread.h"

enum {
    FRAME_MAX = NET_USER_MTU_MAX + 14 + 4,
    BACKLOG_BYTES = 1 << 20, /* of frames that the guest had no buffers for */
    WAIT_MAX_MS = 1000,
};

/* A frame that waits for the guest. */
struct frame {
    struct frame *next;
    size_t size;
    uint8_t bytes[];
};

/* A timer of libslirp's. */
struct timer {
    struct plat_timer base;
    struct net_user *user;
    SlirpTimerId id;
    void *argument;
};

struct net_user {
    struct plat_packet packet;
    struct platform *platform;
    Slirp *slirp;
    struct os_thread thread;
    int wake;     /* eventfd */
    bool waiting; /* the thread is in poll, so changes must wake it */
    bool ending;
    struct frame *backlog;
    struct frame **backlog_end;
    size_t backlog_bytes;
    struct pollfd *polled; /* the thread's */
    size_t polled_count, polled_room;
    uint8_t gathered[FRAME_MAX];
};

/* ---- to the guest ---- */

static void flush(struct net_user *user)
{
    struct frame *frame;

    while ((frame = user->backlog) != NULL) {
        if (user->packet.receive != NULL &&
            !user->packet.receive(user->packet.device, frame->bytes, frame->size)) {
            return;
        }
        user->backlog = frame->next;
        user->backlog_bytes -= frame->size;
        free(frame);
    }
    user->backlog_end = &user->backlog;
}

static ssize_t to_guest(const void *bytes, size_t size, void *opaque)
{
    struct net_user *user = opaque;
    struct frame *frame;

    if (user->packet.receive == NULL) {
        return (ssize_t)size;
    }
    if (user->backlog == NULL && user->packet.receive(user->packet.device, bytes, size)) {
        return (ssize_t)size;
    }
    /* A frame that does not fit is lost, as on a wire; TCP sends it again. */
    if (user->backlog_bytes + size > BACKLOG_BYTES ||
        (frame = malloc(sizeof *frame + size)) == NULL) {
        return (ssize_t)size;
    }
    frame->next = NULL;
    frame->size = size;
    memcpy(frame->bytes, bytes, size);
    *user->backlog_end = frame;
    user->backlog_end = &frame->next;
    user->backlog_bytes += size;
    return (ssize_t)size;
}

static void device_ready(struct plat_packet *packet)
{
    flush(ST_CONTAINER(packet, struct net_user, packet));
}

/* ---- from the guest ---- */

static void wake(struct net_user *user)
{
    uint64_t one = 1;

    if (user->waiting) {
        user->waiting = false;
        (void)os_write(user->wake, &one, sizeof one);
    }
}

static void from_guest(struct plat_packet *packet, const struct plat_span *spans,
                       uint32_t spans_count, size_t size)
{
    struct net_user *user = ST_CONTAINER(packet, struct net_user, packet);
    const uint8_t *frame = spans[0].data;

    if (size > sizeof user->gathered) {
        return;
    }
    /* Always copied: the guest could change the bytes while libslirp looks at them. */
    for (uint32_t i = 0, at = 0; i < spans_count; i++) {
        memcpy(user->gathered + at, spans[i].data, spans[i].size);
        at += (uint32_t)spans[i].size;
    }
    frame = user->gathered;
    slirp_input(user->slirp, frame, (int)size);
    wake(user);
}

/* ---- what libslirp asks for ---- */

static void guest_error(const char *message, void *opaque)
{
    struct net_user *user = opaque;

    plat_log(user->platform, PLAT_WARN, "net", "%s", message);
}

static int64_t clock_ns(void *opaque)
{
    return (int64_t)plat_now_ns(((struct net_user *)opaque)->platform);
}

static void timer_fired(void *argument)
{
    struct timer *timer = argument;

    slirp_handle_timer(timer->user->slirp, timer->id, timer->argument);
}

static void *timer_new(SlirpTimerId id, void *argument, void *opaque)
{
    struct timer *timer = calloc(1, sizeof *timer);

    if (timer != NULL) {
        *timer = (struct timer){
            .base = {.fire = timer_fired, .argument = timer, .deadline_ns = PLAT_NEVER},
            .user = opaque,
            .id = id,
            .argument = argument};
    }
    return timer;
}

static void timer_free(void *timer, void *opaque)
{
    if (timer != NULL) {
        plat_timer_set(((struct net_user *)opaque)->platform, &((struct timer *)timer)->base,
                       PLAT_NEVER);
        free(timer);
    }
}

static void timer_mod(void *timer, int64_t at_ms, void *opaque)
{
    if (timer != NULL) {
        plat_timer_set(((struct net_user *)opaque)->platform, &((struct timer *)timer)->base,
                       at_ms < 0 ? 0 : (uint64_t)at_ms * 1000000);
    }
}

static void poll_set_changed(int fd, void *opaque)
{
    (void)fd;
    wake(opaque);
}

static void notify(void *opaque)
{
    wake(opaque);
}

static const SlirpCb callbacks = {
    .send_packet = to_guest,
    .guest_error = guest_error,
    .clock_get_ns = clock_ns,
    .timer_free = timer_free,
    .timer_mod = timer_mod,
    .register_poll_fd = poll_set_changed,
    .unregister_poll_fd = poll_set_changed,
    .notify = notify,
    .timer_new_opaque = timer_new,
};

/* ---- the thread ---- */

/* libslirp's event bits and poll's, in the same order. */
static const struct {
    int slirp;
    short poll;
} event_bits[] = {{SLIRP_POLL_IN, POLLIN},
                  {SLIRP_POLL_OUT, POLLOUT},
                  {SLIRP_POLL_PRI, POLLPRI},
                  {SLIRP_POLL_ERR, POLLERR},
                  {SLIRP_POLL_HUP, POLLHUP}};

/* Room for one more descriptor; false: no memory, it is looked at the next time. */
static bool make_room(struct net_user *user)
{
    size_t room = user->polled_room == 0 ? 64 : user->polled_room * 2;
    struct pollfd *polled;

    if (user->polled_count < user->polled_room) {
        return true;
    }
    polled = realloc(user->polled, room * sizeof *polled);
    if (polled == NULL) {
        return false;
    }
    user->polled = polled;
    user->polled_room = room;
    return true;
}

static int add_poll(int fd, int events, void *opaque)
{
    struct net_user *user = opaque;
    struct pollfd *entry;

    if (!make_room(user)) {
        return -1;
    }
    entry = &user->polled[user->polled_count];
    *entry = (struct pollfd){.fd = fd};
    for (unsigned i = 0; i < ST_COUNT(event_bits); i++) {
        entry->events =
            (short)(entry->events | ((events & event_bits[i].slirp) != 0 ? event_bits[i].poll : 0));
    }
    return (int)user->polled_count++;
}

static int get_events(int index, void *opaque)
{
    struct net_user *user = opaque;
    int events = 0;

    if (index < 0 || (size_t)index >= user->polled_count) {
        return 0;
    }
    for (unsigned i = 0; i < ST_COUNT(event_bits); i++) {
        events |= (user->polled[index].revents & event_bits[i].poll) != 0 ? event_bits[i].slirp : 0;
    }
    return events;
}

static void *serve(void *argument)
{
    struct net_user *user = argument;
    uint64_t count;

    os_thread_name("net");
    plat_lock(user->platform);
    while (!user->ending) {
        uint32_t timeout_ms = WAIT_MAX_MS;
        int r;

        user->polled_count = 0;
        (void)add_poll(user->wake, SLIRP_POLL_IN, user);
        slirp_pollfds_fill(user->slirp, &timeout_ms, add_poll, user);
        user->waiting = true;
        plat_unlock(user->platform);
        r = os_poll(user->polled, user->polled_count, (int)timeout_ms);
        plat_lock(user->platform);
        user->waiting = false;
        if (user->polled[0].revents != 0) {
            (void)os_read(user->wake, &count, sizeof count);
        }
        slirp_pollfds_poll(user->slirp, r < 0, get_events, user);
    }
    plat_unlock(user->platform);
    return NULL;
}

/* ---- life ---- */

static int publish(struct net_user *user, const struct net_ports *ports, struct st_err *err)
{
    for (size_t i = 0; ports != NULL && i < ports->count; i++) {
        const struct net_port *port = &ports->list[i];
        /* 0.0.0.0: the address that the guest got by DHCP. */
        struct in_addr guest = {0};

        if (slirp_add_hostfwd(user->slirp, port->protocol == IPPROTO_UDP, port->host,
                              port->host_first, guest, port->container_port) < 0) {
            char address[INET_ADDRSTRLEN];

            (void)inet_ntop(AF_INET, &port->host, address, sizeof address);
            return st_fail_os(err, -errno, "publishing port %u of %s", port->host_first, address);
        }
    }
    return 0;
}

static int start(struct net_user *user, const struct net_user_config *config, struct st_err *err)
{
    SlirpConfig slirp = {.version = 4,
                         .restricted = config->restricted,
                         .in_enabled = true,
                         .in6_enabled = true,
                         .vprefix_len = 64,
                         .vhostname = config->hostname,
                         .if_mtu = user->packet.mtu,
                         .if_mru = user->packet.mtu,
                         .disable_host_loopback = !config->host_loopback};
    int r;

    (void)inet_pton(AF_INET, "10.0.2.0", &slirp.vnetwork);
    (void)inet_pton(AF_INET, "255.255.255.0", &slirp.vnetmask);
    (void)inet_pton(AF_INET, "10.0.2.2", &slirp.vhost);
    (void)inet_pton(AF_INET, "10.0.2.15", &slirp.vdhcp_start);
    (void)inet_pton(AF_INET, "10.0.2.3", &slirp.vnameserver);
    (void)inet_pton(AF_INET6, "fd00::", &slirp.vprefix_addr6);
    (void)inet_pton(AF_INET6, "fd00::2", &slirp.vhost6);
    (void)inet_pton(AF_INET6, "fd00::3", &slirp.vnameserver6);
    plat_lock(user->platform);
    user->slirp = slirp_new(&slirp, &callbacks, user);
    r = user->slirp == NULL ? st_fail(err, ST_EINVAL, "the user-mode network cannot be set up")
                            : publish(user, config->ports, err);
    plat_unlock(user->platform);
    if (r < 0) {
        return r;
    }
    r = os_thread_start(&user->thread, serve, user);
    return r < 0 ? st_fail_os(err, r, "the network's thread") : 0;
}

int net_user_open(const struct net_user_config *config, struct net_user **ret_user,
                  struct st_err *err)
{
    static const struct plat_packet_ops ops = {.send = from_guest, .ready = device_ready};
    struct net_user *user = calloc(1, sizeof *user);
    int r;

    if (user == NULL) {
        return st_fail(err, ST_ENOMEM, "the user-mode network: out of memory");
    }
    user->platform = config->platform;
    user->backlog_end = &user->backlog;
    user->packet =
        (struct plat_packet){.ops = &ops, .mtu = config->mtu == 0 ? NET_USER_MTU_MAX : config->mtu};
    memcpy(user->packet.mac, config->mac, sizeof user->packet.mac);
    user->wake = os_eventfd(0, EFD_NONBLOCK);
    r = user->wake < 0 ? st_fail_os(err, user->wake, "the user-mode network")
                       : start(user, config, err);
    if (r < 0) {
        net_user_close(user);
        return r;
    }
    *ret_user = user;
    return 0;
}

struct plat_packet *net_user_packet(struct net_user *user)
{
    return &user->packet;
}

void net_user_close(struct net_user *user)
{
    struct frame *frame;

    if (user == NULL) {
        return;
    }
    plat_lock(user->platform);
    user->ending = true;
    wake(user);
    plat_unlock(user->platform);
    os_thread_join(&user->thread);
    if (user->slirp != NULL) {
        plat_lock(user->platform);
        slirp_cleanup(user->slirp);
        plat_unlock(user->platform);
    }
    while ((frame = user->backlog) != NULL) {
        user->backlog = frame->next;
        free(frame);
    }
    os_close(&user->wake);
    free(user->polled);
    free(user);
}
