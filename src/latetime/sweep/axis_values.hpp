#pragma once

#include <map>
#include <string>
#include <vector>

#include <toml++/toml.h>

#include "latetime/experiment/config.hpp"

namespace latetime {

/// Values of an axis as TOML texts: of a list, or of a range
/// {from = a, to = b, step = s}, {from = a, to = b, count = k} or, evenly in the logarithm,
/// {from = a, to = b, count = k, log = true}. Both ends are values. Numbers of ranges are rounded
/// to 15 digits; along the logarithm those of whole-numbered keys to whole numbers, each once.
/// Throws InputError, naming `where`: nothing in it, the same value twice, or no range.
std::vector<std::string> axis_values(const toml::node& node, const FieldDescription& key,
                                     const std::string& where);

/// Values of an axis with those that halve its steps, again and again, in order.
struct HalvedAxis {
  std::vector<std::string> values;
  std::vector<std::size_t> levels;  ///< of each value: 0 for a given one, k for those of halving k
};

/// Halves the steps between numbers `levels` times, with `log` in the logarithm. Whole numbers stay
/// whole; a step that has no number within stays as it is. Throws InputError, naming `where`, for
/// values that are no numbers, in no order, or, with `log`, not above 0.
HalvedAxis halve_steps(const std::vector<std::string>& values, const FieldDescription& key,
                       std::size_t levels, bool log, const std::string& where);

/// Keys of the configuration by their whole names.
const std::map<std::string, FieldDescription>& known_keys();

/// Whether a key takes numbers.
bool takes_numbers(const FieldDescription& key);

/// Whether a table is a range, and no section of axes.
bool is_range(const toml::table& table);

/// A value as TOML text: a number, a flag, a text, a list. Throws InputError for others.
std::string toml_text_of(const toml::node& node, const std::string& where);

}  // namespace latetime
