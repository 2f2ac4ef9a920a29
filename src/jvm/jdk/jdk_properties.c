/* See jdk_properties.h. */
#include "jvm/jdk/jdk_properties.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/print.h"
#include "jvm/jdk/jdk.h"
#include "os/os_file.h"

static char home[PATH_MAX];
static char modules[PATH_MAX + 16];
static void *java_library, *verify_library;

const char *jdk_modules_path(void)
{
    return modules;
}

/* Takes `levels` names off the end of a path. */
static bool parent(char *path, unsigned levels)
{
    for (; levels > 0; levels--) {
        char *slash = strrchr(path, '/');
        if (slash == NULL || slash == path) {
            return false;
        }
        *slash = '\0';
    }
    return true;
}

/* Takes the folder `levels` above the real path of a file for java.home, if it has lib/modules. */
static bool try_home(const char *file, unsigned levels)
{
    char path[PATH_MAX];
    if (file == NULL || realpath(file, path) == NULL || !parent(path, levels)) {
        return false;
    }
    (void)snprintf(modules, sizeof modules, "%s/lib/modules", path);
    if (os_access(AT_FDCWD, modules, R_OK, 0) < 0) {
        return false;
    }
    memcpy(home, path, strlen(path) + 1);
    return true;
}

static const char *file_of(const void *address)
{
    Dl_info info;
    return address != NULL && dladdr(address, &info) != 0 ? info.dli_fname : NULL;
}

int jdk_home_find(struct st_err *err)
{
    char variable[PATH_MAX];
    const char *said = getenv("JAVA_HOME");
    (void)snprintf(variable, sizeof variable, "%s/lib/modules", said != NULL ? said : "");
    /* lib/server/libjvm.so, lib/libjli.so, bin/java, what the environment says. */
    if (try_home(file_of((const void *)&jdk_home_find), 3) ||
        try_home(file_of(dlsym(RTLD_DEFAULT, "JLI_Launch")), 2) || try_home("/proc/self/exe", 2) ||
        (said != NULL && try_home(variable, 2))) {
        return 0;
    }
    return st_fail(
        err, ST_ENOENT,
        "no JDK found: there is no lib/modules beside libjvm.so, libjli.so or the program, "
        "nor below JAVA_HOME");
}

static const struct {
    const char *key, *value;
    bool replace; /* the command line cannot set it */
} fixed_properties[] = {
    {"java.vm.specification.name", "Java Virtual Machine Specification", true},
    {"java.vm.specification.vendor", "Oracle Corporation", true},
    {"java.vm.specification.version", "17", true},
    {"java.vm.name", JDK_VM_NAME, true},
    {"java.vm.vendor", "Strata", true},
    {"java.vm.version", STRATA_VERSION, true},
    {"java.vm.info", "interpreted mode", true},
    {"jdk.debug", "release", true},
    {"java.class.path", "", false},
    {"jdk.boot.class.path.append", "", false},
};

static int fill_library_path(struct jdk_options *options)
{
    /* What Debian's libraries look for native code in. */
    static const char debian[] =
        "/usr/java/packages/lib:/usr/lib/x86_64-linux-gnu/jni:/lib/x86_64-linux-gnu:"
        "/usr/lib/x86_64-linux-gnu:/usr/lib/jni:/lib:/usr/lib";
    const char *said = getenv("LD_LIBRARY_PATH");
    char *path = NULL;
    if (said == NULL || said[0] == '\0') {
        return jdk_property_set(options, "java.library.path", debian, false);
    }
    if (asprintf(&path, "%s:%s", said, debian) < 0) {
        return -ST_ENOMEM;
    }
    int r = jdk_property_set(options, "java.library.path", path, false);
    free(path);
    return r;
}

int jdk_properties_fill(struct jdk_options *options)
{
    char path[PATH_MAX + 8];
    int r = jdk_property_set(options, "java.home", home, true);
    (void)snprintf(path, sizeof path, "%s/lib", home);
    for (unsigned i = 0; r >= 0 && i < ST_COUNT(fixed_properties); i++) {
        r = jdk_property_set(options, fixed_properties[i].key, fixed_properties[i].value,
                             fixed_properties[i].replace);
    }
    if (r >= 0) {
        r = jdk_property_set(options, "sun.boot.library.path", path, false);
    }
    if (r >= 0 && options->max_direct_bytes != 0) {
        char number[24];
        (void)snprintf(number, sizeof number, "%llu",
                       (unsigned long long)options->max_direct_bytes);
        r = jdk_property_set(options, "sun.nio.MaxDirectMemorySize", number, true);
    }
    return r >= 0 ? fill_library_path(options) : r;
}

static void *open_library(const char *name, struct st_err *err)
{
    char path[PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/lib/%s", home, name);
    void *library = dlopen(path, RTLD_LAZY);
    if (library == NULL) {
        (void)st_fail(err, ST_ENOENT, "Unable to load native library: %s", dlerror());
    }
    return library;
}

int jdk_libraries_open(struct st_err *err)
{
    java_library = open_library("libjava.so", err);
    return java_library != NULL ? 0 : -ST_ENOENT;
}

void *jdk_java_library(void)
{
    return java_library;
}

void *jdk_verify_library(struct st_err *err)
{
    void *library = __atomic_load_n(&verify_library, __ATOMIC_ACQUIRE);
    if (library == NULL) {
        library = open_library("libverify.so", err);
        __atomic_store_n(&verify_library, library, __ATOMIC_RELEASE);
    }
    return library;
}
