"""Hooks: when each kind runs, where, with what, and what its failure means."""
import json
import os
import time

from oci_lib import PROBE, case, wait_for

KINDS = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"]
OUTSIDE = ["prestart", "createRuntime", "createContainer", "poststart", "poststop"]


def recorder(t, kind, tail=""):
    """A hook of the host that saves its state, environment and namespace."""
    base = f"{t.dir}/{kind}"
    return {"path": t.script(kind + ".sh", f"cat > {base}.state\nenv > {base}.env\n"
                                           f"readlink /proc/self/ns/mnt > {base}.mnt\n"
                                           f"readlink /proc/self/ns/pid > {base}.pid\n"
                                           f"readlink /proc/self/ns/net > {base}.net\n"
                                           f"pwd > {base}.cwd\necho {kind} >> {t.dir}/order\n{tail}\n"),
            "args": [kind, "argument"], "env": ["HOOK=" + kind, "PATH=/usr/bin:/bin"]}


def saved(t, kind, what):
    with open(f"{t.dir}/{kind}.{what}", encoding="utf-8") as file:
        return file.read().strip()


def order(t):
    try:
        with open(f"{t.dir}/order", encoding="utf-8") as file:
            return file.read().split()
    except FileNotFoundError:
        return []


def with_hooks(t, kinds=OUTSIDE, **tails):
    c = t.container()
    c.config["hooks"] = {kind: [recorder(t, kind, tails.get(kind, ""))] for kind in kinds}
    return c


@case
def hooks_run_in_the_specified_order(t):
    c = with_hooks(t).do("wait-signal")
    c.create()
    if t.kind == "runc":
        t.skip("runc of this version runs poststart in create")
    t.equal(order(t), ["prestart", "createRuntime", "createContainer"], "after create")
    c.start()
    t.equal(order(t), ["prestart", "createRuntime", "createContainer", "poststart"], "after start")
    c.kill("KILL")
    c.wait_stopped()
    t.equal(order(t)[-1], "poststart", "before delete")
    c.delete()
    t.equal(order(t)[-1], "poststop", "after delete")


@case
def run_runs_all_hooks(t):
    with_hooks(t).run("facts")
    t.equal(order(t), ["prestart", "createRuntime", "createContainer", "poststart", "poststop"], "order")


@case
def several_hooks_of_a_kind_run_in_their_order(t):
    c = t.container()
    scripts = [t.script(f"{i}.sh", f"echo {i} >> {t.dir}/order\n") for i in range(4)]
    c.config["hooks"] = {"createRuntime": [{"path": s} for s in scripts]}
    c.run("facts")
    t.equal(order(t), ["0", "1", "2", "3"], "order")


@case
def hooks_get_the_state_of_the_container(t):
    c = with_hooks(t)
    c.config["annotations"] = {"k": "v"}
    c.up()
    pid = c.pid()
    c.kill("KILL")
    c.wait_stopped().delete()
    allowed = {"prestart": ["creating", "created"], "createRuntime": ["creating", "created"],
               "createContainer": ["creating", "created"], "poststart": ["running"] if t.kind != "runc" else ["created"],
               "poststop": ["stopped"]}
    for kind in OUTSIDE:
        state = json.loads(saved(t, kind, "state"))
        t.equal((state["id"], state["bundle"]), (c.id, c.dir), f"{kind}: id and bundle")
        t.true(state["status"] in allowed[kind], f"{kind}: status {state['status']}")
        t.equal(state["annotations"]["k"], "v", f"{kind}: annotation")
        if kind in ("prestart", "createRuntime", "poststart"):
            t.equal(state["pid"], pid, f"{kind}: pid")


@case
def hooks_get_their_own_environment_and_arguments(t):
    c = t.container()
    c.config["hooks"] = {"createRuntime": [{
        "path": t.script("h.sh", f'env > {t.dir}/env; tr "\\0" " " < /proc/$$/cmdline > {t.dir}/args\n'),
        "args": ["zero", "one", "two words"], "env": ["ONLY=this"]}]}
    os.environ["OCI_SUITE_LEAK"] = "1"
    c.run("facts")
    del os.environ["OCI_SUITE_LEAK"]
    with open(t.dir + "/env", encoding="utf-8") as file:
        env = file.read()
    t.true("ONLY=this" in env and "OCI_SUITE_LEAK" not in env, f"environment {env!r}")
    with open(t.dir + "/args", encoding="utf-8") as file:
        t.true(file.read().strip().endswith("one two words"), "arguments")


@case
def create_runtime_runs_in_the_runtimes_namespaces(t):
    with_hooks(t, ["prestart", "createRuntime", "poststop"]).run("facts")
    for kind in ("prestart", "createRuntime", "poststop"):
        for name in ("mnt", "pid", "net"):
            t.equal(saved(t, kind, name), os.readlink(f"/proc/self/ns/{name}"), f"{kind}: {name} namespace")


@case
def create_container_runs_in_the_containers_mounts_but_sees_the_host(t):
    c = with_hooks(t, ["createContainer"]).up()
    t.equal(saved(t, "createContainer", "mnt"), os.readlink(f"/proc/{c.pid()}/ns/mnt"), "mount namespace")


