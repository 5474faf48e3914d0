"""Our speaker against five routers, each from Debian's package: a row is a way to hold a session, a cell one router.

    frr, bird, gobgp, openbgpd, exabgp -- lan -- one daemon of ours for each row
                                           |
                                           +-- hop -- far -- the daemons that are more than a hop away

A daemon of ours has a session with every router, and every router with all of them; so all cells go through one
life together: Established, the VIPs arrive with their attributes, are withdrawn, come back; a ROUTE-REFRESH is
answered; the daemon stops with a Cease that the router reads; it comes back; it is killed. What counts is what the
router says. Each cell is a test, and the README's table is what they found.
"""
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import matrix_table  # noqa: E402
from harness import Anyvip, Bird, Exabgp, Frames, Frr, Gobgp, Neighbor, Openbgpd, Stage  # noqa: E402
from harness.neighbor import path  # noqa: E402
from harness.scene import Cell, attempt, expect, look  # noqa: E402

ROUTERS = {"FRR": (Frr, "frr"), "BIRD": (Bird, "bird2"), "GoBGP": (Gobgp, "gobgpd"), "OpenBGPD": (Openbgpd, "openbgpd"),
           "ExaBGP": (Exabgp, "exabgp")}
OURS, THEIRS = 65010, 65000
KEY = "between-us-and-the-routers"
STOPPED = "anyvip stops"        # the text of our Cease
# A text in a Cease (RFC 9003) is more than ExaBGP 4.2 can decode under Python 3: it complains, so it got it.
CEASE = {"ExaBGP": 'can not decode update message of type "3"'}

# A verdict needs `fall` probes of 200 ms, the rest is one message on a veth.
AT_ONCE = 3
# The slowest wait between two attempts of a router, and a busy machine.
UP = 20

WORKS, FAILED, NOT_YET = "works", "FAILED", "not yet"

# Cells that no test can hold, and why.
FACTS = {
    "route refresh": {"GoBGP": "never asks for one"},
    "IPv4 routes over an IPv6 next hop": {"OpenBGPD": "no RFC 8950"},
    "roles": {"GoBGP": "no RFC 9234", "ExaBGP": "no RFC 9234"},
    # One router to a link, which is another scene: its routers are held to more than a cell is.
    "unnumbered": {"FRR": "`unnumbered_test.py`", "BIRD": "`unnumbered_test.py`", "ExaBGP": "no link-local peers",
                   "GoBGP": "with radvd: `unnumbered_test.py`", "OpenBGPD": "IPv6, with radvd: `unnumbered_test.py`"},
    # One of the two dies in each of its tests.
    "graceful restart": {"FRR": "`graceful_restart_test.py`", "BIRD": "`graceful_restart_test.py`",
                         "GoBGP": "does not look at F; `graceful_restart_test.py`", "ExaBGP": "keeps no routes"},
    **{row: {"GoBGP": "no BFD", "OpenBGPD": "no BFD", "ExaBGP": "no BFD"}
       for row in ("BFD", "BFD over IPv6", "BFD over two hops", "our listen range, with BFD")},
    # Debian's build signs what it sends, and looks for no signature on what connects to it.
    "TCP-MD5, we connect": {"OpenBGPD": "signs only where it connects"},
}

# Rows that we have no way to hold yet.
LATER = ("unnumbered", "graceful restart")


