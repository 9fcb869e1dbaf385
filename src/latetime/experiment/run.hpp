#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "latetime/base/outcome.hpp"
#include "latetime/data/dataset.hpp"
#include "latetime/data/generators.hpp"
#include "latetime/dynamics/descent.hpp"
#include "latetime/experiment/config.hpp"
#include "latetime/experiment/limit_report.hpp"
#include "latetime/measure/errors.hpp"
#include "latetime/store/record.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/store/run_sink.hpp"

namespace latetime {

/// The samples that a configuration describes. Throws InputError.
Dataset load_data(const RunConfig& config);
/// The same for `what` is of two classes alone ("claims are"). Throws InputError for more.
Dataset load_two_classes(const RunConfig& config, const std::string& what);

/// The training samples of `latetime train`: the same, of any number of classes.
Dataset load_training_data(const RunConfig& config);

/// Flips labels of these samples as data.label_noise says; load_data() has done it.
void add_label_noise(Dataset& data, const RunConfig& config);

/// Test samples, with clean labels: of an image set data.test_n of the test split (0: all of it),
/// with the classes of the training samples, and centred by their mean where they are; data.test_n
/// fresh ones of a synthetic source; of files those of data.test_x. Nothing where there are none,
/// and where training uses the test split itself. Throws InputError.
std::optional<Dataset> load_test_data(const RunConfig& config, const Dataset& training);

/// The Gaussian mixture that samples are drawn from; nothing for other sources.
std::optional<GaussianMixture> mixture_of(const RunConfig& config);

/// What population errors are computed of; nothing where the run measures none.
std::optional<Population> population_of(const RunConfig& config);

/// What a run is judged by; nothing where it measures no errors. Throws InputError.
HeldOut held_out_of(const RunConfig& config, const Dataset& training);

/// Why load_test_data() gives nothing, as a clause; empty where it gives something.
std::string no_test_reason(const RunConfig& config);

/// The folder of a run, its lock held: a new one, or, with `resume`, that of an earlier part of the
/// same configuration, as yet unchanged. `columns`: of metrics.csv.
RunDirectory prepare_directory(const RunConfig& config, const std::string& out, bool resume,
                               const std::vector<std::string>& columns);

/// Throws InputError when a run that has reached `reached` already is to end earlier: its
/// configuration would tell of what did not happen. `where` names the run.
void require_end_not_before(const RunConfig& config, Eigen::Index n, const LogTime& reached,
                            const std::string& where);

/// Does `work`, the part of a run after its first byte was written. What fails there is no bad
/// input: an InputError becomes a RunFailure that says what is left. `give_up` is called on every
/// failure, and says whether anything is.
void follow_to_honest_end(const std::function<void()>& work, const std::function<bool()>& give_up);

/// The network's shape for samples of that dimension, as configured.
NetworkShape shape_of(const NetworkConfig& network, Eigen::Index dim, int groups = 2);

/// The initial network for these samples: Gaussian, or read from network.initial_weights.
Network load_network(const RunConfig& config, const Dataset& data);

/// A network from initial weights of shape (groups, m, d); `where` names them in messages. Throws
/// InputError for another shape and for entries that are not finite.
Network network_of_array(const NetworkShape& shape, const std::vector<std::size_t>& array_shape,
                         std::span<const double> values, const std::string& where);

/// The same from a file. Throws InputError also for what is no file of an array.
Network network_of_file(const NetworkShape& shape, const std::string& file);

/// Options of the descent for n samples.
DescentOptions descent_options(const RunConfig& config, Eigen::Index n, unsigned threads);

/// Whether steps take fewer than all n samples: method "sgd" with a batch size below n. With n or
/// more, every batch holds all samples, and a step is that of "gd" up to the order of its sums.
bool takes_mini_batches(const RunConfig& config, Eigen::Index n);

/// Last time of the run: descent.until, or descent.epochs times the batches of an epoch.
LogTime last_time(const RunConfig& config, Eigen::Index n);

/// Times that the run records.
std::vector<LogTime> recorded_steps(const RunConfig& config, Eigen::Index n);

/// Largest absolute difference of log loss and stable ranks, to compare the late-time flow with
/// exact steps. Refers to its arguments.
HandOver::Discrepancy largest_difference(const Measurer& measurer, const Dataset& data);

/// What is run: a configuration with its samples and its initial network.
struct RunProblem {
  RunConfig config;
  Dataset data;
  Network initial;
  HeldOut held_out = {};  ///< where config.data.measures_errors()

