// Exceptions on worker threads, bad_alloc among them, reach the caller, who can go on.

#include "latetime/base/parallel.hpp"

#include <atomic>
#include <new>
#include <stdexcept>
#include <vector>

#include <gtest/gtest.h>

#include "latetime/base/thread_team.hpp"

namespace latetime {
namespace {

TEST(RunJobs, ThrowWhatAJobThrows) {
  for (const unsigned threads : {1u, 2u, 5u}) {
    std::atomic<int> runs{0};
    EXPECT_THROW(run_jobs(1000, threads,
                          [&](std::size_t i) {
                            ++runs;
                            if (i == 3) throw std::bad_alloc();
                          }),
                 std::bad_alloc);
    EXPECT_LT(runs, 1000);
    EXPECT_THROW(run_jobs(8, threads, [](std::size_t) { throw std::runtime_error("all"); }),
                 std::runtime_error);
  }
}

TEST(ThreadTeamFailures, AreThrownAgainAndTheTeamGoesOn) {
  for (const unsigned threads : {1u, 2u, 4u}) {
    ThreadTeam team(threads);
    for (std::size_t thrower = 0; thrower < 40; ++thrower) {
      EXPECT_THROW(team.for_each_block(40,
                                       [&](std::size_t i) {
                                         if (i == thrower) throw std::bad_alloc();
                                       }),
                   std::bad_alloc);
      std::vector<int> runs(40, 0);
      team.for_each_block(40, [&](std::size_t i) { ++runs[i]; });
      EXPECT_EQ(runs, std::vector<int>(40, 1));
    }
    EXPECT_THROW(team.for_each_block(40, [](std::size_t) { throw std::runtime_error("every"); }),
                 std::runtime_error);
  }
}

}  // namespace
}  // namespace latetime
