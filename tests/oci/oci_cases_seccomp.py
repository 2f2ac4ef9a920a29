"""Seccomp: actions, arguments, flags, the listener, and profiles as engines write them."""
import array
import json
import os
import socket
import threading

from oci_lib import case, is_error, unsupported

GETCPU, SOCKET, GETPRIORITY, PERSONALITY, SYSLOG = 309, 41, 140, 135, 103


def allow_but(*rules, default="SCMP_ACT_ALLOW", **more):
    return {"defaultAction": default, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": list(rules), **more}


def rule(action, *names, **more):
    return {"names": list(names), "action": "SCMP_ACT_" + action, **more}


def arg(index, op, value, two=0):
    return {"index": index, "op": "SCMP_CMP_" + op, "value": value, "valueTwo": two}


@case
def errno_returns_the_configured_number(t):
    c = t.container()
    c.linux["seccomp"] = allow_but(rule("ERRNO", "getcpu"), rule("ERRNO", "syslog", errnoRet=95))
    a, b, status = c.run(f"syscall {GETCPU} 0 0 0", f"syscall {SYSLOG} 10 0 0", "read /proc/self/status")
    t.equal((a["errno"], b["errno"]), (1, 95), "errno")
    t.true("Seccomp:\t2" in status, "mode")


@case
def kill_trap_and_log_do_what_they_say(t):
    c = t.container()
    c.linux["seccomp"] = allow_but(rule("KILL", "getcpu"), rule("TRAP", "syslog"),
                                   rule("LOG", "getpriority"))
    kill, trap, log = c.run(f"syscall-in-child {GETCPU} 0 0 0", f"syscall-in-child {SYSLOG} 10 0 0",
                            f"syscall-in-child {GETPRIORITY} 0 0")
    t.equal((kill, trap, log), (-31, -31, 0), "ends of the children")


@case
def kill_process_and_kill_thread_kill(t):
    for action in ("KILL_PROCESS", "KILL_THREAD"):
        c = t.container()
        c.linux["seccomp"] = allow_but(rule(action, "getcpu"))
        t.equal(c.run(f"syscall-in-child {GETCPU} 0 0 0")[0], -31, action)


@case
def trace_without_a_tracer_gives_enosys(t):
    c = t.container()
    c.linux["seccomp"] = allow_but(rule("TRACE", "getcpu", errnoRet=7))
    t.equal(c.run(f"syscall {GETCPU} 0 0 0")[0]["errno"], 38, "errno")


@case
def the_default_action_is_for_all_other_calls(t):
    c = t.container()
    names = """access arch_prctl brk capset capget chdir clone close dup dup2 dup3 epoll_create1 execve execveat
        exit exit_group faccessat2 fchdir fchown fcntl fstat fstatfs futex getcwd getdents64 getegid geteuid getgid
        getgroups getpid getppid getrandom getrlimit prlimit64 getpriority getsid getpgid getuid ioctl lseek lstat
        mmap mprotect mount munmap nanosleep newfstatat openat openat2 open pipe2 prctl read readlink readlinkat
        rseq rt_sigaction rt_sigprocmask rt_sigreturn sched_getaffinity sched_yield seccomp set_robust_list
        set_tid_address setgid setgroups setresgid setresuid setsid setuid sigaltstack stat statx statfs umask
        uname unshare wait4 write writev close_range clone3 epoll_ctl epoll_pwait gettid tgkill madvise mincore
        pread64 keyctl getxattr fsetxattr socket sendmsg recvmsg connect socketpair sendto recvfrom kill poll
        ppoll personality eventfd2 pidfd_open pidfd_send_signal symlinkat fchmod fchmodat mkdirat mknodat
        setxattr lsetxattr setns dup chroot pivot_root umount2 inotify_init1""".split()
    c.linux["seccomp"] = allow_but(rule("ALLOW", *names), default="SCMP_ACT_ERRNO", defaultErrnoRet=71)
    a, b = c.run(f"syscall {GETCPU} 0 0 0", "readlink /proc/self/exe")
    t.equal(a["errno"], 71, "errno of a call that is not listed")
    t.equal(b, "/probe", "a call that is listed")


@case
def arguments_are_compared(t):
    # getpriority(which, who) with which in 0..2 succeeds; the filter looks at `which` and `who`.
    table = [("EQ", 1, 0, [1]), ("NE", 1, 0, [0, 2]), ("LT", 1, 0, [0]), ("LE", 1, 0, [0, 1]),
             ("GE", 1, 0, [1, 2]), ("GT", 1, 0, [2]), ("MASKED_EQ", 2, 2, [2])]
    for op, value, two, refused in table:
        c = t.container()
        c.linux["seccomp"] = allow_but(rule("ERRNO", "getpriority", errnoRet=99,
                                            args=[arg(0, op, value, two)]))
        results = c.run(*[f"syscall {GETPRIORITY} {which} 0" for which in range(3)])
        got = [i for i, r in enumerate(results) if is_error(r) and r["errno"] == 99]
        t.equal(got, refused, op)


@case
def arguments_are_compared_in_64_bits(t):
    c = t.container()
    big = 0x1_0000_0001
    c.linux["seccomp"] = allow_but(rule("ERRNO", "getpriority", errnoRet=99, args=[arg(1, "EQ", big)]),
                                   rule("ERRNO", "getcpu", errnoRet=98, args=[arg(2, "GT", 0xffffffff)]))
    a, b, d, e = c.run(f"syscall {GETPRIORITY} 0 1", f"syscall {GETPRIORITY} 0 {big}",
                       f"syscall {GETCPU} 0 0 1", f"syscall {GETCPU} 0 0 {1 << 32}")
    t.true(not is_error(a) or a["errno"] != 99, f"the lower half alone: {a}")
    t.equal((b["errno"], e["errno"]), (99, 98), "errno")
    t.true(not is_error(d), f"a small value: {d}")


@case
def several_arguments_must_all_match_and_several_rules_any(t):
    c = t.container()
    c.linux["seccomp"] = allow_but(
        rule("ERRNO", "getpriority", errnoRet=99, args=[arg(0, "EQ", 0), arg(1, "EQ", 0)]),
        rule("ERRNO", "getpriority", errnoRet=99, args=[arg(0, "EQ", 2)]))
    results = c.run(f"syscall {GETPRIORITY} 0 0", f"syscall {GETPRIORITY} 0 1", f"syscall {GETPRIORITY} 2 0",
                    f"syscall {GETPRIORITY} 1 0")
    got = [is_error(r) and r["errno"] == 99 for r in results]
    t.equal(got, [True, False, True, False], "refused")


@case
def unknown_names_of_calls_are_ignored(t):
    c = t.container()
    c.linux["seccomp"] = allow_but(rule("ERRNO", "call_of_tomorrow", "getcpu", errnoRet=77))
    t.equal(c.run(f"syscall {GETCPU} 0 0 0")[0]["errno"], 77, "errno")


@case
def unknown_actions_operators_and_flags_are_refused_by_name(t):
    c = t.container()
    c.linux["seccomp"] = allow_but(rule("MOON", "getcpu"))
    c.run_fails("MOON")
    c.linux["seccomp"] = allow_but(rule("ERRNO", "getcpu", args=[arg(0, "MOON", 1)]))
    c.run_fails("MOON")
    c.linux["seccomp"] = allow_but(flags=["SECCOMP_FILTER_FLAG_MOON"])
    if t.kind == "runc":
        c.run_fails()
    else:
        c.run_fails("MOON")


@case
@unsupported("runc")
def flags_are_taken(t):
    c = t.container()
    flags = ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"]
    c.linux["seccomp"] = allow_but(rule("ERRNO", "getcpu", errnoRet=77), flags=flags)
    t.equal(c.run(f"syscall {GETCPU} 0 0 0")[0]["errno"], 77, "errno")


@case
def a_filter_without_no_new_privileges_works(t):
    c = t.container()
    c.process["noNewPrivileges"] = False
    c.linux["seccomp"] = allow_but(rule("ERRNO", "getcpu", errnoRet=77))
    a, status = c.run(f"syscall {GETCPU} 0 0 0", "read /proc/self/status")
    t.equal(a["errno"], 77, "errno")
    t.true("NoNewPrivs:\t0" in status, "no_new_privs")


@case
def a_filter_holds_for_a_user_without_privileges(t):
    for privileged in (True, False):
        c = t.container()
        c.process["noNewPrivileges"] = privileged
        c.process["user"] = {"uid": 1000, "gid": 1000}
        c.linux["seccomp"] = allow_but(rule("ERRNO", "getcpu", errnoRet=77))
        t.equal(c.run(f"syscall {GETCPU} 0 0 0")[0]["errno"], 77, f"errno ({privileged})")


@case
def calls_of_another_architecture_are_refused_unless_listed(t):
    c = t.container()
    # x32's getcpu: the number with bit 30 set.
    c.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
                          "syscalls": [rule("ERRNO", "getcpu", errnoRet=77)]}
    got = c.run(f"syscall-in-child {GETCPU + 0x40000000} 0 0 0", f"syscall {GETCPU} 0 0 0")
    t.equal(got[1]["errno"], 77, "errno")
    t.true(got[0] == -31 or got[0] == 0, f"x32: {got[0]}")
    if got[0] == 0:
        again = c.run(f"syscall {GETCPU + 0x40000000} 0 0 0")[0]
        t.true(is_error(again), f"x32 was let through: {again}")


