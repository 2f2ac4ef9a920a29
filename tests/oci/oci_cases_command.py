"""The command line: outputs, formats, logs, errors, what bad input is told."""
import json
import os
import subprocess

from oci_lib import alive, case, unsupported, wait_for


@case
def version_names_the_specification(t):
    done = t.runtime.call("--version", root=False)
    t.equal(done.code, 0, "exit status")
    t.true("spec: 1." in done.out, f"output {done.out!r}")


@case
def help_is_printed(t):
    done = t.runtime.call("--help", root=False)
    t.equal(done.code, 0, "exit status")
    for verb in ("create", "start", "delete", "exec", "update"):
        t.true(verb in done.out, f"no word of {verb}")


@case
def unknown_commands_and_flags_are_refused(t):
    t.true(t.runtime.call("frobnicate").code != 0 or t.kind == "runc", "an unknown command is accepted")
    t.fails(t.runtime.call("run", "--frobnicate", "x"), "frobnicate")
    t.fails(t.runtime.call("create"))
    t.fails(t.runtime.call("state"))


@case
def spec_writes_a_config_that_runs(t):
    c = t.container()
    done = t.runtime.call("spec", cwd=c.dir)
    t.equal(done.code, 0, f"exit status ({done.err})")
    with open(c.dir + "/config.json", encoding="utf-8") as file:
        made = json.load(file)
    t.equal((made["process"]["args"], made["root"]), (["sh"], {"path": "rootfs", "readonly": True}), "config")
    t.true(made["process"]["terminal"] and made["process"]["noNewPrivileges"], "process")
    t.equal({m["destination"] for m in made["mounts"]},
            {"/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"}, "mounts")
    c.config = made
    made["process"]["terminal"] = False
    made["process"].pop("rlimits", None)
    made["linux"]["cgroupsPath"] = f"{t.runtime.cgroups.parent}/{c.id}"
    t.equal(c.run("facts")[0]["pid"], 1, "pid")


@case
def spec_does_not_overwrite_a_config(t):
    c = t.container().write()
    t.fails(t.runtime.call("spec", cwd=c.dir), "config.json")


@case
def spec_takes_a_bundle_and_rootless(t):
    folder = t.folder("bundle")
    flag = ["--bundle", folder]
    t.equal(t.runtime.call("spec", *flag, "--rootless").code, 0, "exit status")
    with open(folder + "/config.json", encoding="utf-8") as file:
        made = json.load(file)
    kinds = {n["type"] for n in made["linux"]["namespaces"]}
    t.true("user" in kinds and "network" not in kinds, f"namespaces {kinds}")
    t.equal(made["linux"]["uidMappings"][0]["size"], 1, "mapping")


@case
def features_is_json_of_the_specification(t):
    done = t.runtime.call("features")
    if done.code != 0 and t.kind == "crun":
        t.skip("this crun has no features")
    features = json.loads(done.out)
    t.true("createRuntime" in features["hooks"], "hooks")
    t.true({"ro", "rbind", "nosuid"} <= set(features["mountOptions"]), "mountOptions")
    t.true({"pid", "user", "cgroup"} <= set(features["linux"]["namespaces"]), "namespaces")
    t.true("CAP_SYS_ADMIN" in features["linux"]["capabilities"], "capabilities")
    t.true("SCMP_ACT_ERRNO" in features["linux"]["seccomp"]["actions"], "seccomp")
    t.true(features["ociVersionMin"].startswith("1."), "version")


@case
def list_prints_a_table_json_and_ids(t):
    c = t.container().up()
    lines = t.runtime.call("list").out.rstrip("\n").split("\n")
    wanted = ["NAME"] if t.kind == "crun" else ["ID"]
    t.equal(lines[0].split()[1:4], ["PID", "STATUS", "BUNDLE"], "head")
    t.equal(lines[0].split()[:1], wanted, "head")
    row = lines[1].split()
    t.equal(row[:4], [c.id, str(c.pid()), "running", c.dir], "row")
    record = json.loads(t.runtime.call("list", "--format", "json").out)[0]
    t.equal((record["id"], record["pid"], record["status"]), (c.id, c.pid(), "running"), "json")
    t.equal(t.runtime.call("list", "--quiet").out, c.id + "\n", "ids")
    if t.kind != "crun":
        t.fails(t.runtime.call("list", "--format", "moon"))


@case
def list_of_nothing_is_empty(t):
    t.equal(t.runtime.call("list", "--quiet").out, "", "ids")
    t.true(json.loads(t.runtime.call("list", "--format", "json").out or "null") in (None, []), "json")


@case
def errors_go_to_the_log_as_json(t):
    log = os.path.join(t.dir, "log")
    done = t.runtime.call("--log", log, "--log-format", "json", "state", "oci-unknown")
    t.true(done.code != 0, "exit status")
    with open(log, encoding="utf-8") as file:
        lines = [json.loads(l) for l in file.read().strip().split("\n")]
    t.equal(lines[-1]["level"], "error", "level")
    t.true("oci-unknown" in lines[-1]["msg"] or t.kind == "runc", f"record {lines[-1]}")
    t.true("time" in lines[-1], f"record {lines[-1]}")


@case
def errors_go_to_the_log_as_text(t):
    log = os.path.join(t.dir, "log")
    t.runtime.call("--log", log, "state", "oci-unknown")
    with open(log, encoding="utf-8") as file:
        text = file.read()
    t.true("oci-unknown" in text or t.kind == "runc", f"log {text!r}")
    t.true("error" in text or t.kind == "crun", f"log {text!r}")


