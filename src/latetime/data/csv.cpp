#include "latetime/data/csv.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/base/text.hpp"
#include "latetime/data/csv_rows.hpp"
#include "latetime/data/field_text.hpp"
#include "latetime/data/file_bytes.hpp"
#include "latetime/data/text_encoding.hpp"

namespace latetime {
namespace {

using Fields = std::vector<std::string_view>;

constexpr std::size_t no_column = static_cast<std::size_t>(-1);

std::string place(std::size_t line, std::size_t column) {
  return fmt::format("line {}, column {}", line, column + 1);
}

[[noreturn]] void refuse_field(const std::string& where, std::size_t line, std::size_t column,
                               const std::string& problem) {
  throw InputError(where, place(line, column) + ": " + problem);
}

/// The number that a configuration's text is; empty when it is a name.
std::optional<long> column_number(const std::string& label_column) {
  int number = 0;
  const char* end = label_column.data() + label_column.size();
  const auto [stop, error] = std::from_chars(label_column.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

std::string list_of(const Fields& names) {
  constexpr std::size_t most_listed = 8;
  std::vector<std::string> listed;
  for (const auto name : names) {
    if (listed.size() == most_listed) break;
    listed.push_back(printable(name));
  }
  if (names.size() > most_listed) listed.emplace_back("...");
  return join(listed);
}

/// Place of the labels, from 0, in a table of which `first` is the first row.
std::size_t find_label_column(const std::string& label_column, const Fields& first,
                              const std::string& where) {
  if (label_column.empty()) return no_column;
  const std::size_t columns = first.size();
  if (const auto number = column_number(label_column)) {
    const std::size_t size = static_cast<std::size_t>(*number < 0 ? -*number : *number);
    if (size == 0 || size > columns) {
      throw InputError("data.label_column",
                       fmt::format("{} is no column of {}, which has {}; columns are numbered from "
                                   "1, -1 is the last",
                                   *number, where, columns));
    }
    return *number > 0 ? size - 1 : columns - size;
  }
  const auto found = std::find(first.begin(), first.end(), label_column);
  if (found == first.end()) {
    throw InputError("data.label_column",
                     fmt::format("the first row of {} has no \"{}\"; choose one of its names ({}), "
                                 "or a column's number, from 1",
                                 where, printable(label_column), list_of(first)));
  }
  if (std::find(found + 1, first.end(), label_column) != first.end()) {
    throw InputError("data.label_column",
                     fmt::format("{} has two columns \"{}\"; give the column's number, from 1",
                                 where, printable(label_column)));
  }
  return static_cast<std::size_t>(found - first.begin());
}

/// 0, 1, 2, …, as pandas names columns that have no names.
bool counts_columns(const Fields& fields, std::size_t labels) {
  constexpr std::size_t fewest = 3;
  std::size_t seen = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i == labels) continue;
    if (fields[i] != std::to_string(seen++)) return false;
  }
  return seen >= fewest;
}

/// pandas writes the numbers of rows into a first column without a name.
[[noreturn]] void refuse_index_column(const std::string& where, std::size_t column) {
  throw InputError(where, fmt::format("column {} has no name in the header, as the numbers of rows "
                                      "that pandas writes; leave it out (to_csv(..., index=False))",
                                      column + 1));
}

/// Whether the first row is a header, judged by its entries other than the labels. Throws
/// InputError when it may be one or not.
bool is_header(const CsvRows& rows, std::size_t labels, const std::string& where) {
  const Fields& fields = rows.fields();
  std::size_t numbers = 0, names = 0, numbered = 0;
  std::optional<std::size_t> doubtful;
  std::set<std::string_view> different;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i == labels) continue;
    const FieldKind kind = kind_of_field(fields[i]);
    if (kind == FieldKind::number) ++numbers;
    if (kind == FieldKind::name) ++names;
    if (kind == FieldKind::numbered_name) ++numbered;
    if (kind == FieldKind::doubtful && !doubtful) doubtful = i;
    different.insert(fields[i]);
  }
  if (fields.size() > 1 && fields[0].empty() && labels != 0 &&
      (names + 1 == fields.size() ||
       counts_columns({fields.begin() + 1, fields.end()}, no_column))) {
    refuse_index_column(where, 0);
  }
  if (numbers > 0) {
    if (!counts_columns(fields, labels)) return false;
    throw InputError(where, fmt::format("line {}: counts 0, 1, 2, ... as a header of pandas does; "
                                        "put # before it, or write 0.0 for 0 if it is a sample",
                                        rows.line()));
  }
  const bool numbered_only = names == 0 && numbered > 0;
  const bool like_pixels = numbered > 1 && different.size() == numbered;
  if (doubtful || (numbered_only && !like_pixels)) {
    const std::size_t column = doubtful.value_or(labels == 0 ? 1 : 0);
    refuse_field(where, rows.line(), column,
                 not_a_number(fields[column]) + "; if this line is a header, put # before it");
  }
  return names + numbered > 0;
}

