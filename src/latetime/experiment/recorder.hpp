#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "latetime/experiment/limit_report.hpp"
#include "latetime/experiment/run.hpp"
#include "latetime/store/result_file.hpp"
#include "latetime/store/run_sink.hpp"

namespace latetime {

/// What the exact engines of a stored run counted, /engine/switches. Throws InputError, which names
/// `origin`, when the array is damaged.
SwitchCounts read_switch_counts(const ArrayReader& file, const std::string& origin);

/// Measures every record of a run and keeps its folder, or its memory, up to date.
class Recorder {
 public:
  /// `problem` is referred to.
  Recorder(const RunProblem& problem, RunSink sink, std::size_t expected_records, unsigned threads);

  /// Takes over the records of an earlier part and gives `descent` its state back. Throws
  /// InputError where that part had other samples, labels, initial weights or test samples.
  void take_over(const ArrayReader& earlier, Descent& descent);

  /// Measures, appends the row to metrics.csv, and writes result.h5 if the last time was long
  /// enough ago.
  /// Where the sink measures the last record alone, no other has measures but for the loss.
  const Record& record(const TrainingState& state, const Descent& descent);

  /// Writes result.h5 if the run has gone on for a while without (between distant records).
  void checkpoint_if_due(const Descent& descent);

  /// Writes result.h5 with how the run ended, and its limit where that is known.
  void finish(const Descent& descent, const Outcome& outcome, const LimitReport* limit = nullptr);

  std::size_t records() const { return times_.size(); }
  const Record& last() const { return last_; }
  /// Whether every record is measured, not the last alone.
  bool measures_all() const { return sink_.measures_all; }
  bool keeps_result() const { return sink_.keeps_result; }
  /// Of metrics.csv, all records so far.
  std::vector<std::vector<std::string>> rows() const { return arrays_.rows(); }
  /// Time of the last record; there must be one.
  LogTime last_recorded() const { return times_.back(); }
  double seconds_spent() const { return spent_.count(); }

 private:
  using Clock = std::chrono::steady_clock;

  void append(const TrainingState& state);
  void measure_last();
  void measure(const TrainingState& state, const Matrix& inside);
  void write_result(const Descent& descent, const Outcome& outcome,
                    const LimitReport* limit = nullptr);
  void append_pending_spectra();
  std::vector<std::uint64_t> last_switches() const;
  std::uint64_t note_switched_pairs(const TrainingState& state);

  const RunProblem& problem_;
  const RunConfig& config_;
  const Dataset& data_;
  const Network& initial_;
  const RunSink sink_;
  const Measurer measurer_;
  std::optional<ErrorMeter> errors_;  // of runs that measure them
  const bool keep_coefficients_;
  const unsigned threads_;
  /// Mini-batches see a few pairs a step: nobody knows when the others switch.
  const bool watches_pairs_;
  std::vector<LogTime> times_;  // of all records
  RecordArrays arrays_;         // of those that are measured as they come
  /// Measurer::inside of the records whose spectra are still to be computed. Only result.h5 holds
  /// spectra: until it is written, they wait to be shared among the threads.
  std::vector<Matrix> pending_;
  std::chrono::duration<double> spectra_time_{0.0};  // a record's, when they were last computed
  Record last_;
  std::optional<TrainingState> unmeasured_;  // of the last record
  /// neurons × n: number of the first record after the pair's last switch; 0, which can follow no
  /// switch: never switched. Stored only where pairs are watched.
  Eigen::Matrix<std::uint64_t, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> last_switch_;
  double earlier_seconds_ = 0.0;  // wall time of the parts before this one
  Clock::time_point start_ = Clock::now();
  Clock::time_point next_write_ = start_;
  Clock::time_point next_checkpoint_ = start_;
  std::chrono::duration<double> spent_{0.0};
};

}  // namespace latetime