class Speaker:
    """One of our daemons, as one row has it: what both ends of each of its sessions are told."""

    def __init__(self, row, number, peer="", router=None, over_ipv6=False, asn=OURS, far=False, announces=True,
                 negotiated="", range=""):
        self.row, self.number, self.over_ipv6, self.asn = row, number, over_ipv6, asn
        self.peer_lines, self.router_words, self.far, self.announces = peer, router or {}, far, announces
        self.negotiated = negotiated        # a word of our status that the row is about
        self.range = range                  # that the routers connect from, without being known one by one
        self.daemon = self.health = None

    @property
    def name(self):
        return f"lb{self.number}"

    @property
    def addresses(self):
        return (f"10.9.0.{self.number}", f"2001:db8:9::{self.number}") if self.far else \
            (f"10.0.0.{self.number}", f"2001:db8::{self.number}")

    @property
    def prefixes(self):
        return f"203.0.113.{self.number}/32", f"2001:db8:f::{self.number}/128"

    def neighbor(self, router_number):
        """Our daemon as this router is told about it."""
        words = dict(self.router_words)
        if PASSIVE not in self.peer_lines and not self.range and list(ROUTERS)[router_number - 1] == "OpenBGPD":
            # A connection of its own that is refused while it accepts ours makes version 7.7 send its OPEN twice.
            words["passive"] = True
        return Neighbor(self.name, self.addresses[self.over_ipv6], self.asn, *router_addresses(router_number), **words)

    @property
    def next_hop_lines(self):
        if self.router_words.get("extended_next_hop"):
            return ""
        return f'next_hop = "{self.addresses[0]}"\nnext_hop6 = "{self.addresses[1]}"'

    @property
    def next_hops(self):
        """Of the VIPs: our end of a session is the next hop of what has no other (RFC 8950 for IPv4)."""
        return (self.addresses[1], self.addresses[1]) if self.router_words.get("extended_next_hop") else self.addresses

    def expected(self):
        """What each router must see of both VIPs: {prefix: path}."""
        external = self.asn != THEIRS
        source = self.addresses[self.over_ipv6]
        return {
            self.prefixes[0]: path(source, self.next_hops[0], [self.asn, self.asn] if external else [], "IGP", 50,
                                   None if external else 150, ["65010:100", "65010:200"], ["65010:1:2"]),
            self.prefixes[1]: path(source, self.next_hops[1], [self.asn] if external else [], "IGP", 60,
                                   None if external else 100, ["65010:100"]),
        }

    def configuration(self, key_file):
        text = f"""
[node]
name = "{self.name}"
propagation_wait = "100ms"

[bgp]
asn = {self.asn}
router_id = "10.0.0.{self.number}"
"""
        if self.range:
            text += self.peer_text(RANGE, f'range = "{self.range}"', key_file)
        else:
            for number, name in enumerate(ROUTERS, 1):
                whom = f'address = "{router_addresses(number)[self.over_ipv6]}"\nconnect_retry = "500ms"'
                text += self.peer_text(name, whom, key_file)
        if not self.announces:
            return text
        return text + f"""
[[check]]
name = "service"
script = ["/usr/bin/test", "-e", "{self.health}"]
interval = "200ms"
timeout = "200ms"
rise = 1
fall = 2

[[vip]]
name = "www"
address = "{self.prefixes[0].split('/', maxsplit=1)[0]}"
announce = "bgp"
track = ["service"]
bgp = {{ communities = ["65010:100", "65010:200"], large_communities = ["65010:1:2"], med = 50, prepend = {
    int(self.asn != THEIRS)}, local_pref = 150 }}

[[vip]]
name = "www6"
address = "{self.prefixes[1].split('/', maxsplit=1)[0]}"
announce = "bgp"
track = ["service"]
bgp = {{ communities = ["65010:100"], med = 60 }}
"""

    def peer_text(self, name, whom, key_file):
        return f"""
[[bgp.peer]]
name = "{name}"
{whom}
asn = {THEIRS}
hold_time = "9s"
idle_hold = "100ms"
{self.next_hop_lines}
{self.peer_lines.format(key_file=key_file)}
"""

    def start(self, node):
        self.health = node.folder / "healthy"
        self.health.touch()
        key_file = node.file("key", "", 0o600)
        key_file.write_text(KEY + "\n")
        self.daemon = Anyvip(node, self.configuration(key_file))

    def peer(self, name):
        if self.range:
            name = f"{RANGE}/{router_addresses(list(ROUTERS).index(name) + 1)[self.over_ipv6]}"
        return next(peer for peer in self.daemon.status()["peers"] if peer["name"] == name)


