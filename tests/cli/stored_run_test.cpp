// Folders that earlier versions of the program left are read and gone on with. tests/data/runs
// holds one a version: `latetime run config.toml --out DIR` on the three arrays beside it.

#include <filesystem>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"

namespace latetime {
namespace {

using nlohmann::json;
using testing::StartsWith;

class StoredRun : public testing::TestWithParam<std::string> {
 protected:
  StoredRun() {
    std::filesystem::copy(std::string(LATETIME_RUNS) + "/" + GetParam(), folder_ / "run");
  }
  std::string run() const { return folder_ / "run"; }
  std::string metrics() const {
    std::ifstream file(run() + "/metrics.csv");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  TemporaryFolder folder_;
};

TEST_P(StoredRun, IsRead) {
  const std::string before = metrics();
  const Output limit = call("limit --json " + run());
  EXPECT_EQ(limit.code, 0) << limit.err;
  const json answer = json::parse(limit.out);
  EXPECT_EQ(answer.at("status"), "found");
  EXPECT_EQ(answer.at("stored"), true);
  const Output check = call("check --steps 100 --json " + run());
  EXPECT_EQ(check.code, 0) << check.err;
  EXPECT_EQ(json::parse(check.out).at("looked_at").at("late"), true);
  EXPECT_EQ(call("export --npz " + run()).code, 0);
  EXPECT_EQ(metrics(), before);
}

TEST_P(StoredRun, GoesOn) {
  const std::string before = metrics();
  const Output more = call("run -q --resume --set descent.until=1e24 --out " + run() + " " + run() +
                           "/config.toml");
  EXPECT_EQ(more.code, 0) << more.err;
  EXPECT_THAT(metrics(), StartsWith(before));
  EXPECT_GT(metrics().size(), before.size() + 400);
  EXPECT_EQ(json::parse(call("limit --json " + run()).out).at("status"), "found");
}

INSTANTIATE_TEST_SUITE_P(Versions, StoredRun, testing::Values("version-0.1"),
                         [](const auto&) { return std::string("version_0_1"); });

}  // namespace
}  // namespace latetime
