/*
 * Rules of definition, linking and resolution, on small classes made here, in a loader of their
 * own, above the class library of a JDK 17. No Java code runs: the engine is one that knows
 * constructors of exceptions and loadClass. Skipped where there is no JDK.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "jvm/classfile/jcf_made_test.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_handle.h"
#include "jvm/runtime/jrt_invoke.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw_priv.h"
#include "jvm/runtime/jrt_vm.h"

static struct jrt_thread *thread;
static struct jrt_loader *loader;

/* -- Classes -- */

struct method {
    uint16_t access;
    const char *name;
    const char *descriptor;
};
struct spec {
    const char *name, *super;
    const char *interfaces[4];
    uint16_t access;
    struct method methods[6];
    /* Constants beyond those: what the class refers to; their indices are told. */
    const char *references[4][3]; /* class, name, descriptor */
    uint8_t tags[4];
    uint16_t indices[4];
};

enum { PUBLIC = 1, PRIVATE = 2, STATIC = 8, FINAL = 16, INTERFACE = 0x200, ABSTRACT = 0x400 };

/* A method that only returns, if it has code. */
static void put_method(struct made *m, const struct method *method)
{
    put_u2(&m->rest, method->access);
    put_u2(&m->rest, made_utf8(m, method->name));
    put_u2(&m->rest, made_utf8(m, method->descriptor));
    if (method->access & ABSTRACT) {
        put_u2(&m->rest, 0);
        return;
    }
    put_u2(&m->rest, 1);
    put_u2(&m->rest, made_utf8(m, "Code"));
    put_u4(&m->rest, 13);
    put_u2(&m->rest, 0);
    put_u2(&m->rest, 9);
    put_u4(&m->rest, 1);
    put_u1(&m->rest, 0xb1);
    put_u2(&m->rest, 0);
    put_u2(&m->rest, 0);
}

static void make_file(struct spec *spec, struct st_buf *ret_file)
{
    struct made m = made_start(61);
    uint32_t interfaces = 0;
    uint32_t methods = 0;
    uint16_t numbers[4];
    uint16_t this_class = made_class(&m, spec->name);
    uint16_t super = made_class(&m, spec->super ? spec->super : "java/lang/Object");
    while (interfaces < 4 && spec->interfaces[interfaces]) {
        numbers[interfaces] = made_class(&m, spec->interfaces[interfaces]);
        interfaces++;
    }
    for (uint32_t i = 0; i < 4 && spec->references[i][0]; i++) {
        spec->indices[i] = spec->tags[i] == JCF_TAG_CLASS
                               ? made_class(&m, spec->references[i][0])
                               : made_member(&m, spec->tags[i], spec->references[i][0],
                                             spec->references[i][1], spec->references[i][2]);
    }
    put_u2(&m.rest, spec->access | (spec->access & INTERFACE ? 0 : JCF_ACC_SUPER));
    put_u2(&m.rest, this_class);
    put_u2(&m.rest, super);
    put_u2(&m.rest, interfaces);
    for (uint32_t i = 0; i < interfaces; i++) {
        put_u2(&m.rest, numbers[i]);
    }
    put_u2(&m.rest, 0);
    while (methods < 6 && spec->methods[methods].name) {
        methods++;
    }
    put_u2(&m.rest, methods);
    for (uint32_t i = 0; i < methods; i++) {
        put_method(&m, &spec->methods[i]);
    }
    put_u2(&m.rest, 0);
    made_finish(&m, ret_file);
}

static struct jrt_class *define_with(struct spec spec, const struct jrt_definition *how)
{
    struct st_buf file;
    make_file(&spec, &file);
    struct jrt_definition definition = *how;
    definition.bytes = (const uint8_t *)file.data;
    definition.size = file.length;
    struct jrt_class *class = jrt_define_class(thread, loader, &definition);
    st_buf_done(&file);
    return class;
}

static struct jrt_class *define(struct spec spec)
{
    return define_with(spec, &(struct jrt_definition){0});
}

static struct jrt_class *define_and_link(struct spec spec)
{
    struct jrt_class *class = define(spec);
    assert_non_null(class);
    assert_true(jrt_link_class(thread, class));
    return class;
}

/* -- The engine -- */

/* ClassLoader.addClass: a loader's classes live as long as it does. They are kept in an array where
 * the library has its list. */
