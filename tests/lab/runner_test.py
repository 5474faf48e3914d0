#!/usr/bin/python3
"""lab/run: what it reads, what it refuses, what it makes, and that nothing of it stays.

The first half needs nothing; the second half makes network namespaces and so needs root.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
RUN = os.path.join(ROOT, "lab", "run")
PAIR = os.path.join(ROOT, "tests", "lab", "pair", "pair.clab.yml")
sys.path.insert(0, os.path.join(ROOT, "lab"))
sys.dont_write_bytecode = True

from runner import images, namespaces, order, topology, watch  # noqa: E402
from runner.lab import STATE, CommandFailed, Lab, LabError, Problem, until  # noqa: E402


class InAFolder(unittest.TestCase):
    """Each test has a folder of its own for its topology file."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="runner-test.")
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)

    def file(self, text, name="t.clab.yml"):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(textwrap.dedent(text))
        return path

    def load(self, text, **env):
        return topology.load(self.file(text), env)

    def problem(self, text, **env):
        """What is said about a wrong file, without the file's name."""
        with self.assertRaises(Problem) as raised:
            self.load(text, **env)
        return [line.split("t.clab.yml:", 1)[1] for line in str(raised.exception).splitlines()]


class Merging(InAFolder):
    def test_the_most_specific_scalar_wins_node_group_kind_defaults(self):
        nodes = self.load("""\
            name: t
            topology:
              defaults: {kind: linux, image: of-defaults}
              kinds: {linux: {image: of-kind}}
              groups: {g: {image: of-group}, empty: {}}
              nodes:
                a: {image: of-node, group: g}
                b: {group: g}
                c: {group: empty}
            """).nodes
        self.assertEqual([nodes[name].image for name in "abc"], ["of-node", "of-group", "of-kind"])

    def test_maps_are_merged_by_key(self):
        node = self.load("""\
            name: t
            topology:
              defaults: {kind: linux, image: i, env: {A: 1, B: 1, C: 1}}
              kinds: {linux: {env: {B: 2, C: 2}}}
              nodes: {a: {env: {C: 3, D: true}}}
            """).nodes["a"]
        self.assertEqual(node.env, {"A": "1", "B": "2", "C": "3", "D": "true"})

    def test_lists_are_joined_from_defaults_down_and_doubles_dropped(self):
        node = self.load("""\
            name: t
            topology:
              defaults: {kind: linux, image: i, exec: [one, two]}
              groups: {g: {exec: [two, three]}}
              nodes: {a: {group: g, exec: [four, one]}}
            """).nodes["a"]
        self.assertEqual(node.exec, ["one", "two", "three", "four"])

    def test_of_two_binds_with_one_target_the_more_specific_wins(self):
        for name in ("common", "own"):
            self.file("", name)
        node = self.load("""\
            name: t
            topology:
              defaults: {kind: linux, image: i, binds: ["common:/etc/x"]}
              nodes: {a: {binds: ["own:/etc/x:ro"]}}
            """).nodes["a"]
        self.assertEqual(node.binds, [topology.Bind(os.path.join(self.folder, "own"), "/etc/x", True)])

    def test_wait_for_lists_of_stages_are_joined(self):
        node = self.load("""\
            name: t
            topology:
              defaults: {kind: linux, image: i}
              groups: {g: {stages: {create: {wait-for: [{node: b, stage: create}]}}}}
              nodes:
                a: {group: g, stages: {create: {wait-for: [{node: c, stage: healthy}]}}}
                b: {}
                c: {}
            """).nodes["a"]
        self.assertEqual(node.stages["create"].wait_for, [("b", "create"), ("c", "healthy")])


