/* The attributes of a class (JVMS 17 4.7). */
#include "base/err.h"
#include "jvm/classfile/jcf_parse_priv.h"

enum {
    MAJOR_ANNOTATIONS = 49,
    MAJOR_BOOTSTRAP = 51,
    MAJOR_NESTS = 55,
    MAJOR_RECORDS = 60,
    MAJOR_SEALED = 61,
};

/* What is met on the way and looked into at the end, as HotSpot does. */
struct late {
    struct jcf_seen seen;
    struct jcf_attribute inner_classes, nest_members, permitted, record;
};

/* ---- InnerClasses (4.7.6) ---- */

static int check_inner_class(struct jcf_parser *p, struct jcf_inner_class entry)
{
    if (!jcf_is_tag(p, entry.inner, JCF_TAG_CLASS)) {
        return jcf_reject(p, "inner_class_info_index %u has bad constant type in class file %.*s",
                          entry.inner, JCF_NAME(p));
    }
    if (entry.outer != 0 && !jcf_is_tag(p, entry.outer, JCF_TAG_CLASS)) {
        return jcf_reject(p, "outer_class_info_index %u has bad constant type in class file %.*s",
                          entry.outer, JCF_NAME(p));
    }
    if (entry.outer != 0) {
        struct jcf_text outer = jcf_named(p->class, entry.outer);
        if (outer.length > 0 && outer.data[0] == '[') {
            return jcf_reject(p, "Outer class is an array class in class file %.*s", JCF_NAME(p));
        }
    }
    if (entry.name != 0 && !jcf_is_tag(p, entry.name, JCF_TAG_UTF8)) {
        return jcf_reject(p, "inner_name_index %u has bad constant type in class file %.*s",
                          entry.name, JCF_NAME(p));
    }
    if (p->check && entry.inner == entry.outer) {
        return jcf_reject(p, "Class is both outer and inner class in class file %.*s", JCF_NAME(p));
    }
    uint16_t known = JCF_ACC_OF_CLASS | JCF_ACC_PRIVATE | JCF_ACC_PROTECTED | JCF_ACC_STATIC;
    return jcf_check_class_flags(p, jcf_class_flags(p, entry.flags, known));
}

/* Whether the outer classes, entry by entry, lead back to entry `from`. */
static bool is_circular(const struct jcf_class *class, uint32_t from, uint32_t count)
{
    uint16_t start = jcf_inner_class_at(class, from).inner;
    uint16_t outer = jcf_inner_class_at(class, from).outer;
    for (uint32_t steps = 0; outer != 0 && steps <= count; steps++) {
        if (outer == start) {
            return true;
        }
        uint16_t next = 0;
        for (uint32_t i = 0; i < count && next == 0; i++) {
            struct jcf_inner_class entry = jcf_inner_class_at(class, i);
            next = entry.inner == outer ? entry.outer : 0;
        }
        outer = next;
    }
    return false;
}

static int check_inner_classes(struct jcf_parser *p, uint32_t count)
{
    enum { COMPARED = 1000 }; /* of a larger table entries are not compared with one another */
    bool circular = false;
    for (uint32_t i = 0; i < count && count <= COMPARED; i++) {
        const uint8_t *a = p->bytes + p->class->inner_classes.at + i * 8;
        circular = circular || is_circular(p->class, i, count);
        for (uint32_t j = i + 1; j < count && p->major >= MAJOR_ANNOTATIONS; j++) {
            const uint8_t *b = a + (j - i) * 8;
            if (jcf_u4(a) == jcf_u4(b) && jcf_u4(a + 4) == jcf_u4(b + 4)) {
                return jcf_reject(p, "Duplicate entry in InnerClasses attribute in class file %.*s",
                                  JCF_NAME(p));
            }
        }
    }
    if (circular) { /* then the attribute does not count */
        p->class->inner_classes = (struct jcf_range){0, 0};
    }
    return 0;
}

