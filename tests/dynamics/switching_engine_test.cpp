// The switching engine against the coefficient engine: the same descent, every switch at its step.

#include "latetime/dynamics/switching_engine.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "latetime/dynamics/exact_descent.hpp"
#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

constexpr double whatever_it_costs = 1e300;

/// Both, with blocks wherever one can begin.
struct Blocks {
  CoefficientEngine base;
  SwitchingEngine switching;

  explicit Blocks(const TestProblem& p,
                  const kernel::SwitchingKernel& kernel = kernel::best_switching_kernel(),
                  unsigned threads = 1)
      : base(p, threads), switching(base, kernel) {
    switching.set_worth(whatever_it_costs);
  }

  /// Returns the number of steps in blocks.
  std::uint64_t advance_to(std::uint64_t target, std::uint64_t chunk = ~0ULL) {
    std::uint64_t in_blocks = 0;
    while (switching.step() < target) {
      if (!switching.in_block() && !switching.begin_block()) {
        base.advance(1);
        continue;
      }
      const bool first = switching.block_steps() == 0;
      const std::uint64_t taken = switching.advance(std::min(chunk, target - switching.step()));
      in_blocks += taken;
      if (first && taken == 0) base.advance(1);
    }
    return in_blocks;
  }
};

TestProblem reflected(double slope) {
  Dataset data = gaussian_mixture(12, 30, 0.05, 1.0, 5);
  for (Eigen::Index i = 0; i < 6; ++i) {
    data.x.edit().row(i + 6) = -data.x.row(i);
    data.classes[static_cast<std::size_t>(i) + 6] = static_cast<int>(i % 2);
  }
  return problem_on("reflected_slope_" + std::to_string(static_cast<int>(10 * slope)), data, 9,
                    slope, 1e-2);
}

std::vector<TestProblem> followed_problems() {
  std::vector<TestProblem> result = two_class_problems(1e3);
  result.push_back(reflected(0.0));
  result.push_back(reflected(0.2));
  result.push_back(problem_on("m_70", gaussian_mixture(20, 15, 0.1, 1.0, 3), 70, 0.1, 0.1));
  result.push_back(problem_on("m_130", gaussian_mixture(9, 12, 0.1, 1.0, 3), 130, 0.0, 0.1));
  return result;
}

class SwitchingEngineOn : public testing::TestWithParam<TestProblem> {};

TEST_P(SwitchingEngineOn, FollowsTheSameDescentAndBooksEverySwitch) {
  const TestProblem& problem = GetParam();
  CoefficientEngine plain(problem, 1);
  Blocks blocks(problem);
  std::uint64_t followed = 0;
  for (const std::uint64_t step : {1, 2, 40, 333, 1024, 1500, 2500}) {
    followed += blocks.advance_to(step);
    plain.advance(step - plain.step());
    SCOPED_TRACE("step " + std::to_string(step));
    const TrainingState a = plain.state(), b = blocks.switching.state(true);
    ASSERT_EQ(a.time, b.time);
    ASSERT_TRUE(same_counts(a.switches, b.switches))
        << a.switches.own << " " << b.switches.own << " own, " << a.switches.other << " "
        << b.switches.other << " other";
    ASSERT_EQ(a.switched_since_record.words, b.switched_since_record.words);
    EXPECT_LE(largest(a.weights - b.weights), run_rounding * largest(a.weights));
    EXPECT_LE(largest(a.coefficients - b.coefficients), run_rounding * largest(a.coefficients));
    EXPECT_LE(largest(a.preactivations - b.preactivations),
              run_rounding * preactivation_scale(a, problem.data));
    plain.clear_switched();
    blocks.switching.clear_switched();
  }
  EXPECT_GE(followed, 2400u);
}

TEST_P(SwitchingEngineOn, TheCutOfARunChangesNoBit) {
  constexpr std::uint64_t target = 1300;
  Blocks whole(GetParam());
  whole.advance_to(target);
  const TrainingState expected = whole.switching.state(true);
  for (const std::uint64_t chunk : {1, 7, 300}) {
    Blocks cut(GetParam());
    cut.advance_to(target / 2, chunk);
    (void)cut.switching.state(true);
    cut.advance_to(target, chunk);
    ASSERT_TRUE(same_bits(expected, cut.switching.state(true))) << "chunks of " << chunk;
  }
}

