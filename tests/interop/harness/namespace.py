"""Nodes: network and mount namespaces with processes in them; segments: bridges between nodes."""
import ctypes
import itertools
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import threading

from .wait import wait_for

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000

# A process that dies with us, whatever becomes of us: the kernel sends SIGKILL when the parent ends.
DIE_WITH_PARENT = ["setpriv", "--pdeathsig", "KILL", "--"]


class Process:
    """One daemon in a node, in a process group of its own, its output in a file."""

    def __init__(self, node, name, argv, env=None):
        self.node, self.name = node, name
        self.log = node.folder / f"{name}.log"
        with open(self.log, "ab") as output:
            self.popen = subprocess.Popen(DIE_WITH_PARENT + node.enter(argv), stdin=subprocess.DEVNULL, stdout=output,
                                          stderr=output, start_new_session=True, env=env)
        self.pid = self.popen.pid       # setpriv and nsenter exec; they do not fork

    def running(self):
        return self.popen.poll() is None

    def stop(self, deadline=10, number=signal.SIGTERM):
        """Asks the process to end and waits; returns its exit status."""
        if self.running():
            os.kill(self.pid, number)
        wait_for(lambda: not self.running(), deadline, f"{self.name} on {self.node.name} ends")
        return self.popen.returncode

    def signal(self, number):
        os.kill(self.pid, number)

    def kill(self):
        """SIGKILL for the process and its group: the end without a word."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.popen.wait()

    def output(self):
        return self.log.read_text(errors="replace")


class Node:
    """A host: own network, own /run, loopback up. Commands run in it with run(), daemons with start()."""

    def __init__(self, name, folder):
        self.name, self.folder = name, pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.processes = []
        script = "mount -t tmpfs tmpfs /run && ip link set lo up && echo ready && exec sleep infinity"
        self._holder = subprocess.Popen(DIE_WITH_PARENT + ["unshare", "--net", "--mount", "sh", "-c", script],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True)
        if self._holder.stdout.readline() != b"ready\n":
            raise RuntimeError("no namespaces: root is needed")
        # Containers start without these; some kernels with them.
        self.sysctl("net.ipv6.conf.all.disable_ipv6", 0)
        self.sysctl("net.ipv4.conf.all.rp_filter", 0)
        self.sysctl("net.ipv4.conf.default.rp_filter", 0)

    def enter(self, argv):
        """The command line that runs argv in this node; exec only, so that its pid stays that of the caller."""
        pid = self._holder.pid
        return ["nsenter", f"--net=/proc/{pid}/ns/net", f"--mount=/proc/{pid}/ns/mnt", "--wd=/", "--",
                *map(str, argv)]

    def run(self, command, check=True, timeout=30, text=True):
        """Runs a command to its end (a string is split as by a shell, without being one); returns its output."""
        argv = shlex.split(command) if isinstance(command, str) else command
        result = subprocess.run(DIE_WITH_PARENT + self.enter(argv), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=timeout, text=text)
        if check and result.returncode != 0:
            raise RuntimeError(f"{self.name}: {shlex.join(map(str, argv))}: {result.returncode}: {result.stdout}")
        return result.stdout

    def succeeds(self, command, timeout=30):
        argv = shlex.split(command) if isinstance(command, str) else command
        return subprocess.run(DIE_WITH_PARENT + self.enter(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=timeout).returncode == 0

    def start(self, name, argv, env=None):
        process = Process(self, name, argv, env)
        self.processes.append(process)
        return process

    def socket(self, *words):
        """A socket of this network in the process of the test. A thread enters the network to make it: a namespace is
        a thread's, and a socket stays in the one that it was born in."""
        made = []

        def make():
            with open(f"/proc/{self._holder.pid}/ns/net", "rb") as namespace:
                if LIBC.setns(namespace.fileno(), CLONE_NEWNET) == 0:
                    made.append(socket.socket(*words))

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if not made:
            raise RuntimeError(f"{self.name}: no socket in its network")
        return made[0]

    def sysctl(self, key, value):
        self.run(["sysctl", "-q", "-w", f"{key}={value}"])

    def file(self, name, text, mode=0o644):
        """A file that the node and the test see under the same path."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def addresses(self, interface=None):
        """{address with length: the kernel's record of it}."""
        words = ["ip", "-json", "address", "show"] + (["dev", interface] if interface else [])
        return {f"{address['local']}/{address['prefixlen']}": address
                for link in json.loads(self.run(words) or "[]") for address in link.get("addr_info", [])}

    def has_address(self, address):
        return any(text.split("/")[0] == address for text in self.addresses())

    def mac(self, interface):
        return json.loads(self.run(["ip", "-json", "link", "show", "dev", interface]))[0]["address"]

    def routes(self, destination):
        """The kernel's next hops for exactly this destination: a sorted list of gateways."""
        family = "-6" if ":" in destination else "-4"
        found = json.loads(self.run(["ip", family, "-json", "route", "show", destination]) or "[]")
        hops = [hop for route in found for hop in route.get("nexthops", [route])]
        return sorted(hop.get("gateway") or hop.get("via", {}).get("host", "") for hop in hops)

    def interface_up(self, interface, addresses=()):
        self.sysctl(f"net.ipv6.conf.{interface}.accept_dad", 0)
        self.run(f"ip link set {interface} up")
        for address in addresses:
            nodad = " nodad" if ":" in address else ""
            self.run(f"ip address add {address} dev {interface}{nodad}")

    def pids(self):
        """Every process of this network, wherever it came from."""
        mine = os.stat(f"/proc/{self._holder.pid}/ns/net").st_ino
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.stat(f"/proc/{entry}/ns/net").st_ino == mine:
                    found.append(int(entry))
            except OSError:
                continue        # ended meanwhile
        return found

    def destroy(self):
        for process in reversed(self.processes):
            process.kill()
        # What a daemon has forked into a session of its own is still in our network.
        for pid in self.pids():
            if pid != self._holder.pid:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        self._holder.kill()
        self._holder.wait()
        self._holder.stdout.close()


class Segment:
    """An Ethernet segment: a bridge in a node of its own, with a port for every interface that joins."""

    numbers = itertools.count()

    def __init__(self, name, folder):
        self.node = Node(name, folder)
        # A switch has no address on the link: its solicitations would make it a neighbour of everybody there.
        for which in ("all", "default"):
            self.node.sysctl(f"net.ipv6.conf.{which}.disable_ipv6", 1)
        # A bridge that snoops would drop the multicast that it has not seen asked for.
        self.node.run("ip link add br0 type bridge forward_delay 0 mcast_snooping 0")
        self.node.run("ip link set br0 up")
        self.ports = {}

    def join(self, node, interface, addresses=()):
        """Gives `node` an interface in this segment."""
        number = next(self.numbers)
        port = f"p{number}"
        self.node.run(f"ip link add {port} type veth peer name q{number}")
        self.node.run(f"ip link set q{number} netns {node._holder.pid} name {interface}")
        self.node.run(f"ip link set {port} master br0")
        self.node.run(f"ip link set {port} up")
        node.interface_up(interface, addresses)
        self.ports[node.name] = port

    def cut(self, node):
        """The cable is pulled at the switch: the node loses its carrier."""
        self.node.run(f"ip link set {self.ports[node.name]} down")

    def mend(self, node):
        self.node.run(f"ip link set {self.ports[node.name]} up")

    def isolate(self, node, isolated=True):
        """The switch stops forwarding between this port and the others, with the carrier kept."""
        self.node.run(f"bridge link set dev {self.ports[node.name]} state {0 if isolated else 3}")

    def destroy(self):
        self.node.destroy()
