"""Many VIPs to one fresh session, and withdrawn again.

The speaker is started and holds its VIPs; then the router connects. Times are from Established, which is the arrival of
the speaker's first KEEPALIVE, and of a withdrawal from its cause."""
import time

from harness import wait_for

from . import measure
from .lab import HTTP, lab, router, vip
from .measure import milliseconds, settled
from .speaker import Task

SPEAKERS = ("bare", "anyvipd", "bird", "frr", "frr-tuned", "gobgp", "openbgpd", "exabgp")
RUNS = 3
OPTIONS = {"sizes": "1000,10000,100000", "patience": "120"}
ANNOUNCED = {"load": "loaded s", "first": "first UPDATE ms", "last": "last VIP ms", "end_of_rib": "End-of-RIB ms",
             "cpu": "CPU ms", "updates": "UPDATEs", "octets": "octets", "resident": "RSS MiB"}
WITHDRAWN = {"withdrawn_first": "first withdrawn ms", "withdrawn": "last withdrawn ms", "withdrawn_cpu": "CPU ms",
             "withdrawn_updates": "UPDATEs"}


def cases(options):
    return {f"{size} VIPs to one router": {"size": int(size), "patience": float(options["patience"])}
            for size in options["sizes"].split(",")}


def measure_one(kind, size, patience):
    if size > kind.most:
        return f"not tried with more than {kind.most} VIPs"
    with lab(f"announce-{kind.name}") as here:
        sink = here.sink()
        speaker = kind(here.speaker, Task([router()], [vip(number) for number in range(size)], check=HTTP))
        speaker.start()
        wait_for(speaker.loaded, patience, f"{kind.name} has loaded {size} VIPs", 0.1)
        loaded = time.monotonic_ns()
        before = speaker.cpu()
        sink.expect(size)
        sink.tell("go")
        established = sink.wait("established", 30)["time"]
        reached = sink.wait("reached", 120)
        end = sink.wait("end_of_rib", 10)["time"]
        # It may be at work after its last octet; what it does then belongs to it.
        result = {"load": (loaded - speaker.begun) / 1e9, "first": milliseconds(established, reached["first"]),
                  "last": milliseconds(established, reached["time"]), "end_of_rib": milliseconds(established, end),
                  "cpu": (settled(speaker) - before) * 1e3, "updates": reached["updates"], "octets": reached["octets"],
                  "resident": speaker.resident()}
        if size <= kind.leaves:
            return result
        before = speaker.cpu()
        sink.expect(kind.leaves)
        cause = speaker.change_all(sink, False)
        gone = sink.wait("reached", 120)
        return result | {"withdrawn_first": milliseconds(cause, gone["first"]),
                         "withdrawn": milliseconds(cause, gone["time"]), "withdrawn_updates": gone["updates"],
                         "withdrawn_cpu": (settled(speaker) - before) * 1e3}


def render(rows):
    return (f"Announced\n\n{measure.table(ANNOUNCED, rows, 'anyvipd')}\n\n"
            f"Withdrawn\n\n{measure.table(WITHDRAWN, rows, 'anyvipd')}")
