// Samples that depend on each other: pairs of one neuron that can only reach zero together, and
// what may be said of samples that nothing moves. The truth is descent taken step by step; for
// gradient flow, descent with small steps.

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "latetime/base/random.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/limit.hpp"
#include "support/dense.hpp"

namespace latetime {
namespace {

using namespace testing_support;

TestProblem literal(std::string name, const Matrix& x, std::vector<int> classes,
                    const Matrix& weights, double slope, double rate) {
  TestProblem p{
      .name = std::move(name),
      .data = {.x = x, .classes = std::move(classes)},
      .initial = {{.groups = 2, .width = weights.rows() / 2, .dim = x.cols(), .slope = slope},
                  weights},
      .learning_rate = rate};
  return p;
}

struct Recorded {
  std::vector<double> log_loss, estimate;
  Outcome outcome;
};

Recorded run(const TestProblem& p, const std::vector<LogTime>& at, DescentOptions options = {}) {
  options.until = at.back();
  Recorded result;
  Descent descent(p, options);
  DescentObservers observers;
  observers.record = [&](const TrainingState& state) {
    Vector u = margins(group_outputs(state.preactivations, p.initial.shape), p.data.classes);
    if (state.margin_offset.size() > 0) u += state.margin_offset;
    result.log_loss.push_back(log_loss_of(u));
    result.estimate.push_back(state.error_estimate);
  };
  result.outcome = descent.run(at, observers);
  return result;
}

/// Log loss of gradient flow by descent whose steps are `parts` times smaller.
double small_steps(TestProblem p, double time, double parts) {
  p.learning_rate /= parts;
  const FlowStart end = exact_start(p, static_cast<std::uint64_t>(std::llround(time * parts)));
  return log_loss_of(plain_margins(p, end.preactivations));
}

/// x and −x under opposite labels: at every neuron an own-class pair and another reach zero at the
/// same moment, and the own-class one pushes on.
TestProblem opposite_pair() {
  Matrix x(2, 3), w(2, 3);
  x << 1.3, -0.7, 0.4, -1.3, 0.7, -0.4;
  w << -0.02, 0.01, 0.03, 0.05, -0.03, 0.02;
  return literal("opposite pair", x, {1, 0}, w, 0.0, 0.5);
}

TEST(JointEvents, AnOppositePairOfGradientFlowIsThatOfSmallSteps) {
  const TestProblem p = opposite_pair();
  const Recorded flow = run(p, {1, 10, 100}, {.method = Method::flow});
  ASSERT_EQ(flow.outcome.reason, StopReason::reached_end);
  const double times[] = {1.0, 10.0, 100.0};
  for (std::size_t r = 0; r < 3; ++r) {
    // Euler steps are off by their size: extrapolate from two sizes.
    const double coarse = small_steps(p, times[r], 500.0), fine = small_steps(p, times[r], 1000.0);
    EXPECT_NEAR(flow.log_loss[r], 2.0 * fine - coarse, 1e-5) << "t = " << times[r];
  }
}

/// Five samples in the plane: neurons come to rest at w = 0, where own-class pairs are at zero too.
TEST(JointEvents, NeuronsThatComeToRestAtZeroAreSmallStepsOrUndecided) {
  Matrix x(5, 2), w(4, 2);
  x << 1.1123529750286718, 2.3100350697821095, 0.868684361677204, -0.6404116740685777,
      0.38539481663744557, 1.7288856338213103, -0.35008806488914185, -0.2041239163210443,
      -1.8933372264087778, 0.391885985499195;
  w << -0.00573954774163301, -0.00323885790883965, 0.01121507482496567, -0.00967517774259271,
      0.0087095631323036, 0.01193484875399477, -0.00244089462798004, -0.00811702291398187;
  const TestProblem p = literal("plane", x, {0, 1, 1, 0, 0}, w, 0.0, 0.5);
  const Recorded flow = run(p, {10, 100, 3000}, {.method = Method::flow});
  const double times[] = {10.0, 100.0, 3000.0};
  for (std::size_t r = 0; r < flow.log_loss.size(); ++r) {
    const double truth = small_steps(p, times[r], 200.0);
    EXPECT_LE(std::abs(flow.log_loss[r] - truth), flow.estimate[r] + 1e-3) << "t = " << times[r];
  }
}

/// Weights of zero: many ways lead away from there, and descent takes one of them.
TEST(JointEvents, GradientFlowFromZeroWeightsIsThatOfSmallSteps) {
  int decided = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const double slope = seed % 2 == 0 ? 0.0 : 0.1;
    const Dataset data = gaussian_mixture(8, 2, 0.3, 1.0, seed);
    const TestProblem p =
        literal("zero weights", data.x, data.classes, Matrix::Zero(2, 2), slope, 0.05);
    const Recorded flow = run(p, {1, 10}, {.method = Method::flow});
    const double times[] = {1.0, 10.0};
    for (std::size_t r = 0; r < flow.log_loss.size(); ++r) {
      const double truth = small_steps(p, times[r], 1000.0);
      if (std::isfinite(flow.estimate[r])) ++decided;
      EXPECT_LE(std::abs(flow.log_loss[r] - truth), flow.estimate[r] + 2e-5)
          << "seed " << seed << ", t = " << times[r];
    }
  }
  EXPECT_GT(decided, 40);
}

/// Half the samples are others of them again, or their opposites.
Dataset doubled(Eigen::Index n, Eigen::Index d, double factor, bool same_label,
                std::uint64_t seed) {
  Dataset data = gaussian_mixture(2 * n, d, 0.3, 1.0, seed);
  for (Eigen::Index i = 0; i < n; ++i) {
    data.x.edit().row(n + i) = factor * data.x.row(i);
    const int label = data.classes[static_cast<std::size_t>(i)];
    data.classes[static_cast<std::size_t>(n + i)] = same_label ? label : 1 - label;
  }
  return data;
}

struct Kind {
  double factor;
  bool same_label;
};
constexpr Kind kinds[] = {{1.0, true}, {-1.0, true}, {-1.0, false}, {2.5, true}};

/// From 10^3 or so on, against every step to 3·10^5.
TEST(JointEvents, SlowCollinearSamplesFollowExactStepsWithinTheEstimate) {
  for (const Kind& kind : kinds) {
    for (std::uint64_t seed = 1; seed <= 6; ++seed) {
      for (const double slope : {0.0, 0.1}) {
        const TestProblem p =
            problem_on("doubled", doubled(2, 6, kind.factor, kind.same_label, seed), 2, slope, 0.1);
        const std::vector<LogTime> at{3000, 30'000, 300'000};
        DescentOptions options;
        options.engine = EngineChoice::flow;
        options.tolerance = 1e-4;
        const Recorded flow = run(p, at, options);
        for (std::size_t r = 0; r < flow.log_loss.size(); ++r) {
          const FlowStart exact = exact_start(p, *at[r].step());
          const double off =
              std::abs(flow.log_loss[r] - log_loss_of(plain_margins(p, exact.preactivations)));
          EXPECT_LE(off, flow.estimate[r] + 1e-9) << "factor " << kind.factor << ", seed " << seed
                                                  << ", slope " << slope << ", record " << r;
        }
      }
    }
  }
}

TEST(JointEvents, SlowNeitherTheOrderOfSamplesNorExtraRecordsChangeTheAnswer) {
  for (const Kind& kind : kinds) {
    TestProblem p =
        problem_on("doubled", doubled(2, 6, kind.factor, kind.same_label, 3), 2, 0.0, 0.1);
    DescentOptions options;
    options.engine = EngineChoice::flow;
    options.tolerance = 1e-4;
    const LogTime end = LogTime::from_log(60.0);
    const Recorded plain = run(p, {100'000, end}, options);
    const Recorded more = run(p, {20'000, 40'000, 100'000, 200'000, 3'000'000, end}, options);
    TestProblem turned = p;
    const Eigen::Index n = p.data.size();
    for (Eigen::Index i = 0; i < n; ++i) {
      turned.data.x.edit().row(i) = p.data.x.row(n - 1 - i);
      turned.data.classes[static_cast<std::size_t>(i)] =
          p.data.classes[static_cast<std::size_t>(n - 1 - i)];
    }
    const Recorded other = run(turned, {100'000, end}, options);
    ASSERT_EQ(plain.log_loss.size(), other.log_loss.size());
    if (plain.log_loss.size() < 2 || more.log_loss.size() < 6) continue;  // it stops, as it must
    EXPECT_EQ(plain.log_loss[0], more.log_loss[2]);
    EXPECT_EQ(plain.log_loss[1], more.log_loss[5]);
    EXPECT_EQ(plain.estimate[1], more.estimate[5]);
    EXPECT_NEAR(plain.log_loss[1], other.log_loss[1], 1e-7);
  }
}

/// The sleeping sample has one neuron, which the other sample pulls up slowly: it wakes between
/// 10^5 and 10^6.
TEST(JointEvents, ASampleThatSleepsIsNotCalledInseparable) {
  Matrix x(2, 2), w(2, 2);
  x << 1.0, 0.0, 0.1, 1.0;
  w << 0.1, -1.0, -1.0, -1.0;
  const TestProblem p = literal("sleeping", x, {0, 0}, w, 0.0, 0.1);
  const Recorded result = run(p, {100'000, 2'000'000, LogTime::from_log(100.0)});
  EXPECT_NE(result.outcome.reason, StopReason::not_separated);
  ASSERT_GE(result.log_loss.size(), 2u);
  EXPECT_LT(result.log_loss[1], -4.0);
}

/// Samples at right angles, pushed by nothing but themselves: nothing can wake the second one.
TEST(JointEvents, ASampleThatNothingCanWakeIsProvedInseparable) {
  Matrix x(2, 2), w(2, 2);
  x << 1.0, 0.0, 0.0, 1.0;
  w << 0.1, -1.0, -1.0, -1.0;
  const TestProblem p = literal("asleep", x, {0, 0}, w, 0.0, 0.1);
  const Recorded result = run(p, {100'000, LogTime::from_log(100.0)});
  EXPECT_EQ(result.outcome.reason, StopReason::not_separated) << result.outcome.message;
}

TEST(JointEvents, SamplesOnOneLineAreLegal) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    TestProblem p = problem_on("line", gaussian_mixture(6, 14, 0.3, 1.0, seed), 2, 0.0, 0.3, 0.8);
    for (Eigen::Index i = 1; i < 6; ++i) {
      p.data.x.edit().row(i) =
          (i % 2 ? -1.0 : 1.0) * (0.4 + 0.2 * static_cast<double>(i)) * p.data.x.row(0);
    }
    DescentOptions options;
    options.engine = EngineChoice::flow;
    EXPECT_NO_THROW(run(p, {10'000, LogTime::from_log(100.0)}, options));
  }
}

/// log t beyond 710, where t itself is no number: also from there flows go on, and end.
TEST(JointEvents, SlowFlowsBeginBeyondTheRangeOfNumbers) {
  int late = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(seed);
    RandomStream random(seed, RandomPurpose::test);
    Matrix x(3, 3), w(2, 3);
    for (double& entry : x.reshaped()) entry = std::round(1.5 * random.normal());
    for (double& entry : w.reshaped()) entry = 0.0625 * std::round(2.0 * random.normal());
    const TestProblem p = literal("integers", x, {0, 0, seed % 2 ? 1 : 0}, w, 0.0, 0.1);
    DescentOptions options;
    options.until = LogTime::from_log(2000.0);
    Descent descent(p, options);
    DescentObservers observers;
    observers.record = [](const TrainingState& state) {
      EXPECT_FALSE(std::isnan(state.error_estimate));
    };
    const std::vector<LogTime> at{100'000, LogTime::from_log(2000.0)};
    (void)descent.run(at, observers);
    if (!descent.flow() || descent.time().log() < 1999.0) continue;
    ++late;
    LateFlow flow = descent.flow_from_here();
    EXPECT_NO_THROW(follow_to_limit(flow, 1e4));
  }
  EXPECT_GT(late, 5);
}

/// Multipliers of equal samples are equal, though κλ = 1 leaves their shares open.
TEST(JointEvents, TwinsShareTheirMultipliersInTheLimit) {
  const TestProblem p = problem_on("twins", doubled(2, 8, 1.0, true, 5), 3, 0.5, 0.01);
  LateFlow flow(flow_problem(p), exact_start(p, 100'000), {});
  const Limit limit = follow_to_limit(flow);
  ASSERT_EQ(limit.status, LimitStatus::found) << limit.message;
  for (Eigen::Index i = 0; i < 2; ++i) {
    EXPECT_NEAR(limit.multipliers[i], limit.multipliers[i + 2], 1e-6 * limit.multipliers.sum());
    for (Eigen::Index k = 0; k < p.initial.shape.neurons(); ++k) {
      EXPECT_EQ(limit.verdict(k, i), limit.verdict(k, i + 2));
    }
  }
}

/// Orthonormal but for rounding: as exactly orthogonal samples.
TEST(JointEvents, OrthogonalToRoundingIsOrthogonal) {
  TestProblem p = problem_on("qr", gaussian_mixture(5, 5, 0.0, 1.0, 2), 20, 0.0, 1e-3);
  p.data.x.edit() = dense_math::orthonormal(p.data.x);
  LateFlow flow(flow_problem(p), exact_start(p, 100'000), {});
  const Limit limit = follow_to_limit(flow);
  EXPECT_EQ(limit.status, LimitStatus::found) << limit.message;
  EXPECT_EQ(limit.count(PairVerdict::undecided), 0);
}

}  // namespace
}  // namespace latetime
