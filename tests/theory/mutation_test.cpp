// Engines that are wrong, looked at step by step: each must make a claim read Fails.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "theory/runs.hpp"

namespace latetime {
namespace {

using namespace testing_support;

/// The mutated run's verdict on a claim; the same run without the mutation must not fail it.
std::string verdict_of(const ClaimSetting& setting, Mutation mutation, const std::string& id) {
  EXPECT_NE(word_of(claim_of(PlainRun(setting, Mutation::none).trace(40), id).verdict), "Fails");
  return word_of(claim_of(PlainRun(setting, mutation).trace(40), id).verdict);
}

ClaimSetting near_orthogonal(double slope, double init_std) {
  return setting_on(near_orthogonal_data(6, 40, 1.0, 0.005, 1), 12, slope, init_std);
}

TEST(Mutations, CoefficientsThatAreNotThoseOfTheRecordedNorm) {
  const ClaimSetting setting = setting_on(orthogonal_data(6, 60, 1.0), 20, 0.1, 1e-3);
  RunTrace run = observe(setting, 20.0);
  for (Snapshot& snapshot : run.snapshots) {  // as of a stored run
    Matrix weights =
        setting.problem.initial.weights + snapshot.coefficients * setting.problem.data.x;
    snapshot.norm_w = weights.norm();
    snapshot.derived = true;
  }
  EXPECT_EQ(claim_of(run, "5.1").verdict, ClaimVerdict::holds);
  Snapshot& late = run.snapshots[run.snapshots.size() / 2];
  late.coefficients(3, 2) *= 3.0;
  const Claim claim = claim_of(run, "5.1");
  EXPECT_EQ(claim.verdict, ClaimVerdict::fails);
  late.coefficients(3, 2) *= -1.0 / 3.0;
  EXPECT_EQ(claim_of(run, "5.1").verdict, ClaimVerdict::fails);
}

// Norms that differ by a factor of 200: a pair that the flow takes over within three steps of zero
// and holds there on average has, by a part of such a step, a coefficient beyond zero.
TEST(Mutations, MeansOverHopsAreNoWrongSigns) {
  Dataset data = near_orthogonal_data(3, 60, 1.0, 1e-9, 3);
  data.x.edit().row(0) *= 200.0;
  const ClaimSetting setting = setting_on(data, 40, 0.0, 1e-6, 3e-5);
  RunTrace run = observe(setting, 30.0, 1e5);
  double beyond = 0.0;
  for (const Snapshot& snapshot : run.snapshots) {
    for (Eigen::Index k = 0; k < setting.neurons(); ++k) {
      for (Eigen::Index i = 0; i < setting.n(); ++i) {
        const double rho = snapshot.coefficients(k, i) * setting.squared_norms[i];
        if (!setting.own(k, i)) beyond = std::max(beyond, rho);
      }
    }
  }
  ASSERT_GT(beyond, 1e-7);
  EXPECT_EQ(claim_of(run, "5.1").verdict, ClaimVerdict::holds);
  run.snapshots.back().coefficients(0, 1) = 1e-3 / setting.squared_norms[1];
  EXPECT_EQ(claim_of(run, "5.1").verdict, ClaimVerdict::fails);
}

TEST(Mutations, OwnClassCoefficientsThatStayBehindBreakE2) {
  const ClaimSetting setting = setting_on(orthogonal_data(6, 60, 1.0), 20, 0.0, 1e-3);
  RunTrace run = observe(setting, 20.0);
  ASSERT_TRUE(run.sure_limit());
  Matrix& limit = run.limit->coefficients;
  constexpr Eigen::Index k = 0;
  for (Eigen::Index i = 0; i < setting.n(); ++i) {
    if (setting.active0(k, i)) limit(k, i) = 0.0;
    if (!setting.own(k, i)) limit(k, i) = -0.1;
  }
  const Claim claim = claim_of(run, "E.2");
  EXPECT_EQ(claim.finding.seen, Finding::Seen::fails) << claim.finding.reason;
  EXPECT_FALSE(std::isfinite(claim.constant));
}

TEST(Mutations, NoneIsSeenWhereThereIsNone) {
  for (const double slope : {0.0, 0.3}) {
    const RunTrace run = PlainRun(near_orthogonal(slope, 1e-3), Mutation::none).trace(40);
    for (const Claim& claim : check_claims(run)) {
      EXPECT_NE(claim.verdict, ClaimVerdict::fails) << claim.id << ": " << claim.finding.reason;
    }
    EXPECT_EQ(claim_of(run, "5.1").verdict, ClaimVerdict::holds);
    EXPECT_EQ(claim_of(run, "5.2").verdict, ClaimVerdict::holds);
  }
}

// Weights that are zero at the start have z = 0 on every sample: there σ'(0) decides.
TEST(Mutations, DerivativeAtZero) {
  for (const double slope : {0.0, 0.3}) {
    EXPECT_EQ(verdict_of(near_orthogonal(slope, 0.0), Mutation::derivative_at_zero, "5.2"),
              "Fails");
  }
  // The largest deviation is the whole step, 1 − slope of it, at the first step.
  const ClaimSetting setting = near_orthogonal(0.3, 0.0);
  const Claim claim = claim_of(PlainRun(setting, Mutation::derivative_at_zero).trace(40), "5.2");
  EXPECT_NEAR(claim.measured.at(0).range.most.value, 0.7, 1e-6);
  EXPECT_EQ(*claim.measured.at(0).range.most.at.time, LogTime(1));
}

TEST(Mutations, SignOfTheCoefficients) {
  const ClaimSetting setting = near_orthogonal(0.3, 1e-3);
  EXPECT_EQ(verdict_of(setting, Mutation::sign_of_coefficients, "5.1"), "Fails");
  EXPECT_EQ(verdict_of(setting, Mutation::sign_of_coefficients, "5.2"), "Fails");
}

TEST(Mutations, SignOfTheUpdate) {
  const ClaimSetting setting = near_orthogonal(0.3, 1e-3);
  EXPECT_EQ(verdict_of(setting, Mutation::sign_of_update, "5.1"), "Fails");
  EXPECT_EQ(verdict_of(setting, Mutation::sign_of_update, "5.2"), "Fails");
}

TEST(Mutations, FlippedActivation) {
  EXPECT_EQ(verdict_of(near_orthogonal(0.3, 1e-3), Mutation::flipped_activation, "5.2"), "Fails");
}

TEST(Mutations, AnActivationThatIsLost) {
  const ClaimSetting setting =
      setting_on(near_orthogonal_data(6, 40, 1.0, 0.001, 1), 120, 0.0, 1e-3);
  RunTrace run{.setting = setting};
  StepWatch watch(setting);
  const Matrix none = Matrix::Zero(setting.neurons(), setting.n());
  watch.look(0, none, setting.initial_z);
  Matrix z = setting.initial_z;
  Eigen::Index k = 0;
  while (!setting.active0(k, 2)) ++k;
  z(k, 2) = -1e-9;
  watch.look(1, none, z);
  run.steps = watch.account();
  const Claim claim = claim_of(run, "5.8");
  EXPECT_EQ(word_of(claim.finding.seen), "fails");
  EXPECT_THAT(claim.finding.reason, testing::HasSubstr("sample 2, step 1"));
  EXPECT_EQ(run.steps.lost, 1u);
  EXPECT_EQ(run.steps.switches, 1u);
  EXPECT_EQ(run.steps.last_own_switch, 1u);
}

}  // namespace
}  // namespace latetime
