/* The Code attribute (JVMS 17 4.7.3) and what is in it. */
#include "base/err.h"
#include "base/memops.h"
#include "jvm/classfile/jcf_parse_priv.h"

enum { MAX_CODE = 65535, MAJOR_STACK_MAP = 50, MAJOR_LOCAL_TYPES = 49 };

/* An entry of LocalVariableTable or LocalVariableTypeTable. */
struct local {
    uint16_t start, length, name, type, slot;
};

/* The local variable tables of one method, by range of entries. A method may have several. */
enum { MAX_TABLES = 8 };
struct tables {
    struct jcf_range of[MAX_TABLES];
    uint32_t count; /* may be more than MAX_TABLES: the rest is not compared */
    uint32_t entries;
};

static int parse_handlers(struct jcf_parser *p, struct jcf_method *method)
{
    JCF_TRY(jcf_need(p, 2));
    uint32_t count = jcf_take_u2(p);
    JCF_TRY(jcf_need(p, count * 8));
    method->handlers = (struct jcf_range){p->at, count * 8};
    for (uint32_t i = 0; i < count; i++) {
        uint16_t start = jcf_take_u2(p);
        uint16_t end = jcf_take_u2(p);
        uint16_t handler = jcf_take_u2(p);
        uint16_t type = jcf_take_u2(p);
        if (start >= end || end > method->code.length) {
            return jcf_reject(p, "Illegal exception table range in class file %.*s", JCF_NAME(p));
        }
        if (handler >= method->code.length) {
            return jcf_reject(p, "Illegal exception table handler in class file %.*s", JCF_NAME(p));
        }
        if (type != 0 && !jcf_is_tag(p, type, JCF_TAG_CLASS)) {
            return jcf_reject(
                p, "Catch type in exception table has bad constant type in class file %.*s",
                JCF_NAME(p));
        }
    }
    return 0;
}

static int parse_lines(struct jcf_parser *p, const struct jcf_attribute *attribute,
                       struct jcf_method *method)
{
    JCF_TRY(jcf_need(p, 2));
    uint32_t count = jcf_take_u2(p);
    if (attribute->length != 2 + count * 4) {
        return jcf_reject(p, "LineNumberTable attribute has wrong length in class file %.*s",
                          JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, count * 4));
    const uint8_t *at = p->bytes + p->at;
    for (uint32_t i = 0; i < count; i++, at += 4) {
        if (jcf_u2(at) >= method->code.length) {
            return jcf_reject(p, "Invalid pc in LineNumberTable in class file %.*s", JCF_NAME(p));
        }
    }
    method->line_tables++;
    return 0;
}

/* ---- local variables ---- */

static struct local local_at(const uint8_t *at)
{
    return (struct local){jcf_u2(at), jcf_u2(at + 2), jcf_u2(at + 4), jcf_u2(at + 6),
                          jcf_u2(at + 8)};
}

static int check_local(struct jcf_parser *p, const struct jcf_method *method, struct local local,
                       bool is_types)
{
    const char *table = is_types ? "LocalVariableTypeTable" : "LocalVariableTable";
    if (local.start >= method->code.length) {
        return jcf_reject(p, "Invalid start_pc %u in %s in class file %.*s", local.start, table,
                          JCF_NAME(p));
    }
    if ((uint32_t)local.start + local.length > method->code.length) {
        return jcf_reject(p, "Invalid length %u in %s in class file %.*s", local.length, table,
                          JCF_NAME(p));
    }
    if (!jcf_is_tag(p, local.name, JCF_TAG_UTF8)) {
        return jcf_reject(p, "Name index %u in %s has bad constant type in class file %.*s",
                          local.name, table, JCF_NAME(p));
    }
    if (!jcf_is_tag(p, local.type, JCF_TAG_UTF8)) {
        return jcf_reject(p, "Signature index %u in %s has bad constant type in class file %.*s",
                          local.type, table, JCF_NAME(p));
    }
    struct jcf_text name = jcf_text_at(p, local.name);
    struct jcf_text type = jcf_text_at(p, local.type);
    JCF_TRY(jcf_check_field_name(p, name));
    uint32_t slots = 1;
    if (!is_types) {
        JCF_TRY(jcf_check_field_descriptor(p, name, type));
        slots = jcf_text_is(type, "J") || jcf_text_is(type, "D") ? 2 : 1;
    }
    if (local.slot + slots > method->max_locals) {
        return jcf_reject(p, "Invalid index %u in %s in class file %.*s", local.slot, table,
                          JCF_NAME(p));
    }
    return 0;
}

