#include "latetime/store/record.hpp"

#include <cmath>
#include <functional>

#include <fmt/format.h>

#include "latetime/base/text.hpp"

namespace latetime {
namespace {

std::string number(double value) {
  return std::isnan(value) ? std::string() : shortest(value);
}
std::string count(std::uint64_t value) {
  return fmt::format("{}", value);
}

struct Column {
  std::string name;
  std::function<std::string(const Record&)> text;
  bool counts = false;  // whole numbers
};

std::string if_counted(const Record& r, std::uint64_t value) {
  return r.switches.counted ? count(value) : std::string();
}

std::vector<Column> contract_columns() {
  return {
      {"log10_t", [](const Record& r) { return log10_text(r.time); }},
      {"step", [](const Record& r) { return step_text(r.time); }, true},
      {"engine", [](const Record& r) { return r.engine; }},
      {"log_loss", [](const Record& r) { return number(r.measures.log_loss); }},
      {"min_margin", [](const Record& r) { return number(r.measures.min_margin); }},
      {"normalized_margin", [](const Record& r) { return number(r.measures.normalized_margin); }},
      {"stable_rank_pos", [](const Record& r) { return number(r.measures.stable_ranks[0].value); }},
      {"stable_rank_neg", [](const Record& r) { return number(r.measures.stable_ranks[1].value); }},
      {"stable_rank_all", [](const Record& r) { return number(r.measures.stable_ranks[2].value); }},
      {"norm_w", [](const Record& r) { return number(r.measures.norm_w); }},
      {"kkt_residual", [](const Record& r) { return number(r.measures.kkt.residual); }},
      {"switches", [](const Record& r) { return if_counted(r, r.switches.own + r.switches.other); },
       true},
      {"sliding_pairs", [](const Record& r) { return fmt::format("{}", r.sliding_pairs); }, true},
      {"error_estimate", [](const Record& r) { return number(r.error_estimate); }},
  };
}

std::vector<Column> further_columns() {
  return {
      {"stable_rank_excess_pos",
       [](const Record& r) { return number(r.measures.stable_ranks[0].excess); }},
      {"stable_rank_excess_neg",
       [](const Record& r) { return number(r.measures.stable_ranks[1].excess); }},
      {"stable_rank_excess_all",
       [](const Record& r) { return number(r.measures.stable_ranks[2].excess); }},
      {"kkt_stationarity", [](const Record& r) { return number(r.measures.kkt.stationarity); }},
      {"kkt_complementarity",
       [](const Record& r) { return number(r.measures.kkt.complementarity); }},
      {"neuron_norm_min", [](const Record& r) { return number(r.measures.neuron_norm_min); }},
      {"neuron_norm_mean", [](const Record& r) { return number(r.measures.neuron_norm_mean); }},
      {"neuron_norm_max", [](const Record& r) { return number(r.measures.neuron_norm_max); }},
      {"own_switches", [](const Record& r) { return if_counted(r, r.switches.own); }, true},
      {"other_switches", [](const Record& r) { return if_counted(r, r.switches.other); }, true},
      {"last_own_switch", [](const Record& r) { return if_counted(r, r.switches.last_own_step); },
       true},
      {"last_other_switch",
       [](const Record& r) { return if_counted(r, r.switches.last_other_step); }, true},
      {"switching_pairs", [](const Record& r) { return if_counted(r, r.switching_pairs); }, true},
      {"active_own_min",
       [](const Record& r) { return fmt::format("{}", r.measures.active_own.minCoeff()); }, true},
      {"active_own_max",
       [](const Record& r) { return fmt::format("{}", r.measures.active_own.maxCoeff()); }, true},
      {"dead_neurons", [](const Record& r) { return fmt::format("{}", r.measures.dead_neurons); },
       true},
      {"undecided_events", [](const Record& r) { return count(r.undecided_events); }, true},
  };
}

const std::vector<Column>& columns() {
  static const std::vector<Column> all = [] {
    std::vector<Column> list = contract_columns();
    for (Column& column : further_columns()) list.push_back(std::move(column));
    return list;
  }();
  return all;
}

}  // namespace

const std::vector<std::string>& metrics_columns() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> list;
    for (const Column& column : columns()) list.push_back(column.name);
    return list;
  }();
  return names;
}

std::vector<std::string> metrics_fields(const Record& record) {
  std::vector<std::string> fields;
  for (const Column& column : columns()) fields.push_back(column.text(record));
  return fields;
}

std::string metrics_field(std::size_t column, double stored) {
  if (std::isnan(stored)) return {};
  if (!columns().at(column).counts) return shortest(stored);
  return count(static_cast<std::uint64_t>(stored));
}

}  // namespace latetime
