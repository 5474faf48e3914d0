"""OpenBGPD, as Debian packages it."""
import json

from .neighbor import Router, View, path
from .wait import wait_for


class Openbgpd(Router):
    """bgpd in its own /run, where its chroot is, asked by bgpctl. The kernel's routes are left alone."""

    def __init__(self, node, config):
        self.node = node
        node.run("mkdir -p /run/openbgpd")      # its privilege separation's empty folder, and its socket
        self.process = node.start("openbgpd", ["/usr/sbin/bgpd", "-d", "-f", node.file("bgpd.conf", config, 0o600)])
        wait_for(lambda: "neighbors" in self.ask("show", "neighbor"), 10, "OpenBGPD answers")

    @staticmethod
    def configuration(asn, router_id, neighbors):
        text = f"AS {asn}\nrouter-id {router_id}\nfib-update no\nconnect-retry 2\nholdtime 9\n"
        for neighbor in neighbors:
            lines = [f"remote-as {neighbor.asn}", f"local-address {neighbor.source}", f'descr "{neighbor.name}"']
            lines += [f"announce {name} {'unicast' if name.lower() in neighbor.families else 'none'}"
                      for name in ("IPv4", "IPv6")]
            lines += [f"tcp md5sig password {neighbor.key}"] if neighbor.key else []
            lines += [f"multihop {neighbor.hops}"] if neighbor.hops > 1 else []
            lines += ["ttl-security yes"] if neighbor.ttl_security else []
            lines += [f"announce policy {neighbor.role.replace('rs-server', 'rs')}"] if neighbor.role else []
            lines += ["announce add-path recv yes", "announce add-path send all"] if neighbor.add_path else []
            lines += ["passive"] if neighbor.passive else []
            text += f"neighbor {neighbor.dynamic or neighbor.address} {{\n " + "\n ".join(lines) + "\n}\n"
        return text + "allow from any\nallow to any\n"

    def ask(self, *words):
        return json.loads(self.node.run(["bgpctl", "-j", *words]))

    def read(self):
        sessions = {peer["remote_addr"]: peer["state"] == "Established"
                    for peer in self.ask("show", "neighbor")["neighbors"] if "remote_addr" in peer}
        table = {}
        for found in self.ask("show", "rib", "detail").get("rib", []):
            table.setdefault(found["prefix"], []).append(form(found))
        return View(sessions, table)

    def announce(self, route, next_hop):
        """The next hop is always its own end of the session."""
        self.node.run(["bgpctl", "network", "add", route])

    def shut(self, neighbor, text):
        """The operator ends the session and says why (RFC 9003)."""
        self.node.run(["bgpctl", "neighbor", neighbor.address, "down", text])

    def open(self, neighbor):
        self.node.run(["bgpctl", "neighbor", neighbor.address, "up"])

    def ask_refresh(self, neighbor):
        self.node.run(f"bgpctl neighbor {neighbor.address} refresh")

    def hurry(self, neighbor):
        """After an error it waits for half a minute, and takes no connection meanwhile."""
        self.node.run(f"bgpctl neighbor {neighbor.address} up")

    def last_words(self, neighbor):
        return " ".join(line for line in self.process.output().splitlines()
                        if f"neighbor {neighbor.address} " in line and "received" in line)


def form(found):
    named = {attribute["type"]: attribute for attribute in found.get("attributes", [])}
    return path(found["neighbor"].get("remote_addr", ""), found["exit_nexthop"], found["aspath"].split(),
                {"IGP": "IGP", "EGP": "EGP", "?": "INCOMPLETE"}[found["origin"]],
                found.get("metric"), found.get("localpref"), found.get("communities", []),
                found.get("large_communities", []))
