"""One session as a router sees it, in no router's own words: each router's class writes it into its own file."""
import dataclasses

FAMILIES = ("ipv4", "ipv6")


@dataclasses.dataclass(frozen=True)
class Neighbor:
    """Our daemon, as a router is told about it. `local` and `local6` are the router's own addresses."""
    name: str
    address: str
    asn: int
    local: str
    local6: str
    families: tuple = FAMILIES
    key: str = ""               # TCP-MD5
    hops: int = 1               # to our daemon; more than 1: multihop
    ttl_security: bool = False  # GTSM, for as many hops
    passive: bool = False       # the router waits for our connection
    role: str = ""              # the router's (RFC 9234): provider, customer, peer, rs-server, rs-client
    add_path: bool = False      # several paths for a prefix, both ways
    extended_next_hop: bool = False     # IPv4 routes may have an IPv6 next hop (RFC 8950)
    graceful_restart: bool = False      # the router keeps our routes for a while (RFC 4724)
    bfd: bool = False
    dynamic: str = ""           # a prefix: the router does not know the address and waits for whoever comes from there

    @property
    def over_ipv6(self):
        return ":" in self.address

    @property
    def source(self):
        """The router's end of the session."""
        return self.local6 if self.over_ipv6 else self.local


def path(source, next_hop, as_path, origin, med=None, local_pref=None, communities=(), large_communities=()):
    """A path in a router's table, in one form for all of them."""
    return {"from": source, "next_hop": next_hop, "as_path": [str(asn) for asn in as_path], "origin": origin.upper(),
            "med": med, "local_pref": local_pref, "communities": sorted(communities),
            "large_communities": sorted(large_communities)}


class View:
    """What a router knew at one moment: `sessions` is {address of the neighbor: Established or not}, `table` is
    {prefix: [path]}."""

    def __init__(self, sessions, table):
        self.sessions, self.table = sessions, table

    def established(self, address):
        return self.sessions.get(address, False)

    def paths(self, prefix, source):
        return [found for found in self.table.get(prefix, []) if found["from"] == source]


class Router:
    """What every router can be asked beside what only it can."""

    def hurry(self, neighbor):
        """To be tried again at once: most are never slower than a second."""
