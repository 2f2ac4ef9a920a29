/*
 * The class library of a JDK 17 on this machine, loaded and linked without running any Java code:
 * every class of java.base. Skipped where there is no JDK.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/fmt_jimage.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw_priv.h"
#include "jvm/runtime/jrt_vm.h"
#include "os/os_file.h"
#include "os/os_memory.h"
#include "os/os_time.h"

static const char *const modules_paths[] = {
    "/usr/lib/jvm/java-17-openjdk-amd64/lib/modules",
    "/usr/lib/jvm/java-17-openjdk-arm64/lib/modules",
};

static struct jrt_thread *thread;
static const char *modules;

static bool call(struct jrt_thread *self, struct jrt_method *method, const union jrt_slot *args,
                 union jrt_slot *ret_result)
{
    (void)self, (void)method, (void)args;
    ret_result->word = 0;
    return true;
}

static void set_entry(struct jrt_method *method)
{
    method->entry = 1;
}

static const struct jrt_exec exec = {.call = call, .set_entry = set_entry};

static int make_machine(void **state)
{
    (void)state;
    for (size_t i = 0; i < ST_COUNT(modules_paths) && !modules; i++) {
        modules = access(modules_paths[i], R_OK) == 0 ? modules_paths[i] : NULL;
    }
    if (!modules) {
        (void)printf("SKIPPED: no JDK 17\n");
        return 0;
    }
    struct jrt_options options = {.heap_max = 64 << 20,
                                  .java_stack_bytes = 1 << 20,
                                  .verify_heap = true,
                                  .verify_boot = true,
                                  .boot = {.modules = modules}};
    struct st_err err = {0};
    jrt_exec = &exec;
    uint64_t start = os_monotonic_ns();
    thread = jrt_vm_create(&options, &err);
    if (!thread) {
        (void)printf("%s\n", err.msg);
        return -1;
    }
    (void)printf("machine made in %u us\n", (unsigned)((os_monotonic_ns() - start) / 1000));
    return 0;
}

#define NEEDS_JDK()                                                                                \
    do {                                                                                           \
        if (!thread) {                                                                             \
            skip();                                                                                \
        }                                                                                          \
    } while (0)

static void count_class(struct jrt_class *class, void *argument)
{
    (void)class;
    ++*(unsigned *)argument;
}

static struct jrt_class *load(const char *name)
{
    return jrt_load_class(thread, jrt_boot_loader, jrt_symbol_of(name));
}

static struct jrt_method *method_of(const char *class, const char *name, const char *descriptor)
{
    return jrt_find_method(load(class), jrt_symbol_of(name), jrt_symbol_of(descriptor));
}

static void every_class_of_java_base_links(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct stat stat;
    struct fmt_jimage image;
    struct fmt_jimage_entry entry;
    void *bytes;
    int fd = os_open(modules, O_RDONLY, 0);
    assert_int_equal(os_fstat(fd, &stat), 0);
    assert_int_equal(os_mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0, &bytes), 0);
    assert_int_equal(fmt_jimage_open(bytes, (size_t)stat.st_size, &image, NULL), 0);
    unsigned linked = 0;
    uint64_t start = os_monotonic_ns();
    for (uint32_t place = 0; place < image.places; place++) {
        if (fmt_jimage_at(&image, place, &entry) < 0 || strcmp(entry.module, "java.base") != 0 ||
            strcmp(entry.extension, "class") != 0 || strcmp(entry.base, "module-info") == 0) {
            continue;
        }
        char name[512];
        (void)snprintf(name, sizeof(name), "%s/%s", entry.parent, entry.base);
        struct jrt_class *class = load(name);
        if (!class || !jrt_link_class(thread, class)) {
            (void)printf("%s: %s %s\n", name, jrt_early_message,
                         thread->exception.word
                             ? jrt_text(jrt_class_of(job_from_ref(thread->exception))->name)
                             : "");
            fail();
        }
        linked++;
    }
    uint64_t us = (os_monotonic_ns() - start) / 1000;
    unsigned count = 0;
    jrt_classes_each(count_class, &count);
    (void)printf("%u classes linked in %u us, %u in all, metadata %u KiB\n", linked, (unsigned)us,
                 count, (unsigned)(job_meta_used() >> 10));
    assert_true(linked > 6000);
    os_close(&fd);
}

static void overriding_methods_are_selected(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct jrt_class *list = load("java/util/ArrayList");
    assert_true(jrt_link_class(thread, list));
    const struct jrt_method *add = method_of("java/util/List", "add", "(Ljava/lang/Object;)Z");
    const struct jrt_method *selected = jrt_interface_method(list, add);
    assert_ptr_equal(jrt_class_at(selected->class_at), list);
    /* A default method that no class overrides. */
    const struct jrt_method *stream =
        method_of("java/util/Collection", "stream", "()Ljava/util/stream/Stream;");
    assert_ptr_equal(jrt_interface_method(list, stream), stream);
    /* Object's, through the class. */
    const struct jrt_method *to_string =
        method_of("java/lang/Object", "toString", "()Ljava/lang/String;");
    selected = jrt_virtual_method(list, to_string);
    assert_string_equal(jrt_text(jrt_class_at(selected->class_at)->name),
                        "java/util/AbstractCollection");
    struct jrt_class *ints = jrt_known.primitive_array[JRT_INT];
    assert_ptr_equal(jrt_virtual_method(ints, to_string), to_string);
}

