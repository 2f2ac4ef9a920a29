/* The JNI function table. Its parts fill their functions in; a test walks it for holes. */
#include "jvm/jdk/jdk_jni.h"

const void *jdk_jni_table(void)
{
    static void *table[JDK_JNI_FUNCTIONS];
    jdk_jni_fill_objects(table);
    jdk_jni_fill_calls(table);
    jdk_jni_fill_fields(table);
    jdk_jni_fill_strings(table);
    jdk_jni_fill_arrays(table);
    return table;
}
