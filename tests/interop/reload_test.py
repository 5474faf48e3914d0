"""Configuration: errors with their place, and a reload that is a transaction.

    lb1 -- lan -- router (FRR), and where peers change another (BIRD)
"""
import re
import time
import unittest

from harness import Anyvip, Bird, Case, Frames, Frr, Neighbor, Observer, never, speaker, wait_for
from harness.anyvip import check
from harness.raw_bgp import KEEPALIVE, NOTIFICATION, UPDATE

BASE = speaker("lb1", "10.0.0.11") + """
[[virtual_router]]
name = "office"
interface = "eth0"
vrid = 51
priority = 150
advertise_interval = "200ms"

[[vip]]
name = "office"
address = "10.0.0.100/24"
announce = "vrrp"
virtual_router = "office"

[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
bgp = { med = 50 }
"""
SECOND = """
[[vip]]
name = "mail"
address = "203.0.113.25"
announce = "bgp"
"""


class Reload(Case):
    def setUp(self):
        super().setUp()
        lan = self.segment()
        router = self.host("router", lan, "10.0.0.1/24")
        self.frr = Frr(router, """
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor 10.0.0.11 remote-as 65010
 neighbor 10.0.0.11 timers connect 1
""")
        self.lb1 = self.host("lb1", lan, "10.0.0.11/24")
        self.wire = self.background(Observer(router))
        self.daemon = Anyvip(self.lb1, BASE)
        self.wait_routed("203.0.113.10")
        wait_for(lambda: self.lb1.has_address("10.0.0.100"), 5, "the node is Active")
        self.session = self.up_since()
        self.active_since = self.wire.first("advertisement", priority=150)["time"]

    def up_since(self):
        return self.frr.session("10.0.0.11")["bgpTimerUpEstablishedEpoch"]

    def wait_routed(self, address, deadline=15):
        wait_for(lambda: self.frr.has_route(f"{address}/32"), deadline, f"{address} is in the router's table")

    def assert_undisturbed(self):
        """The session and the Active state have lived through what happened."""
        self.assertTrue(self.frr.established("10.0.0.11"))
        self.assertAlmostEqual(self.up_since(), self.session, delta=1)
        self.assertEqual(self.wire.events("advertisement", priority=0), [])
        times = [event["time"] for event in self.wire.events("advertisement", priority=150)]
        gaps = [later - earlier for earlier, later in zip(times, times[1:])]
        self.assertLess(max(gaps), 0.2 + 0.1, "an advertisement was late")
        self.assertTrue(self.lb1.has_address("10.0.0.100"))

    def test_a_new_vip_is_announced_and_nothing_else_is_sent(self):
        self.wire.first_after(self.active_since, "advertisement")
        before = self.frr.updates_received("10.0.0.11")
        self.daemon.reload(BASE + SECOND)
        self.wait_routed("203.0.113.25", 3)
        never(lambda: self.frr.updates_received("10.0.0.11") > before + 1, 0.5, "an UPDATE for a route that did not change")
        self.assert_undisturbed()

    def test_hang_up_reloads_too_and_a_vip_that_is_gone_is_withdrawn(self):
        self.daemon.hang_up(BASE + SECOND)
        self.wait_routed("203.0.113.25", 3)
        self.daemon.hang_up(BASE)
        wait_for(lambda: not self.frr.has_route("203.0.113.25/32"), 3, "the route of the removed VIP is withdrawn")
        wait_for(lambda: not self.lb1.has_address("203.0.113.25"), 3, "its address is removed")
        self.assertTrue(self.frr.has_route("203.0.113.10/32"))
        self.assert_undisturbed()

    def test_a_changed_attribute_is_one_update_in_the_same_session(self):
        before = self.frr.updates_received("10.0.0.11")
        self.daemon.reload(BASE.replace("med = 50", "med = 70"))
        wait_for(lambda: self.frr.attributes("203.0.113.10/32")["med"] == 70, 3, "the new MED")
        self.assertEqual(self.frr.updates_received("10.0.0.11"), before + 1)
        self.assert_undisturbed()

    def test_a_bad_file_changes_nothing(self):
        before = self.frr.updates_received("10.0.0.11")
        status = self.daemon.status()
        bad = (BASE + SECOND).replace("med = 50", "mde = 70")
        self.daemon.write(bad)
        line = bad[:bad.index("mde")].count("\n") + 1
        answer = self.daemon.reload(check=False)
        self.assertRegex(answer, rf"anyvip\.toml:{line}:\d+: .*mde", "the answer names the place of the error")
        never(lambda: self.frr.has_route("203.0.113.25/32") or self.frr.updates_received("10.0.0.11") != before, 1,
              "a part of a bad file was taken")
        self.assertEqual([vip["name"] for vip in self.daemon.status()["vips"]], [vip["name"] for vip in status["vips"]])
        self.assert_undisturbed()
        self.daemon.reload(BASE + SECOND)
        self.wait_routed("203.0.113.25", 3)

    def test_a_changed_priority_keeps_the_state(self):
        self.daemon.reload(BASE.replace("priority = 150", "priority = 160"))
        self.wire.first("advertisement", priority=160, deadline=2)
        self.assertEqual(self.wire.events("advertisement", priority=0), [])
        self.assertTrue(self.lb1.has_address("10.0.0.100"))
        self.assertAlmostEqual(self.up_since(), self.session, delta=1)

    def test_status_tells_what_is_there(self):
        status = wait_for(lambda: self.settled(self.daemon.status()), 5, "every VIP is eligible")
        self.assertEqual(status["node"], "lb1")
        self.assertEqual({vip["name"]: (vip["address"].split("/")[0], vip["announce"]) for vip in status["vips"]},
                         {"office": ("10.0.0.100", "vrrp"), "www": ("203.0.113.10", "bgp")})
        self.assertEqual([(peer["name"], peer["state"]) for peer in status["peers"]], [("router", "Established")])
        self.assertEqual([(router["name"], router["state"]) for router in status["virtual_routers"]],
                         [("office", "Active")])
        text = self.daemon.command("status")
        for word in ("lb1", "www", "203.0.113.10", "router", "Established", "office", "Active"):
            self.assertIn(word, text)
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()), "readable in 80 columns")

    @staticmethod
    def settled(status):
        return status if all(vip["verdict"]["eligible"] for vip in status["vips"]) else None


