/*
 * Binding tables: one static table per struct says which JSON member is which field, and serves
 * both directions.
 *
 *     static const struct json_field point_fields[] = {
 *         JSON_I32(struct point, "x", x, JSON_KEEP),
 *         JSON_STR(struct point, "label", label),
 *     };
 *     static const struct json_table point_table = JSON_TABLE(struct point, point_fields);
 *
 * Reading: members that the table does not have are ignored, null is as absent, a member of the
 * wrong type is an error that names its path ("linux.resources.memory.limit: \"abc\" is not a
 * number"). All memory comes from the document, so nothing is freed singly. Fields of absent
 * members keep what they had (the caller begins with zeros). Writing: fields that are absent (NULL,
 * `has` false, or a zero without JSON_KEEP) are left out.
 */
#pragma once

#include "base/attr.h"
#include "json/json_doc.h"
#include "json/json_write.h"

enum json_kind {
    JSON_KIND_STRING,  /* const char * */
    JSON_KIND_BOOL,    /* bool */
    JSON_KIND_I32,     /* int32_t */
    JSON_KIND_U16,     /* uint16_t */
    JSON_KIND_U32,     /* uint32_t */
    JSON_KIND_I64,     /* int64_t */
    JSON_KIND_U64,     /* uint64_t */
    JSON_KIND_ENUM,    /* an enum, by its table of names */
    JSON_KIND_STRINGS, /* const char **, ends with NULL, and its count */
    JSON_KIND_KEYS,    /* the same in C; {"name": {}, ...} in JSON */
    JSON_KIND_U32S,    /* uint32_t * and its count */
    JSON_KIND_PAIRS,   /* struct json_pair array and its count; {"key": "value"} in JSON */
    JSON_KIND_STRUCT,  /* pointer to a struct */
    JSON_KIND_EMBED,   /* a struct itself */
    JSON_KIND_STRUCTS, /* array of structs and its count */
    JSON_KIND_MAP,     /* the same in C, whose first field is the key; {"key": {...}} in JSON */
    JSON_KIND_RAW,     /* const struct json_value *: kept as it is */
};

enum json_field_flag {
    JSON_HAS = 1,  /* private to the macros: `aux` is the offset of a `has_` member */
    JSON_KEEP = 2, /* written even when it is zero or false */
};

struct json_field {
    const char *name;
    uint8_t kind;
    uint8_t flags;
    uint16_t offset;
    uint16_t aux;    /* offset of the count or of the `has_` member */
    const void *sub; /* struct json_table or struct json_names */
};

struct json_table {
    size_t size; /* of the struct */
    size_t count;
    const struct json_field *fields;
};

struct json_names {   /* names[i] is the text of value i; NULL: a hole */
    const char *what; /* for messages: "namespace type" */
    size_t count;
    const char *const *names;
};

#define JSON_TABLE(type, list)                                                                     \
    {                                                                                              \
        .size = sizeof(type), .count = ST_COUNT(list), .fields = (list)                            \
    }

/* The offset of a member, which must be of the C type `wanted` (a compile-time check). */
#define JSON_OFFSET(type, member, wanted)                                                          \
    (offsetof(type, member) +                                                                      \
     0 * sizeof(char[1 -                                                                           \
                     2 * !__builtin_types_compatible_p(__typeof__(((type *)0)->member), wanted)]))

#define JSON_FIELD(type, json, id, member, wanted, flag_bits, aux_offset, sub_table)               \
    {                                                                                              \
        .name = (json), .kind = JSON_KIND_##id, .flags = (flag_bits),                              \
        .offset = JSON_OFFSET(type, member, wanted), .aux = (aux_offset), .sub = (sub_table)       \
    }

/* Scalars: plain with flags, or with the presence in has_MEMBER. */
#define JSON_STR(type, json, member)                                                               \
    JSON_FIELD(type, json, STRING, member, const char *, 0, 0, NULL)
#define JSON_BOOLEAN(type, json, member, flags)                                                    \
    JSON_FIELD(type, json, BOOL, member, bool, flags, 0, NULL)
#define JSON_I32(type, json, member, flags)                                                        \
    JSON_FIELD(type, json, I32, member, int32_t, flags, 0, NULL)
