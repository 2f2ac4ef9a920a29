/* Signals by name. Pure, any thread. */
#pragma once

#include <signal.h>
#include <stdbool.h>

#include "base/attr.h"

/* The number of a signal given as number (1 to 64) or as name in either case, with or without SIG:
 * "9", "KILL", "sigterm", "RTMIN+3", "SIGRTMAX-1". RTMIN and RTMAX are the kernel's, 34 as engines
 * count and 64. -ST_EINVAL: there is none. */
int os_signal_number(const char *text) ST_MUST_CHECK;

/* What a signal does in this process: the action's handler is set, with all others blocked while it
 * runs and calls restarted; *ret_before (NULL allowed) is the handler there was. SIG_DFL and
 * SIG_IGN too. 0 or -errno. */
typedef void os_signal_handler_t(int number);
int os_signal_handle(int number, os_signal_handler_t *handler, os_signal_handler_t **ret_before);
/* The handler that a signal has. 0 or -errno. */
int os_signal_handler(int number, os_signal_handler_t **ret_handler);

/* Has a fault (SIGSEGV and its like) handled, on the alternative stack where there is one, unless
 * somebody handles it already and it is not to be so always. Where the handler returns the thread
 * goes on with the context, which it may change. 0, 1: somebody does, or -errno. */
typedef void os_fault_handler_t(int number, siginfo_t *info, void *context);
int os_signal_fault(int number, os_fault_handler_t *handler, bool always);

/* "SIGTERM"; NULL for a number without a name. Static storage. */
const char *os_signal_name(int number);
