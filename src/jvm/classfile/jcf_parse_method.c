/* Methods (JVMS 17 4.6) with all their attributes but Code. */
#include "base/err.h"
#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_parse_priv.h"

enum {
    MAJOR_ANNOTATIONS = 49,
    MAJOR_STATIC_CLINIT = 51,
    MAJOR_CONCRETE_INTERFACES = 52,
    MAJOR_NO_STRICT = 61, /* strictfp means nothing any more */
    MAX_ARGUMENT_SLOTS = 255,
};

/* ---- flags ---- */

static bool interface_flags_bad(const struct jcf_parser *p, unsigned flags)
{
    unsigned strict = p->major >= MAJOR_NO_STRICT ? 0 : JCF_ACC_STRICT;
    if (p->major >= MAJOR_CONCRETE_INTERFACES) {
        bool one = ((flags & JCF_ACC_PUBLIC) != 0) != ((flags & JCF_ACC_PRIVATE) != 0);
        unsigned banned = JCF_ACC_NATIVE | JCF_ACC_PROTECTED | JCF_ACC_FINAL | JCF_ACC_SYNCHRONIZED;
        if ((flags & JCF_ACC_ABSTRACT) != 0) {
            banned |= JCF_ACC_PRIVATE | JCF_ACC_STATIC | strict;
        }
        return !one || (flags & banned) != 0;
    }
    unsigned wanted = JCF_ACC_PUBLIC | JCF_ACC_ABSTRACT;
    unsigned banned = JCF_ACC_STATIC | JCF_ACC_FINAL | JCF_ACC_NATIVE;
    if (p->major >= MAJOR_ANNOTATIONS) {
        banned |= JCF_ACC_PRIVATE | JCF_ACC_PROTECTED | JCF_ACC_SYNCHRONIZED | JCF_ACC_STRICT;
    }
    return (flags & (wanted | banned)) != wanted;
}

static bool class_flags_bad(const struct jcf_parser *p, unsigned flags, bool is_init)
{
    unsigned visibility = flags & (JCF_ACC_PUBLIC | JCF_ACC_PRIVATE | JCF_ACC_PROTECTED);
    if ((visibility & (visibility - 1)) != 0) {
        return true;
    }
    bool newer = p->major >= MAJOR_ANNOTATIONS;
    unsigned banned = 0;
    if (is_init) {
        banned = JCF_ACC_STATIC | JCF_ACC_FINAL | JCF_ACC_SYNCHRONIZED | JCF_ACC_NATIVE |
                 JCF_ACC_ABSTRACT | (newer ? (unsigned)JCF_ACC_BRIDGE : 0u);
    } else if ((flags & JCF_ACC_ABSTRACT) != 0) {
        banned = JCF_ACC_FINAL | JCF_ACC_NATIVE | JCF_ACC_PRIVATE | JCF_ACC_STATIC;
        if (newer) {
            banned |= JCF_ACC_SYNCHRONIZED | (p->major >= MAJOR_NO_STRICT ? 0u : JCF_ACC_STRICT);
        }
    }
    return (flags & banned) != 0;
}

/* The flags of a static initializer: only static (and strictfp) count. */
static int clinit_flags(struct jcf_parser *p, unsigned *flags)
{
    if (p->major < MAJOR_STATIC_CLINIT) {
        *flags = JCF_ACC_STATIC;
    } else if ((*flags & JCF_ACC_STATIC) != 0) {
        *flags &= JCF_ACC_STATIC | (p->major >= MAJOR_NO_STRICT ? 0u : JCF_ACC_STRICT);
    } else {
        return jcf_reject(p, "Method <clinit> is not static in class file %.*s", JCF_NAME(p));
    }
    return 0;
}

static int check_flags(struct jcf_parser *p, struct jcf_text name, unsigned *flags)
{
    bool is_interface = (p->class->flags & JCF_ACC_INTERFACE) != 0;
    if (jcf_text_is(name, "<clinit>")) {
        return clinit_flags(p, flags);
    }
    bool is_init = jcf_text_is(name, "<init>");
    if (p->check &&
        (is_interface ? interface_flags_bad(p, *flags) : class_flags_bad(p, *flags, is_init))) {
        return jcf_reject(p, "Method %.*s in class %.*s has illegal modifiers: 0x%X",
                          JCF_TEXT(name), JCF_NAME(p), *flags);
    }
    if (is_init && is_interface) {
        return jcf_reject(p, "Interface cannot have a method named <init>, class file %.*s",
                          JCF_NAME(p));
    }
    return 0;
}

/* ---- attributes ---- */