  /// What it descends on.
  Problem descent() const {
    return {data, initial, config.descent.learning_rate, loss_named(config.descent.loss)};
  }
};

/// A line on each thing that is allowed and yet hardly meant: samples of zeros, times to record
/// beyond the end.
std::vector<std::string> notes_on(const RunProblem& problem);

/// Loads both. Throws InputError.
RunProblem load_problem(const RunConfig& config);

/// How a run is carried out, beside what is run.
struct RunSettings {
  unsigned threads = 1;
  bool resume = false;
  /// Once, before the first step of this part: where it begins and the last time of the run.
  std::function<void(const LogTime& first, const LogTime& last)> started;
  /// Before the first step of this part, and whenever another engine has taken over, before
  /// `pulse`.
  std::function<void(EngineKind engine, const LogTime& time)> engine_changed;
  /// After each record, with the state that it is of (weights are empty where they follow from the
  /// coefficients).
  std::function<void(const TrainingState& state, const Record& record)> recorded = {};
  /// Every few dozen milliseconds, with the time reached; false stops the run, resumable.
  std::function<bool(const LogTime& time)> pulse;
};

struct RunSummary {
  Outcome outcome;
  EngineKind engine = EngineKind::coefficient;  ///< that took the last step
  LogTime first;  ///< where this part began (later than 0 for a resumed run)
  std::size_t records = 0;
  double seconds = 0.0;            ///< of this part
  double measuring_seconds = 0.0;  ///< of these, spent on measures and files
  Record last;                     ///< the last record made by this part (time 0 if it made none)
  std::vector<std::string> notes;  ///< see notes_on
  /// Of a run that reached late time and was not interrupted.
  std::optional<LimitReport> limit;
};

/// Carries out a run into the folder `out`: config.toml, metrics.csv (a row a record, appended as
/// the run goes on) and result.h5 (replaced atomically at records, at most a few times a second,
/// every half minute between them, and at the end). A run that reached late time ends by solving
/// its limit (/limit of result.h5). Everything is checked before the folder is made.
///
/// With `resume`, goes on from the last result.h5 of that folder to the same bytes of metrics.csv
/// that an uninterrupted run gives; starts from the beginning when there is nothing to go on from.
/// Throws InputError for bad input, a folder that holds a run (without resume), a configuration
/// that differs from the folder's or an end that it has passed (with resume), and a folder that
/// another process writes to; nothing is changed then. Throws RunFailure (or bad_alloc) when
/// something fails on the way: the folder then holds what was recorded, to be resumed, or is gone
/// if that is nothing.
RunSummary carry_out_run(const RunProblem& problem, const std::string& out,
                         const RunSettings& settings);
RunSummary carry_out_run(const RunConfig& config, const std::string& out,
                         const RunSettings& settings);

/// The same in memory: when it returns, `memory` holds what the folder would hold, to the last bit.
/// With `resume`, goes on from what `memory` holds; the problem must then be the same.
RunSummary carry_out_run(const RunProblem& problem, RunMemory& memory, const RunSettings& settings);

/// The same without result.h5, whose spectra take most of the time of a small run: `metrics` gets
/// columns and rows of metrics.csv, to the last bit. With `measured` last, rows before the last
/// hold times, engine and loss alone, and `settings.recorded` sees no more: measures and error
/// estimates take most of what is left. Where a late-time flow then stops before the end, the last
/// record's error_estimate is NaN: nobody knew that it was the last. Such a run cannot be resumed.
enum class MeasuredRecords { every, last };
RunSummary carry_out_run(const RunProblem& problem, CsvTable& metrics, const RunSettings& settings,
                         MeasuredRecords measured = MeasuredRecords::every);

}  // namespace latetime
