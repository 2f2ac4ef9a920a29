/*
 * First images, made from what the machine has: nobody has a registry at hand. Same packages, same
 * image: times and order come from the packages, not from the clock.
 */
#include "image/image.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "format/fmt_tar_write.h"
#include "image/image_child.h"
#include "image/image_import.h"
#include "os/os_file.h"
#include "os/os_time.h"

#define ROOT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

enum {
    BUSYBOX_MAX_BYTES = 64 << 20,
    LIST_MAX_BYTES = 64 << 10,
};

/* ---- busybox ------------------------------------------------------------------------------- */

/* A program without an interpreter needs no libraries. */
static bool is_static(const struct st_buf *program)
{
    const Elf64_Ehdr *head = (const void *)program->data;
    if (program->length < sizeof(*head) || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 ||
        head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_phentsize != sizeof(Elf64_Phdr) ||
        head->e_phoff > program->length ||
        head->e_phnum > (program->length - head->e_phoff) / sizeof(Elf64_Phdr)) {
        return false;
    }
    for (unsigned i = 0; i < head->e_phnum; i++) {
        Elf64_Phdr part;
        memcpy(&part, program->data + head->e_phoff + i * sizeof(part), sizeof(part));
        if (part.p_type == PT_INTERP) {
            return false;
        }
    }
    return true;
}

static int add(struct st_buf *tar, int64_t mtime_s, enum fmt_tar_type type, uint32_t mode,
               const char *path, const char *link, const struct st_buf *data)
{
    const struct fmt_tar_entry entry = {
        .type = type,
        .path = path,
        .link = link,
        .mode = mode,
        .mtime_s = mtime_s,
        .size = data == NULL ? 0 : data->length,
    };
    fmt_tar_write_header(tar, &entry);
    if (data != NULL) {
        st_buf_append(tar, data->data, data->length);
        fmt_tar_write_padding(tar, data->length);
    }
    return st_buf_status(tar);
}

static void add_text(struct st_buf *tar, int64_t mtime_s, uint32_t mode, const char *path,
                     const char *text)
{
    const struct st_buf data = {.data = (char *)(uintptr_t)text, .length = strlen(text)};
    add(tar, mtime_s, FMT_TAR_FILE, mode, path, "", &data);
}

/* `applets` is busybox --list: a name a line. */
static int make_busybox_tar(const struct st_buf *program, struct st_buf *applets, int64_t mtime_s,
                            struct st_buf *tar)
{
    static const struct {
        const char *path;
        uint32_t mode;
    } folders[] = {
        {"bin/", 0755},      {"dev/", 0755},     {"etc/", 0755},      {"home/", 0755},
        {"proc/", 0755},     {"root/", 0700},    {"sys/", 0755},      {"tmp/", 01777},
        {"usr/", 0755},      {"usr/bin/", 0755}, {"usr/sbin/", 0755}, {"var/", 0755},
        {"var/tmp/", 01777},
    };
    for (size_t i = 0; i < ST_COUNT(folders); i++) {
        add(tar, mtime_s, FMT_TAR_FOLDER, folders[i].mode, folders[i].path, "", NULL);
    }
    add(tar, mtime_s, FMT_TAR_FILE, 0755, "bin/busybox", "", program);
    char *rest = applets->data;
    for (char *name = strtok_r(applets->data, "\n", &rest); name != NULL;
         name = strtok_r(NULL, "\n", &rest)) {
        char path[280];
        if (st_streq(name, "busybox") || strchr(name, '/') != NULL ||
            st_snprintf(path, sizeof(path), "bin/%s", name) >= sizeof(path)) {
            continue;
        }
        add(tar, mtime_s, FMT_TAR_HARD_LINK, 0755, path, "bin/busybox", NULL);
    }
    add(tar, mtime_s, FMT_TAR_SYMLINK, 0777, "usr/bin/env", "../../bin/env", NULL);
    add_text(tar, mtime_s, 0644, "etc/passwd",
             "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\n"
             "www-data:x:33:33:www-data:/var/www:/bin/false\n"
             "nobody:x:65534:65534:nobody:/home:/bin/false\n");
    add_text(tar, mtime_s, 0644, "etc/group",
             "root:x:0:\ndaemon:x:1:\ntty:x:5:\nwheel:x:10:root\nwww-data:x:33:\nusers:x:100:\n"
             "nogroup:x:65534:\n");
    add_text(tar, mtime_s, 0600, "etc/shadow", "root:*:::::::\n");
    return fmt_tar_write_end(tar);
}

