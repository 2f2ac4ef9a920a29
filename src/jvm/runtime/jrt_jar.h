/*
 * Jars of the boot path, read by the library's libzip, as HotSpot does.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

/* Reads an entry of a jar into memory of the C library's, which the caller frees. libzip lies
 * beside lib/modules. false: there is no such jar or entry, or it is damaged. Any thread. */
bool jrt_jar_read(const char *modules, const char *jar, const char *entry, uint8_t **ret_bytes,
                  size_t *ret_size) ST_MUST_CHECK;
