/*
 * Resources of lib/modules, also those that jlink compressed: these are read by the library's
 * libjimage, as on HotSpot, which knows all of its compressions.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "format/fmt_jimage.h"

/* Decompresses the resource `path` of a module, whose `entry` the reader found, into memory of the
 * C library's, which the caller frees. NULL: libjimage (beside lib/modules) is not there or refuses
 * it. Any thread. */
uint8_t *jrt_image_decompress(const char *modules, const char *module, const char *path,
                              const struct fmt_jimage_entry *entry) ST_MUST_CHECK;

/* A copy of a resource of a lib/modules that need not be mapped, with a zero behind it, which the
 * caller frees. NULL: there is none. */
char *jrt_image_text(const char *modules, const char *module, const char *path) ST_MUST_CHECK;
