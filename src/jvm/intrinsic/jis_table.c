/* Which leaf is whose. Looked for once a method, at its first call. */
#include "jvm/intrinsic/jis.h"

#include <string.h>

#include "base/assert.h"
#include "jvm/intrinsic/jis_priv.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_symbol.h"

static const struct {
    const char *class, *name, *descriptor;
} rows[] = {
#define JIS_LEAF(id, class, name, descriptor) {class, name, descriptor},
#include "jvm/intrinsic/jis_leaves.def"
#undef JIS_LEAF
};

jrt_leaf_t *const jis_leaves[] = {
    NULL,
#define JIS_LEAF(id, class, name, descriptor) jis_##id,
#include "jvm/intrinsic/jis_leaves.def"
#undef JIS_LEAF
};

/* Which first letters and lengths names of rows have: most methods end here. */
static unsigned filter_of(const char *name, size_t length)
{
    return ((unsigned char)name[0] + 31 * (unsigned)length) % 256;
}

static bool may_be(const char *name)
{
    static uint8_t filter[256]; /* the same whoever fills it in */
    static bool filled;
    if (!__atomic_load_n(&filled, __ATOMIC_ACQUIRE)) {
        for (unsigned i = 0; i < ST_COUNT(rows); i++) {
            __atomic_store_n(&filter[filter_of(rows[i].name, strlen(rows[i].name))], 1,
                             __ATOMIC_RELAXED);
        }
        __atomic_store_n(&filled, true, __ATOMIC_RELEASE);
    }
    return __atomic_load_n(&filter[filter_of(name, strlen(name))], __ATOMIC_RELAXED) != 0;
}

uint16_t jis_find(const struct jrt_method *method)
{
    const struct jrt_class *class = jrt_class_at(method->class_at);
    if (class->loader != jrt_known.boot_loader) {
        return 0;
    }
    const char *class_name = jrt_text(class->name);
    const char *name = jrt_text(method->name);
    if (!may_be(name)) {
        return 0;
    }
    for (size_t i = 0; i < ST_COUNT(rows); i++) {
        if (strcmp(rows[i].name, name) == 0 && strcmp(rows[i].class, class_name) == 0 &&
            strcmp(rows[i].descriptor, jrt_text(method->descriptor)) == 0) {
            return (uint16_t)(i + 1);
        }
    }
    return 0;
}

static uint32_t look_for(const struct jis_field *field, const struct jrt_class *class)
{
    for (;; class = jrt_class_at(class->super)) {
        const struct jrt_field *fields = job_at(class->fields);
        for (uint32_t i = 0; i < class->field_count; i++) {
            if (strcmp(jrt_text(fields[i].name), field->name) == 0 &&
                strcmp(jrt_text(fields[i].descriptor), field->descriptor) == 0) {
                return fields[i].offset;
            }
        }
        if (class->super == 0) {
            return 0;
        }
    }
}

uint32_t jis_offset(struct jis_field *field, const struct job_object *object)
{
    uint64_t found = __atomic_load_n(&field->found, __ATOMIC_RELAXED);
    if ((uint32_t)(found >> 32) == object->class_at) {
        return (uint32_t)found;
    }
    uint32_t offset = look_for(field, jrt_class_of(object));
    __atomic_store_n(&field->found, (uint64_t)object->class_at << 32 | offset, __ATOMIC_RELAXED);
    return offset;
}

struct job_object *jis_referred(struct jis_field *field, const struct job_object *object)
{
    uint32_t offset = jis_offset(field, object);
    return offset != 0 ? job_from_ref(*(const jref_t *)job_field(object, offset)) : NULL;
}
