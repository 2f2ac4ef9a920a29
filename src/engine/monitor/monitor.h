/*
 * The monitor of one running instance: holds its terminal and streams, its log, its exit code and
 * its restart policy, and outlives the command that started it. It links next to nothing and keeps
 * one page of everything it can, because there is one for each instance.
 *
 * The instance's process is its direct child and asks for the parent-death signal, so the instance
 * ends with its monitor. The lock that the monitor holds says that it lives.
 */
#pragma once

/* The whole life. folder: the instance's run folder; starter: a SOCK_SEQPACKET socket to the
 * command that starts us (mon_protocol.h); lock: descriptor of the file that is locked. Returns the
 * program's exit status. */
int mon_main(const char *folder, int starter, int lock);
