#!/usr/bin/python3
"""Debian's cloud kernel on the software CPU: boots, switches off, panics, resets, reads disks, reaches the network."""
import hashlib
import http.server
import os
import re
import threading

from vmm_lab import check, main


def boots_and_switches_off_with_status_0(lab):
    code, out, err = lab.run("off")
    check(code == 0, code, out[-1000:], err)
    check("INIT off cpus 1" in out and "INIT ends" in out, out[-1000:])


def four_cpus_share_work(lab):
    code, out, err = lab.run("smp", "--cpus", "4")
    check(code == 0, code, out[-1000:], err)
    check("INIT smp cpus 4" in out and all(f"DONE {i}" in out for i in range(1, 5)), out[-1000:])


def a_panic_is_told_and_ends_with_101(lab):
    code, out, err = lab.run("panic")
    check(code == 101, code, out[-1000:], err)
    check("panicked" in err, err)


def a_reset_boots_again_or_ends_with_103(lab):
    code, out, err = lab.run("reset", "--on-reset", "stop")
    check(code == 103, code, out[-1000:], err)
    with lab.start("reset") as machine:
        machine.wait_for("INIT reset")
        machine.text = ""
        machine.wait_for("INIT reset")


def a_disk_is_read_and_written(lab):
    path = lab.path("disk.img")
    content = os.urandom(4 << 20)
    with open(path, "wb") as file:
        file.write(content)
        file.truncate(8 << 20)
    for options in (f"{path},serial=the-disk", f"{path},serial=the-disk,aio=threads"):
        code, out, err = lab.run("disk", "--disk", options)
        check(code == 0, code, out[-1000:], err)
        check("16384" in out and "the-disk" in out, out)
        check(hashlib.md5(content).hexdigest() in out, out)
        with open(path, "r+b") as file:
            file.seek(2048 * 512)
            check(file.read(20) == b"written by the guest", "what was written is not there")
            file.seek(2048 * 512)
            file.write(content[2048 * 512:2048 * 512 + 512])


def a_disk_has_one_writer(lab):
    path = lab.path("shared.img")
    with open(path, "wb") as file:
        file.truncate(1 << 20)
    with lab.start("ticks", "--disk", path) as machine:
        machine.wait_for("TICK")
        code, _, err = lab.run("off", "--disk", path)
        check(code == 125, code, err)


def the_network_reaches_the_host(lab):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"SERVED by the host\n")

        def log_message(self, *unused):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    code, out, err = lab.run("net", "--net", "user", append=f"port={server.server_port}")
    server.shutdown()
    check(code == 0, code, out[-1000:], err)
    check("SERVED by the host" in out, out)


def smbios_names_the_machine(lab):
    uuid = "12345678-9abc-def0-1122-334455667788"
    code, out, err = lab.run("dmi", "--cpus", "2", "--memory", "256m", "--smbios",
                             f"type=1,manufacturer=A Maker,product=Some Product,serial=ds=nocloud,uuid={uuid}")
    check(code == 0, code, out[-1000:], err)
    check(all(text in out for text in ("A Maker", "Some Product", "ds=nocloud", uuid)), out[-2000:])
    if lab.dmidecode is None:
        print("SKIPPED: no dmidecode")
    else:
        check(all(text in out for text in ("SMBIOS 3.0.0 present", "Core Count: 2", "Size: 256 MB", "Serial Number: ds=nocloud",
                                           "System is a virtual machine")), out)
        check("BROKEN" not in out and "TRUNCATED" not in out and "Wrong DMI" not in out, out)
    names = [lab.run("dmi", "--name", name)[1] for name in ("one", "one", "two")]
    found = [re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", text)[0] for text in names]
    check(found[0] == found[1] != found[2], "UUIDs of names", found)


def what_is_typed_reaches_the_guest(lab):
    with lab.start("echo") as machine:
        machine.wait_for("INIT echo")
        machine.type("hello there\n")
        machine.wait_for("ECHO hello there")
        machine.type("end\n")
        machine.wait_for("INIT ends")
        check(machine.process.wait(30) == 0, machine.process.returncode)


def wrong_options_are_refused_with_125(lab):
    for options, word in ((["--cpus", "65"], "1 to 64"), (["--cpu", "v9"], "v9"), (["--memory", "1m"], "memory"),
                          (["--disk", "/nonexistent"], "/nonexistent"), (["--net", "tap"], "tap")):
        code, _, err = lab.run("off", *options)
        check(code == 125 and word in err, options, code, err)


main([boots_and_switches_off_with_status_0, four_cpus_share_work, a_panic_is_told_and_ends_with_101,
      a_reset_boots_again_or_ends_with_103, a_disk_is_read_and_written, a_disk_has_one_writer,
      the_network_reaches_the_host, smbios_names_the_machine, what_is_typed_reaches_the_guest,
      wrong_options_are_refused_with_125])
