"""Virtual servers and real servers in the kernel, by real HTTP requests. Needs a kernel with IPVS; without one:

    tests/uml/umlrun --modules "ip_vs ip_vs_rr ip_vs_wlc" -- python3 -m unittest ipvs_test

    client -- outside -- lb -- inside -- rs1, rs2       NAT: the real servers' way back is the balancer
    client -- outside -- lb                             DR: everybody on one segment, the VIP on every loopback
                      \\- rs1, rs2
"""
import re
import unittest

from harness import Anyvip, Bird, Case, Frr, never, speaker, wait_for

VIP = "203.0.113.10"
AT_ONCE = 5     # IPVS under user-mode Linux: a command takes tens of milliseconds

SERVER = """
import http.server, os, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == '/hold':            # a connection that lives until it is told to go on
            self.send_response(200); self.end_headers(); self.wfile.write(b'begun '); self.wfile.flush()
            while not os.path.exists(sys.argv[2] + '.go'): __import__('time').sleep(0.05)
        else:
            healthy = os.path.exists(sys.argv[2]) or self.path != '/healthz'
            self.send_response(200 if healthy else 503); self.end_headers()
        self.wfile.write(sys.argv[1].encode())
    def log_message(self, *words): pass
class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads, request_queue_size = True, 64
Server(('', 80), Handler).serve_forever()
"""
CLIENT = """
import http.client, sys
for _ in range(int(sys.argv[2])):
    try:
        connection = http.client.HTTPConnection(sys.argv[1], 80, timeout=2)
        connection.request('GET', '/'); print(connection.getresponse().read().decode()); connection.close()
    except OSError as error:
        print('failed')
"""


def anyvip(forwarding="nat", servers=("10.1.0.21", "10.1.0.22"), announce="", more="", weight=None):
    weight = weight or {}
    pool = "".join(f"""
[[virtual_server.real_server]]
address = "{server}"
weight = {weight.get(server, 1)}
""" for server in servers)
    return speaker("lb", "10.0.0.11") + f"""
next_hop6 = "2001:db8::11"

[[vip]]
name = "www"
address = "{VIP}"
announce = "bgp"
{announce}

[[virtual_server]]
name = "www-http"
vip = "www"
port = 80
protocol = "tcp"
scheduler = "rr"
forwarding = "{forwarding}"
check = {{ http = {{ path = "/healthz", status = [200] }}, interval = "500ms", timeout = "400ms", rise = 2, fall = 2 }}
{pool}
{more}
"""


