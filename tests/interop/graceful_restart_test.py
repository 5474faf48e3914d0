"""Graceful restart (RFC 4724, 8538): what a router does with our routes while we are away, and we with its.

    lb1 -- lan -- router

The router's table is looked at all the time: "no route is lost" means that none of its looks was without it.
"""
import json
import threading
import time
import unittest

from harness import Anyvip, Bird, Case, Frr, Gobgp, Neighbor, never, speaker, wait_for

WWW, DNS = "203.0.113.10/32", "203.0.113.53/32"
NODE, ROUTER = "10.0.0.11", "10.0.0.1"
ON = 'graceful_restart = "on"\n'


def configuration(restart, vips=""):
    return speaker("lb1", NODE).replace("[bgp]", '[bgp]\ngraceful_shutdown = "0s"') + restart + """
[[vip]]
name = "www"
address = "203.0.113.10"
announce = "bgp"
""" + vips


def checked_vip(file):
    """One that is healthy while there is such a file."""
    return f"""
[[vip]]
name = "dns"
address = "203.0.113.53"
announce = "bgp"
track = ["file"]

[[check]]
name = "file"
script = ["/usr/bin/test", "-e", "{file}"]
interval = "200ms"
timeout = "200ms"
rise = 1
fall = 1
"""


# Its first verdict takes 3 s.
SLOW_CHECK = """
[[check]]
name = "slow"
script = ["/bin/sleep", "3"]
interval = "5s"
timeout = "4s"
rise = 1
"""


class Watch:
    """Which of the two routes a router has, whenever that changes."""

    def __init__(self, router):
        self.router, self.seen = router, []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopping.wait(0.03):
            routes = [prefix for prefix in (WWW, DNS) if self.router.has_route(prefix)]
            if self.seen[-1:] != [routes]:
                self.seen.append(routes)

    def lost(self, prefix):
        return any(prefix not in routes for routes in self.seen)

    def destroy(self):
        self.stopping.set()
        self.thread.join()


class TableOfGobgp(Gobgp):
    def has_route(self, prefix):
        return bool(self.read().paths(prefix, NODE))


class Restarts:
    """We restart, and the router helps."""
    counts_notifications = False    # it knows RFC 8538

    def setUp(self):
        super().setUp()
        lan = self.segment()
        self.host_of_router = self.host("router", lan, f"{ROUTER}/24")
        self.peer = self.make_router(Neighbor("lb1", NODE, 65010, ROUTER, "", families=("ipv4",), graceful_restart=True))
        self.lb1 = self.host("lb1", lan, f"{NODE}/24")
        self.flag = self.lb1.file("healthy", "")
        self.daemon = None

    def begin(self, restart=ON, vips=""):
        self.daemon = Anyvip(self.lb1, configuration(restart, vips))
        prefixes = [WWW, DNS] if vips else [WWW]
        wait_for(lambda: all(self.peer.has_route(prefix) for prefix in prefixes), 20, "the router has our routes")
        self.watch = self.background(Watch(self.peer))

    def session(self):
        (peer,) = self.daemon.status()["peers"]
        return peer

    def crash(self):
        self.daemon.kill()
        wait_for(lambda: not self.established(), 5, "the router has seen the end of the session")
        return time.monotonic()

    def come_back(self):
        self.daemon.start()
        wait_for(lambda: self.session()["state"] == "Established", 15, "the session is back")

    def test_a_crash_loses_no_route(self):
        self.begin()
        self.crash()
        never(lambda: not self.peer.has_route(WWW), 2, "the router drops the route of a node that crashed")
        self.come_back()
        never(lambda: not self.peer.has_route(WWW), 3, "the router drops the route of a node that is back")
        self.assertFalse(self.watch.lost(WWW), self.watch.seen)

    def test_without_it_a_crash_loses_the_route(self):
        self.begin("")
        self.crash()
        wait_for(lambda: not self.peer.has_route(WWW), 2, "the route goes with the session")

    def test_what_failed_meanwhile_goes_when_we_are_back(self):
        self.begin(vips=checked_vip(self.flag))
        self.crash()
        self.flag.unlink()
        self.assertTrue(self.peer.has_route(DNS))
        self.come_back()
        wait_for(lambda: not self.peer.has_route(DNS), 5, "End-of-RIB ends the route of a VIP that has failed")
        never(lambda: not self.peer.has_route(WWW), 1, "and of no other")
        self.assertFalse(self.watch.lost(WWW), self.watch.seen)

    def test_the_restart_time_runs_out(self):
        self.begin(ON + 'restart_time = "4s"\n')
        since = self.crash()
        never(lambda: not self.peer.has_route(WWW), 2.5, "it is kept for restart_time")
        wait_for(lambda: not self.peer.has_route(WWW), 8, "and not for longer")
        self.assertGreater(time.monotonic() - since, 3)

    def test_an_orderly_stop_leaves_nothing(self):
        self.begin()
        self.daemon.stop()
        self.assertFalse(self.peer.has_route(WWW))
        # To a router that has not said N it is a Cease like others (RFC 8538 §3.1).
        said = wait_for(lambda: "hutdown" in self.last_words() and self.last_words(), 3, "the router has read why")
        self.assertEqual("Hard Reset" in said, self.counts_notifications, said)


