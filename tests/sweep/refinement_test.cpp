#include "latetime/sweep/refinement.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/sweep/sweep.hpp"
#include "latetime/sweep/sweep_files.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double none = std::numeric_limits<double>::quiet_NaN();

SweepPlan plan_of(const std::string& text) {
  return SweepPlan(parse_sweep(text, "map.toml", "."));
}

/// A square of slopes and learning rates, 5 by 5, halved thrice to 33 by 33.
const std::string square =
    "[axes]\nnetwork.slope = {from = 0, to = 1, count = 5}\n"
    "descent.learning_rate = {from = 1e-2, to = 1, count = 5, log = true}\n"
    "[refine]\nquantity = \"log_loss\"\ntolerance = 0.5\nlevels = 3\n";

using Values = std::function<PointFinding(const RunConfig&)>;

/// Follows the rounds to their end, each point's finding being that of its configuration.
void follow(Refinement& refinement, const SweepPlan& plan, const Values& values) {
  while (refinement.refine([&](std::size_t number) -> std::optional<PointFinding> {
    return values(plan.config(plan.point(number)));
  })) {
  }
}

Values step_at(const std::function<bool(double across, double up)>& inside) {
  return [inside](const RunConfig& config) {
    const double up = 1 + std::log10(config.descent.learning_rate) / 2;  // 0 to 1, as the slope
    return PointFinding{inside(config.network.slope, up) ? 1.0 : 0.0, "reached-end"};
  };
}

/// Corners of those squares of the finest grid whose corners have different values.
std::set<std::size_t> corners_of_jumps(const SweepPlan& plan, const Values& values) {
  const std::size_t rows = plan.definition().sizes[0], columns = plan.definition().sizes[1];
  const auto value = [&](std::size_t cell) { return values(plan.config(plan.point(cell))).value; };
  std::set<std::size_t> corners;
  for (std::size_t i = 0; i + 1 < rows; ++i) {
    for (std::size_t k = 0; k + 1 < columns; ++k) {
      const std::size_t at = i * columns + k;
      const std::size_t four[] = {at, at + 1, at + columns, at + columns + 1};
      std::set<double> found;
      for (const std::size_t corner : four) found.insert(value(corner));
      if (found.size() > 1) corners.insert(std::begin(four), std::end(four));
    }
  }
  return corners;
}

TEST(Refinement, FindsTheBoundaryOfTheFinestGridWithFewOfItsPoints) {
  const SweepPlan plan = plan_of(square);
  ASSERT_EQ(plan.size(), 33u * 33u);
  const Values shapes[] = {
      step_at([](double x, double y) { return x + 0.6 * y > 0.71; }),
      step_at([](double x, double y) { return y > 0.3 + 0.2 * std::sin(5 * x); }),
      step_at([](double x, double y) { return std::hypot(x - 0.4, y - 0.55) < 0.33; })};
  for (const Values& values : shapes) {
    Refinement refinement(plan);
    EXPECT_EQ(refinement.points().size(), 25u);
    follow(refinement, plan, values);
    const std::set<std::size_t> made(refinement.points().begin(), refinement.points().end());
    for (const std::size_t corner : corners_of_jumps(plan, values)) {
      EXPECT_EQ(made.count(corner), 1u) << corner;
    }
    EXPECT_LT(made.size(), plan.size() / 3);
    EXPECT_FALSE(refinement.exhausted());
  }
}

TEST(Refinement, LeavesAGridWithoutJumpsAsItIs) {
  const SweepPlan plan = plan_of(square);
  Refinement refinement(plan);
  follow(refinement, plan, [](const RunConfig& config) {
    return PointFinding{0.4 * config.network.slope, "reached-end"};
  });
  EXPECT_EQ(refinement.points().size(), 25u);
  EXPECT_THAT(refinement.latest(), IsEmpty());
}

TEST(Refinement, ABoundaryIsAlsoWhereTheQuantityOrTheOutcomeChanges) {
  const SweepPlan plan = plan_of(square);
  const auto beyond = [](const RunConfig& config) { return config.network.slope > 0.3; };
  Refinement by_none(plan), by_outcome(plan), by_failure(plan);
  follow(by_none, plan, [&](const RunConfig& config) {
    return PointFinding{beyond(config) ? none : 0.0, "reached-end"};
  });
  follow(by_outcome, plan, [&](const RunConfig& config) {
    return PointFinding{0.0, beyond(config) ? "not-finite" : "reached-end"};
  });
  follow(by_failure, plan, [&](const RunConfig& config) {
    return PointFinding{none, beyond(config) ? "failed" : "reached-end"};
  });
  EXPECT_GT(by_none.points().size(), 100u);
  EXPECT_EQ(by_outcome.points(), by_none.points());
  EXPECT_EQ(by_failure.points().size(), 25u) << "what may end otherwise tomorrow decides nothing";
}

