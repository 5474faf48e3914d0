"""Other people's daemons, as Debian packages them."""
import json
import re

from .neighbor import FAMILIES, Router, View, path
from .wait import wait_for


class Frr(Router):
    """zebra, bgpd and, where asked for, bfdd. They find each other in the node's own /run, so many can run side by side."""

    def __init__(self, node, config, bfd=False):
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
        if bfd:
            self.bfdd = node.start("bfdd", ["/usr/lib/frr/bfdd", *common, "-i", f"{self.folder}/bfdd.pid",
                                             "--bfdctl", f"{self.folder}/bfdd.sock", "-f", node.file("bfdd.conf", "")])
        self.command = ["/usr/lib/frr/bgpd", *common, "-i", f"{self.folder}/bgpd.pid", "-f", file]
        self.start_bgpd()
        # It goes on without a line that it does not understand; a test must not.
        if "No such command" in self.bgpd.output():
            raise RuntimeError(self.bgpd.output())

    def start_bgpd(self):
        self.bgpd = self.node.start("bgpd", self.command)
        wait_for(lambda: self.show("show bgp summary json") is not None, 10, "bgpd answers")

    @staticmethod
    def configuration(asn, router_id, neighbors):
        text = f"router bgp {asn}\n bgp router-id {router_id}\n no bgp ebgp-requires-policy\n" \
            " no bgp network import-check\n no bgp default ipv4-unicast\n bgp log-neighbor-changes\n"
        families = {name: "" for name in FAMILIES}
        for neighbor in neighbors:
            who = neighbor.name if neighbor.dynamic else neighbor.address
            words = [f"remote-as {neighbor.asn}", f"update-source {neighbor.source}", "timers connect 1"]
            words += [f"password {neighbor.key}"] if neighbor.key else []
            words += ["passive"] if neighbor.passive else []
            words += [f"local-role {neighbor.role}"] if neighbor.role else []
            words += ["bfd"] if neighbor.bfd else []
            words += ["capability extended-nexthop"] if neighbor.extended_next_hop else []
            words += ["graceful-restart-helper"] if neighbor.graceful_restart else []
            if neighbor.ttl_security:
                words += [f"ttl-security hops {neighbor.hops}"]
            elif neighbor.hops > 1:
                words += [f"ebgp-multihop {neighbor.hops}"]
            text += f" neighbor {who} peer-group\n" if neighbor.dynamic else ""
            text += "".join(f" neighbor {who} {word}\n" for word in words)
            text += f" bgp listen range {neighbor.dynamic} peer-group {who}\n" if neighbor.dynamic else ""
            for name in neighbor.families:
                families[name] += f"  neighbor {who} activate\n"
                families[name] += f"  neighbor {who} addpath-tx-all-paths\n" if neighbor.add_path else ""
        return text + "".join(f" address-family {name} unicast\n{lines} exit-address-family\n"
                              for name, lines in families.items())

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

    def reset_sessions(self):
        self.vtysh("clear bgp *")

    def updates_received(self, peer):
        return self.session(peer)["messageStats"]["updatesRecv"]

    def configure(self, *lines):
        self.vtysh("configure terminal", *lines)

    def next_hops(self, prefix):
        return sorted(hop["ip"] for path in self.paths(prefix) for hop in path["nexthops"] if hop.get("used", True)
                      and hop.get("scope") != "link-local")

    def read(self):
        sessions = {address.split("%")[0]: session["bgpState"] == "Established"
                    for address, session in self.show("show bgp neighbors json").items()}
        prefixes = [(family, prefix) for family in FAMILIES
                    for prefix in self.show(f"show bgp {family} unicast json")["routes"]]
        # Only the word about one prefix tells its communities; vtysh answers many commands in one go.
        text = self.vtysh(*(f"show bgp {family} unicast {prefix} json" for family, prefix in prefixes)) if prefixes else ""
        table = {}
        for found in documents(text):
            if "prefix" in found:           # it may have gone in between
                table[found["prefix"]] = [self.form(one) for one in found["paths"]]
        return View(sessions, table)

    @staticmethod
    def form(found):
        words = found["aspath"]["string"].replace("Local", "").split()      # "Local": there is no AS in it
        words = found["aspath"]["string"].replace("Local", "").split()      # "Local": there is no AS in it
        (hop,) = [hop["ip"] for hop in found["nexthops"] if hop.get("scope") != "link-local"]
        return path(found["peer"].get("peerId", ""), hop, words, found["origin"],
                    found.get("metric"), found.get("locPrf"), found.get("community", {}).get("string", "").split(),
                    found.get("largeCommunity", {}).get("string", "").split())

    def announce(self, route, next_hop):
        """The next hop is always its own end of the session."""
        self.configure("router bgp", f"address-family ipv{6 if ':' in route else 4} unicast", f"network {route}")

    def bfd_up(self, neighbor):
        text = self.vtysh("show bfd peers json")
        return any(session["peer"] == neighbor.address and session["status"] == "up"
                   for session in json.loads(text[text.index("["):]))

    def shut(self, neighbor, text):
        """The operator ends the session and says why (RFC 9003)."""
        self.configure("router bgp", f"neighbor {neighbor.address} shutdown message {text}")

    def open(self, neighbor):
        self.configure("router bgp", f"no neighbor {neighbor.address} shutdown")

    def ask_refresh(self, neighbor):
        for family in neighbor.families:
            self.vtysh(f"clear bgp {family} unicast {neighbor.address} soft in")

    def last_words(self, neighbor):
        """The NOTIFICATIONs of this neighbor, from the log: a neighbor of a listen range is forgotten with its session."""
        return " ".join(line for line in self.bgpd.output().splitlines()
                        if "NOTIFICATION: received" in line and f"neighbor {neighbor.address} " in line)


