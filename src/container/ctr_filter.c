/* seccomp filters of containers: see ctr_filter.h. */
#include "container/ctr_filter.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/heap.h"
#include "base/print.h"
#include "base/str.h"
#include "container/ctr_store.h"
#include "container/ctr_sync.h"
#include "hash/sha256.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_identity.h"
#include "spec/spec_runtime.h"

/* Not a valid container ID, so that it can stand beside the containers. */
#define CACHE_FOLDER "@filters"

/* Changes whenever the compiler's output for the same profile may. */
#define COMPILER_VERSION 1u

static uint32_t action_of(enum spec_seccomp_action action, bool has_errno, uint32_t number)
{
    uint32_t data = (has_errno ? number : EPERM) & SECCOMP_RET_DATA;
    switch (action) {
    case SPEC_ACT_KILL:
    case SPEC_ACT_KILL_THREAD:
        return SECCOMP_RET_KILL_THREAD;
    case SPEC_ACT_KILL_PROCESS:
        return SECCOMP_RET_KILL_PROCESS;
    case SPEC_ACT_TRAP:
        return SECCOMP_RET_TRAP;
    case SPEC_ACT_ERRNO:
        return SECCOMP_RET_ERRNO | data;
    case SPEC_ACT_TRACE:
        return SECCOMP_RET_TRACE | data;
    case SPEC_ACT_ALLOW:
        return SECCOMP_RET_ALLOW;
    case SPEC_ACT_LOG:
        return SECCOMP_RET_LOG;
    case SPEC_ACT_NOTIFY:
        return SECCOMP_RET_USER_NOTIF;
    case SPEC_ACT_COUNT:
        break;
    }
    return SECCOMP_RET_KILL_PROCESS;
}

static enum sbx_seccomp_op op_of(enum spec_seccomp_op op)
{
    static const enum sbx_seccomp_op ops[SPEC_CMP_COUNT] = {
        [SPEC_CMP_NE] = SBX_OP_NE,
        [SPEC_CMP_LT] = SBX_OP_LT,
        [SPEC_CMP_LE] = SBX_OP_LE,
        [SPEC_CMP_EQ] = SBX_OP_EQ,
        [SPEC_CMP_GE] = SBX_OP_GE,
        [SPEC_CMP_GT] = SBX_OP_GT,
        [SPEC_CMP_MASKED_EQ] = SBX_OP_MASKED_EQ,
    };
    return ops[op];
}

/* The profile as the compiler wants it; the rules and their conditions are the caller's to free. */
static int convert(const struct spec_seccomp *from, struct sbx_seccomp_profile *to,
                   struct sbx_seccomp_rule **ret_rules, struct sbx_seccomp_arg **ret_args)
{
    size_t arg_count = 0;
    for (size_t i = 0; i < from->syscalls_count; i++) {
        arg_count += from->syscalls[i].args_count;
    }
    struct sbx_seccomp_rule *rules = calloc(from->syscalls_count + 1, sizeof(*rules));
    struct sbx_seccomp_arg *args = calloc(arg_count + 1, sizeof(*args));
    *ret_rules = rules;
    *ret_args = args;
    if (rules == NULL || args == NULL) {
        return -ST_ENOMEM;
    }
    for (size_t i = 0; i < from->syscalls_count; i++) {
        const struct spec_seccomp_syscall *call = &from->syscalls[i];
        rules[i] = (struct sbx_seccomp_rule){
            .names = (const char *const *)call->names,
            .name_count = call->names_count,
            .action = action_of(call->action, call->has_errno_ret, call->errno_ret),
            .args = args,
            .arg_count = call->args_count,
        };
        for (size_t j = 0; j < call->args_count; j++) {
            *args++ = (struct sbx_seccomp_arg){
                .index = call->args[j].index,
                .op = op_of(call->args[j].op),
                .value = call->args[j].value,
                .value_two = call->args[j].value_two,
            };
        }
    }
    *to = (struct sbx_seccomp_profile){
        .default_action =
            action_of(from->default_action, from->has_default_errno_ret, from->default_errno_ret),
        .architectures = (const char *const *)from->architectures,
        .architecture_count = from->architectures_count,
        .rules = rules,
        .rule_count = from->syscalls_count,
    };
    return 0;
}

