"""SIGTERM: everything is withdrawn and taken away in order, or stop_timeout ends it and says what is missing.

    lb1 -- lan -- router (FRR)
"""
import time
import unittest

from harness import Anyvip, Case, Frr, Observer, hold_thread, speaker, wait_for

VIP, OFFICE = "203.0.113.10", "10.0.0.100"
STOP_TIMEOUT = 3
CONFIG = speaker("lb1", "10.0.0.11").replace("[node]", f'[node]\nstop_timeout = "{STOP_TIMEOUT}s"').replace(
    "[bgp]", '[bgp]\ngraceful_shutdown = "200ms"') + f"""
[[virtual_router]]
name = "office"
interface = "eth0"
vrid = 51
priority = 150
advertise_interval = "200ms"

[[vip]]
name = "office"
address = "{OFFICE}/24"
announce = "vrrp"
virtual_router = "office"

[[vip]]
name = "www"
address = "{VIP}"
announce = "bgp"
"""


class Stop(Case):
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
        self.daemon = Anyvip(self.lb1, CONFIG)
        self.wait_serving()

    def wait_serving(self):
        wait_for(lambda: self.frr.has_route(f"{VIP}/32") and self.lb1.has_address(OFFICE), 20, "both VIPs are served")

    def terminate(self):
        """SIGTERM; returns when it was sent."""
        self.daemon.process.signal(15)
        return time.monotonic()

    def ended(self, since, seconds):
        """The exit status; the process must end within so many seconds."""
        status = self.daemon.process.stop(seconds - (time.monotonic() - since), number=0)
        return status, time.monotonic() - since

    def assert_withdrawn_before_the_session_ends(self):
        wait_for(lambda: not self.frr.has_route(f"{VIP}/32"), STOP_TIMEOUT - 1, "the route is withdrawn")
        self.assertTrue(self.frr.established("10.0.0.11"), "withdrawn by an UPDATE, not by the end of the session")

    def assert_not_in_order(self, status, *words):
        """It said what was missing, in the log and by its exit status."""
        self.assertNotEqual(status, 0)
        (line,) = [line for line in self.daemon.process.output().splitlines() if " stopped node " in line]
        for word in ("stop_timeout", *words):
            self.assertIn(word, line)

    def test_a_stop_in_order_leaves_nothing_and_does_not_take_stop_timeout(self):
        since = self.terminate()
        status, seconds = self.ended(since, STOP_TIMEOUT - 1)
        self.assertEqual(status, 0, self.daemon.process.output()[-4000:])
        self.assertIn("stopped node in order", self.daemon.process.output())
        self.assertFalse(self.lb1.has_address(VIP) or self.lb1.has_address(OFFICE))
        self.wire.first("advertisement", priority=0)
        self.assertFalse(self.frr.has_route(f"{VIP}/32"))
        self.assertEqual(self.frr.session("10.0.0.11")["lastNotificationReason"], "Cease/Administrative Shutdown")

    def test_a_kernel_loop_that_hangs_ends_with_stop_timeout(self):
        hold_thread(self.daemon.process, "kernel")
        since = self.terminate()
        self.assert_withdrawn_before_the_session_ends()
        self.wire.first("advertisement", priority=0)
        status, seconds = self.ended(since, STOP_TIMEOUT + 2)
        self.assertGreater(seconds, STOP_TIMEOUT, "it waited for what was missing")
        self.assert_not_in_order(status, "the virtual routers have not left", "vip=www is Removing",
                                 "the kernel loop is silent")
        self.assertIn("the kernel does not answer: leaving without it", self.daemon.process.output())
        self.assertEqual(self.frr.session("10.0.0.11")["lastNotificationReason"], "Cease/Administrative Shutdown")

    def test_what_a_former_run_left_and_cannot_be_removed_is_named(self):
        self.daemon.kill()
        self.assertTrue(self.lb1.has_address(OFFICE), "nobody took it away")
        # A list that has to be written, since it does not look as the daemon would write it, in a folder that is
        # read-only: what cannot be written down is not touched.
        state = self.lb1.folder / "state"
        with open(state / "owned", "a", encoding="ascii") as owned:
            owned.write("# looked at by hand\n")
        self.lb1.run(f"mount --bind {state} {state}")
        self.lb1.run(f"mount -o remount,bind,ro {state}")
        self.daemon.write(CONFIG.replace(OFFICE, "10.0.0.101"))
        self.daemon.start()
        left_over = f"{OFFICE}/24 on eth0 is left over"
        wait_for(lambda: left_over in self.daemon.process.output(), 5, "the log names the address at the start")
        since = self.terminate()
        status, seconds = self.ended(since, STOP_TIMEOUT + 2)
        self.assertGreater(seconds, STOP_TIMEOUT, "it waited for what was missing")
        self.assert_not_in_order(status, left_over, "Read-only file system")
        self.assertTrue(self.lb1.has_address(OFFICE))


if __name__ == "__main__":
    unittest.main()
