"""What a service manager and an operator have of the daemon from outside: notifications, the watchdog, recordings.

    one, two -- lan -- router (FRR)
"""
import os
import pathlib
import shutil
import signal
import socket
import unittest

from harness import Anyvip, Case, Frr, never, wait_for
from harness.anyvip import binary

KEY = "moon-shot-17"


def anyvip(number, priority):
    return f"""
[node]
name = "node{number}"
propagation_wait = "100ms"

[bgp]
asn = 65010
router_id = "10.0.0.1{number}"

[[bgp.peer]]
name = "router"
address = "10.0.0.1"
asn = 65000
connect_retry = "500ms"
idle_hold = "100ms"
password_file = "router.key"

[[virtual_router]]
name = "office"
interface = "eth0"
vrid = 51
priority = {priority}

[[vip]]
name = "www"
address = "10.0.0.100/24"
announce = ["vrrp", "bgp"]
virtual_router = "office"
"""


class Manager:
    """The service manager's end of $NOTIFY_SOCKET; a path, since an abstract name stays in its network namespace."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.setblocking(False)
        self.heard = []

    def listen(self):
        while True:
            try:
                self.heard.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return self.heard

    def destroy(self):
        self.socket.close()


class Started(Anyvip):
    """With more options and variables than the other suites need."""

    def __init__(self, node, config, options=(), environment=()):
        key = node.file("router.key", KEY)
        key.chmod(0o600)
        self.options, self.environment = options, environment
        super().__init__(node, config)

    def start(self):
        self.process = self.node.start("anyvipd", [
            "env", *self.environment, binary("anyvipd"), "--config", self.config, "--socket", self.socket,
            "--state-dir", self.node.folder / "state", *self.options])
        wait_for(self.answers, 10, f"anyvipd on {self.node.name} answers on its socket")


class Service(Case):
    def setUp(self):
        super().setUp()
        self.lan = self.segment()
        self.one = self.host("one", self.lan, "10.0.0.11/24")

    def router(self):
        return Frr(self.host("router", self.lan, "10.0.0.1/24"), "\n".join(
            ["router bgp 65000", " bgp router-id 10.0.0.1", " no bgp ebgp-requires-policy"] + [
                f" neighbor 10.0.0.11 {word}" for word in ("remote-as 65010", "timers connect 1", f"password {KEY}")]))

    def test_the_service_manager_hears_of_each_step(self):
        manager = self.background(Manager(self.folder / "notify"))
        daemon = Started(self.one, anyvip(1, 150), environment=(f"NOTIFY_SOCKET={manager.path}",))
        wait_for(lambda: "READY=1\nSTATUS=running" in manager.listen(), 5, "READY=1")
        del manager.heard[:]

        daemon.reload()
        self.assertEqual(len(manager.listen()), 2, manager.heard)
        self.assertRegex(manager.heard[0], r"^RELOADING=1\nMONOTONIC_USEC=\d+$")
        self.assertEqual(manager.heard[1], "READY=1\nSTATUS=reloaded")
        del manager.heard[:]

        good = daemon.config.read_text()
        daemon.write("nonsense")
        daemon.process.signal(signal.SIGHUP)
        wait_for(lambda: len(manager.listen()) == 2, 5, "the end of a reload")
        self.assertIn("READY=1\nSTATUS=a reload was refused", manager.heard[1])
        del manager.heard[:]

        daemon.write(good)
        daemon.stop()
        self.assertEqual(manager.listen(), ["STOPPING=1\nSTATUS=leaving in order"])

    def test_a_daemon_that_hangs_is_no_longer_heard_by_the_watchdog(self):
        manager = self.background(Manager(self.folder / "notify"))
        daemon = Started(self.one, anyvip(1, 150),
                         environment=(f"NOTIFY_SOCKET={manager.path}", "WATCHDOG_USEC=200000"))
        wait_for(lambda: manager.listen().count("WATCHDOG=1") >= 5, 5, "the watchdog is petted")
        daemon.process.signal(signal.SIGSTOP)
        before = len(manager.listen())
        never(lambda: len(manager.listen()) > before + 1, 1, "a word of a process that is stopped")  # One was on its way.
        daemon.process.signal(signal.SIGCONT)
        wait_for(lambda: len(manager.listen()) > before + 1, 5, "it is petted again")
        daemon.stop()

    def test_a_session_is_recorded_without_its_password(self):
        """What it leaves under tests/transcripts with ANYVIP_TRANSCRIPTS=FOLDER is replayed by a unit test."""
        router = self.router()
        folder = self.folder / "record"
        daemon = Started(self.one, anyvip(1, 150), options=("--record", folder))
        wait_for(lambda: router.has_route("10.0.0.100/32"), 15, "Active, and the router has the route")
        router.configure("router bgp 65000", "neighbor 10.0.0.11 shutdown")
        wait_for(lambda: not self.one.has_address("10.0.0.100"), 5, "no session, no address")
        router.configure("router bgp 65000", "no neighbor 10.0.0.11 shutdown")
        wait_for(lambda: router.has_route("10.0.0.100/32"), 15, "the route is back")
        daemon.stop()
        texts = {name: (folder / f"{name}.txt").read_text() for name in ("heartbeat", "decision", "checks", "kernel")}
        for name, text in texts.items():
            self.assertRegex(text, rf"^# anyvip \S+ {name} seed=\d+ start=\d+us\n@0\.\d+ > ")
            self.assertNotIn(KEY, text)
            self.assertNotIn("entries lost", text)
        self.assertIn("< SendPacket virtual_router=office", texts["heartbeat"])
        self.assertIn("peer=router SessionDown received Cease / Administrative Shutdown", texts["decision"])
        self.assertIn("\n< StopFinished\n", texts["decision"])
        self.assertEqual(oct((folder / "decision.txt").stat().st_mode & 0o777), "0o600")
        if target := os.environ.get("ANYVIP_TRANSCRIPTS"):
            for name in ("heartbeat", "decision"):
                shutil.copy(folder / f"{name}.txt", pathlib.Path(target) / f"hybrid-{name}.txt")

    def test_a_folder_that_cannot_be_written_costs_the_recording_alone(self):
        router = self.router()
        daemon = Started(self.one, anyvip(1, 150), options=("--record", "/proc/nowhere"))
        wait_for(lambda: router.has_route("10.0.0.100/32"), 15, "Active, and the router has the route")
        daemon.stop()
        self.assertIn("record /proc/nowhere", daemon.process.output())


if __name__ == "__main__":
    unittest.main()
