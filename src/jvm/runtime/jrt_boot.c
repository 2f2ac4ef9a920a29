/*
 * The boot path: folders and jars that patch modules, the JDK's lib/modules (mapped, classes that
 * are not compressed are parsed where they lie), then what -Xbootclasspath/a names.
 *
 * Of lib/modules the boot loader sees only packages of modules that are defined to it: java.base
 * until there are modules, then what the boot layer said.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/print.h"
#include "format/fmt_jimage.h"
#include "jvm/runtime/jrt_image.h"
#include "jvm/runtime/jrt_jar.h"
#include "jvm/runtime/jrt_loader_priv.h"
#include "jvm/runtime/jrt_symbol.h"
#include "os/os_file.h"
#include "os/os_memory.h"

/* Longer names are not found: no file system has them. */
enum { PATH_BYTES = 4096, CLASS_FILE_MAX = 64 << 20 };

static struct fmt_jimage image;
static struct jrt_boot_path boot_path;
static bool append_allowed; /* [a] */
static bool reachable;      /* the image has offsets as the metadata has */

int jrt_boot_init(const struct jrt_boot_path *path, struct st_err *err)
{
    boot_path = *path;
    st_auto(fd) int fd = os_open(path->modules, O_RDONLY, 0);
    struct stat stat;
    void *bytes;
    if (fd < 0) {
        return st_fail_os(err, fd, "opening %s", path->modules);
    }
    int r = os_fstat(fd, &stat);
    if (r >= 0) {
        /* Within 4 GiB of the metadata's base, classes' bytes have offsets and need not be copied.
         */
        r = os_mmap(job_meta_base + JRT_META_BYTES, (size_t)stat.st_size, PROT_READ,
                    MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0, &bytes);
        reachable = r >= 0 && (uint64_t)stat.st_size < UINT32_MAX - JRT_META_BYTES;
        if (r < 0) {
            r = os_mmap(NULL, (size_t)stat.st_size, PROT_READ, MAP_SHARED, fd, 0, &bytes);
        }
    }
    if (r < 0) {
        return st_fail_os(err, r, "mapping %s", path->modules);
    }
    r = fmt_jimage_open(bytes, (size_t)stat.st_size, &image, err);
    return r < 0 ? st_wrap(err, r, "%s", path->modules) : 0;
}

bool jrt_boot_has(const uint8_t *bytes)
{
    return reachable && bytes >= image.bytes && bytes < image.bytes + image.size;
}

const void *jrt_boot_image(const char *path, size_t *ret_bytes)
{
    if (image.bytes == NULL || strcmp(path, boot_path.modules) != 0) {
        return NULL;
    }
    *ret_bytes = image.size;
    return image.bytes;
}

void jrt_boot_allow_append(void)
{
    __atomic_store_n(&append_allowed, true, __ATOMIC_RELEASE);
}

static enum jrt_boot_found find_in_folder(const char *folder, const struct jrt_symbol *name,
                                          struct jrt_boot_bytes *ret_bytes)
{
    char path[PATH_BYTES];
    size_t length = st_snprintf(path, sizeof(path), "%s/%s.class", folder, name->text);
    struct st_buf buf = ST_BUF_HEAP(CLASS_FILE_MAX);
    if (length >= sizeof(path)) {
        return JRT_BOOT_NONE;
    }
    int r = os_read_file(AT_FDCWD, path, &buf);
    if (r < 0) {
        st_buf_done(&buf);
        return JRT_BOOT_NONE;
    }
    *ret_bytes = (struct jrt_boot_bytes){
        .bytes = (const uint8_t *)buf.data, .size = buf.length, .owned = (uint8_t *)buf.data};
    (void)st_snprintf(ret_bytes->source, sizeof(ret_bytes->source), "file:%s/", folder);
    return JRT_BOOT_FOUND;
}