class Peers(Case):
    """What a reload changes of one peer is said to that one: the other, BIRD, hears KEEPALIVEs."""

    LB1, FRR, BIRD = "10.0.0.11", "10.0.0.1", "10.0.0.2"
    ROUTE = "203.0.113.10/32"
    KEY, OTHER_KEY = "as-it-was", "as-it-will-be"
    UP, AT_ONCE = 20, 3

    def setUp(self):
        super().setUp()
        lan = self.segment()
        self.frr, self.bird = (self.router(lan, kind, own) for kind, own in ((Frr, self.FRR), (Bird, self.BIRD)))
        self.lb1 = self.host("lb1", lan, f"{self.LB1}/24")
        self.wire = Frames(self.lb1, "eth0", "tcp port 179")
        self.key_files = {name: self.lb1.file(name + ".key", self.KEY + "\n", 0o600) for name in ("frr", "bird")}
        self.daemon = Anyvip(self.lb1, self.configuration())
        self.wait_up(self.frr)
        self.wait_up(self.bird)
        self.begun = time.time()

    def router(self, lan, kind, own):
        neighbor = Neighbor("lb1", self.LB1, 65010, own, "2001:db8::1", ("ipv4",), key=self.KEY)
        router = kind(self.host(kind.__name__.lower(), lan, f"{own}/24"), kind.configuration(65000, own, [neighbor]))
        router.neighbor = neighbor
        return router

    def configuration(self, frr="tor-a", lines="", vip="", keyed=True):
        """`frr`: the name of that peer, "" for none; `lines` are its own."""
        def peer(name, address, key, lines):
            key = f'password_file = "{key}"' if key else ""
            return f"""
[[bgp.peer]]
name = "{name}"
address = "{address}"
asn = 65000
{lines or 'connect_retry = "500ms"'}
idle_hold = "100ms"
{key}
"""
        # It listens: an unsigned connection could come from either end.
        return f"""
[node]
name = "lb1"
propagation_wait = "100ms"

[bgp]
asn = 65010
router_id = "{self.LB1}"
listen = ["0.0.0.0"]
""" + (peer(frr, self.FRR, keyed and self.key_files["frr"], lines) if frr else "") + \
            peer("tor-b", self.BIRD, self.key_files["bird"], "") + f"""
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
{vip}
"""

    def paths(self, router):
        view = router.read()
        return view.established(self.LB1) and view.paths(self.ROUTE, self.LB1)

    def wait_up(self, router):
        wait_for(lambda: self.paths(router), self.UP, f"{router.node.name} has a session and the route")

    def wait_told(self, subcode):
        wait_for(lambda: f" 6/{subcode} " in self.frr.last_words(self.frr.neighbor), self.AT_ONCE, f"FRR reads Cease/{subcode}")

    def never_up(self, why):
        never(lambda: self.frr.read().established(self.LB1), 3, why)

    def said_to(self, address):
        return [kind for kind in self.wire.messages_to(address, self.begun) if kind != KEEPALIVE]

    def peer(self, name):
        return next(peer for peer in self.daemon.status()["peers"] if peer["name"] == name)

    def assert_bird_undisturbed(self, heard=()):
        self.assertEqual(self.said_to(self.BIRD), list(heard))
        self.assertEqual(self.peer("tor-b")["counters"]["sessions"], 1)
        self.assertTrue(self.paths(self.bird))

    def test_changed_communities_are_one_update_to_each_in_the_same_session(self):
        for communities in (["65010:100", "65010:200"], ["65010:200"], []):
            self.begun = time.time()
            self.daemon.reload(self.configuration(vip=f"bgp = {{ communities = {communities!r} }}".replace("'", '"')))
            for router in (self.frr, self.bird):
                wait_for(lambda of=router: self.paths(of)[0]["communities"] == communities, self.AT_ONCE,
                         f"{router.node.name} has {communities}")
            for address in (self.FRR, self.BIRD):
                self.assertEqual(self.said_to(address), [UPDATE])
        self.assertEqual([self.peer(name)["counters"]["sessions"] for name in ("tor-a", "tor-b")], [1, 1])

    def test_another_key_is_another_session_and_nothing_comes_up_without_it(self):
        self.key_files["frr"].write_text(self.OTHER_KEY + "\n")
        self.daemon.reload()
        self.wait_told(6)
        self.never_up("a session with the old key")
        self.frr.configure("router bgp", f"no neighbor {self.LB1} password {self.KEY}")
        self.never_up("a session without a key")
        self.frr.configure("router bgp", f"neighbor {self.LB1} password {self.OTHER_KEY}")
        self.wait_up(self.frr)
        # And back to none, at both ends.
        self.daemon.reload(self.configuration(keyed=False))
        self.never_up("a session that only the router signs")
        self.frr.configure("router bgp", f"no neighbor {self.LB1} password {self.OTHER_KEY}")
        self.wait_up(self.frr)
        self.assert_bird_undisturbed()

    def test_a_peer_with_another_name_keeps_its_key(self):
        self.daemon.reload(self.configuration(frr="tor-x"))
        self.wait_told(3)
        self.wait_up(self.frr)
        self.assertEqual(self.peer("tor-x")["counters"]["sessions"], 1)
        self.frr.configure("router bgp", f"no neighbor {self.LB1} password {self.KEY}")
        wait_for(lambda: not self.frr.read().established(self.LB1), self.UP, "FRR begins anew without a key")
        self.never_up("a session without a key")
        self.assert_bird_undisturbed()

    def test_other_timers_are_those_of_the_next_session(self):
        self.daemon.reload(self.configuration(lines='hold_time = "30s"\nconnect_retry = "700ms"'))
        never(lambda: self.said_to(self.FRR), 2, "FRR heard of it")
        self.assertEqual(self.peer("tor-a")["hold_time"], 9)
        self.frr.reset_sessions()
        wait_for(lambda: self.peer("tor-a")["hold_time"] == 30, self.UP, "the next session has the other hold time")
        self.wait_up(self.frr)
        self.assert_bird_undisturbed()

    def test_a_peer_that_is_removed_hears_so_and_may_come_back(self):
        self.daemon.reload(self.configuration(frr=""))
        self.wait_told(3)
        self.assertEqual([kind for kind in self.said_to(self.FRR) if kind in (UPDATE, NOTIFICATION)], [UPDATE, NOTIFICATION],
                         "the route is withdrawn before the Cease")
        self.assertEqual([peer["name"] for peer in self.daemon.status()["peers"]], ["tor-b"])
        self.never_up("a session with nobody")
        self.daemon.reload(self.configuration())
        self.wait_up(self.frr)
        self.assert_bird_undisturbed()


