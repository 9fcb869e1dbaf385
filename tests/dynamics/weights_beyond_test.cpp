// What of weights lies outside the span of the samples, where it is known: W = A X + B, B at right
// angles to all samples.

#include "latetime/dynamics/weights_beyond.hpp"

#include <random>

#include <Eigen/QR>
#include <gtest/gtest.h>

namespace latetime {
namespace {

Matrix random_matrix(Eigen::Index rows, Eigen::Index columns, std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  Matrix made(rows, columns);
  for (double& entry : made.reshaped()) entry = normal(random);
  return made;
}

/// n samples that span `rank` directions of R^d, and weights that begin as A X + B.
struct Split {
  Samples x;
  Matrix beyond, weights;

  Split(Eigen::Index n, Eigen::Index d, Eigen::Index rank, std::mt19937_64& random) {
    const Eigen::HouseholderQR<Eigen::MatrixXd> factors(random_matrix(d, d, random));
    const Matrix basis = factors.householderQ();
    constexpr Eigen::Index neurons = 7;
    x = Samples(random_matrix(n, rank, random) * basis.leftCols(rank).transpose());
    beyond = random_matrix(neurons, d - rank, random) * basis.rightCols(d - rank).transpose();
    beyond.row(2).setZero();  // a neuron that lies within
    weights = random_matrix(neurons, n, random) * x + beyond;
  }
};

TEST(WeightsBeyond, AreNormsOfWhatIsAtRightAnglesToAllSamples) {
  std::mt19937_64 random(3);
  for (const Eigen::Index rank : {1, 3, 5}) {  // of eight samples: they depend on each other
    const Split split(8, 20, rank, random);
    const WeightsBeyond beyond(split.weights, split.x);
    const Vector norms = beyond.norms();
    ASSERT_EQ(norms.size(), split.weights.rows());
    for (Eigen::Index k = 0; k < norms.size(); ++k) {
      const double expected = split.beyond.row(k).norm();
      EXPECT_NEAR(norms[k], expected, 1e-12 * expected) << "rank " << rank << ", neuron " << k;
    }
  }
}

TEST(WeightsBeyond, AreNothingWhereSamplesSpanTheSpace) {
  std::mt19937_64 random(4);
  for (const Eigen::Index n : {6, 15}) {
    const Split split(n, 6, 6, random);
    EXPECT_TRUE(WeightsBeyond(split.weights, split.x).norms().isZero(0.0)) << n << " samples";
  }
}

TEST(WeightsBeyond, AreAllWhereSamplesAreZero) {
  std::mt19937_64 random(5);
  const Matrix weights = random_matrix(4, 6, random);
  const WeightsBeyond beyond(weights, Samples(Matrix(Matrix::Zero(3, 6))));
  for (Eigen::Index k = 0; k < weights.rows(); ++k) {
    EXPECT_EQ(beyond.norms()[k], weights.row(k).norm());
  }
}

/// They are those of the moment at which it was made, however late they are asked for.
TEST(WeightsBeyond, DoNotSeeLaterChanges) {
  std::mt19937_64 random(6);
  Split split(5, 12, 4, random);
  const WeightsBeyond lazy(split.weights, split.x), eager(split.weights, split.x);
  const Vector before = eager.norms();
  split.x.edit().setOnes();
  split.weights.setOnes();
  EXPECT_EQ(lazy.norms(), before);
  EXPECT_EQ(&lazy.norms(), &lazy.norms());
}

}  // namespace
}  // namespace latetime