def possible(row):
    """The routers that can hold this row."""
    return [name for name in ROUTERS if name not in FACTS.get(row, {})]


def router_addresses(number):
    return f"10.0.0.{number}", f"2001:db8::{number}"


RANGE = "routers"
KEYED, PASSIVE = 'password_file = "{key_file}"', "\npassive = true"
SPEAKERS = [
    Speaker("IPv4 session, both families", 11),
    Speaker("IPv6 session, both families", 12, over_ipv6=True),
    Speaker("internal session", 13, asn=THEIRS),
    Speaker("TCP-MD5, we connect", 14, KEYED, {"key": KEY}),
    Speaker("TCP-MD5 over IPv6, the peer connects", 15, KEYED + PASSIVE, {"key": KEY}, over_ipv6=True),
    Speaker("GTSM", 16, "ttl_security = 1" + PASSIVE, {"ttl_security": True}),
    Speaker("multihop", 17, "multihop = 2", {"hops": 2}, far=True),
    Speaker("GTSM over two hops", 18, "ttl_security = 2" + PASSIVE, {"ttl_security": True, "hops": 2}, far=True),
    Speaker("IPv4 routes over an IPv6 next hop", 31, "extended_next_hop = true", {"extended_next_hop": True},
            over_ipv6=True, negotiated="extended-next-hop"),
    Speaker("ADD-PATH, both ways", 32, 'add_path = "both"', {"add_path": True},
            negotiated="add-path-send=ipv4+ipv6 add-path-receive=ipv4+ipv6"),
    Speaker("roles", 33, 'role = "peer"', {"role": "peer"}, negotiated="role"),
    Speaker("BFD", 41, "bfd = {{}}", {"bfd": True}),
    Speaker("BFD over IPv6", 42, "bfd = {{}}", {"bfd": True}, over_ipv6=True),
    Speaker("BFD over two hops", 43, "multihop = 2\nbfd = {{}}", {"hops": 2, "bfd": True}, far=True),
    Speaker("our listen range, with a key", 51, KEYED, {"key": KEY}, range="10.0.0.0/29"),
    Speaker("our listen range, with BFD", 53, "bfd = {{}}", {"bfd": True}, range="10.0.0.0/29"),
    Speaker("our listen range over IPv6", 52, range="2001:db8::/125", over_ipv6=True),
    Speaker("peer's listen range", 65, "", {"dynamic": "10.0.0.64/27", "passive": True, "families": ("ipv4",)}),
]
# What must never come up, each beside the row that would without its one mistake.
NEVER = [
    Speaker("TCP-MD5, we connect", 21, KEYED, {"key": "another"}, announces=False),
    Speaker("TCP-MD5, we connect", 22, KEYED, announces=False),
    Speaker("TCP-MD5, we connect", 23, "", {"key": KEY}, announces=False),
    Speaker("GTSM", 24, "ttl_security = 1" + PASSIVE, {"ttl_security": True}, far=True, announces=False),
    Speaker("roles", 25, 'role = "customer"', {"role": "customer"}, announces=False),
]
# Sessions that come up rightly: OpenBGPD lets us in without a key, and who knows no roles minds none.
HARMLESS = {(23, "OpenBGPD"), (25, "GoBGP"), (25, "ExaBGP")}
REFRESH, FAREWELL = "route refresh", "the router's Cease, with its text"
GONE = "new line card"          # the text
WITHOUT_TEXT = ("ExaBGP",)      # its operator can give the number only, and it adds what that means


