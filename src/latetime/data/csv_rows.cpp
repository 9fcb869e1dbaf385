#include "latetime/data/csv_rows.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "latetime/base/error.hpp"
#include "latetime/data/field_text.hpp"
#include "latetime/data/file_bytes.hpp"

namespace latetime {
namespace {

/// Where the comment of a line begins, outside of quotes; npos: nowhere.
std::size_t comment_start(std::string_view line) {
  if (line.find('#') == std::string_view::npos) return std::string_view::npos;
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') quoted = !quoted;
    if (line[i] == '#' && !quoted) return i;
  }
  return std::string_view::npos;
}

bool is_excel_error(std::string_view comment) {
  constexpr std::array<std::string_view, 7> errors{"#N/A",  "#DIV/0!", "#VALUE!", "#REF!",
                                                   "#NUM!", "#NAME?",  "#NULL!"};
  return std::any_of(errors.begin(), errors.end(),
                     [&](std::string_view error) { return comment.starts_with(error); });
}

}  // namespace

CsvRows::CsvRows(std::string_view text, const std::string& where) : rest_(text), where_(where) {
  const std::string_view first = text.substr(0, text.find_first_of("\r\n"));
  if (first.size() == 5 && (first.starts_with("sep=") || first.starts_with("SEP="))) {
    delimiter_ = first[4];
    named_ = true;
    next_line();
  }
}

std::string_view CsvRows::next_line() {
  ++line_;
  return take_line(rest_);
}

bool CsvRows::next() {
  while (!rest_.empty()) {
    const std::string_view line = next_line();
    const std::size_t comment = comment_start(line);
    if (comment != std::string_view::npos && is_excel_error(line.substr(comment))) {
      throw InputError(where_, fmt::format("line {}: '{}' is an error of Excel; give a number, or "
                                           "leave the row out",
                                           line_, printable(line.substr(comment, 7))));
    }
    row_ = trimmed_field(line.substr(0, comment));
    if (row_.empty()) continue;
    if (delimiter_ == '\0') detect_delimiter();
    split();
    return true;
  }
  return false;
}

void CsvRows::detect_delimiter() {
  if (named_) return;
  const char before = delimiter_;
  delimiter_ = ' ';
  for (const char candidate : {';', ',', '\t'}) {
    if (row_.find(candidate) == std::string_view::npos) continue;
    delimiter_ = candidate;
    break;
  }
  if (before != '\0' && before != delimiter_) split();
}

void CsvRows::split() {
  constexpr std::string_view blanks = " \t\r";
  const std::string_view delimiters = delimiter_ == ' ' ? blanks : std::string_view(&delimiter_, 1);
  fields_.clear();
  std::string_view rest = row_;
  while (true) {
    // A tab that delimits is no blank before a field.
    const std::string_view before = delimiter_ == '\t' ? std::string_view(" \r") : blanks;
    rest.remove_prefix(std::min(rest.find_first_not_of(before), rest.size()));
    std::size_t search_from = 0;
    if (rest.starts_with('"')) {
      // A doubled quote inside of quotes stands for one.
      std::size_t close = rest.find('"', 1);
      while (close != std::string_view::npos && rest.substr(close + 1).starts_with('"')) {
        close = rest.find('"', close + 2);
      }
      if (close == std::string_view::npos) {
        throw InputError(where_, fmt::format("line {}, column {}: the quote is not closed on this "
                                             "line; close it",
                                             line_, fields_.size() + 1));
      }
      search_from = close + 1;
    }
    const std::size_t end = rest.find_first_of(delimiters, search_from);
    std::string_view field = trimmed_field(rest.substr(0, end));
    if (search_from == field.size() && search_from >= 2) field = field.substr(1, search_from - 2);
    fields_.push_back(field);
    if (end == std::string_view::npos) return;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace latetime
