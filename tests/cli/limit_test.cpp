// `latetime limit` as a user meets it.

#include <cmath>
#include <filesystem>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/data/array_file.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string orthogonal =
    " --set data.source=orthogonal --set data.n=4 --set data.d=6 --set data.sample_norm=2"
    " --set network.width=3 --set network.slope=0.2 --set descent.engine=flow ";

/// Content and time of writing of every file of a folder.
std::map<std::string, std::pair<std::string, std::filesystem::file_time_type>> files_of(
    const std::string& folder) {
  std::map<std::string, std::pair<std::string, std::filesystem::file_time_type>> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files[entry.path()] = {bytes_of(entry.path()), entry.last_write_time()};
  }
  return files;
}

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0, start = 0;
  while (start < text.size()) {
    const std::size_t end = std::min(text.find('\n', start), text.size());
    longest = std::max(longest, end - start);
    start = end + 1;
  }
  return longest;
}

TEST(LimitCommand, ShowsTheClosedFormOfOrthogonalData) {
  const TemporaryFolder folder;
  const Output run = call("run --out " + folder / "a" + orthogonal + "--set descent.until=1e30");
  EXPECT_EQ(run.code, 0);
  EXPECT_THAT(run.out, AllOf(HasSubstr("limit t = infinity"), HasSubstr("4 of 4"),
                             HasSubstr("12 active, 12 inactive, 0 switching; 0 undecided")));
  const auto before = files_of(folder / "a");
  const Output json = call("limit --json " + folder / "a");
  EXPECT_EQ(json.code, 0);
  const auto report = nlohmann::json::parse(json.out);
  EXPECT_EQ(report["status"], "found");
  EXPECT_EQ(report["stored"], true);
  // λ = n m / (η R² (1 + γ²)), normalised margin R √((1 + γ²)/(n m)), stable rank of the whole
  // 1 + ((1 − γ)/(1 + γ))²; exact but for some hundred roundings.
  for (const double lambda : report["multipliers"]) EXPECT_NEAR(lambda, 12 / 0.416, 1e-11);
  EXPECT_NEAR(report["normalized_margin"], 2 * std::sqrt(1.04 / 12), 1e-13);
  EXPECT_NEAR(report["stable_rank"]["all"], 1 + 4.0 / 9, 1e-13);
  EXPECT_LT(report["stable_rank_excess"]["pos"], 1e-26);
  EXPECT_EQ(report["pairs"]["own"]["active"], 12);
  EXPECT_EQ(report["pairs"]["other"]["inactive"], 12);
  EXPECT_EQ(report["switching_share"], 0.0);
  EXPECT_EQ(report["coefficients"]["shape"], (std::vector<int>{2, 3, 4}));
  EXPECT_EQ(report["linear"]["boundary"], "linear");
  EXPECT_NEAR(report["linear"]["svm_margin"], 1.0, 1e-13);

  const Output table = call("limit " + folder / "a");
  EXPECT_EQ(table.code, 0);
  EXPECT_THAT(table.out, AllOf(HasSubstr("found"), HasSubstr("1 + "), HasSubstr("0 1 2 3"),
                               HasSubstr("linear (proved")));
  EXPECT_LE(longest_line(table.out), 80u);
  EXPECT_EQ(files_of(folder / "a"), before);  // read-only
}

TEST(LimitCommand, ExportsTheGroup) {
  const TemporaryFolder folder;
  call("run -q --out " + folder / "a" + orthogonal + "--set descent.until=1e30");
  ASSERT_EQ(call("export --npz " + folder / "a").code, 0);
  const NumericArray verdicts = read_array(folder / "a/result.npz:limit.verdicts");
  EXPECT_EQ(verdicts.shape, (std::vector<std::size_t>{2, 3, 4}));
  EXPECT_EQ(verdicts.values, read_array(folder / "a/result.h5:/limit/verdicts").values);
  EXPECT_EQ(read_array(folder / "a/result.npz:limit.coefficients").shape, verdicts.shape);
}

TEST(LimitCommand, ComputesFromExactStepsAndSaysSo) {
  const TemporaryFolder folder;
  call("run -q --out " + folder / "a" +
       " --set data.n=30 --set data.d=200 --set network.width=4 --set descent.until=5000");
  const auto before = files_of(folder / "a");
  const Output table = call("limit " + folder / "a");
  EXPECT_EQ(table.code, 0) << table.err;
  EXPECT_THAT(table.out, AllOf(HasSubstr("computed now"), HasSubstr("step 5000"),
                               HasSubstr("caution"), HasSubstr("more")));
  EXPECT_LE(longest_line(table.out), 80u + 2);  // "…" counts three bytes
  const auto report = nlohmann::json::parse(call("limit --json " + folder / "a").out);
  EXPECT_EQ(report["stored"], false);
  EXPECT_EQ(report["computed_from"]["time"], "5000");
  EXPECT_NE(report["caution"], "");
  EXPECT_EQ(files_of(folder / "a"), before);
}