/* An element of -Xbootclasspath/a or a patch: a folder or a jar. */
static enum jrt_boot_found find_appended(const char *path, const struct jrt_symbol *name,
                                         struct jrt_boot_bytes *ret_bytes)
{
    struct stat stat;
    if (os_fstatat(AT_FDCWD, path, &stat, 0) < 0) {
        return JRT_BOOT_NONE;
    }
    if (S_ISDIR(stat.st_mode)) {
        return find_in_folder(path, name, ret_bytes);
    }
    char entry[PATH_BYTES];
    uint8_t *bytes;
    size_t size;
    if (st_snprintf(entry, sizeof(entry), "%s.class", name->text) >= sizeof(entry) ||
        !jrt_jar_read(boot_path.modules, path, entry, &bytes, &size)) {
        return JRT_BOOT_NONE;
    }
    *ret_bytes = (struct jrt_boot_bytes){.bytes = bytes, .size = size, .owned = bytes};
    (void)st_snprintf(ret_bytes->source, sizeof(ret_bytes->source), "%s", path);
    return JRT_BOOT_FOUND;
}

static enum jrt_boot_found find_in_image(job_offset_t name, struct jrt_boot_bytes *ret_bytes)
{
    const struct jrt_symbol *symbol = jrt_symbol_at(name);
    job_offset_t package = jrt_package_name(name);
    if (!package) {
        return JRT_BOOT_FAILED;
    }
    const struct jrt_symbol *package_text = jrt_symbol_at(package);
    const char *module = jrt_boot_module_of(package);
    if (!module) {
        module = fmt_jimage_module_of(&image, package_text->text, package_text->length);
        if (!module || strcmp(module, "java.base") != 0) {
            return JRT_BOOT_NONE;
        }
    }
    char path[PATH_BYTES];
    size_t length = st_snprintf(path, sizeof(path), "%s.class", symbol->text);
    struct fmt_jimage_entry entry;
    int r = length < sizeof(path)
                ? fmt_jimage_find(&image, module, strlen(module), path, length, &entry)
                : -ST_ENOENT;
    uint8_t *owned = NULL;
    if (r == -ST_EUNSUPPORTED) {
        owned = jrt_image_decompress(boot_path.modules, module, path, &entry);
        entry.data = owned;
    }
    if ((r < 0 && r != -ST_EUNSUPPORTED) || !entry.data) {
        return JRT_BOOT_NONE;
    }
    *ret_bytes =
        (struct jrt_boot_bytes){.bytes = entry.data, .size = (size_t)entry.size, .owned = owned};
    (void)st_snprintf(ret_bytes->source, sizeof(ret_bytes->source), "jrt:/%s", module);
    return JRT_BOOT_FOUND;
}

/* Where there are no modules yet, or none has the package, it may be java.base's. */
static enum jrt_boot_found find_patched(job_offset_t name, struct jrt_boot_bytes *ret_bytes)
{
    job_offset_t package = jrt_package_name(name);
    if (!package) {
        return JRT_BOOT_FAILED;
    }
    const char *module = jrt_boot_module_of(package);
    module = module ? module : "java.base";
    size_t length = strlen(module);
    enum jrt_boot_found found = JRT_BOOT_NONE;
    for (const char *const *patch = boot_path.patches; *patch; patch++) {
        if (strncmp(*patch, module, length) != 0 || (*patch)[length] != '=') {
            continue;
        }
        for (const char *at = *patch + length + 1; *at && found == JRT_BOOT_NONE;) {
            size_t part = strcspn(at, ":");
            char path[PATH_BYTES];
            if (st_snprintf(path, sizeof(path), "%.*s", (int)part, at) < sizeof(path)) {
                found = find_appended(path, jrt_symbol_at(name), ret_bytes);
            }
            at += part + (at[part] == ':');
        }
    }
    return found;
}

enum jrt_boot_found jrt_boot_find(job_offset_t name, struct jrt_boot_bytes *ret_bytes)
{
    const struct jrt_symbol *symbol = jrt_symbol_at(name);
    enum jrt_boot_found found = boot_path.patches ? find_patched(name, ret_bytes) : JRT_BOOT_NONE;
    if (found == JRT_BOOT_NONE) {
        found = find_in_image(name, ret_bytes);
    }
    if (found == JRT_BOOT_NONE && __atomic_load_n(&append_allowed, __ATOMIC_ACQUIRE)) {
        for (const char *const *at = boot_path.append; at && *at && found == JRT_BOOT_NONE; at++) {
            found = find_appended(*at, symbol, ret_bytes);
        }
    }
    return found;
}

void jrt_boot_done(struct jrt_boot_bytes *bytes)
{
    free(bytes->owned);
}