TEST(Refinement, AThresholdIsABoundaryAlsoOfWhatChangesEverywhere) {
  std::string text = square;
  text.replace(text.find("tolerance = 0.5"), 15, "threshold = 0.5");
  const SweepPlan plan = plan_of(text);
  Refinement refinement(plan);
  const auto smooth = [](const RunConfig& config) {
    return 3 * config.network.slope - std::log10(config.descent.learning_rate) / 5 - 1;
  };
  follow(refinement, plan, [&](const RunConfig& config) {
    return PointFinding{smooth(config), "reached-end"};
  });
  const std::set<std::size_t> made(refinement.points().begin(), refinement.points().end());
  const Values sides = [&](const RunConfig& config) {
    return PointFinding{smooth(config) >= 0.5 ? 1.0 : 0.0, "reached-end"};
  };
  const auto corners = corners_of_jumps(plan, sides);
  EXPECT_GT(corners.size(), 33u);
  for (const std::size_t corner : corners) EXPECT_EQ(made.count(corner), 1u) << corner;
  EXPECT_LT(made.size(), plan.size() / 3);
}

TEST(Refinement, GoesNoFurtherThanWhatIsMade) {
  const SweepPlan plan = plan_of(square);
  Refinement refinement(plan);
  const auto missing = [&](std::size_t number) -> std::optional<PointFinding> {
    if (number == refinement.points().back()) return std::nullopt;
    return PointFinding{static_cast<double>(number), "reached-end"};
  };
  EXPECT_FALSE(refinement.refine(missing));
  EXPECT_EQ(refinement.points().size(), 25u);
}

TEST(Refinement, KeepsToItsNumberOfPointsTheLargestCellsFirst) {
  const Values values = step_at([](double x, double y) { return x + 0.6 * y > 0.71; });
  const SweepPlan plan = plan_of(square + "most_points = 90\n");
  Refinement refinement(plan);
  follow(refinement, plan, values);
  EXPECT_TRUE(refinement.exhausted());
  EXPECT_LE(refinement.points().size(), 90u);
  EXPECT_GT(refinement.points().size(), 80u);
  // What fewer points chose is part of it: the budget cuts off the end of the same list.
  const SweepPlan fewer = plan_of(square + "most_points = 60\n");
  Refinement begun(fewer);
  follow(begun, fewer, values);
  EXPECT_TRUE(std::includes(refinement.points().begin(), refinement.points().end(),
                            begun.points().begin(), begun.points().end()));
  EXPECT_THROW(Refinement(plan_of(square + "most_points = 24\n")), InputError);
}

TEST(Refinement, AveragesOverSeedsAndTellsOtherAxesApart) {
  const SweepPlan plan = plan_of(
      "[axes]\nnetwork.slope = {from = 0, to = 1, count = 2}\nseed = [1, 2, 3]\n"
      "descent.method = [\"gd\", \"flow\"]\n"
      "[refine]\nquantity = \"log_loss\"\ntolerance = 0.5\nlevels = 2\n");
  ASSERT_EQ(plan.size(), 5u * 3u * 2u);
  Refinement refinement(plan);
  EXPECT_EQ(refinement.points().size(), 12u);
  follow(refinement, plan, [](const RunConfig& config) {
    const bool flow = config.descent.method == Method::flow;
    // One seed of three jumps by 1.2: the mean by 0.4 only. The flow jumps at 0.6.
    const double jump = flow ? 1.0 : config.seed == 1 ? 1.2 : 0.0;
    return PointFinding{config.network.slope > 0.6 ? jump : 0.0, "reached-end"};
  });
  std::map<std::string, std::size_t> counts;
  for (const std::size_t number : refinement.points()) {
    ++counts[word_of(plan.config(plan.point(number)).descent.method)];
  }
  EXPECT_EQ(counts["gd"], 6u);
  EXPECT_EQ(counts["flow"], 12u);  // 0, 0.5, 0.75, 1 of three seeds
}

