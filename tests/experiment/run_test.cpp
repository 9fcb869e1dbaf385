#include "latetime/experiment/run.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <thread>

#include <gtest/gtest.h>

#include "latetime/base/error.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/data/npy.hpp"
#include "latetime/data/npz.hpp"
#include "latetime/experiment/memory_needs.hpp"
#include "latetime/experiment/training_run.hpp"
#include "latetime/store/run_directory.hpp"
#include "support/temporary_folder.hpp"

namespace latetime {
namespace {

RunConfig configured(const std::vector<std::string>& overrides) {
  return parse_config("", "test", ".", overrides);
}

RunSummary run_into(const std::string& out, const RunConfig& config, RunSettings settings = {}) {
  return carry_out_run(config, out, settings);
}

double last_value(const std::string& out, const std::string& column) {
  const CsvTable table = read_metrics(out + "/metrics.csv");
  return std::strtod(table.rows.back()[table.index_of(column)].c_str(), nullptr);
}

/// Arrays of two results, byte for byte; wall time and machine may differ.
void expect_same_arrays(const std::string& a, const std::string& b) {
  const Hdf5Reader left(a + "/result.h5"), right(b + "/result.h5");
  ASSERT_EQ(left.numeric_datasets(), right.numeric_datasets());
  for (const std::string& name : left.numeric_datasets()) {
    if (name == "/provenance/wall_seconds") continue;
    const auto x = left.read_doubles(name), y = right.read_doubles(name);
    ASSERT_EQ(x.size(), y.size()) << name;
    for (std::size_t i = 0; i < x.size(); ++i) {  // bits, so that NaN equals NaN
      ASSERT_EQ(std::bit_cast<std::uint64_t>(x[i]), std::bit_cast<std::uint64_t>(y[i])) << name;
    }
  }
}

TEST(Run, RecordsTheScheduleAndNothingElse) {
  const TemporaryFolder folder;
  const RunSummary summary =
      run_into(folder / "a",
               configured({"descent.until=1000", "record.per_decade=1", "record.at=[\"77\"]"}));
  EXPECT_EQ(summary.outcome.reason, StopReason::reached_end);
  const CsvTable table = read_metrics(folder / "a/metrics.csv");
  std::vector<std::string> steps;
  for (const auto& row : table.rows) steps.push_back(row[table.index_of("step")]);
  EXPECT_EQ(steps, (std::vector<std::string>{"0", "1", "10", "77", "100", "1000"}));
  EXPECT_EQ(summary.records, 6u);
  const Hdf5Reader result(folder / "a/result.h5");
  EXPECT_EQ(result.shape("/records/coefficients"), (ArrayShape{6, 2, 100, 10}));
  EXPECT_EQ(result.shape("/final/weights"), (ArrayShape{2, 100, 784}));
  EXPECT_EQ(result.read_string("/outcome/reason"), "reached-end");
}

struct Interruption {
  const char* name;
  std::vector<std::string> overrides;
};

class InterruptedRun : public testing::TestWithParam<Interruption> {};

TEST_P(InterruptedRun, ResumesToTheSameBytes) {
  const TemporaryFolder folder;
  std::vector<std::string> overrides = GetParam().overrides;
  overrides.push_back("record.per_decade=3");
  const RunConfig config = configured(overrides);
  run_into(folder / "whole", config);
  // Stop again and again, after 1, 2, 3, … pulses, until the run gets through.
  int parts = 0;
  for (bool finished = false; !finished; ++parts) {
    ASSERT_LT(parts, 500);
    int left = 1 + parts;
    const RunSummary part =
        run_into(folder / "parts", config,
                 {.resume = parts > 0, .pulse = [&](const LogTime&) { return --left > 0; }});
    finished = part.outcome.reason == StopReason::reached_end;
  }
  EXPECT_GT(parts, 2);
  EXPECT_EQ(bytes_of(folder / "whole/metrics.csv"), bytes_of(folder / "parts/metrics.csv"));
  expect_same_arrays(folder / "whole", folder / "parts");
}

INSTANTIATE_TEST_SUITE_P(
    All, InterruptedRun,
    testing::Values(Interruption{"coefficient_relu",
                                 {"data.n=6", "data.d=20", "network.width=8", "network.slope=0",
                                  "descent.until=20000"}},
                    Interruption{"dense",
                                 {"data.n=6", "data.d=20", "network.width=8", "network.slope=0.1",
                                  "descent.engine=dense", "descent.until=3000"}},
                    Interruption{"sgd",
                                 {"data.n=10", "data.d=20", "network.width=8", "descent.method=sgd",
                                  "descent.batch_size=3", "descent.until=3000"}}),
    [](const auto& tested) { return tested.param.name; });

TEST(Run, WhatIsNotCountedIsNotStored) {
  const TemporaryFolder folder;
  const std::vector<std::string> common{"data.n=8", "data.d=20", "network.width=5",
                                        "network.slope=0", "descent.until=200"};
  for (const char* method : {"gd", "sgd"}) {
    std::vector<std::string> overrides = common;
    overrides.push_back(std::string("descent.method=") + method);
    if (std::string(method) == "sgd") overrides.push_back("descent.batch_size=3");
    run_into(folder / method, configured(overrides));
    const Hdf5Reader result(folder / method + "/result.h5");
    EXPECT_EQ(result.exists("/final/last_switch_record"), std::string(method) == "gd");
  }
}

TEST(Run, RowsBeyondTheLastResultAreRecomputed) {
  const TemporaryFolder folder;
  const RunConfig config = configured({"data.d=20", "network.width=4", "descent.until=5000"});
  run_into(folder / "whole", config);
  int left = 3;
  run_into(folder / "killed", config, {.pulse = [&](const LogTime&) { return --left > 0; }});
  // A kill can come between a row and the result file that knows of it, and in the middle of a row.
  const std::string whole = bytes_of(folder / "whole/metrics.csv");
  const std::string rest = whole.substr(bytes_of(folder / "killed/metrics.csv").size());
  ASSERT_GT(rest.size(), 100u);
  std::ofstream(folder / "killed/metrics.csv", std::ios::app)
      << rest.substr(0, rest.find('\n') + 20);
  std::ofstream(folder / "killed/result.h5.partial") << "half-written";
  run_into(folder / "killed", config, {.resume = true});
  EXPECT_EQ(bytes_of(folder / "whole/metrics.csv"), bytes_of(folder / "killed/metrics.csv"));
}

TEST(Run, ThreadsDoNotChangeABit) {
  const TemporaryFolder folder;
  for (const char* slope : {"0", "0.2"}) {
    // Large enough that the coefficient engine really shares its steps.
    const RunConfig config = configured({std::string("network.slope=") + slope, "data.n=70",
                                         "data.d=90", "network.width=60", "descent.until=500"});
    const std::string one = folder / (std::string("one") + slope);
    const std::string two = folder / (std::string("two") + slope);
    run_into(one, config, {.threads = 1});
    run_into(two, config, {.threads = 2});
    EXPECT_EQ(bytes_of(one + "/metrics.csv"), bytes_of(two + "/metrics.csv"));
    expect_same_arrays(one, two);
  }
}

TEST(Run, EnginesTellTheSameStory) {
  const TemporaryFolder folder;
  for (const char* engine : {"dense", "coefficient"}) {
    run_into(folder / engine,
             configured({"network.slope=0", "network.width=20", "descent.until=500",
                         std::string("descent.engine=") + engine}));
  }
  const CsvTable dense = read_metrics(folder / "dense/metrics.csv");
  const CsvTable coefficient = read_metrics(folder / "coefficient/metrics.csv");
  ASSERT_EQ(dense.rows.size(), coefficient.rows.size());
  for (std::size_t row = 0; row < dense.rows.size(); ++row) {
    for (std::size_t column = 3; column < dense.columns.size(); ++column) {
      const double x = std::strtod(dense.rows[row][column].c_str(), nullptr);
      const double y = std::strtod(coefficient.rows[row][column].c_str(), nullptr);
      EXPECT_NEAR(x, y, 1e-11 * (1 + std::abs(x))) << dense.columns[column] << ", row " << row;
    }
  }
}

TEST(Run, ResumeRefusesAnotherConfiguration) {
  const TemporaryFolder folder;
  run_into(folder / "a", configured({"data.d=20", "network.width=2", "descent.until=10"}));
  const RunConfig other = configured({"data.d=20", "network.width=3", "descent.until=10"});
  try {
    run_into(folder / "a", other, {.resume = true});
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("network.width"), std::string::npos);
  }
  EXPECT_THROW(run_into(folder / "a", other), InputError);  // without resume: the folder is taken
}

/// Replaces result.h5 by itself without the arrays whose names begin so.
void leave_out(const std::string& out, const std::vector<std::string>& names) {
  const RunDirectory directory = RunDirectory::open(out);
  const ArrayArchive all = Hdf5Reader(out + "/result.h5").read_all();
  ArrayArchive kept;
  for (const ArrayArchive::Entry& entry : all.entries()) {
    const bool leaves = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return entry.name.starts_with(name);
    });
    if (leaves) continue;
    std::visit(
        [&]<class Values>(const Values& values) {
          if constexpr (std::is_same_v<Values, std::string>) {
            kept.write(entry.name, values);
          } else if constexpr (std::is_same_v<Values, std::vector<std::string>>) {
            kept.write(entry.name, std::span<const std::string>(values));
          } else {
            kept.write(entry.name, entry.shape,
                       std::span<const typename Values::value_type>(values));
          }
        },
        entry.values);
  }
  directory.write_result([&](Hdf5Writer& file) { kept.copy_to(file); });
}

