/*
 * Names of instances. A name is a link <run>/names/NAME that says the id; making the link is what
 * makes the name unique. The folder dies with the host and is made again from the configs.
 */
#include <string.h>
#include <sys/file.h>

#include "base/print.h"
#include "base/str.h"
#include "engine/engine_priv.h"
#include "os/os_dir.h"
#include "os/os_time.h"

static const char *const qualities[] = {
    "amber",   "ample",   "azure",  "blithe",  "bold",   "brave",  "breezy", "bright",   "brisk",
    "calm",    "candid",  "cheery", "clever",  "cosmic", "cosy",   "crisp",  "dapper",   "daring",
    "deft",    "eager",   "early",  "earnest", "fabled", "fair",   "fleet",  "fluent",   "fond",
    "frank",   "gentle",  "gilded", "glad",    "golden", "grand",  "hardy",  "hazel",    "honest",
    "humble",  "ideal",   "jade",   "jolly",   "keen",   "kindly", "lively", "loyal",    "lucid",
    "lunar",   "mellow",  "merry",  "mighty",  "modest", "neat",   "nimble", "noble",    "opal",
    "patient", "placid",  "plucky", "polar",   "prime",  "proud",  "quick",  "quiet",    "rapid",
    "ready",   "regal",   "robust", "rosy",    "royal",  "ruby",   "rustic", "sage",     "serene",
    "sharp",   "silver",  "sleek",  "smooth",  "snug",   "solar",  "solid",  "spry",     "stable",
    "stoic",   "sturdy",  "subtle", "sunny",   "supple", "swift",  "tidy",   "tranquil", "trusty",
    "upbeat",  "valiant", "velvet", "vivid",   "warm",   "wily",   "wise",   "witty",    "zesty",
};

static const char *const things[] = {
    "alcove",  "anchor",  "arch",    "aspen",    "atoll",   "basalt",  "bay",      "beacon",
    "birch",   "bluff",   "breccia", "bridge",   "brook",   "butte",   "canyon",   "cape",
    "cavern",  "cedar",   "chalk",   "cirque",   "clay",    "cliff",   "coral",    "cove",
    "crag",    "crater",  "creek",   "crystal",  "dell",    "delta",   "dolomite", "dune",
    "esker",   "estuary", "fault",   "feldspar", "fen",     "fjord",   "flint",    "fold",
    "forest",  "gabbro",  "garnet",  "geode",    "geyser",  "glacier", "glen",     "gneiss",
    "gorge",   "granite", "gravel",  "grotto",   "gully",   "gypsum",  "harbor",   "heath",
    "hill",    "inlet",   "island",  "jasper",   "juniper", "karst",   "knoll",    "lagoon",
    "lake",    "ledge",   "lichen",  "loam",     "magma",   "mantle",  "maple",    "marble",
    "marsh",   "meadow",  "mesa",    "mica",     "moor",    "moraine", "oasis",    "onyx",
    "outcrop", "peak",    "pebble",  "pine",     "plateau", "pond",    "prairie",  "pumice",
    "quarry",  "quartz",  "ravine",  "reef",     "ridge",   "rift",    "river",    "sandstone",
    "schist",  "shale",   "shoal",   "slate",    "spring",  "strait",  "summit",   "talus",
    "tarn",    "tundra",  "valley",  "willow",
};

/* Does the instance that a link names have this name, or will it? A rename that was killed leaves a
 * link that its instance's config does not know. */
static bool claim_is_live(struct engine *engine, const char *name, const char *id)
{
    const int dirs[] = {engine->homes_fd, engine->folders_fd};
    char making[sizeof(ENGINE_NEW_PREFIX) + ENGINE_ID_LENGTH];
    st_auto(engine_instance) struct engine_instance *instance = NULL;
    st_auto(engine_instance) struct engine_instance *locked = NULL;

    st_snprintf(making, sizeof(making), ENGINE_NEW_PREFIX "%s", id);
    for (size_t i = 0; i < ST_COUNT(dirs); i++) {
        if (os_access(dirs[i], making, F_OK, 0) == 0) {
            return true;
        }
    }
    if (!engine_is_id(id)) {
        return false;
    }
    int r = engine_home_open(engine, id, &instance, NULL);
    if (r < 0 || st_streq(instance->config->name, name)) {
        return r != -ST_ENOTFOUND;
    }
    if (engine_home_lock(instance, false, NULL) < 0) {
        return true; /* Somebody may be renaming it. */
    }
    r = engine_home_open(engine, id, &locked, NULL);
    return r < 0 ? r != -ST_ENOTFOUND : st_streq(locked->config->name, name);
}

/* Removes the link if it is a dead instance's. Two who find it dead must not remove the link that
 * the faster one has made meanwhile, hence the lock. */
