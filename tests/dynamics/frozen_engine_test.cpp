// The frozen engine against the coefficient engine: the same descent, no switch ever passed.

#include "latetime/dynamics/frozen_engine.hpp"

#include <stdexcept>

#include <gtest/gtest.h>

#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

CoefficientEngine coefficient_engine(const TestProblem& p, unsigned threads = 1) {
  return CoefficientEngine(p, threads);
}

/// To `target`: frozen stretches, and single steps of the coefficient engine where they stop.
/// Returns the number of frozen steps.
std::uint64_t advance_by_turns(CoefficientEngine& base, FrozenEngine& frozen, std::uint64_t target,
                               std::uint64_t chunk = ~0ULL) {
  std::uint64_t taken = 0;
  while (base.step() < target) {
    const std::uint64_t asked = std::min(chunk, target - base.step());
    const std::uint64_t here = frozen.advance(asked);
    taken += here;
    if (here < asked) base.advance(1);
  }
  return taken;
}

std::vector<TestProblem> frozen_problems() {
  std::vector<TestProblem> result = two_class_problems(1e4);
  const Dataset data = gaussian_mixture(10, 60, 0.01, 1.0, 8);
  result.push_back(problem_on("tiny_learning_rate", data, 12, 0.0, 1e-2, 1e-12));
  return result;
}

class FrozenEngineOn : public testing::TestWithParam<TestProblem> {};

/// The proof at work: where pairs switch all the time, every switch must be left to the coefficient
/// engine, in the very step in which it happens.
TEST_P(FrozenEngineOn, NeverPassesASwitchAndFollowsTheSameDescent) {
  const TestProblem& problem = GetParam();
  CoefficientEngine plain = coefficient_engine(problem), base = coefficient_engine(problem);
  FrozenEngine frozen(base);
  std::uint64_t taken = 0;
  while (base.step() < 3000) {
    const std::uint64_t here = frozen.advance(3000 - base.step());
    const SwitchCounts before = plain.memory().switches;
    plain.advance(here);
    ASSERT_TRUE(same_counts(before, plain.memory().switches)) << "up to " << plain.step();
    ASSERT_EQ(plain.pattern().words, base.pattern().words) << "step " << plain.step();
    taken += here;
    if (base.step() == 3000) break;
    base.advance(1);
    plain.advance(1);
    ASSERT_TRUE(same_counts(plain.memory().switches, base.memory().switches)) << plain.step();
  }
  const TrainingState a = plain.state(), b = base.state();
  EXPECT_EQ(a.switched_since_record.words, b.switched_since_record.words);
  const double scale = largest(a.coefficients);
  EXPECT_LE(largest(a.coefficients - b.coefficients), run_rounding * scale);
  EXPECT_LE(largest(a.preactivations - b.preactivations),
            run_rounding * preactivation_scale(a, problem.data));
  RecordProperty("frozen_steps", static_cast<int>(taken));
}

/// A run cut into calls of any length, stopped and restored in between, gives the same bits.
TEST_P(FrozenEngineOn, TheCutOfARunChangesNoBit) {
  const TestProblem& problem = GetParam();
  constexpr std::uint64_t target = 700;
  CoefficientEngine whole = coefficient_engine(problem);
  FrozenEngine whole_frozen(whole);
  advance_by_turns(whole, whole_frozen, target);
  for (const std::uint64_t chunk : {1, 2, 37, 300}) {
    CoefficientEngine cut = coefficient_engine(problem);
    FrozenEngine cut_frozen(cut);
    advance_by_turns(cut, cut_frozen, target / 2, chunk);
    CoefficientEngine resumed = coefficient_engine(problem);
    resumed.restore(cut.memory());
    FrozenEngine resumed_frozen(resumed);
    advance_by_turns(resumed, resumed_frozen, target, chunk);
    ASSERT_TRUE(same_bits(whole.state(), resumed.state())) << "chunks of " << chunk;
  }
}

INSTANTIATE_TEST_SUITE_P(Problems, FrozenEngineOn, testing::ValuesIn(frozen_problems()),
                         [](const auto& p) { return p.param.name; });

