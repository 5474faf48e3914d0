#!/usr/bin/env python3
"""The architecture's rules that a machine can keep: who may include what, and what may not be said where.

Cores and composites are pure: they get the time, chance and results handed in, and return what should happen.
An allow-list of includes per folder catches what nobody thought of; a short list of forbidden words catches
what comes in through an allowed header. Besides: every source has its test or a reason, every module its essay, and the
tests that name an RFC requirement are listed.

    tests/architecture/include_direction.py [ROOT]      exit status 1 and one line per finding
    tests/architecture/include_direction.py --matrix [ROOT]      only the requirements
"""
import argparse
import dataclasses
import pathlib
import re
import sys

SOURCES = {".cpp", ".hpp"}

# A folder of the tree and what its files may include beyond the standard library. A rule is for the files
# directly in the folder: `io/` below it is a shell and has none. The vocabulary contains the values that one
# core's actions and another's facts share: probes and the kernel's tables.
VOCABULARY = (r"anyvip/[a-z0-9_]+\.hpp", r"anyvip/(net|wire)/[a-z0-9_]+\.hpp",
              r"anyvip/(health/probe|ipvs/table|kernel/address_table)\.hpp")
CORES = ("bgp", "bgp/bfd", "vrrp", "health", "kernel", "ipvs", "vip")
COMPOSITES = ("heartbeat", "bfd_sessions", "decision", "checks", "kernel", "mail", "status", "translate", "transcript", "field_text",
              "describe")


def own(module):
    """A core's own folder; its public face may lie under include/anyvip/."""
    return (rf"{module}/[a-z0-9_]+\.hpp", rf"anyvip/{module}/[a-z0-9_]+\.hpp")


def rules():
    """(pattern of a path, allowed includes)."""
    table = [(r"include/anyvip/[a-z0-9_]+\.hpp", VOCABULARY),
             (r"(include/anyvip|src)/(net|wire)/[a-z0-9_]+\.[ch]pp", VOCABULARY)]
    for module in CORES:
        place = rf"({module}|src/{module}|include/anyvip/{module})/[a-z0-9_]+\.[ch]pp"
        table.append((place, VOCABULARY + own(module)))
    faces = tuple(path for module in CORES for path in own(module)) + own("config")
    table.append((r"include/anyvip/config/(config|diff)\.hpp|src/config/diff\.[ch]pp", VOCABULARY + faces))
    names = "|".join(COMPOSITES)
    table.append((rf"src/daemon/({names})\.[ch]pp", VOCABULARY + faces + (r"daemon/[a-z0-9_]+\.hpp",)))
    return [(re.compile(path), [re.compile(include) for include in allowed]) for path, allowed in table]


RULES = rules()

# A composite may name the other composites' mail, not the machinery that makes a loop of it.
LOOP_MACHINERY = re.compile(r"daemon/(loop|mailbox|shells)[a-z0-9_]*\.hpp")

# fmt formats in a describe.cpp alone; <arpa/inet.h> writes and reads addresses as text.
EXCEPTIONS = ((re.compile(r".*/describe\.cpp"), re.compile(r"fmt/[a-z]+\.h")),
              (re.compile(r"src/net/address\.cpp"), re.compile(r"arpa/inet\.h")))

# The C++23 headers as libstdc++ 12 has them, without those that read a clock, start a thread or do I/O.
STANDARD = set("""
    algorithm any array bit bitset cassert cctype charconv chrono cinttypes climits cmath compare concepts cstddef
    cstdint cstdlib cstring deque exception expected flat_map flat_set forward_list functional initializer_list
    iosfwd iterator limits list map memory new numbers numeric optional ostream queue ranges ratio set span
    sstream stack stdexcept string string_view system_error tuple type_traits typeindex typeinfo unordered_map
    unordered_set utility valarray variant vector version
""".split())

