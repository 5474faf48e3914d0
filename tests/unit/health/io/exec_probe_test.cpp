#include "health/io/exec_probe.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "unit/health/io/prober_fixture.hpp"

namespace anyvip::health::io {
namespace {

namespace fs = std::filesystem;

bool is_alive(pid_t pid) {
    return ::kill(pid, 0) == 0;
}

/// Scripts live in a directory of the test's own; what a script finds out about itself it writes there.
class ExecProbeTest : public ProberTest {
protected:
    ExecProbeTest() {
        std::string name = (fs::temp_directory_path() / "anyvip-exec-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"mkdtemp"};
        folder = name;
        fs::permissions(folder, fs::perms{0755});
    }
    ~ExecProbeTest() override { fs::remove_all(folder); }

    [[nodiscard]] std::string script(const std::string& text, fs::perms mode = fs::perms{0755}) const {
        const auto path = folder / "script";
        std::ofstream{path} << "#!/bin/sh\n" << text;
        fs::permissions(path, mode);
        return path.string();
    }
    [[nodiscard]] std::string result() const {
        std::ostringstream text;
        text << std::ifstream{folder / "result"}.rdbuf();
        return text.str();
    }
    [[nodiscard]] std::string redirected() const { return " > " + (folder / "result").string(); }
    Outcome run(const std::string& text) { return outcome_of(ExecProbe{.argv = {script(text)}, .user = {}}); }
    CouldNotRunReason refused(const ExecProbe& probe) { return expect<CouldNotRun>(outcome_of(probe)).reason; }

    fs::path folder;
};

TEST_F(ExecProbeTest, ExitCodeZeroIsSuccess) {
    EXPECT_EQ(run("exit 0"), Outcome{Success{}});
}

TEST_F(ExecProbeTest, AnotherExitCodeIsFailureWithTheLastLineOfOutput) {
    EXPECT_EQ(run("echo first; echo 'disk is full' >&2; exit 3"),
              (Outcome{Failure{FailureReason::ExitCode, "3: disk is full"}}));
    EXPECT_EQ(run("exit 4"), (Outcome{Failure{FailureReason::ExitCode, "4"}}));
}

TEST_F(ExecProbeTest, DeathByASignalIsFailureAndNamesIt) {
    EXPECT_EQ(run("kill -SEGV $$"), (Outcome{Failure{FailureReason::KilledBySignal, "SIGSEGV"}}));
}

TEST_F(ExecProbeTest, OutputIsBoundedAndItsEndIsKept) {
    EXPECT_EQ(run("head -c 300000 /dev/zero | tr '\\0' x; echo; echo the end; exit 1"),
              (Outcome{Failure{FailureReason::ExitCode, "1: the end"}}));
    const auto outcome = run("head -c 300000 /dev/zero | tr '\\0' x; exit 1");
    EXPECT_EQ(expect<Failure>(outcome).detail, "1: " + std::string(200, 'x'));
}

TEST_F(ExecProbeTest, ControlCharactersOfTheOutputAreReplaced) {
    EXPECT_EQ(expect<Failure>(run("printf 'a\\033[31mb\\n'; exit 1")).detail, "1: a?[31mb");
}

TEST_F(ExecProbeTest, ArgumentsArriveAsTheyAreWithoutAShell) {
    const ExecProbe probe{.argv = {script("printf '%s|' \"$@\"" + redirected()), "a b", "$HOME;`id`", ""}, .user = {}};
    expect<Success>(outcome_of(probe));
    EXPECT_EQ(result(), "a b|$HOME;`id`||");
}

TEST_F(ExecProbeTest, TheEnvironmentIsPathAndTheChecksName) {
    ::setenv("ANYVIP_SECRET", "secret", 1);  // NOLINT(concurrency-mt-unsafe): no other thread here
    const ExecProbe probe{.argv = {"/bin/sh", "-c", "cat /proc/$$/environ" + redirected()}, .user = {}};
    expect<Success>(outcome_of(probe, CheckName{"nginx"}));
    using namespace std::string_literals;
    EXPECT_EQ(result(), "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\0ANYVIP_CHECK=nginx\0"s);
}

TEST_F(ExecProbeTest, StandardInputIsEmpty) {
    expect<Success>(run("cat" + redirected()));
    EXPECT_EQ(result(), "");
}

TEST_F(ExecProbeTest, TheChildHasNoCapabilityAndCannotGainOne) {
    expect<Success>(run("grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs)' /proc/self/status" + redirected()));
    EXPECT_EQ(result(),
              "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
              "CapAmb:\t0000000000000000\nNoNewPrivs:\t1\n");
}

TEST_F(ExecProbeTest, TheChildHasDefaultSignals) {
    ::signal(SIGUSR1, SIG_IGN);
    expect<Success>(run("grep -E '^Sig(Blk|Ign)' /proc/self/status" + redirected()));
    ::signal(SIGUSR1, SIG_DFL);
    EXPECT_EQ(result(), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(ExecProbeTest, TheChildInheritsNoDescriptor) {
    const int leak = ::open("/dev/null", O_RDONLY);  // deliberately without O_CLOEXEC
    const int high = ::fcntl(leak, F_DUPFD, 200);
    // 3 is the folder that ls reads.
    expect<Success>(
        outcome_of(ExecProbe{.argv = {"/bin/sh", "-c", "echo $(ls /proc/self/fd)" + redirected()}, .user = {}}));
    EXPECT_EQ(result(), "0 1 2 3\n");
    ::close(leak);
    ::close(high);
}

TEST_F(ExecProbeTest, TheChildLeadsAProcessGroupOfItsOwn) {
    expect<Success>(run("[ \"$(cut -d' ' -f5 /proc/$$/stat)\" = $$ ]"));
}

TEST_F(ExecProbeTest, RunsAsTheUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may change users";
    const ExecProbe probe{.argv = {"/bin/sh", "-c", "grep CapEff /proc/self/status; exit 1"}, .user = "nobody"};
    EXPECT_EQ(expect<Failure>(outcome_of(probe)).detail, "1: CapEff:?0000000000000000");
    const ExecProbe identity{.argv = {"/bin/sh", "-c", "echo $(id -un) $(id -Gn); exit 1"}, .user = "nobody"};
    EXPECT_EQ(expect<Failure>(outcome_of(identity)).detail, "1: nobody nogroup");
}

TEST_F(ExecProbeTest, AnUnknownUserCouldNotRun) {
    EXPECT_EQ(refused({.argv = {script("exit 0")}, .user = "no-such-user"}), CouldNotRunReason::UnknownUser);
}

TEST_F(ExecProbeTest, AMissingScriptCouldNotRun) {
    EXPECT_EQ(refused({.argv = {(folder / "missing").string()}, .user = {}}), CouldNotRunReason::ScriptMissing);
    EXPECT_EQ(refused({.argv = {"relative"}, .user = {}}), CouldNotRunReason::ScriptMissing);
    EXPECT_EQ(refused({.argv = {}, .user = {}}), CouldNotRunReason::ScriptMissing);
}

TEST_F(ExecProbeTest, AScriptWithoutItsInterpreterCouldNotRun) {
    const auto path = folder / "orphan";
    std::ofstream{path} << "#!/no/such/interpreter\n";
    fs::permissions(path, fs::perms{0755});
    EXPECT_EQ(refused({.argv = {path.string()}, .user = {}}), CouldNotRunReason::ScriptMissing);
}

TEST_F(ExecProbeTest, AScriptThatIsNotExecutableCouldNotRun) {
    EXPECT_EQ(refused({.argv = {script("exit 0", fs::perms{0644})}, .user = {}}),
              CouldNotRunReason::ScriptNotExecutable);
}

TEST_F(ExecProbeTest, AScriptThatEverybodyMayWriteCouldNotRun) {
    EXPECT_EQ(refused({.argv = {script("exit 0", fs::perms{0757})}, .user = {}}), CouldNotRunReason::ScriptInsecure);
}

TEST_F(ExecProbeTest, AScriptThatEverybodyMayReplaceCouldNotRun) {
    const auto path = script("exit 0");
    fs::permissions(folder, fs::perms{0777});
    EXPECT_EQ(refused({.argv = {path}, .user = {}}), CouldNotRunReason::ScriptInsecure);
    fs::permissions(folder, fs::perms{01777});
    expect<Success>(outcome_of(ExecProbe{.argv = {path}, .user = {}}));  // sticky: only the owner may replace it
}

TEST_F(ExecProbeTest, AnOpenPlaceBehindASymbolicLinkCounts) {
    const auto path = script("exit 0", fs::perms{0757});
    const auto link = folder / "link";
    fs::create_symlink(path, link);
    EXPECT_EQ(refused({.argv = {link.string()}, .user = {}}), CouldNotRunReason::ScriptInsecure);
}

TEST_F(ExecProbeTest, AbandonKillsTheWholeProcessGroup) {
    const auto path = script("sleep 1000 & echo $$ $! > " + (folder / "tmp").string() + "; mv " +
                             (folder / "tmp").string() + ' ' + (folder / "result").string() + "; wait");
    prober.start(CheckName{"hangs"}, ProbeId{1}, ExecProbe{.argv = {path}, .user = {}});
    run_until([&] { return fs::exists(folder / "result"); });
    pid_t shell = 0;
    pid_t child = 0;
    std::istringstream{result()} >> shell >> child;
    ASSERT_TRUE(is_alive(shell));
    ASSERT_TRUE(is_alive(child));
    prober.abandon(CheckName{"hangs"}, ProbeId{1});
    // A grandchild's zombie is for init, or whoever took its place, to reap: stopped is dead enough.
    const auto is_gone = [](pid_t pid) {
        std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
        std::string text;
        return !std::getline(stat, text) || text.find(") Z ") != std::string::npos;
    };
    run_until([&] { return !is_alive(shell) && is_gone(child); });
    EXPECT_TRUE(finished.empty());
}

TEST_F(ExecProbeTest, WhatAScriptLeavesBehindIsKilledWhenItEnds) {
    const auto outcome = run("sleep 1000 & echo $!; exit 1");
    const auto pid = static_cast<pid_t>(std::stoi(expect<Failure>(outcome).detail.substr(3)));
    run_until([&] {
        std::ifstream stat{"/proc/" + std::to_string(pid) + "/stat"};
        std::string text;
        return !std::getline(stat, text) || text.find(") Z ") != std::string::npos;
    });
}

TEST_F(ExecProbeTest, ChildrenAreReaped) {
    for (int i = 0; i < 20; ++i) run("exit 0");
    for (int i = 0; i < 20; ++i) outcome_of(ExecProbe{.argv = {script("exit 0", fs::perms{0644})}, .user = {}});
    siginfo_t info{};
    EXPECT_EQ(::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), -1)
        << "child " << info.si_pid << std::ifstream{"/proc/" + std::to_string(info.si_pid) + "/stat"}.rdbuf();
    EXPECT_EQ(errno, ECHILD);
}

TEST_F(ExecProbeTest, ManyScriptsRunAtOnce) {
    const auto path = script("exit 0");
    for (std::uint64_t i = 1; i <= 50; ++i) {
        prober.start(CheckName{"check" + std::to_string(i)}, ProbeId{1}, ExecProbe{.argv = {path}, .user = {}});
    }
    run_until([&] { return finished.size() == 50; });
    for (const auto& [check, event] : finished) expect<Success>(event.outcome);
}

}  // namespace
}  // namespace anyvip::health::io
