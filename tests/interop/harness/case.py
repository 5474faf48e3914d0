"""The TestCase of every suite here."""
import os
import pathlib
import shutil
import tempfile
import unittest

from .anyvip import ROOT
from .namespace import Node, Segment

LOGS = pathlib.Path(os.environ.get("ANYVIP_TEST_LOGS", ROOT / "build" / "logs" / "interop"))
LINES = 40


class Case(unittest.TestCase):
    """Makes nodes and segments that go when the test ends; a failing test prints the ends of their logs and
    keeps them under build/logs."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="anyvip-test-"))
        self.folder.chmod(0o755)        # other people's daemons drop their privileges
        self._things = []
        self.addCleanup(self._clean_up)

    def node(self, name):
        return self._keep(Node(name, self.folder))

    def segment(self, name="lan"):
        return self._keep(Segment(name, self.folder))

    def host(self, name, segment, *addresses, interface="eth0"):
        """A node with one interface in a segment: the usual case."""
        node = self.node(name)
        segment.join(node, interface, addresses)
        return node

    def background(self, thing):
        """Anything with a destroy(), ended with the test."""
        return self._keep(thing)

    def _keep(self, thing):
        self._things.append(thing)
        return thing

    def _failed(self):
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors)

    def _clean_up(self):
        for thing in reversed(self._things):
            thing.destroy()
        if self._failed():
            for log in sorted(self.folder.glob("*/*.log")):
                lines = log.read_text(errors="replace").splitlines()[-LINES:]
                print(f"\n--- {log.relative_to(self.folder)} ({self.id()})", *lines, sep="\n", flush=True)
            kept = LOGS / self.id()
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.folder, kept, ignore=sockets)
        shutil.rmtree(self.folder)


def sockets(folder, names):
    """What cannot be copied."""
    paths = {name: pathlib.Path(folder) / name for name in names}
    return [name for name, path in paths.items() if not (path.is_file() or path.is_dir())]
