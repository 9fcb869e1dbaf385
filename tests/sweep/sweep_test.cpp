#include "latetime/sweep/sweep.hpp"

#include <atomic>
#include <cmath>
#include <filesystem>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/experiment/claim_check.hpp"
#include "latetime/experiment/proof_run.hpp"
#include "latetime/experiment/run_limit.hpp"
#include "latetime/store/run_sink.hpp"
#include "latetime/sweep/point_run.hpp"
#include "latetime/sweep/sweep_files.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

/// Eight points of milliseconds.
const std::string small =
    "[base]\ndata.n = 4\ndata.d = 20\nnetwork.width = 3\ndescent.until = \"2000\"\n"
    "record.per_decade = 1\n[axes]\nnetwork.slope = [0, 0.5]\nseed = [1, 2, 3, 4]\n";

SweepPlan plan_of(const std::string& text) {
  return SweepPlan(parse_sweep(text, "map.toml", "."));
}

std::string table_of(const std::string& folder) {
  return bytes_of(folder + "/points.csv");
}

std::vector<double> quantities_by_run(const RunConfig& config) {
  const RunProblem problem = load_problem(config);
  RunMemory memory;
  const RunSummary summary = carry_out_run(problem, memory, RunSettings{});
  return quantities_of(problem, summary, memory.metrics);
}

std::size_t place_of(const std::string& name) {
  const auto& all = all_quantities();
  std::size_t place = 0;
  while (all.at(place).name != name) ++place;
  return place;
}

TEST(Sweep, PointsHaveTheNumbersOfRunsToTheLastBit) {
  const SweepPlan plan = plan_of(small);
  PointMaker maker(plan, "");
  for (const std::size_t number : {std::size_t{0}, std::size_t{5}}) {
    const auto record = maker.make(number, maker.key(number), nullptr);
    ASSERT_TRUE(record);
    EXPECT_EQ(record->outcome, "reached-end");
    const std::vector<double> expected = quantities_by_run(plan.config(plan.point(number)));
    ASSERT_EQ(record->values.size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(record->values[i] == expected[i] ||
                  (std::isnan(record->values[i]) && std::isnan(expected[i])))
          << all_quantities()[i].name;
    }
  }
}

TEST(Sweep, QuantitiesAreThoseOfRunLimitAndCheck) {
  const RunConfig config = parse_config(
      "data.n = 6\ndata.d = 60\nnetwork.width = 5\nnetwork.slope = 0.0\n"
      "descent.until = \"1e60\"\n",
      "t", ".");
  const RunProblem problem = load_problem(config);
  RunMemory memory;
  const RunSummary summary = carry_out_run(problem, memory, RunSettings{});
  const RunLimit limit = limit_of_arrays(memory.arrays, "memory");
  ASSERT_TRUE(limit.stored);
  const auto record = run_point("key", config, {}, "", nullptr);
  ASSERT_TRUE(record);
  const auto value = [&](const std::string& name) { return record->values[place_of(name)]; };
  EXPECT_EQ(value("log_loss"), summary.last.measures.log_loss);
  EXPECT_EQ(value("log10_t"), 60.0);
  EXPECT_EQ(value("limit_stable_rank_pos"), limit.report.stable_ranks[0].value);
  EXPECT_EQ(value("limit_normalized_margin"), limit.report.limit.normalized_margin);
  EXPECT_EQ(value("switching_fraction"), limit.pairs.switching_share());
  EXPECT_EQ(value("svm_margin"), limit.linear.svm.margin);
  EXPECT_NEAR(value("limit_norm") * value("limit_normalized_margin"),
              limit.report.limit.margins.minCoeff(), 1e-14);
  EXPECT_NEAR(value("loss_exponent"), 1.0, 1e-6);  // all samples are support samples here
  const double pairs = value("other_pairs_active") + value("other_pairs_inactive") +
                       value("other_pairs_switching") + value("other_pairs_undecided");
  EXPECT_EQ(pairs, 30.0);
  EXPECT_GT(value("other_pairs_inactive"), 0.0);
  EXPECT_GE(value("switching_neurons"), value("switching_fraction"));
}

