/*
 * From a class file's bytes to a struct jrt_class in the metadata (JVMS 17 5.3.5): parsed, its
 * superclass and superinterfaces loaded and checked, members laid out. It is in no dictionary and
 * has no mirror then.
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_parse.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_define_priv.h"
#include "jvm/runtime/jrt_known_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_meta.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_throw.h"
#include "jvm/runtime/jrt_vm.h"

enum { SCRATCH_MAX = 256 << 20 };

static bool no_metadata(struct jrt_thread *thread)
{
    return jrt_throw_oom(thread, JRT_OOM_METASPACE);
}

bool jrt_throw_jcf(struct jrt_thread *thread, const struct jcf_error *error)
{
    switch (error->kind) {
    case JCF_ERROR_CLASS_FORMAT:
        return jrt_throw(thread, JRT_ClassFormatError, "%s", error->message);
    case JCF_ERROR_UNSUPPORTED_VERSION:
        return jrt_throw(thread, JRT_UnsupportedClassVersionError, "%s", error->message);
    case JCF_ERROR_NO_CLASS_DEF:
        return jrt_throw(thread, JRT_NoClassDefFoundError, "%s", error->message);
    case JCF_ERROR_INCOMPATIBLE_CHANGE:
        return jrt_throw(thread, JRT_IncompatibleClassChangeError, "%s", error->message);
    case JCF_ERROR_VERIFY:
        return jrt_throw(thread, JRT_VerifyError, "%s", error->message);
    case JCF_ERROR_ILLEGAL_ACCESS:
        return jrt_throw(thread, JRT_IllegalAccessError, "%s", error->message);
    case JCF_ERROR_NO_MEMORY:
        return jrt_throw_oom(thread, JRT_OOM_HEAP);
    case JCF_ERROR_NONE:
    case JCF_ERROR_PENDING:
        break;
    }
    return false;
}

static uint32_t constant_word(const struct jcf_class *file, uint32_t index)
{
    const union jcf_constant *constant = &file->constants[index];
    switch (file->tags[index]) {
    case JCF_TAG_NONE: /* the second half of a wide one */
        if (index &&
            (file->tags[index - 1] == JCF_TAG_LONG || file->tags[index - 1] == JCF_TAG_DOUBLE)) {
            return (uint32_t)(file->constants[index - 1].bits64 >> 32);
        }
        return 0;
    case JCF_TAG_UTF8:
        return constant->utf8.at;
    case JCF_TAG_INTEGER:
    case JCF_TAG_FLOAT:
        return constant->bits;
    case JCF_TAG_LONG:
    case JCF_TAG_DOUBLE:
        return (uint32_t)constant->bits64;
    case JCF_TAG_FIELD:
    case JCF_TAG_METHOD:
    case JCF_TAG_INTERFACE_METHOD:
        return (uint32_t)constant->member.class_index << 16 | constant->member.name_and_type;
    case JCF_TAG_NAME_AND_TYPE:
        return (uint32_t)constant->name_and_type.name << 16 | constant->name_and_type.descriptor;
    case JCF_TAG_METHOD_HANDLE:
        return (uint32_t)constant->handle.kind << 16 | constant->handle.reference;
    case JCF_TAG_DYNAMIC:
    case JCF_TAG_INVOKE_DYNAMIC:
        return (uint32_t)constant->dynamic.bootstrap << 16 | constant->dynamic.name_and_type;
    default:
        return constant->index;
    }
}

