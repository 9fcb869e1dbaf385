#include "latetime/measure/tiled_rank.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "latetime/measure/lanczos.hpp"
#include "support/dense.hpp"

namespace latetime {
namespace {

// Of sums of up to 10^5 products, on both sides of a comparison.
constexpr double rounding = 1e-11;

Matrix gaussian(Eigen::Index rows, Eigen::Index cols, std::uint64_t seed) {
  RandomStream stream(seed, RandomPurpose::test);
  Matrix matrix(rows, cols);
  for (double& v : matrix.reshaped()) v = stream.normal();
  return matrix;
}

/// rows × cols with these singular values and random singular vectors.
Matrix with_singular_values(Eigen::Index rows, Eigen::Index cols, const Vector& values,
                            std::uint64_t seed) {
  const Eigen::MatrixXd left = gaussian(rows, values.size(), seed);
  const Eigen::MatrixXd right = gaussian(cols, values.size(), seed + 1);
  const Eigen::MatrixXd u = dense_math::orthonormal(left);
  const Eigen::MatrixXd v = dense_math::orthonormal(right);
  return u * values.asDiagonal() * v.transpose();
}

template <class Real>
class TiledRank : public testing::Test {
 protected:
  static GroupRanks ranks(const TiledWeights<Real>& weights, unsigned threads = 1) {
    ThreadTeam team(threads);
    return stable_ranks(weights, team, tile::best_kernels<Real>());
  }

  /// The truth lies within the proved error: ‖W‖_F²/λ with θ ≤ λ ≤ θ (1 + error).
  static void expect_enclosed(const StableRank& rank, const Matrix& weights, double error) {
    const StableRank truth = stable_rank(singular_values(weights));
    EXPECT_LE(truth.value, rank.value * (1.0 + rounding));
    EXPECT_LE(rank.value, truth.value * (1.0 + error + rounding));
    EXPECT_NEAR(rank.excess, truth.excess, (error + rounding) * truth.value);
  }

