#include "latetime/sweep/refine_rule.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/toml_document.hpp"
#include "latetime/sweep/axis_values.hpp"

namespace latetime {
namespace {

using Names = std::vector<std::string>;

/// Reads one section; an entry a member function.
class RuleReader {
 public:
  RuleReader(const toml::node& node, const std::map<std::string, bool>& ranges,
             SweepDefinition& definition)
      : section_(node), ranges_(ranges), definition_(definition) {}

  RefineRule read() {
    if (!section_.is_table()) fail(section_, "refine", "is a section, [refine]");
    const Names known{"quantity", "tolerance", "threshold", "most_points",
                      "levels",   "axes",      "log",       "mean_over"};
    for (const auto& [key, node] : table()) {
      const std::string name(key.str());
      if (contains(known, name)) continue;
      fail(node, "refine." + name,
           fmt::format("unknown key; did you mean {}?", nearest_name(name, known)));
    }
    read_quantity();
    rule_.most_points = whole("most_points", rule_.most_points, 1, 10'000'000);
    rule_.levels = whole("levels", rule_.levels, 1, 20);
    read_axes();
    read_mean();
    return std::move(rule_);
  }

 private:
  const toml::table& table() const { return *section_.as_table(); }

  [[noreturn]] void fail(const toml::node& node, const std::string& what,
                         const std::string& problem) const {
    throw InputError(fmt::format("{}: {}", with_line(definition_.origin, node), what), problem);
  }

  void read_quantity() {
    const toml::node* node = table().get("quantity");
    if (!node) {
      fail(section_, "refine.quantity",
           "is missing; name the number whose jumps are to be found, or \"outcome\"");
    }
    const auto name = node->value_exact<std::string>();
    if (!name) fail(*node, "refine.quantity", "is a name in quotes");
    rule_.quantity = *name;
    if (*name != "outcome") keep_quantity(*node);
    rule_.tolerance = number("tolerance");
    rule_.threshold = number("threshold");
    if (rule_.quantity == "outcome" || rule_.tolerance.has_value() != rule_.threshold.has_value()) {
      return;
    }
    fail(section_, "refine.tolerance",
         "is missing, or threshold is there too; say from which difference on neighbours are told "
         "apart, tolerance = 0.1, or at which value, threshold = 0.5");
  }

  std::optional<double> number(const char* name) const {
    const toml::node* node = table().get(name);
    if (!node) return std::nullopt;
    const auto value = node->value<double>();
    if (!value || !std::isfinite(*value))
      fail(*node, std::string("refine.") + name, "is no number");
    return value;
  }

  /// The quantity is one of those that are kept.
  void keep_quantity(const toml::node& node) {
    const std::string where = with_line(definition_.origin, node) + ": refine";
    const WantedQuantities one = wanted_quantities({rule_.quantity}, {}, where);
    const Names names = one.names();
    if (names.size() != 1) {
      fail(node, "refine.quantity", "is more than one; name one claim, such as \"claim_5_4\"");
    }
    rule_.quantity = names.front();
    WantedQuantities& wanted = definition_.wanted;
    Names& kept = !one.scalars.empty()  ? wanted.scalars
                  : !one.claims.empty() ? wanted.claims
                                        : wanted.proofs;
    if (!contains(kept, rule_.quantity)) kept.push_back(rule_.quantity);
  }

  std::size_t whole(const char* name, std::size_t otherwise, std::int64_t least,
                    std::int64_t most) const {
    const toml::node* node = table().get(name);
    if (!node) return otherwise;
    const auto value = node->value<std::int64_t>();
    if (!value || *value < least || *value > most) {
      fail(*node, std::string("refine.") + name,
           fmt::format("is no whole number from {} to {}", least, most));
    }
    return static_cast<std::size_t>(*value);
  }

  /// The axes that an entry names, by their keys or what follows the dot.
  Names axes_named(const char* name) const {
    const toml::node& node = *table().get(name);
    const std::string what = std::string("refine.") + name;
    const toml::array* list = node.as_array();
    if (!list) fail(node, what, "is a list of axes in quotes");
    Names keys, all;
    for (const SweepAxis& axis : definition_.axes) all.push_back(axis.key);
    for (const auto& element : *list) {
      const std::string word = element.value_or(std::string());
      const auto axis = std::find_if(all.begin(), all.end(), [&](const std::string& key) {
        return key == word || short_name(key) == word;
      });
      if (axis == all.end()) {
        Names names = all;
        for (const std::string& key : all) names.push_back(short_name(key));
        fail(node, what,
             fmt::format("{} is no axis; did you mean {}?", word, nearest_name(word, names)));
      }
      if (contains(keys, *axis)) fail(node, what, *axis + " stands there twice; name it once");
      keys.push_back(*axis);
    }
    return keys;
  }

