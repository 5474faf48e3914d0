"""What the others saw: a client's requests, a router's table, a kernel's route and neighbour messages.

Every time is of time.monotonic(), which nodes and host share, so that one timeline can be made of all.
"""
import json
import re
import subprocess
import threading
import time


class Reader:
    """A program in a node whose output lines are kept with the time when they came."""

    def __init__(self, node, command):
        self.node, self.lines = node, []
        self.process = node.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True, bufsize=1)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line.rstrip("\n")))

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait(5)
        self.thread.join(5)

    def first(self, pattern, since=0):
        """The first line after `since` that fits, as (time, line), or None."""
        return next(((at, line) for at, line in list(self.lines) if at >= since and re.search(pattern, line)), None)


def kernel_routes(node):
    return Reader(node, "stdbuf -oL ip -o monitor route")


def neighbours(node):
    return Reader(node, "stdbuf -oL ip -o monitor neigh")


def addresses(node):
    return Reader(node, "stdbuf -oL ip -o monitor address")


class Traffic(Reader):
    """The client that requests a VIP all the time (programs/client.py)."""

    def __init__(self, node, address, interval=10, timeout=300):
        super().__init__(node, ["python3", "/srv/client.py", address, "--interval", str(interval),
                                "--timeout", str(timeout)])
        self.address, self.timeout = address, timeout

    def requests(self, since=0, until=float("inf")):
        rows = [json.loads(line) for _, line in list(self.lines)]
        return sorted((row for row in rows if since <= row["at"] < until), key=lambda row: row["at"])

    def failed(self, since=0, until=float("inf")):
        return [row for row in self.requests(since, until) if "error" in row]

    def servers(self, since=0, until=float("inf")):
        return sorted({row["from"] for row in self.requests(since, until) if "from" in row})

    def away(self, since=0, until=float("inf")):
        """How many seconds the VIP was away: from the start of the first request that failed to the start of the
        first one that succeeded, summed over the gaps; None if it is away still."""
        total, begin = 0.0, None
        for row in self.requests(since, until):
            if "error" in row:
                begin = row["at"] if begin is None else begin
            elif begin is not None:
                total, begin = total + row["at"] - begin, None
        return total if begin is None else None


def once(node, address, count=1):
    """Who answers `count` requests, in order; None for a failure."""
    text = node.out(["python3", "/srv/client.py", address, "--count", str(count), "--interval", "20",
                     "--timeout", "1000"])
    return [json.loads(line).get("from") for line in text.splitlines()]


def nexthops(node, prefix):
    """The gateways of a prefix in the node's kernel, sorted; several are ECMP."""
    family = "-6" if ":" in prefix else "-4"
    gateways = set()
    for route in json.loads(node.out(["ip", family, "-j", "route", "show", prefix]) or "[]"):
        for hop in route.get("nexthops", [route]):
            gateways.add(hop.get("gateway") or hop.get("via", {}).get("host"))
    return sorted(gateways - {None})


def frr_paths(node, prefix):
    """FRR's paths for a prefix, as dicts of next hop, MED, AS path and communities, sorted by next hop."""
    family = "ipv6" if ":" in prefix else "ipv4"
    table = node.json(["vtysh", "-c", "show bgp %s unicast %s json" % (family, prefix)]) or {}
    return sorted(({"next_hop": next((hop["ip"] for hop in path["nexthops"] if hop.get("scope") != "link-local"), ""),
                    "med": path.get("metric", path.get("med")), "as_path": path["aspath"]["string"],
                    "communities": path.get("community", {}).get("string", "")}
                   for path in table.get("paths", [])), key=lambda path: path["next_hop"])


def bird_paths(node, prefix):
    """The same of BIRD."""
    paths = []
    for line in node.exec(["birdc", "show", "route", "for", prefix, "all"]).stdout.splitlines():
        words = line.split()
        if not words:
            continue
        if "unicast" in words or line.startswith(prefix):
            paths.append({"next_hop": "", "med": None, "as_path": "", "communities": ""})
        if paths and words[0] == "BGP.next_hop:":
            paths[-1]["next_hop"] = words[1]
        elif paths and words[0] == "BGP.med:":
            paths[-1]["med"] = int(words[1])
        elif paths and words[0] == "BGP.as_path:":
            paths[-1]["as_path"] = " ".join(words[1:])
        elif paths and words[0] == "BGP.community:":
            paths[-1]["communities"] = " ".join(re.sub(r"[(),]+", " ", word).strip().replace(" ", ":")
                                                for word in words[1:])
    return sorted(paths, key=lambda path: path["next_hop"])


def link_address(node, interface):
    return json.loads(node.out(["ip", "-j", "link", "show", "dev", interface]))[0]["address"]


def has_address(node, address):
    return bool(re.search(r"inet6? %s/" % re.escape(address), node.out("ip addr")))


def neighbour(node, address):
    """The link address that a node has for an address, or None."""
    rows = json.loads(node.out(["ip", "-j", "neigh", "show", "to", address]) or "[]")
    return next((row["lladdr"] for row in rows if "lladdr" in row), None)
