#!/usr/bin/env python3
"""The benchmarks on the wire still measure: every scenario with our daemon, small, and what its table has to hold. No
time is asserted: machines are noisy."""
import json
import pathlib
import subprocess
import tempfile
import unittest

RUN = pathlib.Path(__file__).with_name("run")


def measured(scenario, *words, speakers="anyvipd"):
    """{case: {speaker: [result]}} of one run, and what was printed."""
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        done = subprocess.run([RUN, scenario, "--speakers", speakers, "--runs", "1", "--out", out.name,
                               *(word for setting in words for word in ("--set", setting))], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return json.loads(pathlib.Path(out.name).read_text())["found"], done.stdout


class Scenarios(unittest.TestCase):
    def results(self, found):
        for case, rows in found.items():
            for speaker, results in rows.items():
                self.assertIsInstance(results, list, f"{case}: {speaker}: {results}")
                yield from results

    def test_routes_are_announced_and_withdrawn(self):
        found, text = measured("announce", "sizes=1000", speakers="bare send(),anyvipd")
        for result in self.results(found):
            self.assertGreater(result["octets"], 4000)
            self.assertGreater(result["withdrawn"], 0)
        self.assertRegex(text, r"bare send\(\).*×")

    def test_a_verdict_reaches_every_router(self):
        found, _ = measured("verdict", "routers=1,3", "vips=10", "verdicts=5")
        self.assertEqual(len(list(self.results(found))), 2)

    def test_a_start_ends_with_the_last_vip(self):
        found, _ = measured("startup", "sizes=1")
        (result,) = self.results(found)
        self.assertLess(result["open"], result["last"])

    def test_a_dead_speaker_is_lost(self):
        found, _ = measured("loss", "routers=bird", "ways=killed")
        (result,) = self.results(found)
        self.assertIsNotNone(result["gone"])


if __name__ == "__main__":
    unittest.main()
