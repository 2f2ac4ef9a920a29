"""The life of a container: create, start, state, kill, delete, run, pause, and deaths in between."""
import json
import os
import random
import signal
import subprocess
import threading
import time

from oci_lib import PROBE, Failure, alive, case, catches, is_error, operations, unsupported, wait_for


@case
def run_passes_output_and_exit_status_on(t):
    c = t.container().do("exit 7")
    done = c.run_raw()
    t.equal(done.code, 7, "exit status")
    t.equal(json.loads(done.out), [None], "output")


@case
def run_removes_the_container_when_it_ends(t):
    c = t.container()
    c.run("facts")
    t.fails(t.runtime.call("state", c.id))
    t.equal(t.runtime.cgroups.left(c.id), [], "cgroups")


@case
def run_reports_death_by_a_signal_as_128_and_its_number(t):
    c = t.container().do("syscall 62 1 9", "kill-self 9", "background", "sleep 1")
    c.without_namespace("pid").do("kill-self 9")
    t.equal(c.run_raw().code, 137, "exit status")


@case
def run_passes_standard_input_on(t):
    c = t.container().do("stdin")
    t.equal(c.parse(c.run_raw(input="hello")), ["hello"], "standard input")


@case
def create_start_delete_go_through_the_specified_states(t):
    c = t.container().do("wait-signal")
    c.create()
    t.equal(c.output(), "", "output before start")
    t.equal(c.status(), "created", "status after create")
    c.start()
    t.equal(c.status(), "running", "status after start")
    c.kill("TERM")
    c.wait_stopped()
    c.delete()
    t.fails(t.runtime.call("state", c.id))


@case
def state_prints_the_members_of_the_specification_and_of_runc(t):
    c = t.container()
    c.config["annotations"] = {"com.example.key": "value"}
    c.up()
    state = c.state()
    t.equal(state["id"], c.id, "id")
    t.equal(state["status"], "running", "status")
    t.equal(os.path.realpath(state["bundle"]), os.path.realpath(c.dir), "bundle")
    t.equal(state["annotations"]["com.example.key"], "value", "annotation")
    t.true(state["ociVersion"].startswith("1."), "ociVersion")
    t.true("created" in state and "rootfs" in state and "owner" in state, f"members of runc: {state}")
    with open(f"/proc/{state['pid']}/comm", encoding="utf-8") as file:
        t.equal(file.read().strip(), "probe", "program of the pid")


@case
def the_program_is_not_started_before_start(t):
    c = t.container().do("create /tmp/started")
    c.create()
    time.sleep(0.2)
    t.true(not os.path.exists(c.rootfs + "/tmp/started"), "it ran before start")
    c.start()
    c.wait_stopped()
    t.true(os.path.exists(c.rootfs + "/tmp/started"), "it did not run")


@case
def an_id_can_be_used_once(t):
    c = t.container().up()
    t.fails(c.create(check=False))
    t.equal(c.status(), "running", "status of the first")


@case
def an_id_is_free_again_after_delete(t):
    c = t.container()
    for _ in range(3):
        c.up("facts").wait_stopped().delete()


@case
def start_works_once(t):
    c = t.container().up()
    t.fails(c.start(check=False))
    c.kill("KILL")
    c.wait_stopped()
    t.fails(c.start(check=False))


@case
def delete_refuses_what_runs_and_force_ends_it(t):
    c = t.container().up()
    pid = c.pid()
    t.fails(c.delete(check=False))
    t.equal(c.status(), "running", "status")
    c.delete("--force")
    wait_for(lambda: not os.path.exists(f"/proc/{pid}"), what="the end of the process")


@case
def delete_of_a_created_container_needs_no_start(t):
    c = t.container().do("wait-signal")
    c.create()
    c.delete("--force")
    t.fails(t.runtime.call("state", c.id))


@case
def delete_of_the_unknown_fails_unless_forced(t):
    t.fails(t.runtime.call("delete", "oci-unknown"), *(["oci-unknown"] if t.kind == "strata" else []))
    t.equal(t.runtime.call("delete", "--force", "oci-unknown").code, 0, "exit status with --force")


@case
def commands_fail_for_an_unknown_container(t):
    for command in (["state"], ["start"], ["kill"], ["pause"], ["resume"], ["ps"]):
        t.fails(t.runtime.call(*command, "oci-unknown"), *(["oci-unknown"] if t.kind == "strata" else []))
    t.fails(t.runtime.call("exec", "oci-unknown", "/probe"))


