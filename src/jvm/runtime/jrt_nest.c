/*
 * Access control (JVMS 17 5.4.4) and nests.
 */
#include "jvm/runtime/jrt_nest.h"
#include "base/print.h"
#include "jvm/classfile/jcf_class.h"
#include "jvm/runtime/jrt_class_priv.h"
#include "jvm/runtime/jrt_file.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_message.h"
#include "jvm/runtime/jrt_pool.h"
#include "jvm/runtime/jrt_resolve_priv.h"
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

struct jrt_class *jrt_nest_host(struct jrt_thread *thread, struct jrt_class *class)
{
    job_offset_t known = __atomic_load_n(&class->nest_host, __ATOMIC_ACQUIRE);
    if (known) {
        return jrt_class_at(known);
    }
    struct jrt_class *host = class;
    if (class->file) {
        struct jcf_class attributes;
        jrt_class_attributes(class, &attributes);
        if (attributes.nest_host) {
            host = jrt_resolve_class(thread, class, attributes.nest_host);
            /* An error of loading it makes the class its own host; one of the machine is thrown. */
            if (!host) {
                if (!jrt_pending_is(thread, JRT_LinkageError)) {
                    return NULL;
                }
                (void)jrt_catch(thread);
                host = class;
            } else if (!jrt_same_package(host, class) || !lists_member(host, class)) {
                host = class;
            }
        }
    }
    __atomic_store_n(&class->nest_host, job_offset(host), __ATOMIC_RELEASE);
    return host;
}

static void nest_error(const struct jrt_class *class, char *text, uint32_t size)
{
    struct jcf_class attributes;
    char name[JRT_MESSAGE_BYTES];
    char host_name[JRT_MESSAGE_BYTES];
    char loader[JRT_MESSAGE_BYTES];
    char host_loader[JRT_MESSAGE_BYTES];
    text[0] = '\0';
    if (!class->file || class->nest_host != job_offset(class)) {
        return;
    }
    jrt_class_attributes(class, &attributes);
    if (!attributes.nest_host) {
        return;
    }
    jrt_external_name(class, name, sizeof(name));
    uint32_t at = *jrt_pool_resolved(jrt_pool_of(class), attributes.nest_host);
    if (at <= JRT_POOL_FAILED) {
        char why[JRT_MESSAGE_BYTES];
        job_offset_t wanted = jrt_pool_named(class, attributes.nest_host);
        (void)st_snprintf(text, size, ", (Nest host resolution of %s with host %s failed: %s)",
                          name, wanted ? jrt_text(wanted) : "",
                          jrt_kept_text(class, attributes.nest_host, why, sizeof(why)));
        return;
    }
    const struct jrt_class *host = jrt_class_at(at);
    (void)st_snprintf(
        text, size, ", (Type %s (loader: %s) is not a nest member of type %s (loader: %s): %s)",
        name, jrt_loader_text(jrt_loader_at(class->loader), loader, sizeof(loader)),
        jrt_external_name(host, host_name, sizeof(host_name)),
        jrt_loader_text(jrt_loader_at(host->loader), host_loader, sizeof(host_loader)),
        !host->file                     ? "host is not an instance class"
        : jrt_same_package(host, class) ? "current type is not listed as a nest member"
                                        : "types are in different packages");
}

const char *jrt_nest_errors(const struct jrt_class *one, const struct jrt_class *other, char *text,
                            uint32_t size)
{
    char first[3 * JRT_MESSAGE_BYTES];
    char second[3 * JRT_MESSAGE_BYTES];
    nest_error(one, first, sizeof(first));
    nest_error(other, second, sizeof(second));
    (void)st_snprintf(text, size, "%s%s", first, second);
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
