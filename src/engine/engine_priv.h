/*
 * What the engine's files share. Folders:
 *
 *     <data>/instances/ID/   home of a kept instance: config, exit, log, rootfs/{upper,work}
 *     <run>/instances/ID/    run folder of a running one: state, alive, monitor, config.json,
 * control ... and the home too of one that is removed when it ends (--rm) <run>/names/NAME link to
 * the ID that has the name; made again from the configs after a boot <data>/volumes/NAME/   _data
 * and volume (its JSON)
 *
 * Locks, in this order: an instance's home (flock of the folder), then its "alive" file, which its
 * monitor holds for as long as it lives. A folder named ".new-ID" is being made by whoever has it
 * locked, one named ".del-ID" is being removed.
 */
#pragma once

#include <stdbool.h>

#include "engine/engine.h"
#include "image/image.h"
#include "net/net.h"
#include "os/os_file.h"

/* The file in the run folder that holds the arguments of what strata-monitor runs itself. */
#define ENGINE_ARGUMENTS "arguments"
/* The file in the home that is a machine's writable layer. */
#define ENGINE_DISK "disk"

#define ENGINE_NEW_PREFIX ".new-"
#define ENGINE_DEL_PREFIX ".del-"

struct engine {
    char *data;
    char *run;
    char *programs;
    int data_fd;
    int run_fd;
    int homes_fd;   /* <data>/instances */
    int folders_fd; /* <run>/instances */
    int names_fd;   /* <run>/names */
    char *net_folder;
    struct net_config net;
    struct image_store *images; /* opened when it is needed */
};

struct engine_instance {
    struct engine *engine;
    struct engine_config *config;
    struct image *image; /* NULL until it is needed */
    bool in_run;         /* its home is its run folder */
    bool locked;
    bool removed; /* nothing of it is left */
    int home_fd;
};

/* ---- engine_store.c ---- */

bool engine_is_id(const char *text);
bool engine_is_name(const char *text);
/* Whether instances of this isolation may do without an image. */
bool engine_is_imageless(const char *isolation);
int engine_images(struct engine *engine, struct image_store **ret_store, struct st_err *err);
/* "PATH/to/name" made of its parts; NULL when out of memory. */
char *engine_path(const char *first, const char *second, const char *third);
/* The folder of our programs: `given`, or that of STRATA_PROGRAMS, or this process's. NULL: none,
 * or out of memory. */
char *engine_own_folder(const char *given);
/* Path of a program of ours. */
char *engine_program(const struct engine *engine, const char *name);
/* Makes the home of a new instance, a locked ".new-" folder. It comes before everything else that
 * is the instance's (name, image use), so that whoever finds those can tell a living claim from a
 * dead one. Filling writes the config, publishing gives the folder its name. */
int engine_home_begin(struct engine *engine, const char *id, bool in_run,
                      struct engine_instance **ret_instance, struct st_err *err);
int engine_home_fill(struct engine_instance *instance, const struct engine_config *config,
                     struct st_err *err);
int engine_home_publish(struct engine_instance *instance, struct st_err *err);
/* Gives up one that was not published, and frees it. */
void engine_home_abandon(struct engine_instance *instance, const char *id);
int engine_home_open(struct engine *engine, const char *id, struct engine_instance **ret_instance,
                     struct st_err *err);
int engine_home_lock(struct engine_instance *instance, bool wait, struct st_err *err);
void engine_home_unlock(struct engine_instance *instance);
char *engine_home_path(const struct engine_instance *instance);
int engine_config_save(const struct engine_instance *instance, struct st_err *err);
/* Calls visit for each id of homes; a negative result ends the walk. */
typedef int engine_visit_fn(void *data, const char *id);
int engine_home_each(struct engine *engine, engine_visit_fn *visit, void *data);

/* ---- engine_name.c ---- */

int engine_name_claim(struct engine *engine, const char *name, const char *id, struct st_err *err);
void engine_name_release(struct engine *engine, const char *name, const char *id);
/* Drops the claims of instances that are gone, after a crash. */
void engine_name_sweep(struct engine *engine);
/* A free name of two words, claimed. */
int engine_name_make(struct engine *engine, const char *id, char *ret_name, size_t size,
                     struct st_err *err);
/* Claims the names of all kept instances, once after a boot. */
int engine_name_rebuild(struct engine *engine, struct st_err *err);

/* ---- engine_state.c ---- */

/* The lock file of a running instance: 1 a monitor holds it, 0 none does, -ST_ENOENT there is none;
 * any other failure says nothing about it. */
