/*
 * The verifier's messages: what is wrong, then HotSpot's Exception Details (where, why, the frames,
 * the code in hexadecimal, handlers and frames of the StackMapTable).
 */
#include "base/err.h"
#include "base/memops.h"
#include "base/print.h"
#include "jvm/classfile/jcf_verify_priv.h"

/* A text that grows in the arena. What finds no memory is missing. */
struct out {
    struct st_arena *arena;
    char *text;
    size_t length, capacity;
};

static void put_bytes(struct out *out, const void *bytes, size_t length)
{
    if (out->capacity - out->length <= length) {
        size_t capacity = (out->length + length) * 2 + 256;
        char *text = st_arena_alloc(out->arena, capacity, 1);
        if (text == NULL) {
            return;
        }
        memcpy(text, out->text, out->length);
        out->text = text;
        out->capacity = capacity;
    }
    memcpy(out->text + out->length, bytes, length);
    out->length += length;
    out->text[out->length] = 0;
}

static void put_text(struct out *out, struct jcf_text text)
{
    put_bytes(out, text.data, text.length);
}

static void vput(struct out *out, const char *format, va_list args)
{
    char line[1024];
    size_t length = st_vsnprintf(line, sizeof(line), format, args);
    put_bytes(out, line, ST_MIN(length, sizeof(line) - 1));
}

static void put(struct out *out, const char *format, ...) ST_PRINTF(2, 3);
static void put(struct out *out, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vput(out, format, args);
    va_end(args);
}

/* ---- types and frames ---- */

static void put_type(struct out *out, struct jcf_vtype type)
{
    static const char names[][20] = {
        [JCF_V_TOP] = "top",
        [JCF_V_INT] = "integer",
        [JCF_V_FLOAT] = "float",
        [JCF_V_LONG] = "long",
        [JCF_V_LONG2] = "long_2nd",
        [JCF_V_DOUBLE] = "double",
        [JCF_V_DOUBLE2] = "double_2nd",
        [JCF_V_NULL] = "null",
        [JCF_V_UNINIT_THIS] = "uninitializedThis",
        [JCF_V_ANY1] = "category1 type",
        [JCF_V_ANY2] = "category2 type",
        [JCF_V_REFERENCE] = "reference type",
    };
    if (type.kind == JCF_V_OBJECT) {
        put(out, "'");
        put_text(out, jcf_v_name(type));
        put(out, "'");
    } else if (type.kind == JCF_V_UNINIT) {
        put(out, "uninitialized %d", type.bci);
    } else {
        put(out, "%s", names[type.kind]);
    }
}

static void put_types(struct out *out, const char *what, const struct jcf_vtype *types,
                      uint32_t count)
{
    put(out, "    %s: {", what);
    for (uint32_t i = 0; i < count; i++) {
        put(out, " ");
        put_type(out, types[i]);
        put(out, i + 1 < count ? "," : "");
    }
    put(out, " }\n");
}

/* The current frame is shown as it was before the instruction. */
static void put_frame(struct out *out, const struct jcf_verifier *v, const char *title,
                      const struct jcf_origin *origin)
{
    const struct jcf_vframe *frame = origin->frame;
    if (origin->kind == JCF_ORIGIN_NONE || frame == NULL) {
        return;
    }
    put(out, "  %s:\n    bci: @%d\n    flags: {%s }\n", title, (int)frame->offset,
        frame->this_uninit ? " flagThisUninit" : "");
    put_types(out, "locals", frame->locals, frame->locals_size);
    put_types(out, "stack", frame->stack, frame == &v->now ? v->stack_before : frame->stack_size);
}

static void put_origin(struct out *out, const struct jcf_origin *origin)
{
    put_type(out, origin->type);
    switch (origin->kind) {
    case JCF_ORIGIN_LOCAL:
        put(out, " (current frame, locals[%d])", (int)origin->index);
        break;
    case JCF_ORIGIN_STACK:
        put(out, " (current frame, stack[%d])", (int)origin->index);
        break;
    case JCF_ORIGIN_MAP_LOCAL:
        put(out, " (stack map, locals[%d])", (int)origin->index);
        break;
    case JCF_ORIGIN_MAP_STACK:
        put(out, " (stack map, stack[%d])", (int)origin->index);
        break;
    case JCF_ORIGIN_CONSTANT:
        put(out, " (constant pool %d)", (int)origin->index);
        break;
    case JCF_ORIGIN_SIGNATURE:
        put(out, " (from method signature)");
        break;
    case JCF_ORIGIN_NONE:
    case JCF_ORIGIN_IMPLICIT:
    case JCF_ORIGIN_FRAME:
        break;
    }
}

/* ---- sections ---- */

static void put_location(struct out *out, const struct jcf_verifier *v,
                         const struct jcf_context *context)
{
    const char *op = "<invalid>";
    if (context->bci < v->code_length) {
        uint8_t code = v->code[context->bci];
        op = code < JCF_OP_COUNT ? jcf_ops[code].text : "<illegal>";
    }
    put(out, "\nException Details:\n  Location:\n    ");
    put_text(out, jcf_class_name(v->class));
    put(out, ".");
    put_text(out, v->name);
    put_text(out, v->descriptor);
    put(out, " @%d: %s\n", (int)context->bci, op);
}

