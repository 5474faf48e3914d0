"""A peer that means harm, or is mad: the daemon goes on serving its other peers, in bounded memory (product rule 8).

    lb1 -- lan -- good (FRR)
            |
            +---- bad (raw sockets)

Each test lets `bad` do its worst and asks then, and meanwhile: is the session with `good` the one that it was, does a
withdrawal reach `good` in time, and what has the daemon grown by?
"""
import os
import pathlib
import random
import struct
import time
import unittest

from harness import Anyvip, Case, Frr, RawBgp, speaker, wait_for
from harness.raw_bgp import (EXTENDED_MESSAGE, KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE, attribute, message,
                             open_body, path, update_body)

VIP = "203.0.113.10"
GOOD, BAD, US = "10.0.0.1", "10.0.0.66", "10.0.0.11"
CONFIG = speaker("lb1", US).replace("[[bgp.peer]]", 'listen = ["0.0.0.0"]\n\n[[bgp.peer]]', 1) + f"""
[[bgp.peer]]
name = "bad"
address = "{BAD}"
asn = 65066
passive = true
idle_hold = "0s"

[[vip]]
name = "www"
address = "{VIP}"
announce = "bgp"
"""
MIB = 1 << 20
# What a peer may cost us, however much it sends. Sanitizers keep what was freed, up to their quarantine.
MOST_GROWTH = 16 * MIB
SANITIZER = {"ASAN_OPTIONS": "quarantine_size_mb=1:malloc_context_size=0:detect_leaks=0"}


