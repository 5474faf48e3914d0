"""A VIP announced to real routers: FRR and BIRD, each from Debian's package, each in its own network.

    client -- access -- router -- lan -- lb1, lb2

What counts is the router's own table. The same tests run against both.
"""
import json
import re
import struct
import unittest

from harness import Anyvip, Bird, Case, Frames, Frr, never, wait_for

VIP, VIP6 = "203.0.113.10", "2001:db8:f::10"
ROUTES = (f"{VIP}/32", f"{VIP6}/128")

KEY = "between-lb3-and-the-router"

# Against a plain deadline: a verdict needs `fall` probes of 200 ms, the rest is one message on a veth.
AT_ONCE = 3


def anyvip(node, number, health, peer="", vip="", hold_time="9s", more="", carries=""):
    """Both addresses, as a /32 and over MP-BGP as a /128, healthy while the file `health` is there."""
    return f"""
[node]
name = "lb{number}"
propagation_wait = "200ms"

[bgp]
asn = 65010
router_id = "10.0.0.1{number}"

[[bgp.peer]]
name = "router"
address = "10.0.0.1"
asn = 65000
hold_time = "{hold_time}"
connect_retry = "500ms"
idle_hold = "100ms"
next_hop6 = "2001:db8::1{number}"
{peer}

[[check]]
name = "service"
script = ["/usr/bin/test", "-e", "{health}"]
interval = "200ms"
timeout = "200ms"
rise = 2
fall = 2

[[vip]]
name = "www"
address = "{VIP}"
announce = "bgp"
track = ["service"]
bgp = {{ communities = ["65010:100", "65010:200"], large_communities = ["65010:1:2"], med = 50, prepend = 1{carries} }}
{vip}

[[vip]]
name = "www6"
address = "{VIP6}"
announce = "bgp"
track = ["service"]
bgp = {{ communities = ["65010:100"], med = 60 }}
{more}
"""


