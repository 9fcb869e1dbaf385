#include "latetime/experiment/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/base/log_time.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// Message of the error that this configuration text gives; empty when it is accepted.
std::string complaint(const std::string& text, std::vector<std::string> overrides = {}) {
  try {
    parse_config(text, "run.toml", "/data", overrides);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

TEST(Config, AnEmptyFileMeansTheDefaults) {
  const RunConfig config = parse_config("", "run.toml", "/data");
  EXPECT_EQ(config.data.n, 10);
  EXPECT_EQ(config.network.width, 100);
  EXPECT_EQ(first_difference(config, RunConfig{}), "");
}

TEST(Config, DeepKeysAreRefusedWhereverTheyStand) {
  std::string dots, tables, brackets;
  for (int i = 0; i < 5000; ++i) {
    dots += "a.";
    tables += "{a = ";
    brackets += "[";
  }
  const std::string key = dots + "b",
                    texts[] = {"seed = 2\n" + key + " = 1\n", "seed = 2\n[" + key + "]\n",
                               "seed = 2\ndata = {" + key + " = 1}\n",
                               "seed = 2\ndata = " + tables + "\n",
                               "seed = 2\n[data]\nx = " + brackets + "\n"};
  for (const std::string& text : texts) {
    const std::string line = complaint(text);
    EXPECT_THAT(line, AllOf(HasSubstr("run.toml:"), Not(HasSubstr("\n")))) << text.substr(0, 40);
    EXPECT_LT(line.size(), 400u) << text.substr(0, 40);
  }
  for (const std::string& override :
       {key + "=1", "data.x={" + key + " = 1}", "data.x=" + tables, "data.x=" + brackets}) {
    const std::string line = complaint("", {override});
    EXPECT_THAT(line, AllOf(Not(""), Not(HasSubstr("\n")))) << override.substr(0, 40);
    EXPECT_LT(line.size(), 400u) << override.substr(0, 40);
  }
  EXPECT_THAT(complaint("a.b.c = 1\n"), HasSubstr("unknown"));
  EXPECT_THAT(complaint("data.n.m = 1\n"), HasSubstr("data.n"));
  EXPECT_EQ(complaint("data.n = 4\ndescent.until = \"1e5\"\n"), "");
}

TEST(Config, ReadsEveryKindOfValue) {
  const RunConfig config = parse_config(
      "seed = 7\n[data]\nsource = \"file\"\nx = \"X.npy\"\ny = \"/abs/y.csv\"\n"
      "[network]\nslope = 1\nwidth = 1e2\n[descent]\nuntil = 1e6\n[record]\nat = [\"10\", 1000]\n",
      "run.toml", "/data");
  EXPECT_EQ(config.seed, 7);
  EXPECT_EQ(config.data.x, "/data/X.npy");  // beside the configuration file
  EXPECT_EQ(config.data.y, "/abs/y.csv");
  EXPECT_EQ(config.network.slope, 1.0);
  EXPECT_EQ(config.network.width, 100);
  EXPECT_EQ(LogTime::parse(config.descent.until, "until"), 1000000);
  EXPECT_EQ(config.record.at, (std::vector<std::string>{"10", "1000"}));
}

TEST(Config, ItsCompleteTextReadsBackAsTheSame) {
  for (const char* text :
       {"", "[data]\nsource = \"near-orthogonal\"\ninner_product = 1e-3\n",
        "[data]\nsource = \"mnist\"\nn = 0\nclasses = \"0-4 vs 5-9\"\ncenter = true\n",
        "[data]\nsource = \"file\"\nx = \"a \\\"b\\\".npy\"\ny = \"y.npy\"\n",
        "[descent]\nmethod = \"sgd\"\nepochs = 50\nlearning_rate = 1e-300\n",
        "[descent]\nuntil = \"1e100000\"\ntolerance = 1e-5\nengine = \"flow\"\n",
        "[descent]\nuntil = 1e100\nmethod = \"flow\"\n[record]\nat = [\"1e50\", \"3.2e57\", "
        "1e200]\n",
        "[descent]\nuntil = \"9007199254740993\"\n", "[descent]\nengine = \"frozen\"\n"}) {
    const RunConfig config = parse_config(text, "run.toml", "/data");
    const std::string complete = to_toml(config);
    const RunConfig again = parse_config(complete, "complete", "/elsewhere");
    EXPECT_EQ(first_difference(config, again), "") << complete;
    EXPECT_EQ(to_toml(again), complete);
  }
}

TEST(Config, OverridesWin) {
  const std::vector<std::string> overrides{"network.slope=0.5", "data.source=orthogonal",
                                           "descent.until=1e3", "seed=9"};
  const RunConfig config = parse_config("[network]\nslope = 0\n", "run.toml", "/data", overrides);
  EXPECT_EQ(config.network.slope, 0.5);
  EXPECT_EQ(config.data.source, DataSource::orthogonal);
  EXPECT_EQ(config.seed, 9);
  EXPECT_EQ(LogTime::parse(config.descent.until, ""), 1000);
}

TEST(Config, NamesTheNearestKnownKey) {
  EXPECT_THAT(complaint("[descent]\nlearning_rat = 1\n"),
              AllOf(HasSubstr("run.toml"), HasSubstr("descent.learning_rat"),
                    HasSubstr("did you mean descent.learning_rate?")));
  EXPECT_THAT(complaint("[descent]\nslope = 1\n"), HasSubstr("did you mean network.slope?"));
  EXPECT_THAT(complaint("[desent]\nuntil = 1\n"), HasSubstr("did you mean [descent]?"));
  EXPECT_THAT(complaint("sed = 1\n"), HasSubstr("did you mean seed?"));
  EXPECT_THAT(complaint("", {"network.wdth=3"}), HasSubstr("did you mean network.width?"));
  EXPECT_THAT(complaint("[data]\nsource = \"gausian-mixture\"\n"),
              HasSubstr("did you mean \"gaussian-mixture\"?"));
}

struct BadConfig {
  const char* text;
  const char* key;
};

class RefusedConfig : public testing::TestWithParam<BadConfig> {};

TEST_P(RefusedConfig, GetsOneLineThatNamesFileAndKey) {
  const std::string line = complaint(GetParam().text);
  EXPECT_THAT(line, AllOf(HasSubstr("run.toml"), HasSubstr(GetParam().key)));
  EXPECT_THAT(line, Not(HasSubstr("\n")));
}

INSTANTIATE_TEST_SUITE_P(
    All, RefusedConfig,
    testing::Values(
        BadConfig{"seed = -1\n", "seed"}, BadConfig{"seed = \"x\"\n", "seed"},
        BadConfig{"seed = 1.5\n", "seed"}, BadConfig{"[data]\nn = 0\n", "data.n"},
        BadConfig{"[data]\nd = 0\n", "data.d"},
        BadConfig{"[data]\nnoise_std = -1\n", "data.noise_std"},
        BadConfig{"[data]\nnoise_std = nan\n", "data.noise_std"},
        BadConfig{"[data]\nnoise_std = inf\n", "data.noise_std"},
        BadConfig{"[data]\nsample_norm = 1.0\n", "data.sample_norm"},
        BadConfig{"[data]\nsource = \"file\"\n", "data.x"},
        BadConfig{"[data]\nsource = \"file\"\nx = \"X.npy\"\n", "data.y"},
        BadConfig{"[data]\nsource = \"file\"\nx = \"X.npy\"\ny = \"y\"\nn = 3\n", "data.n"},
        BadConfig{"[data]\ntest_n = -1\n", "data.test_n"},
        BadConfig{"[data]\ntest_n = 0.5\n", "data.test_n"},
        BadConfig{"[data]\nsource = \"orthogonal\"\ntest_n = 5\n", "data.test_n"},
        BadConfig{"[data]\nsource = \"mnist\"\nsplit = \"test\"\ntest_n = 5\n", "data.test_n"},
        BadConfig{"[data]\nlabel_noise = 0.5\n", "and below 0.5"},
        BadConfig{"[data]\nlabel_noise = -0.1\n", "data.label_noise"},
        BadConfig{"[data]\nlabel_noise = nan\n", "data.label_noise"},
        BadConfig{"[data]\npopulation_draws = 10\n", "data.population_draws"},
        BadConfig{"[data]\ntest_x = \"T.npy\"\n", "data.test_x"},
        BadConfig{"[data]\nsource = \"file\"\nx = \"X.npy\"\ny = \"y.npy\"\n"
                  "test_x = \"T.npy\"\n",
                  "data.test_y"},
        BadConfig{"[data]\nsource = \"file\"\nx = \"X.npy\"\ny = \"y.npy\"\n"
                  "test_y = \"T.npy\"\n",
                  "data.test_x"},
        BadConfig{"data = 3\n", "data"}, BadConfig{"[network]\nslope = 1.01\n", "slope"},
        BadConfig{"[network]\nslope = -0.1\n", "network.slope"},
        BadConfig{"[network]\nwidth = 0\n", "network.width"},
        BadConfig{"[network]\nwidth = true\n", "network.width"},
        BadConfig{"[network]\ninit_std = -1e-3\n", "network.init_std"},
        BadConfig{"[descent]\nlearning_rate = 0\n", "descent.learning_rate"},
        BadConfig{"[descent]\nmethod = \"adam\"\n", "descent.method"},
        BadConfig{"[descent]\nengine = \"fast\"\n", "descent.engine"},
        BadConfig{"[descent]\nuntil = \"soon\"\n", "descent.until"},
        BadConfig{"[descent]\nuntil = -5\n", "descent.until"},
        BadConfig{"[descent]\nuntil = \"1.5\"\n", "descent.until"},
        BadConfig{"[descent]\nuntil = \"1e1000000001\"\n", "descent.until"},
        BadConfig{"[descent]\nuntil = inf\n", "descent.until"},
        BadConfig{"[descent]\nuntil = 1e400\n", "in quotes"},
        BadConfig{"[descent]\nuntil = 1\ntolerance = 0\n", "descent.tolerance"},
        BadConfig{"[descent]\ntolerance = 0.2\n", "descent.tolerance"},
        BadConfig{"[descent]\nmethod = \"sgd\"\ntolerance = 0.01\n", "tolerance"},
        BadConfig{"[descent]\nepochs = 5\n", "descent.epochs"},
        BadConfig{"[descent]\nmethod = \"sgd\"\nepochs = 5\nuntil = 9\n", "epochs"},
        BadConfig{"[descent]\nmethod = \"sgd\"\nbatch_size = 0\n", "batch_size"},
        BadConfig{"[record]\nat = \"5\"\n", "record.at"},
        BadConfig{"[record]\nat = [\"x\"]\n", "record.at"},
        BadConfig{"[record]\nat = [\"1e3\", \"2.5\"]\n", "record.at"},
        BadConfig{"[record]\nper_decade = -1\n", "record.per_decade"},
        BadConfig{"[record\n", "run.toml"}, BadConfig{"seed 1\n", "run.toml"}));

TEST(Config, PathsOfWindowsAreExplained) {
  for (const char* path : {R"(C:\Users\me\X.npy)", R"(C:\data\X.npy)", R"(D:\xyz.npy)",
                           R"(C:\new\table.npy)", R"(C:\temp\X.npy)"}) {
    const std::string quoted = std::string("[data]\nsource = \"file\"\ny = \"y.npy\"\nx = \"");
    EXPECT_THAT(complaint(quoted + path + "\"\n"),
                AllOf(HasSubstr("run.toml"), HasSubstr("in single quotes"), HasSubstr("or with /"),
                      Not(HasSubstr("\n"))))
        << path;
    const std::string single = "[data]\nsource = \"file\"\ny = \"y.npy\"\nx = '";
    EXPECT_EQ(complaint(single + path + "'\n"), "") << path;
  }
}

TEST(Config, FilesNameTheirLabelsAndMayLeaveTheirDimensionOut) {
  const std::string file = "[data]\nsource = \"file\"\n";
  EXPECT_EQ(parse_config(file + "x = \"a9a\"\n", "run.toml", "/data").data.d, 0);
  EXPECT_EQ(parse_config(file + "x = \"a9a\"\nd = 123\n", "run.toml", "/data").data.d, 123);
  const RunConfig config = parse_config(file + "x = \"X.csv\"\nlabel_column = 1\npositive = true\n",
                                        "run.toml", "/data");
  EXPECT_EQ(config.data.label_column, "1");
  EXPECT_EQ(config.data.positive, "true");
  EXPECT_EQ(first_difference(config, parse_config(to_toml(config), "again", "/data")), "");
  EXPECT_THAT(complaint(file + "x = \"X.csv\"\ntranspose = true\n"), HasSubstr("data.transpose"));
  EXPECT_THAT(complaint("[data]\npositive = \"1\"\n"), HasSubstr("data.positive"));
}

TEST(Config, OverridesMustBeAssignments) {
  EXPECT_THAT(complaint("", {"network.slope"}), HasSubstr("section.key=value"));
  EXPECT_THAT(complaint("", {"=3"}), HasSubstr("section.key=value"));
}

TEST(Config, MissingFileAndFolderAreRefused) {
  EXPECT_THROW(read_config("/nowhere/run.toml"), InputError);
  EXPECT_THROW(read_config("/"), InputError);
}

struct Combination {
  const char* method;
  const char* engine;
  const char* until;
  const char* key;   // empty: accepted
  const char* mend;  // part of the message
};

class DescentCombination : public testing::TestWithParam<Combination> {};

TEST_P(DescentCombination, IsAcceptedOrRefusedInOneLine) {
  const auto& [method, engine, until, key, mend] = GetParam();
  const std::string line = complaint(
      "", {std::string("descent.method=") + method, std::string("descent.engine=") + engine,
           std::string("descent.until=") + until});
  if (*key == '\0') {
    EXPECT_EQ(line, "");
  } else {
    EXPECT_THAT(line, AllOf(HasSubstr(key), HasSubstr(mend), Not(HasSubstr("\n"))));
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, DescentCombination,
    testing::Values(
        Combination{"gd", "auto", "1e100000", "", ""},
        Combination{"gd", "flow", "1e100000", "", ""}, Combination{"gd", "frozen", "1e15", "", ""},
        Combination{"gd", "dense", "9007199254740992", "", ""},
        Combination{"flow", "auto", "1e100", "", ""}, Combination{"flow", "flow", "1e3", "", ""},
        Combination{"sgd", "auto", "1e15", "", ""}, Combination{"sgd", "dense", "10", "", ""},
        Combination{"gd", "dense", "1e16", "descent.until", "engine = \"auto\""},
        Combination{"gd", "coefficient", "9007199254740993", "descent.until", "engine = \"auto\""},
        Combination{"gd", "frozen", "1e100000", "descent.until", "\"frozen\""},
        Combination{"sgd", "auto", "1e100", "descent.until", "a smaller one"},
        Combination{"sgd", "dense", "1e100", "descent.until", "a smaller one"},
        Combination{"sgd", "coefficient", "10", "descent.engine", "engine = \"dense\""},
        Combination{"sgd", "frozen", "10", "descent.engine", "engine = \"dense\""},
        Combination{"sgd", "flow", "10", "descent.engine", "engine = \"dense\""},
        Combination{"flow", "dense", "10", "descent.engine", "engine = \"flow\""},
        Combination{"flow", "coefficient", "10", "descent.engine", "engine = \"flow\""},
        Combination{"flow", "frozen", "10", "descent.engine", "engine = \"flow\""}));

TEST(Config, SmoothedActivationsAreFollowedByStepsOfTheDenseEngine) {
  const auto smoothed = [](std::vector<std::string> settings) {
    settings.insert(settings.begin(), "network.smoothing=0.5");
    return complaint("", settings);
  };
  EXPECT_EQ(smoothed({}), "");
  EXPECT_EQ(smoothed({"descent.engine=dense", "descent.until=1e15"}), "");
  EXPECT_EQ(smoothed({"descent.method=sgd"}), "");
  EXPECT_THAT(smoothed({"descent.method=flow"}),
              AllOf(HasSubstr("descent.method"), HasSubstr("use \"gd\"")));
  for (const char* engine : {"coefficient", "frozen", "flow"}) {
    EXPECT_THAT(smoothed({std::string("descent.engine=") + engine}),
                AllOf(HasSubstr("descent.engine"), HasSubstr("engine = \"dense\"")));
  }
  EXPECT_THAT(smoothed({"descent.until=1e16"}),
              AllOf(HasSubstr("descent.until"), HasSubstr("choose a smaller one")));
  EXPECT_THAT(complaint("", {"network.smoothing=-1"}), HasSubstr("network.smoothing"));
}

TEST(Config, TimesOfAnySizeAreKeptAsWritten) {
  const RunConfig config = parse_config("[descent]\nuntil = \"1e100000\"\n", "run.toml", "/data");
  EXPECT_EQ(config.descent.until, "1e100000");
  EXPECT_EQ(config.descent.tolerance, 1e-8);
  EXPECT_THAT(to_toml(config), HasSubstr("until = \"1e100000\""));
  // On the command line quotes would be in the way.
  const RunConfig set =
      parse_config("", "run.toml", "/data", std::vector<std::string>{"descent.until=1e100000"});
  EXPECT_EQ(set.descent.until, "1e100000");
}

TEST(FirstDifference, NamesTheToleranceButNotTheLength) {
  RunConfig a, b;
  b.descent.until = "1e100";
  EXPECT_EQ(first_difference(a, b), "");
  b.descent.tolerance = 1e-6;
  EXPECT_EQ(first_difference(a, b), "descent.tolerance");
}

TEST(DescribeFields, NamesEveryKeyOnce) {
  std::vector<std::string> names;
  for (const auto& field : describe_fields()) names.push_back(field.section + "." + field.key);
  EXPECT_GT(names.size(), 25u);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

}  // namespace
}  // namespace latetime
