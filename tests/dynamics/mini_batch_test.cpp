#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

TestProblem problem_of(Eigen::Index n, double slope = 0.1, double learning_rate = 0.1) {
  return problem_on("mini_batch", gaussian_mixture(n, 30, 0.01, 1.0, 1), 6, slope, 1e-2,
                    learning_rate);
}

TEST(MiniBatch, OfAllSamplesIsFullBatchDescentToRounding) {
  for (const std::size_t batch : {11u, 64u}) {
    const TestProblem problem = problem_of(11);
    Engine full = dense(problem), single = dense(problem, 1, batch);
    for (const std::uint64_t steps : {1, 9, 490}) {
      full.advance(steps);
      single.advance(steps);
      const TrainingState a = full.state(), b = single.state();
      EXPECT_LE(largest(a.weights - b.weights), run_rounding * largest(a.weights));
      EXPECT_LE(largest(a.coefficients - b.coefficients), run_rounding * largest(a.coefficients));
      EXPECT_LE(largest(a.preactivations - b.preactivations),
                run_rounding * preactivation_scale(a, problem.data));
    }
  }
}

/// From W = 0 with a tiny η every f stays at 0 ± O(η), so every g is ½ ± O(η); the linear network
/// (slope 1) has σ' = 1. A visit of sample i in a batch B then adds ±η/(2|B|m) to each c_{k,i}.
TEST(MiniBatch, AnEpochVisitsEverySampleOnceTheLastPartialBatchIncluded) {
  for (const std::size_t batch : {1u, 3u, 4u, 6u, 11u}) {
    constexpr Eigen::Index n = 11;
    constexpr double rate = 1e-9;
    TestProblem problem = problem_of(n, 1.0, rate);
    problem.initial.weights.setZero();
    Engine engine = dense(problem, 1, batch, 5);
    const std::size_t batches = (n + batch - 1) / batch;
    std::vector<std::vector<Eigen::Index>> orders;
    Matrix before = engine.state().coefficients;
    for (int epoch = 0; epoch < 6; ++epoch) {
      std::vector<Eigen::Index> order;
      for (std::size_t b = 0; b < batches; ++b) {
        engine.advance(1);
        const Matrix now = engine.state().coefficients;
        const std::size_t size = std::min(batch, n - b * batch);
        const double increment = rate / (2.0 * static_cast<double>(size) * 6.0);
        std::size_t visited = 0;
        for (Eigen::Index i = 0; i < n; ++i) {
          const Vector moved = now.col(i) - before.col(i);
          if (moved.isZero(0.0)) continue;
          ++visited;
          order.push_back(i);
          for (Eigen::Index k = 0; k < moved.size(); ++k) {
            const double sign = (k < 6) == (problem.data.label(i) > 0) ? 1.0 : -1.0;
            // |f| ≤ η t ‖x‖² max / m-type: 1e-6 relative leaves three decades for it.
            EXPECT_NEAR(moved[k], sign * increment, 1e-6 * increment);
          }
        }
        EXPECT_EQ(visited, size) << "batch " << b << " of size " << batch;
        before = now;
      }
      std::vector<Eigen::Index> sorted = order;
      std::sort(sorted.begin(), sorted.end());
      for (Eigen::Index i = 0; i < n; ++i) EXPECT_EQ(sorted.at(static_cast<std::size_t>(i)), i);
      orders.push_back(order);
    }
    // Which samples share a batch differs from epoch to epoch (but for a chance of 1 in 11·10·9·8 /
    // 4! at most, and the seed is fixed); one batch of all shows no order.
    if (batch < n) {
      EXPECT_NE(orders[0], orders[1]);
    }
  }
}

TEST(MiniBatch, OrderDependsOnTheSeedAlone) {
  const TestProblem problem = problem_of(20);
  Engine a = dense(problem, 1, 4, 1), b = dense(problem, 1, 4, 1), c = dense(problem, 1, 4, 2);
  a.advance(23);
  b.advance(10);
  b.advance(13);
  c.advance(23);
  EXPECT_TRUE(same_bits(a.state(), b.state()));
  EXPECT_FALSE(same_bits(a.state().weights, c.state().weights));
}

TEST(MiniBatch, ThreadsChangeNoBit) {
  const TestProblem problem =
      problem_on("wide", gaussian_mixture(50, 30, 0.01, 1.0, 1), 300, 0.0, 1e-2);
  for (const std::size_t batch : {std::size_t{16}, std::size_t{0}}) {  // 0: all samples
    Engine alone = dense(problem, 1, batch);
    alone.advance(30);
    for (const unsigned threads : {2u, 3u}) {
      Engine team = dense(problem, threads, batch);
      team.advance(30);
      EXPECT_TRUE(same_bits(alone.state(), team.state())) << threads << " threads, " << batch;
    }
  }
}

TEST(MiniBatch, RestoredInTheMiddleOfAnEpochContinuesToTheSameBits) {
  const TestProblem problem = problem_of(20);
  for (const std::uint64_t stop : {0, 1, 2, 3, 4, 17, 18}) {  // an epoch is 3 batches: 8, 8, 4
    Engine whole = dense(problem, 1, 8, 3), resumed = dense(problem, 1, 8, 3);
    whole.advance(stop);
    resumed.advance(7);
    resumed.restore(whole.memory());
    EXPECT_TRUE(same_bits(whole.state(), resumed.state())) << stop;
    whole.advance(20);
    resumed.advance(20);
    EXPECT_TRUE(same_bits(whole.state(), resumed.state())) << stop;
  }
}

TEST(MiniBatch, DecompositionHolds) {
  const TestProblem problem = problem_of(20, 0.0);
  Engine engine = dense(problem, 1, 8);
  engine.advance(500);
  const TrainingState state = engine.state();
  const Matrix rebuilt = problem.initial.weights + state.coefficients * problem.data.x;
  EXPECT_LE(largest(state.weights - rebuilt), run_rounding * largest(state.weights));
  EXPECT_LE(largest(state.preactivations - state.weights * problem.data.x.transpose()),
            run_rounding * preactivation_scale(state, problem.data));
}

TEST(MiniBatch, DoesNotCountSwitches) {
  Engine engine = dense(problem_of(20), 1, 8);
  engine.advance(50);
  const TrainingState state = engine.state();
  EXPECT_FALSE(state.switches.counted);
  EXPECT_EQ(state.switches.own + state.switches.other, 0u);
}

}  // namespace
}  // namespace latetime
