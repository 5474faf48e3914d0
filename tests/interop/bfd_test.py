"""BFD beside FRR's bfdd and BIRD's: it comes up, finds a dead path long before the hold time, and is never a lie.

    lb1 -- lan -- router                    single hop, both families
    lb1 -- lan -- middle -- far -- router   several hops
"""
import json
import re
import time
import unittest

from harness import Anyvip, Bird, Case, Frames, Frr, hold_thread, never, wait_for

VIP, VIP6 = "203.0.113.10", "2001:db8:f::10"
ROUTES = (f"{VIP}/32", f"{VIP6}/128")
INTERVAL, MULTIPLIER = 100, 3           # ms
DETECTION = INTERVAL * MULTIPLIER / 1000
# What comes on top of the Detection Time: the machine is a busy one, and each question to a daemon costs a process.
SLACK = 1.0
HOLD_TIME = 30
# The fastest that there is. Detection takes 30 ms; a busy machine gets a second.
FAST, AT_MOST = 10, 1.0
DOWN = 1        # RFC 5880 §4.1: the state in a packet


def anyvip(router, router6, bfd=f'{{ interval = "{INTERVAL}ms", multiplier = {MULTIPLIER} }}', more="", stall="3s"):
    peers = "".join(f"""
[[bgp.peer]]
name = "{name}"
address = "{address}"
asn = 65000
hold_time = "{HOLD_TIME}s"
connect_retry = "500ms"
idle_hold = "100ms"
families = ["{family}"]
{f"bfd = {bfd}" if bfd else ""}
{more}
""" for name, address, family in (("router", router, "ipv4"), ("router6", router6, "ipv6")))
    return f"""
[node]
name = "lb1"
propagation_wait = "100ms"
stall_timeout = "{stall}"

[bgp]
asn = 65010
router_id = "10.0.0.11"
{peers}
[[vip]]
name = "www"
address = "{VIP}"
announce = "bgp"

[[vip]]
name = "www6"
address = "{VIP6}"
announce = "bgp"
"""


class FrrWithBfd(Frr):
    def __init__(self, node, neighbors, hops=1, interval=INTERVAL):
        words = [f" neighbor {address} {word}\n" for address in neighbors for word in (
            ["remote-as 65010", "timers connect 1", "bfd", "bfd profile pace"] +
            ([f"ebgp-multihop {hops}"] if hops > 1 else []))]
        super().__init__(node, "router bgp 65000\n bgp router-id 10.0.0.1\n no bgp ebgp-requires-policy\n"
                         " bgp log-neighbor-changes\n"
                         f"{''.join(words)} address-family ipv6 unicast\n  neighbor {neighbors[1]} activate\n"
                         " exit-address-family\n", bfd=True)
        # With a neighbour bgpd takes nothing below 50 ms; a profile of bfdd may have 10.
        self.configure("bfd", "profile pace", f"detect-multiplier {MULTIPLIER}", f"receive-interval {interval}",
                       f"transmit-interval {interval}")

    def sessions(self):
        """{neighbour: what bfdd knows}"""
        text = self.vtysh("show bfd peers json")
        return {session["peer"]: session for session in json.loads(text[text.index("["):])}

    def bfd_state(self, neighbor):
        return self.sessions().get(neighbor, {}).get("status")

    def stop_bfd(self):
        self.bfdd.signal(19)

    def continue_bfd(self):
        self.bfdd.signal(18)


class BirdWithBfd(Bird):
    def __init__(self, node, neighbors, local=("", ""), hops=1, interval=INTERVAL):
        """Over several hops it wants its own addresses to be said."""
        kind = f"multihop {hops}" if hops > 1 else "direct"
        peers = "".join(f"""
protocol bgp peer{number} {{
 local {own} as 65000;
 neighbor {address} as 65010;
 {kind};
 bfd on;
 connect delay time 1;
 connect retry time 1;
 error wait time 1, 2;
 {family} {{ import all; export none; }};
}}""" for number, (address, own, family) in enumerate(zip(neighbors, local, ("ipv4", "ipv6"))))
        pace = f"interval {interval} ms; multiplier {MULTIPLIER};"
        self.neighbors = neighbors
        super().__init__(node, f"""log stderr all;
router id 10.0.0.1;
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; }}
protocol bfd {{ interface "*" {{ {pace} }}; multihop {{ {pace} }}; }}
{peers}
""")

    def established(self, neighbor):
        return super().established(f"peer{self.neighbors.index(neighbor)}")

    def bfd_state(self, neighbor):
        found = re.search(rf"^{re.escape(neighbor)}\s+\S+\s+(\S+)", self.birdc("show bfd sessions"), re.M)
        return found[1].lower() if found else None

    def stop_bfd(self):
        self.birdc("disable bfd1")

    def continue_bfd(self):
        self.birdc("enable bfd1")