static bool keep(struct jrt_thread *self, struct job_object *of, struct job_object *mirror)
{
    enum { MOST = 128 };
    const struct jrt_class *class = jrt_known.class[JRT_ClassLoader];
    const struct jrt_field *field =
        jrt_declared_field(class, jrt_symbol_of("classes"), jrt_symbol_of("Ljava/util/ArrayList;"));
    assert_non_null(field);
    if (!jrt_ref(of, field->offset)) {
        jrt_set_ref(of, field->offset, (void *)jrt_new_array(self, jrt_known.class_array, MOST));
    }
    struct job_array *kept = (struct job_array *)jrt_ref(of, field->offset);
    jref_t *slots = kept ? job_elements(kept) : NULL;
    for (int i = 0; kept && i < MOST; i++) {
        if (slots[i].word == 0) {
            jgc_store(&kept->object, &slots[i], job_to_ref(mirror));
            break;
        }
    }
    return kept != NULL;
}

static struct spec *loadable; /* what the loader defines when it is asked, ends with no name */

static bool call(struct jrt_thread *self, struct jrt_method *method, const union jrt_slot *args,
                 union jrt_slot *ret_result)
{
    const char *name = jrt_text(method->name);
    struct job_object *receiver = job_from_ref(args[0].ref);
    ret_result->word = 0;
    if (strcmp(name, "<init>") == 0 &&
        strcmp(jrt_text(method->descriptor), "(Ljava/lang/String;)V") == 0) {
        jrt_set_ref(receiver, JRT_AT(Throwable, detailMessage), job_from_ref(args[1].ref));
    } else if (strcmp(name, "initCause") == 0) {
        jrt_set_ref(receiver, JRT_AT(Throwable, cause), job_from_ref(args[1].ref));
    } else if (strcmp(name, "addClass") == 0) {
        return keep(self, receiver, job_from_ref(args[1].ref));
    } else if (strcmp(name, "loadClass") == 0) {
        job_offset_t wanted = jrt_string_symbol(job_from_ref(args[1].ref), true);
        struct jrt_class *class = NULL;
        for (struct spec *at = loadable; at && at->name && !class; at++) {
            if (strcmp(at->name, jrt_text(wanted)) == 0) {
                class = define(*at);
                if (!class) {
                    return false;
                }
            }
        }
        class = class ? class : jrt_load_class(self, jrt_boot_loader, wanted);
        if (!class) {
            return false;
        }
        ret_result->ref = job_to_ref(jrt_mirror(class));
    }
    return true;
}

static void set_entry(struct jrt_method *method)
{
    method->entry = 1;
}

static void forget_class(struct jrt_class *class);
static const struct jrt_exec exec = {
    .call = call, .set_entry = set_entry, .forget_class = forget_class};

static const char *message(void)
{
    static char text[8192];
    struct job_object *exception = jrt_catch(thread);
    const struct job_object *string =
        exception ? jrt_ref(exception, JRT_AT(Throwable, detailMessage)) : NULL;
    text[0] = 0;
    if (string) {
        (void)jrt_string_utf8(string, text, sizeof(text));
    }
    return text;
}

#define ASSERT_THROWS(class, text)                                                                 \
    do {                                                                                           \
        assert_true(jrt_failed(thread));                                                           \
        assert_string_equal(jrt_text(jrt_class_of(job_from_ref(thread->exception))->name), class); \
        assert_string_equal(message(), text);                                                      \
    } while (0)

static struct job_object *make_module(const char *name)
{
    struct job_object *module = jrt_new(thread, jrt_known.class[JRT_Module]);
    if (name) {
        jrt_set_ref(module, JRT_AT(Module, name), jrt_string_of(thread, name));
    }
    return module;
}

