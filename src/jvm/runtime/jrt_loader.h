/*
 * Class loaders' data and the definition of classes (JVMS 17 5.3), packages and modules as the
 * machine sees them. IN_VM; NULL or false: an exception is pending.
 */
#pragma once

#include "jvm/runtime/jrt_class.h"
#include "jvm/runtime/jrt_thread.h"

/* The data of a loader object, NULL: the boot loader's; made at its first use. */
struct jrt_loader *jrt_loader_of(struct jrt_thread *thread, struct job_object *loader);
struct job_object *jrt_loader_object(const struct jrt_loader *loader); /* NULL: boot */

/* A class by its name's symbol (java/lang/String, [I, [Ljava/lang/String;) with `loader` as the
 * initiating one: found, or loaded by the loader. Boot: ClassNotFoundException with the name in
 * slashes when there is none; others: what the loader throws. */
struct jrt_class *jrt_load_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                 job_offset_t name) ST_MUST_CHECK;
/* As jrt_load_class, with NoClassDefFoundError instead of ClassNotFoundException: for what code
 * refers to (JVMS 17 5.3), and JNI. */
struct jrt_class *jrt_need_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                 job_offset_t name) ST_MUST_CHECK;
/* Whether the code of a protection domain (NULL: any) may name the class, found by the loader: what
 * ClassLoader.checkPackageAccess says, which is asked once. */
bool jrt_check_package(struct jrt_thread *thread, struct jrt_loader *loader,
                       struct job_object *domain, const struct jrt_class *class) ST_MUST_CHECK;
struct job_object *jrt_protection_domain(const struct jrt_class *class);
/* The class if the loader is known as an initiating one of it; NULL without exception. */
struct jrt_class *jrt_loaded_class(struct jrt_loader *loader, job_offset_t name);
/* From the boot path alone: NULL without an exception if there is none (with one if it is broken).
 */
struct jrt_class *jrt_boot_class(struct jrt_thread *thread, job_offset_t name);

struct jrt_definition {
    const uint8_t *bytes; /* the caller's; copied */
    size_t size;
    job_offset_t name;  /* wanted, 0: any */
    const char *source; /* for -verbose:class; NULL: none */
    struct job_object *protection_domain;
    /* Hidden classes and Lookup.defineClass: */
    struct jrt_class *lookup; /* NULL: an ordinary class */
    bool hidden, nestmate, strong, vm_annotations;
    bool keep_old; /* a class of the name that is there already is the result, not LinkageError */
    struct job_object *class_data;
};
struct jrt_class *jrt_define_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                   const struct jrt_definition *definition) ST_MUST_CHECK;

/* Boot path: what patches its modules, lib/modules, then (once append is allowed, after
 * initPhase2) -Xbootclasspath/a. */
struct jrt_boot_path {
    const char *modules;        /* lib/modules */
    const char *const *patches; /* MODULE=PATH:PATH... */
    const char *const *append;  /* folders and jars */
};
int jrt_boot_init(const struct jrt_boot_path *path, struct st_err *err) ST_MUST_CHECK;
void jrt_boot_allow_append(void);
/* Where lib/modules is mapped, if `path` is that file; else NULL. */
const void *jrt_boot_image(const char *path, size_t *ret_bytes);
/* Loads the known classes, makes mirrors of all classes and primitives. */
bool jrt_boot_classes(struct jrt_thread *thread) ST_MUST_CHECK;

/* Modules (jvm-interface.md 4.3): what the JVM_ functions of that name do. Names in slashes. */
bool jrt_define_module(struct jrt_thread *thread, struct job_object *module, bool open,
                       const char *version, const char *location, const char *const *packages,
                       uint32_t count) ST_MUST_CHECK;
bool jrt_set_boot_unnamed_module(struct jrt_thread *thread,
                                 struct job_object *module) ST_MUST_CHECK;
bool jrt_add_reads(struct jrt_thread *thread, struct job_object *from,
                   struct job_object *to) ST_MUST_CHECK;
enum jrt_export_to { JRT_EXPORT_TO, JRT_EXPORT_TO_ALL, JRT_EXPORT_TO_ALL_UNNAMED };
bool jrt_add_exports(struct jrt_thread *thread, struct job_object *from, const char *package,
                     enum jrt_export_to kind, struct job_object *to) ST_MUST_CHECK;

/* Classes that were unloaded since the start. Any thread. */
uint64_t jrt_unloaded_classes(void);
/* Calls visit for each class that is loaded, under the loaders' lock. */
void jrt_classes_each(void (*visit)(struct jrt_class *class, void *argument), void *argument);
