#include "latetime/optimize/box_qp.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/optimize/active_set.hpp"
#include "optimize/problems.hpp"
#include "support/sanitized.hpp"

namespace latetime {
namespace {

using test::Dense;

/// Rounding of a gradient of n terms, a few times over.
double rounding(Eigen::Index n) {
  return 8.0 * static_cast<double>(n + 4) * 0x1p-52;
}

struct Problem {
  Dense a;
  Vector b, lower, upper;
};

Problem random_problem(std::mt19937_64& random, int n, bool singular) {
  const int d = std::uniform_int_distribution<int>(1, n + 2)(random);
  const Dense x =
      singular ? test::dependent_samples(random, n, d) : test::gaussian_matrix(random, n, n + 2);
  Problem problem{x * x.transpose(), Vector(n), Vector(n), Vector(n)};
  std::uniform_int_distribution<int> integer(-4, 4);
  for (int i = 0; i < n; ++i) {
    problem.b[i] = integer(random);
    problem.lower[i] = 0.25 * integer(random);
    problem.upper[i] = problem.lower[i] + 0.25 * (integer(random) + 4);  // sometimes equal
  }
  return problem;
}

BoxQpResult solve(const Problem& p, std::span<const BoundState> start = {}) {
  return solve_box_qp(p.a, p.b, p.lower, p.upper, start);
}

/// Without exchanges, so that the part that is sure to end is tested on its own.
ActiveSetSolution descend(const Problem& p, std::span<const BoundState> start = {}) {
  const Eigen::Ref<const Dense> a(p.a);
  const Eigen::Ref<const Vector> b(p.b), lower(p.lower), upper(p.upper);
  const ActiveSetProblem problem{a, b, lower, upper, "test"};
  return ActiveSet(problem).solve(start, 0);
}

double kkt_violation(const Problem& p, const Vector& x) {
  return test::kkt_violation(p.a, p.b, p.lower, p.upper, x);
}

/// The size of the terms of the objective, for relative comparisons.
double objective_scale(const Problem& p, const Vector& x) {
  return x.cwiseAbs().dot(test::magnitude(p.a, p.b, x)) + p.b.cwiseAbs().dot(x.cwiseAbs());
}

void expect_states_fit(const Problem& p, const BoxQpResult& result) {
  for (Eigen::Index i = 0; i < p.b.size(); ++i) {
    const BoundState state = result.state[static_cast<std::size_t>(i)];
    const double x = result.x[i];
    EXPECT_TRUE(state != BoundState::lower || x == p.lower[i]);
    EXPECT_TRUE(state != BoundState::upper || x == p.upper[i]);
    EXPECT_EQ(state == BoundState::free, x > p.lower[i] && x < p.upper[i]);
  }
}

class BoxQpSmall : public testing::TestWithParam<bool> {};

TEST_P(BoxQpSmall, FindsTheMinimumOverAllActiveSets) {
  std::mt19937_64 random(11);
  for (int trial = 0; trial < testing_support::fewer_if_sanitized(6000); ++trial) {
    SCOPED_TRACE(trial);
    const int n = 1 + trial % 6;
    const Problem p = random_problem(random, n, GetParam());
    const BoxQpResult result = solve(p);
    ASSERT_TRUE(result.solved);
    ASSERT_LE(kkt_violation(p, result.x), rounding(n));
    expect_states_fit(p, result);
    // Brute force accepts points 1e-9 outside the box before it clamps them.
    const double least = test::brute_force_minimum(p.a, p.b, p.lower, p.upper);
    const double scale = objective_scale(p, result.x);
    ASSERT_NEAR(test::objective(p.a, p.b, result.x), least, 1e-12 * scale + 1e-14);
    const Vector image_error = result.gradient - (p.a * result.x - p.b);
    ASSERT_LE(image_error.cwiseAbs().maxCoeff(),
              rounding(n) * test::magnitude(p.a, p.b, result.x).maxCoeff());
  }
}

TEST_P(BoxQpSmall, DescentAloneAgreesWithExchanges) {
  std::mt19937_64 random(12);
  std::uniform_int_distribution<int> any_state(0, 2);
  for (int trial = 0; trial < 6000; ++trial) {
    SCOPED_TRACE(trial);
    const int n = 1 + trial % 12;
    const Problem p = random_problem(random, n, GetParam());
    std::vector<BoundState> start(static_cast<std::size_t>(n));
    for (BoundState& state : start) state = static_cast<BoundState>(any_state(random));
    const BoxQpResult result = solve(p);
    const ActiveSetSolution other = descend(p, start);
    ASSERT_TRUE(result.solved);
    ASSERT_TRUE(other.solved);
    ASSERT_LE(kkt_violation(p, other.x), rounding(n));
    const Vector size = test::magnitude(p.a, p.b, result.x);
    ASSERT_LE((result.gradient - other.gradient).cwiseAbs().maxCoeff(), 1e-11 * size.maxCoeff());
    ASSERT_NEAR(test::objective(p.a, p.b, result.x), test::objective(p.a, p.b, other.x),
                1e-13 * objective_scale(p, result.x));
  }
}

TEST_P(BoxQpSmall, WarmStartGivesTheSameSolution) {
  std::mt19937_64 random(13);
  std::uniform_int_distribution<int> any_state(0, 2);
  for (int trial = 0; trial < 2000; ++trial) {
    SCOPED_TRACE(trial);
    const int n = 1 + trial % 10;
    const Problem p = random_problem(random, n, GetParam());
    const BoxQpResult cold = solve(p);
    const BoxQpResult again = solve(p, cold.state);
    ASSERT_EQ(again.iterations, 1);
    ASSERT_TRUE(again.x == cold.x && again.state == cold.state);  // to the last bit
    std::vector<BoundState> start(static_cast<std::size_t>(n));
    for (BoundState& state : start) state = static_cast<BoundState>(any_state(random));
    const BoxQpResult warm = solve(p, start);
    ASSERT_TRUE(warm.solved);
    const Vector size = test::magnitude(p.a, p.b, cold.x);
    ASSERT_LE((warm.gradient - cold.gradient).cwiseAbs().maxCoeff(), 1e-11 * size.maxCoeff());
  }
}

INSTANTIATE_TEST_SUITE_P(Matrices, BoxQpSmall, testing::Bool(),
                         [](const auto& run) { return run.param ? "Singular" : "Regular"; });

TEST(BoxQp, ScalingEachVariableByAPowerOfTwoChangesNoBit) {
  std::mt19937_64 random(14);
  std::uniform_int_distribution<int> exponent(-300, 300);  // 2^300 ≈ 1e90, so A spans 1e±180
  for (int trial = 0; trial < 1000; ++trial) {
    SCOPED_TRACE(trial);
    const int n = 1 + trial % 8;
    const Problem p = random_problem(random, n, trial % 2 == 1);
    Vector d(n);
    for (double& entry : d) entry = std::ldexp(1.0, exponent(random));
    const Problem scaled{d.asDiagonal() * p.a * d.asDiagonal(), d.cwiseProduct(p.b),
                         p.lower.cwiseQuotient(d), p.upper.cwiseQuotient(d)};
    const BoxQpResult plain = solve(p);
    const BoxQpResult other = solve(scaled);
    ASSERT_EQ(plain.state, other.state);
    ASSERT_TRUE(other.x == plain.x.cwiseQuotient(d));
    ASSERT_TRUE(other.gradient == plain.gradient.cwiseProduct(d));
    ASSERT_EQ(plain.certificate.stationarity, other.certificate.stationarity);
  }
}

TEST(BoxQp, ScalingEverythingToTheEndsOfTheRange) {
  std::mt19937_64 random(15);
  for (const double unit : {1e-200, 1e-150, 1e150, 1e200}) {
    for (int trial = 0; trial < 100; ++trial) {
      const int n = 1 + trial % 6;
      Problem p = random_problem(random, n, trial % 2 == 1);
      p.a *= unit;
      p.b *= unit;
      const BoxQpResult result = solve(p);
      ASSERT_TRUE(result.solved);
      ASSERT_LE(kkt_violation(p, result.x), rounding(n));
      const Problem wide{p.a / unit, p.b, p.lower * unit, p.upper * unit};
      const BoxQpResult other = solve(wide);
      ASSERT_TRUE(other.solved);
      ASSERT_LE(kkt_violation(wide, other.x), rounding(n));
    }
  }
}

TEST(BoxQp, TinyIntervalsBesideOrdinaryOnes) {
  std::mt19937_64 random(16);
  for (int trial = 0; trial < 2000; ++trial) {
    SCOPED_TRACE(trial);
    const int n = 2 + trial % 6;
    Problem p = random_problem(random, n, trial % 2 == 1);
    std::uniform_int_distribution<int> exponent(-250, 0);
    for (int i = 0; i < n; i += 2) {
      const double unit = std::pow(10.0, exponent(random));
      p.lower[i] *= unit;
      p.upper[i] *= unit;
    }
    const BoxQpResult result = solve(p);
    ASSERT_TRUE(result.solved);
    ASSERT_LE(kkt_violation(p, result.x), rounding(n));
    expect_states_fit(p, result);
  }
}

TEST(BoxQp, UncoupledVariablesOfUnlikeSizesAreSolvedEach) {
  const Problem p{Vector{{4.0, 1e-200, 1e200, 1.0}}.asDiagonal(),
                  Vector{{4e-150, 1e-200, 1e200, -1}}, Vector{{0, 0, 0, -1e-190}},
                  Vector{{1e-149, 2, 0.5, 1e190}}};
  const BoxQpResult result = solve(p);
  ASSERT_TRUE(result.solved);
  EXPECT_DOUBLE_EQ(result.x[0], 1e-150);
  EXPECT_DOUBLE_EQ(result.x[1], 1);
  EXPECT_EQ(result.x[2], 0.5);
  EXPECT_EQ(result.x[3], -1e-190);
}

TEST(BoxQp, AGradientJustBeyondRoundingIsFollowed) {
  const double excess = 0x1p-40;  // 1e-12 of the terms it is the difference of
  const Problem p{Dense{{1, 0.5}, {0.5, 1}}, Vector{{0.5 + excess, 9}}, Vector{{0, 0}},
                  Vector{{1, 1}}};
  for (const BoundState start : {BoundState::lower, BoundState::free, BoundState::upper}) {
    const BoxQpResult result = solve(p, std::vector{start, BoundState::upper});
    ASSERT_TRUE(result.solved);
    EXPECT_EQ(result.x[0], excess);
    EXPECT_EQ(descend(p, std::vector{start, BoundState::upper}).x[0], excess);
  }
}

TEST(BoxQp, ZeroGradientAtABoundIsAccepted) {
  const Problem p{Dense::Identity(2, 2), Vector{{1, 0}}, Vector{{0, 0}}, Vector{{1, 1}}};
  const BoxQpResult result = solve(p);
  ASSERT_TRUE(result.solved);
  EXPECT_TRUE(result.x == (Vector{{1, 0}}));
  EXPECT_EQ(result.certificate.stationarity, 0);
  EXPECT_EQ(result.certificate.complementarity, 0);
  expect_states_fit(p, result);
}

TEST(BoxQp, CoincidingBoundsAreHeld) {
  const Vector fixed{{0.5, -2}};
  const Problem p{Dense{{2, 1}, {1, 2}}, Vector{{9, -9}}, fixed, fixed};
  const BoxQpResult result = solve(p, std::vector{BoundState::free, BoundState::upper});
  ASSERT_TRUE(result.solved);
  EXPECT_TRUE(result.x == fixed);
  EXPECT_EQ(result.state, (std::vector{BoundState::lower, BoundState::lower}));
  EXPECT_EQ(result.gradient[0], 1 - 2 - 9);
}

TEST(BoxQp, AZeroMatrixIsALinearProgram) {
  const Problem p{Dense::Zero(3, 3), Vector{{1e-200, -1, 0}}, Vector{{-1, -1, -1}},
                  Vector{{1e200, 1, 1}}};
  const BoxQpResult result = solve(p);
  ASSERT_TRUE(result.solved);
  EXPECT_EQ(result.x[0], 1e200);
  EXPECT_EQ(result.x[1], -1);
}

TEST(BoxQp, NoVariables) {
  const BoxQpResult result = solve_box_qp(Dense(0, 0), Vector(), Vector(), Vector());
  EXPECT_TRUE(result.solved);
  EXPECT_EQ(result.x.size(), 0);
}

class BoxQpLarge : public testing::TestWithParam<int> {};

TEST_P(BoxQpLarge, SolvesWellAndBadlyConditionedProblems) {
  std::mt19937_64 random(17);
  const int n = GetParam();
  for (const double condition : {1.0, 1e4, 1e8}) {
    for (const int d : {n / 2, n, 2 * n}) {
      SCOPED_TRACE(testing::Message() << "condition " << condition << ", d " << d);
      Dense x = test::gaussian_matrix(random, n, d);
      for (int k = 0; k < d; ++k) x.col(k) *= std::pow(condition, -0.5 * k / (d - 1));
      const Problem p{x * x.transpose(), test::gaussian_vector(random, n) * std::sqrt(d),
                      Vector::Constant(n, -0.1), Vector::Constant(n, 0.1)};
      const BoxQpResult result = solve(p);
      ASSERT_TRUE(result.solved);
      ASSERT_LE(kkt_violation(p, result.x), 1e-12);
      expect_states_fit(p, result);
      const ActiveSetSolution other = descend(p);
      ASSERT_TRUE(other.solved);
      ASSERT_LE(kkt_violation(p, other.x), 1e-12);
      ASSERT_NEAR(test::objective(p.a, p.b, result.x), test::objective(p.a, p.b, other.x),
                  1e-12 * objective_scale(p, result.x));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, BoxQpLarge, testing::Values(100, 200));

TEST(BoxQp, RefusesBadInput) {
  const Dense one = Dense::Identity(2, 2);
  const Vector zero = Vector::Zero(2);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_THROW(solve_box_qp(Dense::Identity(3, 3), zero, zero, zero), InputError);
  EXPECT_THROW(solve_box_qp(one, zero, Vector::Zero(3), zero), InputError);
  EXPECT_THROW(solve_box_qp(one, zero, Vector::Ones(2), zero), InputError);
  EXPECT_THROW(solve_box_qp(-one, zero, zero, zero), InputError);
  EXPECT_THROW(solve_box_qp(one, zero, zero, Vector::Constant(2, infinity)), InputError);
  EXPECT_THROW(solve_box_qp(one, Vector::Constant(2, NAN), zero, zero), InputError);
  EXPECT_THROW(solve_box_qp(one * NAN, zero, zero, zero), InputError);
  EXPECT_THROW(solve_box_qp(one, zero, zero, zero, std::vector{BoundState::free}), InputError);
}

}  // namespace
}  // namespace latetime
