"""A VIP on a segment: two of our nodes, and one of ours with keepalived, both ways round.

    one, two -- lan -- client

Expected times are worked by hand from RFC 9568 §6.1 (RFC 3768 §6.1 for version 2). With priority 100 and an
interval of 20 cs: Skew_Time = (256 - 100) * 20 / 256 = 12.19 cs, Active_Down_Interval = 3 * 20 + 12.19 = 72.19 cs.
With version 2: Skew_Time = 156 / 256 = 0.609 s, Master_Down_Interval = 3.609 s.
They are measured between time stamps that the kernel puts on packets.
"""
import dataclasses
import unittest

from harness import Anyvip, Case, Keepalived, Observer, never, wait_for
from harness.observe import (ADDRESS_ADDED, ADDRESS_REMOVED, ADVERTISEMENT, GRATUITOUS_ARP,
                             NEIGHBOR_ADVERTISEMENT)

# A loaded machine may be late by this much; it must never be early by more than the clock's grain.
LATE, EARLY = 0.15, 0.015


@dataclasses.dataclass(frozen=True)
class Kind:
    """One way to speak VRRP."""
    version: int = 3
    family: int = 4
    unicast: bool = False

    @property
    def interval(self):
        return "200ms" if self.version == 3 else "1s"

    @property
    def skew(self):
        return 0.1219 if self.version == 3 else 0.609

    @property
    def down(self):
        return 0.7219 if self.version == 3 else 3.609

    @property
    def vip(self):
        return "10.0.0.100" if self.family == 4 else "2001:db8::100"

    def address(self, number):
        """The address by which the nodes speak: IPv6 advertisements come from link-local addresses."""
        return f"10.0.0.{number}" if self.family == 4 else f"fe80::{number}"

    def __str__(self):
        return f"VRRPv{self.version} IPv{self.family} {'unicast' if self.unicast else 'multicast'}"


KINDS = [Kind(), Kind(unicast=True), Kind(family=6), Kind(family=6, unicast=True), Kind(version=2),
         Kind(version=2, unicast=True)]


def anyvip(kind, number, priority, router="", vip="", more=""):
    unicast = f'unicast_peers = ["{kind.address(3 - number)}"]' if kind.unicast else ""
    length = 24 if kind.family == 4 else 64
    # The first address of an IPv6 virtual router is link-local (RFC 9568 §5.2.9).
    local = "" if kind.family == 4 else """
[[vip]]
name = "local"
address = "fe80::100/64"
announce = "vrrp"
virtual_router = "office"
"""
    return f"""
[node]
name = "node{number}"

[[virtual_router]]
name = "office"
interface = "eth0"
vrid = 51
family = "ipv{kind.family}"
version = {kind.version}
priority = {priority}
advertise_interval = "{kind.interval}"
source = "{kind.address(number)}"
{'checksum = "pseudo_header"' if kind.version == 3 and kind.family == 4 else ""}
garp = {{ count = 2 }}
{unicast}
{router}
{local}
[[vip]]
name = "www"
address = "{kind.vip}/{length}"
announce = "vrrp"
virtual_router = "office"
{vip}
{more}
"""


def keepalived(kind, number, priority, more=""):
    unicast = f"unicast_src_ip {kind.address(number)}\n unicast_peer {{ {kind.address(3 - number)} }}" \
        if kind.unicast else ""
    addresses = f"{kind.vip}/24" if kind.family == 4 else f"fe80::100/64\n {kind.vip}/64"
    return f"""
global_defs {{
  router_id node{number}
  vrrp_garp_master_repeat 2
}}
vrrp_instance office {{
  state BACKUP
  version {kind.version}
  {"native_ipv6" if kind.family == 6 else ""}
  interface eth0
  virtual_router_id 51
  priority {priority}
  advert_int {0.2 if kind.version == 3 else 1}
  {unicast}
  virtual_ipaddress {{
   {addresses}
  }}
  {more}
}}
"""


SCRIPT = """
[[check]]
name = "service"
script = ["/usr/bin/test", "-e", "{file}"]
interval = "100ms"
timeout = "100ms"
rise = 1
fall = 2
"""