  bool goes_together(const SweepAxis& axis) const {
    return std::count_if(
               definition_.axes.begin(), definition_.axes.end(),
               [&](const SweepAxis& other) { return other.dimension == axis.dimension; }) > 1;
  }

  bool is_range(const std::string& key) const { return ranges_.count(key) > 0; }

  void read_axes() {
    const bool named = table().contains("axes");
    const Names names = named ? axes_named("axes") : Names();
    for (const SweepAxis& axis : definition_.axes) {
      if (named ? !contains(names, axis.key)
                : axis.key == "seed" || goes_together(axis) || !is_range(axis.key)) {
        continue;
      }
      if (axis.key == "seed") {
        fail(*table().get("axes"), "refine.axes",
             "seeds have nothing between them; leave seed out");
      }
      if (goes_together(axis)) {
        fail(*table().get("axes"), "refine.axes",
             fmt::format("{} goes together with others; derive those from it by [derived] instead",
                         axis.key));
      }
      rule_.axes.push_back(axis.key);
    }
    if (rule_.axes.empty()) {
      fail(section_, "refine.axes",
           "are none: no axis of numbers is a range; name axes of numbers, axes = [\"data.d\"]");
    }
    read_log();
  }

  void read_log() {
    if (table().contains("log")) {
      rule_.log = axes_named("log");
      for (const std::string& key : rule_.log) {
        if (contains(rule_.axes, key)) continue;
        fail(*table().get("log"), "refine.log", key + " is not refined; name it in axes too");
      }
      return;
    }
    for (const std::string& key : rule_.axes) {
      if (is_range(key) && ranges_.at(key)) rule_.log.push_back(key);
    }
  }

  void read_mean() {
    const toml::node* node = table().get("mean_over");
    if (node) {
      rule_.mean_over = axes_named("mean_over");
    } else {
      for (const SweepAxis& axis : definition_.axes) {
        if (axis.key == "seed") rule_.mean_over.push_back(axis.key);
      }
    }
    for (const std::string& key : rule_.mean_over) {
      if (contains(rule_.axes, key)) {
        fail(*node, "refine.mean_over", key + " is refined; leave it out here, or of axes");
      }
    }
  }

  const toml::node& section_;
  const std::map<std::string, bool>& ranges_;
  SweepDefinition& definition_;
  RefineRule rule_;
};

std::string list_text(const char* name, const Names& texts) {
  Names quoted;
  for (const std::string& text : texts) quoted.push_back(toml_string(text));
  return fmt::format("{} = [{}]\n", name, join(quoted));
}

}  // namespace

void read_refine(const toml::node& section, const std::map<std::string, bool>& ranges,
                 SweepDefinition& definition) {
  RefineRule rule = RuleReader(section, ranges, definition).read();
  for (SweepAxis& axis : definition.axes) {
    if (!contains(rule.axes, axis.key)) continue;
    HalvedAxis halved = halve_steps(axis.values, known_keys().at(axis.key), rule.levels,
                                    contains(rule.log, axis.key), axis.where);
    axis.values = std::move(halved.values);
    axis.levels = std::move(halved.levels);
    definition.sizes[axis.dimension] = axis.values.size();
  }
  definition.refine = std::move(rule);
}

std::string refine_text(const RefineRule& rule) {
  std::string text = fmt::format("\n[refine]\nquantity = {}\n", toml_string(rule.quantity));
  if (rule.tolerance) text += fmt::format("tolerance = {}\n", shortest(*rule.tolerance));
  if (rule.threshold) text += fmt::format("threshold = {}\n", shortest(*rule.threshold));
  return text + fmt::format("most_points = {}\nlevels = {}\n", rule.most_points, rule.levels) +
         list_text("axes", rule.axes) + list_text("log", rule.log) +
         list_text("mean_over", rule.mean_over);
}

}  // namespace latetime