@case
def kill_takes_names_and_numbers_and_defaults_to_term(t):
    for args in (["SIGUSR1"], ["USR1"], ["10"]):
        c = t.container().up("wait-signal", options=["--pid-file", os.path.join(t.dir, "pid")])
        c.kill(*args)
        c.wait_stopped()
    c = t.container().up()
    c.kill()
    c.wait_stopped()
    c = t.container().up()
    t.fails(c.kill("NOSUCHSIGNAL", check=False))
    t.equal(c.status(), "running", "status")


@case
def kill_of_a_stopped_container_fails(t):
    c = t.container().up("facts").wait_stopped()
    t.fails(c.kill("TERM", check=False))


@case
def delete_ends_all_processes_of_a_container_without_pid_namespace(t):
    c = t.container().without_namespace("pid").up("background", "wait-signal")
    wait_for(lambda: c.output().count(","), what="the background process")
    child = json.loads(c.output() + "null]")[0]
    c.delete("--force")
    wait_for(lambda: not alive(child), what="the end of the background process")


@case
def kill_all_reaches_every_process(t):
    c = t.container().without_namespace("pid").up("background", "wait-signal")
    wait_for(lambda: c.output().count(","), what="the background process")
    child = json.loads(c.output() + "null]")[0]
    c.verb("kill", "--all", c.id, "KILL")
    wait_for(lambda: not alive(child), what="the end of the background process")


@case
def pause_and_resume_freeze_and_thaw(t):
    c = t.container().up()
    c.verb("pause", c.id)
    t.equal(c.status(), "paused", "status after pause")
    t.fails(c.exec_raw(PROBE, "facts", timeout=20))
    c.verb("resume", c.id)
    t.equal(c.status(), "running", "status after resume")
    c.exec("facts")


@case
def pause_and_resume_refuse_the_wrong_state(t):
    c = t.container().up()
    t.fails(c.verb("resume", c.id, check=False))
    c.kill("KILL")
    c.wait_stopped()
    t.fails(c.verb("pause", c.id, check=False))


@case
def a_paused_container_can_be_deleted_by_force(t):
    c = t.container().up()
    c.verb("pause", c.id)
    c.delete("--force")
    t.fails(t.runtime.call("state", c.id))


@case
def a_container_whose_init_died_is_stopped_and_deletable(t):
    c = t.container().up()
    os.kill(c.pid(), signal.SIGKILL)
    c.wait_stopped()
    t.equal(c.state().get("pid", 0), 0, "pid")
    c.delete()


@case
def a_created_container_whose_init_died_cannot_start(t):
    c = t.container().do("facts")
    c.create()
    os.kill(c.pid(), signal.SIGKILL)
    c.wait_stopped()
    t.fails(c.start(check=False))
    c.delete("--force")


@case
def pid_file_holds_the_pid_without_a_line_end(t):
    path = os.path.join(t.dir, "pid")
    c = t.container().up(options=["--pid-file", path])
    with open(path, encoding="ascii") as file:
        t.equal(file.read(), str(c.pid()), "pid file")


@case
def run_detached_returns_at_once(t):
    c = t.container().do("wait-signal")
    c.write()
    with open(c.out, "wb") as out:
        code = subprocess.run([t.runtime.path, "--root", t.runtime.root, "run", "--detach", "--bundle",
                               c.dir, c.id], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                              timeout=20, check=False).returncode
    t.equal(code, 0, "exit status")
    t.equal(c.status(), "running", "status")