int engine_alive(const struct engine *engine, const char *id);
/* Has it a monitor? 1, 0, or a failure. */
int engine_has_monitor(const struct engine_instance *instance, struct st_err *err);
int engine_state_read(struct engine_instance *instance, struct engine_state *ret_state,
                      struct st_err *err);
/* Parses the text of "state" or "exit"; fields that it does not have keep their value. */
int engine_state_parse(const char *text, size_t length, struct engine_state *state,
                       uint64_t *ret_pid_start, struct st_err *err);
/* Writes the "exit" of an instance whose monitor could not. */
int engine_exit_write(const struct engine_instance *instance, const struct engine_state *state);

/* ---- engine_clean.c ---- */

/* Cleans up after a locked instance that has no living monitor: container, network, run folder; the
 * whole instance if it is removed with its end. */
int engine_clean(struct engine_instance *instance, struct st_err *err);
/* The same without removing the instance, whatever its config says. */
int engine_clean_run(struct engine_instance *instance, struct st_err *err);
/* Removes a locked instance that is not running. */
int engine_erase(struct engine_instance *instance, bool volumes, struct st_err *err);

/* ---- engine_control.c ---- */

struct mon_record;
int engine_control_connect(const struct engine_instance *instance, struct st_err *err);
/* One record; the payload goes into bytes (MON_PAYLOAD_MAX). -ST_ECONNRESET when the other end is
 * gone. */
int engine_control_receive(int fd, struct mon_record *ret_head, void *bytes);
/* The same for the answer to something that was sent: -ST_ETIMEDOUT when none comes. */
int engine_control_answer(int fd, struct mon_record *ret_head, void *bytes);
int engine_control_send(int fd, int type, int flags, int a, int b, const void *payload,
                        size_t length);
/* Connects, says hello and asks for a signal; -ST_ESRCH when it does not run. */
int engine_control_signal(const struct engine_instance *instance, int number, bool stop,
                          struct st_err *err);

/* "ctrl-p,ctrl-q" as bytes. */
int engine_detach_keys_parse(const char *text, uint8_t *ret_keys, size_t max, size_t *ret_count,
                             struct st_err *err);

struct engine_stream {
    struct engine_instance *instance;
    int fd;
    bool owner;
    bool ended;    /* MON_EXIT came */
    bool clean_up; /* and said that the cleaning is ours */
    int exit_code;
};

/* ---- engine_ports.c ---- */

/* The ports that the config asks for; the caller frees them. */
int engine_ports_wanted(const struct engine_network *network, struct net_ports *ports,
                        struct st_err *err);
/* Keeps those that a machine's process is to listen on. */
int engine_ports_write(int folder_fd, const struct net_ports *ports, struct st_err *err);

/* ---- engine_list.c ---- */

/* Bytes of the regular files below dir/path; 0 where there is nothing. `depth` is 0. */
int64_t engine_tree_bytes(int dir, const char *path, unsigned depth);

/* ---- engine_volume.c ---- */

/* Makes the volumes that the config names, and names for its anonymous ones (arena: of the config
 * that is filled in). */
int engine_volume_prepare(struct engine *engine, const struct engine_config *config,
                          struct json_doc *arena, struct st_err *err);
/* Removes the anonymous volumes of a config. */
void engine_volume_drop(struct engine *engine, const struct engine_config *config);

/* ---- engine_rootfs.c ---- */

/* Looks a user up in the instance's files. */
struct engine_identity {
    uint32_t uid;
    uint32_t gid;
    uint32_t *groups; /* supplementary; freed by the caller */
    size_t groups_count;
    char *home;
};
int engine_identity_find(int root, const char *user, const char *const *groups, size_t groups_count,
                         struct engine_identity *ret_identity, struct st_err *err);
void engine_identity_done(struct engine_identity *identity);

/* Appends the entries of the "monitor" file about the root folder. */
int engine_rootfs_entries(struct engine_instance *instance, struct st_buf *to, struct st_err *err);
/* Bytes of its writable layer: of the files in it, or what the host has given to a machine's disk.
 */
int64_t engine_own_bytes(const struct engine_instance *instance);
/* Bytes of its writable layer, and of that with the image's layers. */
int engine_size(struct engine_instance *instance, int64_t *ret_own_bytes, int64_t *ret_all_bytes,
                struct st_err *err);
/* Copies what the image has at `target` into an empty volume. */
int engine_rootfs_fill(int root, const char *target, const char *volume, struct st_err *err);
