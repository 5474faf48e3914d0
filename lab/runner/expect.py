"""What an `expect` script is made of: sentences that become true within a deadline, told as they do.

    with expect("l3-anycast") as (lab, is_true):
        is_true("both routers have the route", lambda: ..., 20)

Run directly, an expect script runs itself by `lab/run test` on its own topology file.
"""
import contextlib
import os
import sys
import time

from .lab import Lab, LabError, Timeout, until

LAB_RUN = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", "run"))


@contextlib.contextmanager
def expect(name):
    file = os.environ.get("LAB")
    if not file:
        here = os.path.dirname(os.path.realpath(sys.argv[0]))
        os.execv(LAB_RUN, [LAB_RUN, "test", os.path.join(here, name + ".clab.yml")])
    begin = time.monotonic()

    def is_true(sentence, condition, timeout=15):
        start = time.monotonic()
        value = until(sentence, condition, timeout, 0.02)
        print("  ok %7.0f ms  %s" % (1000 * (time.monotonic() - start), sentence), flush=True)
        return value

    print("lab %s" % name, flush=True)
    try:
        yield Lab.of(file), is_true
    except (Timeout, LabError) as error:
        print("  FAILED         %s" % error, flush=True)
        sys.exit(1)
    print("lab %s: all true in %.1f s" % (name, time.monotonic() - begin), flush=True)
