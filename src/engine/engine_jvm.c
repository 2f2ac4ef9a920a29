/*
 * Java applications: the isolation that runs a jar of the host's with strata-oci. The root has no
 * image below it, only what a process needs of the host, all of it read-only: the JDK, our
 * libjvm.so, the libraries of the host, the jar. What is mounted where is decided when the instance
 * is made and kept in its config; the rest of its life is a container's (docs/jvm.md).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/str.h"
#include "engine/engine_isolation.h"
#include "engine/engine_java.h"
#include "engine/engine_machine.h"

#define APP_FOLDER "/app"
#define VM_FOLDER "/usr/lib/strata"
#define PROGRAMS "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What of the host's is seen where it is, if it is there: the loader and the libraries, Java's
 * settings and certificates as Debian has them outside of the JDK, and fonts. */
static const char *const view[] = {
    "/usr/lib64",           STRATA_LIBRARIES,        "/etc/ld.so.cache",
    "/etc/java-17-openjdk", "/etc/ssl/certs/java",   "/etc/nsswitch.conf",
    "/etc/fonts",           "/usr/share/fontconfig", "/usr/share/fonts",
};

struct completing {
    struct json_doc *arena;
    struct engine_config *config;
    struct engine_mount *mounts;
    size_t count;
    bool failed;
};

static void add_mount(struct completing *c, const char *source, const char *target)
{
    for (size_t i = 0; i < c->config->mounts_count; i++) {
        if (st_streq(c->config->mounts[i].target, target)) { /* the owner's own comes there */
            return;
        }
    }
    struct engine_mount mount = {.type = "bind",
                                 .source = json_doc_copy(c->arena, source),
                                 .target = json_doc_copy(c->arena, target),
                                 .readonly = true,
                                 .source_must_exist = true};
    c->failed |= mount.source == NULL || mount.target == NULL;
    c->mounts[c->count++] = mount;
}

