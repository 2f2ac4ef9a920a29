/* Network namespaces: see net_namespace.h and net.h. */
#include "net/net_namespace.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "net/net.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_terminal.h"

static const char own[] = "/proc/thread-self/ns/net";

static int go_back(int home, int result, struct st_err *err)
{
    int r = os_setns(home, CLONE_NEWNET);
    if (r < 0) {
        os_close(&result);
        return st_fail_os(err, r, "returning to the host's network namespace");
    }
    return result;
}

int net_namespace_call(int netns, net_namespace_fn call, void *data, struct st_err *err)
{
    st_auto(fd) int home = os_open(own, O_RDONLY, 0);
    if (home < 0) {
        return st_fail_os(err, home, "%s", own);
    }
    int r = os_setns(netns, CLONE_NEWNET);
    if (r < 0) {
        return st_fail_os(err, r, "entering the instance's network namespace");
    }
    return go_back(home, call(data, err), err);
}

int net_namespace_new(struct st_err *err)
{
    st_auto(fd) int home = os_open(own, O_RDONLY, 0);
    if (home < 0) {
        return st_fail_os(err, home, "%s", own);
    }
    int r = os_unshare(CLONE_NEWNET);
    if (r < 0) {
        return st_fail_os(err, r, "making a network namespace");
    }
    int fresh = os_open(own, O_RDONLY, 0);
    if (fresh < 0) {
        st_fail_os(err, fresh, "%s", own);
    }
    return go_back(home, fresh, err);
}

static int loopback_up(void *data, struct st_err *err)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};

    (void)data;
    st_auto(fd) int socket = os_socket(AF_INET, SOCK_DGRAM, 0);
    int r = socket < 0 ? socket : os_ioctl(socket, SIOCSIFFLAGS, &request);
    return r < 0 ? st_fail_os(err, r, "bringing lo up") : os_take_fd(socket);
}

int net_loopback_up(int netns, struct st_err *err)
{
    st_auto(fd) int socket = net_namespace_call(netns, loopback_up, NULL, err);

    return socket < 0 ? socket : 0;
}
