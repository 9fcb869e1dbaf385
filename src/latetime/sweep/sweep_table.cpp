#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/base/outcome.hpp"
#include "latetime/base/text.hpp"
#include "latetime/sweep/sweep_files.hpp"

namespace latetime {
namespace {

/// A field of a CSV file: in quotes where it needs them.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string number_field(double value) {
  return std::isnan(value) ? std::string() : shortest(value);
}

}  // namespace

const std::vector<std::string>& outcome_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> list;
    for (const StopReason reason :
         {StopReason::reached_end, StopReason::not_finite, StopReason::not_separated,
          StopReason::not_separated_so_far, StopReason::not_late, StopReason::flow_failed}) {
      list.push_back(word_of(reason));
    }
    list.insert(list.end(), {"refused", "failed", "missing", "left-out", "not-made"});
    return list;
  }();
  return words;
}

SweepTable collect_points(const SweepPlan& plan, const std::vector<std::size_t>& numbers,
                          const std::vector<std::string>& keys,
                          const std::map<std::size_t, std::string>& problems,
                          const PointStore& store) {
  const WantedQuantities& wanted = plan.definition().wanted;
  SweepTable table{.names = wanted.names(), .array_names = wanted.arrays};
  table.columns.assign(table.names.size(), std::vector<double>(numbers.size(), std::nan("")));
  table.arrays.assign(wanted.arrays.size(), std::vector<std::vector<double>>(numbers.size()));
  for (std::size_t r = 0; r < numbers.size(); ++r) {
    PointRow row{.number = numbers[r], .key = keys[numbers[r]], .outcome = "missing"};
    if (const auto problem = problems.find(row.number); problem != problems.end()) {
      row.outcome = "refused";
      row.message = problem->second;
    }
    const auto record = row.key.empty() ? std::nullopt : store.find(row.key, wanted);
    if (record) {
      row.outcome = record->outcome;
      row.message = record->message;
      for (std::size_t c = 0; c < table.names.size(); ++c) {
        table.columns[c][r] = value_named(*record, table.names[c]);
      }
      for (std::size_t a = 0; a < wanted.arrays.size(); ++a) {
        const auto array = record->extras.find(wanted.arrays[a]);
        if (array != record->extras.end()) table.arrays[a][r] = array->second;
      }
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string points_csv(const SweepPlan& plan, const SweepTable& table) {
  const SweepDefinition& definition = plan.definition();
  std::string text = "point";
  for (const SweepAxis& axis : definition.axes) text += "," + axis.key;
  for (const DerivedKey& key : definition.derived) text += "," + key.key;
  text += ",outcome";
  for (const std::string& name : table.names) text += "," + name;
  text += ",key,message\n";
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const PointRow& row = table.rows[r];
    const SweepPoint point = plan.point(row.number);
    text += fmt::format("{}", row.number);
    for (const SweepAxis& axis : definition.axes) {
      text += "," + csv_field(plain_text(axis.values[point.position[axis.dimension]]));
    }
    const std::vector<std::string> derived = plan.derived_values(point);
    for (std::size_t i = 0; i < definition.derived.size(); ++i) {
      text += "," + (i < derived.size() ? plain_text(derived[i]) : std::string());
    }
    text += "," + row.outcome;
    for (const auto& column : table.columns) text += "," + number_field(column[r]);
    text += "," + row.key + "," + csv_field(row.message) + "\n";
  }
  return text;
}

}  // namespace latetime