# Words that bring in the time, chance, the outside or a second thread. Not in shells, main and the command line.
BANNED = {
    "a clock": r"::now\(\)|\bgettimeofday\b|\bclock_gettime\b|\b(steady|system|high_resolution)_clock\b",
    "randomness": r"\brandom_device\b|\bmt19937|\b(s?rand|rand_r|arc4random)\s*\(",
    "a wait": r"\b(u|nano)?sleep(_for|_until)?\s*\(",
    "a log": r"\bspdlog\b|\bsyslog\s*\(|\bstd::(cout|cerr|clog)\b|\bf?printf\s*\(",
    "errno": r"\berrno\b",
    "the environment": r"\b(secure_)?getenv\s*\(",
    "a thread": r"\bstd::(j?thread|async|mutex|atomic|condition_variable|this_thread)\b|\bpthread_",
    "asio": r"\basio\b",
    "a packet cast": r"\breinterpret_cast\b",
}
BANNED = {what: re.compile(pattern) for what, pattern in BANNED.items()}
SHELLS = re.compile(r"(.*/)?io/.*|src/daemon/(loop|mailbox|shells)[a-z0-9_]*\.[ch]pp|src/main\.cpp"
                    r"|src/(cli|control)/.*|src/config/(load|host)[a-z0-9_]*\.[ch]pp")

# Sources without a test of the same name, each with its reason. A pattern of the path.
UNTESTED = {
    r"src/main\.cpp": "the composition root: tests/interop runs it",
    r"src/cli/main\.cpp": "words of the command line: tests/interop and tests/conf use them",
    r".*/describe\.cpp": "text forms, compared by the tests of what they describe",
    r"src/(io/asio|health/io/asio_ssl|control/boost_json)\.cpp": "compile a part of Boost, and hold nothing of ours",
    r"src/cli/answer\.cpp": "table_test and explain_test: what is read and said of an answer is only seen there",
    r"src/cli/(cleanup|daemon_commands|file_commands)\.cpp": "commands_test: the commands are one interface",
    r"src/config/(config|document|format|host|warnings)\.cpp": "load_test: what they make is only seen in a whole file",
    r"src/control/serialize\.cpp": "json_test: the members that it prints",
    r"src/daemon/decision_(peers|status)\.cpp": "decision_test: parts of one class",
    r"src/health/io/processes\.cpp": "exec_probe_test: a script is a process",
    r"src/io/memory\.cpp": "the allocator's, which sanitizers replace: tests/bench/run announce measures it",
    r"src/ipvs/io/netlink_socket\.cpp": "needs a kernel with IPVS: tests/uml/ipvs_kernel_test.cpp",
}

# The main headers of each module: an essay stands in each.
ESSAYS = {"bgp": ("bgp/peer.hpp", "bgp/fsm.hpp"), "bgp/bfd": ("bgp/bfd/session.hpp",), "vrrp": ("vrrp/virtual_router.hpp",),
          "health": ("include/anyvip/health/check.hpp",), "vip": ("include/anyvip/vip/coordinator.hpp",),
          "kernel": ("include/anyvip/kernel/plan.hpp",), "ipvs": ("include/anyvip/ipvs/plan.hpp",),
          "config": ("include/anyvip/config/config.hpp",),
          "daemon": ("src/daemon/mail.hpp", "src/daemon/heartbeat.hpp", "src/daemon/bfd_sessions.hpp", "src/daemon/decision.hpp",
                     "src/daemon/checks.hpp", "src/daemon/kernel.hpp", "src/daemon/transcript.hpp")}
ESSAY_LINES = 8

REQUIREMENT = re.compile(r"//.*?\b(RFC \d{3,5}(?: (?:§|section )?[0-9A-Z][0-9A-Za-z.-]*)?)"
                         r"[^:]*:\s*(positive|negative)\b")


@dataclasses.dataclass(frozen=True)
class Finding:
    path: str
    line: int
    what: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"


def without_comments_and_text(source):
    """The same lines with comments and string literals blanked, so that words in prose are no findings."""
    pattern = re.compile(r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])+'",
                         re.DOTALL)
    # A separator between digits (1'000) opens no character literal.
    source = re.sub(r"(?<=\d)'(?=\d)", "", source)
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)


