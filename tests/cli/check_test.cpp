// `latetime check` as a user meets it.

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/program.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr const char* small_run =
    " --set data.source=orthogonal --set data.n=4 --set data.d=300 --set network.width=60"
    " --set network.slope=0.2 --set descent.engine=flow --set descent.until=1e30 ";

std::string configuration(const TemporaryFolder& folder, const std::string& rest = "") {
  const std::string path = folder / "run.toml";
  std::ofstream(path) << "[data]\nsource = \"orthogonal\"\nn = 4\nd = 300\n[network]\nwidth = 60\n"
                         "slope = 0.2\n[descent]\nengine = \"flow\"\nuntil = \"1e30\"\n"
                      << rest;
  return path;
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

/// The first line names the configuration, however long its name is.
std::string after_first_line(const std::string& text) {
  return text.substr(text.find('\n') + 1);
}

std::map<std::string, nlohmann::json> by_id(const nlohmann::json& report) {
  std::map<std::string, nlohmann::json> claims;
  for (const auto& claim : report.at("claims")) claims[claim.at("id")] = claim;
  return claims;
}

TEST(CheckCommand, ChecksAFolderAndKeepsTheClaimsThere) {
  const TemporaryFolder folder;
  ASSERT_EQ(call("run -q --out " + folder / "a" + small_run).code, 0);
  const std::string result = bytes_of(folder / "a/result.h5");
  const Output json = call("check --steps 500 --json " + folder / "a");
  ASSERT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(json.out, bytes_of(folder / "a/claims.json"));
  EXPECT_EQ(bytes_of(folder / "a/result.h5"), result);
  const auto report = nlohmann::json::parse(json.out);
  EXPECT_EQ(report["format"], "latetime-claims");
  EXPECT_EQ(report["version"], 1);
  EXPECT_EQ(report["run"]["m"], 60);
  const auto claims = by_id(report);
  EXPECT_EQ(claims.size(), 33u);
  const auto& balance = claims.at("5.4");
  for (const char* key : {"name", "place", "hypotheses", "conclusion", "measured", "constant",
                          "criterion", "verdict", "where", "reason", "conclusion_seen"}) {
    EXPECT_TRUE(balance.contains(key)) << key;
  }
  EXPECT_EQ(balance["verdict"], "Holds");
  EXPECT_NEAR(balance["constant"], 5.0, 0.5);  // the other class grows slope times as fast: 1/slope
  EXPECT_EQ(balance["hypotheses"][2]["largest_constant"], "infinity");  // p = 0
  EXPECT_EQ(claims.at("5.2")["verdict"], "Holds");
  EXPECT_EQ(claims.at("4.1.2")["verdict"], "Holds");
  EXPECT_EQ(claims.at("5.5")["applies"], false);
  EXPECT_THAT(report["looked_at"]["notes"][0], HasSubstr("taken again in memory"));
}

TEST(CheckCommand, SaysTheSameOfAFolderAndOfItsConfiguration) {
  const TemporaryFolder folder;
  const std::string config = configuration(folder);
  ASSERT_EQ(call("run -q " + config + " --out " + folder / "a").code, 0);
  const auto stored =
      by_id(nlohmann::json::parse(call("check --steps 500 --json " + folder / "a").out));
  const auto memory = by_id(nlohmann::json::parse(call("check --steps 500 --json " + config).out));
  ASSERT_EQ(stored.size(), memory.size());
  for (const auto& [id, claim] : stored) {
    EXPECT_EQ(claim["verdict"], memory.at(id)["verdict"]) << id << claim["reason"];
  }
}

TEST(CheckCommand, OfASparselyRecordedRunIsThatOfADenseOne) {
  const TemporaryFolder folder;
  const std::string run =
      " --set data.source=orthogonal --set data.n=6 --set data.d=200"
      " --set network.width=40 --set network.slope=0.1"
      " --set descent.until=1e60 --set record.per_decade=";
  std::map<std::string, nlohmann::json> claims[2];
  for (int k : {0, 1}) {
    const std::string out = folder / (k ? "dense" : "sparse");
    ASSERT_EQ(call("run -q --out " + out + run + (k ? "10" : "0")).code, 0);
    claims[k] = by_id(nlohmann::json::parse(call("check --steps 2000 --json " + out).out));
  }
  for (const char* id : {"5.1", "5.6", "7.2"}) {
    EXPECT_EQ(claims[0].at(id)["conclusion_seen"], "holds") << id << claims[0].at(id)["reason"];
  }
  EXPECT_EQ(claims[0].at("5.6")["constant"], claims[1].at("5.6")["constant"]);
}

TEST(CheckCommand, PrintsATableAndExpandsARow) {
  const TemporaryFolder folder;
  const std::string config = configuration(folder);
  const Output table = call("check --steps 500 " + config);
  EXPECT_EQ(table.code, 0);
  expect_refusal("check --suite --claim 5.4", "--suite");
  expect_refusal("check " + folder / "nowhere", "folder of a run or a configuration");
  EXPECT_THAT(table.out,
              AllOf(HasSubstr("5.4     automatic balance"), HasSubstr("Holds"),
                    HasSubstr("for another activation function"), Not(HasSubstr("Fails  "))));
  EXPECT_LE(longest_line(after_first_line(table.out)), 80u);
  const Output row = call("check --steps 500 " + config + " --claim B.1 --claim 4.1");
  EXPECT_EQ(row.code, 0);
  EXPECT_THAT(row.out,
              AllOf(HasSubstr("(Lemma 5.4 = B.1)"), HasSubstr("4.1.3"), HasSubstr("largest C: any"),
                    HasSubstr("sample"), HasSubstr("step 1"), Not(HasSubstr("5.6"))));
  EXPECT_LE(longest_line(after_first_line(row.out)), 80u);
}

TEST(CheckCommand, ARunWithoutLateTimeIsUndecided) {
  const TemporaryFolder folder;
  const std::string config = configuration(folder);
  const auto claims = by_id(nlohmann::json::parse(
      call("check --json " + config + " --set descent.engine=auto --set descent.until=500").out));
  for (const char* id : {"4.1.1", "4.1.2", "4.1.3", "5.4", "5.6", "5.7", "7.1", "7.2"}) {
    EXPECT_EQ(claims.at(id)["verdict"], "Undecided") << id;
    EXPECT_NE(claims.at(id)["reason"], "") << id;
  }
  EXPECT_EQ(claims.at("5.2")["verdict"], "Holds");
}

TEST(CheckCommand, MiniBatchesMeetNoHypothesis) {
  const TemporaryFolder folder;
  ASSERT_EQ(call("run -q --out " + folder / "a" +
                 " --set data.n=6 --set data.d=20 --set network.width=5 --set descent.method=sgd"
                 " --set descent.batch_size=2 --set descent.until=300")
                .code,
            0);
  const auto report = nlohmann::json::parse(call("check --steps 500 --json " + folder / "a").out);
  EXPECT_THAT(report["looked_at"]["steps_problem"], HasSubstr("mini-batches"));
  EXPECT_EQ(by_id(report).at("5.2")["verdict"], "HypothesisUnmet");
}

/// A run whose batches hold all samples, as those of Figure 1 do.
std::string full_batch_sgd(const TemporaryFolder& folder) {
  const std::string run = folder / "full";
  EXPECT_EQ(call("run -q --out " + run +
                 " --set data.n=6 --set data.d=60 --set network.width=5 --set descent.method=sgd"
                 " --set descent.batch_size=6 --set descent.until=300")
                .code,
            0);
  return run;
}

TEST(CheckCommand, BatchesOfAllSamplesAreFullBatchSteps) {
  const TemporaryFolder folder;
  const std::string run = full_batch_sgd(folder);
  for (const std::string& target : {run, run + "/config.toml"}) {
    const auto report = nlohmann::json::parse(call("check --json " + target).out);
    EXPECT_EQ(report["looked_at"]["steps_problem"], "") << target;
    EXPECT_EQ(report["looked_at"]["steps"], 300) << target;
    EXPECT_EQ(by_id(report).at("5.2")["verdict"], "Holds") << target;
    EXPECT_THAT(report["looked_at"]["notes"].dump(), HasSubstr("hold all 6 samples")) << target;
  }
  const Output limit = call("limit --json " + run);
  EXPECT_THAT(nlohmann::json::parse(limit.out)["caution"], Not(HasSubstr("mini-batches")));
}

TEST(CheckCommand, TheWayToLateTimeThatItNamesLeadsThere) {
  const TemporaryFolder folder;
  const auto problem = [](const std::string& run) {
    return nlohmann::json::parse(
               call("check --json --steps 10 " + run).out)["looked_at"]["limit_problem"]
        .get<std::string>();
  };
  const auto is_late = [](const std::string& run) {
    return nlohmann::json::parse(call("check --json --steps 10 " + run).out)["looked_at"]["late"] ==
           true;
  };
  // Batches: a copy of the configuration, changed as the message says.
  const std::string sgd = full_batch_sgd(folder);
  EXPECT_THAT(problem(sgd), AllOf(HasSubstr("copy of config.toml"), HasSubstr("method = \"gd\""),
                                  HasSubstr("until = \"1e100\""), Not(HasSubstr("--resume"))));
  const std::string copy = folder / "copy.toml";
  std::ofstream edited(copy);
  std::istringstream lines(bytes_of(sgd + "/config.toml"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("epochs") || line.starts_with("batch_size")) continue;
    if (line.starts_with("method")) line = "method = \"gd\"";
    if (line.starts_with("until")) line = "until = \"1e100\"";
    edited << line << "\n";
  }
  edited.close();
  ASSERT_EQ(call("run -q " + copy + " --out " + folder / "anew").code, 0);
  EXPECT_TRUE(is_late(folder / "anew"));
  // A run that looked for a hand-over can go on.
  const std::string size = " --set data.n=6 --set data.d=60 --set network.width=5 ";
  const std::string looks = "run -q" + size + "--set descent.engine=flow --out " + folder / "looks";
  ASSERT_EQ(call(looks + " --set descent.until=3").code, 0);
  EXPECT_THAT(problem(folder / "looks"), HasSubstr("--resume --set descent.until=1e100"));
  ASSERT_EQ(call(looks + " --resume --set descent.until=1e100").code, 0);
  EXPECT_TRUE(is_late(folder / "looks"));
  // Others cannot.
  ASSERT_EQ(call("run -q" + size + "--set descent.until=300 --out " + folder / "gd").code, 0);
  EXPECT_THAT(problem(folder / "gd"),
              AllOf(HasSubstr("copy of config.toml"), HasSubstr("until = \"1e100\""),
                    Not(HasSubstr("--resume"))));
  ASSERT_EQ(call("run -q " + folder / "gd/config.toml --set descent.until=1e100 --out " +
                 folder / "gd_anew")
                .code,
            0);
  EXPECT_TRUE(is_late(folder / "gd_anew"));
  const std::string dense = size + "--set descent.engine=dense --set descent.until=300";
  ASSERT_EQ(call("run -q" + dense + " --out " + folder / "dense").code, 0);
  EXPECT_THAT(problem(folder / "dense"),
              AllOf(HasSubstr("engine = \"auto\""), Not(HasSubstr("--resume"))));
}

TEST(CheckCommand, RefusesWhatItCannotCheck) {
  const TemporaryFolder folder;
  const std::string config = configuration(folder);
  expect_refusal("check", "name the folder");
  expect_refusal("check " + folder / "none.toml", "none.toml");
  std::filesystem::create_directory(folder / "empty");
  expect_refusal("check " + folder / "empty", "holds no run");
  expect_refusal("check --suite " + config, "--suite");
  expect_refusal(
      "check " + config + " --claim 9.9 --set descent.until=200 --set descent.engine=auto", "9.9");
}

TEST(CheckCommand, SuiteIsAsExpectedSlow) {
  const Output output = call("check --suite --json");
  EXPECT_EQ(output.code, 0) << output.err;
  const auto suite = nlohmann::json::parse(output.out);
  EXPECT_GE(suite["cases"].size(), 10u);
  for (const auto& one : suite["cases"]) {
    EXPECT_EQ(one["as_expected"], true) << one["name"] << one["unexpected"];
  }
}

TEST(CheckCommand, RefusesImpossibleThresholdsInWords) {
  const std::pair<const char*, const char*> refusals[] = {
      {"--delta 0", "delta: 0 is not possible; it must be at least 1e-12 and at most 0.999"},
      {"--delta 1e-13", "delta: 1e-13 is not possible"},
      {"--delta nan", "delta: nan is not possible"},
      {"--large -1", "large: -1 is not possible; it must be greater than 0 and finite"},
      {"--large nan", "large: nan is not possible"},
      {"--large inf", "large: inf is not possible"},
      {"--moderate nan", "moderate: nan is not possible"},
      {"--moderate 0.5", "moderate: 0.5 is not possible; it must be at least 1 and at most 1e12"}};
  const TemporaryFolder folder;
  const std::string config = folder.write("a.toml", "[descent]\nuntil = 10\n");
  ASSERT_EQ(call("run -q " + config + " --out " + folder / "run").code, 0);
  for (const auto& [option, refusal] : refusals) {
    for (const std::string& target : {config, folder / "run", std::string("--suite")}) {
      expect_refusal("check " + target + " " + option, refusal);
    }
  }
  EXPECT_EQ(call("check " + config + " --delta 1e-12 --large 1e-300").code, 0);
}

}  // namespace
}  // namespace latetime