static int parse_inner_classes(struct jcf_parser *p, const struct jcf_attribute *attribute)
{
    p->at = attribute->at;
    JCF_TRY(jcf_need(p, 2));
    uint32_t count = jcf_take_u2(p);
    JCF_TRY(jcf_need(p, count * 8));
    p->class->inner_classes = (struct jcf_range){p->at, count * 8};
    p->class->has_inner_classes = true;
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(check_inner_class(p, jcf_inner_class_at(p->class, i)));
    }
    if (p->check) {
        JCF_TRY(check_inner_classes(p, count));
    }
    if (attribute->length != 2 + count * 8 && (p->check && p->major >= MAJOR_ANNOTATIONS)) {
        return jcf_reject(p, "Wrong InnerClasses attribute length in class file %.*s", JCF_NAME(p));
    }
    return 0;
}

/* ---- lists of classes: NestMembers (4.7.29), PermittedSubclasses (4.7.31) ---- */

static int parse_class_list(struct jcf_parser *p, const struct jcf_attribute *attribute,
                            const char *what, const char *name, struct jcf_range *ret_range)
{
    p->at = attribute->at;
    JCF_TRY(jcf_need(p, 2));
    uint32_t count = jcf_take_u2(p);
    JCF_TRY(jcf_need(p, count * 2));
    *ret_range = (struct jcf_range){p->at, count * 2};
    for (uint32_t i = 0; i < count; i++) {
        uint16_t index = jcf_take_u2(p);
        if (!jcf_is_tag(p, index, JCF_TAG_CLASS)) {
            return jcf_reject(p, "%s class_info_index %u has bad constant type in class file %.*s",
                              what, index, JCF_NAME(p));
        }
    }
    if (attribute->length != 2 + count * 2) {
        return jcf_reject(p, "Wrong %s attribute length in class file %.*s", name, JCF_NAME(p));
    }
    return 0;
}

/* ---- Record (4.7.30) ---- */

static int parse_component(struct jcf_parser *p, struct jcf_component *component)
{
    JCF_TRY(jcf_need(p, 6));
    component->name = jcf_take_u2(p);
    if (!jcf_is_tag(p, component->name, JCF_TAG_UTF8)) {
        return jcf_reject(
            p, "Invalid constant pool index %u for name in Record attribute in class file %.*s",
            component->name, JCF_NAME(p));
    }
    struct jcf_text name = jcf_text_at(p, component->name);
    JCF_TRY(jcf_check_field_name(p, name));
    component->descriptor = jcf_take_u2(p);
    if (!jcf_is_tag(p, component->descriptor, JCF_TAG_UTF8)) {
        return jcf_reject(
            p,
            "Invalid constant pool index %u for descriptor in Record attribute in class file %.*s",
            component->descriptor, JCF_NAME(p));
    }
    JCF_TRY(jcf_check_field_descriptor(p, name, jcf_text_at(p, component->descriptor)));
    struct jcf_seen seen = {0};
    for (uint32_t left = jcf_take_u2(p); left > 0; left--) {
        struct jcf_attribute attribute;
        JCF_TRY(jcf_attribute_head(p, "Invalid Record attribute name index", &attribute));
        if (attribute.kind == JCF_ATTRIBUTE_SIGNATURE) {
            if (component->signature != 0) {
                return jcf_reject(
                    p, "Multiple Signature attributes for Record component in class file %.*s",
                    JCF_NAME(p));
            }
            if (attribute.length != 2) {
                return jcf_reject(
                    p,
                    "Invalid Signature attribute length %u in Record component in class file %.*s",
                    attribute.length, JCF_NAME(p));
            }
            JCF_TRY(jcf_parse_signature(p, &component->signature));
        } else {
            JCF_TRY(jcf_parse_annotations(p, &attribute, &seen, " for Record component",
                                          &component->annotations));
        }
        JCF_TRY(jcf_attribute_skip(p, &attribute));
    }
    return 0;
}

static int parse_record(struct jcf_parser *p, const struct jcf_attribute *attribute)
{
    p->at = attribute->at;
    JCF_TRY(jcf_need(p, 2));
    uint16_t count = jcf_take_u2(p);
    JCF_TRY(jcf_need(p, 6u * count));
    struct jcf_component *components = st_arena_array(p->arena, struct jcf_component, count);
    if (components == NULL) {
        return jcf_fail_memory(p->error);
    }
    p->class->is_record = true;
    p->class->component_count = count;
    p->class->components = components;
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(parse_component(p, &components[i]));
    }
    if (p->at - attribute->at != attribute->length) {
        return jcf_reject(p, "Record attribute has wrong length in class file %.*s", JCF_NAME(p));
    }
    return 0;
}

