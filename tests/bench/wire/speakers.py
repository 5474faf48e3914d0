"""Our daemon, its peers as Debian packages them, and the floor. Each waits for the routers or connects to them,
announces its VIPs as static routes, and has the quickest way to a verdict that its users have."""
import functools
import json
import os
import re
import socket
import subprocess

from harness import Anyvip, binary, wait_for

from .lab import ROOT, program
from .speaker import OUR_AS, ROUTERS_AS, SPEAKER, Speaker, by_command, listed


class Bare(Speaker):
    """The floor: the octets are ready, and one loop of send() gives them to the routers."""
    name = "bare"
    verdict = "the answer to its HTTP request"
    remark = "no BGP speaker: a loop of send() over UPDATEs that are made before the session is"

    @classmethod
    def version(cls):
        return ""

    def start(self):
        self.launch("bare", [program("bare"), SPEAKER, len(self.task.neighbors), len(self.task.vips),
                             *self.task.check, self.task.check_interval])

    def loaded(self):
        return f"{SPEAKER}:179" in self.node.run("ss --no-header --listening --numeric --tcp")

    def change_one(self, sink, up):
        return answer(sink, "/one", up)

    def change_all(self, sink, up):
        return answer(sink, "/all", up)


def answer(sink, path, up):
    """The HTTP server's next answer is another; the cause is the moment before it leaves."""
    sink.tell(f"answer {path} {200 if up else 503}")
    return sink.wait("answered", 10)["time"]


class Anyvipd(Speaker):
    """Every VIP but the first is up while /all is; the first while /one is."""
    name = "anyvipd"
    has_bfd = True
    verdict = "the answer to its HTTP check"
    remark = "it alone has its VIPs in the kernel, an address each"

    def __init__(self, node, task):
        super().__init__(node, task)
        self.daemon = Anyvip(node, self.configuration(), start=False)

    @classmethod
    def version(cls):
        said = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True).stdout
        return said.strip()

    def configuration(self):
        task = self.task
        blocks = [f"""[node]
name = "bench"
propagation_wait = "0s"

[bgp]
asn = {OUR_AS}
router_id = "{SPEAKER}"
graceful_shutdown = "0s"
"""]
        bfd = f'bfd = {{ interval = "{task.bfd[0]}ms", multiplier = {task.bfd[1]} }}' if task.bfd else ""
        blocks.append(listed(f"""
[[bgp.peer]]
name = "router-NUMBER"
address = "NEIGHBOR"
asn = {ROUTERS_AS}
passive = {"false" if task.connects else "true"}
hold_time = "{task.hold_time}s"
connect_retry = "1s"
{bfd}
""", task.neighbors))
        for path in ("one", "all") if task.check else ():
            address, port = task.check
            blocks.append(f"""
[[check]]
name = "{path}"
http = {{ address = "{address}", port = {port}, path = "/{path}" }}
interval = "{task.check_interval}ms"
timeout = "{task.check_interval}ms"
rise = 1
fall = 1
""")
        for number, address in enumerate(task.vips):
            track = f'track = ["{"all" if number else "one"}"]' if task.check else ""
            blocks.append(f'\n[[vip]]\nname = "vip-{number}"\naddress = "{address}"\nannounce = "bgp"\n{track}\n')
        return "".join(blocks)

    def start(self):
        self.daemon.process = self.launch("anyvipd", [
            binary("anyvipd"), "--config", self.daemon.config, "--socket", self.daemon.socket, "--state-dir",
            self.node.folder / "state"])

    def loaded(self):
        vips = self.daemon.status()["vips"] if self.daemon.answers() else []
        return len(vips) == len(self.task.vips) and all(vip["announced"] for vip in vips)

    def change_one(self, sink, up):
        return answer(sink, "/one", up)

    def change_all(self, sink, up):
        return answer(sink, "/all", up)


