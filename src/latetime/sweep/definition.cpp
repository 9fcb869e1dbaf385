#include "latetime/sweep/definition.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <map>
#include <sstream>
#include <tuple>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/experiment/toml_document.hpp"
#include "latetime/sweep/axis_values.hpp"
#include "latetime/sweep/refine_rule.hpp"

namespace latetime {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> key_names() {
  std::vector<std::string> names;
  for (const auto& [name, field] : known_keys()) names.push_back(name);
  return names;
}

void require_key(const std::string& key, const std::string& where) {
  if (known_keys().count(key) > 0) return;
  for (const auto& [name, field] : known_keys()) {
    if (field.key != short_name(key)) continue;
    throw InputError(where, fmt::format("unknown key; did you mean {}?", name));
  }
  throw InputError(where,
                   fmt::format("unknown key; did you mean {}?", nearest_name(key, key_names())));
}

/// A key and what stands at it, as TOML gives it: sections are tables.
struct Entry {
  std::string key;
  const toml::node* node;
};

bool is_section(const std::string& name) {
  return std::any_of(known_keys().begin(), known_keys().end(),
                     [&](const auto& entry) { return entry.second.section == name; });
}

/// The entries of [axes] or [derived] in the order of the file. Sections and keys in quotes
/// ("data.n") come to the same. Throws InputError for unknown keys and for a key that stands twice.
std::vector<Entry> entries_of(const toml::table& table, const std::string& origin,
                              const std::string& name) {
  std::vector<Entry> entries;
  for (const auto& [key, node] : table) {
    const std::string first(key.str());
    const toml::table* section = node.as_table();
    if (!section || is_range(*section) || !is_section(first)) {
      entries.push_back({first, &node});
      continue;
    }
    for (const auto& [inner, value] : *section) {
      entries.push_back({first + "." + std::string(inner.str()), &value});
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    const auto place = [](const Entry& entry) {
      const auto& begin = entry.node->source().begin;
      return std::tuple(begin.line, begin.column, entry.key);
    };
    return place(a) < place(b);
  });
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::string where =
        fmt::format("{}: {}.{}", with_line(origin, *entries[i].node), name, entries[i].key);
    require_key(entries[i].key, where);
    for (std::size_t k = 0; k < i; ++k) {
      if (entries[k].key == entries[i].key) {
        throw InputError(where, "stands there twice; leave one out");
      }
    }
  }
  return entries;
}

/// Reads one sweep; a part of the definition a member function.
class Reader {
 public:
  Reader(const toml::table& document, const std::string& origin, std::string folder)
      : document_(document), origin_(origin), folder_(std::move(folder)) {
    result_.origin = origin;
  }

  SweepDefinition read() {
    refuse_unknown_entries();
    read_base();
    read_axes();
    read_pairs();
    read_derived();
    read_filters();
    result_.wanted = wanted_quantities(texts_of("quantities"), texts_of("arrays"), origin_);
    if (const toml::node* keep = document_.get("keep_runs")) {
      if (!keep->value_exact<bool>()) fail(*keep, "keep_runs", "is true or false");
      result_.keep_runs = *keep->value_exact<bool>();
    }
    if (const toml::node* rule = document_.get("refine")) read_refine(*rule, ranges_, result_);
    return std::move(result_);
  }

 private:
  [[noreturn]] void fail(const toml::node& node, const std::string& what,
                         const std::string& problem) const {
    throw InputError(fmt::format("{}: {}", with_line(origin_, node), what), problem);
  }

  void refuse_unknown_entries() const {
    const std::vector<std::string> known{"base",   "axes",      "zip",        "derived", "filter",
                                         "arrays", "keep_runs", "quantities", "refine"};
    for (const auto& [key, node] : document_) {
      const std::string name(key.str());
      if (contains(known, name)) continue;
      const bool of_base = is_section(name) || known_keys().count(name) > 0;
      fail(node, name,
           of_base ? fmt::format("is part of the configuration; write [base{}]",
                                 node.is_table() ? "." + name : "")
                   : fmt::format("unknown key; did you mean {}?", nearest_name(name, known)));
    }
  }

  /// The lines of a list of texts, or of one text.
  std::vector<std::string> texts_of(const std::string& name) const {
    const toml::node* node = document_.get(name);
    if (!node) return {};
    if (const auto text = node->value_exact<std::string>()) return {*text};
    std::vector<std::string> texts;
    const toml::array* array = node->as_array();
    if (!array) fail(*node, name, "is a list of texts in quotes");
    for (const auto& element : *array) {
      const auto text = element.value_exact<std::string>();
      if (!text) fail(*node, name, "is a list of texts in quotes");
      texts.push_back(*text);
    }
    return texts;
  }

  static std::string absolute_file(const std::string& name, const std::string& folder) {
    if (name.empty() || fs::path(name).is_absolute()) return name;
    return fs::absolute(fs::path(folder) / name).lexically_normal().string();
  }

