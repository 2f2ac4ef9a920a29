/*
 * The root file system and the control groups on the real kernel. Each case is a child in fresh
 * namespaces that builds a root, goes into it and looks around; its exit status is the line that
 * failed. Without the right to do so the cases are skipped.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/str.h"
#include "container/ctr_cgroup.h"
#include "container/ctr_rootfs.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_identity.h"
#include "os/os_mount.h"
#include "os/os_process.h"
#include "os/os_time.h"
#include "spec/spec_runtime.h"

static char folder[] = "/tmp/ctr_rootfs_test.XXXXXX";

/* In the child: ends it with this line unless the condition holds. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fail_at(__LINE__, #condition);                                                         \
        }                                                                                          \
    } while (0)

static ST_NORETURN void fail_at(int line, const char *what)
{
    fprintf(stderr, "line %d: %s\n", line, what);
    _exit(1);
}

static bool may_mount(void)
{
    if (os_geteuid() != 0) {
        return false;
    }
    pid_t pid = os_fork();
    if (pid == 0) {
        _exit(os_unshare(CLONE_NEWNS | CLONE_NEWNET) < 0);
    }
    int status = 1;
    return pid > 0 && os_waitpid(pid, &status, 0) == pid && status == 0;
}

static int make_folders(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    int dir = os_open(folder, O_PATH | O_DIRECTORY, 0);
    bool made = os_make_dirs(dir, "rootfs/etc/deep", 0755) == 0 &&
                os_make_dirs(dir, "rootfs/copied/below", 0750) == 0 &&
                os_make_dirs(dir, "source/below", 0755) == 0 &&
                os_make_dirs(dir, "secret", 0700) == 0 &&
                os_symlinkat("/etc/deep", dir, "rootfs/link") == 0 &&
                os_symlinkat("../../../..", dir, "rootfs/escape") == 0 &&
                os_replace_file(dir, "source/file", "source", 6, 0644, false) == 0 &&
                os_replace_file(dir, "rootfs/etc/hidden", "hidden", 6, 0644, false) == 0 &&
                os_replace_file(dir, "rootfs/copied/below/f", "text", 4, 0640, false) == 0;
    os_close(&dir);
    return made ? 0 : -1;
}

static int remove_folders(void **state)
{
    (void)state;
    return os_remove_tree(AT_FDCWD, folder);
}

static void look(int line, const char *path, mode_t type, struct stat *ret_stat)
{
    if (os_fstatat(AT_FDCWD, path, ret_stat, AT_SYMLINK_NOFOLLOW) < 0 ||
        (ret_stat->st_mode & S_IFMT) != type) {
        fail_at(line, path);
    }
}

static unsigned long flags_of(const char *path)
{
    struct statfs found;
    return os_statfs(path, &found) < 0 ? 0 : (unsigned long)found.f_flags;
}

static long type_of(const char *path)
{
    struct statfs found;
    return os_statfs(path, &found) < 0 ? 0 : (long)found.f_type;
}

static void build(const char *mounts, const char *rest, struct ctr_rootfs *rootfs)
{
    char text[8192];
    struct spec_runtime *config;
    struct st_err err = {0};
    snprintf(text, sizeof(text),
             "{\"ociVersion\":\"1.2.1\",\"root\":{\"path\":\"rootfs\"},"
             "\"process\":{\"cwd\":\"/srv/dir\",\"args\":[\"x\"],"
             "\"user\":{\"uid\":0,\"gid\":0}},\"mounts\":[%s],\"linux\":{%s}}",
             mounts, rest);
    if (spec_runtime_parse(text, strlen(text), &config, &err) < 0) {
        fail_at(__LINE__, err.msg);
    }
    ctr_rootfs_init(rootfs);
    rootfs->config = config;
    rootfs->bundle = folder;
    rootfs->mount_namespace = true;
    if (ctr_rootfs_prepare(rootfs, &err) < 0 || ctr_rootfs_mount(rootfs, &err) < 0) {
        fail_at(__LINE__, err.msg);
    }
}

static void enter(struct ctr_rootfs *rootfs)
{
    struct st_err err = {0};
    if (ctr_rootfs_enter(rootfs, &err) < 0) {
        fail_at(__LINE__, err.msg);
    }
}

static const char usual_mounts[] =
    "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"},"
    "{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"options\":[\"nosuid\",\"strictatime\","
    "\"mode=755\",\"size=65536k\",\"ro\"]},"
    "{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"options\":[\"nosuid\",\"noexec\","
    "\"newinstance\",\"ptmxmode=0666\",\"mode=0620\"]},"
    "{\"destination\":\"/dev/mqueue\",\"type\":\"mqueue\",\"options\":[\"nosuid\"]},"
    "{\"destination\":\"/sys\",\"type\":\"sysfs\",\"options\":[\"ro\",\"nosuid\"]}";

static void usual_root(void)
{
    struct ctr_rootfs rootfs;
    struct stat found;
    build(usual_mounts,
          "\"maskedPaths\":[\"/proc/kcore\",\"/sys/firmware\",\"/etc/hidden\",\"/etc/deep\","
          "\"/none\"],\"readonlyPaths\":[\"/proc/sys\",\"/none\"],\"devices\":["
          "{\"type\":\"c\",\"path\":\"/dev/net/tun\",\"major\":10,\"minor\":200,\"fileMode\":384,"
          "\"uid\":5,\"gid\":6}]",
          &rootfs);
    enter(&rootfs);
    EXPECT(type_of("/proc") == PROC_SUPER_MAGIC && type_of("/sys") == SYSFS_MAGIC);
    EXPECT((flags_of("/sys") & (MS_RDONLY | MS_NOSUID)) == (MS_RDONLY | MS_NOSUID));
    EXPECT(type_of("/dev") == TMPFS_MAGIC && (flags_of("/dev") & MS_RDONLY) != 0);
    EXPECT(type_of("/dev/pts") == DEVPTS_SUPER_MAGIC);
    look(__LINE__, "/dev/null", S_IFCHR, &found);
    EXPECT(found.st_rdev == makedev(1, 3) && (found.st_mode & 0777) == 0666);
    look(__LINE__, "/dev/net/tun", S_IFCHR, &found);
    EXPECT(found.st_rdev == makedev(10, 200) && (found.st_mode & 0777) == 0600);
    EXPECT(found.st_uid == 5 && found.st_gid == 6);
    look(__LINE__, "/dev/ptmx", S_IFLNK, &found);
    look(__LINE__, "/dev/stdout", S_IFLNK, &found);
    look(__LINE__, "/srv/dir", S_IFDIR, &found);
    look(__LINE__, "/etc/hidden", S_IFCHR, &found);
    EXPECT(found.st_rdev == makedev(1, 3));
    look(__LINE__, "/etc/deep", S_IFDIR, &found);
    EXPECT(os_mkdirat(AT_FDCWD, "/etc/deep/x", 0755) == -ST_EROFS);
    EXPECT((flags_of("/proc/sys") & MS_RDONLY) != 0 && (flags_of("/proc") & MS_RDONLY) == 0);
    EXPECT(os_mkdirat(AT_FDCWD, "/made", 0755) == 0);
    EXPECT(os_access(AT_FDCWD, folder, 0, 0) == -ST_ENOENT);
}

static void binds_and_copies(void)
{
    struct ctr_rootfs rootfs;
    struct stat found;
    char text[16];
    build("{\"destination\":\"/link/file\",\"type\":\"bind\",\"source\":\"source/file\","
          "\"options\":[\"bind\",\"ro\"]},"
          "{\"destination\":\"/escape/new/dir\",\"source\":\"source\","
          "\"options\":[\"rbind\",\"rro\",\"rprivate\",\"nosuid\"]},"
          "{\"destination\":\"/copied\",\"type\":\"tmpfs\","
          "\"options\":[\"tmpcopyup\",\"nodev\",\"private\"]}",
          "\"rootfsPropagation\":\"rprivate\"", &rootfs);
    enter(&rootfs);
    EXPECT(os_read_text(AT_FDCWD, "/etc/deep/file", text, sizeof(text)) == 6);
    EXPECT((flags_of("/etc/deep/file") & MS_RDONLY) != 0);
    EXPECT(os_read_text(AT_FDCWD, "/new/dir/file", text, sizeof(text)) == 6);
    EXPECT((flags_of("/new/dir") & (MS_RDONLY | MS_NOSUID)) == (MS_RDONLY | MS_NOSUID));
    EXPECT(type_of("/copied") == TMPFS_MAGIC && (flags_of("/copied") & MS_NODEV) != 0);
    look(__LINE__, "/copied", S_IFDIR, &found);
    EXPECT((found.st_mode & 07777) == 0750);
    look(__LINE__, "/copied/below/f", S_IFREG, &found);
    EXPECT((found.st_mode & 07777) == 0640);
}

static void no_pivot(void)
{
    struct ctr_rootfs rootfs;
    build(usual_mounts, "\"rootfsPropagation\":\"rslave\"", &rootfs);
    rootfs.no_pivot = true;
    enter(&rootfs);
    EXPECT(type_of("/proc") == PROC_SUPER_MAGIC);
    EXPECT(os_access(AT_FDCWD, folder, 0, 0) == -ST_ENOENT);
}

static void shared_root(void)
{
    struct ctr_rootfs rootfs;
    build(usual_mounts, "\"rootfsPropagation\":\"shared\"", &rootfs);
    enter(&rootfs);
    char text[4096];
    EXPECT(os_read_text(AT_FDCWD, "/proc/self/mountinfo", text, sizeof(text)) > 0);
    char *end = strchr(text, '\n');
    EXPECT(end != NULL);
    *end = '\0';
    EXPECT(strstr(text, " shared:") != NULL);
}

static void links_to_proc(void)
{
    struct ctr_rootfs rootfs;
    struct st_err err = {0};
    struct spec_runtime *config;
    static const char *const bad[] = {
        "{\"destination\":\"/link\",\"type\":\"proc\",\"source\":\"proc\"}",
        "{\"destination\":\"/proc/self/fd\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}",
        "{\"destination\":\"/../\",\"type\":\"tmpfs\",\"source\":\"tmpfs\"}",
    };
    for (size_t i = 0; i < ST_COUNT(bad); i++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "{\"ociVersion\":\"1.2.1\",\"root\":{\"path\":\"rootfs\"},\"mounts\":[%s]}",
                 bad[i]);
        EXPECT(spec_runtime_parse(text, strlen(text), &config, &err) == 0);
        ctr_rootfs_init(&rootfs);
        rootfs.config = config;
        rootfs.bundle = folder;
        rootfs.mount_namespace = true;
        EXPECT(ctr_rootfs_mount(&rootfs, &err) < 0);
        ctr_rootfs_done(&rootfs);
        spec_runtime_free(config);
    }
}

static void run_case(void (*body)(void))
{
    if (!may_mount()) {
        print_message("skipped: mounts cannot be made here\n");
        skip();
    }
    struct clone_args args = {.flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET,
                              .exit_signal = SIGCHLD};
    pid_t pid = os_clone3(&args);
    assert_true(pid >= 0);
    if (pid == 0) {
        body();
        _exit(0);
    }
    int status;
    assert_int_equal(os_waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void builds_the_usual_root(void **state)
{
    (void)state;
    run_case(usual_root);
}

static void binds_inside_the_root_and_copies_up(void **state)
{
    (void)state;
    run_case(binds_and_copies);
}

static void enters_without_pivot(void **state)
{
    (void)state;
    run_case(no_pivot);
}

static void shares_the_root_when_asked(void **state)
{
    (void)state;
    run_case(shared_root);
}

static void refuses_destinations_that_would_mislead(void **state)
{
    (void)state;
    run_case(links_to_proc);
}

static void makes_freezes_kills_and_removes_cgroups(void **state)
{
    (void)state;
    struct st_err err = {0};
    struct ctr_cgroup cgroup = {0};
    char name[64];
    snprintf(name, sizeof(name), "/strata-test-%d/inner", (int)getpid());
    assert_int_equal(ctr_cgroup_init(&cgroup, name, "id", false, &err), 0);
    if (cgroup.mode == CTR_CGROUP_NONE || ctr_cgroup_create(&cgroup, NULL, &err) < 0) {
        print_message("skipped: no cgroup can be made here: %s\n", err.msg);
        ctr_cgroup_done(&cgroup);
        skip();
    }
    struct spec_pids pids = {.has_limit = true, .limit = 77};
    struct spec_memory memory = {.has_limit = true, .limit = 64 << 20};
    struct spec_resources resources = {.pids = &pids, .memory = &memory};
    int applied = ctr_cgroup_apply(&cgroup, &resources, false, &err);
    pid_t pid = os_fork();
    if (pid == 0) {
        for (;;) {
            os_sleep_ns(1000000000);
        }
    }
    int joined = ctr_cgroup_join(&cgroup, pid, false, NULL, 0, &err);
    int frozen = ctr_cgroup_freeze(&cgroup, &err);
    int seen_frozen = ctr_cgroup_frozen(&cgroup);
    pid_t *listed = NULL;
    size_t count = 0;
    int listing = ctr_cgroup_pids(&cgroup, &listed, &count, &err);
    int populated = ctr_cgroup_populated(&cgroup);
    st_auto(buf) struct st_buf stats = ST_BUF_HEAP(1 << 20);
    int counted = ctr_cgroup_stats(&cgroup, &stats, &err);
    int killed = ctr_cgroup_kill(&cgroup, SIGKILL, &err);
    if (killed < 0) {
        os_kill(pid, SIGKILL);
    }
    int status;
    assert_int_equal(os_waitpid(pid, &status, 0), pid);
    int removed = ctr_cgroup_remove(&cgroup, &err);
    for (size_t i = 0; i < cgroup.count; i++) {
        char parent[PATH_MAX];
        snprintf(parent, sizeof(parent), "%s/strata-test-%d", cgroup.hierarchies[i].mount,
                 (int)getpid());
        (void)rmdir(parent);
    }
    ctr_cgroup_done(&cgroup);
    assert_string_equal(err.msg, "");
    assert_int_equal(applied, 0);
    assert_int_equal(joined, 0);
    assert_int_equal(frozen, 0);
    assert_int_equal(seen_frozen, 1);
    assert_int_equal(listing, 0);
    assert_int_equal(count, 1);
    assert_int_equal(listed[0], pid);
    free(listed);
    assert_int_equal(populated, 1);
    assert_int_equal(counted, 0);
    /* ThreadSanitizer has a thread of its own in each process. */
    assert_true(strstr(st_buf_string(&stats), "\"pids\":{\"current\":1,\"limit\":77}") != NULL ||
                strstr(st_buf_string(&stats), "\"pids\":{\"current\":2,\"limit\":77}") != NULL);
    assert_int_equal(killed, 0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    assert_int_equal(removed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(builds_the_usual_root),
        cmocka_unit_test(binds_inside_the_root_and_copies_up),
        cmocka_unit_test(enters_without_pivot),
        cmocka_unit_test(shares_the_root_when_asked),
        cmocka_unit_test(refuses_destinations_that_would_mislead),
        cmocka_unit_test(makes_freezes_kills_and_removes_cgroups),
    };
    return cmocka_run_group_tests(tests, make_folders, remove_folders);
}
