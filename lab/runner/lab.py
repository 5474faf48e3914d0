"""Lab: a topology that is, was or will be deployed. The command line and the expect scripts both use it."""
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time

from . import images, links, namespaces, order, topology as topologies, uml
from .namespaces import CommandFailed
from .places import Problem

STATE = "/run/anyvip-lab"
INIT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "init.py")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class LabError(Exception):
    pass


class Timeout(AssertionError):
    pass


def until(what, condition, timeout=30, every=0.05):
    """Waits until condition() is true and returns its value; Timeout names `what` and the last value."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Timeout("not within %g s: %s (last: %r)" % (timeout, what, value))
        time.sleep(every)


def log(text):
    print(text, file=sys.stderr, flush=True)


class Lab:
    def __init__(self, topology):
        self.topology = topology
        self.state = os.path.join(STATE, topology.name)
        self.nodes = {name: Node(self, node) for name, node in topology.nodes.items() if node.kind == "linux"}

    @classmethod
    def of(cls, file):
        return cls(topologies.load(file))

    def __getitem__(self, name):
        return self.nodes[name]

    # ---- deploy

    def deploy(self):
        """Raises LabError, and leaves nothing behind, if a node or link can't be made. A failing `exec` is
        logged and the deployment goes on, as with containerlab: tests check for themselves."""
        lacking = uml.missing(self.topology)
        if lacking:
            raise LabError("lab %s needs %s, which the running kernel lacks, and a deployed lab cannot outlive a "
                           "user-mode-linux guest: use `lab/run script %s PROGRAM` or `lab/run test %s`"
                           % (self.topology.name, lacking, *[os.path.relpath(self.topology.file)] * 2))
        for note in self.topology.notes if "LAB_QUIET" not in os.environ else []:
            log("lab %s: %s" % (self.topology.name, note))
        try:
            os.makedirs(STATE, exist_ok=True)
            os.mkdir(self.state)
        except FileExistsError:
            raise LabError("lab %s is deployed already; destroy it first" % self.topology.name) from None
        try:
            self._write_state()
            self._deploy()
        except BaseException as error:
            self.destroy()
            if isinstance(error, CommandFailed):
                raise LabError(str(error)) from None
            raise

    def _write_state(self):
        """Written before anything is made, so that a crash at any point can be cleaned up."""
        names = self.topology.nodes
        state = {"name": self.topology.name, "file": self.topology.file,
                 "namespaces": sorted({self.topology.netns(name) for name in names} - {""}),
                 "host_interfaces": links.host_interfaces(self.topology)}
        with open(os.path.join(self.state, "lab.json"), "w") as file:
            json.dump(state, file)

    def _deploy(self):
        begin, linked = time.monotonic(), set()
        delayed = lambda name, stage: stage in ("healthy", "exit") or (
            stage == "create" and self.topology.nodes[name].startup_delay > 0)
        for name, stage in order.steps(self.topology, delayed):
            node = self.topology.nodes[name]
            for_linux = self.nodes.get(name)
            if stage != "create":
                self._stage_exec(node, stage, "on-enter")
            if stage == "create":
                if node.startup_delay:
                    until("the delay of " + name, lambda: time.monotonic() >= begin + node.startup_delay,
                          node.startup_delay + 1)
                for_linux.create() if for_linux else links.bridge(self.topology, node)
            elif stage == "create-links":
                for index, link in enumerate(self.topology.links):
                    if index not in linked and name in [end.node for end in link.ends]:
                        links.add(self.topology, link)
                        linked.add(index)
            elif stage == "configure" and for_linux:
                for command in node.exec:
                    for_linux.logged_exec(command)
            elif stage == "healthy" and for_linux:
                for_linux.wait_healthy()
            elif stage == "exit" and for_linux:
                until("%s exits" % name, lambda: not for_linux.running(), 300)
            self._stage_exec(node, stage, "on-exit")

    def _stage_exec(self, node, stage, phase):
        for item in node.stages[stage].exec:
            if item.phase != phase:
                continue
            if item.target == "host":
                done = subprocess.run(shlex.split(item.command), stdin=subprocess.DEVNULL, capture_output=True, text=True)
                report(node.name + " (host)", item.command, done)
            elif node.name in self.nodes:
                self.nodes[node.name].logged_exec(item.command)

    # ---- the rest of the words

    def inspect(self):
        return {self.topology.name: [node.inspect() for node in self.nodes.values()]}

    def destroy(self, cleanup=False):
        """Ends and removes what the lab is, also after a crash and also twice."""
        state = {"namespaces": sorted({self.topology.netns(name) for name in self.topology.nodes} - {""}),
                 "host_interfaces": []}
        try:
            with open(os.path.join(self.state, "lab.json")) as file:
                state = json.load(file)
        except (OSError, ValueError):
            pass                        # never deployed, or killed before the first step: nothing else was made
        for name in state["namespaces"]:
            namespaces.delete(name)
        for interface in state["host_interfaces"]:
            subprocess.run(["ip", "link", "del", interface], stdin=subprocess.DEVNULL, capture_output=True)
        shutil.rmtree(self.state, ignore_errors=True)
        try:
            os.rmdir(STATE)
        except OSError:
            pass                        # other labs
        if cleanup:
            shutil.rmtree(self.topology.lab_directory, ignore_errors=True)


class Node:
    """A linux node of a lab."""

    def __init__(self, lab, node):
        self.lab, self.node, self.name = lab, node, node.name
        self.container = lab.topology.container(node.name)
        self.netns = lab.topology.netns(node.name)
        self.image = images.find(node.image)
        self.status_file = os.path.join(lab.state, node.name + ".status")
        self.log_file = os.path.join(lab.state, node.name + ".log")
        self.pid_file = os.path.join(lab.state, node.name + ".pid")

    def env(self):
        return {"PATH": images.BIN + ":" + PATH, "HOME": "/root", "HOSTNAME": self.node.hostname, **self.node.env}

    # ---- made and started

    def create(self):
        if not self.node.main and self.image.needs and not os.path.exists(self.image.needs):
            raise CommandFailed("%s: image %s needs the Debian package %s here" %
                                (self.name, self.node.image, self.image.package))
        if not self.node.shares:
            namespaces.add(self.netns)
        programs = binaries()
        if self.image.prefix == "anyvip" and not self.node.main and not programs:
            raise CommandFailed("%s: no anyvipd: build it, or set ANYVIP_BIN_DIR" % self.name)
        self._start({"hostname": self.node.hostname, "main": self.node.main or self.image.main, "env": self.env(),
                     "binds": [vars(bind) for bind in self.node.binds], "tmpfs": self.node.tmpfs,
                     "empty": self.image.empty, "copied": self.image.copied, "programs": programs,
                     "programs_at": images.BIN, "status": self.status_file,
                     "sysctls": {"net.ipv6.conf.all.disable_ipv6": "0", **self.node.sysctls}})

    def _start(self, description):
        answer, far = os.pipe()
        with open(self.log_file, "ab") as output:
            keeper = subprocess.Popen(
                ["nsenter", "--net=" + namespaces.path(self.netns), "unshare", "--mount", "--uts", "--ipc", "--pid",
                 "--fork", "--kill-child", "--propagation", "private", sys.executable, "-S", "-E", INIT, str(far)],
                stdin=subprocess.PIPE, stdout=output, stderr=output, pass_fds=[far], start_new_session=True)
        os.close(far)
        keeper.stdin.write(json.dumps(description).encode())
        keeper.stdin.close()
        text = b""
        while select.select([answer], [], [], 30)[0]:
            data = os.read(answer, 4096)
            if not data:
                break
            text += data
            if text == b"ready":
                break
        os.close(answer)
        if text != b"ready":
            keeper.kill()
            keeper.wait()
            raise CommandFailed("%s: %s" % (self.name, text.decode() or "no answer; log: " + self.log()[-500:]))
        pid = namespaces.child(keeper.pid)
        keeper.returncode = 0           # it outlives us; nobody here waits for it
        with open(self.pid_file, "w") as file:
            json.dump({"pid": pid, "started": namespaces.started(pid)}, file)

    @property
    def pid(self):
        """PID 1 of the node, as the host counts; None if there is none (any more)."""
        try:
            with open(self.pid_file) as file:
                known = json.load(file)
        except (OSError, ValueError):
            return None
        return known["pid"] if namespaces.started(known["pid"]) == known["started"] else None

    # ---- the main process

    def status(self):
        """`running PID` (in the node's count) or `exited STATUS`."""
        try:
            with open(self.status_file) as file:
                return file.read().strip()
        except OSError:
            return ""

    def running(self):
        return self.pid is not None and self.status().startswith("running")

    def stop(self, timeout=30):
        """SIGTERM to the main process, as docker stop."""
        self._end(signal.SIGTERM, timeout)

    def kill(self, timeout=10):
        """SIGKILL to the main process, as docker kill; but the node keeps its links."""
        self._end(signal.SIGUSR2, timeout)

    def _end(self, number, timeout):
        if self.running():
            os.kill(self.pid, number)
            until("%s has ended" % self.name, lambda: not self.running(), timeout, 0.002)

    def start(self):
        os.kill(self.pid, signal.SIGUSR1)
        until("%s has started" % self.name, self.running, 10, 0.002)

    def interfaces(self):
        return [end.interface for link in self.lab.topology.links for end in link.ends if end.node == self.name]

    def power_off(self):
        """As if the plug were pulled: nothing leaves the node any more, then nothing lives in it. What its kernel
        held is gone, as after a reboot."""
        self.out(["sh", "-c", "; ".join("ip link set %s down" % name for name in self.interfaces())])
        self.kill()
        for link in json.loads(self.out("ip -j addr")):
            for address in link["addr_info"]:
                if address["local"] not in ("127.0.0.1", "::1"):
                    self.exec(["ip", "addr", "del", "%s/%d" % (address["local"], address["prefixlen"]),
                               "dev", link["ifname"]])
        if os.path.exists("/proc/net/ip_vs"):
            self.out("ipvsadm -C")

    def power_on(self):
        """The links, the addresses of `exec`, the main process."""
        self.out(["sh", "-c", "; ".join("ip link set %s up" % name for name in self.interfaces())])
        for command in self.node.exec:
            self.out(command)
        self.start()

    def log(self):
        try:
            with open(self.log_file, errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    # ---- commands in the node

    def argv(self, command):
        """What runs a command (a list, or a text that is split by shell words; no shell) in the node."""
        pid = self.pid
        if pid is None:
            raise LabError("%s is not running" % self.container)
        words = shlex.split(command) if isinstance(command, str) else list(command)
        return ["nsenter", "--target", str(pid), "--mount", "--uts", "--ipc", "--net", "--pid", "--wd=/", "--", *words]

    def exec(self, command, timeout=60, **options):
        options = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **options}
        return subprocess.run(self.argv(command), env=self.env(), timeout=timeout, **options)

    def out(self, command, timeout=60):
        """The output of a command that must succeed."""
        done = self.exec(command, timeout)
        if done.returncode:
            raise LabError("%s: %s: exit %d: %s" % (self.name, command, done.returncode, done.stderr.strip()))
        return done.stdout

    def json(self, command):
        """The JSON that a command prints, or None while it fails or prints none (a daemon that is starting)."""
        done = self.exec(command)
        try:
            return json.loads(done.stdout) if done.returncode == 0 else None
        except ValueError:
            return None

    def popen(self, command, **options):
        return subprocess.Popen(self.argv(command), env=self.env(), **options)

    def logged_exec(self, command):
        report(self.name, command, self.exec(command))

    def healthy(self):
        check = self.node.healthcheck
        try:
            return self.exec(check.test, timeout=check.timeout).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def wait_healthy(self):
        """As Docker does it: every interval after the start, unhealthy after `retries` failures in a row that
        count (those in the start period do not)."""
        check, failures, begin = self.node.healthcheck, 0, time.monotonic()
        if check is None:
            raise CommandFailed("%s: somebody waits until it is healthy, and it has no healthcheck" % self.name)
        while not self.healthy():
            failures += time.monotonic() > begin + check.start_period
            if failures >= check.retries:
                raise CommandFailed("%s: unhealthy after %d checks" % (self.name, failures))
            time.sleep(check.interval)

    def inspect(self):
        status = self.status()
        return {"lab_name": self.lab.topology.name, "labPath": os.path.relpath(self.lab.topology.file),
                "absLabPath": self.lab.topology.file, "name": self.container, "kind": self.node.kind,
                "image": self.node.image, "state": "running" if self.running() else "exited" if status else "absent",
                "status": status, "pid": self.pid, "netns": self.netns, "labels": self.node.labels}


def report(where, command, done):
    if done.returncode:
        log("%s: %s: exit %d: %s" % (where, command, done.returncode, (done.stderr or done.stdout).strip()))


def binaries():
    """Where the built anyvipd lies, or None."""
    given = os.environ.get("ANYVIP_BIN_DIR")
    candidates = [given] if given else [os.path.join(uml.ROOT, "build", preset) for preset in ("release", "check")]
    return next((os.path.realpath(path) for path in candidates if os.path.exists(os.path.join(path, "anyvipd"))), None)


__all__ = ["CommandFailed", "Lab", "LabError", "Node", "Problem", "Timeout", "until"]