/* Exceptions (4.7.5). */
static int parse_exceptions(struct jcf_parser *p, const struct jcf_attribute *attribute,
                            struct jcf_seen *seen, struct jcf_method *method)
{
    if (jcf_seen_twice(seen, JCF_ATTRIBUTE_EXCEPTIONS)) {
        return jcf_reject(p, "Multiple Exceptions attributes in class file %.*s", JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 2));
    uint32_t count = jcf_take_u2(p);
    JCF_TRY(jcf_need(p, count * 2));
    method->exceptions = (struct jcf_range){p->at, count * 2};
    for (uint32_t i = 0; i < count; i++) {
        uint16_t index = jcf_take_u2(p);
        if (!jcf_is_tag(p, index, JCF_TAG_CLASS)) {
            return jcf_reject(p,
                              "Exception name has bad type at constant pool %u in class file %.*s",
                              index, JCF_NAME(p));
        }
    }
    if (attribute->length != 2 + count * 2) {
        return jcf_reject(p, "Exceptions attribute has wrong length in class file %.*s",
                          JCF_NAME(p));
    }
    return 0;
}

/* MethodParameters (4.7.24); names are checked by who asks for them, as in HotSpot. */
static int parse_parameters(struct jcf_parser *p, const struct jcf_attribute *attribute,
                            struct jcf_method *method)
{
    if (method->has_parameters) {
        return jcf_reject(p, "Multiple MethodParameters attributes in class file %.*s",
                          JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, 1));
    uint32_t count = p->bytes[p->at++];
    if (attribute->length != 1 + count * 4) {
        return jcf_reject(p, "Invalid MethodParameters method attribute length %u in class file",
                          attribute->length);
    }
    method->has_parameters = true;
    method->parameters = (struct jcf_range){p->at, count * 4};
    return 0;
}

/* Attributes that every version has. *ret_known: it was one. */
static int parse_old_attribute(struct jcf_parser *p, const struct jcf_attribute *attribute,
                               struct jcf_seen *seen, struct jcf_method *method, bool *ret_known)
{
    bool is_deprecated = attribute->kind == JCF_ATTRIBUTE_DEPRECATED;
    *ret_known = true;
    switch (attribute->kind) {
    case JCF_ATTRIBUTE_CODE:
        if ((method->flags & (JCF_ACC_NATIVE | JCF_ACC_ABSTRACT)) != 0) {
            return jcf_reject(p, "Code attribute in native or abstract methods in class file %.*s",
                              JCF_NAME(p));
        }
        if (jcf_seen_twice(seen, JCF_ATTRIBUTE_CODE)) {
            return jcf_reject(p, "Multiple Code attributes in class file %.*s", JCF_NAME(p));
        }
        return jcf_parse_code(p, attribute, method);
    case JCF_ATTRIBUTE_EXCEPTIONS:
        return parse_exceptions(p, attribute, seen, method);
    case JCF_ATTRIBUTE_PARAMETERS:
        return parse_parameters(p, attribute, method);
    case JCF_ATTRIBUTE_SYNTHETIC:
    case JCF_ATTRIBUTE_DEPRECATED:
        if (attribute->length != 0) {
            return jcf_reject(p, "Invalid %s method attribute length %u in class file %.*s",
                              is_deprecated ? "Deprecated" : "Synthetic", attribute->length,
                              JCF_NAME(p));
        }
        method->marks |= is_deprecated ? JCF_MARK_DEPRECATED : JCF_MARK_SYNTHETIC;
        return 0;
    default:
        *ret_known = false;
        return 0;
    }
}

static int parse_once(struct jcf_parser *p, const struct jcf_attribute *attribute,
                      struct jcf_seen *seen, const char *name, struct jcf_range *to)
{
    if (jcf_seen_twice(seen, attribute->kind)) {
        return jcf_reject(p, "Multiple %s attributes for method in class file %.*s", name,
                          JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, attribute->length));
    if (to != NULL) {
        *to = (struct jcf_range){attribute->at, attribute->length};
    }
    return 0;
}

static int parse_attribute(struct jcf_parser *p, const struct jcf_attribute *attribute,
                           struct jcf_seen *seen, struct jcf_method *method)
{
    bool known;
    JCF_TRY(parse_old_attribute(p, attribute, seen, method, &known));
    if (known || p->major < MAJOR_ANNOTATIONS) {
        return 0;
    }
    switch (attribute->kind) {
    case JCF_ATTRIBUTE_SIGNATURE:
        if (method->signature != 0) {
            return jcf_reject(p, "Multiple Signature attributes for method in class file %.*s",
                              JCF_NAME(p));
        }
        if (attribute->length != 2) {
            return jcf_reject(p, "Invalid Signature attribute length %u in class file %.*s",
                              attribute->length, JCF_NAME(p));
        }
        return jcf_parse_signature(p, &method->signature);
    case JCF_ATTRIBUTE_VISIBLE_PARAMETERS:
        return parse_once(p, attribute, seen, "RuntimeVisibleParameterAnnotations",
                          &method->parameter_annotations);
    case JCF_ATTRIBUTE_INVISIBLE_PARAMETERS:
        return parse_once(p, attribute, seen, "RuntimeInvisibleParameterAnnotations", NULL);
    case JCF_ATTRIBUTE_ANNOTATION_DEFAULT:
        return parse_once(p, attribute, seen, "AnnotationDefault", &method->annotation_default);
    default:
        return jcf_parse_annotations(p, attribute, seen, " for method", &method->annotations);
    }
}

/* ---- methods ---- */

