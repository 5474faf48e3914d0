"""Real routers and our daemon in network namespaces, for unittest.

    namespace.py   Node: a network and mount namespace with processes in it; Segment: a bridge between nodes
    routers.py     Frr, Bird, Keepalived: Debian's daemons with a configuration of the test's own
    gobgp.py, openbgpd.py, exabgp.py    Gobgp, Openbgpd, Exabgp: likewise
    neighbor.py    Neighbor: a session as a router sees it, in no router's own words; View: what the router knows
    anyvip.py      Anyvip: our daemon, its command line and its status
    raw_bgp.py     RawBgp: one end of a BGP connection, octet by octet, for what no router would do
    observe.py     Observer: packets and the kernel's address changes in the order in which they happened;
                   Frames: what a node sent and received, decoded
    hold.py        hold_thread: one thread of a process stops, the others go on
    wait.py        wait_for: a condition with a deadline; nothing here sleeps for a guessed time
    case.py        Stage: nodes and segments that go together; Case: the unittest.TestCase with a stage for each test
    scene.py       Cell, expect: many sessions at once, each of which passes or fails on its own

Everything hangs on the lifetime of the test process: namespaces have no names, each is held by one process
that dies with its parent, and so do the daemons. A test run that is killed leaves nothing behind.
"""
from .anyvip import Anyvip, binary, speaker
from .case import Case, Stage
from .exabgp import Exabgp
from .gobgp import Gobgp
from .hold import hold_thread
from .namespace import Node, Segment, Process
from .neighbor import Neighbor
from .observe import Frames, Observer
from .openbgpd import Openbgpd
from .raw_bgp import RawBgp
from .routers import Bird, Frr, Keepalived
from .wait import never, wait_for

__all__ = ["Anyvip", "Bird", "Case", "Exabgp", "Frames", "Frr", "Gobgp", "Keepalived", "Neighbor", "Node", "Observer",
           "Openbgpd", "Process", "RawBgp", "Segment", "Stage", "binary", "hold_thread", "never", "speaker", "wait_for"]
