#include "terminal.hpp"

#include <gtest/gtest.h>

namespace latetime::cli {
namespace {

LogTime at_time(const char* text) {
  return LogTime::parse(text, "test");
}

TEST(ProgressText, CountsStepsWithRateAndTimeLeft) {
  EXPECT_EQ(progress_text("step", 0, 250'000, 1'000'000, 2.5),
            "step 2.5e+05 of 1e+06  25 %  1e+05/s  7.5 s left");
  EXPECT_EQ(progress_text("run", 0, 0, 5, 1.0), "run 0 of 5  0 %");
  // A resumed part: the rate is that of this part.
  EXPECT_EQ(progress_text("step", 400, 500, 1000, 1.0), "step 500 of 1000  50 %  100/s  5 s left");
}

TEST(ProgressText, CountsStepsOnTheWayToATimeBeyond) {
  EXPECT_EQ(progress_text("step", 0, 20'000, at_time("1e100"), 2.0),
            "step 2e+04 of 10^100  1e+04/s");
}

TEST(ProgressText, ShowsDecadesBeyondTwoToThe53) {
  EXPECT_EQ(progress_text("step", at_time("1e7"), at_time("1.6e37"), at_time("1e100"), 2.0),
            "t = 10^37.2 of 10^100  15 decades/s  4.2 s left");
  EXPECT_EQ(progress_text("step", at_time("1e20"), at_time("1e99999"), at_time("1e100000"), 2.0),
            "t = 10^99999 of 10^100000  5e+04 decades/s  2e-05 s left");
}

TEST(ProgressText, NamesTheEngine) {
  EXPECT_EQ(progress_text("step", 0, 250'000, 1'000'000, 2.5, EngineKind::frozen),
            "frozen  step 2.5e+05 of 1e+06  25 %  1e+05/s  7.5 s left");
  EXPECT_EQ(progress_text("step", 1000, 100'000, at_time("1e100"), 0.5, EngineKind::flow),
            "flow  t = 1e+05 of 10^100  4 decades/s  24 s left");
  EXPECT_EQ(progress_text("step", 0, 0, at_time("1e100"), 0.5, EngineKind::flow),
            "flow  step 0 of 10^100");
}

}  // namespace
}  // namespace latetime::cli
