// `latetime train` as a user meets it.

#include <csignal>
#include <filesystem>
#include <sstream>

#include <sys/wait.h>

#include "cli/program.hpp"
#include "data/tiny_images.hpp"

namespace latetime {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// The entries of a column of metrics.csv, as they are written.
std::vector<std::string> column(const std::string& path, const std::string& name) {
  std::istringstream lines(bytes_of(path));
  std::vector<std::string> entries;
  std::ptrdiff_t wanted = -1;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line + ",");
    std::vector<std::string> row;
    for (std::string field; std::getline(fields, field, ',');) row.push_back(field);
    if (wanted < 0) {
      wanted = std::find(row.begin(), row.end(), name) - row.begin();
      EXPECT_LT(wanted, std::ssize(row)) << name;
    } else {
      entries.push_back(row.at(static_cast<std::size_t>(wanted)));
    }
  }
  return entries;
}

constexpr const char* small =
    " -q --set data.n=8 --set data.d=20 --set network.width=6 --set descent.method=gd ";

TEST(TrainCommand, TwoGroupsInFloat64AreTheNetworkOfRun) {
  const TemporaryFolder folder;
  const std::string until = " --set descent.until=300 --out ";
  ASSERT_EQ(
      call("train" + std::string(small) + "--set descent.precision=float64" + until + folder / "t")
          .code,
      0);
  ASSERT_EQ(
      call("run" + std::string(small) + "--set descent.engine=dense" + until + folder / "r").code,
      0);
  const auto trained = column(folder / "t/metrics.csv", "log_loss");
  const auto run = column(folder / "r/metrics.csv", "log_loss");
  ASSERT_EQ(trained.size(), run.size());
  for (std::size_t r = 0; r < run.size(); ++r) {
    EXPECT_NEAR(std::stod(trained[r]), std::stod(run[r]), 1e-13) << r;
  }
  EXPECT_EQ(column(folder / "t/metrics.csv", "step"), column(folder / "r/metrics.csv", "step"));
}

TEST(TrainCommand, GoesOnToALaterEndAsRunDoes) {
  const TemporaryFolder folder;
  const std::string sparse = std::string(small) + "--set record.per_decade=4 ";
  for (const char* command : {"train", "run"}) {
    const std::string out = folder / command;
    ASSERT_EQ(call(command + sparse + "--set descent.until=9 --out " + out).code, 0);
    ASSERT_EQ(call(command + sparse + "--set descent.until=20 --resume --out " + out).code, 0);
    EXPECT_THAT(column(out + "/metrics.csv", "step"),
                ElementsAre("0", "1", "2", "3", "6", "9", "10", "18", "20"))
        << command;
  }
}

TEST(TrainCommand, RowsAfterALaterEndAreThoseOfOneTraining) {
  const TemporaryFolder folder;
  const std::string batches =
      "train -q --set data.n=20 --set data.d=20 --set network.width=6 "
      "--set descent.method=sgd --set descent.batch_size=3 --out ";
  const auto train_to = [&](const std::string& name, const char* until, bool resume) {
    return call(batches + folder / name + (resume ? " --resume" : "") +
                " --set descent.until=" + until);
  };
  ASSERT_EQ(train_to("whole", "100", false).code, 0);
  ASSERT_EQ(train_to("parts", "7", false).code, 0);  // neither 7 nor 8 is in the schedule to 100
  ASSERT_EQ(train_to("parts", "8", true).code, 0);
  ASSERT_EQ(train_to("parts", "100", true).code, 0);
  std::istringstream whole(bytes_of(folder / "whole/metrics.csv")),
      parts(bytes_of(folder / "parts/metrics.csv"));
  std::vector<std::string> wanted, found;
  for (std::string line; std::getline(whole, line);) wanted.push_back(line);
  for (std::string line; std::getline(parts, line);) found.push_back(line);
  ASSERT_EQ(found.size(), wanted.size() + 2);
  for (const std::string& line : wanted) EXPECT_THAT(found, testing::Contains(line));
}

