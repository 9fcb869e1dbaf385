#include "latetime/base/text.hpp"

#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/base/random.hpp"

namespace latetime {
namespace {

TEST(Shortest, ReadsBackToTheSameBits) {
  RandomStream stream(1, RandomPurpose::test);
  for (int i = 0; i < 20'000; ++i) {
    const double value = std::bit_cast<double>(stream.bits());
    if (!std::isfinite(value)) continue;
    const std::string text = shortest(value);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(std::strtod(text.c_str(), nullptr)),
              std::bit_cast<std::uint64_t>(value))
        << text;
  }
}

TEST(Shortest, IsShort) {
  EXPECT_EQ(shortest(0.1), "0.1");
  EXPECT_EQ(shortest(1e-5), "1e-05");
  EXPECT_EQ(shortest(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(shortest(3.0), "3");
  EXPECT_EQ(shortest(-0.0), "-0");
  EXPECT_EQ(shortest(std::numeric_limits<double>::denorm_min()), "5e-324");
}

TEST(Shortest, NamesWhatIsNotANumber) {
  EXPECT_EQ(shortest(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(shortest(-std::numeric_limits<double>::infinity()), "-inf");
  EXPECT_EQ(shortest(std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(shortest(-std::numeric_limits<double>::quiet_NaN()), "nan");
}

TEST(NearestName, FindsTheSmallestEditDistance) {
  const std::vector<std::string> keys{"width", "slope", "init_std", "initial_weights"};
  EXPECT_EQ(nearest_name("witdh", keys), "width");
  EXPECT_EQ(nearest_name("slop", keys), "slope");
  EXPECT_EQ(nearest_name("init_sdt", keys), "init_std");
  EXPECT_EQ(nearest_name("initial-weight", keys), "initial_weights");
  EXPECT_EQ(nearest_name("slope", keys), "slope");
}

TEST(NearestName, TakesTheFirstOfEquals) {
  const std::vector<std::string> keys{"ab", "ac"};
  EXPECT_EQ(nearest_name("a", keys), "ab");
  EXPECT_EQ(nearest_name("", keys), "ab");
}

TEST(NearestName, OfNothingIsEmpty) {
  EXPECT_EQ(nearest_name("width", {}), "");
}

TEST(Join, PutsSeparatorsBetween) {
  EXPECT_EQ(join({}), "");
  const std::vector<std::string> one{"a"}, three{"a", "b", "c"};
  EXPECT_EQ(join(one), "a");
  EXPECT_EQ(join(three), "a, b, c");
  EXPECT_EQ(join(three, " | "), "a | b | c");
}

TEST(TomlString, IsReadBackAsItWas) {
  for (const std::string text :
       {"", "a", "C:\\data\\x.npy", "say \"n\"", "a\tb\nc", "ß → \\u0041"}) {
    EXPECT_EQ(plain_text(toml_string(text)), text);
  }
  EXPECT_EQ(plain_text("0.5"), "0.5");
  EXPECT_EQ(plain_text("true"), "true");
}

}  // namespace
}  // namespace latetime
