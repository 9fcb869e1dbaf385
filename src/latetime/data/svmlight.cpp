#include "latetime/data/svmlight.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/dense_size.hpp"
#include "latetime/data/field_text.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/text_encoding.hpp"

namespace latetime {
namespace {

struct Entry {
  std::size_t sample, index;
  double value;
};

/// Takes the next line that is neither empty nor a comment off `text`; empty at the end.
std::string_view next_line(std::string_view& text, std::size_t& number) {
  while (!text.empty()) {
    const std::string_view whole = take_line(text);
    ++number;
    const std::string_view line = trimmed_field(whole.substr(0, whole.find('#')));
    if (!line.empty()) return line;
  }
  return {};
}

/// Takes the next word off `line`; empty at its end.
std::string_view next_word(std::string_view& line) {
  line = trimmed_field(line);
  const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(end);
  return word;
}

/// "index:value".
struct Feature {
  std::string_view index, value;
};
std::optional<Feature> split_feature(std::string_view word) {
  const std::size_t colon = word.find(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  return Feature{word.substr(0, colon), word.substr(colon + 1)};
}

std::optional<std::size_t> parse_index(std::string_view text) {
  std::size_t index = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (error != std::errc{} || stop != text.data() + text.size()) return std::nullopt;
  return index;
}

class Parser {
 public:
  explicit Parser(const std::string& where) : where_(where) {}

  void read_line(std::string_view line, std::size_t number) {
    const std::string_view label = next_word(line);
    if (split_feature(label)) {
      refuse(number, fmt::format("begins with '{}', without a label; begin every line with one",
                                 printable(label)));
    }
    std::optional<std::size_t> last;
    for (auto word = next_word(line); !word.empty(); word = next_word(line)) {
      const auto feature = split_feature(word);
      if (feature && feature->index == "qid") continue;
      const Entry entry = read_entry(word, feature, number);
      if (last && entry.index <= *last) {
        refuse(number, fmt::format("index {} stands after {}; write indices in ascending order",
                                   entry.index, *last));
      }
      last = entry.index;
      entries_.push_back(entry);
    }
    labels_.add(label);
  }

  SvmlightData finish(std::size_t features) {
    if (labels_.size() == 0) throw InputError(where_, "holds no samples; give at least one");
    const auto smaller = [](const Entry& a, const Entry& b) { return a.index < b.index; };
    const auto [least, greatest] = std::minmax_element(entries_.begin(), entries_.end(), smaller);
    const std::size_t first = least != entries_.end() && least->index == 0 ? 0 : 1;
    const std::size_t found = greatest == entries_.end() ? 0 : greatest->index + 1 - first;
    if (features > 0 && found > features) {
      throw InputError(where_,
                       fmt::format("has features up to {}, data.d = {}; set data.d = {}, or "
                                   "leave it out",
                                   found, features, found));
    }
    const std::size_t d = features > 0 ? features : found;
    require_dense(labels_.size(), d, where_);
    SvmlightData data{.x = {{labels_.size(), d}, std::vector<double>(labels_.size() * d)},
                      .labels = std::move(labels_)};
    for (const Entry& entry : entries_) {
      data.x.values[entry.sample * d + entry.index - first] = entry.value;
    }
    return data;
  }

 private:
  [[noreturn]] void refuse(std::size_t line, const std::string& problem) const {
    throw InputError(where_, fmt::format("line {}: {}", line, problem));
  }

  Entry read_entry(std::string_view word, const std::optional<Feature>& feature,
                   std::size_t line) const {
    const auto index = feature ? parse_index(feature->index) : std::nullopt;
    double value = 0.0;
    if (!index || parse_number(feature->value, value) != FieldError::none) {
      refuse(line,
             fmt::format("'{}' is not index:value; write entries such as 3:-1.5", printable(word)));
    }
    constexpr std::size_t largest = std::size_t{1} << 53;
    if (*index > largest) {
      refuse(line,
             fmt::format("index {} is larger than any data set's; write the file anew", *index));
    }
    return {labels_.size(), *index, value};
  }

  const std::string& where_;
  std::vector<Entry> entries_;
  Labels labels_;
};

}  // namespace

bool looks_like_svmlight(std::string_view text) {
  constexpr int most_rows = 20;  // samples without features tell nothing
  std::string storage;
  try {
    text = utf8_text(text, storage, "");
  } catch (const InputError&) {
    return false;  // no text; whoever reads it says so
  }
  std::size_t number = 0;
  for (int row = 0; row < most_rows; ++row) {
    std::string_view line = next_line(text, number);
    if (line.empty()) return false;
    next_word(line);
    const std::string_view second = next_word(line);
    if (second.empty()) continue;
    const auto feature = split_feature(second);
    return feature && (feature->index == "qid" || parse_index(feature->index));
  }
  return false;
}

SvmlightData parse_svmlight(std::string_view text, const std::string& where, std::size_t features) {
  std::string storage;
  text = utf8_text(text, storage, where);
  Parser parser(where);
  std::size_t number = 0;
  for (auto line = next_line(text, number); !line.empty(); line = next_line(text, number)) {
    parser.read_line(line, number);
  }
  return parser.finish(features);
}

}  // namespace latetime