class Sessions:
    """The scene: made and played once, told by the tests below."""

    def __init__(self, stage):
        self.stage = stage
        self.lan = stage.segment("lan")
        self.routers = {}
        self.make_hop()
        for number, (name, (kind, _)) in enumerate(ROUTERS.items(), 1):
            self.make_router(number, name, kind)
        self.cells = [self.cell(speaker, name) for speaker in SPEAKERS for name in possible(speaker.row)]
        self.never = [self.cell(speaker, name) for speaker in NEVER for name in ROUTERS
                      if (speaker.number, name) not in HARMLESS]
        # Where the router connects: ExaBGP can lose sight of a connection that it takes while it says its Cease.
        speaker = next(speaker for speaker in SPEAKERS if "the peer connects" in speaker.row)
        self.farewells = [self.cell(speaker, name, FAREWELL) for name in possible(FAREWELL)]
        self.refreshes = [self.cell(SPEAKERS[0], name, REFRESH) for name in possible(REFRESH)]
        self.frames = {}
        for speaker in SPEAKERS + NEVER:
            self.make_speaker(speaker)

    def make_hop(self):
        hop = self.stage.host("hop", self.lan, "10.0.0.254/24", "2001:db8::254/64")
        self.far = self.stage.segment("far")
        self.far.join(hop, "eth1", ["10.9.0.254/24", "2001:db8:9::254/64"])
        hop.sysctl("net.ipv4.ip_forward", 1)
        hop.sysctl("net.ipv6.conf.all.forwarding", 1)

    def make_router(self, number, name, kind):
        own, own6 = router_addresses(number)
        node = self.stage.host(name.lower(), self.lan, f"{own}/24", f"{own6}/64")
        node.run("ip route add 10.9.0.0/24 via 10.0.0.254")
        node.run("ip -6 route add 2001:db8:9::/64 via 2001:db8::254")
        neighbors = [speaker.neighbor(number) for speaker in SPEAKERS if name in possible(speaker.row)]
        neighbors += [speaker.neighbor(number) for speaker in NEVER]
        # FRR's BFD is a daemon of its own.
        more = {"bfd": True} if kind is Frr and any(neighbor.bfd for neighbor in neighbors) else {}
        router = kind(node, kind.configuration(THEIRS, own, neighbors), **more)
        router.name = name
        router.announce(f"198.51.100.{number}/32", own)
        router.announce(f"2001:db8:a::{number}/128", own6)
        self.routers[name] = router

    def make_speaker(self, speaker):
        segment = self.far if speaker.far else self.lan
        own, own6 = speaker.addresses
        node = self.stage.host(speaker.name, segment, f"{own}/24", f"{own6}/64")
        if speaker.far:
            node.run("ip route add 10.0.0.0/24 via 10.9.0.254")
            node.run("ip -6 route add 2001:db8::/64 via 2001:db8:9::254")
        if speaker in SPEAKERS:
            self.frames[speaker.name] = Frames(node, "eth0", "tcp port 179")
        speaker.start(node)

    def cell(self, speaker, name, row=None):
        return Cell(row or speaker.row, self.routers[name], speaker, speaker.neighbor(list(ROUTERS).index(name) + 1))

    def play(self):
        expect(self.cells, "the session is Established", lambda cell: cell.established, UP)
        self.announced("the VIPs arrive with their attributes", UP)
        expect(self.cells, "our status says what the row is about",
               lambda cell: cell.speaker.negotiated in (cell.status()["negotiated"] or ""), AT_ONCE)
        expect(self.cells, "the router's route is counted", lambda cell: cell.status()["counters"]["updates_in"] > 0, AT_ONCE)
        self.refresh()
        self.farewell()
        for speaker in SPEAKERS:
            speaker.health.unlink()
        self.gone("a failed check withdraws")
        for speaker in SPEAKERS:
            speaker.health.touch()
        self.announced("a good check announces again", AT_ONCE)
        self.cut()
        for speaker in SPEAKERS:
            speaker.daemon.stop()
        self.gone("a stopped daemon withdraws")
        expect(self.cells, "the router has read our Cease", self.read_cease, AT_ONCE)
        attempt(self.cells, lambda cell: cell.router.hurry(cell.neighbor))
        for speaker in SPEAKERS:
            speaker.daemon.start()
        self.announced("a daemon that starts again announces", UP)
        for speaker in SPEAKERS:
            speaker.daemon.kill()
        self.gone("a killed daemon leaves no route")
        self.never_up()
        self.decoded()

    def announced(self, what, deadline):
        expect(self.cells, what, self.as_expected, deadline)

    @staticmethod
    def as_expected(cell):
        for prefix, expected in cell.speaker.expected().items():
            if prefix in carried(cell):
                seen = cell.path(prefix)
                # A router may give an external route a LOCAL_PREF of its own.
                if seen and expected["local_pref"] is None:
                    seen = seen | {"local_pref": None}
                if seen != expected:
                    raise AssertionError(f"{prefix} is {seen} instead of {expected}")
        return True

    def gone(self, what):
        expect(self.cells, what, lambda cell: not any(cell.path(prefix) for prefix in carried(cell)), AT_ONCE)

    def refresh(self):
        """We say everything again, and the router knows the same as before."""
        before = {}

        def ask(cell):
            before[cell.router.name] = cell.status()["counters"]["updates_out"]
            cell.router.ask_refresh(cell.neighbor)

        attempt(self.refreshes, ask)
        expect(self.refreshes, "a ROUTE-REFRESH is answered with all routes",
               lambda cell: cell.status()["counters"]["updates_out"] >= before[cell.router.name] + 2 and self.as_expected(cell),
               AT_ONCE)

    def cut(self):
        """The way is cut without a word: BFD notices where the hold time, of nine seconds, would not yet."""
        watched = [cell for cell in self.cells if cell.neighbor.bfd]
        expect(watched, "BFD is up at both ends, over as many hops as there are",
               lambda cell: cell.router.bfd_up(cell.neighbor) and bfd_of(cell) ==
               ("Up", "multihop" if cell.neighbor.hops > 1 else "single_hop"), AT_ONCE)
        self.isolate(watched, True)
        # Three intervals of 300 ms, and as much again for two busy machines in one.
        expect(watched, "BFD takes the routes away", lambda cell: not any(cell.path(prefix) for prefix in carried(cell)), 2)
        expect(watched, "we have noticed as well", lambda cell: cell.status()["state"] != "Established", 2)
        self.isolate(watched, False)
        expect(watched, "the session comes back with the VIPs", self.as_expected, UP)

    def isolate(self, cells, isolated):
        for speaker in {cell.speaker.name: cell.speaker for cell in cells}.values():
            (self.far if speaker.far else self.lan).isolate(speaker.daemon.node, isolated)

    def farewell(self):
        """The router's operator ends the session and says why: so do we in our status. Then it goes on."""
        attempt(self.farewells, lambda cell: cell.router.shut(cell.neighbor, GONE))

        def told(cell):
            text = "Administrative Shutdown" if cell.router.name in WITHOUT_TEXT else GONE
            seen = (cell.status()["last_received"] or {}).get("text", "")
            if seen != f'Cease / Administrative Shutdown "{text}"':
                raise AssertionError(f"we say: {seen}")
            return True

        expect(self.farewells, "we tell the router's last words", told, AT_ONCE)
        for cell in self.farewells:
            cell.router.open(cell.neighbor)
        expect(self.farewells, "the session comes back with the VIPs", self.as_expected, UP)

    @staticmethod
    def read_cease(cell):
        words = cell.router.last_words(cell.neighbor)
        if CEASE.get(cell.router.name, STOPPED) not in words:
            raise AssertionError(f"it reads: {words}")
        return True

    def never_up(self):
        look(self.never)
        for cell in self.never:
            status = cell.status()
            if cell.established or status["counters"]["sessions"] or not status["started"]:
                cell.error = f"{cell.speaker.name} should not have a session: {status}"

    def decoded(self):
        """Wireshark finds nothing wrong with what we sent."""
        for speaker in SPEAKERS:
            capture = self.frames[speaker.name]
            ours = f"bgp && (ip.src == {speaker.addresses[0]} || ipv6.src == {speaker.addresses[1]})"
            types = {kind for kinds, in capture.decoded("bgp.type", display=ours) for kind in kinds.split(",")}
            wrong = capture.complaints(ours)
            error = f"Wireshark minds {wrong}" if wrong else "" if {"1", "2", "3", "4"} <= types else f"only types {types}"
            for cell in self.cells:
                if cell.speaker is speaker:
                    cell.error = cell.error or error

    def errors(self, row, name):
        return [cell.error for cell in self.cells + self.never + self.refreshes + self.farewells
                if (cell.row, cell.router.name) == (row, name) and cell.error]


