#include "latetime/experiment/training_run.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/file_seal.hpp"
#include "latetime/base/text.hpp"
#include "latetime/dynamics/batch_trainer.hpp"
#include "latetime/experiment/image_training.hpp"
#include "latetime/experiment/memory_needs.hpp"
#include "latetime/measure/tiled_rank.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/result_file.hpp"
#include "latetime/store/run_directory.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime {
namespace {

using Clock = std::chrono::steady_clock;

// Longest stretch of a training that a kill can cost, beyond the time between two records.
constexpr std::chrono::seconds checkpoint_period{20};

std::string text_of(double value) {
  return std::isnan(value) ? std::string() : shortest(value);
}

/// Checksums of all samples and classes that a training looks at: files may change under their
/// name.
std::string checksums_of(const Dataset& train, const Dataset* test) {
  std::string seal;
  for (const Dataset* data : {&train, test}) {
    if (!data) continue;
    seal += seal_of_values(std::span(data->x.data(), static_cast<std::size_t>(data->x.size())));
    seal += seal_of_values(data->classes);
  }
  return seal;
}

/// The configuration with nothing left on "auto".
RunConfig resolved(RunConfig config) {
  if (config.network.output_scale == OutputScale::automatic) {
    config.network.output_scale =
        config.network.head == Head::trained ? OutputScale::one : OutputScale::one_over_width;
  }
  if (config.descent.precision == Precision::automatic) {
    config.descent.precision = Precision::float32;
  }
  return config;
}

void require_trainable(const RunConfig& config) {
  if (config.descent.method == Method::flow) {
    throw InputError("descent.method",
                     "\"flow\" is not for latetime train; choose \"sgd\" or "
                     "\"gd\"");
  }
  if (config.descent.engine != EngineChoice::automatic &&
      config.descent.engine != EngineChoice::dense) {
    throw InputError("descent.engine",
                     fmt::format("\"{}\" is not for latetime train, which takes every step on the "
                                 "weights; leave it out or choose \"dense\"",
                                 word_of(config.descent.engine)));
  }
  if (!config.network.initial_weights.empty()) {
    throw InputError("network.initial_weights",
                     "latetime train draws its own; leave it out, or use latetime run");
  }
}

/// One training in one precision, with its folder.
template <class Real>
class Training {
 public:
  Training(const RunConfig& config, const SparseSamples<Real>& train,
           const SparseSamples<Real>* test, std::string data_seal, unsigned threads)
      : config_(config),
        train_(train),
        test_(test),
        data_seal_(std::move(data_seal)),
        trainer_(train,
                 random_classifier(shape_of(config, train), config.network.init_std,
                                   static_cast<std::uint64_t>(config.seed)),
                 options_of(config, threads)) {
    if (!trainer_.classifier().weights.allFinite()) {
      throw InputError("network.init_std",
                       fmt::format("{} overflows {}; choose a smaller one", config.network.init_std,
                                   word_of(config.descent.precision)));
    }
  }

  /// The folder that the training goes into, before anything below is called.
  void enter(const RunDirectory& directory) { directory_ = directory; }

