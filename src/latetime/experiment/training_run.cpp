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
#include "latetime/dynamics/batch_descent.hpp"
#include "latetime/experiment/image_training.hpp"
#include "latetime/experiment/memory_needs.hpp"
#include "latetime/experiment/run_place.hpp"
#include "latetime/measure/tiled_rank.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/store/result_file.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime {
namespace {

using Clock = std::chrono::steady_clock;

// Longest stretch of a training that a kill can cost, beyond the time between two records.
constexpr std::chrono::seconds checkpoint_period{20};

std::string text_of(double value) {
  return std::isnan(value) ? std::string() : shortest(value);
}

/// Checksums of all samples, classes and given weights that a training looks at: files may change
/// under their name.
std::string checksums_of(const TrainingProblem& problem) {
  std::string seal;
  const auto add = [&](const auto& x) {
    seal += seal_of_values(std::span(x.data(), static_cast<std::size_t>(x.size())));
  };
  for (const Dataset* data : {&problem.data, problem.test ? &*problem.test : nullptr}) {
    if (!data) continue;
    add(data->x);
    seal += seal_of_values(data->classes);
  }
  if (problem.initial_weights) add(*problem.initial_weights);
  return seal;
}

/// The configuration with nothing left on "auto".
RunConfig resolved(RunConfig config) {
  config.network.output_scale = settled(config.network.output_scale, config.network.head);
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
}

/// Columns of metrics.csv.
const std::vector<std::string>& all_columns() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> columns = metrics_columns();
    columns.insert(columns.end(), training_columns().begin(), training_columns().end());
    return columns;
  }();
  return names;
}

/// One training in one precision, with the place that it goes into.
template <class Real>
class Training {
 public:
  /// Refers to its arguments. Everything is checked before `enter` is called.
  Training(const TrainingProblem& problem, const SparseSamples<Real>& train,
           const SparseSamples<Real>* test, unsigned threads)
      : problem_(problem),
        config_(problem.config),
        train_(train),
        test_(test),
        data_seal_(checksums_of(problem)),
        trainer_(train, initial_classifier(problem, train), options_of(config_, threads)) {
    if (!trainer_.classifier().weights.allFinite()) {
      throw InputError(initial_key(),
                       fmt::format("{} overflows {}; choose a smaller one",
                                   problem.initial_weights ? "an entry" : initial_text(),
                                   word_of(config_.descent.precision)));
    }
  }

  /// Where the training goes, before anything below is called.
  void enter(const RunPlace& place) { place_ = &place; }

  /// Goes on from an earlier part, unless it ended before its first result. A former end that
  /// `schedule` does not hold starts no new running evaluation, so that the rows to come are those
  /// of a training to the new end. Nothing is written yet.
  void take_over(const std::vector<LogTime>& schedule) {
    const auto& file = place_->earlier;
    if (!file) return;
    records_ = only_number(*file, "/training/records");
    if (records_ == 0) {  // it is written with the first one
      throw InputError("result.h5",
                       "/training/records is 0; it is damaged, train anew into another folder");
    }
    if (file->exists("/training/data_seal") &&  // not of an earlier version
        file->read_string("/training/data_seal") != data_seal_) {
      throw InputError("result.h5",
                       fmt::format("was begun with other samples, labels{} than those of now; "
                                   "resume with the same, or train anew into another folder",
                                   problem_.initial_weights ? ", test samples or initial weights"
                                                            : " or test samples"));
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
      for (const std::string& row : file->read_strings("/training/rows")) {
        rows_.push_back(split_at_commas(row));
      }
      if (rows_.size() != records_) {
        throw InputError("result.h5",
                         "/training/rows has not a row a record; it is damaged, train anew into "
                         "another folder");
      }
    } else {  // of an earlier version, which did not store them
      rows_ = place_->stored_rows(records_);
    }
  }

  /// Steps that an earlier part took; nothing where this is the first.
  std::optional<std::uint64_t> taken_over() const {
    return recorded_ ? std::optional(recorded_->step) : std::nullopt;
  }

  /// Before the first step: stores the configuration, and the table as the earlier part left it.
  void begin() { place_->begin(rows_); }

  TrainingSummary run(const std::vector<LogTime>& schedule, const RunSettings& settings) {
    const auto start = Clock::now();
    TrainingSummary summary{.first = trainer_.step(), .kernel = trainer_.kernels().name};
    summary.outcome = follow_schedule(schedule, settings);
    write_result(summary.outcome);
    summary.records = records_;
    summary.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    summary.measuring_seconds = spent_.count();
    summary.last = last_;
    return summary;
  }

 private:
  std::string initial_text() const { return shortest(config_.network.init_std); }

