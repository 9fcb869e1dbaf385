#include "latetime/experiment/run.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <limits>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/run_failure.hpp"
#include "latetime/experiment/recorder.hpp"
#include "latetime/experiment/run_place.hpp"
#include "latetime/experiment/sample_scale.hpp"
#include "latetime/experiment/training_run.hpp"
#include "latetime/model/loss.hpp"
#include "latetime/store/folder_kind.hpp"
#include "latetime/store/training_folder.hpp"

namespace latetime {
namespace {

/// The limit t = ∞ of a descent that a late-time flow follows; nothing when it was asked to stop.
std::optional<LimitReport> solve_run_limit(const Descent& descent, const Samples& x,
                                           const RunSettings& settings) {
  bool stopped = false;
  LateFlow flow = descent.flow_from_here();
  LimitReport report = report_limit(flow, x, [&](double) {
    stopped = settings.pulse && !settings.pulse(descent.time());
    return !stopped;
  });
  if (stopped) return std::nullopt;
  return report;
}

}  // namespace

RunDirectory prepare_directory(const RunConfig& config, const std::string& out, bool resume,
                               const std::vector<std::string>& columns) {
  if (!resume || !holds_run(out) || !RunDirectory::holds_records(out)) {
    return RunDirectory::create(out, to_toml(config), columns);
  }
  RunDirectory directory = RunDirectory::reopen(out);
  // Both as read from there: the configuration of own arrays names files of the folder itself.
  require_same_configuration(
      parse_config(directory.config_text(), directory.file("config.toml"), out),
      parse_config(to_toml(config), "this configuration", out), out);
  return directory;
}

void require_end_not_before(const RunConfig& config, Eigen::Index n, const LogTime& reached,
                            const std::string& where) {
  const LogTime end = last_time(config, n);
  // Of times beyond 2^53 the logarithm is known, to rounding.
  constexpr double rounding = 1e-12;
  if (!(end < reached) || (!reached.step() && end.log() >= reached.log() * (1 - rounding))) return;
  throw InputError(config.descent.epochs == 0 ? "descent.until" : "descent.epochs",
                   fmt::format("ends at t = {}, but the run in {} has come to t = {} already; name "
                               "that time or a later one, or run anew into another folder",
                               decades_text(end), where, decades_text(reached)));
}

void follow_to_honest_end(const std::function<void()>& work, const std::function<bool()>& give_up) {
  const auto fail = [&](const InputError& error) {
    const bool kept = give_up();
    throw RunFailure(std::string(error.what()) +
                     (kept ? " (what was recorded is kept; resuming goes on from there)"
                           : " (nothing was recorded)"));
  };
  try {
    work();
  } catch (const RunFailure& failure) {
    give_up();
    throw;
  } catch (const InputError& error) {
    fail(error);
  } catch (const std::filesystem::filesystem_error& error) {
    fail(unusable_path(error));
  } catch (...) {
    give_up();
    throw;
  }
}

HandOver::Discrepancy largest_difference(const Measurer& measurer, const Dataset& data) {
  return [&measurer, rivals = Rivals(data.classes, data.class_count)](
             const Matrix& flow, const Vector& flow_margins, const Matrix& exact,
             const Vector& exact_margins, const std::vector<bool>& only_hops) {
    const auto ranks = [&](const Matrix& coefficients) {
      TrainingState state;
      state.coefficients = coefficients;
      state.only_hops = only_hops;
      return measurer.stable_ranks(state, measurer.inside(state));
    };
    const auto log_loss = [&](const Vector& margins) {
      return rivals.log_mean_loss(margins, measurer.loss());
    };
    double largest = std::abs(log_loss(flow_margins) - log_loss(exact_margins));
    const auto a = ranks(flow), b = ranks(exact);
    for (std::size_t part = 0; part < a.size(); ++part) {
      // NaN where all weights are zero, or only hop: nothing to compare.
      if (std::isnan(a[part].value) && std::isnan(b[part].value)) continue;
      largest = std::max(largest, std::abs(a[part].value - b[part].value));
    }
    return largest;
  };
}

namespace {

/// One part of a run: from where an earlier part ended to its own end.
class RunPart {
 public:
  RunPart(const RunProblem& problem, const RunSettings& settings)
      : problem_(problem),
        config_(problem.config),
        data_(problem.data),
        settings_(settings),
        measurer_(problem.data, problem.initial, loss_named(problem.config.descent.loss)),
        descent_(problem.descent(), options()),
        schedule_(recorded_steps(problem.config, problem.data.size())) {}

