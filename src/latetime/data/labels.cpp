#include "latetime/data/labels.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/field_text.hpp"
#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

std::string key_of(double label) {
  return shortest(label + 0.0);  // −0 is 0
}

std::string key_of(std::string_view label) {
  double value = 0.0;
  return parse_number(label, value) == FieldError::none ? key_of(value) : std::string(label);
}

/// Fit to be quoted in a TOML text and pasted from a terminal: no control characters, quotes or
/// backslashes; other than ASCII as it is.
bool is_quotable(std::string_view label) {
  constexpr std::size_t longest = 40;
  return !label.empty() && label.size() <= longest &&
         std::none_of(label.begin(), label.end(), [](unsigned char c) {
           return c < 0x20 || c == 0x7f || c == '"' || c == '\\';
         });
}

std::string shown(std::string_view label) {
  return is_quotable(label) ? std::string(label) : printable(label);
}

/// "0, 1, 2, 3, ...".
std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t most_listed = 6;
  std::vector<std::string> listed;
  for (const auto& name : names) {
    if (listed.size() == most_listed) break;
    listed.push_back(shown(name));
  }
  if (names.size() > most_listed) listed.emplace_back("...");
  return join(listed);
}

/// Whether label `a` more likely names the positive class than `b`: the larger number (1 of 0 and
/// 1), or the later word.
bool is_likelier(const Labels& labels, std::size_t a, std::size_t b) {
  double left = 0.0, right = 0.0;
  const bool numbers = parse_number(labels.keys()[a], left) == FieldError::none &&
                       parse_number(labels.keys()[b], right) == FieldError::none;
  return numbers ? left > right : labels.keys()[a] > labels.keys()[b];
}

/// "set data.positive = "1", …"; text that cannot be quoted there has to be written otherwise.
std::string mend(const Labels& labels) {
  std::vector<std::size_t> candidates;
  for (std::size_t k = 0; k < labels.names().size(); ++k) {
    if (is_quotable(labels.names()[k])) candidates.push_back(k);
  }
  if (candidates.empty()) return "write them as +1 and -1";
  std::size_t best = candidates.front();
  for (const std::size_t k : candidates) best = is_likelier(labels, k, best) ? k : best;
  return fmt::format("set data.positive = \"{}\", if that is the class that counts as +1",
                     labels.names()[best]);
}

/// The sample's number and the label, of the first label that is `k`.
std::string first_of(const Labels& labels, std::size_t k) {
  const auto& which = labels.which();
  const auto sample = std::find(which.begin(), which.end(), k) - which.begin();
  return fmt::format("label {} is {}", sample, shown(labels.names()[k]));
}

[[noreturn]] void refuse_missing(const Labels& labels, std::size_t k, const std::string& where) {
  const char* missing = labels.names()[k].empty() ? "empty" : ", a missing value";
  throw InputError(where, first_of(labels, k) + missing +
                              "; give every sample a label, or leave the sample out");
}

[[noreturn]] void refuse_many(const Labels& labels, const std::string& where) {
  double number = 0.0;
  const std::string& one = labels.keys().back();
  const bool is_number = parse_number(one, number) == FieldError::none;
  const std::string quoted = is_number ? one : "'" + shown(labels.names().back()) + "'";
  throw InputError(where,
                   fmt::format("the labels have {} values ({}), this network has two classes; keep "
                               "the samples of two, or write y = numpy.where(y == {}, 1, -1); "
                               "classes numbered 0, 1, 2, ... without a gap make it one of as many",
                               labels.names().size(), list_of(labels.names()), quoted));
}

[[noreturn]] void refuse_other(const Labels& labels, std::size_t k, const std::string& where) {
  const auto& names = labels.names();
  const std::string all = names.size() == 1
                              ? fmt::format("all labels are {}", shown(names[0]))
                              : fmt::format("{}; the labels are {} and {}", first_of(labels, k),
                                            shown(names[0]), shown(names[1]));
  throw InputError(where, fmt::format("{}, and must be +1 and -1; {}", all, mend(labels)));
}

[[noreturn]] void refuse_positive(const Labels& labels, const std::string& positive,
                                  const std::string& where) {
  const auto& names = labels.names();
  throw InputError("data.positive",
                   fmt::format("no label of {} is \"{}\"; choose {}", where, printable(positive),
                               names.size() == 2 ? fmt::format("\"{}\" or \"{}\"", shown(names[0]),
                                                               shown(names[1]))
                                                 : fmt::format("\"{}\"", shown(names[0]))));
}

}  // namespace

void Labels::add(double label) {
  const std::string key = key_of(label);
  add(key, key);
}

void Labels::add(std::string_view label) {
  add(key_of(label), label);
}

void Labels::add(const std::string& key, std::string_view name) {
  const auto [entry, is_new] =
      number_of_.try_emplace(key, static_cast<std::uint32_t>(names_.size()));
  if (is_new) {
    keys_.push_back(key);
    names_.emplace_back(name);
  }
  which_.push_back(entry->second);
}

Labels labels_of(std::span<const double> values) {
  Labels labels;
  for (const double value : values) labels.add(value);
  return labels;
}

std::vector<int> numbered_classes(const Labels& labels) {
  constexpr std::size_t most = 100;
  const std::size_t count = labels.keys().size();
  if (count < 3 || count > most) return {};
  std::vector<int> of_keys;  // different whole numbers below `count` are all of them
  for (const std::string& key : labels.keys()) {
    double number = 0.0;
    if (parse_number(key, number) != FieldError::none) return {};
    if (!(number >= 0.0 && number < static_cast<double>(count) && number == std::floor(number))) {
      return {};
    }
    of_keys.push_back(static_cast<int>(number));
  }
  std::vector<int> classes;
  for (const std::uint32_t k : labels.which()) classes.push_back(of_keys[k]);
  return classes;
}

std::vector<int> two_classes(const Labels& labels, const std::string& positive,
                             const std::string& where) {
  const auto& keys = labels.keys();
  for (std::size_t k = 0; k < keys.size(); ++k) {
    if (is_missing(keys[k])) refuse_missing(labels, k, where);
  }
  if (keys.size() > 2) refuse_many(labels, where);
  const std::string plus = positive.empty() ? "1" : key_of(positive);
  bool found = false;
  for (std::size_t k = 0; k < keys.size(); ++k) {
    if (positive.empty() && keys[k] != "1" && keys[k] != "-1") refuse_other(labels, k, where);
    found = found || keys[k] == plus;
  }
  if (!positive.empty() && !found && !keys.empty()) refuse_positive(labels, positive, where);
  std::vector<int> classes;
  classes.reserve(labels.size());
  for (const std::uint32_t k : labels.which()) classes.push_back(keys[k] == plus ? 0 : 1);
  return classes;
}

}  // namespace latetime
