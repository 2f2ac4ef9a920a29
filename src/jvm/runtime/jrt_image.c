/*
 * libjimage is opened for the first resource that needs it: a JDK as it is delivered compresses
 * nothing.
 */
#include "jvm/runtime/jrt_image.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "os/os_file.h"
#include "os/os_memory.h"

enum { PATH_BYTES = 4096, RESOURCE_MAX = 64 << 20 };

/* libjimage's functions (jimage.hpp of the library): jint is 32 bits, jlong 64. */
typedef void *jimage_open_t(const char *name, int32_t *error);
typedef int64_t jimage_find_t(void *image, const char *module, const char *version,
                              const char *path, int64_t *size);
typedef int64_t jimage_read_t(void *image, int64_t location, char *to, int64_t size);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static const char *to_open; /* for the one that comes first: there is one lib/modules */
static void *image;         /* [I] from here on; NULL: there is none */
static jimage_find_t *find;
static jimage_read_t *read_resource;

static void open_image(void)
{
    const char *end = strrchr(to_open, '/');
    char path[PATH_BYTES];
    if (!end) {
        return;
    }
    (void)st_snprintf(path, sizeof(path), "%.*s/libjimage.so", (int)(end - to_open), to_open);
    void *library = dlopen(path, RTLD_LAZY);
    if (!library) {
        return;
    }
    jimage_open_t *open = (jimage_open_t *)dlsym(library, "JIMAGE_Open");
    find = (jimage_find_t *)dlsym(library, "JIMAGE_FindResource");
    read_resource = (jimage_read_t *)dlsym(library, "JIMAGE_GetResource");
    int32_t error = 0;
    image = open && find && read_resource ? open(to_open, &error) : NULL;
}

uint8_t *jrt_image_decompress(const char *modules, const char *module, const char *path,
                              const struct fmt_jimage_entry *entry)
{
    __atomic_store_n(&to_open, modules, __ATOMIC_RELEASE);
    pthread_once(&once, open_image);
    int64_t size = 0;
    /* All resources of an image are of the one version that the format has. */
    int64_t location = image ? find(image, module, "9.0", path, &size) : 0;
    if (location == 0 || size < 0 || (uint64_t)size != entry->size || size > RESOURCE_MAX) {
        return NULL;
    }
    uint8_t *bytes = malloc((size_t)size + 1);
    if (bytes && read_resource(image, location, (char *)bytes, size) != size) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

static char *text_of(const char *modules, const struct fmt_jimage *of, const char *module,
                     const char *path)
{
    struct fmt_jimage_entry entry;
    int r = fmt_jimage_find(of, module, strlen(module), path, strlen(path), &entry);
    char *text = NULL;
    if (r == -ST_EUNSUPPORTED) {
        text = (char *)jrt_image_decompress(modules, module, path, &entry);
    } else if (r >= 0 && entry.size <= RESOURCE_MAX) {
        text = malloc((size_t)entry.size + 1);
        if (text) {
            memcpy(text, entry.data, (size_t)entry.size);
        }
    }
    if (text) {
        text[entry.size] = 0;
    }
    return text;
}

char *jrt_image_text(const char *modules, const char *module, const char *path)
{
    st_auto(fd) int fd = os_open(modules, O_RDONLY, 0);
    struct stat stat;
    void *bytes;
    if (fd < 0 || os_fstat(fd, &stat) < 0 ||
        os_mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0, &bytes) < 0) {
        return NULL;
    }
    struct fmt_jimage of;
    char *text = fmt_jimage_open(bytes, (size_t)stat.st_size, &of, NULL) >= 0
                     ? text_of(modules, &of, module, path)
                     : NULL;
    (void)os_munmap(bytes, (size_t)stat.st_size);
    return text;
}