  /// What to change where the network is too large to begin with.
  const char* initial_key() const {
    return problem_.initial_weights ? "network.initial_weights" : "network.init_std";
  }

  static Classifier initial_classifier(const TrainingProblem& problem,
                                       const SparseSamples<Real>& train) {
    const RunConfig& config = problem.config;
    Classifier network = random_classifier(shape_of(config, train), config.network.init_std,
                                           static_cast<std::uint64_t>(config.seed));
    if (problem.initial_weights) network.weights = *problem.initial_weights;
    return network;
  }

  static ClassifierShape shape_of(const RunConfig& config, const SparseSamples<Real>& train) {
    const NetworkConfig& network = config.network;
    return {.head = network.head,
            .classes = train.class_count,
            .width = network.width,
            .dim = static_cast<Eigen::Index>(train.features),
            .slope = network.slope,
            .smoothing = network.smoothing,
            .output_scale = output_factor(network.output_scale, network.head, network.width)};
  }

  static BatchOptions options_of(const RunConfig& config, unsigned threads) {
    const bool full = config.descent.method == Method::gradient_descent;
    return {.learning_rate = config.descent.learning_rate,
            .batch_size = full ? 0 : static_cast<std::size_t>(config.descent.batch_size),
            .seed = static_cast<std::uint64_t>(config.seed),
            .threads = threads,
            .loss = loss_named(config.descent.loss)};
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

  Outcome follow_schedule(const std::vector<LogTime>& schedule, const RunSettings& settings) {
    auto next = schedule.begin();
    if (records_ > 0) {  // the schedule may be that of another end than before
      next = std::upper_bound(next, schedule.end(), LogTime(trainer_.step()));
    }
    const Outcome outcome = follow(trainer_, std::span(next, schedule.end()),
                                   {.record = [&] { return record(); }, .pulse = settings.pulse});
    if (records_ > 0 || outcome.reason != StopReason::not_finite) return outcome;
    throw InputError(initial_key(),
                     fmt::format("{} makes the outputs overflow before the first step; choose "
                                 "a smaller one, or smaller samples",
                                 problem_.initial_weights ? "an entry" : initial_text()));
  }

  /// False, and nothing recorded, when the weights or the outputs are not finite.
  bool record() {
    const auto begin = Clock::now();
    const Evaluation running = trainer_.running_sums();
    auto measured = measure();
    if (!finite_) return false;
    last_ = std::move(measured);
    std::vector<std::string> fields;
    for (const std::string& name : all_columns()) fields.push_back(last_[name]);
    place_->sink.append_row(fields);
    rows_.push_back(std::move(fields));
    ++records_;
    recorded_ = memory(running);
    if (place_->sink.lasting && begin >= next_write_) {
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
    row[engine_column] = word_of(EngineKind::dense);
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
    const Loss& loss = loss_named(config_.descent.loss);
    const Matrix outputs = trainer_.outputs(train_);
    finite_ = outputs.allFinite() && std::isfinite(norm_);
    if (!finite_) return;
    const Evaluation evaluation = evaluate_outputs(outputs, train_.classes, loss);
    const double margin = margins(outputs, train_.classes).minCoeff();
    row["log_loss"] = text_of(log_mean_loss(outputs, train_.classes, loss));
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
    place_->sink.write_result([&](ArrayWriter& file) {
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
      if (!test_) file.write("/training/no_test", no_test_reason(config_));
      std::vector<std::string> lines;
      for (const auto& row : rows_) lines.push_back(join(row, ","));
      file.write("/training/rows", std::span<const std::string>(lines));
      file.write("/outcome/reason", word_of(outcome.reason));
      file.write("/outcome/message", outcome.message);
      file.write("/provenance/version", LATETIME_VERSION);
      file.write("/provenance/machine", describe_machine());
      file.write("/provenance/kernel", trainer_.kernels().name);
      file.write("/provenance/config", to_toml(config_));
    });
    next_write_ = Clock::now() + checkpoint_period;
  }

  const TrainingProblem& problem_;
  const RunConfig& config_;
  const SparseSamples<Real>& train_;
  const SparseSamples<Real>* test_;
  const std::string data_seal_;
  const RunPlace* place_ = nullptr;
  BatchTrainer<Real> trainer_;
  std::uint64_t records_ = 0;
  MetricsRows rows_;  // of the records
  std::optional<Memory> recorded_;
  double norm_ = 0.0;
  bool finite_ = true;  // weights and outputs of the last measurement
  std::map<std::string, std::string> last_;
  Clock::time_point next_write_ = Clock::now();
  std::chrono::duration<double> spent_{0.0};
};

/// Throws InputError where the test samples are none that the network could look at.
void require_fitting_test(const TrainingProblem& problem) {
  if (!problem.test) return;
  const Dataset& test = *problem.test;
  if (test.dim() != problem.data.dim()) {
    if (no_test_reason(problem.config).empty()) {
      throw InputError("data.folder",
                       fmt::format("training images of {} pixels but test images of {}; name a "
                                   "folder with the four files of one set",
                                   problem.data.dim(), test.dim()));
    }
    throw InputError("test samples", fmt::format("have {} features, those to train on {}; give "
                                                 "them the same",
                                                 test.dim(), problem.data.dim()));
  }
  if (test.classes.empty()) throw InputError("test samples", "there are none; leave them out");
  const int largest = *std::max_element(test.classes.begin(), test.classes.end());
  if (largest >= problem.data.class_count) {
    throw InputError("test samples",
                     fmt::format("one has class {}, those to train on have {} classes; leave "
                                 "it out",
                                 largest, problem.data.class_count));
  }
}

using MakePlace = std::function<RunPlace(const TrainingProblem& problem)>;

template <class Real>
TrainingSummary train(const TrainingProblem& problem, const RunSettings& settings,
                      const MakePlace& make_place) {
  const RunConfig& config = problem.config;
  const SparseSamples<Real> samples = sparse_samples<Real>(problem.data);
  const std::optional<SparseSamples<Real>> test =
      problem.test ? std::optional(sparse_samples<Real>(*problem.test)) : std::nullopt;
  const std::vector<LogTime> schedule = recorded_steps(config, problem.data.size());
  const LogTime end = last_time(config, problem.data.size());
  if (!end.step()) {
    throw InputError("descent.until",
                     "latetime train takes every step, at most 2^53 (about 9e15) "
                     "of them; choose fewer, or use latetime run");
  }
  Training<Real> training(problem, samples, test ? &*test : nullptr, settings.threads);
  const RunPlace place = make_place(problem);
  training.enter(place);
  training.take_over(schedule);
  if (const auto step = training.taken_over()) {
    require_end_not_before(config, problem.data.size(), LogTime(*step), place.name);
  }
  TrainingSummary summary;
  follow_to_honest_end(
      [&] {
        training.begin();
        if (settings.started) settings.started(0, end);
        summary = training.run(schedule, settings);
      },
      place.give_up);
  if (!problem.test) summary.no_test = no_test_reason(config);
  return summary;
}

int groups_of(const RunConfig& config, const Dataset& data) {
  return config.network.head == Head::trained ? 1 : data.class_count;
}

void require_memory_for(const RunConfig& config, const Dataset& data) {
  require_memory_of_training(config, static_cast<double>(data.size()),
                             static_cast<double>(data.dim()),
                             groups_of(config, data) * static_cast<double>(config.network.width));
}

TrainingSummary carry_out(TrainingProblem problem, const RunSettings& settings,
                          const MakePlace& make_place) {
  require_trainable(problem.config);
  problem.config = resolved(problem.config);
  require_memory_for(problem.config, problem.data);
  require_fitting_test(problem);
  if (problem.config.descent.precision == Precision::float64) {
    return train<double>(problem, settings, make_place);
  }
  return train<float>(problem, settings, make_place);
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

NetworkShape hidden_shape(const RunConfig& config, const Dataset& data) {
  return shape_of(config.network, data.dim(), groups_of(config, data));
}

TrainingProblem load_training_problem(const RunConfig& given) {
  require_trainable(given);
  TrainingProblem problem{.config = resolved(given), .data = load_training_data(given)};
  require_memory_for(problem.config, problem.data);
  problem.test = load_test_data(problem.config, problem.data);
  const std::string& file = given.network.initial_weights;
  if (!file.empty()) {
    problem.initial_weights =
        network_of_file(hidden_shape(problem.config, problem.data), file).weights;
  }
  return problem;
}

TrainingSummary carry_out_training(const RunConfig& config, const std::string& out,
                                   const RunSettings& settings) {
  return carry_out_training(load_training_problem(config), out, settings);
}

TrainingSummary carry_out_training(TrainingProblem problem, const std::string& out,
                                   const RunSettings& settings) {
  return carry_out(std::move(problem), settings, [&](const TrainingProblem& of) {
    if (settings.resume) refuse_run(out);
    return place_in_directory(of.config, out, settings.resume, all_columns());
  });
}

TrainingSummary carry_out_training(TrainingProblem problem, RunMemory& memory,
                                   const RunSettings& settings) {
  return carry_out(std::move(problem), settings, [&](const TrainingProblem& of) {
    if (settings.resume && !memory.arrays.entries().empty() &&
        !memory.arrays.exists("/training/step")) {
      throw InputError("memory", "holds a run of latetime run; go on with it by carry_out_run");
    }
    return place_in_memory(of.config, memory, settings.resume, all_columns());
  });
}

}  // namespace latetime