static void hash_number(struct hash_sha256 *hash, uint64_t number)
{
    hash_sha256_add(hash, &number, sizeof(number));
}

static void hash_names(struct hash_sha256 *hash, const char *const *names, size_t count)
{
    hash_number(hash, count);
    for (size_t i = 0; i < count; i++) {
        hash_sha256_add(hash, names[i], st_strlen(names[i]) + 1);
    }
}

/* Every number has a fixed size and every text its zero, so different profiles never hash alike. */
static void hash_profile(const struct sbx_seccomp_profile *profile, struct hash_sha256 *hash)
{
    hash_number(hash, profile->default_action);
    hash_names(hash, profile->architectures, profile->architecture_count);
    hash_number(hash, profile->rule_count);
    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct sbx_seccomp_rule *rule = &profile->rules[i];
        hash_number(hash, rule->action);
        hash_names(hash, rule->names, rule->name_count);
        hash_number(hash, rule->arg_count);
        for (size_t j = 0; j < rule->arg_count; j++) {
            hash_number(hash, rule->args[j].index);
            hash_number(hash, rule->args[j].op);
            hash_number(hash, rule->args[j].value);
            hash_number(hash, rule->args[j].value_two);
        }
    }
}

static int key_of(const struct sbx_seccomp_profile *profile,
                  char ret_name[2 * HASH_SHA256_SIZE + 1])
{
    struct utsname system;
    struct hash_sha256 hash;
    uint8_t digest[HASH_SHA256_SIZE];
    int r = os_uname(&system);
    if (r < 0) {
        return r;
    }
    hash_sha256_init(&hash);
    hash_number(&hash, COMPILER_VERSION);
    hash_number(&hash, sbx_seccomp_library_version());
    hash_sha256_add(&hash, system.machine, st_strlen(system.machine) + 1);
    hash_sha256_add(&hash, system.release, st_strlen(system.release) + 1);
    hash_profile(profile, &hash);
    hash_sha256_end(&hash, digest);
    hash_sha256_hex(digest, ret_name);
    return 0;
}

static bool is_ours(int fd, mode_t type)
{
    struct stat st;
    return os_fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == os_geteuid() &&
           (st.st_mode & 077) == 0;
}

static int open_cache(const char *root, bool make)
{
    char path[CTR_PATH_MAX];
    int r = ctr_store_path(root, CACHE_FOLDER, "", path, NULL);
    if (r == 0 && make) {
        r = os_make_dirs(AT_FDCWD, root, 0700);
        r = r < 0 ? r : os_mkdirat(AT_FDCWD, path, 0700);
        r = r == -ST_EEXIST ? 0 : r;
    }
    if (r < 0) {
        return r;
    }
    st_auto(fd) int folder = os_open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
    if (folder < 0) {
        return folder;
    }
    return is_ours(folder, S_IFDIR) ? os_take_fd(folder) : -ST_EPERM;
}

static int read_cached(int folder, const char *name, struct sbx_filter *ret_program)
{
    enum { MAX = HASH_SHA256_SIZE + BPF_MAXINSNS * sizeof(struct sock_filter) };
    uint8_t digest[HASH_SHA256_SIZE];
    st_auto(buf) struct st_buf file = ST_BUF_HEAP(MAX);
    st_auto(fd) int fd = os_openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);
    if (fd < 0 || !is_ours(fd, S_IFREG)) {
        return -ST_ENOENT;
    }
    int r = os_read_all(fd, &file);
    if (r < 0) {
        return r;
    }
    size_t size = file.length < HASH_SHA256_SIZE ? 0 : file.length - HASH_SHA256_SIZE;
    if (size == 0 || size % sizeof(struct sock_filter) != 0) {
        return -ST_ECORRUPT;
    }
    hash_sha256_of(file.data + HASH_SHA256_SIZE, size, digest);
    if (memcmp(digest, file.data, HASH_SHA256_SIZE) != 0) {
        return -ST_ECORRUPT;
    }
    struct sock_filter *code = malloc(size);
    if (code == NULL) {
        return -ST_ENOMEM;
    }
    memcpy(code, file.data + HASH_SHA256_SIZE, size);
    *ret_program = (struct sbx_filter){.code = code, .count = size / sizeof(*code)};
    return 0;
}

