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

/// Places of the wanted numbers among all_quantities().
std::vector<std::size_t> places_of(const std::vector<std::string>& names) {
  std::vector<std::size_t> places;
  for (const std::string& name : names) {
    const auto& all = all_quantities();
    const auto place =
        std::find_if(all.begin(), all.end(), [&](const Quantity& one) { return one.name == name; });
    places.push_back(static_cast<std::size_t>(place - all.begin()));
  }
  return places;
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
    list.insert(list.end(), {"refused", "failed", "missing", "left-out"});
    return list;
  }();
  return words;
}

SweepTable collect_points(const SweepPlan& plan, const std::vector<std::string>& keys,
                          const std::map<std::size_t, std::string>& problems,
                          const PointStore& store) {
  const WantedQuantities& wanted = plan.definition().wanted;
  SweepTable table{.names = wanted.scalars, .array_names = wanted.arrays};
  table.names.insert(table.names.end(), wanted.claims.begin(), wanted.claims.end());
  const std::vector<std::size_t> places = places_of(wanted.scalars);
  table.columns.assign(table.names.size(), std::vector<double>(plan.size(), std::nan("")));
  table.arrays.assign(wanted.arrays.size(), std::vector<std::vector<double>>(plan.size()));
  for (std::size_t i = 0; i < plan.size(); ++i) {
    PointRow row{.number = i, .key = keys[i], .outcome = "missing"};
    if (const auto problem = problems.find(i); problem != problems.end()) {
      row.outcome = "refused";
      row.message = problem->second;
    }
    const auto record = row.key.empty() ? std::nullopt : store.find(row.key, wanted);
    if (record) {
      row.outcome = record->outcome;
      row.message = record->message;
      const auto extra = [&](const std::string& name) {
        const auto place = record->extras.find(name);
        return place == record->extras.end() ? std::vector<double>() : place->second;
      };
      for (std::size_t c = 0; c < table.names.size(); ++c) {
        const bool is_claim = c >= places.size();
        const std::vector<double> code = is_claim ? extra(table.names[c]) : std::vector<double>();
        if (!is_claim) table.columns[c][i] = record->values[places[c]];
        if (!code.empty()) table.columns[c][i] = code.front();
      }
      for (std::size_t a = 0; a < wanted.arrays.size(); ++a) {
        table.arrays[a][i] = extra(wanted.arrays[a]);
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
  for (const PointRow& row : table.rows) {
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
    for (const auto& column : table.columns) text += "," + number_field(column[row.number]);
    text += "," + row.key + "," + csv_field(row.message) + "\n";
  }
  return text;
}

}  // namespace latetime
