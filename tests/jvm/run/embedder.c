/*
 * A program that embeds a Java machine: embedder LIBJVM OPTION... makes one, collects often, and
 * finds a class of the class path from a thread that it attaches, where no Java code has called.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "jvm/jdk/jdk_jni.h"

/* Places in the function tables (JNI specification, chapters 4 and 5). */
enum {
    FIND_CLASS = 6,
    GET_STATIC_METHOD_ID = 113,
    CALL_STATIC_VOID = 141,
    MONITOR_ENTER = 217,
    EXCEPTION_CHECK = 228
};
enum { DESTROY = 3, ATTACH = 4, DETACH = 5 };
enum { OPTIONS = 16, COLLECTIONS = 20 };

typedef jclass find_class_t(JNIEnv *env, const char *name);
typedef jboolean check_t(JNIEnv *env);
typedef jint enter_t(JNIEnv *env, jobject object);
typedef jmethodID method_t(JNIEnv *env, jclass class, const char *name, const char *descriptor);
typedef void call_t(JNIEnv *env, jclass class, jmethodID method, ...);
typedef jint create_t(JavaVM **ret_vm, void **ret_env, void *arguments);
typedef jint attach_t(JavaVM *vm, void **ret_env, void *arguments);
typedef jint leave_t(JavaVM *vm);

static void *function(const void *table_at, unsigned place)
{
    return (*(void *const *const *)table_at)[place];
}

static int collect(JNIEnv *env)
{
    jclass system = ((find_class_t *)function(env, FIND_CLASS))(env, "java/lang/System");
    jmethodID gc = ((method_t *)function(env, GET_STATIC_METHOD_ID))(env, system, "gc", "()V");
    for (int i = 0; i < COLLECTIONS; i++) {
        ((call_t *)function(env, CALL_STATIC_VOID))(env, system, gc);
    }
    return ((check_t *)function(env, EXCEPTION_CHECK))(env) != 0;
}

/* What a thread has entered is free when it detaches, however often it was. */
static jint enter(void *env)
{
    jclass class = ((find_class_t *)function(env, FIND_CLASS))(env, "Ends");
    jint first = ((enter_t *)function(env, MONITOR_ENTER))(env, class);
    jint second = ((enter_t *)function(env, MONITOR_ENTER))(env, class);
    return first | second;
}

/* NULL, or what went wrong. */
static void *find(void *vm)
{
    static char not_attached[] = "not attached";
    static char not_found[] = "Ends is not found";
    void *env;
    if (((attach_t *)function(vm, ATTACH))(vm, &env, NULL) != JNI_OK) {
        return not_attached;
    }
    jclass class = ((find_class_t *)function(env, FIND_CLASS))(env, "Ends");
    (void)enter(env);
    (void)((leave_t *)function(vm, DETACH))(vm);
    return class != NULL ? NULL : not_found;
}

int main(int argc, char **argv)
{
    JavaVMOption options[OPTIONS];
    JavaVMInitArgs arguments = {.version = JDK_JNI_VERSION, .options = options};
    void *library = argc > 1 ? dlopen(argv[1], RTLD_NOW) : NULL;
    JavaVM *vm;
    void *env;
    void *failure = NULL;
    pthread_t thread;
    if (library == NULL || argc - 2 > OPTIONS) {
        (void)fprintf(stderr, "%s\n", library == NULL ? dlerror() : "too many options");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        options[arguments.nOptions++] = (JavaVMOption){.optionString = argv[i]};
    }
    create_t *create = (create_t *)dlsym(library, "JNI_CreateJavaVM");
    if (create(&vm, &env, &arguments) != JNI_OK || collect(env) != 0) {
        return 1;
    }
    (void)pthread_create(&thread, NULL, find, vm);
    (void)pthread_join(thread, &failure);
    (void)printf("%s\n", failure != NULL ? (const char *)failure : "found");
    (void)printf("entered %d\n", enter(env));
    if (((leave_t *)function(vm, DESTROY))(vm) != JNI_OK) {
        return 1;
    }
    /* What libraries do that clean up after their threads, when the machine is gone. */
    (void)printf("detached %d\n", ((leave_t *)function(vm, DETACH))(vm));
    (void)printf("attached %d\n", ((attach_t *)function(vm, ATTACH))(vm, &env, NULL));
    return 0;
}
