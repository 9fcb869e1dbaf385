// Folders of results: one writer at a time, damaged tables and their mend, what failures leave.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/program.hpp"
#include "latetime/store/folder_lock.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::HasSubstr;

const std::string small = " --set data.d=20 --set network.width=4 --set descent.until=1000 ";

TEST(Folders, HaveOneWriterAtATime) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  const std::string run = folder / "run", figure = folder / "figure";
  ASSERT_EQ(call("run -q --out " + run + small).code, 0);
  ASSERT_EQ(call("reproduce fig1 --quick -q --out " + figure).code, 0);
  auto lock = FolderLock::hold(run);
  const auto of_figure = FolderLock::hold(figure);
  const std::string who = "(process " + std::to_string(getpid()) + " on ";
  expect_refusal("run --resume --out " + run + small, who);
  expect_refusal("run --out " + run + small, who);
  expect_refusal("train --resume --out " + run, who);
  expect_refusal("check " + run, who);
  expect_refusal("report " + run, who);
  expect_refusal("reproduce fig1 --quick --out " + figure, who);
  expect_refusal("report " + figure, who);
  EXPECT_EQ(call("export --npz " + run + " --to " + folder / "x.npz").code, 0);
  EXPECT_NE(call("limit " + run).code, 2);
  EXPECT_EQ(call("report " + run + " --out " + folder / "page.html").code, 0);
  lock.reset();
  EXPECT_EQ(call("run -q --resume --out " + run + small).code, 0);
  EXPECT_EQ(call("check " + run).code, 0);
  EXPECT_FALSE(std::filesystem::exists(run + "/.latetime.lock"));
}

/// The command after the last colon of a complaint.
std::string mend_in(const std::string& complaint) {
  const std::string program = "latetime ";
  const std::size_t at = complaint.rfind(program);
  return at == std::string::npos ? "" : complaint.substr(at + program.size(), complaint.size() - 1);
}

TEST(Folders, ADamagedTableIsRefusedAndItsMendWorks) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  const std::vector<std::string> commands{
      "run" + small,
      "train --set data.n=50 --set data.d=9 --set network.width=4 --set "
      "descent.until=200 "};
  for (const std::string& command : commands) {
    const std::string out = folder / command.substr(0, 3), metrics = out + "/metrics.csv";
    ASSERT_EQ(call(command + " -q --out " + out).code, 0);
    const std::string good = bytes_of(metrics);
    const std::size_t half = good.find('\n', good.size() / 2) + 1;
    std::ofstream(metrics, std::ios::app) << good.substr(half);
    expect_refusal("report " + out, "does not come after row");
    expect_refusal("export --csv " + out, "does not come after row");
    expect_refusal("export --npz " + out, "does not come after row");
    if (command.starts_with("run")) expect_refusal("check " + out, "does not come after row");
    std::string mend = mend_in(call("report " + out).err);
    mend.erase(mend.find_last_not_of('\n') + 1);
    const Output mended = call(mend);
    EXPECT_EQ(mended.code, 0) << mend << "\n" << mended.err;
    EXPECT_EQ(bytes_of(metrics), good);
    EXPECT_EQ(call("report " + out).code, 0);
  }
}

TEST(Folders, ATableThatWasCutIsRefusedByTheReportAndItsMendWorks) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  const std::string out = folder / "my run", metrics = out + "/metrics.csv";
  ASSERT_EQ(call("run -q --out '" + out + "'" + small).code, 0);
  const std::string good = bytes_of(metrics);
  std::ofstream(metrics) << good.substr(0, good.size() / 2);
  expect_refusal("report '" + out + "'", "it was cut, make it anew");
  std::string mend = mend_in(call("report '" + out + "'").err);
  mend.erase(mend.find_last_not_of('\n') + 1);
  EXPECT_EQ(call(mend + " -q").code, 0) << mend;
  EXPECT_EQ(bytes_of(metrics), good);
  EXPECT_EQ(call("report '" + out + "'").code, 0);
}

