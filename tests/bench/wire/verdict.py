"""One verdict after the other for one VIP of a thousand: from its cause to the UPDATE at every router.

The cause of anyvipd's verdict is the moment before the HTTP server answers its check, so that neither the check's
interval nor anybody's clock is inside; it shares that with the bare loop. The other speakers have no such check: theirs
is the moment before what a checker would do to them, which the table names. The arrival at a router is the kernel's time
stamp; with a hundred routers it is that of the last."""
from harness import wait_for

from . import measure
from .lab import HTTP, lab, router, vip
from .measure import milliseconds, percentile, settled
from .speaker import Task

SPEAKERS = ("bare", "anyvipd", "bird", "frr", "gobgp", "openbgpd", "exabgp")
RUNS = 3
OPTIONS = {"routers": "1,100", "vips": "1000", "verdicts": "200", "patience": "120"}
CHECK_INTERVAL = 20     # ms: how soon the next verdict can come
COLUMNS = {"p50": "withdrawn p50 ms", "p99": "p99 ms", "max": "max ms", "up_p50": "announced p50 ms",
           "up_p99": "p99 ms ", "first": "first router p50 ms", "cpu": "CPU ms a verdict", "resident": "RSS MiB"}


def cases(options):
    return {f"one verdict of {options['vips']} VIPs, to {routers} router{'s' * (routers != '1')}":
            {"routers": int(routers), "vips": int(options["vips"]), "verdicts": int(options["verdicts"]),
             "patience": float(options["patience"])} for routers in options["routers"].split(",")}


def measure_one(kind, routers, vips, verdicts, patience):
    with lab(f"verdict-{kind.name}") as here:
        sink = here.sink(routers)
        neighbors = [router(number) for number in range(routers)]
        speaker = kind(here.speaker, Task(neighbors, [vip(number) for number in range(vips)], check=HTTP,
                                         check_interval=CHECK_INTERVAL))
        speaker.start()
        wait_for(speaker.loaded, patience, f"{kind.name} has loaded {vips} VIPs", 0.1)
        sink.expect(vips)
        sink.tell("go")
        sink.wait("reached", 120)
        before = settled(speaker)
        resident = speaker.resident()
        down, up, first = [], [], []
        for _ in range(verdicts):
            for times, state in ((down, False), (up, True)):
                sink.expect(vips - 1 + state)
                cause = speaker.change_one(sink, state)
                reached = sink.wait("reached", 30)
                times.append(milliseconds(cause, reached["time"]))
                if not state:
                    first.append(milliseconds(cause, reached["first"]))
        return {"p50": percentile(down, 50), "p99": percentile(down, 99), "max": max(down), "up_p50": percentile(up, 50),
                "up_p99": percentile(up, 99), "first": percentile(first, 50), "resident": resident,
                "cpu": (speaker.cpu() - before) * 1e3 / verdicts / 2}


def render(rows):
    return measure.table(COLUMNS, rows, "anyvipd")