def bfd_of(cell):
    session = cell.status()["bfd"]
    return session["state"], session["hops"]


def carried(cell):
    """The prefixes that the session carries."""
    return [prefix for prefix, name in zip(cell.speaker.prefixes, ("ipv4", "ipv6")) if name in cell.neighbor.families]


class Matrix(unittest.TestCase):
    """One test for each cell; what it finds goes into the table."""

    rows = list(dict.fromkeys([speaker.row for speaker in SPEAKERS])) + [REFRESH, FAREWELL]
    found = {}

    @classmethod
    def setUpClass(cls):
        stage = Stage()
        try:
            cls.scene = Sessions(stage)
            cls.scene.play()
            failed = any(cls.scene.errors(row, name) for row in cls.rows for name in ROUTERS)
        except BaseException:
            stage.close(True, cls.__name__)
            raise
        stage.close(failed, cls.__name__)

    def hold(self, row, name):
        self.found[row, name] = FAILED
        self.assertEqual(self.scene.errors(row, name), [])
        self.found[row, name] = FACTS.get(row, {}).get(name, WORKS)


def add_tests():
    for row in Matrix.rows:
        # Where there can be no session, what must never come up is tested still.
        refused = {name for speaker in NEVER for name in ROUTERS
                   if speaker.row == row and (speaker.number, name) not in HARMLESS}
        for name in ROUTERS:
            if name in possible(row) or name in refused:
                word = "".join(letter if letter.isalnum() else "_" for letter in f"{row}_{name}".replace("'", ""))
                setattr(Matrix, f"test_{word}", lambda self, row=row, name=name: self.hold(row, name))