@case
def ids_that_are_not_names_are_refused(t):
    c = t.container().do("facts").write()
    for id in ("../escape", "a/b", "", ".", "..", "a b", "a\nb"):
        done = t.runtime.call("create", "--bundle", c.dir, id)
        t.fails(done)
        for verb in (["state"], ["delete", "--force"]):
            if id not in ("", "."):
                t.runtime.call(*verb, id)
    t.true(not os.path.exists(os.path.join(t.dir, "escape")), "a folder was made outside of the root")
    t.true(os.path.isdir(t.dir), "the folder above was removed")


@case
def ids_with_all_allowed_characters_work(t):
    c = t.container()
    c.id = f"A_z.0+9-{os.getpid()}-{c.id}"
    c.linux["cgroupsPath"] = f"{t.runtime.cgroups.parent}/{c.id}"
    t.equal(c.run("facts")[0]["pid"], 1, "pid")


@case
def a_very_long_id_is_taken_or_refused(t):
    c = t.container().do("facts").write()
    done = t.runtime.call("run", "--bundle", c.dir, "x" * 1100)
    t.fails(done)


def refused(t, text, *words):
    c = t.container()
    with open(c.dir + "/config.json", "w", encoding="utf-8") as file:
        file.write(text)
    done = t.runtime.call("create", "--bundle", c.dir, c.id)
    t.fails(done, *words)
    t.fails(t.runtime.call("state", c.id))


@case
def broken_configs_are_refused(t):
    strata = t.kind == "strata"
    refused(t, "")
    refused(t, "{", *(["line 1"] if strata else []))
    refused(t, "[]")
    refused(t, "null")
    refused(t, '{"ociVersion": "1.0.2"}')
    refused(t, '{"ociVersion": "1.0.2", "process": {"args": "sh"}}', *(["process.args"] if strata else []))
    refused(t, "\x00" * 100)
    refused(t, "[" * 100000)


@case
def members_of_the_wrong_type_are_named(t):
    c = t.container()
    c.resources["memory"] = {"limit": "abc"}
    c.run_fails("limit" if t.kind != "crun" else "")
    c = t.container()
    c.process["user"]["uid"] = -1
    c.run_fails("uid" if t.kind != "crun" else "")


@case
def unknown_members_are_ignored(t):
    c = t.container()
    c.config["ofTomorrow"] = {"a": 1}
    c.linux["ofTomorrow"] = [1]
    c.process["ofTomorrow"] = None
    t.equal(c.run("facts")[0]["pid"], 1, "pid")


@case
def configs_without_what_is_needed_are_refused(t):
    c = t.container()
    c.process["args"] = []
    c.run_fails("args")
    c = t.container().do("facts")
    c.process["cwd"] = "relative"
    c.run_fails("cwd" if t.kind == "strata" else "")
    c = t.container().do("facts")
    c.process["cwd"] = ""
    if t.kind != "crun":
        c.run_fails("cwd")
    c = t.container().do("facts")
    c.config["ociVersion"] = "2.0.0"
    if t.kind == "strata":
        c.run_fails("ociVersion")


@case
def a_missing_bundle_and_config_are_named(t):
    t.fails(t.runtime.call("create", "--bundle", "/no/such/bundle", "oci-x"), "/no/such/bundle"
            if t.kind != "runc" else "")
    folder = t.folder("empty")
    t.fails(t.runtime.call("create", "--bundle", folder, "oci-x"), "config.json")


@case
def the_bundle_is_the_current_folder_by_default(t):
    c = t.container().do("facts").write()
    done = t.runtime.call("run", c.id, cwd=c.dir)
    t.equal(c.parse(done)[0]["pid"], 1, "pid")


@case
def short_flags_and_equals_signs_work(t):
    c = t.container().do("wait-signal").write()
    with open(c.out, "wb") as out:
        code = subprocess.run([t.runtime.path, f"--root={t.runtime.root}", "create", "-b", c.dir,
                               f"--pid-file={t.dir}/pid", c.id], stdin=subprocess.DEVNULL, stdout=out,
                              stderr=out, timeout=30, check=False).returncode
    t.equal(code, 0, "exit status")
    t.equal(c.status(), "created", "status")
    c.delete("-f")


@case
@unsupported("crun")
def a_single_dash_before_a_long_flag_works(t):
    """What Go's flag packages accept and the shim of containerd has used."""
    if t.kind == "runc":
        t.skip("runc dropped it")
    c = t.container().do("facts").write()
    done = t.runtime.call("run", "-bundle", c.dir, c.id)
    t.equal(done.code, 0, f"exit status ({done.err})")


@case
def the_root_folder_is_made_with_private_rights(t):
    c = t.container().up()
    t.equal(os.stat(t.runtime.root).st_mode & 0o022, 0, "rights of others to write")
    c.delete("--force")


@case
@unsupported("crun", "runc")
def a_damaged_state_is_told_and_can_be_deleted(t):
    c = t.container().up()
    pid = c.pid()
    folder = os.path.join(t.runtime.root, c.id)
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, "r+b") as file:
                file.truncate(40)
    try:
        t.fails(t.runtime.call("state", c.id), c.id)
        t.equal(t.runtime.call("list", "--quiet").code, 0, "exit status of list")
        c.delete("--force")
        t.true(not os.path.exists(folder), "the folder is still there")
        wait_for(lambda: not alive(pid), what="the end of its process")
    finally:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
