"""Two standbys and a primary behind one router, all of one AS: who announces when, as the router has it.

    primary, first (rank 100), second (rank 50) -- lan -- router

The router's table is looked at all the time: for how long two of them were announced together is counted, whatever the
test is about. With ADD-PATH the router tells of every route; without, of the best, which a standby's never is.
"""
import json
import threading
import time
import unittest

from harness import Anyvip, Bird, Case, Frr, Neighbor, never, wait_for

ROUTE = "203.0.113.10/32"
PRIMARY, FIRST, SECOND = "10.0.0.11", "10.0.0.12", "10.0.0.13"

# A standby that hears another one gives way after yield_after; the router and we need a moment more.
YIELD_AFTER = 0.5
TOGETHER_AT_MOST = YIELD_AFTER + 1.5


def configuration(address, role, add_path):
    number = address.rsplit(".", 1)[1]
    return f"""
[node]
name = "node{number}"
propagation_wait = "100ms"

[bgp]
asn = 65010
router_id = "{address}"
graceful_shutdown = "2s"

[[bgp.peer]]
name = "router"
address = "10.0.0.1"
asn = 65000
hold_time = "3s"
connect_retry = "500ms"
idle_hold = "100ms"
add_path = "{'receive' if add_path else 'off'}"

[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
learn_delay = "3s"
{role}
"""


def standby(rank):
    return f'role = "standby"\nstandby = {{ rank = {rank}, take_after = "500ms", yield_after = "{YIELD_AFTER}s" }}\n'


class Watch:
    """Looks at the router's table until it is stopped."""

    def __init__(self, look):
        self.look, self.longest, self.seen = look, 0, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        since = None
        while not self.stopping.wait(0.05):
            announced = self.look()
            if self.seen[-1:] != [announced]:
                self.seen.append(announced)
            now = time.monotonic()
            since = (since or now) if len(announced) > 1 else None
            self.longest = max(self.longest, now - since if since else 0)

    def destroy(self):
        self.stopping.set()
        self.thread.join()


class Together:
    """That two never stay announced; `make_router` and `add_path` are the subclasses'."""
    add_path = False

    def setUp(self):
        super().setUp()
        self.lan = self.segment("lan")
        self.router = self.host("router", self.lan, "10.0.0.1/24")
        neighbors = [Neighbor(f"node{number}", f"10.0.0.{number}", 65010, "10.0.0.1", "", families=("ipv4",),
                              passive=True, add_path=self.add_path) for number in (11, 12, 13)]
        self.peer = self.make_router(neighbors)
        self.nodes = {}
        self.watch = self.background(Watch(self.announced))

    def run_node(self, address, role):
        host = self.host(f"node{address.rsplit('.', 1)[1]}", self.lan, f"{address}/24")
        self.nodes[address] = Anyvip(host, configuration(address, role, self.add_path))

    def run_all(self):
        self.run_node(PRIMARY, 'role = "primary"')
        self.run_node(FIRST, standby(100))
        self.run_node(SECOND, standby(50))
        self.wait_for([PRIMARY])
        for address in (FIRST, SECOND):
            wait_for(lambda: self.vip(address)["others"] == "heard", 10, f"{address} hears the primary")

    def announced(self):
        """By whom, in the router's table."""
        return self.peer.next_hops(ROUTE)

    def vip(self, address):
        (vip,) = self.nodes[address].status()["vips"]
        return vip

    def bgp(self, address, *words):
        return json.loads(self.nodes[address].command("bgp", *words, "--json"))

    def sessions(self, address):
        (peer,) = self.nodes[address].status()["peers"]
        return peer["counters"]["sessions"]

    def wait_for(self, whom, deadline=15):
        wait_for(lambda: self.announced() == whom, deadline, f"{whom} and nobody else announces")
        never(lambda: self.announced() != whom, 2, f"it stays with {whom}")

    def never_together(self, for_longer_than=TOGETHER_AT_MOST):
        self.assertLess(self.watch.longest, for_longer_than, "two were announced together")

    def test_one_of_them_takes_when_the_primary_is_gone_and_gives_way_when_it_is_back(self):
        self.run_all()
        self.nodes[PRIMARY].kill()
        wait_for(lambda: self.announced() in ([FIRST], [SECOND]), 15, "one standby took")
        # Both may have taken at once: then the higher rank stays.
        never(lambda: len(self.announced()) != 1, 3, "there is one")
        self.nodes[PRIMARY].start()
        self.wait_for([PRIMARY])
        self.never_together()

    def test_of_two_that_take_the_higher_rank_stays(self):
        self.run_node(FIRST, standby(100))
        self.run_node(SECOND, standby(50))
        wait_for(lambda: len(self.announced()) >= 1, 15, "one took")
        taken = wait_for(lambda: len(self.announced()) == 1 and self.announced(), 10, "one stays")
        never(lambda: self.announced() != taken, 3, "and goes on to")
        (other,) = {FIRST, SECOND} - set(taken)
        self.assertEqual(self.vip(other)["others"], "heard")
        self.assertTrue(self.vip(other)["stands_by"])
        self.nodes[taken[0]].stop()
        self.wait_for([other])
        self.never_together(2 + TOGETHER_AT_MOST)