class Expansion(InAFolder):
    def image(self, text, **env):
        return self.load("name: t\ntopology:\n  nodes:\n    a: {kind: linux, image: '%s'}\n" % text, **env).nodes["a"].image

    def test_variables_expand_in_the_shells_manner(self):
        self.assertEqual(self.image("${TAG}", TAG="10"), "10")
        self.assertEqual(self.image("$TAG-x", TAG="10"), "10-x")
        self.assertEqual(self.image("${TAG:-lab}"), "lab")
        self.assertEqual(self.image("${TAG:-lab}", TAG=""), "lab")
        self.assertEqual(self.image("x${TAG-lab}", TAG=""), "x")
        self.assertEqual(self.image("${TAG:+set}x", TAG="1"), "setx")

    def test_two_dollars_are_one(self):
        self.assertEqual(self.image("a$$b$${c}"), "a$b${c}")

    def test_a_form_that_is_not_known_is_refused_with_its_line(self):
        self.assertEqual(self.problem("name: t\nx: ${TAG/a/b}\n"), ["2: cannot expand ${TAG/a/b}"])

    def test_magic_words_name_the_lab_the_node_and_their_folders(self):
        os.makedirs(os.path.join(self.folder, "clab-t", "a"))
        node = self.load("""\
            name: t
            topology:
              defaults: {kind: linux, image: i, exec: [echo __clabLabName__/__clabNodeName__]}
              nodes: {a: {exec: ["cat __clabNodeDir__/x", "ls __clabDir__"], binds: ["__clabNodeDir__:/x"]}}
            """).nodes["a"]
        self.assertEqual(node.exec, ["echo clab-t/a", "cat %s/clab-t/a/x" % self.folder, "ls %s/clab-t" % self.folder])
        self.assertEqual(node.binds, [topology.Bind(os.path.join(self.folder, "clab-t/a"), "/x")])

    def test_magic_words_where_containerlab_leaves_them_are_refused(self):
        self.assertEqual(self.problem("""\
            name: t
            topology:
              nodes:
                a: {kind: linux, image: i, env: {W: __clabNodeName__}}
            """), ["4: a: magic words are replaced only in `exec` and in sources of `binds`"])


class Refusals(InAFolder):
    def test_every_unknown_key_is_refused_at_its_line_with_a_suggestion(self):
        self.assertEqual(self.problem("""\
            name: t
            nmae: u
            topology:
              nodse: {}
              nodes:
                a:
                  kind: linux
                  image: i
                  exce: [x]
                  env-files: [x]
            """), ["2: the file: unknown key 'nmae'; did you mean 'name'?",
                   "4: topology: unknown key 'nodse'; did you mean 'nodes'?",
                   "9: a: unknown key 'exce'; did you mean 'exec'?",
                   "10: a: unknown key 'env-files'"])

    def test_a_syntax_error_and_a_doubled_key_have_a_line(self):
        self.assertTrue(self.problem("name: t\ntopology: [\n")[0].startswith("3: "))
        self.assertIn("'name' stands twice, first in line 1", self.problem("name: t\nname: u\n")[0])

    def test_a_kind_without_meaning_here_is_refused(self):
        self.assertEqual(self.problem("""\
            name: t
            topology:
              nodes:
                a: {kind: nokia_srlinux, image: i}
                b: {image: i}
            """), ["4: a: kind 'nokia_srlinux'; here a node is `linux` or `bridge`",
                   "5: b: no kind; here a node is `linux` or `bridge`"])

    def test_a_bind_needs_its_source(self):
        self.assertEqual(self.problem("""\
            name: t
            topology:
              nodes:
                a:
                  kind: linux
                  image: i
                  binds:
                    - absent:/x
                    - /etc/hosts:/x:z
            """), ["8: a: bind source absent does not exist", "9: a: bind '/etc/hosts:/x:z' is not SOURCE:TARGET[:ro]"])

    def test_a_sysctl_that_belongs_to_the_machine_is_refused(self):
        self.assertEqual(self.problem("""\
            name: t
            topology:
              nodes:
                a: {kind: linux, image: i, sysctls: {vm.swappiness: 1}}
            """), ["4: a: sysctl vm.swappiness belongs to no node; only net.* can be set"])

    def test_keys_without_effect_are_accepted_with_one_note(self):
        loaded = self.load("""\
            name: t
            prefix: ""
            mgmt: {external-access: false}
            topology:
              nodes:
                a: {kind: linux, image: i, privileged: false, cap-add: [NET_ADMIN], image-pull-policy: Never}
            """)
        self.assertEqual(loaded.notes, ["without effect here: cap-add, image-pull-policy, mgmt, prefix, privileged"])

    def test_what_a_node_refers_to_must_exist(self):
        self.assertEqual(self.problem("""\
            name: t
            topology:
              defaults: {kind: linux, image: i}
              nodes:
                a: {network-mode: "container:z"}
                b: {stages: {create: {wait-for: [{node: y, stage: create}]}}}
                c: {network-mode: host}
                d: {network-mode: "container:e"}
                e: {network-mode: "container:d"}
            """), ["5: a: network-mode names 'z', which is no node", "6: b: waits for 'y', which is no node",
                   "7: c: network-mode 'host'; here it is `none` or `container:NODE`",
                   "8: d: network-mode leads to no node with a network of its own"])


