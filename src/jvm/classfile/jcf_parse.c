/*
 * The class-file parser's frame: head and version, flags, names, interfaces, and what belongs to
 * all parts. The order of the checks is HotSpot's, so that a file with two faults gets its message.
 */
#include "jvm/classfile/jcf_parse.h"

#include "base/err.h"
#include "base/memops.h"
#include "jvm/classfile/jcf_parse_priv.h"

enum {
    MAGIC_SIZE = 8,
    MAJOR_NAMES = 49,       /* names may have any character */
    MAJOR_ANNOTATIONS = 49, /* Signature, EnclosingMethod, annotations */
    MAJOR_INTERFACES = 50,  /* interfaces are marked abstract */
    MAJOR_MODULES = 53,
    MAJOR_PREVIEWS = 56, /* minor numbers have a meaning */
};

#define MAGIC 0xCAFEBABEu

int jcf_reject(struct jcf_parser *p, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = jcf_vfail(p->error, p->arena, JCF_ERROR_CLASS_FORMAT, format, args);
    va_end(args);
    return r;
}

int jcf_need(struct jcf_parser *p, uint32_t count)
{
    if (p->size - p->at < count) {
        return jcf_reject(p, "Truncated class file");
    }
    return 0;
}

/* ---- attributes ---- */

struct attribute_name {
    char name[36];
    uint8_t length;
    uint8_t kind;
};

#define ATTRIBUTE(name, kind)                                                                      \
    {                                                                                              \
        name, sizeof(name) - 1, JCF_ATTRIBUTE_##kind                                               \
    }

static const struct attribute_name attribute_names[] = {
    ATTRIBUTE("Code", CODE),
    ATTRIBUTE("LineNumberTable", LINE_NUMBERS),
    ATTRIBUTE("StackMapTable", STACK_MAP),
    ATTRIBUTE("Signature", SIGNATURE),
    ATTRIBUTE("LocalVariableTable", LOCALS),
    ATTRIBUTE("LocalVariableTypeTable", LOCAL_TYPES),
    ATTRIBUTE("Exceptions", EXCEPTIONS),
    ATTRIBUTE("ConstantValue", CONSTANT_VALUE),
    ATTRIBUTE("SourceFile", SOURCE_FILE),
    ATTRIBUTE("InnerClasses", INNER_CLASSES),
    ATTRIBUTE("RuntimeVisibleAnnotations", VISIBLE),
    ATTRIBUTE("RuntimeInvisibleAnnotations", INVISIBLE),
    ATTRIBUTE("RuntimeVisibleParameterAnnotations", VISIBLE_PARAMETERS),
    ATTRIBUTE("RuntimeInvisibleParameterAnnotations", INVISIBLE_PARAMETERS),
    ATTRIBUTE("RuntimeVisibleTypeAnnotations", VISIBLE_TYPES),
    ATTRIBUTE("RuntimeInvisibleTypeAnnotations", INVISIBLE_TYPES),
    ATTRIBUTE("AnnotationDefault", ANNOTATION_DEFAULT),
    ATTRIBUTE("MethodParameters", PARAMETERS),
    ATTRIBUTE("Deprecated", DEPRECATED),
    ATTRIBUTE("Synthetic", SYNTHETIC),
    ATTRIBUTE("EnclosingMethod", ENCLOSING_METHOD),
    ATTRIBUTE("BootstrapMethods", BOOTSTRAP_METHODS),
    ATTRIBUTE("NestHost", NEST_HOST),
    ATTRIBUTE("NestMembers", NEST_MEMBERS),
    ATTRIBUTE("PermittedSubclasses", PERMITTED),
    ATTRIBUTE("Record", RECORD),
    ATTRIBUTE("SourceDebugExtension", SOURCE_DEBUG),
};

static enum jcf_attribute_kind kind_of_name(struct jcf_text name)
{
    for (size_t i = 0; i < ST_COUNT(attribute_names); i++) {
        const struct attribute_name *known = &attribute_names[i];
        if (known->length == name.length && memcmp(known->name, name.data, name.length) == 0) {
            return known->kind;
        }
    }
    return JCF_ATTRIBUTE_UNKNOWN;
}