static void subtypes_are_told(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct jrt_class *integers = load("[Ljava/lang/Integer;");
    assert_true(jrt_is_subtype(integers, load("[Ljava/lang/Number;")));
    assert_true(jrt_is_subtype(integers, load("[Ljava/lang/Comparable;")));
    assert_true(jrt_is_subtype(integers, load("java/lang/Object")));
    assert_true(jrt_is_subtype(integers, load("java/io/Serializable")));
    assert_true(jrt_is_subtype(load("[[I"), load("[Ljava/lang/Object;")));
    assert_true(jrt_is_subtype(load("[[I"), load("[Ljava/lang/Cloneable;")));
    assert_false(jrt_is_subtype(load("[I"), load("[Ljava/lang/Object;")));
    assert_false(jrt_is_subtype(load("[I"), load("[J")));
    assert_false(jrt_is_subtype(integers, load("[Ljava/lang/String;")));
    assert_true(jrt_is_subtype(load("java/util/ArrayList"), load("java/lang/Iterable")));
    assert_false(jrt_is_subtype(load("java/lang/Iterable"), load("java/util/ArrayList")));
}

static void literals_are_interned(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct job_object *one = jrt_intern(thread, jrt_string_of(thread, "Gr\xc3\xbc\xc3\x9f"
                                                                      "e"));
    struct job_object *two = jrt_intern_symbol(thread, jrt_symbol_of("Gr\xc3\xbc\xc3\x9f"
                                                                     "e"));
    assert_ptr_equal(one, two);
    assert_int_equal(jrt_string_length(one), 5);
    assert_int_equal(jrt_string_char(one, 2), 0xfc);
    struct job_object *wide = jrt_string_of(thread, "\xe2\x82\xac");
    assert_int_equal(jrt_string_length(wide), 1);
    assert_int_equal(jrt_string_char(wide, 0), 0x20ac);
}

static void constants_and_literals_survive_collections(void **state)
{
    (void)state;
    NEEDS_JDK();
    struct jrt_class *jar = load("java/util/jar/JarFile");
    const struct jrt_field *name = jrt_declared_field(jar, jrt_symbol_of("MANIFEST_NAME"),
                                                      jrt_symbol_of("Ljava/lang/String;"));
    char text[64];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof(text), "dies %d", i);
        assert_non_null(jrt_intern(thread, jrt_string_of(thread, text)));
    }
    jgc_collect(&thread->alloc, JGC_SYSTEM);
    jgc_collect(&thread->alloc, JGC_SYSTEM);
    const struct job_object *string = jrt_ref(jrt_mirror(jar), name->offset);
    assert_int_equal(jrt_string_utf8(string, text, sizeof(text)), 20);
    assert_string_equal(text, "META-INF/MANIFEST.MF");
    assert_ptr_equal(jrt_intern_symbol(thread, jrt_symbol_of("META-INF/MANIFEST.MF")), string);
}

static void missing_classes_are_told(void **state)
{
    (void)state;
    NEEDS_JDK();
    assert_null(load("no/such/Thing"));
    assert_true(jrt_pending_is(thread, JRT_ClassNotFoundException));
    (void)jrt_catch(thread);
    assert_null(jrt_boot_class(thread, jrt_symbol_of("no/such/Thing")));
    assert_false(jrt_failed(thread));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(overriding_methods_are_selected),
        cmocka_unit_test(subtypes_are_told),
        cmocka_unit_test(literals_are_interned),
        cmocka_unit_test(every_class_of_java_base_links),
        cmocka_unit_test(constants_and_literals_survive_collections),
        cmocka_unit_test(missing_classes_are_told),
    };
    return cmocka_run_group_tests(tests, make_machine, NULL);
}
