"""Unnumbered peers: our daemon and a router that know of each other what they say on the link, and no address.

    client -- access -- router -- link -- lb1

There is no address on the link but the link-local ones. Both VIPs, of IPv4 and of IPv6, have our link-local address
for their next hop, and a client behind the router is served by both.

GoBGP and OpenBGPD send no router advertisements, and without one we know of nobody: BIRD's radv speaks for them, as
radvd would. Neither installs routes here; what they have is looked for in their own tables.
"""
import unittest

from harness import Anyvip, Bird, Case, Frr, Gobgp, Openbgpd, never, wait_for

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


RADV = """protocol radv { interface "eth0" { max ra interval 5; min ra interval 3; min delay 3; default lifetime 0; }; }
"""


class UnnumberedCase:
    """What every router is held to; `make_router` is theirs."""

    ROUTES = ROUTES     # that it can be told
    FORMS = ("alone", "twice", "after-unspecified")     # of a link-local next hop, in which it finds the address

    def setUp(self):
        super().setUp()
        self.link = self.segment("link")
        self.router = self.host("router", self.link)
        self.lb1 = self.host("lb1", self.link)
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.router.sysctl("net.ipv6.conf.all.forwarding", 1)
        self.ours, self.theirs = self.link_local(self.lb1), self.link_local(self.router)
        self.health = self.lb1.folder / "healthy"
        self.health.touch()

    @staticmethod
    def link_local(node):
        """The kernel makes it as soon as the interface is up, without looking for a duplicate."""
        def found():
            return [text.split("/")[0] for text in node.addresses("eth0") if text.startswith("fe80:")]

        return wait_for(found, 5, f"{node.name} has a link-local address")[0]

    def start(self, peer=""):
        self.daemon = Anyvip(self.lb1, anyvip(self.health, peer))
        self.peer = self.make_router(self.router)

    def wait_announced(self, deadline=UP):
        wait_for(self.announced, deadline, "every route is at the router, by our link-local address")

    def wait_gone(self, deadline=AT_ONCE):
        wait_for(self.gone, deadline, "every route has left the router")

    def status(self):
        return self.daemon.status()["peers"][0]

    # --- the sentences

    def test_the_routes_arrive_by_our_link_local_address(self):
        self.start()
        self.wait_announced()
        status = self.status()
        self.assertEqual(status["address"], self.theirs)
        self.assertEqual((status["link"]["interface"], status["link"]["neighbor"]), ("eth0", self.theirs))
        self.assertEqual("extended-next-hop" in status["negotiated"], self.ROUTES == ROUTES)

    def test_every_form_of_a_link_local_next_hop_is_taken(self):
        for number, form in enumerate(self.FORMS):
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


class ForwardingCase(UnnumberedCase):
    """The router forwards what it has learnt."""

    def setUp(self):
        super().setUp()
        access = self.segment("access")
        access.join(self.router, "eth1", ["192.0.2.1/24", "2001:db8:c::1/64"])
        self.client = self.host("client", access, "192.0.2.100/24", "2001:db8:c::100/64")
        self.client.run("ip route add default via 192.0.2.1")
        self.client.run("ip -6 route add default via 2001:db8:c::1")
        self.lb1.run(f"ip route replace 192.0.2.0/24 via inet6 {self.theirs} dev eth0")
        self.lb1.run(f"ip -6 route replace 2001:db8:c::/64 via {self.theirs} dev eth0")

    def announced(self):
        return all(self.router.routes(vip) == [self.ours] for vip in (VIP, VIP6))

    def gone(self):
        return not any(self.peer.has_route(route) for route in ROUTES) and not any(map(self.router.routes, (VIP, VIP6)))

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

    def test_a_client_is_served_by_both_vips(self):
        self.start()
        self.wait_announced()
        self.serve()
        for vip in (VIP, VIP6):
            self.assertEqual(wait_for(lambda to=vip: self.ask(to), 5, f"{vip} answers"), "lb1")


class SpokenForCase(UnnumberedCase):
    """The router says nothing of itself on the link, and keeps what it learns in its table."""

    # Of two addresses they take the first, and so "::".
    FORMS = ("alone", "twice")

    def setUp(self):
        super().setUp()
        self.mac = self.lb1.mac("eth0")

    def advertise(self):
        return Bird(self.router, "router id 10.0.0.1;\nprotocol device { scan time 1; }\n" + RADV)

    def wait_known(self):
        """By our advertisements, which tell our link-layer address. GoBGP does not even start where it finds no neighbour."""
        wait_for(lambda: f"{self.ours} dev eth0 lladdr" in self.router.run("ip -6 neigh"), UP, "the router's kernel knows us")

    def start(self, peer=""):
        self.daemon = Anyvip(self.lb1, anyvip(self.health, peer))
        self.advertise()
        self.wait_known()
        self.peer = self.make_router(self.router)

    def announced(self):
        table = self.peer.read().table
        return all([path["next_hop"] for path in table.get(route, [])] == [self.ours] for route in self.ROUTES)

    def gone(self):
        table = self.peer.read().table
        return not any(route in table for route in self.ROUTES)

    def follow(self, router):
        """It was told our address once, so our new interface gets the old one."""
        self.lb1.run("ip link set eth0 down")
        self.lb1.run(f"ip link set eth0 address {self.mac}")
        self.lb1.run("ip link set eth0 up")
        self.ours = self.link_local(self.lb1)

    def test_without_an_advertisement_we_know_of_nobody(self):
        self.daemon = Anyvip(self.lb1, anyvip(self.health))
        self.wait_known()
        self.peer = self.make_router(self.router)       # It knows us, and connects.
        never(lambda: self.status()["counters"]["sessions"], 3, "a session with somebody unheard of")
        self.assertIsNone(self.status()["link"]["neighbor"])
        self.advertise()
        self.wait_announced(2 * UP)


class WithFrr(ForwardingCase, Case):
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


class WithBird(ForwardingCase, Case):
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
{RADV}protocol bgp lb1 {{
  local as 65000; neighbor {self.ours} % 'eth0' as 65010; direct;
  connect delay time 1; connect retry time 1; error wait time 1, 2;
  ipv4 {{ import all; export none; extended next hop on; }};
  ipv6 {{ import all; export none; }};
}}
"""

    def follow(self, router):
        router.configure(self.configuration())


class WithGobgp(SpokenForCase, Case):
    @staticmethod
    def make_router(node):
        families = "".join(f' [[neighbors.afi-safis]]\n  [neighbors.afi-safis.config]\n   afi-safi-name = "{name}-unicast"\n'
                           for name in ("ipv4", "ipv6"))
        return Gobgp(node, f"""
[global.config]
 as = 65000
 router-id = "10.0.0.1"
[[neighbors]]
 [neighbors.config]
  neighbor-interface = "eth0"
  peer-as = 65010
 [neighbors.timers.config]
  connect-retry = 1
  idle-hold-time-after-reset = 1
{families}""")


class WithOpenbgpd(SpokenForCase, Case):
    """Version 7.7 takes a link-local neighbour with its interface, and no IPv4 route with an IPv6 next hop."""

    ROUTES = (f"{VIP6}/128",)

    def make_router(self, node):
        return Openbgpd(node, f"""
AS 65000
router-id 10.0.0.1
fib-update no
connect-retry 2
neighbor {self.ours}%eth0 {{
 remote-as 65010
 announce IPv6 unicast
 announce IPv4 none
}}
allow from any
allow to any
""")


if __name__ == "__main__":
    unittest.main()
