/*
 * The steps of making a class, shared by jrt_define.c, jrt_supers.c, jrt_file.c, jrt_layout.c.
 */
#pragma once

#include "base/arena.h"
#include "jvm/classfile/jcf_bytecode.h"
#include "jvm/classfile/jcf_code.h"
#include "jvm/classfile/jcf_error.h"
#include "jvm/runtime/jrt_layout.h"
#include "jvm/runtime/jrt_loader_priv.h"

struct jrt_building {
    struct jrt_thread *thread;
    struct jrt_loader *loader;
    struct jrt_memory *memory; /* of the class alone; NULL: its loader's */
    const struct jrt_definition *definition;
    struct st_arena *scratch;
    struct jcf_class file;
    job_offset_t name;
    uint32_t serial;               /* of a hidden class */
    struct jrt_class *super;       /* NULL: Object's */
    struct jrt_class **interfaces; /* the declared ones, in scratch */
    struct jrt_class *class;
};

/* All of them: false with an exception pending, but where the comment says it. */
bool jrt_load_supers(struct jrt_building *building) ST_MUST_CHECK;
/* A superinterface is loaded as soon as the parser has read its name, before the superclass, and
 * must be an interface: jcf_parse's load_interface. */
int jrt_load_interface(void *building, struct jcf_text class_name, struct jcf_text interface);
bool jrt_set_supers(struct jrt_building *building) ST_MUST_CHECK;
/* 0: out of memory, not thrown yet; the next ones likewise. */
job_offset_t jrt_hidden_name(struct jrt_building *building, struct jcf_text name) ST_MUST_CHECK;
bool jrt_set_package(struct jrt_building *building) ST_MUST_CHECK;
bool jrt_keep_class_file(struct jrt_building *building) ST_MUST_CHECK;
bool jrt_keep_method_file(struct jrt_method *method, const struct jcf_method *from) ST_MUST_CHECK;
bool jrt_keep_field_file(struct jrt_field *field, const struct jcf_field *from) ST_MUST_CHECK;
bool jrt_index_methods(struct jrt_class *class) ST_MUST_CHECK;

/* Throws what the parser or a verifier found; false. */
bool jrt_throw_jcf(struct jrt_thread *thread, const struct jcf_error *error);

/* No final method of a superclass is overridden. */
bool jrt_check_overrides(struct jrt_building *building) ST_MUST_CHECK;
/* Depth and superclasses of a class, its own included. */
void jrt_set_display(struct jrt_class *class, const struct jrt_class *super);
/* From 1. */
uint32_t jrt_next_hidden_serial(void);

/* A class whose superclass and interfaces are being loaded by a thread: if it is asked for
 * meanwhile by that thread, it is its own superclass. */
struct jrt_loading {
    const struct jrt_thread *thread;
    const struct jrt_loader *loader;
    job_offset_t name;
    struct jrt_loading *next;
};
/* false: the thread is at it already. */
bool jrt_loading_begin(struct jrt_loading *loading) ST_MUST_CHECK;
void jrt_loading_end(struct jrt_loading *loading);
