"""The steps of tests/run: what is installed, built and run, in which order, and how its results are counted.

Each step is one command with a log under build/logs and a time limit. Steps that wait for timers more than they work
run two at a time. A step that fails shows the end of its log, and the others go on, but for those that need it. The
last line is for machines and people alike:

    N passed, N failed, N skipped

It counts tests, of all frameworks; a step without tests of its own counts as one. What is skipped is not tested:
the exit status is 0 only if nothing failed and nothing was skipped.
"""
import argparse
import concurrent.futures
import dataclasses
import itertools
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[1]
LOGS = ROOT / "build" / "logs"
SHOWN = 300     # lines of a failing step
BESIDE = 2      # steps that wait, at a time
UMLRUN = "tests/uml/umlrun"
PYTHON = "/usr/bin/python3"     # Debian's: it is the one that python3-yaml belongs to
LABS = ("l2-vrrp", "l2-vrrp-keepalived", "l3-anycast")
IPVS_MODULES = "ip_vs ip_vs_rr ip_vs_wrr ip_vs_lc ip_vs_wlc ip_vs_sh ip_vs_mh veth bridge"


@dataclasses.dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    @property
    def good(self):
        return not self.failed and not self.skipped


def count_step(step, status, log):
    """A command without tests inside: it is one."""
    return Counts(passed=1) if status == 0 else Counts(failed=1)


def count_unittest(step, status, log):
    """The closing words of Python's unittest, of one run or several."""
    total = sum(int(number) for number in re.findall(r"^Ran (\d+) tests? in ", log, re.M))
    words = {}
    for ending in re.findall(r"^(?:OK|FAILED) \((.*)\)$", log, re.M):
        for name, number in re.findall(r"([a-z ]+)=(\d+)", ending):
            words[name.strip()] = words.get(name.strip(), 0) + int(number)
    failed = sum(words.get(name, 0) for name in ("failures", "errors", "unexpected successes"))
    skipped = words.get("skipped", 0) + words.get("expected failures", 0)
    return settle(Counts(max(total - failed - skipped, 0), failed, skipped), status)


def count_ctest(step, status, log):
    """CTest's report in JUnit's form."""
    report = LOGS / "ctest.xml"
    if not report.exists():
        return Counts(failed=1)
    suite = xml.etree.ElementTree.parse(report).getroot()
    total, failed = int(suite.get("tests", 0)), int(suite.get("failures", 0))
    skipped = int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
    return settle(Counts(total - failed - skipped, failed, skipped), status)


def settle(counts, status):
    """A command that failed without a failing test, or that ran none, has failed."""
    if (status != 0 and not counts.failed) or counts == Counts():
        return counts + Counts(failed=1)
    return counts


@dataclasses.dataclass
class Step:
    name: str
    command: list
    count: callable = count_step
    needs: tuple = ()
    minutes: int = 10
    folder: str = "."
    environment: dict = dataclasses.field(default_factory=dict)
    asked: bool = False     # only runs when named
    waits: bool = False     # more than it works: it may run beside others that do

    @property
    def log(self):
        return self.name.replace(":", "-") + ".log"


def sources():
    return sorted(str(path.relative_to(ROOT)) for folder in ("bgp", "vrrp", "include", "src", "tests")
                  for path in (ROOT / folder).glob("**/*") if path.suffix in (".cpp", ".hpp"))


def python_tests(*modules):
    return [PYTHON, "-B", "-m", "unittest", "-v", *modules]


def discovered_tests(folder):
    # "discover" is only understood as the first word.
    return [PYTHON, "-B", "-m", "unittest", "discover", "-v", "-s", folder, "-p", "*_test.py"]


def interop(suite, build="release", minutes=15):
    """A suite of tests/interop against the binaries of one build. Its nodes are its own, down to the namespaces."""
    return Step(suite, python_tests(f"{suite}_test"), count_unittest, (build,), minutes, "tests/interop",
                {"ANYVIP_BIN_DIR": str(ROOT / "build" / build)}, waits=True)


