/*
 * jimage: the file in which a JDK keeps its classes and resources (lib/modules; magic CAFEDADA,
 * version 1.0, numbers in the machine's byte order). Read where it lies, a mapped file as a rule.
 *
 *     header    7 words: magic, version, flags, resources, places of the table, bytes of locations
 *               and of strings
 *     redirect  a word for each place: the hash function that leads a name from here to its own
 *               place (> 0), or that place itself (< 0: -1 - place), or 0: no such name
 *     offsets   a word for each place: where its location begins
 *     locations attributes: kind << 3 | bytes - 1, then a number of so many bytes, big-endian
 *     strings   modified UTF-8, each with a closing zero
 *     content   of resources, whose offsets count from here
 *
 * A resource is named "/MODULE/PARENT/BASE.EXTENSION". Pure and bounded: whatever the bytes are, no
 * function reads outside them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"

struct fmt_jimage {
    const uint8_t *bytes; /* the caller's, who keeps them */
    size_t size;
    uint32_t resources;
    uint32_t places;                                       /* of the table */
    size_t redirect, offsets, locations, strings, content; /* where each part begins */
    uint32_t locations_size, strings_size;
};

/* A resource: where it is and what it is called. The strings are the image's, with a closing zero;
 * an empty part is "". */
struct fmt_jimage_entry {
    const char *module, *parent, *base, *extension;
    const uint8_t *data; /* NULL where it is compressed */
    uint64_t size;       /* uncompressed */
    uint64_t compressed; /* bytes that it takes when compressed; 0: it is not */
};

/* Checks the header. -ST_ENOEXEC: not a jimage; -ST_EVERSION: of another version or byte order;
 * -ST_ECORRUPT: its parts do not fit into `size`. */
int fmt_jimage_open(const void *bytes, size_t size, struct fmt_jimage *ret_image,
                    struct st_err *err) ST_MUST_CHECK;

/* Finds the resource `path` ("java/lang/Object.class") of a module. -ST_ENOENT: there is none;
 * -ST_ECORRUPT: its location is damaged; -ST_EUNSUPPORTED: it is compressed (*ret_entry is filled).
 */
int fmt_jimage_find(const struct fmt_jimage *image, const char *module, size_t module_length,
                    const char *path, size_t path_length,
                    struct fmt_jimage_entry *ret_entry) ST_MUST_CHECK;

/* The module that has a package ("java/lang") with classes in it; the image's string. NULL: none.
 */
const char *fmt_jimage_module_of(const struct fmt_jimage *image, const char *package,
                                 size_t length);

/* The resource at a place of the table, for walking: place < image->places. Results as of find;
 * -ST_ENOENT: the place is free. */
int fmt_jimage_at(const struct fmt_jimage *image, uint32_t place,
                  struct fmt_jimage_entry *ret_entry) ST_MUST_CHECK;
