/*
 * Gathering options: see jdk_given.h. First the variables are read, then files are put in where
 * they are named, so that nothing is done before all that was said is known.
 */
#include "jvm/jdk/jdk_given.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/heap.h"
#include "jvm/jdk/jdk.h"
#include "jvm/jdk/jdk_properties.h"
#include "jvm/runtime/jrt_image.h"
#include "os/os_file.h"

struct words {
    char **list; /* ended by NULL; NULL: there are none */
    uint32_t count;
};

static const char file_option[] = "-XX:VMOptionsFile=";

int jdk_list_append(char ***list, uint32_t count, const char *text)
{
    char **grown = realloc(*list, (count + 2) * sizeof *grown);
    char *copy = strdup(text);
    if (grown != NULL) {
        *list = grown;
    }
    if (grown == NULL || copy == NULL) {
        free(copy);
        return -ST_ENOMEM;
    }
    grown[count] = copy;
    grown[count + 1] = NULL;
    return 0;
}

void jdk_list_free(char **list)
{
    for (char **text = list; text != NULL && *text != NULL; text++) {
        free(*text);
    }
    free(list);
}

static int add(struct words *to, const char *text)
{
    int r = jdk_list_append(&to->list, to->count, text);
    to->count += r >= 0;
    return r;
}

/* Options in a text: separated by white space, parts may stand in quotes. `name` says whose. */
static int split(const char *name, const char *text, struct words *to, struct st_err *err)
{
    char *option = malloc(strlen(text) + 1);
    int r = option != NULL ? 0 : -ST_ENOMEM;
    while (r >= 0 && *(text += strspn(text, " \t\n\r\f\v")) != '\0') {
        size_t length = 0;
        char quote = 0;
        for (; *text != '\0' && (quote != 0 || !isspace((unsigned char)*text)); text++) {
            if (quote != 0 ? *text == quote : *text == '"' || *text == '\'') {
                quote = quote != 0 ? 0 : *text;
            } else {
                option[length++] = *text;
            }
        }
        option[length] = '\0';
        r = quote == 0 ? add(to, option) : st_fail(err, ST_EINVAL, "Unmatched quote in %s", name);
    }
    free(option);
    return r;
}

static int read_variable(const char *name, struct words *to, struct st_err *err)
{
    const char *text = getenv(name);
    if (text == NULL || geteuid() != getuid() || getegid() != getgid()) {
        return 0;
    }
    jdk_print(stderr, "Picked up %s: %s\n", name, text);
    return split(name, text, to, err);
}

static int read_file(const char *path, struct words *to, struct st_err *err)
{
    enum { FILE_BYTES = 1 << 20 };
    st_auto(buf) struct st_buf text = ST_BUF_HEAP(FILE_BYTES);
    st_auto(fd) int file = os_open(path, O_RDONLY, 0);
    if (file < 0) {
        return st_fail(err, ST_ENOENT, "Could not open options file '%s'", path);
    }
    if (os_read_all(file, &text) < 0) {
        return st_fail(err, ST_EINVAL, "Could not read options file '%s'", path);
    }
    return split(path, st_buf_string(&text), to, err);
}

static bool names_file(const char *option)
{
    return strncmp(option, file_option, sizeof file_option - 1) == 0;
}

/* What stands in a file that an option names. */
static int add_file(const char *place, const char *option, struct words *to, struct st_err *err)
{
    struct words words = {NULL};
    int r = read_file(option + sizeof file_option - 1, &words, err);
    for (uint32_t i = 0; r >= 0 && i < words.count; i++) {
        r = !names_file(words.list[i])
                ? add(to, words.list[i])
                : st_fail(
                      err, ST_EINVAL,
                      "A VM options file may not refer to a VM options file. Specification of "
                      "'%s<file-name>' in the options file '%s' in options container '%s' is an "
                      "error.",
                      file_option, option, place);
    }
    jdk_list_free(words.list);
    return r;
}

/* Adds words, and for one of them what is in the file that it names. `place`: HotSpot's name of
 * where they stand. */
static int expand(const char *place, const struct words *words, struct words *to,
                  struct st_err *err)
{
    const char *file = NULL;
    int r = 0;
    for (uint32_t i = 0; r >= 0 && i < words->count; i++) {
        const char *option = words->list[i];
        if (!names_file(option)) {
            r = add(to, option);
        } else if (file == NULL) {
            file = option;
            r = add_file(place, option, to, err);
        } else {
            r = st_fail(err, ST_EINVAL,
                        "The option '%s' is already specified in the options container '%s' so the "
                        "specification of '%s' in the same options container is an error.",
                        file, place, option);
        }
    }
    return r;
}

static bool is_hook(const char *option)
{
    return strcmp(option, "vfprintf") == 0 || strcmp(option, "exit") == 0 ||
           strcmp(option, "abort") == 0;
}

/* What jlink --add-options wrote into lib/modules. */
static int read_image(struct words *to, struct st_err *err)
{
    st_auto(free) char *text =
        jrt_image_text(jdk_modules_path(), "java.base", "jdk/internal/vm/options");
    return text != NULL ? split("vm options resource", text, to, err) : 0;
}

int jdk_options_gather(const JavaVMInitArgs *arguments, struct jdk_options *options,
                       struct st_err *err)
{
    struct words image = {NULL};
    struct words tool = {NULL};
    struct words given = {NULL};
    struct words last = {NULL};
    struct words all = {NULL};
    int r = read_image(&image, err);
    r = r >= 0 ? read_variable("JAVA_TOOL_OPTIONS", &tool, err) : r;
    r = r >= 0 ? read_variable("_JAVA_OPTIONS", &last, err) : r;
    for (jint i = 0; r >= 0 && i < arguments->nOptions; i++) {
        const char *option = arguments->options[i].optionString;
        r = is_hook(option) ? 0 : add(&given, option);
    }
    r = r >= 0 ? expand("vm_options_args", &image, &all, err) : r;
    r = r >= 0 ? expand("env_var='JAVA_TOOL_OPTIONS'", &tool, &all, err) : r;
    r = r >= 0 ? expand("cmd_line_args", &given, &all, err) : r;
    r = r >= 0 ? expand("env_var='_JAVA_OPTIONS'", &last, &all, err) : r;
    jdk_list_free(image.list);
    jdk_list_free(tool.list);
    jdk_list_free(given.list);
    jdk_list_free(last.list);
    options->arguments = all.list;
    options->argument_count = all.count;
    return r;
}