  /// Goes on from an earlier part, unless it ended before its first result. A former end that
  /// `schedule` does not hold starts no new running evaluation, so that the rows to come are those
  /// of a training to the new end. Nothing is written yet.
  void take_over(const std::vector<LogTime>& schedule) {
    const auto file = directory_->read_result();
    if (!file) return;
    records_ = only_number(*file, "/training/records");
    if (records_ == 0) {  // it is written with the first one
      throw InputError("result.h5",
                       "/training/records is 0; it is damaged, train anew into another folder");
    }
    if (file->exists("/training/data_seal") &&  // not of an earlier version
        file->read_string("/training/data_seal") != data_seal_) {
      throw InputError("result.h5",
                       "was begun with other samples, labels or test samples than those of now; "
                       "resume with the same, or train anew into another folder");
    }
    Classifier network = trainer_.classifier();
    read_into(*file, "/final/weights", network.weights.data(), network.weights.size());
    read_into(*file, "/final/output_weights", network.output_weights.data(),
              network.output_weights.size());
    read_into(*file, "/final/output_bias", network.output_bias.data(), network.output_bias.size());
    const std::uint64_t step = only_number(*file, "/training/step");
    const Evaluation running = read_running_sums(*file);
    const bool scheduled = std::binary_search(schedule.begin(), schedule.end(), LogTime(step));
    trainer_.restore(step, network, scheduled ? Evaluation{} : running);
    recorded_ = memory(running);
    if (file->exists("/training/rows")) {
      rows_ = file->read_strings("/training/rows");
      if (rows_.size() != records_) {
        throw InputError("result.h5",
                         "/training/rows has not a row a record; it is damaged, train anew into "
                         "another folder");
      }
    } else {
      directory_->first_rows(records_);  // refuses a table that was cut, before anything is written
    }
  }

  /// Steps that an earlier part took; nothing where this is the first.
  std::optional<std::uint64_t> taken_over() const {
    return recorded_ ? std::optional(recorded_->step) : std::nullopt;
  }

  /// Before the first step: stores the configuration, and the table as the earlier part left it.
  void begin(const std::vector<std::string>& columns) {
    if (rows_.size() == records_) {
      directory_->replace_table(columns, rows_);
    } else {
      directory_->keep_rows(records_);  // of an earlier version, which did not store them
    }
    directory_->write_config(to_toml(config_));
  }

  TrainingSummary run(const std::vector<LogTime>& schedule, const RunSettings& settings) {
    const auto start = Clock::now();
    TrainingSummary summary{.first = trainer_.step(), .kernel = trainer_.kernels().name};
    summary.outcome = follow(schedule, settings);
    write_result(summary.outcome);
    summary.records = records_;
    summary.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    summary.measuring_seconds = spent_.count();
    summary.last = last_;
    return summary;
  }

 private:
  static ClassifierShape shape_of(const RunConfig& config, const SparseSamples<Real>& train) {
    return {
        .head = config.network.head,
        .classes = train.class_count,
        .width = config.network.width,
        .dim = static_cast<Eigen::Index>(train.features),
        .slope = config.network.slope,
        .output_scale = output_scale(word_of(config.network.output_scale), config.network.width)};
  }

  static BatchOptions options_of(const RunConfig& config, unsigned threads) {
    const bool full = config.descent.method == Method::gradient_descent;
    return {.learning_rate = config.descent.learning_rate,
            .batch_size = full ? 0 : static_cast<std::size_t>(config.descent.batch_size),
            .seed = static_cast<std::uint64_t>(config.seed),
            .threads = threads};
  }

  static std::uint64_t only_number(const ArrayReader& file, const std::string& name) {
    const auto values = file.read_uint64(name);
    if (values.size() != 1) throw InputError("result.h5", name + " is not one number; train again");
    return values[0];
  }

  /// Empty where a former version did not store them.
  static Evaluation read_running_sums(const ArrayReader& file) {
    if (!file.exists("/training/running_loss_sum")) return {};
    const auto loss = file.read_doubles("/training/running_loss_sum");
    if (loss.size() != 1) {
      throw InputError("result.h5", "/training/running_loss_sum is not one number; train again");
    }
    return {.loss = loss[0],
            .wrong = only_number(file, "/training/running_wrong"),
            .samples = only_number(file, "/training/running_samples")};
  }

