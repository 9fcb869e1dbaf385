#include "latetime/dynamics/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"

namespace latetime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(RecordSteps, AreWholeDecadesAndBothEnds) {
  EXPECT_THAT(record_steps(1000, 1, {}), ElementsAre(0, 1, 10, 100, 1000));
  EXPECT_THAT(record_steps(1500, 1, {}), ElementsAre(0, 1, 10, 100, 1000, 1500));
}

TEST(RecordSteps, RoundFractionsOfADecadeWithoutRepeats) {
  EXPECT_THAT(record_steps(100, 4, {}), ElementsAre(0, 1, 2, 3, 6, 10, 18, 32, 56, 100));
}

TEST(RecordSteps, TakeExtraStepsAndMultiples) {
  const std::vector<LogTime> at{7, 100, 3, 20};
  EXPECT_THAT(record_steps(20, 1, at), ElementsAre(0, 1, 3, 7, 10, 20));
  EXPECT_THAT(record_steps(20, 0, {}, 6), ElementsAre(0, 6, 12, 18, 20));
}

TEST(RecordSteps, OfNoStepsAtAll) {
  EXPECT_THAT(record_steps(0, 4, {}), ElementsAre(0));
  EXPECT_THAT(record_steps(1, 0, {}), ElementsAre(0, 1));
}

bool ascends_without_repeats(const std::vector<LogTime>& times) {
  return std::is_sorted(times.begin(), times.end()) &&
         std::adjacent_find(times.begin(), times.end()) == times.end();
}

LogTime at_time(const std::string& text) {
  return LogTime::parse(text, "test");
}

TEST(RecordSteps, GoOnByDecadesPastTwoToThe53) {
  const auto times = record_steps(at_time("1e100"), 4, {});
  EXPECT_TRUE(ascends_without_repeats(times));
  EXPECT_EQ(times.front(), 0);
  EXPECT_EQ(times.back(), at_time("1e100"));
  // 10^(k/4) for k = 0 … 400; k = 0, 1 and 2 round to different steps already.
  EXPECT_EQ(times.size(), 1u + 401u);
  for (int decade = 0; decade <= 100; ++decade) {
    const LogTime time = at_time("1e" + std::to_string(decade));
    EXPECT_TRUE(std::binary_search(times.begin(), times.end(), time)) << time;
  }
}

TEST(RecordSteps, GoOnEvenlyInLogLogPastTheHundredthDecade) {
  const auto times = record_steps(at_time("1e100000"), 4, {});
  EXPECT_TRUE(ascends_without_repeats(times));
  EXPECT_EQ(times.back(), at_time("1e100000"));
  const auto hundred = std::find(times.begin(), times.end(), at_time("1e100"));
  ASSERT_NE(hundred, times.end());
  // The step to 10^100 and the one from it are equally long; then each is longer by the same ratio.
  for (auto time = hundred; time + 2 != times.end(); ++time) {
    EXPECT_NEAR((time + 1)->log() / time->log(), 1 + 1.0 / 400, 1e-13);
  }
  const auto expected = 1 + std::floor(std::log(1000.0) / std::log1p(1.0 / 400));
  EXPECT_EQ(static_cast<double>(times.end() - hundred), 1 + expected);
}

TEST(RecordSteps, AreTheSameUpToAnEarlierEnd) {
  const auto far = record_steps(at_time("1e300"), 3, {}),
             near = record_steps(at_time("1e80"), 3, {});
  EXPECT_TRUE(std::equal(near.begin(), near.end(), far.begin()));
}

TEST(RecordSteps, KeepNamedTimesToTheBit) {
  // Near a time of the grid but for rounding: one record, the named time.
  const LogTime decade = at_time("1e60");
  const LogTime named = LogTime::from_log(std::nextafter(decade.log(), 1e9));
  const LogTime until = LogTime::from_log(std::nextafter(at_time("1e70").log(), 1e9));
  const auto times = record_steps(until, 1, std::vector<LogTime>{named, at_time("1e90")});
  EXPECT_EQ(times.size(), 1u + 71u);
  EXPECT_TRUE(std::binary_search(times.begin(), times.end(), named));
  EXPECT_FALSE(std::binary_search(times.begin(), times.end(), decade));
  EXPECT_EQ(times.back(), until);
}

TEST(RecordSteps, TakeMultiplesPastTwoToThe53) {
  const std::uint64_t every = 2'000'000'000'000'000;
  const auto times = record_steps(at_time("1e17"), 1, {}, every);
  EXPECT_TRUE(ascends_without_repeats(times));
  EXPECT_EQ(times.size(),
            1u + 50u + 16u);  // 0; multiples, 10^16 and 10^17 among them; 10^0 … 10^15
  EXPECT_TRUE(std::binary_search(times.begin(), times.end(), LogTime(every * 4)));
  EXPECT_TRUE(std::binary_search(times.begin(), times.end(), LogTime(every * 7)));
}

TEST(RecordSteps, EndWhereTheNextMultipleWouldPassTheLargestInteger) {
  const std::uint64_t until = UINT64_MAX - 5, every = until / 3 * 2;
  EXPECT_THAT(record_steps(until, 0, {}, every), ElementsAre(0, every, until));
}

std::string complaint(const LogTime& until, unsigned per_decade, std::uint64_t every) {
  try {
    record_steps(until, per_decade, {}, every);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

TEST(RecordSteps, RefuseMoreThanTenMillion) {
  EXPECT_THAT(complaint(at_time("1e100"), 1'000'000, 0), HasSubstr("record.per_decade"));
  EXPECT_THAT(complaint(at_time("1e1000000000"), 10'000, 0), HasSubstr("record.per_decade"));
  EXPECT_THAT(complaint(20'000'000, 4, 1), HasSubstr("record.every"));
  EXPECT_THAT(complaint(at_time("1e100"), 4, 1000), HasSubstr("record.every"));
  EXPECT_THAT(complaint(at_time("1e1000000000"), 0, 9'000'000'000'000'000),
              HasSubstr("record.every"));
  EXPECT_EQ(complaint(at_time("1e1000000000"), 4, 0), "");
  EXPECT_EQ(complaint(9'999'998, 0, 1), "");
}

}  // namespace
}  // namespace latetime
