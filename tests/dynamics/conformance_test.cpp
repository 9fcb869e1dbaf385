// Every engine, on every problem of the library.

#include <string>
#include <tuple>

#include <gtest/gtest.h>

#include "plain_descent.hpp"
#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;

struct EngineKind {
  std::string name;
  Engine (*make)(const TestProblem& problem, unsigned threads);
};
void PrintTo(const EngineKind& kind, std::ostream* out) {
  *out << kind.name;
}

const std::vector<EngineKind> engine_kinds{
    {"dense", [](const TestProblem& p, unsigned threads) { return dense(p, threads); }},
    {"coefficient", [](const TestProblem& p, unsigned threads) { return coefficient(p, threads); }},
};

class Conformance : public testing::TestWithParam<std::tuple<EngineKind, TestProblem>> {
 protected:
  const TestProblem& problem() const { return std::get<1>(GetParam()); }
  Engine make(unsigned threads = 1) const {
    return std::get<0>(GetParam()).make(problem(), threads);
  }
};

/// Twenty steps: at most a few dozen roundings of W, and d products summed up in z. Where the
/// activation is smoothed, σ' takes these over, divided by h.
TEST_P(Conformance, FollowsThePlainLoops) {
  const double h = problem().initial.shape.smoothing;
  const double tolerance = 1e-13 * (h > 0.0 ? 1.0 + 0.1 / h : 1.0);
  Engine engine = make();
  PlainDescent plain(problem());
  for (std::uint64_t step = 0; step <= 20; ++step) {
    const TrainingState state = engine.state();
    ASSERT_EQ(state.time, step);
    ASSERT_LE(largest(state.weights - plain.weights), tolerance * largest(plain.weights));
    ASSERT_LE(largest(state.preactivations - plain.z),
              tolerance * preactivation_scale(state, problem().data));
    ASSERT_LE(largest(state.coefficients - plain.coefficients),
              tolerance * largest(plain.coefficients));
    ASSERT_TRUE(same_counts(state.switches, plain.switches)) << "step " << step;
    engine.advance(1);
    plain.step();
  }
}

TEST_P(Conformance, ReportsThePairsThatSwitchedSinceTheLastRecord) {
  Engine engine = make();
  const Eigen::Index neurons = problem().initial.shape.neurons(), n = problem().data.size();
  PairBits seen(neurons, n);
  Matrix before = engine.state().preactivations;
  for (int step = 1; step <= 60; ++step) {
    engine.advance(1);
    const TrainingState state = engine.state();
    for (Eigen::Index k = 0; k < neurons; ++k) {
      for (Eigen::Index i = 0; i < n; ++i) {
        if ((before(k, i) >= 0) != (state.preactivations(k, i) >= 0)) {
          seen.row(k)[i / 64] |= std::uint64_t{1} << (i % 64);
        }
      }
    }
    ASSERT_EQ(state.switched_since_record.words, seen.words) << "step " << step;
    before = state.preactivations;
    if (step % 13 == 0) {
      engine.clear_switched();
      seen = PairBits(neurons, n);
    }
  }
}

TEST_P(Conformance, WeightsAreTheInitialOnesPlusTheSamplesTimesCoefficients) {
  Engine engine = make();
  for (const std::uint64_t steps : {0, 1, 9, 90, 200}) {
    engine.advance(steps);
    const TrainingState state = engine.state();
    const Matrix rebuilt = problem().initial.weights + state.coefficients * problem().data.x;
    EXPECT_LE(largest(state.weights - rebuilt), run_rounding * largest(state.weights));
    const Matrix z = state.weights * problem().data.x.transpose();
    EXPECT_LE(largest(state.preactivations - z),
              run_rounding * preactivation_scale(state, problem().data));
  }
}

TEST_P(Conformance, ChunksOfStepsChangeNoBit) {
  Engine whole = make(), pieces = make();
  whole.advance(100);
  for (const std::uint64_t steps : {1, 0, 2, 47, 50}) {
    pieces.advance(steps);
    (void)pieces.state();
  }
  EXPECT_TRUE(same_bits(whole.state(), pieces.state()));
}

