/* JVM_ functions of java.lang.Class and ClassLoader: finding and defining classes, what a class is.
 */
#include <string.h>

#include "jvm/classfile/jcf_flags.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_jni.h"
#include "jvm/jdk/jdk_reflect.h"
#include "jvm/jdk/jvm.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_alloc.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader.h"
#include "jvm/runtime/jrt_module.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_symbol.h"
#include "jvm/runtime/jrt_throw.h"

/* ---- finding ---- */

jclass JVM_FindPrimitiveClass(JNIEnv *env, const char *name)
{
    static const char *const names[JRT_VOID + 1] = {
        [JRT_BOOLEAN] = "boolean", [JRT_CHAR] = "char", [JRT_FLOAT] = "float",
        [JRT_DOUBLE] = "double",   [JRT_BYTE] = "byte", [JRT_SHORT] = "short",
        [JRT_INT] = "int",         [JRT_LONG] = "long", [JRT_VOID] = "void"};
    JDK_ENTER(env);
    const struct jrt_class *class = NULL;
    for (unsigned i = JRT_BOOLEAN; i <= JRT_VOID && class == NULL; i++) {
        if (names[i] != NULL && name != NULL && strcmp(names[i], name) == 0) {
            class = jrt_known.primitive[i];
        }
    }
    if (class == NULL) {
        (void)jrt_throw(thread, JRT_ClassNotFoundException, "%s", name != NULL ? name : "null");
    }
    JDK_RETURN(jdk_local_class(thread, class));
}

jclass JVM_FindClassFromBootLoader(JNIEnv *env, const char *name)
{
    size_t length = name != NULL ? strlen(name) : 0;
    if (length == 0 || length > UINT16_MAX) {
        return NULL;
    }
    JDK_ENTER(env);
    JDK_RETURN(jdk_local_class(thread, jrt_boot_class(thread, jrt_symbol_of(name))));
}

/* Loads a class by name; a missing one is ClassNotFoundException, its message with dots where a
 * loader threw it. */
static jclass find_class(struct jrt_thread *thread, const char *name, bool init,
                         struct job_object *loader, const struct jrt_class *caller)
{
    size_t length = name != NULL ? strlen(name) : 0;
    if (length == 0 || length > UINT16_MAX) {
        (void)jrt_throw(thread, JRT_NoClassDefFoundError, "%.200s", name != NULL ? name : "");
        return NULL;
    }
    struct jrt_loader *in = jrt_loader_of(thread, loader);
    struct jrt_class *class = in != NULL ? jrt_load_class(thread, in, jrt_symbol_of(name)) : NULL;
    if (class != NULL && caller != NULL && in != NULL &&
        !jrt_check_package(thread, in, jrt_protection_domain(caller), class)) {
        return NULL;
    }
    if (class == NULL || (init && !jrt_init_class(thread, class))) {
        return NULL;
    }
    return jdk_local_class(thread, class);
}

jclass JVM_FindClassFromCaller(JNIEnv *env, const char *name, jboolean init, jobject loader,
                               jclass caller)
{
    JDK_ENTER(env);
    JDK_RETURN(find_class(thread, name, init != 0, jrt_get(loader),
                          caller != NULL ? jdk_class(caller) : NULL));
}

jclass JVM_FindClassFromClass(JNIEnv *env, const char *name, jboolean init, jclass from)
{
    JDK_ENTER(env);
    const struct jrt_class *class = from != NULL ? jdk_class(from) : NULL;
    struct job_object *loader =
        class != NULL ? jrt_loader_object((const struct jrt_loader *)job_at(class->loader)) : NULL;
    jclass found = find_class(thread, name, init != 0, loader, class);
    if (found == NULL && jrt_pending_is(thread, JRT_ClassNotFoundException)) {
        (void)jrt_throw_caused(thread, JRT_NoClassDefFoundError, "%s", name);
    }
    JDK_RETURN(found);
}

jclass JVM_FindLoadedClass(JNIEnv *env, jobject loader, jstring name)
{
    JDK_ENTER(env);
    job_offset_t symbol = name != NULL ? jrt_string_symbol(jrt_get(name), true) : 0;
    struct jrt_loader *in = symbol != 0 ? jrt_loader_of(thread, jrt_get(loader)) : NULL;
    JDK_RETURN(in != NULL ? jdk_local_class(thread, jrt_loaded_class(in, symbol)) : NULL);
}

