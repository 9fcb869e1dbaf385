#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace latetime {

/// The rows of a text table: lines that are neither empty nor comments (`#` to the end), split into
/// fields. A field may stand in double quotes, which are taken off.
class CsvRows {
 public:
  /// `text` is UTF-8 and outlives this. A first line `sep=;`, as Excel writes it, names the
  /// delimiter.
  CsvRows(std::string_view text, const std::string& where);

  /// Goes to the next row; false at the end. Throws InputError for a quote that is not closed and
  /// for an error value of Excel (`#N/A`), which would pass for a comment.
  bool next();

  /// Of the current row.
  const std::vector<std::string_view>& fields() const { return fields_; }
  std::size_t line() const { return line_; }  ///< number, from 1

  /// Rows are split where the first of these stands in the current row: semicolon, comma, tab,
  /// blanks; at the first row, and anew where this is called, unless the file names its delimiter.
  void detect_delimiter();

 private:
  std::string_view next_line();
  void split();

  std::string_view rest_, row_;
  const std::string& where_;
  std::vector<std::string_view> fields_;
  std::size_t line_ = 0;
  char delimiter_ = '\0';  // '\0': not known yet; ' ' stands for any run of blanks
  bool named_ = false;     // the file names its delimiter
};

}  // namespace latetime
