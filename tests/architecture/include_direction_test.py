#!/usr/bin/env python3
"""The test of the architecture test: a rule that accepts everything would pass unseen."""
import pathlib
import tempfile
import unittest

import include_direction as rules


def includes(path, *lines):
    return [finding.what for finding in rules.check_includes(path, "\n".join(lines) + "\n")]


def words(path, text):
    return [finding.what for finding in rules.check_words(path, text)]


class IncludeDirection(unittest.TestCase):
    def test_a_core_may_include_standard_headers_vocabulary_and_itself(self):
        self.assertEqual(includes("bgp/fsm.hpp", "#include <variant>", '#include "anyvip/time.hpp"',
                                  '#include "anyvip/net/address.hpp"', '#include "anyvip/wire/reader.hpp"',
                                  '#include "bgp/message.hpp"'), [])
        self.assertEqual(includes("src/vip/lifecycle.cpp", '#include "anyvip/vip/lifecycle.hpp"',
                                  '#include "anyvip/ipvs/table.hpp"'), [])

    def test_a_core_may_not_include_another_core(self):
        for path, header in (("bgp/fsm.cpp", "vrrp/virtual_router.hpp"), ("vrrp/virtual_router.cpp", "bgp/asn.hpp"),
                             ("src/vip/coordinator.cpp", "anyvip/ipvs/plan.hpp"),
                             ("src/vip/lifecycle.cpp", "anyvip/kernel/plan.hpp"),
                             ("include/anyvip/health/check.hpp", "anyvip/vip/vip.hpp"),
                             ("src/kernel/plan.cpp", "anyvip/config/config.hpp")):
            self.assertEqual(includes(path, f'#include "{header}"'),
                             [f'"{header}" lies against the direction of includes'], path)

    def test_a_core_may_not_include_its_own_shell(self):
        self.assertEqual(len(includes("bgp/peer.cpp", '#include "bgp/io/connection.hpp"')), 1)
        self.assertEqual(len(includes("src/ipvs/plan.cpp", '#include "ipvs/io/ipvs_client.hpp"')), 1)

    def test_a_core_may_not_include_what_does_io(self):
        for header in ("thread", "mutex", "random", "iostream", "fstream", "boost/asio/io_context.hpp",
                       "spdlog/spdlog.h", "netlink/netlink.h", "unistd.h", "sys/socket.h", "atomic", "cerrno"):
            self.assertEqual(includes("vrrp/advertisement.cpp", f"#include <{header}>"),
                             [f"<{header}> is not for a core"])

    def test_an_include_with_odd_spaces_is_seen(self):
        self.assertEqual(len(includes("bgp/fsm.cpp", "  #  include  <thread>")), 1)
        self.assertEqual(len(includes("bgp/fsm.cpp", "#include HEADER")), 1)

    def test_fmt_is_for_describe_alone(self):
        self.assertEqual(includes("bgp/describe.cpp", "#include <fmt/format.h>"), [])
        self.assertEqual(len(includes("bgp/fsm.cpp", "#include <fmt/format.h>")), 1)

    def test_vocabulary_includes_only_vocabulary(self):
        self.assertEqual(includes("include/anyvip/describe.hpp", "#include <string>"), [])
        self.assertEqual(len(includes("include/anyvip/names.hpp", '#include "bgp/asn.hpp"')), 1)
        self.assertEqual(len(includes("include/anyvip/net/address.hpp", '#include "anyvip/vip/vip.hpp"')), 1)

    def test_the_configuration_as_a_value_knows_no_parser(self):
        self.assertEqual(includes("include/anyvip/config/config.hpp", '#include "bgp/asn.hpp"'), [])
        self.assertEqual(len(includes("include/anyvip/config/config.hpp", "#include <toml++/toml.h>")), 1)
        self.assertEqual(includes("src/config/load.cpp", "#include <toml++/toml.h>"), [])

    def test_a_composite_may_include_cores_but_no_shell(self):
        self.assertEqual(includes("src/daemon/decision.cpp", '#include "anyvip/vip/coordinator.hpp"',
                                  '#include "bgp/peer.hpp"', '#include "daemon/mail.hpp"'), [])
        for header in ('"bgp/io/speaker.hpp"', '"daemon/loop.hpp"', '"daemon/mailbox.hpp"', '"daemon/shells.hpp"',
                       "<boost/asio/steady_timer.hpp>", "<spdlog/spdlog.h>", "<netlink/netlink.h>"):
            self.assertEqual(len(includes("src/daemon/decision.hpp", f"#include {header}")), 1, header)

    def test_shells_are_free(self):
        self.assertEqual(includes("bgp/io/connection.cpp", "#include <boost/asio/write.hpp>"), [])
        self.assertEqual(includes("src/daemon/shells.cpp", '#include "bgp/io/speaker.hpp"'), [])


