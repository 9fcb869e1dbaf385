#include "latetime/experiment/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"

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
  EXPECT_EQ(parse_steps(config.descent.until, "until"), 1000000u);
  EXPECT_EQ(config.record.at, (std::vector<std::string>{"10", "1000"}));
}

TEST(Config, ItsCompleteTextReadsBackAsTheSame) {
  for (const char* text :
       {"", "[data]\nsource = \"near-orthogonal\"\ninner_product = 1e-3\n",
        "[data]\nsource = \"mnist\"\nn = 0\nclasses = \"0-4 vs 5-9\"\ncenter = true\n",
        "[data]\nsource = \"file\"\nx = \"a \\\"b\\\".npy\"\ny = \"y.npy\"\n",
        "[descent]\nmethod = \"sgd\"\nepochs = 50\nlearning_rate = 1e-300\n"}) {
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
  EXPECT_EQ(config.data.source, "orthogonal");
  EXPECT_EQ(config.seed, 9);
  EXPECT_EQ(parse_steps(config.descent.until, ""), 1000u);
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
    testing::Values(BadConfig{"seed = -1\n", "seed"}, BadConfig{"seed = \"x\"\n", "seed"},
                    BadConfig{"seed = 1.5\n", "seed"}, BadConfig{"[data]\nn = 0\n", "data.n"},
                    BadConfig{"[data]\nd = 0\n", "data.d"},
                    BadConfig{"[data]\nnoise_std = -1\n", "data.noise_std"},
                    BadConfig{"[data]\nnoise_std = nan\n", "data.noise_std"},
                    BadConfig{"[data]\nnoise_std = inf\n", "data.noise_std"},
                    BadConfig{"[data]\nsample_norm = 1.0\n", "data.sample_norm"},
                    BadConfig{"[data]\nsource = \"file\"\n", "data.x"},
                    BadConfig{"[data]\nsource = \"file\"\nx = \"X.npy\"\n", "data.y"},
                    BadConfig{"[data]\nsource = \"file\"\nx = \"X.npy\"\ny = \"y\"\nn = 3\n",
                              "data.n"},
                    BadConfig{"data = 3\n", "data"},
                    BadConfig{"[network]\nslope = 1.01\n", "slope"},
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
                    BadConfig{"[descent]\nuntil = \"1e100\"\n", "descent.until"},
                    BadConfig{"[descent]\nepochs = 5\n", "descent.epochs"},
                    BadConfig{"[descent]\nmethod = \"sgd\"\nepochs = 5\nuntil = 9\n", "epochs"},
                    BadConfig{"[descent]\nmethod = \"sgd\"\nbatch_size = 0\n", "batch_size"},
                    BadConfig{"[record]\nat = \"5\"\n", "record.at"},
                    BadConfig{"[record]\nat = [\"x\"]\n", "record.at"},
                    BadConfig{"[record]\nper_decade = -1\n", "record.per_decade"},
                    BadConfig{"[record\n", "run.toml"}, BadConfig{"seed 1\n", "run.toml"}));

TEST(Config, OverridesMustBeAssignments) {
  EXPECT_THAT(complaint("", {"network.slope"}), HasSubstr("section.key=value"));
  EXPECT_THAT(complaint("", {"=3"}), HasSubstr("section.key=value"));
}

TEST(Config, MissingFileAndFolderAreRefused) {
  EXPECT_THROW(read_config("/nowhere/run.toml"), InputError);
  EXPECT_THROW(read_config("/"), InputError);
}

TEST(ParseSteps, TakesWholeNumbersUpToTwoToThe53) {
  EXPECT_EQ(parse_steps("0", ""), 0u);
  EXPECT_EQ(parse_steps("2.5e3", ""), 2500u);
  EXPECT_EQ(parse_steps("9007199254740992", ""), 9007199254740992u);
  for (const char* text : {"", "nan", "inf", "0x10", "1e16", "3.5", "-1", "1e", "5 steps"}) {
    EXPECT_THROW(parse_steps(text, "key"), InputError) << text;
  }
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