static int parse_descriptor(struct jcf_parser *p, struct jcf_text name, struct jcf_method *method)
{
    struct jcf_text text = jcf_text_at(p, method->descriptor);
    uint32_t slots;
    JCF_TRY(jcf_check_method_descriptor(p, name, text, &slots));
    if (!p->check) {
        struct jcf_signature signature;
        jcf_signature_of(text, &signature);
        slots = signature.slots;
    }
    slots += (method->flags & JCF_ACC_STATIC) != 0 ? 0 : 1;
    if (slots > MAX_ARGUMENT_SLOTS) {
        return jcf_reject(p, "Too many arguments in method signature in class file %.*s",
                          JCF_NAME(p));
    }
    method->argument_slots = (uint16_t)slots;
    return 0;
}

/* What a class should know of this method at once. */
static void note_method(struct jcf_parser *p, const struct jcf_method *method)
{
    enum { OP_RETURN = 177 };
    struct jcf_text name = jcf_text_at(p, method->name);
    struct jcf_text descriptor = jcf_text_at(p, method->descriptor);
    if ((p->class->flags & JCF_ACC_INTERFACE) != 0 &&
        (method->flags & (JCF_ACC_ABSTRACT | JCF_ACC_STATIC)) == 0) {
        p->class->has_default_methods = true;
    }
    if (name.length != 8 || !jcf_text_is(descriptor, "()V")) {
        return;
    }
    if (jcf_text_is(name, "<clinit>")) {
        p->class->has_static_initializer = true;
    } else if (jcf_text_is(name, "finalize") && (method->flags & JCF_ACC_STATIC) == 0) {
        bool is_empty = method->code.length == 1 && p->bytes[method->code.at] == OP_RETURN;
        p->class->has_finalizer = !is_empty;
    }
}

static int parse_method(struct jcf_parser *p, struct jcf_method *method)
{
    JCF_TRY(jcf_need(p, 8));
    unsigned flags = jcf_take_u2(p);
    method->name = jcf_take_u2(p);
    if (!jcf_is_tag(p, method->name, JCF_TAG_UTF8)) {
        return jcf_reject(p, "Illegal constant pool index %u for method name in class file %.*s",
                          method->name, JCF_NAME(p));
    }
    struct jcf_text name = jcf_text_at(p, method->name);
    JCF_TRY(jcf_check_method_name(p, name));
    method->descriptor = jcf_take_u2(p);
    if (!jcf_is_tag(p, method->descriptor, JCF_TAG_UTF8)) {
        return jcf_reject(p,
                          "Illegal constant pool index %u for method signature in class file %.*s",
                          method->descriptor, JCF_NAME(p));
    }
    JCF_TRY(check_flags(p, name, &flags));
    method->flags = (uint16_t)(flags & JCF_ACC_OF_METHOD);
    JCF_TRY(parse_descriptor(p, name, method));
    struct jcf_seen seen = {0};
    for (uint32_t left = jcf_take_u2(p); left > 0; left--) {
        struct jcf_attribute attribute;
        JCF_TRY(jcf_attribute_head(p, "Invalid method attribute name index", &attribute));
        JCF_TRY(parse_attribute(p, &attribute, &seen, method));
        JCF_TRY(jcf_attribute_skip(p, &attribute));
    }
    if (method->code.length == 0 && (method->flags & (JCF_ACC_NATIVE | JCF_ACC_ABSTRACT)) == 0) {
        return jcf_reject(
            p, "Absent Code attribute in method that is not native or abstract in class file %.*s",
            JCF_NAME(p));
    }
    if (p->config->vm_annotations && method->annotations.visible.length > 0) {
        method->marks |= jcf_annotation_marks(p, method->annotations.visible, JCF_ANNOTATED_METHOD);
    }
    note_method(p, method);
    return 0;
}

static struct jcf_pair method_pair(const struct jcf_parser *p, uint32_t number)
{
    const struct jcf_method *method = &p->class->methods[number];
    return (struct jcf_pair){jcf_text_at(p, method->name), jcf_text_at(p, method->descriptor)};
}

int jcf_parse_methods(struct jcf_parser *p)
{
    JCF_TRY(jcf_need(p, 2));
    uint16_t count = jcf_take_u2(p);
    /* Room for as many as there can be: behind them the file ends. */
    uint32_t most = ST_MIN((uint32_t)count, (p->size - p->at) / 8);
    struct jcf_method *methods = st_arena_array(p->arena, struct jcf_method, most);
    if (methods == NULL) {
        return jcf_fail_memory(p->error);
    }
    p->class->method_count = count;
    p->class->methods = methods;
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(parse_method(p, &methods[i]));
    }
    if (!p->check || count < 2) {
        return 0;
    }
    int32_t second = -1;
    JCF_TRY(jcf_find_duplicate(p, count, method_pair, &second));
    if (second >= 0) {
        struct jcf_pair pair = method_pair(p, (uint32_t)second);
        return jcf_reject(
            p, "Duplicate method name \"%.*s\" with signature \"%.*s\" in class file %.*s",
            JCF_TEXT(pair.name), JCF_TEXT(pair.descriptor), JCF_NAME(p));
    }
    return 0;
}
