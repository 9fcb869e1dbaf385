// The program as a user meets it: exit codes, one-line messages, what it leaves behind.

#include "cli/program.hpp"

#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "latetime/base/hdf5_file.hpp"
#include "latetime/data/array_file.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string small = " --set data.d=20 --set network.width=4 --set descent.until=1000 ";

TEST(Program, ExplainsItself) {
  EXPECT_THAT(call("--help").out, AllOf(HasSubstr("run"), HasSubstr("reproduce")));
  EXPECT_THAT(call("run --help").out, AllOf(HasSubstr("learning_rate"), HasSubstr("--resume")));
  EXPECT_EQ(call("--version").code, 0);
}

TEST(Program, RunsQuietlyAndInWords) {
  const TemporaryFolder folder;
  const Output words = call("run --out " + folder / "a" + small);
  EXPECT_EQ(words.code, 0);
  EXPECT_THAT(words.out,
              AllOf(HasSubstr("step 1000"), HasSubstr("stable rank"), HasSubstr("metrics.csv")));
  EXPECT_EQ(words.err, "");  // no progress line in a pipe
  const Output quiet = call("run --quiet --out " + folder / "b" + small);
  EXPECT_EQ(quiet.code, 0);
  EXPECT_EQ(quiet.out + quiet.err, "");
  EXPECT_EQ(bytes_of(folder / "a/metrics.csv"), bytes_of(folder / "b/metrics.csv"));
  for (const char* name : {"config.toml", "result.h5", "overview.svg"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / ("a/" + std::string(name)))) << name;
  }
}

TEST(Program, RefusesBadUseInOneLine) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  expect_refusal("", "subcommand");
  expect_refusal("walk", "walk");
  expect_refusal("run", "--out");
  expect_refusal("run --fast --out " + out, "--fast");
  expect_refusal("run nowhere.toml --out " + out, "nowhere.toml");
  expect_refusal("run --threads 0 --out " + out, "--threads");
  expect_refusal("run --out " + out + " --set network.slop=1", "network.slope");
  expect_refusal("run --out " + out + " --set network.slope=2", "network.slope");
  expect_refusal("run " + folder.write("bad.toml", "[data\n") + " --out " + out, "bad.toml:1");
  expect_refusal("run " + folder.write("key.toml", "[data]\nm = 3\n") + " --out " + out, "data.m");
  expect_refusal("run --out " + out + " --set data.source=file --set data.x=" +
                     folder.write("X.npy", "") + " --set data.y=" + folder / "y.npy",
                 "X.npy");
  expect_refusal("run --out " + out + " --set data.source=orthogonal --set data.n=9 --set data.d=8",
                 "data.n");
  expect_refusal("run --out " + out + " --set descent.method=sgd --set descent.engine=coefficient",
                 "descent.engine");
  expect_refusal("run --out " + out + " --set descent.engine=dense --set descent.until=1e100",
                 "descent.until");
  expect_refusal("run --out " + out + " --set descent.until=1e1000000001", "descent.until");
  expect_refusal("run --out " + out + " --set record.per_decade=1000000 --set descent.until=1e100",
                 "record.per_decade");
  expect_refusal("run --out " + out + " --set record.every=1 --set descent.until=1e15",
                 "record.every");
  expect_refusal(
      "run --out " + out +
          " --set descent.method=sgd --set data.n=100 --set descent.epochs=9000000000000000",
      "descent.epochs");
  expect_refusal("run --out " + out + " --set data.n=1000000000000", "data.n");
  expect_refusal("run --out " + out + " --set network.width=1000000000000", "network.width");
  expect_refusal("run --out " + out + " --set dta.n=1", "did you mean [data]?");
  expect_refusal("run --out " + folder.write("file", "x") + small, "file");
  expect_refusal("run --out " + folder / "file/below" + small, "file/below");
  expect_refusal("run --out /proc/latetime" + small, "/proc/latetime");
  expect_refusal("inspect nowhere.npy", "nowhere.npy");
  expect_refusal("inspect " + folder.write("x.xyz", "1"), "x.xyz");
  expect_refusal("export " + folder.path() + " --npz", "holds no run");
  expect_refusal("reproduce fig9 --out " + out, "fig9");
  expect_refusal("reproduce fig1 --out /proc/latetime", "/proc/latetime");
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST(Program, RefusesAFolderThatHoldsARun) {
  const TemporaryFolder folder;
  call("run -q --out " + folder / "a" + small);
  const std::string before = bytes_of(folder / "a/metrics.csv");
  expect_refusal("run --out " + folder / "a" + small, "--resume");
  EXPECT_EQ(bytes_of(folder / "a/metrics.csv"), before);
  EXPECT_EQ(call("run -q --resume --out " + folder / "a" + small).code, 0);
  EXPECT_EQ(bytes_of(folder / "a/metrics.csv"), before);
}

