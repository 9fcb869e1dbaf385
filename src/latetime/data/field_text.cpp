#include "latetime/data/field_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

constexpr std::string_view typographic_minus = "\xe2\x88\x92";  // U+2212 in UTF-8

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

/// Digits, one comma between them, and perhaps a sign before and an exponent behind.
bool has_decimal_comma(std::string_view field) {
  const std::size_t comma = field.find(',');
  if (comma == std::string_view::npos) return false;
  std::string pointed(field);
  pointed[comma] = '.';
  double value = 0.0;
  return parse_number(pointed, value) != FieldError::not_a_number;
}

/// "5 2": what a comma as delimiter makes of "1,5 2,5".
bool holds_two_numbers(std::string_view field) {
  const std::size_t blank = field.find_first_of(" \t");
  double value = 0.0;
  return blank != std::string_view::npos &&
         parse_number(field.substr(0, blank), value) == FieldError::none &&
         parse_number(trimmed_field(field.substr(blank)), value) == FieldError::none;
}

}  // namespace

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end);
  text.remove_prefix(text.starts_with("\r\n") ? 2 : text.empty() ? 0 : 1);
  return line;
}

std::string_view trimmed_field(std::string_view text) {
  constexpr std::string_view blanks = " \t\r";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

FieldError parse_number(std::string_view field, double& value) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (error == std::errc::invalid_argument || stop != end) {
    const auto word = boolean_word(field);
    if (!word) return FieldError::not_a_number;
    value = *word ? 1.0 : 0.0;
    return FieldError::none;
  }
  return error == std::errc{} ? FieldError::none : FieldError::out_of_range;
}

std::optional<bool> boolean_word(std::string_view field) {
  if (field.size() != 4 && field.size() != 5) return std::nullopt;
  const std::string word = lower(field);
  if (word == "true") return true;
  if (word == "false") return false;
  return std::nullopt;
}

bool is_missing(std::string_view field) {
  constexpr std::array<std::string_view, 9> words{"",     "na", "n/a", "nan", "null",
                                                  "<na>", "?",  "-",   "."};
  return field.size() <= 4 && std::find(words.begin(), words.end(), lower(field)) != words.end();
}

namespace {

/// "Infinity" behind a control character, "inf." and the like: words for numbers among other
/// things.
bool holds_number_word(std::string_view field) {
  const auto is_part = [](char c) { return is_digit(c) || is_letter(c); };
  const auto first = std::find_if(field.begin(), field.end(), is_part);
  const auto last = std::find_if(field.rbegin(), field.rend(), is_part).base();
  double value = 0.0;
  return first < last && parse_number(std::string_view(first, last), value) == FieldError::none;
}

/// Where the first letter or digit stands, behind signs, brackets, control characters, and the
/// blanks of Unicode; the size of the field where there is none.
std::size_t first_letter_or_digit(std::string_view field) {
  constexpr std::string_view no_break_space = "\xc2\xa0", punctuation = "\xe2\x80",
                             more_punctuation = "\xe2\x81", mark = "\xef\xbb\xbf";
  std::size_t at = 0;
  while (at < field.size()) {
    const std::string_view rest = field.substr(at);
    if (rest.starts_with(no_break_space)) {
      at += no_break_space.size();
    } else if (rest.starts_with(punctuation) || rest.starts_with(more_punctuation) ||
               rest.starts_with(mark) || rest.starts_with(typographic_minus)) {
      at += mark.size();
    } else if (is_digit(rest[0]) || is_letter(rest[0]) || rest[0] == '_' ||
               static_cast<unsigned char>(rest[0]) >= 0x80) {
      return at;
    } else {
      ++at;
    }
  }
  return field.size();
}

}  // namespace

FieldKind kind_of_field(std::string_view field) {
  double value = 0.0;
  if (parse_number(field, value) != FieldError::not_a_number) return FieldKind::number;
  if (is_missing(field) || field.starts_with(typographic_minus)) return FieldKind::doubtful;
  if (field.find_first_not_of("+-.,") == std::string_view::npos) return FieldKind::doubtful;
  if (holds_number_word(field)) return FieldKind::doubtful;
  const std::size_t first = first_letter_or_digit(field);
  if (first >= field.size() || !is_digit(field[first])) return FieldKind::name;
  if (first > 0 || field.starts_with("0x")) return FieldKind::doubtful;
  const std::size_t after = field.find_first_not_of("0123456789");
  const bool is_word = after != std::string_view::npos && is_letter(field[after]);
  return is_word ? FieldKind::numbered_name : FieldKind::doubtful;
}

std::string not_a_number(std::string_view field) {
  if (field.empty()) return "the field is empty; give a number, or leave the row out";
  const std::string problem = "'" + printable(field) + "' is not a number";
  if (is_missing(field)) {
    return problem + " (a missing value?); give one, or leave the row out (pandas: dropna)";
  }
  if (field.starts_with(typographic_minus)) {
    return problem + fmt::format(" (its minus sign is U+2212); write -{}",
                                 printable(field.substr(typographic_minus.size())));
  }
  if (has_decimal_comma(field) || holds_two_numbers(field)) {
    return problem + " (decimal commas?); write decimal points, such as 1.5";
  }
  return problem + "; give numbers such as -1.5e3, the same count in every row";
}

}  // namespace latetime
