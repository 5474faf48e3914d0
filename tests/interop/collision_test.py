"""Two connections between two speakers (RFC 4271 §6.8), from raw sockets: every order and every relation.

    lb1 -- lan -- router (raw sockets)

`ours` is the connection that the daemon opened, `theirs` the one that the router opened while the first was there.
The connection stays that the speaker with the higher BGP Identifier has opened; an Established one always stays.
"""
import unittest

from harness import Anyvip, Case, RawBgp, speaker, wait_for
from harness.raw_bgp import KEEPALIVE, OPEN, message, open_body

COLLISION = (6, 7)
CONFIG = speaker("lb1", "10.0.0.11").replace("[[bgp.peer]]", 'listen = ["0.0.0.0"]\n\n[[bgp.peer]]')
HIGHER, LOWER = "10.0.0.200", "10.0.0.2"     # than our 10.0.0.11


class Collision(Case):
    def setUp(self):
        super().setUp()
        lan = self.segment()
        self.router = self.host("router", lan, "10.0.0.1/24")
        self.lb1 = self.host("lb1", lan, "10.0.0.11/24")
        self.listener = RawBgp.listener(self.router, "10.0.0.1")
        self.addCleanup(self.listener.close)
        self.daemon = Anyvip(self.lb1, CONFIG)
        self.ours = self.keep(RawBgp.accept(self.listener))
        self.ours.expect(OPEN)

    def keep(self, connection):
        self.addCleanup(connection.close)
        return connection

    def second(self):
        """The router opens another connection, and hears our OPEN on it."""
        theirs = self.keep(RawBgp.connect(self.router, "10.0.0.1", "10.0.0.11"))
        theirs.expect(OPEN)
        return theirs

    def assert_decided(self, winner, loser, router_id):
        self.assertEqual(loser.outcome(), COLLISION)
        winner.expect(KEEPALIVE)
        winner.keepalive()
        peer = wait_for(lambda: self.peer("Established"), 5, "one session comes of the two connections")
        self.assertEqual(peer["router_id"], router_id)
        self.assertEqual(winner.outcome(0.3), "open")

    def peer(self, state):
        peer = self.daemon.status()["peers"][0]
        return peer if peer["state"] == state else None

    def in_open_sent(self, router_id, ours_first):
        theirs = self.second()
        for connection in (self.ours, theirs) if ours_first else (theirs, self.ours):
            connection.try_send(open_of(router_id))
        winner, loser = (theirs, self.ours) if router_id == HIGHER else (self.ours, theirs)
        self.assert_decided(winner, loser, router_id)

    def in_open_confirm(self, router_id):
        self.ours.open(65000, router_id)
        wait_for(lambda: self.peer("OpenConfirm"), 5, "our connection is in OpenConfirm")
        theirs = self.second()
        theirs.open(65000, router_id)
        winner, loser = (theirs, self.ours) if router_id == HIGHER else (self.ours, theirs)
        self.assert_decided(winner, loser, router_id)

    def in_established(self, router_id):
        self.ours.open(65000, router_id)
        self.ours.expect(KEEPALIVE)
        self.ours.keepalive()
        wait_for(lambda: self.peer("Established"), 5, "our connection is Established")
        theirs = self.keep(RawBgp.connect(self.router, "10.0.0.1", "10.0.0.11"))
        theirs.try_send(open_of(router_id))
        self.assertIn(theirs.outcome(), ("closed", COLLISION))
        self.assertEqual(self.ours.outcome(0.3), "open")
        self.assertTrue(self.peer("Established"))

    def test_open_sent_our_open_first_router_higher(self):
        self.in_open_sent(HIGHER, ours_first=True)

    def test_open_sent_our_open_first_router_lower(self):
        self.in_open_sent(LOWER, ours_first=True)

    def test_open_sent_their_open_first_router_higher(self):
        self.in_open_sent(HIGHER, ours_first=False)

    def test_open_sent_their_open_first_router_lower(self):
        self.in_open_sent(LOWER, ours_first=False)

    def test_open_confirm_router_higher(self):
        self.in_open_confirm(HIGHER)

    def test_open_confirm_router_lower(self):
        self.in_open_confirm(LOWER)

    def test_established_router_higher(self):
        self.in_established(HIGHER)

    def test_established_router_lower(self):
        self.in_established(LOWER)


def open_of(router_id):
    return message(OPEN, open_body(65000, router_id))


if __name__ == "__main__":
    unittest.main()