class Segment(Case):
    def setUp(self):
        super().setUp()
        self.lan = self.segment()
        self.one = self.host("one", self.lan, "10.0.0.1/24", "fe80::1/64", "2001:db8::1/64")
        self.two = self.host("two", self.lan, "10.0.0.2/24", "fe80::2/64", "2001:db8::2/64")
        self.client = self.host("client", self.lan, "10.0.0.50/24", "2001:db8::50/64")
        # The switch's view of the wire: what a node says it sent is not yet what others got.
        self.seen = self.background(Observer(self.client))

    def active(self, kind):
        return {node.name for node in (self.one, self.two) if node.has_address(kind.vip)}

    def wait_active(self, kind, node, deadline):
        wait_for(lambda: self.active(kind) == {node.name}, deadline, f"{node.name} alone has {kind.vip}")

    def answering(self, kind):
        """The MAC address that answers for the VIP on the segment."""
        if kind.family == 4:
            self.client.run("ip neigh flush dev eth0")
            text = self.client.run(f"arping -c 1 -w 1 -I eth0 {kind.vip}", check=False)
            return text.split("[")[1].split("]")[0].lower() if "[" in text else ""
        text = self.client.run(f"ndisc6 -1 -q -w 1000 {kind.vip} eth0", check=False)
        return text.strip().lower()

    def advertised(self, node):
        """An observer on the node: unicast between two nodes is not seen by a third."""
        return self.background(Observer(node))


class Pair(Segment):
    """Two of ours."""

    def pair(self, kind, one=150, two=100, **words):
        return Anyvip(self.one, anyvip(kind, 1, one, **words)), Anyvip(self.two, anyvip(kind, 2, two, **words))


def for_each_kind(cls):
    """Turns `check_NAME(self, kind)` into one test per kind."""
    for name in [name for name in vars(cls) if name.startswith("check_")]:
        for kind in KINDS:
            def test(self, check=getattr(cls, name), kind=kind):
                check(self, kind)
            label = str(kind).lower().replace(" ", "_")
            setattr(cls, f"test_{name[len('check_'):]}__{label}", test)
    return cls


@for_each_kind
class Ours(Pair):
    def check_one_is_active_and_answers_for_the_address(self, kind):
        self.pair(kind)
        self.wait_active(kind, self.one, 2 * kind.down + 2)
        self.assertEqual(wait_for(lambda: self.answering(kind), 3, "an answer for the VIP"), self.one.mac("eth0"))
        never(lambda: self.active(kind) != {"one"}, 1.5 * kind.down, "another Active, or none")

    def check_killing_the_active_moves_it_after_the_down_interval(self, kind):
        one, _ = self.pair(kind)
        wire = self.advertised(self.two)
        self.wait_active(kind, self.one, 2 * kind.down + 2)
        one.kill()
        taken = wire.first(ADVERTISEMENT, sent=True, priority=100, deadline=kind.down + 2)
        last = [event for event in wire.events(ADVERTISEMENT, sent=False, priority=150) if event["time"] < taken["time"]]
        self.assert_between(taken["time"] - last[-1]["time"], kind.down)
        wait_for(lambda: self.two.has_address(kind.vip), 1, "the address follows the advertisement")

    def check_stopping_the_active_moves_it_after_the_skew_time(self, kind):
        one, _ = self.pair(kind)
        wire = self.advertised(self.two)
        self.wait_active(kind, self.one, 2 * kind.down + 2)
        one.stop()
        leaving = wire.first(ADVERTISEMENT, sent=False, priority=0, deadline=1)
        taken = wire.first_after(leaving["time"], ADVERTISEMENT, sent=True, priority=100, deadline=kind.skew + 1)
        self.assert_between(taken["time"] - leaving["time"], kind.skew)
        self.wait_active(kind, self.two, 2)
        self.assertEqual(wait_for(lambda: self.answering(kind), 3, "an answer for the VIP"), self.two.mac("eth0"))

    def assert_between(self, took, expected):
        self.assertGreaterEqual(took, expected - EARLY)
        self.assertLessEqual(took, expected + LATE)


@for_each_kind
class Farewell(Pair):
    """RFC 9568 §6.4.3, Shutdown, of an Active that has lost the address its advertisements come from."""

    def delete_source(self, kind):
        self.one.run(f"ip address del {kind.address(1)}/{24 if kind.family == 4 else 64} dev eth0")

    def check_an_active_that_lost_its_source_still_says_goodbye(self, kind):
        one, _ = self.pair(kind)
        wire = self.advertised(self.two)
        self.wait_active(kind, self.one, 2 * kind.down + 2)
        self.delete_source(kind)
        one.stop()
        leaving = wire.first(ADVERTISEMENT, sent=False, source=kind.address(1), priority=0, deadline=1)
        taken = wire.first_after(leaving["time"], ADVERTISEMENT, sent=True, priority=100, deadline=kind.skew + 1)
        self.assertLessEqual(taken["time"] - leaving["time"], kind.skew + LATE)

    def test_losing_the_only_source_is_a_reason_to_say_goodbye(self):
        kind = Kind()
        Anyvip(self.one, anyvip(kind, 1, 150).replace('source = "10.0.0.1"', ""))
        Anyvip(self.two, anyvip(kind, 2, 100))
        self.wait_active(kind, self.one, 2 * kind.down + 2)
        self.delete_source(kind)
        self.seen.first(ADVERTISEMENT, source="10.0.0.1", priority=0, deadline=1)
        self.wait_active(kind, self.two, kind.skew + 1)


