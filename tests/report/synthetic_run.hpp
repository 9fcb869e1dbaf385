#pragma once

// Folders of runs, written through the store as a run writes them, with made-up numbers of any
// size.

#include <cmath>
#include <functional>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "latetime/base/text.hpp"
#include "latetime/store/result_file.hpp"
#include "latetime/store/run_directory.hpp"

namespace latetime {

struct SyntheticRun {
  Eigen::Index n = 4, d = 6, width = 3;
  std::size_t records = 12;
  double slope = 0.1;
  Method method = Method::gradient_descent;
  /// log10 t of the last record; the records lie evenly in log t from 1 on, after one at 0.
  double last = 8.0;
  /// Verdict of the limit on a pair (row of the stacked network, sample); empty: no limit.
  std::function<std::uint8_t(Eigen::Index, Eigen::Index)> verdict = {};
  /// Record after the last switch of a pair; empty: never.
  std::function<std::uint64_t(Eigen::Index, Eigen::Index)> last_switch = {};
};

inline Record synthetic_record(const SyntheticRun& run, std::size_t r, std::mt19937& random) {
  std::normal_distribution<double> noise;
  Record record;
  const double log10_t = run.last * static_cast<double>(r) / static_cast<double>(run.records - 1);
  record.time = r == 0 ? LogTime(0) : LogTime::from_log10(log10_t);
  // A step of its own for each of many records that lie closer together at first.
  if (const auto step = record.time.step(); step && *step < r) record.time = LogTime(r);
  record.engine = log10_t < run.last / 4 ? EngineKind::coefficient : EngineKind::flow;
  record.switches.counted = record.engine == EngineKind::coefficient;
  record.sliding_pairs = static_cast<Eigen::Index>(r % 3);
  record.error_estimate = record.engine == EngineKind::flow ? 1e-8 : 0.0;
  Measures& m = record.measures;
  m.log_loss = -log10_t * std::numbers::ln10 + 0.01 * noise(random);
  m.min_margin = -m.log_loss;
  m.norm_w = 1 + std::abs(m.min_margin);
  m.normalized_margin = m.min_margin / m.norm_w;
  for (auto& rank : m.stable_ranks) {
    rank.excess = (1 + 0.01 * noise(random)) / (1 + log10_t);
    rank.value = 1 + rank.excess;
  }
  m.kkt.residual = m.kkt.stationarity = m.kkt.complementarity = 0.5 / (1 + log10_t);
  m.neuron_norm_min = m.neuron_norm_mean = m.neuron_norm_max = m.norm_w;
  m.active_own = Eigen::VectorXi::Constant(run.n, 2);
  m.rho_own_mean = m.rho_other_mean = Vector::Zero(run.n);
  return record;
}

inline StoredLimit synthetic_limit(const SyntheticRun& run) {
  const auto n = static_cast<std::size_t>(run.n);
  const std::size_t pairs = 2 * static_cast<std::size_t>(run.width) * n;
  StoredLimit limit{.status = LimitStatus::found, .log10_followed = 1.0, .settled = 1.0};
  limit.multipliers = limit.margins = std::vector<double>(n, 1.0);
  limit.support.assign(n, 1);
  limit.coefficients = limit.slopes = std::vector<double>(pairs, 1.0);
  for (Eigen::Index k = 0; k < 2 * run.width; ++k) {
    for (Eigen::Index i = 0; i < run.n; ++i) {
      limit.verdicts.push_back(static_cast<std::uint8_t>(run.verdict(k, i)));
    }
  }
  limit.stable_rank = limit.stable_rank_excess = {1.5, 1.5, 1.5};
  limit.normalized_margin = limit.kkt_residual = limit.strictness = 1.0;
  limit.undecided = 0.0;
  return limit;
}

/// Writes the run into `folder`, which must not hold one.
inline void write_synthetic_run(const std::string& folder, const SyntheticRun& run) {
  std::mt19937 random(1);
  std::normal_distribution<double> noise;
  const auto filled = [&](Eigen::Index rows, Eigen::Index columns) {
    return Matrix(Matrix::NullaryExpr(rows, columns, [&] { return noise(random); }));
  };
  Dataset data;
  data.x = filled(run.n, run.d);
  for (Eigen::Index i = 0; i < run.n; ++i) data.classes.push_back(i % 2 ? 1 : 0);
  data.class_count = 2;
  Network initial;
  initial.shape.width = run.width;
  initial.shape.dim = run.d;
  initial.shape.slope = run.slope;
  initial.weights = filled(2 * run.width, run.d);
  const std::string config = fmt::format(
      "[network]\nslope = {}\n[descent]\nlearning_rate = 0.1\nmethod = \"{}\"\n{}until = "
      "\"1e8\"\n",
      run.slope, text_of(run.method), run.method == Method::stochastic ? "batch_size = 2\n" : "");
  const auto directory = RunDirectory::create(folder, config, metrics_columns());

  TrainingState state;
  state.weights = filled(2 * run.width, run.d);
  state.preactivations = filled(2 * run.width, run.n);
  state.coefficients = filled(2 * run.width, run.n);
  RecordArrays arrays;
  const Eigen::Index count = std::min(run.width, run.d), stacked = std::min(2 * run.width, run.d);
  std::string rows;
  for (std::size_t r = 0; r < run.records; ++r) {
    const Record record = synthetic_record(run, r, random);
    state.time = record.time;
    arrays.append(record, state, initial.shape, false);
    arrays.append_spectra({Vector::LinSpaced(count, 2, 1), Vector::LinSpaced(count, 2, 1),
                           Vector::LinSpaced(stacked, 2, 1)});
    rows += join(metrics_fields(record), ",") + "\n";
  }
  replace_file(directory.file("metrics.csv"), join(metrics_columns(), ",") + "\n" + rows);

  std::vector<std::uint64_t> last_switch;
  for (Eigen::Index k = 0; k < 2 * run.width; ++k) {
    for (Eigen::Index i = 0; i < run.n; ++i) {
      last_switch.push_back(run.last_switch ? run.last_switch(k, i) : 0);
    }
  }
  directory.write_result([&](Hdf5Writer& file) {
    write_run(file, data, initial, state,
              run.method == Method::stochastic ? std::vector<std::uint64_t>() : last_switch,
              {StopReason::reached_end, state.time, ""},
              {.version = "0",
               .machine = "none",
               .kernel = "none",
               .config = config,
               .data_origin = "made up",
               .wall_seconds = 1.0});
    arrays.write(file);
    if (run.verdict) {
      write_group(file, synthetic_limit(run), sizes_of(initial.shape, run.n));
    }
  });
}

}  // namespace latetime