bool jdk_check_class_name(struct jrt_thread *thread, const char *name)
{
    return name == NULL || strlen(name) <= UINT16_MAX ||
           jrt_throw(thread, JRT_NoClassDefFoundError,
                     "Class name exceeds maximum length of %d: %.200s", UINT16_MAX, name);
}

jclass JVM_DefineClassWithSource(JNIEnv *env, const char *name, jobject loader, const jbyte *bytes,
                                 jsize size, jobject domain, const char *source)
{
    JDK_ENTER(env);
    struct jrt_loader *in =
        jdk_check_class_name(thread, name) ? jrt_loader_of(thread, jrt_get(loader)) : NULL;
    struct jrt_definition definition = {.bytes = (const uint8_t *)bytes,
                                        .size = (size_t)size,
                                        .name =
                                            in != NULL && name != NULL ? jrt_symbol_of(name) : 0,
                                        .source = source,
                                        .protection_domain = jrt_get(domain)};
    JDK_RETURN(
        jdk_local_class(thread, in != NULL ? jrt_define_class(thread, in, &definition) : NULL));
}

jclass JVM_DefineClass(JNIEnv *env, const char *name, jobject loader, const jbyte *bytes,
                       jsize size, jobject domain)
{
    return JVM_DefineClassWithSource(env, name, loader, bytes, size, domain, NULL);
}

enum { NESTMATE = 1, HIDDEN = 2, STRONG = 4, VM_ANNOTATIONS = 8 };

jclass JVM_LookupDefineClass(JNIEnv *env, jclass lookup, const char *name, const jbyte *bytes,
                             jsize size, jobject domain, jboolean init, int flags,
                             jobject class_data)
{
    JDK_ENTER(env);
    struct jrt_class *host = jdk_class(lookup);
    bool hidden = (flags & HIDDEN) != 0;
    if (!hidden && (flags != STRONG || class_data != NULL)) {
        (void)jrt_throw(thread, JRT_IllegalArgumentException,
                        "an ordinary class is strong and has no class data (flags %d)", flags);
        JDK_RETURN((jclass)NULL);
    }
    struct jrt_definition definition = {.bytes = (const uint8_t *)bytes,
                                        .size = (size_t)size,
                                        .name = name != NULL ? jrt_symbol_of(name) : 0,
                                        .protection_domain = jrt_get(domain),
                                        .lookup = host,
                                        .hidden = hidden,
                                        .nestmate = (flags & NESTMATE) != 0,
                                        .strong = (flags & STRONG) != 0,
                                        .vm_annotations = (flags & VM_ANNOTATIONS) != 0,
                                        .class_data = jrt_get(class_data)};
    struct jrt_class *class =
        jrt_define_class(thread, (struct jrt_loader *)job_at(host->loader), &definition);
    jclass local = jdk_local_class(thread, class); /* a hidden class lives by it alone */
    if (local != NULL &&
        ((hidden && !jrt_link_class(thread, class)) || (init && !jrt_init_class(thread, class)))) {
        local = NULL;
    }
    JDK_RETURN(local);
}

/* ---- what a class is ---- */

jstring JVM_InitClassName(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct job_object *string = jrt_intern_name(thread, jdk_class(of));
    if (string != NULL) {
        jrt_set_ref(jrt_get(of), JRT_AT(Class, name), string);
    }
    JDK_RETURN(jrt_local(thread, string));
}

/* A Class[] of `count` classes by offset. */
static jobject class_array(struct jrt_thread *thread, const job_offset_t *classes, uint32_t count)
{
    struct job_array *array = jrt_new_array(thread, jrt_known.class_array, (int32_t)count);
    for (uint32_t i = 0; array != NULL && i < count; i++) {
        jgc_store(&array->object, (jref_t *)job_elements(array) + i,
                  jrt_class_at(classes[i])->object.mirror);
    }
    return array != NULL ? jrt_local(thread, &array->object) : NULL;
}

