#include "latetime/experiment/recorder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/parallel.hpp"

namespace latetime {
namespace {

// C of every record is kept up to this many bytes a run; beyond, only that of the last state.
constexpr std::size_t coefficient_budget = std::size_t{64} << 20;

// A file is replaced again only after this multiple of the time that writing it took.
constexpr int write_spacing = 30;

// Time that the spectra waiting for the next result.h5 may take together: a run that is asked to
// stop has to compute them first.
constexpr std::chrono::duration<double> most_pending{0.25};

// Longest stretch of a run that a kill can cost.
constexpr std::chrono::seconds checkpoint_period{30};

void write_memory(ArrayWriter& file, const EngineMemory& memory, EngineKind engine) {
  file.write("/engine/name", word_of(engine));
  file.write("/engine/step", {1}, std::span<const std::uint64_t>(&memory.step, 1));
  for (const auto& [name, array] : memory.arrays) {
    file.write("/engine/" + name,
               {static_cast<std::size_t>(array.rows()), static_cast<std::size_t>(array.cols())},
               std::span<const double>(array.data(), static_cast<std::size_t>(array.size())));
  }
  const SwitchCounts& s = memory.switches;
  const std::vector<std::uint64_t> counts{s.counted, s.own, s.other, s.last_own_step,
                                          s.last_other_step};
  file.write("/engine/switches", {counts.size()}, std::span<const std::uint64_t>(counts));
  file.write("/engine/switched_since_record", {memory.switched_since_record.words.size()},
             std::span<const std::uint64_t>(memory.switched_since_record.words));
}

template <class T>
T only_entry(const std::vector<T>& values, const char* name) {
  if (values.size() == 1) return values.front();
  throw InputError("result.h5", fmt::format("{} is no single number; it is damaged, run anew into "
                                            "another folder",
                                            name));
}

EngineMemory read_memory(const ArrayReader& file, Descent& descent) {
  const EngineMemory pattern = descent.memory_pattern(
      [&](const std::string& array) { return file.exists("/engine/" + array); });
  EngineMemory memory = pattern;
  memory.step = only_entry(file.read_uint64("/engine/step"), "/engine/step");
  for (auto& [name, array] : memory.arrays) {
    if (!file.exists("/engine/" + name)) {
      throw InputError(
          "descent.until",
          fmt::format("is so much later than before that the run would have used other "
                      "engines from the start (result.h5 has no /engine/{}), or the file "
                      "is damaged; run it anew into another folder",
                      name));
    }
    const auto values = file.read_doubles("/engine/" + name);
    if (values.size() != static_cast<std::size_t>(array.size())) {
      throw InputError("result.h5",
                       fmt::format("/engine/{} has {} entries where {} are needed; the "
                                   "file belongs to another run",
                                   name, values.size(), array.size()));
    }
    std::copy(values.begin(), values.end(), array.data());
  }
  memory.switches = read_switch_counts(file, "result.h5");
  memory.switched_since_record.words = file.read_uint64("/engine/switched_since_record");
  if (memory.switched_since_record.words.size() != pattern.switched_since_record.words.size()) {
    throw InputError("result.h5",
                     "/engine/switched_since_record has not an entry a pair; it is damaged, run "
                     "anew into another folder");
  }
  return memory;
}

StoredEvents stored_events(const std::vector<FlowEvent>& events, const NetworkShape& shape) {
  StoredEvents stored;
  for (const FlowEvent& event : events) {
    stored.log10_t.push_back(event.log_time / std::numbers::ln10);
    stored.classes.push_back(static_cast<std::uint8_t>(event.neuron / shape.width));
    stored.neurons.push_back(static_cast<std::uint64_t>(event.neuron % shape.width));
    stored.samples.push_back(static_cast<std::uint64_t>(event.sample));
    stored.causes.push_back(static_cast<std::uint8_t>(event.cause));
    stored.decided.push_back(event.decided ? 1 : 0);
  }
  return stored;
}

/// Whether `earlier` lies after a tenth of `now`.
bool within_decade(const LogTime& earlier, const LogTime& now) {
  if (now.step()) return *earlier.step() > *now.step() / 10;
  // A record at exactly a tenth is none within, also where the logarithms are rounded.
  constexpr double rounding = 4 * std::numeric_limits<double>::epsilon();
  return earlier.log() > now.log() * (1 + rounding) - std::numbers::ln10;
}

std::size_t coefficient_bytes(const Network& initial, const Dataset& data, std::size_t records) {
  return records * static_cast<std::size_t>(initial.shape.neurons() * data.size()) * sizeof(double);
}

}  // namespace

SwitchCounts read_switch_counts(const ArrayReader& file, const std::string& origin) {
  const auto counts = file.read_uint64("/engine/switches");
  if (counts.size() != 5) {
    throw InputError(origin, "/engine/switches has not five entries; run again");
  }
  return {counts[0] != 0, counts[1], counts[2], counts[3], counts[4]};
}

Recorder::Recorder(const RunProblem& problem, RunSink sink, std::size_t expected_records,
                   unsigned threads)
    : problem_(problem),
      config_(problem.config),
      data_(problem.data),
      initial_(problem.initial),
      sink_(std::move(sink)),
      measurer_(data_, initial_, loss_named(config_.descent.loss)),
      keep_coefficients_(sink_.keeps_result &&
                         coefficient_bytes(initial_, data_, expected_records) <=
                             coefficient_budget),
      threads_(threads),
      watches_pairs_(config_.descent.method != Method::stochastic) {
  last_switch_.setZero(initial_.shape.neurons(), data_.size());
  if (config_.data.measures_errors()) errors_.emplace(data_, initial_, problem.held_out);
}

void Recorder::take_over(const ArrayReader& earlier, Descent& descent) {
  require_same_beginning(earlier, data_, initial_, problem_.held_out);
  arrays_ = RecordArrays::read(earlier);
  arrays_.go_on_with(initial_.shape, data_.size(), keep_coefficients_, errors_.has_value());
  times_ = arrays_.times();
  if (watches_pairs_) {
    const auto last_switch = earlier.read_uint64("/final/last_switch_record");
    if (last_switch.size() != static_cast<std::size_t>(last_switch_.size())) {
      throw InputError("result.h5",
                       "/final/last_switch_record has not an entry a pair; the file belongs to "
                       "another run");
    }
    std::copy(last_switch.begin(), last_switch.end(), last_switch_.data());
  }
  earlier_seconds_ =
      only_entry(earlier.read_doubles("/provenance/wall_seconds"), "/provenance/wall_seconds");
  descent.restore(read_memory(earlier, descent));
}

/// Pairs that switched since the last record at or before a tenth of this time.
std::uint64_t Recorder::note_switched_pairs(const TrainingState& state) {
  const auto here = static_cast<std::uint64_t>(times_.size());
  const auto recent = std::partition_point(times_.begin(), times_.end(), [&](const LogTime& time) {
    return !within_decade(time, state.time);
  });
  const auto first_recent = static_cast<std::uint64_t>(recent - times_.begin());
  std::uint64_t count = 0;
  const PairBits& switched = state.switched_since_record;
  for (Eigen::Index k = 0; k < switched.neurons; ++k) {
    for (Eigen::Index i = 0; i < switched.samples; ++i) {
      if (switched.test(k, i)) last_switch_(k, i) = here;
      if (last_switch_(k, i) > 0 && last_switch_(k, i) >= first_recent) ++count;
    }
  }
  return count;
}

const Record& Recorder::record(const TrainingState& state, const Descent& descent) {
  const auto begin = Clock::now();
  if (unmeasured_) sink_.append_row(loss_fields(last_, errors_.has_value(), data_.class_count));
  last_ = Record{.time = state.time,
                 .engine = descent.engine(),
                 .switches = state.switches,
                 .switching_pairs = note_switched_pairs(state),
                 .sliding_pairs = state.sliding_pairs,
                 .error_estimate = state.error_estimate,
                 .undecided_events = state.undecided_events};
  times_.push_back(state.time);
  if (sink_.measures_all) {
    append(state);
  } else {
    last_.measures.log_loss = measurer_.log_loss(state);
    unmeasured_ = state;
  }
  if (sink_.lasting && begin >= next_write_) {
    write_result(descent, {StopReason::interrupted, state.time, "running"});
  }
  spent_ += Clock::now() - begin;
  return last_;
}

/// Measures the last record, and adds it to all that is kept.
void Recorder::append(const TrainingState& state) {
  Matrix inside = measurer_.inside(state);
  measure(state, inside);
  arrays_.append(last_, state, initial_.shape, keep_coefficients_);
  if (sink_.keeps_result) pending_.push_back(std::move(inside));
  if (static_cast<double>(pending_.size()) * spectra_time_ >= most_pending) {
    append_pending_spectra();
  }
}

void Recorder::measure_last() {
  if (!unmeasured_) return;
  measure(*unmeasured_, measurer_.inside(*unmeasured_));
  unmeasured_.reset();
}

void Recorder::measure(const TrainingState& state, const Matrix& inside) {
  last_.measures = measurer_.measure(state, inside);
  if (errors_) last_.errors = errors_->measure(state, threads_);
  sink_.append_row(metrics_fields(last_));
}

void Recorder::checkpoint_if_due(const Descent& descent) {
  if (!sink_.lasting || Clock::now() < next_checkpoint_ || records() == 0) return;
  const auto begin = Clock::now();
  write_result(descent, {StopReason::interrupted, descent.time(), "running"});
  spent_ += Clock::now() - begin;
}

void Recorder::finish(const Descent& descent, const Outcome& outcome, const LimitReport* limit) {
  const auto begin = Clock::now();
  measure_last();
  write_result(descent, outcome, limit);
  spent_ += Clock::now() - begin;
}

void Recorder::append_pending_spectra() {
  if (pending_.empty()) return;
  const auto begin = Clock::now();
  std::vector<Spectra> spectra(pending_.size());
  run_jobs(pending_.size(), threads_,
           [&](std::size_t i) { spectra[i] = measurer_.spectra(pending_[i]); });
  for (const Spectra& of_record : spectra) arrays_.append_spectra(of_record);
  spectra_time_ = (Clock::now() - begin) / static_cast<double>(pending_.size());
  pending_.clear();
}

std::vector<std::uint64_t> Recorder::last_switches() const {
  if (!watches_pairs_) return {};
  return {last_switch_.data(), last_switch_.data() + last_switch_.size()};
}

void Recorder::write_result(const Descent& descent, const Outcome& outcome,
                            const LimitReport* limit) {
  if (!sink_.keeps_result) return;
  append_pending_spectra();
  const auto begin = Clock::now();  // the spectra are no part of what a rewriting costs again
  const std::chrono::duration<double> here = begin - start_;
  const Provenance provenance{.version = LATETIME_VERSION,
                              .machine = describe_machine(),
                              .kernel = kernel::best_kernels().name,
                              .config = to_toml(config_),
                              .data_origin = data_.origin,
                              .wall_seconds = earlier_seconds_ + here.count()};
  sink_.write_result([&](ArrayWriter& file) {
    write_run(file, data_, initial_, descent.state(), last_switches(), outcome, provenance,
              problem_.held_out);
    arrays_.write(file);
    if (limit) write_limit(file, *limit, initial_.shape, data_.size());
    if (const auto events = descent.events(); !events.empty()) {
      write_group(file, stored_events(events, initial_.shape), {});
    }
    write_memory(file, descent.memory(), descent.engine());
  });
  const auto end = Clock::now();
  next_write_ = end + write_spacing * (end - begin);
  next_checkpoint_ = end + checkpoint_period;
}

}  // namespace latetime
