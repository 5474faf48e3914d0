#pragma once

#include <compare>
#include <cstdint>
#include <set>
#include <string>

#include "anyvip/net/address.hpp"
#include "anyvip/net/interface.hpp"

/// Addresses on interfaces as values: what we want, and what a dump of the kernel says (RTM_GETADDR).
namespace anyvip::kernel {

enum class Scope : std::uint8_t { Global, Link, Host };

/// RFC 4862 §5.4 as the kernel reports it. An IPv6 address of ours is installed without duplicate address
/// detection (IFA_F_NODAD) and so is never Tentative; DadFailed means somebody else's did.
enum class DadState : std::uint8_t { Done, Tentative, DadFailed };

/// What names an address in the kernel.
struct AddressKey {
    net::InterfaceName interface;
    net::Prefix prefix;  ///< with host bits: "10.0.0.1/24"
    friend auto operator<=>(const AddressKey&, const AddressKey&) = default;
};

struct Address {
    AddressKey key;
    Scope scope = Scope::Global;
    /// IPv6: preferred lifetime 0, so that the kernel does not choose it as a source (product rule 1).
    bool deprecated = false;
    DadState dad = DadState::Done;
    friend auto operator<=>(const Address&, const Address&) = default;
};

/// At most one entry of each key.
using AddressTable = std::set<Address>;

/// A refusal of the kernel, or of a system call: its number, and for people what was asked and why not.
struct Error {
    int code = 0;  ///< errno, positive
    std::string what;
    friend bool operator==(const Error&, const Error&) = default;
};

[[nodiscard]] std::string describe(Scope scope);
[[nodiscard]] std::string describe(DadState state);
[[nodiscard]] std::string describe(const AddressKey& key);
[[nodiscard]] std::string describe(const Address& address);
[[nodiscard]] std::string describe(const AddressTable& table);  ///< one a line
[[nodiscard]] std::string describe(const Error& error);

}  // namespace anyvip::kernel
