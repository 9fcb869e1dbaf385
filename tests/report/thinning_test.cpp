#include "latetime/report/thinning.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latetime {
namespace {

using testing::Contains;
using testing::IsSupersetOf;

/// log10 t of records at every step from 0.
std::vector<double> every_step(std::size_t count) {
  std::vector<double> times{std::nan("")};
  for (std::size_t step = 1; step < count; ++step) {
    times.push_back(std::log10(static_cast<double>(step)));
  }
  return times;
}

TEST(Thinning, KeepsAllOfAFewRecords) {
  EXPECT_EQ(records_to_draw(every_step(40), {}, {}, 10).size(), 40u);
  EXPECT_EQ(records_to_draw({}, {}, {}, 10).size(), 0u);
}

TEST(Thinning, KeepsEndsExtremesAndWhatIsAskedFor) {
  const auto times = every_step(100'000);
  std::vector<double> smooth(times.size()), spiky(times.size(), 0.0);
  for (std::size_t r = 0; r < times.size(); ++r) smooth[r] = static_cast<double>(r);
  spiky[77'777] = 5.0;
  spiky[88'888] = -5.0;
  spiky[50'000] = std::nan("");
  const auto kept = records_to_draw(times, {smooth, spiky}, {33'333}, 100);
  EXPECT_TRUE(std::is_sorted(kept.begin(), kept.end()));
  EXPECT_EQ(std::adjacent_find(kept.begin(), kept.end()), kept.end());
  EXPECT_THAT(kept, IsSupersetOf({0u, 99'999u, 77'777u, 88'888u, 33'333u}));
  // Two parts a cell, at most 2 · 100 cells, two more for each extreme of the spiky curve.
  EXPECT_LE(kept.size(), 2u * 200 + 2 * 200 + 1);
  // Early records, few to a decade, all stay.
  for (std::size_t r = 0; r < 8; ++r) EXPECT_THAT(kept, Contains(r));
}

TEST(Thinning, IsEvenInLogTime) {
  std::vector<double> times;  // up to 10^100, 100 a decade
  for (int r = 0; r <= 10'000; ++r) times.push_back(r / 100.0);
  const auto kept = records_to_draw(times, {}, {}, 300);
  double widest = 0.0;
  for (std::size_t k = 1; k < kept.size(); ++k) {
    widest = std::max(widest, times[kept[k]] - times[kept[k - 1]]);
  }
  EXPECT_LE(widest, 100.0 / 300 + 0.02);
  EXPECT_LE(kept.size(), 4u * 300);
}

TEST(Thinning, TakesTimesThatAreNotFinite) {
  std::vector<double> times(20, std::numeric_limits<double>::infinity());
  times[0] = std::nan("");
  times[1] = 1.0;
  EXPECT_THAT(records_to_draw(times, {}, {}, 2), Contains(1));
}

TEST(Thinning, PicksEvenlyWithBothEnds) {
  EXPECT_EQ(evenly({1, 2, 3}, 5), (std::vector<std::size_t>{1, 2, 3}));
  EXPECT_EQ(evenly({0, 1, 2, 3, 4, 5, 6, 7, 8}, 3), (std::vector<std::size_t>{0, 4, 8}));
}

}  // namespace
}  // namespace latetime
