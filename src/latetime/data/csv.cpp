#include "latetime/data/csv.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// A space stands for any run of blanks.
char detect_delimiter(std::string_view line) {
  for (const char delimiter : {';', ',', '\t'}) {
    if (line.find(delimiter) != std::string_view::npos) return delimiter;
  }
  return ' ';
}

/// Takes the next field off `line`; nullopt after the last one. `line` holds no blanks at its ends.
class Fields {
 public:
  Fields(std::string_view line, char delimiter) : rest_(line), delimiter_(delimiter) {}

  std::optional<std::string_view> next() {
    if (done_) return std::nullopt;
    const std::size_t end =
        delimiter_ == ' ' ? rest_.find_first_of(blanks) : rest_.find(delimiter_);
    const std::string_view field = trim(rest_.substr(0, end));
    if (end == std::string_view::npos) {
      done_ = true;
    } else {
      rest_.remove_prefix(end + 1);
      if (delimiter_ == ' ') rest_ = trim(rest_);
    }
    return field;
  }

 private:
  std::string_view rest_;
  char delimiter_;
  bool done_ = false;
};

enum class FieldError { none, not_a_number, out_of_range };

FieldError parse_number(std::string_view field, double& value) {
  if (field.starts_with('+') && !field.starts_with("+-")) field.remove_prefix(1);
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (error == std::errc::invalid_argument || stop != end) return FieldError::not_a_number;
  return error == std::errc{} ? FieldError::none : FieldError::out_of_range;
}

/// Whether no field is a number, or begins like one: a first row of damaged numbers ("1,5" for 1.5)
/// must not pass for a header.
bool is_header(std::string_view line) {
  Fields fields(line, detect_delimiter(line));
  double value = 0.0;
  while (const auto field = fields.next()) {
    if (parse_number(*field, value) != FieldError::not_a_number) return false;
    const std::size_t first = field->find_first_not_of("+-.");
    if (first != std::string_view::npos && (*field)[first] >= '0' && (*field)[first] <= '9') {
      return false;
    }
  }
  return true;
}

/// Appends the numbers of one line to `values` and returns how many they are.
std::size_t parse_row(std::string_view line, char delimiter, std::size_t line_number,
                      const std::string& where, std::vector<double>& values) {
  Fields fields(line, delimiter);
  std::size_t column = 0;
  while (const auto field = fields.next()) {
    ++column;
    double value = 0.0;
    const FieldError error = parse_number(*field, value);
    if (error == FieldError::out_of_range) {
      throw InputError(where, fmt::format("line {}, column {}: {} is beyond the range of a double; "
                                          "rescale the data",
                                          line_number, column, printable(*field)));
    }
    if (error == FieldError::not_a_number) {
      throw InputError(where,
                       fmt::format("line {}, column {}: {}; give numbers such as -1.5e3, the "
                                   "same count in every row",
                                   line_number, column,
                                   field->empty() ? "the field is empty"
                                                  : "'" + printable(*field) + "' is not a number"));
    }
    values.push_back(value);
  }
  return column;
}

}  // namespace

NumericArray parse_csv(std::string_view text, const std::string& where) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  NumericArray array;
  std::size_t line_number = 0, rows = 0, columns = 0;
  bool header_allowed = true;
  char delimiter = ',';
  while (!text.empty()) {
    ++line_number;
    const std::size_t end = text.find('\n');
    const std::string_view whole = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    const std::string_view line = trim(whole.substr(0, whole.find('#')));
    if (line.empty()) continue;
    if (std::exchange(header_allowed, false) && is_header(line)) continue;
    if (rows == 0) delimiter = detect_delimiter(line);
    const std::size_t count = parse_row(line, delimiter, line_number, where, array.values);
    if (rows == 0) columns = count;
    if (count != columns) {
      throw InputError(where,
                       fmt::format("line {}, column {}: {} numbers in this row, {} in the "
                                   "first; give every row the same count",
                                   line_number, std::min(count, columns) + 1, count, columns));
    }
    ++rows;
  }
  if (rows == 0) throw InputError(where, "holds no row of numbers; give at least one");
  array.shape = {rows, columns};
  return array;
}

}  // namespace latetime
