#include "latetime/optimize/nonnegative_qp.hpp"

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "optimize/problems.hpp"

namespace latetime {
namespace {

using test::Dense;

double kkt_violation(const Dense& k, const Vector& b, const Vector& x) {
  const Eigen::Index n = b.size();
  return test::kkt_violation(k, b, Vector::Zero(n),
                             Vector::Constant(n, std::numeric_limits<double>::infinity()), x);
}

void expect_ray(const Dense& k, const Vector& b, const NonnegativeQpResult& result) {
  ASSERT_TRUE(result.ray.has_value());
  EXPECT_FALSE(result.solved);
  const Vector& r = *result.ray;
  EXPECT_GE(r.minCoeff(), 0);
  EXPECT_EQ(r.maxCoeff(), 1);
  const Vector norm = k.diagonal().cwiseSqrt();
  const Vector image = k * r;
  for (Eigen::Index i = 0; i < r.size(); ++i) {
    EXPECT_LE(std::abs(image[i]), 1.1e-10 * norm[i] * norm.dot(r));
  }
  EXPECT_GT(b.dot(r), 0);
}

/// Whether some r ≥ 0, r ≠ 0, has Kr = 0 and b·r > 0: over every subset of samples whose block has
/// a null space of dimension one (the extreme rays of the cone are among those).
bool brute_force_unbounded(const Dense& k, const Vector& b) {
  const int n = static_cast<int>(b.size());
  for (unsigned subset = 1; subset < (1U << n); ++subset) {
    std::vector<int> open;
    for (int i = 0; i < n; ++i) {
      if (subset >> i & 1U) open.push_back(i);
    }
    const Dense block = k(open, open);
    Eigen::FullPivLU<Dense> lu(block);
    lu.setThreshold(1e-9);
    if (lu.dimensionOfKernel() != 1) continue;
    Vector r = lu.kernel().col(0);
    r /= r.cwiseAbs().maxCoeff();
    if (r.sum() < 0) r = -r;
    const Vector part = b(open);
    if (r.minCoeff() > -1e-9 && part.dot(r) > 1e-9) return true;
  }
  return false;
}

TEST(NonnegativeQp, FindsTheMinimumOrARayOverAllActiveSets) {
  std::mt19937_64 random(21);
  int unbounded = 0;
  const int trials = 6000;
  for (int trial = 0; trial < trials; ++trial) {
    SCOPED_TRACE(trial);
    const int n = 1 + trial % 6;
    const int d = std::uniform_int_distribution<int>(1, n + 1)(random);
    const Dense x = trial % 3 == 0 ? test::gaussian_matrix(random, n, d)
                                   : test::dependent_samples(random, n, d);
    const Dense k = x * x.transpose();
    Vector b = Vector::Ones(n);
    if (trial % 5 == 0) b = test::gaussian_vector(random, n);
    const NonnegativeQpResult result = solve_nonnegative_qp(k, b);
    if (brute_force_unbounded(k, b)) {
      ++unbounded;
      expect_ray(k, b, result);
      continue;
    }
    ASSERT_FALSE(result.ray.has_value());
    ASSERT_TRUE(result.solved);
    ASSERT_LE(kkt_violation(k, b, result.x), 1e-13);
    // A bounded problem has its minimum within a box that contains the solution found.
    const Vector far = Vector::Constant(n, 4 * result.x.maxCoeff() + 1);
    const double least = test::brute_force_minimum(k, b, Vector::Zero(n), far);
    const double scale = result.x.dot(test::magnitude(k, b, result.x));
    ASSERT_NEAR(test::objective(k, b, result.x), least, 1e-12 * scale + 1e-14);
    for (Eigen::Index i = 0; i < n; ++i) {
      ASSERT_EQ(result.support[static_cast<std::size_t>(i)], result.x[i] > 0);
    }
    const NonnegativeQpResult again = solve_nonnegative_qp(k, b, result.support);
    ASSERT_TRUE(again.x == result.x);
    ASSERT_EQ(again.iterations, 1);
  }
  EXPECT_GT(unbounded, trials / 10);
  EXPECT_LT(unbounded, trials - trials / 10);
}

TEST(NonnegativeQp, ScalingEachVariableByAPowerOfTwoChangesNoBit) {
  std::mt19937_64 random(22);
  std::uniform_int_distribution<int> exponent(-300, 300);
  for (int trial = 0; trial < 500; ++trial) {
    SCOPED_TRACE(trial);
    const int n = 1 + trial % 8;
    const Dense x = test::dependent_samples(random, n, n);
    const Dense k = x * x.transpose();
    Vector d(n);
    for (double& entry : d) entry = std::ldexp(1.0, exponent(random));
    const NonnegativeQpResult plain = solve_nonnegative_qp(k, Vector::Ones(n));
    const NonnegativeQpResult other = solve_nonnegative_qp(d.asDiagonal() * k * d.asDiagonal(), d);
    ASSERT_EQ(plain.ray.has_value(), other.ray.has_value());
    ASSERT_EQ(plain.support, other.support);
    ASSERT_TRUE(other.x == plain.x.cwiseQuotient(d));
  }
}

TEST(NonnegativeQp, LargeProblemsMeetTheirConditionsToRounding) {
  std::mt19937_64 random(23);
  for (const int n : {30, 100, 200}) {
    for (const double condition : {1.0, 1e4, 1e8}) {
      SCOPED_TRACE(testing::Message() << "n " << n << ", condition " << condition);
      Dense x = test::gaussian_matrix(random, n, 2 * n);
      for (int k = 0; k < 2 * n; ++k) x.col(k) *= std::pow(condition, -0.5 * k / (2 * n - 1));
      const Dense k = x * x.transpose();
      const NonnegativeQpResult result = solve_nonnegative_qp(k, Vector::Ones(n));
      ASSERT_TRUE(result.solved);
      ASSERT_LE(kkt_violation(k, Vector::Ones(n), result.x), 1e-12);
      ASSERT_LE(result.certificate.stationarity, 1e-12);
      ASSERT_LE(result.certificate.complementarity, 1e-12);
    }
  }
}

TEST(NonnegativeQp, ManySamplesInFewDimensions) {
  std::mt19937_64 random(24);
  for (const int n : {50, 200}) {
    const int d = 10;
    Dense x = test::gaussian_matrix(random, n, d);
    const Dense spread = x * x.transpose();  // n > 2d random signs: not separable (Cover 1965)
    expect_ray(spread, Vector::Ones(n), solve_nonnegative_qp(spread, Vector::Ones(n)));
    for (int i = 0; i < n; ++i) {  // turned to one side, with a gap, they are
      x.row(i) *= x(i, 0) < 0 ? -1 : 1;
      x(i, 0) += 0.01;
    }
    const Dense one_side = x * x.transpose();
    const NonnegativeQpResult result = solve_nonnegative_qp(one_side, Vector::Ones(n));
    ASSERT_TRUE(result.solved);
    EXPECT_LE(kkt_violation(one_side, Vector::Ones(n), result.x), 1e-12);
    const Vector w = x.transpose() * result.x;
    EXPECT_GE((x * w).minCoeff(), 1 - 1e-9);
  }
}

TEST(NonnegativeQp, OppositeSamplesHaveTheirSumAsRay) {
  const Dense k{{4, -2}, {-2, 1}};
  const NonnegativeQpResult result = solve_nonnegative_qp(k, Vector::Ones(2));
  expect_ray(k, Vector::Ones(2), result);
  EXPECT_NEAR((*result.ray)[0], 0.5, 1e-15);
}

TEST(NonnegativeQp, ASampleOfZerosIsARayOfItsOwn) {
  const Dense k{{1, 0}, {0, 0}};
  expect_ray(k, Vector::Ones(2), solve_nonnegative_qp(k, Vector::Ones(2)));
  const NonnegativeQpResult bounded = solve_nonnegative_qp(k, Vector{{1, -1}});
  ASSERT_TRUE(bounded.solved);
  EXPECT_TRUE(bounded.x == (Vector{{1, 0}}));
}

TEST(NonnegativeQp, RefusesBadInput) {
  const Dense one = Dense::Identity(2, 2);
  EXPECT_THROW(solve_nonnegative_qp(one, Vector::Ones(3)), InputError);
  EXPECT_THROW(solve_nonnegative_qp(one, Vector::Ones(2), {true}), InputError);
  EXPECT_THROW(solve_nonnegative_qp(one, Vector::Constant(2, INFINITY)), InputError);
}

}  // namespace
}  // namespace latetime