  static void expect_right(std::size_t groups, const Matrix& matrix, const std::string& name) {
    SCOPED_TRACE(name);
    const auto width = static_cast<std::size_t>(matrix.rows()) / groups;
    const TiledWeights<Real> weights(groups, width, matrix);
    const Matrix held = weights.to_matrix();
    const GroupRanks found = ranks(weights);
    EXPECT_LE(found.proved_error, 1e-6);
    ASSERT_EQ(found.groups.size(), groups);
    const auto rows = static_cast<Eigen::Index>(width);
    for (std::size_t k = 0; k < groups; ++k) {
      expect_enclosed(found.groups[k], held.middleRows(static_cast<Eigen::Index>(k) * rows, rows),
                      found.proved_error);
    }
    expect_enclosed(found.stacked, held, found.proved_error);
  }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(TiledRank, Precisions);

TYPED_TEST(TiledRank, OfBulksIsThatOfTheFullSpectrum) {
  this->expect_right(1, gaussian(60, 40, 1), "wide");
  this->expect_right(3, gaussian(150, 120, 2), "less neurons than features");
  this->expect_right(2, gaussian(520, 110, 3), "several tiles");
  this->expect_right(3, gaussian(390, 25, 4), "width 130");
}

TYPED_TEST(TiledRank, OfLowRankAndNoiseOfAnyStrength) {
  for (const double noise : {1e-7, 1e-4, 1e-2, 0.05, 0.2, 1.0}) {
    Vector values(3);
    values << 10.0, 9.0, 1.0;
    const Matrix low = with_singular_values(300, 100, values, 5);
    this->expect_right(2, low + noise * gaussian(300, 100, 6), std::to_string(noise));
  }
}

TYPED_TEST(TiledRank, OfNearlyEqualTopValues) {
  for (const double gap : {0.0, 1e-12, 1e-7, 1e-5, 1e-3}) {
    for (const double rest : {1e-3, 0.5, 0.999}) {
      Vector values = Vector::Constant(50, rest);
      values[0] = 1.0;
      values[1] = 1.0 - gap;
      this->expect_right(1, with_singular_values(80, 110, values, 7), std::to_string(gap));
    }
  }
}

TYPED_TEST(TiledRank, OfIdentitiesAndExactRankOne) {
  this->expect_right(1, Matrix::Identity(110, 110), "identity");
  this->expect_right(1, Matrix::Identity(200, 110), "identity above zeros");
  this->expect_right(1, Matrix::Identity(110, 110) + 1e-5 * gaussian(110, 110, 8), "nearly");
  // Powers of two: exact in either precision.
  Matrix one(140, 30);
  for (Eigen::Index i = 0; i < one.rows(); ++i) {
    for (Eigen::Index j = 0; j < one.cols(); ++j) {
      one(i, j) = std::ldexp(i % 2 == 0 ? 1.0 : -1.0, static_cast<int>(i % 5 - j % 3));
    }
  }
  this->expect_right(1, one, "rank one");
  const TiledWeights<TypeParam> weights(1, 140, one);
  EXPECT_LE(this->ranks(weights).groups[0].excess, rounding);
}

TYPED_TEST(TiledRank, OfGroupsUnlikeEachOther) {
  Matrix weights(3 * 130, 110);
  weights.topRows(130) = gaussian(130, 1, 9) * gaussian(1, 110, 10);
  weights.middleRows(130, 130) = gaussian(130, 110, 11);
  weights.bottomRows(130) = 5.0 * Matrix::Identity(130, 110);
  this->expect_right(3, weights, "rank one, bulk, identity");
  weights.middleRows(130, 130) *= 1e-9;
  this->expect_right(3, weights, "of very different size");
}

TYPED_TEST(TiledRank, OfTheSmallestShapes) {
  this->expect_right(1, gaussian(1, 1, 12), "one weight");
  this->expect_right(4, gaussian(4, 110, 13), "width 1");
  this->expect_right(2, gaussian(260, 1, 14), "one feature");
  this->expect_right(2, gaussian(6, 2, 15), "two features");
  this->expect_right(1, 1e-30 * gaussian(40, 20, 16), "tiny");
  this->expect_right(1, 1e+30 * gaussian(40, 20, 17), "huge");
}

TYPED_TEST(TiledRank, IsNotANumberForZeroAndForNotFiniteWeights) {
  Matrix matrix = gaussian(60, 10, 18);
  matrix.topRows(20).setZero();
  matrix(50, 3) = std::nan("");
  const GroupRanks found = this->ranks(TiledWeights<TypeParam>(3, 20, matrix));
  EXPECT_TRUE(std::isnan(found.groups[0].value));
  this->expect_enclosed(
      found.groups[1], TiledWeights<TypeParam>(3, 20, matrix).to_matrix().middleRows(20, 20), 1e-6);
  EXPECT_TRUE(std::isnan(found.groups[2].value));
  EXPECT_TRUE(std::isnan(found.stacked.value));
  const GroupRanks zero = this->ranks(TiledWeights<TypeParam>(2, 3, Matrix::Zero(6, 4)));
  EXPECT_TRUE(std::isnan(zero.groups[0].value) && std::isnan(zero.stacked.value));
  matrix(50, 3) = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(std::isnan(this->ranks(TiledWeights<TypeParam>(3, 20, matrix)).stacked.value));
}

TYPED_TEST(TiledRank, DoesNotDependOnThreads) {
  Matrix matrix = gaussian(3 * 300, 110, 19);
  matrix.topRows(300) += 3.0 * gaussian(300, 1, 20) * gaussian(1, 110, 21);
  const TiledWeights<TypeParam> weights(3, 300, matrix);
  const GroupRanks alone = this->ranks(weights);
  for (const unsigned threads : {2u, 3u}) {
    const GroupRanks team = this->ranks(weights, threads);
    for (std::size_t k = 0; k < 3; ++k) EXPECT_EQ(team.groups[k].value, alone.groups[k].value);
    EXPECT_EQ(team.stacked.value, alone.stacked.value);
    EXPECT_EQ(team.proved_error, alone.proved_error);
  }
}

/// Rows at right angles to the iteration's fixed start, to rounding: what is left of its first
/// product is rounding, of either sign.
TYPED_TEST(TiledRank, IsRightWhereTheStartIsHidden) {
  for (const Eigen::Index d : {4, 30, 110}) {
    const Vector start = ProvedLanczos(d, 1.0, 1e-6).direction();
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      Matrix hidden = gaussian(3, d, 30 + seed);
      for (int round = 0; round < 2; ++round) {
        hidden -= (hidden * start).eval() * start.transpose();
      }
      this->expect_right(1, hidden, "d = " + std::to_string(d) + ", " + std::to_string(seed));
      // The largest direction alone is hidden.
      Matrix seen(4, d);
      seen << 2.0 * hidden, gaussian(1, d, 60 + seed);
      this->expect_right(1, seen, "and one that is not");
    }
  }
}

}  // namespace
}  // namespace latetime
