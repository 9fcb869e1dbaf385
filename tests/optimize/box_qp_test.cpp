#include "latetime/optimize/box_qp.hpp"

#include <cmath>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "optimize/problems.hpp"

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
    problem.upper[i] = problem.lower[i] + 0.25 * (integer(random) + 4);  // often equal
  }
  return problem;
}

BoxQpResult solve(const Problem& p, std::span<const BoundState> start = {}) {
  return solve_box_qp(p.a, p.b, p.lower, p.upper, start);
}

double kkt_violation(const Problem& p, const Vector& x) {
  return test::kkt_violation(p.a, p.b, p.lower, p.upper, x);
}

class BoxQpSmall : public testing::TestWithParam<bool> {};

TEST_P(BoxQpSmall, FindsTheMinimumOverAllActiveSets) {
  std::mt19937_64 random(11);
  for (int trial = 0; trial < 3000; ++trial) {
    const int n = 1 + trial % 5;
    const Problem p = random_problem(random, n, GetParam());
    const BoxQpResult result = solve(p);
    ASSERT_TRUE(result.solved) << "trial " << trial;
    ASSERT_LE(kkt_violation(p, result.x), rounding(n)) << "trial " << trial;
    const double least = test::brute_force_minimum(p.a, p.b, p.lower, p.upper);
    const double scale = result.x.cwiseAbs().dot(test::magnitude(p.a, p.b, result.x)) + 1e-12;
    // Any feasible point is no better than the minimum; brute force allows 1e-9 outside the box.
    ASSERT_NEAR(test::objective(p.a, p.b, result.x), least, 1e-8 * scale) << "trial " << trial;
    ASSERT_TRUE(result.gradient.isApprox(p.a * result.x - p.b, 1e-12) ||
                (result.gradient - (p.a * result.x - p.b)).norm() < 1e-12 * scale);
  }
}

INSTANTIATE_TEST_SUITE_P(Matrices, BoxQpSmall, testing::Bool(),
                         [](const auto& run) { return run.param ? "Singular" : "Regular"; });

}  // namespace
}  // namespace latetime
