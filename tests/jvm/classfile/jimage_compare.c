/*
 * Compares our reader of jimage files with the JDK's own library, resource by resource and package
 * by package.
 *
 *   jimage_compare JDK
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "format/fmt_jimage.h"

/* libjimage's functions, by its interface's names. */
struct library {
    void *(*open)(const char *name, int *error);
    const char *(*package_to_module)(void *image, const char *package);
    int64_t (*find_resource)(void *image, const char *module, const char *version, const char *name,
                             int64_t *size);
    int64_t (*get_resource)(void *image, int64_t location, char *buffer, int64_t size);
};

struct compared {
    struct fmt_jimage ours;
    struct library library;
    void *theirs;
    unsigned resources, packages, different;
};

static void die(const char *what)
{
    fprintf(stderr, "jimage_compare: %s\n", what);
    exit(1);
}

static void open_ours(struct compared *c, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    struct st_err err = {0};
    if (fd < 0 || fstat(fd, &st) < 0) {
        die(path);
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED || fmt_jimage_open(bytes, (size_t)st.st_size, &c->ours, &err) < 0) {
        die(err.msg);
    }
}

static void *function(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (found == NULL) {
        die(dlerror());
    }
    return found;
}

/* libjimage wants a libjvm to be there: the JDK's, which does nothing until it is asked. */
static void open_theirs(struct compared *c, const char *jdk, const char *path)
{
    int error = 0;
    char name[1024];
    snprintf(name, sizeof(name), "%s/lib/server/libjvm.so", jdk);
    if (dlopen(name, RTLD_NOW | RTLD_GLOBAL) == NULL) {
        die(dlerror());
    }
    snprintf(name, sizeof(name), "%s/lib/libjimage.so", jdk);
    void *library = dlopen(name, RTLD_NOW);
    if (library == NULL) {
        die(dlerror());
    }
    *(void **)&c->library.open = function(library, "JIMAGE_Open");
    *(void **)&c->library.package_to_module = function(library, "JIMAGE_PackageToModule");
    *(void **)&c->library.find_resource = function(library, "JIMAGE_FindResource");
    *(void **)&c->library.get_resource = function(library, "JIMAGE_GetResource");
    c->theirs = c->library.open(path, &error);
    if (c->theirs == NULL) {
        die("JIMAGE_Open");
    }
}

static void differs(struct compared *c, const char *what, const char *name)
{
    c->different++;
    printf("%s: %s\n", name, what);
}

static void compare_resource(struct compared *c, const struct fmt_jimage_entry *entry)
{
    char name[1024];
    struct fmt_jimage_entry found;
    if (entry->module[0] == 0) {
        return; /* the roots "/modules" and "/packages", which have no content */
    }
    snprintf(name, sizeof(name), "%s%s%s%s%s", entry->parent, entry->parent[0] != 0 ? "/" : "",
             entry->base, entry->extension[0] != 0 ? "." : "", entry->extension);
    c->resources++;
    if (fmt_jimage_find(&c->ours, entry->module, strlen(entry->module), name, strlen(name),
                        &found) < 0 ||
        found.data != entry->data) {
        differs(c, "not found by its own name", name);
        return;
    }
    int64_t size = 0;
    int64_t location = c->library.find_resource(c->theirs, entry->module, "9.0", name, &size);
    if (location == 0 || (uint64_t)size != entry->size) {
        differs(c, "of another size for libjimage", name);
        return;
    }
    char *bytes = malloc((size_t)size + 1);
    if (bytes == NULL || c->library.get_resource(c->theirs, location, bytes, size) != size ||
        memcmp(bytes, entry->data, (size_t)size) != 0) {
        differs(c, "other bytes for libjimage", name);
    }
    free(bytes);
}

static void compare_package(struct compared *c, const char *package)
{
    const char *ours = fmt_jimage_module_of(&c->ours, package, strlen(package));
    const char *theirs = c->library.package_to_module(c->theirs, package);
    c->packages++;
    if ((ours == NULL) != (theirs == NULL) || (ours != NULL && strcmp(ours, theirs) != 0)) {
        differs(c, "in another module for libjimage", package);
    }
}

int main(int argc, char **argv)
{
    static struct compared c;
    if (argc != 2) {
        die("usage: jimage_compare JDK");
    }
    char modules[1024];
    snprintf(modules, sizeof(modules), "%s/lib/modules", argv[1]);
    open_ours(&c, modules);
    open_theirs(&c, argv[1], modules);
    const char *last = "";
    for (uint32_t place = 0; place < c.ours.places; place++) {
        struct fmt_jimage_entry entry;
        int r = fmt_jimage_at(&c.ours, place, &entry);
        if (r == -ST_ENOENT) {
            continue;
        }
        if (r < 0) {
            differs(&c, "not readable", "a place");
            continue;
        }
        compare_resource(&c, &entry);
        if (strcmp(last, entry.parent) != 0) {
            compare_package(&c, entry.parent);
            last = entry.parent;
        }
    }
    compare_package(&c, "no/such/package");
    printf("%u resources, %u packages, %u different\n", c.resources, c.packages, c.different);
    return c.different > 0 || c.resources == 0;
}
