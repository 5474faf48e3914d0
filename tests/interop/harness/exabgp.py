"""ExaBGP, as Debian packages it."""
import json
import os

from .neighbor import Router, View, path
from .wait import wait_for

# ExaBGP keeps no table and tells its processes instead: events go to a file, orders come through a pipe.
PROCESS = """#!/bin/sh
exec 3<&0
cat <&3 >{folder}/events &
exec cat 0<>{folder}/orders
"""


class Exabgp(Router):
    """exabgp, whose events we make a table of."""

    def __init__(self, node, config):
        self.node = node
        self.orders, self.events = node.folder / "orders", node.folder / "events"
        os.mkfifo(self.orders)
        process = node.file("process", PROCESS.format(folder=node.folder), 0o755)
        environment = os.environ | {
            "exabgp.daemon.user": "root", "exabgp.daemon.drop": "false", "exabgp.log.level": "INFO",
            "exabgp.log.destination": "stdout", "exabgp.api.ack": "false", "exabgp.api.cli": "false",
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self.process = node.start("exabgp", ["/usr/bin/python3", "/usr/sbin/exabgp", node.file(
            "exabgp.conf", f"process table {{ run {process}; encoder json; }}\n" + config)], environment)
        self.position, self.sessions, self.table, self.words = 0, {}, {}, {}
        wait_for(lambda: self.running() and self.events.exists(), 20, "ExaBGP has started its process")

    @staticmethod
    def configuration(asn, router_id, neighbors):
        text = ""
        for neighbor in neighbors:
            lines = [f"router-id {router_id}", f"local-address {neighbor.source}", f"local-as {asn}",
                     f"peer-as {neighbor.asn}", "hold-time 9", "adj-rib-out true"]
            lines += ["passive"] if neighbor.passive else []
            # A TTL on the listening socket would be everybody's: where GTSM is asked for it connects.
            lines += [] if neighbor.ttl_security else ["listen 179"]
            lines += [f"md5-password '{neighbor.key}'"] if neighbor.key else []
            if neighbor.ttl_security:
                lines += ["outgoing-ttl 255", f"incoming-ttl {256 - neighbor.hops}"]
            elif neighbor.hops > 1:
                lines += [f"outgoing-ttl {neighbor.hops}"]
            able = "route-refresh enable;"
            able += " add-path send/receive;" if neighbor.add_path else ""
            able += " nexthop enable;" if neighbor.extended_next_hop else ""
            hops = " nexthop { ipv4 unicast ipv6; }\n" if neighbor.extended_next_hop else ""
            families = " ".join(f"{name} unicast;" for name in neighbor.families)
            text += f"neighbor {neighbor.dynamic or neighbor.address} {{\n " + ";\n ".join(lines) + f""";
 capability {{ {able} }}
 family {{ {families} }}
{hops} api {{ processes [ table ]; neighbor-changes; receive {{ parsed; update; }} }}
}}
"""
        return text

    def running(self):
        if not self.process.running():
            raise AssertionError(f"exabgp has ended:\n{self.process.output()[-4000:]}")
        return True

    def order(self, line):
        with open(self.orders, "w", encoding="ascii") as orders:
            orders.write(line + "\n")

    def read(self):
        with open(self.events, encoding="utf-8") as events:
            events.seek(self.position)
            text = events.read()
        whole = text.rfind("\n") + 1            # the last line may be being written
        self.position += len(text[:whole].encode())
        for line in text[:whole].splitlines():
            self.happened(json.loads(line, strict=False))     # a reason may have a control character in it
        table = {}
        for (_, prefix), found in self.table.items():
            table.setdefault(prefix, []).append(found)
        return View(dict(self.sessions), table)

    def happened(self, event):
        neighbor = event.get("neighbor", {})
        peer = neighbor.get("address", {}).get("peer")
        if event["type"] == "state":
            self.sessions[peer] = neighbor["state"] == "up"
            if neighbor["state"] == "down":
                self.table = {key: found for key, found in self.table.items() if key[0] != peer}
                self.words.setdefault(peer, []).append(neighbor.get("reason", ""))
        elif event["type"] == "update":
            update = neighbor["message"].get("update", {})
            for prefixes in update.get("withdraw", {}).values():
                for prefix in prefixes:
                    self.table.pop((peer, prefix["nlri"]), None)
            for hops in update.get("announce", {}).values():
                for hop, prefixes in hops.items():
                    for prefix in prefixes:
                        self.table[peer, prefix["nlri"]] = form(peer, hop, update["attribute"])

    def announce(self, route, next_hop):
        self.order(f"announce route {route} next-hop {next_hop}")

    def shut(self, neighbor, text):
        """The operator ends the session; of the reason it can say the number only."""
        self.order(f"neighbor {neighbor.address} teardown 2")

    def open(self, neighbor):
        """It goes on by itself."""

    def ask_refresh(self, neighbor):
        for name in neighbor.families:
            self.order(f"neighbor {neighbor.address} announce route-refresh {name} unicast")

    def last_words(self, neighbor):
        """The reasons why sessions went. A Cease with a text (RFC 9003) is more than this version can decode."""
        self.read()
        return " ".join(self.words.get(neighbor.address, []))


def form(peer, hop, attributes):
    return path(peer, hop, attributes.get("as-path", []), attributes["origin"], attributes.get("med"),
                attributes.get("local-preference"),
                [":".join(map(str, item)) for item in attributes.get("community", [])],
                [":".join(map(str, item)) for item in attributes.get("large-community", [])])
