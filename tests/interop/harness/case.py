"""The TestCase of every suite here, and the stage that its nodes stand on."""
import os
import pathlib
import shutil
import tempfile
import unittest

from .anyvip import ROOT
from .namespace import Node, Segment

LOGS = pathlib.Path(os.environ.get("ANYVIP_TEST_LOGS", ROOT / "build" / "logs" / "interop"))
LINES = 40


class Stage:
    """Nodes and segments that go when it closes."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="anyvip-test-"))
        self.folder.chmod(0o755)        # other people's daemons drop their privileges
        self.things = []

    def node(self, name):
        return self.keep(Node(name, self.folder))

    def segment(self, name="lan"):
        return self.keep(Segment(name, self.folder))

    def host(self, name, segment, *addresses, interface="eth0"):
        """A node with one interface in a segment: the usual case."""
        node = self.node(name)
        segment.join(node, interface, addresses)
        return node

    def keep(self, thing):
        """Anything with a destroy(), ended with the stage."""
        self.things.append(thing)
        return thing

    def close(self, failed, name):
        """After a failure the ends of the logs are printed, and all of them are kept under build/logs."""
        for thing in reversed(self.things):
            thing.destroy()
        if failed:
            for log in sorted(self.folder.glob("*/*.log")):
                lines = log.read_text(errors="replace").splitlines()[-LINES:]
                print(f"\n--- {log.relative_to(self.folder)} ({name})", *lines, sep="\n", flush=True)
            kept = LOGS / name
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(self.folder, kept, ignore=sockets)
        shutil.rmtree(self.folder)


class Case(unittest.TestCase):
    """A stage for each test."""

    def setUp(self):
        self.stage = Stage()
        self.folder, self._things = self.stage.folder, self.stage.things
        self.node, self.segment, self.host = self.stage.node, self.stage.segment, self.stage.host
        self.background = self.stage.keep
        self.addCleanup(lambda: self.stage.close(self._failed(), self.id()))

    def _failed(self):
        result = self._outcome.result
        return any(test is self for test, _ in result.failures + result.errors)


def sockets(folder, names):
    """What cannot be copied."""
    paths = {name: pathlib.Path(folder) / name for name in names}
    return [name for name, path in paths.items() if not (path.is_file() or path.is_dir())]
