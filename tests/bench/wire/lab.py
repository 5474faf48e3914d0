"""Two nodes on a segment: the speaker, and the sink in the place of its routers."""
import contextlib
import json
import pathlib
import queue
import subprocess
import threading
import time

from harness import Stage
from harness.anyvip import ROOT

SPEAKER = "10.99.0.1"
HTTP = ("10.99.0.2", 8080)      # where the sink answers the checks
NATIVE = pathlib.Path(__file__).parent / "native"
PROGRAMS = ROOT / "build" / "bench"


def vip(number):
    """The address of a VIP; native/protocol.hpp has the same."""
    address = 0x0a100000 + number
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def router(number=0):
    """The address of a router: the sink has one for each session."""
    return f"10.99.{number // 250}.{number % 250 + 2}"


def program(name):
    """A helper of native/, compiled when its source is newer."""
    sources = [NATIVE / f"{name}.cpp", NATIVE / "protocol.hpp"]
    path = PROGRAMS / name
    if not path.exists() or path.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        PROGRAMS.mkdir(parents=True, exist_ok=True)
        subprocess.run(["g++-12", "-std=c++23", "-O2", "-Wall", "-Wextra", "-o", path, sources[0]], check=True)
    return path


class Sink:
    """native/sink.cpp on a node: `sessions` routers, which connect or wait for the speaker to."""

    def __init__(self, node, sessions=1, connects=True, hold_time=90):
        argv = [program("sink"), "connect" if connects else "listen", SPEAKER, hold_time, HTTP[1],
                *(router(number) for number in range(sessions))]
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *node.enter(argv)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        start_new_session=True)
        self.events, self.seen = queue.Queue(), []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.wait("ready", 10)

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put({"event": "ended"})

    def tell(self, command):
        self.process.stdin.write(command + "\n")

    def expect(self, number):
        """Counts from here on; what comes next is the event "reached"."""
        self.seen = []
        self.tell(f"expect {number}")
        self.wait("expecting", 10)

    def wait(self, name, deadline):
        """The first event of this name since the last expect()."""
        end = time.monotonic() + deadline
        while True:
            for event in self.seen:
                if event["event"] == name:
                    return event
            try:
                event = self.events.get(timeout=max(end - time.monotonic(), 0))
            except queue.Empty:
                raise AssertionError(f"not within {deadline:g} s: the sink says \"{name}\"; it said "
                                     f"{[event['event'] for event in self.seen[-8:]]}") from None
            if event["event"] == "ended":
                raise AssertionError("the sink has ended")
            self.seen.append(event)

    def destroy(self):
        self.process.kill()
        self.process.wait()
        self.reader.join()
        self.process.stdin.close()
        self.process.stdout.close()


class Lab:
    """A segment with the node of the speaker, and beside it what the scenario needs."""

    def __init__(self, stage):
        self.stage = stage
        self.lan = stage.segment()
        self.speaker = stage.host("speaker", self.lan, f"{SPEAKER}/16")

    def sink(self, sessions=1, **settings):
        node = self.stage.host("sink", self.lan, *(f"{router(number)}/16" for number in range(sessions)))
        return self.stage.keep(Sink(node, sessions, **settings))


@contextlib.contextmanager
def lab(name):
    """A Lab that is gone afterwards. After a failure the logs are shown and kept, as those of tests/interop are."""
    stage, failed = Stage(), True
    try:
        yield Lab(stage)
        failed = False
    except KeyboardInterrupt:
        failed = False
        raise
    finally:
        stage.close(failed, f"bench-{name}")
