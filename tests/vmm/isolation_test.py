#!/usr/bin/python3
"""strata run --isolation vm: an image in a virtual machine of its own, by the verbs that containers have."""
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

BUILD = os.environ["STRATA_BUILD"]


def check(condition, *facts):
    if not condition:
        raise AssertionError(" ".join(str(fact) for fact in facts))


def skip(why):
    print(f"SKIPPED: {why}")
    sys.exit(77)


class Lab:
    def __init__(self, place):
        self.env = dict(os.environ, STRATA_DATA=os.path.join(place, "data"), STRATA_RUN=os.path.join(place, "run"))
        for tool in ("mkfs.erofs", "mke2fs"):
            if shutil.which(tool) is None:
                skip(f"no {tool} (packages erofs-utils, e2fsprogs)")
        self.strata("image", "bootstrap", "busybox")
        code, _, err = self.strata("image", "bootstrap", "kernel", good=False)
        if code != 0:
            skip(f"no kernel: {err.strip()}")

    def strata(self, *arguments, stdin=b"", good=True, timeout=120):
        done = subprocess.run([os.path.join(BUILD, "strata"), *arguments], input=stdin, capture_output=True, env=self.env,
                              timeout=timeout)
        code, out, err = done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        check(not good or code == 0, arguments, code, err)
        return code, out, err

    def run(self, *arguments, **more):
        return self.strata("run", "--isolation", "vm", *arguments, good=False, **more)

    def wait_for_log(self, name, text):
        end = time.monotonic() + 90
        while text not in self.strata("logs", name)[1]:
            check(time.monotonic() < end, "no", text, "in the log of", name)
            time.sleep(0.2)


def one_command_and_its_streams(lab):
    code, out, err = lab.run("--rm", "-i", "-m", "256m", "--cpus", "2", "-e", "A=b", "-w", "/tmp", "--hostname", "inside",
                             "busybox", "sh", "-c", "cat; pwd; echo $A; nproc; hostname; echo $$; echo e >&2; exit 3", stdin=b"in\n")
    check(code == 3 and err == "e\n", code, err)
    check(out.split() == ["in", "/tmp", "b", "2", "inside", "1"], out)
    check(lab.strata("ps", "-aq")[1] == "", "it is still there")


def a_program_that_is_not_there(lab):
    code, out, err = lab.run("--rm", "busybox", "no-such-program")
    check(code == 127 and out == "" and "no-such-program" in err, code, out, err)


def what_listens_on_the_hosts_loopback_is_not_reached(lab):
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        address = f"http://10.0.2.2:{server.getsockname()[1]}/"
        code, _, _ = lab.run("--rm", "busybox", "wget", "-q", "-O", "-", address, timeout=30)
        check(code == 1, code)
        try:
            server.accept()
            raise AssertionError("the guest came through")
        except BlockingIOError:
            pass


def an_instance_that_is_kept(lab):
    name = "kept"
    check(lab.run("-d", "--name", name, "busybox", "sh", "-c",
                  "trap 'sync; exit 5' TERM; echo x >>/count; echo count $(wc -l </count); while :; do sleep 0.1; done")[0] == 0)
    lab.wait_for_log(name, "count 1")
    facts = json.loads(lab.strata("inspect", name)[1])[0]
    check(facts["State"]["Running"], facts["State"])
    lab.strata("stop", name)
    facts = json.loads(lab.strata("inspect", name)[1])[0]
    check(facts["State"]["ExitCode"] == 5, facts["State"])
    lab.strata("start", name)
    lab.wait_for_log(name, "count 2")
    lab.strata("pause", name)
    check("(Paused)" in lab.strata("ps")[1], "not paused")
    lab.strata("unpause", name)
    lab.strata("kill", name)
    lab.strata("wait", name)
    lab.strata("rm", name)
    check(lab.strata("ps", "-aq")[1] == "", "it is still there")


def what_is_not_there_yet_is_refused_by_name(lab):
    for options in (("-v", "/tmp:/x"), ("--network", "host"), ("--network", "bridge"), ("-p", "80:80"), ("--privileged",),
                    ("--pid", "host"), ("--ipc", "host"), ("--device", "/dev/null"), ("--tmpfs", "/x"), ("--read-only",),
                    ("--cap-add", "ALL"), ("--cpus", "1.5"), ("--user", "nobody"), ("--init",)):
        code, _, err = lab.run("--rm", *options, "busybox", "true")
        said = {"-v": "--volume", "-p": "--publish", "--cpus": "CPUs", "--user": "nobody"}.get(options[0], options[0])
        check(code == 125 and said in err and err.count("\n") == 1, options, code, err)
    check(lab.strata("ps", "-aq")[1] == "", "one was made")


def main():
    failed = 0
    with tempfile.TemporaryDirectory(prefix="strata-isolation.") as place:
        lab = Lab(place)
        for case in (one_command_and_its_streams, a_program_that_is_not_there,
                     what_listens_on_the_hosts_loopback_is_not_reached, an_instance_that_is_kept,
                     what_is_not_there_yet_is_refused_by_name):
            started = time.monotonic()
            try:
                case(lab)
                print(f"ok   {case.__name__} ({time.monotonic() - started:.1f} s)", flush=True)
            except (AssertionError, subprocess.TimeoutExpired) as problem:
                failed += 1
                print(f"FAIL {case.__name__}: {problem}", flush=True)
        for line in lab.strata("ps", "-aq")[1].split():
            lab.strata("rm", "-f", line, good=False)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