class LanCase:
    """One hop between our daemon and the router; `make_router` is the router's own."""

    ROUTER, ROUTER6 = "10.0.0.1", "2001:db8::1"
    NODE, NODE6 = "10.0.0.11", "2001:db8::11"

    def setUp(self):
        super().setUp()
        self.lan = self.segment("lan")
        self.router = self.host("router", self.lan, "10.0.0.1/24", "2001:db8::1/64")
        self.lb1 = self.host("lb1", self.lan, "10.0.0.11/24", "2001:db8::11/64")

    def begin(self, **words):
        self.peer = self.make_router(self.router, [self.NODE, self.NODE6])
        self.daemon = Anyvip(self.lb1, anyvip(self.ROUTER, self.ROUTER6, **words))
        self.wait_up()

    def ours(self, name="router"):
        (peer,) = [peer for peer in self.daemon.status()["peers"] if peer["name"] == name]
        return peer

    def up(self):
        return all(self.peer.bfd_state(node) == "up" and self.peer.established(node) for node in (self.NODE, self.NODE6)) \
            and all(self.ours(name)["bfd"]["state"] == "Up" and self.ours(name)["state"] == "Established"
                    for name in ("router", "router6")) and all(self.peer.has_route(route) for route in ROUTES)

    def wait_up(self, deadline=20):
        wait_for(self.up, deadline, "BFD and BGP are up at both ends, in both families, and the routes are there")

    def gone(self):
        return not any(self.peer.has_route(route) for route in ROUTES)


