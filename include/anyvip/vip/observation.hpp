#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "anyvip/names.hpp"
#include "anyvip/time.hpp"

/// Who else announces the route of a VIP, put together from what the routers tell us.
///
/// Each peer that the VIP goes to is an observer. What is heard from one is heard. That nothing is heard means
/// something only when every observer had its say: it has sent End-of-RIB, or `learn_delay` has passed without. A
/// session that is lost takes what it told along, but does not unsay it: it stands until another one hears the same and
/// can tell when it ends, or until the observer has been back for `learn_delay`, End-of-RIB or not: a router that was
/// restarted may have said all that it had before the other node was back as well.
///
/// The decision loop owns one per VIP that needs to know, and shows it every Sighting; whose route is our own, and
/// which one is about to go (RFC 8326), it has sorted out before.
namespace anyvip::vip {

/// How standbys decide between them: the higher rank, then the higher router ID.
struct Rank {
    std::uint16_t rank = 0;
    std::uint32_t router_id = 0;
    friend auto operator<=>(const Rank&, const Rank&) = default;
};

/// Another node's route, as one observer has it.
struct Heard {
    std::optional<Rank> rank;  ///< nullopt: no standby's
    std::string text;          ///< for people: "via 10.0.0.12, AS_PATH 65000 65020"
    friend bool operator==(const Heard&, const Heard&) = default;
};

/// What one observer tells now.
struct Sighting {
    bool session = false;   ///< Established, and carries the VIP's family
    bool complete = false;  ///< it has said all that it had to say at first
    std::vector<Heard> routes{};
    friend bool operator==(const Sighting&, const Sighting&) = default;
};

struct Others {
    enum class Knowledge : std::uint8_t { Unknown, None, Heard };
    Knowledge knowledge = Knowledge::Unknown;
    bool unranked = false;       ///< one of them is no standby
    std::optional<Rank> best{};  ///< of those that are
    std::string text{};          ///< who it is, or what is missing
    friend bool operator==(const Others&, const Others&) = default;
};

class Observation {
public:
    /// Observers that are new begin to learn now; of those that are gone nothing stays.
    void configure(Duration learn_delay, const std::set<PeerName>& observers, TimePoint now);
    /// One that nobody configured, since it comes and goes by itself, is an observer from its first session on.
    void see(const PeerName& observer, const Sighting& sighting, TimePoint now);
    /// One that came by itself will not come again.
    void forget(const PeerName& observer);

    [[nodiscard]] Others others(TimePoint now) const;
    /// When others() may be another one although nothing was seen.
    [[nodiscard]] std::optional<TimePoint> deadline(TimePoint now) const;

private:
    struct Observer {
        Sighting now;
        bool configured = true;
        std::vector<Heard> lost;  ///< told before the session was lost
        TimePoint waited_until;   ///< for it to have its say
    };
    [[nodiscard]] static bool had_its_say(const Observer& observer, TimePoint now);
    [[nodiscard]] static bool has_been_back(const Observer& observer, TimePoint now);

    Duration learn_delay_{};
    std::map<PeerName, Observer> observers_;
};

[[nodiscard]] std::string describe(const Rank& rank);
[[nodiscard]] std::string describe(Others::Knowledge knowledge);

}  // namespace anyvip::vip