TEST(TrainCommand, SaysWhyNothingIsMeasuredOnTestImages) {
  const TemporaryFolder images, folder;
  write_tiny_images(images, 100, 50, 6, 6);
  const std::string common = "train --set data.source=mnist --set data.folder=" + images.path() +
                             " --set data.n=8 --set network.width=3 --set descent.until=2 --out ";
  EXPECT_THAT(call(common + folder / "plain").out, Not(HasSubstr("not measured")));
  EXPECT_THAT(call(common + folder / "center --set data.center=true").out,
              Not(HasSubstr("not measured")));
  EXPECT_THAT(call(common + folder / "test --set data.split=test").out,
              AllOf(HasSubstr("not measured"), HasSubstr("data.split")));
}

TEST(TrainCommand, AKillCostsNothingThatWasRecorded) {
  const TemporaryFolder images, folder;
  write_tiny_images(images, 2000, 100, 6, 6);
  const std::vector<std::string> arguments{"train", "-q",
                                           "--set", "data.source=mnist",
                                           "--set", "data.folder=" + images.path(),
                                           "--set", "data.classes=all",
                                           "--set", "data.n=0",
                                           "--set", "network.width=40",
                                           "--set", "descent.method=sgd",
                                           "--set", "descent.epochs=150",
                                           "--out"};
  std::string rest;
  for (const auto& argument : arguments) rest += argument + " ";
  ASSERT_EQ(call(rest + folder / "whole").code, 0);
  auto killed = arguments;
  killed.push_back(folder / "parts");
  const std::string metrics = folder / "parts/metrics.csv";
  const auto rows = [&] {
    const std::string text = fs::exists(metrics) ? bytes_of(metrics) : std::string();
    return std::count(text.begin(), text.end(), '\n');
  };
  const int status = start_and_stop(
      killed, [&] { return rows() >= 12; }, SIGKILL);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_LT(bytes_of(metrics).size(), bytes_of(folder / "whole/metrics.csv").size());
  EXPECT_EQ(call(rest + folder / "parts" + " --resume").code, 0);
  EXPECT_EQ(bytes_of(metrics), bytes_of(folder / "whole/metrics.csv"));
  EXPECT_EQ(call(rest + folder / "parts" + " --resume").code, 0);  // finished: nothing changes
  EXPECT_EQ(bytes_of(metrics), bytes_of(folder / "whole/metrics.csv"));
}

TEST(TrainCommand, EndsWhereOutputsOverflow) {
  const TemporaryFolder folder;
  const Output output = call("train" + std::string(small) + "--out " + folder / "t" +
                             " --set descent.learning_rate=1e300 --set network.init_std=1"
                             " --set descent.until=1");
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(output.err, AllOf(HasSubstr("step 1"), HasSubstr("learning_rate")));
  EXPECT_THAT(column(folder / "t/metrics.csv", "step"), ElementsAre("0"));
}

TEST(TrainCommand, RefusesBadUseInOneLine) {
  const TemporaryFolder folder;
  const std::string out = " --out " + folder / "t";
  expect_refusal("train --set network.head=tree" + out, "network.head");
  expect_refusal("train --set descent.method=flow" + out, "descent.method");
  expect_refusal("train --set descent.engine=frozen" + out, "descent.engine");
  expect_refusal("train --set descent.precision=float16" + out, "descent.precision");
  expect_refusal("train --set descent.until=1e30" + out, "descent.until");
  expect_refusal("run --set network.head=trained" + out, "latetime train");
  EXPECT_FALSE(fs::exists(folder / "t"));
  ASSERT_EQ(call("train" + std::string(small) + "--set descent.until=5" + out).code, 0);
  for (const char* command : {"check ", "limit "}) {
    expect_refusal(command + folder / "t", "latetime report and latetime export show it");
  }
  EXPECT_THAT(call("limit " + folder / "t").err, Not(HasSubstr("damaged")));
  EXPECT_EQ(call("export --npz " + folder / "t").code, 0);
  expect_refusal("run --resume" + std::string(small) + "--set descent.until=5" + out,
                 "latetime train --resume");
  const std::string run = std::string(small) + "--set descent.until=5 --out " + folder / "r";
  ASSERT_EQ(call("run" + run).code, 0);
  expect_refusal("train --resume" + run, "latetime run --resume");
}

}  // namespace
}  // namespace latetime
