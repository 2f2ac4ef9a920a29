/* The user-mode network as a guest sees it: ARP, DHCP, a published port's SYN. */
#include "net/net_user.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "platform/plat_fake_test.h"

/* The network's thread takes the lock too, so it is a real one. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct plat_ops ops;

static void lock_it(struct platform *platform)
{
    pthread_mutex_lock(&lock);
    ((struct plat_fake *)platform)->locked = true;
}

static void unlock_it(struct platform *platform)
{
    ((struct plat_fake *)platform)->locked = false;
    pthread_mutex_unlock(&lock);
}

static void init(struct plat_fake *fake)
{
    plat_fake_init(fake);
    ops = *fake->platform.ops;
    ops.lock = lock_it;
    ops.unlock = unlock_it;
    fake->platform.ops = &ops;
}

/* The last frame that came and how many did. */
static uint8_t last[2048];
static size_t last_size;
static unsigned came;
static bool full;

static bool receive(void *device, const void *frame, size_t size)
{
    (void)device;
    if (full) {
        return false;
    }
    memcpy(last, frame, size < sizeof last ? size : sizeof last);
    last_size = size;
    came++;
    return true;
}

static void send_frame(struct net_user *user, struct plat_fake *fake, const void *frame,
                       size_t size)
{
    struct plat_packet *packet = net_user_packet(user);
    struct plat_span spans[2] = {{(void *)(uintptr_t)frame, 20},
                                 {(uint8_t *)(uintptr_t)frame + 20, size - 20}};

    plat_lock(&fake->platform);
    packet->ops->send(packet, spans, 2, size);
    plat_unlock(&fake->platform);
}

/* Who has 10.0.2.2? */
static const uint8_t arp[42] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 1, 2,  3, 8, 6, 0, 1, 8, 0,  6, 4, 0,
    1,    0x52, 0x54, 0,    1,    2,    3,    10,   0, 2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2};

static struct net_user *open_user(struct plat_fake *fake, const struct net_ports *ports)
{
    struct net_user_config config = {
        .platform = &fake->platform, .mac = {0x52, 0x54, 0, 1, 2, 3}, .ports = ports};
    struct net_user *user;
    struct st_err err;

    init(fake);
    came = 0;
    full = false;
    assert_int_equal(net_user_open(&config, &user, &err), 0);
    net_user_packet(user)->receive = receive;
    return user;
}

static void answers_who_has_the_gateway(void **state)
{
    struct plat_fake fake;
    struct net_user *user = open_user(&fake, NULL);

    (void)state;
    send_frame(user, &fake, arp, sizeof arp);
    assert_int_equal(came, 1);
    assert_int_equal(last[21], 2); /* a reply */
    assert_memory_equal(last + 28, "\x0a\x00\x02\x02", 4);
    net_user_close(user);
}

static void keeps_frames_that_the_guest_has_no_room_for(void **state)
{
    struct plat_fake fake;
    struct net_user *user = open_user(&fake, NULL);

    (void)state;
    full = true;
    send_frame(user, &fake, arp, sizeof arp);
    send_frame(user, &fake, arp, sizeof arp);
    assert_int_equal(came, 0);
    full = false;
    plat_lock(&fake.platform);
    net_user_packet(user)->ops->ready(net_user_packet(user));
    plat_unlock(&fake.platform);
    assert_int_equal(came, 2);
    net_user_close(user);
}

static void refuses_a_port_that_is_taken(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int taken = socket(AF_INET, SOCK_STREAM, 0);
    struct plat_fake fake;
    struct net_user *user;
    struct st_err err;

    (void)state;
    assert_int_equal(bind(taken, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(taken, 1), 0);
    assert_int_equal(getsockname(taken, (struct sockaddr *)&address, &length), 0);
    struct net_port port = {.host = address.sin_addr,
                            .host_first = ntohs(address.sin_port),
                            .host_last = ntohs(address.sin_port),
                            .container_port = 80,
                            .protocol = IPPROTO_TCP};
    struct net_ports ports = {.list = &port, .count = 1};
    struct net_user_config config = {.platform = &fake.platform, .ports = &ports};

    init(&fake);
    assert_int_equal(net_user_open(&config, &user, &err), -ST_EADDRINUSE);
    assert_non_null(strstr(err.msg, "127.0.0.1"));
    close(taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_who_has_the_gateway),
        cmocka_unit_test(keeps_frames_that_the_guest_has_no_room_for),
        cmocka_unit_test(refuses_a_port_that_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