TEST_P(Conformance, ThreadsChangeNoBit) {
  Engine alone = make(1);
  alone.advance(30);
  for (const unsigned threads : {2u, 3u}) {
    Engine team = make(threads);
    team.advance(30);
    EXPECT_TRUE(same_bits(alone.state(), team.state())) << threads << " threads";
  }
}

TEST_P(Conformance, ARestoredRunContinuesToTheSameBits) {
  Engine engine = make();
  engine.advance(37);
  const EngineMemory memory = engine.memory();
  Engine resumed = make();
  resumed.advance(5);  // restoring replaces whatever was there
  resumed.restore(memory);
  EXPECT_TRUE(same_bits(engine.state(), resumed.state()));
  engine.advance(80);
  resumed.advance(80);
  EXPECT_TRUE(same_bits(engine.state(), resumed.state()));
}

std::string label(const testing::TestParamInfo<std::tuple<EngineKind, TestProblem>>& info) {
  return std::get<0>(info.param).name + "_" + std::get<1>(info.param).name;
}

INSTANTIATE_TEST_SUITE_P(Engines, Conformance,
                         testing::Combine(testing::ValuesIn(engine_kinds),
                                          testing::ValuesIn(problems())),
                         label);

std::vector<TestProblem> smoothed_problems() {
  std::vector<TestProblem> smoothed;
  for (TestProblem problem : problems()) {
    for (const double smoothing : {1e-3, 0.5, 30.0}) {
      problem.initial.shape.smoothing = smoothing;
      smoothed.push_back(problem);
      smoothed.back().name += "_smoothed_" + std::to_string(smoothed.size() % 3);
    }
  }
  return smoothed;
}

INSTANTIATE_TEST_SUITE_P(Smoothed, Conformance,
                         testing::Combine(testing::Values(engine_kinds[0]),
                                          testing::ValuesIn(smoothed_problems())),
                         label);

// ---- the engines against each other ----------------------------------------------------------

class EveryProblem : public testing::TestWithParam<TestProblem> {};

void expect_same_descent(const TrainingState& a, const TrainingState& b, const TestProblem& p) {
  SCOPED_TRACE("step " + to_string(a.time));
  const double scale = preactivation_scale(a, p.data);
  ASSERT_EQ(a.time, b.time);
  EXPECT_LE(largest(a.weights - b.weights), run_rounding * largest(a.weights));
  EXPECT_LE(largest(a.preactivations - b.preactivations), run_rounding * scale);
  EXPECT_LE(largest(a.coefficients - b.coefficients), run_rounding * largest(a.coefficients));
  // d log L = −Σ (weights of sum 1) du: the relative error of L is the error of the margins.
  EXPECT_NEAR(log_loss(a, p), log_loss(b, p), run_rounding * std::max(1.0, scale));
  EXPECT_TRUE(same_counts(a.switches, b.switches))
      << a.switches.own << " " << b.switches.own << " own, " << a.switches.other << " "
      << b.switches.other << " other";
  EXPECT_EQ(a.switched_since_record.words, b.switched_since_record.words);
}

TEST_P(EveryProblem, DenseEqualsCoefficientAtEveryRecord) {
  Engine weights = dense(GetParam()), coefficients = coefficient(GetParam());
  std::uint64_t step = 0;
  for (const std::uint64_t record : {0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 1500, 2000}) {
    weights.advance(record - step);
    coefficients.advance(record - step);
    step = record;
    expect_same_descent(weights.state(), coefficients.state(), GetParam());
    weights.clear_switched();
    coefficients.clear_switched();
  }
}

TEST_P(EveryProblem, AllKernelsGiveTheSameBits) {
  Engine reference = coefficient(GetParam(), 1, kernel::baseline_kernels);
  reference.advance(500);
  for (const kernel::Kernels* kernels : all_kernels()) {
    Engine engine = coefficient(GetParam(), 1, *kernels);
    engine.advance(500);
    EXPECT_TRUE(same_bits(reference.state(), engine.state())) << kernels->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, EveryProblem, testing::ValuesIn(problems()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace latetime