static int no_busybox(struct st_err *err)
{
    st_fail(err, ST_ENOTFOUND, "there is no static busybox on this machine");
    st_hint(err, "install the package busybox-static");
    return -ST_ENOTFOUND;
}

static int read_busybox(struct st_buf *program, const char **ret_path, int64_t *ret_mtime_s,
                        struct st_err *err)
{
    static const char *const paths[] = {"/bin/busybox", "/usr/bin/busybox", "/bin/busybox-static"};
    for (size_t i = 0; i < ST_COUNT(paths); i++) {
        struct stat st;
        st_buf_reset(program);
        int r = os_read_file(AT_FDCWD, paths[i], program);
        if (r == 0) {
            r = os_fstatat(AT_FDCWD, paths[i], &st, 0);
        }
        if (r < 0 && r != -ST_ENOENT) {
            return st_fail_os(err, r, "reading %s", paths[i]);
        }
        if (r == 0 && is_static(program)) {
            *ret_path = paths[i];
            *ret_mtime_s = st.st_mtime;
            return 0;
        }
    }
    return no_busybox(err);
}

static int list_applets(const char *path, struct st_buf *applets, struct st_err *err)
{
    int r = image_child_run((const char *const[]){path, "--list", NULL}, applets);
    return r < 0 || applets->length == 0
               ? st_fail_os(err, r < 0 ? r : -ST_ENODATA, "asking %s what it can do", path)
               : 0;
}

int image_bootstrap_busybox(struct image_store *store, char ret_id[IMAGE_ID_SIZE],
                            struct st_err *err)
{
    st_auto(buf) struct st_buf program = ST_BUF_HEAP(BUSYBOX_MAX_BYTES);
    st_auto(buf) struct st_buf applets = ST_BUF_HEAP(LIST_MAX_BYTES);
    st_auto(buf) struct st_buf tar = ST_BUF_HEAP(2 * (size_t)BUSYBOX_MAX_BYTES);
    struct image_import import = {
        .name = "busybox:latest",
        .created_by = "strata image bootstrap busybox",
        .cmd = (const char *const[]){"sh", NULL},
        .env = (const char *const[]){ROOT_PATH, NULL},
    };
    const char *path = NULL;
    int r = read_busybox(&program, &path, &import.created_s, err);
    if (r < 0 || (r = list_applets(path, &applets, err)) < 0) {
        return r;
    }
    st_auto(fd) int fd = os_memfd("busybox", 0);
    r = make_busybox_tar(&program, &applets, import.created_s, &tar);
    if (r == 0) {
        r = fd < 0 ? fd : os_write_all(fd, tar.data, tar.length);
    }
    if (r == 0) {
        r = os_lseek(fd, 0, SEEK_SET) < 0 ? -ST_EIO : 0;
    }
    return r < 0 ? st_fail_os(err, r, "making busybox's files")
                 : image_import_tar(store, fd, &import, NULL, ret_id, err);
}

/* ---- Debian -------------------------------------------------------------------------------- */

/* A value of /etc/os-release. */
static bool release_value(const struct st_buf *release, const char *key, char *ret_value,
                          size_t size)
{
    size_t length = strlen(key);
    for (const char *line = st_buf_string(release); line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            const char *value = line + length + 1;
            value += *value == '"';
            size_t end = strcspn(value, "\"\n");
            st_snprintf(ret_value, size, "%.*s", (int)ST_MIN(end, size - 1), value);
            return end > 0;
        }
    }
    return false;
}

