"""anyvipd and its peers, measured from outside: from the wire, by the same sink, one after the other in one run.

    lab.py         a speaker's node and the sink's beside each other; Sink: the routers' side (native/sink.cpp)
    measure.py     what processes cost, percentiles, and the table with its ratios
    speaker.py     Speaker: what is measured, and Task: what it has to announce to whom
    speakers.py    Bare (native/bare.cpp), Anyvipd, Bird, Frr, FrrTuned, Gobgp, Openbgpd, Exabgp
    announce.py, verdict.py, startup.py, loss.py    the scenarios

Nodes, segments and processes are those of tests/interop/harness: nothing is left behind, however a run ends.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "interop"))