jobject JVM_GetClassInterfaces(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    const struct jrt_class *class = jdk_class(of);
    if ((class->flags & JRT_CLASS_ARRAY) != 0) {
        const job_offset_t arrays[] = {job_offset(jrt_known.class[JRT_Cloneable]),
                                       job_offset(jrt_known.class[JRT_Serializable])};
        JDK_RETURN(class_array(thread, arrays, 2));
    }
    JDK_RETURN(class_array(thread, job_at(class->interfaces), class->interface_count));
}

jboolean JVM_IsInterface(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jboolean)((jdk_class(of)->access & JCF_ACC_INTERFACE) != 0));
}

jboolean JVM_IsArrayClass(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jboolean)((jdk_class(of)->flags & JRT_CLASS_ARRAY) != 0));
}

jboolean JVM_IsPrimitiveClass(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jboolean)((jdk_class(of)->flags & JRT_CLASS_PRIMITIVE) != 0));
}

jboolean JVM_IsHiddenClass(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jboolean)((jdk_class(of)->flags & JRT_CLASS_HIDDEN) != 0));
}

jobject JVM_GetClassSigners(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct job_object *signers = jrt_ref(jrt_get(of), JRT_AT(Class, signers));
    JDK_RETURN(signers != NULL ? jrt_local(thread, jrt_clone(thread, signers)) : NULL);
}

void JVM_SetClassSigners(JNIEnv *env, jclass of, jobject signers)
{
    JDK_ENTER(env);
    if (jdk_is_plain(jdk_class(of))) {
        jrt_set_ref(jrt_get(of), JRT_AT(Class, signers), jrt_get(signers));
    }
    JDK_LEAVE();
}

jobject JVM_GetProtectionDomain(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jrt_ref(jrt_get(of), JRT_AT(Class, protectionDomain))));
}

jint JVM_GetClassAccessFlags(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jint)jdk_class(of)->access);
}

/* Flags of Class.getModifiers: of an inner class those that its InnerClasses attribute tells. */
static jint modifiers_of(const struct jrt_class *class)
{
    enum { MEMBER_FLAGS = JCF_ACC_PUBLIC | JCF_ACC_PRIVATE | JCF_ACC_PROTECTED };
    if ((class->flags & JRT_CLASS_PRIMITIVE) != 0) {
        return JCF_ACC_PUBLIC | JCF_ACC_FINAL | JCF_ACC_ABSTRACT;
    }
    if ((class->flags & JRT_CLASS_ARRAY) != 0) {
        jint element = modifiers_of(jrt_class_at(class->element));
        return (element & MEMBER_FLAGS) | JCF_ACC_FINAL | JCF_ACC_ABSTRACT;
    }
    struct jdk_inner inner;
    jint flags = jdk_own_inner(class, &inner) ? inner.flags : class->access;
    return flags & ~JCF_ACC_SUPER & 0xffff;
}

jint JVM_GetClassModifiers(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN(modifiers_of(jdk_class(of)));
}

/* ---- inner and enclosing classes ---- */

jobject JVM_GetDeclaredClasses(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jdk_list found = {.count = 0};
    bool good = !jdk_is_plain(class) || jdk_declared_classes(thread, class, &found);
    jobject array = good ? class_array(thread, found.classes, found.count) : NULL;
    jdk_list_done(&found);
    JDK_RETURN(array);
}

jclass JVM_GetDeclaringClass(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jdk_inner inner;
    const struct jrt_class *outer = NULL;
    if (jdk_is_plain(class) && jdk_own_inner(class, &inner) && inner.outer != 0) {
        outer = jrt_resolve_class(thread, class, inner.outer);
        if (outer != NULL && !jdk_check_inner(thread, outer, class)) {
            outer = NULL;
        }
    }
    JDK_RETURN(jdk_local_class(thread, outer));
}

jstring JVM_GetSimpleBinaryName(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jdk_inner inner;
    struct job_object *name = NULL;
    if (jdk_is_plain(class) && jdk_own_inner(class, &inner) && inner.name != 0) {
        name = jrt_intern_symbol(thread, jrt_pool_symbol(class, inner.name));
    }
    JDK_RETURN(jrt_local(thread, name));
}

