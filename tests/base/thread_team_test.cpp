#include "latetime/base/thread_team.hpp"

#include <atomic>
#include <chrono>
#include <numeric>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace latetime {
namespace {

class ThreadTeamOfSize : public testing::TestWithParam<unsigned> {};

TEST_P(ThreadTeamOfSize, RunsEachBlockExactlyOnceInEveryRound) {
  ThreadTeam team(GetParam());
  EXPECT_EQ(team.size(), GetParam());
  for (int round = 0; round < 2000; ++round) {
    const auto blocks = static_cast<std::size_t>(round % 37);
    std::vector<int> runs(blocks, 0);  // plain ints: a block run twice at once is a data race
    team.for_each_block(blocks, [&](std::size_t i) { ++runs.at(i); });
    ASSERT_EQ(std::accumulate(runs.begin(), runs.end(), 0), round % 37);
    for (const int count : runs) ASSERT_EQ(count, 1) << "round " << round;
  }
}

TEST_P(ThreadTeamOfSize, WritesOfOneRoundAreSeenInTheNext) {
  ThreadTeam team(GetParam());
  std::vector<long> values(16, 1);
  for (int round = 0; round < 500; ++round) {
    std::vector<long> next(values.size());
    team.for_each_block(values.size(), [&](std::size_t i) {
      next[i] = (values[i] + 3 * values[(i + 5) % values.size()]) % 1009;
    });
    std::vector<long> expected(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      expected[i] = (values[i] + 3 * values[(i + 5) % values.size()]) % 1009;
    }
    ASSERT_EQ(next, expected);
    values = next;
  }
}

TEST_P(ThreadTeamOfSize, WakesUpAfterALongPause) {
  ThreadTeam team(GetParam());
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the workers have gone to sleep
    std::atomic<int> runs{0};
    team.for_each_block(50, [&](std::size_t) { ++runs; });
    EXPECT_EQ(runs, 50);
  }
}

TEST_P(ThreadTeamOfSize, StartsAndStopsWithoutWork) {
  for (int i = 0; i < 50; ++i) ThreadTeam team(GetParam());
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadTeamOfSize, testing::Values(1u, 2u, 3u, 4u));

TEST(ThreadTeam, OfOneRunsOnTheCallingThread) {
  ThreadTeam team(1);
  const auto caller = std::this_thread::get_id();
  team.for_each_block(10, [&](std::size_t) { EXPECT_EQ(std::this_thread::get_id(), caller); });
}

}  // namespace
}  // namespace latetime
