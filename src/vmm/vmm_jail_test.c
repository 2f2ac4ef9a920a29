/* The jail, from within: each case is a process that locks itself up and tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "os/os_thread.h"
#include "vmm/vmm_jail.h"

/* The number of the first expectation that fails is the process's exit code. */
struct check {
    int number;
    int failed;
};

static void expect(struct check *check, bool holds)
{
    check->number++;
    if (!holds && check->failed == 0) {
        check->failed = check->number;
    }
}

static bool refused(long result)
{
    return result < 0 && errno == EPERM;
}

/* What no thread of a jail may do. */
static void try_all(struct check *check, pid_t parent)
{
    char *const words[] = {(char *)(uintptr_t) "/bin/true", NULL};
    int pair[2];
    expect(check, refused(execve(words[0], words, words + 1)));
    expect(check, refused(kill(parent, 0)));
    expect(check, refused(syscall(SYS_tgkill, parent, parent, 0)));
    expect(check, syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), 0) == 0);
    expect(check, mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                       -1, 0) == MAP_FAILED);
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expect(check, page != MAP_FAILED);
    expect(check, refused(mprotect(page, 4096, PROT_READ | PROT_WRITE | PROT_EXEC)));
    expect(check, mprotect(page, 4096, PROT_READ) == 0);
    expect(check, refused(ioctl(0, TIOCSTI, "x")));
    expect(check, refused(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, 0)));
    expect(check, refused(syscall(SYS_unshare, CLONE_NEWUSER)));
    expect(check, refused(syscall(SYS_ptrace, 0, 0, 0, 0)));
    expect(check, refused(syscall(SYS_chroot, "..")));
    expect(check, syscall(SYS_getpid) == getpid() && pipe2(pair, O_CLOEXEC) <= 0);
}

struct thread_case {
    struct vmm_jail *jail;
    pid_t parent;
    struct check check;
};

static void *in_thread(void *argument)
{
    struct thread_case *tried = argument;
    struct check *check = &tried->check;
    expect(check, vmm_jail_thread(tried->jail, true) == 0);
    try_all(check, tried->parent);
    if (!tried->jail->network) {
        expect(check, refused(open("/etc/passwd", O_RDONLY)));
        expect(check, refused(socket(AF_INET, SOCK_STREAM, 0)));
    }
    expect(check, refused(syscall(SYS_clone, CLONE_VM | CLONE_THREAD | CLONE_SIGHAND, 0, 0, 0, 0)));
    return NULL;
}

static int locked_up(bool network)
{
    struct vmm_jail jail = {.network = network};
    struct thread_case tried = {.jail = &jail, .parent = getppid()};
    struct os_thread thread = {0};
    struct check check = {0};
    vmm_jail_begin(&jail);
    bool has_root = jail.root >= 0;
    expect(&check, vmm_jail_process(&jail, NULL) == 0);
    try_all(&check, tried.parent);
    if (network && has_root) {
        expect(&check, open("/etc/passwd", O_RDONLY) < 0 && errno == ENOENT);
        expect(&check, open("/new", O_RDWR | O_CREAT, 0600) < 0 && errno == EROFS);
        expect(&check, open("..", O_RDWR | O_TMPFILE, 0600) < 0 && errno == EROFS);
    }
    if (!network) {
        expect(&check, refused(open("/", O_RDONLY)));
        expect(&check, refused(socket(AF_INET, SOCK_STREAM, 0)));
    }
    expect(&check, os_thread_start(&thread, in_thread, &tried) == 0);
    os_thread_join(&thread);
    return check.failed != 0         ? check.failed
           : tried.check.failed == 0 ? 0
                                     : 100 + tried.check.failed;
}

static void run_locked_up(bool network, bool as_nobody)
{
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const unsigned nobody = 65534;
        if (as_nobody && (setgid(nobody) < 0 || setuid(nobody) < 0)) {
            _exit(77);
        }
        _exit(locked_up(network));
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip();
    }
    assert_int_equal(status, WIFEXITED(status) ? 0 : -1);
}

static void a_machine_without_a_card_can_open_and_reach_nothing(void **state)
{
    (void)state;
    run_locked_up(false, false);
}

static void a_machine_with_a_card_finds_an_empty_root(void **state)
{
    (void)state;
    run_locked_up(true, false);
}

static void the_same_without_privileges(void **state)
{
    (void)state;
    run_locked_up(false, true);
    run_locked_up(true, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_a_card_can_open_and_reach_nothing),
        cmocka_unit_test(a_machine_with_a_card_finds_an_empty_root),
        cmocka_unit_test(the_same_without_privileges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