static const struct {
    const char *suite;
    const char *version;
} suites[] = {
    {"bullseye", "11"},
    {"bookworm", "12"},
    {"trixie", "13"},
};

/* The tag of a suite: Debian's number if it has one. */
static const char *version_of(const char *suite)
{
    for (size_t i = 0; i < ST_COUNT(suites); i++) {
        if (st_streq(suites[i].suite, suite)) {
            return suites[i].version;
        }
    }
    return suite;
}

static void default_suite(char *ret_suite, size_t size)
{
    st_auto(buf) struct st_buf release = ST_BUF_HEAP(LIST_MAX_BYTES);
    char id[64];
    if (os_read_file(AT_FDCWD, "/etc/os-release", &release) < 0 ||
        !release_value(&release, "ID", id, sizeof(id)) || !st_streq(id, "debian") ||
        !release_value(&release, "VERSION_CODENAME", ret_suite, size)) {
        st_strcopy(ret_suite, size, "stable");
    }
}

static bool is_word(const char *text)
{
    return text[0] != '-' && text[0] != '\0' &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789.+-_")] == '\0';
}

static int run_mmdebstrap(struct image_store *store, const char *const *argv,
                          const struct image_import *import, char ret_id[IMAGE_ID_SIZE],
                          struct st_err *err)
{
    struct image_child child = {.fd = -1, .pidfd = -1};
    int r = image_child_start(&child, argv);
    if (r == -ST_ENOENT) {
        st_fail(err, ST_ENOTFOUND, "mmdebstrap is not installed, which makes Debian images");
        st_hint(err, "install the package mmdebstrap");
        return r;
    }
    if (r < 0) {
        return st_fail_os(err, r, "starting %s", argv[0]);
    }
    r = image_import_stream(store, image_child_read, &child, import, NULL, ret_id, err);
    image_child_end(&child);
    if (r == -ST_ECHILD) {
        return st_fail(err, ST_ECHILD, "mmdebstrap has failed: its messages say why");
    }
    return r;
}

int image_bootstrap_debian(struct image_store *store, const struct image_bootstrap_debian *options,
                           char ret_id[IMAGE_ID_SIZE], struct st_err *err)
{
    char suite[64];
    char variant[96];
    char include[1024];
    char name[160];
    char by[200];
    const char *argv[8] = {"/usr/bin/mmdebstrap"};
    size_t count = 1;
    default_suite(suite, sizeof(suite));
    if (options->suite != NULL && !st_strcopy(suite, sizeof(suite), options->suite)) {
        suite[0] = '\0';
    }
    const char *kind = options->variant == NULL ? "minbase" : options->variant;
    if (!is_word(suite) || !is_word(kind)) {
        return st_fail(err, ST_EINVAL, "\"%s\" is no suite of Debian, or \"%s\" no variant", suite,
                       kind);
    }
    st_snprintf(variant, sizeof(variant), "--variant=%s", kind);
    argv[count++] = variant;
    argv[count++] = "--format=tar";
    if (options->include != NULL) {
        if (st_snprintf(include, sizeof(include), "--include=%s", options->include) >=
            sizeof(include)) {
            return st_fail(err, ST_ENAMETOOLONG, "the list of packages is too long");
        }
        argv[count++] = include;
    }
    argv[count++] = suite;
    argv[count++] = "-";
    if (options->mirror != NULL) {
        argv[count++] = options->mirror;
    }
    st_snprintf(name, sizeof(name), "debian:%s", version_of(suite));
    st_snprintf(by, sizeof(by), "strata image bootstrap debian --suite %s", suite);
    const struct image_import import = {
        .name = name,
        .created_by = by,
        .cmd = (const char *const[]){"bash", NULL},
        .env = (const char *const[]){ROOT_PATH, NULL},
        .created_s = (int64_t)(os_realtime_ns() / 1000000000U),
    };
    int r = run_mmdebstrap(store, argv, &import, ret_id, err);
    return r < 0 ? r : image_tag(store, ret_id, "debian:latest", err);
}
