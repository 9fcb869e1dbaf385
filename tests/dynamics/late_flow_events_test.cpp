// What the late-time flow says about activations, against gradient descent taken step by step.

#include <algorithm>

#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "support/sanitized.hpp"

namespace latetime {
namespace {

using namespace testing_support;

/// Few samples in few dimensions, two neurons a class: much happens late.
TestProblem eventful(double slope, Eigen::Index n, Eigen::Index d, std::uint64_t seed) {
  return problem_on("eventful", gaussian_mixture(n, d, 0.3, 1.0, seed), 2, slope, 1e-2);
}

constexpr std::uint64_t hand_over = 1000;

struct Followed {
  std::vector<FlowEvent> events;
  std::vector<bool> slides_after;  // the pair of each event
  FlowStatus status;
};

Followed follow(const TestProblem& p, std::uint64_t from, double to) {
  Followed result;
  LateFlow flow(flow_problem(p), exact_start(p, from), {});
  flow.on_event = [&](const FlowEvent& event) {
    result.events.push_back(event);
    result.slides_after.push_back(flow.at_zero(event.neuron, event.sample));
  };
  result.status = flow.advance_to(std::log(to));
  EXPECT_EQ(flow.events(), result.events.size());
  return result;
}

/// All steps in (from, to] after which the pair's activation is another than before.
std::vector<double> switches(const TestProblem& p, const FlowEvent& pair, std::uint64_t from,
                             std::uint64_t to) {
  CoefficientEngine engine(p, 1);
  engine.advance(from);
  std::vector<double> steps;
  bool before = engine.state(false).preactivations(pair.neuron, pair.sample) >= 0.0;
  while (engine.step() < to) {
    engine.advance(1);
    const bool now = engine.state(false).preactivations(pair.neuron, pair.sample) >= 0.0;
    if (now != before) steps.push_back(static_cast<double>(engine.step()));
    before = now;
  }
  return steps;
}

double step_of(const FlowEvent& event) {
  return std::exp(event.log_time);
}

// A crossing is seen after the first step beyond it. Before it, pre-activations may be off by
// O(1/t), a step's worth, where others of the neuron slide, and by the flow's O(1/T²), far less
// than that.
constexpr double crossing_steps = 2.0;

void expect_one_crossing(const TestProblem& p, const FlowEvent& event) {
  const double at = step_of(event);
  const auto from = static_cast<std::uint64_t>(0.8 * at), to = static_cast<std::uint64_t>(1.2 * at);
  const std::vector<double> seen = switches(p, event, from, to);
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_NEAR(seen[0], at + 0.5, crossing_steps);
}

TEST(LateFlowEvents, OwnClassPairsCrossWhereExactStepsCross) {
  for (const TestProblem& p : {eventful(0.0, 6, 20, 24), eventful(0.1, 4, 8, 51)}) {
    const Followed run = follow(p, hand_over, 4000.0);
    ASSERT_EQ(run.events.size(), 1u);
    EXPECT_EQ(run.events[0].cause, FlowCause::own_crosses);
    EXPECT_EQ(run.events[0].neuron / 2, p.data.classes[run.events[0].sample]);
    EXPECT_TRUE(run.events[0].decided);
    EXPECT_FALSE(run.slides_after[0]);
    expect_one_crossing(p, run.events[0]);
  }
}

/// The same where nine other pairs slide and the crossing lies more than a decade ahead.
TEST(LateFlowEvents, OwnClassPairsCrossInTimeWhereOthersSlide) {
  const TestProblem p = eventful(0.0, 6, 8, 41);
  const Followed run = follow(p, hand_over, 2e4);
  ASSERT_EQ(run.events.size(), 1u);
  EXPECT_EQ(run.events[0].cause, FlowCause::own_crosses);
  expect_one_crossing(p, run.events[0]);
}

/// The pull of the rest is too strong for this leaky pair to be held at zero.
TEST(LateFlowEvents, AnOtherClassPairThatIsNotHeldCrossesOnce) {
  const TestProblem p = eventful(0.1, 4, 8, 27);
  const Followed run = follow(p, 5000, 1.2e4);
  ASSERT_EQ(run.events.size(), 1u);
  EXPECT_EQ(run.events[0].cause, FlowCause::other_meets);
  EXPECT_FALSE(run.slides_after[0]);
  expect_one_crossing(p, run.events[0]);
}

TEST(LateFlowEvents, AnOtherClassPairMeetsZeroAndSlidesFromThenOn) {
  const TestProblem p = eventful(0.0, 4, 20, 8);
  const Followed run = follow(p, hand_over, 4e4);
  ASSERT_EQ(run.events.size(), 2u);
  for (std::size_t e = 0; e < 2; ++e) {
    EXPECT_EQ(run.events[e].cause, FlowCause::other_meets);
    EXPECT_NE(run.events[e].neuron / 2, p.data.classes[run.events[e].sample]);
    EXPECT_TRUE(run.slides_after[e]);
    const double at = step_of(run.events[e]);
    const std::vector<double> seen = switches(p, run.events[e], hand_over, 40'000);
    ASSERT_GT(seen.size(), 100u);
    EXPECT_NEAR(seen.front(), at + 0.5, crossing_steps);
    // It is never off or on for long again: no more than 1/(share of steps off or on) and one.
    double longest = 0.0;
    for (std::size_t s = 1; s < seen.size(); ++s) {
      longest = std::max(longest, seen[s] - seen[s - 1]);
    }
    EXPECT_LT(longest, 0.02 * at);
    EXPECT_GT(seen.back(), 40'000.0 - 0.02 * at);
  }
}

/// The step from which on a pair that leaves at `event` makes no more than `hops` hops to the side
/// that it is rarely on: the sum of its shares of that side over all steps from there.
double last_hops(const TestProblem& p, const FlowEvent& event, double hops) {
  constexpr double stride = 10.0;
  LateFlow flow(flow_problem(p), exact_start(p, hand_over), {});
  std::vector<double> steps, shares;
  const double slope = p.initial.shape.slope;
  for (double t = hand_over + stride; t < step_of(event); t += stride) {
    flow.advance_to(std::log(t));
    const double alpha = (flow.slopes()(event.neuron, event.sample) - slope) / (1.0 - slope);
    steps.push_back(t);
    shares.push_back(event.cause == FlowCause::leaves_upward ? 1.0 - alpha : alpha);
  }
  double sum = 0.0;
  for (std::size_t s = steps.size(); s-- > 0;) {
    sum += stride * shares[s];
    if (sum >= hops) return steps[s];
  }
  ADD_FAILURE() << "it hardly ever slid";
  return 0.0;
}

void expect_leaving(const TestProblem& p, FlowCause cause) {
  const Followed run = follow(p, hand_over, 7000.0);
  ASSERT_EQ(run.status, FlowStatus::reached);
  ASSERT_EQ(run.events.size(), 1u);
  EXPECT_EQ(run.events[0].cause, cause);
  EXPECT_FALSE(run.slides_after[0]);
  const double at = step_of(run.events[0]);
  const std::vector<double> seen = switches(p, run.events[0], hand_over, 7000);
  ASSERT_GT(seen.size(), 4u);
  EXPECT_LT(seen.back(), at + 0.5 + crossing_steps);
  // A hop's moment is known to one hop.
  EXPECT_GT(seen.back(), last_hops(p, run.events[0], 2.0));
  const Matrix z = exact_start(p, 7000).preactivations;
  EXPECT_EQ(z(run.events[0].neuron, run.events[0].sample) > 0.0, cause == FlowCause::leaves_upward);
}

TEST(LateFlowEvents, ASlidingPairLeavesUpwardOnceAndForAll) {
  expect_leaving(eventful(0.0, 6, 8, 54), FlowCause::leaves_upward);
}

TEST(LateFlowEvents, ASlidingPairLeavesDownwardOnceAndForAll) {
  expect_leaving(eventful(0.1, 6, 8, 10), FlowCause::leaves_downward);
}

/// A pair leaves with no velocity at all. Wherever the moment is told by other multipliers than
/// those that move it, it turns back at once, and again, and there is no end of events.
TEST(LateFlowEvents, LeavingPairsDoNotComeBackAtOnce) {
  int leaving = 0;
  for (const double slope : {0.0, 0.1, 0.3}) {
    for (std::uint64_t seed = 1; seed <= fewer_if_sanitized(60u); ++seed) {
      for (const Eigen::Index n : {4, 6}) {
        const TestProblem p = eventful(slope, n, 8, seed);
        const Followed run = follow(p, hand_over, 1e5);
        EXPECT_EQ(run.status, FlowStatus::reached) << "slope " << slope << ", seed " << seed;
        for (const FlowEvent& event : run.events) {
          leaving +=
              event.cause == FlowCause::leaves_upward || event.cause == FlowCause::leaves_downward;
        }
        // Every pair four times would be a lot.
        EXPECT_LT(run.events.size(), static_cast<std::size_t>(4 * 4 * n))
            << "slope " << slope << ", seed " << seed;
      }
    }
  }
  EXPECT_GT(leaving, fewer_if_sanitized(20));
}

TEST(LateFlowEvents, ComeInOrderAndNameTheirCause) {
  std::size_t count = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const TestProblem p = eventful(0.1, 6, 8, seed);
    const Followed run = follow(p, hand_over, 1e6);
    double last = std::log(static_cast<double>(hand_over));
    for (std::size_t e = 0; e < run.events.size(); ++e) {
      const FlowEvent& event = run.events[e];
      EXPECT_GE(event.log_time, last);
      last = event.log_time;
      const bool own = event.neuron / 2 == p.data.classes[event.sample];
      EXPECT_EQ(own, event.cause == FlowCause::own_crosses);
      EXPECT_FALSE(own && run.slides_after[e]);
      ++count;
    }
    EXPECT_LE(last, std::log(1e6));
  }
  EXPECT_GT(count, 50u);
}

/// The tests above chose their problems. This one takes whatever comes: at 10^5, the exact steps'
/// activations are those of a flow that left at 10^3, but for pairs that slide and for pairs that
/// are about to change.
TEST(LateFlowEvents, PatternsAreThoseOfExactSteps) {
  constexpr std::uint64_t end = 50'000;
  int compared = 0, wrong = 0;
  for (const double slope : {0.0, 0.1}) {
    for (std::uint64_t seed = 1; seed <= fewer_if_sanitized(25u); ++seed) {
      const TestProblem p = eventful(slope, 6, 20, seed);
      const Matrix exact = exact_start(p, end).preactivations;
      LateFlow flow(flow_problem(p), exact_start(p, hand_over), {});
      ASSERT_EQ(flow.advance_to(std::log(static_cast<double>(end))), FlowStatus::reached);
      const Matrix z = flow.state().preactivations;
      for (Eigen::Index k = 0; k < z.rows(); ++k) {
        for (Eigen::Index i = 0; i < z.cols(); ++i) {
          if (flow.at_zero(k, i)) continue;
          ++compared;
          wrong += (z(k, i) >= 0.0) != (exact(k, i) >= 0.0);
        }
      }
    }
  }
  EXPECT_GT(compared, fewer_if_sanitized(700));
  EXPECT_EQ(wrong, 0);
}

/// A neuron is put off along one of its samples, as a crossing at the wrong moment puts it, and the
/// flow goes on until margins have made up for it: where all neurons are then is what was booked,
/// and the coefficients of the others moved as much.
TEST(LateFlowEvents, WhatACrossingIsOffByReachesOthersAsBooked) {
  int compared = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const double slope = seed % 2 == 0 ? 0.3 : 0.0;
    const TestProblem p =
        problem_on("off", gaussian_mixture(8, 40, 0.02, 1.0, seed), 6, slope, 1e-3);
    const FlowProblem problem = flow_problem(p);
    const FlowStart start = exact_start(p, 100'000);
    const auto k = static_cast<Eigen::Index>(seed % 12);
    Eigen::Index i = 0;
    while (!problem.own(problem.group_of(k), i)) ++i;
    const double change = 1e-6;
    FlowState booked(std::make_shared<FlowProblem>(problem), start, {});
    if (booked.neuron(k).mode.at_zero(i)) continue;
    const FlowStart before{booked.theta, booked.coefficients, booked.z};
    booked.book(k, i, change);
    FlowStart off = before;
    off.coefficients(k, i) += change / problem.gram(i, i);
    off.preactivations.row(k) += change / problem.gram(i, i) * problem.gram.row(i);
    LateFlow one(problem, before, {}), other(problem, off, {});
    const double later = booked.theta + 3.0;
    if (one.advance_to(later) != FlowStatus::reached ||
        other.advance_to(later) != FlowStatus::reached || one.events() + other.events() > 0) {
      continue;
    }
    ++compared;
    SCOPED_TRACE(seed);
    const FlowStart first = one.state(), second = other.state();
    const Matrix moved = (second.preactivations - first.preactivations).cwiseAbs();
    const Matrix gained = (second.coefficients - first.coefficients).cwiseAbs();
    double largest = 0.0, largest_booked = 0.0;
    for (Eigen::Index l = 0; l < problem.neurons(); ++l) {
      for (Eigen::Index s = 0; s < problem.samples(); ++s) {
        EXPECT_LE(moved(l, s), 1.2 * booked.neuron(l).errors[s] + 1e-3 * change) << l << " " << s;
        if (l == k) continue;
        largest = std::max(largest, moved(l, s));
        largest_booked = std::max(largest_booked, booked.neuron(l).errors[s]);
      }
      EXPECT_LE(gained.row(l).sum(),
                booked.event_errors.coefficients.row(l).sum() + 1e-3 * change / problem.gram(i, i));
    }
    EXPECT_LE(largest_booked, 5.0 * largest);  // and not much more
  }
  EXPECT_GE(compared, 4);
}

}  // namespace
}  // namespace latetime