static void put_reason(struct out *out, const struct jcf_context *context)
{
    bool is_wanted = context->wanted.kind != JCF_ORIGIN_NONE;
    put(out, "  Reason:\n    ");
    switch (context->fault) {
    case JCF_FAULT_CODE:
        put(out, "Error exists in the bytecode");
        break;
    case JCF_FAULT_TYPE:
        put(out, is_wanted ? "Type " : "Invalid type: ");
        put_origin(out, &context->is);
        if (is_wanted) {
            put(out, " is not assignable to ");
            put_origin(out, &context->wanted);
        }
        break;
    case JCF_FAULT_FLAGS:
        put(out, "Current frame's flags are not assignable to stack map frame's.");
        break;
    case JCF_FAULT_CONSTANT:
        put(out, "Constant pool index %d is invalid", (int)context->index);
        break;
    case JCF_FAULT_LOCAL:
        put(out, "Local index %d is invalid", (int)context->index);
        break;
    case JCF_FAULT_LOCALS_SIZE:
        put(out, "Current frame's local size doesn't match stackmap.");
        break;
    case JCF_FAULT_STACK_SIZE:
        put(out, "Current frame's stack size doesn't match stackmap.");
        break;
    case JCF_FAULT_OVERFLOW:
        put(out, "Exceeded max stack size.");
        break;
    case JCF_FAULT_UNDERFLOW:
        put(out, "Attempt to pop empty stack.");
        break;
    case JCF_FAULT_NO_MAP:
        put(out, "Expected stackmap frame at this location.");
        break;
    case JCF_FAULT_BAD_MAP:
        put(out, "Invalid stackmap specification.");
        break;
    }
    put(out, "\n");
}

/* Lines of 16 bytes, in pairs; the last is filled with blanks. */
static void put_code(struct out *out, const struct jcf_verifier *v)
{
    put(out, "  Bytecode:\n");
    for (uint32_t at = 0; at < v->code_length || at % 16 != 0; at++) {
        if (at % 16 == 0) {
            put(out, "    %07x:", at);
        }
        put(out, at % 2 == 0 ? " " : "");
        if (at < v->code_length) {
            put(out, "%02x", v->code[at]);
        } else {
            put(out, "  ");
        }
        put(out, at % 16 == 15 ? "\n" : "");
    }
    if (v->code_length % 16 == 0) { /* HotSpot begins a line that nothing follows for */
        put(out, "    %07x:%40s\n", v->code_length, "");
    }
}

static void put_handlers(struct out *out, const struct jcf_verifier *v)
{
    uint32_t count = jcf_handler_count(v->method);
    if (count > 0) {
        put(out, "  Exception Handler Table:\n");
    }
    for (uint32_t i = 0; i < count; i++) {
        struct jcf_handler handler = jcf_handler_at(v->class, v->method, i);
        put(out, "    bci [%d, %d] => handler: %d\n", handler.start, handler.end, handler.handler);
    }
}

/* ---- the StackMapTable, as it is in the file ---- */

struct raw {
    const uint8_t *at, *end;
};

static bool raw_u1(struct raw *raw, uint32_t *ret_value)
{
    if (raw->at == raw->end) {
        return false;
    }
    *ret_value = *raw->at++;
    return true;
}

static bool raw_u2(struct raw *raw, uint32_t *ret_value)
{
    if (raw->end - raw->at < 2) {
        raw->at = raw->end;
        return false;
    }
    *ret_value = jcf_u2(raw->at);
    raw->at += 2;
    return true;
}

/* `count` verification types, with commas between. */
static bool put_raw_types(struct out *out, struct raw *raw, uint32_t count)
{
    static const char names[][20] = {"Top",  "Integer",          "Float", "Double", "Long",
                                     "Null", "UninitializedThis"};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t tag;
        uint32_t value;
        put(out, i > 0 ? "," : "");
        if (!raw_u1(raw, &tag)) {
            return false;
        }
        if (tag < ST_COUNT(names)) {
            put(out, "%s", names[tag]);
        } else if (tag > 8) {
            put(out, "BAD:%d", (int)tag);
            return false;
        } else if (!raw_u2(raw, &value)) {
            return false;
        } else {
            put(out, tag == 7 ? "Object[#%d]" : "Uninitialized[#%d]", (int)value);
        }
    }
    return true;
}