TEST(Run, AResultThatLacksWhatResumingNeedsIsRefusedAndChangesNothing) {
  const TemporaryFolder folder;
  const auto until = [](const char* time) {
    return configured({"data.d=20", "network.width=2", std::string("descent.until=") + time});
  };
  for (const char* name : {"/records/log_loss", "/engine/z"}) {
    const std::string out = folder / std::string(name).substr(1, 4);
    run_into(out, until("100"));
    leave_out(out, {name});
    const std::string config = bytes_of(out + "/config.toml"),
                      rows = bytes_of(out + "/metrics.csv"), result = bytes_of(out + "/result.h5");
    const std::string problem =
        error_of([&] { run_into(out, until("200"), {.resume = true}); });  // an InputError
    EXPECT_NE(problem.find("result.h5"), std::string::npos) << problem;
    EXPECT_EQ(bytes_of(out + "/config.toml"), config);
    EXPECT_EQ(bytes_of(out + "/metrics.csv"), rows);
    EXPECT_EQ(bytes_of(out + "/result.h5"), result);
  }
}

TEST(Training, ATableThatWasCutIsRefusedWhereItsRowsAreNowhereElse) {
  const TemporaryFolder folder;
  const auto until = [](const char* step) {
    return configured({"data.d=20", "network.width=2", "descent.method=sgd", "descent.batch_size=5",
                       std::string("descent.until=") + step});
  };
  const std::string out = folder / "a";
  carry_out_training(until("100"), out, {});
  leave_out(out, {"/training/rows"});  // as earlier versions did
  const std::string rows = bytes_of(out + "/metrics.csv"),
                    cut = rows.substr(0, rows.find('\n', rows.size() / 2) + 1);
  std::ofstream(out + "/metrics.csv", std::ios::binary) << cut;
  const std::string problem =
      error_of([&] { carry_out_training(until("200"), out, {.resume = true}); });
  EXPECT_NE(problem.find("metrics.csv: has"), std::string::npos) << problem;
  EXPECT_EQ(bytes_of(out + "/metrics.csv"), cut);
  std::ofstream(out + "/metrics.csv", std::ios::binary) << rows;
  carry_out_training(until("200"), out, {.resume = true});
}

