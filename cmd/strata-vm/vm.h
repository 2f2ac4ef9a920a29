/* What the files of strata-vm share. */
#pragma once

#include "cli/cli.h"
#include "net/net.h"
#include "vmm/vmm.h"

/* Exit codes, as docs/vm.md lists them. */
enum {
    VM_EXIT_OFF = 0, /* the guest switched the machine off */
    VM_EXIT_PANICKED = 101,
    VM_EXIT_TRIPLE_FAULT = 102,
    VM_EXIT_RESET = 103,  /* the guest asked for a reset, and --on-reset is stop */
    VM_EXIT_QUIT = 104,   /* somebody ended the machine, not the guest */
    VM_EXIT_BROKEN = 105, /* a virtual CPU could not go on */
    VM_EXIT_FAILED = 125, /* the machine could not be made */
    VM_EXIT_KILLED = 137, /* it ended before its workload */
};

/* What the command line says; texts live as long as it. `ports` owns the published ports. */
struct vm_config {
    struct vmm_config machine;
    struct net_ports ports;
    const char *control;          /* path of the control socket; NULL: none */
    const char *gdb;              /* address to listen on; NULL: none */
    struct vmm_workload workload; /* machine.workload, if there is one */
    struct st_buf setup, start;   /* its settings */
    bool terminal;                /* the workload's streams are a terminal */
    int supervisor;               /* a socket; -1: none */
    bool no_jail;
};

int vm_config_read(const struct cli *cli, struct vm_config *ret_config, struct st_err *err);
void vm_config_done(struct vm_config *config);