@case
def create_container_sees_the_mounts_of_the_container(t):
    c = t.container()
    c.config["mounts"].append({"destination": "/m", "type": "tmpfs", "source": "tmpfs", "options": []})
    c.config["hooks"] = {"createContainer": [{"path": t.script(
        "h.sh", f"grep -c ' {c.rootfs}/m ' /proc/self/mountinfo > {t.dir}/seen\n")}]}
    c.run("facts")
    with open(t.dir + "/seen", encoding="ascii") as file:
        t.equal(file.read().strip(), "1", "mounts seen")


@case
def start_container_runs_inside_right_before_the_program(t):
    c = t.container()
    c.config["hooks"] = {"startContainer": [{"path": PROBE, "args": [PROBE, "save-stdin", "/tmp/state"]}]}
    c.do("stat /tmp/state", "sleep 0.01")
    c.create()
    t.true(not os.path.exists(c.rootfs + "/tmp/state"), "it ran before start")
    c.start()
    t.true(c.results()[0].get("type") == "file", "the program did not find what the hook made")
    with open(c.rootfs + "/tmp/state", encoding="utf-8") as file:
        state = json.load(file)
    t.equal(state["id"], c.id, "state")


@case
def a_failing_hook_before_start_refuses_the_container(t):
    for kind in ("prestart", "createRuntime", "createContainer"):
        c = t.container().do("facts")
        c.config["hooks"] = {kind: [{"path": t.script("bad.sh", "echo words-of-the-hook >&2; exit 3\n")}]}
        t.fails(c.create(check=False), "hook")
        t.fails(t.runtime.call("state", c.id))
        if t.kind == "strata":
            t.mentions(c.create(check=False), kind, "bad.sh", "3", "words-of-the-hook")


@case
def after_a_failed_create_the_poststop_hooks_run(t):
    c = with_hooks(t, ["createRuntime", "poststop"], createRuntime="exit 1").do("facts")
    t.fails(c.create(check=False))
    if t.kind == "strata":
        t.equal(order(t), ["createRuntime", "poststop"], "order")


@case
def a_failing_start_container_hook_stops_the_container(t):
    c = t.container().do("create /tmp/ran")
    c.config["hooks"] = {"startContainer": [{"path": PROBE, "args": [PROBE, "exit", "1"]}]}
    c.create()
    c.start(check=False)
    c.wait_stopped()
    t.true(not os.path.exists(c.rootfs + "/tmp/ran"), "the program ran")


@case
def a_failing_poststart_hook_does_not_hide_the_container(t):
    if t.kind == "runc":
        t.skip("runc refuses the container, where the specification logs and goes on")
    c = t.container().do("wait-signal")
    c.config["hooks"] = {"poststart": [{"path": t.script("bad.sh", "exit 3\n")}]}
    c.create()
    c.start(check=False)
    t.equal(c.status(), "running", "status")


@case
def a_failing_poststop_hook_does_not_keep_the_container(t):
    c = t.container()
    c.config["hooks"] = {"poststop": [{"path": t.script("bad.sh", "exit 3\n")},
                                      {"path": t.script("good.sh", f"touch {t.dir}/second\n")}]}
    c.up("facts").wait_stopped()
    c.delete(check=False)
    t.fails(t.runtime.call("state", c.id))
    if t.kind == "strata":
        t.true(os.path.exists(t.dir + "/second"), "the hook after it did not run")


@case
def a_hook_that_takes_too_long_is_killed(t):
    c = t.container().do("facts")
    c.config["hooks"] = {"createRuntime": [{"path": t.script("slow.sh", "exec sleep 30\n"), "timeout": 1}]}
    begin = time.monotonic()
    t.fails(c.create(check=False))
    t.true(time.monotonic() - begin < 10, "the time-out did not work")


@case
def a_hook_that_is_not_there_refuses_the_container(t):
    c = t.container().do("facts")
    c.config["hooks"] = {"createRuntime": [{"path": "/no/such/hook"}]}
    t.fails(c.create(check=False), "/no/such/hook")


@case
def a_hook_may_ignore_its_standard_input_and_print_much(t):
    c = t.container()
    c.config["annotations"] = {f"key{i}": "x" * 1000 for i in range(100)}
    c.config["hooks"] = {"createRuntime": [{"path": t.script("loud.sh", "exec <&-\nseq 1 30000\n")}]}
    done = c.do("facts").run_raw()
    t.equal(done.code, 0, f"exit status ({done.err[-200:]})")


@case
def a_hook_can_give_the_network_a_name(t):
    """What CNI does: the hook enters the namespace of the pid it reads."""
    c = t.container()
    c.config["hooks"] = {"createRuntime": [{"path": t.script(
        "net.sh", "pid=$(sed 's/.*\"pid\": *\\([0-9]*\\).*/\\1/')\n"
                  f"readlink /proc/$pid/ns/net > {t.dir}/net\n"), "env": ["PATH=/usr/bin:/bin"]}]}
    inside = c.run("readlink /proc/self/ns/net")[0]
    wait_for(lambda: os.path.exists(t.dir + "/net"), what="the hook")
    with open(t.dir + "/net", encoding="ascii") as file:
        t.equal(file.read().strip(), inside, "network namespace")
