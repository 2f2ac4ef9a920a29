/*
 * Several threads load, link and collect at once. Skipped where there is no JDK 17.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "format/fmt_jimage.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw_priv.h"
#include "jvm/runtime/jrt_vm.h"
#include "os/os_file.h"
#include "os/os_memory.h"
#include "os/os_thread.h"

enum { THREADS = 4, CLASSES_MAX = 2000 };

static const char modules[] = "/usr/lib/jvm/java-17-openjdk-amd64/lib/modules";
static struct jrt_thread *main_thread;
static char *names[CLASSES_MAX];
static uint32_t name_count;
static struct jrt_class *found[THREADS][CLASSES_MAX];

static bool call(struct jrt_thread *self, struct jrt_method *method, const union jrt_slot *args,
                 union jrt_slot *ret_result)
{
    (void)self, (void)method, (void)args;
    ret_result->word = 0;
    return true;
}

static void set_entry(struct jrt_method *method)
{
    __atomic_store_n(&method->entry, 1, __ATOMIC_RELAXED);
}

static void forget_class(struct jrt_class *class)
{
    (void)class;
}

static const struct jrt_exec exec = {
    .call = call, .set_entry = set_entry, .forget_class = forget_class};

static void find_names(void)
{
    struct stat stat;
    struct fmt_jimage image;
    struct fmt_jimage_entry entry;
    void *bytes;
    int fd = os_open(modules, O_RDONLY, 0);
    assert_int_equal(os_fstat(fd, &stat), 0);
    assert_int_equal(os_mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0, &bytes), 0);
    assert_int_equal(fmt_jimage_open(bytes, (size_t)stat.st_size, &image, NULL), 0);
    for (uint32_t place = 0; place < image.places && name_count < CLASSES_MAX; place++) {
        if (fmt_jimage_at(&image, place, &entry) < 0 || strcmp(entry.module, "java.base") != 0 ||
            strcmp(entry.extension, "class") != 0 || strcmp(entry.base, "module-info") == 0) {
            continue;
        }
        size_t room = strlen(entry.parent) + strlen(entry.base) + 2;
        names[name_count] = malloc(room);
        (void)snprintf(names[name_count++], room, "%s/%s", entry.parent, entry.base);
    }
    os_close(&fd);
    (void)os_munmap(bytes, (size_t)stat.st_size);
}

static void *load_all(void *argument)
{
    struct jrt_class **mine = argument;
    uint32_t number = (uint32_t)((struct jrt_class * (*)[CLASSES_MAX]) argument - found);
    struct st_err err = {0};
    struct jrt_thread *thread = jrt_thread_attach(&err);
    if (!thread) {
        return NULL;
    }
    for (uint32_t i = 0; i < name_count; i++) {
        /* Two of them from the other end. */
        uint32_t at = number & 1 ? name_count - 1 - i : i;
        struct jrt_class *class = jrt_load_class(thread, jrt_boot_loader, jrt_symbol_of(names[at]));
        if (class && jrt_link_class(thread, class) && jrt_array_class(thread, class)) {
            mine[at] = class;
        }
        char text[32];
        (void)snprintf(text, sizeof(text), "string %u", at % 100);
        (void)jrt_intern(thread, jrt_string_of(thread, text));
        if (i % 200 == 0) {
            jgc_collect(&thread->alloc, JGC_SYSTEM);
        }
        jrt_poll(thread);
    }
    jrt_thread_detach(thread);
    return NULL;
}

static void threads_find_the_same_classes(void **state)
{
    (void)state;
    if (access(modules, R_OK) != 0) {
        (void)printf("SKIPPED: no JDK 17\n");
        return;
    }
    struct jrt_options options = {.heap_max = 64 << 20,
                                  .java_stack_bytes = 1 << 20,
                                  .verify_heap = true,
                                  .boot = {.modules = modules}};
    struct st_err err = {0};
    jrt_exec = &exec;
    main_thread = jrt_vm_create(&options, &err);
    assert_non_null(main_thread);
    find_names();
    struct os_thread threads[THREADS] = {0};
    jrt_to_native(main_thread);
    for (uint32_t i = 0; i < THREADS; i++) {
        assert_int_equal(os_thread_start(&threads[i], load_all, found[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++) {
        os_thread_join(&threads[i]);
    }
    jrt_to_vm(main_thread);
    for (uint32_t at = 0; at < name_count; at++) {
        assert_non_null(found[0][at]);
        for (uint32_t i = 1; i < THREADS; i++) {
            assert_ptr_equal(found[i][at], found[0][at]);
        }
        free(names[at]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_find_the_same_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
