#!/usr/bin/env python3
"""The README's table of routers: what writes it, and that it names the rows that the matrix has."""
import pathlib
import sys
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "interop")]
import matrix_table  # noqa: E402
import matrix_test  # noqa: E402

RESULTS = {"routers": {"FRR": "8.4.4", "BIRD": "2.0.12"}, "cells": {"GTSM": {"FRR": "works", "BIRD": "FAILED"},
                                                                   "BFD": {"FRR": "not yet"}}}


class Table(unittest.TestCase):
    def test_a_line_for_each_row_and_a_column_for_each_router(self):
        self.assertEqual(matrix_table.table(RESULTS).splitlines(),
                         ["| | FRR 8.4.4 | BIRD 2.0.12 |", "|---|---|---|", "| GTSM | works | FAILED |",
                          "| BFD | not yet | not run |"])

    def test_what_stands_between_the_marks_is_found_and_nothing_else(self):
        text = f"before\n{matrix_table.BEGIN}\nold\n{matrix_table.END}\nafter\n"
        before, block, after = matrix_table.split(text)
        self.assertEqual(block, "old")
        self.assertEqual(before + block + after, text)

    def test_a_readme_without_marks_is_refused(self):
        for text in ("", matrix_table.BEGIN + "\nold\n", "old\n" + matrix_table.END):
            with self.assertRaises(ValueError):
                matrix_table.split(text)

    def test_the_readme_has_every_row_of_the_matrix_and_nothing_that_failed(self):
        _, block, _ = matrix_table.split(matrix_table.README.read_text(encoding="utf-8"))
        rows = [line.split("|")[1].strip() for line in block.splitlines()[2:]]
        self.assertEqual(rows, [*matrix_test.Matrix.rows, *matrix_test.LATER])
        self.assertNotIn(matrix_test.FAILED, block)
        self.assertNotIn("not run", block)


if __name__ == "__main__":
    unittest.main()
