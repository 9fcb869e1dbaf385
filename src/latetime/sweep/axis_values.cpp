#include "latetime/sweep/axis_values.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"

namespace latetime {
namespace {

constexpr std::array<std::string_view, 5> range_words{"from", "to", "step", "count", "log"};
constexpr std::size_t most_values = 1'000'000;

std::string number_text(double value) {
  const std::string text = shortest(value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

double rounded(double value) {
  return std::strtod(fmt::format("{:.15g}", value).c_str(), nullptr);
}

/// A range as it is written.
struct Range {
  double from = 0.0, to = 0.0;
  std::optional<double> step;
  std::optional<double> count;
  bool log = false;
};

constexpr const char* range_mend =
    "write {from = 1, to = 5, step = 1}, {from = 0, to = 1, count = 11}, or {from = 1e-4, to = 1, "
    "count = 5, log = true}";

/// A number, also one in quotes, as large times are written.
double number_of(const toml::node& node, const std::string& where, std::string_view word) {
  if (const auto number = node.value<double>(); number && std::isfinite(*number)) return *number;
  if (const auto text = node.value<std::string>()) {
    char* end = nullptr;
    const double number = std::strtod(text->c_str(), &end);
    if (!text->empty() && *end == '\0' && std::isfinite(number)) return number;
  }
  throw InputError(where, fmt::format("{} is no number that is finite; {}", word, range_mend));
}

Range read_range(const toml::table& table, const std::string& where) {
  for (const auto& [key, node] : table) {
    if (std::find(range_words.begin(), range_words.end(), key.str()) == range_words.end()) {
      throw InputError(where, fmt::format("{} belongs to no range; {}", key.str(), range_mend));
    }
  }
  if (!table.contains("from") || !table.contains("to") ||
      table.contains("step") == table.contains("count")) {
    throw InputError(where,
                     fmt::format("a range has from, to, and either step or count; {}", range_mend));
  }
  Range range{.from = number_of(*table.get("from"), where, "from"),
              .to = number_of(*table.get("to"), where, "to")};
  if (const auto* step = table.get("step")) range.step = number_of(*step, where, "step");
  if (const auto* count = table.get("count")) range.count = number_of(*count, where, "count");
  if (const auto* log = table.get("log")) {
    if (!log->value<bool>()) throw InputError(where, "log is true or false");
    range.log = *log->value<bool>();
  }
  return range;
}

/// How many values the range has.
std::size_t length_of(const Range& range, const std::string& where) {
  double count = 0.0;
  if (range.count) {
    count = *range.count;
    if (count != std::floor(count) || count < 2) {
      throw InputError(where, fmt::format("count is {}; both ends count, so give a whole number "
                                          "from 2 (for one value, a list)",
                                          shortest(count)));
    }
  } else {
    const double steps = (range.to - range.from) / *range.step;
    if (!(steps >= 0.0) || !std::isfinite(steps)) {
      throw InputError(
          where, fmt::format("steps of {} do not lead from {} to {}; turn the sign "
                             "around, or the ends",
                             shortest(*range.step), shortest(range.from), shortest(range.to)));
    }
    constexpr double rounding = 1e-9;
    count = std::floor(steps * (1 + rounding) + rounding) + 1;
  }
  if (!(count <= static_cast<double>(most_values))) {
    throw InputError(where, fmt::format("has {} values, more than {}; take longer steps",
                                        shortest(count), most_values));
  }
  return static_cast<std::size_t>(count);
}

std::vector<double> numbers_of(const Range& range, const std::string& where) {
  const std::size_t length = length_of(range, where);
  if (range.log && (range.step || !(range.from > 0) || !(range.to > 0))) {
    throw InputError(where,
                     "log = true needs ends above 0, and count; "
                     "write {from = 1e-4, to = 1, count = 5, log = true}");
  }
  std::vector<double> numbers;
  for (std::size_t i = 0; i < length; ++i) {
    const auto k = static_cast<double>(i);
    const double part = length > 1 ? k / static_cast<double>(length - 1) : 0.0;
    if (i == 0) {
      numbers.push_back(range.from);
    } else if (range.step) {
      numbers.push_back(rounded(range.from + k * *range.step));
    } else if (i + 1 == length) {
      numbers.push_back(range.to);
    } else if (range.log) {
      const double first = std::log10(range.from);
      numbers.push_back(rounded(std::pow(10.0, first + part * (std::log10(range.to) - first))));
    } else {
      numbers.push_back(rounded(range.from + part * (range.to - range.from)));
    }
  }
  return numbers;
}

std::vector<std::string> range_texts(const toml::table& table, const FieldDescription& key,
                                     const std::string& where) {
  if (!takes_numbers(key)) {
    throw InputError(where, fmt::format("takes no range, as it is no number; list its values, such "
                                        "as [{}]",
                                        key.default_value));
  }
  const Range range = read_range(table, where);
  std::vector<std::string> texts;
  for (double number : numbers_of(range, where)) {
    if (key.type != "integer") {
      texts.push_back(number_text(number));
      continue;
    }
    if (range.log) number = std::round(number);
    constexpr double largest = 9e15;
    if (number != std::floor(number) || std::abs(number) > largest) {
      throw InputError(where, fmt::format("the range holds {}, and the key takes whole numbers; "
                                          "choose another step or count",
                                          shortest(number)));
    }
    const std::string text = fmt::format("{}", static_cast<std::int64_t>(number));
    if (!range.log || texts.empty() || texts.back() != text) texts.push_back(text);
  }
  return texts;
}

/// Adds what lies between two values: halvings from `level` on.
void add_between(double from, double to, std::size_t level, std::size_t levels, bool whole,
                 bool log, HalvedAxis& axis) {
  if (level > levels) return;
  const double half = log ? std::sqrt(from) * std::sqrt(to) : from + (to - from) / 2;
  const double middle = whole ? std::round(half) : rounded(half);
  const bool within = from < to ? from < middle && middle < to : to < middle && middle < from;
  if (!within) return;
  add_between(from, middle, level + 1, levels, whole, log, axis);
  axis.values.push_back(whole ? fmt::format("{}", static_cast<std::int64_t>(middle))
                              : number_text(middle));
  axis.levels.push_back(level);
  add_between(middle, to, level + 1, levels, whole, log, axis);
}

}  // namespace

const std::map<std::string, FieldDescription>& known_keys() {
  static const std::map<std::string, FieldDescription> keys = [] {
    std::map<std::string, FieldDescription> map;
    for (FieldDescription& field : describe_fields()) {
      map[field.name()] = std::move(field);
    }
    return map;
  }();
  return keys;
}

HalvedAxis halve_steps(const std::vector<std::string>& values, const FieldDescription& key,
                       std::size_t levels, bool log, const std::string& where) {
  std::vector<double> numbers;
  for (const std::string& value : values) {
    const auto number = toml_number(value);
    if (!takes_numbers(key) || !number) {
      throw InputError(where,
                       fmt::format("cannot be refined: {} is no number; name other axes", value));
    }
    numbers.push_back(*number);
    if (log && !(*number > 0)) {
      throw InputError(where,
                       fmt::format("cannot be refined in the logarithm: {} is not above 0", value));
    }
  }
  if (!std::is_sorted(numbers.begin(), numbers.end()) &&
      !std::is_sorted(numbers.rbegin(), numbers.rend())) {
    throw InputError(where, "cannot be refined, as its values are in no order; sort them");
  }
  HalvedAxis axis;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) {
      add_between(numbers[i - 1], numbers[i], 1, levels, key.type == "integer", log, axis);
    }
    axis.values.push_back(values[i]);
    axis.levels.push_back(0);
  }
  return axis;
}

bool takes_numbers(const FieldDescription& key) {
  return key.type != "flag" && key.type != "texts" && !key.is_file && key.one_of.empty();
}

bool is_range(const toml::table& table) {
  return std::any_of(range_words.begin(), range_words.end(),
                     [&](std::string_view word) { return table.contains(word); });
}

std::string toml_text_of(const toml::node& node, const std::string& where) {
  if (const auto whole = node.value_exact<std::int64_t>()) return fmt::format("{}", *whole);
  if (const auto real = node.value_exact<double>()) return number_text(*real);
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  if (const auto text = node.value_exact<std::string>()) return toml_string(*text);
  if (const auto* array = node.as_array()) {
    std::vector<std::string> parts;
    for (const auto& element : *array) parts.push_back(toml_text_of(element, where));
    return "[" + join(parts) + "]";
  }
  throw InputError(where,
                   "holds a value that is no number, flag, text or list; write one of these");
}

std::vector<std::string> axis_values(const toml::node& node, const FieldDescription& key,
                                     const std::string& where) {
  std::vector<std::string> texts;
  if (const auto* table = node.as_table()) {
    texts = range_texts(*table, key, where);
  } else if (const auto* array = node.as_array()) {
    for (const auto& element : *array) {
      const auto number = element.value<double>();
      const bool whole = number && *number == std::floor(*number) && std::abs(*number) < 0x1p53;
      // 1 and 1.0 are one value, as are 1000 and 1e3.
      texts.push_back(element.is_integer() && key.type == "number" ? number_text(*number)
                      : element.is_floating_point() && whole && key.type == "integer"
                          ? fmt::format("{}", static_cast<std::int64_t>(*number))
                          : toml_text_of(element, where));
    }
  } else {
    throw InputError(where, "is one value; put it into [base], or list values, such as [0, 0.1]");
  }
  if (texts.empty()) {
    throw InputError(where, "is empty; list values, or take the axis out");
  }
  std::set<std::string> seen;
  for (const std::string& text : texts) {
    if (!seen.insert(text).second) {
      throw InputError(where, fmt::format("holds {} twice; leave one out", text));
    }
  }
  return texts;
}

}  // namespace latetime
