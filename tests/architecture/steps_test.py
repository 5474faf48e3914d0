#!/usr/bin/env python3
"""The counting of tests/run: the closing line is believed, so it must not be able to lie."""
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import steps  # noqa: E402
from steps import Counts  # noqa: E402


def unittest_log(*endings):
    return "".join(f"Ran {number} tests in 1.0s\n\n{ending}\n" for number, ending in endings)


class Counting(unittest.TestCase):
    def test_unittest_runs_are_added_up(self):
        log = unittest_log((5, "OK"), (7, "FAILED (failures=1, errors=2, skipped=1)"))
        self.assertEqual(steps.count_unittest(None, 1, log), Counts(8, 3, 1))

    def test_a_skipped_or_expected_failure_is_not_passed(self):
        self.assertEqual(steps.count_unittest(None, 0, unittest_log((3, "OK (skipped=1, expected failures=1)"))),
                         Counts(1, 0, 2))
        self.assertFalse(Counts(1, 0, 2).good)

    def test_a_run_without_tests_has_failed(self):
        for log in ("", unittest_log((0, "OK")), unittest_log((0, "NO TESTS RAN"))):
            self.assertEqual(steps.count_unittest(None, 0, log), Counts(0, 1, 0))

    def test_a_crash_after_good_tests_has_failed(self):
        self.assertEqual(steps.count_unittest(None, 139, unittest_log((3, "OK"))), Counts(3, 1, 0))
        self.assertEqual(steps.count_step(None, 139, ""), Counts(0, 1, 0))

    def test_the_closing_line(self):
        self.assertEqual(str(Counts(1, 2, 3)), "1 passed, 2 failed, 3 skipped")


class Table(unittest.TestCase):
    def test_a_step_needs_only_what_runs_before_it(self):
        seen = set()
        for step in steps.steps():
            self.assertLessEqual(set(step.needs), seen, step.name)
            self.assertNotIn(step.name, seen)
            seen.add(step.name)

    def test_only_steps_that_wait_run_together(self):
        a, b, c, d = (steps.Step(name, [], waits=name in "bc") for name in "abcd")
        self.assertEqual(list(steps.together([a, b, c, d])), [[a], [b, c], [d]])
        self.assertEqual(list(steps.together([b, a, c])), [[b], [a], [c]])

    def test_what_waits_does_not_wait_for_what_runs_beside_it(self):
        for group in steps.together(steps.steps()):
            names = {step.name for step in group}
            for step in group:
                self.assertFalse(names & set(step.needs), step.name)

    def test_every_interop_suite_is_a_step(self):
        commands = " ".join(word for step in steps.steps() for word in step.command)
        for suite in sorted((steps.ROOT / "tests" / "interop").glob("*_test.py")):
            self.assertIn(suite.stem, commands)

    def test_unittest_understands_every_command_that_is_given_to_it(self):
        for step in steps.steps():
            if "unittest" not in step.command:
                continue
            # Behind umlrun's own words stands the same kind of command.
            command = step.command[step.command.index(steps.PYTHON):]
            with self.subTest(step.name):
                asked = subprocess.run([*command, "-k", "no_test_has_this_name"], cwd=steps.ROOT / step.folder,
                                       capture_output=True, text=True)
                self.assertIn("Ran 0 tests", asked.stderr)


if __name__ == "__main__":
    unittest.main()