  void read_into(const ArrayReader& file, const std::string& name, double* to, Eigen::Index size) {
    if (size == 0) return;
    const auto values = file.read_doubles(name);
    if (static_cast<Eigen::Index>(values.size()) != size) {
      throw InputError("result.h5", fmt::format("{} has {} entries where {} are needed; the file "
                                                "belongs to another run",
                                                name, values.size(), size));
    }
    const auto is_finite = [](double value) { return std::isfinite(static_cast<Real>(value)); };
    if (!std::all_of(values.begin(), values.end(), is_finite)) {
      throw InputError("result.h5",
                       name +
                           " has an entry that is not finite; it is damaged, train anew into "
                           "another folder");
    }
    std::copy(values.begin(), values.end(), to);
  }

  Outcome follow(const std::vector<LogTime>& schedule, const RunSettings& settings) {
    constexpr std::uint64_t chunk = 50;
    auto next = schedule.begin();
    if (records_ > 0) {  // the schedule may be that of another end than before
      next = std::upper_bound(next, schedule.end(), LogTime(trainer_.step()));
    }
    for (; next != schedule.end(); ++next) {
      const std::uint64_t target = *next->step();
      while (trainer_.step() < target) {
        trainer_.advance(std::min(chunk, target - trainer_.step()));
        if (!trainer_.finite()) return overflowed();
        if (settings.pulse && !settings.pulse(trainer_.step())) return stopped();
      }
      if (!record()) {
        if (records_ == 0) {
          throw InputError(
              "network.init_std",
              fmt::format("{} makes the outputs overflow before the first step; choose "
                          "a smaller one, or smaller samples",
                          config_.network.init_std));
        }
        return overflowed();
      }
    }
    return {StopReason::reached_end, trainer_.step(), ""};
  }

  Outcome overflowed() const {
    return {StopReason::not_finite, trainer_.step(),
            "the outputs overflowed; choose a smaller descent.learning_rate"};
  }

  Outcome stopped() const {
    return {StopReason::interrupted, LogTime(trainer_.step()), "stopped on request"};
  }

  /// False, and nothing recorded, when the weights or the outputs are not finite.
  bool record() {
    const auto begin = Clock::now();
    const Evaluation running = trainer_.running_sums();
    auto measured = measure();
    if (!finite_) return false;
    last_ = std::move(measured);
    std::vector<std::string> fields;
    for (const auto* columns : {&metrics_columns(), &training_columns()}) {
      for (const std::string& name : *columns) fields.push_back(last_[name]);
    }
    directory_->append_row(fields);
    if (rows_.size() == records_) rows_.push_back(join(fields, ","));
    ++records_;
    recorded_ = memory(running);
    if (begin >= next_write_) {
      write_result({StopReason::interrupted, LogTime(trainer_.step()), "running"});
    }
    spent_ += Clock::now() - begin;
    return true;
  }

  std::map<std::string, std::string> measure() {
    std::map<std::string, std::string> row;
    const LogTime time = trainer_.step();
    row["log10_t"] = log10_text(time);
    row["step"] = step_text(time);
    row["engine"] = "dense";
    row["epoch"] = shortest(static_cast<double>(trainer_.step()) /
                            static_cast<double>(trainer_.steps_per_epoch()));
    if (trainer_.step() > 0) {
      const Evaluation running = trainer_.take_running_evaluation();
      row["running_loss"] = text_of(running.loss);
      row["running_error"] = text_of(running.error());
    }
    measure_ranks(row);
    measure_outputs(row);
    if (test_) {
      const Evaluation test = trainer_.evaluate(*test_);
      row["test_loss"] = text_of(test.loss);
      row["test_error"] = text_of(test.error());
    }
    return row;
  }

