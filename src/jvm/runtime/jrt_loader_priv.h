/*
 * A class loader's data, seen inside the module only. Lies in the metadata of the machine and is
 * reused when the loader has died.
 *
 * The loaders' lock guards dictionaries, packages, modules, lists of classes and the list of loads
 * in progress. It is a leaf: under it nothing of the heap is allocated, nothing is waited for and
 * no other lock but the symbols' is taken.
 */
#pragma once

#include <pthread.h>

#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_module.h"
#include "jvm/runtime/jrt_table.h"

/* What metadata is taken from: a loader's, or that of one weak hidden class. */
struct jrt_memory {
    struct job_arena arena;
    pthread_mutex_t making; /* held while the arena is used */
    job_offset_t next;      /* [l] in the list of free ones */
};

struct jrt_loader {
    jref_t object;              /* weak: java.lang.ClassLoader; 0: boot */
    uint32_t serial;            /* names it when its object is gone */
    bool platform;              /* trusted with VM annotations and java. packages */
    job_offset_t unnamed;       /* struct jrt_module; 0: not known yet (boot, until it is set) */
    job_offset_t modules;       /* list */
    job_offset_t classes;       /* list of defined ones, newest first */
    struct jrt_memory memory;   /* everything of its classes */
    struct jrt_table known;     /* name -> class, for which it is an initiating loader */
    struct jrt_table packages;  /* name -> struct jrt_package */
    struct jrt_domain *domains; /* [l] jrt_domain.c; in the C heap */
    uint32_t domain_count;      /* [l] */
    job_offset_t next;          /* list of all loaders, or of free ones */
};

extern struct jrt_loader *jrt_boot_loader;
extern pthread_mutex_t jrt_loaders_lock;

static inline struct jrt_loader *jrt_loader_at(job_offset_t offset)
{
    return (struct jrt_loader *)job_at(offset);
}
static inline bool jrt_is_boot(const struct jrt_loader *loader)
{
    return loader == jrt_boot_loader;
}

int jrt_loaders_init(void) ST_MUST_CHECK;

/* The package of that name, made if it is new; NULL: out of memory. Loaders' lock held. */
struct jrt_package *jrt_package_locked(struct jrt_loader *loader, job_offset_t name) ST_MUST_CHECK;
/* The package part of a class name's symbol (of an array: its element's). 0: out of memory. */
job_offset_t jrt_package_name(job_offset_t class_name) ST_MUST_CHECK;

/* Memory of a loader's, under its `making` lock. NULL: OutOfMemoryError (Metaspace) is not
 * thrown yet. */
void *jrt_meta(struct jrt_loader *loader, enum job_meta_kind kind, size_t size) ST_MUST_CHECK;

/* Memory of its own for a weak hidden class, which is given back when nothing is in it or refers to
 * it any more. NULL: out of metadata. */
struct jrt_memory *jrt_memory_new(void) ST_MUST_CHECK;
void jrt_memory_free(struct jrt_memory *memory);

/* Memory for a struct jrt_class, zeroed. NULL: out of metadata. */
struct jrt_class *jrt_class_slot(void) ST_MUST_CHECK;
/* A class was unloaded (world stopped). Its slot may be used again after jrt_slots_again, which
 * says whether it is time to: then caches of calls, which know receivers' classes by their offsets,
 * have to forget them. */
void jrt_class_slot_dead(struct jrt_class *class);
bool jrt_slots_are_due(void);
void jrt_slots_again(void);

/* Makes a class of the bytes. It is not in the dictionary yet. NULL: an exception is pending. */
struct jrt_class *jrt_make_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                 const struct jrt_definition *definition) ST_MUST_CHECK;
/* Its mirror, with statics and ConstantValues; nothing before java.lang.Class is there:
 * jrt_fix_mirrors makes up for it. */
bool jrt_make_mirror(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;
bool jrt_fix_mirrors(struct jrt_thread *thread) ST_MUST_CHECK;
/* jrt_need_class for what a class's code refers to: ClassLoader.checkPackageAccess is asked. */
struct jrt_class *jrt_need_class_for(struct jrt_thread *thread, const struct jrt_class *in,
                                     job_offset_t name) ST_MUST_CHECK;
/* After a collection (world stopped): domains that died; a loader that goes away. */
void jrt_domains_update(struct jrt_loader *loader);
void jrt_domains_forget(struct jrt_loader *loader);
/* What an array class's name says; false: it is none (JVMS 17 4.3.2). */
struct jrt_array_name {
    uint32_t dimensions;
    struct jrt_class *primitive; /* the innermost element's class; NULL: */
    job_offset_t element;        /* its name; 0: no memory */
};
bool jrt_parse_array_name(job_offset_t name, struct jrt_array_name *ret) ST_MUST_CHECK;
/* Primitive types' classes and the arrays of them; before any class is loaded. false: no memory. */
bool jrt_make_primitives(void) ST_MUST_CHECK;
/* Arrays of primitives get what they have of Object, once it is linked. */
void jrt_complete_arrays(void);

/* The class that constraints want the loader to have for the name: the one given where they want no
 * other. Loaders' lock held. */
struct jrt_class *jrt_constrained_locked(const struct jrt_loader *loader, job_offset_t name,
                                         struct jrt_class *class);
/* A loader goes away (world stopped). */
void jrt_constraints_forget(const struct jrt_loader *loader);

/* The bytes of a class of the boot path; jrt_boot.c. */
struct jrt_boot_bytes {
    const uint8_t *bytes;
    size_t size;
    uint8_t *owned;   /* to be freed */
    char source[256]; /* jrt:/java.base, file:/folder/; cut */
};
enum jrt_boot_found { JRT_BOOT_FOUND, JRT_BOOT_NONE, JRT_BOOT_FAILED };
enum jrt_boot_found jrt_boot_find(job_offset_t name, struct jrt_boot_bytes *ret_bytes);
void jrt_boot_done(struct jrt_boot_bytes *bytes);
/* Whether they lie in lib/modules, mapped where an offset reaches it. */
bool jrt_boot_has(const uint8_t *bytes);

/* The metadata's range, when no limit makes it smaller; lib/modules is mapped behind it. */
#define JRT_META_BYTES 0x80000000u
/* The name of the module that has a package of the boot loader's; NULL: none, or before java.base
 * is defined. */
const char *jrt_boot_module_of(job_offset_t package);
