/*
 * What is kept of a parsed class file beside the class itself: the parsed class without its arrays,
 * and of each member the ranges that it has, one after the other. Most members have one or none.
 */
#include "jvm/runtime/jrt_file.h"

#include <string.h>

#include "jvm/classfile/jcf_parse.h"
#include "jvm/runtime/jrt_define_priv.h"
#include "jvm/runtime/jrt_meta.h"
#include "jvm/runtime/jrt_pool.h"

struct jrt_class_file {
    struct jcf_class class; /* every pointer NULL */
    job_offset_t bootstraps, components;
};

/* A method's ranges, in the order of their bits in `present`. */
enum {
    CODE_ATTRIBUTES,
    STACK_MAP,
    EXCEPTIONS,
    PARAMETERS,
    PARAMETER_ANNOTATIONS,
    ANNOTATION_DEFAULT,
    VISIBLE,
    VISIBLE_TYPES,
    RANGE_COUNT
};

struct jrt_method_file {
    uint16_t name, descriptor, signature, marks;
    uint16_t line_tables;
    uint8_t present; /* a bit for each of the ranges */
    bool has_parameters : 1;
    bool has_local_variables : 1;
    uint32_t handlers_at;
    struct jcf_range ranges[];
};

struct jrt_field_file {
    uint16_t name, descriptor, signature, marks;
    struct jcf_annotations annotations;
};

static const struct jcf_range *range_of(const struct jcf_method *method, uint32_t which)
{
    const struct jcf_range *const ranges[RANGE_COUNT] = {&method->code_attributes,
                                                         &method->stack_map,
                                                         &method->exceptions,
                                                         &method->parameters,
                                                         &method->parameter_annotations,
                                                         &method->annotation_default,
                                                         &method->annotations.visible,
                                                         &method->annotations.visible_types};
    return ranges[which];
}

bool jrt_keep_method_file(struct jrt_method *method, const struct jcf_method *from)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < RANGE_COUNT; i++) {
        count += range_of(from, i)->length != 0;
    }
    struct jrt_method_file *file = jrt_class_meta(jrt_class_at(method->class_at), JOB_META_READ,
                                                  sizeof(*file) + count * sizeof(file->ranges[0]));
    if (!file) {
        return false;
    }
    file->name = from->name;
    file->descriptor = from->descriptor;
    file->signature = from->signature;
    file->marks = from->marks;
    file->line_tables = from->line_tables;
    file->has_parameters = from->has_parameters;
    file->has_local_variables = from->has_local_variables;
    file->handlers_at = from->handlers.at;
    count = 0;
    for (uint32_t i = 0; i < RANGE_COUNT; i++) {
        if (range_of(from, i)->length) {
            file->present |= (uint8_t)(1 << i);
            file->ranges[count++] = *range_of(from, i);
        }
    }
    method->file = job_offset(file);
    return true;
}

void jrt_method_attributes(const struct jrt_method *method, struct jcf_method *ret_attributes)
{
    *ret_attributes = (struct jcf_method){0};
    if (!method->file) {
        return;
    }
    const struct jrt_method_file *file = job_at(method->file);
    const struct jrt_class *class = jrt_class_at(method->class_at);
    ret_attributes->flags = method->access;
    ret_attributes->name = file->name;
    ret_attributes->descriptor = file->descriptor;
    ret_attributes->signature = file->signature;
    ret_attributes->marks = file->marks;
    ret_attributes->argument_slots = method->arg_slots;
    ret_attributes->max_stack = method->max_stack;
    ret_attributes->max_locals = method->max_locals;
    if (method->bytecode_length) {
        ret_attributes->code = (struct jcf_range){method->bytecode - jrt_pool_of(class)->bytes,
                                                  method->bytecode_length};
    }
    ret_attributes->handlers = (struct jcf_range){file->handlers_at, method->handler_count * 8u};
    ret_attributes->line_tables = file->line_tables;
    ret_attributes->has_parameters = file->has_parameters;
    ret_attributes->has_local_variables = file->has_local_variables;
    uint32_t count = 0;
    for (uint32_t i = 0; i < RANGE_COUNT; i++) {
        if (file->present & 1 << i) {
            *(struct jcf_range *)range_of(ret_attributes, i) = file->ranges[count++];
        }
    }
}

bool jrt_keep_field_file(struct jrt_field *field, const struct jcf_field *from)
{
    struct jrt_field_file *file =
        jrt_class_meta(jrt_class_at(field->class_at), JOB_META_READ, sizeof(*file));
    if (!file) {
        return false;
    }
    *file = (struct jrt_field_file){from->name, from->descriptor, from->signature, from->marks,
                                    from->annotations};
    field->file = job_offset(file);
    return true;
}

void jrt_field_attributes(const struct jrt_field *field, struct jcf_field *ret_attributes)
{
    const struct jrt_field_file *file = job_at(field->file);
    *ret_attributes = (struct jcf_field){.flags = field->access,
                                         .name = file->name,
                                         .descriptor = file->descriptor,
                                         .signature = file->signature,
                                         .constant = field->constant_index,
                                         .marks = file->marks,
                                         .annotations = file->annotations};
}

/* A copy in the metadata; an empty one is offset 0. */
static bool keep(struct jrt_class *class, const void *from, size_t size, job_offset_t *ret_at)
{
    if (!size) {
        return true;
    }
    void *copy = jrt_class_meta(class, JOB_META_READ, size);
    if (copy) {
        memcpy(copy, from, size);
        *ret_at = job_offset(copy);
    }
    return copy != NULL;
}

bool jrt_keep_class_file(struct jrt_building *b)
{
    struct jrt_class_file *file = jrt_class_meta(b->class, JOB_META_READ, sizeof(*file));
    if (!file) {
        return false;
    }
    const struct jcf_class *from = &b->file;
    file->class = *from;
    file->class.bytes = NULL;
    file->class.tags = NULL;
    file->class.constants = NULL;
    file->class.interfaces = NULL;
    file->class.fields = NULL;
    file->class.methods = NULL;
    file->class.bootstrap_methods = NULL;
    file->class.components = NULL;
    b->class->file = job_offset(file);
    return keep(b->class, from->bootstrap_methods,
                from->bootstrap_count * sizeof(*from->bootstrap_methods), &file->bootstraps) &&
           keep(b->class, from->components, from->component_count * sizeof(*from->components),
                &file->components);
}

void jrt_class_attributes(const struct jrt_class *class, struct jcf_class *ret_attributes)
{
    const struct jrt_class_file *file = job_at(class->file);
    *ret_attributes = file->class;
    ret_attributes->bytes = jrt_pool_bytes(jrt_pool_of(class));
    ret_attributes->utf8_at = job_at(jrt_pool_of(class)->values);
    ret_attributes->bootstrap_methods = file->bootstraps ? job_at(file->bootstraps) : NULL;
    ret_attributes->components = file->components ? job_at(file->components) : NULL;
}

int jrt_class_parse(const struct jrt_class *class, struct st_arena *arena,
                    struct jcf_class *ret_class)
{
    const struct jrt_pool *pool = jrt_pool_of(class);
    /* It was accepted once, so the version is. */
    struct jcf_parse_config config = {.trusted = (class->flags & JRT_CLASS_UNVERIFIED) != 0,
                                      .preview = true};
    struct jcf_error error;
    int r = jcf_parse(jrt_pool_bytes(pool), pool->size, &config, arena, ret_class, &error);
    return r < 0 ? -ST_ENOMEM : 0;
}