  void measure_ranks(std::map<std::string, std::string>& row) {
    const GroupRanks ranks = stable_ranks(trainer_.weights(), trainer_.team(), trainer_.kernels());
    row["stable_rank_all"] = text_of(ranks.stacked.value);
    row["stable_rank_excess_all"] = text_of(ranks.stacked.excess);
    if (ranks.groups.size() == 2) {
      row["stable_rank_pos"] = text_of(ranks.groups[0].value);
      row["stable_rank_neg"] = text_of(ranks.groups[1].value);
      row["stable_rank_excess_pos"] = text_of(ranks.groups[0].excess);
      row["stable_rank_excess_neg"] = text_of(ranks.groups[1].excess);
    }
    row["stable_rank_proved_error"] = text_of(ranks.proved_error);
    std::vector<std::string> groups;
    for (const StableRank& rank : ranks.groups) groups.push_back(text_of(rank.value));
    row["group_stable_ranks"] = join(groups, " ");
    norm_ = std::sqrt(ranks.squared_norm);
    row["norm_w"] = text_of(norm_);
  }

  void measure_outputs(std::map<std::string, std::string>& row) {
    const Matrix outputs = trainer_.outputs(train_);
    finite_ = outputs.allFinite() && std::isfinite(norm_);
    if (!finite_) return;
    const Evaluation evaluation = evaluate_outputs(outputs, train_.classes);
    const double margin = margins(outputs, train_.classes).minCoeff();
    row["log_loss"] = text_of(log_mean_loss(outputs, train_.classes));
    row["train_error"] = text_of(evaluation.error());
    row["min_margin"] = text_of(margin);
    if (config_.network.head == Head::groups) row["normalized_margin"] = text_of(margin / norm_);
  }

  struct Memory {
    std::uint64_t step;
    Classifier network;
    Evaluation running_sums;  // of the record at `step`
  };
  Memory memory(const Evaluation& running_sums) const {
    return {trainer_.step(), trainer_.classifier(), running_sums};
  }

  /// Stores the state at the last record: from there the training goes on to the same bytes.
  void write_result(const Outcome& outcome) {
    if (!recorded_) return;
    const Classifier& network = recorded_->network;
    const auto groups = static_cast<std::size_t>(network.shape.groups());
    const auto width = static_cast<std::size_t>(network.shape.width);
    const auto classes = static_cast<std::size_t>(network.shape.classes);
    directory_->write_result([&](Hdf5Writer& file) {
      const auto write = [&](const std::string& name, const ArrayShape& shape, const auto& array) {
        file.write(name, shape,
                   std::span<const double>(array.data(), static_cast<std::size_t>(array.size())));
      };
      write("/final/weights", {groups, width, train_.features}, network.weights);
      if (network.shape.head == Head::trained) {
        write("/final/output_weights", {classes, width}, network.output_weights);
        write("/final/output_bias", {classes}, network.output_bias);
      }
      const auto number = [&](const char* name, const auto& value) {
        file.write(std::string("/training/") + name, {1}, std::span(&value, 1));
      };
      number("step", recorded_->step);
      number("records", records_);
      number("running_loss_sum", recorded_->running_sums.loss);
      number("running_wrong", recorded_->running_sums.wrong);
      number("running_samples", recorded_->running_sums.samples);
      file.write("/training/data_seal", data_seal_);
      if (const std::string reason = no_test_reason(config_); !reason.empty()) {
        file.write("/training/no_test", reason);
      }
      if (rows_.size() == records_) {
        file.write("/training/rows", std::span<const std::string>(rows_));
      }
      file.write("/outcome/reason", to_string(outcome.reason));
      file.write("/outcome/message", outcome.message);
      file.write("/provenance/version", LATETIME_VERSION);
      file.write("/provenance/machine", describe_machine());
      file.write("/provenance/kernel", trainer_.kernels().name);
      file.write("/provenance/config", to_toml(config_));
    });
    next_write_ = Clock::now() + checkpoint_period;
  }

