"""The harness against daemons that are known to work: if this fails, no other result here means anything."""
import time
import unittest

from harness import Bird, Case, Frr, Frames, Keepalived, Observer, never, wait_for

FRR = """
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 bgp default ipv4-unicast
 neighbor 10.0.0.2 remote-as 65001
 neighbor 10.0.0.2 timers connect 1
 neighbor 2001:db8::2 remote-as 65001
 neighbor 2001:db8::2 timers connect 1
 address-family ipv6 unicast
  neighbor 2001:db8::2 activate
"""
BIRD = """
router id 10.0.0.2;
protocol device {}
protocol static four { ipv4; route 203.0.113.10/32 blackhole; }
protocol static six { ipv6; route 2001:db8:f::10/128 blackhole; }
template bgp frr { local as 65001; connect retry time 1; connect delay time 1; }
protocol bgp frr4 from frr { neighbor 10.0.0.1 as 65000; ipv4 { import none; export all; }; }
protocol bgp frr6 from frr { neighbor 2001:db8::1 as 65000; ipv6 { import none; export all; }; }
"""


def keepalived(priority, name):
    return f"""
global_defs {{ router_id {name} }}
vrrp_instance office {{
  version 3
  state BACKUP
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int 0.2
  virtual_ipaddress {{ 10.0.0.100/24 }}
}}
"""


class Wait(unittest.TestCase):
    def test_a_condition_that_never_comes_fails_the_test(self):
        begun = time.monotonic()
        with self.assertRaisesRegex(AssertionError, "not within 0.2 s: rain"):
            wait_for(lambda: False, 0.2, "rain")
        self.assertLess(time.monotonic() - begun, 1)

    def test_a_condition_that_must_not_come_fails_the_test(self):
        with self.assertRaisesRegex(AssertionError, "must not be: rain"):
            never(lambda: True, 0.2, "rain")


class Routers(Case):
    def test_frr_learns_and_loses_a_route_of_bird(self):
        lan = self.segment()
        router = self.host("router", lan, "10.0.0.1/24", "2001:db8::1/64")
        other = self.host("other", lan, "10.0.0.2/24", "2001:db8::2/64")
        frr, bird = Frr(router, FRR), Bird(other, BIRD)
        wait_for(lambda: frr.established("10.0.0.2") and bird.established("frr4"), 15, "the sessions are Established")
        wait_for(lambda: frr.has_route("203.0.113.10/32"), 5, "the route arrives")
        wait_for(lambda: frr.has_route("2001:db8:f::10/128"), 10, "the IPv6 route arrives")
        self.assertEqual(frr.next_hops("203.0.113.10/32"), ["10.0.0.2"])
        self.assertEqual(frr.next_hops("2001:db8:f::10/128"), ["2001:db8::2"])
        self.assertEqual(router.routes("203.0.113.10/32"), ["10.0.0.2"])
        self.assertIn("203.0.113.10/32", bird.route("203.0.113.10/32"))
        self.assertEqual(bird.route("203.0.113.11/32"), "")
        bird.process.kill()
        wait_for(lambda: not frr.has_route("203.0.113.10/32"), 5, "the route goes with its speaker")


class Decoder(Case):
    # A KEEPALIVE (RFC 4271 §4.4), and an UPDATE whose one attribute claims nine octets of the two that are there.
    GOOD = "ff" * 16 + "001304"
    MALFORMED = "ff" * 16 + "001c02" + "0000" + "0005" + "4001090000"

    def test_a_malformed_message_is_minded_and_a_good_one_is_not(self):
        self.assertEqual(self.complaints(self.GOOD), [])
        self.assertEqual([number for number, _ in self.complaints(self.MALFORMED)], ["4"])

    def complaints(self, message):
        """What Wireshark minds when one end of a connection to the BGP port sends this, after the handshake."""
        node = self.node(f"node{len(self._things)}")
        frames = Frames(node, "lo", "tcp port 179")
        node.run(["/usr/bin/python3", "-S", "-E", "-c", (
            "import socket; s = socket.create_server(('127.0.0.1', 179)); c = socket.create_connection(s.getsockname()); "
            f"c.sendall(bytes.fromhex('{message}')); s.accept()[0].recv(64)")])
        wait_for(lambda: len(frames.decoded("bgp.type", display="bgp")) == 1, 10, "the message was captured")
        return frames.complaints("bgp")


class Vrrp(Case):
    def test_the_address_follows_the_higher_priority_and_its_loss(self):
        lan = self.segment()
        one, two = self.host("one", lan, "10.0.0.1/24"), self.host("two", lan, "10.0.0.2/24")
        observer = self.background(Observer(one))
        frames = Frames(two, "eth0", "vrrp")
        first = Keepalived(one, keepalived(150, "one"))
        Keepalived(two, keepalived(100, "two"))
        wait_for(lambda: one.has_address("10.0.0.100"), 5, "the higher priority is Active")
        never(lambda: two.has_address("10.0.0.100"), 1, "two Actives")
        advertisement = observer.first("advertisement", sent=True, priority=150)
        self.assertEqual((advertisement["version"], advertisement["centiseconds"], advertisement["ttl"]), (3, 20, 255))
        added = observer.first("address_added", address="10.0.0.100")
        self.assertLess(advertisement["time"], added["time"], "keepalived's order, as ours")
        self.assertLess(added["after"], observer.first("gratuitous_arp", address="10.0.0.100")["time"])
        first.stop()
        wait_for(lambda: two.has_address("10.0.0.100"), 2, "the other takes over")
        self.assertTrue(observer.events("advertisement", sent=True, priority=0), "left with priority 0")
        self.assertIn(["51", "150"], frames.decoded("vrrp.virt_rtr_id", "vrrp.prio"))

    def test_a_node_that_is_cut_off_loses_the_address_to_the_other(self):
        lan = self.segment()
        one, two = self.host("one", lan, "10.0.0.1/24"), self.host("two", lan, "10.0.0.2/24")
        Keepalived(one, keepalived(150, "one"))
        Keepalived(two, keepalived(100, "two"))
        wait_for(lambda: one.has_address("10.0.0.100"), 5, "the higher priority is Active")
        lan.isolate(one)
        wait_for(lambda: two.has_address("10.0.0.100"), 3, "the other hears nothing and takes over")
        lan.isolate(one, False)
        wait_for(lambda: not two.has_address("10.0.0.100"), 3, "two Actives resolve")


if __name__ == "__main__":
    unittest.main()
