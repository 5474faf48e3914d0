#include "anyvip/vip/eligibility.hpp"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/print.hpp"

ANYVIP_PRINT(anyvip::vip)

namespace anyvip::vip {
namespace {

const CheckName nginx{"nginx"};
const CheckName uplink{"uplink"};
const ServerName http{"www-http"};
const ServerName https{"www-https"};

Track required(const CheckName& check) {
    return {.check = check, .weight = std::nullopt};
}
Track weighted(const CheckName& check, int weight) {
    return {.check = check, .weight = weight};
}
Policy tracking(std::vector<Track> tracks) {
    Policy policy;
    policy.tracks = std::move(tracks);
    return policy;
}
Policy serving(std::vector<ServerName> servers, ServicesRule rule = ServicesRule::All) {
    Policy policy;
    policy.servers = std::move(servers);
    policy.services = rule;
    return policy;
}
Facts knowing(std::map<CheckName, CheckFact> checks) {
    Facts facts;
    facts.checks = std::move(checks);
    return facts;
}
Facts with_pools(std::map<ServerName, PoolFact> pools) {
    Facts facts;
    facts.pools = std::move(pools);
    return facts;
}
PoolFact pool(std::size_t healthy, std::size_t configured, std::size_t quorum = 1) {
    return {.healthy = healthy, .configured = configured, .quorum = quorum};
}
Verdict ineligible(Reason reason, std::string detail = "") {
    return Ineligible{reason, std::move(detail)};
}
Verdict eligible(int adjustment = 0) {
    return Eligible{adjustment};
}

const CheckFact up{Health::Up, ""};
const CheckFact down{Health::Down, "connection refused"};
const CheckFact unknown{Health::Unknown, ""};

TEST(Eligibility, NothingRequiredIsEligible) {
    EXPECT_EQ(evaluate({}, {}), eligible());
}

TEST(Eligibility, AVerdictThatNobodyGaveIsNotEligible) {
    EXPECT_FALSE(is_eligible(Verdict{}));
    EXPECT_EQ(Verdict{}, ineligible(Reason::Starting));
}

TEST(Eligibility, ADrainIsReportedWithWhatWasDrained) {
    Facts facts;
    facts.drained = "this node";
    EXPECT_EQ(evaluate({}, facts), ineligible(Reason::Drained, "this node"));
}

TEST(Eligibility, AGoodRequiredCheckIsEligible) {
    EXPECT_EQ(evaluate(tracking({required(nginx)}), knowing({{nginx, up}})), eligible());
}

TEST(Eligibility, AFailedRequiredCheckIsReportedWithItsOwnReason) {
    EXPECT_EQ(evaluate(tracking({required(nginx)}), knowing({{nginx, down}})),
              ineligible(Reason::CheckFailed, "nginx: connection refused"));
}

TEST(Eligibility, AFailedCheckWithoutWordsIsReportedByItsName) {
    EXPECT_EQ(evaluate(tracking({required(nginx)}), knowing({{nginx, {Health::Down, ""}}})),
              ineligible(Reason::CheckFailed, "nginx"));
}

TEST(Eligibility, ACheckWithoutAVerdictIsNotHealthy) {
    EXPECT_EQ(evaluate(tracking({required(nginx)}), knowing({{nginx, unknown}})),
              ineligible(Reason::CheckUnknown, "nginx"));
}

TEST(Eligibility, ACheckThatNobodyKnowsIsNotHealthy) {
    EXPECT_EQ(evaluate(tracking({required(nginx)}), knowing({{uplink, up}})),
              ineligible(Reason::CheckUnknown, "nginx"));
}

TEST(Eligibility, ChecksAreReportedInTheOrderOfTheFile) {
    const Facts facts = knowing({{nginx, down}, {uplink, unknown}});
    EXPECT_EQ(evaluate(tracking({required(nginx), required(uplink)}), facts),
              ineligible(Reason::CheckFailed, "nginx: connection refused"));
    EXPECT_EQ(evaluate(tracking({required(uplink), required(nginx)}), facts),
              ineligible(Reason::CheckUnknown, "uplink"));
}

TEST(Eligibility, ABadCheckBehindAGoodOneCounts) {
    EXPECT_EQ(evaluate(tracking({required(nginx), required(uplink)}), knowing({{nginx, up}, {uplink, down}})),
              ineligible(Reason::CheckFailed, "uplink: connection refused"));
}

// ---- weights: keepalived's arithmetic

TEST(Eligibility, ANegativeWeightCountsWhileTheCheckFails) {
    EXPECT_EQ(evaluate(tracking({weighted(uplink, -20)}), knowing({{uplink, down}})), eligible(-20));
}

TEST(Eligibility, ANegativeWeightDoesNotCountWhileTheCheckIsGood) {
    EXPECT_EQ(evaluate(tracking({weighted(uplink, -20)}), knowing({{uplink, up}})), eligible());
}

TEST(Eligibility, APositiveWeightCountsWhileTheCheckIsGood) {
    EXPECT_EQ(evaluate(tracking({weighted(uplink, 30)}), knowing({{uplink, up}})), eligible(30));
}

TEST(Eligibility, APositiveWeightDoesNotCountWhileTheCheckFails) {
    EXPECT_EQ(evaluate(tracking({weighted(uplink, 30)}), knowing({{uplink, down}})), eligible());
}

TEST(Eligibility, AnUnknownCheckMovesNoPriority) {
    for (const int weight : {-20, 30}) {
        EXPECT_EQ(evaluate(tracking({weighted(uplink, weight)}), knowing({{uplink, unknown}})), eligible());
        EXPECT_EQ(evaluate(tracking({weighted(uplink, weight)}), {}), eligible());
    }
}

TEST(Eligibility, WeightsAddUp) {
    const Policy policy = tracking({weighted(uplink, -20), weighted(nginx, 30), weighted(CheckName{"disk"}, -5)});
    EXPECT_EQ(evaluate(policy, knowing({{uplink, down}, {nginx, up}, {CheckName{"disk"}, down}})), eligible(5));
}

TEST(Eligibility, AWeightedCheckIsNotRequired) {
    EXPECT_TRUE(is_eligible(evaluate(tracking({weighted(uplink, 30)}), knowing({{uplink, down}}))));
}

// ---- virtual servers

TEST(Eligibility, TheQuorumIsEnough) {
    EXPECT_EQ(evaluate(serving({http}), with_pools({{http, pool(2, 3, 2)}})), eligible());
}

TEST(Eligibility, BelowTheQuorumIsReportedWithNumbers) {
    EXPECT_EQ(evaluate(serving({http}), with_pools({{http, pool(1, 3, 2)}})),
              ineligible(Reason::BelowQuorum, "www-http: 1 of 3 real servers healthy, quorum 2"));
}

TEST(Eligibility, AVirtualServerThatNobodyKnowsIsBelowItsQuorum) {
    EXPECT_EQ(evaluate(serving({http}), {}),
              ineligible(Reason::BelowQuorum, "www-http: 0 of 0 real servers healthy, quorum 1"));
}

TEST(Eligibility, AllVirtualServersNeedTheirQuorum) {
    EXPECT_EQ(evaluate(serving({http, https}), with_pools({{http, pool(1, 1)}, {https, pool(0, 1)}})),
              ineligible(Reason::BelowQuorum, "www-https: 0 of 1 real servers healthy, quorum 1"));
}

TEST(Eligibility, WithAnyOneQuorumIsEnough) {
    for (const auto& pools : {std::map<ServerName, PoolFact>{{http, pool(1, 1)}, {https, pool(0, 1)}},
                              std::map<ServerName, PoolFact>{{http, pool(0, 1)}, {https, pool(1, 1)}}}) {
        EXPECT_EQ(evaluate(serving({http, https}, ServicesRule::Any), with_pools(pools)), eligible());
    }
}

TEST(Eligibility, WithAnyNoQuorumIsReportedByTheFirst) {
    EXPECT_EQ(
        evaluate(serving({http, https}, ServicesRule::Any), with_pools({{http, pool(0, 2)}, {https, pool(0, 1)}})),
        ineligible(Reason::BelowQuorum, "www-http: 0 of 2 real servers healthy, quorum 1"));
}

TEST(Eligibility, WithoutVirtualServersBothRulesAreEligible) {
    EXPECT_EQ(evaluate(serving({}, ServicesRule::Any), {}), eligible());
    EXPECT_EQ(evaluate(serving({}, ServicesRule::All), {}), eligible());
}

// ---- sessions

TEST(Eligibility, ASessionIsNeededOnlyWhereAskedFor) {
    Policy policy;
    EXPECT_EQ(evaluate(policy, {}), eligible());
    policy.needs_bgp_session = true;
    EXPECT_EQ(evaluate(policy, {}), ineligible(Reason::NoBgpSession));
    Facts facts;
    facts.established_sessions = 1;
    EXPECT_EQ(evaluate(policy, facts), eligible());
}

// ---- the first broken link, in the order in which an operator would look

TEST(Eligibility, ReasonsAreReportedDrainThenChecksThenServersThenSessions) {
    Policy policy = tracking({required(nginx)});
    policy.servers = {http};
    policy.needs_bgp_session = true;
    Facts facts = knowing({{nginx, down}});
    facts.drained = "this VIP";
    const auto reason = [&] { return std::get<Ineligible>(evaluate(policy, facts)).reason; };

    EXPECT_EQ(reason(), Reason::Drained);
    facts.drained.reset();
    EXPECT_EQ(reason(), Reason::CheckFailed);
    facts.checks[nginx] = up;
    EXPECT_EQ(reason(), Reason::BelowQuorum);
    facts.pools[http] = pool(1, 1);
    EXPECT_EQ(reason(), Reason::NoBgpSession);
    facts.established_sessions = 1;
    EXPECT_EQ(evaluate(policy, facts), eligible());
}

// ---- the words of log and status

TEST(Eligibility, VerdictsSpeakInSentences) {
    EXPECT_EQ(describe(Eligible{}), "Eligible");
    EXPECT_EQ(describe(Eligible{-20}), "Eligible, priority -20");
    EXPECT_EQ(describe(Eligible{30}), "Eligible, priority +30");
    EXPECT_EQ(describe(Ineligible{Reason::CheckFailed, "nginx: timeout"}), "Ineligible: check failed: nginx: timeout");
    EXPECT_EQ(describe(Ineligible{Reason::NoBgpSession, ""}), "Ineligible: no BGP session is Established");
}

}  // namespace
}  // namespace anyvip::vip