/* ---- BootstrapMethods (4.7.23) ---- */

static bool is_loadable(const struct jcf_parser *p, uint16_t index)
{
    if (index == 0 || index >= p->class->constant_count) {
        return false;
    }
    uint8_t tag = p->tags[index];
    return (tag >= JCF_TAG_INTEGER && tag <= JCF_TAG_STRING) || tag == JCF_TAG_METHOD_HANDLE ||
           tag == JCF_TAG_METHOD_TYPE || tag == JCF_TAG_DYNAMIC;
}

static int parse_bootstrap(struct jcf_parser *p, struct jcf_bootstrap *to)
{
    JCF_TRY(jcf_need(p, 4));
    to->handle = jcf_take_u2(p);
    to->count = jcf_take_u2(p);
    to->arguments = p->at;
    if (!jcf_is_tag(p, to->handle, JCF_TAG_METHOD_HANDLE)) {
        return jcf_reject(p, "bootstrap_method_index %u has bad constant type in class file %.*s",
                          to->handle, JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 2u * to->count));
    for (uint32_t i = 0; i < to->count; i++) {
        uint16_t index = jcf_take_u2(p);
        if (!is_loadable(p, index)) {
            return jcf_reject(p, "argument_index %u has bad constant type in class file %.*s",
                              index, JCF_NAME(p));
        }
    }
    return 0;
}

static int parse_bootstraps(struct jcf_parser *p, const struct jcf_attribute *attribute)
{
    if (attribute->length < 2) {
        return jcf_reject(p, "Invalid BootstrapMethods attribute length %u in class file %.*s",
                          attribute->length, JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, attribute->length));
    uint32_t end = p->at + attribute->length;
    uint16_t count = jcf_take_u2(p);
    if (count <= p->max_bootstrap) {
        return jcf_reject(p, "Short length on BootstrapMethods in class file %.*s", JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 4u * count));
    struct jcf_bootstrap *to = st_arena_array(p->arena, struct jcf_bootstrap, count);
    if (to == NULL) {
        return jcf_fail_memory(p->error);
    }
    p->class->bootstrap_count = count;
    p->class->bootstrap_methods = to;
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(parse_bootstrap(p, &to[i]));
    }
    if (p->at != end) {
        return jcf_reject(p, "Bad length on BootstrapMethods in class file %.*s", JCF_NAME(p));
    }
    return 0;
}

/* ---- those with one number in them ---- */

static int parse_source_file(struct jcf_parser *p, const struct jcf_attribute *attribute)
{
    if (attribute->length != 2) {
        return jcf_reject(p, "Wrong SourceFile attribute length in class file %.*s", JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 2));
    uint16_t index = jcf_take_u2(p);
    if (!jcf_is_tag(p, index, JCF_TAG_UTF8)) {
        return jcf_reject(
            p, "Invalid SourceFile attribute at constant pool index %u in class file %.*s", index,
            JCF_NAME(p));
    }
    p->class->source_file = index;
    return 0;
}

static int parse_class_signature(struct jcf_parser *p, const struct jcf_attribute *attribute)
{
    if (attribute->length != 2) {
        return jcf_reject(p, "Wrong Signature attribute length %u in class file %.*s",
                          attribute->length, JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 2));
    uint16_t index = jcf_take_u2(p);
    if (!jcf_is_tag(p, index, JCF_TAG_UTF8)) {
        return jcf_reject(
            p, "Invalid constant pool index %u in Signature attribute in class file %.*s", index,
            JCF_NAME(p));
    }
    p->class->signature = index;
    return 0;
}

static int parse_enclosing_method(struct jcf_parser *p, const struct jcf_attribute *attribute)
{
    if (attribute->length != 4) {
        return jcf_reject(p, "Wrong EnclosingMethod attribute length %u in class file %.*s",
                          attribute->length, JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 4));
    uint16_t class = jcf_take_u2(p);
    uint16_t method = jcf_take_u2(p);
    if (class == 0) {
        return jcf_reject(p, "Invalid class index in EnclosingMethod attribute in class file %.*s",
                          JCF_NAME(p));
    }
    bool class_bad = !jcf_is_tag(p, class, JCF_TAG_CLASS);
    if (class_bad || (method != 0 && !jcf_is_tag(p, method, JCF_TAG_NAME_AND_TYPE))) {
        return jcf_reject(
            p, "Invalid or out-of-bounds %s index in EnclosingMethod attribute in class file %.*s",
            class_bad ? "class" : "method", JCF_NAME(p));
    }
    p->class->enclosing_class = class;
    p->class->enclosing_method = method;
    return 0;
}