TEST(Sweep, ClaimsAndArraysComeOnRequest) {
  const RunConfig config = parse_config(
      "data.n = 4\ndata.d = 40\nnetwork.width = 4\ndescent.until = \"1e30\"\n", "t", ".");
  const WantedQuantities wanted =
      wanted_quantities({"log_loss", "claim_5.4", "claim_5.4_seen", "claim_5.4_largest_c",
                         "claim_5.4_needs", "claim_5.5"},
                        {"limit_margins", "curve_norm_w"}, "t");
  auto record = run_point("key", config, wanted, "", nullptr);
  ASSERT_TRUE(record);
  const auto value = [&](const std::string& name) { return record->extras.at(name).at(0); };
  RunMemory memory;
  carry_out_run(load_problem(config), memory, RunSettings{});
  for (const ClaimReport& report :
       {check_arrays(memory.arrays, "t", {}), check_config(config, "t", {})}) {
    const auto claim = std::find_if(report.claims.begin(), report.claims.end(),
                                    [](const Claim& one) { return one.id == "5.4"; });
    ASSERT_NE(claim, report.claims.end());
    EXPECT_EQ(value("claim_5_4"), static_cast<double>(claim->verdict));
    EXPECT_EQ(value("claim_5_4_seen"), static_cast<double>(claim->finding.seen));
    EXPECT_EQ(value("claim_5_4_largest_c"), claim->largest_constant());
    EXPECT_GT(claim->largest_constant(), 0.0);
    EXPECT_NEAR(value("claim_5_4_needs"), claim->constant, 1e-6 * claim->constant);
  }
  EXPECT_THAT(meaning_of("claim_5_4_largest_c"), HasSubstr("claim 5.4 hold that"));
  EXPECT_TRUE(std::isnan(record->extras["claim_5_5"].at(0)));  // of ReLU; this is leaky
  EXPECT_EQ(record->extras["limit_margins"].size(), 4u);
  EXPECT_EQ(record->extras["curve_norm_w"].size(), record->extras["curve_log10_t"].size());
  EXPECT_EQ(record->extras["curve_norm_w"].back(), record->values[place_of("norm_w")]);
  EXPECT_FALSE(wanted_quantities({"claims"}, {}, "t").claims.empty());
}

TEST(Sweep, ProofsComeOnRequest) {
  const std::string common =
      "data.source = \"orthogonal\"\ndata.n = 4\ndata.d = 20\nnetwork.width = 3\n"
      "network.slope = 0.3\ndescent.until = \"1e30\"\nrecord.per_decade = 1\n";
  const RunConfig config = parse_config(common, "t", ".");
  const WantedQuantities wanted = wanted_quantities(
      {"proved_level", "proved_from", "proved_radius", "proved_switching"}, {}, "t");
  EXPECT_EQ(wanted.proofs.size(), 4u);
  auto record = run_point("key", config, wanted, "", nullptr);
  ASSERT_TRUE(record);
  RunMemory memory;
  carry_out_run(load_problem(config), memory, RunSettings{});
  const ProofReport report = prove_arrays(memory.arrays, "memory", {});
  ASSERT_TRUE(report.proved());
  const auto& theorem = std::get<RunTheorem>(*report.run);
  EXPECT_EQ(record->extras["proved_level"].at(0), 2.0);
  EXPECT_EQ(record->extras["proved_from"].at(0), std::log10(static_cast<double>(theorem.step)));
  EXPECT_EQ(record->extras["proved_radius"].at(0), theorem.radius);
  EXPECT_EQ(record->extras["proved_switching"].at(0),
            static_cast<double>(theorem.limit.switching.size()));
  EXPECT_EQ(value_named(*record, "proved_level"), 2.0);

  const RunConfig flow = parse_config(common + "descent.method = \"flow\"\n", "t", ".");
  auto unproved = run_point("key", flow, wanted, "", nullptr);
  ASSERT_TRUE(unproved);
  EXPECT_LT(unproved->extras["proved_level"].at(0), 2.0);
  EXPECT_TRUE(std::isnan(unproved->extras["proved_radius"].at(0)));
  bool ended = false;
  EXPECT_FALSE(run_point("key", config, wanted, "", [&] { return !std::exchange(ended, true); }));
}