class Bird(Router):
    def __init__(self, node, config):
        self.node, self.announced = node, []
        self.routes = node.file("routes.conf", "")
        self.command = ["bird", "-f", "-c", self.write(config), "-s", "/run/bird.ctl"]
        self.start()

    def start(self, *options):
        """-R: it recovers from a crash, gracefully."""
        self.process = self.node.start("bird", [*self.command, *options])
        wait_for(lambda: "Daemon is up" in self.birdc("show status"), 10, "BIRD answers")

    def write(self, config):
        return self.node.file("bird.conf", f'include "{self.routes}";\n' + config)

    def configure(self, config):
        self.write(config)
        self.birdc("configure")

    @staticmethod
    def configuration(asn, router_id, neighbors):
        text = f"log stderr all;\nrouter id {router_id};\nprotocol device {{ scan time 1; }}\nprotocol direct {{ ipv4; ipv6; }}\n"
        if any(neighbor.bfd for neighbor in neighbors):
            pace = "min rx interval 300 ms; min tx interval 300 ms; multiplier 3;"
            text += f'protocol bfd {{ interface "*" {{ {pace} }}; multihop {{ {pace} }}; }}\n'
        for neighbor in neighbors:
            peer = f"range {neighbor.dynamic}" if neighbor.dynamic else neighbor.address
            lines = [f"local {neighbor.source} as {asn}", f"neighbor {peer} as {neighbor.asn}", "connect delay time 1",
                     "connect retry time 1", "error wait time 1, 2"]
            lines += [f'password "{neighbor.key}"'] if neighbor.key else []
            lines += [f"multihop {neighbor.hops}"] if neighbor.hops > 1 else ["direct"]
            lines += ["ttl security on"] if neighbor.ttl_security else []
            lines += ["passive on"] if neighbor.passive else []
            lines += [f'dynamic name "{neighbor.name}"'] if neighbor.dynamic else []
            lines += [f"local role {neighbor.role.replace('-', '_')}"] if neighbor.role else []
            lines += ["bfd on"] if neighbor.bfd else []
            lines += ["graceful restart aware"] if neighbor.graceful_restart else []
            more = " add paths on;" if neighbor.add_path else ""
            more += " extended next hop on;" if neighbor.extended_next_hop else ""
            lines += [f"{name} {{ import all; export where source = RTS_STATIC; next hop address {hop};{more} }}"
                      for name, hop in zip(FAMILIES, (neighbor.local, neighbor.local6)) if name in neighbor.families]
            text += f"protocol bgp {neighbor.name} {{\n " + ";\n ".join(lines) + ";\n}\n"
        return text

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

    def read(self):
        names, sessions = {}, {}
        for text in re.split(r"\n(?=\S)", self.birdc("show protocols all")):
            if address := re.search(r"^\s+Neighbor address:\s+([^\s%]+)", text, re.M):
                names[text.split()[0]] = address[1]
                sessions[address[1]] = bool(re.search(r"BGP state:\s+Established", text))
        table, prefix = {}, ""
        for text in re.split(r"\n(?=\S|\s+unicast|\s+blackhole|\s+unreachable)", self.birdc("show route all")):
            words = text.split()
            if "/" in words[0]:
                prefix = words.pop(0)
            protocol = re.match(r"\[(\S+)", " ".join(words[1:]))
            if "\tBGP.origin" in text and protocol:
                table.setdefault(prefix, []).append(self.form(names.get(protocol[1], ""), text))
        return View(sessions, table)

    @staticmethod
    def form(source, text):
        def value(name):
            return " ".join(re.findall(rf"^\s+BGP\.{name}: (.*)$", text, re.M))

        def number(name):
            return int(value(name)) if value(name) else None

        def tuples(name):
            return [":".join(re.split(r",\s*", item)) for item in re.findall(r"\(([^)]*)\)", value(name))]

        return path(source, (value("next_hop").split() or [""])[0], value("as_path").split(), value("origin"), number("med"),
                    number("local_pref"), tuples("community"), tuples("large_community"))

    def announce(self, route, next_hop):
        """BIRD is told by its file, which includes what is added here."""
        self.announced.append(f"protocol static {{ ipv{6 if ':' in route else 4}; route {route} blackhole; }}\n")
        self.node.file("routes.conf", "".join(self.announced))
        self.birdc("configure")

    def reset_sessions(self):
        self.birdc("restart all")

    def bfd_up(self, neighbor):
        return re.search(rf"^{re.escape(neighbor.address)}\s+\S+\s+Up\s", self.birdc("show bfd sessions"), re.M)

    def shut(self, neighbor, text):
        """The operator ends the session and says why (RFC 9003)."""
        self.node.run(["birdc", "-s", "/run/bird.ctl", "disable", neighbor.name, f'"{text}"'])

    def open(self, neighbor):
        self.birdc(f"enable {neighbor.name}")

    def ask_refresh(self, neighbor):
        self.birdc(f"reload in {neighbor.name}")

    def last_words(self, neighbor):
        return " ".join(re.findall(rf"{neighbor.name}[0-9]*: Received: (.*)$", self.process.output(), re.M)[-1:])

    def next_hops(self, prefix):
        return sorted(set(re.findall(r"^\s+BGP\.next_hop: (\S+)", self.route(prefix), re.M)))


def documents(text):
    """The JSON objects that stand one after the other in a text."""
    decoder, position = json.JSONDecoder(), text.find("{")
    while position >= 0:
        found, end = decoder.raw_decode(text, position)
        yield found
        position = text.find("{", end)


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
