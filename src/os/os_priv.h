/*
 * How the wrappers of this module are made: OS_CALL turns the C library's -1 and errno into -errno,
 * and is where a call can be made to fail in builds with -Dfault_injection=true (see fault.h).
 */
#pragma once

#include <errno.h>

#include "base/attr.h"
#include "base/err.h"
#include "os/fault.h"

#ifdef ST_FAULT_INJECTION
#define OS_CALL(expression)                                                                        \
    ({                                                                                             \
        int os_forced = os_fault_next(__func__);                                                   \
        __typeof__(expression) os_result = (__typeof__(expression))-1;                             \
        if (os_forced == 0) {                                                                      \
            os_result = (expression);                                                              \
        } else {                                                                                   \
            errno = os_forced;                                                                     \
        }                                                                                          \
        os_result < 0 ? (__typeof__(expression))-errno : os_result;                                \
    })
#else
#define OS_CALL(expression)                                                                        \
    ({                                                                                             \
        __typeof__(expression) os_result = (expression);                                           \
        os_result < 0 ? (__typeof__(expression))-errno : os_result;                                \
    })
#endif

/* As OS_CALL, again as long as a signal interrupts the call. */
#define OS_RETRY(expression)                                                                       \
    ({                                                                                             \
        __typeof__(expression) os_again;                                                           \
        do {                                                                                       \
            os_again = OS_CALL(expression);                                                        \
        } while (os_again == -EINTR);                                                              \
        os_again;                                                                                  \
    })
