"""GoBGP, as Debian packages it."""
import json

from .neighbor import FAMILIES, Router, View, path
from .wait import wait_for

ORIGINS = ("IGP", "EGP", "INCOMPLETE")
# RFC 4271 §4.3 and those after it: what gobgp calls the attributes in its JSON are their numbers.
ORIGIN, AS_PATH, NEXT_HOP, MED, LOCAL_PREF, COMMUNITIES, MP_REACH, LARGE_COMMUNITIES = 1, 2, 3, 4, 5, 8, 14, 32


class Gobgp(Router):
    """gobgpd, asked through its own command."""

    def __init__(self, node, config):
        self.node = node
        self.process = node.start("gobgpd", ["gobgpd", "-f", node.file("gobgp.toml", config), "-l", "debug",
                                             "--log-plain", "--pprof-disable"])
        wait_for(lambda: self.ask("global")["asn"], 20, "gobgpd answers")

    @staticmethod
    def configuration(asn, router_id, neighbors):
        blocks = [f'[global.config]\n as = {asn}\n router-id = "{router_id}"']
        for neighbor in neighbors:
            if neighbor.dynamic:
                blocks.append(f"""[[peer-groups]]
 [peer-groups.config]
  peer-group-name = "{neighbor.name}"
  peer-as = {neighbor.asn}
{settings("peer-groups", neighbor)}
[[dynamic-neighbors]]
 [dynamic-neighbors.config]
  prefix = "{neighbor.dynamic}"
  peer-group = "{neighbor.name}\"""")
                continue
            key = f'\n  auth-password = "{neighbor.key}"' if neighbor.key else ""
            blocks.append(f"""[[neighbors]]
 [neighbors.config]
  neighbor-address = "{neighbor.address}"
  peer-as = {neighbor.asn}{key}
{settings("neighbors", neighbor)}""")
        return "\n".join(blocks) + "\n"

    def ask(self, *words):
        return json.loads(self.node.run(["gobgp", "-j", *words]))

    def read(self):
        sessions = {peer["state"]["neighbor_address"].split("%")[0]: peer["state"].get("session_state") == 6
                    for peer in self.ask("neighbor")}
        table = {}
        for name in FAMILIES:
            for prefix, paths in self.ask("global", "rib", "-a", name).items():
                table[prefix] = [form(found) for found in paths]
        return View(sessions, table)

    def announce(self, route, next_hop):
        self.node.run(f"gobgp global rib add -a {family(route)} {route} nexthop {next_hop}")

    def shut(self, neighbor, text):
        """The operator ends the session and says why (RFC 9003)."""
        self.node.run(["gobgp", "neighbor", neighbor.address, "shutdown", "--reason", text])

    def open(self, neighbor):
        self.node.run(["gobgp", "neighbor", neighbor.address, "enable"])

    def last_words(self, neighbor):
        lines = [line for line in self.process.output().splitlines()
                 if f"Key={neighbor.address} " in line.replace('"', "") and "received notification" in line]
        return lines[-1] if lines else ""


def family(prefix):
    return "ipv6" if ":" in prefix else "ipv4"


def settings(table, neighbor):
    text = f""" [{table}.timers.config]
  hold-time = 9
  keepalive-interval = 3
  connect-retry = 1
  idle-hold-time-after-reset = 1
 [{table}.transport.config]
  local-address = "{neighbor.source}"
  passive-mode = {"true" if neighbor.passive else "false"}
"""
    if neighbor.ttl_security:
        text += f" [{table}.ttl-security.config]\n  enabled = true\n  ttl-min = {256 - neighbor.hops}\n"
    elif neighbor.hops > 1:
        text += f" [{table}.ebgp-multihop.config]\n  enabled = true\n  multihop-ttl = {neighbor.hops}\n"
    if neighbor.add_path:
        text += f" [{table}.add-paths.config]\n  receive = true\n  send-max = 8\n"
    if neighbor.graceful_restart:
        text += f" [{table}.graceful-restart.config]\n  enabled = true\n  helper-only = true\n" \
            "  notification-enabled = true\n"
    for name in neighbor.families:
        text += f' [[{table}.afi-safis]]\n  [{table}.afi-safis.config]\n   afi-safi-name = "{name}-unicast"\n'
        if neighbor.graceful_restart:
            text += f"  [{table}.afi-safis.mp-graceful-restart.config]\n   enabled = true\n"
    return text


def form(found):
    attributes = {attribute["type"]: attribute for attribute in found["attrs"]}

    def value(kind, name="value", missing=None):
        return attributes[kind].get(name, missing) if kind in attributes else missing

    return path(
        (found.get("source-id") and found.get("neighbor-ip") or "").split("%")[0],
        value(MP_REACH, "nexthop") or value(NEXT_HOP, "nexthop"),
        [asn for segment in value(AS_PATH, "as_paths", []) for asn in segment["asns"]],
        ORIGINS[value(ORIGIN)], value(MED, "metric"), value(LOCAL_PREF),
        [f"{number >> 16}:{number & 0xffff}" for number in value(COMMUNITIES, "communities", [])],
        [f"{item['ASN']}:{item['LocalData1']}:{item['LocalData2']}" for item in value(LARGE_COMMUNITIES, missing=[])])