class Balanced(Case):
    """A router that learns the VIP by BGP, a client behind it, a balancer and two real servers."""

    forwarding = "nat"

    def setUp(self):
        super().setUp()
        self.lan, access = self.segment("lan"), self.segment("access")
        self.router = self.host("router", self.lan, "10.0.0.1/24", "2001:db8::1/64")
        access.join(self.router, "eth1", ["192.0.2.1/24"])
        self.router.sysctl("net.ipv4.ip_forward", 1)
        self.client = self.host("client", access, "192.0.2.100/24")
        self.client.run("ip route add default via 192.0.2.1")
        self.lb = self.host("lb", self.lan, "10.0.0.11/24", "2001:db8::11/64")
        self.lb.run("ip route add default via 10.0.0.1")
        self.lb.sysctl("net.ipv4.ip_forward", 1)
        self.servers = self.make_servers()
        for server in self.servers:
            server.health = server.folder / "healthy"
            server.health.touch()
        self.serve(*self.servers)
        self.peer = self.make_router()
        self.daemon = Anyvip(self.lb, self.config())

    def make_servers(self):
        """NAT: a segment of their own, with the balancer as the way back."""
        inside = self.segment("inside")
        inside.join(self.lb, "eth1", ["10.1.0.1/24"])
        servers = []
        for number in (1, 2):
            server = self.host(f"rs{number}", inside, f"10.1.0.2{number}/24")
            server.run("ip route add default via 10.1.0.1")
            servers.append(server)
        return servers

    def make_router(self):
        return Frr(self.router, """
router bgp 65000
 bgp router-id 10.0.0.1
 no bgp ebgp-requires-policy
 neighbor 10.0.0.11 remote-as 65010
 neighbor 10.0.0.11 timers connect 1
""")

    def serve(self, *servers):
        for server in servers:
            server.http = server.start("http",
                                       ["/usr/bin/python3", "-S", "-E", "-c", SERVER, server.name, server.health])
        # Python takes seconds to start under user-mode Linux, and that is not what the deadlines are about.
        for server in servers:
            wait_for(lambda: server.run("ss -Hltn sport = :80"), 60, f"{server.name} listens", interval=0.2)

    def config(self, **words):
        return anyvip(self.forwarding, **words)

    def table(self):
        """{real server: weight} of the virtual server, None when the kernel has none."""
        text = self.lb.run("ipvsadm -Sn", check=False)
        if f"-A -t {VIP}:80 " not in text:
            return None
        return {match[1]: int(match[2]) for match in
                re.finditer(rf"-a -t {re.escape(VIP)}:80 -r ([0-9.]+):80 .*-w (\d+)", text)}

    def wait_table(self, deadline=AT_ONCE, **weights):
        expected = {f"10.1.0.2{name[2:]}" if self.forwarding == "nat" else f"10.0.0.2{name[2:]}": weight
                    for name, weight in weights.items()}
        wait_for(lambda: self.table() == expected, deadline, f"the kernel's table is {expected}", interval=0.1)

    def requests(self, times=8):
        output = self.client.run(["/usr/bin/python3", "-S", "-E", "-c", CLIENT, VIP, times], timeout=60)
        return output.split()

    def wait_ready(self):
        self.wait_table(deadline=20, rs1=1, rs2=1)
        wait_for(lambda: self.router.routes(VIP) == ["10.0.0.11"], 20, "the route is in the router's kernel")

    # --- the sentences

    def test_requests_are_shared_and_a_failed_server_is_removed_and_returns(self):
        self.wait_ready()
        self.assertEqual(set(self.requests()), {"rs1", "rs2"})
        self.servers[0].health.unlink()
        self.wait_table(rs2=1)
        self.assertEqual(set(self.requests()), {"rs2"})
        self.servers[0].health.touch()
        self.wait_table(rs1=1, rs2=1)
        self.assertEqual(set(self.requests()), {"rs1", "rs2"})

    def test_the_route_goes_with_the_last_real_server_and_returns_with_it(self):
        self.wait_ready()
        for server in self.servers:
            server.http.kill()
        wait_for(lambda: not self.peer.has_route(f"{VIP}/32"), AT_ONCE, "the route leaves the router's table")
        self.assertTrue(self.lb.has_address(VIP), "the address follows the configuration")
        self.serve(self.servers[1])
        wait_for(lambda: self.peer.has_route(f"{VIP}/32"), AT_ONCE, "the route is back")
        self.wait_table(rs2=1)
        self.assertEqual(set(self.requests()), {"rs2"})


