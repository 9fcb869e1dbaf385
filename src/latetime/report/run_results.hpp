#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "latetime/base/hdf5_file.hpp"

namespace latetime {

/// /limit of result.h5; the arrays are empty unless the limit was solved (has_direction).
struct StoredLimit {
  std::string status, message;
  std::vector<double> multipliers, support, margins;  ///< n
  std::vector<double> verdicts;                       ///< (2, m, n), codes of docs/formats.md
  std::array<double, 3> stable_rank{}, stable_rank_excess{};
  double normalized_margin = 0.0, kkt_residual = 0.0, strictness = 0.0, log10_followed = 0.0;
  bool settled = false;

  bool has_direction() const { return !margins.empty(); }
  bool found() const { return status == "found" && has_direction(); }
};

/// What a run left in its folder, as far as a report shows it. Shapes as in docs/formats.md; a
/// record is an entry of every column.
struct RunResults {
  std::string folder;  ///< as it was given
  std::string config;  ///< complete, TOML
  std::size_t n = 0, d = 0, width = 0;
  double slope = 0.0, learning_rate = 0.0;
  std::string method, until;
  std::size_t batch_size = 0;  ///< of method "sgd"

  std::map<std::string, std::vector<double>> columns;  ///< of metrics.csv; NaN where empty
  std::vector<std::string> engines;                    ///< of each record

  std::string reason, message;       ///< of the outcome
  double step = 0.0, log10_t = 0.0;  ///< time reached; NaN where it does not exist
  std::string version, machine, kernel, data_origin;
  double wall_seconds = 0.0;

  std::vector<double> labels;               ///< n, ±1
  std::vector<double> preactivations, rho;  ///< (2, m, n)
  std::vector<double> last_switch;          ///< (2, m, n); empty where switches are not counted
  struct Spectrum {
    std::size_t count = 0;       ///< singular values a record
    std::vector<double> values;  ///< records × count, descending
  };
  std::map<std::string, Spectrum> spectra;  ///< "pos", "neg", "all"
  std::optional<StoredLimit> limit;

  /// False for mini-batches, whose steps do not see every pair.
  bool counts_switches() const { return method != "sgd"; }
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
