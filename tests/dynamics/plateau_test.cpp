// Samples that contradict each other come to rest, the others go on. The truth is descent taken
// step by step.

#include "latetime/dynamics/plateau.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "late_flows.hpp"

namespace latetime {
namespace {

using namespace testing_support;

const double log_of_10 = std::log(10.0);

/// `count` mixture samples, the first `pairs` of them once more under the other label.
TestProblem contradicting(Eigen::Index count, Eigen::Index pairs, double slope,
                          std::uint64_t seed) {
  Dataset data = gaussian_mixture(count + pairs, 40, 0.1, 1.0, seed);
  for (Eigen::Index i = 0; i < pairs; ++i) {
    data.x.edit().row(count + i) = data.x.row(i);
    data.classes[static_cast<std::size_t>(count + i)] =
        1 - data.classes[static_cast<std::size_t>(i)];
  }
  return problem_on("contradicting", std::move(data), 3, slope, 0.3, 0.05);
}

/// Features p (rows, n × d) with κ their Gram matrix.
Eigen::MatrixXd kernel_of(const Eigen::MatrixXd& features) {
  return features * features.transpose();
}

TEST(FindPlateau, OppositeFeaturesRestWhereTheirPushesCancel) {
  // p_1 = −2 p_0, p_2 at an angle: u_0 rests where g_0 = 2 g_1 on the line that p_0 moves along.
  Eigen::MatrixXd features(3, 2);
  features << 1.0, 0.0, -2.0, 0.0, 0.5, 1.0;
  const Eigen::MatrixXd kernel = kernel_of(features);
  const double log_time = std::log(1e8);
  Vector margins(3);
  margins << 0.0, 0.0, log_time;
  // Off their rest: nothing is said.
  EXPECT_FALSE(find_plateau(logistic, kernel, margins, log_time, {0, 0, 0}));
  // On the line (v, −2v): 1/(1 + e^v) = 2/(1 + e^{−2v}), by bisection.
  double low = -5.0, high = 5.0;
  for (int round = 0; round < 200; ++round) {
    const double v = 0.5 * (low + high);
    (1.0 / (1.0 + std::exp(v)) > 2.0 / (1.0 + std::exp(-2.0 * v)) ? low : high) = v;
  }
  margins << low, -2.0 * low, log_time;
  const auto plateau = find_plateau(logistic, kernel, margins, log_time, {0, 0, 0});
  ASSERT_TRUE(plateau);
  EXPECT_EQ(plateau->samples, (std::vector<Eigen::Index>{0, 1}));
  EXPECT_NEAR(plateau->rest[0], 2.0 * plateau->rest[1], 1e-12);
  EXPECT_EQ(plateau->rest[2], 0.0);
  // What holds the two takes the third one's push along p_0 back, and nothing else.
  const Vector lambda = plateau->response * Vector{{7.0, 7.0, 1.0}};
  const Vector moved = kernel * lambda;
  EXPECT_NEAR(moved[0], 0.0, 1e-12);
  EXPECT_NEAR(moved[1], 0.0, 1e-12);
  EXPECT_NEAR(moved[2], 1.0, 1e-12);  // its feature's part off the line
}

TEST(FindPlateau, SamplesOnTheirWayToZeroLossAreNone) {
  Eigen::MatrixXd features = Eigen::MatrixXd::Identity(3, 3);
  features(1, 0) = 0.5;
  for (const double log_time : {10.0, 100.0, 1e4}) {
    EXPECT_FALSE(find_plateau(logistic, kernel_of(features), Vector::Constant(3, log_time),
                              log_time, {0, 0, 0}));
  }
}

TEST(Plateau, FlowBesideItAgreesWithEveryStep) {
  int followed = 0;
  for (const double slope : {0.0, 0.1, 1.0}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const TestProblem p = contradicting(6, 2, slope, seed);
      CoefficientEngine engine(p, 1);
      engine.advance(30'000);
      LateFlow flow(flow_problem(p), start_of(engine), {});
      if (!flow.plateau()) continue;  // ReLU neurons may die on one side: then both sleep
      ++followed;
      SCOPED_TRACE(testing::Message() << "slope " << slope << ", seed " << seed);
      for (const std::uint64_t step : {100'000u, 300'000u}) {
        engine.advance(step - engine.step());
        ASSERT_EQ(flow.advance_to(std::log(static_cast<double>(step))), FlowStatus::reached);
        const FlowStart exact = start_of(engine);
        const Vector off = flow.margins() - plain_margins(p, exact.preactivations);
        // The rest is right to the next order in 1/t, the others to the size of a hop.
        for (const Eigen::Index i : flow.plateau()->samples) EXPECT_NEAR(off[i], 0.0, 3e-6);
        EXPECT_LE(off.cwiseAbs().maxCoeff(), 3e-4);
        EXPECT_LE((flow.without_switching(flow.state().preactivations) -
                   flow.without_switching(exact.preactivations))
                      .cwiseAbs()
                      .maxCoeff(),
                  1e-3);
      }
    }
  }
  EXPECT_GE(followed, 6);
}

/// Moments, in steps, at which descent takes a pre-activation through zero, by straight lines
/// between steps; 0 where it does not within `most` of them.
double crossing_of(CoefficientEngine& engine, Eigen::Index neuron, Eigen::Index sample, int most) {
  double before = engine.state(false).preactivations(neuron, sample);
  for (int step = 0; step < most; ++step) {
    engine.advance(1);
    const double now = engine.state(false).preactivations(neuron, sample);
    if ((now > 0.0) != (before > 0.0)) {
      return static_cast<double>(engine.step()) - now / (now - before);
    }
    before = now;
  }
  return 0.0;
}

/// What samples at rest lag behind counts for the pre-activations of all others, and for the moment
/// at which one of them crosses: a step more or less is seen where a sample is learned at once.
TEST(Plateau, SamplesWakeBesideItAtTheStepOfDescent) {
  int woken = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const TestProblem p = contradicting(4, 2, 1e-3, seed);
    CoefficientEngine engine(p, 1);
    engine.advance(10'000);
    LateFlow flow(flow_problem(p), start_of(engine), {});
    if (!flow.plateau()) continue;
    std::vector<FlowEvent> events;
    flow.on_event = [&](const FlowEvent& event) { events.push_back(event); };
    while (events.empty() && flow.log_time() < std::log(3e5)) {
      ASSERT_EQ(flow.advance_to(flow.log_time() + 0.05), FlowStatus::reached);
    }
    if (events.empty() || events[0].cause != FlowCause::own_crosses) continue;
    const double told = std::exp(events[0].log_time);
    if (told < static_cast<double>(engine.step()) + 5.0) continue;
    engine.advance(static_cast<std::uint64_t>(told) - 4 - engine.step());
    const double seen = crossing_of(engine, events[0].neuron, events[0].sample, 9);
    EXPECT_NEAR(told, seen, 0.3) << "seed " << seed;
    ++woken;
  }
  EXPECT_GE(woken, 3);
}

TEST(Plateau, IsFollowedAsFarAsLateTimesGo) {
  const TestProblem p = contradicting(6, 2, 1.0, 1);
  LateFlow flow(flow_problem(p), exact_start(p, 30'000), {});
  ASSERT_TRUE(flow.plateau());
  const double floor = std::log(4.0 * std::log(2.0) / 8.0);  // two pairs of eight at log 2 each
  double before = log_loss_of(flow.margins());
  for (const double decade : {6.0, 10.0, 30.0, 100.0, 1000.0}) {
    ASSERT_EQ(flow.advance_to(decade * log_of_10), FlowStatus::reached);
    const double now = log_loss_of(flow.margins());
    EXPECT_LE(now, before + 1e-12);
    before = now;
  }
  EXPECT_NEAR(before, floor, 1e-12);
  for (Eigen::Index i = 2; i < 6; ++i)
    EXPECT_NEAR(flow.margins()[i] / (1000.0 * log_of_10), 1.0, 0.1);
}

}  // namespace
}  // namespace latetime
