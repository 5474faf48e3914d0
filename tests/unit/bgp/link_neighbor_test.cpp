#include "bgp/link_neighbor.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace anyvip::bgp::link {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TimePoint t0 = TimePoint{} + 1000s;
const auto ours = *net::Ipv6Address::parse("fe80::11");
const auto router = *net::Ipv6Address::parse("fe80::1");
const auto other = *net::Ipv6Address::parse("fe80::2");
const std::string ra = "SendPacket to ff02::1: RouterAdvertisement lifetime=0s";
const std::string rs = "SendPacket to ff02::2: RouterSolicitation";

class LinkNeighborTest : public ::testing::Test {
protected:
    std::vector<std::string> feed(const Event& event) {
        std::vector<std::string> lines;
        for (const auto& action : neighbor.handle(event, now)) {
            lines.push_back(std::visit([](const auto& a) { return describe(a); }, action));
        }
        return lines;
    }
    std::vector<std::string> up(std::uint32_t index = 3, const net::Ipv6Address& address = ours) {
        return feed(InterfaceIs{Interface{net::InterfaceIndex{index}, address}});
    }
    std::vector<std::string> hear(const net::Ipv6Address& from, std::uint16_t lifetime = 30,
                                  std::uint8_t limit = nd::hop_limit) {
        nd::RouterAdvertisement message;
        message.router_lifetime = decltype(message.router_lifetime){lifetime};
        return feed(PacketReceived{from, limit, nd::encode(message)});
    }
    std::vector<std::string> ask() {
        return feed(PacketReceived{router, nd::hop_limit, nd::encode(nd::RouterSolicitation{})});
    }
    /// To the next timer.
    std::vector<std::string> wait() {
        now = neighbor.deadline().value_or(now);
        return feed(TimerExpired{});
    }
    void settle() {
        (void)up();
        (void)hear(router);
        for (int i = 0; i < Neighbor::quick_advertisements; ++i) (void)wait();
        ASSERT_EQ(neighbor.neighbor(), router);
    }

    Random random{1};
    TimePoint now = t0;
    Neighbor neighbor{random};
};

// RFC 4861 §6.2.4: positive. Quicker than its 16 s, as those do that open no session before they have heard us.
TEST_F(LinkNeighborTest, AdvertisesAtOnceThreeTimesASecondApartAndThenEveryTen) {
    EXPECT_THAT(up(), ElementsAre(ra, rs));
    EXPECT_EQ(neighbor.deadline(), t0 + 1s);
    EXPECT_THAT(wait(), ElementsAre(ra, rs));
    EXPECT_EQ(neighbor.deadline(), t0 + 2s);
    EXPECT_THAT(wait(), ElementsAre(ra, rs));
    EXPECT_EQ(neighbor.deadline(), t0 + 3s);
    EXPECT_THAT(wait(), ElementsAre(ra));
    EXPECT_EQ(neighbor.deadline(), t0 + 13s);
    EXPECT_THAT(wait(), ElementsAre(ra));
    EXPECT_EQ(neighbor.deadline(), t0 + 23s);
}

TEST_F(LinkNeighborTest, SendsFromItsOwnAddress) {
    const auto actions = neighbor.handle(InterfaceIs{Interface{net::InterfaceIndex{3}, ours}}, now);
    EXPECT_EQ(std::get<SendPacket>(actions.at(0)).source, ours);
}

// RFC 4861 §4.6.1: positive. Type 1, one unit of eight octets.
// RFC 4861 §4.6.1: negative; a link without such an address has nothing to tell.
TEST_F(LinkNeighborTest, TellsItsLinkLayerAddressWhereThereIsOne) {
    const net::MacAddress mac{{2, 0, 0, 0, 0, 5}};
    const auto with = neighbor.handle(InterfaceIs{Interface{net::InterfaceIndex{3}, ours, mac}}, now);
    ASSERT_EQ(with.size(), 2U);
    const std::vector<std::uint8_t> option{1, 1, 2, 0, 0, 0, 0, 5};
    for (const auto& action : with) {
        const auto& bytes = std::get<SendPacket>(action).bytes;
        EXPECT_EQ(std::vector<std::uint8_t>(bytes.end() - 8, bytes.end()), option);
    }
    const auto without = neighbor.handle(InterfaceIs{Interface{net::InterfaceIndex{3}, ours}}, now);
    EXPECT_EQ(std::get<SendPacket>(without.at(0)).bytes.size() + 8, std::get<SendPacket>(with.at(0)).bytes.size());
}

TEST_F(LinkNeighborTest, AsksNobodyWhoIsThereAlready) {
    (void)up();
    (void)hear(router);
    EXPECT_THAT(wait(), ElementsAre(ra));
}

TEST_F(LinkNeighborTest, TheFirstRouterThatIsHeardIsTheNeighbor) {
    (void)up();
    EXPECT_THAT(hear(router), ElementsAre("NeighborChanged fe80::1"));
    EXPECT_THAT(hear(router), IsEmpty());
}

// RFC 4861 §6.1.2: negative.
TEST_F(LinkNeighborTest, WhatCrossedARouterIsNoNeighbor) {
    (void)up();
    EXPECT_THAT(hear(router, 30, 254), IsEmpty());
    EXPECT_EQ(neighbor.neighbor(), std::nullopt);
    EXPECT_EQ(neighbor.status().discarded, 1U);
    EXPECT_EQ(neighbor.status().last_discard, nd::Discard::HopLimitNot255);
}

