"""A topology file as values: load() returns a Topology, or raises Problem with every problem it found."""
import os
import re
import shlex
from dataclasses import dataclass, field

from . import expand, places
from .places import Map, Problem, Seq

TOP = {"name", "topology"}
TOPOLOGY = {"defaults", "kinds", "groups", "nodes", "links"}
SCALARS = {"kind", "group", "image", "cmd", "entrypoint", "hostname", "network-mode", "startup-delay", "healthcheck"}
MAPS = {"env", "labels", "sysctls", "tmpfs"}
LISTS = {"exec", "binds"}
# Accepted, and noted once: containerlab acts on them, and a lab's outcome does not depend on it.
WITHOUT_EFFECT = {"image-pull-policy", "restart-policy", "mgmt-ipv4", "mgmt-ipv6", "ports", "memory", "cpu",
                  "cpu-set", "privileged", "cap-add", "user", "dns", "license", "runtime", "auto-remove"}
TOP_WITHOUT_EFFECT = {"mgmt", "prefix", "settings"}
NODE_KEYS = SCALARS | MAPS | LISTS | {"stages"} | WITHOUT_EFFECT
STAGES = ["create", "create-links", "configure", "healthy", "exit"]
DEFAULT_MTU = 9500  # containerlab's
INTERFACE = re.compile(r"[^\s/:]{1,15}")


@dataclass
class Bind:
    source: str
    target: str
    read_only: bool = False


@dataclass
class Healthcheck:
    test: list                # argv
    interval: float = 30
    timeout: float = 30
    retries: int = 3
    start_period: float = 0


@dataclass
class StageExec:
    command: str
    phase: str                # on-enter, on-exit
    target: str = "container" # or host


@dataclass
class Stage:
    wait_for: list = field(default_factory=list)    # of (node, stage)
    exec: list = field(default_factory=list)        # of StageExec


@dataclass
class Node:
    name: str
    kind: str
    image: str = ""
    main: list = None         # argv of `entrypoint` and `cmd`; None: what the image says
    hostname: str = ""
    binds: list = field(default_factory=list)
    tmpfs: list = field(default_factory=list)
    exec: list = field(default_factory=list)
    env: dict = field(default_factory=dict)
    labels: dict = field(default_factory=dict)
    sysctls: dict = field(default_factory=dict)
    shares: str = ""          # the node whose network namespace this one lives in
    no_network: bool = False  # network-mode: none, which frees the name eth0
    startup_delay: float = 0
    healthcheck: Healthcheck = None
    stages: dict = field(default_factory=dict)      # name -> Stage
    line: int = 0

    @property
    def bridge(self):
        """The name of the bridge of a node `NAME` or `NAME|NODE`."""
        return self.name.split("|")[0]


@dataclass
class End:
    node: str                 # "" is the host
    interface: str
    mac: str = ""


@dataclass
class Link:
    ends: list                # two, or one of a dummy
    mtu: int = DEFAULT_MTU
    line: int = 0


@dataclass
class Topology:
    name: str
    file: str
    nodes: dict
    links: list
    notes: list               # what was accepted without effect

    def container(self, node):
        return "clab-%s-%s" % (self.name, node)

    def netns(self, node):
        """The network namespace of a node; "" is the host's."""
        node = self.nodes[node]
        while node.shares:
            node = self.nodes[node.shares]
        return "" if node.kind == "bridge" else self.container(node.name)

    @property
    def directory(self):
        return os.path.dirname(self.file)

    @property
    def lab_directory(self):
        """__clabDir__: where containerlab keeps a lab's files."""
        return os.path.join(self.directory, "clab-" + self.name)


def load(file, env=None):
    """Reads, expands, merges and checks `file`."""
    file = os.path.realpath(file)
    shown = os.path.relpath(file)
    try:
        with open(file) as stream:
            text = stream.read()
    except OSError as error:
        raise Problem("%s: %s" % (shown, error.strerror)) from None
    try:
        text = expand.variables(text, os.environ if env is None else env)
    except expand.BadVariable as error:
        raise Problem("%s:%d: %s" % (shown, error.line, error)) from None
    return _Reader(file, shown).read(places.load(text, shown))


