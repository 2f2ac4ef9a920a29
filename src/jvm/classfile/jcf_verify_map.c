/*
 * StackMapTable (JVMS 17 4.7.4): its frames decoded, found by offset, and compared with the current
 * one. Frames that add no locals share the locals of the one before them.
 */
#include "base/err.h"
#include "base/memops.h"
#include "jvm/classfile/jcf_verify_priv.h"

struct reader {
    struct jcf_verifier *v;
    const uint8_t *at, *end;
};

static int take_u1(struct reader *r, uint32_t *ret_value)
{
    if (r->at == r->end) {
        return jcf_verify_map_format(r->v, "access beyond the end of attribute");
    }
    *ret_value = *r->at++;
    return 0;
}

static int take_u2(struct reader *r, uint32_t *ret_value)
{
    if (r->end - r->at < 2) {
        return jcf_verify_map_format(r->v, "access beyond the end of attribute");
    }
    *ret_value = jcf_u2(r->at);
    r->at += 2;
    return 0;
}

/* One verification_type_info; uninitializedThis sets *this_uninit. */
static int take_type(struct reader *r, bool *this_uninit, struct jcf_vtype *ret_type)
{
    static const uint8_t simple[] = {JCF_V_TOP,  JCF_V_INT,  JCF_V_FLOAT,      JCF_V_DOUBLE,
                                     JCF_V_LONG, JCF_V_NULL, JCF_V_UNINIT_THIS};
    struct jcf_verifier *v = r->v;
    uint32_t tag = 0;
    uint32_t value = 0;
    JCF_TRY(take_u1(r, &tag));
    if (tag < sizeof(simple)) {
        *ret_type = jcf_v(simple[tag]);
        *this_uninit = *this_uninit || simple[tag] == JCF_V_UNINIT_THIS;
        return 0;
    }
    if (tag > 8) {
        return jcf_verify_map_format(v, "bad verification type");
    }
    JCF_TRY(take_u2(r, &value));
    if (tag == 7) {
        if (value >= v->class->constant_count || v->class->tags[value] != JCF_TAG_CLASS) {
            return jcf_verify_map_format(v, "bad class index");
        }
        *ret_type = jcf_v_object(jcf_named(v->class, (uint16_t)value));
        return 0;
    }
    if (value >= v->code_length || v->starts[value] != JCF_START_NEW) {
        return jcf_verify_format(v, "StackMapTable format error: bad offset for Uninitialized");
    }
    *ret_type = jcf_v(JCF_V_UNINIT);
    ret_type->bci = (uint16_t)value;
    return 0;
}

static int bad_size(struct jcf_verifier *v)
{
    return jcf_verify_format(v, "StackMapTable format error: bad type array size");
}

/* `count` types behind the `size` that `to` (NULL: none so far) has, in a new array, at most `max`
 * slots. */
static int take_types(struct reader *r, uint32_t count, uint32_t max, bool *this_uninit,
                      struct jcf_vtype **types, uint32_t *size)
{
    if (count == 0) {
        return 0;
    }
    uint32_t had = *size;
    struct jcf_vtype *to =
        st_arena_alloc(r->v->arena, (had + 2 * (size_t)count) * sizeof(*to), _Alignof(void *));
    if (to == NULL) {
        return jcf_fail_memory(r->v->error);
    }
    if (had > 0) {
        memcpy(to, *types, had * sizeof(*to));
    }
    uint32_t at = had;
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(take_type(r, this_uninit, &to[at]));
        struct jcf_vtype second = jcf_v_second(to[at]);
        at++;
        if (second.kind != JCF_V_TOP) {
            to[at++] = second;
        }
    }
    if (at > max) {
        return bad_size(r->v);
    }
    *types = to;
    *size = at;
    return 0;
}

/* What is left of the locals without the last `count`; -1: there are not so many. */
static int64_t chop(const struct jcf_vframe *frame, uint32_t count)
{
    int64_t at = (int64_t)frame->locals_size - 1;
    for (uint32_t i = 0; i < count; i++) {
        if (at < 0) {
            return -1;
        }
        at -= jcf_v_is_second(frame->locals[at]) ? 2 : 1;
    }
    return at + 1;
}

static int chop_frame(struct jcf_verifier *v, uint32_t count, struct jcf_vframe *frame)
{
    int64_t size = chop(frame, count);
    if (size < 0) {
        return bad_size(v);
    }
    frame->locals_size = (uint32_t)size;
    frame->this_uninit = false;
    for (uint32_t i = 0; i < frame->locals_size; i++) {
        frame->this_uninit |= frame->locals[i].kind == JCF_V_UNINIT_THIS;
    }
    return 0;
}

static int full_frame(struct reader *r, struct jcf_vframe *frame)
{
    uint32_t count = 0;
    frame->locals_size = 0;
    frame->this_uninit = false;
    JCF_TRY(take_u2(r, &count));
    JCF_TRY(take_types(r, count, r->v->method->max_locals, &frame->this_uninit, &frame->locals,
                       &frame->locals_size));
    JCF_TRY(take_u2(r, &count));
    bool ignored = false;
    return take_types(r, count, r->v->method->max_stack, &ignored, &frame->stack,
                      &frame->stack_size);
}

