/*
 * The annotations that the VM knows (those of JDK classes: docs/design/jvm-interface.md 6.7),
 * looked for in RuntimeVisibleAnnotations (JVMS 17 4.7.16). Only types are read; values are stepped
 * over.
 */
#include "jvm/classfile/jcf_parse_priv.h"

enum { MAX_NESTING = 32 };

struct known {
    char type[52];
    uint16_t mark;
    uint8_t places; /* 1 << enum jcf_annotated */
};

enum {
    CLASS = 1 << JCF_ANNOTATED_CLASS,
    FIELD = 1 << JCF_ANNOTATED_FIELD,
    METHOD = 1 << JCF_ANNOTATED_METHOD,
};

static const struct known known_annotations[] = {
    {"Ljdk/internal/reflect/CallerSensitive;", JCF_MARK_CALLER_SENSITIVE, METHOD},
    {"Ljdk/internal/vm/annotation/ForceInline;", JCF_MARK_FORCE_INLINE, METHOD},
    {"Ljdk/internal/vm/annotation/DontInline;", JCF_MARK_DONT_INLINE, METHOD},
    {"Ljdk/internal/vm/annotation/Hidden;", JCF_MARK_HIDDEN, METHOD},
    {"Ljdk/internal/vm/annotation/IntrinsicCandidate;", JCF_MARK_INTRINSIC_CANDIDATE, METHOD},
    {"Ljdk/internal/vm/annotation/ReservedStackAccess;", JCF_MARK_RESERVED_STACK, METHOD},
    {"Ljava/lang/invoke/LambdaForm$Compiled;", JCF_MARK_COMPILED_LAMBDA_FORM, METHOD},
    {"Ljava/lang/invoke/InjectedProfile;", JCF_MARK_INJECTED_PROFILE, METHOD},
    {"Ljdk/internal/misc/ScopedMemoryAccess$Scoped;", JCF_MARK_SCOPED, METHOD},
    {"Ljdk/internal/vm/annotation/Stable;", JCF_MARK_STABLE, FIELD},
    {"Ljdk/internal/vm/annotation/Contended;", JCF_MARK_CONTENDED, FIELD | CLASS},
    {"Ljdk/internal/ValueBased;", JCF_MARK_VALUE_BASED, CLASS},
};

struct reader {
    const uint8_t *at, *end;
    bool bad;
};

static uint16_t take_u2(struct reader *r)
{
    if (r->end - r->at < 2) {
        r->bad = true;
        return 0;
    }
    uint16_t value = jcf_u2(r->at);
    r->at += 2;
    return value;
}

static void skip_value(struct reader *r, unsigned depth);

static void skip_pairs(struct reader *r, unsigned depth)
{
    for (uint32_t left = take_u2(r); left > 0 && !r->bad; left--) {
        take_u2(r);
        skip_value(r, depth + 1);
    }
}

/* An element_value (4.7.16.1). */
static void skip_value(struct reader *r, unsigned depth)
{
    if (r->at == r->end || depth > MAX_NESTING) {
        r->bad = true;
        return;
    }
    switch (*r->at++) {
    case 'e':
        take_u2(r);
        take_u2(r);
        break;
    case '@':
        take_u2(r);
        skip_pairs(r, depth);
        break;
    case '[':
        for (uint32_t left = take_u2(r); left > 0 && !r->bad; left--) {
            skip_value(r, depth + 1);
        }
        break;
    default: /* a constant, a string or a class */
        take_u2(r);
        break;
    }
}

static uint16_t mark_of(struct jcf_text type, enum jcf_annotated place)
{
    for (size_t i = 0; i < ST_COUNT(known_annotations); i++) {
        const struct known *known = &known_annotations[i];
        if ((known->places & (1u << place)) != 0 && jcf_text_is(type, known->type)) {
            return known->mark | JCF_MARK_VM;
        }
    }
    return 0;
}

uint16_t jcf_annotation_marks(const struct jcf_parser *p, struct jcf_range annotations,
                              enum jcf_annotated place)
{
    struct reader r = {p->bytes + annotations.at, p->bytes + annotations.at + annotations.length,
                       false};
    uint16_t marks = 0;
    for (uint32_t left = take_u2(&r); left > 0 && !r.bad; left--) {
        uint16_t type = take_u2(&r);
        if (jcf_is_tag(p, type, JCF_TAG_UTF8)) {
            marks |= mark_of(jcf_text_at(p, type), place);
        }
        skip_pairs(&r, 0);
    }
    return marks;
}