static bool make_pool(struct jrt_building *b)
{
    const struct jcf_class *file = &b->file;
    uint32_t count = file->constant_count;
    struct jrt_pool *pool = jrt_class_meta(b->class, JOB_META_READ, sizeof(*pool) + count);
    uint32_t *values = jrt_class_meta(b->class, JOB_META_READ, count * sizeof(*values));
    uint32_t *resolved = jrt_class_meta(b->class, JOB_META_WRITTEN, count * sizeof(*resolved));
    const uint8_t *bytes = file->bytes;
    if (!jrt_boot_has(bytes)) {
        uint8_t *copy = jrt_class_meta(b->class, JOB_META_READ, file->size);
        if (copy) {
            memcpy(copy, bytes, file->size);
        }
        bytes = copy;
    }
    struct jrt_bootstrap *bootstraps = NULL;
    if (file->bootstrap_count) {
        bootstraps =
            jrt_class_meta(b->class, JOB_META_READ, file->bootstrap_count * sizeof(*bootstraps));
    }
    if (!pool || !values || !resolved || !bytes || (file->bootstrap_count && !bootstraps)) {
        return no_metadata(b->thread);
    }
    pool->count = (uint16_t)count;
    pool->bootstrap_count = file->bootstrap_count;
    pool->bytes = job_offset(bytes);
    pool->size = file->size;
    pool->values = job_offset(values);
    pool->resolved = job_offset(resolved);
    memcpy(pool->tags, file->tags, count);
    for (uint32_t i = 0; i < count; i++) {
        values[i] = constant_word(file, i);
    }
    for (uint32_t i = 0; i < file->bootstrap_count; i++) {
        const struct jcf_bootstrap *from = &file->bootstrap_methods[i];
        bootstraps[i] = (struct jrt_bootstrap){from->handle, from->count, from->arguments};
    }
    pool->bootstraps = bootstraps ? job_offset(bootstraps) : 0;
    b->class->pool = job_offset(pool);
    return true;
}

static uint8_t type_of(job_offset_t descriptor)
{
    return jrt_type_of_char(jrt_text(descriptor)[0]);
}

static bool make_fields(struct jrt_building *b)
{
    struct jrt_class *class = b->class;
    uint32_t count = b->file.field_count;
    struct jrt_field *fields = jrt_class_meta(b->class, JOB_META_READ, count * sizeof(*fields));
    if (!fields) {
        return no_metadata(b->thread);
    }
    class->fields = job_offset(fields);
    class->field_count = (uint16_t)count;
    for (uint32_t i = 0; i < count; i++) {
        const struct jcf_field *from = &b->file.fields[i];
        struct jrt_field *field = &fields[i];
        field->class_at = job_offset(class);
        field->name = jrt_pool_symbol(class, from->name);
        field->descriptor = jrt_pool_symbol(class, from->descriptor);
        if (!field->name || !field->descriptor) {
            return no_metadata(b->thread);
        }
        field->access = from->flags;
        field->type = type_of(field->descriptor);
        field->slot = (uint16_t)i;
        field->constant_index = from->constant;
        field->flags = from->marks & JCF_MARK_STABLE ? JRT_FIELD_STABLE : 0;
        bool trusted = b->definition->hidden || (class->flags & JRT_CLASS_RECORD);
        if ((from->flags & JCF_ACC_FINAL) && (trusted || (from->flags & JCF_ACC_STATIC))) {
            field->flags |= JRT_FIELD_TRUSTED_FINAL;
        }
        if (!jrt_keep_field_file(field, from)) {
            return no_metadata(b->thread);
        }
    }
    return true;
}

static bool has_jsr(const struct jcf_class *file, const struct jcf_method *method)
{
    const uint8_t *code = file->bytes + method->code.at;
    struct jcf_insn insn;
    for (uint32_t at = 0; at < method->code.length; at += insn.length) {
        if (jcf_insn_decode(code, method->code.length, at, &insn) < 0) {
            return false;
        }
        if (insn.op == JCF_OP_JSR || insn.op == JCF_OP_JSR_W || insn.op == JCF_OP_RET) {
            return true;
        }
    }
    return false;
}