/// Once nothing switches any more all steps are frozen, and both engines stay together: on one
/// activation cell the descent does not blow errors up. C is a compensated sum in both, of
/// increments with errors of some roundings each; the coefficient engine's Z drifts by up to 4,096
/// roundings, 4.5e-13, between its folds, and by the root of that where they are random.
void expect_agreement_after_settling(double slope, std::uint64_t settled, std::uint64_t steps) {
  const TestProblem p =
      problem_on("settled", gaussian_mixture(10, 784, 0.01, 1.0, 1), 20, slope, 1e-3);
  CoefficientEngine plain = coefficient_engine(p), base = coefficient_engine(p);
  plain.advance(settled);
  base.advance(settled);
  FrozenEngine frozen(base);
  ASSERT_EQ(frozen.advance(steps), steps) << "slope " << slope;
  plain.advance(steps);
  const TrainingState a = plain.state(), b = base.state();
  EXPECT_EQ(a.time, b.time);
  EXPECT_TRUE(same_counts(a.switches, b.switches));
  EXPECT_EQ(plain.pattern().words, base.pattern().words);
  constexpr double tolerance = 1e-13;
  EXPECT_LE(largest(a.coefficients - b.coefficients), 1e-14 * largest(a.coefficients));
  EXPECT_LE(largest(a.preactivations - b.preactivations), tolerance * largest(a.preactivations));
  EXPECT_NEAR(log_loss(a, p), log_loss(b, p), tolerance * std::abs(log_loss(a, p)));
}