  const RunConfig& config_;
  const SparseSamples<Real>& train_;
  const SparseSamples<Real>* test_;
  const std::string data_seal_;
  std::optional<RunDirectory> directory_;
  BatchTrainer<Real> trainer_;
  std::uint64_t records_ = 0;
  std::vector<std::string> rows_;  // of metrics.csv; fewer than records where they are not known
  std::optional<Memory> recorded_;
  double norm_ = 0.0;
  bool finite_ = true;  // weights and outputs of the last measurement
  std::map<std::string, std::string> last_;
  Clock::time_point next_write_ = Clock::now();
  std::chrono::duration<double> spent_{0.0};
};

template <class Real>
TrainingSummary train(const RunConfig& config, const Dataset& data, const Dataset* test_data,
                      const std::string& out, const RunSettings& settings) {
  const SparseSamples<Real> train = sparse_samples<Real>(data);
  const std::optional<SparseSamples<Real>> test =
      test_data ? std::optional(sparse_samples<Real>(*test_data)) : std::nullopt;
  if (test && test->features != train.features) {
    throw InputError("data.folder",
                     fmt::format("training images of {} pixels but test images of {}; name a "
                                 "folder with the four files of one set",
                                 train.features, test->features));
  }
  const std::vector<LogTime> schedule = recorded_steps(config, data.size());
  const LogTime end = last_time(config, data.size());
  if (!end.step()) {
    throw InputError("descent.until",
                     "latetime train takes every step, at most 2^53 (about 9e15) "
                     "of them; choose fewer, or use latetime run");
  }
  std::vector<std::string> columns = metrics_columns();
  columns.insert(columns.end(), training_columns().begin(), training_columns().end());
  Training<Real> training(config, train, test ? &*test : nullptr, checksums_of(data, test_data),
                          settings.threads);
  if (settings.resume) refuse_run(out);
  const RunDirectory directory = prepare_directory(config, out, settings.resume, columns);
  training.enter(directory);
  if (settings.resume) training.take_over(schedule);
  if (const auto step = training.taken_over()) {
    require_end_not_before(config, data.size(), LogTime(*step), out);
  }
  TrainingSummary summary;
  follow_to_honest_end(
      [&] {
        training.begin(columns);
        if (settings.started) settings.started(0, end);
        summary = training.run(schedule, settings);
      },
      [&] {
        directory.discard_unless_recorded();
        return holds_run(out);
      });
  summary.no_test = no_test_reason(config);
  return summary;
}

}  // namespace

void require_paper_network(const RunConfig& config) {
  const auto refuse = [](const char* key, const std::string& value) {
    throw InputError(key,
                     fmt::format("\"{}\" is not the paper's network in float64, which latetime "
                                 "run follows; use latetime train, or leave it out",
                                 value));
  };
  if (config.network.head != Head::groups) refuse("network.head", word_of(config.network.head));
  if (config.network.output_scale != OutputScale::automatic &&
      config.network.output_scale != OutputScale::one_over_width) {
    refuse("network.output_scale", word_of(config.network.output_scale));
  }
  if (config.descent.precision == Precision::float32) {
    refuse("descent.precision", word_of(config.descent.precision));
  }
}

const std::vector<std::string>& training_columns() {
  static const std::vector<std::string> names{"epoch",
                                              "running_loss",
                                              "running_error",
                                              "train_error",
                                              "test_loss",
                                              "test_error",
                                              "stable_rank_proved_error",
                                              "group_stable_ranks"};
  return names;
}

TrainingSummary carry_out_training(const RunConfig& given, const std::string& out,
                                   const RunSettings& settings) {
  require_trainable(given);
  const RunConfig config = resolved(given);
  const Dataset data = load_training_data(config);
  const int groups = config.network.head == Head::trained ? 1 : data.class_count;
  require_memory_of_training(config, static_cast<double>(data.size()),
                             static_cast<double>(data.dim()),
                             groups * static_cast<double>(config.network.width));
  const std::optional<Dataset> test = load_test_data(config, data);
  const Dataset* test_data = test ? &*test : nullptr;
  if (config.descent.precision == Precision::float64) {
    return train<double>(config, data, test_data, out, settings);
  }
  return train<float>(config, data, test_data, out, settings);
}

}  // namespace latetime
