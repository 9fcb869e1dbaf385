#pragma once

#include <map>
#include <optional>
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
  std::string no_test;  ///< why nothing is measured on test samples; empty: it is
  /// Of the last record: training_columns() and metrics_columns(), by name.
  std::map<std::string, std::string> last;
};

/// What is trained: a configuration with its samples, of any number of classes.
struct TrainingProblem {
  RunConfig config;
  Dataset data;
  /// Loss and error over them are measured at each record; of the dimension and classes of `data`.
  std::optional<Dataset> test = {};
  /// Of the hidden layer, instead of random ones: (groups · m) × d, row k·m + r is neuron r of
  /// group k (one group of a trained head, whose output layer is drawn in any case).
  std::optional<Matrix> initial_weights = {};
};

/// The groups of hidden neurons that a training on `data` has: a group a class, one of a trained
/// head.
NetworkShape hidden_shape(const RunConfig& config, const Dataset& data);

/// Loads what the configuration names, the test split of an image set included. Throws InputError,
/// also for what is not for a training.
TrainingProblem load_training_problem(const RunConfig& config);

/// Trains a classifier by mini-batch or full-batch descent with BatchTrainer, at image-set size:
/// any number of classes, any head and output scale, float32 or float64. Measures loss, error and
/// margins on all training samples, the same on the test samples where there are some, and stable
/// ranks. Of the settings, `engine_changed` and `recorded` are those of runs alone.
///
/// The folder is that of carry_out_run: config.toml (complete, nothing left on "auto"), metrics.csv
/// (the same columns, empty where a thing is not measured, and training_columns()), result.h5
/// (weights and what is needed to go on). `resume` goes on to the same bytes of metrics.csv. Throws
/// InputError as carry_out_run does.
TrainingSummary carry_out_training(const RunConfig& config, const std::string& out,
                                   const RunSettings& settings);
TrainingSummary carry_out_training(TrainingProblem problem, const std::string& out,
                                   const RunSettings& settings);

/// The same in memory: when it returns, `memory` holds what the folder would hold, to the last bit.
/// With `resume`, goes on from what `memory` holds; the problem must then be the same.
TrainingSummary carry_out_training(TrainingProblem problem, RunMemory& memory,
                                   const RunSettings& settings);

}  // namespace latetime