class Words(unittest.TestCase):
    BAD = ("auto t = Clock::now();", "std::random_device seed;", "sleep(1);", "std::this_thread::sleep_for(1s);",
           'spdlog::info("x");', "if (errno == EINTR) return;", 'getenv("HOME");', "std::thread worker;",
           "boost::asio::io_context io;", "reinterpret_cast<Header*>(p)", "std::mutex lock;", "std::cerr << 1;",
           "auto r = rand();", "using C = std::chrono::steady_clock;")

    def test_each_is_refused_in_a_core_and_in_a_composite(self):
        for path in ("bgp/fsm.cpp", "src/vip/coordinator.cpp", "include/anyvip/time.hpp", "src/daemon/heartbeat.cpp"):
            for line in self.BAD:
                self.assertTrue(words(path, line), f"{path}: {line}")

    def test_each_is_allowed_where_io_is_done(self):
        for path in ("bgp/io/connection.cpp", "src/io/log.cpp", "src/daemon/loop.hpp", "src/daemon/shells_bgp.cpp",
                     "src/main.cpp", "src/cli/main.cpp"):
            for line in self.BAD:
                self.assertEqual(words(path, line), [], f"{path}: {line}")

    def test_prose_and_text_are_not_code(self):
        self.assertEqual(words("bgp/fsm.cpp", "// errno and sleep(1) are the shell's.\n/* spdlog\n asio */\n"), [])
        self.assertEqual(words("bgp/fsm.cpp", 'return "asio: errno";'), [])
        self.assertEqual(words("bgp/fsm.cpp", "const auto fabasio = asleep(2) + rand_index(3);"), [])

    def test_code_behind_a_digit_separator_is_still_seen(self):
        self.assertTrue(words("bgp/fsm.cpp", "auto n = 1'000; sleep(n); auto m = 1'000;"))

    def test_the_line_is_that_of_the_word(self):
        findings = list(rules.check_words("bgp/fsm.cpp", "/* a\n b */\nint x;\nsleep(1);\n"))
        self.assertEqual([finding.line for finding in findings], [4])


class Tree(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def write(self, path, text=""):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def test_a_core_without_a_test_is_found(self):
        self.write("bgp/fsm.cpp")
        self.write("src/vip/lifecycle.cpp")
        self.write("src/daemon/decision.cpp")
        self.assertEqual([finding.path for finding in rules.check_tests(self.root)],
                         ["bgp/fsm.cpp", "src/daemon/decision.cpp", "src/vip/lifecycle.cpp"])
        self.write("tests/unit/bgp/fsm_test.cpp")
        self.write("tests/unit/vip/lifecycle_test.cpp")
        self.write("tests/unit/daemon/decision_test.cpp")
        self.assertEqual(list(rules.check_tests(self.root)), [])

    def test_a_shell_without_a_test_is_found(self):
        self.write("bgp/io/speaker.cpp")
        self.write("src/io/netlink.cpp")
        self.assertEqual([finding.path for finding in rules.check_tests(self.root)],
                         ["bgp/io/speaker.cpp", "src/io/netlink.cpp"])
        self.write("tests/unit/bgp/io/speaker_test.cpp")
        self.write("tests/unit/io/netlink_test.cpp")
        self.assertEqual(list(rules.check_tests(self.root)), [])

    def test_what_has_a_reason_needs_none(self):
        self.write("bgp/describe.cpp")
        self.write("src/main.cpp")
        self.assertEqual(list(rules.check_tests(self.root)), [])

    def test_a_reason_beside_a_test_is_found(self):
        self.write("bgp/describe.cpp")
        self.write("tests/unit/bgp/describe_test.cpp")
        self.assertEqual([finding.path for finding in rules.check_tests(self.root)], ["bgp/describe.cpp"])

    def test_every_main_header_has_its_essay(self):
        self.write("bgp/peer.cpp")
        self.write("bgp/peer.hpp", "#pragma once\n" + "/// A line.\n" * rules.ESSAY_LINES)
        self.write("bgp/fsm.hpp", "#pragma once\n/// One line.\n")
        self.assertEqual([finding.path for finding in rules.check_essays(self.root)], ["bgp/fsm.hpp"])

    def test_a_module_without_an_essay_is_found(self):
        self.write("vrrp/virtual_router.cpp")
        self.assertEqual(len(list(rules.check_essays(self.root))), 1)
        self.write("vrrp/virtual_router.hpp", "#pragma once\n/// One line.\n")
        self.assertEqual(len(list(rules.check_essays(self.root))), 1)
        self.write("vrrp/virtual_router.hpp", "#pragma once\n" + "/// A line.\n" * rules.ESSAY_LINES)
        self.assertEqual(list(rules.check_essays(self.root)), [])

    def test_an_empty_tree_does_not_pass(self):
        self.assertEqual([finding.what for finding in rules.check(self.root)], ["no sources here"])

    def test_a_bad_file_in_a_tree_is_found_with_its_line(self):
        self.write("vrrp/virtual_router.hpp", "#pragma once\n" + "/// A line.\n" * 9 + "#include <thread>\n")
        self.assertEqual([str(finding) for finding in rules.check(self.root)],
                         ["vrrp/virtual_router.hpp:11: <thread> is not for a core"])

    def test_requirements_are_gathered_by_section(self):
        self.write("tests/unit/a_test.cpp", "// RFC 9568 §6.4.2: positive\n// RFC 9568 §6.4.2: negative: why\n"
                                            "// RFC 4271 §6.1 (marker): positive\n// RFC 1071 says so\n")
        matrix = rules.requirements(self.root)
        self.assertEqual({name: {kind: len(tests) for kind, tests in kinds.items()}
                          for name, kinds in matrix.items()},
                         {"RFC 9568 §6.4.2": {"positive": 1, "negative": 1},
                          "RFC 4271 §6.1": {"positive": 1, "negative": 0}})


if __name__ == "__main__":
    unittest.main()
