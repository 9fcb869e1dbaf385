#include "latetime/base/random.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <Random123/philox.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latetime {
namespace {

using Counter = r123::Philox4x64::ctr_type;
using Key = r123::Philox4x64::key_type;

struct KnownAnswer {
  Counter counter;
  Key key;
  Counter result;
};

// Lines "philox4x64 10" of kat_vectors, published with Random123 (Salmon et al., SC'11).
const std::array<KnownAnswer, 3> known_answers{{
    {{{0, 0, 0, 0}},
     {{0, 0}},
     {{0x16554d9eca36314c, 0xdb20fe9d672d0fdc, 0xd7e772cee186176b, 0x7e68b68aec7ba23b}}},
    {{{0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff, 0xffffffffffffffff}},
     {{0xffffffffffffffff, 0xffffffffffffffff}},
     {{0x87b092c3013fe90b, 0x438c3c67be8d0224, 0x9cc7d7c69cd777b6, 0xa09caebf594f0ba0}}},
    {{{0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89}},
     {{0x452821e638d01377, 0xbe5466cf34e90c6c}},
     {{0xa528f45403e61d95, 0x38c72dbd566e9788, 0xa5a1610e72fd18b5, 0x57bd43b5e52b7fe6}}},
}};

TEST(Philox, MatchesThePublishedAnswers) {
  for (const KnownAnswer& answer : known_answers) {
    EXPECT_EQ(r123::Philox4x64{}(answer.counter, answer.key), answer.result);
  }
}

/// The stream's layout is part of the promise that a seed means the same for ever:
/// key = (seed, purpose), counter = (block, 0, index, 0), words in order.
TEST(RandomStream, IsPhiloxOfSeedPurposeIndexAndBlock) {
  const std::uint64_t seed = 0x452821e638d01377, index = 0x082efa98ec4e6c89;
  RandomStream stream(seed, RandomPurpose::test, index);
  for (std::uint64_t block = 0; block < 3; ++block) {
    const Counter expected = r123::Philox4x64{}(Counter{{block, 0, index, 0}}, Key{{seed, 1000}});
    for (unsigned word = 0; word < 4; ++word) EXPECT_EQ(stream.bits(), expected[word]);
  }
}

TEST(RandomStream, PurposeNumbersAreFixed) {
  EXPECT_EQ(static_cast<unsigned>(RandomPurpose::signal), 1u);
  EXPECT_EQ(static_cast<unsigned>(RandomPurpose::labels), 2u);
  EXPECT_EQ(static_cast<unsigned>(RandomPurpose::noise), 3u);
  EXPECT_EQ(static_cast<unsigned>(RandomPurpose::inner_products), 4u);
  EXPECT_EQ(static_cast<unsigned>(RandomPurpose::direction), 5u);
  EXPECT_EQ(static_cast<unsigned>(RandomPurpose::initial_weights), 6u);
  EXPECT_EQ(static_cast<unsigned>(RandomPurpose::batches), 7u);
  EXPECT_EQ(static_cast<unsigned>(RandomPurpose::subset), 8u);
}

std::vector<std::uint64_t> take(RandomStream stream, int count) {
  std::vector<std::uint64_t> words;
  for (int i = 0; i < count; ++i) words.push_back(stream.bits());
  return words;
}

TEST(RandomStream, DoesNotDependOnTheOrderInWhichStreamsAreDrawn) {
  RandomStream a(7, RandomPurpose::test, 0), b(7, RandomPurpose::test, 1);
  std::vector<std::uint64_t> from_a, from_b;
  for (int i = 0; i < 20; ++i) {
    from_b.push_back(b.bits());
    from_a.push_back(a.bits());
    if (i % 3 == 0) from_b.push_back(b.bits());
  }
  EXPECT_EQ(from_a, take(RandomStream(7, RandomPurpose::test, 0), 20));
  EXPECT_EQ(from_b, take(RandomStream(7, RandomPurpose::test, 1), 27));
}

TEST(RandomStream, EveryPartOfTheKeyMatters) {
  const auto base = take(RandomStream(1, RandomPurpose::test, 0), 4);
  EXPECT_NE(base, take(RandomStream(2, RandomPurpose::test, 0), 4));
  EXPECT_NE(base, take(RandomStream(1, RandomPurpose::noise, 0), 4));
  EXPECT_NE(base, take(RandomStream(1, RandomPurpose::test, 1), 4));
}

TEST(RandomStream, UniformLiesInTheHalfOpenUnitInterval) {
  constexpr int count = 200'000;
  RandomStream stream(3, RandomPurpose::test);
  double sum = 0.0;
  for (int i = 0; i < count; ++i) {
    const double u = stream.uniform();
    ASSERT_GT(u, 0.0);
    ASSERT_LE(u, 1.0);
    ASSERT_EQ(u, std::ldexp(std::floor(std::ldexp(u, 53)), -53)) << "more than 53 bits";
    sum += u;
  }
  EXPECT_NEAR(sum / count, 0.5, 5.0 / std::sqrt(12.0 * count));  // five standard errors
}

TEST(RandomStream, NormalHasTheMomentsOfTheStandardNormal) {
  constexpr int count = 400'000;
  RandomStream stream(4, RandomPurpose::test);
  std::array<double, 5> moment{};
  double lag = 0.0, previous = 0.0;
  for (int i = 0; i < count; ++i) {
    const double z = stream.normal();
    ASSERT_TRUE(std::isfinite(z));
    for (std::size_t p = 1; p < moment.size(); ++p) {
      moment[p] += std::pow(z, static_cast<double>(p)) / count;
    }
    lag += z * previous / count;
    previous = z;
  }
  // Standard errors of the sample moments: √(E z^{2p} − (E z^p)²) / √count.
  const double five_errors = 5.0 / std::sqrt(count);
  EXPECT_NEAR(moment[1], 0.0, five_errors);
  EXPECT_NEAR(moment[2], 1.0, five_errors * std::sqrt(2.0));
  EXPECT_NEAR(moment[3], 0.0, five_errors * std::sqrt(15.0));
  EXPECT_NEAR(moment[4], 3.0, five_errors * std::sqrt(96.0));
  EXPECT_NEAR(lag, 0.0, five_errors);  // the two halves of a Box–Muller pair are independent
}

TEST(RandomStream, BelowIsUniformAndInRange) {
  constexpr int count = 70'000;
  std::array<int, 7> seen{};
  RandomStream stream(5, RandomPurpose::test);
  for (int i = 0; i < count; ++i) ++seen.at(stream.below(7));
  double chi_squared = 0.0;
  for (const int s : seen) chi_squared += std::pow(s - count / 7.0, 2) / (count / 7.0);
  EXPECT_LT(chi_squared, 35.0);  // 6 degrees of freedom: exceeded with probability 4e-6
  EXPECT_EQ(RandomStream(5, RandomPurpose::test).below(1), 0u);
}

TEST(RandomStream, PermutationIsAPermutation) {
  for (const std::uint32_t n : {0u, 1u, 2u, 3u, 64u, 1000u}) {
    auto order = RandomStream(6, RandomPurpose::test, n).permutation(n);
    ASSERT_EQ(order.size(), n);
    std::sort(order.begin(), order.end());
    for (std::uint32_t i = 0; i < n; ++i) EXPECT_EQ(order[i], i);
  }
}

TEST(RandomStream, AllPermutationsAreEquallyLikely) {
  constexpr int count = 24'000;
  std::vector<int> seen(27, 0);
  for (int i = 0; i < count; ++i) {
    const auto p =
        RandomStream(8, RandomPurpose::test, static_cast<std::uint64_t>(i)).permutation(3);
    ++seen[9 * p[0] + 3 * p[1] + p[2]];
  }
  double chi_squared = 0.0;
  int kinds = 0;
  for (const int s : seen) {
    if (s == 0) continue;
    ++kinds;
    chi_squared += std::pow(s - count / 6.0, 2) / (count / 6.0);
  }
  EXPECT_EQ(kinds, 6);
  EXPECT_LT(chi_squared, 33.0);  // 5 degrees of freedom: exceeded with probability 4e-6
}

}  // namespace
}  // namespace latetime