/* Makes *frame, which is the one before, the next one. */
static int take_frame(struct reader *r, bool first, struct jcf_vframe *frame)
{
    enum { SAME_ONE = 64, RESERVED = 128, SAME_ONE_FAR = 247, SAME_FAR = 251, FULL = 255 };
    struct jcf_verifier *v = r->v;
    uint32_t type = 0;
    JCF_TRY(take_u1(r, &type));
    uint32_t delta = type & 63;
    if (type >= RESERVED && type < SAME_ONE_FAR) {
        return jcf_verify_map_format(v, "reserved frame type");
    }
    if (type >= RESERVED) {
        JCF_TRY(take_u2(r, &delta));
    }
    frame->offset = first ? delta : frame->offset + delta + 1;
    frame->stack_size = 0;
    bool ignored = false;
    if ((type >= SAME_ONE && type < RESERVED) || type == SAME_ONE_FAR) {
        return take_types(r, 1, v->method->max_stack, &ignored, &frame->stack, &frame->stack_size);
    }
    if (type == FULL) {
        return full_frame(r, frame);
    }
    if (type > SAME_FAR) {
        return take_types(r, type - SAME_FAR, v->method->max_locals, &frame->this_uninit,
                          &frame->locals, &frame->locals_size);
    }
    if (type > SAME_ONE_FAR && type < SAME_FAR) {
        return chop_frame(v, SAME_FAR - type, frame);
    }
    return 0;
}

/* The frame of the method's entry, with locals that nobody changes. */
static int entry_frame(struct jcf_verifier *v, struct jcf_vframe *ret_frame)
{
    *ret_frame = v->now;
    struct jcf_vtype *locals = st_arena_array(v->arena, struct jcf_vtype, v->now.locals_size);
    if (locals == NULL) {
        return jcf_fail_memory(v->error);
    }
    memcpy(locals, v->now.locals, v->now.locals_size * sizeof(*locals));
    ret_frame->locals = locals;
    return 0;
}

int jcf_verify_maps(struct jcf_verifier *v)
{
    struct jcf_range range = v->method->stack_map;
    struct reader r = {v, v->class->bytes + range.at, v->class->bytes + range.at + range.length};
    uint32_t count = 0;
    v->map_count = 0;
    if (range.length == 0) {
        return 0;
    }
    JCF_TRY(take_u2(&r, &count));
    /* A frame takes a byte at least, so that a false count ends before much is taken. */
    v->maps = st_arena_array(v->arena, struct jcf_vframe, ST_MIN(count, range.length));
    if (v->maps == NULL) {
        return jcf_fail_memory(v->error);
    }
    struct jcf_vframe frame;
    JCF_TRY(entry_frame(v, &frame));
    for (uint32_t i = 0; i < count; i++) {
        JCF_TRY(take_frame(&r, i == 0, &frame));
        v->maps[i] = frame;
        if (frame.offset >= v->code_length || v->starts[frame.offset] == JCF_START_NONE) {
            struct jcf_context context = {
                JCF_FAULT_BAD_MAP, 0, i, {JCF_ORIGIN_FRAME, 0, {0}, &v->maps[i]}, {0}};
            return jcf_verify_fail(v, &context, "StackMapTable error: bad offset");
        }
    }
    v->map_count = count;
    return r.at == r.end ? 0 : jcf_verify_map_format(v, "wrong attribute size");
}

/* ---- comparing ---- */

/* The first of `count` that does not fit; -1: all do; below -1: failed. */
static int64_t first_unfit(struct jcf_verifier *v, const struct jcf_vtype *from,
                           const struct jcf_vtype *to, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (to[i].kind == JCF_V_TOP) {
            continue;
        }
        int fits = jcf_v_assignable(v, to[i], from[i], false);
        if (fits < 0) {
            return -2;
        }
        if (fits == 0) {
            return i;
        }
    }
    return -1;
}

/* 1: `from` may go on as `to`; 0: not, and *ret_context says why. */
static int frame_fits(struct jcf_verifier *v, const struct jcf_vframe *from,
                      const struct jcf_vframe *to, struct jcf_context *ret_context)
{
    struct jcf_origin whole_from = {JCF_ORIGIN_FRAME, 0, {0}, from};
    struct jcf_origin whole_to = {JCF_ORIGIN_FRAME, 0, {0}, to};
    struct jcf_context context = {JCF_FAULT_STACK_SIZE, from->offset, 0, whole_from, whole_to};
    if (from->stack_size != to->stack_size) {
        *ret_context = context;
        return 0;
    }
    context.bci = to->offset;
    context.fault = JCF_FAULT_TYPE;
    int64_t at = first_unfit(v, from->locals, to->locals, to->locals_size);
    if (at >= 0) {
        context.is = (struct jcf_origin){JCF_ORIGIN_LOCAL, (uint32_t)at, from->locals[at], from};
        context.wanted =
            (struct jcf_origin){JCF_ORIGIN_MAP_LOCAL, (uint32_t)at, to->locals[at], to};
        *ret_context = context;
        return 0;
    }
    if (at == -1) {
        at = first_unfit(v, from->stack, to->stack, to->stack_size);
    }
    if (at < -1) {
        return -ST_ECORRUPT;
    }
    if (at >= 0) {
        context.is = (struct jcf_origin){JCF_ORIGIN_STACK, (uint32_t)at, from->stack[at], from};
        context.wanted = (struct jcf_origin){JCF_ORIGIN_MAP_STACK, (uint32_t)at, to->stack[at], to};
        *ret_context = context;
        return 0;
    }
    if (from->this_uninit && !to->this_uninit) {
        context.fault = JCF_FAULT_FLAGS;
        *ret_context = context;
        return 0;
    }
    return 1;
}