void expect_no_limit(const std::string& folder, const std::string& part) {
  const Output output = call("limit " + folder);
  EXPECT_EQ(output.code, 3);
  EXPECT_EQ(output.out, "");
  EXPECT_THAT(output.err, AllOf(HasSubstr(folder), HasSubstr(part)));
  EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  const Output json = call("limit --json " + folder);
  EXPECT_EQ(json.code, 3);
  EXPECT_NE(nlohmann::json::parse(json.out)["status"], "found");
}

TEST(LimitCommand, HonestNonAnswers) {
  const TemporaryFolder folder;
  call("run -q --out " + folder / "early" + " --set data.d=20 --set descent.until=10");
  expect_no_limit(folder / "early", "--resume --set descent.until=100");
  const std::string batches =
      "run -q --set data.n=6 --set data.d=20 --set descent.method=sgd"
      " --set descent.batch_size=4 --out " +
      folder / "batches";
  call(batches + " --set descent.epochs=3");
  expect_no_limit(folder / "batches", "--resume --set descent.epochs=50");
  EXPECT_EQ(call(batches + " --resume --set descent.epochs=50").code, 0);
  EXPECT_EQ(call("limit " + folder / "batches").code, 0);
  const std::string x = folder.write("x.csv", "1,0\n1,0\n0,1\n0,1\n");
  const std::string y = folder.write("y.csv", "1\n-1\n1\n-1\n");
  call("run -q --out " + folder / "same" + " --set data.source=file --set data.x=" + x +
       " --set data.y=" + y + " --set network.width=2 --set descent.until=1000");
  expect_no_limit(folder / "same", "not-separated");
}

TEST(LimitCommand, RefusesBadInputInOneLine) {
  const TemporaryFolder folder;
  expect_refusal("limit", "DIR");
  expect_refusal("limit " + folder / "nowhere", "nowhere");
  expect_refusal("limit " + folder.path(), "holds no run");
  const std::string run = folder / "a";
  call("run -q --out " + run + orthogonal + "--set descent.until=1e30");
  const std::string whole = bytes_of(run + "/result.h5");
  folder.write("a/result.h5", whole.substr(0, whole.size() / 2));
  expect_refusal("limit " + run, "result.h5");
  folder.write("a/result.h5", "no HDF5 at all");
  expect_refusal("limit --json " + run, "result.h5");
  std::filesystem::remove(run + "/result.h5");
  expect_refusal("limit " + run, "is missing");
}

/// Pixels as bytes, `count` images of `pixels`, as a CSV file with a column of labels in front.
std::string pixel_table(int count, int pixels) {
  std::string text = "label";
  for (int p = 0; p < pixels; ++p) text += "," + std::to_string(p + 1) + "x1";
  std::uint32_t state = 1;
  for (int i = 0; i < count; ++i) {
    text += i % 2 == 0 ? "\n1" : "\n-1";
    for (int p = 0; p < pixels; ++p) {
      state = state * 1664525u + 1013904223u;
      text += "," + std::to_string(state >> 24);
    }
  }
  return text + "\n";
}

TEST(LimitCommand, SlowUnscaledPixelsBlameTheDeadNeuronsAndTheLearningRate) {
  const TemporaryFolder folder;
  const std::string bytes = folder.write("pixels.csv", pixel_table(20, 200));
  folder.write("a.toml",
               "[data]\nsource = \"file\"\nx = \"pixels.csv\"\nlabel_column = \"label\"\n"
               "[network]\nwidth = 10\nslope = 0.0\n[descent]\nuntil = \"1e100\"\n");
  const std::string run = "run " + folder / "a.toml" + " --out ";
  const Output stopped = call(run + folder / "a");
  EXPECT_EQ(stopped.code, 3);
  EXPECT_THAT(stopped.err, AllOf(HasSubstr("19 of 20 neurons are active on no sample"),
                                 HasSubstr("learning rate 0.1 "), HasSubstr("X / 255")));
  EXPECT_THAT(stopped.out, HasSubstr("19 of 20\n"));  // dead neurons
  const Output limit = call("limit " + folder / "a");
  EXPECT_EQ(limit.code, 3);
  EXPECT_THAT(limit.err, HasSubstr("19 of 20 neurons are active on no sample"));
  EXPECT_THAT(call("inspect " + folder / "a.toml").out,
              AllOf(HasSubstr("X / 255"), HasSubstr("descent.learning_rate")));
  // What it says to do: a lower learning rate, as good as smaller samples.
  const Output mended =
      call(run + folder / "b" + " --set descent.learning_rate=1e-6 --set network.init_std=1e-5");
  EXPECT_EQ(mended.code, 0) << mended.err;
  EXPECT_THAT(mended.out, HasSubstr("0 of 20\n"));
  EXPECT_EQ(call("limit " + folder / "b").code, 0);
}

}  // namespace
}  // namespace latetime