static uint32_t method_flags(const struct jrt_building *b, const struct jrt_method *method,
                             const struct jcf_method *from)
{
    static const struct {
        uint16_t mark;
        uint16_t flag;
    } rows[] = {{JCF_MARK_CALLER_SENSITIVE, JRT_METHOD_CALLER_SENSITIVE},
                {JCF_MARK_HIDDEN, JRT_METHOD_HIDDEN},
                {JCF_MARK_COMPILED_LAMBDA_FORM, JRT_METHOD_LF_COMPILED},
                {JCF_MARK_SCOPED, JRT_METHOD_SCOPED},
                {JCF_MARK_FORCE_INLINE, JRT_METHOD_FORCE_INLINE},
                {JCF_MARK_DONT_INLINE, JRT_METHOD_DONT_INLINE},
                {JCF_MARK_RESERVED_STACK, JRT_METHOD_RESERVED_STACK}};
    uint32_t flags = b->definition->hidden ? JRT_METHOD_HIDDEN : 0;
    for (uint32_t i = 0; i < ST_COUNT(rows); i++) {
        flags |= from->marks & rows[i].mark ? rows[i].flag : 0;
    }
    flags |= jrt_is_boot(b->loader) ? JRT_METHOD_BOOT : 0;
    flags |= method->name == jrt_known.name_init ? JRT_METHOD_INITIALIZER : 0;
    if (method->name == jrt_known.name_clinit && method->descriptor == jrt_names.void_method &&
        ((from->flags & JCF_ACC_STATIC) || b->file.major < 51)) {
        flags |= JRT_METHOD_CLASS_INITIALIZER;
    }
    if (b->file.major <= JCF_MAJOR_TYPED && has_jsr(&b->file, from)) {
        flags |= JRT_METHOD_HAS_JSR;
    }
    return flags;
}

static bool make_handlers(struct jrt_building *b, struct jrt_method *method,
                          const struct jcf_method *from)
{
    uint32_t count = jcf_handler_count(from);
    if (!count) {
        return true;
    }
    struct jrt_handler *handlers =
        jrt_class_meta(b->class, JOB_META_READ, count * sizeof(*handlers));
    if (!handlers) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct jcf_handler handler = jcf_handler_at(&b->file, from, i);
        handlers[i] =
            (struct jrt_handler){handler.start, handler.end, handler.handler, handler.type};
    }
    method->handlers = job_offset(handlers);
    method->handler_count = (uint16_t)count;
    return true;
}

static bool make_method(struct jrt_building *b, struct jrt_method *method, uint32_t slot,
                        bool has_intrinsics)
{
    struct jrt_class *class = b->class;
    const struct jcf_method *from = &b->file.methods[slot];
    method->class_at = job_offset(class);
    method->name = jrt_pool_symbol(class, from->name);
    method->descriptor = jrt_pool_symbol(class, from->descriptor);
    if (!method->name || !method->descriptor || !make_handlers(b, method, from) ||
        !jrt_keep_method_file(method, from)) {
        return false;
    }
    method->access = from->flags;
    method->arg_slots = from->argument_slots;
    bool code = from->code.length != 0;
    method->max_locals = code ? from->max_locals : from->argument_slots;
    method->max_stack = from->max_stack;
    method->vtable_index = JRT_NO_VTABLE;
    method->slot = (uint16_t)slot;
    method->bytecode = code ? jrt_pool_of(class)->bytes + from->code.at : 0;
    method->bytecode_length = from->code.length;
    const char *result = strchr(jrt_text(method->descriptor), ')') + 1;
    method->return_type = *result == 'V' ? JRT_VOID : jrt_type_of_char(*result);
    method->flags = method_flags(b, method, from);
    if (has_intrinsics) {
        method->intrinsic = jrt_intrinsic_of(class->name, method->name, method->descriptor);
    }
    return true;
}

/* The hash of names that jrt_declared_method looks into. */
bool jrt_index_methods(struct jrt_class *class)
{
    uint32_t size = 4;
    while (size < class->method_count * 2u) {
        size *= 2;
    }
    uint16_t *index = jrt_class_meta(class, JOB_META_READ, size * sizeof(*index));
    if (!index) {
        return false;
    }
    const struct jrt_method *methods = jrt_method_at(class->methods);
    for (uint32_t i = 0; i < class->method_count; i++) {
        uint32_t at = jrt_name_hash(methods[i].name) & (size - 1);
        while (index[at]) {
            at = (at + 1) & (size - 1);
        }
        index[at] = (uint16_t)(i + 1);
    }
    class->method_index = job_offset(index);
    class->method_mask = size - 1;
    return true;
}

