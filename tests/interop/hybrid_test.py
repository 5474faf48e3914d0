"""announce = ["vrrp", "bgp"]: the VRRP Active router announces the route, and only it.

    one, two -- lan -- router (FRR)
"""
import unittest

from harness import Anyvip, Case, Frr, never, speaker, wait_for

VIP = "10.0.0.100"


def anyvip(number, priority):
    return speaker(f"node{number}", f"10.0.0.1{number}") + f"""
[[virtual_router]]
name = "office"
interface = "eth0"
vrid = 51
priority = {priority}
advertise_interval = "200ms"

[[vip]]
name = "www"
address = "{VIP}/24"
announce = ["vrrp", "bgp"]
virtual_router = "office"
"""


class Hybrid(Case):
    def setUp(self):
        super().setUp()
        self.lan = self.segment()
        router = self.host("router", self.lan, "10.0.0.1/24")
        self.frr = Frr(router, "\n".join(["router bgp 65000", " bgp router-id 10.0.0.1", " no bgp ebgp-requires-policy"] + [
            f" neighbor 10.0.0.1{number} {word}" for number in (1, 2) for word in ("remote-as 65010", "timers connect 1")]))
        self.one = self.host("one", self.lan, "10.0.0.11/24")
        self.two = self.host("two", self.lan, "10.0.0.12/24")
        self.daemons = [Anyvip(self.one, anyvip(1, 150)), Anyvip(self.two, anyvip(2, 100))]
        wait_for(lambda: self.frr.established("10.0.0.11") and self.frr.established("10.0.0.12"), 15, "both sessions")
        self.wait_at(self.one, 5)

    def at(self, node):
        hop = "10.0.0.11" if node is self.one else "10.0.0.12"
        other = self.two if node is self.one else self.one
        return node.has_address(VIP) and not other.has_address(VIP) and self.frr.next_hops(f"{VIP}/32") == [hop]

    def wait_at(self, node, deadline):
        wait_for(lambda: self.at(node), deadline, f"{node.name} has the address, and the route leads to it alone")

    def test_only_the_active_router_announces(self):
        never(lambda: not self.at(self.one), 2, "a second announcer")
        chain, cause = self.daemons[1].explain("www")
        self.assertRegex(chain["summary"], "^www is not announced: virtual router .* is Backup: .*Active is 10.0.0.11")
        self.assertEqual(cause["state"], "rests")

    def test_the_route_follows_the_active_router(self):
        self.daemons[0].stop()
        self.wait_at(self.two, 2)
        self.daemons[0].start()
        self.wait_at(self.one, 10)

    def test_a_killed_active_router_is_followed_by_route_and_address(self):
        self.daemons[0].kill()
        # The dead node keeps the address on its interface; what counts is where the route leads.
        wait_for(lambda: self.two.has_address(VIP) and self.frr.next_hops(f"{VIP}/32") == ["10.0.0.12"], 3,
                 "the other is Active and announces")

    def test_an_active_router_without_a_session_gives_way_to_one_that_has_one(self):
        self.frr.configure("router bgp 65000", "neighbor 10.0.0.11 shutdown")
        self.wait_at(self.two, 3)
        chain, cause = self.daemons[0].explain("www")
        self.assertRegex(chain["summary"], "^www is not announced: BGP has no Established session, which this VIP needs")
        self.assertIn("an administrator has shut the session", cause["hint"])
        self.frr.configure("router bgp 65000", "no neighbor 10.0.0.11 shutdown")
        self.wait_at(self.one, 15)


if __name__ == "__main__":
    unittest.main()
