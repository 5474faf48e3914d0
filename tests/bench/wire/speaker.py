"""What is measured: a BGP speaker that announces VIPs."""
import dataclasses
import os
import signal
import subprocess
import time

from harness import wait_for

from . import measure
from .lab import SPEAKER

OUR_AS, ROUTERS_AS = 65001, 65002       # of the speaker, and of the sink or the router


@dataclasses.dataclass(frozen=True)
class Task:
    """What a speaker has to do, in no speaker's own words."""
    neighbors: list                     # addresses of routers
    vips: list                          # IPv4 addresses
    hold_time: int = 90
    connects: bool = False              # False: it waits for the routers
    check: tuple = None                 # (address, port) of an HTTP server that knows how /one and /all are
    check_interval: int = 1000          # ms; the daemon's own cost of a check is not what is measured
    bfd: tuple = None                   # (milliseconds, multiplier)
    graceful_restart: bool = True       # where it is needed to be sent End-of-RIB


class Speaker:
    """One daemon, or the several that belong together, on a node."""
    name = ""
    package = ""            # Debian's
    has_bfd = False
    most = 10 ** 9          # VIPs; more are not tried
    verdict = ""            # how change_one() makes a verdict, for those who read the table
    leaves = 1              # how many VIPs change_all() leaves alone
    remark = ""             # what is not fair about its figures

    def __init__(self, node, task):
        self.node, self.task = node, task
        self.begun = None               # when the first process was told to become a daemon
        self._before = set(node.pids())

    @classmethod
    def version(cls):
        return subprocess.run(["dpkg-query", "-W", "-f", "${Version}", cls.package], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True).stdout

    def start(self):
        """Returns when the processes run; their configuration need not be loaded."""
        raise NotImplementedError

    def loaded(self):
        """Does it hold all of its VIPs?"""
        raise NotImplementedError

    def change_one(self, sink, up):
        """A verdict for the first VIP; returns the time of its cause."""
        raise NotImplementedError

    def change_all(self, sink, up):
        """A verdict for all VIPs, or all but the first; returns the time of its cause."""
        raise NotImplementedError

    def launch(self, name, argv):
        """Starts a process that has entered its node already when its time begins to count."""
        gate = self.node.folder / f"{name}.gate"
        os.mkfifo(gate)
        process = self.node.start(name, ["sh", "-c", f'read go <"{gate}"; exec "$@"', "sh", *argv])
        # Without a reader there is no opening it so: the process is not yet there.
        descriptor = wait_for(lambda: os.open(gate, os.O_WRONLY | os.O_NONBLOCK), 10, f"{name} waits to begin")
        self.begun = self.begun or time.monotonic_ns()
        os.write(descriptor, b"\n")
        os.close(descriptor)
        return process

    def pids(self):
        return set(self.node.pids()) - self._before

    def cpu(self):
        return measure.cpu(self.pids())

    def resident(self):
        return measure.resident(self.pids())

    def kill(self):
        """SIGKILL, as if at once: no process is told of the end of another and says goodbye."""
        pids = self.pids()
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in pids:
                os.kill(pid, number)


def by_command(action, *words):
    """Does something that makes a verdict; returns the moment before."""
    cause = time.monotonic_ns()
    action(*words)
    return cause


def listed(template, neighbors):
    """The template once for each, with NEIGHBOR and NUMBER filled in."""
    return "".join(template.replace("NEIGHBOR", neighbor).replace("NUMBER", str(number))
                   for number, neighbor in enumerate(neighbors))


__all__ = ["OUR_AS", "ROUTERS_AS", "SPEAKER", "Speaker", "Task", "by_command", "listed"]