TEST(Refinement, WhatFiltersLeaveOutDecidesNothing) {
  const SweepPlan plan = plan_of("filter = \"slope < 0.6\"\n" + square);
  Refinement refinement(plan);
  EXPECT_EQ(refinement.points().size(), 15u);
  follow(refinement, plan, step_at([](double x, double) { return x > 0.3; }));
  EXPECT_GT(refinement.points().size(), 15u);
  for (const std::size_t number : refinement.points()) {
    EXPECT_LT(plan.config(plan.point(number)).network.slope, 0.6);
  }
  Refinement at_the_edge(plan);
  follow(at_the_edge, plan, step_at([](double x, double) { return x > 0.55; }));
  EXPECT_EQ(at_the_edge.points().size(), 15u) << "no jump among the points of the first grid";
}

TEST(Refinement, HalvesWholeNumbersAndLogarithms) {
  const SweepDefinition definition = parse_sweep(
      "[axes]\ndata.n = {from = 4, to = 7, step = 3}\n"
      "network.init_std = {from = 1e-4, to = 1e-2, count = 2, log = true}\n"
      "network.slope = [0.5, 0.25]\n[refine]\nquantity = \"outcome\"\nlevels = 2\n"
      "axes = [\"n\", \"network.init_std\", \"slope\"]\n",
      "map.toml", ".");
  EXPECT_THAT(definition.axes[0].values, ElementsAre("4", "5", "6", "7"));
  EXPECT_THAT(definition.axes[0].levels, ElementsAre(0u, 2u, 1u, 0u));
  ASSERT_EQ(definition.axes[1].values.size(), 5u);
  EXPECT_EQ(definition.axes[1].values[2], "0.001");
  EXPECT_THAT(definition.axes[2].values, ElementsAre("0.5", "0.4375", "0.375", "0.3125", "0.25"));
  const SweepDefinition again = parse_sweep(to_toml(definition), "again", "/");
  EXPECT_EQ(to_toml(again), to_toml(definition));
  EXPECT_EQ(again.axes[1].values, definition.axes[1].values);
  EXPECT_EQ(again.axes[1].levels, definition.axes[1].levels);
}

std::string complaint(const std::string& refine, const std::string& axes = "") {
  try {
    plan_of("[axes]\nseed = [1, 2]\nnetwork.slope = {from = 0, to = 1, count = 2}\n" + axes +
            "[refine]\n" + refine);
  } catch (const InputError& error) {
    return error.what();
  }
  return {};
}

TEST(Refinement, SaysWhatIsWrongWithItsSection) {
  const std::string good = "quantity = \"log_loss\"\ntolerance = 1\n";
  EXPECT_EQ(complaint(good), "");
  EXPECT_EQ(complaint("quantity = \"outcome\""), "");
  EXPECT_THAT(complaint(""), HasSubstr("map.toml:4: refine.quantity: is missing"));
  EXPECT_THAT(complaint("quantity = \"log_los\""),
              AllOf(HasSubstr("map.toml:5: refine"), HasSubstr("did you mean \"log_loss\"")));
  EXPECT_THAT(complaint("quantity = \"claims\"\ntolerance = 1"), HasSubstr("more than one"));
  EXPECT_THAT(complaint("quantity = \"log_loss\""), HasSubstr("refine.tolerance: is missing"));
  EXPECT_THAT(complaint("quantity = \"log_loss\"\ntolerance = \"a\""), HasSubstr("is no number"));
  EXPECT_THAT(complaint(good + "threshold = 1"), HasSubstr("or threshold is there too"));
  EXPECT_THAT(complaint(good + "level = 3"), HasSubstr("did you mean levels?"));
  EXPECT_THAT(complaint(good + "levels = 0"), HasSubstr("whole number from 1 to 20"));
  EXPECT_THAT(complaint(good + "axes = [\"seed\"]"), HasSubstr("leave seed out"));
  EXPECT_THAT(complaint(good + "axes = [\"slop\"]"), HasSubstr("did you mean slope?"));
  EXPECT_THAT(complaint(good + "axes = [\"slope\", \"slope\"]"), HasSubstr("stands there twice"));
  EXPECT_THAT(complaint(good + "axes = []"), HasSubstr("no axis of numbers is a range"));
  EXPECT_THAT(complaint(good + "log = [\"slope\"]"),
              HasSubstr("map.toml:3: axes.network.slope: cannot be refined in the logarithm: 0"));
  EXPECT_THAT(complaint(good + "log = [\"seed\"]"), HasSubstr("is not refined"));
  EXPECT_THAT(complaint(good + "mean_over = [\"slope\"]"), HasSubstr("is refined"));
  EXPECT_THAT(complaint(good + "axes = [\"method\"]", "descent.method = [\"gd\", \"flow\"]\n"),
              HasSubstr("is no number"));
  EXPECT_THAT(complaint(good + "axes = [\"n\"]", "data.n = [5, 9, 7]\n"), HasSubstr("in no order"));
}