class Bird(Speaker):
    """Two protocols of static routes, so that one of them can be disabled."""
    name, package = "bird", "bird2"
    has_bfd = True
    verdict = "`disable`, straight into its control socket"
    connection = None

    def start(self):
        task = self.task
        routes = {"one_vip": task.vips[:1], "others": task.vips[1:]}
        text = f"log stderr {{ warning, error, fatal }};\nrouter id {SPEAKER};\nprotocol device {{ }}\n"
        for name, vips in routes.items():
            lines = "".join(f" route {vip}/32 blackhole;\n" for vip in vips)
            text += f"protocol static {name} {{\n ipv4;\n{lines}}}\n"
        if task.bfd:
            pace = f"min rx interval {task.bfd[0]} ms; min tx interval {task.bfd[0]} ms; multiplier {task.bfd[1]};"
            text += f'protocol bfd {{ interface "*" {{ {pace} }}; }}\n'
        text += listed(f"""protocol bgp routerNUMBER {{
 local {SPEAKER} as {OUR_AS}; neighbor NEIGHBOR as {ROUTERS_AS};
 {"" if task.connects else "passive on;"}
 connect delay time 1; connect retry time 1; error wait time 1, 1; hold time {task.hold_time};
 {"" if task.graceful_restart else "graceful restart off;"}
 {"bfd on;" if task.bfd else ""}
 ipv4 {{ import all; export where source = RTS_STATIC; next hop self; }};
}}
""", task.neighbors)
        self.socket = self.node.folder / "bird.ctl"
        self.launch("bird", ["bird", "-f", "-c", self.node.file("bird.conf", text), "-s", self.socket])

    def ask(self, command):
        """birdc's conversation without birdc: a reply ends with a line whose number a space follows."""
        if not self.connection:
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.connect(str(self.socket))
            self.connection, self.lines = connection, connection.makefile("r")
            self.lines.readline()
        self.connection.sendall(command.encode() + b"\n")
        text = ""
        while not re.match(r"\d{4} ", line := self.lines.readline()):
            if not line:
                raise OSError("BIRD has closed its control socket")
            text += line
        return text + line

    def loaded(self):
        return f" {len(self.task.vips)} of {len(self.task.vips)} routes" in self.ask("show route count")

    def change_one(self, sink, up):
        return by_command(self.ask, f"{'enable' if up else 'disable'} one_vip")

    def change_all(self, sink, up):
        return by_command(self.ask, f"{'enable' if up else 'disable'} others")


class Frr(Speaker):
    """zebra and bgpd, one `network` a VIP."""
    name, package = "frr", "frr"
    has_bfd = True
    verdict = "vtysh: `no network`"
    remark = "all are withdrawn by a prefix list"
    extra = ("",)

    def start(self):
        task, folder = self.task, "/run/frr"
        self.node.run(f"mkdir -p {folder}")
        self.node.run(f"chown frr:frr {folder}")
        words = [f"remote-as {ROUTERS_AS}", f"timers {max(task.hold_time // 3, 1)} {task.hold_time}", "timers connect 1"]
        words += [] if task.connects else ["passive"]
        words += ["bfd", "bfd profile fast"] if task.bfd else []
        lines = ["ip prefix-list first permit " + task.vips[0] + "/32", f"router bgp {OUR_AS}",
                 f" bgp router-id {SPEAKER}", " no bgp ebgp-requires-policy", " no bgp network import-check"]
        lines += [] if task.graceful_restart else [" bgp graceful-restart-disable"]
        lines += [f" neighbor {neighbor} {word}" for neighbor in task.neighbors for word in words]
        lines += [listed(" " + line, task.neighbors) for line in self.extra]
        lines += [" address-family ipv4 unicast", *(f"  network {vip}/32" for vip in task.vips), " exit-address-family"]
        common = ["-A", "127.0.0.1", "-P", "0", "-z", f"{folder}/zserv.api", "--vty_socket", folder]
        self.launch("zebra", ["/usr/lib/frr/zebra", *common, "-f", self.node.file("zebra.conf", ""), "-i",
                              f"{folder}/zebra.pid"])
        wait_for(lambda: self.node.succeeds(f"test -S {folder}/zserv.api"), 10, "zebra listens")
        if task.bfd:
            pace = f" detect-multiplier {task.bfd[1]}\n receive-interval {task.bfd[0]}\n transmit-interval {task.bfd[0]}\n"
            self.launch("bfdd", ["/usr/lib/frr/bfdd", *common, "--bfdctl", f"{folder}/bfdd.sock", "-i",
                                 f"{folder}/bfdd.pid", "-f", self.node.file("bfdd.conf", f"bfd\n profile fast\n {pace}")])
        self.launch("bgpd", ["/usr/lib/frr/bgpd", *common, "-f", self.node.file("bgpd.conf", "\n".join(lines) + "\n"), "-i",
                             f"{folder}/bgpd.pid"])

    def vtysh(self, *commands):
        words = [word for command in commands for word in ("-c", command)]
        return self.node.run(["vtysh", "--vty_socket", "/run/frr", *words], timeout=300)

    def loaded(self):
        found = re.search(r"Total Prefixes\s*:\s*(\d+)", self.vtysh("show bgp ipv4 unicast statistics"))
        return found and int(found[1]) == len(self.task.vips)

    def change_one(self, sink, up):
        return self.change(f"{'' if up else 'no '}network {self.task.vips[0]}/32")

    def change_all(self, sink, up):
        return self.change(*(f"{'no ' if up else ''}neighbor {neighbor} prefix-list first out"
                             for neighbor in self.task.neighbors))

    def change(self, *commands):
        return by_command(self.vtysh, "configure terminal", f"router bgp {OUR_AS}", "address-family ipv4 unicast", *commands)


