#include "latetime/experiment/config.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>
#include <set>
#include <type_traits>
#include <utility>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "latetime/base/error.hpp"
#include "latetime/base/log_time.hpp"
#include "latetime/base/text.hpp"
#include "latetime/base/toml_depth.hpp"
#include "latetime/data/array_file.hpp"
#include "latetime/dynamics/descent_options.hpp"
#include "latetime/experiment/config_fields.hpp"
#include "latetime/experiment/toml_document.hpp"

namespace latetime {
namespace {

std::string dotted(const std::string& section, const std::string& key) {
  return section.empty() ? key : section + "." + key;
}

// ---- value to TOML text

std::string toml_text(std::int64_t value) {
  return fmt::format("{}", value);
}
std::string toml_text(bool value) {
  return value ? "true" : "false";
}
std::string toml_text(const std::string& value) {
  return toml_string(value);
}
template <Choice Value>
std::string toml_text(Value value) {
  return toml_string(word_of(value));
}
std::string toml_text(double value) {
  const std::string text = shortest(value);
  const bool looks_whole = text.find_first_of(".en") == std::string::npos;
  return looks_whole ? text + ".0" : text;
}
std::string toml_text(const std::vector<std::string>& values) {
  std::vector<std::string> parts;
  for (const auto& value : values) parts.push_back(toml_string(value));
  return "[" + join(parts) + "]";
}

// ---- TOML node to value; an empty optional means the wrong type

template <class Value>
std::optional<Value> value_of(const toml::node& node);

template <>
std::optional<std::int64_t> value_of(const toml::node& node) {
  if (const auto whole = node.value_exact<std::int64_t>()) return whole;
  const auto real = node.value_exact<double>();  // 1e3 is a float in TOML
  if (real && std::abs(*real) <= 0x1p53 && *real == std::floor(*real)) {
    return static_cast<std::int64_t>(*real);
  }
  return std::nullopt;
}
template <>
std::optional<double> value_of(const toml::node& node) {
  if (const auto whole = node.value_exact<std::int64_t>()) return static_cast<double>(*whole);
  return node.value_exact<double>();
}
template <>
std::optional<bool> value_of(const toml::node& node) {
  return node.value_exact<bool>();
}
/// Texts also take numbers and flags: until = 1000 is as good as until = "1000".
template <>
std::optional<std::string> value_of(const toml::node& node) {
  if (const auto whole = node.value_exact<std::int64_t>()) return fmt::format("{}", *whole);
  if (const auto real = node.value_exact<double>()) return shortest(*real);
  if (const auto flag = node.value_exact<bool>()) return *flag ? "true" : "false";
  return node.value_exact<std::string>();
}
template <>
std::optional<std::vector<std::string>> value_of(const toml::node& node) {
  const toml::array* array = node.as_array();
  if (!array) return std::nullopt;
  std::vector<std::string> values;
  for (const auto& element : *array) {
    auto value = value_of<std::string>(element);
    if (!value) return std::nullopt;
    values.push_back(*std::move(value));
  }
  return values;
}

/// The words of a choice, and no words of other types.
template <class Value>
std::vector<std::string> choices() {
  if constexpr (Choice<Value>) {
    return words_of<Value>();
  } else {
    return {};
  }
}

template <class Value>
constexpr const char* type_name() {
  if constexpr (std::is_same_v<Value, std::int64_t>) return "a whole number below 2^63";
  if constexpr (std::is_same_v<Value, double>) return "a number";
  if constexpr (std::is_same_v<Value, bool>) return "true or false";
  if constexpr (std::is_same_v<Value, std::string> || Choice<Value>) return "a text in quotes";
  return "a list such as [\"1000\", \"1e6\"]";
}

template <class Value>
constexpr const char* field_type() {
  if constexpr (std::is_same_v<Value, std::int64_t>) return "integer";
  if constexpr (std::is_same_v<Value, double>) return "number";
  if constexpr (std::is_same_v<Value, bool>) return "flag";
  if constexpr (std::is_same_v<Value, std::string> || Choice<Value>) return "text";
  return "texts";
}

// ---- rules

void check_range(const std::string& where, double value, const std::string& text,
                 const FieldRule& rule) {
  const bool low = rule.above_min ? !(value > rule.min) : !(value >= rule.min);
  const bool high = rule.below_max ? !(value < rule.max) : !(value <= rule.max);
  if (!low && !high && std::isfinite(value)) return;
  std::string range = rule.above_min ? fmt::format("greater than {}", shortest(rule.min))
                                     : fmt::format("at least {}", shortest(rule.min));
  if (std::isfinite(rule.max)) {
    range += fmt::format(" and {} {}", rule.below_max ? "below" : "at most", shortest(rule.max));
  }
  if (!std::isfinite(rule.min)) range = "finite";
  if (!std::isfinite(value) && range != "finite") range = "finite and " + range;
  throw InputError(where, fmt::format("{} is not possible; it must be {}", text, range));
}

template <class Value>
void check_value(const std::string& where, const Value& value, const FieldRule& rule) {
  if constexpr (std::is_same_v<Value, std::int64_t> || std::is_same_v<Value, double>) {
    check_range(where, static_cast<double>(value), toml_text(value), rule);
  }
}

/// The value of a node, checked against its type and its rule.
template <class Value>
Value checked_value(const toml::node& node, const std::string& where, const FieldRule& rule) {
  using Read = std::conditional_t<Choice<Value>, std::string, Value>;
  const auto read = value_of<Read>(node);
  if (!read) throw InputError(where, fmt::format("must be {}", type_name<Value>()));
  if constexpr (Choice<Value>) {
    return choice_named<Value>(where, *read);
  } else {
    check_value(where, *read, rule);
    return *read;
  }
}

std::string resolve_file(const std::string& name, const std::string& folder) {
  if (name.empty() || std::filesystem::path(name).is_absolute()) return name;
  return std::filesystem::absolute(std::filesystem::path(folder) / name)
      .lexically_normal()
      .string();
}

/// "C:\new" holds the beginning of a new line, in TOML's double quotes.
void refuse_control_characters(const std::string& name, const std::string& where) {
  const auto is_control = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  if (std::none_of(name.begin(), name.end(), is_control)) return;
  throw InputError(where,
                   "the file name holds control characters, as \\t or \\n in double quotes "
                   "are; write paths in single quotes, 'C:\\new\\X.npy', or with /");
}

// ---- all keys with their values

struct Field {
  FieldDescription description;
  std::string name;   ///< section.key
  std::string value;  ///< as TOML
  std::string owner;  ///< what the key belongs to; empty where it has a meaning
};

std::vector<Field> list_fields(const RunConfig& config) {
  std::vector<Field> fields;
  visit_fields(config, [&](const std::string& section, const std::string& key, const auto& value,
                           const std::string& meaning, const FieldRule& rule) {
    using Value = std::decay_t<decltype(value)>;
    const FieldDescription description{.section = section,
                                       .key = key,
                                       .default_value = {},
                                       .meaning = meaning,
                                       .type = field_type<Value>(),
                                       .is_file = rule.is_file,
                                       .one_of = choices<Value>()};
    fields.push_back(
        {description, dotted(section, key), toml_text(value), rule.belongs_to(config)});
  });
  return fields;
}

// ---- reading a table

using KeySet = std::set<std::pair<std::string, std::string>>;

/// Names every key of the document that is not in the field list.
void refuse_unknown_keys(const toml::table& document, const std::string& origin) {
  std::vector<std::string> known, sections;
  for (const Field& field : list_fields(RunConfig{})) {
    const std::string& section = field.description.section;
    known.push_back(field.name);
    const bool seen = !sections.empty() && sections.back() == section;
    if (!section.empty() && !seen) sections.push_back(section);
  }
  const auto refuse = [&](const std::string& name) {
    // The right key in the wrong section is the nearer miss.
    const auto last = name.substr(name.rfind('.') + 1);
    for (const auto& candidate : known) {
      if (candidate.substr(candidate.rfind('.') + 1) == last) {
        throw InputError(origin, fmt::format("{}: unknown key; did you mean {}?", name, candidate));
      }
    }
    throw InputError(
        origin, fmt::format("{}: unknown key; did you mean {}?", name, nearest_name(name, known)));
  };
  for (const auto& [key, node] : document) {
    const std::string name(key.str());
    const toml::table* table = node.as_table();
    const bool is_section = std::find(sections.begin(), sections.end(), name) != sections.end();
    if (!table) {
      if (is_section)
        throw InputError(origin, fmt::format("{}: must be a section, [{}]", name, name));
      if (std::find(known.begin(), known.end(), name) == known.end()) refuse(name);
      continue;
    }
    if (!is_section) {
      throw InputError(origin, fmt::format("[{}]: unknown section; did you mean [{}]?", name,
                                           nearest_name(name, sections)));
    }
    for (const auto& entry : *table) {
      const std::string full = dotted(name, std::string(entry.first.str()));
      if (std::find(known.begin(), known.end(), full) == known.end()) refuse(full);
    }
  }
}

/// Fills `config` from the document and returns the keys that were set. File names are relative to
/// `folder`, those of the `overridden` keys to the current folder.
KeySet read_fields(const toml::table& document, const std::string& origin,
                   const std::string& folder, const std::set<std::string>& overridden,
                   RunConfig& config) {
  KeySet set;
  visit_fields(config, [&](const std::string& section, const std::string& key, auto& value,
                           const std::string&, const FieldRule& rule) {
    using Value = std::decay_t<decltype(value)>;
    const toml::node* node = section.empty() ? document.get(key) : nullptr;
    if (!section.empty()) {
      if (const toml::node* table = document.get(section)) node = table->as_table()->get(key);
    }
    if (!node) return;
    const std::string where = origin + ": " + dotted(section, key);
    value = checked_value<Value>(*node, where, rule);
    if constexpr (std::is_same_v<Value, std::string>) {
      const bool from_command_line = overridden.count(dotted(section, key)) > 0;
      if (rule.is_file) refuse_control_characters(value, where);
      if (rule.is_file) value = resolve_file(value, from_command_line ? "." : folder);
    }
    set.insert({section, key});
  });
  return set;
}

/// Whether the engine follows the method and the activation, and how far.
void check_descent(const DescentConfig& descent, bool smoothed, const std::string& origin) {
  const std::string where = origin + ": descent.";
  require_engine_follows(descent.engine, descent.method, where + "engine");
  if (smoothed) require_engine_smooths(descent.engine, descent.method, where);
  const LogTime until = LogTime::parse(descent.until, where + "until");
  if (until.step()) return;
  if (smoothed) {
    throw InputError(
        where + "until",
        fmt::format("\"{}\" is more than the 2^53 (about 9e15) steps that are taken "
                    "with a smoothed activation; choose a smaller one, such as \"1e5\"",
                    descent.until));
  }
  if (descent.method == Method::stochastic) {
    throw InputError(where + "until",
                     fmt::format("\"{}\" is more than the 2^53 (about 9e15) steps that method = "
                                 "\"sgd\" can count; choose a smaller one",
                                 descent.until));
  }
  if (descent.engine != EngineChoice::automatic && descent.engine != EngineChoice::flow) {
    throw InputError(where + "until",
                     fmt::format("\"{}\" is more than the 2^53 (about 9e15) steps that engine = "
                                 "\"{}\" can count; use engine = \"auto\" or choose a smaller one",
                                 descent.until, word_of(descent.engine)));
  }
}

/// Which files and columns samples and labels come from.
void check_files(const DataConfig& data, const std::string& origin) {
  const std::string where = origin + ": data.";
  if (data.x.empty()) throw InputError(where + "x", "is missing; name the file of the samples");
  if (data.y.empty() && data.label_column.empty() && !may_hold_labels(data.x)) {
    throw InputError(where + "y", "is missing; name the file of the labels");
  }
  if (data.y.empty() && data.transpose) {
    throw InputError(where + "transpose",
                     "labels in the file of x belong to its rows; name their own file, data.y");
  }
  if (data.test_x.empty() && !data.test_y.empty()) {
    throw InputError(where + "test_x", "is missing; name the file of the test samples");
  }
  if (data.test_x.empty()) return;
  const bool in_file = !data.label_column.empty() || may_hold_labels(data.test_x);
  if (data.test_y.empty() && (data.transpose || !in_file)) {
    throw InputError(where + "test_y", "is missing; name the file of the test labels");
  }
}

/// Rules that involve more than one key.
void check_together(const RunConfig& config, const KeySet& set, const std::string& origin) {
  for (const auto& [description, name, value, owner] : list_fields(config)) {
    if (owner.empty() || !set.count({description.section, description.key})) continue;
    throw InputError(origin + ": " + name,
                     fmt::format("has a meaning only with {}; remove it", owner));
  }
  const bool files = config.data.source == DataSource::file;
  if (!config.data.is_images() && !files && config.data.n < 1) {
    throw InputError(origin + ": data.n", "must be at least 1");
  }
  if (files) {
    check_files(config.data, origin);
  } else if (config.data.d < 1) {
    throw InputError(origin + ": data.d", "must be at least 1");
  }
  if (config.data.is_images() && config.data.test_n > 0 && config.data.split == ImageSplit::test) {
    throw InputError(origin + ": data.test_n",
                     "data.split = \"test\" trains on the test images; leave one of the two out");
  }
  check_descent(config.descent, config.network.smoothing > 0.0, origin);
  for (const auto& time : config.record.at) LogTime::parse(time, origin + ": record.at");
  if (config.descent.epochs > 0 && set.count({"descent", "until"})) {
    throw InputError(origin + ": descent.epochs",
                     "stands beside descent.until; give one of the two");
  }
}

/// "section.key=value" becomes an entry of the document; a value that is no TOML counts as text.
/// Returns the key's name.
std::string apply_override(toml::table& document, const std::string& assignment) {
  const auto equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError("--set " + assignment, "must look like section.key=value");
  }
  const std::string name = assignment.substr(0, equals), text = assignment.substr(equals + 1);
  refuse_deep_keys(text, "--set " + name);
  toml::table parsed;
  try {
    parsed = toml::parse("value = " + text);
  } catch (const toml::parse_error&) {
    parsed.insert("value", text);
  }
  const auto dot = name.find('.');
  if (dot == std::string::npos) {
    document.insert_or_assign(name, *parsed.get("value"));
    return name;
  }
  const std::string section = name.substr(0, dot);
  if (!document.contains(section)) document.insert(section, toml::table{});
  toml::table* table = document.get(section)->as_table();
  if (!table) throw InputError("--set " + assignment, fmt::format("{} is not a section", section));
  table->insert_or_assign(name.substr(dot + 1), *parsed.get("value"));
  return name;
}

}  // namespace

