/*
 * `strata java`: the `java` command of the host's JDK 17 with our libjvm.so in HotSpot's place.
 *
 * The JDK's own launcher is executed, so that /proc/self/exe, by which it and Java programs start
 * others, is java's. The machine is chosen by a variable, which children inherit. A launcher's
 * option that names another machine would win over it: -server and -client, which scripts pass and
 * which mean HotSpot alone, are left out.
 */
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/str.h"
#include "engine/engine_java.h"
#include "os/os_process.h"
#include "strata/verbs.h"

static bool is_one_of(const char *word, const char *const *list)
{
    while (*list != NULL && !st_streq(word, *list)) {
        list++;
    }
    return *list != NULL;
}

/* The words for the launcher: its name, and what was given without the choice of a machine. */
static void choose_words(const struct cli *cli, const char **to)
{
    static const char *const machines[] = {"-server", "-client", NULL};
    static const char *const valued[] = {"-cp",
                                         "-classpath",
                                         "--class-path",
                                         "-p",
                                         "--module-path",
                                         "--upgrade-module-path",
                                         "--add-modules",
                                         "--enable-native-access",
                                         "--limit-modules",
                                         "--add-exports",
                                         "--add-opens",
                                         "--add-reads",
                                         "--patch-module",
                                         "-m",
                                         "--module",
                                         "-d",
                                         "--describe-module",
                                         "--source",
                                         NULL};
    bool options = true;

    *to++ = "java";
    for (size_t i = 0; i < cli->n_args; i++) {
        const char *word = cli->args[i];
        options = options && word[0] == '-';
        if (options && is_one_of(word, machines)) {
            continue;
        }
        *to++ = word;
        if (options && is_one_of(word, valued) && i + 1 < cli->n_args) {
            *to++ = cli->args[++i];
        }
    }
    *to = NULL;
}

static int verb_java(struct cli *cli, struct st_err *err)
{
    st_auto(engine_java) struct engine_java java = {0};
    int r = engine_java_find(NULL, &java, err);

    if (r < 0) {
        return r;
    }
    const char **words = calloc(cli->n_args + 2, sizeof(*words));
    if (words == NULL || setenv(ENGINE_JAVA_VARIABLE, java.vm, 1) < 0) {
        free(words);
        return st_fail(err, ST_ENOMEM, "out of memory");
    }
    choose_words(cli, words);
    r = os_execve(java.launcher, words, os_environ());
    free(words);
    return st_fail_os(err, r, "running %s", java.launcher);
}

static const struct cli_example examples[] = {
    {"strata java -cp classes Hello", "Run the main method of a class."},
    {"strata java -jar app.jar --port 8080", "Run a jar with an argument of its own."},
    {"strata java -version", "Show which class library and which virtual machine it is."},
    {0},
};

static const struct cli_exit exits[] = {
    {"1", "There is no Java 17, or as java has it: an uncaught exception, or a wrong option."},
    {"any other", "As java's: what the program says, or 128 and the signal that ended it."},
    {0},
};

const struct cli_verb strata_verb_java = {
    .name = "java",
    .summary = "Run a Java program on Strata's virtual machine.",
    .about = "This is the java command of OpenJDK 17 with Strata's virtual machine in HotSpot's "
             "place: its options, variables, files of arguments, output and exit codes are the "
             "same, and all that stands behind the word java goes to it, --help too. Java programs "
             "that the program starts run on Strata's virtual machine as well.\n\n"
             "Java is $JAVA_HOME where that is a JDK or JRE 17, else the first one in "
             "/usr/lib/jvm; Debian's package is openjdk-17-jre-headless. -server and -client, "
             "which choose HotSpot, are left out; in a file of arguments and in JDK_JAVA_OPTIONS "
             "they choose it. What the virtual machine has and has not is in docs/jvm.md.",
    .arguments = "[OPTION...] CLASS|-jar FILE|-m MODULE [ARG...]",
    .max = CLI_ANY,
    .complete = CLI_COMPLETE_FILE,
    .raw = true,
    .examples = examples,
    .exits = exits,
    .see_also = "java(1), strata-run(1)",
    .run = verb_java,
};
