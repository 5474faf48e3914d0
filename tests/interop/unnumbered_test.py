"""Unnumbered peers: our daemon and a router that know of each other what they say on the link, and no address.

    client -- access -- router -- link -- lb1

There is no address on the link but the link-local ones. Both VIPs, of IPv4 and of IPv6, have our link-local address
for their next hop, and a client behind the router is served by both.
"""
import unittest

from harness import Anyvip, Bird, Case, Frr, never, wait_for

VIP, VIP6 = "203.0.113.10", "2001:db8:f::10"
ROUTES = (f"{VIP}/32", f"{VIP6}/128")

# A verdict needs `fall` probes of 200 ms, the rest is one message on a veth.
AT_ONCE = 3
# The slowest wait of a router between two attempts, and a busy machine.
UP = 20


def anyvip(health, peer=""):
    return f"""
[node]
name = "lb1"
propagation_wait = "200ms"

[bgp]
asn = 65010
router_id = "10.0.0.11"

[[bgp.peer]]
name = "router"
interface = "eth0"
asn = "external"
connect_retry = "500ms"
idle_hold = "100ms"
{peer}

[[check]]
name = "service"
script = ["/usr/bin/test", "-e", "{health}"]
interval = "200ms"
timeout = "200ms"
rise = 1
fall = 2

[[vip]]
name = "www"
address = "{VIP}"
announce = "bgp"
track = ["service"]

[[vip]]
name = "www6"
address = "{VIP6}"
announce = "bgp"
track = ["service"]
"""


class UnnumberedCase:
    """What both routers are held to; `make_router` is theirs."""

    def setUp(self):
        super().setUp()
        self.link, access = self.segment("link"), self.segment("access")
        self.router = self.host("router", self.link)
        self.lb1 = self.host("lb1", self.link)
        access.join(self.router, "eth1", ["192.0.2.1/24", "2001:db8:c::1/64"])
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.client = self.host("client", access, "192.0.2.100/24", "2001:db8:c::100/64")
        self.client.run("ip route add default via 192.0.2.1")
        self.client.run("ip -6 route add default via 2001:db8:c::1")
        self.ours, self.theirs = self.link_local(self.lb1), self.link_local(self.router)
        self.way_back()
        self.health = self.lb1.folder / "healthy"
        self.health.touch()

    def way_back(self):
        self.lb1.run(f"ip route replace 192.0.2.0/24 via inet6 {self.theirs} dev eth0")
        self.lb1.run(f"ip -6 route replace 2001:db8:c::/64 via {self.theirs} dev eth0")

    @staticmethod
    def link_local(node):
        """The kernel makes it as soon as the interface is up, without looking for a duplicate."""
        def found():
            return [text.split("/")[0] for text in node.addresses("eth0") if text.startswith("fe80:")]

        return wait_for(found, 5, f"{node.name} has a link-local address")[0]

    def start(self, peer=""):
        self.daemon = Anyvip(self.lb1, anyvip(self.health, peer))
        self.peer = self.make_router(self.router)

    def announced(self):
        return all(self.router.routes(vip) == [self.ours] for vip in (VIP, VIP6))

    def gone(self):
        return not any(self.peer.has_route(route) for route in ROUTES) and not any(map(self.router.routes, (VIP, VIP6)))

    def wait_announced(self, deadline=UP):
        wait_for(self.announced, deadline, "both routes in the router's kernel, by our link-local address")

    def wait_gone(self, deadline=AT_ONCE):
        wait_for(self.gone, deadline, "both routes left the router")

    def status(self):
        return self.daemon.status()["peers"][0]

    def serve(self):
        for number, (bind, family) in enumerate(((VIP, "AF_INET"), (VIP6, "AF_INET6"))):
            self.lb1.start(f"service{number}", ["/usr/bin/python3", "-S", "-E", "-c", (
                "import socket\n"
                f"s = socket.socket(socket.{family}); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n"
                f"s.setsockopt(socket.SOL_IP, 15, 1); s.bind(('{bind}', 80)); s.listen(64)\n"
                "while True: c, _ = s.accept(); c.sendall(b'lb1'); c.close()\n")])

    def ask(self, address):
        words = f"import socket; c = socket.create_connection(('{address}', 80), 1); print(c.recv(64).decode())"
        return self.client.run(["/usr/bin/python3", "-S", "-E", "-c", words]).strip()

    # --- the sentences

    def test_both_vips_arrive_by_our_link_local_address_and_a_client_is_served(self):
        self.start()
        self.wait_announced()
        self.serve()
        for vip in (VIP, VIP6):
            self.assertEqual(wait_for(lambda to=vip: self.ask(to), 5, f"{vip} answers"), "lb1")
        status = self.status()
        self.assertEqual(status["address"], self.theirs)
        self.assertEqual((status["link"]["interface"], status["link"]["neighbor"]), ("eth0", self.theirs))
        self.assertIn("extended-next-hop", status["negotiated"])

    def test_every_form_of_a_link_local_next_hop_is_taken(self):
        for number, form in enumerate(("alone", "twice", "after-unspecified")):
            with self.subTest(form):
                line = f'link_local_next_hop = "{form}"'
                if number:
                    self.daemon.reload(anyvip(self.health, line))
                    wait_for(lambda: self.status()["counters"]["sessions"] > number, UP, "the session was reset")
                else:
                    self.start(line)
                self.wait_announced()
                self.health.unlink()
                self.wait_gone()
                self.health.touch()
                self.wait_announced(AT_ONCE)

    def test_the_router_connects_where_we_wait_for_it(self):
        self.start("passive = true")
        self.wait_announced()
        self.assertTrue(self.status()["local"].endswith(":179"), self.status()["local"])

    def test_a_failing_check_withdraws_and_a_stopped_daemon_leaves_nothing(self):
        self.start()
        self.wait_announced()
        self.health.unlink()
        self.wait_gone()
        self.health.touch()
        self.wait_announced(AT_ONCE)
        self.daemon.stop()
        self.wait_gone()

    def test_an_interface_that_vanishes_takes_the_session_along_and_brings_it_back(self):
        self.start()
        self.wait_announced()
        self.lb1.run("ip link del eth0")
        wait_for(lambda: self.status()["state"] != "Established", AT_ONCE, "the session is gone with its interface")
        self.assertIsNone(self.status()["link"]["local"])
        self.link.join(self.lb1, "eth0")
        self.ours = self.link_local(self.lb1)
        self.follow(self.peer)
        self.wait_announced(2 * UP)


