/*
 * The parser's state and its parts, which jcf_parse calls in the order of the file. Each part reads
 * at parser->at and leaves it behind what it read. They return 0 or a negative result with the
 * error recorded.
 */
#pragma once

#include "jvm/classfile/jcf_parse.h"

#define JCF_TRY(call)                                                                              \
    do {                                                                                           \
        int jcf_result_of_call = (call);                                                           \
        if (jcf_result_of_call < 0) {                                                              \
            return jcf_result_of_call;                                                             \
        }                                                                                          \
    } while (0)

/* Arguments for %.*s. */
#define JCF_TEXT(text) (int)(text).length, (const char *)(text).data
#define JCF_NAME(parser) JCF_TEXT((parser)->class_name)

/* Attributes by name; JCF_ATTRIBUTE_UNKNOWN is every other one. */
enum jcf_attribute_kind {
    JCF_ATTRIBUTE_UNSEEN,
    JCF_ATTRIBUTE_UNKNOWN,
    JCF_ATTRIBUTE_ANNOTATION_DEFAULT,
    JCF_ATTRIBUTE_BOOTSTRAP_METHODS,
    JCF_ATTRIBUTE_CODE,
    JCF_ATTRIBUTE_CONSTANT_VALUE,
    JCF_ATTRIBUTE_DEPRECATED,
    JCF_ATTRIBUTE_ENCLOSING_METHOD,
    JCF_ATTRIBUTE_EXCEPTIONS,
    JCF_ATTRIBUTE_INNER_CLASSES,
    JCF_ATTRIBUTE_INVISIBLE,
    JCF_ATTRIBUTE_INVISIBLE_PARAMETERS,
    JCF_ATTRIBUTE_INVISIBLE_TYPES,
    JCF_ATTRIBUTE_LINE_NUMBERS,
    JCF_ATTRIBUTE_LOCALS,
    JCF_ATTRIBUTE_LOCAL_TYPES,
    JCF_ATTRIBUTE_NEST_HOST,
    JCF_ATTRIBUTE_NEST_MEMBERS,
    JCF_ATTRIBUTE_PARAMETERS,
    JCF_ATTRIBUTE_PERMITTED,
    JCF_ATTRIBUTE_RECORD,
    JCF_ATTRIBUTE_SIGNATURE,
    JCF_ATTRIBUTE_SOURCE_DEBUG,
    JCF_ATTRIBUTE_SOURCE_FILE,
    JCF_ATTRIBUTE_STACK_MAP,
    JCF_ATTRIBUTE_SYNTHETIC,
    JCF_ATTRIBUTE_VISIBLE,
    JCF_ATTRIBUTE_VISIBLE_PARAMETERS,
    JCF_ATTRIBUTE_VISIBLE_TYPES,
};

struct jcf_parser {
    const uint8_t *bytes;
    uint32_t size;
    uint32_t at;
    uint16_t major;
    bool check;       /* all checks: not trusted */
    bool check_names; /* those of 4.2 */
    bool old_names;   /* version below 49 */
    const struct jcf_parse_config *config;
    struct st_arena *arena;
    struct jcf_error *error;
    struct jcf_class *class;
    struct jcf_text class_name; /* for messages */
    uint8_t *tags;              /* class->tags, class->constants while they are written */
    union jcf_constant *constants;
    uint8_t *attribute_kinds; /* enum jcf_attribute_kind, by constant */
    uint8_t bad_tag;          /* CONSTANT_Module or _Package was seen */
    int32_t max_bootstrap;    /* the largest bootstrap index of a constant; -1: none */
};

/* An attribute's head; parser->at is then at its content. */
struct jcf_attribute {
    enum jcf_attribute_kind kind;
    uint16_t name;
    uint32_t at;
    uint32_t length;
};

/* Which attributes of a list that may have each once were seen: bits 1 << enum. */
struct jcf_seen {
    uint32_t kinds;
};

/* ---- jcf_parse.c ---- */

/* ClassFormatError with this message. */
int jcf_reject(struct jcf_parser *p, const char *format, ...) ST_PRINTF(2, 3);

/* Are `count` bytes left? Else "Truncated class file". */
int jcf_need(struct jcf_parser *p, uint32_t count);

