/*
 * What the machine knows of the class library, filled in as the boot loader makes its classes.
 */
#include "jvm/runtime/jrt_known.h"

#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_intrinsic.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_symbol.h"

struct jrt_known jrt_known;
struct jrt_names jrt_names;

struct member_row {
    uint16_t class;
    char kind; /* 'F' field, 'S' static one; of injected ones its type; 0 in methods */
    uint16_t place;
    const char *name, *descriptor;
};

#define CLASS_TEXT(name, text) text,
static const char *const class_texts[] = {JRT_KNOWN_CLASSES(CLASS_TEXT, CLASS_TEXT)};

#define FIELD_ROW(class, field, descriptor)                                                        \
    {JRT_##class, 'F', JRT_AT_##class##_##field, #field, descriptor},
#define STATIC_ROW(class, field, descriptor)                                                       \
    {JRT_##class, 'S', JRT_AT_##class##_##field, #field, descriptor},
static const struct member_row field_rows[] = {JRT_KNOWN_FIELDS(FIELD_ROW, STATIC_ROW)};

#define INJECTED_ROW(class, field, type)                                                           \
    {JRT_##class, type, JRT_AT_##class##_##field, #field, NULL},
static const struct member_row injected_rows[] = {JRT_INJECTED_FIELDS(INJECTED_ROW)};

#define METHOD_ROW(id, class, name, descriptor) {JRT_##class, 0, JRT_METHOD_##id, name, descriptor},
static const struct member_row method_rows[] = {JRT_KNOWN_METHODS(METHOD_ROW)};

struct intrinsic_row {
    const char *class, *name, *descriptor;
    job_offset_t symbols[3];
};
#define INTRINSIC_ROW(id, class, name, descriptor) {class, name, descriptor, {0}},
static struct intrinsic_row intrinsic_rows[] = {JRT_INTRINSICS(INTRINSIC_ROW)};
static struct jrt_table intrinsic_classes; /* class name -> 1 + its first row */

static struct jrt_table known_names; /* class name -> 1 + enum jrt_known_class */

static int name_intrinsics(void)
{
    for (uint32_t i = 0; i < ST_COUNT(intrinsic_rows); i++) {
        struct intrinsic_row *row = &intrinsic_rows[i];
        row->symbols[0] = jrt_symbol_of(row->class);
        row->symbols[1] = jrt_symbol_of(row->name);
        row->symbols[2] = row->descriptor ? jrt_symbol_of(row->descriptor) : 0;
        if (!row->symbols[0] || !row->symbols[1] || (row->descriptor && !row->symbols[2])) {
            return -ST_ENOMEM;
        }
        if (!jrt_table_find(&intrinsic_classes, row->symbols[0]) &&
            !jrt_table_put(&intrinsic_classes, row->symbols[0], i + 1)) {
            return -ST_ENOMEM;
        }
    }
    return 0;
}

int jrt_known_init(void)
{
    for (uint32_t i = 0; i < JRT_KNOWN_CLASS_COUNT; i++) {
        jrt_names.class[i] = jrt_symbol_of(class_texts[i]);
        if (!jrt_names.class[i] || !jrt_table_put(&known_names, jrt_names.class[i], i + 1)) {
            return -ST_ENOMEM;
        }
    }
    jrt_known.name_init = jrt_symbol_of("<init>");
    jrt_known.name_clinit = jrt_symbol_of("<clinit>");
    jrt_known.name_invoke = jrt_symbol_of("invoke");
    jrt_known.name_fillInStackTrace = jrt_symbol_of("fillInStackTrace");
    jrt_names.void_method = jrt_symbol_of("()V");
    jrt_names.clone = jrt_symbol_of("clone");
    jrt_names.empty = jrt_symbol_of("");
    jrt_names.referent = jrt_symbol_of("referent");
    jrt_names.discovered = jrt_symbol_of("discovered");
    if (!jrt_known.name_init || !jrt_known.name_invoke || !jrt_known.name_fillInStackTrace ||
        !jrt_known.name_clinit || !jrt_names.void_method || !jrt_names.clone || !jrt_names.empty ||
        !jrt_names.referent || !jrt_names.discovered) {
        return -ST_ENOMEM;
    }
    return name_intrinsics();
}

bool jrt_has_intrinsics(job_offset_t class_name)
{
    return jrt_table_find(&intrinsic_classes, class_name) != 0;
}

uint16_t jrt_intrinsic_of(job_offset_t class_name, job_offset_t name, job_offset_t descriptor)
{
    for (uint32_t i = 0; i < ST_COUNT(intrinsic_rows); i++) {
        const struct intrinsic_row *row = &intrinsic_rows[i];
        if (row->symbols[0] == class_name && row->symbols[1] == name &&
            (!row->descriptor || row->symbols[2] == descriptor)) {
            return (uint16_t)(i + 1); /* the enum begins with none */
        }
    }
    return JRT_INTRINSIC_NONE;
}

uint32_t jrt_injected_of(job_offset_t class_name, struct jrt_injection *ret_injections)
{
    uint32_t count = 0;
    uint32_t which = jrt_table_find(&known_names, class_name);
    if (which) {
        for (uint32_t i = 0; i < ST_COUNT(injected_rows); i++) {
            if (injected_rows[i].class == which - 1 && count < JRT_INJECTED_MAX) {
                ret_injections[count++] = (struct jrt_injection){
                    &jrt_known.field[injected_rows[i].place], injected_rows[i].kind};
            }
        }
    }
    return count;
}

static uint32_t mirror_bytes;

uint32_t jrt_mirror_bytes(void)
{
    return mirror_bytes;
}

void jrt_mirrors_begin(void)
{
    mirror_bytes = jrt_known.class[JRT_Class]->object.instance_bytes;
}

bool jrt_is_weak_field(const struct jrt_class *class, uint32_t offset)
{
    if (class->name != jrt_names.class[JRT_Reference]) {
        return false;
    }
    const struct jrt_field *fields = (const struct jrt_field *)job_at(class->fields);
    for (uint32_t i = 0; i < class->field_count; i++) {
        if (fields[i].offset == offset && !(fields[i].access & JCF_ACC_STATIC)) {
            return fields[i].name == jrt_names.referent || fields[i].name == jrt_names.discovered;
        }
    }
    return false;
}

static bool know_fields(const struct jrt_class *class, uint32_t which)
{
    for (uint32_t i = 0; i < ST_COUNT(field_rows); i++) {
        const struct member_row *row = &field_rows[i];
        if (row->class != which) {
            continue;
        }
        job_offset_t name = jrt_symbol_of(row->name);
        job_offset_t descriptor = jrt_symbol_of(row->descriptor);
        const struct jrt_field *field =
            name && descriptor ? jrt_declared_field(class, name, descriptor) : NULL;
        if (!field || !(field->access & JCF_ACC_STATIC) != (row->kind == 'F')) {
            return false;
        }
        jrt_known.field[row->place] = field->offset;
    }
    return true;
}

static bool know_methods(const struct jrt_class *class, uint32_t which)
{
    for (uint32_t i = 0; i < ST_COUNT(method_rows); i++) {
        const struct member_row *row = &method_rows[i];
        if (row->class != which) {
            continue;
        }
        job_offset_t name = jrt_symbol_of(row->name);
        job_offset_t descriptor = jrt_symbol_of(row->descriptor);
        struct jrt_method *method =
            name && descriptor ? jrt_declared_method(class, name, descriptor) : NULL;
        if (!method) {
            return false;
        }
        jrt_known.method[row->place] = method;
    }
    return true;
}

static void tell_collector(const struct jrt_class *class, uint32_t which)
{
    if (which == JRT_Class) {
        job_layout.mirror_class_at = (uint16_t)JRT_AT(Class, klass);
    } else if (which == JRT_Reference) {
        job_layout.referent_at = (uint16_t)JRT_AT(Reference, referent);
        job_layout.queue_at = (uint16_t)JRT_AT(Reference, queue);
        job_layout.next_at = (uint16_t)JRT_AT(Reference, next);
        job_layout.discovered_at = (uint16_t)JRT_AT(Reference, discovered);
    } else if (which == JRT_SoftReference) {
        job_layout.soft_timestamp_at = (uint16_t)JRT_AT(SoftReference, timestamp);
        job_layout.soft_clock_at = (uint16_t)JRT_AT(SoftReference, clock);
        job_layout.soft_class = job_offset(class);
    }
}

bool jrt_known_made(struct jrt_class *class)
{
    uint32_t which = jrt_table_find(&known_names, class->name);
    if (!which) {
        return true;
    }
    which--;
    if (!know_fields(class, which) || !know_methods(class, which)) {
        return false;
    }
    __atomic_store_n(&jrt_known.class[which], class, __ATOMIC_RELEASE);
    tell_collector(class, which);
    return true;
}
