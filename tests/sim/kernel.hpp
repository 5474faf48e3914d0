#pragma once

#include <optional>
#include <string>

#include "anyvip/random.hpp"
#include "daemon/kernel.hpp"

namespace anyvip::sim {

/// The kernel of a node, and the disk with STATE_DIR/owned. A crash of the daemon leaves both as they are, a
/// reboot the disk alone.
class Kernel {
public:
    Kernel(int node, Random random);

    void reboot();
    [[nodiscard]] daemon::KernelRead read(bool services);
    [[nodiscard]] daemon::OwnedStored store(const Ownership& ownership);
    [[nodiscard]] daemon::Executed execute(const daemon::Execute& wanted);

    void set_link(const net::InterfaceName& name, bool up);

    [[nodiscard]] bool has(const net::IpAddress& address) const;
    [[nodiscard]] bool has(const kernel::AddressKey& key) const;
    /// Somebody else's objects are as somebody else left them.
    [[nodiscard]] bool foreign_untouched() const;

    kernel::AddressTable addresses;
    ipvs::Table services;
    kernel::LinkTable links;
    Ownership owned;        ///< on the disk
    unsigned refusals = 0;  ///< per mille, of everything
    /// Nothing is refused once, but until this is cleared.
    std::optional<kernel::Error> refuses_all;

private:
    [[nodiscard]] std::optional<kernel::Error> refusal(const std::string& what);

    int node_;
    Random random_;
    kernel::AddressTable foreign_addresses_;
    ipvs::Table foreign_services_;
};

}  // namespace anyvip::sim