class BfdCase(LanCase):
    """What both routers must show."""

    def assert_left(self, since, reason):
        """Within the Detection Time, which the hold time is a hundred of: at both ends."""
        wait_for(lambda: self.ours()["state"] != "Established", DETECTION + SLACK, "our session has ended")
        wait_for(self.gone, DETECTION + SLACK, "the routes left the router's table")
        self.assertLess(time.monotonic() - since, 2 * (DETECTION + SLACK))
        self.assertIn(reason, self.ours()["last_error"])

    def test_it_comes_up_with_what_both_ends_want(self):
        self.begin()
        for name in ("router", "router6"):
            bfd = wait_for(lambda: self.settled(self.ours(name)["bfd"]), 5, "the intervals are negotiated")
            self.assertEqual(bfd["detection_time_ms"], INTERVAL * MULTIPLIER)
            self.assertEqual(bfd["counters"]["times_failed"], 0)
        text = self.daemon.command("status")
        self.assertIn("BFD", text)
        self.assertTrue(all(len(line) <= 80 for line in text.splitlines()), "readable in 80 columns")
        # And it stays so.
        never(lambda: not self.up(), 3, "a session flapped")

    @staticmethod
    def settled(bfd):
        return bfd if bfd["transmit_interval_ms"] == INTERVAL and bfd["receive_interval_ms"] == INTERVAL else None

    def test_a_path_that_is_cut_is_left_in_a_detection_time_and_found_again(self):
        self.begin()
        self.lan.isolate(self.lb1)
        since = time.monotonic()
        self.assert_left(since, "BFD down")
        self.lan.isolate(self.lb1, False)
        self.wait_up(10)
        self.assertGreaterEqual(self.ours()["bfd"]["counters"]["times_failed"], 1)

    def test_bfd_that_is_dropped_while_tcp_goes_on_takes_the_session_down_once(self):
        self.begin()
        self.lb1.run("nft add table inet test")
        self.lb1.run(["nft", "add chain inet test in { type filter hook input priority 0; }"])
        self.lb1.run(["nft", f"add rule inet test in udp dport {self.PORT} drop"])
        since = time.monotonic()
        self.assert_left(since, "BFD down")
        # BFD that is not up keeps no BGP down.
        wait_for(lambda: self.ours()["state"] == "Established", 10, "BGP is there again, without BFD")
        self.lb1.run("nft delete table inet test")
        self.wait_up(10)
        never(lambda: self.ours()["state"] != "Established", 1, "BFD that comes up ended a session")

    PORT = 3784

    def test_a_decision_loop_that_hangs_is_down_at_the_router(self):
        self.begin(stall="1s")
        holder = hold_thread(self.daemon.process, "anyvipd")     # The decision loop is the main thread's.
        # stall_timeout, and what the newest lease had left of it.
        wait_for(lambda: self.peer.bfd_state(self.NODE) != "up", 1 + SLACK, "the router hears Down")
        wait_for(self.gone, 1 + SLACK, "and leaves")
        # Down and not dead: packets go on.
        never(lambda: self.peer.bfd_state(self.NODE) == "up", 1, "a hung node looked alive")
        holder.kill()
        self.wait_up(20)

    def test_a_daemon_that_was_starved_does_not_think_that_the_router_is_dead(self):
        # The router waits for 3 s; we would for 300 ms.
        self.begin(bfd='{ interval = "100ms", multiplier = 30 }')
        for _ in range(3):
            self.daemon.process.signal(19)
            time.sleep(1)       # What is tested: a second in which it does not run.
            self.daemon.process.signal(18)
            never(lambda: not self.up(), 1, "a session ended because we slept")
        for name in ("router", "router6"):
            self.assertEqual(self.ours(name)["bfd"]["counters"]["times_failed"], 0)

    def test_a_reload_with_other_intervals_flaps_nothing(self):
        self.begin()
        self.daemon.reload(anyvip(self.ROUTER, self.ROUTER6, bfd='{ interval = "200ms", multiplier = 5 }'))
        wait_for(lambda: self.ours()["bfd"]["detection_time_ms"] == 200 * MULTIPLIER, 5, "the slower interval is agreed on")
        never(lambda: not self.up(), 1, "a session flapped")
        self.daemon.reload(anyvip(self.ROUTER, self.ROUTER6))
        wait_for(lambda: self.ours()["bfd"]["detection_time_ms"] == INTERVAL * MULTIPLIER, 5, "and the faster one again")
        never(lambda: not self.up(), 1, "a session flapped")
        self.assertEqual(self.ours()["bfd"]["counters"]["times_up"], 1)


    def test_strict_mode_does_not_wait_for_a_router_that_does_not_offer_it(self):
        self.begin(bfd=f'{{ interval = "{INTERVAL}ms", multiplier = {MULTIPLIER}, strict = true }}')
        self.assertNotIn("bfd-strict-mode", self.ours()["negotiated"])
        self.lb1.run("nft add table inet test")
        self.lb1.run(["nft", "add chain inet test in { type filter hook input priority 0; }"])
        self.lb1.run(["nft", f"add rule inet test in udp dport {self.PORT} drop"])
        self.assert_left(time.monotonic(), "BFD down")
        wait_for(lambda: self.ours()["state"] == "Established", 10, "BGP is there again, without BFD")


