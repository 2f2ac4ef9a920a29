/*
 * Modules and run-time packages as the machine sees them (JVMS 17 5.3.6), for its own access
 * checks. They live as long as their loader. All changes under the loaders' lock.
 */
#pragma once

#include "jvm/runtime/jrt_class.h"

/* A list of modules, grown by doubling. */
struct jrt_module_set {
    uint32_t count, room;
    job_offset_t modules; /* job_offset_t[room] of struct jrt_module */
};

struct jrt_module {
    job_offset_t name;    /* [I] symbol, dots; 0: unnamed */
    job_offset_t version; /* [I] symbol, 0: none */
    job_offset_t location;
    job_offset_t loader; /* [I] struct jrt_loader */
    jref_t object;       /* java.lang.Module, kept alive by its loader or, of the boot loader's, by
                            the machine; 0: not made yet */
    bool open;
    bool reads_unnamed; /* of every loader */
    struct jrt_module_set reads;
    job_offset_t next; /* in its loader's list */
};

struct jrt_package {
    job_offset_t name;   /* [I] symbol, slashes; the unnamed package: the empty text's */
    job_offset_t loader; /* [I] */
    job_offset_t module; /* [a] struct jrt_module; 0: java.base is not defined yet */
    job_offset_t source; /* [I] of boot packages: symbol of what JVM_GetSystemPackage tells; 0 */
    bool exported;       /* [a] to all modules */
    bool exported_unnamed;
    bool has_classes; /* [l] */
    struct jrt_module_set exports;
};

static inline struct jrt_module *jrt_module_at(job_offset_t offset)
{
    return (struct jrt_module *)job_at(offset);
}
static inline struct jrt_package *jrt_package_at(job_offset_t offset)
{
    return (struct jrt_package *)job_at(offset);
}

static inline bool jrt_same_package(const struct jrt_class *one, const struct jrt_class *other)
{
    return one->package == other->package;
}

/* Whether code of `from` may use public classes of package `to`'s module: readable and exported.
 * *ret_why (NULL allowed) is NULL, or a format of HotSpot's message in which the first %s stands
 * for the module that reads, the second for ... see jrt_access.c. */
enum jrt_module_access { JRT_ACCESS_OK, JRT_ACCESS_NOT_READ, JRT_ACCESS_NOT_EXPORTED };
enum jrt_module_access jrt_module_access(const struct jrt_class *from, const struct jrt_class *to);

/* "module java.base" or "unnamed module of loader 'app'", and the class's place as error messages
 * tell it ("java.lang.String is in module java.base of loader 'bootstrap'"). Return text. */
const char *jrt_module_text(const struct jrt_class *class, char *text, uint32_t size);
