#include "latetime/measure/spectrum.hpp"

#include <cmath>

#include <Eigen/QR>
#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "latetime/base/random.hpp"

namespace latetime {
namespace {

Matrix random_matrix(Eigen::Index rows, Eigen::Index columns, std::uint64_t index) {
  RandomStream stream(7, RandomPurpose::test, index);
  Matrix a(rows, columns);
  for (double& entry : a.reshaped()) entry = stream.normal();
  return a;
}

TEST(SingularValues, AgreeWithJacobiForEveryShape) {
  for (const auto& [rows, columns] : {std::pair{1, 1}, {1, 9}, {9, 1}, {12, 30}, {30, 12}}) {
    const Matrix a = random_matrix(rows, columns, static_cast<std::uint64_t>(rows * 100 + columns));
    const Vector values = singular_values(a);
    const Vector expected = Eigen::JacobiSVD<Eigen::MatrixXd>(Eigen::MatrixXd(a)).singularValues();
    ASSERT_EQ(values.size(), std::min(rows, columns));
    // Backward stable: errors of a few roundings of the largest value.
    EXPECT_LT((values - expected).cwiseAbs().maxCoeff(), 1e-14 * 30 * expected[0]);
  }
}

TEST(StableRank, OfRankOneIsExactlyOne) {
  const StableRank rank = stable_rank(Vector{{3.0, 0.0, 0.0}});
  EXPECT_EQ(rank.value, 1.0);
  EXPECT_EQ(rank.excess, 0.0);
}

TEST(StableRank, KeepsTheDigitsOfATinyExcess) {
  const StableRank rank = stable_rank(Vector{{2.0, 2e-9, 1e-10}});
  EXPECT_NEAR(rank.excess, 1e-18 + 2.5e-21, 1e-32);  // 1 + excess would round to 1
  EXPECT_EQ(rank.value, 1.0);
}

TEST(StableRank, OfOrthonormalRowsIsTheirNumber) {
  EXPECT_DOUBLE_EQ(stable_rank(singular_values(Matrix::Identity(5, 8))).value, 5.0);
}

TEST(StableRank, OfTheZeroMatrixDoesNotExist) {
  EXPECT_TRUE(std::isnan(stable_rank(singular_values(Matrix::Zero(3, 4))).value));
  EXPECT_TRUE(std::isnan(stable_rank_from_gram(Eigen::MatrixXd::Zero(3, 3)).value));
}

TEST(TopEigenvalue, AgreesWithTheSpectrumBelowAndAboveTheIterationSize) {
  for (const Eigen::Index size : {1, 5, 23, 24, 100}) {
    const Matrix a = random_matrix(size, 2 * size, static_cast<std::uint64_t>(size));
    const Eigen::MatrixXd gram = gram_of_rows(a);
    const Vector values = singular_values(a);
    EXPECT_NEAR(top_eigenvalue(gram), values[0] * values[0], 1e-10 * values[0] * values[0]);
    EXPECT_NEAR(stable_rank_from_gram(gram).value, stable_rank(values).value, 1e-9);
  }
}

TEST(WeightSpace, CoordinatesKeepSingularValuesOfEverythingDescentCanReach) {
  const Matrix initial = 1e-5 * random_matrix(6, 50, 1), x = random_matrix(4, 50, 2);
  const WeightSpace space(initial, x);
  const Matrix weights = initial + random_matrix(6, 4, 3) * x;
  const Matrix coordinates = space.coordinates(weights);
  EXPECT_EQ(coordinates.cols(), 10);
  const Vector direct = singular_values(weights), reduced = singular_values(coordinates);
  EXPECT_LT((direct - reduced).cwiseAbs().maxCoeff(), 1e-13 * direct[0]);
}

TEST(WeightSpace, IsTheIdentityWhenNothingIsGained) {
  const Matrix initial = random_matrix(6, 5, 1), x = random_matrix(4, 5, 2);
  EXPECT_EQ(WeightSpace(initial, x).coordinates(initial), initial);
}

TEST(WeightSpace, TakesZeroWeightsAndRepeatedSamples) {
  Matrix x = random_matrix(4, 50, 2);
  x.row(1) = x.row(0);
  const Matrix zero = Matrix::Zero(3, 50);
  const Matrix weights = random_matrix(3, 4, 3) * x;
  const Vector reduced = singular_values(WeightSpace(zero, x).coordinates(weights));
  const Vector direct = singular_values(weights);
  EXPECT_LT((direct.head(3) - reduced.head(3)).cwiseAbs().maxCoeff(), 1e-13 * direct[0]);
}

}  // namespace
}  // namespace latetime
