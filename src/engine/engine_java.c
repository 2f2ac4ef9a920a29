/* Finding a JDK or JRE 17 and our libjvm.so: see engine_java.h. */
#include "engine/engine_java.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_machine.h"
#include "engine/engine_priv.h"
#include "os/os_dir.h"

#define JVM_FOLDER "/usr/lib/jvm"
#define PACKAGE "openjdk-17-jre-headless"

enum { RELEASE_MAX = 65536, PATH_SIZE = 4096 };

char *engine_real_path(const char *path)
{
    char link[64];
    char real[PATH_SIZE];
    st_auto(fd) int fd = os_open(path, O_PATH, 0);

    st_snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    return fd < 0 || os_readlinkat(AT_FDCWD, link, real, sizeof(real)) < 0 ? NULL : strdup(real);
}

/* A JDK's file "release" says JAVA_VERSION="17.0.15"; one without the launcher is none. */
static bool is_17(const char *home)
{
    static const char key[] = "JAVA_VERSION=\"17";
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(RELEASE_MAX);
    st_auto(free) char *release = engine_path(home, "release", NULL);
    st_auto(free) char *launcher = engine_path(home, "bin", "java");

    if (home[0] != '/' || release == NULL || launcher == NULL ||
        os_access(AT_FDCWD, launcher, X_OK, 0) < 0 || os_read_file(AT_FDCWD, release, &text) < 0) {
        return false;
    }
    const char *at = strstr(st_buf_string(&text), key);
    return at != NULL && !isdigit((unsigned char)at[sizeof(key) - 1]);
}

/* The first 17 by name, into best. */
static int scan(char *best, size_t size)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;
    int r = os_dir_open(AT_FDCWD, JVM_FOLDER, &dir);

    best[0] = 0;
    while (r >= 0 && (r = os_dir_next(dir, &name, &type)) > 0) {
        char path[PATH_SIZE];
        st_snprintf(path, sizeof(path), "%s/%s", JVM_FOLDER, name);
        if (is_17(path) && (best[0] == 0 || strcmp(path, best) < 0)) {
            st_strcopy(best, size, path);
        }
    }
    return best[0] != 0;
}

static int find_home(char *home, size_t size, struct st_err *err)
{
    const char *given = getenv("JAVA_HOME");

    if (given != NULL && is_17(given)) {
        st_strcopy(home, size, given);
        return 0;
    }
    st_snprintf(home, size, "%s/java-17-openjdk-%s", JVM_FOLDER, engine_machine_names[0]);
    if (is_17(home) || scan(home, size)) {
        return 0;
    }
    st_fail(err, ST_ENOTFOUND, "no Java 17 in $JAVA_HOME and %s: install the package %s",
            JVM_FOLDER, PACKAGE);
    return -ST_ENOTFOUND;
}

/* Beside the programs as they are installed, or as a build has them. */
static int find_vm(const char *programs, char **ret_vm, struct st_err *err)
{
    static const char *const folders[] = {"../" STRATA_LIBDIR "/strata", "cmd/libjvm"};

    for (size_t i = 0; i < ST_COUNT(folders); i++) {
        st_auto(free) char *folder = engine_path(programs, folders[i], NULL);
        st_auto(free) char *library =
            folder == NULL ? NULL : engine_path(folder, "libjvm.so", NULL);
        if (library == NULL) {
            return st_fail(err, ST_ENOMEM, "out of memory");
        }
        if (os_access(AT_FDCWD, library, R_OK, 0) == 0) {
            *ret_vm = engine_real_path(folder);
            return *ret_vm == NULL ? st_fail(err, ST_EIO, "the folder %s", folder) : 0;
        }
    }
    return st_fail(err, ST_ENOTFOUND, "libjvm.so is neither in %s/%s nor in %s/%s", programs,
                   folders[0], programs, folders[1]);
}

int engine_java_find(const char *programs, struct engine_java *ret_java, struct st_err *err)
{
    char home[PATH_SIZE];
    st_auto(free) char *own = engine_own_folder(programs);
    st_auto(engine_java) struct engine_java java = {0};

    if (own == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    int r = find_home(home, sizeof(home), err);
    r = r < 0 ? r : find_vm(own, &java.vm, err);
    if (r < 0) {
        return r;
    }
    java.home = engine_real_path(home);
    java.launcher = java.home == NULL ? NULL : engine_path(java.home, "bin", "java");
    if (java.launcher == NULL) {
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    *ret_java = java;
    java = (struct engine_java){0};
    return 0;
}

void engine_java_done(struct engine_java *java)
{
    free(java->home);
    free(java->launcher);
    free(java->vm);
    *java = (struct engine_java){0};
}
