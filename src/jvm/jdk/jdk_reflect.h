/*
 * What reflection asks of classes: inner and nested ones, attributes as bytes, the fields of
 * java.lang.reflect's objects. IN_VM; NULL or false: an exception is pending.
 */
#pragma once

#include "jvm/classfile/jcf_class.h"
#include "jvm/jdk/jdk.h"

/* An entry of InnerClasses (JVMS 17 4.7.6): constants, 0 where there is none. */
struct jdk_inner {
    uint16_t inner, outer, name, flags;
};
/* The entry for the class itself; false: it is not in the attribute, or there is no attribute. */
bool jdk_own_inner(const struct jrt_class *class, struct jdk_inner *ret_inner);
/* Whether both agree that `inner` is a member of `outer`; else IncompatibleClassChangeError. */
bool jdk_check_inner(struct jrt_thread *thread, const struct jrt_class *outer,
                     const struct jrt_class *inner) ST_MUST_CHECK;

/* A list of classes; zeroed is empty. To be given back whether the call succeeded or not. */
struct jdk_list {
    job_offset_t *classes;
    uint32_t count, room;
};
void jdk_list_done(struct jdk_list *list);

/* The classes that are members of the class, in the order of its attribute. */
bool jdk_declared_classes(struct jrt_thread *thread, struct jrt_class *class,
                          struct jdk_list *ret_list) ST_MUST_CHECK;
/* The host of the class's nest, the class itself where it names none or a wrong one. NULL: an
 * exception that is no LinkageError is pending. */
struct jrt_class *jdk_nest_host(struct jrt_thread *thread, struct jrt_class *class) ST_MUST_CHECK;
/* The host first, then those of its members that there are and that agree. `host` NULL: false. */
bool jdk_nest_members(struct jrt_thread *thread, struct jrt_class *host,
                      struct jdk_list *ret_list) ST_MUST_CHECK;
/* The permitted subclasses that there are. */
bool jdk_permitted_subclasses(struct jrt_thread *thread, struct jrt_class *class,
                              struct jdk_list *ret_list) ST_MUST_CHECK;

/* Where the boot loader has a package from (jrt:/java.base, a jar's path): an interned String; NULL
 * without an exception: it has no classes of it. */
struct job_object *jdk_package_source(struct jrt_thread *thread, job_offset_t name);
/* A String[] of the boot loader's packages that have classes, in slashes. */
struct job_object *jdk_system_packages(struct jrt_thread *thread);

/* A byte[] of a part of the class file; NULL, maybe without an exception: the part is empty. */
struct job_object *jdk_bytes(struct jrt_thread *thread, const struct jrt_class *class,
                             struct jcf_range range);
/* The interned String of a name, its slashes made dots. */
struct job_object *jdk_dotted(struct jrt_thread *thread, job_offset_t symbol);

/* Stores into the field of that name and descriptor; false: NoSuchFieldError. */
bool jdk_set_ref(struct job_object *object, const char *name, const char *descriptor,
                 const struct job_object *value);
bool jdk_set_boolean(struct job_object *object, const char *name, bool value);

/* Whether a class has a file. */
static inline bool jdk_is_plain(const struct jrt_class *class)
{
    return (class->flags & (JRT_CLASS_ARRAY | JRT_CLASS_PRIMITIVE)) == 0;
}
/* What its file says; false: it has none. */
bool jdk_class_attributes(const struct jrt_class *class, struct jcf_class *ret_file);

/* Bits of access flags that reflection shows (ACC_SUPER's and the like have other meanings). */
enum { JDK_METHOD_MODIFIERS = 0x1dff, JDK_FIELD_MODIFIERS = 0x50df };
