#include "latetime/store/record.hpp"

#include <cmath>

#include <fmt/format.h>

#include "latetime/base/text.hpp"

namespace latetime {
namespace {

struct Column {
  std::string name;
  double (*value)(const Record&);  // NaN: there is none; null: the engine
  bool counts = false;             // whole numbers
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

std::vector<Column> contract_columns() {
  using R = const Record&;
  return {
      {"log10_t", [](R r) { return log10_of(r.time); }},
      {"step", [](R r) { return step_of(r.time); }, true},
      {engine_column, nullptr},
      {"log_loss", [](R r) { return r.measures.log_loss; }},
      {"min_margin", [](R r) { return r.measures.min_margin; }},
      {"normalized_margin", [](R r) { return r.measures.normalized_margin; }},
      {"stable_rank_pos", [](R r) { return r.measures.stable_ranks[0].value; }},
      {"stable_rank_neg", [](R r) { return r.measures.stable_ranks[1].value; }},
      {"stable_rank_all", [](R r) { return r.measures.stable_ranks[2].value; }},
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
      {"stable_rank_excess_pos", [](R r) { return r.measures.stable_ranks[0].excess; }},
      {"stable_rank_excess_neg", [](R r) { return r.measures.stable_ranks[1].excess; }},
      {"stable_rank_excess_all", [](R r) { return r.measures.stable_ranks[2].excess; }},
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

const std::vector<Column>& columns(bool errors) {
  const auto joined = [](std::vector<Column> list, std::vector<Column> more) {
    list.insert(list.end(), more.begin(), more.end());
    return list;
  };
  static const std::vector<Column> plain = joined(contract_columns(), further_columns());
  static const std::vector<Column> all = joined(plain, error_columns());
  return errors ? all : plain;
}

std::vector<std::string> names_of(const std::vector<Column>& columns) {
  std::vector<std::string> names;
  for (const Column& column : columns) names.push_back(column.name);
  return names;
}

}  // namespace

const std::vector<std::string>& metrics_columns(bool errors) {
  static const std::vector<std::string> plain = names_of(columns(false)),
                                        all = names_of(columns(true));
  return errors ? all : plain;
}

std::vector<double> metrics_values(const Record& record) {
  std::vector<double> values;
  for (const Column& column : columns(record.errors.has_value())) {
    const double value = column.value ? column.value(record) : std::nan("");
    values.push_back(std::isnan(value) ? std::nan("") : value);  // of one sign
  }
  return values;
}

std::vector<std::string> metrics_fields(const Record& record) {
  const std::vector<double> values = metrics_values(record);
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < values.size(); ++at) {
    const bool number = columns(true)[at].value != nullptr;
    fields.push_back(number ? metrics_field(at, values[at]) : word_of(record.engine));
  }
  return fields;
}

std::vector<std::string> loss_fields(const Record& record, bool errors) {
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < columns(errors).size(); ++at) {
    const Column& column = columns(errors)[at];
    const bool kept =
        column.name == "log10_t" || column.name == "step" || column.name == "log_loss";
    fields.push_back(!column.value ? word_of(record.engine)
                     : kept        ? metrics_field(at, column.value(record))
                                   : std::string());
  }
  return fields;
}

std::string metrics_field(std::size_t column, double stored) {
  if (std::isnan(stored)) return {};
  if (!columns(true).at(column).counts) return shortest(stored);
  return fmt::format("{}", static_cast<std::uint64_t>(stored));
}

}  // namespace latetime