class Preemption(Pair):
    kind = Kind()

    def test_a_higher_priority_that_returns_takes_over(self):
        one, _ = self.pair(self.kind)
        self.wait_active(self.kind, self.one, 4)
        one.kill()
        wait_for(lambda: self.two.has_address(self.kind.vip), 3, "the other takes over")
        one.start()
        self.wait_active(self.kind, self.one, 4)

    def test_without_preemption_the_active_stays(self):
        one, _ = self.pair(self.kind, router="preempt = false")
        self.wait_active(self.kind, self.one, 4)
        one.stop()
        self.wait_active(self.kind, self.two, 3)
        one.start()
        never(lambda: self.active(self.kind) != {"two"}, 3, "preemption although it is off")

    def test_two_actives_after_a_partition_become_one(self):
        self.pair(self.kind)
        self.wait_active(self.kind, self.one, 4)
        self.lan.isolate(self.one)
        wait_for(lambda: self.active(self.kind) == {"one", "two"}, 3, "each side of the partition has its Active")
        self.lan.isolate(self.one, False)
        self.wait_active(self.kind, self.one, 2)

    def test_a_lost_carrier_gives_way_and_its_return_preempts(self):
        self.pair(self.kind)
        self.wait_active(self.kind, self.one, 4)
        self.lan.cut(self.one)
        self.wait_active(self.kind, self.two, 3)
        self.lan.mend(self.one)
        self.wait_active(self.kind, self.one, 4)


class Tracking(Pair):
    kind = Kind()

    def scripted(self, track):
        self.one.health = self.one.folder / "healthy"
        self.one.health.touch()
        Anyvip(self.one, anyvip(self.kind, 1, 150, vip=track, more=SCRIPT.format(file=self.one.health)))
        Anyvip(self.two, anyvip(self.kind, 2, 100))
        self.wait_active(self.kind, self.one, 4)

    def test_a_failing_required_script_takes_the_node_out(self):
        self.scripted('track = ["service"]')
        self.one.health.unlink()
        self.wait_active(self.kind, self.two, 2)
        # It leaves of its own will: priority 0, so that nobody waits for a down interval.
        self.assertTrue(self.seen.events(ADVERTISEMENT, source="10.0.0.1", priority=0))
        self.one.health.touch()
        self.wait_active(self.kind, self.one, 4)

    def test_a_failing_weighted_script_lowers_the_priority(self):
        self.scripted('track = [{ check = "service", weight = -60 }]')
        self.one.health.unlink()
        self.seen.first(ADVERTISEMENT, source="10.0.0.1", priority=90, deadline=2)
        self.wait_active(self.kind, self.two, 3)
        self.assertFalse(self.seen.events(ADVERTISEMENT, source="10.0.0.1", priority=0), "lower is not out")
        self.one.health.touch()
        self.wait_active(self.kind, self.one, 4)

    def test_a_weight_that_keeps_the_order_moves_nothing(self):
        self.scripted('track = [{ check = "service", weight = -20 }]')
        self.one.health.unlink()
        self.seen.first(ADVERTISEMENT, source="10.0.0.1", priority=130, deadline=2)
        never(lambda: self.active(self.kind) != {"one"}, 1.5, "a change of the Active router")


