#include "latetime/store/run_directory.hpp"

#include <fstream>

#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

class RunDirectoryTest : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_ / name; }

  const TemporaryFolder folder_;
};

TEST_F(RunDirectoryTest, AppendsRowsAndReadsThemBack) {
  const auto run = RunDirectory::create(path("a/b"), "seed = 1\n", {"x", "y"});
  run.append_row({"1", ""});
  run.append_row({"2", "0.5"});
  const CsvTable table = read_metrics(run.file("metrics.csv"));
  EXPECT_EQ(table.columns, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(table.rows, (std::vector<std::vector<std::string>>{{"1", ""}, {"2", "0.5"}}));
  EXPECT_EQ(run.config_text(), "seed = 1\n");
  EXPECT_EQ(table.index_of("y"), 1u);
  EXPECT_THROW(table.index_of("z"), InputError);
}

TEST_F(RunDirectoryTest, RefusesToOverwriteARun) {
  RunDirectory::create(path("run"), "", {"x"});
  EXPECT_THROW(RunDirectory::create(path("run"), "", {"x"}), InputError);
}

TEST_F(RunDirectoryTest, RefusesAFileAsFolder) {
  std::ofstream(path("file")) << "something";
  EXPECT_THROW(RunDirectory::create(path("file"), "", {"x"}), InputError);
  EXPECT_THROW(RunDirectory::create(path("file/below"), "", {"x"}), InputError);
  EXPECT_EQ(bytes_of(path("file")), "something");
}

TEST_F(RunDirectoryTest, OpensOnlyWhatHoldsARun) {
  EXPECT_THROW(RunDirectory::open(path("nowhere")), InputError);
  EXPECT_THROW(RunDirectory::open(folder_.path()), InputError);
}

TEST_F(RunDirectoryTest, AnUnfinishedLineIsLeftOut) {
  const auto run = RunDirectory::create(path("run"), "", {"x", "y"});
  run.append_row({"1", "2"});
  std::ofstream(run.file("metrics.csv"), std::ios::app) << "3,";
  EXPECT_EQ(read_metrics(run.file("metrics.csv")).rows.size(), 1u);
}

TEST_F(RunDirectoryTest, KeepsTheRowsThatTheResultKnowsOf) {
  const auto run = RunDirectory::create(path("run"), "", {"x"});
  for (const char* value : {"1", "2", "3"}) run.append_row({value});
  run.keep_rows(2);
  EXPECT_EQ(bytes_of(run.file("metrics.csv")), "x\n1\n2\n");
  EXPECT_THROW(run.keep_rows(5), InputError);
}

TEST_F(RunDirectoryTest, AFailedResultLeavesTheEarlierOne) {
  const auto run = RunDirectory::create(path("run"), "", {"x"});
  EXPECT_FALSE(run.read_result().has_value());
  const double one = 1.0;
  run.write_result([&](Hdf5Writer& file) { file.write("/a", {1}, std::span(&one, 1)); });
  EXPECT_THROW(run.write_result([](Hdf5Writer&) { throw std::runtime_error("interrupted"); }),
               std::runtime_error);
  EXPECT_EQ(run.read_result()->read_doubles("/a"), std::vector<double>{1.0});
}

}  // namespace
}  // namespace latetime
