"""Configuration: errors with their place, and a reload that is a transaction.

    lb1 -- lan -- router (FRR), two (a Backup)
"""
import re
import unittest

from harness import Anyvip, Case, Frr, Observer, never, speaker, wait_for
from harness.anyvip import check

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
