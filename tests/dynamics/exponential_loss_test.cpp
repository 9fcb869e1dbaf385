// The exponential loss in every engine, against steps that share nothing with them.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/descent_options.hpp"
#include "latetime/dynamics/fine_descent.hpp"
#include "latetime/dynamics/frozen_engine.hpp"
#include "latetime/dynamics/limit.hpp"
#include "latetime/dynamics/plateau.hpp"
#include "latetime/dynamics/rounding_shadow.hpp"
#include "latetime/dynamics/switching_engine.hpp"
#include "support/real_steps.hpp"
#include "support/sanitized.hpp"

namespace latetime {
namespace {

using namespace testing_support;

TestProblem on_exponential(TestProblem p) {
  p.loss = exponential;
  return p;
}

/// Small problems of any slope, often not separable in few dimensions; `rate` is in units of the
/// step at which steps still contract at a multiplier of 1.
TestProblem random_problem(std::uint64_t seed, double rate, double slope = -1.0,
                           std::size_t most_dimensions = 20) {
  RandomStream stream(seed, RandomPurpose::test, 5);
  const std::size_t n = 2 + stream.below(9), d = 2 + stream.below(most_dimensions - 1);
  const auto m = static_cast<Eigen::Index>(1 + stream.below(6));
  if (slope < 0.0) slope = std::array{0.0, 0.0, 0.1, 0.3, 1.0}[stream.below(5)];
  TestProblem p = problem_on("random", gaussian_mixture(n, d, 0.1, 1.0, seed), m, slope,
                             std::pow(10.0, -3.0 * stream.uniform()));
  p.loss = exponential;
  p.learning_rate = 1.0;
  p.learning_rate = rate * contracting_multiplier(p, 0);
  return p;
}

real_steps::Problem plain(const TestProblem& p) {
  real_steps::Problem result{.x = real_steps::Rows(p.data.x),
                             .weights = p.initial.weights,
                             .slope = p.initial.shape.slope,
                             .learning_rate = p.learning_rate,
                             .exponential = p.loss == exponential};
  for (Eigen::Index i = 0; i < p.data.size(); ++i) result.labels.push_back(p.data.label(i));
  return result;
}

TEST(ExponentialLoss, ExactEnginesTakeTheRealSteps) {
  constexpr std::uint64_t steps = 3000;
  std::uint64_t frozen_steps = 0, block_steps = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const TestProblem p = random_problem(seed, 0.3);
    real_steps::Descent<long double> real(plain(p));
    real.advance_to(steps);
    DenseEngine dense(p, 0, 1, 1);
    dense.advance(steps);
    CoefficientEngine base(p, 1), under(p, 1), alone(p, 1);
    alone.advance(steps);
    FrozenEngine frozen(base);
    while (base.step() < steps) {
      const std::uint64_t asked = steps - base.step(), taken = frozen.advance(asked);
      frozen_steps += taken;
      if (taken < asked) base.advance(1);
    }
    SwitchingEngine switching(under);
    switching.set_worth(1e300);
    while (switching.step() < steps) {
      std::uint64_t taken = 0;
      if (switching.in_block() || switching.begin_block()) {
        taken = switching.advance(steps - switching.step());
      }
      block_steps += taken;
      if (taken == 0 && !switching.in_block()) under.advance(1);
    }
    const real_steps::Answer truth = real.answer();
    const auto log_loss_of = [&](const TrainingState& state) { return log_loss(state, p); };
    // Rounding of some thousand steps that do not amplify it.
    const double tolerance = 1e-11 * (1.0 + std::abs(truth.log_loss));
    EXPECT_NEAR(log_loss_of(dense.state()), truth.log_loss, tolerance) << "dense, seed " << seed;
    EXPECT_NEAR(log_loss_of(alone.state()), truth.log_loss, tolerance) << "seed " << seed;
    EXPECT_NEAR(log_loss_of(base.state()), truth.log_loss, tolerance) << "frozen, seed " << seed;
    EXPECT_NEAR(log_loss_of(switching.state(true)), truth.log_loss, tolerance)
        << "switching, seed " << seed;
  }
  EXPECT_GT(frozen_steps, 40'000u);
  EXPECT_GT(block_steps, 40'000u);
}

TEST(ExponentialLoss, KernelsOfAllInstructionSetsGiveTheSameBits) {
  const kernel::FrozenKernel* frozen[3];
  const kernel::SwitchingKernel* switching[3];
  const std::size_t count = kernel::available_frozen_kernels(frozen);
  ASSERT_EQ(kernel::available_switching_kernels(switching), count);
  for (const Eigen::Index n : {1, 3, 8, 16, 17, 40}) {
    TestProblem p = on_exponential(problem_on(
        "kernels", gaussian_mixture(static_cast<std::size_t>(n), 30, 0.1, 1.0, 7), 5, 0.2, 0.3));
    std::vector<TrainingState> by_frozen, by_switching;
    for (std::size_t k = 0; k < count; ++k) {
      CoefficientEngine base(p, 1), under(p, 1);
      FrozenEngine engine(base, *frozen[k]);
      while (base.step() < 600) {
        if (engine.advance(600 - base.step()) == 0) base.advance(1);
      }
      by_frozen.push_back(base.state());
      SwitchingEngine blocks(under, *switching[k]);
      blocks.set_worth(1e300);
      while (blocks.step() < 600) {
        const bool ready = blocks.in_block() || blocks.begin_block();
        if (!ready || blocks.advance(600 - blocks.step()) == 0) under.advance(1);
      }
      by_switching.push_back(blocks.state(true));
    }
    for (std::size_t k = 1; k < count; ++k) {
      EXPECT_TRUE(same_bits(by_frozen[0], by_frozen[k])) << frozen[k]->name << ", n = " << n;
      EXPECT_TRUE(same_bits(by_switching[0], by_switching[k])) << switching[k]->name;
    }
  }
}

/// The modified equation with g' = −g and g'' = g leaves an error of third order in 1/t.
TEST(ExponentialLoss, FlowIsOfThirdOrderInTheTimeOfTheHandOver) {
  for (const double slope : {0.3, 1.0}) {
    const TestProblem p = on_exponential(
        problem_on("order", near_orthogonal_data(8, 16, 3.0, 0.5, 1), 4, slope, 1e-3, 0.3));
    std::vector<double> times, errors;
    for (const std::uint64_t from : {100u, 200u, 400u, 800u}) {
      CoefficientEngine engine(p, 1);
      engine.advance(from);
      LateFlow flow(flow_problem(p), start_of(engine), {});
      engine.advance(9 * from);
      ASSERT_EQ(flow.advance_to(std::log(10.0 * static_cast<double>(from))), FlowStatus::reached);
      times.push_back(static_cast<double>(from));
      errors.push_back((plain_margins(p, engine.state(false).preactivations) - flow.margins())
                           .cwiseAbs()
                           .maxCoeff());
    }
    EXPECT_LT(order(times, errors), -2.7) << "slope " << slope;
    EXPECT_LT(errors.back(), 1e-8);
  }
}

TEST(ExponentialLoss, RunsAreWithinTheirEstimatesOfRealSteps) {
  int flows = 0;
  for (std::uint64_t seed = 1; seed <= fewer_if_sanitized(24u); ++seed) {
    const TestProblem p = random_problem(seed, 0.2);
    std::vector<LogTime> schedule{10, 1000, 30'000, 100'000, LogTime::from_log10(30)};
    Descent descent(p, {.engine = EngineChoice::flow, .tolerance = 1e-6, .until = schedule.back()});
    real_steps::Descent<double> real(plain(p));
    const Outcome outcome = descent.run(
        schedule, {.record =
                       [&](const TrainingState& state) {
                         const auto step = state.time.step();
                         if (!step) return;
                         real.advance_to(*step);
                         const Vector u =
                             plain_margins(p, state.preactivations) +
                             (state.margin_offset.size() > 0 ? state.margin_offset
                                                             : Vector(Vector::Zero(p.data.size())));
                         EXPECT_NEAR(log_mean_loss(u, exponential), real.answer().log_loss,
                                     state.error_estimate + 1e-9)
                             << "seed " << seed << " at " << *step;
                         if (descent.engine() == EngineKind::flow) ++flows;
                       },
                   .pulse = {}});
    if (outcome.reason != StopReason::flow_failed) continue;
    // Only where the samples are not separated.
    EXPECT_GT(real.answer().log_loss, -std::log(static_cast<double>(p.data.size())) - 1.0)
        << "seed " << seed << ": " << outcome.message;
  }
  EXPECT_GE(flows, fewer_if_sanitized(10));
}

/// Losses so large that the two functions have nothing in common.
TEST(ExponentialLoss, StatesAreComparedByTheLossThatIsFollowed) {
  const TestProblem p = random_problem(3, 0.2);
  const Vector a = Vector::Constant(p.data.size(), -4.0), b = Vector::Constant(p.data.size(), -1.0);
  const auto off = [&](const Problem& problem) {
    return discrepancy_of({}, problem)(Matrix(), a, Matrix(), b, {});
  };
  EXPECT_NEAR(off(p), 3.0, 1e-12);
  TestProblem other = p;
  other.loss = logistic;
  EXPECT_NEAR(off(other), std::log(std::log1p(std::exp(4.0)) / std::log1p(std::exp(1.0))), 1e-12);
}

/// Of a linear network the limit is the one of the convex problem, whatever the loss and its path.
TEST(ExponentialLoss, LimitOfALinearNetworkIsThatOfTheLogisticLoss) {
  int found = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    TestProblem p = random_problem(seed, 0.2, 1.0);
    std::vector<Limit> limits;
    for (const Loss& loss : {logistic, exponential}) {
      p.loss = loss;
      CoefficientEngine engine(p, 1);
      engine.advance(2000);
      LateFlow flow(flow_problem(p), start_of(engine), {});
      limits.push_back(follow_to_limit(flow, 1e4));
    }
    EXPECT_EQ(limits[0].status, limits[1].status) << seed;
    if (limits[0].status != LimitStatus::found || limits[1].status != LimitStatus::found) continue;
    ++found;
    const Matrix gram = flow_problem(p).gram;
    const Matrix off = limits[0].coefficients - limits[1].coefficients;
    const double distance = off.cwiseProduct(off * gram).sum();
    const double size = limits[0].coefficients.cwiseProduct(limits[0].coefficients * gram).sum();
    EXPECT_LE(distance, 1e-16 * size) << seed;
    EXPECT_LE(limits[1].kkt_residual, 1e-10);
  }
  EXPECT_GE(found, 10);
}

/// On the line (v, −2v) with features p and −2p: e^{−v} = 2 e^{2v} at v = −log(2)/3.
TEST(ExponentialLoss, SamplesRestWhereTheirPushesCancel) {
  Eigen::MatrixXd features(3, 2);
  features << 1.0, 0.0, -2.0, 0.0, 0.5, 1.0;
  const Eigen::MatrixXd kernel = features * features.transpose();
  const double log_time = std::log(1e8), v = -std::log(2.0) / 3.0;
  Vector margins(3);
  margins << 0.0, 0.0, log_time;
  EXPECT_FALSE(find_plateau(exponential, kernel, margins, log_time, {0, 0, 0}));
  margins << v, -2.0 * v, log_time;
  const auto plateau = find_plateau(exponential, kernel, margins, log_time, {0, 0, 0});
  ASSERT_TRUE(plateau);
  EXPECT_NEAR(plateau->rest[0], std::exp(-v), 1e-12);
  EXPECT_NEAR(plateau->rest[1], 0.5 * std::exp(-v), 1e-12);
  // κ lag λ_S = δ with κ_PP D δ = κ_PS λ_S, D = g*.
  const Vector lambda{{0.0, 0.0, 1.0}};
  const Vector delta = kernel * (plateau->lag * lambda);
  const Vector pushed =
      kernel * Vector{{plateau->rest[0] * delta[0], plateau->rest[1] * delta[1], 0.0}};
  EXPECT_NEAR(pushed[0], kernel(0, 2), 1e-10);
  EXPECT_NEAR(pushed[1], kernel(1, 2), 1e-10);
}

TEST(ExponentialLoss, ContradictingSamplesEndAtTheMinimumOfTheirLoss) {
  Dataset data = gaussian_mixture(4, 20, 0.1, 1.0, 3);
  data.x.edit().row(1) = data.x.row(0);
  data.classes[0] = 0;
  data.classes[1] = 1;
  TestProblem p = problem_on("contradicting", data, 3, 0.2, 0.1, 0.05);
  const std::vector<LogTime> schedule{1000, 100'000, LogTime::from_log10(20)};
  std::vector<StopReason> reasons;
  for (const Loss& loss : {logistic, exponential}) {
    p.loss = loss;
    Descent descent(p, {.until = schedule.back()});
    double last = 0.0;
    const auto record = [&](const TrainingState& state) { last = log_loss(state, p); };
    reasons.push_back(descent.run(schedule, {.record = record, .pulse = {}}).reason);
    // Two of four samples at u = 0, where ℓ(u) + ℓ(−u) is least.
    EXPECT_NEAR(last, loss.log_value(0.0) + std::log(0.5), 1e-3) << loss.name;
  }
  EXPECT_EQ(reasons[0], reasons[1]);
}

/// Steps that do not contract are either soon beyond all numbers or soon contract: what rounding
/// does in between grows a few hundred times at most. Shadows see it all the same.
TEST(ExponentialLoss, EstimatesOfUnstableStepsBoundWhatRoundingDoes) {
  const std::vector<LogTime> schedule{1, 3, 10, 20, 40, 80, 160, 1000};
  int seen = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    const TestProblem p = random_problem(seed, std::pow(10.0, 0.01 * static_cast<double>(seed)),
                                         seed % 2 == 0 ? 1.0 : -1.0, 3);
    for (const EngineChoice engine : {EngineChoice::dense, EngineChoice::coefficient}) {
      real_steps::Descent<long double> real(plain(p));
      Descent descent(p, {.engine = engine, .until = schedule.back()});
      descent.run(schedule,
                  {.record =
                       [&](const TrainingState& state) {
                         real.advance_to(*state.time.step());
                         const double truth = real.answer().log_loss;
                         if (!std::isfinite(truth)) return;
                         const double off = std::abs(log_loss(state, p) - truth);
                         seen += state.error_estimate > 1e-13;
                         EXPECT_LE(off, state.error_estimate + 2e-12 * (1.0 + std::abs(truth)))
                             << "seed " << seed << " at " << *state.time.step();
                       },
                   .pulse = {}});
    }
  }
  EXPECT_GT(seen, 100);
}

/// A margin that goes far below zero while others rise: steps that contracted do not any more.
TEST(ExponentialLoss, MultipliersThatGrowBeyondContractionBringShadows) {
  // Nine samples along e_1, one against them that also has a weak direction of its own.
  Matrix x = Matrix::Zero(10, 2);
  for (Eigen::Index i = 0; i < 9; ++i) x(i, 0) = 1.0;
  x(9, 0) = 1.0;
  x(9, 1) = 0.5;
  std::vector<int> classes(10, 0);
  classes[9] = 1;
  Dataset data{Samples(x), classes};
  data.class_count = 2;
  TestProblem p = on_exponential(problem_on("growing", data, 1, 1.0, 1e-3));
  p.learning_rate = 1.0;
  const double most = contracting_multiplier(p, 0);
  p.learning_rate = 0.49 * most;  // contracts up to a multiplier of 2.04
  ASSERT_TRUE(steps_contract(p, 0));
  Descent descent(p, {.engine = EngineChoice::coefficient, .until = 200});
  const std::vector<LogTime> schedule{200};
  descent.run(schedule, {.record = [](const TrainingState&) {}, .pulse = {}});
  const EngineMemory memory = descent.memory();
  EXPECT_TRUE(memory.arrays.contains("steps_amplify"));
  EXPECT_TRUE(memory.arrays.contains(RoundingShadow::first_array));
  // Restored, it goes on with the same bits.
  Descent again(p, {.engine = EngineChoice::coefficient, .until = 200});
  const EngineMemory pattern =
      again.memory_pattern([&](const std::string& name) { return memory.arrays.contains(name); });
  ASSERT_EQ(pattern.arrays.size(), memory.arrays.size());
  again.restore(memory);
  EXPECT_TRUE(same_bits(descent.state(true), again.state(true)));
  EXPECT_EQ(descent.state(false).error_estimate, again.state(false).error_estimate);
}

TEST(ExponentialLoss, ABlowUpEndsInWords) {
  int blown_up = 0;
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    const TestProblem p = random_problem(seed, 300.0);
    Descent descent(p, {.until = 2000});
    const std::vector<LogTime> schedule{1, 10, 100, 2000};
    const Outcome outcome =
        descent.run(schedule, {.record = [](const TrainingState&) {}, .pulse = {}});
    if (outcome.reason != StopReason::not_finite) continue;
    ++blown_up;
    EXPECT_NE(outcome.message.find("exponential loss blew up"), std::string::npos);
    EXPECT_NE(outcome.message.find("descent.learning_rate"), std::string::npos);
  }
  EXPECT_GE(blown_up, 3);
}

/// With 100 digits and in doubles the same signs, where rounding does not decide them.
TEST(ExponentialLoss, FineStepsAreThoseOfTheEngines) {
  for (const int classes : {2, 4}) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
      Dataset data = gaussian_mixture(6, 7, 0.1, 1.0, seed);
      if (classes > 2) data = with_class_count(std::move(data), classes);
      const TestProblem p = on_exponential(problem_on("fine", std::move(data), 2, 0.1, 0.3, 0.4));
      DenseEngine dense(p, 0, 1, 1);
      FineDescent fine(p, 0, 1);
      for (int step = 0; step < 12; ++step) {
        dense.advance(1);
        fine.take_step();
        const Matrix z = dense.state(false).preactivations;
        for (Eigen::Index k = 0; k < z.rows(); ++k) {
          for (Eigen::Index i = 0; i < z.cols(); ++i) {
            if (std::abs(z(k, i)) < 1e-12) continue;
            EXPECT_EQ(fine.is_active(k, i), z(k, i) >= 0.0) << classes << ", seed " << seed;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace latetime
