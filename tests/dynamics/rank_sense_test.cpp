// What small changes of W do to stable ranks, against the ranks of changed weights.

#include "latetime/dynamics/rank_sense.hpp"

#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "support/real_steps.hpp"

namespace latetime {
namespace {

using namespace testing_support;
using real_steps::stable_rank;

/// A network some way through training: W = W⁰ + C X.
struct Trained {
  TestProblem problem;
  FlowStart state;
  Matrix weights;

  explicit Trained(std::uint64_t seed, double slope = 0.1)
      : problem(problem_on("trained", gaussian_mixture(8, 30, 0.3, 1.0, seed), 4, slope, 0.05)),
        state(exact_start(problem, 2'000)),
        weights(problem.initial.weights + state.coefficients * problem.data.x) {}

  std::vector<RankSense> senses() const {
    return rank_senses(flow_problem(problem), problem.initial.weights,
                       preactivations(problem.initial.weights, problem.data.x), state);
  }
  Matrix part(const Matrix& of, const RankSense& sense) const {
    return of.middleRows(sense.first, sense.slopes.rows());
  }
};

TEST(RankSense, SlopesAreDerivatives) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const Trained trained(seed);
    const auto senses = trained.senses();
    ASSERT_EQ(senses.size(), 3u);
    for (const RankSense& sense : senses) {
      for (Eigen::Index k = 0; k < sense.slopes.rows(); ++k) {
        for (Eigen::Index i = 0; i < sense.slopes.cols(); ++i) {
          constexpr double step = 1e-5;
          Matrix up = trained.part(trained.weights, sense), down = up;
          up.row(k) += step * trained.problem.data.x.row(i);
          down.row(k) -= step * trained.problem.data.x.row(i);
          const double slope = (stable_rank(up) - stable_rank(down)) / (2.0 * step);
          // A difference quotient is off by about step² and rounding/step; u by `blur`.
          EXPECT_NEAR(std::abs(slope), sense.slopes(k, i),
                      1e-6 + sense.blur * sense.factor *
                                 std::sqrt(trained.problem.data.x.row(i).squaredNorm()));
        }
      }
    }
  }
}

TEST(RankSense, BoundsWhatChangesOfAnySizeDo) {
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const Trained trained(seed, seed % 2 == 0 ? 0.0 : 0.1);
    for (const RankSense& sense : trained.senses()) {
      const Matrix weights = trained.part(trained.weights, sense);
      for (int round = 0; round < 40; ++round) {
        Matrix change(sense.slopes.rows(), sense.slopes.cols());
        const double size = std::pow(10.0, -0.2 * round);
        for (double& entry : change.reshaped()) entry = size * normal(random);
        const Matrix moved = change * trained.problem.data.x;
        const double bound =
            sense.change(sense.slopes.cwiseProduct(change.cwiseAbs()).sum(), moved.norm());
        EXPECT_LE(std::abs(stable_rank(weights + moved) - stable_rank(weights)), bound + 1e-12)
            << "size " << size;
      }
    }
  }
}

/// Two singular values alike: u may be any of a plane, and slopes mean nothing.
TEST(RankSense, KnowsNoSlopesWhereTheLargestSingularValueIsDouble) {
  Trained trained(1);
  const Eigen::Index width = trained.problem.initial.shape.width;
  const Matrix square = Matrix::Identity(width, width);
  Dataset data = trained.problem.data;
  data.x = Samples(Matrix(Matrix::Identity(data.size(), data.dim())));
  trained.state.coefficients.setZero();
  trained.state.coefficients.topLeftCorner(width, width) = square;
  trained.state.preactivations = trained.state.coefficients;
  const Matrix zero = Matrix::Zero(2 * width, data.dim());
  const FlowProblem problem({data, trained.problem.initial, 0.1});
  const auto senses =
      rank_senses(problem, zero, Matrix::Zero(2 * width, data.size()), trained.state);
  ASSERT_FALSE(senses.empty());
  EXPECT_DOUBLE_EQ(senses[0].change(0.0, 1e-9), senses[0].factor * 1e-9);
}

}  // namespace
}  // namespace latetime