/// Nothing but the last record is measured; what comes out must not tell.
TEST(Sweep, PointsAreTheSameWithAndWithoutCurves) {
  const std::string flow_that_fails =
      "seed = 2\ndata.n = 6\ndata.d = 30\nnetwork.width = 4\nnetwork.slope = 0.0\n"
      "network.init_std = 3.0\ndescent.method = \"flow\"\ndescent.learning_rate = 0.3\n"
      "descent.until = \"1e100\"\nrecord.per_decade = 2\n";
  const std::vector<std::string> bases{
      "data.n = 6\ndata.d = 60\nnetwork.width = 5\nnetwork.slope = 0.0\ndescent.until = \"1e60\"\n",
      "data.n = 6\ndata.d = 60\nnetwork.width = 5\ndescent.method = \"flow\"\ndescent.until = "
      "\"1e40\"\n",
      "data.n = 5\ndata.d = 3\nnetwork.width = 2\ndescent.until = \"1e9\"\n",
      "data.n = 4\ndata.d = 20\nnetwork.width = 3\ndescent.method = \"sgd\"\ndescent.batch_size = "
      "2\ndescent.until = \"500\"\n",
      "data.n = 4\ndata.d = 20\nnetwork.width = 3\ndescent.until = \"0\"\n",
      flow_that_fails};
  for (const std::string& base : bases) {
    const RunConfig config = parse_config(base, "t", ".");
    const auto bare = run_point("key", config, {}, "", nullptr);
    const auto curves =
        run_point("key", config, wanted_quantities({}, {"curve_norm_w"}, "t"), "", nullptr);
    ASSERT_TRUE(bare && curves) << base;
    EXPECT_EQ(bare->outcome == "flow-failed", base == flow_that_fails) << bare->outcome;
    PointRecord same = *curves;
    same.extras.clear();
    same.seconds = bare->seconds;
    EXPECT_EQ(to_line(*bare), to_line(same)) << base;
  }
}

TEST(Sweep, ThreadsShardsAndInterruptionsChangeNoByte) {
  const SweepPlan plan = plan_of(small);
  const TemporaryFolder folder;
  ASSERT_EQ(carry_out_sweep(plan, folder / "one", {.jobs = 1}).progress.made, 8u);
  carry_out_sweep(plan, folder / "two", {.jobs = 3});
  EXPECT_EQ(table_of(folder / "two"), table_of(folder / "one"));

  for (std::size_t index = 1; index <= 3; ++index) {
    carry_out_sweep(plan, folder / "parts", {.jobs = 2, .shard = {index, 3}});
  }
  const SweepSummary merged = merge_sweeps({folder / "parts"}, folder / "merged");
  EXPECT_EQ(merged.progress.finished(), 8u);
  EXPECT_EQ(table_of(folder / "merged"), table_of(folder / "one"));
  EXPECT_TRUE(bytes_of(folder / "merged/sweep.nc") == bytes_of(folder / "one/sweep.nc"));

  std::atomic<int> asked{0};
  const SweepSummary cut =
      carry_out_sweep(plan, folder / "cut", {.jobs = 2, .keep_going = [&] { return ++asked < 4; }});
  EXPECT_TRUE(cut.interrupted);
  EXPECT_GT(cut.outcomes.at("missing"), 0u);
  EXPECT_THAT(table_of(folder / "cut"), HasSubstr(",missing,"));
  const SweepSummary rest = carry_out_sweep(plan, folder / "cut", {.jobs = 2, .resume = true});
  EXPECT_EQ(rest.progress.known, cut.progress.made);
  EXPECT_EQ(rest.progress.finished(), 8u);
  EXPECT_EQ(table_of(folder / "cut"), table_of(folder / "one"));
}

TEST(Sweep, APointIsMadeOnceAlsoByAnotherSweep) {
  const TemporaryFolder folder;
  const std::string out = folder / "out";
  carry_out_sweep(plan_of(small), out, {.jobs = 2});
  const std::string wider =
      "[base]\ndata.n = 4\ndata.d = 20\nnetwork.width = 3\ndescent.until = \"2000\"\n"
      "record.per_decade = 1\n[axes]\nseed = [2, 1, 9]\nnetwork.slope = [0.5]\n";
  const SweepPlan plan = plan_of(wider);
  EXPECT_THROW(carry_out_sweep(plan, out, {}), InputError);
  const SweepSummary summary = carry_out_sweep(plan, out, {.resume = true});
  EXPECT_EQ(summary.progress.known, 2u);
  EXPECT_EQ(summary.progress.made, 1u);
  EXPECT_EQ(carry_out_sweep(plan, out, {.resume = true}).progress.made, 0u);
  // What a sweep asks for besides is made.
  const SweepPlan more = plan_of("arrays = [\"active_own\"]\n" + wider);
  EXPECT_EQ(carry_out_sweep(more, out, {.resume = true}).progress.made, 3u);
  EXPECT_EQ(carry_out_sweep(plan, out, {.resume = true}).progress.made, 0u);
}

