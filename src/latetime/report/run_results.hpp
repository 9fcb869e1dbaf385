#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "latetime/model/loss.hpp"
#include "latetime/model/method.hpp"
#include "latetime/store/run_schema.hpp"

namespace latetime {

/// What a run left in its folder, as far as a report shows it. Shapes as in docs/formats.md; a
/// record is an entry of every column.
struct RunResults {
  std::string folder;  ///< as it was given
  std::string config;  ///< complete, TOML
  std::size_t n = 0, d = 0, width = 0;
  Activation activation;
  double learning_rate = 0.0;
  LossName loss = LossName::logistic;
  Method method = Method::gradient_descent;
  std::string until;
  std::size_t batch_size = 0;  ///< of Method::stochastic

  std::map<std::string, std::vector<double>> columns;  ///< of metrics.csv; NaN where empty
  std::vector<EngineKind> engines;                     ///< of each record

  RunEnd end;
  Provenance provenance;
  std::vector<double> labels;  ///< n, ±1
  FinalState state;
  struct Spectrum {
    std::size_t count = 0;       ///< singular values a record
    std::vector<double> values;  ///< records × count, descending
  };
  std::map<std::string, Spectrum> spectra;  ///< "pos", "neg", "all"
  std::optional<StoredLimit> limit;

  /// False for mini-batches, whose steps do not see every pair.
  bool counts_switches() const { return method != Method::stochastic; }
  std::size_t records() const { return engines.size(); }
  const std::vector<double>& column(const std::string& name) const { return columns.at(name); }
  /// Margins y_i f(x_i) of the last state, from its pre-activations.
  std::vector<double> margins() const;
};

/// Reads metrics.csv, result.h5 and config.toml of the run in `folder`. Throws InputError when it
/// holds none, when result.h5 is not written yet, and for files that are damaged or do not fit
/// together.
RunResults read_run_results(const std::string& folder);

}  // namespace latetime