#define JSON_U32(type, json, member, flags)                                                        \
    JSON_FIELD(type, json, U32, member, uint32_t, flags, 0, NULL)
#define JSON_I64(type, json, member, flags)                                                        \
    JSON_FIELD(type, json, I64, member, int64_t, flags, 0, NULL)
#define JSON_U64(type, json, member, flags)                                                        \
    JSON_FIELD(type, json, U64, member, uint64_t, flags, 0, NULL)
#define JSON_HAS_OF(type, member) JSON_OFFSET(type, has_##member, bool)
#define JSON_OPT(type, json, id, member, wanted)                                                   \
    JSON_FIELD(type, json, id, member, wanted, JSON_HAS, JSON_HAS_OF(type, member), NULL)
#define JSON_OPT_BOOLEAN(type, json, member) JSON_OPT(type, json, BOOL, member, bool)
#define JSON_OPT_I32(type, json, member) JSON_OPT(type, json, I32, member, int32_t)
#define JSON_OPT_U16(type, json, member) JSON_OPT(type, json, U16, member, uint16_t)
#define JSON_OPT_U32(type, json, member) JSON_OPT(type, json, U32, member, uint32_t)
#define JSON_OPT_I64(type, json, member) JSON_OPT(type, json, I64, member, int64_t)
#define JSON_OPT_U64(type, json, member) JSON_OPT(type, json, U64, member, uint64_t)

/* An enum (always written) by a struct json_names. */
#define JSON_NAMED(type, json, member, enum_type, names)                                           \
    JSON_FIELD(type, json, ENUM, member, enum_type, JSON_KEEP, 0, names)

/* Lists: the count is MEMBER_count, a size_t. */
#define JSON_COUNT_OF(type, member) JSON_OFFSET(type, member##_count, size_t)
#define JSON_STRINGS(type, json, member)                                                           \
    JSON_FIELD(type, json, STRINGS, member, const char **, 0, JSON_COUNT_OF(type, member), NULL)
#define JSON_KEYS(type, json, member)                                                              \
    JSON_FIELD(type, json, KEYS, member, const char **, 0, JSON_COUNT_OF(type, member), NULL)
#define JSON_U32S(type, json, member)                                                              \
    JSON_FIELD(type, json, U32S, member, uint32_t *, 0, JSON_COUNT_OF(type, member), NULL)
#define JSON_PAIRS(type, json, member)                                                             \
    JSON_FIELD(type, json, PAIRS, member, struct json_pair *, 0, JSON_COUNT_OF(type, member), NULL)
#define JSON_STRUCTS(type, json, member, element, table)                                           \
    JSON_FIELD(type, json, STRUCTS, member, element *, 0, JSON_COUNT_OF(type, member), table)
/* The element's first field is the member's name, a const char * that its table leaves out. */
#define JSON_MAP(type, json, member, element, table)                                               \
    JSON_FIELD(type, json, MAP, member, element *, 0, JSON_COUNT_OF(type, member), table)

/* Structs. */
#define JSON_STRUCT(type, json, member, element, table)                                            \
    JSON_FIELD(type, json, STRUCT, member, element *, 0, 0, table)
#define JSON_EMBED(type, json, member, element, table)                                             \
    JSON_FIELD(type, json, EMBED, member, element, JSON_KEEP, 0, table)
#define JSON_RAW(type, json, member)                                                               \
    JSON_FIELD(type, json, RAW, member, const struct json_value *, 0, 0, NULL)

/* Fills *ret_struct (zeroed by the caller or holding defaults) from value, an object. Returns 0,
 * -ST_EINVAL with the member's path in err, -ST_ENOMEM; on failure *ret_struct is half filled. */
int json_bind_read(const struct json_table *table, struct json_doc *doc,
                   const struct json_value *value, void *ret_struct, struct st_err *err);

/* Parses text and reads its root into a new zeroed struct of the table's size, which lives in
 * *ret_doc. Returns as json_parse and json_bind_read. */
int json_bind_parse(const struct json_table *table, const char *text, size_t length,
                    const struct json_limits *limits, void **ret_struct, struct json_doc **ret_doc,
                    struct st_err *err);

/* Writes the struct as one object. Failures stick to the writer's buffer. */
void json_bind_write(const struct json_table *table, const void *from, struct json_writer *w);