  /// Everything is checked before `make_place` is called.
  RunSummary carry_out(const std::function<RunPlace()>& make_place) {
    require_squares(data_.x, "data");
    const RunPlace place = make_place();
    Recorder recorder(problem_, place.sink, schedule_.size(), settings_.threads);
    if (place.earlier) {
      recorder.take_over(*place.earlier, descent_);
      if (recorder.records() > 0) {
        require_end_not_before(config_, data_.size(),
                               std::max(recorder.last_recorded(), descent_.time()), place.name);
      }
    }
    const auto rows = recorder.rows();  // refuses what result.h5 lacks, before anything is written
    follow_to_honest_end(
        [&] {
          place.begin(rows);
          follow(recorder);
        },
        place.give_up);
    summary_.notes = notes_on(problem_);
    return std::move(summary_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  DescentOptions options() const {
    DescentOptions options = descent_options(config_, data_.size(), settings_.threads);
    options.discrepancy = largest_difference(measurer_, data_);
    return options;
  }

  /// Records that an earlier part made are taken out of the schedule, and given back.
  std::vector<LogTime> take_recorded(const Recorder& recorder) {
    if (recorder.records() == 0) return {};
    const auto rest =
        std::upper_bound(schedule_.begin(), schedule_.end(), recorder.last_recorded());
    std::vector<LogTime> recorded(schedule_.begin(), rest);
    schedule_.erase(schedule_.begin(), rest);
    return recorded;
  }

  void follow(Recorder& recorder) {
    const std::vector<LogTime> recorded = take_recorded(recorder);
    const auto start = Clock::now();
    summary_ = {.engine = descent_.engine(), .first = descent_.time()};
    if (settings_.started) settings_.started(descent_.time(), last_time(config_, data_.size()));
    tell_engine(descent_.time());
    const auto record = [&](const TrainingState& state) {
      summary_.last = recorder.record(state, descent_);
      if (settings_.recorded) settings_.recorded(state, summary_.last);
    };
    const auto pulse = [&](const LogTime& time) {
      recorder.checkpoint_if_due(descent_);
      tell_engine(time);
      return !settings_.pulse || settings_.pulse(time);
    };
    const DescentObservers observers{.record = record,
                                     .pulse = pulse,
                                     .needs_weights = false,
                                     .needs_errors = recorder.measures_all()};
    summary_.outcome = descent_.run(schedule_, observers, recorded);
    if (summary_.outcome.reason == StopReason::not_separated_so_far) name_dead_neurons();
    summary_.engine = descent_.engine();
    finish(recorder);
    summary_.records = recorder.records();
    summary_.seconds = std::chrono::duration<double>(Clock::now() - start).count();
    summary_.measuring_seconds = recorder.seconds_spent();
  }

  /// ReLU neurons that no sample activates never move again: too large a first step does that.
  void name_dead_neurons() {
    if (config_.network.slope > 0.0) return;
    const Matrix z = descent_.state(false).preactivations;
    Eigen::Index dead = 0;
    const double least = -config_.network.smoothing;  // below it nothing moves a neuron
    for (Eigen::Index k = 0; k < z.rows(); ++k) dead += z.row(k).maxCoeff() <= least ? 1 : 0;
    if (2 * dead <= z.rows()) return;
    summary_.outcome.message += fmt::format(
        "; {} of {} neurons are active on no sample: learning rate {:.3g} may be too large for "
        "samples of norm {:.3g}, lower it or scale the samples (pixels: X / 255)",
        dead, z.rows(), config_.descent.learning_rate, data_.x.rowwise().norm().maxCoeff());
  }

  void finish(Recorder& recorder) {
    // First, so that a kill from here on costs no step.
    recorder.finish(descent_, summary_.outcome);
    if (recorder.records() > 0) summary_.last = recorder.last();
    if (!descent_.flow() || summary_.outcome.reason == StopReason::interrupted) return;
    summary_.limit = solve_run_limit(descent_, data_.x, settings_);
    if (summary_.limit && summary_.limit->has_direction() && config_.data.measures_errors()) {
      summary_.limit->errors =
          limit_errors(summary_.limit->limit.coefficients, data_, problem_.initial.shape,
                       problem_.held_out, settings_.threads);
    }
    if (recorder.keeps_result()) judge_limit();
    if (summary_.limit) {
      recorder.finish(descent_, summary_.outcome, &*summary_.limit);
    } else {
      summary_.outcome = {StopReason::interrupted, descent_.time(), "stopped on request"};
      recorder.finish(descent_, summary_.outcome);
    }
  }

  void judge_limit() {
    if (!summary_.limit || summary_.limit->limit.status != LimitStatus::found) return;
    if (data_.class_count > 2) return;  // bounds of the least norm are of two classes
    summary_.limit->optimality =
        judge_optimality(summary_.limit->limit, data_.x, data_.classes, problem_.initial.shape);
  }

  void tell_engine(const LogTime& time) {
    if (!settings_.engine_changed || descent_.engine() == engine_) return;
    engine_ = descent_.engine();
    settings_.engine_changed(*engine_, time);
  }

  const RunProblem& problem_;
  const RunConfig& config_;
  const Dataset& data_;
  const RunSettings& settings_;
  const Measurer measurer_;
  Descent descent_;
  std::vector<LogTime> schedule_;
  RunSummary summary_;
  std::optional<EngineKind> engine_;  // that was last told of
};

}  // namespace

namespace {

const std::vector<std::string>& columns_of(const RunProblem& problem) {
  return metrics_columns(problem.config.data.measures_errors(), problem.data.class_count);
}

}  // namespace

RunProblem load_problem(const RunConfig& config) {
  require_paper_network(config);
  Dataset data = load_data(config);
  Network initial = load_network(config, data);
  HeldOut held_out = held_out_of(config, data);
  return {config, std::move(data), std::move(initial), std::move(held_out)};
}

RunSummary carry_out_run(const RunConfig& config, const std::string& out,
                         const RunSettings& settings) {
  return carry_out_run(load_problem(config), out, settings);
}

RunSummary carry_out_run(const RunProblem& problem, const std::string& out,
                         const RunSettings& settings) {
  return RunPart(problem, settings).carry_out([&] {
    refuse_training(out);
    return place_in_directory(problem.config, out, settings.resume, columns_of(problem));
  });
}

RunSummary carry_out_run(const RunProblem& problem, RunMemory& memory,
                         const RunSettings& settings) {
  return RunPart(problem, settings).carry_out([&] {
    return place_in_memory(problem.config, memory, settings.resume, columns_of(problem));
  });
}

RunSummary carry_out_run(const RunProblem& problem, CsvTable& metrics, const RunSettings& settings,
                         MeasuredRecords measured) {
  return RunPart(problem, settings).carry_out([&] {
    return place_in_table(metrics, columns_of(problem), measured == MeasuredRecords::every);
  });
}

}  // namespace latetime