TEST(Run, GoesOnWithTheArraysThatItBeganWithAlone) {
  const TemporaryFolder folder;
  const std::string out = folder / "a";
  const RunProblem begun =
      load_problem(configured({"data.d=20", "network.width=2", "descent.until=100"}));
  carry_out_run(begun, out, {});
  const std::string rows = bytes_of(out + "/metrics.csv");
  const auto resumed = [&](const std::function<void(RunProblem&)>& change) {
    RunProblem problem = begun;
    change(problem);
    return error_of([&] { carry_out_run(problem, out, {.resume = true}); });
  };
  const std::string other_x = resumed([](RunProblem& p) { p.data.x.edit()(1, 2) *= 1.5; });
  EXPECT_NE(other_x.find("other samples"), std::string::npos) << other_x;
  const std::string other_y = resumed([](RunProblem& p) { p.data.classes[3] ^= 1; });
  EXPECT_NE(other_y.find("other labels"), std::string::npos) << other_y;
  const std::string other_weights = resumed([](RunProblem& p) { p.initial.weights *= -1.0; });
  EXPECT_NE(other_weights.find("other initial weights"), std::string::npos) << other_weights;
  EXPECT_EQ(bytes_of(out + "/metrics.csv"), rows);
  carry_out_run(begun, out, {.resume = true});
}