static int drop_dead(struct engine *engine, const char *name)
{
    char id[ENGINE_ID_LENGTH + 8];
    int r = os_flock(engine->names_fd, LOCK_EX);

    if (r < 0) {
        return r;
    }
    r = os_readlinkat(engine->names_fd, name, id, sizeof(id));
    if (r >= 0 && !claim_is_live(engine, name, id)) {
        (void)os_unlinkat(engine->names_fd, name, 0);
        r = 1;
    } else {
        r = r == -ST_ENOENT ? 1 : 0;
    }
    (void)os_flock(engine->names_fd, LOCK_UN);
    return r;
}

int engine_name_claim(struct engine *engine, const char *name, const char *id, struct st_err *err)
{
    char owner[ENGINE_ID_LENGTH + 8];

    for (int attempt = 0; attempt < 8; attempt++) {
        int r = os_symlinkat(id, engine->names_fd, name);
        if (r >= 0) {
            return 0;
        }
        if (r != -ST_EEXIST) {
            return st_fail_os(err, r, "taking the name %s", name);
        }
        r = drop_dead(engine, name);
        if (r < 0) {
            return st_fail_os(err, r, "taking the name %s", name);
        }
        if (r == 0) {
            break;
        }
    }
    if (os_readlinkat(engine->names_fd, name, owner, sizeof(owner)) < 0) {
        owner[0] = 0;
    }
    return st_fail(err, ST_ECONFLICT,
                   "Conflict. The container name \"/%s\" is already in use by container \"%s\". "
                   "You have to remove (or rename) that container to be able to reuse that name.",
                   name, owner);
}

void engine_name_release(struct engine *engine, const char *name, const char *id)
{
    char owner[ENGINE_ID_LENGTH + 8];

    if (os_flock(engine->names_fd, LOCK_EX) < 0) {
        return;
    }
    if (os_readlinkat(engine->names_fd, name, owner, sizeof(owner)) >= 0 && st_streq(owner, id)) {
        (void)os_unlinkat(engine->names_fd, name, 0);
    }
    (void)os_flock(engine->names_fd, LOCK_UN);
}

void engine_name_sweep(struct engine *engine)
{
    st_auto(os_dir) struct os_dir *dir = NULL;
    const char *name;
    unsigned char type;

    if (os_dir_open(engine->names_fd, ".", &dir) < 0) {
        return;
    }
    while (os_dir_next(dir, &name, &type) > 0) {
        (void)drop_dead(engine, name);
    }
}

int engine_name_make(struct engine *engine, const char *id, char *ret_name, size_t size,
                     struct st_err *err)
{
    struct st_err ignored;

    for (unsigned attempt = 0; attempt < 64; attempt++) {
        uint16_t random[3];
        int r = os_random(random, sizeof(random));
        if (r < 0) {
            return st_fail_os(err, r, "making a name up");
        }
        size_t n = st_snprintf(ret_name, size, "%s_%s", qualities[random[0] % ST_COUNT(qualities)],
                               things[random[1] % ST_COUNT(things)]);
        if (attempt > 3) {
            st_snprintf(ret_name + n, size - n, "%u", random[2] % (10u * attempt));
        }
        r = engine_name_claim(engine, ret_name, id, &ignored);
        if (r != -ST_ECONFLICT) {
            return r < 0 ? st_fail(err, ignored.code, "%s", ignored.msg) : 0;
        }
    }
    return st_fail(err, ST_ECONFLICT, "no made-up name is free; give one with --name");
}

static int claim_of_home(void *data, const char *id)
{
    struct engine *engine = data;
    struct engine_instance *instance = NULL;
    struct st_err ignored;

    int r = engine_home_open(engine, id, &instance, &ignored);
    if (r < 0) { /* A damaged one must not stop the others, nor a passing trouble cost a name. */
        return r == -ST_ENOMEM || r == -ST_EMFILE || r == -ST_ENFILE ? r : 0;
    }
    /* The folder under construction is names_fd for now. */
    (void)os_symlinkat(id, engine->names_fd, instance->config->name);
    engine_instance_free(instance);
    return 0;
}

int engine_name_rebuild(struct engine *engine, struct st_err *err)
{
    int r = os_flock(engine->run_fd, LOCK_EX);

    if (r < 0) {
        return st_fail_os(err, r, "locking %s", engine->run);
    }
    engine->names_fd = os_openat(engine->run_fd, "names", O_RDONLY | O_DIRECTORY, 0);
    if (engine->names_fd == -ST_ENOENT) {
        (void)os_remove_tree(engine->run_fd, ".names");
        r = os_mkdirat(engine->run_fd, ".names", 0700);
        r = r < 0 ? r
                  : (engine->names_fd =
                         os_openat(engine->run_fd, ".names", O_RDONLY | O_DIRECTORY, 0));
        r = r < 0 ? r : engine_home_each(engine, claim_of_home, engine);
        r = r < 0 ? r : os_renameat2(engine->run_fd, ".names", engine->run_fd, "names", 0);
    } else {
        r = engine->names_fd;
    }
    (void)os_flock(engine->run_fd, LOCK_UN);
    return r < 0 ? st_fail_os(err, r, "collecting the names of instances") : 0;
}
