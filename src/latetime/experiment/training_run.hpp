#pragma once

#include <map>
#include <string>
#include <vector>

#include "latetime/experiment/run.hpp"

namespace latetime {

/// Throws InputError, naming the key, when the configuration asks for a network or a precision that
/// is not that of carry_out_run: two classes, a fixed second layer ±1/m, float64.
void require_paper_network(const RunConfig& config);

/// What `latetime train` measures beyond the columns of metrics.csv.
const std::vector<std::string>& training_columns();

struct TrainingSummary {
  Outcome outcome;
  LogTime first;  ///< where this part began (later than 0 for a resumed run)
  std::size_t records = 0;
  double seconds = 0.0;            ///< of this part
  double measuring_seconds = 0.0;  ///< of these, spent on measures and files
  std::string kernel;
  std::string no_test;  ///< why nothing is measured on test images; empty: it is
  /// Of the last record: training_columns() and metrics_columns(), by name.
  std::map<std::string, std::string> last;
};

/// Trains a classifier by mini-batch or full-batch descent with BatchTrainer, at image-set size:
/// any number of classes, any head and output scale, float32 or float64. Measures loss, error and
/// margins on all training samples, the same on the test images where there are some, and stable
/// ranks.
///
/// The folder is that of carry_out_run: config.toml (complete, nothing left on "auto"), metrics.csv
/// (the same columns, empty where a thing is not measured, and training_columns()), result.h5
/// (weights and what is needed to go on). `resume` goes on to the same bytes of metrics.csv. Throws
/// InputError as carry_out_run does.
TrainingSummary carry_out_training(const RunConfig& config, const std::string& out,
                                   const RunSettings& settings);

}  // namespace latetime
