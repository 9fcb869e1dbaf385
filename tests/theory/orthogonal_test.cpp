// What the claims say on orthogonal data, where the answers are known: n = 10, d = 1000, m = 200.

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "theory/runs.hpp"

namespace latetime {
namespace {

using namespace testing_support;

const ClaimSetting& setting(double slope) {
  static const ClaimSetting leaky = setting_on(orthogonal_data(10, 1000, 1.0), 200, 0.1, 1e-3);
  static const ClaimSetting relu = setting_on(orthogonal_data(10, 1000, 1.0), 200, 0.0, 1e-3);
  return slope > 0.0 ? leaky : relu;
}

const RunTrace& run(double slope) {
  static const RunTrace leaky = observe(setting(0.1), 100.0);
  static const RunTrace relu = observe(setting(0.0), 100.0);
  return slope > 0.0 ? leaky : relu;
}

class OnOrthogonalData : public testing::TestWithParam<double> {};
INSTANTIATE_TEST_SUITE_P(Slopes, OnOrthogonalData, testing::Values(0.0, 0.1));

TEST_P(OnOrthogonalData, EveryClaimWithItsHypothesesMetHolds) {
  std::set<std::string> unmet;
  for (const Claim& claim : check_claims(run(GetParam()))) {
    if (!claim.applies) continue;
    if (claim.hypotheses_met()) {
      EXPECT_EQ(word_of(claim.verdict), "Holds") << claim.id << ": " << claim.finding.reason;
    } else {
      unmet.insert(claim.id);
      EXPECT_EQ(word_of(claim.verdict), "HypothesisUnmet") << claim.id;
    }
  }
  // A.2 asks for m ≥ 50 log(2n/δ) = 300; E.2's right side is 0 for p = 0; L.1 is on other data.
  const std::set<std::string> expected =
      GetParam() == 0.0 ? std::set<std::string>{"A.2", "E.2"} : std::set<std::string>{"A.2", "L.1"};
  EXPECT_EQ(unmet, expected);
}

TEST_P(OnOrthogonalData, LossExponentIsOneAtTenToTheThousand) {
  // −Δ log L / Δ log t around t = 10^1000, from the flow's own losses.
  const auto& snapshots = run(GetParam()).snapshots;
  double before = -1.0, exponent = 0.0;
  for (std::size_t at = 1; at < snapshots.size(); ++at) {
    if (snapshots[at].time.log10() < 1000.0) continue;
    before = snapshots[at - 1].time.log10();
    exponent = (snapshots[at - 1].log_loss - snapshots[at].log_loss) /
               (snapshots[at].log_time() - snapshots[at - 1].log_time());
    break;
  }
  EXPECT_GT(before, 100.0);
  EXPECT_NEAR(exponent, 1.0, 1e-6);
  const Claim claim = claim_of(run(GetParam()), GetParam() > 0.0 ? "4.1.3" : "4.3.2");
  EXPECT_EQ(claim.constant, 0.0);
}

TEST(OrthogonalLeaky, StableRankFallsLikeOneOverLogSquared) {
  const Claim claim = claim_of(run(0.1), "4.1.2");
  ASSERT_EQ(claim.verdict, ClaimVerdict::holds);
  // By Pythagoras: (SR − 1) log² t tends to the squared norm of what is not parallel over that of
  // V's top singular vector. Both are found from W⁰ and the limit alone.
  const RunTrace& trace = run(0.1);
  for (int g = 0; g < 2; ++g) {
    const auto index = static_cast<std::size_t>(g);
    const Snapshot& last = trace.snapshots.back();
    const Snapshot& before = trace.snapshots[trace.snapshots.size() - 2];
    const double now = last.stable_ranks[index].excess * std::pow(last.log_time(), 2);
    const double then = before.stable_ranks[index].excess * std::pow(before.log_time(), 2);
    EXPECT_GT(now, 0.0);
    EXPECT_NEAR(now / then, 1.0, 1e-3);
  }
}

TEST(OrthogonalRelu, LimitsOfCoefficientsAndStableRanks) {
  const RunTrace& trace = run(0.0);
  ASSERT_TRUE(trace.sure_limit());
  const Claim patterns = claim_of(trace, "F.2"), ranks = claim_of(trace, "F.3");
  int limits = 0;
  for (const Claim* claim : {&patterns, &ranks}) {
    for (const Measured& measured : claim->measured) {
      if (measured.quantity.find("lim") == std::string::npos &&
          measured.quantity.find("last two") == std::string::npos) {
        continue;
      }
      ++limits;
      EXPECT_LE(measured.range.most.value, 1e-8) << measured.quantity;
    }
  }
  EXPECT_EQ(limits, 4);
  // The closed form itself: ρ̄ / log t → m/|S_i|.
  const ClaimSetting& s = trace.setting;
  for (Eigen::Index k = 0; k < s.neurons(); ++k) {
    for (Eigen::Index i = 0; i < s.n(); ++i) {
      const double expected = s.active0(k, i) ? 200.0 / s.active0_count[i] : 0.0;
      EXPECT_NEAR(trace.limit->coefficients(k, i), expected, 1e-8);
    }
  }
}

// Measured stable ranks of a wrong matrix, the rest of the run as it is.
TEST(Mutations, StableRankOfTheWrongMatrix) {
  for (const double slope : {0.0, 0.1}) {
    RunTrace wrong = run(slope);
    for (Snapshot& snapshot : wrong.snapshots) {
      snapshot.stable_ranks[0] = snapshot.stable_ranks[1] = snapshot.stable_ranks[2];
    }
    const Claim claim = claim_of(wrong, slope > 0.0 ? "4.1.2" : "F.3");
    EXPECT_EQ(word_of(claim.verdict), "Fails") << claim.id << claim.finding.reason;
  }
  RunTrace transposed = run(0.1);
  for (Snapshot& snapshot : transposed.snapshots) {
    const Matrix wrong =
        snapshot.preactivations.topRows(200) * snapshot.preactivations.bottomRows(200).transpose();
    snapshot.stable_ranks[0] =
        stable_rank(singular_values(Matrix(wrong + Matrix::Identity(200, 200))));
    snapshot.stable_ranks[0].excess += 0.5;
  }
  EXPECT_EQ(claim_of(transposed, "C.3").verdict, ClaimVerdict::fails);
}

// Losses that fall too slowly, and weights that go elsewhere than the limit says.
TEST(Mutations, LossesAndCoefficients) {
  RunTrace slow = run(0.1);
  for (Snapshot& snapshot : slow.snapshots) snapshot.log_loss *= 0.999;
  EXPECT_EQ(claim_of(slow, "4.1.3").verdict, ClaimVerdict::fails);
  RunTrace scaled = run(0.1);
  for (Snapshot& snapshot : scaled.snapshots) snapshot.coefficients *= 1.001;
  EXPECT_EQ(claim_of(scaled, "4.1.1").verdict, ClaimVerdict::fails);
  EXPECT_EQ(claim_of(scaled, "5.1").verdict, ClaimVerdict::fails);
  RunTrace uneven = run(0.1);
  for (Snapshot& snapshot : uneven.snapshots) snapshot.coefficients.row(3) *= 1.001;
  EXPECT_EQ(claim_of(uneven, "5.7").verdict, ClaimVerdict::fails);
  RunTrace heavy = run(0.0);
  for (Snapshot& snapshot : heavy.snapshots) snapshot.log_loss += 1e6;
  EXPECT_EQ(claim_of(heavy, "G.1").verdict, ClaimVerdict::fails);
  RunTrace moved = run(0.0);
  for (Snapshot& snapshot : moved.snapshots) snapshot.preactivations *= -1.0;
  EXPECT_EQ(claim_of(moved, "5.8").verdict, ClaimVerdict::fails);
  EXPECT_EQ(claim_of(moved, "F.2").verdict, ClaimVerdict::fails);
}

// One conclusion at a time is broken, of claims that nothing above breaks.
TEST(Mutations, RanksRatesAndSequences) {
  RunTrace spread_out = run(0.0);
  for (Snapshot& snapshot : spread_out.snapshots) snapshot.stable_ranks[1].value += 1e3;
  EXPECT_EQ(claim_of(spread_out, "4.3.1").verdict, ClaimVerdict::fails);

  RunTrace limit_of_one_neuron_a_sample = run(0.0);  // then every sample has a direction of its own
  Matrix& limit = limit_of_one_neuron_a_sample.limit->coefficients;
  limit.setZero();
  const ClaimSetting& relu = setting(0.0);
  for (Eigen::Index i = 0; i < relu.n(); ++i) {
    limit(relu.problem.data.classes[static_cast<std::size_t>(i)] * relu.width() + i, i) = 1.0;
  }
  const Claim bounded = claim_of(limit_of_one_neuron_a_sample, "4.3.1");
  EXPECT_EQ(bounded.verdict, ClaimVerdict::holds);  // min(n_+, n_-) is a constant, too
  EXPECT_NEAR(bounded.constant, 5.0, 1e-9);

  RunTrace slow = run(0.0);
  for (Snapshot& snapshot : slow.snapshots) snapshot.log_loss *= 0.99;
  EXPECT_EQ(claim_of(slow, "4.3.2").verdict, ClaimVerdict::fails);

  RunTrace late = run(0.1);  // a loss that is e^10000 times what it is
  for (Snapshot& snapshot : late.snapshots) snapshot.log_loss += 1e4;
  EXPECT_EQ(claim_of(late, "D.2").verdict, ClaimVerdict::fails);
  RunTrace slower = run(0.1);  // and one that falls like t^-1/2
  for (Snapshot& snapshot : slower.snapshots) snapshot.log_loss *= 0.5;
  EXPECT_EQ(claim_of(slower, "D.2").verdict, ClaimVerdict::fails);

  for (const double slope : {0.0, 0.1}) {
    RunTrace above = run(slope), below = run(slope);
    above.steps.sequences.above.add(1e-6, {.time = 7});
    EXPECT_EQ(claim_of(above, "5.3").verdict, ClaimVerdict::fails);
    below.steps.sequences.below.add(1e-6, {.time = 7});
    EXPECT_EQ(claim_of(below, "5.3").verdict, ClaimVerdict::fails);

    RunTrace back = run(slope);  // times that go back, along which the quotient falls
    ASSERT_GT(back.snapshots.size(), 3u);
    std::reverse(back.snapshots.begin(), back.snapshots.end());
    EXPECT_EQ(claim_of(back, "H.4").verdict, ClaimVerdict::fails);
  }
}

// No claim about all times is made without its limit, and no claim at all without a trace.
TEST(OrthogonalRelu, NothingAboutInfinityWithoutALimit) {
  for (const double slope : {0.0, 0.1}) {
    RunTrace short_run = run(slope);
    short_run.limit.reset();
    short_run.limit_problem = "left out";
    for (const Claim& claim : check_claims(short_run)) {
      if (!claim.applies || claim.id[0] == 'A' || claim.id[0] == 'H') continue;
      if (claim.id == "5.1" || claim.id == "5.2" || claim.id == "5.3" || claim.id == "B.2" ||
          claim.id == "B.5-B.7" || claim.id == "E.5-E.7") {
        continue;  // of one step, of the start, or of early times
      }
      EXPECT_NE(word_of(claim.verdict), "Holds") << claim.id;
      EXPECT_FALSE(claim.finding.reason.empty()) << claim.id;
    }
    const RunTrace nothing{.setting = run(slope).setting};
    for (const Claim& claim : check_claims(nothing)) {
      if (claim.id[0] == 'A' || claim.id == "B.5-B.7" || claim.id == "E.5-E.7") continue;
      EXPECT_NE(word_of(claim.verdict), "Holds") << claim.id;
      EXPECT_NE(word_of(claim.verdict), "Fails") << claim.id;
    }
  }
}

}  // namespace
}  // namespace latetime
