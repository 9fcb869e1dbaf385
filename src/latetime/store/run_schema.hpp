#pragma once

// The one list of what result.h5 holds of a run, group by group: writing, reading and checking
// visit it, so that they cannot drift apart. Beside it stand the arrays of the records
// (RecordArrays) and the memory of the engine, which only --resume reads.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "latetime/base/array_store.hpp"
#include "latetime/base/log_time.hpp"
#include "latetime/base/outcome.hpp"
#include "latetime/model/limit_status.hpp"
#include "latetime/model/network.hpp"
#include "latetime/model/optimality.hpp"

namespace latetime {

/// Sizes that the arrays of a run share.
struct RunSizes {
  std::size_t classes = 2;  ///< K
  std::size_t width = 0;    ///< m
  std::size_t samples = 0;  ///< n
  std::size_t dim = 0;      ///< d
  std::size_t tests = 0;    ///< test samples
};

RunSizes sizes_of(const NetworkShape& shape, Eigen::Index samples);

/// The entries of a vector or a matrix, row by row.
template <class Array>
std::vector<double> entries_of(const Array& array) {
  return {array.data(), array.data() + array.size()};
}

/// Shapes of arrays, by the sizes of the run.
enum class Extent : std::uint8_t {
  number,       ///< 1
  parts,        ///< K+1: W_{+1}, W_{−1} (or those of all classes), and all stacked
  samples,      ///< n
  margins,      ///< n; of K ≥ 3 classes (n, K−1), one for each other class, ascending
  sample_rows,  ///< n, d
  tests,        ///< test samples
  test_rows,    ///< test samples, d
  features,     ///< d
  weights,      ///< K, m, d
  pairs,        ///< K, m, n
  collapse,     ///< 4: the numbers of ClassCollapse
  list,         ///< as long as every list of its group
};

/// What the entries of an array must satisfy beyond their type.
struct EntryRule {
  std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();  ///< of whole numbers
  bool of_classes = false;  ///< they number classes of the run
};

// A group has a path, and visit(group, visitor), which shows each of its entries once, in the order
// of the file:
//   visitor.text(name, value)                     one text
//   visitor.choice(name, value)                   one word of an enum with a ChoiceTable
//   visitor.array(name, extent, value[, rule])    double (Extent::number), or a std::vector of
//                                                 double, std::uint8_t or std::uint64_t in C order
//   visitor.has(name, is_there)                   whether entries that may be missing, from that
//                                                 one on, are there: of a value, as it says; of a
//                                                 file, as it is

/// A time as step and log10_t: NaN where it has none (a step beyond 2^53, log10_t at the start).
struct StoredTime {
  double step = std::nan(""), log10_t = std::nan("");

  static StoredTime of(const LogTime& time);

  template <class Self, class Visitor>
  static void visit(Self& time, Visitor& visitor) {
    visitor.array("step", Extent::number, time.step);
    visitor.array("log10_t", Extent::number, time.log10_t);
  }
};

/// Samples, labels and initial weights.
struct RunBeginning {
  std::vector<double> x, y, initial_weights;
  std::vector<double> clean_y = {};              ///< before label noise; empty: there is none
  std::vector<double> test_x = {}, test_y = {};  ///< empty: there are no test samples
  std::vector<double> mean = {};                 ///< μ, where population errors are measured

  static constexpr const char* path = "";
  template <class Self, class Visitor>
  static void visit(Self& run, Visitor&& visitor) {
    visitor.array("data/x", Extent::sample_rows, run.x);
    visitor.array("data/y", Extent::samples, run.y);
    visitor.array("network/initial_weights", Extent::weights, run.initial_weights);
    if (visitor.has("data/clean_y", !run.clean_y.empty())) {
      visitor.array("data/clean_y", Extent::samples, run.clean_y);
    }
    if (visitor.has("data/test_x", !run.test_x.empty())) {
      visitor.array("data/test_x", Extent::test_rows, run.test_x);
      visitor.array("data/test_y", Extent::tests, run.test_y);
    }
    if (visitor.has("data/mean", !run.mean.empty())) {
      visitor.array("data/mean", Extent::features, run.mean);
    }
  }
};

/// The last state that was written.
struct FinalState {
  std::vector<double> weights, preactivations, coefficients, rho;
  StoredTime time;
  /// Number of the first record after the pair's last switch; 0: never. Empty where switches are
  /// not counted.
  std::vector<std::uint64_t> last_switch_record;