TEST(Training, GoesOnWithTheSamplesThatItBeganWithAlone) {
  const TemporaryFolder folder;
  const std::string out = folder / "a", x = folder / "x.csv", y = folder / "y.csv";
  const auto write = [](const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  };
  const auto until = [&](const char* step) {
    return configured({"data.source=file", "data.x=" + x, "data.y=" + y, "network.width=2",
                       std::string("descent.until=") + step});
  };
  write(x, "1,2\n3,-1\n-2,0.5\n");
  write(y, "1\n-1\n1\n");
  carry_out_training(until("20"), out, {});
  const std::string rows = bytes_of(out + "/metrics.csv");
  const auto problem = [&] {
    return error_of([&] { carry_out_training(until("40"), out, {.resume = true}); });
  };
  write(x, "1,2\n3,-1\n-2,0.25\n");
  EXPECT_NE(problem().find("was begun with other samples"), std::string::npos) << problem();
  write(x, "1,2\n3,-1\n-2,0.5\n");
  write(y, "1\n1\n-1\n");
  EXPECT_NE(problem().find("was begun with other samples"), std::string::npos) << problem();
  EXPECT_EQ(bytes_of(out + "/metrics.csv"), rows);
  write(y, "1\n-1\n1\n");
  carry_out_training(until("40"), out, {.resume = true});
}

TEST(Run, CanBeCarriedFurther) {
  const TemporaryFolder folder;
  run_into(folder / "a", configured({"data.d=20", "network.width=2", "descent.until=100"}));
  run_into(folder / "a", configured({"data.d=20", "network.width=2", "descent.until=1000"}),
           {.resume = true});
  run_into(folder / "b", configured({"data.d=20", "network.width=2", "descent.until=1000"}));
  EXPECT_EQ(bytes_of(folder / "a/metrics.csv"), bytes_of(folder / "b/metrics.csv"));
}

TEST(Run, AnEarlierEndIsRefusedAndChangesNothing) {
  const TemporaryFolder folder;
  const auto until = [](const char* time) {
    return configured(
        {"data.d=20", "network.width=2", "network.slope=0", std::string("descent.until=") + time});
  };
  for (const char* end : {"1000", "1e40"}) {
    const std::string out = folder / end;
    run_into(out, until(end));
    const std::string config = bytes_of(out + "/config.toml"),
                      rows = bytes_of(out + "/metrics.csv");
    EXPECT_NE(
        error_of([&] { run_into(out, until("100"), {.resume = true}); }).find("descent.until"),
        std::string::npos);
    EXPECT_EQ(bytes_of(out + "/config.toml"), config);
    EXPECT_EQ(bytes_of(out + "/metrics.csv"), rows);
    run_into(out, until(end), {.resume = true});  // the same end is none
    EXPECT_EQ(bytes_of(out + "/metrics.csv"), rows);
  }
}

TEST(Run, ADamagedTableIsMendedFromTheResult) {
  const TemporaryFolder folder;
  const RunConfig config =
      configured({"data.d=20", "network.width=4", "network.slope=0", "descent.until=1e40"});
  run_into(folder / "a", config);
  const std::string path = folder / "a/metrics.csv", good = bytes_of(path);
  const std::size_t half = good.find('\n', good.size() / 2) + 1;
  const std::vector<std::string> damages{good + good.substr(half),  // two writers
                                         good.substr(0, half),      // cut
                                         good.substr(0, half) + "nonsense\n", ""};
  for (const std::string& damage : damages) {
    std::ofstream(path, std::ios::binary) << damage;
    run_into(folder / "a", config, {.resume = true});
    EXPECT_EQ(bytes_of(path), good);
  }
  std::filesystem::remove(path);
  run_into(folder / "a", config, {.resume = true});
  EXPECT_EQ(bytes_of(path), good);
}

TEST(Run, AFailureOnTheWayKeepsWhatWasRecorded) {
  const TemporaryFolder folder;
  const RunConfig config = configured({"data.d=20", "network.width=4", "descent.until=5000"});
  run_into(folder / "whole", config);
  for (const int records : {1, 2, 8}) {
    const std::string out = folder / ("failed" + std::to_string(records));
    int left = records;
    const auto fail = [&](const TrainingState&, const Record&) {
      if (--left == 0) throw InputError("disk", "is full; make room");
    };
    EXPECT_THROW(run_into(out, config, {.recorded = fail}), RunFailure);
    EXPECT_EQ(std::filesystem::exists(out), records > 1);  // the start alone is nothing
    run_into(out, config, {.resume = true});
    EXPECT_EQ(bytes_of(out + "/metrics.csv"), bytes_of(folder / "whole/metrics.csv"));
  }
}

