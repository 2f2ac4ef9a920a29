/*
 * What making classes must know of the known ones.
 */
#pragma once

#include "jvm/runtime/jrt_known.h"

/* Symbols of the known classes' names, by enum jrt_known_class, and of other names that the runtime
 * compares with. */
struct jrt_names {
    job_offset_t class[JRT_KNOWN_CLASS_COUNT];
    job_offset_t void_method; /* ()V */
    job_offset_t clone, empty;
    job_offset_t referent, discovered;
};
extern struct jrt_names jrt_names;
int jrt_known_init(void) ST_MUST_CHECK; /* after symbols; makes jrt_names */

enum { JRT_INJECTED_MAX = 8 }; /* of one class */
struct jrt_injection {
    uint32_t *offset; /* in jrt_known */
    char type;
};
/* The injected fields of a class; returns their number. */
uint32_t jrt_injected_of(job_offset_t class_name, struct jrt_injection *ret_injections);

/* Bytes of java.lang.Class without static fields; 0 as long as there are no mirrors, and static
 * fields are laid out from 0. From jrt_mirrors_begin on there are. */
uint32_t jrt_mirror_bytes(void);
void jrt_mirrors_begin(void);

/* Whether the field at that offset is Reference.referent or discovered, which the collector treats
 * itself. */
bool jrt_is_weak_field(const struct jrt_class *class, uint32_t offset);

/* A class of the boot loader was made: if it is a known one, its class, fields and methods are
 * recorded. false: the library lacks one of them. */
bool jrt_known_made(struct jrt_class *class) ST_MUST_CHECK;

/* The number of the intrinsic that a method is, JRT_INTRINSIC_NONE. */
uint16_t jrt_intrinsic_of(job_offset_t class_name, job_offset_t name, job_offset_t descriptor);
/* Whether a class has intrinsics at all. */
bool jrt_has_intrinsics(job_offset_t class_name);
