/* Mount options, paths inside an untrusted root, and the pure parts of the control groups. */
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "container/ctr_cgroup.h"
#include "container/ctr_cgroup_limits.h"
#include "container/ctr_cgroup_priv.h"
#include "container/ctr_mount_option.h"
#include "container/ctr_mount_path.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "spec/spec_runtime.h"

static void read_options(struct ctr_mount_options *options, const char *type, const char **texts,
                         size_t count)
{
    struct spec_mount mount = {
        .destination = "/x", .type = type, .options = texts, .options_count = count};
    assert_int_equal(ctr_mount_options_read(&mount, options, NULL), 0);
}

static void keeps_the_option_table_in_order(void **state)
{
    (void)state;
    for (size_t i = 1; ctr_mount_option_name(i) != NULL; i++) {
        assert_true(strcmp(ctr_mount_option_name(i - 1), ctr_mount_option_name(i)) < 0);
    }
}

static void reads_flags_propagation_and_data(void **state)
{
    (void)state;
    const char *texts[] = {"nosuid", "noexec",   "exec",     "ro",       "strictatime",
                           "rslave", "mode=755", "size=64k", "relatime", "sync"};
    struct ctr_mount_options options;
    read_options(&options, "tmpfs", texts, ST_COUNT(texts));
    assert_false(options.bind);
    assert_int_equal(options.flags, MS_NOSUID | MS_RDONLY | MS_RELATIME | MS_SYNCHRONOUS);
    assert_int_equal(options.set, MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY);
    assert_int_equal(options.clear, MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME);
    assert_int_equal(options.propagation, MS_SLAVE);
    assert_true(options.propagation_recursive);
    assert_string_equal(st_buf_string(&options.data), "mode=755,size=64k");
    ctr_mount_options_done(&options);
}

static void tells_recursive_options_apart(void **state)
{
    (void)state;
    const char *texts[] = {"rbind", "rro", "rnosuid", "rsuid", "rnoatime", "nodev", "ridmap"};
    struct ctr_mount_options options;
    read_options(&options, NULL, texts, ST_COUNT(texts));
    assert_true(options.bind && options.bind_recursive && options.idmap && options.idmap_recursive);
    assert_int_equal(options.set, MOUNT_ATTR_NODEV);
    assert_int_equal(options.rset, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME);
    assert_int_equal(options.rclear, MOUNT_ATTR_NOSUID | MOUNT_ATTR__ATIME);
    ctr_mount_options_done(&options);
}

static void cleans_paths_without_leaving_the_root(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"/a/b", "/a/b"},  {"a//b/./", "/a/b"},    {"/../..", "/"},        {"", "/"},
        {"/a/../b", "/b"}, {"/a/b/../../..", "/"}, {"/..a/b.", "/..a/b."},
    };
    char path[16];
    for (size_t i = 0; i < ST_COUNT(cases); i++) {
        assert_int_equal(ctr_mount_path_clean(cases[i][0], path, sizeof(path)), 0);
        assert_string_equal(path, cases[i][1]);
    }
    assert_int_equal(ctr_mount_path_clean("/0123456789abcdef", path, sizeof(path)),
                     -ST_ENAMETOOLONG);
}

static char root_template[] = "/tmp/ctr_mount_test.XXXXXX";

static bool exists(int root, const char *path)
{
    struct stat found;
    return os_fstatat(root, path, &found, AT_SYMLINK_NOFOLLOW) == 0;
}

static void makes_missing_paths_inside_the_root_whatever_the_links_say(void **state)
{
    (void)state;
    char name[sizeof(root_template)];
    memcpy(name, root_template, sizeof(name));
    assert_non_null(mkdtemp(name));
    int root = os_open(name, O_PATH | O_DIRECTORY, 0);
    assert_true(root >= 0);
    assert_int_equal(os_symlinkat("/run", root, "var"), 0);
    assert_int_equal(os_symlinkat("../../../../etc/passwd", root, "file"), 0);
    assert_int_equal(os_symlinkat("loop", root, "loop"), 0);

    int fd = ctr_mount_path_make(root, "/var/lock/x", CTR_MOUNT_PATH_FOLDER);
    assert_true(fd >= 0);
    os_close(&fd);
    assert_true(exists(root, "run/lock/x"));

    fd = ctr_mount_path_make(root, "file", CTR_MOUNT_PATH_FILE);
    assert_true(fd >= 0);
    struct stat made;
    assert_int_equal(os_fstat(fd, &made), 0);
    os_close(&fd);
    assert_true(S_ISREG(made.st_mode) && made.st_size == 0);
    assert_true(exists(root, "etc/passwd"));

    assert_int_equal(ctr_mount_path_make(root, "loop/a", CTR_MOUNT_PATH_FOLDER), -ST_ELOOP);
    assert_int_equal(ctr_mount_path_make(root, "file/a", CTR_MOUNT_PATH_FOLDER), -ST_ENOTDIR);

    const char *last;
    fd = ctr_mount_path_parent(root, "/dev/net/tun", &last);
    assert_true(fd >= 0);
    os_close(&fd);
    assert_string_equal(last, "tun");
    assert_true(exists(root, "dev/net") && !exists(root, "dev/net/tun"));
    assert_int_equal(ctr_mount_path_parent(root, "/dev/..", &last), -ST_EINVAL);
    os_close(&root);
    assert_int_equal(os_remove_tree(AT_FDCWD, name), 0);
}

