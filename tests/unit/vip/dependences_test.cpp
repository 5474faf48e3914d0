#include "anyvip/vip/dependences.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

namespace anyvip::vip {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const CheckName nginx{"nginx"};
const CheckName uplink{"uplink"};
const CheckName of_first{"http/10.0.1.21:80"};
const PeerName tor{"tor-a"};

net::Endpoint endpoint(const char* address) {
    return {net::IpAddress::parse(address).value(), 80};
}
VipPolicy vip(const char* name, std::optional<RouterName> router = std::nullopt) {
    return {.name = VipName{name}, .router = std::move(router), .peers = {}, .policy = {}};
}
ServerPolicy server(const char* name, const char* of_vip) {
    return {.name = ServerName{name}, .vip = VipName{of_vip}, .real_servers = {}};
}
Track track(const CheckName& check) {
    return {.check = check, .weight = std::nullopt};
}

TEST(Dependences, NamesArePlacesInTheListsOfThePolicies) {
    const Dependences dependences{{.vips = {vip("www"), vip("dns")},
                                   .routers = {{.name = RouterName{"office"}, .tracks = {}}},
                                   .servers = {server("http", "www")}}};
    EXPECT_EQ(dependences.find(VipName{"www"}), 0U);
    EXPECT_EQ(dependences.find(VipName{"dns"}), 1U);
    EXPECT_EQ(dependences.find(RouterName{"office"}), 0U);
    EXPECT_EQ(dependences.find(ServerName{"http"}), 0U);
    EXPECT_EQ(dependences.find(VipName{"http"}), std::nullopt);
    EXPECT_EQ(dependences.find(ServerName{"www"}), std::nullopt);
}

TEST(Dependences, ACheckNamesEverythingThatDependsOnIt) {
    auto www = vip("www");
    www.policy.tracks = {track(uplink), track(nginx)};
    auto dns = vip("dns");
    dns.policy.tracks = {{.check = nginx, .weight = -20}};
    auto http = server("http", "www");
    http.real_servers = {{.address = endpoint("10.0.1.22"), .check = std::nullopt},
                         {.address = endpoint("10.0.1.21"), .check = of_first}};
    auto shared = server("shared", "dns");
    shared.real_servers = {{.address = endpoint("10.0.1.21"), .check = of_first}};
    const Dependences dependences{{.vips = {www, dns},
                                   .routers = {{.name = RouterName{"office"}, .tracks = {track(nginx)}}},
                                   .servers = {http, shared},
                                   .checks = {nginx, uplink, of_first}}};
    EXPECT_EQ(*dependences.of(nginx), (Dependents{.real_servers = {}, .vips = {0, 1}, .routers = {0}}));
    EXPECT_EQ(*dependences.of(uplink), (Dependents{.real_servers = {}, .vips = {0}, .routers = {}}));
    EXPECT_EQ(*dependences.of(of_first), (Dependents{.real_servers = {{0, 1}, {1, 0}}, .vips = {}, .routers = {}}));
}

TEST(Dependences, ACheckThatRunsIsKnownThoughNothingDependsOnItAndOneThatDoesNotRunIsNot) {
    auto www = vip("www");
    www.policy.tracks = {track(uplink)};
    const Dependences dependences{{.vips = {www}, .routers = {}, .servers = {}, .checks = {nginx}}};
    ASSERT_NE(dependences.of(nginx), nullptr);
    EXPECT_EQ(*dependences.of(nginx), Dependents{});
    EXPECT_EQ(dependences.of(uplink), nullptr);
}

TEST(Dependences, APeerNamesTheVipsThatNeedASession) {
    auto needs = vip("needs");
    needs.peers = {tor};
    needs.policy.needs_bgp_session = true;
    auto only_announced = vip("only-announced");
    only_announced.peers = {tor};
    const Dependences dependences{{.vips = {only_announced, needs}, .routers = {}, .servers = {}}};
    EXPECT_THAT(dependences.of(tor), ElementsAre(1));
    EXPECT_THAT(dependences.of(PeerName{"tor-b"}), IsEmpty());
}

TEST(Dependences, AVipKnowsItsVirtualServersAndARouterItsVipsInTheOrderOfTheFile) {
    const RouterName office{"office"};
    const RouterName lab{"lab"};
    const Dependences dependences{
        {.vips = {vip("www", office), vip("dns"), vip("app", office), vip("lost", RouterName{"nowhere"})},
         .routers = {{.name = lab, .tracks = {}}, {.name = office, .tracks = {}}},
         .servers = {server("https", "www"), server("dns", "dns"), server("http", "www"), server("lost", "nowhere")}}};
    EXPECT_THAT(dependences.servers_of_vip(0), ElementsAre(0, 2));
    EXPECT_THAT(dependences.servers_of_vip(1), ElementsAre(1));
    EXPECT_THAT(dependences.servers_of_vip(2), IsEmpty());
    EXPECT_EQ(dependences.vip_of_server(2), 0U);
    EXPECT_EQ(dependences.vip_of_server(3), std::nullopt);
    EXPECT_THAT(dependences.vips_of_router(0), IsEmpty());
    EXPECT_THAT(dependences.vips_of_router(1), ElementsAre(0, 2));
    EXPECT_EQ(dependences.router_of_vip(0), 1U);
    EXPECT_EQ(dependences.router_of_vip(1), std::nullopt);
    EXPECT_EQ(dependences.router_of_vip(3), std::nullopt);
}

}  // namespace
}  // namespace anyvip::vip