static bool make_methods(struct jrt_building *b)
{
    struct jrt_class *class = b->class;
    uint32_t count = b->file.method_count;
    struct jrt_method *methods =
        jrt_class_meta(b->class, JOB_META_WRITTEN, count * sizeof(*methods));
    if (!methods) {
        return no_metadata(b->thread);
    }
    class->methods = job_offset(methods);
    class->method_count = class->declared_method_count = (uint16_t)count;
    bool has_intrinsics = jrt_is_boot(b->loader) && jrt_has_intrinsics(class->name);
    uint16_t itable_index = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (!make_method(b, &methods[i], i, has_intrinsics)) {
            return no_metadata(b->thread);
        }
        if ((class->access & JCF_ACC_INTERFACE) && jrt_is_virtual(&methods[i])) {
            methods[i].itable_index = itable_index++;
        }
    }
    return jrt_index_methods(class) || no_metadata(b->thread);
}

static uint8_t kind_of(const struct jrt_building *b)
{
    job_offset_t name = b->class->name;
    if (jrt_is_boot(b->loader)) {
        if (name == jrt_names.class[JRT_Class]) {
            return JOB_MIRROR;
        }
        if (name == jrt_names.class[JRT_SoftReference]) {
            return JOB_SOFT_REFERENCE;
        }
        if (name == jrt_names.class[JRT_WeakReference]) {
            return JOB_WEAK_REFERENCE;
        }
        if (name == jrt_names.class[JRT_FinalReference]) {
            return JOB_FINAL_REFERENCE;
        }
        if (name == jrt_names.class[JRT_PhantomReference]) {
            return JOB_PHANTOM_REFERENCE;
        }
    }
    return b->super ? b->super->object.kind : JOB_INSTANCE;
}

/* The boot loader's classes that are linked before others can be asked about. */
static bool is_ground(job_offset_t name)
{
    return name == jrt_names.class[JRT_Object] || name == jrt_names.class[JRT_Class] ||
           name == jrt_names.class[JRT_String] || name == jrt_names.class[JRT_Throwable];
}

static void set_flags(struct jrt_building *b)
{
    enum { INHERITED = JRT_CLASS_MAGIC | JRT_CLASS_REFLECT_ACCESSOR | JRT_CLASS_CLONEABLE };
    struct jrt_class *class = b->class;
    const struct jcf_class *file = &b->file;
    bool boot = jrt_is_boot(b->loader);
    uint32_t flags = b->super ? b->super->flags & INHERITED : 0;
    for (uint32_t i = 0; i < file->interface_count; i++) {
        flags |= b->interfaces[i]->flags & JRT_CLASS_CLONEABLE;
    }
    if (boot) {
        flags |= class->name == jrt_names.class[JRT_Cloneable] ? JRT_CLASS_CLONEABLE : 0;
        flags |= class->name == jrt_names.class[JRT_MagicAccessorImpl] ? JRT_CLASS_MAGIC : 0;
        flags |=
            class->name == jrt_names.class[JRT_MethodAccessorImpl] ? JRT_CLASS_REFLECT_ACCESSOR : 0;
        if (class->name == jrt_names.class[JRT_MethodHandle] ||
            class->name == jrt_names.class[JRT_VarHandle]) {
            flags |= JRT_CLASS_HANDLE;
        }
    }
    bool verify =
        boot ? jrt_options.verify_boot && !is_ground(class->name) : jrt_options.verify_other;
    flags |= !verify || (flags & JRT_CLASS_MAGIC) ? JRT_CLASS_UNVERIFIED : 0;
    flags |= file->has_static_initializer ? JRT_CLASS_HAS_CLINIT : 0;
    flags |= file->has_default_methods ? JRT_CLASS_DEFAULT_METHODS : 0;
    flags |= file->is_sealed ? JRT_CLASS_SEALED : 0;
    flags |= b->definition->hidden ? JRT_CLASS_HIDDEN : 0;
    if (file->is_record && (file->flags & JCF_ACC_FINAL) && b->super &&
        b->super->name == jrt_names.class[JRT_Record]) {
        flags |= JRT_CLASS_RECORD;
    }
    class->flags = flags;
    class->object.kind = kind_of(b);
    class->object.flags = class->object.kind == JOB_MIRROR ? JOB_CLASS_IMMOVABLE : 0;
    if (file->has_finalizer || (b->super && (b->super->object.flags & JOB_CLASS_FINALIZED))) {
        class->object.flags |= JOB_CLASS_FINALIZED;
    }
}

