"""Other people's daemons, as Debian packages them."""
import json
import re

from .wait import wait_for


class Frr:
    """zebra and bgpd. They find each other in the node's own /run, so many can run side by side."""

    def __init__(self, node, config):
        self.node, self.folder = node, "/run/frr"
        file = node.file("bgpd.conf", config)
        node.run("mkdir -p /run/frr")
        node.run("chown frr:frr /run/frr")
        # Without a terminal port: vtysh uses the socket.
        common = ["-P", "0", "-z", f"{self.folder}/zserv.api", "--vty_socket", self.folder,
                  "--log", "stdout", "--log-level", "informational"]
        self.zebra = node.start("zebra", ["/usr/lib/frr/zebra", *common, "-i", f"{self.folder}/zebra.pid",
                                           "-f", node.file("zebra.conf", "")])
        wait_for(lambda: node.succeeds(f"test -S {self.folder}/zserv.api"), 10, "zebra listens")
        self.bgpd = node.start("bgpd", ["/usr/lib/frr/bgpd", *common, "-i", f"{self.folder}/bgpd.pid",
                                         "-f", file])
        wait_for(lambda: self.show("show bgp summary json") is not None, 10, "bgpd answers")
        # It goes on without a line that it does not understand; a test must not.
        if "No such command" in self.bgpd.output():
            raise RuntimeError(self.bgpd.output())

    def vtysh(self, *commands):
        words = [word for command in commands for word in ("-c", command)]
        return self.node.run(["vtysh", "--vty_socket", self.folder, *words])

    def show(self, command):
        text = self.vtysh(command)
        return json.loads(text[text.index("{"):])

    def established(self, peer):
        return self.show(f"show bgp neighbors {peer} json")[peer]["bgpState"] == "Established"

    def paths(self, prefix):
        """bgpd's paths to exactly this prefix: [] when there is none."""
        family = "ipv6" if ":" in prefix else "ipv4"
        found = self.show(f"show bgp {family} unicast {prefix} json")
        return found.get("paths", []) if found.get("prefix") == prefix else []

    def has_route(self, prefix):
        return bool(self.paths(prefix))

    def attributes(self, prefix):
        """What the one path to this prefix carries."""
        (path,) = self.paths(prefix)
        return {"next_hop": [hop["ip"] for hop in path["nexthops"] if hop.get("scope") != "link-local"],
                "as_path": path["aspath"]["string"].split(), "med": path.get("metric"), "origin": path["origin"].upper(),
                "communities": sorted(path.get("community", {}).get("string", "").split()),
                "large_communities": sorted(path.get("largeCommunity", {}).get("string", "").split())}

    def session(self, peer):
        """Counters and times of the session, which change when it is torn down."""
        return self.show(f"show bgp neighbors {peer} json")[peer]

    def updates_received(self, peer):
        return self.session(peer)["messageStats"]["updatesRecv"]

    def configure(self, *lines):
        self.vtysh("configure terminal", *lines)

    def next_hops(self, prefix):
        return sorted(hop["ip"] for path in self.paths(prefix) for hop in path["nexthops"] if hop.get("used", True)
                      and hop.get("scope") != "link-local")


class Bird:
    def __init__(self, node, config):
        self.node = node
        self.process = node.start("bird", ["bird", "-f", "-c", node.file("bird.conf", config), "-s", "/run/bird.ctl"])
        wait_for(lambda: "Daemon is up" in self.birdc("show status"), 10, "BIRD answers")

    def birdc(self, command):
        return self.node.run(["birdc", "-s", "/run/bird.ctl", *command.split()])

    def established(self, protocol):
        return bool(re.search(r"BGP state:\s+Established", self.birdc(f"show protocols all {protocol}")))

    def route(self, prefix):
        """The text of `show route all` for exactly this prefix; "" when there is none."""
        text = self.node.run(["birdc", "-s", "/run/bird.ctl", "show", "route", "all", prefix], check=False)
        return text if re.search(rf"^{re.escape(prefix)}\s", text, re.M) else ""

    def has_route(self, prefix):
        return bool(self.route(prefix))

    def attributes(self, prefix):
        text = self.route(prefix)

        def value(name):
            return " ".join(re.findall(rf"^\s+BGP\.{name}: (.*)$", text, re.M))

        def tuples(name):
            return sorted(":".join(re.split(r",\s*", item)) for item in re.findall(r"\(([^)]*)\)", value(name)))

        return {"next_hop": value("next_hop").split()[:1], "as_path": value("as_path").split(),
                "med": int(value("med") or 0), "origin": value("origin").upper(),
                "communities": tuples("community"), "large_communities": tuples("large_community")}

    def next_hops(self, prefix):
        return sorted(set(re.findall(r"^\s+BGP\.next_hop: (\S+)", self.route(prefix), re.M)))


class Keepalived:
    """Its VRRP process only."""

    def __init__(self, node, config):
        self.node = node
        self.process = node.start("keepalived", [
            "keepalived", "--vrrp", "--dont-fork", "--log-console",
            "--use-file", node.file("keepalived.conf", config),
            "--pid", "/run/keepalived.pid", "--vrrp_pid", "/run/keepalived-vrrp.pid"])
        wait_for(lambda: "Entering BACKUP STATE" in self.process.output(), 10, "keepalived's instances are up")

    def entered(self, state):
        return f"Entering {state} STATE" in self.process.output()

    def stop(self):
        return self.process.stop()

    def kill(self):
        """Parent and child: the child alone would be started again."""
        self.process.kill()
        wait_for(lambda: not any(comm(pid) == "keepalived" for pid in self.node.pids()), 2,
                 "keepalived's processes are gone")


def comm(pid):
    """The name of a process; "" when it has ended."""
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""
