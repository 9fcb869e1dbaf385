#include "fuzz/array_text.hpp"

#include <cstdlib>
#include <type_traits>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "latetime/base/error.hpp"
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
void add_numbers(ArrayArchive& arrays, const std::string& name, const ArrayShape& shape,
                 const std::string& words) {
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
  arrays.write(name, shape, std::span<const T>(values));
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

void add_line(ArrayArchive& arrays, const std::string& line) {
  const std::size_t colon = line.find(':'), name_end = line.rfind(' ', colon);
  if (colon == std::string::npos || line.size() < 5 || line[1] != ' ' || name_end < 3) return;
  const std::string name = plain_name(line.substr(2, name_end - 2));
  if (name.size() < 2) return;
  const ArrayShape shape = shape_of(line.substr(name_end + 1, colon - name_end - 1));
  const std::string values = line.substr(std::min(colon + 2, line.size()));
  switch (line[0]) {
    case 'd':
      return add_numbers<double>(arrays, name, shape, values);
    case 'i':
      return add_numbers<std::int64_t>(arrays, name, shape, values);
    case 'u':
      return add_numbers<std::uint64_t>(arrays, name, shape, values);
    case 'b':
      return add_numbers<std::uint8_t>(arrays, name, shape, values);
    case 't':
      return arrays.write(name, unescaped(values).front());
    case 'T': {
      const std::vector<std::string> texts =
          values.empty() ? std::vector<std::string>() : unescaped(values);
      return arrays.write(name, std::span<const std::string>(texts));
    }
    default:
      return;
  }
}

}  // namespace

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
    try {
      add_line(arrays, text.substr(at, end - at));
    } catch (const InputError&) {  // the name is taken
    }
    at = end + 1;
  }
  return arrays;
}

}  // namespace latetime::fuzz
