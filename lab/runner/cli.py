"""The command line: containerlab's words."""
import argparse
import json
import os
import shlex
import signal
import subprocess
import sys

from . import uml
from .lab import Lab, LabError, Problem, log

HERE = os.path.dirname(os.path.realpath(__file__))
RUN = os.path.join(HERE, "..", "run")


def arguments():
    parser = argparse.ArgumentParser(prog="lab/run", description="Runs containerlab topologies with namespaces.")
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")

    def word(name, text):
        sub = words.add_parser(name, help=text, description=text)
        sub.add_argument("-t", "--topo", metavar="FILE", help="the topology file")
        sub.add_argument("file", nargs="?", metavar="FILE", help="the same, without -t")
        return sub

    deploy = word("deploy", "make the nodes and links of a topology")
    deploy.add_argument("-c", "--reconfigure", action="store_true", help="destroy first what is deployed")
    execute = word("exec", "run commands in nodes (split into words, no shell)")
    execute.add_argument("--label", action="append", default=[], metavar="KEY=VALUE",
                         help="only in nodes with this label; clab-node-name=NODE is one that each has")
    execute.add_argument("--cmd", action="append", required=True)
    execute.add_argument("-f", "--format", choices=["plain", "json"], default="plain")
    inspect = word("inspect", "show the nodes (as JSON)")
    inspect.add_argument("-f", "--format", choices=["json"], default="json")
    destroy = word("destroy", "end and remove a lab, also what a crash left of it")
    destroy.add_argument("--cleanup", action="store_true", help="and the folder clab-NAME")
    word("validate", "check the file, deploy nothing")
    script = word("script", "deploy, run a program with LAB=FILE in its environment, destroy")
    script.add_argument("program", nargs=argparse.REMAINDER, metavar="PROGRAM [ARGUMENT...]")
    word("test", "script with the program `expect` that lies beside the topology file")
    options = parser.parse_args()
    if options.topo and options.file and options.word == "script":
        options.program.insert(0, options.file)         # lab/run script -t FILE PROGRAM
    elif options.topo and options.file:
        parser.error("FILE is given twice")
    options.file = os.path.realpath(options.topo or options.file or parser.error("which FILE?"))
    return options


def main():
    try:
        sys.exit(perform(arguments()))
    except (Problem, LabError) as error:
        log("%s" % error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def perform(options):
    lab = Lab.of(options.file)
    if options.word == "validate":
        return 0
    if os.geteuid() != 0:
        raise LabError("lab/run makes network namespaces: run it as root")
    if options.word == "deploy":
        if options.reconfigure:
            lab.destroy()
        lab.deploy()
        return show(lab)
    if options.word == "inspect":
        return show(lab)
    if options.word == "destroy":
        lab.destroy(options.cleanup)
        return 0
    if options.word == "exec":
        return execute(lab, options)
    program = options.program if options.word == "script" else [os.path.join(lab.topology.directory, "expect")]
    if not program:
        raise LabError("script: which program?")
    return script(lab, program)


def show(lab):
    print(json.dumps(lab.inspect(), indent=2))
    return 0


def chosen(lab, labels):
    """The nodes that carry all the labels. containerlab's own labels are there as well as those of the file."""
    for node in lab.nodes.values():
        carried = {"clab-node-name": node.name, "clab-node-kind": node.node.kind, "containerlab": lab.topology.name,
                   "clab-node-longname": node.container, **node.node.labels}
        if all(carried.get(key) == value for key, _, value in (label.partition("=") for label in labels)):
            yield node


def execute(lab, options):
    results, worst = {}, 0
    for node in chosen(lab, options.label):
        for command in options.cmd:
            done = node.exec(command, timeout=None)
            worst = worst or done.returncode
            results.setdefault(node.container, []).append(
                {"cmd": shlex.split(command), "return-code": done.returncode, "stdout": done.stdout, "stderr": done.stderr})
            if options.format == "plain":
                sys.stdout.write(done.stdout)
                sys.stderr.write(done.stderr)
    if not results:
        raise LabError("no node has the labels %s" % " ".join(options.label))
    if options.format == "json":
        print(json.dumps(results, indent=2))
    return worst


def script(lab, program):
    """Deploys, runs the program, destroys, whatever happens; in user-mode-linux where the kernel lacks something."""
    lacking = uml.missing(lab.topology)
    if lacking:
        uml.say(lab.topology, lacking)
        uml.rerun([sys.executable, os.path.realpath(RUN), "script", lab.topology.file, *program])

    def stop(number, frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    lab.destroy()           # what a crash left
    lab.deploy()
    try:
        path = os.path.join(HERE, "..")
        env = {**os.environ, "LAB": lab.topology.file,
               "PYTHONPATH": os.pathsep.join(filter(None, [os.path.realpath(path), os.environ.get("PYTHONPATH")]))}
        child = subprocess.Popen(program, env=env)
        try:
            status = child.wait()
        except SystemExit:
            child.terminate()
            child.wait()
            raise
        if status:
            tell_logs(lab)
        return status
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)       # a second Ctrl-C must not stop the cleaning up
        lab.destroy()


def tell_logs(lab, lines=25):
    """What the main processes said last: after destroy nobody can look."""
    for node in lab.nodes.values():
        text = node.log().splitlines()[-lines:]
        if text:
            log("---- %s (%s)" % (node.name, node.status() or "no status"))
            log("\n".join(text))
