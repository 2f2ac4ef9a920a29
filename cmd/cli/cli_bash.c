/*
 * The bash completion script of a program.
 *
 * It is one function with two case statements: the words so far choose a verb, and the verb chooses
 * the options, the values of the option before the cursor, and what the arguments name. Names of
 * instances, images and volumes are asked of `strata` itself when they are wanted.
 */
#include <stdlib.h>

#include "base/heap.h"
#include "base/str.h"
#include "cli/cli_priv.h"

/* Bash's function names: letters, digits and underscores. */
static void identifier(struct st_buf *to, const char *name)
{
    for (; *name != '\0'; name++) {
        st_buf_char(to, *name == '-' ? '_' : *name);
    }
}

static const char *words_of(unsigned complete)
{
    static const char *const commands[] = {
        [CLI_COMPLETE_NONE] = "",
        [CLI_COMPLETE_FILE] = "files=default",
        [CLI_COMPLETE_FOLDER] = "files=dirnames",
        [CLI_COMPLETE_INSTANCE] = "ask='strata ps --all --format {{.Names}}'",
        [CLI_COMPLETE_IMAGE] = "ask='strata image ls --format {{.Repository}}:{{.Tag}}'",
        [CLI_COMPLETE_VOLUME] = "ask='strata volume ls --quiet'",
    };
    return commands[complete];
}

/* case branches for the options that take a value: "path:--name) ...;;". */
static void bash_values(const char *path, const struct cli_option *const *tables, struct st_buf *to)
{
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (!cli_shown(option) || option->kind == CLI_FLAG) {
                continue;
            }
            st_buf_printf(to, "        '%s:--%s'", path, option->name);
            if (option->letter != 0) {
                st_buf_printf(to, "|'%s:-%c'", path, option->letter);
            }
            st_buf_text(to, ") ");
            if (option->choices != NULL) {
                st_buf_text(to, "words='");
                for (const char *c = option->choices; *c != '\0'; c++) {
                    st_buf_char(to, *c == '|' ? ' ' : *c);
                }
                st_buf_char(to, '\'');
            } else {
                st_buf_text(to, option->complete != CLI_COMPLETE_NONE ? words_of(option->complete)
                                                                      : "words=");
            }
            st_buf_text(to, "; value=1 ;;\n");
        }
    }
}

static void bash_options(const struct cli_option *const *tables, struct st_buf *to)
{
    for (size_t i = 0; i < CLI_TABLES && tables[i] != NULL; i++) {
        for (const struct cli_option *option = tables[i]; option->name != NULL; option++) {
            if (cli_shown(option)) {
                st_buf_printf(to, " --%s", option->name);
            }
        }
    }
}

static void verb_names(const struct cli_verb *const *verbs, struct st_buf *to)
{
    for (; verbs != NULL && *verbs != NULL; verbs++) {
        if (!(*verbs)->hidden) {
            st_buf_printf(to, " %s", (*verbs)->name);
        }
    }
}

enum section {
    SECTION_PATHS,
    SECTION_VALUES,
    SECTION_WORDS,
};

/* One branch (or more) for each verb below `path`. */
static void bash_verbs(const char *path, const struct cli_verb *const *verbs, enum section section,
                       struct st_buf *to)
{
    for (; verbs != NULL && *verbs != NULL; verbs++) {
        const struct cli_verb *row = *verbs;
        const struct cli_verb *verb = row->same_as != NULL ? row->same_as : row;
        st_auto(buf) struct st_buf below = ST_BUF_HEAP(256);
        if (row->hidden) {
            continue;
        }
        st_buf_printf(&below, "%s %s", path, row->name);
        switch (section) {
        case SECTION_PATHS:
            st_buf_printf(to, "            '%s %s') path=\"$path $word\" ;;\n", path, row->name);
            break;
        case SECTION_VALUES:
            bash_values(st_buf_string(&below), verb->options, to);
            break;
        case SECTION_WORDS:
            st_buf_printf(to, "        '%s') options='%s", st_buf_string(&below),
                          verb->raw ? "" : "--help");
            bash_options(verb->options, to);
            st_buf_text(to, "'; ");
            if (verb->verbs != NULL) {
                st_buf_text(to, "words='");
                verb_names(verb->verbs, to);
                st_buf_text(to, "' ;;\n");
            } else {
                st_buf_printf(to, "%s ;;\n",
                              verb->complete != CLI_COMPLETE_NONE ? words_of(verb->complete)
                                                                  : "words=");
            }
            break;
        }
        bash_verbs(st_buf_string(&below), verb->verbs, section, to);
    }
}

void cli_bash(const struct cli_program *program, struct st_buf *to)
{
    const char *name = program->name;
    st_buf_printf(to, "# bash completion for %s; made from its option table.\n_", name);
    identifier(to, name);
    st_buf_printf(to,
                  "()\n{\n"
                  "    local word path='%s' options= words= value= ask= files= current previous i\n"
                  "    current=${COMP_WORDS[COMP_CWORD]}\n"
                  "    previous=${COMP_WORDS[COMP_CWORD-1]}\n"
                  "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                  "        word=${COMP_WORDS[i]}\n"
                  "        case \"$path $word\" in\n",
                  name);
    bash_verbs(name, program->verbs, SECTION_PATHS, to);
    st_buf_text(to, "        esac\n"
                    "    done\n"
                    "    case \"$path:$previous\" in\n");
    bash_values(name, program->options, to);
    bash_verbs(name, program->verbs, SECTION_VALUES, to);
    st_buf_text(to, "        *) value= ;;\n"
                    "    esac\n"
                    "    [ -z \"$value\" ] && case \"$path\" in\n");
    st_buf_printf(to, "        '%s') options='--help --version", name);
    bash_options(program->options, to);
    st_buf_text(to, "'; words='");
    verb_names(program->verbs, to);
    st_buf_text(to, "' ;;\n");
    bash_verbs(name, program->verbs, SECTION_WORDS, to);
    st_buf_text(to, "    esac\n"
                    "    case \"$value$current\" in\n"
                    "        -*) words=$options ask= files= ;;\n"
                    "    esac\n"
                    "    [ -n \"$files\" ] && compopt -o \"$files\"\n"
                    "    [ -n \"$ask\" ] && words=$($ask 2>/dev/null)\n"
                    "    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
                    "}\n"
                    "complete -F _");
    identifier(to, name);
    st_buf_printf(to, " %s\n", name);
}