class Strict(Case):
    """Two of us, which both offer to wait for BFD: nobody else at hand does."""

    def setUp(self):
        super().setUp()
        self.lan = self.segment("lan")
        self.nodes = [self.host(f"lb{number}", self.lan, f"10.0.0.1{number}/24") for number in (1, 2)]

    def begin(self, hold_time="30s"):
        self.daemons = [Anyvip(node, self.config(number, 3 - number, hold_time))
                        for number, node in enumerate(self.nodes, 1)]

    @staticmethod
    def config(number, other, hold_time):
        return f"""
[bgp]
asn = 6501{number}
router_id = "10.0.0.1{number}"
listen = ["0.0.0.0"]

[[bgp.peer]]
name = "other"
address = "10.0.0.1{other}"
asn = 6501{other}
hold_time = "{hold_time}"
connect_retry = "500ms"
idle_hold = "100ms"
bfd = {{ interval = "100ms", multiplier = 3, strict = true }}

[[vip]]
name = "www"
address = "203.0.113.{number}"
announce = "bgp"
"""

    def peers(self):
        return [daemon.status()["peers"][0] for daemon in self.daemons]

    def established(self):
        return all(peer["state"] == "Established" for peer in self.peers())

    def drop_bfd(self):
        self.nodes[0].run("nft add table inet test")
        self.nodes[0].run(["nft", "add chain inet test in { type filter hook input priority 0; }"])
        self.nodes[0].run(["nft", "add rule inet test in udp dport 3784 drop"])

    def test_a_session_comes_with_bfd_and_not_before(self):
        self.drop_bfd()
        self.begin()
        wait_for(lambda: all(peer["waits_for_bfd"] for peer in self.peers()), 15, "both wait for BFD")
        self.assertEqual([peer["state"] for peer in self.peers()], ["OpenSent", "OpenSent"])
        self.assertIn("bfd-strict-mode", self.peers()[0]["negotiated"])
        self.assertRegex(self.daemons[0].command("status"), r"waits for\s+BFD")
        never(self.established, 2, "a session without BFD")
        self.nodes[0].run("nft delete table inet test")
        wait_for(self.established, 5, "the session came with BFD")
        self.assertEqual([peer["counters"]["sessions"] for peer in self.peers()], [1, 1])
        # And it goes with it, and stays away.
        self.drop_bfd()
        wait_for(lambda: not self.established(), DETECTION + SLACK, "BFD took the session down")
        never(self.established, 3, "it came back without BFD")
        self.nodes[0].run("nft delete table inet test")
        wait_for(self.established, 10, "it came back with BFD")

    def test_a_wait_without_end_ends_with_cease_bfd_down(self):
        self.drop_bfd()
        self.begin(hold_time="3s")
        wait_for(lambda: any("BFD Down" in (peer["last_sent"] or {}).get("text", "") for peer in self.peers()), 15,
                 "one of them has given up")
        never(self.established, 1, "a session without BFD")
        self.nodes[0].run("nft delete table inet test")
        wait_for(self.established, 15, "the next attempt found BFD")


class WithFrr(BfdCase, Case):
    def make_router(self, node, neighbors):
        return FrrWithBfd(node, neighbors)

    def test_a_router_whose_bfd_hangs_is_left_with_cease_bfd_down(self):
        self.begin()
        self.peer.stop_bfd()
        since = time.monotonic()
        wait_for(lambda: "BFD down" in (self.ours()["last_error"] or ""), DETECTION + SLACK, "our session has ended")
        self.assertLess(time.monotonic() - since, DETECTION + SLACK)
        self.assertEqual(self.ours()["bfd"]["last_failure"], "Control Detection Time Expired")
        received = rf"NOTIFICATION: received from neighbor {re.escape(self.NODE)} 6/10 "
        wait_for(lambda: re.search(received, self.peer.bgpd.output()), 5, "the router has our Cease/10")
        self.peer.continue_bfd()
        self.wait_up(20)

    def test_the_routers_admin_down_does_not_take_bgp_down(self):
        self.begin()
        self.peer.configure("bfd", f"peer {self.NODE} interface eth0", "shutdown")
        wait_for(lambda: self.ours()["bfd"]["remote_state"] == "AdminDown", 5, "we hear AdminDown")
        never(lambda: "BFD down" in (self.ours()["last_error"] or ""), 1, "AdminDown was taken for a failure")

    def test_a_stop_is_heard_as_our_cease_before_bfd_says_anything(self):
        def stop():
            self.daemon.process.signal(15)
            wait_for(lambda: "stopped node" in self.daemon.process.output(), 5, "it has said Cease")
        self.assert_cease_before_admin_down(stop, 2)

    def test_a_peer_that_is_removed_hears_our_cease_before_bfd_says_anything(self):
        other = anyvip("10.0.0.200", self.ROUTER6).replace('name = "router"', 'name = "another"')
        self.assert_cease_before_admin_down(lambda: self.daemon.reload(other), 3)

    def assert_cease_before_admin_down(self, leave, subcode):
        """FRR 8.4 and BIRD 2.0 take AdminDown for a failure: one that comes while our Cease is on its way ends the session
        without it. So this bgpd is a bit late."""
        self.begin()
        wire = Frames(self.lb1, "eth0", "udp port 3784 or tcp port 179")
        ours = f"ip.src == {self.NODE}"
        self.peer.bgpd.signal(19)
        leave()
        time.sleep(0.2)     # What is tested: some tenths of a second in which nobody reads it.
        self.peer.bgpd.signal(18)
        received = rf"NOTIFICATION: received from neighbor {re.escape(self.NODE)} 6/{subcode} "
        wait_for(lambda: re.search(received, self.peer.bgpd.output()), 5, "the router has our Cease")
        cease = self.times(wire, f"bgp.type == 3 && {ours}")[0]
        overtaking = [at - cease for at in self.times(wire, f"bfd.sta == 0 && {ours}") if at < cease + 0.5]
        self.assertEqual(overtaking, [], "AdminDown overtakes the Cease")

    @staticmethod
    def times(wire, display):
        return [float(at) for at, in wire.decoded("frame.time_epoch", display=display)]