/// What to do about a word among numbers; its column may be that of the labels.
std::string not_a_number_here(const CsvRows& rows, std::size_t column,
                              const std::vector<std::string>& header) {
  const std::string_view field = rows.fields()[column];
  std::string problem = not_a_number(field);
  if (kind_of_field(field) != FieldKind::name || rows.fields().size() == 1) return problem;
  std::string name = std::to_string(column + 1);
  if (header.size() > column) name = printable(header[column]);
  if (header.empty() && is_label_name(field)) name = printable(field);
  return problem +
         fmt::format("; if this column holds the labels, set data.label_column = \"{}\"", name);
}

/// Appends the numbers of the current row to those of the table.
void append_numbers(const CsvRows& rows, std::size_t labels, const std::string& where,
                    TextTable& table) {
  const Fields& fields = rows.fields();
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i == labels) continue;
    double value = 0.0;
    const FieldError error = parse_number(fields[i], value);
    if (error == FieldError::out_of_range) {
      refuse_field(where, rows.line(), i,
                   printable(fields[i]) + " is beyond the range of a double; rescale the data");
    }
    if (error == FieldError::not_a_number) {
      refuse_field(
          where, rows.line(), i,
          labels == no_column ? not_a_number_here(rows, i, table.header) : not_a_number(fields[i]));
    }
    table.numbers.values.push_back(value);
  }
}

/// Every row has the `columns` of the first row of data, and as many names.
void require_columns(const CsvRows& rows, std::size_t columns, const std::string& where) {
  const std::size_t count = rows.fields().size();
  if (count == columns) return;
  throw InputError(where,
                   fmt::format("{}: {} numbers in this row, {} in the first; give every "
                               "row the same count",
                               place(rows.line(), std::min(count, columns)), count, columns));
}

void require_names(const std::vector<std::string>& header, std::size_t columns,
                   const std::string& where) {
  if (header.empty()) return;
  if (header.size() != columns) {
    throw InputError(where, fmt::format("the header has {} names, the first row of numbers {} "
                                        "entries; give every column a name, or put # before the "
                                        "header",
                                        header.size(), columns));
  }
  const auto unnamed = std::find(header.begin(), header.end(), "");
  if (unnamed == header.end()) return;
  refuse_index_column(where, static_cast<std::size_t>(unnamed - header.begin()));
}

/// The fields of the labels with their lines, and whether the first row is surely a header.
struct LabelFields {
  std::vector<std::string> texts;
  std::size_t first_line = 0;
  bool header_named = false;
};