  void read_base() {
    const toml::node* node = document_.get("base");
    if (!node) return;
    toml::table base;
    std::string folder = folder_;
    if (const auto name = node->value_exact<std::string>()) {
      const std::string file = absolute_file(*name, folder_);
      read_config(file);  // names file and key of what is wrong in it
      base = toml::parse_file(file);
      folder = fs::path(file).parent_path().string();
    } else if (node->is_table()) {
      base = *node->as_table();
    } else {
      fail(*node, "base", "is a section, [base], or the name of a configuration, \"run.toml\"");
    }
    for (auto&& [section, inner] : base) {
      if (inner.is_table())
        make_files_absolute(std::string(section.str()), *inner.as_table(), folder);
    }
    std::ostringstream text;
    text << toml::toml_formatter(base) << "\n";
    result_.base = text.str();
  }

  static void make_files_absolute(const std::string& section, toml::table& keys,
                                  const std::string& folder) {
    for (auto&& [key, value] : keys) {
      const auto known = known_keys().find(section + "." + std::string(key.str()));
      toml::value<std::string>* file = value.as_string();
      if (known == known_keys().end() || !known->second.is_file || !file) continue;
      *file = absolute_file(file->get(), folder);
    }
  }

  void read_axes() {
    const toml::node* node = document_.get("axes");
    if (!node) {
      throw InputError(origin_,
                       "axes: are missing; name keys and values, such as [axes] and "
                       "network.slope = [0, 0.1]");
    }
    if (!node->is_table()) fail(*node, "axes", "is a section, [axes]");
    for (const Entry& entry : entries_of(*node->as_table(), origin_, "axes")) {
      const std::string where =
          fmt::format("{}: axes.{}", with_line(origin_, *entry.node), entry.key);
      const FieldDescription& key = known_keys().at(entry.key);
      SweepAxis axis{.key = entry.key,
                     .values = axis_values(*entry.node, key, where),
                     .dimension = result_.axes.size(),
                     .where = where};
      if (key.is_file) make_absolute(axis);
      if (const toml::table* range = entry.node->as_table()) {
        ranges_[entry.key] = (*range)["log"].value_or(false);
      }
      result_.sizes.push_back(axis.values.size());
      result_.axes.push_back(std::move(axis));
    }
    if (result_.axes.empty()) {
      fail(*node, "axes", "is empty; name keys and values, such as network.slope = [0, 0.1]");
    }
  }

  void make_absolute(SweepAxis& axis) const {
    for (std::string& value : axis.values) {
      if (value.front() == '"') value = toml_string(absolute_file(plain_text(value), folder_));
    }
  }

  SweepAxis& axis_named(const std::string& key, const toml::node& node) {
    for (SweepAxis& axis : result_.axes) {
      if (axis.key == key) return axis;
    }
    std::vector<std::string> names;
    for (const SweepAxis& axis : result_.axes) names.push_back(axis.key);
    fail(node, "zip",
         fmt::format("{} is no axis; did you mean {}?", key, nearest_name(key, names)));
  }

  /// Axes that go together: zip = ["data.n", "data.d"], or a list of such lists.
  void read_pairs() {
    const toml::node* node = document_.get("zip");
    if (!node) return;
    const toml::array* list = node->as_array();
    if (!list) fail(*node, "zip", "is a list of axes that go together, [\"data.n\", \"data.d\"]");
    toml::array one_group;
    if (!list->empty() && list->get(0)->is_string()) {
      one_group.push_back(*list);
      list = &one_group;
    }
    for (const auto& group : *list) pair_up(group, *node);
    count_dimensions();
  }

  void pair_up(const toml::node& group, const toml::node& node) {
    const toml::array* keys = group.as_array();
    if (!keys || keys->size() < 2) {
      fail(node, "zip", "names two axes or more that go together, [\"data.n\", \"data.d\"]");
    }
    SweepAxis* first = nullptr;
    for (const auto& element : *keys) {
      const auto key = element.value_exact<std::string>();
      if (!key) fail(node, "zip", "names axes by texts in quotes");
      SweepAxis& axis = axis_named(*key, node);
      const auto alone = static_cast<std::size_t>(&axis - result_.axes.data());
      if (axis.dimension != alone || paired_[axis.key]) {
        fail(node, "zip", fmt::format("{} stands there twice; name it once", *key));
      }
      paired_[axis.key] = true;
      if (!first) first = &axis;
      if (axis.values.size() != first->values.size()) {
        fail(node, "zip",
             fmt::format("{} has {} values and {} has {}; axes that go together need as many",
                         first->key, first->values.size(), axis.key, axis.values.size()));
      }
      axis.dimension = first->dimension;
    }
  }

  /// Numbers dimensions in the order of their first axes.
  void count_dimensions() {
    std::map<std::size_t, std::size_t> numbers;
    result_.sizes.clear();
    for (SweepAxis& axis : result_.axes) {
      const auto [place, is_new] = numbers.try_emplace(axis.dimension, result_.sizes.size());
      if (is_new) result_.sizes.push_back(axis.values.size());
      axis.dimension = place->second;
    }
  }

