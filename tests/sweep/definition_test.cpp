#include "latetime/sweep/definition.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/sweep/plan.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

SweepPlan plan_of(const std::string& text) {
  return SweepPlan(parse_sweep(text, "map.toml", "/data"));
}

/// Message of the error that this text gives; empty when it is accepted.
std::string complaint(const std::string& text) {
  try {
    plan_of(text);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

std::vector<std::string> values_of(const std::string& axis) {
  return parse_sweep("[axes]\n" + axis, "map.toml", ".").axes.at(0).values;
}

TEST(SweepDefinition, AxesAreListsAndRanges) {
  EXPECT_THAT(values_of("data.n = [10, 1e3]"), ElementsAre("10", "1000"));
  EXPECT_THAT(values_of("seed = {from = 1, to = 5, step = 2}"), ElementsAre("1", "3", "5"));
  EXPECT_THAT(values_of("network.slope = {from = 0, to = 0.3, step = 0.1}"),
              ElementsAre("0.0", "0.1", "0.2", "0.3"));
  EXPECT_THAT(values_of("network.slope = {from = 1, to = 0, count = 3}"),
              ElementsAre("1.0", "0.5", "0.0"));
  EXPECT_THAT(values_of("network.init_std = {from = 1e-3, to = 1, count = 4, log = true}"),
              ElementsAre("0.001", "0.01", "0.1", "1.0"));
  EXPECT_THAT(values_of("descent.until = {from = 10, to = \"1e100\", count = 2, log = true}"),
              ElementsAre("10.0", "1e+100"));
  EXPECT_THAT(values_of("data.source = [\"orthogonal\"]"), ElementsAre("\"orthogonal\""));
}

TEST(SweepDefinition, WholeNumbersAlongTheLogarithmCountOnce) {
  EXPECT_THAT(values_of("data.n = {from = 1, to = 10, count = 6, log = true}"),
              ElementsAre("1", "2", "3", "4", "6", "10"));
  EXPECT_THAT(values_of("data.n = {from = 1, to = 3, count = 6, log = true}"),
              ElementsAre("1", "2", "3"));
}

TEST(SweepDefinition, AxesCrossInTheOrderOfTheFileTheLastFastest) {
  const SweepPlan plan = plan_of("[axes]\nnetwork.width = [3, 4]\nseed = [7, 8, 9]\n");
  ASSERT_EQ(plan.size(), 6u);
  EXPECT_THAT(plan.point(0).assignments, ElementsAre("network.width=3", "seed=7"));
  EXPECT_THAT(plan.point(1).assignments, ElementsAre("network.width=3", "seed=8"));
  EXPECT_THAT(plan.point(5).assignments, ElementsAre("network.width=4", "seed=9"));
  EXPECT_EQ(plan.config(plan.point(5)).network.width, 4);
  EXPECT_EQ(plan.config(plan.point(5)).seed, 9);
}

TEST(SweepDefinition, ZippedAxesGoTogether) {
  const SweepPlan plan = plan_of(
      "zip = [\"data.n\", \"data.d\"]\n[axes]\ndata.n = [5, 6]\nseed = [1, 2]\ndata.d = [50, "
      "60]\n");
  ASSERT_EQ(plan.size(), 4u);
  EXPECT_THAT(plan.definition().sizes, ElementsAre(2u, 2u));
  EXPECT_THAT(plan.point(3).assignments, ElementsAre("data.n=6", "seed=2", "data.d=60"));
}

TEST(SweepDefinition, DerivedKeysFollowOthersAndFiltersLeavePointsOut) {
  const SweepPlan plan = plan_of(
      "filter = \"d > 30 && !(slope == 1)\"\n[base]\nnetwork.width = 3\n[axes]\n"
      "data.n = [5, 6, 10]\nnetwork.slope = [0, 1]\n"
      "[derived]\ndata.d = \"4 * n + 2 * data.n\"\nrecord.every = \"data.d + width\"\n");
  EXPECT_EQ(plan.grid_size(), 6u);
  ASSERT_EQ(plan.size(), 2u);
  EXPECT_EQ(plan.point(1).cell, 4u);
  const RunConfig config = plan.config(plan.point(0));
  EXPECT_EQ(config.data.d, 36);
  EXPECT_EQ(config.record.every, 39);
  EXPECT_THAT(plan.derived_values(plan.point(0)), ElementsAre("36", "39"));
}

TEST(SweepDefinition, ADerivedKeyWithoutAValueIsAProblemOfItsPointAlone) {
  const SweepPlan plan = plan_of("[axes]\ndata.n = [4, 5, 6]\n[derived]\ndata.d = \"n / 2\"\n");
  EXPECT_EQ(plan.point(0).problem, "");
  EXPECT_THAT(plan.point(1).problem, HasSubstr("is 2.5 at point 1, and the key takes whole"));
  EXPECT_THROW(plan.config(plan.point(1)), InputError);
}

TEST(SweepDefinition, ItsOwnTextReadsBackToTheSamePoints) {
  const TemporaryFolder folder;
  folder.write("run.toml", "data.source = \"file\"\ndata.x = \"X.npy\"\ndata.y = \"y.npy\"\n");
  const SweepDefinition first = parse_sweep(
      "base = \"run.toml\"\nzip = [\"seed\", \"network.slope\"]\nkeep_runs = true\n"
      "filter = [\"seed < 9\", \"slope > 0 || seed == 1\"]\n"
      "quantities = [\"log_loss\", \"claim_5.4\"]\narrays = [\"curve_norm_w\"]\n"
      "[axes]\nseed = [1, 2]\nnetwork.width = [3, 4]\nnetwork.slope = [0.5, 0.25]\n"
      "[derived]\nrecord.every = \"10 * width\"\n",
      "map.toml", folder.path());
  const SweepDefinition second = parse_sweep(to_toml(first), "sweep.toml", "/elsewhere");
  EXPECT_EQ(to_toml(second), to_toml(first));
  EXPECT_THAT(second.wanted.claims, ElementsAre("claim_5_4"));
  EXPECT_THAT(second.wanted.arrays, ElementsAre("curve_log10_t", "curve_norm_w"));
  const SweepPlan plan(parse_sweep(to_toml(first), "sweep.toml", "."));
  const RunConfig config = plan.config(plan.point(2));
  EXPECT_EQ(config.data.x, folder / "X.npy");
  EXPECT_EQ(config.network.slope, 0.25);
  EXPECT_EQ(config.record.every, 30);
}

TEST(SweepDefinition, KeysAndMendsAreNamed) {
  const std::string n = "[axes]\ndata.n = [10]\n";
  EXPECT_THAT(complaint(""), StartsWith("map.toml: axes: are missing; name"));
  EXPECT_THAT(complaint("[axes]\n"), StartsWith("map.toml:1: axes: is empty; name"));
  EXPECT_THAT(complaint("[axes]\ndata.nn = [1]"),
              StartsWith("map.toml:2: axes.data.nn: unknown key; did you mean data.n?"));
  EXPECT_THAT(complaint("[axes]\nn = [1]"), HasSubstr("did you mean data.n?"));
  EXPECT_THAT(complaint("[axes]\ndata.n = []"), HasSubstr("axes.data.n: is empty; list values"));
  EXPECT_THAT(complaint("[axes]\ndata.n = 3"), HasSubstr("is one value; put it into [base]"));
  EXPECT_THAT(complaint("[axes]\ndata.n = [10, 10.0]"), HasSubstr("holds 10 twice; leave one out"));
  EXPECT_THAT(complaint("[axes]\ndata.n = [10]\n\"data.n\" = [11]"),
              HasSubstr("axes.data.n: stands there twice"));
  EXPECT_THAT(complaint("axis = 3\n" + n), HasSubstr("axis: unknown key; did you mean axes?"));
  EXPECT_THAT(complaint("[data]\nd = 3\n" + n), HasSubstr("write [base.data]"));
  EXPECT_THAT(complaint("[base]\ndata.dd = 3\n" + n), HasSubstr("data.dd: unknown key"));
  EXPECT_THAT(complaint("quantities = [\"stable_rank\"]\n" + n),
              HasSubstr("did you mean \"stable_rank_pos\"?"));
  EXPECT_THAT(complaint("quantities = [\"claim_9\"]\n" + n), HasSubstr("did you mean \"claim_"));
  EXPECT_THAT(complaint("arrays = [\"margins\"]\n" + n), HasSubstr("\"limit_margins\"?"));
}

TEST(SweepDefinition, ValuesThatNoPointCanTakeAreRefused) {
  EXPECT_THAT(complaint("[axes]\nnetwork.slope = [0, 2]"),
              StartsWith("map.toml:2: axes.network.slope: 2.0 is not possible"));
  EXPECT_THAT(complaint("[axes]\nnetwork.slope = [0, \"a\"]"), HasSubstr("must be a number"));
  EXPECT_THAT(complaint("[axes]\ndata.source = [\"ortogonal\"]"), HasSubstr("did you mean"));
  // Some points can: the others are rows.
  EXPECT_EQ(complaint("[axes]\ndescent.until = [\"1e5\", \"1e100\"]\n"
                      "descent.engine = [\"auto\", \"dense\"]"),
            "");
}

TEST(SweepDefinition, RangesSayWhatIsWrongWithThem) {
  EXPECT_THAT(complaint("[axes]\nnetwork.slope = {from = 0, to = 1}"),
              HasSubstr("either step or count"));
  EXPECT_THAT(complaint("[axes]\nnetwork.slope = {from = 0, to = 1, count = 1}"),
              HasSubstr("whole number from 2"));
  EXPECT_THAT(complaint("[axes]\nnetwork.slope = {from = 0, to = 1, step = -1}"),
              HasSubstr("turn the sign around"));
  EXPECT_THAT(complaint("[axes]\nnetwork.slope = {from = 0, to = 1, step = 0}"),
              HasSubstr("do not lead"));
  EXPECT_THAT(complaint("[axes]\nnetwork.slope = {from = 0, to = 1, count = 3, log = true}"),
              HasSubstr("ends above 0"));
  EXPECT_THAT(complaint("[axes]\nnetwork.slope = {from = 0, to = 1, by = 3}"),
              HasSubstr("by belongs to no range"));
  EXPECT_THAT(complaint("[axes]\ndata.n = {from = 0, to = 1, step = 0.5}"),
              HasSubstr("holds 0.5, and the key takes whole numbers"));
  EXPECT_THAT(complaint("[axes]\ndescent.method = {from = 0, to = 1, count = 2}"),
              HasSubstr("takes no range"));
  EXPECT_THAT(complaint("[axes]\nseed = {from = 1, to = 4000, step = 1}\n"
                        "data.n = {from = 1, to = 4000, step = 1}"),
              HasSubstr("more than 10000000 points"));
}

TEST(SweepDefinition, ValuesThatNoPointCanTakeAreNamedWithTheirLine) {
  EXPECT_THAT(complaint("[base]\ndata.n = 5\n[axes]\nseed = [1, 2]\nnetwork.slope = [0, 2]\n"),
              StartsWith("map.toml:5: axes.network.slope: "));
}

TEST(SweepDefinition, PairsSayWhatIsWrongWithThem) {
  const std::string axes = "\n[axes]\ndata.n = [1, 2]\ndata.d = [1, 2, 3]\nseed = [1, 2]\n";
  EXPECT_THAT(complaint("zip = [\"data.n\", \"data.d\"]" + axes),
              HasSubstr("data.n has 2 values and data.d has 3"));
  EXPECT_THAT(complaint("zip = [\"data.n\", \"data.m\"]" + axes), HasSubstr("data.m is no axis"));
  EXPECT_THAT(complaint("zip = [\"data.n\"]" + axes), HasSubstr("two axes or more"));
  EXPECT_THAT(complaint("zip = [\"seed\", \"seed\"]" + axes), HasSubstr("stands there twice"));
  EXPECT_THAT(complaint("zip = [[\"seed\", \"data.n\"], [\"data.n\", \"seed\"]]" + axes),
              HasSubstr("stands there twice"));
}

TEST(SweepDefinition, FormulasSayWhatIsWrongWithThem) {
  const auto derived = [](const std::string& formula) {
    return complaint("[axes]\ndata.n = [10]\n[derived]\ndata.d = \"" + formula + "\"\n");
  };
  EXPECT_THAT(derived("20 * data.nn"), HasSubstr("data.nn is no key of the configuration; did you "
                                                 "mean data.n?"));
  EXPECT_THAT(derived("20 * ("), HasSubstr("is no formula"));
  EXPECT_THAT(derived(""), HasSubstr("is no formula"));
  EXPECT_THAT(derived("n = 5"), HasSubstr("compare by =="));
  EXPECT_THAT(derived("n, 5"), HasSubstr("comma"));
  EXPECT_THAT(derived("source"), HasSubstr("data.source is no number"));
  EXPECT_THAT(derived("d + 1"), HasSubstr("uses itself"));
  EXPECT_THAT(derived("system(1)"), HasSubstr("is no formula"));
  EXPECT_THAT(complaint("[axes]\ndata.n = [10]\n[derived]\ndata.n = \"3\"\n"),
              HasSubstr("is an axis too"));
  EXPECT_THAT(complaint("[axes]\ndata.n = [10]\n[derived]\ndata.d = \"width\"\n"
                        "network.width = \"n\"\n"),
              HasSubstr("uses network.width, which is derived after it"));
  EXPECT_THAT(complaint("[axes]\ndata.n = [10]\n[derived]\ndescent.method = \"n\"\n"),
              HasSubstr("is no number; make it an axis"));
  EXPECT_THAT(complaint("filter = \"n < 3\"\n[axes]\ndata.n = [10]\n"),
              HasSubstr("leaves none of 1 points"));
  EXPECT_THAT(complaint("filter = \"1 / (n - 10)\"\n[axes]\ndata.n = [10]\n"),
              HasSubstr("is inf where data.n = 10"));
}

TEST(SweepDefinition, KeysOfPointsAreThoseOfTheirValues) {
  PointKeys keys;
  const auto key = [&](const std::string& text) { return keys.of(parse_config(text, "t", ".")); };
  const std::string defaults = key("");
  EXPECT_EQ(defaults.size(), 36u);
  EXPECT_EQ(key("data.n = 10\nnetwork.slope = 0.10"), defaults);
  EXPECT_NE(key("data.n = 11"), defaults);
  EXPECT_NE(key("seed = 2"), defaults);
  EXPECT_NE(key("descent.until = \"1e6\""), defaults);
}

TEST(SweepDefinition, KeysOfPointsGoByWhatIsInTheirFiles) {
  const TemporaryFolder folder;
  folder.write("a.csv", "1,2,1\n3,4,-1\n");
  folder.write("same.csv", "1,2,1\n3,4,-1\n");
  folder.write("other.csv", "1,2,1\n3,5,-1\n");
  const auto key = [&](const std::string& file) {
    return PointKeys().of(parse_config(
        "data.source = \"file\"\ndata.x = \"" + file + "\"\ndata.label_column = \"-1\"\n", "t",
        folder.path()));
  };
  EXPECT_EQ(key("a.csv"), key("same.csv"));
  EXPECT_NE(key("a.csv"), key("other.csv"));
  EXPECT_THROW(key("missing.csv"), InputError);
}

}  // namespace
}  // namespace latetime
