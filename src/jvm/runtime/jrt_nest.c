/*
 * Access control (JVMS 17 5.4.4) and nests.
 */
#include "jvm/runtime/jrt_nest.h"

#include "base/print.h"
#include "jvm/classfile/jcf_class.h"
#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve.h"
#include "jvm/runtime/jrt_string.h"
#include "jvm/runtime/jrt_throw.h"

bool jrt_can_access_class(const struct jrt_class *from, const struct jrt_class *to)
{
    while (to->flags & JRT_CLASS_ARRAY) {
        to = jrt_class_at(to->element);
    }
    if (from == to || jrt_same_package(from, to) || (to->flags & JRT_CLASS_PRIMITIVE)) {
        return true;
    }
    if ((to->access & JCF_ACC_PUBLIC) && jrt_module_access(from, to) == JRT_ACCESS_OK) {
        return true;
    }
    return (from->flags & JRT_CLASS_MAGIC) != 0;
}

/* 5.4.4: the host lists the class in NestMembers. By name: they have the same loader. */
static bool lists_member(const struct jrt_class *host, const struct jrt_class *member)
{
    struct jcf_class attributes;
    if (!host->file) {
        return false;
    }
    jrt_class_attributes(host, &attributes);
    for (uint32_t i = 0; i < attributes.nest_members.length; i += 2) {
        uint16_t index = jcf_u2(attributes.bytes + attributes.nest_members.at + i);
        if (jrt_pool_named(host, index) == member->name) {
            return true;
        }
    }
    return false;
}

/* The NestHost's index in the constant pool; 0: none, or it does not count. */
static uint16_t nest_host_index(const struct jrt_class *class)
{
    struct jcf_class attributes;
    if (!class->file || (class->flags & JRT_CLASS_HIDDEN)) {
        return 0;
    }
    jrt_class_attributes(class, &attributes);
    return attributes.nest_host;
}

/* Why a class is not the host that another says it is; NULL: it is. */
static const char *no_host(const struct jrt_class *host, const struct jrt_class *member)
{
    if (host->flags & JRT_CLASS_ARRAY) {
        return "host is not an instance class";
    }
    if (!jrt_same_package(host, member)) {
        return "types are in different packages";
    }
    return lists_member(host, member) ? NULL : "current type is not listed as a nest member";
}

struct jrt_class *jrt_nest_host(struct jrt_thread *thread, struct jrt_class *class)
{
    job_offset_t known = __atomic_load_n(&class->nest_host, __ATOMIC_ACQUIRE);
    if (known) {
        return jrt_class_at(known);
    }
    struct jrt_class *host = class;
    uint16_t index = nest_host_index(class);
    if (index) {
        host = jrt_resolve_class(thread, class, index);
        /* An error of loading it makes the class its own host; one of the machine is thrown. */
        if (!host && !jrt_pending_is(thread, JRT_LinkageError)) {
            return NULL;
        }
        if (!host) {
            (void)jrt_catch(thread);
        }
        host = host && !no_host(host, class) ? host : class;
    }
    __atomic_store_n(&class->nest_host, job_offset(host), __ATOMIC_RELEASE);
    return host;
}

static const char *load_error_text(struct jrt_thread *thread, const struct jrt_class *class,
                                   uint16_t index, char *text, uint32_t size)
{
    char name[JRT_MESSAGE_BYTES];
    char error[JRT_MESSAGE_BYTES];
    char message[JRT_MESSAGE_BYTES] = "";
    const struct job_object *thrown = jrt_catch(thread);
    const struct job_object *said = jrt_ref(thrown, JRT_AT(Throwable, detailMessage));
    if (said) {
        (void)jrt_string_utf8(said, message, sizeof(message));
    }
    (void)st_snprintf(text, size, "Nest host resolution of %s with host %s failed: %s: %s",
                      jrt_external_name(class, name, sizeof(name)),
                      jrt_text(jrt_pool_named(class, index)),
                      jrt_external_name(jrt_class_of(thrown), error, sizeof(error)), message);
    return text;
}

/* What is wrong with a class's NestHost; "": nothing. NULL: an exception is pending. */
static const char *host_error_text(struct jrt_thread *thread, struct jrt_class *class, char *text,
                                   uint32_t size)
{
    uint16_t index = nest_host_index(class);
    if (!index) {
        return "";
    }
    const struct jrt_class *host = jrt_resolve_class(thread, class, index);
    if (!host) {
        return jrt_pending_is(thread, JRT_LinkageError)
                   ? load_error_text(thread, class, index, text, size)
                   : NULL;
    }
    const char *why = no_host(host, class);
    if (!why) {
        return "";
    }
    char name[JRT_MESSAGE_BYTES];
    char host_name[JRT_MESSAGE_BYTES];
    char loader[JRT_MESSAGE_BYTES];
    char host_loader[JRT_MESSAGE_BYTES];
    (void)st_snprintf(
        text, size, "Type %s (loader: %s) is not a nest member of type %s (loader: %s): %s",
        jrt_external_name(class, name, sizeof(name)),
        jrt_loader_text(jrt_loader_at(class->loader), loader, sizeof(loader)),
        jrt_external_name(host, host_name, sizeof(host_name)),
        jrt_loader_text(jrt_loader_at(host->loader), host_loader, sizeof(host_loader)), why);
    return text;
}

const char *jrt_nest_error_text(struct jrt_thread *thread, struct jrt_class *from,
                                struct jrt_class *to, char *text, uint32_t size)
{
    char one_text[4 * JRT_MESSAGE_BYTES];
    char other_text[4 * JRT_MESSAGE_BYTES];
    const char *one = host_error_text(thread, from, one_text, sizeof(one_text));
    const char *other = one ? host_error_text(thread, to, other_text, sizeof(other_text)) : NULL;
    if (!other) {
        return NULL;
    }
    if (!one[0] && !other[0]) {
        return "";
    }
    (void)st_snprintf(text, size, ", (%s%s%s)", one, one[0] && other[0] ? ", " : "", other);
    return text;
}

static bool same_nest(struct jrt_thread *thread, const struct jrt_class *one,
                      const struct jrt_class *other)
{
    if (one == other) {
        return true;
    }
    const struct jrt_class *host = jrt_nest_host(thread, (struct jrt_class *)one);
    return host && jrt_nest_host(thread, (struct jrt_class *)other) == host;
}

bool jrt_can_access_member(struct jrt_thread *thread, const struct jrt_class *from,
                           const struct jrt_class *through, const struct jrt_class *declaring,
                           uint16_t access)
{
    if (from == declaring || (access & JCF_ACC_PUBLIC)) {
        return true;
    }
    if (access & JCF_ACC_PROTECTED) {
        if (jrt_same_package(from, declaring)) {
            return true;
        }
        if (jrt_is_subtype(from, declaring) && !jrt_is_interface(declaring) &&
            ((access & JCF_ACC_STATIC) || jrt_is_subtype(through, from) ||
             jrt_is_subtype(from, through))) {
            return true;
        }
    } else if (!(access & JCF_ACC_PRIVATE) && jrt_same_package(from, declaring)) {
        return true;
    }
    if ((access & JCF_ACC_PRIVATE) && same_nest(thread, from, declaring)) {
        return true;
    }
    return !jrt_failed(thread) && (from->flags & JRT_CLASS_MAGIC);
}