def steps():
    return [
        Step("install", ["tests/install"], minutes=15),
        Step("format", ["clang-format-19", "--dry-run", "-Werror", "-ferror-limit=1", *sources()], needs=("install",)),
        # Clang, ASan, UBSan: what the unit tests, the corpora and the simulator run in.
        Step("check", ["sh", "-c", "cmake --preset check && cmake --build --preset check"], needs=("install",), minutes=20),
        # g++ 12, no sanitizer: the binaries that users run, and the labs and routers meet.
        Step("release", ["sh", "-c", "cmake --preset release && cmake --build --preset release"], needs=("install",),
             minutes=20),
        Step("ctest", ["ctest", "--preset", "check", "--output-junit", str(LOGS / "ctest.xml")], count_ctest, ("check",),
             15),
        Step("harness", python_tests("harness_test"), count_unittest, ("install",), 3, "tests/interop"),
        interop("bgp"),
        interop("vrrp"),
        interop("service"),
        # The daemon itself under sanitizers, where nothing depends on a few milliseconds.
        interop("hybrid", "check"),
        interop("matrix", "check"),
        interop("unnumbered", "check"),
        interop("dynamic", "check"),
        interop("collision", "check"),
        interop("hostile", "check"),
        interop("reload", "check"),
        interop("stop", "check"),
        interop("bfd", "check"),
        interop("standby", "check"),
        interop("graceful_restart", "check"),
        # A kernel with IPVS on any machine. ASan finds no room in there.
        Step("ipvs", [f"../../{UMLRUN}", "--timeout", "1080", "--modules", IPVS_MODULES, "--dir", str(LOGS), "--",
                      *python_tests("ipvs_test")], count_unittest, ("release",), 20, "tests/interop",
             {"ANYVIP_BIN_DIR": str(ROOT / "build" / "release"), "ANYVIP_TEST_LOGS": str(LOGS / "ipvs")}),
        Step("lab", discovered_tests("tests/lab"), count_unittest, ("release",), 12),
        # The labs as a user raises them, and the demo that the README promises.
        *(Step(f"lab:{name}", ["lab/run", "test", f"lab/{name}/{name}.clab.yml"], needs=("release",), minutes=10,
               environment={"ANYVIP_BIN_DIR": str(ROOT / "build" / "release")}) for name in LABS),
        Step("demo", ["lab/demo"], needs=("release",), minutes=10,
             environment={"ANYVIP_BIN_DIR": str(ROOT / "build" / "release")}),
        Step("docker", ["tests/lab/docker_test"], needs=("release",), minutes=12),
        # That they still measure; what they find is for who runs them.
        Step("bench", python_tests("wire_test"), count_unittest, ("release",), 6, "tests/bench"),
        Step("tidy", ["sh", "-c", f"run-clang-tidy-19 -quiet -p build/check '^{ROOT}/(bgp|vrrp|src)/'"],
             needs=("check",), minutes=25),
    ]


def run(step):
    """Runs the command of a step; returns (exit status, log)."""
    LOGS.mkdir(parents=True, exist_ok=True)
    file = LOGS / f"{step.log}"
    with open(file, "wb") as log:
        child = subprocess.Popen(step.command, cwd=ROOT / step.folder, env=os.environ | step.environment,
                                 stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = child.wait(step.minutes * 60)
        except BaseException as end:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            if not isinstance(end, subprocess.TimeoutExpired):
                raise
            log.write(f"\nended after {step.minutes} minutes\n".encode())
            status = 124
    return status, file.read_text(errors="replace")


def report(step, counts, seconds, log):
    # A step that is one test says so by its word alone.
    tests = "" if step.count is count_step else f"  {counts}"
    text = f"{step.name:<22} {'ok' if counts.good else 'FAILED':<7} {seconds:7.1f} s{tests}\n"
    if not counts.good:
        lines = log.splitlines()
        text += f"  --- build/logs/{step.log}" + (f", the last {SHOWN} lines\n" if len(lines) > SHOWN else "\n")
        text += "".join("  | " + line + "\n" for line in lines[-SHOWN:])
    sys.stdout.write(text)      # in one piece: others may be telling theirs
    sys.stdout.flush()


def perform(step):
    """Runs a step and tells how it went."""
    start = time.monotonic()
    if step.count is count_ctest:
        (LOGS / "ctest.xml").unlink(missing_ok=True)
    status, log = run(step)
    counts = step.count(step, status, log)
    report(step, counts, time.monotonic() - start, log)
    return counts


def together(table):
    """The steps in their order, those that wait and follow one another as one group."""
    for waits, group in itertools.groupby(table, lambda step: step.waits):
        yield from [list(group)] if waits else [[step] for step in group]


def main():
    parser = argparse.ArgumentParser(prog="tests/run", description="Installs, builds and tests everything.")
    parser.add_argument("--only", action="append", metavar="STEP", default=[], help="only this step; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the steps")
    options = parser.parse_args()
    table = steps()
    if options.list:
        for step in table:
            print(f"{step.name:<22} {' '.join(step.command)[:100]}{'   (only when asked)' if step.asked else ''}")
        return 0
    unknown = set(options.only) - {step.name for step in table}
    if unknown:
        parser.error(f"no step {', '.join(sorted(unknown))}; --list names them")
    if os.geteuid() != 0:
        sys.exit("tests/run: namespaces and packages need root: sudo tests/run")
    begun, total, broken = time.monotonic(), Counts(), set()
    chosen = [step for step in table if (step.name in options.only if options.only else not step.asked)]
    for group in together(chosen):
        ready = []
        for step in group:
            if broken & set(step.needs):
                # Not "skipped": nobody chose this.
                print(f"{step.name:<22} FAILED  without {', '.join(sorted(broken & set(step.needs)))}", flush=True)
                broken.add(step.name)
                total += Counts(failed=1)
            else:
                ready.append(step)
        with concurrent.futures.ThreadPoolExecutor(BESIDE) as pool:
            for step, counts in zip(ready, pool.map(perform, ready)):
                total += counts
                if counts.failed and step.count is count_step:
                    broken.add(step.name)
    print(f"{'together':<22} {'':<7} {time.monotonic() - begun:7.1f} s")
    print(total)
    return 0 if total.good else 1


if __name__ == "__main__":
    sys.exit(main())
