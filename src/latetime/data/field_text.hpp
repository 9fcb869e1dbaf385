#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace latetime {

/// Takes the first line off `text`; it ends with "\n", "\r\n", or "\r" (old Macs, and Excel's
/// "CSV (Macintosh)").
std::string_view take_line(std::string_view& text);

/// `text` without blanks at its ends.
std::string_view trimmed_field(std::string_view text);

enum class FieldError { none, not_a_number, out_of_range };

/// The number that a whole field of a text file is; true and false, in any case, are 1 and 0.
FieldError parse_number(std::string_view field, double& value);

/// Value of "true" and "false" in any case, which NumPy, pandas, R and Excel write differently.
std::optional<bool> boolean_word(std::string_view field);

/// Whether the field stands for a value that is not known: empty, "NA", "N/A", "nan", "null", "?",
/// "-", in any case.
bool is_missing(std::string_view field);

/// What an entry of the first row of a text file can be.
enum class FieldKind {
  number,
  name,           ///< cannot be a number: its first letter or digit is a letter
  numbered_name,  ///< begins with a digit, but goes on like a word: "1x1", "2nd"
  doubtful,       ///< a damaged number ("1,5", "−1" with U+2212, "12%", "$5"), or a missing one
};
FieldKind kind_of_field(std::string_view field);

/// "'1,5' is not a number (a decimal comma?); write 1.5": why a field is none, and the mend.
std::string not_a_number(std::string_view field);

}  // namespace latetime