static int make_machine(void **state)
{
    (void)state;
    const char *modules = "/usr/lib/jvm/java-17-openjdk-amd64/lib/modules";
    if (access(modules, R_OK) != 0) {
        (void)printf("SKIPPED: no JDK 17\n");
        return 0;
    }
    struct jrt_options options = {.heap_max = 64 << 20,
                                  .java_stack_bytes = 1 << 20,
                                  .verify_other = true,
                                  .stress_every = 1,
                                  .verify_heap = true,
                                  .boot = {.modules = modules}};
    struct st_err err = {0};
    jrt_exec = &exec;
    thread = jrt_vm_create(&options, &err);
    if (!thread) {
        (void)printf("%s\n", err.msg);
        return -1;
    }
    const char *const packages[] = {"java/lang"};
    if (!jrt_set_boot_unnamed_module(thread, make_module(NULL)) ||
        !jrt_define_module(thread, make_module("java.base"), false, "17", "jrt:/java.base",
                           packages, 1) ||
        !jrt_add_exports(thread,
                         jrt_ref(jrt_mirror(jrt_known.class[JRT_Object]), JRT_AT(Class, module)),
                         "java/lang", JRT_EXPORT_TO_ALL, NULL)) {
        return -1;
    }
    return 0;
}

static int make_loader(void **state)
{
    (void)state;
    if (thread) {
        struct jrt_class *class = jrt_load_class(thread, jrt_boot_loader,
                                                 jrt_symbol_of("java/security/SecureClassLoader"));
        assert_true(jrt_link_class(thread, class));
        struct job_object *object = jrt_new(thread, class);
        jrt_set_ref(object, JRT_AT(ClassLoader, nameAndId), jrt_string_of(thread, "'test'"));
        jrt_set_ref(object, JRT_AT(ClassLoader, unnamedModule), make_module(NULL));
        loader = jrt_loader_of(thread, object);
        (void)jrt_global(object);
        loadable = NULL;
    }
    return 0;
}