  void read_derived() {
    const toml::node* node = document_.get("derived");
    if (!node) return;
    if (!node->is_table()) fail(*node, "derived", "is a section, [derived]");
    const auto entries = entries_of(*node->as_table(), origin_, "derived");
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const auto& [key, value] = entries[i];
      const std::string what = "derived." + key;
      const auto formula = value->value_exact<std::string>();
      if (!formula) fail(*value, what, "is a formula in quotes, such as \"20 * data.n\"");
      const FieldDescription& field = known_keys().at(key);
      if (field.type == "texts" || field.is_file || !field.one_of.empty()) {
        fail(*value, what, "is no number; make it an axis, and pair it by zip");
      }
      for (const SweepAxis& axis : result_.axes) {
        if (axis.key == key) fail(*value, what, "is an axis too; leave one of them out");
      }
      Expression expression(*formula, fmt::format("{}: {}", with_line(origin_, *value), what),
                            key_names());
      for (std::size_t later = i; later < entries.size(); ++later) {
        const auto& used = expression.keys();
        if (std::find(used.begin(), used.end(), entries[later].key) == used.end()) continue;
        fail(*value, what,
             later == i ? "uses itself; use other keys"
                        : fmt::format("uses {}, which is derived after it; put that first",
                                      entries[later].key));
      }
      require_numbers(expression);
      result_.derived.push_back({key, std::move(expression)});
    }
  }

  void read_filters() {
    for (const std::string& text : texts_of("filter")) {
      Expression condition(text, with_line(origin_, *document_.get("filter")) + ": filter",
                           key_names());
      require_numbers(condition);
      result_.filters.push_back(std::move(condition));
    }
  }

  static void require_numbers(const Expression& expression) {
    for (const std::string& key : expression.keys()) {
      const FieldDescription& field = known_keys().at(key);
      const bool words = !field.one_of.empty() || field.is_file || field.type == "texts";
      if (!words) continue;
      throw InputError(expression.where(), fmt::format("\"{}\": {} is no number; use other keys",
                                                       expression.text(), key));
    }
  }

  const toml::table& document_;
  const std::string origin_, folder_;
  std::map<std::string, bool> paired_;
  std::map<std::string, bool> ranges_;  // axes that are ranges; true: in the logarithm
  SweepDefinition result_;
};

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> quoted;
  for (const std::string& text : texts) quoted.push_back(toml_string(text));
  return "[" + join(quoted) + "]";
}

/// The groups of axes that go together, as zip names them.
std::string pairs_text(const SweepDefinition& definition) {
  std::vector<std::string> groups;
  for (std::size_t dimension = 0; dimension < definition.sizes.size(); ++dimension) {
    std::vector<std::string> keys;
    for (const SweepAxis& axis : definition.axes) {
      if (axis.dimension == dimension) keys.push_back(axis.key);
    }
    if (keys.size() > 1) groups.push_back(quoted_list(keys));
  }
  return groups.empty() ? "" : "zip = [" + join(groups) + "]\n";
}

/// Values of the first grid.
std::vector<std::string> given_values(const SweepAxis& axis) {
  if (axis.levels.empty()) return axis.values;
  std::vector<std::string> given;
  for (std::size_t i = 0; i < axis.values.size(); ++i) {
    if (axis.levels[i] == 0) given.push_back(axis.values[i]);
  }
  return given;
}

}  // namespace

SweepDefinition parse_sweep(const std::string& text, const std::string& origin,
                            const std::string& folder) {
  const toml::table document = parse_toml(text, origin, "the file of a sweep (.toml)");
  return Reader(document, origin, folder).read();
}

SweepDefinition read_sweep(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    throw InputError(path, "is a folder; name the file of a sweep (.toml)");
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path, "cannot be read; name the file of a sweep (.toml)");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return parse_sweep(text, path, fs::absolute(path).parent_path().string());
}

std::string to_toml(const SweepDefinition& definition) {
  std::string text = pairs_text(definition);
  if (!definition.filters.empty()) {
    std::vector<std::string> filters;
    for (const Expression& filter : definition.filters) filters.push_back(filter.text());
    text += "filter = " + quoted_list(filters) + "\n";
  }
  text += "quantities = " + quoted_list(definition.wanted.names()) + "\n";
  if (!definition.wanted.arrays.empty()) {
    text += "arrays = " + quoted_list(definition.wanted.arrays) + "\n";
  }
  if (definition.keep_runs) text += "keep_runs = true\n";
  text += "\n[axes]\n";
  for (const SweepAxis& axis : definition.axes) {
    text += fmt::format("\"{}\" = [{}]\n", axis.key, join(given_values(axis)));
  }
  if (definition.refine) text += refine_text(*definition.refine);
  if (!definition.derived.empty()) text += "\n[derived]\n";
  for (const DerivedKey& key : definition.derived) {
    text += fmt::format("\"{}\" = {}\n", key.key, toml_string(key.value.text()));
  }
  toml::table base = toml::parse(definition.base), whole;
  whole.insert("base", std::move(base));
  std::ostringstream written;
  written << toml::toml_formatter(whole);
  return text + "\n" + written.str() + "\n";
}

}  // namespace latetime