/* Not being able to keep it is no failure. */
static void write_cached(int folder, const char *name, const struct sbx_filter *program)
{
    uint8_t digest[HASH_SHA256_SIZE];
    size_t size = program->count * sizeof(*program->code);
    st_auto(buf) struct st_buf file = ST_BUF_HEAP(HASH_SHA256_SIZE + size);
    hash_sha256_of(program->code, size, digest);
    st_buf_append(&file, digest, sizeof(digest));
    if (st_buf_append(&file, program->code, size) == 0) {
        (void)os_replace_file(folder, name, file.data, file.length, 0600, false);
    }
}

static int make_program(const struct sbx_seccomp_profile *profile, const char *root,
                        struct sbx_filter *ret_program, struct st_err *err)
{
    char name[2 * HASH_SHA256_SIZE + 1];
    int r = key_of(profile, name);
    if (r < 0) {
        return sbx_seccomp_compile(profile, ret_program, err);
    }
    st_auto(fd) int cache = open_cache(root, false);
    if (cache >= 0 && read_cached(cache, name, ret_program) == 0) {
        return 0;
    }
    r = sbx_seccomp_compile(profile, ret_program, err);
    if (r < 0) {
        return r;
    }
    if (cache == -ST_ENOENT) {
        cache = open_cache(root, true);
    }
    if (cache >= 0) {
        write_cached(cache, name, ret_program);
    }
    return 0;
}

static int flags_of(const struct spec_seccomp *profile, unsigned *ret_flags, struct st_err *err)
{
    unsigned flags = 0;
    for (size_t i = 0; i < profile->flags_count; i++) {
        unsigned flag;
        if (sbx_seccomp_flag(profile->flags[i], &flag) < 0) {
            return st_fail(err, ST_EINVAL, "linux.seccomp.flags: unknown flag \"%.64s\"",
                           profile->flags[i]);
        }
        flags |= flag;
    }
    *ret_flags = flags;
    return 0;
}

static bool asks_listener(const struct spec_seccomp *profile)
{
    bool asks = profile->default_action == SPEC_ACT_NOTIFY;
    for (size_t i = 0; i < profile->syscalls_count; i++) {
        asks = asks || profile->syscalls[i].action == SPEC_ACT_NOTIFY;
    }
    return asks;
}

int ctr_filter_make(const struct spec_seccomp *profile, const char *root,
                    struct ctr_filter *ret_filter, struct st_err *err)
{
    struct sbx_seccomp_profile converted;
    st_auto(free) struct sbx_seccomp_rule *rules = NULL;
    st_auto(free) struct sbx_seccomp_arg *args = NULL;
    struct ctr_filter filter = {.notifies = asks_listener(profile)};
    int r = flags_of(profile, &filter.flags, err);
    if (r < 0) {
        return r;
    }
    if (filter.notifies) {
        if (profile->listener_path == NULL || profile->listener_path[0] == '\0') {
            return st_fail(err, ST_EINVAL, "linux.seccomp: SCMP_ACT_NOTIFY needs a listenerPath");
        }
        filter.flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    }
    r = convert(profile, &converted, &rules, &args);
    if (r < 0) {
        return st_fail_os(err, r, "reading the seccomp profile");
    }
    r = make_program(&converted, root, &filter.program, err);
    if (r < 0) {
        return r;
    }
    *ret_filter = filter;
    return 0;
}

void ctr_filter_done(struct ctr_filter *filter)
{
    sbx_filter_done(&filter->program);
}

int ctr_filter_load(const struct ctr_filter *filter, int channel)
{
    if (filter->notifies && channel >= 0) {
        /* The next descriptor gets the lowest free number. */
        int next = os_dup(channel);
        if (next < 0) {
            return next;
        }
        int number = next;
        os_close(&next);
        int r = ctr_sync_send(channel, CTR_SYNC_LISTENER, number);
        if (r < 0) {
            return r;
        }
    }
    int r = sbx_seccomp_load(filter->program.code, filter->program.count, filter->flags);
    return r < 0 ? r : 0;
}