  static constexpr const char* path = "/final";
  template <class Self, class Visitor>
  static void visit(Self& state, Visitor&& visitor) {
    visitor.array("weights", Extent::weights, state.weights);
    visitor.array("preactivations", Extent::pairs, state.preactivations);
    visitor.array("coefficients", Extent::pairs, state.coefficients);
    visitor.array("rho", Extent::pairs, state.rho);
    StoredTime::visit(state.time, visitor);
    if (visitor.has("last_switch_record", !state.last_switch_record.empty())) {
      visitor.array("last_switch_record", Extent::pairs, state.last_switch_record);
    }
  }
};

/// How the run ended.
struct RunEnd {
  StopReason reason = StopReason::reached_end;
  std::string message;
  StoredTime time;

  static constexpr const char* path = "/outcome";
  template <class Self, class Visitor>
  static void visit(Self& end, Visitor&& visitor) {
    visitor.choice("reason", end.reason);
    visitor.text("message", end.message);
    StoredTime::visit(end.time, visitor);
  }
};

/// Where a result comes from.
struct Provenance {
  std::string version;
  std::string machine;  ///< processor and number of cores
  std::string kernel;   ///< inner loop that the machine picked
  std::string config;   ///< complete configuration, TOML
  std::string data_origin;
  double wall_seconds = 0.0;  ///< of all parts of a resumed run together

  static constexpr const char* path = "/provenance";
  template <class Self, class Visitor>
  static void visit(Self& provenance, Visitor&& visitor) {
    visitor.text("version", provenance.version);
    visitor.text("machine", provenance.machine);
    visitor.text("kernel", provenance.kernel);
    visitor.text("config", provenance.config);
    visitor.text("data_origin", provenance.data_origin);
    visitor.array("wall_seconds", Extent::number, provenance.wall_seconds);
  }
};

/// Events of the late-time flow; of runs that met some.
struct StoredEvents {
  std::vector<double> log10_t;
  std::vector<std::uint8_t> classes;            ///< of the neurons: 0 for W_{+1}, 1 for W_{−1}
  std::vector<std::uint64_t> neurons, samples;  ///< numbers from 0, neurons within their class
  std::vector<std::uint8_t> causes, decided;    ///< numbers of FlowCause; 0 or 1

  static constexpr const char* path = "/events";
  template <class Self, class Visitor>
  static void visit(Self& events, Visitor&& visitor) {
    visitor.array("log10_t", Extent::list, events.log10_t);
    visitor.array("class", Extent::list, events.classes, {.of_classes = true});
    visitor.array("neuron", Extent::list, events.neurons);
    visitor.array("sample", Extent::list, events.samples);
    visitor.array("cause", Extent::list, events.causes);
    visitor.array("decided", Extent::list, events.decided, {.largest = 1});
  }
};

/// The limit t = ∞; of runs that reached late time and were not interrupted.
struct StoredLimit {
  LimitStatus status = LimitStatus::not_solved;
  std::string message;
  double log10_followed = std::nan(""), settled = 0.0;
  std::vector<double> ray;  ///< of samples to blame; empty where they are separated
  // Empty unless there is a direction:
  std::vector<double> multipliers, margins, coefficients, slopes;
  std::vector<std::uint8_t> support, verdicts;
  std::vector<double> stable_rank, stable_rank_excess;
  double normalized_margin = std::nan(""), kkt_residual = std::nan(""), strictness = std::nan(""),
         undecided = std::nan("");
  std::vector<double> collapse;  ///< of three classes and more (ClassCollapse), in its order
  // Errors of the direction, of runs that measure them; NaN where there is no such number:
  std::vector<double> errors;  ///< StoredLimit::error_names
  static constexpr std::array<const char*, 9> error_names{"train_error",
                                                          "train_error_clean",
                                                          "test_error",
                                                          "test_zero",
                                                          "population_error",
                                                          "population_error_low",
                                                          "population_error_high",
                                                          "population_zero",
                                                          "population_draws"};

  /// The one of that name; NaN where there is none.
  double error(std::string_view name) const { return named(errors, error_names, name); }

  // How far V is from the least norm, of limits that were found:
  std::vector<double> optimum;  ///< StoredLimit::optimum_names
  static constexpr std::array<const char*, 6> optimum_names{
      "optimum_value", "optimum_cell",        "optimum_lower",
      "optimum_upper", "optimum_every_slope", "optimum_complete"};
  LeastNormBounds norm_bounds() const {
    const auto number = [&](const char* name) { return named(optimum, optimum_names, name); };
    return {number("optimum_value"), number("optimum_cell"), number("optimum_lower"),
            number("optimum_upper")};
  }
  bool optimum_flag(std::string_view name) const {
    return named(optimum, optimum_names, name) != 0.0;
  }
  Optimality global_optimum = Optimality::undecided, local_optimum = Optimality::undecided;
  Certainty global_certainty = Certainty::undecided, local_certainty = Certainty::undecided;
  std::string global_reason, local_reason;
  std::vector<double> better, better_nearby;  ///< coefficients of better weights

  bool has_direction() const { return !margins.empty(); }
  bool found() const { return status == LimitStatus::found && has_direction(); }