int jcf_attribute_head(struct jcf_parser *p, const char *bad_name, struct jcf_attribute *ret)
{
    JCF_TRY(jcf_need(p, 6));
    uint16_t name = jcf_take_u2(p);
    uint32_t length = jcf_take_u4(p);
    if (!jcf_is_tag(p, name, JCF_TAG_UTF8)) {
        return jcf_reject(p, "%s %u in class file %.*s", bad_name, name, JCF_NAME(p));
    }
    if (p->attribute_kinds[name] == JCF_ATTRIBUTE_UNSEEN) {
        p->attribute_kinds[name] = (uint8_t)kind_of_name(jcf_text_at(p, name));
    }
    *ret = (struct jcf_attribute){p->attribute_kinds[name], name, p->at, length};
    return 0;
}

int jcf_attribute_skip(struct jcf_parser *p, const struct jcf_attribute *attribute)
{
    p->at = attribute->at;
    JCF_TRY(jcf_need(p, attribute->length));
    p->at += attribute->length;
    return 0;
}

bool jcf_seen_twice(struct jcf_seen *seen, enum jcf_attribute_kind kind)
{
    uint32_t bit = UINT32_C(1) << kind;
    bool before = (seen->kinds & bit) != 0;
    seen->kinds |= bit;
    return before;
}

/* ---- head ---- */

static int refuse_version(struct jcf_parser *p, const char *text)
{
    return jcf_fail(p->error, p->arena, JCF_ERROR_UNSUPPORTED_VERSION,
                    "%.*s (class file version %u.%u) was compiled with %s", JCF_NAME(p), p->major,
                    p->class->minor, text);
}

static int check_version(struct jcf_parser *p)
{
    unsigned major = p->major;
    unsigned minor = p->class->minor;
    if (major < JCF_MAJOR_MIN) {
        return refuse_version(p, "an invalid major version");
    }
    if (major > JCF_MAJOR_MAX) {
        return jcf_fail(
            p->error, p->arena, JCF_ERROR_UNSUPPORTED_VERSION,
            "%.*s has been compiled by a more recent version of the Java Runtime (class "
            "file version %u.%u), this version of the Java Runtime only recognizes class "
            "file versions up to %u.0",
            JCF_NAME(p), major, minor, JCF_MAJOR_MAX);
    }
    if (major < MAJOR_PREVIEWS || minor == 0) {
        return 0;
    }
    if (minor != JCF_MINOR_PREVIEW) {
        return refuse_version(p, "an invalid non-zero minor version");
    }
    if (major != JCF_MAJOR_MAX) {
        return jcf_fail(
            p->error, p->arena, JCF_ERROR_UNSUPPORTED_VERSION,
            "%.*s (class file version %u.%u) was compiled with preview features that are "
            "unsupported. This version of the Java Runtime only recognizes preview "
            "features for class file version %u.%u",
            JCF_NAME(p), major, minor, JCF_MAJOR_MAX, JCF_MINOR_PREVIEW);
    }
    if (!p->config->preview) {
        return jcf_fail(p->error, p->arena, JCF_ERROR_UNSUPPORTED_VERSION,
                        "Preview features are not enabled for %.*s (class file version %u.%u). Try "
                        "running with '--enable-preview'",
                        JCF_NAME(p), major, minor);
    }
    return 0;
}

static int parse_head(struct jcf_parser *p)
{
    JCF_TRY(jcf_need(p, MAGIC_SIZE));
    uint32_t magic = jcf_take_u4(p);
    if (magic != MAGIC) {
        return jcf_reject(p, "Incompatible magic value %u in class file %.*s", magic, JCF_NAME(p));
    }
    p->class->minor = jcf_take_u2(p);
    p->class->major = jcf_take_u2(p);
    p->major = p->class->major;
    p->old_names = p->major < MAJOR_NAMES;
    return check_version(p);
}

/* ---- the class itself ---- */