TEST(Run, ALaterEndMayAskForMoreCoefficientsThanAreKept) {
  const TemporaryFolder folder;
  const auto until = [](const std::string& end) {  // 1.6 MB of coefficients a record
    return configured({"data.n=1000", "data.d=10", "network.width=100", "record.per_decade=50",
                       "descent.until=" + end});
  };
  run_into(folder / "parts", until("10"));
  run_into(folder / "parts", until("100"), {.resume = true});
  run_into(folder / "whole", until("100"));
  const Hdf5Reader parts(folder / "parts/result.h5"), whole(folder / "whole/result.h5");
  EXPECT_FALSE(whole.exists("/records/coefficients"));
  EXPECT_FALSE(parts.exists("/records/coefficients"));
  EXPECT_EQ(bytes_of(folder / "parts/metrics.csv"), bytes_of(folder / "whole/metrics.csv"));
}

TEST(Run, ALackOfMemoryLeavesNothingThatRefusesAnotherRun) {
  const TemporaryFolder folder;
  const auto fail = [](const TrainingState&, const Record&) { throw std::bad_alloc(); };
  EXPECT_THROW(run_into(folder / "a", configured({"network.width=9"}), {.recorded = fail}),
               std::bad_alloc);
  run_into(folder / "a", configured({"data.d=20", "network.width=2", "descent.until=10"}));
}

TEST(Run, SamplesWhoseSquaresAreLostAreRefusedBeforeTheFolderIsMade) {
  const TemporaryFolder folder;
  const std::string x = folder / "X.npy", y = folder / "y.npy";
  write_npy(y, ArrayShape{2}, std::vector<double>{1, -1});
  for (const double size : {1e-155, 1e-170, 1e-310, 1e154, 1e200, 1e308}) {
    write_npy(x, ArrayShape{2, 2}, std::vector<double>{size, 0, 0, size});
    const auto attempt = [&] {
      run_into(folder / "out", configured({"data.source=file", "data.x=" + x, "data.y=" + y,
                                           "network.width=3", "descent.until=1e100"}));
    };
    const std::string refusal = error_of(attempt);
    const std::string before_factor =
        size < 1.0 ? "multiply all samples by " : "divide all samples by ";
    EXPECT_NE(refusal.find(size < 1.0 ? "underflow" : "overflow"), std::string::npos);
    EXPECT_FALSE(std::filesystem::exists(folder / "out"));
    const std::size_t at = refusal.find(before_factor);
    ASSERT_NE(at, std::string::npos) << refusal;
    const double factor = std::stod(refusal.substr(at + before_factor.size()));
    const double mended = size < 1.0 ? size * factor : size / factor;
    write_npy(x, ArrayShape{2, 2}, std::vector<double>{mended, 0, 0, mended});
    EXPECT_NO_THROW(
        run_into(folder / "out", configured({"data.source=file", "data.x=" + x, "data.y=" + y,
                                             "network.width=3", "descent.until=100"})));
    std::filesystem::remove_all(folder / "out");
  }
  write_npy(x, ArrayShape{2, 2}, std::vector<double>{1e-310, 0, 0, 1.0});
  EXPECT_NE(
      error_of([&] {
        run_into(folder / "out", configured({"data.source=file", "data.x=" + x, "data.y=" + y}));
      }).find("the scale of the others"),
      std::string::npos);
}

TEST(Run, AnotherThreadsFolderIsRefused) {
  const TemporaryFolder folder;
  const RunConfig config = configured({"data.d=20", "network.width=2", "descent.until=10"});
  int refusals = 0;
  const auto intrude = [&](const TrainingState&, const Record&) {
    std::thread([&] {
      for (const bool resume : {false, true}) {
        try {
          run_into(folder / "a", config, {.resume = resume});
        } catch (const InputError& error) {
          if (std::string(error.what()).find("is writing here") != std::string::npos) ++refusals;
        }
      }
    }).join();
  };
  const RunSummary summary = run_into(folder / "a", config, {.recorded = intrude});
  EXPECT_EQ(refusals, 2 * static_cast<int>(summary.records));
}