class NatFrr(Balanced):
    def test_the_bandwidth_of_the_route_follows_the_real_servers_and_the_route_stays(self):
        self.wait_ready()
        self.daemon.reload(self.config(announce="""bgp = { link_bandwidth = { per_weight = "100Mbit/s" } }
capacity_rise_after = "2s"
"""))
        wait_for(lambda: self.bandwidth() == 25000000, AT_ONCE, "both real servers are told of")
        before = self.peer.updates_received("10.0.0.11")
        self.servers[0].health.unlink()
        wait_for(lambda: self.bandwidth() == 12500000, AT_ONCE, "one of them")
        self.assertEqual(self.peer.updates_received("10.0.0.11"), before + 1)
        self.servers[0].health.touch()
        self.wait_table(rs1=1, rs2=1)
        never(lambda: self.bandwidth() != 12500000, 1, "what has just come up was counted")
        wait_for(lambda: self.bandwidth() == 25000000, AT_ONCE, "both, after a while")
        self.assertEqual(self.peer.updates_received("10.0.0.11"), before + 2)

    def bandwidth(self):
        """In octets per second, as FRR has read it; None without a route."""
        for path in self.peer.paths(f"{VIP}/32"):
            found = re.search(r"LB:65010:(\d+)", path.get("extendedCommunity", {}).get("string", ""))
            return int(found[1]) if found else 0
        return None

    def hold(self):
        """A connection through the VIP that stays open; returns (process, real server that has it)."""
        process = self.client.start("hold", ["curl", "-sN", "-m", "60", f"http://{VIP}/hold"])
        held = wait_for(lambda: re.search(r"TCP .*ESTABLISHED .*?(10\.1\.0\.2\d):80",
                                          self.lb.run("ipvsadm -Lnc")), 10, "a connection through IPVS")
        return process, held[1]

    def finish(self, process, server):
        """The connection goes on to its end: the server's name arrives after what it began with."""
        node = self.servers[int(server[-1]) - 1]
        (node.folder / "healthy.go").touch()
        wait_for(lambda: not process.running(), 10, "the held request ends")
        self.assertEqual(process.output(), f"begun {node.name}", "the connection lived through it")

    def test_a_drained_server_keeps_its_connections_and_gets_no_new_ones(self):
        self.wait_ready()
        process, held = self.hold()
        self.daemon.reload(self.config(weight={held: 0}))
        other = "2" if held[-1] == "1" else "1"
        self.wait_table(**{f"rs{held[-1]}": 0, f"rs{other}": 1})
        self.assertEqual(set(self.requests()), {f"rs{other}"})
        self.finish(process, held)

    def test_what_someone_else_deletes_is_repaired(self):
        self.wait_ready()
        self.lb.run(f"ipvsadm -d -t {VIP}:80 -r 10.1.0.21:80")
        self.wait_table(deadline=15, rs1=1, rs2=1)
        self.lb.run("ipvsadm -C")
        self.wait_table(deadline=15, rs1=1, rs2=1)
        self.assertEqual(set(self.requests()), {"rs1", "rs2"})

    def test_what_someone_else_owns_is_never_touched(self):
        self.wait_ready()
        self.lb.run("ipvsadm -A -t 198.51.100.1:443 -s wlc")
        self.lb.run("ipvsadm -a -t 198.51.100.1:443 -r 10.1.0.99:443 -m -w 7")
        self.servers[0].health.unlink()
        self.wait_table(rs2=1)
        self.daemon.stop()
        wait_for(lambda: self.table() is None, AT_ONCE, "ours is gone after the stop")
        self.assertIn("-a -t 198.51.100.1:443 -r 10.1.0.99:443 -m -w 7", self.lb.run("ipvsadm -Sn"))

    def test_after_a_kill_the_next_start_adopts_what_matches(self):
        self.wait_ready()
        process, held = self.hold()
        self.requests()
        before = self.connections()
        self.daemon.kill()
        self.assertEqual(self.table(), {"10.1.0.21": 1, "10.1.0.22": 1}, "the kernel goes on without us")
        self.daemon.start()
        # A service that was flushed and made anew would have counted from zero.
        never(lambda: self.table() != {"10.1.0.21": 1, "10.1.0.22": 1}, 1, "the pool was emptied at start", 0.2)
        self.assertGreaterEqual(self.connections(), before)
        self.wait_ready()
        self.finish(process, held)

    def connections(self):
        line = re.search(rf"TCP\s+{re.escape(VIP)}:80\s+(\d+)", self.lb.run("ipvsadm -Ln --stats --exact"))
        return int(line[1])

    def cleanup(self, *words):
        return self.daemon.command("cleanup", "--state-dir", self.lb.folder / "state", *words).splitlines()

    def test_cleanup_after_a_kill_removes_what_is_ours_and_nothing_else(self):
        self.wait_ready()
        self.lb.run("ipvsadm -A -t 198.51.100.1:443 -s wlc")
        self.lb.run("ipvsadm -a -t 198.51.100.1:443 -r 10.1.0.99:443 -m -w 7")
        self.lb.run("ip address add 198.51.100.1/32 dev lo")
        refusal = self.daemon.command("cleanup", "--state-dir", self.lb.folder / "state", check=False)
        self.assertIn("a daemon is running", refusal)
        self.daemon.kill()
        self.assertEqual(self.table(), {"10.1.0.21": 1, "10.1.0.22": 1})
        self.assertTrue(self.lb.has_address(VIP))
        removed = [f"RemoveAddress {VIP}/32 on lo", f"RemoveVirtualServer tcp {VIP}:80"]
        self.assertEqual(self.cleanup("--dry-run"), [f"would: {line}" for line in removed])
        self.assertEqual(self.table(), {"10.1.0.21": 1, "10.1.0.22": 1}, "a dry run removes nothing")
        self.assertEqual(self.cleanup(), removed)
        self.assertIsNone(self.table())
        self.assertFalse(self.lb.has_address(VIP))
        self.assertIn("-a -t 198.51.100.1:443 -r 10.1.0.99:443 -m -w 7", self.lb.run("ipvsadm -Sn"))
        self.assertTrue(self.lb.has_address("198.51.100.1"))
        self.assertEqual(self.cleanup(), [], "what is gone is no longer listed")

    def test_a_stopped_daemon_leaves_neither_service_nor_address_nor_route(self):
        self.wait_ready()
        self.daemon.stop()
        self.assertIsNone(self.table())
        self.assertFalse(self.lb.has_address(VIP))
        wait_for(lambda: not self.peer.has_route(f"{VIP}/32"), AT_ONCE, "the route left the router's table")