/* The frame at an offset; NULL: there is none. */
static const struct jcf_vframe *map_at(const struct jcf_verifier *v, int64_t offset)
{
    uint32_t low = 0;
    uint32_t high = v->map_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (v->maps[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < v->map_count && v->maps[low].offset == offset ? &v->maps[low] : NULL;
}

static int no_map(struct jcf_verifier *v, int64_t target)
{
    struct jcf_context context = {JCF_FAULT_NO_MAP, v->now.offset, 0, {0}, {0}};
    return jcf_verify_fail(v, &context, "Expecting a stackmap frame at branch target %d",
                           (int)target);
}

int jcf_verify_jump(struct jcf_verifier *v, int64_t target)
{
    const struct jcf_vframe *map = map_at(v, target);
    if (map == NULL) {
        return no_map(v, target);
    }
    struct jcf_context context;
    int fits = frame_fits(v, &v->now, map, &context);
    JCF_TRY(fits);
    if (fits == 0) {
        return jcf_verify_fail(v, &context, "Inconsistent stackmap frames at branch target %d",
                               (int)target);
    }
    return 0;
}

int jcf_verify_handlers(struct jcf_verifier *v)
{
    uint32_t count = jcf_handler_count(v->method);
    struct jcf_vtype thrown[1];
    for (uint32_t i = 0; i < count; i++) {
        struct jcf_handler handler = jcf_handler_at(v->class, v->method, i);
        if (v->insn.at < handler.start || v->insn.at >= handler.end) {
            continue;
        }
        struct jcf_vframe frame = v->now;
        frame.this_uninit = frame.this_uninit || v->was_uninit;
        frame.stack = thrown;
        frame.stack_size = 1;
        thrown[0] = handler.type != 0 ? jcf_v_object(jcf_named(v->class, handler.type))
                                      : jcf_v_named("java/lang/Throwable");
        if (v->method->max_stack == 0) {
            struct jcf_context context = {
                JCF_FAULT_OVERFLOW, v->insn.at, 0, {JCF_ORIGIN_FRAME, 0, {0}, &frame}, {0}};
            frame.stack_size = 0;
            return jcf_verify_fail(v, &context, "Operand stack overflow");
        }
        const struct jcf_vframe *map = map_at(v, handler.handler);
        if (map == NULL) {
            return no_map(v, handler.handler);
        }
        struct jcf_context context;
        int fits = frame_fits(v, &frame, map, &context);
        JCF_TRY(fits);
        if (fits == 0) {
            return jcf_verify_fail(v, &context,
                                   "Stack map does not match the one at exception handler %d",
                                   handler.handler);
        }
    }
    return 0;
}

/* The current frame becomes that of the map. */
static void enter_map(struct jcf_verifier *v, const struct jcf_vframe *map)
{
    struct jcf_vframe *now = &v->now;
    memcpy(now->locals, map->locals, map->locals_size * sizeof(*now->locals));
    for (uint32_t i = map->locals_size; i < now->locals_size; i++) {
        now->locals[i] = jcf_v(JCF_V_TOP);
    }
    now->locals_size = map->locals_size;
    if (map->stack_size > 0) {
        memcpy(now->stack, map->stack, map->stack_size * sizeof(*now->stack));
    }
    now->stack_size = map->stack_size;
    now->this_uninit = map->this_uninit;
}

int jcf_verify_arrive(struct jcf_verifier *v, uint32_t *map)
{
    uint32_t at = v->insn.at;
    const struct jcf_vframe *next = *map < v->map_count ? &v->maps[*map] : NULL;
    if (!v->falls && (next == NULL || next->offset > at)) {
        struct jcf_context context = {
            next == NULL ? JCF_FAULT_CODE : JCF_FAULT_NO_MAP, at, 0, {0}, {0}};
        return jcf_verify_fail(v, &context, "Expecting a stack map frame");
    }
    if (next == NULL || next->offset > at) {
        return 0;
    }
    if (next->offset < at) {
        return jcf_verify_format(v, "Bad stack map offset %d", (int)next->offset);
    }
    if (v->falls) {
        struct jcf_context context;
        int fits = frame_fits(v, &v->now, next, &context);
        JCF_TRY(fits);
        if (fits == 0) {
            return jcf_verify_fail(v, &context, "Instruction type does not match stack map");
        }
    }
    enter_map(v, next);
    (*map)++;
    return 0;
}
