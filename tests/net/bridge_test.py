"""The bridge network as a user sees it: addresses, published ports, other firewalls, crashes."""
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from net_lab import HOST_OUTSIDE, OUTSIDE, TOOL, ask, in_lab, run  # noqa: E402  pylint: disable=wrong-import-position

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
SHORT = os.environ.get("STRATA_SHORT") == "1"


def gateway(lab):
    return run("ip", "-4", "-br", "addr", "show", "strata0").stdout.split()[2].split("/")[0]


def published_ports_answer_from_everywhere(lab):
    web = lab.attach("web", "8080:80", "8081:81/udp")
    other = lab.attach("other")
    assert "IP forwarding was off" in web.notes, web.notes
    web.serve(TCP, 80, "web")
    web.serve(UDP, 81, "web")
    for kind, port in ((TCP, 8080), (UDP, 8081)):
        bridge = gateway(lab)
        assert ask(kind, "127.0.0.1", port) == f"web {bridge}", ask(kind, "127.0.0.1", port)
        for address in (HOST_OUTSIDE, bridge):
            assert ask(kind, address, port).startswith("web "), (kind, address, ask(kind, address, port))
            for inside in (other, web):
                answer = inside.ask(kind, address, port)
                assert answer.startswith("web "), (kind, address, answer)
        # From outside the peer's own address is seen.
        answer = lab.outside.ask(kind, HOST_OUTSIDE, port)
        assert answer == f"web {OUTSIDE}", answer
    # Between instances directly, and out with the host's address.
    assert other.ask(TCP, web.address, 80) == f"web {other.address}"
    lab.outside.serve(TCP, 7000, "out")
    lab.outside.serve(UDP, 7000, "out")
    assert web.ask(TCP, OUTSIDE, 7000) == f"out {HOST_OUTSIDE}"
    assert web.ask(UDP, OUTSIDE, 7000) == f"out {HOST_OUTSIDE}"
    lab.detach("web")
    lab.detach("other")
    lab.check_empty()
    assert ask(TCP, "127.0.0.1", 8080).startswith("-")