TEST(Program, InspectsConfigurationsAndArrays) {
  const TemporaryFolder folder;
  write_npy(folder / "X.npy", ArrayShape{2, 2}, std::vector<double>{3, 4, 0, 2});
  const auto report = nlohmann::json::parse(call("inspect --json " + folder / "X.npy").out);
  EXPECT_EQ(report["R_min"], 2.0);
  EXPECT_EQ(report["R_max"], 5.0);
  EXPECT_EQ(report["p"], 8.0);
  EXPECT_EQ(report["n_p_over_R_min_squared"], 4.0);
  const auto config = nlohmann::json::parse(
      call("inspect --json --set descent.until=1e3 " + folder.write("a.toml", "")).out);
  EXPECT_EQ(config["engine"], "coefficient, frozen");
  EXPECT_EQ(config["last_step"], 1000);
}

TEST(Program, InspectRefusesSamplesWhoseSquaresOverflow) {
  const TemporaryFolder folder;
  const std::string x = folder.write("X.csv", "1e200,0\n0,1\n");
  expect_refusal("inspect " + x,
                 "X.csv: the entries of sample 0 are up to 1e+200, and their "
                 "squares overflow; divide all samples by 1e+200");
  folder.write("X.csv", "1,0\n0,1e-200\n");  // the mend
  EXPECT_EQ(call("inspect " + x).code, 0);
}

TEST(Program, SaysWhatIsHardlyMeant) {
  const TemporaryFolder folder;
  const std::string x = folder.write("X.csv", "1,0\n0,0\n0,1\n"),
                    y = folder.write("y.csv", "1\n1\n-1\n");
  const Output output = call("run --out " + folder / "a" +
                             " --set data.source=file --set data.x=" + x + " --set data.y=" + y +
                             " --set network.width=2 --set descent.until=100 "
                             "--set 'record.at=[\"7\", \"1e9\", \"1e20\"]'");
  EXPECT_THAT(output.out, testing::ContainsRegex("note +1 of 3 samples is all zeros"));
  EXPECT_THAT(output.out, testing::ContainsRegex("note +record.at: 1e9, 1e20 are beyond the end"));
  // What a loss is where all outputs are 0.
  folder.write("y.csv", "0\n1\n2\n");
  for (const auto& [loss, value] : {std::pair{"logistic", "log\\(3\\)"}, {"exponential", "2"}}) {
    const Output many =
        call("run --out " + folder / loss + " --set data.source=file --set data.x=" + x +
             " --set data.y=" + y + " --set network.width=2 --set descent.loss=" + loss +
             " --set descent.until=10");
    EXPECT_THAT(many.out, testing::ContainsRegex(std::string("above[ \n]+") + value + "[ \n]+/ n"));
  }
  const Output plain = call("run --out " + folder / "b" +
                            " --set data.d=20 --set network.width=2 "
                            "--set descent.until=100 --set 'record.at=[\"100\"]'");
  EXPECT_THAT(plain.out, testing::Not(testing::HasSubstr("note")));
}

TEST(Program, ExportsArraysThatReadBack) {
  const TemporaryFolder folder;
  call("run -q --out " + folder / "a" + small);
  EXPECT_EQ(call("export --npz " + folder / "a").code, 0);
  const NumericArray weights = read_array(folder / "a/result.npz:final.weights");
  EXPECT_EQ(weights.shape, (std::vector<std::size_t>{2, 4, 20}));
  EXPECT_EQ(weights.values, read_array(folder / "a/result.h5:/final/weights").values);
  EXPECT_EQ(call("export --csv " + folder / "a").code, 0);
  EXPECT_EQ(read_array(folder / "a/csv/final.weights.csv").values, weights.values);
  EXPECT_EQ(bytes_of(folder / "a/csv/metrics.csv"), bytes_of(folder / "a/metrics.csv"));
  expect_refusal("export --csv --npz " + folder / "a", "one of --csv and --npz");
}

