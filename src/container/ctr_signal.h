/* Signals by name. Pure. */
#pragma once

/* The number of "9", "KILL", "SIGKILL", "RTMIN+3" ... in any case; 0 is a number too; -ST_EINVAL
 * for what is none. */
int ctr_signal_number(const char *text);
