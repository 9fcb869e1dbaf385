// Maps over keys and seeds as a user makes them.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.hpp"
#include "latetime/store/folder_lock.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;

/// Twelve points of some ten milliseconds.
const std::string definition =
    "[base]\ndata.n = 5\ndata.d = 60\nnetwork.width = 8\ndescent.until = \"2e4\"\n"
    "[axes]\nnetwork.slope = [0, 0.1, 0.5]\nseed = {from = 1, to = 4, step = 1}\n";

std::size_t lines_in(const std::string& file) {
  if (!std::filesystem::exists(file)) return 0;
  const std::string bytes = bytes_of(file);
  return static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
}

TEST(SweepCommand, MakesTablesAndSaysWhatCameOfIt) {
  const TemporaryFolder folder;
  const std::string map = folder.write("map.toml", definition), out = folder / "out";
  const Output dry = call("sweep " + map + " --dry-run --out " + out);
  EXPECT_EQ(dry.code, 0) << dry.err;
  EXPECT_THAT(dry.out, AllOf(HasSubstr("12 points"), HasSubstr("a point takes"),
                             HasSubstr("the rest takes")));
  EXPECT_FALSE(std::filesystem::exists(out));
  const Output made = call("sweep " + map + " -j 2 --out " + out);
  EXPECT_EQ(made.code, 0) << made.err;
  EXPECT_EQ(made.err, "");
  EXPECT_THAT(made.out, AllOf(HasSubstr("12 of 12 points"), HasSubstr("12 reached-end")));
  EXPECT_EQ(lines_in(out + "/points.csv"), 13u);
  const Output again = call("sweep " + out + "/sweep.toml --resume --out " + out);
  EXPECT_THAT(again.out, AllOf(HasSubstr("0 made"), HasSubstr("12 known before")));
  EXPECT_EQ(call("sweep " + map + " -q --resume --out " + out).out, "");
}

TEST(SweepCommand, GoesOnAfterEveryKillToTheSameBytes) {
  const TemporaryFolder folder;
  const std::string map = folder.write("map.toml", definition), out = folder / "out";
  ASSERT_EQ(call("sweep -q " + map + " --out " + folder / "whole").code, 0);
  for (std::size_t kills = 0; kills < 4; ++kills) {
    const std::size_t before = lines_in(out + "/points.jsonl");
    start_and_stop(
        {"sweep", map, "-j", "2", "--resume", "--out", out},
        [&] { return lines_in(out + "/points.jsonl") > before + 1; }, SIGKILL);
    EXPECT_GT(lines_in(out + "/points.jsonl"), before) << "nothing that was made is lost";
  }
  ASSERT_EQ(call("sweep -q " + map + " --resume --out " + out).code, 0);
  EXPECT_EQ(bytes_of(out + "/points.csv"), bytes_of(folder / "whole/points.csv"));
  EXPECT_TRUE(bytes_of(out + "/sweep.nc") == bytes_of(folder / "whole/sweep.nc"));
}

TEST(SweepCommand, AnInterruptedSweepIsReadable) {
  const TemporaryFolder folder;
  const std::string map =
      folder.write("map.toml",
                   "[base]\ndata.n = 5\ndata.d = 60\nnetwork.width = 40\ndescent.until = \"1e6\"\n"
                   "descent.engine = \"coefficient\"\n"
                   "[axes]\nseed = {from = 1, to = 50, step = 1}\n");
  const std::string out = folder / "out";
  const int status = start_and_stop(
      {"sweep", map, "-j", "2", "--out", out}, [&] { return lines_in(out + "/points.jsonl") > 1; },
      SIGINT);
  EXPECT_EQ(WEXITSTATUS(status), 130);
  EXPECT_EQ(lines_in(out + "/points.csv"), 51u);
  EXPECT_THAT(bytes_of(out + "/points.csv"),
              AllOf(HasSubstr(",missing,"), HasSubstr(",reached-end,")));
  EXPECT_TRUE(std::filesystem::exists(out + "/sweep.nc"));
}

