// Following a training from record to record.

#include "latetime/dynamics/batch_descent.hpp"

#include <gtest/gtest.h>

#include "latetime/data/generators.hpp"

namespace latetime {
namespace {

class BatchDescent : public testing::Test {
 protected:
  BatchTrainer<double> trainer(double init_std = 0.1) const {
    const ClassifierShape shape{.width = 5, .dim = 12};
    return {samples_, random_classifier(shape, init_std, 3),
            BatchOptions{.batch_size = 4, .seed = 7}};
  }

  const SparseSamples<double> samples_ =
      sparse_samples<double>(gaussian_mixture(10, 12, 0.5, 1.0, 3));
  const std::vector<LogTime> times_{0, 1, 7, 130, 131};
};

TEST_F(BatchDescent, RecordsTheTimesAndTakesTheStepsBetweenThem) {
  auto followed = trainer(), stepped = trainer();
  std::vector<LogTime> recorded, pulses;
  const Outcome outcome = follow(followed, times_,
                                 {.record =
                                      [&] {
                                        recorded.push_back(followed.step());
                                        return true;
                                      },
                                  .pulse =
                                      [&](const LogTime& time) {
                                        pulses.push_back(time);
                                        return true;
                                      }});
  stepped.advance(131);
  EXPECT_EQ(outcome.reason, StopReason::reached_end);
  EXPECT_EQ(outcome.time, LogTime(131));
  EXPECT_EQ(recorded, times_);
  EXPECT_EQ(followed.classifier().weights, stepped.classifier().weights);
  EXPECT_TRUE(std::is_sorted(pulses.begin(), pulses.end()));
  EXPECT_GT(pulses.size(), times_.size() - 1);  // the long stretch has some of its own
}

TEST_F(BatchDescent, GoesOnFromWhereTheTrainerIs) {
  auto from = trainer();
  from.advance(7);
  std::size_t records = 0;
  const auto record = [&] { return ++records > 0; };
  EXPECT_EQ(follow(from, std::span(times_).subspan(2), {.record = record}).time, LogTime(131));
  EXPECT_EQ(records, 3u);  // the first one of the step that it stands at
}

TEST_F(BatchDescent, StopsWhereThePulseSaysSo) {
  auto stopped = trainer();
  std::size_t records = 0;
  const Outcome outcome = follow(stopped, times_,
                                 {.record = [&] { return ++records > 0; },
                                  .pulse = [](const LogTime& time) { return time < LogTime(7); }});
  EXPECT_EQ(outcome.reason, StopReason::interrupted);
  EXPECT_EQ(outcome.time, LogTime(7));
  EXPECT_EQ(records, 2u);  // 0 and 1: it was stopped before that of 7
}

TEST_F(BatchDescent, EndsWhereSomethingIsNotFinite) {
  auto large = trainer(1e308);
  const Outcome overflow = follow(large, times_, {.record = [] { return true; }});
  EXPECT_EQ(overflow.reason, StopReason::not_finite);
  EXPECT_LT(overflow.time, LogTime(130));
  EXPECT_NE(overflow.message.find("descent.learning_rate"), std::string::npos);
  auto measured = trainer();
  const Outcome at_record =
      follow(measured, times_, {.record = [&] { return measured.step() < 7; }});
  EXPECT_EQ(at_record.reason, StopReason::not_finite);
  EXPECT_EQ(at_record.time, LogTime(7));
}

TEST_F(BatchDescent, PulsesOftenerWhereAStepIsLong) {
  const SparseSamples<float> samples = sparse_samples<float>(gaussian_mixture(200, 500, 0.5, 1, 3));
  const ClassifierShape shape{.width = 100, .dim = 500};
  BatchTrainer<float> trainer(samples, random_classifier(shape, 0.1, 3), {.batch_size = 0});
  EXPECT_DOUBLE_EQ(trainer.operations_a_step(), 4.0 * 200 * 200 * 500);
  std::vector<LogTime> pulses;
  const std::vector<LogTime> times{30};
  follow(trainer, times,
         {.record = [] { return true; },
          .pulse =
              [&](const LogTime& time) {
                pulses.push_back(time);
                return true;
              }});
  EXPECT_EQ(pulses, (std::vector<LogTime>{12, 24, 30}));
}

}  // namespace
}  // namespace latetime