TEST(Folders, NamesTooLongForTheFileSystemAreRefused) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  const std::string name(300, 'a'), place = folder / name;
  ASSERT_EQ(call("run -q --out " + folder / "run" + small).code, 0);
  for (const std::string command :
       {"run", "run --resume", "train", "reproduce fig1 --quick", "reproduce fig4 --quick"}) {
    expect_refusal(command + " --out " + place, "choose a shorter name");
    expect_refusal(command + " --out " + folder / "new/" + name, "choose a shorter name");
  }
  for (const std::string command : {"export --csv ", "export --npz "}) {
    expect_refusal(command + folder / "run" + " --to " + place, "choose a shorter name");
  }
  expect_refusal("report " + folder / "run" + " --out " + place, "choose a shorter name");
  for (const std::string command : {"run --out x ", "train --out x ", "check ", "limit ", "report ",
                                    "inspect ", "export --npz "}) {
    expect_refusal(command + place, name);
    expect_refusal(command + place + ".toml", name);
  }
  expect_refusal("run --out " + folder / "x" +
                     " --set data.source=file --set data.y=y.npy --set "
                     "data.x=" +
                     place + ".npy",
                 name);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Folders, WithoutANameAreRefused) {
  const TemporaryFolder folder;
  ASSERT_EQ(call("run -q --out " + folder / "run" + small).code, 0);
  for (const std::string command : {"run --out ''", "train --out ''", "reproduce fig1 --out ''"}) {
    expect_refusal(command, "--out: is empty");
  }
  expect_refusal("report " + folder / "run" + " --out ''", "--out: is empty");
  expect_refusal("export --npz " + folder / "run" + " --to ''", "--to: is empty");
}

TEST(Folders, NamesThatAreNotUtf8AreRefusedFirst) {
  const TemporaryFolder folder;
  const std::string name = folder / "r\xff";
  for (const std::string command : {"run", "train", "reproduce fig1"}) {
    expect_refusal(command + " --out " + name, "UTF-8");
  }
  EXPECT_FALSE(std::filesystem::exists(name));
}

TEST(Folders, OfOthersTakeNoResults) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  const std::string thesis = folder.write("thesis.txt", "years of work");
  for (const std::string command :
       {"run", "run --resume", "train", "train --resume", "reproduce fig1 --quick"}) {
    const std::string out = " --out ";
    expect_refusal(command + out + folder.path(), "holds other files (thesis.txt)");
    expect_refusal(command + out + "/", "holds other files");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << command;
  }
  for (const std::string command : {"check ", "limit ", "report ", "export --csv "}) {
    expect_refusal(command + folder.path(), "no run");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1) << command;
  }
  EXPECT_FALSE(std::filesystem::exists("/.latetime.lock"));
  // A configuration of the user's own stays what it is, with --resume too.
  const std::string config = folder.write("config.toml", "seed = 2\n[descent]\nuntil = 100\n");
  std::filesystem::remove(thesis);
  for (const std::string command : {"run ", "run --resume ", "train --resume "}) {
    expect_refusal(command + config + " --out " + folder.path(), "holds other files (config.toml)");
  }
  EXPECT_THAT(bytes_of(config), testing::StartsWith("seed = 2\n[descent]"));
}

void make_results(const std::string& run, const std::string& training) {
  ASSERT_EQ(call("run -q --out " + run + small).code, 0);
  ASSERT_EQ(call("train -q --out " + training +
                 " --set data.n=50 --set data.d=9 --set network.width=4 --set descent.until=200")
                .code,
            0);
}

TEST(Folders, NoCommandReplacesFilesOfOthers) {
  const TemporaryFolder folder;
  const std::string run = folder / "run", training = folder / "training";
  ASSERT_NO_FATAL_FAILURE(make_results(run, training));
  std::filesystem::create_directory(folder / "theirs");
  const std::string page = "<!doctype html>\n<title>my page</title>\n";
  const std::string plain = folder.write("x.npy", "numbers"), html = folder.write("x.html", page),
                    inside = folder.write("theirs/metrics.csv", "day,hours\n1,9\n");
  expect_refusal("report " + run + " --out " + plain, "x.npy: is there already");
  expect_refusal("report " + run + " --out " + html, "x.html: is there already");
  expect_refusal("report " + run + " --out " + run + "/metrics.csv", "is there already");
  expect_refusal("report " + run + " --out " + folder / "theirs", "is a folder");
  expect_refusal("export --npz " + run + " --to " + plain, "x.npy: is there already");
  expect_refusal("export --npz " + run + " --to " + folder / "theirs", "is a folder");
  expect_refusal("export --csv " + run + " --to " + folder / "theirs", "holds other files");
  expect_refusal("export --csv " + run + " --to " + training, "holds other files");
  expect_refusal("export --csv " + run + " --to " + plain, "is a file");
  EXPECT_EQ(bytes_of(plain), "numbers");
  EXPECT_EQ(bytes_of(html), page);
  EXPECT_EQ(bytes_of(inside), "day,hours\n1,9\n");
}

