/* JNI: strings (JNI specification, chapter 4, "String operations"). Characters are handed out as
 * copies. */
#include <stdlib.h>
#include <string.h>

#include "jvm/classfile/jcf_utf8.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"

enum {
    NEW_STRING = 163,
    GET_STRING_LENGTH,
    GET_STRING_CHARS,
    RELEASE_STRING_CHARS,
    NEW_STRING_UTF,
    GET_STRING_UTF_LENGTH,
    GET_STRING_UTF_CHARS,
    RELEASE_STRING_UTF_CHARS,
    GET_STRING_REGION = 220,
    GET_STRING_UTF_REGION,
    GET_STRING_CRITICAL = 224,
    RELEASE_STRING_CRITICAL
};

static jstring NewString(JNIEnv *env, const jchar *chars, jsize length)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jrt_string_utf16(thread, chars, length)));
}

static jstring NewStringUTF(JNIEnv *env, const char *text)
{
    if (text == NULL) {
        return NULL;
    }
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jrt_string_of(thread, text)));
}

static jsize GetStringLength(JNIEnv *env, jstring string)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_string_length(jdk_get(string)));
}

static jsize GetStringUTFLength(JNIEnv *env, jstring string)
{
    JDK_ENTER(env);
    JDK_RETURN((jsize)jrt_string_utf8_length(jdk_get(string)));
}

static const jchar *GetStringChars(JNIEnv *env, jstring string, jboolean *is_copy)
{
    JDK_ENTER(env);
    const struct job_object *from = jdk_get(string);
    jint length = jrt_string_length(from);
    jchar *chars = malloc(((size_t)length + 1) * sizeof *chars);
    if (chars != NULL) {
        for (jint i = 0; i < length; i++) {
            chars[i] = jrt_string_char(from, i);
        }
        chars[length] = 0;
        if (is_copy != NULL) {
            *is_copy = 1;
        }
    } else {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    JDK_RETURN(chars);
}

static const char *GetStringUTFChars(JNIEnv *env, jstring string, jboolean *is_copy)
{
    JDK_ENTER(env);
    const struct job_object *from = jdk_get(string);
    size_t bytes = jrt_string_utf8_length(from) + 1;
    char *text = malloc(bytes);
    if (text != NULL) {
        (void)jrt_string_utf8(from, text, bytes);
        if (is_copy != NULL) {
            *is_copy = 1;
        }
    } else {
        (void)jrt_throw_oom(thread, JRT_OOM_HEAP);
    }
    JDK_RETURN(text);
}

static void release(JNIEnv *env ST_UNUSED, jstring string ST_UNUSED, void *chars)
{
    free(chars);
}

static bool in_bounds(struct jrt_thread *thread, const struct job_object *string, jsize at,
                      jsize count)
{
    jint length = jrt_string_length(string);
    return (at >= 0 && count >= 0 && at <= length - count) ||
           jrt_throw_class(thread, jrt_known_class(thread, JRT_StringIndexOutOfBoundsException),
                           NULL);
}

static void GetStringRegion(JNIEnv *env, jstring string, jsize at, jsize count, jchar *chars)
{
    JDK_ENTER(env);
    const struct job_object *from = jdk_get(string);
    bool good = in_bounds(thread, from, at, count);
    for (jsize i = 0; good && i < count; i++) {
        chars[i] = jrt_string_char(from, at + i);
    }
    JDK_LEAVE();
}

static void GetStringUTFRegion(JNIEnv *env, jstring string, jsize at, jsize count, char *text)
{
    JDK_ENTER(env);
    const struct job_object *from = jdk_get(string);
    if (in_bounds(thread, from, at, count)) {
        for (jsize i = 0; i < count; i++) {
            uint16_t unit = jrt_string_char(from, at + i);
            text += jcf_utf8_encode(&unit, 1, (uint8_t *)text);
        }
        *text = '\0';
    }
    JDK_LEAVE();
}

void jdk_jni_fill_strings(void **table)
{
    table[NEW_STRING] = (void *)NewString;
    table[GET_STRING_LENGTH] = (void *)GetStringLength;
    table[GET_STRING_CHARS] = (void *)GetStringChars;
    table[RELEASE_STRING_CHARS] = (void *)release;
    table[NEW_STRING_UTF] = (void *)NewStringUTF;
    table[GET_STRING_UTF_LENGTH] = (void *)GetStringUTFLength;
    table[GET_STRING_UTF_CHARS] = (void *)GetStringUTFChars;
    table[RELEASE_STRING_UTF_CHARS] = (void *)release;
    table[GET_STRING_REGION] = (void *)GetStringRegion;
    table[GET_STRING_UTF_REGION] = (void *)GetStringUTFRegion;
    table[GET_STRING_CRITICAL] = (void *)GetStringChars;
    table[RELEASE_STRING_CRITICAL] = (void *)release;
}
