#include "latetime/dynamics/descent.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/dynamics/schedule.hpp"
#include "problems.hpp"

namespace latetime {
namespace {

using namespace testing_support;
using testing::ElementsAre;
using testing::HasSubstr;

TestProblem small_problem() {
  return problem_on("small", gaussian_mixture(10, 50, 0.01, 1.0, 1), 12, 0.0, 1e-2);
}

Descent descent_on(const TestProblem& p, DescentOptions options = {}) {
  return Descent(p, options);
}

TEST(Descent, TakesTheCoefficientEngineUnlessSamplesOutnumberTwiceTheDimension) {
  EXPECT_FALSE(plan_engines({}, 10, {.width = 100, .dim = 784}).dense);
  EXPECT_FALSE(plan_engines({}, 20, {.width = 100, .dim = 10}).dense);
  EXPECT_TRUE(plan_engines({}, 21, {.width = 100, .dim = 10}).dense);
  EXPECT_EQ(descent_on(small_problem()).engine(), EngineKind::coefficient);
  const TestProblem many = problem_on("many", gaussian_mixture(21, 10, 0.1, 1.0, 1), 3, 0.0, 0.1);
  EXPECT_EQ(descent_on(many).engine(), EngineKind::dense);
}

TEST(Descent, HandsOverToTheFlowOnlyWhereExactStepsAreNotAffordable) {
  DescentOptions options{.until = 1000};
  EXPECT_FALSE(plan_engines(options, 10, {.width = 100, .dim = 784}).hand_over);
  options.until = LogTime::parse("1e100", "");
  EXPECT_TRUE(plan_engines(options, 10, {.width = 100, .dim = 784}).hand_over);
  EXPECT_FALSE(plan_engines(options, 21, {.width = 100, .dim = 10}).dense);
  options.engine = EngineChoice::coefficient;
  EXPECT_FALSE(plan_engines(options, 10, {.width = 100, .dim = 784}).hand_over);
  options = {.engine = EngineChoice::flow, .until = 1000};
  EXPECT_TRUE(plan_engines(options, 10, {.width = 100, .dim = 784}).forced_flow);
}

TEST(Descent, TakesTheEngineThatIsAskedFor) {
  EXPECT_EQ(descent_on(small_problem(), {.engine = EngineChoice::dense}).engine(),
            EngineKind::dense);
  const TestProblem many = problem_on("many", gaussian_mixture(21, 10, 0.1, 1.0, 1), 3, 0.0, 0.1);
  EXPECT_EQ(descent_on(many, {.engine = EngineChoice::coefficient}).engine(),
            EngineKind::coefficient);
}

TEST(Descent, FollowsMiniBatchesDenselyAndRefusesToOtherwise) {
  DescentOptions options{.method = Method::stochastic, .batch_size = 4};
  EXPECT_EQ(descent_on(small_problem(), options).engine(), EngineKind::dense);
  options.engine = EngineChoice::coefficient;
  try {
    descent_on(small_problem(), options);
    FAIL() << "accepted";
  } catch (const InputError& error) {
    EXPECT_THAT(error.what(), HasSubstr("descent.engine"));
    EXPECT_THAT(error.what(), HasSubstr("dense"));
  }
}

TEST(Descent, RefusesMiniBatchesOnEveryEngineButTheDenseOne) {
  for (const EngineChoice engine :
       {EngineChoice::coefficient, EngineChoice::frozen, EngineChoice::flow}) {
    EXPECT_THROW(plan_engines({.method = Method::stochastic, .engine = engine}, 10,
                              {.width = 100, .dim = 784}),
                 InputError);
  }
}

class DescentOf : public testing::TestWithParam<EngineChoice> {
 protected:
  Descent make(const TestProblem& p) const { return descent_on(p, {.engine = GetParam()}); }
};

TEST_P(DescentOf, RecordsExactlyAtTheSchedule) {
  const TestProblem problem = small_problem();
  Descent descent = make(problem);
  const auto schedule = record_steps(300, 3, std::vector<LogTime>{77, 78});
  std::vector<LogTime> recorded;
  std::vector<Matrix> weights;
  const Outcome outcome = descent.run(schedule, {.record =
                                                     [&](const TrainingState& state) {
                                                       recorded.push_back(state.time);
                                                       weights.push_back(state.weights);
                                                     },
                                                 .pulse = {}});
  EXPECT_EQ(recorded, schedule);
  EXPECT_EQ(outcome.reason, StopReason::reached_end);
  EXPECT_EQ(outcome.time, 300);
  EXPECT_EQ(outcome.message, "");
  for (std::size_t r = 0; r < schedule.size(); ++r) {
    Engine engine = GetParam() == EngineChoice::dense ? dense(problem) : coefficient(problem);
    engine.advance(*schedule[r].step());
    EXPECT_TRUE(same_bits(engine.state().weights, weights[r])) << "step " << schedule[r];
  }
}

TEST_P(DescentOf, PassesOverStepsThatLieBehind) {
  Descent descent = make(small_problem());
  const std::vector<LogTime> first{0, 50}, second{0, 20, 50, 60};
  std::vector<LogTime> recorded;
  const DescentObservers observers{
      .record = [&](const TrainingState& state) { recorded.push_back(state.time); }, .pulse = {}};
  descent.run(first, observers);
  descent.run(second, observers);
  EXPECT_THAT(recorded, ElementsAre(0, 50, 50, 60));
  EXPECT_EQ(descent.time(), 60);
}

TEST_P(DescentOf, StartsANewIntervalOfSwitchesAtEachRecord) {
  const TestProblem problem = small_problem();
  Descent descent = make(problem);
  std::uint64_t switches = 0;
  bool first = true;
  const std::vector<LogTime> schedule{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const auto count = [](const PairBits& bits) {
    std::uint64_t total = 0;
    for (const std::uint64_t word : bits.words) {
      total += static_cast<std::uint64_t>(__builtin_popcountll(word));
    }
    return total;
  };
  descent.run(schedule, {.record =
                             [&](const TrainingState& state) {
                               const std::uint64_t now = state.switches.own + state.switches.other;
                               // One step an interval: each pair switched at most once in it.
                               EXPECT_EQ(count(state.switched_since_record), now - switches);
                               EXPECT_TRUE(!first || now == 0);
                               switches = now;
                               first = false;
                             },
                         .pulse = {}});
  EXPECT_GT(switches, 0u);
}

TEST_P(DescentOf, StopsWhenThePulseSaysSo) {
  Descent descent = make(small_problem());
  LogTime last_pulse;
  std::uint64_t records = 0;
  const std::vector<LogTime> schedule{0, 1'000'000'000};
  const Outcome outcome = descent.run(schedule, {.record = [&](const TrainingState&) { ++records; },
                                                 .pulse =
                                                     [&](const LogTime& time) {
                                                       last_pulse = time;
                                                       return time < 10;
                                                     }});
  EXPECT_EQ(outcome.reason, StopReason::interrupted);
  EXPECT_FALSE(outcome.message.empty());
  EXPECT_EQ(outcome.time, last_pulse);
  EXPECT_EQ(descent.time(), last_pulse);
  EXPECT_GE(last_pulse, 10);
  EXPECT_EQ(records, 1u);
}

TEST_P(DescentOf, InterruptedAndResumedGivesTheSameBits) {
  const TestProblem problem = small_problem();
  const std::vector<LogTime> schedule{5000};
  TrainingState expected;
  make(problem).run(schedule,
                    {.record = [&](const TrainingState& s) { expected = s; }, .pulse = {}});
  Descent first = make(problem);
  first.run(schedule, {.record = [](const TrainingState&) {},
                       .pulse = [](const LogTime& time) { return time < 300; }});
  Descent second = make(problem);
  second.restore(first.memory());
  TrainingState resumed;
  second.run(schedule, {.record = [&](const TrainingState& s) { resumed = s; }, .pulse = {}});
  EXPECT_TRUE(same_bits(expected, resumed));
}

TEST_P(DescentOf, ReportsOverflow) {
  TestProblem problem = small_problem();
  problem.data.x.edit() *= 1e200;
  Descent descent = make(problem);
  const std::vector<LogTime> schedule{0, 100, 1000};
  std::vector<LogTime> recorded;
  const Outcome outcome = descent.run(
      schedule,
      {.record = [&](const TrainingState& state) { recorded.push_back(state.time); }, .pulse = {}});
  EXPECT_EQ(outcome.reason, StopReason::not_finite);
  EXPECT_LT(outcome.time, 100);
  EXPECT_FALSE(outcome.message.empty());
  EXPECT_THAT(recorded, ElementsAre(0));
}

INSTANTIATE_TEST_SUITE_P(Engines, DescentOf,
                         testing::Values(EngineChoice::dense, EngineChoice::coefficient),
                         [](const auto& instance) {
                           return instance.param == EngineChoice::dense ? "dense" : "coefficient";
                         });

// A checkpoint may be written at any pulse, also while a trial of the flow goes on.
TEST(Descent, GoesOnToTheSameBitsFromEveryPulse) {
  const TestProblem p = problem_on("pulses", gaussian_mixture(6, 20, 0.1, 1.0, 3), 4, 0.0, 1e-2);
  const DescentOptions options{.engine = EngineChoice::flow, .until = LogTime::parse("1e9", "")};
  std::vector<LogTime> schedule;
  for (int k = 0; k <= 36; ++k) schedule.push_back(LogTime::from_log10(0.25 * k));
  struct Checkpoint {
    EngineMemory memory;
    std::size_t records;
  };
  std::vector<Matrix> expected;
  std::vector<Checkpoint> checkpoints;
  Descent whole(p, options);
  whole.run(schedule,
            {.record = [&](const TrainingState& state) { expected.push_back(state.coefficients); },
             .pulse =
                 [&](const LogTime&) {
                   if (!expected.empty()) checkpoints.push_back({whole.memory(), expected.size()});
                   return true;
                 }});
  ASSERT_EQ(expected.size(), schedule.size());
  ASSERT_FALSE(checkpoints.empty());
  EXPECT_EQ(whole.engine(), EngineKind::flow);
  for (const auto& [memory, records] : checkpoints) {
    Descent second(p, options);
    second.restore(memory);
    std::vector<Matrix> seen;
    second.run(std::span(schedule).subspan(records),
               {.record = [&](const TrainingState& state) { seen.push_back(state.coefficients); },
                .pulse = {}},
               std::span(schedule).first(records));
    ASSERT_EQ(seen.size(), expected.size() - records);
    for (std::size_t r = 0; r < seen.size(); ++r) {
      ASSERT_EQ(seen[r], expected[records + r]) << "checkpoint after " << records << " records";
    }
  }
}

}  // namespace
}  // namespace latetime
