// The parts that claims are made of.

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/theory/hypotheses.hpp"
#include "latetime/theory/rates.hpp"
#include "theory/runs.hpp"

namespace latetime {
namespace {

using namespace testing_support;
using testing::HasSubstr;

TEST(Range, KeepsBothEndsAndTheirPlaces) {
  Range range;
  range.add(2.0, {.sample = 0});
  range.add(-1.0, {.sample = 1});
  range.add(5.0, {.sample = 2});
  EXPECT_EQ(range.least.value, -1.0);
  EXPECT_EQ(range.least.at.sample, 1);
  EXPECT_EQ(range.most.at.sample, 2);
  Range both;
  both.add(range);
  EXPECT_EQ(both.count, 3u);
  both.add(std::nan(""), {.sample = 3});
  EXPECT_TRUE(std::isnan(both.least.value) && std::isnan(both.most.value));
}

TEST(Claim, VerdictFollowsFromHypothesesAndFinding) {
  Claim claim;
  EXPECT_EQ(judge(claim, Finding::holds()).verdict, ClaimVerdict::holds);
  EXPECT_EQ(judge(claim, Finding::fails("x")).verdict, ClaimVerdict::fails);
  EXPECT_EQ(judge(claim, Finding::undecided("x")).verdict, ClaimVerdict::undecided);
  claim.hypotheses = {{.name = "a", .met = true}, {.name = "b", .met = false}};
  EXPECT_EQ(judge(claim, Finding::holds()).verdict, ClaimVerdict::hypothesis_unmet);
  EXPECT_EQ(judge(claim, Finding::holds()).finding.seen, Finding::Seen::holds);
}

TEST(Claim, LargestConstantIsTheLeastOfThoseThatAreThere) {
  Claim claim;
  EXPECT_TRUE(std::isnan(claim.largest_constant()));
  claim.hypotheses = {{.name = "one class"}};
  EXPECT_TRUE(std::isnan(claim.largest_constant()));
  claim.hypotheses.push_back(
      {.name = "orthogonal", .largest_constant = std::numeric_limits<double>::infinity()});
  EXPECT_EQ(claim.largest_constant(), std::numeric_limits<double>::infinity());
  claim.hypotheses.insert(claim.hypotheses.begin(), {.name = "width", .largest_constant = 3.0});
  claim.hypotheses.push_back({.name = "small", .largest_constant = 0.25});
  EXPECT_EQ(claim.largest_constant(), 0.25);
}

TEST(Claim, IsNamedByItsNumberOrItsPlace) {
  Claim claim;
  claim.id = "5.4";
  claim.place = "Lemma 5.4 = B.1";
  EXPECT_TRUE(claim_is_named(claim, "5.4"));
  EXPECT_TRUE(claim_is_named(claim, "B.1"));
  EXPECT_FALSE(claim_is_named(claim, "5"));
  EXPECT_FALSE(claim_is_named(claim, "B"));
  EXPECT_FALSE(claim_is_named(claim, ""));
  claim.id = "4.1.2";
  claim.place = "Theorem 4.1, part 2";
  EXPECT_TRUE(claim_is_named(claim, "4.1"));
}

TEST(LateFit, RecoversItsOwnForm) {
  std::vector<Sample> samples;
  for (double theta = 10.0; theta < 5000.0; theta *= 1.4) {
    samples.push_back({theta, 3.0 - 2.0 / theta + 7.0 / (theta * theta)});
  }
  const LateFit fit = fit_limit(samples);
  ASSERT_TRUE(fit.known);
  EXPECT_NEAR(fit.limit, 3.0, 1e-12);
  EXPECT_NEAR(fit.slope, -2.0, 1e-8);
  EXPECT_LT(fit.residual, 1e-13);
  EXPECT_FALSE(fit_limit(std::span(samples).last(3)).known);
}

// Largest constants, by hand: n = 4, m = 8, R = 2, p = 0.08, η = 0.5, σ0 = 0.01, δ = 0.05.
TEST(Hypotheses, LargestConstants) {
  const ClaimSetting s = setting_on(near_orthogonal_data(4, 10, 2.0, 0.08, 1), 8, 0.5, 0.01, 0.5);
  EXPECT_NEAR(near_orthogonality(s, false).largest_constant, 4.0 / (4 * 0.08), 1e-9);
  EXPECT_NEAR(near_orthogonality(s, true).largest_constant, 4.0 / (4 * 0.08) / 16, 1e-9);
  EXPECT_NEAR(small_learning_rate(s, true).largest_constant, 4 * 8 / (0.5 * 4), 1e-9);
  const double size = 0.01 * 2 * std::sqrt(std::log(4 * 8 / 0.05));
  EXPECT_NEAR(small_initial_weights(s, false).largest_constant, 1 / size, 1e-9);
  EXPECT_NEAR(small_initial_weights(s, true).largest_constant, 0.5 / size, 1e-9);
  EXPECT_NEAR(large_width(s).largest_constant, 8 / std::log(4 / 0.05), 1e-9);
  EXPECT_TRUE(near_orthogonality(s, false).met);
  EXPECT_FALSE(near_orthogonality(s, true).met);
}

TEST(Hypotheses, TheEventOfA1IsBothItsHalves) {
  const ClaimSetting setting = setting_on(orthogonal_data(4, 30, 1.0), 20, 0.1, 1e-3);
  const InitialEvents events = initial_events(setting);
  ASSERT_TRUE(events.inner_holds());
  ASSERT_FALSE(events.norms_hold());  // d = 30 is small: |w0|^2 strays from sigma0^2 d
  const RunTrace run{.setting = setting};
  const auto claim = begin_leaky(run, {"x", "", "", ""});
  const auto found = std::find_if(claim.hypotheses.begin(), claim.hypotheses.end(),
                                  [](const auto& h) { return h.name == "initial weights (A.1)"; });
  ASSERT_NE(found, claim.hypotheses.end());
  EXPECT_FALSE(found->met);
  EXPECT_THAT(found->detail, testing::HasSubstr("A.1 says 0.5 to 1.5"));
}

TEST(Hypotheses, SlowASmallerCOfTheConditionsLeavesConclusionsAlone) {
  Dataset data = orthogonal_data(10, 1000, 1.0);
  const NetworkShape shape{.groups = 2, .width = 200, .dim = 1000, .slope = 0.0};
  for (const double large : {1.0, 10.0}) {
    const ClaimSetting setting({data, gaussian_network(shape, 1e-3, 1), 0.1},
                               ClaimDescent::gradient_descent, 1e-3, {.large = large});
    const Claim claim = claim_of(observe(setting, 30.0, 1e6), "4.3.1");
    EXPECT_EQ(claim.verdict, ClaimVerdict::holds) << large << claim.finding.reason;
  }
}

TEST(InitialEvents, CountWhatTheLemmasSay) {
  const ClaimSetting s = setting_on(gaussian_mixture(6, 300, 0.01, 1.0, 2), 400, 0.1, 1e-2);
  const InitialEvents events = initial_events(s);
  EXPECT_TRUE(events.norms_hold());
  EXPECT_TRUE(events.inner_holds());
  EXPECT_TRUE(events.active_holds());
  double largest = 0.0;
  for (Eigen::Index k = 0; k < s.neurons(); ++k) {
    largest = std::max(largest, s.problem.initial.weights.row(k).squaredNorm() / (1e-4 * 300));
  }
  EXPECT_DOUBLE_EQ(events.squared_norms.most.value, largest);
}

TEST(Balance, RatiosByHand) {
  const ClaimSetting s = setting_on(orthogonal_data(2, 3, 1.0), 2, 0.1, 1e-3);
  Matrix rho(4, 2);
  rho << 4.0, -1.0, 2.0, -2.0, -1.0, 8.0, -1.0, 8.0;
  const BalanceAccount account = balance_of(s, rho, {.time = LogTime(7)});
  EXPECT_DOUBLE_EQ(account.across.least.value, 2.0 / 16.0);
  EXPECT_DOUBLE_EQ(account.within.least.value, 2.0 / 16.0);
  EXPECT_DOUBLE_EQ(account.within.most.value, 3.0 / 6.0);
  EXPECT_DOUBLE_EQ(account.neuronwise.least.value, 1.0 / 8.0);
  EXPECT_THAT(describe(account.across.least.at, 2),
              HasSubstr("class -1, sample 0 against sample 1"));
  const Range spread = spread_of(s, rho, {});
  EXPECT_DOUBLE_EQ(spread.most.value, 2.0);
  EXPECT_EQ(describe(spread.most.at, 2), "neuron +1:0, sample 0 against neuron +1:1");
}

TEST(Norms, OfCoefficientsAreThoseOfTheirMatrix) {
  const ClaimSetting s = setting_on(gaussian_mixture(5, 8, 0.1, 1.0, 3), 4, 0.1, 1e-3);
  const Matrix c = preactivations(s.problem.initial.weights, s.problem.data.x);  // any numbers
  const Matrix full = c * s.problem.data.x;
  const MatrixNorms norms = matrix_norms(s, c);
  EXPECT_NEAR(norms.frobenius, full.norm(), 1e-12 * full.norm());
  EXPECT_NEAR(norms.spectral, singular_values(full)[0], 1e-12 * full.norm());
  EXPECT_NEAR(rank_of_coefficients(s, c).value, stable_rank(singular_values(full)).value, 1e-10);
}

}  // namespace
}  // namespace latetime