/* Reads the head of an attribute. `bad_name` begins the message for a name that is no UTF8
 * constant; " NUMBER in class file NAME" follows. */
int jcf_attribute_head(struct jcf_parser *p, const char *bad_name, struct jcf_attribute *ret);

/* Moves behind the attribute, which must be inside the file. */
int jcf_attribute_skip(struct jcf_parser *p, const struct jcf_attribute *attribute);

/* Marks the kind as seen; true if it was before. */
bool jcf_seen_twice(struct jcf_seen *seen, enum jcf_attribute_kind kind);

static inline uint16_t jcf_take_u2(struct jcf_parser *p)
{
    uint16_t value = jcf_u2(p->bytes + p->at);
    p->at += 2;
    return value;
}

static inline uint32_t jcf_take_u4(struct jcf_parser *p)
{
    uint32_t value = jcf_u4(p->bytes + p->at);
    p->at += 4;
    return value;
}

static inline bool jcf_is_tag(const struct jcf_parser *p, uint16_t index, enum jcf_tag tag)
{
    return index < p->class->constant_count && p->tags[index] == tag;
}

static inline struct jcf_text jcf_text_at(const struct jcf_parser *p, uint16_t index)
{
    struct jcf_range range = p->constants[index].utf8;
    return (struct jcf_text){p->bytes + range.at, range.length};
}

/* ---- jcf_parse_pool.c ---- */

int jcf_parse_pool(struct jcf_parser *p);

/* Legality of names and descriptors, where they are checked. A method's slots go to *ret_slots,
 * 0 where nothing is checked (NULL allowed). */
int jcf_check_field_name(struct jcf_parser *p, struct jcf_text name);
int jcf_check_method_name(struct jcf_parser *p, struct jcf_text name);
int jcf_check_field_descriptor(struct jcf_parser *p, struct jcf_text name, struct jcf_text text);
int jcf_check_method_descriptor(struct jcf_parser *p, struct jcf_text name, struct jcf_text text,
                                uint32_t *ret_slots);

/* ---- jcf_parse_field.c, jcf_parse_method.c, jcf_parse_code.c ---- */

int jcf_parse_fields(struct jcf_parser *p);
int jcf_parse_methods(struct jcf_parser *p);
int jcf_parse_code(struct jcf_parser *p, const struct jcf_attribute *attribute,
                   struct jcf_method *method);

/* Whether two of `count` pairs of texts are equal: *ret_second is the later one's number, or -1.
 * Pairs are read by `pair_at`. */
struct jcf_pair {
    struct jcf_text name, descriptor;
};
int jcf_find_duplicate(struct jcf_parser *p, uint32_t count,
                       struct jcf_pair (*pair_at)(const struct jcf_parser *p, uint32_t number),
                       int32_t *ret_second);

/* A generic Signature attribute of a field, method, component or class. */
int jcf_parse_signature(struct jcf_parser *p, uint16_t *ret_signature);

/* ---- jcf_parse_attributes.c ---- */

int jcf_parse_class_attributes(struct jcf_parser *p);

/* The flags of a class or of an entry of InnerClasses, checked (JVMS 4.1, 4.7.6). */
int jcf_check_class_flags(struct jcf_parser *p, uint16_t flags);

/* The flags that count: those `known`, ACC_MODULE where there are modules; an old interface is
 * abstract. */
uint16_t jcf_class_flags(const struct jcf_parser *p, uint16_t flags, uint16_t known);

/* RuntimeVisibleAnnotations and its kin of a field, method, component or class: checks that each is
 * there once and keeps the visible ones' ranges. `what` follows "attributes" in the message. */
int jcf_parse_annotations(struct jcf_parser *p, const struct jcf_attribute *attribute,
                          struct jcf_seen *seen, const char *what, struct jcf_annotations *to);

/* ---- jcf_annotations.c ---- */

enum jcf_annotated { JCF_ANNOTATED_CLASS, JCF_ANNOTATED_FIELD, JCF_ANNOTATED_METHOD };

/* The marks (enum jcf_mark) of the annotations in a RuntimeVisibleAnnotations that the VM knows at
 * this place. What is malformed ends the search. */
uint16_t jcf_annotation_marks(const struct jcf_parser *p, struct jcf_range annotations,
                              enum jcf_annotated place);