class Links(InAFolder):
    def links(self, *links, nodes="a: {}, b: {network-mode: none}, c: {network-mode: 'container:a'}"):
        return ("name: t\ntopology:\n  defaults: {kind: linux, image: i}\n  nodes: {%s}\n  links:\n" % nodes
                + "".join("    - %s\n" % link for link in links))

    def test_brief_veth_host_and_dummy_links_are_known_and_the_mtu_is_containerlabs(self):
        links = self.load(self.links(
            '{endpoints: ["a:eth1", "b:eth0"]}',
            '{type: veth, mtu: 1500, endpoints: [{node: a, interface: eth2, mac: "02:00:00:00:00:01"}, {node: b, interface: x}]}',
            '{endpoints: ["a:eth3", "host:labhost0"]}',
            '{type: host, endpoint: {node: a, interface: eth4}, host-interface: labhost1}',
            '{type: dummy, endpoint: {node: a, interface: dummy0}}')).links
        End = topology.End
        self.assertEqual([(link.ends, link.mtu) for link in links], [
            ([End("a", "eth1"), End("b", "eth0")], 9500),
            ([End("a", "eth2", "02:00:00:00:00:01"), End("b", "x")], 1500),
            ([End("a", "eth3"), End("", "labhost0")], 9500),
            ([End("a", "eth4"), End("", "labhost1")], 9500),
            ([End("a", "dummy0")], 9500)])

    def test_addresses_on_links_are_refused_because_containerlab_ignores_them(self):
        self.assertEqual(self.problem(self.links(
            '{type: veth, endpoints: [{node: a, interface: eth1, ipv4: 10.0.0.1/24}, {node: b, interface: eth1}]}')),
            ["6: ipv4 of an endpoint is ignored for linux nodes; use exec: ip addr add"])

    def test_an_interface_is_used_once_also_where_nodes_share_a_network(self):
        self.assertEqual(self.problem(self.links('{endpoints: ["a:eth1", "b:eth1"]}', '{endpoints: ["c:eth1", "b:eth2"]}')),
                         ["7: c:eth1 is used twice, first in line 6"])

    def test_eth0_needs_network_mode_none(self):
        self.assertEqual(self.problem(self.links('{endpoints: ["a:eth0", "b:eth0"]}')),
                         ["6: a:eth0 is the management network's; network-mode: none frees the name"])

    def test_names_numbers_and_types_are_checked(self):
        self.assertEqual(self.problem(self.links(
            '{endpoints: ["a:averylongname1234", "b:eth1"]}', '{endpoints: ["d:eth1", "b:eth2"]}',
            '{endpoints: ["a:eth1"]}', '{endpoints: ["a:eth2", "b:eth3"], mtu: 20}', '{type: vxlan}',
            '{endpoints: ["a:eth4", "mgmt-net:x"]}', '{endpoints: ["a:eth5", "b:eth5"], colour: red}')),
            ["6: 'averylongname1234' is no interface name: 1 to 15 characters, no space, '/' or ':'",
             "7: link to 'd', which is no node", "8: a link has two endpoints, not 1", "9: mtu 20 is not 68 to 65535",
             "10: link type 'vxlan'; here it is veth, host or dummy", "11: links to mgmt-net are not possible here",
             "12: link: unknown key 'colour'"])

    def test_a_bridge_in_a_node_is_called_after_it(self):
        nodes = "sw: {}, 'lan|other': {kind: bridge, network-mode: 'container:sw'}"
        self.assertEqual(self.problem(self.links(nodes=nodes)),
                         ["4: lan|other: a bridge in container:sw is called NAME|sw"])


