#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "anyvip/kernel/address_table.hpp"
#include "anyvip/ownership.hpp"

/// STATE_DIR/owned: what we put into the kernel, for the next start and for `anyvip cleanup`.
///
///     # anyvip: what this daemon put into the kernel
///     address lo 203.0.113.10/32
///     virtual-server tcp 203.0.113.10:443
///
/// One object a line; `#` starts a comment line. It is written before the first command that creates an
/// object: to a temporary file, synced, renamed over the old one, the directory synced. So after a crash or a
/// full disk there is the old list or the new one, whole, and never an object of ours that is not listed.
namespace anyvip::kernel::io {

/// A line that could not be read. It is kept in the file, since it may name an object that is ours.
struct BadLine {
    std::size_t number = 0;  ///< from 1
    std::string text;
    std::string why;
    friend bool operator==(const BadLine&, const BadLine&) = default;
};

[[nodiscard]] std::string describe(const BadLine& line);

struct OwnedFileContents {
    Ownership ownership;
    std::vector<BadLine> bad_lines;
    friend bool operator==(const OwnedFileContents&, const OwnedFileContents&) = default;
};

[[nodiscard]] OwnedFileContents decode_owned(std::string_view text);
/// Sorted, with the bad lines at the end.
[[nodiscard]] std::string encode_owned(const OwnedFileContents& contents);

class OwnedFile {
public:
    explicit OwnedFile(std::filesystem::path path) : path_{std::move(path)} {}

    /// A missing file is an empty one; its directory must exist by the time of store().
    [[nodiscard]] std::expected<OwnedFileContents, Error> load();
    /// On return without an error the list is on the disk. On an error the old one still is.
    /// Does nothing when the disk has that list already, so that it may be called before every command.
    [[nodiscard]] std::expected<void, Error> store(const Ownership& ownership);

private:
    [[nodiscard]] std::expected<void, Error> write(const std::string& text) const;

    std::filesystem::path path_;
    std::vector<BadLine> bad_lines_;
    std::string on_disk_;
};

}  // namespace anyvip::kernel::io
