/*
 * A jar stays open once it was looked into, also one that could not be opened: it is not tried
 * again. Boot paths have a few.
 */
#include "jvm/runtime/jrt_jar.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"

enum { PATH_BYTES = 4096, ENTRY_MAX = 64 << 20 };

/* libzip's functions (zip_util.h of the library): jboolean is a byte, jint 32 bits. */
typedef void *zip_open_t(const char *name, char **message);
typedef void *zip_find_t(void *zip, const char *name, int32_t *size, int32_t *name_length);
typedef uint8_t zip_read_t(void *zip, void *entry, unsigned char *to, char *name);

struct jar {
    struct jar *next;
    void *zip; /* NULL: it cannot be opened */
    char path[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct jar *jars; /* [l] */
static bool looked;      /* [l] for libzip */
static zip_open_t *zip_open;
static zip_find_t *zip_find;
static zip_read_t *zip_read;

static void load_libzip_locked(const char *modules)
{
    const char *end = strrchr(modules, '/');
    char path[PATH_BYTES];
    if (looked || !end) {
        return;
    }
    looked = true;
    (void)st_snprintf(path, sizeof(path), "%.*s/libzip.so", (int)(end - modules), modules);
    void *library = dlopen(path, RTLD_LAZY);
    if (library) {
        zip_open = (zip_open_t *)dlsym(library, "ZIP_Open");
        zip_find = (zip_find_t *)dlsym(library, "ZIP_FindEntry");
        zip_read = (zip_read_t *)dlsym(library, "ZIP_ReadEntry");
    }
}

static void *open_locked(const char *modules, const char *path)
{
    for (struct jar *at = jars; at; at = at->next) {
        if (strcmp(at->path, path) == 0) {
            return at->zip;
        }
    }
    load_libzip_locked(modules);
    size_t length = strlen(path) + 1;
    struct jar *jar = malloc(sizeof(*jar) + length);
    if (!jar || !zip_open || !zip_find || !zip_read) {
        free(jar);
        return NULL;
    }
    char *message = NULL;
    memcpy(jar->path, path, length);
    jar->zip = zip_open(path, &message);
    jar->next = jars;
    jars = jar;
    return jar->zip;
}

static bool read_locked(void *zip, const char *entry, uint8_t **ret_bytes, size_t *ret_size)
{
    int32_t size;
    int32_t name_length;
    void *found = zip_find(zip, entry, &size, &name_length);
    if (!found || size < 0 || size > ENTRY_MAX || name_length < 0) {
        return false;
    }
    uint8_t *bytes = malloc((size_t)size + 1);
    char *name = malloc((size_t)name_length + 1);
    bool done = bytes && name && zip_read(zip, found, bytes, name);
    free(name);
    if (!done) {
        free(bytes);
        return false;
    }
    *ret_bytes = bytes;
    *ret_size = (size_t)size;
    return true;
}

bool jrt_jar_read(const char *modules, const char *jar, const char *entry, uint8_t **ret_bytes,
                  size_t *ret_size)
{
    pthread_mutex_lock(&lock);
    void *zip = open_locked(modules, jar);
    bool done = zip && read_locked(zip, entry, ret_bytes, ret_size);
    pthread_mutex_unlock(&lock);
    return done;
}
