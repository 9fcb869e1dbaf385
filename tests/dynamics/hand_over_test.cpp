// When exact steps give way to the late-time flow, and runs that do so, cut and resumed.

#include "latetime/dynamics/hand_over.hpp"

#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "late_flows.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "support/sanitized.hpp"

namespace latetime {
namespace {

using namespace testing_support;
using testing::HasSubstr;
using Decision = HandOver::Decision;

TestProblem leaky_problem() {
  return problem_on("leaky", gaussian_mixture(10, 50, 0.01, 1.0, 1), 12, 0.3, 1e-2);
}
TestProblem relu_problem() {
  return problem_on("relu", gaussian_mixture(6, 60, 0.01, 1.0, 9), 3, 0.0, 1e-3);
}

/// A hand-over and the exact steps that it watches.
struct Watched {
  const TestProblem& p;
  CoefficientEngine engine;
  HandOver hand_over;

  Watched(const TestProblem& problem, HandOver::Discrepancy discrepancy,
          const HandOver::Options& options)
      : p(problem),
        engine(p, 1),
        hand_over(flow_problem(p), engine.state(false).preactivations,
                  std::make_shared<const WeightsBeyond>(p.initial.weights, p.data.x),
                  std::move(discrepancy), options) {}

  std::uint64_t go_to_next_look() {
    engine.advance(HandOver::next_look(engine.step()) - engine.step());
    return engine.step();
  }
  Decision look(const std::function<bool()>& keep_going = {}) {
    return hand_over.look(engine.step(), engine.coefficients(), keep_going);
  }
  /// Until a decision other than to go on.
  Decision run() {
    for (;;) {
      go_to_next_look();
      const Decision decision = look();
      if (decision != Decision::go_on) return decision;
    }
  }
};

HandOver::Discrepancy always(double value) {
  return [value](const Matrix&, const Vector&, const Matrix&, const Vector&,
                 const std::vector<bool>&) { return value; };
}
HandOver::Discrepancy of_log_loss() {
  return [](const Matrix&, const Vector& a, const Matrix&, const Vector& b,
            const std::vector<bool>&) { return std::abs(log_loss_of(a) - log_loss_of(b)); };
}

TEST(HandOver, LooksEightTimesADecadeFromAHundredOn) {
  std::uint64_t step = HandOver::next_look(0);
  EXPECT_EQ(step, 100u);
  for (int number = 16; number <= 96; ++number) {
    const auto expected = static_cast<std::uint64_t>(std::llround(std::pow(10.0, number / 8.0)));
    ASSERT_EQ(step, expected);
    EXPECT_EQ(HandOver::next_look(step - 1), step);
    const std::uint64_t next = HandOver::next_look(step);
    ASSERT_GT(next, step);
    EXPECT_EQ(HandOver::next_look((step + next) / 2), next);
    step = next;
  }
}

// Estimates are four times what a trial sees.
TEST(HandOver, LeavesAtTheFirstTrialThatMeetsTheTolerance) {
  const TestProblem p = leaky_problem();
  const HandOver::Options options{.tolerance = 1e-8, .most_steps = 100'000};
  Watched good(p, always(2e-9), options), fair(p, always(1e-8), options);
  EXPECT_EQ(good.run(), Decision::leave);
  EXPECT_EQ(good.engine.step(), 10'000u);
  EXPECT_DOUBLE_EQ(good.hand_over.error(), 8e-9);
  EXPECT_EQ(fair.run(), Decision::leave);  // at the last moment, and says so
  EXPECT_EQ(fair.engine.step(), 100'000u);
  EXPECT_DOUBLE_EQ(fair.hand_over.error(), 4e-8);
}

TEST(HandOver, LeavesEarlyWhenForcedButNotToAFlowThatDoesNotFollow) {
  const TestProblem p = leaky_problem();
  const HandOver::Options options{.tolerance = 1e-8, .forced = true, .most_steps = 100'000};
  Watched fair(p, always(5e-5), options), poor(p, always(5e-3), options),
      useless(p, always(0.5), options);
  EXPECT_EQ(fair.run(), Decision::leave);
  EXPECT_EQ(fair.engine.step(), 1000u);
  EXPECT_EQ(poor.run(), Decision::leave);  // at the last moment
  EXPECT_EQ(poor.engine.step(), 100'000u);
  EXPECT_EQ(useless.run(), Decision::give_up);
  EXPECT_EQ(useless.engine.step(), 100'000u);
  EXPECT_EQ(useless.hand_over.outcome().reason, StopReason::not_late);
  EXPECT_EQ(useless.hand_over.outcome().time, LogTime(100'000));
  EXPECT_THAT(useless.hand_over.outcome().message, HasSubstr("100000 exact steps"));
}

TEST(HandOver, TakesAnUndefinedDiscrepancyForAFailure) {
  const TestProblem p = leaky_problem();
  Watched broken(p, always(std::numeric_limits<double>::quiet_NaN()),
                 {.tolerance = 1e-8, .most_steps = 20'000});
  EXPECT_EQ(broken.run(), Decision::give_up);
}

/// What it expects must not be less than what the flow is then off by.
TEST(HandOver, ExpectsNoLessThanTheErrorOfTheFlow) {
  for (const TestProblem& p : {leaky_problem(), relu_problem()}) {
    Watched run(p, of_log_loss(), {.tolerance = 1e-6, .most_steps = 1'000'000});
    ASSERT_EQ(run.run(), Decision::leave) << p.name;
    EXPECT_LE(run.hand_over.error(), 1e-6) << p.name;
    EXPECT_LT(run.engine.step(), 1'000'000u) << p.name;
    LateFlow flow(flow_problem(p),
                  run.hand_over.start(run.engine.step(), run.engine.coefficients()),
                  run.hand_over.flow_options());
    const std::uint64_t from = run.engine.step();
    for (const std::uint64_t times : {2u, 5u, 10u, 20u}) {
      run.engine.advance(times * from - run.engine.step());
      flow.advance_to(std::log(static_cast<double>(times * from)));
      const double exact = log_loss_of(plain_margins(p, run.engine.state(false).preactivations));
      EXPECT_NEAR(log_loss_of(flow.margins()), exact, run.hand_over.error())
          << p.name << " at " << times << " T";
    }
  }
}

/// One sample under both labels, at neurons that its pushes only take further from zero.
TEST(HandOver, NamesTheLossThatStaysAndTheSamplesToBlame) {
  TestProblem p = problem_on("contradicting", orthogonal_data(2, 3, 1.0), 2, 0.1, 0.1);
  p.data.x.edit().row(1) = p.data.x.row(0);
  p.data.classes = {0, 1};
  Watched run(p, always(1e-3), {.tolerance = 1e-8, .most_steps = 1'000'000});
  ASSERT_EQ(run.run(), Decision::give_up);
  EXPECT_LT(run.engine.step(), 1'000'000u);  // and does not wait for the end of all steps
  const Outcome& outcome = run.hand_over.outcome();
  EXPECT_EQ(outcome.reason, StopReason::not_separated);
  EXPECT_EQ(outcome.time, LogTime(run.engine.step()));
  const double loss =
      std::exp(log_loss_of(plain_margins(p, run.engine.state(false).preactivations)));
  EXPECT_GE(loss, std::log(2.0) * (1.0 - 1e-12));
  const auto place = outcome.message.find("it is ");
  ASSERT_NE(place, std::string::npos) << outcome.message;
  EXPECT_NEAR(std::strtod(outcome.message.c_str() + place + 6, nullptr), loss, 1e-9);
  EXPECT_THAT(outcome.message, HasSubstr("samples 0, 1 "));
}

/// Six pairs of equal samples under both labels, at neurons some of which they hold at zero:
/// whether that they stay is proved hangs on roundings, and where it is not, the flow goes on
/// beside their rest.
TEST(HandOver, TellsContradictionsOrGoesOnBesideTheirRest) {
  const TestProblem p = problem_on("contradicting", contradicting_duplicates(), 10, 0.1, 0.1);
  Watched run(p, of_log_loss(), {.tolerance = 1e-8, .most_steps = 1'000'000});
  if (run.run() == Decision::give_up) {
    EXPECT_EQ(run.hand_over.outcome().reason, StopReason::not_separated);
    const Matrix z = run.engine.state(false).preactivations;
    EXPECT_NEAR(log_loss_of(plain_margins(p, z)), std::log(std::log(2.0)), 1e-6);
    return;
  }
  LateFlow flow(flow_problem(p), run.hand_over.start(run.engine.step(), run.engine.coefficients()),
                run.hand_over.flow_options());
  EXPECT_EQ(flow.advance_to(100.0 * std::log(10.0)), FlowStatus::reached);
  EXPECT_NEAR(log_loss_of(flow.margins()), std::log(std::log(2.0)), run.hand_over.error());
}

/// A sample that activates no neuron of its class is never learned, g = ½ for ever: pairs that
/// slide on it hop by O(1), not by O(1/t). A flow that leaves it behind must say how far that takes
/// it from the descent.
TEST(HandOver, BooksWhatASampleDoesThatIsNeverLearned) {
  const TestProblem p = problem_on("trapped", gaussian_mixture(6, 60, 0.01, 1.0, 10), 2, 0.0, 1e-3);
  Watched run(p, of_log_loss(), {.tolerance = 1e-8, .most_steps = 1'000'000});
  if (run.run() == Decision::give_up) return;
  LateFlow flow(flow_problem(p), run.hand_over.start(run.engine.step(), run.engine.coefficients()),
                run.hand_over.flow_options());
  const double hops = flow.switching_error({});
  const std::uint64_t from = run.engine.step();
  for (const std::uint64_t times : {2u, 5u, 10u}) {
    if (times > fewer_if_sanitized(10u)) break;
    run.engine.advance(times * from - run.engine.step());
    if (flow.advance_to(std::log(static_cast<double>(run.engine.step()))) != FlowStatus::reached)
      return;  // honest, too
    const double exact = log_loss_of(plain_margins(p, run.engine.state(false).preactivations));
    EXPECT_NEAR(log_loss_of(flow.margins()), exact, run.hand_over.error() + hops);
  }
}

TEST(HandOver, RestoredDecidesAlike) {
  for (const TestProblem& p : {leaky_problem(), relu_problem()}) {
    const HandOver::Options options{.tolerance = 1e-7, .most_steps = 1'000'000};
    for (const std::uint64_t cut : {300u, 3000u, 10'000u}) {
      Watched whole(p, of_log_loss(), options), resumed(p, of_log_loss(), options);
      Decision decision = Decision::go_on;
      bool restored = false;
      while (decision == Decision::go_on) {
        whole.go_to_next_look();
        resumed.go_to_next_look();
        decision = whole.look();
        if (restored) {
          ASSERT_EQ(resumed.look(), decision) << whole.engine.step();
        } else if (whole.engine.step() >= cut) {
          resumed.hand_over.restore(whole.hand_over.look_steps(),
                                    whole.hand_over.look_coefficients());
          restored = true;
        }
      }
      EXPECT_EQ(decision, Decision::leave);
      if (whole.engine.step() == cut) continue;  // left at the cut: nothing remained to decide
      EXPECT_EQ(whole.hand_over.error(), resumed.hand_over.error());
      EXPECT_EQ(whole.hand_over.flow_options().preactivation_error,
                resumed.hand_over.flow_options().preactivation_error);
    }
  }
}

TEST(HandOver, InterruptedLookCanBeTakenAgain) {
  const TestProblem p = relu_problem();
  const HandOver::Options options{.tolerance = 1e-6, .most_steps = 1'000'000};
  Watched whole(p, of_log_loss(), options), cut(p, of_log_loss(), options);
  int interruptions = 0;
  for (Decision decision = Decision::go_on; decision == Decision::go_on;) {
    whole.go_to_next_look();
    cut.go_to_next_look();
    decision = whole.look();
    Decision again = cut.look([] { return false; });
    if (again == Decision::interrupted) {
      ++interruptions;
      again = cut.look();
    }
    ASSERT_EQ(again, decision) << whole.engine.step();
  }
  EXPECT_GT(interruptions, 0);
  EXPECT_EQ(whole.hand_over.error(), cut.hand_over.error());
}

// ---- whole runs
// -----------------------------------------------------------------------------------

struct Records {
  std::vector<LogTime> times;
  std::vector<TrainingState> states;
  std::vector<EngineKind> engines;
};

Outcome record_into(Records& run, Descent& descent, std::span<const LogTime> schedule,
                    std::span<const LogTime> recorded,
                    std::function<bool(const LogTime&)> pulse = {}) {
  return descent.run(schedule,
                     {.record =
                          [&](const TrainingState& state) {
                            run.times.push_back(state.time);
                            run.states.push_back(state);
                            run.engines.push_back(descent.engine());
                          },
                      .pulse = std::move(pulse)},
                     recorded);
}

bool same_late_bits(const TrainingState& a, const TrainingState& b) {
  const auto same = [](const Vector& u, const Vector& v) {
    return u.size() == v.size() && (u.size() == 0 || u == v);
  };
  return same_bits(a, b) && a.sliding_pairs == b.sliding_pairs &&
         a.error_estimate == b.error_estimate && a.undecided_events == b.undecided_events &&
         same_bits(a.slopes, b.slopes) && same(a.margin_offset, b.margin_offset);
}

/// Stopped at the first pulse at or after `stop`, stored, and resumed by another Descent.
void expect_resumable(const TestProblem& p, const LogTime& stop) {
  SCOPED_TRACE(p.name + " stopped at " + to_string(stop));
  const LogTime until = LogTime::parse("1e100", "");
  const DescentOptions options{.tolerance = 1e-6, .until = until};
  const std::vector<LogTime> schedule = record_steps(until, 1, {});
  Records whole, pieces;
  Descent straight(p, options);
  ASSERT_EQ(record_into(whole, straight, schedule, {}).reason, StopReason::reached_end);
  ASSERT_EQ(whole.engines.back(), EngineKind::flow);
  ASSERT_EQ(whole.times, schedule);

  Descent first(p, options);
  const Outcome outcome =
      record_into(pieces, first, schedule, {}, [&](const LogTime& time) { return time < stop; });
  ASSERT_EQ(outcome.reason, StopReason::interrupted);
  ASSERT_LT(pieces.times.size(), schedule.size());
  Descent second(p, options);
  second.restore(first.memory());
  const std::vector<LogTime> recorded = pieces.times;
  const std::vector<LogTime> rest(schedule.begin() + static_cast<std::ptrdiff_t>(recorded.size()),
                                  schedule.end());
  ASSERT_EQ(record_into(pieces, second, rest, recorded).reason, StopReason::reached_end);
  ASSERT_EQ(pieces.times, schedule);
  for (std::size_t r = 0; r < schedule.size(); ++r) {
    EXPECT_TRUE(same_late_bits(whole.states[r], pieces.states[r])) << to_string(schedule[r]);
    EXPECT_EQ(whole.engines[r], pieces.engines[r]) << to_string(schedule[r]);
  }
}

TEST(DescentToTheFlow, StoppedBeforeTheHandOverAndResumedGivesTheSameBits) {
  for (const TestProblem& p : {leaky_problem(), relu_problem()}) expect_resumable(p, 700);
}

TEST(DescentToTheFlow, StoppedAfterTheHandOverAndResumedGivesTheSameBits) {
  for (const TestProblem& p : {leaky_problem(), relu_problem()}) {
    expect_resumable(p, LogTime::parse("1e9", ""));
    expect_resumable(p, LogTime::parse("1e60", ""));
  }
}

TEST(DescentToTheFlow, SlowEndsHonestlyWhereSamplesContradictEachOther) {
  const TestProblem p = problem_on("contradicting", contradicting_duplicates(), 10, 0.1, 0.1);
  const LogTime until = LogTime::parse("1e100", "");
  Descent descent(p, {.until = until});
  Records run;
  const Outcome outcome = record_into(run, descent, record_steps(until, 1, {}), {});
  EXPECT_EQ(outcome.reason, StopReason::not_separated);
  EXPECT_THAT(outcome.message, HasSubstr("the loss does not go to zero"));
  EXPECT_GE(outcome.time, LogTime(100'000));
}

TEST(Descent, SaysThatAFollowedFlowDoesNotSeparateItsSamples) {
  // One own neuron, inactive on its only sample: nothing ever moves it, the loss stays log 2.
  TestProblem p = problem_on("dead", orthogonal_data(1, 2, 1.0), 1, 0.0, 0.1);
  p.initial.weights.setConstant(-0.1);
  DescentOptions options{.method = Method::flow};
  const auto end = [&](const char* until) {
    options.until = LogTime::parse(until, "");
    Descent descent(p, options);
    const std::vector<LogTime> last{options.until};
    return descent.run(last, {.record = [](const TrainingState&) {}, .pulse = {}});
  };
  EXPECT_EQ(end("1e3").reason, StopReason::reached_end);  // too early to say
  const Outcome outcome = end("1e10");
  EXPECT_EQ(outcome.reason, StopReason::not_separated);
  EXPECT_EQ(outcome.time, LogTime::parse("1e10", ""));
  EXPECT_NE(outcome.message.find("0.6931471806"), std::string::npos) << outcome.message;
}

}  // namespace
}  // namespace latetime