static int parse_locals(struct jcf_parser *p, const struct jcf_attribute *attribute,
                        const struct jcf_method *method, struct tables *tables)
{
    bool is_types = attribute->kind == JCF_ATTRIBUTE_LOCAL_TYPES;
    JCF_TRY(jcf_need(p, 2));
    uint32_t count = jcf_take_u2(p);
    if (attribute->length != 2 + count * 10) {
        return jcf_reject(p, "%s has wrong length in class file %.*s",
                          is_types ? "LocalVariableTypeTable" : "LocalVariableTable", JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, count * 10));
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(check_local(p, method, local_at(p->bytes + p->at + i * 10), is_types));
    }
    if (tables->count < MAX_TABLES) {
        tables->of[tables->count] = (struct jcf_range){p->at, count * 10};
    }
    tables->count++;
    tables->entries += count;
    return 0;
}

/* All but the type: what names a variable. Never 0, for no name is constant 0. */
static uint64_t local_key(const uint8_t *at)
{
    struct local local = local_at(at);
    return ((uint64_t)local.start << 48) | ((uint64_t)local.length << 32) |
           ((uint32_t)local.name << 16) | local.slot;
}

/* A set of keys with `mask` + 1 places; 0 is a free one. Returns the place of the key or a free
 * one. */
static uint64_t *find_key(uint64_t *set, uint32_t mask, uint64_t key)
{
    uint32_t at = (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 40) & mask;
    while (set[at] != 0 && set[at] != key) {
        at = (at + 1) & mask;
    }
    return &set[at];
}

static int local_fault(struct jcf_parser *p, const uint8_t *at, bool is_types, bool is_twice)
{
    struct jcf_text name = jcf_text_at(p, local_at(at).name);
    if (!is_twice) {
        return jcf_reject(p,
                          "LVTT entry for '%.*s' in class file %.*s does not match any LVT entry",
                          JCF_TEXT(name), JCF_NAME(p));
    }
    return jcf_reject(p, "Duplicated %s attribute entry for '%.*s' in class file %.*s",
                      is_types ? "LocalVariableTypeTable" : "LocalVariableTable", JCF_TEXT(name),
                      JCF_NAME(p));
}

/* Puts the entries of `from` into `set`, or (where `known` is given) checks that they are in it
 * too; each may be there once. */
static int add_locals(struct jcf_parser *p, const struct tables *from, uint64_t *set, uint32_t mask,
                      uint64_t *known, uint32_t known_mask)
{
    for (uint32_t t = 0; t < ST_MIN(from->count, (uint32_t)MAX_TABLES); t++) {
        const uint8_t *at = p->bytes + from->of[t].at;
        for (uint32_t left = from->of[t].length; left > 0; left -= 10, at += 10) {
            uint64_t key = local_key(at);
            uint64_t *place = find_key(set, mask, key);
            if (known != NULL && *find_key(known, known_mask, key) == 0) {
                return local_fault(p, at, true, false);
            }
            if (*place != 0) {
                return local_fault(p, at, known != NULL, true);
            }
            *place = key;
        }
    }
    return 0;
}

static uint32_t mask_for(uint32_t entries)
{
    uint32_t size = 16;
    while (size < entries * 2) {
        size *= 2;
    }
    return size - 1;
}