class Order(Pair):
    """Product rule 1, packet by packet."""

    def check_order(self, kind, announcement):
        wire = self.advertised(self.one)
        one, _ = self.pair(kind)
        self.wait_active(kind, self.one, 4)
        advertised = wire.first(ADVERTISEMENT, sent=True, priority=150)
        added = wire.first(ADDRESS_ADDED, address=kind.vip)
        announced = wire.first(announcement, sent=True, address=kind.vip)
        self.assertLess(advertised["time"], added["time"], "the advertisement goes first")
        self.assertLess(added["after"], announced["time"], "the announcement waits for the kernel")
        # Leaving: priority 0 first, then the address.
        one.stop()
        left = wire.first(ADVERTISEMENT, sent=True, priority=0)
        removed = wire.first(ADDRESS_REMOVED, address=kind.vip)
        self.assertLess(left["time"], removed["time"], "priority 0 goes before the address")
        return wire

    def test_advertisement_address_gratuitous_arp(self):
        wire = self.check_order(Kind(), GRATUITOUS_ARP)
        for event in wire.events(GRATUITOUS_ARP, sent=True, address="10.0.0.100"):
            self.assertEqual((event["ethernet_destination"], event["sender"]),
                             ("ff:ff:ff:ff:ff:ff", self.one.mac("eth0")))
        self.assertEqual(len(wire.events(GRATUITOUS_ARP, sent=True, address="10.0.0.100")), 2, "garp.count")

    def test_advertisement_address_neighbor_advertisement(self):
        wire = self.check_order(Kind(family=6), NEIGHBOR_ADVERTISEMENT)
        for event in wire.events(NEIGHBOR_ADVERTISEMENT, sent=True, address="2001:db8::100"):
            if event["destination"] == "ff02::1":
                self.assertEqual(event["flags"] & 0b011, 0b001, "Override and not Solicited")

    def test_yielding_to_another_active_removes_the_address_without_priority_0(self):
        kind = Kind()
        Anyvip(self.two, anyvip(kind, 2, 100))
        self.wait_active(kind, self.two, 4)
        Anyvip(self.one, anyvip(kind, 1, 150))
        self.wait_active(kind, self.one, 4)
        taken = self.seen.first(ADVERTISEMENT, source="10.0.0.1", priority=150)
        later = [event for event in self.seen.events(ADVERTISEMENT, source="10.0.0.2") if event["time"] > taken["time"] + 0.05]
        self.assertEqual(later, [], "the yielding router is silent")
        self.assertFalse(self.seen.events(ADVERTISEMENT, source="10.0.0.2", priority=0))

    def test_an_ipv6_address_never_comes_up_dadfailed(self):
        kind = Kind(family=6)
        wire = self.advertised(self.two)
        for node in (self.one, self.two):       # duplicate address detection as on a real interface
            node.sysctl("net.ipv6.conf.eth0.accept_dad", 1)
        one, _ = self.pair(kind)
        self.wait_active(kind, self.one, 4)
        # The dead node keeps the address and its kernel defends it: detection would find the duplicate.
        one.kill()
        wait_for(lambda: self.two.has_address(kind.vip), 3, "the other takes over")
        added = wire.first(ADDRESS_ADDED, address=kind.vip)
        self.assertTrue(added["nodad"])
        never(lambda: any(address.get("dadfailed") or address.get("tentative")
                          for text, address in self.two.addresses("eth0").items() if text.startswith(kind.vip + "/")),
              2, "an address that failed its detection")
        self.assertFalse(wire.events(ADDRESS_ADDED, address=kind.vip, dadfailed=True))


@for_each_kind
class WithKeepalived(Segment):
    def check_ours_is_active_and_hands_over_when_stopped_and_when_killed(self, kind):
        ours = Anyvip(self.one, anyvip(kind, 1, 150))
        Keepalived(self.two, keepalived(kind, 2, 100))
        self.wait_active(kind, self.one, 2 * kind.down + 3)
        never(lambda: self.active(kind) != {"one"}, 1.2 * kind.down, "keepalived does not hear us")
        ours.stop()
        self.wait_active(kind, self.two, kind.skew + 1.5)
        ours.start()
        self.wait_active(kind, self.one, 2 * kind.down + 3)
        ours.kill()
        wait_for(lambda: self.two.has_address(kind.vip), kind.down + 1.5, "keepalived takes over from the dead")

    def check_keepalived_is_active_and_hands_over_when_stopped_and_when_killed(self, kind):
        theirs = Keepalived(self.one, keepalived(kind, 1, 150))
        Anyvip(self.two, anyvip(kind, 2, 100))
        wire = self.advertised(self.two)
        self.wait_active(kind, self.one, 2 * kind.down + 3)
        never(lambda: self.active(kind) != {"one"}, 1.2 * kind.down, "we do not hear keepalived")
        theirs.stop()
        leaving = wire.first(ADVERTISEMENT, sent=False, priority=0, deadline=2)
        taken = wire.first_after(leaving["time"], ADVERTISEMENT, sent=True, priority=100, deadline=kind.skew + 1)
        self.assertGreaterEqual(taken["time"] - leaving["time"], kind.skew - EARLY)
        self.assertLessEqual(taken["time"] - leaving["time"], kind.skew + LATE)
        self.wait_active(kind, self.two, 2)
        theirs = Keepalived(self.one, keepalived(kind, 1, 150))
        self.wait_active(kind, self.one, 2 * kind.down + 3)
        theirs.kill()
        wait_for(lambda: self.two.has_address(kind.vip), kind.down + 1.5, "we take over from the dead")


class KeepalivedOptions(Segment):
    def test_keepalived_without_preemption_lets_ours_stay_and_the_reverse(self):
        kind = Kind()
        ours = Anyvip(self.two, anyvip(kind, 2, 100, router="preempt = false"))
        self.wait_active(kind, self.two, 4)
        theirs = Keepalived(self.one, keepalived(kind, 1, 150, more="nopreempt"))
        never(lambda: self.active(kind) != {"two"}, 2, "keepalived preempts although it must not")
        ours.stop()
        self.wait_active(kind, self.one, 2)
        theirs.stop()
        ours.start()
        self.wait_active(kind, self.two, 4)


if __name__ == "__main__":
    unittest.main()