TEST(Folders, EarlierReportsAndExportsAreReplaced) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const TemporaryFolder folder;
  const std::string run = folder / "run", training = folder / "training";
  ASSERT_NO_FATAL_FAILURE(make_results(run, training));
  folder.write("page.html", "");  // carries nothing
  for (const std::string& from : {run, training, run}) {
    EXPECT_EQ(call("report " + from + " --out " + folder / "page.html").code, 0) << from;
    EXPECT_EQ(call("export --npz " + from + " --to " + folder / "all.npz").code, 0) << from;
  }
  for (int times = 0; times < 2; ++times) {
    EXPECT_EQ(call("export --csv " + run + " --to " + folder / "csv").code, 0);
    EXPECT_EQ(call("export --csv " + run).code, 0);
    EXPECT_EQ(call("export --npz " + run).code, 0);
    EXPECT_EQ(call("report " + run).code, 0);
  }
}

TEST(Folders, MayHoldTheLogOfTheCommandItself) {
  const TemporaryFolder folder;
  const std::string log = folder.write("log", "# of a script\n");
  const std::string command = std::string(LATETIME_PROGRAM) + " run --out " + folder.path() + small;
  EXPECT_EQ(std::system((command + ">>" + log + " 2>&1").c_str()), 0);
  EXPECT_THAT(bytes_of(log), HasSubstr("stable rank"));
}

TEST(Folders, AnEarlierEndIsRefusedForTrainingsToo) {
  const TemporaryFolder folder;
  const std::string command =
      "train -q --set data.n=50 --set data.d=9 --set network.width=4 --out " + folder / "a" +
      " --set descent.until=";
  ASSERT_EQ(call(command + "200").code, 0);
  const std::string config = bytes_of(folder / "a/config.toml");
  expect_refusal(command + "100 --resume", "descent.until");
  EXPECT_EQ(bytes_of(folder / "a/config.toml"), config);
  EXPECT_EQ(call(command + "300 --resume").code, 0);
}

TEST(Folders, InitialWeightsThatOverflowBlameThemselves) {
  const TemporaryFolder folder;
  expect_refusal("train --out " + folder / "a" + " --set network.init_std=1e40",
                 "network.init_std");
  EXPECT_FALSE(std::filesystem::exists(folder / "a"));
}

TEST(Folders, WithTooLittleMemoryGiveWayToTheCorrectedCommand) {
#ifndef __SANITIZE_ADDRESS__
  const TemporaryFolder folder;
  const std::string out = folder / "a";
  const std::string shell =
      "ulimit -v 400000; " + std::string(LATETIME_PROGRAM) + " run -q --out " + out +
      " --set data.n=2000 --set data.d=2000 --set network.width=4000 2>" + folder / "err";
  EXPECT_EQ(WEXITSTATUS(std::system(("bash -c '" + shell + "'").c_str())), 3);
  EXPECT_THAT(bytes_of(folder / "err"), HasSubstr("not enough memory"));
  EXPECT_EQ(call("run -q --out " + out + small).code, 0);
#endif
}

TEST(Folders, SlowSurviveAShortTorture) {
  if (without_vega()) GTEST_SKIP() << "the program was built without Vega";
  const std::string command = std::string("/usr/bin/python3 ") + LATETIME_EXAMPLES +
                              "/../scripts/torture --kills 20 --program " + LATETIME_PROGRAM;
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace latetime
