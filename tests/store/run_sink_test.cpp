#include "latetime/store/run_sink.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

RunMemory small_run() {
  RunMemory run{
      .config = "seed = 1\n", .metrics = {.columns = {"log10_t", "b"}, .rows = {}}, .arrays = {}};
  const RunSink sink = sink_into(run);
  EXPECT_FALSE(sink.lasting);
  sink.append_row({"1", ""});
  sink.append_row({"2", "x"});
  const double value = 0.1;
  for (int i = 0; i < 2; ++i) {  // the second time replaces the first
    sink.write_result(
        [&](ArrayWriter& file) { file.write("/value", {1}, std::span<const double>(&value, 1)); });
  }
  return run;
}

TEST(RunMemory, BecomesAFolderAndComesBack) {
  const TemporaryFolder folder;
  const RunMemory run = small_run();
  write_run(run, folder / "a");
  const RunMemory back = read_run(folder / "a");
  EXPECT_EQ(back.config, run.config);
  EXPECT_EQ(back.metrics.columns, run.metrics.columns);
  EXPECT_EQ(back.metrics.rows, run.metrics.rows);
  EXPECT_EQ(back.arrays.read_doubles("/value"), std::vector<double>{0.1});
  EXPECT_THROW(write_run(run, folder / "a"), InputError);  // a folder holds one run
}

TEST(RunMemory, OfAFolderWithoutResultsHasNoArrays) {
  const TemporaryFolder folder;
  RunMemory run = small_run();
  run.arrays = {};
  write_run(run, folder / "a");
  EXPECT_TRUE(read_run(folder / "a").arrays.entries().empty());
}

TEST(RunSink, OfAFolderWritesIntoIt) {
  const TemporaryFolder folder;
  const RunSink sink = sink_into(RunDirectory::create(folder / "a", "", {"log10_t"}));
  EXPECT_TRUE(sink.lasting);
  sink.append_row({"1"});
  sink.write_result([](ArrayWriter& file) { file.write("/text", "x"); });
  const RunMemory back = read_run(folder / "a");
  EXPECT_EQ(back.metrics.rows, (std::vector<std::vector<std::string>>{{"1"}}));
  EXPECT_EQ(back.arrays.read_string("/text"), "x");
}

}  // namespace
}  // namespace latetime
