"""From the start of the process to the session and the last VIP, with a router that waits for it.

The speaker connects. Memory is that of two seconds later."""
import time

from . import measure
from .lab import lab, router, vip
from .measure import milliseconds
from .speaker import Task

SPEAKERS = ("anyvipd", "bird", "frr", "gobgp", "openbgpd", "exabgp")
RUNS = 3
OPTIONS = {"sizes": "1,1000", "patience": "120"}
COLUMNS = {"open": "OPEN ms", "established": "Established ms", "last": "last VIP ms", "cpu": "CPU ms",
           "resident": "RSS MiB", "processes": "processes"}


def cases(options):
    return {f"start with {size} VIP{'s' * (size != '1')}": {"size": int(size), "patience": float(options["patience"])}
            for size in options["sizes"].split(",")}


def measure_one(kind, size, patience):
    if size > kind.most:
        return f"not tried with more than {kind.most} VIPs"
    with lab(f"startup-{kind.name}") as here:
        sink = here.sink(connects=False)
        speaker = kind(here.speaker, Task([router()], [vip(number) for number in range(size)], connects=True))
        sink.expect(size)
        speaker.start()
        result = {name: milliseconds(speaker.begun, sink.wait(event, patience)["time"])
                  for name, event in (("open", "open"), ("established", "established"), ("last", "reached"))}
        time.sleep(2)
        return result | {"cpu": speaker.cpu() * 1e3, "resident": speaker.resident(), "processes": len(speaker.pids())}


def render(rows):
    return measure.table(COLUMNS, rows, "anyvipd")