class FrrTuned(Frr):
    """With the timers that a user of anycast turns down."""
    name = "frr-tuned"
    extra = ("neighbor NEIGHBOR advertisement-interval 0\n", "coalesce-time 0\n")

    @classmethod
    def version(cls):
        return Frr.version()


class Gobgp(Speaker):
    """Without a line for static routes: they come through its API, as its users' do."""
    name, package = "gobgp", "gobgpd"
    verdict = "gRPC: DeletePath"
    leaves = 0
    remark = "VIPs come through its API, after the start"

    def start(self):
        task = self.task
        restart = "true" if task.graceful_restart else "false"
        text = f'[global.config]\n as = {OUR_AS}\n router-id = "{SPEAKER}"\n' + listed(f"""[[neighbors]]
 [neighbors.config]
  neighbor-address = "NEIGHBOR"
  peer-as = {ROUTERS_AS}
 [neighbors.timers.config]
  hold-time = {task.hold_time}
  keepalive-interval = {max(task.hold_time // 3, 1)}
  connect-retry = 1
 [neighbors.transport.config]
  passive-mode = {"false" if task.connects else "true"}
  local-address = "{SPEAKER}"
 [neighbors.graceful-restart.config]
  enabled = {restart}
  restart-time = 20
 [[neighbors.afi-safis]]
  [neighbors.afi-safis.config]
   afi-safi-name = "ipv4-unicast"
  [neighbors.afi-safis.mp-graceful-restart.config]
   enabled = {restart}
""", task.neighbors)
        self.launch("gobgpd", ["gobgpd", "-f", self.node.file("gobgp.toml", text), "-l", "warn", "--pprof-disable"])
        wait_for(lambda: json.loads(self.node.run("gobgp -j global"))["asn"], 20, "gobgpd answers")
        self.add(task.vips)

    @functools.cached_property
    def api(self):
        from .gobgp_api import Api
        return Api(self.node, SPEAKER)

    def add(self, vips):
        self.api.add(vips)

    def loaded(self):
        return f"Destination: {len(self.task.vips)}," in self.node.run("gobgp global rib summary")

    def change_one(self, sink, up):
        return by_command(self.api.add if up else self.api.remove, self.task.vips[:1])

    def change_all(self, sink, up):
        if up:
            return by_command(self.api.add, self.task.vips)
        return by_command(self.node.run, "gobgp global rib del all -a ipv4")

    def pids(self):
        """Without the process that speaks to its API."""
        return super().pids() - ({self.api.process.pid} if "api" in self.__dict__ else set())