class NatBird(Balanced):
    def make_router(self):
        return Bird(self.router, """
router id 10.0.0.1;
protocol device { scan time 1; }
protocol direct { ipv4; }
protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }
protocol bgp lb {
  local 10.0.0.1 as 65000; neighbor 10.0.0.11 as 65010; connect delay time 1; connect retry time 1;
  error wait time 1, 2; ipv4 { import all; export none; };
}
""")


class DirectRouting(Balanced):
    """The answer goes from the real server to the router without the balancer."""

    forwarding = "dr"

    def make_servers(self):
        servers = []
        for number in (1, 2):
            server = self.host(f"rs{number}", self.lan, f"10.0.0.2{number}/24")
            server.run("ip route add default via 10.0.0.1")
            server.sysctl("net.ipv4.conf.all.arp_ignore", 1)
            server.sysctl("net.ipv4.conf.all.arp_announce", 2)
            server.run(f"ip address add {VIP}/32 dev lo")
            servers.append(server)
        return servers

    def config(self, **words):
        return anyvip("dr", servers=("10.0.0.21", "10.0.0.22"), **words)


VRRP = """
[node]
name = "lb"

[[virtual_router]]
name = "office"
interface = "eth0"
vrid = 51
advertise_interval = "200ms"

[[vip]]
name = "www"
address = "192.0.2.10/24"
announce = "vrrp"
virtual_router = "office"

[[virtual_server]]
name = "www-http"
vip = "www"
port = 80
scheduler = "rr"
forwarding = "nat"
check = { tcp = {}, interval = "500ms", timeout = "400ms", rise = 2, fall = 2 }

[[virtual_server.real_server]]
address = "10.1.0.21"
[[virtual_server.real_server]]
address = "10.1.0.22"
"""


class Vrrp(Case):
    """IPVS behind an address that VRRP moves."""

    def test_the_active_router_balances_and_gives_up_without_real_servers(self):
        outside, inside = self.segment("outside"), self.segment("inside")
        client = self.host("client", outside, "192.0.2.100/24")
        lb = self.host("lb", outside, "192.0.2.1/24")
        inside.join(lb, "eth1", ["10.1.0.1/24"])
        lb.sysctl("net.ipv4.ip_forward", 1)
        servers = []
        for number in (1, 2):
            server = self.host(f"rs{number}", inside, f"10.1.0.2{number}/24")
            server.run("ip route add default via 10.1.0.1")
            server.http = server.start("http", ["/usr/bin/python3", "-S", "-E", "-c", SERVER, server.name,
                                                server.folder / "healthy"])
            servers.append(server)
        Anyvip(lb, VRRP)
        wait_for(lambda: lb.has_address("192.0.2.10"), 20, "the node is Active")

        def requests():
            return set(client.run(["/usr/bin/python3", "-S", "-E", "-c", CLIENT, "192.0.2.10", 8], timeout=60).split())

        wait_for(lambda: requests() == {"rs1", "rs2"}, 10, "both real servers answer through the VIP")
        servers[0].http.kill()
        wait_for(lambda: requests() == {"rs2"}, 10, "only the healthy one answers")
        servers[1].http.kill()
        wait_for(lambda: not lb.has_address("192.0.2.10"), 10, "no real server, no address")


if __name__ == "__main__":
    unittest.main()