def unpublished_and_loopback_ports_stay_inside(lab):
    web = lab.attach("web", "127.0.0.1:8080:80", f"{HOST_OUTSIDE}:8081:80")
    other = lab.attach("other")
    web.serve(TCP, 80, "web")
    bridge = gateway(lab)
    assert ask(TCP, "127.0.0.1", 8080).startswith("web ")
    assert ask(TCP, HOST_OUTSIDE, 8081).startswith("web ")
    assert ask(TCP, "127.0.0.1", 8081).startswith("-")
    assert ask(TCP, HOST_OUTSIDE, 8080).startswith("-")
    assert other.ask(TCP, bridge, 8080).startswith("-")
    # A neighbour that routes to the pool, or to 127.0.0.1, by us.
    enter = ["nsenter", "-n", "-t", str(lab.outside.pid)]
    run(*enter, "ip", "route", "add", web.address, "via", HOST_OUTSIDE)
    assert lab.outside.ask(TCP, web.address, 80, timeout=0.5).startswith("-")
    run(*enter, "ip", "route", "del", "local", "127.0.0.0/8", "table", "local")
    run(*enter, "ip", "route", "del", "local", "127.0.0.1", "table", "local")
    run(*enter, "ip", "route", "add", "127.0.0.0/8", "via", HOST_OUTSIDE, "src", OUTSIDE)
    run(*enter, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet")
    assert lab.outside.ask(TCP, "127.0.0.1", 8080, timeout=0.5).startswith("-")
    # An instance that does the same reaches nothing of the host's loopback.
    listener = socket.create_server(("127.0.0.1", 7777))
    enter = ["nsenter", "-n", "-t", str(other.pid)]
    run(*enter, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet")
    run(*enter, "ip", "route", "del", "local", "127.0.0.0/8", "table", "local")
    run(*enter, "ip", "route", "del", "local", "127.0.0.1", "table", "local")
    run(*enter, "ip", "route", "add", "127.0.0.0/8", "via", bridge)
    assert "timed out" in other.ask(TCP, "127.0.0.1", 7777, timeout=0.5)
    listener.close()


def ranges_and_chosen_ports(lab):
    web = lab.attach("web", "9000-9003:80-83", "9100-9110:90", "91")
    assert web.published[:5] == ["0.0.0.0:9000->80/tcp", "0.0.0.0:9001->81/tcp", "0.0.0.0:9002->82/tcp",
                                 "0.0.0.0:9003->83/tcp", "0.0.0.0:9100->90/tcp"], web.published
    web.serve(TCP, 83, "w83")
    web.serve(TCP, 91, "w91")
    assert ask(TCP, "127.0.0.1", 9003).startswith("w83")
    assert ask(TCP, "127.0.0.1", int(web.published[5].split(":")[1].split("-")[0])).startswith("w91")
    again = lab.attach("again", "9100-9110:90")
    assert again.published == ["0.0.0.0:9101->90/tcp"], again.published
    many = lab.attach("many", "20000-21999:20000-21999")
    assert len(many.published) == 2000
    many.serve(TCP, 21999, "last")
    assert ask(TCP, "127.0.0.1", 21999).startswith("last")
    for name in ("web", "again", "many"):
        lab.detach(name)
    lab.check_empty()


def conflicts_are_refused_and_leave_nothing(lab):
    lab.attach("web", "8080:80", "127.0.0.1:8090:80", "53:53/udp")

    def refused(port, words):
        said = lab.attach("second", port, ok=False)
        assert said.returncode == 1 and words in said.stderr, (port, said.stderr)

    allocated = "port is already allocated"
    refused("8080:80", "Bind for 0.0.0.0:8080 failed: " + allocated)
    refused("127.0.0.1:8080:80", allocated)
    refused("8090:80", allocated)
    refused("127.0.0.1:8090:81", allocated)
    refused("53:1/udp", allocated)
    refused("8000-8100:8000-8100", allocated)
    with socket.create_server(("0.0.0.0", 7001)), socket.socket(socket.AF_INET, UDP) as udp:
        udp.bind(("127.0.0.1", 7002))
        refused("7001:80", "address already in use")
        refused("127.0.0.1:7001:80", "address already in use")
        refused("7002:80/udp", "address already in use")
        lab.attach("third", "7002:80")  # TCP: another port
    refused("198.51.100.7:80:80", "address not available")
    said = lab.attach("web", ok=False)
    assert "connected already" in said.stderr
    # Different addresses of one port do not exclude each other.
    lab.attach("fourth", "127.0.0.2:8090:80", f"{HOST_OUTSIDE}:8090:80")
    said = lab.attach("fifth", "6000:80", "127.0.0.1:6000:81", ok=False)
    assert allocated in said.stderr
    for name in ("web", "third", "fourth"):
        lab.detach(name)
    lab.check_empty()


def check_forwarding(lab, name="web"):
    """An instance reaches the outside and is reached by its port."""
    web = lab.attach(name, "8080:80")
    web.serve(TCP, 80, "web")
    if not lab.outside.servers:
        lab.outside.serve(TCP, 7000, "out")
    assert web.ask(TCP, OUTSIDE, 7000) == f"out {HOST_OUTSIDE}", web.ask(TCP, OUTSIDE, 7000)
    answer = lab.outside.ask(TCP, HOST_OUTSIDE, 8080)
    assert answer == f"web {OUTSIDE}", answer
    return web


def passes_a_dropping_nftables_firewall(lab):
    text = ("table inet filter {\n chain forward {\n type filter hook forward priority 0; policy drop;\n"
            " ip daddr 192.0.2.0/24 drop\n }\n}\n")
    run("nft", "-f", "-", text=text)
    before = lab.rules()
    check_forwarding(lab)
    assert 'iifname "strata0" counter' in lab.rules() and 'comment "strata strata0"' in lab.rules(), lab.rules()
    lab.attach("second")
    assert lab.rules().count("comment") == 2, lab.rules()
    # Loaded anew by its owner: the next command puts the rules back.
    run("nft", "-f", "-", text="flush chain inet filter forward")
    lab.attach("third")
    assert lab.rules().count("comment") == 2, lab.rules()
    lab.detach("third")
    lab.detach("web")
    assert lab.rules().count("comment") == 2
    lab.detach("second")
    assert "comment" not in lab.rules()
    run("nft", "flush", "ruleset")
    run("nft", "-f", "-", text=text)
    assert lab.rules() == before
    check_forwarding(lab, "fourth")


def passes_iptables_and_leaves_it_readable(lab):
    if shutil.which("iptables-nft") is None:
        print("SKIPPED: passes_iptables_and_leaves_it_readable: no iptables-nft")
        return
    run("iptables-nft", "-P", "FORWARD", "DROP")
    run("iptables-nft", "-A", "FORWARD", "-d", "198.51.100.0/24", "-j", "REJECT")
    before = run("iptables-nft", "-S").stdout
    check_forwarding(lab)
    listed = run("iptables-nft", "-S").stdout
    assert "-A FORWARD -i strata0" in listed and "-A FORWARD -o strata0" in listed, listed
    # The host's own rules come first.
    assert listed.index("198.51.100.0") < listed.index("strata0"), listed
    # As docker does it, while ours are there.
    run("iptables-nft", "-I", "FORWARD", "-i", "docker0", "-j", "ACCEPT")
    run("iptables-nft", "-D", "FORWARD", "-i", "docker0", "-j", "ACCEPT")
    lab.detach("web")
    assert run("iptables-nft", "-S").stdout == before


def passes_ufw_in_front_of_its_log(lab):
    run("nft", "-f", "-", text="""
table ip filter {
  chain ufw-before-forward { ip daddr 198.51.100.0/24 drop; }
  chain ufw-after-logging-forward { counter log; }
  chain ufw-reject-forward { reject; }
  chain FORWARD {
    type filter hook forward priority 0; policy drop;
    counter jump ufw-before-forward
    counter jump ufw-after-logging-forward
    counter jump ufw-reject-forward
  }
}""")
    check_forwarding(lab)
    rules = lab.rules()
    assert rules.index("jump ufw-before-forward") < rules.index('iifname "strata0" counter') \
        < rules.index("jump ufw-after-logging-forward"), rules
    lab.detach("web")
    assert "comment" not in lab.rules()


def passes_firewalld(lab):
    run("nft", "-f", "-", text="""
table inet firewalld {
  chain filter_FORWARD_POLICIES { reject with icmpx admin-prohibited; }
  chain filter_FORWARD {
    type filter hook forward priority 10; policy accept;
    ct state established,related accept
    ct status dnat accept
    jump filter_FORWARD_POLICIES
    reject with icmpx admin-prohibited
  }
}""")
    check_forwarding(lab)
    lab.detach("web")
    assert "comment" not in lab.rules()


def leaves_accepting_firewalls_alone(lab):
    run("nft", "-f", "-", text="""
table inet filter {
  chain forward {
    type filter hook forward priority 0; policy accept;
    ip daddr 192.0.2.0/24 counter drop
    jump more
  }
  chain more { counter; }
}""")
    check_forwarding(lab)
    assert "comment" not in lab.rules()


def says_what_to_do_with_iptables_legacy(lab):
    works = shutil.which("iptables-legacy") is not None
    if not works or run("iptables-legacy", "-P", "FORWARD", "DROP", ok=False).returncode != 0:
        print("SKIPPED: says_what_to_do_with_iptables_legacy: iptables-legacy does not work here")
        return
    web = lab.attach("web", "8080:80")
    assert "iptables-legacy -A FORWARD -i strata0 -j ACCEPT" in web.notes, web.notes
    for command in web.notes.split("`")[1].split(";"):
        run(*command.split())
    lab.detach("web")
    web = check_forwarding(lab)
    assert "iptables-legacy" not in web.notes, web.notes


def survives_a_flushed_ruleset_and_a_lost_folder(lab):
    web = lab.attach("web", "8080:80")
    web.serve(TCP, 80, "web")
    run("nft", "flush", "ruleset")
    other = lab.attach("other", "8081:80")
    other.serve(TCP, 80, "other")
    assert ask(TCP, "127.0.0.1", 8080).startswith("web ")
    assert ask(TCP, "127.0.0.1", 8081).startswith("other ")
    run("nft", "delete", "rule", "ip", "strata0", "forward", "handle",
        [line.split()[-1] for line in run("nft", "-a", "list", "chain", "ip", "strata0", "forward").stdout.splitlines()
         if "drop" in line][0])
    third = lab.attach("third")
    assert "drop" in run("nft", "list", "chain", "ip", "strata0", "forward").stdout
    # Detaching without a table is no failure.
    run("nft", "flush", "ruleset")
    lab.detach("web")
    lab.detach("other")
    lab.detach("third")
    del third
    lab.check_empty()
    # A lost folder: the table's elements are nobody's.
    web = lab.attach("web", "8080:80")
    run("rm", "-r", lab.folder)
    lab.instances.pop("web")
    again = lab.attach("again", "8080:80")
    again.serve(TCP, 80, "again")
    assert ask(TCP, "127.0.0.1", 8080).startswith("again ")
    web.stop()


def new_mapping_of_a_udp_port_works_at_once(lab):
    a = lab.attach("a", "5353:53/udp")
    a.serve(UDP, 53, "a")
    client = lambda: lab.outside.ask(UDP, HOST_OUTSIDE, 5353, timeout=1, source_port=4444)  # noqa: E731
    assert client() == f"a {OUTSIDE}", client()
    lab.detach("a")
    b = lab.attach("b", "5353:53/udp")
    b.serve(UDP, 53, "b")
    assert client() == f"b {OUTSIDE}", client()
    lab.detach("b")
    # A flow that began before there was a mapping.
    assert client().startswith("-")
    c = lab.attach("c", "5353:53/udp")
    c.serve(UDP, 53, "c")
    assert client() == f"c {OUTSIDE}", client()


def chooses_a_pool_that_is_free(lab):
    run("ip", "route", "add", "172.16.0.0/13", "dev", "up0")
    run("ip", "addr", "add", "172.25.3.4/16", "dev", "up0")
    web = lab.attach("web")
    assert web.address == "172.24.0.2", web.address
    lab.detach("web")
    web = lab.attach("web", options=("--subnet", "10.9.8.0/28"))
    assert web.address.startswith("10.9.8."), web.address
    said = lab.attach("other", options=("--subnet", "10.9.9.0/28"), ok=False)
    assert "remove them before" in said.stderr, said.stderr
    names = [f"n{i}" for i in range(12)]
    for name in names:
        lab.attach(name)
    said = lab.attach("full", ok=False)
    assert "no free address" in said.stderr, said.stderr
    lab.detach("n3")
    lab.attach("n3")
    said = lab.tool("remove", ok=False)
    assert "has instances" in said.stderr
    for name in ["web"] + names:
        lab.detach(name)
    lab.tool("remove")
    assert "strata" not in lab.rules() + run("ip", "-br", "link").stdout


def works_for_many_at_the_same_time(lab):
    from net_lab import Namespace  # pylint: disable=import-outside-toplevel
    spaces = [Namespace() for _ in range(24)]
    started = [subprocess.Popen([TOOL, lab.folder, "attach", f"i{n}", space.path, "-p", f"{9000 + n}:80"],
                                stdout=subprocess.PIPE, text=True) for n, space in enumerate(spaces)]
    addresses = {p.communicate()[0].split()[1] for p in started}
    assert len(addresses) == 24 and not any(p.returncode for p in started)
    assert len(lab.tool("list").stdout.splitlines()) == 24
    started = [subprocess.Popen([TOOL, lab.folder, "detach", f"i{n}"]) for n in range(24)]
    assert not any(p.wait() for p in started)
    lab.check_empty()
    for space in spaces:
        space.stop()


def killed_commands_leave_nothing_that_collect_does_not_clean(lab):
    from net_lab import Namespace  # pylint: disable=import-outside-toplevel
    run("nft", "-f", "-", text="table inet filter { chain forward { type filter hook forward priority 0; "
                               "policy drop; }\n}")
    keeper = lab.attach("keeper", "7000:70", "7001:71/udp")
    keeper.serve(TCP, 70, "keeper")
    rounds = 60 if SHORT else 300
    chance = random.Random(4711)
    space = Namespace()
    finished = 0
    start = time.monotonic()
    lab.attach("measure", "8000:80")
    worst = (time.monotonic() - start) * 1.2
    lab.detach("measure")
    for n in range(rounds):
        if n % 20 == 0:
            space.stop()
            space = Namespace()
        p = subprocess.Popen([TOOL, lab.folder, "attach", f"x{n}", space.path, "-p", "8000-8009:80", "-p", "81/udp"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0, worst))
        p.send_signal(signal.SIGKILL)
        finished += p.wait() == 0
        if chance.random() < 0.5:
            p = subprocess.Popen([TOOL, lab.folder, "detach", f"x{n}"], stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, worst))
            p.send_signal(signal.SIGKILL)
            p.wait()
        if chance.random() < 0.3:
            p = subprocess.Popen([TOOL, lab.folder, "collect", "keeper"], stdout=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, worst))
            p.send_signal(signal.SIGKILL)
            p.wait()
        lab.tool("collect", "keeper")
        links = [x for x in lab.leftovers() if x.startswith("strata-")]
        assert len(links) == 1, (n, links)
        assert lab.tool("list").stdout.split()[0] == "keeper"
        assert sorted(os.listdir(lab.folder + "/ports")) == ["tcp-7000", "udp-7001"], os.listdir(lab.folder + "/ports")
        assert os.listdir(lab.folder + "/addresses") == [keeper.address]
    space.stop()
    print(f"{finished} of {rounds} attempts were finished before they were killed")
    rules = lab.rules()
    assert rules.count("172.") - rules.count("172.18.0.0/16") == 2, rules
    assert ask(TCP, "127.0.0.1", 7000).startswith("keeper ")
    lab.instances.pop("keeper").stop()
    lab.tool("collect")
    lab.check_empty()
    assert "comment" not in lab.rules()


in_lab([
    published_ports_answer_from_everywhere,
    unpublished_and_loopback_ports_stay_inside,
    ranges_and_chosen_ports,
    conflicts_are_refused_and_leave_nothing,
    passes_a_dropping_nftables_firewall,
    passes_iptables_and_leaves_it_readable,
    passes_ufw_in_front_of_its_log,
    passes_firewalld,
    leaves_accepting_firewalls_alone,
    says_what_to_do_with_iptables_legacy,
    survives_a_flushed_ruleset_and_a_lost_folder,
    new_mapping_of_a_udp_port_works_at_once,
    chooses_a_pool_that_is_free,
    works_for_many_at_the_same_time,
    killed_commands_leave_nothing_that_collect_does_not_clean,
])