TEST(Sweep, CellsOfOneConfigurationAreOnePoint) {
  const TemporaryFolder folder;
  folder.write("a.csv", "1,2,1\n3,-4,-1\n");
  folder.write("same.csv", "1,2,1\n3,-4,-1\n");
  const SweepPlan plan(parse_sweep(
      "[base]\ndata.source = \"file\"\ndata.label_column = \"-1\"\nnetwork.width = 3\n"
      "descent.until = \"100\"\n[axes]\ndata.x = [\"a.csv\", \"same.csv\"]\nseed = [1, 2]\n",
      "map.toml", folder.path()));
  const SweepSummary summary = carry_out_sweep(plan, folder / "out", {.jobs = 2});
  EXPECT_EQ(summary.progress.made, 2u);
  EXPECT_EQ(summary.progress.finished(), 4u);
  EXPECT_EQ(summary.outcomes.at("reached-end"), 4u);
}

TEST(Sweep, EndsThatAreNoneAreRowsWithTheirReason) {
  const SweepPlan plan = plan_of(
      "[base]\ndata.source = \"orthogonal\"\ndata.d = 6\nnetwork.width = 2\n"
      "network.init_std = 1e300\n[axes]\n"
      "data.n = [4, 8]\ndescent.engine = [\"auto\", \"dense\"]\n"
      "descent.until = [\"100\", \"1e100\"]\ndescent.learning_rate = [0.1, 1e308]\n");
  const TemporaryFolder folder;
  const SweepSummary summary = carry_out_sweep(plan, folder / "out", {.jobs = 2});
  EXPECT_EQ(summary.progress.finished(), 16u);
  EXPECT_EQ(summary.outcomes.count("missing"), 0u);
  // Eight have n > d, and of the others two count 1e100 single steps.
  EXPECT_EQ(summary.outcomes.at("refused"), 10u);
  EXPECT_EQ(summary.progress.ended_early, 16u - summary.outcomes.at("reached-end"));
  EXPECT_GE(summary.outcomes.at("reached-end"), 3u);
  EXPECT_GE(summary.outcomes.at("not-finite"), 1u);
  EXPECT_THAT(summary.first_problem, StartsWith("point 6 (data.n=4, descent.engine=\"dense\""));
  EXPECT_THAT(summary.first_problem, HasSubstr("more than the 2^53"));
  const std::string table = table_of(folder / "out");
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 17) << table;
}

TEST(Sweep, MoreThanTwoClassesAreRefused) {
  const TemporaryFolder folder;
  const auto text_with = [&](const std::string& labels) {
    folder.write("x.csv", "1,0,0\n0,1,0\n0,0,1\n");
    folder.write("y.csv", labels);
    return "[base]\ndata.source = \"file\"\ndata.x = \"x.csv\"\ndata.y = \"y.csv\"\n"
           "network.width = 2\ndescent.until = \"10\"\n[axes]\nseed = [1, 2]\n";
  };
  const auto carry_out = [&](const std::string& text) {
    return carry_out_sweep(SweepPlan(parse_sweep(text, "map.toml", folder.path())), folder / "out",
                           {});
  };
  const SweepSummary refused = carry_out(text_with("0\n1\n2\n"));
  EXPECT_EQ(refused.outcomes.at("refused"), 2u);
  EXPECT_THAT(refused.first_problem, HasSubstr("data.y"));
  EXPECT_THAT(refused.first_problem, HasSubstr("sweeps are of two classes"));
  EXPECT_EQ(refused.first_problem.find('\n'), std::string::npos);
  std::filesystem::remove_all(folder / "out");
  EXPECT_EQ(carry_out(text_with("1\n-1\n1\n")).outcomes.at("reached-end"), 2u);
  // A point whose labels have become those of three since its key was made is refused, too.
  const RunConfig config = parse_config(
      "data.source = \"file\"\ndata.x = \"x.csv\"\ndata.y = \"y.csv\"\nnetwork.width = 2\n"
      "descent.until = \"10\"\n",
      "point.toml", folder.path());
  text_with("0\n1\n2\n");
  const auto record = run_point("key", config, {}, "", {});
  ASSERT_TRUE(record);
  EXPECT_EQ(record->outcome, "refused");
  EXPECT_THAT(record->message, HasSubstr("sweeps are of two classes"));
}