class WithBird(BfdCase, Case):
    def make_router(self, node, neighbors):
        return BirdWithBfd(node, neighbors)


class MultihopCase(BfdCase):
    """The router is two hops away; its packets lose a part of their TTL, and go to another port."""

    ROUTER, ROUTER6 = "10.0.1.1", "2001:db8:1::1"
    PORT = 4784

    def setUp(self):
        Case.setUp(self)
        self.lan, far = self.segment("lan"), self.segment("far")
        middle = self.host("middle", self.lan, "10.0.0.254/24", "2001:db8::254/64")
        far.join(middle, "eth1", ["10.0.1.254/24", "2001:db8:1::254/64"])
        middle.sysctl("net.ipv4.ip_forward", 1)
        middle.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.router = self.host("router", far, "10.0.1.1/24", "2001:db8:1::1/64")
        self.lb1 = self.host("lb1", self.lan, "10.0.0.11/24", "2001:db8::11/64")
        for node, gateway in ((self.router, "10.0.1.254"), (self.lb1, "10.0.0.254")):
            node.run(f"ip route add default via {gateway}")
        self.router.run("ip -6 route add default via 2001:db8:1::254")
        self.lb1.run("ip -6 route add default via 2001:db8::254")

    def begin(self, **words):
        super().begin(more="multihop = 3\n", **words)

    def test_it_comes_up_with_what_both_ends_want(self):
        super().test_it_comes_up_with_what_both_ends_want()
        self.assertEqual(self.ours()["bfd"]["hops"], "multihop")

    # What does not depend on how many hops there are is shown over one.
    test_a_daemon_that_was_starved_does_not_think_that_the_router_is_dead = None
    test_a_reload_with_other_intervals_flaps_nothing = None
    test_a_decision_loop_that_hangs_is_down_at_the_router = None
    test_strict_mode_does_not_wait_for_a_router_that_does_not_offer_it = None


class MultihopWithFrr(MultihopCase, Case):
    def make_router(self, node, neighbors):
        return FrrWithBfd(node, neighbors, hops=3)


class MultihopWithBird(MultihopCase, Case):
    def make_router(self, node, neighbors):
        return BirdWithBfd(node, neighbors, (self.ROUTER, self.ROUTER6), hops=3)


