#!/usr/bin/env python3
"""The benchmarks on the wire still measure: every scenario with our daemon, small, and what its table has to hold. No
time is asserted: machines are noisy. What can be counted is."""
import json
import pathlib
import subprocess
import tempfile
import unittest

from wire import announce, measure
from wire.measure import Figure, percentile
from wire.speakers import Bare

RUN = pathlib.Path(__file__).with_name("run")


def measured(scenario, *words, speakers="anyvipd"):
    """{case: {speaker: [result or why there is none]}} of one run, and what was printed."""
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
            for speaker, (result,) in rows.items():
                self.assertIsInstance(result, dict, f"{case}: {speaker}")
                yield result

    def test_routes_are_announced_and_withdrawn(self):
        found, text = measured("announce", "sizes=1000", speakers="bare,anyvipd")
        for result in self.results(found):
            self.assertGreater(result["octets"], 4000)
            self.assertGreater(result["withdrawn"], 0)
        self.assertRegex(text, r"bare .*×")

    def test_the_floor_sends_what_can_be_counted_beforehand(self):
        result = announce.measure_one(Bare, 50, 15)
        # RFC 4271 §4.3: 23 octets without a route, 5 for a /32, and 20 for ORIGIN, AS_PATH with one AS and NEXT_HOP. The
        # first VIP has an UPDATE of its own, and only the others are withdrawn.
        self.assertEqual((result["updates"], result["octets"]), (2, 2 * (23 + 20) + 5 * 50))
        self.assertEqual(result["withdrawn_updates"], 1)
        self.assertGreaterEqual(result["end_of_rib"], result["last"])

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


class Figures(unittest.TestCase):
    def test_a_percentile_is_the_nearest_rank(self):
        self.assertEqual(percentile(range(1, 201), 50), 100)
        self.assertEqual(percentile(range(1, 201), 99), 198)
        self.assertEqual(percentile([7], 99), 7)

    def test_a_figure_is_its_median_its_range_and_its_ratio_to_ours(self):
        ours = Figure([2.0, 1.0, 4.0])
        self.assertEqual(ours.text(), "2.00 [1.00-4.00]")
        self.assertEqual(Figure([5.0, 5.0]).text(ours), "5.00 ×2.5")
        self.assertEqual(Figure([None]).text(ours), "-")

    def test_a_run_that_failed_is_told_and_the_others_keep_their_ratios(self):
        text = measure.table({"cpu": "CPU ms"}, {"ours": [{"cpu": 2.0}], "theirs": [{"cpu": 3.0}, "late"], "other": ["no BFD"]},
                             "ours")
        rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
        self.assertEqual(rows[0], ["speaker", "CPU ms"])
        self.assertEqual(rows[2:], [["ours", "2.00"], ["theirs (1 of 2 runs failed)", "3.00 ×1.5"], ["other", "no BFD"]])


class Command(unittest.TestCase):
    def test_what_it_does_not_know_it_names(self):
        for words in (["speed"], ["loss", "--speakers", "quagga"], ["loss", "--set", "sizes=1"]):
            done = subprocess.run([RUN, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, timeout=20)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(words[-1], done.stdout)


if __name__ == "__main__":
    unittest.main()
