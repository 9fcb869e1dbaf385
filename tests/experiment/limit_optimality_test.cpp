// Verdicts on limits whose global and local optima are known in closed form.

#include "latetime/experiment/limit_optimality.hpp"

#include <cmath>

#include <gtest/gtest.h>

namespace latetime {
namespace {

/// Orthogonal samples x_i = r_i e_i and ReLU: neuron k of class y_i is active on its samples i with
/// active(k, i) alone, and v_k = Σ m/(|S_i| r_i²) x_i over them.
struct Orthogonal {
  Vector norms;
  std::vector<int> classes;
  Eigen::Index width;
  std::vector<std::vector<int>> active;  // 2m × n

  Matrix samples() const { return norms.asDiagonal(); }
  NetworkShape shape() const {
    return {.groups = 2, .width = width, .dim = norms.size(), .slope = 0.0};
  }
  double shared(Eigen::Index i) const {
    double count = 0.0;
    for (const auto& row : active) count += row[static_cast<std::size_t>(i)];
    return count;
  }
  Limit limit() const {
    const auto m = static_cast<double>(width);
    const Eigen::Index n = norms.size();
    Limit limit;
    limit.status = LimitStatus::found;
    limit.multipliers.resize(n);
    limit.coefficients = Matrix::Zero(2 * width, n);
    limit.slopes = Matrix::Zero(2 * width, n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const double coefficient = m / (shared(i) * norms[i] * norms[i]);
      limit.multipliers[i] = m * coefficient;
      for (Eigen::Index k = 0; k < 2 * width; ++k) {
        const int on = active[static_cast<std::size_t>(k)][static_cast<std::size_t>(i)];
        limit.coefficients(k, i) = on * coefficient;
        limit.slopes(k, i) = on;
      }
    }
    limit.margins = Vector::Ones(n);
    return limit;
  }
  double value() const {
    double sum = 0.0;
    const auto m = static_cast<double>(width);
    for (Eigen::Index i = 0; i < norms.size(); ++i)
      sum += m * m / (shared(i) * norms[i] * norms[i]);
    return 0.5 * sum;
  }
  LimitOptimality judge() const { return judge_optimality(limit(), samples(), classes, shape()); }
};

TEST(LimitOptimality, AllNeuronsOnAllOwnSamplesAreTheOptimum) {
  const Orthogonal all{.norms = Vector{{1.0, 2.0, 0.5}},
                       .classes = {0, 0, 1},
                       .width = 2,
                       .active = {{1, 1, 0}, {1, 1, 0}, {0, 0, 1}, {0, 0, 1}}};
  const LimitOptimality found = all.judge();
  EXPECT_NEAR(found.value, all.value(), 1e-11 * all.value());
  EXPECT_EQ(found.global.verdict, Optimality::optimal);
  EXPECT_EQ(found.global.certainty, Certainty::proved);
  EXPECT_LE(found.lower, all.value());
  EXPECT_LE(found.gap(), 1e-9);
  EXPECT_EQ(found.better.rows(), 0);
  EXPECT_EQ(found.local.verdict, Optimality::optimal);
  EXPECT_EQ(found.local.certainty, Certainty::proved);
}

TEST(LimitOptimality, AnInactiveOwnPairAtZeroMakesItNoLocalOptimum) {
  const Orthogonal some{.norms = Vector{{1.0, 2.0, 0.5}},
                        .classes = {0, 0, 1},
                        .width = 2,
                        .active = {{1, 0, 0}, {1, 1, 0}, {0, 0, 1}, {0, 0, 1}}};
  const LimitOptimality found = some.judge();
  // The least is ½ Σ m/r²: the value with |S_1| = 2.
  const double least = 0.5 * 2.0 * (1.0 + 0.25 + 4.0);
  EXPECT_NEAR(found.value, least + 0.5 * 4.0 * 0.25 * 0.5, 1e-10);
  EXPECT_NEAR(found.lower, least, 1e-9);
  EXPECT_NEAR(found.upper, least, 1e-9);
  EXPECT_EQ(found.global.verdict, Optimality::not_optimal);
  EXPECT_EQ(found.local.verdict, Optimality::not_optimal);
  EXPECT_EQ(found.local.certainty, Certainty::proved);
  ASSERT_EQ(found.better_nearby.rows(), 4);
  EXPECT_GT(found.better_nearby(0, 1), 0.0);
}

TEST(LimitOptimality, ADeadNeuronMakesItNoLocalOptimum) {
  const Orthogonal dead{.norms = Vector{{1.0, 2.0}},
                        .classes = {0, 1},
                        .width = 2,
                        .active = {{1, 0}, {0, 0}, {0, 1}, {0, 1}}};
  const LimitOptimality found = dead.judge();
  EXPECT_EQ(found.local.verdict, Optimality::not_optimal);
  EXPECT_EQ(found.local.certainty, Certainty::proved);
  EXPECT_NEAR(found.excess(), 0.5 * 4.0 * (1.0 + 0.125) / (1.0 + 0.25) - 1.0, 1e-8);
}

TEST(LimitOptimality, WeightsThatAreNoLeastNormPointAreUndecided) {
  Orthogonal all{
      .norms = Vector{{1.0, 2.0}}, .classes = {0, 1}, .width = 1, .active = {{1, 0}, {0, 1}}};
  Limit limit = all.limit();
  limit.coefficients(0, 1) = -0.2;  // feasible, but longer than it must be
  limit.multipliers[0] *= 3.0;
  const LimitOptimality found = judge_optimality(limit, all.samples(), all.classes, all.shape());
  EXPECT_EQ(found.local.verdict, Optimality::undecided);
  EXPECT_FALSE(found.local.reason.empty());
  EXPECT_LE(found.lower, all.value());
  EXPECT_LE(found.upper, found.value);
}

TEST(LimitOptimality, SamplesOfExtremeNormsAreUndecided) {
  const Orthogonal tiny{
      .norms = Vector{{1e-60, 2e-60}}, .classes = {0, 1}, .width = 1, .active = {{1, 0}, {0, 1}}};
  const LimitOptimality found = tiny.judge();
  EXPECT_FALSE(found.known());
  EXPECT_EQ(found.global.verdict, Optimality::undecided);
  EXPECT_NE(found.global.reason.find("scale the samples"), std::string::npos);
}

}  // namespace
}  // namespace latetime
