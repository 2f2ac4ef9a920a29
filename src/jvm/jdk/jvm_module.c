/* JVM_ functions of java.lang.Module (jvm-interface.md 4.3). */
#include <stdlib.h>
#include <string.h>

#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"

/* The text of a string, dots made slashes if `slashes`; NULL for null and when memory ran out. The
 * caller's to free. */
static char *text_of(const struct job_object *string, bool slashes)
{
    if (string == NULL) {
        return NULL;
    }
    size_t bytes = jrt_string_utf8_length(string) + 1;
    char *text = malloc(bytes);
    if (text != NULL) {
        (void)jrt_string_utf8(string, text, bytes);
        for (char *at = text; slashes && *at != '\0'; at++) {
            *at = *at == '.' ? '/' : *at;
        }
    }
    return text;
}

static bool null_pointer(struct jrt_thread *thread, const char *what)
{
    return jrt_throw(thread, JRT_NullPointerException, "%s", what);
}

/* The texts of a String[]; false: an exception is pending. */
static bool texts_of(struct jrt_thread *thread, const struct job_array *strings, char **texts)
{
    for (int32_t i = 0; i < strings->length; i++) {
        const struct job_object *string = job_from_ref(((const jref_t *)job_elements(strings))[i]);
        if (string == NULL) {
            return jrt_throw(thread, JRT_IllegalArgumentException, "Bad package name");
        }
        texts[i] = text_of(string, true);
        if (texts[i] == NULL) {
            return jrt_throw_oom(thread, JRT_OOM_HEAP);
        }
    }
    return true;
}

void JVM_DefineModule(JNIEnv *env, jobject module, jboolean open, jstring version, jstring location,
                      jobject packages)
{
    JDK_ENTER(env);
    const struct job_array *strings = (const struct job_array *)jrt_get(packages);
    uint32_t count = strings != NULL ? (uint32_t)strings->length : 0;
    char **texts = calloc(count + 1, sizeof *texts);
    char *version_text = text_of(jrt_get(version), false);
    char *location_text = text_of(jrt_get(location), false);
    if (module == NULL) {
        (void)null_pointer(thread, "Null module object");
    } else if (texts == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
    } else if (strings == NULL || texts_of(thread, strings, texts)) {
        (void)!jrt_define_module(thread, jrt_get(module), open != 0, version_text, location_text,
                                 (const char *const *)texts, count);
    }
    for (uint32_t i = 0; texts != NULL && i < count; i++) {
        free(texts[i]);
    }
    free(texts);
    free(version_text);
    free(location_text);
    JDK_LEAVE();
}

void JVM_SetBootLoaderUnnamedModule(JNIEnv *env, jobject module)
{
    JDK_ENTER(env);
    (void)!(module != NULL ? jrt_set_boot_unnamed_module(thread, jrt_get(module))
                           : null_pointer(thread, "Null module object"));
    JDK_LEAVE();
}

void JVM_AddReadsModule(JNIEnv *env, jobject from, jobject to)
{
    JDK_ENTER(env);
    (void)!(from != NULL ? jrt_add_reads(thread, jrt_get(from), jrt_get(to))
                         : null_pointer(thread, "from_module is null"));
    JDK_LEAVE();
}

static void add_exports(JNIEnv *env, jobject from, jstring package, enum jrt_export_to kind,
                        jobject to)
{
    JDK_ENTER(env);
    char *text = text_of(jrt_get(package), true);
    if (from == NULL || package == NULL || (kind == JRT_EXPORT_TO && to == NULL)) {
        (void)null_pointer(thread, from == NULL      ? "from_module is null"
                                   : package == NULL ? "package is null"
                                                     : "to_module is null");
    } else if (text == NULL) {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
    } else {
        (void)!jrt_add_exports(thread, jrt_get(from), text, kind, jrt_get(to));
    }
    free(text);
    JDK_LEAVE();
}

void JVM_AddModuleExports(JNIEnv *env, jobject from, jstring package, jobject to)
{
    add_exports(env, from, package, JRT_EXPORT_TO, to);
}

void JVM_AddModuleExportsToAll(JNIEnv *env, jobject from, jstring package)
{
    add_exports(env, from, package, JRT_EXPORT_TO_ALL, NULL);
}

void JVM_AddModuleExportsToAllUnnamed(JNIEnv *env, jobject from, jstring package)
{
    add_exports(env, from, package, JRT_EXPORT_TO_ALL_UNNAMED, NULL);
}