TEST_P(SwitchingEngineOn, KernelsAndThreadsChangeNoBit) {
  Blocks reference(GetParam(), kernel::baseline_switching_kernel);
  reference.advance_to(400);
  const TrainingState expected = reference.switching.state(true);
  const kernel::SwitchingKernel* kernels[3];
  const std::size_t count = kernel::available_switching_kernels(kernels);
  ASSERT_EQ(count, all_kernels().size());
  for (std::size_t i = 0; i < count; ++i) {
    Blocks blocks(GetParam(), *kernels[i], 3);
    blocks.advance_to(400);
    EXPECT_TRUE(same_bits(expected, blocks.switching.state(true))) << kernels[i]->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, SwitchingEngineOn, testing::ValuesIn(followed_problems()),
                         [](const auto& p) { return p.param.name; });

/// Every number of lanes and words around the tiles of every instruction set.
TEST(SwitchingEngine, AllKernelsAgreeForEveryNumberOfSamples) {
  const kernel::SwitchingKernel* kernels[3];
  const std::size_t count = kernel::available_switching_kernels(kernels);
  for (Eigen::Index n = 1; n <= 140; n += n < 40 ? 3 : 17) {
    const TestProblem p =
        problem_on("n", gaussian_mixture(n, 12, 0.1, 1.0, 9), 1 + n % 6 * 17, n % 3 * 0.1, 0.1);
    CoefficientEngine plain(p, 1);
    plain.advance(60);
    Blocks reference(p, kernel::baseline_switching_kernel);
    EXPECT_GT(reference.advance_to(60), 0u);
    const TrainingState expected = reference.switching.state(true);
    EXPECT_TRUE(same_counts(plain.state().switches, expected.switches)) << "n = " << n;
    for (std::size_t i = 1; i < count; ++i) {
      Blocks blocks(p, *kernels[i]);
      blocks.advance_to(60);
      ASSERT_TRUE(same_bits(expected, blocks.switching.state(true)))
          << kernels[i]->name << ", n = " << n;
    }
  }
}

/// As runs use it: where the model chooses blocks, stopped and restored within one.
TEST(SwitchingEngine, ARunStoppedWithinABlockContinuesToTheSameBits) {
  const TestProblem p =
      problem_on("few_switch", gaussian_mixture(60, 784, 0.1, 1.0, 1), 50, 0.1, 1e-3);
  constexpr std::uint64_t target = 9000;
  ExactDescent whole(p, 1, true, true), plain(p, 1, false);
  whole.advance(target);
  plain.advance(target);
  EXPECT_TRUE(same_counts(plain.switches(), whole.switches()));
  EXPECT_LE(largest(plain.coefficients() - whole.coefficients()),
            run_rounding * largest(plain.coefficients()));
  int within = 0;
  for (const std::uint64_t stop : {1024, 1500, 2500, 4096, 5000, 7777}) {
    ExactDescent first(p, 1, true, true), second(p, 2, true, true);
    first.advance(stop);
    const EngineMemory memory = first.memory();
    EXPECT_EQ(memory.step, stop);
    within += memory.arrays.at("frozen_now")(0, 0) > 2.0;
    second.advance(3000);  // restoring replaces whatever was there
    second.restore(memory);
    EXPECT_TRUE(same_bits(first.state(), second.state())) << "at " << stop;
    second.advance(target - stop);
    EXPECT_TRUE(same_bits(whole.state(), second.state())) << "from " << stop;
  }
  EXPECT_GT(within, 0);  // else nothing was tested
}

TEST(SwitchingEngine, RefusesMoreThanTwoClasses) {
  const TestProblem p =
      problem_on("three", with_class_count(gaussian_mixture(9, 20, 0.01, 1.0, 6), 3), 4, 0.0, 1e-2);
  CoefficientEngine base(p, 1);
  EXPECT_THROW(SwitchingEngine{base}, std::invalid_argument);
}

TEST(SwitchingEngine, TakesNoStepOnceOutputsOverflow) {
  TestProblem p = problem_on("overflow", gaussian_mixture(6, 20, 0.01, 1.0, 1), 1, 0.1, 1e-2);
  p.data.x.edit() *= 1e200;
  Blocks blocks(p);
  blocks.base.advance(2);
  // A block may begin, but ends before its first step.
  const bool begun = blocks.switching.begin_block();
  EXPECT_EQ(begun ? blocks.switching.advance(10) : 0u, 0u);
}

}  // namespace
}  // namespace latetime
