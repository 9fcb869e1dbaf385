#include "latetime/sweep/plan.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/sweep/axis_values.hpp"

namespace latetime {
namespace {

/// Texts of the keys that a configuration names, by their whole names.
void add_named_keys(const toml::table& table, const std::string& prefix,
                    std::map<std::string, std::string>& keys) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* section = node.as_table()) {
      add_named_keys(*section, name + ".", keys);
    } else {
      keys[name] = toml_text_of(node, name);
    }
  }
}

/// toml_number(), and 1 and 0 of flags.
std::optional<double> number_in(const std::string& toml) {
  if (toml == "true") return 1.0;
  if (toml == "false") return 0.0;
  return toml_number(toml);
}

}  // namespace

SweepPlan::SweepPlan(SweepDefinition definition) : definition_(std::move(definition)) {
  for (const FieldDescription& field : describe_fields()) {
    fixed_[field.name()] = field.default_value;
    types_[field.name()] = field.type;
  }
  add_named_keys(toml::parse(definition_.base), "", fixed_);
  for (const std::size_t size : definition_.sizes) {
    if (size > most_cells / grid_size_) {
      throw InputError(definition_.origin,
                       fmt::format("axes: make more than {} points; take fewer values, or several "
                                   "sweeps",
                                   most_cells));
    }
    grid_size_ *= size;
  }
  filtered_ = !definition_.filters.empty();
  for (std::size_t cell = 0; filtered_ && cell < grid_size_; ++cell) {
    if (is_kept(at_cell(cell))) cells_.push_back(cell);
  }
  if (size() == 0) {
    throw InputError(definition_.filters.front().where(),
                     fmt::format("\"{}\" leaves none of {} points; loosen it",
                                 definition_.filters.front().text(), grid_size_));
  }
  require_possible_values();
}

SweepPoint SweepPlan::at_cell(std::size_t cell) const {
  SweepPoint point{.cell = cell};
  point.position.resize(definition_.sizes.size());
  std::size_t rest = cell;
  for (std::size_t dimension = definition_.sizes.size(); dimension-- > 0;) {
    point.position[dimension] = rest % definition_.sizes[dimension];
    rest /= definition_.sizes[dimension];
  }
  for (const SweepAxis& axis : definition_.axes) {
    point.assignments.push_back(axis.key + "=" + axis.values[point.position[axis.dimension]]);
  }
  return point;
}

std::optional<std::size_t> SweepPlan::number_at(std::size_t cell) const {
  if (!filtered_) return cell;
  const auto place = std::lower_bound(cells_.begin(), cells_.end(), cell);
  if (place == cells_.end() || *place != cell) return std::nullopt;
  return static_cast<std::size_t>(place - cells_.begin());
}

SweepPoint SweepPlan::point(std::size_t number) const {
  SweepPoint point = at_cell(cell_of(number));
  point.number = number;
  try {
    for (const DerivedKey& derived : definition_.derived) {
      point.assignments.push_back(derived.key + "=" + derived_text(derived, point));
    }
  } catch (const InputError& error) {
    point.problem = error.what();
  }
  return point;
}

std::string SweepPlan::derived_text(const DerivedKey& derived, const SweepPoint& point) const {
  const double value = value_of(derived.value, point);
  const std::string& type = types_.at(derived.key);
  if (type == "integer" && value != std::floor(value)) {
    throw InputError(derived.value.where(),
                     fmt::format("\"{}\" is {} at point {}, and the key takes whole numbers; use "
                                 "floor(), ceil() or round()",
                                 derived.value.text(), shortest(value), point.number));
  }
  if (type == "flag") return value != 0.0 ? "true" : "false";
  return shortest(value);
}

double SweepPlan::number_of(const std::string& key, const SweepPoint& point,
                            const Expression& user) const {
  std::string text = fixed_.at(key);
  for (const std::string& assignment : point.assignments) {
    const auto equals = assignment.find('=');
    if (assignment.compare(0, equals, key) == 0) text = assignment.substr(equals + 1);
  }
  if (const auto number = number_in(text)) return *number;
  throw InputError(user.where(), fmt::format("\"{}\": {} = {} is no number that is finite; use "
                                             "other keys",
                                             user.text(), key, text));
}

double SweepPlan::value_of(const Expression& expression, const SweepPoint& point) const {
  std::vector<double> values;
  for (const std::string& key : expression.keys()) {
    values.push_back(number_of(key, point, expression));
  }
  return expression.at(values);
}

bool SweepPlan::is_kept(const SweepPoint& bare) const {
  SweepPoint point = bare;
  for (const DerivedKey& derived : definition_.derived) {
    point.assignments.push_back(derived.key + "=" + shortest(value_of(derived.value, point)));
  }
  return std::all_of(definition_.filters.begin(), definition_.filters.end(),
                     [&](const Expression& filter) { return value_of(filter, point) != 0.0; });
}

RunConfig SweepPlan::config(const SweepPoint& point) const {
  if (!point.problem.empty()) throw InputError(point.problem);
  return parse_config(definition_.base, definition_.origin, ".", point.assignments);
}

std::vector<std::string> SweepPlan::derived_values(const SweepPoint& point) const {
  std::vector<std::string> values;
  for (std::size_t i = definition_.axes.size(); i < point.assignments.size(); ++i) {
    values.push_back(point.assignments[i].substr(point.assignments[i].find('=') + 1));
  }
  return values;
}

void SweepPlan::require_possible_values() const {
  const SweepPoint corners[] = {point(0), point(size() - 1)};
  for (std::size_t i = 0; i < definition_.axes.size(); ++i) {
    const SweepAxis& axis = definition_.axes[i];
    for (const std::string& value : axis.values) {
      std::string problem;
      bool possible = false;
      for (SweepPoint corner : corners) {
        corner.assignments[i] = axis.key + "=" + value;
        try {
          config(corner);
          possible = true;
        } catch (const InputError& error) {
          if (problem.empty()) problem = error.what();
        }
      }
      if (possible) continue;
      const std::string of_axis = definition_.origin + ": " + axis.key;
      if (!problem.starts_with(of_axis)) throw InputError(problem);
      throw InputError(axis.where + problem.substr(of_axis.size()));
    }
  }
}

}  // namespace latetime
