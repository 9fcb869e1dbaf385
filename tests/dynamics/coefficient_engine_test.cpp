// What is particular to the coefficient engine: the fold of its sums, its kernels, its threads.

#include "latetime/dynamics/coefficient_engine.hpp"

#include <gtest/gtest.h>

#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

constexpr std::uint64_t fold = CoefficientEngine::fold_period;

const TestProblem& named(const std::string& name) {
  for (const TestProblem& problem : problems()) {
    if (problem.name == name) return problem;
  }
  throw std::out_of_range(name);
}

/// Large enough for the engine to put its threads to work.
TestProblem wide_problem(int classes) {
  return problem_on("wide", with_class_count(gaussian_mixture(130, 20, 0.05, 1.0, 1), classes), 200,
                    0.1, 1e-2);
}

TEST(CoefficientEngine, MemoryTakenAnywhereAroundAFoldContinuesToTheSameBits) {
  for (const char* name : {"mixture_slope_0", "n_70_leaky", "three_classes"}) {
    const TestProblem& problem = named(name);
    Engine whole = coefficient(problem);
    whole.advance(fold + 40);
    const TrainingState expected = whole.state();
    Engine engine = coefficient(problem);
    std::uint64_t step = 0;
    for (const std::uint64_t stop : {fold - 30, fold - 1, fold, fold + 1}) {
      engine.advance(stop - step);
      step = stop;
      Engine resumed = coefficient(problem);
      resumed.restore(engine.memory());
      ASSERT_TRUE(same_bits(engine.state(), resumed.state())) << name << " at " << stop;
      resumed.advance(fold + 40 - stop);
      EXPECT_TRUE(same_bits(expected, resumed.state())) << name << " from " << stop;
    }
  }
}

TEST(CoefficientEngine, AFoldMovesNothingButRounding) {
  const TestProblem& problem = named("more_samples_than_dimensions");
  Engine engine = coefficient(problem);
  engine.advance(fold - 1);
  const TrainingState before = engine.state();
  engine.advance(1);
  const TrainingState after = engine.state();
  // One step moves z by at most η max‖x‖² / m; drift of thousands of steps would show beside it.
  const double step = problem.learning_rate * problem.data.x.rowwise().squaredNorm().maxCoeff() /
                      static_cast<double>(problem.initial.shape.width);
  EXPECT_LE(largest(after.preactivations - before.preactivations), step);
  const Matrix z = after.weights * problem.data.x.transpose();
  EXPECT_LE(largest(after.preactivations - z),
            64 * 2.2e-16 * preactivation_scale(after, problem.data));
}

TEST(CoefficientEngine, StaysOnTheDescentOverManyFolds) {
  for (const char* name : {"one_neuron", "near_orthogonal", "one_class"}) {
    const TestProblem& problem = named(name);
    Engine weights = dense(problem), coefficients = coefficient(problem);
    weights.advance(5 * fold);
    coefficients.advance(5 * fold);
    const TrainingState a = weights.state(), b = coefficients.state();
    const double tolerance = 5 * fold * 1.2e-16;  // the dense engine rounds W once a step
    EXPECT_LE(largest(a.weights - b.weights), tolerance * largest(a.weights)) << name;
    EXPECT_TRUE(same_counts(a.switches, b.switches)) << name;
  }
}

/// A million additions to Z would drift by hundreds of units in the last place, the folds undo
/// that: after one, Z = Z(0) + C G to the rounding of n + 2 sums.
TEST(CoefficientEngine, FoldsKeepZFromDriftingInAMillionSteps) {
  const TestProblem& problem = named("one_neuron");
  CoefficientEngine engine(problem, 1);
  engine.advance(256 * fold);
  const TrainingState state = engine.state();
  using Wide = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
  const Wide x = problem.data.x.cast<long double>();
  const Wide z = problem.initial.weights.cast<long double>() * x.transpose() +
                 state.coefficients.cast<long double>() * (x * x.transpose());
  const auto terms = static_cast<double>(problem.data.size() + 2);
  EXPECT_LE(largest(state.preactivations - z.cast<double>()),
            terms * 1.1e-16 * largest(state.preactivations));
}

TEST(CoefficientEngine, ThreadsAndKernelsChangeNoBitOfALargeNetwork) {
  for (const int classes : {2, 3}) {
    const TestProblem problem = wide_problem(classes);
    Engine alone = coefficient(problem, 1, kernel::baseline_kernels);
    alone.advance(60);
    for (const unsigned threads : {1u, 2u, 3u}) {
      for (const kernel::Kernels* kernels : all_kernels()) {
        Engine engine = coefficient(problem, threads, *kernels);
        engine.advance(60);
        EXPECT_TRUE(same_bits(alone.state(), engine.state()))
            << threads << " threads, " << kernels->name << ", " << classes << " classes";
      }
    }
  }
}

/// Every padded row length around the tiles of every instruction set.
TEST(CoefficientEngine, AllKernelsAgreeForEveryNumberOfSamples) {
  for (Eigen::Index n = 1; n <= 140; n += n < 70 ? 1 : 7) {
    const TestProblem problem =
        problem_on("n", gaussian_mixture(n, 12, 0.1, 1.0, 9), 1 + n % 6 * 9, n % 3 * 0.1, 0.1);
    Engine reference = coefficient(problem, 1, kernel::baseline_kernels);
    reference.advance(40);
    const TrainingState expected = reference.state();
    for (const kernel::Kernels* kernels : all_kernels()) {
      Engine engine = coefficient(problem, 1, *kernels);
      engine.advance(40);
      ASSERT_TRUE(same_bits(expected, engine.state())) << kernels->name << ", n = " << n;
    }
    Engine weights = dense(problem);
    weights.advance(40);
    const TrainingState state = weights.state();
    ASSERT_LE(largest(state.weights - expected.weights), run_rounding * largest(state.weights))
        << "n = " << n;
    ASSERT_TRUE(same_counts(state.switches, expected.switches)) << "n = " << n;
  }
}

TEST(Kernels, AreListedFromTheBaselineUpAndTheBestIsTheLast) {
  const auto kernels = all_kernels();
  ASSERT_FALSE(kernels.empty());
  EXPECT_STREQ(kernels.front()->name, "baseline");
  EXPECT_EQ(&kernel::best_kernels(), kernels.back());
}

TEST(CoefficientEngine, NoticesOverflow) {
  TestProblem problem = named("one_neuron");
  CoefficientEngine engine({problem.data, problem.initial, 0.1}, 1);
  EXPECT_TRUE(engine.finite());
  problem.data.x.edit() *= 1e200;
  CoefficientEngine overflowing({problem.data, problem.initial, 0.1}, 1);
  overflowing.advance(2);
  EXPECT_FALSE(overflowing.finite());
}

}  // namespace
}  // namespace latetime
