#include "latetime/store/run_directory.hpp"

#include <filesystem>
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
  const auto run = RunDirectory::create(path("a/b"), "seed = 1\n", {"log10_t", "y"});
  run.append_row({"1", ""});
  run.append_row({"2", "0.5"});
  const CsvTable table = read_metrics(run.file("metrics.csv"));
  EXPECT_EQ(table.columns, (std::vector<std::string>{"log10_t", "y"}));
  EXPECT_EQ(table.rows, (std::vector<std::vector<std::string>>{{"1", ""}, {"2", "0.5"}}));
  EXPECT_EQ(run.config_text(), "seed = 1\n");
  EXPECT_EQ(table.index_of("y"), 1u);
  EXPECT_THROW(table.index_of("z"), InputError);
}

TEST_F(RunDirectoryTest, RefusesToOverwriteARun) {
  {
    const auto run = RunDirectory::create(path("run"), "", {"log10_t"});
    for (const char* value : {"1", "2"}) run.append_row({value});
  }
  EXPECT_THROW(RunDirectory::create(path("run"), "", {"log10_t"}), InputError);
  EXPECT_EQ(read_metrics(path("run/metrics.csv")).rows.size(), 2u);
}

TEST_F(RunDirectoryTest, AFolderThatIsNotPastItsStartIsBegunAnew) {
  RunDirectory::create(path("run"), "seed = 1\n", {"log10_t"});
  EXPECT_EQ(RunDirectory::create(path("run"), "seed = 2\n", {"log10_t"}).config_text(),
            "seed = 2\n");
}

TEST_F(RunDirectoryTest, RefusesAFileAsFolder) {
  std::ofstream(path("file")) << "something";
  EXPECT_THROW(RunDirectory::create(path("file"), "", {"log10_t"}), InputError);
  EXPECT_THROW(RunDirectory::create(path("file/below"), "", {"log10_t"}), InputError);
  EXPECT_EQ(bytes_of(path("file")), "something");
}

TEST_F(RunDirectoryTest, OpensOnlyWhatHoldsARun) {
  EXPECT_THROW(RunDirectory::open(path("nowhere")), InputError);
  EXPECT_THROW(RunDirectory::open(folder_.path()), InputError);
}

TEST_F(RunDirectoryTest, AnUnfinishedLineIsLeftOut) {
  const auto run = RunDirectory::create(path("run"), "", {"log10_t", "y"});
  run.append_row({"1", "2"});
  std::ofstream(run.file("metrics.csv"), std::ios::app) << "3,";
  EXPECT_EQ(read_metrics(run.file("metrics.csv")).rows.size(), 1u);
}

TEST_F(RunDirectoryTest, KeepsTheRowsThatTheResultKnowsOf) {
  const auto run = RunDirectory::create(path("run"), "", {"log10_t"});
  for (const char* value : {"1", "2", "3"}) run.append_row({value});
  run.keep_rows(2);
  EXPECT_EQ(bytes_of(run.file("metrics.csv")), "log10_t\n1\n2\n");
  EXPECT_THROW(run.keep_rows(5), InputError);
}

TEST_F(RunDirectoryTest, AFailedResultLeavesTheEarlierOne) {
  const auto run = RunDirectory::create(path("run"), "", {"log10_t"});
  EXPECT_EQ(run.read_result(), nullptr);
  const double one = 1.0;
  run.write_result([&](Hdf5Writer& file) { file.write("/a", {1}, std::span(&one, 1)); });
  EXPECT_THROW(run.write_result([](Hdf5Writer&) { throw std::runtime_error("interrupted"); }),
               std::runtime_error);
  EXPECT_EQ(run.read_result()->read_doubles("/a"), std::vector<double>{1.0});
}

/// A table with the columns that mark the metrics of a run.
std::string metrics_of(const std::vector<std::string>& rows) {
  std::string text = "log10_t,step,engine,log_loss\n";
  for (const std::string& row : rows) text += row + "\n";
  return text;
}