TEST(SweepCommand, ShardsNeedNoSchedulerAndMerge) {
  const TemporaryFolder folder;
  const std::string map = folder.write("map.toml", definition), out = folder / "out";
  ASSERT_EQ(call("sweep -q " + map + " --out " + folder / "whole").code, 0);
  ASSERT_EQ(call("sweep -q " + map + " --shard 1/3 --out " + out).code, 0);
  ASSERT_EQ(call("sweep -q " + map + " --shard 3/3 --out " + out).code, 0);
  const Output early = call("sweep --merge " + out);
  EXPECT_EQ(early.code, 3);
  EXPECT_THAT(early.err, HasSubstr("4 of 12 points are missing; latetime sweep " + out +
                                   "/sweep.toml --out " + out + " --resume makes them"));
  // The third part in a folder of its own, as on a machine without a common disk.
  ASSERT_EQ(call("sweep -q " + map + " --shard 2/3 --out " + folder / "away").code, 0);
  const Output merged = call("sweep --merge " + out + " --merge " + folder / "away");
  EXPECT_EQ(merged.code, 0) << merged.err;
  EXPECT_EQ(bytes_of(out + "/points.csv"), bytes_of(folder / "whole/points.csv"));
  EXPECT_TRUE(bytes_of(out + "/sweep.nc") == bytes_of(folder / "whole/sweep.nc"));
  EXPECT_EQ(
      call("sweep -q --merge " + out + " " + folder / "away" + " --out " + folder / "both").code,
      0);
  EXPECT_EQ(bytes_of(folder / "both/points.csv"), bytes_of(folder / "whole/points.csv"));
}

/// A first grid of 9 points, and at most 81.
const std::string refined =
    "[base]\ndata.n = 5\ndata.d = 60\nnetwork.width = 8\ndescent.until = \"2e4\"\n"
    "[axes]\nnetwork.slope = {from = 0, to = 1, count = 3}\n"
    "descent.learning_rate = {from = 1e-3, to = 1e-1, count = 3, log = true}\n"
    "[refine]\nquantity = \"log_loss\"\ntolerance = 2\nlevels = 2\n";

TEST(SweepCommand, RefinesToTheSameBytesAfterKills) {
  const TemporaryFolder folder;
  const std::string map = folder.write("map.toml", refined), out = folder / "out";
  const Output dry = call("sweep " + map + " --dry-run");
  EXPECT_THAT(dry.out, AllOf(HasSubstr("9 points to begin with"), HasSubstr("at most 81, of 81"),
                             HasSubstr("with all points that refine allows")));
  const Output whole = call("sweep " + map + " --out " + folder / "whole");
  ASSERT_EQ(whole.code, 0) << whole.err;
  EXPECT_EQ(whole.err, "");
  const std::size_t points = lines_in(folder / "whole/points.csv") - 1;
  EXPECT_GT(points, 9u);
  EXPECT_LT(points, 81u);
  for (std::size_t kills = 0; kills < 3; ++kills) {
    const std::size_t before = lines_in(out + "/points.jsonl");
    start_and_stop(
        {"sweep", map, "-j", "2", "--resume", "--out", out},
        [&] { return lines_in(out + "/points.jsonl") > before + 4; }, SIGKILL);
  }
  ASSERT_EQ(call("sweep -q " + map + " --resume --out " + out).code, 0);
  EXPECT_EQ(bytes_of(out + "/points.csv"), bytes_of(folder / "whole/points.csv"));
  EXPECT_TRUE(bytes_of(out + "/sweep.nc") == bytes_of(folder / "whole/sweep.nc"));
  expect_refusal("sweep " + map + " --shard 1/2 --out " + folder / "part", "--shard: cannot be");
  const std::string few = folder.write("few.toml", refined + "most_points = 20\n");
  const Output cut = call("sweep " + few + " -q --resume --out " + out);
  EXPECT_EQ(cut.code, 0);
  EXPECT_THAT(cut.err, HasSubstr("are all that refine.most_points allows"));
}

TEST(SweepCommand, RefusesInOneLineAndWritesNothing) {
  const TemporaryFolder folder;
  const std::string map = folder.write("map.toml", definition), out = folder / "out";
  const std::string to = " --out " + out;
  expect_refusal("sweep" + to, "sweep: name the file of a sweep (.toml)");
  expect_refusal("sweep " + folder / "none.toml" + to, "cannot be read");
  expect_refusal("sweep " + folder.path() + to, "is a folder");
  expect_refusal("sweep " + map, "--out: is missing");
  expect_refusal("sweep " + map + " --shard 4/3" + to, "--shard 4/3");
  expect_refusal("sweep " + map + " --merge " + folder.path() + to, "--merge: gathers points");
  expect_refusal("sweep --merge " + folder.path() + to, "holds no points");
  const std::string bad = folder.write("bad.toml", "[axes]\ndata.nn = [1]\n");
  expect_refusal("sweep " + bad + to,
                 "bad.toml:2: axes.data.nn: unknown key; did you mean data.n?");
  expect_refusal("sweep " + bad + " --dry-run", "axes.data.nn");
  EXPECT_FALSE(std::filesystem::exists(out));
  ASSERT_EQ(call("sweep -q " + map + to).code, 0);
  expect_refusal("sweep " + map + to, "holds a sweep; go on with it by --resume");
  expect_refusal("run" + to, "holds other files");
  const auto lock = FolderLock::hold(out);
  expect_refusal("sweep " + map + " --resume" + to, "is writing here");
}

}  // namespace
}  // namespace latetime
