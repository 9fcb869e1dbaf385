#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace latetime {

/// Shortest decimal text that reads back to exactly the same double ("0.1", "1e-05", "inf", "nan").
std::string shortest(double value);

/// The candidate with the smallest edit distance to `word` (Levenshtein); the first of equals.
/// Empty when there are no candidates.
std::string nearest_name(std::string_view word, std::span<const std::string> candidates);

/// "a, b, c".
std::string join(std::span<const std::string> words, std::string_view separator = ", ");

/// The parts between commas; of an empty text, one empty part.
std::vector<std::string> split_at_commas(std::string_view text);

/// `text` as a string of TOML, in double quotes.
std::string toml_string(const std::string& text);
/// The text of what toml_string() wrote; values of TOML that are no strings stay as they are.
std::string plain_text(const std::string& toml);
/// A TOML value as a finite number, "1e6" of texts too; nothing for others.
std::optional<double> toml_number(const std::string& toml);

bool contains(std::span<const std::string> words, std::string_view word);

}  // namespace latetime
