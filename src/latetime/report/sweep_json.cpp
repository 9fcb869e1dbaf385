#include "latetime/report/sweep_json.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <vector>

#include <fmt/format.h>
#include <toml++/toml.h>

#include "latetime/base/error.hpp"
#include "latetime/base/hdf5_file.hpp"
#include "latetime/base/names.hpp"
#include "latetime/base/toml_depth.hpp"
#include "latetime/report/json_values.hpp"

namespace latetime {
namespace {

using nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

constexpr int digits = 9;  // of numbers that the page draws, and compares with each other

std::string text_of(const std::string& path, const char* mend) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw InputError(path, std::string("is missing; ") + mend);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Fields of a CSV text; those in quotes may hold commas and ends of lines.
Rows csv_rows(const std::string& text) {
  Rows rows;
  std::vector<std::string> row(1);
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      const bool twice = c == '"' && i + 1 < text.size() && text[i + 1] == '"';
      if (twice) ++i;
      if (c == '"' && !twice) {
        quoted = false;
      } else {
        row.back() += c;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == ',') {
      row.emplace_back();
    } else if (c == '\n') {
      rows.push_back(std::exchange(row, std::vector<std::string>(1)));
    } else {
      row.back() += c;
    }
  }
  return rows;
}

toml::table definition_of(const std::string& text, const std::string& path) {
  refuse_deep_keys(text, path);
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    throw InputError(path, fmt::format("is damaged ({}, line {}); make the sweep's files again by "
                                       "latetime sweep --resume",
                                       error.description(), error.source().begin.line));
  }
}

/// " --set data.n=10 …" of every key of a configuration.
std::string settings_of(const toml::table& table, const std::string& prefix = "") {
  std::string text;
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const toml::table* section = node.as_table()) {
      text += settings_of(*section, name + ".");
      continue;
    }
    std::ostringstream value;
    node.visit([&](const auto& one) {
      if constexpr (toml::is_string<decltype(one)>) {
        value << one.get();
      } else {
        value << one;
      }
    });
    text += " --set " + shell_word(name + "=" + value.str());
  }
  return text;
}

/// Numbers where all fields are, and null for an empty one; else texts.
ordered_json column_json(const Rows& rows, std::size_t column) {
  std::vector<double> numbers;
  std::vector<std::string> texts;
  bool numeric = true;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string& field = rows[r][column];
    char* end = nullptr;
    numbers.push_back(field.empty() ? std::nan("") : std::strtod(field.c_str(), &end));
    numeric = numeric && (field.empty() || *end == '\0');
    texts.push_back(field);
  }
  return numeric ? json_numbers(numbers, digits) : ordered_json(texts);
}

/// How the sweep was refined, with the finest grid's values of the axes that were; null for others.
ordered_json refine_json(const toml::table& definition, const std::string& nc) {
  const toml::table* rule = definition["refine"].as_table();
  if (!rule) return nullptr;
  const auto levels = std::clamp<std::int64_t>((*rule)["levels"].value_or(std::int64_t{1}), 1, 20);
  const Hdf5Reader file(nc);
  ordered_json values = ordered_json::object();
  if (const toml::array* axes = (*rule)["axes"].as_array()) {
    for (const toml::node& axis : *axes) {
      const std::string key = axis.value_or(std::string());
      values[key] = json_numbers(file.read_doubles("/" + key.substr(key.rfind('.') + 1)), digits);
    }
  }
  const auto threshold = (*rule)["threshold"].value<double>();
  return {{"quantity", (*rule)["quantity"].value_or(std::string())},
          {"tolerance", (*rule)["tolerance"].value_or(0.0)},
          {"threshold", threshold ? ordered_json(*threshold) : ordered_json()},
          // Half a step of the first grid, in steps of the finest one.
          {"reach", std::int64_t{1} << (levels - 1)},
          {"values", values}};
}

}  // namespace

ordered_json sweep_json(const std::string& folder) {
  constexpr const char* mend =
      "let latetime sweep go on with --resume, or gather shards by latetime sweep --merge";
  const auto path = [&](const char* name) {
    return (std::filesystem::path(folder) / name).string();
  };
  const std::string config = text_of(path("sweep.toml"), mend);
  const toml::table definition = definition_of(config, path("sweep.toml"));
  const Rows rows = csv_rows(text_of(path("points.csv"), mend));
  const std::vector<std::string> names = rows.empty() ? std::vector<std::string>() : rows.front();
  const auto outcome = std::find(names.begin(), names.end(), "outcome");
  const bool even = std::all_of(rows.begin(), rows.end(),
                                [&](const auto& row) { return row.size() == names.size(); });
  const toml::table* axes = definition["axes"].as_table();
  if (outcome == names.end() || names.size() < 4 || !even || !axes) {
    throw InputError(path("points.csv"), "is damaged; make it again by latetime sweep --resume");
  }
  ordered_json columns, keys = ordered_json::array(), derived = ordered_json::array(),
                        quantities = ordered_json::array();
  for (std::size_t c = 0; c < names.size(); ++c) {
    const bool is_key = c > 0 && names.begin() + static_cast<std::ptrdiff_t>(c) < outcome;
    if (is_key) (axes->contains(names[c]) ? keys : derived).push_back(names[c]);
    const bool is_quantity = names.begin() + static_cast<std::ptrdiff_t>(c) > outcome &&
                             names[c] != "key" && names[c] != "message";
    if (is_quantity) quantities.push_back(names[c]);
    if (names[c] != "key") columns[names[c]] = column_json(rows, c);
  }
  const toml::table* base = definition["base"].as_table();
  return {{"folder", folder},
          {"name", folder_name(folder)},
          {"config", config},
          {"command", "latetime run --out point" + (base ? settings_of(*base) : "")},
          {"axes", keys},
          {"refine", refine_json(definition, path("sweep.nc"))},
          {"derived", derived},
          {"quantities", quantities},
          {"columns", columns}};
}

}  // namespace latetime