class Order(InAFolder):
    def steps(self, nodes, slow=lambda name, stage: stage == "healthy"):
        loaded = self.load("name: t\ntopology:\n  defaults: {kind: linux, image: i}\n  nodes: {%s}\n"
                           "  links: [{endpoints: ['a:eth1', 'b:eth1']}]\n" % nodes)
        return list(order.steps(loaded, slow))

    def test_a_link_follows_both_its_ends(self):
        steps = self.steps("a: {}, b: {}")
        self.assertLess(steps.index(("b", "create")), steps.index(("a", "create-links")))
        self.assertNotIn(("a", "healthy"), steps)       # nobody waits for it

    def test_waiting_for_health_comes_when_nothing_else_can_be_done(self):
        steps = self.steps("a: {}, b: {}, c: {stages: {create: {wait-for: [{node: a, stage: healthy}]}}}")
        self.assertEqual(steps[-4:], [("a", "healthy"), ("c", "create"), ("c", "create-links"), ("c", "configure")])

    def test_a_circle_is_refused(self):
        with self.assertRaisesRegex(Problem, "wait for each other"):
            self.steps("a: {stages: {create: {wait-for: [{node: b, stage: configure}]}}}, b: {}")


@unittest.skipUnless(os.geteuid() == 0, "makes network namespaces: needs root")
class Running(InAFolder):
    NAME = "runner-test"

    def tearDown(self):
        subprocess.run([RUN, "destroy", os.path.join(self.folder, "t.clab.yml")], capture_output=True)

    def lab(self, body):
        return Lab.of(self.file("name: %s\n%s" % (self.NAME, textwrap.dedent(body))))

    def deployed(self, body):
        lab = self.lab(body)
        self.addCleanup(lab.destroy)
        lab.deploy()
        return lab

    def left(self, name=NAME):
        """Everything of a lab that there is on this machine."""
        found = [entry for entry in os.listdir(namespaces.DIRECTORY) if entry.startswith("clab-" + name)] \
            if os.path.isdir(namespaces.DIRECTORY) else []
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    with open("/proc/%s/environ" % entry, "rb") as environ:
                        if b"RUNNER_TEST=1" in environ.read():
                            found.append("pid " + entry)
                except OSError:
                    pass
        if os.path.exists(os.path.join(STATE, name)):
            found.append("state")
        return found + [link["ifname"] for link in json.loads(namespaces.run("ip", "-j", "link"))
                        if link["ifname"].startswith("labtest")]

    SMALL = """\
        topology:
          defaults: {kind: linux, image: toolbox:lab, network-mode: none, env: {RUNNER_TEST: 1}}
          nodes:
            a:
              cmd: sleep 1000
              hostname: alpha
              binds: ["hello:/etc/anyvip-test/deep/hello:ro"]
              tmpfs: {/mnt: "size=1m"}
              sysctls: {net.ipv4.ip_forward: "1"}
              exec:
                - ip addr add 10.9.0.1/24 dev eth1
                - sh -c 'echo "$$RUNNER_TEST" > /tmp/from-exec'
                - /bin/false
            b: {exec: [ip addr add 10.9.0.2/24 dev eth1]}
            c: {network-mode: "container:b"}
            sw: {}
            lan|sw: {kind: bridge, network-mode: container:sw}
          links:
            - {endpoints: ["a:eth1", "lan|sw:pa"], mtu: 1400}
            - type: veth
              endpoints: [{node: b, interface: eth1, mac: "02:00:00:00:09:02"}, {node: lan|sw, interface: pb}]
            - {endpoints: ["b:eth2", "host:labtest0"]}
        """

    def small(self):
        self.file("hello\n", "hello")
        return self.deployed(self.SMALL)

    def test_a_lab_is_what_its_file_says(self):
        lab = self.small()
        a, b, c = (lab[name] for name in "abc")
        self.assertEqual(a.out("hostname"), "alpha\n")
        self.assertEqual(a.out("cat /etc/anyvip-test/deep/hello /tmp/from-exec"), "hello\n1\n")
        self.assertNotEqual(a.exec("touch /etc/anyvip-test/deep/hello").returncode, 0)      # :ro
        self.assertFalse(os.path.exists("/etc/anyvip-test"))                                 # nothing on the machine
        self.assertEqual(a.out("cat /proc/sys/net/ipv4/ip_forward"), "1\n")
        self.assertIn("tmpfs", a.out("findmnt -n -o FSTYPE /mnt"))
        self.assertIn("mtu 1400", a.out("ip link show eth1"))
        self.assertEqual(watch.link_address(b, "eth1"), "02:00:00:00:09:02")
        self.assertEqual(a.exec("ping -c 1 -W 5 10.9.0.2").returncode, 0)
        self.assertIn("10.9.0.2", c.out("ip addr"))                     # shares b's network,
        self.assertEqual(c.out("hostname"), "c\n")                      # and nothing else
        self.assertIn("LOOPBACK,UP", b.out("ip link show lo"))
        # Its own /run; the folder of the programs is there when some were built.
        self.assertEqual(set(a.out("ls /run").split()) - {os.path.basename(images.BIN)}, {"lock"})
        self.assertEqual(a.out("cat /proc/1/comm").strip()[:6], "python")

    def test_exec_splits_words_and_has_no_shell(self):
        lab = self.small()
        self.assertEqual(lab["a"].out("echo 'a  b' $HOME > x"), "a  b $HOME > x\n")

    def test_the_command_line_has_containerlabs_words(self):
        self.file("hello\n", "hello")
        file = self.file("name: %s\n%s" % (self.NAME, textwrap.dedent(self.SMALL)))
        done = subprocess.run([RUN, "deploy", "-t", file], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("a: /bin/false: exit 1", done.stderr)             # logged, and the deployment went on
        again = subprocess.run([RUN, "deploy", "-t", file], capture_output=True, text=True)
        self.assertIn("is deployed already", again.stderr)
        inspected = json.loads(subprocess.run([RUN, "inspect", file], capture_output=True, text=True).stdout)
        self.assertEqual({node["name"]: node["state"] for node in inspected[self.NAME]},
                         {"clab-%s-%s" % (self.NAME, name): "running" for name in ("a", "b", "c", "sw")})
        result = subprocess.run([RUN, "exec", "-t", file, "--label", "clab-node-name=b", "--cmd", "hostname",
                                 "--cmd", "sh -c 'exit 3'", "--format", "json"], capture_output=True, text=True)
        self.assertEqual(json.loads(result.stdout), {"clab-%s-b" % self.NAME: [
            {"cmd": ["hostname"], "return-code": 0, "stdout": "b\n", "stderr": ""},
            {"cmd": ["sh", "-c", "exit 3"], "return-code": 3, "stdout": "", "stderr": ""}]})
        self.assertEqual(subprocess.run([RUN, "destroy", "-t", file]).returncode, 0)
        self.assertEqual(self.left(), [])
        self.assertEqual(subprocess.run([RUN, "destroy", "-t", file]).returncode, 0)       # twice is once

    def test_nothing_is_left_after_destroy(self):
        lab = self.small()
        self.assertTrue(self.left())
        lab["a"].out("sh -c 'setsid sleep 1000 > /dev/null 2>&1 < /dev/null &'")           # an orphan
        lab.destroy()
        self.assertEqual(self.left(), [])

    def test_a_deploy_that_fails_leaves_nothing(self):
        lab = self.lab("""\
            topology:
              defaults: {kind: linux, image: toolbox:lab, env: {RUNNER_TEST: 1}}
              nodes: {a: {}, b: {cmd: /no/such/program}}
              links: [{endpoints: ["a:eth1", "b:eth1"]}]
            """)
        with self.assertRaisesRegex(LabError, "b: /no/such/program: No such file"):
            lab.deploy()
        self.assertEqual(self.left(), [])

    def test_destroy_finds_what_a_killed_runner_left(self):
        """SIGKILL at several moments of a deploy; then destroy, by another process that knows only the file."""
        self.file("hello\n", "hello")
        file = self.file("name: %s\n%s" % (self.NAME, textwrap.dedent(self.SMALL)))
        for moment in ("state", "clab-%s-a" % self.NAME, "clab-%s-b" % self.NAME, "labtest0"):
            with self.subTest(moment):
                runner = subprocess.Popen([RUN, "deploy", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                until("the deploy is as far as " + moment, lambda: moment in self.left(), 20, 0.001)
                runner.send_signal(signal.SIGKILL)
                runner.wait()
                done = subprocess.run([RUN, "destroy", file], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                until("nothing is left", lambda: not self.left(), 5)

    def test_a_main_process_can_be_killed_and_started_and_the_links_stay(self):
        lab = self.small()
        a = lab["a"]
        a.kill()
        self.assertEqual(a.status(), "exited -9")
        self.assertIn("10.9.0.1", a.out("ip addr"))
        a.start()
        a.stop()
        self.assertEqual(a.status(), "exited -15")
        self.assertEqual([node["state"] for node in lab.inspect()[self.NAME] if node["name"].endswith("-a")], ["exited"])

    def test_stages_wait_and_execute_in_order(self):
        lab = self.deployed("""\
            topology:
              defaults: {kind: linux, image: toolbox:lab, env: {RUNNER_TEST: 1}}
              nodes:
                first:
                  exec: [sh -c 'sleep 0.3; touch /tmp/done']
                  healthcheck: {test: [CMD, test, -e, /tmp/done], interval: 0.1}
                second:
                  stages:
                    create:
                      wait-for: [{node: first, stage: healthy}]
                      exec: [{command: "sh -c 'echo created > %s/host'", phase: on-exit, target: host}]
                    configure:
                      exec: [{command: "sh -c 'echo on-enter > /tmp/log'", phase: on-enter},
                             {command: "sh -c 'echo on-exit >> /tmp/log'", phase: on-exit}]
                  exec: [sh -c 'echo exec >> /tmp/log']
            """ % self.folder)
        self.assertEqual(lab["second"].out("cat /tmp/log"), "on-enter\nexec\non-exit\n")
        self.assertEqual(lab["first"].exec("test -e /tmp/done").returncode, 0)
        with open(os.path.join(self.folder, "host")) as file:
            self.assertEqual(file.read(), "created\n")

    def test_a_script_has_the_lab_while_it_runs_and_its_status_is_passed_on(self):
        self.file("hello\n", "hello")
        file = self.file("name: %s\n%s" % (self.NAME, textwrap.dedent(self.SMALL)))
        done = subprocess.run([RUN, "script", file, "sh", "-c", RUN + ' inspect "$LAB" && exit 7'],
                              capture_output=True, text=True)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn('"running"', done.stdout)
        self.assertEqual(self.left(), [])

    def test_frr_and_bird_exchange_a_route(self):
        lab = Lab.of(PAIR)
        self.addCleanup(lab.destroy)
        lab.destroy()
        lab.deploy()
        until("FRR has BIRD's route", lambda: watch.nexthops(lab["r1"], "203.0.113.10/32") == ["10.0.0.2"], 30)
        self.assertEqual(watch.frr_paths(lab["r1"], "203.0.113.10/32"),
                         [{"next_hop": "10.0.0.2", "med": None, "as_path": "65002", "communities": ""}])
        self.assertEqual(lab["watcher"].out("printenv GREETING"), "hello world\n")
        lab["r2"].kill()
        until("and loses it", lambda: not watch.nexthops(lab["r1"], "203.0.113.10/32"), 10)

    def test_a_bridge_of_the_host_must_be_there(self):
        lab = self.lab("""\
            topology:
              nodes: {labtest-br: {kind: bridge}, a: {kind: linux, image: toolbox:lab, env: {RUNNER_TEST: 1}}}
              links: [{endpoints: ["a:eth1", "labtest-br:labtest1"]}]
            """)
        with self.assertRaisesRegex(LabError, "the host has no bridge labtest-br"):
            lab.deploy()
        namespaces.run("ip", "link", "add", "labtest-br", "type", "bridge")
        try:
            lab.deploy()
            self.assertIn("master labtest-br", namespaces.run("ip", "link", "show", "labtest1"))
            lab.destroy()
        finally:
            namespaces.run("ip", "link", "del", "labtest-br")
        self.assertEqual(self.left(), [])


class EveryLab(unittest.TestCase):
    def test_the_labs_of_this_project_are_valid(self):
        files = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(ROOT, "lab"))
                 for name in names if name.endswith(".clab.yml")]
        self.assertGreaterEqual(len(files), 3)
        for file in files:
            with self.subTest(file):
                loaded = topology.load(file)
                # A container may have no more than what its node needs: containerlab's default is everything.
                self.assertIn("privileged", loaded.notes[0])
                self.assertTrue(os.access(os.path.join(os.path.dirname(file), "expect"), os.X_OK))


if __name__ == "__main__":
    unittest.main(verbosity=2 if "-v" in sys.argv else 1)
