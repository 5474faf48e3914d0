#include "anyvip/describe.hpp"

#include <chrono>
#include <string>
#include <string_view>

#include "bgp/bfd/control_packet.hpp"
#include "bgp/bfd/encapsulation.hpp"
#include "bgp/bfd/session.hpp"

/// The one text form of BFD's packets, events and actions: a word for what it is, then key=value.
namespace anyvip::bfd {
namespace {

std::string text(Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::microseconds>(duration).count()) + "us";
}

std::string hexadecimal(Discriminator discriminator) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string words = "0x";
    for (unsigned shift = 32; shift > 0; shift -= 4) words += digits[discriminator.value() >> (shift - 4) & 0xfU];
    return words;
}

}  // namespace

std::string_view describe(SessionState state) {
    switch (state) {
        case SessionState::AdminDown: return "AdminDown";
        case SessionState::Down: return "Down";
        case SessionState::Init: return "Init";
        case SessionState::Up: return "Up";
    }
    return "?";
}

std::string describe(Diagnostic diagnostic) {
    switch (diagnostic) {
        case Diagnostic::None: return "No Diagnostic";
        case Diagnostic::ControlDetectionTimeExpired: return "Control Detection Time Expired";
        case Diagnostic::EchoFunctionFailed: return "Echo Function Failed";
        case Diagnostic::NeighborSignaledSessionDown: return "Neighbor Signaled Session Down";
        case Diagnostic::ForwardingPlaneReset: return "Forwarding Plane Reset";
        case Diagnostic::PathDown: return "Path Down";
        case Diagnostic::ConcatenatedPathDown: return "Concatenated Path Down";
        case Diagnostic::AdministrativelyDown: return "Administratively Down";
        case Diagnostic::ReverseConcatenatedPathDown: return "Reverse Concatenated Path Down";
    }
    return "diagnostic " + std::to_string(static_cast<unsigned>(diagnostic));
}

std::string_view describe(DiscardReason reason) {
    switch (reason) {
        case DiscardReason::Truncated: return "truncated";
        case DiscardReason::VersionMismatch: return "version mismatch";
        case DiscardReason::LengthTooSmall: return "length too small";
        case DiscardReason::LengthExceedsPayload: return "length exceeds the payload";
        case DiscardReason::ZeroDetectMult: return "zero detect mult";
        case DiscardReason::Multipoint: return "multipoint bit set";
        case DiscardReason::ZeroMyDiscriminator: return "zero my discriminator";
        case DiscardReason::ZeroYourDiscriminator: return "zero your discriminator";
        case DiscardReason::BadAuthenticationSection: return "bad authentication section";
        case DiscardReason::UnknownYourDiscriminator: return "unknown your discriminator";
        case DiscardReason::AuthenticationMismatch: return "authentication mismatch";
        case DiscardReason::TtlTooLow: return "TTL too low";
    }
    return "?";
}

std::string describe(const ControlPacket& packet) {
    std::string words{describe(packet.state)};
    if (packet.poll) words += " poll";
    if (packet.final) words += " final";
    if (packet.control_plane_independent) words += " control_plane_independent";
    if (packet.demand) words += " demand";
    words += " diagnostic=\"" + describe(packet.diagnostic) + '"';
    words += " detect_mult=" + std::to_string(packet.detect_mult);
    words += " my_discriminator=" + hexadecimal(packet.my_discriminator);
    words += " your_discriminator=" + hexadecimal(packet.your_discriminator);
    words += " desired_min_tx_interval=" + text(packet.desired_min_tx_interval);
    words += " required_min_rx_interval=" + text(packet.required_min_rx_interval);
    // Authentication data is a secret's offspring, and nobody needs to read it.
    if (packet.authentication) words += " authentication_type=" + std::to_string(packet.authentication->type);
    return words;
}

std::string_view describe(Hops hops) {
    switch (hops) {
        case Hops::Single: return "single hop";
        case Hops::Multiple: return "multihop";
    }
    return "?";
}

std::string describe(const Listener& listener) {
    return std::string{net::describe(listener.family)} + ' ' + std::string{describe(listener.hops)};
}

std::string describe(const ReceivedMetadata& metadata) {
    return metadata.source.to_string() + " > " + metadata.destination.to_string() +
           " interface=" + std::to_string(metadata.interface.value()) + " ttl=" + std::to_string(metadata.ttl);
}

std::string describe(const AdminUp& /*event*/) {
    return "AdminUp";
}
std::string describe(const AdminDown& /*event*/) {
    return "AdminDown";
}
std::string describe(const ConfigChanged& event) {
    return "ConfigChanged desired_min_tx_interval=" + text(event.config.desired_min_tx_interval) +
           " required_min_rx_interval=" + text(event.config.required_min_rx_interval) +
           " detect_mult=" + std::to_string(event.config.detect_mult) + (event.config.passive ? " passive" : "") +
           " minimum_ttl=" + std::to_string(event.config.minimum_ttl);
}
std::string describe(const Lease& event) {
    return "Lease expires_at=" + text(event.expires_at.time_since_epoch());
}
std::string describe(const ControlPacketReceived& event) {
    return "ControlPacketReceived ttl=" + std::to_string(event.ttl) + ' ' + describe(event.packet);
}
std::string describe(const ControlPacketDiscarded& event) {
    return "ControlPacketDiscarded reason=\"" + std::string{describe(event.reason)} + '"';
}
std::string describe(const TimerExpired& /*event*/) {
    return "TimerExpired";
}

std::string describe(const SendControlPacket& action) {
    return "SendControlPacket " + describe(action.packet);
}
std::string describe(const StateChanged& action) {
    return "StateChanged from=" + std::string{describe(action.from)} + " to=" + std::string{describe(action.to)} +
           " diagnostic=\"" + describe(action.diagnostic) + "\" remote=" + std::string{describe(action.remote)};
}

}  // namespace anyvip::bfd
