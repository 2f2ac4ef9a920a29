/*
 * libjvm.so: what a launcher or an embedding program calls (JNI specification, chapter 5,
 * "Invocation API"), and what the machine leaves to a program: printing and ending.
 */
#include <stdio.h>
#include <stdlib.h>

#include "jvm/jdk/jdk.h"

static const struct jdk_host host = {.print = vfprintf, .exit = exit, .abort = abort};

JDK_EXPORT jint JNI_CreateJavaVM(JavaVM **ret_vm, void **ret_env, void *arguments);
JDK_EXPORT jint JNI_GetDefaultJavaVMInitArgs(void *arguments);
JDK_EXPORT jint JNI_GetCreatedJavaVMs(JavaVM **ret_vms, jsize room, jsize *ret_count);

jint JNI_CreateJavaVM(JavaVM **ret_vm, void **ret_env, void *arguments)
{
    jdk_host = &host;
    return jdk_create(ret_vm, ret_env, arguments);
}

jint JNI_GetDefaultJavaVMInitArgs(void *arguments)
{
    return jdk_default_arguments(arguments);
}

jint JNI_GetCreatedJavaVMs(JavaVM **ret_vms, jsize room, jsize *ret_count)
{
    return jdk_created(ret_vms, room, ret_count);
}