#define NEEDS_JDK()                                                                                \
    do {                                                                                           \
        if (!thread) {                                                                             \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static struct jrt_method *declared(const struct jrt_class *class, const char *name)
{
    struct jrt_method *method =
        jrt_declared_method(class, jrt_symbol_of(name), jrt_symbol_of("()V"));
    assert_non_null(method);
    return method;
}

/* What invokevirtual of a method named through a class calls on an object of a class. */
static struct jrt_method *selected(struct jrt_class *through, const char *name,
                                   struct jrt_class *receiver)
{
    const struct jrt_link link = {
        .class = through, .name = jrt_symbol_of(name), .descriptor = jrt_symbol_of("()V")};
    struct jrt_call_target target;
    if (jrt_is_interface(through)) {
        assert_true(jrt_link_method(thread, &link, JRT_INVOKEINTERFACE, &target));
        return jrt_interface_method(receiver, target.method);
    }
    assert_true(jrt_link_method(thread, &link, JRT_INVOKEVIRTUAL, &target));
    return target.kind == JRT_CALL_DIRECT
               ? target.method
               : jrt_method_at(jrt_offsets(receiver->vtable)[target.index]);
}

/* -- Selection -- */

static void defaults_that_conflict_throw_when_called(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct spec a = {
        .name = "A", .access = PUBLIC | INTERFACE | ABSTRACT, .methods = {{PUBLIC, "m", "()V"}}};
    struct spec b = a;
    b.name = "B";
    struct jrt_class *one = define_and_link(a);
    struct jrt_class *two = define_and_link(b);
    struct jrt_class *both = define_and_link((struct spec){.name = "C", .interfaces = {"A", "B"}});
    struct jrt_method *method = selected(one, "m", both);
    assert_ptr_equal(selected(two, "m", both), method);
    assert_ptr_equal(selected(both, "m", both), method);
    assert_true(method->flags & JRT_METHOD_OVERPASS);
    assert_false(jrt_throw_abstract(thread, method, method, both));
    ASSERT_THROWS("java/lang/IncompatibleClassChangeError", "Conflicting default methods: A.m B.m");
    /* A subclass that declares it, and one with an interface that decides. */
    struct jrt_class *declares = define_and_link(
        (struct spec){.name = "D", .super = "C", .methods = {{PUBLIC, "m", "()V"}}});
    assert_ptr_equal(selected(one, "m", declares), declared(declares, "m"));
    struct jrt_class *decides =
        define_and_link((struct spec){.name = "E",
                                      .access = PUBLIC | INTERFACE | ABSTRACT,
                                      .interfaces = {"A", "B"},
                                      .methods = {{PUBLIC, "m", "()V"}}});
    struct jrt_class *decided =
        define_and_link((struct spec){.name = "F", .super = "C", .interfaces = {"E"}});
    assert_ptr_equal(selected(one, "m", decided), declared(decides, "m"));
    assert_ptr_equal(selected(both, "m", decided), declared(decides, "m"));
}

static void superclass_wins_over_default(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct jrt_class *interface = define_and_link((struct spec){
        .name = "I", .access = PUBLIC | INTERFACE | ABSTRACT, .methods = {{PUBLIC, "m", "()V"}}});
    struct jrt_class *super = define_and_link((struct spec){
        .name = "S", .access = PUBLIC | ABSTRACT, .methods = {{PUBLIC | ABSTRACT, "m", "()V"}}});
    struct jrt_class *class =
        define_and_link((struct spec){.name = "C", .super = "S", .interfaces = {"I"}});
    assert_ptr_equal(selected(interface, "m", class), declared(super, "m"));
    struct jrt_method *m = declared(super, "m");
    assert_false(jrt_throw_abstract(thread, m, m, class));
    ASSERT_THROWS("java/lang/AbstractMethodError",
                  "Receiver class C does not define or inherit an implementation of the resolved "
                  "method 'abstract void m()' of abstract class S.");
    struct jrt_method *hidden = declared(interface, "m");
    assert_false(jrt_throw_abstract(thread, hidden, m, class));
    ASSERT_THROWS("java/lang/AbstractMethodError",
                  "Receiver class C does not define or inherit an implementation of the resolved "
                  "method 'void m()' of interface I. Selected method is 'abstract void S.m()'.");
}

static void package_private_methods_are_not_overridden_elsewhere(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct method plain = {0, "m", "()V"};
    struct method public = {PUBLIC, "m", "()V"};
    struct jrt_class *a =
        define_and_link((struct spec){.name = "p/A", .access = PUBLIC, .methods = {plain}});
    struct jrt_class *b = define_and_link(
        (struct spec){.name = "q/B", .super = "p/A", .access = PUBLIC, .methods = {plain}});
    struct jrt_class *c = define_and_link(
        (struct spec){.name = "p/C", .super = "q/B", .access = PUBLIC, .methods = {public}});
    struct jrt_class *d = define_and_link(
        (struct spec){.name = "q/D", .super = "p/C", .access = PUBLIC, .methods = {public}});
    assert_ptr_equal(selected(a, "m", b), declared(a, "m"));
    assert_ptr_equal(selected(a, "m", c), declared(c, "m"));
    assert_ptr_equal(selected(b, "m", c), declared(b, "m"));
    /* It overrides C's, and so what that overrides; and B's, which is of its package. */
    assert_ptr_equal(selected(a, "m", d), declared(d, "m"));
    assert_ptr_equal(selected(b, "m", d), declared(d, "m"));
}

static void interface_methods_need_public_ones(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct jrt_class *interface =
        define_and_link((struct spec){.name = "I",
                                      .access = PUBLIC | INTERFACE | ABSTRACT,
                                      .methods = {{PUBLIC | ABSTRACT, "m", "()V"}}});
    struct jrt_class *super =
        define_and_link((struct spec){.name = "S", .methods = {{0, "m", "()V"}}});
    struct jrt_class *class =
        define_and_link((struct spec){.name = "C", .super = "S", .interfaces = {"I"}});
    struct jrt_method *method = selected(interface, "m", class);
    assert_true(method->flags & JRT_METHOD_OVERPASS);
    assert_false(jrt_throw_abstract(thread, method, method, class));
    assert_true(jrt_pending_is(thread, JRT_IllegalAccessError));
    (void)jrt_catch(thread);
    assert_ptr_equal(selected(class, "m", class), declared(super, "m"));
}

static void abstract_classes_have_slots_for_interfaces(void **state)
{
    (void)state;
    NEEDS_JDK();
    (void)define_and_link((struct spec){.name = "I",
                                        .access = PUBLIC | INTERFACE | ABSTRACT,
                                        .methods = {{PUBLIC | ABSTRACT, "m", "()V"}}});
    struct jrt_class *abstract = define_and_link(
        (struct spec){.name = "M", .access = PUBLIC | ABSTRACT, .interfaces = {"I"}});
    struct jrt_class *class = define_and_link(
        (struct spec){.name = "C", .super = "M", .methods = {{PUBLIC | FINAL, "m", "()V"}}});
    assert_ptr_equal(selected(abstract, "m", class), declared(class, "m"));
}

/* -- Definition -- */

static void definitions_are_refused(void **state)
{
    (void)state;
    NEEDS_JDK();
    assert_non_null(define((struct spec){.name = "p/C", .access = FINAL}));
    assert_null(define((struct spec){.name = "p/C"}));
    ASSERT_THROWS("java/lang/LinkageError",
                  "loader 'test' attempted duplicate class definition for p.C. (p.C is in unnamed "
                  "module of loader 'test', parent loader 'bootstrap')");
    assert_null(define((struct spec){.name = "p/D", .super = "p/C"}));
    ASSERT_THROWS("java/lang/IncompatibleClassChangeError",
                  "class p.D cannot inherit from final class p.C");
    assert_null(define((struct spec){.name = "p/D", .super = "java/lang/Runnable"}));
    ASSERT_THROWS("java/lang/IncompatibleClassChangeError",
                  "class p.D has interface java.lang.Runnable as super class");
    assert_null(define((struct spec){.name = "p/D", .interfaces = {"p/C"}}));
    ASSERT_THROWS("java/lang/IncompatibleClassChangeError",
                  "class p.D can not implement p.C, because it is not an interface (p.C is in "
                  "unnamed module of loader 'test')");
    assert_null(define((struct spec){.name = "java/lang/Mine"}));
    ASSERT_THROWS("java/lang/SecurityException", "Prohibited package name: java.lang");
    assert_null(define((struct spec){.name = "p/D", .super = "p/Nothing"}));
    ASSERT_THROWS("java/lang/NoClassDefFoundError", "p/Nothing");
    (void)define((struct spec){.name = "p/E", .methods = {{PUBLIC | FINAL, "m", "()V"}}});
    assert_null(
        define((struct spec){.name = "p/F", .super = "p/E", .methods = {{PUBLIC, "m", "()V"}}}));
    ASSERT_THROWS("java/lang/IncompatibleClassChangeError",
                  "class p.F overrides final method p.E.m()V");
}

static void a_class_is_not_its_own_superclass(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct spec specs[] = {{.name = "A", .super = "B"}, {.name = "B", .super = "A"}, {0}};
    loadable = specs;
    assert_null(jrt_load_class(thread, loader, jrt_symbol_of("A")));
    ASSERT_THROWS("java/lang/ClassCircularityError", "A");
}

static void hidden_classes_are_not_found_by_name(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct jrt_class *host = define((struct spec){.name = "p/Host"});
    const struct jrt_definition how = {.lookup = host, .hidden = true, .nestmate = true};
    struct jrt_class *one = define_with((struct spec){.name = "p/H"}, &how);
    assert_non_null(one);
    /* They live for as long as their mirrors are found on a stack. */
    const struct job_object *volatile first = jrt_mirror(one);
    struct jrt_class *two = define_with((struct spec){.name = "p/H"}, &how);
    assert_non_null(two);
    const struct job_object *volatile second = jrt_mirror(two);
    assert_ptr_not_equal(one, two);
    assert_null(jrt_loaded_class(loader, jrt_symbol_of("p/H")));
    assert_null(jrt_loaded_class(loader, one->name));
    assert_true(jrt_same_package(one, host));
    assert_ptr_equal(jrt_class_at(one->nest_host), host);
    char text[64];
    assert_memory_equal(jrt_external_name(one, text, sizeof(text)), "p.H/0x0", 7);
    struct jrt_class *array = jrt_array_class(thread, one);
    assert_memory_equal(jrt_external_name(array, text, sizeof(text)), "[Lp.H/0x0", 9);
    assert_ptr_not_equal(first, second);
}

/* -- Resolution -- */

static void references_are_resolved_or_refused_for_good(void **state)
{
    (void)state;
    NEEDS_JDK();
    (void)define((struct spec){.name = "p/C", .methods = {{PRIVATE, "m", "()V"}}});
    struct spec spec = {.name = "p/D",
                        .references = {{"p/C", "m", "()V"},
                                       {"p/C", "nothing", "(ILjava/lang/String;)[J"},
                                       {"p/Nothing"},
                                       {"p/C", "f", "I"}},
                        .tags = {JCF_TAG_METHOD, JCF_TAG_METHOD, JCF_TAG_CLASS, JCF_TAG_FIELD}};
    struct st_buf file;
    make_file(&spec, &file);
    st_buf_done(&file);
    struct jrt_class *class = define_and_link(spec);
    struct jrt_call_target target;
    for (int i = 0; i < 2; i++) {
        assert_false(
            jrt_resolve_method(thread, class, spec.indices[0], JRT_INVOKEVIRTUAL, &target));
        ASSERT_THROWS("java/lang/IllegalAccessError",
                      "class p.D tried to access private method 'void p.C.m()' (p.D and p.C are "
                      "in unnamed module of loader 'test')");
        assert_false(
            jrt_resolve_method(thread, class, spec.indices[1], JRT_INVOKEVIRTUAL, &target));
        ASSERT_THROWS("java/lang/NoSuchMethodError", "'long[] p.C.nothing(int, java.lang.String)'");
        assert_false(
            jrt_resolve_method(thread, class, spec.indices[0], JRT_INVOKEINTERFACE, &target));
        ASSERT_THROWS("java/lang/IncompatibleClassChangeError",
                      "Found class p.C, but interface was expected");
        assert_null(jrt_resolve_class(thread, class, spec.indices[2]));
        ASSERT_THROWS("java/lang/NoClassDefFoundError", "p/Nothing");
        assert_null(jrt_resolve_field(thread, class, spec.indices[3], JRT_GETFIELD, NULL));
        ASSERT_THROWS("java/lang/NoSuchFieldError", "f");
    }
}

/* -- Unloading -- */

static ST_NOINLINE void define_and_forget(void)
{
    struct jrt_class *class =
        jrt_load_class(thread, jrt_boot_loader, jrt_symbol_of("java/security/SecureClassLoader"));
    struct job_object *object = jrt_new(thread, class);
    jrt_set_ref(object, JRT_AT(ClassLoader, unnamedModule), make_module(NULL));
    loader = jrt_loader_of(thread, object);
    for (int i = 0; i < 50; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "u/C%d", i);
        assert_non_null(define((struct spec){.name = name, .methods = {{PUBLIC, "m", "()V"}}}));
    }
    assert_non_null(jrt_array_class(thread, jrt_loaded_class(loader, jrt_symbol_of("u/C7"))));
    __asm__ volatile("" : : "r"(object)); /* until here */
}

/* What dead frames left on the stack is overwritten. */
static ST_NOINLINE void wipe(void)
{
    volatile char room[32768];
    for (size_t i = 0; i < sizeof(room); i++) {
        room[i] = 0;
    }
}

static unsigned forgotten;

static void forget_class(struct jrt_class *class)
{
    forgotten += strncmp(jrt_text(class->name), "u/", 2) == 0 ||
                 strncmp(jrt_text(class->name), "[Lu/", 4) == 0;
}

static void count_of_loader(struct jrt_class *class, void *argument)
{
    *(unsigned *)argument += strncmp(jrt_text(class->name), "u/", 2) == 0;
}

static void classes_go_with_their_loader(void **state)
{
    (void)state;
    NEEDS_JDK();
    uint64_t used = job_meta_used();
    unsigned count = 0;
    for (int i = 0; i < 3; i++) {
        define_and_forget();
        loader = NULL;
        wipe();
        jgc_collect(&thread->alloc, JGC_SYSTEM);
    }
    jrt_classes_each(count_of_loader, &count);
    assert_true(count <= 50); /* a word that looks like a reference may keep one loader */
    assert_true(forgotten >= 2 * 51);
    assert_true(job_meta_used() < used + (256 << 10));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults_that_conflict_throw_when_called, make_loader),
        cmocka_unit_test_setup(superclass_wins_over_default, make_loader),
        cmocka_unit_test_setup(package_private_methods_are_not_overridden_elsewhere, make_loader),
        cmocka_unit_test_setup(interface_methods_need_public_ones, make_loader),
        cmocka_unit_test_setup(abstract_classes_have_slots_for_interfaces, make_loader),
        cmocka_unit_test_setup(definitions_are_refused, make_loader),
        cmocka_unit_test_setup(a_class_is_not_its_own_superclass, make_loader),
        cmocka_unit_test_setup(hidden_classes_are_not_found_by_name, make_loader),
        cmocka_unit_test_setup(references_are_resolved_or_refused_for_good, make_loader),
        cmocka_unit_test(classes_go_with_their_loader),
    };
    return cmocka_run_group_tests(tests, make_machine, NULL);
}
