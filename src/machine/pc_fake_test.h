/*
 * What a PC without vCPUs that run is given: for tests and fuzzers that make machines and never
 * start them. Include it into a .c file; its functions are static.
 */
#pragma once

#include "machine/pc.h"

static void pc_fake_msi(struct vcpu_set *set, uint64_t address, uint32_t data)
{
    (void)set;
    (void)address;
    (void)data;
}

static void pc_fake_pic_line(struct vcpu_set *set, bool level)
{
    (void)set;
    (void)level;
}

static void pc_fake_event(void *owner)
{
    (void)owner;
}

static void pc_fake_debug_exit(void *owner, uint32_t value)
{
    (void)owner;
    (void)value;
}

/* Operations of vCPUs whose states go to set_state. */
#define PC_FAKE_VCPU_OPS(function)                                                                 \
    {                                                                                              \
        .set_state = (function), .msi = pc_fake_msi, .pic_line = pc_fake_pic_line                  \
    }

#define PC_FAKE_EVENTS                                                                             \
    {                                                                                              \
        .reset = pc_fake_event, .power_off = pc_fake_event, .panicked = pc_fake_event,             \
        .debug_exit = pc_fake_debug_exit                                                           \
    }