class Hostile(Case):
    def setUp(self):
        super().setUp()
        lan = self.segment()
        good = self.host("good", lan, f"{GOOD}/24")
        self.bad = self.host("bad", lan, f"{BAD}/24", "10.0.0.67/24")
        self.frr = Frr(good, f"""
router bgp 65000
 bgp router-id {GOOD}
 no bgp ebgp-requires-policy
 neighbor {US} remote-as 65010
 neighbor {US} timers connect 1
""")
        os.environ.update(SANITIZER)
        self.daemon = Anyvip(self.host("lb1", lan, f"{US}/24"), CONFIG)
        wait_for(lambda: self.frr.has_route(f"{VIP}/32"), 20, "the good peer has the route")
        self.before = self.memory()

    def peer(self, name):
        (peer,) = [peer for peer in self.daemon.status()["peers"] if peer["name"] == name]
        return peer

    def memory(self):
        """Resident octets."""
        for line in pathlib.Path(f"/proc/{self.daemon.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("no VmRSS")

    def connect(self, source=BAD, deadline=5):
        """A connection that the daemon has taken: it has said OPEN."""
        def attempt():
            connection = RawBgp.connect(self.bad, source, US, deadline=deadline)
            if connection.receive(2) is None:
                connection.close()
                return None
            self.addCleanup(connection.close)
            return connection
        return wait_for(attempt, 20, "the daemon takes a connection")

    def established(self, **more):
        connection = self.connect()
        connection.open(65066, BAD, **more)
        connection.expect(KEEPALIVE)
        connection.keepalive()
        wait_for(lambda: self.peer("bad")["state"] == "Established", 5, "the bad peer has a session")
        return connection

    def assert_unharmed(self):
        """The session with the good peer is the same one, tells of a change at once, and memory is what it was."""
        good = self.peer("router")
        self.assertEqual(good["state"], "Established")
        self.assertEqual(good["counters"]["sessions"], 1, "the session went down in between")
        since = time.monotonic()
        self.daemon.command("drain", "vip", "www")
        wait_for(lambda: not self.frr.has_route(f"{VIP}/32"), 3, "the withdrawal reaches the good peer")
        took = time.monotonic() - since
        self.daemon.command("undrain", "vip", "www")
        wait_for(lambda: self.frr.has_route(f"{VIP}/32"), 10, "and the route comes back")
        growth = self.memory() - self.before
        print(f"{self.id()}: withdrawn within {took * 1000:.0f} ms, grown by {growth / MIB:.1f} MiB", flush=True)
        self.assertLess(growth, MOST_GROWTH)

    def test_an_open_that_comes_an_octet_at_a_time(self):
        connection = self.connect()
        for octet in message(OPEN, open_body(65066, BAD))[:28]:
            connection.send(bytes([octet]))
            time.sleep(0.05)
        self.assertEqual(self.peer("bad")["state"], "OpenSent")
        self.assert_unharmed()
        # It holds the one place beside which there is a second: another connection of the same peer gets a session.
        second = self.connect()
        second.open(65066, BAD)
        second.expect(KEEPALIVE)
        second.keepalive()
        wait_for(lambda: self.peer("bad")["state"] == "Established", 5, "a good connection wins over a slow one")

    def test_connections_that_never_say_anything(self):
        connections = []
        for source in (BAD, "10.0.0.67"):       # A peer, and nobody we know.
            for _ in range(150):
                connections.append(RawBgp.connect(self.bad, source, US))
                self.addCleanup(connections[-1].close)
        open_ones = [connection for connection in connections if connection.outcome(0.02) == "open"]
        self.assertLessEqual(len(open_ones), 2)
        self.assert_unharmed()

    def test_a_storm_of_resets(self):
        for number in range(1000):
            connection = RawBgp.connect(self.bad, BAD, US)
            if number % 3:
                connection.try_send(message(OPEN, open_body(65066, BAD))[:number % 60])
            connection.reset()
        self.assert_unharmed()
        self.established()

    def test_64_kib_of_attributes(self):
        connection = self.established(capabilities=EXTENDED_MESSAGE)
        room = 65535 - 19 - 4 - len(path(65066, BAD)) - 4 - 4
        large = attribute(0xC0, 32, bytes(range(12)) * (room // 12))
        unknown = b"".join(attribute(0xC0, 200 + number % 50, bytes(200)) for number in range(room // 203))
        long_path = attribute(0x40, 2, (b"\x02\xff" + struct.pack("!I", 65066) * 255) * (room // 1022))
        for attributes in (path(65066, BAD) + large, path(65066, BAD) + unknown, long_path,
                           attribute(0x40, 1, b"\x00") * (room // 4)):
            connection.send(message(UPDATE, update_body(attributes, b"\x18\xc6\x33\x64")))
        connection.keepalive()
        # RFC 7606: all of them are treated as withdrawals at worst.
        self.assertEqual(connection.outcome(1), "open")
        self.assertEqual(self.peer("bad")["state"], "Established")
        self.assert_unharmed()

    def test_a_million_routes(self):
        connection = self.established()
        attributes = path(65066, BAD)
        room = (4096 - 19 - 4 - len(attributes)) // 5
        sent = 0
        since = time.monotonic()
        while sent < 1_000_000:
            nlri = b"".join(b"\x20" + struct.pack("!I", 0x14000000 + sent + number) for number in range(room))
            connection.send(message(UPDATE, update_body(attributes, nlri)))
            sent += room
        wait_for(lambda: self.peer("bad")["counters"]["updates_in"] * room >= 1_000_000, 60, "all of them have arrived")
        print(f"{self.id()}: {sent} routes in {time.monotonic() - since:.1f} s", flush=True)
        self.assertEqual(self.peer("bad")["state"], "Established")
        self.assert_unharmed()

    def test_garbage_of_every_type(self):
        dice = random.Random(1)
        for kind in (OPEN, UPDATE, NOTIFICATION, KEEPALIVE, ROUTE_REFRESH, 0, 6, 255):
            for length in (None, 0, 18, 19, 20, 23, 4096, 4097, 65535):
                body = dice.randbytes(dice.choice((0, 1, 4, 23, 300, 4000)))
                connection = self.connect()
                connection.try_send(message(OPEN, open_body(65066, BAD)) + message(KEEPALIVE))
                connection.try_send(message(kind, body, length))
                connection.close()
        connection = self.connect()
        connection.try_send(dice.randbytes(100_000))
        self.assertIn(connection.outcome(), ((1, 1), "closed"))
        self.assert_unharmed()
        self.established()

    def test_a_peer_that_stops_reading(self):
        connection = self.established()
        for _ in range(2000):       # Each is answered with everything that we announce, and a KEEPALIVE now and then.
            connection.send(message(ROUTE_REFRESH, b"\x00\x01\x00\x01"))
        self.assert_unharmed()


if __name__ == "__main__":
    unittest.main()