class Check(Case):
    def check(self, text):
        file = self.folder / "anyvip.toml"
        file.write_text(text)
        return check(file)

    def test_a_good_file_prints_the_effective_configuration(self):
        status, output = self.check(BASE)
        self.assertEqual(status, 0, output)
        self.assertIn("hold_time", output, "defaults are shown")

    def test_all_errors_at_once_in_file_order_with_place_and_suggestion(self):
        bad = BASE.replace("router_id", "ruoter_id").replace("asn = 65000", 'asn = "sixty"') \
                  .replace("priority = 150", "priority = 300").replace('virtual_router = "office"',
                                                                       'virtual_router = "ofice"')
        status, output = self.check(bad)
        self.assertNotEqual(status, 0)
        places = [(int(line), int(column)) for line, column in re.findall(r"anyvip\.toml:(\d+):(\d+): ", output)]
        expected = [bad[:bad.index(word)].count("\n") + 1 for word in ("ruoter_id", '"sixty"', "300", '"ofice"')]
        self.assertEqual([line for line, _ in places], expected, output)
        self.assertIn("router_id", output)
        self.assertRegex(output, r"did you mean .*office", output)
        self.assertEqual(places[0][1], 1, "an unknown key is an error at the key")

    def test_what_is_for_a_later_version_is_refused_not_ignored(self):
        status, output = self.check(BASE.replace("priority = 150", "priority = 150\nvmac = true"))
        self.assertNotEqual(status, 0)
        self.assertIn("vmac", output)

    def test_a_missing_file_is_an_error(self):
        self.assertNotEqual(check(self.folder / "none.toml")[0], 0)


if __name__ == "__main__":
    unittest.main()
