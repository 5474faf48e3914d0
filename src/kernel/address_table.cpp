#include "anyvip/kernel/address_table.hpp"

#include <string>

#include "anyvip/kernel/link_table.hpp"

namespace anyvip::kernel {

std::string describe(Scope scope) {
    switch (scope) {
        case Scope::Global: return "global";
        case Scope::Link: return "link";
        case Scope::Host: return "host";
    }
    return "?";
}

std::string describe(DadState state) {
    switch (state) {
        case DadState::Done: return "done";
        case DadState::Tentative: return "tentative";
        case DadState::DadFailed: return "dadfailed";
    }
    return "?";
}

std::string describe(const AddressKey& key) {
    return key.prefix.to_string() + " on " + key.interface.value();
}

std::string describe(const Address& address) {
    std::string text = describe(address.key) + " scope " + describe(address.scope);
    if (address.deprecated) text += " deprecated";
    if (address.dad != DadState::Done) text += " " + describe(address.dad);
    return text;
}

std::string describe(const AddressTable& table) {
    std::string text;
    for (const Address& address : table) text += describe(address) + '\n';
    return text;
}

std::string describe(const Error& error) {
    return error.what + " (error " + std::to_string(error.code) + ")";
}

std::string describe(const Link& link) {
    std::string text = link.name.value() + " #" + std::to_string(link.index.value());
    text += link.is_up() ? " up" : !link.admin_up ? " admin-down" : !link.lower_up ? " no-carrier" : " not-running";
    return text + " mac " + link.mac.to_string() + " mtu " + std::to_string(link.mtu);
}

std::string describe(const LinkChanged& notification) {
    return "LinkChanged " + describe(notification.link);
}
std::string describe(const LinkRemoved& notification) {
    return "LinkRemoved " + notification.name.value() + " #" + std::to_string(notification.index.value());
}
std::string describe(const AddressChanged& notification) {
    return "AddressChanged " + describe(notification.address);
}
std::string describe(const AddressRemoved& notification) {
    return "AddressRemoved " + describe(notification.key);
}
std::string describe(const ResyncNeeded& /*notification*/) {
    return "ResyncNeeded";
}

}  // namespace anyvip::kernel
