/*
 * Native methods of Natives.java: they call functions of JNI by their places in the table, also
 * with an exception pending, and return what those did.
 */
#include <stdint.h>

#include "jvm/jdk/jdk_jni.h"

enum { FIND_CLASS = 6, THROW_NEW = 14, GET_UTF = 169, RELEASE_UTF = 170, EXCEPTION_CHECK = 228 };

typedef jclass find_class_t(JNIEnv *env, const char *name);
typedef jint throw_new_t(JNIEnv *env, jclass class, const char *message);
typedef jboolean check_t(JNIEnv *env);
typedef const char *get_t(JNIEnv *env, jstring string, jboolean *ret_copied);
typedef void release_t(JNIEnv *env, jstring string, const char *text);
typedef uint64_t on_text_t(JNIEnv *env, const char *text);
typedef uint64_t on_object_t(JNIEnv *env, jobject object, const char *name, const char *descriptor);
typedef jint on_word_t(JNIEnv *env, uintptr_t word);
typedef jobject call_t(JNIEnv *env, jobject object, uint64_t method);

static void *function(JNIEnv *env, jint place)
{
    return (*(void *const *const *)env)[place];
}

static const char *text_of(JNIEnv *env, jstring string)
{
    return string != NULL ? ((get_t *)function(env, GET_UTF))(env, string, NULL) : NULL;
}

static void done(JNIEnv *env, jstring string, const char *text)
{
    if (text != NULL) {
        ((release_t *)function(env, RELEASE_UTF))(env, string, text);
    }
}

static void make_pending(JNIEnv *env, jboolean pending)
{
    if (pending) {
        jclass class = ((find_class_t *)function(env, FIND_CLASS))(env, "java/lang/Exception");
        (void)((throw_new_t *)function(env, THROW_NEW))(env, class, "earlier");
    }
}

JDK_EXPORT jboolean Java_Natives_onText(JNIEnv *env, jclass self, jboolean pending, jint place,
                                        jstring of);
JDK_EXPORT jboolean Java_Natives_onText(JNIEnv *env, jclass self ST_UNUSED, jboolean pending,
                                        jint place, jstring of)
{
    const char *text = text_of(env, of);
    make_pending(env, pending);
    uint64_t result = ((on_text_t *)function(env, place))(env, text);
    done(env, of, text);
    return result != 0;
}

JDK_EXPORT jboolean Java_Natives_onObject(JNIEnv *env, jclass self, jboolean pending, jint place,
                                          jobject object, jstring name, jstring descriptor);
JDK_EXPORT jboolean Java_Natives_onObject(JNIEnv *env, jclass self ST_UNUSED, jboolean pending,
                                          jint place, jobject object, jstring name,
                                          jstring descriptor)
{
    const char *one = text_of(env, name);
    const char *other = text_of(env, descriptor);
    make_pending(env, pending);
    uint64_t result = ((on_object_t *)function(env, place))(env, object, one, other);
    done(env, name, one);
    done(env, descriptor, other);
    return result != 0;
}

JDK_EXPORT jint Java_Natives_onWord(JNIEnv *env, jclass self, jint place, jobject object,
                                    jint number);
/* A function of an object, or of a number where that is null. */
JDK_EXPORT jint Java_Natives_onWord(JNIEnv *env, jclass self ST_UNUSED, jint place, jobject object,
                                    jint number)
{
    uintptr_t word = object != NULL ? (uintptr_t)object : (uintptr_t)number;
    return ((on_word_t *)function(env, place))(env, word);
}

JDK_EXPORT jboolean Java_Natives_callPending(JNIEnv *env, jclass self, jobject object,
                                             jclass class);
/* A call of run() while an exception is pending. */
JDK_EXPORT jboolean Java_Natives_callPending(JNIEnv *env, jclass self ST_UNUSED, jobject object,
                                             jclass class)
{
    enum { GET_METHOD_ID = 33, CALL_VOID = 61 };
    make_pending(env, true);
    uint64_t run = ((on_object_t *)function(env, GET_METHOD_ID))(env, class, "run", "()V");
    (void)((call_t *)function(env, CALL_VOID))(env, object, run);
    return ((check_t *)function(env, EXCEPTION_CHECK))(env);
}

JDK_EXPORT jint Java_Natives_register(JNIEnv *env, jclass self, jclass class, jstring name,
                                      jstring descriptor);
JDK_EXPORT jint Java_Natives_register(JNIEnv *env, jclass self ST_UNUSED, jclass class,
                                      jstring name, jstring descriptor)
{
    enum { REGISTER_NATIVES = 215 };
    typedef jint register_t(JNIEnv *, jclass, const JNINativeMethod *, jint);
    JNINativeMethod row = {text_of(env, name), text_of(env, descriptor), (void *)done};
    jint result = ((register_t *)function(env, REGISTER_NATIVES))(env, class, &row, 1);
    done(env, name, row.name);
    done(env, descriptor, row.signature);
    return result;
}