class RestartsInFull(Restarts):
    """What GoBGP 3.10 does not: it looks at no F bit, and has a long-lived time of its own for each family."""

    def test_an_address_that_did_not_survive_is_no_longer_sent_to(self):
        self.begin()
        self.crash()
        self.lb1.run("ip address del 203.0.113.10/32 dev lo")
        self.assertTrue(self.peer.has_route(WWW))
        self.daemon.write(configuration(ON, SLOW_CHECK).replace('name = "www"\n', 'name = "www"\ntrack = ["slow"]\n'))
        self.come_back()
        # The F bit is clear, and End-of-RIB still waits for the verdict.
        wait_for(lambda: not self.peer.has_route(WWW), 1.5, "it goes with the new session")
        self.assertEqual(self.daemon.status()["vips"][0]["verdict"]["reason"], "check_unknown")
        wait_for(lambda: self.peer.has_route(WWW), 15, "and comes again with its verdict")

    def test_what_may_be_is_kept_for_long_as_the_last_choice(self):
        """RFC 9494: www may, dns bears NO_LLGR as everything does of which nothing else is said."""
        vips = '[[vip]]\nname = "dns"\naddress = "203.0.113.53"\nannounce = "bgp"\n'
        self.allow_long_lived()
        config = configuration(ON + 'restart_time = "3s"\nlong_lived_stale_time = "6s"\n', vips)
        self.daemon = Anyvip(self.lb1, config.replace('name = "www"\n', 'name = "www"\nbgp = { no_llgr = false }\n'))
        wait_for(lambda: self.peer.has_route(WWW) and self.peer.has_route(DNS), 20, "the router has our routes")
        self.watch = self.background(Watch(self.peer))
        since = self.crash()
        wait_for(lambda: not self.peer.has_route(DNS), 8, "what bears NO_LLGR goes with the restart time")
        self.assertGreater(time.monotonic() - since, 2)
        self.assertTrue(self.peer.has_route(WWW))
        wait_for(lambda: self.is_last_choice(WWW), 2, "the other one is marked")
        wait_for(lambda: not self.peer.has_route(WWW), 10, "for its long-lived time")
        self.assertGreater(time.monotonic() - since, 3 + 6 - 1)


class Helps:
    """The router restarts, and we help."""

    def setUp(self):
        super().setUp()
        lan = self.segment()
        self.host_of_router = self.host("router", lan, f"{ROUTER}/24")
        self.peer = self.make_router(Neighbor("lb1", NODE, 65010, ROUTER, "", families=("ipv4",)), restarts=True)
        # Another node's route of our VIP, as far as a standby can tell.
        self.peer.announce(WWW, ROUTER)
        self.lb1 = self.host("lb1", lan, f"{NODE}/24")
        self.daemon = Anyvip(self.lb1, configuration('graceful_restart = "forced"\n').replace(
            'announce = "bgp"\n', 'announce = "bgp"\nrole = "standby"\nlearn_delay = "2s"\n'))
        wait_for(lambda: self.others() == "heard" and self.session()["state"] == "Established", 20, "it hears the other")

    def others(self):
        return self.daemon.status()["vips"][0]["others"]

    def session(self):
        return self.daemon.status()["peers"][0]

    def stale(self):
        routes = json.loads(self.daemon.command("bgp", "routes", "--json"))["received"][0]["routes"]
        return {route["prefix"]: route["stale"] for route in routes}

    def test_a_standby_keeps_back_while_the_router_restarts(self):
        self.assertEqual(self.stale(), {WWW: False})
        self.assertIsNone(self.session()["kept"])
        self.kill_router()
        wait_for(lambda: self.session()["kept"] is not None, 5, "its routes are kept")
        self.assertEqual(self.stale(), {WWW: True})
        kept = self.session()["kept"]
        self.assertEqual((kept["routes"], kept["families"], kept["long_lived"]), (1, "ipv4", False))
        self.assertLessEqual(kept["time_left"], 20)
        self.assertIn("stale routes of ipv4 kept for another", self.daemon.command("bgp", "peer", "router"))
        never(lambda: self.others() != "heard" or self.daemon.status()["vips"][0]["announced"], 2, "the standby takes")
        self.start_router()
        wait_for(lambda: self.session()["state"] == "Established" and self.session()["kept"] is None, 20,
                 "it is back, and has said everything again")
        self.assertEqual(self.stale(), {WWW: False})
        self.assertEqual(self.others(), "heard")

    def test_a_router_that_stays_away_is_forgotten(self):
        self.kill_router()
        wait_for(lambda: self.stale() == {WWW: True}, 5, "its routes are kept")
        wait_for(lambda: self.stale() == {}, 25, "for its restart time")
        self.assertIsNone(self.session()["kept"])


