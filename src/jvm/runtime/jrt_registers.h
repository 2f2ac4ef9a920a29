/*
 * What the collector must see of a thread that stops or leaves for native code: the registers that
 * C functions keep for their callers, which may hold references of any function further up.
 */
#pragma once

#include <stdint.h>

enum { JRT_SAVED_REGISTERS = 6 };

/* Writes them; returns the caller's stack pointer: its frame lies from there upwards. */
char *jrt_save_registers(uint64_t ret_registers[JRT_SAVED_REGISTERS]);
