#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "latetime/data/labels.hpp"
#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// A text table whose columns are numbers, except perhaps one of labels.
struct TextTable {
  std::vector<std::string> header;  ///< names of all columns; empty: the table has none
  NumericArray numbers;             ///< rows × (columns but that of the labels)
  Labels labels;                    ///< one a row; empty without a column of labels
};

/// Reads rows of numbers (UTF-8 or UTF-16 text, see `utf8_text`). The delimiter (semicolon, comma,
/// tab, or spaces) is taken from the first row of numbers; `#` starts a comment; empty lines are
/// skipped; fields may be quoted. The first row is a header when none of its entries can be a
/// number, damaged or missing ones included.
///
/// `label_column` names the column of the labels, which may be words: by its header, in which case
/// the first row is one, or by its number, from 1, or from −1 at the end; empty: there is none.
///
/// Throws InputError that names line and column, both from 1, when a field is not a number, a row
/// has another length than the first, or the first row may be a header or not.
TextTable parse_csv_table(std::string_view text, const std::string& where,
                          const std::string& label_column);

/// The same without labels: shape (rows, columns).
NumericArray parse_csv(std::string_view text, const std::string& where);

/// The labels in a text table: of `label_column`, or, when that is empty, of its only column or
/// row. Other columns may hold anything. Where words could be labels or a header, the first of
/// `samples` + 1 rows is a header. Throws InputError as above.
Labels parse_csv_labels(std::string_view text, const std::string& where,
                        const std::string& label_column, std::size_t samples);

/// Whether a column of that name holds labels, by custom ("label", "class", "target").
bool is_label_name(std::string_view name);

}  // namespace latetime
