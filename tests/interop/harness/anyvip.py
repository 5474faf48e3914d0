"""Our daemon and its command line."""
import json
import os
import pathlib
import signal
import subprocess

from .wait import wait_for

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = pathlib.Path(os.environ.get("ANYVIP_BIN_DIR", ROOT / "build" / "release"))


def binary(name):
    """anyvipd or anyvip, of the build that ANYVIP_BIN_DIR names (the release build unless told otherwise)."""
    path = FOLDER / name
    if not path.exists():
        raise RuntimeError(f"no {path}: build it, or set ANYVIP_BIN_DIR")
    return path


def check(file):
    """`anyvip check FILE`: (exit status, output)."""
    result = subprocess.run([binary("anyvip"), "check", file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, timeout=20)
    return result.returncode, result.stdout


def speaker(name, router_id):
    """The head of a configuration: a node with a session to the router at 10.0.0.1. It ends within [[bgp.peer]]."""
    return f"""
[node]
name = "{name}"
propagation_wait = "100ms"

[bgp]
asn = 65010
router_id = "{router_id}"

[[bgp.peer]]
name = "router"
address = "10.0.0.1"
asn = 65000
connect_retry = "500ms"
idle_hold = "100ms"
"""


class Anyvip:
    """anyvipd on a node, with a configuration, a socket and a state folder of its own."""

    def __init__(self, node, config, start=True):
        self.node = node
        self.socket = node.folder / "anyvip.sock"
        self.config = node.file("anyvip.toml", config)
        (node.folder / "state").mkdir(exist_ok=True)
        self.process = None
        if start:
            self.start()

    def start(self):
        if self.socket.exists():
            self.socket.unlink()        # of one that was killed: its answer would come from nobody
        self.process = self.node.start("anyvipd", [
            binary("anyvipd"), "--config", self.config, "--socket", self.socket, "--state-dir",
            self.node.folder / "state"])
        wait_for(self.answers, 10, f"anyvipd on {self.node.name} answers on its socket")

    def answers(self):
        if not self.process.running():
            raise AssertionError(f"anyvipd on {self.node.name} has ended:\n{self.process.output()[-4000:]}")
        return self.socket.exists() and bool(self.status())

    def command(self, *words, check=True):
        return self.node.run([binary("anyvip"), "--socket", self.socket, *words], check=check)

    def status(self):
        return json.loads(self.command("status", "--json"))

    def explain(self, vip):
        """The chain of a VIP, and of its links the one that the summary names (None: all is well)."""
        chain = json.loads(self.command("explain", vip, "--json"))
        return chain, None if chain["cause"] is None else chain["links"][chain["cause"]]

    def write(self, config):
        """Replaces the file as an editor does: at once."""
        new = self.node.file("anyvip.toml.new", config)
        new.rename(self.config)

    def reload(self, config=None, check=True):
        if config is not None:
            self.write(config)
        return self.command("reload", check=check)

    def hang_up(self, config):
        self.write(config)
        self.process.signal(signal.SIGHUP)

    def stop(self, deadline=12):
        """SIGTERM; the exit status must be 0."""
        status = self.process.stop(deadline)
        if status != 0:
            raise AssertionError(f"anyvipd on {self.node.name} ended with {status}:\n{self.process.output()[-4000:]}")

    def kill(self):
        self.process.kill()
