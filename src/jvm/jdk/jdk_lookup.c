/*
 * Native methods are looked up when they are first called (JNI specification, chapter 2, "Resolving
 * native method names"): those that the machine supplies, then the library of the boot classes,
 * then what the class's loader has loaded.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/classfile/jcf_descriptor.h"
#include "jvm/classfile/jcf_flags.h"
#include "jvm/classfile/jcf_utf8.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_fast.h"
#include "jvm/jdk/jdk_log.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

enum { NAME_MAX_BYTES = 1 << 20 };

/* A name as part of a C function's. */
static void mangle(struct st_buf *to, const char *name, size_t length)
{
    size_t at = 0;
    while (at < length) {
        uint16_t c = jcf_utf8_next((const uint8_t *)name, length, &at);
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            (void)st_buf_printf(to, "%c", c);
        } else if (c == '/') {
            (void)st_buf_printf(to, "_");
        } else if (c == '_') {
            (void)st_buf_printf(to, "_1");
        } else if (c == ';') {
            (void)st_buf_printf(to, "_2");
        } else if (c == '[') {
            (void)st_buf_printf(to, "_3");
        } else {
            (void)st_buf_printf(to, "_0%04x", c);
        }
    }
}

static void short_name(struct st_buf *to, const struct jrt_method *method)
{
    const struct jrt_symbol *class = jrt_symbol_at(jrt_class_at(method->class_at)->name);
    const struct jrt_symbol *name = jrt_symbol_at(method->name);
    (void)st_buf_printf(to, "Java_");
    mangle(to, class->text, class->length);
    (void)st_buf_printf(to, "_");
    mangle(to, name->text, name->length);
}

/* With the arguments' descriptors, for overloaded ones. */
static void long_part(struct st_buf *to, const struct jrt_method *method)
{
    const char *descriptor = jrt_text(method->descriptor) + 1;
    (void)st_buf_printf(to, "__");
    mangle(to, descriptor, (size_t)(strchr(descriptor, ')') - descriptor));
}

/* ClassLoader.findNative(loader, name). false: an exception is pending. */
static bool ask_loader(struct jrt_thread *thread, const struct jrt_method *method, const char *name,
                       void **ret_function)
{
    const struct jrt_loader *loader = job_at(jrt_class_at(method->class_at)->loader);
    struct job_object *string = jrt_string_of(thread, name);
    if (string == NULL) {
        return false;
    }
    union jrt_slot args[2] = {{.word = job_to_ref(jrt_loader_object(loader)).word},
                              {.word = job_to_ref(string).word}};
    union jrt_slot result = {.word = 0};
    if (!jrt_exec->call(thread, jrt_known.method[JRT_METHOD_findNative], args, &result)) {
        return false;
    }
    *ret_function = (void *)(uintptr_t)result.j;
    return true;
}

static bool look_for(struct jrt_thread *thread, const struct jrt_method *method, const char *name,
                     void **ret_function)
{
    bool boot = jrt_class_at(method->class_at)->loader == jrt_known.boot_loader;
    *ret_function = boot ? dlsym(jdk_java_library(), name) : NULL;
    return *ret_function != NULL || ask_loader(thread, method, name, ret_function);
}

/* 'void Foo.bar(int)' */
static bool not_found(struct jrt_thread *thread, const struct jrt_method *method)
{
    char text[2048];
    jdk_describe_method(method, text, sizeof text);
    return jrt_throw(thread, JRT_UnsatisfiedLinkError, "'%s'", text);
}

void jdk_log_native(const char *what, const struct jrt_method *method, const char *after)
{
    char name[512];
    if (jdk_log_wants("jni,resolve")) {
        (void)jrt_external_name(jrt_class_at(method->class_at), name, sizeof name);
        jdk_log_print(JDK_LOG_DEBUG, "jni,resolve", "[%s native method %s.%s%s]", what, name,
                      jrt_text(method->name), after);
    }
}

bool jdk_find_native(struct jrt_thread *thread, struct jrt_method *method)
{
    void *function = NULL;
    jrt_fast_native_t *fast = jdk_fast_find(method);
    if (fast != NULL) {
        __atomic_fetch_or(&method->flags, JRT_METHOD_FAST_NATIVE, __ATOMIC_RELEASE);
        __atomic_store_n(&method->native, (uint64_t)(uintptr_t)fast, __ATOMIC_RELEASE);
        return true;
    }
    st_auto(buf) struct st_buf name = ST_BUF_HEAP(NAME_MAX_BYTES);
    short_name(&name, method);
    if (!look_for(thread, method, st_buf_string(&name), &function)) {
        return false;
    }
    if (function == NULL) {
        long_part(&name, method);
        if (!look_for(thread, method, st_buf_string(&name), &function)) {
            return false;
        }
    }
    if (function == NULL) {
        return not_found(thread, method);
    }
    jdk_log_native("Dynamic-linking", method, " ... JNI");
    __atomic_store_n(&method->native, (uint64_t)(uintptr_t)function, __ATOMIC_RELEASE);
    return true;
}
