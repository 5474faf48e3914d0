#!/usr/bin/env python3
"""conf/anyvipd.service: what systemd says about it, and whether what it names is there.

    tests/conf/service_test.py [FOLDER of anyvipd and anyvip]      default: build/release
"""
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = ROOT / "conf" / "anyvipd.service"
FOLDER = ROOT / "build" / "release"

OURS = ("anyvipd", "anyvip")


def settings(text):
    """{key: [values]} of the unit, in order."""
    found = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"([A-Za-z]+)=(.*)", line):
            found.setdefault(match[1], []).append(match[2])
    return found


def help_of(*words):
    """--help of one of our binaries, or of a command of it."""
    return subprocess.run([FOLDER / words[0], *words[1:], "--help"], check=True, stdout=subprocess.PIPE, text=True,
                          timeout=20).stdout


def documented(text):
    """The text of the unit's comments, which say what else may be written into it."""
    return "\n".join(line[1:] for line in text.splitlines() if line.startswith("#"))


class Service(unittest.TestCase):
    def setUp(self):
        self.text = UNIT.read_text()
        self.unit = settings(self.text)
        self.commands = [shlex.split(line) for key in ("ExecStart", "ExecReload", "ExecStopPost")
                         for line in self.unit[key]]

    def test_systemd_finds_nothing_to_say(self):
        """With our binaries where they are now: verify also looks whether they can be executed."""
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd here")
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / UNIT.name
            copy.write_text(re.sub(r"=/usr/bin/(anyvipd?)\b", rf"={FOLDER}/\1", self.text))
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, timeout=60)
            self.assertEqual((result.returncode, result.stdout), (0, ""))

    def test_systemd_would_notice_a_mistake(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd here")
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / UNIT.name
            copy.write_text(self.text.replace("Restart=on-failure", "Restart=on-falure"))
            result = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], stdout=subprocess.PIPE,
                                    stderr=subprocess.STDOUT, text=True, timeout=60)
            self.assertIn("on-falure", result.stdout)

    def test_each_command_is_ours_with_options_that_it_has(self):
        self.assertEqual(len(self.commands), 3)
        for binary, *words in self.commands:
            name = pathlib.PurePath(binary).name
            self.assertIn(name, OURS)
            self.assertEqual(binary, f"/usr/bin/{name}")
            command = [word for word in words if not word.startswith("-")][:1] if name == "anyvip" else []
            text = help_of(name, *command)      # fails for a command that there is not
            for word in words:
                if word.startswith("--"):
                    self.assertRegex(text, rf"(?m)^\s*{re.escape(word)}\b")

    def test_its_folders_are_those_of_our_defaults(self):
        daemon, cleanup = help_of("anyvipd"), help_of("anyvip", "cleanup")
        self.assertIn(f"TEXT=/run/{self.unit['RuntimeDirectory'][0]}/anyvipd.sock\n", daemon)
        self.assertIn(f"TEXT=/var/lib/{self.unit['StateDirectory'][0]}\n", cleanup)
        self.assertIn(f"TEXT=/etc/{self.unit['ConfigurationDirectory'][0]}/anyvip.toml\n", daemon)
        documentation = (ROOT / "conf" / "anyvip.toml").read_text()
        self.assertIn(f'state_dir = "/var/lib/{self.unit["StateDirectory"][0]}"', documentation)

    def test_it_is_given_no_capability_that_it_does_not_ask_for(self):
        """The names that the daemon knows: those of the unit and, where scripts have users, of its comment."""
        known = set(re.findall(r'"(CAP_[A-Z_]+)"', (ROOT / "src/daemon/io/startup.cpp").read_text()))
        given = set(self.unit["CapabilityBoundingSet"][0].split())
        later = set(re.findall(r"CAP_[A-Z_]+", documented(self.text)))
        self.assertEqual(given, set(self.unit["AmbientCapabilities"][0].split()))
        self.assertEqual(given | later, known)
        self.assertFalse(given & later)

    def test_the_manager_waits_longer_than_the_orderly_way_out_takes(self):
        default = re.search(r'^stop_timeout = "(\d+)s"', (ROOT / "conf/anyvip.toml").read_text(), re.M)
        self.assertGreater(int(self.unit["TimeoutStopSec"][0].removesuffix("s")), int(default[1]))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        FOLDER = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
