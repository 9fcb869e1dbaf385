// Level A: what a limit is proved to be, against the solver, closed forms and wrong patterns.

#include "latetime/prove/limit_proof.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "dynamics/late_flows.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/experiment/limit_report.hpp"

namespace latetime {
namespace {

using namespace testing_support;

/// Of the doubles of a solver, relative: of some tens of roundings amplified by the condition of
/// the equations.
constexpr double solver_rounding = 1e-9;

struct Solved {
  TestProblem problem;
  Limit limit;
  LimitPattern pattern;
};

Solved solved(TestProblem problem, std::uint64_t steps = 3000) {
  LateFlow flow(flow_problem(problem), exact_start(problem, steps), {});
  Limit limit = follow_to_limit(flow);
  LimitPattern pattern{limit.verdicts, limit.support};
  return {std::move(problem), std::move(limit), std::move(pattern)};
}

TestProblem gaussian(Eigen::Index n, Eigen::Index d, Eigen::Index width, double slope,
                     std::uint64_t seed) {
  Dataset data = gaussian_mixture(n, d, 0.5 / std::sqrt(static_cast<double>(d)), 1.0, seed);
  return problem_on("gaussian", std::move(data), width, slope, 1e-2);
}

Proof<LimitTheorem> prove(const Solved& run, const LimitPattern& pattern) {
  return prove_limit(run.problem, pattern);
}

/// How far a double is outside, relative to `size`.
double beyond(const Enclosure& bounds, double value, double size) {
  return std::max({0.0, bounds.lower - value, value - bounds.upper}) / size;
}

TEST(LimitProof, HoldsWhatTheSolverFound) {
  int proved = 0;
  for (const double slope : {0.0, 0.1, 0.5}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const Solved run = solved(gaussian(8, 60, 6, slope, seed));
      ASSERT_EQ(run.limit.status, LimitStatus::found);
      const auto proof = prove(run, run.pattern);
      if (!is_proved(proof)) {
        EXPECT_FALSE(std::get<NotProved>(proof).reason.empty());
        continue;
      }
      ++proved;
      const auto& theorem = std::get<LimitTheorem>(proof);
      const double largest = run.limit.multipliers.maxCoeff();
      for (std::size_t i = 0; i < theorem.multipliers.size(); ++i) {
        const auto at = static_cast<Eigen::Index>(i);
        const Enclosure& multiplier = theorem.multipliers[i];
        EXPECT_LE(beyond(multiplier, run.limit.multipliers[at], largest), solver_rounding);
        EXPECT_LE(multiplier.upper - multiplier.lower, 1e-15 * largest);
        EXPECT_LE(beyond(theorem.margins[i], run.limit.margins[at], 1.0), solver_rounding);
      }
      for (const SwitchingSlope& pair : theorem.switching) {
        EXPECT_LE(beyond(pair.slope, run.limit.slopes(pair.neuron, pair.sample), 1.0),
                  solver_rounding);
      }
      EXPECT_EQ(static_cast<Eigen::Index>(theorem.switching.size()),
                run.limit.count(PairVerdict::switches));
      EXPECT_LE(beyond(theorem.normalized_margin, run.limit.normalized_margin,
                       run.limit.normalized_margin),
                solver_rounding);
      const auto ranks = limit_stable_ranks(run.limit.coefficients, run.problem.data.x);
      for (std::size_t part = 0; part < 3; ++part) {
        ASSERT_TRUE(theorem.stable_ranks[part]);
        EXPECT_LE(beyond(*theorem.stable_ranks[part], ranks[part].value, 1.0), solver_rounding);
      }
    }
  }
  EXPECT_GE(proved, 10);
}

/// λ = 1/(q ‖x‖² (1 + γ²)) on orthogonal samples with leaky ReLU (docs/theory.md), where sums of
/// squares are exact.
TEST(LimitProof, OnOrthogonalDataHoldsTheClosedForm) {
  Dataset data = orthogonal_data(4, 7, 2.0);
  const Solved run = solved(problem_on("orthogonal", data, 6, 0.25, 0.05));
  const auto proof = prove(run, run.pattern);
  ASSERT_TRUE(is_proved(proof)) << std::get<NotProved>(proof).reason;
  const auto& theorem = std::get<LimitTheorem>(proof);
  const double rate = run.problem.learning_rate / (4.0 * 6.0);
  const long double lambda = 1.0L / (static_cast<long double>(rate) * 4.0L * 1.0625L);
  for (const Enclosure& multiplier : theorem.multipliers) {
    EXPECT_NEAR(multiplier.lower, static_cast<double>(lambda), 1e-14 * static_cast<double>(lambda));
    EXPECT_GE(multiplier.upper, multiplier.lower);
  }
  // V_{+1} is m equal rows: of rank one.
  EXPECT_EQ(theorem.stable_ranks[0]->lower, 1.0);
  EXPECT_EQ(theorem.stable_ranks[0]->upper, 1.0);
}

/// With the own-class signs as they are the limit is the only one: every change of one other
/// verdict, and of one sample's part in the support, makes a pattern that no limit lies on. (Other
/// own-class signs may have a limit of their own.)
TEST(LimitProof, ProvesNoOtherPattern) {
  for (const double slope : {0.0, 0.3}) {
    const Solved run = solved(gaussian(7, 50, 6, slope, 2));
    ASSERT_TRUE(is_proved(prove(run, run.pattern)));
    const FlowProblem problem = flow_problem(run.problem);
    for (std::size_t pair = 0; pair < run.pattern.verdicts.size(); ++pair) {
      for (const PairVerdict verdict : {PairVerdict::inactive, PairVerdict::active,
                                        PairVerdict::switches, PairVerdict::undecided}) {
        LimitPattern other = run.pattern;
        const auto sample = static_cast<Eigen::Index>(pair) % run.problem.data.size();
        const auto neuron = static_cast<Eigen::Index>(pair) / run.problem.data.size();
        const bool own = problem.own(problem.group_of(neuron), sample);
        const bool decides = verdict == PairVerdict::active || verdict == PairVerdict::inactive;
        if (verdict == other.verdicts[pair] || (own && decides)) continue;
        other.verdicts[pair] = verdict;
        const auto proof = prove(run, other);
        ASSERT_FALSE(is_proved(proof)) << "pair " << pair << " at slope " << slope;
        EXPECT_FALSE(std::get<NotProved>(proof).remedy.empty());
      }
    }
    for (std::size_t i = 0; i < run.pattern.support.size(); ++i) {
      LimitPattern other = run.pattern;
      other.support[i] = !other.support[i];
      EXPECT_FALSE(is_proved(prove(run, other))) << "sample " << i;
    }
  }
}

/// Multipliers scale as 1/η and 1/‖x‖²; V, slopes and ranks do not depend on η.
TEST(LimitProof, ScalesWithTheStepSize) {
  Solved run = solved(gaussian(6, 40, 4, 0.1, 5));
  const auto before = prove(run, run.pattern);
  run.problem.learning_rate *= 0.5;
  const auto after = prove(run, run.pattern);
  ASSERT_TRUE(is_proved(before) && is_proved(after));
  const auto& a = std::get<LimitTheorem>(before);
  const auto& b = std::get<LimitTheorem>(after);
  for (std::size_t i = 0; i < a.multipliers.size(); ++i) {
    EXPECT_TRUE(b.multipliers[i].holds(2.0 * a.multipliers[i].lower) ||
                b.multipliers[i].holds(2.0 * a.multipliers[i].upper));
  }
  EXPECT_NEAR(a.norm.lower, b.norm.lower, 1e-14 * a.norm.lower);
}

TEST(LimitProof, SaysWhyTwinsAreNotProved) {
  TestProblem problem = gaussian(6, 40, 4, 0.1, 5);
  problem.data.x.edit().row(1) = problem.data.x.row(0);
  problem.data.classes[1] = problem.data.classes[0];
  const Solved run = solved(std::move(problem));
  const auto proof = prove(run, run.pattern);
  ASSERT_FALSE(is_proved(proof));
  EXPECT_NE(std::get<NotProved>(proof).reason.find("linearly"), std::string::npos)
      << std::get<NotProved>(proof).reason;
}

TEST(LimitProof, RefusesAPatternOfAnotherSize) {
  const Solved run = solved(gaussian(4, 20, 2, 0.1, 3));
  LimitPattern other = run.pattern;
  other.support.pop_back();
  EXPECT_THROW(prove(run, other), std::invalid_argument);
}

}  // namespace
}  // namespace latetime
