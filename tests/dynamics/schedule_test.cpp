#include "latetime/dynamics/schedule.hpp"

#include <algorithm>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latetime {
namespace {

using testing::ElementsAre;

TEST(RecordSteps, AreWholeDecadesAndBothEnds) {
  EXPECT_THAT(record_steps(1000, 1, {}), ElementsAre(0, 1, 10, 100, 1000));
  EXPECT_THAT(record_steps(1500, 1, {}), ElementsAre(0, 1, 10, 100, 1000, 1500));
}

TEST(RecordSteps, RoundFractionsOfADecadeWithoutRepeats) {
  EXPECT_THAT(record_steps(100, 4, {}), ElementsAre(0, 1, 2, 3, 6, 10, 18, 32, 56, 100));
}

TEST(RecordSteps, TakeExtraStepsAndMultiples) {
  const std::vector<std::uint64_t> at{7, 100, 3, 20};
  EXPECT_THAT(record_steps(20, 1, at), ElementsAre(0, 1, 3, 7, 10, 20));
  EXPECT_THAT(record_steps(20, 0, {}, 6), ElementsAre(0, 6, 12, 18, 20));
}

TEST(RecordSteps, OfNoStepsAtAll) {
  EXPECT_THAT(record_steps(0, 4, {}), ElementsAre(0));
  EXPECT_THAT(record_steps(1, 0, {}), ElementsAre(0, 1));
}

TEST(RecordSteps, AscendUpToTheLargestStepNumbers) {
  const std::uint64_t until = UINT64_MAX - 5;
  const auto steps = record_steps(until, 7, {});
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  EXPECT_EQ(std::adjacent_find(steps.begin(), steps.end()), steps.end());
  EXPECT_EQ(steps.back(), until);
}

TEST(RecordSteps, EndWhereTheNextMultipleWouldPassTheLargestInteger) {
  const std::uint64_t until = UINT64_MAX - 5, every = until / 3 * 2;
  EXPECT_THAT(record_steps(until, 0, {}, every), ElementsAre(0, every, until));
}

}  // namespace
}  // namespace latetime
