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

/* Whether code of `from` may use public classes of the package of `to`: its module is read, and
 * exports the package. */
enum jrt_module_access { JRT_ACCESS_OK, JRT_ACCESS_NOT_READ, JRT_ACCESS_NOT_EXPORTED };
enum jrt_module_access jrt_module_access(const struct jrt_class *from, const struct jrt_class *to);

/* Calls visit for each package of the boot loader that has classes, with where they come from
 * ("jrt:/java.base", a jar's path); under the loaders' lock. */
void jrt_boot_packages_each(void (*visit)(const char *name, const char *location, void *argument),
                            void *argument);
