#include "latetime/optimize/max_margin.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "optimize/problems.hpp"

namespace latetime {
namespace {

using test::Dense;

TEST(MaxMargin, OrthogonalSamplesHaveTheirClosedForm) {
  for (const double unit : {1e-90, 1.0, 1e90}) {
    const Vector norms = unit * Vector{{1, 2, 0.5, 30}};
    const Dense gram = norms.cwiseAbs2().asDiagonal();
    const MaxMarginResult result = solve_max_margin(gram, Vector{{1, -1, -1, 1}});
    ASSERT_EQ(result.verdict, Separability::separable);
    for (int i = 0; i < 4; ++i) {
      EXPECT_DOUBLE_EQ(result.multipliers[i], 1 / (norms[i] * norms[i]));
      EXPECT_TRUE(result.support[static_cast<std::size_t>(i)]);
    }
    EXPECT_DOUBLE_EQ(result.margin, 1 / std::sqrt(norms.cwiseAbs2().cwiseInverse().sum()));
  }
}

TEST(MaxMargin, OnlyTheNearestSamplesSupport) {
  // x = (1, 1), (1, −1) and (5, 0) of class +1: w = (1, 0), and the third has margin 5.
  const Dense x{{1, 1}, {1, -1}, {5, 0}};
  const MaxMarginResult result = solve_max_margin(x * x.transpose(), Vector::Ones(3));
  ASSERT_EQ(result.verdict, Separability::separable);
  EXPECT_NEAR(result.margin, 1, 1e-15);
  EXPECT_EQ(result.support, (std::vector<bool>{true, true, false}));
  EXPECT_NEAR(result.margins[2], 5, 1e-14);
}

TEST(MaxMargin, NoDirectionInReachHasALargerMargin) {
  std::mt19937_64 random(31);
  for (int trial = 0; trial < 300; ++trial) {
    SCOPED_TRACE(trial);
    const int n = 2 + trial % 8;
    const int d = 2 + trial % 4;
    Dense x = test::gaussian_matrix(random, n, d);
    const Vector teacher = test::gaussian_vector(random, d);
    const Vector scores = x * teacher;
    const Vector labels = (scores.array() > 0).select(Vector::Ones(n), -Vector::Ones(n));
    const MaxMarginResult result = solve_max_margin(x * x.transpose(), labels);
    ASSERT_EQ(result.verdict, Separability::separable);
    const Vector w = x.transpose() * labels.cwiseProduct(result.multipliers);
    const auto margin_of = [&](const Vector& v) {
      const Vector products = x * v;
      return labels.cwiseProduct(products).minCoeff() / v.norm();
    };
    EXPECT_NEAR(margin_of(w), result.margin, 1e-8 * result.margin);
    EXPECT_GE(result.margin, margin_of(teacher) * (1 - 1e-9));
    for (int k = 0; k < 20; ++k) {
      const Vector step = 0.1 * w.norm() * test::gaussian_vector(random, d);
      EXPECT_LE(margin_of(w + step), result.margin * (1 + 1e-9));
    }
  }
}

TEST(MaxMargin, ARayProvesThatThereIsNoDirection) {
  std::mt19937_64 random(32);
  for (int trial = 0; trial < 200; ++trial) {
    const int d = 2 + trial % 4;
    const int n = 8 * d;
    Dense x = test::gaussian_matrix(random, n, d);
    Vector labels = test::gaussian_vector(random, n).cwiseSign();
    x.row(1) = -x.row(0);  // two opposite samples of one class: never separable
    labels[1] = labels[0];
    const MaxMarginResult result = solve_max_margin(x * x.transpose(), labels);
    ASSERT_EQ(result.verdict, Separability::not_separable);
    const Vector r = *result.ray;
    ASSERT_GE(r.minCoeff(), 0);
    ASSERT_EQ(r.maxCoeff(), 1);
    const Vector sum = x.transpose() * labels.cwiseProduct(r);
    // Rounding times the conditioning of at most d + 1 random samples.
    ASSERT_LE(sum.norm(), 1e-10 * x.rowwise().norm().dot(r));
  }
}

TEST(MaxMargin, RefusesBadInput) {
  EXPECT_THROW(solve_max_margin(Dense::Identity(2, 2), Vector{{1, 0.5}}), InputError);
  EXPECT_THROW(solve_max_margin(Dense::Identity(2, 2), Vector::Ones(3)), InputError);
}

}  // namespace
}  // namespace latetime