jobject JVM_GetEnclosingMethodInfo(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jcf_class file;
    if (!jdk_class_attributes(class, &file)) {
        JDK_RETURN((jobject)NULL);
    }
    if (file.enclosing_class == 0) {
        JDK_RETURN((jobject)NULL);
    }
    struct job_array *array = jrt_new_array(thread, jrt_known.object_array, 3);
    struct jrt_class *outer =
        array != NULL ? jrt_resolve_class(thread, class, file.enclosing_class) : NULL;
    if (outer == NULL) {
        JDK_RETURN((jobject)NULL);
    }
    jref_t *elements = job_elements(array);
    jgc_store(&array->object, &elements[0], outer->object.mirror);
    if (file.enclosing_method != 0) {
        struct jrt_member_name member;
        struct job_object *name = NULL;
        struct job_object *descriptor = NULL;
        if (jrt_pool_member(class, file.enclosing_method, &member)) {
            name = jrt_intern_symbol(thread, member.name);
            descriptor = name != NULL ? jrt_intern_symbol(thread, member.descriptor) : NULL;
        }
        if (descriptor == NULL) {
            JDK_RETURN((jobject)NULL);
        }
        jgc_store(&array->object, &elements[1], job_to_ref(name));
        jgc_store(&array->object, &elements[2], job_to_ref(descriptor));
    }
    JDK_RETURN(jrt_local(thread, &array->object));
}

/* ---- attributes as they are ---- */

jstring JVM_GetClassSignature(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct job_object *signature = NULL;
    struct jcf_class file;
    if (jdk_class_attributes(class, &file) && file.signature != 0) {
        signature = jrt_intern_symbol(thread, jrt_pool_symbol(class, file.signature));
    }
    JDK_RETURN(jrt_local(thread, signature));
}

jobject JVM_GetClassAnnotations(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jcf_class file;
    if (!jdk_class_attributes(class, &file)) {
        JDK_RETURN((jobject)NULL);
    }
    JDK_RETURN(jrt_local(thread, jdk_bytes(thread, class, file.annotations.visible)));
}

jobject JVM_GetClassTypeAnnotations(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jcf_class file;
    if (!jdk_class_attributes(class, &file)) {
        JDK_RETURN((jobject)NULL);
    }
    JDK_RETURN(jrt_local(thread, jdk_bytes(thread, class, file.annotations.visible_types)));
}

/* ---- nests, records, sealed classes ---- */

jboolean JVM_AreNestMates(JNIEnv *env, jclass one, jclass other)
{
    JDK_ENTER(env);
    struct jrt_class *a = jdk_class(one);
    struct jrt_class *b = jdk_class(other);
    JDK_RETURN((jboolean)(jdk_nest_host(thread, a) == jdk_nest_host(thread, b)));
}

jclass JVM_GetNestHost(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN(jdk_local_class(thread, jdk_nest_host(thread, jdk_class(of))));
}

jobject JVM_GetNestMembers(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jdk_list found = {.count = 0};
    bool good = jdk_nest_members(thread, jdk_nest_host(thread, jdk_class(of)), &found);
    jobject array = good ? class_array(thread, found.classes, found.count) : NULL;
    jdk_list_done(&found);
    JDK_RETURN(array);
}

jboolean JVM_IsRecord(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    JDK_RETURN((jboolean)((jdk_class(of)->flags & JRT_CLASS_RECORD) != 0));
}

jobject JVM_GetPermittedSubclasses(JNIEnv *env, jclass of)
{
    JDK_ENTER(env);
    struct jrt_class *class = jdk_class(of);
    struct jdk_list found = {.count = 0};
    if (!jdk_is_plain(class) || (class->flags & JRT_CLASS_SEALED) == 0) {
        JDK_RETURN((jobject)NULL);
    }
    bool good = jdk_permitted_subclasses(thread, class, &found);
    jobject array = good ? class_array(thread, found.classes, found.count) : NULL;
    jdk_list_done(&found);
    JDK_RETURN(array);
}

/* ---- packages of the boot loader ---- */

jstring JVM_GetSystemPackage(JNIEnv *env, jstring name)
{
    JDK_ENTER(env);
    job_offset_t symbol = jrt_string_symbol(jrt_get(name), true);
    JDK_RETURN(symbol != 0 ? jrt_local(thread, jdk_package_source(thread, symbol)) : NULL);
}

jobject JVM_GetSystemPackages(JNIEnv *env)
{
    JDK_ENTER(env);
    JDK_RETURN(jrt_local(thread, jdk_system_packages(thread)));
}