static void converts_weights_and_swap_to_version_2(void **state)
{
    (void)state;
    int64_t swap;
    assert_int_equal(ctr_cgroup_cpu_weight(0), 0);
    assert_int_equal(ctr_cgroup_cpu_weight(1), 1);
    assert_int_equal(ctr_cgroup_cpu_weight(2), 1);
    assert_int_equal(ctr_cgroup_cpu_weight(1024), 39);
    assert_int_equal(ctr_cgroup_cpu_weight(262144), 10000);
    assert_int_equal(ctr_cgroup_cpu_weight(UINT64_MAX), 10000);
    assert_int_equal(ctr_cgroup_io_weight(10), 1);
    assert_int_equal(ctr_cgroup_io_weight(1000), 10000);
    assert_int_equal(ctr_cgroup_swap_max(100, 150, &swap), 0);
    assert_int_equal(swap, 50);
    assert_int_equal(ctr_cgroup_swap_max(100, 100, &swap), 0);
    assert_int_equal(swap, 0);
    assert_int_equal(ctr_cgroup_swap_max(0, -1, &swap), 0);
    assert_int_equal(swap, -1);
    assert_int_equal(ctr_cgroup_swap_max(100, 50, &swap), -ST_EINVAL);
    assert_int_equal(ctr_cgroup_swap_max(0, 50, &swap), -ST_EINVAL);
}

static void keeps_recorded_cgroups_and_refuses_other_paths(void **state)
{
    (void)state;
    static const char text[] = "cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct /a/b c\n"
                               "name=systemd /sys/fs/cgroup/systemd /a\n"
                               "- /sys/fs/cgroup/unified /a\n";
    static const char *const wrong[] = {
        "cpu /sys/fs/cgroup/cpu\n",       "cpu /etc /a\n",        "cpu /sys/fs/cgroup/../x /a",
        "cpu /sys/fs/cgroup/cpu /../a\n", "- /sys/fs/cgroup /\n",
    };
    char path[PATH_MAX];
    struct ctr_cgroup cgroup = {0};
    st_auto(buf) struct st_buf saved = ST_BUF_HEAP(1000);
    assert_int_equal(ctr_cgroup_load(&cgroup, text, NULL), 0);
    assert_int_equal(cgroup.mode, CTR_CGROUP_HYBRID);
    assert_int_equal(ctr_cgroup_save(&cgroup, &saved), 0);
    assert_string_equal(st_buf_string(&saved), text);
    assert_int_equal(ctr_cgroup_path(&cgroup, "cpuacct", path, sizeof(path)), 0);
    assert_string_equal(path, "/sys/fs/cgroup/cpu,cpuacct/a/b c");
    assert_int_equal(ctr_cgroup_path(&cgroup, "memory", path, sizeof(path)), -ST_ENOTFOUND);
    assert_int_equal(ctr_cgroup_path(&cgroup, NULL, path, sizeof(path)), 0);
    assert_string_equal(path, "/sys/fs/cgroup/unified/a");
    ctr_cgroup_done(&cgroup);
    for (size_t i = 0; i < ST_COUNT(wrong); i++) {
        assert_int_equal(ctr_cgroup_load(&cgroup, wrong[i], NULL), -ST_ECORRUPT);
        ctr_cgroup_done(&cgroup);
    }
}

static void finds_keys_at_the_start_of_lines_only(void **state)
{
    (void)state;
    uint64_t value = 7;
    static const char text[] = "under_oom 3\noom_kill 12\nx oom 5\n";
    assert_true(ctr_cgroup_keyed(text, "oom_kill", &value));
    assert_int_equal(value, 12);
    assert_false(ctr_cgroup_keyed(text, "oom", &value));
    assert_false(ctr_cgroup_keyed("", "oom", &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_option_table_in_order),
        cmocka_unit_test(reads_flags_propagation_and_data),
        cmocka_unit_test(tells_recursive_options_apart),
        cmocka_unit_test(cleans_paths_without_leaving_the_root),
        cmocka_unit_test(makes_missing_paths_inside_the_root_whatever_the_links_say),
        cmocka_unit_test(converts_weights_and_swap_to_version_2),
        cmocka_unit_test(keeps_recorded_cgroups_and_refuses_other_paths),
        cmocka_unit_test(finds_keys_at_the_start_of_lines_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