static bool make_class(struct jrt_building *b)
{
    struct jrt_class *class = jrt_class_slot();
    if (!class) {
        return no_metadata(b->thread);
    }
    b->class = class;
    class->name = b->name;
    class->loader = job_offset(b->loader);
    class->memory = b->memory ? job_offset(b->memory) : 0;
    class->access = b->file.flags;
    class->major = b->file.major;
    class->minor = b->file.minor;
    class->hidden_serial = b->definition->hidden ? b->serial : 0;
    set_flags(b);
    if (!jrt_set_supers(b) || !make_pool(b) || !make_fields(b) || !make_methods(b)) {
        return false;
    }
    if (!jrt_set_package(b)) {
        return no_metadata(b->thread);
    }
    if (!jrt_check_overrides(b)) {
        return false;
    }
    if (b->definition->hidden) {
        *jrt_pool_resolved(jrt_pool_of(class), b->file.this_class) = job_offset(class);
    }
    if (!jrt_lay_out(class, b->scratch) || !jrt_keep_class_file(b)) {
        return no_metadata(b->thread);
    }
    return true;
}

static bool parse(struct jrt_building *b, const uint8_t *bytes)
{
    const struct jrt_definition *definition = b->definition;
    bool boot = jrt_is_boot(b->loader);
    struct jcf_parse_config config = {
        .trusted = boot && !jrt_options.verify_boot,
        .preview = jrt_options.preview,
        .vm_annotations = boot || b->loader->platform || definition->vm_annotations,
        .load_interface = jrt_load_interface,
        .context = b,
    };
    struct jcf_text wanted = {.data = NULL};
    if (definition->name) {
        const struct jrt_symbol *symbol = jrt_symbol_at(definition->name);
        wanted = (struct jcf_text){(const uint8_t *)symbol->text, symbol->length};
    }
    /* A hidden class gets the name that is asked for, whatever its file says. */
    if (!definition->hidden) {
        config.name = wanted;
    }
    struct jcf_error error;
    if (jcf_parse(bytes, definition->size, &config, b->scratch, &b->file, &error) < 0) {
        return jrt_throw_jcf(b->thread, &error);
    }
    struct jcf_text name = definition->hidden && wanted.data ? wanted : jcf_class_name(&b->file);
    if (!boot && !b->loader->platform && name.length > 5 && !memcmp(name.data, "java/", 5)) {
        uint32_t end = name.length;
        while (name.data[end - 1] != '/') {
            end--;
        }
        char package[JRT_MESSAGE_BYTES];
        uint32_t length = ST_MIN(end - 1, (uint32_t)sizeof(package) - 1);
        for (uint32_t i = 0; i < length; i++) {
            package[i] = name.data[i] == '/' ? '.' : (char)name.data[i];
        }
        package[length] = 0;
        return jrt_throw(b->thread, JRT_SecurityException, "Prohibited package name: %s", package);
    }
    b->name = definition->hidden ? jrt_hidden_name(b, name)
                                 : jrt_symbol((const char *)name.data, name.length);
    return b->name || no_metadata(b->thread);
}

struct jrt_class *jrt_make_class(struct jrt_thread *thread, struct jrt_loader *loader,
                                 const struct jrt_definition *definition)
{
    struct st_arena scratch = ST_ARENA_HEAP(SCRATCH_MAX);
    struct jrt_building building = {
        .thread = thread, .loader = loader, .definition = definition, .scratch = &scratch};
    struct jrt_class *class = NULL;
    const uint8_t *bytes = definition->bytes;
    /* Somebody may write to memory that is not ours while it is looked at. */
    if (!jrt_boot_has(bytes)) {
        uint8_t *copy = st_arena_alloc(&scratch, definition->size, 1);
        if (copy) {
            memcpy(copy, bytes, definition->size);
        } else {
            (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
        }
        bytes = copy;
    }
    bool weak = definition->hidden && !definition->strong;
    building.memory = weak ? jrt_memory_new() : NULL;
    if (weak && !building.memory) {
        (void)no_metadata(thread);
    } else if (bytes && parse(&building, bytes) && jrt_load_supers(&building) &&
               make_class(&building)) {
        class = building.class;
    }
    if (!class && building.memory) {
        jrt_memory_free(building.memory);
    }
    st_arena_done(&scratch);
    return class;
}