  static constexpr const char* path = "/limit";
  static constexpr auto largest_verdict = static_cast<std::uint64_t>(PairVerdict::undecided);
  template <class Self, class Visitor>
  static void visit(Self& limit, Visitor&& visitor) {
    visitor.choice("status", limit.status);
    visitor.text("message", limit.message);
    visitor.array("log10_followed", Extent::number, limit.log10_followed);
    visitor.array("settled", Extent::number, limit.settled);
    if (visitor.has("ray", !limit.ray.empty())) {
      visitor.array("ray", Extent::margins, limit.ray);
    }
    if (!visitor.has("multipliers", !limit.multipliers.empty())) return;
    visitor.array("multipliers", Extent::margins, limit.multipliers);
    visitor.array("margins", Extent::margins, limit.margins);
    visitor.array("support", Extent::margins, limit.support, {.largest = 1});
    visitor.array("coefficients", Extent::pairs, limit.coefficients);
    visitor.array("slopes", Extent::pairs, limit.slopes);
    visitor.array("verdicts", Extent::pairs, limit.verdicts, {.largest = largest_verdict});
    visitor.array("stable_rank", Extent::parts, limit.stable_rank);
    visitor.array("stable_rank_excess", Extent::parts, limit.stable_rank_excess);
    visitor.array("normalized_margin", Extent::number, limit.normalized_margin);
    visitor.array("kkt_residual", Extent::number, limit.kkt_residual);
    visitor.array("strictness", Extent::number, limit.strictness);
    visitor.array("undecided", Extent::number, limit.undecided);
    if (visitor.has("collapse", !limit.collapse.empty())) {
      visitor.array("collapse", Extent::collapse, limit.collapse);
    }
    if (visitor.has(error_names[0], !limit.errors.empty())) limit_errors(limit, visitor);
    if (visitor.has(optimum_names[0], !limit.optimum.empty())) limit_optimum(limit, visitor);
  }

 private:
  template <class Names>
  static double named(const std::vector<double>& numbers, const Names& names,
                      std::string_view name) {
    const auto place = std::find(names.begin(), names.end(), name);
    return numbers.empty() ? std::nan("") : numbers[std::size_t(place - names.begin())];
  }

  template <class Self, class Visitor>
  static void limit_errors(Self& limit, Visitor& visitor) {
    if constexpr (!std::is_const_v<Self>) limit.errors.resize(error_names.size());
    for (std::size_t i = 0; i < error_names.size(); ++i) {
      visitor.array(error_names[i], Extent::number, limit.errors[i]);
    }
  }

  template <class Self, class Visitor>
  static void limit_optimum(Self& limit, Visitor& visitor) {
    if constexpr (!std::is_const_v<Self>) limit.optimum.resize(optimum_names.size());
    for (std::size_t i = 0; i < optimum_names.size(); ++i) {
      visitor.array(optimum_names[i], Extent::number, limit.optimum[i]);
    }
    visitor.choice("global_optimum", limit.global_optimum);
    visitor.choice("global_certainty", limit.global_certainty);
    visitor.text("global_reason", limit.global_reason);
    visitor.choice("local_optimum", limit.local_optimum);
    visitor.choice("local_certainty", limit.local_certainty);
    visitor.text("local_reason", limit.local_reason);
    if (visitor.has("better", !limit.better.empty())) {
      visitor.array("better", Extent::pairs, limit.better);
    }
    if (visitor.has("better_nearby", !limit.better_nearby.empty())) {
      visitor.array("better_nearby", Extent::pairs, limit.better_nearby);
    }
  }
};

/// Calls visit.template operator()<Group>() for every group.
template <class Visitor>
void for_each_group(Visitor&& visit) {
  visit.template operator()<RunBeginning>();
  visit.template operator()<FinalState>();
  visit.template operator()<RunEnd>();
  visit.template operator()<Provenance>();
  visit.template operator()<StoredEvents>();
  visit.template operator()<StoredLimit>();
}

/// The sizes of the run that `file` holds. Throws InputError, naming `origin`, where the arrays of
/// its beginning are not there or do not fit together.
RunSizes read_sizes(const ArrayReader& file, const std::string& origin);

/// Whether `file` holds anything of that group.
template <class Group>
bool has_group(const ArrayReader& file) {
  return file.exists(Group::path);
}

/// Writes a group. Throws std::invalid_argument where its arrays do not have the sizes of the run.
template <class Group>
void write_group(ArrayWriter& file, const Group& group, const RunSizes& sizes);

/// Reads a group. Throws InputError, naming `origin` (the file), for arrays and texts that are
/// missing, of another shape or type, or hold what their rule forbids.
template <class Group>
Group read_group(const ArrayReader& file, const std::string& origin, const RunSizes& sizes);

}  // namespace latetime