@case
def run_forwards_signals_to_the_container(t):
    c = t.container().do("wait-signal")
    c.write()
    with subprocess.Popen([t.runtime.path, "--root", t.runtime.root, "run", "--bundle", c.dir, c.id],
                          stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as child:
        wait_for(lambda: c.status() == "running", what="the start")
        wait_for(lambda: catches(c.pid(), signal.SIGUSR1), what="the handler")
        child.send_signal(signal.SIGUSR1)
        t.equal(child.wait(20), 71, "exit status")


@case
def many_containers_live_beside_each_other(t):
    all_of_them = [t.container().up() for _ in range(3 if t.short else 8)]
    listed = json.loads(t.runtime.call("list", "--format", "json").out)
    t.equal({c["id"] for c in listed}, {c.id for c in all_of_them}, "list")


@case
def of_two_creates_with_one_id_exactly_one_wins(t):
    c = t.container().do("wait-signal").write()
    command = [t.runtime.path, "--root", t.runtime.root, "create", "--bundle", c.dir, c.id]
    for _ in range(2 if t.short else 6):
        with open(c.out, "wb") as out:
            both = [subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
                    for _ in range(2)]
            codes = sorted(p.wait(30) == 0 for p in both)
        t.equal(codes, [False, True], "successes")
        t.equal(c.status(), "created", "status")
        c.delete("--force")


@case
def commands_run_at_the_same_time_do_not_disturb_each_other(t):
    c = t.container().up()
    errors = []

    def work():
        try:
            for _ in range(3 if t.short else 10):
                if c.exec("facts")[0]["hostname"] != "probe":
                    raise Failure("hostname")
                if c.state()["status"] != "running":
                    raise Failure("status")
        except Exception as error:  # pylint: disable=broad-except
            errors.append(error)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    t.equal(errors, [], "errors")


def kill_at_random(t, prepare, command):
    """Kills the command after a random time; afterwards `delete --force` must clean all."""
    for _ in range(10 if t.short else 60):
        c = t.container()
        prepare(c)
        c.write()
        with open(c.out, "wb") as out:
            child = subprocess.Popen([t.runtime.path, "--root", t.runtime.root] + command(c),
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        time.sleep(random.random() * 0.03)
        child.kill()
        child.wait()
        done = c.delete("--force", check=False)
        t.equal(done.code, 0, f"delete --force ({done.err.strip()})")
        t.fails(t.runtime.call("state", c.id))
        wait_for(lambda c=c: not processes_in(c.rootfs), what="the end of all processes")
        wait_for(lambda c=c: not t.runtime.cgroups.left(c.id), what="the removal of the cgroups")
    t.equal(json.loads(t.runtime.call("list", "--format", "json").out or "null") or [], [], "list")


def processes_in(rootfs):
    """Processes whose root is this folder, by their own programs' place."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{pid}/exe").st_ino == os.stat(rootfs + PROBE).st_ino and \
                    os.stat(f"/proc/{pid}/exe").st_dev == os.stat(rootfs + PROBE).st_dev:
                found.append(pid)
        except OSError:
            pass
    return found


@case
@unsupported("runc", "crun")
def a_killed_create_leaves_what_delete_cleans(t):
    kill_at_random(t, lambda c: c.do("wait-signal"), lambda c: ["create", "--bundle", c.dir, c.id])


@case
@unsupported("runc", "crun")
def a_killed_run_leaves_what_delete_cleans(t):
    kill_at_random(t, lambda c: c.do("wait-signal"), lambda c: ["run", "--detach", "--bundle", c.dir, c.id])


@case
@unsupported("runc", "crun")
def a_killed_start_or_delete_leaves_what_delete_cleans(t):
    def prepare(c):
        c.do("wait-signal").create()
    kill_at_random(t, prepare, lambda c: ["start", c.id])
    kill_at_random(t, prepare, lambda c: ["delete", "--force", c.id])


@case
def exec_runs_in_the_namespaces_of_the_container(t):
    c = t.container().up()
    inside = c.exec(*[f"readlink /proc/self/ns/{n}" for n in ("pid", "net", "ipc", "uts", "mnt", "cgroup")])
    for name, link in zip(("pid", "net", "ipc", "uts", "mnt", "cgroup"), inside):
        t.equal(link, os.readlink(f"/proc/{c.pid()}/ns/{name}"), f"{name} namespace")


@case
def exec_is_in_the_cgroup_of_the_container(t):
    c = t.container().without_namespace("cgroup").up()
    lines = c.exec("read /proc/self/cgroup")[0].strip().split("\n")
    wanted = [l for l in lines if l.split(":")[1] in ("pids", "memory") or l.startswith("0::")]
    t.true(any(l.endswith(c.linux["cgroupsPath"]) for l in wanted), f"cgroups: {lines}")


@case
def exec_passes_exit_status_and_streams_on(t):
    c = t.container().up()
    t.equal(c.exec_raw(PROBE, "exit", "9").code, 9, "exit status")
    t.equal(c.exec_raw(PROBE, "kill-self", "9").code, 137, "exit status by signal")
    t.equal(c.parse(c.exec_raw(PROBE, "stdin", input="in")), ["in"], "standard input")
    t.equal(c.exec_raw(PROBE, "stderr", "words").err.strip(), "words", "standard error")


@case
def exec_takes_env_cwd_user_and_groups(t):
    c = t.container().up()
    facts = c.exec("facts", options=["--env", "A=1", "--env", "B=2", "--cwd", "/tmp", "--user", "5:6",
                                     "--additional-gids", "7"])[0]
    t.true("A=1" in facts["env"] and "B=2" in facts["env"], f"env: {facts['env']}")
    t.true("PATH=/usr/bin:/bin:/" in facts["env"], f"env of the container: {facts['env']}")
    t.equal((facts["cwd"], facts["uid"], facts["gid"]), ("/tmp", 5, 6), "cwd and ids")
    t.true(7 in facts["groups"], f"groups: {facts['groups']}")


@case
def exec_takes_a_process_file(t):
    c = t.container().up()
    process = dict(c.process, args=[PROBE, "facts"], cwd="/etc", user={"uid": 3, "gid": 4})
    path = os.path.join(t.dir, "process.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(process, file)
    facts = c.parse(t.runtime.call("exec", "--process", path, c.id))[0]
    t.equal((facts["cwd"], facts["uid"], facts["gid"]), ("/etc", 3, 4), "cwd and ids")


@case
def exec_detached_writes_its_pid_file(t):
    c = t.container().up()
    path = os.path.join(t.dir, "pid")
    with open(os.path.join(t.dir, "out"), "wb") as out:
        subprocess.run([t.runtime.path, "--root", t.runtime.root, "exec", "--detach", "--pid-file", path,
                        c.id, PROBE, "wait-signal"], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                       timeout=20, check=True)
    with open(path, encoding="ascii") as file:
        pid = int(file.read())
    t.true(pid != c.pid() and alive(pid), f"process {pid}")


@case
def exec_of_a_missing_program_fails_with_its_name(t):
    c = t.container().up()
    done = c.exec_raw("/nowhere")
    t.fails(done, "/nowhere", "no such file")
    if t.kind == "strata":
        t.equal(done.code, 127, "exit status")
        c.file("/plain", "x", 0o644)
        t.equal(c.exec_raw("/plain").code, 126, "exit status for a file that is not executable")


@case
def exec_needs_a_running_container(t):
    c = t.container().up("facts").wait_stopped()
    t.fails(c.exec_raw(PROBE, "facts"))


@case
def exec_does_not_leak_descriptors_of_the_runtime(t):
    c = t.container().up()
    facts = c.exec("facts")[0]
    t.equal(sorted(map(int, facts["fds"])), [0, 1, 2], f"descriptors {facts['fds']}")


@case
def exec_applies_capabilities_seccomp_and_no_new_privileges(t):
    c = t.container()
    c.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["getcpu"], "action": "SCMP_ACT_ERRNO", "errnoRet": 77}]}
    c.up()
    status, refused = c.exec("read /proc/self/status", "syscall 309 0 0 0")
    fields = dict(l.split(":\t", 1) for l in status.strip().split("\n") if ":\t" in l)
    t.equal(int(fields["CapBnd"], 16), 1 << 29 | 1 << 5 | 1 << 10, "bounding set")
    t.equal(fields["NoNewPrivs"], "1", "no_new_privs")
    t.equal(fields["Seccomp"], "2", "seccomp mode")
    t.equal(refused.get("errno"), 77, "errno of the filter")


@case
def exec_with_cap_adds_capabilities(t):
    c = t.container().up()
    status = c.exec("read /proc/self/status", options=["--cap", "CAP_SYS_CHROOT"])[0]
    effective = [l for l in status.split("\n") if l.startswith("CapEff")][0].split()[1]
    t.true(int(effective, 16) >> 18 & 1, f"effective set {effective}")


@case
def processes_left_by_exec_end_with_the_container(t):
    c = t.container().up()
    with open(os.path.join(t.dir, "out"), "wb") as out:
        subprocess.run([t.runtime.path, "--root", t.runtime.root, "exec", "--detach", "--pid-file",
                        os.path.join(t.dir, "pid"), c.id, PROBE] + operations(["wait-signal"]),
                       stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=20, check=True)
    with open(os.path.join(t.dir, "pid"), encoding="ascii") as file:
        pid = int(file.read())
    c.kill("KILL")
    wait_for(lambda: not alive(pid), what="the end of the other process")


@case
def a_failed_create_leaves_nothing(t):
    c = t.container()
    c.mount({"destination": "/x", "type": "bind", "source": "/does-not-exist", "options": ["bind"]})
    t.fails(c.create(check=False), "does-not-exist")
    t.fails(t.runtime.call("state", c.id))
    wait_for(lambda: not t.runtime.cgroups.left(c.id), what="the removal of the cgroups")
    c.config["mounts"].pop()
    t.true(not is_error(c.run("facts")[0]), "the id can be used again")