int jcf_check_class_flags(struct jcf_parser *p, uint16_t flags)
{
    if ((flags & JCF_ACC_MODULE) != 0) {
        return jcf_fail(p->error, p->arena, JCF_ERROR_NO_CLASS_DEF,
                        "%.*s is not a class because access_flag ACC_MODULE is set", JCF_NAME(p));
    }
    if (!p->check) {
        return 0;
    }
    bool is_interface = (flags & JCF_ACC_INTERFACE) != 0;
    bool is_abstract = (flags & JCF_ACC_ABSTRACT) != 0;
    bool newer = p->major >= MAJOR_ANNOTATIONS;
    if ((is_abstract && (flags & JCF_ACC_FINAL) != 0) || (is_interface && !is_abstract) ||
        (is_interface && newer && (flags & (JCF_ACC_SUPER | JCF_ACC_ENUM)) != 0) ||
        (!is_interface && newer && (flags & JCF_ACC_ANNOTATION) != 0)) {
        return jcf_reject(p, "Illegal class modifiers in class %.*s: 0x%X", JCF_NAME(p), flags);
    }
    return 0;
}

uint16_t jcf_class_flags(const struct jcf_parser *p, uint16_t flags, uint16_t known)
{
    flags &= (uint16_t)(known | (p->major >= MAJOR_MODULES ? JCF_ACC_MODULE : 0));
    if ((flags & JCF_ACC_INTERFACE) != 0 && p->major < MAJOR_INTERFACES) {
        flags |= JCF_ACC_ABSTRACT;
    }
    return flags;
}

static int parse_this(struct jcf_parser *p)
{
    JCF_TRY(jcf_need(p, 8));
    p->class->flags = jcf_class_flags(p, jcf_take_u2(p), JCF_ACC_OF_CLASS);
    JCF_TRY(jcf_check_class_flags(p, p->class->flags));
    if (p->bad_tag != 0) {
        return jcf_reject(p, "Unknown constant tag %u in class file %.*s", p->bad_tag, JCF_NAME(p));
    }
    uint16_t index = jcf_take_u2(p);
    if (!jcf_is_tag(p, index, JCF_TAG_CLASS)) {
        return jcf_reject(p, "Invalid this class index %u in constant pool in class file %.*s",
                          index, JCF_NAME(p));
    }
    p->class->this_class = index;
    struct jcf_text name = jcf_class_name(p->class);
    if (name.length > 0 && name.data[0] == '[') {
        return jcf_reject(p, "Bad class name in class file %.*s", JCF_NAME(p));
    }
    if (p->config->name.data != NULL && !jcf_text_same(name, p->config->name)) {
        return jcf_fail(p->error, p->arena, JCF_ERROR_NO_CLASS_DEF, "%.*s (wrong name: %.*s)",
                        JCF_TEXT(p->config->name), JCF_TEXT(name));
    }
    p->class_name = name;
    return 0;
}

static int parse_super(struct jcf_parser *p)
{
    uint16_t index = jcf_take_u2(p);
    p->class->super_class = index;
    if (index == 0) {
        if (!jcf_text_is(p->class_name, "java/lang/Object")) {
            return jcf_reject(p, "Invalid superclass index %u in class file %.*s", index,
                              JCF_NAME(p));
        }
        return 0;
    }
    if (!jcf_is_tag(p, index, JCF_TAG_CLASS)) {
        return jcf_reject(p, "Invalid superclass index %u in class file %.*s", index, JCF_NAME(p));
    }
    struct jcf_text name = jcf_super_name(p->class);
    if (name.length > 0 && name.data[0] == '[') {
        return jcf_reject(p, "Bad superclass name in class file %.*s", JCF_NAME(p));
    }
    return 0;
}

static struct jcf_pair interface_pair(const struct jcf_parser *p, uint32_t number)
{
    struct jcf_text name = jcf_named(p->class, p->class->interfaces[number]);
    return (struct jcf_pair){name, {name.data, 0}};
}

