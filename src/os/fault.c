/* Fault injection: see fault.h. Empty in other builds. */
#include "os/fault.h"

#ifdef ST_FAULT_INJECTION

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct os_fault_plan *plan;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void map_plan(void)
{
    const char *path = getenv("STRATA_FAULT_PLAN");
    if (path == NULL) {
        return;
    }
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    void *p = mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (p != MAP_FAILED) {
        plan = p;
    }
}

int os_fault_next(const char *name)
{
    int saved = errno;
    pthread_once(&once, map_plan);
    errno = saved;
    if (plan == NULL) {
        return 0;
    }
    uint32_t number = __atomic_add_fetch(&plan->calls, 1, __ATOMIC_RELAXED);
    if (plan->fail_at == 0 || number != plan->fail_at) {
        return 0;
    }
    snprintf(plan->name, sizeof(plan->name), "%s", name);
    plan->failed = 1;
    return (int)plan->fail_errno;
}

#endif
