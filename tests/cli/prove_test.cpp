// `latetime prove` as a user meets it.

#include <filesystem>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string small =
    " --set data.n=6 --set data.d=300 --set network.width=5 --set network.slope=0.5 "
    "--set descent.until=1e30 ";

std::string json_of(const std::string& folder) {
  return bytes_of(folder + "/proof.json");
}

/// Certificates are long: a failure must not print one.
bool holds(const std::string& file, const std::string& part) {
  return bytes_of(file).find(part) != std::string::npos;
}

TEST(ProveCommand, ProvesARunAndLeavesItsCertificate) {
  const TemporaryFolder folder;
  ASSERT_EQ(call("run --out " + folder / "a" + small).code, 0);
  const std::string metrics = bytes_of(folder / "a/metrics.csv");
  const Output proved = call("prove " + folder / "a");
  EXPECT_EQ(proved.code, 0) << proved.err;
  EXPECT_THAT(proved.out,
              AllOf(HasSubstr("Theorem"), HasSubstr("from the weights W_T"), HasSubstr("converges"),
                    HasSubstr("No pair switches for ever"), HasSubstr("certificate.txt")));
  EXPECT_EQ(proved.err, "");
  EXPECT_TRUE(holds(folder / "a/certificate.txt", "latetime-certificate 2\n"));
  EXPECT_EQ(bytes_of(folder / "a/metrics.csv"), metrics);
  const auto json = nlohmann::json::parse(json_of(folder / "a"));
  EXPECT_EQ(json["format"], "latetime-proof");
  EXPECT_EQ(json["proved"], true);
  EXPECT_EQ(json["run"]["from_start"], false);
  EXPECT_LT(json["run"]["radius"], 0.1);
  // What is proved of claims is said by check from then on.
  const Output checked = call("check --steps 500 " + folder / "a");
  EXPECT_EQ(checked.code, 0);
  EXPECT_THAT(checked.out, HasSubstr("Holds, proved"));
  // From the initial weights, and the limit alone.
  const Output start = call("prove --level C --json " + folder / "a");
  EXPECT_EQ(start.code, 0) << start.err;
  EXPECT_EQ(nlohmann::json::parse(start.out)["run"]["from_start"], true);
  EXPECT_TRUE(holds(folder / "a/certificate.txt", "\nw0 "));
  const Output limit = call("prove --level A " + folder / "a");
  EXPECT_EQ(limit.code, 0) << limit.err;
  EXPECT_THAT(limit.out, AllOf(HasSubstr("KKT point"), Not(HasSubstr("W_T"))));
  EXPECT_THAT(limit.out, HasSubstr("kept: the certificate of level C"));
  EXPECT_TRUE(holds(folder / "a/certificate.txt", "\nw0 "));
  ASSERT_EQ(call("run --out " + folder / "b" + small + "--set seed=2").code, 0);
  EXPECT_EQ(call("prove --level A " + folder / "b").code, 0);
  EXPECT_TRUE(holds(folder / "b/certificate.txt", "\npattern "));
  // A proof of another run is no proof of this one.
  std::filesystem::copy_file(folder / "a/proof.json", folder / "b/proof.json",
                             std::filesystem::copy_options::overwrite_existing);
  expect_refusal("check --steps 500 " + folder / "b", "is of another run");
  expect_refusal("report " + folder / "b", "is of another run");
  EXPECT_EQ(call("prove " + folder / "b").code, 0);
  EXPECT_EQ(call("check --steps 500 " + folder / "b").code, 0);
}

TEST(ProveCommand, SaysWhyNothingIsProvedAndKeepsAnEarlierProof) {
  const TemporaryFolder folder;
  const std::string relu = small + "--set network.slope=0 ";
  ASSERT_EQ(call("run --out " + folder / "a" + relu).code, 0);
  const Output early = call("prove --step 20 " + folder / "a");
  EXPECT_EQ(early.code, 3);
  EXPECT_THAT(early.err, AllOf(HasSubstr("not proved"), HasSubstr("prove from a later step")));
  EXPECT_EQ(std::count(early.err.begin(), early.err.end(), '\n'), 1);
  EXPECT_EQ(nlohmann::json::parse(json_of(folder / "a"))["proved"], false);
  EXPECT_FALSE(std::filesystem::exists(folder / "a/certificate.txt"));
  ASSERT_EQ(call("prove " + folder / "a").code, 0);
  const std::string proof = json_of(folder / "a");
  EXPECT_EQ(call("prove --step 20 " + folder / "a").code, 3);
  EXPECT_EQ(json_of(folder / "a"), proof);
  // Runs that the theorems are not about.
  ASSERT_EQ(
      call("run --out " + folder / "flow --set descent.method=flow --set data.n=4 "
                                   "--set data.d=50 --set network.width=3 --set descent.until=1e3")
          .code,
      0);
  const Output flow = call("prove " + folder / "flow");
  EXPECT_EQ(flow.code, 3);
  EXPECT_THAT(flow.err, HasSubstr("gradient flow"));
}

TEST(ProveCommand, RefusesWhatCannotBeMeant) {
  const TemporaryFolder folder;
  ASSERT_EQ(call("run --out " + folder / "a" + small).code, 0);
  expect_refusal("prove --level Z " + folder / "a", "--level");
  expect_refusal("prove --step 3 " + folder / "a", "--step");
  expect_refusal("prove --step half " + folder / "a", "--step");
  expect_refusal("prove --most-steps 1e40 " + folder / "a", "--most-steps");
  expect_refusal("prove " + folder / "nowhere", "nowhere");
  EXPECT_FALSE(std::filesystem::exists(folder / "nowhere"));
  EXPECT_FALSE(std::filesystem::exists(folder / "a/proof.json"));
}

}  // namespace
}  // namespace latetime
