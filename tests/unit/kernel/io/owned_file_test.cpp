#include "kernel/io/owned_file.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace anyvip::kernel::io {
namespace {

namespace fs = std::filesystem;

AddressKey key(const char* interface, const char* prefix) {
    return {net::InterfaceName{interface}, net::Prefix::parse(prefix).value()};
}

ipvs::VirtualServerId tcp(const char* address, std::uint16_t port) {
    return {ipvs::Protocol::Tcp, {net::IpAddress::parse(address).value(), port}};
}

const Ownership two_of_each{
    .addresses = {key("lo", "203.0.113.10/32"), key("eth0", "2001:db8::10/64")},
    .virtual_servers = {tcp("203.0.113.10", 443), tcp("2001:db8::10", 80)},
};
const std::string two_of_each_text =
    "# anyvip: what this daemon put into the kernel\n"
    "address eth0 2001:db8::10/64\n"
    "address lo 203.0.113.10/32\n"
    "virtual-server tcp 203.0.113.10:443\n"
    "virtual-server tcp [2001:db8::10]:80\n";

class OwnedFileTest : public ::testing::Test {
protected:
    OwnedFileTest() {
        std::string pattern = (fs::temp_directory_path() / "anyvip-owned-XXXXXX").string();
        directory_ = ::mkdtemp(pattern.data());
    }
    ~OwnedFileTest() override { fs::remove_all(directory_); }

    [[nodiscard]] fs::path path() const { return directory_ / "owned"; }
    [[nodiscard]] std::string text() const {
        std::ifstream file{path()};
        return {std::istreambuf_iterator<char>{file}, {}};
    }
    void put(const std::string& text) const { std::ofstream{path()} << text; }

    fs::path directory_;
};

TEST(OwnedText, IsOneObjectALine) {
    EXPECT_EQ(encode_owned({two_of_each, {}}), two_of_each_text);
}

TEST(OwnedText, IsReadBack) {
    EXPECT_EQ(decode_owned(two_of_each_text), (OwnedFileContents{two_of_each, {}}));
}

TEST(OwnedText, SkipsCommentsAndEmptyLinesAndNeedsNoLastNewline) {
    EXPECT_EQ(decode_owned("\n  # x\n\taddress  lo 203.0.113.10 \n\naddress lo 203.0.113.11/32").ownership.addresses,
              (std::set{key("lo", "203.0.113.10/32"), key("lo", "203.0.113.11/32")}));
}

TEST(OwnedText, ReportsEveryBadLineWithItsNumber) {
    const auto contents = decode_owned(
        "address lo\n"
        "address lo 203.0.113.10/32 extra\n"
        "address lo 203.0.113.10/33\n"
        "address a-name-of-sixteen 203.0.113.10/32\n"
        "virtual-server icmp 203.0.113.10:80\n"
        "virtual-server tcp 203.0.113.10:65536\n"
        "virtual-server tcp 2001:db8::1:80\n"
        "route lo 203.0.113.10/32\n"
        "address lo 203.0.113.10/32\n");
    std::vector<std::string> reports;
    for (const auto& line : contents.bad_lines) reports.push_back(describe(line));
    EXPECT_EQ(reports, (std::vector<std::string>{
                           "line 1: not three words: \"address lo\"",
                           "line 2: not three words: \"address lo 203.0.113.10/32 extra\"",
                           "line 3: no address: \"address lo 203.0.113.10/33\"",
                           "line 4: no interface name: \"address a-name-of-sixteen 203.0.113.10/32\"",
                           "line 5: no protocol: \"virtual-server icmp 203.0.113.10:80\"",
                           "line 6: no address and port: \"virtual-server tcp 203.0.113.10:65536\"",
                           "line 7: no address and port: \"virtual-server tcp 2001:db8::1:80\"",
                           "line 8: no known kind of object: \"route lo 203.0.113.10/32\"",
                       }));
    EXPECT_EQ(contents.ownership.addresses, (std::set{key("lo", "203.0.113.10/32")}));
}

TEST_F(OwnedFileTest, AMissingFileIsAnEmptyOne) {
    EXPECT_EQ(OwnedFile{path()}.load(), OwnedFileContents{});
}

TEST_F(OwnedFileTest, WhatIsStoredIsLoadedByTheNextStart) {
    ASSERT_TRUE(OwnedFile{path()}.store(two_of_each));
    EXPECT_EQ(text(), two_of_each_text);
    EXPECT_EQ(OwnedFile{path()}.load(), (OwnedFileContents{two_of_each, {}}));
    EXPECT_FALSE(fs::exists(path().string() + ".new"));
}

TEST_F(OwnedFileTest, StoringTheSameAgainDoesNotWrite) {
    OwnedFile file{path()};
    ASSERT_TRUE(file.store(two_of_each));
    struct stat before{};
    struct stat after{};
    ASSERT_EQ(::stat(path().c_str(), &before), 0);
    ASSERT_TRUE(file.store(two_of_each));
    ASSERT_EQ(::stat(path().c_str(), &after), 0);
    EXPECT_EQ(before.st_ino, after.st_ino);
    ASSERT_TRUE(file.store({}));
    ASSERT_EQ(::stat(path().c_str(), &after), 0);
    EXPECT_NE(before.st_ino, after.st_ino) << "a new list is a new file, renamed over the old one";
}

TEST_F(OwnedFileTest, KeepsLinesThatItCannotRead) {
    put("tunnel from the future\naddress lo 203.0.113.10/32\n");
    OwnedFile file{path()};
    ASSERT_TRUE(file.load());
    ASSERT_TRUE(file.store({}));
    EXPECT_EQ(text(), "# anyvip: what this daemon put into the kernel\ntunnel from the future\n");
}

TEST_F(OwnedFileTest, AnErrorNamesTheStepAndTheFile) {
    const auto stored = OwnedFile{directory_ / "missing" / "owned"}.store(two_of_each);
    ASSERT_FALSE(stored);
    EXPECT_EQ(stored.error().code, ENOENT);
    EXPECT_EQ(stored.error().what,
              "create " + (directory_ / "missing" / "owned.new").string() + ": No such file or directory");
    const auto loaded = OwnedFile{directory_}.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, EISDIR);
}

TEST_F(OwnedFileTest, AFullDiskIsAnErrorAndTheOldListStays) {
    // A file system of two pages, in a mount namespace that ends with this process: the first list fits, the
    // second does not.
    ASSERT_EQ(::unshare(CLONE_NEWNS), 0) << "needs root";
    ASSERT_EQ(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), 0);
    ASSERT_EQ(::mount("none", directory_.c_str(), "tmpfs", 0, "size=8k"), 0) << "needs root";
    OwnedFile file{path()};
    const auto stored = file.store(two_of_each);
    Ownership large;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        large.addresses.insert({net::InterfaceName{"lo"}, net::Prefix::host(net::Ipv4Address{0x0a000000 + i})});
    }
    const auto too_large = file.store(large);
    const std::string left = text();
    const bool temporary_left = fs::exists(path().string() + ".new");
    const auto stored_again = file.store({});
    const std::string emptied = text();
    ::umount(directory_.c_str());

    ASSERT_TRUE(stored);
    ASSERT_FALSE(too_large);
    EXPECT_EQ(too_large.error().code, ENOSPC);
    EXPECT_EQ(left, two_of_each_text);
    EXPECT_FALSE(temporary_left) << "it would keep the disk full";
    EXPECT_TRUE(stored_again);
    EXPECT_EQ(emptied, "# anyvip: what this daemon put into the kernel\n");
}

}  // namespace
}  // namespace anyvip::kernel::io