class FastCase(LanCase):
    """10 ms x 3. When a packet was sent is asked of the wire: a question to a daemon takes longer than detection."""

    def setUp(self):
        super().setUp()
        self.wire = Frames(self.lb1, "eth0", "udp port 3784 or tcp port 179")
        self.begin(bfd=f'{{ interval = "{FAST}ms", multiplier = {MULTIPLIER} }}')
        self.wait_fast()

    def wait_fast(self):
        self.wait_up()
        for name in ("router", "router6"):
            wait_for(lambda of=name: self.ours(of)["bfd"]["detection_time_ms"] == FAST * MULTIPLIER, 5, "10 ms are agreed on")

    def counted(self, counter):
        return sum(self.ours(name)["bfd"]["counters"][counter] for name in ("router", "router6"))

    def detection(self, silent, noticing, since):
        """Seconds from the last packet of one end to the first in which the other says Down."""
        def found():
            packets = [(float(time_), source, int(state, 0)) for time_, source, state in self.wire.decoded(
                "frame.time_epoch", "ip.src", "bfd.sta", display=f"ip && bfd && frame.time_epoch > {since - 1}")]
            noticed = next(time_ for time_, source, state in packets
                           if source == noticing and state == DOWN and time_ > since)
            return noticed - max(time_ for time_, source, _ in packets if source == silent and time_ < noticed)

        return wait_for(lambda: collect(found), 5, f"{noticing} says Down")

    def cease(self, since):
        """Code and subcode of the NOTIFICATIONs that we sent over IPv4."""
        return self.wire.decoded("bgp.notify.major_error", "bgp.notify.minor_error_cease",
                                 display=f"bgp.type == 3 && ip.src == {self.NODE} && frame.time_epoch > {since}")

    def assert_we_notice(self, since):
        wait_for(lambda: all("BFD down" in (self.ours(name)["last_error"] or "") for name in ("router", "router6")),
                 5, "both sessions have ended")
        self.assertLess(self.detection(self.ROUTER, self.NODE, since), AT_MOST)
        wait_for(lambda: ["6", "10"] in self.cease(since), 5, "Cease/10 has left (RFC 9384)")

    # --- the sentences

    def test_it_stays_up_while_a_core_is_busy(self):
        self.lb1.start("load", ["taskset", "-c", "0", "/usr/bin/python3", "-S", "-E", "-c", "while True: pass"])
        failed, sent, since = self.counted("times_failed"), self.counted("packets_sent"), time.monotonic()
        time.sleep(5)       # What is tested: five seconds in which nobody asks the daemon, as each question costs it time.
        flaps, pace = self.counted("times_failed") - failed, (self.counted("packets_sent") - sent) / (time.monotonic() - since)
        # Who is not run for 30 ms looks dead, and a machine may be that busy: rarely.
        self.assertLessEqual(flaps, 2, "flaps in five seconds")
        # In each family: with jitter no faster than every 7.5 ms (RFC 5880 §6.8.7), and not much slower than 10.
        self.assertTrue(2 * 50 <= pace <= 2 * 134, f"{pace:.0f} packets a second")
        self.wait_fast()

    def test_a_path_that_is_cut(self):
        since = time.time()
        self.lan.isolate(self.lb1)
        self.assert_we_notice(since)
        wait_for(self.gone, AT_MOST + SLACK, "the router has noticed too")
        self.lan.isolate(self.lb1, False)
        self.wait_fast()

    def test_our_daemon_that_stops_is_noticed_by_the_router(self):
        since = time.time()
        self.daemon.process.signal(19)
        self.assertLess(self.detection(self.NODE, self.ROUTER, since), AT_MOST)
        wait_for(self.gone, AT_MOST + SLACK, "the routes left the router's table")
        self.daemon.process.signal(18)
        self.wait_fast()


def collect(found):
    """None while there is nothing to collect."""
    try:
        return found()
    except (StopIteration, ValueError):
        return None


class FastWithFrr(FastCase, Case):
    def make_router(self, node, neighbors):
        return FrrWithBfd(node, neighbors, interval=FAST)

    def test_a_killed_bfdd_is_noticed_and_bgpd_reads_cease_bfd_down(self):
        since = time.time()
        self.peer.bfdd.kill()
        self.assert_we_notice(since)
        received = rf"NOTIFICATION: received from neighbor {re.escape(self.NODE)} 6/10 "
        wait_for(lambda: re.search(received, self.peer.bgpd.output()), 5, "the router has our Cease/10")


class FastWithBird(FastCase, Case):
    def make_router(self, node, neighbors):
        return BirdWithBfd(node, neighbors, interval=FAST)


if __name__ == "__main__":
    unittest.main()
