#include "latetime/measure/spectrum.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"
#include "support/dense.hpp"

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
    const Vector expected = dense_math::singular_values(a);
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

/// rows × columns with these singular values: U diag(s) Vᵀ, U and V random orthogonal.
Matrix with_spectrum(const Vector& s, Eigen::Index rows, Eigen::Index columns) {
  const auto orthogonal = [](Eigen::Index size, std::uint64_t index) {
    return dense_math::orthonormal(random_matrix(size, size, index));
  };
  return orthogonal(rows, 11).leftCols(s.size()) * s.asDiagonal() *
         orthogonal(columns, 12).leftCols(s.size()).transpose();
}

// A few roundings of the largest singular value, as LAPACK's own error.
constexpr double rounding = 1e-14;

TEST(BorderedSpectrum, FindsPrescribedSpectraAndExcesses) {
  struct Case {
    const char* name;
    Vector s;
  };
  Vector two_alike = Vector::Constant(40, 1e-3), crowd = Vector::LinSpaced(40, 1.0, 0.99);
  two_alike.head(2).setOnes();
  two_alike[1] -= 1e-9;
  for (const auto& [name, s] :
       {Case{"flat", Vector::Ones(40)}, Case{"crowded", crowd}, Case{"two alike", two_alike},
        Case{"geometric", Vector(Eigen::pow(0.5, Eigen::ArrayXd::LinSpaced(40, 0.0, 39.0)))}}) {
    SCOPED_TRACE(name);
    const Matrix whole = with_spectrum(s, 40, 90);
    const BorderedSpectrum spectrum(whole.leftCols(80));
    EXPECT_LT((spectrum.singular_values(whole.rightCols(10)) - s).cwiseAbs().maxCoeff(), rounding);
    const double expected = s.tail(39).squaredNorm() / (s[0] * s[0]);
    EXPECT_NEAR(spectrum.stable_rank(whole.rightCols(10)).excess, expected, 1e-13 * expected);
  }
}

TEST(BorderedSpectrum, KeepsTheDigitsOfExcessesDownTo1em12) {
  for (double excess = 1.0; excess > 0.9e-12; excess /= 10.0) {
    Vector s = Vector::Constant(60, std::sqrt(excess / 59.0));
    s[0] = 1.0;
    const Matrix whole = with_spectrum(s, 60, 100);
    const StableRank rank = BorderedSpectrum(whole.leftCols(90)).stable_rank(whole.rightCols(10));
    // Entries are known to a rounding of s_1 each; beside √excess s_1 that is 2⁻⁵³/√excess.
    EXPECT_NEAR(rank.excess / excess, 1.0, 1e-14 + rounding / std::sqrt(excess)) << excess;
    EXPECT_EQ(rank.value, 1.0 + rank.excess);
  }
}

TEST(BorderedSpectrum, FindsTheTopInABlockThatTheLargestRowsDoNotTouch) {
  // One long row beside five shorter ones that point the same way.
  Matrix whole = Matrix::Zero(6, 8);
  whole(0, 0) = 1.0;
  whole.bottomRightCorner(5, 1).setConstant(0.9);
  const StableRank rank = BorderedSpectrum(whole.leftCols(3)).stable_rank(whole.rightCols(5));
  EXPECT_NEAR(rank.excess, 1.0 / (5.0 * 0.81), 1e-15);
}

TEST(BorderedSpectrum, AgreesWithTheSpectrumAtEveryScale) {
  for (const double scale : {1e-300, 1e-70, 1e-55, 1.0, 1e55, 1e70, 1e300}) {
    const Matrix whole = scale * random_matrix(30, 50, 3);
    const BorderedSpectrum spectrum(whole.leftCols(40));
    const StableRank direct = stable_rank(singular_values(whole));
    EXPECT_NEAR(spectrum.stable_rank(whole.rightCols(10)).value, direct.value, 1e-13 * direct.value)
        << scale;
  }
  EXPECT_TRUE(
      std::isnan(BorderedSpectrum(Matrix::Zero(3, 4)).stable_rank(Matrix::Zero(3, 2)).value));
  const Matrix infinite = Matrix::Constant(3, 2, HUGE_VAL);
  EXPECT_TRUE(std::isnan(BorderedSpectrum(Matrix::Zero(3, 4)).stable_rank(infinite).value));
}

/// [outside | inside] of W = W⁰ + C X has the spectrum, norms and products with samples of W.
void expect_equal_geometry(const Matrix& initial, const Matrix& x, const Matrix& coefficients) {
  const WeightSpace space(initial, x);
  const Matrix weights = initial + coefficients * x;
  const Matrix inside = space.inside_of_coefficients(coefficients);
  const double scale = weights.norm();
  EXPECT_LT((inside - space.inside_of_weights(weights)).norm(), rounding * scale);
  EXPECT_LT((inside * space.samples().transpose() - weights * x.transpose()).norm(),
            rounding * scale * x.norm());
  const BorderedSpectrum spectrum(space.outside());
  const Vector direct = singular_values(weights), reduced = spectrum.singular_values(inside);
  ASSERT_EQ(direct.size(), reduced.size());
  EXPECT_LT((direct - reduced).cwiseAbs().maxCoeff(), rounding * direct[0]);
  const StableRank expected = stable_rank(direct), rank = spectrum.stable_rank(inside);
  EXPECT_NEAR(rank.excess, expected.excess,
              rounding * std::sqrt(expected.excess) + 1e-13 * expected.excess);
}

TEST(WeightSpace, KeepsTheGeometryOfEverythingDescentCanReach) {
  const Matrix x = random_matrix(4, 50, 2), coefficients = random_matrix(6, 4, 3);
  Matrix repeated = x;
  repeated.row(1) = repeated.row(0);
  for (const double size : {0.0, 1e-9, 1e-5, 1.0}) {
    SCOPED_TRACE(size);
    expect_equal_geometry(size * random_matrix(6, 50, 1), x, coefficients);
    expect_equal_geometry(size * random_matrix(6, 50, 1), repeated, coefficients);
    expect_equal_geometry(size * random_matrix(6, 4, 1) * x, x, coefficients);  // nothing outside
    expect_equal_geometry(size * random_matrix(60, 50, 1), x, random_matrix(60, 4, 3));
    expect_equal_geometry(size * random_matrix(6, 5, 1), random_matrix(8, 5, 2),
                          random_matrix(6, 8, 3));  // n > d
    expect_equal_geometry(size * random_matrix(6, 5, 1), random_matrix(5, 5, 2),
                          random_matrix(6, 5, 3));  // n = d
  }
}

}  // namespace
}  // namespace latetime