TEST(Program, OverflowStopsHonestly) {
  const TemporaryFolder folder;
  write_npy(folder / "X.npy", ArrayShape{2, 1}, std::vector<double>{1e150, -1e150});
  write_npy(folder / "y.npy", ArrayShape{2}, std::vector<double>{1, -1});
  const Output output = call("run --out " + folder / "a" + " --set data.source=file --set data.x=" +
                             folder / "X.npy" + " --set data.y=" + folder / "y.npy" +
                             " --set network.width=2 --set descent.learning_rate=1e20");
  EXPECT_EQ(output.code, 3);
  EXPECT_THAT(output.err, HasSubstr("overflowed"));
}

/// True once metrics.csv has this many lines.
std::function<bool()> has_rows(const std::string& metrics, int rows) {
  return [=] {
    const std::string text = std::filesystem::exists(metrics) ? bytes_of(metrics) : "";
    return std::count(text.begin(), text.end(), '\n') >= rows;
  };
}

TEST(Program, SlowAKilledAndAnInterruptedRunResumeToTheSameBytes) {
  const TemporaryFolder folder;
  const std::vector<std::string> keys{"--set", "data.d=20",       "--set", "network.slope=0",
                                      "--set", "network.width=8", "--set", "record.per_decade=20"};
  std::string joined;
  for (const auto& key : keys) joined += " " + key;
  const std::string until = " --set descent.until=2e6";
  ASSERT_EQ(call("run -q --out " + folder / "whole" + joined + until).code, 0);

  std::vector<std::string> arguments{"run", "--out", folder / "parts", "--set",
                                     "descent.until=2e6"};
  arguments.insert(arguments.end(), keys.begin(), keys.end());
  const std::string metrics = folder / "parts/metrics.csv";
  const int killed = start_and_stop(arguments, has_rows(metrics, 30), SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(killed));
  arguments.push_back("--resume");
  const int interrupted = start_and_stop(arguments, has_rows(metrics, 70), SIGINT);
  EXPECT_TRUE(WIFEXITED(interrupted));
  EXPECT_EQ(WEXITSTATUS(interrupted), 130);
  EXPECT_LT(bytes_of(metrics).size(), bytes_of(folder / "whole/metrics.csv").size());
  EXPECT_EQ(call("run -q --resume --out " + folder / "parts" + joined + until).code, 0);
  EXPECT_EQ(bytes_of(metrics), bytes_of(folder / "whole/metrics.csv"));
}

TEST(Program, MeasuresAreThoseOfAnIndependentProgram) {
  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) {
    GTEST_SKIP() << "NumPy is not installed";
  }
  const TemporaryFolder folder;
  for (const char* slope : {"0", "0.1"}) {
    const std::string out = folder / (std::string("slope") + slope);
    call("run -q --out " + out + " --set data.d=60 --set network.width=12 --set network.slope=" +
         slope + " --set descent.until=1500");
    call("export --npz " + out);
    const std::string command = std::string("/usr/bin/python3 ") + LATETIME_EXAMPLES +
                                "/check_run.py " + out + "/result.npz " + slope + " 0.1";
    EXPECT_EQ(std::system(command.c_str()), 0);
  }
}

TEST(Program, ReproducesFigure1) {
  const TemporaryFolder folder;
  const Output output = call("reproduce fig1 --quick --out " + folder / "f");
  EXPECT_EQ(output.code, 0);
  EXPECT_THAT(output.out, AllOf(HasSubstr("quick look"), HasSubstr("fig1.svg")));
  const std::string csv = bytes_of(folder / "f/fig1.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 1 + 4 * 51);
  EXPECT_THAT(bytes_of(folder / "f/fig1.svg"), HasSubstr("</svg>"));
}

}  // namespace
}  // namespace latetime
