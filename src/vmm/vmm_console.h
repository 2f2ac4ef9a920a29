/*
 * A serial line's other end: a pair of descriptors of the program (its terminal, pipes, files), and
 * any number of clients that attached later. Input comes from all of them; output goes to all, and
 * what a client is too slow for is lost to it alone. Output that the program's descriptor does not
 * take waits, and the guest with it.
 *
 * In a terminal one key is an escape: Ctrl-A, then x ends the machine, b presses the power button,
 * p pauses it or lets it go on, Ctrl-A types Ctrl-A.
 *
 * All functions: lock of the loop held.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "os/os_loop.h"
#include "platform/plat_backend.h"

struct vmm_console;

enum { VMM_CONSOLE_ESCAPE = 1 /* Ctrl-A */, VMM_CONSOLE_CLIENTS = 8 };

struct vmm_console_config {
    struct os_loop *loop;
    int in_fd;   /* -1: none; the caller's, open for as long as the console */
    int out_fd;  /* -1: none */
    bool escape; /* look for the escape key in in_fd's bytes */
    /* The key after the escape key. Lock held. NULL: no escape. */
    void (*key)(void *argument, char key);
    void *argument;
};

/* 0 or -ST_Exxx. */
int vmm_console_new(const struct vmm_console_config *config,
                    struct vmm_console **ret_console) ST_MUST_CHECK;
/* The device is gone. NULL allowed. */
void vmm_console_free(struct vmm_console *console);

/* What a serial port is given. */
struct plat_stream *vmm_console_stream(struct vmm_console *console);

/* Attaches a stream socket, which is the console's from then on, also on failure. -ST_ELIMIT: there
 * are VMM_CONSOLE_CLIENTS. */
int vmm_console_attach(struct vmm_console *console, int fd);

/* Writes out what still waits, as far as the descriptor takes it now. */
void vmm_console_flush(struct vmm_console *console);
