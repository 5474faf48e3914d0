"""Runs a containerlab topology file with network namespaces instead of containers.

Parts, in the order in which a deploy passes them:
    places.py      YAML with the line of every key, so that an error can say where
    expand.py      ${VAR:-default} and the magic words, as containerlab expands them
    topology.py    the file as values: merged, checked, or every problem with file and line
    images.py      what an image name means on a machine without images
    namespaces.py  named network namespaces, and the processes that live in one
    init.py        PID 1 of a node: its mounts, its sysctls, its main process
    links.py       veth pairs, bridge ports, links to the host
    order.py       stages and wait-for: which step of which node is next
    lab.py         Lab: deploy, exec, inspect, destroy; the library that expect scripts use
    uml.py         does this lab need a kernel that we do not run?
    cli.py         the words of the command line

One file must mean the same here and in containerlab. So what cannot be honoured is refused, never ignored,
but for a short list of keys (topology.WITHOUT_EFFECT) which make no difference to what a lab tests.

Not implemented: the management network, kinds other than linux and bridge, link types other than veth, host
and dummy, env-files, templates.
"""
