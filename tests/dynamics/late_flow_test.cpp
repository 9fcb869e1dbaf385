// The late-time flow by itself: closed forms, interruption, restarts, and what its answers say of
// each other.

#include <algorithm>
#include <memory>

#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "latetime/base/random.hpp"
#include "latetime/dynamics/flow_state.hpp"

namespace latetime {
namespace {

using namespace testing_support;

const double log_of_10 = std::log(10.0);

TestProblem sliding_problem() {
  return problem_on("sliding", gaussian_mixture(6, 60, 0.01, 1.0, 9), 3, 0.0, 1e-3);
}
TestProblem eventful_problem() {
  return problem_on("eventful", gaussian_mixture(6, 8, 0.3, 1.0, 16), 2, 0.1, 1e-2);
}
TestProblem leaky_problem() {
  return problem_on("leaky", near_orthogonal_data(8, 16, 3.0, 0.5, 1), 4, 0.3, 1e-3);
}

/// One sample x of class 0 and one neuron a class, active and inactive: du/dt = κ/(1 + e^u) with
/// κ = η‖x‖²(1 + γ²), hence u + e^u = κt + const.
struct OneSample {
  double slope, eta = 0.3, norm = 1.7, up = 0.4, down = -0.2;
  TestProblem problem() const {
    TestProblem p{.name = "one",
                  .data = orthogonal_data(1, 1, norm),
                  .initial = {{.groups = 2, .width = 1, .dim = 1, .slope = slope}, Matrix(2, 1)},
                  .learning_rate = eta};
    p.initial.weights << up / norm, down / norm;
    return p;
  }
  FlowStart start() const {
    FlowStart result{0.0, Matrix::Zero(2, 1), Matrix(2, 1)};
    result.preactivations << up, down;
    return result;
  }
  double margin(double log_time) const {
    const double kappa = eta * norm * norm * (1.0 + slope * slope);
    const double start = up - slope * down;
    const auto constant =
        static_cast<long double>(start) + std::exp(static_cast<long double>(start));
    const long double right = kappa * std::exp(static_cast<long double>(log_time)) + constant;
    long double u = std::log1p(right);  // Newton steps from above, u + e^u is convex
    for (int i = 0; i < 50; ++i) u -= (u + std::exp(u) - right) / (1.0L + std::exp(u));
    return static_cast<double>(u);
  }
};

TEST(LateFlow, OfOneSampleIsTheClosedFormOfGradientFlow) {
  for (const double slope : {0.0, 0.3, 1.0}) {
    const OneSample one{.slope = slope};
    const FlowOptions options{.of_descent = false};
    LateFlow flow(flow_problem(one.problem()), one.start(), options);
    for (const double time : {1.0, 10.0, 1e3, 1e6}) {
      ASSERT_EQ(flow.advance_to(std::log1p(time)), FlowStatus::reached);
      const double error = static_cast<double>(flow.steps()) * options.step_tolerance;
      EXPECT_NEAR(flow.margins()[0], one.margin(std::log(time)), error) << "t = " << time;
    }
    for (const double decade : {20.0, 100.0, 1000.0}) {
      ASSERT_EQ(flow.advance_to(decade * log_of_10), FlowStatus::reached);
      // 1 + t is t by now; rounding of log t itself is 2⁻⁵³ log t.
      const double rounding = decade * log_of_10 * 0x1p-50;
      const double error = static_cast<double>(flow.steps()) * options.step_tolerance;
      EXPECT_NEAR(flow.margins()[0], one.margin(decade * log_of_10), error + rounding);
    }
    EXPECT_EQ(flow.events(), 0u);
    EXPECT_LT(flow.steps(), 400u);
    // The other neuron went γ times as far, down.
    const FlowStart end = flow.state();
    const double up = end.preactivations(0, 0) - one.up;
    EXPECT_NEAR(end.preactivations(1, 0) - one.down, -slope * up, 1e-13 * up);
    EXPECT_NEAR(end.coefficients(0, 0) * one.norm * one.norm, up, 1e-13 * up);
  }
}

/// Beyond all corrections u = log(κt) + o(1), however far.
TEST(LateFlow, GoesAsFarAsLogTimeGoes) {
  const OneSample one{.slope = 0.0};
  LateFlow flow(flow_problem(one.problem()), one.start(), {.of_descent = false});
  const double kappa = one.eta * one.norm * one.norm;
  for (const double log_time : {1e4, 1e6, 1e9}) {
    ASSERT_EQ(flow.advance_to(log_time), FlowStatus::reached);
    EXPECT_EQ(flow.log_time(), log_time);
    EXPECT_NEAR(flow.margins()[0] - log_time, std::log(kappa), 1e-9 + log_time * 0x1p-50);
  }
  EXPECT_LT(flow.steps(), 2000u);
}

TEST(LateFlow, TellsTheSameStoryInAllItsAnswers) {
  for (const TestProblem& p : {sliding_problem(), eventful_problem(), leaky_problem()}) {
    LateFlow flow(flow_problem(p), exact_start(p, 1000), {});
    for (const double decade : {3.0, 4.1, 5.0, 9.0, 20.0}) {
      ASSERT_EQ(flow.advance_to(decade * log_of_10), FlowStatus::reached);
      const FlowStart here = flow.state();
      const Vector u = flow.margins(), lambda = flow.lambda();
      EXPECT_EQ(here.log_time, flow.log_time());
      // Z = Z(0) + C G.
      const Matrix z0 = p.initial.weights * p.data.x.transpose();
      const Matrix z = z0 + here.coefficients * p.data.x * p.data.x.transpose();
      EXPECT_LE(largest(z - here.preactivations), 1e-11 * largest(z)) << p.name;
      // λ = t/(1 + e^u).
      for (Eigen::Index i = 0; i < u.size(); ++i) {
        EXPECT_NEAR(std::log(lambda[i]), flow.log_time() - softplus(u[i]), 1e-11);
      }
      // Without pairs that slide, margins are those of the pre-activations; with them they differ
      // by the mean of the switching, which is a few steps' worth, O(λ/t), at most.
      const Vector plain = plain_margins(p, here.preactivations);
      const double step = (flow.problem().reach * lambda).maxCoeff() * std::exp(-flow.log_time());
      const double rounding = 1e-11 * u.cwiseAbs().maxCoeff();
      const double allowed = rounding + (flow.sliding_pairs() > 0 ? 4.0 * step : 0.0);
      EXPECT_LE((plain - u).cwiseAbs().maxCoeff(), allowed) << p.name << " 10^" << decade;
      const Matrix slopes = flow.slopes();
      Eigen::Index sliding = 0;
      for (Eigen::Index k = 0; k < slopes.rows(); ++k) {
        for (Eigen::Index i = 0; i < slopes.cols(); ++i) {
          EXPECT_GE(slopes(k, i), p.initial.shape.slope);
          EXPECT_LE(slopes(k, i), 1.0);
          sliding += flow.at_zero(k, i);
          if (flow.at_zero(k, i)) continue;
          EXPECT_EQ(slopes(k, i), here.preactivations(k, i) >= 0.0 ? 1.0 : p.initial.shape.slope);
        }
      }
      EXPECT_EQ(sliding, flow.sliding_pairs());
    }
  }
}

TEST(LateFlow, InterruptedGoesOnToTheSameBits) {
  for (const TestProblem& p : {sliding_problem(), eventful_problem()}) {
    const FlowStart start = exact_start(p, 1000);
    LateFlow whole(flow_problem(p), start, {}), cut(flow_problem(p), start, {});
    ASSERT_EQ(whole.advance_to(100.0), FlowStatus::reached);
    double asked_at = 0.0;
    int interruptions = 0;
    const auto keep_going = [&](double log_time) {
      const bool first = log_time > asked_at;  // asked again at the same place: goes on
      asked_at = log_time;
      return !first;
    };
    FlowStatus status = FlowStatus::interrupted;
    while (status == FlowStatus::interrupted) {
      status = cut.advance_to(100.0, keep_going);
      interruptions += status == FlowStatus::interrupted;
      EXPECT_EQ(cut.log_time() < 100.0, status == FlowStatus::interrupted);
      ASSERT_LT(interruptions, 1000);
    }
    EXPECT_EQ(status, FlowStatus::reached);
    EXPECT_GE(interruptions, 1);
    EXPECT_EQ(whole.margins(), cut.margins());
    EXPECT_TRUE(same_bits(whole.state().coefficients, cut.state().coefficients));
    EXPECT_EQ(whole.events(), cut.events());
  }
}

void expect_restart(const TestProblem& p, double decade, double tolerance) {
  SCOPED_TRACE(p.name + " at 10^" + std::to_string(decade));
  LateFlow whole(flow_problem(p), exact_start(p, 1000), {});
  whole.advance_to(decade * log_of_10);
  LateFlow again(flow_problem(p), whole.state(), {});
  EXPECT_EQ(again.log_time(), whole.log_time());
  EXPECT_EQ(again.sliding_pairs(), whole.sliding_pairs());
  const std::uint64_t before = whole.events();
  for (const double later : {decade + 0.1, decade + 2.0, 40.0}) {
    ASSERT_EQ(whole.advance_to(later * log_of_10), FlowStatus::reached);
    ASSERT_EQ(again.advance_to(later * log_of_10), FlowStatus::reached);
    EXPECT_LE((whole.margins() - again.margins()).cwiseAbs().maxCoeff(), tolerance);
    EXPECT_EQ(whole.sliding_pairs(), again.sliding_pairs());
    EXPECT_EQ(whole.events() - before, again.events());
  }
}

/// Only rounding and integration errors tell a restarted flow from one that went on; where pairs
/// slide also the age of the mean offset, kept for a quarter of a unit of log t while λ drifts: a
/// part of the steps' size at the restart.
TEST(LateFlow, RestartedFromItsStateGoesOnAlike) {
  constexpr double rounding = 2e-10;
  expect_restart(leaky_problem(), 4.0, rounding);
  expect_restart(leaky_problem(), 10.0, rounding);
  expect_restart(sliding_problem(), 20.0, rounding);
  expect_restart(sliding_problem(), 5.0, 0.02 * 1e-5);
  expect_restart(eventful_problem(), 6.0, 0.02 * 1e-6);
}

/// One sample under both labels, at a late time and far from rest: it would come to rest within a
/// few steps, of which log t knows nothing.
TEST(LateFlow, SaysSoWhereItCannotFollow) {
  TestProblem p = problem_on("contradicting", orthogonal_data(2, 3, 1.0), 2, 0.1, 0.1);
  p.data.x.edit().row(1) = p.data.x.row(0);
  FlowStart start = exact_start(p, 1000);
  start.log_time = 20.0 * log_of_10;  // as if it had stood still ever since
  start.coefficients(0, 0) += 0.5;
  start.preactivations.row(0) += 0.5 * flow_problem(p).gram.row(0);
  LateFlow flow(flow_problem(p), start, {});
  EXPECT_EQ(flow.advance_to(100.0 * log_of_10), FlowStatus::too_stiff);
  EXPECT_LT(flow.log_time(), 100.0 * log_of_10);
}

/// Products by groups are those of the whole kernel, however often neurons left it and came back.
TEST(LateFlow, KernelsOfGroupsAreTheWholeOne) {
  for (const int classes : {3, 4, 6}) {
    const TestProblem p = problem_on(
        "classes", with_class_count(gaussian_mixture(13, 20, 0.3, 1.0, 5), classes), 3, 0.1, 0.5);
    FlowState state(std::make_shared<FlowProblem>(flow_problem(p)), exact_start(p, 3000), {});
    RandomStream stream(7, RandomPurpose::test);
    Vector change(state.margins());
    for (int round = 0; round < 20; ++round) {
      for (double& entry : change) entry = stream.normal();
      const Vector whole = state.kernel * change,
                   size = state.kernel.cwiseAbs() * change.cwiseAbs();
      const Vector off = state.pushed_margins(change, -2.0) + 2.0 * whole;
      ASSERT_LE((off.array().abs() - 1e-13 * size.array()).maxCoeff(), 0.0)
          << classes << ", " << round;
      ASSERT_GE(state.most_pushed(change.cwiseAbs()) * (1.0 + 1e-13), whole.cwiseAbs().maxCoeff());
      const auto k = static_cast<Eigen::Index>(stream.below(3 * static_cast<std::size_t>(classes)));
      state.add_kernel_of(k, round % 2 == 0 ? -1.0 : 1.0);
    }
    const Eigen::MatrixXd changed = state.kernel;
    state.rebuild_kernel();
    EXPECT_FALSE(state.kernel.isApprox(changed, 1e-6));
  }
}

}  // namespace
}  // namespace latetime