class RouterCase:
    """What the suites of both routers share; `make_router` is theirs."""

    def setUp(self):
        super().setUp()
        self.lan, access = self.segment("lan"), self.segment("access")
        self.router = self.host("router", self.lan, "10.0.0.1/24", "2001:db8::1/64")
        access.join(self.router, "eth1", ["192.0.2.1/24", "2001:db8:c::1/64"])
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        # Equal paths are chosen by ports too, so that one client meets both nodes.
        self.router.sysctl("net.ipv4.fib_multipath_hash_policy", 1)
        self.client = self.host("client", access, "192.0.2.100/24", "2001:db8:c::100/64")
        self.client.run("ip route add default via 192.0.2.1")
        self.client.run("ip -6 route add default via 2001:db8:c::1")
        self.peer = self.make_router(self.router)

    def load_balancer(self, number, healthy=True, **words):
        node = self.host(f"lb{number}", self.lan, f"10.0.0.1{number}/24", f"2001:db8::1{number}/64")
        node.run("ip route add 192.0.2.0/24 via 10.0.0.1")
        node.run("ip -6 route add 2001:db8:c::/64 via 2001:db8::1")
        health = node.folder / "healthy"
        if healthy:
            health.touch()
        node.health = health
        return Anyvip(node, anyvip(node, number, health, **words))

    def announced(self, *nodes):
        """The routes are in the router's table and in its kernel, by exactly these nodes."""
        # The kernel's IPv6 gateway may be the node's link-local address (RFC 2545 §3): there the number counts.
        return self.router.routes(VIP) == sorted(f"10.0.0.1{node}" for node in nodes) and \
            len(self.router.routes(VIP6)) == len(nodes) and \
            self.peer.next_hops(ROUTES[0]) == sorted(f"10.0.0.1{node}" for node in nodes) and \
            self.peer.next_hops(ROUTES[1]) == sorted(f"2001:db8::1{node}" for node in nodes)

    def gone(self):
        return not any(self.peer.has_route(route) for route in ROUTES) and self.announced()

    def wait_announced(self, *nodes, deadline=15):
        wait_for(lambda: self.announced(*nodes), deadline, f"routes by {nodes} in the router's kernel")

    def wait_gone(self, deadline=AT_ONCE):
        wait_for(self.gone, deadline, "both routes left the router's table")

    def serve(self, node):
        """Something that tells the node's name on each address of the VIP."""
        for number, (bind, family) in enumerate(((VIP, "AF_INET"), (VIP6, "AF_INET6"))):
            node.start(f"service{number}", ["/usr/bin/python3", "-S", "-E", "-c", (
                "import socket\n"
                f"s = socket.socket(socket.{family}); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                f"s.setsockopt(socket.SOL_IP, 15, 1); s.bind(('{bind}', 80)); s.listen(64)\n"
                f"while True: c, _ = s.accept(); c.sendall(b'{node.name}'); c.close()\n")])

    def ask(self, address, times=1):
        """The set of names that answer the client."""
        words = "import socket, sys\nseen = set()\n" \
                f"for _ in range({times}):\n" \
                f"    c = socket.create_connection(('{address}', 80), 1); seen.add(c.recv(64).decode()); c.close()\n" \
                "print(*sorted(seen))\n"
        return set(self.client.run(["/usr/bin/python3", "-S", "-E", "-c", words]).split())

    # --- the sentences

    def test_a_vip_arrives_with_its_next_hop_communities_med_and_as_path(self):
        self.load_balancer(1)
        self.wait_announced(1)
        self.assertEqual(self.peer.attributes(ROUTES[0]), {
            "next_hop": ["10.0.0.11"], "as_path": ["65010", "65010"], "med": 50, "origin": "IGP",
            "communities": ["65010:100", "65010:200"], "large_communities": ["65010:1:2"]})
        self.assertEqual(self.peer.attributes(ROUTES[1]), {
            "next_hop": ["2001:db8::11"], "as_path": ["65010"], "med": 60, "origin": "IGP",
            "communities": ["65010:100"], "large_communities": []})

    def test_extended_communities_and_a_link_bandwidth_arrive_and_change_without_a_withdrawal(self):
        words = 'extended_communities = ["rt:65000:100", "soo:192.0.2.1:5", "rt:4200000000:7"]'
        lb1 = self.load_balancer(1, carries=f', {words}, link_bandwidth = "1Gbit/s"')
        self.wait_announced(1)
        self.assertEqual(self.extended(ROUTES[0]), self.EXTENDED | {self.bandwidth(125000000)})
        self.assertEqual(self.extended(ROUTES[1]), set())
        (told,) = [told for told in self.told(lb1) if told["vip"] == "www"]
        self.assertEqual(told["attributes"], "med=50 prepend=1 65010:100 65010:200 65010:1:2 rt:65000:100 "
                                             "soo:192.0.2.1:5 rt:4200000000:7 bandwidth:65010:125000000")
        effective = lb1.command("check", lb1.config)
        self.assertIn('extended_communities = ["rt:65000:100", "soo:192.0.2.1:5", "rt:4200000000:7"], '
                      'link_bandwidth = "1Gbit/s"', effective)
        lb1.reload(anyvip(lb1.node, 1, lb1.node.health, carries=', link_bandwidth = "400Mbit/s"'))
        wait_for(lambda: self.extended(ROUTES[0]) == {self.bandwidth(50000000)}, AT_ONCE, "the other bandwidth alone")
        self.wait_announced(1)

    @staticmethod
    def told(daemon):
        return json.loads(daemon.command("bgp", "--json"))["announcements"]

    def test_a_client_behind_the_router_is_served_by_both_addresses(self):
        lb1 = self.load_balancer(1)
        self.wait_announced(1)
        self.serve(lb1.node)
        for address in (VIP, VIP6):
            self.assertEqual(wait_for(lambda to=address: self.ask(to), 5, f"{address} answers"), {"lb1"})

    def test_a_failing_script_withdraws_and_a_good_one_brings_back(self):
        lb1 = self.load_balancer(1)
        self.wait_announced(1)
        lb1.node.health.unlink()
        self.wait_gone()
        # The address follows the configuration: what is connected, and a check of the VIP itself, go on.
        self.assertTrue(lb1.node.has_address(VIP))
        lb1.node.health.touch()
        self.wait_announced(1, deadline=AT_ONCE)

    def test_what_was_never_seen_healthy_is_never_announced(self):
        lb1 = self.load_balancer(1, healthy=False)
        wait_for(lambda: self.session_up(1), 15, "the session is Established")
        never(lambda: not self.gone(), 1.5, "a route before the first good verdict")
        lb1.node.health.touch()
        self.wait_announced(1, deadline=AT_ONCE)

    def test_a_stopped_daemon_withdraws_and_takes_its_addresses_away(self):
        lb1 = self.load_balancer(1)
        self.wait_announced(1)
        messages = Frames(self.router, "eth0", "tcp port 179")
        lb1.stop()
        self.wait_gone(deadline=1)
        self.assertFalse(lb1.node.has_address(VIP))
        self.assertFalse(lb1.node.has_address(VIP6))
        # UPDATE (2) is withdraw, NOTIFICATION (3) is Cease (6): leaving is announced, in that order.
        sent = wait_for(lambda: self.last_words(messages), 10, "a NOTIFICATION was captured")
        self.assertIn("2", sent[:sent.index("3")], "no UPDATE before the NOTIFICATION")

    @staticmethod
    def last_words(messages):
        """The types of the messages of the node, in order, once a NOTIFICATION is among them."""
        frames = messages.decoded("bgp.type", display="bgp && ip.src == 10.0.0.11")
        types = [kind for (kinds,) in frames for kind in kinds.split(",")]
        return types if "3" in types else None

    def test_a_killed_daemon_leaves_no_route(self):
        lb1 = self.load_balancer(1)
        self.wait_announced(1)
        lb1.kill()
        self.wait_gone()

    def test_a_killed_daemon_that_starts_again_announces_again(self):
        lb1 = self.load_balancer(1)
        self.wait_announced(1)
        lb1.kill()
        self.wait_gone()
        lb1.start()
        self.wait_announced(1)
        self.assertEqual(sum(text.startswith(VIP + "/") for text in lb1.node.addresses("lo")), 1)

    def test_a_node_that_falls_silent_loses_its_route_with_the_hold_time(self):
        self.load_balancer(1, hold_time="3s")
        self.wait_announced(1)
        self.lan.isolate(self.lan_member("lb1"))
        never(self.gone, 1.5, "the route went before the hold time could run out")
        self.wait_gone(deadline=4)

    def lan_member(self, name):
        return next(thing for thing in self._things if getattr(thing, "name", None) == name)

    def test_two_nodes_share_and_losing_one_leaves_the_other(self):
        lb1, lb2 = self.load_balancer(1), self.load_balancer(2)
        self.wait_announced(1, 2)
        self.serve(lb1.node)
        self.serve(lb2.node)
        wait_for(lambda: self.ask(VIP, times=40) == {"lb1", "lb2"}, 5, "both nodes serve the client")
        lb1.kill()
        self.wait_announced(2, deadline=AT_ONCE)
        self.assertEqual(self.ask(VIP, times=10), {"lb2"})
        lb1.start()
        self.wait_announced(1, 2)
        lb2.node.health.unlink()
        self.wait_announced(1, deadline=AT_ONCE)
        self.assertEqual(self.ask(VIP, times=10), {"lb1"})

    def test_a_session_over_ipv6_with_a_key_carries_both_families(self):
        node = self.host("lb3", self.lan, "10.0.0.13/24", "2001:db8::13/64")
        health, key = node.folder / "healthy", node.folder / "key"
        health.touch()
        key.touch(0o600)
        key.write_text(KEY + "\n")
        text = anyvip(node, 3, health).replace('address = "10.0.0.1"', 'address = "2001:db8::1"') \
            .replace('next_hop6 = "2001:db8::13"', f'next_hop = "10.0.0.13"\npassword_file = "{key}"')
        lb3 = Anyvip(node, text)
        self.wait_announced(3)
        lb3.stop()
        self.wait_gone()
        key.write_text("another\n")
        lb3.start()
        never(lambda: not self.gone(), 3, "a session with the wrong key")
        chain, cause = lb3.explain("www")
        self.assertRegex(chain["summary"], "^www is announced to no peer: peer router is .*signed with TCP-MD5$")
        self.assertEqual((cause["kind"], cause["subject"], cause["state"]), ("peer", "router", "broken"))
        self.assertIn("another TCP-MD5 key", cause["hint"])
        # Where the router's own segments arrive, the kernel has something to count.
        lb3.stop()
        lb3.write(text.replace("[[bgp.peer]]", 'listen = ["2001:db8::13"]\n\n[[bgp.peer]]'))
        lb3.start()
        chain, cause = wait_for(lambda: self.explained(lb3, "TCPMD5Failure"), 15, "the kernel's counters are told")
        self.assertEqual((cause["kind"], cause["subject"], cause["state"]), ("peer", "router", "broken"))
        self.assertIn("password_file holds another key", cause["hint"])
        self.assertNotIn(KEY, str(lb3.status()) + (node.folder / "anyvipd.log").read_text())

    @staticmethod
    def explained(daemon, words, vip="www"):
        """The chain and its cause, once the summary has the words."""
        chain, cause = daemon.explain(vip)
        return (chain, cause) if words in chain["summary"] else None

    def test_explain_names_the_first_broken_link(self):
        lb1 = self.load_balancer(1)
        self.wait_announced(1)
        for vip in ("www", "www6"):
            chain, cause = wait_for(lambda of=vip: self.explained(lb1, "acknowledged", of), 5, f"all of {vip} holds")
            self.assertEqual((chain["summary"], cause), (f"{vip} is announced to router, acknowledged", None))
            self.assertEqual({link["state"] for link in chain["links"]}, {"holds", "remark"})
        lb1.node.health.unlink()
        chain, cause = wait_for(lambda: self.explained(lb1, "not announced"), AT_ONCE, "the check is named")
        self.assertRegex(chain["summary"], r"^www is not announced: check service failed [0-9.]+m?s ago: exit code")
        self.assertEqual((cause["kind"], cause["subject"], cause["state"]), ("check", "service", "broken"))
        with self.assertRaisesRegex(RuntimeError, "--exit-code: 4: www is not announced: check service failed"):
            lb1.command("explain", "www", "--exit-code")
        lb1.node.health.touch()
        self.wait_announced(1, deadline=AT_ONCE)
        lb1.command("drain", "vip", "www")
        # RFC 8326: the routers are told before the route goes.
        chain, _ = wait_for(lambda: self.explained(lb1, "is leaving"), AT_ONCE, "it is on its way out")
        self.assertIn("GRACEFUL_SHUTDOWN to router: VIP www is drained", chain["summary"])
        chain, cause = wait_for(lambda: self.explained(lb1, "not announced"), 10, "it has left")
        self.assertEqual(chain["summary"], "www is not announced: VIP www is drained")
        self.assertEqual(lb1.explain("www6")[1], None)
        with self.assertRaisesRegex(RuntimeError, ": 1: anyvip: there is no VIP wwww; there are: www, www6"):
            lb1.command("explain", "wwww")

    def test_a_connection_towards_the_vip_is_refused_and_explained(self):
        lb1 = self.load_balancer(1, peer="passive = true")
        self.wait_announced(1)
        heard = self.router.run(["/usr/bin/python3", "-S", "-E", "-c", (
            f"import socket; c = socket.create_connection(('{VIP}', 179), 2, ('10.0.0.1', 0)); print(c.recv(64))")])
        self.assertEqual(heard.strip(), "b''", "something spoke BGP from the VIP")
        peer = lb1.status()["peers"][0]
        self.assertEqual(peer["counters"]["connections_refused"], 1)
        self.assertEqual(peer["state"], "Established")
        self.assertEqual((peer["configured_asn"], peer["local"]), (65000, "10.0.0.11:179"))
        reason = f"it would speak from {VIP}, which is a VIP"
        self.assertIn(reason, peer["last_error"])
        self.assertIn(reason, (lb1.node.folder / "anyvipd.log").read_text())

    def test_the_address_is_on_the_loopback_and_never_a_source(self):
        lb1 = self.load_balancer(1)
        self.wait_announced(1)
        addresses = lb1.node.addresses("lo")
        self.assertEqual(addresses[f"{VIP}/32"]["scope"], "host")
        self.assertEqual(addresses[f"{VIP6}/128"]["preferred_life_time"], 0)
        self.assertFalse(addresses[f"{VIP6}/128"].get("tentative") or addresses[f"{VIP6}/128"].get("dadfailed"))


