#include "latetime/store/record.hpp"

#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "latetime/base/text.hpp"

namespace latetime {
namespace {

struct Column {
  std::string name;
  std::function<double(const Record&)> value;  // NaN: there is none; empty: the engine
  bool counts = false;                         // whole numbers
};

double whole(std::uint64_t value) {
  return static_cast<double>(value);
}

double log10_of(const LogTime& time) {
  return time == LogTime() ? std::nan("") : time.log10();
}

double step_of(const LogTime& time) {
  const auto step = time.step();
  return step ? whole(*step) : std::nan("");
}

double if_counted(const Record& r, std::uint64_t value) {
  return r.switches.counted ? whole(value) : std::nan("");
}

/// The stable rank of W_{+1} or W_{−1}; NaN of more classes.
StableRank of_two(const Record& r, std::size_t group) {
  if (r.groups() == 2) return r.measures.stable_ranks[group];
  return {std::nan(""), std::nan("")};
}

std::vector<Column> contract_columns() {
  using R = const Record&;
  return {
      {"log10_t", [](R r) { return log10_of(r.time); }},
      {"step", [](R r) { return step_of(r.time); }, true},
      {engine_column, nullptr},
      {"log_loss", [](R r) { return r.measures.log_loss; }},
      {"min_margin", [](R r) { return r.measures.min_margin; }},
      {"normalized_margin", [](R r) { return r.measures.normalized_margin; }},
      {"stable_rank_pos", [](R r) { return of_two(r, 0).value; }},
      {"stable_rank_neg", [](R r) { return of_two(r, 1).value; }},
      {"stable_rank_all", [](R r) { return r.measures.stable_ranks.back().value; }},
      {"norm_w", [](R r) { return r.measures.norm_w; }},
      {"kkt_residual", [](R r) { return r.measures.kkt.residual; }},
      {"switches", [](R r) { return if_counted(r, r.switches.own + r.switches.other); }, true},
      {"sliding_pairs", [](R r) { return static_cast<double>(r.sliding_pairs); }, true},
      {"error_estimate", [](R r) { return r.error_estimate; }},
  };
}

std::vector<Column> further_columns() {
  using R = const Record&;
  return {
      {"stable_rank_excess_pos", [](R r) { return of_two(r, 0).excess; }},
      {"stable_rank_excess_neg", [](R r) { return of_two(r, 1).excess; }},
      {"stable_rank_excess_all", [](R r) { return r.measures.stable_ranks.back().excess; }},
      {"kkt_stationarity", [](R r) { return r.measures.kkt.stationarity; }},
      {"kkt_complementarity", [](R r) { return r.measures.kkt.complementarity; }},
      {"neuron_norm_min", [](R r) { return r.measures.neuron_norm_min; }},
      {"neuron_norm_mean", [](R r) { return r.measures.neuron_norm_mean; }},
      {"neuron_norm_max", [](R r) { return r.measures.neuron_norm_max; }},
      {"own_switches", [](R r) { return if_counted(r, r.switches.own); }, true},
      {"other_switches", [](R r) { return if_counted(r, r.switches.other); }, true},
      {"last_own_switch", [](R r) { return if_counted(r, r.switches.last_own_step); }, true},
      {"last_other_switch", [](R r) { return if_counted(r, r.switches.last_other_step); }, true},
      {"switching_pairs", [](R r) { return if_counted(r, r.switching_pairs); }, true},
      {"active_own_min", [](R r) { return static_cast<double>(r.measures.active_own.minCoeff()); },
       true},
      {"active_own_max", [](R r) { return static_cast<double>(r.measures.active_own.maxCoeff()); },
       true},
      {"dead_neurons", [](R r) { return static_cast<double>(r.measures.dead_neurons); }, true},
      {"undecided_events", [](R r) { return whole(r.undecided_events); }, true},
  };
}

double of_population(const Record& r, double PopulationError::*part) {
  return r.errors->population ? *r.errors->population.*part : std::nan("");
}

/// Of records with errors.
std::vector<Column> error_columns() {
  using R = const Record&;
  return {
      {"train_error", [](R r) { return r.errors->train; }},
      {"train_error_clean", [](R r) { return r.errors->train_clean; }},
      {"test_error", [](R r) { return r.errors->test; }},
      {"population_error", [](R r) { return of_population(r, &PopulationError::value); }},
      {"population_error_low", [](R r) { return of_population(r, &PopulationError::low); }},
      {"population_error_high", [](R r) { return of_population(r, &PopulationError::high); }},
      {"population_draws",
       [](R r) { return r.errors->population ? whole(r.errors->population->draws) : std::nan(""); },
       true},
  };
}

/// Of records of three classes and more.
std::vector<Column> class_columns(int groups) {
  using R = const Record&;
  std::vector<Column> columns;
  for (const CollapseMeasure& one : collapse_measures) {
    columns.push_back({one.name, [value = one.value](R r) { return *r.measures.collapse.*value; }});
  }
  std::size_t k = 0;
  for (const std::string& name : group_names(groups)) {
    columns.push_back(
        {"stable_rank_" + name, [k](R r) { return r.measures.stable_ranks[k].value; }});
    columns.push_back(
        {"stable_rank_excess_" + name, [k](R r) { return r.measures.stable_ranks[k].excess; }});
    ++k;
  }
  return columns;
}

struct ColumnList {
  std::vector<Column> columns;
  std::vector<std::string> names;
};

ColumnList list_of(bool errors, int groups) {
  ColumnList list{.columns = contract_columns(), .names = {}};
  const auto add = [&](const std::vector<Column>& more) {
    list.columns.insert(list.columns.end(), more.begin(), more.end());
  };
  add(further_columns());
  if (groups > 2) {
    add(class_columns(groups));
  } else if (errors) {
    add(error_columns());
  }
  for (const Column& column : list.columns) list.names.push_back(column.name);
  return list;
}

/// Made once each.
const ColumnList& known_list(bool errors, int groups) {
  static std::mutex mutex;
  static std::map<std::pair<bool, int>, ColumnList> lists;
  const std::lock_guard lock(mutex);
  const auto [place, is_new] = lists.try_emplace({errors, groups});
  if (is_new) place->second = list_of(errors, groups);
  return place->second;
}

const std::vector<Column>& columns(bool errors, int groups) {
  return known_list(errors, groups).columns;
}

}  // namespace

std::vector<std::string> group_names(int groups) {
  if (groups == 2) return {"pos", "neg"};
  std::vector<std::string> names;
  for (int k = 0; k < groups; ++k) names.push_back(std::to_string(k));
  return names;
}

const std::vector<std::string>& metrics_columns(bool errors, int groups) {
  return known_list(errors, groups).names;
}

std::vector<double> metrics_values(const Record& record) {
  std::vector<double> values;
  for (const Column& column : columns(record.errors.has_value(), record.groups())) {
    const double value = column.value ? column.value(record) : std::nan("");
    values.push_back(std::isnan(value) ? std::nan("") : value);  // of one sign
  }
  return values;
}

std::vector<std::string> metrics_fields(const Record& record) {
  const std::vector<double> values = metrics_values(record);
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < values.size(); ++at) {
    const bool number = columns(true, record.groups())[at].value != nullptr;
    fields.push_back(number ? metrics_field(at, values[at], record.groups())
                            : word_of(record.engine));
  }
  return fields;
}

std::vector<std::string> loss_fields(const Record& record, bool errors, int groups) {
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < columns(errors, groups).size(); ++at) {
    const Column& column = columns(errors, groups)[at];
    const bool kept =
        column.name == "log10_t" || column.name == "step" || column.name == "log_loss";
    fields.push_back(!column.value ? word_of(record.engine)
                     : kept        ? metrics_field(at, column.value(record))
                                   : std::string());
  }
  return fields;
}

std::string metrics_field(std::size_t column, double stored, int groups) {
  if (std::isnan(stored)) return {};
  if (!columns(true, groups).at(column).counts) return shortest(stored);
  return fmt::format("{}", static_cast<std::uint64_t>(stored));
}

}  // namespace latetime