def check_includes(path, source):
    """Findings for the includes of one file; none when no rule covers it."""
    allowed = next((allowed for place, allowed in RULES if place.fullmatch(path)), None)
    if allowed is None:
        return
    for number, line in enumerate(source.splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match:
            if re.match(r"\s*#\s*include", line):
                yield Finding(path, number, "an include that cannot be read")
            continue
        quote, name = match.groups()
        if any(place.fullmatch(path) and header.fullmatch(name) for place, header in EXCEPTIONS):
            continue
        if quote == "<":
            if name not in STANDARD:
                yield Finding(path, number, f"<{name}> is not for a core")
        elif LOOP_MACHINERY.fullmatch(name) or not any(pattern.fullmatch(name) for pattern in allowed):
            yield Finding(path, number, f'"{name}" lies against the direction of includes')


def check_words(path, source):
    """Findings for forbidden words in one file outside the shells."""
    if SHELLS.fullmatch(path):
        return
    for number, line in enumerate(without_comments_and_text(source).splitlines(), 1):
        for what, pattern in BANNED.items():
            if match := pattern.search(line):
                yield Finding(path, number, f"{match[0].strip()!r} is {what}, and only shells have that")


def check_tests(root):
    """Findings for sources that have neither a test of their name nor a reason."""
    for source in sorted(path for folder in ("src", "bgp", "vrrp") for path in (root / folder).glob("**/*.cpp")):
        path = source.relative_to(root)
        inner = path.relative_to("src") if path.parts[0] == "src" else path
        test = pathlib.Path("tests/unit") / inner.parent / f"{inner.stem}_test.cpp"
        excused = any(re.fullmatch(pattern, path.as_posix()) for pattern in UNTESTED)
        if not excused and not (root / test).exists():
            yield Finding(str(path), 1, f"no {test}, and no reason in UNTESTED")
        if excused and (root / test).exists():
            # Else the test could go again and nobody would notice.
            yield Finding(str(path), 1, f"is in UNTESTED and has {test}")


def check_essays(root):
    """Findings for modules whose main header does not open with an essay."""
    for module, headers in ESSAYS.items():
        present = [root / header for header in headers if (root / header).exists()]
        folders = (root / module, root / "src" / module)
        if not any(list(folder.glob("*.cpp")) for folder in folders):
            continue
        if not present:
            yield Finding(headers[0], 1, f"module {module} has no main header")
        for header in present:
            if longest_comment(header.read_text()) < ESSAY_LINES:
                yield Finding(header.relative_to(root).as_posix(), 1,
                              "no essay: parts, who calls what, standards, what is not implemented")


def longest_comment(source):
    longest = run = 0
    for line in source.splitlines():
        run = run + 1 if line.lstrip().startswith("//") else 0
        longest = max(longest, run)
    return longest


def requirements(root):
    """{requirement: {"positive": [test, ...], "negative": [...]}} from the comments of the tests."""
    matrix = {}
    for source in sorted((root / "tests").glob("**/*")):
        if source.suffix not in (".cpp", ".hpp", ".py") or "architecture" in source.parts:
            continue
        for number, line in enumerate(source.read_text().splitlines(), 1):
            for match in REQUIREMENT.finditer(line.replace("# RFC", "// RFC")):
                kinds = matrix.setdefault(match[1], {"positive": [], "negative": []})
                kinds[match[2]].append(f"{source.relative_to(root)}:{number}")
    return matrix


def print_matrix(matrix):
    def key(name):
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]

    both = sum(1 for kinds in matrix.values() if all(kinds.values()))
    print(f"{'requirement':<28} positive negative")
    for name in sorted(matrix, key=key):
        counts = [len(matrix[name][kind]) for kind in ("positive", "negative")]
        note = "" if all(counts) else "   <- one side only"
        print(f"{name:<28} {counts[0]:>8} {counts[1]:>8}{note}")
    print(f"{len(matrix)} requirements named by tests, {both} with both sides")


def check(root):
    findings = []
    files = [path for folder in ("include", "src", "bgp", "vrrp") for path in (root / folder).glob("**/*")
             if path.suffix in SOURCES]
    for file in sorted(files):
        path, source = file.relative_to(root).as_posix(), file.read_text()
        findings += check_includes(path, source)
        findings += check_words(path, source)
    if not files:
        findings.append(Finding(str(root), 1, "no sources here"))
    findings += check_tests(root)
    findings += check_essays(root)
    return findings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    parser.add_argument("--matrix", action="store_true", help="print the RFC requirements only")
    options = parser.parse_args()
    print_matrix(requirements(options.root))
    if options.matrix:
        return 0
    findings = check(options.root)
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
