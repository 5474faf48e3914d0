"""The links of a lab: each is made inside the namespaces of its ends, where names such as eth1 are free."""
from .namespaces import CommandFailed, run


def bridge(topology, node):
    """A bridge is ours to make only inside a node; one of the host must be there, as with containerlab."""
    netns = topology.netns(node.name)
    if not netns:
        try:
            run("ip", "link", "show", "dev", node.bridge, "type", "bridge")
        except CommandFailed:
            raise CommandFailed("the host has no bridge %s" % node.bridge) from None
        return
    run("ip", "-n", netns, "link", "add", node.bridge, "type", "bridge")
    run("ip", "-n", netns, "link", "set", node.bridge, "up")


def add(topology, link):
    # `ip -n A` looks for a clash of names in A; without it, an eth1 of the host would be one.
    spaces = [topology.netns(end.node) if end.node else "" for end in link.ends]
    if len(link.ends) == 1:
        run(*ip(spaces[0]), "link", "add", link.ends[0].interface, "mtu", str(link.mtu), *mac(link.ends[0]),
            "type", "dummy")
    else:
        first, second = (0, 1) if spaces[1] else (1, 0)         # the host is never named, so never second
        inside = ["netns", spaces[second]] if spaces[second] else []
        run(*ip(spaces[first]), "link", "add", link.ends[first].interface, "mtu", str(link.mtu), *mac(link.ends[first]),
            "type", "veth", "peer", "name", link.ends[second].interface, "mtu", str(link.mtu), *mac(link.ends[second]),
            *inside)
    for end, netns in zip(link.ends, spaces):
        node = topology.nodes.get(end.node)
        if node and node.kind == "bridge":
            run(*ip(netns), "link", "set", end.interface, "master", node.bridge)
        run(*ip(netns), "link", "set", end.interface, "up")


def host_interfaces(topology):
    """Interfaces in the host's namespace that a lab makes. They go with their peers, but not at once."""
    return [end.interface for link in topology.links for end in link.ends
            if not end.node or not topology.netns(end.node)]


def ip(netns):
    return ["ip", "-n", netns] if netns else ["ip"]


def mac(end):
    return ["address", end.mac] if end.mac else []
