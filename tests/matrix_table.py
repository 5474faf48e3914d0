#!/usr/bin/env python3
"""The README's table of routers, from the result file of a run: tests/matrix_table.py

`tests/run --only matrix` writes build/logs/matrix.json and fails when README.md says something else; this writes
what the run has found between the two marks in README.md.
"""
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "build" / "logs" / "matrix.json"
BEGIN, END = "<!-- matrix: tests/matrix_table.py writes what the step matrix has found -->", "<!-- /matrix -->"


def table(results):
    """Markdown of {"routers": {name: version}, "cells": {row: {name: word}}}."""
    routers = results["routers"]
    lines = ["| | " + " | ".join(f"{name} {version}" for name, version in routers.items()) + " |",
             "|---" * (len(routers) + 1) + "|"]
    lines += [f"| {row} | " + " | ".join(cells.get(name, "not run") for name in routers) + " |"
              for row, cells in results["cells"].items()]
    return "\n".join(lines)


def split(readme):
    """(before, block, after) of README's text, the marks being in the first and the last."""
    before, begin, rest = readme.partition(BEGIN + "\n")
    block, end, after = rest.partition("\n" + END)
    if not begin or not end:
        raise ValueError("README.md has no marks of the matrix")
    return before + begin, block, end + after


def main():
    before, _, after = split(README.read_text(encoding="utf-8"))
    README.write_text(before + table(json.loads(RESULTS.read_text(encoding="utf-8"))) + after, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
