"""Many VIPs to one fresh session, and withdrawn again.

The speaker is started and holds its VIPs; then the router connects. Times are from Established, which is the arrival of
the speaker's first KEEPALIVE, and of a withdrawal from its cause."""
import time

from harness import wait_for

from . import measure
from .lab import HTTP, lab, router, vip
from .speaker import Task

SPEAKERS = ("bare send()", "anyvipd", "bird", "frr", "frr-tuned", "gobgp", "openbgpd", "exabgp")
RUNS = 3
OPTIONS = {"sizes": "1000,10000,100000", "patience": "120"}
COLUMNS = {"load": "loaded s", "first": "first UPDATE ms", "last": "last VIP ms", "end_of_rib": "End-of-RIB ms",
           "cpu": "CPU ms", "updates": "UPDATEs", "octets": "octets", "resident": "RSS MiB",
           "withdrawn_first": "withdrawn: first ms", "withdrawn": "withdrawn: last ms", "withdrawn_cpu": "its CPU ms",
           "withdrawn_updates": "its UPDATEs"}
MILLISECOND = 1e6


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
        # The daemon may be at work after its last octet; what it does then belongs to it.
        result = {"load": (loaded - speaker.begun) / 1e9, "first": (reached["first"] - established) / MILLISECOND,
                  "last": (reached["time"] - established) / MILLISECOND, "end_of_rib": (end - established) / MILLISECOND,
                  "cpu": (settled(speaker) - before) * 1e3, "updates": reached["updates"], "octets": reached["octets"],
                  "resident": speaker.resident()}
        if size > 1:
            before = speaker.cpu()
            sink.expect(min(kind.leaves, size))
            cause = speaker.change_all(sink, False)
            gone = sink.wait("reached", 120)
            result |= {"withdrawn_first": (gone["first"] - cause) / MILLISECOND,
                       "withdrawn": (gone["time"] - cause) / MILLISECOND, "withdrawn_updates": gone["updates"],
                       "withdrawn_cpu": (settled(speaker) - before) * 1e3}
        return result


def settled(speaker):
    """Its CPU time, once it has stopped growing by more than a tenth of a core."""
    last = [speaker.cpu()]

    def calm():
        last.append(speaker.cpu())
        return last[-1] - last[-2] < 0.02
    wait_for(calm, 60, f"{speaker.name} comes to rest", 0.2)
    return last[-1]


def render(rows):
    return measure.table(COLUMNS, rows, "anyvipd")
