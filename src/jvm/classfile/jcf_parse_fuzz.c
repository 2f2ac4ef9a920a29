/*
 * Fuzzes the class-file parser and the verifier: each input is a class file, read as a user
 * loader's and as the boot loader's, asked everything, and verified in surroundings that answer by
 * the names.
 */
#include <stdlib.h>

#include "base/assert.h"
#include "jvm/classfile/jcf_bytecode.h"
#include "jvm/classfile/jcf_code.h"
#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_parse.h"
#include "jvm/classfile/jcf_utf8.h"
#include "jvm/classfile/jcf_verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every kind of answer is given to some name: yes, no and a failure. */
static int answer(struct jcf_text name)
{
    unsigned sum = name.length;
    for (uint32_t i = 0; i < name.length; i++) {
        sum = sum * 31 + name.data[i];
    }
    return sum % 16 == 0 ? -1 : (int)(sum % 2);
}

static int is_assignable(void *context, struct jcf_text from, struct jcf_text to, bool protected)
{
    (void)context;
    (void)protected;
    return jcf_text_is(to, "java/lang/Throwable") || answer(from) == 1 ? 1 : answer(to);
}

static int is_superclass(void *context, struct jcf_text name)
{
    (void)context;
    return answer(name);
}

static int is_protected(void *context, const struct jcf_member *member, bool is_method)
{
    (void)context;
    (void)is_method;
    return answer(member->name);
}

static void read_code(const struct jcf_class *class, const struct jcf_method *method)
{
    const uint8_t *code = class->bytes + method->code.at;
    struct jcf_line_cursor lines = {0};
    struct jcf_line line;
    struct jcf_local_cursor locals = {0};
    struct jcf_local local;
    while (jcf_next_line(class, method, &lines, &line)) {
        ST_CHECK(line.pc < method->code.length);
    }
    while (jcf_next_local(class, method, &locals, &local)) {
        ST_CHECK(local.start < method->code.length);
    }
    jcf_line_of(class, method, 0);
    for (uint32_t i = 0; i < jcf_handler_count(method); i++) {
        ST_CHECK(jcf_handler_at(class, method, i).handler < method->code.length);
    }
    for (uint32_t at = 0; at < method->code.length;) {
        struct jcf_insn insn;
        if (jcf_insn_decode(code, method->code.length, at, &insn) < 0) {
            break;
        }
        ST_CHECK(insn.length > 0 && insn.length <= method->code.length - at);
        if (insn.count > 0) {
            jcf_switch_entry(code, &insn, insn.count - 1);
        }
        at += insn.length;
    }
}

static void read_texts(const struct jcf_class *class)
{
    for (uint32_t i = 1; i < class->constant_count; i++) {
        if (class->tags[i] != JCF_TAG_UTF8) {
            continue;
        }
        struct jcf_text text = jcf_utf8(class, (uint16_t)i);
        size_t units = jcf_utf8_units(text.data, text.length, NULL);
        uint16_t *wide = malloc(units * 2 + 1);
        if (wide != NULL) {
            jcf_utf8_to_utf16(text.data, text.length, wide);
        }
        free(wide);
        struct jcf_signature signature;
        jcf_signature_of(text, &signature);
    }
}

static void read_class(const struct jcf_class *class)
{
    jcf_class_name(class);
    jcf_super_name(class);
    read_texts(class);
    for (uint32_t i = 1; i < class->constant_count; i++) {
        uint8_t tag = class->tags[i];
        if ((tag >= JCF_TAG_FIELD && tag <= JCF_TAG_INTERFACE_METHOD) || tag == JCF_TAG_DYNAMIC ||
            tag == JCF_TAG_INVOKE_DYNAMIC) {
            struct jcf_member member = jcf_member_at(class, (uint16_t)i);
            ST_CHECK(member.name.data >= class->bytes &&
                     member.descriptor.data + member.descriptor.length <=
                         class->bytes + class->size);
        }
    }
    for (uint32_t i = 0; i < class->method_count; i++) {
        const struct jcf_method *method = &class->methods[i];
        ST_CHECK(jcf_find_method(class, jcf_utf8(class, method->name),
                                 jcf_utf8(class, method->descriptor)) != NULL);
        if (method->code.length > 0) {
            read_code(class, method);
        }
    }
    for (uint32_t i = 0; i < jcf_inner_class_count(class); i++) {
        ST_CHECK(jcf_inner_class_at(class, i).inner < class->constant_count);
    }
}

static void check(const uint8_t *data, size_t size, bool trusted)
{
    struct st_arena arena = ST_ARENA_HEAP(64 << 20);
    struct jcf_parse_config config = {.trusted = trusted, .preview = true, .vm_annotations = true};
    struct jcf_class class;
    struct jcf_error error = {0};
    int r = jcf_parse(data, size, &config, &arena, &class, &error);
    if (r == 0) {
        read_class(&class);
        struct jcf_verify_env env = {.is_assignable = is_assignable,
                                     .is_superclass = is_superclass,
                                     .is_protected_elsewhere = is_protected};
        r = jcf_verify(&class, &env, &arena, &error);
    }
    if (r < 0) {
        ST_CHECK(error.kind != JCF_ERROR_NONE);
        ST_CHECK((error.message != NULL) == (error.kind != JCF_ERROR_PENDING));
    }
    st_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size, false);
    check(data, size, true);
    return 0;
}