class Openbgpd(Speaker):
    """bgpd without the kernel's routes. What stands in its file bgpctl cannot take away: networks are given to it."""
    name, package = "openbgpd", "openbgpd"
    verdict = "`bgpctl network delete`"
    leaves = 0
    remark = "VIPs come through bgpctl, after the start"

    def start(self):
        task = self.task
        self.socket = self.node.folder / "bgpd.sock"
        text = f"""AS {OUR_AS}
router-id {SPEAKER}
fib-update no
socket "{self.socket}"
listen on {SPEAKER}
holdtime {task.hold_time}
connect-retry 2
""" + listed(f"""neighbor NEIGHBOR {{
 remote-as {ROUTERS_AS}
 local-address {SPEAKER}
 {"" if task.connects else "passive"}
 announce IPv4 unicast
 announce restart {"yes" if task.graceful_restart else "no"}
}}
""", task.neighbors) + "allow from any\nallow to any\n"
        self.node.run("mkdir -p /run/openbgpd")     # its privilege separation's empty folder
        self.launch("openbgpd", ["/usr/sbin/bgpd", "-d", "-f", self.node.file("bgpd.conf", text, 0o600)])
        wait_for(lambda: self.ctl("show", "summary"), 10, "OpenBGPD answers")
        self.networks("add", task.vips)

    def ctl(self, *words):
        return self.node.run(["bgpctl", "-s", self.socket, *words])

    def networks(self, verb, vips):
        if len(vips) == 1:
            return self.ctl("network", verb, f"{vips[0]}/32")
        file = self.node.file("networks", "".join(f"{vip}/32\n" for vip in vips))
        return self.node.run(["sh", "-c", f'exec bgpctl -s {self.socket} network bulk {verb} <"{file}"'], timeout=300)

    def loaded(self):
        found = re.search(r"(\d+) IPv4 unicast network entries", self.ctl("show", "rib", "memory"))
        return found and int(found[1]) >= len(self.task.vips)

    def change_one(self, sink, up):
        return by_command(self.networks, "add" if up else "delete", self.task.vips[:1])

    def change_all(self, sink, up):
        if up:
            return by_command(self.networks, "add", self.task.vips)
        return by_command(self.ctl, "network", "flush")


class Exabgp(Speaker):
    """With a process that tells it what to announce, which is how it is used."""
    name, package = "exabgp", "exabgp"
    verdict = "a line into its pipe"
    most = 100_000
    remark = "VIPs come through its pipe, after the start"

    ENVIRONMENT = {"exabgp.tcp.bind": SPEAKER, "exabgp.tcp.port": "179", "exabgp.daemon.user": "root",
                   "exabgp.daemon.drop": "false", "exabgp.log.level": "WARNING", "exabgp.log.destination": "stdout",
                   "exabgp.api.ack": "false", "exabgp.api.cli": "false", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}

    def start(self):
        task = self.task
        self.orders = self.node.folder / "orders"
        os.mkfifo(self.orders)
        first = self.node.file("first", "".join(lines("announce", task.vips)))
        # What it answers would fill a pipe that nobody reads.
        process = self.node.file("process", f'#!/bin/sh\ncat >/dev/null &\ncat "{first}"\nexec cat 0<>"{self.orders}"\n', 0o755)
        text = f"process vips {{ run {process}; encoder text; }}\n" + listed(f"""neighbor NEIGHBOR {{
 router-id {SPEAKER}; local-address {SPEAKER}; local-as {OUR_AS}; peer-as {ROUTERS_AS};
 hold-time {task.hold_time};
 {"" if task.connects else "passive;"}
 group-updates true;
 {"capability { graceful-restart 120; }" if task.graceful_restart else ""}
 family {{ ipv4 unicast; }}
 api {{ processes [ vips ]; }}
}}
""", task.neighbors)
        # A shell passes on no variable whose name has dots in it.
        self.launch("exabgp", ["env", *(f"{name}={value}" for name, value in self.ENVIRONMENT.items()), "/usr/bin/python3",
                               "/usr/sbin/exabgp", self.node.file("exabgp.conf", text)])
        self.calm, self.last = 0, -1.0

    def loaded(self):
        """It cannot be asked: it has read everything when it has stopped working."""
        used = self.cpu()
        self.calm = self.calm + 1 if used - self.last < 0.01 and used > 0.1 else 0
        self.last = used
        return self.calm >= 8

    def order(self, verb, vips):
        with open(self.orders, "w", encoding="ascii") as orders:
            orders.writelines(lines(verb, vips))

    def change_one(self, sink, up):
        return by_command(self.order, "announce" if up else "withdraw", self.task.vips[:1])

    def change_all(self, sink, up):
        return by_command(self.order, "announce" if up else "withdraw", self.task.vips[1:])


def lines(verb, vips):
    """A hundred to a line, which it is quickest with."""
    for at in range(0, len(vips), 100):
        yield f"{verb} attributes next-hop self nlri {' '.join(vip + '/32' for vip in vips[at:at + 100])}\n"


SPEAKERS = {speaker.name: speaker for speaker in (Bare, Anyvipd, Bird, Frr, FrrTuned, Gobgp, Openbgpd, Exabgp)}