TEST(Run, BadInputLeavesNothingBehind) {
  const TemporaryFolder folder;
  const std::string x = folder / "X.npy", y = folder / "y.npy", weights = folder / "W0.npy";
  const auto attempt = [&](const std::vector<double>& xs, const std::vector<double>& ys,
                           const std::vector<std::size_t>& weight_shape) {
    write_npy(x, ArrayShape{2, xs.size() / 2}, xs);
    write_npy(y, ArrayShape{ys.size()}, ys);
    std::size_t count = 1;
    for (const std::size_t extent : weight_shape) count *= extent;
    write_npy(weights, weight_shape, std::vector<double>(count, 0.5));
    EXPECT_THROW(run_into(folder / "out",
                          configured({"data.source=file", "data.x=" + x, "data.y=" + y,
                                      "network.width=3", "network.initial_weights=" + weights})),
                 InputError);
    EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  };
  const double nan = std::nan("");
  attempt({1, 2, 3, nan}, {1, -1}, {2, 3, 2});
  attempt({1, 2, 3, HUGE_VAL}, {1, -1}, {2, 3, 2});
  attempt({1, 2, 3, 4}, {1, 0}, {2, 3, 2});
  attempt({1, 2, 3, 4}, {1, 2}, {2, 3, 2});
  attempt({1, 2, 3, 4}, {1, nan}, {2, 3, 2});
  attempt({1, 2, 3, 4}, {1, -1, 1}, {2, 3, 2});
  attempt({}, {1, -1}, {2, 3, 2});
  attempt({1, 2, 3, 4}, {1, -1}, {2, 4, 2});
  attempt({1, 2, 3, 4}, {1, -1}, {6, 2});
}