LabelFields read_label_fields(CsvRows& rows, const std::string& label_column,
                              const std::string& where) {
  if (!rows.next()) throw InputError(where, "holds no labels; give one a sample");
  const Fields first = rows.fields();
  LabelFields read{.texts = {},
                   .first_line = rows.line(),
                   .header_named = !label_column.empty() && !column_number(label_column)};
  if (label_column.empty() && first.size() > 1) {
    for (const auto field : first) read.texts.emplace_back(field);
    if (!rows.next()) return read;
    std::size_t count = 2;
    while (rows.next()) ++count;
    throw InputError(where, fmt::format("has shape ({}, {}); a vector needs one column or one row, "
                                        "or set data.label_column to the column of the labels",
                                        count, first.size()));
  }
  const std::size_t column =
      label_column.empty() ? 0 : find_label_column(label_column, first, where);
  do {
    require_columns(rows, first.size(), where);
    read.texts.emplace_back(rows.fields()[column]);
  } while (rows.next());
  return read;
}

/// Whether the first of the fields is a header. Throws InputError where that is in doubt.
bool starts_with_header(const LabelFields& read, std::size_t samples, const std::string& where) {
  if (read.header_named) return true;
  const auto is_number = [](const std::string& text) {
    return kind_of_field(text) == FieldKind::number;
  };
  const std::string& first = read.texts.front();
  const bool one_too_many = read.texts.size() == samples + 1;
  if (is_number(first)) {
    if (!one_too_many) return false;
    throw InputError(where, fmt::format("{} labels for {} samples; if the first, {}, is a header "
                                        "as pandas writes it, put # before it",
                                        samples + 1, samples, printable(first)));
  }
  const bool others_are_numbers =
      read.texts.size() > 1 && std::all_of(read.texts.begin() + 1, read.texts.end(), is_number);
  if (!one_too_many && !others_are_numbers) return false;
  if (kind_of_field(first) == FieldKind::doubtful) {
    refuse_field(where, read.first_line, 0,
                 not_a_number(first) + "; if this line is a header, put # before it");
  }
  return true;
}

}  // namespace

TextTable parse_csv_table(std::string_view text, const std::string& where,
                          const std::string& label_column) {
  std::string storage;
  CsvRows rows(utf8_text(text, storage, where), where);
  TextTable table;
  std::size_t count = 0, columns = 0;
  bool more = rows.next();
  const std::size_t labels =
      more ? find_label_column(label_column, rows.fields(), where) : no_column;
  const bool named = !label_column.empty() && !column_number(label_column);
  if (more && (named || is_header(rows, labels, where))) {
    table.header.assign(rows.fields().begin(), rows.fields().end());
    more = rows.next();
    if (more) rows.detect_delimiter();
  }
  columns = more ? rows.fields().size() : 0;
  if (more) require_names(table.header, columns, where);
  for (; more; more = rows.next()) {
    require_columns(rows, columns, where);
    append_numbers(rows, labels, where, table);
    if (labels != no_column) table.labels.add(rows.fields()[labels]);
    ++count;
  }
  if (count == 0) throw InputError(where, "holds no row of numbers; give at least one");
  table.numbers.shape = {count, labels == no_column ? columns : columns - 1};
  return table;
}

NumericArray parse_csv(std::string_view text, const std::string& where) {
  return parse_csv_table(text, where, "").numbers;
}

Labels parse_csv_labels(std::string_view text, const std::string& where,
                        const std::string& label_column, std::size_t samples) {
  std::string storage;
  CsvRows rows(utf8_text(text, storage, where), where);
  const LabelFields read = read_label_fields(rows, label_column, where);
  const std::size_t begin = starts_with_header(read, samples, where) ? 1 : 0;
  Labels labels;
  for (std::size_t i = begin; i < read.texts.size(); ++i) {
    labels.add(std::string_view(read.texts[i]));
  }
  return labels;
}

bool is_label_name(std::string_view name) {
  constexpr std::array<std::string_view, 5> names{"label", "labels", "class", "target", "targets"};
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(c < 0x80 ? std::tolower(c) : c); });
  return std::find(names.begin(), names.end(), lower) != names.end();
}

}  // namespace latetime