class OfFrr:
    counts_notifications = True

    def make_router(self, neighbor, restarts=False):
        text = Frr.configuration(65000, ROUTER, [neighbor])
        if restarts:
            text = text.replace(f" neighbor {NODE} remote-as", " bgp graceful-restart\n bgp graceful-restart restart-time 20\n"
                                " bgp graceful-restart preserve-fw-state\n bgp graceful-restart select-defer-time 1\n"
                                f" neighbor {NODE} remote-as", 1)
        return Frr(self.host_of_router, text)

    def established(self):
        return self.peer.established(NODE)

    def allow_long_lived(self):
        self.peer.configure("router bgp", "bgp long-lived-graceful-restart stale-time 60")

    def is_last_choice(self, prefix):
        return "llgr-stale" in self.peer.attributes(prefix)["communities"]

    def last_words(self):
        return " ".join(line for line in self.peer.bgpd.output().splitlines() if "%NOTIFICATION" in line and NODE in line)

    def kill_router(self):
        self.peer.bgpd.kill()

    def start_router(self):
        self.peer.start_bgpd()
        self.peer.announce(WWW, ROUTER)


class OfBird:
    def make_router(self, neighbor, restarts=False):
        text = Bird.configuration(65000, ROUTER, [neighbor])
        if restarts:
            text = text.replace("connect delay time 1",
                                "graceful restart on;\n graceful restart time 20;\n connect delay time 1")
        return Bird(self.host_of_router, text)

    def established(self):
        return self.peer.established("lb1")

    def allow_long_lived(self):
        pass        # it does unless told otherwise

    def is_last_choice(self, prefix):
        return "65535:6" in self.peer.attributes(prefix)["communities"]

    def last_words(self):
        return self.peer.last_words(Neighbor("lb1", NODE, 65010, ROUTER, ""))

    def kill_router(self):
        self.peer.process.kill()

    def start_router(self):
        self.peer.start("-R")


class RestartsBesideFrr(OfFrr, RestartsInFull, Case):
    def test_the_router_is_told_what_happened(self):
        self.begin()
        self.crash()
        self.come_back()
        # Of this OPEN, R; of the one after the next loss, no longer (BGPLite set it always).
        told = wait_for(lambda: self.peer.session(NODE).get("gracefulRestartInfo"), 5, "it shows what we said")
        self.assertEqual(told["rBit"], True, told)
        self.assertEqual(told["nBit"], True, told)
        self.assertEqual(told["ipv4Unicast"]["fBit"], True, told)
        self.peer.reset_sessions()
        wait_for(lambda: self.session()["counters"]["sessions"] == 2 and self.session()["state"] == "Established", 15,
                 "another session")
        told = self.peer.session(NODE)["gracefulRestartInfo"]
        self.assertEqual((told["rBit"], told["ipv4Unicast"]["fBit"]), (False, True), told)


class RestartsBesideBird(OfBird, RestartsInFull, Case):
    pass


class RestartsBesideGobgp(Restarts, Case):
    counts_notifications = True

    def make_router(self, neighbor, restarts=False):
        self.neighbor = neighbor
        return TableOfGobgp(self.host_of_router, Gobgp.configuration(65000, ROUTER, [neighbor]))

    def established(self):
        return self.peer.read().established(NODE)

    def last_words(self):
        # Its log has the octets: Cease/9, and what it wraps.
        line = self.peer.last_words(self.neighbor)
        return "Hard Reset, shutdown" if 'Data="[6 2 ' in line and "Subcode=9" in line else line


class HelpsFrr(OfFrr, Helps, Case):
    pass


class HelpsBird(OfBird, Helps, Case):
    pass


if __name__ == "__main__":
    unittest.main()
