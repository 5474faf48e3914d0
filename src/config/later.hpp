#pragma once

#include <string_view>

namespace anyvip::config {

/// Words that the configuration language has reserved and this version does not carry out. A file that uses
/// one is refused, in other words than a misspelt one is: leaving out what a user asked for would be worse
/// than not starting. Whoever builds one of these deletes its row.
struct LaterWord {
    std::string_view section;
    std::string_view key;
    std::string_view value;  ///< empty: the key itself is of a later version
};

inline constexpr LaterWord later_words[] = {
    {"", "bfd", ""},
    {"", "journal", ""},
    {"", "metrics", ""},
    {"", "notify", ""},
    {"", "sync_group", ""},
    {"virtual_router", "bfd", ""},
    {"virtual_router", "notify", ""},
    {"virtual_router", "sync_group", ""},
    {"virtual_router", "vmac", ""},
    {"check", "file", ""},
    {"check", "interface", ""},
    {"check", "process", ""},
    {"vip", "announce", "auto"},
    {"vip", "notify", ""},
    {"vip.track", "bfd", ""},
    {"vip.track", "file", ""},
    {"vip.track", "interface", ""},
    {"vip.track", "peer", ""},
    {"vip.track", "process", ""},
    {"vip.track", "virtual_server", ""},
    {"virtual_router.track", "bfd", ""},
    {"virtual_router.track", "file", ""},
    {"virtual_router.track", "interface", ""},
    {"virtual_router.track", "peer", ""},
    {"virtual_router.track", "process", ""},
    {"virtual_router.track", "virtual_server", ""},
    {"virtual_server", "one_packet", ""},
    {"virtual_server", "scheduler_flags", ""},
    {"virtual_server", "snat", ""},
    {"virtual_server", "sorry_server", ""},
    {"virtual_server", "when_empty", "sorry"},
    {"virtual_server.check", "script", ""},
};

}  // namespace anyvip::config
