"""Waiting for a condition with a deadline."""
import os
import time

# Asking costs a process or two, and under user-mode Linux each costs tens of milliseconds of the one CPU.
INTERVAL = 0.2 if os.environ.get("UMLRUN") else 0.02


def wait_for(condition, deadline, what, interval=INTERVAL):
    """Returns the first true value of `condition()`; fails the test after `deadline` seconds.

    An exception of the condition counts as "not yet" and is shown if the time runs out: the daemon that is asked
    may not have come up.
    """
    end = time.monotonic() + deadline
    last = None
    while True:
        try:
            last = condition()
            if last:
                return last
        except (OSError, ValueError, KeyError, IndexError, RuntimeError) as error:
            last = error
        if time.monotonic() >= end:
            raise AssertionError(f"not within {deadline:g} s: {what} (last seen: {last!r})")
        time.sleep(interval)


def never(condition, duration, what, interval=max(INTERVAL, 0.05)):
    """Fails the test as soon as `condition()` is true within `duration` seconds."""
    end = time.monotonic() + duration
    while time.monotonic() < end:
        if seen := condition():
            raise AssertionError(f"must not be: {what} (seen: {seen!r})")
        time.sleep(interval)