TEST(Sweep, WholeRunsAreKeptOnRequest) {
  const SweepPlan plan = plan_of("keep_runs = true\n" + small);
  const TemporaryFolder folder;
  carry_out_sweep(plan, folder / "out", {.jobs = 2});
  PointMaker maker(plan, "");
  const std::string kept = folder / "out/runs/" + maker.key(3);
  const RunMemory run = read_run(kept);
  EXPECT_EQ(parse_config(run.config, "kept", kept).seed, 4);
  EXPECT_TRUE(run.arrays.exists("/final/weights"));
  EXPECT_FALSE(std::filesystem::exists(kept + ".partial"));
}

TEST(Sweep, ItsFileIsOfLabelledArrays) {
  const SweepPlan plan =
      plan_of("filter = \"!(seed == 2 && slope == 0)\"\narrays = [\"active_own\"]\n" + small +
              "[derived]\ndata.d = \"20 + 5 * seed\"\n");
  const TemporaryFolder folder;
  carry_out_sweep(plan, folder / "out", {.jobs = 2});
  const Hdf5Reader file(folder / "out/sweep.nc");
  EXPECT_THAT(file.read_doubles("/slope"), ElementsAre(0.0, 0.5));
  EXPECT_THAT(file.read_int64("/seed"), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(file.shape("/norm_w"), ElementsAre(2u, 4u));
  EXPECT_THAT(file.shape("/active_own"), ElementsAre(2u, 4u, 4u));
  const auto outcome = file.read_uint8("/outcome");
  EXPECT_EQ(outcome_words().at(outcome[1]), "left-out");
  EXPECT_EQ(outcome_words().at(outcome[0]), "reached-end");
  EXPECT_TRUE(std::isnan(file.read_doubles("/norm_w")[1]));
  EXPECT_EQ(file.read_doubles("/d")[6], 35.0);
}

TEST(Sweep, AnEstimateMakesNothing) {
  const TemporaryFolder folder;
  const SweepPlan plan = plan_of(small);
  const SweepEstimate estimate = estimate_sweep(plan, "", 0.0, nullptr);
  EXPECT_EQ(estimate.points, 8u);
  EXPECT_EQ(estimate.measured, 1u);
  EXPECT_GT(estimate.seconds_per_point, 0.0);
  carry_out_sweep(plan, folder / "out", {.jobs = 2});
  EXPECT_EQ(estimate_sweep(plan, folder / "out", 0.0, nullptr).known, 8u);
}

TEST(Sweep, ShardsAreReadStrictly) {
  EXPECT_EQ(Shard::parse("3/8").folder_name(), "shard-3-of-8");
  for (const char* text : {"0/3", "4/3", "1", "1/", "1/2x", "a/b", "-1/2", "1/9999999"}) {
    EXPECT_THROW(Shard::parse(text), InputError) << text;
  }
}

TEST(Sweep, FoldersOfOthersAreLeftAlone) {
  const TemporaryFolder folder;
  const SweepPlan plan = plan_of(small);
  std::filesystem::create_directory(folder / "mine");
  folder.write("mine/notes.txt", "words");
  EXPECT_THROW(carry_out_sweep(plan, folder / "mine", {}), InputError);
  EXPECT_THROW(carry_out_sweep(plan, folder / "mine", {.shard = {1, 2}}), InputError);
  EXPECT_THROW(merge_sweeps({folder / "mine"}, folder / "out"), InputError);
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  const auto run = load_problem(parse_config("data.d = 20\ndescent.until = 10", "t", "."));
  carry_out_run(run, folder / "run", RunSettings{});
  EXPECT_THROW(carry_out_sweep(plan, folder / "run", {.resume = true}), InputError);
  carry_out_sweep(plan, folder / "sweep", {.jobs = 2});
  EXPECT_THROW(carry_out_run(run, folder / "sweep", RunSettings{}), InputError);
}

}  // namespace
}  // namespace latetime