static int parse_nest_host(struct jcf_parser *p, const struct jcf_attribute *attribute)
{
    if (attribute->length != 2) {
        return jcf_reject(p, "Wrong NestHost attribute length in class file %.*s", JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 2));
    uint16_t index = jcf_take_u2(p);
    if (!jcf_is_tag(p, index, JCF_TAG_CLASS)) {
        return jcf_reject(p,
                          "Nest-host class_info_index %u has bad constant type in class file %.*s",
                          index, JCF_NAME(p));
    }
    p->class->nest_host = index;
    return 0;
}

/* ---- all of them ---- */

/* The first version that knows the attribute; before it is one like any unknown. */
static unsigned since(enum jcf_attribute_kind kind)
{
    switch (kind) {
    case JCF_ATTRIBUTE_SOURCE_FILE:
    case JCF_ATTRIBUTE_SOURCE_DEBUG:
    case JCF_ATTRIBUTE_INNER_CLASSES:
    case JCF_ATTRIBUTE_SYNTHETIC:
    case JCF_ATTRIBUTE_DEPRECATED:
        return JCF_MAJOR_MIN;
    case JCF_ATTRIBUTE_BOOTSTRAP_METHODS:
        return MAJOR_BOOTSTRAP;
    case JCF_ATTRIBUTE_NEST_HOST:
    case JCF_ATTRIBUTE_NEST_MEMBERS:
        return MAJOR_NESTS;
    case JCF_ATTRIBUTE_RECORD:
        return MAJOR_RECORDS;
    case JCF_ATTRIBUTE_PERMITTED:
        return MAJOR_SEALED;
    default:
        return MAJOR_ANNOTATIONS;
    }
}

/* The name of a kind that a class has once, for the message; NULL: of another sort. */
static const char *once_name(enum jcf_attribute_kind kind)
{
    switch (kind) {
    case JCF_ATTRIBUTE_SOURCE_FILE:
        return "SourceFile";
    case JCF_ATTRIBUTE_SOURCE_DEBUG:
        return "SourceDebugExtension";
    case JCF_ATTRIBUTE_INNER_CLASSES:
        return "InnerClasses";
    case JCF_ATTRIBUTE_SIGNATURE:
        return "Signature";
    case JCF_ATTRIBUTE_ENCLOSING_METHOD:
        return "EnclosingMethod";
    case JCF_ATTRIBUTE_BOOTSTRAP_METHODS:
        return "BootstrapMethods";
    case JCF_ATTRIBUTE_NEST_MEMBERS:
        return "NestMembers";
    case JCF_ATTRIBUTE_NEST_HOST:
        return "NestHost";
    case JCF_ATTRIBUTE_RECORD:
        return "Record";
    case JCF_ATTRIBUTE_PERMITTED:
        return "PermittedSubclasses";
    default:
        return NULL;
    }
}

static int check_conflict(struct jcf_parser *p, const struct late *late,
                          enum jcf_attribute_kind kind)
{
    uint32_t host = UINT32_C(1) << JCF_ATTRIBUTE_NEST_HOST;
    uint32_t members = UINT32_C(1) << JCF_ATTRIBUTE_NEST_MEMBERS;
    bool both = (late->seen.kinds & (host | members)) == (host | members);
    if (both && kind == JCF_ATTRIBUTE_NEST_MEMBERS) {
        return jcf_reject(p, "Conflicting NestHost and NestMembers attributes in class file %.*s",
                          JCF_NAME(p));
    }
    if (both && kind == JCF_ATTRIBUTE_NEST_HOST) {
        return jcf_reject(p, "Conflicting NestMembers and NestHost attributes in class file %.*s",
                          JCF_NAME(p));
    }
    if (kind == JCF_ATTRIBUTE_PERMITTED && (p->class->flags & JCF_ACC_FINAL) != 0) {
        return jcf_reject(p, "PermittedSubclasses attribute in final class file %.*s", JCF_NAME(p));
    }
    return 0;
}