RunConfig parse_config(const std::string& text, const std::string& origin,
                       const std::string& folder, std::span<const std::string> overrides) {
  toml::table document = parse_toml(text, origin, "a configuration file (.toml)");
  std::set<std::string> overridden;
  for (const auto& assignment : overrides) overridden.insert(apply_override(document, assignment));
  refuse_unknown_keys(document, origin);
  RunConfig config;
  const KeySet set = read_fields(document, origin, folder, overridden, config);
  if (config.data.source == DataSource::file && !set.count({"data", "d"})) config.data.d = 0;
  check_together(config, set, origin);
  return config;
}

namespace {

/// Keys that have a meaning in this configuration.
std::vector<Field> list_applicable(const RunConfig& config) {
  std::vector<Field> fields = list_fields(config);
  std::erase_if(fields, [&](const Field& field) {
    return !field.owner.empty() || (config.descent.epochs > 0 && field.name == "descent.until");
  });
  return fields;
}

}  // namespace

std::vector<FieldValue> field_values(const RunConfig& config) {
  std::vector<FieldValue> values;
  for (Field& field : list_applicable(config)) {
    values.push_back({std::move(field.name), std::move(field.value), field.description.is_file});
  }
  return values;
}

std::string to_toml(const RunConfig& config) {
  std::string text, current;
  for (const auto& [description, name, value, owner] : list_applicable(config)) {
    if (description.section != current) {
      text += fmt::format("\n[{}]\n", description.section);
      current = description.section;
    }
    text += fmt::format("{:<32}# {}\n", description.key + " = " + value + " ", description.meaning);
  }
  return text;
}

std::vector<FieldDescription> describe_fields() {
  std::vector<FieldDescription> fields;
  for (Field& field : list_fields(RunConfig{})) {
    FieldDescription& description = field.description;
    description.default_value = field.value;
    if (!description.one_of.empty()) {
      description.meaning += " (" + join(description.one_of, " | ") + ")";
    }
    fields.push_back(std::move(description));
  }
  return fields;
}

std::string first_difference(const RunConfig& a, const RunConfig& b) {
  const std::vector<Field> left = list_fields(a), right = list_fields(b);
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (left[i].name == "descent.until" || left[i].name == "descent.epochs") continue;
    if (left[i].value != right[i].value) return left[i].name;
  }
  return {};
}

}  // namespace latetime