add_tests()


class Table(unittest.TestCase):
    """After all cells: see load_tests."""

    def test_the_readme_says_what_this_run_has_found(self):
        cells = {row: {name: Matrix.found.get((row, name)) or FACTS.get(row, {}).get(name, "not run") for name in ROUTERS}
                 for row in Matrix.rows}
        cells |= {row: {name: FACTS.get(row, {}).get(name, NOT_YET) for name in ROUTERS} for row in LATER}
        results = {"routers": {name: version(package) for name, (_, package) in ROUTERS.items()}, "cells": cells}
        matrix_table.RESULTS.parent.mkdir(parents=True, exist_ok=True)
        matrix_table.RESULTS.write_text(json.dumps(results, indent=1), encoding="utf-8")
        _, block, _ = matrix_table.split(matrix_table.README.read_text(encoding="utf-8"))
        self.assertEqual(block, matrix_table.table(results), "tests/matrix_table.py writes what was found into README.md")


def version(package):
    text = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=True)
    return text.stdout.split("-")[0]


def load_tests(loader, tests, pattern):
    """The table is compared when everything else has been found."""
    return unittest.TestSuite([loader.loadTestsFromTestCase(Matrix), loader.loadTestsFromTestCase(Table)])


if __name__ == "__main__":
    unittest.main()