class StandbyCase(Together):
    def test_standbys_leave_it_to_the_primary(self):
        self.run_all()
        self.assertTrue(self.vip(FIRST)["stands_by"])
        self.assertIn("AS_PATH 65000 65010", self.vip(FIRST)["others_detail"])
        chain, cause = self.nodes[FIRST].explain("www")
        self.assertRegex(chain["summary"], "^www is not announced: standby leaves it to another node: router: via ")
        self.assertEqual((cause["kind"], cause["state"], chain["served"]), ("standby", "rests", False))
        # In the words of `anyvip check`; that ours is the worse one makes up for ADD-PATH.
        (warning,) = [link["text"] for link in chain["links"] if link["kind"] == "warning"]
        self.assertIn("hides another site of our AS", warning)
        self.nodes[FIRST].command("explain", "www", "--exit-code")      # it rests, and nothing is broken
        self.never_together(0.001)

    def test_what_is_told_and_heard_is_shown(self):
        self.run_all()
        wait_for(lambda: self.bgp(PRIMARY)["announcements"] == [
            {"vip": "www", "prefix": ROUTE, "peer": "router", "desired": True, "withheld": None, "sent": True,
             "acknowledged": True, "attributes": "med=0 local_pref=200", "warning": None}], 5, "the router's TCP has the route")
        (standbys,) = self.bgp(FIRST)["announcements"]
        self.assertEqual((standbys["desired"], standbys["sent"]), (False, False))
        (received,) = self.bgp(FIRST, "routes")["received"]
        (route,) = [route for route in received["routes"] if route["prefix"] == ROUTE]      # BIRD hands on its own, too
        self.assertEqual((route["refused"], route["as_path"]), ("own_as", "65000 65010"))
        self.assertIn("own as", self.nodes[FIRST].command("bgp", "routes"))
        self.assertIn("it offers", self.nodes[FIRST].command("bgp", "peer", "router"))

    def test_a_drained_primary_is_followed_before_it_goes(self):
        self.run_all()
        self.watch.seen.clear()
        self.nodes[PRIMARY].command("drain", "node")
        wait_for(lambda: PRIMARY not in self.announced(), 10, "the primary has withdrawn")
        # For graceful_shutdown it said that it would, and a standby was there when it went (RFC 8326).
        self.assertNotIn([], self.watch.seen)
        wait_for(lambda: len(self.announced()) == 1, 10, "one announces")
        self.nodes[PRIMARY].command("undrain", "node")
        self.wait_for([PRIMARY])

    def test_a_router_that_forgets_everybody_is_no_reason_to_take(self):
        self.run_all()
        self.watch.seen.clear()
        self.peer.reset_sessions()
        for address in self.nodes:
            wait_for(lambda: self.sessions(address) == 2, 10, f"another session of {address}")
        wait_for(lambda: self.announced() == [PRIMARY], 20, "the primary is back")
        never(lambda: self.announced() != [PRIMARY], 4, "it is the only one")
        self.assertEqual([], [nodes for nodes in self.watch.seen if {FIRST, SECOND} & set(nodes)], "a standby took")


class WithFrr(StandbyCase, Case):
    def make_router(self, neighbors):
        return Frr(self.router, Frr.configuration(65000, "10.0.0.1", neighbors))


class WithFrrAndAddPath(Together, Case):
    add_path, make_router = True, WithFrr.make_router


class WithBird(StandbyCase, Case):
    def make_router(self, neighbors):
        # It hands on what it hears, as a router between two sites does.
        text = Bird.configuration(65000, "10.0.0.1", neighbors)
        return Bird(self.router, text.replace("export where source = RTS_STATIC", "export all"))


class WithBirdAndAddPath(Together, Case):
    add_path, make_router = True, WithBird.make_router


if __name__ == "__main__":
    unittest.main()