static int parse_attribute(struct jcf_parser *p, const struct jcf_attribute *attribute,
                           struct late *late)
{
    bool is_deprecated = attribute->kind == JCF_ATTRIBUTE_DEPRECATED;
    const char *name = once_name(attribute->kind);
    if (name != NULL) {
        if (jcf_seen_twice(&late->seen, attribute->kind)) {
            return jcf_reject(p, "Multiple %s attributes in class file %.*s", name, JCF_NAME(p));
        }
        JCF_TRY(check_conflict(p, late, attribute->kind));
    }
    switch (attribute->kind) {
    case JCF_ATTRIBUTE_SOURCE_FILE:
        return parse_source_file(p, attribute);
    case JCF_ATTRIBUTE_SOURCE_DEBUG:
        p->class->source_debug = (struct jcf_range){attribute->at, attribute->length};
        return 0;
    case JCF_ATTRIBUTE_SIGNATURE:
        return parse_class_signature(p, attribute);
    case JCF_ATTRIBUTE_ENCLOSING_METHOD:
        return parse_enclosing_method(p, attribute);
    case JCF_ATTRIBUTE_BOOTSTRAP_METHODS:
        return parse_bootstraps(p, attribute);
    case JCF_ATTRIBUTE_NEST_HOST:
        return parse_nest_host(p, attribute);
    case JCF_ATTRIBUTE_INNER_CLASSES:
        late->inner_classes = *attribute;
        return 0;
    case JCF_ATTRIBUTE_NEST_MEMBERS:
        late->nest_members = *attribute;
        return 0;
    case JCF_ATTRIBUTE_PERMITTED:
        late->permitted = *attribute;
        return 0;
    case JCF_ATTRIBUTE_RECORD:
        late->record = *attribute;
        return 0;
    case JCF_ATTRIBUTE_SYNTHETIC:
    case JCF_ATTRIBUTE_DEPRECATED:
        if (attribute->length != 0) {
            return jcf_reject(p, "Invalid %s classfile attribute length %u in class file %.*s",
                              is_deprecated ? "Deprecated" : "Synthetic", attribute->length,
                              JCF_NAME(p));
        }
        p->class->marks |= is_deprecated ? JCF_MARK_DEPRECATED : JCF_MARK_SYNTHETIC;
        return 0;
    default:
        return jcf_parse_annotations(p, attribute, &late->seen, "", &p->class->annotations);
    }
}

static int parse_late(struct jcf_parser *p, struct late *late)
{
    if (late->inner_classes.at != 0) {
        JCF_TRY(parse_inner_classes(p, &late->inner_classes));
    }
    if (late->nest_members.at != 0) {
        p->class->has_nest_members = true;
        JCF_TRY(parse_class_list(p, &late->nest_members, "Nest member", "NestMembers",
                                 &p->class->nest_members));
    }
    if (late->record.at != 0) {
        JCF_TRY(parse_record(p, &late->record));
    }
    if (late->permitted.at != 0) {
        p->class->is_sealed = true;
        JCF_TRY(parse_class_list(p, &late->permitted, "Permitted subclass", "PermittedSubclasses",
                                 &p->class->permitted_subclasses));
    }
    if (p->max_bootstrap >= 0 && p->class->bootstrap_methods == NULL) {
        return jcf_reject(p, "Missing BootstrapMethods attribute in class file %.*s", JCF_NAME(p));
    }
    return 0;
}

int jcf_parse_class_attributes(struct jcf_parser *p)
{
    struct late late = {0};
    JCF_TRY(jcf_need(p, 2));
    for (uint32_t left = jcf_take_u2(p); left > 0; left--) {
        struct jcf_attribute attribute;
        JCF_TRY(jcf_attribute_head(p, "Attribute name has bad constant pool index", &attribute));
        if (p->major >= since(attribute.kind)) {
            JCF_TRY(parse_attribute(p, &attribute, &late));
        }
        JCF_TRY(jcf_attribute_skip(p, &attribute));
    }
    uint32_t end = p->at;
    JCF_TRY(parse_late(p, &late));
    p->at = end;
    if (p->config->vm_annotations && p->class->annotations.visible.length > 0) {
        p->class->marks |=
            jcf_annotation_marks(p, p->class->annotations.visible, JCF_ANNOTATED_CLASS);
    }
    return 0;
}