TEST(Run, MoreNeuronsThanFitIntoMemoryAreRefusedByTheirKey) {
  const TemporaryFolder folder;
  const std::vector<std::string> keys{"data.n=8", "data.d=12", "network.width=1e9"};
  const auto with = [&](const char* key) {
    std::vector<std::string> all = keys;
    all.emplace_back(key);
    return configured(all);
  };
  const auto training = [&](const char* key) {
    return error_of([&] { carry_out_training(with(key), folder / "out", {}); });
  };
  for (const std::string& refusal :
       {error_of([&] { run_into(folder / "out", configured(keys)); }),
        training("descent.precision=float32"), training("descent.precision=float64"),
        training("network.head=trained"), training("descent.method=sgd")}) {
    EXPECT_EQ(refusal.find("network.width: n = 8, d = 12, m = 1000000000 need"), 0u) << refusal;
    EXPECT_NE(refusal.find("choose a smaller one"), std::string::npos) << refusal;
    EXPECT_EQ(refusal.find("latetime train"), std::string::npos) << refusal;
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST(Run, TheKernelOfRivalsMustFitWhereAFlowMayTakeOver) {
  constexpr double n = 1e5, d = 1.0;  // of ten classes a kernel of 6.5 TB, else some 100 MB
  const auto refusal = [&](double classes, const std::vector<std::string>& keys) {
    std::vector<std::string> all{"network.width=1"};
    all.insert(all.end(), keys.begin(), keys.end());
    try {
      require_memory(configured(all), n, d, classes);
    } catch (const InputError& error) {
      return std::string(error.what());
    }
    return std::string();
  };
  for (const std::vector<std::string>& flows : {std::vector<std::string>{"descent.until=1e100"},
                                                {"descent.until=100", "descent.engine=flow"},
                                                {"descent.until=100", "descent.method=flow"}}) {
    const std::string said = refusal(10.0, flows);
    EXPECT_EQ(said.find("data.n, data.d, network.width: n = 100000, d = 1, m = 1 need"), 0u)
        << said;
    EXPECT_NE(said.find("choose smaller ones"), std::string::npos) << said;
    EXPECT_EQ(refusal(2.0, flows), "");
  }
  EXPECT_EQ(refusal(10.0, {"descent.until=100"}), "");
  EXPECT_EQ(refusal(10.0, {"descent.until=1e9", "descent.method=sgd"}), "");
  EXPECT_EQ(refusal(10.0, {"descent.until=1e100", "descent.engine=dense"}).find("data.n"),
            std::string::npos);
}

TEST(Run, InitialWeightsThatAreNotFiniteAreRefusedFromFilesOfEveryKind) {
  const TemporaryFolder folder;
  const ArrayShape shape{2, 3, 2};
  for (const double bad : {std::nan(""), HUGE_VAL, -HUGE_VAL}) {
    std::vector<double> values(12, 0.5);
    values[7] = bad;  // of neuron 3, feature 1
    const std::string npy = folder / "W0.npy", npz = folder / "W0.npz", h5 = folder / "W0.h5";
    write_npy(npy, shape, values);
    NpzWriter archive(npz);
    archive.add("W0", shape, std::span<const double>(values));
    archive.close();
    Hdf5Writer file(h5);
    file.write("/W0", shape, std::span<const double>(values));
    file.close();
    for (const std::string& weights : {npy, npz + ":W0", h5 + ":/W0"}) {
      for (const char* method : {"gd", "sgd"}) {
        const std::string refusal = error_of([&] {
          run_into(folder / "out",
                   configured({"data.n=4", "data.d=2", "network.width=3",
                               "network.initial_weights=" + weights,
                               std::string("descent.method=") + method, "descent.until=10"}));
        });
        EXPECT_NE(refusal.find(weights.substr(0, weights.find(".", folder.path().size()))),
                  std::string::npos)
            << refusal;
        EXPECT_NE(refusal.find("entry (1, 0, 1) is "), std::string::npos) << refusal;
        EXPECT_NE(refusal.find("finite"), std::string::npos) << refusal;
      }
    }
    EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  }
}

TEST(Run, OverflowIsAnHonestEnd) {
  const TemporaryFolder folder;
  const std::string x = folder / "X.npy", y = folder / "y.npy";
  write_npy(x, ArrayShape{2, 1}, std::vector<double>{1e150, -1e150});
  write_npy(y, ArrayShape{2}, std::vector<double>{1, -1});
  const RunSummary summary =
      run_into(folder / "out",
               configured({"data.source=file", "data.x=" + x, "data.y=" + y, "network.width=2",
                           "descent.until=100", "descent.learning_rate=1e20"}));
  EXPECT_EQ(summary.outcome.reason, StopReason::not_finite);
  EXPECT_EQ(Hdf5Reader(folder / "out/result.h5").read_string("/outcome/reason"), "not-finite");
}

// Small and odd configurations run and mean what they should.

TEST(OddRuns, OneSample) {
  const TemporaryFolder folder;
  run_into(folder / "a", configured({"data.n=1", "descent.until=10000"}));
  EXPECT_LT(last_value(folder / "a", "log_loss"), -5);
}

TEST(OddRuns, OneNeuronAClass) {
  const TemporaryFolder folder;
  run_into(folder / "a", configured({"network.width=1", "descent.until=1000"}));
  EXPECT_EQ(last_value(folder / "a", "stable_rank_pos"), 1.0);  // a single row has rank one
  EXPECT_EQ(last_value(folder / "a", "stable_rank_excess_pos"), 0.0);
}

TEST(OddRuns, FewerDimensionsThanSamples) {
  const TemporaryFolder folder;
  for (const char* engine : {"dense", "coefficient"}) {
    run_into(folder / engine,
             configured({"data.n=40", "data.d=3", "network.slope=0", "network.width=5",
                         "descent.until=300", std::string("descent.engine=") + engine}));
  }
  EXPECT_NEAR(last_value(folder / "dense", "log_loss"),
              last_value(folder / "coefficient", "log_loss"), 1e-11);
}

TEST(OddRuns, AllLabelsEqual) {
  const TemporaryFolder folder;
  const std::string x = folder / "X.npy", y = folder / "y.npy";
  write_npy(x, ArrayShape{3, 3}, std::vector<double>{1, 0, 0, 0, 1, 0, 0, 0, 1});
  write_npy(y, ArrayShape{3}, std::vector<double>{1, 1, 1});
  run_into(folder / "a",
           configured({"data.source=file", "data.x=" + x, "data.y=" + y, "network.slope=0",
                       "descent.learning_rate=10", "descent.until=100000"}));
  // Every sample is fitted, at the rate t^{−1}: a tenth of the loss for ten times the steps.
  EXPECT_GT(last_value(folder / "a", "min_margin"), 2);
  const CsvTable table = read_metrics(folder / "a/metrics.csv");
  const std::size_t column = table.index_of("log_loss");
  const double decade_earlier =
      std::strtod(table.rows[table.rows.size() - 5][column].c_str(), nullptr);
  EXPECT_NEAR(last_value(folder / "a", "log_loss") - decade_earlier, -std::log(10.0), 0.3);
}

TEST(OddRuns, DuplicateSamplesWithOppositeLabelsKeepTheirLoss) {
  const TemporaryFolder folder;
  const std::string x = folder / "X.npy", y = folder / "y.npy";
  write_npy(x, ArrayShape{3, 3}, std::vector<double>{1, 0, 0, 1, 0, 0, 0, 1, 0});
  write_npy(y, ArrayShape{3}, std::vector<double>{1, -1, 1});
  run_into(folder / "a", configured({"data.source=file", "data.x=" + x, "data.y=" + y,
                                     "descent.until=1000000", "network.width=4"}));
  // f takes one value on both: their two losses add to at least 2 log 2, reached at f = 0.
  EXPECT_NEAR(std::exp(last_value(folder / "a", "log_loss")), 2 * std::log(2.0) / 3, 1e-4);
  EXPECT_LE(last_value(folder / "a", "min_margin"), 0.0);
}

/// Bits, so that NaN equals NaN; wall time may differ.
void expect_same_entries(const ArrayArchive& a, const ArrayArchive& b) {
  ASSERT_EQ(a.numeric_datasets(), b.numeric_datasets());
  for (const std::string& name : a.numeric_datasets()) {
    if (name == "/provenance/wall_seconds") continue;
    const auto x = a.read_doubles(name), y = b.read_doubles(name);
    ASSERT_EQ(a.shape(name), b.shape(name));
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint64_t>(x[i]), std::bit_cast<std::uint64_t>(y[i])) << name;
    }
  }
}