static int compare_locals(struct jcf_parser *p, const struct tables *locals,
                          const struct tables *types)
{
    if (!p->check || locals->entries == 0) {
        return 0;
    }
    struct st_arena_mark mark = st_arena_mark(p->arena);
    uint32_t mask = mask_for(locals->entries);
    uint32_t types_mask = mask_for(types->entries);
    uint64_t *set = st_arena_array(p->arena, uint64_t, mask + 1);
    uint64_t *types_set = st_arena_array(p->arena, uint64_t, types_mask + 1);
    if (set == NULL || types_set == NULL) {
        return jcf_fail_memory(p->error);
    }
    JCF_TRY(add_locals(p, locals, set, mask, NULL, 0));
    JCF_TRY(add_locals(p, types, types_set, types_mask, set, mask));
    st_arena_rewind(p->arena, mark);
    return 0;
}

/* ---- Code ---- */

static int parse_attributes(struct jcf_parser *p, struct jcf_method *method)
{
    struct tables locals = {0};
    struct tables types = {0};
    bool has_stack_map = false;
    JCF_TRY(jcf_need(p, 2));
    uint32_t from = p->at;
    for (uint32_t left = jcf_take_u2(p); left > 0; left--) {
        struct jcf_attribute attribute;
        JCF_TRY(jcf_attribute_head(p, "Invalid code attribute name index", &attribute));
        if (attribute.kind == JCF_ATTRIBUTE_LINE_NUMBERS) {
            JCF_TRY(parse_lines(p, &attribute, method));
        } else if (attribute.kind == JCF_ATTRIBUTE_LOCALS) {
            JCF_TRY(parse_locals(p, &attribute, method, &locals));
            method->has_local_variables = true;
        } else if (attribute.kind == JCF_ATTRIBUTE_LOCAL_TYPES && p->major >= MAJOR_LOCAL_TYPES) {
            JCF_TRY(parse_locals(p, &attribute, method, &types));
        } else if (attribute.kind == JCF_ATTRIBUTE_STACK_MAP && p->major >= MAJOR_STACK_MAP) {
            if (has_stack_map) {
                return jcf_reject(p, "Multiple StackMapTable attributes in class file %.*s",
                                  JCF_NAME(p));
            }
            has_stack_map = true;
            method->stack_map = (struct jcf_range){attribute.at, attribute.length};
        }
        JCF_TRY(jcf_attribute_skip(p, &attribute));
    }
    method->code_attributes = (struct jcf_range){from, p->at - from};
    return compare_locals(p, &locals, &types);
}

int jcf_parse_code(struct jcf_parser *p, const struct jcf_attribute *attribute,
                   struct jcf_method *method)
{
    uint32_t length;
    if (p->major == JCF_MAJOR_MIN && p->class->minor <= 2) {
        JCF_TRY(jcf_need(p, 4));
        method->max_stack = p->bytes[p->at++];
        method->max_locals = p->bytes[p->at++];
        length = jcf_take_u2(p);
    } else {
        JCF_TRY(jcf_need(p, 8));
        method->max_stack = jcf_take_u2(p);
        method->max_locals = jcf_take_u2(p);
        length = jcf_take_u4(p);
    }
    if (method->argument_slots > method->max_locals) {
        return jcf_reject(p, "Arguments can't fit into locals in class file %.*s", JCF_NAME(p));
    }
    if (length == 0 || length > MAX_CODE) {
        return jcf_reject(p, "Invalid method Code length %u in class file %.*s", length,
                          JCF_NAME(p));
    }
    JCF_TRY(jcf_need(p, length));
    method->code = (struct jcf_range){p->at, length};
    p->at += length;
    JCF_TRY(parse_handlers(p, method));
    JCF_TRY(parse_attributes(p, method));
    if (p->at - attribute->at != attribute->length) {
        return jcf_reject(p, "Code segment has wrong length in class file %.*s", JCF_NAME(p));
    }
    return 0;
}