TEST(FrozenEngine, StaysWithTheCoefficientEngineOnceSettled) {
  for (const double slope : {0.1, 0.5, 1.0}) expect_agreement_after_settling(slope, 5000, 150'000);
}

TEST(FrozenEngine, SlowStaysWithTheCoefficientEngineForAMillionSteps) {
  for (const double slope : {0.1, 0.5, 1.0})
    expect_agreement_after_settling(slope, 5000, 1'500'000);
}

/// Across folds, the cut of the run and a hand-over in mid-period still change no bit.
TEST(FrozenEngine, FoldsAtTheSameStepsHoweverARunIsCut) {
  const TestProblem p = problem_on("settled", gaussian_mixture(7, 90, 0.01, 1.0, 1), 6, 0.3, 1e-3);
  constexpr std::uint64_t fold = CoefficientEngine::frozen_fold_period, target = 2 * fold + 5000;
  CoefficientEngine whole = coefficient_engine(p);
  FrozenEngine whole_frozen(whole);
  advance_by_turns(whole, whole_frozen, target);
  for (const std::uint64_t chunk : {1001, 65'536, 100'000}) {
    CoefficientEngine cut = coefficient_engine(p);
    FrozenEngine cut_frozen(cut);
    advance_by_turns(cut, cut_frozen, fold, chunk);
    EXPECT_EQ(largest(cut.memory().arrays.at("cumulative")), 0.0);  // folded here
    EXPECT_GT(advance_by_turns(cut, cut_frozen, target, chunk), fold);
    EXPECT_TRUE(same_bits(whole.state(), cut.state())) << chunk;
  }
}

TEST(FrozenEngine, ThreadsAndKernelsChangeNoBit) {
  const TestProblem p = problem_on("wide", orthogonal_data(70, 70, 3.0), 300, 0.5, 1e-6);
  CoefficientEngine alone = coefficient_engine(p);
  FrozenEngine alone_frozen(alone, kernel::baseline_frozen_kernel);
  const std::uint64_t taken = advance_by_turns(alone, alone_frozen, 200);
  EXPECT_GT(taken, 0u);
  const kernel::FrozenKernel* kernels[3];
  const std::size_t count = kernel::available_frozen_kernels(kernels);
  for (std::size_t i = 0; i < count; ++i) {
    CoefficientEngine base = coefficient_engine(p, 3);
    FrozenEngine frozen(base, *kernels[i]);
    EXPECT_EQ(advance_by_turns(base, frozen, 200), taken);
    EXPECT_TRUE(same_bits(alone.state(), base.state())) << kernels[i]->name;
  }
}

/// One sample x = 1, weights ±z: which pre-activations are far enough from zero to be proved?
TEST(FrozenEngine, ProvesNothingWithinTheRoundingMargin) {
  const auto taken = [](double z) {
    TestProblem p{.name = "",
                  .data = orthogonal_data(2, 2, 1.0),
                  .initial = {{.groups = 2, .width = 1, .dim = 2, .slope = 0.1}, Matrix(2, 2)},
                  .learning_rate = 1e-30};
    p.initial.weights << 1.0, z, 1.0, 1.0;  // z beside a pre-activation of 1: a scale of 1
    p.data.x = Matrix::Identity(2, 2);
    CoefficientEngine base(p, 1);
    FrozenEngine frozen(base);
    return frozen.advance(1000);
  };
  EXPECT_EQ(taken(1e-3), 1000u);
  EXPECT_EQ(taken(1e-11), 1000u);
  EXPECT_EQ(taken(-1e-11), 1000u);
  EXPECT_EQ(taken(1e-16), 0u);  // one rounding of the scale
  EXPECT_EQ(taken(0.0), 0u);
  EXPECT_EQ(taken(-1e-16), 0u);
}

/// Most steps without a switch must be proved, or the engine would be exact and useless.
TEST(FrozenEngine, TakesNearlyAllStepsThatSwitchNothing) {
  const TestProblem p = problem_on("relu", gaussian_mixture(6, 200, 0.01, 1.0, 2), 4, 0.0, 1e-3);
  constexpr std::uint64_t target = 20'000;
  CoefficientEngine plain = coefficient_engine(p);
  std::uint64_t quiet = 0, seen = 0;
  for (std::uint64_t t = 0; t < target; ++t) {
    plain.advance(1);
    const SwitchCounts counts = plain.memory().switches;
    quiet += counts.own + counts.other == seen;
    seen = counts.own + counts.other;
  }
  CoefficientEngine base = coefficient_engine(p);
  FrozenEngine frozen(base);
  const std::uint64_t taken = advance_by_turns(base, frozen, target);
  EXPECT_LE(taken, quiet);
  EXPECT_GE(taken, quiet * 9 / 10);
  EXPECT_LT(quiet, target);  // else nothing was tested
}

TEST(FrozenEngine, RefusesMoreThanTwoClasses) {
  const TestProblem p =
      problem_on("three", with_class_count(gaussian_mixture(9, 20, 0.01, 1.0, 6), 3), 4, 0.0, 1e-2);
  CoefficientEngine base = coefficient_engine(p);
  EXPECT_THROW(FrozenEngine{base}, std::invalid_argument);
}

TEST(FrozenEngine, ProvesNothingOnceOutputsOverflow) {
  TestProblem p = problem_on("overflow", gaussian_mixture(6, 20, 0.01, 1.0, 1), 1, 0.1, 1e-2);
  p.data.x.edit() *= 1e200;
  CoefficientEngine base = coefficient_engine(p);
  FrozenEngine frozen(base);
  EXPECT_EQ(frozen.advance(10), 0u);
}

// ---- kernels --------------------------------------------------------------------------------

struct KernelRun {
  AlignedVector tangent, reference, rate, sums, margins;
  std::size_t samples, stride;

  explicit KernelRun(std::size_t n) : samples(n), stride((n + 7) / 8 * 8) {
    tangent.assign(n * stride, 0.0);
    reference.assign(stride, 0.0);
    rate.assign(stride, 0.0);
    sums.assign(stride, 0.0);
    margins.assign(stride, 0.0);
  }
  void advance(const kernel::FrozenKernel& kernel, std::uint64_t steps) {
    kernel.advance({.tangent = tangent.data(),
                    .reference = reference.data(),
                    .rate = rate.data(),
                    .sums = sums.data(),
                    .margins = margins.data(),
                    .samples = samples,
                    .stride = stride,
                    .steps = steps});
  }
};

std::vector<const kernel::FrozenKernel*> frozen_kernels() {
  const kernel::FrozenKernel* list[8];
  const std::size_t count = kernel::available_frozen_kernels(list);
  return {list, list + count};
}

TEST(FrozenKernels, AgreeToTheBitForEveryNumberOfSamples) {
  ASSERT_EQ(frozen_kernels().size(), all_kernels().size());
  for (std::size_t n = 1; n <= 150; n += n < 80 ? 1 : 9) {
    KernelRun start(n);
    RandomStream stream(n, RandomPurpose::test);
    for (std::size_t i = 0; i < n; ++i) {
      start.reference[i] = 1600.0 * stream.uniform() - 800.0;
      start.rate[i] = 0.01;
      for (std::size_t l = 0; l < n; ++l) {
        start.tangent[l * start.stride + i] = stream.uniform() - 0.3;
      }
    }
    KernelRun expected = start;
    expected.advance(kernel::baseline_frozen_kernel, 23);
    for (const kernel::FrozenKernel* kernel : frozen_kernels()) {
      KernelRun run = start;
      run.advance(*kernel, 23);
      ASSERT_EQ(0, std::memcmp(expected.sums.data(), run.sums.data(), 8 * run.stride))
          << kernel->name << ", n = " << n;
      for (std::size_t i = n; i < run.stride; ++i) ASSERT_EQ(run.sums[i], 0.0);
    }
  }
}

/// With K = 0 a step adds rate · g(u). Its relative error is that of exp (1 ulp = 2 roundings) and
/// three more operations, for margins of any size; from 708 on g is subnormal and the smallest
/// double sets the error.
TEST(FrozenKernels, MultipliersAreAccurateAndTheSameBitsForMarginsOfAnySize) {
  constexpr std::size_t n = 16;
  RandomStream stream(5, RandomPurpose::test);
  for (int round = 0; round < 20'000; ++round) {
    KernelRun start(n);
    for (std::size_t i = 0; i < n; ++i) {
      const double wide = 1600.0 * stream.uniform() - 800.0;
      start.reference[i] = round % 2 ? wide : wide * std::exp(-30.0 * stream.uniform());
      start.rate[i] = 1.0;
    }
    KernelRun expected = start;
    expected.advance(kernel::baseline_frozen_kernel, 1);
    for (const kernel::FrozenKernel* kernel : frozen_kernels()) {
      KernelRun run = start;
      run.advance(*kernel, 1);
      ASSERT_EQ(0, std::memcmp(expected.sums.data(), run.sums.data(), 8 * n)) << kernel->name;
    }
    for (std::size_t i = 0; i < n; ++i) {
      const long double u = start.reference[i];
      const long double g = 1.0L / (1.0L + std::exp(u));
      ASSERT_LE(std::abs(expected.sums[i] - g), 5 * 0x1p-53L * g + 0x1p-1074L) << "u = " << u;
    }
  }
}

/// The kernel's loop against the same recurrence in long double.
TEST(FrozenKernels, FollowTheRecurrence) {
  for (const std::size_t n : {1u, 3u, 10u, 16u, 17u, 41u}) {
    KernelRun run(n);
    RandomStream stream(n, RandomPurpose::test);
    for (std::size_t i = 0; i < n; ++i) {
      run.reference[i] = stream.uniform();
      run.rate[i] = 0.01;
      for (std::size_t l = 0; l <= i; ++l) {
        run.tangent[l * run.stride + i] = run.tangent[i * run.stride + l] = stream.uniform();
      }
    }
    std::vector<long double> s(n, 0.0L), u(n);
    constexpr int steps = 1000;
    for (int t = 0; t < steps; ++t) {
      for (std::size_t i = 0; i < n; ++i) {
        u[i] = run.reference[i];
        for (std::size_t l = 0; l < n; ++l) u[i] += run.tangent[l * run.stride + i] * s[l];
      }
      for (std::size_t i = 0; i < n; ++i) s[i] += run.rate[i] / (1.0L + std::exp(u[i]));
    }
    run.advance(kernel::best_frozen_kernel(), steps);
    for (std::size_t i = 0; i < n; ++i) {
      EXPECT_NEAR(run.sums[i], static_cast<double>(s[i]), steps * 0x1p-53 * s[i]) << "n = " << n;
    }
  }
}

}  // namespace
}  // namespace latetime