class RunInMemory : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(RunInMemory, HoldsWhatTheFolderHolds) {
  const TemporaryFolder folder;
  const RunConfig config = configured(GetParam());
  RunMemory memory;
  const RunSummary here = carry_out_run(load_problem(config), memory, {});
  const RunSummary there = run_into(folder / "a", config);
  const RunMemory stored = read_run(folder / "a");
  EXPECT_EQ(memory.config, stored.config);
  EXPECT_EQ(memory.metrics.columns, stored.metrics.columns);
  EXPECT_EQ(memory.metrics.rows, stored.metrics.rows);
  expect_same_entries(memory.arrays, stored.arrays);
  EXPECT_EQ(here.records, there.records);
  EXPECT_EQ(here.limit.has_value(), there.limit.has_value());
}

INSTANTIATE_TEST_SUITE_P(
    Engines, RunInMemory,
    testing::Values(std::vector<std::string>{"descent.until=2000", "network.width=8"},
                    std::vector<std::string>{"descent.until=1e60", "network.width=8",
                                             "network.slope=0", "data.d=50"},
                    std::vector<std::string>{"descent.method=sgd", "descent.epochs=5",
                                             "descent.batch_size=3", "network.width=8"}));

TEST(RunInMemoryResumed, SlowReachesTheBitsOfOneRun) {
  const std::vector<std::string> keys{"network.width=8", "network.slope=0", "data.d=50"};
  const auto until = [&](const std::string& time) {
    auto all = keys;
    all.push_back("descent.until=" + time);
    return load_problem(configured(all));
  };
  RunMemory whole, parts;
  carry_out_run(until("1e60"), whole, {});
  carry_out_run(until("1e20"), parts, {});
  carry_out_run(until("1e60"), parts, {.resume = true});
  EXPECT_EQ(parts.metrics.rows, whole.metrics.rows);
  expect_same_entries(parts.arrays, whole.arrays);
}

TEST(RunEvents, AreStoredInOrderWithTheirPairs) {
  RunMemory memory;
  carry_out_run(
      load_problem(configured({"descent.until=1e100", "network.width=20", "network.slope=0"})),
      memory, {});
  const auto times = memory.arrays.read_doubles("/events/log10_t");
  ASSERT_FALSE(times.empty());
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  const auto classes = memory.arrays.read_uint8("/events/class");
  const auto samples = memory.arrays.read_uint64("/events/sample");
  const auto causes = memory.arrays.read_uint8("/events/cause");
  const auto y = memory.arrays.read_doubles("/data/y");
  for (std::size_t i = 0; i < times.size(); ++i) {
    const bool own = (classes[i] == 0) == (y[samples[i]] > 0);
    EXPECT_EQ(own, causes[i] == static_cast<std::uint8_t>(FlowCause::own_crosses));
  }
}

}  // namespace
}  // namespace latetime
