/*
 * Which classes the code of a protection domain may name: ClassLoader.checkPackageAccess, asked by
 * an initiating loader once for each name and domain, as HotSpot asks. What was named before there
 * was a security manager is never asked for.
 *
 * A loader has a list of the domains that named classes by it, held weakly, each with the names
 * that it was allowed. It goes with its domain or with the loader.
 */
#include <stdlib.h>

#include "jvm/runtime/jrt_access.h"
#include "jvm/runtime/jrt_exec.h"
#include "jvm/runtime/jrt_known.h"
#include "jvm/runtime/jrt_loader_priv.h"

struct jrt_domain {
    jref_t object; /* [l] weak; 0: free */
    struct jrt_table allowed;
};

/* The domain's names; NULL: it has none yet. */
static struct jrt_domain *find_locked(const struct jrt_loader *loader, jref_t object)
{
    for (uint32_t i = 0; i < loader->domain_count; i++) {
        if (loader->domains[i].object.word == object.word) {
            return &loader->domains[i];
        }
    }
    return NULL;
}

static struct jrt_domain *make_locked(struct jrt_loader *loader, jref_t object)
{
    struct jrt_domain *domain = find_locked(loader, (jref_t){.word = 0});
    if (!domain) {
        uint32_t count = loader->domain_count * 2 + 1;
        struct jrt_domain *grown = realloc(loader->domains, count * sizeof(*grown));
        if (!grown) {
            return NULL;
        }
        domain = &grown[loader->domain_count];
        for (uint32_t i = loader->domain_count; i < count; i++) {
            grown[i] = (struct jrt_domain){.object = {.word = 0}};
        }
        loader->domains = grown;
        loader->domain_count = count;
    }
    domain->object = object;
    return domain;
}

static bool is_allowed(const struct jrt_loader *loader, const struct job_object *domain,
                       job_offset_t name)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    const struct jrt_domain *found = find_locked(loader, job_to_ref(domain));
    bool allowed = found && jrt_table_find(&found->allowed, name);
    pthread_mutex_unlock(&jrt_loaders_lock);
    return allowed;
}

/* What there is no memory for is asked again. */
static void allow(struct jrt_loader *loader, const struct job_object *domain, job_offset_t name)
{
    pthread_mutex_lock(&jrt_loaders_lock);
    struct jrt_domain *found = find_locked(loader, job_to_ref(domain));
    found = found ? found : make_locked(loader, job_to_ref(domain));
    (void)!(found && jrt_table_put(&found->allowed, name, 1));
    pthread_mutex_unlock(&jrt_loaders_lock);
}

static const struct job_object *security_manager(void)
{
    return jrt_ref(jrt_mirror(jrt_known.class[JRT_System]), JRT_AT(System, security));
}

bool jrt_check_package(struct jrt_thread *thread, struct jrt_loader *loader,
                       struct job_object *domain, const struct jrt_class *class)
{
    while (class->flags & JRT_CLASS_ARRAY) {
        class = jrt_class_at(class->element);
    }
    if (!domain || jrt_is_boot(loader) || (class->flags & JRT_CLASS_PRIMITIVE) ||
        jrt_protection_domain(class) == domain || is_allowed(loader, domain, class->name)) {
        return true;
    }
    if (security_manager() &&
        !jrt_call(thread, jrt_known.method[JRT_METHOD_checkPackageAccess], NULL,
                  jrt_loader_object(loader), jrt_mirror(class), domain)) {
        return false;
    }
    allow(loader, domain, class->name);
    return true;
}

struct job_object *jrt_protection_domain(const struct jrt_class *class)
{
    return jrt_ref(jrt_mirror(class), JRT_AT(Class, protectionDomain));
}

struct jrt_class *jrt_need_class_for(struct jrt_thread *thread, const struct jrt_class *in,
                                     job_offset_t name)
{
    struct jrt_loader *loader = jrt_loader_at(in->loader);
    struct jrt_class *class = jrt_need_class(thread, loader, name);
    bool good = class && (jrt_is_boot(loader) ||
                          jrt_check_package(thread, loader, jrt_protection_domain(in), class));
    return good ? class : NULL;
}

static void forget(struct jrt_domain *domain)
{
    free(domain->allowed.entries);
    *domain = (struct jrt_domain){.object = {.word = 0}};
}

void jrt_domains_update(struct jrt_loader *loader)
{
    for (uint32_t i = 0; i < loader->domain_count; i++) {
        struct jrt_domain *domain = &loader->domains[i];
        bool was = domain->object.word;
        jgc_update_weak(&domain->object);
        if (was && !domain->object.word) {
            forget(domain);
        }
    }
}

void jrt_domains_forget(struct jrt_loader *loader)
{
    for (uint32_t i = 0; i < loader->domain_count; i++) {
        forget(&loader->domains[i]);
    }
    free(loader->domains);
    loader->domains = NULL;
    loader->domain_count = 0;
}
