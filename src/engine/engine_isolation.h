/*
 * The seam between the engine and the layer that an instance is virtualized on. The engine does
 * what is the same for all of them (names, files, networks, volumes, logs, life); an isolation
 * turns the neutral config into its program's input and speaks to that program. None is linked:
 * each execs its program. Adding one is adding one row to engine_isolation_of.
 */
#pragma once

#include "engine/engine_priv.h"

/* What is known of an instance that is about to start. */
struct engine_launch {
    struct engine_instance *instance;
    const char *folder; /* path of the run folder */
    int folder_fd;
    int root;                      /* descriptor of its files, mounted in the monitor's namespace */
    int netns;                     /* its network; -1: the host's */
    bool own_network;              /* netns is new: not the host's and not another instance's */
    const struct net_lease *lease; /* NULL: none */
    const struct engine_instance *net_source; /* whose network it shares, NULL: nobody's */
    struct engine_identity identity;
    unsigned rows, columns; /* what its terminal begins with; 0: unknown */
    bool idle;              /* a machine that is started for its files alone */
    struct st_buf *warnings;
};

struct engine_isolation {
    const char *name;
    bool files; /* its root, volumes and network are the engine's to make before it starts */
    /* Completes a config without an image, from `arena`. NULL: there is nothing to complete. */
    int (*complete)(struct engine_config *config, struct json_doc *arena, struct st_err *err);
    /* Fills a folder with what the root of an instance without an image begins with. NULL: such
     * instances have no root. */
    int (*root)(const char *folder, struct st_err *err);
    /* Refuses by name what this isolation does not have, of a config that the image's own was
     * merged into. NULL: it has everything. */
    int (*check)(const struct engine_config *config, struct st_err *err);
    /* Writes the program's input into the run folder. */
    int (*prepare)(const struct engine_launch *launch, struct st_err *err);
    /* Ends whatever of the instance is left, with its monitor gone. */
    int (*clean)(struct engine_instance *instance, struct st_err *err);
    int (*freeze)(struct engine_instance *instance, bool on, struct st_err *err);
    /* As a machine's reset button. NULL: it has none. */
    int (*reset)(struct engine_instance *instance, struct st_err *err);
    /* What it counts, a JSON object, while the instance runs: the caller frees *ret_doc, in which
     * *ret_value is. NULL: nothing. */
    int (*metrics)(struct engine_instance *instance, struct json_doc **ret_doc,
                   const struct json_value **ret_value, struct st_err *err);
    int (*exec)(struct engine_instance *instance, const struct engine_exec_options *options,
                int *ret_exit_code, struct st_err *err);
    /* As engine_cp_out and engine_cp_in. NULL: its files are reached from the host. */
    int (*copy_out)(struct engine_instance *instance, const char *path, const char *host_path,
                    const struct engine_cp_options *options, struct st_err *err);
    int (*copy_in)(struct engine_instance *instance, const char *host_path, const char *path,
                   const struct engine_cp_options *options, struct st_err *err);
    /* Why it did not start, after strata-monitor said that it failed (text: with these words, or
     * NULL): fills *err and returns the exit code to end with. */
    int (*failure)(const struct engine_launch *launch, int exit_code, const char *text,
                   struct st_err *err);
};

/* The isolation of an instance; every config that was checked has one. */
const struct engine_isolation *engine_isolation_of(const struct engine_config *config);

extern const struct engine_isolation engine_container;
extern const struct engine_isolation engine_vm;
extern const struct engine_isolation engine_jvm;

/* ---- engine_container.c: strata-oci, which engine_jvm runs too ---- */

int engine_container_prepare(const struct engine_launch *launch, struct st_err *err);
int engine_container_clean(struct engine_instance *instance, struct st_err *err);
int engine_container_freeze(struct engine_instance *instance, bool on, struct st_err *err);
int engine_container_exec(struct engine_instance *instance,
                          const struct engine_exec_options *options, int *ret_exit_code,
                          struct st_err *err);
int engine_container_failure(const struct engine_launch *launch, int exit_code, const char *said,
                             struct st_err *err);

/* ---- engine_oci.c: config.json for engine_container ---- */

/* Appends config.json. */
int engine_oci_write(const struct engine_launch *launch, struct st_buf *to, struct st_err *err);

/* The process part of it, also for exec: arena owns everything. */
struct json_doc;
int engine_oci_process(struct json_doc *arena, const struct engine_config *config,
                       const struct engine_identity *identity, bool privileged,
                       struct spec_process *ret_process, struct st_err *err);
int engine_oci_mounts(struct json_doc *arena, const struct engine_launch *launch,
                      struct spec_runtime *spec, struct st_err *err);
int engine_oci_devices(struct json_doc *arena, const struct engine_config *config,
                       struct spec_linux *linux_part, struct st_err *err);
int engine_oci_resources(struct json_doc *arena, const struct engine_config *config,
                         struct spec_linux *linux_part, struct st_err *err);

/* The variables of its process: defaults that neither image nor owner gave, then theirs. HOME is
 * left out where `home` is NULL. */
struct engine_strings;
void engine_process_env(struct engine_strings *env, const struct engine_config *config,
                        const char *home);
bool engine_no_new_privileges(const struct engine_config *config);
/* What --security-opt has for a name behind '=' or ':'; NULL: nothing. */
const char *engine_security_option(const struct engine_security *security, const char *name);

/* A list under construction in an arena: texts end with NULL. */
struct engine_strings {
    struct json_doc *arena;
    const char **items;
    size_t count;
    size_t room;
    bool failed;
};
void engine_strings_add(struct engine_strings *list, const char *text);
void engine_strings_addf(struct engine_strings *list, const char *format, ...) ST_PRINTF(2, 3);
const char *engine_textf(struct json_doc *arena, const char *format, ...) ST_PRINTF(2, 3);

/* ---- engine_caps.c, engine_default_seccomp.c ---- */

/* The capabilities that the config asks for, as names. -ST_EINVAL for one that does not exist. */
int engine_caps(struct json_doc *arena, const struct engine_config *config, const char ***ret_names,
                size_t *ret_count, struct st_err *err);
/* The same as a mask, of the capabilities in `all`. */
int engine_caps_mask(const struct engine_config *config, uint64_t all, uint64_t *ret_mask,
                     struct st_err *err);

/* The default policy for these capabilities; everything lives in the arena. */
int engine_default_seccomp(struct json_doc *arena, const char *const *caps, size_t caps_count,
                           struct spec_seccomp **ret_policy);

/* A profile of the user's: OCI's form, or docker's with "includes" and "excludes". The policy is
 * (*ret_owner)->linux_->seccomp; the caller frees the owner. */
int engine_seccomp_profile(const char *text, const char *const *caps, size_t caps_count,
                           struct spec_runtime **ret_owner, struct st_err *err);
