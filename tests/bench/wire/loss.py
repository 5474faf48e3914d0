"""The speaker, or its machine, dies: until the router's kernel has lost the route.

    killed    SIGKILL for all of its processes; the kernel closes the session
    dead      the segment no longer forwards what it sends: no FIN, no carrier lost, only the hold time of 3 s
    BFD       the same, and BFD over it

Graceful restart is off: with it a router rightly keeps the routes of who was killed. The cause is the moment before the
kill, or before the segment is told; the end is RTM_DELROUTE on a netlink socket of the router."""
import random
import socket
import struct
import time

from harness import Bird, Frr, wait_for

from . import measure
from .lab import SPEAKER, lab, router, vip
from .measure import milliseconds
from .speaker import OUR_AS, ROUTERS_AS, Task

SPEAKERS = ("anyvipd", "bird", "frr", "gobgp", "openbgpd", "exabgp")
RUNS = 3
OPTIONS = {"routers": "bird,frr", "ways": "killed,dead,bfd50,bfd10"}
COLUMNS = {"gone": "route gone after ms"}
HOLD_TIME = {"killed": 90, "dead": 3}
RTM_NEWROUTE, RTM_DELROUTE, RTMGRP_IPV4_ROUTE, RTA_DST = 24, 25, 0x40, 1


def cases(options):
    return {f"{NAMES.get(way, way)}, {name} as the router": {"way": way, "router_kind": name}
            for name in options["routers"].split(",") for way in options["ways"].split(",")}


NAMES = {"dead": "dead, hold time 3 s", "bfd50": "dead, BFD 50 ms x 3", "bfd10": "dead, BFD 10 ms x 3"}


class BirdRouter(Bird):
    def __init__(self, node, hold_time, bfd):
        pace = f"min rx interval {bfd[0]} ms; min tx interval {bfd[0]} ms; multiplier {bfd[1]};" if bfd else ""
        super().__init__(node, f"""log stderr all;
router id {router()};
protocol device {{ }}
protocol kernel {{ ipv4 {{ export all; import none; }}; }}
{f'protocol bfd {{ interface "*" {{ {pace} }}; }}' if bfd else ""}
protocol bgp speaker {{
 local {router()} as {ROUTERS_AS}; neighbor {SPEAKER} as {OUR_AS};
 connect delay time 1; connect retry time 1; error wait time 1, 1; hold time {hold_time};
 {"bfd on;" if bfd else ""}
 ipv4 {{ import all; export none; }};
}}
""")

    def session_of_bfd(self):
        return " Up " in self.birdc("show bfd sessions")


class FrrRouter(Frr):
    def __init__(self, node, hold_time, bfd):
        words = [f"remote-as {OUR_AS}", f"timers {max(hold_time // 3, 1)} {hold_time}", "timers connect 1"]
        words += ["bfd", "bfd profile pace"] if bfd else []
        lines = "".join(f" neighbor {SPEAKER} {word}\n" for word in words)
        super().__init__(node, f"router bgp {ROUTERS_AS}\n bgp router-id {router()}\n no bgp ebgp-requires-policy\n{lines}",
                         bfd=bool(bfd))
        if bfd:     # With a neighbour bgpd takes nothing below 50 ms; a profile of bfdd may have 10.
            self.configure("bfd", "profile pace", f"detect-multiplier {bfd[1]}", f"receive-interval {bfd[0]}",
                           f"transmit-interval {bfd[0]}")

    def session_of_bfd(self):
        return "Status: up" in self.vtysh("show bfd peers")


ROUTERS = {"bird": BirdRouter, "frr": FrrRouter}


class Routes:
    """What the kernel of a node says about one /32."""

    def __init__(self, node, address):
        self.wanted = socket.inet_aton(address)
        self.socket = node.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.socket.bind((0, RTMGRP_IPV4_ROUTE))

    def wait(self, kind, deadline):
        """The time when it comes or goes; None when it does not."""
        end = time.monotonic() + deadline
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                octets = self.socket.recv(1 << 16)
            except TimeoutError:
                break
            read = time.monotonic_ns()
            if kind in self.changes(octets):
                return read
        return None

    def changes(self, octets):
        """The types of the messages (struct nlmsghdr, struct rtmsg, attributes) that are about our /32."""
        while len(octets) >= 28:
            length, kind = struct.unpack_from("IH", octets)
            attributes = octets[28:length]
            while len(attributes) >= 8:
                size, name = struct.unpack_from("HH", attributes)
                if octets[17] == 32 and name == RTA_DST and attributes[4:8] == self.wanted:
                    yield kind
                attributes = attributes[size + 3 & ~3 or 4:]
            octets = octets[length + 3 & ~3:]

    def destroy(self):
        self.socket.close()


def measure_one(kind, way, router_kind):
    bfd = (int(way[3:]), 3) if way.startswith("bfd") else None
    if bfd and not kind.has_bfd:
        return "no BFD"
    hold_time = HOLD_TIME.get(way, 90)
    with lab(f"loss-{kind.name}") as here:
        node = here.stage.host("router", here.lan, f"{router()}/16")
        routes = here.stage.keep(Routes(node, vip(0)))
        speaker = kind(here.speaker, Task([router()], [vip(0)], hold_time=hold_time, bfd=bfd, graceful_restart=False))
        speaker.start()
        daemon = ROUTERS[router_kind](node, hold_time, bfd)
        if not routes.wait(RTM_NEWROUTE, 30):
            raise AssertionError("the route never came")
        if bfd:
            wait_for(daemon.session_of_bfd, 20, "BFD is up", 0.2)
        # Some way into an interval between two KEEPALIVEs, another each time; and nothing may have gone meanwhile.
        if routes.wait(RTM_DELROUTE, 2 + random.random() * (1 if way == "dead" else 0.3)):
            raise AssertionError("the route went too soon")
        cause = time.monotonic_ns()
        if way == "killed":
            speaker.kill()
        else:
            here.lan.isolate(here.speaker)
        gone = routes.wait(RTM_DELROUTE, hold_time + 10)
        return {"gone": None if gone is None else milliseconds(cause, gone)}


def render(rows):
    return measure.table(COLUMNS, rows, "anyvipd")