class WithFrr(RouterCase, Case):
    @staticmethod
    def make_router(node):
        def neighbor(number):
            return f"""
 neighbor 10.0.0.1{number} remote-as 65010
 neighbor 10.0.0.1{number} timers connect 1"""

        return Frr(node, f"""
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 no bgp network import-check{neighbor(1)}{neighbor(2)}
 neighbor 2001:db8::13 remote-as 65010
 neighbor 2001:db8::13 timers connect 1
 neighbor 2001:db8::13 password {KEY}
 address-family ipv4 unicast
  maximum-paths 8
  neighbor 2001:db8::13 activate
 exit-address-family
 address-family ipv6 unicast
  maximum-paths 8
  neighbor 2001:db8::13 activate
  neighbor 10.0.0.11 activate
  neighbor 10.0.0.12 activate
 exit-address-family
""")

    def session_up(self, number):
        return self.peer.established(f"10.0.0.1{number}")

    EXTENDED = {"RT:65000:100", "SoO:192.0.2.1:5", "RT:4200000000:7"}

    @staticmethod
    def bandwidth(octets_per_second):
        return f"LB:65010:{octets_per_second}"

    def extended(self, prefix):
        (path,) = self.peer.paths(prefix)
        # Behind a bandwidth stands the same in bits.
        return set(re.sub(r" \([^)]*\)", "", path.get("extendedCommunity", {}).get("string", "")).split())


