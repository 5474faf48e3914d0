"""Dynamic peers: routers that our daemon does not know one by one, and takes from a range of addresses.

    router1, router2, ... -- lan -- lb1

They are FRR, BIRD and GoBGP, and each connects: our daemon opens no connection to a range. What a router is to hear is
looked for in what it says itself; that it hears nothing, in what our interface has sent.
"""
import dataclasses
import json
import time
import unittest

from harness import Anyvip, Bird, Case, Frames, Frr, Gobgp, Neighbor, never, wait_for
from harness.observe import END
from harness.raw_bgp import KEEPALIVE, NOTIFICATION, UPDATE

OURS, THEIRS = 65010, 65000
LB1, VIP = "10.0.0.100", "203.0.113.10"
ROUTE, SECOND = f"{VIP}/32", "203.0.113.25/32"
ALL, FIRST_HALF = "10.0.0.0/28", "10.0.0.0/29"
KEY, OTHER_KEY = "for-the-whole-rack", "and-another-one"

# A verdict needs `fall` probes of 200 ms, the rest is one message on a veth.
AT_ONCE = 3
# The slowest wait of a router between two attempts, and a busy machine.
UP = 30

# RFC 4486 §4, as each router writes it.
CEASE = {
    "Peer De-configured": {Frr: " 6/3 ", Bird: "Peer de-configured", Gobgp: "Subcode=3"},
    "Other Configuration Change": {Frr: " 6/6 ", Bird: "Other configuration change", Gobgp: "Subcode=6"},
}

# Nobody is there: a VIP wants a peer.
SPARE = f'[[bgp.peer]]\nname = "spare"\naddress = "10.0.0.200"\nasn = {THEIRS}\n'


def vip(name, address, health):
    return f"""
[[vip]]
name = "{name}"
address = "{address}"
announce = "bgp"
{f'track = ["{health}"]' if health else ""}
"""