/// Points of milliseconds; the loss falls steeply with the learning rate.
const std::string small =
    "quantities = [\"log_loss\"]\n"
    "[base]\ndata.n = 4\ndata.d = 20\nnetwork.width = 3\ndescent.until = \"300\"\n"
    "record.per_decade = 1\n[axes]\nnetwork.slope = {from = 0, to = 1, count = 3}\nseed = [1, 2]\n"
    "descent.learning_rate = {from = 1e-3, to = 1, count = 4, log = true}\n"
    "[refine]\nquantity = \"log_loss\"\ntolerance = 0.7\nlevels = 2\n";

TEST(RefinedSweep, IsTheSameHoweverItIsMade) {
  const SweepPlan plan = plan_of(small);
  const TemporaryFolder folder;
  const SweepSummary one = carry_out_sweep(plan, folder / "one", {.jobs = 1});
  EXPECT_GT(one.points, 24u);
  EXPECT_LT(one.points, plan.size());
  EXPECT_EQ(one.progress.made, one.points);
  EXPECT_EQ(one.progress.total, one.points);
  const auto same = [&](const std::string& other) {
    return bytes_of(folder / other + "/points.csv") == bytes_of(folder / "one/points.csv") &&
           bytes_of(folder / other + "/sweep.nc") == bytes_of(folder / "one/sweep.nc");
  };
  carry_out_sweep(plan, folder / "three", {.jobs = 3});
  EXPECT_TRUE(same("three"));

  // Interrupted in each round, and gone on with from its own sweep.toml.
  for (const int most : {5, 30, 50, 60}) {
    std::atomic<int> asked{0};
    const auto cut =
        carry_out_sweep(plan, folder / "cut",
                        {.jobs = 2, .resume = true, .keep_going = [&] { return ++asked < most; }});
    EXPECT_TRUE(cut.interrupted);
    EXPECT_LT(cut.progress.finished(), one.points);
  }
  const SweepPlan stored(
      parse_sweep(bytes_of(folder / "cut/sweep.toml"), "sweep.toml", folder / "cut"));
  carry_out_sweep(stored, folder / "cut", {.jobs = 2, .resume = true});
  EXPECT_TRUE(same("cut"));

  merge_sweeps({folder / "three"}, folder / "merged");
  EXPECT_TRUE(same("merged"));
  EXPECT_THROW(carry_out_sweep(plan, folder / "part", {.shard = {1, 2}}), InputError);
  EXPECT_FALSE(std::filesystem::exists(folder / "part"));
}

TEST(RefinedSweep, ItsFileIsOfTheFinestGrid) {
  const SweepPlan plan = plan_of("filter = \"!(slope == 1 && seed == 2)\"\n" + small);
  const TemporaryFolder folder;
  const SweepSummary made = carry_out_sweep(plan, folder / "out", {.jobs = 2});
  const Hdf5Reader file(folder / "out/sweep.nc");
  EXPECT_THAT(file.shape("/log_loss"), ElementsAre(9u, 2u, 13u));
  const auto outcomes = file.read_uint8("/outcome");
  const auto losses = file.read_doubles("/log_loss");
  std::map<std::string, std::size_t> counts;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    ++counts[outcome_words().at(outcomes[i])];
    EXPECT_EQ(std::isnan(losses[i]), outcome_words().at(outcomes[i]) != "reached-end");
  }
  EXPECT_EQ(counts["left-out"], 13u);
  EXPECT_EQ(counts["reached-end"], made.points);
  EXPECT_EQ(counts["not-made"], plan.size() - made.points);
}

TEST(RefinedSweep, PointsOfTheFullGridAreTheSameOnes) {
  const TemporaryFolder folder;
  const SweepPlan plan = plan_of(small);
  const SweepSummary refined = carry_out_sweep(plan, folder / "out", {.jobs = 2});
  std::string full = small.substr(0, small.find("[refine]"));
  for (const auto& [from, to] :
       {std::pair{"count = 3}", "count = 9}"}, {"count = 4", "count = 13"}}) {
    full.replace(full.find(from), std::string(from).size(), to);
  }
  const SweepSummary rest =
      carry_out_sweep(plan_of(full), folder / "out", {.jobs = 2, .resume = true});
  EXPECT_EQ(rest.progress.known, refined.points);
  EXPECT_EQ(rest.points, plan.size());
}

}  // namespace
}  // namespace latetime