static int parse_interfaces(struct jcf_parser *p)
{
    JCF_TRY(jcf_need(p, 2));
    uint16_t count = jcf_take_u2(p);
    uint32_t most = ST_MIN((uint32_t)count, (p->size - p->at) / 2);
    uint16_t *interfaces = st_arena_array(p->arena, uint16_t, most);
    if (interfaces == NULL) {
        return jcf_fail_memory(p->error);
    }
    p->class->interface_count = count;
    p->class->interfaces = interfaces;
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(jcf_need(p, 2));
        uint16_t index = jcf_take_u2(p);
        if (!jcf_is_tag(p, index, JCF_TAG_CLASS)) {
            return jcf_reject(p, "Interface name has bad constant pool index %u in class file %.*s",
                              index, JCF_NAME(p));
        }
        struct jcf_text name = jcf_named(p->class, index);
        if (name.length > 0 && name.data[0] == '[') {
            return jcf_reject(p, "Bad interface name in class file %.*s", JCF_NAME(p));
        }
        interfaces[i] = index;
        if (p->config->load_interface != NULL &&
            p->config->load_interface(p->config->context, p->class_name, name) < 0) {
            *p->error = (struct jcf_error){.kind = JCF_ERROR_PENDING};
            return -ST_ECORRUPT;
        }
    }
    if (!p->check || count < 2) {
        return 0;
    }
    int32_t second = -1;
    JCF_TRY(jcf_find_duplicate(p, count, interface_pair, &second));
    if (second >= 0) {
        return jcf_reject(p, "Duplicate interface name \"%.*s\" in class file %.*s",
                          JCF_TEXT(interface_pair(p, (uint32_t)second).name), JCF_NAME(p));
    }
    return 0;
}

static int check_relations(struct jcf_parser *p)
{
    if (p->class->super_class == 0) {
        if (p->class->interface_count > 0) {
            return jcf_reject(p,
                              "java.lang.Object cannot implement an interface in class file %.*s",
                              JCF_NAME(p));
        }
        return 0;
    }
    if ((p->class->flags & JCF_ACC_INTERFACE) != 0 &&
        !jcf_text_is(jcf_super_name(p->class), "java/lang/Object")) {
        return jcf_reject(p,
                          "Interfaces must have java.lang.Object as superclass in class file %.*s",
                          JCF_NAME(p));
    }
    return 0;
}

static int parse_all(struct jcf_parser *p)
{
    JCF_TRY(parse_head(p));
    JCF_TRY(jcf_parse_pool(p));
    JCF_TRY(parse_this(p));
    JCF_TRY(parse_super(p));
    JCF_TRY(parse_interfaces(p));
    JCF_TRY(jcf_parse_fields(p));
    JCF_TRY(jcf_parse_methods(p));
    JCF_TRY(jcf_parse_class_attributes(p));
    if (p->at != p->size) {
        return jcf_reject(p, "Extra bytes at the end of class file %.*s", JCF_NAME(p));
    }
    return check_relations(p);
}

int jcf_parse(const void *bytes, size_t size, const struct jcf_parse_config *config,
              struct st_arena *arena, struct jcf_class *ret_class, struct jcf_error *ret_error)
{
    static const char unknown[] = "<Unknown>";
    struct jcf_class class = {.bytes = bytes, .size = (uint32_t)size};
    struct jcf_error error = {0};
    struct jcf_parser parser = {
        .bytes = bytes,
        .size = (uint32_t)size,
        .check = !config->trusted,
        .check_names = !config->trusted && !config->any_names,
        .config = config,
        .arena = arena,
        .error = &error,
        .class = &class,
        .class_name = config->name,
        .max_bootstrap = -1,
    };
    if (config->name.data == NULL) {
        parser.class_name = (struct jcf_text){(const uint8_t *)unknown, sizeof(unknown) - 1};
    }
    int r = size > INT32_MAX ? jcf_reject(&parser, "Class file of more than 2 GiB")
                             : parse_all(&parser);
    if (r < 0) {
        *ret_error = error;
        return r;
    }
    *ret_class = class;
    return 0;
}