/* A frame; *offset: the one before's, -1 at first. false: it is cut off or bad. */
static bool put_raw_frame(struct out *out, struct raw *raw, int64_t *offset)
{
    uint32_t type;
    uint32_t delta;
    uint32_t count;
    if (!raw_u1(raw, &type) || (type >= 128 && type < 247)) {
        return false;
    }
    delta = type & 63;
    if (type >= 128 && !raw_u2(raw, &delta)) {
        return false;
    }
    *offset += delta + 1;
    int at = (int)*offset;
    bool good = true;
    put(out, "    ");
    if (type < 64) {
        put(out, "same_frame(@%d)", at);
    } else if (type < 128 || type == 247) {
        put(out,
            type < 128 ? "same_locals_1_stack_item_frame(@%d," : /* and far */
                "same_locals_1_stack_item_frame_extended(@%d,",
            at);
        good = put_raw_types(out, raw, 1);
        put(out, ")");
    } else if (type < 251) {
        put(out, "chop_frame(@%d,%d)", at, (int)(251 - type));
    } else if (type == 251) {
        put(out, "same_frame_extended(@%d)", at);
    } else if (type < 255) {
        put(out, "append_frame(@%d,", at);
        good = put_raw_types(out, raw, type - 251);
        put(out, ")");
    } else {
        put(out, "full_frame(@%d,{", at);
        good = raw_u2(raw, &count) && put_raw_types(out, raw, count);
        put(out, "},{");
        good = good && raw_u2(raw, &count) && put_raw_types(out, raw, count);
        put(out, "})");
    }
    put(out, "\n");
    return good;
}

static void put_maps(struct out *out, const struct jcf_verifier *v)
{
    struct jcf_range range = v->method->stack_map;
    struct raw raw = {v->class->bytes + range.at, v->class->bytes + range.at + range.length};
    uint32_t count = 0;
    int64_t offset = -1;
    if (range.length == 0 || !raw_u2(&raw, &count)) {
        return;
    }
    put(out, "  Stackmap Table:\n");
    while (count-- > 0 && put_raw_frame(out, &raw, &offset)) {
    }
}

/* ---- errors ---- */

int jcf_verify_fail(struct jcf_verifier *v, const struct jcf_context *context, const char *format,
                    ...)
{
    struct out out = {.arena = v->arena};
    va_list args;
    va_start(args, format);
    vput(&out, format, args);
    va_end(args);
    put_location(&out, v, context);
    put_reason(&out, context);
    put_frame(&out, v, "Current Frame", &context->is);
    put_frame(&out, v, "Stackmap Frame", &context->wanted);
    put_code(&out, v);
    put_handlers(&out, v);
    put_maps(&out, v);
    if (out.text == NULL) {
        return jcf_fail_memory(v->error);
    }
    *v->error = (struct jcf_error){.kind = JCF_ERROR_VERIFY, .message = out.text};
    return -ST_ECORRUPT;
}

/* A type as Java writes it. */
static void put_java_type(struct out *out, const struct jcf_type *type)
{
    static const char letters[] = "BCDFIJSZV";
    static const char names[][8] = {"byte", "char",  "double",  "float", "int",
                                    "long", "short", "boolean", "void"};
    uint32_t dimensions = 0;
    while (dimensions < type->text.length && type->text.data[dimensions] == '[') {
        dimensions++;
    }
    struct jcf_text rest = {type->text.data + dimensions, type->text.length - dimensions};
    if (rest.length > 2 && rest.data[0] == 'L') {
        for (uint32_t i = 1; i + 1 < rest.length; i++) {
            put_bytes(out, rest.data[i] == '/' ? "." : (const char *)&rest.data[i], 1);
        }
    } else {
        uint8_t letter = rest.length > 0 ? rest.data[0] : 'V';
        for (size_t i = 0; letters[i] != 0; i++) {
            put(out, "%s", letters[i] == (char)letter ? names[i] : "");
        }
    }
    while (dimensions-- > 0) {
        put(out, "[]");
    }
}

/* "void p.C.run(int, java.lang.String)" */
static void put_method(struct out *out, const struct jcf_verifier *v)
{
    struct jcf_type_cursor cursor = jcf_types_of(v->descriptor);
    struct jcf_type type;
    jcf_result(&cursor, &type);
    put_java_type(out, &type);
    put(out, " ");
    struct jcf_text name = jcf_class_name(v->class);
    for (uint32_t i = 0; i < name.length; i++) {
        put_bytes(out, name.data[i] == '/' ? "." : (const char *)&name.data[i], 1);
    }
    put(out, ".");
    put_text(out, v->name);
    put(out, "(");
    cursor = jcf_types_of(v->descriptor);
    for (bool first = true; jcf_next_argument(&cursor, &type); first = false) {
        put(out, first ? "" : ", ");
        put_java_type(out, &type);
    }
    put(out, ")");
}

int jcf_verify_format(struct jcf_verifier *v, const char *format, ...)
{
    struct out out = {.arena = v->arena};
    va_list args;
    va_start(args, format);
    vput(&out, format, args);
    va_end(args);
    put(&out, " in method '");
    put_method(&out, v);
    put(&out, "'");
    if (out.text == NULL) {
        return jcf_fail_memory(v->error);
    }
    *v->error = (struct jcf_error){.kind = JCF_ERROR_CLASS_FORMAT, .message = out.text};
    return -ST_ECORRUPT;
}

int jcf_verify_map_format(struct jcf_verifier *v, const char *what)
{
    int r = jcf_fail(v->error, v->arena, JCF_ERROR_CLASS_FORMAT, "StackMapTable format error: %s",
                     what);
    v->error->final = true;
    return r;
}
