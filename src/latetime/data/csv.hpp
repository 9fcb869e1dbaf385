#pragma once

#include <string>
#include <string_view>

#include "latetime/data/numeric_array.hpp"

namespace latetime {

/// Rows of numbers: shape (rows, columns). The delimiter (semicolon, comma, tab, or spaces) is
/// taken from the first row of numbers; `#` starts a comment; empty lines are skipped; the first
/// line may be a header without numbers. Throws InputError that names line and column, both from 1,
/// when a field is not a number or a row has another length than the first.
NumericArray parse_csv(std::string_view text, const std::string& where);

}  // namespace latetime