@case
def a_profile_with_hundreds_of_rules_works_twice(t):
    """The second run is served from a cache where there is one."""
    rules = [rule("ALLOW", *[f"call_{i}" for i in range(300)], "read", "write")]
    rules += [rule("ERRNO", "getpriority", errnoRet=99, args=[arg(1, "EQ", i)]) for i in range(1000, 1100)]
    for _ in range(2):
        c = t.container()
        c.linux["seccomp"] = allow_but(*rules)
        a, b = c.run(f"syscall {GETPRIORITY} 0 1050", f"syscall {GETPRIORITY} 0 0")
        t.equal(a["errno"], 99, "errno")
        t.true(not is_error(b), f"other arguments: {b}")


@case
def a_changed_profile_is_not_served_from_the_cache(t):
    for number in (71, 72, 71):
        c = t.container()
        c.linux["seccomp"] = allow_but(rule("ERRNO", "getcpu", errnoRet=number))
        t.equal(c.run(f"syscall {GETCPU} 0 0 0")[0]["errno"], number, "errno")


class Listener(threading.Thread):
    """A seccomp agent that takes one descriptor and answers nothing."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.bind(path)
        self.socket.listen(1)
        self.socket.settimeout(20)
        self.fds = []
        self.text = b""
        self.start()

    def run(self):
        try:
            peer, _ = self.socket.accept()
            peer.settimeout(20)
            size = socket.CMSG_SPACE(8 * 4)
            self.text, ancillary, _, _ = peer.recvmsg(1 << 16, size)
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(data[:len(data) - len(data) % 4])
                    self.fds += fds
            peer.close()
        except OSError:
            pass


@case
def the_listener_gets_the_descriptor_and_the_state(t):
    path = os.path.join(t.dir, "agent")
    agent = Listener(path)
    c = t.container()
    c.linux["seccomp"] = allow_but(rule("NOTIFY", "getcpu"), listenerPath=path, listenerMetadata="meta")
    c.config["annotations"] = {"k": "v"}
    c.up()
    agent.join(20)
    t.equal(len(agent.fds), 1, "descriptors")
    for fd in agent.fds:
        t.true("seccomp notify" in os.readlink(f"/proc/self/fd/{fd}"), "kind of the descriptor")
        os.close(fd)
    state = json.loads(agent.text)
    t.equal((state["fds"], state["metadata"]), (["seccompFd"], "meta"), "record")
    t.equal((state["state"]["id"], state["state"]["annotations"]["k"]), (c.id, "v"), "state")
    t.true(state["pid"] > 0, "pid")


@case
def a_listener_that_is_not_there_is_refused(t):
    c = t.container()
    c.linux["seccomp"] = allow_but(rule("NOTIFY", "getcpu"), listenerPath="/no/such/agent")
    c.run_fails()


@case
@unsupported("runc")
def notify_needs_a_listener(t):
    c = t.container()
    c.linux["seccomp"] = allow_but(rule("NOTIFY", "getcpu"))
    if t.kind == "crun":
        t.skip("crun accepts it")
    c.run_fails("listenerPath")


@case
@unsupported("crun", "runc")
def a_damaged_or_forged_filter_in_the_cache_is_not_used(t):
    def run():
        c = t.container()
        c.linux["seccomp"] = allow_but(rule("ERRNO", "getcpu", errnoRet=77))
        t.equal(c.run(f"syscall {GETCPU} 0 0 0")[0]["errno"], 77, "errno")

    def cached():
        found = []
        for folder, _, names in os.walk(t.runtime.root):
            found += [os.path.join(folder, n) for n in names if "filter" in folder]
        return found
    run()
    t.true(cached(), "nothing was cached")
    for path in cached():
        t.equal(os.stat(os.path.dirname(path)).st_mode & 0o777, 0o700, "rights of the cache's folder")
    for damage in (lambda file, size: file.truncate(size // 2), lambda file, size: file.truncate(0),
                   lambda file, size: (file.seek(size - 4), file.write(b"\xff\xff\xff\xff")),
                   lambda file, size: (file.seek(0), file.write(os.urandom(size)))):
        for path in cached():
            os.chmod(path, 0o600)
            with open(path, "r+b") as file:
                damage(file, os.path.getsize(path))
        run()
    for path in cached():
        os.unlink(path)
        os.symlink("/dev/zero", path)
    run()
