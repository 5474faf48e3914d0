#!/usr/bin/python3
"""lab/demo: what it says before it begins, and that Ctrl-C in the middle leaves nothing behind.

The demo itself runs as a step of tests/run. Needs root and the binaries of build/release (or ANYVIP_BIN_DIR).
"""
import os
import signal
import subprocess
import sys
import threading
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
DEMO = os.path.join(ROOT, "lab", "demo")
sys.path.insert(0, os.path.join(ROOT, "lab"))
sys.dont_write_bytecode = True

from runner import namespaces  # noqa: E402
from runner.lab import STATE  # noqa: E402

DEADLINE = 120


def left():
    """What there is on this machine of any lab."""
    return [os.path.join(folder, name) for folder in (namespaces.DIRECTORY, STATE) if os.path.isdir(folder)
            for name in os.listdir(folder) if folder == STATE or name.startswith("clab-")]


class Demo(unittest.TestCase):
    def demo(self, *arguments):
        environment = {"ANYVIP_BIN_DIR": os.path.join(ROOT, "build", "release"), **os.environ}
        demo = subprocess.Popen([DEMO, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL, text=True)
        # A demo that hangs is a failure with its output, not a hanging test.
        watchdog = threading.Timer(DEADLINE, demo.kill)
        watchdog.start()
        self.addCleanup(watchdog.cancel)
        self.addCleanup(demo.stdout.close)
        self.addCleanup(demo.wait)
        self.addCleanup(demo.kill)
        return demo

    def interrupted(self, number):
        """Its status and all it said, when the signal comes while the client is being served."""
        demo = self.demo("l2-vrrp")
        said = ""
        for line in demo.stdout:
            said += line
            if "the client is served" in line:
                demo.send_signal(number)
        return demo.wait(), said

    def test_ctrl_c_stops_it_and_leaves_nothing(self):
        before = left()
        status, said = self.interrupted(signal.SIGINT)
        self.assertEqual(status, 130, said)
        self.assertIn("stopped; nothing is left of the lab", said)
        self.assertEqual(left(), before, said)

    def test_a_signal_of_the_system_does_the_same(self):
        before = left()
        status, said = self.interrupted(signal.SIGTERM)
        self.assertEqual(status, 130, said)
        self.assertEqual(left(), before, said)

    def test_a_lab_that_it_does_not_know_is_refused_before_anything_is_built(self):
        demo = self.demo("l4-magic")
        said = demo.stdout.read()
        self.assertEqual(demo.wait(), 2)
        self.assertIn("no demo of l4-magic", said)


if __name__ == "__main__":
    unittest.main()