TEST_F(RunDirectoryTest, ATableWhoseTimesDoNotAscendIsRefusedWithItsMend) {
  const auto refusal = [&](const std::vector<std::string>& rows) {
    return error_of([&] { read_metrics(folder_.write("metrics.csv", metrics_of(rows))); });
  };
  const std::string mend =
      "latetime run " + path("config.toml") + " --resume --out " + folder_.path();
  const std::string repeated = refusal({",0,a,1", "0,1,a,1", "0,1,a,1"});
  EXPECT_NE(repeated.find("row 3 does not come after row 2"), std::string::npos) << repeated;
  EXPECT_NE(repeated.find(mend), std::string::npos) << repeated;
  EXPECT_NE(refusal({",0,a,1", "1,10,a,1", "0,1,a,1"}).find("row 3"), std::string::npos);
  EXPECT_NE(refusal({",0,a,1", ",0,a,1"}).find("row 2"), std::string::npos);
  EXPECT_NE(refusal({",0,a,1", "20,,a,1", "20,,a,1"}).find("row 3"), std::string::npos);
  EXPECT_NE(refusal({",0,a,1", "20,,a,1", "1,10,a,1"}).find("row 3"), std::string::npos);
  EXPECT_NE(refusal({",0,a,1", "0,1,a"}).find("fields"), std::string::npos);
  EXPECT_NE(refusal({",0,a,1", "0,1,a,1x"}).find("no number"), std::string::npos);
  EXPECT_NE(refusal({",0,a,1", "0,1,a,\x01"}).find("no number"), std::string::npos);
  const auto good =
      metrics_of({",0,a,-0.5", "0,1,a,inf", "1,10,b,", "20,,flow,1e-300", "21,,flow,nan"});
  EXPECT_EQ(read_metrics(folder_.write("metrics.csv", good)).rows.size(), 5u);
}

TEST_F(RunDirectoryTest, WhatEndedBeforeItsFirstResultMayBeReplaced) {
  const auto began = [&] { return RunDirectory::create(path("run"), "a = 1\n", {"log10_t"}); };
  began();  // killed at once
  EXPECT_NO_THROW(began());
  began().append_row({"0"});  // killed before result.h5
  EXPECT_FALSE(RunDirectory::holds_records(path("run")));
  const auto again = began();
  EXPECT_EQ(bytes_of(again.file("metrics.csv")), "log10_t\n");
  again.append_row({"0"});
  again.append_row({"1"});
  EXPECT_THROW(began(), InputError);
  EXPECT_NO_THROW(again.discard_unless_recorded());
  EXPECT_TRUE(std::filesystem::exists(again.file("metrics.csv")));
}

TEST_F(RunDirectoryTest, AConfigurationOfTheUsersOwnIsNotReplaced) {
  folder_.write("config.toml", "# mine\n");
  EXPECT_THROW(RunDirectory::create(folder_.path(), "", {"log10_t"}), InputError);
  EXPECT_EQ(bytes_of(path("config.toml")), "# mine\n");
}

TEST_F(RunDirectoryTest, ADiscardedRunLeavesNothing) {
  RunDirectory::create(path("run"), "", {"log10_t"}).discard_unless_recorded();
  EXPECT_FALSE(std::filesystem::exists(path("run")));
}

TEST_F(RunDirectoryTest, ADamagedResultEndsInOneLineOrItsArrays) {
  const auto run = RunDirectory::create(path("run"), "", {"log10_t"});
  const std::vector<double> values(50, 1.5);
  run.write_result(
      [&](Hdf5Writer& file) { file.write("/a", {50}, std::span<const double>(values)); });
  const std::string good = bytes_of(run.file("result.h5"));
  for (std::size_t place = 0; place < good.size(); place += good.size() / 60) {
    std::string bad = good;
    bad[place] = static_cast<char>(~bad[place]);
    std::ofstream(run.file("result.h5"), std::ios::binary) << bad;
    try {
      run.read_result()->read_doubles("/a");
    } catch (const InputError& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
  std::ofstream(run.file("result.h5"), std::ios::binary) << good.substr(0, good.size() - 64);
  EXPECT_EQ(run.read_result()->read_doubles("/a"), values);  // whole, but of another program
}

}  // namespace
}  // namespace latetime
