/* Handing a seccomp listener to its agent: see ctr_listener.h. */
#include "container/ctr_listener.h"

#include <stdlib.h>

#include "base/heap.h"
#include "container/ctr_status.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_time.h"
#include "spec/spec_runtime.h"

enum { TRIES = 20000, PAUSE_NS = 100 * 1000 };

/* Once its filter is loaded the process cannot be relied on to say so: any system call may be the
 * agent's to answer. */
static int take_listener(int pidfd, int number)
{
    int fd = -ST_EBADF;
    for (int i = 0; i < TRIES && fd == -ST_EBADF; i++) {
        fd = os_pidfd_getfd(pidfd, number);
        if (fd == -ST_EBADF) {
            os_sleep_ns(PAUSE_NS);
        }
    }
    return fd;
}

int ctr_listener_send(const struct spec_seccomp *profile, const struct ctr_record *record,
                      pid_t process, int pidfd, int number, struct st_err *err)
{
    st_auto(buf) struct st_buf json = ST_BUF_HEAP(CTR_RECORD_MAX_BYTES);
    const struct spec_state state = ctr_status_state(record, record->pid, SPEC_STATUS_CREATING);
    st_auto(fd) int listener = take_listener(pidfd, number);
    if (listener < 0) {
        return st_fail_os(err, listener, "taking the seccomp listener");
    }
    int r = spec_seccomp_state_write(&state, process, profile->listener_metadata, &json);
    if (r < 0) {
        return st_fail_os(err, r, "writing the state for the seccomp agent");
    }
    st_auto(fd) int agent = os_unix_connect(profile->listener_path, SOCK_STREAM);
    ssize_t n = agent < 0 ? agent : os_send_fds(agent, json.data, json.length, &listener, 1);
    return n < 0 ? st_fail_os(err, (int)n, "handing the seccomp listener to %s",
                              profile->listener_path)
                 : 0;
}