class WithFrr(UnnumberedCase, Case):
    @staticmethod
    def make_router(node, line="", **more):
        return Frr(node, f"""
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor eth0 interface remote-as external
 neighbor eth0 timers connect 1
{line}
 address-family ipv6 unicast
  neighbor eth0 activate
 exit-address-family
""", **more)

    def follow(self, router):
        """FRR hears of our other address by itself."""

    def test_bfd_notices_what_the_hold_time_would_not_yet(self):
        self.daemon = Anyvip(self.lb1, anyvip(self.health, "bfd = {}"))
        self.peer = self.make_router(self.router, " neighbor eth0 bfd", bfd=True)
        self.wait_announced()
        wait_for(lambda: self.status()["bfd"]["state"] == "Up", UP, "BFD is up on the link")
        self.link.isolate(self.lb1)
        self.wait_gone(deadline=2)
        self.link.isolate(self.lb1, False)
        self.wait_announced()

    def test_a_router_with_another_address_is_followed(self):
        self.start()
        self.wait_announced()
        self.router.run("ip -6 address add fe80::7777/64 dev eth0 nodad")
        self.router.run(f"ip -6 address del {self.theirs}/64 dev eth0")
        wait_for(lambda: self.status()["link"]["neighbor"] == "fe80::7777", 60, "we have heard of the other address")
        self.wait_announced(2 * UP)

    def test_a_second_router_on_the_link_is_reported_and_changes_nothing(self):
        self.start()
        self.wait_announced()
        other = self.host("other", self.link)
        self.make_router(other)
        wait_for(lambda: self.status()["link"]["another_neighbor"] == self.link_local(other), UP, "it is reported")
        never(lambda: not self.announced(), 2, "the session with the first router has gone")


class WithBird(UnnumberedCase, Case):
    def make_router(self, node):
        return Bird(node, self.configuration())

    def configuration(self):
        """BIRD has no unnumbered peers: it is told our address, and says its own by its radv protocol."""
        return f"""
router id 10.0.0.1;
protocol device {{ scan time 1; }}
protocol direct {{ ipv4; ipv6; }}
protocol kernel four {{ ipv4 {{ import none; export where source = RTS_BGP; }}; }}
protocol kernel six {{ ipv6 {{ import none; export where source = RTS_BGP; }}; }}
protocol radv {{ interface "eth0" {{ max ra interval 5; min ra interval 3; min delay 3; default lifetime 0; }}; }}
protocol bgp lb1 {{
  local as 65000; neighbor {self.ours} % 'eth0' as 65010; direct;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 {{ import all; export none; extended next hop on; }};
  ipv6 {{ import all; export none; }};
}}
"""

    def follow(self, router):
        router.node.file("bird.conf", f'include "{router.node.folder}/routes.conf";\n' + self.configuration())
        router.birdc("configure")


if __name__ == "__main__":
    unittest.main()