class WithBird(RouterCase, Case):
    @staticmethod
    def make_router(node):
        def neighbor(number):
            return f"""
protocol bgp lb{number} {{
  local 10.0.0.1 as 65000; neighbor 10.0.0.1{number} as 65010;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 {{ import all; export none; }};
  ipv6 {{ import all; export none; next hop address 2001:db8::1; }};
}}"""

        return Bird(node, f"""
router id 10.0.0.1;
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; }}
protocol kernel four {{ merge paths on; ipv4 {{ import none; export where source = RTS_BGP; }}; }}
protocol kernel six {{ merge paths on; ipv6 {{ import none; export where source = RTS_BGP; }}; }}
{neighbor(1)}{neighbor(2)}
protocol bgp lb3 {{
  local 2001:db8::1 as 65000; neighbor 2001:db8::13 as 65010; password "{KEY}";
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 {{ import all; export none; next hop address 10.0.0.1; }};
  ipv6 {{ import all; export none; }};
}}
""")

    def session_up(self, number):
        return self.peer.established(f"lb{number}")

    EXTENDED = {"(rt, 65000, 100)", "(ro, 192.0.2.1, 5)", "(rt, 4200000000, 7)"}

    @staticmethod
    def bandwidth(octets_per_second):
        """BIRD has no word for it: the type, the AS, and the octets of the float as a number."""
        return f"(unknown 0x4004, 65010, {struct.unpack('>I', struct.pack('>f', octets_per_second))[0]})"

    def extended(self, prefix):
        found = re.findall(r"^\s+BGP\.ext_community: (.*)$", self.peer.route(prefix), re.M)
        return set(re.findall(r"\([^)]*\)", " ".join(found)))


if __name__ == "__main__":
    unittest.main()