class _Reader:
    """Collects every problem; what is returned while there are some is thrown away."""

    def __init__(self, file, shown):
        self.file, self.shown, self.problems, self.ignored = file, shown, [], set()

    def wrong(self, line, text):
        self.problems.append((line, text))

    def read(self, top):
        topology = None
        if not isinstance(top, Map):
            self.wrong(1, "a topology file is a mapping with `name` and `topology`")
        else:
            topology = self.top(top)
        if self.problems:
            raise Problem("\n".join("%s:%d: %s" % (self.shown, line, text)
                                    for line, text in sorted(set(self.problems))))
        return topology

    def keys(self, mapping, known, where):
        for key in mapping:
            if key not in known:
                self.wrong(mapping.at(key), "%s: unknown key %r%s" % (where, key, suggestion(key, known)))

    def top(self, top):
        self.keys(top, TOP | TOP_WITHOUT_EFFECT, "the file")
        self.ignored |= TOP_WITHOUT_EFFECT & top.keys()
        name, body = top.get("name"), top.get("topology")
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name or ""):
            self.wrong(top.at("name"), "`name` must be letters, digits, '-', '.' and '_'")
            name = "?"
        if not isinstance(body, Map):
            self.wrong(top.at("topology"), "`topology` must be a mapping")
            return None
        self.keys(body, TOPOLOGY, "topology")
        topology = Topology(name, self.file, {}, [], [])
        nodes = self.mapping(body, "nodes", "topology")
        if not nodes:
            self.wrong(body.at("nodes"), "topology: `nodes` is empty")
        for node_name in nodes:
            node = self.node(topology, body, str(node_name), nodes)
            if node:
                topology.nodes[node.name] = node
        for node in topology.nodes.values():
            self.references(topology, node)
        if not self.problems:       # links are judged by nodes that are right
            self.links(topology, body)
        self.ignored = sorted(self.ignored)
        if self.ignored:
            topology.notes.append("without effect here: " + ", ".join(self.ignored))
        return topology

    def mapping(self, parent, key, where):
        value = parent.get(key)
        if value is None:
            return Map()
        if not isinstance(value, Map):
            self.wrong(parent.at(key), "%s: `%s` must be a mapping" % (where, key))
            return Map()
        return value

    # ---- nodes

    def node(self, topology, body, name, nodes):
        line, own = nodes.at(name), self.mapping(nodes, name, "nodes")
        defaults = self.mapping(body, "defaults", "topology")
        groups, kinds = self.mapping(body, "groups", "topology"), self.mapping(body, "kinds", "topology")
        group_name = own.get("group", defaults.get("group"))
        if group_name is not None and group_name not in groups:
            self.wrong(own.at("group"), "%s: no group %r" % (name, group_name))
        group = self.mapping(groups, group_name, "groups") if group_name in groups else Map()
        kind = own.get("kind", group.get("kind", defaults.get("kind")))
        levels = [("defaults", defaults), ("kinds", self.mapping(kinds, kind, "kinds")), (group_name, group), (name, own)]
        for where, level in levels:
            self.keys(level, NODE_KEYS, where)
            self.ignored |= WITHOUT_EFFECT & level.keys()
        if kind not in ("linux", "bridge"):
            self.wrong(own.at("kind"), "%s: %s; here a node is `linux` or `bridge`" %
                       (name, "kind %r" % kind if kind else "no kind"))
            return None
        pattern = r"[A-Za-z0-9][\w.-]*" + (r"(\|[A-Za-z0-9][\w.-]*)?" if kind == "bridge" else "")
        if not re.fullmatch(pattern, name):
            self.wrong(line, "node %r: names are letters, digits, '-', '.' and '_'" % name)
            return None
        words = {"__clabNodeName__": name, "__clabLabName__": "clab-" + topology.name, "__clabDir__": topology.lab_directory,
                 "__clabNodeDir__": os.path.join(topology.lab_directory, name)}
        return self.merged(topology, name, kind, [level for _, level in levels], line, words)

    def merged(self, topology, name, kind, levels, line, words):
        def scalar(key):            # the most specific wins
            found = next((level for level in reversed(levels) if level.get(key) is not None), None)
            return (None, line) if found is None else (plain(found[key], found.at(key)), found.at(key))

        def magic(value):
            return expand.magic_words(value, words)

        def plain(value, at):       # containerlab replaces magic words in bind sources and commands alone
            if any(word in str(value) for word in words):
                self.wrong(at, "%s: magic words are replaced only in `exec` and in sources of `binds`" % name)
            return value

        def text(key, default=""):
            value, at = scalar(key)
            if isinstance(value, (Map, Seq)):
                self.wrong(at, "%s: `%s` must be a text" % (name, key))
                return default
            return default if value is None else str(value)

        def joined(key):            # from defaults down to the node, doubles dropped
            result = []
            for level in levels:
                value = level.get(key)
                if value is None:
                    continue
                if not isinstance(value, Seq):
                    self.wrong(level.at(key), "%s: `%s` must be a list" % (name, key))
                    continue
                for item, at in zip(value, value.lines):
                    if isinstance(item, (Map, Seq)) or item is None:
                        self.wrong(at, "%s: `%s` must hold texts" % (name, key))
                    elif str(item) not in [text for text, _ in result]:
                        result.append((str(item), at))
            return result

        def united(key):            # merged by key
            result = {}
            for level in levels:
                for item, value in self.mapping(level, key, name).items():
                    result[str(item)] = plain("" if value is None else str(value).lower() if isinstance(value, bool)
                                              else str(value), level.at(key))
            return result

        node = Node(name, kind, line=line)
        node.image = text("image")
        if kind == "linux" and not node.image:
            self.wrong(line, "%s: a linux node needs an image" % name)
        node.hostname = text("hostname") or name
        node.main = self.main(name, *scalar("entrypoint"), *scalar("cmd"))
        node.exec = [magic(command) for command, at in joined("exec") if self.words(command, at, name) is not None]
        node.binds = self.binds(topology, name, joined("binds"), magic)
        node.tmpfs = list(united("tmpfs"))
        node.env, node.labels, node.sysctls = united("env"), united("labels"), united("sysctls")
        for key in node.sysctls:
            if not key.startswith("net."):
                self.wrong(scalar("sysctls")[1], "%s: sysctl %s belongs to no node; only net.* can be set" % (name, key))
        self.network_mode(node, *scalar("network-mode"))
        delay, at = scalar("startup-delay")
        node.startup_delay = self.number(delay, at, "%s: startup-delay" % name)
        node.healthcheck = self.healthcheck(name, *scalar("healthcheck"))
        for level in levels:
            self.stages(node, self.mapping(level, "stages", name), magic)
        if kind == "bridge":
            for key in ("exec", "binds", "cmd", "entrypoint", "sysctls"):
                if any(level.get(key) for level in levels[-1:]):
                    self.wrong(levels[-1].at(key), "%s: a bridge has no `%s`" % (name, key))
        return node

    def words(self, command, at, where):
        try:
            words = shlex.split(command)
        except ValueError as error:
            self.wrong(at, "%s: %r: %s" % (where, command, error))
            return None
        if not words:
            self.wrong(at, "%s: an empty command" % where)
        return words

    def main(self, name, entrypoint, entrypoint_line, cmd, cmd_line):
        words = []
        for key, value, at in (("entrypoint", entrypoint, entrypoint_line), ("cmd", cmd, cmd_line)):
            if isinstance(value, (Map, Seq)):
                self.wrong(at, "%s: `%s` must be a text" % (name, key))
            elif value:
                words += self.words(str(value), at, name) or []
        return words or None

    def binds(self, topology, name, texts, magic):
        result = {}
        for text, at in texts:
            parts = text.split(":")
            options = parts[2].split(",") if len(parts) == 3 else []
            if not 2 <= len(parts) <= 3 or not all(parts) or not set(options) <= {"ro", "rw"}:
                self.wrong(at, "%s: bind %r is not SOURCE:TARGET[:ro]" % (name, text))
                continue
            source = os.path.join(topology.directory, os.path.expanduser(magic(parts[0])))
            if not os.path.exists(source):
                self.wrong(at, "%s: bind source %s does not exist" % (name, parts[0]))
            if not parts[1].startswith("/"):
                self.wrong(at, "%s: bind target %s is not absolute" % (name, parts[1]))
            target = os.path.normpath(parts[1])
            result.pop(target, None)            # the more specific wins
            result[target] = Bind(os.path.normpath(source), target, "ro" in options)
        return list(result.values())

    def network_mode(self, node, mode, at):
        if mode is None:
            return
        mode = str(mode)
        if mode.startswith("container:"):
            node.shares = mode.split(":", 1)[1]
            if node.kind == "bridge" and node.name != "%s|%s" % (node.bridge, node.shares):
                self.wrong(at, "%s: a bridge in %s is called NAME|%s" % (node.name, mode, node.shares))
        elif mode == "none":
            node.no_network = True
            if node.kind == "bridge" and "|" in node.name:
                self.wrong(at, "%s: needs network-mode container:NODE" % node.name)
        else:
            self.wrong(at, "%s: network-mode %r; here it is `none` or `container:NODE`" % (node.name, mode))

    def number(self, value, at, where, default=0):
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
            self.wrong(at, "%s must be a number, 0 or more" % where)
            return default
        return value

    def healthcheck(self, name, value, at):
        if value is None:
            return None
        where = "%s: healthcheck" % name
        if not isinstance(value, Map):
            self.wrong(at, "%s must be a mapping" % where)
            return None
        self.keys(value, {"test", "interval", "timeout", "retries", "start-period"}, where)
        test = value.get("test")
        if not isinstance(test, Seq) or len(test) < 2 or test[0] not in ("CMD", "CMD-SHELL"):
            self.wrong(value.at("test"), "%s: `test` is [CMD, ...] or [CMD-SHELL, TEXT]" % where)
            return None
        argv = [str(word) for word in test[1:]]
        result = Healthcheck(["/bin/sh", "-c", " ".join(argv)] if test[0] == "CMD-SHELL" else argv)
        for key in ("interval", "timeout", "retries", "start-period"):
            attribute = key.replace("-", "_")
            setattr(result, attribute, self.number(value.get(key), value.at(key), "%s: %s" % (where, key),
                                                   getattr(result, attribute)))
        return result

    def stages(self, node, stages, magic):
        self.keys(stages, STAGES, "%s: stages" % node.name)
        for name in STAGES:
            where = "%s: stages: %s" % (node.name, name)
            body = self.mapping(stages, name, where)
            self.keys(body, {"wait-for", "exec"}, where)
            stage = node.stages.setdefault(name, Stage())
            for item, at in items(body, "wait-for"):
                if not isinstance(item, Map) or set(item) != {"node", "stage"} or item["stage"] not in STAGES:
                    self.wrong(at, "%s: wait-for is {node: NODE, stage: %s}" % (where, " | ".join(STAGES)))
                elif (item["node"], item["stage"]) not in stage.wait_for:
                    stage.wait_for.append((str(item["node"]), item["stage"]))
            for item, at in items(body, "exec"):
                if (not isinstance(item, Map) or not {"command", "phase"} <= set(item) <= {"command", "phase", "target"}
                        or item["phase"] not in ("on-enter", "on-exit")
                        or item.get("target", "container") not in ("container", "host")):
                    self.wrong(at, "%s: exec is {command, phase: on-enter | on-exit, target: container | host}" % where)
                elif self.words(str(item["command"]), at, where):
                    stage.exec.append(StageExec(magic(str(item["command"])), item["phase"],
                                                item.get("target", "container")))

    def references(self, topology, node):
        """What a node says about other nodes, once all are read."""
        for name in STAGES:
            for other, stage in node.stages[name].wait_for:
                if other not in topology.nodes:
                    self.wrong(node.line, "%s: waits for %r, which is no node" % (node.name, other))
        seen, step = {node.name}, node
        while step.shares:
            if step.shares not in topology.nodes:
                self.wrong(step.line, "%s: network-mode names %r, which is no node" % (step.name, step.shares))
                break
            step = topology.nodes[step.shares]
            if step.name in seen or step.kind == "bridge":
                self.wrong(node.line, "%s: network-mode leads to no node with a network of its own" % node.name)
                node.shares = ""
                break
            seen.add(step.name)

    # ---- links

    def links(self, topology, body):
        used = {}
        for raw, at in items(body, "links"):
            link = self.link(topology, raw, at)
            if link is None:
                continue
            link.line = at
            for end in link.ends:
                # A shared network namespace is one set of names; so is the host's.
                key = (topology.netns(end.node) if end.node else "", end.interface)
                if key in used:
                    self.wrong(at, "%s:%s is used twice, first in line %d" % (end.node or "host", end.interface, used[key]))
                used.setdefault(key, at)
            topology.links.append(link)

    def link(self, topology, raw, at):
        if not isinstance(raw, Map):
            self.wrong(at, "a link is a mapping")
            return None
        kind = raw.get("type", "brief")
        if kind == "brief":
            known, ends = {"type", "endpoints", "mtu"}, self.brief(topology, raw, at)
        elif kind == "veth":
            known, ends = {"type", "endpoints", "mtu"}, [self.end(topology, end, at) for end, _ in items(raw, "endpoints")]
        elif kind == "host":
            known = {"type", "endpoint", "host-interface", "mtu"}
            ends = [self.end(topology, raw.get("endpoint"), at), self.interface("", raw.get("host-interface"), "", at)]
        elif kind == "dummy":
            known, ends = {"type", "endpoint", "mtu"}, [self.end(topology, raw.get("endpoint"), at)]
        else:
            self.wrong(raw.at("type"), "link type %r; here it is veth, host or dummy" % kind)
            return None
        self.keys(raw, known, "link")
        mtu = raw.get("mtu", DEFAULT_MTU)
        if not isinstance(mtu, int) or isinstance(mtu, bool) or not 68 <= mtu <= 65535:
            self.wrong(raw.at("mtu"), "mtu %r is not 68 to 65535" % mtu)
        if kind in ("brief", "veth") and len(ends) != 2:
            self.wrong(at, "a link has two endpoints, not %d" % len(ends))
        return None if None in ends or not ends else Link(ends, mtu)

    def brief(self, topology, raw, at):
        ends = []
        for text, line in items(raw, "endpoints"):
            node, colon, interface = str(text).partition(":")
            if not colon:
                self.wrong(line, "endpoint %r is not NODE:INTERFACE" % text)
                ends.append(None)
            elif node in ("mgmt-net", "macvlan", "vxlan"):
                self.wrong(line, "links to %s are not possible here" % node)
                ends.append(None)
            else:
                ends.append(self.interface("" if node == "host" else node, interface, "", line, topology))
        return ends

    def end(self, topology, raw, at):
        if not isinstance(raw, Map):
            self.wrong(at, "an endpoint is {node, interface, mac}")
            return None
        for key in ("ipv4", "ipv6"):
            if key in raw:
                self.wrong(raw.at(key), "%s of an endpoint is ignored for linux nodes; use exec: ip addr add" % key)
        self.keys(raw, {"node", "interface", "mac", "ipv4", "ipv6"}, "endpoint")
        if not isinstance(raw.get("node"), str):
            self.wrong(raw.line, "an endpoint needs a node")
            return None
        mac = str(raw.get("mac") or "")
        if mac and not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", mac):
            self.wrong(raw.at("mac"), "%r is no MAC address" % mac)
        return self.interface(raw["node"], raw.get("interface"), mac, raw.line, topology)

    def interface(self, node, interface, mac, at, topology=None):
        interface = str(interface or "")
        if node and node not in topology.nodes:
            self.wrong(at, "link to %r, which is no node%s" % (node, suggestion(node, topology.nodes)))
            return None
        if not INTERFACE.fullmatch(interface):
            self.wrong(at, "%r is no interface name: 1 to 15 characters, no space, '/' or ':'" % interface)
            return None
        if node and interface == "eth0" and topology.nodes[node].kind == "linux" and not topology.nodes[node].no_network:
            self.wrong(at, "%s:eth0 is the management network's; network-mode: none frees the name" % node)
        return End(node, interface, mac)


def items(mapping, key):
    """The items of a list with their lines; a single problem is better than a crash for what is no list."""
    value = mapping.get(key)
    if isinstance(value, Seq):
        return list(zip(value, value.lines))
    return [] if value is None else [(value, mapping.at(key))]


def suggestion(word, known):
    import difflib
    close = difflib.get_close_matches(str(word), list(known), 1)
    return "; did you mean %r?" % close[0] if close else ""