TEST_F(LinkNeighborTest, OurOwnPacketsAreNobodys) {
    (void)up();
    EXPECT_THAT(hear(ours), IsEmpty());
    EXPECT_EQ(neighbor.status().received, 0U);
}

// RFC 4861 §6.2.4: negative
TEST_F(LinkNeighborTest, WithoutTheInterfaceNothingIsHeardOrSent) {
    EXPECT_THAT(hear(router), IsEmpty());
    EXPECT_EQ(neighbor.deadline(), std::nullopt);
    (void)up();
    (void)hear(router);
    EXPECT_THAT(feed(InterfaceIs{}), ElementsAre("NeighborChanged none"));
    EXPECT_EQ(neighbor.deadline(), std::nullopt);
}

// RFC 4861 §6.2.6: positive; at most half a second later.
// RFC 4861 §6.2.6: negative; and not within three of the last one.
TEST_F(LinkNeighborTest, AnswersASolicitationToAllAndNotTooOften) {
    settle();
    const auto last = now;
    now = last + 5s;
    EXPECT_THAT(ask(), IsEmpty());
    ASSERT_TRUE(neighbor.deadline());
    EXPECT_LE(*neighbor.deadline(), now + 500ms);
    EXPECT_THAT(wait(), ElementsAre(ra));
    const auto answered = now;
    now += 100ms;
    (void)ask();
    EXPECT_EQ(neighbor.deadline(), answered + 3s);
}

TEST_F(LinkNeighborTest, AnotherRouterIsReportedOnceAndChangesNothing) {
    settle();
    now += 10s;
    EXPECT_THAT(hear(other), ElementsAre("AnotherNeighbor fe80::2"));
    EXPECT_THAT(hear(other), IsEmpty());
    EXPECT_EQ(neighbor.neighbor(), router);
    EXPECT_EQ(neighbor.status().another, other);
}

TEST_F(LinkNeighborTest, AnotherRouterTakesThePlaceOfOneThatHasFallenSilent) {
    settle();
    (void)hear(router);
    now += 15s - 1ms;
    EXPECT_THAT(hear(other), ElementsAre("AnotherNeighbor fe80::2"));
    now += 1ms;
    EXPECT_THAT(hear(other), ElementsAre("NeighborChanged fe80::2"));
    EXPECT_EQ(neighbor.status().another, std::nullopt);
}

TEST_F(LinkNeighborTest, ASessionKeepsItsNeighborHoweverSilent) {
    settle();
    (void)feed(SessionIs{true});
    now += 1h;
    EXPECT_THAT(hear(other), ElementsAre("AnotherNeighbor fe80::2"));
    EXPECT_EQ(neighbor.neighbor(), router);
    EXPECT_THAT(feed(SessionIs{false}), ElementsAre("NeighborChanged none"));
    EXPECT_THAT(hear(other), ElementsAre("NeighborChanged fe80::2"));
}

TEST_F(LinkNeighborTest, ANeighborLivesAsLongAsItsAdvertisementSays) {
    settle();
    (void)hear(router, 7);
    const auto heard = now;
    EXPECT_EQ(neighbor.deadline(), heard + 7s);
    EXPECT_THAT(wait(), ElementsAre("NeighborChanged none"));
}

// RFC 4861 §4.2: a lifetime of 0 says that it is no default router, and nothing of how long it is there.
TEST_F(LinkNeighborTest, OneThatIsNoDefaultRouterLivesForTheLongestInterval) {
    settle();
    (void)hear(router, 0);
    const auto heard = now;
    while (neighbor.deadline() && *neighbor.deadline() < heard + 1800s) EXPECT_THAT(wait(), ElementsAre(ra));
    EXPECT_EQ(neighbor.neighbor(), router);
    now = heard + 1800s;
    EXPECT_THAT(feed(TimerExpired{}), ::testing::Contains("NeighborChanged none"));
}

TEST_F(LinkNeighborTest, AnInterfaceThatWasRecreatedHasNoNeighborYet) {
    settle();
    EXPECT_THAT(up(4), ElementsAre("NeighborChanged none", ra, rs));
    EXPECT_THAT(hear(router), ElementsAre("NeighborChanged fe80::1"));
}

TEST_F(LinkNeighborTest, AnotherAddressOfOursIsToldAtOnceAndKeepsTheNeighbor) {
    settle();
    EXPECT_THAT(up(3, other), ElementsAre(ra));
    EXPECT_EQ(neighbor.neighbor(), router);
    EXPECT_THAT(up(3, other), IsEmpty());
}

// Product rule 8: whoever makes up addresses costs neither memory nor lines of the log.
TEST_F(LinkNeighborTest, RoutersBeyondAFewAreNotCounted) {
    settle();
    std::size_t reported = 0;
    for (std::uint8_t i = 0; i < 200; ++i) {
        auto bytes = other.bytes();
        bytes[8] = i;
        reported += hear(net::Ipv6Address{bytes}).size();
    }
    EXPECT_EQ(reported, 8U);
}

}  // namespace
}  // namespace anyvip::bgp::link
