#include "fuzz/array_text.hpp"

#include <cstdlib>
#include <optional>
#include <type_traits>
#include <unordered_map>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latetime/base/text.hpp"

namespace latetime::fuzz {
namespace {

constexpr std::size_t most_entries = 3000;

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n') {
      result += "\\n";
    } else if (c == '|' || c == '\\') {
      result += std::string("\\") + c;
    } else {
      result += c;
    }
  }
  return result;
}

/// The parts between bare bars.
std::vector<std::string> unescaped(const std::string& text) {
  std::vector<std::string> parts(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '|') {
      parts.emplace_back();
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      parts.back() += text[i] == 'n' ? '\n' : text[i];
    } else if (text[i] != '\0') {  // ends a text in HDF5
      parts.back() += text[i];
    }
  }
  return parts;
}

/// The number at the start of `word`, 0 where there is none.
template <class T>
T number_of(const char* word) {
  if constexpr (std::is_same_v<T, double>) {
    return std::strtod(word, nullptr);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<T>(std::strtoll(word, nullptr, 10));
  } else {
    return static_cast<T>(std::strtoull(word, nullptr, 10));
  }
}

ArrayShape shape_of(const std::string& text) {
  ArrayShape shape;
  std::size_t count = 1;
  for (std::string rest = text; !rest.empty() && shape.size() < 8;) {
    const std::size_t size = number_of<std::uint64_t>(rest.c_str()) % (most_entries + 1);
    shape.push_back(size * count <= most_entries ? size : 1);
    count *= shape.back();
    const std::size_t cross = rest.find('x');
    rest = cross == std::string::npos ? "" : rest.substr(cross + 1);
  }
  return shape;
}

template <class T>
std::vector<T> numbers_of(const ArrayShape& shape, const std::string& words) {
  std::size_t count = 1;
  for (const std::size_t size : shape) count *= size;
  std::vector<T> values;
  values.reserve(count);
  for (std::size_t at = words.find_first_not_of(' ');
       at != std::string::npos && values.size() < count;
       at = words.find_first_not_of(' ', words.find(' ', at))) {
    values.push_back(number_of<T>(words.c_str() + at));
  }
  const std::size_t known = values.size();
  for (std::size_t i = known; i < count; ++i) {
    values.push_back(known == 0 ? T(0) : values[i - known]);
  }
  return values;
}

/// Names as HDF5 takes them: parts of letters, digits and underscores.
std::string plain_name(const std::string& name) {
  std::string plain;
  for (const char c : "/" + name) {
    const bool slash = c == '/' && (plain.empty() || plain.back() != '/');
    if (slash || std::isalnum(static_cast<unsigned char>(c)) || c == '_') plain += c;
  }
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  return plain;
}

using Entry = ArrayArchive::Entry;

/// What a line says, if anything.
std::optional<Entry> entry_of(const std::string& line) {
  const std::size_t colon = line.find(':'), name_end = line.rfind(' ', colon);
  if (colon == std::string::npos || line.size() < 5 || line[1] != ' ' || name_end < 3) return {};
  const std::string name = plain_name(line.substr(2, name_end - 2));
  if (name.size() < 2) return {};
  const ArrayShape shape = shape_of(line.substr(name_end + 1, colon - name_end - 1));
  const std::string values = line.substr(std::min(colon + 2, line.size()));
  switch (line[0]) {
    case 'd':
      return Entry{name, shape, numbers_of<double>(shape, values)};
    case 'i':
      return Entry{name, shape, numbers_of<std::int64_t>(shape, values)};
    case 'u':
      return Entry{name, shape, numbers_of<std::uint64_t>(shape, values)};
    case 'b':
      return Entry{name, shape, numbers_of<std::uint8_t>(shape, values)};
    case 't':
      return Entry{name, {}, unescaped(values).front()};
    case 'T': {
      std::vector<std::string> texts =
          values.empty() ? std::vector<std::string>() : unescaped(values);
      return Entry{name, {texts.size()}, std::move(texts)};
    }
    default:
      return {};
  }
}

/// The same, remembered: a changed input shares most lines with the one before it.
const std::optional<Entry>& known_entry_of(std::string_view line) {
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  constexpr std::size_t most_lines = 4000;
  static std::unordered_map<std::string, std::optional<Entry>, Hash, std::equal_to<>> known;
  const auto found = known.find(line);
  if (found != known.end()) return found->second;
  if (known.size() >= most_lines) known.clear();
  std::string text(line);
  std::optional<Entry> entry = entry_of(text);
  return known.emplace(std::move(text), std::move(entry)).first->second;
}

}  // namespace

void add(ArrayArchive& arrays, const ArrayArchive::Entry& entry) {
  std::visit(
      [&]<class Values>(const Values& values) {
        if constexpr (std::is_same_v<Values, std::string>) {
          arrays.write(entry.name, values);
        } else if constexpr (std::is_same_v<Values, std::vector<std::string>>) {
          arrays.write(entry.name, std::span<const std::string>(values));
        } else {
          arrays.write(entry.name, entry.shape,
                       std::span<const typename Values::value_type>(values));
        }
      },
      entry.values);
}

std::string text_of_arrays(const ArrayArchive& arrays) {
  std::string text;
  for (const ArrayArchive::Entry& entry : arrays.entries()) {
    const auto line = [&](char type, const std::string& values) {
      text += fmt::format("{} {} {}: {}\n", type, entry.name, fmt::join(entry.shape, "x"), values);
    };
    std::visit(
        [&]<class Values>(const Values& values) {
          if constexpr (std::is_same_v<Values, std::string>) {
            line('t', escaped(values));
          } else if constexpr (std::is_same_v<Values, std::vector<std::string>>) {
            std::vector<std::string> parts;
            for (const auto& part : values) parts.push_back(escaped(part));
            line('T', join(parts, "|"));
          } else if constexpr (std::is_same_v<Values, std::vector<double>>) {
            std::vector<std::string> parts;
            for (const double value : values) parts.push_back(shortest(value));
            line('d', join(parts, " "));
          } else {
            using T = typename Values::value_type;
            line(std::is_same_v<T, std::uint8_t> ? 'b'
                 : std::is_signed_v<T>           ? 'i'
                                                 : 'u',
                 fmt::format("{}", fmt::join(values, " ")));
          }
        },
        entry.values);
  }
  return text;
}

ArrayArchive arrays_of_text(const std::string& text) {
  ArrayArchive arrays;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const auto& entry = known_entry_of(std::string_view(text).substr(at, end - at));
    if (entry && !arrays.exists(entry->name)) add(arrays, *entry);
    at = end + 1;
  }
  return arrays;
}

}  // namespace latetime::fuzz
