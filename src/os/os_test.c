/* Files, folders, processes and sockets, on the real kernel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/print.h"
#include "os/os_dir.h"
#include "os/os_file.h"
#include "os/os_process.h"
#include "os/os_socket.h"
#include "os/os_time.h"

#include <sys/wait.h>

static char folder[] = "/tmp/os_test.XXXXXX";
static int folder_fd;

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && (folder_fd = os_open(folder, O_RDONLY, 0)) >= 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    os_close(&folder_fd);
    return os_remove_tree(AT_FDCWD, folder);
}

static void replaces_a_file_whole_and_leaves_no_other(void **state)
{
    (void)state;
    char text[16];
    const char *name;
    assert_int_equal(os_replace_file(folder_fd, "a", "one\n", 4, 0600, true), 0);
    assert_int_equal(os_replace_file(folder_fd, "a", "second\n", 7, 0600, false), 0);
    assert_int_equal(os_read_text(folder_fd, "a", text, sizeof(text)), 6);
    assert_string_equal(text, "second");
    assert_int_equal(os_read_text(folder_fd, "a", text, 4), -ST_ELIMIT);
    st_auto(os_dir) struct os_dir *dir = NULL;
    assert_int_equal(os_dir_open(folder_fd, ".", &dir), 0);
    assert_int_equal(os_dir_next(dir, &name, NULL), 1);
    assert_string_equal(name, "a");
    assert_int_equal(os_dir_next(dir, &name, NULL), 0);
    assert_int_equal(os_unlinkat(folder_fd, "a", 0), 0);
}

static void reads_files_up_to_the_buffers_limit(void **state)
{
    (void)state;
    char bytes[100];
    memset(bytes, 'x', sizeof(bytes));
    assert_int_equal(os_replace_file(folder_fd, "b", bytes, sizeof(bytes), 0600, false), 0);
    st_auto(buf) struct st_buf exact = ST_BUF_HEAP(100);
    assert_int_equal(os_read_file(folder_fd, "b", &exact), 0);
    assert_int_equal(exact.length, 100);
    st_auto(buf) struct st_buf small = ST_BUF_HEAP(99);
    assert_int_equal(os_read_file(folder_fd, "b", &small), -ST_ELIMIT);
}

static void makes_and_removes_trees_without_following_links(void **state)
{
    (void)state;
    assert_int_equal(os_make_dirs(folder_fd, "t/u/v", 0700), 0);
    assert_int_equal(os_make_dirs(folder_fd, "t/u/v", 0700), 0);
    assert_int_equal(os_replace_file(folder_fd, "kept", "k", 1, 0600, false), 0);
    assert_int_equal(os_symlinkat("../../kept", folder_fd, "t/u/link"), 0);
    assert_int_equal(os_symlinkat("/", folder_fd, "t/u/v/root"), 0);
    assert_int_equal(os_remove_tree(folder_fd, "t"), 0);
    assert_int_equal(os_access(folder_fd, "t", F_OK, 0), -ST_ENOENT);
    assert_int_equal(os_access(folder_fd, "kept", F_OK, 0), 0);
    assert_int_equal(os_remove_tree(folder_fd, "not there"), 0);
}

static void starts_a_program_and_says_when_it_cannot(void **state)
{
    (void)state;
    int fds[2];
    char text[16] = "";
    siginfo_t info;
    assert_int_equal(os_pipe(fds, 0), 0);
    const char *argv[] = {"sh", "-c", "echo $0; exit 3", NULL};
    struct os_spawn spawn = {
        .path = "/bin/sh", .argv = argv, .stdin_fd = -1, .stdout_fd = fds[1], .stderr_fd = -1};
    int pidfd = -1;
    pid_t pid = os_spawn(&spawn, &pidfd);
    assert_true(pid > 0);
    os_close(&fds[1]);
    assert_true(os_read(fds[0], text, sizeof(text)) > 0);
    assert_int_equal(os_waitid(P_PIDFD, (unsigned)pidfd, &info, WEXITED), 0);
    assert_int_equal(os_exit_code(&info), 3);
    os_close(&fds[0]);
    os_close(&pidfd);
    spawn.path = "/not/there";
    assert_int_equal(os_spawn(&spawn, NULL), -ST_ENOENT);
    assert_int_equal(os_waitpid(-1, NULL, WNOHANG), -ST_ECHILD);
}

static void knows_a_process_by_number_and_start_time(void **state)
{
    (void)state;
    uint64_t ticks = 0;
    assert_int_equal(os_process_start_time(getpid(), &ticks), 0);
    int fd = os_process_open(getpid(), ticks);
    assert_true(fd >= 0);
    os_close(&fd);
    assert_int_equal(os_process_open(getpid(), ticks + 1), -ST_ESRCH);
    assert_int_equal(os_process_open(0, 0), -ST_ESRCH);
}

static void passes_descriptors_over_sockets_with_long_paths(void **state)
{
    (void)state;
    char path[400];
    char byte = 0;
    int got[2] = {-1, -1};
    size_t count = 0;
    st_snprintf(path, sizeof(path), "%s/%0150d", folder, 1);
    assert_int_equal(os_make_dirs(AT_FDCWD, path, 0700), 0);
    st_snprintf(path, sizeof(path), "%s/%0150d/socket", folder, 1);
    int server = os_unix_listen(path, SOCK_STREAM, 1, 0600);
    assert_true(server >= 0);
    int client = os_unix_connect(path, SOCK_STREAM);
    assert_true(client >= 0);
    int peer = os_accept(server, 0);
    assert_true(peer >= 0);
    int sent[3] = {folder_fd, 0, 1};
    assert_int_equal(os_send_fds(client, "x", 1, sent, 3), 1);
    assert_int_equal(os_recv_fds(peer, &byte, 1, got, 2, &count, 0), 1);
    assert_int_equal(count, 2);
    assert_int_equal(os_access(got[0], "kept", F_OK, 0), 0);
    for (int *fd = (int[]){server, client, peer, got[0], got[1], -1}; *fd >= 0; fd++) {
        close(*fd);
    }
}

static void writes_time_as_rfc_3339(void **state)
{
    (void)state;
    char text[OS_TIME_TEXT];
    os_time_rfc3339(UINT64_C(1700000000000000042), text);
    assert_string_equal(text, "2023-11-14T22:13:20.000000042Z");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_a_file_whole_and_leaves_no_other),
        cmocka_unit_test(reads_files_up_to_the_buffers_limit),
        cmocka_unit_test(makes_and_removes_trees_without_following_links),
        cmocka_unit_test(starts_a_program_and_says_when_it_cannot),
        cmocka_unit_test(knows_a_process_by_number_and_start_time),
        cmocka_unit_test(passes_descriptors_over_sockets_with_long_paths),
        cmocka_unit_test(writes_time_as_rfc_3339),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