class Dynamic(Case):
    def setUp(self):
        super().setUp()
        self.lan = self.segment()
        self.lb1 = self.host("lb1", self.lan, f"{LB1}/24")
        self.key_file = self.lb1.file("key", KEY + "\n", 0o600)
        self.health = self.lb1.folder / "healthy"
        self.health.touch()
        self.wire = Frames(self.lb1, "eth0", "tcp port 179")
        self.daemon = None

    def configuration(self, range=ALL, lines="", more=""):
        """`range` "" for none."""
        rack = f"""
[[bgp.peer]]
name = "rack"
range = "{range}"
asn = {THEIRS}
idle_hold = "100ms"
{lines}
"""
        return f"""
[node]
name = "lb1"
propagation_wait = "100ms"

[bgp]
asn = {OURS}
router_id = "{LB1}"
{rack if range else ""}
{more}
[[check]]
name = "service"
script = ["/usr/bin/test", "-e", "{self.health}"]
interval = "200ms"
timeout = "200ms"
rise = 1
fall = 2
""" + vip("www", VIP, "service")

    def begin(self, *routers, **words):
        """Our daemon, and all of these routers are peers of it that have the route."""
        self.daemon = Anyvip(self.lb1, self.configuration(**words))
        self.wait_in(routers)

    def router(self, kind, number, **words):
        own = f"10.0.0.{number}"
        node = self.host(f"{kind.__name__.lower()}{number}", self.lan, f"{own}/24")
        neighbor = Neighbor("lb1", LB1, OURS, own, f"2001:db8::{number}", ("ipv4",), **words)
        more = {"bfd": True} if kind is Frr and neighbor.bfd else {}
        router = kind(node, kind.configuration(THEIRS, own, [neighbor]), **more)
        router.address, router.neighbor, router.name = own, neighbor, f"rack/{own}"
        return router

    @staticmethod
    def tell(bird, **words):
        """BIRD has other words for us from now on."""
        bird.neighbor = dataclasses.replace(bird.neighbor, **words)
        bird.configure(bird.configuration(THEIRS, bird.address, [bird.neighbor]))

    # --- what the routers and our daemon say

    def reload(self, **words):
        return self.daemon.reload(self.configuration(**words))

    def instances(self):
        return {peer["name"]: peer for peer in self.daemon.status()["peers"] if peer["range"] == "rack"}

    def range_status(self):
        (found,) = self.daemon.status()["peer_ranges"]
        return found

    @staticmethod
    def is_in(router, route=ROUTE):
        view = router.read()
        return view.established(LB1) and bool(view.paths(route, LB1))

    def wait_in(self, routers, deadline=UP):
        for router in routers:
            wait_for(lambda to=router: self.is_in(to), deadline, f"{router.node.name} has a session and the route")

    def wait_out(self, routers, reason):
        for router in routers:
            wait_for(lambda to=router: CEASE[reason][type(to)] in to.last_words(to.neighbor), AT_ONCE,
                     f"{router.node.name} reads: {reason}")
            wait_for(lambda to=router: not to.read().established(LB1), AT_ONCE, f"the session of {router.node.name} is gone")

    def never_in(self, routers, duration=3):
        never(lambda: any(router.read().established(LB1) for router in routers), duration, "it got in")

    def said_to(self, router, since):
        return set(self.wire.messages_to(router.address, since))

    def assert_undisturbed(self, routers, since):
        for router in routers:
            self.assertLessEqual(self.said_to(router, since), {KEEPALIVE}, f"{router.node.name} heard of it")
            self.assertTrue(self.is_in(router), f"{router.node.name} has the route")
            self.assertEqual(self.instances()[router.name]["counters"]["sessions"], 1)

    # --- the sentences

    def test_each_router_that_connects_is_a_peer_with_all_routes(self):
        routers = [self.router(Frr, 1), self.router(Bird, 2), self.router(Gobgp, 3), self.router(Frr, 4)]
        self.begin(*routers)
        self.assertEqual(set(self.instances()), {router.name for router in routers})
        for peer in self.instances().values():
            self.assertEqual((peer["state"], peer["asn"], peer["routes_announced"]), ("Established", THEIRS, 1))
        found = self.range_status()
        self.assertEqual((found["instances"], found["established"], found["refused"]), (4, 4, 0))
        said = json.loads(self.daemon.command("bgp", "--json"))
        told = {row["peer"]: row["acknowledged"] for row in said["announcements"] if row["vip"] == "www"}
        self.assertEqual(told, {router.name: True for router in routers})
        text = self.daemon.command("bgp")
        for router in routers:
            self.assertIn(router.name, text)
            self.assertIn("Established", self.daemon.command("bgp", "peer", router.name))
        self.health.unlink()
        for router in routers:
            wait_for(lambda to=router: not to.read().paths(ROUTE, LB1), AT_ONCE, f"withdrawn from {router.node.name}")
        self.health.touch()
        self.wait_in(routers, AT_ONCE)

    def test_one_above_the_limit_is_turned_away_until_there_is_room(self):
        frr, bird, gobgp = self.router(Frr, 1), self.router(Bird, 2), self.router(Gobgp, 3)
        # Whoever came first is in: the third is shut until the others are.
        gobgp.shut(gobgp.neighbor, "not yet")
        self.begin(frr, bird, lines="limit = 2")
        since = time.time()
        gobgp.open(gobgp.neighbor)
        wait_for(lambda: self.range_status()["refused"] >= 2, UP, "it was turned away, and tried again")
        self.assertEqual(self.range_status()["last_error"], "all 2 sessions of the range are taken")
        self.assertEqual(set(self.instances()), {frr.name, bird.name})
        self.assertEqual(self.said_to(gobgp, since), {NOTIFICATION, END}, "Cease, without an OPEN: nobody there is a peer yet")
        self.assert_undisturbed([frr, bird], since)
        # One leaves.
        frr.shut(frr.neighbor, "its place is free")
        self.wait_in([gobgp])
        self.assertEqual(set(self.instances()), {gobgp.name, bird.name})
        frr.open(frr.neighbor)
        refused = self.range_status()["refused"]
        wait_for(lambda: self.range_status()["refused"] >= refused + 2, UP, "now the first one is turned away")
        self.assert_undisturbed([bird], since)
        # More room, and less than there are: who is in stays.
        since = time.time()
        self.reload(lines="limit = 3")
        self.wait_in([frr])
        self.assert_undisturbed([bird, gobgp], since)
        since = time.time()
        self.reload(lines="limit = 1")
        self.assertEqual(self.range_status()["limit"], 1)
        never(lambda: len(self.instances()) != 3, 1, "a lower limit ended a session")
        self.assert_undisturbed([bird, gobgp, frr], since)

    def test_the_key_is_asked_of_everybody_in_the_range(self):
        keyed = [self.router(kind, number, key=KEY) for number, kind in enumerate((Frr, Bird, Gobgp), 1)]
        plain, other = self.router(Frr, 4), self.router(Bird, 5, key=OTHER_KEY)
        self.begin(*keyed, lines=f'password_file = "{self.key_file}"')
        self.never_in([plain, other])
        self.assertEqual(set(self.instances()), {router.name for router in keyed})
        wait_for(lambda: "TCP-MD5" in (self.range_status()["last_error"] or ""), UP, "the range says what is wrong")
        since = time.time()
        plain.configure("router bgp", f"neighbor {LB1} password {KEY}")
        self.wait_in([plain])
        self.assert_undisturbed(keyed, since)

    def test_another_key_ends_every_session_and_lets_none_in_without_it(self):
        frr, bird, gobgp = routers = [self.router(kind, number, key=KEY) for number, kind in enumerate((Frr, Bird, Gobgp), 1)]
        self.begin(*routers, lines=f'password_file = "{self.key_file}"')
        self.key_file.write_text(OTHER_KEY + "\n")
        self.daemon.reload()
        self.wait_out(routers, "Other Configuration Change")
        self.never_in(routers)
        frr.configure("router bgp", f"neighbor {LB1} password {OTHER_KEY}")
        self.wait_in([frr])
        # Nor without any.
        gobgp.node.run(["gobgp", "neighbor", LB1, "shutdown"])
        self.tell(bird, key="")
        self.never_in([bird, gobgp])
        self.assertTrue(self.is_in(frr))

    def test_bfd_is_for_each_of_them_and_takes_down_only_its_own(self):
        frr, bird = watched = [self.router(Frr, 1, bfd=True), self.router(Bird, 2, bfd=True)]
        gobgp = self.router(Gobgp, 3)
        self.begin(frr, bird, gobgp, lines='bfd = { interval = "100ms" }')
        self.wait_bfd_up(watched)
        self.assertEqual(self.instances()[gobgp.name]["bfd"]["state"], "Down", "it has none, and a session all the same")
        for router, others in ((frr, [bird, gobgp]), (bird, [gobgp])):
            since = time.time()
            self.lan.isolate(router.node)
            # A second at most, where the hold time is half a minute.
            wait_for(lambda to=router: self.instances()[to.name]["state"] != "Established", 2, "our end has noticed")
            self.assertIn("BFD down", self.instances()[router.name]["last_error"])
            wait_for(lambda to=router: not to.read().paths(ROUTE, LB1), 2, "the route has left the router")
            self.assert_undisturbed(others, since)
            self.lan.isolate(router.node, False)
            self.wait_in([router])
            self.wait_bfd_up([router])

    def wait_bfd_up(self, routers):
        for router in routers:
            wait_for(lambda to=router: to.bfd_up(to.neighbor) and self.instances()[to.name]["bfd"]["state"] == "Up", UP,
                     f"BFD with {router.node.name} is up at both ends")

    def test_a_reload_without_bfd_and_one_with_it_end_no_session_of_ours(self):
        routers = [self.router(Frr, 1, bfd=True), self.router(Bird, 2, bfd=True)]
        lines = 'bfd = { interval = "100ms" }'
        self.begin(*routers, lines=lines)
        self.wait_bfd_up(routers)
        since = time.time()
        self.reload()
        # We say AdminDown, which is no failure (RFC 5882 §3.2). FRR 8.4 and BIRD 2.0 take it for one, and end the
        # session; then it goes on without BFD.
        for router in routers:
            wait_for(lambda to=router: self.instances()[to.name]["counters"]["sessions"] == 2, UP, "the next session")
        self.wait_in(routers)
        for router in routers:
            self.assertNotIn(NOTIFICATION, self.said_to(router, since))
            self.assertIsNone(self.instances()[router.name]["bfd"])
        since = time.time()
        self.reload(lines=lines)
        self.wait_bfd_up(routers)
        for router in routers:
            self.assertLessEqual(self.said_to(router, since), {KEEPALIVE}, "BFD that comes up ended a session")
            self.assertTrue(self.is_in(router))

    def test_a_reload_that_narrows_the_range_speaks_to_those_outside_alone(self):
        inside = [self.router(Frr, 1), self.router(Bird, 2), self.router(Gobgp, 3)]
        outside = [self.router(Frr, 9), self.router(Bird, 10), self.router(Gobgp, 11)]
        self.begin(*inside, *outside)
        begun = time.time()
        self.reload(range=FIRST_HALF)
        self.wait_out(outside, "Peer De-configured")
        self.assertEqual(set(self.instances()), {router.name for router in inside})
        self.never_in(outside)
        self.assert_undisturbed(inside, begun)
        # Wider again, and with room for more.
        self.reload(range=ALL, lines="limit = 200")
        self.wait_in(outside)
        self.assert_undisturbed(inside, begun)
        # It is the same session still that tells of another VIP.
        self.daemon.reload(self.configuration(lines="limit = 200") + vip("mail", SECOND.split("/", maxsplit=1)[0], None))
        for router in inside + outside:
            wait_for(lambda to=router: self.is_in(to, SECOND), AT_ONCE, f"{router.node.name} hears of the second VIP")
        for router in inside:
            self.assertEqual(self.said_to(router, begun) - {KEEPALIVE}, {UPDATE})
            self.assertEqual(self.instances()[router.name]["counters"]["sessions"], 1)

    def test_a_reload_without_the_range_ends_all_of_its_sessions(self):
        routers = [self.router(kind, number) for number, kind in enumerate((Frr, Bird, Gobgp), 1)]
        self.begin(*routers, more=SPARE)
        since = time.time()
        self.reload(range="", more=SPARE)
        self.wait_out(routers, "Peer De-configured")
        for router in routers:
            # The withdrawal goes before.
            self.assertLessEqual({UPDATE, NOTIFICATION}, self.said_to(router, since))
        self.assertEqual((self.instances(), self.daemon.status()["peer_ranges"]), ({}, []))
        self.never_in(routers)
        self.reload(more=SPARE)
        self.wait_in(routers)

    def test_an_address_with_a_peer_of_its_own_leaves_the_range(self):
        frr, bird = self.router(Frr, 1), self.router(Bird, 2)
        self.begin(frr, bird)
        since = time.time()
        self.reload(more=f'[[bgp.peer]]\nname = "tor"\naddress = "{frr.address}"\nasn = {THEIRS}\nconnect_retry = "500ms"\n')
        wait_for(lambda: CEASE["Peer De-configured"][Frr] in frr.last_words(frr.neighbor), AT_ONCE, "the old session is ended")
        wait_for(lambda: [peer["state"] for peer in self.daemon.status()["peers"] if peer["name"] == "tor"] == ["Established"],
                 UP, "it is there under its own name")
        self.wait_in([frr])
        self.assertEqual(set(self.instances()), {bird.name})
        self.assert_undisturbed([bird], since)


if __name__ == "__main__":
    unittest.main()