static int add_mounts(struct completing *c, const struct engine_java *java, const char *jar,
                      const char *target, struct st_err *err)
{
    size_t own = c->config->mounts_count;

    c->mounts = json_doc_alloc(c->arena, own + ST_COUNT(view) + 4, sizeof(*c->mounts));
    if (c->mounts == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    if (own > 0) {
        memcpy(c->mounts, c->config->mounts, own * sizeof(*c->mounts));
    }
    c->count = own;
    for (size_t i = 0; i < ST_COUNT(view); i++) {
        if (os_access(AT_FDCWD, view[i], R_OK, 0) == 0) {
            add_mount(c, view[i], view[i]);
        }
    }
    add_mount(c, java->home, java->home);
    add_mount(c, java->vm, VM_FOLDER);
    add_mount(c, jar, target);
    c->config->mounts = c->mounts;
    c->config->mounts_count = c->count;
    return c->failed ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
}

static bool is_given(const struct engine_process *process, const char *name)
{
    size_t n = strlen(name);

    for (size_t i = 0; i < process->env_count; i++) {
        if (strncmp(process->env[i], name, n) == 0 && process->env[i][n] == '=') {
            return true;
        }
    }
    return false;
}

/* Variables that the owner may give otherwise, and the words before the jar's arguments. */
static int set_process(struct completing *c, const struct engine_java *java, const char *target,
                       struct st_err *err)
{
    struct engine_process *process = &c->config->process;
    struct engine_strings env = {.arena = c->arena};
    struct engine_strings words = {.arena = c->arena};
    const char *const defaults[][2] = {
        {"PATH", engine_textf(c->arena, "%s/bin:%s", java->home, PROGRAMS)},
        {"JAVA_HOME", json_doc_copy(c->arena, java->home)},
        {ENGINE_JAVA_VARIABLE, VM_FOLDER},
    };

    for (size_t i = 0; i < ST_COUNT(defaults); i++) {
        if (!is_given(process, defaults[i][0])) {
            engine_strings_addf(&env, "%s=%s", defaults[i][0], defaults[i][1]);
        }
    }
    for (size_t i = 0; i < process->env_count; i++) {
        if (strchr(process->env[i], '=') != NULL) {
            engine_strings_add(&env, process->env[i]);
        }
    }
    engine_strings_add(&words, json_doc_copy(c->arena, java->launcher));
    engine_strings_add(&words, "-jar");
    engine_strings_add(&words, target);
    if (env.failed || words.failed) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    process->env = env.items;
    process->env_count = env.count;
    process->entrypoint = words.items;
    process->entrypoint_count = words.count;
    return 0;
}

/* The jar's path without links. */
static int find_jar(const char *name, char **ret_path, struct st_err *err)
{
    struct stat about;
    int r = os_fstatat(AT_FDCWD, name, &about, 0);

    if (r < 0) {
        return st_fail_os(err, r, "the jar %s", name);
    }
    if (!S_ISREG(about.st_mode)) {
        return st_fail(err, ST_EINVAL, "%s is no jar: it must be a file", name);
    }
    *ret_path = engine_real_path(name);
    return *ret_path == NULL ? st_fail(err, ST_ENOMEM, "out of memory") : 0;
}

static int complete(struct engine_config *config, struct json_doc *arena, struct st_err *err)
{
    st_auto(engine_java) struct engine_java java = {0};
    st_auto(free) char *jar = NULL;
    struct completing c = {.arena = arena, .config = config};
    const char *slash = strrchr(config->image, '/');
    const char *target =
        engine_textf(arena, APP_FOLDER "/%s", slash == NULL ? config->image : slash + 1);

    if (target == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = find_jar(config->image, &jar, err);
    r = r < 0 ? r : engine_java_find(NULL, &java, err);
    r = r < 0 ? r : add_mounts(&c, &java, jar, target, err);
    return r < 0 ? r : set_process(&c, &java, target, err);
}

static int write_names(int root, const char *path, const char *text)
{
    st_auto(fd) int fd = os_openat(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    return fd < 0 ? fd : os_write_all(fd, text, strlen(text));
}

/* Whatever an earlier start left half made is made whole. */
static int make_root(const char *folder, struct st_err *err)
{
    static const struct {
        const char *path;
        mode_t mode;
    } folders[] = {{"app", 0755},       {"etc", 0755}, {"root", 0700},
                   {"tmp", 01777},      {"usr", 0755}, {"usr/lib", 0755},
                   {"usr/lib64", 0755}, {"var", 0755}, {"var/tmp", 01777}};
    static const char *const links[][2] = {{"usr/lib", "lib"}, {"usr/lib64", "lib64"}};
    st_auto(fd) int root = os_open(folder, O_RDONLY | O_DIRECTORY, 0);
    int r = root < 0 ? root : 0;

    for (size_t i = 0; r >= 0 && i < ST_COUNT(folders); i++) {
        r = os_mkdirat(root, folders[i].path, 0755);
        r = r == -ST_EEXIST ? 0 : r;
        r = r < 0 ? r : os_fchmodat(root, folders[i].path, folders[i].mode);
    }
    for (size_t i = 0; r >= 0 && i < ST_COUNT(links); i++) {
        r = os_symlinkat(links[i][0], root, links[i][1]);
        r = r == -ST_EEXIST ? 0 : r;
    }
    r = r < 0 ? r
              : write_names(root, "etc/passwd",
                            "root:x:0:0:root:/root:/nologin\n"
                            "nobody:x:65534:65534:nobody:/:/nologin\n");
    r = r < 0 ? r : write_names(root, "etc/group", "root:x:0:\nnogroup:x:65534:\n");
    return r < 0 ? st_fail_os(err, r, "making the root %s", folder) : 0;
}

const struct engine_isolation engine_jvm = {
    .name = "jvm",
    .files = true,
    .complete = complete,
    .root = make_root,
    .prepare = engine_container_prepare,
    .clean = engine_container_clean,
    .freeze = engine_container_freeze,
    .exec = engine_container_exec,
    .failure = engine_container_failure,
};
