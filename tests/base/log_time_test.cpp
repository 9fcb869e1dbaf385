#include "latetime/base/log_time.hpp"

#include <cmath>
#include <limits>
#include <sstream>
#include <type_traits>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/base/random.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t two_to_53 = std::uint64_t{1} << 53;
constexpr double infinity = std::numeric_limits<double>::infinity();

LogTime parsed(const std::string& text) {
  return LogTime::parse(text, "key");
}

/// Message of the refusal; empty when the text is accepted.
std::string complaint(const std::string& text) {
  try {
    parsed(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

static_assert(!std::is_convertible_v<double, LogTime>);

TEST(LogTime, CountsStepsExactlyUpToTwoToThe53) {
  EXPECT_EQ(LogTime().step(), 0u);
  for (const std::uint64_t step : {std::uint64_t{0}, std::uint64_t{1}, two_to_53 - 1, two_to_53}) {
    EXPECT_EQ(LogTime(step).step(), step);
    EXPECT_EQ(parsed(std::to_string(step)).step(), step);
  }
  EXPECT_EQ(LogTime(two_to_53 + 1).step(), std::nullopt);
  EXPECT_EQ(LogTime(std::numeric_limits<std::uint64_t>::max()).step(), std::nullopt);
}

TEST(LogTime, KnowsItsLogarithms) {
  EXPECT_EQ(LogTime(0).log(), -infinity);
  EXPECT_EQ(LogTime(0).log10(), -infinity);
  EXPECT_EQ(LogTime(1).log(), 0.0);
  EXPECT_EQ(LogTime(1000).log10(), 3.0);
  EXPECT_DOUBLE_EQ(parsed("1e100").log(), 100 * std::log(10.0));
  EXPECT_DOUBLE_EQ(parsed("3.2e57").log10(), 57 + std::log10(3.2));
  EXPECT_DOUBLE_EQ(LogTime(std::uint64_t{1} << 60).log(), 60 * std::log(2.0));
  // Whole decades are whole, although their natural logarithms are rounded.
  for (double decade = 16; decade <= 1e9; decade = std::floor(decade * 1.1) + 1) {
    EXPECT_EQ(LogTime::from_log10(decade).log10(), decade);
  }
}

TEST(LogTime, FromALogarithmIsAWholeStepUpToTwoToThe53) {
  EXPECT_EQ(LogTime::from_log(-infinity), 0);
  EXPECT_EQ(LogTime::from_log10(-infinity), 0);
  EXPECT_EQ(LogTime::from_log(-1.0), 0);
  EXPECT_EQ(LogTime::from_log(std::log(1000.2)), 1000);
  EXPECT_EQ(LogTime::from_log10(3.0), 1000);
  // A double near log 2^53 is known to 64 steps.
  EXPECT_LE(LogTime::from_log(LogTime(two_to_53).log()), two_to_53);
  EXPECT_GE(LogTime::from_log(LogTime(two_to_53).log()), two_to_53 - 64);
  EXPECT_EQ(LogTime::from_log(std::nextafter(LogTime(two_to_53).log(), 100)).step(), std::nullopt);
  EXPECT_EQ(LogTime::from_log(1e5).log(), 1e5);
  for (const double bad : {std::nan(""), infinity}) {
    EXPECT_THROW(LogTime::from_log(bad), std::invalid_argument);
    EXPECT_THROW(LogTime::from_log10(bad), std::invalid_argument);
  }
}

TEST(LogTime, IsTotallyOrderedAcrossBothForms) {
  const std::vector<LogTime> ascending{0,
                                       1,
                                       2,
                                       two_to_53 - 1,
                                       two_to_53,
                                       two_to_53 + 1,  // not 2^53, although their logarithms agree
                                       two_to_53 + 1000,
                                       std::uint64_t{1} << 54,
                                       parsed("1e17"),
                                       parsed("1e100"),
                                       parsed("1.0000000000001e100"),
                                       parsed("1e100000"),
                                       parsed("1e1000000000")};
  for (std::size_t a = 0; a < ascending.size(); ++a) {
    for (std::size_t b = 0; b < ascending.size(); ++b) {
      EXPECT_EQ(ascending[a] < ascending[b], a < b);
      EXPECT_EQ(ascending[a] == ascending[b], a == b);
      EXPECT_EQ(ascending[a] >= ascending[b], a >= b);
      EXPECT_TRUE(a > b || ascending[a].log() <= ascending[b].log());
    }
  }
}

TEST(LogTime, OrdersTextsAsTheirValues) {
  RandomStream stream(1, RandomPurpose::test);
  for (int i = 0; i < 10'000; ++i) {
    // Around 2^53, where the two forms meet.
    const std::uint64_t a = two_to_53 - 500 + stream.bits() % 1000;
    const std::uint64_t b = two_to_53 - 500 + stream.bits() % 1000;
    const LogTime x = parsed(std::to_string(a)), y = parsed(std::to_string(b));
    EXPECT_EQ(x, LogTime(a));
    EXPECT_TRUE(a >= b || x <= y);
    EXPECT_TRUE(a >= b || a > two_to_53 || x < y);
  }
}

TEST(ParseLogTime, TakesEverySpellingOfAValue) {
  EXPECT_EQ(parsed("2.5e3"), 2500);
  EXPECT_EQ(parsed("1E6"), 1000000);
  EXPECT_EQ(parsed("1e+6"), 1000000);
  EXPECT_EQ(parsed("+7"), 7);
  EXPECT_EQ(parsed("007.000"), 7);
  EXPECT_EQ(parsed("5."), 5);
  EXPECT_EQ(parsed(".5e1"), 5);
  EXPECT_EQ(parsed("70000e-4"), 7);
  EXPECT_EQ(parsed("0e99999999999999999999"), 0);
  EXPECT_EQ(parsed("-0"), 0);
  EXPECT_EQ(parsed("9007199254740992.0").step(), two_to_53);
  for (const std::string& text : std::vector<std::string>{
           "10e99", "0.1e101", "1.000e100", "0.00001e105", "1" + std::string(100, '0')}) {
    EXPECT_EQ(parsed(text), parsed("1e100")) << text;
  }
  EXPECT_EQ(parsed("1" + std::string(100'000, '0')), parsed("1e100000"));
  EXPECT_EQ(parsed("123456789e192"), parsed("1.23456789e200"));
}

TEST(ParseLogTime, TwoToThe53PlusOneIsNotRoundedDown) {
  const LogTime time = parsed("9007199254740993");
  EXPECT_EQ(time.step(), std::nullopt);
  EXPECT_GT(time, two_to_53);
  EXPECT_DOUBLE_EQ(time.log(), 53 * std::log(2.0));
  EXPECT_EQ(parsed("9007199254740992.5"), time);  // decimals count beyond 2^53
}

TEST(ParseLogTime, RefusesInOneLineThatNamesPlaceAndMend) {
  for (const char* text : {"",       " ",     "soon",  "nan", "inf", "infinity", "0x10",
                           "1e",     "e5",    ".",     "1 ",  " 1",  "1e5.5",    "5 steps",
                           "1e100x", "1,000", "1_000", "--1", "+-1", "1e++5",    "1e1e1"}) {
    EXPECT_THAT(complaint(text), AllOf(HasSubstr("key"), HasSubstr("\"1e100\""))) << text;
  }
  for (const char* text : {"-1", "-1e100", "-0.5"}) {
    EXPECT_THAT(complaint(text), HasSubstr("is negative")) << text;
  }
  for (const char* text :
       {"1.5", "0.1", "1e-5", "12345e-4", "9007199254740991.5", "1e-99999999999999999999999"}) {
    EXPECT_THAT(complaint(text), HasSubstr("is not a whole number of steps")) << text;
  }
  for (const char* text : {"1.01e1000000000", "1e1000000001", "1e99999999999999999999999"}) {
    EXPECT_THAT(complaint(text), HasSubstr("write at most \"1e1000000000\"")) << text;
  }
  EXPECT_EQ(complaint("1e1000000000"), "");
  EXPECT_THAT(complaint("x"), Not(HasSubstr("\n")));
}

TEST(LogTimeText, IsShort) {
  for (const char* text : {"0", "1000", "9007199254740992", "1e16", "1e100", "3.2e57", "1e100000",
                           "9.99e999", "1e1000000000"}) {
    EXPECT_EQ(to_string(parsed(text)), text);
  }
  EXPECT_EQ(to_string(parsed("1000000")), "1000000");
  std::ostringstream stream;
  stream << parsed("10e99");
  EXPECT_EQ(stream.str(), "1e100");
}

TEST(LogTimeText, ReadsBackToTheSameTime) {
  RandomStream stream(2, RandomPurpose::test);
  std::vector<LogTime> times{two_to_53, two_to_53 + 1, two_to_53 + 100, LogTime::from_log(2.302e9)};
  for (int i = 0; i < 20'000; ++i) {
    // Evenly in log log t, from below 2^53 to 10^(10^9).
    times.push_back(LogTime::from_log(std::exp(3.0 + 18.5 * stream.uniform())));
    // Close to whole decades.
    const double decade = 16 + std::floor(1e4 * stream.uniform());
    times.push_back(LogTime::from_log(decade * std::log(10.0) * (1 + 2e-16 * (i % 5 - 2))));
    times.push_back(stream.bits() >> (i % 64));
  }
  for (const LogTime& time : times) EXPECT_EQ(parsed(to_string(time)), time) << time;
}

TEST(LogTimeText, ForPeopleShowsDecades) {
  EXPECT_EQ(decades_text(0), "0");
  EXPECT_EQ(decades_text(123456), "123456");
  EXPECT_EQ(decades_text(parsed("1.6e37")), "10^37.2");
  EXPECT_EQ(decades_text(parsed("1e100")), "10^100");
  EXPECT_EQ(decades_text(parsed("9.99e99")), "10^100");
  EXPECT_EQ(decades_text(parsed("1e1000000000")), "10^1000000000");
}

TEST(LogTimeText, OfMetricsIsEmptyWhereThereIsNone) {
  EXPECT_EQ(log10_text(0), "");
  EXPECT_EQ(step_text(0), "0");
  EXPECT_EQ(log10_text(1), "0");
  EXPECT_EQ(log10_text(1000), "3");
  EXPECT_EQ(step_text(two_to_53), "9007199254740992");
  EXPECT_EQ(step_text(two_to_53 + 1), "");
  EXPECT_EQ(log10_text(parsed("1e100000")), "1e+05");
  EXPECT_EQ(step_text(parsed("1e100000")), "");
}

}  // namespace
}  // namespace latetime
